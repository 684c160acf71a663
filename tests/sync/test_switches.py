"""The product is safe under every plausible behaviour of Google: one story, told under each variant of each switch."""

from typing import Any

import pytest

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.kit import clock
from conversa_calendar.sync.models import Mirror
from tests.support.google import at
from tests.sync.conftest import Scene

VARIANTS: list[tuple[str, Any]] = [
    ("master_move", "drop"),
    ("master_move", "shift"),
    ("master_edit", "keep"),
    ("master_edit", "overwrite"),
    ("restore_deleted", "refuse"),
    ("reminders_change_etag", False),
    ("conference_delay_s", -1.0),
    ("conference_fails", True),
    ("page", "short"),
    ("page", "empty_first"),
    ("empty_items", "absent"),
    ("page_size_bound", True),
    ("put_conference", "keep"),
    ("push_sync_first", True),
    ("stop_trickle_s", 60.0),
    ("channel_lifetime_days", 30.0),
    ("propagate_attendees", False),
    ("refuse_push", True),
    ("color_changes_etag", False),
    ("split_instance_ids", "base"),
    ("skipped_hour", "left_out"),
]


@pytest.mark.parametrize(("name", "value"), VARIANTS, ids=lambda value: str(value))
def test_one_story_under_each_plausible_behaviour(scene: Scene, name: str, value: Any) -> None:
    setattr(scene.google.world.behaviours, name, value)
    scene.google.settle(with_channels=True)
    made = scene.create("here", conference={"request": True}, reminders={"use_default": False, "overrides": []})
    there = scene.ana.insert(
        summary="there", start=at("2026-12-02T09:00:00"), end=at("2026-12-02T10:00:00"), recurrence=["RRULE:FREQ=DAILY;COUNT=4"]
    )  # fmt: skip
    scene.ana.patch(f"{there['id']}_20261203T120000Z", summary="special")
    scene.google.check()
    series = next(item for item in scene.here() if item["summary"] == "there")
    scene.patch(str(series["series"] or series["id"]), {"location": "Attic"}, "?scope=all")
    scene.ana.patch(there["id"], start=at("2026-12-02T10:00:00"), end=at("2026-12-02T11:00:00"))
    scene.google.check()
    scene.alice.call("DELETE", f"events/{made['id']}")
    scene.google.settle()
    scene.alice.call("POST", f"events/{made['id']}/restore")
    scene.google.check()
    with tenant(scene.alice.account_id):
        Mirror.objects.update(next_deep_at=clock.now())
    scene.google.check()
    scene.google.world.behaviours.page = "full"
    scene.assert_equal()


@pytest.mark.parametrize("rule", ["own", "base"])
def test_a_continuation_is_edited_on_both_sides_however_its_instances_are_named(scene: Scene, rule: str) -> None:
    scene.google.world.behaviours.split_instance_ids = rule
    series = scene.ana.insert(
        summary="S", start=at("2026-12-01T09:00:00"), end=at("2026-12-01T10:00:00"), recurrence=["RRULE:FREQ=DAILY;COUNT=6"]
    )["id"]  # fmt: skip
    sent = {"calendar_id": scene.ana.email, "event_id": series, "original_start": "2026-12-03T12:00:00+00:00"}
    tail = scene.google.control("ui/split-series", sent)["id"]
    scene.google.check()
    tiles = {item["start"]["date_time"][:10]: item for item in scene.here()}
    assert len(tiles) == 6
    for day, side in (("2026-12-04", "here"), ("2026-12-05", "there")):
        tile = tiles[day]
        if side == "here":
            scene.patch(str(tile["id"]), {"summary": "mine"}, f"?scope=this&occurrence={tile['occurrence']}")
        else:
            scene.ana.patch(f"{tail}_{day.replace('-', '')}T120000Z", summary="theirs")
        scene.google.check()
        scene.assert_equal()
    special = next(item for item in scene.here() if item["summary"] == "mine")
    scene.patch(str(special["id"]), {"location": "Attic"})
    scene.ana.patch(f"{tail}_20261204T120000Z", description="theirs too")
    scene.google.check()
    scene.assert_equal()
    assert sorted(item["summary"] for item in scene.here()) == ["S"] * 4 + ["mine", "theirs"]


@pytest.mark.parametrize("rule", ["after", "left_out"])
def test_an_occurrence_in_a_skipped_hour_never_stops_the_calendar(scene: Scene, rule: str) -> None:
    scene.google.world.behaviours.skipped_hour = rule
    zone = "America/New_York"
    scene.ana.insert(
        summary="Night", start=at("2027-03-13T02:30:00", zone), end=at("2027-03-13T02:45:00", zone), recurrence=["RRULE:FREQ=DAILY;COUNT=3"]
    )  # fmt: skip
    scene.google.check()
    found = scene.here("2027-03-01T00:00:00Z", "2027-04-01T00:00:00Z")
    skipped = next(item for item in found if item["occurrence"].startswith("2027-03-14"))
    scene.patch(str(skipped["id"]), {"summary": "changed"}, f"?scope=this&occurrence={skipped['occurrence']}")
    scene.create("afterwards")
    scene.google.check()
    assert [e["summary"] for e in scene.ana.list() if e.get("summary") == "afterwards"] == ["afterwards"]
    mark = scene.google.mark()
    for _check in range(5):
        scene.google.check()
    assert scene.google.writes(mark) == [], "nothing is tried for ever"
    texts = [item["summary"] for item in scene.here("2027-03-01T00:00:00Z", "2027-04-01T00:00:00Z")]
    assert texts.count("Night") + texts.count("changed") >= 2, "what was typed or what stands is still there"
