"""One call of Calendar API v3: what its token allows, the calendar that it names, its body, its answer."""

import json
from typing import Any

from flask import Response, g, request

from gcal_emulator import (
    bodies,
    discovery,
    errors,
    parameters,
    render,
    selection,
    shapes,
)
from gcal_emulator.errors import GoogleError
from gcal_emulator.world import ROLES, Calendar, World

BASE = "/calendar/v3"
PREFIX = discovery.PREFIX


def allow(method: str) -> None:
    """Refuses a caller whose token holds no scope of this method, and parameters that it cannot have. Raises
    GoogleError (400, 403)."""
    g.method = method
    if not g.token.email and method not in discovery.KEYED:
        raise errors.login_required()
    if not _reaching():
        raise errors.scope_insufficient(_titled(method))
    parameters.check(method, request.args.lists())
    if g.fields and (answered := discovery.answer_of(method)):
        selection.check(g.fields, answered)


def calendar_of(world: World, calendar_id: str, least: str = "freeBusyReader") -> Calendar:
    """The calendar that a path names, for a caller with at least this role. Raises GoogleError (403, 404)."""
    name = g.token.email if calendar_id == "primary" else calendar_id
    calendar = world.calendars.get(name)
    if calendar is None or calendar.is_deleted:
        raise errors.not_found()
    role = world.role_of(g.token.email, calendar)
    if role == "none":
        raise errors.not_found()
    if not any(_reaches(world, scope, calendar, role) for scope in _reaching()):
        raise errors.scope_insufficient(_titled(g.method))
    if ROLES.index(role) < ROLES.index(least):
        raise errors.GoogleError(
            403, "requiredAccessLevel", f"You need to have {least} access to this calendar.", domain="calendar"
        )
    return calendar


def _reaching() -> list[str]:
    """The token's scopes that are enough for the present method."""
    return [scope for scope in discovery.SCOPES[g.method].split() if PREFIX + scope in g.token.scopes]


def _reaches(world: World, scope: str, calendar: Calendar, role: str) -> bool:
    """Some scopes are for the app's own, owned or public calendars only."""
    if scope == "calendar.app.created":
        client = world.clients.get(g.token.client_id)
        return bool(calendar.made_by) and client is not None and calendar.made_by == client.project
    if scope.startswith("calendar.events.owned"):
        return role == "owner"
    return scope != "calendar.events.public.readonly" or "default" in calendar.acl


def _titled(method: str) -> str:
    return ".".join(part[0].upper() + part[1:] for part in method.split("."))


def bearer() -> str:
    """The token of the Authorization header; the scheme's name may be written in any way."""
    scheme, _, value = request.headers.get("Authorization", "").strip().partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def params() -> bodies.Params:
    """The parameters of a write."""
    return bodies.Params(request.args.to_dict(), request.headers.get("If-Match", ""))


def check_match(etag: str) -> None:
    """Refuses a write whose `If-Match` names another version. Raises GoogleError 412."""
    wanted = request.headers.get("If-Match", "")
    if wanted and wanted != "*" and wanted != etag:
        raise GoogleError(412, "conditionNotMet", "Precondition Failed", location="If-Match", location_type="header")


def shown(world: World, calendar: Calendar, event: Any) -> Response:
    """An event as its reader sees it, with its etag."""
    zone = request.args.get("timeZone") or calendar.time_zone
    g.etag = render.etag(event)
    response = raw(render.pretty(world, calendar, event, g.token.email, zone, number("maxAttendees", 0)))
    response.headers["ETag"] = g.etag
    return response


def body(resource: str) -> dict[str, Any]:
    """The request's JSON object, its members of the right kinds. Raises GoogleError 400."""
    if not request.data:
        return {}
    try:
        body = json.loads(request.data, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise GoogleError(400, "parseError", "Parse Error") from None
    if not isinstance(body, dict):
        raise GoogleError(400, "parseError", "Parse Error")
    if b"\\ud" in request.data.lower():
        body = {_whole(name): _whole(value) for name, value in body.items()}
    shapes.check(resource, body)
    return dict(shapes.listed(resource, body))


def _no_number(name: str) -> None:
    raise ValueError(name)


def _whole(value: Any) -> Any:
    """The same value without halves of surrogate pairs, which no UTF-8 can hold."""
    if isinstance(value, dict):
        return {_whole(name): _whole(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if isinstance(value, str) else value


def number(name: str, default: int) -> int:
    text = request.args.get(name) or ""
    if text and not (text.isascii() and text.isdigit() and len(text) < 11):
        raise GoogleError(400, "invalidParameter", f"Invalid integer value: '{text}'.", location=name)
    return int(text or default)


def answer(body: dict[str, Any], status: int = 200) -> Response:
    return raw(json.dumps(body, ensure_ascii=False, indent=1).encode(), status)


def raw(body: bytes, status: int = 200) -> Response:
    return Response(body, status=status, content_type="application/json; charset=UTF-8")
