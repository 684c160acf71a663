"""What a visitor did to their booking is the visitor's: in the event's history, the change feed and the mails."""

from typing import Any

import pytest
from django.test import Client

from conversa_calendar.booking_pages import limits, views
from tests.bookings.test_bookings import VISITOR, mails, make_page, soon, text
from tests.bookings.test_public import booked
from tests.support.cast import Cast


@pytest.fixture(autouse=True)
def patient_visitors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "HUMAN_S", 0.0)
    for name in ("views", "submits"):
        monkeypatch.setattr(limits, name, limits.Window(10_000))


def steps(cast: Cast, event: str) -> list[tuple[str, str, str | None]]:
    """(cause, kind of who did it, name) of an event's history, oldest first."""
    found = cast.alice.get(f"events/{event}/history")["items"]
    return [(e["cause"], e["by"]["kind"], e["by"]["name"]) for e in reversed(found)]


def the_booking(cast: Cast) -> dict[str, Any]:
    (found,) = cast.alice.get("bookings")["items"]
    assert isinstance(found, dict)
    return found


def test_what_a_visitor_booked_moved_and_cancelled_is_told_as_theirs(cast: Cast) -> None:
    manage = booked(make_page(cast.alice))["Location"]
    event = the_booking(cast)["event"]
    mails(cast)
    Client().post(manage, {"what": "move", "start": text(soon(4))})
    assert "You moved it to this time." in mails(cast)[-1].body
    assert the_booking(cast)["moved_by"] == "visitor"
    Client().post(manage, {"what": "cancel"})
    assert "You cancelled it." in mails(cast)[-1].body
    name = VISITOR["name"]
    expected = [("booked", "visitor", name), ("rescheduled", "visitor", name), ("deleted", "visitor", name)]
    assert steps(cast, event) == expected
    feed = [row["by"] for row in cast.alice.get("changes")["items"] if row["id"] == event]
    assert set(feed) == {"visitor"}
    assert f"{name}, as a visitor" in cast.alice.browser().get("/activity").content.decode()


def test_what_the_host_moved_and_cancelled_is_told_as_the_hosts(cast: Cast) -> None:
    page = make_page(cast.alice)
    booking = cast.alice.post("bookings", {"page": page["id"], "start": text(soon())} | VISITOR)
    mails(cast)
    cast.alice.patch(f"bookings/{booking['id']}", {"start": text(soon(4))})
    assert "Alice Lima moved it to this time." in mails(cast)[-1].body
    cast.alice.browser().post(f"/bookings/{booking['id']}/cancel")
    assert "Alice Lima cancelled it." in mails(cast)[-1].body
    kinds = [kind for _cause, kind, _name in steps(cast, booking["event"])]
    assert kinds == ["token", "token", "member"]


def test_a_late_change_of_a_booking_or_page_is_refused(cast: Cast) -> None:
    page = make_page(cast.alice)
    booking = cast.alice.post("bookings", {"page": page["id"], "start": text(soon())} | VISITOR)
    path = f"bookings/{booking['id']}"
    moved = cast.alice.call("PATCH", path, {"start": text(soon(4))}, if_match=booking["etag"])
    assert moved.status_code == 200 and moved.headers["ETag"] == moved.json()["etag"] != booking["etag"]
    for method, body in (("PATCH", {"start": text(soon(5))}), ("PATCH", {"state": "cancelled"}), ("DELETE", None)):
        late = cast.alice.call(method, path, body, if_match=booking["etag"])
        assert late.status_code == 412 and late.json()["etag"] == moved.json()["etag"], (method, late.content)
    place = f"booking-pages/{page['id']}"
    assert cast.alice.call("PATCH", place, {"title": "Call"}, if_match=page["etag"]).status_code == 200
    for method, body in (("PATCH", {"title": "Talk"}), ("DELETE", None)):
        assert cast.alice.call(method, place, body, if_match=page["etag"]).status_code == 412


def test_a_page_is_copied_with_all_it_says_and_not_published(cast: Cast) -> None:
    page = make_page(cast.alice, questions=[{"label": "Topic", "kind": "text", "required": True}], per_day=3)
    copies = [cast.alice.post(f"booking-pages/{page['id']}/copy")]
    shown = cast.alice.browser().post(f"/bookings/pages/{page['id']}", {"what": "copy"})
    assert shown.status_code == 302
    copies += [found for found in cast.alice.get("booking-pages")["items"] if found["id"] in shown["Location"]]
    assert len(copies) == 2 and len({found["slug"] for found in [page, *copies]}) == 3
    for made in copies:
        own = {"id", "slug", "url", "title", "is_published", "etag"}
        assert {n: v for n, v in made.items() if n not in own} == {n: v for n, v in page.items() if n not in own}
        assert made["title"] == "Copy of Support call" and not made["is_published"]
        assert Client().get(f"/book/{made['slug']}").status_code == 404


def test_who_may_have_own_pages_only_is_the_one_host_of_a_copy(cast: Cast) -> None:
    role = cast.alice.post("roles", {"name": "own", "permissions": ["bookings.own"]})
    cast.alice.patch(f"members/{cast.bob.member.uuid}", {"role": role["id"]})
    people = [{"id": str(actor.member.uuid)} for actor in (cast.alice, cast.bob)]
    page = make_page(cast.alice, hosts=people, host_mode="round_robin")
    made = cast.bob.post(f"booking-pages/{page['id']}/copy")
    assert [host["id"] for host in made["hosts"]] == [str(cast.bob.member.uuid)]
    assert cast.bob.patch(f"booking-pages/{made['id']}", {"title": "Mine"})["title"] == "Mine"
