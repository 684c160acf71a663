"""The calendar page's own ways: typing an event, the editor's rules, moving with undo, the team's day, free times."""

import json
import re
from datetime import datetime
from html import unescape
from typing import Any

import pytest
from django.test import Client

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import Calendar
from conversa_calendar.kit import clock
from tests.support.cast import Cast

DAY = "2026-12-01"


@pytest.fixture(autouse=True)
def morning() -> Any:
    """Tuesday, 24 November 2026, ten o'clock in São Paulo."""
    at = datetime.fromisoformat("2026-11-24T13:00:00+00:00")
    clock.use(lambda: at, lambda: 0.0, lambda seconds: None)
    yield
    clock.use()


def _own(cast: Cast, actor: Any) -> str:
    with tenant(cast.account.pk):
        return str(Calendar.objects.get(owner=actor.member, is_personal=True).uuid)


def _event(cast: Cast, actor: Any, summary: str = "Walk", hour: int = 9, **more: Any) -> dict[str, Any]:
    times = {"start": {"date_time": f"{DAY}T{hour:02d}:00:00", "time_zone": "America/Sao_Paulo"}}
    found: dict[str, Any] = actor.post("events", {"calendar": _own(cast, actor), "summary": summary, **times} | more)
    return found


def _news(answer: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(answer["HX-Trigger"])
    return found


def test_a_sentence_is_shown_as_it_will_be_and_created_and_undone(cast: Cast) -> None:
    browser = cast.alice.browser()
    shown = browser.get("/events/quick", {"text": "Call Bruno tomorrow 15:00-15:45"}).content.decode()
    assert "Call Bruno" in shown and "15:00–15:45" in shown
    assert cast.alice.get("events?from=2026-11-20T00:00:00Z&to=2026-12-20T00:00:00Z")["items"] == []
    done = _news(browser.post("/events/quick", {"text": "Call Bruno tomorrow 15:00-15:45"}))["calendar:done"]
    made = cast.alice.get(f"events/{done['event']}")
    assert made["summary"] == "Call Bruno" and made["start"]["date_time"].startswith("2026-11-25T15:00")
    assert browser.post(done["undo"]).status_code == 204
    assert cast.alice.get("events?from=2026-11-20T00:00:00Z&to=2026-12-20T00:00:00Z")["items"] == []


def test_a_sentence_that_names_guests_opens_the_form_and_mails_nobody(cast: Cast) -> None:
    browser = cast.alice.browser()
    answer = browser.post("/events/quick", {"text": "Demo with lia@else.example tomorrow 10:00"})
    url = _news(answer)["calendar:open"]["url"]
    form = browser.get(url).content.decode()
    assert 'value="lia@else.example"' in form and 'value="Demo"' in form and 'value="10:00"' in form
    assert cast.alice.get("events?from=2026-11-20T00:00:00Z&to=2026-12-20T00:00:00Z")["items"] == []


def _form(cast: Cast, **more: Any) -> dict[str, Any]:
    when = {"start_date": DAY, "start_time": "09:00", "end_date": DAY, "end_time": "10:00", "zone": "America/Sao_Paulo"}
    return {"calendar": _own(cast, cast.alice), "summary": "S", **when, "repeat_every": "1"} | more


@pytest.mark.parametrize(
    ("fields", "rule", "words"),
    [
        ({"repeat": "DAILY", "repeat_every": "2"}, "RRULE:FREQ=DAILY;INTERVAL=2", "Every 2 days"),
        ({"repeat": "WEEKLY", "repeat_days": ["1"], "repeat_from": "1"}, "RRULE:FREQ=WEEKLY", "Every week on Tuesday"),
        (
            {"repeat": "WEEKLY", "repeat_days": ["0", "2"], "repeat_ends": "after", "repeat_count": "6"},
            "RRULE:FREQ=WEEKLY;BYDAY=MO,WE;COUNT=6",
            "Every week on Monday, Wednesday, 6 times",
        ),
        (
            {"repeat": "MONTHLY", "repeat_monthly": "weekday"},
            "RRULE:FREQ=MONTHLY;BYDAY=1TU",
            "Every month on the first Tuesday",
        ),
        (
            {"repeat": "YEARLY", "repeat_ends": "on", "repeat_until": "2028-12-01"},
            "RRULE:FREQ=YEARLY;UNTIL=20281202T025959Z",
            "Every year on December 1, until Dec. 1, 2028",
        ),
        ({"repeat": "own", "rules": "RRULE:FREQ=MONTHLY;BYMONTHDAY=-1"}, "RRULE:FREQ=MONTHLY;BYMONTHDAY=-1", "rule"),
    ],
)
def test_the_editors_fields_are_read_as_a_rule_and_said_in_words(
    cast: Cast, fields: dict[str, Any], rule: str, words: str
) -> None:
    browser = cast.alice.browser()
    assert words in browser.post("/events/repeats", _form(cast, **fields)).content.decode()
    made = _news(browser.post("/events/new", _form(cast, **fields)))["calendar:done"]["event"]
    assert cast.alice.get(f"events/{made}")["recurrence"] == [rule]
    assert words in browser.get(f"/events/{made}").content.decode()


@pytest.mark.parametrize(
    "fields",
    [
        {"repeat": "DAILY", "repeat_every": "0"},
        {"repeat": "DAILY", "repeat_ends": "on", "repeat_until": "2026-01-01"},
        {"repeat": "own", "rules": "RRULE:FREQ=HOURLY"},
    ],
)
def test_a_rule_that_cannot_be_is_refused_with_the_reason(cast: Cast, fields: dict[str, Any]) -> None:
    browser = cast.alice.browser()
    assert "text-error" in browser.post("/events/repeats", _form(cast, **fields)).content.decode()
    assert browser.post("/events/new", _form(cast, **fields)).status_code == 422


def _posted(browser: Client, uuid: str, *, page: str = "", address: str = "", **changes: Any) -> Any:
    """The event's own form, or another `page`, sent back as a browser does, with changes."""
    page = page or browser.get(f"/events/{uuid}/edit").content.decode()
    fields: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", page):
        name = re.search(r'name="([^"]*)"', tag)
        value = re.search(r'value="([^"]*)"', tag)
        if not name or (re.search(r'type="(checkbox|radio)"', tag) and "checked" not in tag):
            continue
        text = unescape(value[1]).replace("\r", "").replace("\n", "") if value else "on"  # as browsers do in one line
        fields.setdefault(name[1], []).append(text)
    for name, body in re.findall(r'<select[^>]*name="([^"]*)"[^>]*>(.*?)</select>', page, re.S):
        options = re.findall(r'<option value="([^"]*)"( selected)?', body)
        fields.setdefault(name, []).append(next((v for v, chosen in options if chosen), options[0][0]))
    for name, text in re.findall(r'<textarea[^>]*name="([^"]*)"[^>]*>(.*?)</textarea>', page, re.S):
        fields[name] = [unescape(text).replace("\r\n", "\n").replace("\n", "\r\n")]
    fields.pop("csrfmiddlewaretoken", None)
    return browser.post(address or f"/events/{uuid}/edit", fields | changes)


def test_saving_an_untouched_form_changes_nothing(cast: Cast) -> None:
    """Once the form respelled rules and turned reminders by mail into ones on the screen."""
    more: dict[str, Any] = {
        "recurrence": ["RRULE:FREQ=WEEKLY;WKST=SU;UNTIL=20270301T120000Z;BYDAY=TU"],
        "reminders": {"use_default": False, "overrides": [{"method": "email", "minutes": 1440}]},
        "attendees": [{"email": "lia@else.example", "optional": True}, {"email": "bob@else.example"}],
        "guests_can": {"modify": True, "invite_others": False, "see_others": True},
        "color": "5",
    }
    made = _event(cast, cast.alice, **more)
    before = cast.alice.get(f"events/{made['id']}")
    assert _posted(cast.alice.browser(), made["id"], notify="none").status_code == 204
    after = cast.alice.get(f"events/{made['id']}")
    names = ("recurrence", "reminders", "guests_can", "color", "start", "end")
    assert {name: after[name] for name in names} == {name: before[name] for name in names}
    assert {g["email"]: g["optional"] for g in after["attendees"]} == {
        "lia@else.example": True,
        "bob@else.example": False,
    }


def test_a_moved_weekly_series_follows_its_new_day(cast: Cast) -> None:
    made = _event(cast, cast.alice, recurrence=["RRULE:FREQ=WEEKLY;BYDAY=TU"])
    answer = _posted(
        cast.alice.browser(), made["id"], start_date="2026-12-03", end_date="2026-12-03", scope="all", notify="none"
    )
    assert answer.status_code == 204
    assert cast.alice.get(f"events/{made['id']}")["recurrence"] == ["RRULE:FREQ=WEEKLY;BYDAY=TH"]


@pytest.mark.parametrize("scope", ["this", "all"])
def test_a_dragged_tile_is_put_back_by_its_undo(cast: Cast, scope: str) -> None:
    made = _event(cast, cast.alice, recurrence=["RRULE:FREQ=DAILY;COUNT=3"])
    browser, window = cast.alice.browser(), "events?from=2026-11-30T00:00:00Z&to=2026-12-20T00:00:00Z"
    before = [item["start"] for item in cast.alice.get(window)["items"]]
    move = {"start": "2026-12-02T11:00:00", "end": "2026-12-02T12:00:00", "occurrence": "20261202T120000Z"}
    answer = browser.post(
        f"/events/{made['id']}/reschedule", move | {"scope": scope, "all_day": False}, content_type="application/json"
    )
    moved = [item["start"] for item in cast.alice.get(window)["items"]]
    assert sum(a != b for a, b in zip(before, moved, strict=True)) == (1 if scope == "this" else 3)
    undo = answer.json()["undo"]
    assert browser.post(undo["url"], undo["body"], content_type="application/json").status_code == 200
    assert [item["start"] for item in cast.alice.get(window)["items"]] == before


def test_a_tile_says_that_there_are_guests_to_be_asked_about(cast: Cast) -> None:
    _event(cast, cast.alice, attendees=[{"email": "lia@else.example"}])
    _event(cast, cast.alice, "Alone", hour=12)
    window = {"start": "2026-11-30T00:00:00Z", "end": "2026-12-05T00:00:00Z"}
    tiles = cast.alice.browser().get("/calendar/feed", window).json()
    assert {tile["title"]: tile.get("guests", False) for tile in tiles} == {"Walk": True, "Alone": False}


def test_colleagues_without_a_google_calendar_are_marked(cast: Cast) -> None:
    bob = cast.bob.member.user.email
    made = _event(cast, cast.alice, attendees=[{"email": bob}, {"email": "lia@else.example"}])
    page = cast.alice.browser().get(f"/events/{made['id']}").content.decode()
    assert page.count("no Google calendar connected") == 1


def test_the_teams_day_stands_side_by_side(cast: Cast) -> None:
    _event(cast, cast.alice, "Walk")
    _event(cast, cast.alice, "Overlap")
    _event(cast, cast.bob, "Run", hour=14, visibility="private")
    page = cast.alice.browser().get("/calendar/team", {"date": DAY}).content.decode()
    assert "09:00–10:00</span> Walk" in page and "width: 50.00%" in page
    assert "Run" not in page and "14:00–15:00</span> Busy" in page, "private to Bob"


def test_an_agent_learns_no_more_than_they_may(cast: Cast) -> None:
    _event(cast, cast.alice, "Secret plan")
    browser = cast.bob.browser()
    team = browser.get("/calendar/team", {"date": DAY}).content.decode()
    assert "Secret plan" not in team and "not shared with you" in team
    found = browser.get("/calendar/find", {"date": DAY}).content.decode()
    assert "No calendar of Alice" in found and "09:00–10:00" not in re.sub(
        r"<button.*?</button>", "", found, flags=re.S
    )


def test_free_times_leave_out_what_anybody_has(cast: Cast) -> None:
    _event(cast, cast.alice, hour=9)
    _event(cast, cast.bob, hour=11)
    query = {"date": DAY, "minutes": "60", "opens": "9", "closes": "13"}
    page = cast.alice.browser().get("/calendar/find", query).content.decode()
    first_day = page[page.index("All of them are free") :].split("<h3")[1]
    assert re.findall(r">(\d\d:\d\d)–\d\d:\d\d</button>", first_day) == ["10:00", "12:00"]
    assert f"guests={cast.bob.member.user.email.replace('@', '%40')}" in page
    asked = cast.alice.browser().get(
        "/calendar/find", query | {"guests": f"lia@else.example, {cast.bob.member.user.email}"}
    )
    assert "lia@else.example: no colleagues" in asked.content.decode()
    alone = cast.alice.browser().get("/calendar/find", query | {"agent": str(cast.alice.member.uuid)})
    assert ">11:00–12:00</button>" in alone.content.decode()


@pytest.mark.parametrize(
    "query",
    [
        {"date": "x"},
        {"date": "9999-12-31"},
        {"date": "0001-01-01"},
        {"minutes": "9999"},
        {"opens": "23", "closes": "1"},
        {"team": "x"},
    ],
)
def test_nonsense_in_an_address_falls_back(cast: Cast, query: dict[str, str]) -> None:
    for path in ("/calendar/find", "/calendar/team"):
        answer = cast.alice.browser().get(path, query)
        assert answer.status_code == 200
        assert ("There is nobody" in answer.content.decode()) == ("team" in query)
