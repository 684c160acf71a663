"""Acts that take a host's time: held, booked, offered."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from conversa_calendar.accounts.acting import Viewer, does
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.bookings import addresses, claiming, live, making, offers, selectors
from conversa_calendar.bookings.acts.rules import Act, Doer, Visiting, is_within, needs, page_of
from conversa_calendar.bookings.live import Taken
from conversa_calendar.bookings.making import Visitor
from conversa_calendar.bookings.models import Booking, BookingOffer, BookingPage
from conversa_calendar.calendars.selectors import NotFound


class Wish(msgspec.Struct, frozen=True):
    """What somebody wants to book. The same `key` books once; `hold` is what their form kept, `offered` what they were
    offered, `own` what this visitor's other forms keep. `is_shown`: mail is known to reach the visitor."""

    start: datetime
    duration: int
    visitor: Visitor
    key: str = ""
    hold: UUID | None = None
    offered: BookingOffer | None = None
    references: list[dict[str, Any]] | None = None
    is_shown: bool = False
    own: frozenset[UUID] = frozenset()


@does(Act.HOLD)
def hold(doer: Doer, page: UUID | str, start: datetime, duration: int, own: frozenset[UUID] = frozenset()) -> UUID:
    """Keeps a time for ten minutes while somebody fills in the form, in place of what their `own` forms keep of it. Raises
    NotFound, NotAllowed, Taken."""
    found = page_of(doer, page)
    needs(Act.HOLD, doer, found)
    claiming.release_own(found, own, start, duration)
    return claiming.hold(found, start, duration)


@does(Act.BOOK, is_whole=False)
def book(doer: Doer, page: UUID | str, wish: Wish) -> Booking:
    """Books a time, after asking the hosts' providers; outside of any transaction. Raises NotFound, NotAllowed, Taken,
    Invalid."""
    with tenant(doer.account_id):
        found = page_of(doer, page)
        needs(Act.BOOK, doer, found)
        if known := making.repeated(found, wish.key):
            return known
        making.check(found, wish.visitor)
        starts = making.repetitions(found, wish.start, wish.visitor.repeats)
        _give_up(found, wish, starts)
    with live.showing_others(doer.account_id, found.uuid, wish.start, wish.duration):
        try:
            willing = live.choice(doer.account_id, found.uuid, starts, wish.duration)
        except Taken:
            with tenant(doer.account_id):
                if known := making.repeated(found, wish.key):
                    return known
            raise
        with tenant(doer.account_id):
            return _booked(doer, page_of(doer, page), wish, willing)


@does(Act.OFFER)
def offer(
    viewer: Viewer,
    page: UUID | str,
    starts: list[datetime],
    duration: int,
    zone: str,
    references: list[dict[str, Any]] | None = None,
) -> BookingOffer:
    """Keeps up to three times for a day, to be proposed to one customer. Raises NotFound, NotAllowed, Taken, Invalid."""
    found = page_of(viewer, page)
    needs(Act.OFFER, viewer, found)
    return offers.offer(found, viewer.member, starts, duration, zone, references)


@does(Act.WITHDRAW_OFFER)
def withdraw_offer(viewer: Viewer, uuid: UUID | str) -> None:
    """Frees the times of an offer that nobody took. Raises NotFound, NotAllowed."""
    offered = selectors.offer(viewer.member, uuid)
    if not is_within(viewer, offered.page):
        raise NotFound
    needs(Act.WITHDRAW_OFFER, viewer, offered.page)
    offers.withdraw(offered)


def _give_up(page: BookingPage, wish: Wish, starts: list[datetime]) -> None:
    """What was kept for this wish is free for it."""
    if wish.offered is not None:
        claiming.release_offered(wish.offered, wish.start)
    if wish.hold is not None:
        claiming.release(page, wish.hold)
    for start in starts:
        claiming.release_own(page, wish.own, start, wish.duration)


def _booked(doer: Doer, page: BookingPage, wish: Wish, willing: list[int]) -> Booking:
    if isinstance(doer, Visiting):
        addresses.admit(wish.visitor.email, is_shown=wish.is_shown)
    booking = making.book(
        page,
        wish.start,
        wish.duration,
        wish.visitor,
        only=willing,
        key=wish.key,
        references=wish.references,
        is_shown=wish.is_shown,
    )
    if wish.offered is not None:
        offers.settle_offer(wish.offered, booking)
    return booking
