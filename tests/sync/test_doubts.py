"""What a 404 says: of an event, of its calendar, of a place that an event has left."""

from typing import Any
from uuid import UUID

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.connections import discovery
from conversa_calendar.kit import ids
from conversa_calendar.sync import running
from conversa_calendar.sync.models import Mirror, MirrorRun
from tests.support.google import at
from tests.sync.conftest import ANA, Scene

TEAM = "c_team@group.calendar.google.com"


def _team(scene: Scene) -> Mirror:
    """A calendar of somebody else's that Ana may write to, mirrored."""
    world = scene.google.world
    world.add_account("owner@acme.example")
    world.share(world.add_calendar(TEAM, "Team", "owner@acme.example", "UTC"), ANA, "writer")
    return _mirrored(scene, TEAM)


def _mirrored(scene: Scene, google_id: str) -> Mirror:
    discovery.refresh(scene.alice.account_id, scene.connection.pk)
    return scene.google.mirror(scene.alice, scene.connection, google_id)


def _times(start: str = "2026-12-01T09:00:00Z") -> dict[str, Any]:
    return {"start": {"date_time": start, "time_zone": "UTC"}}


def _run_for_a_while(scene: Scene) -> None:
    for _turn in range(6):
        MirrorRun.objects.update(next_attempt_at=None)
        scene.google.settle_once()


def test_unsent_edits_outlive_a_calendar_that_is_not_shared_for_a_while(scene: Scene) -> None:
    team = _team(scene)
    body = {"calendar": str(team.calendar.uuid), **_times()}
    edited, deleted = (scene.alice.post("events", body | {"summary": name}) for name in ("Edited", "Deleted"))
    scene.google.settle()
    calendar = scene.google.world.calendars[TEAM]
    scene.google.world.share(calendar, ANA, "none")
    scene.alice.patch(f"events/{edited['id']}", {"location": "Room 4"})
    scene.alice.delete(f"events/{deleted['id']}")
    new = scene.alice.post("events", body | {"summary": "New"})
    before = scene.google.mark()
    _run_for_a_while(scene)
    assert scene.alice.get(f"events/{edited['id']}")["location"] == "Room 4", "not taken for deleted"
    assert len(scene.google.journal(before)) < 20, "no hot loop"
    with tenant(scene.alice.account_id):
        assert Mirror.objects.get(pk=team.pk).state == "unavailable"
    scene.google.world.share(calendar, ANA, "writer")
    scene.google.check()
    there = {item["summary"]: item.get("location", "") for item in scene.ana.list(TEAM)}
    assert there == {"Edited": "Room 4", "New": ""}
    assert scene.alice.get(f"events/{new['id']}")["sync"]["state"] == "synced"


def test_an_event_moved_on_before_its_first_move_was_sent_arrives_once(scene: Scene) -> None:
    mirrors = [scene.another_calendar(name) for name in ("B", "C")]
    ids, uuids = [mirror.remote_id for mirror in mirrors], [str(mirror.calendar.uuid) for mirror in mirrors]
    event = scene.create("Walk")
    for uuid in uuids:
        scene.patch(event["id"], {"calendar": uuid}, settle=False)
    scene.google.settle()
    assert scene.alice.get(f"events/{event['id']}")["calendar"] == uuids[1]
    assert [i["summary"] for i in scene.ana.list(ids[1])] == ["Walk"]
    assert scene.ana.list(ids[0]) == [] and scene.ana.list() == []
    assert scene.alice.get("trash")["items"] == []


def test_an_event_moved_on_after_the_answer_to_its_first_move_was_lost_arrives_once(scene: Scene) -> None:
    mirrors = [scene.another_calendar(name) for name in ("B", "C")]
    ids = [mirror.remote_id for mirror in mirrors]
    event = scene.create("Walk")
    match = {"method": "POST", "path": "*/move"}
    scene.google.control("faults", {"match": match, "effect": {"drop": "after_commit"}, "times": 1})
    scene.patch(event["id"], {"calendar": str(mirrors[0].calendar.uuid)}, settle=False)
    scene.google.settle_once()
    scene.patch(event["id"], {"calendar": str(mirrors[1].calendar.uuid)}, settle=False)
    scene.google.settle()
    assert [i["summary"] for i in scene.ana.list(ids[1])] == ["Walk"]
    assert scene.ana.list(ids[0]) == [] and scene.ana.list() == []
    assert scene.alice.get("trash")["items"] == []


def test_an_event_on_its_way_to_another_calendar_is_not_taken_for_a_new_one_where_it_still_stands(
    scene: Scene,
) -> None:
    """It is edited at Google after the move here and before the move there, and its former calendar is pulled first."""
    target = scene.another_calendar()
    event = scene.create("Walk")
    scene.patch(event["id"], {"calendar": str(target.calendar.uuid)}, settle=False)
    scene.ana.patch(scene.remote_id(event["id"]), location="Park")
    MirrorRun.objects.filter(mirror_id=scene.mirror.pk).update(next_check_at=None)
    running.run(scene.mirror.pk)
    assert scene.here() == []
    scene.google.settle()
    items = scene.alice.get("events?from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z")["items"]
    assert [(item["id"], item["location"]) for item in items] == [(event["id"], "Park")]
    assert [item["location"] for item in scene.ana.list(target.remote_id)] == ["Park"] and scene.ana.list() == []


def test_a_full_listing_of_its_new_calendar_does_not_take_an_event_on_its_way_for_deleted(scene: Scene) -> None:
    target = scene.another_calendar()
    series = scene.create("Walk", recurrence=["RRULE:FREQ=DAILY;COUNT=3"])
    scene.patch(series["id"], {"summary": "Run"}, "?scope=this&occurrence=2026-12-02T12:00:00Z")
    scene.patch(series["id"], {"calendar": str(target.calendar.uuid)}, settle=False)
    with tenant(scene.alice.account_id):
        Mirror.objects.filter(pk=target.pk).update(failures=1)  # after a failure the pull comes first
    MirrorRun.objects.filter(mirror_id=target.pk).update(next_check_at=None)
    scene.google.control("expire-sync-tokens", {})
    scene.google.settle()
    items = scene.alice.get("events?from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z")["items"]
    assert sorted(item["summary"] for item in items) == ["Run", "Walk", "Walk"]
    assert sorted(item["summary"] for item in scene.ana.list(target.remote_id)) == ["Run", "Walk"]
    assert scene.ana.list() == [] and scene.alice.get("trash")["items"] == []


def test_an_event_moved_at_google_and_here_and_back_is_not_taken_for_deleted(scene: Scene) -> None:
    """Its former calendar says that it is gone, while the person here wants it there again."""
    target = scene.another_calendar()
    event = scene.create("Walk")
    home, remote_id = scene.calendar, scene.remote_id(event["id"])
    scene.patch(event["id"], {"calendar": str(target.calendar.uuid)}, settle=False)
    scene.ana.call("POST", f"calendars/primary/events/{remote_id}/move?destination={target.remote_id}", {})
    scene.patch(event["id"], {"calendar": home}, settle=False)
    with tenant(scene.alice.account_id):
        Mirror.objects.update(failures=1)
    scene.google.check()
    assert scene.alice.get(f"events/{event['id']}")["calendar"] == home
    assert [item["id"] for item in scene.ana.list()] == [remote_id] and scene.ana.list(target.remote_id) == []


def test_an_event_moved_on_both_sides_and_then_deleted_at_google_is_deleted_here(scene: Scene) -> None:
    """The answer to our own move is lost; the new calendar's list shows that it has arrived."""
    target = scene.another_calendar()
    event = scene.create("Walk")
    remote_id = scene.remote_id(event["id"])
    scene.ana.call("POST", f"calendars/primary/events/{remote_id}/move?destination={target.remote_id}", {})
    match = {"method": "POST", "path": "*/move"}
    scene.google.control("faults", {"match": match, "effect": {"drop": "before"}, "times": 1})
    scene.patch(event["id"], {"calendar": str(target.calendar.uuid)}, settle=False)
    scene.google.settle_once()
    scene.google.check()
    scene.ana.call("DELETE", f"calendars/{target.remote_id}/events/{remote_id}")
    scene.google.check()
    scene.google.check()
    assert [item["id"] for item in scene.alice.get("trash")["items"]] == [event["id"]]


def test_an_event_whose_late_create_was_cleared_away_is_made_anew_when_it_comes_back(scene: Scene) -> None:
    """Created with a lost answer, moved on, cleared away where it had arrived after all, and moved back before it was
    sent: the id that we deleted there ourselves is not taken for a deletion by a person."""
    target = scene.another_calendar()
    times = {"start": {"date_time": "2026-12-01T09:00:00-03:00", "time_zone": "America/Sao_Paulo"}}
    match = {"method": "POST", "path": "*/events"}
    scene.google.control("faults", {"match": match, "effect": {"drop": "after_commit"}, "times": 1})
    event = scene.alice.post("events", {"calendar": scene.calendar, "summary": "Walk", **times})
    home = scene.calendar
    scene.google.settle_once()
    scene.patch(event["id"], {"calendar": str(target.calendar.uuid)}, settle=False)
    MirrorRun.objects.filter(mirror_id=scene.mirror.pk).update(next_check_at=None, next_attempt_at=None)
    with tenant(scene.alice.account_id):
        Mirror.objects.filter(pk=scene.mirror.pk).update(failures=1)
    running.run(scene.mirror.pk)
    scene.patch(event["id"], {"calendar": home}, settle=False)
    scene.google.settle()
    assert scene.alice.get(f"events/{event['id']}")["calendar"] == home
    assert [item["summary"] for item in scene.ana.list()] == ["Walk"] and scene.ana.list(target.remote_id) == []


def test_a_create_that_arrives_after_its_event_was_made_elsewhere_is_cleared_away_whatever_changes_there(
    scene: Scene,
) -> None:
    """Under the same id, and older than what stands in the calendar that the event was moved to."""
    target = scene.another_calendar()
    match = {"method": "POST", "path": "*/events"}
    scene.google.control("faults", {"match": match, "effect": {"drop": "before"}, "times": 1})
    times = {"start": {"date_time": "2026-12-01T09:00:00-03:00", "time_zone": "America/Sao_Paulo"}}
    event = scene.alice.post("events", {"calendar": scene.calendar, "summary": "Walk", **times})
    scene.google.settle_once()
    scene.patch(event["id"], {"calendar": str(target.calendar.uuid)})
    [made] = scene.ana.list(target.remote_id)
    tag = {"private": {"conversa.event": event["id"], "conversa.rev": "1"}}
    span = {"start": at("2026-12-01T09:00:00"), "end": at("2026-12-01T10:00:00")}
    scene.ana.insert(id=made["id"], summary="Walk", extendedProperties=tag, **span)
    scene.patch(event["id"], {"summary": "Run"}, settle=False)
    running.run(target.pk)
    scene.google.check()
    scene.google.check()
    assert scene.ana.list() == [] and [item["summary"] for item in scene.ana.list(target.remote_id)] == ["Run"]
    assert scene.here() == [] and scene.alice.get("trash")["items"] == []


def test_an_edit_after_a_refused_second_attempt_outlives_the_first_one_that_arrives_late(scene: Scene) -> None:
    """A create is cut off, asked about, sent again and refused; then the first request arrives, and a person edits."""
    match = {"method": "POST", "path": "*/events"}
    scene.google.control("faults", {"match": match, "effect": {"drop": "before"}, "times": 1})
    times = {"start": {"date_time": "2026-12-01T09:00:00-03:00", "time_zone": "America/Sao_Paulo"}}
    event = scene.alice.post("events", {"calendar": scene.calendar, "summary": "First words", **times})
    scene.google.settle_once()
    effect = {"status": 403, "reason": "forbiddenForNonOrganizer"}
    scene.google.control("faults", {"match": match, "effect": effect, "times": 1})
    scene.google.settle()
    shown = scene.alice.get(f"events/{event['id']}")
    assert shown["sync"]["state"] == "refused"
    late = {"id": ids.remote_event_id(UUID(event["id"]), 0)}
    tag = {"private": {"conversa.event": event["id"], "conversa.rev": "1"}}
    span = {"start": at("2026-12-01T09:00:00"), "end": at("2026-12-01T10:00:00")}
    scene.ana.insert(**late, summary="First words", extendedProperties=tag, **span)
    scene.patch(event["id"], {"summary": "Second words"})
    scene.google.check()
    assert [item["summary"] for item in scene.here()] == ["Second words"]
    assert [item["summary"] for item in scene.there()] == ["Second words"]
    assert scene.alice.get(f"events/{event['id']}")["sync"]["state"] == "synced"


def test_an_event_that_was_moved_here_is_missed_by_the_next_full_listing(scene: Scene) -> None:
    """Its former calendar had been listed more often than its new one."""
    team = _team(scene)
    for _turn in range(3):
        scene.google.control("expire-sync-tokens", {"calendar_id": ANA})
        scene.google.check()
    event = scene.create("Moved")
    scene.patch(event["id"], {"calendar": str(team.calendar.uuid)})
    [there] = scene.ana.list(TEAM)
    scene.google.control("expire-sync-tokens", {"calendar_id": TEAM})
    scene.ana.delete(there["id"], TEAM)
    scene.google.check()
    assert scene.alice.call("GET", f"events/{event['id']}").status_code == 404


def test_a_page_of_something_in_between_does_not_confirm_a_deletion(scene: Scene) -> None:
    """A portal's page came with 200 where Google answers nothing; the event then lived on, as if somebody had restored it."""
    event = scene.create("Walk")
    remote_id = scene.remote_id(event["id"])
    scene.ana.patch(remote_id, location="Park")
    effect = {"status": 200, "body": "<html>Sign in to this network</html>"}
    scene.google.control("faults", {"match": {"method": "DELETE"}, "effect": effect, "times": 1})
    scene.alice.delete(f"events/{event['id']}")
    scene.google.settle()
    scene.google.check()
    assert scene.here() == [] and scene.ana.list() == []
    assert [item["id"] for item in scene.alice.get("trash")["items"]] == [event["id"]]
