"""What becomes of a booking: moved, handed over, answered, cancelled, joined by guests.

Each takes the booking as `claiming.locked` gave it, whose rights were asked; the provider was asked before, by
`live.choice`.
"""

from datetime import datetime, timedelta

import msgspec
from django.db import transaction
from django.utils.translation import gettext as _

from conversa_calendar.accounts.models import Member
from conversa_calendar.bookings import availability, claiming, following, mails
from conversa_calendar.bookings.live import Taken
from conversa_calendar.bookings.models import (
    CANCELLED,
    CONFIRMED,
    HOST,
    NO_SHOW,
    PENDING,
    UNCHECKED,
    VISITOR,
    Booking,
    BookingClaim,
)
from conversa_calendar.calendars import editing
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.domain import addresses as mail_addresses
from conversa_calendar.domain import names, times
from conversa_calendar.domain.event import Attendee, Conference
from conversa_calendar.domain.vocabulary import HostMode
from conversa_calendar.kit import clock, ids

GUESTS_MAX = 10
REASON_MAX = 500


def check_guests(booking: Booking, fresh: list[str]) -> None:
    """Raises Invalid for what is no address, and for more people than a booking takes."""
    _must_be_open(booking)
    for address in fresh:
        if not mail_addresses.is_usable(address):
            raise Invalid("guests", _("“%(address)s” is not an e-mail address.") % {"address": address[:80]})
    if len(booking.guests) + len(fresh) > GUESTS_MAX:
        raise Invalid("guests", _("At most %(count)s guests can be added.") % {"count": GUESTS_MAX})


def add_guests(booking: Booking, fresh: list[str]) -> Booking:
    """Invites further people to a booking: they stand on its event and hear by mail what the visitor hears. Raises
    Invalid."""
    _must_be_open(booking)
    if not fresh:
        return booking
    check_guests(booking, fresh)
    booking.guests = [*booking.guests, *fresh]
    booking.save(update_fields=["guests"])
    if booking.event is not None:
        rows = tuple(Attendee(address) for address in fresh)
        booking.event = editing.edit(
            booking.event,
            lambda c: msgspec.structs.replace(c, attendees=(*c.attendees, *rows)),
            actor=booking.host,
            cause="guests added",
        )
    mails.tell_guests(booking, fresh)
    return booking


def reschedule(booking: Booking, start: datetime, *, is_visitors: bool, only: list[int] | None = None) -> Booking:
    """Moves a booking to another free time of the same hosts. Raises Taken, Invalid."""
    _must_be_open(booking)
    duration = booking.minutes
    members = claiming.claimed(booking)
    with transaction.atomic():
        BookingClaim.objects.filter(booking=booking).delete()
        chosen = claiming.choose(booking.page, start, duration, only or members, ignored=booking)
        claiming.claim(booking.page, booking, chosen, start, duration)
    before = booking.starts_at
    booking.starts_at, booking.ends_at = start, start + timedelta(minutes=duration)
    booking.moved_by = VISITOR if is_visitors else HOST
    booking.flag = UNCHECKED if any(host.is_stale for host in chosen) else ""
    booking.remind_at = following.next_reminder(booking)
    booking.save(update_fields=["starts_at", "ends_at", "moved_by", "flag", "remind_at"])
    if booking.event is not None:
        zone = times.civil_zone(booking.event.content.start, booking.page.time_zone)
        moved = {"start": times.timed(start, zone), "end": times.timed(booking.ends_at, zone)}
        booking.event = editing.edit(
            booking.event, lambda c: msgspec.structs.replace(c, **moved), actor=booking.host, cause="rescheduled"
        )
    mails.tell_visitor(booking)
    if is_visitors:
        mails.tell_host_of_change(booking, before)
    return booking


def hand_over(booking: Booking, host: Member) -> Booking:
    """Another host of the page takes a booking over, at its time: the event moves to their calendar and the visitor is
    told. What is known here of the new host's time decides; the page's notice and limits, which are for visitors, do
    not. Raises Taken, Invalid."""
    _must_be_open(booking)
    if host.pk == booking.host_id:
        return booking
    page, event = booking.page, booking.event
    if page.host_mode == HostMode.ALL:
        raise Invalid("host", _("All hosts take part in this booking."))
    taker = next((one for one in claiming.lock_hosts(page) if one.member.pk == host.pk), None)
    if taker is None:
        raise Invalid("host", _("%(name)s cannot be booked through this page.") % {"name": host})
    duration = booking.minutes
    if not availability.is_free(page, taker, duration, booking.starts_at, booking.event_id):
        raise Taken
    with transaction.atomic():
        BookingClaim.objects.filter(booking=booking).delete()
        claiming.claim(page, booking, [taker], booking.starts_at, duration)
    before, booking.host = booking.host, taker.member
    booking.flag = UNCHECKED if taker.is_stale else ""
    booking.save(update_fields=["host", "flag"])
    if event is not None and event.deleted_at is None:
        booking.event = editing.move(event, taker.calendar, actor=before)
    mails.tell_visitor(booking, former_host=before)
    mails.tell_host(booking)
    return booking


def cancel(booking: Booking, *, is_visitors: bool, muted: frozenset[str] = frozenset(), reason: str = "") -> Booking:
    """Cancels: the event goes to the trash, the time is free again, everybody is told but the `muted` addresses. The other
    side reads the `reason`."""
    if booking.state == CANCELLED:
        return booking
    booking.cancel_reason = names.lines(reason, REASON_MAX)
    booking.state, booking.remind_at = CANCELLED, None
    booking.cancelled_by = VISITOR if is_visitors else HOST
    booking.save(update_fields=["state", "cancelled_by", "cancel_reason", "remind_at"])
    BookingClaim.objects.filter(booking=booking).delete()
    if booking.event is not None and booking.event.deleted_at is None:
        editing.delete(booking.event, actor=booking.host)
    mails.tell_visitor(booking, muted)
    if is_visitors:
        mails.tell_host_of_change(booking, booking.starts_at)
    return booking


def decide(booking: Booking, *, is_accepted: bool, reason: str = "") -> Booking:
    """The host's answer to a booking that waits for it; the visitor reads the `reason` of a refusal. Raises Invalid."""
    if booking.state != PENDING:
        raise Invalid("state", _("This booking does not wait for a decision."))
    if not is_accepted:
        return cancel(booking, is_visitors=False, reason=reason)
    booking.state = CONFIRMED
    booking.save(update_fields=["state"])
    if booking.event is not None:
        booking.event = editing.edit(
            booking.event, lambda c: msgspec.structs.replace(c, status="confirmed"), actor=booking.host
        )
    mails.tell_visitor(booking)
    return booking


def ask_for_link(booking: Booking) -> Booking:
    """Asks the provider once more for the meeting link that it did not make. Raises Invalid."""
    _must_be_open(booking)
    assert booking.event is not None
    if booking.event.content.conference.state != "failed":
        raise Invalid("conference", _("This booking waits for no meeting link."))
    wish = Conference("pending", "", ids.new_uuid().hex)
    booking.event = editing.edit(
        booking.event, lambda c: msgspec.structs.replace(c, conference=wish), actor=booking.host, cause="link asked"
    )
    return Booking.objects.select_related("page", "host__user", "event__calendar").get(pk=booking.pk)


def show(booking: Booking) -> None:
    """Somebody opened a link that only a mail to the visitor carried."""
    if not booking.is_shown:
        booking.is_shown = True
        booking.save(update_fields=["is_shown"])


def mark_no_show(booking: Booking) -> Booking:
    """The visitor did not come. Raises Invalid before the time."""
    if booking.state != CONFIRMED or booking.starts_at > clock.now():
        raise Invalid("state", _("Only a confirmed booking that has begun can be marked."))
    booking.state = NO_SHOW
    booking.save(update_fields=["state"])
    return booking


def _must_be_open(booking: Booking) -> None:
    if booking.state not in {PENDING, CONFIRMED} or booking.ends_at < clock.now():
        raise Invalid("state", _("This booking is over or cancelled."))
    if booking.event is None:
        raise Invalid("state", _("The event of this booking is gone."))
