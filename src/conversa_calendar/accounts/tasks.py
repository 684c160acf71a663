"""Jobs of accounts: counts whose windows have ended are dropped."""

from procrastinate.contrib.django import app

from conversa_calendar.accounts import throttle


@app.periodic(cron="*/20 * * * *")
@app.task(queue="upkeep", queueing_lock="forget_counts")
def forget_counts(timestamp: int) -> None:
    throttle.forget_old()
