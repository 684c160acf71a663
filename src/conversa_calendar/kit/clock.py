"""The one place that asks what time it is.

Everything else takes `now` as an argument or calls `now()` here, so that tests and the simulation can move time.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime

_wall: Callable[[], datetime] = lambda: datetime.now(UTC)
_steady: Callable[[], float] = time.monotonic
_sleep: Callable[[float], None] = time.sleep


def now() -> datetime:
    """The current instant, aware, in UTC."""
    return _wall()


def steady_s() -> float:
    """Seconds on a clock that never jumps; only differences mean anything."""
    return _steady()


def sleep(seconds: float) -> None:
    """Waits."""
    _sleep(seconds)


def use(
    wall: Callable[[], datetime] | None = None,
    steady: Callable[[], float] | None = None,
    sleep: Callable[[float], None] | None = None,
) -> None:
    """Replaces the clocks; called without arguments it restores the machine's own."""
    global _wall, _steady, _sleep
    _wall = wall or (lambda: datetime.now(UTC))
    _steady = steady or time.monotonic
    _sleep = sleep or time.sleep
