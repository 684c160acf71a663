"""Every act × viewer × kind of event × door. The acts come from the product's own registry, what is allowed from the table
here; an act without an entry breaks the build. Which routes do which acts: tests/web/test_parity.py.

What is refused changes nothing: not a row, not a mail, nothing at Google, no open page hears of it, and the answer holds
no word of an event that the viewer may not read."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import transaction

from conversa_calendar.accounts import permissions
from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import history
from conversa_calendar.calendars.acts import Act
from conversa_calendar.calendars.models import Calendar
from tests.support import database
from tests.support.cast import build_cast
from tests.support.google import Google
from tests.support.world import KINDS, ZONE, Door, World, build_world, by_api, by_page, day_of_events, look

NOBODY: frozenset[str] = frozenset()
OWNER = frozenset({"owner"})
KEEPERS = frozenset({"owner", "administrator"})
EDITORS = frozenset({"edit", "owner", "administrator"})
READERS = frozenset({"details", "edit", "owner", "administrator"})
ANYBODY = frozenset({"none", "busy", "details", "edit", "owner", "administrator", "foreign"})
VIEWERS = (*sorted(ANYBODY), "limited")
"""`foreign` administers another account; `limited` is an administrator's token for another calendar."""


def _mine(ordinary: frozenset[str], guest: frozenset[str], read_only: frozenset[str]) -> dict[str, frozenset[str]]:
    private = ordinary & OWNER
    kinds = {"ordinary": ordinary, "native": ordinary, "private": private, "native_private": private}
    return kinds | {"guest": guest, "read_only": read_only}


ON_EVENTS: dict[Act, dict[str, frozenset[str]]] = {
    Act.SEE: _mine(READERS, READERS, READERS),
    Act.CHANGE: _mine(EDITORS, NOBODY, NOBODY),
    Act.ADJUST: _mine(EDITORS, EDITORS, NOBODY),
    Act.MOVE: _mine(EDITORS, NOBODY, NOBODY),
    Act.REMOVE: _mine(EDITORS, EDITORS, NOBODY),
    Act.RESTORE: _mine(EDITORS, EDITORS, NOBODY),
    Act.RESPOND: _mine(NOBODY, EDITORS, NOBODY),
    Act.USE_INSTEAD: _mine(EDITORS, NOBODY, NOBODY),
    Act.REFER: _mine(EDITORS, EDITORS, EDITORS),
}
PLACES = ("mirrored", "read_only", "native", "shared")
"""Calendars; `native` holds what is private to its owner, `shared` does not."""
ON_CALENDARS: dict[Act, dict[str, frozenset[str]]] = {
    Act.CREATE: {"mirrored": EDITORS, "read_only": NOBODY, "native": EDITORS, "shared": EDITORS},
    Act.CHANGE_CALENDAR: dict.fromkeys(PLACES, KEEPERS),
    Act.ASSIGN_CALENDAR: dict.fromkeys(PLACES, KEEPERS),
    Act.DELETE_CALENDAR: {"mirrored": NOBODY, "read_only": NOBODY, "native": OWNER, "shared": KEEPERS},
    Act.PUBLISH_CALENDAR: {"mirrored": NOBODY, "read_only": NOBODY, "native": NOBODY, "shared": NOBODY},
    Act.ADD_CALENDAR: {"none": ANYBODY},
}
ELSEWHERE = {Act.ANSWER: "the link is the right: tests/web/test_private.py"}
"""PUBLISH_CALENDAR goes on at Google, where tests/sync/test_publishing.py follows it; here nobody comes to its end."""


_SPAN = "<day>T00:00:00Z"
_NEXT = "<day>T23:59:59Z"
_TIMES = {"start_date": "<day>", "start_time": "11:00", "end_date": "<day>", "end_time": "12:00", "zone": ZONE}
_FORM = _TIMES | {"summary": "Changed by a form", "calendar": "<calendar>"}
_DRAGGED = {"start": "<day>T18:00:00", "end": "<day>T19:00:00"}

API: dict[Act, tuple[Door, ...]] = {
    Act.SEE: (
        look("events/<event>", "events/<event>/history", "events?q=CANARY", "trash", by_api=True),
        look(f"events?from={_SPAN}&to={_NEXT}", f"events?from={_SPAN}&to={_NEXT}&q=CANARY", by_api=True),
    ),
    Act.CHANGE: (by_api("PATCH", "events/<event>", {"summary": "Changed"}),),
    Act.ADJUST: (by_api("PATCH", "events/<event>", {"color": "5"}),),
    Act.MOVE: (
        by_api("PATCH", "events/<event>", {"calendar": "<own>"}),
        by_api("PATCH", "events/<event>", {"calendar": "<own>", "references": []}),
    ),
    Act.REMOVE: (by_api("DELETE", "events/<event>"),),
    Act.RESTORE: (by_api("POST", "trash/<gone>/restore", {}),),
    Act.RESPOND: (by_api("POST", "events/<event>/respond", {"response": "accepted"}),),
    Act.USE_INSTEAD: (by_api("POST", "events/<event>/history/<entry>/use", {}),),
    Act.REFER: (by_api("PATCH", "events/<event>", {"references": [{"kind": "ticket", "id": "7"}]}),),
    Act.CREATE: (by_api("POST", "events", {"calendar": "<calendar>", "start": {"date": "<day>"}, "summary": "New"}),),
    Act.CHANGE_CALENDAR: (by_api("PATCH", "calendars/<calendar>", {"name": "Renamed"}),),
    Act.ASSIGN_CALENDAR: (
        by_api(
            "PUT", "calendars/<calendar>/assignments", {"items": [{"kind": "agent", "id": "<member>", "level": "edit"}]}
        ),
    ),
    Act.DELETE_CALENDAR: (by_api("DELETE", "calendars/<calendar>"),),
    Act.PUBLISH_CALENDAR: (by_api("POST", "calendars/<calendar>/publish", {}),),
    Act.ADD_CALENDAR: (by_api("POST", "calendars", {"name": "Another", "time_zone": ZONE}),),
}
PAGE: dict[Act, tuple[Door, ...]] = {
    Act.SEE: (
        look("/events/<event>", "/events/<event>/history", "/calendar/search?q=CANARY", "/trash", "/activity"),
        look(f"/calendar/feed?start={_SPAN}&end={_NEXT}", "/calendar/team?day=<day>"),
    ),
    Act.CHANGE: (
        by_page("/events/<event>/edit", _FORM),
        by_page("/events/<event>/reschedule", _DRAGGED, as_json=True),
    ),
    Act.MOVE: (by_page("/events/<event>/edit", _FORM | {"calendar": "<own>"}),),
    Act.REMOVE: (by_page("/events/<event>/delete", {"scope": "all"}),),
    Act.RESTORE: (by_page("/trash/<gone>/restore"),),
    Act.RESPOND: (by_page("/events/<event>/respond", {"response": "accepted"}),),
    Act.USE_INSTEAD: (by_page("/events/<event>/history/<entry>/use"),),
    Act.CREATE: (by_page("/events/new", _FORM),),
    Act.CHANGE_CALENDAR: (by_page("/calendars/<calendar>", {"name": "Renamed", "color": "#123456"}),),
    Act.ASSIGN_CALENDAR: (
        by_page("/calendars/<calendar>/assign", {"assigned": "agent:<member>", "level:agent:<member>": "edit"}),
    ),
    Act.DELETE_CALENDAR: (by_page("/calendars/<calendar>", {"do": "delete"}),),
    Act.PUBLISH_CALENDAR: (by_page("/calendars/<calendar>/publish", {}),),
    Act.ADD_CALENDAR: (by_page("/calendars/new", {"name": "Another"}),),
}
NO_PAGE = {Act.ADJUST: "the form holds everything", Act.REFER: "references come from the platform"}


@pytest.fixture(scope="module")
def world(migrated: None) -> Iterator[World]:
    """One scene for all: what is refused leaves it as it is, what is allowed is taken back."""
    database.empty()
    google = Google()
    with google.installed():
        yield build_world(build_cast(), google)


@contextmanager
def _undone() -> Iterator[None]:
    """What is allowed happens, is looked at, and is taken back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@contextmanager
def _listening() -> Iterator[psycopg.Connection[Any]]:
    """What open pages would be told, on a connection of its own."""
    values = settings.DATABASES["default"]
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    options = {name: values[key] for name, key in names.items() if values[key]}
    with psycopg.connect(**options, autocommit=True) as heard:
        heard.execute(f"LISTEN {history.LIVE_CHANNEL}")
        yield heard


def _cells(
    table: dict[Act, dict[str, frozenset[str]]], doors: dict[Act, tuple[Door, ...]], viewers: tuple[str, ...]
) -> Iterator[tuple[str, Door, str, str, bool]]:
    """(name, door, viewer, kind, whether it is allowed), the refused ones first."""
    cells = [
        (f"{act} #{number} of {kind} by {viewer}", door, viewer, kind, viewer in allowed)
        for act, kinds in table.items()
        for number, door in enumerate(doors.get(act, ()))
        for kind, allowed in kinds.items()
        for viewer in viewers
        if act is not Act.SEE
    ]
    return iter(sorted(cells, key=lambda cell: cell[4]))


def _walk(world: World, table: dict[Act, dict[str, frozenset[str]]], doors: dict[Act, tuple[Door, ...]]) -> None:
    viewers = VIEWERS if doors is API else tuple(sorted(ANYBODY))
    before, mark = world.state(), world.google.mark()
    with _listening() as heard:
        for name, door, viewer, kind, is_allowed in _cells(table, doors, viewers):
            if is_allowed:
                with _undone():
                    answers = door(world, viewer, kind)
                    assert all(answer.status_code < 400 for answer in answers), (name, answers[0].content)
                    assert world.state() != before, f"{name}: nothing happened"
                continue
            for answer in door(world, viewer, kind):
                assert answer.status_code >= 400 or answer.status_code == 302, (name, answer.status_code)
                assert viewer not in {"none", "foreign", "limited"} or answer.status_code != 200, name
                assert b"CANARY" not in answer.content, (name, answer.content)
            assert world.state() == before, f"{name}: something changed"
        assert list(heard.notifies(timeout=0.2)) == [], "no open page hears of what was refused"
    world.google.settle()
    assert world.google.writes(mark) == [], "nothing goes to Google"


def test_events_are_changed_by_the_api_only_by_whom_the_table_lets(world: World) -> None:
    _walk(world, ON_EVENTS, API)


def test_events_are_changed_on_pages_only_by_whom_the_table_lets(world: World) -> None:
    _walk(world, ON_EVENTS, PAGE)


def test_calendars_are_changed_only_by_whom_the_table_lets(world: World) -> None:
    _walk(world, ON_CALENDARS, API)
    _walk(world, ON_CALENDARS, PAGE)


def test_nobody_reads_more_than_the_table_lets(world: World) -> None:
    for doors, viewers in ((API, VIEWERS), (PAGE, tuple(sorted(ANYBODY)))):
        for viewer in viewers:
            for kind in KINDS:
                found = [answer for door in doors[Act.SEE] for answer in door(world, viewer, kind)]
                text = b"".join(answer.content for answer in found).decode()
                words = re.findall(r"CANARY (\w+)", text)
                may = {name for name in KINDS if viewer in ON_EVENTS[Act.SEE][name]}
                assert set(words) == may, (viewer, kind)
                assert (found[0].status_code == 404) == (viewer in {"none", "foreign", "limited"}), (viewer, kind)


def test_no_form_is_opened_on_what_may_not_be_changed(world: World) -> None:
    for viewer in sorted(ANYBODY):
        for kind in KINDS:
            form = world.browsers[viewer].get(f"/events/{world.events[kind]}/edit")
            is_open = viewer in ON_EVENTS[Act.CHANGE][kind]
            assert (form.status_code == 200) == is_open, (viewer, kind)
            assert (b"CANARY" in form.content) == is_open, (viewer, kind)


def test_what_is_offered_is_what_is_allowed(world: World) -> None:
    for viewer in ("busy", "details", "edit", "owner", "administrator"):
        actor, browser = world.people[viewer], world.browsers[viewer]
        trash = browser.get("/trash").content.decode()
        settings_page = browser.get("/settings").content.decode()
        tiles = {
            tile["event"]: tile
            for tile in browser.get(
                f"/calendar/feed?start={day_of_events()}T00:00:00Z&end={day_of_events()}T23:59:59Z"
            ).json()
        }
        for kind in KINDS:
            event = world.events[kind]
            editable = actor.get(f"events/{event}")["editable"]
            assert editable["content"] == (viewer in ON_EVENTS[Act.CHANGE][kind]), (viewer, kind)
            assert editable["response"] == (viewer in ON_EVENTS[Act.RESPOND][kind]), (viewer, kind)
            assert bool(editable["reason"]) != editable["content"], (viewer, kind)
            assert tiles[event]["editable"] == editable["content"], (viewer, kind)
            page = browser.get(f"/events/{event}").content.decode()
            assert (f"/events/{event}/edit" in page) == editable["content"], (viewer, kind)
            assert (f"/events/{event}/delete" in page) == (viewer in ON_EVENTS[Act.REMOVE][kind]), (viewer, kind)
            assert (f"/events/{event}/respond" in page) == editable["response"], (viewer, kind)
            steps = browser.get(f"/events/{event}/history").content.decode()
            assert (f"/history/{world.entries[kind]}/use" in steps) == (viewer in ON_EVENTS[Act.USE_INSTEAD][kind]), (
                kind
            )
            restore = f"/trash/{world.gone[kind]}/restore"
            assert (restore in trash) == (viewer in ON_EVENTS[Act.RESTORE][kind]), (viewer, kind)
        for place, uuid in world.calendars.items():
            may = viewer in ON_CALENDARS[Act.CHANGE_CALENDAR][place]
            assert (f'action="/calendars/{uuid}"' in settings_page) == may, (viewer, place)


def test_the_live_stream_says_where_something_changed_and_never_what(world: World) -> None:
    with _listening() as heard:
        world.people["owner"].patch(f"events/{world.events['private']}", {"location": "CANARY private attic"})
        told = [notice.payload for notice in heard.notifies(timeout=0.5)]
    assert told and all(set(json.loads(text)) <= {"account", "calendar"} for text in told)


def test_every_act_has_its_entry() -> None:
    assert set(ON_EVENTS) | set(ON_CALENDARS) | set(ELSEWHERE) == set(Act)
    assert set(API) == set(Act) - set(ELSEWHERE)
    assert set(PAGE) | set(NO_PAGE) == set(Act) - set(ELSEWHERE)
    for table, kinds in ((ON_EVENTS, set(KINDS)), (ON_CALENDARS, set(PLACES))):
        for act, row in table.items():
            assert set(row) == kinds or act is Act.ADD_CALENDAR, act


def test_members_of_the_scene_are_who_they_claim(world: World) -> None:
    with tenant(world.cast.account.pk):
        olga = Member.objects.get(pk=world.people["owner"].member.pk)
        assert not olga.may(permissions.Permission.CALENDARS)
        assert Calendar.objects.get(uuid=world.calendars["mirrored"]).owner_id == olga.pk
