"""Calendar API v3 over HTTP: authentication, scopes, routes, faults, journal."""

import json
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

from flask import Blueprint, Flask, Response, g, request

from gcal_emulator import (
    bodies,
    errors,
    events,
    finding,
    listing,
    push,
    quick_add,
    render,
    schemas,
    selection,
    shapes,
    sharing,
)
from gcal_emulator.errors import GoogleError
from gcal_emulator.world import ROLES, Calendar, ListEntry, Token, World

BASE = "/calendar/v3"
PREFIX = "https://www.googleapis.com/auth/"
_READ_EVENTS = ("calendar", "calendar.readonly", "calendar.events", "calendar.events.readonly", "calendar.app.created")
_WRITE_EVENTS = ("calendar", "calendar.events", "calendar.app.created")
_READ_LIST = ("calendar", "calendar.readonly", "calendar.calendarlist", "calendar.calendarlist.readonly")
_WRITE_LIST = ("calendar", "calendar.calendarlist")
_CALENDARS = ("calendar", "calendar.calendars", "calendar.app.created")
_CALENDARS_READ = (*_CALENDARS, "calendar.readonly", "calendar.calendars.readonly")
_FREEBUSY = ("calendar", "calendar.readonly", "calendar.freebusy", "calendar.events.freebusy")
_COLORS = (
    "calendar",
    "calendar.readonly",
    "calendar.calendarlist",
    "calendar.calendarlist.readonly",
    "calendar.app.created",
)
_SETTINGS = ("calendar", "calendar.readonly", "calendar.settings.readonly")
_ACL = ("calendar", "calendar.acls")
_STOP = tuple({*_READ_EVENTS, *_READ_LIST, *_SETTINGS, *_ACL})

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


def blueprint(world: World) -> Blueprint:
    """The routes of Calendar API v3 for one world."""
    api = Blueprint("api", __name__, url_prefix=BASE)

    def calendar_of(calendar_id: str, least: str = "freeBusyReader") -> Calendar:
        name = g.token.email if calendar_id == "primary" else calendar_id
        calendar = world.calendars.get(name)
        if calendar is None or calendar.is_deleted:
            raise errors.not_found()
        role = world.role_of(g.token.email, calendar)
        if role == "none":
            raise errors.not_found()
        if ROLES.index(role) < ROLES.index(least):
            raise errors.GoogleError(
                403, "requiredAccessLevel", f"You need to have {least} access to this calendar.", domain="calendar"
            )
        return calendar

    def allow(method: str, scopes: tuple[str, ...]) -> None:
        if not {PREFIX + scope for scope in scopes} & g.token.scopes:
            raise errors.scope_insufficient(method)

    def params() -> bodies.Params:
        return bodies.Params(request.args.to_dict(), request.headers.get("If-Match", ""))

    def shown(calendar: Calendar, event: Any) -> Response:
        zone = request.args.get("timeZone") or calendar.time_zone
        g.etag = render.etag(event)
        response = _raw(render.pretty(world, calendar, event, g.token.email, zone, _number("maxAttendees", 0)))
        response.headers["ETag"] = g.etag
        return response

    @api.get("/users/me/calendarList")
    def list_calendars() -> Response:
        allow("CalendarList.List", _READ_LIST)
        return _json(_calendar_list(world, g.token.email))

    @api.get("/users/me/calendarList/<path:calendar_id>")
    def get_list_entry(calendar_id: str) -> Response:
        allow("CalendarList.Get", (*_READ_LIST, "calendar.app.created"))
        calendar = calendar_of(calendar_id)
        entry = world.lists[g.token.email].get(calendar.id)
        if entry is None or entry.is_deleted:
            raise errors.not_found()
        return _json(list_entry(world, g.token.email, entry))

    @api.post("/users/me/calendarList")
    def subscribe() -> Response:
        allow("CalendarList.Insert", _WRITE_LIST)
        calendar = calendar_of(_body(shapes.ENTRY).get("id") or "")
        entry = world.subscribe(g.token.email, calendar.id)
        push.changed(world, f"calendarList:{g.token.email}")
        return _json(list_entry(world, g.token.email, entry))

    @api.route("/users/me/calendarList/<path:calendar_id>", methods=["PATCH", "PUT"])
    def change_list_entry(calendar_id: str) -> Response:
        allow("CalendarList.Patch", _WRITE_LIST)
        calendar = calendar_of(calendar_id)
        entry = world.lists[g.token.email][calendar.id]
        _change_entry(entry, _body(shapes.ENTRY), world.next_seq())
        push.changed(world, f"calendarList:{g.token.email}")
        return _json(list_entry(world, g.token.email, entry))

    @api.delete("/users/me/calendarList/<path:calendar_id>")
    def unsubscribe(calendar_id: str) -> Response:
        allow("CalendarList.Delete", _WRITE_LIST)
        calendar = calendar_of(calendar_id)
        if calendar.owner == g.token.email:
            raise GoogleError(403, "cannotUnsubscribeFromOwnedCalendar", "Cannot unsubscribe from an owned calendar.")
        entry = world.lists[g.token.email][calendar.id]
        entry.is_deleted, entry.seq = True, world.next_seq()
        push.changed(world, f"calendarList:{g.token.email}")
        return Response(status=204)

    @api.post("/users/me/calendarList/watch")
    def watch_list() -> Response:
        allow("CalendarList.Watch", _READ_LIST)
        uri = f"https://www.googleapis.com{BASE}/users/me/calendarList?alt=json"
        name = f"calendarList:{g.token.email}"
        return _json(push.watch(world, g.token.email, g.token.client_id, name, uri, _body(shapes.CHANNEL), True))

    @api.post("/calendars")
    def create_calendar() -> Response:
        allow("Calendars.Insert", _CALENDARS)
        body = _body(shapes.CALENDAR)
        if not body.get("summary"):
            raise errors.required("Missing title.")
        calendar_id = f"c_{world.new_id(40)}@group.calendar.google.com"
        zone = body.get("timeZone") or world.accounts[g.token.email].time_zone
        calendar = world.add_calendar(calendar_id, body["summary"], g.token.email, zone)
        calendar.description = body.get("description") or ""
        push.changed(world, f"calendarList:{g.token.email}")
        return _json(_calendar(calendar))

    @api.get("/calendars/<path:calendar_id>")
    def get_calendar(calendar_id: str) -> Response:
        allow("Calendars.Get", _CALENDARS_READ)
        return _json(_calendar(calendar_of(calendar_id)))

    @api.route("/calendars/<path:calendar_id>", methods=["PATCH", "PUT"])
    def change_calendar(calendar_id: str) -> Response:
        allow("Calendars.Patch", _CALENDARS)
        calendar = calendar_of(calendar_id, "owner")
        body = _body(shapes.CALENDAR)
        calendar.summary = body.get("summary") or calendar.summary
        calendar.time_zone = body.get("timeZone") or calendar.time_zone
        calendar.description = body.get("description") or calendar.description
        return _json(_calendar(calendar))

    @api.delete("/calendars/<path:calendar_id>")
    def delete_calendar(calendar_id: str) -> Response:
        allow("Calendars.Delete", _CALENDARS)
        calendar = calendar_of(calendar_id, "owner")
        if calendar.is_primary:
            raise GoogleError(400, "cannotDeletePrimaryCalendar", "Cannot delete a primary calendar.")
        if calendar.owner != g.token.email:
            raise errors.forbidden()
        remove_calendar(world, calendar)
        return Response(status=204)

    @api.post("/calendars/<path:calendar_id>/clear")
    def clear_calendar(calendar_id: str) -> Response:
        allow("Calendars.Clear", ("calendar",))
        calendar = calendar_of(calendar_id, "owner")
        if not calendar.is_primary:
            raise errors.invalid()
        for event in [e for e in calendar.events.values() if not e.is_exception and not e.is_cancelled]:
            events.delete(world, calendar, g.token.email, event.id, bodies.Params())
        return Response(status=204)

    @api.get("/calendars/<path:calendar_id>/events")
    def list_events(calendar_id: str) -> Response:
        allow("Events.List", (*_READ_EVENTS, "calendar.events.freebusy"))
        query = listing.Query(request.args.to_dict(flat=False))
        calendar = calendar_of(calendar_id)
        return _raw(listing.listed(world, calendar, g.token.email, query, g.effect))

    @api.post("/calendars/<path:calendar_id>/events")
    def insert_event(calendar_id: str) -> Response:
        allow("Events.Insert", _WRITE_EVENTS)
        calendar = calendar_of(calendar_id)
        return shown(calendar, events.insert(world, calendar, g.token.email, _body(shapes.EVENT), params()))

    @api.post("/calendars/<path:calendar_id>/events/import")
    def import_event(calendar_id: str) -> Response:
        allow("Events.Import", _WRITE_EVENTS)
        calendar = calendar_of(calendar_id)
        return shown(calendar, events.import_event(world, calendar, g.token.email, _body(shapes.EVENT)))

    @api.post("/calendars/<path:calendar_id>/events/watch")
    def watch_events(calendar_id: str) -> Response:
        allow("Events.Watch", (*_READ_EVENTS, "calendar.events.freebusy"))
        calendar = calendar_of(calendar_id)
        uri = f"https://www.googleapis.com{BASE}/calendars/{calendar_id}/events?alt=json"
        answer = push.watch(
            world,
            g.token.email,
            g.token.client_id,
            f"events:{calendar.id}",
            uri,
            _body(shapes.CHANNEL),
            calendar.push_supported,
        )
        return _json(answer)

    @api.post("/calendars/<path:calendar_id>/events/quickAdd")
    def quick_add_event(calendar_id: str) -> Response:
        allow("Events.QuickAdd", _WRITE_EVENTS)
        calendar = calendar_of(calendar_id)
        text = request.args.get("text") or ""
        if not text:
            raise errors.required("Required")
        body = quick_add.parse(text, world.clock.now(), calendar.time_zone)
        return shown(calendar, events.insert(world, calendar, g.token.email, body, params()))

    @api.get("/calendars/<path:calendar_id>/events/<event_id>")
    def get_event(calendar_id: str, event_id: str) -> Response:
        allow("Events.Get", (*_READ_EVENTS, "calendar.events.freebusy"))
        calendar = calendar_of(calendar_id)
        return shown(calendar, finding.find(world, calendar, event_id))

    @api.route("/calendars/<path:calendar_id>/events/<event_id>", methods=["PUT"])
    def update_event(calendar_id: str, event_id: str) -> Response:
        allow("Events.Update", _WRITE_EVENTS)
        calendar = calendar_of(calendar_id)
        return shown(calendar, events.update(world, calendar, g.token.email, event_id, _body(shapes.EVENT), params()))

    @api.route("/calendars/<path:calendar_id>/events/<event_id>", methods=["PATCH"])
    def patch_event(calendar_id: str, event_id: str) -> Response:
        allow("Events.Patch", _WRITE_EVENTS)
        calendar = calendar_of(calendar_id)
        return shown(calendar, events.patch(world, calendar, g.token.email, event_id, _body(shapes.EVENT), params()))

    @api.delete("/calendars/<path:calendar_id>/events/<event_id>")
    def delete_event(calendar_id: str, event_id: str) -> Response:
        allow("Events.Delete", _WRITE_EVENTS)
        events.delete(world, calendar_of(calendar_id), g.token.email, event_id, params())
        return Response(status=204)

    @api.post("/calendars/<path:calendar_id>/events/<event_id>/move")
    def move_event(calendar_id: str, event_id: str) -> Response:
        allow("Events.Move", _WRITE_EVENTS[:2])
        calendar, target = calendar_of(calendar_id), calendar_of(request.args.get("destination") or "")
        return shown(target, events.move(world, calendar, target, g.token.email, event_id, params()))

    @api.get("/calendars/<path:calendar_id>/events/<event_id>/instances")
    def list_instances(calendar_id: str, event_id: str) -> Response:
        allow("Events.Instances", (*_READ_EVENTS, "calendar.events.freebusy"))
        query = listing.Query(request.args.to_dict(flat=False))
        return _raw(listing.instances(world, calendar_of(calendar_id), g.token.email, event_id, query))

    @api.post("/freeBusy")
    def free_busy() -> Response:
        allow("Freebusy.Query", _FREEBUSY)
        return _json(listing.free_busy(world, g.token.email, _body(shapes.FREE_BUSY)))

    @api.get("/colors")
    def colors() -> Response:
        allow("Colors.Get", _COLORS)
        return _json(
            {
                "kind": "calendar#colors",
                "updated": "2012-02-14T00:00:00.000Z",
                "calendar": {n: {"background": f"#{c}", "foreground": "#1d1d1d"} for n, c in CALENDAR_COLORS.items()},
                "event": {n: {"background": f"#{c}", "foreground": "#1d1d1d"} for n, c in EVENT_COLORS.items()},
            }
        )

    @api.post("/calendars/<path:calendar_id>/transferOwnership")
    def transfer_ownership(calendar_id: str) -> Response:
        allow("Calendars.TransferOwnership", ("calendar", "calendar.calendars"))
        calendar_of(calendar_id, "owner")
        raise errors.forbidden("Only administrators of a Workspace domain may transfer ownership.")

    sharing.add_routes(api, world, allow, calendar_of, _body, _json)

    @api.post("/channels/stop")
    def stop_channel() -> Response:
        allow("Channels.Stop", _STOP)
        push.stop(world, g.token.email, g.token.client_id, _body(shapes.CHANNEL))
        return Response(status=204)

    return api


def install_hooks(app: Flask, world: World) -> None:
    """Authentication, quota, faults, the lock and the journal around every request to Google's own paths."""

    @app.before_request
    def begin() -> Any:
        path = request.path
        g.effect, g.reason, g.etag, g.email, g.fields = {}, None, None, "", None
        g.is_google = not path.startswith(("/_emulator", "/ui", "/o/")) and path != "/"
        if not g.is_google or path.startswith(("/batch", "/discovery")):
            return None
        is_api = path.startswith(BASE)
        token = world.tokens.get(_bearer()) if is_api else None
        email = token.email if token else request.form.get("login_hint", "") or _email_of_form(world)
        is_late = world.faults and request.environ.get("emulator.is_late")
        effect = _strike(world, email) if world.faults and not is_late else {}
        g.email, g.effect = email, effect
        if effect and (answer := _bent(world, effect)) is not None:
            return answer
        if is_api:
            if asked := request.args.get("fields"):
                g.fields = selection.parse(asked)
            g.token = _valid(world, token)
            _charge(world, g.token)
            events.settle(world)
        return None

    @app.after_request
    def finish(response: Response) -> Response:
        if not g.get("is_google"):
            return response
        effect = g.effect
        if skew_s := effect.get("clock_skew_s"):
            response.headers["Date"] = format_datetime(world.clock.now() + timedelta(seconds=skew_s), usegmt=True)
        response.headers["Cache-Control"] = "no-cache, no-store, max-age=0, must-revalidate"
        is_api, status = request.path.startswith(BASE), response.status_code
        if is_api and status in {200, 204} and not {"body", "list", "drop", "deliver_after_s"} & effect.keys():
            schemas.hold(request.method, _raw_path().removeprefix(f"{BASE}/"), response)
        if is_api and status == 200 and response.mimetype == "application/json":
            response = _unchanged(response) or _shape(response)
        is_cut = effect.get("drop") == "after_commit"
        is_lost = is_cut or response.headers.get("X-Emulator-Lost") == "1"
        _record(world, response, "lost" if is_lost else "refused" if status >= 400 else "answered")
        return _lost() if is_cut else response

    @app.errorhandler(GoogleError)
    def refused(error: GoogleError) -> Response:
        g.reason = error.reason
        return _json(error.body(), error.status)


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
    size, at = min(_number("maxResults", 100), 250), _number("pageToken", 0)
    body: dict[str, Any] = {"kind": "calendar#calendarList", "etag": f'"p{world.seq:x}"'}
    if at + size < len(found):
        body["nextPageToken"] = str(at + size)
    else:
        body["nextSyncToken"] = f"{world.seq}:{email}"
    if page := found[at : at + size]:
        body["items"] = page
    return body


def _change_entry(entry: ListEntry, body: dict[str, Any], seq: int) -> None:
    entry.color_id = body.get("colorId") or entry.color_id
    entry.summary_override = body.get("summaryOverride", entry.summary_override)
    entry.is_selected = body.get("selected", entry.is_selected)
    entry.is_hidden = body.get("hidden", entry.is_hidden)
    entry.default_reminders = body.get("defaultReminders", entry.default_reminders)
    if request.args.get("colorRgbFormat") == "true":
        entry.background = body.get("backgroundColor", entry.background)
        entry.foreground = body.get("foregroundColor", entry.foreground)
        entry.color_id = _nearest_color(entry.background) if entry.background else entry.color_id
    entry.seq = seq


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
    return body | ({"description": calendar.description} if calendar.description else {})


def _body(shape: shapes.Shape) -> dict[str, Any]:
    """The request's JSON object, its members of the right kinds. Raises GoogleError 400."""
    if not request.data:
        return {}
    try:
        body = json.loads(request.data)
    except ValueError:
        raise GoogleError(400, "parseError", "Parse Error") from None
    if not isinstance(body, dict):
        raise GoogleError(400, "parseError", "Parse Error")
    shapes.check(shape, body)
    return body


def _valid(world: World, token: Token | None) -> Token:
    if token is None or token.expires_at <= world.clock.now_s():
        raise errors.unauthenticated()
    return token


def _charge(world: World, token: Token) -> None:
    now = world.clock.now_s()
    units = 3 if request.method == "PATCH" else 1
    world.usage.append((now, token.email, units))
    if not world.behaviours.quota_enforced:
        if len(world.usage) > 50_000:
            del world.usage[:25_000]
        return
    world.usage = [row for row in world.usage if row[0] > now - 60]
    if sum(row[2] for row in world.usage if row[1] == token.email) > world.behaviours.quota_per_user:
        raise GoogleError(403, "userRateLimitExceeded", "User Rate Limit Exceeded", domain="usageLimits")
    if sum(row[2] for row in world.usage) > world.behaviours.quota_per_project:
        raise GoogleError(429, "rateLimitExceeded", "Rate Limit Exceeded", domain="usageLimits")


def _strike(world: World, email: str) -> dict[str, Any]:
    for fault in list(world.faults.values()):
        if fault.hits(email, request.method, request.path):
            return fault.resolved()
    return {}


def _number(name: str, default: int) -> int:
    text = request.args.get(name) or ""
    if text and not (text.isdigit() and len(text) < 10):
        raise GoogleError(400, "invalidParameter", f"Invalid value for {name}", location=name)
    return int(text or default)


def _bearer() -> str:
    return request.args.get("oauth_token") or request.headers.get("Authorization", "").removeprefix("Bearer ")


def _raw_path() -> str:
    """The path as it was sent, where the server keeps it; ids may hold encoded slashes."""
    raw = str(request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI") or request.path)
    return raw.partition("?")[0]


def _bent(world: World, effect: dict[str, Any]) -> Response | None:
    """What an injected fault answers instead; None when the request goes on. Waits outside the lock."""
    if effect.get("delay_s"):
        world.lock.release()
        try:
            world.clock.sleep(float(effect["delay_s"]))
        finally:
            world.lock.acquire()
    if effect.get("drop") == "before":
        return _lost()
    if effect.get("deliver_after_s") is not None or effect.get("twice"):
        delay_s = float(effect.get("deliver_after_s") or 0)
        world.late.append((world.clock.now_s() + delay_s, _again()))
        if not effect.get("twice"):
            return _lost()
    return _injected(effect) if effect.get("status") else None


def _again() -> dict[str, Any]:
    """This request in the words of werkzeug's EnvironBuilder, to be made once more."""
    return {
        "path": request.path,
        "query_string": request.query_string.decode(),
        "base_url": request.host_url,
        "method": request.method,
        "headers": [(name, value) for name, value in request.headers if name != "Content-Length"],
        "data": request.get_data(),
    }


def _injected(effect: dict[str, Any]) -> Response:
    if "body" in effect:
        return Response(str(effect["body"]), status=int(effect["status"]), content_type="text/html")
    if "oauth" in effect:
        g.reason = effect["oauth"]
        return _json(
            {"error": effect["oauth"], "error_description": "Token has been expired or revoked."}, effect["status"]
        )
    error = GoogleError(
        int(effect["status"]),
        effect.get("reason", "backendError"),
        effect.get("message", "Injected fault"),
        domain=effect.get("domain", "global"),
    )
    g.reason = error.reason
    return _json(error.body(), error.status)


def _unchanged(response: Response) -> Response | None:
    """304 for a read whose etag the caller already has."""
    known = request.headers.get("If-None-Match")
    if not known or request.method != "GET" or json.loads(response.get_data()).get("etag") != known:
        return None
    return Response(status=304, headers={"ETag": known})


def _shape(response: Response) -> Response:
    """Applies `fields` and `prettyPrint` to a whole answer."""
    is_compact = request.args.get("prettyPrint") == "false"
    if g.fields is None and not is_compact:
        return response
    body = json.loads(response.get_data())
    body = selection.apply(body, g.fields) if g.fields is not None else body
    text = json.dumps(body, ensure_ascii=False, **({"separators": (",", ":")} if is_compact else {"indent": 1}))
    response.set_data(text.encode())
    return response


def _lost() -> Response:
    """An answer that never arrives: the connection ends before the announced bytes."""
    response = Response(b"", status=200)
    response.headers["X-Emulator-Lost"] = "1"
    response.automatically_set_content_length = False
    response.headers["Content-Length"] = "1048576"
    return response


def _email_of_form(world: World) -> str:
    held = world.refresh_tokens.get(request.form.get("refresh_token", "")) if request.form else None
    return held.email if held else ""


def _record(world: World, response: Response, outcome: str) -> None:
    try:
        body = json.loads(request.data) if request.data else None
    except ValueError:
        body = None
    world.journal.append(
        {
            "seq": len(world.journal) + 1,
            "time": world.now_text(),
            "email": g.email,
            "method": request.method,
            "path": request.path,
            "query": request.args.to_dict(),
            "request_body": body,
            "if_match": request.headers.get("If-Match"),
            "fence": request.headers.get("X-Simulation-Fence"),
            "send_updates": request.args.get("sendUpdates"),
            "status": response.status_code,
            "reason": g.reason,
            "etag": g.etag,
            "units": 3 if request.method == "PATCH" else 1,
            "outcome": outcome,
        }
    )


def _json(body: dict[str, Any], status: int = 200) -> Response:
    return _raw(json.dumps(body, ensure_ascii=False, indent=1).encode(), status)


def _raw(body: bytes, status: int = 200) -> Response:
    return Response(body, status=status, content_type="application/json; charset=UTF-8")
