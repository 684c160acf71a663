"""One worker at a time for each endpoint, with a rising fence: what keeps the messages about one thing in order."""

from datetime import datetime, timedelta

import msgspec
from django.db.models import F, Q

from conversa_calendar.kit import clock
from conversa_calendar.webhooks.models import EndpointRun

LEASE = timedelta(seconds=60)
"""Longer than a batch can take; renewed with each."""


class FenceLost(Exception):
    """Another worker took over; nothing of this one may be stored any more."""


class Lease(msgspec.Struct, frozen=True):
    endpoint_id: int
    account_id: int
    fence: int


def take(endpoint_id: int) -> Lease | None:
    """The right to deliver to an endpoint; None while somebody else has it, or it is off."""
    now = clock.now()
    free = Q(leased_until=None) | Q(leased_until__lt=now)
    rows = EndpointRun.objects.filter(free, endpoint_id=endpoint_id, is_on=True)
    if not rows.update(fence=F("fence") + 1, leased_until=now + LEASE):
        return None
    found = EndpointRun.objects.get(endpoint_id=endpoint_id)
    return Lease(found.endpoint_id, found.account_id, found.fence)


def hold(lease: Lease) -> None:
    """Within a transaction that stores something: goes on holding it. Raises FenceLost."""
    now = clock.now()
    rows = EndpointRun.objects.filter(endpoint_id=lease.endpoint_id, fence=lease.fence, leased_until__gt=now)
    if not rows.update(leased_until=now + LEASE):
        raise FenceLost


def release(lease: Lease, again_at: datetime | None) -> None:
    """Gives it back; `again_at` is when there is something to do again as far as is known."""
    rows = EndpointRun.objects.filter(endpoint_id=lease.endpoint_id, fence=lease.fence)
    rows.update(leased_until=None, next_attempt_at=again_at)


def due() -> list[tuple[int, int]]:
    """(account id, endpoint id) of endpoints that nobody looks after although there is something to do."""
    now = clock.now()
    free = Q(leased_until=None) | Q(leased_until__lt=now)
    left_behind = Q(next_attempt_at__lte=now) | Q(leased_until__lt=now)
    rows = EndpointRun.objects.filter(free & left_behind, is_on=True)
    return list(rows.order_by("next_attempt_at").values_list("account_id", "endpoint_id")[:500])
