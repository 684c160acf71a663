"""The test cluster: started once, shared by parallel workers, one database for each."""

import atexit
import fcntl
import os
from pathlib import Path

import psycopg

from conversa_calendar.config import postgres

_url = ""
_tables: list[str] = []


def prepare(cache: Path, worker: str) -> postgres.Cluster:
    """Starts or adopts the cluster and makes an empty database; sets the environment that settings will read."""
    global _url
    cache.mkdir(parents=True, exist_ok=True)
    cluster = postgres.Cluster(cache / "cluster", is_fast=True)
    with open(cache / "starting.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        adopted = postgres.Cluster(cache / "cluster", is_fast=True)
        if not (adopted.is_created and adopted._is_running()):
            cluster.start()
            if worker == "main":
                atexit.register(cluster.stop)
        name = f"test_{worker}"
        cluster.create_database(name)
    os.environ["DATABASE_URL"] = cluster.url(database=name)
    os.environ["DATABASE_OWNER_URL"] = cluster.url(postgres.OWNER, name)
    _url = cluster.url("postgres", name)
    return cluster


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


def superuser_url() -> str:
    return _url
