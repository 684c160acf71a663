"""Cutting a series in two, moving it, leaving out an occurrence: the rule lines that this takes.

A cut happens at an occurrence's original start. Whatever cannot be said in rules any more is refused (`BadRule`)
rather than said wrongly.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from conversa_calendar.domain import recurrence, rules, times
from conversa_calendar.domain.rules import DAYS, BadRule, Rule
from conversa_calendar.domain.times import Day, Moment
from conversa_calendar.kit.words import gettext_noop


def trim(start: Moment, lines: Sequence[str], before: Moment) -> tuple[str, ...]:
    """The lines of a series that ends right before `before`: COUNT and UNTIL give way to an earlier UNTIL."""
    at = times.civil(before)
    kept = [_trimmed(start, text, before) for text in recurrence.rule_texts(tuple(lines), "RRULE")]
    excluding = [f"EXRULE:{text}" for text in recurrence.rule_texts(tuple(lines), "EXRULE")]
    return (*kept, *excluding, *_date_lines(lines, start, start, upto=at))


def remainder(start: Moment, lines: Sequence[str], since: Moment) -> tuple[str, ...]:
    """The lines of the series that begins at `since` and goes on as before; COUNT is what is left of it. Raises
    BadRule when no rule says so."""
    rest = []
    for name in ("RRULE", "EXRULE"):
        for text in recurrence.rule_texts(tuple(lines), name):
            rest += [f"{name}:{left}" for left in _left_of(start, text, since, is_excluding=name == "EXRULE")]
    return (*rest, *_date_lines(lines, start, since, since=times.civil(since)))


def following(start: Moment, lines: Sequence[str], moved: Moment) -> tuple[str, ...]:
    """The lines of a series whose start was moved from `start` to `moved`: what names its day or its hour goes along, and
    so do its end and its single dates, by the same civil difference. Raises BadRule when the rule names days that
    cannot move like that."""
    by = times.civil(moved) - times.civil(start)
    if not by and type(start) is type(moved):
        return tuple(lines)
    found = []
    for name in ("RRULE", "EXRULE"):
        texts = recurrence.rule_texts(tuple(lines), name)
        found += [f"{name}:{_moved(start, text, moved, by)}" for text in texts]
    return (*found, *_date_lines(lines, start, moved, by=by))


def fitting(start: Moment, lines: Sequence[str]) -> tuple[str, ...]:
    """The lines with every UNTIL as a series with this start has to have it: a date for whole days, else an instant in
    UTC. Otherwise each reader ends a series that became timed, or all day, on another day."""
    return tuple(_fitting_line(start, line) for line in lines)


def without(start: Moment, lines: Sequence[str], original: Moment) -> tuple[str, ...]:
    """The lines with one occurrence excluded by EXDATE."""
    return (*lines, f"EXDATE{_date_value(start, original)}")


def _fitting_line(start: Moment, line: str) -> str:
    head, _sign, rule = line.partition(":")
    if head.split(";")[0].upper() not in {"RRULE", "EXRULE"}:
        return line
    parts = rules.parts_of(rule)
    until = parts.get("UNTIL", "")
    try:
        if not until or (len(until) == len("20260131")) == isinstance(start, Day):
            return line
        parts["UNTIL"] = _until_text(start, recurrence.until_civil(until.upper(), start))
    except (ValueError, OverflowError):
        return line
    return f"{head}:{rules.text_of(parts)}"


def _trimmed(start: Moment, text: str, before: Moment) -> str:
    parts, at = rules.parts_of(text), times.civil(before)
    rule = _readable(text)
    if rule is None:
        return f"RRULE:{text}"  # what nobody can read yields nothing on either side
    is_over = bool(rule.until) and recurrence.until_civil(rule.until, start) < at
    if not is_over and rule.count:
        is_over = recurrence.count_before(rule, start, at) >= rule.count
    if is_over:
        return f"RRULE:{text}"
    parts.pop("COUNT", None)
    parts["UNTIL"] = _until_before(before)
    return f"RRULE:{rules.text_of(parts)}"


def _left_of(start: Moment, text: str, since: Moment, *, is_excluding: bool) -> list[str]:
    """What is left of one rule from `since` on: nothing, or the rule that begins there."""
    rule, at = _readable(text), times.civil(since)
    if rule is None:
        return []
    parts = rules.parts_of(text)
    if rule.count:
        left = rule.count - recurrence.count_before(rule, start, at)
        if left <= 0:
            return []
        parts["COUNT"] = str(left)
    elif rule.until and recurrence.until_civil(rule.until, start) < at:
        return []
    if recurrence.yields(rule, start, at):
        return [rules.text_of(parts)]
    _check_phase(rule, start, since)
    return [rules.text_of(parts | _implied(rule, times.civil(start), at))]


def _check_phase(rule: Rule, start: Moment, since: Moment) -> None:
    """A rule that skips periods, begun in one that it skips, would skip the others."""
    first, at = times.civil(start), times.civil(since)
    if rule.interval == 1 or rules.same_phase(rule, first, at):
        return
    raise BadRule(gettext_noop("This series cannot be divided here: its rule counts from another occurrence."))


def _implied(rule: Rule, first: datetime, at: datetime) -> dict[str, str]:
    """What a rule takes from its start, said aloud, so that it does not take it from another one."""
    said: dict[str, str] = {}
    names_day = rule.by_day or rule.by_month_day or rule.by_year_day or rule.by_week_no
    if not names_day and rule.freq == "WEEKLY":
        said["BYDAY"] = DAYS[first.weekday()]
    if not names_day and rule.freq in {"MONTHLY", "YEARLY"}:
        said["BYMONTHDAY"] = str(first.day)
    if rule.freq == "YEARLY" and not rule.by_month and (not names_day or (rule.by_month_day and not rule.by_day)):
        said["BYMONTH"] = str(first.month)
    if rule.freq != "HOURLY" and not rule.by_hour and first.hour != at.hour:
        said["BYHOUR"] = str(first.hour)
    if not rule.by_minute and first.minute != at.minute:
        said["BYMINUTE"] = str(first.minute)
    if not rule.by_second and first.second != at.second:
        said["BYSECOND"] = str(first.second)
    return said


def _moved(start: Moment, text: str, moved: Moment, by: timedelta) -> str:
    parts, rule = rules.parts_of(text), _readable(text)
    if rule is None:
        return text
    first, at = times.civil(start), times.civil(moved)
    if first.date() != at.date():
        parts |= _moved_days(rule, first, at)
    for name, field, was, now in (("BYHOUR", rule.by_hour, first.hour, at.hour), ("BYMINUTE", rule.by_minute, first.minute, at.minute)):  # fmt: skip
        if field and was != now:
            if field != (was,):
                raise _cannot_move()
            parts[name] = str(now)
    if rule.until:
        parts["UNTIL"] = _until_text(moved, recurrence.until_civil(rule.until, start) + by)
    return rules.text_of(parts)


def _moved_days(rule: Rule, first: datetime, at: datetime) -> dict[str, str]:
    """The parts of a rule that name days, after its start went from one day to another."""
    if rule.by_year_day or rule.by_week_no:
        raise _cannot_move()
    by = (at.date() - first.date()).days
    said: dict[str, str] = {}
    if rule.by_day:
        said |= _moved_weekdays(rule, first, at, by)
    if rule.by_month_day:
        if rule.by_day or (rule.by_month_day != (first.day,) and rule.by_month_day != (_from_end(first),)):
            raise _cannot_move()
        is_last = rule.by_month_day == (-1,) and _from_end(at) == -1
        said["BYMONTHDAY"] = "-1" if is_last else str(at.day)
    if rule.by_month and first.month != at.month:
        if rule.by_month != (first.month,) or rule.freq != "YEARLY":
            raise _cannot_move()
        said["BYMONTH"] = str(at.month)
    return said


def _moved_weekdays(rule: Rule, first: datetime, at: datetime, by: int) -> dict[str, str]:
    if rule.freq in {"DAILY", "WEEKLY", "HOURLY"}:
        if rule.by_set_pos:
            raise _cannot_move()
        said = {"BYDAY": ",".join(DAYS[(day + by) % 7] for _which, day in rule.by_day)}
        if rule.freq == "WEEKLY" and rule.interval > 1 and by % 7:
            said["WKST"] = DAYS[(rule.week_start + by) % 7]  # the same weeks are skipped, seen from the new days
        return said
    [(which, day), *others] = rule.by_day
    if others or day != first.weekday() or len(rule.by_set_pos) > 1:
        raise _cannot_move()
    place = (at.day - 1) // 7 + 1
    is_last = _from_end(at) >= -7
    former = which or (rule.by_set_pos or (0,))[0]
    if not former:
        return {"BYDAY": DAYS[at.weekday()]}  # every such weekday of the month
    if rule.freq == "YEARLY" and not rule.by_month:
        raise _cannot_move()
    now = -1 if is_last and (former == -1 or place > 4) else place
    if which:
        return {"BYDAY": f"{now}{DAYS[at.weekday()]}"}
    return {"BYDAY": DAYS[at.weekday()], "BYSETPOS": str(now)}


def _from_end(at: datetime) -> int:
    begin = at.replace(day=1)
    return at.day - ((begin + timedelta(days=32)).replace(day=1) - begin).days - 1


def _cannot_move() -> BadRule:
    says = gettext_noop("This series names its days in a way that does not move along: change how it repeats as well.")
    return BadRule(says)


def _readable(text: str) -> Rule | None:
    return rules.read(text) if rules.is_readable(text) else None


def _date_lines(
    lines: Sequence[str],
    start: Moment,
    now: Moment,
    since: datetime = times.FIRST,
    upto: datetime = times.LAST,
    by: timedelta = timedelta(),
) -> list[str]:
    """The single dates in [since, upto), moved by a civil difference, as a series that starts at `now` writes them."""
    kept, own = [], recurrence.lengths(start, lines)
    for name in ("RDATE", "EXDATE"):
        for at in recurrence.dates(tuple(lines), name, start):
            if not since <= at < upto:
                continue
            value = _date_value(now, times.at_civil(now, at + by))
            if name == "RDATE" and at in own and not isinstance(now, Day):
                value = f";VALUE=PERIOD{value}/PT{int(own[at].total_seconds())}S"
            kept.append(f"{name}{value}")
    return kept


def _date_value(start: Moment, at: Moment) -> str:
    if isinstance(start, Day):
        return f";VALUE=DATE:{times.civil(at):%Y%m%d}"
    return f":{times.instant(at):%Y%m%dT%H%M%SZ}"


def _until_before(moment: Moment) -> str:
    if isinstance(moment, Day):
        return (moment.date - timedelta(days=1)).strftime("%Y%m%d")
    return (times.instant(moment) - timedelta(seconds=1)).strftime("%Y%m%dT%H%M%SZ")


def _until_text(start: Moment, at: datetime) -> str:
    if isinstance(start, Day):
        return f"{at:%Y%m%d}"
    return f"{times.instant(times.at_civil(start, at)):%Y%m%dT%H%M%SZ}"
