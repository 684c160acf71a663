"""Where an event may have gone that its calendar shows no more: of a removal nothing is told or carried out before the
calendars were read to which somebody at the provider may have moved it (promise 44).

A calendar counts as read when a complete listing of it was begun after the removal was seen. Each run that ends wakes the
mirrors that wait for it; after two minutes nobody is waited for any more, as an event that turns up later comes back out of
the trash.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.connections.models import DiscoveredCalendar
from conversa_calendar.sync.links import linking
from conversa_calendar.sync.models import BUSY_ONLY, Link, Mirror
from conversa_calendar.sync.run import leases, triggers
from conversa_calendar.sync.run.session import WRITER_ACCESS, Session

WOKEN_MAX = 50
"""So many waiting mirrors are looked at after a listing; the others look again by themselves."""
LOOKED_AT_MAX = 200
"""So many removals of each are: as many as one run of it carries out."""
READS_AGAIN_S = 20.0
"""A mirror that waits looks again by itself, should nobody wake it."""


class Surroundings:
    """The calendars to which an event of one mirror may have been moved, and which of them were read since."""

    def __init__(self, mirror: Mirror) -> None:
        self.mirror = mirror
        self.places: dict[bool, list[int]] = {}
        self.answers: dict[tuple[bool, datetime], bool] = {}

    def of(self, link: Link) -> list[int]:
        """Mirrors of the calendars that a connected Google user may write to who sees this one, too; of an event that a
        visitor was told of, all. One that is organised elsewhere cannot be moved."""
        event = link.event
        if event is None or event.series_id is not None or not event.facts.is_own_copy:
            return []
        is_announced = linking.is_announced(event)
        if is_announced not in self.places:
            rows = others(self.mirror) if is_announced else _beside(self.mirror)
            self.places[is_announced] = list(rows.order_by("pk").values_list("pk", flat=True))
        return self.places[is_announced]

    def is_known(self, link: Link) -> bool:
        """Whether each of them was read since this event was asked for."""
        places = self.of(link)
        if not places or link.asked_at is None:
            return not places
        key = (places is self.places.get(True), link.asked_at)
        if key not in self.answers:
            self.answers[key] = not leases.unread(places, link.asked_at)
        return self.answers[key]


def request_reads(session: Session, links: Sequence[Link]) -> None:
    """Wants every calendar read in which one of these events may be, each once for all of them."""
    unasked = [link for link in links if link.asked_at is None]
    if not unasked:
        return
    around = Surroundings(session.mirror)
    with tenant(session.account_id):  # apart from the run's row: whoever is woken may be waiting for it
        asked_at = leases.now()
        Link.objects.filter(pk__in=[link.pk for link in unasked]).update(asked_at=asked_at)
        triggers.request_runs({place for link in unasked for place in around.of(link)}, is_pull=True, is_flood=True)
    for link in unasked:
        link.asked_at = asked_at


def awaited(session: Session, links: Sequence[Link]) -> set[int]:
    """Ids of those links of whose events, or their series, it is not known yet where they are; the run looks again."""
    around = Surroundings(session.mirror)
    unknown = [link for link in links if not around.is_known(link)]
    events = {link.event_id for link in unknown}
    exceptions = [link for link in links if link.event is not None and link.event.series_id in events]
    if unknown:
        session.wait_up_to(READS_AGAIN_S)
    return {link.pk for link in [*unknown, *exceptions]}


def wake_waiting(session: Session) -> None:
    """After a complete listing: the mirrors that waited for this calendar, and for no other, look again. However much
    waits, only so much of it is looked at."""
    if not session.is_awaited:
        return
    with tenant(session.account_id):
        rows = _waiting().exclude(mirror=session.mirror)
        mirrors = rows.order_by("mirror").values_list("mirror", flat=True).distinct()[:WOKEN_MAX]
        waiting = Mirror.objects.filter(pk__in=list(mirrors)).order_by("pk")
        triggers.request_runs([mirror.pk for mirror in waiting if _may_go_on(mirror, rows)], is_pull=True)


def _may_go_on(mirror: Mirror, rows: QuerySet[Link]) -> bool:
    """Whether it is known of a mirror's next removals where their events are."""
    around = Surroundings(mirror)
    next_ones = rows.filter(mirror=mirror).select_related("event").order_by("pk")[:LOOKED_AT_MAX]
    return all(map(around.is_known, next_ones))


def wake_former(session: Session) -> None:
    """Something arrived that stands in other calendars as well: these are read, so that it does not stand twice for long."""
    if session.has_twins_in:
        with tenant(session.account_id):
            triggers.request_runs(session.has_twins_in, is_pull=True, is_flood=True)


def others(mirror: Mirror) -> QuerySet[Mirror]:
    """The account's other mirrors in which events stand."""
    rows = Mirror.objects.filter(is_selected=True, is_paused=False, connection__isnull=False).exclude(pk=mirror.pk)
    return rows.exclude(mode=BUSY_ONLY).exclude(access="freeBusyReader")


def _beside(mirror: Mirror) -> QuerySet[Mirror]:
    """Those among them that somebody may write to who sees this one, too."""
    seen_by = DiscoveredCalendar.objects.filter(remote_id=mirror.remote_id).values("connection")
    beside = DiscoveredCalendar.objects.filter(connection__in=seen_by, access__in=WRITER_ACCESS)
    return others(mirror).filter(remote_id__in=beside.values("remote_id"))


def _waiting() -> QuerySet[Link]:
    rows = Link.objects.filter(asked_at__isnull=False, tombstoned_at=None, remote_deleted_at__isnull=False)
    return rows.filter(is_held=False).exclude(event=None)
