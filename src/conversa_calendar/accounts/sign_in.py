"""Sign-in by django-allauth, without public sign-up: people come in by invitation or from the host platform."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.urls import reverse

from conversa_calendar.accounts.models import User


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: Any) -> bool:
        return False


def first_address(user: User) -> str:
    """Where somebody without a password chooses their first one: a path that works once, for as long as a reset link.
    Empty for a user who has a password, whom nobody else may give another."""
    from allauth.account.forms import default_token_generator
    from allauth.account.utils import user_pk_to_url_str

    if user.has_usable_password():
        return ""
    place = {"uidb36": user_pk_to_url_str(user), "key": default_token_generator.make_token(user)}
    return reverse("account_reset_password_from_key", kwargs=place)
