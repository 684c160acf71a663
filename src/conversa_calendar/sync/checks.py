"""The deep check: everything is listed, every link compared by content, what differs repaired, a report left.

It runs weekly, after every dead cursor, and on demand. It uses the pull's own full listing, so what it repairs it
repairs by the same rules; the report counts what was found.
"""

from datetime import datetime, timedelta

from django.db.models import F, Q

from conversa_calendar.accounts import rounds
from conversa_calendar.accounts.models import Account
from conversa_calendar.accounts.tenancy import in_tenant, tenant
from conversa_calendar.calendars import changes, history
from conversa_calendar.calendars.models import (
    HISTORY_DAYS,
    NOBODYS_DELETIONS,
    NOT_TAKEN,
    TRASH_DAYS,
    Event,
    History,
    Occurrence,
)
from conversa_calendar.connections import discovery
from conversa_calendar.connections.models import ACTIVE, Connection
from conversa_calendar.domain.event import changed_units
from conversa_calendar.domain.vocabulary import ChannelState, Side, SyncState
from conversa_calendar.kit import clock, ids
from conversa_calendar.providers import protocol
from conversa_calendar.sync import running
from conversa_calendar.sync.links import linking
from conversa_calendar.sync.models import DeepCheck, Link, Mirror, MirrorRun, PushChannel
from conversa_calendar.sync.pull import comparing
from conversa_calendar.sync.run import halting, jobs, triggers

EVERY_S = 7 * 24 * 3600.0
REPORTS_KEPT = timedelta(days=90)
CHANNELS_KEPT = timedelta(days=14)
RUNS_MAX = 10
GOES_ON_S = 600.0
"""So soon a comparison goes on that stopped in the middle."""


def deep_check(mirror_id: int) -> DeepCheck | None:
    """Lists everything of one mirror and proves both sides equal; answers the report, None when it cannot run."""
    neutral = MirrorRun.objects.filter(mirror_id=mirror_id).first()
    if neutral is None:
        return None
    started_at = clock.now()
    report = in_tenant(neutral.account_id, lambda: _begin(mirror_id, started_at, is_active=neutral.is_active))
    if report is None:
        return None
    _settle(mirror_id)
    is_compared = comparing.compare(neutral.account_id, mirror_id, report.pk, lambda: _settle_soon(mirror_id))
    return in_tenant(neutral.account_id, lambda: _conclude(mirror_id, report.pk, is_compared=is_compared))


def _settle(mirror_id: int) -> None:
    for _round in range(RUNS_MAX):
        if not running.run(mirror_id):
            break


def _settle_soon(mirror_id: int) -> None:
    """Brings in what changed at the provider meanwhile."""
    triggers.request_runs([mirror_id], is_pull=True)
    _settle(mirror_id)


def _begin(mirror_id: int, started_at: datetime, *, is_active: bool) -> DeepCheck | None:
    """An open report of a mirror that lists everything next; None when it cannot run."""
    mirror = Mirror.objects.select_related("calendar").get(pk=mirror_id)
    if mirror.first_synced_at is None or not is_active:
        return None
    stopped = comparing.resumable(mirror)
    report = DeepCheck(mirror=mirror, started_at=started_at)
    if stopped is not None:  # it goes on where it was
        report.compared_until, report.compared = stopped.compared_until, stopped.compared
        report.differing, report.differences = stopped.differing, stopped.differences
    report.save(force_insert=True)
    if stopped is None:
        Mirror.objects.filter(pk=mirror_id).update(cursor="", listing="", page="")
    triggers.request_runs([mirror_id], is_pull=True)
    return report


def _conclude(mirror_id: int, report_id: int, *, is_compared: bool) -> DeepCheck:
    """The report, with what was found. Both sides are proven equal when nothing waits and people see the same on both for
    a year; a comparison that stopped in the middle goes on soon."""
    mirror, report = Mirror.objects.select_related("calendar").get(pk=mirror_id), DeepCheck.objects.get(pk=report_id)
    _report(mirror, report)
    pause_s = ids.jitter(EVERY_S) if is_compared else GOES_ON_S
    values: dict[str, object] = {"next_deep_at": clock.now() + timedelta(seconds=pause_s)}
    if mirror.cursor != "" and report.waiting == 0 and is_compared and report.differing == 0:
        values["last_proven_at"] = report.started_at
    Mirror.objects.filter(pk=mirror_id).update(**values)
    if not is_compared:
        jobs.enqueue_deep_check(mirror_id, after_s=GOES_ON_S)
    history.refresh_pages("connections")
    return report


def start_due() -> None:
    """Runs the deep checks whose time has come."""
    now = clock.now()
    for neutral in MirrorRun.objects.filter(is_active=True).order_by("mirror_id"):
        with tenant(neutral.account_id):
            mirror = Mirror.objects.filter(pk=neutral.mirror_id).first()
            is_due = mirror is not None and (mirror.next_deep_at is None or mirror.next_deep_at <= now)
            Mirror.objects.filter(pk=neutral.mirror_id).update(full_lists_today=0)
        if is_due:
            jobs.enqueue_deep_check(neutral.mirror_id)


def recheck_everything() -> int:
    """After a restored backup: what runs and channels remember is older than the truth, so leases end, channels are opened
    anew, and every mirror is compared with Google as a whole. Answers how many."""
    MirrorRun.objects.update(leased_until=None, next_attempt_at=None, next_check_at=None, fence=F("fence") + 1)
    PushChannel.objects.filter(state__in=[ChannelState.LIVE, ChannelState.OPENING]).update(state=ChannelState.STOPPED)
    found = list(MirrorRun.objects.filter(is_active=True).order_by("mirror_id"))
    for neutral in found:
        with tenant(neutral.account_id):
            Mirror.objects.filter(pk=neutral.mirror_id).update(cursor="", listing="", page="", next_deep_at=clock.now())
        jobs.enqueue_deep_check(neutral.mirror_id)
    return len(found)


def reread_calendar_lists() -> None:
    """Reads every connection's calendar list again; an unused grant is exercised by it."""
    if halting.is_halted():
        return
    usable = Account.objects.filter(is_suspended=False).order_by("pk").values_list("pk", flat=True)
    rounds.for_each_account(_reread_calendar_lists, list(usable))


def _reread_calendar_lists(account_id: int) -> None:
    with tenant(account_id):
        usable = Connection.objects.filter(state=ACTIVE).exclude(owner__is_suspended=True)
        chosen = list(usable.order_by("pk").values_list("pk", flat=True))
    for connection_id in chosen:
        try:
            discovery.refresh(account_id, connection_id)
        except protocol.ProviderError:
            continue


def forget_old_rows() -> None:
    """Empties the trash after thirty days, history after 400, the change feed after sixty, reports after 90, and drops
    channels that ended long ago."""
    rounds.for_each_account(_forget_old_rows)
    now = clock.now()
    ended = Q(state=ChannelState.STOPPED) | Q(expires_at__lt=now) | Q(state=ChannelState.OPENING)
    PushChannel.objects.filter(ended, created_at__lt=now - CHANNELS_KEPT).delete()


def _forget_old_rows(account_id: int) -> None:
    now = clock.now()
    with tenant(account_id):
        is_over = Q(is_unsettled=False) | Q(calendar__is_mirrored=False)
        old = Event.objects.filter(is_over, deleted_at__lt=now - timedelta(days=TRASH_DAYS))
        gone = list(old.exclude(links__is_held=True).values_list("pk", flat=True)[:5000])
        Occurrence.objects.filter(event__in=gone).delete()
        Link.objects.filter(event__in=gone).update(event=None)
        Event.objects.filter(pk__in=gone).delete()
        History.objects.filter(at__lt=now - timedelta(days=HISTORY_DAYS)).delete()
        changes.forget_old()
        DeepCheck.objects.filter(started_at__lt=now - REPORTS_KEPT).delete()


def _report(mirror: Mirror, report: DeepCheck) -> None:
    """Compares every link's base with the event here and counts. What is not here by nobody's wish, as what was put
    aside for busy blocks, is no part of the calendar just now."""
    links = Link.objects.filter(mirror=mirror, tombstoned_at=None).exclude(event=None).select_related("event")
    for link in links.exclude(event__deleted_by__in=NOBODYS_DELETIONS).iterator(chunk_size=2000):
        event = link.event
        assert event is not None
        report.checked += 1
        if event.sync_state in NOT_TAKEN:
            report.refused += 1
        elif event.is_unsettled or link.is_held or link.intent:
            report.waiting += 1
        elif _is_equal(link, event):
            report.equal += 1
        else:
            report.repaired = [*report.repaired, {"event": str(event.uuid), "kind": "different"}]
            standing = Event.objects.filter(pk=event.pk).exclude(deleted_by__in=NOBODYS_DELETIONS)
            standing.update(is_unsettled=True, sync_state=SyncState.PENDING)
    changed = History.objects.filter(event__calendar=mirror.calendar, side=Side.REMOTE, at__gte=report.started_at)
    for entry in changed.select_related("event")[:1000]:
        kind = {"deleted": "extra here", "edited": "different", "restored": "missing here"}.get(
            entry.cause, entry.cause
        )
        report.repaired = [*report.repaired, {"event": str(entry.event.uuid), "kind": kind}]
    arrived = Link.objects.filter(
        mirror=mirror, is_ours=False, tombstoned_at=None, event__created_at__gte=report.started_at
    )
    for uuid in arrived.values_list("event__uuid", flat=True)[:1000]:
        report.repaired = [*report.repaired, {"event": str(uuid), "kind": "missing here"}]
    report.finished_at = clock.now()
    report.save(update_fields=["checked", "equal", "refused", "waiting", "repaired", "finished_at"])


def _is_equal(link: Link, event: Event) -> bool:
    base = linking.base_of(link)
    if base is None:
        return event.is_cancelled_occurrence or event.deleted_at is not None
    return not changed_units(base, event.content)
