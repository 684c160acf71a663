"""What is private to somebody stays so and is not touched by others: in series, history, trash, tiles, mail and reminders, and
when its calendar changes hands. And what a refused act leaves behind: nothing."""

import re
from collections.abc import Iterator
from datetime import UTC, timedelta
from importlib import import_module
from typing import Any

import pytest
from django.db import connections as databases
from django.test import Client

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import editing, invitations, ringing
from conversa_calendar.calendars.links import is_web_address
from conversa_calendar.calendars.models import Calendar, Event, History, OutgoingMail
from conversa_calendar.connections.models import Connection
from conversa_calendar.domain.event import Attachment, Conference, Facts, encode
from conversa_calendar.kit import clock
from conversa_calendar.sync import disconnecting
from conversa_calendar.sync.models import Mirror
from tests.support.cast import Actor, Cast
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


# What a level lets


def test_level_details_cannot_take_an_event_out_of_google(scene: Scene) -> None:
    event, bob, mark = scene.create("Walk")["id"], scene.cast.bob, scene.google.mark()
    _assign(scene.alice, scene.calendar, bob, "details")
    for body in ({"calendar": _own(bob)}, {"references": []}, {"calendar": _own(bob), "references": []}):
        assert _code(bob.call("PATCH", f"events/{event}", body)) == (403, "read_only")
    scene.google.settle()
    assert [row["summary"] for row in scene.ana.list()] == ["Walk"] and scene.google.writes(mark) == []


def test_references_take_part_in_preconditions_and_history(cast: Cast, shared: str) -> None:
    event = _make(cast.alice, shared)
    before = cast.alice.get(f"events/{event}")["etag"]
    body = {"references": [{"kind": "ticket", "id": "7", "title": "Seven", "url": "https://desk.example/7"}]}
    said = cast.bob.patch(f"events/{event}", body, if_match=before)
    assert said["references"] == body["references"] and said["etag"] != before
    late = cast.alice.call("PATCH", f"events/{event}", {"references": []}, if_match=before)
    assert late.status_code == 412 and cast.alice.get(f"events/{event}")["references"] == body["references"]
    causes = [entry["cause"] for entry in cast.alice.get(f"events/{event}/history")["items"]]
    assert causes == ["references", "created"]


def test_referring_to_an_event_on_its_way_sends_it_once(scene: Scene) -> None:
    event = scene.create("Walk")["id"]
    scene.patch(event, {"summary": "Run"}, settle=False)
    mark = scene.google.mark()
    scene.patch(event, {"references": [{"kind": "ticket", "id": "7"}]})
    assert len(scene.google.writes(mark)) == 1
    scene.assert_equal()


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "//evil.example/x",
        "/relative",
        "https:///nowhere",
        "http://[bad",
        "vbscript:x",
        "https://a b.example",
        "https://desk.example/" + "x" * 2000,
    ],
)
def test_an_address_that_a_browser_would_run_is_refused_as_reference(cast: Cast, shared: str, address: str) -> None:
    event = _make(cast.alice, shared)
    body = {"references": [{"kind": "ticket", "id": "7", "url": address}]}
    assert _code(cast.alice.call("PATCH", f"events/{event}", body)) == (422, "invalid")
    made = cast.alice.call("POST", "events", {"calendar": shared, "start": START} | body)
    assert made.status_code == 422 and not is_web_address(address)


def test_addresses_that_strangers_wrote_lead_nowhere_but_the_web(cast: Cast, shared: str) -> None:
    event = _make(
        cast.alice, shared, description='<a href="javascript:alert(1)">x</a><a href="https://ok.example">y</a>'
    )
    with tenant(cast.account.pk):
        row = Event.objects.get(uuid=event)
        row.references = [{"kind": "ticket", "id": "7", "title": "", "url": "javascript:alert(1)"}]
        row.facts_json = encode(Facts(attachments=(Attachment("javascript:alert(1)", "a.pdf", ""),)))
        row.save()
        editing.edit(row, lambda c: _with_meeting(c, "javascript:alert(1)"), actor=cast.alice.member)
    shown = cast.alice.get(f"events/{event}")
    assert shown["conference"]["uri"] == shown["attachments"][0]["url"] == shown["references"][0]["url"] == ""
    page = cast.alice.browser().get(f"/events/{event}").content.decode()
    assert "javascript:" not in page and 'href="https://ok.example"' in page


def _with_meeting(content: Any, address: str) -> Any:
    from msgspec.structs import replace

    return replace(content, conference=Conference("ready", address))


def test_a_refused_save_moves_nothing(cast: Cast, shared: str) -> None:
    event = _make(cast.alice, shared)
    when = {"start_date": "2026-12-01", "start_time": "09:00", "end_date": "2026-12-01", "end_time": "08:00"}
    form = when | {"zone": ZONE, "summary": "S", "calendar": _own(cast.alice), "scope": "all"}
    assert cast.alice.browser().post(f"/events/{event}/edit", form).status_code == 422
    both = cast.alice.call("PATCH", f"events/{event}", {"calendar": _own(cast.alice), "end": {"date": "2026-12-01"}})
    assert both.status_code == 422 and cast.alice.get(f"events/{event}")["calendar"] == shared


def test_an_invitation_is_answered_by_the_api_and_google_hears_it(scene: Scene) -> None:
    boss = scene.google.person("boss@else.example")
    made = boss.insert(summary="Review", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"),
                       attendees=[{"email": scene.ana.email}])  # fmt: skip
    scene.google.check()
    [event] = scene.here()
    said = scene.alice.post(f"events/{event['id']}/respond", {"response": "accepted"})
    assert [guest["response"] for guest in said["attendees"] if guest["self"]] == ["accepted"]
    scene.google.settle()
    assert [guest["responseStatus"] for guest in boss.get(made["id"])["attendees"]] == ["accepted"]
    stale = scene.alice.call("POST", f"events/{event['id']}/respond", {"response": "declined"}, if_match=event["etag"])
    assert stale.status_code == 412


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
    assert len(told[0]["items"]) == 25 and len(told[3]["purge"]["with_guests"]) == 1
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
    from conversa_calendar.accounts import services

    event = _make(cast.alice, shared, "CANARY", visibility="private")
    scopes = ["events.read", "events.write"]
    _token, secret = services.create_token(member=cast.alice.member, name="narrow", scopes=scopes)
    narrow = Actor(cast.alice.member, secret)
    assert narrow.get(f"events/{event}")["summary"] == "Busy"
    for answer in (
        narrow.call("PATCH", f"events/{event}", {"visibility": "public"}),
        narrow.call("DELETE", f"events/{event}"),
        narrow.call("PATCH", f"events/{event}", {"references": []}),
    ):
        assert _code(answer) == (403, "read_only")


def test_a_form_that_only_moves_an_event_mails_nobody(cast: Cast, shared: str) -> None:
    event = _make(cast.alice, shared, attendees=[{"email": "lia@else.example"}])
    form = {
        "start_date": "2026-12-01",
        "start_time": "09:00",
        "end_date": "2026-12-01",
        "end_time": "10:00",
        "zone": ZONE,
    }
    form |= {"summary": "CANARY", "guests": "lia@else.example", "calendar": _own(cast.alice), "notify": "all"}
    page = cast.alice.browser().post(f"/events/{event}/edit", form | {"scope": "all"})
    assert page.status_code == 204 and cast.alice.get(f"events/{event}")["calendar"] == _own(cast.alice)
    with tenant(cast.account.pk):
        assert Event.objects.get(uuid=event).notify == "none" and not OutgoingMail.objects.exists()


def test_a_refusal_is_said_on_the_page_that_asked_or_on_one_of_its_own(cast: Cast, shared: str) -> None:
    event, browser = _make(cast.alice, shared, visibility="private"), cast.bob.browser()
    plain = browser.post(f"/events/{event}/delete", headers={"HX-Request": "true"})
    assert plain["Content-Type"].startswith("text/plain") and b"only that this time is taken" in plain.content
    whole = browser.post(f"/events/{event}/delete")
    assert whole.status_code == 403 and b"<h1" in whole.content and b"only that this time is taken" in whole.content


def test_a_guest_answers_by_the_link_and_only_by_it(cast: Cast, shared: str) -> None:
    guests = [{"email": "lia@else.example"}, {"email": "rui@else.example"}]
    event = _make(cast.alice, shared, "Review", attendees=guests, notify="all")
    with tenant(cast.account.pk):
        body = OutgoingMail.objects.get(to="lia@else.example").body
        row = Event.objects.get(uuid=event)
        stranger = f"/answer/{invitations.answer_token(row, 'eve@else.example')}"
    link = re.search(r"/answer/\S+", body)
    assert link is not None
    browser = Client()
    assert b"Review" in browser.get(link.group()).content
    for address in (stranger, link.group()[:-2] + "xx"):
        assert browser.post(address, {"response": "accepted"}).status_code == 404
    assert browser.post(link.group(), {"response": "perhaps"}).status_code == 422
    assert browser.post(link.group(), {"response": "accepted"}).status_code == 200
    said = {guest["email"]: guest["response"] for guest in cast.alice.get(f"events/{event}")["attendees"]}
    assert said == {"lia@else.example": "accepted", "rui@else.example": "needsAction"}
    cast.alice.delete(f"events/{event}")
    assert browser.post(link.group(), {"response": "declined"}).status_code == 404
