"""The web calendar and the inspector: what people do at Google by hand."""

from typing import Any

from tests.emulator.conftest import ANA, BEN, EVENTS, LUNCH, Caller, Emulator

SERIES = {
    "summary": "Stand-up",
    "start": {"dateTime": "2026-12-01T09:00:00", "timeZone": "UTC"},
    "end": {"dateTime": "2026-12-01T10:00:00", "timeZone": "UTC"},
    "recurrence": ["RRULE:FREQ=DAILY;COUNT=5"],
}


def _form(**changes: str) -> dict[str, str]:
    plain = {"calendar": ANA, "summary": "Typed", "start": "2026-12-03 09:00", "end": "2026-12-03 10:00"}
    return plain | {"zone": "UTC", "do": "save"} | changes


def _do(emulator: Emulator, path: str, **form: str) -> Any:
    answer = emulator.client.post(f"/ui/{path}", data=form)
    assert answer.status_code == 302, answer.text
    return answer


def _summaries(ana: Caller) -> list[str]:
    window = "singleEvents=true&orderBy=startTime&timeMin=2026-11-01T00:00:00Z"
    return [e["summary"] for e in ana.ok("GET", f"{EVENTS}?{window}")["items"]]


def test_month_and_week_show_what_is_there(emulator: Emulator, ana: Caller) -> None:
    ana.ok("POST", EVENTS, SERIES)
    month = emulator.client.get(f"/ui/{ANA}?month=2026-12").text
    week = emulator.client.get(f"/ui/{ANA}?week=2026-12-03").text
    assert month.count('title="Stand-up"') == 5
    assert week.count('title="Stand-up"') == 5 and "Week of 30 November 2026" in week and "December 2026" in month
    assert "?week=2026-12-07" in week and "?month=2027-01" in month


def test_events_are_created_changed_and_deleted_by_hand(emulator: Emulator, ana: Caller) -> None:
    _do(emulator, f"{ANA}/new", **_form(guests="guest@else.example"))
    (event,) = ana.ok("GET", EVENTS)["items"]
    assert event["summary"] == "Typed" and event["attendees"][0]["email"] == "guest@else.example"
    assert emulator.control("mails", method="GET")["mails"][0]["kind"] == "invitation"
    _do(emulator, f"{ANA}/{ANA}/{event['id']}", **_form(summary="Changed"))
    assert ana.ok("GET", f"{EVENTS}/{event['id']}")["summary"] == "Changed"
    wrong = emulator.client.post(f"/ui/{ANA}/{ANA}/{event['id']}", data=_form(end="2026-12-02 09:00"))
    assert wrong.status_code == 200 and "time range is empty" in wrong.text
    _do(emulator, f"{ANA}/{ANA}/{event['id']}", do="delete")
    assert ana.ok("GET", EVENTS)["items"] == []


def test_a_series_is_edited_in_each_scope(emulator: Emulator, ana: Caller) -> None:
    series = ana.ok("POST", EVENTS, SERIES)["id"]
    third = f"{ANA}/{ANA}/{series}_20261203T090000Z"
    _do(emulator, third, **_form(summary="Third", scope="this"))
    assert _summaries(ana) == ["Stand-up", "Stand-up", "Third", "Stand-up", "Stand-up"]
    _do(emulator, third, **_form(summary="Everyone", scope="all"))
    assert _summaries(ana) == ["Everyone"] * 5
    fourth = f"{ANA}/{ANA}/{series}_20261204T090000Z"
    times = {"start": "2026-12-04 09:00", "end": "2026-12-04 10:00"}
    _do(emulator, fourth, **_form(summary="Later", scope="following", **times))
    assert _summaries(ana) == ["Everyone"] * 3 + ["Later"] * 2
    tail = next(e for e in ana.ok("GET", EVENTS)["items"] if e["summary"] == "Later")
    assert tail["id"] == f"{series}_R20261204T090000"
    _do(emulator, f"{ANA}/{ANA}/{series}_20261202T090000Z", do="delete", scope="following")
    assert _summaries(ana) == ["Everyone", "Later", "Later"]


def test_invitations_are_answered_and_calendars_shared(emulator: Emulator, ana: Caller) -> None:
    ben = emulator.caller(BEN)
    event = ana.ok("POST", EVENTS, LUNCH | {"attendees": [{"email": BEN}]})["id"]
    assert "accepted" in emulator.client.get(f"/ui/{BEN}/{BEN}/{event}").text
    _do(emulator, f"{BEN}/{BEN}/{event}", do="declined")
    assert ana.ok("GET", f"{EVENTS}/{event}")["attendees"][0]["responseStatus"] == "declined"
    page = emulator.client.post(
        f"/ui/{ANA}/sharing", data={"do": "share", "calendar": ANA, "person": BEN, "role": "reader"}
    )
    assert f"{BEN}: reader" in page.text and ben.ok("GET", f"calendars/{ANA}/events")["accessRole"] == "reader"
    refused = emulator.client.post(f"/ui/{BEN}/sharing", data={"do": "share", "calendar": ANA, "person": "x@y.example"})
    assert "Only owners" in refused.text
    made = emulator.client.post(f"/ui/{ANA}/sharing", data={"do": "create", "summary": "Team"}).text
    team = next(e["id"] for e in ana.ok("GET", "users/me/calendarList")["items"] if e["summary"] == "Team")
    assert "Team" in made
    emulator.client.post(f"/ui/{ANA}/sharing", data={"do": "remove", "calendar": team})
    assert len(ana.ok("GET", "users/me/calendarList")["items"]) == 1
    _do(emulator, f"{ANA}/revoke", client="demo-client")
    assert ana("GET", EVENTS).status_code == 401


def test_the_inspector_shows_everything_and_no_whole_token(emulator: Emulator, ana: Caller) -> None:
    ana.ok("POST", EVENTS, LUNCH)
    ana.ok("POST", f"{EVENTS}/watch", {"id": "c1", "type": "web_hook", "address": "http://localhost/push"})
    _do(emulator, "inspector", do="strike", code="G19", email=ANA, times="1")
    text = emulator.client.get("/ui/inspector").text
    assert "calendars/primary/events" in text and "http://localhost/push" in text and "G19" in text and "live" in text
    whole = ana.headers["Authorization"].removeprefix("Bearer ")
    assert whole not in text and f"{whole[:6]}…{whole[-4:]}" in text
    assert ana.refused("GET", EVENTS) == (503, "backendError")
    _do(emulator, "inspector", do="strike", code="G19", times="9")
    _do(emulator, "inspector", do="clear")
    ana.ok("GET", EVENTS)
