"""The query of a call, held against what the discovery document says about each parameter."""

import re
from collections.abc import Iterable

from gcal_emulator import discovery, errors, moments
from gcal_emulator.errors import GoogleError

_INTEGER = re.compile(r"-?\d{1,12}", re.ASCII)


def check(method: str, given: Iterable[tuple[str, list[str]]]) -> None:
    """Refuses values that a parameter of this method cannot have; unknown and empty ones pass. Raises GoogleError."""
    known = discovery.parameters_of(method)
    found = set()
    for name, values in given:
        if name not in known:
            continue
        found.add(name)
        for value in values:
            if value:
                _check(name, value)
    missing = [name for name in discovery.REQUIRED if name in known and name not in found]
    if missing:
        raise GoogleError(400, "required", "Required", location=missing[0])


def _check(name: str, value: str) -> None:
    kind = discovery.kind_of(name)
    if kind == "integer":
        _check_integer(name, value)
    elif kind == "boolean" and value not in {"true", "false"}:
        raise _refused(name, f"Invalid boolean value: '{value}'.")
    elif name in discovery.ENUMS and value not in discovery.ENUMS[name]:
        raise _refused(name, f"Invalid string value: '{value}'. Allowed values: [{', '.join(discovery.ENUMS[name])}]")
    elif name in discovery.TIMES:
        at = moments.read_time(value, is_clamped=True)
        if at is None or at.tzinfo is None:
            raise GoogleError(400, "badRequest", "Bad Request", location=name)
    elif name in discovery.ZONES and moments.zone_or_none(value) is None:
        raise errors.invalid("Invalid time zone definition.", name)


def _check_integer(name: str, value: str) -> None:
    if not _INTEGER.fullmatch(value):
        raise _refused(name, f"Invalid integer value: '{value}'.")
    low, high = discovery.RANGES.get(name, (1, 2**31 - 1))
    if not low <= int(value) <= high:
        raise _refused(name, f"Invalid value '{value}'. Values must be within the range: [{low}, {high}]")


def _refused(name: str, message: str) -> GoogleError:
    return GoogleError(400, "invalidParameter", message, location=name)
