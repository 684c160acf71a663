"""Finding an event by its id, untouched instances of series included."""

import re
from datetime import datetime

from gcal_emulator import errors, moments
from gcal_emulator.world import Calendar, Event, World


def find(world: World, calendar: Calendar, event_id: str) -> Event:
    """The stored event, or the untouched instance that an id such as `<master>_20260301T120000Z` names (not stored
    yet). Raises 404."""
    event = calendar.events.get(event_id)
    if event is not None:
        return event
    if any(one.data.get("recurringEventId") == event_id for one in calendar.events.values()):
        raise errors.forbidden() if world.behaviours.orphan_master_status == 403 else errors.not_found()
    matched = re.fullmatch(r"(.+)_(\d{8}(?:T\d{6}Z)?)", event_id)
    if matched is None:
        raise errors.not_found()
    for master in _masters_named(world, calendar, matched.group(1)):
        original = _original(master, matched.group(2))
        lines, skipped = master.data["recurrence"], world.behaviours.skipped_hour
        if original is not None and moments.is_instance(master.data["start"], lines, original, skipped):
            found = instance(world, master, original)
            return calendar.events.get(found.id, found)
    raise errors.not_found()


def _masters_named(world: World, calendar: Calendar, name: str) -> list[Event]:
    """The living series of this id; where instances bear the base's name, also those that continue it."""
    master = calendar.events.get(name)
    if master is None:
        return []
    if world.behaviours.split_instance_ids == "own":
        return [master] if master.is_master and not master.is_cancelled else []
    return [m for m in (master, *calendar.family_of(master)) if m.is_master and not m.is_cancelled]


def base_of(event_id: str) -> str:
    """The id of the series that one named `<base>_R…` continues; any other id as it is."""
    return re.sub(r"_R\d{8}(T\d{6})?$", "", event_id)


def instance(world: World, master: Event, original: moments.When) -> Event:
    """One occurrence of a series as an event of its own."""
    name = master.id
    if world.behaviours.split_instance_ids == "base":
        name = base_of(master.id)
    length = moments.instant(master.data["end"]) - moments.instant(master.data["start"])
    data = {name: value for name, value in master.data.items() if name != "recurrence"}
    data |= {
        "recurringEventId": master.id,
        "originalStartTime": original,
        "start": original,
        "end": moments.shift(original, length),
    }
    event = Event(f"{name}_{moments.suffix(original)}", data, master.created_us, master.updated_us)
    event.stamp_us, event.family = master.stamp_us, master.family or master.id
    event.reminders = dict(master.reminders)
    return event


def _original(master: Event, suffix: str) -> moments.When | None:
    try:
        if "T" in suffix:
            at = datetime.strptime(suffix, "%Y%m%dT%H%M%SZ")
            return {"at": f"{at.isoformat()}+00:00", "zone": master.data["start"].get("zone", "")}
        return {"date": datetime.strptime(suffix, "%Y%m%d").date().isoformat()}
    except ValueError:
        return None
