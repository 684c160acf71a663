"""ACL rules and settings of Calendar API v3: reading, changing, paging by sync token, watching."""

from typing import Any

from flask import Blueprint, Response, g, request

from gcal_emulator import calls, errors, push, queries
from gcal_emulator.errors import GoogleError
from gcal_emulator.world import Calendar, World


def add_acl_routes(api: Blueprint, world: World) -> None:
    """Adds the routes of `acl`."""

    @api.get("/calendars/<path:calendar_id>/acl")
    def list_acl(calendar_id: str) -> Response:
        calls.allow("acl.list")
        return calls.answer(_rules(world, calls.calendar_of(world, calendar_id, "writer"), g.token.email))

    @api.get("/calendars/<path:calendar_id>/acl/<rule_id>")
    def get_acl(calendar_id: str, rule_id: str) -> Response:
        calls.allow("acl.get")
        calendar, name = calls.calendar_of(world, calendar_id, "writer"), _name_of(rule_id)
        if name not in calendar.acl:
            raise errors.not_found()
        return calls.answer(rule(calendar, name))

    @api.post("/calendars/<path:calendar_id>/acl")
    def add_acl(calendar_id: str) -> Response:
        calls.allow("acl.insert")
        calendar, body = calls.calendar_of(world, calendar_id, "owner"), calls.body("AclRule")
        scope = body.get("scope") or {}
        kind = scope.get("type")
        if not kind:
            raise errors.required("Missing scope type.")
        name = "default" if kind == "default" else scope.get("value") or ""
        if kind == "domain" or (kind != "default" and "@" not in name):
            raise errors.invalid("Invalid scope value.")  # there are no domains here that could be given access
        if kind == "group":
            calendar.acl_kinds[name] = kind
        return calls.answer(_share(world, calendar, name, body.get("role")))

    @api.route("/calendars/<path:calendar_id>/acl/<rule_id>", methods=["PATCH", "PUT"])
    def change_acl(calendar_id: str, rule_id: str) -> Response:
        calls.allow("acl.patch" if request.method == "PATCH" else "acl.update")
        calendar, name = calls.calendar_of(world, calendar_id, "owner"), _name_of(rule_id)
        if name not in calendar.acl:
            raise errors.not_found()
        calls.check_match(str(rule(calendar, name)["etag"]))
        return calls.answer(_share(world, calendar, name, calls.body("AclRule").get("role") or calendar.acl[name]))

    @api.delete("/calendars/<path:calendar_id>/acl/<rule_id>")
    def remove_acl(calendar_id: str, rule_id: str) -> Response:
        calls.allow("acl.delete")
        calendar, name = calls.calendar_of(world, calendar_id, "owner"), _name_of(rule_id)
        if name not in calendar.acl:
            raise errors.not_found()
        _share(world, calendar, name, "none")
        return Response(status=204)

    @api.post("/calendars/<path:calendar_id>/acl/watch")
    def watch_acl(calendar_id: str) -> Response:
        calls.allow("acl.watch")
        calendar = calls.calendar_of(world, calendar_id, "writer")
        uri = f"https://www.googleapis.com/calendar/v3/calendars/{calendar_id}/acl?alt=json"
        return calls.answer(
            push.watch(world, g.token.email, g.token.client_id, f"acl:{calendar.id}", uri, calls.body("Channel"), True)
        )


def add_settings_routes(api: Blueprint, world: World) -> None:
    """Adds the routes of `settings`."""

    @api.get("/users/me/settings")
    def list_settings() -> Response:
        calls.allow("settings.list")
        rows = [_setting(name, value) for name, value in world.settings_of(g.token.email).items()]
        since = list_token(world, request.args.get("syncToken"), g.token.email)
        items = [] if since is not None and since >= world.settings_seq.get(g.token.email, 0) else rows
        body: dict[str, Any] = {"kind": "calendar#settings", "etag": f'"p{world.seq:x}"', "items": items}
        return calls.answer(body | {"nextSyncToken": f"{world.seq}:{g.token.email}"})

    @api.get("/users/me/settings/<name>")
    def get_setting(name: str) -> Response:
        calls.allow("settings.get")
        known = world.settings_of(g.token.email)
        if name not in known:
            raise errors.not_found()
        return calls.answer(_setting(name, known[name]))

    @api.post("/users/me/settings/watch")
    def watch_settings() -> Response:
        calls.allow("settings.watch")
        uri = "https://www.googleapis.com/calendar/v3/users/me/settings?alt=json"
        name = f"settings:{g.token.email}"
        return calls.answer(push.watch(world, g.token.email, g.token.client_id, name, uri, calls.body("Channel"), True))


def rule(calendar: Calendar, name: str, role: str = "") -> dict[str, Any]:
    """An ACL rule as the API shows it; its id is `type:value`, or `default`."""
    kind = "default" if name == "default" else calendar.acl_kinds.get(name, "user")
    scope = {"type": kind} if kind == "default" else {"type": kind, "value": name}
    rule_id = kind if kind == "default" else f"{kind}:{name}"
    etag = f'"{calendar.acl_changes.get(name, 0):020d}"'
    shown = role or calendar.acl.get(name, "none")
    return {"kind": "calendar#aclRule", "etag": etag, "id": rule_id, "scope": scope, "role": shown}


def _rules(world: World, calendar: Calendar, email: str) -> dict[str, Any]:
    since = list_token(world, request.args.get("syncToken"), email)
    found = [
        rule(calendar, name) for name in calendar.acl if since is None or calendar.acl_changes.get(name, 0) > since
    ]
    if since is not None or request.args.get("showDeleted") == "true":
        found += [rule(calendar, name, "none") for name, seq in calendar.acl_deleted.items() if seq > (since or -1)]
    query = queries.Query({name: [request.args.get(name, "")] for name in ("maxResults", "pageToken")})
    size = min(query.number("maxResults", 100), 250)
    at = query.number("pageToken", 0)
    body: dict[str, Any] = {"kind": "calendar#acl", "etag": f'"p{world.seq:x}"', "items": found[at : at + size]}
    if at + size < len(found):
        return body | {"nextPageToken": str(at + size)}
    return body | {"nextSyncToken": f"{world.seq}:{email}"}


def _share(world: World, calendar: Calendar, name: str, role: str | None) -> dict[str, Any]:
    if not role:
        raise errors.required("Missing role.")
    if name == calendar.owner and role != "owner":
        raise GoogleError(403, "cannotChangeOwnerAcl", "Cannot change the owner's access.")
    world.share(calendar, name, role, is_listed=world.behaviours.shared_is_listed)
    push.changed(world, f"acl:{calendar.id}")
    if name in world.accounts:
        push.changed(world, f"calendarList:{name}")
    return rule(calendar, name, role)


def _setting(name: str, value: str) -> dict[str, Any]:
    return {"kind": "calendar#setting", "etag": f'"{abs(push.hash_of(name, value))}"', "id": name, "value": value}


def _name_of(rule_id: str) -> str:
    return rule_id.partition(":")[2] or rule_id


def list_token(world: World, token: str | None, email: str) -> int | None:
    """The sequence number in a sync token of calendarList, acl or settings; None without one. Raises GoogleError."""
    if not token:
        return None
    seq, _, who = token.partition(":")
    if not seq.isdigit():
        raise errors.invalid("Invalid Value", "syncToken")
    if who != email or int(seq) < world.list_token_floor:
        raise errors.full_sync_required()
    return int(seq)
