"""Which permission reaches what: every scope of the discovery document, and the three that reach some calendars only."""

from typing import Any

import pytest
from gcal_emulator import discovery

from tests.emulator.conftest import ANA, BEN, EVENTS, LUNCH, Caller, Emulator


def _called(caller: Caller, name: str, ids: dict[str, str]) -> Any:
    verb, path, _query, body = discovery.METHODS[name]
    query = "?destination=primary" if name == "events.move" else ""
    return caller(verb, path.format(**ids) + query, {} if body else None)


@pytest.mark.parametrize("scope", sorted(discovery.SCOPE_TEXTS))
def test_each_scope_allows_the_methods_of_the_document_and_no_others(emulator: Emulator, scope: str) -> None:
    caller = emulator.caller(ANA, scope)
    ids = {"calendarId": "primary", "eventId": "nothing1", "ruleId": f"user:{BEN}", "setting": "nothing"}
    for name, allowed in discovery.SCOPES.items():
        answer = _called(caller, name, ids)
        reasons = answer.json["error"]["errors"][0]["reason"] if answer.status_code == 403 else ""
        is_narrow = scope in {"calendar.app.created", "calendar.events.public.readonly"}
        if scope not in allowed.split():
            assert reasons == "insufficientPermissions", name
        elif not is_narrow:
            assert reasons != "insufficientPermissions", name


def test_an_app_reaches_only_the_calendars_that_it_made(emulator: Emulator, ana: Caller) -> None:
    app = emulator.caller(ANA, "calendar.app.created")
    for path, method, body in ((EVENTS, "POST", LUNCH), (EVENTS, "GET", None), ("calendars/primary", "GET", None)):
        assert app.refused(method, path, body) == (403, "insufficientPermissions")
    made = app.ok("POST", "calendars", {"summary": "Shifts"})["id"]
    assert app.ok("POST", f"calendars/{made}/events", LUNCH)["organizer"]["email"] == made
    assert app.ok("PATCH", f"users/me/calendarList/{made}", {"summaryOverride": "Mine"})["summaryOverride"] == "Mine"
    other = ana.ok("POST", "calendars", {"summary": "By hand"})["id"]
    emulator.world.calendars[other].made_by = ""
    assert app.refused("GET", f"calendars/{other}/events") == (403, "insufficientPermissions")


def test_a_scope_for_owned_calendars_ends_where_the_role_does(emulator: Emulator, ana: Caller) -> None:
    owned = emulator.caller(BEN, "calendar.events.owned", "calendar.events.owned.readonly")
    assert owned.ok("POST", EVENTS, LUNCH)["id"]
    emulator.control("share", {"calendar_id": ANA, "email": BEN, "role": "writer"})
    assert owned.refused("GET", f"calendars/{ANA}/events") == (403, "insufficientPermissions")
    emulator.control("share", {"calendar_id": ANA, "email": BEN, "role": "owner"})
    assert owned.ok("GET", f"calendars/{ANA}/events")["accessRole"] == "owner"


def test_a_scope_for_public_calendars_ends_at_what_is_not_public(emulator: Emulator, ana: Caller) -> None:
    public = emulator.caller(BEN, "calendar.events.public.readonly")
    emulator.control("share", {"calendar_id": ANA, "email": BEN, "role": "reader"})
    assert public.refused("GET", f"calendars/{ANA}/events") == (403, "insufficientPermissions")
    emulator.control("share", {"calendar_id": ANA, "email": "default", "role": "reader"})
    assert public.ok("GET", f"calendars/{ANA}/events")["accessRole"] == "reader"
