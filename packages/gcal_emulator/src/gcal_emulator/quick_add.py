"""events.quickAdd: days, times, lengths, repeats and a place found in one English line; what is left is the title.

What names no time is an all-day event, rather than one at a guessed hour.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")  # fmt: skip
_CODES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_END = r"(?=[\s,.;]|$)"
_HOUR, _MINUTE = r"([01]?\d|2[0-3])", r"([0-5]\d)"
_CLOCK = rf"{_HOUR}(?::{_MINUTE})?\s*(am|pm|a|p)?"
_RANGE = re.compile(rf"\b(?:at |from )?{_CLOCK}\s*(?:-|–|to|until)\s*{_CLOCK}{_END}", re.IGNORECASE)
_TIME = re.compile(
    rf"\b(?:at {_HOUR}(?::{_MINUTE})?\s*(am|pm)?|{_HOUR}:{_MINUTE}\s*(am|pm)?|{_HOUR}\s*(am|pm)){_END}", re.IGNORECASE
)
_NAMED = re.compile(rf"\b(?:at )?(noon|midday|midnight|tonight){_END}", re.IGNORECASE)
_LENGTH = re.compile(r"\bfor (\d{1,3}) (day|hour|minute|min|hr)s?\b", re.IGNORECASE)
_FROM_NOW = re.compile(r"\bin (\d{1,3}) (day|hour|minute|week)s?\b", re.IGNORECASE)
_MONTH = "|".join(f"{name}|{name[:3]}|{name[:4]}" for name in _MONTHS)
_NUMBER = r"(\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?:,?\s+(\d{4}))?"
_MONTH_DAY = re.compile(rf"\b(?:on )?({_MONTH})\.? {_NUMBER}(?:\s*(?:-|–|to)\s*{_NUMBER})?{_YEAR}{_END}", re.IGNORECASE)
_DAY_MONTH = re.compile(rf"\b(?:on )?(?:the )?{_NUMBER} (?:of )?({_MONTH})\.?{_YEAR}{_END}", re.IGNORECASE)
_SLASHED = re.compile(rf"\b(?:on )?(1[0-2]|0?[1-9])/(3[01]|[12]\d|0?[1-9])(?:/(\d{{4}}|\d{{2}}))?{_END}", re.IGNORECASE)
_WORD = re.compile(rf"\b(?:on |next |this )?(\d{{4}}-\d{{2}}-\d{{2}}|today|tomorrow|{'|'.join(_DAYS)}){_END}", re.I)
_EVERY = re.compile(rf"\b(?:every (day|weekday|{'|'.join(_DAYS)}|week|month|year)|(daily)){_END}", re.IGNORECASE)
_PLACE = re.compile(r"\b(?:at|in) ([A-Z][\w'’]*(?: [A-Z0-9][\w'’]*)*)")


@dataclass
class _Line:
    """A line that loses what has been understood."""

    text: str

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.search(self.text)
        if found is not None:
            self.text = f"{self.text[: found.start()]} {self.text[found.end() :]}"
        return found


def parse(text: str, now: datetime, zone: str) -> dict[str, Any]:
    """The body of the event that a line describes, on the clock of the calendar's zone."""
    local, line = now.astimezone(ZoneInfo(zone)).replace(tzinfo=None), _Line(text)
    rule, first = _repeat(line, local.date())
    days = _days(line, local.date()) or first
    length = _length(line)
    begin, end = _times(line)
    title = " ".join(line.text.split()).strip(" ,;") or text.strip()
    body: dict[str, Any] = {"summary": title}
    if place := _PLACE.search(title):
        body["location"] = place.group(1)
    if rule:
        body["recurrence"] = [rule]
    if at := _from_now(line, local):
        body["summary"] = " ".join(line.text.split()) or text.strip()
        return body | _timed(at, at + (length or timedelta(hours=1)), zone)
    if begin is None:
        return body | _all_day(days or (local.date(), local.date()), length)
    start = datetime.combine((days or (local.date(),))[0], datetime.min.time()) + begin
    until = start + (length or (_later(begin, end) - begin if end is not None else timedelta(hours=1)))
    return body | _timed(start, until, zone)


def _later(begin: timedelta, end: timedelta) -> timedelta:
    """An end that is not after its beginning lies half a day or a day later."""
    while end <= begin:
        end += timedelta(hours=12 if end + timedelta(hours=12) > begin else 24)
    return end


def _timed(start: datetime, end: datetime, zone: str) -> dict[str, Any]:
    sides = (("start", start), ("end", end))
    return {side: {"dateTime": at.replace(microsecond=0).isoformat(), "timeZone": zone} for side, at in sides}


def _all_day(days: tuple[date, date], length: timedelta | None) -> dict[str, Any]:
    last = days[0] + max(length - timedelta(days=1), timedelta()) if length else days[1]
    return {"start": {"date": days[0].isoformat()}, "end": {"date": (last + timedelta(days=1)).isoformat()}}


def _repeat(line: _Line, today: date) -> tuple[str, tuple[date, date] | None]:
    """A rule and the first day that it meets."""
    found = line.take(_EVERY)
    if found is None:
        return "", None
    word = (found.group(1) or "day").lower()
    if word in _DAYS:
        day = _next(_DAYS.index(word), today)
        return f"RRULE:FREQ=WEEKLY;BYDAY={_CODES[_DAYS.index(word)]}", (day, day)
    if word == "weekday":
        day = today + timedelta(days=max(0, 7 - today.weekday()) if today.weekday() > 4 else 0)
        return "RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", (day, day)
    rules = {"day": "DAILY", "week": "WEEKLY", "month": "MONTHLY", "year": "YEARLY"}
    return f"RRULE:FREQ={rules[word]}", None


def _days(line: _Line, today: date) -> tuple[date, date] | None:
    """The first and the last day that a line names."""
    if found := line.take(_MONTH_DAY):
        month = _month(found.group(1))
        return _span(today, found.group(4), month, int(found.group(2)), int(found.group(3) or found.group(2)))
    if found := line.take(_DAY_MONTH):
        number = int(found.group(1))
        return _span(today, found.group(3), _month(found.group(2)), number, number)
    if found := line.take(_SLASHED):
        number = int(found.group(2))
        return _span(today, found.group(3), int(found.group(1)), number, number)
    if found := line.take(_WORD):
        return _worded(found.group(1).lower(), today)
    return (today, today) if re.search(r"\btonight\b", line.text, re.IGNORECASE) else None


def _worded(word: str, today: date) -> tuple[date, date] | None:
    if word in ("today", "tomorrow"):
        day = today + timedelta(days=word == "tomorrow")
    elif word in _DAYS:
        day = _next(_DAYS.index(word), today)
    else:
        try:
            day = date.fromisoformat(word)
        except ValueError:
            return None
    return (day, day)


def _span(today: date, year: str | None, month: int, first: int, last: int) -> tuple[date, date] | None:
    """The days of a month, in the named year or the next in which they are not over; None where there are none."""
    named = int(year) if year else today.year
    named += 2000 if named < 100 else 0
    try:
        days = (date(named, month, first), date(named, month, last))
        if not year and days[1] < today:
            days = (date(named + 1, month, first), date(named + 1, month, last))
    except ValueError:
        return None
    return days if days[0] <= days[1] else None


def _month(word: str) -> int:
    return next(n for n, name in enumerate(_MONTHS, 1) if name.startswith(word.lower()[:3]))


def _next(weekday: int, today: date) -> date:
    return today + timedelta(days=(weekday - today.weekday()) % 7 or 7)


def _length(line: _Line) -> timedelta | None:
    found = line.take(_LENGTH)
    if found is None:
        return None
    units = {"d": timedelta(days=1), "h": timedelta(hours=1), "m": timedelta(minutes=1)}
    return max(int(found.group(1)), 1) * units[found.group(2)[0].lower()]


def _from_now(line: _Line, local: datetime) -> datetime | None:
    found = line.take(_FROM_NOW)
    if found is None:
        return None
    at = local + timedelta(**{f"{found.group(2).lower()}s": int(found.group(1))})
    return at.replace(second=0, microsecond=0)


def _times(line: _Line) -> tuple[timedelta | None, timedelta | None]:
    if found := line.take(_RANGE):
        half = found.group(3) or found.group(6)
        return _clock(found.group(1), found.group(2), half), _clock(*found.group(4, 5, 6))
    if found := line.take(_TIME):
        groups = list(found.groups())
        hour = groups[0] or groups[3] or groups[6]
        return _clock(hour, groups[1] or groups[4], groups[2] or groups[5] or groups[7]), None
    if found := line.take(_NAMED):
        hours = {"noon": 12, "midday": 12, "midnight": 0, "tonight": 19}
        return timedelta(hours=hours[found.group(1).lower()]), None
    return None, None


def _clock(hour: str, minute: str | None, half: str | None) -> timedelta:
    number = int(hour) % 12 if half else int(hour) % 24
    is_afternoon = (half or "").lower().startswith("p")
    return timedelta(hours=number + (12 if is_afternoon else 0), minutes=int(minute or 0) % 60)
