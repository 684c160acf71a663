"""What can be kept on both sides: everything else is refused before it is stored, with the field and the reason."""

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from conversa_calendar.calendars.models import Calendar
from conversa_calendar.domain import recurrence, times
from conversa_calendar.domain.event import Content
from conversa_calendar.domain.times import Day, Timed

SUMMARY_MAX = LOCATION_MAX = 1024
DESCRIPTION_MAX = 8192
GUESTS_MAX = 200
REMINDERS_MAX = 5
REMINDER_MINUTES_MAX = 40320
RULES_MAX = 50
_CHOICES = {
    "status": {"confirmed", "tentative", "cancelled"},
    "transparency": {"opaque", "transparent"},
    "visibility": {"default", "public", "private", "confidential"},
    "color": {"", *map(str, range(1, 12))},
}


class Invalid(Exception):
    """A field that cannot be taken, and why."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


def check_content(content: Content, calendar: Calendar, is_override: bool = False) -> None:
    """Raises Invalid for the first thing that the calendar, or Google, would not keep as it is."""
    if calendar.is_read_only:
        raise Invalid("calendar", calendar.read_only_reason or _("This calendar cannot be changed here."))
    _check_when(content, is_override)
    _check_texts(content)
    for field, allowed in _CHOICES.items():
        if getattr(content, field) not in allowed:
            raise Invalid(field, _("“%(value)s” is not possible here.") % {"value": getattr(content, field)})
    _check_guests(content)
    _check_reminders(content)


def _check_when(content: Content, is_override: bool) -> None:
    start, end = content.start, content.end
    if type(start) is not type(end):
        raise Invalid("end", _("Start and end must both be days or both be times."))
    for field, moment in (("start", start), ("end", end)):
        if isinstance(moment, Timed) and not times.is_zone(moment.zone):
            raise Invalid(field, _("“%(zone)s” is not a time zone.") % {"zone": moment.zone[:64]})
        if not 1900 <= times.civil(moment).year <= 2200:
            raise Invalid(field, _("The year must lie between 1900 and 2200."))
    if times.instant(end) <= times.instant(start):
        raise Invalid("end", _("The end must come after the start."))
    if content.recurrence and is_override:
        raise Invalid("recurrence", _("One occurrence cannot repeat by itself."))
    if len(content.recurrence) > RULES_MAX:
        raise Invalid("recurrence", _("That is too many recurrence lines."))
    if content.recurrence:
        try:
            recurrence.check(start, content.recurrence)
        except recurrence.BadRule as error:
            raise Invalid("recurrence", str(error)) from error
        if isinstance(start, Day) != isinstance(end, Day):
            raise Invalid("end", _("Start and end must both be days or both be times."))


def _check_texts(content: Content) -> None:
    limits = {"summary": SUMMARY_MAX, "location": LOCATION_MAX, "description": DESCRIPTION_MAX}
    for field, limit in limits.items():
        text = getattr(content, field)
        if len(text) > limit:
            raise Invalid(field, _("This text is %(over)s characters too long.") % {"over": len(text) - limit})
        if "\x00" in text or not _is_encodable(text):
            raise Invalid(field, _("This text holds characters that cannot be stored."))


def _check_guests(content: Content) -> None:
    if len(content.attendees) > GUESTS_MAX:
        raise Invalid("attendees", _("An event can have at most %(most)s guests.") % {"most": GUESTS_MAX})
    seen = set()
    for guest in content.attendees:
        try:
            validate_email(guest.email)
        except ValidationError:
            raise Invalid(
                "attendees", _("“%(email)s” is not an e-mail address.") % {"email": guest.email[:80]}
            ) from None
        if guest.email.lower() in seen:
            raise Invalid("attendees", _("%(email)s is invited twice.") % {"email": guest.email})
        seen.add(guest.email.lower())
        if guest.response not in {"needsAction", "declined", "tentative", "accepted"}:
            raise Invalid("attendees", _("A guest's answer is needsAction, declined, tentative or accepted."))


def _check_reminders(content: Content) -> None:
    reminders = content.reminders
    if reminders.use_default and reminders.overrides:
        raise Invalid("reminders", _("Choose the calendar's reminders or your own, not both."))
    if len(reminders.overrides) > REMINDERS_MAX:
        raise Invalid("reminders", _("An event can have at most %(most)s reminders.") % {"most": REMINDERS_MAX})
    for reminder in reminders.overrides:
        if reminder.method not in {"popup", "email"} or not 0 <= reminder.minutes <= REMINDER_MINUTES_MAX:
            raise Invalid("reminders", _("A reminder is a pop-up or an e-mail, up to four weeks before."))


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
