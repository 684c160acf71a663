"""How much mail an account may send to people outside of it, and what becomes of the rest.

Whoever signs up could otherwise write to thousands of strangers in our name within a minute. The daily budget grows with
the account's age. What a member asks for beyond it is refused with a sentence; what merely follows from something, as
the notice of a moved booking, waits for the next day. Mail to those who have come into the account themselves never counts.
What visitors of booking pages cause has a budget of its own, so that they never use up what members need.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from conversa_calendar.accounts.models import Account, Member
from conversa_calendar.accounts.tenancy import current_account
from conversa_calendar.accounts.throttle import Count, Limit
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.kit import clock

DAY_S = 24 * 3600
FIRST_DAY, EACH_DAY, MOST = 100, 50, 5000
"""Enough for a company that begins; after three months for one that lives by mail."""


@dataclass(frozen=True)
class Budget:
    """What an account may still send today, as its administrators see it."""

    most: int
    sent: int
    ends_at: datetime

    @property
    def left(self) -> int:
        return max(0, self.most - self.sent)


_is_visitors: ContextVar[bool] = ContextVar("is_visitors", default=False)


@contextmanager
def by_visitors() -> Iterator[None]:
    """What is owed within is caused by visitors of booking pages."""
    token = _is_visitors.set(True)
    try:
        yield
    finally:
        _is_visitors.reset(token)


def budget() -> Budget:
    """The budget of the scope's account for what members cause, or within `by_visitors` for what visitors do."""
    limit = _limit()
    stands = limit.look(current_account())
    return Budget(limit.most, stands.count, stands.ends_at)


def visitors_budget() -> Budget:
    """The budget of the scope's account for what visitors of its booking pages cause."""
    with by_visitors():
        return budget()


def afford(addresses: Iterable[str]) -> None:
    """Asked before a member's act that mails people outside. Raises Invalid when today's budget does not suffice."""
    wanted, now = len(strangers(addresses)), budget()
    if wanted > now.left:
        words = _(
            "This would write to %(wanted)s people outside of your account, and %(left)s more mails may go out today. "
            "The daily number grows with the age of your account."
        )
        raise Invalid("notify", words % {"wanted": wanted, "left": now.left})


def spend(addresses: Iterable[str]) -> None:
    """Counts mails that a provider sends to these people at a member's wish. Raises Invalid when today's budget does not
    suffice."""
    found = strangers(addresses)
    afford(found)
    if found:
        _limit().hit(current_account(), cost=len(found))


def strangers(addresses: Iterable[str]) -> set[str]:
    """Those addresses that belong to nobody who has come into the scope's account."""
    wanted = {address.strip().lower() for address in addresses}
    rows = Member.objects.filter(user__email__in=wanted, accepted_at__isnull=False, is_suspended=False)
    return wanted - set(rows.values_list("user__email", flat=True))


def due_at(address: str) -> datetime | None:
    """Counts a mail; answers when it may go out, None being at once."""
    if not strangers([address]):
        return None
    limit = _limit()
    count = limit.hit(current_account())
    return _later(count, limit.most) if count.is_over else None


def _later(count: Count, most: int) -> datetime:
    """The day on which there is room: what exceeds the budget twice waits two days."""
    return count.ends_at + timedelta(days=(count.count - 1) // most - 1)


def _limit() -> Limit:
    created_at = Account.objects.values_list("created_at", flat=True).get(pk=current_account())
    days = max(0, (clock.now() - created_at).days)
    name = "mails that visitors cause" if _is_visitors.get() else "mails to people outside"
    return Limit(name, min(MOST, FIRST_DAY + EACH_DAY * days), DAY_S)
