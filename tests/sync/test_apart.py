"""What becomes of events while their calendar is not mirrored, of those that Google refuses, and of those that break."""

import json
from typing import Any
from unittest import mock

import pytest
from django.conf import settings

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import selectors
from conversa_calendar.calendars.models import History
from conversa_calendar.connections import tokens
from conversa_calendar.connections.models import Connection
from conversa_calendar.sync import running
from conversa_calendar.sync.models import Link, MirrorRun
from conversa_calendar.sync.pull import pulling
from conversa_calendar.sync.run import leases
from tests.support.google import at
from tests.sync.conftest import ANA, Scene


def _mirror(scene: Scene, is_mirrored: bool, disposition: str = "keep") -> None:
    body: dict[str, Any] = {"mirrored": is_mirrored} | (
        {} if is_mirrored else {"disposition": disposition, "unsent": "leave"}
    )
    scene.alice.put(f"connections/{scene.connection.uuid}/calendars/{ANA}", body)


def _summaries(scene: Scene) -> set[str]:
    return {item["summary"] for item in scene.there()}


def _insert(scene: Scene, summary: str, day: int = 2) -> dict[str, Any]:
    return scene.ana.insert(summary=summary, start=at(f"2026-12-0{day}T09:00:00"), end=at(f"2026-12-0{day}T10:00:00"))


def test_what_was_made_here_and_not_sent_yet_outlives_the_removal_of_its_calendar(scene: Scene) -> None:
    _insert(scene, "Theirs")
    scene.google.check()
    times = {"start": {"date_time": "2026-12-01T09:00:00Z", "time_zone": "UTC"}}
    scene.alice.post("events", {"calendar": scene.calendar, "summary": "Unsent", **times})
    _mirror(scene, False, "remove")
    assert {item["summary"] for item in scene.here()} == {"Unsent"}
    _mirror(scene, True)
    scene.google.settle()
    assert _summaries(scene) == {"Theirs", "Unsent"}
    scene.assert_equal()


@pytest.mark.parametrize("disposition", ["keep", "remove"])
def test_mirroring_again_deletes_nothing_at_google(scene: Scene, disposition: str) -> None:
    """Neither what was removed with the calendar nor what somebody threw away as a mere copy."""
    _insert(scene, "One")
    _insert(scene, "Two", 3)
    scene.google.check()
    _mirror(scene, False, disposition)
    if disposition == "keep":
        scene.alice.delete(f"events/{scene.here()[0]['id']}")
    mark = scene.google.mark()
    _mirror(scene, True)
    scene.google.settle()
    assert scene.google.writes(mark) == []
    assert _summaries(scene) == {"One", "Two"}
    scene.assert_equal()


def test_a_deletion_that_was_not_sent_yet_stays_a_deletion(scene: Scene) -> None:
    event = scene.create("Gone")
    scene.alice.delete(f"events/{event['id']}")
    _mirror(scene, False)
    _mirror(scene, True)
    scene.google.settle()
    assert _summaries(scene) == set()
    scene.assert_equal()


def test_an_occurrence_cut_while_its_calendar_was_not_mirrored_goes_at_google_too(scene: Scene) -> None:
    series = scene.create("Daily", recurrence=["RRULE:FREQ=DAILY;COUNT=5"])
    query = f"events/{series['id']}?occurrence="
    scene.alice.patch(f"{query}2026-12-04T12:00:00Z&scope=this", {"location": "Attic"})
    scene.google.settle()
    _mirror(scene, False)
    scene.alice.delete(f"{query}2026-12-03T12:00:00Z&scope=following")
    _mirror(scene, True)
    scene.google.settle()
    assert len(scene.there()) == 2
    scene.assert_equal()


def test_a_run_under_way_stores_nothing_once_its_calendar_is_no_longer_mirrored(scene: Scene) -> None:
    _insert(scene, "Late")
    listed = pulling._apply_page

    def deselected_first(*args: Any) -> None:
        _mirror(scene, False)
        listed(*args)

    with mock.patch.object(pulling, "_apply_page", deselected_first):
        scene.google.check()
    assert scene.here() == []


def test_resuming_needs_a_living_connection(scene: Scene) -> None:
    with tenant(scene.alice.account_id):
        Connection.objects.update(state="reconnect_needed")
    answer = scene.alice.call("POST", f"mirrors/{scene.mirror.uuid}/resume", {})
    assert answer.status_code == 422


def test_reconnecting_leaves_what_is_paused_or_not_mirrored_alone(scene: Scene) -> None:
    scene.alice.post(f"mirrors/{scene.mirror.uuid}/pause")
    tokens.mark_dead(scene.alice.account_id, scene.connection.pk, "invalid_grant")
    scene.google.connect(scene.alice, ANA)
    assert not MirrorRun.objects.get().is_active
    shown = scene.alice.get(f"mirrors/{scene.mirror.uuid}")
    assert (shown["state"], shown["error"]) == ("paused", None)
    scene.alice.post(f"mirrors/{scene.mirror.uuid}/resume")
    assert MirrorRun.objects.get().is_active


@pytest.mark.parametrize("kind", ["single", "series"])
def test_a_deletion_that_google_refuses_is_taken_back(scene: Scene, kind: str) -> None:
    rules = {"recurrence": ["RRULE:FREQ=DAILY;COUNT=3"]} if kind == "series" else {}
    event = scene.create("Kept", **rules)
    if rules:
        scene.patch(event["id"], {"location": "Attic"}, "?scope=this&occurrence=2026-12-02T12:00:00Z")
    _refuse(scene, "DELETE")
    scene.alice.delete(f"events/{event['id']}?scope=all")
    scene.google.settle()
    shown = scene.alice.get(f"events/{event['id']}")
    assert shown["sync"]["state"] == "refused" and "refused" in shown["sync"]["message"]
    assert len(scene.here()) == len(scene.there()) == (3 if rules else 1)
    scene.assert_equal()


def test_an_exception_that_google_will_not_give_up_is_shown_beside_its_moved_series(scene: Scene) -> None:
    """The series has other days now, Google kept the exception at its former one and refuses to delete it."""
    series = scene.create("Weekly", recurrence=["RRULE:FREQ=WEEKLY;COUNT=3"])
    scene.patch(series["id"], {"location": "Attic"}, "?scope=this&occurrence=2026-12-08T12:00:00Z")
    _refuse(scene, "DELETE")
    times = {name: {"date_time": f"2026-12-02T{hour}:00:00-03:00"} for name, hour in (("start", "09"), ("end", "10"))}
    scene.patch(series["id"], times, "?scope=all")
    assert len(scene.here()) == 4
    [kept] = [item for item in scene.here() if item["sync"]["state"] == "refused"]
    assert kept["start"]["date_time"] == "2026-12-08T09:00:00-03:00" and "refused" in kept["sync"]["message"]
    scene.google.check()
    scene.assert_equal()
    scene.alice.delete(f"events/{kept['id']}")
    scene.google.settle()
    assert len(scene.here()) == 3
    scene.assert_equal()


@pytest.mark.parametrize("is_known", [False, True])
def test_a_cancellation_that_google_refuses_is_taken_back(scene: Scene, is_known: bool) -> None:
    series = scene.create("Daily", recurrence=["RRULE:FREQ=DAILY;COUNT=3"])
    query = "?scope=this&occurrence=2026-12-02T12:00:00Z"
    if is_known:
        scene.patch(series["id"], {"location": "Attic"}, query)
    _refuse(scene, "PATCH")
    scene.alice.delete(f"events/{series['id']}{query}")
    scene.google.settle()
    assert [item["location"] for item in scene.here()] == ["", "Attic" if is_known else "", ""]
    scene.assert_equal()


def test_a_cancellation_that_google_has_and_refuses_to_hear_again_stays_one(scene: Scene) -> None:
    """Moved with its series, a cancelled occurrence is sent again; that Google refuses it does not bring it back here."""
    target = scene.another_calendar()
    series = scene.ana.insert(
        summary="Daily",
        start=at("2026-12-01T09:00:00"),
        end=at("2026-12-01T10:00:00"),
        recurrence=["RRULE:FREQ=DAILY;COUNT=3"],
    )
    scene.ana.delete(f"{series['id']}_20261202T120000Z")
    scene.google.check()
    [event] = {item["series"] or item["id"] for item in scene.here()}
    _refuse(scene, "PATCH")
    scene.patch(event, {"calendar": str(target.calendar.uuid)})
    scene.google.check()
    path = f"events?from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z&calendar={target.calendar.uuid}"
    days = [item["start"]["date_time"][:10] for item in scene.alice.get(path)["items"]]
    assert days == ["2026-12-01", "2026-12-03"]
    path = f"calendars/{target.remote_id}/events?singleEvents=true"
    assert [item["start"]["dateTime"][:10] for item in scene.ana.call("GET", path)["items"]] == days


def test_one_event_that_cannot_be_stored_does_not_stop_its_calendar(scene: Scene) -> None:
    apply_items = pulling._apply_items

    def breaks(session: Any, page: Any) -> int:
        if any(b"Poison" in item.raw for item in page.items):
            raise ValueError("nobody expected this")
        return apply_items(session, page)

    poison = _insert(scene, "Poison")
    _insert(scene, "Sound", 3)
    with mock.patch.object(pulling, "_apply_items", breaks):
        scene.google.check()
    assert {item["summary"] for item in scene.here()} == {"Sound"}
    with tenant(scene.alice.account_id):
        assert "ValueError" in Link.objects.get(remote_id=poison["id"]).parked
    assert scene.alice.get(f"mirrors/{scene.mirror.uuid}")["pending"]["parked"] == 1
    scene.ana.patch(poison["id"], location="Attic")
    scene.google.check()
    assert {item["summary"] for item in scene.here()} == {"Sound", "Poison"}


@pytest.mark.parametrize("location", ["pageToken", ""])
def test_a_refused_page_token_restarts_its_listing(scene: Scene, location: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(settings, "GOOGLE_PAGE_SIZE", 2)
    for day in range(1, 6):
        _insert(scene, f"Event {day}", day)
    body = {"error": {"code": 400, "message": "Invalid", "errors": [{"reason": "invalid", "location": location}]}}
    match = {"path": "*/events", "nth": 2}
    scene.google.control("faults", {"match": match, "effect": {"status": 400, "body": json.dumps(body)}, "times": 1})
    scene.google.check()
    assert len(scene.here()) == 5
    scene.assert_equal()


def test_what_changed_between_a_broken_listing_and_its_end_is_not_missed(scene: Scene, monkeypatch: Any) -> None:
    """The second page fails; before it is asked for again, Google tells of a change that the list under way lacks."""
    monkeypatch.setattr(settings, "GOOGLE_PAGE_SIZE", 2)
    for day in range(1, 6):
        _insert(scene, f"Event {day}", day)
    match = {"path": "*/events", "nth": 2}
    scene.google.control("faults", {"match": match, "effect": {"status": 503, "reason": "backendError"}, "times": 1})
    with tenant(scene.alice.account_id):
        leases.want([scene.mirror.pk], is_pull=True)
    running.run(scene.mirror.pk)
    assert len(scene.here()) == 2, "the first page only"
    _insert(scene, "Heard of meanwhile", 6)
    with tenant(scene.alice.account_id):
        leases.want([scene.mirror.pk], is_pull=True)  # the notification
    running.run(scene.mirror.pk)
    assert len(scene.here()) == 6
    scene.assert_equal()


def _refuse(scene: Scene, method: str) -> None:
    effect = {"status": 403, "reason": "forbiddenForNonOrganizer"}
    scene.google.control("faults", {"match": {"method": method}, "effect": effect, "times": 1})


@pytest.mark.parametrize("disposition", ["keep", "remove"])
def test_an_edit_that_was_not_sent_when_its_calendar_was_left_is_told_and_offered(
    scene: Scene, disposition: str
) -> None:
    _insert(scene, "Theirs")
    scene.google.check()
    [event] = scene.here()
    scene.patch(event["id"], {"location": "Typed here"}, settle=False)
    body = {"mirrored": False, "disposition": disposition, "unsent": "leave"}
    told = scene.alice.put(f"connections/{scene.connection.uuid}/calendars/{ANA}", body)
    assert told["unsent"] == 1
    with tenant(scene.alice.account_id):
        [entry] = History.objects.filter(event__uuid=event["id"], cause="not sent")
        assert entry.lost == {"location": "Typed here"}


def test_what_went_with_its_calendar_rests_in_the_trash_and_brings_it_back(scene: Scene) -> None:
    """The calendar had held nothing but Google's events; the trash showed none of them."""
    _insert(scene, "Theirs")
    scene.google.check()
    _mirror(scene, False, "remove")
    assert scene.alice.call("GET", f"calendars/{scene.calendar}").status_code == 404
    [gone] = scene.alice.get("trash")["items"]
    assert gone["summary"] == "Theirs"
    assert "Theirs" in scene.alice.browser().get("/trash").content.decode()
    assert scene.cast.charlie.get("trash")["items"] == [] and scene.cast.bob.get("trash")["items"] == []
    scene.alice.post(f"trash/{gone['id']}/restore")
    assert [item["summary"] for item in scene.here()] == ["Theirs"]
    _mirror(scene, True)
    scene.google.settle()
    assert _summaries(scene) == {"Theirs"}
    scene.assert_equal()


def test_the_trash_does_not_end_at_two_hundred(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "TRASH_PAGE", 2)
    for day in (1, 2, 3):
        scene.alice.delete(f"events/{scene.create(f'e{day}', f'2026-12-0{day}T09:00:00-03:00')['id']}")
    first = scene.alice.get("trash?limit=2")
    rest = scene.alice.get(f"trash?limit=2&cursor={first['next_cursor']}")
    assert [item["summary"] for item in [*first["items"], *rest["items"]]] == ["e3", "e2", "e1"]
    assert rest["next_cursor"] is None
    browser = scene.alice.browser()
    assert "?skip=2" in browser.get("/trash").content.decode()
    assert "e1" in browser.get("/trash?skip=2").content.decode()
