"""One virtual time for the product, the emulator and the database."""

import threading
from datetime import datetime, timedelta
from typing import Any

import psycopg
from gcal_emulator.clock import Clock
from psycopg import sql

from conversa_calendar.kit import clock
from tests.support import database

_SQL = """
    CREATE SCHEMA IF NOT EXISTS sim;
    CREATE TABLE IF NOT EXISTS sim.clock (at timestamptz);
    CREATE OR REPLACE FUNCTION sim.now() RETURNS timestamptz LANGUAGE sql STABLE
        AS 'SELECT coalesce((SELECT max(at) FROM sim.clock), pg_catalog.now())';
    GRANT USAGE ON SCHEMA sim TO PUBLIC;
    GRANT SELECT ON sim.clock TO PUBLIC;
"""
SEARCH_PATH = "sim, pg_catalog, public"


class VirtualTime:
    """Time that moves only by hand. `now()` in SQL follows on connections whose search path begins with `sim`."""

    def __init__(self, start: datetime) -> None:
        self.start = start
        self.now = start
        self.skew_s = 0.0
        """How far the product's clock is from the database's and Google's."""
        self.google = Clock(is_manual=True, now=start)
        self._session = psycopg.connect(database.superuser_url(), autocommit=True)

    def __enter__(self) -> "VirtualTime":
        self._session.execute(_SQL)
        self._session.execute("DELETE FROM sim.clock")
        self._session.execute("INSERT INTO sim.clock VALUES (%s)", [self.now])
        clock.use(self._product_now, lambda: (self.now - self.start).total_seconds(), self.advance)
        return self

    def __exit__(self, *error: Any) -> None:
        clock.use()
        self._session.execute("DELETE FROM sim.clock")
        self._session.close()

    def _product_now(self) -> datetime:
        """What the machine of this thread shows: every other worker's clock is right."""
        is_right = getattr(threading.current_thread(), "is_right", False)
        return self.now if is_right else self.now + timedelta(seconds=self.skew_s)

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.google.set(self.now)
        self._session.execute("UPDATE sim.clock SET at = %s", [self.now])

    def fence(self, mirror_id: int) -> int:
        """The fence of the latest run of a mirror, as the database has it."""
        row = self._session.execute("SELECT fence FROM sync_mirrorrun WHERE mirror_id = %s", [mirror_id]).fetchone()
        return int(row[0]) if row else 0

    def count(self, table: str) -> int:
        """Rows of a table, whoever they belong to."""
        row = self._session.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
        return int(row[0]) if row else 0

    def number(self, query: str) -> int:
        """A number, whoever's rows it counts."""
        row = self._session.execute(query.encode()).fetchone()
        return int(row[0] or 0) if row else 0

    def tables_with(self, texts: list[str]) -> list[str]:
        """Tables of the product in which one of these texts stands."""
        query = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        found = []
        for (name,) in self._session.execute(query).fetchall():
            holds = sql.SQL("SELECT count(*) FROM {} t WHERE strpos(t::text, %s) > 0").format(sql.Identifier(name))
            for text in {text[:5] for text in texts}:
                if self._session.execute(holds, [text]).fetchone() != (0,):
                    found.append(name)
        return found

    def kill_backend(self, pid: int) -> None:
        """Ends a database session as the server sees a killed process."""
        self._session.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
