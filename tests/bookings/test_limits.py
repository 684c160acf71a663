"""A page's limits count what is booked, not what is about to move; what the caller says about a booking is kept."""

from datetime import timedelta
from typing import Any

import pytest

from tests.bookings.test_bookings import VISITOR, make_page, soon, starts, text
from tests.support.cast import Cast


@pytest.mark.parametrize("limit", ["per_day", "per_week"])
def test_a_booking_moves_within_its_full_day_or_week(cast: Cast, limit: str) -> None:
    page, at = make_page(cast.alice, **{limit: 1}), soon()
    made = cast.alice.post("bookings", {"page": page["id"], "start": text(at)} | VISITOR)
    assert starts(cast.alice, page, at) == [], "full for everybody else"
    later = text(at + timedelta(hours=1))
    assert cast.alice.patch(f"bookings/{made['id']}", {"start": later})["start"] == later


@pytest.mark.parametrize("limit", ["per_day", "per_week"])
def test_a_booking_does_not_move_into_a_day_or_week_that_others_fill(cast: Cast, limit: str) -> None:
    page, at = make_page(cast.alice, **{limit: 1}), soon()
    other = at + timedelta(days=8)
    cast.alice.post("bookings", {"page": page["id"], "start": text(other)} | VISITOR)
    made = cast.alice.post("bookings", {"page": page["id"], "start": text(at)} | VISITOR)
    body = {"start": text(other + timedelta(hours=1))}
    assert cast.alice.call("PATCH", f"bookings/{made['id']}", body).status_code == 409


def test_a_booking_keeps_the_conversation_it_came_from(cast: Cast) -> None:
    page, at = make_page(cast.alice), soon()
    conversation = {"kind": "conversation", "id": "77", "title": "Invoice", "url": "https://desk.example/77"}
    body: dict[str, Any] = {"page": page["id"], "start": text(at), "references": [conversation]} | VISITOR
    made = cast.alice.post("bookings", body)
    assert conversation in made["references"]
    assert conversation in cast.alice.get(f"events/{made['event']}")["references"]


@pytest.mark.parametrize("door", ["bookings", "offers"])
def test_references_that_are_none_are_refused_where_a_time_is_taken(cast: Cast, door: str) -> None:
    page = make_page(cast.alice)
    taken = {"page": page["id"], "start": text(soon())} | VISITOR if door == "bookings" else {"starts": [text(soon())]}
    path = "bookings" if door == "bookings" else f"booking-pages/{page['id']}/offers"
    answer = cast.alice.call("POST", path, {"references": ["77"]} | taken)
    assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == "references[0]"
