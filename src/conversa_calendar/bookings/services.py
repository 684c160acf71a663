"""Booking: hold, book, reschedule, cancel, decide. The exclusion constraint on claims decides who was first.

Everything here runs inside a tenant scope and one transaction; the provider is asked before, by `live.choice`.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from conversa_calendar.accounts.models import Member
from conversa_calendar.bookings import availability, caps, mails, rights
from conversa_calendar.bookings.availability import Host
from conversa_calendar.bookings.live import Taken as Taken
from conversa_calendar.bookings.live import fairest
from conversa_calendar.bookings.models import (
    CANCELLED,
    CONFIRMED,
    NO_SHOW,
    PENDING,
    Booking,
    BookingClaim,
    BookingOffer,
    BookingPage,
)
from conversa_calendar.calendars import editing, outgoing
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.acts import Act
from conversa_calendar.calendars.models import Event
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.domain import addresses as mail_addresses
from conversa_calendar.domain import names, times
from conversa_calendar.domain.event import Attendee, Conference, Content
from conversa_calendar.kit import clock, ids

HOLD = timedelta(minutes=10)
OPEN_PER_ADDRESS_MAX = 10
OFFERED, OFFERED_MAX, GUESTS_MAX, ANSWER_MAX = timedelta(hours=24), 3, 10, 2000
UNCHECKED = "unchecked"
"""The flag of a booking whose host's calendars could not be read when it was made."""


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


def hold(page: BookingPage, start: datetime, duration: int) -> UUID:
    """Keeps a time for ten minutes while a visitor fills in the form. Raises Taken."""
    chosen = _choose(page, start, duration, None)
    token = ids.new_uuid()
    _claim(page, None, chosen, start, duration, hold=token)
    return token


def repeated(page: BookingPage, key: str) -> Booking | None:
    """The booking that a key of `keys` has made before."""
    return Booking.objects.filter(page=page, key=key).first() if key else None


def release(page: BookingPage, hold_token: UUID) -> None:
    """Gives up what the page's form held, before its time is booked."""
    caps.held_by_visitors(page).filter(hold=hold_token).delete()


def release_offered(made: BookingOffer, start: datetime | None = None) -> None:
    """Gives up an offer's times, or the one that begins at `start`, buffers aside."""
    rows = BookingClaim.objects.filter(hold=made.uuid, page_id=made.page_id, booking=None)
    rows = rows.filter(starts_at__lte=start, ends_at__gt=start) if start is not None else rows
    rows.delete()


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
    _lock_hosts(page)
    if known := repeated(page, key):
        return known  # the same form, sent twice at once: the other one has just committed
    group = ids.new_uuid() if len(starts) > 1 else None
    made: list[Booking] = []
    for at in starts:
        same = [made[0].host_id] if made and page.host_mode != "all" else only
        chosen = _choose(page, at, duration, same)
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
    booking.remind_at = next_reminder(booking)
    booking.save()
    _claim(page, booking, chosen, start, duration)
    reference = {"kind": "booking", "id": str(booking.uuid), "title": page.title, "url": ""}
    booking.event = editing.create(
        host.calendar,
        _content(page, booking, chosen),
        actor=host.member,
        references=[reference, *references],
        cause="booked",
    )
    booking.save()
    mails.tell_host(booking)
    return booking


def next_reminder(booking: Booking) -> datetime | None:
    """When the visitor is reminded next: the page's reminders that still lie ahead."""
    if booking.state not in {PENDING, CONFIRMED}:
        return None
    ahead = (booking.starts_at - timedelta(minutes=minutes) for minutes in booking.page.reminders)
    return min((at for at in ahead if at > clock.now()), default=None)


def add_guests(booking: Booking, addresses: list[str], *, viewer: Viewer | None) -> Booking:
    """Invites further people to a booking: they stand on its event and hear by mail what the visitor hears. Raises
    NotAllowed, Invalid."""
    booking = _locked(booking)
    rights.needs(Act.CHANGE, booking, viewer)
    _must_be_open(booking)
    known = {booking.email.lower(), *(guest.lower() for guest in booking.guests)}
    fresh = [
        address for address in dict.fromkeys(a.strip() for a in addresses if a.strip()) if address.lower() not in known
    ]
    for address in fresh:
        if not mail_addresses.is_usable(address):
            raise Invalid("guests", _("“%(address)s” is not an e-mail address.") % {"address": address[:80]})
    if len(booking.guests) + len(fresh) > GUESTS_MAX:
        raise Invalid("guests", _("At most %(count)s guests can be added.") % {"count": GUESTS_MAX})
    if not fresh:
        return booking
    if viewer is not None:
        outgoing.afford(fresh)
    booking.guests = [*booking.guests, *fresh]
    booking.save()
    if booking.event is not None:
        rows = tuple(Attendee(address) for address in fresh)
        booking.event = editing.edit(
            booking.event,
            lambda c: msgspec.structs.replace(c, attendees=(*c.attendees, *rows)),
            actor=booking.host,
            cause="guests added",
        )
    mails.tell_guests(booking, fresh)
    return booking


def offer(
    page: BookingPage,
    member: Member,
    starts: list[datetime],
    duration: int,
    zone: str,
    references: list[dict[str, Any]] | None = None,
) -> BookingOffer:
    """Keeps up to three times for a day, to be proposed to one customer. Raises Taken, Invalid."""
    starts = sorted(set(starts))
    if not 1 <= len(starts) <= OFFERED_MAX:
        raise Invalid("starts", _("Choose one to three times."))
    if not times.is_zone(zone):
        raise Invalid("time_zone", _("This is not a time zone."))
    caps.check_open_offers(member)
    made = BookingOffer(page=page, member=member, starts=starts, duration=duration, time_zone=zone)
    made.references, made.expires_at = references or [], clock.now() + OFFERED
    made.save()
    for start in starts:
        chosen = _choose(page, start, duration, None)
        _claim(page, None, chosen, start, duration, hold=made.uuid, lasts=OFFERED)
    return made


def withdraw(made: BookingOffer) -> None:
    """Frees the times of an offer that nobody took."""
    release_offered(made)
    BookingOffer.objects.filter(pk=made.pk, booking=None).update(expires_at=clock.now())


def settle_offer(made: BookingOffer, booking: Booking) -> None:
    """The first time that is booked frees the others."""
    release_offered(made)
    BookingOffer.objects.filter(pk=made.pk).update(booking=booking)


def reschedule(booking: Booking, start: datetime, *, viewer: Viewer | None, only: list[int] | None = None) -> Booking:
    """Moves a booking to another free time of the same hosts; without a `viewer` it is the visitor who does. Raises Taken,
    NotAllowed, Invalid."""
    booking = _locked(booking)
    rights.needs(Act.CHANGE, booking, viewer)
    _must_be_open(booking)
    duration = booking.minutes
    members = _claimed(booking)
    with transaction.atomic():
        BookingClaim.objects.filter(booking=booking).delete()
        chosen = _choose(booking.page, start, duration, only or members, ignored=booking)
        _claim(booking.page, booking, chosen, start, duration)
    booking.starts_at, booking.ends_at = start, start + timedelta(minutes=duration)
    booking.flag = UNCHECKED if any(host.is_stale for host in chosen) else ""
    booking.remind_at = next_reminder(booking)
    booking.save()
    if booking.event is not None:
        zone = times.civil_zone(booking.event.content.start, booking.page.time_zone)
        moved = {"start": times.timed(start, zone), "end": times.timed(booking.ends_at, zone)}
        booking.event = editing.edit(
            booking.event, lambda c: msgspec.structs.replace(c, **moved), actor=booking.host, cause="rescheduled"
        )
    mails.tell_visitor(booking)
    return booking


def hand_over(booking: Booking, host: Member, *, viewer: Viewer) -> Booking:
    """Another host of the page takes a booking over, at its time: the event moves to their calendar and the visitor is
    told. What is known here of the new host's time decides; the page's notice and limits, which are for visitors, do
    not. Raises Taken, NotAllowed, Invalid."""
    booking = _locked(booking)
    rights.needs(Act.MOVE, booking, viewer)
    _must_be_open(booking)
    if host.pk == booking.host_id:
        return booking
    page, event = booking.page, booking.event
    if page.host_mode == "all":
        raise Invalid("host", _("All hosts take part in this booking."))
    taker = next((one for one in _lock_hosts(page) if one.member.pk == host.pk), None)
    if taker is None:
        raise Invalid("host", _("%(name)s cannot be booked through this page.") % {"name": host})
    duration = booking.minutes
    if not availability.is_free(page, taker, duration, booking.starts_at, booking.event_id):
        raise Taken
    with transaction.atomic():
        BookingClaim.objects.filter(booking=booking).delete()
        _claim(page, booking, [taker], booking.starts_at, duration)
    before, booking.host = booking.host, taker.member
    booking.flag = UNCHECKED if taker.is_stale else ""
    booking.save()
    if event is not None and event.deleted_at is None:
        booking.event = editing.move(event, taker.calendar, actor=before)
    mails.tell_visitor(booking, former_host=before)
    mails.tell_host(booking)
    return booking


def cancel(booking: Booking, *, viewer: Viewer | None, muted: frozenset[str] = frozenset()) -> Booking:
    """Cancels: the event goes to the trash, the time is free again, everybody is told but the `muted` addresses. Raises
    NotAllowed."""
    booking = _locked(booking)
    if booking.state == CANCELLED:
        return booking
    rights.needs(Act.REMOVE, booking, viewer)
    by = "visitor" if viewer is None else "host"
    booking.state, booking.cancelled_by, booking.remind_at = CANCELLED, by, None
    booking.save()
    BookingClaim.objects.filter(booking=booking).delete()
    if booking.event is not None and booking.event.deleted_at is None:
        editing.delete(booking.event, actor=booking.host)
    mails.tell_visitor(booking, muted)
    return booking


def decide(booking: Booking, *, is_accepted: bool, viewer: Viewer) -> Booking:
    """The host's answer to a booking that waits for it. Raises NotAllowed, Invalid."""
    booking = _locked(booking)
    if booking.state != PENDING:
        raise Invalid("state", _("This booking does not wait for a decision."))
    if not is_accepted:
        return cancel(booking, viewer=viewer)
    rights.needs(Act.CHANGE, booking, viewer)
    booking.state = CONFIRMED
    booking.save()
    if booking.event is not None:
        booking.event = editing.edit(
            booking.event, lambda c: msgspec.structs.replace(c, status="confirmed"), actor=booking.host
        )
    mails.tell_visitor(booking)
    return booking


def ask_for_link(booking: Booking, *, viewer: Viewer) -> Booking:
    """Asks the provider once more for the meeting link that it did not make. Raises NotAllowed, Invalid."""
    booking = _locked(booking)
    rights.needs(Act.CHANGE, booking, viewer)
    _must_be_open(booking)
    assert booking.event is not None
    if booking.event.content.conference.state != "failed":
        raise Invalid("conference", _("This booking waits for no meeting link."))
    wish = Conference("pending", "", ids.new_uuid().hex)
    booking.event = editing.edit(
        booking.event, lambda c: msgspec.structs.replace(c, conference=wish), actor=booking.host, cause="link asked"
    )
    return Booking.objects.select_related("page", "host__user", "event__calendar").get(pk=booking.pk)


def show(booking: Booking) -> None:
    """Somebody opened a link that only a mail to the visitor carried."""
    if not booking.is_shown:
        booking.is_shown = True
        booking.save(update_fields=["is_shown"])


def mark_no_show(booking: Booking) -> Booking:
    """The visitor did not come. Raises Invalid before the time."""
    booking = _locked(booking)
    if booking.state != CONFIRMED or booking.starts_at > clock.now():
        raise Invalid("state", _("Only a confirmed booking that has begun can be marked."))
    booking.state = NO_SHOW
    booking.save(update_fields=["state"])
    return booking


def claim_again(booking: Booking) -> bool:
    """After its event was moved elsewhere: the claims follow where they fit. False when the new time is taken."""
    members = _claimed(booking)
    BookingClaim.objects.filter(booking=booking).delete()
    duration = booking.minutes
    try:
        with transaction.atomic():
            _claim_members(booking.page, booking, members, booking.starts_at, duration)
    except Taken:
        return False
    return True


def _claimed(booking: Booking) -> list[int]:
    """Whose time a booking takes; after an overlap took its claims away, those whose time it should take."""
    members = list(BookingClaim.objects.filter(booking=booking).values_list("member_id", flat=True))
    if not members and booking.page.host_mode == "all":
        members = [host.member.pk for host in availability.hosts(booking.page)]
    return members or [booking.host_id]


def _lock_hosts(page: BookingPage) -> list[Host]:
    """The page's hosts, whose rows are locked in order, so that limits are counted exactly and nobody deadlocks."""
    able = availability.hosts(page)
    pks = sorted(host.member.pk for host in able)
    list(Member.objects.select_for_update(no_key=True).filter(pk__in=pks).order_by("pk").values_list("pk"))
    return able


def _locked(booking: Booking) -> Booking:
    """The booking as it is now, its event locked before it: the order in which sync takes them too."""
    if booking.event_id is not None:
        list(Event.objects.select_for_update(of=("self",)).filter(pk=booking.event_id).values_list("pk"))
    rows = Booking.objects.select_for_update(of=("self",)).select_related("page", "host__user", "event__calendar")
    return rows.get(pk=booking.pk)


def _choose(
    page: BookingPage, start: datetime, duration: int, only: list[int] | None, ignored: Booking | None = None
) -> list[Host]:
    """Locks the hosts and picks who is free. Raises Taken."""
    able = _lock_hosts(page)
    event_id = ignored.event_id if ignored is not None else None
    free = availability.slots(page, duration, start, start + timedelta(seconds=1), event_id).get(start, [])
    if only is not None:
        free = [host for host in free if host.member.pk in only]
    if not free or (page.host_mode == "all" and len(free) < len(able)):
        raise Taken
    return free if page.host_mode == "all" else fairest(page, free)[:1]


def _claim(
    page: BookingPage,
    booking: Booking | None,
    chosen: list[Host],
    start: datetime,
    duration: int,
    hold: UUID | None = None,
    lasts: timedelta | None = None,
) -> None:
    _claim_members(page, booking, [host.member.pk for host in chosen], start, duration, hold, lasts)


def _claim_members(
    page: BookingPage,
    booking: Booking | None,
    members: list[int],
    start: datetime,
    duration: int,
    hold: UUID | None = None,
    lasts: timedelta | None = None,
) -> None:
    """Takes the hosts' time, buffers included; holds that ran out give way. Raises Taken when somebody was faster."""
    BookingClaim.objects.filter(member__in=members, booking=None, expires_at__lt=clock.now()).delete()
    begins = start - timedelta(minutes=page.buffer_before)
    ends = start + timedelta(minutes=duration + page.buffer_after)
    try:
        with transaction.atomic():
            for member_id in sorted(members):
                BookingClaim(
                    page=page,
                    booking=booking,
                    member_id=member_id,
                    starts_at=begins,
                    ends_at=ends,
                    hold=hold,
                    expires_at=clock.now() + (lasts or HOLD) if hold else None,
                ).save()
    except IntegrityError as error:
        raise Taken from error


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


def _must_be_open(booking: Booking) -> None:
    if booking.state not in {PENDING, CONFIRMED} or booking.ends_at < clock.now():
        raise Invalid("state", _("This booking is over or cancelled."))
    if booking.event is None:
        raise Invalid("state", _("The event of this booking is gone."))
