"""What a visitor may see: published pages, and the times that they were offered."""

from datetime import datetime
from uuid import UUID

from django.http import HttpRequest
from django.utils import translation

from conversa_calendar.accounts.models import Account
from conversa_calendar.bookings import mails, selectors
from conversa_calendar.bookings.models import BookingOffer, BookingPage
from conversa_calendar.calendars.selectors import NotFound
from conversa_calendar.kit import clock


def found(key: str) -> tuple[Account, UUID]:
    found = selectors.address(key)
    if found is None:
        raise NotFound
    return found


def shown(request: HttpRequest, uuid: UUID) -> BookingPage:
    """The published page; remembers who may frame it. Raises NotFound."""
    shown = published(uuid)
    request.embed_origins = shown.embed_origins  # type: ignore[attr-defined]
    if shown.language:
        translation.activate(shown.language)
    return shown


def published(uuid: UUID) -> BookingPage:
    shown = selectors.page(uuid)
    if not shown.is_published:
        raise NotFound
    return shown


def offered(request: HttpRequest, account: Account, shown: BookingPage, start: datetime) -> BookingOffer | None:
    """The offer that a link carries; None when it is over, as its times may still be free for everyone."""
    token = request.POST.get("offer") or request.GET.get("offer")
    if not token:
        return None
    account_id, uuid = mails.read_offer_token(token)
    found = BookingOffer.objects.filter(uuid=uuid, page=shown).first() if account_id == account.pk else None
    is_over = found is None or start not in found.starts or found.expires_at < clock.now()
    return None if is_over else found
