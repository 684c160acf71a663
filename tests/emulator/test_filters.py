"""Lists that filter, expanded lists with sync tokens, long series in open windows, free text, free/busy in a zone."""

import time
from typing import Any

import pytest

from tests.emulator.conftest import ANA, EVENTS, LUNCH, Caller, Emulator

ZONE = "Europe/Berlin"


def _series(start: str, rule: str, **more: Any) -> dict[str, Any]:
    end = start[:14] + "30:00"
    times = {side: {"dateTime": text, "timeZone": ZONE} for side, text in (("start", start), ("end", end))}
    return {"summary": "S", "recurrence": [f"RRULE:{rule}"]} | times | more


def _ids(ana: Caller, query: str) -> list[str]:
    return [item["id"] for item in ana.ok("GET", f"{EVENTS}?{query}").get("items", [])]


@pytest.fixture
def strangers(ana: Caller) -> dict[str, Any]:
    """One living event, one deleted, one deleted occurrence of another series."""
    living = ana.ok("POST", EVENTS, LUNCH)
    gone = ana.ok("POST", EVENTS, LUNCH | {"summary": "Gone"})
    ana.ok("DELETE", f"{EVENTS}/{gone['id']}")
    series = ana.ok("POST", EVENTS, _series("2026-03-02T09:00:00", "FREQ=DAILY;COUNT=3"))
    ana.ok("DELETE", f"{EVENTS}/{series['id']}_20260303T080000Z")
    return {"living": living, "gone": gone["id"], "occurrence": f"{series['id']}_20260303T080000Z"}


@pytest.mark.parametrize("more", ["", "&showDeleted=true"])
def test_who_asks_for_one_uid_is_not_told_of_cancelled_strangers(
    ana: Caller, strangers: dict[str, Any], more: str
) -> None:
    assert _ids(ana, f"iCalUID={strangers['living']['iCalUID']}{more}") == [strangers["living"]["id"]]


@pytest.mark.parametrize(
    "query", ["q=lunch", "timeMin=2026-09-01T00:00:00Z&timeMax=2026-10-01T00:00:00Z", "privateExtendedProperty=a%3Db"]
)
def test_a_filter_holds_for_cancelled_occurrences_too(ana: Caller, strangers: dict[str, Any], query: str) -> None:
    assert strangers["occurrence"] not in _ids(ana, query)
    assert strangers["occurrence"] in _ids(ana, "timeMin=2026-03-01T00:00:00Z&timeMax=2026-04-01T00:00:00Z")
    assert strangers["occurrence"] in _ids(ana, "")


def test_updated_min_brings_what_was_deleted_since_and_nothing_older(
    emulator: Emulator, ana: Caller, strangers: dict[str, Any]
) -> None:
    since = emulator.control("clock", {"advance_s": 60})["now"].replace("+00:00", "Z")
    emulator.control("clock", {"advance_s": 60})
    assert _ids(ana, f"updatedMin={since}") == []
    ana.ok("DELETE", f"{EVENTS}/{strangers['living']['id']}")
    assert _ids(ana, f"updatedMin={since}") == [strangers["living"]["id"]]


def _followed(ana: Caller, query: str, change: Any) -> tuple[dict[str, str], dict[str, str]]:
    """What who follows an expanded list knows after a change, and what a fresh full list says: id → start."""
    page = ana.ok("GET", f"{EVENTS}?{query}")
    known = {item["id"]: item["start"] for item in page["items"]}
    change()
    delta = ana.ok("GET", f"{EVENTS}?singleEvents=true&syncToken={page['nextSyncToken']}").get("items", [])
    for item in delta:
        if item["status"] == "cancelled":
            known.pop(item["id"], None)
        else:
            known[item["id"]] = item["start"]
    full = ana.ok("GET", f"{EVENTS}?{query}").get("items", [])
    return known, {item["id"]: item["start"] for item in full}


CHANGES: dict[str, Any] = {
    "deleted": ("DELETE", None),
    "shortened": ("PATCH", {"recurrence": ["RRULE:FREQ=DAILY;COUNT=2"]}),
    "moved": ("PATCH", _series("2026-12-01T12:00:00", "FREQ=DAILY;COUNT=4")),
    "single": ("PATCH", {"recurrence": None}),
    "excepted": ("PATCH", {"recurrence": ["RRULE:FREQ=DAILY;COUNT=4", "EXDATE:20261202T080000Z"]}),
}


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("window", ["", "&timeMin=2026-12-02T00:00:00Z&timeMax=2026-12-05T00:00:00Z"])
def test_who_follows_an_expanded_list_keeps_no_ghost_of_a_series(ana: Caller, kind: str, window: str) -> None:
    series = ana.ok("POST", EVENTS, _series("2026-12-01T09:00:00", "FREQ=DAILY;COUNT=4"))["id"]
    method, body = CHANGES[kind]
    known, full = _followed(ana, f"singleEvents=true{window}", lambda: ana.ok(method, f"{EVENTS}/{series}", body))
    is_beyond = window and kind == "single"  # what changed outside a window is told all the same
    assert (known if not is_beyond else {}) == full


def test_an_event_that_becomes_a_series_leaves_its_own_id(ana: Caller) -> None:
    made = ana.ok("POST", EVENTS, _series("2026-12-01T09:00:00", "FREQ=DAILY;COUNT=4") | {"recurrence": None})["id"]
    change = {"recurrence": ["RRULE:FREQ=DAILY;COUNT=2"]}
    known, full = _followed(ana, "singleEvents=true", lambda: ana.ok("PATCH", f"{EVENTS}/{made}", change))
    assert known == full and len(full) == 2


def test_who_shortened_twice_is_told_of_all_that_went_since_their_own_token(ana: Caller) -> None:
    series = ana.ok("POST", EVENTS, _series("2026-12-01T09:00:00", "FREQ=DAILY;COUNT=6"))["id"]

    def shorten() -> None:
        for count in (4, 5, 1):
            ana.ok("PATCH", f"{EVENTS}/{series}", {"recurrence": [f"RRULE:FREQ=DAILY;COUNT={count}"]})

    known, full = _followed(ana, "singleEvents=true", shorten)
    assert known == full and len(full) == 1


@pytest.fixture
def long_series(emulator: Emulator, ana: Caller) -> str:
    emulator.control("clock", {"now": "2026-11-28T10:00:00Z"})
    return str(ana.ok("POST", EVENTS, _series("2023-01-02T09:00:00", "FREQ=DAILY"))["id"])


def test_a_long_running_series_is_found_in_an_open_window(ana: Caller, long_series: str) -> None:
    assert _ids(ana, "timeMin=2026-11-28T00:00:00Z") == [long_series]
    uid = ana.ok("GET", f"{EVENTS}/{long_series}")["iCalUID"]
    assert _ids(ana, f"timeMin=2026-11-28T00:00:00Z&iCalUID={uid}") == [long_series]
    later = ana.ok("GET", f"{EVENTS}?singleEvents=true&timeMin=2032-01-01T00:00:00Z&maxResults=2")["items"]
    assert [item["start"]["dateTime"][:10] for item in later] == ["2032-01-01", "2032-01-02"]


def test_the_instances_of_a_long_running_series_begin_where_the_window_does(ana: Caller, long_series: str) -> None:
    path = f"{EVENTS}/{long_series}/instances"
    first = ana.ok("GET", f"{path}?timeMin=2026-11-28T00:00:00Z&maxResults=1")["items"]
    assert first[0]["start"]["dateTime"][:10] == "2026-11-28"
    every = ana.ok("GET", f"{path}?maxResults=2500")["items"]
    assert every[0]["start"]["dateTime"][:4] == "2023" and len(every) == 1000


@pytest.mark.parametrize(
    "rule", ["FREQ=HOURLY", "FREQ=DAILY;INTERVAL=7;BYDAY=TU", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"]
)
def test_no_rule_makes_a_list_slow(ana: Caller, rule: str) -> None:
    ana.ok("POST", EVENTS, _series("2001-12-03T09:00:00", rule))
    begin = time.perf_counter()
    for query in (
        "timeMin=2030-01-01T00:00:00Z&timeMax=2030-01-08T00:00:00Z&singleEvents=true",
        "timeMin=2030-01-01T00:00:00Z",
        "timeMax=2030-01-01T00:00:00Z",
    ):
        ana.ok("GET", f"{EVENTS}?{query}")
    assert time.perf_counter() - begin < 3


@pytest.mark.parametrize(
    ("words", "is_found"),
    [
        ("Bob lunch", True),
        ("lunch alpha", True),
        ('"lunch with"', True),
        ('"with lunch"', False),
        ("lunch carol", False),
        ("ana@acme", True),
        ("guest@else.example", True),
        ("Room", True),
    ],
)
def test_free_text_finds_all_of_its_words_wherever_they_stand(ana: Caller, words: str, is_found: bool) -> None:
    ana.ok("POST", EVENTS, LUNCH | {"summary": "Alpha lunch with Bob", "location": "Room 1"})
    assert (
        bool(ana.client.get(f"/calendar/v3/{EVENTS}", query_string={"q": words}, headers=ana.headers).json["items"])
        == is_found
    )


def test_free_text_finds_a_working_location_by_its_label(ana: Caller) -> None:
    place = {"type": "customLocation", "customLocation": {"label": "Lighthouse"}}
    day = {"start": {"date": "2026-12-01"}, "end": {"date": "2026-12-02"}, "eventType": "workingLocation"}
    made = ana.ok(
        "POST",
        EVENTS,
        day | {"workingLocationProperties": place, "visibility": "public", "transparency": "transparent"},
    )
    assert _ids(ana, "q=lighthouse") == [made["id"]]


def test_free_busy_answers_in_the_asked_zone(ana: Caller) -> None:
    ana.ok("POST", EVENTS, LUNCH)
    asked = {"timeMin": "2026-12-01T00:00:00Z", "timeMax": "2026-12-02T00:00:00Z", "items": [{"id": ANA}]}
    answer = ana.ok("POST", "freeBusy", asked | {"timeZone": "America/Chicago"})
    busy = answer["calendars"][ANA]["busy"]
    assert busy == [{"start": "2026-12-01T06:00:00-06:00", "end": "2026-12-01T07:00:00-06:00"}]
    assert (answer["timeMin"], answer["timeMax"]) == ("2026-12-01T00:00:00.000Z", "2026-12-02T00:00:00.000Z")
    assert ana.ok("POST", "freeBusy", asked)["calendars"][ANA]["busy"][0]["start"] == "2026-12-01T12:00:00Z"
    assert ana.refused("POST", "freeBusy", asked | {"timeZone": "Foo/Bar"}) == (400, "invalid")


def test_a_list_in_order_of_starts_holds_deleted_events_too(ana: Caller, strangers: dict[str, Any]) -> None:
    found = _ids(ana, "singleEvents=true&orderBy=startTime&showDeleted=true")
    assert {strangers["occurrence"], strangers["gone"]} <= set(found)


def test_a_malformed_sync_token_names_no_place(ana: Caller) -> None:
    error = ana("GET", f"{EVENTS}?syncToken=nonsense").json["error"]["errors"][0]
    assert error == {"domain": "global", "reason": "invalid", "message": "Invalid Value"}
