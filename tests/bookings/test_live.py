"""What Google is asked right before a booking means what the page offers; nothing that is not known here is overlooked."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.bookings import availability, counting
from conversa_calendar.bookings.models import Booking, BookingPage
from conversa_calendar.calendars.models import Calendar, Event, OutgoingMail
from conversa_calendar.domain.event import Attendee
from tests.bookings.test_bookings import ANA, VISITOR, busy, make_page, mirrored_page, soon, starts, text
from tests.support.cast import Cast
from tests.support.google import Google

INVITER = "rui@else.example"


def span(at: datetime, minutes: int = 60) -> dict[str, Any]:
    return {"start": {"dateTime": text(at)}, "end": {"dateTime": text(at + timedelta(minutes=minutes))}}


def take(cast: Cast, page: dict[str, Any], at: datetime) -> Any:
    return cast.alice.call("POST", "bookings", {"page": page["id"], "start": text(at)} | VISITOR)


def put(ana: Any, google: Google, what: str, at: datetime) -> None:
    """An event of this kind into Ana's calendar at Google."""
    if what in {"unanswered", "maybe"}:
        guest = {"email": ANA, "responseStatus": "needsAction" if what == "unanswered" else "tentative"}
        google.person(INVITER).insert(summary=what, attendees=[guest], **span(at))
    elif what == "focusTime":
        ana.insert(summary=what, eventType="focusTime", focusTimeProperties={"chatStatus": "doNotDisturb"}, **span(at))
    else:
        ana.insert(summary=what, status="tentative", **span(at))


@pytest.mark.parametrize(
    ("field", "what"),
    [
        ("unanswered_busy", "unanswered"),
        ("tentative_busy", "maybe"),
        ("tentative_busy", "tentative"),
        ("focus_time_busy", "focusTime"),
    ],
)
def test_what_the_page_offers_over_a_loose_event_is_bookable(google: Google, cast: Cast, field: str, what: str) -> None:
    page, ana = mirrored_page(google, cast)
    at = soon()
    put(ana, google, what, at)
    google.check()
    assert text(at) not in starts(cast.alice, page, at) and take(cast, page, at).status_code == 409
    cast.alice.patch(f"booking-pages/{page['id']}", {field: False})
    assert text(at) in starts(cast.alice, page, at)
    assert take(cast, page, at).status_code == 201


def test_a_firm_event_that_is_not_known_here_is_not_hidden_by_a_loose_one_at_the_same_time(
    google: Google, cast: Cast
) -> None:
    """Google's free/busy shows one block for both."""
    page, ana = mirrored_page(google, cast)
    cast.alice.patch(f"booking-pages/{page['id']}", {"tentative_busy": False})
    at = soon()
    put(ana, google, "tentative", at)
    google.check()
    google.control("notifications", {"mode": "drop"})
    ana.insert(summary="Dentist", **span(at))
    assert text(at) in starts(cast.alice, page, at)
    assert take(cast, page, at).status_code == 409


def test_a_firm_event_is_not_hidden_by_the_booking_that_moves_away_from_it(google: Google, cast: Cast) -> None:
    page, ana = mirrored_page(google, cast)
    cast.alice.patch(f"booking-pages/{page['id']}", {"step": 15})
    at = soon()
    made = take(cast, page, at).json()
    google.settle()
    google.control("notifications", {"mode": "drop"})
    later = {"start": text(at + timedelta(minutes=15))}
    assert cast.alice.patch(f"bookings/{made['id']}", later)["start"] == later["start"]
    google.settle()
    ana.insert(summary="Dentist", **span(at + timedelta(minutes=20), 20))
    answer = cast.alice.call("PATCH", f"bookings/{made['id']}", {"start": text(at + timedelta(minutes=30))})
    assert answer.status_code == 409


def test_a_time_that_was_freed_here_is_bookable_before_google_heard_of_it(google: Google, cast: Cast) -> None:
    page, _ana = mirrored_page(google, cast)
    at = soon()
    made = take(cast, page, at).json()
    google.settle()
    cast.alice.delete(f"bookings/{made['id']}")
    assert text(at) in starts(cast.alice, page, at)
    assert take(cast, page, at).status_code == 201


def _unsent_edit(google: Google, cast: Cast, ana: Any, at: datetime, **body: Any) -> str:
    """An event that is known here, an hour long, and was edited here since; Google's id of it."""
    there: str = ana.insert(summary="Dentist", **span(at))["id"]
    google.check()
    google.control("notifications", {"mode": "drop"})
    with tenant(cast.account.pk):
        event = Event.objects.get()
    if body.get("start"):
        body = {name: {"date_time": text(body[name]), "time_zone": "UTC"} for name in ("start", "end")}
    cast.alice.patch(f"events/{event.uuid}", body)
    return there


@pytest.mark.parametrize("edit", ["title", "moved too"])
def test_an_unsent_edit_here_does_not_hide_that_the_event_was_moved_at_google(
    google: Google, cast: Cast, edit: str
) -> None:
    page, ana = mirrored_page(google, cast)
    at, early = soon(), soon(hour=9)
    moved = {"start": early + timedelta(hours=2), "end": early + timedelta(hours=3)}
    there = _unsent_edit(google, cast, ana, early, **({"summary": "At the dentist"} if edit == "title" else moved))
    ana.patch(there, **span(at))
    assert text(at) in starts(cast.alice, page, at)
    assert take(cast, page, at).status_code == 409


def test_an_unsent_title_of_an_occurrence_does_not_hide_that_the_series_was_moved_at_google(
    google: Google, cast: Cast
) -> None:
    page, ana = mirrored_page(google, cast)
    at, early = soon(), soon(hour=9)
    zoned = {name: value | {"timeZone": "UTC"} for name, value in span(early).items()}
    there = ana.insert(summary="Daily", recurrence=["RRULE:FREQ=DAILY;COUNT=3"], **zoned)["id"]
    google.check()
    google.control("notifications", {"mode": "drop"})
    with tenant(cast.account.pk):
        series = Event.objects.get()
    cast.alice.patch(f"events/{series.uuid}?scope=this&occurrence={text(early)}", {"summary": "First"})
    assert take(cast, page, early).status_code == 409
    moved = {name: value | {"timeZone": "UTC"} for name, value in span(at).items()}
    ana.patch(there, **moved)
    assert text(at) in starts(cast.alice, page, at)
    assert take(cast, page, at).status_code == 409


@pytest.mark.parametrize("edit", ["moved", "free", "occurrence"])
def test_a_time_that_an_unsent_edit_freed_is_bookable(google: Google, cast: Cast, edit: str) -> None:
    page, ana = mirrored_page(google, cast)
    at, early = soon(), soon(hour=9)
    if edit == "occurrence":
        zoned = {name: value | {"timeZone": "UTC"} for name, value in span(at).items()}
        ana.insert(summary="Daily", recurrence=["RRULE:FREQ=DAILY;COUNT=3"], **zoned)
        google.check()
        with tenant(cast.account.pk):
            series = Event.objects.get()
        cast.alice.delete(f"events/{series.uuid}?scope=this&occurrence={text(at)}")
    else:
        moved = {"start": early, "end": early + timedelta(hours=1)}
        _unsent_edit(google, cast, ana, at, **({"transparency": "transparent"} if edit == "free" else moved))
    assert text(at) in starts(cast.alice, page, at)
    assert take(cast, page, at).status_code == 201


def test_when_the_events_cannot_be_read_what_google_calls_busy_is_busy(google: Google, cast: Cast) -> None:
    page, ana = mirrored_page(google, cast)
    cast.alice.patch(f"booking-pages/{page['id']}", {"tentative_busy": False})
    at = soon()
    put(ana, google, "tentative", at)
    google.check()
    google.control("faults", {"match": {"path": "*/events", "method": "GET"}, "effect": {"code": "G19"}, "times": 9})
    assert take(cast, page, at).status_code == 409


@pytest.mark.parametrize("how", ["deleted", "unshared"])
def test_nothing_is_booked_into_a_calendar_that_is_gone_at_google(google: Google, cast: Cast, how: str) -> None:
    google.person(ANA)
    boss = google.person("boss@acme.example")
    shared = boss.call("POST", "calendars", {"summary": "Bookings", "timeZone": "UTC"})["id"]
    boss.call("POST", f"calendars/{shared}/acl", {"role": "writer", "scope": {"type": "user", "value": ANA}})
    mirror = google.mirror(cast.alice, google.connect(cast.alice, ANA), shared)
    hosts = [{"id": str(cast.alice.member.uuid), "calendar": str(mirror.calendar.uuid)}]
    page, at = make_page(cast.alice, hosts=hosts), soon()
    if how == "deleted":
        boss.call("DELETE", f"calendars/{shared}")
    else:
        boss.call("DELETE", f"calendars/{shared}/acl/user:{ANA}")
    answers = [take(cast, page, at), take(cast, page, at)]
    assert [answer.status_code for answer in answers] == [409, 409]
    with tenant(cast.account.pk):
        assert not Booking.objects.exists() and not Event.objects.exists()
        (mail,) = OutgoingMail.objects.filter(to=cast.alice.member.user.email)
        assert "Bookings" in mail.subject and "nothing was booked" in mail.body
        assert not OutgoingMail.objects.filter(to=VISITOR["email"]).exists()
    hosts = [*hosts, {"id": str(cast.bob.member.uuid)}]
    cast.alice.patch(f"booking-pages/{page['id']}", {"hosts": hosts, "host_mode": "round_robin"})
    assert take(cast, page, at).json()["host"] == str(cast.bob.member.uuid)


def test_another_calendar_that_cannot_be_asked_leaves_the_decision_here(google: Google, cast: Cast) -> None:
    page, ana = mirrored_page(google, cast)
    other = ana.call("POST", "calendars", {"summary": "Other", "timeZone": "UTC"})["id"]
    with tenant(cast.account.pk):
        from conversa_calendar.connections.models import Connection

        found = Connection.objects.get()
    from conversa_calendar.connections import discovery

    discovery.refresh(cast.account.pk, found.pk)
    google.mirror(cast.alice, found, other)
    ana.call("DELETE", f"calendars/{other}")
    assert take(cast, page, soon()).status_code == 201


def test_whoever_comes_too_late_is_shown_what_is_free_nearby(google: Google, cast: Cast) -> None:
    page, ana = mirrored_page(google, cast)
    at = soon()
    ana.insert(summary="Dentist", **span(at, 30))
    answer = take(cast, page, at)
    assert answer.status_code == 409
    offered = [row["start"] for row in answer.json()["alternatives"]]
    assert len(offered) == 3 and text(at) not in offered and text(at + timedelta(minutes=30)) in offered
    assert cast.alice.call("POST", "bookings", {"page": page["id"], "start": offered[-1]} | VISITOR).status_code == 201


def test_the_database_and_the_live_question_count_alike(cast: Cast) -> None:
    page = make_page(cast.alice)
    at = soon()
    own = [
        (Attendee(ANA, response=answer, self=True),) for answer in ("accepted", "tentative", "needsAction", "declined")
    ]
    cases: list[tuple[str, dict[str, Any]]] = [("default", {"attendees": guests}) for guests in own]
    cases += [("default", {"attendees": (Attendee(ANA, response="tentative"),)})]
    cases += [(kind, {}) for kind in ("default", "focusTime", "workingLocation", "birthday", "outOfOffice")]
    cases += [("default", {"status": "tentative"}), ("default", {"transparency": "transparent"})]
    with tenant(cast.account.pk):
        calendar = Calendar.objects.get(owner=cast.alice.member)
        shown = BookingPage.objects.get(uuid=page["id"])
        for bits in range(8):
            shown.tentative_busy, shown.unanswered_busy = bool(bits & 1), bool(bits & 2)
            shown.focus_time_busy = bool(bits & 4)
            for kind, values in cases:
                event = busy(calendar, at, **values)
                Event.objects.filter(pk=event.pk).update(event_type=kind)
                spans = availability.busy_of(
                    shown, availability.hosts(shown), availability.rules_of(shown, 30), at, at + timedelta(hours=1)
                )
                is_busy_here = bool(spans[cast.alice.member.pk])
                assert counting.counts(shown, event.content, kind) == is_busy_here, (bits, kind, values)
                event.delete()


def test_a_refused_question_says_nothing_of_the_calendar(google: Google, cast: Cast) -> None:
    """A company's policy against asking: every booking was refused as if the calendar were gone."""
    page, _ana = mirrored_page(google, cast)
    effect = {"status": 403, "reason": "forbiddenByPolicy"}
    google.control("faults", {"match": {"path": "*/freeBusy"}, "effect": effect})
    assert take(cast, page, soon()).status_code == 201
    with tenant(cast.account.pk):
        assert not OutgoingMail.objects.filter(subject__contains="cannot be taken").exists()
