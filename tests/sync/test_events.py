"""Create, edit, move and delete on either side appear on the other, once, and then all is quiet."""

import time

import pytest
from gcal_emulator import schemas

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import History
from conversa_calendar.connections.models import Connection
from conversa_calendar.sync import running
from conversa_calendar.sync.models import Link
from tests.support.google import at
from tests.sync.conftest import Scene


def test_first_sync_brings_everything_that_is_there(scene: Scene) -> None:
    for n in range(30):
        scene.ana.insert(
            summary=f"e{n}",
            start=at(f"2026-12-{n % 28 + 1:02d}T09:00:00"),
            end=at(f"2026-12-{n % 28 + 1:02d}T10:00:00"),
        )
    scene.ana.insert(summary="long ago", start={"date": "2009-05-01"}, end={"date": "2009-05-03"})
    scene.google.check()
    assert len(scene.here()) == 30
    old = scene.here("2009-04-01T00:00:00Z", "2009-06-01T00:00:00Z")
    assert [(e["start"], e["end"]) for e in old] == [({"date": "2009-05-01"}, {"date": "2009-05-03"})]
    scene.assert_equal()


def test_event_made_here_appears_there_once(scene: Scene) -> None:
    made = scene.create("from here", location="Room 1", description="text")
    [there] = scene.ana.list()
    assert there["summary"] == "from here" and there["location"] == "Room 1"
    assert there["extendedProperties"]["private"]["conversa.event"] == made["id"]
    scene.assert_equal()


def test_edit_here_is_one_patch_with_if_match_and_only_changed_fields(scene: Scene) -> None:
    made = scene.create("a")
    mark = scene.google.mark()
    scene.patch(made["id"], {"summary": "b"})
    [write] = scene.google.writes(mark)
    assert write["method"] == "PATCH" and write["if_match"]
    assert set(write["request_body"]) == {"summary", "extendedProperties"}
    scene.assert_equal()


def test_edits_on_both_sides_merge_field_by_field(scene: Scene) -> None:
    made = scene.create("a")
    remote = scene.remote_id(made["id"])
    scene.ana.patch(remote, location="there")
    scene.patch(made["id"], {"summary": "here"})
    scene.google.check()
    shown = scene.alice.get(f"events/{made['id']}")
    assert (shown["summary"], shown["location"]) == ("here", "there")
    assert scene.ana.get(remote)["summary"] == "here"
    scene.assert_equal()


def test_conflict_keeps_googles_value_and_offers_ours_again(scene: Scene) -> None:
    made = scene.create("a")
    remote = scene.remote_id(made["id"])
    scene.ana.patch(remote, summary="theirs")
    scene.patch(made["id"], {"summary": "ours"})
    scene.google.check()
    assert scene.alice.get(f"events/{made['id']}")["summary"] == "theirs"
    entries = scene.alice.get(f"events/{made['id']}/history")["items"]
    [conflict] = [e for e in entries if e["lost"]]
    assert conflict["lost"] == {"summary": "ours"}
    scene.alice.post(f"events/{made['id']}/history/{conflict['id']}/use")
    scene.google.settle()
    assert scene.ana.get(remote)["summary"] == "ours"
    scene.assert_equal()


def test_deletion_there_puts_the_event_into_the_trash_here(scene: Scene) -> None:
    made, _old = scene.create_and_lose("a")
    assert scene.here() == []
    [trashed] = scene.alice.get("trash")["items"]
    assert trashed["id"] == made["id"]
    scene.assert_equal()


def test_restoring_what_google_deleted_makes_a_new_event_there(scene: Scene) -> None:
    made, old = scene.create_and_lose("a")
    scene.alice.post(f"trash/{made['id']}/restore")
    scene.google.settle()
    assert scene.remote_id(made["id"]) != old
    assert [e["summary"] for e in scene.ana.list()] == ["a"]
    scene.assert_equal()


def test_deletion_here_deletes_there_and_mails_nobody(scene: Scene) -> None:
    made = scene.create("a", attendees=[{"email": "guest@customer.example"}])
    scene.alice.delete(f"events/{made['id']}")
    scene.google.settle()
    assert scene.ana.list() == []
    assert scene.google.world.mails == []
    scene.assert_equal()


def test_deletion_here_beats_an_edit_there_which_is_kept_in_the_history(scene: Scene) -> None:
    made = scene.create("a")
    scene.ana.patch(scene.remote_id(made["id"]), summary="edited there")
    scene.alice.delete(f"events/{made['id']}")
    scene.google.settle()
    scene.google.check()
    assert scene.ana.list() == []
    with tenant(scene.alice.account_id):
        assert History.objects.filter(event__uuid=made["id"], lost__summary="edited there").exists()
    scene.assert_equal()


def test_deletion_there_beats_an_unsent_edit_here_which_rests_in_the_trash(scene: Scene) -> None:
    made = scene.create("a")
    scene.ana.delete(scene.remote_id(made["id"]))
    scene.patch(made["id"], {"summary": "typed here"})
    scene.google.check()
    assert scene.here() == []
    [trashed] = scene.alice.get("trash")["items"]
    assert trashed["summary"] == "typed here"
    scene.assert_equal()


@pytest.mark.parametrize(("notify", "mails"), [("none", 0), ("all", 1)])
def test_guests_are_mailed_only_as_the_person_chose(scene: Scene, notify: str, mails: int) -> None:
    scene.create("a", attendees=[{"email": "guest@customer.example"}], notify=notify)
    assert len(scene.google.world.mails) == mails
    scene.assert_equal()
    assert len(scene.google.world.mails) == mails


def test_lost_answer_to_a_create_leaves_one_event(scene: Scene) -> None:
    scene.google.control(
        "faults", {"match": {"method": "POST", "path": "*/events"}, "effect": {"code": "G02"}, "times": 1}
    )
    scene.create("once", attendees=[{"email": "guest@customer.example"}], notify="all")
    assert [e["summary"] for e in scene.ana.list()] == ["once"]
    assert len(scene.google.world.mails) == 1
    scene.assert_equal()


def test_lost_patch_answer_mails_once_and_a_later_merge_mails_nobody(scene: Scene) -> None:
    made = scene.create("a", attendees=[{"email": "guest@customer.example"}])
    scene.google.control("faults", {"match": {"method": "PATCH"}, "effect": {"code": "G02"}, "times": 1})
    scene.patch(made["id"], {"summary": "b", "notify": "all"})
    assert len(scene.google.world.mails) == 1
    scene.ana.patch(scene.remote_id(made["id"]), location="there")
    scene.patch(made["id"], {"description": "quiet"})
    scene.google.check()
    scene.assert_equal()
    assert len(scene.google.world.mails) == 1


def test_restoring_mails_nobody(scene: Scene) -> None:
    made = scene.create("a", attendees=[{"email": "guest@customer.example"}])
    scene.alice.delete(f"events/{made['id']}?notify=all")
    scene.google.settle()
    mails = len(scene.google.world.mails)
    scene.alice.post(f"trash/{made['id']}/restore")
    scene.google.settle()
    assert len(scene.google.world.mails) == mails == 1
    scene.assert_equal()


def test_lost_answer_then_deleted_at_google_stays_deleted(scene: Scene) -> None:
    scene.google.control(
        "faults", {"match": {"method": "POST", "path": "*/events"}, "effect": {"code": "G02"}, "times": 1}
    )
    scene.google.control("faults", {"match": {"method": "GET"}, "effect": {"code": "G19"}, "times": 3})
    scene.alice.post(
        "events",
        {"calendar": scene.calendar, "summary": "x", "start": {"date_time": "2026-12-01T09:00:00-03:00"}},
    )

    running.run(scene.mirror.pk)
    scene.google.control("faults", method="DELETE")
    [there] = scene.ana.list()
    scene.ana.delete(there["id"])
    scene.google.settle()
    scene.google.check()
    assert scene.ana.list() == [] and scene.here() == []
    scene.assert_equal()


def test_lost_patch_answer_is_not_taken_for_googles_edit(scene: Scene) -> None:
    made = scene.create("a")
    scene.google.control("faults", {"match": {"method": "PATCH"}, "effect": {"code": "G02"}, "times": 1})
    scene.patch(made["id"], {"summary": "b"}, settle=False)

    running.run(scene.mirror.pk)
    scene.patch(made["id"], {"summary": "c"})
    assert scene.ana.get(scene.remote_id(made["id"]))["summary"] == "c"
    assert not [e for e in scene.alice.get(f"events/{made['id']}/history")["items"] if e["lost"]]
    scene.assert_equal()


@pytest.mark.parametrize("code", ["G01", "G08", "G16", "G18", "G19", "G21", "G25", "G26"])
def test_trouble_while_listing_heals(scene: Scene, code: str) -> None:
    scene.create("mine")
    scene.ana.insert(summary="new", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"))
    scene.google.control(
        "faults", {"match": {"method": "GET", "path": "*/events"}, "effect": {"code": code}, "times": 2}
    )
    scene.google.check()
    scene.google.check()
    scene.google.check()
    assert {e["summary"] for e in scene.here()} == {"mine", "new"}
    scene.assert_equal()


@pytest.mark.parametrize("code", ["G01", "G02", "G08", "G18", "G19", "G21"])
def test_trouble_while_writing_heals(scene: Scene, code: str) -> None:
    made = scene.create("a")
    scene.google.control("faults", {"match": {"method": "PATCH"}, "effect": {"code": code}, "times": 2})
    scene.patch(made["id"], {"summary": "b"})
    scene.google.check()
    assert scene.ana.get(scene.remote_id(made["id"]))["summary"] == "b"
    scene.assert_equal()


def test_expired_cursor_relists_without_doubling_or_losing_an_unsent_edit(scene: Scene) -> None:
    made = scene.create("a")
    scene.ana.insert(summary="there", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"))
    scene.google.control("expire-sync-tokens", {})
    scene.patch(made["id"], {"summary": "unsent"}, settle=False)
    scene.google.check()
    assert sorted(e["summary"] for e in scene.here()) == ["there", "unsent"]
    scene.assert_equal()


def test_deletion_during_an_expired_cursor_is_confirmed_and_carried_out(scene: Scene) -> None:
    made, kept = scene.create("a"), scene.create("b", "2026-12-02T09:00:00-03:00")
    scene.ana.delete(scene.remote_id(made["id"]))
    scene.google.control("expire-sync-tokens", {})
    scene.google.check()
    assert [e["id"] for e in scene.here()] == [kept["id"]]
    scene.assert_equal()


def test_short_full_listing_deletes_nothing(scene: Scene) -> None:
    for n in range(8):
        scene.create(f"e{n}", f"2026-12-{n + 1:02d}T09:00:00-03:00")
    scene.google.control("expire-sync-tokens", {})
    scene.google.control(
        "faults", {"match": {"method": "GET", "path": "*/events", "nth": 2}, "effect": {"code": "G29"}, "times": 1}
    )
    scene.google.check()
    assert len(scene.here()) == 8
    scene.assert_equal()


def test_mass_deletion_there_is_held_until_a_person_decides(scene: Scene) -> None:
    for n in range(25):
        scene.ana.insert(
            summary=f"e{n}", start=at(f"2026-12-{n + 1:02d}T09:00:00"), end=at(f"2026-12-{n + 1:02d}T10:00:00")
        )
    scene.google.check()
    for event in scene.ana.list():
        scene.ana.delete(event["id"])
    scene.google.check()
    assert len(scene.here()) == 25
    [mirror] = scene.alice.get("mirrors")["items"]
    assert mirror["state"] == "held" and mirror["pending"]["held"] == 25
    scene.alice.post(f"mirrors/{mirror['id']}/held", {"action": "approve"})
    scene.google.settle()
    assert scene.here() == [] and len(scene.alice.get("trash")["items"]) == 25
    scene.assert_equal()


def test_held_events_can_be_put_back(scene: Scene) -> None:
    for n in range(25):
        scene.create(f"e{n}", f"2026-12-{n + 1:02d}T09:00:00-03:00")
    for event in scene.ana.list():
        scene.ana.delete(event["id"])
    scene.google.check()
    scene.alice.post(f"mirrors/{scene.mirror.uuid}/held", {"action": "put_back"})
    scene.google.settle()
    assert len(scene.ana.list()) == 25
    scene.assert_equal()


def test_whoever_owns_the_google_account_decides_what_is_held_on_its_page(scene: Scene) -> None:
    for n in range(25):
        scene.create(f"e{n}", f"2026-12-{n + 1:02d}T09:00:00-03:00")
    for event in scene.ana.list():
        scene.ana.delete(event["id"])
    scene.google.check()
    address, bob = f"/mirrors/{scene.mirror.uuid}/held", scene.cast.bob.browser()
    assert bob.get(address).status_code == bob.post(address, {"decision": "approve"}).status_code == 404
    with tenant(scene.alice.account_id):
        Connection.objects.update(owner=scene.cast.bob.member)
    page = bob.get(address).content.decode()
    assert "Delete these 25 on both sides" in page and f'action="{address}"' in page
    assert bob.post(address, {"decision": "put_back"})["Location"] == "/calendar"
    scene.google.settle()
    assert len(scene.ana.list()) == 25


def test_event_refused_by_google_is_said_on_the_event_and_others_go_on(scene: Scene) -> None:
    made = scene.create("a")
    other = scene.create("b", "2026-12-02T09:00:00-03:00")
    path = f"*/events/{scene.remote_id(made['id'])}"
    scene.google.control("faults", {"match": {"method": "PATCH", "path": path}, "effect": {"code": "G06"}, "times": 1})
    scene.patch(made["id"], {"summary": "poison"}, settle=False)
    scene.patch(other["id"], {"summary": "fine"})
    assert scene.alice.get(f"events/{made['id']}")["sync"]["state"] == "parked"
    assert scene.ana.get(scene.remote_id(other["id"]))["summary"] == "fine"


def test_unreadable_event_is_parked_and_the_page_goes_on(scene: Scene) -> None:
    scene.ana.insert(summary="good", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"))
    bad = scene.ana.insert(summary="bad", start=at("2026-12-04T09:00:00"), end=at("2026-12-04T10:00:00"))
    calendar = scene.google.world.calendars[scene.ana.email]
    calendar.events[bad["id"]].data["recurrence"] = 7
    scene.google.check()
    assert [e["summary"] for e in scene.here()] == ["good"]
    with tenant(scene.alice.account_id):
        assert Link.objects.exclude(parked="").count() == 1
    assert schemas.found.pop().endswith("recurrence is not a list"), "what was spoilt on purpose"
    schemas.found.clear()


def test_meet_link_is_asked_for_and_arrives(scene: Scene) -> None:
    scene.google.world.behaviours.conference_delay_s = 0.01
    made = scene.create("call", conference={"request": True})

    time.sleep(0.05)
    scene.google.check()
    shown = scene.alice.get(f"events/{made['id']}")
    assert shown["conference"]["state"] == "ready" and shown["conference"]["uri"].startswith("https://meet.google.com/")
    scene.assert_equal()


def test_all_fields_travel_both_ways(scene: Scene) -> None:
    body = {
        "description": "line one\nline two",
        "location": "Rua A, 1",
        "transparency": "transparent",
        "visibility": "private",
        "color": "5",
        "reminders": {
            "use_default": False,
            "overrides": [{"method": "popup", "minutes": 0}, {"method": "email", "minutes": 60}],
        },
        "guests_can": {"invite_others": False, "modify": True, "see_others": False},
        "attendees": [{"email": "g@customer.example", "name": "Gil", "optional": True}],
        "status": "tentative",
    }
    made = scene.create("all fields", **body)
    there = scene.ana.get(scene.remote_id(made["id"]))
    assert there["description"] == "line one\nline two" and there["location"] == "Rua A, 1"
    assert there["transparency"] == "transparent" and there["visibility"] == "private" and there["colorId"] == "5"
    assert (
        there["status"] == "tentative" and there["guestsCanInviteOthers"] is False and there["guestsCanModify"] is True
    )
    assert {o["minutes"] for o in there["reminders"]["overrides"]} == {0, 60}
    [guest] = there["attendees"]
    assert (guest["email"], guest["displayName"], guest["optional"]) == ("g@customer.example", "Gil", True)
    scene.assert_equal()
    guest["responseStatus"] = "accepted"
    scene.ana.patch(there["id"], attendees=[guest], colorId=None, transparency="opaque")
    scene.google.check()
    shown = scene.alice.get(f"events/{made['id']}")
    assert (
        shown["attendees"][0]["response"] == "accepted" and shown["color"] == "" and shown["transparency"] == "opaque"
    )
    scene.assert_equal()


def test_guest_copy_takes_only_personal_changes(scene: Scene) -> None:
    boss = scene.google.person("boss@acme.example")
    meeting = boss.insert(
        summary="invited",
        start=at("2026-12-05T09:00:00"),
        end=at("2026-12-05T10:00:00"),
        attendees=[{"email": scene.ana.email}],
    )
    scene.google.check()
    [shown] = scene.here()
    assert shown["editable"]["content"] is False and "boss@acme.example" in shown["editable"]["reason"]
    assert scene.alice.call("PATCH", f"events/{shown['id']}", {"summary": "mine"}).status_code == 403
    scene.patch(shown["id"], {"attendees": [{"email": scene.ana.email, "response": "accepted"}]})
    [guest] = boss.get(meeting["id"])["attendees"]
    assert guest["responseStatus"] == "accepted"
    scene.assert_equal()


def test_moving_between_two_calendars_of_one_account_keeps_identity(scene: Scene) -> None:
    second = scene.another_calendar()
    made = scene.create("mover")
    scene.patch(made["id"], {"calendar": str(second.calendar.uuid)})
    assert scene.ana.list() == []
    assert [e["summary"] for e in scene.ana.list(second.remote_id)] == ["mover"]
    assert scene.alice.get(f"events/{made['id']}")["calendar"] == str(second.calendar.uuid)
    scene.assert_equal()


def test_deep_check_proves_both_sides_equal(scene: Scene) -> None:
    scene.create("a")
    scene.ana.insert(summary="b", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"))
    scene.google.check()
    report = scene.alice.post(f"mirrors/{scene.mirror.uuid}/check")
    assert (report["checked"], report["equal"], report["repaired"], report["waiting"]) == (2, 2, [], 0)
    assert scene.alice.get("mirrors")["items"][0]["last_proven_equal_at"]


@pytest.mark.parametrize("times", [1, 2, 3, 5])
@pytest.mark.parametrize("code", ["G01", "G02", "G19", "G21"])
def test_trouble_of_any_length_neither_loses_nor_parks_an_edit(scene: Scene, code: str, times: int) -> None:
    """Nonsense in answer to the question what became of a write once parked the edit for ever."""
    scene.google.control("faults", {"match": {"path": "/calendar/*"}, "effect": {"code": code}, "times": times})
    made = scene.create("During trouble")
    assert scene.alice.get(f"events/{made['id']}")["sync"]["state"] == "synced"
    assert [event["summary"] for event in scene.there()] == ["During trouble"]
    scene.assert_equal()
