"""The platform's directory: whoever is listed is here, whoever is not is not, whatever happened to ids and addresses."""

import random
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from conversa_calendar.accounts import permissions, services
from conversa_calendar.accounts.grants import OPERATOR
from conversa_calendar.accounts.models import Inbox, Team, User
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import ringing
from conversa_calendar.calendars.models import Assignment, OutgoingMail
from conversa_calendar.kit import clock
from tests.support.cast import PASSWORD, Actor, Cast, new_actor

Payload = dict[str, Any]


def listed(external_id: str, who: str, **more: Any) -> Payload:
    return {"external_id": external_id, "email": f"{who}@acme.example", "name": who.capitalize()} | more


def put(cast: Cast, *members: Payload, query: str = "", **more: Any) -> Payload:
    return dict(cast.alice.put(f"directory{query}", {"members": list(members), **more}))


def people(cast: Cast) -> dict[str, Payload]:
    """Everybody in the account by the name in front of their address."""
    return {row["email"].partition("@")[0]: row for row in cast.alice.get("members")["items"]}


def hr_of(cast: Cast) -> Actor:
    """Somebody who manages members and nothing else."""
    role = cast.alice.post("roles", {"name": "HR", "permissions": ["account.manage"]})
    hr = new_actor(cast.account, "hr@acme.example", "Hr", permissions.AGENT)
    cast.alice.patch(f"members/{hr.member.uuid}", {"role": role["id"]})
    return hr


def _signed_in(who: str) -> Client:
    """A browser of an address whose owner has proven it and chosen a password, as by an account elsewhere."""
    user = User.objects.get(email=f"{who}@acme.example")
    user.set_password(PASSWORD)
    user.email_verified_at = clock.now()
    user.save()
    client = Client()
    assert client.login(email=user.email, password=PASSWORD)
    return client


def active(cast: Cast) -> dict[str, str]:
    """The ids of those who came from the directory and are not suspended."""
    return {who: row["external_id"] for who, row in people(cast).items() if row["external_id"] and not row["suspended"]}


# ── ids and addresses


def test_two_people_whose_ids_were_swapped_keep_their_memberships(cast: Cast) -> None:
    put(cast, listed("1", "ann"), listed("2", "ben"))
    before = people(cast)
    for order in ([0, 1], [1, 0]):
        ids = ["2", "1"] if order == [0, 1] else ["1", "2"]
        rows = [listed(ids[0], "ann"), listed(ids[1], "ben")]
        report = put(cast, *(rows[n] for n in order))
        assert sorted(report["updated"]) == ["1", "2"] and report["suspended"] == report["created"] == []
        assert active(cast) == {"ann": ids[0], "ben": ids[1]}
    assert [people(cast)[who]["id"] for who in ("ann", "ben")] == [before[who]["id"] for who in ("ann", "ben")]


def test_an_id_given_to_a_colleague_takes_nobodys_place(cast: Cast) -> None:
    """Ann left and her id was given to Ben, who is listed: he stays, with his own calendar; she is out."""
    put(cast, listed("1", "ann"), listed("2", "ben"), listed("3", "cid"))
    ben = people(cast)["ben"]["id"]
    report = put(cast, listed("1", "ben"), listed("3", "cid"))
    assert report["suspended"] == ["1"] and active(cast) == {"ben": "1", "cid": "3"}
    assert people(cast)["ben"]["id"] == ben and people(cast)["ann"]["suspended"]


def test_an_id_given_to_somebody_new_while_its_holder_got_another_makes_a_new_membership(cast: Cast) -> None:
    put(cast, listed("1", "ann"))
    ann = people(cast)["ann"]["id"]
    report = put(cast, listed("1", "new"), listed("2", "ann"))
    assert report["created"] == ["1"] and report["updated"] == ["2"] and report["suspended"] == []
    assert active(cast) == {"new": "1", "ann": "2"} and people(cast)["ann"]["id"] == ann


def test_the_id_of_somebody_who_left_gives_a_newcomer_nothing_of_theirs(cast: Cast) -> None:
    put(cast, listed("1", "ann"), listed("2", "ben"), listed("3", "cid"), listed("4", "dee"))
    put(cast, listed("2", "ben"), listed("3", "cid"), listed("4", "dee"))
    ann = people(cast)["ann"]["id"]
    report = put(cast, listed("1", "new"), listed("2", "ben"), listed("3", "cid"), listed("4", "dee"))
    assert report["created"] == ["1"] and people(cast)["new"]["id"] != ann and people(cast)["ann"]["suspended"]


def test_a_changed_address_opens_nothing_of_whoever_had_the_id_before(cast: Cast) -> None:
    """Nothing shows that the new address is the same person's: they begin anew, the old membership and its calendar rest."""
    put(cast, listed("1", "bob"), listed("2", "ben"))
    own = next(c["id"] for c in cast.bob.get("calendars")["items"])
    start = {"date_time": "2026-12-02T09:00:00", "time_zone": "UTC"}
    secret = cast.bob.post("events", {"calendar": own, "summary": "CANARY", "visibility": "private", "start": start})
    report = put(cast, listed("1", "mole"), listed("2", "ben"))
    assert (report["created"], report["suspended"], report["updated"]) == (["1"], ["1"], [])
    assert active(cast) == {"mole": "1", "ben": "2"} and people(cast)["bob"]["suspended"]
    mole = _signed_in("mole")
    assert mole.get("/calendar").status_code == 200
    assert mole.get(f"/events/{secret['id']}").status_code == 404
    assert b"CANARY" not in mole.get("/calendar/feed?start=2026-12-01T00:00:00Z&end=2026-12-05T00:00:00Z").content
    assert cast.bob.call("GET", "calendars").status_code == 401
    put(cast, listed("1", "bob"), listed("2", "ben"))
    assert cast.bob.member.uuid == UUID(people(cast)["bob"]["id"]) and not people(cast)["bob"]["suspended"]


def test_a_changed_address_mails_no_reminder_of_anybodys_private_event_to_it(cast: Cast) -> None:
    put(cast, listed("1", "bob"), listed("2", "ben"))
    own = next(c["id"] for c in cast.bob.get("calendars")["items"])
    at = clock.now() + timedelta(minutes=29)
    start = {"date_time": f"{at:%Y-%m-%dT%H:%M:%S}", "time_zone": "UTC"}
    rings = {"use_default": False, "overrides": [{"method": "email", "minutes": 30}]}
    event = {"calendar": own, "summary": "CANARY", "visibility": "private", "start": start, "reminders": rings}
    cast.bob.post("events", event)
    put(cast, listed("1", "mole"), listed("2", "ben"))
    ringing.ring(cast.account.pk)
    with tenant(cast.account.pk):
        assert not OutgoingMail.objects.filter(to="mole@acme.example").exists()


def test_many_changed_addresses_at_once_are_held(cast: Cast) -> None:
    put(cast, *(listed(str(n), f"p{n}") for n in range(3)))
    changed = [listed(str(n), f"q{n}") for n in range(3)]
    report = put(cast, *changed)
    assert report["held"] and report["suspended"] == report["created"] == ["0", "1", "2"]
    assert set(active(cast)) == {"p0", "p1", "p2"}
    assert not put(cast, *changed, query="?confirm=true")["held"] and set(active(cast)) == {"q0", "q1", "q2"}


def test_the_integrations_own_token_survives_a_changed_address(cast: Cast) -> None:
    put(cast, listed("1", "alice", role="administrator"), listed("2", "ben"))
    renamed = [listed("1", "alice.lima", role="administrator"), listed("2", "ben")]
    report = put(cast, *renamed)
    assert (report["created"], report["suspended"]) == (["1"], [])
    assert not people(cast)["alice"]["suspended"] and people(cast)["alice"]["external_id"] == ""
    again = put(cast, *renamed)
    assert again["updated"] == again["created"] == again["suspended"] == []


def test_a_directory_sent_by_somebody_with_less_power_changes_nothing_of_an_administrator(cast: Cast) -> None:
    hr = hr_of(cast)
    alice = people(cast)["alice"]
    for entry in (
        listed("a", "alice", role="administrator", name="Renamed"),
        listed("a", "alice", role="administrator", name=""),
    ):
        answer = hr.call("PUT", "directory", {"members": [entry]})
        assert answer.status_code == 422 and "holds more than you" in answer.json()["detail"], answer.content
        assert people(cast)["alice"] == alice
    put(cast, listed("a", "alice", role="administrator"), listed("b", "bob"))
    alice = people(cast)["alice"]
    answer = hr.call("PUT", "directory", {"members": [listed("z", "alice", role="administrator"), listed("a", "bob")]})
    assert answer.status_code == 422 and people(cast)["alice"] == alice, "nor does her id go to somebody else"
    unchanged = listed("a", "alice", role="administrator")
    answer = hr.call("PUT", "directory", {"members": [unchanged, listed("c", "bob")]})
    assert answer.status_code == 200 and people(cast)["bob"]["external_id"] == "c", (
        "who is listed as they are is no change"
    )


def test_an_invited_administrator_is_not_let_in_by_somebody_with_less_power(cast: Cast) -> None:
    hr = hr_of(cast)
    made = cast.alice.post("members", {"email": "ann@acme.example", "role": "administrator"})
    assert hr.call("PUT", "directory", {"members": [listed("x", "ann", role="administrator")]}).status_code == 422
    assert people(cast)["ann"] == made


def test_addresses_are_the_same_however_they_are_written_and_invited_people_are_adopted(cast: Cast) -> None:
    made = cast.alice.post("members", {"email": "Ann@Acme.example", "role": "agent"})
    assert made["state"] == "invited"
    report = put(cast, {"external_id": "1", "email": "ANN@acme.EXAMPLE ", "name": "Ann"})
    assert report["updated"] == ["1"] and report["created"] == []
    assert people(cast)["ann"]["id"] == made["id"] and people(cast)["ann"]["state"] == "invited"
    again = put(cast, {"external_id": "1", "email": "ann@ACME.example", "name": "Ann"})
    assert again["updated"] == again["created"] == []


def test_whoever_is_listed_again_is_back(cast: Cast) -> None:
    four = [listed(str(n), f"p{n}") for n in range(4)]
    put(cast, *four)
    put(cast, *four[1:])
    assert people(cast)["p0"]["suspended"]
    assert put(cast, *four)["updated"] == ["0"] and not people(cast)["p0"]["suspended"]


@pytest.mark.parametrize("seed", range(12))
def test_no_sequence_of_snapshots_suspends_anybody_who_is_listed(cast: Cast, seed: int) -> None:
    dice = random.Random(seed)
    for _turn in range(7):
        count = dice.randrange(0, 6)
        ids, names = dice.sample("123456", count), dice.sample(["ann", "ben", "cid", "dee", "eve", "bob", "fay"], count)
        rows = [listed(i, who, role=dice.choice(["agent", "administrator"])) for i, who in zip(ids, names, strict=True)]
        if dice.random() < 0.2 and names:
            cast.alice.patch(f"members/{people(cast)['bob']['id']}", {"suspended": True})
        before = {who: row["id"] for who, row in people(cast).items()}
        put(cast, *rows, query="?confirm=true")
        assert active(cast) == dict(zip(names, ids, strict=True)), (rows, people(cast))
        kept = {who: row["id"] for who, row in people(cast).items() if who in before}
        assert all(before[who] == kept[who] for who in kept), "who had a membership has the same one"
        roles = {who: row["role"] for who, row in people(cast).items()}
        assert all(roles[row["name"].lower()] == row["role"] for row in rows)
        again = put(cast, *rows)
        assert again["created"] == again["updated"] == again["suspended"] == again["removed"] == []
    assert not any(
        user.has_usable_password()
        for user in User.objects.exclude(email__in=["alice@acme.example", "bob@acme.example", "charlie@other.example"])
    )


# ── holding mistakes


@pytest.mark.parametrize(
    ("company", "stay", "is_held"),
    [
        (1, 0, True),
        (2, 1, False),
        (2, 0, True),
        (3, 2, False),
        (3, 1, True),
        (6, 5, False),
        (6, 4, True),
        (10, 7, False),
        (10, 6, True),
    ],
)
def test_a_snapshot_that_lost_people_is_held_in_a_company_of_any_size(
    cast: Cast, company: int, stay: int, is_held: bool
) -> None:
    rows = [listed(str(n), f"p{n}") for n in range(company)]
    put(cast, *rows)
    report = put(cast, *rows[:stay])
    assert report["held"] == is_held and len(active(cast)) == (company if is_held else stay)
    assert bool(report["reasons"]) == is_held and ("confirm=true" in report["advice"]) == is_held
    if is_held:
        assert len(report["suspended"]) == company - stay, "it says who would go"
        assert put(cast, *rows[:stay], query="?confirm=true")["held"] is False and len(active(cast)) == stay


def test_nobody_can_take_the_last_administrator_away_even_confirmed(cast: Cast) -> None:
    rows = [listed("1", "alice"), listed("2", "bob")]
    for snapshot in (rows, rows[1:]):
        if snapshot == rows[1:]:
            put(cast, listed("1", "alice", role="administrator"), rows[1])
        report = put(cast, *snapshot)
        assert report["held"] and "administrator" in report["reasons"][0] and "cannot be confirmed" in report["advice"]
        answer = cast.alice.call("PUT", "directory?confirm=true", {"members": snapshot})
        assert answer.status_code == 422 and not people(cast)["alice"]["suspended"]
        assert people(cast)["alice"]["role"] == "administrator"


def test_a_new_administrator_in_place_of_the_last_one_is_held_until_confirmed(cast: Cast) -> None:
    rows = [listed("1", "alice"), listed("2", "ann", role="administrator")]
    assert put(cast, *rows)["held"] is True
    assert put(cast, *rows, query="?confirm=true")["held"] is False
    assert people(cast)["alice"]["role"] == "agent" and people(cast)["ann"]["role"] == "administrator"


def test_a_dry_run_changes_nothing_and_says_the_same(cast: Cast) -> None:
    put(cast, listed("1", "ann"), teams=[{"external_id": "t", "name": "Desk", "members": ["1"]}])
    before = cast.alice.get("members"), cast.alice.get("teams"), cast.alice.get("calendars")
    rows = [listed("2", "ann"), listed("1", "new", role="administrator")]
    said = put(cast, *rows, query="?dry_run=true", teams=[])
    assert (cast.alice.get("members"), cast.alice.get("teams"), cast.alice.get("calendars")) == before
    done = put(cast, *rows, teams=[])
    assert {**said, "dry_run": False} == done and done["removed"] == ["team:t"]


# ── teams and inboxes


def groups(*rows: tuple[str, str, list[str]]) -> list[Payload]:
    return [{"external_id": key, "name": name, "members": members} for key, name, members in rows]


@pytest.mark.parametrize("kind", ["team", "inbox"])
def test_a_team_or_inbox_that_is_gone_leaves_no_access_behind(cast: Cast, kind: str) -> None:
    many = "teams" if kind == "team" else "inboxes"
    put(cast, listed("1", "bob"), **{many: groups(("g", "Desk", ["1"]))})
    [group] = cast.alice.get(many)["items"]
    calendar = next(c for c in cast.alice.get("calendars")["items"] if c["name"] == "Alice Lima")["id"]
    items = [{"kind": kind, "id": group["id"], "level": "edit"}]
    cast.alice.put(f"calendars/{calendar}/assignments", {"items": items})
    assert calendar in {c["id"] for c in cast.bob.get("calendars")["items"]}
    assert put(cast, listed("1", "bob"))["removed"] == [], "not given at all means not spoken of"
    assert put(cast, listed("1", "bob"), **{many: []})["removed"] == [f"{kind}:g"]
    assert calendar not in {c["id"] for c in cast.bob.get("calendars")["items"]}
    with tenant(cast.account.pk):
        assert not Assignment.objects.filter(calendar__uuid=calendar).exists()
    assert put(cast, listed("1", "bob"), **{many: []})["removed"] == []


def test_teams_made_by_hand_stay_as_they_are(cast: Cast) -> None:
    cast.alice.post("teams", {"name": "By hand", "members": [str(cast.bob.member.uuid)]})
    put(cast, listed("1", "ann"), teams=groups(("t", "Desk", ["1"])))
    put(cast, listed("1", "ann"), teams=[])
    assert [t["members"] for t in cast.alice.get("teams")["items"] if t["name"] == "By hand"] == [
        [str(cast.bob.member.uuid)]
    ]


def test_teams_may_swap_names_and_take_a_name_that_is_there(cast: Cast) -> None:
    cast.alice.post("teams", {"name": "Sales", "members": [str(cast.bob.member.uuid)]})
    put(cast, listed("1", "ann"), teams=groups(("a", "SALES", ["1"]), ("b", "Desk", [])))
    put(cast, listed("1", "ann"), teams=groups(("a", "Desk", ["1"]), ("b", "Sales", [])))
    found = {t["external_id"]: (t["name"], len(t["members"])) for t in cast.alice.get("teams")["items"]}
    assert found == {"a": ("Desk", 1), "b": ("Sales", 0)}
    put(cast, listed("1", "ann"), teams=groups(("a", "Desk", ["1"]), ("c", "Sales", ["1"])))
    assert {t["external_id"]: t["name"] for t in cast.alice.get("teams")["items"]} == {"a": "Desk", "c": "Sales"}


def test_many_teams_gone_at_once_are_held(cast: Cast) -> None:
    four = [(str(n), f"T{n}", ["1"]) for n in range(4)]
    put(cast, listed("1", "ann"), teams=groups(*four))
    report = put(cast, listed("1", "ann"), teams=groups(*four[:2]))
    assert report["held"] and report["removed"] == ["team:2", "team:3"]
    with tenant(cast.account.pk):
        assert Team.objects.exclude(external_id="").count() == 4
    put(cast, listed("1", "ann"), query="?confirm=true", teams=groups(*four[:2]))
    with tenant(cast.account.pk):
        assert Team.objects.exclude(external_id="").count() == 2 and not Inbox.objects.exists()


def test_a_person_who_is_out_is_out_of_their_teams(cast: Cast) -> None:
    both = [listed("1", "ann"), listed("2", "ben")]
    put(cast, *both, teams=groups(("t", "Desk", ["1", "2", "2", "unknown"])))
    put(cast, both[0], teams=groups(("t", "Desk", ["1", "2"])))
    assert len(cast.alice.get("teams")["items"][0]["members"]) == 1


# ── what is refused, with nothing written


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"members": [listed("1", "ann"), listed("1", "ben")]}, "members[1].external_id"),
        ({"members": [listed("1", "ann"), listed("2", "ANN")]}, "members[1].email"),
        ({"members": [listed("1", "ann"), {"external_id": "2", "email": "none"}]}, "members[1].email"),
        ({"members": [listed("1", "a" * 300)]}, "members[0].email"),
        ({"members": [listed("", "ann")]}, "members[0].external_id"),
        ({"members": [listed("x" * 121, "ann")]}, "members[0].external_id"),
        ({"members": [listed("1\x00", "ann")]}, "members[0].external_id"),
        ({"members": [{**listed("1", "ann"), "name": "n" * 121}]}, "members[0].name"),
        ({"members": [listed("1", "ann", role="king")]}, "members[0].role"),
        ({"members": [], "teams": groups(("t", "", []))}, "teams[0].name"),
        ({"members": [], "teams": groups(("t", "A", []), ("u", "a", []))}, "teams[1].name"),
        ({"members": [], "inboxes": groups(("t", "A", []), ("t", "B", []))}, "inboxes[1].external_id"),
    ],
)
def test_a_snapshot_with_a_fault_is_refused_by_its_entry(cast: Cast, body: Payload, field: str) -> None:
    before = cast.alice.get("members"), cast.alice.get("teams")
    answer = cast.alice.call("PUT", "directory", body)
    assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == field, answer.content
    assert (cast.alice.get("members"), cast.alice.get("teams")) == before


@pytest.mark.parametrize("by", ["id", "name", "NAME"])
def test_custom_roles_are_taken_by_id_or_name(cast: Cast, by: str) -> None:
    with tenant(cast.account.pk):
        role = services.create_role(name="Planner", held=["calendars.manage"], by=OPERATOR)
    key = {"id": str(role.uuid), "name": "Planner", "NAME": "PLANNER"}[by]
    put(cast, listed("1", "ann", role=key))
    assert people(cast)["ann"]["role"] == str(role.uuid)
    assert put(cast, listed("1", "ann", role=key))["updated"] == []
