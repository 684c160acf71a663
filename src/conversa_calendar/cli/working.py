"""A worker that outlives its database: when PostgreSQL restarts, it waits and begins anew."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
from django.db import OperationalError, connection
from procrastinate.contrib.django import app
from procrastinate.exceptions import ProcrastinateException

from conversa_calendar.sync.run.seats import LANES

log = logging.getLogger(__name__)
STOP_WITHIN_S = 25
SPARE_THREADS = 2
"""For what the loop itself hands to a thread."""
PAUSE_S = 1.0


def wait_for_database() -> None:
    """Returns once the database answers."""
    is_said = False
    while True:
        try:
            connection.ensure_connection()
            return
        except OperationalError as error:
            if not is_said:
                log.warning("the worker waits for its database: %s", " ".join(str(error).split())[:200])
                is_said = True
            time.sleep(PAUSE_S)


SWITCH_S = 0.0002
"""A thread that has its answer from PostgreSQL waits no longer than this behind one that computes."""


def tune_interpreter() -> None:
    """Fits Python to a worker: pages of events are many objects and hardly any cycle, and its threads mostly wait."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
    sys.setswitchinterval(SWITCH_S)


def work() -> None:
    """Runs jobs until told to stop by SIGTERM or SIGINT; a job under way may finish.

    Procrastinate ends its worker when a database session breaks. The process then replaces itself by a fresh one under
    the same id, as every session, lock and thread of the old one is worthless.
    """
    tune_interpreter()
    if asyncio.run(_work()):
        return
    log.warning("the worker lost its database and begins anew")
    time.sleep(PAUSE_S)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def threads() -> ThreadPoolExecutor:
    """A thread for each job of every lane: Python's own pool has as many as the machine has processors and four, which on
    a small one is fewer, so that long listings would take the place of what people wait for."""
    return ThreadPoolExecutor(sum(lane.threads for lane in LANES) + SPARE_THREADS, "job")


async def _work() -> bool:
    """One life of the worker; answers whether its end was wished for."""
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    try:
        worker_app = app.with_connector(app.connector.get_worker_connector())  # type: ignore[attr-defined]
        async with worker_app.open_async():
            asyncio.get_running_loop().set_default_executor(threads())
            lanes = [
                asyncio.create_task(
                    worker_app.run_worker_async(
                        queues=[lane.name],
                        concurrency=lane.threads,
                        delete_jobs="successful",
                        fetch_job_polling_interval=5.0,
                        shutdown_graceful_timeout=STOP_WITHIN_S,
                        install_signal_handlers=False,
                    )
                )
                for lane in LANES
            ]
            wish = asyncio.create_task(told.wait())
            await asyncio.wait({*lanes, wish}, return_when=asyncio.FIRST_COMPLETED)
            wish.cancel()
            for lane in lanes:
                lane.cancel()
            for lane in lanes:
                with contextlib.suppress(asyncio.CancelledError):
                    await lane
    except (ProcrastinateException, psycopg.Error, OSError) as error:
        log.warning("the worker broke off: %s", " ".join(f"{error} {error.__cause__ or ''}".split())[:200])
    return told.is_set()
