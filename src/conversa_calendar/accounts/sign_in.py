"""Sign-in by django-allauth, without public sign-up: people come in by invitation or from the host platform."""

from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.signals import password_reset
from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import SuspiciousOperation, ValidationError
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import ngettext

from conversa_calendar.accounts import guessing, network
from conversa_calendar.accounts.models import User
from conversa_calendar.domain import addresses
from conversa_calendar.kit import clock

SIGNED_IN = "signed_in_at"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


class Adapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Sign-in as this product wants it: no sign-up, guesses counted in the database, links from the settings."""

    def is_open_for_signup(self, request: Any) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return network.client_address(request)

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Refuses a try too many, with the time at which the next one counts."""
        self.attempt = begun(request, str(credentials.get("email", "")))

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        user = super().authenticate(request, **credentials)
        if user is not None:
            self.attempt.succeeded()
        return user

    def post_login(self, request: HttpRequest, user: Any, **options: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **options)
        guessing.remember_device(request, response, user.email)
        return response

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("settings")

    def get_reset_password_from_key_url(self, key: str) -> str:
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": "UID", "key": "KEY"})
        return f"{origin(self.request)}{path.replace('UID-KEY', quote(key))}"

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """A few an hour for each address; nothing in them follows the Host header of whoever asked."""
        if not addresses.is_usable(email) or guessing.MAILS.hit(email).is_over:
            return
        base = origin(self.request)
        ours = {"current_site": Site(urlsplit(base).netloc, "ConversaLabs Calendar")}
        super().send_mail(template_prefix, email, context | ours)


def begun(request: HttpRequest, address: str) -> guessing.Attempt:
    """A counted try of a password. Raises ValidationError for one too many, with the time at which the next one counts."""
    attempt = guessing.Attempt(request, address)
    if (count := attempt.begin()) is None:
        return attempt
    minutes = count.wait_minutes
    words = ngettext(
        "Too many attempts. Please try again in %(count)s minute, or ask for a new password.",
        "Too many attempts. Please try again in %(count)s minutes, or ask for a new password.",
        minutes,
    )
    raise ValidationError(words % {"count": minutes})


class Site(NamedTuple):
    """What mails about signing in say of this installation."""

    domain: str
    name: str


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
    """Where this installation is reached, for links that people are sent: PUBLIC_URL, else the first host that the
    settings name in full. Only an installation that names neither, on one's own machine, is reached as it was asked."""
    if settings.PUBLIC_URL:
        return str(settings.PUBLIC_URL)
    asked = request.get_host()
    named = [host for host in settings.ALLOWED_HOSTS if host not in LOOPBACK and host[:1] not in {".", "*"}]
    name = asked.rsplit(":", 1)[0] if not asked.endswith("]") else asked
    if name in (named or LOOPBACK):
        return f"{request.scheme}://{asked}"
    if named:
        return f"{request.scheme}://{named[0]}"
    raise SuspiciousOperation("PUBLIC_URL is not set, and the address of this request may be anybody's.")
