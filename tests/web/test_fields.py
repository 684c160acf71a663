"""A change is a difference: what a form, a drag or a request leaves alone stays to the letter, here and at Google."""

import time
from typing import Any

import icalendar
import pytest
from django.test import Client

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import OutgoingMail
from tests.support.cast import Cast
from tests.support.google import at
from tests.sync.conftest import Scene, scene
from tests.sync.test_received import NEVER
from tests.web.test_calendar_page import _event, _posted

__all__ = ["scene"]
SAO_PAULO = "America/Sao_Paulo"


def _bring(scene: Scene, **event: Any) -> tuple[dict[str, Any], str]:
    """An event made at Google: as Google has it, and its id here."""
    made = scene.ana.insert(**event)
    scene.google.check()
    window = scene.here(until="2027-06-01T00:00:00Z")
    return made, next(item["id"] for item in window if item["summary"] == event["summary"])


def _different(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    machinery = {"etag", "updated", "sequence", "extendedProperties"}
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)} - machinery


def _span(start: str, end: str, zone: str = SAO_PAULO, end_zone: str = "") -> dict[str, Any]:
    return {"start": at(start, zone), "end": at(end, end_zone or zone)}


TITLE_ONLY: dict[str, dict[str, Any]] = {
    "two zones": _span("2026-12-17T18:00:00", "2026-12-18T06:10:00", "America/New_York", "Europe/London"),
    "line breaks": _span("2027-02-18T10:00:00", "2027-02-18T11:00:00")
    | {"location": "Blue Hall\n12 Main Street\nSpringfield", "description": "one\r\ntwo"},
    "seconds": _span("2027-02-17T00:00:00", "2027-02-17T23:59:59"),
    "confidential": _span("2027-02-19T10:00:00", "2027-02-19T11:00:00") | {"visibility": "confidential"},
    "the repeated hour": _span("2026-11-01T01:30:00-05:00", "2026-11-01T01:45:00-05:00", "America/New_York"),
    "own reminders": _span("2027-02-19T10:00:00", "2027-02-19T11:00:00")
    | {"reminders": {"useDefault": False, "overrides": [{"method": "email", "minutes": 61}]}},
    "a rule of its own": _span("2027-02-19T10:00:00", "2027-02-19T11:00:00")
    | {"recurrence": ["EXDATE;TZID=America/Sao_Paulo:20270220T100000", "RRULE:COUNT=4;FREQ=DAILY"]},
}


@pytest.mark.parametrize("kind", TITLE_ONLY)
def test_saving_a_new_title_changes_nothing_but_the_title(scene: Scene, kind: str) -> None:
    made, event = _bring(scene, summary="Old", **TITLE_ONLY[kind])
    before = scene.ana.get(made["id"])
    scope = {"scope": "all"} if "recurrence" in before else {}
    answer = _posted(scene.alice.browser(), event, summary="New", notify="none", **scope)
    assert answer.status_code == 204, answer.content
    scene.google.settle()
    assert _different(before, scene.ana.get(made["id"])) == {"summary"}


def test_a_new_day_keeps_the_seconds_and_the_zone_of_the_end(scene: Scene) -> None:
    made, event = _bring(scene, summary="Flight", **TITLE_ONLY["two zones"])
    answer = _posted(scene.alice.browser(), event, start_date="2026-12-18", end_date="2026-12-19", notify="none")
    assert answer.status_code == 204, answer.content
    scene.google.settle()
    after = scene.ana.get(made["id"])
    assert after["start"]["timeZone"] == "America/New_York" and after["end"]["timeZone"] == "Europe/London"
    assert (
        scene.here("2026-12-18T00:00:00Z", "2026-12-20T00:00:00Z")[0]["end"]["date_time"] == "2026-12-19T06:10:00+00:00"
    )


def test_one_guest_more_leaves_the_others_as_they_are(scene: Scene) -> None:
    guests = [{"email": "lee@example.com", "displayName": "Lee", "responseStatus": "accepted", "comment": "late"}]
    made, event = _bring(scene, summary="Guests", attendees=guests, **TITLE_ONLY["seconds"])
    answer = _posted(scene.alice.browser(), event, guests="lee@example.com, kim@example.com", notify="none")
    assert answer.status_code == 204, answer.content
    scene.google.settle()
    found = {guest["email"]: guest for guest in scene.ana.get(made["id"])["attendees"]}
    assert found["lee@example.com"].items() >= guests[0].items() and "kim@example.com" in found


def test_saving_mine_over_a_newer_event_sends_only_what_i_changed(cast: Cast) -> None:
    made = _event(cast, cast.alice, location="Old hall", attendees=[{"email": "lee@example.com"}])
    browser = cast.alice.browser()
    opened = browser.get(f"/events/{made['id']}/edit").content.decode()
    more = [{"email": "lee@example.com"}, {"email": "kim@example.com"}]
    cast.alice.patch(f"events/{made['id']}", {"location": "New hall", "attendees": more})
    conflict = _sent_back(browser, opened, f"/events/{made['id']}/edit", summary="Mine")
    assert conflict.status_code == 409
    page = conflict.content.decode()
    assert "Mine" in page and "Old hall" not in page.split("<footer")[0]
    assert _sent_back(browser, page, f"/events/{made['id']}/edit").status_code == 204
    after = cast.alice.get(f"events/{made['id']}")
    assert (after["summary"], after["location"]) == ("Mine", "New hall")
    assert {guest["email"] for guest in after["attendees"]} == {"lee@example.com", "kim@example.com"}


def _sent_back(browser: Client, page: str, address: str, **changes: Any) -> Any:
    return _posted(browser, "", page=page, address=address, **changes)


def test_an_ending_set_in_the_form_keeps_the_weeks_of_a_fortnightly_series(scene: Scene) -> None:
    rule = "RRULE:FREQ=WEEKLY;WKST=SU;INTERVAL=2;BYDAY=MO,SU"
    span = _span("2026-12-06T09:00:00", "2026-12-06T10:00:00", "America/New_York")
    _made, event = _bring(scene, summary="Every other week", recurrence=[rule], **span)
    changes = {"repeat_ends": "on", "repeat_until": "2027-01-31", "scope": "all", "notify": "none"}
    assert _posted(scene.alice.browser(), event, **changes).status_code == 204
    scene.google.settle()
    days = [item["start"]["date_time"][5:10] for item in scene.here()]
    assert days == ["12-06", "12-07", "12-20", "12-21", "01-03", "01-04", "01-17", "01-18", "01-31"]
    scene.assert_equal()


def _drag(scene: Scene, event: str, key: str, start: str, end: str, scope: str) -> None:
    body = {"start": start, "end": end, "occurrence": key, "scope": scope, "all_day": False}
    answer = scene.alice.browser().post(f"/events/{event}/reschedule", body, content_type="application/json")
    assert answer.status_code == 200, answer.content
    scene.google.settle()


@pytest.mark.parametrize(
    ("rule", "start", "key", "to", "days"),
    [
        (
            "FREQ=WEEKLY;BYDAY=TU;COUNT=4",
            "2027-01-05",
            "20270112T210000Z",
            "2027-01-13",
            ["2027-01-06", "2027-01-13", "2027-01-20", "2027-01-27"],
        ),
        (
            "FREQ=WEEKLY;BYDAY=TU;UNTIL=20270126T210000Z",
            "2027-01-05",
            "20270112T210000Z",
            "2027-01-11",
            ["2027-01-04", "2027-01-11", "2027-01-18", "2027-01-25"],
        ),
        (
            "FREQ=MONTHLY;BYDAY=2TU;COUNT=3",
            "2026-12-08",
            "20261208T210000Z",
            "2026-12-09",
            ["2026-12-09", "2027-01-13", "2027-02-10"],
        ),
        (
            "FREQ=MONTHLY;BYMONTHDAY=15;COUNT=3",
            "2026-12-15",
            "20261215T210000Z",
            "2026-12-17",
            ["2026-12-17", "2027-01-17", "2027-02-17"],
        ),
    ],
)
def test_a_series_dragged_to_another_day_follows_and_keeps_its_count(
    scene: Scene, rule: str, start: str, key: str, to: str, days: list[str]
) -> None:
    span = _span(f"{start}T18:00:00", f"{start}T19:00:00")
    _made, event = _bring(scene, summary="Weekly sync", recurrence=[f"RRULE:{rule}"], **span)
    _drag(scene, event, key, f"{to}T18:00:00", f"{to}T19:00:00", "all")
    assert [item["start"]["dateTime"][:10] for item in scene.there()] == days
    scene.assert_equal()


def test_this_and_following_dragged_to_another_day_and_hour_keep_their_number(scene: Scene) -> None:
    span = _span("2026-12-01T09:00:00", "2026-12-01T10:00:00")
    rule = ["RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=4", "EXDATE;TZID=America/Sao_Paulo:20261222T090000"]
    _made, event = _bring(scene, summary="Weekly sync", recurrence=rule, **span)
    _drag(scene, event, "20261208T120000Z", "2026-12-09T11:00:00", "2026-12-09T12:00:00", "following")
    starts = [item["start"]["date_time"][:16] for item in scene.here()]
    assert starts == ["2026-12-01T09:00", "2026-12-09T11:00", "2026-12-16T11:00"]
    scene.assert_equal()


def test_a_rule_that_cannot_move_along_is_refused_with_the_reason_and_nothing_moves(scene: Scene) -> None:
    span = _span("2026-12-01T09:00:00", "2026-12-01T10:00:00")
    _made, event = _bring(scene, summary="Twice", recurrence=["RRULE:FREQ=MONTHLY;BYMONTHDAY=1,15;COUNT=4"], **span)
    body = {
        "start": "2026-12-02T09:00:00",
        "end": "2026-12-02T10:00:00",
        "occurrence": "20261201T120000Z",
        "scope": "all",
    }
    answer = scene.alice.browser().post(f"/events/{event}/reschedule", body, content_type="application/json")
    assert answer.status_code == 422 and "change how it repeats" in answer.json()["message"]
    scene.assert_equal()


MORE_NEVER = [
    "FREQ=WEEKLY;BYDAY=XX",
    "FREQ=MINUTELY",
    "FREQ=HOURLY",
    "FREQ=DAILY;COUNT=3;UNTIL=20270101",
    "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=5",
    "FREQ=HOURLY;BYMONTH=4;BYMONTHDAY=31",
    "FREQ=DAILY;BYHOUR=" + ",".join(map(str, range(24))),
]


@pytest.mark.parametrize("rule", [*NEVER, *MORE_NEVER])
def test_a_rule_that_never_happens_or_never_ends_is_refused_within_a_second(cast: Cast, rule: str) -> None:
    start = {"date_time": "2026-12-01T09:00:00", "time_zone": SAO_PAULO}
    body = {"calendar": _event(cast, cast.alice)["calendar"], "start": start, "recurrence": [f"RRULE:{rule}"]}
    begun = time.process_time()
    answer = cast.alice.call("POST", "events", body)
    assert answer.status_code == 422 and time.process_time() - begun < 1.5
    fields = {"start_date": "2026-12-01", "start_time": "09:00", "end_date": "2026-12-01", "end_time": "10:00"}
    fields |= {"zone": SAO_PAULO, "repeat": "own", "rules": f"RRULE:{rule}"}
    assert "text-error" in cast.alice.browser().post("/events/repeats", fields).content.decode()


def test_a_flood_of_rules_and_dates_is_refused(cast: Cast) -> None:
    start = {"date_time": "2026-12-01T09:00:00", "time_zone": SAO_PAULO}
    calendar = _event(cast, cast.alice)["calendar"]
    for lines in (["RRULE:FREQ=DAILY"] * 40, ["RDATE:" + ",".join(["20261203T120000Z"] * 9000)]):
        body = {"calendar": calendar, "start": start, "recurrence": lines}
        assert cast.alice.call("POST", "events", body).status_code == 422


@pytest.mark.parametrize("zone", ["localtime", "posix/Europe/Paris", "Factory", "Eastern Standard Time"])
def test_a_name_that_is_no_time_zone_of_the_world_is_refused(cast: Cast, zone: str) -> None:
    start = {"date_time": "2026-12-01T09:00:00", "time_zone": zone}
    body = {"calendar": _event(cast, cast.alice)["calendar"], "start": start}
    assert cast.alice.call("POST", "events", body).status_code == 422


def test_a_request_that_says_what_is_already_so_changes_nothing(scene: Scene) -> None:
    _made, event = _bring(scene, summary="Echo", **TITLE_ONLY["two zones"])
    shown = scene.alice.get(f"events/{event}")
    names = ("start", "end", "recurrence", "summary", "reminders", "guests_can", "attendees", "visibility", "location")
    mark = scene.google.mark()
    scene.patch(event, {name: shown[name] for name in names})
    assert scene.google.writes(mark) == []


def test_mail_for_a_series_defines_its_zone_and_says_every_exclusion(cast: Cast) -> None:
    lines = [
        "RRULE:FREQ=WEEKLY;BYDAY=TU;COUNT=5",
        "EXDATE;TZID=America/New_York:20261215T090000",
        "RDATE;TZID=America/New_York:20261217T090000",
    ]
    start = {"date_time": "2026-12-01T09:00:00", "time_zone": "America/New_York"}
    guests = [{"email": "guest@customer.example"}]
    _event(cast, cast.alice, start=start, recurrence=lines, attendees=guests, notify="all")
    with tenant(cast.account.pk):
        calendar = icalendar.Calendar.from_ical(OutgoingMail.objects.get().ics)
    [zone] = calendar.walk("VTIMEZONE")
    [event] = calendar.walk("VEVENT")
    assert zone["TZID"] == "America/New_York"
    assert [one.dt.isoformat()[:16] for one in event["EXDATE"].dts] == ["2026-12-15T09:00"]
    assert [one.dt.isoformat()[:16] for one in event["RDATE"].dts] == ["2026-12-17T09:00"]
