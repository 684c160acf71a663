"""Google's `start`/`end` objects: reading, checking, rendering in a zone, and expanding recurrence."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.rrule import rruleset, rrulestr

from gcal_emulator import errors

When = dict[str, Any]
INSTANCES_MAX = 730


def zone(name: str) -> ZoneInfo:
    """The zone of a name. Raises GoogleError as Google does for unknown ones."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise errors.invalid(f"Invalid time zone definition for start time: {name}.") from None


def parse(value: When | None, side: str, needs_zone: bool = False) -> When:
    """A client's start or end as stored: `{"date"}` or `{"at": UTC ISO, "zone"}`. Raises GoogleError."""
    if not value or (not value.get("date") and not value.get("dateTime")):
        raise errors.required(f"Missing {side} time.")
    if value.get("date"):
        if value.get("dateTime"):
            raise errors.invalid(f"Invalid {side} time.")
        try:
            return {"date": date.fromisoformat(value["date"]).isoformat()}
        except (ValueError, TypeError):
            raise errors.invalid(f"Invalid {side} time.") from None
    return _parse_time(value, side, needs_zone)


def _parse_time(value: When, side: str, needs_zone: bool) -> When:
    name = value.get("timeZone") or ""
    try:
        at = datetime.fromisoformat(value["dateTime"])
    except (ValueError, TypeError):
        raise errors.invalid(f"Invalid {side} time.") from None
    if (at.tzinfo is None or needs_zone) and not name:
        raise errors.invalid(f"Missing time zone definition for {side} time.")
    if at.tzinfo is None:
        at = at.replace(tzinfo=zone(name))
    if name:
        zone(name)
    at = at.astimezone(UTC).replace(microsecond=0)
    return {"at": at.isoformat(), "zone": name}


def check_pair(start: When, end: When) -> None:
    if ("date" in start) != ("date" in end):
        raise errors.invalid("Start and end times must either both be date or both be dateTime.")
    if instant(end) <= instant(start):
        raise errors.empty_range()


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


def check_recurrence(lines: list[str]) -> None:
    """Refuses lines that no expansion understands."""
    for line in lines:
        head, _, value = line.partition(":")
        name = head.split(";")[0].upper()
        if name not in {"RRULE", "RDATE", "EXDATE", "EXRULE"} or not value:
            raise errors.invalid("Invalid recurrence rule.")
        if name in {"RRULE", "EXRULE"}:
            try:
                rrulestr(_without_until(value), dtstart=datetime(2026, 1, 1))
            except (ValueError, KeyError, TypeError, IndexError, AttributeError):
                raise errors.invalid("Invalid recurrence rule.") from None


def expand(
    start: When, lines: list[str], since: datetime | None, until: datetime | None, skipped: str = "before"
) -> Iterator[When]:
    """Original starts of a series whose instants lie in [since, until), in order, at most `INSTANCES_MAX` when
    `until` is open. Rules run in the civil time of the start's zone; `skipped` says what becomes of hours that its clock
    leaves out (`Behaviours.skipped_hour`)."""
    is_date = "date" in start
    tz = ZoneInfo(start.get("zone") or "UTC")
    first = instant(start) if is_date else instant(start).astimezone(tz)
    naive = first.replace(tzinfo=None)
    rules = _rules(lines, naive, tz, is_date)
    for count, at in enumerate(_civil(rules, naive)):
        if not is_date and skipped != "before" and _is_skipped(at, tz):
            if skipped == "left_out":
                continue
            value = _stored(at.replace(fold=1), start, tz, is_date)
        else:
            value = _stored(at, start, tz, is_date)
        when = instant(value)
        if (until is not None and when >= until) or (until is None and count >= INSTANCES_MAX):
            return
        if since is None or when >= since:
            yield value


def is_instance(start: When, lines: list[str], original: When, skipped: str = "before") -> bool:
    at = instant(original)
    return any(instant(value) == at for value in expand(start, lines, at, at + timedelta(seconds=1), skipped))


def _is_skipped(at: datetime, tz: ZoneInfo) -> bool:
    """Whether no clock of the zone ever shows this civil time."""
    return at.replace(tzinfo=tz).astimezone(UTC).astimezone(tz).replace(tzinfo=None, fold=0) != at


def _civil(rules: rruleset, naive: datetime) -> Iterator[datetime]:
    is_first_given = False
    for at in rules:
        if not is_first_given and at > naive:
            yield naive
        is_first_given = True
        yield at
    if not is_first_given:
        yield naive


def _rules(lines: list[str], naive: datetime, tz: ZoneInfo, is_date: bool) -> rruleset:
    rules = rruleset()
    has_rule = False
    for line in lines:
        head, _, value = line.partition(":")
        name = head.split(";")[0].upper()
        if name == "RRULE":
            rules.rrule(rrulestr(_civil_until(value, tz, is_date), dtstart=naive))  # type: ignore[arg-type]
            has_rule = True
        elif name == "EXRULE":
            rules.exrule(rrulestr(_civil_until(value, tz, is_date), dtstart=naive))  # type: ignore[arg-type]
        else:
            for text in value.split(","):
                at = _civil_date(text.strip().split("/")[0], head, naive, tz, is_date)
                (rules.rdate if name == "RDATE" else rules.exdate)(at)
    if not has_rule:
        rules.rdate(naive)
    return rules


def _civil_date(text: str, head: str, naive: datetime, tz: ZoneInfo, is_date: bool) -> datetime:
    if "T" not in text:
        day = datetime.strptime(text, "%Y%m%d")
        return day if is_date else datetime.combine(day.date(), naive.time())
    if text.endswith("Z"):
        at = datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return at.astimezone(tz).replace(tzinfo=None)
    at = datetime.strptime(text, "%Y%m%dT%H%M%S")
    named = next((part[5:] for part in head.split(";") if part.upper().startswith("TZID=")), "")
    return at.replace(tzinfo=ZoneInfo(named)).astimezone(tz).replace(tzinfo=None) if named else at


def _civil_until(rule: str, tz: ZoneInfo, is_date: bool) -> str:
    parts = []
    for part in rule.split(";"):
        name, _, value = part.partition("=")
        if name.upper() == "UNTIL":
            if value.endswith("Z") and not is_date:
                at = datetime.strptime(value, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
                value = at.astimezone(tz).strftime("%Y%m%dT%H%M%S")
            else:
                value = f"{value[:8]}T235959" if "T" not in value or is_date else value
        parts.append(f"{name}={value}")
    return ";".join(parts)


def _without_until(rule: str) -> str:
    return ";".join(part for part in rule.split(";") if not part.upper().startswith("UNTIL="))


def _stored(at: datetime, start: When, tz: ZoneInfo, is_date: bool) -> When:
    if is_date:
        return {"date": at.date().isoformat()}
    return {"at": at.replace(tzinfo=tz).astimezone(UTC).isoformat(), "zone": start["zone"]}
