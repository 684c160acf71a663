"""How both sides spell times, and how the checker compares them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

ZONE = "America/New_York"


def local(at: datetime) -> dict[str, str]:
    return {"date_time": at.isoformat(), "time_zone": ZONE}


def remote(at: datetime) -> dict[str, str]:
    return {"dateTime": at.isoformat(), "timeZone": ZONE}


def times(side: str, start: datetime, end: datetime) -> dict[str, Any]:
    shape = local if side == "here" else remote
    return {"start": shape(start), "end": shape(end)}


def utc(at: datetime) -> str:
    return at.replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC).isoformat()


def days(start: datetime) -> dict[str, Any]:
    """All day, the same on both sides."""
    return {
        "start": {"date": start.date().isoformat()},
        "end": {"date": (start + timedelta(days=1)).date().isoformat()},
    }


def spelled(moment: dict[str, Any]) -> str:
    return str(moment.get("date") or moment.get("dateTime") or moment["date_time"])


def instant(moment: dict[str, Any]) -> str:
    return key(spelled(moment))


def key(original: str) -> str:
    return datetime.fromisoformat(original).astimezone(UTC).isoformat() if "T" in original else original
