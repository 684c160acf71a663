"""A scene for rights: a viewer of each level, calendars of each sort, an event of each kind, and the doors to them."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import connection
from django.test import Client

from conversa_calendar.accounts import permissions, tokens
from conversa_calendar.accounts.permissions import SCOPES
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import history
from conversa_calendar.calendars.models import Calendar, Event, Notice
from conversa_calendar.connections import discovery
from conversa_calendar.connections.models import Connection
from conversa_calendar.kit import clock
from conversa_calendar.sync.models import Mirror
from tests.support.cast import Actor, Cast, new_actor
from tests.support.google import Google, at

ANA, BOSS = "ana@acme.example", "boss@else.example"
ZONE = "America/Sao_Paulo"
KINDS = ("ordinary", "private", "guest", "read_only", "native", "native_private")
"""Google's: one of the calendar's own, one that is private to its owner, a guest's copy, one in a calendar mirrored read
only. And two that live only here."""


@dataclass
class World:
    """One scene for all cells."""

    cast: Cast
    google: Google
    people: dict[str, Actor]
    browsers: dict[str, Client] = field(default_factory=dict)
    calendars: dict[str, str] = field(default_factory=dict)
    events: dict[str, str] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    entries: dict[str, int] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)

    def state(self) -> tuple[Any, ...]:
        """Everything that an act may change, in both accounts."""
        found: list[Any] = []
        for account in (self.cast.account.pk, self.cast.other.pk):
            with tenant(account), connection.cursor() as cursor:
                for query in _STATE:
                    cursor.execute(query)
                    found += cursor.fetchall()
        return tuple(found)


_STATE = (
    """SELECT md5(string_agg(concat_ws('|', id, uuid, calendar_id, content_json, revision, deleted_at, is_unsettled,
       sync_state, "references", notify), ',' ORDER BY id)) FROM calendars_event""",
    "SELECT md5(string_agg(c::text, ',' ORDER BY id)) FROM calendars_calendar c",
    "SELECT md5(string_agg(concat_ws('|', member_id, team_id, inbox_id, level), ',' ORDER BY id)) FROM calendars_assignment",
    "SELECT count(*) FROM calendars_history",
    "SELECT count(*) FROM calendars_change",
    "SELECT count(*) FROM calendars_outgoingmail",
    "SELECT count(*) FROM calendars_occurrence",
    "SELECT md5(string_agg(concat_ws('|', mirror_id, wanted, pull_wanted), ',' ORDER BY mirror_id)) FROM sync_mirrorrun",
)


def day_of_events() -> str:
    return (clock.now() + timedelta(days=2)).date().isoformat()


def build_world(cast: Cast, google: Google) -> World:
    """The scene: an account of many levels, Olga's calendars, an event of each kind."""
    names = {"none": "nina", "busy": "bea", "details": "dora", "edit": "edgar", "owner": "olga"}
    people = {
        level: new_actor(cast.account, f"{name}@acme.example", name.title(), permissions.AGENT)
        for level, name in names.items()
    }
    people |= {"administrator": cast.alice, "foreign": cast.charlie}
    found = World(cast, google, people)
    found.browsers = {viewer: actor.browser() for viewer, actor in people.items()}
    for viewer, actor in people.items():
        with tenant(actor.account_id):
            found.own[viewer] = str(Calendar.objects.get(owner=actor.member, is_personal=True).uuid)
    found.own["limited"] = found.own["administrator"]
    with tenant(cast.account.pk):
        limits = [Calendar.objects.get(uuid=found.own["limited"]).uuid]
    _token, secret = tokens.create_token(
        member=cast.alice.member, name="limited", scopes=list(SCOPES), where=tokens.Where(calendars=limits)
    )
    people["limited"] = Actor(cast.alice.member, secret)
    _calendars(found)
    _events(found)
    return found


def _calendars(world: World) -> None:
    """Olga's: two of a Google account, one of them read only, and two that live only here; assigned to the others."""
    google, alice, olga = world.google, world.cast.alice, world.people["owner"]
    ana = google.person(ANA)
    google_id = ana.call("POST", "calendars", {"summary": "Plans", "timeZone": ZONE})["id"]
    found = google.connect(alice, ANA)
    discovery.refresh(alice.account_id, found.pk)
    mirrors = {
        "mirrored": google.mirror(alice, found, ANA),
        "read_only": google.mirror(alice, found, google_id, "read_only"),
    }
    with tenant(alice.account_id):
        Connection.objects.update(owner=olga.member)
        Calendar.objects.filter(is_mirrored=True).update(owner=olga.member)
    world.calendars = {place: str(mirror.calendar.uuid) for place, mirror in mirrors.items()}
    world.calendars |= {
        place: olga.post("calendars", {"name": place.title(), "time_zone": ZONE})["id"]
        for place in ("native", "shared")
    }
    levels = ("busy", "details", "edit")
    items = [{"kind": "agent", "id": str(world.people[name].member.uuid), "level": name} for name in levels]
    for uuid in world.calendars.values():
        alice.put(f"calendars/{uuid}/assignments", {"items": items})


def _events(world: World) -> None:
    """Of each kind one that stands and one in the trash, with their own words, and a lost value to put back."""
    google, olga, day = world.google, world.people["owner"], day_of_events()
    ana, boss = google.person(ANA), google.person(BOSS)
    with tenant(olga.account_id):
        plans = Mirror.objects.get(calendar__uuid=world.calendars["read_only"]).remote_id
    made: dict[str, list[str]] = {}
    for hour, word in ((9, "CANARY"), (14, "GONECANARY")):
        times = {"start": at(f"{day}T{hour:02d}:00:00"), "end": at(f"{day}T{hour + 1:02d}:00:00")}
        made[word] = [
            ana.insert(summary=f"{word} ordinary", **times)["id"],
            ana.insert(summary=f"{word} private", location=f"{word} private", visibility="private", **times)["id"],
            ana.insert(plans, summary=f"{word} read_only", **times)["id"],
            boss.insert(summary=f"{word} guest", attendees=[{"email": ANA}], **times)["id"],
        ]
        here = {
            "start": {"date_time": f"{day}T{hour:02d}:00:00", "time_zone": ZONE},
            "calendar": world.calendars["native"],
        }
        for kind, visibility in (("native", "default"), ("native_private", "private")):
            event = olga.post("events", here | {"summary": f"{word} {kind}", "visibility": visibility})["id"]
            if word == "GONECANARY":
                olga.delete(f"events/{event}")
    google.check()
    ordinary, private, read_only, guest = made["GONECANARY"]
    for event_id, calendar in ((ordinary, "primary"), (private, "primary"), (guest, "primary"), (read_only, plans)):
        ana.delete(event_id, calendar)
    google.check()
    with tenant(olga.account_id):
        for kind in KINDS:
            event = Event.objects.get(summary=f"CANARY {kind}")
            gone = Event.objects.get(summary=f"GONECANARY {kind}")
            assert event.deleted_at is None and gone.deleted_at is not None, kind
            world.events[kind], world.gone[kind] = str(event.uuid), str(gone.uuid)
            lost = {"summary": f"CANARY {kind} lost"}
            entry = history.record(event, side="sync", cause="edited", lost=lost)
            assert entry is not None
            world.entries[kind] = entry.pk
        Notice.objects.update(read_at=clock.now())


Door = Callable[[World, str, str], list[Any]]
"""Does something as a viewer to an event or calendar; answers the responses."""


def by_api(method: str, path: str, body: dict[str, Any] | None = None) -> Door:
    def door(world: World, viewer: str, kind: str) -> list[Any]:
        address, text = _at(world, viewer, kind, path), _at(world, viewer, kind, json.dumps(body))
        return [world.people[viewer].call(method, address, json.loads(text))]

    return door


def by_page(path: str, form: dict[str, str] | None = None, as_json: bool = False) -> Door:
    def door(world: World, viewer: str, kind: str) -> list[Any]:
        filled = {name: _at(world, viewer, kind, text) for name, text in (form or {}).items()}
        options = {"content_type": "application/json"} if as_json else {}
        return [world.browsers[viewer].post(_at(world, viewer, kind, path), filled, **options)]

    return door


def look(*paths: str, by_api: bool = False) -> Door:
    def door(world: World, viewer: str, kind: str) -> list[Any]:
        addresses = [_at(world, viewer, kind, path) for path in paths]
        if by_api:
            return [world.people[viewer].call("GET", address) for address in addresses]
        return [world.browsers[viewer].get(address) for address in addresses]

    return door


def _at(world: World, viewer: str, kind: str, text: str) -> str:
    places = {"ordinary": "mirrored", "private": "mirrored", "guest": "mirrored", "native_private": "native"}
    values = {
        "event": world.events.get(kind, ""),
        "gone": world.gone.get(kind, ""),
        "entry": str(world.entries.get(kind, "")),
        "calendar": world.calendars.get(places.get(kind, kind), ""),
        "own": world.own[viewer],
        "member": str(world.people[viewer].member.uuid),
        "day": day_of_events(),
        "kind": kind,
    }
    return re.sub(r"<(\w+)>", lambda found: values[found.group(1)], text)
