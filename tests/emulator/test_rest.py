"""Faults, quotas, free/busy, colours, settings, access lists, the clock, worlds (checklist lines 87, 88, 91–93)."""

from datetime import UTC, datetime
from typing import Any

import pytest
from gcal_emulator.faults import CODES

from tests.emulator.conftest import ANA, BEN, EVENTS, LUNCH, Caller, Emulator


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("G06", 400, "badRequest"),
        ("G07", 401, "authError"),
        ("G08", 403, "userRateLimitExceeded"),
        ("G09", 403, "quotaExceeded"),
        ("G11", 403, "accessNotConfigured"),
        ("G14", 409, "duplicate"),
        ("G15", 409, "conflict"),
        ("G16", 410, "fullSyncRequired"),
        ("G18", 412, "conditionNotMet"),
        ("G19", 503, "backendError"),
    ],
)
def test_87_refusals_are_injected_by_user_calendar_and_method(
    emulator: Emulator, ana: Caller, code: str, status: int, reason: str
) -> None:
    ben = emulator.caller(BEN)
    team = ana.ok("POST", "calendars", {"summary": "Team"})["id"]
    match = {"email": ANA, "calendar": ANA, "method": "POST"}
    emulator.control("faults", {"match": match, "effect": {"code": code}, "times": 1})
    ben.ok("POST", EVENTS, LUNCH)
    ana.ok("POST", f"calendars/{team}/events", LUNCH)
    ana.ok("GET", EVENTS)
    assert ana.refused("POST", EVENTS, LUNCH) == (status, reason)
    ana.ok("POST", EVENTS, LUNCH)
    assert len(ana.ok("GET", EVENTS)["items"]) == 1, "a refused write did nothing"


def test_87_answers_can_be_lost_doubled_late_empty_or_html(emulator: Emulator, ana: Caller) -> None:
    emulator.control("clock", {"now": "2027-01-01T00:00:00Z"})
    ana = emulator.caller()

    def strike(code: str, **effect: Any) -> Any:
        sent = {"match": {"method": "POST", "path": "*/events"}, "effect": {"code": code} | effect, "times": 1}
        emulator.control("faults", sent)
        return ana("POST", EVENTS, LUNCH)

    def count() -> int:
        return len(ana.ok("GET", EVENTS)["items"])

    assert strike("G01").headers["X-Emulator-Lost"] == "1" and count() == 0, "never arrived"
    assert strike("G02").headers["X-Emulator-Lost"] == "1" and count() == 1, "arrived, and the answer was lost"
    assert strike("G04").headers["X-Emulator-Lost"] == "1" and count() == 1
    emulator.control("clock", {"advance_s": 31})
    assert count() == 2, "delivered half a minute after the client gave up"
    assert strike("G05").status_code == 200 and count() == 4, "delivered twice"
    html = strike("G21")
    assert html.status_code == 200 and html.content_type.startswith("text/html") and count() == 4
    assert strike("G21", body="").data == b""
    assert emulator.control("journal", method="GET")["entries"][-1]["status"] == 200


def test_87_lists_can_be_stale_short_holed_restamped_or_odd(emulator: Emulator, ana: Caller) -> None:
    for name in ("a", "b", "c", "d"):
        ana.ok("POST", EVENTS, LUNCH | {"summary": name})
    token = ana.ok("GET", EVENTS)["nextSyncToken"]
    ana.ok("POST", EVENTS, LUNCH | {"summary": "e"})

    def struck(code: str, path: str = EVENTS) -> dict[str, Any]:
        emulator.control("faults", {"match": {"method": "GET"}, "effect": {"code": code}, "times": 1})
        return dict(ana.ok("GET", path))

    stale = struck("G26", f"{EVENTS}?syncToken={token}")
    assert stale["items"] == []
    assert [e["summary"] for e in ana.ok("GET", f"{EVENTS}?syncToken={stale['nextSyncToken']}")["items"]] == ["e"]
    assert len(struck("G29")["items"]) == 2
    holed = struck("G25")
    assert holed["items"] == [] and "nextPageToken" in holed
    before = {e["id"]: e for e in ana.ok("GET", EVENTS)["items"]}
    for event in struck("G27")["items"]:
        assert event["etag"] != before[event["id"]]["etag"], "a new stamp"
        assert {n: v for n, v in event.items() if n not in {"etag", "updated"}} == {
            n: v for n, v in before[event["id"]].items() if n not in {"etag", "updated"}
        }
    odd = struck("G22")["items"]
    assert any(e.get("eventType") not in {"default"} for e in odd) and any("end" not in e for e in odd)


def test_87_every_code_of_the_catalogue_does_something(emulator: Emulator, ana: Caller) -> None:
    known = {"drop", "status", "delay_s", "deliver_after_s", "twice", "list", "oauth", "body", "reason", "domain",
             "clock_skew_s", "scopes"}  # fmt: skip
    assert set(CODES) == {f"G{number:02d}" for number in range(1, 38)}
    assert all(effect and set(effect) <= known for effect in CODES.values())
    emulator.control("faults", {"match": {"method": "GET"}, "effect": {"code": "G35"}, "times": 1})
    from email.utils import parsedate_to_datetime

    answer = ana("GET", EVENTS)
    skew = parsedate_to_datetime(answer.headers["Date"]) - datetime.now(UTC)
    assert 290 < skew.total_seconds() < 310


def test_88_quotas_slide_over_a_minute_and_a_patch_counts_three(emulator: Emulator) -> None:
    emulator.control("clock", {"now": "2027-01-01T00:00:00Z"})
    ana, ben = emulator.caller(), emulator.caller(BEN)
    event = ana.ok("POST", EVENTS, LUNCH)["id"]
    emulator.world.usage.clear()
    emulator.control("behaviours", {"quota_enforced": True, "quota_per_user": 6}, "PUT")
    ana.ok("PATCH", f"{EVENTS}/{event}", {"summary": "x"})
    emulator.control("clock", {"advance_s": 30})
    for _turn in range(3):
        ana.ok("GET", EVENTS)
    assert ana.refused("GET", EVENTS) == (403, "userRateLimitExceeded")
    ben.ok("GET", EVENTS)
    emulator.control("clock", {"advance_s": 31})
    ana.ok("GET", EVENTS)
    emulator.control("behaviours", {"quota_per_user": 600, "quota_per_project": 1}, "PUT")
    assert ben.refused("GET", EVENTS) == (429, "rateLimitExceeded")
    journal = emulator.control("journal", method="GET")["entries"]
    assert {e["units"] for e in journal if e["method"] == "PATCH"} == {3}


def test_91_free_busy(emulator: Emulator, ana: Caller) -> None:
    ben = emulator.caller(BEN)
    emulator.control("share", {"calendar_id": ANA, "email": BEN, "role": "freeBusyReader"})

    def make(start: str, end: str, **more: Any) -> str:
        times = {"start": {"dateTime": f"2026-12-01T{start}:00Z"}, "end": {"dateTime": f"2026-12-01T{end}:00Z"}}
        return str(ana.ok("POST", EVENTS, times | more)["id"])

    make("08:00", "09:30")
    make("09:00", "10:00", status="tentative")
    make("11:00", "12:00", transparency="transparent")
    make("12:00", "13:00", attendees=[{"email": ANA, "responseStatus": "declined"}], organizer={"email": BEN})
    ana.ok("DELETE", f"{EVENTS}/{make('14:00', '15:00')}")
    make("16:00", "18:00")
    asked = {"timeMin": "2026-12-01T08:30:00Z", "timeMax": "2026-12-01T17:00:00Z"}
    answer = ben.ok("POST", "freeBusy", asked | {"items": [{"id": ANA}, {"id": "nobody@acme.example"}]})
    assert answer["kind"] == "calendar#freeBusy" and answer["timeMin"] == "2026-12-01T08:30:00.000Z"
    assert answer["calendars"][ANA] == {
        "busy": [
            {"start": "2026-12-01T08:30:00Z", "end": "2026-12-01T10:00:00Z"},
            {"start": "2026-12-01T16:00:00Z", "end": "2026-12-01T17:00:00Z"},
        ]
    }
    assert answer["calendars"]["nobody@acme.example"]["errors"] == [{"domain": "global", "reason": "notFound"}]
    many = ben.ok("POST", "freeBusy", asked | {"items": [{"id": f"c{n}@acme.example"} for n in range(51)]})
    reasons = [found["errors"][0]["reason"] for found in many["calendars"].values()]
    assert reasons.count("tooManyCalendarsRequested") == 1 and reasons.count("notFound") == 50
    assert ben.refused("POST", "freeBusy", {"items": [{"id": ANA}]}) == (400, "required")
    assert ben.refused("POST", "freeBusy", asked | {"items": [{"id": ANA}], "calendarExpansionMax": 51})[0] == 400
    assert ben.refused("POST", "freeBusy", asked | {"items": [{"id": ANA}], "groupExpansionMax": 101})[0] == 400
    long = {"timeMin": "2026-12-01T00:00:00Z", "timeMax": "2027-12-01T00:00:00Z", "items": [{"id": ANA}]}
    assert ben.refused("POST", "freeBusy", long) == (400, "timeRangeTooLong")
    emulator.control("behaviours", {"freebusy_days_max": 400}, "PUT")
    assert ben("POST", "freeBusy", long).status_code == 200


def test_92_colours_settings_and_access_rules(emulator: Emulator, ana: Caller) -> None:
    emulator.caller(BEN)
    colors = ana.ok("GET", "colors")
    assert (len(colors["event"]), len(colors["calendar"])) == (11, 24)
    assert colors["event"]["1"] == {"background": "#a4bdfc", "foreground": "#1d1d1d"}
    assert colors["calendar"]["16"]["background"] == "#4986e7"
    assert ana.ok("GET", "users/me/settings/weekStart")["value"] == "1"
    assert ana.refused("GET", "users/me/settings/none") == (404, "notFound")
    names = {row["id"] for row in ana.ok("GET", "users/me/settings")["items"]}
    assert {"locale", "timezone", "defaultEventLength", "weekStart", "autoAddHangouts"} <= names
    made = ana.ok("POST", "calendars/primary/acl", {"role": "reader", "scope": {"type": "user", "value": BEN}})
    assert made["id"] == f"user:{BEN}" and made["role"] == "reader"
    public = ana.ok("POST", "calendars/primary/acl", {"role": "freeBusyReader", "scope": {"type": "default"}})
    assert public["id"] == "default" and public["scope"] == {"type": "default"}
    token = ana.ok("GET", "calendars/primary/acl")["nextSyncToken"]
    assert ana.ok("PATCH", f"calendars/primary/acl/user:{BEN}", {"role": "writer"})["role"] == "writer"
    ana.ok("DELETE", f"calendars/primary/acl/user:{BEN}")
    assert [row["role"] for row in ana.ok("GET", f"calendars/primary/acl?syncToken={token}")["items"]] == ["none"]
    assert ana.refused("GET", f"calendars/primary/acl/user:{BEN}") == (404, "notFound")
    assert ana.refused("DELETE", f"calendars/primary/acl/user:{ANA}") == (403, "cannotChangeOwnerAcl")


def test_93_time_stands_still_and_moves_by_hand(emulator: Emulator, ana: Caller) -> None:
    emulator.control("clock", {"now": "2027-03-13T12:00:00Z"})
    ana = emulator.caller()
    first = ana.ok("POST", EVENTS, LUNCH)
    second = ana.ok("POST", EVENTS, LUNCH)
    assert first["updated"][:19] == second["updated"][:19] == "2027-03-13T12:00:00"
    assert first["etag"] != second["etag"], "even when time stands still"
    emulator.control("clock", {"advance_s": 86400})
    assert emulator.control("clock", method="GET") == {"now": "2027-03-14T12:00:00+00:00", "manual": True}
    assert ana.refused("GET", EVENTS) == (401, "authError"), "tokens grow old with it"


def test_a_seeded_world_repeats_itself_and_returns_to_a_snapshot(emulator: Emulator) -> None:
    def story(one: Emulator) -> list[str]:
        one.control("reset", {"seed": 7})
        one.control("clock", {"now": "2027-01-01T00:00:00Z"})
        ana = one.caller()
        made = [ana.ok("POST", EVENTS, LUNCH)["id"] for _turn in range(3)]
        return [*made, ana.headers["Authorization"]]

    assert story(emulator) == story(Emulator())
    kept = emulator.control("snapshot", {"name": "before"})
    assert kept == {"name": "before"}
    ana = emulator.caller()
    ana.ok("POST", EVENTS, LUNCH)
    ana.ok("POST", "calendars", {"summary": "Team"})
    emulator.control("restore", {"name": "before"})
    assert len(emulator.caller().ok("GET", EVENTS)["items"]) == 3
    assert len(emulator.caller().ok("GET", "users/me/calendarList")["items"]) == 1
    whole = emulator.control("world", method="GET")
    other = Emulator()
    other.control("world", whole, "PUT")
    assert other.control("world", method="GET") == whole, "the file of a world makes the same world"
