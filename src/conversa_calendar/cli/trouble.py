"""Known kinds of trouble, each in one sentence: what is wrong and what helps. Every command's errors pass through here."""

import sys
from collections.abc import Callable

EXIT_CODE = 2
_NOT_PREPARED = {"42P01", "42703"}
"""PostgreSQL's words for a table or column that is not there."""
_NOT_ALLOWED = "42501"


class Refused(Exception):
    """A command was given something that it cannot use; the message says what and what it needs."""


def told(program: str, run: Callable[[], int]) -> int:
    """Runs a command. Trouble of a known kind is told in one sentence and ends with status 2; anything else is a fault of
    ours and keeps its traceback."""
    try:
        return run()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 1
    except Exception as error:
        said = sentence(error)
        if said is None:
            raise
        print(f"{program}: {said}", file=sys.stderr)
        return EXIT_CODE


def sentence(error: BaseException) -> str | None:
    """What to tell of an error, or None when its kind is not known."""
    if isinstance(error, _in_words()):
        return _one_line(str(error))
    if isinstance(error, OSError):
        name = f"{error.filename}: " if error.filename else ""
        return _one_line(f"{name}{error.strerror or error}.")
    return _of_the_database(error)


def _in_words() -> tuple[type[BaseException], ...]:
    """Errors whose message was written for people. Those that need Django are only known once it is there."""
    from conversa_calendar.cli import processes
    from conversa_calendar.config.environment import SettingsError
    from conversa_calendar.config.folders import FolderRefused
    from conversa_calendar.config.postgres import ClusterError

    plain = (SettingsError, ClusterError, FolderRefused, processes.ChildDied, processes.PortTaken, Refused)
    if "conversa_calendar.accounts.services" not in sys.modules:
        return plain
    from conversa_calendar.accounts import services
    from conversa_calendar.calendars.validation import Invalid
    from conversa_calendar.connections.readiness import NotReady
    from conversa_calendar.connections.sealing import SealBroken

    return (*plain, services.Refused, Invalid, NotReady, SealBroken)


def _of_the_database(error: BaseException) -> str | None:
    import psycopg
    from django.core.exceptions import ImproperlyConfigured
    from django.db import DatabaseError, OperationalError

    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    state = getattr(cause, "sqlstate", None) or ""
    if isinstance(error, ImproperlyConfigured):
        return _one_line(str(error))
    if not isinstance(error, DatabaseError | psycopg.Error):
        return None
    if state in _NOT_PREPARED:
        return "The database is not at this version; run conversa-calendar migrate first."
    if state == _NOT_ALLOWED:
        return _one_line(
            f"The database refuses its role: {_first(error)}. Run conversa-calendar migrate with DATABASE_OWNER_URL naming "
            "the role that owns the tables."
        )
    if isinstance(error, OperationalError | psycopg.OperationalError):
        return _one_line(f"The database cannot be reached: {_first(error)}. Is it running, and is DATABASE_URL right?")
    return None


def _first(error: BaseException) -> str:
    return str(error).strip().split("\n")[0].rstrip(".")


def _one_line(text: str) -> str:
    return " ".join(text.split())
