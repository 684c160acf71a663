"""How long a sign-in lasts, ending it elsewhere, and asking for the password again before what cannot be undone."""

from collections.abc import Callable
from typing import Any

from allauth.account.decorators import reauthentication_required
from allauth.account.views import reauthenticate
from django.conf import settings
from django.contrib.auth import logout, update_session_auth_hash
from django.http import HttpRequest, HttpResponse

from conversa_calendar.accounts import services
from conversa_calendar.accounts.models import User
from conversa_calendar.kit import clock

NOTED_EVERY_S = 300
asks_password_again = reauthentication_required
"""Marks a view whose posts need a password given within the last half hour."""


class Limits:
    """Ends a session after twelve idle hours, and fourteen days after it began however busy it was."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        if request.user.is_authenticated:
            now = int(clock.now().timestamp())
            began, seen = request.session.get("began_at", now), request.session.get("seen_at", now)
            if now - began > settings.SESSION_COOKIE_AGE or now - seen > settings.SESSION_IDLE_S:
                logout(request)
            elif now - seen > NOTED_EVERY_S or "began_at" not in request.session:
                request.session["began_at"], request.session["seen_at"] = began, now
        return self.get_response(request)


def password_again(request: HttpRequest) -> HttpResponse:
    """Asks for the password, then carries out what was waiting for it."""
    answer: HttpResponse = reauthenticate(request)
    return answer


password_again.conversa_rule = "member"  # type: ignore[attr-defined]


def end_others(request: Any) -> None:
    """Signs the person out everywhere but here."""
    user: User = request.user
    services.end_sessions(user)
    update_session_auth_hash(request, user)
