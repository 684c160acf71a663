"""Work that goes round over accounts: what fails in one is logged, and the others have their turn."""

import logging
from collections.abc import Callable, Iterable

from conversa_calendar.accounts.models import Account

log = logging.getLogger(__name__)


def for_each_account(work: Callable[[int], object], account_ids: Iterable[int] | None = None) -> None:
    """Does something for these accounts, for all without `account_ids`, oldest first. A failure ends nobody else's."""
    if account_ids is None:
        account_ids = list(Account.objects.order_by("pk").values_list("pk", flat=True))
    for account_id in account_ids:
        try:
            work(account_id)
        except Exception:
            log.exception("%s failed in account %s; the others go on", getattr(work, "__qualname__", work), account_id)
