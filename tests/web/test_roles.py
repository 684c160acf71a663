"""Roles give nothing that their giver lacks, and nobody has power over who holds more."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from conversa_calendar.accounts import grants, services
from conversa_calendar.accounts.models import Member, Role
from conversa_calendar.accounts.permissions import ADMINISTRATOR, AGENT, Permission
from conversa_calendar.accounts.tenancy import tenant
from tests.support.cast import PASSWORD, Actor, Cast, new_actor

EVERY = sorted(Permission)


def give(cast: Cast, *held: str, name: str = "Lead") -> str:
    """Bob gets a custom role; its id."""
    made = cast.alice.post("roles", {"name": name, "permissions": list(held)})
    cast.alice.patch(f"members/{cast.bob.member.uuid}", {"role": made["id"]})
    return str(made["id"])


def role_of(cast: Cast, who: Any) -> str:
    [row] = [m for m in cast.alice.get("members")["items"] if m["id"] == str(who.member.uuid)]
    return str(row["role"])


def confirmed(actor: Any) -> Any:
    browser = actor.browser()
    browser.post("/password/again", {"password": PASSWORD})
    return browser


@pytest.mark.parametrize("held", [["account.manage"], EVERY])
def test_who_manages_people_does_not_become_an_administrator(cast: Cast, held: list[str]) -> None:
    role = give(cast, *held)
    me, boss = f"members/{cast.bob.member.uuid}", f"members/{cast.alice.member.uuid}"
    assert cast.bob.call("PATCH", me, {"role": "administrator"}).status_code == 422
    assert cast.bob.call("PATCH", boss, {"role": "agent"}).status_code == 422
    assert cast.bob.call("PATCH", boss, {"suspended": True}).status_code == 422
    assert cast.bob.call("POST", "members", {"email": "x@x.example", "role": "administrator"}).status_code == 422
    people = [{"external_id": "9", "email": "y@x.example", "role": "administrator"}]
    assert cast.bob.call("PUT", "directory", {"members": people}).status_code == 422
    assert (role_of(cast, cast.bob), role_of(cast, cast.alice)) == (role, "administrator")
    assert {m["email"] for m in cast.alice.get("members")["items"]} == {"alice@acme.example", "bob@acme.example"}


def test_nobody_gives_by_a_role_or_a_token_what_they_lack(cast: Cast) -> None:
    role = give(cast, "account.manage", "bookings.own")
    wide = cast.alice.post("roles", {"name": "Wide", "permissions": ["calendars.manage"]})["id"]
    said = cast.bob.call("POST", "roles", {"name": "Mine", "permissions": ["integrations.manage"]})
    assert said.status_code == 422 and "do not hold" in said.json()["detail"]
    assert cast.bob.call("PATCH", f"roles/{role}", {"permissions": EVERY}).status_code == 422
    assert cast.bob.call("PATCH", f"roles/{wide}", {"permissions": []}).status_code == 422
    assert cast.bob.call("DELETE", f"roles/{wide}").status_code == 422
    assert cast.bob.call("PATCH", f"members/{cast.bob.member.uuid}", {"role": wide}).status_code == 422
    token = {"name": "t", "scopes": ["integrations.manage"]}
    assert cast.bob.call("POST", "tokens", token).status_code == 422
    assert cast.bob.post("tokens", {"name": "t", "scopes": ["bookings.manage"]})["secret"]
    assert cast.bob.post("roles", {"name": "Mine", "permissions": ["bookings.own"]})["id"]
    with tenant(cast.account.pk):
        assert Role.objects.get(uuid=role).permissions == ["account.manage", "bookings.own"]


def test_pages_refuse_the_same_and_say_why(cast: Cast) -> None:
    give(cast, "account.manage")
    browser = confirmed(cast.bob)
    boss, me = str(cast.alice.member.uuid), str(cast.bob.member.uuid)
    tries: list[tuple[str, dict[str, Any]]] = [
        ("member", {"member": me, "role": "administrator"}),
        ("member", {"member": boss, "role": "agent"}),
        ("member", {"member": boss, "suspended": "true"}),
        ("member", {"member": boss, "end_sessions": "1"}),
        ("member", {"email": "x@x.example", "role": "administrator"}),
        ("role", {"name": "Wide", "permission": ["calendars.manage"]}),
        ("token", {"name": "t", "scope": ["integrations.manage"]}),
    ]
    for what, body in tries:
        shown = browser.post(f"/settings/account/{what}", body, follow=True).content.decode()
        assert any(said in shown for said in ("holds more than you", "do not hold", "Only an administrator")), body
    shown = browser.post(f"/settings/members/{boss}/suspend", follow=True).content.decode()
    assert "holds more than you" in shown
    alice = cast.alice.browser()
    assert alice.get("/calendar").status_code == 200 and role_of(cast, cast.alice) == "administrator"


def test_an_administrators_token_is_not_revoked_by_who_holds_less(cast: Cast) -> None:
    give(cast, "account.manage")
    [first] = [t for t in cast.alice.get("tokens")["items"] if t["name"] == "tests"][:1]
    assert cast.bob.call("DELETE", f"tokens/{first['id']}").status_code == 422
    assert cast.alice.call("GET", "tokens").status_code == 200


def test_roles_are_made_changed_and_removed_on_the_page(cast: Cast) -> None:
    browser = confirmed(cast.alice)
    browser.post("/settings/account/role", {"name": "Lead", "permission": ["bookings.manage"]})
    [made] = [r for r in cast.alice.get("roles")["items"] if not r["built_in"]]
    assert (made["name"], made["permissions"]) == ("Lead", ["bookings.manage"])
    body = {"role": made["id"], "name": "Host", "permission": ["bookings.own"]}
    browser.post("/settings/account/role", body)
    browser.post("/settings/account/member", {"member": str(cast.bob.member.uuid), "role": made["id"]})
    [row] = [r for r in cast.alice.get("roles")["items"] if not r["built_in"]]
    assert row["name"] == "Host" and row["members"] == [str(cast.bob.member.uuid)]
    shown = browser.get("/settings").content.decode()
    assert 'value="Host"' in shown and "Bob Reis" in shown
    gone = {"role": made["id"], "name": "Host", "do": "remove"}
    assert "Bob Reis" in browser.post("/settings/account/role", gone, follow=True).content.decode()
    assert role_of(cast, cast.bob) == made["id"], "a role that somebody has stays"
    browser.post("/settings/account/member", {"member": str(cast.bob.member.uuid), "role": "agent"})
    browser.post("/settings/account/role", gone)
    assert all(r["built_in"] for r in cast.alice.get("roles")["items"])


@pytest.mark.parametrize(
    "body",
    [
        {"name": "R"},
        {"name": "", "permissions": []},
        {"name": "R", "permissions": ["all"]},
        {"name": "R", "permissions": "account.manage"},
        {"name": "Administrator", "permissions": []},
        {"name": "R", "permission": []},
        {"name": "x" * 61, "permissions": []},
    ],
)
def test_a_role_that_is_not_said_clearly_is_refused(cast: Cast, body: dict[str, Any]) -> None:
    assert cast.alice.call("POST", "roles", body).status_code == 422
    assert all(r["built_in"] for r in cast.alice.get("roles")["items"])


def test_two_roles_have_two_names_and_a_role_with_members_names_them(cast: Cast) -> None:
    role = give(cast)
    assert cast.alice.call("POST", "roles", {"name": "lead", "permissions": []}).status_code == 422
    answer = cast.alice.call("DELETE", f"roles/{role}")
    assert answer.status_code == 422 and "Bob Reis" in answer.json()["detail"]
    assert cast.alice.patch(f"roles/{role}", {"name": "LEAD"})["name"] == "LEAD"
    cast.alice.patch(f"members/{cast.bob.member.uuid}", {"role": "agent"})
    cast.alice.delete(f"roles/{role}")


def test_the_last_administrator_stays_one(cast: Cast) -> None:
    role = give(cast, *EVERY)
    me = f"members/{cast.alice.member.uuid}"
    for body in ({"role": role}, {"role": "agent"}, {"suspended": True}):
        assert cast.alice.call("PATCH", me, body).status_code == 422
    assert role_of(cast, cast.alice) == "administrator"


def test_a_suspended_member_gives_nothing(cast: Cast) -> None:
    with tenant(cast.account.pk):
        bob = Member.objects.select_related("role").get(pk=cast.bob.member.pk)
        services.set_role(member=bob, key="administrator", by=grants.OPERATOR)
        services.suspend_member(member=bob, is_suspended=True, by=grants.OPERATOR)
        assert not grants.giver(bob).is_administrator and not grants.giver(bob).permissions


# ── two at once


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Does things at the same moment, each on a connection of its own; their answers."""
    together = threading.Barrier(len(acts))

    def one(act: Callable[[], Any]) -> Any:
        try:
            together.wait()
            return act()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(one, acts))


@pytest.mark.parametrize("taken", [{"role": "agent"}, {"suspended": True}])
def test_two_administrators_who_depose_each_other_leave_one(cast: Cast, taken: dict[str, Any]) -> None:
    def depose(by: Actor, whom: Actor) -> Callable[[], Any]:
        return lambda: by.call("PATCH", f"members/{whom.member.uuid}", taken)

    for number in range(6):
        first, second = (new_actor(cast.account, f"{who}{number}@acme.example", "A", ADMINISTRATOR) for who in "xy")
        with tenant(cast.account.pk):
            Member.objects.exclude(pk__in=[first.member.pk, second.member.pk]).update(built_in=AGENT)
        answers = at_once(depose(first, second), depose(second, first))
        with tenant(cast.account.pk):
            assert Member.objects.filter(built_in=ADMINISTRATOR, is_suspended=False).count() == 1, answers


# ── what a place in a team or inbox gives


@pytest.fixture
def board(cast: Cast) -> Any:
    """For each kind of group: the group, and the event in the calendar that it edits."""

    def make(kind: str) -> tuple[str, str]:
        many = "teams" if kind == "team" else "inboxes"
        group = cast.alice.post(many, {"name": "Board", "members": []})["id"]
        calendar = cast.alice.post("calendars", {"name": "Board", "time_zone": "UTC"})["id"]
        items = [{"kind": kind, "id": group, "level": "edit"}]
        cast.alice.put(f"calendars/{calendar}/assignments", {"items": items})
        start = {"date_time": "2026-12-02T09:00:00", "time_zone": "UTC"}
        event = cast.alice.post("events", {"calendar": calendar, "summary": "MERGER", "start": start})
        return f"{many}/{group}", f"events/{event['id']}"

    return make


@pytest.mark.parametrize("kind", ["team", "inbox"])
def test_who_manages_members_only_shows_nobody_the_calendars_of_a_group(cast: Cast, board: Any, kind: str) -> None:
    group, event = board(kind)
    role = give(cast, "account.manage")
    narrow = Actor(cast.alice.member, cast.alice.post("tokens", {"name": "n", "scopes": ["account.manage"]})["secret"])
    people = {"members": [{"external_id": "b", "email": "bob@acme.example", "role": role}]}
    key = group.split("/")[0]
    for actor in (cast.bob, narrow):
        answer = actor.call("PUT", f"{group}/members", {"members": [str(cast.bob.member.uuid)]})
        assert answer.status_code == 422 and "sees calendars" in answer.json()["detail"], answer.content
        groups = [{"external_id": "g", "name": "Board", "members": ["b"]}]
        answer = actor.call("PUT", "directory", people | {key: groups})
        assert answer.status_code == 422 and "sees calendars" in answer.json()["detail"], answer.content
    form = {"group": group.split("/")[1], "members": str(cast.bob.member.uuid), "name": "Board"}
    confirmed(cast.bob).post(f"/settings/account/{kind}", form)
    assert cast.bob.call("GET", event).status_code == 404
    cast.alice.put(f"{group}/members", {"members": [str(cast.bob.member.uuid)]})
    assert cast.bob.get(event)["summary"] == "MERGER"
    cast.bob.put(f"{group}/members", {"members": []})
    assert cast.bob.call("GET", event).status_code == 404, "taking somebody out shows nobody anything"
