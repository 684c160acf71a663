"""Recurrence sets (RFC 5545 §3.8.5): expanding them, comparing them, checking what a person typed.

Rules count in civil time of the series' zone, so that a meeting at nine stays at nine over a clock change. They are
kept as written; everything here reads them leniently and never raises on what a calendar in the wild holds, except
where a person is typing (`check`). Whatever they say, an answer costs bounded work: all of it comes from one `Budget`.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

import msgspec

from conversa_calendar.domain import rules, times
from conversa_calendar.domain.rules import BadRule, Budget, Rule
from conversa_calendar.domain.times import Day, Moment, Timed
from conversa_calendar.kit.words import gettext_noop

OCCURRENCES_MAX = 4000
"""No series yields more than this many occurrences into one window."""
RULES_MAX = 20
DATES_MAX = 5000
"""So many rules and dates of one series are read; one that has more is set aside."""
SKIPPED_MAX = timedelta(hours=25)
"""Clocks skip an hour as a rule, and once skipped a day."""
AHEAD = timedelta(days=731)
"""A rule that a person types yields at most `OCCURRENCES_MAX` within this time."""
_NAMES = ("RRULE", "EXRULE", "RDATE", "EXDATE")
_PERIOD = re.compile(r"P(?:(\d{1,4})W)?(?:(\d{1,5})D)?(?:T(?:(\d{1,5})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?")


def expand(start: Moment, lines: Sequence[str], since: datetime, until: datetime) -> Iterator[Moment]:
    """Original starts of a series in order, from those with civil start ≥ `since` to those < `until` (naive civil)."""
    return (times.at_civil(start, at) for at in civil_starts(start, lines, since, until))


def civil_starts(start: Moment, lines: Sequence[str], since: datetime, until: datetime) -> list[datetime]:
    """The same as `expand`, as naive civil times.

    Occurrence set = (start ∪ RRULE ∪ RDATE) − EXRULE − EXDATE. Bounded by `OCCURRENCES_MAX` and by one budget.
    """
    given, budget = tuple(lines), Budget()
    found = {at for at in {times.civil(start), *dates(given, "RDATE", start)} if since <= at < until}
    for rule in usable(given, "RRULE"):
        found.update(_within(rule, start, since, until, budget))
    if not found:
        return []
    gone = set(dates(given, "EXDATE", start))
    for rule in usable(given, "EXRULE"):
        gone.update(_within(rule, start, min(found), max(found) + timedelta(seconds=1), budget))
    return sorted(found - gone)[:OCCURRENCES_MAX]


def count_before(rule: Rule, start: Moment, before: datetime) -> int:
    """How many times a rule yields before a civil time; the start counts where it fits."""
    return sum(1 for _ in _within(rule, start, times.FIRST, before, Budget()))


def yields(rule: Rule, start: Moment, at: datetime) -> bool:
    """Whether a rule itself yields this civil time."""
    return any(found == at for found in _within(rule, start, at, at + timedelta(seconds=1), Budget()))


def is_occurrence(start: Moment, lines: Sequence[str], original: Moment) -> bool:
    """Whether the rules yield an occurrence with exactly this original start. Instants decide: the hour that a clock
    skips has none of its own, and what falls into it is shown later on the clock than its rule says."""
    at, wanted = times.civil(original), times.instant(original)
    near = expand(start, lines, _ahead(at, -SKIPPED_MAX), _ahead(at, timedelta(seconds=1)))
    return any(times.instant(found) == wanted for found in near)


def lengths(start: Moment, lines: Sequence[str]) -> dict[datetime, timedelta]:
    """The added dates that bring a length of their own (RDATE with a period), by civil start."""
    found: dict[datetime, timedelta] = {}
    for zone, text in _values(tuple(lines), "RDATE"):
        begin, slash, end = text.partition("/")
        length = _period(zone, begin, end, start) if slash else None
        if length is not None and isinstance(start, Timed):
            found[_civil_of(zone, begin, start)] = length
    return found


def last_start(start: Moment, lines: Sequence[str]) -> datetime | None:
    """The civil start of a finite series' last occurrence; None when it goes on for ever."""
    if any(not rule.count and not rule.until for rule in usable(tuple(lines), "RRULE")):
        return None
    far = _ahead(times.civil(start), timedelta(days=366 * 100))
    found = civil_starts(start, lines, times.FIRST, far)
    return found[-1] if found else times.civil(start)


@lru_cache(maxsize=4096)
def canonical(lines: tuple[str, ...], start: Moment) -> tuple[object, ...]:
    """A value that is equal for rule sets of equal meaning, whatever their spelling and order."""
    kinds = (
        frozenset(_canonical_rule(text, start) for text in rule_texts(lines, "RRULE")),
        frozenset(_canonical_rule(text, start) for text in rule_texts(lines, "EXRULE")),
    )
    added = frozenset(dates(lines, "RDATE", start))
    own = frozenset(lengths(start, lines).items())
    return (*kinds, added, own, frozenset(dates(lines, "EXDATE", start)))


def check(start: Moment, lines: Sequence[str]) -> None:
    """Refuses what cannot be kept on both sides. Raises BadRule with a sentence for the person."""
    for line in lines:
        head, _sign, value = line.partition(":")
        name = head.split(";", 1)[0].upper()
        if name not in _NAMES or not value or len(line) > 5000:
            raise BadRule(gettext_noop("“%(line)s” is not a recurrence line."), line=line[:60])
        if name in {"RDATE", "EXDATE"} and not all(_is_date(text.strip()) for text in value.split(",")):
            raise BadRule(gettext_noop("“%(line)s” holds something that is not a date."), line=line[:60])
    if too_much := excess(lines):
        raise too_much
    for name in ("RRULE", "EXRULE"):
        for line in lines:
            if line.split(":")[0].split(";")[0].upper() == name:
                _check_rule(start, line.partition(":")[2], is_excluding=name == "EXRULE")
    _check_number(start, lines)


def excess(lines: Sequence[str]) -> BadRule | None:
    """Why a series holds too much to be shown; None when it does not."""
    given = tuple(lines)
    if len(rule_texts(given, "RRULE")) + len(rule_texts(given, "EXRULE")) > RULES_MAX:
        return BadRule(gettext_noop("A series can have at most %(most)s rules."), most=RULES_MAX)
    if sum(line.count(",") + 1 for line in given) > DATES_MAX + RULES_MAX * 100:
        return BadRule(gettext_noop("A series can have at most %(most)s single dates."), most=DATES_MAX)
    if any(rules.is_too_much(rule) for name in ("RRULE", "EXRULE") for rule in usable(given, name)):
        says = gettext_noop("This rule names too many times of a day. Name fewer hours, minutes or seconds.")
        return BadRule(says)
    return None


def is_crowded(lines: Sequence[str]) -> bool:
    """Whether a series may have more than one occurrence a day, as few have."""
    rules_given = usable(tuple(lines), "RRULE")
    return len(rules_given) > 1 or any(
        rule.freq == "HOURLY" or len(rule.by_hour) > 1 or rule.by_minute for rule in rules_given
    )


def usable(lines: tuple[str, ...], name: str) -> list[Rule]:
    """The rules of all lines of one name that can be read; the others yield nothing."""
    found = []
    for text in rule_texts(lines, name)[:RULES_MAX]:
        try:
            found.append(rules.read(text))
        except BadRule:
            continue
    return found


def rule_texts(lines: tuple[str, ...], name: str) -> list[str]:
    """The values of all lines of one name. `RRULE:DATE;VALUE=…` from the wild is an RDATE and not read as a rule."""
    found = []
    for line in lines:
        head, _, value = line.partition(":")
        if head.split(";")[0].upper() == name and "FREQ=" in value.upper():
            found.append(value.upper())
    return found


def dates(lines: tuple[str, ...], name: str, start: Moment) -> list[datetime]:
    """The civil starts that RDATE or EXDATE lines name; what is no date is passed over."""
    found = []
    for zone, text in _values(lines, name):
        try:
            found.append(_civil_of(zone, text.partition("/")[0], start))
        except (ValueError, OverflowError):
            continue
    return found


def until_civil(text: str, start: Moment) -> datetime:
    """UNTIL in the civil time of its series: a bare date means the end of that day. Raises ValueError."""
    value = _date_of(text)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            return value
        zone = start.zone if isinstance(start, Timed) else "UTC"
        try:
            return value.astimezone(times.zone_of(zone)).replace(tzinfo=None)
        except OverflowError:
            return value.replace(tzinfo=None)
    return times.midnight(value) + timedelta(days=1, seconds=-1)


def _within(rule: Rule, start: Moment, since: datetime, until: datetime, budget: Budget) -> list[datetime]:
    """The civil starts of one rule in [since, until)."""
    first = times.civil(start)
    if until <= first:
        return []
    last = until - timedelta(microseconds=1)
    try:
        rule = _in_month_of_start(rule, first)
        last = min(last, until_civil(rule.until, start)) if rule.until else last
        found = (at for at in rules.starts(rule, first, last, since, budget) if at >= since)
        if isinstance(start, Day):
            found = (times.midnight(at) for at in found)
        return _some(found)
    except (ValueError, OverflowError):
        return []


def _some(found: Iterator[datetime]) -> list[datetime]:
    return [at for _number, at in zip(range(OCCURRENCES_MAX), found, strict=False)]


def _in_month_of_start(rule: Rule, first: datetime) -> Rule:
    """Birthdays in the wild repeat yearly on a day of a month that they do not name: the month of the start."""
    if rule.freq != "YEARLY" or not rule.by_month_day or rule.by_month or rule.by_day:
        return rule
    return rules.with_month(rule, first.month)


def _check_rule(start: Moment, text: str, *, is_excluding: bool) -> None:
    rule = rules.read(text)
    if rule.until:
        try:
            last = until_civil(rule.until, start)
        except ValueError:
            raise rules.unreadable(text) from None
        if last < times.civil(start) and not is_excluding:
            raise BadRule(gettext_noop("A series cannot end before it begins."))
    if rule.count and rule.until:
        raise BadRule(gettext_noop("A series ends after a number of times or on a day, not both."))
    far = _ahead(times.civil(start), timedelta(days=366 * 200))
    first = times.civil(start)
    if (
        not is_excluding
        and next(iter(rules.starts(_in_month_of_start(rule, first), first, far, first, Budget())), None) is None
    ):
        raise BadRule(gettext_noop("This rule never happens."))


def _check_number(start: Moment, lines: Sequence[str]) -> None:
    first = times.civil(start)
    if len(civil_starts(start, lines, first, _ahead(first, AHEAD))) >= OCCURRENCES_MAX:
        says = gettext_noop("This would be more than %(most)s events within two years.")
        raise BadRule(says, most=OCCURRENCES_MAX)


def _ahead(at: datetime, by: timedelta) -> datetime:
    try:
        return at + by
    except OverflowError:
        return times.LAST if by > timedelta() else times.FIRST


def _canonical_rule(text: str, start: Moment) -> object:
    try:
        rule = rules.read(text)
        until: object = until_civil(rule.until, start) if rule.until else None
    except (ValueError, OverflowError):
        return text
    if isinstance(until, datetime) and isinstance(start, Day):
        until = until.date()
    plain = msgspec.structs.replace(rule, until="")
    values = msgspec.structs.astuple(plain)
    return (until, *(frozenset(value) if isinstance(value, tuple) else value for value in values))


def _values(lines: tuple[str, ...], name: str) -> list[tuple[str, str]]:
    """The (zone or "", text) of each date of RDATE or EXDATE lines."""
    found = []
    for line in lines:
        head, _, value = line.partition(":")
        if value.upper().startswith("DATE;") and head.upper() == "RRULE" and name == "RDATE":
            head, value = name, value.rpartition(":")[2]
        if head.split(";")[0].upper() != name:
            continue
        zone, text = _zone_in(line) if '"' in head or "TZID=" in head.upper() else ("", value)
        found += [(zone, item.strip().upper()) for item in text.split(",") if _is_date(item.strip())]
    return found[:DATES_MAX]


_ZONED = re.compile(r'^[^:"]*?TZID=("[^"]*"|[^:;"]*)[^:]*:(.*)$', re.I)


def _zone_in(line: str) -> tuple[str, str]:
    """The zone that a line names, with or without quotes, and its value."""
    found = _ZONED.match(line)
    return (found[1].strip('"'), found[2]) if found else ("", line.partition(":")[2])


def _civil_of(zone: str, text: str, start: Moment) -> datetime:
    at = _date_of(text)
    if not isinstance(at, datetime):
        return times.midnight(at) if isinstance(start, Day) else datetime.combine(at, times.civil(start).time())
    if isinstance(start, Day):
        return times.midnight(at)
    if at.tzinfo is None and zone and times.is_known(zone):
        at = at.replace(tzinfo=times.zone_of(zone))
    return at.astimezone(times.zone_of(start.zone)).replace(tzinfo=None) if at.tzinfo else at


def _period(zone: str, begin: str, end: str, start: Moment) -> timedelta | None:
    try:
        if end.startswith("P"):
            found = _PERIOD.fullmatch(end)
            names = ("weeks", "days", "hours", "minutes", "seconds")
            given = {name: int(value or 0) for name, value in zip(names, found.groups(), strict=True)} if found else {}
            length = timedelta(**given)
        else:
            sides = (times.at_civil(start, _civil_of(zone, text, start)) for text in (begin, end))
            first, last = sides
            length = times.duration(first, last)
    except (ValueError, OverflowError):
        return None
    return length if length > timedelta() else None


def _date_of(text: str) -> date | datetime:
    if "T" not in text:
        return times.day_of_key(text[:8])
    if text.endswith("Z"):
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return datetime.strptime(text, "%Y%m%dT%H%M%S")  # noqa: DTZ007 - a civil reading


def _is_date(text: str) -> bool:
    return re.fullmatch(r"(?i)\d{8}(T\d{6}Z?)?(/.*)?", text) is not None
