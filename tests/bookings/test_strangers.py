"""What a stranger learns, takes or sends through a booking page: nothing of others."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.booking_pages import limits, views
from conversa_calendar.bookings.models import Booking
from tests.bookings.test_bookings import VISITOR, make_page, soon, text
from tests.support.cast import Cast


@pytest.fixture(autouse=True)
def patient_visitors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "HUMAN_S", 0.0)
    for name in ("views", "submits"):
        monkeypatch.setattr(limits, name, limits.Window(10_000))


def post(page: dict[str, Any], number: int, **more: str) -> Any:
    """The form for the nth half hour, sent without having been opened."""
    body = {"start": text(soon() + timedelta(minutes=30 * number)), "zone": "Europe/Lisbon"} | VISITOR | more
    return Client().post(f"/book/{page['slug']}/form", body)


@pytest.mark.parametrize("key", ["order-1001", "5b0f2c0e-7a52-4f0c-9d57-0c1d7f8c3a11"])
def test_somebody_who_guesses_the_key_of_a_call_does_not_open_its_booking(cast: Cast, key: str) -> None:
    page = make_page(cast.alice)
    body = {"page": page["id"], "start": text(soon())} | VISITOR
    made = cast.alice.post("bookings", body, idempotency_key=key)
    assert cast.alice.post("bookings", body, idempotency_key=key) == made
    answer = post(page, 3, email="eve@evil.example", name="Eve", hold=key)
    if answer.status_code == 302:  # a time of Eve's own
        assert b"Vera" not in Client().get(answer["Location"]).content
    else:
        assert answer.status_code == 404
    with tenant(cast.account.pk):
        booking = Booking.objects.get(uuid=made["id"])
        assert (booking.name, booking.state) == ("Vera Visitor", "confirmed")


def test_two_tokens_with_the_same_key_make_a_booking_each(cast: Cast) -> None:
    page = make_page(cast.alice)
    made = cast.alice.post("bookings", {"page": page["id"], "start": text(soon())} | VISITOR, idempotency_key="1")
    later = {"page": page["id"], "start": text(soon() + timedelta(hours=1))} | VISITOR
    other = cast.bob.post("bookings", later | {"name": "Walt"}, idempotency_key="1")
    assert other["id"] != made["id"] and other["name"] == "Walt"
