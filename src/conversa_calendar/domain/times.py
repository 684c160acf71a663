"""Civil dates, times in a zone, and the instants they denote.

An event is meant in civil time: `Timed` keeps the wall-clock time and the IANA zone as truth, `Day` a date that is
never converted through UTC. Instants are derived. Zone rules come from the pinned `tzdata` wheel. Names of other systems are
read by CLDR's table; names that nobody knows, by the offset that came with them.
"""

from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo

import msgspec
from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

ZONES = frozenset(resources.files("tzdata").joinpath("zones").read_text().split()) - {"Factory"}
"""The zones that people may choose: those of the IANA database, without names that only some systems know."""
_FORMER = {"US/Pacific-New": "America/Los_Angeles"}
"""Names that the database once had."""


class Day(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="date"):
    """An all-day boundary: a civil date without zone."""

    date: date


class Timed(msgspec.Struct, frozen=True, gc=False, tag_field="kind", tag="time", omit_defaults=True):
    """A wall-clock time in an IANA zone; `fold` picks the second pass of a repeated hour (PEP 495)."""

    local: datetime
    zone: str
    fold: int = 0


Moment = Day | Timed
FIRST, LAST = datetime.min, datetime.max  # noqa: DTZ901 - civil readings have no zone
"""No civil reading is before or after these."""
YEAR_MIN, YEAR_MAX = 1900, 2200
"""What people plan in; near the ends of the calendar itself, zones and shifts no longer compute."""


class FarAway(ValueError):
    """A date or time of a year in which nobody plans."""


def read_date(text: str) -> date:
    """A date that somebody sent, like `2026-03-01`. Raises ValueError, FarAway."""
    found = date.fromisoformat(text)
    if not YEAR_MIN <= found.year <= YEAR_MAX:
        raise FarAway(text)
    return found


def read_time(text: str) -> datetime:
    """A time that somebody sent, with or without its offset. Raises ValueError, FarAway."""
    found = datetime.fromisoformat(text)
    if not YEAR_MIN <= found.year <= YEAR_MAX:
        raise FarAway(text)
    return found


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo | timezone:
    """The zone of a name; a fixed offset such as `+02:00` is understood, anything unknown reads as UTC."""
    known = known_zone(name)
    return ZoneInfo(known) if known in ZONES else _fixed_offset(known)


def is_zone(name: str) -> bool:
    """Whether `name` is a zone of the IANA database, which is what people may choose and providers understand."""
    return name in ZONES


def is_known(name: str) -> bool:
    """Whether `zone_of` knows what the name means."""
    return known_zone(name) in ZONES or _offset(name) is not None


@lru_cache(maxsize=1024)
def known_zone(name: str) -> str:
    """The IANA name for one that another system uses, such as “Eastern Standard Time”; other names as they are."""
    if name in ZONES:
        return name
    plain = name.strip().strip('"').removeprefix("/")
    return WINDOWS_TO_OLSON.get(plain) or _FORMER.get(plain) or (plain if plain in ZONES else name)


def zone_received(name: str, at: datetime) -> str:
    """The zone in which a received time is meant: by its name, else by the offset that it came with (`+05:30`)."""
    if is_known(name):
        return known_zone(name)
    return _offset_text(at.utcoffset()) if at.tzinfo else name


def sendable_zone(name: str) -> str:
    """A name of the IANA database for a zone: of an offset of whole hours the one without summer time, else UTC."""
    known, offset = known_zone(name), _offset(name)
    if known in ZONES:
        return known
    hours = int(offset.total_seconds()) // 3600 if offset is not None and not offset % timedelta(hours=1) else 0
    fixed = f"Etc/GMT{-hours:+d}"
    return fixed if fixed in ZONES and hours else "UTC"


def timed(instant: datetime, zone: str) -> Timed:
    """The wall-clock reading of an instant in a zone, whole seconds."""
    local = instant.astimezone(zone_of(zone)).replace(microsecond=0)
    return Timed(local.replace(tzinfo=None, fold=0), zone, local.fold)


def instant(moment: Moment, calendar_zone: str = "UTC") -> datetime:
    """The UTC instant of a moment; a `Day` begins at midnight of the calendar's zone."""
    match moment:
        case Timed():
            return moment.local.replace(tzinfo=zone_of(moment.zone), fold=moment.fold).astimezone(UTC)
        case Day():
            midnight = datetime(moment.date.year, moment.date.month, moment.date.day, tzinfo=zone_of(calendar_zone))
            return midnight.astimezone(UTC)


def civil(moment: Moment) -> datetime:
    """The naive wall-clock reading that recurrence rules count in; a `Day` reads as its midnight."""
    match moment:
        case Timed():
            return moment.local
        case Day():
            return midnight(moment.date)


def midnight(day: date) -> datetime:
    """The civil reading with which a day begins."""
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001 - civil readings have no zone


def at_civil(like: Moment, local: datetime) -> Moment:
    """The moment of the same kind and zone as `like` at another wall-clock time."""
    match like:
        case Timed():
            return Timed(local, like.zone)
        case Day():
            return Day(local.date())


def original_key(start: Moment) -> str:
    """How an occurrence is named within its series: `20260301T120000Z` (UTC) or `20260301`, as in Google's ids."""
    match start:
        case Timed():
            return key_of_instant(instant(start))
        case Day():
            return start.date.strftime("%Y%m%d")


def key_of_instant(at: datetime) -> str:
    """An occurrence's key from its start in UTC (sliced, as this runs for every occurrence and strftime is slow)."""
    text = at.isoformat()
    return f"{text[:4]}{text[5:7]}{text[8:13]}{text[14:16]}{text[17:19]}Z"


def day_of_key(text: str) -> date:
    """A date without dashes, as in keys and rules. Raises ValueError."""
    return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a date has no zone


def moment_of_key(key: str, like: Moment) -> Moment:
    """Reads an occurrence's key back into the series' own kind of moment. Raises ValueError on a malformed key."""
    if "T" not in key:
        day = day_of_key(key)
        return Day(day) if isinstance(like, Day) else Timed(midnight(day), like.zone)
    at = datetime.strptime(key, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    try:
        return timed(at, like.zone) if isinstance(like, Timed) else Day(at.date())
    except OverflowError:
        raise FarAway(key) from None


def original_start(key: str) -> str:
    """An occurrence's key as the API writes it: `2026-03-01T12:00:00Z` or `2026-03-01`."""
    if "T" in key:
        return datetime.strptime(key, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return day_of_key(key).isoformat()


def key_of_original_start(text: str) -> str:
    """The reverse of `original_start`; accepts any offset. Raises ValueError."""
    if "T" in text:
        at = read_time(text)
        if at.tzinfo is None:
            raise ValueError("An original start with a time needs an offset.")
        return at.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return read_date(text).strftime("%Y%m%d")


def duration(start: Moment, end: Moment) -> timedelta:
    """How long from start to end: real time between instants, whole days between dates."""
    return instant(end) - instant(start)


def shift(moment: Moment, by: timedelta) -> Moment:
    """A moment moved by real time (`Timed`) or whole days (`Day`)."""
    match moment:
        case Timed():
            return timed(instant(moment) + by, moment.zone)
        case Day():
            return Day(moment.date + timedelta(days=by.days))


def shift_like(start: Moment, by: timedelta, like: Moment) -> Moment:
    """The end so long after a start, in the zone of another end."""
    end = shift(start, by)
    if isinstance(end, Timed) and isinstance(like, Timed) and end.zone != like.zone:
        return timed(instant(end), like.zone)
    return end


def civil_zone(moment: Moment, otherwise: str) -> str:
    """The zone in which a moment is meant; `otherwise` for a day."""
    return moment.zone if isinstance(moment, Timed) else otherwise


def is_same_instant(one: Moment, other: Moment) -> bool:
    """Whether two moments denote the same time, whatever their zones are called."""
    if isinstance(one, Day) or isinstance(other, Day):
        return one == other
    return instant(one) == instant(other)


def _fixed_offset(name: str) -> timezone:
    return timezone(_offset(name) or timedelta())


def _offset(name: str) -> timedelta | None:
    """The offset that a name such as `GMT+02:00` says; None when it says none."""
    try:
        return datetime.strptime(name.removeprefix("GMT").removeprefix("UTC"), "%z").utcoffset()
    except ValueError:
        return None


def _offset_text(offset: timedelta | None) -> str:
    minutes = int((offset or timedelta()).total_seconds()) // 60
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    return f"{sign}{minutes // 60:02d}:{minutes % 60:02d}"
