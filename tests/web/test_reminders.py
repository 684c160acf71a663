"""Reminders ring here once: for native calendars, and for mirrored ones where a member asked."""

from datetime import timedelta
from typing import Any

import pytest

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import editing, ringing
from conversa_calendar.calendars.models import Calendar, Event, OutgoingMail
from conversa_calendar.domain.event import Attendee, Content, Reminder, Reminders
from conversa_calendar.domain.times import Day, timed
from conversa_calendar.kit import clock
from tests.support.cast import Actor, Cast
from tests.support.google import Google

ZONE = "America/Sao_Paulo"
ANA = "ana@acme.example"


def _event(calendar: Calendar, minutes_ahead: int, actor: Actor, **values: Any) -> Event:
    start = clock.now().replace(second=0, microsecond=0) + timedelta(minutes=minutes_ahead)
    content = Content(start=timed(start, ZONE), end=timed(start + timedelta(hours=1), ZONE), **values)
    return editing.create(calendar, content, actor=actor.member)


def _native(actor: Actor) -> Calendar:
    return Calendar.objects.get(owner=actor.member, is_personal=True)


def _shown(actor: Actor) -> list[str]:
    return list(actor.browser().post("/calendar/rings").json()["rings"])


def test_a_native_event_rings_once_on_the_owners_page(cast: Cast) -> None:
    with tenant(cast.account.pk):
        _event(_native(cast.alice), 9, cast.alice, summary="Soon")
        _event(_native(cast.alice), 45, cast.alice, summary="Later")
        _event(_native(cast.alice), 5, cast.alice, summary="Quiet", reminders=Reminders(use_default=False))
    assert [ringing.ring(cast.account.pk) for _turn in range(3)] == [1, 0, 0]
    assert [text[6:] for text in _shown(cast.alice)] == ["Soon"]
    assert _shown(cast.alice) == [] and _shown(cast.bob) == []


def test_reminders_go_out_by_mail_where_the_event_says_so(cast: Cast) -> None:
    reminders = Reminders(use_default=False, overrides=(Reminder("email", 2880), Reminder("popup", 2880)))
    with tenant(cast.account.pk):
        _event(_native(cast.alice), 2875, cast.alice, summary="Audit\nBcc: x@else.example", reminders=reminders)
    assert ringing.ring(cast.account.pk) == 2 and ringing.ring(cast.account.pk) == 0
    with tenant(cast.account.pk):
        mail = OutgoingMail.objects.get()
        assert (mail.to, mail.subject) == ("alice@acme.example", "Reminder: Audit Bcc: x@else.example")


def test_what_could_not_ring_in_time_does_not_ring_late(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    now = clock.now()
    with tenant(cast.account.pk):
        _event(_native(cast.alice), 30, cast.alice, summary="Missed")
    monkeypatch.setattr(clock, "_wall", lambda: now + timedelta(minutes=40))
    assert ringing.ring(cast.account.pk) == 0


def test_a_moved_event_rings_for_its_new_time_and_a_series_for_each_occurrence(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.now()
    with tenant(cast.account.pk):
        _event(_native(cast.alice), 9, cast.alice, summary="Daily", recurrence=("RRULE:FREQ=DAILY;COUNT=3",))
        start = now.date() + timedelta(days=1)
        editing.create(_native(cast.alice), Content(start=Day(start), end=Day(start + timedelta(days=1))), actor=None)
    for day in range(3):
        monkeypatch.setattr(clock, "_wall", lambda day=day: now + timedelta(days=day))
        assert [ringing.ring(cast.account.pk) for _turn in range(2)] == [1, 0]


def test_a_mirrored_calendar_rings_only_for_who_asked(google: Google, cast: Cast) -> None:
    google.person(ANA)
    mirror = google.mirror(cast.alice, google.connect(cast.alice, ANA), ANA)
    with tenant(cast.account.pk):
        _event(mirror.calendar, 9, cast.alice, summary="Mirrored")
    assert ringing.ring(cast.account.pk) == 0, "Google rings by itself"
    browser = cast.alice.browser()
    assert b'name="rings"' in browser.get("/settings").content
    body = {"name": "Alice", "time_zone": "", "rings_shown": "1", "rings": str(mirror.calendar.uuid)}
    assert browser.post("/settings/profile", body).status_code == 302
    assert ringing.ring(cast.account.pk) == 1 and [text[6:] for text in _shown(cast.alice)] == ["Mirrored"]


def test_who_may_no_longer_see_a_calendar_hears_nothing_of_it(google: Google, cast: Cast) -> None:
    google.person(ANA)
    mirror = google.mirror(cast.alice, google.connect(cast.alice, ANA), ANA)
    with tenant(cast.account.pk):
        _event(mirror.calendar, 9, cast.alice, summary="Secret plan")
        _event(mirror.calendar, 9, cast.alice, summary="Private", visibility="private")
        ringing.choose(cast.bob.member, [mirror.calendar])
    assert ringing.ring(cast.account.pk) == 0, "not assigned"
    place = f"calendars/{mirror.calendar.uuid}/assignments"
    bob = {"kind": "agent", "id": str(cast.bob.member.uuid)}
    cast.alice.put(place, {"items": [bob | {"level": "busy"}]})
    assert ringing.ring(cast.account.pk) == 0, "busy only"
    cast.alice.put(place, {"items": [bob | {"level": "details"}]})
    assert ringing.ring(cast.account.pk) == 1 and [text[6:] for text in _shown(cast.bob)] == ["Secret plan"]


def test_what_the_owner_declined_does_not_ring(cast: Cast) -> None:
    own = Attendee("alice@acme.example", response="declined", self=True)
    with tenant(cast.account.pk):
        _event(_native(cast.alice), 9, cast.alice, summary="No", attendees=(own,))
    assert ringing.ring(cast.account.pk) == 0


def test_a_closed_account_is_silent(cast: Cast) -> None:
    assert cast.account.pk in ringing.open_accounts()
    cast.alice.call("PATCH", "account", {"calendar_enabled": False})
    assert cast.account.pk not in ringing.open_accounts()
