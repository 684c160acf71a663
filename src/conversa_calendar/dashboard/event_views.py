"""The event dialog: open, create, change, move, delete with undo, answer, history."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import msgspec
import nh3
from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import access, acts, parsing, presenting, selectors, wording
from conversa_calendar.calendars.acts import Act, Asked, Changed, NotAllowed, Part, Split
from conversa_calendar.calendars.models import Calendar, Event
from conversa_calendar.calendars.selectors import NotFound
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.dashboard import event_forms, feed, form_changes, team
from conversa_calendar.dashboard.guards import MemberRequest, page, refused, viewer
from conversa_calendar.domain import phrase, recurrence, times
from conversa_calendar.domain.event import Content
from conversa_calendar.domain.rules import BadRule
from conversa_calendar.domain.times import Timed
from conversa_calendar.formats import answers
from conversa_calendar.kit import clock
from conversa_calendar.sync.explain import why
from conversa_calendar.sync.mirrors import retrying

TAGS = {"a", "b", "i", "em", "strong", "u", "ul", "ol", "li", "br", "p", "span"}
SCHEMES = {"http", "https", "mailto", "tel"}
"""Where a link in a description may lead."""


@require_http_methods(["GET", "POST"])
@page()
def create(request: MemberRequest) -> HttpResponse:
    """A form for a new event, filled from the selected time; posting creates it."""
    writable, post = acts.writable_calendars(viewer(request)), request.POST
    if request.method == "GET":
        return _form(request, None, writable, event_forms.new_values(request.member, writable, request.GET))

    def made(calendar: Calendar) -> Content:
        return parsing.new_content(event_forms.body(post, calendar), calendar)

    try:
        event = acts.create(viewer(request), post.get("calendar", ""), made, notify=post.get("notify", "none"))
    except (Invalid, NotFound, NotAllowed) as error:
        return _form(request, None, writable, event_forms.typed(post), error)
    return _done(_("Created."), event=event)


@require_http_methods(["GET", "POST"])
@page()
def quick(request: MemberRequest) -> HttpResponse:
    """A typed sentence: what it will become while it is typed, and the event itself when it is sent. One that names
    guests opens the form instead, which asks whom to tell."""
    text = (request.POST or request.GET).get("text", "").strip()[:500]
    calendar = event_forms.default_calendar(request.member, acts.writable_calendars(viewer(request)))
    if not text or calendar is None:
        return HttpResponse("" if calendar else _("There is no calendar that you may write to."))
    found = phrase.read(text, event_forms.civil_now(request.member))
    zone = event_forms.zone_of(request.member)
    content = parsing.new_content(event_forms.phrase_body(found, zone), calendar)
    if request.method == "GET":
        context = {"found": found, "when": wording.when_in_words(content), "calendar": calendar}
        return render(request, "dashboard/quick.html", context)
    if found.guests:
        address = f"{reverse('event_new')}?{urlencode(event_forms.phrase_query(found))}"
        response = HttpResponse(status=204)
        response["HX-Trigger"] = json.dumps({"calendar:open": {"url": address}})
        return response
    try:
        event = acts.create(viewer(request), calendar.uuid, lambda _calendar: content)
    except Invalid as error:
        return refused(error.message, 422)
    when = wording.when_in_words(content)
    return _done(
        _("Created: %(when)s.") % {"when": when}, event=event, undo_by=reverse("event_delete", args=[event.uuid])
    )


@require_POST
@page()
def repeats(request: MemberRequest) -> HttpResponse:
    """The form's recurrence in words, with the first times."""
    try:
        start = parsing.moment(event_forms.body(request.POST, Calendar(time_zone="UTC"))["start"], "start", "UTC")
        lines = event_forms.rules(request.POST, start)
        recurrence.check(start, lines)
    except Invalid as error:
        return render(request, "dashboard/repeats.html", {"error": error.message})
    except BadRule as error:
        return render(request, "dashboard/repeats.html", {"error": wording.refusal_in_words(error)})
    starts = [wording.day_in_words(at.date()) for at in wording.next_starts(start, lines)] if lines else []
    return render(
        request, "dashboard/repeats.html", {"words": wording.repeats_in_words(start, lines), "starts": starts}
    )


@require_GET
@page()
def show(request: MemberRequest, uuid: str) -> HttpResponse:
    """What an event holds, its guests and where it lives."""
    event, calendar, level = selectors.event(viewer(request), uuid)
    key = request.GET.get("occurrence", "")
    content = selectors.content_at(event, key)
    shown = presenting.event(event, calendar, viewer(request), level, content)
    master = (event.series or event).content
    context = {
        "event": event,
        "calendar": calendar,
        "shown": shown,
        "content": content,
        "key": key,
        "when": wording.when_in_words(content),
        "repeats": wording.repeats_in_words(master.start, master.recurrence),
        "unconnected": team.unconnected(content),
        "description": nh3.clean(
            shown["description"].replace("\n", "<br>"), tags=TAGS, link_rel="noopener nofollow ugc", url_schemes=SCHEMES
        ),
        "is_masked": access.is_masked(event, calendar, viewer(request), level),
        "own": next((guest for guest in content.attendees if guest.self), None),
        "is_series": event.kind != "single",
        "may_remove": acts.authorise(Act.REMOVE, viewer(request), event, calendar, level) is None,
        "may_retry": acts.may_retry(viewer(request), event, calendar, level),
        "answers": why.answers(event, calendar, content, viewer(request), level),
        "proposals": [
            (found, wording.when_in_words(found.proposed)) for found in answers.proposals(viewer(request), event, key)
        ],
    }
    return render(request, "dashboard/event.html", context)


@require_http_methods(["GET", "POST"])
@page()
def edit(request: MemberRequest, uuid: str) -> HttpResponse:
    """The form of an event; saving says which part of a series it concerns."""
    event, _calendar, _level = acts.readable(viewer(request), uuid, Act.CHANGE)
    key = (request.POST or request.GET).get("occurrence", "")
    writable = acts.writable_calendars(viewer(request))
    if request.method == "GET":
        content = selectors.content_at(event, key)
        values = event_forms.values(event, content, key)
        return _form(request, event, writable, values | {"shown": form_changes.shown(values, content)})
    touched: frozenset[str] = frozenset()
    try:
        touched = form_changes.touched(request.POST)
        return _save(request, event, key)
    except Changed as conflict:
        now, calendar, level = selectors.event(viewer(request), conflict.current.uuid)
        context = {
            "event": now,
            "key": key,
            "now": presenting.event(now, calendar, viewer(request), level),
            "mine": request.POST.dict(),
            "fields": list(request.POST.lists()),
            "touched": touched,
        }
        return render(request, "dashboard/conflict.html", context, status=409)
    except (Invalid, NotFound) as error:
        return _form(request, event, writable, event_forms.typed(request.POST) | {"occurrence": key}, error)


@require_POST
@page()
def reschedule(request: MemberRequest, uuid: str) -> HttpResponse:
    """A tile was dragged or resized: JSON {start, end, all_day, occurrence, scope, notify}; the answer says how to put it
    back, where one more such change can."""
    try:
        event, calendar, _level = acts.readable(viewer(request), uuid, Act.CHANGE)
        body = json.loads(request.body)
        zone = _zone_of(event, calendar)
        times_body = {
            side: {"date": body[side][:10]} if body.get("all_day") else {"date_time": body[side], "time_zone": zone}
            for side in ("start", "end")
        }
        key, scope = body.get("occurrence", ""), body.get("scope") or "this"
        before = event.content if scope == "all" else selectors.content_at(event, key)
        changed = _apply(request, event, lambda _calendar: times_body, key, scope, body.get("notify") or "none")
    except NotAllowed as error:
        return JsonResponse({"message": error.refusal.reason}, status=403)
    except (Invalid, ValueError, KeyError, TypeError) as error:
        return JsonResponse({"message": str(error)}, status=422)
    undo = None if scope == "following" else _way_back(changed, before, body.get("notify") or "none")
    return JsonResponse({"event": str(changed.uuid), "undo": undo})


@require_POST
@page()
def delete(request: MemberRequest, uuid: str) -> HttpResponse:
    """Deletes an event, an occurrence, this and following, or a series; a notice offers to undo whole deletions."""
    event, _calendar, _level = selectors.event(viewer(request), uuid)
    part = Part(request.POST.get("scope", "all"), request.POST.get("occurrence", ""))
    target = event.series if event.series and part.scope == "all" else event
    try:
        gone = acts.remove(viewer(request), target.uuid, part=part, notify=request.POST.get("notify", "none"))
    except Invalid as error:
        return refused(error.message, 422)
    return _done(_("Deleted."), undo=gone)


@require_POST
@page()
def respond(request: MemberRequest, uuid: str) -> HttpResponse:
    """The calendar's own answer to an invitation."""
    try:
        acts.respond(viewer(request), uuid, request.POST.get("response", ""))
    except Invalid as error:
        return refused(error.message, 422)
    return _done(_("Answered."))


@require_POST
@page()
def decide(request: MemberRequest, uuid: str, proposal: str) -> HttpResponse:
    """Takes the time that a guest proposed, or dismisses it."""
    is_accepted = request.POST.get("action") == "accept"
    notify = request.POST.get("notify", "all")
    try:
        answers.decide(viewer(request), uuid, proposal, is_accepted=is_accepted, notify=notify)
    except Invalid as error:
        return refused(error.message, 422)
    return _done(_("Moved to the proposed time.") if is_accepted else _("The proposal is dismissed; nobody is told."))


@require_POST
@page(in_tenant=False)
def retry(request: MemberRequest, uuid: str) -> HttpResponse:
    """Has Google asked once more for what it refused; says what came of it."""
    account_id = request.member.account_id
    try:
        with tenant(account_id):
            tried = acts.retry(viewer(request), uuid, notify=request.POST.get("notify", "none"))
    except Invalid as error:
        return refused(error.message, 422)
    retrying.wait(account_id, tried)
    with tenant(account_id):
        event, _calendar, _level = selectors.event(viewer(request), uuid)
        return _done(retrying.outcome(event), event=event)


@require_GET
@page()
def history(request: MemberRequest, uuid: str) -> HttpResponse:
    try:
        event, calendar, level = selectors.event(viewer(request), uuid)
    except NotFound:
        event, calendar, level = selectors.event(viewer(request), uuid, is_deleted=True)
    reader = viewer(request)
    rows = [
        (entry, acts.may_use_instead(reader, entry, event, calendar, level))
        for entry in selectors.history(reader, event, calendar, level)
    ]
    context = {"event": event, "entries": rows}
    return render(request, "dashboard/history.html", context)


@require_POST
@page()
def use_instead(request: MemberRequest, uuid: str, entry_id: int) -> HttpResponse:
    try:
        acts.use_instead(viewer(request), uuid, entry_id)
    except Invalid as error:
        return refused(error.message, 422)
    return _done(_("Put back."))


def _save(request: MemberRequest, event: Event, key: str) -> HttpResponse:
    post, known = request.POST, (event.series or event).content
    scope = post.get("scope", "this") if event.kind == "series" else ""

    def body(calendar: Calendar) -> dict[str, Any]:
        found = form_changes.body(post, calendar, known)
        if scope == "this" or event.kind == "override":
            found.pop("recurrence", None)
        return found

    target = post.get("calendar", "") if event.kind != "override" else ""
    options: dict[str, Any] = {"if_match": post.get("etag", ""), "target": target}
    changed = _apply(request, event, body, key, scope, post.get("notify", "none"), **options)
    return _done(_("Saved."), event=changed)


def _apply(
    request: MemberRequest,
    event: Event,
    body: Callable[[Calendar], dict[str, Any]],
    key: str,
    scope: str,
    notify: str,
    if_match: str = "",
    target: str = "",
) -> Event:
    """What was typed or dragged, as an act; `body` says what it is where the event then lies."""
    is_whole = scope == "all" or not key

    def edit(found: Event, calendar: Calendar) -> acts.Edit:
        if found.kind == "series" and is_whole and key:
            return _for_all(body(calendar), calendar, found, key)
        return parsing.change(body(calendar), calendar)

    asked = Asked(frozenset(body(event.calendar)), edit, target, is_quiet_move=True)
    part = Part("all" if is_whole else scope, key)
    done = acts.change(viewer(request), event.uuid, asked, part=part, notify=notify, if_match=if_match)
    return done.event if isinstance(done, Split) else done


def _for_all(body: dict[str, Any], calendar: Calendar, event: Event, key: str) -> acts.Edit:
    """An edit of all that was typed at one occurrence: its new times move the whole series by as much."""
    if not {"start", "end"} & set(body):
        return parsing.change(body, calendar)
    at = selectors.content_at(event, key)
    moved = parsing.change({n: v for n, v in body.items() if n in {"start", "end"}}, calendar)(at)
    by = times.civil(moved.start) - times.civil(at.start)
    length = times.duration(moved.start, moved.end)
    rest = parsing.change({n: v for n, v in body.items() if n not in {"start", "end"}}, calendar)

    def apply(content: Content) -> Content:
        if moved.start == at.start and type(content.start) is type(at.start):
            start = content.start
        else:
            start = times.at_civil(moved.start, times.civil(content.start) + by)
        return rest(msgspec.structs.replace(content, start=start, end=times.shift_like(start, length, moved.end)))

    return apply


def _form(
    request: MemberRequest,
    event: Event | None,
    writable: list[Calendar],
    values: dict[str, Any],
    error: Invalid | NotFound | NotAllowed | None = None,
) -> HttpResponse:
    context = {
        "event": event,
        "calendars": writable,
        "v": values,
        "key": values.get("occurrence", ""),
        "error": "" if isinstance(error, NotFound) else str(error or ""),
        "freqs": _freqs(),
        "weekdays": [(day, date_format(wording.MONDAY + timedelta(days=day), "D")) for day in range(7)],
        "colors": feed.EVENT_COLORS,
        "colleagues": team.colleagues(),
        "zones": sorted(times.ZONES),
        "is_occurrence": event is not None and event.kind == "override",
        "is_past": bool(event and event.ends_at < clock.now() and not event.is_series),
        "has_guests": bool(values.get("guests") or values.get("optional")),
    }
    return render(request, "dashboard/event_form.html", context, status=422 if error else 200)


def _done(message: str, event: Event | None = None, undo: Event | None = None, undo_by: str = "") -> HttpResponse:
    """Closes the dialog, refreshes the grid and shows a notice, by one event that the page's script hears."""
    news: dict[str, Any] = {"message": message}
    if undo is not None or undo_by:
        news["undo"] = reverse("restore", args=[undo.uuid]) if undo is not None else undo_by
    if event is not None:
        news["event"] = str(event.uuid)
    response = HttpResponse(status=204)
    response["HX-Trigger"] = json.dumps({"calendar:done": news})
    return response


def _way_back(changed: Event, before: Content, notify: str) -> dict[str, Any]:
    """The request that undoes a move; whoever was told of it hears of its undoing too."""
    sides = {name: times.civil(getattr(before, name)).isoformat() for name in ("start", "end")}
    body = {**sides, "all_day": before.is_all_day, "occurrence": "", "scope": "all", "notify": notify}
    return {"url": reverse("event_reschedule", args=[changed.uuid]), "body": body}


def _freqs() -> list[tuple[str, str, str]]:
    """Each frequency of the editor with its name and its unit."""
    return [
        ("DAILY", _("Daily"), _("days")),
        ("WEEKLY", _("Weekly"), _("weeks")),
        ("MONTHLY", _("Monthly"), _("months")),
        ("YEARLY", _("Yearly"), _("years")),
    ]


def _zone_of(event: Event, calendar: Calendar) -> str:
    start = event.content.start
    return start.zone if isinstance(start, Timed) else calendar.time_zone
