"""Jobs. They only accelerate: every one can be derived from rows again, and each is safe to run twice."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection as database
from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from conversa_calendar.accounts.models import Account
from conversa_calendar.kit import clock, ids
from conversa_calendar.providers import protocol
from conversa_calendar.sync import checks, running
from conversa_calendar.sync.mirrors import channels, disconnecting, lists, notices
from conversa_calendar.sync.run import budget, jobs, leases, seats
from conversa_calendar.sync.run.budget import Rank
from conversa_calendar.sync.run.jobs import Job
from conversa_calendar.sync.run.seats import Lane, Party
from conversa_calendar.sync.running import Ended

log = logging.getLogger(__name__)
RUN_QUEUE, UPKEEP_QUEUE, BACKFILL_QUEUE = seats.RUNS.name, seats.UPKEEP.name, seats.BACKFILLS.name
AGAIN_MAX = 20
CHECK_LATER_S = 60.0
"""A deep check that finds no thread comes again after about this long."""
FIRST = budget.priority(Rank.EDIT, 0)
DISPATCHED_EVERY = timedelta(minutes=1)


@app.task(queue=RUN_QUEUE, name=Job.RUN_MIRROR)
def run_mirror(mirror_id: int) -> None:
    """Runs a mirror until it wants nothing more; a job that finds the lease taken returns. A long listing is handed over
    to the workers that are there for it."""
    _run(mirror_id, seats.RUNS)


@app.task(queue=BACKFILL_QUEUE)
def backfill(mirror_id: int) -> None:
    """The same for a mirror that has everything to list, apart from the runs that people wait for."""
    _run(mirror_id, seats.BACKFILLS)


def _run(mirror_id: int, lane: Lane) -> None:
    try:
        with _seat(lane, mirror_id) as is_seated:
            if is_seated:  # else whoever has the threads of its Google user or account wakes it
                _run_until_it_rests(mirror_id, may_backfill=lane is seats.BACKFILLS)
    finally:
        database.close_if_unusable_or_obsolete()


def _run_until_it_rests(mirror_id: int, *, may_backfill: bool) -> None:
    for _round in range(AGAIN_MAX):
        ended = running.run(mirror_id, may_backfill=may_backfill)
        if ended is Ended.HANDED_OVER and not _is_waiting(mirror_id):
            backfill.defer(mirror_id=mirror_id)
        if ended is not Ended.AGAIN:
            break
    channels.ensure_open(mirror_id)
    _look_again(mirror_id)


@contextmanager
def _seat(lane: Lane, mirror_id: int) -> Iterator[bool]:
    """Whether a mirror's job has a thread of the lane; afterwards somebody else has it."""
    party = None
    try:
        with seats.seat(lane, mirror_id) as party:
            yield party is not None
    finally:
        if party is not None:
            _wake_passed_over(lane, party)


def _wake_passed_over(lane: Lane, party: Party) -> None:
    """Wakes some of those for whom there was no thread, now that there is one."""
    with transaction.atomic():
        for found in seats.next_waiting(lane, party):
            if lane is seats.BACKFILLS:
                backfill.defer(mirror_id=found.mirror_id)
            else:
                rank = Rank.EDIT if found.has_edits else Rank.NEWS if found.has_news else Rank.TIMER
                jobs.enqueue_run(found.mirror_id, rank)


def _is_waiting(mirror_id: int) -> bool:
    """Whether a long listing of the mirror has its job already, so that none is added every minute."""
    jobs = ProcrastinateJob.objects.filter(queue_name=BACKFILL_QUEUE, status="todo", task_name=backfill.name)
    return bool(jobs.filter(args={"mirror_id": mirror_id}).exists())


@app.task(queue=UPKEEP_QUEUE)
def send_mail(account_id: int) -> None:
    from conversa_calendar.calendars import services

    services.send_mail(account_id)


@app.task(queue=UPKEEP_QUEUE, name=Job.DISCONNECT)
def disconnect(disconnect_id: int, account_id: int) -> None:
    with seats.seat_apart(seats.UPKEEP, account_id, disconnecting.sub(account_id, disconnect_id), "disconnects") as may:
        if may:  # else the dispatcher brings it again
            disconnecting.advance(account_id, disconnect_id)


@app.task(queue=UPKEEP_QUEUE, name=Job.CLOSE_CHANNELS)
def close_channels(mirror_id: int) -> None:
    channels.close(mirror_id)


@app.task(queue=UPKEEP_QUEUE, name=Job.WATCH_LIST)
def watch_list(account_id: int, connection: str) -> None:
    """Opens or renews the channel of a connection's calendar list."""
    lists.ensure_open(account_id, UUID(connection))


@app.task(queue=UPKEEP_QUEUE, name=Job.REREAD_LIST)
def reread_list(account_id: int, connection: str, heard_at: str) -> None:
    """Reads a calendar list that Google says has changed; the daily reading is there for one that could not be read."""
    try:
        lists.reread(account_id, UUID(connection), datetime.fromisoformat(heard_at))
    except protocol.ProviderError as error:
        log.info("connection %s: its list could not be read: %s", connection, error.reason)


@app.task(queue=BACKFILL_QUEUE, name=Job.DEEP_CHECK)
def deep_check(mirror_id: int) -> None:
    with _seat(seats.BACKFILLS, mirror_id) as is_seated:
        if is_seated:
            checks.deep_check(mirror_id)
        else:
            later = timedelta(seconds=ids.jitter(CHECK_LATER_S))
            deep_check.configure(schedule_at=clock.now() + later).defer(mirror_id=mirror_id)


@app.periodic(cron="* * * * *")
@app.task(queue=UPKEEP_QUEUE, queueing_lock="dispatch", priority=FIRST)
def dispatch(timestamp: int) -> None:
    """Every minute: wakes every mirror that is dirty or due, unfinished disconnects, unsent mail, dying channels."""
    enqueue_due()
    for account_id, disconnect_id in disconnecting.unfinished(clock.now()):
        disconnect.defer(disconnect_id=disconnect_id, account_id=account_id)
    channels.find_silent()
    for mirror_id in channels.left_over(clock.now()):
        close_channels.defer(mirror_id=mirror_id)
    for mirror_id in channels.renewable(clock.now()):
        jobs.enqueue_run(mirror_id, Rank.TIMER)
    for account_id, connection_uuid in lists.renewable(clock.now()):
        jobs.enqueue_watch_list(account_id, connection_uuid)
    for account_id in Account.objects.order_by("pk").values_list("pk", flat=True):
        send_mail.defer(account_id=account_id)


@app.periodic(cron="41 * * * *")
@app.task(queue=UPKEEP_QUEUE, queueing_lock="stale")
def tell_stale(timestamp: int) -> None:
    """Every hour: mail about mirrors that nobody could read for hours."""
    notices.tell_stale()


@app.periodic(cron="17 3 * * *")
@app.task(queue=UPKEEP_QUEUE, queueing_lock="nightly")
def nightly(timestamp: int) -> None:
    """Once a day: deep checks that are due, calendar lists, the trash, old history, finished jobs."""
    checks.start_due()
    checks.reread_calendar_lists()
    checks.forget_old_rows()


def _look_again(mirror_id: int) -> None:
    """A wait that ends before the dispatcher's next round is kept to the second."""
    at, now = leases.next_run_at(mirror_id), clock.now()
    if at is not None and now < at < now + DISPATCHED_EVERY:
        run_mirror.configure(schedule_at=at).defer(mirror_id=mirror_id)


def enqueue_due() -> None:
    """A job for every mirror that is dirty or due and that nobody works on."""
    for found in leases.due():
        jobs.enqueue_run(found.mirror_id, Rank.EDIT if found.has_edits else Rank.TIMER, found.turn)
