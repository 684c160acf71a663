"""Series: expansion, instances, stamps, tombstones, splits (checklist lines 38–50)."""

from typing import Any

import pytest

from tests.emulator.conftest import ANA, BEN, EVENTS, Caller, Emulator

ZONE = "America/New_York"
DAILY = {
    "summary": "Stand-up",
    "start": {"dateTime": "2026-12-01T09:00:00", "timeZone": ZONE},
    "end": {"dateTime": "2026-12-01T09:15:00", "timeZone": ZONE},
    "recurrence": ["RRULE:FREQ=DAILY;COUNT=5"],
}


def _starting(start: str, *lines: str, zone: str = ZONE) -> dict[str, Any]:
    if "T" not in start:
        end = f"{start[:8]}{int(start[8:]) + 1:02d}"
        return {"start": {"date": start}, "end": {"date": end}, "recurrence": list(lines)}
    end = f"{start[:11]}{int(start[11:13]) + 1:02d}{start[13:]}"
    times = {side: {"dateTime": text, "timeZone": zone} for side, text in (("start", start), ("end", end))}
    return {"summary": "x", "recurrence": list(lines)} | times


def _starts(ana: Caller, event_id: str, query: str = "") -> list[str]:
    """The starts of a series' instances, in its own zone, without offset."""
    zone = ana.ok("GET", f"{EVENTS}/{event_id}")["start"].get("timeZone", "UTC")
    items = ana.ok("GET", f"{EVENTS}/{event_id}/instances?timeZone={zone}{query}")["items"]
    return [(i["start"].get("date") or i["start"]["dateTime"])[:16] for i in items]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        # the clock on the wall stays at nine when summer time ends (1 November 2026)
        (_starting("2026-10-31T09:00:00", "RRULE:FREQ=DAILY;COUNT=3"), ["10-31T09:00", "11-01T09:00", "11-02T09:00"]),
        # UNTIL is inclusive: 14:00 UTC is nine in New York in winter
        (_starting("2026-12-01T09:00:00", "RRULE:FREQ=DAILY;UNTIL=20261203T140000Z"), ["12-01T09:00", "12-02T09:00", "12-03T09:00"]),
        (_starting("2026-12-01T09:00:00", "RRULE:FREQ=DAILY;UNTIL=20261203T135959Z"), ["12-01T09:00", "12-02T09:00"]),
        (_starting("2026-12-01T09:00:00", "RRULE:FREQ=DAILY;UNTIL=20261202"), ["12-01T09:00", "12-02T09:00"]),
        (_starting("2026-12-01", "RRULE:FREQ=DAILY;UNTIL=20261202"), ["12-01", "12-02"]),
        # what a rule gives, without EXDATE, with RDATE
        (
            _starting(
                "2026-12-01T09:00:00",
                "RRULE:FREQ=DAILY;COUNT=3",
                f"EXDATE;TZID={ZONE}:20261202T090000",
                "RDATE:20261210T140000Z",
            ),
            ["12-01T09:00", "12-03T09:00", "12-10T09:00"],
        ),
        (_starting("2026-12-01T09:00:00", "RDATE:20261205T140000Z"), ["12-01T09:00", "12-05T09:00"]),
        # the last Friday and the second Tuesday; the week's beginning decides which weeks are skipped
        (_starting("2026-12-25T09:00:00", "RRULE:FREQ=MONTHLY;BYDAY=-1FR;COUNT=2"), ["12-25T09:00", "01-29T09:00"]),
        (_starting("2026-12-08T09:00:00", "RRULE:FREQ=MONTHLY;BYDAY=TU;BYSETPOS=2;COUNT=2"), ["12-08T09:00", "01-12T09:00"]),
        (_starting("2026-12-01", "RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO"), ["12-01", "12-06", "12-15", "12-20"]),
        (_starting("2026-12-01", "RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU"), ["12-01", "12-13", "12-15", "12-27"]),
        # months without a 31st are skipped
        (_starting("2027-01-30T09:00:00", "RRULE:FREQ=MONTHLY;BYMONTHDAY=31;COUNT=3"), ["01-30T09:00", "01-31T09:00", "03-31T09:00", "05-31T09:00"]),
    ],
)  # fmt: skip
def test_38_series_expand_in_their_own_zone(ana: Caller, body: dict[str, Any], expected: list[str]) -> None:
    event = ana.ok("POST", EVENTS, body)
    assert [text[5:] for text in _starts(ana, event["id"])] == expected


def test_39_a_timed_series_needs_a_named_zone(ana: Caller) -> None:
    body = _starting("2026-12-01T09:00:00", "RRULE:FREQ=DAILY;COUNT=2")
    body["start"] = {"dateTime": "2026-12-01T09:00:00Z"}
    answer = ana("POST", EVENTS, body)
    assert (answer.status_code, answer.json["error"]["message"]) == (
        400,
        "Missing time zone definition for start time.",
    )


def test_40_instances_can_be_pinned_windowed_paged_and_shown_cancelled(ana: Caller) -> None:
    series = ana.ok("POST", EVENTS, DAILY)["id"]
    ana.ok("DELETE", f"{EVENTS}/{series}_20261202T140000Z")
    assert len(_starts(ana, series)) == 4
    shown = ana.ok("GET", f"{EVENTS}/{series}/instances?showDeleted=true")["items"]
    assert [item["status"] for item in shown] == ["confirmed", "cancelled", "confirmed", "confirmed", "confirmed"]
    pinned = ana.ok("GET", f"{EVENTS}/{series}/instances?originalStart=2026-12-03T09:00:00-05:00")["items"]
    assert [item["id"] for item in pinned] == [f"{series}_20261203T140000Z"]
    assert _starts(ana, series, "&timeMin=2026-12-03T14:15:00Z") == [
        "2026-12-03T09:00",
        "2026-12-04T09:00",
        "2026-12-05T09:00",
    ], "timeMin is inclusive here"
    assert _starts(ana, series, "&timeMax=2026-12-03T14:00:00Z") == ["2026-12-01T09:00"]
    first = ana.ok("GET", f"{EVENTS}/{series}/instances?maxResults=3")
    second = ana.ok("GET", f"{EVENTS}/{series}/instances?maxResults=3&pageToken={first['nextPageToken']}")
    assert len(first["items"]) == 3 and len(second["items"]) == 1 and "nextPageToken" not in second


def test_41_instances_are_named_after_their_original_start(ana: Caller) -> None:
    series = ana.ok("POST", EVENTS, DAILY)["id"]
    days = ana.ok("POST", EVENTS, _starting("2026-12-01", "RRULE:FREQ=DAILY;COUNT=3"))["id"]
    name = f"{series}_20261202T140000Z"
    plain = ana.ok("GET", f"{EVENTS}/{name}")
    assert plain["recurringEventId"] == series and "recurrence" not in plain
    assert plain["originalStartTime"] == {"dateTime": "2026-12-02T14:00:00Z", "timeZone": ZONE}
    assert [e["id"] for e in ana.ok("GET", EVENTS)["items"]] == [series, days], "reading makes no exception"
    moved = {"start": {"dateTime": "2026-12-02T15:00:00Z"}, "end": {"dateTime": "2026-12-02T16:00:00Z"}}
    changed = ana.ok("PATCH", f"{EVENTS}/{name}", moved)
    assert changed["id"] == name and changed["originalStartTime"] == plain["originalStartTime"]
    ana.ok("DELETE", f"{EVENTS}/{days}_20261202")
    assert _starts(ana, days) == ["2026-12-01", "2026-12-03"]
    for wrong in (f"{series}_20261202T150000Z", f"{series}_20271202T140000Z", f"{days}_20261204"):
        assert ana.refused("GET", f"{EVENTS}/{wrong}") == (404, "notFound")
    restored = ana.ok("PATCH", f"{EVENTS}/{days}_20261202", {"status": "confirmed"})
    assert restored["status"] == "confirmed" and len(_starts(ana, days)) == 3


def _split(emulator: Emulator, series: str, at: str, **changes: Any) -> str:
    sent = {"calendar_id": ANA, "event_id": series, "original_start": at, "changes": changes}
    return str(emulator.control("ui/split-series", sent)["id"])


def test_42_one_write_restamps_the_whole_series(emulator: Emulator, ana: Caller) -> None:
    series = ana.ok("POST", EVENTS, DAILY)["id"]
    ana.ok("PATCH", f"{EVENTS}/{series}_20261202T140000Z", {"summary": "Special"})
    tail = _split(emulator, series, "2026-12-04T14:00:00+00:00")
    before = {e["id"]: e["etag"] for e in ana.ok("GET", EVENTS)["items"]}
    written = ana.ok("PATCH", f"{EVENTS}/{series}_20261202T140000Z", {"location": "Attic"})
    after = {e["id"]: (e["etag"], e["updated"]) for e in ana.ok("GET", EVENTS)["items"]}
    assert set(after) == {series, f"{series}_20261202T140000Z", tail} and len(set(before.values())) == 1
    assert set(after.values()) == {(written["etag"], written["updated"])}
    assert written["etag"] not in before.values()


def test_this_and_following_at_the_first_occurrence_is_an_edit_of_all(emulator: Emulator, ana: Caller) -> None:
    series = ana.ok("POST", EVENTS, DAILY)["id"]
    assert _split(emulator, series, "2026-12-01T14:00:00+00:00", summary="Renamed") == series
    [found] = ana.ok("GET", EVENTS)["items"]
    assert (found["summary"], found["recurrence"]) == ("Renamed", DAILY["recurrence"])


def test_a_second_split_at_the_same_place_takes_another_id(emulator: Emulator, ana: Caller) -> None:
    series = ana.ok("POST", EVENTS, DAILY)["id"]
    first = _split(emulator, series, "2026-12-04T14:00:00+00:00")
    ana.ok("DELETE", f"{EVENTS}/{first}")
    ana.ok("PATCH", f"{EVENTS}/{series}", {"recurrence": DAILY["recurrence"]})
    second = _split(emulator, series, "2026-12-04T14:00:00+00:00")
    assert second != first and ana.ok("GET", f"{EVENTS}/{first}")["status"] == "cancelled"


def test_43_an_edit_of_one_occurrence_lists_the_series_and_its_exceptions(ana: Caller) -> None:
    series = ana.ok("POST", EVENTS, DAILY)["id"]
    single = ana.ok("POST", EVENTS, _starting("2026-12-09T09:00:00"))["id"]
    ana.ok("PATCH", f"{EVENTS}/{series}_20261202T140000Z", {"summary": "Special"})
    token = ana.ok("GET", EVENTS)["nextSyncToken"]
    ana.ok("PATCH", f"{EVENTS}/{series}_20261203T140000Z", {"summary": "Other"})
    listed = {e["id"] for e in ana.ok("GET", f"{EVENTS}?syncToken={token}")["items"]}
    assert listed == {series, f"{series}_20261202T140000Z", f"{series}_20261203T140000Z"} and single not in listed


def test_44_a_cancelled_occurrence_has_six_fields_and_a_deleted_event_four(ana: Caller) -> None:
    series = ana.ok("POST", EVENTS, DAILY)["id"]
    single = ana.ok("POST", EVENTS, _starting("2026-12-09T09:00:00"))["id"]
    token = ana.ok("GET", EVENTS)["nextSyncToken"]
    ana.ok("DELETE", f"{EVENTS}/{series}_20261202T140000Z")
    ana.ok("DELETE", f"{EVENTS}/{single}")
    listed = {e["id"]: set(e) for e in ana.ok("GET", f"{EVENTS}?syncToken={token}")["items"]}
    four = {"kind", "etag", "id", "status"}
    assert listed[single] == four
    assert listed[f"{series}_20261202T140000Z"] == four | {"recurringEventId", "originalStartTime"}


def test_45_after_a_cut_cancelled_occurrences_beyond_it_have_four_fields(ana: Caller) -> None:
    series = ana.ok("POST", EVENTS, DAILY)["id"]
    ana.ok("DELETE", f"{EVENTS}/{series}_20261202T140000Z")
    ana.ok("DELETE", f"{EVENTS}/{series}_20261205T140000Z")
    token = ana.ok("GET", EVENTS)["nextSyncToken"]
    ana.ok("PATCH", f"{EVENTS}/{series}", {"recurrence": ["RRULE:FREQ=DAILY;UNTIL=20261203T235959Z"]})
    listed = {e["id"]: e for e in ana.ok("GET", f"{EVENTS}?syncToken={token}")["items"]}
    assert set(listed[f"{series}_20261205T140000Z"]) == {"kind", "etag", "id", "status"}
    assert "recurringEventId" in listed[f"{series}_20261202T140000Z"]


def test_46_a_deleted_series_is_one_tombstone(ana: Caller) -> None:
    series = ana.ok("POST", EVENTS, DAILY)["id"]
    ana.ok("PATCH", f"{EVENTS}/{series}_20261202T140000Z", {"summary": "Special"})
    ana.ok("DELETE", f"{EVENTS}/{series}_20261203T140000Z")
    token = ana.ok("GET", EVENTS)["nextSyncToken"]
    ana.ok("DELETE", f"{EVENTS}/{series}")
    (only,) = ana.ok("GET", f"{EVENTS}?syncToken={token}")["items"]
    assert set(only) == {"kind", "etag", "id", "status"} and only["id"] == series
    assert ana.ok("GET", EVENTS)["items"] == []


def test_47_this_and_following_as_googles_page_makes_it(emulator: Emulator, ana: Caller) -> None:
    tagged = DAILY | {"extendedProperties": {"private": {"tag": "1"}, "shared": {"room": "2"}}}
    master = ana.ok("POST", EVENTS, tagged)
    series = master["id"]
    same = _split(emulator, series, "2026-12-03T14:00:00+00:00", summary="Later")
    assert same == f"{series}_R20261203T140000"
    tail = ana.ok("GET", f"{EVENTS}/{same}")
    assert tail["iCalUID"] == f"{same}@google.com" and tail["extendedProperties"] == tagged["extendedProperties"]
    assert (_starts(ana, series), _starts(ana, same)) == (
        ["2026-12-01T09:00", "2026-12-02T09:00"],
        ["2026-12-03T09:00", "2026-12-04T09:00", "2026-12-05T09:00"],
    )
    emulator.world.calendars[ANA].events[same].created_us -= 60_000_000
    moved = {"start": {"dateTime": "2026-12-05T11:00:00", "timeZone": ZONE}}
    moved |= {"end": {"dateTime": "2026-12-05T11:15:00", "timeZone": ZONE}}
    fresh = _split(emulator, same, "2026-12-05T14:00:00+00:00", **moved)
    made, parent = ana.ok("GET", f"{EVENTS}/{fresh}"), ana.ok("GET", f"{EVENTS}/{same}")
    assert "_R" not in fresh and made["sequence"] == 1 and made["created"] == parent["created"]
    assert made["extendedProperties"] == tagged["extendedProperties"] and _starts(ana, fresh) == ["2026-12-05T11:00"]


def test_47_the_head_ends_with_the_local_day_before_and_keeps_its_sequence(emulator: Emulator, ana: Caller) -> None:
    """As recorded: the last second of the local day before, both halves with the head's sequence, the continuation's
    link under the name of the base."""
    import base64

    series = ana.ok("POST", EVENTS, DAILY | {"recurrence": ["RRULE:FREQ=DAILY"]})["id"]
    times = {
        side: {"dateTime": f"2026-12-01T10:{minute}:00", "timeZone": ZONE}
        for side, minute in (("start", "00"), ("end", "15"))
    }
    assert ana.ok("PATCH", f"{EVENTS}/{series}", times)["sequence"] == 1
    tail = ana.ok("GET", f"{EVENTS}/{_split(emulator, series, '2026-12-10T15:00:00+00:00', summary='Later')}")
    head = ana.ok("GET", f"{EVENTS}/{series}")
    assert head["recurrence"] == ["RRULE:FREQ=DAILY;UNTIL=20261210T045959Z"]
    assert (head["sequence"], tail["sequence"]) == (1, 1)
    eid = tail["htmlLink"].partition("eid=")[2]
    assert base64.urlsafe_b64decode(eid + "==").decode() == f"{series}_20261210T150000Z {ANA}"


def test_47_a_series_of_several_times_a_day_loses_none_before_the_cut(emulator: Emulator, ana: Caller) -> None:
    twice = DAILY | {"recurrence": ["RRULE:FREQ=DAILY;BYHOUR=9,15"]}
    series = ana.ok("POST", EVENTS, twice)["id"]
    _split(emulator, series, "2026-12-03T20:00:00+00:00")
    assert _starts(ana, series)[-1] == "2026-12-03T09:00"


def test_42_a_change_of_the_rule_alone_does_not_raise_the_sequence(ana: Caller) -> None:
    series = ana.ok("POST", EVENTS, DAILY)["id"]
    assert ana.ok("PATCH", f"{EVENTS}/{series}", {"recurrence": ["RRULE:FREQ=DAILY;COUNT=3"]})["sequence"] == 0


def test_48_all_events_on_googles_page_overwrites_what_exceptions_say(emulator: Emulator, ana: Caller) -> None:
    series = ana.ok("POST", EVENTS, DAILY)["id"]
    special = f"{series}_20261202T140000Z"
    ana.ok("PATCH", f"{EVENTS}/{special}", {"summary": "Special", "location": "Attic"})
    tail = _split(emulator, series, "2026-12-04T14:00:00+00:00")
    emulator.control("ui/edit-all", {"calendar_id": ANA, "event_id": series, "changes": {"summary": "Everyone"}})
    shown = {e["id"]: e for e in ana.ok("GET", EVENTS)["items"]}
    assert {shown[name]["summary"] for name in (series, special, tail)} == {"Everyone"}
    assert shown[special]["location"] == "Attic", "only what was edited"
    assert len({e["etag"] for e in shown.values()}) == 1


@pytest.mark.parametrize("status", [404, 403])
def test_49_a_guest_of_one_occurrence_cannot_read_its_series(emulator: Emulator, ana: Caller, status: int) -> None:
    emulator.control("behaviours", {"orphan_master_status": status}, "PUT")
    ben = emulator.caller(BEN)
    series = ana.ok("POST", EVENTS, DAILY)["id"]
    special = f"{series}_20261202T140000Z"
    ana.ok("PATCH", f"{EVENTS}/{special}", {"attendees": [{"email": BEN}]})
    (orphan,) = ben.ok("GET", EVENTS)["items"]
    assert (orphan["id"], orphan["recurringEventId"]) == (special, series)
    assert ben("GET", f"{EVENTS}/{series}").status_code == status
    ana.ok("PATCH", f"{EVENTS}/{series}", {"attendees": [{"email": BEN}]})
    assert ben.ok("GET", f"{EVENTS}/{series}")["id"] == series, "later invited to the whole"


@pytest.mark.parametrize(("policy", "left"), [("keep", "confirmed"), ("drop", "cancelled"), ("shift", "confirmed")])
def test_50_what_a_moved_master_does_to_exceptions_is_a_switch(
    emulator: Emulator, ana: Caller, policy: str, left: str
) -> None:
    emulator.control("behaviours", {"master_move": policy}, "PUT")
    series = ana.ok("POST", EVENTS, DAILY)["id"]
    ana.ok("PATCH", f"{EVENTS}/{series}_20261202T140000Z", {"summary": "Special"})
    later = {"start": {"dateTime": "2026-12-01T10:00:00", "timeZone": ZONE}}
    ana.ok("PATCH", f"{EVENTS}/{series}", later | {"end": {"dateTime": "2026-12-01T10:15:00", "timeZone": ZONE}})
    calendar = emulator.world.calendars[ANA]
    (exception,) = [
        event for event in calendar.events.values() if event.is_exception and not (policy == "shift" and event.is_stub)
    ]
    assert exception.data["status"] == left
    hour = "150000Z" if policy == "shift" else "140000Z"
    assert exception.id == f"{series}_20261202T{hour}"


def test_50_a_cancelled_occurrence_moves_along_with_its_series_however_often(emulator: Emulator, ana: Caller) -> None:
    emulator.control("behaviours", {"master_move": "shift"}, "PUT")
    series = ana.ok("POST", EVENTS, DAILY)["id"]
    ana.ok("DELETE", f"{EVENTS}/{series}_20261202T140000Z")
    for hour in (10, 11):
        times = {"start": {"dateTime": f"2026-12-01T{hour}:00:00", "timeZone": ZONE}}
        times["end"] = {"dateTime": f"2026-12-01T{hour}:15:00", "timeZone": ZONE}
        ana.ok("PATCH", f"{EVENTS}/{series}", times)
        shown = ana.ok("GET", f"{EVENTS}?singleEvents=true")["items"]
        assert "2026-12-02" not in {event["start"]["dateTime"][:10] for event in shown}
        assert len(shown) == 4


def test_50_an_occurrence_whose_exception_moved_on_is_one_as_any_other_again(emulator: Emulator, ana: Caller) -> None:
    """The exception goes along by an hour, not by days: at its first time nothing is left of it."""
    emulator.control("behaviours", {"master_move": "shift"}, "PUT")
    series = ana.ok("POST", EVENTS, DAILY)["id"]
    name = f"{series}_20261202T140000Z"
    ana.ok("PATCH", f"{EVENTS}/{name}", {"summary": "Special"})
    for day, hour in ((1, 10), (15, 10), (1, 9)):
        times = {"start": {"dateTime": f"2026-12-{day:02}T{hour:02}:00:00", "timeZone": ZONE}}
        times["end"] = {"dateTime": f"2026-12-{day:02}T{hour:02}:15:00", "timeZone": ZONE}
        ana.ok("PATCH", f"{EVENTS}/{series}", times)
    shown = {item["id"]: item["summary"] for item in ana.ok("GET", f"{EVENTS}?singleEvents=true")["items"]}
    found = ana.ok("GET", f"{EVENTS}/{name}")
    assert shown[name] == found["summary"] != "Special" and found["status"] == "confirmed"


@pytest.mark.parametrize("mover", [ANA, BEN])
@pytest.mark.parametrize("policy", ["keep", "drop", "shift"])
def test_50_list_get_and_instances_agree_about_an_occurrence_whose_series_moved_and_came_back(
    emulator: Emulator, ana: Caller, policy: str, mover: str
) -> None:
    emulator.control("behaviours", {"master_move": policy}, "PUT")
    ben = emulator.caller(BEN)
    series = ana.ok("POST", EVENTS, DAILY | {"attendees": [{"email": BEN}]})["id"]
    special, cancelled = f"{series}_20261202T140000Z", f"{series}_20261203T140000Z"
    ana.ok("PATCH", f"{EVENTS}/{special}", {"summary": "Special"})
    ana.ok("DELETE", f"{EVENTS}/{cancelled}")
    for caller, hour in ((emulator.caller(mover), 10), (ana, 8), (ana, 9)):
        times = {"start": {"dateTime": f"2026-12-01T{hour:02}:00:00", "timeZone": ZONE}}
        times["end"] = {"dateTime": f"2026-12-01T{hour:02}:15:00", "timeZone": ZONE}
        caller.ok("PATCH", f"{EVENTS}/{series}", times)
    for caller in (ana, ben):
        listed = {item["id"]: item["status"] for item in caller.ok("GET", EVENTS)["items"] if item["id"] != series}
        shown = {item["id"] for item in caller.ok("GET", f"{EVENTS}?singleEvents=true")["items"]}
        for name in (special, cancelled):
            status = caller.ok("GET", f"{EVENTS}/{name}")["status"]
            assert listed.get(name) == status, name
            assert (name in shown) == (status != "cancelled"), name
