"""A booking follows its event, wherever it was changed: moved, deleted or declined here or at Google."""

from datetime import datetime, timedelta
from functools import partial
from typing import assert_never

from django.db import transaction

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.bookings import claiming, letters, mails
from conversa_calendar.bookings.models import (
    CANCELLED,
    CONFIRMED,
    HOST,
    PENDING,
    STRANDED,
    UNCHECKED,
    Booking,
    BookingClaim,
)
from conversa_calendar.calendars import history, notices, outgoing
from conversa_calendar.calendars.models import Event
from conversa_calendar.domain.vocabulary import BookingParty, BookingState, Side
from conversa_calendar.kit import clock

NO_LINK = "no_link"
"""The flag of a booking whose promised meeting link Google did not make."""
_FOLLOWS = ["event", "state", "cancelled_by", "cancel_reason", "moved_by", "starts_at", "ends_at", "remind_at", "flag"]
_FOLLOWS += ["notice_due_at"]
NOTICE_AFTER = timedelta(seconds=60)
"""Notices wait this long and merge, so that somebody who drags an event twice mails once."""


def update_booking(event: Event) -> None:
    """Brings the booking of an event in step with it, inside the caller's transaction. Never fails a pull."""
    rows = Booking.objects.select_for_update(of=("self",)).select_related("page", "host__user")
    booking = rows.filter(event_id=event.pk).first()
    if booking is None:
        return
    booking.event = event
    if event.deleted_at is not None or event.content.status == "cancelled":
        _cancelled(booking)
    else:
        _take_over(booking, event)
    if mails.is_notice_needed(booking):
        booking.notice_due_at = booking.notice_due_at or clock.now() + NOTICE_AFTER
        transaction.on_commit(partial(_look_when_due, booking.account_id, booking.pk))
    elif booking.notice_due_at is not None:
        booking.notice_due_at = None
    booking.save(update_fields=_FOLLOWS)


def strand(event: Event) -> None:
    """The event of a booking does not reach Google: its host is told, once for each time that this happens, and the
    booking says so until it does."""
    rows = Booking.objects.select_for_update(of=("self",)).select_related("page", "host__user")
    booking = rows.filter(event_id=event.pk, state__in=[PENDING, CONFIRMED], ends_at__gt=clock.now()).first()
    if booking is None or booking.flag not in {"", UNCHECKED, NO_LINK}:
        return
    booking.event, booking.flag = event, STRANDED
    booking.save(update_fields=["event", "flag"])
    entry = history.record(event, side=Side.SYNC, cause="not at Google")
    if entry is not None:
        notices.tell(entry, booking.host)
    mails.tell_host_of_stranded(booking)


def deliver_notices(account_id: int) -> int:
    """Tells visitors what changed and has rested; answers how many were told."""
    told = 0
    with tenant(account_id):
        rows = Booking.objects.select_for_update(of=("self",), skip_locked=True)
        due = rows.filter(notice_due_at__lte=clock.now()).select_related("page", "host__user", "event__calendar")
        for booking in due[:200]:
            if mails.is_notice_needed(booking):
                mails.tell_visitor(booking)
                told += 1
            else:
                booking.notice_due_at = None
                booking.save(update_fields=["notice_due_at"])
    return told


def deliver_reminders(account_id: int) -> int:
    """Reminds visitors of bookings that are near; answers how many were reminded."""
    with tenant(account_id):
        rows = Booking.objects.select_for_update(of=("self",), skip_locked=True).filter(remind_at__lte=clock.now())
        due = list(rows.select_related("page", "host__user", "event__calendar").order_by("remind_at")[:200])
        for booking in due:
            if booking.state == CONFIRMED and booking.starts_at > clock.now():
                with outgoing.by_visitors():
                    mails.remind(booking)
            booking.remind_at = next_reminder(booking)
            booking.save(update_fields=["remind_at"])
    return len(due)


def next_reminder(booking: Booking) -> datetime | None:
    """When the visitor is reminded next: the page's reminders that still lie ahead."""
    if booking.state not in {PENDING, CONFIRMED}:
        return None
    ahead = (booking.starts_at - timedelta(minutes=minutes) for minutes in booking.page.reminders)
    return min((at for at in ahead if at > clock.now()), default=None)


def accounts_with_notices() -> list[int]:
    """Accounts whose visitors may have something to hear; asked without a tenant, so every open account."""
    from conversa_calendar.accounts.models import Account

    return list(Account.objects.values_list("pk", flat=True))


def _look_when_due(account_id: int, booking_id: int) -> None:
    """A notice that is still owed after the commit is looked at to the second, not by the minute's round."""
    with tenant(account_id):
        due = Booking.objects.filter(pk=booking_id).values_list("notice_due_at", flat=True).first()
        if due is not None:
            mails.deliver_at(account_id, due)


def _take_over(booking: Booking, event: Event) -> None:
    """The event takes place: what that means for its booking."""
    state = BookingState(booking.state)
    match state:
        case BookingState.PENDING | BookingState.CONFIRMED:
            _still_there(booking, event)
        case BookingState.CANCELLED:
            if booking.cancelled_by == BookingParty.HOST:  # a visitor's word stands
                _back_again(booking, event)
        case BookingState.NO_SHOW:
            return
        case _:
            assert_never(state)


def _cancelled(booking: Booking) -> None:
    if booking.state == CANCELLED:
        return
    booking.state, booking.cancelled_by, booking.remind_at = CANCELLED, HOST, None
    BookingClaim.objects.filter(booking=booking).delete()


def _back_again(booking: Booking, event: Event) -> None:
    """The event was restored, or turned up in another calendar: the booking stands once more."""
    booking.state = PENDING if event.content.status == "tentative" else CONFIRMED
    booking.cancelled_by, booking.cancel_reason = BookingParty.NOBODY, ""
    booking.starts_at, booking.ends_at = event.starts_at, event.ends_at
    booking.remind_at = next_reminder(booking)
    booking.flag = "" if claiming.claim_again(booking) else "overlap"


def _still_there(booking: Booking, event: Event) -> None:
    if (booking.starts_at, booking.ends_at) != (event.starts_at, event.ends_at):
        booking.starts_at, booking.ends_at = event.starts_at, event.ends_at
        booking.moved_by = HOST
        booking.remind_at = next_reminder(booking)
        is_claimed = claiming.claim_again(booking)
        booking.flag = "" if is_claimed else "overlap"
    own = next((guest for guest in event.content.attendees if guest.self), None)
    if own is not None and own.response == "declined":
        booking.flag = "declined"
    elif booking.flag == "declined":
        booking.flag = ""
    if booking.flag == STRANDED and not event.has_unsent:
        booking.flag = ""
        notices.end(event, "not at Google")
    _look_at_link(booking, event)
    if booking.state == PENDING and event.content.status == "confirmed":
        booking.state = CONFIRMED


def _look_at_link(booking: Booking, event: Event) -> None:
    """A meeting link that Google did not make is the host's to see to, who is told once; the visitor was promised one."""
    is_failed = event.content.conference.state == "failed" and not letters.link_of(booking)
    if is_failed and not booking.flag:
        booking.flag = NO_LINK
        mails.tell_host_of_lost_link(booking)
    elif booking.flag == NO_LINK and not is_failed:
        booking.flag = ""
