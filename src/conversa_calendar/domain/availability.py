"""When somebody can be booked: weekly hours, date overrides, buffers, notice, horizon, limits and busy time.

Hours are civil times in the page's zone; busy time and slots are instants. Pure: the caller brings `now`.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec

from conversa_calendar.domain import times

Minutes = tuple[int, int]
"""An open interval of a day: minutes after midnight, end exclusive, up to 1440."""
Busy = tuple[datetime, datetime]


class Hours(msgspec.Struct, frozen=True):
    """`weekly` has seven entries, Monday first; an override replaces a whole day, empty means closed."""

    zone: str
    weekly: tuple[tuple[Minutes, ...], ...]
    overrides: dict[date, tuple[Minutes, ...]] = {}


class Rules(msgspec.Struct, frozen=True):
    """Limits of 0 mean none. Buffers lie around the booked time and add up with those of other bookings."""

    duration: timedelta
    step: timedelta
    before: timedelta = timedelta()
    after: timedelta = timedelta()
    notice: timedelta = timedelta()
    horizon: timedelta = timedelta(days=60)
    per_day: int = 0
    per_week: int = 0


class Verdict(msgspec.Struct, frozen=True):
    """Why a start is offered or not: free, notice, horizon, busy, day_full, week_full."""

    start: datetime
    reason: str


def slots(
    hours: Hours,
    rules: Rules,
    busy: Sequence[Busy],
    taken: Sequence[datetime],
    since: datetime,
    until: datetime,
    now: datetime,
) -> list[datetime]:
    """The starts in [since, until) that can be booked, in order. `busy` is merged by `merged`; `taken` are the starts
    of bookings that count for the limits."""
    return [found.start for found in verdicts(hours, rules, busy, taken, since, until, now) if found.reason == "free"]


def verdicts(
    hours: Hours,
    rules: Rules,
    busy: Sequence[Busy],
    taken: Sequence[datetime],
    since: datetime,
    until: datetime,
    now: datetime,
) -> Iterator[Verdict]:
    """Every start that the hours allow in [since, until), with what stands against it."""
    zone = times.zone_of(hours.zone)
    days = Counter(at.astimezone(zone).date() for at in taken)
    weeks = Counter(at.astimezone(zone).isocalendar()[:2] for at in taken)
    ends = [end for _begin, end in busy]
    for start in _candidates(hours, rules, since, until):
        day = start.astimezone(zone).date()
        if start < now + rules.notice:
            yield Verdict(start, "notice")
        elif start > now + rules.horizon:
            yield Verdict(start, "horizon")
        elif rules.per_day and days[day] >= rules.per_day:
            yield Verdict(start, "day_full")
        elif rules.per_week and weeks[day.isocalendar()[:2]] >= rules.per_week:
            yield Verdict(start, "week_full")
        else:
            at = bisect_right(ends, start - rules.before)
            is_busy = at < len(busy) and busy[at][0] < start + rules.duration + rules.after
            yield Verdict(start, "busy" if is_busy else "free")


def merged(spans: Iterable[Busy]) -> list[Busy]:
    """Busy spans in order without overlaps; touching ones become one."""
    found: list[Busy] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def _candidates(hours: Hours, rules: Rules, since: datetime, until: datetime) -> Iterator[datetime]:
    """Starts on the step grid of each open interval. The grid counts elapsed time, so that an hour that a clock change
    repeats or skips is neither offered twice nor offered when it does not exist."""
    zone = times.zone_of(hours.zone)
    day, last = since.astimezone(zone).date() - timedelta(days=1), until.astimezone(zone).date()
    latest = datetime.min.replace(tzinfo=UTC)
    while day <= last:
        for begin, end in sorted(hours.overrides.get(day, hours.weekly[day.weekday()])):
            start, close = _instant(day, begin, hours.zone), _instant(day, end, hours.zone)
            while start + rules.duration <= close:
                if since <= start < until and start > latest:
                    yield start
                    latest = start
                start += rules.step
        day += timedelta(days=1)


def _instant(day: date, minutes: int, zone: str) -> datetime:
    local = times.midnight(day) + timedelta(minutes=minutes)
    return times.instant(times.Timed(local, zone))
