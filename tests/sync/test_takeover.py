"""One calendar that several connections see: mirrored once, taken over without a double or a write."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import Event
from conversa_calendar.connections.models import Connection
from conversa_calendar.kit import clock
from conversa_calendar.sync.mirrors import disconnecting
from conversa_calendar.sync.models import Mirror
from conversa_calendar.sync.run import leases
from tests.support.google import Person, at
from tests.sync.conftest import Scene

TEAM = "c_team@group.calendar.google.com"
BOSS = "boss@acme.example"


@dataclass
class Shared:
    """A calendar of the boss's that Ana may read; both are connected, Ana's connection carries it."""

    scene: Scene
    boss: Person
    bosses: Connection
    mirror: Mirror

    def here(self) -> list[dict[str, Any]]:
        span = "from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z"
        items: list[dict[str, Any]] = self.scene.alice.get(f"events?{span}&calendar={self.mirror.calendar.uuid}")[
            "items"
        ]
        return items

    def choose(self, connection: Connection, mode: str = "") -> Any:
        body = {"mirrored": True} | ({"mode": mode} if mode else {})
        answer = self.scene.alice.call("PUT", f"connections/{connection.uuid}/calendars/{TEAM}", body)
        self.scene.google.settle()
        return answer

    def listed(self, connection: Connection) -> dict[str, Any]:
        path = f"connections/{connection.uuid}/calendars?refresh=true"
        [row] = [row for row in self.scene.alice.get(path)["items"] if row["google_id"] == TEAM]
        return dict(row)

    def assert_one_of_each(self, *names: str) -> None:
        assert sorted(item["summary"] for item in self.here()) == sorted(names)
        assert sorted(item["summary"] for item in self.boss.list(TEAM)) == sorted(names)
        mark = self.scene.google.mark()
        for _check in range(5):
            self.scene.google.check()
        assert self.scene.google.writes(mark) == []
        with tenant(self.scene.alice.account_id):
            assert Mirror.objects.filter(remote_id=TEAM).count() == 1


@pytest.fixture
def shared(scene: Scene) -> Shared:
    boss = scene.google.person(BOSS)
    calendar = scene.google.world.add_calendar(TEAM, "Team", BOSS, "UTC")
    scene.google.world.share(calendar, scene.ana.email, "reader")
    for number in range(3):
        boss.insert(TEAM, summary=f"e{number}", start=at("2026-12-01T09:00:00"), end=at("2026-12-01T10:00:00"))
    bosses = scene.google.connect(scene.alice, BOSS)
    scene.alice.get(f"connections/{scene.connection.uuid}/calendars?refresh=true")
    mirror = scene.google.mirror(scene.alice, scene.connection, TEAM)
    return Shared(scene, boss, bosses, mirror)


def test_more_access_takes_over_with_one_choice_and_writes_nothing(shared: Shared) -> None:
    scene, ids = shared.scene, {item["id"] for item in shared.here()}
    assert shared.listed(shared.bosses)["mirrored_through"] == scene.ana.email
    mark = scene.google.mark()
    assert shared.choose(shared.bosses).status_code == 200
    assert scene.google.writes(mark) == []
    assert {item["id"] for item in shared.here()} == ids, "the same events as before"
    assert shared.listed(scene.connection)["mirrored_through"] == BOSS
    with tenant(scene.alice.account_id):
        mirror = Mirror.objects.select_related("connection").get(remote_id=TEAM)
        assert mirror.connection == shared.bosses and mirror.pk == shared.mirror.pk
    scene.alice.post(
        "events", {"calendar": str(shared.mirror.calendar.uuid), "summary": "ours", "start": {"date": "2026-12-08"}}
    )
    scene.google.settle()
    shared.assert_one_of_each("e0", "e1", "e2", "ours")


def test_as_much_access_does_not_take_over_while_the_carrier_works(shared: Shared) -> None:
    shared.choose(shared.bosses)
    answer = shared.choose(shared.scene.connection, "read_only")
    assert answer.status_code == 422 and BOSS in answer.content.decode()


@pytest.mark.parametrize("way", ["keep", "remove"])
def test_when_the_carrier_leaves_another_takes_over_without_a_double(shared: Shared, way: str) -> None:
    scene = shared.scene
    shared.choose(shared.bosses)
    ids = {item["id"] for item in shared.here()}
    scene.alice.call("DELETE", f"connections/{shared.bosses.uuid}?calendars={way}")
    for account_id, record in disconnecting.unfinished(clock.now() + timedelta(days=1)):
        disconnecting.advance(account_id, record)
    mark = scene.google.mark()
    scene.google.world.share(scene.google.world.calendars[TEAM], scene.ana.email, "writer")
    scene.alice.get(f"connections/{scene.connection.uuid}/calendars?refresh=true")
    assert shared.choose(scene.connection).status_code == 200
    assert scene.google.writes(mark) == []
    assert {item["id"] for item in shared.here()} == ids
    shared.boss = scene.google.person(BOSS)
    shared.assert_one_of_each("e0", "e1", "e2")


def test_a_dead_carrier_can_be_replaced_and_edits_that_waited_go_out_once(shared: Shared) -> None:
    scene = shared.scene
    shared.choose(shared.bosses)
    event = next(item for item in shared.here() if item["summary"] == "e1")
    scene.google.world.share(scene.google.world.calendars[TEAM], scene.ana.email, "writer")
    scene.google.control("revoke", {"email": BOSS})
    for _turn in range(3):
        scene.google.check()
    assert scene.alice.get(f"connections/{shared.bosses.uuid}")["state"] == "reconnect_needed"
    scene.alice.patch(f"events/{event['id']}", {"summary": "edited"})
    scene.alice.get(f"connections/{scene.connection.uuid}/calendars?refresh=true")
    mark = scene.google.mark()
    assert shared.choose(scene.connection, "two_way").status_code == 200
    assert [entry["method"] for entry in scene.google.writes(mark)] == ["PATCH"]
    shared.boss = scene.google.person(BOSS)
    shared.assert_one_of_each("e0", "edited", "e2")


def test_what_is_personal_follows_the_new_carrier_and_is_not_written(shared: Shared) -> None:
    """Reminders are each person's own: the boss's are not Ana's."""
    scene = shared.scene
    [first] = [item for item in shared.boss.list(TEAM) if item["summary"] == "e0"]
    own = {"useDefault": False, "overrides": [{"method": "popup", "minutes": 7}]}
    shared.boss.patch(first["id"], TEAM, reminders=own)
    scene.google.check()
    mark = scene.google.mark()
    shared.choose(shared.bosses)
    assert scene.google.writes(mark) == []
    [event] = [item for item in shared.here() if item["summary"] == "e0"]
    assert event["reminders"]["overrides"] == own["overrides"]
    shared.assert_one_of_each("e0", "e1", "e2")


def test_a_run_that_began_through_the_former_carrier_stores_nothing_more(shared: Shared) -> None:
    lease = leases.take(shared.mirror.pk)
    assert lease is not None
    shared.choose(shared.bosses)
    with tenant(lease.account_id), pytest.raises(leases.FenceLost):
        leases.confirm(lease)


def test_moving_to_a_calendar_of_another_google_account_keeps_identity_history_and_mails_nobody(shared: Shared) -> None:
    scene = shared.scene
    shared.choose(shared.bosses)
    event = scene.create("Moves", attendees=[{"email": "guest@elsewhere.example"}])
    scene.patch(event["id"], {"location": "Park"})
    scene.patch(event["id"], {"calendar": str(shared.mirror.calendar.uuid)})
    assert [item["summary"] for item in scene.ana.list()] == []
    [there] = [item for item in shared.boss.list(TEAM) if item["summary"] == "Moves"]
    assert there["location"] == "Park" and [guest["email"] for guest in there["attendees"]] == [
        "guest@elsewhere.example"
    ]
    assert scene.alice.get(f"events/{event['id']}")["calendar"] == str(shared.mirror.calendar.uuid)
    assert len(scene.alice.get(f"events/{event['id']}/history")["items"]) >= 2
    assert scene.google.control("mails", method="GET")["mails"] == []
    scene.patch(event["id"], {"calendar": scene.calendar})
    assert [item["summary"] for item in scene.ana.list()] == ["Moves"]
    shared.assert_one_of_each("e0", "e1", "e2")
    with tenant(scene.alice.account_id):
        assert Event.objects.filter(summary="Moves", deleted_at=None).count() == 1


def test_an_event_on_its_way_into_a_calendar_that_is_taken_over_meanwhile_arrives_there_once(shared: Shared) -> None:
    """The owner's account may not move it out of Ana's calendar: it waited for ever, and was shown nowhere."""
    scene = shared.scene
    scene.google.world.share(scene.google.world.calendars[TEAM], scene.ana.email, "writer")
    scene.alice.get(f"connections/{scene.connection.uuid}/calendars?refresh=true")
    shared.choose(scene.connection, "two_way")
    series = scene.create("Moves", recurrence=["RRULE:FREQ=DAILY;COUNT=3"])
    day = "2026-12-02T12%3A00%3A00Z"
    scene.patch(series["id"], {"location": "Room"}, f"?scope=this&occurrence={day}")
    scene.patch(series["id"], {"calendar": str(shared.mirror.calendar.uuid)}, settle=False)
    shared.choose(shared.bosses)
    scene.google.check()
    assert scene.ana.list() == []
    items = [item for item in shared.here() if item["summary"] == "Moves"]
    assert [item["location"] for item in items] == ["", "Room", ""] and items[0]["id"] == series["id"]
    there = [item for item in shared.boss.list(TEAM) if item["summary"] == "Moves" and item["status"] != "cancelled"]
    assert len([item for item in there if item.get("recurrence")]) == 1 and len(there) == 2
    mark = scene.google.mark()
    scene.google.check()
    assert scene.google.writes(mark) == [] and scene.google.control("mails", method="GET")["mails"] == []


def test_a_primary_calendar_that_is_renamed_is_the_same_mirror(scene: Scene) -> None:
    scene.create("Stays")
    scene.ana.call("PATCH", "calendars/primary", {"summary": "Ana Lima"})
    scene.alice.get(f"connections/{scene.connection.uuid}/calendars?refresh=true")
    scene.google.check()
    with tenant(scene.alice.account_id):
        mirror = Mirror.objects.get()
        assert mirror.pk == scene.mirror.pk
    scene.assert_equal()


def test_one_meeting_in_two_mirrored_calendars_is_one_tile_and_is_edited_where_it_is_organised(shared: Shared) -> None:
    scene = shared.scene
    shared.choose(shared.bosses)
    guests = [{"email": scene.ana.email}]
    shared.boss.insert(
        TEAM, summary="Both", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"), attendees=guests
    )
    scene.google.check()
    browser = scene.alice.browser()
    tiles = browser.get("/calendar/feed?start=2026-12-01T00:00:00Z&end=2026-12-08T00:00:00Z").json()
    [tile] = [tile for tile in tiles if tile["title"] == "Both"]
    own = next(item for item in shared.here() if item["summary"] == "Both")
    assert tile["event"] == own["id"]
