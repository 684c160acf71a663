"""The control API under `/_emulator/`: worlds, tokens, consent, journal, faults, clock, notifications."""

import fnmatch
import json
from collections.abc import Mapping
from typing import Any, TypeVar

from flask import Blueprint, Response, jsonify, request

from gcal_emulator import (
    bodies,
    calendars,
    deeds,
    discovery,
    events,
    oauth,
    orders,
    push,
    resources,
    robots,
    schemas,
    shapes,
    state,
    transport,
    worlds,
)
from gcal_emulator.errors import GoogleError
from gcal_emulator.faults import Fault
from gcal_emulator.misspelt import BadOrder, unknown
from gcal_emulator.world import Client, World

T = TypeVar("T")


def blueprint(world: World, deliver: push.Deliver) -> Blueprint:
    """The control routes of one world; `deliver` posts flushed notifications."""
    control = Blueprint("control", __name__, url_prefix="/_emulator")
    _add_worlds(control, world)
    _add_people(control, world)
    _add_reports(control, world)
    _add_switches(control, world, deliver)
    _add_deeds(control, world)

    @control.before_request
    def understand() -> None:
        """Refuses what is no JSON object, or has a member or value that no order knows."""
        order = f"{request.method} {request.path.removeprefix('/_emulator/')}"
        if request.method in {"POST", "PUT"}:
            orders.check(order, _body())

    @control.errorhandler(BadOrder)
    def misunderstood(error: BadOrder) -> Response:
        return _refused(str(error))

    @control.errorhandler(GoogleError)
    def refused(error: GoogleError) -> Response:
        return _refused(error.message)

    @control.route("/<path:name>", methods=["GET", "POST", "PUT", "DELETE", "PATCH"])
    def nothing(name: str) -> Response:
        problem = unknown("order", f"{request.method} {name}", [*orders.BODIES, *_REPORTS])
        response = _refused(str(problem))
        response.status_code = 404
        return response

    return control


_REPORTS = ("GET world", "GET behaviours", "GET clock", "GET faults", "GET journal", "GET mails", "GET channels", "GET violations")  # fmt: skip


def _body() -> dict[str, Any]:
    """The order's JSON object; empty where nothing was sent. Raises BadOrder."""
    if not request.get_data():
        return {}
    try:
        found = json.loads(request.get_data())
    except (ValueError, RecursionError):
        raise BadOrder("the body has to be JSON") from None
    if not isinstance(found, dict):
        raise BadOrder("the body has to be an object")
    return found


def _refused(text: str) -> Response:
    response = jsonify(error=text)
    response.status_code = 422
    return response


def _known(names: Mapping[str, T], name: str, what: str) -> T:
    """What is known under a name. Raises BadOrder with the nearest name that is."""
    if name not in names:
        raise unknown(what, name, names)
    return names[name]


def _add_worlds(control: Blueprint, world: World) -> None:
    """Whole worlds: reset, snapshots, load and dump."""

    @control.post("/reset")
    def reset() -> Any:
        world.seed = int(_body().get("seed") or world.seed)
        world.clock.begin_again()
        world.reset()
        return jsonify({})

    @control.post("/snapshot")
    def snapshot() -> Any:
        name = _body()["name"]
        world.snapshots_of_worlds[name] = state.snapshot(world)
        return jsonify(name=name)

    @control.post("/restore")
    def restore() -> Any:
        name = _body()["name"]
        state.back_to(world, _known(world.snapshots_of_worlds, name, "snapshot"))
        return jsonify(name=name)

    @control.route("/world", methods=["GET", "PUT"])
    def whole_world() -> Any:
        if request.method == "PUT":
            try:
                worlds.load(world, _body())
            except (KeyError, ValueError, TypeError, AttributeError) as error:
                raise BadOrder(f"this is no world: {error!r}") from None
        return jsonify(worlds.dump(world))


def _add_people(control: Blueprint, world: World) -> None:
    """Accounts, tokens, consent, and what a person may take back."""

    @control.post("/accounts")
    def add_account() -> Any:
        body = _body()
        account = world.add_account(body["email"], body.get("name", ""), body.get("time_zone", "UTC"))
        return jsonify(email=account.email, sub=account.sub, name=account.name)

    @control.post("/tokens")
    def add_token() -> Any:
        body = _body()
        client = _known(world.clients, body.get("client_id") or "demo-client", "client")
        world.add_account(body["email"])
        scopes = {
            s if "/" in s else oauth.IDENTITY.get(s, oauth.PREFIX + s) for s in body.get("scopes") or ["calendar"]
        }
        return jsonify(oauth.issue(world, body["email"], client.id, scopes, True))

    @control.post("/service-accounts")
    def add_robot() -> Any:
        """The key file of a service account; `subjects` and `scopes` say for whom it may act."""
        body = _body()
        email = body.get("email") or f"robot-{world.new_id(4)}@demo-project.iam.gserviceaccount.com"
        scopes = [s if "/" in s or s == "*" else oauth.PREFIX + s for s in body.get("scopes") or ["*"]]
        robot = robots.create(world, email, body.get("subjects") or [], scopes)
        names = ("accounts.google.com", "oauth2.googleapis.com", "www.googleapis.com")
        return jsonify(robots.key_file(robot, *(transport.origin_of(request.environ, name) for name in names)))

    @control.post("/clients")
    def add_client() -> Any:
        """An OAuth client as the Cloud Console's `credentials.json` describes it."""
        body = _body()
        client = Client(
            body["id"], body["secret"], body.get("redirect_uris") or [], body.get("project") or "demo-project"
        )
        world.clients[client.id] = client
        accounts, tokens, apis = (
            transport.origin_of(request.environ, name)
            for name in ("accounts.google.com", "oauth2.googleapis.com", "www.googleapis.com")
        )
        places = {
            "client_id": client.id,
            "client_secret": client.secret,
            "project_id": client.project,
            "auth_uri": f"{accounts}/o/oauth2/auth",
            "token_uri": f"{tokens}/token",
            "auth_provider_x509_cert_url": f"{apis}/oauth2/v1/certs",
            "redirect_uris": client.redirect_uris or ["http://localhost"],
        }
        return jsonify({body.get("type") or "installed": places})

    @control.post("/consent")
    def consent() -> Any:
        body = _body()
        if body.get("email"):
            _known(world.accounts, body["email"], "account")
        world.consents = [body] if body.get("email") else []
        return jsonify({})

    @control.post("/revoke")
    def revoke() -> Any:
        """A user ends the access of every app, or of the one with this `client_id`."""
        body = _body()
        email, wanted = body["email"], body.get("client_id")
        _known(world.accounts, email, "account")
        apps = [_known(world.clients, wanted, "client")] if wanted else list(world.clients.values())
        for project in {client.project for client in apps}:
            oauth.revoke_grant(world, email, project)
        return jsonify({})


def _add_reports(control: Blueprint, world: World) -> None:
    """What happened: requests, mails, channels, answers out of shape."""

    @control.get("/journal")
    def journal() -> Any:
        return jsonify(entries=_after(world.journal))

    @control.get("/violations")
    def violations() -> Any:
        return jsonify(violations=schemas.found)

    @control.get("/mails")
    def mails() -> Any:
        return jsonify(mails=_after(world.mails))

    @control.get("/channels")
    def channels() -> Any:
        now = world.clock.now_s()
        rows = [
            {
                "id": c.id,
                "resource_id": c.resource_id,
                "resource": c.resource,
                "address": c.address,
                "email": c.email,
                "expires_at": c.expires_at,
                "state": "stopped" if c.is_stopped else "expired" if c.expires_at <= now else "live",
            }
            for c in world.channels.values()
        ]
        return jsonify(channels=rows)


def _add_switches(control: Blueprint, world: World, deliver: push.Deliver) -> None:
    """How Google behaves: open questions, the clock, faults, notifications."""

    @control.route("/behaviours", methods=["GET", "PUT"])
    def behaviours() -> Any:
        if request.method == "PUT":
            world.behaviours.update(_body())
        return jsonify(world.behaviours.as_dict())

    @control.route("/clock", methods=["GET", "POST"])
    def clock() -> Any:
        if request.method == "POST":
            _set_clock(world, _body())
            events.settle(world)
            push.deliver_due(world, deliver)
        return jsonify(now=world.clock.now().isoformat(), manual=world.clock.is_manual)

    @control.route("/faults", methods=["GET", "POST", "DELETE"])
    def faults() -> Any:
        if request.method == "GET":
            return jsonify(faults=[fault.told() for fault in world.faults.values()])
        if request.method == "DELETE":
            world.faults.clear()
            return jsonify({})
        body = _body()
        fault = Fault(
            id=world.new_id(8),
            match=body.get("match") or {},
            effect=body.get("effect") or {},
            times=body.get("times"),
            probability=float(1.0 if body.get("probability") is None else body["probability"]),
            seed=int(body.get("seed") or 0),
        )
        _check_fault(fault)
        world.faults[fault.id] = fault
        return jsonify(id=fault.id)

    @control.post("/notifications")
    def notifications() -> Any:
        world.notification_mode = _body()
        return jsonify({})

    @control.post("/notifications/flush")
    def flush() -> Any:
        return jsonify(delivered=push.deliver_due(world, deliver, is_forced=True))

    @control.post("/expire-sync-tokens")
    def expire() -> Any:
        only = _body().get("calendar_id")
        if only is not None:
            _known(world.calendars, only, "calendar")
        for calendar in world.calendars.values():
            if only in (None, calendar.id):
                calendar.token_floor = world.next_seq()
        if only is None:
            world.list_token_floor = world.next_seq()
        return jsonify({})


def _add_deeds(control: Blueprint, world: World) -> None:
    """What people do at Google that the API has no call for."""

    @control.post("/share")
    def share() -> Any:
        body = _body()
        world.share(_known(world.calendars, body["calendar_id"], "calendar"), body["email"], body["role"])
        return jsonify({})

    @control.post("/settings")
    def settings() -> Any:
        body = _body()
        account = _known(world.accounts, body["email"], "account")
        if not isinstance(body["values"], dict):
            raise BadOrder("values has to be an object")
        for name in body["values"]:
            _known(world.settings_of(body["email"]), name, "setting")
        account.settings |= {name: str(value) for name, value in body["values"].items()}
        world.settings_seq[body["email"]] = world.next_seq()
        push.changed(world, f"settings:{body['email']}")
        return jsonify({})

    @control.post("/delete-calendar")
    def delete_calendar() -> Any:
        calendars.remove_calendar(world, _known(world.calendars, _body()["calendar_id"], "calendar"))
        return jsonify({})

    @control.post("/ui/split-series")
    def split() -> Any:
        body = _series(world)
        try:
            made = deeds.split_series(
                world, body["calendar_id"], body["event_id"], body["original_start"], body.get("changes") or {}
            )
        except (KeyError, ValueError, AttributeError):
            raise BadOrder(f"{body['original_start']!r} is no original start of this series") from None
        return jsonify(id=made)

    @control.post("/ui/edit-all")
    def edit_all_events() -> Any:
        body = _series(world)
        deeds.edit_all(world, body["calendar_id"], body["event_id"], body["changes"])
        return jsonify({})

    @control.post("/ui/duplicate-event")
    def duplicate() -> Any:
        body = _series(world)
        calendar = world.calendars[body["calendar_id"]]
        copied = deeds.wire(calendar.events[body["event_id"]], calendar)
        return jsonify(id=events.insert(world, calendar, calendar.owner, copied, bodies.Params()).id)


def _series(world: World) -> dict[str, Any]:
    """The body of an order about one event that there is. Raises BadOrder."""
    body = _body()
    calendar = _known(world.calendars, body["calendar_id"], "calendar")
    _known(calendar.events, body["event_id"], "event")
    changes = body.get("changes") or {}
    if not isinstance(changes, dict):
        raise BadOrder("changes has to be an object")
    for name in changes:
        _known(resources.members("Event"), name, "member of an event:")
    shapes.check("Event", changes)
    return body


def _set_clock(world: World, body: dict[str, Any]) -> None:
    if body.get("mode") == "real":
        world.clock.run()
    if body.get("mode") == "manual" or body.get("now"):
        world.clock.set(orders.read_moment(body["now"]) if body.get("now") else world.clock.now())
    if body.get("advance_s") is not None:
        try:
            world.clock.advance(float(body["advance_s"]))
        except OverflowError:
            raise BadOrder("the clock does not go that far") from None


def _check_fault(fault: Fault) -> None:
    """Refuses a fault that could never strike. Raises BadOrder."""
    operation = fault.match.get("operation")
    names = list(discovery.METHODS)
    if operation and not fnmatch.filter(names, operation):
        raise unknown("operation", operation, names)
    if not fault.effect:
        raise BadOrder("effect is empty")
    if not 0 <= fault.probability <= 1:
        raise BadOrder("probability lies between 0 and 1")


def _after(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    text = request.args.get("after") or "0"
    if not text.isdigit():
        raise BadOrder(f"after has to be a whole number, not {text!r}")
    after = int(text)
    return [row for row in rows if row["seq"] > after]
