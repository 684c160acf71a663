"""Jobs of calendars: reminders, every minute."""

from procrastinate.contrib.django import app

from conversa_calendar.calendars import ringing, services


@app.periodic(cron="* * * * *")
@app.task(queue="upkeep", queueing_lock="reminders")
def ring(timestamp: int) -> None:
    """Rings what is due in every open account, and sends the mail that it makes."""
    for account_id in ringing.open_accounts():
        if ringing.ring(account_id):
            services.send_mail(account_id)


@app.periodic(cron="37 3 * * *")
@app.task(queue="upkeep", queueing_lock="forget_rings")
def forget_rings(timestamp: int) -> None:
    ringing.forget_old()
