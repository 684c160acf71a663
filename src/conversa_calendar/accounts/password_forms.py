"""The form by which somebody who is signed in chooses another password."""

from allauth.account.forms import ChangePasswordForm
from allauth.core import context

from conversa_calendar.accounts import sign_in


class ChangePassword(ChangePasswordForm):  # type: ignore[misc]
    """Asks for the present password, whose guesses are counted with those of signing in: who finds an open browser does not
    find the account."""

    def clean_oldpassword(self) -> str:
        attempt = sign_in.begun(context.request, self.user.email)
        found: str = super().clean_oldpassword()
        attempt.succeeded()
        return found
