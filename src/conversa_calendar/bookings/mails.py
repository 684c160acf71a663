"""What visitors and hosts are told, by mail from here; Google is told to mail nobody. One notice for one truth."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any, ParamSpec
from urllib.parse import quote, urlencode

import msgspec
from django.conf import settings
from django.core import signing
from django.utils import dateformat, formats, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from procrastinate.contrib.django import app

from conversa_calendar.accounts.models import Member
from conversa_calendar.bookings.models import CANCELLED, Booking, BookingOffer
from conversa_calendar.calendars.models import Calendar, Event, OutgoingMail
from conversa_calendar.domain import ics, names, times
from conversa_calendar.kit import clock, ids

P = ParamSpec("P")
SALT, MAIL_SALT, OFFER_SALT = "booking", "booking-mail", "booking-offer"
_MAIL_SOON = "conversa_calendar.bookings.tasks.mail_soon"
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


def in_the_visitors_language(tell: Callable[P, None]) -> Callable[P, None]:
    """Runs a telling in the language in which its first booking was made."""

    @wraps(tell)
    def told(*args: P.args, **kwargs: P.kwargs) -> None:
        first: Any = args[0][0] if isinstance(args[0], list) else args[0]
        with translation.override(first.language or settings.LANGUAGE_CODE):
            tell(*args, **kwargs)

    return told


def manage_token(booking: Booking) -> str:
    return signing.dumps([booking.account_id, str(booking.uuid)], salt=SALT)


def read_manage_token(token: str) -> tuple[int, str]:
    """The (account id, booking uuid) of a private link. Raises signing.BadSignature."""
    account_id, uuid = signing.loads(token, salt=SALT)
    return account_id, uuid


def manage_url(booking: Booking) -> str:
    """The private link as mails carry it: opening it shows that the address is the visitor's."""
    mark = signing.dumps(str(booking.uuid), salt=MAIL_SALT)
    return f"{settings.PUBLIC_URL}/booking/{quote(manage_token(booking))}?mail={quote(mark)}"


def is_from_mail(mark: str, booking: Booking) -> bool:
    """Whether a link's mark can only have come out of a mail about this booking."""
    try:
        return bool(signing.loads(mark, salt=MAIL_SALT) == str(booking.uuid))
    except signing.BadSignature:
        return False


def offer_url(offer: BookingOffer, start: datetime) -> str:
    """The link by which a customer takes one of the times that were kept for them."""
    token = signing.dumps([offer.account_id, str(offer.uuid)], salt=OFFER_SALT)
    at = start.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    query = urlencode({"start": at, "duration": offer.duration, "zone": offer.time_zone, "offer": token})
    return f"{settings.PUBLIC_URL}/book/{offer.page.key}/form?{query}"


def read_offer_token(token: str) -> tuple[int, str]:
    """The (account id, offer uuid) of a link. Raises signing.BadSignature."""
    account_id, uuid = signing.loads(token, salt=OFFER_SALT)
    return account_id, uuid


def offer_text(offer: BookingOffer) -> str:
    """What an agent pastes into a reply: each time in the customer's zone with its link."""
    length = timedelta(minutes=offer.duration)
    lines = [_("These times are kept for you for a day; choose one:")]
    for start in offer.starts:
        lines += ["", when_in_words(start, start + length, offer.time_zone), offer_url(offer, start)]
    return "\n".join(lines)


@in_the_visitors_language
def tell_visitor(booking: Booking, what: str, muted: frozenset[str] = frozenset()) -> None:
    """Queues one mail with an .ics whose SEQUENCE rises, and remembers what the visitor knows; the caller saves.
    `muted` addresses had their share of mails for the day."""
    what = _named(booking, what)
    title = " ".join(booking.page.title.split())
    lines = [title, when_in_words(booking.starts_at, booking.ends_at, booking.time_zone)]
    uri = _uri(booking)
    if what == "requested":
        lines.append(_("%(host)s still has to confirm this time; it is kept for you.") % {"host": booking.host})
    if what == "host":
        lines.append(_("%(host)s will meet you at this time.") % {"host": booking.host})
    if booking.state != CANCELLED:
        lines += [line for line in (_place(booking, uri),) if line]
    private = ["", _("Change or cancel: %(url)s") % {"url": manage_url(booking)}] if booking.state != CANCELLED else []
    if booking.email not in muted:
        _send(booking, what, booking.email, [*lines, *private])
    for guest in booking.guests:
        if guest not in muted:
            _send(booking, what, guest, lines, is_guest=True)
    _remember(booking, uri)


@in_the_visitors_language
def tell_visitor_of_all(made: list[Booking]) -> None:
    """One mail about the bookings of one repeating request, each with its private link; the caller saves them."""
    first = made[0]
    lines = [" ".join(first.page.title.split())]
    for booking in made:
        when = when_in_words(booking.starts_at, booking.ends_at, booking.time_zone)
        lines += ["", when, _("Change or cancel: %(url)s") % {"url": manage_url(booking)}]
        _remember(booking, _uri(booking))
    if first.state == "pending":
        lines.append(_("%(host)s still has to confirm these times; they are kept for you.") % {"host": first.host})
    entries = [_ics(booking, is_guest=False) for booking in made]
    _send(first, _named(first, "booked"), first.email, lines, bundle=ics.bundled(entries))


def _named(booking: Booking, what: str) -> str:
    return "requested" if what == "booked" and booking.state == "pending" else what


def _remember(booking: Booking, uri: str) -> None:
    booking.told_start, booking.told_state, booking.told_uri = booking.starts_at, booking.state, uri
    booking.notice_due_at = None


@in_the_visitors_language
def tell_guests(booking: Booking, addresses: list[str]) -> None:
    """The invitation of people whom the visitor added; nothing that the visitor typed goes to them."""
    title = " ".join(booking.page.title.split())
    when = when_in_words(booking.starts_at, booking.ends_at, booking.time_zone)
    lines = [title, when, *(line for line in (_place(booking, _uri(booking)),) if line)]
    for address in addresses:
        _send(booking, "confirmed" if booking.state != "pending" else "requested", address, lines, is_guest=True)


@in_the_visitors_language
def remind(booking: Booking) -> None:
    """Reminds the visitor and their guests of what is about to take place."""
    title = " ".join(booking.page.title.split())
    when = when_in_words(booking.starts_at, booking.ends_at, booking.time_zone)
    lines = [title, when, *(line for line in (_place(booking, _uri(booking)),) if line)]
    _send(
        booking, "reminder", booking.email, [*lines, "", _("Change or cancel: %(url)s") % {"url": manage_url(booking)}]
    )
    for guest in booking.guests:
        _send(booking, "reminder", guest, lines, is_guest=True)


def _send(
    booking: Booking, what: str, address: str, lines: list[str], *, is_guest: bool = False, bundle: str = ""
) -> None:
    """Queues one mail; every one but a reminder carries the event. Guests get nothing that the visitor typed."""
    title = " ".join(booking.page.title.split())
    is_reminder = what == "reminder"
    OutgoingMail(
        to=address,
        reply_to=booking.host.user.email,
        subject=(_SUBJECTS[what] % {"title": title})[:300],
        body="\n".join(lines),
        ics="" if is_reminder else bundle or _ics(booking, is_guest),
        method="PUBLISH" if bundle else "CANCEL" if booking.state == CANCELLED else "REQUEST",
    ).save()
    app.configure_task(_MAIL_SOON).defer(account_id=booking.account_id)


def tell_host(booking: Booking) -> None:
    """A short mail to the host about a new booking, in the host's language."""
    with translation.override(booking.host.language or settings.LANGUAGE_CODE):
        _tell_host(booking)


def _tell_host(booking: Booking) -> None:
    zone = booking.host.time_zone or booking.page.time_zone
    lines = [
        booking.page.title,
        when_in_words(booking.starts_at, booking.ends_at, zone),
        f"{booking.name} <{booking.email}>",
    ]
    lines += [names.quoted(row["label"], row["answer"]) for row in booking.answers]
    if booking.state == "pending":
        lines += ["", _("It waits for your answer: %(url)s") % {"url": f"{settings.PUBLIC_URL}/bookings"}]
    subject = _("New booking: %(name)s") % {"name": " ".join(booking.name.split())}
    OutgoingMail(
        to=booking.host.user.email, reply_to=booking.email, subject=subject[:300], body="\n".join(lines)
    ).save()


def tell_of_lost_destination(host: Member, calendar: Calendar) -> None:
    """Tells a host, at most once a day, that nobody can book them as the calendar that bookings go to is gone."""
    with translation.override(host.language or settings.LANGUAGE_CODE):
        subject = _("Bookings cannot be taken: “%(name)s” is not there") % {"name": " ".join(calendar.name.split())}
        since = clock.now() - timedelta(days=1)
        if OutgoingMail.objects.filter(to=host.user.email, subject=subject[:300], created_at__gt=since).exists():
            return
        lines = [
            _(
                "A visitor wanted to book you, but the calendar that your bookings go to is not available at Google: it "
                "was deleted or is no longer shared with you. The visitor was shown other times; nothing was booked."
            ),
            _("Choose another calendar on the booking page, or restore this one: %(url)s")
            % {"url": f"{settings.PUBLIC_URL}/bookings"},
        ]
        OutgoingMail(to=host.user.email, subject=subject[:300], body="\n\n".join(lines)).save()
    app.configure_task(_MAIL_SOON).defer(account_id=host.account_id)


def is_notice_needed(booking: Booking) -> str:
    """What the visitor does not know yet: cancelled, moved, link, or nothing."""
    if booking.state == CANCELLED:
        return "" if booking.told_state == CANCELLED else "cancelled"
    if booking.told_state in {"pending", CANCELLED} and booking.state == "confirmed":
        return "confirmed"
    if booking.told_state == CANCELLED and booking.state == "pending":
        return "booked"
    if booking.told_start != booking.starts_at:
        return "moved"
    return "link" if _uri(booking) and _uri(booking) != booking.told_uri else ""


def when_in_words(starts_at: datetime, ends_at: datetime, zone: str) -> str:
    local = times.zone_of(zone)
    begin = dateformat.format(starts_at.astimezone(local), f"{day_pattern()} H:i")
    return f"{begin}–{ends_at.astimezone(local):%H:%M} ({zone})"


def day_pattern() -> str:
    """How a day is written in the language of the moment; English readers of all countries understand 3 May 2027."""
    language = translation.get_language() or "en"
    return "j F Y" if language.startswith("en") else formats.get_format("DATE_FORMAT", language)


def _uri(booking: Booking) -> str:
    return booking.event.content.conference.uri if booking.event is not None else ""


def _place(booking: Booking, uri: str) -> str:
    kind, value = booking.page.location.get("kind"), booking.page.location.get("value", "")
    if uri:
        return uri
    if kind == "meet":
        return _("The link to the video meeting follows by mail.") if _is_meet_coming(booking) else ""
    return _("By phone") if kind == "phone" else value


def _is_meet_coming(booking: Booking) -> bool:
    return booking.event is not None and booking.event.content.conference.state == "pending"


def _ics(booking: Booking, is_guest: bool) -> str:
    event = booking.event
    if event is None:
        return ""
    content = event.content
    if is_guest:
        rows = tuple(msgspec.structs.replace(row, name="") for row in content.attendees)
        content = msgspec.structs.replace(content, summary=booking.page.title, description="", attendees=rows)
    return ics.build(
        uid=_uid(booking, event),
        content=content,
        organizer=(booking.host.user.email, str(booking.host)),
        sequence=booking.sequence,
        method="CANCEL" if booking.state == CANCELLED else "REQUEST",
        stamp=clock.now(),
    )


def _uid(booking: Booking, event: Event) -> str:
    """The UID of every mail about a booking: that under which its event stands, or will stand, where the first one said so."""
    if not booking.told_uid:
        foreseen = f"{ids.remote_event_id(event.uuid, 0)}@google.com" if event.calendar.is_mirrored else ""
        booking.told_uid = event.ical_uid or foreseen or event.uid
        Booking.objects.filter(pk=booking.pk).update(told_uid=booking.told_uid)
    return booking.told_uid
