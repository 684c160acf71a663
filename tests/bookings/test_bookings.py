"""Booking: offered, taken once, following its event on both sides, told once."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.bookings import acts, following, making
from conversa_calendar.bookings.acts import Visitor
from conversa_calendar.bookings.live import Taken
from conversa_calendar.bookings.models import Booking, BookingClaim, BookingPage
from conversa_calendar.calendars import editing
from conversa_calendar.calendars.models import Calendar, Event, OutgoingMail
from conversa_calendar.calendars.services import send_mail
from conversa_calendar.domain.event import Content
from conversa_calendar.domain.times import timed
from tests.support.cast import Actor, Cast
from tests.support.google import Google

ZONE = "America/Sao_Paulo"
ANA = "ana@acme.example"
ALWAYS = [[[0, 1440]]] * 7
VISITOR = {"name": "Vera Visitor", "email": "vera@else.example", "time_zone": "Europe/Lisbon"}


def soon(days: int = 3, hour: int = 15) -> datetime:
    base = datetime.now(UTC) + timedelta(days=days)
    return base.replace(hour=hour, minute=0, second=0, microsecond=0)


def text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def make_page(actor: Actor, **values: Any) -> dict[str, Any]:
    body = {"title": "Support call", "weekly": ALWAYS, "notice": 0, "time_zone": ZONE, "is_published": True} | values
    found: dict[str, Any] = actor.post("booking-pages", body)
    return found


def starts(actor: Actor, page: dict[str, Any], since: datetime, hours: int = 4) -> list[str]:
    path = f"booking-pages/{page['id']}/slots?from={text(since)}&to={text(since + timedelta(hours=hours))}"
    return [row["start"] for row in actor.get(path)["items"]]


def busy(calendar: Calendar, start: datetime, minutes: int = 60, **values: Any) -> Event:
    content = Content(start=timed(start, ZONE), end=timed(start + timedelta(minutes=minutes), ZONE), **values)
    return editing.create(calendar, content, actor=None)


def mails(cast: Cast) -> list[OutgoingMail]:
    """What the visitor was sent so far; whatever is owed leaves first."""
    send_mail(cast.account.pk)
    with tenant(cast.account.pk):
        return list(OutgoingMail.objects.filter(to=VISITOR["email"]).order_by("pk"))


def test_busy_time_is_not_offered_and_free_time_is(cast: Cast) -> None:
    page, at = make_page(cast.alice), soon()
    with tenant(cast.account.pk):
        mine = Calendar.objects.get(owner=cast.alice.member)
        busy(mine, at + timedelta(hours=1))
        busy(mine, at + timedelta(hours=3), transparency="transparent")
    found = starts(cast.alice, page, at)
    assert text(at) in found and text(at + timedelta(minutes=30)) in found
    assert text(at + timedelta(minutes=60)) not in found and text(at + timedelta(minutes=90)) not in found
    assert text(at + timedelta(hours=3)) in found


def test_buffers_add_up_with_those_of_other_bookings(cast: Cast) -> None:
    page, at = make_page(cast.alice, buffer_before=15, buffer_after=15), soon()
    cast.alice.post("bookings", {"page": page["id"], "start": text(at)} | VISITOR)
    found = starts(cast.alice, page, at)
    assert text(at + timedelta(minutes=30)) not in found
    assert text(at + timedelta(minutes=60)) in found


def test_a_booking_makes_event_claim_and_one_mail_with_an_ics(cast: Cast) -> None:
    from icalendar import Calendar as Ics

    page, at = make_page(cast.alice, questions=[{"label": "Topic", "required": True}]), soon()
    body = {"page": page["id"], "start": text(at), "answers": ["Billing"]} | VISITOR
    made = cast.alice.post("bookings", body)
    assert made["state"] == "confirmed" and made["answers"] == [{"label": "Topic", "answer": "Billing"}]
    event = cast.alice.get(f"events/{made['event']}")
    assert event["summary"] == "Support call: Vera Visitor" and event["references"][0]["kind"] == "booking"
    (mail,) = mails(cast)
    (entry,) = Ics.from_ical(mail.ics).walk("VEVENT")
    assert entry.decoded("dtstart").astimezone(UTC) == at and entry["sequence"] == 0
    assert "http://testserver/booking/" in mail.body


def test_the_same_key_books_once(cast: Cast) -> None:
    page, at = make_page(cast.alice), soon()
    body = {"page": page["id"], "start": text(at)} | VISITOR
    one = cast.alice.post("bookings", body, idempotency_key="k1")
    assert cast.alice.post("bookings", body, idempotency_key="k1") == one
    assert len(mails(cast)) == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "nonsense"}, "email"),
        ({"name": " "}, "name"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"answers": []}, "answer0"),
        ({"answers": ["Neither"]}, "answer0"),
    ],
)
def test_bad_input_says_what_is_wrong_and_books_nothing(cast: Cast, change: dict[str, Any], field: str) -> None:
    questions = [{"label": "Topic", "kind": "choice", "options": ["Sales"], "required": True}]
    page = make_page(cast.alice, questions=questions)
    body = {"page": page["id"], "start": text(soon()), "answers": ["Sales"]} | VISITOR | change
    answer = cast.alice.call("POST", "bookings", body)
    assert answer.status_code == 422 and answer.json()["errors"][0]["field"] == field
    with tenant(cast.account.pk):
        assert not Booking.objects.exists() and not BookingClaim.objects.exists()


@pytest.mark.parametrize("offset", [0, 15, -15])
def test_parallel_visitors_never_get_the_same_time(cast: Cast, offset: int) -> None:
    """Also with overlapping times: the step of 15 offers half-hours that overlap."""
    page, at = make_page(cast.alice, step=15), soon()
    account_id, outcomes = cast.account.pk, []
    gate = threading.Barrier(8)

    def visit(number: int) -> None:
        start = at + timedelta(minutes=offset if number % 2 else 0)
        gate.wait()
        try:
            with tenant(account_id):
                found = BookingPage.objects.get(uuid=page["id"])
                making.book(found, start, 30, Visitor(f"V{number}", f"v{number}@else.example", "UTC"))
            outcomes.append("booked")
        except Taken:
            outcomes.append("taken")
        except Exception as error:
            outcomes.append(repr(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=visit, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["booked", *["taken"] * 7]
    with tenant(account_id):
        assert Booking.objects.count() == Event.objects.count() == 1


def test_the_database_refuses_overlapping_claims_whatever_the_code_does(cast: Cast) -> None:
    from django.db import IntegrityError, transaction

    at = soon()
    with tenant(cast.account.pk):
        member = cast.alice.member
        BookingClaim(member=member, starts_at=at, ends_at=at + timedelta(hours=1)).save()
        with pytest.raises(IntegrityError), transaction.atomic():
            BookingClaim(member=member, starts_at=at + timedelta(minutes=59), ends_at=at + timedelta(hours=2)).save()
        BookingClaim(member=member, starts_at=at + timedelta(hours=1), ends_at=at + timedelta(hours=2)).save()


def test_round_robin_is_fair_by_weight(cast: Cast) -> None:
    hosts = [{"id": str(cast.alice.member.uuid), "weight": 2}, {"id": str(cast.bob.member.uuid), "weight": 1}]
    page = make_page(cast.alice, host_mode="round_robin", hosts=hosts)
    chosen = []
    for number in range(6):
        start = text(soon() + timedelta(hours=number))
        body = {"page": page["id"], "start": start} | VISITOR | {"email": f"v{number}@else.example"}
        chosen.append(cast.alice.post("bookings", body)["host"])
    assert chosen.count(str(cast.alice.member.uuid)) == 4


def test_all_together_needs_everybody_free(cast: Cast) -> None:
    hosts = [{"id": str(cast.alice.member.uuid)}, {"id": str(cast.bob.member.uuid)}]
    page, at = make_page(cast.alice, host_mode="all", hosts=hosts), soon()
    with tenant(cast.account.pk):
        busy(Calendar.objects.get(owner=cast.bob.member), at)
    assert text(at) not in starts(cast.alice, page, at)
    body = {"page": page["id"], "start": text(at + timedelta(hours=2))} | VISITOR
    event = cast.alice.get(f"events/{cast.alice.post('bookings', body)['event']}")
    assert {row["email"] for row in event["attendees"]} == {VISITOR["email"], "bob@acme.example"}
    with tenant(cast.account.pk):
        assert BookingClaim.objects.count() == 2


def test_leaving_the_team_ends_being_bookable_at_once(cast: Cast) -> None:
    team = cast.alice.post("teams", {"name": "Desk", "members": [str(cast.bob.member.uuid)]})
    page = make_page(cast.alice, team=team["id"])
    assert starts(cast.alice, page, soon())
    cast.alice.put(f"teams/{team['id']}/members", {"members": []})
    assert starts(cast.alice, page, soon()) == []


def test_limits_notice_and_horizon_hold(cast: Cast) -> None:
    page, at = make_page(cast.alice, per_day=1, horizon_days=5, notice=60 * 24), soon()
    assert starts(cast.alice, page, datetime.now(UTC).replace(minute=0, second=0, microsecond=0)) == []
    assert starts(cast.alice, page, soon(days=6)) == []
    cast.alice.post("bookings", {"page": page["id"], "start": text(at)} | VISITOR)
    assert starts(cast.alice, page, at) == []
    why = cast.alice.get(f"booking-pages/{page['id']}/why?from={text(at)}&to={text(at + timedelta(hours=2))}")
    assert {row["reason"] for row in why["items"]} == {"day_full"}


def test_a_hold_keeps_the_time_and_gives_way_to_its_own_booking(cast: Cast) -> None:
    page, at = make_page(cast.alice), soon()
    hold = cast.alice.post(f"booking-pages/{page['id']}/holds", {"start": text(at)})["id"]
    assert text(at) not in starts(cast.alice, page, at)
    taken = cast.alice.call("POST", "bookings", {"page": page["id"], "start": text(at)} | VISITOR)
    assert taken.status_code == 409 and taken.json()["code"] == "taken"
    cast.alice.post("bookings", {"page": page["id"], "start": text(at), "hold": hold} | VISITOR)
    with tenant(cast.account.pk):
        BookingClaim.objects.update(hold="6f1c1f0e-0000-4000-8000-000000000000", booking=None)
        BookingClaim.objects.update(expires_at=datetime.now(UTC) - timedelta(minutes=1))
    with tenant(cast.account.pk):
        Event.objects.update(deleted_at=datetime.now(UTC))
    assert text(at) in starts(cast.alice, page, at)


def test_moving_the_event_moves_the_booking_and_tells_once(cast: Cast) -> None:
    page, at = make_page(cast.alice), soon()
    made = cast.alice.post("bookings", {"page": page["id"], "start": text(at)} | VISITOR)
    for hours in (1, 2):
        start = at + timedelta(hours=hours)
        body = {"start": {"date_time": text(start), "time_zone": ZONE}}
        body["end"] = {"date_time": text(start + timedelta(minutes=30)), "time_zone": ZONE}
        cast.alice.patch(f"events/{made['event']}", body)
    assert cast.alice.get(f"bookings/{made['id']}")["start"] == text(at + timedelta(hours=2))
    assert len(mails(cast)) == 1
    assert _notices(cast) == 1 and _notices(cast) == 0
    assert [mail.subject for mail in mails(cast)] == ["Booked: Support call", "Moved: Support call"]
    assert text(at) in starts(cast.alice, page, at)


def test_moved_onto_another_booking_stands_flagged(cast: Cast) -> None:
    page, at = make_page(cast.alice), soon()
    one = cast.alice.post("bookings", {"page": page["id"], "start": text(at)} | VISITOR)
    cast.alice.post("bookings", {"page": page["id"], "start": text(at + timedelta(hours=1))} | VISITOR)
    start = at + timedelta(hours=1)
    body = {"start": {"date_time": text(start), "time_zone": ZONE}}
    body["end"] = {"date_time": text(start + timedelta(minutes=30)), "time_zone": ZONE}
    cast.alice.patch(f"events/{one['event']}", body)
    assert cast.alice.get(f"bookings/{one['id']}")["flag"] == "overlap"


def test_moving_there_and_back_tells_nobody(cast: Cast) -> None:
    page, at = make_page(cast.alice), soon()
    made = cast.alice.post("bookings", {"page": page["id"], "start": text(at)} | VISITOR)
    for start in (at + timedelta(hours=1), at):
        body = {"start": {"date_time": text(start), "time_zone": ZONE}}
        body["end"] = {"date_time": text(start + timedelta(minutes=30)), "time_zone": ZONE}
        cast.alice.patch(f"events/{made['event']}", body)
    assert _notices(cast) == 0 and len(mails(cast)) == 1


def test_confirmation_by_the_host_holds_the_time(cast: Cast) -> None:
    page, at = make_page(cast.alice, needs_confirmation=True), soon()
    made = cast.alice.post("bookings", {"page": page["id"], "start": text(at)} | VISITOR)
    assert made["state"] == "pending" and text(at) not in starts(cast.alice, page, at)
    mails(cast)
    assert cast.alice.patch(f"bookings/{made['id']}", {"state": "confirmed"})["state"] == "confirmed"
    assert [mail.subject.split(":")[0] for mail in mails(cast)] == ["Requested", "Confirmed"]


def test_rescheduling_and_cancelling_free_the_time(cast: Cast) -> None:
    page, at = make_page(cast.alice), soon()
    made = cast.alice.post("bookings", {"page": page["id"], "start": text(at)} | VISITOR)
    later = at + timedelta(minutes=30)
    mails(cast)
    assert cast.alice.patch(f"bookings/{made['id']}", {"start": text(later)})["start"] == text(later)
    mails(cast)
    assert text(at) in starts(cast.alice, page, at) and text(later) not in starts(cast.alice, page, at)
    cast.alice.delete(f"bookings/{made['id']}")
    assert text(later) in starts(cast.alice, page, at)
    assert cast.alice.call("GET", f"events/{made['event']}").status_code == 404
    assert [mail.method for mail in mails(cast)] == ["REQUEST", "REQUEST", "CANCEL"]


def test_agents_see_their_own_bookings_only(cast: Cast) -> None:
    page = make_page(cast.alice)
    made = cast.alice.post("bookings", {"page": page["id"], "start": text(soon())} | VISITOR)
    assert cast.bob.get("bookings")["items"] == []
    assert cast.bob.call("GET", f"bookings/{made['id']}").status_code == 404
    assert cast.bob.call("POST", "booking-pages", {"title": "x"}).status_code == 403
    assert cast.charlie.get("bookings")["items"] == [] and cast.charlie.get("booking-pages")["items"] == []


def _notices(cast: Cast) -> int:
    with tenant(cast.account.pk):
        Booking.objects.filter(notice_due_at__isnull=False).update(notice_due_at=datetime.now(UTC))
    return following.deliver_notices(cast.account.pk)


# ── with Google


def mirrored_page(google: Google, cast: Cast) -> tuple[dict[str, Any], Any]:
    """Alice's page whose bookings go to her Google calendar."""
    ana = google.person(ANA)
    mirror = google.mirror(cast.alice, google.connect(cast.alice, ANA), ANA)
    host = {"id": str(cast.alice.member.uuid), "calendar": str(mirror.calendar.uuid)}
    return make_page(cast.alice, hosts=[host], location={"kind": "meet", "value": ""}), ana


def test_a_booking_arrives_at_google_with_guest_and_link_and_mails_nobody_there(google: Google, cast: Cast) -> None:
    page, ana = mirrored_page(google, cast)
    cast.alice.post("bookings", {"page": page["id"], "start": text(soon())} | VISITOR)
    mails(cast)
    google.settle()
    (there,) = ana.list()
    assert there["attendees"][0]["email"] == VISITOR["email"]
    assert google.control("mails", method="GET")["mails"] == []
    assert _notices(cast) == 1
    confirmation, link = mails(cast)
    assert f"UID:{there['iCalUID']}" in confirmation.ics.replace("\r\n ", "")
    assert there["conferenceData"]["entryPoints"][0]["uri"] in link.body


@pytest.mark.parametrize("what", ["moved", "cancelled"])
def test_a_change_at_google_reaches_the_visitor_once(google: Google, cast: Cast, what: str) -> None:
    page, ana = mirrored_page(google, cast)
    at = soon()
    made = cast.alice.post("bookings", {"page": page["id"], "start": text(at)} | VISITOR)
    mails(cast)
    google.settle()
    (there,) = ana.list()
    if what == "moved":
        later = at + timedelta(hours=2)
        ana.patch(there["id"], start={"dateTime": text(later)}, end={"dateTime": text(later + timedelta(minutes=30))})
    else:
        ana.delete(there["id"])
    google.check()
    found = cast.alice.get(f"bookings/{made['id']}")
    assert found["state"] == ("confirmed" if what == "moved" else "cancelled")
    assert _notices(cast) == 1 and _notices(cast) == 0
    assert mails(cast)[-1].subject.startswith("Moved" if what == "moved" else "Cancelled")
    assert text(at) in starts(cast.alice, page, at)


def test_every_mail_changes_the_same_entry_though_google_names_the_event_otherwise(google: Google, cast: Cast) -> None:
    page = make_page(cast.alice)
    at = soon()
    made = cast.alice.post("bookings", {"page": page["id"], "start": text(at)} | VISITOR)
    mails(cast)
    mirror = google.mirror(cast.alice, google.connect(cast.alice, ANA), ANA)
    cast.alice.patch(f"events/{made['event']}", {"calendar": str(mirror.calendar.uuid)})
    google.settle()
    assert cast.alice.get(f"events/{made['event']}")["ical_uid"].endswith("@google.com")
    cast.alice.patch(f"bookings/{made['id']}", {"start": text(at + timedelta(hours=1))})
    mails(cast)
    cast.alice.delete(f"bookings/{made['id']}")
    _notices(cast)
    sent = [mail.ics.replace("\r\n ", "") for mail in mails(cast)]
    uids = {line for text_ in sent for line in text_.split("\r\n") if line.startswith("UID:")}
    assert len(sent) > 2 and len(uids) == 1, uids


def test_google_is_asked_right_before_confirming(google: Google, cast: Cast) -> None:
    page, ana = mirrored_page(google, cast)
    at = soon()
    ana.insert(summary="Dentist", start={"dateTime": text(at)}, end={"dateTime": text(at + timedelta(hours=1))})
    assert text(at) in starts(cast.alice, page, at)
    answer = cast.alice.call("POST", "bookings", {"page": page["id"], "start": text(at)} | VISITOR)
    assert answer.status_code == 409 and answer.json()["code"] == "taken"


def test_the_next_host_is_booked_when_google_says_that_the_first_is_busy(google: Google, cast: Cast) -> None:
    page, ana = mirrored_page(google, cast)
    at = soon()
    host = page["hosts"][0]
    cast.alice.patch(f"booking-pages/{page['id']}", {"hosts": [host, {"id": str(cast.bob.member.uuid)}]})
    ana.insert(summary="Dentist", start={"dateTime": text(at)}, end={"dateTime": text(at + timedelta(hours=1))})
    made = cast.alice.post("bookings", {"page": page["id"], "start": text(at)} | VISITOR)
    assert made["host"] == str(cast.bob.member.uuid)


def test_the_same_key_books_once_even_while_another_host_is_free(cast: Cast) -> None:
    hosts = [{"id": str(cast.alice.member.uuid)}, {"id": str(cast.bob.member.uuid)}]
    page, at = make_page(cast.alice, host_mode="round_robin", hosts=hosts), soon()
    body, answers = {"page": page["id"], "start": text(at)} | VISITOR, []

    def send() -> None:
        answers.append(cast.alice.call("POST", "bookings", body, idempotency_key="twice"))
        connection.close()

    threads = [threading.Thread(target=send) for _number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_a_hold_that_ran_out_does_not_stand_in_the_way_of_a_move(cast: Cast) -> None:
    page, at = make_page(cast.alice), soon()
    made = cast.alice.post("bookings", {"page": page["id"], "start": text(at)} | VISITOR)
    later = at + timedelta(hours=1)
    cast.alice.post(f"booking-pages/{page['id']}/holds", {"start": text(later)})
    with tenant(cast.account.pk):
        BookingClaim.objects.exclude(hold=None).update(expires_at=datetime.now(UTC) - timedelta(minutes=1))
    body = {"start": {"date_time": text(later), "time_zone": ZONE}}
    body["end"] = {"date_time": text(later + timedelta(minutes=30)), "time_zone": ZONE}
    cast.alice.patch(f"events/{made['event']}", body)
    assert cast.alice.get(f"bookings/{made['id']}")["flag"] is None


def test_a_booking_that_ended_meanwhile_cannot_be_moved(cast: Cast) -> None:
    """Read before, cancelled at Google meanwhile: the stale copy decides nothing."""
    from conversa_calendar.calendars.validation import Invalid

    page, at = make_page(cast.alice), soon()
    made = cast.alice.post("bookings", {"page": page["id"], "start": text(at)} | VISITOR)
    visitor = acts.Visiting(cast.account.pk, booking=UUID(made["id"]))
    cast.alice.delete(f"events/{made['event']}")
    with pytest.raises(Invalid):
        acts.move(visitor, made["id"], at + timedelta(hours=1))
    assert cast.alice.get(f"bookings/{made['id']}")["state"] == "cancelled"


def test_with_google_down_the_local_calendar_decides(google: Google, cast: Cast) -> None:
    page, _ana = mirrored_page(google, cast)
    google.control("faults", {"match": {"path": "/calendar/v3/freeBusy"}, "effect": {"code": "G19"}})
    assert cast.alice.post("bookings", {"page": page["id"], "start": text(soon())} | VISITOR)["state"] == "confirmed"


def test_an_event_moved_to_another_calendar_at_google_keeps_its_booking(google: Google, cast: Cast) -> None:
    """Seen from here a move is a deletion and a new event: nobody is told that the booking is off."""
    page, ana = mirrored_page(google, cast)
    other = ana.call("POST", "calendars", {"summary": "Other", "timeZone": ZONE})["id"]
    connection_id = cast.alice.get("connections")["items"][0]["id"]
    cast.alice.get(f"connections/{connection_id}/calendars")
    with tenant(cast.account.pk):
        from conversa_calendar.connections.models import Connection

        found = Connection.objects.get()
    from conversa_calendar.connections import discovery

    discovery.refresh(cast.account.pk, found.pk)
    google.mirror(cast.alice, found, other)
    made = cast.alice.post("bookings", {"page": page["id"], "start": text(soon())} | VISITOR)
    google.settle()
    (there,) = ana.list()
    ana.call("POST", f"calendars/primary/events/{there['id']}/move?destination={other}")
    google.check()
    google.check()
    booking = cast.alice.get(f"bookings/{made['id']}")
    assert booking["state"] == "confirmed" and booking["event"] == made["event"]
    _notices(cast)
    assert not any(mail.method == "CANCEL" for mail in mails(cast))


def test_a_restored_event_brings_its_booking_back(cast: Cast) -> None:
    page, at = make_page(cast.alice), soon()
    made = cast.alice.post("bookings", {"page": page["id"], "start": text(at)} | VISITOR)
    cast.alice.delete(f"events/{made['event']}")
    assert cast.alice.get(f"bookings/{made['id']}")["state"] == "cancelled"
    cast.alice.post(f"trash/{made['event']}/restore")
    assert cast.alice.get(f"bookings/{made['id']}")["state"] == "confirmed"
    assert text(at) not in starts(cast.alice, page, at)
    assert _notices(cast) == 0 and len(mails(cast)) == 1


def test_the_same_form_sent_twice_at_once_books_once(cast: Cast) -> None:
    page, at = make_page(cast.alice), soon()
    body, answers = {"page": page["id"], "start": text(at)} | VISITOR, []

    def send() -> None:
        answers.append(cast.alice.call("POST", "bookings", body, idempotency_key="twice"))
        connection.close()

    threads = [threading.Thread(target=send) for _number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_a_booking_moves_into_time_that_only_itself_takes(cast: Cast) -> None:
    page, at = make_page(cast.alice, step=15), soon()
    made = cast.alice.post("bookings", {"page": page["id"], "start": text(at)} | VISITOR)
    later = at + timedelta(minutes=15)
    assert cast.alice.patch(f"bookings/{made['id']}", {"start": text(later)})["start"] == text(later)


def test_a_read_only_destination_offers_nothing(google: Google, cast: Cast) -> None:
    page, _ana = mirrored_page(google, cast)
    with tenant(cast.account.pk):
        Calendar.objects.filter(is_mirrored=True).update(is_read_only=True)
    assert starts(cast.alice, page, soon()) == []
