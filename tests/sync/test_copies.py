"""Somebody else's event in a mirrored calendar: what a guest's copy takes, and what it refuses."""

from typing import Any

import pytest

from conversa_calendar.providers.google.transport import Request, Response
from tests.support.google import InProcess, Person, at
from tests.sync.conftest import ANA, Scene

OLGA = "olga@elsewhere.example"


def _invited(scene: Scene) -> tuple[Person, dict[str, Any]]:
    """A daily series of Olga's to which Ana is invited, as it stands here."""
    olga = scene.google.person(OLGA)
    times = {"start": at("2026-12-01T09:00:00"), "end": at("2026-12-01T10:00:00")}
    guests = [{"email": ANA}]
    olga.insert(OLGA, summary="Daily", recurrence=["RRULE:FREQ=DAILY;COUNT=3"], attendees=guests, **times)
    scene.google.check()
    return olga, scene.alice.get(f"events/{scene.here()[0]['id']}")


def test_an_occurrence_cancelled_here_is_deleted_in_the_own_copy_only(scene: Scene) -> None:
    olga, series = _invited(scene)
    mark = scene.google.mark()
    scene.alice.delete(f"events/{series['id']}?scope=this&occurrence=2026-12-02T12:00:00Z")
    scene.google.settle()
    assert [write["method"] for write in scene.google.writes(mark)] == ["DELETE"]
    assert len(scene.there()) == len(scene.here()) == 2
    assert len(olga.call("GET", f"calendars/{OLGA}/events?singleEvents=true")["items"]) == 3
    scene.assert_equal()


def test_an_occurrence_cancelled_here_while_it_was_changed_there_is_deleted_all_the_same(scene: Scene) -> None:
    _olga, series = _invited(scene)
    instance = scene.there()[1]
    scene.ana.patch(instance["id"], colorId="5")
    scene.alice.delete(f"events/{series['id']}?scope=this&occurrence=2026-12-02T12:00:00Z")
    scene.google.check()
    assert len(scene.there()) == len(scene.here()) == 2
    scene.assert_equal()


def test_an_occurrence_cancelled_here_whose_series_is_edited_meanwhile_is_listed_before_anything_more_is_sent(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to a deletion bears no version, so the occurrence was deleted once more, whatever it had become."""
    _olga, series = _invited(scene)
    plain = InProcess.send

    def edited_meanwhile(self: InProcess, request: Request) -> Response:
        answer = plain(self, request)
        if request.method == "DELETE":
            body = {"reminders": {"use_default": False, "overrides": [{"method": "popup", "minutes": 5}]}}
            scene.patch(series["id"], body, "?scope=all", settle=False)
        return answer

    monkeypatch.setattr(InProcess, "send", edited_meanwhile)
    scene.alice.delete(f"events/{series['id']}?scope=this&occurrence=2026-12-02T12:00:00Z")
    mark = scene.google.mark()
    scene.google.settle()
    scene.google.check()
    assert [write["method"] for write in scene.google.writes(mark)].count("DELETE") == 1
    assert len(scene.there()) == len(scene.here()) == 2
    scene.assert_equal()


def test_an_answer_that_google_refused_is_sent_again_when_it_is_given_again(scene: Scene) -> None:
    _olga, series = _invited(scene)
    answered = [guest | ({"response": "tentative"} if guest["self"] else {}) for guest in series["attendees"]]
    effect = {"status": 400, "reason": "badRequest"}
    scene.google.control("faults", {"match": {"method": "PATCH"}, "effect": effect, "times": 1})
    scene.patch(series["id"], {"attendees": answered}, "?scope=all")
    shown = scene.alice.get(f"events/{series['id']}")
    assert (shown["sync"]["state"], shown["editable"]["content"], shown["editable"]["response"]) == (
        "parked",
        False,
        True,
    )
    scene.patch(series["id"], {"attendees": shown["attendees"]}, "?scope=all")
    assert scene.alice.get(f"events/{series['id']}")["sync"]["state"] == "synced"
    [ana] = [guest for guest in scene.ana.get(scene.remote_id(series["id"]))["attendees"] if guest.get("self")]
    assert ana["responseStatus"] == "tentative"


def test_what_only_its_organizer_may_do_is_refused_with_the_reason(scene: Scene) -> None:
    _olga, series = _invited(scene)
    native = scene.alice.post("calendars", {"name": "Only here"})["id"]
    moved = scene.alice.call("PATCH", f"events/{series['id']}", {"calendar": native})
    ended = scene.alice.call("DELETE", f"events/{series['id']}?scope=following&occurrence=2026-12-02T12:00:00Z")
    for answer in (moved, ended):
        assert answer.status_code == 422 and "Somebody else organises" in answer.content.decode()
    scene.google.settle()
    assert len(scene.here()) == 3
    scene.assert_equal()
