"""The rules that an editor shows as fields: daily, weekly on days, monthly by day or by weekday, yearly; with an end.

Everything else (RFC 5545 has more) stays a rule of its own, kept as written.
"""

from datetime import date, datetime, timedelta

import msgspec

from conversa_calendar.domain import recurrence, rules, times
from conversa_calendar.domain.times import Moment, Timed

DAYS = rules.DAYS
MONTHLY_ON_DAY = 0
_KNOWN = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "BYDAY", "BYMONTHDAY", "BYMONTH", "WKST"}


class Repeat(msgspec.Struct, frozen=True):
    """`freq` is RFC 5545's; `days` are weekdays, Monday 0, of a weekly one; `monthly` is 0 for the day of the month or
    which weekday of it: 1 to 4, -1 for the last. It ends after `count` times, with the day `until`, or never. `week_start`
    decides which weeks a rule of every other week means."""

    freq: str
    every: int = 1
    days: tuple[int, ...] = ()
    monthly: int = MONTHLY_ON_DAY
    count: int = 0
    until: date | None = None
    week_start: int = 0


def repeat_of(start: Moment, lines: tuple[str, ...]) -> Repeat | None:
    """The fields of a rule; None when they cannot show all of it."""
    if len(lines) != 1 or not lines[0].upper().startswith("RRULE:"):
        return None
    try:
        rules.read(lines[0].partition(":")[2])  # what yields nothing is not shown as something that does
        parts = rules.parts_of(lines[0].partition(":")[2].upper())
        found = _read(start, parts)
    except (ValueError, KeyError, IndexError):
        return None
    return found if found is not None and not set(parts) - _KNOWN else None


def lines_of(start: Moment, repeat: Repeat) -> tuple[str, ...]:
    """The rule of an editor's fields; what the start says already is not said again."""
    at = times.civil(start)
    parts = [f"FREQ={repeat.freq}"]
    if repeat.every > 1:
        parts.append(f"INTERVAL={repeat.every}")
    if repeat.freq == "WEEKLY" and repeat.days and repeat.days != (at.weekday(),):
        parts.append("BYDAY=" + ",".join(DAYS[day] for day in repeat.days))
    if repeat.freq == "MONTHLY" and repeat.monthly != MONTHLY_ON_DAY:
        parts.append(f"BYDAY={repeat.monthly}{DAYS[at.weekday()]}")
    if repeat.week_start and repeat.freq == "WEEKLY":
        parts.append(f"WKST={DAYS[repeat.week_start]}")
    if repeat.count:
        parts.append(f"COUNT={repeat.count}")
    elif repeat.until:
        parts.append(f"UNTIL={_until(start, repeat.until)}")
    return ("RRULE:" + ";".join(parts),)


def place_in_month(day: date) -> int:
    """Which weekday of its month a day is: 1 to 4, or -1 for a fifth, which not every month has."""
    place = (day.day - 1) // 7 + 1
    return place if place <= 4 else -1


def _read(start: Moment, parts: dict[str, str]) -> Repeat | None:
    at = times.civil(start)
    freq, every = parts["FREQ"], int(parts.get("INTERVAL", "1"))
    count = int(parts.get("COUNT", "0"))
    until = _until_day(parts["UNTIL"], start) if "UNTIL" in parts else None
    if (count and until) or every < 1:
        return None
    days: tuple[int, ...] = ()
    monthly = MONTHLY_ON_DAY
    by_day = parts.get("BYDAY", "")
    if freq == "WEEKLY" and by_day:
        days = tuple(sorted(DAYS.index(name) for name in by_day.split(",")))
    elif freq == "MONTHLY" and by_day:
        monthly = int(by_day[:-2])
        if not _is_day_of_start(at, by_day[-2:], monthly):
            return None
    elif by_day:
        return None
    if freq not in {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"} or not _says_start_only(at, freq, parts):
        return None
    week_start = DAYS.index(parts.get("WKST", "MO"))
    return Repeat(freq, every, days, monthly, count, until, week_start if freq == "WEEKLY" else 0)


def _is_day_of_start(at: datetime, name: str, number: int) -> bool:
    """Whether the start is the month's weekday of that number, the last one being -1."""
    is_last = (at + timedelta(days=7)).month != at.month
    numbers = {(at.day - 1) // 7 + 1, -1 if is_last else 0} & {1, 2, 3, 4, -1}
    return DAYS[at.weekday()] == name and number in numbers


def _says_start_only(at: datetime, freq: str, parts: dict[str, str]) -> bool:
    """Whether BYMONTHDAY and BYMONTH, where they stand, repeat what the start says, and nothing else decides the day."""
    says_start = {"BYMONTHDAY": str(at.day), "BYMONTH": str(at.month)}
    if any(parts[name] != value for name, value in says_start.items() if name in parts):
        return False
    if "BYMONTHDAY" in parts and (parts.get("BYDAY") or freq in {"DAILY", "WEEKLY"}):
        return False
    return "BYMONTH" not in parts or freq == "YEARLY"


def _until_day(text: str, start: Moment) -> date:
    """The last day on which the series may happen, in its own zone."""
    last = recurrence.until_civil(text, start)
    if isinstance(start, Timed) and last.time() < start.local.time():
        last -= timedelta(days=1)
    return last.date()


def _until(start: Moment, day: date) -> str:
    """UNTIL as RFC 5545 wants it: a date for all-day events, else the end of that day in UTC."""
    if not isinstance(start, Timed):
        return f"{day:%Y%m%d}"
    end = times.instant(Timed(times.midnight(day) + timedelta(days=1, seconds=-1), start.zone))
    return f"{end:%Y%m%dT%H%M%SZ}"
