"""What stands around every request to Google's own paths: sign-in, quota, faults, the lock, the journal."""

import json
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from gcal_emulator import (
    calls,
    discovery,
    errors,
    events,
    faults,
    schemas,
    selection,
)
from gcal_emulator.errors import GoogleError
from gcal_emulator.world import Token, World

_GOOGLE = ("api", "oauth", "batch", "documents")
_PAGES = ("/o/oauth2/v2/auth", "/o/oauth2/auth", "/o/oauth2/consent", "/healthz")
"""Pages that people see, and what only a supervisor asks: no fault strikes them and no journal tells of them. Nor of
what is no path of Google's at all, such as a browser's `favicon.ico`."""
_KEYED = (f"{calls.PREFIX}calendar.events.public.readonly", f"{calls.PREFIX}calendar.readonly")
"""What an API key alone allows, on public calendars."""


def install_hooks(app: Flask, world: World) -> None:
    """Authentication, quota, faults, the lock and the journal around every request to Google's own paths."""

    @app.before_request
    def begin() -> Any:
        path = request.path
        g.effect, g.reason, g.etag, g.email, g.fields = {}, None, None, "", None
        g.is_google = path.startswith(calls.BASE) or (request.blueprint in _GOOGLE and path not in _PAGES)
        if not g.is_google or request.blueprint in {"batch", "documents"}:
            return None
        is_api = path.startswith(calls.BASE)
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
        is_api, status = request.path.startswith(calls.BASE), response.status_code
        if is_api and status in {200, 204} and not {"body", "list", "drop", "deliver_after_s"} & effect.keys():
            schemas.hold(
                "GET" if request.method == "HEAD" else request.method,
                _raw_path().removeprefix(f"{calls.BASE}/"),
                response,
            )
        if is_api and status == 200 and response.mimetype == "application/json":
            response = _unchanged(response) or _shape(response)
        is_cut = effect.get("drop") == "after_commit"
        is_lost = is_cut or response.headers.get("X-Emulator-Lost") == "1"
        _record(world, response, "lost" if is_lost else "refused" if status >= 400 else "answered")
        return _lost() if is_cut else response

    @app.errorhandler(GoogleError)
    def refused(error: GoogleError) -> Response:
        g.reason = error.reason
        response = calls.answer(error.body(), error.status)
        if error.challenge:
            response.headers["WWW-Authenticate"] = error.challenge
        return response

    @app.errorhandler(HTTPException)
    def not_served(error: HTTPException) -> Any:
        """No such path or method: in JSON below the API's base, a page elsewhere."""
        if not request.path.startswith((calls.BASE, "/batch", "/_emulator")):
            return error
        reason = {404: "notFound", 405: "methodNotAllowed", 500: "backendError"}.get(error.code or 500, "badRequest")
        return refused(GoogleError(error.code or 500, reason, error.name))


def _valid(world: World, token: Token | None) -> Token:
    """The caller's token; who has an API key only is nobody in particular."""
    if token is None and not _bearer():
        if request.args.get("key"):
            return Token("", "", "", frozenset(_KEYED), 0.0)
        raise errors.login_required()
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
    operation = discovery.method_of(request.method, _raw_path())
    for fault in list(world.faults.values()):
        if fault.hits(email, request.method, request.path, operation):
            return fault.resolved()
    return {}


def _bearer() -> str:
    named = request.args.get("oauth_token") or request.args.get("access_token")
    return named or calls.bearer()


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
        return calls.answer(
            {"error": effect["oauth"], "error_description": "Token has been expired or revoked."}, effect["status"]
        )
    reason = effect.get("reason", "backendError")
    message, location, location_type = faults.TEXTS.get(reason, ("Injected fault", "", ""))
    error = GoogleError(
        int(effect["status"]),
        reason,
        effect.get("message", message),
        domain=effect.get("domain", "global"),
        location=effect.get("location", location),
        location_type=location_type or "parameter",
    )
    g.reason = error.reason
    return calls.answer(error.body(), error.status)


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
    except (ValueError, RecursionError):
        body = None
    world.note(
        {
            "time": world.now_text(),
            "at_s": world.clock.now_s(),
            "email": g.email,
            "method": request.method,
            "path": request.path,
            "operation": g.get("method") or discovery.method_of(request.method, _raw_path()),
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
