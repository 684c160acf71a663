"""Everything that a calendar, a list entry and a rule of its ACL hold, and the preconditions of changing them."""

from typing import Any

from tests.emulator.conftest import ANA, BEN, Caller, Emulator


def _made(ana: Caller) -> dict[str, Any]:
    body = {"summary": "Team", "description": "All of us", "location": "Berlin", "timeZone": "Europe/Berlin"}
    return dict(ana.ok("POST", "calendars", body))


def test_a_calendar_keeps_its_place_and_its_text_until_they_are_cleared(ana: Caller) -> None:
    made = _made(ana)
    path = f"calendars/{made['id']}"
    assert (made["description"], made["location"]) == ("All of us", "Berlin")
    assert ana.ok("GET", f"users/me/calendarList/{made['id']}")["location"] == "Berlin"
    assert "description" not in ana.ok("PATCH", path, {"description": ""})
    assert ana.ok("GET", path)["location"] == "Berlin"
    assert "location" not in ana.ok("PUT", path, {"summary": "Team"})
    assert ana.refused("PUT", path, {"description": "x"}) == (400, "required")


def test_a_calendar_keeps_labels_and_working_hours(ana: Caller) -> None:
    label = {"id": "0b7e", "name": "Travel", "backgroundColor": "#aabbcc"}
    more = {"labelProperties": {"eventLabels": [label]}, "workingHours": {"workingHoursEnabled": True}}
    path = f"calendars/{_made(ana)['id']}"
    ana.ok("PATCH", path, more)
    shown = ana.ok("GET", path)
    assert {name: shown[name] for name in more} == more


def test_a_changed_calendar_has_a_new_etag_and_minds_the_old(ana: Caller) -> None:
    made = _made(ana)
    path = f"calendars/{made['id']}"
    changed = ana("PATCH", path, {"summary": "Crew"}, If_Match=made["etag"])
    assert changed.status_code == 200 and changed.json["etag"] != made["etag"]
    assert ana.refused("PATCH", path, {"summary": "x"}, If_Match=made["etag"]) == (412, "conditionNotMet")
    entry = ana.ok("GET", f"users/me/calendarList/{made['id']}")
    for method in ("PATCH", "PUT", "DELETE"):
        stale = ana.refused(method, f"users/me/calendarList/{made['id']}", {"selected": True}, If_Match='"1"')
        assert stale[0] in {403, 412}
    fresh = ana("PATCH", f"users/me/calendarList/{made['id']}", {"selected": False}, If_Match=entry["etag"])
    assert fresh.status_code == 200 and fresh.json["etag"] != entry["etag"]


def test_a_list_entry_keeps_what_the_person_wants_to_be_told(ana: Caller) -> None:
    primary = ana.ok("GET", "users/me/calendarList/primary")
    kinds = [row["type"] for row in primary["notificationSettings"]["notifications"]]
    assert kinds == ["eventCreation", "eventChange", "eventCancellation", "eventResponse"]
    wanted = {"notifications": [{"type": "agenda", "method": "email"}]}
    changed = ana.ok("PATCH", "users/me/calendarList/primary", {"notificationSettings": wanted})
    assert changed["notificationSettings"] == wanted
    assert "notificationSettings" not in ana.ok("PUT", "users/me/calendarList/primary", {"selected": True})


def test_a_list_entry_takes_colour_and_name_when_it_is_added(emulator: Emulator, ana: Caller) -> None:
    emulator.caller(BEN)
    emulator.control("share", {"calendar_id": BEN, "email": "default", "role": "reader"})
    body = {"id": BEN, "colorId": "5", "summaryOverride": "Ben's", "hidden": True}
    entry = ana.ok("POST", "users/me/calendarList", body)
    assert (entry["colorId"], entry["summaryOverride"], entry["hidden"]) == ("5", "Ben's", True)
    assert ana.refused("POST", "users/me/calendarList", {}) == (400, "required")
    too_long = {"defaultReminders": [{"method": "popup", "minutes": 50_000}]}
    assert ana.refused("PATCH", f"users/me/calendarList/{BEN}", too_long) == (400, "invalid")


def test_a_group_is_shown_as_a_group_and_a_domain_that_nobody_belongs_to_is_refused(ana: Caller) -> None:
    group = {"role": "reader", "scope": {"type": "group", "value": "team@acme.example"}}
    made = ana.ok("POST", "calendars/primary/acl", group)
    assert (made["id"], made["scope"]["type"]) == ("group:team@acme.example", "group")
    assert ana.ok("GET", "calendars/primary/acl/group:team@acme.example")["role"] == "reader"
    for scope in ({"type": "domain", "value": "acme.example"}, {"type": "user", "value": "nobody"}, {"type": "crowd"}):
        assert ana.refused("POST", "calendars/primary/acl", {"role": "reader", "scope": scope}) == (400, "invalid")
    for body in ({"role": "reader"}, {"scope": {"type": "user", "value": BEN}}):
        assert ana.refused("POST", "calendars/primary/acl", body) == (400, "required")


def test_sharing_by_the_api_leaves_it_to_the_other_to_add_the_calendar(emulator: Emulator, ana: Caller) -> None:
    ben = emulator.caller(BEN)
    rule = {"role": "reader", "scope": {"type": "user", "value": BEN}}
    ana.ok("POST", "calendars/primary/acl", rule)
    assert ben.refused("GET", f"users/me/calendarList/{ANA}") == (404, "notFound")
    assert ben.ok("GET", f"calendars/{ANA}/events")["accessRole"] == "reader"
    assert ben.ok("POST", "users/me/calendarList", {"id": ANA})["accessRole"] == "reader"
    emulator.control("behaviours", {"shared_is_listed": True}, "PUT")
    made = ana.ok("POST", "calendars", {"summary": "Team"})["id"]
    ana.ok("POST", f"calendars/{made}/acl", rule)
    assert ben.ok("GET", f"users/me/calendarList/{made}")["summary"] == "Team"
