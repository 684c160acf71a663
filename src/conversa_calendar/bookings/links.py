"""The private links that mails and replies carry; each is its own authority."""

from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from django.conf import settings
from django.core import signing

from conversa_calendar.bookings.models import Booking, BookingOffer

SALT, MAIL_SALT, OFFER_SALT = "booking", "booking-mail", "booking-offer"


def manage_token(booking: Booking) -> str:
    return signing.dumps([booking.account_id, str(booking.uuid)], salt=SALT)


def read_manage_token(token: str) -> tuple[int, str]:
    """The (account id, booking uuid) of a private link. Raises signing.BadSignature."""
    account_id, uuid = signing.loads(token, salt=SALT)
    return account_id, uuid


def manage_url(booking: Booking) -> str:
    """The private link as mails carry it: opening it shows that the address is the visitor's."""
    mark = signing.dumps(str(booking.uuid), salt=MAIL_SALT)
    return f"{settings.PUBLIC_URL}/booking/{quote(manage_token(booking))}?mail={quote(mark)}"


def is_from_mail(mark: str, booking: Booking) -> bool:
    """Whether a link's mark can only have come out of a mail about this booking."""
    try:
        return bool(signing.loads(mark, salt=MAIL_SALT) == str(booking.uuid))
    except signing.BadSignature:
        return False


def offer_url(offer: BookingOffer, start: datetime) -> str:
    """The link by which a customer takes one of the times that were kept for them."""
    token = signing.dumps([offer.account_id, str(offer.uuid)], salt=OFFER_SALT)
    at = start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    query = urlencode({"start": at, "duration": offer.duration, "zone": offer.time_zone, "offer": token})
    return f"{settings.PUBLIC_URL}/book/{offer.page.key}/form?{query}"


def read_offer_token(token: str) -> tuple[int, str]:
    """The (account id, offer uuid) of a link. Raises signing.BadSignature."""
    account_id, uuid = signing.loads(token, salt=OFFER_SALT)
    return account_id, uuid
