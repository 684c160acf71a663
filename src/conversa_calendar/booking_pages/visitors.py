"""Which addresses this browser has shown to be its visitor's, by opening a link that only a mail to them carried.

Kept in a signed cookie, so that nobody learns from a booking page what somebody else has shown, here or at another account.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from conversa_calendar.bookings import addresses

COOKIE, SALT = "booking_visitor", "booking-visitor"
KEPT_S, KEPT_MAX = 180 * 24 * 3600, 5


def has_shown(request: HttpRequest, email: str) -> bool:
    """Whether this browser has opened a mail to the address."""
    return _mark(email) in _known(request)


def remember(request: HttpRequest, response: HttpResponse, email: str) -> None:
    """This browser has opened a mail to the address; the latest few are kept."""
    mark = _mark(email)
    kept = [mark, *(known for known in _known(request) if known != mark)][:KEPT_MAX]
    response.set_signed_cookie(
        COOKIE,
        ".".join(kept),
        salt=SALT,
        max_age=KEPT_S,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )


def _known(request: HttpRequest) -> list[str]:
    value = request.get_signed_cookie(COOKIE, default="", salt=SALT, max_age=KEPT_S) or ""
    return value.split(".") if value else []


def _mark(email: str) -> str:
    return addresses.fingerprint(email)[:32]
