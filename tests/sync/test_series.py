"""Series, overrides, cancelled occurrences and every editing scope, from either side."""

from typing import Any

import pytest
from gcal_emulator import schemas

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.sync.models import Mirror
from conversa_calendar.sync.pull import pulling
from tests.support.google import at
from tests.sync.conftest import Scene

WEEKLY = ["RRULE:FREQ=WEEKLY;COUNT=8"]


def _series(scene: Scene, **body: object) -> str:
    return str(scene.create("weekly", recurrence=WEEKLY, **body)["id"])


def _occurrence(n: int) -> str:
    return f"2026-12-{1 + 7 * n:02d}T12:00:00Z"


def test_series_made_here_has_the_same_occurrences_there(scene: Scene) -> None:
    _series(scene)
    assert len(scene.here()) == 8
    scene.assert_equal()


def test_series_made_there_with_override_and_cancelled_occurrence_comes_in(scene: Scene) -> None:
    made = scene.ana.insert(
        summary="s", start=at("2026-12-01T09:00:00"), end=at("2026-12-01T10:00:00"), recurrence=WEEKLY
    )
    scene.ana.patch(
        f"{made['id']}_20261208T120000Z",
        summary="moved",
        start=at("2026-12-09T15:00:00"),
        end=at("2026-12-09T16:00:00"),
    )
    scene.ana.delete(f"{made['id']}_20261215T120000Z")
    scene.google.check()
    assert sorted(e["summary"] for e in scene.here()) == ["moved"] + ["s"] * 6
    scene.assert_equal()


def test_edit_of_one_occurrence_here(scene: Scene) -> None:
    series = _series(scene)
    scene.patch(series, {"summary": "special", "location": "Room 2"}, f"?scope=this&occurrence={_occurrence(1)}")
    assert sorted(e["summary"] for e in scene.here()) == ["special"] + ["weekly"] * 7
    scene.assert_equal()


def test_two_occurrences_edited_in_a_row_and_one_again(scene: Scene) -> None:
    series = _series(scene)
    first = scene.patch(series, {"summary": "one"}, f"?scope=this&occurrence={_occurrence(1)}", settle=False)
    scene.patch(series, {"summary": "two"}, f"?scope=this&occurrence={_occurrence(2)}")
    scene.patch(first["id"], {"summary": "one again"})
    assert sorted(e["summary"] for e in scene.here())[:2] == ["one again", "two"]
    scene.assert_equal()


def test_occurrence_cancelled_here(scene: Scene) -> None:
    series = _series(scene)
    scene.alice.delete(f"events/{series}?scope=this&occurrence={_occurrence(2)}")
    scene.google.settle()
    assert len(scene.here()) == 7
    scene.assert_equal()


def test_cancelled_occurrence_stays_cancelled_when_the_series_is_edited(scene: Scene) -> None:
    series = _series(scene)
    scene.alice.delete(f"events/{series}?scope=this&occurrence={_occurrence(2)}")
    scene.google.settle()
    scene.patch(series, {"summary": "renamed"}, "?scope=all")
    scene.ana.patch(scene.remote_id(series), location="there")
    scene.google.check()
    assert len(scene.here()) == 7 and {e["summary"] for e in scene.here()} == {"renamed"}
    scene.assert_equal()


def test_this_and_following_here(scene: Scene) -> None:
    series = _series(scene)
    split = scene.patch(series, {"summary": "later"}, f"?scope=following&occurrence={_occurrence(3)}")
    assert split["previous"] == series and split["event"]["id"] != series
    assert sorted(e["summary"] for e in scene.here()) == ["later"] * 5 + ["weekly"] * 3
    scene.assert_equal()


def test_this_and_following_carries_later_overrides(scene: Scene) -> None:
    series = _series(scene)
    scene.patch(series, {"location": "special"}, f"?scope=this&occurrence={_occurrence(4)}")
    later = {"start": {"date_time": "2026-12-15T11:00:00-03:00", "time_zone": "America/Sao_Paulo"}}
    scene.patch(series, later, "?scope=following&occurrence=2026-12-15T12:00:00Z")
    places = [e["location"] for e in scene.here()]
    assert len(places) == 8 and places.count("special") == 1
    scene.assert_equal()


def test_following_at_the_first_occurrence_is_all(scene: Scene) -> None:
    series = _series(scene)
    split = scene.patch(series, {"summary": "all"}, f"?scope=following&occurrence={_occurrence(0)}")
    assert split["event"]["id"] == series
    assert {e["summary"] for e in scene.here()} == {"all"}
    scene.assert_equal()


def test_following_deleted_here(scene: Scene) -> None:
    series = _series(scene)
    scene.alice.delete(f"events/{series}?scope=following&occurrence={_occurrence(3)}")
    scene.google.settle()
    assert len(scene.here()) == 3
    scene.assert_equal()


def test_whole_series_deleted_here_and_there(scene: Scene) -> None:
    series = _series(scene)
    scene.patch(series, {"summary": "x"}, f"?scope=this&occurrence={_occurrence(1)}")
    scene.alice.delete(f"events/{series}?scope=all")
    scene.google.settle()
    assert scene.here() == [] and scene.there() == []
    other = _series(scene)
    scene.patch(other, {"summary": "x"}, f"?scope=this&occurrence={_occurrence(1)}")
    scene.ana.delete(scene.remote_id(other))
    scene.google.check()
    assert scene.here() == []
    scene.assert_equal()


@pytest.mark.parametrize("policy", ["keep", "drop", "shift"])
def test_series_moved_here_with_an_override_under_every_policy_of_google(scene: Scene, policy: str) -> None:
    scene.google.world.behaviours.master_move = policy
    series = _series(scene)
    scene.patch(series, {"location": "special"}, f"?scope=this&occurrence={_occurrence(2)}")
    later = {"start": {"date_time": "2026-12-01T10:30:00-03:00", "time_zone": "America/Sao_Paulo"}}
    scene.patch(series, later, "?scope=all")
    scene.google.check()
    rows = scene.here()
    assert len(rows) == 8 and [r["location"] for r in rows].count("special") == 1
    assert all("T10:30" in r["start"]["date_time"] for r in rows)
    scene.assert_equal()


@pytest.mark.parametrize("policy", ["flow", "keep", "overwrite"])
def test_series_renamed_here_with_an_override_under_every_policy_of_google(scene: Scene, policy: str) -> None:
    scene.google.world.behaviours.master_edit = policy
    series = _series(scene)
    scene.patch(series, {"location": "special"}, f"?scope=this&occurrence={_occurrence(2)}")
    scene.patch(series, {"summary": "renamed"}, "?scope=all")
    scene.google.check()
    assert {e["summary"] for e in scene.here()} == {"renamed"}
    scene.assert_equal()


def test_this_and_following_as_googles_own_page_does_it(scene: Scene) -> None:
    series = _series(scene)
    scene.google.control(
        "ui/split-series",
        {
            "calendar_id": scene.ana.email,
            "event_id": scene.remote_id(series),
            "original_start": "2026-12-15T12:00:00+00:00",
            "changes": {"summary": "split there"},
        },
    )
    scene.google.check()
    assert sorted(e["summary"] for e in scene.here()) == ["split there"] * 6 + ["weekly"] * 2
    scene.assert_equal()


def test_single_event_becomes_a_series_and_single_again(scene: Scene) -> None:
    made = scene.create("x")
    scene.patch(made["id"], {"recurrence": ["RRULE:FREQ=DAILY;COUNT=3"]})
    assert len(scene.here()) == 3
    scene.assert_equal()
    scene.patch(made["id"], {"recurrence": []}, "?scope=all")
    assert len(scene.here()) == 1
    scene.assert_equal()


def test_an_unsent_edit_of_an_occurrence_is_kept_when_google_makes_its_series_a_single_event(scene: Scene) -> None:
    made = scene.create("Travels", recurrence=["RRULE:FREQ=DAILY;COUNT=3"])
    query = "?scope=this&occurrence=2026-12-02T12:00:00Z"
    typed = scene.patch(made["id"], {"summary": "Typed here"}, query, settle=False)
    scene.ana.patch(scene.remote_id(made["id"]), recurrence=[])
    scene.google.check()
    assert [item["summary"] for item in scene.here()] == ["Travels"]
    lost = [entry["lost"] for entry in scene.alice.get(f"events/{typed['id']}/history")["items"]]
    assert {"summary": "Typed here"} in lost
    scene.assert_equal()


def test_all_day_becomes_timed_and_back(scene: Scene) -> None:
    made = scene.create("x")
    scene.patch(made["id"], {"start": {"date": "2026-12-05"}, "end": {"date": "2026-12-07"}})
    scene.assert_equal()
    times = {
        side: {"date_time": f"2026-12-05T{hour}:00:00-03:00", "time_zone": "America/Sao_Paulo"}
        for side, hour in (("start", "09"), ("end", "10"))
    }
    scene.patch(made["id"], times)
    scene.assert_equal()


def test_series_keeps_its_hour_over_a_clock_change(scene: Scene) -> None:
    scene.ana.insert(
        summary="ny",
        start=at("2027-02-20T09:00:00", "America/New_York"),
        end=at("2027-02-20T10:00:00", "America/New_York"),
        recurrence=["RRULE:FREQ=WEEKLY;COUNT=6"],
    )
    scene.google.check()
    rows = scene.here("2027-02-01T00:00:00Z", "2027-05-01T00:00:00Z")
    assert {r["start"]["date_time"][11:16] for r in rows} == {"09:00"} and len(rows) == 6
    assert {r["start"]["date_time"][-6:] for r in rows} == {"-05:00", "-04:00"}


def test_override_of_an_unseen_series_stands_alone_until_its_series_comes(scene: Scene) -> None:
    boss = scene.google.person("boss@acme.example")
    series = boss.insert(summary="s", start=at("2026-12-01T09:00:00"), end=at("2026-12-01T10:00:00"), recurrence=WEEKLY)
    boss.patch(f"{series['id']}_20261208T120000Z", attendees=[{"email": scene.ana.email}])
    scene.google.check()
    scene.google.control("expire-sync-tokens", {})
    scene.google.check()
    assert [e["summary"] for e in scene.here()] == ["s"]
    alone = scene.here()[0]["id"]
    boss.patch(series["id"], attendees=[{"email": scene.ana.email}])
    scene.google.check()
    assert len(scene.here()) == 8
    [met] = [item for item in scene.here() if item["start"]["date_time"].startswith("2026-12-08")]
    assert (met["id"], met["kind"]) == (alone, "override")
    scene.assert_equal()


def test_an_invitation_to_one_occurrence_of_somebodys_series_is_seen_at_once(scene: Scene) -> None:
    """It was invisible, and its time offered, until the weekly check."""
    boss = scene.google.person("boss@acme.example")
    series = boss.insert(summary="s", start=at("2026-12-01T09:00:00"), end=at("2026-12-01T10:00:00"), recurrence=WEEKLY)
    boss.patch(f"{series['id']}_20261208T120000Z", attendees=[{"email": scene.ana.email}])
    scene.google.check()
    [alone] = scene.here()
    assert alone["summary"] == "s" and alone["start"]["date_time"].startswith("2026-12-08")
    boss.patch(series["id"], attendees=[{"email": scene.ana.email}])
    scene.google.check()
    assert len(scene.here()) == 8
    scene.assert_equal()


@pytest.mark.parametrize("page", ["short", "empty_first"])
def test_pages_of_every_shape_are_followed(scene: Scene, page: str) -> None:
    scene.google.world.behaviours.page = page
    for n in range(7):
        scene.ana.insert(
            summary=f"e{n}", start=at(f"2026-12-{n + 1:02d}T09:00:00"), end=at(f"2026-12-{n + 1:02d}T10:00:00")
        )
    scene.google.check()
    assert len(scene.here()) == 7
    scene.google.world.behaviours.page = "full"
    scene.assert_equal()


def _daily(scene: Scene, summary: str = "Standup") -> dict[str, Any]:
    return scene.create(summary, recurrence=["RRULE:FREQ=DAILY;COUNT=4"])


def test_an_edit_of_the_series_at_google_is_not_missed_after_a_refused_write_to_an_occurrence(scene: Scene) -> None:
    series = _daily(scene)
    remote_id = scene.remote_id(series["id"])
    scene.ana.patch(remote_id, location="Room 4")  # not listed here yet
    scene.patch(series["id"], {"summary": "Short"}, "?scope=this&occurrence=2026-12-02T12:00:00Z")
    assert {item["location"] for item in scene.here()} == {"Room 4"}
    scene.assert_equal()


def test_a_cancelled_occurrence_stays_cancelled_when_the_answer_is_lost_before_google_acts(scene: Scene) -> None:
    series = _daily(scene)
    match = {"method": "PATCH", "path": "*_20261202T120000Z"}
    scene.google.control("faults", {"match": match, "effect": {"drop": "before"}, "times": 1})
    scene.alice.delete(f"events/{series['id']}?scope=this&occurrence=2026-12-02T12:00:00Z")
    scene.google.settle()
    assert len(scene.here()) == len(scene.there()) == 3
    scene.assert_equal()


def test_what_is_written_to_the_series_flows_into_a_changed_occurrence_on_both_sides(scene: Scene) -> None:
    series = _daily(scene)
    scene.patch(series["id"], {"location": "Room 4"}, "?scope=this&occurrence=2026-12-02T12:00:00Z")
    scene.patch(series["id"], {"summary": "Sync"}, "?scope=all")
    assert {item["summary"] for item in scene.here()} == {"Sync"}
    scene.assert_equal()


def test_an_occurrence_in_the_hour_that_a_clock_skips_is_listed_and_edited(scene: Scene) -> None:
    """Once such an occurrence hid every event of any window that held it."""
    zone, since, until = "America/New_York", "2027-03-01T00:00:00Z", "2027-04-01T00:00:00Z"
    body = {"start": {"date_time": "2027-03-13T02:30:00", "time_zone": zone}, "summary": "Backup"}
    made = scene.alice.post("events", {"calendar": scene.calendar, "recurrence": ["RRULE:FREQ=DAILY;COUNT=3"]} | body)
    scene.google.settle()
    starts = [item["start"]["date_time"] for item in scene.here(since, until)]
    assert [text[8:16] for text in starts] == ["13T02:30", "14T03:30", "15T02:30"]
    skipped = scene.here(since, until)[1]
    scene.patch(made["id"], {"summary": "Late backup"}, f"?scope=this&occurrence={skipped['occurrence']}")
    shown = {item["summary"] for item in scene.here(since, until)}
    assert shown == {"Backup", "Late backup"}
    there = {e.get("summary") for e in scene.ana.list()}
    assert there == {"Backup", "Late backup"}
    scene.assert_equal()


def test_an_occurrence_changed_at_google_does_not_outlive_a_series_deleted_here_meanwhile(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page was read before the deletion and applied after it."""
    rule = ["RRULE:FREQ=DAILY;COUNT=4"]
    start, end = at("2026-12-01T09:00:00"), at("2026-12-01T10:00:00")
    there = scene.ana.insert(summary="S", start=start, end=end, recurrence=rule)["id"]
    scene.google.check()
    series = scene.here()[0]["id"]
    scene.ana.patch(f"{there}_20261202T120000Z", summary="special")
    plain = pulling._apply_page

    def deleted_meanwhile(*args: Any) -> None:
        monkeypatch.setattr(pulling, "_apply_page", plain)
        assert scene.alice.call("DELETE", f"events/{series}?scope=all").status_code == 204
        plain(*args)

    monkeypatch.setattr(pulling, "_apply_page", deleted_meanwhile)
    scene.google.check()
    assert scene.here() == [] and scene.ana.list() == []
    scene.assert_equal()


@pytest.mark.parametrize("there", ["edited", "renamed", "cancelled"])
def test_an_occurrence_changed_on_both_sides_before_the_first_send(scene: Scene, there: str) -> None:
    """After a failure the pull comes first: it meets a change of ours that has no link yet."""
    rule = ["RRULE:FREQ=DAILY;COUNT=4"]
    start, end = at("2026-12-01T09:00:00"), at("2026-12-01T10:00:00")
    series = scene.ana.insert(summary="S", start=start, end=end, recurrence=rule)["id"]
    scene.google.check()
    tile = next(item for item in scene.here() if item["occurrence"].startswith("2026-12-02"))
    scene.patch(str(tile["id"]), {"summary": "mine"}, f"?scope=this&occurrence={tile['occurrence']}", settle=False)
    instance = f"{series}_20261202T120000Z"
    if there == "edited":
        scene.ana.patch(instance, location="Attic")
    elif there == "renamed":
        scene.ana.patch(instance, summary="theirs")
    else:
        scene.ana.delete(instance)
    with tenant(scene.alice.account_id):
        Mirror.objects.update(failures=1)
    scene.google.check()
    shown = [(item["summary"], item["location"]) for item in scene.here()]
    own = {"edited": [("mine", "Attic")], "renamed": [("theirs", "")], "cancelled": []}[there]
    assert sorted(shown) == sorted([("S", "")] * 3 + own)
    scene.assert_equal()


@pytest.mark.parametrize("is_restored", [False, True])
@pytest.mark.parametrize("listing", ["changes", "full"])
def test_an_occurrence_changed_at_google_goes_with_a_series_whose_deletion_is_not_sent_yet(
    scene: Scene, listing: str, is_restored: bool
) -> None:
    """A full listing once made it an event of its own, which then stood only here."""
    start, end = at("2026-12-01T09:00:00"), at("2026-12-01T10:00:00")
    there = scene.ana.insert(summary="S", start=start, end=end, recurrence=["RRULE:FREQ=DAILY;COUNT=4"])["id"]
    scene.google.check()
    series = scene.here()[0]["id"]
    assert scene.alice.call("DELETE", f"events/{series}?scope=all").status_code == 204
    scene.ana.patch(f"{there}_20261202T120000Z", summary="special")
    if listing == "full":
        scene.google.control("expire-sync-tokens", {})
    with tenant(scene.alice.account_id):
        Mirror.objects.update(failures=1)  # after a failure the pull comes first
    if is_restored:
        scene.google.control("faults", {"match": {"method": "DELETE"}, "effect": {"status": 503}, "times": 1})
        scene.google.settle_once()
        scene.alice.post(f"trash/{series}/restore")
    scene.google.check()
    shown = sorted(item["summary"] for item in scene.here())
    assert shown == (["S", "S", "S", "special"] if is_restored else [])
    assert sorted(item["summary"] for item in scene.there()) == shown
    scene.assert_equal()


@pytest.mark.parametrize("policy", ["keep", "drop", "shift"])
@pytest.mark.parametrize("change", ["edited", "cancelled"])
@pytest.mark.parametrize("there", ["shortened", "moved"])
def test_a_series_moved_here_whose_new_times_lose_against_googles_keeps_its_exceptions(
    scene: Scene, policy: str, change: str, there: str
) -> None:
    """The exceptions had followed to the times that lost; here they stood nowhere afterwards."""
    scene.google.world.behaviours.master_move = policy
    series = _series(scene)
    if change == "edited":
        scene.patch(series, {"location": "special"}, f"?scope=this&occurrence={_occurrence(2)}")
    else:
        scene.alice.delete(f"events/{series}?scope=this&occurrence={_occurrence(2)}")
        scene.google.settle()
    later = {"start": {"date_time": "2026-12-02T10:30:00-03:00", "time_zone": "America/Sao_Paulo"}}
    scene.patch(series, later, "?scope=all", settle=False)
    if there == "moved":
        times = {"start": at("2026-12-01T11:00:00"), "end": at("2026-12-01T12:00:00")}
        scene.ana.patch(scene.remote_id(series), **times)
    else:
        scene.ana.patch(scene.remote_id(series), recurrence=["RRULE:FREQ=WEEKLY;COUNT=5"])
    scene.google.check()
    rows = scene.here()
    times_here = {row["start"]["date_time"][11:16] for row in rows}
    assert "10:30" not in times_here and ("11:00" if there == "moved" else "09:00") in times_here
    scene.assert_equal()
    if there == "shortened":
        assert len(rows) == (5 if change == "edited" else 4)
        assert [row["location"] for row in rows].count("special") == (change == "edited")


@pytest.mark.parametrize("way", ["plain", "whole"])
@pytest.mark.parametrize("change", ["edited", "cancelled"])
@pytest.mark.parametrize("by", ["here", "there"])
def test_a_series_restored_at_google_comes_back_with_the_exceptions_that_google_shows(
    scene: Scene, way: str, change: str, by: str
) -> None:
    scene.google.world.behaviours.restored_series = way
    series = _series(scene)
    remote_id = scene.remote_id(series)
    instance = f"{remote_id}_20261215T120000Z"
    if change == "edited":
        scene.ana.patch(instance, location="special")
    else:
        scene.ana.delete(instance)
    scene.google.check()
    if by == "here":
        scene.alice.delete(f"events/{series}?scope=all")
        scene.google.settle()
    else:
        scene.ana.delete(remote_id)
    scene.google.check()
    assert scene.here() == []
    scene.ana.patch(remote_id, status="confirmed")
    scene.google.check()
    scene.assert_equal()
    assert len(scene.here()) == (7 if (change, way) == ("cancelled", "whole") else 8)
    assert [row["location"] for row in scene.here()].count("special") == ((change, way) == ("edited", "whole"))


def test_an_occurrence_does_not_stand_beside_its_series_that_could_not_be_read_before(scene: Scene) -> None:
    """It once became an event of its own and stayed one when the series could be read at last."""
    times = {"start": at("2026-12-01T09:00:00"), "end": at("2026-12-01T10:00:00")}
    series = scene.ana.insert(summary="S", recurrence=WEEKLY, **times)["id"]
    scene.ana.patch(f"{series}_20261208T120000Z", location="special")
    stored = scene.google.world.calendars[scene.ana.email].events[series].data
    stored["recurrence"] = 7
    scene.google.control("expire-sync-tokens", {})
    scene.google.check()
    schemas.found.clear()
    assert scene.here() == []
    stored["recurrence"] = WEEKLY
    scene.ana.patch(series, summary="T")
    scene.google.check()
    assert len(scene.here()) == 8
    scene.assert_equal()


def test_an_occurrence_of_a_series_that_google_refused_says_so_and_takes_it_along_when_it_is_edited(
    scene: Scene,
) -> None:
    """Changed before its series was refused, it alone was shown, and waited without a word."""
    effect = {"status": 403, "reason": "forbiddenForNonOrganizer", "domain": "calendar"}
    scene.google.control("faults", {"match": {"method": "POST", "path": "*/events"}, "effect": effect, "times": 1})
    times = {"start": {"date_time": "2026-12-01T09:00:00-03:00", "time_zone": "America/Sao_Paulo"}}
    body = {"calendar": scene.calendar, "summary": "Once", "recurrence": ["RRULE:FREQ=DAILY;COUNT=1"], **times}
    series = scene.alice.post("events", body)
    scope = "?scope=this&occurrence=2026-12-01T12:00:00Z"
    scene.patch(series["id"], {"location": "Attic"}, scope)
    [shown] = scene.here()
    assert shown["kind"] == "override" and shown["sync"]["state"] == "refused" and "refused" in shown["sync"]["message"]
    browser = scene.alice.browser()
    [tile] = browser.get("/calendar/feed?start=2026-12-01T00:00:00Z&end=2026-12-03T00:00:00Z").json()
    assert tile["state"] == "refused"
    assert b"Google refused this change" in browser.get(f"/events/{shown['id']}").content
    scene.patch(series["id"], {"location": "Cellar"}, scope)
    [there] = scene.there()
    assert there["location"] == "Cellar" and scene.here()[0]["sync"]["state"] == "synced"
    scene.assert_equal()


def test_an_exception_says_that_google_refused_its_series(scene: Scene) -> None:
    """All that is left here of a series whose end Google refused to move: both stood there whole, and nothing was said."""
    series = scene.create("Daily", recurrence=["RRULE:FREQ=DAILY;COUNT=3"])
    day = "&occurrence=2026-12-01T12:00:00Z"
    scene.patch(series["id"], {"location": "Attic"}, f"?scope=this{day}")
    effect = {"status": 403, "reason": "forbiddenForNonOrganizer", "domain": "calendar"}
    path = f"*/events/{scene.remote_id(series['id'])}"
    scene.google.control("faults", {"match": {"method": "PATCH", "path": path}, "effect": effect, "times": 1})
    scene.alice.delete(f"events/{series['id']}?scope=following&occurrence=2026-12-02T12:00:00Z")
    scene.google.settle()
    [shown] = scene.here()
    assert shown["kind"] == "override" and shown["sync"]["state"] == "refused" and "refused" in shown["sync"]["message"]
    browser = scene.alice.browser()
    [tile] = browser.get("/calendar/feed?start=2026-12-01T00:00:00Z&end=2026-12-05T00:00:00Z").json()
    assert tile["state"] == "refused" and len(scene.there()) == 3
    scene.patch(series["id"], {"location": "Cellar"}, f"?scope=this{day}")
    assert [item["location"] for item in scene.there()] == ["Cellar"]
    assert scene.here()[0]["sync"]["state"] == "synced"
    scene.assert_equal()


def test_a_refused_change_that_leaves_nothing_of_a_series_to_be_seen_is_undone_here(scene: Scene) -> None:
    """Its only remaining occurrence is cancelled: the series stood at Google, and nobody here could know."""
    series = scene.create("Daily", recurrence=["RRULE:FREQ=DAILY;COUNT=4"])
    scene.alice.delete(f"events/{series['id']}?scope=this&occurrence=2026-12-01T12:00:00Z")
    scene.patch(series["id"], {"location": "Attic"}, "?scope=this&occurrence=2026-12-03T12:00:00Z")
    effect = {"status": 403, "reason": "forbiddenForNonOrganizer", "domain": "calendar"}
    path = f"*/events/{scene.remote_id(series['id'])}"
    scene.google.control("faults", {"match": {"method": "PATCH", "path": path}, "effect": effect, "times": 1})
    following = f"events/{series['id']}?scope=following&occurrence=2026-12-02T12:00:00Z"
    scene.alice.delete(following)
    for _check in range(3):
        scene.google.check()
    assert [item["location"] for item in scene.here()] == ["", "Attic", ""]
    assert "refused" in {item["sync"]["state"] for item in scene.here()}
    scene.assert_equal()
    scene.alice.delete(following)
    for _check in range(3):
        scene.google.check()
    assert scene.here() == [] and scene.there() == []


def test_a_refused_change_of_a_series_from_long_ago_stays(scene: Scene) -> None:
    """None of its occurrences is kept ready, which is not the same as that it has none."""
    start = "2020-12-01T09:00:00-03:00"
    series = scene.create("Daily", start, recurrence=["RRULE:FREQ=DAILY;COUNT=4"])
    effect = {"status": 403, "reason": "forbiddenForNonOrganizer", "domain": "calendar"}
    path = f"*/events/{scene.remote_id(series['id'])}"
    scene.google.control("faults", {"match": {"method": "PATCH", "path": path}, "effect": effect, "times": 1})
    scene.patch(series["id"], {"location": "Attic"}, "?scope=all")
    shown = scene.alice.get(f"events/{series['id']}")
    assert (shown["location"], shown["sync"]["state"]) == ("Attic", "refused")


def test_an_exception_of_a_series_taken_out_here_goes_with_it(scene: Scene) -> None:
    """Changed at Google after that and listed before the deletion was sent, it stayed here alone."""
    series = scene.create("Daily", recurrence=["RRULE:FREQ=DAILY;COUNT=3"])
    native = scene.alice.post("calendars", {"name": "Only here"})["id"]
    scene.patch(series["id"], {"calendar": native}, "?scope=all", settle=False)
    scene.ana.patch(scene.there()[1]["id"], location="Attic")
    with tenant(scene.alice.account_id):
        Mirror.objects.filter(pk=scene.mirror.pk).update(failures=1)  # after a failure the pull comes first
    scene.google.control("expire-sync-tokens", {})
    scene.google.check()
    assert scene.there() == [] and scene.here() == []
