"""The fields of a booking page: every one checked with a sentence for the person, hosts replaced as a whole."""

import base64
import binascii
import itertools
import re
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from conversa_calendar.accounts.models import Inbox, Member, Team
from conversa_calendar.accounts.services import check_zone
from conversa_calendar.bookings import availability
from conversa_calendar.bookings.models import (
    HOST_MODES,
    LOCATIONS,
    STALE_POLICIES,
    BookingHost,
    BookingPage,
)
from conversa_calendar.calendars.models import Calendar
from conversa_calendar.calendars.signals import need_arose
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.domain import names, times

FIELDS = (
    "title",
    "description",
    "durations",
    "time_zone",
    "weekly",
    "overrides",
    "buffer_before",
    "buffer_after",
    "notice",
    "horizon_days",
    "step",
    "per_day",
    "per_week",
    "questions",
    "location",
    "host_mode",
    "needs_confirmation",
    "focus_time_busy",
    "tentative_busy",
    "unanswered_busy",
    "stale_policy",
    "repeats_max",
    "reminders",
    "embed_origins",
    "color",
    "language",
    "logo",
    "is_published",
)
"""What the API shows of a page as it is stored, and takes the same way."""
WRITABLE = {*FIELDS, "hosts", "team", "inbox"}
WORKWEEK = [[[540, 1020]]] * 5 + [[], []]
"""Monday to Friday, nine to five."""
BOUNDS: dict[str, tuple[int, int]] = {
    "buffer_before": (0, 1440),
    "buffer_after": (0, 1440),
    "notice": (0, 60 * 24 * 90),
    "horizon_days": (1, 365),
    "step": (5, 480),
    "per_day": (0, 500),
    "per_week": (0, 2000),
    "repeats_max": (1, 12),
}
"""The least and the most of each field that is a whole number."""
NUMBERS = tuple(BOUNDS)
"""The fields that are whole numbers."""
QUESTION_KINDS = ("text", "choice", "email", "phone")
LOGO_BYTES_MAX = 64 * 1024
_PICTURES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff", "image/webp": b"RIFF"}
"""How the kinds of picture that a logo may be begin."""
DURATIONS_MAX, QUESTIONS_MAX, HOSTS_MAX, REMINDERS_MAX = 6, 20, 100, 3


def can_mail() -> bool:
    """Whether mail leaves this installation, without which no page may be published."""
    return not settings.EMAIL_BACKEND.endswith("console.EmailBackend")


def take(page: BookingPage, values: dict[str, Any]) -> None:
    """Checks the named fields and stores the page with them. Raises Invalid."""
    if unknown := set(values) - WRITABLE:
        raise Invalid(sorted(unknown)[0], _("This field cannot be written."))
    _take_numbers(page, values)
    _take_texts(page, values)
    _take_public(page, values)
    _take_hours(page, values)
    if "questions" in values:
        page.questions = _questions(values["questions"])
    if "location" in values:
        page.location = _location(values["location"])
    _take_group(page, values)
    if page.is_published and not can_mail():
        raise Invalid("is_published", _("This installation sends no mail, so visitors could not be told."))
    page.save()
    if "hosts" in values:
        _replace_hosts(page, values["hosts"])
    if page.is_published:
        need_arose.send(BookingPage, calendars=availability.relied_on(page))


def _take_numbers(page: BookingPage, values: dict[str, Any]) -> None:
    for name, (least, most) in BOUNDS.items():
        if name in values:
            setattr(page, name, _number(name, values[name], least, most))
    for name in ("needs_confirmation", "focus_time_busy", "tentative_busy", "unanswered_busy", "is_published"):
        if name in values:
            setattr(page, name, bool(values[name]))


def _take_texts(page: BookingPage, values: dict[str, Any]) -> None:
    if "title" in values:
        page.title = names.tidy(str(values["title"]))
        if names.has_link(page.title):
            raise Invalid("title", _("A name cannot hold a web address."))
        if not page.title:
            raise Invalid("title", _("A page needs a title."))
    if "description" in values:
        page.description = str(values["description"])[:5000]
    if "time_zone" in values:
        check_zone(str(values["time_zone"]))
        page.time_zone = str(values["time_zone"])
    if "color" in values:
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", str(values["color"])):
            raise Invalid("color", _("A colour reads like #4f46e5."))
        page.color = str(values["color"])
    if "durations" in values:
        rows = values["durations"]
        if not isinstance(rows, list) or not 1 <= len(rows) <= DURATIONS_MAX:
            raise Invalid("durations", _("Give one to six durations in minutes."))
        page.durations = sorted({_number("durations", row, 5, 1440) for row in rows})


def _take_public(page: BookingPage, values: dict[str, Any]) -> None:
    if "language" in values:
        if values["language"] not in {"", *dict(settings.LANGUAGES)}:
            raise Invalid("language", _("There is no such language."))
        page.language = values["language"]
    if "logo" in values:
        page.logo = _logo(values["logo"])
    if "stale_policy" in values:
        if values["stale_policy"] not in STALE_POLICIES:
            raise Invalid("stale_policy", _("A host whose calendar cannot be read is hidden (hide) or marked (warn)."))
        page.stale_policy = values["stale_policy"]
    if "reminders" in values:
        rows = values["reminders"]
        if not isinstance(rows, list) or len(rows) > REMINDERS_MAX:
            raise Invalid("reminders", _("Give at most three reminders in minutes."))
        page.reminders = sorted({_number("reminders", row, 10, 40320) for row in rows}, reverse=True)
    if "embed_origins" in values:
        rows = values["embed_origins"]
        if not isinstance(rows, list) or len(rows) > 20 or not all(_is_origin(row) for row in rows):
            raise Invalid("embed_origins", _("An origin reads like https://www.example.com."))
        page.embed_origins = sorted(set(rows))


def picture(kind: str, data: bytes) -> str:
    """A logo as a data: address. Raises Invalid for what is no small picture."""
    if len(data) > LOGO_BYTES_MAX:
        raise Invalid("logo", _("A logo has at most 64 kB."))
    if kind not in _PICTURES or not data.startswith(_PICTURES[kind]):
        raise Invalid("logo", _("A logo is a PNG, JPEG or WebP picture."))
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _logo(text: Any) -> str:
    """A data: address read and written anew, so that nothing but a picture is kept."""
    if text == "":
        return ""
    kind, comma, data = str(text)[: LOGO_BYTES_MAX * 2].removeprefix("data:").partition(";base64,")
    try:
        return picture(kind, base64.b64decode(data, validate=True) if comma else b"")
    except binascii.Error as error:
        raise Invalid("logo", _("A logo is a PNG, JPEG or WebP picture.")) from error


def _is_origin(text: Any) -> bool:
    return isinstance(text, str) and re.fullmatch(r"https?://[a-z0-9.-]+(:\d{1,5})?", text) is not None


def _take_hours(page: BookingPage, values: dict[str, Any]) -> None:
    if "weekly" in values:
        days = values["weekly"]
        if not isinstance(days, list) or len(days) != 7:
            raise Invalid("weekly", _("Weekly hours are seven days, Monday first."))
        page.weekly = [_spans("weekly", day) for day in days]
    if "overrides" in values:
        if not isinstance(values["overrides"], dict) or len(values["overrides"]) > 400:
            raise Invalid("overrides", _("Overrides name a date each."))
        page.overrides = {_date(day): _spans("overrides", spans) for day, spans in values["overrides"].items()}


def _take_group(page: BookingPage, values: dict[str, Any]) -> None:
    if "host_mode" in values:
        if values["host_mode"] not in HOST_MODES:
            raise Invalid("host_mode", _("Hosts are one, round_robin or all."))
        page.host_mode = values["host_mode"]
    for name, model in (("team", Team), ("inbox", Inbox)):
        if name in values:
            found = model.objects.filter(uuid=_uuid(name, values[name])).first() if values[name] else None
            if values[name] and found is None:
                raise Invalid(name, _("There is no such group here."))
            setattr(page, name, found)


def _replace_hosts(page: BookingPage, rows: Any) -> None:
    if not isinstance(rows, list) or len(rows) > HOSTS_MAX or not all(isinstance(row, dict) for row in rows):
        raise Invalid("hosts", _("Hosts are a list of {id, calendar, weight}."))
    BookingHost.objects.filter(page=page).delete()
    for row in rows:
        member = Member.objects.filter(uuid=_uuid("hosts", row.get("id"))).first()
        if member is None:
            raise Invalid("hosts", _("There is no such member here."))
        calendar = None
        if row.get("calendar"):
            calendar = Calendar.objects.filter(uuid=_uuid("hosts", row["calendar"]), deleted_at=None).first()
            if calendar is None or calendar.owner_id not in {None, member.pk}:
                raise Invalid("hosts", _("Bookings of a member go to one of their own calendars."))
        weight = _number("hosts", row.get("weight", 1), 1, 100)
        BookingHost(page=page, member=member, calendar=calendar, weight=weight).save(force_insert=True)


def _questions(rows: Any) -> list[dict[str, Any]]:
    if not isinstance(rows, list) or len(rows) > QUESTIONS_MAX:
        raise Invalid("questions", _("Questions are a list of at most twenty."))
    found = []
    for row in rows:
        label = str(row.get("label", "")).strip()[:200] if isinstance(row, dict) else ""
        kind = row.get("kind", "text") if isinstance(row, dict) else ""
        if not label or kind not in QUESTION_KINDS:
            raise Invalid("questions", _("A question has a label and is text, choice, email or phone."))
        options = [str(option)[:100] for option in row.get("options", [])][:20]
        if kind == "choice" and not options:
            raise Invalid("questions", _("A choice needs options."))
        found.append({"label": label, "kind": kind, "required": bool(row.get("required")), "options": options})
    return found


def _location(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or value.get("kind") not in LOCATIONS:
        raise Invalid("location", _("A booking takes place by meet, phone, at an address or behind a link."))
    text = str(value.get("value", "")).strip()[:500]
    if value["kind"] == "link" and not text.startswith(("https://", "http://")):
        raise Invalid("location", _("A link begins with https://."))
    return {"kind": value["kind"], "value": text}


def _spans(field: str, rows: Any) -> list[list[int]]:
    if not isinstance(rows, list) or len(rows) > 12:
        raise Invalid(field, _("Hours are [from, to] pairs of minutes after midnight."))
    found = []
    for row in rows:
        if not isinstance(row, list) or len(row) != 2 or not all(isinstance(value, int) for value in row):
            raise Invalid(field, _("Hours are [from, to] pairs of minutes after midnight."))
        if not 0 <= row[0] < row[1] <= 1440:
            raise Invalid(field, _("Hours end after they begin, within one day."))
        found.append(list(row))
    found.sort()
    if any(one[1] > other[0] for one, other in itertools.pairwise(found)):
        raise Invalid(field, _("Hours of one day do not overlap."))
    return found


def _number(field: str, value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Invalid(field, _("Give a whole number from %(least)s to %(most)s.") % {"least": least, "most": most})
    return value


def _date(text: Any) -> str:
    try:
        return times.read_date(str(text)).isoformat()
    except ValueError:
        raise Invalid("overrides", _("A date reads like 2026-12-24.")) from None


def _uuid(field: str, value: Any) -> str:
    from uuid import UUID

    try:
        return str(UUID(str(value)))
    except ValueError:
        raise Invalid(field, _("This is not an id.")) from None
