"""What Google's own page does with a series and the API has no call for: this and following, all events, a copy."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from gcal_emulator import bodies, events, moments
from gcal_emulator.world import World


def split_series(world: World, calendar_id: str, event_id: str, original_start: str, changes: dict[str, Any]) -> str:
    """ "This and following" as Google's own page does it: `_R` id when the time is unchanged and the id is free, else a
    fresh one. At the first occurrence it is an edit of all."""
    calendar = world.calendars[calendar_id]
    master = calendar.events[event_id]
    at = datetime.fromisoformat(original_start)
    is_date = "date" in master.data["start"]
    original = (
        {"date": original_start}
        if is_date
        else {"at": at.astimezone(UTC).isoformat(), "zone": master.data["start"]["zone"]}
    )
    if not moments.is_instance(
        master.data["start"], master.data["recurrence"], original, world.behaviours.skipped_hour
    ):
        raise KeyError("original_start")
    if moments.instant(original) == moments.instant(master.data["start"]):
        edit_all(world, calendar_id, event_id, changes)
        return event_id
    tail = wire(master, calendar) | {"start": None, "end": None}
    length = moments.instant(master.data["end"]) - moments.instant(master.data["start"])
    zone = master.data["start"].get("zone") or calendar.time_zone
    tail["start"] = moments.render(original, zone)
    tail["end"] = moments.render(moments.shift(original, length), zone)
    is_retimed = "start" in changes
    tail["recurrence"] = [_remaining(line, master, original) for line in master.data["recurrence"]]
    tail |= changes
    until = until_before(master.data["start"], master.data["recurrence"], original)
    lines = [trimmed(line, until) for line in master.data["recurrence"]]
    params = bodies.Params()
    events.patch(world, calendar, calendar.owner, event_id, {"recurrence": lines}, params)
    created = events.insert(world, calendar, calendar.owner, tail, params)
    created.data["sequence"] = master.data.get("sequence", 0)
    name = f"{event_id}_R{moments.suffix(original).rstrip('Z')}"
    if not is_retimed and name not in calendar.events:
        _rename(world, calendar, created.id, name, event_id)
        return name
    created.created_us = master.created_us
    created.data["sequence"] = 1
    created.encoded.clear()
    return created.id


def edit_all(
    world: World, calendar_id: str, event_id: str, changes: dict[str, Any], params: bodies.Params | None = None
) -> None:
    """ "All events" as Google's own page does it: the series, its continuations, and the exceptions' same fields."""
    calendar = world.calendars[calendar_id]
    master = calendar.events[event_id]
    policy, world.behaviours.master_edit = world.behaviours.master_edit, "overwrite"
    try:
        for member in calendar.family_of(master):
            is_linked = member.is_master and not member.is_cancelled and member is not master
            kept = (
                {n: v for n, v in changes.items() if n not in {"start", "end", "recurrence"}} if is_linked else changes
            )
            if member is master or (is_linked and kept):
                events.patch(world, calendar, calendar.owner, member.id, kept, params or bodies.Params())
    finally:
        world.behaviours.master_edit = policy


def _remaining(line: str, master: Any, original: moments.When) -> str:
    """A rule's line with COUNT reduced to what is left from an occurrence on."""
    if "COUNT=" not in line.upper():
        return line
    gone = sum(1 for _ in moments.expand(master.data["start"], [line], None, moments.instant(original)))
    parts = line.split(";")
    kept = [f"COUNT={int(p[6:]) - gone}" if p.upper().startswith("COUNT=") else p for p in parts]
    return ";".join(kept)


def until_before(start: moments.When, lines: list[str], original: moments.When) -> str:
    """The UNTIL with which Google's page ends a series before an occurrence: the last second of the local day before,
    or of the second before where the series has more of that day."""
    at = moments.instant(original)
    if "date" in original:
        return (at - timedelta(days=1)).strftime("%Y%m%d")
    local = at.astimezone(ZoneInfo(start["zone"] or "UTC"))
    midnight = local.replace(hour=0, minute=0, second=0).astimezone(UTC)
    is_busy = any(True for _ in moments.expand(start, lines, midnight, at))
    return ((at if is_busy else midnight) - timedelta(seconds=1)).strftime("%Y%m%dT%H%M%SZ")


def trimmed(line: str, until: str) -> str:
    if not line.upper().startswith("RRULE"):
        return line
    kept = [part for part in line.split(";") if not part.upper().startswith(("UNTIL=", "COUNT="))]
    return ";".join([*kept, f"UNTIL={until}"])


def _rename(world: World, calendar: Any, old: str, new: str, family: str) -> None:
    event = calendar.events.pop(old)
    calendar.changes.pop(old, None)
    calendar.uids.pop(event.data["iCalUID"], None)
    event.id, event.family = new, family
    event.data = event.data | {"iCalUID": f"{new}@google.com"}
    calendar.events[new] = event
    calendar.families.setdefault(family, set()).add(new)
    calendar.uids[event.data["iCalUID"]] = new
    world.touch_family(calendar, event)


def wire(event: Any, calendar: Any) -> dict[str, Any]:
    """An event as a body that makes the same one."""
    body = {n: v for n, v in event.data.items() if n in bodies.WRITABLE or n in {"eventType", "recurringEventId"}}
    for name in ("start", "end"):
        body[name] = moments.render(event.data[name], event.data[name].get("zone") or calendar.time_zone)
    body.pop("sequence", None)
    return body
