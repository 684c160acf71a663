"""Jobs of the feed and of webhooks. A change wakes the account's endpoints within its own transaction."""

from datetime import timedelta

from django.db import connection as database
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from conversa_calendar.accounts import rounds
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import services as calendars
from conversa_calendar.kit import clock, ids
from conversa_calendar.sync.run import seats
from conversa_calendar.webhooks import acts, delivering, leases, sight
from conversa_calendar.webhooks.models import WAITING, Delivery, Endpoint

KEPT = timedelta(days=30)
"""How long the log says what became of a message."""
UNDELIVERED_KEPT = timedelta(days=60)
NO_SEAT_S = 2.0
SOON = timedelta(minutes=1)


@app.task(queue=seats.WEBHOOKS.name, name="conversa_calendar.webhooks.tasks.deliver")
def deliver(account_id: int, endpoint_id: int) -> None:
    """Delivers what is due to an endpoint; a job that finds another at work returns."""
    claims: seats.Claims = {("account", account_id): seats.OF_ACCOUNT}
    since_s = seats.WEBHOOKS.take_seat(claims)
    if since_s is None:
        if not _is_waiting(endpoint_id):  # each change has brought one: they must not go round and round together
            again = deliver.configure(schedule_at=clock.now() + timedelta(seconds=ids.jitter(NO_SEAT_S)))
            again.defer(account_id=account_id, endpoint_id=endpoint_id)
        return
    try:
        again_at = delivering.deliver(endpoint_id)
    finally:
        seats.WEBHOOKS.free_seat(claims, since_s)
        database.close_if_unusable_or_obsolete()
    calendars.send_mail(account_id)
    if again_at is not None and again_at < clock.now() + SOON:
        deliver.configure(schedule_at=again_at).defer(account_id=account_id, endpoint_id=endpoint_id)


def _is_waiting(endpoint_id: int) -> bool:
    """Whether another job of an endpoint will run."""
    jobs = ProcrastinateJob.objects.filter(queue_name=seats.WEBHOOKS.name, status="todo")
    return bool(jobs.filter(args__endpoint_id=endpoint_id).exists())


@app.periodic(cron="* * * * *")
@app.task(queue="upkeep", queueing_lock="webhooks")
def wake_due(timestamp: int) -> None:
    """Every minute: endpoints whose messages rested long enough, or whose worker died."""
    for account_id, endpoint_id in leases.due():
        deliver.defer(account_id=account_id, endpoint_id=endpoint_id)


@app.periodic(cron="23 4 * * *")
@app.task(queue="upkeep", queueing_lock="forget_feed")
def forget_old(timestamp: int) -> None:
    """Once a day: what no reader can come back to, and old entries of the log. Quiet endpoints read on."""
    rounds.for_each_account(_forget_old)


def _forget_old(account_id: int) -> None:
    with tenant(account_id):
        sight.forget_old()
        now = clock.now()
        Delivery.objects.exclude(state=WAITING).filter(ended_at__lt=now - KEPT).delete()
        Delivery.objects.filter(created_at__lt=now - UNDELIVERED_KEPT, endpoint__is_on=False).delete()
        for found in Endpoint.objects.filter(is_on=True):
            acts.wake(found)  # a cursor of which nothing is read for long would expire though nothing was missed
