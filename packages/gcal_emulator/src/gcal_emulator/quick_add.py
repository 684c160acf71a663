"""events.quickAdd: a day, a time and a length found in one English line; what is left is the title."""

import re
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_CLOCK = r"(\d{1,2})(?::(\d{2}))?\s*(am|pm)?"
_RANGE = re.compile(rf"\b(?:at |from )?{_CLOCK}\s*(?:-|–|to)\s*{_CLOCK}(?=\s|$)", re.IGNORECASE)
_TIME = re.compile(
    r"\b(?:at (\d{1,2})(?::(\d{2}))?\s*(am|pm)?|(\d{1,2}):(\d{2})\s*(am|pm)?|(\d{1,2})\s*(am|pm))(?=\s|$)", re.I
)
_LENGTH = re.compile(r"\bfor (\d+)\s*(hour|minute)s?\b", re.IGNORECASE)
_DATE = re.compile(rf"\b(?:on |next )?(\d{{4}}-\d{{2}}-\d{{2}}|today|tomorrow|{'|'.join(_DAYS)})\b", re.IGNORECASE)


def parse(text: str, now: datetime, zone: str) -> dict[str, Any]:
    """The body of the event that a line describes; without a time, the next full hour of the calendar's zone."""
    local = now.astimezone(ZoneInfo(zone))
    rest, day = _day(text, local.date())
    rest, length = _length(rest)
    rest, begin, end = _times(rest)
    if begin is None:
        start = local.replace(minute=0, second=0, microsecond=0, tzinfo=None) + timedelta(hours=1)
        start = start if day is None else datetime.combine(day, start.time())
    else:
        start = datetime.combine(day or local.date(), datetime.min.time()) + begin
    until = start + (length or (end - begin if end is not None and begin is not None else timedelta(hours=1)))
    times = {side: {"dateTime": at.isoformat(), "timeZone": zone} for side, at in (("start", start), ("end", until))}
    return {"summary": " ".join(rest.split()) or text} | times


def _day(text: str, today: date) -> tuple[str, date | None]:
    matched = _DATE.search(text)
    if matched is None:
        return text, None
    word = matched.group(1).lower()
    rest = text[: matched.start()] + text[matched.end() :]
    if word in ("today", "tomorrow"):
        return rest, today + timedelta(days=word == "tomorrow")
    if word in _DAYS:
        return rest, today + timedelta(days=(_DAYS.index(word) - today.weekday()) % 7 or 7)
    return rest, date.fromisoformat(word)


def _length(text: str) -> tuple[str, timedelta | None]:
    matched = _LENGTH.search(text)
    if matched is None:
        return text, None
    unit = timedelta(hours=1) if matched.group(2).lower() == "hour" else timedelta(minutes=1)
    return text[: matched.start()] + text[matched.end() :], int(matched.group(1)) * unit


def _times(text: str) -> tuple[str, timedelta | None, timedelta | None]:
    if matched := _RANGE.search(text):
        half = matched.group(3) or matched.group(6)
        begin = _clock(matched.group(1), matched.group(2), half)
        return text[: matched.start()] + text[matched.end() :], begin, _clock(*matched.group(4, 5, 6))
    if matched := _TIME.search(text):
        groups = list(matched.groups())
        hour = groups[0] or groups[3] or groups[6]
        begin = _clock(hour, groups[1] or groups[4], groups[2] or groups[5] or groups[7])
        return text[: matched.start()] + text[matched.end() :], begin, None
    return text, None, None


def _clock(hour: str, minute: str | None, half: str | None) -> timedelta:
    number = int(hour) % 12 if half else int(hour)
    return timedelta(hours=number + (12 if (half or "").lower() == "pm" else 0), minutes=int(minute or 0))
