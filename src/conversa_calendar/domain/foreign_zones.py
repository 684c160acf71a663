"""Zones that a calendar file names: by the database's own names, those of other systems, or by their definition in the
file. A definition is not kept: what people see is a zone of the database whose clocks show the same."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from conversa_calendar.domain import recurrence, times
from conversa_calendar.domain.contentlines import Component
from conversa_calendar.domain.times import Timed

DEFINITIONS_MAX = 60
OBSERVANCES_MAX = 200
_COMMON = [
    "Europe/London",
    "Europe/Berlin",
    "Europe/Athens",
    "Europe/Moscow",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Australia/Sydney",
    "UTC",
]
"""Tried before all others, so that a name is found that people know."""


class Zones:
    """The zones of one file. Times without any are meant in `otherwise`."""

    def __init__(self, definitions: Iterable[Component], otherwise: str) -> None:
        self.otherwise = otherwise
        self._definitions = {
            (found.text if (found := one.first("TZID")) else ""): one for one in list(definitions)[:DEFINITIONS_MAX]
        }
        self._known: dict[tuple[str, int], str | None] = {}

    def named(self, name: str, year: int) -> str | None:
        """The zone of the database that a name means in a year; None when nobody can tell."""
        if (name, year) not in self._known:
            self._known[name, year] = _by_name(name) or self._by_definition(name, year)
        return self._known[name, year]

    def _by_definition(self, name: str, year: int) -> str | None:
        definition = self._definitions.get(name)
        if definition is None:
            return None
        location = definition.first("X-LIC-LOCATION")
        if location is not None and times.is_zone(location.value.strip()):
            return location.value.strip()
        wanted = _offsets(definition, year)
        return next((zone for zone in self._candidates() if wanted and _shows(zone, wanted)), None)

    def _candidates(self) -> list[str]:
        regions = sorted(zone for zone in times.ZONES if "/" in zone and not zone.startswith(("Etc/", "SystemV/")))
        fixed = sorted(zone for zone in times.ZONES if zone.startswith("Etc/"))
        return list(dict.fromkeys((self.otherwise, *_COMMON, *regions, *fixed)))


def _by_name(name: str) -> str | None:
    """By a name of the database or of another system, or by one that ends in such, like `/mozilla.org/2/Europe/Berlin`."""
    known = times.known_zone(name)
    if times.is_zone(known):
        return known
    parts = name.strip().strip('"').split("/")
    for count in (3, 2):
        if len(parts) > count and times.is_zone("/".join(parts[-count:])):
            return "/".join(parts[-count:])
    if times.is_known(known):
        sendable = times.sendable_zone(known)
        at = datetime(2026, 1, 1)
        is_same = times.instant(Timed(at, sendable)) == times.instant(Timed(at, known))
        return sendable if is_same else None
    return None


def _offsets(definition: Component, year: int) -> list[tuple[datetime, timedelta]]:
    """How far from UTC the definition is at noon in the middle of each month of a year, by its civil time."""
    changes: list[tuple[datetime, timedelta]] = []
    for part in definition.parts[:OBSERVANCES_MAX]:
        start, to = part.first("DTSTART"), part.first("TZOFFSETTO")
        offset, begins = _offset(to.value) if to else None, _civil(start.value) if start else None
        if offset is None or begins is None:
            continue
        rules = tuple(f"RRULE:{one.value}" for one in part.every("RRULE")[:5])
        rules += tuple(f"RDATE:{one.value[:2000]}" for one in part.every("RDATE")[:50])
        since, until = datetime(max(year - 1, 1), 1, 1), datetime(year + 1, 1, 1)
        onsets = recurrence.civil_starts(Timed(begins, "UTC"), rules, since, until)
        changes += [(at, offset) for at in (onsets or ([begins] if begins < until else []))]
    changes.sort()
    found = []
    for month in range(1, 13):
        noon = datetime(year, month, 15, 12)
        before = [offset for at, offset in changes if at <= noon]
        if before:
            found.append((noon, before[-1]))
    return found


def _shows(zone: str, wanted: list[tuple[datetime, timedelta]]) -> bool:
    known = times.zone_of(zone)
    return all(at.replace(tzinfo=known).utcoffset() == offset for at, offset in wanted)


def _civil(text: str) -> datetime | None:
    try:
        return datetime.strptime(text.strip()[:15], "%Y%m%dT%H%M%S")
    except ValueError:
        return None


def _offset(text: str) -> timedelta | None:
    try:
        return datetime.strptime(text.strip(), "%z").utcoffset()
    except ValueError:
        return None
