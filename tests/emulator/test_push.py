"""Push channels: opening, messages, retries, ends (checklist lines 78–86)."""

from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from tests.emulator.conftest import ANA, BEN, EVENTS, LUNCH, Caller, Emulator

WEEK_MS = 7 * 24 * 3600 * 1000


def channel(name: str = "c1", **more: Any) -> dict[str, Any]:
    return {"id": name, "type": "web_hook", "address": "http://localhost/push"} | more


def states(emulator: Emulator, name: str = "c1") -> list[str]:
    """The states told to one channel since the last call."""
    emulator.control("notifications/flush")
    told = [h["X-Goog-Resource-State"] for _address, h in emulator.delivered if h["X-Goog-Channel-ID"] == name]
    emulator.delivered.clear()
    return told


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": ""}, "required"),
        ({"id": "c" * 65}, "invalid"),
        ({"token": "t" * 257}, "invalid"),
        ({"address": "http://hooks.example/push"}, "push.webhookUrlNotHttps"),
        ({"type": "pigeon"}, "push.channelTypeNotSupported"),
        ({"expiration": "1"}, "invalid"),
        ({"id": "taken"}, "channelIdNotUnique"),
    ],
)
def test_78_a_channel_is_checked_and_lives_a_week_at_most(
    emulator: Emulator, ana: Caller, changes: dict[str, Any], reason: str
) -> None:
    taken = ana.ok("POST", f"{EVENTS}/watch", channel("taken"))
    ana.ok("POST", "channels/stop", {"id": "taken", "resourceId": taken["resourceId"]})
    assert ana.refused("POST", f"{EVENTS}/watch", channel() | changes) == (400, reason)
    now_ms = emulator.world.clock.now_s() * 1000
    longest = ana.ok(
        "POST", f"{EVENTS}/watch", channel("c2", expiration=str(int(now_ms + 2 * WEEK_MS)), token="t" * 256)
    )
    assert isinstance(longest["expiration"], str) and abs(int(longest["expiration"]) - now_ms - WEEK_MS) < 60_000
    short = ana.ok("POST", f"{EVENTS}/watch", channel("c3", params={"ttl": "60"}))
    assert abs(int(short["expiration"]) - now_ms - 60_000) < 60_000
    ana.ok("POST", f"{EVENTS}/watch", channel("c4", address="https://hooks.example/push"))
    emulator.control("behaviours", {"push_http": "never"}, "PUT")
    assert ana.refused("POST", f"{EVENTS}/watch", channel("c5")) == (400, "push.webhookUrlNotHttps")


def test_79_sync_is_number_one_and_numbers_rise_with_gaps(emulator: Emulator, ana: Caller) -> None:
    ana.ok("POST", f"{EVENTS}/watch", channel())
    for _turn in range(6):
        ana.ok("POST", EVENTS, LUNCH)
    emulator.control("notifications/flush")
    numbers = [int(h["X-Goog-Message-Number"]) for _address, h in emulator.delivered]
    assert emulator.delivered[0][1]["X-Goog-Resource-State"] == "sync" and numbers[0] == 1
    assert numbers == sorted(set(numbers)) and numbers != list(range(1, 8))
    emulator.delivered.clear()
    emulator.control("behaviours", {"push_sync_first": True}, "PUT")
    ana.ok("POST", f"{EVENTS}/watch", channel("c2"))
    assert [h["X-Goog-Channel-ID"] for _address, h in emulator.delivered] == ["c2"], "told before the answer"


def test_80_a_message_has_these_headers_and_no_body(emulator: Emulator, ana: Caller) -> None:
    opened = ana.ok("POST", f"{EVENTS}/watch", channel(token="secret"))
    emulator.control("notifications/flush")
    _address, headers = emulator.delivered[0]
    assert {name for name in headers if name.startswith("X-Goog-")} == {
        "X-Goog-Channel-ID",
        "X-Goog-Channel-Expiration",
        "X-Goog-Channel-Token",
        "X-Goog-Message-Number",
        "X-Goog-Resource-ID",
        "X-Goog-Resource-State",
        "X-Goog-Resource-URI",
    }
    assert headers["Content-Length"] == "0" and headers["User-Agent"].startswith("APIs-Google")
    assert headers["X-Goog-Channel-Token"] == "secret" and headers["X-Goog-Resource-ID"] == opened["resourceId"]
    ends = parsedate_to_datetime(headers["X-Goog-Channel-Expiration"]).timestamp()
    assert int(ends) == int(opened["expiration"]) // 1000
    ana.ok("POST", f"{EVENTS}/watch", channel("c2"))
    emulator.control("notifications/flush")
    assert "X-Goog-Channel-Token" not in emulator.delivered[-1][1]
    assert emulator.delivered[-1][1]["X-Goog-Resource-ID"] == opened["resourceId"], "one resource, one id"


def test_81_every_write_is_told_and_telling_can_be_bent(emulator: Emulator, ana: Caller) -> None:
    ana.ok("POST", f"{EVENTS}/watch", channel())
    assert states(emulator) == ["sync"]
    event = ana.ok("POST", EVENTS, LUNCH)["id"]
    ana.ok("PATCH", f"{EVENTS}/{event}", {"summary": "x"})
    ana.ok("DELETE", f"{EVENTS}/{event}")
    assert states(emulator) == ["exists"] * 3, "the client's own writes too"

    def told(**mode: Any) -> list[str]:
        emulator.control("notifications", {"mode": "deliver"} | mode)
        for _turn in range(3):
            ana.ok("POST", EVENTS, LUNCH)
        return states(emulator)

    assert told(mode="drop") == [] and told(drop_rate=1.0) == []
    assert told(duplicate_rate=1.0) == ["exists"] * 6
    assert told(coalesce=True) == ["exists"]
    emulator.control("clock", {"now": "2027-01-01T00:00:00Z"})
    emulator.control("notifications", {"mode": "deliver", "delay_s": 30})
    later = emulator.caller()
    later.ok("POST", f"{EVENTS}/watch", channel("c2"))
    emulator.control("clock", {"advance_s": 1})
    emulator.delivered.clear()
    later.ok("POST", EVENTS, LUNCH)
    emulator.control("clock", {"advance_s": 20})
    assert emulator.delivered == []
    emulator.control("clock", {"advance_s": 11})
    assert [h["X-Goog-Resource-State"] for _address, h in emulator.delivered] == ["exists"]


@pytest.mark.parametrize(
    ("status", "attempts"),
    [
        (200, 1),
        (201, 1),
        (202, 1),
        (204, 1),
        (102, 1),
        (500, 3),
        (502, 3),
        (503, 3),
        (504, 3),
        (400, 1),
        (404, 1),
        (301, 1),
    ],
)
def test_82_only_5xx_is_retried_with_growing_pauses(
    emulator: Emulator, ana: Caller, status: int, attempts: int
) -> None:
    emulator.control("clock", {"now": "2027-01-01T00:00:00Z"})
    emulator.answer_push = status
    emulator.caller().ok("POST", f"{EVENTS}/watch", channel())
    for pause_s in (0.1, 2.1, 4.1):
        emulator.control("clock", {"advance_s": pause_s})
    assert len(emulator.delivered) == attempts
    assert {headers["X-Goog-Message-Number"] for _address, headers in emulator.delivered} == {"1"}


def test_83_messages_end_with_the_channel_the_grant_or_the_access(emulator: Emulator, ana: Caller) -> None:
    emulator.control("clock", {"now": "2027-01-01T00:00:00Z"})
    ana, ben = emulator.caller(), emulator.caller(BEN)
    emulator.control("share", {"calendar_id": ANA, "email": BEN, "role": "reader"})
    ana.ok("POST", f"{EVENTS}/watch", channel("short", params={"ttl": "60"}))
    ana.ok("POST", f"{EVENTS}/watch", channel("ana"))
    ben.ok("POST", f"calendars/{ANA}/events/watch", channel("ben"))

    def heard() -> set[str]:
        emulator.delivered.clear()
        emulator.caller().ok("POST", EVENTS, LUNCH)
        emulator.control("notifications/flush")
        return {headers["X-Goog-Channel-ID"] for _address, headers in emulator.delivered}

    assert heard() == {"short", "ana", "ben"}
    emulator.control("clock", {"advance_s": 61})
    assert heard() == {"ana", "ben"}
    emulator.control("share", {"calendar_id": ANA, "email": BEN, "role": "none"})
    assert heard() == {"ana"}
    emulator.world.clients["other"] = type(emulator.world.clients["demo-client"])("other", "x", project="other")
    emulator.control("revoke", {"email": ANA})
    emulator.delivered.clear()
    other = emulator.client.post("/_emulator/tokens", json={"email": ANA, "client_id": "other"}).json["access_token"]
    Caller(emulator.client, other).ok("POST", EVENTS, LUNCH)
    assert states(emulator, "ana") == []


def test_84_stopping_is_for_the_one_who_opened_and_messages_may_trickle(emulator: Emulator, ana: Caller) -> None:
    opened = ana.ok("POST", f"{EVENTS}/watch", channel())
    known = {"id": "c1", "resourceId": opened["resourceId"]}
    assert emulator.caller(BEN).refused("POST", "channels/stop", known) == (403, "forbidden")
    assert ana.refused("POST", "channels/stop", known | {"id": "c9"}) == (404, "notFound")
    assert ana.refused("POST", "channels/stop", known | {"resourceId": "other"}) == (404, "notFound")
    states(emulator)
    emulator.control("behaviours", {"stop_trickle_s": 60.0}, "PUT")
    assert ana("POST", "channels/stop", known).status_code == 204
    assert ana.refused("POST", "channels/stop", known) == (404, "notFound")
    ana.ok("POST", EVENTS, LUNCH)
    assert states(emulator) == ["exists"], "some messages come after the end"
    emulator.control("behaviours", {"stop_trickle_s": 0.0}, "PUT")
    ana.ok("POST", EVENTS, LUNCH)
    assert states(emulator) == []


def test_85_generated_calendars_refuse_push(emulator: Emulator, ana: Caller) -> None:
    for name in ("en.br%23holiday", "addressbook%23contacts"):
        calendar_id = f"{name}@group.v.calendar.google.com"
        emulator.world.add_calendar(calendar_id.replace("%23", "#"), "Generated", "", "UTC").acl[ANA] = "reader"
        refused = ana("POST", f"calendars/{calendar_id}/events/watch", channel())
        error = refused.json["error"]["errors"][0]
        assert (refused.status_code, error["reason"]) == (400, "pushNotSupportedForRequestedResource")
        assert error["domain"] == "calendar"
        assert ana.ok("GET", f"calendars/{calendar_id}/events")["items"] == []


def test_86_channels_of_acl_settings_and_calendar_list(emulator: Emulator, ana: Caller) -> None:
    emulator.caller(BEN)
    for number, path in enumerate(("calendars/primary/acl", "users/me/settings", "users/me/calendarList")):
        opened = ana.ok("POST", f"{path}/watch", channel(f"c{number}"))
        assert opened["resourceUri"].endswith(f"{path}?alt=json")
        assert states(emulator, f"c{number}") == ["sync"]
    ana.ok("POST", "calendars/primary/acl", {"role": "reader", "scope": {"type": "user", "value": BEN}})
    assert states(emulator, "c0") == ["exists"]
    ana.ok("POST", "calendars", {"summary": "Team"})
    assert states(emulator, "c2") == ["exists"]
    emulator.control("settings", {"email": ANA, "values": {"locale": "pt-BR"}})
    assert states(emulator, "c1") == ["exists"]
    assert ana.ok("GET", "users/me/settings/locale")["value"] == "pt-BR"


@pytest.mark.parametrize("code", [f"W{number:02d}" for number in range(1, 11)])
def test_messages_can_be_bent_in_every_way_of_the_catalogue(emulator: Emulator, ana: Caller, code: str) -> None:
    emulator.control("clock", {"now": "2027-01-01T00:00:00Z"})
    ana = emulator.caller()
    if code != "W06":
        opened = ana.ok("POST", f"{EVENTS}/watch", channel(token="secret"))
        emulator.control("clock", {"advance_s": 1})
        emulator.delivered.clear()
    match = {"email": ANA, "resource": f"events:{ANA}"}
    emulator.control("faults", {"match": match, "effect": {"code": code}, "times": 1})
    if code == "W06":
        ana.ok("POST", f"{EVENTS}/watch", channel())
        assert [h["X-Goog-Resource-State"] for _address, h in emulator.delivered] == ["sync"], "before the answer"
        return
    if code == "W10":
        ana.ok("POST", "channels/stop", {"id": "c1", "resourceId": opened["resourceId"]})
    ana.ok("POST", EVENTS, LUNCH)
    emulator.control("clock", {"advance_s": 0.1})
    at_once = len(emulator.delivered)
    emulator.control("clock", {"advance_s": 2})
    soon = len(emulator.delivered)
    for _turn in range(3):
        emulator.control("clock", {"advance_s": 7200})
    count = {"W01": (0, 0, 0), "W02": (1000, 1000, 1000), "W03": (0, 0, 1), "W07": (0, 1, 1), "W08": (0, 0, 1)}
    assert (at_once, soon, len(emulator.delivered)) == count.get(code, (1, 1, 1))
    headers = emulator.delivered[-1][1] if emulator.delivered else {}
    told = {"W04": "X-Goog-Channel-ID", "W05": "X-Goog-Channel-Token", "W09": "X-Goog-Resource-State"}.get(code)
    plain = {"X-Goog-Channel-ID": "c1", "X-Goog-Channel-Token": "secret", "X-Goog-Resource-State": "exists"}
    assert all((headers[name] != value) == (name == told) for name, value in plain.items() if headers)
