"""Random series against python-dateutil's expansion, which the product does not use: rules, exclusions, ends, cuts at
every occurrence, moves, the editor's own round trip. `RULES=20000` tries more than a build does."""

import os
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from dateutil.rrule import rruleset, rrulestr

from conversa_calendar.domain import cuts, recurrence, repeats, rules, times
from conversa_calendar.domain.rules import BadRule
from conversa_calendar.domain.times import Timed

RULES = int(os.environ.get("RULES", "900"))
SEED = int(os.environ.get("SEED", "7"))
ZONES = ("America/New_York", "Europe/Lisbon", "Australia/Lord_Howe", "UTC", "America/Sao_Paulo")
DAYS = rules.DAYS
AHEAD = timedelta(days=700)


def _days(dice: random.Random, frequency: str) -> str:
    placed = frequency in {"MONTHLY", "YEARLY"} and dice.random() < 0.5  # dateutil takes one kind or the other
    return ",".join(
        sorted({(dice.choice(("1", "2", "-1", "5")) if placed else "") + dice.choice(DAYS) for _ in range(3)})
    )


def _rule(dice: random.Random, *, is_excluding: bool = False) -> str:  # noqa: C901 - one choice for each part of a rule
    frequency = dice.choice(("DAILY", "WEEKLY", "WEEKLY", "MONTHLY", "YEARLY", "HOURLY"))
    parts = {"FREQ": frequency}
    if dice.random() < 0.5:
        parts["INTERVAL"] = str(dice.choice((1, 2, 3, 5)))
    if dice.random() < 0.4:
        parts["WKST"] = dice.choice(DAYS)
    if dice.random() < 0.5:
        parts["BYDAY"] = _days(dice, frequency)
    if dice.random() < 0.2:
        days = {dice.choice((1, 13, 15, 28, 29, 30, 31, -1, -2, -31)) for _ in range(2)}
        parts["BYMONTHDAY"] = ",".join(map(str, sorted(days)))
    if dice.random() < 0.15 or (frequency == "YEARLY" and "BYMONTHDAY" in parts and "BYDAY" not in parts):
        parts["BYMONTH"] = ",".join(map(str, sorted({dice.randint(1, 12) for _ in range(3)})))
    if frequency == "YEARLY" and dice.random() < 0.1 and "BYMONTHDAY" not in parts:
        parts["BYYEARDAY"] = dice.choice(("1,100", "-1,60", "366", "-366,200"))
    if frequency == "YEARLY" and dice.random() < 0.1 and len(parts) == 1:
        parts["BYWEEKNO"] = dice.choice(("1", "20", "53", "-1"))
    if frequency in {"DAILY", "WEEKLY"} and dice.random() < 0.15:
        parts["BYHOUR"] = dice.choice(("9", "9,17", "2"))
    if frequency in {"MONTHLY", "YEARLY"} and "BYDAY" in parts and dice.random() < 0.3:
        parts["BYSETPOS"] = dice.choice(("1", "-1", "2,-2", "3"))
    ending = dice.random()
    if frequency == "HOURLY" or (ending < 0.4 and not is_excluding):
        parts["COUNT"] = str(dice.randint(1, 12))
    elif ending < 0.7:
        day = datetime(2027, 1, 1) + timedelta(days=dice.randint(0, 500))
        parts["UNTIL"] = dice.choice((f"{day:%Y%m%d}", f"{day:%Y%m%d}T235959Z", f"{day:%Y%m%d}T090000"))
    return rules.text_of(parts)


def _series(dice: random.Random) -> tuple[Timed, tuple[str, ...]]:
    at = datetime(2026, 10, 1, dice.choice((0, 1, 2, 9, 23)), dice.choice((0, 30))) + timedelta(
        days=dice.randint(0, 90)
    )
    start = Timed(at, dice.choice(ZONES))
    lines = [f"RRULE:{_rule(dice)}"]
    for name in ("RDATE", "EXDATE"):
        if dice.random() < 0.25:
            days = [at + timedelta(days=dice.randint(1, 60)) for _ in range(2)]
            lines.append(f"{name};TZID={start.zone}:" + ",".join(f"{day:%Y%m%dT%H%M%S}" for day in days))
    if dice.random() < 0.15:
        lines.append(f"EXRULE:{_rule(dice, is_excluding=True)}")
    return start, tuple(lines)


def _theirs(start: Timed, lines: tuple[str, ...]) -> list[datetime]:
    """The civil starts by dateutil, the start among them as it is everywhere here."""
    found = rruleset()
    found.rdate(start.local)
    for line in lines:
        head, _sign, value = line.partition(":")
        if head in {"RRULE", "EXRULE"}:
            add: Callable[..., None] = found.rrule if head == "RRULE" else found.exrule
            add(rrulestr(_civil_until(value, start), dtstart=start.local))
            continue
        for text in value.split(","):
            (found.rdate if head.startswith("RDATE") else found.exdate)(datetime.strptime(text, "%Y%m%dT%H%M%S"))
    return list(islice(found.between(start.local, start.local + AHEAD, inc=True), 3000))


def _civil_until(rule: str, start: Timed) -> str:
    parts = rules.parts_of(rule)
    until = parts.get("UNTIL", "")
    if until.endswith("Z"):
        at = datetime.strptime(until, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).astimezone(ZoneInfo(start.zone))
        parts["UNTIL"] = f"{at:%Y%m%dT%H%M%S}"
    elif until and "T" not in until:
        parts["UNTIL"] = f"{until}T235959"
    return rules.text_of(parts)


def _ours(start: Timed, lines: tuple[str, ...]) -> list[datetime]:
    return recurrence.civil_starts(start, lines, start.local, start.local + AHEAD + timedelta(seconds=1))


def _random_series(count: int) -> list[tuple[Timed, tuple[str, ...]]]:
    dice, found = random.Random(SEED), []
    while len(found) < count:
        start, lines = _series(dice)
        try:
            rrulestr(lines[0].partition(":")[2].replace("UNTIL=", "X-UNTIL="), dtstart=start.local)
        except ValueError as error:
            if "X-UNTIL" not in str(error):
                continue  # a combination that dateutil refuses
        found.append((start, lines))
    return found


def test_what_is_shown_equals_what_others_expand() -> None:
    for start, lines in _random_series(RULES):
        theirs = _theirs(start, lines)
        assert _ours(start, lines)[: len(theirs)] == theirs[: recurrence.OCCURRENCES_MAX], (start, lines)


def test_a_series_divided_at_any_occurrence_shows_what_it_showed() -> None:
    divided = 0
    for start, lines in _random_series(RULES // 3):
        every = _ours(start, lines)
        for at in every[1 : len(every) : max(1, len(every) // 6)]:
            cut = Timed(at, start.zone)
            try:
                rest = cuts.remainder(start, lines, cut)
            except BadRule:
                continue  # said to the person instead
            divided += 1
            before = _ours(start, cuts.trim(start, lines, cut))
            after = recurrence.civil_starts(cut, rest, at, start.local + AHEAD + timedelta(seconds=1))
            assert before + after == every, (start, lines, at)
    assert divided > RULES // 3


@pytest.mark.parametrize("days", [-8, -1, 1, 2, 7])
def test_a_weekly_series_moved_to_another_day_moves_every_occurrence_alike(days: int) -> None:
    by = timedelta(days=days, hours=1)
    for start, lines in _random_series(RULES // 3):
        rule = rules.read(lines[0].partition(":")[2])
        if rule.freq not in {"DAILY", "WEEKLY"} or rule.by_month or rule.by_month_day or rule.by_hour:
            continue
        if any(line.startswith("EXRULE") for line in lines):
            continue
        moved = Timed(start.local + by, start.zone)
        found = _ours(moved, cuts.following(start, lines, moved))
        assert found == [at + by for at in _ours(start, lines)], (start, lines)


def test_the_editors_fields_keep_what_a_rule_means() -> None:
    shown = 0
    for start, lines in _random_series(RULES):
        fields = repeats.repeat_of(start, lines)
        if fields is None:
            continue
        shown += 1
        every = _ours(start, lines)
        assert _ours(start, repeats.lines_of(start, fields)) == every, (start, lines)
    assert shown > RULES // 20


@pytest.mark.parametrize("zone", ZONES)
def test_every_occurrence_is_found_again_by_its_key(zone: str) -> None:
    """Over the hours that clocks skip and repeat."""
    start = Timed(datetime(2026, 9, 1, 2, 15), zone)
    for at in recurrence.expand(start, ("RRULE:FREQ=DAILY",), datetime.min, datetime(2027, 12, 1)):
        key = times.original_key(at)
        assert recurrence.is_occurrence(start, ("RRULE:FREQ=DAILY",), times.moment_of_key(key, start)), key
