"""Booking: what a visitor says is checked, the time claimed, the event made and the mails owed, in one transaction.

The provider is asked before, by `live.choice`.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from conversa_calendar.bookings import caps, claiming, following, mails
from conversa_calendar.bookings.availability import Host
from conversa_calendar.bookings.models import CANCELLED, CONFIRMED, PENDING, UNCHECKED, Booking, BookingPage
from conversa_calendar.calendars import editing
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.domain import addresses as mail_addresses
from conversa_calendar.domain import names, times
from conversa_calendar.domain.event import Attendee, Conference, Content
from conversa_calendar.domain.vocabulary import HostMode
from conversa_calendar.kit import clock, ids

OPEN_PER_ADDRESS_MAX = 10
ANSWER_MAX = 2000


class Visitor(msgspec.Struct, frozen=True):
    """Who books. `time_zone` is IANA."""

    name: str
    email: str
    time_zone: str
    answers: tuple[str, ...] = ()
    repeats: int = 1
    language: str = ""


def repetitions(page: BookingPage, start: datetime, count: int) -> list[datetime]:
    """The same time of the page's clock in `count` successive weeks. Raises Invalid beyond what the page allows."""
    if not 1 <= count <= page.repeats_max:
        raise Invalid(
            "repeats", _("This page allows at most %(count)s bookings at once.") % {"count": page.repeats_max}
        )
    first = times.timed(start, page.time_zone)
    moved = (times.Timed(first.local + timedelta(weeks=n), first.zone, first.fold) for n in range(count))
    return [times.instant(moment) for moment in moved]


def check(page: BookingPage, visitor: Visitor) -> list[dict[str, str]]:
    """The answers beside their questions. Raises Invalid for the first thing that is missing or wrong."""
    if not names.tidy(visitor.name):
        raise Invalid("name", _("Please give your name."))
    if names.has_link(visitor.name):
        raise Invalid("name", _("A name cannot hold a web address."))
    if not mail_addresses.is_usable(visitor.email.strip()):
        raise Invalid("email", _("This is not an e-mail address."))
    if not times.is_zone(visitor.time_zone):
        raise Invalid("time_zone", _("This is not a time zone."))
    upcoming = Booking.objects.filter(page=page, email__iexact=visitor.email.strip(), ends_at__gt=clock.now())
    if upcoming.exclude(state=CANCELLED).count() + visitor.repeats > OPEN_PER_ADDRESS_MAX + page.repeats_max - 1:
        raise Invalid("email", _("This address has too many open bookings here."))
    given = [*visitor.answers, *[""] * len(page.questions)]
    return [_answer(number, page.questions[number], given[number]) for number in range(len(page.questions))]


def repeated(page: BookingPage, key: str) -> Booking | None:
    """The booking that a key of `keys` has made before."""
    return Booking.objects.filter(page=page, key=key).first() if key else None


def book(
    page: BookingPage,
    start: datetime,
    duration: int,
    visitor: Visitor,
    *,
    only: list[int] | None = None,
    key: str = "",
    references: list[dict[str, Any]] | None = None,
    is_shown: bool = False,
) -> Booking:
    """Books a time: claims, event, confirmation mail, in one transaction. The same key answers the same booking.
    Raises Taken, Invalid."""
    if known := repeated(page, key):
        return known
    answers = check(page, visitor)
    starts = repetitions(page, start, visitor.repeats)
    claiming.lock_hosts(page)
    if known := repeated(page, key):
        return known  # the same form, sent twice at once: the other one has just committed
    group = ids.new_uuid() if len(starts) > 1 else None
    made: list[Booking] = []
    for at in starts:
        same = [made[0].host_id] if made and page.host_mode != HostMode.ALL else only
        chosen = claiming.choose(page, at, duration, same)
        booking = Booking(key=key if not made else "", group=group, answers=answers, is_shown=is_shown)
        made.append(_make(page, booking, visitor, chosen, at, duration, references or []))
        caps.count(page, booking.host)
    if group is None:
        mails.tell_visitor(made[0])
    else:
        mails.tell_visitor_of_all(made)
    return made[0]


def _make(
    page: BookingPage,
    booking: Booking,
    visitor: Visitor,
    chosen: list[Host],
    start: datetime,
    duration: int,
    references: list[dict[str, Any]],
) -> Booking:
    """One booking at one time: row, claims, event, and a word to the host."""
    host = chosen[0]
    booking.page, booking.host = page, host.member
    booking.state = PENDING if page.needs_confirmation else CONFIRMED
    booking.starts_at, booking.ends_at = start, start + timedelta(minutes=duration)
    booking.name, booking.email = names.tidy(visitor.name), visitor.email.strip()
    booking.time_zone, booking.language = visitor.time_zone, visitor.language
    booking.flag = UNCHECKED if any(one.is_stale for one in chosen) else ""
    booking.remind_at = following.next_reminder(booking)
    booking.save(force_insert=True)
    claiming.claim(page, booking, chosen, start, duration)
    reference = {"kind": "booking", "id": str(booking.uuid), "title": page.title, "url": ""}
    booking.event = editing.create(
        host.calendar,
        _content(page, booking, chosen),
        actor=host.member,
        references=[reference, *references],
        cause="booked",
    )
    booking.save(update_fields=["event"])
    mails.tell_host(booking)
    return booking


def _content(page: BookingPage, booking: Booking, chosen: list[Host]) -> Content:
    zone = page.time_zone
    others = [
        Attendee(host.member.user.email, str(host.member))
        for host in chosen[1:]
        if host.member.user.email.lower() != booking.email.lower()
    ]
    lines = [names.quoted(row["label"], names.unmarked(row["answer"])) for row in booking.answers]
    kind, value = page.location.get("kind", ""), page.location.get("value", "")
    is_meet = kind == "meet" and chosen[0].calendar.is_mirrored
    return Content(
        start=times.timed(booking.starts_at, zone),
        end=times.timed(booking.ends_at, zone),
        summary=f"{page.title}: {booking.name}"[:1024],
        description="\n".join(lines)[:8000],
        location="" if kind in {"meet", "phone"} else value,
        status="tentative" if page.needs_confirmation else "confirmed",
        conference=Conference("pending", "", ids.new_uuid().hex) if is_meet else Conference(),
        attendees=(Attendee(booking.email, booking.name, "accepted"), *others),
    )


def _answer(number: int, question: dict[str, Any], answer: str) -> dict[str, str]:
    text = names.lines(answer, ANSWER_MAX) if question["kind"] == "text" else names.tidy(answer, ANSWER_MAX)
    field = f"answer{number}"
    if question["required"] and not text:
        raise Invalid(field, _("“%(question)s” needs an answer.") % {"question": question["label"]})
    if text and question["kind"] == "choice" and text not in question["options"]:
        raise Invalid(field, _("Choose one of the options of “%(question)s”.") % {"question": question["label"]})
    if text and question["kind"] == "email" and not mail_addresses.is_usable(text):
        raise Invalid(field, _("“%(question)s” needs an e-mail address.") % {"question": question["label"]})
    return {"label": question["label"], "answer": text}
