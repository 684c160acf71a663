"""Ten thousand random rules over zones and clock changes: emulator, product and a brute-force expansion agree."""

import random
from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from gcal_emulator import moments

from conversa_calendar.domain import recurrence, times
from tests.support import brute

RULES, SHOWN, BLOCKS = 10_000, 12, 8
YEARS = timedelta(days=366 * 8)
ZONES = (
    "America/New_York",
    "America/Sao_Paulo",
    "Europe/Berlin",
    "Europe/London",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Pacific/Apia",
    "UTC",
)


def drawn(dice: random.Random) -> tuple[datetime, str, str]:
    """A civil start, a rule and a zone; one start in four lies in the hours that clock changes skip or repeat."""
    zone = dice.choice(ZONES)
    start = datetime(2024, 1, 1) + timedelta(days=dice.randrange(1000), minutes=15 * dice.randrange(96))
    if dice.random() < 0.25:
        start = start.replace(hour=dice.choice((0, 1, 2, 3)), minute=dice.choice((0, 30)))
    frequency = dice.choice(("DAILY", "WEEKLY", "MONTHLY", "YEARLY"))
    parts = [f"FREQ={frequency}"]
    if dice.random() < 0.5:
        parts.append(f"INTERVAL={dice.randint(1, 5)}")
    parts += _limits(dice, frequency)
    if dice.random() < 0.3:
        parts.append(f"WKST={dice.choice(brute.DAYS)}")
    ending = dice.random()
    if ending < 0.4:
        parts.append(f"COUNT={dice.randint(1, 20)}")
    elif ending < 0.8:
        last = start + timedelta(days=dice.randrange(1500), minutes=dice.choice((0, 1, 600)))
        last_utc = last.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        parts.append(f"UNTIL={last_utc:%Y%m%dT%H%M%SZ}" if dice.random() < 0.8 else f"UNTIL={last:%Y%m%d}")
    order = parts[1:]
    dice.shuffle(order)
    return start, "RRULE:" + ";".join([parts[0], *order]), zone


def _limits(dice: random.Random, frequency: str) -> list[str]:
    def some(values: range | tuple[str, ...], most: int) -> str:
        return ",".join(map(str, sorted(dice.sample(tuple(values), dice.randint(1, most)), key=str)))

    if frequency == "DAILY":
        return dice.choice([[], [f"BYDAY={some(brute.DAYS, 5)}"], [f"BYMONTH={some(range(1, 13), 4)}"]])
    if frequency == "WEEKLY":
        return [f"BYDAY={some(brute.DAYS, 4)}"] if dice.random() < 0.7 else []
    ordinal = f"BYDAY={dice.choice(('1', '2', '3', '4', '5', '-1', '-2'))}{dice.choice(brute.DAYS)}"
    number = f"BYMONTHDAY={some(range(1, 32), 3)}" if dice.random() < 0.7 else f"BYMONTHDAY={-dice.randint(1, 5)}"
    position = [f"BYDAY={some(brute.DAYS, 5)}", f"BYSETPOS={dice.choice((1, 2, -1, -2))}"]
    found = dice.choice([[], [ordinal], [number], position])
    if frequency == "YEARLY":
        month = f"BYMONTH={some(range(1, 13), 3)}"
        return [*found, month] if found or dice.random() < 0.5 else found
    return found


@pytest.mark.parametrize("block", range(BLOCKS))
def test_10000_random_rules_expand_alike_three_times(block: int) -> None:
    dice = random.Random(block)
    for _turn in range(RULES // BLOCKS):
        start, rule, zone = drawn(dice)
        at = start.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        start = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)  # no clock ever showed a skipped hour
        far = start + YEARS
        civil = [one for one in islice(brute.civil_starts(start, rule, zone), SHOWN) if one < far]
        ends = civil[-1] + timedelta(seconds=1) if len(civil) == SHOWN else far
        expected = [one.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for one in civil]
        asked = {"at": at.isoformat(), "zone": zone}
        until = ends.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        there = [moments.instant(one) for one in moments.expand(asked, [rule], None, until)]
        here = [times.instant(one) for one in recurrence.expand(times.timed(at, zone), [rule], start, ends)]
        assert there == expected, (start, rule, zone)
        assert here == expected, (start, rule, zone)
