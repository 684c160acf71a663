"""One RRULE (RFC 5545, 3.3.10) in civil time: read strictly, and expanded in a window without walking there.

Every expansion visits a bounded number of periods, so that no rule, however rare or endless, makes an answer slow.
"""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

PERIODS_MAX = 10_000
_LAST_YEAR = 9990
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_FREQUENCIES = ("HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_LISTS = {
    "BYHOUR": (0, 23),
    "BYMINUTE": (0, 59),
    "BYSECOND": (0, 59),
    "BYMONTH": (1, 12),
    "BYMONTHDAY": (-31, 31),
    "BYYEARDAY": (-366, 366),
    "BYWEEKNO": (-53, 53),
    "BYSETPOS": (-366, 366),
}
_MAY_BE_ZERO = ("BYHOUR", "BYMINUTE", "BYSECOND")


class BadRule(ValueError):
    """A rule that RFC 5545 does not know."""


@dataclass(frozen=True)
class Rule:
    """A rule's parts, the implied ones (from the start) included once `expanded` has seen the start."""

    frequency: str
    interval: int = 1
    count: int | None = None
    until: str = ""
    week_start: int = 0
    days: tuple[tuple[int, int], ...] = ()
    """(ordinal or 0, weekday) of BYDAY."""
    lists: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def of(self, name: str) -> tuple[int, ...]:
        return self.lists.get(name, ())


def parse(text: str) -> Rule:
    """A rule's value, without `RRULE:`. Raises BadRule."""
    parts: dict[str, str] = {}
    for part in text.strip().split(";"):
        name, equals, value = part.strip().partition("=")
        if not equals or not value or name.upper() in parts:
            raise BadRule(part)
        parts[name.upper()] = value.upper()
    lists = {name: _numbers(parts.pop(name), name) for name in _LISTS if name in parts}
    days = tuple(_day(word) for word in parts.pop("BYDAY").split(",")) if "BYDAY" in parts else ()
    frequency, start = parts.pop("FREQ", ""), parts.pop("WKST", "MO")
    interval, count = _positive(parts.pop("INTERVAL", "1")), parts.pop("COUNT", "")
    until = parts.pop("UNTIL", "")
    if frequency not in _FREQUENCIES or start not in _DAYS or parts or (until and count):
        raise BadRule(text)
    if until:
        _check_until(until)
    number = _positive(count) if count else None
    return Rule(frequency, interval, number, until, _DAYS.index(start), days, lists)


def expanded(rule: Rule, start: datetime, since: datetime | None, until: datetime | None) -> Iterator[datetime]:
    """Civil starts of a rule in order, those in [since, until) for sure, perhaps some before; `rule.until` is not read
    here. Without COUNT, the walk begins at `since`."""
    rule = _implied(rule, start)
    begin = since if since is not None and since > start and rule.count is None else start
    left = rule.count
    for period in _periods(rule, start, begin, until):
        for at in period:
            if at < start:
                continue
            if until is not None and at >= until:
                return
            yield at
            if left is not None:
                left -= 1
                if left <= 0:
                    return


def _implied(rule: Rule, start: datetime) -> Rule:
    """What the start says where the rule is silent."""
    lists = dict(rule.lists)
    if rule.frequency != "HOURLY":
        lists.setdefault("BYHOUR", (start.hour,))
    lists.setdefault("BYMINUTE", (start.minute,))
    lists.setdefault("BYSECOND", (start.second,))
    days = rule.days
    is_open = not (days or lists.keys() & {"BYWEEKNO", "BYYEARDAY", "BYMONTHDAY"})
    if is_open and rule.frequency == "YEARLY":
        lists.setdefault("BYMONTH", (start.month,))
        lists["BYMONTHDAY"] = (start.day,)
    elif is_open and rule.frequency == "MONTHLY":
        lists["BYMONTHDAY"] = (start.day,)
    elif is_open and rule.frequency == "WEEKLY":
        days = ((0, start.weekday()),)
    if rule.frequency not in {"MONTHLY", "YEARLY"}:
        days = tuple((0, weekday) for _ordinal, weekday in days)
    return Rule(rule.frequency, rule.interval, rule.count, rule.until, rule.week_start, days, lists)


def _periods(rule: Rule, start: datetime, begin: datetime, until: datetime | None) -> Iterator[list[datetime]]:
    """The starts of each period in turn, from that of `begin` on."""
    step = rule.interval
    place = _place(rule, start, begin) // step * step
    for _turn in range(PERIODS_MAX):
        try:
            first = _first_of(rule, start, place)
        except OverflowError:
            return
        if first.year > _LAST_YEAR or (until is not None and first >= until):
            return
        yield _starts_in(rule, first)
        place += step


def _place(rule: Rule, start: datetime, at: datetime) -> int:
    """How many periods lie between the start's and that of `at`."""
    if rule.frequency == "YEARLY":
        return at.year - start.year
    if rule.frequency == "MONTHLY":
        return (at.year - start.year) * 12 + at.month - start.month
    if rule.frequency == "WEEKLY":
        return (at.date() - _week(start.date(), rule.week_start)).days // 7
    if rule.frequency == "DAILY":
        return (at.date() - start.date()).days
    return (at - start.replace(minute=0, second=0)) // timedelta(hours=1)


def _first_of(rule: Rule, start: datetime, place: int) -> datetime:
    """The first moment of a period. Raises OverflowError past the calendar's end."""
    if rule.frequency in {"YEARLY", "MONTHLY"}:
        months = place * 12 if rule.frequency == "YEARLY" else start.month - 1 + place
        year = start.year + months // 12
        if year > _LAST_YEAR:
            raise OverflowError(year)
        return datetime(year, months % 12 + 1, 1)
    if rule.frequency == "WEEKLY":
        week = _week(start.date(), rule.week_start)
        return datetime(week.year, week.month, week.day) + timedelta(weeks=place)
    if rule.frequency == "DAILY":
        return datetime(start.year, start.month, start.day) + timedelta(days=place)
    return start.replace(minute=0, second=0) + timedelta(hours=place)


def _starts_in(rule: Rule, first: datetime) -> list[datetime]:
    days = [day for day in _days_in(rule, first) if _fits(rule, day, first)]
    hours: tuple[int, ...] = rule.of("BYHOUR")
    if rule.frequency == "HOURLY":
        hours = (first.hour,) if not hours or first.hour in hours else ()
    clocks = [(h, m, s) for h in hours for m in rule.of("BYMINUTE") for s in rule.of("BYSECOND")]
    found = [datetime(day.year, day.month, day.day, *clock) for day in days for clock in sorted(clocks)]
    if places := rule.of("BYSETPOS"):
        size = len(found)
        kept = {place - 1 if place > 0 else size + place for place in places}
        found = [found[place] for place in sorted(kept) if 0 <= place < size]
    return found


def _days_in(rule: Rule, first: datetime) -> list[date]:
    """The days that a period may have, before its limits."""
    day = first.date()
    if rule.frequency in {"DAILY", "HOURLY"}:
        return [day]
    if rule.frequency == "WEEKLY":
        return [day + timedelta(days=n) for n in range(7)]
    months = (day.month,) if rule.frequency == "MONTHLY" else rule.of("BYMONTH") or tuple(range(1, 13))
    found = []
    for month in sorted(set(months)):
        length = calendar.monthrange(day.year, month)[1]
        numbers = rule.of("BYMONTHDAY")
        wanted = {n if n > 0 else length + 1 + n for n in numbers} if numbers else range(1, length + 1)
        found += [date(day.year, month, n) for n in sorted(wanted) if 1 <= n <= length]
    return found


def _fits(rule: Rule, day: date, first: datetime) -> bool:
    if rule.of("BYMONTH") and day.month not in rule.of("BYMONTH"):
        return False
    length = calendar.monthrange(day.year, day.month)[1]
    if (wanted := rule.of("BYMONTHDAY")) and not {day.day, day.day - length - 1} & set(wanted):
        return False
    year = 366 if calendar.isleap(day.year) else 365
    number = day.timetuple().tm_yday
    if (wanted := rule.of("BYYEARDAY")) and not {number, number - year - 1} & set(wanted):
        return False
    if (wanted := rule.of("BYWEEKNO")) and not set(_week_numbers(day, rule.week_start)) & set(wanted):
        return False
    return not rule.days or any(_is_day(rule, day, ordinal, weekday) for ordinal, weekday in rule.days)


def _is_day(rule: Rule, day: date, ordinal: int, weekday: int) -> bool:
    """Whether a day is this weekday, and this one of its month or year where it has a number."""
    if day.weekday() != weekday:
        return False
    if not ordinal:
        return True
    if rule.frequency == "YEARLY" and not rule.of("BYMONTH"):
        place, size = day.timetuple().tm_yday, 366 if calendar.isleap(day.year) else 365
    else:
        place, size = day.day, calendar.monthrange(day.year, day.month)[1]
    return ordinal in {(place - 1) // 7 + 1, -((size - place) // 7 + 1)}


def _week_numbers(day: date, week_start: int) -> tuple[int, int]:
    """The number of a day's week from the beginning and from the end of the year that the week belongs to."""
    starts = [_first_week(day.year + n, week_start) for n in (-1, 0, 1, 2)]
    at = max(n for n in range(3) if starts[n] <= day)
    number, size = (day - starts[at]).days // 7 + 1, (starts[at + 1] - starts[at]).days // 7
    return (number, number - size - 1)


def _first_week(year: int, week_start: int) -> date:
    """The first day of the first week that has at least four days in the year."""
    fourth = date(year, 1, 4)
    return _week(fourth, week_start)


def _week(day: date, week_start: int) -> date:
    return day - timedelta(days=(day.weekday() - week_start) % 7)


def _numbers(text: str, name: str) -> tuple[int, ...]:
    low, high = _LISTS[name]
    found = []
    for word in text.split(","):
        if not word.lstrip("+-").isascii() or not word.lstrip("+-").isdigit() or len(word) > 5:
            raise BadRule(f"{name}={text}")
        found.append(int(word))
    if any(not low <= n <= high or (n == 0 and name not in _MAY_BE_ZERO) for n in found):
        raise BadRule(f"{name}={text}")
    return tuple(sorted(set(found)))


def _day(word: str) -> tuple[int, int]:
    ordinal, name = word[:-2], word[-2:]
    if name not in _DAYS:
        raise BadRule(word)
    if not ordinal:
        return (0, _DAYS.index(name))
    digits = ordinal.lstrip("+-")
    if not digits.isascii() or not digits.isdigit() or len(ordinal) > 3 or not 1 <= int(digits) <= 53:
        raise BadRule(word)
    return (int(ordinal), _DAYS.index(name))


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 7 or int(text) < 1:
        raise BadRule(text)
    return int(text)


def _check_until(text: str) -> None:
    form = {8: "%Y%m%d", 15: "%Y%m%dT%H%M%S", 16: "%Y%m%dT%H%M%SZ"}.get(len(text))
    try:
        if form is None or datetime.strptime(text, form).year < 1:
            raise BadRule(text)
    except ValueError:
        raise BadRule(text) from None
