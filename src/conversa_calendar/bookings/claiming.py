"""Claims on hosts' time. The exclusion constraint decides who was first.

Everything here runs inside a tenant scope and one transaction; the provider is asked before, by `live.choice`.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from conversa_calendar.accounts.models import Member
from conversa_calendar.bookings import availability, caps
from conversa_calendar.bookings.availability import Host
from conversa_calendar.bookings.live import Taken, fairest
from conversa_calendar.bookings.models import Booking, BookingClaim, BookingOffer, BookingPage
from conversa_calendar.calendars.models import Event
from conversa_calendar.domain.vocabulary import HostMode
from conversa_calendar.kit import clock, ids

HOLD_LASTS = timedelta(minutes=10)


def hold(page: BookingPage, start: datetime, duration: int) -> UUID:
    """Keeps a time for ten minutes while a visitor fills in the form. Raises Taken."""
    chosen = choose(page, start, duration, None)
    token = ids.new_uuid()
    claim(page, None, chosen, start, duration, hold=token)
    return token


def release(page: BookingPage, hold_token: UUID) -> None:
    """Gives up what the page's form held, before its time is booked."""
    caps.held_by_visitors(page).filter(hold=hold_token).delete()


def release_own(page: BookingPage, holds: frozenset[UUID], start: datetime, duration: int) -> None:
    """Gives up what other forms of the same visitor keep of a time that they choose now, buffers included."""
    begins, ends = _span(page, start, duration)
    caps.held_by_visitors(page).filter(hold__in=holds, starts_at__lt=ends, ends_at__gt=begins).delete()


def release_offered(made: BookingOffer, start: datetime | None = None) -> None:
    """Gives up an offer's times, or the one that begins at `start`, buffers aside."""
    rows = BookingClaim.objects.filter(hold=made.uuid, page_id=made.page_id, booking=None)
    rows = rows.filter(starts_at__lte=start, ends_at__gt=start) if start is not None else rows
    rows.delete()


def claim_again(booking: Booking) -> bool:
    """After its event was moved elsewhere: the claims follow where they fit. False when the new time is taken."""
    members = claimed(booking)
    BookingClaim.objects.filter(booking=booking).delete()
    duration = booking.minutes
    try:
        with transaction.atomic():
            claim_members(booking.page, booking, members, booking.starts_at, duration)
    except Taken:
        return False
    return True


def lock_hosts(page: BookingPage) -> list[Host]:
    """The page's hosts, whose rows are locked in order, so that limits are counted exactly and nobody deadlocks."""
    able = availability.hosts(page)
    pks = sorted(host.member.pk for host in able)
    list(Member.objects.select_for_update(no_key=True).filter(pk__in=pks).order_by("pk").values_list("pk"))
    return able


def locked(booking: Booking) -> Booking:
    """The booking as it is now, its event locked before it: the order in which sync takes them too."""
    if booking.event_id is not None:
        list(Event.objects.select_for_update(of=("self",)).filter(pk=booking.event_id).values_list("pk"))
    rows = Booking.objects.select_for_update(of=("self",)).select_related("page", "host__user", "event__calendar")
    return rows.get(pk=booking.pk)


def choose(
    page: BookingPage, start: datetime, duration: int, only: list[int] | None, ignored: Booking | None = None
) -> list[Host]:
    """Locks the hosts and picks who is free. Raises Taken."""
    able = lock_hosts(page)
    event_id = ignored.event_id if ignored is not None else None
    free = availability.slots(page, duration, start, start + timedelta(seconds=1), event_id).get(start, [])
    if only is not None:
        free = [host for host in free if host.member.pk in only]
    if not free or (page.host_mode == HostMode.ALL and len(free) < len(able)):
        raise Taken
    return free if page.host_mode == HostMode.ALL else fairest(page, free)[:1]


def claim(
    page: BookingPage,
    booking: Booking | None,
    chosen: list[Host],
    start: datetime,
    duration: int,
    hold: UUID | None = None,
    lasts: timedelta | None = None,
) -> None:
    """Takes the chosen hosts' time for a booking, or for a hold that `lasts`. Raises Taken."""
    claim_members(page, booking, [host.member.pk for host in chosen], start, duration, hold, lasts)


def claimed(booking: Booking) -> list[int]:
    """Whose time a booking takes; after an overlap took its claims away, those whose time it should take."""
    members = list(BookingClaim.objects.filter(booking=booking).values_list("member_id", flat=True))
    if not members and booking.page.host_mode == HostMode.ALL:
        members = [host.member.pk for host in availability.hosts(booking.page)]
    return members or [booking.host_id]


def claim_members(
    page: BookingPage,
    booking: Booking | None,
    members: list[int],
    start: datetime,
    duration: int,
    hold: UUID | None = None,
    lasts: timedelta | None = None,
) -> None:
    """Takes the hosts' time, buffers included; holds that ran out give way. Raises Taken when somebody was faster."""
    BookingClaim.objects.filter(member__in=members, booking=None, expires_at__lt=clock.now()).delete()
    begins, ends = _span(page, start, duration)
    try:
        with transaction.atomic():
            for member_id in sorted(members):
                BookingClaim(
                    page=page,
                    booking=booking,
                    member_id=member_id,
                    starts_at=begins,
                    ends_at=ends,
                    hold=hold,
                    expires_at=clock.now() + (lasts or HOLD_LASTS) if hold else None,
                ).save(force_insert=True)
    except IntegrityError as error:
        raise Taken from error


def _span(page: BookingPage, start: datetime, duration: int) -> tuple[datetime, datetime]:
    """The time that a booking takes of its hosts, buffers included."""
    return start - timedelta(minutes=page.buffer_before), start + timedelta(minutes=duration + page.buffer_after)
