"""Jobs of calendars: reminders, every minute."""

from procrastinate.contrib.django import app

from conversa_calendar.accounts import rounds
from conversa_calendar.calendars import ringing, services


@app.periodic(cron="* * * * *")
@app.task(queue="upkeep", queueing_lock="reminders")
def ring(timestamp: int) -> None:
    """Rings what is due in every open account, and sends the mail that it makes."""
    rounds.for_each_account(_ring, ringing.open_accounts())


@app.periodic(cron="37 3 * * *")
@app.task(queue="upkeep", queueing_lock="forget_rings")
def forget_rings(timestamp: int) -> None:
    ringing.forget_old()


@app.periodic(cron="*/15 * * * *")
@app.task(queue="upkeep", queueing_lock="waiting_mail")
def send_waiting_mail(timestamp: int) -> None:
    """Sends what had to wait for another day's budget."""
    rounds.for_each_account(services.send_mail)


def _ring(account_id: int) -> None:
    if ringing.ring(account_id):
        services.send_mail(account_id)
