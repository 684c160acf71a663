"""The words and the .ics of every mail about a booking, made out of its committed row and nothing else."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.utils import dateformat, formats, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conversa_calendar.bookings.links import manage_url
from conversa_calendar.bookings.models import (
    CANCELLED,
    CONFIRMED,
    HOST,
    NO_SHOW,
    PENDING,
    STRANDED,
    VISITOR,
    Booking,
)
from conversa_calendar.calendars import outbox, scheduling
from conversa_calendar.calendars.models import Event, OutgoingMail
from conversa_calendar.calendars.outbox import Letter
from conversa_calendar.domain import ics, names, times
from conversa_calendar.domain.event import Attendee, Conference, Content
from conversa_calendar.domain.vocabulary import BookingState
from conversa_calendar.kit import clock, ids

_STATUS = {PENDING: "tentative", CANCELLED: "cancelled"}
_SUBJECTS = {
    "booked": gettext_lazy("Booked: %(title)s"),
    "requested": gettext_lazy("Requested: %(title)s"),
    "confirmed": gettext_lazy("Confirmed: %(title)s"),
    "moved": gettext_lazy("Moved: %(title)s"),
    "host": gettext_lazy("Another host: %(title)s"),
    "cancelled": gettext_lazy("Cancelled: %(title)s"),
    "link": gettext_lazy("Meeting link: %(title)s"),
    "reminder": gettext_lazy("Reminder: %(title)s"),
}


def what_is_new(booking: Booking, told: dict[str, Any]) -> str:
    """The most important thing that somebody who was told this does not know: how the booking stands, or nothing."""
    state = told.get("state")
    if booking.state == NO_SHOW:
        return ""
    if booking.state == CANCELLED:
        return "" if state == CANCELLED else "cancelled"
    if not told or (state == CANCELLED and booking.state == PENDING):
        return "requested" if booking.state == PENDING else "booked"
    if state in {PENDING, CANCELLED} and booking.state == CONFIRMED:
        return "confirmed"
    if datetime.fromisoformat(told["start"]) != booking.starts_at:
        return "moved"
    if told.get("host", booking.host_id) != booking.host_id:
        return "host"
    return "link" if link_of(booking) not in {"", told["uri"]} else ""


def link_of(booking: Booking) -> str:
    """Where the visitor joins: the event's meeting, or a link that the host put in its place; of a private event only the
    meeting that the page promised."""
    if booking.event is None:
        return ""
    content, is_meeting = booking.event.content, booking.page.location.get("kind") == "meet"
    is_private = booking.event.is_private
    if (uri := str(content.conference.uri)) and (is_meeting or not is_private):
        return uri
    if is_private:
        return ""
    is_link = content.location.startswith(("https://", "http://")) and is_meeting
    return str(content.location) if is_link else ""


def waits_for_host(booking: Booking) -> bool:
    """Whether the promised link to a video meeting will not come by itself: Google did not make it, or has not even got the
    event."""
    state = booking.event.content.conference.state if booking.event is not None else "none"
    return state == "failed" or (state == "pending" and booking.flag == STRANDED)


def uid_of(booking: Booking) -> str:
    """The UID of every mail about a booking: that under which its event stands, or will stand, where the first one said so."""
    event = booking.event
    if booking.told_uid or event is None:
        return booking.told_uid or f"{booking.uuid}@conversa"
    foreseen = f"{ids.remote_event_id(event.uuid, 0)}@google.com" if event.calendar.is_mirrored else ""
    return event.ical_uid or foreseen or event.uid


def when_in_words(starts_at: datetime, ends_at: datetime, zone: str) -> str:
    local = times.zone_of(zone)
    begin = dateformat.format(starts_at.astimezone(local), f"{day_pattern()} H:i")
    return f"{begin}–{ends_at.astimezone(local):%H:%M} ({zone})"


def day_pattern() -> str:
    """How a day is written in the language of the moment; English readers of all countries understand 3 May 2027."""
    language = translation.get_language() or "en"
    return "j F Y" if language.startswith("en") else formats.get_format("DATE_FORMAT", language)


@outbox.builds("booking")
def write(mail: OutgoingMail) -> Letter | None:
    """What a visitor or one of their guests does not know yet of a booking."""
    booking = _committed(mail.about)
    told = (mail.facts or {}).get("told") or {}
    what = what_is_new(booking, told) if booking is not None else ""
    if booking is None or not what:
        return None
    is_guest = mail.to.lower() != booking.email.lower()
    if is_guest and what == "cancelled" and not told:
        return None  # they never heard of it; the visitor, who booked it, has to hear of its end
    with translation.override(booking.language or settings.LANGUAGE_CODE):
        return Letter(
            subject=_subject(booking, what),
            body="\n".join(_lines(booking, what, told, is_guest)),
            reply_to=booking.host.user.email,
            ics=_entry(booking, is_guest),
            method="CANCEL" if booking.state == CANCELLED else "REQUEST",
        )


@outbox.builds("bookings")
def write_all(mail: OutgoingMail) -> Letter | None:
    """The bookings of one repeating request that still stand."""
    rows = Booking.objects.select_related("page", "host__user", "event__calendar").filter(group=mail.about)
    made = list(rows.exclude(state=CANCELLED).order_by("starts_at"))
    if not made:
        return None
    first = made[0]
    with translation.override(first.language or settings.LANGUAGE_CODE):
        lines = [_title(first)]
        for booking in made:
            lines += ["", _when(booking), _("Change or cancel: %(url)s") % {"url": manage_url(booking)}]
        if first.state == PENDING:
            lines.append(_("%(host)s still has to confirm these times; they are kept for you.") % {"host": first.host})
        subject = _subject(first, what_is_new(first, {}))
        entries = [_entry(booking, is_guest=False) for booking in made]
        return Letter(subject, "\n".join(lines), first.host.user.email, ics.bundled(entries), "PUBLISH")


@outbox.builds("reminder")
def write_reminder(mail: OutgoingMail) -> Letter | None:
    """What is about to take place; nothing of what was cancelled or has begun."""
    booking = _committed(mail.about)
    if booking is None or booking.state not in {PENDING, CONFIRMED} or booking.starts_at <= clock.now():
        return None
    is_guest = mail.to.lower() != booking.email.lower()
    with translation.override(booking.language or settings.LANGUAGE_CODE):
        lines = _lines(booking, "reminder", {}, is_guest)
        return Letter(_subject(booking, "reminder"), "\n".join(lines), booking.host.user.email)


@outbox.builds("host")
def write_to_host(mail: OutgoingMail) -> Letter | None:
    """A new booking as its host reads it."""
    booking = _committed(mail.about)
    if booking is None or booking.state == CANCELLED or booking.host.user.email != mail.to:
        return None
    with translation.override(booking.host.language or settings.LANGUAGE_CODE):
        zone = booking.host.time_zone or booking.page.time_zone
        lines = [booking.page.title, when_in_words(booking.starts_at, booking.ends_at, zone)]
        lines.append(f"{booking.name} <{booking.email}>")
        lines += [names.quoted(row["label"], row["answer"]) for row in booking.answers]
        if booking.state == PENDING:
            lines += ["", _("It waits for your answer: %(url)s") % {"url": f"{settings.PUBLIC_URL}/bookings"}]
        subject = _("New booking: %(name)s") % {"name": " ".join(booking.name.split())}
        return Letter(subject, "\n".join(lines), booking.email)


@outbox.builds("visitor's change")
def write_of_change(mail: OutgoingMail) -> Letter | None:
    """That the visitor moved or cancelled a booking, to its host; nothing when it stands again where it was."""
    booking = _committed(mail.about)
    told = (mail.facts or {}).get("told") or {}
    if booking is None or booking.host.user.email != mail.to:
        return None
    before, is_cancelled = datetime.fromisoformat(told["start"]), booking.state == CANCELLED
    by = booking.cancelled_by if is_cancelled else booking.moved_by
    if by != VISITOR or (not is_cancelled and before == booking.starts_at):
        return None
    with translation.override(booking.host.language or settings.LANGUAGE_CODE):
        name = " ".join(booking.name.split())
        lines = [booking.page.title, *_change(booking, before), f"{booking.name} <{booking.email}>"]
        if booking.cancel_reason:
            lines.append(names.quoted(_("Reason"), booking.cancel_reason))
        if booking.state == PENDING:
            lines += ["", _("It waits for your answer: %(url)s") % {"url": f"{settings.PUBLIC_URL}/bookings"}]
        subject = _("Cancelled by the visitor: %(name)s") if is_cancelled else _("Moved by the visitor: %(name)s")
        return Letter(subject % {"name": name}, "\n".join(lines), booking.email)


def _change(booking: Booking, before: datetime) -> list[str]:
    """The time that is free again, and the one that is taken instead, as the host's clock shows them."""
    zone = booking.host.time_zone or booking.page.time_zone
    if booking.state == CANCELLED:
        return [when_in_words(booking.starts_at, booking.ends_at, zone), _("This time is free again.")]
    length = booking.ends_at - booking.starts_at
    was, now = when_in_words(before, before + length, zone), when_in_words(booking.starts_at, booking.ends_at, zone)
    return [_("Now: %(time)s") % {"time": now}, _("Before: %(time)s") % {"time": was}]


@outbox.builds("lost link")
def write_of_lost_link(mail: OutgoingMail) -> Letter | None:
    """That Google made no meeting link, to the host; nothing once there is one."""
    booking = _committed(mail.about)
    if booking is None or booking.state == CANCELLED or link_of(booking):
        return None
    with translation.override(booking.host.language or settings.LANGUAGE_CODE):
        subject = _("No meeting link: %(name)s") % {"name": " ".join(booking.name.split())}
        zone = booking.host.time_zone or booking.page.time_zone
        lines = [
            when_in_words(booking.starts_at, booking.ends_at, zone),
            _("Google did not make the link to the video meeting that was promised to the visitor."),
            _("Ask for it again, or put another link into the place of the event; the visitor then gets it by mail."),
            f"{settings.PUBLIC_URL}/bookings",
        ]
        return Letter(subject, "\n".join(lines), booking.email)


@outbox.builds("stranded")
def write_of_stranded(mail: OutgoingMail) -> Letter | None:
    """That a booking does not reach Google, to the host; nothing once it has."""
    booking = _committed(mail.about)
    if booking is None or booking.state == CANCELLED or booking.flag != STRANDED or booking.event is None:
        return None
    with translation.override(booking.host.language or settings.LANGUAGE_CODE):
        zone = booking.host.time_zone or booking.page.time_zone
        lines = [
            when_in_words(booking.starts_at, booking.ends_at, zone),
            _(
                "This booking was taken, and its visitor told, but “%(name)s” is not there at Google any more or takes no "
                "changes. The booking stands here only, and the page offers no further times with you."
            )
            % {"name": booking.event.calendar.name},
            _("It is sent as soon as the calendar takes it again. Until then you can hand it over, move or cancel it."),
            f"{settings.PUBLIC_URL}/bookings",
        ]
        return Letter(
            _("Not at Google: %(name)s") % {"name": " ".join(booking.name.split())}, "\n".join(lines), booking.email
        )


def _committed(uuid: UUID | None) -> Booking | None:
    """A booking with its event as one statement sees both, so that a mail never mixes two states."""
    return (
        Booking.objects.select_related("page", "host__user", "event__calendar").filter(uuid=uuid).first()
        if uuid
        else None
    )


def _title(booking: Booking) -> str:
    return " ".join(booking.page.title.split())


def _subject(booking: Booking, what: str) -> str:
    return _SUBJECTS[what] % {"title": _title(booking)}


def _when(booking: Booking) -> str:
    return when_in_words(booking.starts_at, booking.ends_at, booking.time_zone)


def _lines(booking: Booking, what: str, told: dict[str, Any], is_guest: bool) -> list[str]:
    """The text of a mail. Guests get nothing that the visitor typed, and no private link."""
    lines = [_title(booking), _when(booking)]
    if who := _who(booking, what, is_guest):
        lines.append(who)
    if booking.state == CANCELLED:
        is_for_reader = booking.cancel_reason and booking.cancelled_by == HOST and not is_guest
        return [*lines, names.quoted(_("Reason"), booking.cancel_reason)] if is_for_reader else lines
    if what == "requested" and not is_guest:
        lines.append(_("%(host)s still has to confirm this time; it is kept for you.") % {"host": booking.host})
    if told.get("host", booking.host_id) != booking.host_id:
        lines.append(_("%(host)s will meet you at this time.") % {"host": booking.host})
    lines += [line for line in (_place(booking),) if line]
    private = ["", _("Change or cancel: %(url)s") % {"url": manage_url(booking)}]
    return lines if is_guest else lines + private


def _who(booking: Booking, what: str, is_guest: bool) -> str:
    """Who moved or cancelled it, as the reader knows them."""
    by = {"moved": booking.moved_by, "cancelled": booking.cancelled_by}.get(what, "")
    if by == HOST:
        says = {"moved": _("%(host)s moved it to this time."), "cancelled": _("%(host)s cancelled it.")}[what]
        return says % {"host": booking.host}
    if by == VISITOR and is_guest:
        return {"moved": _("Whoever booked it moved it."), "cancelled": _("Whoever booked it cancelled it.")}[what]
    if by == VISITOR:
        return {"moved": _("You moved it to this time."), "cancelled": _("You cancelled it.")}[what]
    return ""


def _place(booking: Booking) -> str:
    kind, value = booking.page.location.get("kind"), booking.page.location.get("value", "")
    if link := link_of(booking):
        return link
    if kind == "meet":
        return _meeting(booking)
    location = booking.event.content.location if booking.event is not None and not booking.event.is_private else ""
    return _("By phone") if kind == "phone" else " ".join(location.split()) or value


def _meeting(booking: Booking) -> str:
    """What is said of a video meeting that has no link yet."""
    if waits_for_host(booking):
        return _("There is no link to the video meeting yet; %(host)s will send you one.") % {"host": booking.host}
    is_pending = booking.event is not None and booking.event.content.conference.state == "pending"
    return _("The link to the video meeting follows by mail.") if is_pending else ""


def _entry(booking: Booking, is_guest: bool) -> str:
    return scheduling.entry(
        uid=uid_of(booking),
        content=_content(booking, is_guest),
        organizer=(booking.host.user.email, str(booking.host)),
        sequence=booking.sequence,
        method="CANCEL" if booking.state == CANCELLED else "REQUEST",
    )


def _content(booking: Booking, is_guest: bool) -> Content:
    """The appointment as its reader may see it: the booking's time and state, the event's people, place and link. Of a private
    event only the meeting that the page promised; people, place and words of it stay the host's."""
    event = booking.event
    content = event.content if event is not None else _bare(booking)
    if event is None or (event.starts_at, event.ends_at) != (booking.starts_at, booking.ends_at):
        content = msgspec.structs.replace(content, **_times(booking))
    is_private = event is not None and event.is_private
    people = {guest.email.lower(): guest for guest in ([] if is_private else content.attendees)}
    people.setdefault(booking.email.lower(), Attendee(booking.email, booking.name, "accepted"))
    for guest in booking.guests:
        people.setdefault(guest.lower(), Attendee(guest))
    attendees = tuple(msgspec.structs.replace(one, name="") if is_guest else one for one in people.values())
    words: dict[str, Any] = {"summary": _title(booking), "description": ""} if is_guest or is_private else {}
    if is_private and content.conference.uri and not link_of(booking):
        words["conference"] = Conference()
    status = _STATUS.get(BookingState(booking.state), "confirmed")
    return msgspec.structs.replace(
        content, status=status, attendees=attendees, location=_where(booking, event), recurrence=(), **words
    )


def _where(booking: Booking, event: Event | None) -> str:
    place = event.content.location if event is not None and not event.is_private else ""
    return place or link_of(booking) or ("" if booking.page.location.get("kind") == "meet" else _place(booking))


def _bare(booking: Booking) -> Content:
    """The appointment when its event is long gone."""
    return Content(summary=f"{_title(booking)}: {booking.name}", **_times(booking))


def _times(booking: Booking) -> dict[str, Any]:
    zone = booking.page.time_zone
    return {"start": times.timed(booking.starts_at, zone), "end": times.timed(booking.ends_at, zone)}
