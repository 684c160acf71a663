"""A web calendar in which a person can work "at Google", and an inspector of what the emulator saw."""

import contextlib
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, redirect, render_template, request, url_for

from gcal_emulator import bodies, calendars, deeds, events, finding, moments, oauth, occurrences
from gcal_emulator.errors import GoogleError
from gcal_emulator.faults import CODES, MESSAGES, Fault
from gcal_emulator.world import ROLES, Calendar, Event, World

_SHOWN_MAX = 200
_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def blueprint(world: World) -> Blueprint:
    """The pages under `/ui`; `/` leads to the first account."""
    ui = Blueprint("web", __name__)
    _add_calendar(ui, world)
    _add_event(ui, world)
    _add_inspector(ui, world)
    _add_sharing(ui, world)
    return ui


def _page(world: World, template: str, title: str, **values: Any) -> str:
    return render_template(template, title=title, accounts=list(world.accounts), **values)


def _add_calendar(ui: Blueprint, world: World) -> None:
    """An account by week and month, and the form of a new event."""

    @ui.get("/")
    def home() -> Any:
        first = next(iter(world.accounts), None)
        return redirect(f"/ui/{first}" if first else "/ui/inspector")

    @ui.get("/ui/<email>")
    def days(email: str) -> Any:
        account = world.accounts.get(email) or abort(404)
        shown = _span(request.args, world.clock.now().astimezone(ZoneInfo(account.time_zone)).date())
        tiles = _tiles(world, email, account.time_zone, shown["rows"][0][0], shown["rows"][-1][-1] + timedelta(days=1))
        return _page(world, "days.html", email, email=email, tiles=tiles, names=_NAMES, **shown)

    @ui.route("/ui/<email>/new", methods=["GET", "POST"])
    def create(email: str) -> Any:
        account = world.accounts.get(email) or abort(404)
        choices = [c for c in _visible(world, email) if world.role_of(email, c) in {"writer", "owner"}]
        values = request.form.to_dict() or _blank(world, account.time_zone, request.args.get("day", ""))
        error = ""
        if request.method == "POST":
            try:
                target = world.calendars[values["calendar"]]
                events.insert(world, target, email, _body_of(values), bodies.Params({"sendUpdates": "all"}))
                return redirect(f"/ui/{email}")
            except (GoogleError, ValueError, KeyError) as problem:
                error = str(problem)
        return _page(
            world, "event.html", "Create event", event=None, calendars=choices, calendar_id=email, v=values, error=error
        )


def _add_event(ui: Blueprint, world: World) -> None:
    """One event: shown, changed, answered, deleted."""

    @ui.route("/ui/<email>/<calendar_id>/<event_id>", methods=["GET", "POST"])
    def edit(email: str, calendar_id: str, event_id: str) -> Any:
        calendar = world.calendars.get(calendar_id) or abort(404)
        if email not in world.accounts:
            abort(404)
        try:
            event = finding.find(world, calendar, event_id)
        except GoogleError:
            abort(404)
        values, error = _values_of(event, calendar), ""
        if request.method == "POST":
            try:
                _apply(world, calendar, email, event, request.form.to_dict())
                return redirect(f"/ui/{email}")
            except (GoogleError, ValueError, KeyError) as problem:
                values, error = request.form.to_dict(), str(problem)
        guests = event.data.get("attendees") or []
        return _page(
            world,
            "event.html",
            "Edit event",
            event=event,
            calendars=[calendar],
            calendar_id=calendar_id,
            v=values,
            error=error,
            guests=guests,
            is_series=event.is_exception or event.is_master,
            can_answer=email in {row["email"] for row in guests},
        )


def _add_sharing(ui: Blueprint, world: World) -> None:
    @ui.route("/ui/<email>/sharing", methods=["GET", "POST"])
    def sharing(email: str) -> Any:
        if email not in world.accounts:
            abort(404)
        error = _share(world, email, request.form.to_dict()) if request.method == "POST" else ""
        calendars = [(c, world.role_of(email, c)) for c in _visible(world, email)]
        grants = [(client, scopes) for (who, client), scopes in world.grants.items() if who == email]
        return render_template(
            "sharing.html",
            title="Sharing",
            accounts=list(world.accounts),
            email=email,
            calendars=calendars,
            grants=grants,
            roles=ROLES,
            error=error,
        )

    @ui.post("/ui/<email>/revoke")
    def revoke(email: str) -> Any:
        client = world.clients.get(request.form.get("client", "demo-client")) or abort(404)
        oauth.revoke_grant(world, email, client.project)
        return redirect(url_for("web.sharing", email=email))


def _share(world: World, email: str, values: dict[str, str]) -> str:
    """Carries out one form of the sharing page; answers what was wrong."""
    action = values.get("do")
    if action == "create":
        if not values.get("summary"):
            return "A calendar needs a title."
        calendar_id = f"c_{world.new_id(40)}@group.calendar.google.com"
        world.add_calendar(calendar_id, values["summary"], email, world.accounts[email].time_zone)
        return ""
    calendar = world.calendars.get(values.get("calendar", ""))
    if calendar is None or world.role_of(email, calendar) != "owner":
        return "Only owners share a calendar."
    if action == "remove":
        if calendar.is_primary or calendar.owner != email:
            return "Only its data owner deletes a calendar, and nobody a primary one."
        calendars.remove_calendar(world, calendar)
        return ""
    person = values.get("person", "").strip()
    if person == calendar.owner or ("@" not in person and person != "default"):
        return "Name somebody else by address, or “default” for everyone."
    world.share(calendar, person, values.get("role", "reader"))
    return ""


def _add_inspector(ui: Blueprint, world: World) -> None:
    @ui.route("/ui/inspector", methods=["GET", "POST"])
    def inspector() -> Any:
        if request.method == "POST":
            _strike(world, request.form.to_dict())
            return redirect("/ui/inspector")
        rows = [
            e | {"shown": json.dumps(e["request_body"])[:400] if e["request_body"] else ""}
            for e in world.journal[-_SHOWN_MAX:]
        ]
        return render_template(
            "inspector.html",
            title="Inspector",
            accounts=list(world.accounts),
            journal=rows[::-1],
            faults=list(world.faults.values()),
            channels=list(world.channels.values())[-50:],
            now=world.clock.now_s(),
            tokens=[*world.refresh_tokens.values(), *world.tokens.values()][-50:],
            mails=world.mails[-50:][::-1],
            codes=[*CODES, *MESSAGES],
        )


def _strike(world: World, values: dict[str, str]) -> None:
    if values.get("do") == "clear":
        world.faults.clear()
        return
    match = {"email": values["email"]} if values.get("email") else {}
    times = int(values["times"]) if values.get("times", "").isdigit() else None
    if values.get("code", "").strip() not in CODES | MESSAGES:
        return
    fault = Fault(world.new_id(8), match, {"code": values.get("code", "").strip()}, times)
    world.faults[fault.id] = fault


def _apply(world: World, calendar: Calendar, email: str, event: Event, values: dict[str, str]) -> None:
    """Carries out one submitted form as Google's own page would: mailing guests, in the chosen scope."""
    params = bodies.Params({"sendUpdates": "all"})
    scope, action = values.get("scope", "this"), values.get("do", "save")
    master_id = event.data.get("recurringEventId") or event.id
    if action in {"accepted", "tentative", "declined"}:
        rows = [row | ({"responseStatus": action} if row["email"] == email else {}) for row in event.data["attendees"]]
        events.patch(world, calendar, email, event.id, {"attendees": rows}, params)
    elif action == "delete":
        _delete(world, calendar, email, event, scope, master_id, params)
    elif scope == "following" and event.is_exception:
        _change_following(world, calendar, event, master_id, _body_of(values))
    elif scope == "all" and event.is_exception:
        changes = {n: v for n, v in _body_of(values).items() if n not in {"start", "end", "recurrence"}}
        deeds.edit_all(world, calendar.id, master_id, changes, params)
    else:
        body = _body_of(values)
        if event.is_exception:
            body.pop("recurrence", None)
        events.patch(world, calendar, email, event.id, body, params)


def _change_following(world: World, calendar: Calendar, event: Event, master_id: str, body: dict[str, Any]) -> None:
    """Splits a series at an occurrence; only what the form changed is told, so that an unmoved tail keeps its `_R` id."""
    original = moments.render(event.data["originalStartTime"], calendar.time_zone)
    known = _body_of(_values_of(event, calendar))
    changes = {n: v for n, v in body.items() if n != "recurrence" and v != known.get(n)}
    if "start" in changes or "end" in changes:
        changes |= {side: body[side] for side in ("start", "end")}
    deeds.split_series(world, calendar.id, master_id, original.get("dateTime") or original["date"], changes)


def _delete(
    world: World, calendar: Calendar, email: str, event: Event, scope: str, master_id: str, params: bodies.Params
) -> None:
    if scope == "following" and event.is_exception:
        master = calendar.events[master_id]
        cut = moments.instant(event.data["originalStartTime"])
        for member in calendar.family_of(master):
            is_after = member.is_exception and moments.instant(member.data["originalStartTime"]) >= cut
            if is_after and member.data["recurringEventId"] == master_id and not member.is_cancelled:
                events.delete(world, calendar, email, member.id, params)
        until = deeds.until_before(master.data["start"], master.data["recurrence"], event.data["originalStartTime"])
        lines = [deeds.trimmed(line, until) for line in master.data["recurrence"]]
        events.patch(world, calendar, email, master_id, {"recurrence": lines}, params)
    else:
        events.delete(world, calendar, email, master_id if scope == "all" else event.id, params)


def _span(asked: Any, today: date) -> dict[str, Any]:
    """The rows of days to show: six weeks around a month, or one week; and where earlier and later lead."""
    if text := asked.get("week"):
        try:
            day = date.fromisoformat(text)
        except ValueError:
            day = today
        first = day - timedelta(days=day.weekday())
        rows = [[first + timedelta(days=n) for n in range(7)]]
        near = {"before": str(first - timedelta(days=7)), "after": str(first + timedelta(days=7))}
        heading = f"Week of {first.strftime('%d %B %Y')}"
        return near | {
            "kind": "week",
            "heading": heading,
            "rows": rows,
            "today": today,
            "month": f"{first:%Y-%m}",
            "week": str(first),
        }
    try:
        first = datetime.strptime(asked.get("month") or "", "%Y-%m").date()
    except ValueError:
        first = today.replace(day=1)
    grid = [first - timedelta(days=first.weekday()) + timedelta(days=n) for n in range(42)]
    near = {
        "before": (first - timedelta(days=1)).strftime("%Y-%m"),
        "after": (first + timedelta(days=32)).strftime("%Y-%m"),
    }
    rows = [grid[n : n + 7] for n in range(0, 42, 7)]
    week = today if first.month == today.month else first
    return near | {
        "kind": "month",
        "heading": first.strftime("%B %Y"),
        "rows": rows,
        "today": today,
        "month": f"{first:%Y-%m}",
        "week": str(week),
    }


def _visible(world: World, email: str) -> list[Calendar]:
    entries = [e for e in world.lists.get(email, {}).values() if not e.is_deleted]
    found = [world.calendars[e.calendar_id] for e in entries]
    return [c for c in found if not c.is_deleted and world.role_of(email, c) != "none"]


def _tiles(world: World, email: str, zone: str, since: date, until: date) -> dict[date, list[dict[str, Any]]]:
    begin = datetime(since.year, since.month, since.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    end = datetime(until.year, until.month, until.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    tiles: dict[date, list[dict[str, Any]]] = {}
    for calendar in _visible(world, email):
        for stored in list(calendar.events.values()):
            is_known = stored.is_exception and stored.data["recurringEventId"] in calendar.events
            if is_known or (stored.is_cancelled and not stored.is_master):
                continue
            rows = occurrences.expanded(world, calendar, stored, begin, end) if stored.is_master else [stored]
            for event in rows:
                at = moments.instant(event.data["start"], zone)
                if event.is_cancelled or not begin <= at < end:
                    continue
                local = at.astimezone(ZoneInfo(zone))
                tile = {
                    "url": f"/ui/{email}/{calendar.id.replace('#', '%23')}/{event.id}",
                    "title": event.data.get("summary") or "(No title)",
                    "declined": any(
                        row["email"] == email and row["responseStatus"] == "declined"
                        for row in event.data.get("attendees") or []
                    ),
                    "time": "" if "date" in event.data["start"] else local.strftime("%H:%M"),
                }
                tiles.setdefault(local.date(), []).append(tile)
    return {day: sorted(rows, key=lambda t: t["time"]) for day, rows in tiles.items()}


def _blank(world: World, zone: str, day: str) -> dict[str, str]:
    begin = world.clock.now().astimezone(ZoneInfo(zone)).replace(minute=0, second=0, microsecond=0, tzinfo=None)
    begin += timedelta(hours=1)
    with contextlib.suppress(ValueError):
        begin = datetime.combine(date.fromisoformat(day), begin.time())
    return {
        "start": begin.isoformat(" ", "minutes"),
        "end": (begin + timedelta(hours=1)).isoformat(" ", "minutes"),
        "zone": zone,
    }


def _values_of(event: Event, calendar: Calendar) -> dict[str, Any]:
    data = event.data
    zone = data["start"].get("zone") or calendar.time_zone
    is_all_day = "date" in data["start"]

    def text(value: moments.When) -> str:
        if is_all_day:
            return str(value["date"])
        return moments.instant(value).astimezone(ZoneInfo(zone)).replace(tzinfo=None).isoformat(" ", "minutes")

    return {
        "summary": data.get("summary", ""),
        "all_day": is_all_day,
        "start": text(data["start"]),
        "end": text(data["end"]),
        "zone": zone,
        "recurrence": " ".join(data.get("recurrence") or []),
        "location": data.get("location", ""),
        "description": data.get("description", ""),
        "visibility": data.get("visibility", "default"),
        "guests": ", ".join(row["email"] for row in data.get("attendees") or []),
    }


def _body_of(values: dict[str, str]) -> dict[str, Any]:
    """A form as a patch body. Raises ValueError on unreadable times."""
    body: dict[str, Any] = {n: values.get(n, "") or None for n in ("summary", "location", "description")}
    for side in ("start", "end"):
        text = values[side].strip()
        if values.get("all_day"):
            body[side] = {"date": date.fromisoformat(text[:10]).isoformat(), "dateTime": None, "timeZone": None}
        else:
            local = datetime.fromisoformat(text)
            body[side] = {"dateTime": local.isoformat(), "timeZone": values.get("zone") or "UTC", "date": None}
    body["visibility"] = values.get("visibility") or "default"
    body["recurrence"] = values.get("recurrence", "").split() or None
    guests = [guest.strip() for guest in values.get("guests", "").split(",") if guest.strip()]
    body["attendees"] = [{"email": guest} for guest in guests] or None
    return body
