"""What strangers type costs no more than its length, however it is made to be expensive."""

import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import msgspec
import pytest

import conversa_calendar
from conversa_calendar.domain import names, phrase, recurrence
from conversa_calendar.providers.google import mapping

PIECES = (
    "a",
    "a-",
    "1",
    " ",
    "a@",
    "a.",
    "a ",
    ":",
    "\n",
    "www.",
    "https:",
    "\\",
    "1:11",
    "-::~:~::~",
    "on ",
    "de ",
    "[",
    "*",
)
PIECES += ("ab@c", "12/", "P1W", ";TZID=", 'TZID="', "20261201T000000Z", "-::~:~::~::-", "RRULE:")
LARGE, SMALL = 65_536, 1_000
START = {"dateTime": "2026-12-01T09:00:00Z"}


def _received(text: str) -> Any:
    item = {"id": "x", "etag": '"1"', "status": "confirmed", "start": START, "end": START, "description": text}
    return mapping.read(msgspec.json.encode(item | {"summary": text, "location": text}), "UTC")


READERS: dict[str, Callable[[str], Any]] = {
    "names.has_link": names.has_link,
    "names.tidy": names.tidy,
    "names.lines": lambda text: names.lines(text, 2000),
    "phrase.read": lambda text: phrase.read(text, datetime(2026, 12, 1)),
    "mapping.read": _received,
    "recurrence.rule_texts": lambda text: recurrence.rule_texts((text,), "RRULE"),
}


@pytest.mark.parametrize("name", READERS)
def test_a_long_text_is_read_in_a_moment_whatever_it_repeats(name: str) -> None:
    slow = {}
    for piece in PIECES:
        spent = _spent(READERS[name], piece * (LARGE // len(piece)))
        slow |= {piece: spent} if spent > 0.5 else {}
    assert slow == {}


def test_no_pattern_takes_long_over_a_line() -> None:
    slow = {}
    for name, pattern in _patterns():
        for piece in PIECES:
            text: Any = piece * (SMALL // len(piece))
            text = text if isinstance(pattern.pattern, str) else text.encode()
            spent = _spent(lambda line, found=pattern: found.sub(line[:0], line), text)
            slow |= {(name, piece): spent} if spent > 0.2 else {}
    assert slow == {}


def _spent(read: Callable[[Any], Any], text: Any) -> float:
    """Seconds of this thread's own work, so that a busy machine is no reason."""
    begin = time.thread_time()
    read(text)
    return time.thread_time() - begin


def _patterns() -> Iterator[tuple[str, re.Pattern[Any]]]:
    for found in pkgutil.walk_packages(conversa_calendar.__path__, "conversa_calendar."):
        if any(part in found.name for part in (".migrations", ".cli", ".config")):
            continue
        for name, value in vars(importlib.import_module(found.name)).items():
            for pattern in value if isinstance(value, tuple) else (value,):
                if isinstance(pattern, re.Pattern):
                    yield f"{found.name}.{name}", pattern


def test_what_google_writes_about_a_meeting_is_taken_out_and_nothing_else() -> None:
    rule = "-::~:~::~:~:~:~::~:~::-"
    block = f"{rule}\nJoin with Google Meet: https://meet.google.com/x\n\nPlease do not edit this section.\n{rule}"
    for text, left in (
        (f"Agenda\n\n{block}", "Agenda"),
        (f"{block}\nAgenda", "Agenda"),
        (f"One\n{block}\nTwo\n{block}", "OneTwo"),
        (f"One {rule}", f"One {rule}"),
        ("-::~:~::~ not closed", "-::~:~::~ not closed"),
    ):
        assert _received(text).content.description == left
