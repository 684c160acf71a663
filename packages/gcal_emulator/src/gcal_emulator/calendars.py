"""Calendars, the list on which a person sees them, and their colours."""

from typing import Any

from flask import Blueprint, Response, g, request

from gcal_emulator import bodies, calls, errors, events, push, shapes, sharing
from gcal_emulator.errors import GoogleError
from gcal_emulator.world import ROLES, Calendar, ListEntry, World

_MORE = ("autoAcceptInvitations", "labelProperties", "workingHours")
"""Members of a calendar that are kept as they are sent."""
_CLEARED: dict[str, Any] = {
    "summaryOverride": "",
    "selected": False,
    "hidden": False,
    "defaultReminders": [],
    "notificationSettings": {},
}
"""What a PUT of a list entry makes of members that it leaves out."""

EVENT_COLORS = dict(
    zip(
        map(str, range(1, 12)),
        ["a4bdfc", "7ae7bf", "dbadff", "ff887c", "fbd75b", "ffb878", "46d6db", "e1e1e1", "5484ed", "51b749", "dc2127"],
        strict=True,
    )
)
CALENDAR_COLORS = dict(
    zip(
        map(str, range(1, 25)),
        [
            "ac725e",
            "d06b64",
            "f83a22",
            "fa573c",
            "ff7537",
            "ffad46",
            "42d692",
            "16a765",
            "7bd148",
            "b3dc6c",
            "fbe983",
            "fad165",
            "92e1c0",
            "9fe1e7",
            "9fc6e7",
            "4986e7",
            "9a9cff",
            "b99aff",
            "c2c2c2",
            "cabdbf",
            "cca6ac",
            "f691b2",
            "cd74e6",
            "a47ae2",
        ],
        strict=True,
    )
)


def add_list_routes(api: Blueprint, world: World) -> None:
    """Adds the routes of `calendarList`."""

    @api.get("/users/me/calendarList")
    def list_calendars() -> Response:
        calls.allow("calendarList.list")
        return calls.answer(_calendar_list(world, g.token.email))

    @api.get("/users/me/calendarList/<path:calendar_id>")
    def get_list_entry(calendar_id: str) -> Response:
        calls.allow("calendarList.get")
        calendar = calls.calendar_of(world, calendar_id)
        return calls.answer(list_entry(world, g.token.email, _listed(world, calendar)))

    @api.post("/users/me/calendarList")
    def subscribe() -> Response:
        calls.allow("calendarList.insert")
        body = calls.body("CalendarListEntry")
        if not body.get("id"):
            raise errors.required("Required")
        calendar = calls.calendar_of(world, body["id"])
        entry = world.subscribe(g.token.email, calendar.id)
        _change_entry(entry, body, world.next_seq())
        push.changed(world, f"calendarList:{g.token.email}")
        return calls.answer(list_entry(world, g.token.email, entry))

    @api.route("/users/me/calendarList/<path:calendar_id>", methods=["PATCH", "PUT"])
    def change_list_entry(calendar_id: str) -> Response:
        calls.allow("calendarList.patch" if request.method == "PATCH" else "calendarList.update")
        calendar = calls.calendar_of(world, calendar_id)
        entry = _listed(world, calendar)
        calls.check_match(list_entry(world, g.token.email, entry)["etag"])
        body = calls.body("CalendarListEntry")
        if request.method == "PUT":
            body = _CLEARED | {name: value for name, value in body.items() if value is not None}
        _change_entry(entry, body, world.next_seq())
        push.changed(world, f"calendarList:{g.token.email}")
        return calls.answer(list_entry(world, g.token.email, entry))

    @api.delete("/users/me/calendarList/<path:calendar_id>")
    def unsubscribe(calendar_id: str) -> Response:
        calls.allow("calendarList.delete")
        calendar = calls.calendar_of(world, calendar_id)
        if calendar.owner == g.token.email:
            raise GoogleError(403, "cannotUnsubscribeFromOwnedCalendar", "Cannot unsubscribe from an owned calendar.")
        entry = _listed(world, calendar)
        calls.check_match(list_entry(world, g.token.email, entry)["etag"])
        entry.is_deleted, entry.seq = True, world.next_seq()
        push.changed(world, f"calendarList:{g.token.email}")
        return Response(status=204)

    @api.post("/users/me/calendarList/watch")
    def watch_list() -> Response:
        calls.allow("calendarList.watch")
        uri = f"https://www.googleapis.com{calls.BASE}/users/me/calendarList?alt=json"
        name = f"calendarList:{g.token.email}"
        return calls.answer(push.watch(world, g.token.email, g.token.client_id, name, uri, calls.body("Channel"), True))


def add_calendar_routes(api: Blueprint, world: World) -> None:
    """Adds the routes of `calendars`: made, read, changed."""

    @api.post("/calendars")
    def create_calendar() -> Response:
        calls.allow("calendars.insert")
        body = calls.body("Calendar")
        if not body.get("summary"):
            raise errors.required("Missing title.")
        calendar_id = f"c_{world.new_id(40)}@group.calendar.google.com"
        zone = body.get("timeZone") or world.accounts[g.token.email].time_zone
        calendar = world.add_calendar(calendar_id, body["summary"], g.token.email, zone)
        client = world.clients.get(g.token.client_id)
        calendar.made_by = client.project if client else ""
        _change(world, calendar, body)
        push.changed(world, f"calendarList:{g.token.email}")
        return calls.answer(_calendar(calendar))

    @api.get("/calendars/<path:calendar_id>")
    def get_calendar(calendar_id: str) -> Response:
        calls.allow("calendars.get")
        return calls.answer(_calendar(calls.calendar_of(world, calendar_id)))

    @api.route("/calendars/<path:calendar_id>", methods=["PATCH", "PUT"])
    def change_calendar(calendar_id: str) -> Response:
        calls.allow("calendars.patch" if request.method == "PATCH" else "calendars.update")
        calendar = calls.calendar_of(world, calendar_id, "owner")
        body = calls.body("Calendar")
        calls.check_match(_calendar(calendar)["etag"])
        if request.method == "PUT":
            if not body.get("summary"):
                raise errors.required("Missing title.")
            body = dict.fromkeys(("description", "location", *_MORE)) | body
        _change(world, calendar, body)
        return calls.answer(_calendar(calendar))

    @api.post("/calendars/<path:calendar_id>/transferOwnership")
    def transfer_ownership(calendar_id: str) -> Response:
        calls.allow("calendars.transferOwnership")
        calls.calendar_of(world, calendar_id, "owner")
        raise errors.forbidden("Only administrators of a Workspace domain may transfer ownership.")


def add_removal_routes(api: Blueprint, world: World) -> None:
    """Adds the routes that delete and empty calendars."""

    @api.delete("/calendars/<path:calendar_id>")
    def delete_calendar(calendar_id: str) -> Response:
        calls.allow("calendars.delete")
        calendar = calls.calendar_of(world, calendar_id, "owner")
        if calendar.is_primary:
            raise GoogleError(400, "cannotDeletePrimaryCalendar", "Cannot delete a primary calendar.")
        if calendar.owner != g.token.email:
            raise errors.forbidden()
        remove_calendar(world, calendar)
        return Response(status=204)

    @api.post("/calendars/<path:calendar_id>/clear")
    def clear_calendar(calendar_id: str) -> Response:
        calls.allow("calendars.clear")
        calendar = calls.calendar_of(world, calendar_id, "owner")
        if not calendar.is_primary:
            raise errors.invalid()
        for event in [e for e in calendar.events.values() if not e.is_exception and not e.is_cancelled]:
            events.delete(world, calendar, g.token.email, event.id, bodies.Params())
        return Response(status=204)


def add_color_routes(api: Blueprint) -> None:
    """Adds the route of `colors`."""

    @api.get("/colors")
    def colors() -> Response:
        calls.allow("colors.get")
        return calls.answer(
            {
                "kind": "calendar#colors",
                "updated": "2012-02-14T00:00:00.000Z",
                "calendar": {n: {"background": f"#{c}", "foreground": "#1d1d1d"} for n, c in CALENDAR_COLORS.items()},
                "event": {n: {"background": f"#{c}", "foreground": "#1d1d1d"} for n, c in EVENT_COLORS.items()},
            }
        )


def list_entry(world: World, email: str, entry: ListEntry) -> dict[str, Any]:
    """A calendarList resource of one user."""
    calendar = world.calendars[entry.calendar_id]
    color = CALENDAR_COLORS.get(entry.color_id, "4986e7")
    body: dict[str, Any] = {
        "kind": "calendar#calendarListEntry",
        "etag": f'"{calendar.updated_us + entry.seq}"',
        "id": calendar.id,
    }
    if entry.is_deleted or calendar.is_deleted:
        return body | {"deleted": True}
    body |= {
        "summary": calendar.summary,
        "timeZone": calendar.time_zone,
        "colorId": entry.color_id,
        "backgroundColor": entry.background or f"#{color}",
        "foregroundColor": entry.foreground or "#000000",
        "accessRole": world.role_of(email, calendar),
        "defaultReminders": entry.default_reminders,
        "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
    }
    optional = {
        "description": calendar.description,
        "location": calendar.location,
        "summaryOverride": entry.summary_override,
        "notificationSettings": {"notifications": entry.notifications} if entry.notifications else None,
        "selected": entry.is_selected,
        "hidden": entry.is_hidden,
        "primary": calendar.id == email,
    }
    if not calendar.is_primary:
        optional["dataOwner"] = calendar.owner
    return body | {name: value for name, value in optional.items() if value}


def remove_calendar(world: World, calendar: Calendar) -> None:
    """Deletes a calendar for everyone."""
    calendar.is_deleted = True
    for entries in world.lists.values():
        if entry := entries.get(calendar.id):
            entry.is_deleted, entry.seq = True, world.next_seq()
    for email in world.lists:
        push.changed(world, f"calendarList:{email}")


def _calendar_list(world: World, email: str) -> dict[str, Any]:
    query = request.args
    token = query.get("syncToken")
    if token and (query.get("minAccessRole") or query.get("showOwnOrganizationOnly")):
        raise errors.invalid("Sync token cannot be used with other request restrictions", "syncToken")
    since = sharing.list_token(world, token, email)
    since = -1 if since is None else since
    least = query.get("minAccessRole")
    found = []
    for entry in world.lists.get(email, {}).values():
        calendar = world.calendars[entry.calendar_id]
        is_gone = entry.is_deleted or calendar.is_deleted
        if entry.seq <= since or (not token and is_gone and query.get("showDeleted") != "true"):
            continue
        if not token and entry.is_hidden and query.get("showHidden") != "true":
            continue
        if least and ROLES.index(world.role_of(email, calendar)) < ROLES.index(least):
            continue
        if is_gone or world.role_of(email, calendar) != "none":
            found.append(list_entry(world, email, entry))
    size, at = min(calls.number("maxResults", 100), 250), calls.number("pageToken", 0)
    body: dict[str, Any] = {"kind": "calendar#calendarList", "etag": f'"p{world.seq:x}"'}
    if at + size < len(found):
        body["nextPageToken"] = str(at + size)
    else:
        body["nextSyncToken"] = f"{world.seq}:{email}"
    if page := found[at : at + size]:
        body["items"] = page
    return body


def _listed(world: World, calendar: Calendar) -> ListEntry:
    """The caller's list entry of a calendar. Raises 404 when it is not on the list."""
    entry = world.lists.get(g.token.email, {}).get(calendar.id)
    if entry is None or entry.is_deleted:
        raise errors.not_found()
    return entry


def _change(world: World, calendar: Calendar, body: dict[str, Any]) -> None:
    """Takes over what a body says of a calendar; null clears."""
    calendar.summary = body.get("summary") or calendar.summary
    calendar.time_zone = body.get("timeZone") or calendar.time_zone
    calendar.description = (body.get("description", calendar.description)) or ""
    calendar.location = (body.get("location", calendar.location)) or ""
    for name in _MORE:
        if name in body:
            calendar.more[name] = shapes.without_nulls(body[name])
    calendar.more = {name: value for name, value in calendar.more.items() if value}
    calendar.updated_us = world.clock.stamp_us()
    calendar.listed = None


def _change_entry(entry: ListEntry, body: dict[str, Any], seq: int) -> None:
    """Takes over what a body says of a list entry; null clears."""
    reminders = body.get("defaultReminders", entry.default_reminders) or []
    kept = [row for row in reminders if row.get("method") != "sms"]
    bodies.check_overrides(kept)
    entry.default_reminders = [{"method": row["method"], "minutes": int(row["minutes"])} for row in kept]
    entry.color_id = body.get("colorId") or entry.color_id
    entry.summary_override = body.get("summaryOverride", entry.summary_override) or ""
    entry.is_selected = bool(body.get("selected", entry.is_selected))
    entry.is_hidden = bool(body.get("hidden", entry.is_hidden))
    if "notificationSettings" in body:
        entry.notifications = _notifications(body["notificationSettings"] or {})
    if request.args.get("colorRgbFormat") == "true":
        entry.background = body.get("backgroundColor", entry.background) or ""
        entry.foreground = body.get("foregroundColor", entry.foreground) or ""
        entry.color_id = _nearest_color(entry.background) if entry.background else entry.color_id
    entry.seq = seq


def _notifications(settings: dict[str, Any]) -> list[dict[str, Any]]:
    rows = settings.get("notifications") or []
    if not all(row.get("type") and row.get("method") for row in rows):
        raise errors.required("Missing notification type or method.")
    return [{"type": row["type"], "method": row["method"]} for row in rows if row["method"] != "sms"]


def _nearest_color(background: str) -> str:
    """The palette's entry that is closest to an RGB colour."""
    wanted = bytes.fromhex(background.removeprefix("#"))

    def distance(name: str) -> int:
        return sum((a - b) ** 2 for a, b in zip(bytes.fromhex(CALENDAR_COLORS[name]), wanted, strict=True))

    return min(CALENDAR_COLORS, key=distance)


def _calendar(calendar: Calendar) -> dict[str, Any]:
    body: dict[str, Any] = {
        "kind": "calendar#calendar",
        "etag": f'"{calendar.updated_us}"',
        "id": calendar.id,
        "summary": calendar.summary,
        "timeZone": calendar.time_zone,
        "conferenceProperties": {"allowedConferenceSolutionTypes": ["hangoutsMeet"]},
    }
    optional = {"description": calendar.description, "location": calendar.location} | calendar.more
    if not calendar.is_primary:
        optional["dataOwner"] = calendar.owner
    return body | {name: value for name, value in optional.items() if value}
