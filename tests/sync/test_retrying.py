"""“Try again” of what Google did not take."""

from collections.abc import Iterator
from typing import Any

import pytest
from gcal_emulator import schemas

from conversa_calendar.kit import clock
from tests.support.cast import Actor
from tests.sync.conftest import Scene

REFUSED = {"status": 403, "reason": "forbiddenForNonOrganizer"}


@pytest.fixture(autouse=True)
def worked(scene: Scene) -> Iterator[None]:
    """Whoever waits lets the workers work meanwhile."""
    total = [0.0]

    def sleep(seconds: float) -> None:
        total[0] += seconds
        scene.google.settle()

    clock.use(steady=lambda: total[0], sleep=sleep)
    yield
    clock.use()


def refuse_next(scene: Scene, uuid: str, effect: dict[str, Any]) -> None:
    match = {"method": "PATCH", "path": f"*/events/{scene.remote_id(uuid)}"}
    scene.google.control("faults", {"match": match, "effect": effect, "times": 1})


def refused(scene: Scene, effect: dict[str, Any], **more: Any) -> str:
    made = scene.create("Standup", **more)
    refuse_next(scene, made["id"], effect)
    scene.patch(made["id"], {"summary": "Typed here"})
    assert scene.alice.get(f"events/{made['id']}")["sync"]["state"] in {"refused", "parked"}
    return str(made["id"])


@pytest.mark.parametrize("effect", [{"code": "G06"}, REFUSED])
def test_a_refused_edit_is_tried_again_at_once_and_arrives(scene: Scene, effect: dict[str, Any]) -> None:
    uuid = refused(scene, effect)
    tried = scene.alice.post(f"events/{uuid}/sync/retry")
    assert tried["sync"] == scene.alice.get(f"events/{uuid}")["sync"]
    assert tried["tried"]["state"] == "synced" and "Google has taken it" in tried["tried"]["message"]
    assert scene.there()[0]["summary"] == "Typed here"
    scene.assert_equal()


def test_what_google_refuses_again_says_so_with_its_reason(scene: Scene) -> None:
    uuid = refused(scene, {"code": "G06"})
    path = f"*/events/{scene.remote_id(uuid)}"
    scene.google.control("faults", {"match": {"method": "PATCH", "path": path}, "effect": {"code": "G06"}})
    mark = scene.google.mark()
    tried = scene.alice.post(f"events/{uuid}/sync/retry")["tried"]
    assert tried["state"] == "parked" and "Google refused this change" in tried["message"]
    assert len(scene.google.writes(mark)) == 1, "it was really tried, once"


def test_a_refused_series_is_tried_again_from_any_of_its_days(scene: Scene) -> None:
    series = scene.create("Standup", recurrence=["RRULE:FREQ=DAILY;COUNT=3"])["id"]
    day = scene.patch(series, {"location": "Attic"}, "?scope=this&occurrence=2026-12-02T12:00:00Z")["id"]
    refuse_next(scene, series, {"code": "G06"})
    scene.patch(series, {"summary": "Typed here"}, "?scope=all")
    assert scene.alice.get(f"events/{day}")["sync"]["state"] == "parked", "its day says so too"
    assert scene.alice.post(f"events/{day}/sync/retry")["tried"]["state"] == "synced"
    assert {one["summary"] for one in scene.there()} == {"Typed here"}


def test_the_page_offers_it_and_says_what_came_of_it(scene: Scene) -> None:
    uuid = refused(scene, REFUSED)
    browser = scene.alice.browser()
    assert f"/events/{uuid}/retry" in browser.get(f"/events/{uuid}").content.decode()
    answer = browser.post(f"/events/{uuid}/retry")
    assert answer.status_code == 204 and "Google has taken it" in answer["HX-Trigger"]
    assert f"/events/{uuid}/retry" not in browser.get(f"/events/{uuid}").content.decode()


def test_nobody_is_mailed_by_a_retry_unless_somebody_asks(scene: Scene) -> None:
    guests = [{"email": "guest@customer.example"}]
    uuid = refused(scene, REFUSED, attendees=guests)
    scene.alice.post(f"events/{uuid}/sync/retry")
    assert scene.google.world.mails == []


def test_only_who_may_edit_tries_again(scene: Scene) -> None:
    uuid = refused(scene, REFUSED)
    bob: Actor = scene.cast.bob
    assert bob.call("POST", f"events/{uuid}/sync/retry").status_code == 404
    items = [{"kind": "agent", "id": str(bob.member.uuid), "level": "details"}]
    scene.alice.put(f"calendars/{scene.calendar}/assignments", {"items": items})
    assert bob.call("POST", f"events/{uuid}/sync/retry").status_code == 403
    assert scene.cast.charlie.call("POST", f"events/{uuid}/sync/retry").status_code == 404
    assert bob.browser().post(f"/events/{uuid}/retry").status_code == 403


def test_nothing_is_tried_again_that_was_not_refused(scene: Scene) -> None:
    uuid = scene.create("Standup")["id"]
    mark = scene.google.mark()
    assert scene.alice.call("POST", f"events/{uuid}/sync/retry").status_code == 422
    scene.google.settle()
    assert scene.google.writes(mark) == []


def test_a_version_of_googles_that_could_not_be_read_is_read_again(scene: Scene) -> None:
    uuid = scene.create("Standup")["id"]
    remote_id = scene.remote_id(uuid)
    scene.ana.patch(remote_id, summary="Theirs")
    stored = scene.google.world.calendars[scene.ana.email].events[remote_id]
    stored.data["recurrence"] = 7
    scene.google.check()
    assert scene.alice.get(f"events/{uuid}")["sync"]["state"] == "parked"
    schemas.found.clear()  # what was spoilt on purpose
    del stored.data["recurrence"]
    stored.encoded.clear()
    tried = scene.alice.post(f"events/{uuid}/sync/retry")
    assert (tried["summary"], tried["tried"]["state"]) == ("Theirs", "synced")
