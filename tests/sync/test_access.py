"""What a calendar's owner lets Ana do, lowered and raised again; the mode follows, and nothing is lost or doubled."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from django.urls import reverse

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import Event
from conversa_calendar.connections import discovery
from conversa_calendar.sync import checks
from conversa_calendar.sync.models import Mirror, MirrorRun
from tests.support.google import Person, at
from tests.sync.conftest import Scene

TEAM = "c_team@group.calendar.google.com"


@dataclass
class Team:
    """A calendar that somebody else owns and shares with Ana."""

    scene: Scene
    owner: Person
    mirror: Mirror

    def share(self, role: str) -> None:
        self.scene.google.world.share(self.scene.google.world.calendars[TEAM], self.scene.ana.email, role)

    def attempt(self) -> None:
        """Three runs, without the pauses between them; what has to wait goes on waiting."""
        for _attempt in range(3):
            MirrorRun.objects.update(next_attempt_at=None)
            self.scene.google.settle_once()

    def reread(self) -> Mirror:
        with tenant(self.scene.alice.account_id):
            return Mirror.objects.get(pk=self.mirror.pk)

    def press(self, action: str, **form: str) -> None:
        answer = self.scene.alice.browser().post(reverse("mirror_act", args=[self.mirror.uuid, action]), form)
        assert answer.status_code in {200, 302}, answer.content
        self.scene.google.settle()

    def create(self, summary: str) -> dict[str, Any]:
        times = {"start": at("2026-12-03T09:00:00", "UTC"), "end": at("2026-12-03T10:00:00", "UTC")}
        return self.owner.insert(TEAM, summary=summary, **times)

    def create_here(self, summary: str) -> dict[str, Any]:
        body = {"calendar": str(self.mirror.calendar.uuid), "summary": summary, "start": {"date": "2026-12-08"}}
        found: dict[str, Any] = self.scene.alice.post("events", body)
        self.scene.google.settle()
        return found

    def here(self) -> list[dict[str, Any]]:
        span = "from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z"
        items: list[dict[str, Any]] = self.scene.alice.get(f"events?{span}&calendar={self.mirror.calendar.uuid}")[
            "items"
        ]
        return items

    def there(self) -> set[str]:
        return {item["summary"] for item in self.owner.list(TEAM)}


@pytest.fixture
def team(scene: Scene) -> Team:
    world, owner = scene.google.world, scene.google.person("owner@acme.example", "UTC")
    calendar = world.add_calendar(TEAM, "Team", owner.email, "UTC")
    world.share(calendar, scene.ana.email, "writer")
    discovery.refresh(scene.alice.account_id, scene.connection.pk)
    return Team(scene, owner, scene.google.mirror(scene.alice, scene.connection, TEAM))


def test_reader_calendar_is_pull_only(scene: Scene, team: Team) -> None:
    team.share("reader")
    scene.google.check()
    team.press("confirm-access")
    assert team.reread().mode == "read_only"
    body = {"calendar": str(team.mirror.calendar.uuid), "summary": "x", "start": {"date": "2026-12-01"}}
    assert scene.alice.call("POST", "events", body).status_code == 403


def test_lowered_access_stops_before_anything_is_applied(scene: Scene, team: Team) -> None:
    team.create_here("x")
    team.share("freeBusyReader")
    scene.google.check()
    assert team.reread().state == "access_reduced"
    assert [item["summary"] for item in team.here()] == ["x"]


@pytest.mark.parametrize("role", ["reader", "freeBusyReader"])
def test_an_edit_waits_while_access_is_lowered(scene: Scene, team: Team, role: str) -> None:
    event = team.create_here("x")
    team.share(role)
    scene.alice.patch(f"events/{event['id']}", {"summary": "y"})
    scene.alice.post(
        "events", {"calendar": str(team.mirror.calendar.uuid), "summary": "new", "start": {"date": "2026-12-09"}}
    )
    team.attempt()
    assert team.reread().state == "access_reduced"
    assert team.there() == {"x"}
    assert {(item["summary"], item["sync"]["state"]) for item in team.here()} == {("y", "pending"), ("new", "pending")}
    team.share("writer")
    scene.google.check()
    assert team.there() == {"y", "new"}
    assert {item["sync"]["state"] for item in team.here()} == {"synced"}


def test_a_deletion_is_not_taken_back_because_access_was_lowered_for_a_while(scene: Scene, team: Team) -> None:
    event = team.create_here("x")
    team.share("reader")
    scene.alice.delete(f"events/{event['id']}")
    team.attempt()
    assert team.here() == [] and team.there() == {"x"}
    team.share("writer")
    scene.google.check()
    assert team.here() == [] and team.there() == set()


def test_a_mode_that_the_last_listing_did_not_allow_is_asked_about_before_it_is_refused(
    scene: Scene, team: Team
) -> None:
    path = f"connections/{scene.connection.uuid}/calendars/{TEAM}"
    team.share("reader")
    scene.alice.get(f"connections/{scene.connection.uuid}/calendars?refresh=true")
    assert scene.alice.call("PUT", path, {"mirrored": True, "mode": "two_way"}).status_code == 422
    team.share("writer")
    assert scene.alice.put(path, {"mirrored": True, "mode": "two_way"})["mode"] == "two_way"


def test_going_on_with_free_busy_shows_each_meeting_once(scene: Scene, team: Team) -> None:
    team.create("secret")
    scene.google.check()
    assert [item["summary"] for item in team.here()] == ["secret"]
    team.share("freeBusyReader")
    scene.google.check()
    team.press("confirm-access")
    scene.google.check()
    assert team.reread().mode == "busy_only"
    [block] = team.here()
    assert "secret" not in str(block)
    assert [item["summary"] for item in scene.alice.get("trash")["items"]] == ["secret"]


def test_two_way_again_after_free_busy_brings_the_same_events_back(scene: Scene, team: Team) -> None:
    theirs, ours = team.create("theirs"), team.create_here("ours")
    scene.google.check()
    before = {item["summary"]: item["id"] for item in team.here()}
    team.press("mode", mode="busy_only")
    assert {item["summary"] for item in team.here()} == {"ours", ""}
    team.owner.patch(theirs["id"], TEAM, location="Attic")
    team.press("mode", mode="two_way")
    scene.google.check()
    assert {item["summary"]: item["id"] for item in team.here()} == before
    assert {item["location"] for item in team.here() if item["summary"] == "theirs"} == {"Attic"}
    assert before["ours"] == ours["id"] and team.there() == {"theirs", "ours"}
    assert {item["sync"]["state"] for item in team.here()} == {"synced"}
    with tenant(scene.alice.account_id):
        assert not Event.objects.filter(calendar=team.mirror.calendar, event_type="busyBlock").exists()


def test_an_edited_event_that_was_put_aside_is_not_deleted_there_after_a_deep_check(scene: Scene, team: Team) -> None:
    """The check took what busy blocks stand for just now for a difference, and that for a deletion by a person."""
    theirs = team.create("theirs")
    scene.google.check()
    [event] = team.here()
    scene.alice.patch(f"events/{event['id']}", {"location": "Attic"})
    team.press("mode", mode="busy_only")
    report = checks.deep_check(team.mirror.pk)
    assert report is not None and report.repaired == []
    team.press("mode", mode="two_way")
    scene.google.check()
    assert [(item["id"], item["location"]) for item in team.here()] == [(event["id"], "Attic")]
    assert team.there() == {"theirs"}
    assert scene.ana.get(theirs["id"], TEAM)["location"] == "Attic"


def test_a_split_that_could_not_be_sent_doubles_no_exception_once_it_can(scene: Scene, team: Team) -> None:
    """The exceptions of the second half wait with it: they were shown beside their copies, and stayed at Google."""
    rule = {"recurrence": ["RRULE:FREQ=DAILY;COUNT=4"]}
    span = {"start": at("2026-12-01T09:00:00", "UTC"), "end": at("2026-12-01T10:00:00", "UTC")}
    team.owner.insert(TEAM, summary="Daily", **span, **rule)
    scene.google.check()
    series = team.here()[0]["id"]
    days = [f"2026-12-0{day}T09:00:00Z" for day in (1, 2, 3, 4)]
    scene.alice.patch(f"events/{series}?scope=this&occurrence={days[2]}", {"location": "Attic"})
    scene.google.settle()
    team.share("reader")
    scene.alice.patch(f"events/{series}?scope=following&occurrence={days[1]}", {"summary": "Daily, later"})
    team.attempt()
    team.press("confirm-access")
    scene.google.check()
    assert team.reread().mode == "read_only"
    assert [item["location"] for item in team.here()].count("Attic") == 1
    team.share("writer")
    scene.alice.get(f"connections/{scene.connection.uuid}/calendars?refresh=true")
    team.press("mode", mode="two_way")
    scene.google.check()
    assert len(team.here()) == 4 and [item["location"] for item in team.here()].count("Attic") == 1
    query = "?singleEvents=true&timeMin=2026-11-01T00:00:00Z"
    there = team.owner.call("GET", f"calendars/{TEAM}/events{query}")["items"]
    assert len(there) == 4 and [item.get("location") for item in there].count("Attic") == 1


def test_an_edit_that_waits_in_a_busy_only_calendar_says_that_it_cannot_be_sent(scene: Scene, team: Team) -> None:
    event = team.create_here("ours")
    scene.alice.patch(f"events/{event['id']}", {"location": "Attic"})
    team.press("mode", mode="busy_only")
    found = scene.alice.get(f"events/{event['id']}")
    assert found["sync"]["state"] == "refused" and found["sync"]["message"]


def test_a_deletion_that_waits_in_a_busy_only_calendar_goes_out_when_it_can(scene: Scene, team: Team) -> None:
    """It was taken for the throwing away of a mere copy, and the event came back."""
    event = team.create_here("x")
    remote_id = scene.remote_id(event["id"])
    team.share("freeBusyReader")
    scene.alice.delete(f"events/{event['id']}")
    team.attempt()
    team.press("confirm-access")
    scene.google.check()
    assert team.reread().mode == "busy_only"
    team.owner.patch(remote_id, TEAM, location="Attic")
    team.share("writer")
    scene.alice.get(f"connections/{scene.connection.uuid}/calendars?refresh=true")
    team.press("mode", mode="two_way")
    scene.google.check()
    assert team.here() == [] and team.there() == set()


def test_a_busy_block_that_was_kept_and_edited_is_an_event_of_its_own(scene: Scene, team: Team) -> None:
    """It went without a word when its calendar was mirrored again."""
    team.create("secret")
    team.press("mode", mode="busy_only")
    team.press("deselect", disposition="keep")
    [block] = team.here()
    scene.alice.patch(f"events/{block['id']}", {"summary": "Typed here"})
    scene.google.mirror(scene.alice, scene.connection, TEAM, "two_way")
    scene.google.check()
    assert {item["summary"] for item in team.here()} == team.there() == {"secret", "Typed here"}


@pytest.mark.parametrize("has_arrived", [False, True])
def test_what_was_never_sent_and_deleted_here_does_not_come_back_when_its_calendar_turns_read_only(
    scene: Scene, team: Team, has_arrived: bool
) -> None:
    """Google had refused its creation; the deletion was taken for one that Google cannot be told. Where the answer was
    lost only, the event that stands there is shown."""
    match = {"method": "POST", "path": "*/events"}
    effect = {"drop": "after_commit"} if has_arrived else {"status": 403, "reason": "requiredAccessLevel"}
    scene.google.control("faults", {"match": match, "effect": effect, "times": 1})
    times = {"start": {"date_time": "2026-12-01T09:00:00-03:00", "time_zone": "America/Sao_Paulo"}}
    event = scene.alice.post("events", {"calendar": str(team.mirror.calendar.uuid), "summary": "Walk", **times})
    scene.google.settle_once()
    scene.alice.delete(f"events/{event['id']}")
    team.press("mode", mode="read_only")
    scene.google.check()
    scene.google.check()
    assert {item["summary"] for item in team.here()} == team.there() == ({"Walk"} if has_arrived else set())
    if not has_arrived:
        assert [item["id"] for item in scene.alice.get("trash")["items"]] == [event["id"]]


def test_what_could_not_be_sent_while_read_only_is_seen_as_it_stands_there_or_goes_out_afterwards(
    scene: Scene, team: Team
) -> None:
    """Deleted here, changed there, and the calendar turned read only before either was told: it stands as there."""
    gone, edited, taken = (team.create_here(name) for name in ("gone", "edited", "taken"))
    team.owner.patch(scene.remote_id(gone["id"]), TEAM, location="Attic")
    scene.alice.delete(f"events/{gone['id']}")
    scene.alice.patch(f"events/{edited['id']}", {"location": "Cellar"})
    native = scene.alice.post("calendars", {"name": "Only here"})["id"]
    scene.alice.patch(f"events/{taken['id']}", {"calendar": native})
    team.press("mode", mode="read_only")
    scene.google.check()
    shown = {item["summary"]: (item["location"], item["sync"]["state"]) for item in team.here()}
    assert shown == {"gone": ("Attic", "synced"), "edited": ("Cellar", "refused"), "taken": ("", "synced")}
    assert team.there() == {"gone", "edited", "taken"}
    team.press("mode", mode="two_way")
    scene.google.check()
    assert {item["sync"]["state"] for item in team.here()} == {"synced"} and len(team.here()) == 3
    assert {item["summary"]: item.get("location", "") for item in team.owner.list(TEAM)} == {
        name: location for name, (location, _state) in shown.items()
    }


def test_mirroring_a_read_only_calendar_again_refuses_nothing(scene: Scene, team: Team) -> None:
    team.create("theirs")
    scene.google.check()
    team.press("mode", mode="read_only")
    team.press("deselect", disposition="keep")
    scene.google.mirror(scene.alice, scene.connection, TEAM, "read_only")
    scene.google.check()
    assert [(item["summary"], item["sync"]["state"]) for item in team.here()] == [("theirs", "synced")]


def test_free_busy_calendar_shows_busy_blocks(scene: Scene) -> None:
    world = scene.google.world
    owner = scene.google.person("owner@acme.example", "UTC")
    world.share(world.calendars["owner@acme.example"], scene.ana.email, "freeBusyReader")
    owner.insert(summary="secret", start=at("2026-12-03T09:00:00", "UTC"), end=at("2026-12-03T10:00:00", "UTC"))
    discovery.refresh(scene.alice.account_id, scene.connection.pk)
    mirror = scene.google.mirror(scene.alice, scene.connection, "owner@acme.example")
    rows = scene.alice.get(f"events?from=2026-12-01T00:00:00Z&to=2026-12-10T00:00:00Z&calendar={mirror.calendar.uuid}")[
        "items"
    ]
    assert len(rows) == 1 and "secret" not in str(rows)


def test_an_answer_that_shows_nothing_any_more_is_not_taken_for_an_edit(scene: Scene, team: Team) -> None:
    """The answer to a write was lost and access was lowered to free/busy: what was asked about the event was its time only,
    which once emptied it here."""
    team.share("writer")
    body = {
        "calendar": str(team.mirror.calendar.uuid),
        "summary": "Plan",
        "location": "Attic",
        "start": {"date": "2026-12-08"},
    }
    fault = {"match": {"method": "POST", "path": "*/events"}, "effect": {"drop": "after_commit"}, "times": 1}
    scene.google.control("faults", fault)
    scene.alice.post("events", body)
    scene.google.settle_once()
    with tenant(scene.alice.account_id):
        Mirror.objects.filter(pk=team.mirror.pk).update(failures=0)
    team.share("freeBusyReader")
    team.attempt()
    assert [(item["summary"], item["location"]) for item in team.here()] == [("Plan", "Attic")]
    assert team.reread().state == "access_reduced"
    team.share("writer")
    scene.google.check()
    team.press("sync")
    scene.google.check()
    assert [(item["summary"], item["location"]) for item in team.here()] == [("Plan", "Attic")]
    assert [item["summary"] for item in team.owner.list(TEAM)] == ["Plan"]


def test_one_event_that_google_never_shows_whole_does_not_stop_the_others(scene: Scene) -> None:
    """Nobody knows what became of its write, and Google shows nothing but its time to somebody who may see everything."""
    event = scene.create("Plan")
    scene.google.check()
    remote_id = scene.remote_id(event["id"])
    fault = {
        "match": {"method": "PATCH", "path": f"*/events/{remote_id}"},
        "effect": {"code": "G01"},
        "times": 1,
    }
    scene.google.control("faults", fault)
    scene.patch(event["id"], {"location": "Attic"}, settle=False)
    scene.google.settle_once()
    times = {"start": at("2026-12-01T09:00:00"), "end": at("2026-12-01T10:00:00")}
    body = {"kind": "calendar#event", "etag": '"1"', "id": remote_id, "status": "confirmed", **times}
    match = {"method": "GET", "path": f"*/events/{remote_id}"}
    scene.google.control("faults", {"match": match, "effect": {"status": 200, "body": json.dumps(body)}, "times": 500})
    other = scene.create("Other", "2026-12-02T09:00:00-03:00")
    assert scene.remote_id(other["id"]), "it went out"
    scene.google.control("faults", method="DELETE")
    scene.google.check()
    assert sorted((item["summary"], item["location"]) for item in scene.here()) == [("Other", ""), ("Plan", "Attic")]
    assert sorted(item["summary"] for item in scene.ana.list()) == ["Other", "Plan"]


def test_a_calendar_chosen_again_with_more_access_resumes_in_the_mode_that_it_had(scene: Scene, team: Team) -> None:
    team.press("mode", mode="read_only")
    path = f"connections/{scene.connection.uuid}/calendars/{TEAM}"
    team.share("reader")
    scene.google.check()
    team.press("confirm-access")
    scene.alice.put(path, {"mirrored": False, "disposition": "keep"})
    team.share("writer")
    discovery.refresh(scene.alice.account_id, scene.connection.pk)
    scene.alice.put(path, {"mirrored": True})
    assert team.reread().mode == "read_only", "who chose it less did not choose it more"


def test_an_event_that_was_moved_into_a_calendar_which_turned_read_only_arrives_once_it_can(
    scene: Scene, team: Team
) -> None:
    """It counted as the same on both sides, and stayed where it was at Google for ever."""
    event = scene.create("Walk")
    team.share("reader")
    scene.patch(event["id"], {"calendar": str(team.mirror.calendar.uuid)}, settle=False)
    team.attempt()
    team.press("confirm-access")
    team.attempt()
    [shown] = team.here()
    assert team.reread().mode == "read_only" and shown["sync"]["state"] == "refused"
    assert [item["summary"] for item in scene.ana.list()] == ["Walk"] and scene.here() == []
    team.share("writer")
    scene.alice.get(f"connections/{scene.connection.uuid}/calendars?refresh=true")
    team.press("mode", mode="two_way")
    scene.google.check()
    assert scene.ana.list() == [] and team.there() == {"Walk"}
    assert [(item["id"], item["sync"]["state"]) for item in team.here()] == [(event["id"], "synced")]
