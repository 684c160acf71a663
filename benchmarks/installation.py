"""An installation to measure: embedded PostgreSQL, the emulator in a process of its own, the product in this one."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ANA = "ana@bench.example"


@dataclass
class Count:
    """What one measured action did to the database."""

    statements: int = 0
    commits: int = 0
    texts: list[str] = field(default_factory=list)


def world(events: int) -> dict[str, Any]:
    """A calendar of `events` items: 90 % single, 5 % series of up to 200 occurrences, 5 % overrides of them."""
    first, items, series = datetime.now(UTC).date() - timedelta(days=300), [], 0
    for n in range(events):
        day = first + timedelta(days=n % 600)
        times = _times(day, 8 + n % 10)
        if n % 20 == 0:
            series += 1
            rule = f"RRULE:FREQ=DAILY;COUNT={10 + n % 190}"
            items.append({"id": f"series{n:07d}", "summary": f"Series {n}", "recurrence": [rule], **times})
        elif n % 20 == 1:
            moved = _times(day + timedelta(days=1), 20)
            suffix = (first + timedelta(days=(n - 1) % 600 + 2)).strftime("%Y%m%d") + f"T{8 + (n - 1) % 10:02d}0000Z"
            items.append(
                {
                    "id": f"series{n - 1:07d}_{suffix}",
                    "recurringEventId": f"series{n - 1:07d}",
                    "summary": f"O {n}",
                    **moved,
                }
            )
        else:
            items.append({"id": f"single{n:07d}", "summary": f"Event {n}", "description": "text " * 12, **times})
    calendar = {"id": ANA, "summary": ANA, "owner": ANA, "time_zone": "UTC", "events": items}
    return {"accounts": [{"email": ANA, "time_zone": "UTC"}], "calendars": [calendar]}


def _times(day: date, hour: int) -> dict[str, Any]:
    return {
        "start": {"dateTime": f"{day}T{hour:02d}:00:00Z", "timeZone": "UTC"},
        "end": {"dateTime": f"{day}T{hour:02d}:45:00Z", "timeZone": "UTC"},
    }


@contextmanager
def started(home: Path, events: int) -> Iterator[str]:
    """Serves a calendar of `events` items at “Google” and prepares this process; answers the emulator's address. The
    world is written by a process of its own, so that it does not count as this one's memory."""
    from conversa_calendar.config import postgres

    home.mkdir(parents=True, exist_ok=True)
    writing = f"import json; from benchmarks.installation import world; print(json.dumps(world({events})))"
    with open(home / "world.json", "wb") as target:
        subprocess.run([sys.executable, "-c", writing], cwd=ROOT, stdout=target, check=True)
    command = [sys.executable, "-m", "gcal_emulator.cli", "serve", "--port", "0", "--world", str(home / "world.json")]
    cluster = postgres.Cluster(home / "db")
    emulator = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert emulator.stdout is not None
        address = emulator.stdout.readline().split()[-1]
        with cluster:
            cluster.create_database("bench")
            os.environ.update(
                DATA_DIR=str(home),
                DATABASE_URL=cluster.url(database="bench"),
                DATABASE_OWNER_URL=cluster.url(postgres.OWNER, "bench"),
                SUPERUSER_URL=cluster.url("postgres", "bench"),
                GOOGLE_BASE_URL=address,
                GOOGLE_CLIENT_ID="demo-client",
                GOOGLE_CLIENT_SECRET="demo-secret",
                DJANGO_SETTINGS_MODULE="conversa_calendar.config.settings",
            )
            import django
            from django.core.management import call_command

            django.setup()
            call_command("migrate", database="owner", verbosity=0)
            _become_a_worker()
            yield address
    finally:
        emulator.kill()
        cluster.remove()


def _become_a_worker() -> None:
    from conversa_calendar.cli import working

    working.tune_interpreter()


@contextmanager
def counted() -> Iterator[Count]:
    """Counts statements and commits, the queue's own left out."""
    from django.db import connection

    count = Count()

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "procrastinate" not in str(sql):
            count.statements += 1
            count.texts.append(" ".join(str(sql).split())[:90])
            if not connection.in_atomic_block:
                count.commits += 1
        return execute(sql, params, many, context)

    original = connection._commit

    def commit() -> None:
        count.commits += 1
        original()

    connection._commit = commit
    try:
        with connection.execute_wrapper(note):
            yield count
    finally:
        connection._commit = original


def seconds(action: Any) -> float:
    begin = time.perf_counter()
    action()
    return time.perf_counter() - begin
