"""The emulator's own time: real, or moved by hand."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any


class Clock:
    """Microsecond time that never repeats, so that every change gets its own etag."""

    def __init__(self, is_manual: bool = False, now: datetime | None = None) -> None:
        self.is_manual = is_manual
        self._now = now or datetime.now(UTC)
        self._last_us = 0
        self._given = 0
        """How many stamps there were; they stay apart also where the clock was put back to the same moment."""

    def now(self) -> datetime:
        return self._now if self.is_manual else datetime.now(UTC)

    def now_s(self) -> float:
        return self.now().timestamp()

    def stamp_us(self) -> int:
        """A strictly increasing stamp in microseconds since the epoch, as long as the clock is not put back."""
        self._given += 1
        self._last_us = max(self._last_us + 1, int(self.now().timestamp() * 1_000_000))
        return self._last_us

    def advance(self, seconds: float) -> None:
        self.set(self.now() + timedelta(seconds=seconds))

    def set(self, now: datetime) -> None:
        """Stops the clock at `now`; from here on it moves only by hand. Stamps follow it back too."""
        now_us = int(now.timestamp() * 1_000_000)
        if now_us < self._last_us and now < self.now():
            self._last_us = now_us + self._given
        self.is_manual = True
        self._now = now

    def run(self) -> None:
        """Lets the clock be the real one again."""
        self.is_manual = False
        self._last_us = min(self._last_us, int(time.time() * 1_000_000) + self._given)

    def begin_again(self) -> None:
        """Forgets the stamps that were given, so that a world made anew gets the same ones on a clock that stands."""
        self._last_us = self._given = 0

    def state(self) -> dict[str, Any]:
        return {"is_manual": self.is_manual, "last_us": self._last_us, "given": self._given}

    def resume(self, now: datetime, is_manual: bool, last_us: int, given: int) -> None:
        """Takes up a state; a clock that runs stays with the real time."""
        self.is_manual, self._now = bool(is_manual), now
        self._last_us, self._given = int(last_us), int(given)

    def sleep(self, seconds: float) -> None:
        """Waits on a real clock; a manual one jumps."""
        if self.is_manual:
            self.advance(seconds)
        else:
            time.sleep(seconds)
