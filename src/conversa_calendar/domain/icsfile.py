"""The events of a calendar file that somebody gives us, as far as they can be read.

What cannot be read stands beside the rest with its reason: one event never takes others with it. Nothing is guessed where
a guess could put a meeting on another day: a zone that nobody can tell sets its event aside.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from conversa_calendar.domain import addresses, contentlines, names, recurrence, rules, times
from conversa_calendar.domain.contentlines import Component, Property, Unreadable
from conversa_calendar.domain.event import Attendee, Content, Reminder, Reminders
from conversa_calendar.domain.foreign_zones import Zones
from conversa_calendar.domain.times import Day, Moment, Timed
from conversa_calendar.kit.words import gettext_noop

EVENTS_MAX = 5_000
PROPERTIES_MAX = 6_000
UID_MAX = 500
DATES_A_LINE = 200
NO_LENGTH = timedelta(minutes=15)
"""How long an event is kept that has no length in its file."""
REMINDERS_MAX = 5
REMINDER_MINUTES_MAX = 40_320
_LENGTH = re.compile(r"([+-]?)P(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?")
_VISIBILITY = {"PUBLIC": "public", "PRIVATE": "private", "CONFIDENTIAL": "confidential"}
_ANSWERS = {"ACCEPTED": "accepted", "DECLINED": "declined", "TENTATIVE": "tentative"}
_BREAKS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


class FileEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event, series, or changed occurrence (`key`) of a file. Its guests stand in the content; `notes` say what was
    read otherwise than written."""

    uid: str
    content: Content
    key: str = ""
    sequence: int = 0
    stamp: str = ""
    notes: tuple[str, ...] = ()


class Unread(msgspec.Struct, frozen=True):
    """An event that could not be read, and why: `says` with `values` for its holes."""

    uid: str
    summary: str
    says: str
    values: dict[str, str]


class File(msgspec.Struct):
    """What a file holds. `others` counts what is no event: tasks, journals."""

    name: str = ""
    method: str = ""
    events: list[FileEvent] = []
    unread: list[Unread] = []
    others: int = 0


class _Odd(Unreadable):
    """An event that cannot be read."""


def read(raw: bytes, zone: str) -> File:
    """The events of a file; times without a zone are meant in that of the file, or in `zone`. Raises Unreadable."""
    calendars = contentlines.calendars(contentlines.decoded(raw))
    found = File("", "", [], [])
    for calendar in calendars:
        own = calendar.first("X-WR-TIMEZONE")
        floating = times.known_zone(own.text) if own is not None and times.is_zone(times.known_zone(own.text)) else zone
        zones = Zones((part for part in calendar.parts if part.name == "VTIMEZONE"), floating)
        called, method = calendar.first("X-WR-CALNAME"), calendar.first("METHOD")
        found.name = found.name or (names.tidy(called.text, 200) if called else "")
        found.method = found.method or (method.value.strip().upper()[:20] if method else "")
        for part in calendar.parts:
            _add(part, zones, found)
    return found


def _add(part: Component, zones: Zones, found: File) -> None:
    if part.name != "VEVENT":
        found.others += part.name != "VTIMEZONE"
        return
    if len(found.events) + len(found.unread) >= EVENTS_MAX:
        raise Unreadable(gettext_noop("The file holds more than %(most)s events. Divide it."), most=str(EVENTS_MAX))
    uid, summary = part.first("UID"), part.first("SUMMARY")
    shown = names.tidy(summary.text[:500], 200) if summary else ""
    try:
        found.events.append(event(part, zones))
    except (_Odd, ValueError, OverflowError) as error:
        odd = error if isinstance(error, _Odd) else _Odd(gettext_noop("A date or a length of it cannot be read."))
        called = names.tidy(uid.text[:UID_MAX], UID_MAX) if uid else ""
        found.unread.append(Unread(called, shown, odd.says, odd.values))


def event(part: Component, zones: Zones) -> FileEvent:
    """One VEVENT. Raises ValueError with a sentence for people."""
    if part.is_cut:
        raise _Odd(gettext_noop("A line of it is far too long."))
    if len(part.properties) > PROPERTIES_MAX:
        raise _Odd(gettext_noop("It has far too many lines."))
    notes: list[str] = []
    start = _needed(part, "DTSTART", zones)
    end = _end(part, start, zones, notes)
    lines = tuple(_recurrence(part, start, zones, notes))
    key = key_of(part, zones)
    if not lines and not key:
        start, end = _shown_in(start, zones), _shown_in(end, zones)
    content = Content(
        start=start,
        end=end,
        recurrence=() if key else lines,
        summary=" ".join(_text(part, "SUMMARY").split("\n")),
        description=_text(part, "DESCRIPTION"),
        location=_text(part, "LOCATION"),
        status=_status(part),
        transparency="transparent" if _word(part, "TRANSP") == "TRANSPARENT" else "opaque",
        visibility=_VISIBILITY.get(_word(part, "CLASS"), "default"),
        reminders=_reminders(part),
        attendees=tuple(_guests(part)),
    )
    return FileEvent(
        uid=_uid(part, content),
        key=key,
        content=content,
        sequence=_number(part, "SEQUENCE"),
        stamp=_word(part, "LAST-MODIFIED") or _word(part, "DTSTAMP"),
        notes=tuple(notes),
    )


def key_of(part: Component, zones: Zones) -> str:
    """Which occurrence of a series a VEVENT is about; empty where it is about all. Raises ValueError."""
    at = part.first("RECURRENCE-ID")
    if at is not None and at.parameters.get("RANGE"):
        raise _Odd(gettext_noop("It changes an occurrence and all after it, in a way that few programs know."))
    return times.original_key(_moment(at, zones)) if at is not None else ""


def _uid(part: Component, content: Content) -> str:
    """Its UID; one that has none is known again by what it says."""
    found = part.first("UID")
    text = found.text.strip() if found is not None else ""
    if len(text) > UID_MAX or _BREAKS.search(text):
        raise _Odd(gettext_noop("Its UID cannot be kept."))
    if text:
        return text
    return "without-uid-" + hashlib.sha256(msgspec.json.encode(content)).hexdigest()[:32]


def _needed(part: Component, name: str, zones: Zones) -> Moment:
    found = part.first(name)
    if found is None:
        raise _Odd(gettext_noop("It does not say when it begins."))
    return _moment(found, zones)


def _moment(found: Property, zones: Zones) -> Moment:
    text = found.value.strip().upper()
    if "T" not in text:
        return Day(times.read_date(f"{text[:4]}-{text[4:6]}-{text[6:8]}"))
    try:
        local = datetime.strptime(text.removesuffix("Z"), "%Y%m%dT%H%M%S")
    except ValueError:
        raise _Odd(gettext_noop("“%(text)s” is not a time."), text=text[:40]) from None
    if not times.YEAR_MIN <= local.year <= times.YEAR_MAX:
        raise _Odd(gettext_noop("The year must lie between 1900 and 2200."))
    if text.endswith("Z"):
        return Timed(local, "UTC")
    return Timed(local, _zone(found, zones, local.year))


def _zone(found: Property, zones: Zones, year: int) -> str:
    name = found.parameters.get("TZID", "")
    if not name:
        return zones.otherwise
    zone = zones.named(name, year)
    if zone is None:
        raise _Odd(
            gettext_noop("Nobody can tell the time zone “%(zone)s”, and the file does not define it."),
            zone=names.tidy(name, 60),
        )
    return zone


def _shown_in(moment: Moment, zones: Zones) -> Moment:
    """A single time in UTC as it reads where the calendar lives."""
    if isinstance(moment, Timed) and moment.zone == "UTC":
        return times.timed(times.instant(moment), zones.otherwise)
    return moment


def _end(part: Component, start: Moment, zones: Zones, notes: list[str]) -> Moment:
    given, length = part.first("DTEND"), part.first("DURATION")
    end = _moment(given, zones) if given is not None else None
    if end is None and length is not None:
        end = times.shift(start, _length(length.value))
    if isinstance(start, Day):
        if isinstance(end, Timed):
            raise _Odd(gettext_noop("It begins on a day and ends at a time."))
        return end if end is not None and end.date > start.date else Day(start.date + timedelta(days=1))
    if isinstance(end, Day):
        raise _Odd(gettext_noop("It begins at a time and ends on a day."))
    if end is None or times.instant(end) == times.instant(start):
        notes.append(gettext_noop("It has no length; a quarter of an hour is kept for it."))
        return times.shift(start, NO_LENGTH)
    if times.instant(end) < times.instant(start):
        raise _Odd(gettext_noop("It ends before it begins."))
    return end


def _length(text: str) -> timedelta:
    found = _LENGTH.fullmatch(text.strip().upper())
    if found is None:
        raise _Odd(gettext_noop("“%(text)s” is not a length of time."), text=text[:40])
    sign, weeks, days, hours, minutes, seconds = (found[1], *(int(part or 0) for part in found.groups()[1:]))
    length = timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
    return -length if sign == "-" else length


def _recurrence(part: Component, start: Moment, zones: Zones, notes: list[str]) -> Iterator[str]:
    for name in ("RRULE", "EXRULE"):
        for one in part.every(name):
            if name == "RRULE" and _is_over(one.value.strip().upper(), start):
                notes.append(gettext_noop("Its rule ends before it begins; it is kept once."))
                continue
            yield f"{name}:{one.value.strip().upper()}"
    for name in ("RDATE", "EXDATE"):
        yield from _dates(part.every(name), name, zones)


def _is_over(text: str, start: Moment) -> bool:
    """Whether a rule ends before it begins, as that of Exchange's birthdays does. One that cannot be read says so later."""
    try:
        until = rules.read(text).until
        return bool(until) and recurrence.until_civil(until, start) < times.civil(start)
    except ValueError:
        return False


def _dates(found: list[Property], name: str, zones: Zones) -> Iterator[str]:
    """Single dates, those of one zone and kind together."""
    together: dict[str, list[str]] = {}
    for one in found:
        values = [text.strip().upper() for text in one.value.split(",") if text.strip()]
        kind = f";VALUE={one.parameters['VALUE'].upper()}" if one.parameters.get("VALUE") else ""
        if values and one.parameters.get("TZID"):
            year = int(values[0][:4]) if values[0][:4].isdecimal() else 0
            kind += f";TZID={_zone(one, zones, max(year, 1))}"
        together.setdefault(kind, []).extend(values)
    for kind, values in together.items():
        for at in range(0, len(values), DATES_A_LINE):
            yield f"{name}{kind}:{','.join(values[at : at + DATES_A_LINE])}"


def _status(part: Component) -> str:
    status = _word(part, "STATUS")
    return status.lower() if status in {"TENTATIVE", "CANCELLED"} else "confirmed"


def _reminders(part: Component) -> Reminders:
    """What rings before it begins; whom an alarm would mail is not told."""
    minutes = set()
    for alarm in part.parts:
        trigger = alarm.first("TRIGGER") if alarm.name == "VALARM" else None
        if trigger is None or trigger.parameters.get("RELATED", "").upper() == "END":
            continue
        try:
            before = -_length(trigger.value) // timedelta(minutes=1)
        except ValueError:
            continue
        if 0 <= before <= REMINDER_MINUTES_MAX:
            minutes.add(before)
    chosen = sorted(minutes)[:REMINDERS_MAX]
    return Reminders(False, tuple(Reminder("popup", before) for before in chosen)) if chosen else Reminders()


def _guests(part: Component) -> Iterator[Attendee]:
    seen = set()
    for one in part.every("ATTENDEE"):
        address = one.value.strip()
        email = address[7:].strip().lower() if address[:7].lower() == "mailto:" else ""
        if not addresses.is_usable(email) or email in seen:
            continue
        seen.add(email)
        called = names.tidy(one.parameters.get("CN", ""))
        yield Attendee(
            email=email,
            name="" if names.has_link(called) else called,
            response=_ANSWERS.get(one.parameters.get("PARTSTAT", "").upper(), "needsAction"),
            optional=one.parameters.get("ROLE", "").upper() == "OPT-PARTICIPANT",
        )


def _text(part: Component, name: str) -> str:
    found = part.first(name)
    return found.text.replace("\r\n", "\n").strip() if found is not None else ""


def _word(part: Component, name: str) -> str:
    found = part.first(name)
    return found.value.strip().upper()[:40] if found is not None else ""


def _number(part: Component, name: str) -> int:
    text = _word(part, name)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0
