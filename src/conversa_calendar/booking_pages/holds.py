"""Which times this browser's own open forms keep, so that they are never kept from the visitor themselves.

In a signed cookie as long-lived as a hold. A browser that sends none, as inside a foreign page's frame, is a stranger to
its own holds, which then run out by themselves.
"""

from contextlib import suppress
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from conversa_calendar.bookings import acts

COOKIE, SALT = "booking_holds", "booking-holds"
KEPT_MAX = 10


def own(request: HttpRequest) -> frozenset[UUID]:
    """The holds that this browser was given lately."""
    return frozenset(_read(request))


def remember(request: HttpRequest, response: HttpResponse, hold: UUID) -> None:
    """This browser's form keeps a time; the latest few are known."""
    kept = [hold, *(known for known in _read(request) if known != hold)][:KEPT_MAX]
    response.set_signed_cookie(
        COOKIE,
        ".".join(one.hex for one in kept),
        salt=SALT,
        max_age=int(acts.HOLD_LASTS.total_seconds()),
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def _read(request: HttpRequest) -> list[UUID]:
    value = request.get_signed_cookie(COOKIE, default="", salt=SALT, max_age=int(acts.HOLD_LASTS.total_seconds())) or ""
    found = []
    for text in value.split("."):
        with suppress(ValueError):
            found.append(UUID(text))
    return found
