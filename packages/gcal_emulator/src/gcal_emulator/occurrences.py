"""The occurrences of stored events: series expanded with their changed occurrences, and what windows and filters take."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from gcal_emulator import finding, moments
from gcal_emulator.queries import Query
from gcal_emulator.world import Calendar, Event, World

_HORIZON = timedelta(days=730)
_TITLES = {
    "outOfOffice": "out of office",
    "focusTime": "focus time",
    "homeOffice": "home",
    "officeLocation": "office",
}
"""What Google shows, and finds, for events and places that have no title of their own."""


def horizon(world: World, since: datetime | None) -> datetime:
    """Where an open window of endless series ends: two years from now, or from its own beginning."""
    now = world.clock.now().astimezone(UTC)
    return min(max(now, since or now) + _HORIZON, datetime(moments.LAST_YEAR, 12, 31, tzinfo=UTC))


def expanded(
    world: World, calendar: Calendar, master: Event, since: datetime | None, until: datetime | None
) -> Iterator[Event]:
    """Every occurrence of a series in order: exceptions where there are some, else instances of the rule."""
    if not master.is_master:
        return
    changed = {
        moments.suffix(event.data["originalStartTime"]): event
        for event in calendar.family_of(master)
        if event.data.get("recurringEventId") == master.id
    }
    early, late = _originals_of(master, since, until)
    lines, skipped = master.data["recurrence"], world.behaviours.skipped_hour
    for original in moments.expand(master.data["start"], lines, early, late, skipped, horizon(world, since)):
        exception = changed.pop(moments.suffix(original), None)
        yield exception or finding.instance(world, master, original)
    for exception in changed.values():
        if not exception.is_stub and overlaps(calendar, exception, since, until):
            yield exception


def _originals_of(master: Event, since: datetime | None, until: datetime | None) -> tuple[Any, Any]:
    """Between which starts lies what overlaps a window; days have some to spare, since they begin at midnight of the
    calendar's zone."""
    spare = timedelta(days=1 if "date" in master.data["start"] else 0)
    length = moments.instant(master.data["end"]) - moments.instant(master.data["start"])
    return (since - length - spare if since else None), (until + spare if until else None)


def overlaps(calendar: Calendar, event: Event, since: datetime | None, until: datetime | None) -> bool:
    """Whether an event ends after the beginning of a window and starts before its end."""
    starts = moments.instant(event.data["start"], calendar.time_zone)
    ends = moments.instant(event.data["end"], calendar.time_zone)
    return (since is None or ends > since) and (until is None or starts < until)


def matches(world: World, calendar: Calendar, event: Event, query: Query) -> bool:
    """Whether an event, living or cancelled, is one that a list's filters ask for."""
    data = event.data
    if query.updated_min and event.updated_us < query.updated_min.timestamp() * 1e6:
        return False
    if query.one("iCalUID") and data["iCalUID"] != query.one("iCalUID"):
        return False
    if query.words:
        text = _searched(data)
        if not all(word in text for word in query.words):
            return False
    for kind in ("private", "shared"):
        held = (data.get("extendedProperties") or {}).get(kind) or {}
        pairs = [pair.partition("=") for pair in query.values.get(f"{kind}ExtendedProperty", [])]
        wants = any if world.behaviours.property_filter == "any" else all
        if pairs and not wants(held.get(name) == value for name, _, value in pairs):
            return False
    if event.is_master and (query.time_min or query.time_max):
        return any(
            overlaps(calendar, one, query.time_min, query.time_max)
            for one in expanded(world, calendar, event, query.time_min, query.time_max)
        )
    return overlaps(calendar, event, query.time_min, query.time_max)


def _searched(data: dict[str, Any]) -> str:
    """Everything of an event that a free text search looks at, in lower case."""
    people = [*(data.get("attendees") or []), data.get("organizer") or {}]
    place = data.get("workingLocationProperties") or {}
    office, custom = place.get("officeLocation") or {}, place.get("customLocation") or {}
    words = [data.get(name) or "" for name in ("summary", "description", "location")]
    words += [person.get(name) or "" for person in people for name in ("displayName", "email")]
    words += [office.get(name) or "" for name in ("buildingId", "deskId", "floorId", "label")]
    words += [
        custom.get("label") or "",
        _TITLES.get(data.get("eventType", ""), ""),
        _TITLES.get(place.get("type") or "", ""),
    ]
    return " ".join(words).lower()
