"""Holding what comes in against the contract, before any operation looks at it: a field that nobody knows is an error, not
a wish that goes unheard, wherever in a body it stands; what is there is of its kind, and what is needed is there.

What a value means (a time, an address, a limit of a text) is the business of the operation, which says it in the reader's
language. Null stands for a field that is left out, unless the operation gives it a meaning.
"""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from conversa_calendar.api.bodies import invalid
from conversa_calendar.api.contract.shapes import Schema
from conversa_calendar.api.contract.table import OPERATIONS, SCHEMAS

_WORDS = {
    "string": "a text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "array": "a list",
    "object": "an object",
}
_KINDS: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "array": list,
    "object": dict,
}


def check_body(operation: str, payload: Any) -> None:
    """Raises Problem for a field of the body that is unknown, of the wrong kind, or missing."""
    known = OPERATIONS.get(operation)
    if known is None or known.body is None or (payload is None and known.is_body_optional):
        return
    _check(payload, known.body, "")


def check_parameters(operation: str, given: Mapping[str, str], known: frozenset[str]) -> None:
    """Raises Problem for a parameter of the address that is unknown or missing."""
    for name in given:
        if name not in known:
            raise invalid(name, f"There is no parameter {name[:60]}.{_hint(name, known)}")
    for name in OPERATIONS[operation].needs if operation in OPERATIONS else ():
        if not given.get(name):
            raise invalid(name, f"The parameter {name} is needed.")


def _check(value: Any, schema: Schema, place: str) -> None:
    options = list(_options(schema))
    kinds = {kind for option in options for kind in _types(option)}
    if not any(_is(value, kind) for kind in kinds):
        words = " or ".join(_WORDS[kind] for kind in _WORDS if kind in kinds)
        raise invalid(place, f"{place or 'The body'} is {words}.")
    if isinstance(value, dict):
        _check_object(value, [option for option in options if "object" in _types(option)], place)
    elif isinstance(value, list):
        item = next(option for option in options if "array" in _types(option))["items"]
        for number, one in enumerate(value):
            _check(one, item, f"{place}[{number}]")
    else:
        _check_choice(value, options, place)


def _check_object(value: dict[str, Any], options: list[Schema], place: str) -> None:
    fields = {name: schema for option in options for name, schema in option.get("properties", {}).items()}
    if not fields:  # names of the caller's own
        for name, one in value.items():
            _check(one, options[0]["additionalProperties"], _at(place, name))
        return
    for name, one in value.items():
        if name not in fields:
            raise invalid(_at(place, name), f"There is no field {name[:60]}.{_hint(name, fields)}")
        if one is not None:
            _check(one, fields[name], _at(place, name))
    for name in options[0].get("required", ()) if len(options) == 1 else ():
        if value.get(name) is None:
            raise invalid(_at(place, name), f"The field {name} is needed.")


def _check_choice(value: Any, options: list[Schema], place: str) -> None:
    allowed = [one for option in options for one in option.get("enum", ())]
    if allowed and value not in allowed and all("enum" in option for option in options if option["type"] != "null"):
        raise invalid(place, f"{place} is one of {', '.join(str(one) for one in allowed if one)}.")


def _options(schema: Schema) -> Iterable[Schema]:
    """The shapes that a value may have, with components looked up."""
    if "$ref" in schema:
        yield from _options(SCHEMAS[schema["$ref"].rpartition("/")[2]])
    elif "anyOf" in schema:
        for option in schema["anyOf"]:
            yield from _options(option)
    else:
        yield schema


def _types(schema: Schema) -> list[str]:
    found = schema["type"]
    return found if isinstance(found, list) else [found]


def _is(value: Any, kind: str) -> bool:
    if kind == "null":
        return value is None
    return isinstance(value, _KINDS[kind]) and (kind == "boolean") == isinstance(value, bool)


def _at(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _hint(name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = get_close_matches(name, names, 1, 0.5)
    if near:
        return f" Did you mean {near[0]}?"
    return f" Known are {', '.join(names)}." if names else ""
