"""Whole calendars as iCalendar text (RFC 5545), for feeds and exports: many events at once, and nobody is scheduled by it.

The text is written line by line, as building ten thousand events out of a library's objects takes many seconds. What is
meant is the same as in `ics`: zones come with their definition, a series with everything that makes it differ from its
rule.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from functools import lru_cache

import msgspec
from icalendar import Timezone

from conversa_calendar.domain import addresses, ics, names, recurrence, rules, times
from conversa_calendar.domain.event import Content
from conversa_calendar.domain.times import Day, Moment

LINE_MAX = 75
"""Octets of one line (RFC 5545 §3.1)."""
PRODUCT = "-//ConversaLabs//Calendar//EN"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_ZONE = re.compile(r"^[A-Z-]+;(?:VALUE=PERIOD;)?TZID=([^:]+):(\d{4})")
_CLASSES = {"private": "PRIVATE", "confidential": "CONFIDENTIAL", "public": "PUBLIC"}
_ANSWERS = {"accepted": "ACCEPTED", "declined": "DECLINED", "tentative": "TENTATIVE"}


class Entry(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One event as it is published. `key` names an occurrence, whose series starts at `series_start`; `gone` are the keys
    of a series' occurrences that are cancelled. `organizer` and guests are written only where `has_people`."""

    uid: str
    content: Content
    stamp: datetime
    sequence: int = 0
    key: str = ""
    series_start: Moment | None = None
    gone: Sequence[str] = ()
    has_people: bool = False
    organizer: tuple[str, str] = ("", "")


def calendar(name: str, zone: str, entries: Iterable[Entry], *, refresh: str = "") -> str:
    """The text of a calendar. `refresh` (like PT15M) says how often it is worth looking again."""
    events = [line for entry in entries for line in _event(entry)]
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", f"PRODID:{PRODUCT}", "CALSCALE:GREGORIAN"]
    lines += [f"X-WR-CALNAME:{escaped(name)}", f"X-WR-TIMEZONE:{zone}"]
    if refresh:
        lines += ["METHOD:PUBLISH", f"REFRESH-INTERVAL;VALUE=DURATION:{refresh}", f"X-PUBLISHED-TTL:{refresh}"]
    text = "".join(f"{line}\r\n" for line in map(folded, [*lines, *_zones(events), *events]))
    return f"{text}END:VCALENDAR\r\n"


def escaped(text: str) -> str:
    """A text as a property's value."""
    plain = _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return plain.replace("\\", "\\\\").replace(";", "\\;").replace(",", "\\,").replace("\n", "\\n")


def folded(line: str) -> str:
    """A line cut where it is longer than lines may be, never within a character."""
    if line.isascii():
        if len(line) <= LINE_MAX:
            return line
        cuts = range(LINE_MAX, len(line), LINE_MAX - 1)
        return "\r\n ".join((line[:LINE_MAX], *(line[at : at + LINE_MAX - 1] for at in cuts)))
    parts, size = [""], 0
    for sign in line:
        width = len(sign.encode())
        if size + width > LINE_MAX:
            parts.append(" ")
            size = 1
        parts[-1] += sign
        size += width
    return "\r\n".join(parts)


def _event(entry: Entry) -> Iterator[str]:
    content = entry.content
    yield "BEGIN:VEVENT"
    yield f"UID:{escaped(entry.uid)}"
    yield f"DTSTAMP:{_utc(entry.stamp)}"
    if entry.sequence:
        yield f"SEQUENCE:{entry.sequence}"
    if entry.key:
        yield _moment("RECURRENCE-ID", times.moment_of_key(entry.key, entry.series_start or content.start))
    yield _moment("DTSTART", content.start)
    if times.instant(content.end) > times.instant(content.start):
        yield _moment("DTEND", content.end)
    if content.recurrence:
        yield from _rules(content, entry.gone)
    yield f"SUMMARY:{escaped(content.summary)}"
    yield from _told(content)
    if content.status != "confirmed":
        yield f"STATUS:{content.status.upper()}"
    yield "TRANSP:OPAQUE" if content.is_busy else "TRANSP:TRANSPARENT"
    if content.visibility in _CLASSES:
        yield f"CLASS:{_CLASSES[content.visibility]}"
    if entry.has_people:
        yield from _people(entry)
    yield "END:VEVENT"


def _told(content: Content) -> Iterator[str]:
    """What it is about beside its title, where that is known."""
    for name in ("description", "location"):
        if text := getattr(content, name):
            yield f"{name.upper()}:{escaped(text)}"
    if content.conference.uri:
        yield f"URL:{_CONTROL.sub('', content.conference.uri).replace(chr(10), '')}"


def _rules(content: Content, gone: Sequence[str]) -> Iterator[str]:
    lines, start = content.recurrence, content.start
    yield from (f"RRULE:{text}" for text in recurrence.rule_texts(lines, "RRULE") if rules.is_readable(text))
    own = recurrence.lengths(start, lines)
    for at in recurrence.dates(lines, "RDATE", start):
        moment = times.at_civil(start, at)
        if at in own:
            begin = times.instant(moment)
            yield f"RDATE;VALUE=PERIOD:{_utc(begin)}/{_utc(begin + own[at])}"
        else:
            yield _moment("RDATE", moment)
    left_out = [times.at_civil(start, at) for at in recurrence.dates(lines, "EXDATE", start)]
    left_out += [times.moment_of_key(key, start) for key in gone]
    for moment in [*left_out, *ics.left_out(content)]:
        yield _moment("EXDATE", moment)


def _people(entry: Entry) -> Iterator[str]:
    address, name = entry.organizer
    if addresses.is_usable(address):
        yield f"ORGANIZER;CN={_quoted(name or address)}:mailto:{address}"
    for guest in entry.content.attendees:
        if not addresses.is_usable(guest.email):
            continue
        answer = _ANSWERS.get(guest.response, "NEEDS-ACTION")
        role = "OPT-PARTICIPANT" if guest.optional else "REQ-PARTICIPANT"
        kind = ";CUTYPE=RESOURCE" if guest.resource else ""
        called = _quoted(guest.name or guest.email)
        yield f"ATTENDEE;CN={called}{kind};ROLE={role};PARTSTAT={answer}:mailto:{guest.email}"


def _quoted(text: str) -> str:
    """A text as a parameter's value, which can hold no quotes at all."""
    return f'"{names.tidy(text).replace(chr(34), chr(39))}"'


def _moment(name: str, moment: Moment) -> str:
    """A moment in its zone, where the name says all; in UTC where it does not, as in the hour that a clock repeats."""
    if isinstance(moment, Day):
        return f"{name};VALUE=DATE:{moment.date:%Y%m%d}"
    zone = times.known_zone(moment.zone)
    if zone == "UTC" or moment.fold or not times.is_zone(zone):
        return f"{name}:{_utc(times.instant(moment))}"
    return f"{name};TZID={zone}:{_digits(moment.local)}"


def _utc(at: datetime) -> str:
    return f"{_digits(at.astimezone(UTC))}Z"


def _digits(at: datetime) -> str:
    text = at.isoformat()
    return f"{text[:4]}{text[5:7]}{text[8:13]}{text[14:16]}{text[17:19]}"


def _zones(lines: Iterable[str]) -> Iterator[str]:
    """The definition of every zone that the lines name, from the first year on in which it is named."""
    first: dict[str, int] = {}
    for line in lines:
        if ";TZID=" in line and (found := _ZONE.match(line)) is not None:
            zone, year = found[1], int(found[2])
            first[zone] = min(year, first.get(zone, year))
    for zone in sorted(first):
        yield from _definition(zone, first[zone] - 1)


@lru_cache(maxsize=256)
def _definition(zone: str, year: int) -> tuple[str, ...]:
    found = Timezone.from_tzid(zone, first_date=date(max(year, 1900), 1, 1), last_date=date(2038, 1, 1))
    return tuple(found.to_ical().decode().replace("\r\n ", "").splitlines())
