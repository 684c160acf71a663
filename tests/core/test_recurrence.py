"""Recurrence against a brute-force expansion that shares no code with it, over zones and clock changes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversa_calendar.domain import cuts, recurrence, rules, times
from conversa_calendar.domain.times import Day, Timed
from conversa_calendar.providers.google import mapping
from tools.build_locale import texts

DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
ZONES = ["UTC", "Europe/Lisbon", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]


def _brute_force(
    start: datetime, freq: str, interval: int, days: list[str], count: int, until: datetime
) -> list[datetime]:
    """Walks day by day and keeps what the rule says."""
    found, day = [], start
    monday = start - timedelta(days=start.weekday())
    while len(found) < count and day < until:
        weeks = (day - monday).days // 7
        in_days = not days or DAYS[day.weekday()] in days
        if freq == "DAILY":
            fits = (day - start).days % interval == 0 and in_days
        elif freq == "WEEKLY":
            fits = weeks % interval == 0 and (in_days if days else day.weekday() == start.weekday())
        else:
            months = (day.year - start.year) * 12 + day.month - start.month
            fits = months % interval == 0 and day.day == start.day
        if fits:
            found.append(day)
        day += timedelta(days=1)
    return found


@settings(max_examples=300)
@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2027, 1, 1)),
    st.sampled_from(["DAILY", "WEEKLY", "MONTHLY"]),
    st.integers(1, 4),
    st.lists(st.sampled_from(DAYS), max_size=3, unique=True),
    st.integers(1, 12),
    st.sampled_from(ZONES),
    st.integers(0, 400),
)
def test_windows_equal_brute_force(
    start: datetime, freq: str, interval: int, days: list[str], count: int, zone: str, skip: int
) -> None:
    start = start.replace(second=0, microsecond=0)
    days = [] if freq == "MONTHLY" else sorted({*days, DAYS[start.weekday()]} if days else [])
    rule = f"RRULE:FREQ={freq};INTERVAL={interval}" + (f";BYDAY={','.join(days)}" if days else "")
    end = start + timedelta(days=800)
    since = start + timedelta(days=skip)
    expected = [at for at in _brute_force(start, freq, interval, days, 10_000, end) if at >= since]
    found = [times.civil(m) for m in recurrence.expand(Timed(start, zone), [rule], since, end)]
    assert found == expected
    limited = [
        times.civil(m) for m in recurrence.expand(Timed(start, zone), [f"{rule};COUNT={count}"], datetime.min, end)
    ]
    assert limited == _brute_force(start, freq, interval, days, count, end)


@given(st.integers(1, 11), st.sampled_from(ZONES))
def test_trim_and_remainder_are_a_partition(cut: int, zone: str) -> None:
    start = Timed(datetime(2026, 3, 20, 2, 30), zone)
    lines = ("RRULE:FREQ=DAILY;COUNT=12", "EXDATE;TZID=UTC:20260101T000000")
    every = list(recurrence.expand(start, lines, datetime.min, datetime(2027, 1, 1)))
    before = cuts.trim(start, lines, every[cut])
    after = cuts.remainder(start, lines, every[cut])
    first = list(recurrence.expand(start, before, datetime.min, datetime(2027, 1, 1)))
    second = list(recurrence.expand(every[cut], after, datetime.min, datetime(2027, 1, 1)))
    assert [times.civil(m) for m in first + second] == [times.civil(m) for m in every]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("RRULE:FREQ=WEEKLY;BYDAY=MO,TU", "RRULE:BYDAY=TU,MO;FREQ=WEEKLY;INTERVAL=1;WKST=MO"),
        ("RRULE:FREQ=DAILY;UNTIL=20260310T120000Z", "RRULE:FREQ=DAILY;UNTIL=20260310T090000"),
    ],
)
def test_rules_of_equal_meaning_are_equal(one: str, other: str) -> None:
    start = Timed(datetime(2026, 3, 1, 9), "America/Sao_Paulo")
    assert recurrence.canonical((one,), start) == recurrence.canonical((other,), start)


def test_days_never_pass_through_utc() -> None:
    start = Day(date(2026, 3, 28))
    found = list(recurrence.expand(start, ["RRULE:FREQ=DAILY;UNTIL=20260330"], datetime.min, datetime(2027, 1, 1)))
    assert found == [Day(date(2026, 3, 28)), Day(date(2026, 3, 29)), Day(date(2026, 3, 30))]


@pytest.mark.parametrize(
    "rule",
    [
        "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "RRULE:FREQ=YEARLY;BYSETPOS=400;BYDAY=MO",
        "RRULE:nonsense",
        "RRULE:DATE;VALUE=DATE:20260301",
    ],
)
def test_rules_from_the_wild_neither_hang_nor_raise(rule: str) -> None:
    start = Timed(datetime(2026, 3, 1, 9), "UTC")
    assert len(list(recurrence.expand(start, [rule], datetime.min, datetime(2030, 1, 1)))) <= 2


def test_original_keys_read_back() -> None:
    start = Timed(datetime(2026, 10, 25, 1, 30), "Europe/Lisbon", fold=1)
    assert times.instant(times.moment_of_key(times.original_key(start), start)) == times.instant(start)


@pytest.mark.parametrize(
    ("start", "until", "fitting"),
    [
        (Timed(datetime(2026, 3, 18, 12, 40), "America/New_York"), "20260322", "20260323T035959Z"),
        (Timed(datetime(2026, 3, 18, 12, 40), "America/New_York"), "20260322T164000Z", "20260322T164000Z"),
        (Day(date(2026, 3, 18)), "20260322T235959Z", "20260322"),
        (Day(date(2026, 3, 18)), "20260322", "20260322"),
    ],
)
def test_the_end_of_a_rule_fits_its_start(start: times.Moment, until: str, fitting: str) -> None:
    """A series that became timed, or all day, ends on the day on which it ended before."""
    lines = (f"RRULE:FREQ=DAILY;UNTIL={until}", "EXDATE;VALUE=DATE:20260320")
    fitted = cuts.fitting(start, lines)
    assert fitted == (f"RRULE:FREQ=DAILY;UNTIL={fitting}", lines[1])
    span = (datetime(2026, 3, 1), datetime(2026, 4, 1))
    assert recurrence.civil_starts(start, lines[:1], *span) == recurrence.civil_starts(start, fitted[:1], *span)


STEPS_MAX = 25
"""Lines of code that one unit of the budget may cost."""


@contextmanager
def _in_steps(most: int) -> Iterator[None]:
    """Fails once more lines of the rules' code have run than this, whatever the machine's speed."""
    left, former = most, sys.gettrace()

    def trace(frame: FrameType, event: str, _value: Any) -> Any:
        nonlocal left
        if frame.f_code.co_filename != rules.__file__:
            return None
        left -= event == "line"
        assert left > 0, "work that nobody paid for"
        return trace

    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(former)


def _to(end: int) -> str:
    return ",".join(str(number) for number in range(end))


EVERY_DAY = "BYDAY=MO,TU,WE,TH,FR,SA,SU"


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;BYSETPOS=2",
        "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=9",
        "FREQ=HOURLY;INTERVAL=7;BYHOUR=3;BYMONTH=6;BYMONTHDAY=31;COUNT=500",
        "FREQ=DAILY;INTERVAL=999999",
        "FREQ=WEEKLY;COUNT=999999",
        "FREQ=DAILY;INTERVAL=7;BYDAY=MO",
        f"FREQ=YEARLY;{EVERY_DAY};BYHOUR={_to(24)};BYMINUTE={_to(60)};BYSECOND={_to(60)};BYSETPOS=1",
        f"FREQ=YEARLY;{EVERY_DAY};BYHOUR={_to(24)};BYMINUTE={_to(60)};BYSETPOS=-1",
        f"FREQ=MONTHLY;{EVERY_DAY};BYHOUR={_to(24)};BYMINUTE=0,15,30,45;BYSETPOS=-1",
        f"FREQ=HOURLY;BYMINUTE={_to(60)};BYSECOND={_to(60)};BYSETPOS=1",
        f"FREQ=HOURLY;BYMINUTE={_to(60)};BYSETPOS=1,60",
        f"FREQ=DAILY;BYHOUR={_to(24)};BYMINUTE={_to(60)}",
    ],
)
def test_no_rule_costs_more_than_its_budget(rule: str) -> None:
    start, budget = datetime(2026, 3, 1, 9), rules.Budget()
    with _in_steps(rules.WORK_MAX * STEPS_MAX):
        for number, _at in enumerate(rules.starts(rules.read(rule), start, datetime.max, start, budget)):
            assert number < rules.WORK_MAX
    lines = [f"RRULE:{rule}"] * 1000
    assert len(recurrence.civil_starts(Timed(start, "UTC"), lines, datetime.min, datetime.max)) <= 4000
    assert recurrence.excess(lines)


def test_a_guest_whom_google_knows_by_a_profile_is_written_back_as_that() -> None:
    raw = (
        b'{"id": "e", "start": {"date": "2026-12-01"}, "attendees": [{"id": "1154321"}, {"email": "lee@example.com"}]}'
    )
    content = mapping.content_of(raw, "UTC")
    assert content is not None
    rows = mapping.body(content, ["attendees"])["attendees"]
    assert [{name: row[name] for name in row if name in {"id", "email"}} for row in rows] == [
        {"id": "1154321"},
        {"email": "lee@example.com"},
    ]


@pytest.mark.parametrize(
    ("zone", "sent"), [("-08:00", "Etc/GMT+8"), ("+05:30", "UTC"), ("Eastern Standard Time", "America/New_York")]
)
def test_an_offset_is_sent_as_a_zone_that_google_knows(zone: str, sent: str) -> None:
    assert times.sendable_zone(zone) == sent


@pytest.mark.parametrize("cut", range(1, 6))
def test_a_rule_that_ended_before_the_cut_does_not_come_alive_again(cut: int) -> None:
    start = Timed(datetime(2026, 3, 1, 9), "Europe/Lisbon")
    lines = ("RRULE:FREQ=DAILY;COUNT=3", "RDATE:20260310T090000Z,20260320T090000Z,20260401T080000Z")
    every = list(recurrence.expand(start, lines, datetime.min, datetime(2027, 1, 1)))
    before, after = cuts.trim(start, lines, every[cut]), cuts.remainder(start, lines, every[cut])
    window = (datetime.min, datetime(2027, 1, 1))
    assert [*recurrence.expand(start, before, *window), *recurrence.expand(every[cut], after, *window)] == every


@pytest.mark.parametrize(
    "rule",
    [
        f"FREQ=YEARLY;{EVERY_DAY};BYHOUR={_to(24)};BYMINUTE={_to(60)};BYSECOND={_to(60)};BYSETPOS=1",
        f"FREQ=MONTHLY;{EVERY_DAY};BYHOUR={_to(24)};BYMINUTE={_to(60)};BYSETPOS=1",
        f"FREQ=HOURLY;BYMINUTE={_to(60)};BYSECOND={_to(60)};BYSETPOS=1",
        f"FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=1;BYHOUR={_to(24)};BYMINUTE={_to(60)};BYSECOND=0,30",
    ],
)
def test_a_rule_that_names_every_second_of_a_day_is_refused_before_it_is_followed(rule: str) -> None:
    start = Timed(datetime(2026, 3, 1, 9), "UTC")
    with _in_steps(10_000), pytest.raises(rules.BadRule, match="too many times of a day"):
        recurrence.check(start, [f"RRULE:{rule}"])
    assert recurrence.excess([f"EXRULE:{rule}"]), "one that came from elsewhere is set aside"


def test_what_people_let_repeat_several_times_a_day_is_taken() -> None:
    start = Timed(datetime(2026, 3, 1, 9), "UTC")
    for rule in ("DAILY;BYHOUR=9,9,9,15", f"MONTHLY;{EVERY_DAY};BYHOUR=9,12,18;BYSETPOS=-1", "HOURLY;INTERVAL=8"):
        recurrence.check(start, [f"RRULE:FREQ={rule}"])
    lines = [f"RRULE:FREQ=MONTHLY;{EVERY_DAY};BYHOUR=18,9,12,9;BYSETPOS=1,-1"]
    found = recurrence.civil_starts(start, lines, datetime(2026, 4, 1), datetime(2026, 5, 1))
    assert found == [datetime(2026, 4, 1, 9), datetime(2026, 4, 30, 18)]


REFUSED = {
    "no frequency": ["RRULE:COUNT=3"],
    "another frequency": ["RRULE:FREQ=SECONDLY"],
    "unreadable": ["RRULE:FREQ=DAILY;BYMONTHDAY=99"],
    "an end that is no date": ["RRULE:FREQ=DAILY;UNTIL=soon"],
    "no line": ["EVERY DAY"],
    "a date that is none": ["RDATE:tomorrow"],
    "ended before": ["RRULE:FREQ=DAILY;UNTIL=20200101T000000Z"],
    "two ends": ["RRULE:FREQ=DAILY;COUNT=2;UNTIL=20280101T000000Z"],
    "never": ["RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"],
    "too often": ["RRULE:FREQ=HOURLY"],
    "too many rules": ["RRULE:FREQ=DAILY;COUNT=2"] * 40,
    "too many dates": ["RDATE:" + ",".join(["20261201T090000"] * 250)] * 60,
    "too many times": [
        "RRULE:FREQ=DAILY;BYHOUR="
        + ",".join(map(str, range(24)))
        + ";BYMINUTE="
        + ",".join(map(str, range(60)))
        + ";BYSECOND=0,1"
    ],
}


@pytest.mark.parametrize("lines", REFUSED.values(), ids=REFUSED)
def test_why_a_recurrence_is_refused_is_a_sentence_of_the_catalogues(lines: list[str]) -> None:
    with pytest.raises(rules.BadRule) as refused:
        recurrence.check(Timed(datetime(2026, 12, 1, 9), "UTC"), lines)
    assert refused.value.says in set(texts())
    assert "%(" not in str(refused.value)
