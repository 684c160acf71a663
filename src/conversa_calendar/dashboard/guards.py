"""Who may open a page, and the tenant scope that it runs in."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound
from django.shortcuts import render
from django.utils.translation import gettext as _

from conversa_calendar.accounts import network, tenancy
from conversa_calendar.accounts import selectors as accounts
from conversa_calendar.accounts.models import Member, User
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.accounts.selectors import Place
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.accounts.throttle import Count, Limit
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.acts import NotAllowed
from conversa_calendar.calendars.selectors import NotFound
from conversa_calendar.dashboard.middleware import enter

View = Callable[..., HttpResponse]


class MemberRequest(HttpRequest):
    """A request of a signed-in member. `account_choices`: the accounts their session may enter; `invitations`: those that
    they may accept or decline."""

    user: User
    member: Member
    account_choices: list[Place]
    invitations: list[Place]


def viewer(request: MemberRequest) -> Viewer:
    return Viewer(request.member)


def page(
    permission: Permission | None = None, *, is_module: bool = True, in_tenant: bool = True
) -> Callable[[View], View]:
    """A page for members: signs strangers in, says “not enabled” or “ask Alice”, and opens the tenant scope, unless the
    view talks to Google and opens its own."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
            if (stopped := _stopped(request, permission, is_module)) is not None:
                return stopped
            member: Member = request.member
            try:
                if not in_tenant:
                    return view(request, *args, **kwargs)
                return tenancy.in_tenant(member.account_id, lambda: view(request, *args, **kwargs))
            except NotFound:
                return HttpResponseNotFound(render(request, "dashboard/not_found.html").content)
            except NotAllowed as error:
                return _not_allowed(request, error.refusal.reason)

        guarded.conversa_rule = str(permission or "member")  # type: ignore[attr-defined]
        return guarded

    return decorate


def signed_in(view: View) -> View:
    """A page for whoever is signed in, with or without an account."""

    @wraps(view)
    def guarded(request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        return view(request, *args, **kwargs)

    guarded.conversa_rule = "signed in"  # type: ignore[attr-defined]
    return guarded


def _stopped(request: Any, permission: Permission | None, is_module: bool) -> HttpResponse | None:
    """What whoever may not see the page sees instead."""
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    if not hasattr(request, "member"):
        enter(request)  # a post that waited while its sender gave the password again
    if request.has_fallen_out:
        return _outside(request)
    if request.member is None:
        return _nowhere(request)
    return _refusal(request, request.member, permission, is_module)


def _outside(request: Any) -> HttpResponse:
    """The account that was open is closed to this session, which chooses another one; without any it is over."""
    if request.account_choices:
        return render(request, "dashboard/closed.html", status=403)
    logout(request)
    messages.info(request, _("Your sign-in to this account has ended. Sign in again."))
    return redirect_to_login(request.get_full_path() if request.method == "GET" else "/")


def _nowhere(request: Any) -> HttpResponse:
    """Somebody without an account to open reads why: they are suspended, and whom to ask, or they belong to none."""
    suspended = []
    for account_id, name in accounts.suspensions_of(request.user.pk):
        with tenant(account_id):
            suspended.append((name, accounts.administrators()))
    shown = "dashboard/suspended.html" if suspended else "dashboard/no_account.html"
    return render(request, shown, {"suspended": suspended}, status=403)


def _not_allowed(request: HttpRequest, reason: str) -> HttpResponse:
    """Said on the page that asked by script, or on one of its own."""
    if request.headers.get("HX-Request") or request.headers.get("X-Requested-With"):
        return refused(reason, 403)
    return render(request, "dashboard/refused.html", {"reason": reason}, status=403)


def refused(reason: str, status: int) -> HttpResponse:
    """An act that is not done, and why; the page's script shows it."""
    return HttpResponse(reason, status=status, content_type="text/plain; charset=utf-8")


def limited(limit: Limit) -> Callable[[View], View]:
    """Turns away who posts to a page for strangers more often than people do, with the time at which it opens again."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method == "POST":
                count = limit.hit(network.client_address(request))
                if count.is_over:
                    return too_many(request, count)
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def too_many(request: HttpRequest, count: Count) -> HttpResponse:
    """The page that says when to come back."""
    answer = render(request, "dashboard/too_many.html", {"minutes": count.wait_minutes}, status=429)
    answer["Retry-After"] = str(count.wait_s)
    return answer


def _refusal(request: Any, member: Member, permission: Permission | None, is_module: bool) -> HttpResponse | None:
    account = member.account
    if is_module and not account.is_open:
        with tenant(account.pk):
            people = accounts.administrators()
        return render(request, "dashboard/not_enabled.html", {"administrators": people}, status=403)
    if permission is not None and not member.may(permission):
        with tenant(account.pk):
            people = accounts.holders_of(permission)
        context = {"holders": people, "permission": permission}
        return render(request, "dashboard/ask.html", context, status=403)
    return None
