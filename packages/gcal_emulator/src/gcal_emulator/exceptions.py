"""What an edit of a series does to its exceptions, as the behaviour switches say."""

import copy
from datetime import timedelta

from gcal_emulator import finding, moments
from gcal_emulator.bodies import Body
from gcal_emulator.world import Calendar, Event, World


def flow(world: World, calendar: Calendar, master: Event, before: Body, changed: set[str]) -> None:
    """What an edit of a master does to its exceptions, as the behaviour switches say."""
    policy = world.behaviours.master_edit
    shared = changed - {"start", "end", "recurrence", "status"}
    is_moved = any(master.data.get(n) != before.get(n) for n in ("start", "recurrence"))
    for exception in [e for e in calendar.events.values() if e.data.get("recurringEventId") == master.id]:
        if policy != "keep":
            for name in shared:
                if policy == "overwrite" or name not in exception.overridden:
                    exception.data = {n: v for n, v in exception.data.items() if n != name}
                    if name in master.data:
                        exception.data[name] = master.data[name]
        if is_moved:
            _move_exception(world, calendar, master, exception, before)


def _move_exception(world: World, calendar: Calendar, master: Event, exception: Event, before: Body) -> None:
    original = exception.data["originalStartTime"]
    skipped = world.behaviours.skipped_hour
    fits = moments.is_instance(master.data["start"], master.data["recurrence"], original, skipped)
    policy = world.behaviours.master_move
    if exception.is_cancelled and policy != "shift":
        exception.is_stub = not fits  # a rule that comes back to it finds it cancelled as before
    if exception.is_stub and fits:  # what was changed there has moved on: this is an occurrence as any other again
        exception.data = finding.instance(world, master, original).data
        exception.overridden, exception.is_stub = set(), False
        calendar.store(exception)
        return
    if exception.is_stub:
        return
    if policy == "drop" and not fits and not exception.is_cancelled:
        exception.data = exception.data | {"status": "cancelled"}
        exception.is_stub = True
    if policy == "shift" and "date" not in original and "date" not in master.data["start"]:
        by = moments.instant(master.data["start"]) - moments.instant(before["start"])
        if by and abs(by) < timedelta(days=1):
            shifted = copy.deepcopy(exception)
            shifted.data["originalStartTime"] = moments.shift(original, by)
            shifted.id = f"{master.id}_{moments.suffix(shifted.data['originalStartTime'])}"
            exception.data = exception.data | {"status": "cancelled"}
            exception.is_stub = True
            calendar.store(shifted)
