"""A long time in one go: months of virtual time over the product's own jobs, a few edits a day, and what it all costs.

No faults and no other workers: what is asked is whether anything is written without need, whether a channel is ever
missing, how many of Google's units a mirror uses in a day, and whether any table grows without bound.
"""

import json
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db import connection

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.connections import discovery, gateway, tokens
from conversa_calendar.connections.models import Connection, Grant, GrantUse
from conversa_calendar.providers.google.oauth import SCOPES, Tokens
from conversa_calendar.providers.google.transport import Request, Response
from conversa_calendar.sync import running, tasks
from conversa_calendar.sync.mirrors import selection
from tests.simulation.stage import Stage
from tests.simulation.virtual import VirtualTime
from tests.support import database
from tests.support.cast import Actor, build_cast
from tests.support.google import Google, InProcess, Person

START = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DUE = "status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= sim.now())"
UNITS = {"PATCH": 3}
"""What a request costs of Google's quota, where it is not one unit."""
QUIET_UNITS = 86_400 / running.CHECK_QUIET_S + 2 / 6
"""What a quiet mirror may cost a day: its safety checks, and a channel opened and stopped every sixth day."""
BUSY_MIRRORS = 2
"""So many mirrors are edited every day, on both sides; the others rest."""
KEPT = {"calendars_history", "calendars_change"}
"""Tables that hold what people did, for as long as the product promises."""


@dataclass
class Cost:
    """What a stretch of time took. Units are Google's quota units, over all requests of the product."""

    mirrors: int
    days: int
    edits_here: int = 0
    edits_there: int = 0
    writes: int = 0
    units: int = 0
    requests: Counter[str] = field(default_factory=Counter)
    by_calendar: Counter[str] = field(default_factory=Counter)
    gaps: list[str] = field(default_factory=list)
    tables: list[dict[str, int]] = field(default_factory=list)
    """Rows by table at two thirds of the time and at its end."""

    @property
    def units_a_day(self) -> float:
        """Units for each mirror and day."""
        return self.units / self.mirrors / self.days

    @property
    def units_of_a_quiet_mirror(self) -> float:
        """Units a day of the median mirror that nobody works in."""
        used = sorted(self.by_calendar.values())[: self.mirrors - BUSY_MIRRORS]
        return used[len(used) // 2] / self.days if used else 0.0

    def wrong(self) -> list[str]:
        """What should not have happened."""
        found = list(self.gaps)
        if self.writes > self.edits_here:
            found.append(f"{self.writes} writes for {self.edits_here} edits here")
        if self.units_of_a_quiet_mirror > QUIET_UNITS * 1.25:
            found.append(f"a quiet mirror used {self.units_of_a_quiet_mirror:.1f} units a day")
        earlier, later = self.tables
        slack = 20 + 4 * self.mirrors
        grown = {name: later[name] - earlier[name] for name in later if name not in KEPT}
        return [*found, *(f"{name} grew by {more} rows" for name, more in grown.items() if more > slack)]


class Counted(InProcess):
    """The wire, with what every request costs."""

    def __init__(self, google: Google, cost: Cost) -> None:
        super().__init__(google.app.test_client())
        self.cost = cost

    def send(self, request: Request) -> Response:
        path = urlsplit(request.url).path
        units = UNITS.get(request.method, 1) if path.startswith("/calendar/") else 0
        self.cost.units += units
        if path.startswith("/calendar/v3/calendars/"):
            self.cost.by_calendar[path.split("/")[4]] += units
        is_one = "/events/" in path and not path.endswith("/watch")
        self.cost.requests[f"{request.method} {'event' if is_one else path.rsplit('/', 1)[-1]}"] += 1
        is_event = "/events" in path and not path.endswith("/watch")
        self.cost.writes += is_event and request.method != "GET"
        return super().send(request)


def play(google_accounts: int, calendars: int, days: int, seed: int = 1) -> Cost:
    """So many Google accounts, each with so many calendars mirrored, for so many days."""
    database.empty()
    try:
        with VirtualTime(START) as time, Stage(time, 0):
            return Endurance(google_accounts, calendars, days, time, seed).run()
    finally:
        gateway.use(None)


class Endurance:
    """The installation, its clock and the queue."""

    def __init__(self, google_accounts: int, calendars: int, days: int, time: VirtualTime, seed: int) -> None:
        self.time, self.dice = time, random.Random(seed)
        self.google = Google()
        world = self.google.world
        world.clock, world.seed = time.google, seed
        world.reset()
        world.behaviours.conference_delay_s = 0.0
        self.cost = Cost(google_accounts * calendars, days)
        gateway.use(Counted(self.google, self.cost))
        self.actor: Actor = build_cast().alice
        self.places: dict[str, tuple[Person, str]] = {}
        """Who works at Google in a calendar, and the calendar's uuid here, by Google's id."""
        for number in range(google_accounts):
            self._connect(f"person{number}@acme.example", calendars)

    def run(self) -> Cost:
        """Lets the days pass."""
        cost = self.cost
        self._work()
        cost.units = cost.writes = 0
        cost.requests.clear()
        cost.by_calendar.clear()
        for day in range(cost.days):
            self._pass_day(START + timedelta(days=day + 1), is_edited=day % 7 < 5)
            tasks.nightly(timestamp=0)
            self._work()
            self._tidy()
            if day + 1 == cost.days * 2 // 3:
                cost.tables.append(self._rows())
        cost.tables.append(self._rows())
        return cost

    def _connect(self, email: str, calendars: int) -> None:
        world = self.google.world
        person = self.google.person(email)
        world.tokens[person.headers["Authorization"].removeprefix("Bearer ")].expires_at = float("inf")
        names = [email, *(f"{email.split('@')[0]}-{n}@group.calendar.google.com" for n in range(1, calendars))]
        for name in names[1:]:
            world.add_calendar(name, name, email, "UTC")
        granted = self.google.control("tokens", {"email": email, "scopes": list(SCOPES)})
        sub, account_id = world.accounts[email].sub, self.actor.account_id
        with tenant(account_id):
            held = Connection(sub=sub, email=email, owner=self.actor.member)
            held.save()
            grant, _is_new = Grant.objects.get_or_create(sub=sub)
            GrantUse.objects.create(grant=grant, connection_uuid=held.uuid)
            ends_at = self.time.now + timedelta(seconds=3599)
            tokens.store(held, Tokens(granted["access_token"], ends_at, frozenset(), granted["refresh_token"]))
        discovery.refresh(account_id, held.pk)
        for name in names:
            with tenant(account_id):
                held.refresh_from_db()
                self.places[name] = (person, str(selection.select(held, name).calendar.uuid))

    def _pass_day(self, end: datetime, is_edited: bool) -> None:
        edits = sorted(self.dice.uniform(0, 86_000) for _edit in range(2 * BUSY_MIRRORS)) if is_edited else []
        times = [end - timedelta(days=1) + timedelta(seconds=at) for at in edits]
        while self.time.now < end:
            due = min(max(self._next_due(), self.time.now + MINUTE), times[0] if times else end, end)
            self.time.advance((due - self.time.now).total_seconds())
            self._look_at_channels()
            if times and times[0] <= self.time.now:
                times.pop(0)
                self._edit()
            tasks.dispatch(timestamp=0)
            self._work()

    def _next_due(self) -> datetime:
        query = """
            SELECT least(min(next_check_at), min(next_attempt_at),
                (SELECT min(scheduled_at) FROM procrastinate_jobs WHERE status = 'todo')) FROM sync_mirrorrun
        """
        with connection.cursor() as cursor:
            cursor.execute(query)
            (found,) = cursor.fetchone()
        return found or self.time.now

    def _edit(self) -> None:
        """Somebody makes an event, here or at Google, or changes one."""
        google_id = self.dice.choice(sorted(self.places)[:BUSY_MIRRORS])
        person, calendar = self.places[google_id]
        at = self.time.now + timedelta(days=self.dice.randint(1, 20))
        if self.dice.random() < 0.5:
            body = {"calendar": calendar, "summary": f"Here {at:%d %H:%M}"}
            times = {n: {"date_time": t.isoformat(), "time_zone": "UTC"} for n, t in _times(at)}
            self.actor.post("events", body | times)
            self.cost.edits_here += 1
        else:
            times = {name: {"dateTime": t.isoformat(), "timeZone": "UTC"} for name, t in _times(at)}
            person.insert(google_id, summary=f"There {at:%d %H:%M}", **times)
            self.cost.edits_there += 1

    def _work(self) -> None:
        """Runs what the queue would hand out, and delivers what Google sends, until both are empty."""
        while True:
            self.google.control("notifications/flush")
            with connection.cursor() as cursor:
                cursor.execute(f"DELETE FROM procrastinate_jobs WHERE {DUE} RETURNING id, task_name, args")
                jobs = sorted(cursor.fetchall())
            if not jobs:
                return
            for _number, name, args in jobs:
                getattr(tasks, name.rsplit(".", 1)[1])(**(json.loads(args) if isinstance(args, str) else args))

    def _look_at_channels(self) -> None:
        now = self.time.google.now_s()
        alive = Counter(
            channel.resource.partition(":")[2]
            for channel in self.google.world.channels.values()
            if channel.stopped_at is None and channel.expires_at > now
        )
        for google_id in self.places:
            if not 1 <= alive[google_id] <= 2 and len(self.cost.gaps) < 10:
                self.cost.gaps.append(f"{self.time.now}: {google_id} has {alive[google_id]} channels")

    def _tidy(self) -> None:
        """The emulator forgets what it need not remember."""
        world = self.google.world
        world.journal.clear()
        for name in [name for name, channel in world.channels.items() if channel.stopped_at is not None]:
            del world.channels[name]

    def _rows(self) -> dict[str, int]:
        """Rows of every table of the product."""
        found = {}
        with connection.cursor() as cursor:
            cursor.execute("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")
            names = sorted(name for (name,) in cursor.fetchall())
        for name in names:
            if not name.startswith(("django_", "auth_")):
                found[name] = self.time.count(name)
        return found


def _times(at: datetime) -> list[tuple[str, datetime]]:
    return [("start", at), ("end", at + timedelta(minutes=30))]


def report(cost: Cost) -> str:
    """The cost in words."""
    lines = [
        f"{cost.mirrors} mirrors, {cost.days} days: {cost.edits_here} edits here, {cost.edits_there} at Google",
        f"writes at Google {cost.writes}; units a day {cost.units_a_day:.1f} for each mirror, "
        f"{cost.units_of_a_quiet_mirror:.1f} for a quiet one (its checks and channels: {QUIET_UNITS:.1f})",
        "requests: " + ", ".join(f"{name} {count}" for name, count in cost.requests.most_common(8)),
        "rows: " + ", ".join(f"{name} {count}" for name, count in sorted(_largest(cost.tables[-1]).items())),
    ]
    return "\n".join([*lines, *(cost.wrong() or ["nothing wrong"])])


def _largest(rows: dict[str, Any]) -> dict[str, int]:
    return dict(sorted(rows.items(), key=lambda item: -item[1])[:8])
