"""Jobs of bookings: notices that rested long enough, and the mail that they make."""

from procrastinate.contrib.django import app

from conversa_calendar.accounts import rounds
from conversa_calendar.bookings import following
from conversa_calendar.calendars import services as calendars


@app.task(queue="upkeep", name="conversa_calendar.bookings.tasks.mail_soon")
def mail_soon(account_id: int) -> None:
    calendars.send_mail(account_id)


@app.task(queue="upkeep", name="conversa_calendar.bookings.tasks.tell_due")
def tell_due(account_id: int) -> None:
    """Notices of one account whose rest is over, sent at once."""
    if following.deliver_notices(account_id):
        calendars.send_mail(account_id)


@app.periodic(cron="* * * * *")
@app.task(queue="upkeep", queueing_lock="booking_notices")
def tell_visitors(timestamp: int) -> None:
    rounds.for_each_account(_tell, following.accounts_with_notices())


def _tell(account_id: int) -> None:
    if following.deliver_notices(account_id) + following.deliver_reminders(account_id):
        calendars.send_mail(account_id)
