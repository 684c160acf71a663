"""One run at a time for each mirror: a lease with a rising fence, in the database's time.

`now()` stands unqualified here, in `seats` and in `channels` only, so that virtual time can reach it.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from django.db import OperationalError, connection, transaction

from conversa_calendar.domain.vocabulary import Reason
from conversa_calendar.kit import clock
from conversa_calendar.providers import protocol
from conversa_calendar.sync.run import budget
from conversa_calendar.sync.run.budget import Rank
from conversa_calendar.sync.run.lock_classes import LockClass

LEASE_S = 90.0
UNANSWERED_S = 9.0
"""A call without an answer that took longer has not merely broken off."""
PRESENCE_CHECK_S = 5.0
WAITED_FOR_S = 120.0
"""So long a removal waits for calendars to be read."""
QUEUES_FOR_S = 3
"""So long a late removal then waits for what is arriving."""
_FREE = f"""(leased_until IS NULL OR leased_until < now() OR (lease_owner IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = {LockClass.PRESENCE:d} AND objid = lease_owner AND granted)))"""
"""A lease is free when it ended, or when the worker that took it is gone: its session lock went with it."""
_owner: int | None = None
MARGIN_S = 5.0
_MINUTE = "floor(extract(epoch FROM now()) / 60)::bigint"
_REST = f"({_MINUTE} + 1 - extract(epoch FROM now())::float / 60)"
"""The part of the minute before this one that Google's sliding minute still holds."""
_CHARGED = f"""
    units_before = CASE usage_minute WHEN {_MINUTE} THEN units_before WHEN {_MINUTE} - 1 THEN units_now ELSE 0 END,
    units_now = CASE usage_minute WHEN {_MINUTE} THEN units_now ELSE 0 END + %(spent)s,
    usage_minute = {_MINUTE}, grant_id = %(grant)s"""


def _used_by(grant: str) -> str:
    """Units that were used in the last minute: by the whole project, and by a Google user."""
    return f"""(SELECT ARRAY[coalesce(sum(units), 0), coalesce(sum(units) FILTER (WHERE of_grant = {grant}), 0)]
        FROM (SELECT u.grant_id AS of_grant, CASE u.usage_minute
                WHEN {_MINUTE} THEN u.units_now + {_REST} * u.units_before ELSE {_REST} * u.units_now END AS units
              FROM sync_mirrorrun u WHERE u.usage_minute >= {_MINUTE} - 1) used)"""


_USED = _used_by("sync_mirrorrun.grant_id")
LOOK_AFTER_UNITS = 50
"""A run that used so many units looks again at what the others use."""


class FenceLost(Exception):
    """Another worker took over; nothing of this run may be stored any more."""


@dataclass
class Lease:
    """The right to work on a mirror until `ends_at_s` on this machine's steady clock."""

    mirror_id: int
    account_id: int
    fence: int
    wanted: int
    pull_wanted: int
    is_pull_due: bool
    ends_at_s: float
    cause: Rank = Rank.TIMER
    """What the run was wanted for."""
    rank: Rank = Rank.TIMER
    """What its next call is for."""
    grant_id: int | None = None
    project_used: float = 0.0
    user_used: float = 0.0
    spent: int = 0
    """Units that are not on the run's row yet."""
    has_written: bool = False
    started_s: float = 0.0
    began_at: datetime | None = None
    """When the run began, in the database's time."""
    unseen: int = 0
    """Units used since it was last looked what the others use."""
    calls: list[float] = field(default_factory=list)
    """Seconds that each answered call took."""
    has_timed_out: bool = False

    def timed(self, seconds: float, is_answered: bool) -> None:
        """A call has ended; one that broke off at once says nothing of how quickly there is an answer."""
        if is_answered:
            self.calls.append(seconds)
        elif seconds > UNANSWERED_S:
            self.has_timed_out = True

    def guard(self, deadline_s: float, units: int = 1) -> None:
        """Refuses a call that might outlive the lease, or for which the budget has no room. Raises Transient."""
        if clock.steady_s() + deadline_s + MARGIN_S > self.ends_at_s:
            raise protocol.Transient("The run's time is used up; it goes on in a moment.", reason=Reason.LEASE_ENDS)
        if not self.has_room(self.rank):
            raise budget.exhausted()
        self.spent += units
        self.unseen += units

    def has_room(self, rank: Rank) -> bool:
        """Whether the budget lets a call of this rank go out."""
        return budget.room(rank, self.project_used + self.unseen, self.user_used + self.unseen) > 0


def meter(sub: str, rank: Rank, *, is_hurried: bool = False) -> Callable[[float, int], None]:
    """A guard for calls on behalf of a Google user that are made outside of runs: they count as a run's do, on the row of
    whichever of the user's mirrors nobody has locked. It raises Transient when the budget has no room for them, or when
    it is known that a hurried one would wait in vain."""
    room = f"""
        SELECT id, {_used_by("connections_grant.id")}, slow_since IS NOT NULL FROM connections_grant WHERE sub = %(sub)s"""
    charge = f"""
        UPDATE sync_mirrorrun SET {_CHARGED} WHERE mirror_id = (
            SELECT mirror_id FROM sync_mirrorrun WHERE grant_id = %(grant)s ORDER BY mirror_id LIMIT 1 FOR UPDATE SKIP LOCKED
        )"""

    def guard(_deadline_s: float, units: int = 1) -> None:
        with connection.cursor() as cursor:
            cursor.execute(room, {"sub": sub})
            row = cursor.fetchone()
            if row is None:
                return  # nobody has connected it yet, or nobody does any more
            grant_id, (project_used, user_used), is_slow = row
            if is_hurried and is_slow:
                raise protocol.Transient("Google answers this user slowly.", reason=Reason.SLOW)
            if budget.room(rank, project_used, user_used) <= 0:
                raise budget.exhausted()
            cursor.execute(charge, {"grant": grant_id, "spent": units})

    return guard


def assign_grant(mirror_id: int, sub: str) -> None:
    """From now on a mirror is worked on, and counts, on behalf of this Google user."""
    query = """
        UPDATE sync_mirrorrun SET grant_id = (SELECT id FROM connections_grant WHERE sub = %s), usage_minute = 0
        WHERE mirror_id = %s
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [sub, mirror_id])


def take(mirror_id: int) -> Lease | None:
    """Takes a mirror's lease when nobody holds it and nothing says to wait."""
    started_s = clock.steady_s()
    query = f"""
        UPDATE sync_mirrorrun SET fence = fence + 1, leased_until = now() + make_interval(secs => %s), lease_owner = %s
        WHERE mirror_id = %s AND is_active AND {_FREE}
          AND (next_attempt_at IS NULL OR next_attempt_at <= now())
        RETURNING account_id, fence, wanted, pull_wanted, pull_wanted > pull_done OR coalesce(next_check_at <= now(), true),
                  wanted - done > pull_wanted - pull_done, pull_wanted > pull_done, grant_id, now(), {_USED}
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [LEASE_S, _owner, mirror_id])
        row = cursor.fetchone()
    if row is None:
        return None
    account_id, fence, wanted, pull_wanted, is_pull_due, has_edits, has_news, grant_id, began_at, used = row
    cause = Rank.EDIT if has_edits else Rank.NEWS if has_news else Rank.TIMER
    lease = Lease(mirror_id, account_id, fence, wanted, pull_wanted, is_pull_due, started_s + LEASE_S, cause, cause)
    lease.started_s, lease.began_at = started_s, began_at
    lease.grant_id, (lease.project_used, lease.user_used) = grant_id, used
    return lease


def confirm(lease: Lease) -> None:
    """First statement of every settling transaction: holds the row and extends the lease. Raises FenceLost."""
    started_s = clock.steady_s()
    is_long = lease.unseen >= LOOK_AFTER_UNITS
    query = f"""
        UPDATE sync_mirrorrun SET leased_until = now() + make_interval(secs => %(lease_s)s){_charge(lease)}
        WHERE mirror_id = %(mirror)s AND fence = %(fence)s RETURNING {_USED if is_long else "NULL"}
    """
    with connection.cursor() as cursor:
        cursor.execute(query, {"lease_s": LEASE_S, **_spending(lease)})
        row = cursor.fetchone()
    if row is None:
        raise FenceLost(f"mirror {lease.mirror_id}: fence {lease.fence} is gone")
    if is_long:
        (lease.project_used, lease.user_used), lease.unseen = row[0], lease.spent
    lease.spent = 0
    lease.ends_at_s = started_s + LEASE_S


def _charge(lease: Lease) -> str:
    """The part of an UPDATE that notes what a run has used since."""
    return f", {_CHARGED}" if lease.spent else ""


def _spending(lease: Lease) -> dict[str, Any]:
    return {"mirror": lease.mirror_id, "fence": lease.fence, "spent": lease.spent, "grant": lease.grant_id}


def release(
    lease: Lease, *, has_pulled: bool, is_done: bool, wait_s: float | None = None, next_check_s: float | None = None
) -> bool:
    """Gives the lease back and says what was done; answers whether more is wanted already."""
    wrote = ", wrote_at = now() - make_interval(secs => %(ran_s)s)" if lease.has_written else ""
    query = f"""
        UPDATE sync_mirrorrun SET leased_until = NULL{_charge(lease)}{wrote},
            done = CASE WHEN %(is_done)s THEN greatest(done, %(wanted)s) ELSE done END,
            pull_done = CASE WHEN %(has_pulled)s THEN greatest(pull_done, %(pull_wanted)s) ELSE pull_done END,
            read_at = CASE WHEN %(has_pulled)s THEN %(began_at)s ELSE read_at END,
            next_attempt_at = CASE WHEN %(wait_s)s::float IS NULL THEN NULL
                                   ELSE now() + make_interval(secs => %(wait_s)s::float) END,
            next_check_at = CASE WHEN %(check_s)s::float IS NULL THEN next_check_at
                                 ELSE now() + make_interval(secs => %(check_s)s::float) END
        WHERE mirror_id = %(mirror)s AND fence = %(fence)s
        RETURNING is_active AND (wanted > done OR pull_wanted > pull_done) AND next_attempt_at IS NULL
    """
    values: dict[str, Any] = {
        "is_done": is_done,
        "has_pulled": has_pulled,
        "wanted": lease.wanted,
        "pull_wanted": lease.pull_wanted,
        "wait_s": wait_s,
        "check_s": next_check_s,
        "ran_s": clock.steady_s() - lease.started_s,
        "began_at": lease.began_at,
        **_spending(lease),
    }
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        row = cursor.fetchone()
    return bool(row and row[0])


def now() -> datetime:
    """The database's time."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        [(at,)] = cursor.fetchall()
    found: datetime = at
    return found


def unread(mirror_ids: list[int], since: datetime) -> list[int]:
    """Those of these mirrors of which no complete listing was begun after `since`; none once that is too long ago."""
    query = """
        SELECT mirror_id FROM sync_mirrorrun WHERE mirror_id = ANY(%s) AND is_active
          AND (read_at IS NULL OR read_at <= %s) AND now() < %s + make_interval(secs => %s) ORDER BY mirror_id
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [mirror_ids, since, since, WAITED_FOR_S])
        return [mirror_id for (mirror_id,) in cursor.fetchall()]


def has_waited_enough(since: datetime) -> bool:
    """Whether it is too long ago to wait for anybody any more."""
    return (now() - since).total_seconds() > WAITED_FOR_S


def hold_off_removals(account_id: int) -> None:
    """Until the transaction ends, no removal of the account is carried out that has not seen what it stores. Waits for one
    that is under way."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [LockClass.ARRIVALS.value, account_id % 2**31])


def hold_off_arrivals(account_id: int, is_late: bool = False) -> bool:
    """Whether nothing arrives in any mirror of the account until the transaction ends. It does not wait, as it may hold
    what an arrival waits for; only a removal that is late, as something always arrives somewhere, takes its place in the
    queue, for a moment."""
    key = [LockClass.ARRIVALS.value, account_id % 2**31]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s), current_setting('lock_timeout')", key)
        [(is_alone, timeout)] = cursor.fetchall()
        if is_alone or not is_late:
            return bool(is_alone)
        try:
            with transaction.atomic():
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{QUEUES_FOR_S}s"])
                cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", key)
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [timeout])
        except OperationalError:
            return False
    return True


def next_run_at(mirror_id: int) -> datetime | None:
    """When a mirror that nobody works on is to be run again by itself; None when it rests."""
    query = """
        SELECT coalesce(next_attempt_at, next_check_at) FROM sync_mirrorrun
        WHERE mirror_id = %s AND is_active AND leased_until IS NULL
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [mirror_id])
        row = cursor.fetchone()
    return row[0] if row else None


def revoke(mirror_id: int) -> None:
    """Ends whatever run is under way: what it has sent stands as an open intent, and the next run asks about it."""
    query = "UPDATE sync_mirrorrun SET fence = fence + 1, leased_until = NULL WHERE mirror_id = %s"
    with connection.cursor() as cursor:
        cursor.execute(query, [mirror_id])


class Wanted(NamedTuple):
    """A mirror that was wanted: whether a worker had been woken for it before and it did not wait for a time, and how
    many mirrors of its account wait."""

    mirror_id: int
    is_awake: bool
    waiting: int


def want(mirror_ids: list[int], *, is_pull: bool) -> list[Wanted]:
    """Marks mirrors as wanting a run, within the caller's transaction; a person's wish ends a pause for back-off."""
    query = """
        UPDATE sync_mirrorrun r SET wanted = r.wanted + 1, pull_wanted = r.pull_wanted + %s, next_attempt_at = NULL
        FROM (SELECT mirror_id, wanted > done AND next_attempt_at IS NULL AS is_awake FROM sync_mirrorrun
              WHERE mirror_id = ANY(%s) ORDER BY mirror_id FOR UPDATE) before
        WHERE r.mirror_id = before.mirror_id RETURNING r.mirror_id, before.is_awake,
            (SELECT count(*) FROM sync_mirrorrun w WHERE w.account_id = r.account_id AND w.is_active AND w.wanted > w.done)
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [int(is_pull), mirror_ids])
        return sorted(Wanted(*row) for row in cursor.fetchall())


class Due(NamedTuple):
    """A mirror to be run: its turn among those of its account, and whether a person's edit waits in it."""

    mirror_id: int
    turn: int
    has_edits: bool


def due(limit: int = 500) -> list[Due]:
    """Mirrors that are dirty or due and that nobody works on, fairly over accounts."""
    query = f"""
        SELECT mirror_id, turn, has_edits FROM (
            SELECT mirror_id, wanted - done > pull_wanted - pull_done AS has_edits, row_number() OVER (PARTITION BY account_id ORDER BY wanted > done DESC, next_check_at, mirror_id) AS turn
            FROM sync_mirrorrun
            WHERE is_active AND {_FREE}
              AND (next_attempt_at IS NULL OR next_attempt_at <= now())
              AND (wanted > done OR pull_wanted > pull_done OR next_check_at IS NULL OR next_check_at <= now())
        ) candidates ORDER BY turn, mirror_id LIMIT %s
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [limit])
        return [Due(*row) for row in cursor.fetchall()]


class Presence(threading.Thread):
    """Holds an advisory lock for as long as this process lives, so that a killed worker's leases are free at once."""

    def __init__(self, owner: int, connect: Callable[[], Any]) -> None:
        super().__init__(daemon=True, name="presence")
        self.owner = owner
        self.connect = connect
        self.held = threading.Event()

    def run(self) -> None:
        while True:
            try:
                with self.connect() as session:
                    session.execute("SELECT pg_advisory_lock(%s, %s)", [LockClass.PRESENCE.value, self.owner])
                    self.held.set()
                    while True:
                        time.sleep(PRESENCE_CHECK_S)
                        session.execute("SELECT 1")
            except psycopg.Error:
                time.sleep(1.0)


def show_presence(owner: int, connect: Callable[[], Any]) -> None:
    """Marks this process's leases as its own; `connect` opens a database session of its own."""
    global _owner
    presence = Presence(owner, connect)
    presence.start()
    presence.held.wait(30)
    _owner = owner
