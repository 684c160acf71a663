"""Injected trouble: what to match, what to do, how often (fault catalogue G01–G37 for requests, W01–W10 for messages)."""

import fnmatch
import random
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

CODES: dict[str, dict[str, Any]] = {
    "G01": {"drop": "before"},
    "G02": {"drop": "after_commit"},
    "G03": {"drop": "after_commit", "delay_s": 0.05},
    "G04": {"deliver_after_s": 30.0},
    "G05": {"twice": True},
    "G06": {"status": 400, "reason": "badRequest"},
    "G07": {"status": 401, "reason": "authError"},
    "G08": {"status": 403, "reason": "userRateLimitExceeded", "domain": "usageLimits"},
    "G09": {"status": 403, "reason": "quotaExceeded", "domain": "usageLimits"},
    "G10": {"status": 403, "reason": "forbiddenForNonOrganizer", "domain": "calendar"},
    "G11": {"status": 403, "reason": "accessNotConfigured", "domain": "usageLimits"},
    "G12": {"status": 404, "reason": "notFound"},
    "G13": {"status": 404, "reason": "notFound"},
    "G14": {"status": 409, "reason": "duplicate"},
    "G15": {"status": 409, "reason": "conflict"},
    "G16": {"status": 410, "reason": "fullSyncRequired", "domain": "calendar"},
    "G17": {"status": 410, "reason": "deleted"},
    "G18": {"status": 412, "reason": "conditionNotMet"},
    "G19": {"status": 503, "reason": "backendError"},
    "G20": {"delay_s": 29.0},
    "G21": {"status": 200, "body": "<html><body>Something went wrong</body></html>"},
    "G22": {"list": "odd"},
    "G23": {"status": 401, "reason": "authError"},
    "G24": {"status": 400, "reason": "invalid"},
    "G25": {"list": "empty_page"},
    "G26": {"list": "stale"},
    "G27": {"list": "restamped"},
    "G28": {"list": "reminded"},
    "G29": {"list": "short"},
    "G30": {"status": 400, "reason": "pushNotSupportedForRequestedResource", "domain": "calendar"},
    "G31": {"status": 404, "reason": "notFound"},
    "G32": {"oauth": "invalid_grant", "status": 400},
    "G33": {"oauth": "invalid_grant", "status": 400},
    "G34": {"status": 503, "reason": "backendError"},
    "G35": {"clock_skew_s": 300},
    "G36": {"scopes": "fewer"},
    "G37": {"list": "stale"},
}
"""What each code of the catalogue does to the matched request."""

MESSAGES: dict[str, dict[str, Any]] = {
    "W01": {"drop": True},
    "W02": {"copies": 1000},
    "W03": {"delay_s": 7200.0, "is_shuffled": True},
    "W04": {"headers": {"X-Goog-Channel-ID": "00000000-0000-0000-0000-000000000000"}},
    "W05": {"headers": {"X-Goog-Channel-Token": "forged"}},
    "W06": {"is_early": True},
    "W07": {"delay_s": 1.0},
    "W08": {"fails": 3},
    "W09": {"headers": {"X-Goog-Resource-State": "not_exists"}},
    "W10": {"after_stop": True},
}
"""What each code does to the matched message: lost, a thousandfold, hours late in another order, to a channel nobody
has, with a forged token, before the answer to watch, a second late, to an address that is down three times, of another
state, after the channel was stopped."""


TEXTS: dict[str, tuple[str, str, str]] = {
    "accessNotConfigured": (
        "Access Not Configured. Calendar API has not been used in project before or it is disabled.",
        "",
        "",
    ),
    "authError": ("Invalid Credentials", "Authorization", "header"),
    "backendError": ("Backend Error", "", ""),
    "badRequest": ("Bad Request", "", ""),
    "conditionNotMet": ("Precondition Failed", "If-Match", "header"),
    "conflict": ("Conflict", "", ""),
    "deleted": ("Resource has been deleted", "", ""),
    "duplicate": ("The requested identifier already exists.", "", ""),
    "forbidden": ("Forbidden", "", ""),
    "forbiddenForNonOrganizer": (
        "Shared properties can only be changed by the organizer of the event.",
        "",
        "",
    ),
    "fullSyncRequired": ("Sync token is no longer valid, a full sync is required.", "syncToken", "parameter"),
    "invalid": ("Invalid Value", "", ""),
    "notFound": ("Not Found", "", ""),
    "pushNotSupportedForRequestedResource": ("Push notifications are not supported by this resource.", "", ""),
    "quotaExceeded": ("Calendar usage limits exceeded.", "", ""),
    "rateLimitExceeded": ("Rate Limit Exceeded", "", ""),
    "updatedMinTooLongAgo": (
        "The requested minimum modification time lies too far in the past.",
        "updatedMin",
        "parameter",
    ),
    "userRateLimitExceeded": ("User Rate Limit Exceeded", "", ""),
}
"""Reason → Google's message, the location that it names, and the type of that."""


@dataclass
class Fault:
    """One injected fault. `times` counts down; `probability` is drawn from its own seeded dice."""

    id: str
    match: dict[str, Any]
    effect: dict[str, Any]
    times: int | None = None
    probability: float = 1.0
    seed: int = 0
    seen: int = 0
    struck: int = 0
    dice: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)

    def hits(self, email: str, method: str, path: str, operation: str) -> bool:
        """Whether this request is struck; counts it when it matches."""
        wanted = self.match
        if self.times is not None and self.times <= 0:
            return False
        if wanted.get("email") not in (None, email) or wanted.get("method") not in (None, method):
            return False
        if wanted.get("path") and not fnmatch.fnmatch(path, wanted["path"]):
            return False
        if wanted.get("operation") and not fnmatch.fnmatch(operation, wanted["operation"]):
            return False
        if wanted.get("calendar") and _calendar_of(path, email) != wanted["calendar"]:
            return False
        return not self.is_of_messages and self._falls()

    def hits_message(self, email: str, resource: str) -> bool:
        """Whether the next message of a channel is struck; counts it when it matches."""
        wanted = self.match
        if not self.is_of_messages or (self.times is not None and self.times <= 0):
            return False
        if wanted.get("email") not in (None, email) or wanted.get("resource") not in (None, resource):
            return False
        return self._falls()

    @property
    def is_of_messages(self) -> bool:
        return str(self.effect.get("code", "")) in MESSAGES

    def _falls(self) -> bool:
        wanted = self.match
        self.seen += 1
        if wanted.get("nth") is not None and self.seen != wanted["nth"]:
            return False
        if self.dice.random() >= self.probability:
            return False
        if self.times is not None:
            self.times -= 1
        self.struck += 1
        return True

    def told(self) -> dict[str, Any]:
        """What a tester wants to know: what it waits for, how many calls matched, and how many it struck."""
        names = ("id", "match", "effect", "times", "probability", "seed", "seen", "struck")
        return {name: getattr(self, name) for name in names}

    def resolved(self) -> dict[str, Any]:
        """The effect with a catalogue code spelled out; explicit members win."""
        named = (CODES | MESSAGES).get(str(self.effect.get("code", "")), {})
        return named | {name: value for name, value in self.effect.items() if name != "code"}


def _calendar_of(path: str, email: str) -> str:
    """The calendar that a request's path names."""
    name = unquote(path.partition("/calendars/")[2].partition("/")[0])
    return email if name == "primary" else name
