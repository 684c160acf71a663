"""The test cluster: started once, one for each parallel worker, as the change feed waits for whatever is open in its cluster."""

import atexit
import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from conversa_calendar.config import postgres

_url = ""
_cluster: postgres.Cluster | None = None
_tables: list[str] = []


def prepare(cache: Path, worker: str) -> postgres.Cluster:
    """Starts or adopts the cluster and makes an empty database; sets the environment that settings will read."""
    global _url, _cluster
    cache.mkdir(parents=True, exist_ok=True)
    home = cache / ("cluster" if worker == "main" else f"cluster-{worker}")
    cluster = postgres.Cluster(home, is_fast=True)
    with open(cache / f"starting-{worker}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        adopted = postgres.Cluster(home, is_fast=True)
        if not (adopted.is_created and adopted.is_running()):
            cluster.start()
            atexit.register(cluster.remove if os.environ.get("CI") else cluster.stop)
        name = f"test_{worker}"
        cluster.create_database(name)
    os.environ["DATABASE_URL"] = cluster.url(database=name)
    os.environ["DATABASE_OWNER_URL"] = cluster.url(postgres.OWNER, name)
    _url, _cluster = cluster.url("postgres", name), cluster
    return cluster


@contextmanager
def another(name: str) -> Iterator[dict[str, str]]:
    """A further database without tables; gives the environment that names it, by role: app, owner, superuser."""
    assert _cluster is not None
    own = f"{name}_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    _cluster.create_database(own)
    try:
        roles = {"app": postgres.APP, "owner": postgres.OWNER, "superuser": "postgres"}
        yield {kind: _cluster.url(role, own) for kind, role in roles.items()}
    finally:
        with psycopg.connect(_cluster.url("postgres", "postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{own}" WITH (FORCE)')


def empty() -> None:
    """Deletes every row, whatever row-level security says."""
    with psycopg.connect(_url, autocommit=True) as connection:
        if not _tables:
            query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'django_migrations'"
            kept = ("procrastinate_version", "django_content_type", "auth_permission")
            _tables.extend(row[0] for row in connection.execute(query) if row[0] not in kept)
        statements = ";".join(f'DELETE FROM "{table}"' for table in _tables)
        connection.execute(
            f"SET session_replication_role = replica; {statements}; SET session_replication_role = origin"
        )


class Backup:
    """Every row as it was: what differs from it now is found, and put back, table by table."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection = connection
        query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'django_migrations'"
        tables = [name for (name,) in connection.execute(query)]
        connection.execute("DROP SCHEMA IF EXISTS backup CASCADE; CREATE SCHEMA backup")
        for table in tables:
            connection.execute(f'CREATE TABLE backup."{table}" AS TABLE public."{table}"')
        self._columns = {t: ", ".join(f'"{name}"' for name in _stored(connection, t)) for t in tables}
        digests = [
            f"SELECT '{t}', md5(string_agg(one, ',' ORDER BY one)) "
            f"FROM (SELECT (to_jsonb(t) - 'last_used_at')::text AS one FROM public.\"{t}\" t)"
            for t in tables
        ]
        self._query = " UNION ALL ".join(digests)
        self._before = self._digests()

    def changed(self) -> set[str]:
        """The tables that hold other rows now; when a token was used last does not count."""
        now = self._digests()
        return {table for table, digest in self._before.items() if now[table] != digest}

    def put_back(self, tables: Iterable[str]) -> None:
        self._connection.execute("SET session_replication_role = replica")
        for table in tables:
            columns = self._columns[table]
            self._connection.execute(
                f'DELETE FROM public."{table}"; INSERT INTO public."{table}" ({columns}) OVERRIDING SYSTEM VALUE '
                f'SELECT {columns} FROM backup."{table}"'
            )
        self._connection.execute("SET session_replication_role = origin")

    def _digests(self) -> dict[str, str | None]:
        return dict(self._connection.execute(self._query).fetchall())


@contextmanager
def kept() -> Iterator[Backup]:
    """A backup of every row, for as long as it is looked at."""
    with psycopg.connect(_url, autocommit=True) as connection:
        yield Backup(connection)
        connection.execute("DROP SCHEMA backup CASCADE")


@contextmanager
def backed_up() -> Iterator[Callable[[], None]]:
    """A backup of every row; what it gives puts them back as they were, also those made, changed and deleted since."""
    with psycopg.connect(_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS backup CASCADE; CREATE SCHEMA backup")
        query = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'django_migrations'"
        tables = [name for (name,) in connection.execute(query)]
        for table in tables:
            connection.execute(f'CREATE TABLE backup."{table}" AS TABLE public."{table}"')

        def put_back() -> None:
            connection.execute("SET session_replication_role = replica")
            for table in tables:
                columns = ", ".join(f'"{name}"' for name in _stored(connection, table))
                connection.execute(
                    f'DELETE FROM public."{table}"; INSERT INTO public."{table}" ({columns}) OVERRIDING SYSTEM VALUE '
                    f'SELECT {columns} FROM backup."{table}"'
                )
            connection.execute("SET session_replication_role = origin")

        yield put_back
        connection.execute("DROP SCHEMA backup CASCADE")


def _stored(connection: "psycopg.Connection[Any]", table: str) -> list[str]:
    """Columns that are not computed."""
    query = "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = %s"
    return [name for (name,) in connection.execute(f"{query} AND is_generated = 'NEVER'", [table])]


def superuser_url() -> str:
    return _url
