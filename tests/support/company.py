"""A company for the rights of acts: everybody whom a right may depend on, what acts are about, and the doors to them.

Unlike `world`, which is about one person's events, it has people, roles, tokens, connected accounts, booking pages and
webhooks. What an act did is seen in the rows of every table, and taken back row by row.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.test import Client
from msgspec.structs import replace

from conversa_calendar.accounts import permissions, services, tokens
from conversa_calendar.accounts.grants import OPERATOR
from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.permissions import SCOPES, Permission
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.bookings.models import Booking, BookingPage
from conversa_calendar.calendars.models import Calendar
from conversa_calendar.connections import discovery
from conversa_calendar.connections.models import Connection
from conversa_calendar.domain.event import Conference, encode
from conversa_calendar.kit import clock
from conversa_calendar.sync.models import Link, Mirror
from tests.bookings.test_bookings import VISITOR, make_page, soon, text
from tests.support import contract
from tests.support.cast import PASSWORD, Actor, Cast, new_actor
from tests.support.google import Google, at

ANA = "ana@acme.example"
ZONE = "America/Sao_Paulo"
HOLDERS = {
    "accounts": {Permission.ACCOUNT, Permission.OWN_PAGES},
    "sync": {Permission.INTEGRATIONS},
    "bookings": {Permission.BOOKINGS},
}
"""What `holder` holds, by the part whose acts are walked."""
BY_TOKEN = ("limited", "within", "narrow")
VIEWERS = (
    "administrator",
    "holder",
    "agent",
    "owner",
    "other",
    "suspended",
    "foreign",
    "limited",
    "within",
    "narrow",
    "nobody",
)
"""`owner` is an agent who owns what the act is about: the place in the account, the connection, the booking page; the host
of the booking. `other` is the page's other host, who may have pages as well. `suspended` was an administrator; `foreign`
is one of another account. Three are an administrator's tokens: `limited` reaches another calendar, `within` those that
the act is about, `narrow` only reads."""


@dataclass
class Company:
    """One scene for all cells."""

    cast: Cast
    google: Google
    people: dict[str, Actor] = field(default_factory=dict)
    sessions: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    above: dict[str, str] = field(default_factory=dict)
    """The same names for what holds more than `holder` does."""

    def named(self, viewer: str, part: str) -> str:
        """Who that is where acts of a part are walked."""
        own = f"{viewer} of {part}"
        return own if own in self.people else viewer

    def filled(self, words: str, is_above: bool = False) -> str:
        values = self.ids | (self.above if is_above else {})
        return re.sub(r"<(\w+)>", lambda found: values[found.group(1)], words)

    def browser(self, viewer: str) -> Client:
        """A window of theirs, signed in as at the beginning."""
        client = Client()
        if viewer in self.sessions:
            client.cookies[settings.SESSION_COOKIE_NAME] = self.sessions[viewer]
        return client


Door = Callable[[Company, str, bool], Any]
"""Does something as a viewer, to what holds more than `holder` where the last says so; answers the response."""


def by_api(method: str, path: str, body: dict[str, Any] | None = None) -> Door:
    def door(company: Company, viewer: str, is_above: bool) -> Any:
        address = company.filled(path, is_above)
        sent = json.loads(company.filled(json.dumps(body), is_above))
        if viewer != "nobody":
            return company.people[viewer].call(method, address, sent)
        answer = Client().generic(method, f"/api/v1/{address}", json.dumps(sent), "application/json")
        contract.check(method, f"/api/v1/{address}", sent, answer)
        return answer

    return door


def by_page(path: str, form: dict[str, str] | None = None) -> Door:
    def door(company: Company, viewer: str, is_above: bool) -> Any:
        mine = {"<self>": str(company.people[viewer].member.uuid)} if viewer in company.people else {}
        sent = {
            company.filled(name, is_above): mine.get(value) or company.filled(value, is_above)
            for name, value in (form or {}).items()
        }
        return company.browser(viewer).post(company.filled(path, is_above), sent)

    return door


def build_company(cast: Cast, google: Google) -> Company:
    """The scene: people of every sort, and one of each thing that acts are about."""
    found = Company(cast, google)
    _people(found)
    _places(found)
    _connection(found)
    _bookings(found)
    _tokens(found)
    for name, actor in found.people.items():
        if name not in BY_TOKEN:
            _sign_in(found, name, actor)
    _leave(found, found.people["suspended"])
    return found


def _people(company: Company) -> None:
    cast = company.cast
    company.people |= {"administrator": cast.alice, "agent": cast.bob, "foreign": cast.charlie}
    for name, role in (("suspended", permissions.ADMINISTRATOR), ("amanda", permissions.ADMINISTRATOR)):
        company.people[name] = new_actor(cast.account, f"{name}@acme.example", name.title(), role)
    held = {f"holder of {part}": sorted(holds) for part, holds in HOLDERS.items()}
    held |= {"owner": [Permission.OWN_PAGES], "other": [Permission.OWN_PAGES], "owner of sync": []}
    for name, holds in held.items():
        role = cast.alice.post("roles", {"name": name, "permissions": [str(one) for one in holds]})["id"]
        email = f"{name.replace(' ', '.')}@acme.example"
        company.people[name] = new_actor(cast.account, email, name.title(), permissions.AGENT)
        cast.alice.patch(f"members/{company.people[name].member.uuid}", {"role": role})
    for name, actor in company.people.items():
        with tenant(actor.account_id):
            actor.member = Member.objects.select_related("user", "role", "account").get(pk=actor.member.pk)
        company.ids[name.replace(" ", "_")] = str(actor.member.uuid)


def _places(company: Company) -> None:
    """Members, invitations, roles, teams, webhooks: of each one that `holder` is over, of some one that they are not."""
    alice, ids, above = company.cast.alice, company.ids, company.above
    away = new_actor(company.cast.account, "away@acme.example", "Away", permissions.AGENT)
    _leave(company, away)
    ids["scope"], above["scope"] = "events.read", "integrations.manage"
    ids["self"] = ids["owner"]
    ids |= {"member": ids["owner"], "away": str(away.member.uuid), "given": "agent", "permission": "bookings.own"}
    above |= {"member": ids["amanda"], "away": ids["suspended"], "permission": "integrations.manage"}
    for place, role in ((ids, permissions.AGENT), (above, permissions.ADMINISTRATOR)):
        body = {"email": f"invited.{role}@acme.example", "name": "Ines", "role": role}
        place["invited"] = alice.post("members", body)["id"]
        place["entry_role"] = role
        place["role"] = alice.post("roles", {"name": f"Free {role}", "permissions": [place["permission"]]})["id"]
    ids["team"] = alice.post("teams", {"name": "First", "members": []})["id"]
    ids["inbox"] = alice.post("inboxes", {"name": "Second", "members": []})["id"]
    ids["webhook"] = alice.post("webhooks", {"url": "https://hooks.example.com/first"})["id"]
    ids["cursor"] = "0.0"


def _connection(company: Company) -> None:
    """The owner's Google account: mirrored with something held and something set aside, resting, and not mirrored."""
    google, alice, owner = company.google, company.cast.alice, company.people["owner of sync"].member
    ana = google.person(ANA)
    more = [ana.call("POST", "calendars", {"summary": name, "timeZone": ZONE})["id"] for name in ("Two", "Three")]
    for name in ("Held", "Odd"):
        ana.insert(summary=name, start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"))
    found = google.connect(alice, ANA)
    discovery.refresh(alice.account_id, found.pk)
    mirror, resting = google.mirror(alice, found, ANA), google.mirror(alice, found, more[0])
    alice.call("POST", f"mirrors/{resting.uuid}/pause")
    with tenant(alice.account_id):
        Connection.objects.update(owner=owner)
        Calendar.objects.filter(is_mirrored=True).update(owner=owner)
        Mirror.objects.filter(pk=mirror.pk).update(push_refused="unsupported", state="held")
        rows = Link.objects.filter(mirror=mirror)
        rows.filter(event__summary="Held").update(is_held=True, remote_deleted_at=clock.now())
        odd = rows.get(event__summary="Odd")
        Link.objects.filter(pk=odd.pk).update(parked="It cannot be read.", event=None)
    company.ids |= {"connection": str(found.uuid), "mirror": str(mirror.uuid), "resting": str(resting.uuid)}
    company.ids |= {"google_id": ANA, "third": more[1], "aside": f"g{odd.pk}", "mirrored": str(mirror.calendar.uuid)}
    company.ids["native"] = alice.post("calendars", {"name": "Native", "time_zone": ZONE})["id"]


def _bookings(company: Company) -> None:
    """Pages of the owner's, with a booking that stands, one that waits, one that has begun and one without its link."""
    ids, owner = company.ids, company.people["owner"]
    hosts = [{"id": ids["owner"]}]
    both = make_page(company.cast.alice, title="Both", hosts=[*hosts, {"id": ids["other"]}], host_mode="round_robin")[
        "id"
    ]
    alone = make_page(owner, title="Alone", hosts=hosts)["id"]
    asking = make_page(owner, title="Asking", hosts=hosts, needs_confirmation=True)["id"]
    at_hours = {"booking": (alone, 1), "waiting": (asking, 3), "begun": (alone, 5), "linkless": (alone, 7)}
    for name, (page, hour) in at_hours.items():
        body = {"page": page, "start": text(soon(hour=hour))} | VISITOR
        ids[name] = owner.post("bookings", body)["id"]
    offer = owner.post(f"booking-pages/{alone}/offers", {"starts": [text(soon(5))], "duration": 30})["id"]
    ids |= {"page": alone, "offer": offer, "slot": text(soon(6)), "later": text(soon(7)), "host": ids["other"]}
    with tenant(owner.account_id):
        shared = BookingPage.objects.get(uuid=both)
        Booking.objects.filter(uuid__in=[ids["booking"], ids["linkless"]]).update(page=shared)
        begun = Booking.objects.get(uuid=ids["begun"])
        past = clock.now() - timedelta(hours=1)
        Booking.objects.filter(pk=begun.pk).update(starts_at=past, ends_at=past + timedelta(minutes=30))
        event = Booking.objects.select_related("event__calendar").get(uuid=ids["linkless"]).event
        assert event is not None
        event.content_json = encode(replace(event.content, conference=Conference("failed", "")))
        event.save(update_fields=["content_json"])
        ids["personal"] = str(Calendar.objects.get(owner=owner.member, is_personal=True).uuid)


def _tokens(company: Company) -> None:
    ids, alice = company.ids, company.cast.alice
    with tenant(alice.account_id):
        elsewhere = Calendar.objects.get(owner=alice.member, is_personal=True).uuid
        places = {"limited": [elsewhere], "within": [UUID(ids["personal"]), UUID(ids["mirrored"])]}
    for name, calendars in places.items():
        company.people[name] = _minted(alice, name, list(SCOPES), calendars)
    company.people["narrow"] = _minted(alice, "narrow", ["events.read", "bookings.read"], [])
    ids["token"] = _target(company.people["owner"].member)
    company.above["token"] = _target(alice.member)


def _minted(actor: Actor, name: str, scopes: list[str], calendars: list[UUID]) -> Actor:
    where = tokens.Where(calendars=calendars)
    with tenant(actor.account_id):
        _token, secret = tokens.create_token(member=actor.member, name=name, scopes=scopes, where=where)
    return Actor(actor.member, secret)


def _target(member: Member) -> str:
    with tenant(member.account_id):
        token, _secret = tokens.create_token(member=member, name="of theirs", scopes=["events.read"])
    return str(token.uuid)


def _sign_in(company: Company, name: str, actor: Actor) -> None:
    """A browser whose password was given just now, as what gives power asks for."""
    browser = actor.browser()
    browser.post("/password/again", {"password": PASSWORD})
    company.sessions[name] = browser.cookies[settings.SESSION_COOKIE_NAME].value


def _leave(company: Company, actor: Actor) -> None:
    with tenant(actor.account_id):
        services.suspend_member(member=Member.objects.get(pk=actor.member.pk), is_suspended=True, by=OPERATOR)
