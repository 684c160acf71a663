"""The stage: workers are real threads, but only one runs at a time, and they change places only between transactions.

A killed worker is parked for ever and its database session is ended, so that none of its `finally` blocks can do harm.
"""

import random
import re
import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import psycopg
from django.db import OperationalError, connection
from django.db.backends.signals import connection_created

from conversa_calendar.sync.run import seats
from conversa_calendar.sync.run.seats import Claims, Lane
from tests.simulation.virtual import SEARCH_PATH, VirtualTime

WRITES = re.compile(r'(INSERT INTO|UPDATE|DELETE FROM) "?(sync_link|calendars_event|calendars_occurrence)\b')
RATES = {"D01": 0.004, "D02": 0.015, "D03": 0.0}
"""How often the database's faults strike a statement (D01) or a commit (D02); a restart (D03) is a turn of its own."""


class Reaped(BaseException):
    """Ends the thread of a killed worker once the scenario is over."""


THREADS = 4
"""So few that the runs of one Google user have to wait for each other."""
_TAKE_SEAT, _FREE_SEAT = Lane.take_seat, Lane.free_seat


def _take_seat(lane: Lane, claims: Claims) -> float | None:
    worker, since_s = threading.current_thread(), _TAKE_SEAT(lane, claims)
    if isinstance(worker, Worker) and since_s is not None:
        worker.seats.append((lane, claims, since_s))
    return since_s


def _free_seat(lane: Lane, claims: Claims, since_s: float) -> None:
    worker = threading.current_thread()
    if isinstance(worker, Worker):
        if worker.is_killed:
            return  # its seats went with it
        worker.seats.remove((lane, claims, since_s))
    _FREE_SEAT(lane, claims, since_s)


def _free(worker: "Worker") -> None:
    """The seats of a worker that is no more."""
    while worker.seats:
        _FREE_SEAT(*worker.seats.pop())


class Worker(threading.Thread):
    """One simulated process. `place` is where it waits: idle, or the boundary it stands at."""

    def __init__(self, stage: "Stage", number: int) -> None:
        super().__init__(daemon=True, name=f"w{number}")
        self.stage = stage
        self.turn = threading.Semaphore(0)
        self.job: Callable[[], object] | None = None
        self.place = "idle"
        self.is_killed = False
        self.is_over = False
        self.frozen_until = 0
        self.mirror, self.fence = 0, 0
        self.backend = 0
        self.has_written = False
        self.is_right = number % 2 == 1
        """Whether its machine's clock is right, where others are not."""
        self.seats: list[tuple[Lane, Claims, float]] = []
        """What it has of the lanes that all workers share here, so that they meet in them."""
        self.is_struck = False
        """Whether the database failed in this job: what the job then raises is the fault's, not the product's."""

    def run(self) -> None:
        while True:
            self.turn.acquire()
            if self.is_over or self.is_killed:
                break
            try:
                assert self.job is not None
                self.job()
            except Reaped:
                break
            except Exception as error:
                if self.is_killed:
                    break
                if not self.is_struck:
                    self.stage.errors.append(f"{type(error).__name__}: {error}")
            connection.close_if_unusable_or_obsolete()
            self.job, self.place, self.fence, self.is_struck = None, "idle", 0, False
            self.stage.back.release()
        _close()
        self.stage.back.release()


class Stage:
    """The workers of one scenario and the baton between them."""

    def __init__(self, time: VirtualTime, size: int) -> None:
        self.time = time
        self.back = threading.Semaphore(0)
        self.workers: list[Worker] = []
        self.dead: list[Worker] = []
        self.errors: list[str] = []
        self.trace: list[str] = []
        self.boundaries = 0
        self.kill_at = 0
        """The boundary (counted over all workers) at which whoever stands there is killed; 0 for none."""
        self.dice = random.Random("database")
        self.enabled: frozenset[str] = frozenset()
        """The database's faults that may strike."""
        self.struck: Counter[str] = Counter()
        for _number in range(size):
            self._hire()

    def __enter__(self) -> "Stage":
        connection_created.connect(self._prepare, weak=False, dispatch_uid="stage")
        self._lane = Lane.take_seat, Lane.free_seat, seats.RUNS.threads
        Lane.take_seat, Lane.free_seat, seats.RUNS.threads = _take_seat, _free_seat, THREADS  # type: ignore[method-assign]
        connection.close()
        return self

    def __exit__(self, *error: Any) -> None:
        for worker in [*self.workers, *self.dead]:
            worker.is_over = True
            worker.is_killed = worker.is_killed or worker.place != "idle"
            worker.turn.release()
            self.back.acquire()
            _free(worker)
        Lane.take_seat, Lane.free_seat, seats.RUNS.threads = self._lane  # type: ignore[method-assign]
        connection_created.disconnect(dispatch_uid="stage")
        connection.close()

    def idle(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.job is None]

    def busy(self) -> list[Worker]:
        return [worker for worker in self.workers if worker.job is not None]

    def step(self, worker: Worker) -> None:
        """Lets one worker run to its next boundary."""
        worker.turn.release()
        self.back.acquire()
        if self.kill_at and self.boundaries >= self.kill_at and worker.job is not None:
            self.kill_at = 0
            self.kill(worker)

    def kill(self, worker: Worker) -> None:
        """As `kill -9`: the worker never goes on and its session ends; a new one takes its place."""
        self.trace.append(f"{worker.name} killed at {worker.place}")
        worker.is_killed = True
        if worker.backend:
            self.time.kill_backend(worker.backend)
        _free(worker)
        self.workers.remove(worker)
        self.dead.append(worker)
        self._hire()

    def switch(self, place: str) -> None:
        """Called by product code at a boundary: the worker waits there for its next turn."""
        worker = threading.current_thread()
        if not isinstance(worker, Worker):
            return
        if worker.is_killed or worker.is_over:
            raise Reaped
        worker.place = place
        self.boundaries += 1
        self.back.release()
        worker.turn.acquire()
        if worker.is_killed:
            raise Reaped

    def _hire(self) -> None:
        worker = Worker(self, len(self.workers) + len(self.dead))
        self.workers.append(worker)
        worker.start()

    def _prepare(self, connection: Any, **kwargs: Any) -> None:
        """Every new database session follows virtual time; a worker's stops at its boundaries."""
        with connection.cursor() as cursor:
            cursor.execute(f"SET search_path = {SEARCH_PATH}")
        worker = threading.current_thread()
        if not isinstance(worker, Worker):
            return
        worker.backend = connection.connection.info.backend_pid
        connection.execute_wrappers[:] = [self._before_statement]
        commit, roll_back = type(connection)._commit, type(connection)._rollback

        def rolled_back() -> None:
            worker.has_written = False  # and nothing of it stands
            roll_back(connection)

        def committed() -> None:
            is_lost = self._injects_fault("D02")
            if is_lost and self.dice.random() < 0.5:
                self._break_session(worker)  # before it was committed
            commit(connection)
            self._check_fence(worker)
            self.switch("commit")
            if is_lost:
                self._break_session(worker)  # committed, but nobody hears of it
                raise OperationalError("the connection was lost")

        connection._commit, connection._rollback = committed, rolled_back

    def restart_database(self) -> None:
        """Every worker loses its session, wherever it stands (D03)."""
        self.struck["D03"] += 1
        for worker in self.busy():
            self._break_session(worker)

    def _break_session(self, worker: Worker) -> None:
        self.trace.append(f"{worker.name} loses its session")
        worker.is_struck = True
        if worker.backend:
            self.time.kill_backend(worker.backend)

    def _injects_fault(self, code: str) -> bool:
        has_struck = code in self.enabled and self.dice.random() < RATES[code]
        self.struck[code] += has_struck
        return has_struck

    def _before_statement(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not context["connection"].in_atomic_block:
            self.switch("statement")
        elif self._injects_fault("D01"):
            threading.current_thread().is_struck = True  # type: ignore[attr-defined]
            raise OperationalError("deadlock detected") from psycopg.errors.DeadlockDetected()
        worker = threading.current_thread()
        if isinstance(worker, Worker) and WRITES.match(str(sql).lstrip()):
            worker.has_written = True
        return execute(sql, params, many, context)

    def _check_fence(self, worker: Worker) -> None:
        """I-12: only the run that holds the lease changes events and links."""
        if worker.has_written and worker.fence and self.time.fence(worker.mirror) > worker.fence:
            self.errors.append(f"I-12 a run whose lease was gone wrote, at fence {worker.fence}")
        worker.has_written = False


def _close() -> None:
    try:
        connection.close()
    except Exception:  # the session of a killed worker is gone already
        connection.connection = None
