"""Occurrences: the spans that an event really takes, derived from its content."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import msgspec

from conversa_calendar.calendars.models import LONG_SPAN, Event, Occurrence
from conversa_calendar.domain import recurrence, times
from conversa_calendar.domain.event import Content
from conversa_calendar.domain.times import Day, Moment, Timed
from conversa_calendar.kit import clock

BACK = timedelta(days=366)
AHEAD = timedelta(days=731)
NEAR = timedelta(days=31), timedelta(days=120)
"""Of a series with more occurrences than can be kept, those from so long ago to so long ahead."""


class Span(msgspec.Struct, frozen=True, gc=False):
    """One occurrence; dates are set for all-day events only."""

    original_key: str
    starts_at: datetime
    ends_at: datetime
    start_date: date | None
    end_date: date | None
    is_busy: bool

    @property
    def is_long(self) -> bool:
        return self.ends_at - self.starts_at > LONG_SPAN


def spans(content: Content, kind: str, zone: str, overridden: frozenset[str], now: datetime) -> Iterator[Span]:
    """The spans of an event: one for a single or an override, none for a cancelled one, and for a series every
    occurrence from a year back to two years ahead that no override stands for."""
    if content.status == "cancelled":
        return
    if kind != "series":
        yield _span(content, content.start, content.end, "", zone)
        return
    yield from series_spans(content, zone, overridden, *window(content, now))


def window(content: Content, now: datetime) -> tuple[datetime, datetime]:
    """The time of which a series' occurrences are kept as rows."""
    since, until = now - BACK, now + AHEAD
    if not recurrence.is_crowded(content.recurrence):
        return since, until
    starts = recurrence.civil_starts(
        content.start, content.recurrence, _civil(content.start, since), _civil(content.start, until)
    )
    return (now - NEAR[0], now + NEAR[1]) if len(starts) >= recurrence.OCCURRENCES_MAX else (since, until)


def series_spans(
    content: Content, zone: str, overridden: frozenset[str], since: datetime, until: datetime
) -> Iterator[Span]:
    """The spans of a series that begin within [since, until), overridden occurrences left out."""
    length = times.duration(content.start, content.end)
    civil_since, civil_until = _civil(content.start, since), _civil(content.start, until)
    is_busy = content.is_busy
    if isinstance(content.start, Day):
        for start in recurrence.expand(content.start, content.recurrence, civil_since, civil_until):
            key = times.original_key(start)
            if key not in overridden:
                yield _span(content, start, times.shift(start, length), key, zone)
        return
    for key, at, ends in timed_spans(content, overridden, since, until):
        yield Span(key, at, ends, None, None, is_busy)


def timed_spans(
    content: Content, overridden: frozenset[str], since: datetime, until: datetime
) -> Iterator[tuple[str, datetime, datetime]]:
    """Key, start and end of each occurrence of a timed series that begins within [since, until), overridden ones left
    out."""
    length, own = times.duration(content.start, content.end), _own_lengths(content)
    start = content.start
    assert isinstance(start, Timed)
    zone = times.zone_of(start.zone)
    for local in recurrence.civil_starts(start, content.recurrence, _civil(start, since), _civil(start, until)):
        at = local.replace(tzinfo=zone).astimezone(UTC)
        key = times.key_of_instant(at)
        if key not in overridden:
            yield key, at, at + own.get(local, length)


def occurrence_content(master: Content, key: str) -> Content:
    """A master's content at one occurrence, without its rules. Raises ValueError when the rules do not yield it."""
    if not recurrence.is_occurrence(master.start, master.recurrence, times.moment_of_key(key, master.start)):
        raise ValueError("This series has no occurrence at that time.")
    return content_at(master, key)


def content_at(master: Content, key: str) -> Content:
    """The same for a key that was read from an occurrence's row, which is not looked up in the rules once more."""
    start = times.moment_of_key(key, master.start)
    length = _own_lengths(master).get(times.civil(start), times.duration(master.start, master.end))
    return msgspec.structs.replace(master, start=start, end=times.shift(start, length), recurrence=())


def key_within(master: Content, key: str) -> str:
    """The key by which a series itself names an occurrence that came as a date for a series of times, or as a time for one
    of days: the one of that day."""
    if isinstance(master.start, Day) or "T" in key:
        return key[:8] if isinstance(master.start, Day) else key
    day = times.midnight(times.day_of_key(key))
    found = recurrence.expand(master.start, master.recurrence, day, day + timedelta(days=1))
    return next((times.original_key(at) for at in found), key)


def rebuild(event: Event, zone: str) -> None:
    """Replaces an event's occurrence rows by what its content says now."""
    Occurrence.objects.filter(event=event).delete()
    if event.deleted_at is not None:
        return
    overridden: frozenset[str] = frozenset()
    if event.is_series:
        keys = Event.objects.filter(series=event, deleted_at=None).values_list("original_key", flat=True)
        overridden = frozenset(keys)
    Occurrence.objects.bulk_create(
        [row(event, span) for span in spans(event.content, event.kind, zone, overridden, clock.now())], batch_size=1000
    )


def row(event: Event, span: Span) -> Occurrence:
    return Occurrence(
        account_id=event.account_id,
        calendar_id=event.calendar_id,
        event_id=event.pk,
        original_key=span.original_key,
        starts_at=span.starts_at,
        ends_at=span.ends_at,
        start_date=span.start_date,
        end_date=span.end_date,
        is_busy=span.is_busy,
        is_long=span.is_long,
    )


def bounds(content: Content, zone: str) -> tuple[datetime, datetime]:
    """When an event (for a series: its first occurrence) begins and ends."""
    return times.instant(content.start, zone), times.instant(content.end, zone)


def _span(content: Content, start: Moment, end: Moment, key: str, zone: str) -> Span:
    is_day = isinstance(start, Day)
    return Span(
        original_key=key,
        starts_at=times.instant(start, zone),
        ends_at=times.instant(end, zone),
        start_date=start.date if isinstance(start, Day) else None,
        end_date=end.date if isinstance(end, Day) and is_day else None,
        is_busy=content.is_busy,
    )


def _own_lengths(content: Content) -> dict[datetime, timedelta]:
    """The lengths of those occurrences that bring their own; almost no series has any."""
    if not any("/" in line for line in content.recurrence):
        return {}
    return recurrence.lengths(content.start, content.recurrence)


def _civil(like: Moment, at: datetime) -> datetime:
    zone = "UTC" if isinstance(like, Day) else like.zone
    return at.astimezone(times.zone_of(zone)).replace(tzinfo=None)
