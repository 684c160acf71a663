"""To Google and back: consent, invitations to connect an account of one's own, asking those who may."""

import secrets

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from conversa_calendar.accounts import sign_in
from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.accounts.throttle import Limit
from conversa_calendar.calendars.selectors import NotFound
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.connections import consent, discovery
from conversa_calendar.connections.consent import Browser, Refused
from conversa_calendar.connections.models import Connection
from conversa_calendar.dashboard.guards import MemberRequest, page, viewer
from conversa_calendar.providers import protocol
from conversa_calendar.providers.google.oauth import APP_CREATED, PERMISSION_NAMES, REQUIRED, SCOPES
from conversa_calendar.sync import acts

MANAGE = Permission.INTEGRATIONS
ASKED = Limit("asking administrators to connect a calendar", 2, 24 * 3600)
PUBLISHING = "publishing"
"""Where the session keeps which calendar the permission is asked for."""
COOKIE = "__Host-connect" if settings.IS_HTTPS else "connect"


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


def asked_for_more(request: MemberRequest, connection: Connection, calendar: str) -> HttpResponse:
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


@require_GET
@page()
def accept_invitation(request: MemberRequest, secret: str) -> HttpResponse:
    """What an invited member sees before going to Google."""
    try:
        invitation = consent.invitation_for(secret, request.member)
    except Refused as refusal:
        return _refused(request, refusal)
    context = {"invitation": invitation, "secret": secret, "permissions": permissions()}
    return render(request, "dashboard/invitation.html", context)


@require_POST
@page(MANAGE)
def invite(request: MemberRequest) -> HttpResponse:
    """Invites a member to connect their own Google account: a mail, and a link to copy where mail does not work."""
    try:
        address = acts.invite_to_connect(
            viewer(request), request.POST.get("member", ""), origin=sign_in.origin(request)
        )
    except NotFound:
        messages.error(request, _("Choose a member to invite."))
        return redirect("connections")
    except Invalid as error:
        messages.error(request, error.message)
        return redirect("connections")
    messages.success(request, _("Invitation sent. The link, to pass on yourself: %(url)s") % {"url": address})
    return redirect("connections")


@require_POST
@page()
def ask(request: MemberRequest) -> HttpResponse:
    """“Ask Alice”: one mail to those who may connect calendars, and not one for every click."""
    if ASKED.hit(request.member.pk).is_over:
        messages.info(request, _("Your administrators were asked already."))
        return redirect("calendar")
    acts.ask_to_connect(viewer(request))
    messages.success(request, _("Your administrators were asked."))
    return redirect("calendar")


def _browser(request: MemberRequest, secret: str) -> Browser:
    if not request.session.session_key:
        request.session.create()
    return Browser(secret or "none", request.session.session_key or "", request.user)


def permissions() -> list[tuple[str, bool]]:
    return [(PERMISSION_NAMES[scope], scope in REQUIRED) for scope in SCOPES if scope in PERMISSION_NAMES]


def _refused(request: MemberRequest, refusal: Refused) -> HttpResponse:
    context = {"refusal": refusal, "permissions": permissions()}
    return render(request, "dashboard/consent_refused.html", context, status=409)
