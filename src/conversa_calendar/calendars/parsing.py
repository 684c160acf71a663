"""Request bodies as edits of content: absent means unchanged, everything else is checked and named when wrong."""

from collections.abc import Callable
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from conversa_calendar.calendars import schema
from conversa_calendar.calendars.links import ADDRESS_MAX, is_web_address
from conversa_calendar.calendars.models import Calendar
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.domain import names, times
from conversa_calendar.domain.event import Attendee, Conference, Content, GuestsCan, Reminder, Reminders
from conversa_calendar.domain.times import Day, Moment, Timed
from conversa_calendar.kit import ids

REFERENCE = {"kind": 100, "id": 500, "title": 500, "url": ADDRESS_MAX}
"""What a reference holds, each with its longest text."""
REFERENCES_MAX = 20
FIELDS = {*schema.BY_NAME, "calendar", "notify", "references"}


class GuestChange(msgspec.Struct, frozen=True):
    """Guests added or changed, and the addresses of those taken out; everybody else stays as they are."""

    given: tuple[dict[str, Any], ...] = ()
    removed: frozenset[str] = frozenset()


def moment(value: Any, field: str, zone: str, known: Moment | None = None) -> Moment:
    """A start or end of the interface; a zone that nobody else would be allowed passes where it is the one that is `known`.
    Raises Invalid."""
    if not isinstance(value, dict):
        raise Invalid(field, _("A time looks like {“date_time”, “time_zone”} or {“date”}."))
    try:
        if value.get("date"):
            return Day(times.read_date(str(value["date"])))
        at = times.read_time(str(value.get("date_time", "")))
    except times.FarAway:
        raise Invalid(field, _("The year must lie between 1900 and 2200.")) from None
    except ValueError:
        raise Invalid(field, _("This is not a date or time.")) from None
    name = str(value.get("time_zone") or zone)
    if not times.is_zone(name) and (not isinstance(known, Timed) or known.zone != name):
        raise Invalid(field, _("“%(zone)s” is not a time zone.") % {"zone": name[:64]})
    if at.tzinfo is None:
        return Timed(at.replace(microsecond=0), name)
    return times.timed(at, name)


def new_content(body: dict[str, Any], calendar: Calendar) -> Content:
    """The content of a new event. Raises Invalid."""
    unknown(body)
    start = moment(body.get("start"), "start", calendar.time_zone)
    end = moment(body["end"], "end", calendar.time_zone) if body.get("end") else _default_end(start)
    blank = Content(start=start, end=end)
    return change(body, calendar)(blank)


def change(body: dict[str, Any], calendar: Calendar) -> Callable[[Content], Content]:
    """The edit that a body describes. Raises Invalid when it is applied."""
    unknown(body)

    def apply(content: Content) -> Content:
        values: dict[str, Any] = {name: _text(body[name], name) for name in schema.PLAIN if name in body}
        for name in ("start", "end"):
            if name in body:
                values[name] = moment(body[name], name, calendar.time_zone, getattr(content, name))
        if "start" in values and "end" not in values:
            values["end"] = times.shift(values["start"], times.duration(content.start, content.end))
        if "recurrence" in body:
            values["recurrence"] = tuple(_strings(body["recurrence"], "recurrence"))
        if "attendees" in body:
            values["attendees"] = _attendees(body["attendees"], content)
        if "reminders" in body:
            values["reminders"] = _reminders(body["reminders"])
        if "conference" in body:
            values["conference"] = _conference(body["conference"], content)
        if "guests_can" in body:
            values["guests_can"] = _guests_can(body["guests_can"], content)
        return msgspec.structs.replace(content, **values)

    return apply


def unknown(body: dict[str, Any]) -> None:
    """Refuses fields that do not exist, so that a typo is not silently lost."""
    for name in body:
        if name not in FIELDS:
            raise Invalid(name, _("There is no such field, or it cannot be written."))


def references(body: dict[str, Any]) -> list[dict[str, Any]]:
    rows = body.get("references") or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows) or len(rows) > REFERENCES_MAX:
        raise Invalid("references", _("References are a short list of {kind, id, title, url}."))
    found = [{name: row.get(name) or "" for name in REFERENCE} for row in rows]
    for row in found:
        for name, text in row.items():
            if not isinstance(text, str | int) or len(str(text)) > REFERENCE[name]:
                most = REFERENCE[name]
                raise Invalid("references", _("A reference's %(name)s is a text of at most %(most)d characters.") % {"name": name, "most": most})  # fmt: skip
        if row["url"] and not is_web_address(str(row["url"])):
            raise Invalid("references", _("A reference's url is an http or https address."))
    return [{name: str(text) for name, text in row.items()} for row in found]


def _default_end(start: Moment) -> Moment:
    from conversa_calendar.calendars.editing import default_end

    return default_end(start)


def _text(value: Any, field: str) -> str:
    if not isinstance(value, str):
        raise Invalid(field, _("This must be text."))
    return value


def _strings(value: Any, field: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise Invalid(field, _("This must be a list of texts."))
    return value


def _attendees(rows: Any, content: Content) -> tuple[Attendee, ...]:
    """Guests by address; what the caller does not say about a known guest stays."""
    if isinstance(rows, GuestChange):
        return _changed_guests(rows, content)
    if not isinstance(rows, list):
        raise Invalid("attendees", _("Guests are a list."))
    known = {guest.email.lower(): guest for guest in content.attendees}
    found = []
    for row in rows:
        if not isinstance(row, dict) or not isinstance(row.get("email"), str):
            raise Invalid("attendees", _("Every guest needs an e-mail address."))
        email = row["email"].strip().lower()
        guest = known.get(email, Attendee(email=email))
        allowed = {"name": str, "response": str, "optional": bool, "resource": bool, "comment": str}
        values = {}
        for name, kind in allowed.items():
            if name in row and row[name] is not None:
                if not isinstance(row[name], kind):
                    raise Invalid("attendees", _("A guest's %(field)s has the wrong kind.") % {"field": name})
                is_new_name = name == "name" and row[name] != guest.name
                values[name] = _guest_name(row[name]) if is_new_name else row[name]
        found.append(msgspec.structs.replace(guest, **values))
    return tuple(found)


def _guest_name(text: str) -> str:
    """A guest's name as the other guests may read it in their mail."""
    try:
        return names.name(text)
    except names.HasLink:
        raise Invalid("attendees", _("A name cannot hold a web address.")) from None


def _changed_guests(change: GuestChange, content: Content) -> tuple[Attendee, ...]:
    kept = [guest for guest in content.attendees if guest.email.lower() not in change.removed]
    given = {guest.email.lower(): guest for guest in _attendees(list(change.given), content)}
    stays = [given.pop(guest.email.lower(), guest) for guest in kept]
    return (*stays, *given.values())


def _reminders(value: Any) -> Reminders:
    if not isinstance(value, dict):
        raise Invalid("reminders", _("Reminders look like {use_default, overrides}."))
    rows = value.get("overrides") or []
    try:
        overrides = [Reminder(str(row["method"]), int(row["minutes"])) for row in rows]
    except (KeyError, TypeError, ValueError):
        raise Invalid("reminders", _("A reminder needs a method and minutes.")) from None
    overrides.sort(key=lambda reminder: (reminder.minutes, reminder.method))
    return Reminders(bool(value.get("use_default")), tuple(overrides))


def _conference(value: Any, content: Content) -> Conference:
    if value is None or (isinstance(value, dict) and value.get("request") is False):
        return Conference()
    if not isinstance(value, dict):
        raise Invalid("conference", _("Ask for a video meeting with {“request”: true}."))
    if value.get("request") and content.conference.state in {"none", "failed"}:
        return Conference("pending", "", ids.new_uuid().hex)
    return content.conference


def _guests_can(value: Any, content: Content) -> GuestsCan:
    if not isinstance(value, dict):
        raise Invalid("guests_can", _("Guest permissions look like {invite_others, modify, see_others}."))
    names = ("invite_others", "modify", "see_others")
    given = {name: bool(value[name]) for name in names if name in value}
    return msgspec.structs.replace(content.guests_can, **given)
