"""The lines of an iCalendar text (RFC 5545 §3.1) and the components that they form, read from whoever sent it.

Whatever the text is, reading it costs time in proportion to its length, and what is beyond every sensible file is refused
as a whole with a sentence: its size, how many lines it has, how deep it nests.
"""

import re
from collections.abc import Iterator

import msgspec

from conversa_calendar.kit.words import gettext_noop

BYTES_MAX = 5_000_000
LINES_MAX = 300_000
LINE_MAX = 100_000
"""Characters of one line after unfolding; a longer one is left out, and its component is marked."""
DEPTH_MAX = 6
_FOLD = re.compile(r"\r?\n[ \t]")
_BREAK = re.compile(r"\r\n|\n|\r")
_LINE = re.compile(r'([A-Za-z0-9-]{1,60})((?:;[^:"]*(?:"[^"]*"[^:"]*)*)?):(.*)', re.S)
_PARAMETER = re.compile(r';([A-Za-z0-9-]{1,60})=((?:"[^"]*"|[^;"]+)*)')
_ESCAPED = re.compile(r"\\(.)", re.S)


class Unreadable(ValueError):
    """A text that is no calendar, or is beyond what is read. `says` is why, as a sentence of the catalogues with `values`
    for its holes."""

    def __init__(self, says: str, **values: str) -> None:
        super().__init__(says % values if values else says)
        self.says, self.values = says, values


class Property(msgspec.Struct, frozen=True, gc=False):
    """One line: `parameters` by upper-case name, without quotes; the value as it stands."""

    name: str
    parameters: dict[str, str]
    value: str

    @property
    def text(self) -> str:
        """The value as a text."""
        return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], self.value)


class Component(msgspec.Struct):
    """What stands between BEGIN and END."""

    name: str
    properties: list[Property] = []
    parts: list["Component"] = []
    is_cut: bool = False

    def first(self, name: str) -> Property | None:
        return next((found for found in self.properties if found.name == name), None)

    def every(self, name: str) -> list[Property]:
        return [found for found in self.properties if found.name == name]


def decoded(raw: bytes) -> str:
    """The text of a file; one that is not UTF-8 is read as Windows wrote it. Raises Unreadable."""
    if len(raw) > BYTES_MAX:
        raise Unreadable(
            gettext_noop("The file is larger than %(most)s MB. Divide it."), most=str(BYTES_MAX // 1_000_000)
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def calendars(text: str) -> list[Component]:
    """The calendars of a text. Raises Unreadable."""
    if "BEGIN:VCALENDAR" not in text.upper():
        raise Unreadable(gettext_noop("This is not a calendar file: it does not begin with BEGIN:VCALENDAR."))
    if text.count("\n") + text.count("\r") > 2 * LINES_MAX:
        raise Unreadable(gettext_noop("The file has more than %(most)s lines. Divide it."), most=str(LINES_MAX))
    found: list[Component] = []
    open_: list[Component] = []
    for one in _lines(text):
        if one is None:
            if open_:
                open_[-1].is_cut = True
        elif one.name == "BEGIN":
            _begin(one.value.strip().upper()[:60], open_, found)
        elif one.name == "END":
            _end(one.value.strip().upper()[:60], open_)
        elif open_:
            open_[-1].properties.append(one)
    return found


def _begin(name: str, open_: list[Component], found: list[Component]) -> None:
    if len(open_) >= DEPTH_MAX:
        raise Unreadable(gettext_noop("The file nests its parts too deeply."))
    new = Component(name, [], [])
    if open_:
        open_[-1].parts.append(new)
    elif name == "VCALENDAR":
        found.append(new)
    open_.append(new)


def _end(name: str, open_: list[Component]) -> None:
    """Closes the component, with whatever was left open in it."""
    if any(one.name == name for one in open_):
        while open_.pop().name != name:
            pass


def _lines(text: str) -> Iterator[Property | None]:
    """The lines, without those that are none; None for one that is too long to be read."""
    for line in _BREAK.split(_FOLD.sub("", text)):
        if len(line) > LINE_MAX:
            yield None
        elif (found := _LINE.match(line)) is not None:
            parameters = {name.upper(): value.replace('"', "") for name, value in _PARAMETER.findall(found[2])}
            yield Property(found[1].upper(), parameters, found[3])
