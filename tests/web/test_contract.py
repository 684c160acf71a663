"""The OpenAPI document says everything that the API takes, answers and refuses, and the API keeps to it.

What every answer of every test is held against stands in `tests.support.contract`.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from conversa_calendar.api.contract.codes import CODES, STATUSES
from conversa_calendar.api.contract.document import sample
from conversa_calendar.api.contract.parameters import HEADERS, PARAMETERS
from conversa_calendar.api.contract.table import OPERATIONS, SCHEMAS
from tests.bookings.test_bookings import make_page, soon, text
from tests.support import contract
from tests.support.cast import Cast

SOURCES = Path(__file__).resolve().parents[2] / "src" / "conversa_calendar"
NOT_EDITED = {
    "change_event": "has its own",
    "change_mirror": "says what shall be, whatever stands",
    "put_directory": "replaces everything, whatever stands",
    "choose_calendar": "says what shall be, whatever stands",
    "disconnect": "ends it, whatever stands",
    "withdraw_offer": "frees it, whatever stands",
    "remove_feed": "ends it, whatever stands",
    "end_sessions": "ends them, whatever stands",
    "end_own_sessions": "ends them, whatever stands",
}
"""Operations that change or remove something and take no If-Match, or need none."""

NOT_CREATED = {
    "publish": "needs Google, and answers the mirror that is there",
    "rehearse_import": "only tells what would be done",
}
"""Operations that answer 201 and are not tried twice here."""


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, methods in contract.document()["paths"].items()
        for method, operation in methods.items()
    ]


OPERATIONS_FOUND = operations()
IDS = [operation["operationId"] for _method, _path, operation in OPERATIONS_FOUND]


def _schemas() -> Iterator[tuple[str, Any]]:
    """Every schema of the document, with the place where it stands."""
    yield from SCHEMAS.items()
    for _method, _path, operation in OPERATIONS_FOUND:
        name = operation["operationId"]
        yield from ((f"{name}?{row['name']}", row["schema"]) for row in operation["parameters"])
        for place in (operation.get("requestBody", {}), *operation["responses"].values()):
            yield from ((name, content["schema"]) for content in place.get("content", {}).values())


def _leaves(place: str, schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The schemas within a schema."""
    yield place, schema
    for name, inner in schema.get("properties", {}).items():
        yield from _leaves(f"{place}.{name}", inner)
    for inner in (schema.get("items"), schema.get("additionalProperties"), *schema.get("anyOf", ())):
        if isinstance(inner, dict):
            yield from _leaves(place, inner)


# ── the document is whole


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS_FOUND, ids=IDS)
def test_every_operation_says_what_it_takes_answers_and_refuses(
    method: str, path: str, operation: dict[str, Any]
) -> None:
    name = operation["operationId"]
    assert name in OPERATIONS, f"{method} {path} ({name}) is not in the contract. {contract.WHAT_TO_DO}"
    for row in operation["parameters"]:
        known = HEADERS if row["in"] == "header" else PARAMETERS | OPERATIONS[name].parameters
        assert row["name"] in known and row["description"], (
            f"Nothing says what {row['name']} of {name} is. {contract.WHAT_TO_DO}"
        )
    success = [status for status in operation["responses"] if status.startswith("2")]
    assert len(success) == 1
    assert ("content" in operation["responses"][success[0]]) == (success[0] != "204"), (
        f"{name} answers without a schema. {contract.WHAT_TO_DO}"
    )
    for status, answer in operation["responses"].items():
        if not status.startswith("2"):
            assert answer["content"] == {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
            }
    assert {"401", "403", "422", "429", "503"} <= set(operation["responses"])
    assert operation["summary"] and "scope" in operation["description"]


def test_every_operation_of_the_contract_is_a_route_and_its_name_is_short_and_its_own() -> None:
    assert sorted(IDS) == sorted(set(IDS))
    assert set(OPERATIONS) == set(IDS)
    assert all(len(name) <= 32 for name in IDS)


def test_every_value_has_a_type() -> None:
    bare = [
        place
        for name, schema in _schemas()
        for place, leaf in _leaves(name, schema)
        if not {"type", "$ref", "anyOf"} & set(leaf)
        or (leaf.get("type") == "object" and not leaf.get("properties") and "additionalProperties" not in leaf)
    ]
    assert bare == [], contract.WHAT_TO_DO


def test_every_object_of_a_body_is_closed_and_every_component_is_used_and_described() -> None:
    told = str([schema for name, schema in _schemas()])
    for name, schema in SCHEMAS.items():
        assert f"'#/components/schemas/{name}'" in told, f"Nothing uses {name}."
        assert schema.get("description"), name
    taken = [o["requestBody"]["content"] for _m, _p, o in OPERATIONS_FOUND if "requestBody" in o]
    bodies = [content["application/json"] for content in taken if "application/json" in content]
    seen: set[str] = set()

    def walk(schema: Any) -> None:
        for _place, leaf in _leaves("", schema):
            if "$ref" in leaf and (name := leaf["$ref"].rpartition("/")[2]) not in seen:
                seen.add(name)
                walk(SCHEMAS[name])
            assert "properties" not in leaf or leaf.get("additionalProperties") is False, leaf["description"]

    for body in bodies:
        walk(body["schema"])


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_the_example_of_every_schema_fits_it(name: str) -> None:
    for place, leaf in _leaves(name, SCHEMAS[name]):
        for example in leaf.get("examples", ()):
            contract.validator(leaf).validate(example), place
    contract.validator(SCHEMAS[name], is_closed=False).validate(sample(SCHEMAS[name]))


def test_every_code_of_a_problem_is_in_the_table() -> None:
    """Codes are the second argument of a Problem, a Trouble or a response, and the first of what is refused."""
    said = set()
    for source in SOURCES.rglob("*.py"):
        if source.parent.name not in {"api", "config", "contract", "acts"} and "connections" not in source.parts:
            continue
        for node in ast.walk(ast.parse(source.read_text())):
            if not isinstance(node, ast.Call):
                continue
            called = getattr(node.func, "id", getattr(node.func, "attr", ""))
            place = {"Problem": 1, "Trouble": 1, "response": 1, "Refusal": 0}.get(called)
            if place is not None and len(node.args) > place and isinstance(node.args[place], ast.Constant):
                said.add(node.args[place].value)
    assert said - set(CODES) == set(), "Add them to api/contract/codes.py with what they mean and what to do."
    assert {status for code in CODES.values() for status in code.statuses} <= {*STATUSES, 405, 500}


# ── what nobody knows


def test_an_unknown_parameter_is_refused_and_the_nearest_one_named(cast: Cast) -> None:
    answer = cast.alice.call("GET", "events?form=2026-12-01&to=2026-12-02")
    assert answer.status_code == 422 and answer["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"] == [{"field": "form", "message": "There is no parameter form. Did you mean from?"}]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"sumary": "x"}, "sumary"),
        ({"attendees": [{"email": "a@else.example", "nickname": "A"}]}, "attendees[0].nickname"),
        ({"reminders": {"use_default": False, "override": []}}, "reminders.override"),
        ({"start": {"date": "2026-12-01", "zone": "UTC"}}, "start.zone"),
        ({"conference": {"request": True, "kind": "meet"}}, "conference.kind"),
        ({"references": [{"kind": "ticket", "id": "7", "href": "x"}]}, "references[0].href"),
        ({"summary": 5}, "summary"),
        ({"attendees": "a@else.example"}, "attendees"),
        ({"guests_can": {"modify": "yes"}}, "guests_can.modify"),
    ],
)
def test_an_unknown_field_or_a_wrong_kind_is_refused_wherever_it_stands(
    cast: Cast, body: dict[str, Any], field: str
) -> None:
    start = {"start": {"date": "2026-12-01"}}
    own = cast.alice.get("calendars")["items"][0]["id"]
    answer = cast.alice.call("POST", "events", {"calendar": own} | start | body)
    assert answer.status_code == 422, answer.content
    assert answer.json()["errors"][0]["field"] == field


def test_a_needed_field_is_named(cast: Cast) -> None:
    answer = cast.alice.call("POST", "bookings", {"page": str(cast.alice.member.uuid), "start": "2026-12-01T09:00:00Z"})
    assert answer.json()["errors"] == [{"field": "name", "message": "The field name is needed."}]


@pytest.mark.parametrize("path", ["nonsense", "events/a/b/c/d", "../v2/events", ""])
def test_an_unknown_address_is_a_problem(cast: Cast, path: str) -> None:
    answer = Client(HTTP_AUTHORIZATION=f"Bearer {cast.alice.token}").get(f"/api/v1/{path}")
    assert answer.status_code == 404 and answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "not_found"


# ── once, and only on what was read


def _creates(cast: Cast) -> dict[str, tuple[str, dict[str, Any]]]:
    page = make_page(cast.alice)
    own = cast.alice.get("calendars")["items"][0]["id"]
    return {
        "add_member": ("members", {"email": "new@acme.example", "name": "New"}),
        "add_team": ("teams", {"name": "T"}),
        "add_inbox": ("inboxes", {"name": "I"}),
        "add_role": ("roles", {"name": "R", "permissions": []}),
        "add_token": ("tokens", {"name": "t", "scopes": ["events.read"]}),
        "add_calendar": ("calendars", {"name": "C"}),
        "create_event": ("events", {"calendar": own, "start": {"date": "2026-12-01"}}),
        "add_page": ("booking-pages", {"title": "P"}),
        "invite_to_connect": ("connections/invitations", {"member": str(cast.bob.member.uuid)}),
        "add_feed": ("feeds", {"kind": "calendar", "target": own}),
        "add_webhook": ("webhooks", {"url": "https://hooks.example.com/"}),
        "copy_page": (f"booking-pages/{page['id']}/copy", {}),
        "add_hold": (f"booking-pages/{page['id']}/holds", {"start": text(soon(6))}),
        "add_offer": (f"booking-pages/{page['id']}/offers", {"starts": [text(soon(7))]}),
        "add_booking": (
            "bookings",
            {"page": page["id"], "start": text(soon(4)), "name": "V", "email": "v@customer.example"},
        ),
    }


def test_every_create_is_done_once_for_a_key(cast: Cast) -> None:
    made = [name for method, _p, o in OPERATIONS_FOUND if "201" in o["responses"] for name in [o["operationId"]]]
    creates = _creates(cast)
    assert set(made) - set(NOT_CREATED) == set(creates), "Add the new create to `_creates`, with an Idempotency-Key."
    for name, (path, body) in creates.items():
        first = cast.alice.call("POST", path, body, idempotency_key=name)
        assert first.status_code == 201, (name, first.content)
        again = cast.alice.call("POST", path, body, idempotency_key=name)
        kept = dict.fromkeys(OPERATIONS[name].secrets)
        assert again.json() == first.json() | kept, name


def test_the_same_key_for_another_address_is_refused(cast: Cast) -> None:
    cast.alice.call("POST", "teams", {"name": "T"}, idempotency_key="k")
    assert (
        cast.alice.call("POST", "inboxes", {"name": "T"}, idempotency_key="k").json()["code"] == "idempotency_conflict"
    )


def test_everything_that_is_changed_can_be_guarded_against_overwriting() -> None:
    changing = [
        operation
        for method, path, operation in OPERATIONS_FOUND
        if method in {"PATCH", "PUT", "DELETE"} and operation["operationId"] not in NOT_EDITED
    ]
    for operation in changing:
        named = {row["name"] for row in operation["parameters"]}
        assert "If-Match" in named, (
            f"{operation['operationId']} takes no If-Match: use api/etags.py, or say why in NOT_EDITED."
        )
        assert "412" in operation["responses"]


def test_what_somebody_else_changed_meanwhile_is_not_overwritten(cast: Cast) -> None:
    alice = cast.alice
    page, calendar = make_page(alice), alice.post("calendars", {"name": "C"})
    booking = alice.post(
        "bookings", {"page": page["id"], "start": text(soon()), "name": "V", "email": "v@customer.example"}
    )
    page = alice.get(f"booking-pages/{page['id']}")
    role, team = alice.post("roles", {"name": "R", "permissions": []}), alice.post("teams", {"name": "T"})
    bob = next(m for m in alice.get("members")["items"] if m["id"] == str(cast.bob.member.uuid))
    tries: list[tuple[str, str, Any, Any, str]] = [
        ("PATCH", "account", {"name": "One"}, {"name": "Two"}, alice.get("account")["etag"]),
        ("PATCH", f"calendars/{calendar['id']}", {"name": "One"}, {"name": "Two"}, calendar["etag"]),
        ("PATCH", f"booking-pages/{page['id']}", {"title": "One"}, {"title": "Two"}, page["etag"]),
        ("PATCH", f"bookings/{booking['id']}", {"guests": ["a@else.example"]}, {"state": "cancelled"}, booking["etag"]),
        ("PATCH", f"roles/{role['id']}", {"name": "One"}, {"name": "Two"}, role["etag"]),
        ("PUT", f"teams/{team['id']}/members", {"members": [bob["id"]]}, {"members": []}, team["etag"]),
        ("PATCH", f"members/{bob['id']}", {"suspended": True}, {"suspended": False}, bob["etag"]),
    ]
    for method, path, first, second, etag in tries:
        done = alice.call(method, path, first, if_match=etag)
        assert done.status_code == 200 and done["ETag"] not in {"", etag}, (path, done.content)
        stale = alice.call(method, path, second, if_match=etag)
        assert stale.status_code == 412 and stale.json()["etag"] == done["ETag"], (path, stale.content)
        assert alice.call(method, path, second, if_match=done["ETag"]).status_code == 200
