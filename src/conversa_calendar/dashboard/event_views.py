"""The event dialog: open, create, change, move, delete with undo, answer, history."""

import json
from datetime import datetime, timedelta
from typing import Any

import msgspec
import nh3
from django.http import HttpResponse, JsonResponse, QueryDict
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from conversa_calendar.calendars import access, editing, parsing, presenting, selectors, services
from conversa_calendar.calendars.editing import Changed, Split
from conversa_calendar.calendars.models import Calendar, Event
from conversa_calendar.calendars.selectors import NotFound
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.dashboard.guards import MemberRequest, page, viewer
from conversa_calendar.domain import times
from conversa_calendar.domain.event import Content
from conversa_calendar.domain.times import Day, Timed
from conversa_calendar.kit import clock
from conversa_calendar.sync import why

TAGS = {"a", "b", "i", "em", "strong", "u", "ul", "ol", "li", "br", "p", "span"}
REPEATS = {
    "": (),
    "daily": ("RRULE:FREQ=DAILY",),
    "weekdays": ("RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR",),
    "weekly": ("RRULE:FREQ=WEEKLY",),
    "monthly": ("RRULE:FREQ=MONTHLY",),
    "yearly": ("RRULE:FREQ=YEARLY",),
}


@require_http_methods(["GET", "POST"])
@page()
def create(request: MemberRequest) -> HttpResponse:
    """A form for a new event, filled from the selected time; posting creates it."""
    pairs = [(c, level) for c, level in selectors.visible(viewer(request)) if level == "edit" and not c.is_read_only]
    if request.method == "GET":
        return _form(request, None, pairs, _new_values(request, pairs))
    try:
        calendar, level = selectors.calendar(viewer(request), request.POST.get("calendar", ""))
        if reason := access.read_only_reason(None, calendar, level):
            raise Invalid("calendar", reason)
        content = parsing.new_content(_body(request.POST, calendar), calendar)
        event = editing.create(calendar, content, actor=request.member, notify=request.POST.get("notify", "none"))
    except (Invalid, NotFound) as error:
        return _form(request, None, pairs, request.POST.dict(), error)
    services.remember_calendar(request.member, calendar)
    return _done(_("Created."), event=event)


@require_GET
@page()
def show(request: MemberRequest, uuid: str) -> HttpResponse:
    """What an event holds, its guests and where it lives."""
    event, calendar, level = selectors.event(viewer(request), uuid)
    key = request.GET.get("occurrence", "")
    content = selectors.content_at(event, key)
    shown = presenting.event(event, calendar, viewer(request), level, content)
    context = {
        "event": event,
        "calendar": calendar,
        "shown": shown,
        "content": content,
        "key": key,
        "when": _in_words(content),
        "description": nh3.clean(
            shown["description"].replace("\n", "<br>"), tags=TAGS, link_rel="noopener nofollow ugc"
        ),
        "is_masked": access.is_masked(event, calendar, viewer(request), level),
        "own": next((guest for guest in content.attendees if guest.self), None),
        "is_series": event.kind != "single",
        "answers": why.answers(event, calendar, content, viewer(request), level),
    }
    return render(request, "dashboard/event.html", context)


@require_http_methods(["GET", "POST"])
@page()
def edit(request: MemberRequest, uuid: str) -> HttpResponse:
    """The form of an event; saving says which part of a series it concerns."""
    event, calendar, level = selectors.event(viewer(request), uuid)
    key = (request.POST or request.GET).get("occurrence", "")
    if reason := access.read_only_reason(event, calendar, level):
        return HttpResponse(reason, status=403)
    pairs = [(c, lv) for c, lv in selectors.visible(viewer(request)) if lv == "edit" and not c.is_read_only]
    if request.method == "GET":
        return _form(request, event, pairs, _values(event, selectors.content_at(event, key), key))
    try:
        return _save(request, event, calendar, key)
    except Changed as conflict:
        context = {
            "event": conflict.current,
            "key": key,
            "now": presenting.event(conflict.current, calendar, viewer(request), level),
            "mine": request.POST.dict(),
        }
        return render(request, "dashboard/conflict.html", context, status=409)
    except (Invalid, NotFound) as error:
        return _form(request, event, pairs, request.POST.dict() | {"occurrence": key}, error)


@require_POST
@page()
def reschedule(request: MemberRequest, uuid: str) -> HttpResponse:
    """A tile was dragged or resized: JSON {start, end, all_day, occurrence, scope}."""
    event, calendar, level = selectors.event(viewer(request), uuid)
    if reason := access.read_only_reason(event, calendar, level):
        return JsonResponse({"message": reason}, status=403)
    try:
        body = json.loads(request.body)
        zone = _zone_of(event, calendar)
        times_body = {
            side: {"date": body[side][:10]} if body.get("all_day") else {"date_time": body[side], "time_zone": zone}
            for side in ("start", "end")
        }
        changed = _apply(
            request, event, calendar, times_body, body.get("occurrence", ""), body.get("scope") or "this", "none"
        )
    except (Invalid, ValueError, KeyError, TypeError) as error:
        return JsonResponse({"message": str(error)}, status=422)
    return JsonResponse({"event": str(changed.uuid)})


@require_POST
@page()
def delete(request: MemberRequest, uuid: str) -> HttpResponse:
    """Deletes an event, an occurrence, this and following, or a series; a notice offers to undo whole deletions."""
    event, calendar, level = selectors.event(viewer(request), uuid)
    if level != "edit" or calendar.is_read_only:
        return HttpResponse(access.read_only_reason(event, calendar, level), status=403)
    scope, key = request.POST.get("scope", "all"), request.POST.get("occurrence", "")
    options: dict[str, Any] = {"actor": request.member, "notify": request.POST.get("notify", "none")}
    try:
        if event.kind != "series" or scope == "all":
            target = event.series if event.kind == "override" and scope == "all" and event.series else event
            editing.delete(target, **options)
            return _done(_("Deleted."), undo=None if target.kind == "override" else target)
        if scope == "following":
            editing.delete_following(event, key, **options)
        else:
            editing.delete_occurrence(event, key, **options)
    except Invalid as error:
        return HttpResponse(error.message, status=422)
    return _done(_("Deleted."))


@require_POST
@page()
def respond(request: MemberRequest, uuid: str) -> HttpResponse:
    """The calendar's own answer to an invitation."""
    event, calendar, level = selectors.event(viewer(request), uuid)
    own = next((guest for guest in event.content.attendees if guest.self), None)
    if own is None or level != "edit" or calendar.is_read_only:
        return HttpResponse(_("There is no invitation to answer here."), status=403)
    try:
        editing.respond(event, own.email, request.POST.get("response", ""), actor=request.member)
    except Invalid as error:
        return HttpResponse(error.message, status=422)
    return _done(_("Answered."))


@require_GET
@page()
def history(request: MemberRequest, uuid: str) -> HttpResponse:
    try:
        event, calendar, level = selectors.event(viewer(request), uuid)
    except NotFound:
        event, calendar, level = selectors.event(viewer(request), uuid, is_deleted=True)
    is_masked = access.is_masked(event, calendar, viewer(request), level)
    entries = [] if is_masked else selectors.history(event)
    context = {"event": event, "entries": entries, "can_edit": level == "edit" and not calendar.is_read_only}
    return render(request, "dashboard/history.html", context)


@require_POST
@page()
def use_instead(request: MemberRequest, uuid: str, entry_id: int) -> HttpResponse:
    event, calendar, level = selectors.event(viewer(request), uuid)
    if reason := access.read_only_reason(event, calendar, level):
        return HttpResponse(reason, status=403)
    try:
        editing.use_instead(event, entry_id, actor=request.member)
    except Invalid as error:
        return HttpResponse(error.message, status=422)
    return _done(_("Put back."))


def _save(request: MemberRequest, event: Event, calendar: Calendar, key: str) -> HttpResponse:
    scope = request.POST.get("scope", "this") if event.kind == "series" else ""
    target_uuid, etag = request.POST.get("calendar", ""), request.POST.get("etag", "")
    if target_uuid and target_uuid != str(calendar.uuid) and event.kind != "override":
        target, level = selectors.calendar(viewer(request), target_uuid)
        if reason := access.read_only_reason(None, target, level):
            raise Invalid("calendar", reason)
        event = editing.move(event, target, actor=request.member, if_match=etag)
        calendar, etag = target, ""
    body = _body(request.POST, calendar)
    if scope == "this" or event.kind == "override":
        body.pop("recurrence", None)
    notify = request.POST.get("notify", "none")
    changed = _apply(request, event, calendar, body, key, scope, notify, etag)
    return _done(_("Saved."), event=changed)


def _apply(
    request: MemberRequest,
    event: Event,
    calendar: Calendar,
    body: dict[str, Any],
    key: str,
    scope: str,
    notify: str,
    if_match: str = "",
) -> Event:
    change = parsing.change(body, calendar)
    options: dict[str, Any] = {"actor": request.member, "notify": notify, "if_match": if_match}
    if event.kind != "series" or scope == "all" or not key:
        if event.kind == "series" and key:
            change = _for_all(body, calendar, event, key)
        return editing.edit(event, change, **options)
    if scope == "following":
        done = editing.edit_following(event, key, change, **options)
        return done.event if isinstance(done, Split) else done
    return editing.edit_occurrence(event, key, change, **options)


def _for_all(body: dict[str, Any], calendar: Calendar, event: Event, key: str) -> editing.Edit:
    """An edit of all that was typed at one occurrence: its new times move the whole series by as much."""
    at = selectors.content_at(event, key)
    moved = parsing.change({n: v for n, v in body.items() if n in {"start", "end"}}, calendar)(at)
    by = times.civil(moved.start) - times.civil(at.start)
    length = times.duration(moved.start, moved.end)
    rest = parsing.change({n: v for n, v in body.items() if n not in {"start", "end"}}, calendar)

    def apply(content: Content) -> Content:
        start = times.at_civil(moved.start, times.civil(content.start) + by)
        return rest(msgspec.structs.replace(content, start=start, end=times.shift(start, length)))

    return apply


def _form(
    request: MemberRequest,
    event: Event | None,
    pairs: list[tuple[Calendar, str]],
    values: dict[str, Any],
    error: Invalid | NotFound | None = None,
) -> HttpResponse:
    context = {
        "event": event,
        "calendars": [calendar for calendar, _level in pairs],
        "v": values,
        "key": values.get("occurrence", ""),
        "error": error if isinstance(error, Invalid) else None,
        "repeats": REPEATS,
        "is_past": bool(event and event.ends_at < clock.now() and not event.is_series),
        "has_guests": bool(values.get("guests")),
    }
    return render(request, "dashboard/event_form.html", context, status=422 if error else 200)


def _done(message: str, event: Event | None = None, undo: Event | None = None) -> HttpResponse:
    """Closes the dialog, refreshes the grid and shows a notice, by one event that the page's script hears."""
    news: dict[str, Any] = {"message": message}
    if undo is not None:
        news["undo"] = f"/trash/{undo.uuid}/restore"
    if event is not None:
        news["event"] = str(event.uuid)
    response = HttpResponse(status=204)
    response["HX-Trigger"] = json.dumps({"calendar:done": news})
    return response


def _new_values(request: MemberRequest, pairs: list[tuple[Calendar, str]]) -> dict[str, Any]:
    zone = request.user.time_zone or request.member.account.time_zone
    last = services.preference_of(request.member).last_calendar
    chosen = last if last is not None and any(c.pk == last.pk for c, _level in pairs) else None
    mirrored = next((c for c, _level in pairs if c.is_mirrored and c.owner_id == request.member.pk), None)
    calendar = chosen or mirrored or (pairs[0][0] if pairs else None)
    begin = clock.now().astimezone(times.zone_of(zone)).replace(minute=0, second=0, microsecond=0, tzinfo=None)
    start, end = begin + timedelta(hours=1), begin + timedelta(hours=2)
    is_all_day = request.GET.get("all_day") == "true"
    try:
        start = datetime.fromisoformat(request.GET["start"]).replace(tzinfo=None)
        end = datetime.fromisoformat(request.GET["end"]).replace(tzinfo=None)
    except (KeyError, ValueError):
        pass
    if is_all_day:
        end -= timedelta(days=1)
    return {
        "calendar": str(calendar.uuid) if calendar else "",
        "start_date": f"{start:%Y-%m-%d}",
        "end_date": f"{end:%Y-%m-%d}",
        "start_time": f"{start:%H:%M}" if not is_all_day else "09:00",
        "end_time": f"{end:%H:%M}" if not is_all_day else "10:00",
        "all_day": is_all_day,
        "zone": zone,
        "notify": "all",
    }


def _values(event: Event, content: Content, key: str) -> dict[str, Any]:
    start, end = times.civil(content.start), times.civil(content.end)
    if content.is_all_day:
        end -= timedelta(days=1)
    is_past = event.ends_at < clock.now() and not event.is_series
    lines = event.content.recurrence
    repeat = next((name for name, rules in REPEATS.items() if rules == lines), "custom")
    return {
        "calendar": str(event.calendar.uuid),
        "summary": content.summary,
        "description": content.description,
        "location": content.location,
        "start_date": f"{start:%Y-%m-%d}",
        "end_date": f"{end:%Y-%m-%d}",
        "start_time": f"{start:%H:%M}",
        "end_time": f"{end:%H:%M}",
        "all_day": content.is_all_day,
        "zone": content.start.zone if isinstance(content.start, Timed) else event.calendar.time_zone,
        "guests": ", ".join(guest.email for guest in content.attendees),
        "repeat": repeat,
        "rules": "\n".join(lines),
        "transparency": content.transparency,
        "visibility": content.visibility,
        "color": content.color,
        "reminders": ", ".join(str(r.minutes) for r in content.reminders.overrides),
        "meet": content.conference.state not in {"none", "failed"},
        "notify": "none" if is_past else "all",
        "occurrence": key,
        "etag": event.etag,
    }


def _body(form: QueryDict, calendar: Calendar) -> dict[str, Any]:
    """The dialog's fields as the body that parsing understands. Raises Invalid."""
    zone = form.get("zone") or calendar.time_zone
    texts = ("summary", "description", "location")
    body: dict[str, Any] = {name: form.get(name, "").replace("\r\n", "\n") for name in texts}
    body["start"] = _moment(form, "start", zone)
    body["end"] = _moment(form, "end", zone)
    body["attendees"] = [{"email": e.strip()} for e in form.get("guests", "").replace(";", ",").split(",") if e.strip()]
    for name in ("transparency", "visibility", "color"):
        if name in form:
            body[name] = form[name]
    repeat = form.get("repeat", "")
    if repeat == "custom":
        body["recurrence"] = [line.strip() for line in form.get("rules", "").splitlines() if line.strip()]
    elif "repeat" in form:
        body["recurrence"] = list(REPEATS.get(repeat, ()))
    reminders = form.get("reminders")
    if reminders is not None and reminders != form.get("reminders_before"):
        body["reminders"] = _reminders(reminders)
    body["conference"] = {"request": bool(form.get("meet"))}
    return body


def _moment(form: QueryDict, side: str, zone: str) -> dict[str, str]:
    day = form.get(f"{side}_date", "")
    if not form.get("all_day"):
        return {"date_time": f"{day}T{form.get(f'{side}_time', '') or '00:00'}:00", "time_zone": zone}
    if side == "end":
        try:
            day = (datetime.fromisoformat(day) + timedelta(days=1)).date().isoformat()
        except ValueError:
            raise Invalid("end", _("This is not a date or time.")) from None
    return {"date": day}


def _reminders(text: str) -> dict[str, Any]:
    minutes = [part.strip() for part in text.split(",") if part.strip()]
    if not minutes:
        return {"use_default": True, "overrides": []}
    if not all(part.isdecimal() for part in minutes):
        raise Invalid("reminders", _("Reminders are minutes before, separated by commas."))
    return {"use_default": False, "overrides": [{"method": "popup", "minutes": int(part)} for part in minutes]}


def _zone_of(event: Event, calendar: Calendar) -> str:
    start = event.content.start
    return start.zone if isinstance(start, Timed) else calendar.time_zone


def _in_words(content: Content) -> str:
    if isinstance(content.start, Day) and isinstance(content.end, Day):
        last = content.end.date - timedelta(days=1)
        if last <= content.start.date:
            return f"{content.start.date:%A, %d %B %Y}"
        return f"{content.start.date:%d %B} – {last:%d %B %Y}"
    start, end = times.civil(content.start), times.civil(content.end)
    zone = "" if isinstance(content.start, Day) else content.start.zone
    if start.date() == end.date():
        return f"{start:%A, %d %B %Y · %H:%M}–{end:%H:%M} ({zone})"
    return f"{start:%d %B %Y %H:%M} – {end:%d %B %Y %H:%M} ({zone})"
