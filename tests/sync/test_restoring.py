"""What comes back: from Google's bin, from the trash here, and from both at once."""

from tests.sync.conftest import Scene


def _restored_there(scene: Scene, event_id: str, **changes: str) -> None:
    scene.ana.patch(event_id, status="confirmed", **changes)


def test_what_was_deleted_here_and_restored_at_google_is_the_same_event_again(scene: Scene) -> None:
    event = scene.create("Back", location="Attic")
    remote_id = scene.remote_id(event["id"])
    scene.alice.delete(f"events/{event['id']}")
    scene.google.settle()
    _restored_there(scene, remote_id, summary="Back again")
    scene.google.check()
    shown = scene.alice.get(f"events/{event['id']}")
    assert (shown["summary"], shown["location"]) == ("Back again", "Attic")
    assert scene.alice.get("trash")["items"] == []
    causes = [entry["cause"] for entry in scene.alice.get(f"events/{event['id']}/history")["items"]]
    assert {"created", "deleted", "restored"} <= set(causes)
    scene.assert_equal()


def test_what_was_deleted_and_restored_at_google_keeps_the_unsent_edit_in_its_history(scene: Scene) -> None:
    event = scene.create("Both")
    remote_id = scene.remote_id(event["id"])
    scene.ana.delete(remote_id)
    scene.patch(event["id"], {"location": "Cellar"}, settle=False)
    scene.google.check()
    assert scene.here() == []
    _restored_there(scene, remote_id)
    scene.google.check()
    assert [item["id"] for item in scene.here()] == [event["id"]]
    history = scene.alice.get(f"events/{event['id']}/history")["items"]
    assert "Cellar" in str([entry["lost"] for entry in history])
    scene.assert_equal()


def test_restored_on_both_sides_stands_once(scene: Scene) -> None:
    event, remote_id = scene.create_and_lose("Once")
    scene.alice.post(f"trash/{event['id']}/restore")
    _restored_there(scene, remote_id)
    scene.google.check()
    assert len(scene.there()) == 1 and len(scene.here()) == 1
    scene.assert_equal()


def test_a_series_restored_at_google_comes_back_with_its_exceptions(scene: Scene) -> None:
    series = scene.create("Daily", recurrence=["RRULE:FREQ=DAILY;COUNT=3"])
    remote_id = scene.remote_id(series["id"])
    scene.patch(series["id"], {"location": "Attic"}, "?scope=this&occurrence=2026-12-02T12:00:00Z")
    scene.alice.delete(f"events/{series['id']}?scope=all")
    scene.google.settle()
    _restored_there(scene, remote_id)
    scene.google.check()
    assert {item["series"] or item["id"] for item in scene.here()} == {series["id"]}
    scene.assert_equal()


def test_an_exception_that_went_with_its_series_and_did_not_come_back_is_found_by_the_deep_check(scene: Scene) -> None:
    series = scene.create("Daily", recurrence=["RRULE:FREQ=DAILY;COUNT=3"])
    remote_id = scene.remote_id(series["id"])
    scene.patch(series["id"], {"location": "Attic"}, "?scope=this&occurrence=2026-12-02T12:00:00Z")
    scene.ana.delete(remote_id)
    _restored_there(scene, remote_id)  # nobody looked in between
    scene.alice.post(f"mirrors/{scene.mirror.uuid}/check")
    scene.google.settle()
    assert [item.get("location", "") for item in scene.there()] == [item["location"] for item in scene.here()]
    scene.assert_equal()
