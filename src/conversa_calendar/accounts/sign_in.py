"""Sign-in by django-allauth, without public sign-up: people come in by invitation or from the host platform."""

from datetime import UTC, datetime
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.signals import password_reset
from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from conversa_calendar.accounts.models import User
from conversa_calendar.kit import clock

SIGNED_IN = "signed_in_at"


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: Any) -> bool:
        return False


@receiver(user_logged_in)
def note_sign_in(sender: Any, request: Any, user: User, **kwargs: Any) -> None:
    """A session carries when it was signed in: an account may have ended the sign-ins before."""
    request.session[SIGNED_IN] = clock.now().timestamp()


def signed_in_at(request: Any) -> datetime:
    """When the session was signed in; long ago for one that does not say."""
    return session_began_at(request.session)


def session_began_at(session: Any) -> datetime:
    """The same of a session that no request carries."""
    return datetime.fromtimestamp(float(session.get(SIGNED_IN, 0)), UTC)


@receiver(password_reset)
def note_proof(sender: Any, request: Any, user: User, **kwargs: Any) -> None:
    """Whoever sets a password by a mailed link has read the address's mail. That accepts no invitation."""
    User.objects.filter(pk=user.pk).update(email_verified_at=clock.now())


def origin(request: HttpRequest) -> str:
    """Where this installation is reached: PUBLIC_URL, else as the request reached it."""
    return settings.PUBLIC_URL or f"{request.scheme}://{request.get_host()}"
