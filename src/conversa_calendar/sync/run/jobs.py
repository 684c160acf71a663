"""Jobs by name, for whoever only sets them going. `sync.tasks` has what they do."""

from datetime import datetime, timedelta
from enum import StrEnum, unique
from uuid import UUID

from procrastinate.contrib.django import app

from conversa_calendar.kit import clock
from conversa_calendar.sync.run import budget
from conversa_calendar.sync.run.budget import Rank


@unique
class Job(StrEnum):
    """The names under which jobs stand in the database."""

    RUN_MIRROR = "conversa_calendar.sync.tasks.run_mirror"
    DISCONNECT = "conversa_calendar.sync.tasks.disconnect"
    CLOSE_CHANNELS = "conversa_calendar.sync.tasks.close_channels"
    DEEP_CHECK = "conversa_calendar.sync.tasks.deep_check"
    WATCH_LIST = "conversa_calendar.sync.tasks.watch_list"
    REREAD_LIST = "conversa_calendar.sync.tasks.reread_list"


def enqueue_run(mirror_id: int, rank: Rank, waiting: int = 0) -> None:
    """A job for a mirror of whose account so many mirrors wait."""
    priority = budget.priority(rank, waiting)
    app.configure_task(Job.RUN_MIRROR, allow_unknown=False, priority=priority).defer(mirror_id=mirror_id)


def enqueue_disconnect(disconnect_id: int, account_id: int) -> None:
    """A job for the next steps of a disconnect."""
    app.configure_task(Job.DISCONNECT, allow_unknown=False).defer(disconnect_id=disconnect_id, account_id=account_id)


def enqueue_close_channels(mirror_id: int) -> None:
    """A job that ends the channels of a mirror."""
    app.configure_task(Job.CLOSE_CHANNELS, allow_unknown=False).defer(mirror_id=mirror_id)


def enqueue_deep_check(mirror_id: int, after_s: float = 0.0) -> None:
    """A job that proves a mirror and its counterpart equal, so much later."""
    at = clock.now() + timedelta(seconds=after_s) if after_s else None
    app.configure_task(Job.DEEP_CHECK, allow_unknown=False, schedule_at=at).defer(mirror_id=mirror_id)


def enqueue_watch_list(account_id: int, connection: UUID) -> None:
    """A job that has the provider notify changes of a connection's calendar list."""
    app.configure_task(Job.WATCH_LIST, allow_unknown=False).defer(account_id=account_id, connection=str(connection))


def enqueue_reread_list(account_id: int, connection: UUID, heard_at: datetime, after_s: float) -> None:
    """A job that reads a connection's calendar list again, unless it was read since `heard_at`."""
    at = heard_at + timedelta(seconds=after_s)
    job = app.configure_task(Job.REREAD_LIST, allow_unknown=False, schedule_at=at)
    job.defer(account_id=account_id, connection=str(connection), heard_at=heard_at.isoformat())
