"""Calendars of which only free/busy may be seen: a rolling window of busy blocks, replaced as a whole, without links."""

from datetime import timedelta

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import editing
from conversa_calendar.calendars.models import BUSY_BLOCK, Calendar, Event, Occurrence
from conversa_calendar.domain import times
from conversa_calendar.domain.event import Content
from conversa_calendar.domain.vocabulary import SyncState
from conversa_calendar.kit import clock
from conversa_calendar.sync.models import Mirror
from conversa_calendar.sync.run import leases
from conversa_calendar.sync.run.session import Session

CHUNK = timedelta(days=60)
CHUNKS = 7


def refresh(session: Session) -> None:
    """Asks for the busy time of the coming year, two months a call, and makes the blocks here equal to it."""
    now = clock.now().replace(minute=0, second=0, microsecond=0)
    blocks: set[tuple[object, object]] = set()
    for number in range(CHUNKS):
        since = now + CHUNK * (number - 1)
        found = session.provider.free_busy(session.mirror.remote_id, since, since + CHUNK)
        blocks |= {(block.starts_at, block.ends_at) for block in found}
    with tenant(session.account_id):
        leases.confirm(session.lease)
        own = Occurrence.objects.filter(event__calendar=session.calendar).exclude(event__event_type=BUSY_BLOCK)
        blocks -= set(own.values_list("starts_at", "ends_at"))  # made here, and shown as what it is
        rows = Event.objects.filter(calendar=session.calendar, event_type=BUSY_BLOCK)
        known = {(event.starts_at, event.ends_at): event for event in rows}
        gone = [event.pk for span, event in known.items() if span not in blocks]
        Occurrence.objects.filter(event__in=gone).delete()
        Event.objects.filter(pk__in=gone).delete()
        for starts_at, ends_at in sorted(blocks - known.keys(), key=str):
            zone = session.calendar.time_zone
            content = Content(start=times.timed(starts_at, zone), end=times.timed(ends_at, zone))  # type: ignore[arg-type]
            event = Event(
                calendar=session.calendar, event_type=BUSY_BLOCK, is_private=True, sync_state=SyncState.SYNCED
            )
            editing.store(event, session.calendar, content)
            Event.objects.filter(pk=event.pk).update(is_private=True)
        Mirror.objects.filter(pk=session.mirror.pk).update(
            first_synced_at=session.mirror.first_synced_at or clock.now(), listing=""
        )
        session.mirror.first_synced_at = session.mirror.first_synced_at or clock.now()


def remove(calendar: Calendar) -> None:
    """Takes every block off a calendar."""
    rows = Event.objects.filter(calendar=calendar, event_type=BUSY_BLOCK)
    Occurrence.objects.filter(event__in=rows).delete()
    rows.delete()
