"""What a list of events is asked for: its parameters, and the tokens that carry them from call to call."""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from gcal_emulator import errors, moments
from gcal_emulator.world import Calendar, World

_FORBIDDEN_WITH_TOKEN = (
    "iCalUID",
    "orderBy",
    "privateExtendedProperty",
    "q",
    "sharedExtendedProperty",
    "timeMin",
    "timeMax",
    "updatedMin",
)
_NO_TOKEN = ("orderBy", "q", "iCalUID", "privateExtendedProperty", "sharedExtendedProperty", "updatedMin")
_FILTERS = (*_FORBIDDEN_WITH_TOKEN, "eventTypes")


class Query:
    """The parameters of events.list and events.instances. Raises GoogleError on bad ones."""

    def __init__(self, values: dict[str, list[str]]) -> None:
        self.values = values
        self.sync_token = self.one("syncToken")
        self.page_token = self.one("pageToken")
        self.is_single = self.flag("singleEvents")
        self.show_deleted = self.flag("showDeleted")
        self.max_results = min(self.number("maxResults", 250), 2500)
        self.max_attendees = self.number("maxAttendees", 0)
        self.time_min = self.time("timeMin")
        self.time_max = self.time("timeMax")
        self.updated_min = self.time("updatedMin")
        self.types = values.get("eventTypes", [])
        self.words = _words(self.one("q"))
        self.is_plain = not self.is_single and not any(values.get(name) for name in _FILTERS)
        """Whether every living event is listed as it is stored."""
        self.mints = not any(values.get(name) for name in _NO_TOKEN)
        """Whether the list ends with a sync token."""
        if self.time_min and self.time_max and self.time_max <= self.time_min:
            raise errors.empty_range("timeMax")
        if self.one("orderBy") == "startTime" and not self.is_single:
            raise errors.invalid("The requested ordering is not available for the particular query.", "orderBy")

    def one(self, name: str) -> str:
        return (self.values.get(name) or [""])[0]

    def flag(self, name: str) -> bool:
        return self.one(name) == "true"

    def number(self, name: str, default: int) -> int:
        text = self.one(name)
        if not text:
            return default
        if not (text.isascii() and text.isdigit()) or int(text) < 1:
            raise errors.GoogleError(400, "invalidParameter", f"Invalid integer value: '{text}'.", location=name)
        return int(text)

    def time(self, name: str) -> datetime | None:
        text = self.one(name)
        if not text:
            return None
        at = moments.read_time(text, is_clamped=True)
        if at is None or at.tzinfo is None:
            raise errors.GoogleError(400, "badRequest", "Bad Request", location=name)
        return at.astimezone(UTC).replace(microsecond=0)

    def identity(self) -> str:
        """A digest of every parameter that a page token is bound to."""
        skipped = {"pageToken", "maxResults", "prettyPrint", "fields", "alt", "key"}
        return _digest({n: v for n, v in self.values.items() if n not in skipped and v})

    def shape(self) -> str:
        """A digest of every parameter that a sync token is bound to."""
        skipped = {"syncToken", "pageToken", "maxResults", "prettyPrint", "fields", "alt", "timeMin", "timeMax", "key"}
        kept = {n: sorted(v) for n, v in self.values.items() if n not in skipped and v}
        if kept.get("showDeleted") == ["false"]:
            del kept["showDeleted"]
        return _digest(kept)


@dataclass(frozen=True)
class Since:
    """What a sync token stands for: changes after `seq`, in the window of the list that minted it."""

    seq: int
    time_min: datetime | None
    time_max: datetime | None


def since_of(world: World, calendar: Calendar, email: str, query: Query) -> Since | None:
    """From where changes are wanted; None for a full list. Raises GoogleError (400, 410)."""
    if query.updated_min is not None:
        horizon = world.clock.now() - timedelta(days=world.behaviours.updated_min_horizon_days)
        if query.updated_min < horizon:
            raise errors.GoogleError(
                410,
                "updatedMinTooLongAgo",
                "The requested minimum modification time lies too far in the past.",
                domain="calendar",
                location="updatedMin",
            )
    if not query.sync_token:
        return None
    if any(query.values.get(name) for name in _FORBIDDEN_WITH_TOKEN):
        raise errors.invalid("Sync token cannot be used with other request restrictions", "syncToken")
    if query.one("showDeleted") == "false":
        raise errors.invalid("Sync token requires showDeleted", "syncToken")
    try:
        token = json.loads(base64.urlsafe_b64decode(query.sync_token + "=="))
        who, where, shape, seq = token["u"], token["c"], token["q"], int(token["s"])
        is_resized = world.behaviours.page_size_bound and token["n"] != query.max_results
        window = [datetime.fromisoformat(text) if text else None for text in token["w"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise errors.invalid() from None
    is_foreign = (who, where, shape) != (email, calendar.id, query.shape())
    if is_foreign or is_resized or seq < calendar.token_floor:
        raise errors.full_sync_required()
    return Since(seq, window[0], window[1])


def mint(email: str, calendar: Calendar, query: Query, seq: int, since: Since | None) -> str:
    """A sync token for what this list has told."""
    times = (query.time_min, query.time_max) if since is None else (since.time_min, since.time_max)
    window = [at.isoformat() if at else "" for at in times]
    token = {"u": email, "c": calendar.id, "q": query.shape(), "s": seq, "n": query.max_results, "w": window}
    return base64.urlsafe_b64encode(json.dumps(token, separators=(",", ":")).encode()).decode().rstrip("=")


def _words(text: str) -> list[str]:
    """The terms of a free text search; what stands in quotes is one."""
    parts = text.lower().split('"')
    return [word for n, part in enumerate(parts) for word in ([part.strip()] if n % 2 else part.split()) if word]


def _digest(parameters: dict[str, list[str]]) -> str:
    return hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()[:12]
