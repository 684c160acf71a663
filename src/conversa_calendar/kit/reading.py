"""What may come in at all, whichever field it is meant for: text that can be stored, numbers that a column holds, JSON
that is nested as people nest it. Everything finer is the business of the field."""

import json
import math
import re
from enum import StrEnum
from typing import Any, NoReturn

TEXT_MAX = 65_536
"""Characters of one text: far more than any field takes."""
DEPTH_MAX = 32
INTEGER_MAX = 2**63 - 1
DIGITS_MAX = 18
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Fault(StrEnum):
    """Why something cannot be taken."""

    CHARACTERS = "characters"
    LENGTH = "length"
    NUMBER = "number"
    DEPTH = "depth"
    SYNTAX = "syntax"


class Unreadable(Exception):
    """Something that no field can hold. `field` says where it stands, like `attendees[0].email`; empty for the whole."""

    def __init__(self, fault: Fault, field: str = "") -> None:
        super().__init__(f"{field or 'the request'}: {fault}")
        self.fault, self.field = fault, field


def check_text(text: str, field: str = "") -> None:
    """Refuses NUL and lone surrogates, which PostgreSQL cannot store, and floods. Raises Unreadable."""
    if len(text) > TEXT_MAX:
        raise Unreadable(Fault.LENGTH, field)
    if _UNSTORABLE.search(text):
        raise Unreadable(Fault.CHARACTERS, field)


def whole(text: str) -> int | None:
    """The whole number that a text of plain digits names; None for anything else, or one that no column holds."""
    is_plain = text.isascii() and text.isdecimal() and len(text) <= DIGITS_MAX
    return int(text) if is_plain else None


def json_of(raw: bytes) -> Any:
    """The value of a JSON text in which everything can be stored. Raises Unreadable."""
    try:
        found = json.loads(raw, parse_constant=_no_constant)
    except RecursionError:
        raise Unreadable(Fault.DEPTH) from None
    except ValueError:  # also bytes that are no text, and numbers of thousands of digits
        raise Unreadable(Fault.SYNTAX) from None
    _check(found, "", 0)
    return found


def _check(value: Any, field: str, depth: int) -> None:
    if depth > DEPTH_MAX:
        raise Unreadable(Fault.DEPTH, field)
    if isinstance(value, str):
        check_text(value, field)
    elif isinstance(value, dict):
        for name, item in value.items():
            check_text(name, field)
            _check(item, f"{field}.{name[:60]}".lstrip("."), depth + 1)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            _check(item, f"{field}[{number}]", depth + 1)
    elif isinstance(value, int | float) and not -INTEGER_MAX <= value <= INTEGER_MAX:
        raise Unreadable(Fault.NUMBER, field)  # also the infinite
    elif isinstance(value, float) and math.isnan(value):
        raise Unreadable(Fault.NUMBER, field)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
