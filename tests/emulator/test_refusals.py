"""What Google refuses is refused here, in its words, and nothing accepted ever breaks a later answer."""

from typing import Any

import pytest

from tests.emulator.conftest import ANA, BEN, EVENTS, LUNCH, Caller, Emulator

ZONE = "Europe/Berlin"
SERIES: dict[str, Any] = {
    "summary": "S",
    "start": {"dateTime": "2026-12-01T09:00:00", "timeZone": ZONE},
    "end": {"dateTime": "2026-12-01T10:00:00", "timeZone": ZONE},
    "recurrence": ["RRULE:FREQ=DAILY;COUNT=4"],
}


def _error(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 400, answer.data
    return dict(answer.json["error"]["errors"][0])


@pytest.mark.parametrize(
    "line",
    [
        "RRULE:FREQ=DAILY;UNTIL=nonsense",
        "RRULE:FREQ=DAILY;UNTIL=20261301",
        "RRULE:FREQ=SECONDLY",
        "RRULE:FREQ=MINUTELY;COUNT=3",
        "RRULE:FREQ=DAILY;COUNT=0",
        "RRULE:FREQ=DAILY;COUNT=3;UNTIL=20261231",
        "RRULE:FREQ=DAILY;INTERVAL=-1",
        "RRULE:FREQ=MONTHLY;BYMONTHDAY=0",
        "RRULE:FREQ=WEEKLY;BYDAY=XX",
        "RRULE:FREQ=YEARLY;BYEASTER=1",
        "EXDATE:garbage",
        "EXDATE;TZID=Nowhere/Land:20261202T090000",
        "RDATE:20261232T090000Z",
        "DTSTART:20261201T090000Z",
        "RRULE",
    ],
)
def test_a_bad_recurrence_is_refused_and_poisons_no_list(ana: Caller, line: str) -> None:
    error = _error(ana("POST", EVENTS, SERIES | {"recurrence": [line]}))
    assert (error["reason"], error["message"]) == ("invalid", "Invalid recurrence rule.")
    made = ana.ok("POST", EVENTS, SERIES)["id"]
    assert _error(ana("PATCH", f"{EVENTS}/{made}", {"recurrence": [line]}))["message"] == "Invalid recurrence rule."
    assert len(ana.ok("GET", f"{EVENTS}?singleEvents=true")["items"]) == 4


@pytest.mark.parametrize(
    "value",
    [
        {"dateTime": "2026-03-01T09:00", "timeZone": ZONE},
        {"dateTime": "20260301T090000", "timeZone": ZONE},
        {"dateTime": "2026-W10-1T09:00:00", "timeZone": ZONE},
        {"dateTime": "2026-03-01", "timeZone": ZONE},
        {"dateTime": "0001-01-01T00:00:00Z"},
        {"dateTime": "2026-02-30T09:00:00Z"},
        {"dateTime": "2026-03-01T09:00:00+99:00"},
        {"date": "20260301"},
        {"date": "2026-W11-1"},
        {"date": "2026-02-30"},
        {"date": "2026-03-01", "dateTime": "2026-03-01T09:00:00Z"},
    ],
)
def test_times_that_are_not_written_as_rfc_3339_says_are_refused(ana: Caller, value: dict[str, str]) -> None:
    end = {"date": "2026-03-05"} if "date" in value else {"dateTime": "2026-03-05T09:00:00Z"}
    error = _error(ana("POST", EVENTS, {"start": value, "end": end}))
    assert (error["reason"], error["message"]) == ("invalid", "Invalid start time.")


def test_the_words_of_refusals_about_times_are_googles(ana: Caller) -> None:
    naive = {"dateTime": "2026-12-01T09:00:00"}
    error = _error(ana("POST", EVENTS, {"start": naive, "end": naive}))
    assert (error["reason"], error["message"]) == ("required", "Missing time zone definition for start time.")
    error = _error(ana("POST", EVENTS, {"start": naive | {"timeZone": "Foo/Bar"}, "end": naive | {"timeZone": ZONE}}))
    assert (error["reason"], error["message"]) == ("invalid", "Invalid time zone definition for start time.")
    error = _error(ana("POST", EVENTS, LUNCH | {"end": LUNCH["start"]}))
    assert error == {
        "domain": "calendar",
        "reason": "timeRangeEmpty",
        "message": "The specified time range is empty.",
        "locationType": "parameter",
        "location": "timeMax",
    }


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("orderBy=foo", "invalidParameter"),
        ("eventTypes=foo", "invalidParameter"),
        ("singleEvents=maybe", "invalidParameter"),
        ("maxResults=many", "invalidParameter"),
        ("maxAttendees=0", "invalidParameter"),
        ("maxResults=99999999999", "invalidParameter"),
        ("alt=xml", "invalidParameter"),
        ("timeZone=Foo/Bar", "invalid"),
        ("timeMin=2026-12-01", "badRequest"),
        ("timeMin=2026-12-01T00:00:00", "badRequest"),
        ("orderBy=startTime", "invalid"),
    ],
)
def test_a_parameter_outside_its_enum_format_or_range_is_refused(ana: Caller, query: str, reason: str) -> None:
    error = _error(ana("GET", f"{EVENTS}?{query}"))
    assert (error["reason"], error["location"]) == (reason, query.partition("=")[0])


def test_the_refusal_of_an_enum_lists_what_is_allowed(ana: Caller) -> None:
    error = _error(ana("GET", f"{EVENTS}?orderBy=foo"))
    assert error["message"] == "Invalid string value: 'foo'. Allowed values: [startTime, updated]"


@pytest.mark.parametrize(
    "change",
    [
        {"colorId": "99"},
        {"attendees": [{"email": "a@b.example", "responseStatus": "maybe"}]},
        {"attendees": [{"email": "no address"}]},
        {"status": "odd"},
        {"visibility": "odd"},
        {"transparency": "odd"},
        {"eventType": "odd"},
        {"guestsCanModify": "yes"},
        {"sequence": "many"},
        {"reminders": {"useDefault": False, "overrides": [{"method": "fax", "minutes": 1}]}},
        {"recurrence": "RRULE:FREQ=DAILY"},
    ],
)
def test_a_value_that_the_reference_does_not_know_is_refused(ana: Caller, change: dict[str, Any]) -> None:
    assert _error(ana("POST", EVENTS, LUNCH | change))["reason"] == "invalid"
    made = ana.ok("POST", EVENTS, LUNCH)["id"]
    assert _error(ana("PATCH", f"{EVENTS}/{made}", change))["reason"] == "invalid"


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "calendars", {"summary": "x", "timeZone": "Foo/Bar"}, (400, "invalid")),
        ("GET", f"{EVENTS}/{{series}}?timeZone=Foo/Bar", None, (400, "invalid")),
        ("GET", "users/me/calendarList?minAccessRole=x", None, (400, "invalidParameter")),
        ("GET", f"{EVENTS}/{{series}}/instances?originalStart=junk", None, (400, "invalid")),
        ("PATCH", "users/me/calendarList/primary?colorRgbFormat=true", {"backgroundColor": "red"}, (400, "invalid")),
        ("PATCH", "users/me/calendarList/{shared}", {"selected": True}, (404, "notFound")),
        ("DELETE", "users/me/calendarList/{shared}", None, (404, "notFound")),
        (
            "POST",
            f"{EVENTS}/watch",
            {"id": "c1", "type": "web_hook", "address": "https://x.example", "params": {"ttl": "abc"}},
            (400, "invalid"),
        ),
    ],
)
def test_what_once_broke_the_server_is_refused(
    emulator: Emulator, ana: Caller, method: str, path: str, body: Any, expected: tuple[int, str]
) -> None:
    emulator.caller(BEN)
    emulator.control("share", {"calendar_id": BEN, "email": "default", "role": "reader"})
    series = ana.ok("POST", EVENTS, SERIES)["id"]
    assert ana.refused(method, path.format(series=series, shared=BEN), body) == expected


def test_halves_of_characters_and_numbers_that_are_none_break_nothing(ana: Caller) -> None:
    headers = ana.headers | {"Content-Type": "application/json"}
    start, end = '{"dateTime": "2026-12-01T12:00:00Z"}', '{"dateTime": "2026-12-01T13:00:00Z"}'

    def post(more: str) -> Any:
        text = f'{{"start": {start}, "end": {end}, {more}}}'
        return ana.client.post(f"/calendar/v3/{EVENTS}", data=text, headers=headers)

    assert post('"summary": "half \\ud83d of a pair"').status_code == 200
    assert len(ana.ok("GET", EVENTS)["items"]) == 1
    for bad in ('"sequence": NaN', '"sequence": Infinity', f'"source": {"[" * 5000}'):
        assert _error(post(bad))["reason"] == "parseError"


def test_an_overtaken_sequence_is_refused(ana: Caller) -> None:
    made = ana.ok("POST", EVENTS, LUNCH)["id"]
    later = {side: {"dateTime": LUNCH[side]["dateTime"].replace("T1", "T2")} for side in ("start", "end")}
    moved = ana.ok("PATCH", f"{EVENTS}/{made}", later)
    assert moved["sequence"] == 1
    error = _error(ana("PATCH", f"{EVENTS}/{made}", {"sequence": 0, "summary": "late"}))
    assert error["message"].startswith("Invalid sequence value.")
    assert ana.ok("PATCH", f"{EVENTS}/{made}", {"sequence": 1, "summary": "in time"})["sequence"] == 1


def test_reminders_by_text_message_are_ignored(ana: Caller) -> None:
    sent = {"useDefault": False, "overrides": [{"method": "sms", "minutes": 5}, {"method": "popup", "minutes": 10}]}
    made = ana.ok("POST", EVENTS, LUNCH | {"reminders": sent})
    assert made["reminders"] == {"useDefault": False, "overrides": [{"method": "popup", "minutes": 10}]}


def test_a_selector_of_a_member_that_the_answer_does_not_have_is_refused(ana: Caller) -> None:
    assert ana.refused("GET", f"{EVENTS}?fields=items(nextPageToken)") == (400, "invalidParameter")
    assert ana.ok("GET", f"{EVENTS}?fields=items(id),nextPageToken") == {"items": []}


def test_ready_conference_data_is_kept(ana: Caller) -> None:
    ready = {
        "conferenceId": "abc-defg-hij",
        "conferenceSolution": {"key": {"type": "hangoutsMeet"}, "name": "Google Meet"},
        "entryPoints": [{"entryPointType": "video", "uri": "https://meet.google.com/abc-defg-hij"}],
    }
    made = ana.ok("POST", f"{EVENTS}?conferenceDataVersion=1", LUNCH | {"conferenceData": ready})
    assert made["conferenceData"] == ready and made["hangoutLink"] == ready["entryPoints"][0]["uri"]
    assert "conferenceData" not in ana.ok("POST", EVENTS, LUNCH | {"conferenceData": ready})
    half = LUNCH | {"conferenceData": {"conferenceId": "abc"}}
    assert ana.refused("POST", f"{EVENTS}?conferenceDataVersion=1", half) == (400, "invalid")
    noted = {"conferenceData": {"notes": "Bring tea"}}
    changed = ana.ok("PATCH", f"{EVENTS}/{made['id']}?conferenceDataVersion=1", noted)
    assert changed["conferenceData"] == ready | {"notes": "Bring tea"}
    other = ready | {"conferenceId": "x", "entryPoints": [{"entryPointType": "video", "uri": "https://zoom.example/1"}]}
    put = {"start": LUNCH["start"], "end": LUNCH["end"], "conferenceData": other}
    replaced = ana.ok("PUT", f"{EVENTS}/{made['id']}?conferenceDataVersion=1", put)
    assert replaced["conferenceData"] == other


def test_importing_one_changed_occurrence_leaves_its_series(ana: Caller) -> None:
    uid = "series@else.example"
    organizer = {"organizer": {"email": ANA}}
    series = ana.ok("POST", f"{EVENTS}/import", SERIES | organizer | {"iCalUID": uid})
    changed = {
        "iCalUID": uid,
        "summary": "Special",
        "recurringEventId": series["id"],
        "originalStartTime": {"dateTime": "2026-12-02T09:00:00", "timeZone": ZONE},
        "start": {"dateTime": "2026-12-02T15:00:00", "timeZone": ZONE},
        "end": {"dateTime": "2026-12-02T16:00:00", "timeZone": ZONE},
    }
    special = ana.ok("POST", f"{EVENTS}/import", changed | organizer)
    assert (special["id"], special["recurringEventId"]) == (f"{series['id']}_20261202T080000Z", series["id"])
    shown = ana.ok("GET", f"{EVENTS}?singleEvents=true&orderBy=startTime")["items"]
    assert [item["summary"] for item in shown] == ["S", "Special", "S", "S"]
    nowhere = changed | {"originalStartTime": {"dateTime": "2026-12-02T09:30:00", "timeZone": ZONE}}
    assert ana.refused("POST", f"{EVENTS}/import", nowhere | organizer) == (400, "invalid")
