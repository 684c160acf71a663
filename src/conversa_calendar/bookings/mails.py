"""Whom a booking owes mail. Google is told to mail nobody.

An act ends here with what its readers knew before; `letters` finds the words when the mail leaves.
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from procrastinate.contrib.django import app

from conversa_calendar.accounts.models import Member
from conversa_calendar.bookings import letters
from conversa_calendar.bookings.letters import when_in_words as when_in_words
from conversa_calendar.bookings.links import is_from_mail as is_from_mail
from conversa_calendar.bookings.links import manage_token as manage_token
from conversa_calendar.bookings.links import offer_url as offer_url
from conversa_calendar.bookings.links import read_manage_token as read_manage_token
from conversa_calendar.bookings.links import read_offer_token as read_offer_token
from conversa_calendar.bookings.models import Booking, BookingOffer
from conversa_calendar.calendars import outbox, scheduling
from conversa_calendar.calendars.models import Calendar, OutgoingMail
from conversa_calendar.domain import names
from conversa_calendar.kit import clock

_MAIL_SOON = "conversa_calendar.bookings.tasks.mail_soon"
_NOTICES = "conversa_calendar.bookings.tasks.tell_due"
_TOLD = ["event", "sequence", "told_start", "told_state", "told_uri", "told_uid", "notice_due_at"]


def offer_text(offer: BookingOffer) -> str:
    """What an agent pastes into a reply: each time in the customer's zone with its link."""
    length = timedelta(minutes=offer.duration)
    lines = [_("These times are kept for you for a day; choose one:")]
    for start in offer.starts:
        lines += ["", when_in_words(start, start + length, offer.time_zone), offer_url(offer, start)]
    return "\n".join(lines)


def tell_visitor(booking: Booking, muted: frozenset[str] = frozenset(), former_host: Member | None = None) -> None:
    """Owes the visitor and their guests what they do not know yet, under a risen SEQUENCE, and remembers that they know;
    stores that, and its event. `muted` addresses had their share of mails for the day."""
    told = known(booking) | ({"host": former_host.pk} if former_host is not None else {})
    _announce(booking)
    for address in dict.fromkeys([booking.email, *booking.guests]):
        if address not in muted:
            outbox.owe("booking", booking.uuid, address, told)
    send_soon(booking.account_id)


def tell_visitor_of_all(made: list[Booking]) -> None:
    """One mail about the bookings of one repeating request, each with its private link; stores that they were told."""
    for booking in made:
        _announce(booking)
    assert made[0].group is not None
    outbox.owe("bookings", made[0].group, made[0].email, {})
    send_soon(made[0].account_id)


def tell_guests(booking: Booking, addresses: list[str]) -> None:
    """The invitation of people whom the visitor added, who know nothing yet; stores its SEQUENCE, and its event."""
    _raise_sequence(booking)
    booking.save(update_fields=["event", "sequence"])
    for address in addresses:
        outbox.owe("booking", booking.uuid, address, {})
    send_soon(booking.account_id)


def remind(booking: Booking) -> None:
    """Reminds the visitor and their guests of what is about to take place."""
    for address in [booking.email, *booking.guests]:
        outbox.owe("reminder", booking.uuid, address, {})
    send_soon(booking.account_id)


def tell_host(booking: Booking) -> None:
    """A short mail to the host about a new booking, in the host's language."""
    outbox.owe("host", booking.uuid, booking.host.user.email, {})


def tell_host_of_change(booking: Booking, before: datetime) -> None:
    """Owes the host a word that the visitor moved the booking away from `before`, or cancelled it."""
    outbox.owe("visitor's change", booking.uuid, booking.host.user.email, {"start": before.isoformat()})


def tell_host_of_lost_link(booking: Booking) -> None:
    """Owes the host a word that the visitor still waits for a meeting link."""
    outbox.owe("lost link", booking.uuid, booking.host.user.email, {})
    send_soon(booking.account_id)


def tell_host_of_stranded(booking: Booking) -> None:
    """Owes the host a word that a booking stands here only."""
    outbox.owe("stranded", booking.uuid, booking.host.user.email, {})
    send_soon(booking.account_id)


def tell_of_lost_destination(host: Member, calendar: Calendar) -> None:
    """Tells a host, at most once a day, that nobody can book them as the calendar that bookings go to is gone."""
    with translation.override(host.language or settings.LANGUAGE_CODE):
        words = _("Bookings cannot be taken: “%(name)s” is not there") % {"name": calendar.name}
        subject = names.tidy(words, 300)  # as it is stored
        since = clock.now() - timedelta(days=1)
        if OutgoingMail.objects.filter(to=host.user.email, subject=subject, created_at__gt=since).exists():
            return
        lines = [
            _(
                "A visitor wanted to book you, but the calendar that your bookings go to is not available at Google: it "
                "was deleted or is no longer shared with you. The visitor was shown other times; nothing was booked."
            ),
            _("Choose another calendar on the booking page, or restore this one: %(url)s")
            % {"url": f"{settings.PUBLIC_URL}/bookings"},
        ]
        OutgoingMail(to=host.user.email, subject=subject, body="\n\n".join(lines)).save(force_insert=True)
    send_soon(host.account_id)


def deliver_at(account_id: int, due: datetime) -> None:
    """Has the account's notices looked at when one is due."""
    app.configure_task(_NOTICES, schedule_at=due).defer(account_id=account_id)


def send_soon(account_id: int) -> None:
    """Wakes a worker for the account's mail once the transaction is committed."""
    app.configure_task(_MAIL_SOON).defer(account_id=account_id)


def known(booking: Booking) -> dict[str, Any]:
    """What the visitor last heard; nothing before the first mail."""
    if booking.told_start is None:
        return {}
    return {"start": booking.told_start.isoformat(), "state": booking.told_state, "uri": booking.told_uri}


def is_notice_needed(booking: Booking) -> bool:
    """Whether the visitor does not know yet how the booking stands."""
    return bool(letters.what_is_new(booking, known(booking)))


def _announce(booking: Booking) -> None:
    """From now on the visitor counts as knowing how the booking stands."""
    if booking.told_start is not None:
        _raise_sequence(booking)
    booking.told_start, booking.told_state = booking.starts_at, booking.state
    booking.told_uri, booking.notice_due_at = letters.link_of(booking), None
    booking.told_uid = letters.uid_of(booking)
    booking.save(update_fields=_TOLD)


def _raise_sequence(booking: Booking) -> None:
    event = booking.event
    booking.sequence = scheduling.raised(booking.sequence, event.sequence if event else 0, is_first=False)
