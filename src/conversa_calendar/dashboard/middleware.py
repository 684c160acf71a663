"""Security headers on every answer, and who is signed in where."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.utils import timezone, translation

from conversa_calendar.accounts import joining, selectors, sign_in
from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.domain import times

GetResponse = Callable[[HttpRequest], HttpResponse]


class SecurityHeaders:
    """A content security policy without inline script or style, and no caching of signed-in pages."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        live = live_origin(request)
        framed_by = " ".join(getattr(response, "frame_origins", [])) or "'none'"
        policy = (
            "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
            f"font-src 'self'; connect-src 'self' {live}; form-action 'self'{_google_origin()}; base-uri 'none'; "
            f"frame-ancestors {framed_by}; object-src 'none'"
        )
        response.setdefault("Content-Security-Policy", policy)
        response.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        if not request.path.startswith(settings.STATIC_URL):
            response.setdefault("Cache-Control", "no-store")
        return response


class Methods:
    """Pages know GET and POST; views that are not ours would make something of other methods."""

    KNOWN = ("GET", "HEAD", "POST", "OPTIONS")

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in self.KNOWN and not request.path.startswith("/api/"):
            return HttpResponseNotAllowed(self.KNOWN)
        return self.get_response(request)


class Membership:
    """Finds the signed-in member of the account in the session; `request.member` is None for everyone else."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        request.member = None
        request.account_choices, request.invitations, request.has_fallen_out = [], [], False
        if request.path.startswith(("/api/", "/push/", settings.STATIC_URL)):
            return self.get_response(request)
        translation.activate(translation.get_language_from_request(request))
        if request.user.is_authenticated:
            enter(request)
        response = self.get_response(request)
        timezone.deactivate()
        translation.deactivate()
        return response


def enter(request: Any) -> None:
    """Finds the member; also for a request that was put aside while its sender gave the password again.

    `has_fallen_out`: the account that this session had open is closed to it. No other one is opened in its place: what its
    open pages still send is not meant for another account.
    """
    places = selectors.places_of(request.user.pk, sign_in.signed_in_at(request))
    request.member, request.has_fallen_out = None, False
    request.account_choices = [place for place in places if place.state == selectors.OPEN]
    request.invitations = [place for place in places if place.state == selectors.INVITED]
    wanted = request.session.get("account")
    chosen = next((p for p in request.account_choices if wanted in {None, p.account_id}), None)
    if chosen is None:
        request.has_fallen_out = wanted is not None or any(place.state == selectors.ENDED for place in places)
        return
    request.session["account"] = chosen.account_id
    with tenant(chosen.account_id):
        if chosen.is_first_visit:
            joining.note_first_visit(chosen.member_id)
        request.member = Member.objects.select_related("user", "role", "account").get(pk=chosen.member_id)
    timezone.activate(times.zone_of(request.member.zone))
    if request.member.language:
        translation.activate(request.member.language)


def live_origin(request: HttpRequest) -> str:
    """Where the live stream answers: LIVE_URL, or the port above the page's on a loopback installation."""
    if settings.LIVE_URL:
        parts = urlsplit(settings.LIVE_URL)
        return f"{parts.scheme}://{parts.netloc}" if parts.netloc else "'self'"
    return "'self'"


def _google_origin() -> str:
    """Consent begins with a form post that is redirected to Google, which the policy must allow."""
    parts = urlsplit(settings.GOOGLE_ENDPOINTS.authorize)
    return f" {parts.scheme}://{parts.netloc}"
