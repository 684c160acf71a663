"""What an invited person sees: behind the mailed link, and on every page once they are signed in."""

from typing import Any

from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from conversa_calendar.accounts import joining, services, tenancy
from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.services import Refused
from conversa_calendar.dashboard.guards import signed_in

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@require_http_methods(["GET", "POST"])
def join(request: Any, token: str) -> HttpResponse:
    """The page of a mailed invitation. A GET only shows it. The owner of an address that nobody proved before chooses a
    password here; anybody else signs in as that address first."""
    try:
        account_id = joining.account_of(token)
        return tenancy.in_tenant(account_id, lambda: _join(request, token))
    except joining.Gone:
        return render(request, "dashboard/join_gone.html", status=410)


def _join(request: Any, token: str) -> HttpResponse:
    member = joining.invited(token)
    joining.lock_sign_in(member)
    if request.method == "POST" and request.POST.get("do") == "decline" and _may_decline(request, member):
        return _decline(request, member)
    if member.user.email_verified_at is None:
        return _with_password(request, member)
    if request.method == "POST" and request.user == member.user:
        return _enter(request, member)
    return _shown(request, member)


def _with_password(request: Any, member: Member) -> HttpResponse:
    """Signed in as somebody else, they would become another person unawares: they sign out first."""
    is_other = request.user.is_authenticated and request.user != member.user
    if request.method != "POST" or is_other:
        return _shown(request, member)
    password = request.POST.get("password", "")
    try:
        if problems := services.password_problems(password, member.user):
            return _shown(request, member, problems)
        joining.accept_with_password(member=member, password=password, name=request.POST.get("name", ""))
    except Refused as error:
        return _shown(request, member, [str(error)])
    login(request, member.user, backend=BACKEND)
    return _entered(request, member)


def _enter(request: Any, member: Member) -> HttpResponse:
    joining.accept(member=member)
    return _entered(request, member)


def _entered(request: Any, member: Member) -> HttpResponse:
    request.session["account"] = member.account_id
    messages.success(request, _("Welcome to %(account)s.") % {"account": member.account.name})
    return redirect("home")


def _may_decline(request: Any, member: Member) -> bool:
    """The holder of the mailed link, unless the address has an owner here who is to sign in."""
    return member.user.email_verified_at is None or request.user == member.user


def _decline(request: Any, member: Member) -> HttpResponse:
    joining.decline(member=member)
    return render(request, "dashboard/join_declined.html", {"invitation": member})


def _shown(request: HttpRequest, member: Member, problems: list[str] | None = None) -> HttpResponse:
    user = request.user
    context = {
        "invitation": member,
        "invited_to": member.account,
        "problems": problems or [],
        "is_other": user.is_authenticated and user != member.user,
        "is_known": member.user.email_verified_at is not None,
        "is_signed_in": user == member.user,
    }
    return render(request, "dashboard/join.html", context, status=422 if problems else 200)


@require_POST
@signed_in
def answer(request: Any, uuid: Any) -> HttpResponse:
    """Accepts or declines an invitation of the signed-in person's own, verified address."""
    place = next((found for found in request.invitations if found.uuid == str(uuid)), None)
    try:
        if place is None:
            raise joining.Gone
        return tenancy.in_tenant(place.account_id, lambda: _answered(request, place.uuid))
    except joining.Gone:
        return render(request, "dashboard/join_gone.html", status=404)


def _answered(request: Any, uuid: str) -> HttpResponse:
    member = joining.standing_of(request.user, uuid)
    joining.lock_sign_in(member)
    if member.user.email_verified_at is None:
        messages.error(request, _("Open the link in the mail to %(email)s to accept.") % {"email": member.user.email})
        return redirect("home")
    if request.POST.get("do") == "accept":
        return _enter(request, member)
    joining.decline(member=member)
    messages.success(request, _("Declined: %(account)s.") % {"account": member.account.name})
    return redirect("home")
