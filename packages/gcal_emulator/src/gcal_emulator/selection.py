"""Partial responses: the `fields` parameter (guide/performance) with commas, slashes, parentheses and `*`."""

import re
from typing import Any

from gcal_emulator.errors import GoogleError

Tree = dict[str, "Tree"]

_KNOWN = frozenset(
    [
        "accessRole",
        "accessLevel",
        "acl",
        "additionalGuests",
        "address",
        "allowedConferenceSolutionTypes",
        "alternateLink",
        "anyoneCanAddSelf",
        "attachments",
        "attendees",
        "attendeesOmitted",
        "autoAcceptInvitations",
        "autoDeclineMode",
        "background",
        "backgroundColor",
        "birthdayProperties",
        "buildingId",
        "busy",
        "calendar",
        "calendarExpansionMax",
        "calendars",
        "chatStatus",
        "code",
        "colorId",
        "comment",
        "conferenceData",
        "conferenceId",
        "conferenceProperties",
        "conferenceSolution",
        "conferenceSolutionKey",
        "contact",
        "createRequest",
        "created",
        "creator",
        "customLocation",
        "dataOwner",
        "date",
        "dateTime",
        "declineMessage",
        "default",
        "defaultReminders",
        "deleted",
        "description",
        "deskId",
        "display",
        "displayName",
        "domain",
        "email",
        "end",
        "endTimeUnspecified",
        "entryPointType",
        "entryPoints",
        "error",
        "errors",
        "etag",
        "event",
        "eventLabelId",
        "eventLabels",
        "eventType",
        "expiration",
        "extendedProperties",
        "fileId",
        "fileUrl",
        "floorId",
        "floorSectionId",
        "focusTimeProperties",
        "foreground",
        "foregroundColor",
        "gadget",
        "groupExpansionMax",
        "groups",
        "guestsCanInviteOthers",
        "guestsCanModify",
        "guestsCanSeeOtherGuests",
        "hangoutLink",
        "height",
        "hidden",
        "homeOffice",
        "htmlLink",
        "iCalUID",
        "iconLink",
        "iconUri",
        "id",
        "items",
        "key",
        "kind",
        "label",
        "labelProperties",
        "link",
        "location",
        "locked",
        "meetingCode",
        "message",
        "method",
        "minutes",
        "name",
        "nextPageToken",
        "nextSyncToken",
        "notes",
        "notificationSettings",
        "notifications",
        "officeLocation",
        "optional",
        "organizer",
        "originalStartTime",
        "outOfOfficeProperties",
        "overrides",
        "parameters",
        "params",
        "passcode",
        "password",
        "payload",
        "pin",
        "preferences",
        "primary",
        "private",
        "privateCopy",
        "reason",
        "recurrence",
        "recurringEventId",
        "regionCode",
        "reminders",
        "requestId",
        "resource",
        "resourceId",
        "resourceUri",
        "responseStatus",
        "role",
        "scope",
        "selected",
        "self",
        "sequence",
        "shared",
        "signature",
        "source",
        "start",
        "status",
        "statusCode",
        "summary",
        "summaryOverride",
        "timeMax",
        "timeMin",
        "timeZone",
        "title",
        "token",
        "transparency",
        "type",
        "updated",
        "uri",
        "url",
        "useDefault",
        "value",
        "visibility",
        "width",
        "workingHours",
        "workingLocationProperties",
    ]
)
_TOKEN = re.compile(r"[^,/()]+|[,/()]")


def parse(text: str) -> Tree:
    """A selector as a tree of names; an empty tree means everything beneath. Raises GoogleError."""
    tokens = _TOKEN.findall(text.replace(" ", ""))
    tree, at = _list(tokens, 0, text)
    if at != len(tokens):
        raise _invalid(text)
    return tree


def apply(value: Any, tree: Tree) -> Any:
    """The selected part of a JSON value; lists are entered item by item."""
    if not tree or ("*" in tree and not tree["*"]):
        return value
    if isinstance(value, list):
        return [apply(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    rest = tree.get("*")
    found = {}
    for name, inner in value.items():
        wanted = tree.get(name, rest)
        if wanted is not None:
            found[name] = apply(inner, wanted)
    return found


def _list(tokens: list[str], at: int, text: str) -> tuple[Tree, int]:
    tree: Tree = {}
    while True:
        at = _path(tokens, at, tree, text)
        if at >= len(tokens) or tokens[at] != ",":
            return tree, at
        at += 1


def _path(tokens: list[str], at: int, tree: Tree, text: str) -> int:
    if at >= len(tokens) or tokens[at] in ",/()":
        raise _invalid(text)
    name = tokens[at]
    if name != "*" and name not in _KNOWN:
        raise _invalid(name)
    inner: Tree = {}
    at += 1
    if at < len(tokens) and tokens[at] == "/":
        at = _path(tokens, at + 1, inner, text)
    elif at < len(tokens) and tokens[at] == "(":
        inner, at = _list(tokens, at + 1, text)
        if at >= len(tokens) or tokens[at] != ")":
            raise _invalid(text)
        at += 1
    known = tree.get(name)
    tree[name] = inner if known is None else {} if not known or not inner else known | inner
    return at


def _invalid(what: str) -> GoogleError:
    return GoogleError(400, "invalidParameter", f"Invalid field selection {what}", location="fields")
