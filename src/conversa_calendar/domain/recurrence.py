"""Recurrence sets (RFC 5545 §3.8.5): reading rules, expanding them, comparing them, cutting them.

Rules count in civil time of the series' zone, so that a meeting at nine stays at nine over a clock change. Rules are
kept as written; everything here reads them leniently and never raises on what a calendar in the wild holds, except
where a person is typing (`check`).
"""

import calendar as months
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from dateutil.rrule import rrule, rrulestr

from conversa_calendar.domain import times
from conversa_calendar.domain.times import Day, Moment, Timed

OCCURRENCES_MAX = 4000
"""No series yields more than this many occurrences into one window."""

SKIPPED_MAX = timedelta(hours=25)
"""Clocks skip an hour as a rule, and once skipped a day."""
_REFUSED = ("SECONDLY", "MINUTELY", "HOURLY")
_WHOLE_PERIODS = {"DAILY": 1, "WEEKLY": 7}


class BadRule(ValueError):
    """A recurrence that a person typed cannot be used; the message says why."""


def expand(start: Moment, lines: Sequence[str], since: datetime, until: datetime) -> Iterator[Moment]:
    """Original starts of a series in order, from those with civil start ≥ `since` to those < `until` (naive civil)."""
    return (times.at_civil(start, at) for at in civil_starts(start, lines, since, until))


def civil_starts(start: Moment, lines: Sequence[str], since: datetime, until: datetime) -> list[datetime]:
    """The same as `expand`, as naive civil times.

    Occurrence set = (start ∪ RRULE ∪ RDATE) − EXDATE. Bounded by `OCCURRENCES_MAX`.
    """
    first = times.civil(start)
    excluded = {_civil_of(value, start) for value in _dates(tuple(lines), "EXDATE")}
    chosen: set[datetime] = {_civil_of(value, start) for value in _dates(tuple(lines), "RDATE")}
    rules = _lines(tuple(lines), "RRULE")
    if not rules or not any("UNTIL" in rule and _ends_before(rule, start) for rule in rules):
        chosen.add(first)
    for rule in rules:
        chosen.update(_between(rule, start, since, until))
    return sorted(at for at in chosen if since <= at < until and at not in excluded)[:OCCURRENCES_MAX]


def is_occurrence(start: Moment, lines: Sequence[str], original: Moment) -> bool:
    """Whether the rules yield an occurrence with exactly this original start. Instants decide: the hour that a clock
    skips has none of its own, and what falls into it is shown later on the clock than its rule says."""
    at, wanted = times.civil(original), times.instant(original)
    near = expand(start, lines, at - SKIPPED_MAX, at + timedelta(seconds=1))
    return any(times.instant(found) == wanted for found in near)


def last_start(start: Moment, lines: Sequence[str]) -> datetime | None:
    """The civil start of a finite series' last occurrence; None when it goes on for ever."""
    if any("COUNT" not in _parts(rule) and "UNTIL" not in _parts(rule) for rule in _lines(tuple(lines), "RRULE")):
        return None
    far = times.civil(start) + timedelta(days=366 * 100)
    found = [times.civil(at) for at in expand(start, lines, datetime.min, far)]
    return found[-1] if found else times.civil(start)


@lru_cache(maxsize=4096)
def canonical(lines: tuple[str, ...], start: Moment) -> tuple[object, ...]:
    """A value that is equal for rule sets of equal meaning, whatever their spelling and order."""
    rules = frozenset(_canonical_rule(rule, start) for rule in _lines(lines, "RRULE"))
    added = frozenset(_civil_of(value, start) for value in _dates(lines, "RDATE"))
    excluded = frozenset(_civil_of(value, start) for value in _dates(lines, "EXDATE"))
    return (rules, added, excluded)


def check(start: Moment, lines: Sequence[str]) -> None:
    """Refuses what cannot be kept on both sides. Raises BadRule with a sentence for the person."""
    for line in lines:
        name = line.split(":", 1)[0].split(";", 1)[0].upper()
        if name not in {"RRULE", "RDATE", "EXDATE"} or ":" not in line or len(line) > 5000:
            raise BadRule(f"“{line[:60]}” is not a recurrence line.")
    for rule in _lines(tuple(lines), "RRULE"):
        parts = _parts(rule)
        if parts.get("FREQ", "") not in {"DAILY", "WEEKLY", "MONTHLY", "YEARLY"}:
            raise BadRule("An event can repeat daily, weekly, monthly or yearly.")
        try:
            rrulestr(_readable(rule, start), dtstart=times.civil(start))
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise BadRule(f"The rule “{rule[:60]}” cannot be read: {error}.") from error
        if is_empty(rule):
            raise BadRule("This rule never happens.")
    _check_dates(lines, start)


def is_empty(rule: str) -> bool:
    """Recognises rules that never yield, such as 31 February, which would otherwise be searched for ever."""
    parts = _parts(rule)
    in_months = _numbers(parts.get("BYMONTH", ""))
    days = _numbers(parts.get("BYMONTHDAY", ""))
    if in_months and days:
        longest = max((months.monthrange(2024, month)[1] for month in in_months if 1 <= month <= 12), default=0)
        if all(abs(day) > longest for day in days):
            return True
    positions = _numbers(parts.get("BYSETPOS", ""))
    return bool(positions) and min(abs(at) for at in positions) > 366


def trim(start: Moment, lines: Sequence[str], before: Moment) -> tuple[str, ...]:
    """The lines of a series that ends right before `before`: COUNT and UNTIL give way to an earlier UNTIL."""
    last = _until_before(before)
    kept = [f"RRULE:{_without(rule, 'COUNT', 'UNTIL')};UNTIL={last}" for rule in _lines(tuple(lines), "RRULE")]
    return (*kept, *_date_lines(lines, start, upto=times.civil(before)))


def remainder(start: Moment, lines: Sequence[str], since: Moment) -> tuple[str, ...]:
    """The lines of the series that begins at `since` and goes on as before; COUNT is what is left of it."""
    rest = []
    for rule in _lines(tuple(lines), "RRULE"):
        count = _parts(rule).get("COUNT")
        if count is None:
            rest.append(f"RRULE:{rule}")
            continue
        gone = sum(1 for _ in _between(rule, start, datetime.min, times.civil(since)))
        rest.append(f"RRULE:{_without(rule, 'COUNT')};COUNT={max(1, int(count) - gone)}")
    return (*rest, *_date_lines(lines, start, since=times.civil(since)))


def fitting(start: Moment, lines: Sequence[str]) -> tuple[str, ...]:
    """The lines with every UNTIL as a series with this start has to have it: a date for whole days, else an instant in
    UTC. Otherwise each reader ends a series that became timed, or all day, on another day."""
    return tuple(_fitting_line(start, line) if line.upper().startswith("RRULE:") else line for line in lines)


def _fitting_line(start: Moment, line: str) -> str:
    rule = line.partition(":")[2]
    until = _parts(rule).get("UNTIL", "")
    if not until or (len(until) == len("20260131")) == isinstance(start, Day):
        return line
    at = _until_civil(until, start)
    text = f"{at:%Y%m%d}" if isinstance(start, Day) else f"{times.instant(times.at_civil(start, at)):%Y%m%dT%H%M%SZ}"
    return f"RRULE:{_without(rule, 'UNTIL')};UNTIL={text}"


def without(start: Moment, lines: Sequence[str], original: Moment) -> tuple[str, ...]:
    """The lines with one occurrence excluded by EXDATE."""
    return (*lines, f"EXDATE{_date_value(start, original)}")


def _between(rule: str, start: Moment, since: datetime, until: datetime) -> Iterator[datetime]:
    if is_empty(rule):
        return
    try:
        parsed = _evenly_spaced(rule, start, since) or _parsed(rule, start, since)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return
    for number, at in enumerate(parsed):
        if at >= until or number > OCCURRENCES_MAX * 25:
            return
        if at >= since:
            yield at


def _evenly_spaced(rule: str, start: Moment, since: datetime) -> Iterator[datetime] | None:
    """Occurrences of a daily or weekly rule without BY parts, the bulk of every calendar, by plain addition; None for
    any other rule."""
    parts = _parts(rule)
    days = _WHOLE_PERIODS.get(parts.get("FREQ", ""))
    if days is None or set(parts) - {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST"}:
        return None
    if "COUNT" in parts and "UNTIL" in parts:
        return None
    step = timedelta(days=days * int(parts.get("INTERVAL", "1")))
    if step < timedelta(days=1):
        return None
    first = _near(parts, times.civil(start), since)
    last = _until_civil(parts["UNTIL"], start) if "UNTIL" in parts else datetime.max
    count = int(parts["COUNT"]) if "COUNT" in parts else OCCURRENCES_MAX * 30
    return _steps(first, step, last, count)


def _steps(first: datetime, step: timedelta, last: datetime, count: int) -> Iterator[datetime]:
    at = first
    for _number in range(count):
        if at > last:
            return
        yield at
        if datetime.max - at < step:
            return
        at += step


def _parsed(rule: str, start: Moment, since: datetime) -> rrule:
    parts = _parts(rule)
    if parts.get("FREQ") in _REFUSED:
        raise ValueError("too frequent")
    near = _near(parts, times.civil(start), since)
    parsed = rrulestr(_readable(rule, start), dtstart=near)
    assert isinstance(parsed, rrule)
    return parsed


def _near(parts: dict[str, str], first: datetime, since: datetime) -> datetime:
    """The start moved ahead by whole periods to just before the window: the rule yields the same from there on."""
    days = _WHOLE_PERIODS.get(parts.get("FREQ", ""))
    if days is None or "COUNT" in parts or "BYSETPOS" in parts or since <= first:
        return first
    if set(parts) & {"BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO"}:
        return first
    period = days * int(parts.get("INTERVAL", "1") or 1)
    if days == 7:
        ahead = (since - first).days // period - 1
    else:
        ahead = (since - first).days // period
    return first + timedelta(days=max(0, ahead) * period)


def _readable(rule: str, start: Moment) -> str:
    """The rule in the civil time of its series: UNTIL in UTC becomes wall-clock, a bare date its end of day."""
    parts = _parts(rule)
    if "UNTIL" in parts:
        parts["UNTIL"] = _until_civil(parts["UNTIL"], start).strftime("%Y%m%dT%H%M%S")
    if parts.get("FREQ") == "YEARLY" and "BYMONTHDAY" in parts and "BYMONTH" not in parts and "BYDAY" not in parts:
        parts["BYMONTH"] = str(times.civil(start).month)
    return ";".join(f"{name}={value}" for name, value in parts.items())


def _until_civil(text: str, start: Moment) -> datetime:
    value = _date_of(text)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            return value
        zone = start.zone if isinstance(start, Timed) else "UTC"
        return value.astimezone(times.zone_of(zone)).replace(tzinfo=None)
    return datetime(value.year, value.month, value.day, 23, 59, 59)


def _ends_before(rule: str, start: Moment) -> bool:
    return _until_civil(_parts(rule)["UNTIL"], start) < times.civil(start)


def _canonical_rule(rule: str, start: Moment) -> frozenset[tuple[str, object]]:
    parts = _parts(rule)
    values: dict[str, object] = {}
    for name, value in parts.items():
        if name == "UNTIL":
            values[name] = _until_civil(value, start)
        elif name.startswith("BY"):
            values[name] = frozenset(item.removeprefix("+") for item in value.split(","))
        else:
            values[name] = value
    if values.get("INTERVAL") == "1":
        del values["INTERVAL"]
    if values.get("WKST") == "MO":
        del values["WKST"]
    if isinstance(values.get("UNTIL"), datetime) and isinstance(start, Day):
        values["UNTIL"] = _until_civil(parts["UNTIL"], start).date()
    return frozenset(values.items())


def _lines(lines: tuple[str, ...], name: str) -> list[str]:
    """The values of all lines of one name. `RRULE:DATE;VALUE=…` from the wild is an RDATE and not read as a rule."""
    found = []
    for line in lines:
        head, _, value = line.partition(":")
        if head.split(";")[0].upper() == name and "FREQ=" in value.upper():
            found.append(value.upper())
    return found


def _dates(lines: tuple[str, ...], name: str) -> list[tuple[str, str]]:
    """The (zone or "", text) of each date of RDATE or EXDATE lines."""
    found = []
    for line in lines:
        head, _, value = line.partition(":")
        fields = head.split(";")
        is_stray = name == "RDATE" and fields[0].upper() == "RRULE" and value.upper().startswith("DATE;")
        if fields[0].upper() != name and not is_stray:
            continue
        zone = next((field[5:] for field in fields[1:] if field.upper().startswith("TZID=")), "")
        values = value.rpartition(":")[2] if is_stray else value
        found += [(zone, text.strip().split("/")[0]) for text in values.split(",") if _is_date(text.strip())]
    return found


def _civil_of(value: tuple[str, str], start: Moment) -> datetime:
    zone, text = value
    at = _date_of(text)
    if not isinstance(at, datetime):
        midnight = datetime(at.year, at.month, at.day)
        return midnight if isinstance(start, Day) else datetime.combine(at, times.civil(start).time())
    if isinstance(start, Day):
        return datetime(at.year, at.month, at.day)
    if at.tzinfo is None and zone:
        at = at.replace(tzinfo=times.zone_of(zone))
    return at.astimezone(times.zone_of(start.zone)).replace(tzinfo=None) if at.tzinfo else at


def _date_of(text: str) -> date | datetime:
    if "T" not in text:
        return datetime.strptime(text[:8], "%Y%m%d").date()
    if text.endswith("Z"):
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return datetime.strptime(text, "%Y%m%dT%H%M%S")


def _is_date(text: str) -> bool:
    return re.fullmatch(r"\d{8}(T\d{6}Z?)?(/.*)?", text) is not None


def _date_lines(
    lines: Sequence[str], start: Moment, since: datetime = datetime.min, upto: datetime = datetime.max
) -> list[str]:
    kept = []
    for name in ("RDATE", "EXDATE"):
        for value in _dates(tuple(lines), name):
            at = _civil_of(value, start)
            if since <= at < upto:
                kept.append(f"{name}{_date_value(start, times.at_civil(start, at))}")
    return kept


def _date_value(start: Moment, at: Moment) -> str:
    if isinstance(start, Day):
        return f";VALUE=DATE:{times.civil(at):%Y%m%d}"
    return f":{times.instant(at):%Y%m%dT%H%M%SZ}"


def _until_before(moment: Moment) -> str:
    if isinstance(moment, Day):
        return (moment.date - timedelta(days=1)).strftime("%Y%m%d")
    return (times.instant(moment) - timedelta(seconds=1)).strftime("%Y%m%dT%H%M%SZ")


def _check_dates(lines: Sequence[str], start: Moment) -> None:
    for line in lines:
        head, _, value = line.partition(":")
        if head.split(";")[0].upper() in {"RDATE", "EXDATE"}:
            if not all(_is_date(text.strip()) for text in value.split(",")):
                raise BadRule(f"“{line[:60]}” holds something that is not a date.")


@lru_cache(maxsize=4096)
def _parts_cached(rule: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, _, value in (part.partition("=") for part in rule.split(";")) if value)


def _parts(rule: str) -> dict[str, str]:
    return dict(_parts_cached(rule))


def _without(rule: str, *names: str) -> str:
    return ";".join(f"{name}={value}" for name, value in _parts(rule).items() if name not in names)


def _numbers(text: str) -> list[int]:
    return [int(item) for item in text.split(",") if item.lstrip("+-").isdecimal()]
