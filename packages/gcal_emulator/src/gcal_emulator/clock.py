"""The emulator's own time: real, or moved by hand."""

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Microsecond time that never repeats, so that every change gets its own etag."""

    def __init__(self, is_manual: bool = False, now: datetime | None = None) -> None:
        self.is_manual = is_manual
        self._now = now or datetime.now(UTC)
        self._last_us = 0

    def now(self) -> datetime:
        return self._now if self.is_manual else datetime.now(UTC)

    def now_s(self) -> float:
        return self.now().timestamp()

    def stamp_us(self) -> int:
        """A strictly increasing stamp in microseconds since the epoch."""
        self._last_us = max(self._last_us + 1, int(self.now().timestamp() * 1_000_000))
        return self._last_us

    def advance(self, seconds: float) -> None:
        self.set(self.now() + timedelta(seconds=seconds))

    def set(self, now: datetime) -> None:
        """Stops the clock at `now`; from here on it moves only by hand."""
        self.is_manual = True
        self._now = now

    def sleep(self, seconds: float) -> None:
        """Waits on a real clock; a manual one jumps."""
        if self.is_manual:
            self.advance(seconds)
        else:
            time.sleep(seconds)
