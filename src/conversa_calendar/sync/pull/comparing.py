"""The occurrences of a mirror over the coming year against the provider's own expansion: that both sides hold the same rule
says nothing of what people see.

A month is compared after the other, and where it stopped is stored, so that a comparison for which there is no room in the
budget goes on later. What differs is looked at twice: rows here are worked out anew and what changed meanwhile is pulled;
only what then still differs is named.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Q

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import occurrences
from conversa_calendar.calendars.models import NOT_TAKEN, Event, Occurrence
from conversa_calendar.connections import gateway
from conversa_calendar.connections.models import ACTIVE
from conversa_calendar.connections.tokens import Wallet
from conversa_calendar.domain import recurrence, times
from conversa_calendar.domain.event import Content
from conversa_calendar.domain.times import Day
from conversa_calendar.kit import clock
from conversa_calendar.providers import protocol
from conversa_calendar.providers.protocol import Provider, RemoteEvent
from conversa_calendar.sync.models import BUSY_ONLY, DeepCheck, Link, Mirror
from conversa_calendar.sync.run import leases
from conversa_calendar.sync.run.budget import Rank

AHEAD, WINDOW, MARGIN = timedelta(days=366), timedelta(days=31), timedelta(days=2)
PAGES_MAX = 200
NAMED_MAX = 200
"""So many differences are named in a report; more are counted."""
_CROWDED = r"HOURLY|BYHOUR|BYMINUTE|RRULE.*RRULE"
"""What may be more than the rows of a series hold."""

Span = tuple[date | datetime, date | datetime]


class Place(NamedTuple):
    """An occurrence as both sides name it: the provider's id of the event or series, and the original start in it."""

    remote_id: str
    key: str


def compare(account_id: int, mirror_id: int, report_id: int, settle: Callable[[], None]) -> bool:
    """Compares what was not compared yet, and stores what differs on the report; answers whether all of the year was
    compared. `settle` brings in what changed at the provider meanwhile."""
    with tenant(account_id):
        mirror = Mirror.objects.select_related("connection", "calendar").get(pk=mirror_id)
        report = DeepCheck.objects.get(pk=report_id)
    connection = mirror.connection
    if mirror.mode == BUSY_ONLY or mirror.access == "freeBusyReader":
        return True
    if connection is None or connection.state != ACTIVE:
        return False
    wallet = Wallet(account_id, connection.pk)
    provider = gateway.calendar(wallet.current, wallet.renew, leases.meter(connection.sub, Rank.BACKFILL))
    since = report.compared_until or report.started_at
    while since < report.started_at + AHEAD:
        until = min(since + WINDOW, report.started_at + AHEAD)
        try:
            _compare_window(provider, mirror, report, since, until, settle)
        except protocol.ProviderError:
            return False
        since = until
    return True


def _compare_window(
    provider: Provider, mirror: Mirror, report: DeepCheck, since: datetime, until: datetime, settle: Callable[[], None]
) -> None:
    seen = _differing(provider, mirror, since, until)
    left = {}
    if seen.differing:
        _rebuild(mirror, seen.differing)
        settle()
        left = _differing(provider, mirror, since, until).differing
    with tenant(mirror.account_id):
        named = _named(mirror, seen.differing)
        gone = [place for place in seen.differing if place not in left]
        repaired = dict.fromkeys(uuid for place in gone if (uuid := named.get(place.remote_id)))
        report.repaired = [*report.repaired, *({"event": uuid, "kind": "occurrences"} for uuid in repaired)]
        rows = [_row(place, what, named) for place, what in sorted(left.items())]
        report.differences = [*report.differences, *rows][:NAMED_MAX]
        report.differing += len(rows)
        report.compared += seen.compared
        report.compared_until = until
        fields = ["repaired", "differences", "differing", "compared", "compared_until"]
        report.save(update_fields=fields)


class _Seen(NamedTuple):
    """How many occurrences were compared, and what differs: missing here, extra here, or at another time."""

    compared: int
    differing: dict[Place, str]


def _differing(provider: Provider, mirror: Mirror, since: datetime, until: datetime) -> _Seen:
    theirs, unread = _theirs(provider, mirror, since, until)
    with tenant(mirror.account_id):
        left_out = _left_out(mirror) | unread
        ours = {place: span for place, span in _ours(mirror, since, until) if place.remote_id not in left_out}
    theirs = {place: span for place, span in theirs.items() if place.remote_id not in left_out}
    found = dict.fromkeys(ours.keys() - theirs.keys(), "extra here")
    found |= dict.fromkeys(theirs.keys() - ours.keys(), "missing here")
    found |= {place: "another time" for place in ours.keys() & theirs.keys() if ours[place] != theirs[place]}
    return _Seen(len(ours.keys() | theirs.keys()), found)


def _theirs(provider: Provider, mirror: Mirror, since: datetime, until: datetime) -> tuple[dict[Place, Span], set[str]]:
    """What the provider shows, and the ids of what cannot be read."""
    found: dict[Place, Span] = {}
    unread: set[str] = set()
    page = ""
    for _number in range(PAGES_MAX):
        listed = provider.taking_place(mirror.remote_id, since - MARGIN, until + MARGIN, page)
        for item in listed.items:
            if not isinstance(item, RemoteEvent):
                unread |= {item.id, item.series_id or item.id}
            elif item.content is not None and not item.is_cancelled:
                found |= _placed(item, item.content, listed.time_zone, since, until)
        page = listed.next_page
        if not page:
            return found, unread
    raise protocol.Transient("Google's list does not end.", reason="endlessList")


def _placed(item: RemoteEvent, content: Content, zone: str, since: datetime, until: datetime) -> dict[Place, Span]:
    if not since <= times.instant(content.start, zone) < until:
        return {}
    return {Place(item.series_id or item.id, item.original_key): _span(content, zone)}


def _span(content: Content, zone: str) -> Span:
    if isinstance(content.start, Day) and isinstance(content.end, Day):
        return content.start.date, content.end.date
    return times.instant(content.start, zone), times.instant(content.end, zone)


def _ours(mirror: Mirror, since: datetime, until: datetime) -> Iterator[tuple[Place, Span]]:
    """What people see here: rows, and of series with more than rows hold what is worked out when it is looked at."""
    places = {event: Place(series or own, key) for event, own, series, key in _links(mirror)}
    dense = _dense(mirror)
    rows = Occurrence.objects.filter(calendar_id=mirror.calendar_id, starts_at__gte=since, starts_at__lt=until)
    columns = ("event_id", "original_key", "starts_at", "ends_at", "start_date", "end_date")
    for event_id, key, starts_at, ends_at, start_date, end_date in rows.exclude(event__in=dense).values_list(*columns):
        if (place := places.get(event_id)) is not None:
            span = (start_date, end_date) if start_date is not None else (starts_at, ends_at)
            yield place._replace(key=key or place.key), span
    for series in dense:
        if (place := places.get(series.pk)) is None:
            continue
        keys = frozenset(Event.objects.filter(series=series, deleted_at=None).values_list("original_key", flat=True))
        zone = mirror.time_zone
        for found in occurrences.series_spans(series.content, zone, keys, since - MARGIN, until):
            if found.starts_at >= since:
                is_day = found.start_date is not None and found.end_date is not None
                yield place._replace(key=found.original_key), _of(found, is_day)


def _of(found: occurrences.Span, is_day: bool) -> Span:
    if is_day and found.start_date is not None and found.end_date is not None:
        return found.start_date, found.end_date
    return found.starts_at, found.ends_at


def _links(mirror: Mirror) -> Iterator[Any]:
    rows = Link.objects.filter(mirror=mirror, tombstoned_at=None, event__deleted_at=None).exclude(event=None)
    return rows.values_list("event_id", "remote_id", "series_remote_id", "original_key").iterator()


def _dense(mirror: Mirror) -> list[Event]:
    """Series that may have more occurrences than are kept as rows."""
    rows = Event.objects.filter(calendar=mirror.calendar_id, kind="series", deleted_at=None)
    found = rows.filter(content_json__regex=_CROWDED).order_by("pk")
    return [event for event in found if recurrence.is_crowded(event.content.recurrence)]


def _left_out(mirror: Mirror) -> set[str]:
    """The ids of what cannot be the same just now, and says so by itself: unsent, refused, held, or set aside."""
    links = Link.objects.filter(mirror=mirror)
    open_ones = Q(event__is_unsettled=True) | Q(event__sync_state__in=NOT_TAKEN) | Q(is_held=True)
    open_ones |= Q(intent__isnull=False) | Q(event=None) | Q(remote_deleted_at__isnull=False, tombstoned_at=None)
    rows = links.filter(open_ones).values_list("remote_id", "series_remote_id")
    return {series or own for own, series in rows}


def _rebuild(mirror: Mirror, differing: dict[Place, str]) -> None:
    """Works the rows here out anew of what differs."""
    with tenant(mirror.account_id):
        names = {place.remote_id for place in differing}
        rows = Link.objects.filter(mirror=mirror, tombstoned_at=None, event__deleted_at=None).exclude(event=None)
        for link in rows.filter(Q(remote_id__in=names) | Q(series_remote_id__in=names)).select_related("event")[:1000]:
            assert link.event is not None
            occurrences.rebuild(link.event, mirror.calendar.time_zone)


def _named(mirror: Mirror, differing: dict[Place, str]) -> dict[str, str]:
    """The event of each id that is known here."""
    rows = Link.objects.filter(mirror=mirror, remote_id__in={place.remote_id for place in differing})
    return {
        remote_id: str(uuid) for remote_id, uuid in rows.exclude(event=None).values_list("remote_id", "event__uuid")
    }


def _row(place: Place, what: str, named: dict[str, str]) -> dict[str, str]:
    at = times.original_start(place.key) if place.key else ""
    return {"event": named.get(place.remote_id, ""), "google_event_id": place.remote_id, "occurrence": at, "what": what}


def resumable(mirror: Mirror) -> DeepCheck | None:
    """The report of a comparison that stopped in the middle, not long ago."""
    rows = DeepCheck.objects.filter(mirror=mirror, started_at__gt=clock.now() - timedelta(days=1))
    last = rows.order_by("-pk").first()
    is_begun = last is not None and last.compared_until is not None
    return last if is_begun and last.compared_until < last.started_at + AHEAD else None  # type: ignore[union-attr,operator]
