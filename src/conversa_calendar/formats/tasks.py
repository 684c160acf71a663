"""Jobs of files and mails: bringing files in, undoing that, forgetting old ones, looking for answers by mail. Each is
safe to run twice."""

from procrastinate.contrib.django import app

from conversa_calendar.accounts import rounds
from conversa_calendar.formats import archiving, importing, mailbox


@app.task(queue="upkeep")
def bring_in(account_id: int, import_id: int) -> None:
    """Carries an import out, or undoes it."""
    importing.advance(account_id, import_id)


@app.task(queue="upkeep")
def pack(account_id: int, export_id: int) -> None:
    """Packs what an account takes with it."""
    archiving.pack(account_id, export_id)


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
