"""What this emulator offers, in the form of a discovery document, so that clients can be built from its own origin.

Written from the public reference of Calendar API v3: method, path, parameters. Bodies are open objects.
"""

from typing import Any

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
_REQUIRED = {"destination", "text", "newDataOwner"}
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
    "key": "an access token is asked for anyway",
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
    resources: dict[str, Any] = {}
    for name, method in METHODS.items():
        resource, _, verb = name.partition(".")
        resources.setdefault(resource, {"methods": {}})["methods"][verb] = _method(name, *method)
    bodies = {body for _m, _p, _q, body in METHODS.values() if body} | {_answer(name) for name in METHODS} - {""}
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
        "schemas": {name: _schema(name) for name in sorted(bodies)},
        "resources": resources,
    }


def _method(name: str, verb: str, path: str, query: str, body: str) -> dict[str, Any]:
    in_path = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    parameters = {n: _parameter(n, "path") for n in in_path} | {n: _parameter(n, "query") for n in query.split()}
    found: dict[str, Any] = {"id": f"calendar.{name}", "path": path, "httpMethod": verb, "parameters": parameters}
    if answer := _answer(name):
        found["response"] = {"$ref": answer}
    order = [*in_path, *(n for n in query.split() if n in _REQUIRED)]
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


def _schema(name: str) -> dict[str, Any]:
    """An open object; lists say that they have pages, so that clients offer to turn them."""
    is_list = name in {"Acl", "CalendarList", "Events", "Settings"}
    pages = {"properties": {"nextPageToken": {"type": "string"}}} if is_list else {}
    return {"id": name, "type": "object", "additionalProperties": {"type": "any"}} | pages


def _parameter(name: str, place: str) -> dict[str, Any]:
    kind = "integer" if name in _INTEGERS else "boolean" if name in _BOOLEANS else "string"
    found: dict[str, Any] = {"type": kind, "location": place}
    if place == "path" or name in _REQUIRED:
        found["required"] = True
    if name in _REPEATED:
        found["repeated"] = True
    return found
