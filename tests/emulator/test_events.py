"""The event resource: ids, defaults, times, guests' rows, private parts (checklist lines 24–37)."""

import base64
import re
from datetime import datetime
from typing import Any

import pytest

from tests.emulator.conftest import ANA, BEN, EVENTS, LUNCH, Caller, Emulator

ZONE = "America/Sao_Paulo"
ALL_DAY = {"summary": "Away", "start": {"date": "2026-12-01"}, "end": {"date": "2026-12-02"}}


def test_24_the_etag_is_twice_the_microseconds_of_updated(ana: Caller) -> None:
    event = ana.ok("POST", EVENTS, LUNCH)
    matched = re.fullmatch(r'"(\d+)"', event["etag"])
    assert matched is not None and int(matched.group(1)) % 2 == 0
    updated = datetime.fromisoformat(event["updated"])
    assert int(matched.group(1)) // 2000 == int(updated.timestamp() * 1000)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["updated"])
    assert event["created"].endswith(".000Z")
    assert ana("GET", f"{EVENTS}/{event['id']}").headers["ETag"] == event["etag"]


def test_25_ids_are_26_characters_of_base32hex_and_foreign_alphabets_are_refused(ana: Caller) -> None:
    assert re.fullmatch(r"[a-v0-9]{26}", ana.ok("POST", EVENTS, LUNCH)["id"])
    assert ana.ok("POST", EVENTS, LUNCH | {"id": "a1b2c" * 204})["id"] == "a1b2c" * 204
    for bad in ("abcd", "a" * 1025, "wxyz1", "ABCDE", "with-dash", "with_line", "aä123"):
        answer = ana("POST", EVENTS, LUNCH | {"id": bad})
        assert (answer.status_code, answer.json["error"]["message"]) == (400, "Invalid resource id value."), bad


def test_26_the_ical_uid_follows_the_id_and_imported_ids_the_uid(ana: Caller) -> None:
    event = ana.ok("POST", EVENTS, LUNCH)
    assert event["iCalUID"] == f"{event['id']}@google.com"
    body = LUNCH | {"iCalUID": "6DD-é@outlook.example", "organizer": {"email": ANA}}
    imported = ana.ok("POST", f"{EVENTS}/import", body)
    text = imported["id"].removeprefix("_").upper()
    assert base64.b32hexdecode(text + "=" * (-len(text) % 8)).decode() == "6DD-é@outlook.example"
    assert imported["iCalUID"] == "6DD-é@outlook.example"


def test_27_defaults_are_omitted(ana: Caller) -> None:
    defaults = {"transparency": "opaque", "visibility": "default", "guestsCanInviteOthers": True}
    more = {"guestsCanModify": False, "guestsCanSeeOtherGuests": True, "attendees": [], "attachments": []}
    plain = {"summary": "x", "start": LUNCH["start"], "end": LUNCH["end"], "anyoneCanAddSelf": False}
    event = ana.ok("POST", EVENTS, plain | defaults | more)
    for name in (*defaults, *more, "anyoneCanAddSelf", "attendeesOmitted", "locked", "privateCopy", "recurrence"):
        assert name not in event, name
    assert event["status"] == "confirmed" and event["eventType"] == "default"
    kept = {"transparency": "transparent", "guestsCanModify": True, "guestsCanSeeOtherGuests": False}
    assert {n: v for n, v in ana.ok("POST", EVENTS, plain | kept).items() if n in kept} == kept


def test_28_self_says_whose_copy_it_is(emulator: Emulator, ana: Caller) -> None:
    ben = emulator.caller(BEN)
    made = ana.ok("POST", EVENTS, LUNCH | {"attendees": [{"email": ANA}, {"email": BEN}]})
    copied = ben.ok("GET", f"{EVENTS}/{made['id']}")

    def selves(event: dict[str, Any]) -> list[str]:
        return [row["email"] for row in event["attendees"] if row.get("self")]

    assert selves(made) == [ANA] and made["organizer"]["self"] is True and made["creator"]["self"] is True
    assert selves(copied) == [BEN] and "self" not in copied["organizer"] and "self" not in copied["creator"]
    assert [row["email"] for row in copied["attendees"] if row.get("organizer")] == [ANA]


def test_29_the_link_holds_the_event_and_the_calendar(ana: Caller) -> None:
    event = ana.ok("POST", EVENTS, LUNCH)
    eid = event["htmlLink"].partition("eid=")[2]
    assert base64.urlsafe_b64decode(eid + "==").decode() == f"{event['id']} {ANA}"
    zoned = {"start": _at("2026-12-01T12:00:00"), "end": _at("2026-12-01T13:00:00")}
    series = ana.ok("POST", EVENTS, zoned | {"recurrence": ["RRULE:FREQ=DAILY;COUNT=2"]})
    eid = series["htmlLink"].partition("eid=")[2]
    assert base64.urlsafe_b64decode(eid + "==").decode() == f"{series['id']}_20261201T150000Z {ANA}"


def _at(text: str, zone: str = ZONE) -> dict[str, str]:
    return {"dateTime": text, "timeZone": zone}


@pytest.mark.parametrize(
    ("start", "end", "reason", "message"),
    [
        (None, None, "required", "Missing end time."),
        (None, {"dateTime": "2026-12-01T13:00:00Z"}, "required", "Missing start time."),
        ({}, {"date": "2026-12-02"}, "required", "Missing start time."),
        (
            {"date": "2026-12-01"},
            {"dateTime": "2026-12-01T13:00:00Z"},
            "invalid",
            "Start and end times must either both be date or both be dateTime.",
        ),
        (
            {"dateTime": "2026-12-01T12:00:00"},
            {"dateTime": "2026-12-01T13:00:00Z"},
            "required",
            "Missing time zone definition for start time.",
        ),
        ({"date": "2026-12-01"}, {"date": "2026-12-01"}, "timeRangeEmpty", "The specified time range is empty."),
        (
            {"dateTime": "2026-12-01T13:00:00Z"},
            {"dateTime": "2026-12-01T12:00:00Z"},
            "timeRangeEmpty",
            "The specified time range is empty.",
        ),
        ({"dateTime": "soon"}, {"dateTime": "2026-12-01T12:00:00Z"}, "invalid", "Invalid start time."),
    ],
)
def test_30_bad_times_are_refused_in_googles_words(
    ana: Caller, start: Any, end: Any, reason: str, message: str
) -> None:
    body = {n: v for n, v in (("summary", "x"), ("start", start), ("end", end)) if v is not None}
    answer = ana("POST", EVENTS, body)
    error = answer.json["error"]["errors"][0]
    assert (answer.status_code, error["reason"], error["message"]) == (400, reason, message)
    assert error["domain"] == ("calendar" if reason == "timeRangeEmpty" else "global")


def test_31_offsets_follow_the_asked_or_the_calendars_zone(ana: Caller) -> None:
    event = ana.ok("POST", EVENTS, LUNCH | {"start": _at("2026-12-01T09:00:00"), "end": _at("2026-12-01T10:00:00")})
    assert event["start"] == {"dateTime": "2026-12-01T12:00:00Z", "timeZone": ZONE}, "Ana's calendar runs in UTC"
    for zone, text in (("Asia/Tokyo", "2026-12-01T21:00:00+09:00"), (ZONE, "2026-12-01T09:00:00-03:00")):
        shown = ana.ok("GET", f"{EVENTS}/{event['id']}?timeZone={zone}")
        assert shown["start"] == {"dateTime": text, "timeZone": ZONE}
        assert ana.ok("GET", f"{EVENTS}?timeZone={zone}")["items"][0]["start"]["dateTime"] == text
    ana.ok("PATCH", "calendars/primary", {"timeZone": "Europe/Paris"})
    assert ana.ok("GET", f"{EVENTS}/{event['id']}")["start"]["dateTime"] == "2026-12-01T13:00:00+01:00"


def test_32_reminders_belong_to_one_user_and_leave_updated_alone(emulator: Emulator, ana: Caller) -> None:
    event = ana.ok("POST", EVENTS, LUNCH)
    assert event["reminders"] == {"useDefault": True}
    ben = emulator.caller(BEN)
    emulator.control("share", {"calendar_id": ANA, "email": BEN, "role": "writer"})
    path, own = (
        f"calendars/{ANA}/events/{event['id']}",
        {"useDefault": False, "overrides": [{"method": "popup", "minutes": 5}]},
    )
    changed = ben.ok("PATCH", path, {"reminders": own})
    assert changed["reminders"] == own and ana.ok("GET", path)["reminders"] == {"useDefault": True}
    assert changed["updated"] == event["updated"] and changed["etag"] != event["etag"]
    emulator.control("behaviours", {"reminders_change_etag": False}, "PUT")
    again = ben.ok("PATCH", path, {"reminders": {"useDefault": False, "overrides": None}})
    assert (again["reminders"], again["etag"]) == ({"useDefault": False}, changed["etag"])
    for bad, reason in (
        ({"useDefault": True, "overrides": own["overrides"]}, "cannotUseDefaultRemindersAndSpecifyOverride"),
        ({"useDefault": False, "overrides": [{"method": "popup", "minutes": m} for m in range(6)]}, "invalid"),
        ({"useDefault": False, "overrides": [{"method": "popup", "minutes": 40321}]}, "invalid"),
        ({"useDefault": False, "overrides": [{"method": "popup", "minutes": -1}]}, "invalid"),
        ({"useDefault": False, "overrides": [{"method": "popup"}]}, "required"),
    ):
        assert ben.refused("PATCH", path, {"reminders": bad}) == (400, reason)


def test_33_extended_properties_are_cut_as_google_cuts_them(ana: Caller) -> None:
    private = {"k" * 44: "v" * 1025, "k" * 45: "dropped"}
    event = ana.ok("POST", EVENTS, LUNCH | {"extendedProperties": {"private": private, "shared": {"a": "1"}}})
    assert event["extendedProperties"] == {"private": {"k" * 44: "v" * 1024}, "shared": {"a": "1"}}
    many = {f"n{number}": "x" for number in range(301)}
    event = ana.ok("POST", EVENTS, LUNCH | {"extendedProperties": {"private": many, "shared": {"a": "1"}}})
    assert sum(len(values) for values in event["extendedProperties"].values()) == 300
    wide = {f"n{number}": "x" * 1024 for number in range(40)}
    event = ana.ok("POST", EVENTS, LUNCH | {"extendedProperties": {"private": wide}})
    assert sum(len(n) + len(v) for n, v in event["extendedProperties"]["private"].items()) <= 32 * 1024
    path = f"{EVENTS}/{event['id']}"
    left = ana.ok("PATCH", path, {"extendedProperties": {"private": {"n0": None}}})["extendedProperties"]["private"]
    assert "n0" not in left and "n1" in left


def test_34_a_meet_link_is_pending_first_and_then_there_with_a_new_etag_and_a_message(
    emulator: Emulator, ana: Caller
) -> None:
    emulator.control("clock", {"now": "2026-11-01T00:00:00Z"})
    wish = {"createRequest": {"requestId": "r1", "conferenceSolutionKey": {"type": "hangoutsMeet"}}}
    assert "conferenceData" not in ana.ok("POST", EVENTS, LUNCH | {"conferenceData": wish})
    ana.ok("POST", f"{EVENTS}/watch", {"id": "c1", "type": "web_hook", "address": "http://localhost/push"})
    event = ana.ok("POST", f"{EVENTS}?conferenceDataVersion=1", LUNCH | {"conferenceData": wish})
    assert event["conferenceData"]["createRequest"]["status"] == {"statusCode": "pending"}
    assert "hangoutLink" not in event
    emulator.control("notifications/flush")
    emulator.delivered.clear()
    emulator.control("clock", {"advance_s": 2})
    done = ana.ok("GET", f"{EVENTS}/{event['id']}")
    assert done["conferenceData"]["createRequest"]["status"] == {"statusCode": "success"}
    assert done["hangoutLink"] == done["conferenceData"]["entryPoints"][0]["uri"] and done["etag"] != event["etag"]
    assert [h["X-Goog-Resource-State"] for _address, h in emulator.delivered] == ["exists"]
    repeated = ana.ok("PATCH", f"{EVENTS}/{event['id']}?conferenceDataVersion=1", {"conferenceData": wish})
    assert repeated["hangoutLink"] == done["hangoutLink"], "the same request id asks for nothing new"
    removed = ana.ok("PATCH", f"{EVENTS}/{event['id']}?conferenceDataVersion=1", {"conferenceData": None})
    assert not {"conferenceData", "hangoutLink"} & set(removed)
    odd = {"createRequest": {"requestId": "r2", "conferenceSolutionKey": {"type": "addOn"}}}
    refused = ana("POST", f"{EVENTS}?conferenceDataVersion=1", LUNCH | {"conferenceData": odd})
    assert (refused.status_code, refused.json["error"]["message"]) == (400, "Invalid conference type value.")
    emulator.control("behaviours", {"conference_fails": True}, "PUT")
    failing = {"createRequest": wish["createRequest"] | {"requestId": "r3"}}
    event = ana.ok("POST", f"{EVENTS}?conferenceDataVersion=1", LUNCH | {"conferenceData": failing})
    emulator.control("clock", {"advance_s": 2})
    failed = ana.ok("GET", f"{EVENTS}/{event['id']}")
    assert failed["conferenceData"]["createRequest"]["status"] == {"statusCode": "failure"}
    assert "hangoutLink" not in failed


def test_35_labels_count_at_version_1_and_colours_at_version_0(ana: Caller) -> None:
    event = ana.ok("POST", f"{EVENTS}?eventLabelVersion=1", LUNCH | {"eventLabelId": "label-1", "colorId": "3"})
    assert event["eventLabelId"] == "label-1" and "colorId" not in event
    path = f"{EVENTS}/{event['id']}"
    event = ana.ok("PATCH", path, {"colorId": "4", "eventLabelId": "label-2"})
    assert (event["eventLabelId"], event["colorId"]) == ("label-1", "4"), "version 0 knows colours only"
    event = ana.ok("PATCH", f"{path}?eventLabelVersion=1", {"summary": "y"})
    assert "eventLabelId" not in event, "absent removes the label at version 1"
    assert event["colorId"] == "4"


def _typed(kind: str, **more: Any) -> dict[str, Any]:
    times = {"start": LUNCH["start"], "end": LUNCH["end"]}
    return {"summary": kind, "eventType": kind} | times | more


def test_36_every_type_of_event_has_its_rules(emulator: Emulator, ana: Caller) -> None:
    team = ana.ok("POST", "calendars", {"summary": "Team"})["id"]
    yearly = {"recurrence": ["RRULE:FREQ=YEARLY"], "start": ALL_DAY["start"], "end": ALL_DAY["end"]}
    birthday = ana.ok("POST", EVENTS, _typed("birthday") | yearly)
    assert (birthday["visibility"], birthday["transparency"]) == ("private", "transparent")
    for bad in (
        _typed("birthday"),
        _typed("birthday") | yearly | {"recurrence": ["RRULE:FREQ=MONTHLY"]},
        _typed("birthday") | yearly | {"end": {"date": "2026-12-03"}},
        _typed("fromGmail"),
        _typed("focusTime"),
        _typed("outOfOffice"),
        _typed("workingLocation"),
        _typed("focusTime", focusTimeProperties={}) | ALL_DAY,
        _typed("workingLocation", workingLocationProperties={"type": "homeOffice"})
        | {"start": {"date": "2026-12-01"}, "end": {"date": "2026-12-03"}},
    ):
        assert ana("POST", EVENTS, bad).status_code == 400, bad
    assert ana.refused("PATCH", f"{EVENTS}/{birthday['id']}", {"location": "x"}) == (400, "eventTypeRestriction")
    ana.ok("PATCH", f"{EVENTS}/{birthday['id']}", {"summary": "Ben's day", "colorId": "3"})
    for kind, properties in (
        ("focusTime", {"focusTimeProperties": {"autoDeclineMode": "declineNone"}}),
        ("outOfOffice", {"outOfOfficeProperties": {"autoDeclineMode": "declineNone"}}),
        ("workingLocation", {"workingLocationProperties": {"type": "homeOffice", "homeOffice": {}}}),
    ):
        event = ana.ok("POST", EVENTS, _typed(kind, **properties))
        assert event["eventType"] == kind and set(properties) <= set(event)
        assert ana("POST", f"calendars/{team}/events", _typed(kind, **properties)).status_code == 400
        assert ana.ok("PATCH", f"{EVENTS}/{event['id']}", {"eventType": "default"})["eventType"] == kind
        assert ana("POST", f"{EVENTS}/{event['id']}/move?destination={team}").status_code == 400
    mailed = emulator.world.calendars[ANA].events[event["id"]]
    mailed.data = mailed.data | {"eventType": "fromGmail"}
    assert ana.refused("PATCH", f"{EVENTS}/{event['id']}", {"summary": "x"}) == (400, "eventTypeRestriction")
    ana.ok("PATCH", f"{EVENTS}/{event['id']}", {"colorId": "2", "visibility": "private"})


def test_37_attachments_need_the_flag_and_end_at_25(ana: Caller) -> None:
    files = [{"fileUrl": f"https://drive.example/{n}", "title": str(n)} for n in range(26)]
    assert "attachments" not in ana.ok("POST", EVENTS, LUNCH | {"attachments": files[:1]})
    event = ana.ok("POST", f"{EVENTS}?supportsAttachments=true", LUNCH | {"attachments": files[:25]})
    assert len(event["attachments"]) == 25
    assert ana("POST", f"{EVENTS}?supportsAttachments=true", LUNCH | {"attachments": files}).status_code == 400
    assert len(ana.ok("PUT", f"{EVENTS}/{event['id']}", LUNCH)["attachments"]) == 25, "without the flag they stay"
    assert "attachments" not in ana.ok("PUT", f"{EVENTS}/{event['id']}?supportsAttachments=true", LUNCH)
