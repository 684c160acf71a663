"""One run's context: the mirror, its calendar, the provider that speaks for its connection, and the lease."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, Subquery

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import Calendar
from conversa_calendar.connections import gateway
from conversa_calendar.connections.models import ACTIVE, Breaker, Connection, Grant
from conversa_calendar.connections.tokens import Wallet
from conversa_calendar.domain.vocabulary import BreakerName, ChannelState, MirrorState, Reason
from conversa_calendar.kit import clock, ids
from conversa_calendar.providers import protocol
from conversa_calendar.providers.protocol import Provider, RemoteEvent
from conversa_calendar.sync.models import BUSY_ONLY, NO_MASTER, TWO_WAY, Link, Mirror, MirrorRun, PushChannel
from conversa_calendar.sync.run.budget import Rank
from conversa_calendar.sync.run.halting import HALTED
from conversa_calendar.sync.run.leases import FenceLost, Lease

SEES_EVERYTHING = {"owner", "writer"}
WRITER_ACCESS = {"owner", "writer", "writerWithoutPrivateAccess"}
PROJECT = BreakerName.PROJECT
PAUSE_S, PAUSE_MAX_S = 3600.0, 86_400.0
PROBES_WITHIN_S = 30.0
SHORT_DEADLINE_S, WHOLE_EVERY = 12.0, 4
ACCESS_ORDER = ("none", "freeBusyReader", "reader", "writerWithoutPrivateAccess", "writer", "owner")


class CannotRun(Exception):
    """The mirror rests: paused, switched off, without a living connection. `state` is what its card shows, `error` why,
    where that is not said by the state."""

    def __init__(self, state: str, error: protocol.ProviderError | None = None) -> None:
        super().__init__(state)
        self.state = state
        self.error = error


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
    is_awaited: bool = False
    """Whether a removal seen in another calendar waits until this one was read."""
    has_twins_in: set[int] = field(default_factory=set)
    """Mirrors of calendars in which something stands that arrived here."""
    has_parked: bool = False
    """Whether occurrences wait for their series."""
    lonely: set[str] = field(default_factory=set)
    """Series that are not here, of which this run was shown an occurrence."""
    may_backfill: bool = True
    has_found: bool = False
    """Whether somebody at the provider had changed something."""
    slowed_until: datetime | None = None
    """Until when this Google user is to be asked nothing."""
    writes_paused_until: datetime | None = None
    """Until when Google takes no writes of this user."""
    pauses: int = 0
    """How often in a row Google has paused them."""
    is_slow: bool = False
    """Whether Google answers this user slowly."""
    slow_until: datetime | None = None
    """Until when nothing but a person's edit asks a slow Google again."""
    slow_runs: int = 0
    """How many runs in a row met slow answers."""
    project_until: datetime | None = None
    """Until when nobody asks anything, as Google refuses the whole installation."""
    project_failures: int = 0
    rests_for: str = ""
    """What an edit waits for that is no fault of its own: "budget", "writesPaused"; or nothing."""
    rests_s: float = 0.0
    """Seconds until something that waits may go on; 0 when nothing waits for a time."""

    @property
    def has_recovered(self) -> bool:
        """Whether Google does again what it refused before."""
        return bool(self.project_failures or (self.lease.has_written and self.pauses))

    def wait_up_to(self, seconds: float) -> None:
        """Something may go on after so many seconds."""
        self.rests_s = min(seconds, self.rests_s) if self.rests_s else seconds

    @property
    def account_id(self) -> int:
        return self.lease.account_id

    def read(self, remote_id: str) -> RemoteEvent:
        """One event as it stands at the provider. An answer that shows less than our access lets us see tells that the
        access may be less by now: only a listing says what it is, so the run fails and the next one lists first. What is
        masked even then is taken as such, so that one event does not stop the others. Raises ProviderError."""
        remote = self.provider.get_event(self.mirror.remote_id, remote_id)
        is_strange = remote.is_masked and not remote.is_cancelled and self.mirror.access in SEES_EVERYTHING
        if is_strange and not self.mirror.failures:
            raise protocol.Transient("Google shows less of this event than before.", reason=Reason.MASKED)
        return remote

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
    if mirror.is_halted or not mirror.account.is_open or mirror.is_paused or not mirror.is_selected:
        raise CannotRun(MirrorState.PAUSED)
    if connection is not None and connection.is_resting:
        raise CannotRun(MirrorState.PAUSED)
    if connection is None or connection.state != ACTIVE:
        raise CannotRun(MirrorState.RECONNECT_NEEDED)
    lease.grant_id = mirror.grant_pk
    wallet = Wallet(lease.account_id, connection.pk)
    try:
        wallet.fill(connection)
    except protocol.Sealed as error:
        raise CannotRun(MirrorState.PAUSED, error) from error
    deadline_s = _deadline_s(mirror, lease)
    provider = gateway.calendar(wallet.current, wallet.renew, lease.guard, deadline_s=deadline_s, timed=lease.timed)
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
        is_awaited=mirror.is_awaited,
        has_parked=mirror.has_parked,
        slowed_until=mirror.slowed_until,
        writes_paused_until=mirror.writes_paused_until,
        pauses=mirror.pauses or 0,
        is_slow=mirror.slow_since is not None,
        slow_until=mirror.slow_until,
        slow_runs=mirror.slow_runs or 0,
        project_until=mirror.project_until,
        project_failures=mirror.project_failures or 0,
    )


def _deadline_s(mirror: Any, lease: Lease) -> float:
    """The total deadline of each call: short while Google answers this user slowly, so that a thread is not held for
    nothing. A person's edit has the whole, and every few runs too, as an answer may come just after the short one."""
    is_whole = mirror.slow_since is None or lease.cause is Rank.EDIT or mirror.slow_runs % WHOLE_EVERY == 0
    return gateway.DEADLINE_S if is_whole else SHORT_DEADLINE_S


def _rows() -> QuerySet[Any]:
    """Mirrors with what a run must know before it begins, in one query: the fence and whether something is left over."""
    links = Link.objects.filter(mirror=OuterRef("pk"))
    deleted = links.filter(remote_deleted_at__isnull=False, tombstoned_at=None, is_held=False)
    living = PushChannel.objects.filter(mirror_id=OuterRef("pk"), state=ChannelState.LIVE, silent_since=None)
    living = living.filter(expires_at__gt=clock.now())
    rows = Mirror.objects.select_related("connection__owner", "calendar", "account", "calendar__owner")
    grant = Grant.objects.filter(sub=OuterRef("connection__sub"))
    breaker = Breaker.objects.filter(name=PROJECT)
    return rows.annotate(
        grant_pk=Subquery(grant.values("pk")),
        slowed_until=Subquery(grant.values("slowed_until")),
        writes_paused_until=Subquery(grant.values("writes_paused_until")),
        pauses=Subquery(grant.values("pauses")),
        slow_since=Subquery(grant.values("slow_since")),
        slow_until=Subquery(grant.values("slow_until")),
        slow_runs=Subquery(grant.values("slow_runs")),
        is_halted=Exists(Breaker.objects.filter(name=HALTED)),
        project_until=Subquery(breaker.values("open_until")),
        project_failures=Subquery(breaker.values("failures")),
        fence=Subquery(MirrorRun.objects.filter(mirror_id=OuterRef("pk")).values("fence")),
        has_leftovers=Exists(links.filter(wants_delete=True)),
        has_deletions=Exists(deleted),
        has_held=Exists(links.filter(is_held=True)),
        is_awaited=Exists(
            Link.objects.filter(
                account=OuterRef("account"), asked_at__isnull=False, tombstoned_at=None, remote_deleted_at__isnull=False
            )
        ),
        has_channel=Exists(living),
        has_parked=Exists(links.filter(event=None, parked=NO_MASTER)),
    )


def wait_s(session: Session) -> float:
    """Seconds that this Google user, or the whole installation, has to wait before any call; 0 when none. When the
    installation is refused they differ from mirror to mirror, so that one finds out for all."""
    now = clock.now()
    project_s = (session.project_until - now).total_seconds() if session.project_until else 0.0
    slowed_s = (session.slowed_until - now).total_seconds() if session.slowed_until else 0.0
    return max(0.0, slowed_s, project_s + ids.jitter(PROBES_WITHIN_S, 1.0) if project_s > 0 else 0.0)


def slow_down(session: Session, until: datetime) -> None:
    """Remembers on the Google user, for every account that uses it, that calls have to wait."""
    Grant.objects.filter(sub=session.connection.sub).update(slowed_until=until)


def pause_writes(session: Session) -> None:
    """Google takes no more writes of this user for hours: each time that it still does not, the pause is twice as long."""
    now = clock.now()
    grant = Grant.objects.select_for_update().filter(sub=session.connection.sub).first()
    if grant is None:
        return
    if grant.writes_paused_until is None or grant.writes_paused_until <= now:
        pause_s = min(PAUSE_S * 2.0 ** min(grant.pauses, 10), PAUSE_MAX_S)
        grant.writes_paused_until, grant.pauses = now + timedelta(seconds=ids.jitter(pause_s, 0.1)), grant.pauses + 1
        grant.save(update_fields=["writes_paused_until", "pauses"])


def trip(session: Session, reason: str, until: datetime) -> None:
    """Google refuses the installation: nobody asks until then."""
    values = {"open_until": until, "reason": reason[:60], "failures": session.project_failures + 1}
    Breaker.objects.update_or_create(name=PROJECT, defaults=values)


def recovered(session: Session) -> None:
    """Google does again what it refused: the next refusal is the first one."""
    if session.project_failures:
        Breaker.objects.filter(name=PROJECT).delete()
    if session.lease.has_written and session.pauses:
        Grant.objects.filter(sub=session.connection.sub).update(pauses=0, writes_paused_until=None)


def note(session: Session, **values: object) -> None:
    """Writes a few fields of the mirror in a transaction of their own."""
    with tenant(session.account_id):
        Mirror.objects.filter(pk=session.mirror.pk).update(**values)
