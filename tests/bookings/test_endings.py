"""A booking ends or moves by a decision that somebody meant, and both sides read of it with the reason."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.bookings.models import Booking
from conversa_calendar.calendars.models import OutgoingMail
from conversa_calendar.calendars.services import send_mail
from tests.bookings.test_bookings import VISITOR, mails, make_page, soon, text
from tests.bookings.test_public import booked, fresh_limits
from tests.support.cast import Cast

__all__ = ["fresh_limits"]
REASON = "The server room is flooded.\nSorry!"


def booking_of(cast: Cast) -> Booking:
    with tenant(cast.account.pk):
        return Booking.objects.get()


def to_alice(cast: Cast) -> list[OutgoingMail]:
    """What the host was sent so far; whatever is owed leaves first."""
    send_mail(cast.account.pk)
    with tenant(cast.account.pk):
        return list(OutgoingMail.objects.filter(to="alice@acme.example").order_by("pk"))


def made(cast: Cast, **page: Any) -> tuple[str, Booking]:
    """The visitor's private page of a booking that everybody has heard of."""
    address = booked(make_page(cast.alice, **page))["Location"]
    mails(cast)
    return address, booking_of(cast)


@pytest.mark.parametrize(("action", "waits"), [("cancel", False), ("decline", True)])
def test_a_host_is_asked_before_a_booking_ends_and_the_visitor_reads_why(cast: Cast, action: str, waits: bool) -> None:
    _address, booking = made(cast, needs_confirmation=waits)
    browser, path = cast.alice.browser(), f"/bookings/{booking.uuid}/{action}"
    listed = browser.get("/bookings").content.decode()
    assert f'href="{path}"' in listed and f'action="{path}"' not in listed, "one click on the list ends nothing"
    asked = browser.get(path)
    assert asked.status_code == 200 and VISITOR["email"].encode() in asked.content
    assert booking_of(cast).state != "cancelled"
    assert browser.post(path, {"reason": REASON}).status_code == 302
    assert booking_of(cast).state == "cancelled"
    last = mails(cast)[-1]
    assert last.method == "CANCEL" and "Reason: The server room is flooded.\n    Sorry!" in last.body
    assert browser.get(path).status_code == 302, "what is over is not asked about"


def test_a_visitor_is_asked_before_they_cancel_and_the_host_reads_why(cast: Cast) -> None:
    address, _booking = made(cast)
    shown = Client().get(address).content.decode()
    assert "Yes, cancel it" in shown and "<summary" in shown and 'name="reason"' in shown
    before = len(to_alice(cast))
    assert Client().post(address, {"what": "cancel", "reason": REASON}).status_code == 302
    (told,) = to_alice(cast)[before:]
    assert told.subject == "Cancelled by the visitor: Vera Visitor" and told.reply_to == VISITOR["email"]
    assert "Reason: The server room is flooded.\n    Sorry!" in told.body and "free again" in told.body
    assert "Reason" not in mails(cast)[-1].body, "nobody is mailed their own words"


def test_a_host_reads_from_when_to_when_a_visitor_moved(cast: Cast) -> None:
    address, booking = made(cast)
    before = len(to_alice(cast))
    for hours in (2, 4):
        answer = Client().post(address, {"what": "move", "start": text(soon() + timedelta(hours=hours))})
        assert answer.status_code == 302
    (told,) = to_alice(cast)[before:]
    was, now = (f"{(at + timedelta(hours=-3)):%H:%M}" for at in (booking.starts_at, soon() + timedelta(hours=4)))
    assert told.subject == "Moved by the visitor: Vera Visitor"
    assert any(line.startswith("Before:") and was in line for line in told.body.splitlines())
    assert any(line.startswith("Now:") and now in line for line in told.body.splitlines()), told.body


def test_a_visitor_who_moves_back_at_once_leaves_the_host_in_peace(cast: Cast) -> None:
    address, booking = made(cast)
    before = len(to_alice(cast))
    for at in (soon() + timedelta(hours=2), booking.starts_at):
        assert Client().post(address, {"what": "move", "start": text(at)}).status_code == 302
    assert to_alice(cast)[before:] == []


def test_a_host_who_moves_or_cancels_gets_no_mail_of_it(cast: Cast) -> None:
    _address, booking = made(cast)
    before = len(to_alice(cast))
    at = text(soon() + timedelta(hours=2))
    cast.alice.patch(f"bookings/{booking.uuid}", {"start": at})
    cast.alice.browser().post(f"/bookings/{booking.uuid}/cancel", {"reason": ""})
    assert to_alice(cast)[before:] == [] and "Reason" not in mails(cast)[-1].body


def test_a_booking_that_stands_again_forgets_why_it_was_cancelled(cast: Cast) -> None:
    _address, booking = made(cast)
    event = cast.alice.get(f"bookings/{booking.uuid}")["event"]
    cast.alice.browser().post(f"/bookings/{booking.uuid}/cancel", {"reason": REASON})
    cast.alice.browser().post(f"/trash/{event}/restore")
    found = booking_of(cast)
    assert (found.state, found.cancel_reason) == ("confirmed", "")
