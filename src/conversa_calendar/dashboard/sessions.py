"""How long a sign-in lasts, ending it elsewhere, and asking for the password again before what cannot be undone."""

from collections.abc import Callable
from typing import Any

from allauth.account.decorators import reauthentication_required
from allauth.account.views import reauthenticate
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY, logout, update_session_auth_hash
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare

from conversa_calendar.accounts import acts, selectors, sign_in
from conversa_calendar.accounts.acting import Viewer
from conversa_calendar.accounts.models import Account, User
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
            if _is_over(request.session, now):
                logout(request)
            elif now - seen > NOTED_EVERY_S or "began_at" not in request.session:
                request.session["began_at"], request.session["seen_at"] = began, now
        return self.get_response(request)


def opens(session_key: str, account_id: int, member_id: int) -> bool:
    """Whether a sign-in still opens an account for a member: it was not ended, the member not suspended, the module is on.
    Call it outside of any tenant scope."""
    session = SessionStore(session_key)
    user = User.objects.filter(pk=session.get(SESSION_KEY) or 0, is_active=True).first()
    if user is None or _is_over(session, int(clock.now().timestamp())):
        return False
    if not constant_time_compare(session.get(HASH_SESSION_KEY, ""), user.get_session_auth_hash()):
        return False
    places = selectors.memberships_of(user.pk, sign_in.session_began_at(session))
    if (account_id, member_id) not in {(place.account_id, place.member_id) for place in places}:
        return False
    return Account.objects.get(pk=account_id).is_open


def _is_over(session: Any, now: int) -> bool:
    began, seen = session.get("began_at", now), session.get("seen_at", now)
    return bool(now - began > settings.SESSION_COOKIE_AGE or now - seen > settings.SESSION_IDLE_S)


def password_again(request: HttpRequest) -> HttpResponse:
    """Asks for the password, then carries out what was waiting for it."""
    answer: HttpResponse = reauthenticate(request)
    return answer


password_again.conversa_rule = "member"  # type: ignore[attr-defined]


def end_others(request: Any) -> None:
    """Signs the person out everywhere but here."""
    acts.end_own_sessions(Viewer(request.member))
    user: User = request.user
    user.refresh_from_db(fields=["sessions_ended"])
    update_session_auth_hash(request, user)
