"""iCalendar text (RFC 5545, RFC 5546) for mails, by the icalendar library."""

from datetime import UTC, datetime

from icalendar import Alarm, Calendar, Event, vCalAddress, vText
from icalendar.prop import vRecur

from conversa_calendar.domain import names, times
from conversa_calendar.domain.event import Content
from conversa_calendar.domain.times import Day, Moment


def build(
    *,
    uid: str,
    content: Content,
    organizer: tuple[str, str],
    sequence: int,
    method: str,
    original_key: str = "",
    stamp: datetime,
) -> str:
    """One VEVENT as a scheduling message. `organizer` is (address, name); `original_key` names an override."""
    calendar = Calendar()
    calendar.add("prodid", "-//ConversaLabs//Calendar//EN")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    event = Event()
    event.add("uid", uid)
    event.add("dtstamp", stamp.astimezone(UTC))
    event.add("sequence", sequence)
    event.add("summary", content.summary)
    event.add("dtstart", _value(content.start))
    event.add("dtend", _value(content.end))
    event.add("status", "CANCELLED" if method == "CANCEL" else content.status.upper())
    for name in ("description", "location"):
        if getattr(content, name):
            event.add(name, getattr(content, name))
    if content.conference.uri:
        event.add("url", content.conference.uri)
    if original_key:
        event.add("recurrence-id", _value(times.moment_of_key(original_key, content.start)))
    for line in content.recurrence:
        if line.upper().startswith("RRULE:"):
            event.add("rrule", vRecur.from_ical(line.partition(":")[2]))
    _add_people(event, content, organizer)
    for reminder in content.reminders.overrides:
        alarm = Alarm()
        alarm.add("action", "DISPLAY")
        alarm.add("description", content.summary)
        alarm["trigger"] = vText(f"-PT{reminder.minutes}M")
        event.add_component(alarm)
    calendar.add_component(event)
    return str(calendar.to_ical().decode())


def bundled(texts: list[str]) -> str:
    """Several events of `build` in one calendar, published: scheduling messages hold one event each."""
    calendar = Calendar()
    calendar.add("prodid", "-//ConversaLabs//Calendar//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    for text in texts:
        for event in Calendar.from_ical(text).walk("VEVENT"):
            calendar.add_component(event)
    return str(calendar.to_ical().decode())


def _value(moment: Moment) -> object:
    if isinstance(moment, Day):
        return moment.date
    return moment.local.replace(tzinfo=times.zone_of(moment.zone), fold=moment.fold)


def _add_people(event: Event, content: Content, organizer: tuple[str, str]) -> None:
    if organizer[0]:
        person = vCalAddress(f"mailto:{organizer[0]}")
        person.params["CN"] = vText(names.tidy(organizer[1]) or organizer[0])
        event["organizer"] = person
    answers = {"accepted": "ACCEPTED", "declined": "DECLINED", "tentative": "TENTATIVE"}
    for guest in content.attendees:
        person = vCalAddress(f"mailto:{guest.email}")
        person.params["CN"] = vText(names.tidy(guest.name) or guest.email)
        person.params["PARTSTAT"] = answers.get(guest.response, "NEEDS-ACTION")
        person.params["ROLE"] = "OPT-PARTICIPANT" if guest.optional else "REQ-PARTICIPANT"
        person.params["RSVP"] = "TRUE"
        event.add("attendee", person, encode=False)
