"""Every history says who did it: a member, a program, a visitor, a guest, Google, sync or this installation."""

from datetime import timedelta
from typing import Any

from django.test import Client

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import invitations
from conversa_calendar.calendars.models import Calendar, Event
from conversa_calendar.kit import clock
from tests.support.cast import Actor, Cast


def made(actor: Actor, **more: Any) -> dict[str, Any]:
    """An event of an actor's, tomorrow."""
    with tenant(actor.account_id):
        calendar = str(Calendar.objects.get(owner=actor.member, is_personal=True).uuid)
    day = (clock.now() + timedelta(days=1)).date().isoformat()
    body = {"calendar": calendar, "summary": "Lunch", "start": {"date": day}}
    found: dict[str, Any] = actor.post("events", body | more)
    return found


def entries(actor: Actor, event: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    """(cause, kind, name) of an event's history, oldest first."""
    found = actor.get(f"events/{event['id']}/history")["items"]
    return [(e["cause"], e["by"]["kind"], e["by"]["name"]) for e in reversed(found)]


def test_what_a_program_did_says_its_token_and_what_a_member_did_their_name(cast: Cast) -> None:
    event = made(cast.alice)
    browser = cast.alice.browser()
    browser.post(f"/events/{event['id']}/delete", {"scope": "all"})
    assert entries(cast.alice, event) == [("created", "token", "tests"), ("deleted", "member", "Alice Lima")]
    page = browser.get(f"/events/{event['id']}/history").content.decode()
    assert "Alice Lima, through “tests”" in page
    feed = [row["by"] for row in cast.alice.get("changes")["items"] if row["id"] == event["id"]]
    assert feed == ["token", "member"]


def test_a_guests_answer_is_the_guests(cast: Cast) -> None:
    event = made(cast.alice, attendees=[{"email": "gina@else.example"}])
    with tenant(cast.account.pk):
        row = Event.objects.get(uuid=event["id"])
        token = invitations.answer_token(row, "gina@else.example")
    assert Client().post(f"/answer/{token}", {"response": "accepted"}).status_code == 200
    assert entries(cast.alice, event)[-1] == ("answered", "guest", "gina@else.example")


def test_the_name_of_a_guest_stays_with_those_who_may_read_the_event(cast: Cast) -> None:
    event = made(cast.bob, attendees=[{"email": "gina@else.example"}], visibility="private")
    with tenant(cast.account.pk):
        token = invitations.answer_token(Event.objects.get(uuid=event["id"]), "gina@else.example")
    Client().post(f"/answer/{token}", {"response": "accepted"})
    shown = cast.alice.browser().get("/activity").content.decode()
    assert "a guest" in shown and "gina" not in shown
