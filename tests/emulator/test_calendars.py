"""Lists of calendars, calendars, roles (checklist lines 16–23)."""

from urllib.parse import quote

from tests.emulator.conftest import ANA, BEN, LUNCH, Caller, Emulator

LIST = "users/me/calendarList"
HOLIDAYS = "en.brazilian#holiday@group.v.calendar.google.com"


def _shared(emulator: Emulator, role: str) -> Caller:
    """Ben, to whom Ana's primary calendar is shared."""
    ben = emulator.caller(BEN)
    emulator.control("share", {"calendar_id": ANA, "email": BEN, "role": role})
    return ben


def test_16_primary_is_an_alias_and_ids_are_percent_encoded(emulator: Emulator, ana: Caller) -> None:
    emulator.world.add_calendar(HOLIDAYS, "Holidays", "", "UTC").acl[ANA] = "reader"
    assert ana.ok("GET", "calendars/primary")["id"] == ANA
    for name in (ANA, HOLIDAYS):
        assert ana.ok("GET", f"calendars/{quote(name, safe='')}/events")["kind"] == "calendar#events"


def test_17_every_role_sees_and_writes_what_it_may(emulator: Emulator, ana: Caller) -> None:
    private = ana.ok("POST", "calendars/primary/events", LUNCH | {"visibility": "private", "location": "Cellar"})["id"]
    plain = ana.ok("POST", "calendars/primary/events", LUNCH)["id"]
    for role, sees, writes, writes_private in (
        ("reader", False, False, False),
        ("writerWithoutPrivateAccess", False, True, False),
        ("writer", True, True, True),
    ):
        ben = _shared(emulator, role)
        shown = {item["id"]: item for item in ben.ok("GET", f"calendars/{ANA}/events")["items"]}
        assert (
            ("summary" in shown[private]) == ("attendees" in shown[private]) == ("location" in shown[private]) == sees
        )
        assert shown[plain]["summary"] == "Lunch"
        assert ben("PATCH", f"calendars/{ANA}/events/{plain}", {"summary": "Lunch"}).status_code == (
            200 if writes else 403
        )
        changed = ben("PATCH", f"calendars/{ANA}/events/{private}", {"colorId": "3"})
        assert changed.status_code == (200 if writes_private else 403)
        assert next(e for e in ben.ok("GET", LIST)["items"] if e["id"] == ANA)["accessRole"] == role


def test_18_hidden_and_deleted_entries_need_flags_or_a_token_and_false_is_omitted(
    emulator: Emulator, ana: Caller
) -> None:
    team = ana.ok("POST", "calendars", {"summary": "Team"})["id"]
    token = ana.ok("GET", LIST)["nextSyncToken"]
    ana.ok("PATCH", f"{LIST}/{team}", {"hidden": True, "selected": False})
    assert [e["id"] for e in ana.ok("GET", LIST)["items"]] == [ANA]
    entry = next(e for e in ana.ok("GET", f"{LIST}?showHidden=true")["items"] if e["id"] == team)
    assert entry["hidden"] is True and not {"selected", "primary", "deleted"} & set(entry)
    assert [e["id"] for e in ana.ok("GET", f"{LIST}?syncToken={token}")["items"]] == [team]
    ana.ok("DELETE", f"calendars/{team}")
    assert team not in {e["id"] for e in ana.ok("GET", f"{LIST}?showHidden=true")["items"]}
    assert next(e for e in ana.ok("GET", f"{LIST}?showDeleted=true&showHidden=true")["items"] if e["id"] == team)[
        "deleted"
    ]
    assert ana.ok("GET", f"{LIST}?syncToken={token}")["items"] == [
        {"kind": "calendar#calendarListEntry", "etag": entry_etag(ana, team), "id": team, "deleted": True}
    ]


def entry_etag(ana: Caller, name: str) -> str:
    found = ana.ok("GET", f"{LIST}?showDeleted=true&showHidden=true")["items"]
    return next(str(e["etag"]) for e in found if e["id"] == name)


def test_18_colours_of_an_entry_are_rgb_when_asked(ana: Caller) -> None:
    sent = {"backgroundColor": "#4986e6", "foregroundColor": "#ffffff"}
    plain = ana.ok("PATCH", f"{LIST}/primary", sent)
    assert plain["backgroundColor"] != "#4986e6"
    entry = ana.ok("PATCH", f"{LIST}/primary?colorRgbFormat=true", sent)
    assert (entry["backgroundColor"], entry["foregroundColor"], entry["colorId"]) == ("#4986e6", "#ffffff", "16")


def test_19_the_lists_token_ignores_titles_and_roles_refuses_filters_and_expires(
    emulator: Emulator, ana: Caller
) -> None:
    ben = _shared(emulator, "reader")
    token = ben.ok("GET", LIST)["nextSyncToken"]
    emulator.control("share", {"calendar_id": ANA, "email": BEN, "role": "writer"})
    ana.ok("PATCH", "calendars/primary", {"summary": "Ana at work"})
    assert "items" not in ben.ok("GET", f"{LIST}?syncToken={token}")
    assert next(e for e in ben.ok("GET", LIST)["items"] if e["id"] == ANA)["summary"] == "Ana at work"
    assert ben.refused("GET", f"{LIST}?syncToken={token}&minAccessRole=reader") == (400, "invalid")
    assert ben.refused("GET", f"{LIST}?syncToken=nonsense") == (400, "invalid")
    emulator.control("expire-sync-tokens", {})
    assert ben.refused("GET", f"{LIST}?syncToken={token}") == (410, "fullSyncRequired")


def test_20_lists_of_calendars_have_pages_of_100_and_at_most_250(emulator: Emulator, ana: Caller) -> None:
    for number in range(299):
        emulator.world.add_calendar(f"c{number}@group.calendar.google.com", f"C{number}", ANA, "UTC")
    first = ana.ok("GET", LIST)
    assert len(first["items"]) == 100 and "nextSyncToken" not in first
    assert len(ana.ok("GET", f"{LIST}?maxResults=999")["items"]) == 250
    second = ana.ok(
        "GET", f"{LIST}?maxResults=250&pageToken={ana.ok('GET', f'{LIST}?maxResults=250')['nextPageToken']}"
    )
    assert len(second["items"]) == 50 and "nextSyncToken" in second and "nextPageToken" not in second


def test_21_only_the_data_owner_deletes_and_nobody_leaves_an_own_calendar(emulator: Emulator, ana: Caller) -> None:
    team = ana.ok("POST", "calendars", {"summary": "Team"})["id"]
    ben = emulator.caller(BEN)
    emulator.control("share", {"calendar_id": team, "email": BEN, "role": "owner"})
    assert next(e for e in ben.ok("GET", LIST)["items"] if e["id"] == team)["dataOwner"] == ANA
    assert ben.refused("DELETE", f"calendars/{team}")[0] == 403
    assert ana.refused("DELETE", f"{LIST}/{team}") == (403, "cannotUnsubscribeFromOwnedCalendar")
    assert ana.refused("DELETE", f"calendars/{ANA}") == (400, "cannotDeletePrimaryCalendar")
    ben.ok("DELETE", f"{LIST}/{team}")
    ana.ok("DELETE", f"calendars/{team}")


def test_22_the_events_of_a_deleted_calendar_are_not_found(ana: Caller) -> None:
    team = ana.ok("POST", "calendars", {"summary": "Team"})["id"]
    event = ana.ok("POST", f"calendars/{team}/events", LUNCH)["id"]
    ana.ok("DELETE", f"calendars/{team}")
    for method, path in (("GET", ""), ("GET", f"/{event}"), ("DELETE", f"/{event}"), ("POST", "")):
        body = LUNCH if method == "POST" else None
        assert ana.refused(method, f"calendars/{team}/events{path}", body) == (404, "notFound")


def test_23_clear_is_for_the_primary_calendar_and_a_new_one_needs_a_title(ana: Caller) -> None:
    ana.ok("POST", "calendars/primary/events", LUNCH)
    team = ana.ok("POST", "calendars", {"summary": "Team"})["id"]
    assert ana.refused("POST", f"calendars/{team}/clear")[0] == 400
    ana.ok("POST", "calendars/primary/clear")
    assert ana.ok("GET", "calendars/primary/events")["items"] == []
    assert ana.refused("POST", "calendars", {"timeZone": "UTC"}) == (400, "required")
