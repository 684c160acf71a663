"""One recurrence rule (RFC 5545 §3.3.10): reading it, and the civil times that it yields, in bounded work.

A rule is walked period by period (hours, days, weeks, months, years), so that what never yields, such as a day that
no month has, costs its budget and no more. Rules count in naive civil time; zones are `recurrence`'s business.
"""

import calendar as months
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time, timedelta
from functools import lru_cache, partial
from itertools import count as numbers_from
from typing import TypeVar

import msgspec

from conversa_calendar.kit.words import gettext_noop

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
FREQUENCIES = ("HOURLY", "DAILY", "WEEKLY", "MONTHLY", "YEARLY")
"""MINUTELY and SECONDLY are left out: no calendar shows them, and no provider of ours takes them."""
WORK_MAX = 40_000
"""So many days (for hourly rules, hours) are looked at for one question about a series, some 110 years."""
PERIOD_WORK = 2
"""What a period costs beside its days."""
TIMES_MAX = 1440
"""So many times of one day a rule may name: one in each minute."""
CHOICE_MAX = 10_000
"""Of so many times in one period BYSETPOS may choose."""
DIGITS_MAX = 6
HOUR = timedelta(hours=1)
T = TypeVar("T")

_LISTS = {
    "BYMONTH": ("by_month", 1, 12, False),
    "BYWEEKNO": ("by_week_no", 1, 53, True),
    "BYYEARDAY": ("by_year_day", 1, 366, True),
    "BYMONTHDAY": ("by_month_day", 1, 31, True),
    "BYHOUR": ("by_hour", 0, 23, False),
    "BYMINUTE": ("by_minute", 0, 59, False),
    "BYSECOND": ("by_second", 0, 59, False),
    "BYSETPOS": ("by_set_pos", 1, 366, True),
}


class BadRule(ValueError):
    """A recurrence that cannot be used. `says` is why, as a sentence of the catalogues with `values` for its holes."""

    def __init__(self, says: str, **values: object) -> None:
        super().__init__(says % values if values else says)
        self.says, self.values = says, values


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule as written. `by_day` holds (which one in its month or year or 0 for each, weekday with Monday 0); `until` is
    still text, as it is read in the zone of its series."""

    freq: str
    interval: int = 1
    count: int = 0
    until: str = ""
    by_month: tuple[int, ...] = ()
    by_week_no: tuple[int, ...] = ()
    by_year_day: tuple[int, ...] = ()
    by_month_day: tuple[int, ...] = ()
    by_day: tuple[tuple[int, int], ...] = ()
    by_hour: tuple[int, ...] = ()
    by_minute: tuple[int, ...] = ()
    by_second: tuple[int, ...] = ()
    by_set_pos: tuple[int, ...] = ()
    week_start: int = 0

    @property
    def is_plain(self) -> bool:
        """Whether only its frequency and interval say when: the start says the rest."""
        return self == Rule(
            freq=self.freq, interval=self.interval, count=self.count, until=self.until, week_start=self.week_start
        )


class Budget:
    """How much work is left for a question about a series, whatever number of rules it has."""

    def __init__(self, work: int = WORK_MAX) -> None:
        self.left = work

    def spend(self, work: int) -> bool:
        """Whether this much was still there."""
        self.left -= work
        return self.left >= 0


@lru_cache(maxsize=4096)
def read(text: str) -> Rule:
    """A rule's value, the part after `RRULE:`. Raises BadRule."""
    values: dict[str, object] = {}
    for part in filter(None, text.upper().split(";")):
        name, _sign, value = part.partition("=")
        values |= _read_part(name.strip(), value.strip(), text)
    if "freq" not in values:
        raise BadRule(gettext_noop("An event can repeat hourly, daily, weekly, monthly or yearly."))
    return msgspec.convert(values, Rule)


def is_readable(text: str) -> bool:
    try:
        read(text)
    except BadRule:
        return False
    return True


def starts(rule: Rule, first: datetime, last: datetime, since: datetime, budget: Budget) -> Iterator[datetime]:
    """The times of a rule in order, from the series' start `first` to `last`, both included. Those before `since` may be
    left out, where that saves work; counted ones are all given."""
    if (rule.is_plain or _names_weekdays_only(rule)) and rule.freq in {"DAILY", "WEEKLY"}:
        found = _stepping(rule, first, last, since, budget)
    else:
        found = _periods(rule, first, last, since, budget)
    given = 0
    for at in found:
        if at > last or not budget.spend(1):
            return
        if at < first:
            continue
        yield at
        given += 1
        if rule.count and given >= rule.count:
            return


def is_too_much(rule: Rule) -> bool:
    """Whether a rule names more times of a day, or lets BYSETPOS choose from more in a period, than a calendar has use for."""
    if rule.freq == "HOURLY":
        a_day, a_period = _times_in(rule) * (len(rule.by_hour) or 24), _times_in(rule)
    else:
        days = {"YEARLY": 366, "MONTHLY": 31, "WEEKLY": 7}.get(rule.freq, 1)
        a_day, a_period = _times_in(rule), _times_in(rule) * days
    return a_day > TIMES_MAX or (bool(rule.by_set_pos) and a_period > CHOICE_MAX)


def with_month(rule: Rule, month: int) -> Rule:
    """The rule within one month of each year."""
    return msgspec.structs.replace(rule, by_month=(month,))


def same_phase(rule: Rule, first: datetime, at: datetime) -> bool:
    """Whether a rule that skips periods does not skip the one of `at`, counted from its start."""
    if rule.freq == "HOURLY":
        gone = (at.replace(minute=0, second=0) - first.replace(minute=0, second=0)) // HOUR
    elif rule.freq == "WEEKLY":
        begin = first.date() - timedelta(days=(first.weekday() - rule.week_start) % 7)
        gone = (at.date() - begin).days // 7
    elif rule.freq == "DAILY":
        gone = (at.date() - first.date()).days
    else:
        years = at.year - first.year
        gone = years if rule.freq == "YEARLY" else years * 12 + at.month - first.month
    return gone % rule.interval == 0


def parts_of(rule: str) -> dict[str, str]:
    """The parts of a rule as written, in their order."""
    pairs = (part.partition("=") for part in rule.split(";"))
    return {name.strip().upper(): value.strip() for name, _sign, value in pairs if name.strip()}


def text_of(parts: dict[str, str]) -> str:
    """The reverse of `parts_of`."""
    return ";".join(f"{name}={value}" for name, value in parts.items())


def _read_part(name: str, value: str, text: str) -> dict[str, object]:
    if name == "FREQ":
        if value not in FREQUENCIES:
            raise BadRule(gettext_noop("An event can repeat hourly, daily, weekly, monthly or yearly."))
        return {"freq": value}
    if name in {"INTERVAL", "COUNT"}:
        return {name.lower(): _number(value, 1, 10**DIGITS_MAX - 1, text)}
    if name == "UNTIL":
        if not value:
            raise unreadable(text)
        return {"until": value}
    if name == "WKST" and value in DAYS:
        return {"week_start": DAYS.index(value)}
    if name == "BYDAY":
        return {"by_day": _once(_weekday(item.strip(), text) for item in value.split(","))}
    if name in _LISTS and value:
        field, least, most, may_count_back = _LISTS[name]
        return {field: _once(_place(item.strip(), least, most, may_count_back, text) for item in value.split(","))}
    raise unreadable(text)


def _once(items: Iterable[T]) -> tuple[T, ...]:
    """Each in its place, and what is named twice once: it means no more, and would cost more."""
    return tuple(dict.fromkeys(items))


def unreadable(text: str) -> BadRule:
    """The refusal of a rule that means nothing."""
    return BadRule(gettext_noop("The rule “%(rule)s” cannot be read."), rule=text[:60])


def _number(text: str, least: int, most: int, rule: str) -> int:
    digits = text.removeprefix("+")
    if not (digits.isascii() and digits.isdecimal()) or len(digits) > DIGITS_MAX:
        raise unreadable(rule)
    if not least <= int(digits) <= most:
        raise unreadable(rule)
    return int(digits)


def _place(text: str, least: int, most: int, may_count_back: bool, rule: str) -> int:
    if text.startswith("-") and may_count_back:
        return -_number(text[1:], least, most, rule)
    return _number(text, least, most, rule)


def _weekday(text: str, rule: str) -> tuple[int, int]:
    if text[-2:] not in DAYS:
        raise unreadable(rule)
    which = _place(text[:-2], 1, 53, True, rule) if text[:-2] else 0
    return which, DAYS.index(text[-2:])


def _names_weekdays_only(rule: Rule) -> bool:
    return bool(rule.by_day) and msgspec.structs.replace(rule, by_day=()).is_plain


def _stepping(rule: Rule, first: datetime, last: datetime, since: datetime, budget: Budget) -> Iterator[datetime]:
    """Days and weeks by plain addition: the bulk of every calendar. Entered near `since` by whole periods. Who takes what
    it yields pays for that; a day that does not fit is paid for here."""
    weekdays = sorted({day for _which, day in rule.by_day})
    if rule.freq == "DAILY":
        begin, step = first, timedelta(days=rule.interval)
        offsets = [timedelta()]
    else:
        begin = first - timedelta(days=(first.weekday() - rule.week_start) % 7)
        step = timedelta(days=7 * rule.interval)
        wanted = weekdays or [first.weekday()]
        offsets = sorted(timedelta(days=(day - rule.week_start) % 7) for day in wanted)
    if not rule.count and since > begin + step:
        begin += step * ((since - begin) // step - 1)
    is_limited = rule.freq == "DAILY" and bool(weekdays)
    try:
        while begin <= last:
            if not is_limited or begin.weekday() in weekdays:
                for offset in offsets:
                    yield begin + offset
            elif not budget.spend(1):
                return
            begin += step
    except OverflowError:
        return


def _periods(rule: Rule, first: datetime, last: datetime, since: datetime, budget: Budget) -> Iterator[datetime]:
    """Any rule: the days of each period that fit, at the hours that fit, of which BYSETPOS may choose."""
    if rule.freq == "HOURLY":
        yield from _hours(rule, first, last, since, budget)
        return
    if not budget.spend(_times_in(rule) - 1):
        return
    fits, hours = _filter(rule, first), _times(rule, first)
    skipped = _before(rule, first, since)
    try:
        for number in numbers_from(skipped):
            begin, end = _period(rule, first, number * rule.interval)
            length = (end - begin).days
            if begin > last.date() or not budget.spend(length + PERIOD_WORK):
                return
            days = [day for n in range(length) if fits(day := begin + timedelta(days=n))]
            found = (datetime.combine(day, at) for day in days for at in hours)
            yield from _chosen(rule, found, len(days) * (len(hours) - 1), budget)
    except (OverflowError, ValueError):
        return  # the end of the calendar


def _hours(rule: Rule, first: datetime, last: datetime, since: datetime, budget: Budget) -> Iterator[datetime]:
    if not budget.spend(_times_in(rule) - 1):
        return
    fits = _filter(rule, first)
    minutes = sorted((m, s) for m in rule.by_minute or (first.minute,) for s in rule.by_second or (first.second,))
    step = HOUR * rule.interval
    at = first.replace(minute=0, second=0)
    if not rule.count and since > at + step:
        at += step * ((since - at) // step - 1)
    try:
        while at <= last and budget.spend(1):
            if (not rule.by_hour or at.hour in rule.by_hour) and fits(at.date()):
                found = map(partial(_at_minute, at), minutes)
                yield from _chosen(rule, found, len(minutes) - 1, budget)
            at += step
    except OverflowError:
        return


def _chosen(rule: Rule, found: Iterator[datetime], work: int, budget: Budget) -> Iterator[datetime]:
    """The times of a period, made as they are taken. BYSETPOS needs all of them at once, which is paid for before: `work`
    is what they cost beside the days, or the hour, that have been paid for."""
    if not rule.by_set_pos:
        yield from found
    elif budget.spend(work):
        every = list(found)
        places = {at - 1 if at > 0 else len(every) + at for at in rule.by_set_pos}
        yield from (every[place] for place in sorted(places) if 0 <= place < len(every))


def _at_minute(hour: datetime, at: tuple[int, int]) -> datetime:
    return hour.replace(minute=at[0], second=at[1])


def _times_in(rule: Rule) -> int:
    """How many times a rule names within a day; within an hour, where it walks by hours."""
    hours = 1 if rule.freq == "HOURLY" else len(rule.by_hour) or 1
    return hours * (len(rule.by_minute) or 1) * (len(rule.by_second) or 1)


def _times(rule: Rule, first: datetime) -> list[time]:
    hours, minutes, seconds = rule.by_hour, rule.by_minute, rule.by_second
    given = (hours or (first.hour,), minutes or (first.minute,), seconds or (first.second,))
    return sorted(time(hour, minute, second) for hour in given[0] for minute in given[1] for second in given[2])


def _before(rule: Rule, first: datetime, since: datetime) -> int:
    """How many periods can be left out, as they end before `since`; none of a counted rule."""
    if rule.count or since <= first:
        return 0
    if rule.freq == "YEARLY":
        gone = since.year - first.year
    elif rule.freq == "MONTHLY":
        gone = (since.year - first.year) * 12 + since.month - first.month
    else:
        gone = (since - first).days // (7 if rule.freq == "WEEKLY" else 1)
    return max(0, gone // rule.interval - 1)


def _period(rule: Rule, first: datetime, number: int) -> tuple[date, date]:
    """Begin and end of the period that lies so many periods after the one of the start."""
    day = first.date()
    match rule.freq:
        case "YEARLY":
            return date(day.year + number, 1, 1), date(day.year + number + 1, 1, 1)
        case "MONTHLY":
            month = day.month - 1 + number
            begin = date(day.year + month // 12, month % 12 + 1, 1)
            return begin, begin + timedelta(days=months.monthrange(begin.year, begin.month)[1])
        case "WEEKLY":
            begin = day - timedelta(days=(day.weekday() - rule.week_start) % 7) + timedelta(weeks=number)
            return begin, begin + timedelta(days=7)
        case _:
            return day + timedelta(days=number), day + timedelta(days=number + 1)


def _filter(rule: Rule, first: datetime) -> Callable[[date], bool]:
    """Whether a day fits all of a rule's BY parts; what the start implies stands in for those that name no day."""
    rule = _with_implied(rule, first)
    tests: list[Callable[[date], bool]] = []
    if rule.by_month:
        tests.append(lambda day: day.month in rule.by_month)
    if rule.by_month_day:
        tests.append(lambda day: day.day in rule.by_month_day or day.day - _length(day) - 1 in rule.by_month_day)
    if rule.by_year_day:
        tests.append(lambda day: _year_day(day) in rule.by_year_day or _year_day(day, True) in rule.by_year_day)
    if rule.by_day:
        tests.append(_weekday_test(rule))
    if rule.by_week_no:
        tests.append(lambda day: bool(_week_numbers(day, rule.week_start) & set(rule.by_week_no)))
    return lambda day: all(test(day) for test in tests)


def _with_implied(rule: Rule, first: datetime) -> Rule:
    if rule.freq in {"HOURLY", "DAILY"} or rule.by_day or rule.by_month_day or rule.by_year_day or rule.by_week_no:
        return rule
    if rule.freq == "WEEKLY":
        return msgspec.structs.replace(rule, by_day=((0, first.weekday()),))
    rule = msgspec.structs.replace(rule, by_month_day=(first.day,))
    if rule.freq == "YEARLY" and not rule.by_month:
        rule = msgspec.structs.replace(rule, by_month=(first.month,))
    return rule


def _weekday_test(rule: Rule) -> Callable[[date], bool]:
    each = {day for which, day in rule.by_day if not which or rule.freq not in {"MONTHLY", "YEARLY"}}
    placed = {(which, day) for which, day in rule.by_day if which} if rule.freq in {"MONTHLY", "YEARLY"} else set()
    in_month = rule.freq == "MONTHLY" or bool(rule.by_month)

    def fits(day: date) -> bool:
        if day.weekday() in each:
            return True
        if not placed:
            return False
        before = day.day - 1 if in_month else _year_day(day) - 1
        after = _length(day) - day.day if in_month else -_year_day(day, True) - 1
        return (before // 7 + 1, day.weekday()) in placed or (-(after // 7) - 1, day.weekday()) in placed

    return fits


def _length(day: date) -> int:
    return months.monthrange(day.year, day.month)[1]


def _year_day(day: date, is_from_end: bool = False) -> int:
    number = day.timetuple().tm_yday
    return number - (366 if months.isleap(day.year) else 365) - 1 if is_from_end else number


def _week_numbers(day: date, week_start: int) -> set[int]:
    """A day's week in its year, from the beginning and from the end; week 1 is the first with four days in the year."""
    middle = day - timedelta(days=(day.weekday() - week_start) % 7) + timedelta(days=3)
    number = (middle.timetuple().tm_yday - 1) // 7 + 1
    left = (date(middle.year, 12, 31) - middle).days // 7
    return {number, -left - 1}
