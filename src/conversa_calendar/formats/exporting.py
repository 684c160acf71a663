"""A calendar as a file, to take elsewhere: everything in it, as whoever asks sees it."""

from collections.abc import Iterator
from uuid import UUID

import msgspec
from django.utils.translation import gettext as _

from conversa_calendar.calendars import access, selectors
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.models import Calendar, Event
from conversa_calendar.domain import published
from conversa_calendar.domain.event import Content
from conversa_calendar.domain.published import Entry


def calendar(viewer: Viewer, uuid: UUID | str) -> str:
    """A calendar's file. Raises NotFound."""
    found, level = selectors.calendar(viewer, uuid)
    return published.calendar(found.name, found.time_zone, entries(viewer, found, level))


def entries(viewer: Viewer, calendar: Calendar, level: str) -> Iterator[Entry]:
    """Every event of a calendar; what the viewer may not read says that somebody is busy."""
    rows = Event.objects.filter(calendar=calendar, deleted_at=None).select_related("author__user")
    overrides: dict[int, list[Event]] = {}
    for row in rows.filter(kind="override").order_by("series_id", "original_key").iterator():
        assert row.series_id is not None
        overrides.setdefault(row.series_id, []).append(row)
    for event in rows.exclude(kind="override").order_by("pk").iterator():
        changed = overrides.get(event.pk, [])
        gone = [one.original_key for one in changed if one.content.status == "cancelled"]
        yield _entry(viewer, event, calendar, level, gone=gone)
        for one in changed:
            if one.original_key not in gone:
                yield _entry(viewer, one, calendar, level, series=event)


def _entry(
    viewer: Viewer,
    event: Event,
    calendar: Calendar,
    level: str,
    *,
    gone: list[str] | None = None,
    series: Event | None = None,
) -> Entry:
    is_masked = access.is_masked(event, calendar, viewer, level)
    content = event.content
    if is_masked:
        when = {"start": content.start, "end": content.end, "recurrence": content.recurrence}
        content = Content(**when, transparency=content.transparency, summary=_("Busy"))  # type: ignore[arg-type]
    organizer = event.facts.organizer
    whole = series or event
    return Entry(
        uid=f"{whole.uuid}@conversa" if access.is_masked(whole, calendar, viewer, level) else whole.uid,
        content=msgspec.structs.replace(content, recurrence=()) if series is not None else content,
        stamp=event.changed_at,
        sequence=event.sequence,
        key=event.original_key if series is not None else "",
        series_start=series.content.start if series is not None else None,
        gone=gone or (),
        has_people=not is_masked and bool(content.attendees),
        organizer=(organizer.email, organizer.name) if organizer is not None else ("", ""),
    )
