"""Reading what callers send: a field that nobody knows is an error, not a wish that goes unheard."""

from collections.abc import Iterable
from datetime import datetime
from difflib import get_close_matches
from typing import Any
from uuid import UUID

from django.http import HttpResponse

from conversa_calendar.api.problems import Problem
from conversa_calendar.domain import times

Payload = dict[str, Any]
_KINDS = {str: "a text", bool: "true or false", int: "a whole number", list: "a list", dict: "an object"}


def only(payload: Payload, fields: Iterable[str]) -> Payload:
    """The body, of which every field is known. Raises Problem, naming the nearest known field."""
    known = sorted(fields)
    for name in payload:
        if name not in known:
            near = get_close_matches(name, known, 1, 0.5)
            hint = f" Did you mean {near[0]}?" if near else f" Known are {', '.join(known)}."
            raise invalid(name, f"There is no field {name[:60]}.{hint}")
    return payload


def kinds(payload: Payload, **wanted: type) -> Payload:
    """The body, in which the named fields are of their kinds where they are there. Raises Problem."""
    for name, kind in wanted.items():
        value = payload.get(name)
        is_right = isinstance(value, kind) and isinstance(value, bool) == (kind is bool)
        if value is not None and not is_right:
            raise invalid(name, f"{name} is {_KINDS[kind]}.")
    return payload


def rows(payload: Payload, name: str, **wanted: type) -> list[Payload]:
    """A list of objects with fields of these kinds. Raises Problem."""
    value = payload.get(name)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise invalid(name, f"{name} is a list of {{{', '.join(wanted)}}}.")
    return [kinds(item, **wanted) for item in value]


def text(payload: Payload, name: str) -> str:
    """A text that must be there. Raises Problem."""
    value = payload.get(name)
    if not isinstance(value, str) or not value.strip():
        raise invalid(name, f"The field {name} is needed.")
    return value


def texts(payload: Payload, name: str) -> list[str]:
    """A list of texts; none when the field is absent. Raises Problem."""
    value = payload.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise invalid(name, f"{name} is a list of texts.")
    return value


def uuids(payload: Payload, name: str) -> list[UUID]:
    """A list of outside ids, each once. Raises Problem."""
    return [uuid(value) for value in dict.fromkeys(texts(payload, name))]


def uuid(value: Any) -> UUID:
    """An outside id. Raises Problem."""
    try:
        return UUID(str(value))
    except ValueError as error:
        raise Problem(422, "invalid", f"“{str(value)[:60]}” is not an id.") from error


def switch(payload: Payload, name: str) -> bool:
    """True or false. Raises Problem."""
    value = payload.get(name)
    if not isinstance(value, bool):
        raise invalid(name, f"{name} is true or false.")
    return value


def moment(payload: Payload, name: str) -> datetime | None:
    """A time with its offset; None when the field is absent or null. Raises Problem."""
    value = payload.get(name)
    if value is None:
        return None
    try:
        at = times.read_time(str(value))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise invalid(name, f"{name} is a time with its offset, such as 2027-01-31T12:00:00Z.")
    return at


def tagged(response: HttpResponse, shown: Payload) -> Payload:
    """What is answered, with its etag in the header as well."""
    response["ETag"] = shown["etag"]
    return shown


def invalid(name: str, message: str) -> Problem:
    """What is wrong with one field."""
    return Problem(422, "invalid", message, errors=[{"field": name[:60], "message": message}])
