"""The answer of freeBusy.query: merged, clipped busy spans per calendar, in the asked zone."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from gcal_emulator import errors, moments, occurrences
from gcal_emulator.queries import Query
from gcal_emulator.world import Calendar, Event, World

Span = tuple[datetime, datetime]


def answer(world: World, email: str, body: dict[str, Any]) -> dict[str, Any]:
    """Raises GoogleError 400."""
    query = Query({n: [str(body[n])] for n in ("timeMin", "timeMax") if body.get(n)})
    if query.time_min is None or query.time_max is None:
        raise errors.required("Missing time range.")
    for name, limit in (("calendarExpansionMax", 50), ("groupExpansionMax", 100)):
        if not 0 <= int(body.get(name) or 0) <= limit:
            raise errors.invalid("Invalid Value", name)
    if query.time_max - query.time_min > timedelta(days=world.behaviours.freebusy_days_max):
        raise errors.GoogleError(400, "timeRangeTooLong", "The requested time range is too long.")
    zone = ZoneInfo(body.get("timeZone") or "UTC")
    return {
        "kind": "calendar#freeBusy",
        "timeMin": f"{query.time_min:%Y-%m-%dT%H:%M:%S}.000Z",
        "timeMax": f"{query.time_max:%Y-%m-%dT%H:%M:%S}.000Z",
        "calendars": _calendars(world, email, body, (query.time_min, query.time_max), zone),
    }


def _calendars(world: World, email: str, body: dict[str, Any], window: Span, zone: ZoneInfo) -> dict[str, Any]:
    found: dict[str, Any] = {}
    limit = int(body.get("calendarExpansionMax") or 50)
    for number, item in enumerate(body.get("items") or []):
        if not item.get("id"):
            raise errors.required("Missing calendar id.")
        calendar = world.calendars.get(email if item["id"] == "primary" else item["id"])
        if number >= limit:
            found[item["id"]] = _refused("tooManyCalendarsRequested")
        elif calendar is None or calendar.is_deleted or world.role_of(email, calendar) == "none":
            found[item["id"]] = _refused("notFound")
        else:
            spans = _merged(_spans(world, calendar, *window))
            found[item["id"]] = {"busy": [{"start": _text(b, zone), "end": _text(e, zone)} for b, e in spans]}
    return found


def _refused(reason: str) -> dict[str, Any]:
    return {"errors": [{"domain": "global", "reason": reason}], "busy": []}


def _text(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).isoformat().replace("+00:00", "Z")


def _spans(world: World, calendar: Calendar, since: datetime, until: datetime) -> list[Span]:
    spans = []
    for event in list(calendar.events.values()):
        if event.is_exception or event.is_cancelled:
            continue
        for one in occurrences.expanded(world, calendar, event, since, until) if event.is_master else [event]:
            if _is_busy(calendar, one) and occurrences.overlaps(calendar, one, since, until):
                begin = max(moments.instant(one.data["start"], calendar.time_zone), since)
                spans.append((begin, min(moments.instant(one.data["end"], calendar.time_zone), until)))
    return spans


def _is_busy(calendar: Calendar, event: Event) -> bool:
    rows = event.data.get("attendees") or []
    has_declined = any(row["email"] == calendar.id and row["responseStatus"] == "declined" for row in rows)
    return not event.is_cancelled and not has_declined and event.data.get("transparency") != "transparent"


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    return merged
