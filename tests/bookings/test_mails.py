"""Every mail of every act about an appointment says what is committed, read by parsers of other people."""

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from typing import Any

import pytest
from django.core import mail
from ical.calendar_stream import IcsCalendarStream
from icalendar import Calendar as Ics
from procrastinate.contrib.django.models import ProcrastinateJob

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.bookings import following
from conversa_calendar.bookings.models import Booking
from conversa_calendar.calendars.models import Event, OutgoingMail
from conversa_calendar.calendars.services import send_mail
from conversa_calendar.kit import clock
from tests.bookings.test_bookings import VISITOR, _notices, mails, make_page, mirrored_page, soon, text
from tests.support.cast import Cast
from tests.support.google import Google

GUEST, ROOM = "guest@else.example", "c_room@resource.calendar.google.com"
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Read:
    """What somebody's calendar program understands of a mail."""

    method: str
    uid: str
    sequence: int
    status: str
    start: datetime
    end: datetime
    organizer: str
    name: str
    attendees: frozenset[str]
    place: str
    url: str


def read(sent: OutgoingMail) -> Read:
    """Both parsers' understanding, which has to be one."""
    one, other = _by_icalendar(sent.ics), _by_ical(sent.ics)
    assert one == other
    assert one.method == sent.method
    return one


def _by_icalendar(ics: str) -> Read:
    calendar = Ics.from_ical(ics)
    (event,) = calendar.walk("VEVENT")
    guests = event.get("attendee", [])
    return Read(
        str(calendar["method"]),
        str(event["uid"]),
        int(event["sequence"]),
        str(event["status"]),
        event.decoded("dtstart").astimezone(UTC),
        event.decoded("dtend").astimezone(UTC),
        str(event["organizer"]).lower().removeprefix("mailto:"),
        str(event["organizer"].params["CN"]),
        frozenset(
            f"{str(guest).lower().removeprefix('mailto:')} {guest.params['PARTSTAT']}"
            for guest in (guests if isinstance(guests, list) else [guests])
        ),
        str(event.get("location", "")),
        str(event.get("url", "")),
    )


def _by_ical(ics: str) -> Read:
    calendar = IcsCalendarStream.calendar_from_ics(ics)
    (event,) = calendar.events
    assert event.organizer is not None and event.organizer.uri is not None and event.uid is not None
    return Read(
        str(calendar.method.value if hasattr(calendar.method, "value") else calendar.method),
        event.uid,
        int(event.sequence or 0),
        str(event.status.value if event.status is not None else ""),
        event.start_datetime.astimezone(UTC),
        event.end_datetime.astimezone(UTC),
        str(event.organizer.uri).lower().removeprefix("mailto:"),
        str(event.organizer.common_name),
        frozenset(f"{str(guest.uri).lower().removeprefix('mailto:')} {guest.status}" for guest in event.attendees),
        event.location or "",
        str(event.url or ""),
    )


def booked(cast: Cast, page: dict[str, Any], at: datetime, **more: Any) -> dict[str, Any]:
    made: dict[str, Any] = cast.alice.post("bookings", {"page": page["id"], "start": text(at)} | VISITOR | more)
    return made


def check(cast: Cast, made: dict[str, Any], to: str = VISITOR["email"]) -> list[Read]:
    """What was sent to somebody about one booking; the latest has to equal what is stored."""
    send_mail(cast.account.pk)
    with tenant(cast.account.pk):
        found = [read(sent) for sent in OutgoingMail.objects.filter(to=to).exclude(ics="").order_by("pk")]
        booking = Booking.objects.select_related("host__user", "event").get(uuid=made["id"])
    last = found[-1]
    states = {"pending": "TENTATIVE", "confirmed": "CONFIRMED", "cancelled": "CANCELLED"}
    assert (last.start, last.end, last.status) == (booking.starts_at, booking.ends_at, states[booking.state])
    assert (last.organizer, last.name) == (booking.host.user.email, str(booking.host))
    assert {one.split()[0] for one in last.attendees} >= {booking.email, *booking.guests}
    assert f"{booking.email} ACCEPTED" in last.attendees
    assert last.url == (booking.event.content.conference.uri if booking.event else "")
    assert len({one.uid for one in found}) == 1
    assert all(one.sequence < other.sequence for one, other in itertools.pairwise(found))
    return found


@pytest.mark.parametrize("kind", ["native", "google"])
def test_every_mail_of_every_act_equals_what_is_stored(google: Google, cast: Cast, kind: str) -> None:
    at = soon()
    if kind == "google":
        page, ana = mirrored_page(google, cast)
        cast.alice.patch(f"booking-pages/{page['id']}", {"needs_confirmation": True})
    else:
        page, ana = make_page(cast.alice, needs_confirmation=True, location={"kind": "address", "value": "Rua 1"}), None
    bob = {"id": str(cast.bob.member.uuid)}
    cast.alice.patch(f"booking-pages/{page['id']}", {"hosts": [*page["hosts"], bob]})
    made = booked(cast, page, at)
    assert check(cast, made)[-1].status == "TENTATIVE"
    cast.alice.patch(f"bookings/{made['id']}", {"state": "confirmed"})
    assert check(cast, made)[-1].status == "CONFIRMED"
    google.settle()
    if ana is not None:
        assert _notices(cast) == 1
        last = check(cast, made)[-1]
        assert last.uid == ana.list()[0]["iCalUID"] and last.place == last.url != ""
    else:
        assert check(cast, made)[-1].place == "Rua 1"
    cast.alice.patch(f"bookings/{made['id']}", {"start": text(at + HOUR)})
    assert check(cast, made)[-1].start == at + HOUR
    cast.alice.patch(f"bookings/{made['id']}", {"guests": [GUEST]})
    assert f"{GUEST} NEEDS-ACTION" in check(cast, made, GUEST)[-1].attendees
    google.settle()
    later = {"start": {"date_time": text(at + 3 * HOUR)}, "end": {"date_time": text(at + 4 * HOUR)}}
    cast.alice.patch(f"events/{made['event']}", later)
    google.settle()
    _notices(cast)
    assert check(cast, made)[-1].end - check(cast, made)[-1].start == HOUR
    check(cast, made, GUEST)
    other = cast.bob if made["host"] == str(cast.alice.member.uuid) else cast.alice
    cast.alice.patch(f"bookings/{made['id']}", {"host": str(other.member.uuid)})
    assert check(cast, made)[-1].organizer == other.member.user.email
    google.settle()
    cast.alice.delete(f"bookings/{made['id']}")
    assert [check(cast, made, to)[-1].method for to in (VISITOR["email"], GUEST)] == ["CANCEL", "CANCEL"]
    google.settle()
    _notices(cast)
    assert google.control("mails", method="GET")["mails"] == [], "Google mails nobody"


def test_two_acts_before_a_mail_leaves_make_one_mail_with_the_newest_truth(cast: Cast) -> None:
    page, at = make_page(cast.alice), soon()
    made = booked(cast, page, at)
    cast.alice.patch(f"bookings/{made['id']}", {"start": text(at + HOUR)})
    (only,) = check(cast, made)
    assert only.start == at + HOUR and mails(cast)[0].subject.startswith("Booked")
    cast.alice.patch(f"bookings/{made['id']}", {"start": text(at)})
    cast.alice.patch(f"bookings/{made['id']}", {"start": text(at + HOUR)})
    assert len(check(cast, made)) == 1, "moved there and back: nothing is to be said"


def test_a_mail_that_waits_says_what_became_true_meanwhile_at_google(google: Google, cast: Cast) -> None:
    """The confirmation is owed; before it leaves the host moves the event at Google."""
    page, ana = mirrored_page(google, cast)
    at = soon()
    made = booked(cast, page, at)
    google.settle()
    times = {name: {"dateTime": text(at + n * HOUR)} for name, n in (("start", 2), ("end", 3))}
    ana.patch(ana.list()[0]["id"], **times)
    google.check()
    (only,) = check(cast, made)
    assert only.start == at + 2 * HOUR


def test_the_mail_that_leaves_carries_the_same_entry(cast: Cast) -> None:
    made = booked(cast, make_page(cast.alice), soon())
    found = check(cast, made)
    (sent,) = [message for message in mail.outbox if message.to == [VISITOR["email"]]]
    parts = list(message_from_bytes(sent.message().as_bytes()).walk())
    (entry,) = [part for part in parts if part.get_content_type() == "text/calendar"]
    payload = entry.get_payload(decode=True)
    assert isinstance(payload, bytes) and _by_icalendar(payload.decode()) == found[0]
    assert entry.get_param("method") == "REQUEST"
    assert str(entry["Content-Type"]).count("charset") == 1, "a parameter that stands twice is no parameter"


def test_the_host_s_reminders_and_private_words_stay_with_the_host(cast: Cast) -> None:
    page, at = make_page(cast.alice), soon()
    made = booked(cast, page, at)
    check(cast, made)
    private = {"summary": "Difficult client", "description": "owes us", "location": "my flat", "visibility": "private"}
    reminders = {"use_default": False, "overrides": [{"method": "popup", "minutes": 5}]}
    later = {"start": {"date_time": text(at + HOUR)}, "end": {"date_time": text(at + 2 * HOUR)}}
    cast.alice.patch(f"events/{made['event']}", private | later | {"reminders": reminders})
    assert _notices(cast) == 1
    check(cast, made)
    last = mails(cast)[-1]
    for word in ("Difficult", "owes us", "my flat", "VALARM"):
        assert word not in last.ics + last.body + last.subject


def test_a_visitor_hears_once_when_the_event_is_saved_with_mail_to_all(cast: Cast) -> None:
    page, at = make_page(cast.alice), soon()
    made = booked(cast, page, at)
    check(cast, made)
    later = {"start": {"date_time": text(at + HOUR)}, "end": {"date_time": text(at + 2 * HOUR)}}
    guests = [{"email": VISITOR["email"]}, {"email": GUEST}]
    cast.alice.patch(f"events/{made['event']}", later | {"attendees": guests, "notify": "all"})
    assert _notices(cast) == 1 and len(check(cast, made)) == 2
    with tenant(cast.account.pk):
        assert OutgoingMail.objects.filter(to=GUEST).count() == 1


def test_a_deletion_is_told_after_the_same_minute_as_every_change(google: Google, cast: Cast) -> None:
    page, ana = mirrored_page(google, cast)
    made = booked(cast, page, soon())
    check(cast, made)
    google.settle()
    ana.delete(ana.list()[0]["id"])
    google.check()
    with tenant(cast.account.pk):
        due = Booking.objects.get(uuid=made["id"]).notice_due_at
    assert due is not None and due <= clock.now() + following.NOTICE_AFTER
    jobs = ProcrastinateJob.objects.filter(task_name="conversa_calendar.bookings.tasks.tell_due", status="todo")
    assert due in set(jobs.values_list("scheduled_at", flat=True)), "looked at then, not with the next round"


# ── guests of native events


@pytest.fixture
def meeting(cast: Cast) -> dict[str, Any]:
    guests = [{"email": GUEST}, {"email": ROOM}, {"email": "hall@acme.example", "resource": True}]
    when = {"start": {"date_time": text(soon())}, "recurrence": ["RRULE:FREQ=DAILY;COUNT=5"]}
    (personal,) = [c for c in cast.alice.get("calendars")["items"] if c["name"] == "Alice Lima"]
    body = {"calendar": personal["id"], "summary": "Review", "attendees": guests, "notify": "all"}
    made: dict[str, Any] = cast.alice.post("events", body | when)
    return made


def told(cast: Cast) -> list[Read]:
    send_mail(cast.account.pk)
    with tenant(cast.account.pk):
        return [read(sent) for sent in OutgoingMail.objects.filter(to=GUEST).order_by("pk")]


def test_rooms_get_no_mail(cast: Cast, meeting: dict[str, Any]) -> None:
    assert len(told(cast)) == 1
    with tenant(cast.account.pk):
        assert set(OutgoingMail.objects.values_list("to", flat=True)) == {GUEST}


def test_every_mail_about_a_series_and_its_occurrences_has_one_uid_and_rises(
    cast: Cast, meeting: dict[str, Any]
) -> None:
    path, second = f"events/{meeting['id']}", soon() + timedelta(days=1)
    for title in ("Review 2", "Review 3"):
        assert told(cast)
        cast.alice.patch(f"{path}?scope=all", {"summary": title, "notify": "all"})
    assert told(cast)[-1].sequence == 2
    one = f"{path}?scope=this&occurrence={text(second)}"
    cast.alice.patch(one, {"summary": "Special", "notify": "all"})
    assert told(cast)[-1].sequence >= 2, "an occurrence never stands below its series"
    before = told(cast)[-1]
    cast.alice.delete(f"{one}&notify=all")
    cancelled = told(cast)[-1]
    assert cancelled.method == "CANCEL" and cancelled.sequence > before.sequence
    cast.alice.delete(f"{path}?scope=all&notify=all")
    last = told(cast)[-1]
    assert last.method == "CANCEL" and last.status == "CANCELLED" and last.sequence > 2
    assert len({one.uid for one in told(cast)}) == 1
    assert {(one.organizer, one.name) for one in told(cast)} == {("alice@acme.example", "Alice Lima")}


def test_saving_twice_before_the_mail_leaves_tells_a_guest_once(cast: Cast, meeting: dict[str, Any]) -> None:
    cast.alice.patch(f"events/{meeting['id']}?scope=all", {"summary": "Final", "notify": "all"})
    assert len(told(cast)) == 1
    with tenant(cast.account.pk):
        assert OutgoingMail.objects.get(to=GUEST).subject == "Invitation: Final"


def test_who_was_taken_off_before_they_heard_of_it_hears_nothing(cast: Cast, meeting: dict[str, Any]) -> None:
    cast.alice.patch(f"events/{meeting['id']}?scope=all", {"attendees": [], "notify": "all"})
    assert told(cast) == []


def test_who_was_taken_off_learns_nothing_new_of_the_event(cast: Cast, meeting: dict[str, Any]) -> None:
    assert told(cast)
    change = {"attendees": [{"email": "new@else.example"}], "summary": "Secret plans", "notify": "all"}
    cast.alice.patch(f"events/{meeting['id']}?scope=all", change)
    assert told(cast)[-1].method == "CANCEL"
    with tenant(cast.account.pk):
        last = OutgoingMail.objects.filter(to=GUEST).latest("pk")
        assert "Secret" not in last.ics + last.body + last.subject
        assert Event.objects.get(uuid=meeting["id"]).summary == "Secret plans"
