"""Jobs of files and mails: bringing files in, undoing that, forgetting old ones, looking for answers by mail. Each is
safe to run twice."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from procrastinate.contrib.django import app

from conversa_calendar.accounts import rounds
from conversa_calendar.formats import archiving, importing, mailbox
from conversa_calendar.kit import clock, ids
from conversa_calendar.sync.run import seats
from conversa_calendar.sync.run.seats import Share

OF_FILES, OF_ACCOUNT = Share(0.5, 0.5), Share(0.25, 0.25)
"""What files may take of the threads that the dispatcher, mails and disconnects need as well."""
NO_SEAT_S = 5.0


@app.task(queue="upkeep")
def bring_in(account_id: int, import_id: int) -> None:
    """Carries an import out, or undoes it."""
    if not _seated(account_id, lambda: importing.advance(account_id, import_id)):
        _later(bring_in, account_id=account_id, import_id=import_id)


@app.task(queue="upkeep")
def pack(account_id: int, export_id: int) -> None:
    """Packs what an account takes with it."""
    if not _seated(account_id, lambda: archiving.pack(account_id, export_id)):
        _later(pack, account_id=account_id, export_id=export_id)


def _seated(account_id: int, work: Callable[[], None]) -> bool:
    """Does what takes long, unless as many of this account, or of all, are at it already; answers whether it was done."""
    claims: seats.Claims = {"files": OF_FILES, ("files", account_id): OF_ACCOUNT}
    since_s = seats.UPKEEP.take_seat(claims)
    if since_s is None:
        return False
    try:
        work()
    finally:
        seats.UPKEEP.free_seat(claims, since_s)
    return True


def _later(task: Any, **values: int) -> None:
    task.configure(schedule_at=clock.now() + timedelta(seconds=ids.jitter(NO_SEAT_S))).defer(**values)


@app.periodic(cron="*/5 * * * *")
@app.task(queue="upkeep", queueing_lock="unfinished_imports")
def go_on(timestamp: int) -> None:
    """Takes up imports and exports whose job died."""
    rounds.for_each_account(_go_on)


@app.periodic(cron="53 3 * * *")
@app.task(queue="upkeep", queueing_lock="forget_files")
def forget_old(timestamp: int) -> None:
    rounds.for_each_account(importing.forget_old)
    rounds.for_each_account(archiving.forget_old)


@app.periodic(cron="* * * * *")
@app.task(queue="upkeep", queueing_lock="answers")
def look_for_answers(timestamp: int) -> None:
    """Every minute: what guests answered by mail."""
    mailbox.poll()


def _go_on(account_id: int) -> None:
    for import_id in importing.unfinished(account_id):
        bring_in.defer(account_id=account_id, import_id=import_id)
    for export_id in archiving.unfinished(account_id):
        pack.defer(account_id=account_id, export_id=export_id)
