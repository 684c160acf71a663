"""The database brought to this version by the role that owns the tables, with the rights of the one that works."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management import call_command
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from conversa_calendar.cli.trouble import Refused
from conversa_calendar.config import rights
from conversa_calendar.connections import readiness

_LOCK = "SELECT pg_advisory_lock(hashtext('conversa-calendar migrate'))"
_UNLOCK = "SELECT pg_advisory_unlock(hashtext('conversa-calendar migrate'))"


def bring_up_to_date() -> None:
    """Runs migrations and grants; a second one at the same time waits. Raises NotReady, Refused, DatabaseError."""
    readiness.require(lambda: readiness.database("owner"))
    owner = connections["owner"]
    with _alone(owner):
        call_command("migrate", database="owner", verbosity=0)
        _grant(owner)
    readiness.require(readiness.database)


@contextmanager
def _alone(owner: BaseDatabaseWrapper) -> Iterator[None]:
    with owner.cursor() as cursor:
        cursor.execute(_LOCK)
    try:
        yield
    finally:
        if owner.connection is not None and not owner.connection.closed:
            with owner.cursor() as cursor:
                cursor.execute(_UNLOCK)


def _grant(owner: BaseDatabaseWrapper) -> None:
    """Where two roles share the work, the one that works may read and write rows."""
    app = connections["default"].settings_dict["USER"]
    with owner.cursor() as cursor:
        cursor.execute("SELECT current_user, EXISTS (SELECT 1 FROM pg_roles WHERE rolname = %s)", [app])
        role, exists = cursor.fetchone()
        if not app or role == app:
            return
        if not exists:
            raise Refused(f"DATABASE_URL names the role “{app}”, which does not exist; create it first.")
        for statement in rights.by_default(role, app) + rights.on_own(app):
            cursor.execute(statement)
