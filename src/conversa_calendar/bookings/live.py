"""The last question before a booking: whether the hosts' calendars are free at their provider as well, by the page's own
rules. Asked outside of any transaction; whoever was refused is shown what else is free.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.bookings import availability, counting, mails
from conversa_calendar.bookings.availability import Host
from conversa_calendar.bookings.models import CANCELLED, Booking, BookingPage
from conversa_calendar.calendars.signals import busy_asked
from conversa_calendar.domain.event import Content
from conversa_calendar.domain.vocabulary import HostMode
from conversa_calendar.kit import clock

FAIRNESS = timedelta(days=30)
BEFORE, AFTER = timedelta(days=3), timedelta(days=14)
"""How far around a refused time others are looked for."""
ALTERNATIVES_MAX = 3


class Taken(Exception):
    """The time is not, or no longer, free. `alternatives` are the nearest starts that are, for whoever shows it; `gone`
    are the members whose own destination does not exist at the provider any more."""

    def __init__(self, gone: frozenset[int] = frozenset()) -> None:
        super().__init__(_("This time was just taken. Please choose another one."))
        self.gone = gone
        self.alternatives: list[datetime] = []


def choice(
    account_id: int, page_uuid: UUID, starts: list[datetime], duration: int, ignored: int | None = None
) -> list[int]:
    """The hosts (member ids) to book at all of these times, after asking their providers; outside of any transaction.
    A provider that does not answer in time leaves the decision to what is known here; one that says that the calendar
    which the booking would go to is gone, does not. Raises Taken."""
    with tenant(account_id):
        page = BookingPage.objects.get(uuid=page_uuid)
        able = fairest(page, _free_at_all(page, duration, starts, ignored))
    willing: list[int] = []
    gone: set[int] = set()
    for host in able:
        answers = [_asked(account_id, page, host, start, duration, ignored) for start in starts]
        is_gone = any(answer.get(host.calendar.pk) == "gone" for answer in answers)
        gone |= {host.member.pk} if is_gone else set()
        if is_gone or any("busy" in answer.values() for answer in answers):
            if page.host_mode == HostMode.ALL:
                break
            continue
        willing.append(host.member.pk)
        if page.host_mode != HostMode.ALL:
            break
    if gone:
        _tell_gone(account_id, [host for host in able if host.member.pk in gone])
    if not willing or (page.host_mode == HostMode.ALL and len(willing) < len(able)):
        raise Taken(frozenset(gone))
    return willing


@contextmanager
def showing_others(
    account_id: int, page_uuid: UUID, start: datetime, duration: int, ignored: int | None = None
) -> Iterator[None]:
    """Whoever is refused within learns which times near the wished one are free. Used around the transaction that ends by
    the refusal."""
    try:
        yield
    except Taken as error:
        with tenant(account_id):
            page = BookingPage.objects.get(uuid=page_uuid)
            error.alternatives = alternatives(page, start, duration, ignored, error.gone)
        raise


def alternatives(
    page: BookingPage, start: datetime, duration: int, ignored: int | None = None, without: frozenset[int] = frozenset()
) -> list[datetime]:
    """The free starts nearest to a refused one, in order; none that would take any of its time again."""
    since = max(start - BEFORE, clock.now())
    if not since < start + AFTER or (without and page.host_mode == HostMode.ALL):
        return []
    length = timedelta(minutes=duration + page.buffer_before + page.buffer_after)
    found = availability.slots(page, duration, since, start + AFTER, ignored)
    fit = [
        at
        for at, hosts in found.items()
        if abs(at - start) >= length and any(host.member.pk not in without for host in hosts)
    ]
    return sorted(sorted(fit, key=lambda at: abs(at - start))[:ALTERNATIVES_MAX])


def fairest(page: BookingPage, able: list[Host]) -> list[Host]:
    """Round robin: the fewest bookings for one's weight in the last month first, then who waited longest."""
    if page.host_mode != HostMode.ROUND_ROBIN:
        return able
    counts: dict[int, tuple[int, float]] = {}
    rows = Booking.objects.filter(page=page, created_at__gt=clock.now() - FAIRNESS).exclude(state=CANCELLED)
    for host_id, at in rows.values_list("host_id", "created_at"):
        count, last = counts.get(host_id, (0, 0.0))
        counts[host_id] = (count + 1, max(last, at.timestamp()))

    def load(host: Host) -> tuple[float, float, int]:
        count, last = counts.get(host.member.pk, (0, 0.0))
        return count / host.weight, last, host.member.pk

    return sorted(able, key=load)


def _free_at_all(page: BookingPage, duration: int, starts: list[datetime], ignored: int | None = None) -> list[Host]:
    """Who is free at each of these times, in the order of the first."""
    found = [
        availability.slots(page, duration, start, start + timedelta(seconds=1), ignored).get(start, [])
        for start in starts
    ]
    common = set.intersection(*({host.member.pk for host in hosts} for hosts in found))
    return [host for host in found[0] if host.member.pk in common]


def _asked(
    account_id: int, page: BookingPage, host: Host, start: datetime, duration: int, ignored: int | None
) -> dict[int, str]:
    """What the providers say of a host's calendars then, buffers included, the destination first."""

    def counts(content: Content, event_type: str) -> bool:
        return counting.counts(page, content, event_type)

    answers: list[tuple[Any, Any]] = busy_asked.send(
        sender=None,
        account_id=account_id,
        calendars=[host.calendar.pk, *(pk for pk in host.calendars if pk != host.calendar.pk)],
        since=start - timedelta(minutes=page.buffer_before),
        until=start + timedelta(minutes=duration + page.buffer_after),
        ignored=ignored,
        counts=counts,
    )
    return {pk: answer for _receiver, found in answers for pk, answer in found.items()}


def _tell_gone(account_id: int, hosts: list[Host]) -> None:
    with tenant(account_id):
        for host in hosts:
            mails.tell_of_lost_destination(host.member, host.calendar)
