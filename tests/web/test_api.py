"""The REST API at its edges: bad input, idempotency, preconditions, paging, privacy, changes."""

from typing import Any

import pytest

from conversa_calendar.calendars import editing
from conversa_calendar.calendars.models import Event
from tests.support.cast import Cast

START = {"date_time": "2026-12-01T09:00:00-03:00", "time_zone": "America/Sao_Paulo"}


def _own(actor: Any) -> str:
    return str(
        next(c["id"] for c in actor.get("calendars")["items"] if c["personal"] and c["owner"] == str(actor.member.uuid))
    )


def _event(actor: Any, **body: Any) -> dict[str, Any]:
    found: dict[str, Any] = actor.post("events", {"calendar": _own(actor), "summary": "x", "start": START} | body)
    return found


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"start": {"date_time": "nonsense"}}, "start"),
        ({"start": START, "end": {"date": "2026-12-02"}}, "end"),
        ({"start": START, "end": START}, "end"),
        ({"start": START | {"time_zone": "Mars/Base"}}, "start"),
        ({"start": START, "summary": "x" * 1025}, "summary"),
        ({"start": START, "summary": "nul\x00"}, "summary"),
        ({"start": START, "recurrence": ["RRULE:FREQ=SECONDLY"]}, "recurrence"),
        ({"start": START, "recurrence": ["RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=31"]}, "recurrence"),
        ({"start": START, "attendees": [{"email": "nobody"}]}, "attendees"),
        (
            {"start": START, "reminders": {"use_default": False, "overrides": [{"method": "popup", "minutes": 99999}]}},
            "reminders",
        ),
        ({"start": START, "google_id": "x"}, "google_id"),
        ({"start": START, "visibility": "secret"}, "visibility"),
        ({"start": START, "notify": "everyone"}, "notify"),
    ],
)
def test_bad_input_is_named(cast: Cast, body: dict[str, Any], field: str) -> None:
    answer = cast.alice.call("POST", "events", {"calendar": _own(cast.alice)} | body)
    assert answer.status_code == 422 and answer["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == field


def test_idempotency_key_repeats_the_answer_and_refuses_another_body(cast: Cast) -> None:
    body = {"calendar": _own(cast.alice), "summary": "x", "start": START}
    first = cast.alice.call("POST", "events", body, idempotency_key="k1")
    again = cast.alice.call("POST", "events", body, idempotency_key="k1")
    assert first.json()["id"] == again.json()["id"]
    other = cast.alice.call("POST", "events", body | {"summary": "y"}, idempotency_key="k1")
    assert other.status_code == 409 and other.json()["code"] == "idempotency_conflict"


def test_if_match_protects_against_overwriting(cast: Cast) -> None:
    event = _event(cast.alice)
    cast.alice.patch(f"events/{event['id']}", {"summary": "y"}, if_match=event["etag"])
    stale = cast.alice.call("PATCH", f"events/{event['id']}", {"summary": "z"}, if_match=event["etag"])
    assert stale.status_code == 412 and stale.json()["code"] == "changed"


def test_series_needs_a_scope(cast: Cast) -> None:
    event = _event(cast.alice, recurrence=["RRULE:FREQ=DAILY;COUNT=3"])
    assert cast.alice.call("PATCH", f"events/{event['id']}", {"summary": "y"}).json()["code"] == "scope_required"


def test_pages_of_events_neither_repeat_nor_miss_any(cast: Cast) -> None:
    _event(cast.alice, recurrence=["RRULE:FREQ=DAILY;COUNT=25"])
    seen: list[str] = []
    cursor = ""
    for _page in range(10):
        page = cast.alice.get(
            f"events?from=2026-12-01T00:00:00Z&to=2027-02-01T00:00:00Z&limit=10&cursor={cursor.replace('+', '%2B')}"
        )
        seen += [item["occurrence"] for item in page["items"]]
        cursor = page["next_cursor"] or ""
        if not cursor:
            break
    assert len(seen) == 25 and len(set(seen)) == 25


def test_private_event_reads_busy_to_everyone_but_its_creator(cast: Cast) -> None:
    event = _event(cast.bob, summary="CANARY doctor", visibility="private")
    mine = cast.bob.get(f"events/{event['id']}")
    theirs = cast.alice.get(f"events/{event['id']}")
    assert mine["summary"] == "CANARY doctor" and theirs["summary"] == "Busy"
    everywhere = [theirs, cast.alice.get("events?q=CANARY"), cast.alice.get(f"events/{event['id']}/history")]
    everywhere.append(cast.alice.get("events?from=2026-12-01T00:00:00Z&to=2026-12-03T00:00:00Z"))
    cast.bob.delete(f"events/{event['id']}")
    everywhere.append(cast.alice.get("trash"))
    assert "CANARY" not in str(everywhere)


@pytest.mark.parametrize(
    ("level", "summary", "status"), [("busy", "Busy", 403), ("details", "plan", 403), ("edit", "plan", 200)]
)
def test_levels_of_assignment(cast: Cast, level: str, summary: str, status: int) -> None:
    calendar = cast.alice.post("calendars", {"name": "Shared"})["id"]
    event = cast.alice.post("events", {"calendar": calendar, "summary": "plan", "start": START})
    assert cast.bob.call("GET", f"events/{event['id']}").status_code == 404
    team = cast.alice.post("teams", {"name": "T", "members": [str(cast.bob.member.uuid)]})
    cast.alice.put(f"calendars/{calendar}/assignments", {"items": [{"kind": "team", "id": team["id"], "level": level}]})
    assert cast.bob.get(f"events/{event['id']}")["summary"] == summary
    assert cast.bob.call("PATCH", f"events/{event['id']}", {"summary": "b"}).status_code == status
    cast.alice.put(f"teams/{team['id']}/members", {"members": []})
    assert cast.bob.call("GET", f"events/{event['id']}").status_code == 404


def test_changes_come_once_and_in_order(cast: Cast) -> None:
    """The feed stops before the oldest transaction still open in the cluster, so it is read until the news is there."""
    event = _event(cast.alice)
    cast.alice.patch(f"events/{event['id']}", {"summary": "y"})
    cursor, found = "", []
    for _read in range(2000):
        page = cast.alice.get(f"changes?since={cursor}")
        cursor = page["cursor"]
        found += [(item["what"], item["id"]) for item in page["items"] if item["kind"] == "event"]
        if len(found) >= 2:
            break
    assert found == [("created", event["id"]), ("updated", event["id"])]
    assert cast.alice.get(f"changes?since={cursor}")["items"] == []


def test_guests_of_native_events_are_told_from_here_with_ics(cast: Cast) -> None:
    from conversa_calendar.accounts.tenancy import tenant
    from conversa_calendar.calendars.models import OutgoingMail

    _event(
        cast.alice, attendees=[{"email": "g@customer.example"}], notify="all", recurrence=["RRULE:FREQ=DAILY;COUNT=3"]
    )
    with tenant(cast.account.pk):
        mail = OutgoingMail.objects.get()
    assert mail.to == "g@customer.example" and mail.reply_to == "alice@acme.example"
    assert "METHOD:REQUEST" in mail.ics and "RRULE:FREQ=DAILY;COUNT=3" in mail.ics.replace(
        "COUNT=3;FREQ=DAILY", "FREQ=DAILY;COUNT=3"
    )


def test_directory_snapshot_is_idempotent_and_holds_implausible_removals(cast: Cast) -> None:
    people = [{"external_id": f"u{n}", "email": f"u{n}@acme.example", "name": f"U{n}"} for n in range(12)]
    teams = [{"external_id": "t", "name": "Team", "members": ["u1", "u2"]}]
    first = cast.alice.put("directory", {"members": people, "teams": teams})
    again = cast.alice.put("directory", {"members": people, "teams": teams})
    assert len(first["created"]) == 12 and again["created"] == again["updated"] == again["suspended"] == []
    held = cast.alice.put("directory", {"members": people[:2]})
    assert held["held"] is True and len(cast.alice.get("members")["items"]) == 14
    assert not any(m["suspended"] for m in cast.alice.get("members")["items"])


def test_token_scopes_and_calendars_narrow(cast: Cast) -> None:
    made = cast.alice.post("tokens", {"name": "reader", "scopes": ["events.read"]})
    cast.alice.token = made["secret"]
    assert cast.alice.call("GET", "calendars").status_code == 200
    answer = cast.alice.call("POST", "events", {"calendar": "x", "start": START})
    assert answer.status_code == 403 and answer.json()["code"] == "scope_missing"


def test_an_event_that_became_another_one_while_it_was_edited_is_not_found(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sync may find out, between reading and locking it, that it is an older event which was moved."""
    event, plain = _event(cast.alice), editing._standing

    def vanished(found: Event) -> Event:
        Event.objects.filter(pk=found.pk).delete()
        return plain(found)

    monkeypatch.setattr(editing, "_standing", vanished)
    answer = cast.alice.call("PATCH", f"events/{event['id']}", {"summary": "y"})
    assert answer.status_code == 404 and answer.json()["code"] == "not_found"
