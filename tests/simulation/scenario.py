"""One scenario: drawn from a seed, played, brought to rest, judged."""

import hashlib
import json
import logging
import random
import threading
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.api import auth
from conversa_calendar.connections import discovery, gateway, tokens
from conversa_calendar.connections.models import Connection
from conversa_calendar.kit import ids
from conversa_calendar.providers.google.oauth import SCOPES, Tokens
from conversa_calendar.sync import leases, selection, tasks
from conversa_calendar.sync.models import Mirror
from tests.simulation import checker
from tests.simulation.people import WEIGHTS, People
from tests.simulation.stage import Stage, Worker
from tests.simulation.virtual import VirtualTime
from tests.simulation.wire import RATES, Wire
from tests.support import database
from tests.support.cast import build_cast
from tests.support.google import Google

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ANA, SHARED = "ana@acme.example", "support@group.calendar.google.com"
MODES = ("safety", "fast", "deaf", "late")
DUE = "status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= sim.now())"
"""Jobs that the real queue would hand out at this moment."""
QUIET_ROUNDS_MAX = 150
STEPS_MAX = 6_000
"""More boundaries without rest than this are an endless loop."""


@dataclass
class Config:
    """What a seed draws: how long, how many workers, which faults, how Google behaves where that is uncertain."""

    seed: int
    mode: str = "safety"
    steps: int = 60
    workers: int = 3
    faults: frozenset[str] = frozenset()
    kill_rate: float = 0.0
    master_edit: str = "flow"
    master_move: str = "keep"
    page: str = "full"
    list_lag_s: float = 0.0
    kill_at: int = 0
    trouble: float = 1.0
    """How much more often than usual the faults strike."""
    kinds: frozenset[str] = frozenset(WEIGHTS)
    """What people do."""

    @classmethod
    def drawn(cls, seed: int, mode: str = "") -> "Config":
        """The configuration of a seed: every scenario switches a random part of the faults off."""
        dice = random.Random(f"config {seed}")
        mode = mode or dice.choices(MODES, [6, 2, 2, 1])[0]
        if mode == "fast":
            return cls(seed, mode, dice.randint(10, 40), dice.randint(2, 4))
        if mode == "late":
            kinds = frozenset({"create", "edit", "delete", "move"})
            return cls(seed, mode, dice.randint(30, 80), 2, frozenset({"G02", "G04"}), trouble=4.0, kinds=kinds)
        return cls(
            seed,
            mode,
            dice.randint(15, 80),
            dice.randint(2, 4),
            frozenset(code for code in sorted(RATES) if dice.random() < 0.5),
            dice.choice([0.0, 0.01, 0.04]),
            dice.choice(["flow", "flow", "keep"]),
            dice.choice(["keep", "drop", "shift"]),
            dice.choice(["full", "short", "empty_first"]),
            dice.choice([0.0, 0.0, 3.0]),
        )


@dataclass
class Report:
    config: Config
    violations: list[str]
    trace: list[str]
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def digest(self) -> str:
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()


def play(config: Config, bug: AbstractContextManager[None] | None = None) -> Report:
    """Plays one scenario from its seed, with a planted bug when one is given."""
    database.empty()
    dice = random.Random(config.seed)
    ids.use(lambda: UUID(int=dice.getrandbits(128), version=4), config.seed)
    settings.GOOGLE_PAGE_SIZE = dice.choice([2, 3, 50])
    auth.limiter.most = 1_000_000
    logging.disable(logging.CRITICAL)
    try:
        with bug or nullcontext(), VirtualTime(START) as time, Stage(time, config.workers) as stage:
            return Scenario(config, dice, time, stage).run()
    finally:
        gateway.use(None)
        ids.use()
        settings.GOOGLE_PAGE_SIZE = 2500
        logging.disable(logging.NOTSET)


class Scenario:
    """The stage, the wire, the people and the queue of one scenario."""

    def __init__(self, config: Config, dice: random.Random, time: VirtualTime, stage: Stage) -> None:
        self.config, self.dice, self.time, self.stage = config, dice, time, stage
        self.google = Google()
        self.google.world.clock = time.google
        self.google.world.seed = config.seed
        self.google.world.reset()
        self.wire = Wire(self.google.world, self.google.app, stage, time, random.Random(f"wire {config.seed}"))
        self.counts: Counter[str] = Counter()
        self.restless: list[str] = []
        self.broken_off: set[tuple[int, int]] = set()
        gateway.use(self.wire)
        self.people = self._installation()

    def run(self) -> Report:
        stage, late = self.stage, []
        self._take = leases.take
        self._break_off = leases.break_off
        leases.take, leases.break_off = self._taken, self._broken_off  # the fence of each run, for the checker
        try:
            self._settle("first sync")
            for _turn in range(self.dice.randint(3, 9)):
                self._act()
            self._settle("prepared")
            self._misbehave()
            before = stage.boundaries
            for _turn in range(self.config.steps):
                self._turn()
            self.counts["chaos"] = stage.boundaries - before
            self._heal()
            self._settle("healed")
            if self.config.mode == "fast":
                late = [f"I-15 without a safety check: {text}" for text in checker.converged(self._outcome(0))]
            self._next_checks(2)
            self._settle("quiet")
            quiet_from = len(self.wire.writes)
            self._next_checks(10 if self.config.seed % 10 == 0 else 3)
            outcome = self._outcome(quiet_from)
        finally:
            leases.take, leases.break_off = self._take, self._break_off
        self.counts.update(self.wire.struck)
        self.counts["boundaries"] = stage.boundaries
        return Report(self.config, [*late, *checker.violations(outcome)], stage.trace, self.counts)

    def _installation(self) -> People:
        """Alice's account with Ana's two calendars selected, nothing synced yet."""
        cast, google = build_cast(), self.google
        ana = google.person(ANA)
        world = google.world
        world.tokens[ana.headers["Authorization"].removeprefix("Bearer ")].expires_at = float("inf")
        world.add_calendar(SHARED, "Support", ANA, "America/New_York")
        google.world.behaviours.conference_delay_s = 0.0
        granted = google.control("tokens", {"email": ANA, "scopes": list(SCOPES)})
        with tenant(cast.account.pk):
            held = Connection(sub=world.accounts[ANA].sub, email=ANA, owner=cast.alice.member)
            held.save()
            ends_at = datetime.fromtimestamp(self.time.google.now_s() + 3599, UTC)
            tokens.store(held, Tokens(granted["access_token"], ends_at, frozenset(), granted["refresh_token"]))
        discovery.refresh(cast.account.pk, held.pk)
        calendars = {}
        for name in (ANA, SHARED):
            with tenant(cast.account.pk):
                held.refresh_from_db()
                mirror = selection.select(held, name)
                calendars[name] = str(Mirror.objects.select_related("calendar").get(pk=mirror.pk).calendar.uuid)
        self.account_id = cast.account.pk
        return People(google, cast.alice, ana, calendars, self.dice, self.config.kinds)

    def _misbehave(self) -> None:
        """From here on the faults of the configuration strike."""
        config, world = self.config, self.google.world
        self.wire.enabled, self.wire.trouble = config.faults, config.trouble
        self.stage.kill_at = config.kill_at and self.stage.boundaries + config.kill_at
        world.behaviours.update(
            {
                "master_edit": config.master_edit,
                "master_move": config.master_move,
                "page": config.page,
                "list_lag_s": config.list_lag_s,
            }
        )
        if config.mode == "deaf":
            world.notification_mode = {"mode": "drop"}

    def _heal(self) -> None:
        """Everything works again; requests that were given up long ago arrive once more."""
        self.wire.enabled = frozenset()
        self.stage.kill_at = 0
        while self.wire.late:
            self.wire.deliver_late()
        self.google.world.behaviours.update({"page": "full", "list_lag_s": 0.0})
        self.google.world.notification_mode = {"mode": "deliver"}

    def _turn(self) -> None:
        """One thing happens somewhere; then the workers get some turns."""
        weights = {"local": 5, "remote": 5, "notify": 3, "tick": 3, "dispatch": 1}
        if self.config.mode in {"safety", "late"}:
            weights |= {"late": 1, "expire": 0.3, "queue_lost": 0.3, "freeze": 0.5}
        if self.config.mode == "fast":
            weights.pop("dispatch")
        kind = self.dice.choices(list(weights), list(weights.values()))[0]
        self.counts[kind] += 1
        match kind:
            case "local":
                self._log(self.people.act("here"))
            case "remote":
                self._log(self.people.act("there"))
            case "notify":
                self._deliver()
            case "tick":
                choices = [0.1, 1.0] if self.config.mode == "fast" else [0.1, 1.0, 20.0, 61.0, 100.0, 1000.0]
                self._tick(self.dice.choice(choices))
            case "dispatch":
                self._dispatch()
            case "late":
                self.wire.deliver_late()
            case "expire":
                self.google.control("expire-sync-tokens", {})
            case "queue_lost":
                self._sql("DELETE FROM procrastinate_jobs")
            case "freeze" if self.stage.busy():
                self.dice.choice(self.stage.busy()).frozen_until = self.stage.boundaries + 60
        for _step in range(self.dice.choice([0, 1, 5, 10, 30, 60])):
            self._step()

    def _act(self) -> None:
        self._log(self.people.act(self.dice.choice(["here", "there"])))

    def _step(self) -> bool:
        """One worker goes to its next boundary, or an idle one takes a job; answers whether anything could happen."""
        awake = [w for w in self.stage.busy() if w.frozen_until <= self.stage.boundaries]
        idle = self.stage.idle()
        if idle and (not awake or self.dice.random() < 0.2):
            self._hand_out(idle[0])
            awake = [w for w in self.stage.busy() if w.frozen_until <= self.stage.boundaries]
        if not awake:
            return False
        worker = self.dice.choice(awake)
        if self.config.kill_rate and self.wire.enabled and self.dice.random() < self.config.kill_rate:
            self.counts["P01"] += 1
            self.stage.kill(worker)
            return True
        self.stage.step(worker)
        return True

    def _hand_out(self, worker: Worker) -> None:
        """The oldest job of the real queue that is due."""
        query = f"""
            DELETE FROM procrastinate_jobs WHERE id = (
                SELECT id FROM procrastinate_jobs WHERE {DUE} ORDER BY id LIMIT 1
            ) RETURNING task_name, args
        """
        with connection.cursor() as cursor:
            cursor.execute(query)
            row = cursor.fetchone()
        if row is None:
            return
        name, args = row[0].rsplit(".", 1)[1], json.loads(row[1])
        worker.job = lambda: getattr(tasks, name)(**args)

    def _dispatch(self) -> None:
        """The minute's dispatcher, as a job of its own."""
        idle = self.stage.idle()
        if idle:
            idle[0].job = lambda: tasks.dispatch(timestamp=0)

    def _settle(self, what: str) -> None:
        """Time goes on, the dispatcher comes every minute, until nothing is left to do."""
        self.stage.trace.append(what)
        if self.restless:
            return
        for worker in self.stage.workers:
            worker.frozen_until = 0
        still = 0
        for _round in range(QUIET_ROUNDS_MAX):
            for _step in range(STEPS_MAX):
                if not self._step():
                    break
            else:
                break
            self._deliver()
            has_jobs = self._sql(f"SELECT count(*) FROM procrastinate_jobs WHERE {DUE}")
            if has_jobs:
                continue
            is_dirty = self._sql(
                "SELECT count(*) FROM sync_mirrorrun WHERE wanted > done OR pull_wanted > pull_done"
                " OR leased_until IS NOT NULL OR next_attempt_at IS NOT NULL"
            ) or self._sql("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")
            still = 0 if is_dirty else still + 1
            if still >= 2:
                return
            if self.config.mode == "fast" and what == "healed":
                self._tick(1.0)
            else:
                self._tick(61.0)
                self._dispatch()
        self.restless.append(what)
        self.stage.trace.append(f"{what}: does not come to rest")

    def _next_checks(self, count: int) -> None:
        """So many safety periods pass."""
        for _period in range(count):
            self._tick(4600.0)
            self._dispatch()
            self._settle("check")

    def _tick(self, seconds: float) -> None:
        self.time.advance(seconds)

    def _deliver(self) -> None:
        self.google.control("notifications/flush")

    def _outcome(self, quiet_from: int) -> checker.Outcome:
        people = self.people
        with tenant(self.account_id):
            mirrors = list(Mirror.objects.order_by("remote_id"))
        states = [f"{m.remote_id} {m.state} {m.error_code}" for m in mirrors if m.state not in {"live", "polling"}]
        return checker.Outcome(
            people.ops,
            {name: people.here(name) for name in people.calendars},
            {name: people.there(name) for name in people.calendars},
            people.kept(),
            self.wire.writes,
            self.wire.writes[quiet_from:],
            self.google.world.mails,
            self.stage.errors,
            self.broken_off,
            [*states, *(f"never after “{what}”" for what in self.restless)],
        )

    def _taken(self, mirror_id: int) -> Any:
        lease = self._take(mirror_id)
        worker = threading.current_thread()
        if lease is not None and isinstance(worker, Worker):
            worker.mirror, worker.fence = mirror_id, lease.fence
        return lease

    def _broken_off(self, mirror_id: int) -> None:
        """A person's move ends a run: what that run was about to send may go out still, as a late request does."""
        self.broken_off.add((mirror_id, self.time.fence(mirror_id)))
        self._break_off(mirror_id)

    def _log(self, text: str) -> None:
        self.stage.trace.append(text)

    def _sql(self, query: str) -> int:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return int(cursor.fetchone()[0]) if cursor.description else 0
