"""What can be kept on both sides: everything else is refused before it is stored, with the field and the reason."""

from django.utils.translation import gettext as _

from conversa_calendar.calendars import schema, wording
from conversa_calendar.calendars.models import Calendar
from conversa_calendar.domain import addresses, recurrence, rules, times
from conversa_calendar.domain.event import UNITS, Attendee, Content, changed_units
from conversa_calendar.domain.times import Moment, Timed

NAME_MAX = 1024
GUESTS_MAX = 200
REMINDERS_MAX = 5
REMINDER_MINUTES_MAX = 40320
RULES_MAX = 50


class Invalid(Exception):
    """A field that cannot be taken, and why."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def check_content(
    content: Content, calendar: Calendar, is_override: bool = False, before: Content | None = None
) -> None:
    """Raises Invalid for the first thing that the calendar, or Google, would not keep as it is. With `before` only what
    differs from it is looked at: what somebody did not touch may be as odd as it came."""
    if calendar.is_read_only:
        raise Invalid("calendar", calendar.read_only_reason or _("This calendar cannot be changed here."))
    changed = UNITS if before is None else changed_units(before, content)
    if "when" in changed:
        _check_when(content, before, is_override)
    _check_texts(content, changed)
    for field in set(schema.CHOICES).intersection(changed):
        if getattr(content, field) not in schema.CHOICES[field]:
            raise Invalid(field, _("“%(value)s” is not possible here.") % {"value": getattr(content, field)[:80]})
    if "attendees" in changed:
        _check_guests(content, before)
    if "reminders" in changed:
        _check_reminders(content, before)


def _check_when(content: Content, before: Content | None, is_override: bool) -> None:
    if before is None or (content.start, content.end) != (before.start, before.end):
        _check_span(content, before)
    if before is not None and content.recurrence == before.recurrence:
        return
    if content.recurrence and is_override:
        raise Invalid("recurrence", _("One occurrence cannot repeat by itself."))
    if len(content.recurrence) > RULES_MAX:
        raise Invalid("recurrence", _("That is too many recurrence lines."))
    if content.recurrence:
        try:
            recurrence.check(content.start, content.recurrence)
        except rules.BadRule as error:
            raise Invalid("recurrence", wording.refusal_in_words(error)) from error


def _check_span(content: Content, before: Content | None) -> None:
    start, end = content.start, content.end
    if type(start) is not type(end):
        raise Invalid("end", _("Start and end must both be days or both be times."))
    known = {before.start, before.end} if before is not None else set()
    for field, moment in (("start", start), ("end", end)):
        if moment in known:
            continue
        if isinstance(moment, Timed) and not times.is_zone(moment.zone) and not _has_zone_of(moment, known):
            raise Invalid(field, _("“%(zone)s” is not a time zone.") % {"zone": moment.zone[:64]})
        if not 1900 <= times.civil(moment).year <= 2200:
            raise Invalid(field, _("The year must lie between 1900 and 2200."))
    if times.instant(end) <= times.instant(start):
        raise Invalid("end", _("The end must come after the start."))


def _has_zone_of(moment: Timed, known: set[Moment]) -> bool:
    return any(isinstance(one, Timed) and one.zone == moment.zone for one in known)


def _check_texts(content: Content, changed: tuple[str, ...]) -> None:
    for field, limit in schema.LIMITS.items():
        if field not in changed:
            continue
        text = getattr(content, field)
        if len(text) > limit:
            raise Invalid(field, _("This text is %(over)s characters too long.") % {"over": len(text) - limit})
        if "\x00" in text or not _is_encodable(text):
            raise Invalid(field, _("This text holds characters that cannot be stored."))


def _check_guests(content: Content, before: Content | None) -> None:
    known = {guest.email.lower(): guest for guest in before.attendees} if before is not None else {}
    if len(content.attendees) > max(GUESTS_MAX, len(known)):
        raise Invalid("attendees", _("An event can have at most %(most)s guests.") % {"most": GUESTS_MAX})
    seen = set()
    for guest in content.attendees:
        address = guest.email.lower()
        if address in seen and address not in known:
            raise Invalid("attendees", _("%(email)s is invited twice.") % {"email": guest.email})
        seen.add(address)
        if guest != known.get(address):
            _check_guest(guest, known.get(address))


def _check_guest(guest: Attendee, before: Attendee | None) -> None:
    texts = (guest.name, guest.comment)
    if any("\x00" in text or not _is_encodable(text) or len(text) > NAME_MAX for text in texts):
        raise Invalid("attendees", _("This text holds characters that cannot be stored."))
    if before is None and not addresses.is_usable(guest.email):
        raise Invalid("attendees", _("“%(email)s” is not an e-mail address.") % {"email": guest.email[:80]})
    was = before.response if before is not None else ""
    if guest.response not in {"needsAction", "declined", "tentative", "accepted", was}:
        raise Invalid("attendees", _("A guest's answer is needsAction, declined, tentative or accepted."))


def _check_reminders(content: Content, before: Content | None) -> None:
    reminders, known = content.reminders, before.reminders.overrides if before is not None else ()
    if reminders.use_default and reminders.overrides:
        raise Invalid("reminders", _("Choose the calendar's reminders or your own, not both."))
    if len(reminders.overrides) > max(REMINDERS_MAX, len(known)):
        raise Invalid("reminders", _("An event can have at most %(most)s reminders.") % {"most": REMINDERS_MAX})
    for reminder in set(reminders.overrides) - set(known):
        if reminder.method not in {"popup", "email"} or not 0 <= reminder.minutes <= REMINDER_MINUTES_MAX:
            raise Invalid("reminders", _("A reminder is a pop-up or an e-mail, up to four weeks before."))


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
