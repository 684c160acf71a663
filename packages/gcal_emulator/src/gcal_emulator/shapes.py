"""What the members of a request's body have to be; null and unknown members are let through, as Google does."""

from typing import Any

from gcal_emulator import errors

Shape = type | tuple[type, ...] | dict[str, Any] | list[Any]

_WHEN: Shape = {"date": str, "dateTime": str, "timeZone": str}
_NUMBER: Shape = (int, str)
_PERSON: Shape = {"email": str, "displayName": str, "id": str, "self": bool}
_REMINDER: Shape = {"method": str, "minutes": _NUMBER}

EVENT: Shape = {
    **dict.fromkeys(
        ("id", "iCalUID", "summary", "description", "location", "colorId", "eventLabelId", "status", "visibility"), str
    ),
    **dict.fromkeys(("transparency", "eventType", "hangoutLink", "recurringEventId"), str),
    **dict.fromkeys(("guestsCanInviteOthers", "guestsCanModify", "guestsCanSeeOtherGuests"), bool),
    **dict.fromkeys(("anyoneCanAddSelf", "attendeesOmitted", "endTimeUnspecified"), bool),
    "sequence": _NUMBER,
    "start": _WHEN,
    "end": _WHEN,
    "originalStartTime": _WHEN,
    "recurrence": [str],
    "organizer": _PERSON,
    "attendees": [
        {
            **dict.fromkeys(("email", "displayName", "comment", "responseStatus", "id"), str),
            **dict.fromkeys(("optional", "resource", "organizer", "self"), bool),
            "additionalGuests": _NUMBER,
        }
    ],
    "attachments": [{"fileUrl": str, "title": str, "mimeType": str, "iconLink": str, "fileId": str}],
    "extendedProperties": {"private": dict, "shared": dict},
    "reminders": {"useDefault": bool, "overrides": [_REMINDER]},
    "conferenceData": {
        "createRequest": {"requestId": str, "conferenceSolutionKey": {"type": str}},
        "entryPoints": [dict],
        "conferenceSolution": dict,
        "conferenceId": str,
        "notes": str,
    },
    "source": {"title": str, "url": str},
    **dict.fromkeys(("birthdayProperties", "focusTimeProperties"), dict),
    **dict.fromkeys(("outOfOfficeProperties", "workingLocationProperties"), dict),
}
CALENDAR: Shape = dict.fromkeys(("summary", "description", "location", "timeZone"), str)
ENTRY: Shape = {
    **dict.fromkeys(("id", "colorId", "summaryOverride", "backgroundColor", "foregroundColor"), str),
    **dict.fromkeys(("selected", "hidden"), bool),
    "defaultReminders": [_REMINDER],
}
CHANNEL: Shape = {
    **dict.fromkeys(("id", "type", "address", "token", "resourceId"), str),
    "expiration": _NUMBER,
    "params": dict,
}
RULE: Shape = {"role": str, "scope": {"type": str, "value": str}}
FREE_BUSY: Shape = {
    **dict.fromkeys(("timeMin", "timeMax", "timeZone"), str),
    **dict.fromkeys(("groupExpansionMax", "calendarExpansionMax"), _NUMBER),
    "items": [{"id": str}],
}


def check(shape: Shape, value: Any, name: str = "") -> None:
    """Refuses a member of the wrong kind. Raises GoogleError 400."""
    if value is None:
        return
    if isinstance(shape, dict):
        _is(isinstance(value, dict), name)
        for member, inner in shape.items():
            check(inner, value.get(member), f"{name}.{member}" if name else member)
    elif isinstance(shape, list):
        _is(isinstance(value, list) and None not in value, name)
        for item in value:
            check(shape[0], item, name)
    elif shape == _NUMBER:
        _is(not isinstance(value, bool) and str(value).lstrip("-").isdecimal(), name)
    else:
        _is(isinstance(value, shape), name)


def _is(fits: bool, name: str) -> None:
    if not fits:
        raise errors.invalid(f"Invalid value for {name}" if name else "Invalid Value", name)
