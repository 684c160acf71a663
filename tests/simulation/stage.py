"""The stage: workers are real threads, but only one runs at a time, and they change places only between transactions.

A killed worker is parked for ever and its database session is ended, so that none of its `finally` blocks can do harm.
"""

import re
import threading
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.db.backends.signals import connection_created

from tests.simulation.virtual import SEARCH_PATH, VirtualTime

WRITES = re.compile(r'(INSERT INTO|UPDATE|DELETE FROM) "?(sync_link|calendars_event|calendars_occurrence)\b')


class Reaped(BaseException):
    """Ends the thread of a killed worker once the scenario is over."""


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
                self.stage.errors.append(f"{type(error).__name__}: {error}")
            self.job, self.place, self.fence = None, "idle", 0
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
        for _number in range(size):
            self._hire()

    def __enter__(self) -> "Stage":
        connection_created.connect(self._prepare, weak=False, dispatch_uid="stage")
        connection.close()
        return self

    def __exit__(self, *error: Any) -> None:
        for worker in [*self.workers, *self.dead]:
            worker.is_over = True
            worker.is_killed = worker.is_killed or worker.place != "idle"
            worker.turn.release()
            self.back.acquire()
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
        commit = type(connection)._commit

        def committed() -> None:
            commit(connection)
            self._check_fence(worker)
            self.switch("commit")

        connection._commit = committed

    def _before_statement(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not context["connection"].in_atomic_block:
            self.switch("statement")
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
