"""Events that change their calendar: moved here, moved at Google, taken out, and on their way between the two."""

from typing import Any
from urllib.parse import quote

import pytest
from gcal_emulator import schemas

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import Event
from conversa_calendar.kit import clock
from conversa_calendar.sync import running
from conversa_calendar.sync.models import Link, Mirror, MirrorRun
from conversa_calendar.sync.run import leases
from tests.support.google import at
from tests.sync.conftest import Scene


@pytest.mark.parametrize("kind", ["single", "series"])
@pytest.mark.parametrize("first", ["source", "target"])
def test_a_move_at_google_keeps_identity_whichever_calendar_is_pulled_first(
    scene: Scene, first: str, kind: str
) -> None:

    target = scene.another_calendar()
    other = target.remote_id
    rules = {"recurrence": ["RRULE:FREQ=DAILY;COUNT=3"]} if kind == "series" else {}
    there = scene.ana.insert(summary="Travels", start=at("2026-12-01T09:00:00"), end=at("2026-12-01T10:00:00"), **rules)
    if kind == "series":
        [one, *_rest] = scene.ana.call("GET", f"calendars/primary/events/{there['id']}/instances")["items"]
        scene.ana.patch(one["id"], summary="Travels, changed")
    scene.google.check()
    with tenant(scene.alice.account_id):
        before = Event.objects.get(remote_id=there["id"])
    scene.ana.call("POST", f"calendars/primary/events/{there['id']}/move?destination={other}")
    MirrorRun.objects.update(next_check_at=None)
    order = [scene.mirror.pk, target.pk] if first == "source" else [target.pk, scene.mirror.pk]
    for mirror_id in order:
        running.run(mirror_id)
    scene.google.check()
    with tenant(scene.alice.account_id):
        living = Event.objects.filter(deleted_at=None, series=None)
        assert [(event.pk, event.calendar_id) for event in living] == [(before.pk, target.calendar_id)]
        assert Link.objects.filter(event=before, tombstoned_at=None).count() == 1
    items = scene.alice.get("events?from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z")["items"]
    names = ["Travels, changed", "Travels", "Travels"] if kind == "series" else ["Travels"]
    assert [row["summary"] for row in items] == names
    mark = scene.google.mark()
    for _check in range(10):
        scene.google.check()
    assert scene.google.writes(mark) == []


@pytest.mark.parametrize("kind", ["single", "series"])
@pytest.mark.parametrize("first", ["source", "target"])
def test_an_unsent_edit_goes_along_when_its_event_is_moved_at_google(scene: Scene, first: str, kind: str) -> None:
    """Merged with what was changed there: the same unit stands as it is there, and ours is kept in the history."""
    target = scene.another_calendar()
    rules = {"recurrence": ["RRULE:FREQ=DAILY;COUNT=3"]} if kind == "series" else {}
    made = scene.create("Travels", **rules)
    remote_id, here, there = scene.remote_id(made["id"]), scene.mirror.remote_id, target.remote_id
    scene.patch(
        made["id"], {"summary": "Typed here", "location": "Typed here"}, "?scope=all" if rules else "", settle=False
    )
    scene.ana.patch(remote_id, location="Typed there", description="Typed there")
    scene.ana.call("POST", f"calendars/primary/events/{remote_id}/move?destination={there}")
    MirrorRun.objects.update(next_check_at=None)
    for mirror_id in [scene.mirror.pk, target.pk] if first == "source" else [target.pk, scene.mirror.pk]:
        running.run(mirror_id)
    scene.google.settle()
    mark = scene.google.mark()
    scene.google.check()
    told = {"summary": "Typed here", "location": "Typed there", "description": "Typed there"}
    found = scene.ana.call("GET", f"calendars/{there}/events/{remote_id}")
    mine = scene.alice.get(f"events/{made['id']}")
    assert {name: found[name] for name in told} == {name: mine[name] for name in told} == told
    assert mine["calendar"] == str(target.calendar.uuid) and mine["sync"]["state"] == "synced"
    lost = [entry["lost"] for entry in scene.alice.get(f"events/{made['id']}/history")["items"] if entry["lost"]]
    assert lost == [{"location": "Typed here"}]
    assert scene.ana.call("GET", f"calendars/{here}/events")["items"] == []
    assert scene.google.writes(mark) == []


def test_an_event_made_a_series_here_and_moved_at_google_is_as_it_stands_there(scene: Scene) -> None:
    """The times that were not sent are kept in the history; nothing of a series is left of it."""
    target = scene.another_calendar()
    made = scene.create("Travels")
    scene.patch(made["id"], {"recurrence": ["RRULE:FREQ=DAILY;COUNT=3"], "summary": "Typed here"}, settle=False)
    scene.ana.call(
        "POST", f"calendars/primary/events/{scene.remote_id(made['id'])}/move?destination={target.remote_id}"
    )
    MirrorRun.objects.update(next_check_at=None)
    running.run(target.pk)
    scene.google.check()
    scene.google.check()
    items = scene.alice.get("events?from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z")["items"]
    assert [(row["summary"], row["recurrence"], row["kind"]) for row in items] == [("Typed here", [], "single")]
    lost = [entry["lost"] for entry in scene.alice.get(f"events/{made['id']}/history")["items"] if entry["lost"]]
    assert len(lost) == 1 and "when" in lost[0]


@pytest.mark.parametrize("first", ["source", "target"])
def test_an_unsent_edit_of_an_occurrence_goes_along_when_its_series_is_moved_at_google(
    scene: Scene, first: str
) -> None:
    """One occurrence that had never been changed before, one that had been; nothing of them is left in the trash."""
    target = scene.another_calendar()
    made = scene.create("Travels", recurrence=["RRULE:FREQ=DAILY;COUNT=3"])
    days = [f"2026-12-0{day}T09:00:00-03:00" for day in (1, 2, 3)]
    query = [f"?scope=this&occurrence={quote(day)}" for day in days]
    scene.patch(made["id"], {"summary": "Sent before"}, query[0])
    scene.patch(made["id"], {"summary": "Sent, and stays"}, query[2])
    scene.patch(made["id"], {"location": "Typed here"}, query[0], settle=False)
    scene.patch(made["id"], {"summary": "Typed here"}, query[1], settle=False)
    scene.ana.call(
        "POST", f"calendars/primary/events/{scene.remote_id(made['id'])}/move?destination={target.remote_id}"
    )
    MirrorRun.objects.update(next_check_at=None)
    for mirror_id in [scene.mirror.pk, target.pk] if first == "source" else [target.pk, scene.mirror.pk]:
        running.run(mirror_id)
    scene.google.settle()
    items = scene.alice.get("events?from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z")["items"]
    assert [row["summary"] for row in items] == ["Sent before", "Typed here", "Sent, and stays"]
    assert {row["series"] for row in items} == {made["id"]}
    at_google = scene.ana.call("GET", f"calendars/{target.remote_id}/events?singleEvents=true&orderBy=startTime")[
        "items"
    ]
    assert [item["summary"] for item in at_google] == ["Sent before", "Typed here", "Sent, and stays"]
    lost = [entry["lost"] for entry in scene.alice.get(f"events/{items[0]['id']}/history")["items"]]
    assert items[0]["location"] == "Typed here" or {"location": "Typed here"} in lost
    assert scene.alice.get("trash")["items"] == []


def test_an_unsent_edit_of_an_occurrence_is_kept_when_its_series_is_deleted_at_google(scene: Scene) -> None:
    made = scene.create("Travels", recurrence=["RRULE:FREQ=DAILY;COUNT=3"])
    day = quote("2026-12-02T09:00:00-03:00")
    typed = scene.patch(made["id"], {"summary": "Typed here"}, f"?scope=this&occurrence={day}", settle=False)
    scene.ana.delete(scene.remote_id(made["id"]))
    scene.google.check()
    assert [item["id"] for item in scene.alice.get("trash")["items"]] == [made["id"]]
    lost = [entry["lost"] for entry in scene.alice.get(f"events/{typed['id']}/history")["items"]]
    assert {"summary": "Typed here"} in lost


def test_exceptions_of_a_series_whose_move_google_refused_wait_for_it(scene: Scene) -> None:
    """They were looked for in the new calendar, not found, and taken for deleted: a cancelled occurrence came back."""
    target = scene.another_calendar()
    made = scene.create("Travels", recurrence=["RRULE:FREQ=DAILY;COUNT=4"])
    days = [quote(f"2026-12-0{day}T09:00:00-03:00") for day in (1, 2, 3, 4)]
    scene.patch(made["id"], {"location": "Lima"}, f"?scope=this&occurrence={days[1]}")
    scene.alice.delete(f"events/{made['id']}?scope=this&occurrence={days[2]}")
    scene.google.settle()
    effect = {"status": 400, "reason": "badRequest"}
    scene.google.control("faults", {"match": {"path": "*/move"}, "effect": effect, "times": 1})
    scene.patch(made["id"], {"calendar": str(target.calendar.uuid)})
    span = "events?from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z"
    assert scene.alice.get(f"events/{made['id']}")["sync"]["state"] == "parked"
    for _check in range(5):
        scene.google.check()
    assert [item["location"] for item in scene.alice.get(span)["items"]] == ["", "Lima", ""]
    scene.patch(made["id"], {"summary": "Travels, again"}, "?scope=all")
    scene.google.check()
    assert [item["location"] for item in scene.alice.get(span)["items"]] == ["", "Lima", ""]
    there = scene.ana.call("GET", f"calendars/{target.remote_id}/events?singleEvents=true&orderBy=startTime")["items"]
    assert [item.get("location", "") for item in there] == ["", "Lima", ""]
    assert {item["sync"]["state"] for item in scene.alice.get(span)["items"]} == {"synced"}


def test_a_move_waits_while_a_worker_is_at_the_new_calendar(scene: Scene) -> None:
    """Two workers: the one that sees the deletion must not take the twin from under the other's hands."""
    target = scene.another_calendar()
    other = target.remote_id
    made = scene.create("Travels")
    scene.ana.call("POST", f"calendars/primary/events/{scene.remote_id(made['id'])}/move?destination={other}")
    MirrorRun.objects.update(next_check_at=None)
    running.run(target.pk)
    MirrorRun.objects.filter(mirror_id=target.pk).update(next_check_at=None)
    lease = leases.take(target.pk)
    assert lease is not None
    running.run(scene.mirror.pk)
    with tenant(scene.alice.account_id):
        assert Event.objects.filter(deleted_at=None).count() == 2, "both stand until the other worker is done"
    leases.release(lease, has_pulled=False, is_done=True)
    scene.google.check()
    with tenant(scene.alice.account_id):
        [event] = Event.objects.filter(deleted_at=None)
        assert str(event.uuid) == made["id"] and event.calendar_id == target.calendar_id


@pytest.mark.parametrize("is_restored", [True, False])
def test_an_event_moved_here_while_its_deletion_there_is_held(scene: Scene, is_restored: bool) -> None:
    """The move itself finds out whether it is gone there; once it waited for a decision that nobody was asked for."""
    second = scene.another_calendar()
    made = [scene.create(f"e{n}", f"2026-12-{n + 1:02d}T09:00:00-03:00") for n in range(25)]
    mover, remote_id = made[0]["id"], scene.remote_id(made[0]["id"])
    for event in scene.ana.list():
        scene.ana.delete(event["id"])
    scene.google.check()
    if is_restored:
        scene.ana.patch(remote_id, status="confirmed")
    scene.patch(mover, {"calendar": str(second.calendar.uuid)})
    scene.google.check()
    assert [event["summary"] for event in scene.ana.list(second.remote_id)] == (["e0"] if is_restored else [])
    in_trash = [item["id"] for item in scene.alice.get("trash")["items"]]
    assert in_trash == ([] if is_restored else [mover])
    states = {row["google_calendar_id"]: row["state"] for row in scene.alice.get("mirrors")["items"]}
    assert states == {scene.ana.email: "held", second.remote_id: "polling"}


@pytest.mark.parametrize("what", ["moved", "deleted"])
def test_an_edit_that_google_refused_goes_along_when_the_event_moves_there_and_is_kept_when_it_goes(
    scene: Scene, what: str
) -> None:
    target = scene.another_calendar()
    event = scene.create("Travels")
    remote_id = scene.remote_id(event["id"])
    fault = {"match": {"method": "PATCH", "path": f"*/events/{remote_id}"}, "effect": {"code": "G06"}, "times": 1}
    scene.google.control("faults", fault)
    scene.patch(event["id"], {"location": "Attic"})
    assert scene.alice.get(f"events/{event['id']}")["sync"]["state"] == "parked"
    if what == "moved":
        scene.ana.call("POST", f"calendars/primary/events/{remote_id}/move?destination={target.remote_id}")
        MirrorRun.objects.update(next_check_at=None)
        running.run(target.pk)
        scene.google.check()
        scene.google.check()
        found = scene.ana.call("GET", f"calendars/{target.remote_id}/events/{remote_id}")
        mine = scene.alice.get(f"events/{event['id']}")
        assert (found["location"], mine["location"], mine["sync"]["state"]) == ("Attic", "Attic", "synced")
    else:
        scene.ana.delete(remote_id)
        scene.google.check()
        [gone] = scene.alice.get("trash")["items"]
        assert gone["location"] == "Attic"


def _moved_there(scene: Scene) -> tuple[Mirror, dict[str, Any], str]:
    """An event that Ana has moved to another calendar, which was pulled; its former one was not yet."""
    target = scene.another_calendar()
    event = scene.create("Travels")
    remote_id = scene.remote_id(event["id"])
    scene.ana.call("POST", f"calendars/primary/events/{remote_id}/move?destination={target.remote_id}")
    MirrorRun.objects.update(next_check_at=None)
    running.run(target.pk)
    return target, event, remote_id


def test_an_event_moved_at_google_is_not_copied_after_itself_by_a_move_here(scene: Scene) -> None:
    """Its new calendar was pulled, its former one not yet: moved by hand now, it stood there twice."""
    target, event, remote_id = _moved_there(scene)
    answer = scene.alice.call("PATCH", f"events/{event['id']}", {"calendar": str(target.calendar.uuid)})
    assert answer.status_code == 422 and "try again" in answer.content.decode()
    scene.google.check()
    assert scene.alice.get(f"events/{event['id']}")["calendar"] == str(target.calendar.uuid)
    assert [item["id"] for item in scene.ana.list(target.remote_id)] == [remote_id] and scene.ana.list() == []
    assert scene.here() == []


def test_an_event_that_has_just_come_from_a_calendar_is_not_moved_back_before_it_is_told_from_a_new_one(
    scene: Scene,
) -> None:
    """Moved back by hand too early, it stood there twice."""
    target, event, _remote_id = _moved_there(scene)
    with tenant(scene.alice.account_id):
        Link.objects.filter(mirror=scene.mirror).update(remote_deleted_at=clock.now())
    span = "from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z"
    [arrived] = scene.alice.get(f"events?{span}&calendar={target.calendar.uuid}")["items"]
    refused = scene.alice.call("PATCH", f"events/{arrived['id']}", {"calendar": scene.calendar})
    assert refused.status_code == 422 and "try again" in refused.json()["detail"]
    scene.google.check()
    scene.patch(event["id"], {"calendar": scene.calendar})
    scene.google.check()
    assert [item["summary"] for item in scene.ana.list()] == ["Travels"] and scene.ana.list(target.remote_id) == []
    assert [item["id"] for item in scene.here()] == [event["id"]]


def test_an_event_moved_there_deleted_here_edited_there_and_moved_back_here_stands_once(scene: Scene) -> None:
    """Its former self waited to be deleted, so that it was copied back; the edit there then kept what it was copied from."""
    target, event, remote_id = _moved_there(scene)
    scene.alice.delete(f"events/{event['id']}")
    scene.ana.patch(remote_id, target.remote_id, location="Attic")
    span = "from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z"
    [arrived] = scene.alice.get(f"events?{span}&calendar={target.calendar.uuid}")["items"]
    scene.patch(arrived["id"], {"calendar": scene.calendar})
    scene.google.check()
    assert [item["id"] for item in scene.ana.list()] == [remote_id] and scene.ana.list(target.remote_id) == []
    assert [(item["id"], item["location"]) for item in scene.here()] == [(arrived["id"], "Attic")]
    scene.assert_equal()


@pytest.mark.parametrize("first", ["source", "target"])
@pytest.mark.parametrize("answer", ["given", "lost"])
def test_an_event_moved_before_its_creation_was_answered_and_moved_back_at_google_stays(
    scene: Scene, answer: str, first: str
) -> None:
    """Its former calendar took it for a late arrival of that creation, and deleted it at Google."""
    target = scene.another_calendar()
    event, remote_id = scene.create_unanswered(str(target.calendar.uuid))
    if answer == "lost":
        fault = {"match": {"method": "POST", "path": "*/move"}, "effect": {"drop": "after_commit"}, "times": 1}
        scene.google.control("faults", fault)
    running.run(target.pk)
    MirrorRun.objects.update(next_check_at=None, next_attempt_at=None)
    running.run(target.pk)
    assert [item["id"] for item in scene.ana.list(target.remote_id)] == [remote_id]
    path = f"calendars/{target.remote_id}/events/{remote_id}/move?destination={scene.ana.email}"
    scene.ana.call("POST", path)
    MirrorRun.objects.update(next_check_at=None)
    for mirror_id in [scene.mirror.pk, target.pk] if first == "source" else [target.pk, scene.mirror.pk]:
        running.run(mirror_id)
    scene.google.check()
    scene.google.check()
    assert [item["id"] for item in scene.ana.list()] == [remote_id] and scene.ana.list(target.remote_id) == []
    assert [item["id"] for item in scene.here()] == [event["id"]]
    assert scene.alice.get("trash")["items"] == []


def test_an_exception_made_at_google_in_a_series_that_is_on_its_way_goes_along(scene: Scene) -> None:
    """Its former calendar cleared the series away as a creation that arrived late, and the exception with it."""
    target = scene.another_calendar()
    rules = {"recurrence": ["RRULE:FREQ=DAILY;COUNT=3"]}
    event, remote_id = scene.create_unanswered(str(target.calendar.uuid), **rules)
    scene.ana.patch(remote_id, location="Attic")
    [_one, two, _three] = scene.there()
    scene.ana.patch(two["id"], summary="Run")
    running.run(scene.mirror.pk)
    scene.google.check()
    scene.google.check()
    assert scene.ana.list() == []
    path = f"calendars/{target.remote_id}/events?singleEvents=true&orderBy=startTime"
    told = [("Walk", "Attic"), ("Run", "Attic"), ("Walk", "Attic")]
    assert [(item["summary"], item["location"]) for item in scene.ana.call("GET", path)["items"]] == told
    items = scene.alice.get("events?from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z")["items"]
    assert [(item["summary"], item["location"]) for item in items] == told
    assert {item["series"] or item["id"] for item in items} == {event["id"]}


@pytest.mark.parametrize("is_lost", [False, True])
def test_an_event_taken_out_before_its_move_was_sent_is_left_at_neither_place(scene: Scene, is_lost: bool) -> None:
    """It stayed where it had come from, at Google only."""
    target = scene.another_calendar()
    event = scene.create("Walk")
    native = scene.alice.post("calendars", {"name": "Only here"})["id"]
    scene.patch(event["id"], {"calendar": str(target.calendar.uuid)}, settle=False)
    if is_lost:
        fault = {"match": {"method": "POST", "path": "*/move"}, "effect": {"drop": "after_commit"}, "times": 1}
        scene.google.control("faults", fault)
        scene.google.settle_once()
    scene.patch(event["id"], {"calendar": native}, settle=False)
    scene.google.check()
    scene.google.check()
    assert scene.ana.list() == [] and scene.ana.list(target.remote_id) == []
    items = scene.alice.get("events?from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z")["items"]
    assert [(item["id"], item["calendar"]) for item in items] == [(event["id"], native)]
    assert scene.alice.get("trash")["items"] == []


@pytest.mark.parametrize("what", ["event", "exception"])
def test_an_event_on_its_way_that_could_not_be_read_for_once_is_moved_back_as_the_same(scene: Scene, what: str) -> None:
    """It was set aside at the place that it had not left yet, so that coming back it was copied beside itself."""
    target = scene.another_calendar()
    rules = {"recurrence": ["RRULE:FREQ=DAILY;COUNT=2"]} if what == "exception" else {}
    event = scene.create("Walk", **rules)
    if rules:
        scene.patch(event["id"], {"summary": "Run"}, "?scope=this&occurrence=2026-12-01T12:00:00Z")
    remote_id, home, scope = scene.remote_id(event["id"]), scene.calendar, "?scope=all" if rules else ""
    scene.patch(event["id"], {"calendar": str(target.calendar.uuid)}, scope, settle=False)
    held = scene.google.world.calendars[scene.ana.email].events
    stored = held[f"{remote_id}_20261201T120000Z" if rules else remote_id].data
    stored["summary"] = 7
    scene.google.control("expire-sync-tokens", {})
    MirrorRun.objects.update(next_check_at=None)
    scene.list_before_sending()
    running.run(scene.mirror.pk)
    schemas.found.clear()
    stored["summary"] = "Run" if rules else "Walk"
    scene.ana.patch(remote_id, location="Attic")
    scene.patch(event["id"], {"calendar": home}, scope, settle=False)
    scene.google.check()
    scene.google.check()
    assert {item["id"].split("_")[0] for item in scene.ana.list()} == {remote_id}
    assert scene.ana.list(target.remote_id) == []
    assert {item["series"] or item["id"] for item in scene.here()} == {event["id"]}
    assert [item["summary"] for item in scene.here()] == (["Run", "Walk"] if rules else ["Walk"])
    scene.assert_equal()


def test_an_event_deleted_on_its_way_into_a_calendar_that_turned_read_only_goes_once_it_can(scene: Scene) -> None:
    target = scene.another_calendar()
    event = scene.create("Walk")
    path = f"connections/{scene.connection.uuid}/calendars/{target.remote_id.replace('#', '%23')}"
    scene.patch(event["id"], {"calendar": str(target.calendar.uuid)}, settle=False)
    scene.alice.delete(f"events/{event['id']}")
    scene.alice.put(path, {"mirrored": True, "mode": "read_only"})
    scene.google.check()
    assert len(scene.ana.list()) == 1
    scene.alice.put(path, {"mirrored": True, "mode": "two_way"})
    scene.google.check()
    assert scene.ana.list() == [] and scene.ana.list(target.remote_id) == []
    assert [item["id"] for item in scene.alice.get("trash")["items"]] == [event["id"]]
