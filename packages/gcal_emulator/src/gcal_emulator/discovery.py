"""What this emulator offers, in the form of a discovery document, so that clients can be built from its own origin.

Written from the public reference of Calendar API v3: method, path, parameters, scopes.
"""

import re
from functools import cache
from typing import Any

from gcal_emulator import resources

PREFIX = "https://www.googleapis.com/auth/"

_GENERAL = "alt fields key oauth_token prettyPrint quotaUser userIp"
_LIST = "maxResults pageToken syncToken"
_EVENT = "alwaysIncludeEmail conferenceDataVersion eventLabelVersion maxAttendees sendNotifications sendUpdates supportsAttachments"
_EVENTS = (
    f"{_LIST} alwaysIncludeEmail eventTypes iCalUID maxAttendees orderBy privateExtendedProperty q "
    "sharedExtendedProperty showDeleted showHiddenInvitations singleEvents timeMax timeMin timeZone updatedMin"
)
_REPEATED = {"eventTypes", "privateExtendedProperty", "sharedExtendedProperty"}
_INTEGERS = {"maxResults", "maxAttendees", "conferenceDataVersion", "eventLabelVersion"}
_BOOLEANS = {
    "alwaysIncludeEmail",
    "colorRgbFormat",
    "prettyPrint",
    "sendNotifications",
    "showDeleted",
    "showHidden",
    "showHiddenInvitations",
    "showOwnOrganizationOnly",
    "singleEvents",
    "supportsAttachments",
    "useAdminAccess",
}
REQUIRED = ("destination", "text", "newDataOwner", "useAdminAccess")
TIMES = ("timeMax", "timeMin", "updatedMin")
ZONES = ("timeZone",)
RANGES = {"conferenceDataVersion": (0, 1), "eventLabelVersion": (0, 1)}
"""Limits of integers; all others begin at 1."""
ENUMS = {
    "alt": ("json",),
    "eventTypes": ("birthday", "default", "focusTime", "fromGmail", "outOfOffice", "workingLocation"),
    "minAccessRole": ("freeBusyReader", "owner", "reader", "writer", "writerWithoutPrivateAccess"),
    "orderBy": ("startTime", "updated"),
    "sendUpdates": ("all", "externalOnly", "none"),
}
_CALENDAR, _EVENT_PATH = "calendars/{calendarId}", "calendars/{calendarId}/events/{eventId}"
_ENTRY, _RULE = "users/me/calendarList/{calendarId}", "calendars/{calendarId}/acl/{ruleId}"

METHODS: dict[str, tuple[str, str, str, str]] = {
    "acl.delete": ("DELETE", _RULE, "", ""),
    "acl.get": ("GET", _RULE, "", ""),
    "acl.insert": ("POST", "calendars/{calendarId}/acl", "sendNotifications", "AclRule"),
    "acl.list": ("GET", "calendars/{calendarId}/acl", f"{_LIST} showDeleted", ""),
    "acl.patch": ("PATCH", _RULE, "sendNotifications", "AclRule"),
    "acl.update": ("PUT", _RULE, "sendNotifications", "AclRule"),
    "acl.watch": ("POST", "calendars/{calendarId}/acl/watch", f"{_LIST} showDeleted", "Channel"),
    "calendarList.delete": ("DELETE", _ENTRY, "", ""),
    "calendarList.get": ("GET", _ENTRY, "", ""),
    "calendarList.insert": ("POST", "users/me/calendarList", "colorRgbFormat", "CalendarListEntry"),
    "calendarList.list": (
        "GET",
        "users/me/calendarList",
        f"{_LIST} minAccessRole showDeleted showHidden showOwnOrganizationOnly",
        "",
    ),
    "calendarList.patch": ("PATCH", _ENTRY, "colorRgbFormat", "CalendarListEntry"),
    "calendarList.update": ("PUT", _ENTRY, "colorRgbFormat", "CalendarListEntry"),
    "calendarList.watch": (
        "POST",
        "users/me/calendarList/watch",
        f"{_LIST} minAccessRole showDeleted showHidden showOwnOrganizationOnly",
        "Channel",
    ),
    "calendars.clear": ("POST", f"{_CALENDAR}/clear", "", ""),
    "calendars.delete": ("DELETE", _CALENDAR, "", ""),
    "calendars.get": ("GET", _CALENDAR, "", ""),
    "calendars.insert": ("POST", "calendars", "", "Calendar"),
    "calendars.patch": ("PATCH", _CALENDAR, "", "Calendar"),
    "calendars.transferOwnership": ("POST", f"{_CALENDAR}/transferOwnership", "newDataOwner useAdminAccess", ""),
    "calendars.update": ("PUT", _CALENDAR, "", "Calendar"),
    "channels.stop": ("POST", "channels/stop", "", "Channel"),
    "colors.get": ("GET", "colors", "", ""),
    "events.delete": ("DELETE", _EVENT_PATH, "sendNotifications sendUpdates", ""),
    "events.get": ("GET", _EVENT_PATH, "alwaysIncludeEmail maxAttendees timeZone", ""),
    "events.import": (
        "POST",
        f"{_CALENDAR}/events/import",
        "conferenceDataVersion eventLabelVersion supportsAttachments",
        "Event",
    ),
    "events.insert": ("POST", f"{_CALENDAR}/events", _EVENT.replace("alwaysIncludeEmail ", ""), "Event"),
    "events.instances": (
        "GET",
        f"{_EVENT_PATH}/instances",
        "alwaysIncludeEmail maxAttendees maxResults originalStart pageToken showDeleted timeMax timeMin timeZone",
        "",
    ),
    "events.list": ("GET", f"{_CALENDAR}/events", _EVENTS, ""),
    "events.move": ("POST", f"{_EVENT_PATH}/move", "destination sendNotifications sendUpdates", ""),
    "events.patch": ("PATCH", _EVENT_PATH, _EVENT, "Event"),
    "events.quickAdd": ("POST", f"{_CALENDAR}/events/quickAdd", "sendNotifications sendUpdates text", ""),
    "events.update": ("PUT", _EVENT_PATH, _EVENT, "Event"),
    "events.watch": ("POST", f"{_CALENDAR}/events/watch", _EVENTS, "Channel"),
    "freebusy.query": ("POST", "freeBusy", "", "FreeBusyRequest"),
    "settings.get": ("GET", "users/me/settings/{setting}", "", ""),
    "settings.list": ("GET", "users/me/settings", _LIST, ""),
    "settings.watch": ("POST", "users/me/settings/watch", _LIST, "Channel"),
}
"""Method id → (HTTP method, path, query parameters, schema of the body)."""

_READ, _OWNED = "calendar calendar.readonly", "calendar.events.owned"
_EVENT_READ = (
    f"{_READ} calendar.app.created calendar.events calendar.events.freebusy {_OWNED} {_OWNED}.readonly "
    "calendar.events.public.readonly calendar.events.readonly"
)
_EVENT_WRITE = f"calendar calendar.app.created calendar.events {_OWNED}"
_ACLS = "calendar calendar.acls"
_LISTS, _CALENDARS = "calendar calendar.calendarlist", "calendar calendar.calendars"
_SETTINGS = f"{_READ} calendar.settings calendar.settings.readonly"

SCOPES: dict[str, str] = {
    **dict.fromkeys(("acl.delete", "acl.insert", "acl.patch", "acl.update"), _ACLS),
    **dict.fromkeys(("acl.list", "acl.watch"), f"{_ACLS} calendar.acls.readonly"),
    "acl.get": f"{_ACLS} calendar.acls.readonly calendar.readonly",
    **dict.fromkeys(("calendarList.delete", "calendarList.patch"), f"{_LISTS} calendar.app.created"),
    "calendarList.update": f"{_LISTS} calendar.app.created",
    "calendarList.get": f"{_LISTS} calendar.app.created calendar.calendarlist.readonly calendar.readonly",
    "calendarList.insert": _LISTS,
    **dict.fromkeys(
        ("calendarList.list", "calendarList.watch"), f"{_LISTS} calendar.calendarlist.readonly calendar.readonly"
    ),
    **dict.fromkeys(("calendars.clear", "calendars.transferOwnership"), _CALENDARS),
    **dict.fromkeys(("calendars.delete", "calendars.insert"), f"{_CALENDARS} calendar.app.created"),
    **dict.fromkeys(("calendars.patch", "calendars.update"), f"{_CALENDARS} calendar.app.created"),
    "calendars.get": f"{_CALENDARS} calendar.app.created calendar.calendars.readonly calendar.readonly",
    "channels.stop": f"{_EVENT_READ} {_ACLS} calendar.acls.readonly {_LISTS} calendar.calendarlist.readonly {_SETTINGS}",
    "colors.get": (
        f"{_READ} calendar.app.created {_LISTS} calendar.calendarlist.readonly calendar.events.freebusy {_OWNED} "
        f"{_OWNED}.readonly calendar.events.public.readonly"
    ),
    **dict.fromkeys(("events.get", "events.instances", "events.list", "events.watch"), _EVENT_READ),
    **dict.fromkeys(("events.delete", "events.import", "events.insert", "events.patch"), _EVENT_WRITE),
    **dict.fromkeys(("events.quickAdd", "events.update"), _EVENT_WRITE),
    "events.move": f"calendar calendar.events {_OWNED}",
    "freebusy.query": f"{_READ} calendar.events.freebusy calendar.freebusy",
    **dict.fromkeys(("settings.get", "settings.list", "settings.watch"), _SETTINGS),
}
"""Method id → the scopes of which one is enough, without Google's prefix."""

SCOPE_TEXTS = {
    "calendar": "See, edit, share and permanently delete all the calendars you can access",
    "calendar.acls": "See and change who may see the calendars you own",
    "calendar.acls.readonly": "See who may see the calendars you own",
    "calendar.app.created": "Make secondary calendars, and see and change events on them",
    "calendar.calendarlist": "See, add and remove the calendars you are subscribed to",
    "calendar.calendarlist.readonly": "See the list of Google calendars you are subscribed to",
    "calendar.calendars": "See and change the properties of calendars, and make calendars",
    "calendar.calendars.readonly": "See the title, description and time zone of your calendars",
    "calendar.events": "View and edit events on all your calendars",
    "calendar.events.freebusy": "See the availability on calendars you have access to",
    "calendar.events.owned": "See and change events on the calendars you own",
    "calendar.events.owned.readonly": "See the events on the calendars you own",
    "calendar.events.public.readonly": "See the events on public calendars",
    "calendar.events.readonly": "View events on all your calendars",
    "calendar.freebusy": "View your availability in your calendars",
    "calendar.readonly": "See and download any calendar you can access",
    "calendar.settings": "View and edit your calendar settings",
    "calendar.settings.readonly": "View your calendar settings",
}
"""Scope → what a consent page says of it."""

KEYED = ("events.list", "events.get", "events.instances", "calendars.get", "colors.get", "freebusy.query")
"""Methods that need an API key only, on public calendars."""

_SCHEMAS = {
    "acl": ("AclRule", "Acl"),
    "calendarList": ("CalendarListEntry", "CalendarList"),
    "calendars": ("Calendar", ""),
    "colors": ("Colors", ""),
    "events": ("Event", "Events"),
    "freebusy": ("", "FreeBusyResponse"),
    "settings": ("Setting", "Settings"),
}
"""What a resource's methods answer: one, and a list."""

REFUSED = {
    "calendars.transferOwnership": "403 `forbidden`: only administrators of a Workspace domain may, and there are no domains"
}
"""Methods that answer a refusal whatever is asked."""

WITHOUT_EFFECT = {
    "alt": "answers are JSON, the only form that Calendar API v3 has",
    "alwaysIncludeEmail": "Google ignores it since addresses are always there",
    "newDataOwner": "of `calendars.transferOwnership`",
    "quotaUser": "quotas count the user of the access token",
    "sendNotifications on acl": "no mail is simulated for sharing",
    "showHiddenInvitations": "no invitation is hidden here",
    "showOwnOrganizationOnly": "there are no organisations; refused beside a sync token, as at Google",
    "useAdminAccess": "of `calendars.transferOwnership`",
    "userIp": "deprecated by Google",
}
"""Parameters that are accepted and change nothing, and why."""


def document(origin: str) -> dict[str, Any]:
    """The discovery document of the emulator at `origin` (without a slash at the end)."""
    groups: dict[str, Any] = {}
    for name, method in METHODS.items():
        resource, _, verb = name.partition(".")
        groups.setdefault(resource, {"methods": {}})["methods"][verb] = _method(name, *method)
    return {
        "kind": "discovery#restDescription",
        "discoveryVersion": "v1",
        "id": "calendar:v3",
        "name": "calendar",
        "version": "v3",
        "title": "Calendar API (emulated)",
        "protocol": "rest",
        "rootUrl": f"{origin}/",
        "servicePath": "calendar/v3/",
        "baseUrl": f"{origin}/calendar/v3/",
        "batchPath": "batch/calendar/v3",
        "parameters": {name: _parameter(name, "query") for name in _GENERAL.split()},
        "auth": {
            "oauth2": {"scopes": {f"{PREFIX}{name}": {"description": text} for name, text in SCOPE_TEXTS.items()}}
        },
        "schemas": {name: resources.schema(name) for name in sorted(resources.FIELDS) if "." not in name},
        "resources": groups,
    }


def sign_in(origin: str) -> dict[str, Any]:
    """The discovery document of the methods that tell who signed in (`oauth2` v2)."""
    return {
        "kind": "discovery#restDescription",
        "discoveryVersion": "v1",
        "id": "oauth2:v2",
        "name": "oauth2",
        "version": "v2",
        "title": "Google OAuth2 API (emulated)",
        "protocol": "rest",
        "rootUrl": f"{origin}/",
        "servicePath": "",
        "baseUrl": f"{origin}/",
        "batchPath": "batch/oauth2/v2",
        "parameters": {name: _parameter(name, "query") for name in _GENERAL.split()},
        "schemas": {name: {"id": name, "type": "object", "additionalProperties": {"type": "any"}} for name in _PEOPLE},
        "methods": {"tokeninfo": _signed_in("tokeninfo", "POST", "oauth2/v2/tokeninfo", "access_token id_token")},
        "resources": {
            "userinfo": {
                "methods": {"get": _signed_in("userinfo.get", "GET", "oauth2/v2/userinfo", "")},
                "resources": {
                    "v2": {
                        "resources": {
                            "me": {"methods": {"get": _signed_in("userinfo.v2.me.get", "GET", "userinfo/v2/me", "")}}
                        }
                    }
                },
            }
        },
    }


def _signed_in(name: str, verb: str, path: str, query: str) -> dict[str, Any]:
    parameters = {n: {"type": "string", "location": "query"} for n in query.split()}
    answer = {"$ref": "Userinfo" if "userinfo" in name else "Tokeninfo"}
    return {"id": f"oauth2.{name}", "path": path, "httpMethod": verb, "parameters": parameters, "response": answer}


def directory(origin: str) -> dict[str, Any]:
    """Which documents there are."""
    items = [
        {
            "kind": "discovery#directoryItem",
            "id": f"{name}:{version}",
            "name": name,
            "version": version,
            "discoveryRestUrl": f"{origin}/discovery/v1/apis/{name}/{version}/rest",
            "preferred": True,
        }
        for name, version in DOCUMENTS
    ]
    return {"kind": "discovery#directoryList", "discoveryVersion": "v1", "items": items}


def _method(name: str, verb: str, path: str, query: str, body: str) -> dict[str, Any]:
    in_path = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    parameters = {n: _parameter(n, "path") for n in in_path} | {n: _parameter(n, "query") for n in query.split()}
    found: dict[str, Any] = {"id": f"calendar.{name}", "path": path, "httpMethod": verb, "parameters": parameters}
    found["scopes"] = sorted({PREFIX + scope for scope in SCOPES[name].split()})
    if answer := _answer(name):
        found["response"] = {"$ref": answer}
    order = [*in_path, *(n for n in query.split() if n in REQUIRED)]
    return found | {"parameterOrder": order} | ({"request": {"$ref": body}} if body else {})


def _answer(name: str) -> str:
    """The schema of what a method answers; empty for nothing."""
    resource, _, verb = name.partition(".")
    if verb in {"delete", "clear", "stop", "transferOwnership"}:
        return ""
    if verb == "watch":
        return "Channel"
    single, plural = _SCHEMAS[resource]
    return plural if verb in {"list", "instances", "query"} else single


@cache
def parameters_of(method: str) -> set[str]:
    """The names that the query of a method may hold."""
    return {*METHODS[method][2].split(), *_GENERAL.split()}


@cache
def _patterns() -> list[tuple[str, re.Pattern[str], str]]:
    found = []
    for name, (verb, path, _query, _body) in METHODS.items():
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))
        found.append((verb, re.compile(rf"/calendar/v3/{pattern}"), name))
    return found


def method_of(verb: str, path: str) -> str:
    """The id of the method behind a path as it was sent; empty for what is no call of the API."""
    if not path.startswith("/calendar/v3/"):
        return ""
    return next((name for known, pattern, name in _patterns() if known == verb and pattern.fullmatch(path)), "")


def answer_of(method: str) -> str:
    """The resource that a method answers; empty for nothing."""
    return _answer(method)


def kind_of(parameter: str) -> str:
    return "integer" if parameter in _INTEGERS else "boolean" if parameter in _BOOLEANS else "string"


def _parameter(name: str, place: str) -> dict[str, Any]:
    kind = kind_of(name)
    found: dict[str, Any] = {"type": kind, "location": place}
    if kind == "integer":
        low, high = RANGES.get(name, (1, 0))
        found |= {"format": "int32", "minimum": str(low)} | ({"maximum": str(high)} if high else {})
    if name in TIMES:
        found["format"] = "date-time"
    if name in ENUMS:
        found["enum"] = list(ENUMS[name])
    if place == "path" or name in REQUIRED:
        found["required"] = True
    if name in _REPEATED:
        found["repeated"] = True
    return found


_PEOPLE = ("Userinfo", "Tokeninfo")
DOCUMENTS = {("calendar", "v3"): document, ("oauth2", "v2"): sign_in, ("oauth2", "v1"): sign_in}
"""API and version → its document for an origin."""
