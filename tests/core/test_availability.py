"""Slots equal those of a brute force that walks minute by minute, over clock changes too."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversa_calendar.domain import availability, times
from conversa_calendar.domain.availability import Hours, Rules

ZONES = ["UTC", "America/Sao_Paulo", "Europe/Lisbon", "Australia/Lord_Howe", "America/New_York", "Asia/Kathmandu"]
NOW = datetime(2026, 3, 1, tzinfo=UTC)
SPANS = st.lists(
    st.tuples(st.integers(0, 1435), st.integers(5, 600)).map(lambda p: (p[0], min(1440, p[0] + p[1]))), max_size=2
).map(lambda rows: tuple(rows[:1]) if len(rows) == 2 and rows[0][1] > rows[1][0] else tuple(rows))


def brute(hours: Hours, rules: Rules, busy: list[tuple[datetime, datetime]], day: date, days: int) -> list[datetime]:
    """Walks real time in steps of five minutes from each opening, asking the plain question each time."""
    found = []
    for number in range(-1, days + 1):
        local = day + timedelta(days=number)
        for begin, end in hours.overrides.get(local, hours.weekly[local.weekday()]):
            midnight = datetime(local.year, local.month, local.day)
            opens = times.instant(times.Timed(midnight + timedelta(minutes=begin), hours.zone))
            closes = times.instant(times.Timed(midnight + timedelta(minutes=end), hours.zone))
            at, count = opens, 0
            while at + rules.duration <= closes:
                if count % (rules.step.seconds // 300) == 0:
                    around = (at - rules.before, at + rules.duration + rules.after)
                    if not any(b < around[1] and e > around[0] for b, e in busy):
                        found.append(at)
                at, count = at + timedelta(minutes=5), count + 1
    since = times.instant(times.Timed(datetime(day.year, day.month, day.day), hours.zone))
    return sorted({at for at in found if since <= at < since + timedelta(days=days)})


@settings(max_examples=300, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    weekly=st.lists(SPANS, min_size=7, max_size=7),
    override=SPANS,
    day=st.dates(date(2026, 3, 5), date(2026, 11, 20)),
    busy=st.lists(st.tuples(st.integers(-600, 6000), st.integers(1, 900)), max_size=8),
    duration=st.sampled_from([15, 30, 60]),
    step=st.sampled_from([5, 15, 30, 60]),
    before=st.sampled_from([0, 10, 45]),
    after=st.sampled_from([0, 20]),
)
def test_slots_equal_brute_force(
    zone: str,
    weekly: list[tuple[tuple[int, int], ...]],
    override: tuple[tuple[int, int], ...],
    day: date,
    busy: list[tuple[int, int]],
    duration: int,
    step: int,
    before: int,
    after: int,
) -> None:
    hours = Hours(zone, tuple(weekly), {day + timedelta(days=1): override})
    rules = Rules(
        duration=timedelta(minutes=duration),
        step=timedelta(minutes=step),
        before=timedelta(minutes=before),
        after=timedelta(minutes=after),
        horizon=timedelta(days=400),
    )
    since = times.instant(times.Timed(datetime(day.year, day.month, day.day), zone))
    spans = [(since + timedelta(minutes=a), since + timedelta(minutes=a + b)) for a, b in busy]
    found = availability.slots(hours, rules, availability.merged(spans), [], since, since + timedelta(days=3), NOW)
    assert found == brute(hours, rules, spans, day, 3)


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25)])
def test_a_day_with_a_clock_change_has_its_real_hours(day: date) -> None:
    """In Lisbon the clock goes from 1 to 2 in March and from 2 to 1 in October: 23 and 25 hours."""
    hours = Hours("Europe/Lisbon", (((0, 1440),),) * 7)
    rules = Rules(duration=timedelta(hours=1), step=timedelta(hours=1), horizon=timedelta(days=400))
    since = times.instant(times.Timed(datetime(day.year, day.month, day.day), "Europe/Lisbon"))
    after = day + timedelta(days=1)
    until = times.instant(times.Timed(datetime(after.year, after.month, after.day), "Europe/Lisbon"))
    found = availability.slots(hours, rules, [], [], since, until, NOW)
    assert len(found) == (23 if day.month == 3 else 25)
    assert len(set(found)) == len(found)


def test_hours_of_every_zone_lie_on_their_civil_day_whatever_the_clocks_do() -> None:
    """Nine to five is nine to five in every zone of the database, on each day around each change of its clocks."""
    import zoneinfo

    hours_of = {"weekly": (((540, 1020),),) * 7}
    rules = Rules(duration=timedelta(minutes=60), step=timedelta(minutes=60), horizon=timedelta(days=800))
    for zone in sorted(zoneinfo.available_timezones()):
        tz = times.zone_of(zone)
        hours = Hours(zone, **hours_of)
        for day in _changes(zone):
            since = times.instant(times.Timed(datetime(day.year, day.month, day.day), zone))
            found = availability.slots(hours, rules, [], [], since, since + timedelta(hours=30), NOW)
            civil = [at.astimezone(tz) for at in found if at.astimezone(tz).date() == day]
            assert [at.hour for at in civil if at.minute == 0] == list(range(9, 17)), (zone, day)


def _changes(zone: str) -> list[date]:
    """Days of 2026 on which the offset at noon differs from the day before."""
    tz, found, before = times.zone_of(zone), [], None
    for number in range(60, 365):
        day = date(2026, 1, 1) + timedelta(days=number)
        offset = datetime(day.year, day.month, day.day, 12, tzinfo=tz).utcoffset()
        if before is not None and offset != before:
            found.append(day)
        before = offset
    return found
