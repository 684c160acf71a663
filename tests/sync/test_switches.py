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
    ("orphan_master_status", 403),
    ("empty_items", "absent"),
    ("masked_event", "times"),
    ("page_size_bound", True),
    ("put_conference", "keep"),
    ("import_deleted", "refuse"),
    ("property_filter", "any"),
    ("push_sync_first", True),
    ("stop_trickle_s", 60.0),
    ("channel_lifetime_days", 30.0),
    ("batch_limit", 50),
    ("propagate_attendees", False),
    ("refuse_push", True),
]


@pytest.mark.parametrize(("name", "value"), VARIANTS, ids=lambda value: str(value))
def test_one_story_under_each_plausible_behaviour(scene: Scene, name: str, value: Any) -> None:
    setattr(scene.google.world.behaviours, name, value)
    made = scene.create("here", conference={"wanted": True}, reminders={"use_default": False, "overrides": []})
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
