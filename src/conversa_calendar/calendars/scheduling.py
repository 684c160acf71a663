"""What every scheduling message has in common, whoever is told: what travels to others, and the one rule for SEQUENCE."""

from collections.abc import Sequence

import msgspec

from conversa_calendar.calendars.models import Event
from conversa_calendar.domain import ics
from conversa_calendar.domain.event import Content, Reminders
from conversa_calendar.domain.times import Moment
from conversa_calendar.kit import clock


def entry(
    *,
    uid: str,
    content: Content,
    organizer: tuple[str, str],
    sequence: int,
    method: str,
    original_key: str = "",
    series_start: Moment | None = None,
    overrides: Sequence[tuple[str, Content]] = (),
) -> str:
    """One appointment as iCalendar text for somebody else: without what belongs to the organiser's copy only. A series
    comes with its changed occurrences, by original key; an occurrence by itself with the start of its series."""
    return ics.build(
        uid=uid,
        content=_shared(content),
        organizer=organizer,
        sequence=sequence,
        method=method,
        original_key=original_key,
        series_start=series_start,
        overrides=[(key, _shared(changed)) for key, changed in overrides],
        stamp=clock.now(),
    )


def _shared(content: Content) -> Content:
    return msgspec.structs.replace(content, reminders=Reminders(), color="")


def raised(*known: int, is_first: bool) -> int:
    """The SEQUENCE of the next message about an appointment: above all that its guests may have seen."""
    return max(known) + (0 if is_first else 1)


def raise_event(event: Event, *, is_cancelled: bool) -> None:
    """Stores the SEQUENCE of the next message about an event. An edit has raised it; a cancellation is one step further,
    and an occurrence never stands below its series, whose UID it has."""
    series = event.series.sequence if event.series is not None else 0
    sequence = raised(event.sequence, series, is_first=not is_cancelled)
    if sequence != event.sequence:
        Event.objects.filter(pk=event.pk).update(sequence=sequence)
        event.sequence = sequence
