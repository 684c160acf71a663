"""A meeting link that Google did not make: the host hears of it, asks again, and the visitor gets what was promised."""

from typing import Any

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import OutgoingMail
from conversa_calendar.calendars.services import send_mail
from tests.bookings.test_bookings import VISITOR, _notices, mails, mirrored_page, soon, text
from tests.support.cast import Cast
from tests.support.google import Google


def failed(google: Google, cast: Cast) -> tuple[dict[str, Any], dict[str, Any], Any]:
    """A booking whose link failed, and its page and calendar."""
    page, ana = mirrored_page(google, cast)
    google.world.behaviours.conference_fails = True
    made = cast.alice.post("bookings", {"page": page["id"], "start": text(soon())} | VISITOR)
    mails(cast)
    google.settle()
    return page, cast.alice.get(f"bookings/{made['id']}"), ana


def test_a_link_that_failed_says_so_and_the_host_is_told_once(google: Google, cast: Cast) -> None:
    _page, made, ana = failed(google, cast)
    assert cast.alice.get(f"events/{made['event']}")["conference"]["state"] == "failed" and made["flag"] == "no_link"
    ana.patch(ana.list()[0]["id"], description="something else")
    google.check()
    send_mail(cast.account.pk)
    with tenant(cast.account.pk):
        told = OutgoingMail.objects.filter(to=cast.alice.member.user.email, subject__startswith="No meeting link")
        assert told.count() == 1


def test_a_link_asked_for_again_comes_and_reaches_the_visitor(google: Google, cast: Cast) -> None:
    _page, made, ana = failed(google, cast)
    google.world.behaviours.conference_fails = False
    browser = cast.alice.browser()
    assert b"Ask for the link again" in browser.get("/bookings").content
    assert browser.post(f"/bookings/{made['id']}/link").status_code == 302
    google.settle()
    uri = ana.list()[0]["conferenceData"]["entryPoints"][0]["uri"]
    found = cast.alice.get(f"bookings/{made['id']}")
    assert found["conference_uri"] == uri and found["flag"] is None
    assert _notices(cast) == 1
    assert uri in mails(cast)[-1].body and mails(cast)[-1].subject.startswith("Meeting link")


def test_a_failed_link_is_asked_for_again_on_the_event_too(google: Google, cast: Cast) -> None:
    _page, made, ana = failed(google, cast)
    google.world.behaviours.conference_fails = False
    cast.alice.patch(f"events/{made['event']}", {"conference": {"request": True}})
    google.settle()
    assert cast.alice.get(f"events/{made['event']}")["conference"]["state"] == "ready"
    assert ana.list()[0]["conferenceData"]["entryPoints"]


def test_another_link_in_the_place_reaches_the_visitor(google: Google, cast: Cast) -> None:
    _page, made, _ana = failed(google, cast)
    cast.alice.patch(f"events/{made['event']}", {"location": "https://meet.example/room"})
    google.settle()
    assert cast.alice.get(f"bookings/{made['id']}")["flag"] is None
    assert _notices(cast) == 1 and "https://meet.example/room" in mails(cast)[-1].body


def test_the_deep_check_finds_a_link_that_failed_unheard(google: Google, cast: Cast) -> None:
    page, ana = mirrored_page(google, cast)
    google.world.behaviours.conference_delay_s = 1800.0
    made = cast.alice.post("bookings", {"page": page["id"], "start": text(soon())} | VISITOR)
    google.settle()
    assert cast.alice.get(f"events/{made['event']}")["conference"]["state"] == "pending"
    google.control("notifications", {"mode": "drop"})
    google.world.behaviours.conference_fails = True
    google.control("clock", {"advance_s": 1801})
    (mirror,) = cast.alice.get("mirrors")["items"]
    cast.alice.post(f"mirrors/{mirror['id']}/check")
    assert ana.list()[0]["conferenceData"]["createRequest"]["status"]["statusCode"] == "failure"
    assert cast.alice.get(f"events/{made['event']}")["conference"]["state"] == "failed"
