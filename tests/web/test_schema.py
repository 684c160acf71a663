"""The one table of an event's fields: every field goes through the whole product and comes back as it was."""

import re
from typing import Any, get_type_hints

import pytest

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.api.contract.table import SCHEMAS
from conversa_calendar.calendars import schema
from conversa_calendar.calendars.models import Event
from conversa_calendar.dashboard.templatetags.conversa import unit_words
from conversa_calendar.domain import event as domain
from conversa_calendar.domain import ics
from conversa_calendar.kit import clock
from tests.sync.conftest import Scene, scene  # noqa: F401

START = {"date_time": "2026-12-01T09:00:00-03:00", "time_zone": "America/Sao_Paulo"}
END = {"date_time": "2026-12-01T10:30:00-03:00", "time_zone": "America/Sao_Paulo"}
VALUES: dict[str, Any] = {
    "start": START,
    "end": END,
    "recurrence": ["RRULE:FREQ=DAILY;COUNT=3"],
    "status": "tentative",
    "summary": "Quarterly review",
    "description": "line one\nline two",
    "location": "Rua A, 1",
    "transparency": "transparent",
    "visibility": "private",
    "color": "5",
    "reminders": {"use_default": False, "overrides": [{"method": "popup", "minutes": 30}]},
    "conference": {"request": True},
    "guests_can": {"invite_others": False, "modify": True, "see_others": False},
    "attendees": [{"email": "g@customer.example", "name": "Gil", "optional": True}],
}
"""A value of each field that is not its default. A field that the table has and this has not fails the test below."""
THERE: dict[str, Any] = {
    "start": {"dateTime": "2026-12-01T09:00:00-03:00", "timeZone": "America/Sao_Paulo"},
    "end": {"dateTime": "2026-12-01T10:30:00-03:00", "timeZone": "America/Sao_Paulo"},
    "reminders": {"useDefault": False, "overrides": [{"method": "popup", "minutes": 30}]},
    "guests_can": True,
}
"""What Google holds of it, where that is not the value itself."""


def test_the_table_has_every_field_and_every_unit_of_an_event_and_no_others() -> None:
    assert set(schema.BY_NAME) == set(get_type_hints(domain.Content)) == set(VALUES)
    assert list(dict.fromkeys(field.unit for field in schema.FIELDS if field.unit != "when")) and {
        field.unit for field in schema.FIELDS
    } == set(domain.UNITS)
    for field in schema.FIELDS:
        assert unit_words(field.unit) != field.unit, "say it in words for people"
        assert (field.name in SCHEMAS["Event"]["properties"]) and (field.name in SCHEMAS["EventInput"]["properties"])
        assert f"History{field.unit.title().replace('_', '')}Change" in SCHEMAS
        assert bool(field.choices) == (field.kind is schema.Kind.CHOICE)
        assert field.kind is not schema.Kind.TEXT or field.most


@pytest.mark.parametrize("name", list(schema.BY_NAME))
def test_a_field_goes_through_api_row_history_form_google_and_file_and_comes_back(scene: Scene, name: str) -> None:  # noqa: F811
    field, value = schema.BY_NAME[name], VALUES[name]
    plain = scene.create("plain")
    asked = {name: value} | ({"end": END} if name == "start" else {"start": START} if name == "end" else {})

    # API and row
    changed = scene.alice.patch(f"events/{plain['id']}", asked)
    assert changed["sync"]["state"] in {"pending", "synced"}
    scene.google.settle()
    shown = scene.alice.get(f"events/{plain['id']}")
    _same(name, shown[name], value)
    with tenant(scene.alice.account_id):
        row = Event.objects.get(uuid=plain["id"])
    assert name in row.content_json or name in {"start", "end"}

    # Google's wire, over the emulator, and back
    there = scene.ana.get(scene.remote_id(plain["id"]))
    if name in THERE or field.kind is not schema.Kind.OWN:
        assert there[field.wire] == THERE.get(name, value)
    assert field.wire in there
    scene.assert_equal()

    # history, unless nothing differed
    if name not in {"start"}:
        entries = scene.alice.get(f"events/{plain['id']}/history")["items"]
        assert any(field.unit in entry["changes"] for entry in entries)

    # the form
    page = scene.alice.browser().get(f"/events/{plain['id']}/edit").content.decode()
    if field.kind is not schema.Kind.OWN and field.in_form:
        assert re.search(rf'name="{name}"', page), f"the form does not ask for {name}"

    # a file
    text = ics.build(
        uid="1",
        content=row.content,
        organizer=("a@acme.example", "A"),
        sequence=0,
        method="PUBLISH",
        stamp=clock.now(),
    )
    assert not field.ics or field.ics in text or name in NOT_IN_MAILS


NOT_IN_MAILS = {"visibility", "transparency", "conference"}
"""What a scheduling message leaves to its reader; a feed says it. A meeting has its address only once Google made it."""


def _same(name: str, shown: Any, value: Any) -> None:
    match name:
        case "attendees":
            assert [{key: guest[key] for key in value[0]} for guest in shown] == value
        case "conference":
            assert shown["state"] in {"pending", "ready"}
        case _:
            assert shown == value


@pytest.mark.parametrize("name", list(schema.MASKED))
def test_a_field_of_a_private_event_says_nothing_to_others(scene: Scene, name: str) -> None:  # noqa: F811
    made = scene.create("CANARY", **({"visibility": "private"} | ({name: VALUES[name]} if name != "summary" else {})))
    bob = {"kind": "agent", "id": str(scene.cast.bob.member.uuid), "level": "busy"}
    scene.alice.put(f"calendars/{scene.calendar}/assignments", {"items": [bob]})
    assert scene.cast.bob.get(f"events/{made['id']}")[name] == ("Busy" if name == "summary" else schema.MASKED[name])
