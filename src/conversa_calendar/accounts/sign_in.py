"""Sign-in by django-allauth, without public sign-up: people come in by invitation or from the host platform."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from conversa_calendar.accounts.models import User


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: Any) -> bool:
        return False


def first_address(user: User) -> str:
    """Where somebody who was just added chooses their first password: a path that works once, for as long as a reset
    link. Empty for whoever has a password, or was added before, perhaps by another account: only a mail to themselves
    may let them in."""
    from allauth.account.forms import default_token_generator
    from allauth.account.utils import user_pk_to_url_str

    if user.has_usable_password() or not user.is_new:
        return ""
    place = {"uidb36": user_pk_to_url_str(user), "key": default_token_generator.make_token(user)}
    return reverse("account_reset_password_from_key", kwargs=place)


def origin(request: HttpRequest) -> str:
    """Where this installation is reached: PUBLIC_URL, else as the request reached it."""
    return settings.PUBLIC_URL or f"{request.scheme}://{request.get_host()}"
