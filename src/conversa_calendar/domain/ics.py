"""iCalendar text (RFC 5545, RFC 5546) for mails, by the icalendar library.

What is written is read by other people's programs: zones come with their definition, a series with everything that
makes it differ from its rule. EXRULE, which most of them do not know any more, is written as the dates that it means.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from icalendar import Alarm, Calendar, Event, vCalAddress, vText
from icalendar.prop import vRecur

from conversa_calendar.domain import addresses, names, recurrence, rules, times
from conversa_calendar.domain.event import Content
from conversa_calendar.domain.times import Day, Moment, Timed

EXCLUDED_MAX = 500
"""So many dates that an EXRULE leaves out are written, from the start of the series on."""
EXCLUDED_AHEAD = timedelta(days=366 * 5)


class _Message(msgspec.Struct, frozen=True):
    """What all events of one message share."""

    uid: str
    organizer: tuple[str, str]
    sequence: int
    method: str
    stamp: datetime


def build(
    *,
    uid: str,
    content: Content,
    organizer: tuple[str, str],
    sequence: int,
    method: str,
    original_key: str = "",
    series_start: Moment | None = None,
    overrides: Sequence[tuple[str, Content]] = (),
    stamp: datetime,
) -> str:
    """An event as a scheduling message. `organizer` is (address, name); `original_key` names an override, whose series
    starts at `series_start`; `overrides` are the changed occurrences of a series, by original key, that go with it."""
    calendar = _calendar(method)
    message = _Message(uid, organizer, sequence, method, stamp)
    event = _event(content, message)
    if original_key:
        _name_occurrence(event, original_key, series_start or content.start)
    cancelled = [key for key, changed in overrides if changed.status == "cancelled"]
    _add_rules(event, content, cancelled)
    calendar.add_component(event)
    for key, changed in overrides:
        if key not in cancelled:
            override = _event(changed, message)
            _name_occurrence(override, key, content.start)
            calendar.add_component(override)
    return _text(calendar)


def bundled(texts: list[str]) -> str:
    """Several events of `build` in one calendar, published: scheduling messages hold one event each."""
    calendar = _calendar("PUBLISH")
    for text in texts:
        for event in Calendar.from_ical(text).walk("VEVENT"):
            calendar.add_component(event)
    return _text(calendar)


def _calendar(method: str) -> Calendar:
    calendar = Calendar()
    calendar.add("prodid", "-//ConversaLabs//Calendar//EN")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    return calendar


def _text(calendar: Calendar) -> str:
    """The calendar with the definition of every zone that it names."""
    calendar.add_missing_timezones(first_date=_first_day(calendar) - timedelta(days=366))
    return str(calendar.to_ical().decode())


def _first_day(calendar: Calendar) -> date:
    starts: list[Any] = [event.decoded("dtstart") for event in calendar.walk("VEVENT")]
    return min(date(at.year, at.month, at.day) for at in starts)


def _event(content: Content, message: _Message) -> Event:
    event = Event()
    event.add("uid", message.uid)
    event.add("dtstamp", message.stamp.astimezone(UTC))
    event.add("sequence", message.sequence)
    event.add("summary", content.summary)
    event.add("dtstart", _value(content.start))
    event.add("dtend", _value(content.end))
    event.add("status", "CANCELLED" if message.method == "CANCEL" else content.status.upper())
    for name in ("description", "location"):
        if getattr(content, name):
            event.add(name, getattr(content, name))
    if content.conference.uri:
        event.add("url", content.conference.uri)
    _add_people(event, content, message.organizer)
    for reminder in content.reminders.overrides:
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", content.summary)
        alarm["trigger"] = vText(f"-PT{reminder.minutes}M")
        event.add_component(alarm)
    return event


def _name_occurrence(event: Event, key: str, series_start: Moment) -> None:
    event.add("recurrence-id", _value(times.moment_of_key(key, series_start)))


def _add_rules(event: Event, content: Content, cancelled: list[str]) -> None:
    lines, start = content.recurrence, content.start
    for text in recurrence.rule_texts(lines, "RRULE"):
        if rules.is_readable(text):
            event.add("rrule", vRecur.from_ical(text))
    own = recurrence.lengths(start, lines)
    for at in recurrence.dates(lines, "RDATE", start):
        begin = times.instant(times.at_civil(start, at)) if at in own else _value(times.at_civil(start, at))
        event.add(
            "rdate", [(begin, own[at]) if at in own else begin], parameters={"VALUE": "PERIOD"} if at in own else {}
        )
    gone = [times.at_civil(start, at) for at in recurrence.dates(lines, "EXDATE", start)]
    gone += [times.moment_of_key(key, start) for key in cancelled]
    for moment in [*gone, *left_out(content)]:
        event.add("exdate", _value(moment))


def left_out(content: Content) -> Iterator[Moment]:
    """What an EXRULE leaves out."""
    lines, start = content.recurrence, content.start
    if not recurrence.rule_texts(lines, "EXRULE"):
        return
    first = times.civil(start)
    span = (first, first + EXCLUDED_AHEAD)
    stay = set(recurrence.civil_starts(start, lines, *span))
    others = tuple(line for line in lines if not line.upper().startswith("EXRULE"))
    gone = [at for at in recurrence.civil_starts(start, others, *span) if at not in stay]
    yield from (times.at_civil(start, at) for at in gone[:EXCLUDED_MAX])


def _value(moment: Moment) -> date | datetime:
    """A moment as the library writes it: one in a zone of the IANA database by its name, any other in UTC."""
    if isinstance(moment, Day):
        return moment.date
    if isinstance(moment, Timed) and times.is_zone(times.known_zone(moment.zone)):
        return moment.local.replace(tzinfo=times.zone_of(moment.zone), fold=moment.fold)
    return times.instant(moment)


def _add_people(event: Event, content: Content, organizer: tuple[str, str]) -> None:
    if addresses.is_usable(organizer[0]):
        person = vCalAddress(f"mailto:{organizer[0]}")
        person.params["CN"] = vText(names.tidy(organizer[1]) or organizer[0])
        event["organizer"] = person
    answers = {"accepted": "ACCEPTED", "declined": "DECLINED", "tentative": "TENTATIVE"}
    for guest in content.attendees:
        if not addresses.is_usable(guest.email):
            continue  # what other programs read has no place for it
        person = vCalAddress(f"mailto:{guest.email}")
        person.params["CN"] = vText(names.tidy(guest.name) or guest.email)
        person.params["PARTSTAT"] = answers.get(guest.response, "NEEDS-ACTION")
        person.params["ROLE"] = "OPT-PARTICIPANT" if guest.optional else "REQ-PARTICIPANT"
        person.params["RSVP"] = "TRUE"
        event.add("attendee", person, encode=False)
