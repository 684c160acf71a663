"""Rules as the editor's fields and back."""

from datetime import date, datetime

import pytest

from conversa_calendar.domain import recurrence
from conversa_calendar.domain.repeats import Repeat, lines_of, place_in_month, repeat_of
from conversa_calendar.domain.times import Day, Moment, Timed

TUESDAY = Timed(datetime(2026, 12, 1, 21, 0), "America/Sao_Paulo")


@pytest.mark.parametrize(
    "repeat",
    [
        Repeat("DAILY"),
        Repeat("DAILY", 3, count=5),
        Repeat("WEEKLY", 2, (0, 1, 4)),
        Repeat("WEEKLY", until=date(2026, 12, 29)),
        Repeat("MONTHLY"),
        Repeat("MONTHLY", monthly=1),
        Repeat("YEARLY", count=3),
    ],
)
@pytest.mark.parametrize("start", [TUESDAY, Day(date(2026, 12, 1))])
def test_fields_become_a_rule_and_fields_again(start: Moment, repeat: Repeat) -> None:
    lines = lines_of(start, repeat)
    recurrence.check(start, lines)
    assert repeat_of(start, lines) == repeat
    if repeat.until:
        starts = recurrence.civil_starts(start, lines, datetime.min, datetime.max)
        assert len(starts) == 5, "the last day is one of them, whatever the zone"


def test_the_day_of_the_start_is_not_said_again() -> None:
    assert lines_of(TUESDAY, Repeat("WEEKLY", days=(1,))) == ("RRULE:FREQ=WEEKLY",)


@pytest.mark.parametrize(
    "line",
    [
        "RRULE:FREQ=MONTHLY;BYMONTHDAY=-1",
        "RRULE:FREQ=MONTHLY;BYDAY=2TU",
        "RRULE:FREQ=YEARLY;BYDAY=1TU;BYMONTH=12",
        "RRULE:FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=1",
        "RRULE:FREQ=WEEKLY;COUNT=3;UNTIL=20270101",
        "RRULE:FREQ=HOURLY",
        "RRULE:FREQ=WEEKLY;BYDAY=XX",
        "RDATE:20261203T210000",
        "RRULE:",
    ],
)
def test_what_the_fields_cannot_show_stays_a_rule_of_its_own(line: str) -> None:
    assert repeat_of(TUESDAY, (line,)) is None
    assert repeat_of(TUESDAY, ("RRULE:FREQ=DAILY", line)) is None


@pytest.mark.parametrize(("day", "place"), [(1, 1), (8, 2), (28, 4), (29, -1), (31, -1)])
def test_a_fifth_weekday_is_the_last(day: int, place: int) -> None:
    assert place_in_month(date(2026, 12, day)) == place
