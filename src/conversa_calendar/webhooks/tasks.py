"""Jobs of the feed."""

from procrastinate.contrib.django import app

from conversa_calendar.accounts import rounds
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.webhooks import sight


@app.periodic(cron="23 4 * * *")
@app.task(queue="upkeep", queueing_lock="forget_feed")
def forget_old(timestamp: int) -> None:
    """Once a day: what no reader can come back to."""
    rounds.for_each_account(_forget_old)


def _forget_old(account_id: int) -> None:
    with tenant(account_id):
        sight.forget_old()
