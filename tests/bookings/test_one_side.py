"""Guests hear of an event from exactly one side, and whatever a member has mailed counts, whoever mails it."""

from datetime import timedelta
from typing import Any

import pytest

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import outgoing
from conversa_calendar.calendars.models import OutgoingMail
from conversa_calendar.calendars.services import send_mail
from tests.bookings.test_bookings import ANA, VISITOR, mirrored_page, soon, text
from tests.support.cast import Cast
from tests.support.google import Google, at

START = {"date_time": "2026-12-01T09:00:00", "time_zone": "UTC"}
GUEST = "guest@else.example"


def people(number: int, word: str = "g") -> list[dict[str, str]]:
    return [{"email": f"{word}{n}@else.example"} for n in range(number)]


def left(cast: Cast) -> int:
    with tenant(cast.account.pk):
        return outgoing.budget().left


@pytest.fixture
def mirrored(google: Google, cast: Cast) -> str:
    mirror = google.mirror(cast.alice, google.connect(cast.alice, ANA), ANA)
    return str(mirror.calendar.uuid)


def make(cast: Cast, calendar: str, guests: list[dict[str, str]], notify: str) -> Any:
    body = {"calendar": calendar, "summary": "Plan", "start": START, "attendees": guests, "notify": notify}
    return cast.alice.call("POST", "events", body)


def google_mails(google: Google) -> set[str]:
    google.settle()
    return {mail["to"] for mail in google.control("mails", method="GET")["mails"]}


def our_mails(cast: Cast, address: str) -> list[OutgoingMail]:
    send_mail(cast.account.pk)
    with tenant(cast.account.pk):
        return list(OutgoingMail.objects.filter(to=address).order_by("pk"))


def test_mail_that_google_sends_at_a_members_wish_counts_in_the_budget(
    google: Google, cast: Cast, mirrored: str
) -> None:
    before = left(cast)
    assert make(cast, mirrored, people(40), "all").status_code == 201
    assert left(cast) == before - 40
    assert make(cast, mirrored, people(70, "h"), "all").status_code == 422, "more than is left of a new account's day"
    assert len(google_mails(google)) == 40
    assert left(cast) == before - 40, "a refused act costs nothing"


def test_what_google_mails_to_nobody_costs_nothing(google: Google, cast: Cast, mirrored: str) -> None:
    before = left(cast)
    made = make(cast, mirrored, people(120), "none")
    assert made.status_code == 201
    cast.alice.patch(f"events/{made.json()['id']}", {"location": "Attic"})
    assert left(cast) == before and google_mails(google) == set()


def test_guests_told_of_a_later_edit_are_counted_though_nobody_was_told_of_the_first(
    google: Google, cast: Cast, mirrored: str
) -> None:
    """The creation had not left yet and went out with the edit: all were mailed, and none was counted."""
    made = make(cast, mirrored, people(120), "none").json()
    answer = cast.alice.call("PATCH", f"events/{made['id']}", {"color": "5", "notify": "all"})
    assert answer.status_code == 422
    assert google_mails(google) == set()


def test_answering_an_invitation_with_many_guests_costs_nothing(google: Google, cast: Cast, mirrored: str) -> None:
    guests = [{"email": ANA}, *people(120)]
    google.person("boss@else.example").insert(
        summary="All hands", start=at("2026-12-01T09:00:00"), end=at("2026-12-01T10:00:00"), attendees=guests
    )
    google.check()
    [invitation] = cast.alice.get("events?from=2026-12-01T00:00:00Z&to=2026-12-02T00:00:00Z")["items"]
    before = left(cast)
    cast.alice.post(f"events/{invitation['id']}/respond", {"response": "accepted"})
    assert left(cast) == before


@pytest.mark.parametrize("is_sent_first", [True, False])
def test_a_guest_whom_a_member_adds_to_a_booking_at_google_hears_of_it_once_from_here(
    google: Google, cast: Cast, is_sent_first: bool
) -> None:
    page, ana = mirrored_page(google, cast)
    booking = cast.alice.post("bookings", {"page": page["id"], "start": text(soon())} | VISITOR)
    if is_sent_first:
        google.settle()
    event = cast.alice.get(f"events/{booking['event']}")
    guests = [{"email": one["email"]} for one in event["attendees"]] + [{"email": GUEST}]
    before = left(cast)
    cast.alice.patch(f"events/{event['id']}", {"attendees": guests, "notify": "all"})
    assert google_mails(google) == set()
    [mail] = our_mails(cast, GUEST)
    [there] = ana.list()
    assert mail.method == "REQUEST" and f"UID:{there['iCalUID']}" in mail.ics.replace("\r\n ", "")
    assert left(cast) == before - 1
    assert len(our_mails(cast, VISITOR["email"])) == 1, "the visitor hears from the booking alone"
    later = {"date_time": text(soon() + timedelta(hours=1)), "time_zone": "UTC"}
    ends = {"date_time": text(soon() + timedelta(hours=2)), "time_zone": "UTC"}
    cast.alice.patch(f"events/{event['id']}", {"start": later, "end": ends, "notify": "all"})
    assert google_mails(google) == set() and len(our_mails(cast, GUEST)) == 2
    cast.alice.delete(f"events/{event['id']}?notify=all")
    assert google_mails(google) == set()
    assert [mail.method for mail in our_mails(cast, GUEST)] == ["REQUEST", "REQUEST", "CANCEL"]


def test_a_member_who_tells_nobody_has_nobody_told_of_a_guest_added(google: Google, cast: Cast) -> None:
    page, _ana = mirrored_page(google, cast)
    booking = cast.alice.post("bookings", {"page": page["id"], "start": text(soon())} | VISITOR)
    google.settle()
    guests = [{"email": VISITOR["email"]}, {"email": GUEST}]
    cast.alice.patch(f"events/{booking['event']}", {"attendees": guests})
    assert google_mails(google) == set() and our_mails(cast, GUEST) == []
