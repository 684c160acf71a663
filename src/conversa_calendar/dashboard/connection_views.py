"""The connections area: cards, consent and back, choosing, deciding, disconnecting."""

import secrets
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from conversa_calendar.accounts import selectors as accounts
from conversa_calendar.accounts import sign_in, tenancy
from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.accounts.throttle import Limit
from conversa_calendar.bookings.models import BookingPage
from conversa_calendar.calendars import access, acts, outgoing, selectors
from conversa_calendar.calendars.acts import Act
from conversa_calendar.calendars.models import OutgoingMail
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.connections import consent, discovery, gateway
from conversa_calendar.connections.consent import Browser, Refused
from conversa_calendar.connections.models import Connection, Disconnect
from conversa_calendar.dashboard import live
from conversa_calendar.dashboard.guards import MemberRequest, page, viewer
from conversa_calendar.dashboard.sessions import asks_password_again
from conversa_calendar.providers import protocol
from conversa_calendar.providers.google.oauth import APP_CREATED, PERMISSION_NAMES, REQUIRED, SCOPES
from conversa_calendar.sync import tasks
from conversa_calendar.sync.explain import presenting
from conversa_calendar.sync.mirrors import disconnecting, held, publishing, selection, unsent
from conversa_calendar.sync.models import DeepCheck, Mirror
from conversa_calendar.sync.run import triggers

MANAGE = Permission.INTEGRATIONS
ASKED = Limit("asking administrators to connect a calendar", 2, 24 * 3600)
PUBLISHING = "publishing"
"""Where the session keeps which calendar the permission is asked for."""
COOKIE = "__Host-connect" if settings.IS_HTTPS else "connect"


@require_GET
@page(MANAGE)
def overview(request: MemberRequest) -> HttpResponse:
    """Every connected Google account with its calendars, and what needs a person."""
    context = {
        "cards": _cards(viewer(request)),
        "invitable": accounts.present(),
        "is_configured": gateway.is_configured(),
        "live_url": live.address(request),
        "permissions": [(PERMISSION_NAMES[s], s in REQUIRED) for s in SCOPES if s in PERMISSION_NAMES],
        "receipts": Disconnect.objects.filter(finished_at=None),
        "checklist": _checklist(),
    }
    template = "dashboard/cards.html" if request.headers.get("HX-Request") else "dashboard/connections.html"
    return render(request, template, context)


@require_http_methods(["GET", "POST"])
@page(is_module=True, in_tenant=False)
def start(request: MemberRequest) -> HttpResponse:
    """Sends the browser to Google. By form from this area, or by a ticket or an invitation in the address."""
    member: Member = request.member
    ticket, invited = request.GET.get("ticket", ""), request.POST.get("invitation", "")
    try:
        invitation = None
        if request.method == "GET":
            consent.redeem_ticket(ticket, member)
        elif invited:
            with tenant(member.account_id):
                invitation = consent.invitation_for(invited, member)
        if invitation is None and not member.may(MANAGE):
            raise Refused("not_allowed", _("You may not connect calendars in this account."))
        with tenant(member.account_id):
            card = (
                Connection.objects.filter(uuid=request.POST["reconnect"]).first()
                if request.POST.get("reconnect")
                else None
            )
        secret = secrets.token_urlsafe(32)
        browser = _browser(request, secret)
        address = consent.begin(
            member=member, browser=browser, reconnect=card, invitation=invitation, origin=sign_in.origin(request)
        )
    except Refused as refusal:
        return _refused(request, refusal)
    response = redirect(address)
    response.set_cookie(COOKIE, secret, max_age=600, httponly=True, secure=settings.IS_HTTPS, samesite="Lax", path="/")
    return response


@require_GET
@page(is_module=False, in_tenant=False)
def callback(request: MemberRequest) -> HttpResponse:
    """The browser is back from Google."""
    try:
        connection = consent.finish(
            state=request.GET.get("state", ""),
            code=request.GET.get("code", ""),
            error=request.GET.get("error", ""),
            browser=_browser(request, request.COOKIES.get(COOKIE, "")),
            origin=sign_in.origin(request),
        )
    except Refused as refusal:
        return _refused(request, refusal)
    try:
        discovery.refresh(connection.account_id, connection.pk)
    except protocol.ProviderError:
        messages.warning(request, _("Google's calendar list could not be read yet; open “Choose calendars” again."))
    messages.success(request, _("%(email)s is connected.") % {"email": connection.email})
    wanted = request.session.pop(PUBLISHING, "")
    response = redirect("publish", uuid=wanted) if wanted else redirect("choose", uuid=connection.uuid)
    response.delete_cookie(COOKIE)
    return response


@require_http_methods(["GET", "POST"])
@page(in_tenant=False)
def choose(request: MemberRequest, uuid: str) -> HttpResponse:
    """Which calendars to mirror: boxes and modes, then a rehearsal, then the start."""
    member: Member = request.member
    with tenant(member.account_id):
        connection = _visible_connection(uuid, member)
        if connection is None:
            return render(request, "dashboard/not_found.html", status=404)
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
            for google_id, mode in chosen.items():
                selection.select(connection, google_id, mode, viewer(request))
    except (Invalid, protocol.ProviderError) as error:
        context["error"] = getattr(error, "message", "") or _("Google could not be reached just now. Please try again.")
        return render(request, "dashboard/choose.html", context, status=422)
    messages.success(request, _("Mirroring has started. Events appear as they arrive."))
    return redirect("connections" if member.may(MANAGE) else "calendar")


@require_http_methods(["GET", "POST"])
@page(MANAGE, in_tenant=False)
def publish(request: MemberRequest, uuid: str) -> HttpResponse:
    """Puts a native calendar into a new Google calendar: what would go out, then the permission, then the start."""
    member: Member = request.member
    with tenant(member.account_id):
        calendar = acts.checked_calendar(Act.PUBLISH_CALENDAR, viewer(request), uuid)
        usable = Connection.objects.filter(state="active").exclude(owner__is_suspended=True).order_by("pk")
        context = {"calendar": calendar, "connections": list(usable), "preview": publishing.preview(calendar)}
        chosen = usable.filter(uuid=request.POST["connection"]).first() if request.POST.get("connection") else None
    if calendar.is_mirrored:
        return render(request, "dashboard/not_found.html", status=404)
    if request.method == "GET":
        return render(request, "dashboard/publish.html", context)
    try:
        if chosen is not None and publishing.needs_permission(chosen):
            return _asked_for_more(request, chosen, uuid)
        publishing.publish(member.account_id, uuid, request.POST.get("connection", ""))
    except (Invalid, Refused, protocol.ProviderError) as error:
        context["error"] = getattr(error, "message", "") or _("Google could not be reached just now. Please try again.")
        return render(request, "dashboard/publish.html", context, status=422)
    messages.success(request, _("“%(name)s” is now a Google calendar too.") % {"name": calendar.name})
    return redirect("connections")


def _asked_for_more(request: MemberRequest, connection: Connection, calendar: str) -> HttpResponse:
    """To Google for the right to make calendars, and back to what was being done."""
    secret = secrets.token_urlsafe(32)
    browser = _browser(request, secret)
    with tenant(request.member.account_id):
        address = consent.begin(
            member=request.member,
            browser=browser,
            reconnect=connection,
            origin=sign_in.origin(request),
            extra_scopes=(APP_CREATED,),
        )
    request.session[PUBLISHING] = calendar
    response = redirect(address)
    response.set_cookie(COOKIE, secret, max_age=600, httponly=True, secure=settings.IS_HTTPS, samesite="Lax", path="/")
    return response


@require_POST
@page(MANAGE, in_tenant=False)
def reread(request: MemberRequest, uuid: str) -> HttpResponse:
    """Reads Google's calendar list again."""
    member: Member = request.member
    with tenant(member.account_id):
        connection = _visible_connection(uuid, member)
    if connection is not None:
        try:
            discovery.refresh(member.account_id, connection.pk)
        except protocol.ProviderError as error:
            messages.error(request, str(error))
    return redirect("choose", uuid=uuid)


@require_http_methods(["GET", "POST"])
@page(MANAGE, in_tenant=False)
def disconnect(request: MemberRequest, uuid: str) -> HttpResponse:
    """What disconnecting does, in numbers; then does it and leads to the receipt."""
    with tenant(request.member.account_id):
        connection = Connection.objects.select_related("owner__user").filter(uuid=uuid).first()
        if connection is None:
            return render(request, "dashboard/not_found.html", status=404)
        if request.method == "GET":
            context = {"connection": connection, "preview": disconnecting.preview(connection, viewer(request))}
            return render(request, "dashboard/disconnect.html", context)
    answer: HttpResponse = _disconnected(request, connection)
    return answer


@asks_password_again  # type: ignore[untyped-decorator]
def _disconnected(request: MemberRequest, connection: Connection) -> HttpResponse:
    account_id, post = request.member.account_id, request.POST
    disposition, choice, ticked = post.get("calendars", ""), post.get("unsent", ""), post.getlist("purge")
    try:
        if choice == unsent.SEND:
            disconnecting.send_first(account_id, connection, choice)
        with tenant(account_id):
            record = disconnecting.start(connection, disposition, viewer(request), ticked, choice)
    except (Invalid, unsent.Unsent) as error:
        messages.error(request, getattr(error, "message", "") or str(error))
        return redirect("disconnect", uuid=connection.uuid)
    return redirect("receipt", uuid=record.uuid)


@require_GET
@page(MANAGE)
def receipt(request: MemberRequest, uuid: str) -> HttpResponse:
    record = Disconnect.objects.select_related("requested_by__user").filter(uuid=uuid).first()
    if record is None:
        return render(request, "dashboard/not_found.html", status=404)
    return render(request, "dashboard/receipt.html", {"receipt": disconnecting.receipt(record)})


@require_POST
@page(MANAGE, in_tenant=False)
def act(request: MemberRequest, uuid: str, action: str) -> HttpResponse:
    """One button of a mirror's row."""
    account_id = request.member.account_id
    with tenant(account_id):
        mirror = Mirror.objects.select_related("calendar", "connection").filter(uuid=uuid).first()
    if mirror is None:
        return render(request, "dashboard/not_found.html", status=404)
    try:
        if action == "deselect" and request.POST.get("unsent") == unsent.SEND:
            unsent.send_first(account_id, [mirror.pk], unsent.SEND)
        tenancy.in_tenant(account_id, lambda: _act(request, mirror, action))
    except Invalid as error:
        messages.error(request, error.message)
    except unsent.Unsent as error:
        context = {"mirror": mirror, "waiting": error.waiting, "disposition": request.POST.get("disposition", "")}
        context["was_tried"] = request.POST.get("unsent") == unsent.SEND
        return render(request, "dashboard/unsent.html", context, status=409)
    return redirect("connections")


@require_GET
@page(MANAGE)
def held_list(request: MemberRequest, uuid: str) -> HttpResponse:
    mirror = Mirror.objects.select_related("calendar").filter(uuid=uuid).first()
    if mirror is None:
        return render(request, "dashboard/not_found.html", status=404)
    return render(request, "dashboard/held.html", {"mirror": mirror, "rows": held.listed(mirror, viewer(request))})


@require_http_methods(["GET", "POST"])
@page()
def assign(request: MemberRequest, uuid: str) -> HttpResponse:
    """Who sees a calendar, and how much."""
    calendar = acts.checked_calendar(Act.ASSIGN_CALENDAR, viewer(request), uuid)
    if request.method == "POST":
        items = [
            {"kind": kind, "id": target, "level": request.POST[f"level:{kind}:{target}"]}
            for kind, _sep, target in (value.partition(":") for value in request.POST.getlist("assigned"))
            if request.POST.get(f"level:{kind}:{target}")
        ]
        acts.assign_calendar(viewer(request), uuid, items)
        messages.success(request, _("Assigned."))
        return redirect("/settings" if request.POST.get("back") == "/settings" else "/connections")
    known = {(item["kind"], item["id"]): item["level"] for item in selectors.assignment_items(calendar)}
    people = [("agent", m.uuid, str(m)) for m in accounts.members()]
    groups = [("team", t.uuid, t.name) for t in accounts.teams()] + [
        ("inbox", i.uuid, i.name) for i in accounts.inboxes()
    ]
    rows = [(kind, str(u), name, known.get((kind, str(u)))) for kind, u, name in [*people, *groups]]
    return render(request, "dashboard/assign.html", {"calendar": calendar, "rows": rows})


@require_POST
@page(MANAGE)
def invite(request: MemberRequest) -> HttpResponse:
    """Invites a member to connect their own Google account: a mail, and a link to copy where mail does not work."""
    member = Member.objects.select_related("user").filter(uuid=request.POST.get("member", "")).first()
    if member is None:
        messages.error(request, _("Choose a member to invite."))
        return redirect("connections")
    try:
        outgoing.afford([member.user.email])
    except Invalid as error:
        messages.error(request, error.message)
        return redirect("connections")
    _invitation, secret = consent.invite(member=member, invited_by=request.member)
    address = f"{sign_in.origin(request)}{reverse('accept_invitation', args=[secret])}"
    mail = OutgoingMail(
        to=member.user.email,
        reply_to=request.user.email,
        subject=_("%(name)s asks you to connect your Google Calendar") % {"name": str(request.member)},
        body=_("Open this link to connect your own Google account. It works once, for a week:") + f"\n\n{address}",
    )
    mail.save()
    tasks.send_mail.defer(account_id=request.member.account_id)
    messages.success(request, _("Invitation sent. The link, to pass on yourself: %(url)s") % {"url": address})
    return redirect("connections")


@require_GET
@page()
def accept_invitation(request: MemberRequest, secret: str) -> HttpResponse:
    """What an invited member sees before going to Google."""
    try:
        invitation = consent.invitation_for(secret, request.member)
    except Refused as refusal:
        return _refused(request, refusal)
    context = {"invitation": invitation, "secret": secret, "permissions": _permissions()}
    return render(request, "dashboard/invitation.html", context)


@require_POST
@page()
def ask(request: MemberRequest) -> HttpResponse:
    """“Ask Alice”: one mail to those who may connect calendars, and not one for every click."""
    if ASKED.hit(request.member.pk).is_over:
        messages.info(request, _("Your administrators were asked already."))
        return redirect("calendar")
    for holder in accounts.holders_of(MANAGE):
        mail = OutgoingMail(
            to=holder.user.email,
            reply_to=request.user.email,
            subject=_("%(name)s would like to connect a calendar") % {"name": str(request.member)},
            body=_("You can invite them on the connections page."),
        )
        mail.save()
    tasks.send_mail.defer(account_id=request.member.account_id)
    messages.success(request, _("Your administrators were asked."))
    return redirect("calendar")


def _cards(reader: access.Viewer) -> list[dict[str, Any]]:
    cards = []
    connections = Connection.objects.select_related("owner__user").order_by("id")
    for connection in connections:
        mirrors = Mirror.objects.filter(connection=connection, is_selected=True).select_related(
            "calendar", "connection__owner__user"
        )
        rows: list[dict[str, Any]] = [
            {
                "mirror": mirror,
                "shown": presenting.mirror(mirror),
                "assigned": selectors.assignment_items(mirror.calendar),
                "held": held.listed(mirror, reader)[:3] if mirror.state == "held" else [],
                "report": DeepCheck.objects.filter(mirror=mirror).exclude(finished_at=None).order_by("-id").first(),
            }
            for mirror in mirrors.order_by("id")
        ]
        for row in rows:
            row["differences"] = presenting.differences(row["report"], reader) if row["report"] else []
        proven = [row["mirror"].last_proven_at for row in rows]
        cards.append(
            {
                "connection": connection,
                "trouble": presenting.connection(connection)["error"],
                "rows": rows,
                "state": _card_state(connection, rows),
                "proven": min(proven) if proven and all(proven) else None,
                "events": sum(row["shown"]["events"] for row in rows),
                "waiting": sum(row["shown"]["pending"]["out"] for row in rows),
            }
        )
    return cards


def _card_state(connection: Connection, rows: list[dict[str, Any]]) -> str:
    if connection.state != "active":
        return str(connection.state)
    if not connection.is_openable:
        return "sealed"
    order = ["unavailable", "access_reduced", "held", "first_sync", "paused", "live", "polling"]
    found = [row["mirror"].state for row in rows if row["mirror"].state in order]
    return min(found, key=order.index) if found else "empty"


def _checklist() -> list[tuple[str, bool]]:
    from conversa_calendar.calendars.models import Assignment

    return [
        (_("Module on"), True),
        (_("Google connected"), Connection.objects.exists()),
        (_("Calendars chosen"), Mirror.objects.filter(is_selected=True).exists()),
        (_("Assigned to someone"), Assignment.objects.exists()),
        (_("Booking page made"), BookingPage.objects.exists()),
    ]


def _act(request: MemberRequest, mirror: Mirror, action: str) -> None:
    match action:
        case "sync":
            triggers.request_runs([mirror.pk], is_pull=True)
        case "check":
            tasks.deep_check.defer(mirror_id=mirror.pk)
            messages.success(request, _("The deep check is running; its report appears here."))
        case "pause" | "resume":
            selection.pause(mirror, is_paused=action == "pause")
        case "mode":
            selection.set_mode(mirror, request.POST.get("mode", ""), viewer(request))
        case "deselect":
            choice = request.POST.get("unsent", "")
            counts = selection.deselect(mirror, request.POST.get("disposition", ""), viewer(request), choice)
            if counts["unsent"]:
                text = _("%(count)s changes had not reached Google yet; they stand in the history of their events.")
                messages.warning(request, text % {"count": counts["unsent"]})
        case "held":
            count = held.decide(mirror, request.POST.get("decision", ""), request.member)
            messages.success(request, _("Decided for %(count)s events.") % {"count": count})
        case "confirm-access":
            row = mirror.connection.discovered.filter(remote_id=mirror.remote_id).first() if mirror.connection else None
            selection.confirm_access(mirror, row.access if row else "reader")
        case _:
            raise Invalid("action", _("There is no such button."))


def _visible_connection(uuid: str, member: Member) -> Connection | None:
    """A connection that the member manages, or owns after an invitation."""
    found = Connection.objects.select_related("owner__user").filter(uuid=uuid).first()
    if found is None or not (member.may(MANAGE) or found.owner_id == member.pk):
        return None
    return found


def _browser(request: MemberRequest, secret: str) -> Browser:
    if not request.session.session_key:
        request.session.create()
    return Browser(secret or "none", request.session.session_key or "", request.user)


def _permissions() -> list[tuple[str, bool]]:
    return [(PERMISSION_NAMES[scope], scope in REQUIRED) for scope in SCOPES if scope in PERMISSION_NAMES]


def _refused(request: MemberRequest, refusal: Refused) -> HttpResponse:
    context = {"refusal": refusal, "permissions": _permissions()}
    return render(request, "dashboard/consent_refused.html", context, status=409)
