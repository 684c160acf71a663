"""The words in which the contract is said: JSON Schema (2020-12) as OpenAPI 3.1 has it, made by small functions."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

Schema = dict[str, Any]
NULL: Schema = {"type": "null"}
UUID_EXAMPLE = "0198c7f2-6a1e-7c3b-9d5f-2b8a4e6c1d90"


def text(says: str = "", *, example: str = "", most: int = 0, least: int = 0, pattern: str = "") -> Schema:
    """A text, with its longest length where there is one."""
    found: Schema = {"type": "string"}
    found |= {"maxLength": most} if most else {}
    found |= {"minLength": least} if least else {}
    found |= {"pattern": pattern} if pattern else {}
    return _said(found, says, example or None)


def whole(says: str = "", *, least: int | None = None, most: int | None = None, example: int = 1) -> Schema:
    """A whole number within its bounds."""
    found: Schema = {"type": "integer"}
    found |= {"minimum": least} if least is not None else {}
    found |= {"maximum": most} if most is not None else {}
    return _said(found, says, max(example, least or 0))


def switch(says: str = "", *, example: bool = False) -> Schema:
    """True or false."""
    return _said({"type": "boolean"}, says, example)


def enum(values: Iterable[str], says: str = "") -> Schema:
    """One of these texts."""
    known = [str(value) for value in values]
    return _said({"type": "string", "enum": known}, says, next(value for value in known if value or len(known) == 1))


def identity(says: str = "") -> Schema:
    """An outside id."""
    return _said({"type": "string", "format": "uuid"}, says, UUID_EXAMPLE)


def instant(says: str = "") -> Schema:
    """A moment with its offset."""
    return _said({"type": "string", "format": "date-time"}, says, "2026-12-01T12:00:00Z")


def day(says: str = "") -> Schema:
    """A calendar date."""
    return _said({"type": "string", "format": "date"}, says, "2026-12-01")


def url(says: str = "", *, example: str = "https://example.com/tickets/7") -> Schema:
    """An address; empty where there is none."""
    return _said({"type": "string"}, says, example)


def mail(says: str = "") -> Schema:
    """A mail address."""
    return _said({"type": "string", "maxLength": 320}, says, "guest@customer.example")


def zone(says: str = "") -> Schema:
    """A time zone by its IANA name."""
    return _said({"type": "string", "maxLength": 64}, says or "An IANA time zone.", "America/Sao_Paulo")


def ref(name: str) -> Schema:
    """A component by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def many(item: Schema, says: str = "", *, most: int | None = None, least: int | None = None) -> Schema:
    """A list."""
    found: Schema = {"type": "array", "items": item}
    found |= {"maxItems": most} if most is not None else {}
    found |= {"minItems": least} if least is not None else {}
    return _said(found, says, None)


def by_name(value: Schema, says: str = "") -> Schema:
    """An object whose names are not known beforehand."""
    return _said({"type": "object", "additionalProperties": value}, says, None)


def either(*options: Schema, says: str = "") -> Schema:
    """One of several shapes."""
    return _said({"anyOf": list(options)}, says, None)


def nullable(schema: Schema, says: str = "") -> Schema:
    """The same, or null."""
    if "$ref" in schema or "anyOf" in schema:
        return _said({"anyOf": [*schema.get("anyOf", [schema]), NULL]}, says, None)
    found = schema | {"type": [schema["type"], "null"]}
    found |= {"enum": [*schema["enum"], None]} if "enum" in schema else {}
    return _said(found, says, None)


def answer(
    says: str, /, more: Mapping[str, Schema] | None = None, optional: Iterable[str] = (), **fields: Schema
) -> Schema:
    """An object that the API gives: it may grow, and each of these fields is there unless it is `optional`."""
    properties = {**fields, **(more or {})}
    needed = [name for name in properties if name not in set(optional)]
    return {"type": "object", "description": says, "properties": properties, "required": needed}


def body(says: str, /, more: Mapping[str, Schema] | None = None, needs: Iterable[str] = (), **fields: Schema) -> Schema:
    """An object that the API takes: nothing but these fields, of which some are needed."""
    found: Schema = {"type": "object", "description": says, "properties": {**fields, **(more or {})}}
    needed = list(needs)
    found |= {"required": needed} if needed else {}
    return found | {"additionalProperties": False}


def listing(name: str, says: str, *, is_paged: bool = False, **more: Schema) -> Schema:
    """A list of components as every list is answered: `items`, and where it comes in pages the cursor of the next."""
    fields: dict[str, Schema] = {"items": many(ref(name))}
    if is_paged:
        fields["next_cursor"] = nullable(text("Pass it as `cursor` to read on; null at the end.", example="abc"))
    return answer(says, more, **fields)


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """What one operation takes and answers. `answer` and `body` are schemas, `None` where there is none; `parameters` says
    what the general words in `parameters.py` do not, `needs` names those that have to be there; `refuses` are statuses
    beside the usual ones. `secrets` are fields of an answer that stand nowhere but in the first one. `takes` and `gives` are
    the media types of a body or an answer that is a file instead of JSON."""

    answer: Schema | None
    body: Schema | None = None
    is_body_optional: bool = False
    parameters: dict[str, Schema] = {}
    needs: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    refuses: tuple[int, ...] = ()
    says: str = ""
    takes: str = ""
    gives: str = ""


def _said(schema: Schema, says: str, example: Any) -> Schema:
    found = schema | ({"description": says} if says else {})
    return found | ({"examples": [example]} if example is not None else {})
