"""What acts do beside being allowed: all of it or nothing, against what stands now, and addresses that lead nowhere bad."""

import re
from typing import Any

import pytest
from django.test import Client
from msgspec.structs import replace

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import editing, invitations
from conversa_calendar.calendars.links import is_web_address
from conversa_calendar.calendars.models import Event, OutgoingMail
from conversa_calendar.domain.event import Attachment, Conference, Facts, encode
from tests.support.cast import Cast
from tests.support.google import at
from tests.sync.conftest import Scene, scene
from tests.web.test_private import START, ZONE, _assign, _code, _make, _own, shared

__all__ = ["scene", "shared"]


def test_level_details_cannot_take_an_event_out_of_google(scene: Scene) -> None:
    event, bob, mark = scene.create("Walk")["id"], scene.cast.bob, scene.google.mark()
    _assign(scene.alice, scene.calendar, bob, "details")
    for body in ({"calendar": _own(bob)}, {"references": []}, {"calendar": _own(bob), "references": []}):
        assert _code(bob.call("PATCH", f"events/{event}", body)) == (403, "read_only")
    scene.google.settle()
    assert [row["summary"] for row in scene.ana.list()] == ["Walk"] and scene.google.writes(mark) == []


def test_references_take_part_in_preconditions_and_history(cast: Cast, shared: str) -> None:
    event = _make(cast.alice, shared)
    before = cast.alice.get(f"events/{event}")["etag"]
    body = {"references": [{"kind": "ticket", "id": "7", "title": "Seven", "url": "https://desk.example/7"}]}
    said = cast.bob.patch(f"events/{event}", body, if_match=before)
    assert said["references"] == body["references"] and said["etag"] != before
    late = cast.alice.call("PATCH", f"events/{event}", {"references": []}, if_match=before)
    assert late.status_code == 412 and cast.alice.get(f"events/{event}")["references"] == body["references"]
    causes = [entry["cause"] for entry in cast.alice.get(f"events/{event}/history")["items"]]
    assert causes == ["references", "created"]


def test_referring_to_an_event_on_its_way_sends_it_once(scene: Scene) -> None:
    event = scene.create("Walk")["id"]
    scene.patch(event, {"summary": "Run"}, settle=False)
    mark = scene.google.mark()
    scene.patch(event, {"references": [{"kind": "ticket", "id": "7"}]})
    assert len(scene.google.writes(mark)) == 1
    scene.assert_equal()


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "//evil.example/x",
        "/relative",
        "https:///nowhere",
        "http://[bad",
        "vbscript:x",
        "https://a b.example",
        "https://desk.example/" + "x" * 2000,
    ],
)
def test_an_address_that_a_browser_would_run_is_refused_as_reference(cast: Cast, shared: str, address: str) -> None:
    event = _make(cast.alice, shared)
    body = {"references": [{"kind": "ticket", "id": "7", "url": address}]}
    assert _code(cast.alice.call("PATCH", f"events/{event}", body)) == (422, "invalid")
    made = cast.alice.call("POST", "events", {"calendar": shared, "start": START} | body)
    assert made.status_code == 422 and not is_web_address(address)


def test_addresses_that_strangers_wrote_lead_nowhere_but_the_web(cast: Cast, shared: str) -> None:
    event = _make(
        cast.alice, shared, description='<a href="javascript:alert(1)">x</a><a href="https://ok.example">y</a>'
    )
    with tenant(cast.account.pk):
        row = Event.objects.get(uuid=event)
        row.references = [{"kind": "ticket", "id": "7", "title": "", "url": "javascript:alert(1)"}]
        row.facts_json = encode(Facts(attachments=(Attachment("javascript:alert(1)", "a.pdf", ""),)))
        row.save()
        editing.edit(row, lambda c: _with_meeting(c, "javascript:alert(1)"), actor=cast.alice.member)
    shown = cast.alice.get(f"events/{event}")
    assert shown["conference"]["uri"] == shown["attachments"][0]["url"] == shown["references"][0]["url"] == ""
    page = cast.alice.browser().get(f"/events/{event}").content.decode()
    assert "javascript:" not in page and 'href="https://ok.example"' in page


def _with_meeting(content: Any, address: str) -> Any:
    return replace(content, conference=Conference("ready", address))


def test_a_refused_save_moves_nothing(cast: Cast, shared: str) -> None:
    event = _make(cast.alice, shared)
    when = {"start_date": "2026-12-01", "start_time": "09:00", "end_date": "2026-12-01", "end_time": "08:00"}
    form = when | {"zone": ZONE, "summary": "S", "calendar": _own(cast.alice), "scope": "all"}
    assert cast.alice.browser().post(f"/events/{event}/edit", form).status_code == 422
    both = cast.alice.call("PATCH", f"events/{event}", {"calendar": _own(cast.alice), "end": {"date": "2026-12-01"}})
    assert both.status_code == 422 and cast.alice.get(f"events/{event}")["calendar"] == shared


def test_an_invitation_is_answered_by_the_api_and_google_hears_it(scene: Scene) -> None:
    boss = scene.google.person("boss@else.example")
    made = boss.insert(summary="Review", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"),
                       attendees=[{"email": scene.ana.email}])  # fmt: skip
    scene.google.check()
    [event] = scene.here()
    said = scene.alice.post(f"events/{event['id']}/respond", {"response": "accepted"})
    assert [guest["response"] for guest in said["attendees"] if guest["self"]] == ["accepted"]
    scene.google.settle()
    assert [guest["responseStatus"] for guest in boss.get(made["id"])["attendees"]] == ["accepted"]
    stale = scene.alice.call("POST", f"events/{event['id']}/respond", {"response": "declined"}, if_match=event["etag"])
    assert stale.status_code == 412


def test_a_form_that_only_moves_an_event_mails_nobody(cast: Cast, shared: str) -> None:
    event = _make(cast.alice, shared, attendees=[{"email": "lia@else.example"}])
    form = {
        "start_date": "2026-12-01",
        "start_time": "09:00",
        "end_date": "2026-12-01",
        "end_time": "10:00",
        "zone": ZONE,
    }
    form |= {"summary": "CANARY", "guests": "lia@else.example", "calendar": _own(cast.alice), "notify": "all"}
    page = cast.alice.browser().post(f"/events/{event}/edit", form | {"scope": "all"})
    assert page.status_code == 204 and cast.alice.get(f"events/{event}")["calendar"] == _own(cast.alice)
    with tenant(cast.account.pk):
        assert Event.objects.get(uuid=event).notify == "none" and not OutgoingMail.objects.exists()


def test_a_refusal_is_said_on_the_page_that_asked_or_on_one_of_its_own(cast: Cast, shared: str) -> None:
    event, browser = _make(cast.alice, shared, visibility="private"), cast.bob.browser()
    plain = browser.post(f"/events/{event}/delete", headers={"HX-Request": "true"})
    assert plain["Content-Type"].startswith("text/plain") and b"only that this time is taken" in plain.content
    whole = browser.post(f"/events/{event}/delete")
    assert whole.status_code == 403 and b"<h1" in whole.content and b"only that this time is taken" in whole.content


def test_a_guest_answers_by_the_link_and_only_by_it(cast: Cast, shared: str) -> None:
    guests = [{"email": "lia@else.example"}, {"email": "rui@else.example"}]
    event = _make(cast.alice, shared, "Review", attendees=guests, notify="all")
    with tenant(cast.account.pk):
        body = OutgoingMail.objects.get(to="lia@else.example").body
        row = Event.objects.get(uuid=event)
        stranger = f"/answer/{invitations.answer_token(row, 'eve@else.example')}"
    link = re.search(r"/answer/\S+", body)
    assert link is not None
    browser = Client()
    assert b"Review" in browser.get(link.group()).content
    for address in (stranger, link.group()[:-2] + "xx"):
        assert browser.post(address, {"response": "accepted"}).status_code == 404
    assert browser.post(link.group(), {"response": "perhaps"}).status_code == 422
    assert browser.post(link.group(), {"response": "accepted"}).status_code == 200
    said = {guest["email"]: guest["response"] for guest in cast.alice.get(f"events/{event}")["attendees"]}
    assert said == {"lia@else.example": "accepted", "rui@else.example": "needsAction"}
    with tenant(cast.account.pk):
        assert OutgoingMail.objects.count() == 2, "the invitations; nobody is mailed about an answer"
    cast.alice.delete(f"events/{event}")
    assert browser.post(link.group(), {"response": "declined"}).status_code == 404
