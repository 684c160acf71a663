"""A plain web calendar in which a person can work "at Google", and an inspector of what the emulator saw."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, abort, redirect, render_template_string, request, url_for

from gcal_emulator import control, events, listing, moments, oauth
from gcal_emulator.errors import GoogleError
from gcal_emulator.world import Calendar, Event, World

_SHELL = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{{ title }} · Emulated Google Calendar</title>
<meta name="viewport" content="width=device-width"><style>
body{font:14px system-ui;margin:0;background:#f8fafd;color:#1f1f1f}header{display:flex;gap:16px;align-items:center;
padding:12px 20px;background:#fff;border-bottom:1px solid #dadce0;flex-wrap:wrap}header b{font-size:17px}
main{padding:20px;max-width:1180px;margin:auto}a{color:#0b57d0}table{border-collapse:collapse;width:100%;background:#fff}
td,th{border:1px solid #e3e3e3;padding:6px 8px;vertical-align:top;text-align:left}table.month td{height:92px;width:14%}
.tile{display:block;background:#d3e3fd;border-radius:4px;padding:1px 6px;margin:2px 0;text-decoration:none;color:#041e49;
overflow:hidden;text-overflow:ellipsis;white-space:nowrap;max-width:150px}input,select,textarea,button{font:inherit;
padding:6px 8px}form.stack{display:grid;gap:10px;max-width:560px;background:#fff;padding:20px;border:1px solid #dadce0;
border-radius:12px}form.stack label{display:grid;gap:4px}pre{white-space:pre-wrap;margin:0}.muted{color:#5f6368}
.error{background:#fce8e6;padding:10px 14px;border-radius:8px}</style></head><body><header><b>Calendar</b>
<span class="muted">emulated Google</span>{% for a in accounts %}<a href="/ui/{{ a }}">{{ a }}</a>{% endfor %}
<a href="/ui/inspector">Inspector</a></header><main>{{ body|safe }}</main></body></html>"""

_MONTH = """<h2>{{ first.strftime('%B %Y') }} <small class="muted">{{ email }}</small></h2>
<p><a href="?month={{ before }}">‹ earlier</a> · <a href="?month={{ after }}">later ›</a> ·
<a href="/ui/{{ email }}/new">Create event</a></p>
<p>{% for c, role in calendars %}<span>■ {{ c.summary }} <span class="muted">{{ role }}</span></span> {% endfor %}</p>
<table class="month"><tr>{% for d in ['Mon','Tue','Wed','Thu','Fri','Sat','Sun'] %}<th>{{ d }}</th>{% endfor %}</tr>
{% for week in weeks %}<tr>{% for day in week %}<td><span class="muted">{{ day.day }}</span>
{% for item in tiles.get(day, []) %}<a class="tile" href="{{ item.url }}" title="{{ item.title }}">{{ item.time }}
{{ item.title }}</a>{% endfor %}</td>{% endfor %}</tr>{% endfor %}</table>
<form method="post" action="/ui/{{ email }}/revoke"><p><button>Revoke the app's access</button></p></form>"""

_FORM = """<h2>{{ 'Edit event' if event else 'Create event' }}</h2>{% if error %}<p class="error">{{ error }}</p>{% endif %}
<form class="stack" method="post"><label>Calendar<select name="calendar" {{ 'disabled' if event }}>
{% for c in calendars %}<option value="{{ c.id }}" {{ 'selected' if c.id == calendar_id }}>{{ c.summary }}</option>
{% endfor %}</select></label><label>Title<input name="summary" value="{{ v.summary }}"></label>
<label><span><input type="checkbox" name="all_day" {{ 'checked' if v.all_day }}> All day</span></label>
<label>Start<input name="start" value="{{ v.start }}"></label><label>End<input name="end" value="{{ v.end }}"></label>
<label>Time zone<input name="zone" value="{{ v.zone }}"></label>
<label>Repeats<input name="recurrence" value="{{ v.recurrence }}" placeholder="RRULE:FREQ=WEEKLY;COUNT=5"></label>
<label>Where<input name="location" value="{{ v.location }}"></label>
<label>Guests<input name="guests" value="{{ v.guests }}" placeholder="ana@example.com, bo@example.com"></label>
<label>Description<textarea name="description">{{ v.description }}</textarea></label>
{% if is_series %}<label>Change<select name="scope"><option value="this">This event</option>
<option value="following">This and following</option><option value="all">All events</option></select></label>{% endif %}
<div><button name="do" value="save">Save</button>{% if event %}<button name="do" value="delete">Delete</button>{% endif %}
{% if can_answer %}{% for r in ['accepted','tentative','declined'] %}<button name="do" value="{{ r }}">{{ r }}</button>
{% endfor %}{% endif %}</div></form>"""

_INSPECTOR = """<h2>Inspector</h2><h3>Channels</h3><table><tr><th>id</th><th>resource</th><th>user</th><th>state</th></tr>
{% for c in channels %}<tr><td>{{ c.id }}</td><td>{{ c.resource }}</td><td>{{ c.email }}</td>
<td>{{ 'stopped' if c.is_stopped else 'open' }}</td></tr>{% endfor %}</table><h3>Mails</h3>
<table>{% for m in mails %}<tr><td>{{ m.time }}</td><td>{{ m.kind }}</td><td>{{ m.to }}</td><td>{{ m.summary }}</td></tr>
{% else %}<tr><td>none</td></tr>{% endfor %}</table><h3>Grants</h3><table>{% for (email, client), scopes in grants %}
<tr><td>{{ email }}</td><td>{{ client }}</td><td>{{ scopes|length }} permissions</td></tr>{% endfor %}</table>
<h3>Requests, newest first</h3><table><tr><th>#</th><th>time</th><th>user</th><th>request</th><th>answer</th></tr>
{% for e in journal %}<tr><td>{{ e.seq }}</td><td>{{ e.time }}</td><td>{{ e.email }}</td><td>{{ e.method }} {{ e.path }}
<pre class="muted">{{ e.shown }}</pre></td><td>{{ e.status }} {{ e.reason or '' }} {{ e.outcome }}</td></tr>{% endfor %}
</table>"""


def blueprint(world: World) -> Blueprint:
    """The pages under `/ui`; `/` leads to the first account."""
    ui = Blueprint("web", __name__)

    def page(title: str, body: str) -> str:
        return render_template_string(_SHELL, title=title, body=body, accounts=list(world.accounts))

    @ui.get("/")
    def home() -> Any:
        first = next(iter(world.accounts), None)
        return redirect(f"/ui/{first}" if first else "/ui/inspector")

    @ui.get("/ui/inspector")
    def inspector() -> Any:
        rows = [
            e | {"shown": json.dumps(e["request_body"])[:400] if e["request_body"] else ""}
            for e in world.journal[-200:]
        ]
        body = render_template_string(
            _INSPECTOR,
            journal=rows[::-1],
            channels=list(world.channels.values())[-50:],
            mails=world.mails[-50:][::-1],
            grants=list(world.grants.items()),
        )
        return page("Inspector", body)

    @ui.get("/ui/<email>")
    def month(email: str) -> Any:
        account = world.accounts.get(email) or abort(404)
        first = _first_of(request.args.get("month"), world)
        grid = [first - timedelta(days=first.weekday()) + timedelta(days=n) for n in range(42)]
        tiles = _tiles(world, email, account.time_zone, grid[0], grid[-1] + timedelta(days=1))
        body = render_template_string(
            _MONTH,
            email=email,
            first=first,
            before=(first - timedelta(days=1)).strftime("%Y-%m"),
            after=(first + timedelta(days=32)).strftime("%Y-%m"),
            calendars=[(c, world.role_of(email, c)) for c in _visible(world, email)],
            weeks=[grid[n : n + 7] for n in range(0, 42, 7)],
            tiles=tiles,
        )
        return page(email, body)

    @ui.route("/ui/<email>/new", methods=["GET", "POST"])
    def create(email: str) -> Any:
        account = world.accounts.get(email) or abort(404)
        calendars = [c for c in _visible(world, email) if world.role_of(email, c) in {"writer", "owner"}]
        values = request.form.to_dict() if request.method == "POST" else _blank(world, account.time_zone)
        error = ""
        if request.method == "POST":
            try:
                target = world.calendars[values["calendar"]]
                events.insert(world, target, email, _body_of(values), events.Params({"sendUpdates": "all"}))
                return redirect(f"/ui/{email}")
            except (GoogleError, ValueError, KeyError) as problem:
                error = str(problem)
        body = render_template_string(_FORM, event=None, calendars=calendars, calendar_id=email, v=values, error=error)
        return page("Create event", body)

    @ui.route("/ui/<email>/<calendar_id>/<event_id>", methods=["GET", "POST"])
    def edit(email: str, calendar_id: str, event_id: str) -> Any:
        calendar = world.calendars.get(calendar_id) or abort(404)
        if email not in world.accounts:
            abort(404)
        try:
            event = events.find(world, calendar, event_id)
        except GoogleError:
            abort(404)
        values, error = _values_of(event, calendar), ""
        if request.method == "POST":
            try:
                _apply(world, calendar, email, event, request.form.to_dict())
                return redirect(f"/ui/{email}")
            except (GoogleError, ValueError) as problem:
                values, error = request.form.to_dict(), str(problem)
        guests = [row["email"] for row in event.data.get("attendees") or []]
        body = render_template_string(
            _FORM,
            event=event,
            calendars=[calendar],
            calendar_id=calendar_id,
            v=values,
            error=error,
            is_series=event.is_exception or event.is_master,
            can_answer=email in guests,
        )
        return page("Edit event", body)

    @ui.post("/ui/<email>/revoke")
    def revoke(email: str) -> Any:
        oauth.revoke_grant(world, email, "demo-project")
        return redirect(url_for("web.month", email=email))

    return ui


def _apply(world: World, calendar: Calendar, email: str, event: Event, values: dict[str, str]) -> None:
    """Carries out one submitted form as Google's own page would: mailing guests, in the chosen scope."""
    params = events.Params({"sendUpdates": "all"})
    scope, action = values.get("scope", "this"), values.get("do", "save")
    master_id = event.data.get("recurringEventId") or event.id
    if action in {"accepted", "tentative", "declined"}:
        rows = [dict(row) for row in event.data["attendees"]]
        for row in rows:
            row |= {"responseStatus": action} if row["email"] == email else {}
        events.patch(world, calendar, email, event.id, {"attendees": rows}, params)
    elif action == "delete":
        _delete(world, calendar, email, event, scope, master_id, params)
    elif scope == "following" and event.is_exception:
        original = moments.render(event.data["originalStartTime"], calendar.time_zone)
        changes = {n: v for n, v in _body_of(values).items() if n in {"summary", "location", "description"}}
        control.split_series(world, calendar.id, master_id, original.get("dateTime") or original["date"], changes)
    else:
        target = master_id if scope == "all" else event.id
        body = _body_of(values)
        if scope == "all" and event.is_exception:
            body = {n: v for n, v in body.items() if n not in {"start", "end", "recurrence"}}
        elif event.is_exception:
            body.pop("recurrence", None)
        events.patch(world, calendar, email, target, body, params)


def _delete(
    world: World, calendar: Calendar, email: str, event: Event, scope: str, master_id: str, params: events.Params
) -> None:
    if scope == "following" and event.is_exception:
        master = calendar.events[master_id]
        until = control.until_before(event.data["originalStartTime"])
        lines = [control.trimmed(line, until) for line in master.data["recurrence"]]
        events.patch(world, calendar, email, master_id, {"recurrence": lines}, params)
    else:
        events.delete(world, calendar, email, master_id if scope == "all" else event.id, params)


def _visible(world: World, email: str) -> list[Calendar]:
    entries = [e for e in world.lists.get(email, {}).values() if not e.is_deleted]
    found = [world.calendars[e.calendar_id] for e in entries]
    return [c for c in found if not c.is_deleted and world.role_of(email, c) != "none"]


def _tiles(world: World, email: str, zone: str, since: date, until: date) -> dict[date, list[dict[str, str]]]:
    begin = datetime(since.year, since.month, since.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    end = datetime(until.year, until.month, until.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    tiles: dict[date, list[dict[str, str]]] = {}
    for calendar in _visible(world, email):
        for stored in list(calendar.events.values()):
            is_known = stored.is_exception and stored.data["recurringEventId"] in calendar.events
            if is_known or (stored.is_cancelled and not stored.is_master):
                continue
            rows = listing.expanded(calendar, stored, begin, end) if stored.is_master else [stored]
            for event in rows:
                at = moments.instant(event.data["start"], zone)
                if event.is_cancelled or not begin <= at < end:
                    continue
                local = at.astimezone(ZoneInfo(zone))
                tile = {
                    "url": f"/ui/{email}/{calendar.id.replace('#', '%23')}/{event.id}",
                    "title": event.data.get("summary") or "(No title)",
                    "time": "" if "date" in event.data["start"] else local.strftime("%H:%M"),
                }
                tiles.setdefault(local.date(), []).append(tile)
    return {day: sorted(rows, key=lambda t: t["time"]) for day, rows in tiles.items()}


def _first_of(text: str | None, world: World) -> date:
    try:
        return datetime.strptime(text or "", "%Y-%m").date()
    except ValueError:
        return world.clock.now().date().replace(day=1)


def _blank(world: World, zone: str) -> dict[str, str]:
    begin = world.clock.now().astimezone(ZoneInfo(zone)).replace(minute=0, second=0, microsecond=0, tzinfo=None)
    begin += timedelta(hours=1)
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
    body["recurrence"] = values.get("recurrence", "").split() or None
    guests = [guest.strip() for guest in values.get("guests", "").split(",") if guest.strip()]
    body["attendees"] = [{"email": guest} for guest in guests] or None
    return body
