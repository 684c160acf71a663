"""The control API: whole worlds out and in, snapshots, the clock, faults that say what they hit, and what is misspelt."""

import json
from typing import Any

import pytest
from gcal_emulator import state
from gcal_emulator.world import World

from tests.emulator.conftest import ANA, BEN, EVENTS, LUNCH, Caller, Emulator

ZONE = "Europe/Berlin"
SERIES: dict[str, Any] = {
    "summary": "S",
    "start": {"dateTime": "2026-12-01T09:00:00", "timeZone": ZONE},
    "end": {"dateTime": "2026-12-01T10:00:00", "timeZone": ZONE},
    "recurrence": ["RRULE:FREQ=DAILY;COUNT=6"],
    "reminders": {"useDefault": False, "overrides": [{"method": "popup", "minutes": 7}]},
}


def _refused(emulator: Emulator, method: str, path: str, body: Any) -> str:
    answer = emulator.client.open(f"/_emulator/{path}", method=method, json=body)
    assert answer.status_code == 422, (answer.status_code, answer.data)
    return str(answer.json["error"])


@pytest.mark.parametrize(
    ("method", "path", "body", "hint"),
    [
        ("POST", "faults", {"match": {"methd": "GET"}, "effect": {"code": "G19"}}, "'method'"),
        ("POST", "faults", {"match": {}, "effect": {"code": "G99"}}, "'G"),
        ("POST", "faults", {"match": {"operation": "events.lst"}, "effect": {"code": "G19"}}, "'events.list'"),
        ("POST", "faults", {"effect": {"statsu": 503}}, "'status'"),
        ("POST", "faults", {"effect": {"list": "stael"}}, "'stale'"),
        ("POST", "faults", {"effect": {}}, "empty"),
        ("POST", "faults", {"match": {"nth": "2"}, "effect": {"code": "G19"}}, "whole number"),
        ("PUT", "behaviours", {"page": "shrot"}, "'short'"),
        ("PUT", "behaviours", {"quota_per_user": "many"}, "600"),
        ("PUT", "behaviours", {"list_lag": 3}, "'list_lag_s'"),
        ("POST", "notifications", {"mode": "explode"}, "deliver"),
        ("POST", "notifications", {"drop_rat": 1}, "'drop_rate'"),
        ("POST", "clock", {"now": "x"}, "point in time"),
        ("POST", "clock", {"advance_s": "long"}, "number"),
        ("POST", "accounts", {"email": 1}, "text"),
        ("POST", "accounts", {}, "missing email"),
        ("POST", "accounts", {"email": "x@y.example", "time_zone": "Europe/Berln"}, "zone"),
        ("POST", "accounts", [], "object"),
        ("POST", "tokens", {"email": ANA, "scopes": ["calendar.evnts"]}, "'calendar.events'"),
        ("POST", "tokens", {"email": ANA, "client_id": "demo-clint"}, "'demo-client'"),
        ("POST", "share", {"calendar_id": "ana@acme.exmple", "email": BEN, "role": "reader"}, f"'{ANA}'"),
        ("POST", "share", {"calendar_id": ANA, "email": BEN, "role": "raeder"}, "'reader'"),
        ("POST", "consent", {"email": "anna@acme.example"}, f"'{ANA}'"),
        ("POST", "settings", {"email": ANA, "values": {"locle": "de"}}, "'locale'"),
        ("POST", "expire-sync-tokens", {"calendar_id": "nobody"}, "calendar"),
        ("POST", "restore", {"name": "never"}, "snapshot"),
        ("POST", "reset", {"seed": "x"}, "whole number"),
        (
            "PUT",
            "world",
            {"accounts": [{"email": ANA}], "calendars": [{"id": ANA, "events": [{"summary": "x"}]}]},
            "Missing end time.",
        ),
        ("PUT", "world", {"acounts": []}, "'accounts'"),
        ("POST", "ui/edit-all", {"calendar_id": ANA, "event_id": "none", "changes": {}}, "event"),
    ],
)
def test_a_misspelt_order_is_refused_and_names_the_nearest(
    emulator: Emulator, ana: Caller, method: str, path: str, body: Any, hint: str
) -> None:
    assert hint in _refused(emulator, method, path, body)
    assert emulator.world.faults == {}
    assert ana.ok("GET", EVENTS)["items"] == [], "the world is as it was"


def test_an_unknown_order_names_the_nearest(emulator: Emulator) -> None:
    answer = emulator.client.post("/_emulator/falts", json={})
    assert answer.status_code == 404 and "POST faults" in answer.json["error"]


def test_what_is_no_json_is_refused(emulator: Emulator) -> None:
    answer = emulator.client.post("/_emulator/faults", data=b"{", headers={"Content-Type": "application/json"})
    assert answer.status_code == 422 and "JSON" in answer.json["error"]


def _everything(emulator: Emulator) -> Caller:
    """A world with everything that is easily lost."""
    ana, ben = emulator.caller(), emulator.caller(BEN)
    ana.ok("POST", EVENTS, LUNCH | {"attendees": [{"email": BEN}]})
    series = ana.ok("POST", EVENTS, SERIES)["id"]
    ana.ok("DELETE", f"{EVENTS}/{series}_20261202T080000Z")
    ana.ok("PATCH", f"{EVENTS}/{series}_20261203T080000Z", {"summary": "Special"})
    sent = {"calendar_id": ANA, "event_id": series, "original_start": "2026-12-05T08:00:00+00:00"}
    emulator.control("ui/split-series", sent | {"changes": {"summary": "Later"}})
    ana.ok("POST", f"{EVENTS}/import", LUNCH | {"iCalUID": "x@else.example", "organizer": {"email": ANA}})
    ana.ok("DELETE", f"{EVENTS}/{ana.ok('POST', EVENTS, LUNCH)['id']}")
    ana.ok("PATCH", "users/me/calendarList/primary", {"colorId": "3", "summaryOverride": "Me"})
    emulator.control("settings", {"email": ANA, "values": {"locale": "de"}})
    channel = {"id": "c1", "type": "web_hook", "address": "https://x.example/push"}
    ana.ok("POST", f"{EVENTS}/watch", channel)
    emulator.control("service-accounts", {"email": "r@p.iam.gserviceaccount.com"})
    ben.ok("GET", EVENTS)
    return ana


def test_a_world_that_went_out_comes_in_without_any_loss(emulator: Emulator) -> None:
    ana = _everything(emulator)
    token = ana.ok("GET", EVENTS)["nextSyncToken"]
    before = ana.ok("GET", f"{EVENTS}?showDeleted=true")
    whole = json.loads(json.dumps(emulator.control("world", method="GET")))
    other = Emulator()
    other.control("world", whole, "PUT")
    assert (
        emulator.control("world", method="GET")["state"]["world"]
        == other.control("world", method="GET")["state"]["world"]
    )
    there = Caller(other.client, ana.headers["Authorization"].removeprefix("Bearer "))
    assert there.ok("GET", f"{EVENTS}?showDeleted=true") == before
    assert there.ok("GET", f"{EVENTS}?syncToken={token}")["items"] == []
    assert there.ok("GET", "users/me/calendarList/primary")["summaryOverride"] == "Me"
    assert there.ok("GET", "users/me/settings/locale")["value"] == "de"
    assert [row["id"] for row in other.control("channels", method="GET")["channels"]] == ["c1"]


def test_an_edited_world_keeps_what_a_file_can_say(emulator: Emulator) -> None:
    """Without its exact state a world is built anew from what people read and write."""
    ana = _everything(emulator)
    before = ana.ok("GET", f"{EVENTS}?singleEvents=true&orderBy=startTime")["items"]
    whole = emulator.control("world", method="GET")
    del whole["state"]
    other = Emulator()
    other.control("world", whole, "PUT")
    after = other.caller().ok("GET", f"{EVENTS}?singleEvents=true&orderBy=startTime")["items"]
    names = ("id", "summary", "start", "iCalUID", "status", "reminders", "recurringEventId")
    assert [{n: i.get(n) for n in names} for i in after] == [{n: i.get(n) for n in names} for i in before]


def test_a_world_that_cannot_be_loaded_leaves_the_old_one(emulator: Emulator, ana: Caller) -> None:
    ana.ok("POST", EVENTS, LUNCH)
    bad = {"accounts": [{"email": BEN}], "calendars": [{"id": BEN, "events": [{"id": "_Q", "start": {}}]}]}
    _refused(emulator, "PUT", "world", bad)
    _refused(emulator, "PUT", "world", {"state": {"format": "gcal-emulator state", "version": 99}})
    assert len(ana.ok("GET", EVENTS)["items"]) == 1 and BEN not in emulator.world.accounts


def test_a_state_of_another_kind_is_told_apart(emulator: Emulator) -> None:
    with pytest.raises(state.BadState, match="no state"):
        state.restored(World(), {})
    damaged = state.saved(emulator.world) | {"world": {"seed": {"~is": "Nothing"}}}
    with pytest.raises(state.BadState, match="damaged"):
        state.restored(World(), damaged)


def test_a_snapshot_keeps_the_clock_and_leaves_the_journal(emulator: Emulator) -> None:
    emulator.control("clock", {"now": "2026-11-28T10:00:00Z"})
    ana = emulator.caller()
    emulator.control("snapshot", {"name": "a"})
    emulator.control("clock", {"advance_s": 90_000})
    assert ana("GET", EVENTS).status_code == 401, "the token is over"
    asked = len(emulator.world.journal)
    emulator.control("restore", {"name": "a"})
    assert emulator.control("clock", method="GET") == {"now": "2026-11-28T10:00:00+00:00", "manual": True}
    assert ana.ok("GET", EVENTS)["items"] == [] and len(emulator.world.journal) == asked + 1
    emulator.control("reset", {})
    emulator.control("restore", {"name": "a"})
    assert ana.ok("GET", EVENTS)["items"] == []


def test_a_clock_that_is_put_back_stamps_what_is_written_then(emulator: Emulator, ana: Caller) -> None:
    first = ana.ok("POST", EVENTS, LUNCH)
    emulator.control("clock", {"now": "2026-11-01T10:00:00Z"})
    ana = emulator.caller()
    early = [ana.ok("POST", EVENTS, LUNCH) for _ in range(3)]
    assert {event["updated"][:16] for event in early} == {"2026-11-01T10:00"}
    emulator.control("clock", {"now": "2026-11-01T10:00:00Z"})
    again = [ana.ok("POST", EVENTS, LUNCH) for _ in range(3)]
    assert len({event["etag"] for event in [first, *early, *again]}) == 7


def test_a_reset_world_repeats_ids_etags_and_sync_tokens_and_the_clock_can_run_again(emulator: Emulator) -> None:
    def story() -> tuple[Any, str]:
        emulator.control("reset", {"seed": 7})
        emulator.control("clock", {"now": "2026-11-28T10:00:00Z"})
        ana = emulator.caller()
        made = ana.ok("POST", EVENTS, LUNCH)
        return made, ana.ok("GET", EVENTS)["nextSyncToken"]

    assert story() == story()
    assert emulator.control("clock", {"mode": "real"})["manual"] is False


def test_the_journal_forgets_its_oldest_entries(emulator: Emulator, ana: Caller) -> None:
    emulator.world.journal_max = 20
    for _ in range(50):
        ana.ok("GET", "colors")
    entries = emulator.control("journal", method="GET")["entries"]
    assert len(entries) <= 20 and entries[-1]["seq"] == emulator.world.journal_seq == 50
    assert entries[-1]["operation"] == "colors.get"


def test_a_fault_is_not_eaten_by_a_browsers_icon_or_a_page(emulator: Emulator, ana: Caller) -> None:
    emulator.control("faults", {"effect": {"code": "G19"}, "times": 1})
    for path in ("/favicon.ico", "/", "/ui/inspector", "/healthz", "/o/oauth2/v2/auth"):
        emulator.client.get(path)
    assert ana.refused("GET", EVENTS) == (503, "backendError")
    assert ana("GET", EVENTS).status_code == 200


def test_a_fault_names_the_operation_that_it_hits(emulator: Emulator, ana: Caller) -> None:
    fault = {"match": {"operation": "events.insert"}, "effect": {"code": "G08"}, "times": 1}
    emulator.control("faults", fault)
    ana.ok("GET", EVENTS)
    ana.ok("POST", "calendars", {"summary": "x"})
    assert ana.refused("POST", EVENTS, LUNCH) == (403, "userRateLimitExceeded")
    told = emulator.control("faults", method="GET")["faults"][0]
    assert (told["times"], told["seen"], told["struck"]) == (0, 1, 1)


@pytest.mark.parametrize(
    ("code", "message", "location"),
    [
        ("G16", "Sync token is no longer valid, a full sync is required.", "syncToken"),
        ("G08", "User Rate Limit Exceeded", None),
        ("G18", "Precondition Failed", "If-Match"),
        ("G19", "Backend Error", None),
        ("G12", "Not Found", None),
    ],
)
def test_an_injected_refusal_has_googles_words(
    emulator: Emulator, ana: Caller, code: str, message: str, location: str | None
) -> None:
    emulator.control("faults", {"effect": {"code": code}, "times": 1})
    error = ana("GET", EVENTS).json["error"]["errors"][0]
    assert (error["message"], error.get("location")) == (message, location)


def test_in_process_a_message_arrives_right_after_the_write(emulator: Emulator) -> None:
    from gcal_emulator.app import create_app

    heard: list[str] = []

    def deliver(_address: str, headers: dict[str, str]) -> int:
        heard.append(headers["X-Goog-Resource-State"])
        return 200

    world = World()
    client = create_app(world, deliver=deliver).test_client()
    token = client.post("/_emulator/tokens", json={"email": ANA}).json["access_token"]
    ana = Caller(client, token)
    ana.ok("POST", f"{EVENTS}/watch", {"id": "c1", "type": "web_hook", "address": "https://x.example/push"})
    ana.ok("POST", EVENTS, LUNCH)
    assert heard == ["sync", "exists"]


def test_a_push_address_of_another_container_is_allowed_when_asked_for(emulator: Emulator, ana: Caller) -> None:
    channel = {"id": "c1", "type": "web_hook", "address": "http://app:8000/push"}
    assert ana.refused("POST", f"{EVENTS}/watch", channel) == (400, "push.webhookUrlNotHttps")
    emulator.control("behaviours", {"push_http": "any"}, "PUT")
    assert ana.ok("POST", f"{EVENTS}/watch", channel)["id"] == "c1"
