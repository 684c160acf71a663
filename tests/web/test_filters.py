"""One habit of narrowing and paging for every list: by calendar, by what it is about, by whom it is with, by when it changed."""

from typing import Any
from urllib.parse import quote

import pytest
import time_machine

from conversa_calendar.kit import clock
from tests.bookings.test_bookings import make_page, soon, text
from tests.support.cast import Actor, Cast

ABOUT_42 = [{"kind": "conversation", "id": "42"}]
RANGE = "from=2026-12-01T00:00:00Z&to=2026-12-10T00:00:00Z"


def _calendar(actor: Actor) -> str:
    return str(actor.post("calendars", {"name": "C"})["id"])


def _event(actor: Actor, calendar: str, **body: Any) -> str:
    return str(actor.post("events", {"calendar": calendar, "start": {"date": "2026-12-02"}} | body)["id"])


def _ids(page: Any) -> list[str]:
    return [item["id"] for item in page["items"]]


@pytest.mark.parametrize("more", ["", f"&{RANGE}"])
def test_events_about_a_conversation_are_found_and_no_others(cast: Cast, more: str) -> None:
    calendar = _calendar(cast.alice)
    about = _event(cast.alice, calendar, references=ABOUT_42)
    _event(cast.alice, calendar, references=[{"kind": "conversation", "id": "4"}])
    _event(cast.alice, calendar, references=[{"kind": "ticket", "id": "42"}])
    assert _ids(cast.alice.get(f"events?reference=conversation:42{more}")) == [about]


@pytest.mark.parametrize("more", ["", f"&{RANGE}"])
def test_events_with_a_contact_are_found_by_reference_and_by_address(cast: Cast, more: str) -> None:
    calendar = _calendar(cast.alice)
    named = _event(cast.alice, calendar, references=[{"kind": "contact", "id": "7"}])
    guest = _event(cast.alice, calendar, attendees=[{"email": "ana@customer.example"}])
    _event(cast.alice, calendar, attendees=[{"email": "joana@customer.example"}])
    assert _ids(cast.alice.get(f"events?contact=7{more}")) == [named]
    assert _ids(cast.alice.get(f"events?contact=ana@customer.example{more}")) == [guest]


def test_what_reads_busy_is_found_by_no_filter(cast: Cast) -> None:
    own = next(c["id"] for c in cast.bob.get("calendars")["items"] if c["owner"] == str(cast.bob.member.uuid))
    secret = _event(
        cast.bob, own, references=ABOUT_42, attendees=[{"email": "dr@clinic.example"}], visibility="private"
    )
    for query in ("reference=conversation:42", "contact=dr@clinic.example", "changed_since=2026-01-01T00:00:00Z"):
        assert _ids(cast.bob.get(f"events?{query}")) == [secret]
        assert _ids(cast.alice.get(f"events?{query}")) == []
        assert _ids(cast.alice.get(f"events?{query}&{RANGE}")) == []


def test_reading_what_changed_page_by_page_meets_every_event_once(cast: Cast) -> None:
    calendar = _calendar(cast.alice)
    with time_machine.travel("2026-11-01T00:00:00Z", tick=True):
        _event(cast.alice, calendar, summary="before")
    since = clock.now().isoformat()
    made = [_event(cast.alice, calendar, summary=str(number)) for number in range(5)]
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = cast.alice.get(f"events?changed_since={quote(since)}&calendar={calendar}&limit=2&cursor={cursor}")
        seen += _ids(page)
        cursor = page["next_cursor"]
    assert seen == made


def test_a_filter_or_a_cursor_that_nobody_gave_is_refused(cast: Cast) -> None:
    for query in ("reference=conversation", "reference=:4", "q=x&cursor=abc", "q=x&cursor=20260101T000000000000_x"):
        assert cast.alice.call("GET", f"events?{query}").status_code == 422, query
    assert cast.alice.call("GET", "bookings?reference=x").status_code == 422
    assert cast.alice.call("GET", "bookings?calendar=x").status_code == 422


def test_bookings_are_found_by_conversation_contact_and_calendar(cast: Cast) -> None:
    page = make_page(cast.alice)
    frame = {"page": page["id"], "name": "V"}
    first = cast.alice.post(
        "bookings", frame | {"start": text(soon()), "email": "one@customer.example", "references": ABOUT_42}
    )
    second = cast.alice.post("bookings", frame | {"start": text(soon(5)), "email": "two@customer.example"})
    assert _ids(cast.alice.get("bookings?reference=conversation:42")) == [first["id"]]
    assert _ids(cast.alice.get("bookings?contact=two@customer.example")) == [second["id"]]
    assert _ids(cast.alice.get(f"bookings?calendar={first['calendar']}")) == [second["id"], first["id"]]
    assert _ids(cast.alice.get(f"bookings?calendar={_calendar(cast.alice)}")) == []
    assert cast.alice.get("bookings?limit=1")["next_cursor"] is not None
