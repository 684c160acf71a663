"""What a caller sends of an event: its parameters, and its body checked and brought to the stored form."""

import re
from datetime import timedelta
from typing import Any

from gcal_emulator import errors, moments, shapes
from gcal_emulator.world import Calendar, Event, World

Body = dict[str, Any]
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")

SHARED = (
    "summary",
    "description",
    "location",
    "start",
    "end",
    "recurrence",
    "attendees",
    "status",
    "guestsCanInviteOthers",
    "guestsCanModify",
    "guestsCanSeeOtherGuests",
    "conferenceData",
    "hangoutLink",
    "visibility",
    "attachments",
    "sequence",
    "source",
)
"""Fields that travel from the organizer's copy to the guests'."""

WRITABLE = (
    *SHARED,
    "colorId",
    "eventLabelId",
    "transparency",
    "extendedProperties",
    "anyoneCanAddSelf",
    "birthdayProperties",
    "focusTimeProperties",
    "outOfOfficeProperties",
    "workingLocationProperties",
)

_TYPES = ("default", "birthday", "focusTime", "fromGmail", "outOfOffice", "workingLocation")

EDITABLE = {
    "birthday": {"colorId", "eventLabelId", "summary", "start", "end", "sequence", "extendedProperties"},
    "fromGmail": {"colorId", "eventLabelId", "visibility", "transparency", "status", "attendees", "extendedProperties"},
}
"""What may change on events of types that are Google's own; everything on all others."""


class Params:
    """The query parameters that writes understand."""

    def __init__(self, query: dict[str, str] | None = None, if_match: str = "") -> None:
        query = query or {}
        legacy = "all" if query.get("sendNotifications") == "true" else "none"
        self.send_updates = query.get("sendUpdates") or legacy
        if self.send_updates not in {"all", "externalOnly", "none"}:
            raise errors.GoogleError(400, "invalidParameter", "Invalid value for sendUpdates", location="sendUpdates")
        self.conference_version = _version(query, "conferenceDataVersion")
        self.supports_attachments = query.get("supportsAttachments") == "true"
        self.label_version = _version(query, "eventLabelVersion")
        self.if_match = if_match


def _version(query: dict[str, str], name: str) -> int:
    if query.get(name) not in {None, "", "0", "1"}:
        raise errors.GoogleError(400, "invalidParameter", f"Invalid value for {name}", location=name)
    return int(query.get(name) or 0)


def labelled(body: Body, params: Params, known: Body) -> Body:
    """A label counts at `eventLabelVersion` 1 only, a colour at 0 only; the other stays as it is known."""
    ignored = "colorId" if params.label_version else "eventLabelId"
    return {name: value for name, value in body.items() if name != ignored} | (
        {ignored: known[ignored]} if ignored in known else {}
    )


def checked(
    world: World, calendar: Calendar, body: Body, params: Params, known: Event | None = None, is_merged: bool = False
) -> Body:
    """The body's writable fields in stored form, or the refusal that Google would give."""
    given = shapes.without_nulls({name: body[name] for name in WRITABLE if name in body})
    data = {name: value for name, value in given.items() if value not in ([], {}) or value is False}
    recurrence = body.get("recurrence") or []
    if known is not None and known.is_exception and recurrence:
        recurrence = []
    start, end = moments.parse_pair(body, needs_zone=bool(recurrence))
    moments.check_recurrence(recurrence, start)
    data |= {"start": start, "end": end}
    data.pop("recurrence", None)
    if recurrence:
        data["recurrence"] = list(recurrence)
    data["status"] = body.get("status") or "confirmed"
    _check_lengths(data)
    data["attendees"] = [_attendee(guest, known, calendar) for guest in body.get("attendees") or []]
    if len(data["attendees"]) > 200 and world.behaviours.many_guests == "refuse":
        raise errors.invalid("Too many attendees.")
    if not data["attendees"]:
        del data["attendees"]
    if not params.supports_attachments and not is_merged:
        data.pop("attachments", None)
    if len(data.get("attachments") or []) > 25:
        raise errors.invalid("Too many attachments.")
    if "extendedProperties" in data:
        data["extendedProperties"] = _properties(data["extendedProperties"])
    for volatile in ("conferenceData", "hangoutLink"):
        if not is_merged:
            data.pop(volatile, None)
    kind = (known.data.get("eventType") if known else None) or body.get("eventType") or "default"
    _check_type(kind, data, calendar, known)
    data["eventType"] = kind
    check_reminders(body.get("reminders"))
    data.pop("sequence", None)
    if known is not None:
        data["sequence"] = _sequence(body, known)
    return data


def _check_lengths(data: Body) -> None:
    for name, limit in (("summary", 1024), ("location", 1024), ("description", 8192)):
        if len(data.get(name) or "") > limit:
            raise errors.invalid("Invalid Value", name)


def _sequence(body: Body, known: Event) -> int:
    """The sequence after a write that moves nothing. Raises GoogleError on one that was overtaken."""
    current = int(known.data.get("sequence", 0))
    sent = current if body.get("sequence") is None else int(body["sequence"])
    if sent < current:
        raise errors.invalid(
            "Invalid sequence value. The specified sequence number is below the current sequence number of the "
            "resource. Re-fetch the resource and use its sequence number on the following request.",
            "sequence",
        )
    return sent


def _check_type(kind: str, data: Body, calendar: Calendar, known: Event | None) -> None:
    if kind not in _TYPES and known is None:
        raise errors.invalid("Invalid Value")
    if kind == "default":
        return
    if known is None and kind == "fromGmail":
        raise errors.GoogleError(400, "eventTypeRestriction", "Events of this type cannot be created.")
    if known is None and kind in {"focusTime", "outOfOffice", "workingLocation"} and not calendar.is_primary:
        raise errors.GoogleError(400, "eventTypeRestriction", "Only primary calendars hold events of this type.")
    if kind in {"focusTime", "outOfOffice"} and "date" in data["start"]:
        raise errors.GoogleError(400, "eventTypeRestriction", "Events of this type cannot be all-day.")
    if kind in {"focusTime", "outOfOffice", "workingLocation"} and f"{kind}Properties" not in data:
        raise errors.required(f"Missing {kind}Properties.")
    is_long = "date" in data["start"] and moments.instant(data["end"]) - moments.instant(data["start"]) > timedelta(
        days=1
    )
    if kind == "workingLocation" and is_long:
        raise errors.GoogleError(400, "malformedWorkingLocationEvent", "A working location lasts one day.")
    if kind == "birthday" and (is_long or "date" not in data["start"] or not _is_yearly(data)):
        raise errors.GoogleError(400, "eventTypeRestriction", "A birthday is one day of every year.")
    if kind == "birthday":
        data |= {"visibility": "private", "transparency": "transparent"}
    if kind == "workingLocation":
        data |= {"visibility": "public", "transparency": "transparent"}


def _is_yearly(data: Body) -> bool:
    lines = {line.upper() for line in data.get("recurrence") or []}
    return lines in ({"RRULE:FREQ=YEARLY"}, {"RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=-1"})


def check_reminders(reminders: Body | None) -> None:
    if not reminders:
        return
    overrides = sent_overrides(reminders)
    if overrides and reminders.get("useDefault"):
        raise errors.GoogleError(
            400, "cannotUseDefaultRemindersAndSpecifyOverride", "Cannot specify both default and overrides."
        )
    check_overrides(overrides)


def sent_overrides(reminders: Body) -> list[Body]:
    """The reminders that count; those by text message are ignored since 2019."""
    return [row for row in reminders.get("overrides") or [] if row.get("method") != "sms"]


def check_overrides(overrides: list[Body]) -> None:
    """Refuses more reminders than five, and others than mails and pop-ups within four weeks."""
    if len(overrides) > 5:
        raise errors.invalid("Too many override reminders.")
    for override in overrides:
        if override.get("minutes") is None:
            raise errors.required("Missing override reminder minutes")
        if not 0 <= int(override["minutes"]) <= 40320 or override.get("method") not in {"email", "popup"}:
            raise errors.invalid("Invalid Value")


def _attendee(guest: Body, known: Event | None, calendar: Calendar) -> Body:
    email = guest.get("email")
    if not email:
        raise errors.required("Missing attendee email.")
    if not _ADDRESS.fullmatch(email):
        raise errors.invalid("Invalid attendee email.")
    was = next((row for row in (known.data.get("attendees") or []) if row["email"] == email), None) if known else None
    row = {n: guest[n] for n in ("displayName", "optional", "resource", "comment") if guest.get(n)}
    if more := int(guest.get("additionalGuests") or 0):
        row["additionalGuests"] = more
    response = guest.get("responseStatus") or "needsAction"
    if known is not None and known.data.get("privateCopy") and email != calendar.id and was:
        response = was.get("responseStatus", "needsAction")
    return {"email": email.lower(), "responseStatus": response} | row


def _properties(properties: Body) -> Body:
    """What Google keeps: names of 44 characters, values cut at 1024, 300 pairs and 32 kB over both kinds."""
    kept: Body = {"private": {}, "shared": {}}
    count = size = 0
    for kind, values in kept.items():
        for name, given in (properties.get(kind) or {}).items():
            value = str(given)[:1024]
            if given is None or len(name) > 44 or count == 300 or size + len(name) + len(value) > 32 * 1024:
                continue
            values[name] = value
            count, size = count + 1, size + len(name) + len(value)
    return {kind: values for kind, values in kept.items() if values}


def merge(target: Body, change: Body) -> Body:
    merged = dict(target)
    for name, value in change.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict) and isinstance(merged.get(name), dict):
            merged[name] = merge(merged[name], value)
        else:
            merged[name] = value
    return merged


def refuse_guests_of_robots(actor: str, body: Body) -> None:
    if body.get("attendees") and actor.endswith("gserviceaccount.com"):
        words = "Service accounts cannot invite attendees without Domain-Wide Delegation of Authority."
        raise errors.GoogleError(403, "forbiddenForServiceAccounts", words, domain="calendar")


def refuse_foreign_permissions(calendar: Calendar, event: Event, body: Body, is_put: bool) -> None:
    if event.data["organizer"]["email"] == calendar.id or event.data.get("guestsCanModify"):
        return
    defaults = {"guestsCanInviteOthers": True, "guestsCanModify": False, "guestsCanSeeOtherGuests": True}
    for name, default in defaults.items():
        if name not in body and not is_put:
            continue
        if body.get(name, default) != event.data.get(name, default):
            raise errors.GoogleError(
                403,
                "forbiddenForNonOrganizer",
                "Shared properties can only be changed by the organizer of the event.",
                domain="calendar",
            )
