"""What the members of a request's body have to be; null and unknown members are let through, as Google does."""

import re
from typing import Any

from gcal_emulator import errors, moments, resources

_COLOR = re.compile(r"#[0-9a-fA-F]{6}", re.ASCII)
_NUMBER = re.compile(r"-?\d{1,20}", re.ASCII)
_LIMITS = {"int": 2**31, "int64": 2**63}


def check(resource: str, value: dict[str, Any]) -> None:
    """Refuses a member of the wrong kind or with a value that the reference does not know. Raises GoogleError 400."""
    _check(resource, value, resource, "")


def listed(kind: str, value: Any) -> Any:
    """The same value without members that the resource does not list, which Google ignores, and with numbers as
    numbers, which may be sent as texts."""
    if kind == "int" and value is not None:
        return int(value)
    if isinstance(value, list) and kind.startswith("["):
        return [listed(kind[1:-1], item) for item in value]
    if not isinstance(value, dict) or kind not in resources.FIELDS:
        return value
    known = resources.members(kind)
    return {name: listed(known[name], item) for name, item in value.items() if name in known}


def without_nulls(value: Any) -> Any:
    """The same value without members that are null: what is stored has no nulls."""
    if isinstance(value, dict):
        return {name: without_nulls(item) for name, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def _check(kind: str, value: Any, place: str, name: str) -> None:
    if value is None or kind == "any":
        return
    if kind.startswith("["):
        _is(isinstance(value, list) and None not in value, name)
        for item in value:
            _check(kind[1:-1], item, place, name)
    elif kind.startswith("<"):
        _is(isinstance(value, dict) and not any(isinstance(item, dict | list) for item in value.values()), name)
    elif kind in resources.FIELDS:
        _is(isinstance(value, dict), name)
        for member, inner in resources.members(kind).items():
            if member in value:
                _check(inner, value[member], f"{kind}.{member}", f"{name}.{member}" if name else member)
    elif kind in _LIMITS:
        _check_number(value, _LIMITS[kind], name)
    elif kind == "bool":
        _is(isinstance(value, bool), name)
    else:
        _is(isinstance(value, str), name)
        _check_text(value, place, name)


def _check_number(value: Any, limit: int, name: str) -> None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    _is(is_number or (isinstance(value, str) and _NUMBER.fullmatch(value) is not None), name)
    _is(-limit <= int(value) < limit, name)


def _check_text(value: str, place: str, name: str) -> None:
    if place in resources.VALUES and value and value not in resources.VALUES[place]:
        raise errors.invalid(f"Invalid value for: {value} is not a valid value", name)
    if place in resources.ZONES and value and moments.zone_or_none(value) is None:
        raise errors.invalid("Invalid time zone definition.", name)
    if place in resources.COLORS and value and not _COLOR.fullmatch(value):
        raise errors.invalid(f"Invalid value for: {value} is not a valid color", name)


def _is(fits: bool, name: str) -> None:
    if not fits:
        raise errors.invalid(f"Invalid value for {name}" if name else "Invalid Value", name)
