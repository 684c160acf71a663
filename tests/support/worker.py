"""A real worker in threads of this process, and a gate at which chosen requests to Google stay."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from procrastinate.contrib.django import app

from conversa_calendar.cli import working
from conversa_calendar.connections import gateway
from conversa_calendar.providers.google.transport import Request, Response
from conversa_calendar.sync.run.seats import Lane
from tests.support.google import Google, InProcess

WITHIN_S = 20.0


class Gate:
    """A Transport at which the requests that `holds` names stay until it is opened."""

    is_concurrent = False

    def __init__(self, google: Google, holds: Callable[[Request], bool]) -> None:
        self.google, self.holds = google, holds
        self.inside = self.most = 0
        self._is_open = False
        self._changed = threading.Condition()

    def send(self, request: Request) -> Response:
        if self.holds(request):
            with self._changed:
                self.inside += 1
                self.most = max(self.most, self.inside)
                self._changed.notify_all()
                assert self._changed.wait_for(lambda: self._is_open, WITHIN_S)
                self.inside -= 1
        return InProcess(self.google.app.test_client()).send(request)

    def wait_for(self, inside: int) -> None:
        """Returns once so many stay at the same time."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.inside >= inside, WITHIN_S), f"only {self.inside} came"

    def open(self) -> None:
        with self._changed:
            self._is_open = True
            self._changed.notify_all()


@contextmanager
def gated(google: Google, holds: Callable[[Request], bool]) -> Iterator[Gate]:
    gate = Gate(google, holds)
    gateway.use(gate)
    try:
        yield gate
    finally:
        gate.open()
        gateway.use(InProcess(google.app.test_client()))


@contextmanager
def working_lane(lane: Lane) -> Iterator[None]:
    """One lane of a worker, with its threads, on the real queue. No dispatcher runs."""
    started, stop = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_work(lane, started, stop)))
    thread.start()
    try:
        assert started.wait(WITHIN_S)
        yield
    finally:
        stop.set()
        thread.join(WITHIN_S)
        assert not thread.is_alive()


async def _work(lane: Lane, started: threading.Event, stop: threading.Event) -> None:
    asyncio.get_running_loop().set_default_executor(working.threads())
    connector: Any = app.connector
    worker_app = app.with_connector(connector.get_worker_connector())
    async with worker_app.open_async():
        job = asyncio.create_task(
            worker_app.run_worker_async(
                queues=[lane.name],
                concurrency=lane.threads,
                delete_jobs="successful",
                fetch_job_polling_interval=0.5,
                install_signal_handlers=False,
                shutdown_graceful_timeout=WITHIN_S,
            )
        )
        started.set()
        while not stop.is_set() and not job.done():
            await asyncio.sleep(0.05)
        job.cancel()
        await asyncio.wait({job})
