"""Acts on bookings that stand."""

from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from conversa_calendar.accounts import preconditions
from conversa_calendar.accounts.acting import Viewer, does
from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.bookings import addresses, caps, changing, claiming, live
from conversa_calendar.bookings.acts.rules import Act, Doer, Visiting, booking_of, needs
from conversa_calendar.bookings.models import CANCELLED, Booking
from conversa_calendar.calendars import outgoing
from conversa_calendar.calendars.validation import Invalid


@does(Act.MOVE_BOOKING, is_whole=False)
def move(doer: Doer, uuid: UUID | str, start: datetime, *, if_match: str = "") -> Booking:
    """Moves a booking to another time that its providers, asked at this moment, have free as well; outside of any
    transaction. Raises NotFound, NotAllowed, Changed, Taken, Invalid."""
    with tenant(doer.account_id):
        seen = _held(Act.MOVE_BOOKING, doer, uuid, if_match)
        if isinstance(doer, Visiting):
            caps.count_change(seen, address=doer.address, mails=1 + len(seen.guests))
    minutes, event_id, page = seen.minutes, seen.event_id, seen.page.uuid
    with live.showing_others(doer.account_id, page, start, minutes, event_id):
        willing = live.choice(doer.account_id, page, [start], minutes, event_id)
        with tenant(doer.account_id):
            booking = _held(Act.MOVE_BOOKING, doer, uuid, if_match)
            if isinstance(doer, Visiting):
                _admit(booking)
            return changing.reschedule(booking, start, is_visitors=isinstance(doer, Visiting), only=willing)


@does(Act.HAND_OVER)
def hand_over(viewer: Viewer, uuid: UUID | str, host: UUID | str, *, if_match: str = "") -> Booking:
    """Another host of the page takes a booking over, at its time. Raises NotFound, NotAllowed, Changed, Taken, Invalid."""
    booking = _held(Act.HAND_OVER, viewer, uuid, if_match)
    taker = next((one for one in Member.objects.select_related("user") if str(one.uuid) == str(host)), None)
    if taker is None:
        raise Invalid("host", _("There is no such member."))
    return changing.hand_over(booking, taker)


@does(Act.CANCEL_BOOKING)
def cancel(doer: Doer, uuid: UUID | str, *, reason: str = "", if_match: str = "") -> Booking:
    """Cancels: the event goes to the trash, the time is free again, everybody is told; of a visitor's cancelling nobody
    who had their share of mails for the day. The other side reads the `reason`. Raises NotFound, NotAllowed, Changed."""
    booking = _held(Act.CANCEL_BOOKING, doer, uuid, if_match)
    is_visitors = isinstance(doer, Visiting)
    muted = _not_told(booking) if is_visitors and booking.state != CANCELLED else frozenset[str]()
    return changing.cancel(booking, is_visitors=is_visitors, muted=muted, reason=reason)


@does(Act.DECIDE_BOOKING)
def decide(viewer: Viewer, uuid: UUID | str, *, is_accepted: bool, reason: str = "", if_match: str = "") -> Booking:
    """The host's answer to a booking that waits for it; the visitor reads the `reason` of a refusal. Raises NotFound,
    NotAllowed, Changed, Invalid."""
    booking = _held(Act.DECIDE_BOOKING, viewer, uuid, if_match)
    if not is_accepted:
        needs(Act.CANCEL_BOOKING, viewer, booking)
    return changing.decide(booking, is_accepted=is_accepted, reason=reason)


@does(Act.ADD_GUESTS)
def add_guests(doer: Doer, uuid: UUID | str, wanted: list[str], *, if_match: str = "") -> Booking:
    """Invites further people to a booking. A visitor does so once they have shown that mail reaches them: strangers mail
    nobody in our name. Raises NotFound, NotAllowed, Changed, Invalid."""
    booking = _held(Act.ADD_GUESTS, doer, uuid, if_match)
    known = {address.lower() for address in (booking.email, *booking.guests)}
    fresh = list(dict.fromkeys(a for a in (one.strip() for one in wanted) if a and a.lower() not in known))
    if isinstance(doer, Visiting):
        if not booking.is_shown:
            words = _("Please open the link in the mail that was sent to you first; then you can add guests.")
            raise Invalid("guests", words)
        if fresh:
            caps.count_change(booking, address=doer.address, mails=len(fresh))
        for address in fresh:
            addresses.admit_guest(address)
    elif fresh:
        changing.check_guests(booking, fresh)
        outgoing.afford(fresh)
    return changing.add_guests(booking, fresh)


@does(Act.ASK_FOR_LINK)
def ask_for_link(viewer: Viewer, uuid: UUID | str) -> Booking:
    """Asks the provider once more for the meeting link that it did not make. Raises NotFound, NotAllowed, Invalid."""
    return changing.ask_for_link(_held(Act.ASK_FOR_LINK, viewer, uuid))


@does(Act.MARK_NO_SHOW)
def mark_no_show(viewer: Viewer, uuid: UUID | str, *, if_match: str = "") -> Booking:
    """The visitor did not come. Raises NotFound, NotAllowed, Changed, Invalid."""
    return changing.mark_no_show(_held(Act.MARK_NO_SHOW, viewer, uuid, if_match))


@does(Act.SHOW_BOOKING)
def show(doer: Visiting, uuid: UUID | str) -> None:
    """Somebody opened a link that only a mail to the visitor carried. Raises NotFound."""
    changing.show(_held(Act.SHOW_BOOKING, doer, uuid))


def _held(act: Act, doer: Doer, uuid: UUID | str, if_match: str = "") -> Booking:
    """The booking as it is now, locked after its event, where they may do that and it is what they read."""
    booking = claiming.locked(booking_of(doer, uuid))
    needs(act, doer, booking)
    preconditions.hold(if_match, booking.etag)
    return booking


def _admit(booking: Booking) -> None:
    """Counts the mails of a visitor's change. Raises Invalid."""
    addresses.admit(booking.email, is_shown=booking.is_shown)
    for guest in booking.guests:
        addresses.admit_guest(guest)


def _not_told(booking: Booking) -> frozenset[str]:
    """Those who had their share of mails for the day; the end of a booking is never refused for a mail's sake."""
    guests = {guest for guest in sorted(booking.guests) if not addresses.may_write_to_guest(guest)}
    return frozenset(
        guests if addresses.may_write(booking.email, is_shown=booking.is_shown) else {*guests, booking.email}
    )
