"""Everything that the emulator remembers: accounts, grants, calendars, events, channels, journal, mails, faults."""

import hashlib
import random
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from gcal_emulator.behaviours import Behaviours
from gcal_emulator.clock import Clock
from gcal_emulator.faults import Fault

_FORMERS_MAX = 50
_JOURNAL_MAX = 20_000
ROLES = ("none", "freeBusyReader", "reader", "writerWithoutPrivateAccess", "writer", "owner")


@dataclass
class Account:
    email: str
    sub: str
    name: str
    time_zone: str = "UTC"
    settings: dict[str, str] = field(default_factory=dict)


@dataclass
class Client:
    """An OAuth client. `redirect_uris` empty means: any loopback address."""

    id: str
    secret: str
    redirect_uris: list[str] = field(default_factory=list)
    project: str = "demo-project"


@dataclass
class Robot:
    """A service account with its key (PEM), and for whom it may act with which scopes (`*` for all)."""

    email: str
    private_key: str
    key_id: str
    client_id: str
    subjects: list[str] = field(default_factory=list)
    scopes: list[str] = field(default_factory=list)


@dataclass
class Token:
    value: str
    email: str
    client_id: str
    scopes: frozenset[str]
    expires_at: float
    """When an access token ends; when a refresh token was given."""
    refresh: str = ""
    used_at: float = 0.0


@dataclass
class Code:
    value: str
    email: str
    client_id: str
    redirect_uri: str
    scopes: frozenset[str]
    challenge: str
    method: str
    is_offline: bool
    nonce: str
    expires_at: float
    is_redeemed: bool = False


@dataclass
class Event:
    """A stored event. `data` holds shared resource fields; what each user keeps for themselves lies in `private`."""

    id: str
    data: dict[str, Any]
    created_us: int
    updated_us: int = 0
    stamp_us: int = 0
    seq: int = 0
    family: str = ""
    overridden: set[str] = field(default_factory=set)
    reminders: dict[str, dict[str, Any]] = field(default_factory=dict)
    private_of: dict[str, Any] = field(default_factory=dict)
    is_stub: bool = False
    conference_due: float | None = None
    formers: list[tuple[int, tuple[dict[str, Any], tuple[str, ...]]]] = field(default_factory=list)
    """Earlier starts and rules, and the sequence numbers of the changes that ended them; the latest few."""
    shape: tuple[dict[str, Any], tuple[str, ...]] | None = None
    dropped: list["Event"] = field(default_factory=list)
    """Of a deleted series: the changed occurrences that went with it."""
    encoded: dict[tuple[str, ...], bytes] = field(default_factory=dict)

    @property
    def is_cancelled(self) -> bool:
        return self.data.get("status") == "cancelled"

    @property
    def is_exception(self) -> bool:
        return "recurringEventId" in self.data

    @property
    def is_master(self) -> bool:
        return bool(self.data.get("recurrence"))


@dataclass
class Calendar:
    id: str
    summary: str
    owner: str
    time_zone: str
    is_primary: bool = False
    description: str = ""
    location: str = ""
    push_supported: bool = True
    made_by: str = ""
    """The project of the app that made it, for `calendar.app.created`."""
    more: dict[str, Any] = field(default_factory=dict)
    """Further members of the resource, as they were sent."""
    acl: dict[str, str] = field(default_factory=dict)
    acl_kinds: dict[str, str] = field(default_factory=dict)
    """What a name of the ACL is, where it is no user."""
    acl_deleted: dict[str, int] = field(default_factory=dict)
    acl_changes: dict[str, int] = field(default_factory=dict)
    """The sequence number of each rule's latest change."""
    events: dict[str, Event] = field(default_factory=dict)
    uids: dict[str, str] = field(default_factory=dict)
    families: dict[str, set[str]] = field(default_factory=dict)
    """Ids of a series, its exceptions and its continuations, by the id of the first; may name ids that are gone."""
    changes: dict[str, None] = field(default_factory=dict)
    """Event ids in the order of their latest change."""
    listed: "Listed | None" = None
    """The latest complete list, so that further clients are served from encoded bytes."""
    token_floor: int = 0
    """Sync tokens minted before this sequence number have expired."""
    is_deleted: bool = False
    updated_us: int = 0

    def family_of(self, event: Event) -> list[Event]:
        """A series with its exceptions and continuations, by id."""
        known = self.families.get(event.family or event.id, set())
        return [self.events[name] for name in sorted(known) if name in self.events]

    def store(self, event: Event) -> None:
        """Keeps an event under its id, its family and its iCalUID."""
        self.events[event.id] = event
        self.families.setdefault(event.family or event.id, set()).add(event.id)
        if not event.is_exception:
            self.uids[event.data["iCalUID"]] = event.id

    def drop_exceptions(self, master: Event) -> None:
        """Forgets the changed occurrences of a series, as its deletion does."""
        master.dropped = [e for e in self.events.values() if e.data.get("recurringEventId") == master.id]
        for exception in master.dropped:
            self.events.pop(exception.id, None)
            self.changes.pop(exception.id, None)


@dataclass
class Listed:
    """A complete list: what it was made for, its items, and pages of it by place and size."""

    made_for: tuple[Any, ...]
    items: list[bytes]
    pages: dict[tuple[int, int], bytes] = field(default_factory=dict)


@dataclass
class ListEntry:
    calendar_id: str
    color_id: str = "1"
    summary_override: str = ""
    is_selected: bool = True
    is_hidden: bool = False
    is_deleted: bool = False
    seq: int = 0
    default_reminders: list[dict[str, Any]] = field(default_factory=list)
    background: str = ""
    foreground: str = ""
    notifications: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Channel:
    id: str
    resource_id: str
    resource_uri: str
    address: str
    token: str
    expires_at: float
    email: str
    client_id: str
    resource: str
    """`events:<calendar id>`, `calendarList`, `settings` or `acl:<calendar id>`."""
    number: int = 1
    stopped_at: float | None = None

    @property
    def is_stopped(self) -> bool:
        return self.stopped_at is not None


@dataclass
class Notification:
    channel_id: str
    state: str
    number: int
    due_at: float
    attempts: int = 0
    fails: int = 0
    """How many more deliveries are taken for answered with 503."""
    is_forced: bool = False
    """Delivered although the channel was stopped."""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Given:
    """What a world has from its start on, also after a reset: further clients, and switches."""

    clients: list[Client] = field(default_factory=list)
    behaviours: dict[str, Any] = field(default_factory=dict)


class World:
    """The whole state, guarded by one lock. `seed` makes ids, numbers and drop decisions repeatable."""

    def __init__(self, clock: Clock | None = None, seed: int = 0, given: "Given | None" = None) -> None:
        self.clock = clock or Clock()
        self.lock = threading.RLock()
        self.seed = seed
        self.given = given or Given()
        self.journal_max = _JOURNAL_MAX
        self.snapshots_of_worlds: dict[str, dict[str, Any]] = {}
        self.reset()

    def reset(self) -> None:
        """An empty world with the clients and switches that it was started with; its snapshots stay."""
        self.dice = random.Random(self.seed)
        self.seq = 0
        self.behaviours = Behaviours()
        self.behaviours.update(self.given.behaviours)
        self.accounts: dict[str, Account] = {}
        self.clients: dict[str, Client] = {"demo-client": Client("demo-client", "demo-secret")}
        self.clients |= {client.id: Client(**vars(client)) for client in self.given.clients}
        self.robots: dict[str, Robot] = {}
        self.calendars: dict[str, Calendar] = {}
        self.lists: dict[str, dict[str, ListEntry]] = {}
        self.tokens: dict[str, Token] = {}
        self.refresh_tokens: dict[str, Token] = {}
        self.codes: dict[str, Code] = {}
        self.grants: dict[tuple[str, str], set[str]] = {}
        self.consents: list[dict[str, Any]] = []
        self.settings_seq: dict[str, int] = {}
        self.list_token_floor = 0
        self.channels: dict[str, Channel] = {}
        self.notifications: list[Notification] = []
        self.notification_mode: dict[str, Any] = {"mode": "deliver"}
        self.journal: list[dict[str, Any]] = []
        self.journal_seq = 0
        self.mails: list[dict[str, Any]] = []
        self.faults: dict[str, Fault] = {}
        self.snapshots: dict[str, Any] = {}
        self.usage: list[tuple[float, str, int]] = []
        self.pending_conferences: set[tuple[str, str]] = set()
        """Calendar and event ids of Meet links that are being made."""
        self.late: list[tuple[float, dict[str, Any]]] = []
        """Requests that the network delivers later: when, and how to make them again."""
        self.has_early_sync = False
        self.travelling: list[tuple[float, str, str, Any]] = []
        """Changes on their way to guests' copies or back: when, calendar id, event id, and the guests of before, or
        `(guest, answer)`."""

    def note(self, entry: dict[str, Any]) -> None:
        """Writes one request into the journal, which forgets its oldest entries beyond a bound."""
        self.journal_seq += 1
        self.journal.append({"seq": self.journal_seq} | entry)
        if len(self.journal) > self.journal_max:
            del self.journal[: max(1, self.journal_max // 10)]

    def next_seq(self) -> int:
        self.seq += 1
        return self.seq

    def new_id(self, length: int, alphabet: str = "abcdefghijklmnopqrstuv0123456789") -> str:
        return "".join(self.dice.choice(alphabet) for _ in range(length))

    def add_account(self, email: str, name: str = "", time_zone: str = "UTC", sub: str = "") -> Account:
        """Registers a Google account with its primary calendar; an existing one is answered as it is."""
        if email in self.accounts:
            return self.accounts[email]
        digits = str(int(hashlib.sha256(email.encode()).hexdigest()[:16], 16)).zfill(21)[:21]
        account = Account(email, sub or digits, name or email.split("@")[0].title(), time_zone)
        self.accounts[email] = account
        self.lists.setdefault(email, {})
        self.add_calendar(email, email, email, time_zone, is_primary=True)
        return account

    def add_calendar(
        self,
        id: str,
        summary: str,
        owner: str,
        time_zone: str,
        *,
        is_primary: bool = False,
        push_supported: bool = True,
    ) -> Calendar:
        is_generated = id.endswith("@group.v.calendar.google.com")
        calendar = Calendar(
            id, summary, owner, time_zone, is_primary, push_supported=push_supported and not is_generated
        )
        calendar.updated_us = self.clock.stamp_us()
        self.calendars[id] = calendar
        if owner in self.accounts:
            calendar.acl[owner] = "owner"
            self.subscribe(owner, id)
        return calendar

    def subscribe(self, email: str, calendar_id: str) -> ListEntry:
        """Puts a calendar on a user's list."""
        entries = self.lists.setdefault(email, {})
        entry = entries.get(calendar_id)
        if entry is None:
            colors = ["7", "16", "18", "21", "8", "9", "14", "23", "4", "12"]
            reminders = [{"method": "popup", "minutes": 10}] if calendar_id == email else []
            entry = ListEntry(calendar_id, color_id=colors[len(entries) % len(colors)], default_reminders=reminders)
            if calendar_id == email:
                kinds = ("eventCreation", "eventChange", "eventCancellation", "eventResponse")
                entry.notifications = [{"type": kind, "method": "email"} for kind in kinds]
            entries[calendar_id] = entry
            entry.seq = self.next_seq()
        if entry.is_deleted:
            entry.is_deleted, entry.seq = False, self.next_seq()
        return entry

    def share(self, calendar: Calendar, email: str, role: str, *, is_listed: bool = True) -> None:
        """Sets a user's role; sync tokens of the calendar expire, as Google does on ACL changes. `is_listed` puts the
        calendar on the user's list too, as accepting the invitation does."""
        if role == "none":
            calendar.acl.pop(email, None)
            calendar.acl_deleted[email] = self.next_seq()
            if (entry := self.lists.get(email, {}).get(calendar.id)) and calendar.id != email:
                entry.is_deleted, entry.seq = True, self.next_seq()
        else:
            calendar.acl[email] = role
            calendar.acl_changes[email] = self.next_seq()
            calendar.acl_deleted.pop(email, None)
            if email in self.accounts and is_listed:
                self.subscribe(email, calendar.id)
        calendar.token_floor = self.seq + 1
        self.next_seq()
        for event in calendar.events.values():
            event.encoded.clear()

    def role_of(self, email: str, calendar: Calendar) -> str:
        return calendar.acl.get(email) or calendar.acl.get("default") or "none"

    def touch(self, calendar: Calendar, event: Event, *, is_content: bool = True) -> None:
        """Stamps one event as changed now: new etag, new place in the change order."""
        event.stamp_us = self.clock.stamp_us()
        if is_content:
            event.updated_us = event.stamp_us
        self._sequence(calendar, event)

    def touch_family(self, calendar: Calendar, event: Event, *, is_content: bool = True) -> None:
        """Stamps a whole series with one etag: master, exceptions and continuations (one write re-stamps all)."""
        calendar.families.setdefault(event.family or event.id, set()).add(event.id)
        members = calendar.family_of(event)
        if event not in members:
            members.append(event)
        stamp = self.clock.stamp_us()
        for member in members:
            if member.is_master is False and not member.is_exception and member is not event:
                continue
            member.stamp_us = stamp
            if is_content:
                member.updated_us = stamp
            self._sequence(calendar, member)

    def _sequence(self, calendar: Calendar, event: Event) -> None:
        event.seq = self.next_seq()
        event.encoded.clear()
        if not event.is_exception:
            shape = (event.data["start"], tuple(event.data.get("recurrence") or ()))
            if event.shape is not None and event.shape != shape:
                event.formers = [*event.formers[1 - _FORMERS_MAX :], (event.seq, event.shape)]
            event.shape = shape
        calendar.changes.pop(event.id, None)
        calendar.changes[event.id] = None
        calendar.updated_us = event.stamp_us

    def now_text(self) -> str:
        return self.clock.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def settings_of(self, email: str) -> dict[str, str]:
        account = self.accounts[email]
        off = ("autoAddHangouts", "hideInvitations", "hideWeekends", "remindOnRespondedEventsOnly")
        defaults = dict.fromkeys(off, "false") | {"showDeclinedEvents": "true", "useKeyboardShortcuts": "true"}
        defaults |= {"dateFieldOrder": "MDY", "defaultEventLength": "60", "format24HourTime": "true"}
        defaults |= {"locale": "en", "weekStart": "1"}
        return defaults | {"timezone": account.time_zone} | account.settings


def text_of_us(stamp_us: int, *, is_whole: bool = False) -> str:
    """RFC 3339 in UTC with milliseconds; `created` shows whole seconds."""
    at = datetime.fromtimestamp(stamp_us / 1_000_000, UTC)
    millis = 0 if is_whole else at.microsecond // 1000
    return f"{at:%Y-%m-%dT%H:%M:%S}.{millis:03d}Z"
