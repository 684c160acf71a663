"""Mirrored calendars: chosen, put into Google, rested, checked, decided about, assigned."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from conversa_calendar.accounts import selectors as accounts
from conversa_calendar.accounts import tenancy
from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import acts as calendars
from conversa_calendar.calendars import selectors
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.acts import Act
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.connections.consent import Refused
from conversa_calendar.connections.models import Connection
from conversa_calendar.dashboard import differences, settings_fields
from conversa_calendar.dashboard.consent_views import asked_for_more
from conversa_calendar.dashboard.differences import BothChanged
from conversa_calendar.dashboard.guards import MemberRequest, page, viewer
from conversa_calendar.providers import protocol
from conversa_calendar.sync import acts
from conversa_calendar.sync.mirrors import held, publishing, selection, unsent

MANAGE = Permission.INTEGRATIONS


@require_http_methods(["GET", "POST"])
@page(in_tenant=False)
def choose(request: MemberRequest, uuid: str) -> HttpResponse:
    """Which calendars to mirror: boxes and modes, then a rehearsal, then the start."""
    member: Member = request.member
    with tenant(member.account_id):
        connection = acts.connection_of(viewer(request), uuid)
        rows = selection.candidates(connection)
    chosen = {g: request.POST.get(f"mode:{g}", "") for g in request.POST.getlist("mirror")}
    context: dict[str, Any] = {"connection": connection, "rows": rows, "chosen": chosen}
    if request.method == "GET":
        return render(request, "dashboard/choose.html", context)
    if not chosen:
        context["error"] = _("Tick at least one calendar.")
        return render(request, "dashboard/choose.html", context, status=422)
    try:
        if request.POST.get("do") != "start":
            choices = [{"google_id": google_id, "mode": mode} for google_id, mode in chosen.items()]
            context["rehearsals"] = {r.google_id: r for r in selection.rehearse(member.account_id, connection, choices)}
            context["rows"] = [row | {"rehearsal": context["rehearsals"].get(row["google_id"])} for row in rows]
            return render(request, "dashboard/choose.html", context)
        with tenant(member.account_id):
            acts.select_all(viewer(request), uuid, chosen)
    except (Invalid, protocol.ProviderError) as error:
        context["error"] = getattr(error, "message", "") or _("Google could not be reached just now. Please try again.")
        return render(request, "dashboard/choose.html", context, status=422)
    messages.success(request, _("Mirroring has started. Events appear as they arrive."))
    return redirect(_home(request))


@require_http_methods(["GET", "POST"])
@page(MANAGE, in_tenant=False)
def publish(request: MemberRequest, uuid: str) -> HttpResponse:
    """Puts a native calendar into a new Google calendar: what would go out, then the permission, then the start."""
    member: Member = request.member
    with tenant(member.account_id):
        calendar = calendars.checked_calendar(Act.PUBLISH_CALENDAR, viewer(request), uuid)
        usable = Connection.objects.filter(state="active").exclude(owner__is_suspended=True).order_by("pk")
        context = {"calendar": calendar, "connections": list(usable), "preview": publishing.preview(calendar)}
        chosen = usable.filter(uuid=request.POST["connection"]).first() if request.POST.get("connection") else None
    if calendar.is_mirrored:
        return render(request, "dashboard/not_found.html", status=404)
    if request.method == "GET":
        return render(request, "dashboard/publish.html", context)
    try:
        if chosen is not None and publishing.needs_permission(chosen):
            return asked_for_more(request, chosen, uuid)
        acts.publish(viewer(request), uuid, request.POST.get("connection", ""))
    except (Invalid, Refused, protocol.ProviderError) as error:
        context["error"] = getattr(error, "message", "") or _("Google could not be reached just now. Please try again.")
        return render(request, "dashboard/publish.html", context, status=422)
    messages.success(request, _("“%(name)s” is now a Google calendar too.") % {"name": calendar.name})
    return redirect("connections")


@require_POST
@page(in_tenant=False)
def reread(request: MemberRequest, uuid: str) -> HttpResponse:
    """Reads Google's calendar list again."""
    try:
        acts.reread(viewer(request), uuid)
    except protocol.ProviderError as error:
        messages.error(request, str(error))
    return redirect("choose", uuid=uuid)


@require_POST
@page(in_tenant=False)
def act(request: MemberRequest, uuid: str, action: str) -> HttpResponse:
    """One button of a mirror's row."""
    return _acted(request, uuid, action)


def _acted(request: MemberRequest, uuid: str, action: str) -> HttpResponse:
    reader, account_id = viewer(request), request.member.account_id
    try:
        if action == "deselect":
            return _deselected(request, uuid)
        tenancy.in_tenant(account_id, lambda: _act(request, reader, uuid, action))
    except Invalid as error:
        messages.error(request, error.message)
    return redirect(_home(request))


def _home(request: MemberRequest) -> str:
    """Where somebody looks after the calendars that they chose: who does not manage connections, on the calendar page."""
    return "connections" if request.member.may(MANAGE) else "calendar"


def _deselected(request: MemberRequest, uuid: str) -> HttpResponse:
    """Stops mirroring; edits that Google does not have are named first."""
    disposition, choice = request.POST.get("disposition", ""), request.POST.get("unsent", "")
    try:
        is_sent = choice == unsent.SEND
        _mirror, counts = acts.deselect(viewer(request), uuid, disposition, unsent=choice, is_sent=is_sent)
    except unsent.Unsent as error:
        with tenant(request.member.account_id):
            mirror = acts.mirror_of(viewer(request), uuid)
        context = {"mirror": mirror, "waiting": error.waiting, "disposition": disposition}
        context["was_tried"] = is_sent
        return render(request, "dashboard/unsent.html", context, status=409)
    if counts["unsent"]:
        text = _("%(count)s changes had not reached Google yet; they stand in the history of their events.")
        messages.warning(request, text % {"count": counts["unsent"]})
    return redirect("connections")


def _act(request: MemberRequest, reader: Viewer, uuid: str, action: str) -> None:
    match action:
        case "sync":
            acts.check_now(reader, uuid)
        case "check":
            acts.start_check(reader, uuid)
            messages.success(request, _("The deep check is running; its report appears here."))
        case "pause":
            acts.pause(reader, uuid)
        case "resume":
            acts.resume(reader, uuid)
        case "mode":
            acts.set_mode(reader, uuid, request.POST.get("mode", ""))
        case "held":
            count = acts.decide_held(reader, uuid, request.POST.get("decision", ""))
            messages.success(request, _("Decided for %(count)s events.") % {"count": count})
        case "confirm-access":
            acts.confirm_access(reader, uuid)
        case "retry":
            acts.retry(reader, request.POST.get("key", ""))
            messages.success(request, _("It is read once more; look again in a moment."))
        case "dismiss":
            acts.dismiss(reader, request.POST.get("key", ""))
        case _:
            raise Invalid("action", _("There is no such button."))


@require_http_methods(["GET", "POST"])
@page(in_tenant=False)
def held_list(request: MemberRequest, uuid: str) -> HttpResponse:
    """What waits for a decision, and the decision."""
    if request.method == "POST":
        return _acted(request, uuid, "held")
    with tenant(request.member.account_id):
        mirror = acts.mirror_of(viewer(request), uuid)
        return render(request, "dashboard/held.html", {"mirror": mirror, "rows": held.listed(mirror, viewer(request))})


@require_http_methods(["GET", "POST"])
@page()
def assign(request: MemberRequest, uuid: str) -> HttpResponse:
    """Who sees a calendar, and how much."""
    calendar = calendars.checked_calendar(Act.ASSIGN_CALENDAR, viewer(request), uuid)
    people = [("agent", m.uuid, str(m)) for m in accounts.members()]
    groups = [("team", t.uuid, t.name) for t in accounts.teams()] + [
        ("inbox", i.uuid, i.name) for i in accounts.inboxes()
    ]
    targets = [(kind, str(found)) for kind, found, _name in [*people, *groups]]
    now = settings_fields.assignments(calendar, targets)
    if request.method == "POST":
        try:
            form = differences.merge(request.POST, now, sets=["assigned"]).form
        except BothChanged as both:
            address = reverse("assign", args=[calendar.uuid])
            return differences.ask(request, both, address, settings_fields.label)
        items = [
            {"kind": kind, "id": target, "level": str(form[f"level:{kind}:{target}"])}
            for kind, _sep, target in (str(value).partition(":") for value in form.getlist("assigned"))
            if form.get(f"level:{kind}:{target}")
        ]
        calendars.assign_calendar(viewer(request), uuid, items)
        messages.success(request, _("Assigned."))
        return redirect("/settings" if request.POST.get("back") == "/settings" else "/connections")
    known = {(item["kind"], item["id"]): item["level"] for item in selectors.assignment_items(calendar)}
    rows = [(kind, str(u), name, known.get((kind, str(u)))) for kind, u, name in [*people, *groups]]
    return render(
        request, "dashboard/assign.html", {"calendar": calendar, "rows": rows, "shown": differences.carried(now)}
    )
