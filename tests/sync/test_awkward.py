"""The awkward world: kinds of events that are not ours to change, calendars that show less than everything, and zones."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from gcal_emulator import schemas

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import selectors
from conversa_calendar.calendars.models import Calendar, Event, Occurrence
from conversa_calendar.connections import gateway
from conversa_calendar.providers.google.transport import Request, Response
from conversa_calendar.sync import running
from conversa_calendar.sync.models import Link, MirrorRun
from tests.support.cast import Cast
from tests.support.google import InProcess, at
from tests.sync.conftest import Scene

TEAM = "c_team@group.calendar.google.com"
BOSS = "boss@acme.example"
SPAN = "from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z"
MORE = {
    "outOfOffice": {"outOfOfficeProperties": {"autoDeclineMode": "declineNone"}},
    "focusTime": {"focusTimeProperties": {"chatStatus": "doNotDisturb"}},
    "workingLocation": {
        "workingLocationProperties": {"type": "homeOffice", "homeOffice": {}},
        "visibility": "public",
        "transparency": "transparent",
    },
}
KINDS = ("outOfOffice", "focusTime", "workingLocation", "fromGmail", "birthday", "somethingNew")
HIDDEN = {"focusTime", "workingLocation", "birthday"}


def _bring(scene: Scene, kind: str) -> str:
    """An event of this kind at Google, which lets people make only some of them."""
    times = {"start": at("2026-12-03T09:00:00"), "end": at("2026-12-03T10:00:00")}
    made = scene.ana.insert(summary=kind, **times, **({"eventType": kind, **MORE[kind]} if kind in MORE else {}))
    if kind not in MORE:
        scene.google.world.calendars[scene.ana.email].events[made["id"]].data["eventType"] = kind
    scene.google.check()
    return str(made["id"])


def _show_all(scene: Scene) -> None:
    with tenant(scene.alice.account_id):
        Calendar.objects.update(hidden_types=[])


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_event_comes_in_as_what_it_is_and_is_never_written(scene: Scene, kind: str) -> None:
    remote_id = _bring(scene, kind)
    assert [item["summary"] for item in scene.here()] == ([] if kind in HIDDEN else [kind])
    _show_all(scene)
    [shown] = scene.here()
    assert shown["event_type"] == kind
    mark = scene.google.mark()
    assert not shown["editable"]["content"]
    answer = scene.alice.call("PATCH", f"events/{shown['id']}", {"summary": "Mine"})
    assert answer.status_code in {403, 422}, answer.content
    assert scene.alice.call("DELETE", f"events/{shown['id']}").status_code in {403, 422}
    native = scene.alice.post("calendars", {"name": "Only here"})["id"]
    assert scene.alice.call("PATCH", f"events/{shown['id']}", {"calendar": native}).status_code in {403, 422}
    for _check in range(3):
        scene.google.check()
    assert scene.google.writes(mark) == [] and scene.ana.get(remote_id)["summary"] == kind


@pytest.mark.parametrize(
    ("kind", "is_busy"), [("outOfOffice", True), ("focusTime", True), ("workingLocation", False), ("birthday", False)]
)
def test_what_a_kind_of_event_does_to_busy_time(scene: Scene, kind: str, is_busy: bool) -> None:
    _bring(scene, kind)
    since, until = datetime(2026, 12, 3, tzinfo=UTC), datetime(2026, 12, 4, tzinfo=UTC)
    with tenant(scene.alice.account_id):
        spans = selectors.busy_spans([scene.mirror.calendar.pk], since, until)
    assert bool(spans.get(scene.mirror.calendar.pk)) is is_busy


def test_kept_as_a_native_copy_such_an_event_can_be_changed(scene: Scene) -> None:
    _bring(scene, "outOfOffice")
    path = f"connections/{scene.connection.uuid}/calendars/{scene.ana.email}"
    scene.alice.put(path, {"mirrored": False, "disposition": "keep"})
    [shown] = scene.here()
    assert shown["editable"]["content"]
    scene.alice.delete(f"events/{shown['id']}")


def _shared(scene: Scene, role: str) -> tuple[Any, dict[str, Any]]:
    """A calendar of the boss's in which one event is private, mirrored by Ana in this role."""
    boss = scene.google.person(BOSS)
    calendar = scene.google.world.add_calendar(TEAM, "Team", BOSS, "UTC")
    scene.google.world.share(calendar, scene.ana.email, role)
    times = {"start": at("2026-12-03T09:00:00"), "end": at("2026-12-03T10:00:00")}
    made = boss.insert(TEAM, summary="Secret plan", location="Attic", visibility="private", **times)
    scene.alice.get(f"connections/{scene.connection.uuid}/calendars?refresh=true")
    scene.google.mirror(scene.alice, scene.connection, TEAM)
    return boss, made


def _in_team(scene: Scene) -> list[dict[str, Any]]:
    with tenant(scene.alice.account_id):
        calendar = Calendar.objects.get(mirror__remote_id=TEAM)
    items: list[dict[str, Any]] = scene.alice.get(f"events?{SPAN}&calendar={calendar.uuid}")["items"]
    return items


@pytest.mark.parametrize("role", ["reader", "writerWithoutPrivateAccess"])
def test_a_private_event_of_somebody_else_is_a_busy_time_without_words(scene: Scene, role: str) -> None:
    boss, made = _shared(scene, role)
    [shown] = _in_team(scene)
    assert "Secret" not in str(shown) and "Attic" not in str(shown)
    boss.patch(made["id"], TEAM, start=at("2026-12-04T09:00:00"), end=at("2026-12-04T10:00:00"))
    mark = scene.google.mark()
    for _check in range(3):
        scene.google.check()
    [moved] = _in_team(scene)
    assert moved["start"]["date_time"].startswith("2026-12-04") and moved["id"] == shown["id"]
    assert scene.google.writes(mark) == []


def test_what_is_masked_later_never_overwrites_what_was_known(scene: Scene) -> None:
    """The role is lowered to one that does not see private events: the words that are known stay, times follow."""
    boss, made = _shared(scene, "writer")
    [shown] = _in_team(scene)
    assert scene.alice.get(f"events/{shown['id']}")["id"] == shown["id"]
    scene.google.world.share(scene.google.world.calendars[TEAM], scene.ana.email, "writerWithoutPrivateAccess")
    boss.patch(made["id"], TEAM, start=at("2026-12-04T09:00:00"), end=at("2026-12-04T10:00:00"))
    scene.google.check()
    mirror = next(row for row in scene.alice.get("mirrors")["items"] if row["google_calendar_id"] == TEAM)
    assert mirror["state"] == "access_reduced", "nothing is applied before somebody looks"
    path = f"connections/{scene.connection.uuid}/calendars/{TEAM}"
    scene.alice.get(f"connections/{scene.connection.uuid}/calendars?refresh=true")
    scene.alice.put(path, {"mirrored": True, "mode": "two_way"})
    mark = scene.google.mark()
    for _check in range(3):
        scene.google.check()
    assert scene.google.writes(mark) == []
    assert boss.get(made["id"], TEAM)["summary"] == "Secret plan"


def test_a_calendar_that_changes_its_zone_moves_no_event(scene: Scene) -> None:
    scene.create("Timed")
    day = {"summary": "Whole day", "start": {"date": "2026-12-05"}, "end": {"date": "2026-12-06"}}
    scene.alice.post("events", {"calendar": scene.calendar, **day})
    scene.create("Series", "2026-12-10T09:00:00-03:00", recurrence=["RRULE:FREQ=WEEKLY;COUNT=3"])
    before = sorted((item["summary"], str(item["start"])) for item in scene.here())
    mark = scene.google.mark()
    scene.ana.call("PATCH", "calendars/primary", {"timeZone": "Asia/Tokyo"})
    scene.google.check()
    assert sorted((item["summary"], str(item["start"])) for item in scene.here()) == before
    assert scene.google.writes(mark + 1) == [], "but for Ana's own change"
    scene.assert_equal()


def test_one_meeting_organised_here_and_answered_there_is_not_merged_into_one(scene: Scene) -> None:
    """Organiser's and guest's copy in two mirrored calendars are two events with one iCalUID: each stays its own."""
    other = scene.google.person(BOSS)
    bosses = scene.google.connect(scene.alice, BOSS)
    scene.google.mirror(scene.alice, bosses, BOSS)
    made = other.insert(
        summary="Both",
        start=at("2026-12-03T09:00:00"),
        end=at("2026-12-03T10:00:00"),
        attendees=[{"email": scene.ana.email}],
    )
    scene.google.check()
    mark = scene.google.mark()
    for _check in range(5):
        scene.google.check()
    assert scene.google.writes(mark) == []
    rows = [item for item in scene.alice.get(f"events?{SPAN}&limit=100")["items"] if item["summary"] == "Both"]
    assert len({row["ical_uid"] for row in rows}) == 1 and len(rows) == 2
    other.delete(made["id"])
    scene.google.check()
    assert not [item for item in scene.alice.get(f"events?{SPAN}&limit=100")["items"] if item["summary"] == "Both"]


def test_a_list_that_goes_in_a_circle_is_given_up_after_a_few_pages(scene: Scene) -> None:
    """It was read until the quota was gone."""

    class Circling(InProcess):
        def send(self, request: Request) -> Response:
            answer = super().send(request)
            if request.method == "GET" and "/events?" in request.url:
                body = json.loads(answer.body) | {"nextPageToken": "again"}
                body.pop("nextSyncToken", None)
                return Response(answer.status, answer.headers, json.dumps(body).encode())
            return answer

    schemas.found.clear()
    gateway.use(Circling(scene.google.app.test_client()))
    MirrorRun.objects.update(next_check_at=None)
    mark = scene.google.mark()
    running.run(scene.mirror.pk)
    assert len(scene.google.journal(mark)) <= 8
    assert scene.alice.get(f"mirrors/{scene.mirror.uuid}")["error"]["code"] == "pageToken"


def test_a_known_event_that_cannot_be_read_any_more_says_so_until_it_can(scene: Scene) -> None:
    made = scene.create("Travels")
    remote_id = scene.remote_id(made["id"])
    scene.ana.patch(remote_id, location="Lima")
    known = scene.google.world.calendars[scene.ana.email].events[remote_id]
    stored = known.data
    stored["recurrence"] = 7
    known.encoded.clear()
    scene.google.check()
    shown = scene.alice.get(f"events/{made['id']}")
    assert shown["sync"]["state"] == "parked" and "cannot be read" in shown["sync"]["message"]
    del stored["recurrence"]
    scene.ana.patch(remote_id, location="Quito")
    schemas.found.clear()
    scene.google.check()
    shown = scene.alice.get(f"events/{made['id']}")
    assert (shown["sync"]["state"], shown["location"]) == ("synced", "Quito")
    scene.assert_equal()


def test_what_was_set_aside_is_named(scene: Scene) -> None:
    there = scene.ana.insert(summary="Odd", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"))
    scene.google.world.calendars[scene.ana.email].events[there["id"]].data["recurrence"] = 7
    scene.google.check()
    schemas.found.clear()
    [item] = scene.alice.get(f"mirrors/{scene.mirror.uuid}")["set_aside"]
    assert (item["google_event_id"], item["summary"]) == (there["id"], "Odd") and item["reason"]


def test_a_deep_check_reports_what_was_missing_here(scene: Scene) -> None:
    """Google had never listed it."""
    there = scene.ana.insert(summary="Missed", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"))
    scene.google.check()
    with tenant(scene.alice.account_id):
        Link.objects.filter(remote_id=there["id"]).delete()
        Occurrence.objects.filter(event__remote_id=there["id"]).delete()
        Event.objects.filter(remote_id=there["id"]).delete()
    report = scene.alice.post(f"mirrors/{scene.mirror.uuid}/check")
    [found] = scene.here()
    assert {"event": found["id"], "kind": "missing here"} in report["repaired"]


def test_what_was_set_aside_is_read_again_or_put_out_of_sight_by_program_and_page(scene: Scene, cast: Cast) -> None:
    made = [
        scene.ana.insert(summary=name, start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"))["id"]
        for name in ("Odd", "Strange")
    ]
    known = scene.google.world.calendars[scene.ana.email].events
    for event_id in made:
        known[event_id].data["recurrence"] = 7
    scene.google.check()
    odd, strange = scene.alice.get("set-aside")["items"]
    assert (odd["summary"], odd["kind"], odd["actions"]) == ("Odd", "unreadable", ["retry", "dismiss"])
    assert odd["reason"] and odd["mirror"] == str(scene.mirror.uuid)
    del known[made[0]].data["recurrence"]
    known[made[0]].encoded.clear()
    schemas.found.clear()
    assert scene.alice.call("POST", f"set-aside/{odd['id']}/retry").status_code == 204
    scene.google.settle()
    assert [item["summary"] for item in scene.here()] == ["Odd"]
    browser = scene.alice.browser()
    page = browser.get("/connections").content.decode()
    assert strange["id"] in page and "Dismiss" in page
    browser.post(f"/mirrors/{scene.mirror.uuid}/dismiss", {"key": strange["id"]})
    assert scene.alice.get("set-aside")["items"] == []
    assert scene.alice.get(f"mirrors/{scene.mirror.uuid}")["pending"]["parked"] == 0
    assert cast.bob.call("POST", f"set-aside/{strange['id']}/retry").status_code == 404
    schemas.found.clear()


def test_the_title_of_what_was_set_aside_is_masked_as_always(scene: Scene, cast: Cast) -> None:
    times = {"start": at("2026-12-03T09:00:00"), "end": at("2026-12-03T10:00:00")}
    there = scene.ana.insert(summary="CANARY", visibility="private", **times)
    scene.google.world.calendars[scene.ana.email].events[there["id"]].data["recurrence"] = 7
    scene.google.check()
    schemas.found.clear()
    answer = scene.alice.call("GET", "set-aside")
    assert answer.json()["items"][0]["summary"] == "Busy" and b"CANARY" not in answer.content
    assert cast.bob.get("set-aside")["items"] == []
