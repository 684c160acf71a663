"""How much may be booked and held, and from when on a visitor is asked to show that a mail reaches them.

Each line of the table has its reason. Thresholds ask: the visitor opens a link in a mail and presses a button, without
script. Caps refuse until the window ends. What members book through the API counts for pages and hosts too.
"""

from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from conversa_calendar.accounts import network
from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.throttle import Count, Limit
from conversa_calendar.bookings import availability
from conversa_calendar.bookings.models import Booking, BookingClaim, BookingOffer, BookingPage
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.kit import clock

HOUR_S, DAY_S = 3600, 24 * 3600
BY_ADDRESS = Limit("bookings, visitor's address", 20, DAY_S)
"""A family, or an assistant who books for others."""
BY_NETWORK = Limit("bookings, visitor's network", 60, DAY_S)
"""An office or a school behind one line."""
BY_PAGE = Limit("bookings, page", 400, DAY_S)
"""A busy team's busiest day; more is a program."""
BY_HOST = Limit("bookings, host", 100, DAY_S)
"""More talks than anybody has in a week."""
ASK_ADDRESS = Limit("bookings before asking, visitor's address", 3, HOUR_S)
ASK_NETWORK = Limit("bookings before asking, visitor's network", 8, HOUR_S)
ASK_PAGE = Limit("bookings before asking, page", 30, HOUR_S)
ASK_DOMAIN = Limit("bookings before asking, page and mail domain", 15, HOUR_S)
"""A made-up domain has endless addresses; a common one is used by many people, who are only asked."""
HOLDS_ADDRESS = Limit("holds, visitor's address", 8, 600)
"""Somebody who compares times; each hold lasts ten minutes."""
HOLDS_NETWORK = Limit("holds, visitor's network", 20, 600)
HOLDS_PAGE = Limit("holds, page", 60, 600)
"""However many addresses take part, a page is never emptied by holds alone."""

CHANGES_BOOKING = Limit("changes, booking", 12, DAY_S)
"""Somebody whose week keeps changing."""
MAILS_ADDRESS = Limit("mails by changes, visitor's address", 60, DAY_S)
"""Three talks with all their guests, moved once; more writes to strangers in our name."""
MAILS_NETWORK = Limit("mails by changes, visitor's network", 200, DAY_S)
MAILS_PAGE = Limit("mails by changes, page", 400, DAY_S)

HELD_SHARE, AROUND = 4, timedelta(days=7)
"""Forms that are open hold at most every fourth of the times in the weeks around them; the others stay free for all."""
OFFERS_OPEN_MAX = 6
"""What one member proposes at once; each offer keeps up to three times for a day."""


def may_hold(page: BookingPage, *, address: str) -> bool:
    """Counts a hold; whether it may be made. `address`: where the visitor comes from."""
    whose = ((HOLDS_ADDRESS, address), (HOLDS_NETWORK, network.network_of(address)), (HOLDS_PAGE, page.pk))
    return not any(limit.hit(of).is_over for limit, of in whose)


def refusal(*, address: str, times: int) -> Count | None:
    """Counts the booking of `times` times; the count that forbids it, when one does."""
    for limit, of in ((BY_ADDRESS, address), (BY_NETWORK, network.network_of(address))):
        count = limit.hit(of, cost=times)
        if count.is_over:
            return count
    return None


def is_asked(page: BookingPage, *, address: str, email: str) -> bool:
    """Counts a request, one mail however many weeks it repeats; whether so many came that the visitor first
    shows that a mail reaches them."""
    domain = email.rpartition("@")[2].lower()
    whose = (
        (ASK_ADDRESS, (address,)),
        (ASK_NETWORK, (network.network_of(address),)),
        (ASK_PAGE, (page.pk,)),
        (ASK_DOMAIN, (page.pk, domain)),
    )
    counts = [limit.hit(*of) for limit, of in whose]
    return any(count.is_over for count in counts)


def count(page: BookingPage, host: Member) -> None:
    """Counts a booking that is about to be made, by whomever. Raises Invalid when page or host have had their share."""
    if BY_PAGE.hit(page.pk).is_over or BY_HOST.hit(host.pk).is_over:
        raise Invalid("start", _("No more bookings can be taken today. Please try again tomorrow."))


def count_change(booking: Booking, *, address: str, mails: int) -> None:
    """Counts a visitor's change of a booking, and the people whom it mails. Raises Invalid when it is one too many."""
    whose = ((MAILS_ADDRESS, address), (MAILS_NETWORK, network.network_of(address)), (MAILS_PAGE, booking.page_id))
    counts = [CHANGES_BOOKING.hit(booking.pk), *(limit.hit(of, cost=mails) for limit, of in whose)]
    if any(one.is_over for one in counts):
        raise Invalid("start", _("Too many changes were made today. Please try again tomorrow."))


def held_by_visitors(page: BookingPage) -> QuerySet[BookingClaim]:
    """What open forms hold on a page; never an offer's times."""
    rows = BookingClaim.objects.filter(page=page, booking=None, hold__isnull=False)
    return rows.exclude(hold__in=BookingOffer.objects.filter(page=page).values("uuid"))


def leaves_enough(page: BookingPage, start: datetime, duration: int) -> bool:
    """Whether one more hold leaves most of the page's times around it to others."""
    since, until = max(start - AROUND, clock.now()), start + AROUND
    if since >= until:
        return False
    held = held_by_visitors(page).filter(expires_at__gt=clock.now(), starts_at__lt=until, ends_at__gt=since).count()
    return HELD_SHARE * (held + 1) <= len(availability.slots(page, duration, since, until)) + held


def check_open_offers(member: Member) -> None:
    """Raises Invalid when a member has as many open offers as one may have."""
    rows = BookingOffer.objects.filter(member=member, booking=None, expires_at__gt=clock.now())
    if rows.count() >= OFFERS_OPEN_MAX:
        words = _("You have %(count)s open offers. Propose more when a customer has chosen, or withdraw one.")
        raise Invalid("starts", words % {"count": OFFERS_OPEN_MAX})
