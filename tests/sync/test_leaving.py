"""Events that leave a calendar: taken out, or moved while their creation had no answer, with what is written there meanwhile."""

from typing import Any
from urllib.parse import quote

import pytest

from conversa_calendar.calendars.models import Event
from conversa_calendar.sync import running
from conversa_calendar.sync.links import linking
from conversa_calendar.sync.models import MirrorRun
from tests.sync.conftest import Scene


@pytest.mark.parametrize("is_check_due", [False, True])
def test_a_copy_that_google_will_not_give_up_is_shown_beside_the_event_that_was_taken_out(
    scene: Scene, is_check_due: bool
) -> None:
    """It once stood there unseen, and did again when the run that was refused listed what had changed."""
    event = scene.create("Walk")
    scene.google.check()
    native = scene.alice.post("calendars", {"name": "Only here"})["id"]
    effect = {"status": 403, "reason": "forbiddenForNonOrganizer", "domain": "calendar"}
    scene.google.control("faults", {"match": {"method": "DELETE"}, "effect": effect, "times": 1})
    if is_check_due:
        MirrorRun.objects.update(next_check_at=None)
    scene.patch(event["id"], {"calendar": native})
    scene.google.check()
    assert [item["summary"] for item in scene.here()] == ["Walk"] == [item["summary"] for item in scene.ana.list()]
    assert scene.here()[0]["id"] != event["id"] and scene.alice.get(f"events/{event['id']}")["calendar"] == native
    scene.assert_equal()


def test_an_event_taken_out_is_not_taken_for_a_new_one_when_it_is_listed_before_it_is_deleted(scene: Scene) -> None:
    """After a failure a calendar is listed before anything is sent to it; with a dead cursor it shows the copy as well."""
    event = scene.create("Walk")
    scene.google.check()
    native = scene.alice.post("calendars", {"name": "Only here"})["id"]
    scene.patch(event["id"], {"calendar": native}, settle=False)
    scene.list_before_sending()
    scene.google.control("expire-sync-tokens", {})
    scene.google.check()
    assert scene.ana.list() == [] and scene.here() == []
    assert scene.alice.get(f"events/{event['id']}")["calendar"] == native


def _created_late_and_taken_out(scene: Scene, goal: str) -> dict[str, Any]:
    """An event whose creation arrived unseen, moved to another calendar here; Ana has written into what arrived."""
    event, late = scene.create_unanswered(goal)
    scene.patch(event["id"], {"summary": "Run"}, settle=False)
    scene.ana.patch(late, location="Attic")
    scene.list_before_sending()
    return event


@pytest.mark.parametrize("place", ["google", "native"])
def test_what_somebody_writes_into_a_late_creation_of_an_event_moved_elsewhere_goes_to_the_event(
    scene: Scene, place: str
) -> None:
    """It once came in as an event of its own, beside the one that it is."""
    target = scene.another_calendar()
    native = scene.alice.post("calendars", {"name": "Only here"})["id"]
    goal = native if place == "native" else str(target.calendar.uuid)
    event = _created_late_and_taken_out(scene, goal)
    running.run(scene.mirror.pk)
    scene.google.check()
    items = scene.alice.get("events?from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z")["items"]
    assert [(item["id"], item["summary"], item["location"]) for item in items] == [(event["id"], "Run", "Attic")]
    there = [(item["summary"], item["location"]) for item in scene.ana.list(target.remote_id)]
    assert scene.ana.list() == [] and there == ([] if place == "native" else [("Run", "Attic")])
    assert scene.alice.get("trash")["items"] == []


@pytest.mark.parametrize("is_deleted", [False, True])
def test_what_somebody_makes_of_an_occurrence_of_a_late_creation_is_not_cleared_away_with_it(
    scene: Scene, is_deleted: bool
) -> None:
    """It goes to the event, which was taken out of the calendar meanwhile, or into its history when that was deleted."""
    native = scene.alice.post("calendars", {"name": "Only here"})["id"]
    rules = {"recurrence": ["RRULE:FREQ=DAILY;COUNT=3"]}
    event, _remote_id = scene.create_unanswered(native, **rules)
    [one, two, _three] = scene.there()
    scene.ana.patch(one["id"], location="Attic")
    scene.ana.delete(two["id"])
    if is_deleted:
        scene.alice.delete(f"events/{event['id']}?scope=all")
    scene.list_before_sending()
    running.run(scene.mirror.pk)
    scene.google.check()
    scene.google.check()
    assert scene.ana.list() == []
    items = scene.alice.get("events?from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z")["items"]
    assert [item["location"] for item in items] == ([] if is_deleted else ["Attic", ""])
    history = [scene.alice.get(f"events/{item['id']}/history")["items"] for item in items or [event]]
    assert "Attic" in str(history)


def test_a_copy_that_stays_at_its_former_place_is_shown_though_its_event_was_made_anew_elsewhere(
    scene: Scene,
) -> None:
    """Taken out, not given up by Google, and brought into another calendar, where it has the same id and is younger: what
    stood in the former one was taken for a list from before a move, and shown nowhere."""
    target = scene.another_calendar()
    event = scene.create("Walk")
    remote_id = scene.remote_id(event["id"])
    native = scene.alice.post("calendars", {"name": "Only here"})["id"]
    effect = {"status": 400, "reason": "badRequest"}
    match = {"method": "DELETE", "path": f"*/events/{remote_id}"}
    scene.google.control("faults", {"match": match, "effect": effect, "times": 1})
    scene.patch(event["id"], {"calendar": native}, settle=False)
    running.run(scene.mirror.pk)
    scene.google.control("clock", {"advance_s": 2})  # Google says in whole seconds when an event was made
    scene.patch(event["id"], {"calendar": str(target.calendar.uuid)}, settle=False)
    running.run(target.pk)
    [made] = scene.ana.list(target.remote_id)
    scene.google.check()
    scene.google.check()
    assert made["id"] == remote_id and [item["id"] for item in scene.ana.list()] == [remote_id]
    assert [item["summary"] for item in scene.here()] == ["Walk"] and scene.here()[0]["id"] != event["id"]
    assert scene.alice.get(f"events/{event['id']}")["calendar"] == str(target.calendar.uuid)


def test_an_edit_made_while_a_late_creation_is_handed_on_is_kept(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    native = scene.alice.post("calendars", {"name": "Only here"})["id"]
    event = _created_late_and_taken_out(scene, native)
    plain = linking.is_announced

    def edited_meanwhile(found: Event) -> bool:
        scene.patch(event["id"], {"description": "Typed here"}, settle=False)
        return plain(found)

    monkeypatch.setattr(linking, "is_announced", edited_meanwhile)
    running.run(scene.mirror.pk)
    shown = scene.alice.get(f"events/{event['id']}")
    assert (shown["description"], shown["location"]) == ("Typed here", "Attic")
    entries = scene.alice.get(f"events/{event['id']}/history")["items"]
    assert [entry["side"] for entry in entries if "Attic" in str(entry["changes"])] == ["remote"]


def test_what_is_written_into_a_late_creation_of_a_calendar_that_is_read_only_now_is_shown_there(scene: Scene) -> None:
    """It cannot be cleared away, so it is not handed on either."""
    native = scene.alice.post("calendars", {"name": "Only here"})["id"]
    event = _created_late_and_taken_out(scene, native)
    path = f"connections/{scene.connection.uuid}/calendars/{scene.ana.email}"
    scene.alice.put(path, {"mirrored": True, "mode": "read_only"})
    scene.google.check()
    assert [item["location"] for item in scene.here()] == ["Attic"]
    assert scene.alice.get(f"events/{event['id']}")["location"] == ""


@pytest.mark.parametrize("is_listed_first", [False, True])
def test_what_is_written_at_google_into_an_event_that_is_just_taken_out_goes_along(
    scene: Scene, is_listed_first: bool
) -> None:
    """It once came in as an event of its own, so that it stood here twice."""
    event = scene.create("Walk")
    remote_id = scene.remote_id(event["id"])
    native = scene.alice.post("calendars", {"name": "Only here"})["id"]
    scene.ana.patch(remote_id, location="Attic")
    scene.patch(event["id"], {"calendar": native, "summary": "Run"}, settle=False)
    if is_listed_first:
        scene.list_before_sending()
    scene.google.settle()
    scene.google.check()
    assert scene.ana.list() == [] and scene.here() == []
    found = scene.alice.get(f"events/{event['id']}")
    assert (found["summary"], found["location"], found["calendar"]) == ("Run", "Attic", native)
    assert scene.google.control("mails", method="GET")["mails"] == []


@pytest.mark.parametrize("is_listed_first", [False, True])
def test_what_is_made_at_google_of_occurrences_of_a_series_that_is_just_taken_out_goes_along(
    scene: Scene, is_listed_first: bool
) -> None:
    """An exception that was known is edited further, another one is made, a third occurrence is cancelled; an edit made
    here after the move stays."""
    series = scene.create("Walk", recurrence=["RRULE:FREQ=DAILY;COUNT=4"])
    first, second, third, _fourth = scene.there()
    key = first["originalStartTime"]["dateTime"]
    scene.patch(series["id"], {"location": "Hall"}, f"?scope=this&occurrence={quote(key)}")
    native = scene.alice.post("calendars", {"name": "Only here"})["id"]
    scene.ana.patch(first["id"], summary="Run")
    scene.ana.patch(second["id"], location="Attic")
    scene.ana.delete(third["id"])
    scene.patch(series["id"], {"calendar": native}, settle=False)
    scene.patch(series["id"], {"location": "Park"}, f"?scope=this&occurrence={quote(key)}", settle=False)
    if is_listed_first:
        scene.list_before_sending()
    scene.google.settle()
    scene.google.check()
    assert scene.ana.list() == [] and scene.here() == []
    items = scene.alice.get(f"events?from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z&calendar={native}")["items"]
    assert [(item["summary"], item["location"]) for item in items] == [("Run", "Park"), ("Walk", "Attic"), ("Walk", "")]


def test_what_is_written_at_google_into_an_event_taken_out_and_deleted_here_is_not_lost(scene: Scene) -> None:
    event = scene.create("Walk")
    remote_id = scene.remote_id(event["id"])
    native = scene.alice.post("calendars", {"name": "Only here"})["id"]
    scene.ana.patch(remote_id, location="Attic")
    scene.patch(event["id"], {"calendar": native}, settle=False)
    scene.alice.delete(f"events/{event['id']}")
    scene.google.settle()
    scene.google.check()
    assert [item["location"] for item in scene.here()] == ["Attic"]
