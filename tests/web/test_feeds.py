"""Feeds: what an address shows, to whom, for how long, and how programs read it."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.test import Client
from icalendar import Calendar as File

from conversa_calendar.accounts import services, tokens
from conversa_calendar.accounts.grants import OPERATOR
from conversa_calendar.accounts.models import Account, ApiToken, Member
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.accounts.throttle import Limit
from conversa_calendar.calendars.models import Calendar
from conversa_calendar.dashboard import feed_views
from conversa_calendar.formats.models import FeedAddress
from tests.support import readers
from tests.support.cast import Actor, Cast

ZONE = "America/Sao_Paulo"


def at(text: str, zone: str = ZONE) -> dict[str, str]:
    return {"date_time": text, "time_zone": zone} if "T" in text else {"date": text}


def event(
    actor: Actor, calendar: str, summary: str, start: str, end: str, zone: str = ZONE, **more: Any
) -> dict[str, Any]:
    body = {"calendar": calendar, "summary": summary, "start": at(start, zone), "end": at(end, zone)} | more
    found: dict[str, Any] = actor.post("events", body)
    return found


@pytest.fixture
def shared(cast: Cast) -> str:
    """A calendar of Alice's that Bob sees in detail, with one event for all and a private one."""
    calendar: str = cast.alice.post("calendars", {"name": "Support", "time_zone": ZONE})["id"]
    assign(cast, calendar, "details")
    event(cast.alice, calendar, "CANARY open", "2026-12-01T09:00:00", "2026-12-01T10:00:00", location="CANARY room")
    private = {"visibility": "private", "attendees": [{"email": "canary@else.example"}]}
    event(cast.alice, calendar, "CANARY private", "2026-12-02T09:00:00", "2026-12-02T10:00:00", **private)
    return calendar


def assign(cast: Cast, calendar: str, level: str) -> None:
    items = [{"kind": "agent", "id": str(cast.bob.member.uuid), "level": level}] if level else []
    cast.alice.put(f"calendars/{calendar}/assignments", {"items": items})


def made(actor: Actor, kind: str, target: str, details: str = "details") -> dict[str, Any]:
    found: dict[str, Any] = actor.post("feeds", {"kind": kind, "target": target, "details": details})
    return found


def read(feed: dict[str, Any], **headers: str) -> Any:
    return Client().get(feed["url"].removeprefix("http://testserver"), headers=headers)


def titles(feed: dict[str, Any]) -> list[str]:
    answer = read(feed)
    assert answer.status_code == 200, answer.status_code
    return sorted(str(found["summary"]) for found in File.from_ical(answer.content).walk("VEVENT"))


def test_a_feed_says_busy_unless_details_were_chosen(cast: Cast, shared: str) -> None:
    unsaid = cast.alice.post("feeds", {"kind": "calendar", "target": shared})
    busy, details = (made(cast.alice, "calendar", shared, how) for how in ("busy", "details"))
    assert titles(busy) == ["Busy", "Busy"]
    assert b"CANARY" not in read(busy).content
    assert titles(details) == ["Busy", "CANARY open"], "what is private is so even to the one who made the feed"
    assert b"canary@else" not in read(details).content, "guests never travel"
    assert busy["details"] == "busy" == unsaid["details"]


def test_busy_times_cannot_be_traced_to_their_events(cast: Cast, shared: str) -> None:
    uuid = event(cast.alice, shared, "Third", "2026-12-03T09:00:00", "2026-12-03T10:00:00")["id"]
    one, other = (made(cast.alice, "calendar", shared, "busy") for _ in range(2))
    assert uuid not in read(one).content.decode()
    uids = [{str(e["uid"]) for e in File.from_ical(read(feed).content).walk("VEVENT")} for feed in (one, other)]
    assert len(uids[0]) == 3 and not uids[0] & uids[1]


def test_a_feed_shows_no_more_than_its_maker_sees(cast: Cast, shared: str) -> None:
    mine = made(cast.bob, "calendar", shared)
    assert titles(mine) == ["Busy", "CANARY open"]
    assign(cast, shared, "busy")
    assert titles(mine) == ["Busy", "Busy"]
    refused = cast.bob.call("POST", "feeds", {"kind": "calendar", "target": shared, "details": "details"})
    assert refused.status_code == 403 and refused.json()["code"] == "forbidden"
    assign(cast, shared, "")
    assert read(mine).status_code == 404
    assert cast.bob.call("POST", "feeds", {"kind": "calendar", "target": shared}).status_code == 404
    assign(cast, shared, "details")
    assert titles(mine) == ["Busy", "CANARY open"], "whoever may again is read again"


def test_a_feed_dies_with_its_makers_membership(cast: Cast, shared: str) -> None:
    feed = made(cast.bob, "calendar", shared)
    with tenant(cast.account.pk):
        services.suspend_member(member=Member.objects.get(pk=cast.bob.member.pk), is_suspended=True, by=OPERATOR)
    assert read(feed).status_code == 404


def test_a_feed_rests_while_the_module_is_off(cast: Cast, shared: str, caplog: pytest.LogCaptureFixture) -> None:
    feed = made(cast.alice, "calendar", shared)
    for field in ("is_calendar_enabled", "is_suspended"):
        Account.objects.filter(pk=cast.account.pk).update(**{field: field == "is_suspended"})
        assert read(feed).status_code == 404
        Account.objects.filter(pk=cast.account.pk).update(is_calendar_enabled=True, is_suspended=False)
        assert read(feed).status_code == 200
    assert feed["hint"] not in caplog.text, "an address that works again stands in no log"


def test_a_feed_made_by_a_token_ends_with_the_token(cast: Cast, shared: str) -> None:
    token, secret = tokens.create_token(member=cast.alice.member, name="n", scopes=["events.read", "feeds.manage"])
    feed = made(Actor(cast.alice.member, secret), "calendar", shared)
    assert read(feed).status_code == 200
    tokens.revoke_token(token=ApiToken.objects.get(pk=token.pk))
    assert read(feed).status_code == 404


def test_an_address_is_told_once_and_stored_as_a_fingerprint(cast: Cast, shared: str) -> None:
    feed = made(cast.alice, "calendar", shared)
    secret = feed["url"].rpartition("/")[2].removesuffix(".ics")
    listed = cast.alice.get("feeds")["items"]
    assert [row["id"] for row in listed] == [feed["id"]] and secret not in str(listed)
    assert secret not in str(list(FeedAddress.objects.values()))


def test_a_new_address_ends_the_old_one_and_removing_ends_both(cast: Cast, shared: str) -> None:
    feed = made(cast.alice, "calendar", shared)
    newer = cast.alice.post(f"feeds/{feed['id']}/rotate")
    assert read(feed).status_code == 404 and read(newer).status_code == 200
    cast.alice.delete(f"feeds/{feed['id']}")
    assert read(newer).status_code == 404 and cast.alice.get("feeds")["items"] == []
    assert cast.alice.call("DELETE", f"feeds/{feed['id']}").status_code == 404


def test_only_its_maker_renews_an_address_and_managers_may_end_it(cast: Cast, shared: str) -> None:
    feed, theirs = made(cast.bob, "calendar", shared), made(cast.alice, "calendar", shared)
    assert cast.alice.call("POST", f"feeds/{feed['id']}/rotate").status_code == 403
    for method, path in (("POST", f"feeds/{theirs['id']}/rotate"), ("DELETE", f"feeds/{theirs['id']}")):
        assert cast.bob.call(method, path).status_code == 404
        assert cast.charlie.call(method, path).status_code == 404
    assert [row["id"] for row in cast.bob.get("feeds")["items"]] == [feed["id"]]
    cast.alice.delete(f"feeds/{feed['id']}")
    assert read(feed).status_code == 404 and read(theirs).status_code == 200


def test_teams_and_people_have_feeds_of_their_calendars(cast: Cast, shared: str) -> None:
    team = cast.alice.post("teams", {"name": "Night", "members": []})["id"]
    assert cast.alice.call("POST", "feeds", {"kind": "team", "target": team}).status_code == 404, "nothing to show yet"
    items = [
        {"kind": "team", "id": team, "level": "details"},
        {"kind": "agent", "id": str(cast.bob.member.uuid), "level": "busy"},
    ]
    cast.alice.put(f"calendars/{shared}/assignments", {"items": items})
    assert titles(made(cast.alice, "team", team)) == ["Busy", "CANARY open"]
    with tenant(cast.account.pk):
        own = str(Calendar.objects.get(owner=cast.bob.member).uuid)
    event(cast.bob, own, "Mine", "2026-12-03T09:00:00", "2026-12-03T10:00:00")
    person = made(cast.alice, "person", str(cast.bob.member.uuid))
    assert titles(person) == ["Busy", "CANARY open", "Mine"]
    assert titles(made(cast.bob, "person", str(cast.bob.member.uuid))) == ["Busy", "Busy", "Mine"]


def test_who_reads_too_often_is_asked_to_wait(cast: Cast, shared: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_views, "READ", Limit("reads of a feed", 2, 3600))
    feed = made(cast.alice, "calendar", shared)
    known = {"If-None-Match": read(feed)["ETag"]}
    assert read(feed).status_code == 200
    assert read(feed).status_code == 429 and int(read(feed)["Retry-After"]) > 0
    assert read(feed, **known).status_code == 304, "asking whether something changed is cheap"


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "inbox", "target": "x"},
        {"kind": "calendar", "target": "x", "details": "all"},
        {"kind": "calendar"},
        {"kind": "calendar", "target": "x", "colour": "red"},
    ],
)
def test_what_is_no_feed_is_refused_by_its_field(cast: Cast, body: dict[str, str]) -> None:
    answer = cast.alice.call("POST", "feeds", body)
    assert answer.status_code == 422 and answer.json()["errors"], answer.content


def test_programs_that_know_the_state_are_told_nothing_new(cast: Cast, shared: str) -> None:
    feed = made(cast.alice, "calendar", shared)
    first = read(feed)
    etag, since = first["ETag"], first["Last-Modified"]
    for headers in ({"If-None-Match": etag}, {"If-None-Match": f'"x", W/{etag}'}, {"If-Modified-Since": since}):
        again = read(feed, **headers)
        assert again.status_code == 304 and again.content == b"" and again["ETag"] == etag, headers
    event(cast.alice, shared, "Newer", "2026-12-04T09:00:00", "2026-12-04T10:00:00")
    for headers in ({"If-None-Match": etag}, {"If-Modified-Since": since}):
        newer = read(feed, **headers)
        assert newer.status_code == 200 and b"Newer" in newer.content and newer["ETag"] != etag, headers
    assert read(feed, **{"If-None-Match": etag, "If-Modified-Since": newer["Last-Modified"]}).status_code == 200
    assert first["Cache-Control"] == "private, no-cache" and not first.cookies


def test_whatever_a_reader_can_see_makes_a_new_state(cast: Cast, shared: str) -> None:
    feed = made(cast.bob, "calendar", shared)
    shown = event(cast.alice, shared, "Later", "2026-12-04T09:00:00", "2026-12-04T10:00:00")["id"]
    acts = [
        lambda: cast.alice.patch(f"events/{shown}", {"summary": "Renamed"}),
        lambda: cast.alice.delete(f"events/{shown}"),
        lambda: cast.alice.post(f"trash/{shown}/restore"),
        lambda: cast.alice.patch(f"calendars/{shared}", {"name": "Other"}),
        lambda: assign(cast, shared, "busy"),
    ]
    known = {read(feed)["ETag"]}
    for number, act in enumerate(acts):
        act()
        answer = read(feed)
        assert answer["ETag"] not in known, number
        known.add(answer["ETag"])


def test_addresses_that_nobody_has_answer_alike(cast: Cast, shared: str) -> None:
    feed = made(cast.alice, "calendar", shared)
    cast.alice.delete(f"feeds/{feed['id']}")
    answers = [read(feed), Client().get("/feeds/nothing.ics"), Client().get("/feeds/%E2%82%AC%20x.ics")]
    assert {(a.status_code, a.content) for a in answers} == {(404, answers[0].content)}
    assert Client().post("/feeds/nothing.ics").status_code == 405


def _rich(cast: Cast, shared: str) -> None:
    """Series with what makes them differ, over clock changes, all day, in other zones, with awkward texts."""
    berlin = event(
        cast.alice, shared, "Weekly, \\; ção 🎉 " + "long " * 40, "2026-03-23T09:00:00", "2026-03-23T10:00:00", "Europe/Berlin",
        recurrence=["RRULE:FREQ=WEEKLY;COUNT=6", "EXDATE;TZID=Europe/Berlin:20260406T090000", "RDATE;TZID=Europe/Berlin:20260408T110000"],
        description="one\ntwo, three; four\\",
    )["id"]  # fmt: skip
    moved = {
        "start": at("2026-03-31T15:00:00", "Europe/Berlin"),
        "end": at("2026-03-31T15:30:00", "Europe/Berlin"),
        "summary": "Moved",
    }
    cast.alice.patch(f"events/{berlin}?scope=this&occurrence=2026-03-30T07:00:00Z", moved)
    cast.alice.delete(f"events/{berlin}?scope=this&occurrence=2026-04-13T07:00:00Z")
    yearly = {"recurrence": ["RRULE:FREQ=MONTHLY;BYDAY=-1FR;UNTIL=20261231"]}
    event(cast.alice, shared, "Days", "2026-01-30", "2026-02-01", **yearly)
    until = {"recurrence": ["RRULE:FREQ=DAILY;UNTIL=20260310T140000Z"]}
    event(cast.alice, shared, "New York", "2026-03-06T09:00:00", "2026-03-06T09:30:00", "America/New_York", **until)
    event(cast.alice, shared, "Night", "2026-05-01T22:00:00", "2026-05-03T03:00:00", "Asia/Kolkata")
    event(cast.alice, shared, "Instant zone", "2026-05-05T22:00:00", "2026-05-05T23:00:00", "UTC")


def _ours(cast: Cast, since: str, until: str) -> list[list[str]]:
    from datetime import UTC, datetime

    def plain(moment: dict[str, str]) -> str:
        if "date" in moment:
            return moment["date"]
        return datetime.fromisoformat(moment["date_time"]).astimezone(UTC).isoformat()

    items = cast.alice.get(f"events?from={since}&to={until}")["items"]
    return sorted([plain(item["start"]), plain(item["end"]), item["summary"]] for item in items)


@pytest.mark.processes
def test_another_program_expands_a_feed_to_the_same_occurrences(cast: Cast, shared: str) -> None:
    _rich(cast, shared)
    text = read(made(cast.alice, "calendar", shared)).content.decode()
    assert all(len(line.encode()) <= 75 for line in text.split("\r\n"))
    since, until = "2026-01-01T00:00:00Z", "2026-12-01T00:00:00Z"
    found = readers.occurrences(text, since, until)
    assert found == _ours(cast, since, until) and len(found) > 20
    assert {str(zone["tzid"]) for zone in File.from_ical(text).walk("VTIMEZONE")} == {
        "Europe/Berlin", "America/New_York", "Asia/Kolkata", ZONE,
    }  # fmt: skip


@pytest.mark.processes
def test_another_program_expands_busy_times_to_the_same_times(cast: Cast, shared: str) -> None:
    _rich(cast, shared)
    free = {"transparency": "transparent", "recurrence": ["RRULE:FREQ=DAILY;COUNT=4"]}
    series = event(cast.alice, shared, "Free", "2026-06-01T09:00:00", "2026-06-01T10:00:00", **free)["id"]
    cast.alice.patch(f"events/{series}?scope=this&occurrence=2026-06-02T12:00:00Z", {"transparency": "opaque"})
    taken = {"recurrence": ["RRULE:FREQ=DAILY;COUNT=4"]}
    series = event(cast.alice, shared, "Taken", "2026-07-01T09:00:00", "2026-07-01T10:00:00", **taken)["id"]
    cast.alice.patch(f"events/{series}?scope=this&occurrence=2026-07-02T12:00:00Z", {"transparency": "transparent"})
    since, until = "2026-01-01T00:00:00Z", "2026-12-01T00:00:00Z"
    found = readers.occurrences(read(made(cast.alice, "calendar", shared, "busy")).content.decode(), since, until)
    items = cast.alice.get(f"events?from={since}&to={until}")["items"]
    busy = [
        row
        for row, item in zip(_ours(cast, since, until), sorted(items, key=_place), strict=True)
        if item["transparency"] == "opaque"
    ]
    assert found == sorted([*row[:2], "Busy"] for row in busy)


def _place(item: dict[str, Any]) -> Any:
    from datetime import UTC, datetime

    def plain(moment: dict[str, str]) -> str:
        return moment.get("date") or datetime.fromisoformat(moment["date_time"]).astimezone(UTC).isoformat()

    return [plain(item["start"]), plain(item["end"]), item["summary"]]


class _Silent(WSGIRequestHandler):
    def log_message(self, *_values: Any) -> None:
        """Nothing is printed."""


@pytest.fixture
def origin(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The product on a socket."""
    monkeypatch.setattr(settings, "ALLOWED_HOSTS", ["testserver", "127.0.0.1"])
    with make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=_Silent) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.processes
def test_vdirsyncer_keeps_a_folder_in_step_with_a_feed(cast: Cast, shared: str, origin: str, tmp_path: Path) -> None:
    _rich(cast, shared)
    feed = made(cast.alice, "calendar", shared)
    folder, config = tmp_path / "files", tmp_path / "config"
    folder.mkdir()
    config.write_text(
        f"""[general]
status_path = "{tmp_path}/status"
[pair feed]
a = "here"
b = "there"
collections = null
[storage here]
type = "filesystem"
path = "{folder}"
fileext = ".ics"
[storage there]
type = "http"
url = "{feed["url"].replace("http://testserver", origin)}"
"""
    )
    sync = ("vdirsyncer", "-c", str(config))
    readers.run(*sync, "discover")
    readers.run(*sync, "sync")
    first = {str(e["summary"]) for file in folder.iterdir() for e in File.from_ical(file.read_bytes()).walk("VEVENT")}
    shown = {str(e["summary"]) for e in File.from_ical(read(feed).content).walk("VEVENT")}
    assert first == shown and len(list(folder.iterdir())) == 7
    event(cast.alice, shared, "Afterwards", "2026-12-04T09:00:00", "2026-12-04T10:00:00")
    uuid = next(e["id"] for e in cast.alice.get("events?q=Night")["items"])
    cast.alice.delete(f"events/{uuid}")
    readers.run(*sync, "sync")
    texts = "".join(file.read_text() for file in folder.iterdir())
    assert "Afterwards" in texts and "SUMMARY:Night" not in texts and len(list(folder.iterdir())) == 7


def test_one_meeting_in_two_calendars_is_read_once(cast: Cast, shared: str) -> None:
    with tenant(cast.account.pk):
        from conversa_calendar.calendars.models import Event

        own = str(Calendar.objects.get(owner=cast.bob.member).uuid)
        event(cast.bob, own, "CANARY open", "2026-12-01T09:00:00", "2026-12-01T10:00:00")
        Event.objects.filter(summary="CANARY open").update(ical_uid="meeting@else.example")
    assert titles(made(cast.alice, "person", str(cast.bob.member.uuid))) == ["Busy", "CANARY open"]


def test_the_page_makes_shows_once_renews_and_ends_feeds(cast: Cast, shared: str) -> None:
    browser = cast.alice.browser()
    browser.post("/settings/feeds", {"do": "create", "of": f"calendar:{shared}", "details": "details"})
    page = browser.get("/settings/feeds").content.decode()
    url = page.split('data-copy="')[1].split('"')[0]
    assert Client().get(url.removeprefix("http://testserver")).status_code == 200
    assert url not in browser.get("/settings/feeds").content.decode()
    uuid = cast.alice.get("feeds")["items"][0]["id"]
    browser.post("/settings/feeds", {"do": "rotate", "feed": uuid})
    assert Client().get(url.removeprefix("http://testserver")).status_code == 404
    browser.post("/settings/feeds", {"do": "remove", "feed": uuid})
    assert cast.alice.get("feeds")["items"] == []
    assert f"?calendar={shared}" in browser.get("/settings").content.decode()
