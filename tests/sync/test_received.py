"""What other calendars hold: rules, zones, guests and texts that nobody here would type. It is shown, it can be changed
where somebody changes it, and it never harms anything beside itself."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import selectors
from conversa_calendar.connections import gateway
from conversa_calendar.providers.google.transport import Request, Response
from conversa_calendar.sync.models import Link
from tests.support.google import InProcess, at
from tests.sync.conftest import Scene

NINE, TEN = at("2026-12-01T09:00:00"), at("2026-12-01T10:00:00")
NEW_YORK = "America/New_York"


def _bring(scene: Scene, odd: dict[str, Any] | None = None, **event: Any) -> dict[str, Any]:
    """An event at Google that holds what its API would refuse today, as old ones do."""
    made = scene.ana.insert(**{"summary": "E", "start": NINE, "end": TEN} | event)
    scene.google.world.calendars[scene.ana.email].events[made["id"]].data.update(odd or {})
    scene.google.check()
    return made


def _starts(scene: Scene, until: str = "2027-09-01T00:00:00Z") -> list[str]:
    return sorted(item["start"].get("date") or item["start"]["date_time"][:16] for item in scene.here(until=until))


def _only(scene: Scene) -> dict[str, Any]:
    return scene.here()[0]


def test_days_that_a_rule_excludes_are_free_and_stay_so_after_every_edit(scene: Scene) -> None:
    lines = ["RRULE:FREQ=DAILY;COUNT=8", "EXRULE:FREQ=WEEKLY;BYDAY=SA,SU"]
    span = {"start": at("2027-02-01T09:00:00", NEW_YORK), "end": at("2027-02-01T10:00:00", NEW_YORK)}
    _bring(scene, recurrence=lines, **span)
    days = [f"2027-02-0{day}T09:00" for day in (1, 2, 3, 4, 5, 8)]
    assert _starts(scene) == days
    series = _only(scene)["id"]
    scene.patch(series, {"summary": "Weekdays"}, "?scope=all")
    scene.assert_equal()
    scene.patch(series, {"summary": "Tail"}, "?scope=following&occurrence=2027-02-05T14:00:00Z")
    assert _starts(scene) == days
    scene.assert_equal()


@pytest.mark.parametrize("moved", ["2026-12-18T09:00:00", "2026-12-14T09:00:00"])
@pytest.mark.parametrize("way", ["edit", "delete"])
def test_a_series_is_divided_where_an_occurrence_was_not_where_it_was_moved(scene: Scene, moved: str, way: str) -> None:
    made = _bring(scene, recurrence=["RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=6"])
    end = moved.replace("T09", "T10")
    scene.ana.patch(f"{made['id']}_20261215T120000Z", start=at(moved), end=at(end))
    scene.google.check()
    series = next(item["id"] for item in scene.here() if item["occurrence"] == "2026-12-01T12:00:00Z")
    query = "?scope=following&occurrence=2026-12-15T12:00:00Z"
    if way == "edit":
        scene.patch(series, {"summary": "tail"}, query)
        days = ["2026-12-01", "2026-12-08", moved[:10], "2026-12-22", "2026-12-29", "2027-01-05"]
    else:
        scene.alice.delete(f"events/{series}{query}")
        scene.google.settle()
        days = ["2026-12-01", "2026-12-08"]
    assert [start[:10] for start in _starts(scene)] == days
    scene.assert_equal()


def test_what_was_typed_at_a_moved_occurrence_is_where_the_rest_goes(scene: Scene) -> None:
    made = _bring(scene, recurrence=["RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=4"])
    times = {"start": at("2026-12-09T09:00:00"), "end": at("2026-12-09T10:00:00")}
    scene.ana.patch(f"{made['id']}_20261208T120000Z", **times)
    scene.google.check()
    series = next(item["id"] for item in scene.here() if item["occurrence"] == "2026-12-01T12:00:00Z")
    start = {"date_time": "2026-12-10T11:00:00", "time_zone": "America/Sao_Paulo"}
    scene.patch(series, {"start": start}, "?scope=following&occurrence=2026-12-08T12:00:00Z")
    assert _starts(scene) == ["2026-12-01T09:00", "2026-12-10T11:00", "2026-12-17T11:00", "2026-12-24T11:00"]
    scene.assert_equal()


ODD: list[dict[str, Any]] = [
    {"end": "no length"},
    {"attendees": [{"email": "person(2002)@unknown.example"}, {"email": "list@intranet"}]},
    {"attendees": [{"email": "1154321", "displayName": "Phone guest"}, {"email": "lee@example.com"}]},
    {"attendees": [{"email": "Kim@Example.com"}, {"email": "kim@example.com"}]},
    {"attendees": [{"email": f"g{number}@example.com"} for number in range(250)]},
    {"colorId": "24"},
    {"reminders": {"useDefault": False, "overrides": [{"method": "sms", "minutes": 60}]}},
    {"summary": "L" * 3000},
]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: next(iter(odd)))
def test_one_odd_field_does_not_keep_another_from_being_changed(scene: Scene, odd: dict[str, Any]) -> None:
    made = scene.ana.insert(summary="E", start=NINE, end=TEN)
    stored = scene.google.world.calendars[scene.ana.email].events[made["id"]].data
    stored.update(odd | ({"end": dict(stored["start"])} if "end" in odd else {}))
    scene.google.check()
    sent = _Recording(scene.google.app.test_client())
    gateway.use(sent)
    answer = scene.alice.call("PATCH", f"events/{_only(scene)['id']}", {"description": "seen here"})
    assert answer.status_code == 200, answer.content
    scene.google.settle_once()
    assert [set(json.loads(body)) for body in sent.bodies] == [{"description", "extendedProperties"}]


class _Recording(InProcess):
    """Keeps what is sent, as the emulator refuses some of what Google holds even where it is left alone."""

    def __init__(self, client: Any) -> None:
        super().__init__(client)
        self.bodies: list[bytes] = []

    def send(self, request: Request) -> Response:
        self.bodies += [request.body] if request.method == "PATCH" else []
        return super().send(request)


NEVER = [
    "FREQ=DAILY;BYSETPOS=2",
    "FREQ=WEEKLY;BYDAY=MO;BYSETPOS=2",
    "FREQ=MONTHLY;BYDAY=2TU;BYSETPOS=2",
    "FREQ=WEEKLY;INTERVAL=0;BYDAY=MO",
    "FREQ=YEARLY;INTERVAL=0",
    "FREQ=DAILY;INTERVAL=-1",
    "FREQ=DAILY;INTERVAL=99999999999999999999",
    "FREQ=DAILY;COUNT=0",
    "FREQ=WEEKLY;UNTIL=;BYDAY=FR",
    "FREQ=WEEKLY;UNTIL=00010101T000000Z;BYDAY=FR",
    "FREQ=WEEKLY;UNTIL=20200101T000000Z",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=31",
]


def test_rules_that_never_happen_show_their_first_time_and_the_page_goes_on(scene: Scene) -> None:
    for number, rule in enumerate(NEVER):
        made = scene.ana.insert(summary=f"never {number}", start=NINE, end=TEN)
        scene.google.world.calendars[scene.ana.email].events[made["id"]].data["recurrence"] = [f"RRULE:{rule}"]
    scene.ana.insert(summary="ordinary", start=NINE, end=TEN)
    begun = time.monotonic()
    scene.google.check()
    assert time.monotonic() - begun < 10
    shown = [item["summary"] for item in scene.here()]
    assert sorted(shown) == sorted(["ordinary", *(f"never {number}" for number in range(len(NEVER)))])
    for item in scene.here():
        query = "?scope=all" if item["occurrence"] else ""
        scene.patch(item["id"], {"description": "seen"}, query, settle=False)


def test_a_series_with_a_flood_of_lines_is_set_aside_with_its_reason(scene: Scene) -> None:
    dates = ",".join("20261203T120000Z" for _number in range(9000))
    made = scene.ana.insert(summary="flood", start=NINE, end=TEN, recurrence=["RRULE:FREQ=DAILY;COUNT=2"])
    scene.google.world.calendars[scene.ana.email].events[made["id"]].data["recurrence"].append(f"RDATE:{dates}")
    _bring(scene, summary="ordinary")
    assert [item["summary"] for item in scene.here()] == ["ordinary"]
    with tenant(scene.alice.account_id):
        assert "single dates" in Link.objects.get(remote_id=made["id"]).parked


@pytest.mark.parametrize(
    ("zone", "start", "count", "shown"),
    [
        ("US/Pacific-New", "2027-01-05T01:30:00+00:00", 30, "2027-01-04T17:30"),
        ("Eastern Standard Time", "2026-12-07T14:00:00+00:00", 20, "2026-12-07T09:00"),
    ],
)
def test_a_zone_that_only_others_know_keeps_day_and_hour(
    scene: Scene, zone: str, start: str, count: int, shown: str
) -> None:
    end = (datetime.fromisoformat(start) + timedelta(hours=1)).isoformat()
    odd = {"start": {"at": start, "zone": zone}, "end": {"at": end, "zone": zone}}
    _receive(scene, odd, [f"RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT={count}"], offset="-08:00" if "Pac" in zone else "-05:00")
    starts = _starts(scene)
    assert starts[0] == shown and len(starts) == count
    assert {datetime.fromisoformat(text).weekday() for text in starts} == {0}
    answer = scene.alice.call("PATCH", f"events/{_only(scene)['id']}?scope=all", {"summary": "Renamed"})
    assert answer.status_code == 200, answer.content


def _receive(scene: Scene, odd: dict[str, Any], lines: list[str], offset: str) -> None:
    """One list answer with the item as Google renders it, in the offset of its own zone."""
    items = [
        {"id": "odd1", "etag": '"1"', "status": "confirmed", "summary": "E", "recurrence": lines}
        | {
            side: {"dateTime": _in_offset(odd[side]["at"], offset), "timeZone": odd[side]["zone"]}
            for side in ("start", "end")
        }
    ]
    _answer(scene, json.dumps({"items": items, "nextSyncToken": "t", "accessRole": "owner", "timeZone": "UTC"}))


def _in_offset(text: str, offset: str) -> str:
    hours = int(offset[:3])
    return (datetime.fromisoformat(text) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S") + offset


def _answer(scene: Scene, body: str) -> None:
    """The next listing says this, and no other follows."""
    match = {"method": "GET", "path": "*/events"}
    scene.google.control("faults", {"match": match, "effect": {"status": 200, "body": body}, "times": 1})
    scene.google.check()


@pytest.mark.parametrize("zone", ["Eastern Standard Time", '"America/New_York"'])
def test_an_excluded_day_is_free_however_its_zone_is_written(scene: Scene, zone: str) -> None:
    span = {"start": at("2026-12-01T13:30:00", NEW_YORK), "end": at("2026-12-01T14:00:00", NEW_YORK)}
    lines = ["RRULE:FREQ=DAILY;COUNT=5", f"EXDATE;TZID={zone}:20261203T133000"]
    _bring(scene, {"recurrence": lines}, recurrence=lines[:1], **span)
    assert [start[8:10] for start in _starts(scene)] == ["01", "02", "04", "05"]


def test_a_text_with_a_nul_harms_neither_busy_times_nor_its_own_edit(scene: Scene) -> None:
    _bring(scene, {"description": "Agenda:\x00\x00 hello", "attendees": [{"email": "lee@example.com"}]})
    since = datetime(2026, 12, 1, tzinfo=UTC)
    condition = "NOT (e.content_json::jsonb ->> 'status' = 'tentative')"
    with tenant(scene.alice.account_id):
        spans = selectors.busy_spans(
            [scene.mirror.calendar.pk], since, since + timedelta(days=1), conditions=[condition]
        )
    assert spans
    shown = _only(scene)
    assert shown["description"] == "Agenda: hello"
    scene.patch(shown["id"], {"summary": "Renamed"})
    assert scene.ana.list()[0]["summary"] == "Renamed"


def test_half_a_character_in_one_title_leaves_the_others_readable(scene: Scene) -> None:
    span = '"start": {"date": "2026-12-03"}, "end": {"date": "2026-12-04"}, "etag": "1"'
    items = rf'{{"id": "bad", "summary": "x \ud83d y", {span}}}, {{"id": "good", "summary": "good", {span}}}'
    _answer(scene, f'{{"items": [{items}], "nextSyncToken": "t", "accessRole": "owner", "timeZone": "UTC"}}')
    assert [item["summary"] for item in scene.here()] == ["good"]
    with tenant(scene.alice.account_id):
        assert Link.objects.get(remote_id="bad").parked


def test_an_hourly_series_comes_in_as_it_is(scene: Scene) -> None:
    span = {"start": at("2027-02-01T12:00:00", NEW_YORK), "end": at("2027-02-01T12:20:00", NEW_YORK)}
    _bring(scene, recurrence=["RRULE:FREQ=HOURLY;INTERVAL=2;COUNT=4"], **span)
    assert [start[11:] for start in _starts(scene)] == ["12:00", "14:00", "16:00", "18:00"]
    scene.assert_equal()


def test_an_hourly_series_without_end_shows_the_weeks_around_today(scene: Scene) -> None:
    made = _bring(scene, recurrence=["RRULE:FREQ=HOURLY;COUNT=2"])
    scene.google.world.calendars[scene.ana.email].events[made["id"]].data["recurrence"] = ["RRULE:FREQ=HOURLY"]
    scene.ana.patch(made["id"], summary="Checks")
    scene.google.check()
    shown = scene.here("2026-12-05T00:00:00Z", "2026-12-06T00:00:00Z")
    assert len(shown) == 24


def test_a_birthday_that_ends_before_it_begins_is_shown_once(scene: Scene) -> None:
    rule = "RRULE:FREQ=YEARLY;UNTIL=20261206T230000Z;INTERVAL=1;BYMONTHDAY=7;BYMONTH=12"
    _bring(scene, start={"date": "2026-12-07"}, end={"date": "2026-12-08"}, recurrence=[rule])
    assert _starts(scene) == ["2026-12-07"]
    scene.assert_equal()


def test_an_exception_of_the_other_kind_of_date_is_shown_once(scene: Scene) -> None:
    def side(hour: int, day: int = 16) -> dict[str, str]:
        return {"dateTime": f"2026-12-{day}T{hour}:00:00-03:00", "timeZone": "America/Sao_Paulo"}

    series = {
        "id": "ser1",
        "etag": '"1"',
        "start": side(10),
        "end": side(11),
        "recurrence": ["RRULE:FREQ=DAILY;COUNT=3"],
    }
    changed = {
        "id": "ser1_20261217",
        "etag": '"1"',
        "recurringEventId": "ser1",
        "start": side(15, 17),
        "end": side(16, 17),
    }
    changed |= {"originalStartTime": {"date": "2026-12-17"}}
    items = [one | {"summary": "E", "status": "confirmed"} for one in (series, changed)]
    _answer(scene, json.dumps({"items": items, "nextSyncToken": "t", "accessRole": "owner", "timeZone": "UTC"}))
    assert _starts(scene) == ["2026-12-16T10:00", "2026-12-17T15:00", "2026-12-18T10:00"]


def test_an_added_date_with_a_length_of_its_own_is_busy_for_as_long(scene: Scene) -> None:
    span = {"start": at("2026-12-02T08:00:00"), "end": at("2026-12-02T09:00:00")}
    lines = ["RRULE:FREQ=DAILY;COUNT=3", "RDATE;VALUE=PERIOD:20261203T150000Z/PT3H"]
    _bring(scene, recurrence=lines, **span)
    since = datetime(2026, 12, 3, 14, tzinfo=UTC)
    with tenant(scene.alice.account_id):
        spans = selectors.busy_spans([scene.mirror.calendar.pk], since, since + timedelta(hours=6))
    assert spans[scene.mirror.calendar.pk] == [(since + timedelta(hours=1), since + timedelta(hours=4))]
    shown = [item for item in scene.here() if item["occurrence"] == "2026-12-03T15:00:00Z"]
    assert shown[0]["end"]["date_time"] == "2026-12-03T15:00:00-03:00"
