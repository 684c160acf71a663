"""The editor's fields: what a form shows, and the body that its answers mean to `parsing`."""

from datetime import date, datetime, timedelta
from typing import Any

import msgspec
from django.http import QueryDict
from django.utils.translation import gettext as _

from conversa_calendar.accounts.models import Member
from conversa_calendar.calendars import parsing, preferences, schema
from conversa_calendar.calendars.models import Calendar, Event
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.domain import repeats, times
from conversa_calendar.domain.event import Content, Reminder
from conversa_calendar.domain.phrase import Phrase
from conversa_calendar.domain.repeats import Repeat
from conversa_calendar.domain.times import Moment, Timed
from conversa_calendar.kit import clock, reading

OWN_RULE = "own"
UNITS = {"weeks": 10080, "days": 1440, "hours": 60, "minutes": 1}
"""Lead times of reminders, in minutes, the longest first."""
MAY = ("invite_others", "modify", "see_others")


def civil_now(member: Member) -> datetime:
    """The time on this member's clock."""
    return clock.now().astimezone(times.zone_of(zone_of(member))).replace(tzinfo=None)


def zone_of(member: Member) -> str:
    return member.zone


def default_calendar(member: Member, writable: list[Calendar]) -> Calendar | None:
    """Where a new event goes: the calendar used last, else an own mirrored one, else the first that can be written."""
    last: Calendar | None = preferences.preference_of(member).last_calendar
    if last is not None and any(calendar.pk == last.pk for calendar in writable):
        return last
    mirrored = next((c for c in writable if c.is_mirrored and c.owner_id == member.pk), None)
    return mirrored or (writable[0] if writable else None)


def new_values(member: Member, writable: list[Calendar], query: QueryDict) -> dict[str, Any]:
    """An empty form, filled from a selected time or from other pages: start, end, all_day, summary, guests."""
    calendar = default_calendar(member, writable)
    start = (civil_now(member) + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    end = start + timedelta(hours=1)
    is_all_day = query.get("all_day") == "true"
    try:
        start = times.read_time(query.get("start", "")).replace(tzinfo=None)
        end = times.read_time(query.get("end", "")).replace(tzinfo=None)
    except ValueError:
        pass
    if is_all_day:
        end -= timedelta(days=1)
    blank = {"start_time": "09:00", "end_time": "10:00"} if is_all_day else {}
    return (
        _when(start, end)
        | blank
        | _repeat_values(None, start)
        | {
            "calendar": str(calendar.uuid) if calendar else "",
            "summary": query.get("summary", "")[:1024],
            "guests": query.get("guests", "")[:2000],
            "all_day": is_all_day,
            "zone": zone_of(member),
            "notify": "all",
            "reminders_default": True,
            "reminders": _reminder_rows(()),
            "guests_can": {"invite_others": True, "modify": False, "see_others": True},
        }
    )


def values(event: Event, content: Content, key: str) -> dict[str, Any]:
    """A form that shows an event, or one occurrence of a series."""
    start, end = times.civil(content.start), times.civil(_in_zone_of(content.start, content.end))
    if content.is_all_day:
        end -= timedelta(days=1)
    is_past = event.ends_at < clock.now() and not event.is_series
    master = event.content
    repeat = repeats.repeat_of(master.start, master.recurrence) if master.recurrence else None
    kind = repeat.freq if repeat else OWN_RULE if master.recurrence else ""
    return (
        _when(start, end)
        | _repeat_values(repeat, times.civil(master.start))
        | {
            "calendar": str(event.calendar.uuid),
            **{name: getattr(content, name) for name in schema.TYPED},
            "location_lines": min(content.location.count("\n") + 1, 6),
            "all_day": content.is_all_day,
            "zone": content.start.zone if isinstance(content.start, Timed) else event.calendar.time_zone,
            "guests": ", ".join(guest.email for guest in content.attendees if not guest.optional),
            "optional": ", ".join(guest.email for guest in content.attendees if guest.optional),
            "repeat": kind,
            "rules": "\n".join(master.recurrence),
            "reminders_default": content.reminders.use_default,
            "reminders": _reminder_rows(content.reminders.overrides),
            "meet": content.conference.state not in {"none", "failed"},
            "guests_can": {name: getattr(content.guests_can, name) for name in MAY},
            "notify": "none" if is_past else "all",
            "occurrence": key,
            "etag": event.etag,
        }
    )


def typed(form: QueryDict) -> dict[str, Any]:
    """What somebody typed, to be shown again beside the reason why it was refused."""
    rows = zip(
        form.getlist("reminder_count"), form.getlist("reminder_unit"), form.getlist("reminder_method"), strict=False
    )
    return form.dict() | {
        "repeat_days": [int(day) for day in form.getlist("repeat_days") if day and day in "0123456"],
        "reminders": [{"count": count, "unit": unit, "method": method} for count, unit, method in rows],
        "guests_can": {name: f"may_{name}" in form for name in MAY},
    }


def body(form: QueryDict, calendar: Calendar, known: Content | None = None) -> dict[str, Any]:
    """The dialog's fields as the body that parsing understands; `known` is what the event or series held. Raises
    Invalid."""
    zone = form.get("zone") or calendar.time_zone
    found: dict[str, Any] = {
        name: form.get(name, "").replace("\r\n", "\n") for name in schema.TYPED if name in schema.TEXTS
    }
    found["start"] = moment(form, "start", zone)
    found["end"] = moment(form, "end", zone)
    found["attendees"] = [
        {"email": address, "optional": is_optional}
        for name, is_optional in (("guests", False), ("optional", True))
        for address in addresses(form.get(name, ""))
    ]
    found |= {name: form[name] for name in schema.TYPED if name in schema.CHOICES and name in form}
    if "repeat" in form:
        found["recurrence"] = list(rules(form, parsing.moment(found["start"], "start", zone), known))
    if "reminders_shown" in form:
        found["reminders"] = _reminders(form)
    if "may_shown" in form:
        found["guests_can"] = {name: f"may_{name}" in form for name in MAY}
    found["conference"] = {"request": bool(form.get("meet"))}
    return found


def rules(form: QueryDict, start: Moment, known: Content | None = None) -> tuple[str, ...]:
    """The recurrence lines of a form's fields; those that mean what the series `known` says stay as they are written.
    Raises Invalid."""
    kind = form.get("repeat", "")
    if not kind:
        return ()
    if kind == OWN_RULE:
        return tuple(line.strip() for line in form.get("rules", "").splitlines() if line.strip())
    at, ends = times.civil(start), form.get("repeat_ends", "never")
    former = repeats.repeat_of(known.start, known.recurrence) if known and known.recurrence else None
    days = tuple(sorted({int(day) for day in form.getlist("repeat_days") if day and day in "0123456"}))
    if days == (at.weekday(),) or days == (_number(form.get("repeat_from", "0"), 0, 6),):
        days = ()  # the day of the start, whichever that is by now
    monthly = (former and former.monthly) or repeats.place_in_month(at.date())
    repeat = Repeat(
        kind,
        _number(form.get("repeat_every", ""), 1, 366),
        days if kind == "WEEKLY" else (),
        monthly if kind == "MONTHLY" and form.get("repeat_monthly") == "weekday" else repeats.MONTHLY_ON_DAY,
        _number(form.get("repeat_count", ""), 1, 2000) if ends == "after" else 0,
        _day(form.get("repeat_until", "")) if ends == "on" else None,
        _number(form.get("repeat_week_start", "0"), 0, 6) if kind == "WEEKLY" else 0,
    )
    if repeat.until is not None and repeat.until < at.date():
        raise Invalid("recurrence", _("A series cannot end before it begins."))
    if known is not None and former is not None and at.weekday() == times.civil(known.start).weekday():
        own_day = (times.civil(known.start).weekday(),)
        if repeat == msgspec.structs.replace(former, days=() if former.days == own_day else former.days):
            return known.recurrence
    return repeats.lines_of(start, repeat)


def addresses(text: str) -> list[str]:
    """The addresses of a list of guests as typed."""
    return [address.strip().lower() for address in text.replace(";", ",").split(",") if address.strip()]


def moment(form: QueryDict, side: str, zone: str) -> dict[str, str]:
    """The start or the end as typed, for `parsing`."""
    day = form.get(f"{side}_date", "")
    if not form.get("all_day"):
        return {"date_time": f"{day}T{form.get(f'{side}_time', '') or '00:00'}:00", "time_zone": zone}
    return {"date": f"{_day(day) + timedelta(days=1):%Y-%m-%d}" if side == "end" else day}


def civil(text: str) -> datetime:
    """A typed time. Raises Invalid."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("start", _("This is not a date or time.")) from None


def phrase_query(found: Phrase) -> dict[str, str]:
    """A typed sentence as the address of a filled form."""
    return {
        "summary": found.summary,
        "start": found.start.isoformat(),
        "end": found.end.isoformat(),
        "all_day": str(found.is_all_day).lower(),
        "guests": ", ".join(found.guests),
    }


def phrase_body(found: Phrase, zone: str) -> dict[str, Any]:
    """A typed sentence as a body for `parsing`; its guests are left to the form, which asks whom to tell."""
    if found.is_all_day:
        sides = {"start": {"date": f"{found.start:%Y-%m-%d}"}, "end": {"date": f"{found.end:%Y-%m-%d}"}}
    else:
        sides = {
            name: {"date_time": at.isoformat(timespec="seconds"), "time_zone": zone}
            for name, at in (("start", found.start), ("end", found.end))
        }
    return {"summary": found.summary, **sides}


def _when(start: datetime, end: datetime) -> dict[str, Any]:
    return {
        "start_date": f"{start:%Y-%m-%d}",
        "end_date": f"{end:%Y-%m-%d}",
        "start_time": f"{start:%H:%M}",
        "end_time": f"{end:%H:%M}",
    }


def _repeat_values(repeat: Repeat | None, start: datetime) -> dict[str, Any]:
    found = repeat or Repeat("")
    return {
        "repeat": found.freq,
        "repeat_every": found.every,
        "repeat_from": start.weekday(),
        "repeat_week_start": found.week_start,
        "repeat_days": list(found.days or (start.weekday(),)),
        "repeat_monthly": "weekday" if found.monthly else "day",
        "repeat_ends": "after" if found.count else "on" if found.until else "never",
        "repeat_count": found.count or 10,
        "repeat_until": f"{found.until or start.date() + timedelta(days=90):%Y-%m-%d}",
    }


def _reminder_rows(overrides: tuple[Reminder, ...]) -> list[dict[str, Any]]:
    rows = []
    for reminder in overrides:
        unit = next((name for name, size in UNITS.items() if reminder.minutes and reminder.minutes % size == 0), "")
        unit = unit or "minutes"
        rows.append({"count": reminder.minutes // UNITS[unit], "unit": unit, "method": reminder.method})
    return [*rows, {"count": "", "unit": "minutes", "method": "popup"}] if len(rows) < 5 else rows


def _reminders(form: QueryDict) -> dict[str, Any]:
    if form.get("reminders_default"):
        return {"use_default": True, "overrides": []}
    rows = typed(form)["reminders"]
    overrides = [
        {"method": row["method"], "minutes": _number(row["count"], 0, 40320) * UNITS.get(row["unit"], 1)}
        for row in rows
        if row["count"].strip()
    ]
    return {"use_default": False, "overrides": overrides}


def _in_zone_of(start: Moment, end: Moment) -> Moment:
    """The end as its form shows it, which has one zone for both."""
    if isinstance(start, Timed) and isinstance(end, Timed) and start.zone != end.zone:
        return times.timed(times.instant(end), start.zone)
    return end


def _day(text: str) -> date:
    try:
        return times.read_date(text)
    except ValueError:
        raise Invalid("end", _("This is not a date or time.")) from None


def _number(text: str, least: int, most: int) -> int:
    found = reading.whole(text.strip())
    if found is None or not least <= found <= most:
        raise Invalid("recurrence", _("“%(text)s” is not a number from %(least)d to %(most)d.") % {"text": text[:20], "least": least, "most": most})  # fmt: skip
    return found
