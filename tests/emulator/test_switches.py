"""Every switch for what Google leaves open shows each of its variants; the rest lie beside their checklist lines."""

from typing import Any

import pytest

from tests.emulator.conftest import ANA, BEN, EVENTS, LUNCH, Caller, Emulator


def _switch(emulator: Emulator, **values: Any) -> None:
    emulator.control("behaviours", values, "PUT")


@pytest.mark.parametrize(("days", "kept"), [(7.0, 7), (30.0, 30)])
def test_how_long_a_channel_lives(emulator: Emulator, ana: Caller, days: float, kept: int) -> None:
    _switch(emulator, channel_lifetime_days=days)
    body = {"id": "c1", "type": "web_hook", "address": "http://localhost/push", "params": {"ttl": str(90 * 86400)}}
    ends = int(ana.ok("POST", f"{EVENTS}/watch", body)["expiration"]) / 1000
    assert round((ends - emulator.world.clock.now_s()) / 86400) == kept


@pytest.mark.parametrize(("rule", "found"), [("all", []), ("any", ["Lunch"])])
def test_repeated_property_filters(emulator: Emulator, ana: Caller, rule: str, found: list[str]) -> None:
    _switch(emulator, property_filter=rule)
    ana.ok("POST", EVENTS, LUNCH | {"extendedProperties": {"private": {"a": "1", "b": "2"}}})
    items = ana.ok("GET", f"{EVENTS}?privateExtendedProperty=a%3D1&privateExtendedProperty=b%3D9")["items"]
    assert [item["summary"] for item in items] == found


@pytest.mark.parametrize(("rule", "status"), [("restore", 200), ("refuse", 409)])
def test_importing_what_was_deleted(emulator: Emulator, ana: Caller, rule: str, status: int) -> None:
    _switch(emulator, import_deleted=rule)
    body = LUNCH | {"iCalUID": "u@else.example", "organizer": {"email": ANA}}
    event = ana.ok("POST", f"{EVENTS}/import", body)["id"]
    ana.ok("DELETE", f"{EVENTS}/{event}")
    answer = ana("POST", f"{EVENTS}/import", body)
    assert answer.status_code == status and (status != 200 or answer.json["status"] == "confirmed")


@pytest.mark.parametrize(("rule", "is_kept"), [("clear", False), ("keep", True)])
def test_a_put_without_its_conference(emulator: Emulator, ana: Caller, rule: str, is_kept: bool) -> None:
    _switch(emulator, put_conference=rule, conference_delay_s=0)
    wish = {"createRequest": {"requestId": "r1", "conferenceSolutionKey": {"type": "hangoutsMeet"}}}
    event = ana.ok("POST", f"{EVENTS}?conferenceDataVersion=1", LUNCH | {"conferenceData": wish})
    path = f"{EVENTS}/{event['id']}"
    echoed = ana.ok("PUT", f"{path}?conferenceDataVersion=1", LUNCH | {"conferenceData": event["conferenceData"]})
    assert echoed["hangoutLink"] == event["hangoutLink"]
    assert "hangoutLink" in ana.ok("PUT", path, LUNCH), "version 0 never touches it"
    assert ("hangoutLink" in ana.ok("PUT", f"{path}?conferenceDataVersion=1", LUNCH)) == is_kept


@pytest.mark.parametrize(("is_bound", "status"), [(False, 200), (True, 410)])
def test_a_sync_token_with_another_page_size(emulator: Emulator, ana: Caller, is_bound: bool, status: int) -> None:
    _switch(emulator, page_size_bound=is_bound)
    token = ana.ok("GET", f"{EVENTS}?maxResults=10")["nextSyncToken"]
    assert ana("GET", f"{EVENTS}?maxResults=20&syncToken={token}").status_code == status
    assert ana("GET", f"{EVENTS}?maxResults=10&syncToken={token}").status_code == 200


@pytest.mark.parametrize("shape", ["list", "absent"])
def test_a_list_without_events(emulator: Emulator, ana: Caller, shape: str) -> None:
    _switch(emulator, empty_items=shape)
    assert ("items" in ana.ok("GET", EVENTS)) == (shape == "list")


@pytest.mark.parametrize("shape", ["frame", "times"])
def test_a_private_event_for_a_reader(emulator: Emulator, ana: Caller, shape: str) -> None:
    _switch(emulator, masked_event=shape)
    ana.ok("POST", EVENTS, LUNCH | {"visibility": "private"})
    ben = emulator.caller(BEN)
    emulator.control("share", {"calendar_id": ANA, "email": BEN, "role": "reader"})
    (event,) = ben.ok("GET", f"calendars/{ANA}/events")["items"]
    assert event["visibility"] == "private" and event["start"] and "summary" not in event
    assert ("iCalUID" in event) == (shape == "frame")


@pytest.mark.parametrize(("policy", "location"), [("flow", "Attic"), ("keep", None), ("overwrite", "Attic")])
def test_what_an_edit_of_a_series_does_to_its_exceptions(
    emulator: Emulator, ana: Caller, policy: str, location: str | None
) -> None:
    _switch(emulator, master_edit=policy)
    at = {"dateTime": "2026-12-01T09:00:00", "timeZone": "UTC"}
    body = {"summary": "S", "start": at, "end": at | {"dateTime": "2026-12-01T10:00:00"}}
    series = ana.ok("POST", EVENTS, body | {"recurrence": ["RRULE:FREQ=DAILY;COUNT=3"]})["id"]
    special = f"{EVENTS}/{series}_20261202T090000Z"
    ana.ok("PATCH", special, {"summary": "Special"})
    ana.ok("PATCH", f"{EVENTS}/{series}", {"summary": "All", "location": "Attic"})
    shown = ana.ok("GET", special)
    assert shown.get("location") == location
    assert shown["summary"] == ("All" if policy == "overwrite" else "Special")


@pytest.mark.parametrize("rule", ["own", "base"])
def test_instances_of_a_continuation(emulator: Emulator, ana: Caller, rule: str) -> None:
    _switch(emulator, split_instance_ids=rule)
    at = {"dateTime": "2026-12-01T09:00:00", "timeZone": "UTC"}
    body = {"summary": "S", "start": at, "end": at | {"dateTime": "2026-12-01T10:00:00"}}
    series = ana.ok("POST", EVENTS, body | {"recurrence": ["RRULE:FREQ=DAILY;COUNT=5"]})["id"]
    sent = {"calendar_id": ANA, "event_id": series, "original_start": "2026-12-03T09:00:00+00:00"}
    tail = emulator.control("ui/split-series", sent)["id"]
    own, base = f"{tail}_20261204T090000Z", f"{series}_20261204T090000Z"
    shown = ana.ok("GET", f"{EVENTS}/{tail}/instances")["items"]
    assert [item["id"] for item in shown][1] == (own if rule == "own" else base)
    changed = ana.ok("PATCH", f"{EVENTS}/{own}", {"summary": "Special"})
    assert changed["id"] == (own if rule == "own" else base) and changed["recurringEventId"] == tail
    assert ana.ok("GET", f"{EVENTS}/{own}")["summary"] == "Special"
    assert ana("GET", f"{EVENTS}/{base}").status_code == (404 if rule == "own" else 200)
    assert len(ana.ok("GET", f"{EVENTS}?singleEvents=true")["items"]) == 5


@pytest.mark.parametrize(
    ("rule", "starts"),
    [
        ("before", ["13T07:30", "14T07:30", "15T06:30"]),
        ("after", ["13T07:30", "14T06:30", "15T06:30"]),
        ("left_out", ["13T07:30", "15T06:30"]),
    ],
)
def test_an_hour_that_the_clock_skips(emulator: Emulator, ana: Caller, rule: str, starts: list[str]) -> None:
    _switch(emulator, skipped_hour=rule)
    at = {"dateTime": "2027-03-13T02:30:00", "timeZone": "America/New_York"}
    body = {
        "start": at,
        "end": at | {"dateTime": "2027-03-13T02:45:00"},
        "recurrence": ["RRULE:FREQ=DAILY;UNTIL=20270315T235959Z"],
    }
    series = ana.ok("POST", EVENTS, body)["id"]
    shown = ana.ok("GET", f"{EVENTS}/{series}/instances?timeZone=UTC")["items"]
    assert [item["start"]["dateTime"][8:16] for item in shown] == starts


@pytest.mark.parametrize("is_listed", [True, False])
def test_a_change_of_colour_alone(emulator: Emulator, ana: Caller, is_listed: bool) -> None:
    _switch(emulator, color_changes_etag=is_listed)
    event = ana.ok("POST", EVENTS, LUNCH)
    token = ana.ok("GET", EVENTS)["nextSyncToken"]
    changed = ana.ok("PATCH", f"{EVENTS}/{event['id']}", {"colorId": "3"})
    assert changed["colorId"] == "3" and (changed["etag"] != event["etag"]) == is_listed
    assert bool(ana.ok("GET", f"{EVENTS}?syncToken={token}")["items"]) == is_listed


@pytest.mark.parametrize(("rule", "status"), [("accept", 200), ("refuse", 400)])
def test_more_than_200_guests(emulator: Emulator, ana: Caller, rule: str, status: int) -> None:
    _switch(emulator, many_guests=rule)
    guests = [{"email": f"g{number}@else.example"} for number in range(201)]
    assert ana("POST", EVENTS, LUNCH | {"attendees": guests}).status_code == status


@pytest.mark.parametrize("error", ["invalid_token", "invalid_request"])
def test_revoking_what_is_not_known(emulator: Emulator, error: str) -> None:
    _switch(emulator, revoke_unknown=error)
    answer = emulator.client.post("/revoke", data={"token": "unknown"})
    assert (answer.status_code, answer.json["error"]) == (400, error)
