"""Reading pages and bookings."""

from uuid import UUID

from django.db.models import QuerySet

from conversa_calendar.accounts.models import Account, Member
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.bookings.models import Booking, BookingOffer, BookingPage, PageAddress
from conversa_calendar.calendars.selectors import NotFound


def pages() -> QuerySet[BookingPage]:
    return BookingPage.objects.select_related("team", "inbox", "owner__user").filter(deleted_at=None).order_by("title")


def page(uuid: UUID | str) -> BookingPage:
    """Raises NotFound."""
    found = pages().filter(uuid=_uuid(uuid)).first()
    if found is None:
        raise NotFound
    return found


def own_pages(member: Member) -> QuerySet[BookingPage]:
    """The pages that a member may change: all for who manages them, else those that are theirs."""
    return pages() if member.may(Permission.BOOKINGS) else pages().filter(owner=member)


def own_page(member: Member, uuid: UUID | str) -> BookingPage:
    """Raises NotFound."""
    found = own_pages(member).filter(uuid=_uuid(uuid)).first()
    if found is None:
        raise NotFound
    return found


def bookings(member: Member) -> QuerySet[Booking]:
    """What a member may see: their own, or everything for who manages bookings."""
    rows = Booking.objects.select_related("page", "host__user", "event__calendar").order_by("-starts_at")
    return rows if member.may(Permission.BOOKINGS) else rows.filter(host=member)


def booking(member: Member, uuid: UUID | str) -> Booking:
    """Raises NotFound."""
    found = bookings(member).filter(uuid=_uuid(uuid)).first()
    if found is None:
        raise NotFound
    return found


def any_booking(uuid: UUID | str) -> Booking:
    """A booking of the account, for whoever holds its private link. Raises NotFound."""
    rows = Booking.objects.select_related("page", "host__user", "event__calendar")
    found = rows.filter(uuid=_uuid(uuid)).first()
    if found is None:
        raise NotFound
    return found


def offer(member: Member, uuid: UUID | str) -> BookingOffer:
    """An offer of this member, or any for who manages bookings. Raises NotFound."""
    rows = BookingOffer.objects.select_related("page").filter(uuid=_uuid(uuid))
    found = rows.first() if member.may(Permission.BOOKINGS) else rows.filter(member=member).first()
    if found is None:
        raise NotFound
    return found


def address(key: str) -> tuple[Account, UUID] | None:
    """The account and page behind a public address; None for unknown ones and while the module is off."""
    found = PageAddress.objects.select_related("account").filter(key=key[:80]).first()
    if found is None or not found.account.is_open:
        return None
    return found.account, found.page_uuid


def _uuid(text: UUID | str) -> UUID:
    try:
        return UUID(str(text))
    except ValueError:
        raise NotFound from None
