"""How a stored event looks to one user: defaults omitted, `self` computed, private details masked, offsets in a zone."""

import base64
import json
from typing import Any

from gcal_emulator import finding, moments
from gcal_emulator.world import Calendar, Event, World, text_of_us

_PLAIN = (
    "summary",
    "description",
    "location",
    "colorId",
    "eventLabelId",
    "recurrence",
    "transparency",
    "visibility",
    "hangoutLink",
    "conferenceData",
    "guestsCanInviteOthers",
    "guestsCanModify",
    "guestsCanSeeOtherGuests",
    "privateCopy",
    "locked",
    "source",
    "attachments",
    "birthdayProperties",
    "focusTimeProperties",
    "outOfOfficeProperties",
    "workingLocationProperties",
    "anyoneCanAddSelf",
    "endTimeUnspecified",
)
_DEFAULTS: dict[str, Any] = {
    "transparency": "opaque",
    "visibility": "default",
    "guestsCanInviteOthers": True,
    "guestsCanModify": False,
    "anyoneCanAddSelf": False,
    "endTimeUnspecified": False,
    "locked": False,
    "privateCopy": False,
    "guestsCanSeeOtherGuests": True,
}
MASKING_ROLES = ("reader", "writerWithoutPrivateAccess", "freeBusyReader")


def etag(event: Event) -> str:
    """A quoted integer: twice the change time in microseconds."""
    return f'"{event.stamp_us * 2}"'


def encoded(world: World, calendar: Calendar, event: Event, email: str, zone: str, max_attendees: int = 0) -> bytes:
    """The rendered event as JSON, cached until the event changes."""
    key = (email, zone, str(max_attendees))
    if key not in event.encoded:
        body = resource(world, calendar, event, email, zone, max_attendees)
        event.encoded[key] = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    return event.encoded[key]


def pretty(world: World, calendar: Calendar, event: Event, email: str, zone: str, max_attendees: int = 0) -> bytes:
    """The same in the indented form of single answers."""
    key = (email, zone, str(max_attendees), "indented")
    if key not in event.encoded:
        body = resource(world, calendar, event, email, zone, max_attendees)
        event.encoded[key] = json.dumps(body, indent=1, ensure_ascii=False).encode()
    return event.encoded[key]


def resource(
    world: World, calendar: Calendar, event: Event, email: str, zone: str = "", max_attendees: int = 0
) -> dict[str, Any]:
    """The full event resource for a user of this calendar."""
    zone = zone or calendar.time_zone
    role = world.role_of(email, calendar)
    is_masked = role in MASKING_ROLES and (
        event.data.get("visibility") in {"private", "confidential"} or role == "freeBusyReader"
    )
    body = _frame(calendar, event, zone)
    if is_masked and world.behaviours.masked_event == "times":
        return {name: body[name] for name in ("kind", "etag", "id", "status", "start", "end")} | {
            "visibility": "private"
        }
    if is_masked:
        return body | {"visibility": event.data.get("visibility", "private")}
    for name in _PLAIN:
        value = event.data.get(name)
        if value not in (None, "", [], {}) and value != _DEFAULTS.get(name):
            body[name] = value
    for name in ("creator", "organizer"):
        if event.data.get(name):
            body[name] = _person(world, calendar, event.data[name])
    _add_attendees(body, calendar, event, max_attendees)
    _add_properties(body, event)
    body["reminders"] = event.reminders.get(email) or _default_reminders(event)
    return body


def tombstone(event: Event, zone: str) -> dict[str, Any]:
    """A cancelled item of an incremental list: four fields, six for an instance of a living series."""
    body: dict[str, Any] = {"kind": "calendar#event", "etag": etag(event), "id": event.id, "status": "cancelled"}
    if event.is_exception and not event.is_stub:
        body["recurringEventId"] = event.data["recurringEventId"]
        body["originalStartTime"] = moments.render(event.data["originalStartTime"], zone)
    return body


def busy_only(calendar: Calendar, event: Event, zone: str) -> dict[str, Any]:
    """What a free/busy reader is shown of an event."""
    body = _frame(calendar, event, zone)
    for name in ("created", "htmlLink", "iCalUID", "sequence", "recurrence"):
        body.pop(name, None)
    return body | {"visibility": "private"}


def _frame(calendar: Calendar, event: Event, zone: str) -> dict[str, Any]:
    data = event.data
    body: dict[str, Any] = {
        "kind": "calendar#event",
        "etag": etag(event),
        "id": event.id,
        "status": data.get("status", "confirmed"),
        "htmlLink": html_link(calendar, event),
        "created": text_of_us(event.created_us, is_whole=True),
        "updated": text_of_us(event.updated_us or event.stamp_us),
        "start": moments.render(data["start"], zone),
        "end": moments.render(data["end"], zone),
        "iCalUID": data["iCalUID"],
        "sequence": data.get("sequence", 0),
        "eventType": data.get("eventType", "default"),
    }
    if data.get("recurrence"):
        body["recurrence"] = data["recurrence"]
    if event.is_exception:
        body["recurringEventId"] = data["recurringEventId"]
        body["originalStartTime"] = moments.render(data["originalStartTime"], zone)
    if data.get("transparency") == "transparent":
        body["transparency"] = "transparent"
    return body


def html_link(calendar: Calendar, event: Event) -> str:
    email = calendar.id.replace("@gmail.com", "@m")
    name = event.id
    if event.is_master:  # a series is shown at its first occurrence, a continuation under the name of its base
        name = f"{finding.base_of(event.id)}_{moments.suffix(event.data['start'])}"
    eid = base64.urlsafe_b64encode(f"{name} {email}".encode()).decode().rstrip("=")
    return f"https://www.google.com/calendar/event?eid={eid}"


def _person(world: World, calendar: Calendar, person: dict[str, Any]) -> dict[str, Any]:
    email = person["email"]
    shown: dict[str, Any] = {"email": email}
    account = world.accounts.get(email)
    named = world.calendars.get(email)
    if person.get("displayName"):
        shown["displayName"] = person["displayName"]
    elif account is None and named is not None:
        shown["displayName"] = named.summary
    if email == calendar.id:
        shown["self"] = True
    return shown


def _add_attendees(body: dict[str, Any], calendar: Calendar, event: Event, max_attendees: int) -> None:
    rows = event.data.get("attendees") or []
    if not rows:
        return
    organizer = (event.data.get("organizer") or {}).get("email")
    shown = []
    for row in rows:
        guest = {name: value for name, value in row.items() if value not in (None, "", False, 0)}
        guest.setdefault("responseStatus", "needsAction")
        if row["email"] == calendar.id:
            guest["self"] = True
        if row["email"] == organizer:
            guest["organizer"] = True
        shown.append(guest)
    if max_attendees and len(shown) > max_attendees:
        shown = [guest for guest in shown if guest.get("self")]
        body["attendeesOmitted"] = True
    if event.data.get("guestsCanSeeOtherGuests") is False and organizer != calendar.id:
        shown = [guest for guest in shown if guest.get("self")]
        body["attendeesOmitted"] = True
    body["attendees"] = shown


def _add_properties(body: dict[str, Any], event: Event) -> None:
    properties = event.data.get("extendedProperties") or {}
    kept = {kind: values for kind, values in properties.items() if values}
    if kept:
        body["extendedProperties"] = kept


def _default_reminders(event: Event) -> dict[str, Any]:
    if event.data.get("eventType") in {"birthday", "workingLocation"}:
        return {"useDefault": False}
    return {"useDefault": True}
