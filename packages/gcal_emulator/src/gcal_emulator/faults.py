"""Injected trouble: what to match, what to do, how often (fault catalogue G01–G37)."""

import fnmatch
import random
from dataclasses import dataclass, field
from typing import Any

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
    "G28": {"list": "restamped"},
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
    dice: random.Random = field(default_factory=random.Random)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)

    def hits(self, email: str, method: str, path: str) -> bool:
        """Whether this request is struck; counts it when it matches."""
        wanted = self.match
        if self.times is not None and self.times <= 0:
            return False
        if wanted.get("email") not in (None, email) or wanted.get("method") not in (None, method):
            return False
        if "path" in wanted and not fnmatch.fnmatch(path, wanted["path"]):
            return False
        self.seen += 1
        if "nth" in wanted and self.seen != wanted["nth"]:
            return False
        if self.dice.random() >= self.probability:
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def resolved(self) -> dict[str, Any]:
        """The effect with a catalogue code spelled out; explicit members win."""
        named = CODES.get(str(self.effect.get("code", "")), {})
        return named | {name: value for name, value in self.effect.items() if name != "code"}
