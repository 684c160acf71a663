"""Who may use a worker's threads, which are the scarce thing when an outside party is slow.

Each lane of a worker gives at most a share of its threads to one Google user, to one account, and to all Google users
together that answer slowly (`slowness`); of those each one is asked by one run at a time, over all workers. While jobs end
quickly the share is generous, as quick ones hinder nobody; it is small once one of them takes long. This is decided before a
lease is taken. A job that finds no thread leaves its mirror as it is, dirty or due, marks it as passed over, and
returns; whoever stands up wakes some of those passed over. The mark is stored before the second look, so that either this
look finds the seat that was given back, or whoever gives it back finds the mark. Should a worker die in between, the
dispatcher comes by every minute.
"""

import threading
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.db import connection

from conversa_calendar.domain.vocabulary import LaneName
from conversa_calendar.kit import clock
from conversa_calendar.sync.run.lock_classes import LockClass

LONG_S = 3.0
"""A job that sits longer than this takes long."""
WAKES = 3
"""How many of those passed over are woken when somebody stands up."""


class Share(NamedTuple):
    """Which part of a lane somebody may have while their jobs end quickly, and once one takes long."""

    usual: float
    small: float


OF_GRANT, OF_ACCOUNT, OF_SLOW = Share(0.5, 0.25), Share(0.75, 0.5), Share(0.5, 0.5)
Claims = dict[Hashable, Share]
"""What is counted, and the share of each."""


class Party(NamedTuple):
    """On whose behalf a job works."""

    account_id: int
    grant_id: int | None
    is_slow: bool

    @property
    def claims(self) -> Claims:
        found: Claims = {("account", self.account_id): OF_ACCOUNT}
        found |= {("grant", self.grant_id): OF_GRANT} if self.grant_id is not None else {}
        return found | ({"slow": OF_SLOW} if self.is_slow else {})


@dataclass
class Lane:
    """So many threads of this process; `name` is the queue of its jobs."""

    name: str
    threads: int
    _since: dict[Hashable, list[float]] = field(default_factory=dict)
    """For each claim when those began who sit."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take_seat(self, claims: Claims) -> float | None:
        """Takes a thread where every claim has room, one at least; answers since when, None where there is no room."""
        with self._lock:
            now_s = clock.steady_s()
            if any(
                len(self._since.get(claim, ())) >= self._most(claim, share, now_s) for claim, share in claims.items()
            ):
                return None
            for claim in claims:
                self._since.setdefault(claim, []).append(now_s)
            return now_s

    def free_seat(self, claims: Claims, since_s: float) -> None:
        with self._lock:
            for claim in claims:
                self._since[claim].remove(since_s)
                if not self._since[claim]:
                    del self._since[claim]

    def _most(self, claim: Hashable, share: Share, now_s: float) -> int:
        takes_long = any(now_s - since_s > LONG_S for since_s in self._since.get(claim, ()))
        return max(1, int(self.threads * (share.small if takes_long else share.usual)))


RUNS, UPKEEP = Lane(LaneName.RUNS, 16), Lane(LaneName.UPKEEP, 4)
BACKFILLS, WEBHOOKS = Lane(LaneName.BACKFILL, 2), Lane(LaneName.WEBHOOKS, 4)
"""Runs that somebody may wait for; the dispatcher, mails and disconnects; long listings, which never take the place of
the others; messages to other people's servers."""
LANES = (RUNS, UPKEEP, BACKFILLS, WEBHOOKS)


class Waiting(NamedTuple):
    """A mirror that was passed over and may try again."""

    mirror_id: int
    has_edits: bool
    has_news: bool


@contextmanager
def seat(lane: Lane, mirror_id: int) -> Iterator[Party | None]:
    """Who a mirror's job works for, while it has a thread of the lane; None when it has to return."""
    party, is_passed_over = _party(mirror_id)
    since_s = _take_seat(lane, party)
    if since_s is None:
        _pass_over(lane, mirror_id)
        is_passed_over = True
        since_s = _take_seat(lane, party)
        if since_s is None:
            yield None
            return
    try:
        if is_passed_over:
            _clear_passed_over(lane, mirror_id)
        yield party
    finally:
        _free_seat(lane, party, since_s)


@contextmanager
def seat_apart(lane: Lane, account_id: int, sub: str, kind: str) -> Iterator[bool]:
    """The same for a job on behalf of a Google user that is no mirror's; all jobs of its kind have half of the lane."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM connections_grant WHERE sub = %s", [sub])
        row = cursor.fetchone()
    claims = Party(account_id, row[0] if row else None, is_slow=False).claims | {kind: OF_SLOW}
    since_s = lane.take_seat(claims)
    try:
        yield since_s is not None
    finally:
        if since_s is not None:
            lane.free_seat(claims, since_s)


def next_waiting(lane: Lane, party: Party) -> list[Waiting]:
    """Takes from those passed over a few for whom the party has made room: its own Google user's first, of these whoever
    has a person's edit, then whoever has waited longest. Call it in the transaction that enqueues their jobs."""
    query = """
        WITH chosen AS MATERIALIZED (
            SELECT mirror_id FROM sync_mirrorrun
            WHERE passed_over_at IS NOT NULL AND passed_over_in = %(lane)s AND is_active
              AND (account_id = %(account)s OR grant_id = %(grant)s
                   OR (%(is_slow)s AND grant_id IN (SELECT id FROM connections_grant WHERE slow_since IS NOT NULL)))
            ORDER BY grant_id IS NOT DISTINCT FROM %(grant)s DESC,
                     wanted - done > pull_wanted - pull_done DESC, passed_over_at, mirror_id
            LIMIT %(wakes)s FOR UPDATE SKIP LOCKED)
        UPDATE sync_mirrorrun r SET passed_over_at = NULL, passed_over_in = ''
        FROM chosen WHERE r.mirror_id = chosen.mirror_id
        RETURNING r.mirror_id, wanted - done > pull_wanted - pull_done, pull_wanted > pull_done
    """
    values: dict[str, Any] = {
        "lane": lane.name,
        "account": party.account_id,
        "grant": party.grant_id,
        "is_slow": party.is_slow,
    }
    with connection.cursor() as cursor:
        cursor.execute(query, values | {"wakes": WAKES})
        return sorted(Waiting(*row) for row in cursor.fetchall())


def _party(mirror_id: int) -> tuple[Party, bool]:
    """On whose behalf a mirror's job works, and whether it was passed over before."""
    query = """
        SELECT r.account_id, g.id, g.slow_since IS NOT NULL, r.passed_over_at IS NOT NULL
        FROM sync_mirrorrun r LEFT JOIN connections_grant g ON g.id = r.grant_id WHERE r.mirror_id = %s
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [mirror_id])
        row = cursor.fetchone()
    return (Party(*row[:3]), row[3]) if row else (Party(0, None, is_slow=False), False)


def _take_seat(lane: Lane, party: Party) -> float | None:
    since_s = lane.take_seat(party.claims)
    if since_s is None or not party.is_slow:
        return since_s
    is_given = False
    try:
        is_given = _call_lock("pg_try_advisory_lock", party)
    finally:
        if not is_given:  # also when the database could not be asked: the seat must not stay taken
            lane.free_seat(party.claims, since_s)
    return since_s if is_given else None


def _free_seat(lane: Lane, party: Party, since_s: float) -> None:
    try:
        if party.is_slow:
            _call_lock("pg_advisory_unlock", party)
    finally:
        lane.free_seat(party.claims, since_s)


def _call_lock(function: str, party: Party) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s, %s)", [LockClass.TURN.value, (party.grant_id or 0) % 2**31])
        row = cursor.fetchone()
    return bool(row and row[0])


def _pass_over(lane: Lane, mirror_id: int) -> None:
    """Marks a mirror that nobody works on: a job beside the one that does so has nothing to come back for."""
    query = """
        UPDATE sync_mirrorrun SET passed_over_at = now(), passed_over_in = %s
        WHERE mirror_id = %s AND (leased_until IS NULL OR leased_until < now())
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [lane.name, mirror_id])


def _clear_passed_over(lane: Lane, mirror_id: int) -> None:
    """What was passed over here has its turn."""
    query = """
        UPDATE sync_mirrorrun SET passed_over_at = NULL, passed_over_in = ''
        WHERE mirror_id = %s AND passed_over_at IS NOT NULL AND passed_over_in = %s
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [mirror_id, lane.name])
