"""The whole state of a world as JSON with a version: nothing is lost on the way out and in again.

Dataclasses are written member by member, so that a later version may add members; what JSON has no form for is marked
with `~`.
"""

import copy
import dataclasses
import random
from datetime import UTC, datetime
from typing import Any

from gcal_emulator import behaviours, faults, world
from gcal_emulator.world import World

FORMAT, VERSION = "gcal-emulator state", 1
_CLASSES: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        world.Account,
        world.Calendar,
        world.Channel,
        world.Client,
        world.Code,
        world.Event,
        world.ListEntry,
        world.Notification,
        world.Robot,
        world.Token,
        behaviours.Behaviours,
        faults.Fault,
    )
}
_LEFT_OUT = {"lock", "clock", "given", "journal", "journal_seq", "journal_max", "snapshots_of_worlds", "snapshots"}
"""What is no state, or belongs to the process: the journal of what was asked outlives a restore."""
_MADE_AGAIN = {"encoded", "listed"}
"""Members that only save work."""


class BadState(ValueError):
    """Something that no version of this emulator wrote."""


def saved(world: World) -> dict[str, Any]:
    """A JSON value for `restored`."""
    kept = {name: _out(value) for name, value in vars(world).items() if name not in _LEFT_OUT}
    clock = world.clock.state() | {"now": world.clock.now().isoformat()}
    return {"format": FORMAT, "version": VERSION, "clock": clock, "world": kept}


def restored(world: World, state: dict[str, Any]) -> None:
    """Makes a world what it was. Raises BadState and leaves it alone when the value is of another form or version."""
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise BadState("this is no state of gcal-emulator")
    if state.get("version") != VERSION:
        raise BadState(f"version {state.get('version')} of the state is not known here, only {VERSION}")
    try:
        values = {name: _in(value) for name, value in state["world"].items() if name in vars(world)}
        clock = dict(state["clock"])
        now = datetime.fromisoformat(clock.pop("now")).astimezone(UTC)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadState(f"the state is damaged: {error!r}") from None
    vars(world).update(values)
    world.snapshots = {}
    world.clock.resume(now, **clock)


def snapshot(world: World) -> dict[str, Any]:
    """A deep copy for `back_to`, quicker than JSON and of this process only."""
    for calendar in world.calendars.values():
        calendar.listed = None
    kept = {name: value for name, value in vars(world).items() if name not in _LEFT_OUT - {"snapshots"}}
    return copy.deepcopy(kept) | {"clock_state": (world.clock.now(), world.clock.state())}


def back_to(world: World, state: dict[str, Any]) -> None:
    """Makes a world what it was at a snapshot, its clock included."""
    now, clock = state["clock_state"]
    vars(world).update(copy.deepcopy({name: value for name, value in state.items() if name != "clock_state"}))
    world.clock.resume(now, **clock)


def _out(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        members = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.name not in _MADE_AGAIN}
        return {"~is": type(value).__name__} | {name: _out(member) for name, member in members.items()}
    if isinstance(value, dict):
        if all(isinstance(name, str) and not name.startswith("~") for name in value):
            return {name: _out(item) for name, item in value.items()}
        return {"~pairs": [[_out(name), _out(item)] for name, item in value.items()]}
    if isinstance(value, list):
        return [_out(item) for item in value]
    if isinstance(value, tuple):
        return {"~tuple": [_out(item) for item in value]}
    if isinstance(value, set | frozenset):
        return {"~set" if isinstance(value, set) else "~frozen": sorted((_out(item) for item in value), key=repr)}
    if isinstance(value, random.Random):
        return {"~dice": _out(value.getstate())}
    if isinstance(value, bytes):
        return {"~bytes": value.decode("latin-1")}
    return value


def _in(value: Any) -> Any:
    if isinstance(value, list):
        return [_in(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "~is" in value:
        return _object(value)
    if "~pairs" in value:
        return {_in(name): _in(item) for name, item in value["~pairs"]}
    if "~dice" in value:
        dice = random.Random()
        dice.setstate(_in(value["~dice"]))
        return dice
    if "~bytes" in value:
        return str(value["~bytes"]).encode("latin-1")
    for mark, kind in (("~tuple", tuple), ("~set", set), ("~frozen", frozenset)):
        if mark in value:
            return kind(_in(item) for item in value[mark])
    return {name: _in(item) for name, item in value.items()}


def _object(value: dict[str, Any]) -> Any:
    kind = _CLASSES[value["~is"]]
    known = {f.name for f in dataclasses.fields(kind)}
    members = {name: _in(item) for name, item in value.items() if name in known}
    initial = {f.name for f in dataclasses.fields(kind) if f.init}
    made = kind(**{name: item for name, item in members.items() if name in initial})
    for name, item in members.items():
        setattr(made, name, item)
    return made
