"""Google's `start`/`end` objects: reading, checking, rendering in a zone, and expanding recurrence."""

import heapq
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from gcal_emulator import errors, rules

When = dict[str, Any]
INSTANCES_MAX = 730
"""How many occurrences of an endless series an open window shows at least."""
OPEN_MAX = 1000
"""How many it shows at most."""
FIRST_YEAR, LAST_YEAR = 1000, 9000
"""Times outside are refused: no zone, no arithmetic and no client's date type is sure of them."""
_LONGEST_REPEATED = timedelta(days=5 * 366)
_RECURRENCE_MAX = 64 * 1024
_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})?", re.ASCII
)  # RFC 3339; the offset may be missing beside a named zone
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def zone(name: str, side: str = "start") -> ZoneInfo:
    """The zone of a name. Raises GoogleError as Google does for unknown ones."""
    found = zone_or_none(name)
    if found is None:
        raise errors.invalid(f"Invalid time zone definition for {side} time.")
    return found


@lru_cache(maxsize=1024)
def zone_or_none(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def read_date(text: Any) -> date | None:
    """A day written yyyy-mm-dd within the years that are taken; None for anything else."""
    if not isinstance(text, str) or not _DATE.fullmatch(text):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if FIRST_YEAR <= day.year <= LAST_YEAR else None


def read_time(text: Any, *, is_clamped: bool = False) -> datetime | None:
    """A time written as RFC 3339 says, without an offset as a naive one; None for anything else. Years outside what is
    taken are None too, or brought to its edge when `is_clamped`."""
    matched = _TIME.fullmatch(text) if isinstance(text, str) else None
    if matched is None:
        return None
    day, clock, _fraction, offset = matched.groups()
    year = int(day[:4])
    if is_clamped and not FIRST_YEAR < year < LAST_YEAR:
        return datetime(min(max(year, FIRST_YEAR), LAST_YEAR), 1, 1, tzinfo=UTC if offset else None)
    try:
        at = datetime.fromisoformat(f"{day}T{clock}{(offset or '').upper().replace('Z', '+00:00')}")
    except ValueError:
        return None
    return at if FIRST_YEAR <= year <= LAST_YEAR else None


def parse_pair(body: dict[str, Any], needs_zone: bool = False) -> tuple[When, When]:
    """A client's start and end in stored form. Raises GoogleError, in the order in which Google looks."""
    for side in ("end", "start"):
        value = body.get(side)
        if not value or (not value.get("date") and not value.get("dateTime")):
            raise errors.required(f"Missing {side} time.")
    start, end = (parse(body[side], side, needs_zone) for side in ("start", "end"))
    check_pair(start, end)
    if needs_zone and instant(end) - instant(start) > _LONGEST_REPEATED:
        raise errors.GoogleError(400, "eventDurationExceedsLimit", "The event duration exceeds the limit.")
    return start, end


def parse(value: When | None, side: str, needs_zone: bool = False) -> When:
    """A client's start or end as stored: `{"date"}` or `{"at": UTC ISO, "zone"}`. Raises GoogleError."""
    if not value or (not value.get("date") and not value.get("dateTime")):
        raise errors.required(f"Missing {side} time.")
    if value.get("date"):
        day = read_date(value["date"])
        if value.get("dateTime") or day is None:
            raise errors.invalid(f"Invalid {side} time.")
        return {"date": day.isoformat()}
    return _parse_time(value, side, needs_zone)


def _parse_time(value: When, side: str, needs_zone: bool) -> When:
    name = value.get("timeZone") or ""
    at = read_time(value["dateTime"])
    if at is None:
        raise errors.invalid(f"Invalid {side} time.")
    if (at.tzinfo is None or needs_zone) and not name:
        raise errors.required(f"Missing time zone definition for {side} time.")
    named = zone(name, side) if name else None
    if at.tzinfo is None:
        at = at.replace(tzinfo=named)
    return {"at": at.astimezone(UTC).isoformat(), "zone": name}


def check_pair(start: When, end: When) -> None:
    if ("date" in start) != ("date" in end):
        raise errors.invalid("Start and end times must either both be date or both be dateTime.")
    if instant(end) <= instant(start):
        raise errors.empty_range("timeMax")


def instant(value: When, calendar_zone: str = "UTC") -> datetime:
    """The UTC instant; a date begins at midnight of the calendar's zone."""
    if "date" in value:
        day = date.fromisoformat(value["date"])
        return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(calendar_zone)).astimezone(UTC)
    return datetime.fromisoformat(value["at"])


def render(value: When, output_zone: str) -> When:
    """As the API answers: offset of the output zone beside the event's own zone."""
    if "date" in value:
        return {"date": value["date"]}
    local = datetime.fromisoformat(value["at"]).astimezone(ZoneInfo(output_zone))
    text = local.isoformat()
    rendered = {"dateTime": text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text}
    rendered["timeZone"] = value["zone"] or output_zone
    return rendered


def shift(value: When, by: timedelta) -> When:
    if "date" in value:
        return {"date": (date.fromisoformat(value["date"]) + by).isoformat()}
    return {"at": (datetime.fromisoformat(value["at"]) + by).isoformat(), "zone": value["zone"]}


def suffix(value: When) -> str:
    """How an instance is named after its original start: `20260301T120000Z` or `20260301`."""
    if "date" in value:
        return str(value["date"]).replace("-", "")
    return datetime.fromisoformat(value["at"]).strftime("%Y%m%dT%H%M%SZ")


def check_recurrence(lines: list[str], start: When) -> None:
    """Refuses lines that no expansion understands."""
    if sum(map(len, lines)) > _RECURRENCE_MAX:
        raise errors.invalid("Invalid recurrence rule.")
    try:
        _parsed(tuple(lines), *_civil_start(start))
    except ValueError:
        raise errors.invalid("Invalid recurrence rule.") from None


def expand(
    start: When,
    lines: list[str],
    since: datetime | None,
    until: datetime | None,
    skipped: str = "before",
    horizon: datetime | None = None,
) -> Iterator[When]:
    """Original starts of a series whose instants lie in [since, until), in order. When `until` is open, those before
    `horizon`, but at least `INSTANCES_MAX` and at most `OPEN_MAX`. Rules run in the civil time of the start's zone; `skipped` says what becomes
    of hours that its clock leaves out (`Behaviours.skipped_hour`)."""
    naive, tz, is_date = _civil_start(start)
    found, known = 0, _parsed(tuple(lines), naive, tz, is_date)
    for at in _civil(known, naive, _civil_bound(since, tz, -1), _civil_bound(until, tz, 1)):
        if not is_date and skipped != "before" and _is_skipped(at, tz):
            if skipped == "left_out":
                continue
            value = _stored(at.replace(fold=1), start, tz, is_date)
        else:
            value = _stored(at, start, tz, is_date)
        when = instant(value)
        is_beyond = horizon is None or when >= horizon or found >= OPEN_MAX
        is_enough = until is None and found >= INSTANCES_MAX and is_beyond
        if (until is not None and when >= until) or is_enough:
            return
        if since is None or when >= since:
            found += 1
            yield value


def is_instance(start: When, lines: list[str], original: When, skipped: str = "before") -> bool:
    at = instant(original)
    return any(instant(value) == at for value in expand(start, lines, at, at + timedelta(seconds=1), skipped))


def _civil_start(start: When) -> tuple[datetime, ZoneInfo, bool]:
    """The start on the clock of its own zone, that zone, and whether it is a day."""
    if "date" in start:
        return instant(start).replace(tzinfo=None), ZoneInfo("UTC"), True
    tz = ZoneInfo(start.get("zone") or "UTC")
    return datetime.fromisoformat(start["at"]).astimezone(tz).replace(tzinfo=None), tz, False


def _civil_bound(at: datetime | None, tz: ZoneInfo, days: int) -> datetime | None:
    """A bound on the zone's clock with a day to spare, since clocks are turned back and forth."""
    return None if at is None else at.astimezone(tz).replace(tzinfo=None) + timedelta(days=days)


def _is_skipped(at: datetime, tz: ZoneInfo) -> bool:
    """Whether no clock of the zone ever shows this civil time."""
    return at.replace(tzinfo=tz).astimezone(UTC).astimezone(tz).replace(tzinfo=None, fold=0) != at


@dataclass(frozen=True)
class _Lines:
    """Recurrence lines, read: rules that add and take with their last moments, single moments that add and take."""

    adding: list[tuple[rules.Rule, datetime | None]]
    taking: list[tuple[rules.Rule, datetime | None]]
    added: list[datetime]
    taken: list[datetime]


@lru_cache(maxsize=4096)
def _parsed(lines: tuple[str, ...], naive: datetime, tz: ZoneInfo, is_date: bool) -> _Lines:
    """Raises ValueError for what no expansion understands."""
    found = _Lines([], [], [], [])
    for line in lines:
        head, _, value = line.partition(":")
        name, *parameters = head.split(";")
        name = name.strip().upper()
        if name in {"RRULE", "EXRULE"} and not parameters:
            rule = rules.parse(value)
            pair = (rule, _civil_until(rule.until, tz, is_date))
            (found.adding if name == "RRULE" else found.taking).append(pair)
        elif name in {"RDATE", "EXDATE"} and value:
            named = _zone_of(parameters, tz)
            for text in value.split(","):
                at = _civil_date(text.strip().split("/")[0], named, naive, tz, is_date)
                (found.added if name == "RDATE" else found.taken).append(at)
        else:
            raise ValueError(line)
    found.added.append(naive)
    found.added.sort()
    found.taken.sort()
    return found


def _civil(lines: _Lines, naive: datetime, since: datetime | None, until: datetime | None) -> Iterator[datetime]:
    """The moments that the lines leave, each once, in order."""
    adding = [((at, 1) for at in _bounded(pair, naive, since, until)) for pair in lines.adding]
    taking = [((at, 0) for at in _bounded(pair, naive, since, until)) for pair in lines.taking]
    single = [((at, 1) for at in lines.added), ((at, 0) for at in lines.taken)]
    gone = known = None
    for at, is_added in heapq.merge(*adding, *taking, *single):
        if not is_added:
            gone = at
        elif at != gone and at != known and (since is None or at >= since):
            known = at
            yield at


def _bounded(
    pair: tuple[rules.Rule, datetime | None], naive: datetime, since: datetime | None, until: datetime | None
) -> Iterator[datetime]:
    rule, last = pair
    for at in rules.expanded(rule, naive, since, until):
        if last is not None and at > last:
            return
        yield at


def _zone_of(parameters: list[str], tz: ZoneInfo) -> ZoneInfo:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.upper() == "TZID":
            named = zone_or_none(value.strip('"'))
            if named is None:
                raise ValueError(parameter)
            return named
        if name.upper() != "VALUE" or value.upper() not in {"DATE", "DATE-TIME", "PERIOD"}:
            raise ValueError(parameter)
    return tz


def _civil_date(text: str, named: ZoneInfo, naive: datetime, tz: ZoneInfo, is_date: bool) -> datetime:
    if "T" not in text:
        day = _strict(text, "%Y%m%d")
        return day if is_date else datetime.combine(day.date(), naive.time())
    if text.endswith("Z"):
        at = _strict(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    else:
        at = _strict(text, "%Y%m%dT%H%M%S").replace(tzinfo=named)
    local = at.astimezone(tz).replace(tzinfo=None)
    return datetime(local.year, local.month, local.day) if is_date else local


def _strict(text: str, form: str) -> datetime:
    """A moment in the form of RFC 5545, digit by digit. Raises ValueError."""
    at = datetime.strptime(text, form)
    if len(text) != {"%Y%m%d": 8, "%Y%m%dT%H%M%S": 15}.get(form, 16) or not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise ValueError(text)
    return at


def _civil_until(value: str, tz: ZoneInfo, is_date: bool) -> datetime | None:
    """The last moment of a rule on the zone's clock; a day counts to its end."""
    if not value:
        return None
    if value.endswith("Z") and not is_date:
        return _strict(value, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).astimezone(tz).replace(tzinfo=None)
    if "T" in value and not is_date:
        return _strict(value, "%Y%m%dT%H%M%S")
    return _strict(value[:8], "%Y%m%d").replace(hour=23, minute=59, second=59)


def _stored(at: datetime, start: When, tz: ZoneInfo, is_date: bool) -> When:
    if is_date:
        return {"date": at.date().isoformat()}
    return {"at": at.replace(tzinfo=tz).astimezone(UTC).isoformat(), "zone": start["zone"]}
