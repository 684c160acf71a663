"""What makes a request that was sent twice one booking: each way in has its own keys, so that none opens what was
booked through another one."""

import hashlib
from uuid import UUID

from conversa_calendar.accounts.models import ApiToken
from conversa_calendar.bookings.models import BookingOffer


def of_form(hold: UUID | None) -> str:
    """Of a form, by the time that it holds; nothing where it holds none."""
    return f"hold:{hold}" if hold is not None else ""


def of_offer(offer: BookingOffer) -> str:
    """Of an offer, which is booked once."""
    return f"offer:{offer.uuid}"


def of_token(token: ApiToken, key: str) -> str:
    """Of a call, by its Idempotency-Key, which another token may have given as well; nothing without one."""
    return f"api:{token.pk}:{hashlib.sha256(key.encode()).hexdigest()}" if key else ""
