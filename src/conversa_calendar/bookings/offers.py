"""Times that are kept for one customer for a day."""

from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from conversa_calendar.accounts.models import Member
from conversa_calendar.bookings import caps, claiming
from conversa_calendar.bookings.models import Booking, BookingOffer, BookingPage
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.domain import times
from conversa_calendar.kit import clock

OFFERED, OFFERED_MAX = timedelta(hours=24), 3


def offer(
    page: BookingPage,
    member: Member,
    starts: list[datetime],
    duration: int,
    zone: str,
    references: list[dict[str, Any]] | None = None,
) -> BookingOffer:
    """Keeps up to three times for a day, to be proposed to one customer. Raises Taken, Invalid."""
    starts = sorted(set(starts))
    if not 1 <= len(starts) <= OFFERED_MAX:
        raise Invalid("starts", _("Choose one to three times."))
    if not times.is_zone(zone):
        raise Invalid("time_zone", _("This is not a time zone."))
    caps.check_open_offers(member)
    made = BookingOffer(page=page, member=member, starts=starts, duration=duration, time_zone=zone)
    made.references, made.expires_at = references or [], clock.now() + OFFERED
    made.save(force_insert=True)
    for start in starts:
        chosen = claiming.choose(page, start, duration, None)
        claiming.claim(page, None, chosen, start, duration, hold=made.uuid, lasts=OFFERED)
    return made


def withdraw(made: BookingOffer) -> None:
    """Frees the times of an offer that nobody took."""
    claiming.release_offered(made)
    BookingOffer.objects.filter(pk=made.pk, booking=None).update(expires_at=clock.now())


def settle_offer(made: BookingOffer, booking: Booking) -> None:
    """The first time that is booked frees the others."""
    claiming.release_offered(made)
    BookingOffer.objects.filter(pk=made.pk).update(booking=booking)
