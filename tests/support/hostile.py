"""What nobody types and somebody sends: values that fit no field, and the places of a request to put them."""

import copy
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any

FLOOD = "x" * 100_000
TEXTS = (
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800",
    "😀\udfff",
    FLOOD,
    "é" * 9_000,
    "y" * 300,
    "-1",
    "0",
    "1",
    "²",
    "٣",
    "９" * 30,
    "9" * 5_000,
    str(2**31),
    str(2**63),
    "1e400",
    "nan",
    "None",
    "true",
    "0001-01-01",
    "9999-12-31",
    "0000-00-00",
    "10000-01-01",
    "2026-02-30",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "2026-12-01T09:00:00",
    "2026-12-01T09:00:00Z",
    "2026-12-01T09:00:00+23:59:59.999999",
    "25:61",
    "../../etc/passwd",
    "..",
    "/",
    "America",
    "GMT0\x00",
    "%s%n%(x)s{0}{",
    "a@b",
    "x@example.com\r\nBcc: y@example.com",
    "\r\n",
    "00000000-0000-0000-0000-000000000000",
    "{00000000-0000-0000-0000-000000000000}",
    "RRULE:FREQ=SECONDLY",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    "agent:x",
    "agent:00000000-0000-0000-0000-000000000000",
    "||",
    "2026-12-01T09:00:00+00:00|9999999999999999999999|x",
    "1:2:3",
    "',\"<script>",
    "\u202e\u200b\ufeff",
)
VALUES: tuple[Any, ...] = (
    *TEXTS,
    None,
    True,
    False,
    -1,
    0,
    1,
    2**15,
    2**31,
    2**63,
    -(2**63),
    10**400,
    0.5,
    1e300,
    [],
    {},
    [[]],
    [None],
    [{}],
    [1, "a"],
    ["a", "a"],
    {"": None},
    {"id": 5},
    {"date": 1},
    [{"kind": None}],
    [{"email": None}],
    [{"email": "a@b.example", "name": FLOOD}],
    [["a"] * 3] * 8,
    [[[0, 1440]]] * 7,
    [[[-5, 99999]]] * 7,
    ["x"] * 3_000,
)
"""For JSON, where a value may be of any kind."""
RAW = (
    b"",
    b"null",
    b"[]",
    b"1",
    b'"x"',
    b"{",
    b"\xff\xfe",
    b"NaN",
    b'{"a": NaN}',
    b'{"a": 1e999}',
    b"[" * 200_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    b"9" * 10_000,
    b'{"a": "\\ud800"}',
    b'{"\\u0000": 1}',
    b"name=value",
    b"x" * 3_000_000,
)
"""Bodies that are no object of an API."""


@dataclass(frozen=True)
class Form:
    """A form of a page: where it goes, and what it would send."""

    action: str
    method: str
    fields: dict[str, str]


class _Forms(HTMLParser):
    def __init__(self, address: str) -> None:
        super().__init__()
        self.address, self.found, self.fields = address, list[Form](), None
        self.select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            target = given.get("hx-post") or given.get("action") or self.address
            method = "post" if "hx-post" in given else given.get("method", "get").lower()
            self.fields = {}
            self.found.append(Form(target.partition("?")[0], method, self.fields))
        elif self.fields is not None and tag in {"input", "select", "textarea", "button"} and given.get("name"):
            self.select = given["name"] if tag == "select" else ""
            self.fields.setdefault(given["name"], given.get("value", ""))
        elif tag == "option" and self.fields is not None and self.select:
            if "selected" in given or not self.fields.get(self.select):
                self.fields[self.select] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.fields = None


def forms(address: str, html: str) -> list[Form]:
    """The forms of a page, with what they would send as they stand."""
    parser = _Forms(address)
    parser.feed(html)
    return parser.found


_READ = re.compile(
    r"""(?:GET|POST|post|query|form|request\.FILES)(?:\.get|\.getlist|\.pop)?[\[(]\s*["']([\w:]+)["']"""
    r"""|["'](\w+)["'] in (?:request\.)?(?:POST|GET|post|query|form)\b"""
)


@cache
def names_read_in(module: str) -> frozenset[str]:
    """The names of fields that a module reads of its requests, also those that no form shows."""
    spec = find_spec(module)
    source = Path(spec.origin).read_text() if spec and spec.origin else ""
    return frozenset(one or two for one, two in _READ.findall(source))


def places(body: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place of a JSON body, from the outside in."""
    items = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


def with_value(body: Any, place: tuple[Any, ...], value: Any) -> Any:
    """The body with another value in one place."""
    found = copy.deepcopy(body)
    inner = found
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return found


def as_json(body: Any) -> bytes:
    """JSON of numbers of any length; lone surrogates as JSON may write them."""
    known = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        return json.dumps(body).encode()
    finally:
        sys.set_int_max_str_digits(known)
