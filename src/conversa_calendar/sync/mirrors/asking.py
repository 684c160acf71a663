"""What a provider says of a calendar right before a booking, read by the rules of who asks.

Free/busy is asked first, as it costs least and says nothing about anybody. It knows neither a page's rules nor what waits
here to be sent: where it says busy, the few events of that time are looked at, each by the rules. Whatever is not
understood is busy.
"""

from collections.abc import Callable
from datetime import datetime

from django.db.models import Q

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import Event
from conversa_calendar.connections import gateway
from conversa_calendar.connections.models import ACTIVE
from conversa_calendar.connections.tokens import Wallet
from conversa_calendar.domain import event as domain
from conversa_calendar.domain import times
from conversa_calendar.domain.event import Content
from conversa_calendar.providers import protocol
from conversa_calendar.providers.protocol import Provider, RemoteEvent, Unreadable
from conversa_calendar.sync.links import linking
from conversa_calendar.sync.models import BUSY_ONLY, Link, Mirror
from conversa_calendar.sync.run import leases, triggers
from conversa_calendar.sync.run.budget import Rank

DEADLINE_S = 3.0
TAKING = frozenset({"when", "status", "transparency", "attendees"})
"""The units that decide whether an event takes a time; of the guests only its owner's answer does."""
GONE = (protocol.NotFound, protocol.Gone)
"""What is said of one calendar. A refusal of the whole question, as by a company's policy, says nothing of it."""
Counts = Callable[[Content, str], bool]


def ask_busy(
    account_id: int, calendars: list[int], since: datetime, until: datetime, ignored: int | None, counts: Counts
) -> dict[int, str]:
    """What the provider itself says about [since, until) of each mirrored calendar, until one is busy: free, busy,
    unknown when it could not be asked, gone when there is no such calendar. The event `ignored` does not count. Call it
    outside of any transaction."""
    with tenant(account_id):
        rows = Mirror.objects.select_related("connection").filter(calendar__in=calendars, is_selected=True)
        mirrors = {mirror.calendar_id: mirror for mirror in rows}
    answers: dict[int, str] = {}
    for pk in calendars:
        if (mirror := mirrors.get(pk)) is None:
            continue
        answers[pk] = _answer(account_id, mirror, since, until, ignored, counts)
        if answers[pk] in {"busy", "gone"}:
            with tenant(account_id):
                triggers.request_runs([mirror.pk], is_pull=True)  # what is different there is to be known here, too
        if answers[pk] == "busy":
            break
    return answers


def _answer(
    account_id: int, mirror: Mirror, since: datetime, until: datetime, ignored: int | None, counts: Counts
) -> str:
    if mirror.connection is None or mirror.connection.state != ACTIVE:
        return "unknown"
    wallet = Wallet(account_id, mirror.connection.pk)
    meter = leases.meter(mirror.connection.sub, Rank.NEWS, is_hurried=True)
    provider = gateway.calendar(wallet.current, wallet.renew, meter, deadline_s=DEADLINE_S)
    try:
        blocks = provider.free_busy(mirror.remote_id, since, until)
    except GONE:
        return "gone"
    except protocol.ProviderError:
        return "unknown"
    if not any(block.starts_at < until and block.ends_at > since for block in blocks):
        return "free"
    return "busy" if _is_taken(account_id, provider, mirror, since, until, ignored, counts) else "free"


def _is_taken(
    account_id: int,
    provider: Provider,
    mirror: Mirror,
    since: datetime,
    until: datetime,
    ignored: int | None,
    counts: Counts,
) -> bool:
    """Whether an event that counts stands there. What is to be changed or deleted there soon is decided here."""
    if mirror.mode == BUSY_ONLY or mirror.access in {"freeBusyReader", "none"}:
        return True
    try:
        found = provider.occurrences(mirror.remote_id, since, until)
    except protocol.ProviderError:
        return True
    if any(isinstance(item, Unreadable) for item in found):
        return True
    taking = [item for item in found if isinstance(item, RemoteEvent) and _counts(item, counts)]
    with tenant(account_id):
        return any(not _is_decided_here(mirror, item, ignored) for item in taking)


def _counts(item: RemoteEvent, counts: Counts) -> bool:
    return item.content is not None and not item.is_cancelled and counts(item.content, item.facts.event_type)


def _is_decided_here(mirror: Mirror, item: RemoteEvent, ignored: int | None) -> bool:
    """Whether what stands there is the event that is about to move, or one of which an edit that was not sent yet says
    when it takes time: where it will be is known here. Any other edit says nothing of the time at which it stands there."""
    place = Q(mirror=mirror) | Q(moving_from=mirror.remote_id)
    links = Link.objects.filter(place, remote_id__in=[item.id, item.series_id or item.id])
    known: list[Event] = []
    for link in links.select_related("event"):
        if link.event is None:
            if link.wants_delete:
                return True
        elif link.event.pk == ignored or _is_freed(mirror, link, link.event, item):
            return True
        else:
            known.append(link.event)
    series = [event for event in known if event.is_series]
    if not item.original_key or not series:
        return False
    unsent = Event.objects.filter(series__in=series, original_key=item.original_key, is_unsettled=True)
    made_here = unsent.exclude(pk__in=[event.pk for event in known])
    return any(event.pk == ignored or _is_freed_occurrence(event) for event in made_here)


def _is_freed(mirror: Mirror, link: Link, event: Event, item: RemoteEvent) -> bool:
    """Whether an unsent edit takes an event away from where the provider had it last: into another calendar, to another
    time, or out of what counts. One that was moved there as well may stay there. Without a base it is being made."""
    if not event.is_unsettled:
        return False
    base = linking.base_of(link)
    if event.deleted_at is not None or link.mirror_id != mirror.pk or base is None:
        return True
    is_moved_there = not item.series_id and _span(item.content) != _span(base)
    return _taking(base) != _taking(event.content) and not is_moved_there


def _is_freed_occurrence(event: Event) -> bool:
    """The same of an occurrence that was changed here and is none of its own there yet: it says itself what was changed."""
    return event.deleted_at is not None or event.is_cancelled_occurrence or not TAKING.isdisjoint(event.overridden)


def _span(content: Content | None) -> object:
    return content and (times.instant(content.start), times.instant(content.end))


def _taking(content: Content) -> list[object]:
    """What decides when an event takes time, and whether it does."""
    own = [guest.response for guest in content.attendees if guest.self]
    return [*(domain.unit(content, name) for name in sorted(TAKING - {"attendees"})), own]
