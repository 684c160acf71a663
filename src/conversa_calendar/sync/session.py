"""One run's context: the mirror, its calendar, the provider that speaks for its connection, and the lease."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import Calendar
from conversa_calendar.connections import gateway
from conversa_calendar.connections.models import ACTIVE, Connection, Grant
from conversa_calendar.connections.tokens import Wallet
from conversa_calendar.kit import clock
from conversa_calendar.providers import protocol
from conversa_calendar.providers.protocol import Provider
from conversa_calendar.sync.leases import FenceLost, Lease
from conversa_calendar.sync.models import BUSY_ONLY, TWO_WAY, Link, Mirror, MirrorRun, PushChannel

WRITER_ACCESS = {"owner", "writer", "writerWithoutPrivateAccess"}
ACCESS_ORDER = ("none", "freeBusyReader", "reader", "writerWithoutPrivateAccess", "writer", "owner")


class CannotRun(Exception):
    """The mirror rests: paused, switched off, without a living connection. `state` is what its card shows."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


@dataclass
class Session:
    """What a run works with. `skipped` holds events that this run has given up on for now."""

    lease: Lease
    mirror: Mirror
    calendar: Calendar
    connection: Connection
    provider: Provider
    skipped: set[int] = field(default_factory=set)
    conflicts: dict[int, int] = field(default_factory=dict)
    changed: bool = False
    has_news: bool = False
    is_behind: bool = False
    """Whether something there is known to have changed that was not listed yet."""
    has_leftovers: bool = False
    has_deletions: bool = False
    has_held: bool = False
    has_waiting: bool = False
    """A deletion waits for a worker that is at another calendar."""
    has_channel: bool = False

    @property
    def account_id(self) -> int:
        return self.lease.account_id

    @property
    def can_write(self) -> bool:
        return self.mirror.mode == TWO_WAY and self.mirror.access in WRITER_ACCESS

    @property
    def is_busy_only(self) -> bool:
        return self.mirror.mode == BUSY_ONLY or self.mirror.access == "freeBusyReader"


def load(lease: Lease) -> Session:
    """Reads what a run needs, inside the caller's tenant scope. Raises CannotRun."""
    mirror = _rows().get(pk=lease.mirror_id)
    if mirror.fence != lease.fence:
        raise FenceLost(f"mirror {lease.mirror_id}: fence {lease.fence} is gone")
    connection = mirror.connection
    if not mirror.account.is_open or mirror.is_paused or not mirror.is_selected:
        raise CannotRun("paused")
    if connection is None or connection.state != ACTIVE:
        raise CannotRun("reconnect_needed")
    wallet = Wallet(lease.account_id, connection.pk)
    wallet.fill(connection)
    provider = gateway.calendar(wallet.current, wallet.renew, lease.guard)
    return Session(
        lease,
        mirror,
        mirror.calendar,
        connection,
        provider,
        is_behind=lease.is_pull_due,
        has_leftovers=mirror.has_leftovers,
        has_deletions=mirror.has_deletions,
        has_held=mirror.has_held,
        has_channel=mirror.has_channel,
    )


def _rows() -> QuerySet[Any]:
    """Mirrors with what a run must know before it begins, in one query: the fence and whether something is left over."""
    links = Link.objects.filter(mirror=OuterRef("pk"))
    deleted = links.filter(remote_deleted_at__isnull=False, tombstoned_at=None, is_held=False)
    living = PushChannel.objects.filter(mirror_id=OuterRef("pk"), state="live", expires_at__gt=clock.now())
    rows = Mirror.objects.select_related("connection", "calendar", "account", "calendar__owner")
    return rows.annotate(
        fence=Subquery(MirrorRun.objects.filter(mirror_id=OuterRef("pk")).values("fence")),
        has_leftovers=Exists(links.filter(wants_delete=True)),
        has_deletions=Exists(deleted),
        has_held=Exists(links.filter(is_held=True)),
        has_channel=Exists(living),
    )


def slow_down(session: Session, error: protocol.RateLimited | protocol.WritesPaused, until: datetime) -> None:
    """Remembers on the Google user, for every account that uses it, that calls or writes have to wait."""
    field_name = "writes_paused_until" if isinstance(error, protocol.WritesPaused) else "slowed_until"
    Grant.objects.filter(sub=session.connection.sub).update(**{field_name: until})


def wait_s(session: Session) -> float:
    """Seconds that this Google user still has to wait before any call; 0 when none."""
    grant = Grant.objects.filter(sub=session.connection.sub).only("slowed_until").first()
    if grant is None or grant.slowed_until is None:
        return 0.0
    return max(0.0, (grant.slowed_until - clock.now()).total_seconds())


def note(session: Session, **values: object) -> None:
    """Writes a few fields of the mirror in a transaction of their own."""
    with tenant(session.account_id):
        Mirror.objects.filter(pk=session.mirror.pk).update(**values)
