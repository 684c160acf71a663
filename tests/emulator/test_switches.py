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
