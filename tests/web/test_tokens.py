"""No token reaches further than whoever made it; nothing is implied, and nothing misspelt goes unheard."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from conversa_calendar.accounts import services
from conversa_calendar.accounts.models import ApiToken
from conversa_calendar.accounts.permissions import SCOPES
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.accounts.tokens import Where
from conversa_calendar.api.auth import Limit
from conversa_calendar.api.routes import api
from conversa_calendar.bookings.models import Booking
from conversa_calendar.connections.models import Connection, Disconnect
from conversa_calendar.kit import clock
from conversa_calendar.sync.models import Mirror
from tests.bookings.test_bookings import VISITOR, make_page, soon, text
from tests.support.cast import PASSWORD, Actor, Cast
from tests.sync.conftest import Scene, scene  # noqa: F401

DAY = {"start": {"date": "2026-12-01"}, "end": {"date": "2026-12-02"}, "transparency": "transparent"}


def operations() -> list[tuple[str, str, Callable[..., Any]]]:
    """(method, path, view) of every operation of the API."""
    found = []
    for _prefix, router in api._routers:
        for path, view in router.path_operations.items():
            for operation in view.operations:
                found += [(method, path, operation.view_func) for method in operation.methods]
    return sorted(found, key=lambda row: row[:2])


OPERATIONS = operations()
NAMES = [f"{method} {path}" for method, path, _view in OPERATIONS]


def minted(actor: Actor, **body: Any) -> Actor:
    """The same person through a new token."""
    made = actor.post("tokens", {"name": "t"} | body)
    return Actor(actor.member, made["secret"])


def refused(actor: Actor, **body: Any) -> str:
    """Why a token is not made."""
    answer = actor.call("POST", "tokens", {"name": "t"} | body)
    assert answer.status_code == 422, answer.content
    return str(answer.json()["detail"])


def filled(path: str, value: str) -> str:
    return re.sub(r"{(?:\w+:)?(\w+)}", lambda m: "1" if m.group(1) == "entry_id" else value, path).lstrip("/")


# ── what must be said


@pytest.mark.parametrize(
    ("field", "near"), [("scope", "scopes"), ("calendar", "calendars"), ("inbox", "inboxes"), ("expires", "expires_at")]
)
def test_a_misspelt_restriction_makes_no_token_and_the_right_word_is_named(cast: Cast, field: str, near: str) -> None:
    before = ApiToken.objects.count()
    said = refused(cast.alice, scopes=["all"], **{field: ["x"]})
    assert field in said and f"Did you mean {near}?" in said
    assert ApiToken.objects.count() == before


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"scopes": []},
        {"scopes": None},
        {"scopes": "all"},
        {"scopes": ["events.reed"]},
        {"scopes": ["all"], "calendars": []},
        {"scopes": ["all"], "calendars": [str(uuid4())]},
        {"scopes": ["all"], "teams": ["x"]},
        {"scopes": ["all"], "inboxes": [str(uuid4())]},
        {"scopes": ["all"], "expires_at": "2020-01-01T00:00:00Z"},
        {"scopes": ["all"], "expires_at": "2099-01-01T00:00:00"},
        {"scopes": ["all"], "expires_at": "soon"},
    ],
)
def test_what_is_not_said_or_cannot_be_is_refused(cast: Cast, body: dict[str, Any]) -> None:
    before = ApiToken.objects.count()
    assert refused(cast.alice, **body)
    assert ApiToken.objects.count() == before


def test_a_token_only_for_private_events_reads_nothing_else(cast: Cast) -> None:
    narrow = minted(cast.alice, scopes=["events.private"])
    for path in ("account", "events?q=x", "members", "bookings", "connections", "tokens"):
        assert narrow.call("GET", path).json()["code"] == "scope_missing", path


def test_all_means_everything_and_is_shown_as_such(cast: Cast) -> None:
    made = cast.alice.post("tokens", {"name": "t", "scopes": ["events.read", "all"]})
    assert made["scopes"] == ["all"]
    every = Actor(cast.alice.member, made["secret"])
    for path in ("account", "members", "bookings", "connections", "tokens", "roles"):
        assert every.call("GET", path).status_code == 200, path


@pytest.mark.parametrize(("method", "path", "view"), OPERATIONS, ids=NAMES)
def test_no_scope_stands_for_another_one(cast: Cast, method: str, path: str, view: Any) -> None:
    """Every operation, asked with each scope alone: only its own opens it."""
    needed, _permission = view.conversa_rule
    assert needed in SCOPES
    for scope in SCOPES:
        with tenant(cast.account.pk):
            _token, secret = services.create_token(member=cast.alice.member, name="t", scopes=[scope])
        body = {} if method in {"POST", "PUT", "PATCH"} else None
        answer = Actor(cast.alice.member, secret).call(method, filled(path, str(uuid4())), body)
        is_kept_out = answer.status_code == 403 and answer.json()["code"] == "scope_missing"
        is_kept_out = is_kept_out and f" {needed}." in answer.json()["detail"]  # an export needs further ones
        assert is_kept_out == (scope != needed), (scope, answer.content)


# ── children


def test_a_restricted_token_makes_no_wider_one(cast: Cast) -> None:
    end = (clock.now() + timedelta(days=1)).isoformat()
    mine = cast.alice.get("calendars")["items"][0]["id"]
    parent = minted(cast.alice, scopes=["account.manage", "events.read"], calendars=[mine], expires_at=end)
    narrow: dict[str, Any] = {"scopes": ["events.read"], "calendars": [mine], "expires_at": end}
    assert "all" in refused(parent, **narrow | {"scopes": ["all"]})
    assert "events.write" in refused(parent, **narrow | {"scopes": ["events.read", "events.write"]})
    assert "some calendars only" in refused(parent, scopes=["events.read"], expires_at=end)
    later = (clock.now() + timedelta(days=2)).isoformat()
    assert "ends at" in refused(parent, **narrow | {"expires_at": later})
    assert "ends at" in refused(parent, scopes=["events.read"], calendars=[mine])
    child = minted(parent, **narrow)
    assert [row["id"] for row in child.get("calendars")["items"]] == [mine]


def test_a_token_reaches_what_every_token_that_it_comes_from_reaches(cast: Cast) -> None:
    mine = cast.alice.get("calendars")["items"][0]["id"]
    other = cast.alice.post("calendars", {"name": "Other", "time_zone": "UTC"})["id"]
    scopes = ["account.manage", "events.read"]
    first = cast.alice.post("tokens", {"name": "first", "scopes": scopes, "calendars": [mine, other]})
    second = minted(Actor(cast.alice.member, first["secret"]), scopes=scopes, calendars=[mine, other])
    third = minted(second, scopes=["events.read"], calendars=[mine, other])
    assert {row["id"] for row in third.get("calendars")["items"]} == {mine, other}
    ApiToken.objects.filter(uuid=first["id"]).update(calendars=[mine])
    for one in (second, third):
        assert [row["id"] for row in one.get("calendars")["items"]] == [mine]
        assert one.call("GET", f"calendars/{other}").status_code == 404


def test_a_token_ends_with_the_one_that_made_it(cast: Cast) -> None:
    made = cast.alice.post("tokens", {"name": "parent", "scopes": ["all"]})
    parent = Actor(cast.alice.member, made["secret"])
    child = minted(parent, scopes=["account.manage"])
    grandchild = minted(child, scopes=["account.manage"])
    assert grandchild.call("GET", "tokens").status_code == 200
    cast.alice.delete(f"tokens/{made['id']}")
    assert {one.call("GET", "tokens").status_code for one in (parent, child, grandchild)} == {401}
    assert cast.alice.call("GET", "tokens").status_code == 200


def test_tokens_are_not_handed_on_for_ever(cast: Cast) -> None:
    one = cast.alice
    for _generation in range(3):
        one = minted(one, scopes=["account.manage"])
    assert "yourself" in refused(one, scopes=["account.manage"])


def test_a_token_with_one_scope_makes_no_administrator_and_touches_none(cast: Cast) -> None:
    narrow = minted(cast.alice, scopes=["account.manage"])
    bob, alice = cast.bob.member.uuid, cast.alice.member.uuid
    assert narrow.call("PATCH", f"members/{bob}", {"role": "administrator"}).status_code == 422
    assert narrow.call("PATCH", f"members/{alice}", {"role": "agent"}).status_code == 422
    invited = {"email": "new@acme.example", "role": "administrator"}
    assert narrow.call("POST", "members", invited).status_code == 422
    held = {"name": "Wide", "permissions": ["bookings.manage"]}
    assert narrow.call("POST", "roles", held).status_code == 422
    assert narrow.call("PATCH", f"members/{bob}", {"suspended": True}).status_code == 200
    roles = {m["email"]: m["role"] for m in cast.alice.get("members")["items"]}
    assert roles == {"alice@acme.example": "administrator", "bob@acme.example": "agent"}


# ── tokens for some calendars only


@pytest.fixture
def furnished(scene: Scene) -> dict[str, Any]:  # noqa: F811
    """An account with much to see beside one calendar of Alice's: ids and texts that a token for it never shows."""
    cast, alice = scene.cast, scene.cast.alice
    kept = alice.post("calendars", {"name": "Kept"})["id"]
    secret = alice.post("calendars", {"name": "CANARY calendar"})["id"]
    event = alice.post("events", DAY | {"calendar": secret, "summary": "CANARY event"})
    gone = alice.post("events", DAY | {"calendar": secret, "summary": "CANARY gone"})
    alice.delete(f"events/{gone['id']}")
    mirrored = scene.create("CANARY mirrored")
    page = make_page(alice, title="CANARY page")
    start = text(soon())
    booking = alice.post("bookings", VISITOR | {"page": page["id"], "start": start, "name": "CANARY visitor"})
    team = alice.post("teams", {"name": "Support", "members": []})["id"]
    alice.put(f"calendars/{kept}/assignments", {"items": [{"kind": "team", "id": team, "level": "details"}]})
    with tenant(cast.account.pk):
        mirror, link = Mirror.objects.get(), Connection.objects.get()
        Disconnect(connection_uuid=uuid4(), email="CANARY@x.example", sub="s", disposition="keep").save()
        record = Disconnect.objects.get()
        assert Booking.objects.exists()
    ids = {
        "calendar": [secret, scene.calendar],
        "event": [event["id"], gone["id"], mirrored["id"]],
        "page": [page["id"]],
        "booking": [booking["id"]],
        "mirror": [str(mirror.uuid)],
        "connection": [str(link.uuid), str(record.uuid)],
    }
    return {"scene": scene, "kept": kept, "team": team, "ids": [one for rows in ids.values() for one in rows]}


BODIES: dict[str, Any] = {
    "summary": "CANARY?",
    "start": "2026-12-03T12:00:00Z",
    "mirrored": True,
    "name": "x",
    "action": "keep",
    "members": [],
}


@pytest.mark.parametrize("by", ["calendars", "teams"])
def test_a_token_for_one_calendar_shows_nothing_of_others_at_any_door(furnished: dict[str, Any], by: str) -> None:
    """Every operation, with the id of every thing that lies elsewhere."""
    cast = furnished["scene"].cast
    places = {"calendars": [furnished["kept"]]} if by == "calendars" else {"teams": [furnished["team"]]}
    limited = minted(cast.alice, scopes=["all"], **places)
    wide = {c["id"] for c in cast.alice.get("calendars")["items"]}
    assert len(wide) > 1 and [c["id"] for c in limited.get("calendars")["items"]] == [furnished["kept"]]
    span = "?from=2026-11-01T00:00:00Z&to=2026-12-31T00:00:00Z&q=CANARY"
    for method, path, view in OPERATIONS:
        for identity in furnished["ids"] if "{" in path else [""]:
            address = filled(path, identity)
            body = BODIES | {"calendar": identity, "page": identity} if method in {"POST", "PUT", "PATCH"} else None
            answers = [limited.call(method, address, body)]
            if method == "GET":
                answers.append(limited.call(method, address + span))
            for answer in answers:
                _assert_silent(answer, view, furnished, (method, address))
    with tenant(cast.account.pk):
        assert Connection.objects.exists() and Mirror.objects.filter(is_selected=True, is_paused=False).exists()
    assert {c["id"] for c in cast.alice.get("calendars")["items"]} == wide


def _assert_silent(answer: Any, view: Any, furnished: dict[str, Any], what: tuple[str, str]) -> None:
    assert answer.status_code < 500, (what, answer.content)
    if view.conversa_limit is Limit.REFUSED:
        assert answer.status_code == 403 and answer.json()["code"] == "token_limited", (what, answer.content)
    shown = answer.content.decode()
    assert "CANARY" not in shown.replace("CANARY?", ""), (what, shown)
    assert not [one for one in furnished["ids"] if one in shown and one not in what[1]], (what, shown)
    has_changed = answer.status_code < 300 and what[0] != "GET"
    assert not has_changed or what[1] in {"events"}, (what, shown)


def test_a_token_for_a_team_follows_its_assignments(furnished: dict[str, Any]) -> None:
    cast = furnished["scene"].cast
    limited = minted(cast.alice, scopes=["all"], teams=[furnished["team"]])
    assert limited.get(f"calendars/{furnished['kept']}")["name"] == "Kept"
    cast.alice.put(f"calendars/{furnished['kept']}/assignments", {"items": []})
    assert limited.call("GET", f"calendars/{furnished['kept']}").status_code == 404
    assert limited.get("calendars")["items"] == [], "a limit that meets nothing lets nothing through"


def test_every_operation_says_what_a_limited_token_may_do() -> None:
    assert {view.conversa_limit for _method, _path, view in OPERATIONS} == set(Limit)
    from conversa_calendar.api.auth import scoped

    with pytest.raises(TypeError):
        scoped("events.read")  # type: ignore[call-arg]


# ── the page, and tokens of before


def test_the_page_makes_tokens_that_say_what_they_may(cast: Cast) -> None:
    browser = cast.alice.browser()
    browser.post("/password/again", {"password": PASSWORD})
    before = ApiToken.objects.count()
    assert "as a list of scopes" in browser.post("/settings/account/token", {"name": "n"}, follow=True).content.decode()
    assert ApiToken.objects.count() == before
    body = {"name": "n", "scope": ["events.read", "bookings.read"], "expires": "2099-12-31"}
    shown = browser.post("/settings/account/token", body, follow=True).content.decode()
    made = ApiToken.objects.latest("pk")
    assert "cct_" in shown and made.scopes == ["events.read", "bookings.read"] and made.expires_at is not None
    assert made.expires_at.isoformat() == "2100-01-01T03:00:00+00:00", "the end of the day where its maker lives"


LATER = {"feeds.manage", "mail.receive"}
"""Scopes that there were not when tokens began to say what they may do."""


def test_tokens_of_before_keep_what_they_could_do(cast: Cast) -> None:
    from importlib import import_module

    say = import_module("conversa_calendar.accounts.migrations.0005_said_scopes").SAY
    known = [scope for scope in SCOPES if scope not in LATER]
    former = {
        "empty": ([], set(known) - {"events.private"}),
        "one": (["events.read"], {"events.read", "bookings.read"}),
        "private": (["events.private"], {"events.private"}),
        "whole": ([s for s in known if not s.startswith("bookings.") or s == "bookings.manage"], {"all"}),
    }
    for name, (scopes, _now) in former.items():
        token, _secret = services.create_token(member=cast.alice.member, name=name, scopes=["all"])
        ApiToken.objects.filter(pk=token.pk).update(scopes=scopes)
    with connection.cursor() as cursor:
        cursor.execute(say)
    for name, (_scopes, now) in former.items():
        assert set(ApiToken.objects.get(name=name).scopes) == now, name


def test_where_a_token_reaches_is_asked_of_the_whole_account_only(cast: Cast) -> None:
    foreign = cast.charlie.post("teams", {"name": "Theirs"})["id"]
    assert "no such team" in refused(cast.alice, scopes=["all"], teams=[foreign])
    with tenant(cast.account.pk):
        _token, secret = services.create_token(
            member=cast.alice.member, name="t", scopes=["all"], where=Where(teams=[uuid4()])
        )
    assert Actor(cast.alice.member, secret).get("calendars")["items"] == []
