"""Whoever may see a booking may do with its event what they may do in its calendar, and no more."""

from typing import Any

import pytest

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.booking_pages import limits, views
from conversa_calendar.bookings.models import Booking
from conversa_calendar.calendars.models import Calendar, OutgoingMail
from tests.bookings.test_bookings import ANA, VISITOR, ZONE, make_page, mirrored_page, soon, starts, text
from tests.support.cast import Cast
from tests.support.google import Google

CANARY = {"visibility": "private", "summary": "CANARY", "location": "CANARY Street 1", "description": "CANARY"}


@pytest.fixture(autouse=True)
def patient_visitors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "HUMAN_S", 0.0)
    for name in ("views", "submits"):
        monkeypatch.setattr(limits, name, limits.Window(10_000))


def bobs(cast: Cast, **values: Any) -> dict[str, Any]:
    """A booking of Bob's, on a page of Alice's."""
    page = make_page(cast.alice, hosts=[{"id": str(cast.bob.member.uuid)}], **values)
    found: dict[str, Any] = cast.alice.post("bookings", {"page": page["id"], "start": text(soon())} | VISITOR)
    return found


def codes_of_all_acts(actor: Any, booking: dict[str, Any], host: str) -> set[int]:
    path, at = f"bookings/{booking['id']}", text(soon(4))
    bodies = ({"start": at}, {"guests": ["gina@else.example"]}, {"host": host}, {"state": "cancelled"})
    codes = {actor.call("PATCH", path, body).status_code for body in bodies}
    return codes | {actor.call("DELETE", path).status_code}


def test_what_a_host_made_private_is_not_moved_cancelled_or_shared_by_an_administrator(cast: Cast) -> None:
    booking = bobs(cast)
    cast.bob.patch(f"events/{booking['event']}", CANARY)
    before = cast.bob.get(f"events/{booking['event']}")
    assert codes_of_all_acts(cast.alice, booking, str(cast.alice.member.uuid)) == {403}
    browser = cast.alice.browser()
    for action in ("cancel", "hand-over"):
        browser.post(f"/bookings/{booking['id']}/{action}", {"host": str(cast.alice.member.uuid)})
    assert cast.bob.get(f"events/{booking['event']}") == before
    with tenant(cast.account.pk):
        assert not OutgoingMail.objects.filter(to="gina@else.example").exists()
    moved = cast.bob.patch(f"bookings/{booking['id']}", {"start": text(soon(4))})
    assert moved["start"] == text(soon(4)), "the host still may"


def test_guests_of_a_private_booking_read_the_place_of_the_page_and_nothing_of_the_event(cast: Cast) -> None:
    booking = bobs(cast, location={"kind": "address", "value": "Main Street 5"})
    people = [{"email": VISITOR["email"]}, {"email": "secret@lawyers.example"}]
    cast.bob.patch(f"events/{booking['event']}", CANARY | {"attendees": people})
    cast.bob.patch(f"bookings/{booking['id']}", {"guests": ["gina@else.example"]})
    with tenant(cast.account.pk):
        mail = OutgoingMail.objects.get(to="gina@else.example")
    words = mail.subject + mail.body + mail.ics.replace("\r\n ", "")
    assert "CANARY" not in words and "lawyers" not in words and "LOCATION:Main Street 5" in words


def test_a_meeting_link_of_a_private_event_stays_private_where_the_page_promised_none(
    cast: Cast, google: Google
) -> None:
    connection = google.connect(cast.alice, ANA)
    google.mirror(cast.alice, connection, ANA)
    with tenant(cast.account.pk):
        mirrored = str(Calendar.objects.get(is_mirrored=True).uuid)
    host = {"id": str(cast.alice.member.uuid), "calendar": mirrored}
    page = make_page(cast.alice, hosts=[host], location={"kind": "address", "value": "Main Street 5"})
    booking = cast.alice.post("bookings", {"page": page["id"], "start": text(soon())} | VISITOR)
    google.settle()
    cast.alice.patch(f"events/{booking['event']}", {"visibility": "private", "conference": {"request": True}})
    google.settle()
    cast.alice.patch(f"bookings/{booking['id']}", {"guests": ["gina@else.example"]})
    with tenant(cast.account.pk):
        found = Booking.objects.select_related("event").get()
        assert found.event is not None and found.event.content.conference.uri
        mail = OutgoingMail.objects.get(to="gina@else.example")
    assert found.event.content.conference.uri not in mail.body + mail.ics.replace("\r\n ", "")


def test_a_host_does_not_change_a_booking_that_was_moved_to_a_calendar_they_do_not_see(cast: Cast) -> None:
    booking = bobs(cast)
    place = cast.alice.post("calendars", {"name": "Management", "time_zone": ZONE})["id"]
    cast.alice.patch(f"events/{booking['event']}", {"calendar": place})
    before = cast.alice.get(f"events/{booking['event']}")
    assert codes_of_all_acts(cast.bob, booking, str(cast.alice.member.uuid)) <= {403, 409, 422}
    assert cast.alice.get(f"events/{booking['event']}") == before
    assert cast.alice.call("DELETE", f"bookings/{booking['id']}").status_code == 204


def test_what_its_host_handed_over_stays_private_to_the_host(cast: Cast, google: Google) -> None:
    connection = google.connect(cast.alice, ANA)
    google.mirror(cast.alice, connection, ANA)
    with tenant(cast.account.pk):
        mirrored = str(Calendar.objects.get(is_mirrored=True).uuid)
    booking = bobs(cast)
    hosts = [{"id": str(cast.bob.member.uuid)}, {"id": str(cast.alice.member.uuid), "calendar": mirrored}]
    cast.alice.patch(f"booking-pages/{booking['page']}", {"hosts": hosts})
    cast.bob.patch(f"events/{booking['event']}", CANARY)
    taker = {"host": str(cast.alice.member.uuid)}
    assert cast.alice.call("PATCH", f"bookings/{booking['id']}", taker).status_code == 403
    assert cast.bob.patch(f"bookings/{booking['id']}", taker)["calendar"] == mirrored
    assert cast.alice.get(f"events/{booking['event']}")["summary"] == "Busy"


def _own_pages_only(cast: Cast, *permissions: str) -> None:
    role = cast.alice.post("roles", {"name": "-".join(permissions), "permissions": list(permissions)})
    cast.alice.patch(f"members/{cast.bob.member.uuid}", {"role": role["id"]})


def test_nothing_is_booked_into_a_calendar_that_its_host_lost(cast: Cast) -> None:
    _own_pages_only(cast, "bookings.own")
    calendar = cast.bob.post("calendars", {"name": "Bob's", "time_zone": ZONE})["id"]
    page = make_page(cast.bob, hosts=[{"id": str(cast.bob.member.uuid), "calendar": calendar}])
    assert text(soon()) in starts(cast.bob, page, soon())
    with tenant(cast.account.pk):
        Calendar.objects.filter(uuid=calendar).update(owner=cast.alice.member)
    assert starts(cast.bob, page, soon()) == []
    answer = cast.bob.call("POST", "bookings", {"page": page["id"], "start": text(soon())} | VISITOR)
    assert answer.status_code == 409
    assert cast.alice.get(f"events?from={text(soon(2))}&to={text(soon(4))}&calendar={calendar}")["items"] == []
    items = [{"kind": "agent", "id": str(cast.bob.member.uuid), "level": "edit"}]
    cast.alice.put(f"calendars/{calendar}/assignments", {"items": items})
    assert text(soon()) in starts(cast.bob, page, soon()), "whoever may write to it is booked into it"


def test_whoever_may_have_own_pages_only_no_longer_offers_colleagues(cast: Cast) -> None:
    _own_pages_only(cast, "bookings.manage")
    people = [{"id": str(actor.member.uuid)} for actor in (cast.alice, cast.bob)]
    page = make_page(cast.bob, hosts=people, host_mode="round_robin")
    team = cast.alice.post("teams", {"name": "Board", "members": [str(cast.alice.member.uuid)]})
    teams = make_page(cast.bob, team=team["id"])
    assert starts(cast.bob, page, soon()) and starts(cast.bob, teams, soon())
    _own_pages_only(cast, "bookings.own")
    path = f"booking-pages/{page['id']}/slots?from={text(soon())}&to={text(soon(4))}"
    offered = {host for row in cast.bob.get(path)["items"] for host in row["hosts"]}
    assert offered == {str(cast.bob.member.uuid)} and starts(cast.bob, teams, soon()) == []
    assert cast.bob.call("PATCH", f"booking-pages/{page['id']}", {"title": "Mine"}).status_code == 422
    cast.alice.patch(f"booking-pages/{page['id']}", {"title": "Ours"})
    offered = {host for row in cast.alice.get(path)["items"] for host in row["hosts"]}
    assert offered == {str(actor.member.uuid) for actor in (cast.alice, cast.bob)}, "who manages pages stands for it"


def test_google_mails_nobody_of_a_booking_whatever_a_member_chooses(google: Google, cast: Cast) -> None:
    page, ana = mirrored_page(google, cast)
    made = [
        cast.alice.post("bookings", {"page": page["id"], "start": text(soon(day))} | VISITOR)["event"] for day in (3, 4)
    ]
    google.settle()
    for event in made:
        cast.alice.patch(f"events/{event}", {"summary": "Renamed", "notify": "all"})
        google.settle()
    assert cast.alice.call("DELETE", f"events/{made[0]}?notify=all").status_code == 204
    place = cast.alice.post("calendars", {"name": "Here", "time_zone": ZONE})["id"]
    cast.alice.patch(f"events/{made[1]}", {"calendar": place, "notify": "all"})
    google.settle()
    assert ana.list() == [] and google.control("mails", method="GET")["mails"] == []
