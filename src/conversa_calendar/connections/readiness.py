"""What must hold before anything is served or synced: asked by the commands at their start, by `/readyz`, by the doctor.

Each question is put only when those before it were answered well, so that one cause is said once.
"""

from collections.abc import Callable
from dataclasses import dataclass

from django.db import OperationalError, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation import gettext as _

from conversa_calendar.connections import keyring

POSTGRESQL_AT_LEAST = 16
DATABASE, ROLE, MIGRATIONS, KEYS = "database", "role", "migrations", "keys"
_is_migrated = False


class NotReady(Exception):
    """The installation cannot do its work yet; the message says why and what helps."""


@dataclass(frozen=True)
class Answer:
    """One question's answer. `public` is what may be told to whoever asks the probe."""

    about: str
    is_good: bool
    says: str
    public: str = ""


def answers() -> list[Answer]:
    """All questions in order, up to the first that is not answered well."""
    given = []
    for ask in (database, role, migrations, keys):
        given.append(ask())
        if not given[-1].is_good:
            break
    return given


def require(*asked: Callable[[], Answer]) -> None:
    """Raises NotReady with the first of these that does not hold."""
    for ask in asked:
        if not (answer := ask()).is_good:
            raise NotReady(answer.says)


def database(role: str = "default") -> Answer:
    """It answers the role, and is new enough."""
    connection = connections[role]
    try:
        connection.ensure_connection()
    except OperationalError as error:
        said = " ".join(str(error).split())
        says = _("The database cannot be reached: %(error)s") % {"error": said}
        return Answer(DATABASE, False, says, public="database unavailable")
    major = connection.connection.info.server_version // 10_000
    if major < POSTGRESQL_AT_LEAST:
        says = _("PostgreSQL %(needed)s or newer is needed; DATABASE_URL names one of version %(found)s.")
        says = says % {"needed": POSTGRESQL_AT_LEAST, "found": major}
        return Answer(DATABASE, False, says, public="database too old")
    return Answer(DATABASE, True, _("PostgreSQL %(version)s answers") % {"version": major})


def role() -> Answer:
    """The role cannot see through the walls between accounts."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        name, is_super, bypasses = cursor.fetchone() or ("?", True, True)
    if is_super or bypasses:
        kind = _("is a superuser") if is_super else _("has BYPASSRLS")
        says = _(
            "The role “%(role)s” of DATABASE_URL %(kind)s and so sees through the walls between accounts; use an ordinary "
            "one."
        )
        return Answer(ROLE, False, says % {"role": name, "kind": kind}, public="database role sees too much")
    return Answer(ROLE, True, _("accounts are walled off"))


def migrations() -> Answer:
    """The tables are those of this version; once they are, they stay so for this process."""
    global _is_migrated
    if not _is_migrated:
        executor = MigrationExecutor(connection)
        waiting = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
        if waiting:
            says = _("The database is not at this version, %(count)s migrations are to run: conversa-calendar migrate")
            return Answer(MIGRATIONS, False, says % {"count": waiting}, public="migrations to run")
        _is_migrated = True
    return Answer(MIGRATIONS, True, _("up to date"))


def keys() -> Answer:
    """Every key that seals something is at hand and the same as ever."""
    found = keyring.prove()
    if found.sentence:
        return Answer(KEYS, False, found.sentence, public="encryption keys do not fit")
    return Answer(KEYS, True, _("open everything that is stored"))


def prove_keys_at_start() -> None:
    """Before serving or working: the keys fit what is stored, and the active one leaves its proof. Raises NotReady."""
    require(keys)
    if sentence := keyring.prove_unproven().sentence:
        raise NotReady(sentence)
    keyring.enrol()
