"""The one place that asks what time it is.

Everything else takes `now` as an argument or calls `now()` here, so that tests and the simulation can move time.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

_wall: Callable[[], datetime] = lambda: datetime.now(UTC)
_steady: Callable[[], float] = time.monotonic


def now() -> datetime:
    """The current instant, aware, in UTC."""
    return _wall()


def steady_s() -> float:
    """Seconds on a clock that never jumps; only differences mean anything."""
    return _steady()


def use(wall: Callable[[], datetime] | None = None, steady: Callable[[], float] | None = None) -> None:
    """Replaces the clocks; called without arguments it restores the machine's own."""
    global _wall, _steady
    _wall = wall or (lambda: datetime.now(UTC))
    _steady = steady or time.monotonic
