"""The one door to Google: shared transport, the installation's OAuth client, a provider for a connection.

No call leaves while a database transaction is open; that is asserted here, in production too.
"""

from collections.abc import Callable

from django.conf import settings
from django.db import connection as database

from conversa_calendar.providers.google.client import PAGE_SIZE, GoogleCalendar
from conversa_calendar.providers.google.oauth import GoogleOAuth
from conversa_calendar.providers.google.transport import HttpTransport, Request, Response, Transport

CALLBACK_PATH = "/connections/google/callback"
DEADLINE_S = 25.0
"""The total of one call, from connecting to the last byte."""
_transport: Transport | None = None


class OpenTransaction(AssertionError):
    """A call to a provider was about to start inside a database transaction."""


class Guarded:
    """A transport that refuses to send while a transaction is open."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    @property
    def is_concurrent(self) -> bool:
        return self._inner.is_concurrent

    def send(self, request: Request) -> Response:
        if database.in_atomic_block:
            raise OpenTransaction("no network inside a transaction")
        return self._inner.send(request)


def transport() -> Transport:
    """The process's transport, pooled and guarded."""
    global _transport
    if _transport is None:
        _transport = Guarded(HttpTransport())
    return _transport


def use(inner: Transport | None) -> None:
    """Replaces the transport (in tests: the emulator in process); None goes back to HTTP."""
    global _transport
    _transport = Guarded(inner) if inner is not None else None


def oauth(origin: str = "") -> GoogleOAuth:
    """The operator's OAuth client. The redirect address comes from PUBLIC_URL, never from a request's Host; only a
    loopback installation without PUBLIC_URL falls back to `origin`."""
    base = settings.PUBLIC_URL or origin
    return GoogleOAuth(
        transport(),
        settings.GOOGLE_ENDPOINTS,
        settings.GOOGLE_CLIENT_ID,
        settings.GOOGLE_CLIENT_SECRET,
        f"{base}{CALLBACK_PATH}",
    )


def is_configured() -> bool:
    """Whether the operator gave this installation a Google client."""
    return bool(settings.GOOGLE_CLIENT_ID and settings.GOOGLE_CLIENT_SECRET)


def calendar(
    access_token: Callable[[], str],
    renew: Callable[[], str],
    guard: Callable[[float, int], None] | None = None,
    headers: dict[str, str] | None = None,
    deadline_s: float = DEADLINE_S,
    timed: Callable[[float, bool], None] | None = None,
) -> GoogleCalendar:
    """Google Calendar on behalf of whoever the tokens belong to."""
    return GoogleCalendar(
        transport(),
        settings.GOOGLE_ENDPOINTS.calendar,
        access_token,
        renew=renew,
        guard=guard,
        page_size=min(settings.GOOGLE_PAGE_SIZE, PAGE_SIZE),
        headers=headers,
        deadline_s=deadline_s,
        timed=timed,
    )
