"""Writing: replace and merge, preconditions, identity, moves, guests' copies, mails (checklist lines 64–77)."""

from typing import Any

import pytest

from tests.emulator.conftest import ANA, BEN, EVENTS, LUNCH, Caller, Emulator

GUEST = "guest@else.example"


def test_64_put_clears_what_it_omits_and_patch_merges(ana: Caller) -> None:
    full = LUNCH | {"location": "Attic", "extendedProperties": {"private": {"a": "1"}}, "colorId": "3"}
    event = ana.ok("POST", EVENTS, full)
    path = f"{EVENTS}/{event['id']}"
    merged = ana.ok("PATCH", path, {"extendedProperties": {"private": {"b": "2"}}, "attendees": [{"email": BEN}]})
    assert merged["extendedProperties"]["private"] == {"a": "1", "b": "2"}, "objects merge"
    assert [row["email"] for row in merged["attendees"]] == [BEN], "arrays replace"
    assert "location" not in ana.ok("PATCH", path, {"location": None}), "null deletes"
    assert ana.ok("GET", path)["colorId"] == "3"
    put = ana.ok("PUT", path, {"summary": "Only", "start": LUNCH["start"], "end": LUNCH["end"]})
    assert not {"attendees", "extendedProperties", "colorId", "location"} & set(put) and put["summary"] == "Only"
    assert ana.refused("PUT", path, {"summary": "No times"}) == (400, "required")


def test_65_a_patch_between_days_and_times_has_to_null_the_other_member(ana: Caller) -> None:
    event = ana.ok("POST", EVENTS, LUNCH)
    path = f"{EVENTS}/{event['id']}"
    days = {"start": {"date": "2026-12-01"}, "end": {"date": "2026-12-02"}}
    assert ana("PATCH", path, days).status_code == 400
    nulled = {side: value | {"dateTime": None, "timeZone": None} for side, value in days.items()}
    assert ana.ok("PATCH", path, nulled)["start"] == {"date": "2026-12-01"}
    assert ana("PATCH", path, {"start": LUNCH["start"], "end": LUNCH["end"]}).status_code == 400
    times = {side: LUNCH[side] | {"date": None} for side in ("start", "end")}
    assert ana.ok("PATCH", path, times)["start"]["dateTime"] == "2026-12-01T12:00:00Z"


def test_66_preconditions(ana: Caller) -> None:
    event = ana.ok("POST", EVENTS, LUNCH)
    path = f"{EVENTS}/{event['id']}"
    for method, body in (("PATCH", {"summary": "x"}), ("PUT", LUNCH), ("DELETE", None)):
        answer = ana(method, path, body, If_Match='"1"')
        error = answer.json["error"]["errors"][0]
        assert (answer.status_code, error["reason"], error["message"]) == (
            412,
            "conditionNotMet",
            "Precondition Failed",
        )
        assert (error["locationType"], error["location"]) == ("header", "If-Match")
    changed = ana("PATCH", path, {"summary": "x"}, If_Match=event["etag"])
    assert changed.status_code == 200
    assert ana("PATCH", path, {"summary": "y"}, If_Match=event["etag"]).status_code == 412
    assert ana("PATCH", path, {"summary": "y"}, If_Match="*").status_code == 200
    now = ana.ok("GET", path)["etag"]
    unchanged = ana("GET", path, None, If_None_Match=now)
    assert (unchanged.status_code, unchanged.data) == (304, b"")
    listed = ana.ok("GET", EVENTS)["etag"]
    assert ana("GET", EVENTS, None, If_None_Match=listed).status_code == 304
    assert ana("GET", path, None, If_None_Match=event["etag"]).status_code == 200


def test_67_ids_and_uids_are_never_used_twice(ana: Caller) -> None:
    event = ana.ok("POST", EVENTS, LUNCH | {"id": "fied1"})
    assert ana.refused("POST", EVENTS, LUNCH | {"id": "fied1"}) == (409, "duplicate")
    ana.ok("DELETE", f"{EVENTS}/fied1")
    assert ana.refused("POST", EVENTS, LUNCH | {"id": "fied1"}) == (409, "duplicate"), "not even after deletion"
    assert ana.refused("POST", EVENTS, LUNCH | {"iCalUID": event["iCalUID"]}) == (409, "duplicate")
    ana.ok("POST", EVENTS, LUNCH | {"iCalUID": "free@else.example"})
    assert ana.refused("POST", EVENTS, LUNCH | {"iCalUID": "free@else.example"}) == (409, "duplicate")


def test_68_import_replaces_by_uid_and_is_a_private_copy_of_a_foreign_event(emulator: Emulator, ana: Caller) -> None:
    foreign = LUNCH | {"iCalUID": "u1@else.example", "organizer": {"email": GUEST}, "attendees": [{"email": ANA}]}
    first = ana.ok("POST", f"{EVENTS}/import", foreign | {"location": "Attic"})
    assert first["privateCopy"] is True and first["organizer"]["email"] == GUEST
    again = ana.ok("POST", f"{EVENTS}/import", foreign | {"summary": "Dinner"})
    assert again["id"] == first["id"] and again["summary"] == "Dinner" and "location" not in again
    own = LUNCH | {"iCalUID": "u2@else.example", "organizer": {"email": ANA}}
    assert "privateCopy" not in ana.ok("POST", f"{EVENTS}/import", own)
    nobody = LUNCH | {"iCalUID": "u3@else.example", "organizer": {"email": GUEST}, "attendees": [{"email": BEN}]}
    assert ana.refused("POST", f"{EVENTS}/import", nobody) == (400, "participantIsNeitherOrganizerNorAttendee")
    assert ana.refused("POST", f"{EVENTS}/import", LUNCH) == (400, "required")
    assert ana.refused("POST", f"{EVENTS}/import", own | {"eventType": "focusTime"}) == (400, "eventTypeRestriction")
    assert emulator.control("mails", method="GET")["mails"] == []


def test_69_deleting_is_204_then_410_and_404_for_the_unknown(ana: Caller) -> None:
    event = ana.ok("POST", EVENTS, LUNCH)["id"]
    answer = ana("DELETE", f"{EVENTS}/{event}")
    assert (answer.status_code, answer.data) == (204, b"")
    again = ana("DELETE", f"{EVENTS}/{event}")
    error = again.json["error"]["errors"][0]
    assert (again.status_code, error["reason"], error["message"]) == (410, "deleted", "Resource has been deleted")
    assert ana.refused("DELETE", f"{EVENTS}/unknown1") == (404, "notFound")


def test_70_a_deleted_event_is_restored_by_its_status_or_refused(emulator: Emulator, ana: Caller) -> None:
    event = ana.ok("POST", EVENTS, LUNCH)["id"]
    ana.ok("DELETE", f"{EVENTS}/{event}")
    kept = ana.ok("GET", f"{EVENTS}/{event}")
    assert (kept["status"], kept["summary"]) == ("cancelled", "Lunch"), "the organizer's details stay"
    assert ana.ok("PATCH", f"{EVENTS}/{event}", {"status": "confirmed"})["status"] == "confirmed"
    assert [e["id"] for e in ana.ok("GET", EVENTS)["items"]] == [event]
    ana.ok("DELETE", f"{EVENTS}/{event}")
    emulator.control("behaviours", {"restore_deleted": "refuse"}, "PUT")
    assert ana.refused("PATCH", f"{EVENTS}/{event}", {"status": "confirmed"}) == (403, "forbidden")


@pytest.mark.parametrize("way", ["plain", "whole"])
def test_70_a_restored_series_has_its_changed_occurrences_or_not(emulator: Emulator, ana: Caller, way: str) -> None:
    emulator.control("behaviours", {"restored_series": way}, "PUT")
    times = {name: LUNCH[name] | {"timeZone": "UTC"} for name in ("start", "end")}
    series = ana.ok("POST", EVENTS, LUNCH | times | {"recurrence": ["RRULE:FREQ=DAILY;COUNT=3"]})["id"]
    _first, second, third = [item["id"] for item in ana.ok("GET", f"{EVENTS}/{series}/instances")["items"]]
    ana.ok("PATCH", f"{EVENTS}/{second}", {"summary": "Special"})
    ana.ok("DELETE", f"{EVENTS}/{third}")
    ana.ok("DELETE", f"{EVENTS}/{series}")
    token = ana.ok("GET", EVENTS)["nextSyncToken"]
    ana.ok("PATCH", f"{EVENTS}/{series}", {"status": "confirmed"})
    shown = [item["summary"] for item in ana.ok("GET", f"{EVENTS}/{series}/instances")["items"]]
    assert shown == (["Lunch", "Special"] if way == "whole" else ["Lunch", "Lunch", "Lunch"])
    listed = {item["id"] for item in ana.ok("GET", f"{EVENTS}?syncToken={token}")["items"]}
    assert listed == ({series, second, third} if way == "whole" else {series})


def test_71_a_move_changes_the_organizer_and_leaves_a_stub(ana: Caller) -> None:
    team = ana.ok("POST", "calendars", {"summary": "Team"})["id"]
    times = {"start": {"dateTime": "2026-12-01T09:00:00", "timeZone": "UTC"}}
    times |= {"end": {"dateTime": "2026-12-01T10:00:00", "timeZone": "UTC"}}
    series = ana.ok("POST", EVENTS, times | {"recurrence": ["RRULE:FREQ=DAILY;COUNT=3"]})["id"]
    instance = f"{series}_20261202T090000Z"
    ana.ok("PATCH", f"{EVENTS}/{instance}", {"summary": "Special"})
    token = ana.ok("GET", EVENTS)["nextSyncToken"]
    assert ana.refused("POST", f"{EVENTS}/{instance}/move?destination={team}") == (
        400,
        "cannotChangeOrganizerOfInstance",
    )
    moved = ana.ok("POST", f"{EVENTS}/{series}/move?destination={team}")
    assert moved["id"] == series and moved["organizer"] == {"email": team, "displayName": "Team", "self": True}
    assert {e["id"] for e in ana.ok("GET", f"calendars/{team}/events")["items"]} == {series, instance}
    stubs = ana.ok("GET", f"{EVENTS}?syncToken={token}")["items"]
    assert [(e["id"], e["status"]) for e in stubs] == [(series, "cancelled")] and "summary" not in stubs[0]
    assert ana.refused("POST", f"{EVENTS}/{series}/move?destination={team}") == (410, "deleted")
    focus = ana.ok(
        "POST", EVENTS, times | {"eventType": "focusTime", "focusTimeProperties": {"chatStatus": "available"}}
    )
    assert ana.refused("POST", f"{EVENTS}/{focus['id']}/move?destination={team}") == (400, "cannotChangeOrganizer")
    assert ana.refused("POST", f"calendars/{team}/events/{series}/move?destination=unknown@x.example") == (
        404,
        "notFound",
    )


def test_72_guests_copies_follow_the_organizer_and_answers_travel_back(emulator: Emulator, ana: Caller) -> None:
    emulator.control("clock", {"now": "2027-01-01T00:00:00Z"})
    ana, ben = emulator.caller(), emulator.caller(BEN)
    emulator.control("behaviours", {"propagation_delay_s": 3.0}, "PUT")
    event = ana.ok("POST", EVENTS, LUNCH | {"attendees": [{"email": ANA}, {"email": BEN}]})
    path = f"{EVENTS}/{event['id']}"
    assert ben.refused("GET", path) == (404, "notFound"), "not there yet"
    emulator.control("clock", {"advance_s": 4})
    copied = ben.ok("GET", path)
    assert (copied["id"], copied["iCalUID"]) == (event["id"], event["iCalUID"])
    ben.ok("PATCH", path, {"colorId": "5", "transparency": "transparent", "summary": "Mine"})
    emulator.control("clock", {"advance_s": 4})
    assert ana.ok("GET", path)["summary"] == "Lunch", "a guest's edit stays local"
    rows = [{"email": ANA}, {"email": BEN, "responseStatus": "accepted"}]
    ben.ok("PATCH", path, {"attendees": rows})
    emulator.control("clock", {"advance_s": 4})
    assert {r["email"]: r["responseStatus"] for r in ana.ok("GET", path)["attendees"]}[BEN] == "accepted"
    ana.ok("PATCH", path, {"location": "Attic"})
    emulator.control("clock", {"advance_s": 4})
    shown = ben.ok("GET", path)
    assert (shown["location"], shown["summary"]) == ("Attic", "Lunch"), "and is lost to the organizer's next"
    assert (shown["colorId"], shown["transparency"]) == ("5", "transparent"), "what is the guest's own stays"
    ben.ok("DELETE", path)
    emulator.control("clock", {"advance_s": 4})
    assert {r["email"]: r["responseStatus"] for r in ana.ok("GET", path)["attendees"]}[BEN] == "declined"


def test_73_a_guest_cannot_change_what_guests_may_do(emulator: Emulator, ana: Caller) -> None:
    ben = emulator.caller(BEN)
    event = ana.ok("POST", EVENTS, LUNCH | {"attendees": [{"email": BEN}], "guestsCanInviteOthers": False})
    path = f"{EVENTS}/{event['id']}"
    body = {n: v for n, v in ben.ok("GET", path).items() if n != "guestsCanInviteOthers"}
    assert ben.refused("PUT", path, body) == (403, "forbiddenForNonOrganizer")
    assert ben("PUT", path, body | {"guestsCanInviteOthers": False}).status_code == 200
    assert ben.refused("PATCH", path, {"guestsCanInviteOthers": True}) == (403, "forbiddenForNonOrganizer")
    assert ben("PATCH", path, {"colorId": "2"}).status_code == 200


@pytest.mark.parametrize(
    ("query", "told"),
    [("", []), ("none", []), ("all", [BEN, GUEST]), ("externalOnly", [GUEST])],
)
def test_74_mails_go_to_whom_the_caller_chose(emulator: Emulator, ana: Caller, query: str, told: list[str]) -> None:
    emulator.caller(BEN)
    asked = f"?sendUpdates={query}" if query else ""
    event = ana.ok("POST", f"{EVENTS}{asked}", LUNCH | {"attendees": [{"email": BEN}, {"email": GUEST}]})["id"]
    ana.ok("PATCH", f"{EVENTS}/{event}{asked}", {"location": "Attic"})
    ana.ok("DELETE", f"{EVENTS}/{event}{asked}")
    mails = emulator.control("mails", method="GET")["mails"]
    kinds = ("invitation", "update", "cancellation")
    assert [(mail["kind"], mail["to"]) for mail in mails] == [(kind, to) for kind in kinds for to in told]
    assert ana.refused("POST", f"{EVENTS}?sendUpdates=some", LUNCH)[0] == 400


def test_75_readers_may_not_write_and_strangers_find_nothing(emulator: Emulator, ana: Caller) -> None:
    event = ana.ok("POST", EVENTS, LUNCH)["id"]
    ben = emulator.caller(BEN)
    for method, path, body in (
        ("POST", "", LUNCH),
        ("PATCH", f"/{event}", {"summary": "x"}),
        ("DELETE", f"/{event}", None),
    ):
        assert ben.refused(method, f"calendars/{ANA}/events{path}", body) == (404, "notFound")
    emulator.control("share", {"calendar_id": ANA, "email": BEN, "role": "reader"})
    for method, path, body in (
        ("POST", "", LUNCH),
        ("PATCH", f"/{event}", {"summary": "x"}),
        ("DELETE", f"/{event}", None),
    ):
        assert ben.refused(method, f"calendars/{ANA}/events{path}", body) == (403, "requiredAccessLevel")


def test_76_a_service_account_invites_nobody(emulator: Emulator) -> None:
    robot = emulator.caller("robot@project.iam.gserviceaccount.com")
    assert robot.refused("POST", EVENTS, LUNCH) == (403, "forbiddenForServiceAccounts")
    event = robot.ok("POST", EVENTS, {n: v for n, v in LUNCH.items() if n != "attendees"})["id"]
    assert robot.refused("PATCH", f"{EVENTS}/{event}", {"attendees": LUNCH["attendees"]})[0] == 403


@pytest.mark.parametrize(
    ("text", "summary", "start", "minutes"),
    [
        ("Lunch with Ben tomorrow 12:30pm-1:15pm", "Lunch with Ben", "2027-01-05T12:30:00Z", 45),
        ("Review on 2027-02-03 at 15:00", "Review", "2027-02-03T15:00:00Z", 60),
        ("Dentist Friday 9am for 2 hours", "Dentist", "2027-01-08T09:00:00Z", 120),
        ("Appointment at Somewhere on June 3rd 10am-10:25am", "Appointment at Somewhere", "2027-06-03T10:00:00Z", 25),
        ("5pm 10/31 Trick or Treat", "Trick or Treat", "2027-10-31T17:00:00Z", 60),
        ("Dinner with Eric 12/3 7pm", "Dinner with Eric", "2027-12-03T19:00:00Z", 60),
        ("Lunch at noon", "Lunch", "2027-01-04T12:00:00Z", 60),
        ("Party tonight", "Party", "2027-01-04T19:00:00Z", 60),
        ("Call Bob in 2 hours", "Call Bob", "2027-01-04T11:20:00Z", 60),
    ],
)
def test_77_quick_add_reads_a_day_and_a_time(
    emulator: Emulator, text: str, summary: str, start: str, minutes: int
) -> None:
    from datetime import datetime
    from urllib.parse import quote

    emulator.control("clock", {"now": "2027-01-04T09:20:00Z"})
    event: dict[str, Any] = emulator.caller().ok("POST", f"{EVENTS}/quickAdd?text={quote(text)}")
    length = datetime.fromisoformat(event["end"]["dateTime"]) - datetime.fromisoformat(event["start"]["dateTime"])
    assert (event["summary"], event["start"]["dateTime"], length.seconds // 60) == (summary, start, minutes)
    assert emulator.caller().refused("POST", f"{EVENTS}/quickAdd") == (400, "required")


def _quickly(ana: Caller, text: str) -> dict[str, Any]:
    from urllib.parse import quote

    return dict(ana.ok("POST", f"{EVENTS}/quickAdd?text={quote(text)}"))


def test_77_what_names_no_time_is_an_all_day_event_and_never_at_a_guessed_hour(emulator: Emulator) -> None:
    emulator.control("clock", {"now": "2027-01-04T09:20:00Z"})
    ana = emulator.caller()
    days = _quickly(ana, "Conference Dec 3-5")
    assert (days["summary"], days["start"], days["end"]) == (
        "Conference",
        {"date": "2027-12-03"},
        {"date": "2027-12-06"},
    )
    assert _quickly(ana, "Call Ana")["start"] == {"date": "2027-01-04"}


def test_77_quick_add_reads_a_repeat_and_a_place(emulator: Emulator) -> None:
    emulator.control("clock", {"now": "2027-01-04T09:20:00Z"})
    ana = emulator.caller()
    yoga = _quickly(ana, "Yoga every Tuesday at 6pm")
    assert (yoga["summary"], yoga["recurrence"]) == ("Yoga", ["RRULE:FREQ=WEEKLY;BYDAY=TU"])
    assert yoga["start"]["dateTime"] == "2027-01-05T18:00:00Z"
    assert _quickly(ana, "Coffee at Blue Bottle tomorrow 9am")["location"] == "Blue Bottle"
