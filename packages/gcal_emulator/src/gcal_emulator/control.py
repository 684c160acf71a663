"""The control API under `/_emulator/`: worlds, tokens, consent, journal, faults, clock, notifications."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, jsonify, request

from gcal_emulator import bodies, calendars, events, moments, oauth, push, robots, schemas, transport
from gcal_emulator.faults import Fault
from gcal_emulator.world import Client, World


def blueprint(world: World, deliver: push.Deliver) -> Blueprint:
    """The control routes of one world; `deliver` posts flushed notifications."""
    control = Blueprint("control", __name__, url_prefix="/_emulator")
    _add_worlds(control, world)
    _add_people(control, world)
    _add_reports(control, world)
    _add_switches(control, world, deliver)
    _add_deeds(control, world)

    @control.errorhandler(KeyError)
    def missing(error: KeyError) -> Response:
        response = jsonify(error=f"unknown or missing: {error}")
        response.status_code = 400
        return response

    return control


def _add_worlds(control: Blueprint, world: World) -> None:
    """Whole worlds: reset, snapshots, load and dump."""

    @control.post("/reset")
    def reset() -> Any:
        world.seed = int((request.get_json(silent=True) or {}).get("seed", world.seed))
        world.reset()
        return jsonify({})

    @control.post("/snapshot")
    def snapshot() -> Any:
        name = request.get_json()["name"]
        world.snapshots_of_worlds[name] = world.snapshot()
        return jsonify(name=name)

    @control.post("/restore")
    def restore() -> Any:
        name = request.get_json()["name"]
        world.restore(world.snapshots_of_worlds[name])
        return jsonify(name=name)

    @control.route("/world", methods=["GET", "PUT"])
    def whole_world() -> Any:
        if request.method == "PUT":
            load(world, request.get_json())
        return jsonify(dump(world))


def _add_people(control: Blueprint, world: World) -> None:
    """Accounts, tokens, consent, and what a person may take back."""

    @control.post("/accounts")
    def add_account() -> Any:
        body = request.get_json()
        account = world.add_account(body["email"], body.get("name", ""), body.get("time_zone", "UTC"))
        return jsonify(email=account.email, sub=account.sub, name=account.name)

    @control.post("/tokens")
    def add_token() -> Any:
        body = request.get_json()
        world.add_account(body["email"])
        scopes = {
            s if "/" in s else oauth.IDENTITY.get(s, oauth.PREFIX + s) for s in body.get("scopes") or ["calendar"]
        }
        return jsonify(oauth.issue(world, body["email"], body.get("client_id", "demo-client"), scopes, True))

    @control.post("/service-accounts")
    def add_robot() -> Any:
        """The key file of a service account; `subjects` and `scopes` say for whom it may act."""
        body = request.get_json()
        email = body.get("email") or f"robot-{world.new_id(4)}@demo-project.iam.gserviceaccount.com"
        scopes = [s if "/" in s or s == "*" else oauth.PREFIX + s for s in body.get("scopes") or ["*"]]
        robot = robots.create(world, email, body.get("subjects") or [], scopes)
        names = ("accounts.google.com", "oauth2.googleapis.com", "www.googleapis.com")
        return jsonify(robots.key_file(robot, *(transport.origin_of(request.environ, name) for name in names)))

    @control.post("/clients")
    def add_client() -> Any:
        """An OAuth client as the Cloud Console's `credentials.json` describes it."""
        body = request.get_json()
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
        body = request.get_json()
        world.consents = [body] if body.get("email") else []
        return jsonify({})

    @control.post("/revoke")
    def revoke() -> Any:
        oauth.revoke_grant(world, request.get_json()["email"], "demo-project")
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
            try:
                world.behaviours.update(request.get_json())
            except KeyError as error:
                return jsonify(error=f"no behaviour is called {error}"), 400
        return jsonify(world.behaviours.as_dict())

    @control.route("/clock", methods=["GET", "POST"])
    def clock() -> Any:
        if request.method == "POST":
            body = request.get_json()
            if "now" in body:
                world.clock.set(datetime.fromisoformat(body["now"]).astimezone(UTC))
            if "advance_s" in body:
                world.clock.advance(float(body["advance_s"]))
            events.settle(world)
            push.deliver_due(world, deliver)
        return jsonify(now=world.clock.now().isoformat(), manual=world.clock.is_manual)

    @control.route("/faults", methods=["POST", "DELETE"])
    def faults() -> Any:
        if request.method == "DELETE":
            world.faults.clear()
            return jsonify({})
        body = request.get_json()
        fault = Fault(
            id=world.new_id(8),
            match=body.get("match") or {},
            effect=body.get("effect") or {},
            times=body.get("times"),
            probability=float(body.get("probability", 1.0)),
            seed=int(body.get("seed", 0)),
        )
        world.faults[fault.id] = fault
        return jsonify(id=fault.id)

    @control.post("/notifications")
    def notifications() -> Any:
        world.notification_mode = request.get_json()
        return jsonify({})

    @control.post("/notifications/flush")
    def flush() -> Any:
        return jsonify(delivered=push.deliver_due(world, deliver, is_forced=True))

    @control.post("/expire-sync-tokens")
    def expire() -> Any:
        only = (request.get_json(silent=True) or {}).get("calendar_id")
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
        body = request.get_json()
        world.share(world.calendars[body["calendar_id"]], body["email"], body["role"])
        return jsonify({})

    @control.post("/settings")
    def settings() -> Any:
        body = request.get_json()
        world.accounts[body["email"]].settings |= body["values"]
        world.settings_seq[body["email"]] = world.next_seq()
        push.changed(world, f"settings:{body['email']}")
        return jsonify({})

    @control.post("/delete-calendar")
    def delete_calendar() -> Any:
        calendars.remove_calendar(world, world.calendars[request.get_json()["calendar_id"]])
        return jsonify({})

    @control.post("/ui/split-series")
    def split() -> Any:
        body = request.get_json()
        event = split_series(
            world, body["calendar_id"], body["event_id"], body["original_start"], body.get("changes") or {}
        )
        return jsonify(id=event)

    @control.post("/ui/edit-all")
    def edit_all_events() -> Any:
        body = request.get_json()
        edit_all(world, body["calendar_id"], body["event_id"], body["changes"])
        return jsonify({})

    @control.post("/ui/duplicate-event")
    def duplicate() -> Any:
        body = request.get_json()
        calendar = world.calendars[body["calendar_id"]]
        original = calendar.events[body["event_id"]]
        copied = _wire(original, calendar)
        return jsonify(id=events.insert(world, calendar, calendar.owner, copied, bodies.Params()).id)


def split_series(world: World, calendar_id: str, event_id: str, original_start: str, changes: dict[str, Any]) -> str:
    """ "This and following" as Google's own page does it: `_R` id when the time is unchanged and the id is free, else a
    fresh one. At the first occurrence it is an edit of all."""
    calendar = world.calendars[calendar_id]
    master = calendar.events[event_id]
    at = datetime.fromisoformat(original_start)
    is_date = "date" in master.data["start"]
    original = (
        {"date": original_start}
        if is_date
        else {"at": at.astimezone(UTC).isoformat(), "zone": master.data["start"]["zone"]}
    )
    if not moments.is_instance(
        master.data["start"], master.data["recurrence"], original, world.behaviours.skipped_hour
    ):
        raise KeyError("original_start")
    if moments.instant(original) == moments.instant(master.data["start"]):
        edit_all(world, calendar_id, event_id, changes)
        return event_id
    tail = _wire(master, calendar) | {"start": None, "end": None}
    length = moments.instant(master.data["end"]) - moments.instant(master.data["start"])
    zone = master.data["start"].get("zone") or calendar.time_zone
    tail["start"] = moments.render(original, zone)
    tail["end"] = moments.render(moments.shift(original, length), zone)
    is_retimed = "start" in changes
    tail["recurrence"] = [_remaining(line, master, original) for line in master.data["recurrence"]]
    tail |= changes
    until = until_before(master.data["start"], master.data["recurrence"], original)
    lines = [trimmed(line, until) for line in master.data["recurrence"]]
    params = bodies.Params()
    events.patch(world, calendar, calendar.owner, event_id, {"recurrence": lines}, params)
    created = events.insert(world, calendar, calendar.owner, tail, params)
    created.data["sequence"] = master.data.get("sequence", 0)
    name = f"{event_id}_R{moments.suffix(original).rstrip('Z')}"
    if not is_retimed and name not in calendar.events:
        _rename(world, calendar, created.id, name, event_id)
        return name
    created.created_us = master.created_us
    created.data["sequence"] = 1
    created.encoded.clear()
    return created.id


def edit_all(
    world: World, calendar_id: str, event_id: str, changes: dict[str, Any], params: bodies.Params | None = None
) -> None:
    """ "All events" as Google's own page does it: the series, its continuations, and the exceptions' same fields."""
    calendar = world.calendars[calendar_id]
    master = calendar.events[event_id]
    policy, world.behaviours.master_edit = world.behaviours.master_edit, "overwrite"
    try:
        for member in calendar.family_of(master):
            is_linked = member.is_master and not member.is_cancelled and member is not master
            kept = (
                {n: v for n, v in changes.items() if n not in {"start", "end", "recurrence"}} if is_linked else changes
            )
            if member is master or (is_linked and kept):
                events.patch(world, calendar, calendar.owner, member.id, kept, params or bodies.Params())
    finally:
        world.behaviours.master_edit = policy


def load(world: World, state: dict[str, Any]) -> None:
    """Builds a world from its JSON form (the file of `--world`)."""
    world.reset()
    for item in state.get("clients") or []:
        world.clients[item["id"]] = Client(item["id"], item["secret"], item.get("redirect_uris") or [])
    for item in state.get("accounts") or []:
        world.add_account(item["email"], item.get("name", ""), item.get("time_zone", "UTC"), item.get("sub", ""))
    for item in state.get("calendars") or []:
        calendar = world.calendars.get(item["id"]) or world.add_calendar(
            item["id"], item.get("summary", item["id"]), item.get("owner", ""), item.get("time_zone", "UTC")
        )
        calendar.push_supported = item.get("push_supported", True)
        for rule in item.get("acl") or []:
            world.share(calendar, rule["email"], rule["role"])
        for body in item.get("events") or []:
            _load_event(world, calendar, body)
    world.mails.clear()
    world.notifications.clear()


def dump(world: World) -> dict[str, Any]:
    """The JSON form of the present world."""
    return {
        "clients": [{"id": c.id, "secret": c.secret, "redirect_uris": c.redirect_uris} for c in world.clients.values()],
        "accounts": [
            {"email": a.email, "name": a.name, "time_zone": a.time_zone, "sub": a.sub} for a in world.accounts.values()
        ],
        "calendars": [
            {
                "id": c.id,
                "summary": c.summary,
                "owner": c.owner,
                "time_zone": c.time_zone,
                "push_supported": c.push_supported,
                "acl": [{"email": email, "role": role} for email, role in c.acl.items()],
                "events": [_wire(event, c) | {"id": event.id} for event in c.events.values() if not event.is_cancelled],
            }
            for c in world.calendars.values()
            if not c.is_deleted
        ],
    }


def _load_event(world: World, calendar: Any, body: dict[str, Any]) -> None:
    actor = calendar.owner if calendar.owner in world.accounts else next(iter(world.accounts))
    granted = calendar.acl.get(actor)
    calendar.acl[actor] = "owner"
    try:
        params = bodies.Params({"conferenceDataVersion": "1"})
        if body.get("recurringEventId"):
            body = {n: v for n, v in body.items() if n not in {"recurringEventId", "recurrence"}}
            events.patch(world, calendar, actor, body["id"], body, params)
        else:
            events.insert(world, calendar, actor, body, params)
    finally:
        if granted is None:
            del calendar.acl[actor]
        else:
            calendar.acl[actor] = granted


def _wire(event: Any, calendar: Any) -> dict[str, Any]:
    body = {n: v for n, v in event.data.items() if n in bodies.WRITABLE or n in {"eventType", "recurringEventId"}}
    for name in ("start", "end"):
        body[name] = moments.render(event.data[name], event.data[name].get("zone") or calendar.time_zone)
    body.pop("sequence", None)
    return body


def _remaining(line: str, master: Any, original: moments.When) -> str:
    """A rule's line with COUNT reduced to what is left from an occurrence on."""
    if "COUNT=" not in line.upper():
        return line
    gone = sum(1 for _ in moments.expand(master.data["start"], [line], None, moments.instant(original)))
    parts = line.split(";")
    kept = [f"COUNT={int(p[6:]) - gone}" if p.upper().startswith("COUNT=") else p for p in parts]
    return ";".join(kept)


def until_before(start: moments.When, lines: list[str], original: moments.When) -> str:
    """The UNTIL with which Google's page ends a series before an occurrence: the last second of the local day before,
    or of the second before where the series has more of that day."""
    at = moments.instant(original)
    if "date" in original:
        return (at - timedelta(days=1)).strftime("%Y%m%d")
    local = at.astimezone(ZoneInfo(start["zone"] or "UTC"))
    midnight = local.replace(hour=0, minute=0, second=0).astimezone(UTC)
    is_busy = any(True for _ in moments.expand(start, lines, midnight, at))
    return ((at if is_busy else midnight) - timedelta(seconds=1)).strftime("%Y%m%dT%H%M%SZ")


def trimmed(line: str, until: str) -> str:
    if not line.upper().startswith("RRULE"):
        return line
    kept = [part for part in line.split(";") if not part.upper().startswith(("UNTIL=", "COUNT="))]
    return ";".join([*kept, f"UNTIL={until}"])


def _rename(world: World, calendar: Any, old: str, new: str, family: str) -> None:
    event = calendar.events.pop(old)
    calendar.changes.pop(old, None)
    calendar.uids.pop(event.data["iCalUID"], None)
    event.id, event.family = new, family
    event.data = event.data | {"iCalUID": f"{new}@google.com"}
    calendar.events[new] = event
    calendar.families.setdefault(family, set()).add(new)
    calendar.uids[event.data["iCalUID"]] = new
    world.touch_family(calendar, event)


def _after(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    after = int(request.args.get("after") or 0)
    return [row for row in rows if row["seq"] > after]
