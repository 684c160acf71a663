"""events.list: pages, sync tokens, windows, filters (checklist lines 51–63)."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.emulator.conftest import ANA, BEN, EVENTS, LUNCH, Caller, Emulator

DAILY = {
    "summary": "Stand-up",
    "start": {"dateTime": "2026-12-01T09:00:00", "timeZone": "UTC"},
    "end": {"dateTime": "2026-12-01T10:00:00", "timeZone": "UTC"},
    "recurrence": ["RRULE:FREQ=DAILY;COUNT=3"],
}


def _names(answer: dict[str, Any]) -> list[str]:
    return [item.get("summary", item["status"]) for item in answer.get("items", [])]


def _make(ana: Caller, count: int) -> None:
    for number in range(count):
        ana.ok("POST", EVENTS, LUNCH | {"summary": f"E{number}"})


def test_51_pages_may_be_short_or_empty_and_only_the_last_has_the_token(emulator: Emulator, ana: Caller) -> None:
    _make(ana, 5)
    for shape in ("full", "short", "empty_first"):
        emulator.control("behaviours", {"page": shape}, "PUT")
        names, sizes, path = [], [], f"{EVENTS}?maxResults=4"
        while True:
            page = ana.ok("GET", path)
            names, sizes = names + _names(page), [*sizes, len(page["items"])]
            assert ("nextPageToken" in page) != ("nextSyncToken" in page)
            if "nextSyncToken" in page:
                break
            path = f"{EVENTS}?maxResults=4&pageToken={page['nextPageToken']}"
        assert names == [f"E{number}" for number in range(5)]
        assert sizes == {"full": [4, 1], "short": [2, 2, 1], "empty_first": [0, 4, 1]}[shape]
    emulator.control("behaviours", {"page": "full"}, "PUT")
    first = ana.ok("GET", f"{EVENTS}?maxResults=4")
    _make(ana, 1)
    again = f"{EVENTS}?maxResults=4&pageToken={first['nextPageToken']}"
    assert _names(ana.ok("GET", again)) == ["E4"], "later pages show the list as it was"
    assert ana.refused("GET", f"{again}&timeMin=2026-01-01T00:00:00Z") == (400, "invalid"), "another query"
    emulator.caller(BEN)
    emulator.control("share", {"calendar_id": ANA, "email": BEN, "role": "writer"})
    assert emulator.caller(BEN).refused("GET", again.replace("primary", ANA)) == (400, "invalid"), "another user"


def test_52_a_window_may_mint_a_token_but_not_travel_with_it(ana: Caller) -> None:
    ana.ok("POST", EVENTS, LUNCH)
    window = "timeMin=2026-11-01T00:00:00Z&timeMax=2027-01-01T00:00:00Z"
    token = ana.ok("GET", f"{EVENTS}?{window}")["nextSyncToken"]
    assert ana.ok("GET", f"{EVENTS}?syncToken={token}")["items"] == []
    for sent in ("timeMin=2026-11-01T00:00:00Z", "timeMax=2027-01-01T00:00:00Z", "q=x", "orderBy=updated", "iCalUID=x",
                 "privateExtendedProperty=a%3Db", "sharedExtendedProperty=a%3Db", "updatedMin=2026-11-20T00:00:00Z"):  # fmt: skip
        assert ana.refused("GET", f"{EVENTS}?syncToken={token}&{sent}") == (400, "invalid"), sent
    for sent in ("orderBy=updated", "q=x", "iCalUID=x", "privateExtendedProperty=a%3Db"):
        assert "nextSyncToken" not in ana.ok("GET", f"{EVENTS}?{sent}"), sent


def test_53_deletions_always_come_with_a_token(ana: Caller) -> None:
    event = ana.ok("POST", EVENTS, LUNCH)["id"]
    token = ana.ok("GET", EVENTS)["nextSyncToken"]
    ana.ok("DELETE", f"{EVENTS}/{event}")
    assert ana.refused("GET", f"{EVENTS}?syncToken={token}&showDeleted=false") == (400, "invalid")
    assert _names(ana.ok("GET", f"{EVENTS}?syncToken={token}")) == ["cancelled"]
    assert _names(ana.ok("GET", f"{EVENTS}?syncToken={token}")) == ["cancelled"], "a token is not consumed"


def test_54_a_token_belongs_to_user_calendar_and_query(emulator: Emulator, ana: Caller) -> None:
    ben = emulator.caller(BEN)
    emulator.control("share", {"calendar_id": ANA, "email": BEN, "role": "writer"})
    token = ana.ok("GET", EVENTS)["nextSyncToken"]
    team = ana.ok("POST", "calendars", {"summary": "Team"})["id"]
    assert ben.refused("GET", f"calendars/{ANA}/events?syncToken={token}") == (410, "fullSyncRequired")
    assert ana.refused("GET", f"calendars/{team}/events?syncToken={token}") == (410, "fullSyncRequired")
    assert ana.refused("GET", f"{EVENTS}?syncToken={token}&singleEvents=true") == (410, "fullSyncRequired")


def test_55_malformed_tokens_are_400_and_dead_ones_410(emulator: Emulator, ana: Caller) -> None:
    token = ana.ok("GET", EVENTS)["nextSyncToken"]
    assert ana.refused("GET", f"{EVENTS}?syncToken=nonsense") == (400, "invalid")
    emulator.control("share", {"calendar_id": ANA, "email": BEN, "role": "reader"})
    answer = ana("GET", f"{EVENTS}?syncToken={token}")
    assert (answer.status_code, answer.json["error"]["errors"][0]) == (
        410,
        {
            "domain": "calendar",
            "reason": "fullSyncRequired",
            "message": "Sync token is no longer valid, a full sync is required.",
            "locationType": "parameter",
            "location": "syncToken",
        },
    )
    token = ana.ok("GET", EVENTS)["nextSyncToken"]
    emulator.control("expire-sync-tokens", {"calendar_id": ANA})
    assert ana.refused("GET", f"{EVENTS}?syncToken={token}") == (410, "fullSyncRequired")


def test_56_updated_min_has_a_horizon_and_brings_deletions(emulator: Emulator, ana: Caller) -> None:
    emulator.control("clock", {"now": "2027-11-01T00:00:00Z"})
    ana = emulator.caller()
    ana.ok("POST", EVENTS, LUNCH | {"summary": "old"})
    emulator.control("clock", {"advance_s": 600})
    gone = ana.ok("POST", EVENTS, LUNCH)["id"]
    ana.ok("DELETE", f"{EVENTS}/{gone}")
    assert _names(ana.ok("GET", f"{EVENTS}?updatedMin=2027-11-01T00:05:00Z")) == ["cancelled"]
    answer = ana("GET", f"{EVENTS}?updatedMin=2027-09-01T00:00:00Z")
    error = answer.json["error"]["errors"][0]
    assert (answer.status_code, error["reason"], error["location"]) == (410, "updatedMinTooLongAgo", "updatedMin")
    emulator.control("behaviours", {"updated_min_horizon_days": 90}, "PUT")
    assert ana("GET", f"{EVENTS}?updatedMin=2027-09-01T00:00:00Z").status_code == 200


def test_57_order_by_start_needs_single_events(ana: Caller) -> None:
    answer = ana("GET", f"{EVENTS}?orderBy=startTime")
    words = "The requested ordering is not available for the particular query."
    assert (answer.status_code, answer.json["error"]["message"]) == (400, words)
    ana.ok("POST", EVENTS, LUNCH)
    ana.ok("POST", EVENTS, DAILY)
    starts = [e["start"]["dateTime"] for e in ana.ok("GET", f"{EVENTS}?orderBy=startTime&singleEvents=true")["items"]]
    assert starts == sorted(starts) and len(starts) == 4


def test_58_windows_compare_the_end_with_the_minimum_and_the_start_with_the_maximum(ana: Caller) -> None:
    ana.ok("PATCH", "calendars/primary", {"timeZone": "Asia/Tokyo"})
    ana.ok("POST", EVENTS, LUNCH)
    ana.ok("POST", EVENTS, {"summary": "Day", "start": {"date": "2026-12-01"}, "end": {"date": "2026-12-02"}})

    def within(low: str, high: str) -> list[str]:
        return _names(ana.ok("GET", f"{EVENTS}?timeMin={low}&timeMax={high}"))

    assert "Lunch" in within("2026-12-01T12:59:59Z", "2026-12-02T00:00:00Z")
    assert "Lunch" not in within("2026-12-01T13:00:00Z", "2026-12-02T00:00:00Z"), "the end is excluded"
    assert "Lunch" in within("2026-12-01T00:00:00Z", "2026-12-01T12:00:01Z")
    assert "Lunch" not in within("2026-12-01T00:00:00Z", "2026-12-01T12:00:00Z"), "so is the start"
    # the first of December ends at 15:00 UTC in Tokyo
    assert "Day" in within("2026-12-01T14:59:59Z", "2026-12-02T00:00:00Z")
    assert "Day" not in within("2026-12-01T15:00:00Z", "2026-12-02T00:00:00Z")
    assert ana.refused("GET", f"{EVENTS}?timeMin=2026-12-02T00:00:00Z&timeMax=2026-12-01T00:00:00Z") == (
        400,
        "timeRangeEmpty",
    )
    assert ana.refused("GET", f"{EVENTS}?timeMin=2026-12-02T00:00:00") == (400, "badRequest"), "an offset is due"


@pytest.mark.parametrize(
    ("deleted", "single", "expected"),
    [
        (False, False, ["Stand-up", "cancelled instance"]),
        (True, False, ["Stand-up", "cancelled instance", "cancelled single", "cancelled series"]),
        (False, True, ["Stand-up", "Stand-up"]),
        (True, True, ["Stand-up", "cancelled instance", "Stand-up", "cancelled single", *["cancelled instance"] * 3]),
    ],
)
def test_59_show_deleted_and_single_events_together(
    ana: Caller, deleted: bool, single: bool, expected: list[str]
) -> None:
    series = ana.ok("POST", EVENTS, DAILY)["id"]
    ana.ok("DELETE", f"{EVENTS}/{series}_20261202T090000Z")
    one = ana.ok("POST", EVENTS, LUNCH)["id"]
    other = ana.ok("POST", EVENTS, DAILY)["id"]
    for gone in (one, other):
        ana.ok("DELETE", f"{EVENTS}/{gone}")
    items = ana.ok("GET", f"{EVENTS}?showDeleted={str(deleted).lower()}&singleEvents={str(single).lower()}")["items"]

    def kind(item: dict[str, Any]) -> str:
        if item["status"] != "cancelled":
            return str(item["summary"])
        return "cancelled " + (
            "instance" if "recurringEventId" in item else "single" if item["id"] == one else "series"
        )

    assert [kind(item) for item in items] == expected


def test_60_types_can_be_filtered_and_all_come_by_default(ana: Caller) -> None:
    ana.ok("POST", EVENTS, LUNCH)
    times = {"start": LUNCH["start"], "end": LUNCH["end"]}
    ana.ok(
        "POST",
        EVENTS,
        times | {"summary": "Focus", "eventType": "focusTime", "focusTimeProperties": {"chatStatus": "available"}},
    )
    assert _names(ana.ok("GET", EVENTS)) == ["Lunch", "Focus"]
    assert _names(ana.ok("GET", f"{EVENTS}?eventTypes=focusTime")) == ["Focus"]
    assert _names(ana.ok("GET", f"{EVENTS}?eventTypes=focusTime&eventTypes=default")) == ["Lunch", "Focus"]


def test_61_a_list_may_lag_behind_writes_and_messages_before_lists(emulator: Emulator, ana: Caller) -> None:
    emulator.control("clock", {"now": "2027-11-01T00:00:00Z"})
    ana = emulator.caller()
    emulator.control("behaviours", {"list_lag_s": 5.0}, "PUT")
    ana.ok("POST", f"{EVENTS}/watch", {"id": "c1", "type": "web_hook", "address": "http://localhost/push"})
    token = ana.ok("GET", EVENTS)["nextSyncToken"]
    event = ana.ok("POST", EVENTS, LUNCH)["id"]
    emulator.control("notifications/flush")
    assert emulator.delivered[-1][1]["X-Goog-Resource-State"] == "exists", "told"
    behind = ana.ok("GET", f"{EVENTS}?syncToken={token}")
    assert behind["items"] == [] and ana.ok("GET", f"{EVENTS}/{event}")["summary"] == "Lunch", "but not yet listed"
    emulator.control("clock", {"advance_s": 6})
    assert _names(ana.ok("GET", f"{EVENTS}?syncToken={behind['nextSyncToken']}")) == ["Lunch"]


def test_62_a_free_busy_reader_gets_single_events_without_details(emulator: Emulator, ana: Caller) -> None:
    ben = emulator.caller(BEN)
    emulator.control("share", {"calendar_id": ANA, "email": BEN, "role": "freeBusyReader"})
    ana.ok("POST", EVENTS, DAILY | {"location": "Attic", "attendees": LUNCH["attendees"]})
    answer = ben.ok("GET", f"calendars/{ANA}/events")
    assert answer["accessRole"] == "freeBusyReader" and len(answer["items"]) == 3
    for item in answer["items"]:
        assert not {"summary", "location", "attendees", "organizer", "recurrence", "description"} & set(item)
        assert item["start"] and item["end"]
    assert "Attic" not in str(answer)


def test_63_max_attendees_leaves_the_own_row(emulator: Emulator, ana: Caller) -> None:
    guests = [{"email": name} for name in (ANA, BEN, "c@else.example")]
    event = ana.ok("POST", EVENTS, LUNCH | {"attendees": guests})
    shown = ana.ok("GET", f"{EVENTS}/{event['id']}?maxAttendees=2")
    assert shown["attendeesOmitted"] is True and [row["email"] for row in shown["attendees"]] == [ANA]
    assert len(ana.ok("GET", f"{EVENTS}?maxAttendees=3")["items"][0]["attendees"]) == 3
    own = {"attendees": [{"email": ANA, "responseStatus": "tentative"}], "attendeesOmitted": True}
    changed = ana.ok("PATCH", f"{EVENTS}/{quote(event['id'])}", own)
    assert [row["responseStatus"] for row in changed["attendees"]] == ["tentative", "needsAction", "needsAction"]
