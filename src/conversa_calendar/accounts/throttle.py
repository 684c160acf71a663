"""Counting what must not happen too often: one table for all processes and machines, one statement for each count.

A count stands at once and for itself, whatever becomes of the transaction around it. Keys are stored as keyed
fingerprints: neither addresses nor networks can be read from the table.
"""

import hashlib
import hmac
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from conversa_calendar.kit import clock

_HIT = """
    INSERT INTO accounts_counter AS known (key, count, ends_at) VALUES (%(key)s, %(cost)s, %(ends)s)
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN known.ends_at <= %(now)s THEN excluded.count ELSE known.count + excluded.count END,
        ends_at = CASE WHEN known.ends_at <= %(now)s THEN excluded.ends_at ELSE known.ends_at END
    RETURNING count, ends_at
"""


@dataclass(frozen=True)
class Count:
    """What stands after counting: how much in the present window, when that ends, and whether it is too much."""

    count: int
    ends_at: datetime
    is_over: bool

    @property
    def wait_s(self) -> int:
        """Seconds until the window ends, at least one."""
        return max(1, int((self.ends_at - clock.now()).total_seconds()) + 1)

    @property
    def wait_minutes(self) -> int:
        """Minutes until the window ends, rounded up."""
        return -(-self.wait_s // 60)


@dataclass(frozen=True)
class Limit:
    """At most `most` in a window of `per_s` seconds that begins with the first of them."""

    name: str
    most: int
    per_s: int

    def hit(self, *of: object, cost: int = 1) -> Count:
        """Counts `cost` for what `of` names, and answers what stands now."""
        now = clock.now()
        values: dict[str, str | int | datetime] = {
            "key": _key(self.name, of),
            "cost": cost,
            "now": now,
            "ends": now + timedelta(seconds=self.per_s),
        }
        with _connection().cursor() as cursor:
            cursor.execute(_HIT, values)
            count, ends_at = cursor.fetchone()
        return Count(count, ends_at, count > self.most)

    def look(self, *of: object) -> Count:
        """What stands now, without counting; `is_over` when one more would be too much."""
        now = clock.now()
        query = "SELECT count, ends_at FROM accounts_counter WHERE key = %s AND ends_at > %s"
        with _connection().cursor() as cursor:
            cursor.execute(query, [_key(self.name, of), now])
            count, ends_at = cursor.fetchone() or (0, now)
        return Count(count, ends_at, count >= self.most)

    def give_back(self, *of: object, cost: int = 1) -> None:
        """Takes a count back, for what turned out not to be meant."""
        query = "UPDATE accounts_counter SET count = greatest(count - %s, 0) WHERE key = %s AND ends_at > %s"
        with _connection().cursor() as cursor:
            cursor.execute(query, [cost, _key(self.name, of), clock.now()])


class Leased:
    """A limit for what happens often: each process takes a block of counts at once and hands them out from memory, so
    that only every `block`-th one writes. All processes together never hand out more than the limit; what a process
    took and did not use is lost until the window ends, at most a block for each."""

    KEYS_MAX = 20_000

    def __init__(self, limit: Limit, block: int) -> None:
        self.limit, self.block = limit, block
        self._lock = threading.Lock()
        self._left: dict[tuple[object, ...], tuple[int, datetime]] = {}

    def hit(self, *of: object) -> Count:
        """Counts one. `count` is what all processes have taken."""
        with self._lock:
            left, ends_at = self._left.get(of, (0, clock.now()))
            if left > 0 and ends_at > clock.now():
                self._left[of] = (left - 1, ends_at)
                return Count(0, ends_at, False)
        taken = self.limit.hit(*of, cost=self.block)
        granted = min(self.block, self.limit.most - (taken.count - self.block))
        with self._lock:
            if len(self._left) > self.KEYS_MAX:
                self._left.clear()
            if granted > 1:
                self._left[of] = (granted - 1, taken.ends_at)
        return Count(taken.count, taken.ends_at, granted < 1)


def forget_old() -> int:
    """Drops the counts whose windows have ended; answers how many."""
    with _connection().cursor() as cursor:
        cursor.execute("DELETE FROM accounts_counter WHERE ends_at < %s", [clock.now()])
        return int(cursor.rowcount)


def fingerprint(*of: object) -> str:
    """What stands for an address where it must not be readable."""
    text = "\n".join(str(part).strip().lower() for part in of)
    return hmac.new(settings.SECRET_KEY.encode(), text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def _key(name: str, of: tuple[object, ...]) -> str:
    return fingerprint("counter", name, *of)


def _connection() -> BaseDatabaseWrapper:
    """The connection of the moment, or a second one while a transaction is open on it, as a count must outlive that."""
    first = connections["default"]
    return connections["counters"] if first.in_atomic_block else first
