"""One call of Calendar API v3: what its token allows, the calendar that it names, its body, its answer."""

import json
from typing import Any

from flask import Response, g, request

from gcal_emulator import (
    bodies,
    errors,
    render,
    shapes,
)
from gcal_emulator.errors import GoogleError
from gcal_emulator.world import ROLES, Calendar, World

BASE = "/calendar/v3"
PREFIX = "https://www.googleapis.com/auth/"


def calendar_of(world: World, calendar_id: str, least: str = "freeBusyReader") -> Calendar:
    """The calendar that a path names, for a caller with at least this role. Raises GoogleError (403, 404)."""
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
    """Refuses a caller whose token holds none of these scopes. Raises GoogleError (403)."""
    if not {PREFIX + scope for scope in scopes} & g.token.scopes:
        raise errors.scope_insufficient(method)


def params() -> bodies.Params:
    """The parameters of a write."""
    return bodies.Params(request.args.to_dict(), request.headers.get("If-Match", ""))


def shown(world: World, calendar: Calendar, event: Any) -> Response:
    """An event as its reader sees it, with its etag."""
    zone = request.args.get("timeZone") or calendar.time_zone
    g.etag = render.etag(event)
    response = raw(render.pretty(world, calendar, event, g.token.email, zone, number("maxAttendees", 0)))
    response.headers["ETag"] = g.etag
    return response


def body(shape: shapes.Shape) -> dict[str, Any]:
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


def number(name: str, default: int) -> int:
    text = request.args.get(name) or ""
    if text and not (text.isdigit() and len(text) < 10):
        raise GoogleError(400, "invalidParameter", f"Invalid value for {name}", location=name)
    return int(text or default)


def answer(body: dict[str, Any], status: int = 200) -> Response:
    return raw(json.dumps(body, ensure_ascii=False, indent=1).encode(), status)


def raw(body: bytes, status: int = 200) -> Response:
    return Response(body, status=status, content_type="application/json; charset=UTF-8")
