"""Recurrence by counting days: an expansion that shares no code with the product's, the emulator's or any library."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
HORIZON = timedelta(days=366 * 30)


def civil_starts(start: datetime, rule: str, zone: str) -> Iterator[datetime]:
    """The civil starts of `RRULE:…` from `start` (civil too), in order; the start itself counts even if it does not fit."""
    parts = dict(part.split("=") for part in rule.removeprefix("RRULE:").split(";"))
    left = int(parts.get("COUNT", 0)) or None
    until = _until(parts["UNTIL"], zone) if "UNTIL" in parts else None
    if start.date() not in next(_periods(start.date(), parts)):
        yield start
    for period in _periods(start.date(), parts):
        for day in period:
            at = datetime.combine(day, start.time())
            if at < start:
                continue
            if (until is not None and at > until) or left == 0:
                return
            left = left - 1 if left is not None else None
            yield at


def _until(text: str, zone: str) -> datetime:
    if text.endswith("Z"):
        at = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    return datetime.combine(datetime.strptime(text[:8], "%Y%m%d").date(), time(23, 59, 59))


def _periods(first: date, parts: dict[str, str]) -> Iterator[list[date]]:
    """The matching days of each day, week, month or year that the interval does not skip."""
    frequency, interval = parts["FREQ"], int(parts.get("INTERVAL", 1))
    week_starts = DAYS.index(parts.get("WKST", "MO"))
    positions = [int(n) for n in parts["BYSETPOS"].split(",")] if "BYSETPOS" in parts else []
    begin = _begin(first, frequency, week_starts)
    number = 0
    while begin <= first + HORIZON:
        end = _next(begin, frequency)
        if number % interval == 0:
            days = [begin + timedelta(days=n) for n in range((end - begin).days)]
            found = [day for day in days if _fits(day, first, begin, end, parts)]
            if positions:
                found = sorted({found[n - 1 if n > 0 else n] for n in positions if abs(n) <= len(found)})
            yield found
        number, begin = number + 1, end


def _begin(day: date, frequency: str, week_starts: int) -> date:
    if frequency == "WEEKLY":
        return day - timedelta(days=(day.weekday() - week_starts) % 7)
    return day.replace(day=1, month=1 if frequency == "YEARLY" else day.month) if frequency[0] in "MY" else day


def _next(begin: date, frequency: str) -> date:
    if frequency == "YEARLY":
        return begin.replace(year=begin.year + 1)
    if frequency == "MONTHLY":
        return (begin + timedelta(days=32)).replace(day=1)
    return begin + timedelta(days=7 if frequency == "WEEKLY" else 1)


def _fits(day: date, first: date, begin: date, end: date, parts: dict[str, str]) -> bool:
    frequency = parts["FREQ"]
    months = [int(n) for n in parts.get("BYMONTH", "").split(",") if n]
    numbers = [int(n) for n in parts.get("BYMONTHDAY", "").split(",") if n]
    weekdays = [text for text in parts.get("BYDAY", "").split(",") if text]
    if months and day.month not in months:
        return False
    if numbers and not any(_is_month_day(day, n) for n in numbers):
        return False
    if weekdays and not any(_is_weekday(day, text, begin, end, frequency, bool(months)) for text in weekdays):
        return False
    if frequency == "WEEKLY":
        return bool(weekdays) or day.weekday() == first.weekday()
    if frequency == "MONTHLY":
        return bool(weekdays or numbers) or day.day == first.day
    if frequency == "YEARLY" and not (weekdays or numbers):
        return day.day == first.day and (bool(months) or day.month == first.month)
    return True


def _is_month_day(day: date, number: int) -> bool:
    length = ((day.replace(day=1) + timedelta(days=32)).replace(day=1) - day.replace(day=1)).days
    return day.day == (number if number > 0 else length + 1 + number)


def _is_weekday(day: date, text: str, begin: date, end: date, frequency: str, in_month: bool) -> bool:
    """`2TU` counts from the beginning of the month, or of the year where a yearly rule names no month."""
    if DAYS[day.weekday()] != text[-2:]:
        return False
    if not text[:-2]:
        return True
    if frequency == "YEARLY" and in_month:
        begin = day.replace(day=1)
        end = (begin + timedelta(days=32)).replace(day=1)
    number = int(text[:-2])
    return (
        (number == (day - begin).days // 7 + 1)
        if number > 0
        else (-number == (end - day).days // 7 + ((end - day).days % 7 > 0))
    )
