"""What is private to somebody stays so and is not touched by others: in series, history, trash, tiles, mail and reminders, and
when its calendar changes hands."""

import threading
from collections.abc import Iterator
from datetime import UTC, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.db import connections as databases
from msgspec.structs import replace

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import editing, ringing
from conversa_calendar.calendars.models import Calendar, Event, History
from conversa_calendar.connections.models import Connection
from conversa_calendar.kit import clock
from conversa_calendar.sync.mirrors import disconnecting
from conversa_calendar.sync.models import Mirror
from tests.support.cast import PASSWORD, Actor, Cast
from tests.support.google import at
from tests.sync.conftest import Scene, scene

__all__ = ["scene"]

ZONE = "America/Sao_Paulo"
START = {"date_time": "2026-12-01T09:00:00", "time_zone": ZONE}
SPAN = "from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z"


@pytest.fixture
def shared(cast: Cast) -> str:
    """A calendar of Alice's that lives only here and that Bob may edit."""
    uuid = str(cast.alice.post("calendars", {"name": "Shared", "time_zone": ZONE})["id"])
    _assign(cast.alice, uuid, cast.bob, "edit")
    return uuid


def _assign(by: Actor, calendar: str, to: Actor, level: str) -> None:
    items = [{"kind": "agent", "id": str(to.member.uuid), "level": level}]
    by.put(f"calendars/{calendar}/assignments", {"items": items})


def _make(actor: Actor, calendar: str, summary: str = "CANARY", **more: Any) -> str:
    body = {"calendar": calendar, "summary": summary, "start": START} | more
    return str(actor.post("events", body)["id"])


def _code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def _own(actor: Actor) -> str:
    with tenant(actor.account_id):
        return str(Calendar.objects.get(owner=actor.member, is_personal=True).uuid)


# Series


@pytest.fixture
def series(cast: Cast, shared: str) -> str:
    """Five days of Alice's; the third is private to her."""
    uuid = _make(cast.alice, shared, "Stand-up", recurrence=["RRULE:FREQ=DAILY;COUNT=5"])
    third = f"events/{uuid}?scope=this&occurrence=2026-12-03T12%3A00%3A00Z"
    cast.alice.patch(third, {"summary": "CANARY", "visibility": "private"})
    return uuid


def _occurrences(cast: Cast) -> list[tuple[str, str]]:
    items = cast.alice.get(f"events?{SPAN}")["items"]
    return sorted((item["start"]["date_time"], item["summary"]) for item in items)


@pytest.mark.parametrize(
    ("method", "query", "body"),
    [
        ("PATCH", "scope=all", {"summary": "x"}),
        ("PATCH", "scope=following&occurrence=2026-12-02T12%3A00%3A00Z", {"summary": "x"}),
        ("PATCH", "scope=this&occurrence=2026-12-03T12%3A00%3A00Z", {"summary": "x"}),
        ("PATCH", "scope=all", {"calendar": "own"}),
        ("DELETE", "scope=all", None),
        ("DELETE", "scope=following&occurrence=2026-12-02T12%3A00%3A00Z", None),
        ("DELETE", "scope=this&occurrence=2026-12-03T12%3A00%3A00Z", None),
    ],
)
def test_a_private_day_of_a_series_is_not_touched_with_the_rest(
    cast: Cast, series: str, method: str, query: str, body: dict[str, str] | None
) -> None:
    before = _occurrences(cast)
    body = {"calendar": _own(cast.bob)} if body == {"calendar": "own"} else body
    answer = cast.bob.call(method, f"events/{series}?{query}", body)
    assert _code(answer) == (403, "read_only") and "CANARY" not in answer.content.decode()
    assert _occurrences(cast) == before


def test_the_other_days_of_a_series_with_a_private_one_stay_open(cast: Cast, series: str) -> None:
    cast.bob.patch(f"events/{series}?scope=this&occurrence=2026-12-02T12%3A00%3A00Z", {"summary": "Second"})
    later = f"events/{series}?scope=following&occurrence=2026-12-04T12%3A00%3A00Z"
    cast.bob.patch(later, {"summary": "Later"})
    assert [summary for _start, summary in _occurrences(cast)] == ["Stand-up", "Second", "CANARY", "Later", "Later"]
    cast.alice.patch(f"events/{series}?scope=all", {"location": "Room"})


def test_a_series_with_a_private_day_is_restored_only_by_whose_it_is(cast: Cast, series: str) -> None:
    cast.alice.delete(f"events/{series}?scope=all")
    assert _code(cast.bob.call("POST", f"trash/{series}/restore", {})) == (403, "read_only")
    cast.alice.post(f"trash/{series}/restore", {})
    assert len(_occurrences(cast)) == 5


def test_a_series_that_becomes_private_keeps_days_that_others_changed_with_its_author(cast: Cast, shared: str) -> None:
    series = _make(cast.alice, shared, "Plan", recurrence=["RRULE:FREQ=DAILY;COUNT=3"])
    day = cast.bob.patch(f"events/{series}?scope=this&occurrence=2026-12-02T12%3A00%3A00Z", {"location": "Room"})
    cast.alice.patch(f"events/{series}?scope=all", {"summary": "CANARY", "visibility": "private"})
    assert cast.alice.get(f"events/{day['id']}")["summary"] == "CANARY"
    assert cast.bob.get(f"events/{day['id']}")["summary"] == "Busy"
    page = cast.bob.browser().post(f"/events/{day['id']}/delete", {"scope": "all"})
    assert page.status_code == 403


# What somebody makes private is theirs, whoever wrote it first


def test_an_event_that_a_colleague_planted_and_one_makes_private_is_not_read_by_them(cast: Cast) -> None:
    event = _make(cast.alice, _own(cast.bob), "1:1")
    cast.bob.patch(f"events/{event}", {"visibility": "private", "summary": "CANARY"})
    cast.bob.patch(f"events/{event}", {"location": "CANARY clinic"})
    assert cast.bob.get(f"events/{event}")["summary"] == "CANARY"
    assert cast.alice.get(f"events/{event}")["summary"] == "Busy"
    assert "CANARY" not in str(cast.alice.get(f"events/{event}/history"))
    assert _code(cast.alice.call("DELETE", f"events/{event}")) == (403, "read_only")
    cast.bob.patch(f"events/{event}", {"visibility": "default", "summary": "Out", "location": ""})
    cast.alice.patch(f"events/{event}", {"visibility": "private", "summary": "Plan"})
    assert (cast.bob.get(f"events/{event}")["summary"], cast.alice.get(f"events/{event}")["summary"]) == (
        "Busy",
        "Plan",
    )


@pytest.mark.parametrize("scope", ["this", "following", "all"])
def test_the_part_of_a_planted_series_that_one_makes_private_is_not_read_by_who_planted_it(
    cast: Cast, scope: str
) -> None:
    series = _make(cast.alice, _own(cast.bob), "Weekly", recurrence=["RRULE:FREQ=DAILY;COUNT=5"])
    day = "occurrence=2026-12-03T12%3A00%3A00Z"
    cast.alice.patch(f"events/{series}?scope=this&occurrence=2026-12-04T12%3A00%3A00Z", {"location": "Room"})
    cast.bob.patch(f"events/{series}?scope={scope}&{day}", {"visibility": "private", "summary": "CANARY"})
    hidden = {"this": 1, "following": 3, "all": 5}[scope]
    assert [name for _start, name in _occurrences(cast)].count("Busy") == hidden
    seen = [item["summary"] for item in cast.bob.get(f"events?{SPAN}")["items"]]
    assert seen.count("CANARY") == hidden and "Busy" not in seen


def test_a_private_event_that_goes_into_a_colleagues_google_calendar_stays_whose_it_was(scene: Scene) -> None:
    bob, alice = scene.cast.bob, scene.alice
    _assign(alice, scene.calendar, bob, "edit")
    event = _make(bob, _own(bob), "CANARY", visibility="private")
    day = f"events/{_make(bob, _own(bob), 'Daily', recurrence=['RRULE:FREQ=DAILY;COUNT=3'])}"
    one = bob.patch(f"{day}?scope=this&occurrence=2026-12-02T12%3A00%3A00Z", {"visibility": "private"})["id"]
    for moved in (f"events/{event}", f"{day}?scope=all"):
        bob.patch(moved, {"calendar": scene.calendar})
    scene.google.settle()
    assert bob.get(f"events/{event}")["summary"] == "CANARY" and bob.get(f"events/{one}")["summary"] == "Daily"
    assert {alice.get(f"events/{uuid}")["summary"] for uuid in (event, one)} == {"Busy"}


# History, activity, tiles, reminders


def test_what_was_written_while_an_event_was_private_stays_private(cast: Cast, shared: str) -> None:
    event = _make(cast.alice, shared, "CANARY clinic", visibility="private")
    cast.alice.patch(f"events/{event}", {"summary": "CANARY doctor"})
    cast.alice.patch(f"events/{event}", {"summary": "Out", "visibility": "default"})
    cast.alice.patch(f"events/{event}", {"location": "Town"})
    assert cast.bob.get(f"events/{event}")["summary"] == "Out"
    seen = cast.bob.get(f"events/{event}/history")["items"]
    assert [list(entry["changes"]) for entry in seen] == [["location"]]
    browser = cast.bob.browser()
    for page in (f"/events/{event}/history", "/activity"):
        assert "CANARY" not in browser.get(page).content.decode()
    assert len(cast.alice.get(f"events/{event}/history")["items"]) == 4
    with tenant(cast.account.pk):
        entry = History.objects.filter(event__uuid=event, was_private=True).order_by("pk")[1]
        entry.lost = {"summary": "CANARY lost"}
        entry.save()
    assert cast.bob.call("POST", f"events/{event}/history/{entry.pk}/use", {}).status_code == 422
    assert cast.bob.get(f"events/{event}")["summary"] == "Out"


def test_history_kept_before_tells_no_more_than_that_kept_now(cast: Cast, shared: str) -> None:
    opened = _make(cast.alice, shared, "CANARY clinic", visibility="private")
    cast.alice.patch(f"events/{opened}", {"summary": "Out", "visibility": "default"})
    cast.alice.patch(f"events/{opened}", {"location": "Town"})
    private = _make(cast.alice, shared, "CANARY", visibility="private")
    plain = _make(cast.alice, shared, "Walk")
    with tenant(cast.account.pk):
        History.objects.update(was_private=False)
    step = import_module("conversa_calendar.calendars.migrations.0007_who_reads_private")
    with databases["owner"].cursor() as cursor:
        cursor.execute(step.CARRY_OVER)
    with tenant(cast.account.pk):
        found = {
            uuid: list(History.objects.filter(event__uuid=uuid).order_by("pk").values_list("was_private", flat=True))
            for uuid in (opened, private, plain)
        }
    assert found == {opened: [True, True, False], private: [True], plain: [False]}


@pytest.fixture
def opened(scene: Scene) -> tuple[str, str]:
    """A calendar of Alice's that lives only here, and an event in it that was private to Bob before everybody read it."""
    place = str(scene.alice.post("calendars", {"name": "Shared", "time_zone": ZONE})["id"])
    _assign(scene.alice, place, scene.cast.bob, "edit")
    event = _make(scene.cast.bob, place, "CANARY clinic", visibility="private")
    scene.cast.bob.patch(f"events/{event}", {"summary": "CANARY doctor"})
    scene.cast.bob.patch(f"events/{event}", {"summary": "Out", "visibility": "default"})
    return place, event


def _is_told(actor: Actor, event: str) -> bool:
    """Whether an event's history, or the page of what happened, tells what was private."""
    page = actor.browser().get("/activity").content.decode()
    return "CANARY" in str(actor.get(f"events/{event}/history")) or "CANARY" in page


def test_moving_an_event_into_ones_own_google_calendar_reveals_nothing_of_its_past(
    scene: Scene, opened: tuple[str, str]
) -> None:
    _place, event = opened
    scene.alice.patch(f"events/{event}", {"calendar": scene.calendar})
    scene.google.settle()
    assert scene.alice.get(f"events/{event}")["summary"] == "Out" and not _is_told(scene.alice, event)
    _assign(scene.alice, scene.calendar, scene.cast.bob, "edit")
    assert _is_told(scene.cast.bob, event)


def test_history_kept_before_is_read_by_whoever_read_it_then_and_by_nobody_where_that_is_not_known(
    scene: Scene, opened: tuple[str, str]
) -> None:
    (place, here), bob = opened, scene.cast.bob
    moved = _make(bob, place, "CANARY", visibility="private")
    bob.patch(f"events/{moved}", {"summary": "Out", "visibility": "default"})
    scene.alice.patch(f"events/{moved}", {"calendar": scene.calendar})
    _assign(scene.alice, scene.calendar, bob, "edit")
    own = _make(scene.alice, scene.calendar, "Walk", visibility="private")
    scene.alice.patch(f"events/{own}", {"summary": "CANARY"})
    with tenant(scene.alice.account_id):
        Event.objects.update(private_for=None)
        History.objects.update(private_for=None)
    assert not any(_is_told(actor, event) for actor in (bob, scene.alice) for event in (here, moved))
    step = import_module("conversa_calendar.calendars.migrations.0010_who_reads_past_privacy")
    with databases["owner"].cursor() as cursor:
        cursor.execute(step.CARRY_OVER)
    told = {
        name: "CANARY" in str([actor.get(f"events/{event}/history") for actor in (bob, scene.alice)])
        for name, event in (("here", here), ("moved", moved), ("own", own))
    }
    assert told == {"here": True, "moved": False, "own": True}
    assert "CANARY" not in str(scene.alice.get(f"events/{here}/history"))
    assert "CANARY" not in str(bob.get(f"events/{own}/history"))


def test_an_event_made_private_later_is_hidden_in_the_trash_and_in_reminders(cast: Cast, shared: str) -> None:
    start = clock.now().astimezone(UTC) + timedelta(minutes=5)
    times = {"start": {"date_time": start.isoformat(timespec="seconds"), "time_zone": "UTC"}}
    event = _make(cast.bob, shared, "CANARY", **times)
    assert ringing.ring(cast.account.pk) == 1
    cast.bob.patch(f"events/{event}", {"visibility": "private"})
    with tenant(cast.account.pk):
        assert "CANARY" not in str(ringing.shown_to(cast.alice.member))
    cast.bob.delete(f"events/{event}")
    assert "CANARY" not in cast.alice.browser().get("/trash").content.decode()
    assert _code(cast.alice.call("POST", f"trash/{event}/restore", {})) == (403, "read_only")


def test_nobody_learns_which_meeting_a_busy_time_is(scene: Scene) -> None:
    """The boss's meeting stands in Ana's calendar too, where it is private to her: two tiles, and no word of a copy."""
    boss, bob = scene.google.person("boss@acme.example"), scene.cast.bob
    made = boss.insert(summary="Review", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"),
                       attendees=[{"email": scene.ana.email}])  # fmt: skip
    connection = scene.google.connect(scene.alice, "boss@acme.example")
    mirror = scene.google.mirror(scene.alice, connection, "boss@acme.example")
    scene.ana.patch(made["id"], visibility="private")
    scene.google.check()
    for calendar in (scene.calendar, str(mirror.calendar.uuid)):
        _assign(scene.alice, calendar, bob, "edit")
    span = "start=2026-12-01T00:00:00Z&end=2026-12-08T00:00:00Z"
    tiles = bob.browser().get(f"/calendar/feed?{span}").json()
    assert sorted((tile["title"], len(tile["calendars"])) for tile in tiles) == [("Busy", 1), ("Review", 1)]
    [shown] = [tile for tile in tiles if tile["title"] == "Review"]
    assert "mirrored calendars" not in bob.browser().get(f"/events/{shown['event']}").content.decode()
    [own] = scene.alice.browser().get(f"/calendar/feed?{span}").json()
    assert own["title"] == "Review" and len(own["calendars"]) == 2


def test_deletions_held_and_a_disconnect_name_nothing_private(scene: Scene) -> None:
    for day in range(1, 26):
        times = {"start": at(f"2026-12-{day:02d}T09:00:00"), "end": at(f"2026-12-{day:02d}T10:00:00")}
        scene.ana.insert(summary=f"CANARY {day}", visibility="private", **times)
    scene.google.check()
    scene.create("CANARY party", visibility="private", attendees=[{"email": "lia@else.example"}])
    _give_to_bob(scene)
    for event in scene.ana.list():
        if "party" not in event["summary"]:
            scene.ana.delete(event["id"])
    scene.google.check()
    browser = scene.alice.browser()
    told = [scene.alice.get(f"mirrors/{scene.mirror.uuid}/held"), browser.get("/connections").content.decode()]
    told.append(browser.get(f"/mirrors/{scene.mirror.uuid}/held").content.decode())
    told.append(scene.alice.get(f"connections/{scene.connection.uuid}/disconnect-preview"))
    told.append(browser.get(f"/connections/{scene.connection.uuid}/disconnect").content.decode())
    assert len(told[0]["items"]) == 25 and told[3]["private_to_others"] == 26
    assert "CANARY" not in str(told)


def _give_to_bob(scene: Scene) -> None:
    """The connection and its calendars are Bob's."""
    with tenant(scene.alice.account_id):
        Connection.objects.update(owner=scene.cast.bob.member)
        Calendar.objects.filter(is_mirrored=True).update(owner=scene.cast.bob.member)


# Calendars that change hands


@pytest.fixture
def bobs(scene: Scene) -> Iterator[Scene]:
    """Ana's Google account was connected by Bob, and holds a private event; Alice administers."""
    scene.ana.insert(
        summary="CANARY", visibility="private", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00")
    )
    scene.google.check()
    _give_to_bob(scene)
    _assign(scene.alice, scene.calendar, scene.alice, "edit")
    assert [item["summary"] for item in scene.here()] == ["Busy"]
    yield scene


def _read_by(actor: Actor, calendar: str) -> list[str]:
    return [item["summary"] for item in actor.get(f"events?{SPAN}&calendar={calendar}")["items"]]


def test_a_private_event_moved_by_its_owner_stays_theirs(bobs: Scene) -> None:
    bob, alice = bobs.cast.bob, bobs.alice
    place = str(alice.post("calendars", {"name": "Shared", "time_zone": ZONE})["id"])
    _assign(alice, place, bob, "edit")
    [event] = bob.get(f"events?{SPAN}&calendar={bobs.calendar}")["items"]
    bob.patch(f"events/{event['id']}", {"calendar": place})
    bobs.google.settle()
    assert _read_by(bob, place) == ["CANARY"] and _read_by(alice, place) == ["Busy"]
    assert alice.call("PATCH", f"events/{event['id']}", {"calendar": _own(alice)}).status_code == 403


@pytest.mark.parametrize("way", ["keep", "remove"])
def test_a_calendar_that_is_kept_or_removed_keeps_what_was_private(bobs: Scene, way: str) -> None:
    """What Alice made in Bob's Google calendar and somebody marked private is Bob's to read, also afterwards."""
    made = _make(bobs.alice, bobs.calendar, "CANARY made here")
    bobs.cast.bob.patch(f"events/{made}", {"visibility": "private"})
    bobs.google.settle()
    assert bobs.alice.get(f"events/{made}")["summary"] == "Busy"
    bobs.alice.call("DELETE", f"connections/{bobs.connection.uuid}?calendars={way}")
    for account_id, record in disconnecting.unfinished(clock.now() + timedelta(days=1)):
        disconnecting.advance(account_id, record)
    assert "CANARY made here" in _read_by(bobs.cast.bob, bobs.calendar)
    assert set(_read_by(bobs.alice, bobs.calendar)) == {"Busy"}
    assert "CANARY" not in str(bobs.alice.get("trash"))


def _disconnect(scene: Scene, by: Actor, way: str, **ticked: list[str]) -> Any:
    """Disconnects through the page, and takes every step."""
    browser = by.browser()
    browser.post("/password/again", {"password": PASSWORD})
    answer = browser.post(f"/connections/{scene.connection.uuid}/disconnect", {"calendars": way, **ticked})
    assert answer.status_code == 302 and answer["Location"].startswith("/receipts/")
    for account_id, record in disconnecting.unfinished(clock.now() + timedelta(days=1)):
        disconnecting.advance(account_id, record)


def _at_google(scene: Scene) -> set[str]:
    return {event["summary"] for event in scene.google.person(scene.ana.email).list()}


def test_a_colleagues_private_events_are_not_purged_by_who_disconnects_their_account(bobs: Scene) -> None:
    bob, alice = bobs.cast.bob, bobs.alice
    own = [_make(bob, bobs.calendar, "CANARY made here", visibility="private")]
    own.append(_make(bob, bobs.calendar, "CANARY daily", recurrence=["RRULE:FREQ=DAILY;COUNT=3"]))
    bob.patch(f"events/{own[1]}?scope=this&occurrence=2026-12-02T12%3A00%3A00Z", {"visibility": "private"})
    _make(alice, bobs.calendar, "Open")
    bobs.google.settle()
    preview = alice.get(f"connections/{bobs.connection.uuid}/disconnect-preview")
    assert (preview["private_to_others"], preview["purge"]) == (3, {"unchanged": 1, "with_guests": [], "changed": []})
    page = alice.browser().get(f"/connections/{bobs.connection.uuid}/disconnect").content.decode()
    assert "3 events are private to somebody else" in page
    _disconnect(bobs, alice, "purge", purge=own)
    assert _at_google(bobs) == {"CANARY", "CANARY made here", "CANARY daily"}
    assert {"CANARY", "CANARY made here", "CANARY daily"} <= set(_read_by(bob, bobs.calendar))


def test_ones_own_private_events_are_purged_with_the_rest_but_not_by_a_token_that_reads_none(bobs: Scene) -> None:
    from conversa_calendar.accounts import tokens

    bob, alice = bobs.cast.bob, bobs.alice
    alice.patch(f"members/{bob.member.uuid}", {"role": "administrator"})
    _make(bob, bobs.calendar, "CANARY made here", visibility="private")
    bobs.google.settle()
    with tenant(bob.account_id):
        bob.member.refresh_from_db()
    _token, secret = tokens.create_token(member=bob.member, name="narrow", scopes=["integrations.manage"])
    path = f"connections/{bobs.connection.uuid}"
    assert Actor(bob.member, secret).get(f"{path}/disconnect-preview")["private_to_others"] == 2
    preview = bob.get(f"{path}/disconnect-preview")
    assert (preview["private_to_others"], preview["purge"]["unchanged"]) == (0, 1)
    _disconnect(bobs, bob, "purge")
    assert _at_google(bobs) == {"CANARY"} and _read_by(bob, bobs.calendar) == ["CANARY made here"]


def test_a_token_that_reads_nothing_private_purges_nothing_private(scene: Scene) -> None:
    from conversa_calendar.accounts import tokens

    _make(scene.alice, scene.calendar, "CANARY", visibility="private")
    scene.google.settle()
    _token, secret = tokens.create_token(member=scene.alice.member, name="narrow", scopes=["integrations.manage"])
    narrow = Actor(scene.alice.member, secret)
    assert narrow.call("DELETE", f"connections/{scene.connection.uuid}?calendars=purge").status_code == 202
    for account_id, record in disconnecting.unfinished(clock.now() + timedelta(days=1)):
        disconnecting.advance(account_id, record)
    assert _at_google(scene) == {"CANARY"} and _read_by(scene.alice, scene.calendar) == ["CANARY"]


def test_a_colleagues_private_event_does_not_go_when_their_calendar_is_to_show_only_busy_blocks(bobs: Scene) -> None:
    bob, alice = bobs.cast.bob, bobs.alice
    [event] = bob.get(f"events?{SPAN}&calendar={bobs.calendar}")["items"]
    path = f"connections/{bobs.connection.uuid}/calendars/{bobs.mirror.remote_id}"
    page = alice.browser().post(f"/mirrors/{bobs.mirror.uuid}/mode", {"mode": "busy_only"}, follow=True)
    assert "private events of somebody else" in page.content.decode()
    assert _code(alice.call("PUT", path, {"mirrored": True, "mode": "busy_only"})) == (422, "invalid")
    chosen = {"do": "start", "mirror": bobs.mirror.remote_id, f"mode:{bobs.mirror.remote_id}": "busy_only"}
    page = alice.browser().post(f"/connections/{bobs.connection.uuid}/calendars", chosen)
    assert page.status_code == 422 and "private events of somebody else" in page.content.decode()
    assert bob.get(f"events/{event['id']}")["summary"] == "CANARY"
    assert alice.get(f"mirrors/{bobs.mirror.uuid}")["mode"] == "two_way"
    alice.patch(f"members/{bob.member.uuid}", {"role": "administrator"})
    bob.browser().post(f"/mirrors/{bobs.mirror.uuid}/mode", {"mode": "busy_only"})
    assert alice.get(f"mirrors/{bobs.mirror.uuid}")["mode"] == "busy_only"


def test_a_colleagues_private_event_stays_theirs_when_their_calendar_is_no_longer_mirrored(bobs: Scene) -> None:
    bobs.ana.insert(summary="Open", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"))
    bobs.google.check()
    path = f"connections/{bobs.connection.uuid}/calendars/{bobs.mirror.remote_id}"
    bobs.alice.put(path, {"mirrored": False, "disposition": "remove"})
    assert _read_by(bobs.cast.bob, bobs.calendar) == ["CANARY"]
    assert _read_by(bobs.alice, bobs.calendar) == ["Busy"]
    bobs.alice.put(path, {"mirrored": True})
    bobs.google.settle()
    assert sorted(_read_by(bobs.cast.bob, bobs.calendar)) == ["CANARY", "Open"]
    assert _at_google(bobs) == {"CANARY", "Open"}


def test_taking_a_calendar_over_with_less_access_reveals_nothing(scene: Scene) -> None:
    """Bob's Google account showed everything; Alice's only reads. What is known here stays Bob's."""
    _boss, mirror, bob = _carried_by_bob(scene)
    with tenant(scene.alice.account_id):
        Connection.objects.filter(owner=bob.member).update(state="reconnect_needed")
    answer = scene.alice.call("PUT", f"connections/{scene.connection.uuid}/calendars/{TEAM}", {"mirrored": True})
    assert answer.status_code == 200
    scene.google.settle()
    with tenant(scene.alice.account_id):
        assert Calendar.objects.get(pk=mirror.calendar_id).owner == scene.alice.member
    assert _read_by(scene.alice, str(mirror.calendar.uuid)) == ["Busy"]


def test_taking_a_calendar_over_with_full_access_shows_what_google_shows(scene: Scene) -> None:
    _boss, mirror, bob = _carried_by_bob(scene)
    scene.google.world.share(scene.google.world.calendars[TEAM], scene.ana.email, "writer")
    with tenant(scene.alice.account_id):
        Connection.objects.filter(owner=bob.member).update(state="reconnect_needed")
    scene.alice.get(f"connections/{scene.connection.uuid}/calendars?refresh=true")
    scene.alice.put(f"connections/{scene.connection.uuid}/calendars/{TEAM}", {"mirrored": True})
    scene.google.settle()
    assert _read_by(scene.alice, str(mirror.calendar.uuid)) == ["CANARY"]


TEAM = "c_team@group.calendar.google.com"


def _carried_by_bob(scene: Scene) -> tuple[Any, Mirror, Actor]:
    boss, bob = scene.google.person("boss@acme.example"), scene.cast.bob
    calendar = scene.google.world.add_calendar(TEAM, "Team", "boss@acme.example", "UTC")
    scene.google.world.share(calendar, scene.ana.email, "reader")
    times = {"start": at("2026-12-03T09:00:00"), "end": at("2026-12-03T10:00:00")}
    boss.insert(TEAM, summary="CANARY", visibility="private", **times)
    bosses = scene.google.connect(scene.alice, "boss@acme.example")
    scene.alice.get(f"connections/{scene.connection.uuid}/calendars?refresh=true")
    with tenant(scene.alice.account_id):
        Connection.objects.filter(pk=bosses.pk).update(owner=bob.member)
    mirror = scene.google.mirror(scene.alice, bosses, TEAM)
    assert _read_by(scene.alice, str(mirror.calendar.uuid)) == ["Busy"]
    return boss, mirror, bob


def test_a_calendar_with_private_events_of_somebody_else_does_not_go_into_ones_google(scene: Scene) -> None:
    place = str(scene.alice.post("calendars", {"name": "Shared", "time_zone": ZONE})["id"])
    _assign(scene.alice, place, scene.cast.bob, "edit")
    _make(scene.cast.bob, place, "CANARY", visibility="private")
    with tenant(scene.alice.account_id):
        known = Connection.objects.get()
        known.scopes = [*known.scopes, "https://www.googleapis.com/auth/calendar.app.created"]
        known.save()
    mark = scene.google.mark()
    body = {"connection": str(scene.connection.uuid)}
    answer = scene.alice.call("POST", f"calendars/{place}/publish", body)
    assert _code(answer) == (422, "invalid") and "private events" in answer.json()["detail"]
    assert scene.alice.browser().post(f"/calendars/{place}/publish", body).status_code == 422
    assert scene.google.writes(mark) == []


def test_a_calendar_with_private_events_of_somebody_else_is_not_removed(cast: Cast, shared: str) -> None:
    event = _make(cast.bob, shared, "CANARY", visibility="private")
    assert _code(cast.alice.call("DELETE", f"calendars/{shared}")) == (403, "forbidden")
    assert cast.alice.browser().post(f"/calendars/{shared}", {"do": "delete"}).status_code == 403
    assert cast.bob.get(f"events/{event}")["summary"] == "CANARY"
    cast.bob.delete(f"events/{event}")
    cast.alice.delete(f"calendars/{shared}")


def test_a_token_without_private_events_touches_none_of_its_own_member(cast: Cast, shared: str) -> None:
    from conversa_calendar.accounts import tokens

    event = _make(cast.alice, shared, "CANARY", visibility="private")
    scopes = ["events.read", "events.write"]
    _token, secret = tokens.create_token(member=cast.alice.member, name="narrow", scopes=scopes)
    narrow = Actor(cast.alice.member, secret)
    assert narrow.get(f"events/{event}")["summary"] == "Busy"
    for answer in (
        narrow.call("PATCH", f"events/{event}", {"visibility": "public"}),
        narrow.call("DELETE", f"events/{event}"),
        narrow.call("PATCH", f"events/{event}", {"references": []}),
    ):
        assert _code(answer) == (403, "read_only")


def test_an_event_made_private_in_the_same_moment_is_not_deleted_by_another(cast: Cast, shared: str) -> None:
    event, codes = _make(cast.alice, shared), []

    def delete() -> None:
        codes.append(cast.bob.call("DELETE", f"events/{event}").status_code)
        databases.close_all()

    thread = threading.Thread(target=delete)
    with tenant(cast.account.pk):
        row = Event.objects.get(uuid=event)
        editing.edit(row, lambda c: replace(c, visibility="private"), actor=cast.alice.member)
        thread.start()
        while thread.is_alive() and not _somebody_waits():
            thread.join(0.01)
    thread.join()
    assert codes == [403] and cast.alice.get(f"events/{event}")["summary"] == "CANARY"


def _somebody_waits() -> bool:
    with databases["default"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()")
        return bool(cursor.fetchone()[0])
