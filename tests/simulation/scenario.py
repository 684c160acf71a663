"""One scenario: drawn from a seed, played, brought to rest, judged."""

import json
import logging
import random
import threading
from collections import Counter
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote
from uuid import UUID

from django.conf import settings
from django.core import mail
from django.db import connection
from gcal_emulator.world import Client

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.api import auth
from conversa_calendar.connections import discovery, gateway, tokens
from conversa_calendar.connections.models import Connection, Grant, GrantUse
from conversa_calendar.kit import clock, ids
from conversa_calendar.providers.google.oauth import SCOPES, Tokens
from conversa_calendar.sync import tasks
from conversa_calendar.sync.mirrors import disconnecting, selection
from conversa_calendar.sync.models import Mirror, MirrorRun
from conversa_calendar.sync.run import leases
from tests.simulation import checker, ledger
from tests.simulation.config import Config, Report
from tests.simulation.people import Desk, People
from tests.simulation.stage import Stage, Worker
from tests.simulation.upheavals import Upheavals
from tests.simulation.virtual import VirtualTime
from tests.simulation.wire import BADLY_SHOWN, Wire
from tests.support import database
from tests.support.cast import Actor, build_cast
from tests.support.google import Google, Person

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
ANA, BOSS, OLGA = "ana@acme.example", "boss@acme.example", "olga@elsewhere.example"
SHARED = "support@group.calendar.google.com"
"""A calendar of the boss, who lets Ana write to it."""
DUE = "status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= sim.now())"
"""Jobs that the real queue would hand out at this moment."""
DIRTY = "is_active AND (wanted > done OR pull_wanted > pull_done OR leased_until IS NOT NULL OR next_attempt_at IS NOT NULL)"
"""Mirrors that are worked on, or that wait for it."""
QUIET_ROUNDS_MAX = 150
UNCHECKED = {"fast", "flaky"}
"""Modes in which no safety check may be needed."""
TICKS = {"fast": [0.1, 1.0], "flaky": [0.1, 1.0, 10.0]}
IN_VAIN_MAX = 80
"""So often a calendar that never works again may be asked in the hours of rest."""
ROUNDS_MAX = 8
STEPS_MAX = 6_000
"""More boundaries without rest than this are an endless loop."""


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
            scenario = Scenario(config, dice, time, stage)
            with ledger.counted(scenario.counts):
                return scenario.run()
    finally:
        gateway.use(None)
        ids.use()
        settings.GOOGLE_PAGE_SIZE = 2500
        logging.disable(logging.NOTSET)
        getattr(mail, "outbox", []).clear()


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
        self.shared: list[int] = []
        """Mirrors of the calendar that is shared with Ana, one for each account here."""
        self.restless: list[str] = []
        self.broken_off: set[tuple[int, int]] = set()
        gateway.use(self.wire)
        self.people = self._installation()
        self.wire.is_revoked_well = self._revoking
        self.wire.poisoned = self.people.poisoned.keys()
        self.upheavals = Upheavals(
            self.people,
            SHARED,
            random.Random(f"upheavals {config.seed}"),
            has_takeovers=config.has_takeovers,
        )
        stage.dice = random.Random(f"database {config.seed}")

    def run(self) -> Report:
        stage, late = self.stage, []
        self._take = leases.take
        self._break_off = leases.revoke
        leases.take, leases.revoke = self._taken, self._broken_off  # the fence of each run, for the checker
        try:
            self._settle("first sync")
            for _turn in range(self.dice.randint(3, 9)):
                self._act()
            self._settle("prepared")
            self._misbehave()
            before = stage.boundaries
            for _turn in range(self.config.steps):
                self._turn()
            self._heal()
            self._settle("healed")
            self.counts["chaos"], stage.kill_at = stage.boundaries - before, 0
            self._wait_out_pauses()
            self._put_right()
            if self.config.mode in UNCHECKED:
                late = [f"I-15 without a safety check: {text}" for text in checker.converged(self._outcome(0))]
            self._next_checks(2)
            self._settle("quiet")
            quiet_from = len(self.wire.writes)
            self.wire.asked_in_vain = 0
            self._next_checks(10 if self.config.seed % 10 == 0 else 3)
            outcome = self._outcome(quiet_from)
        finally:
            leases.take, leases.revoke = self._take, self._break_off
        self.counts.update(self.wire.struck)
        self.counts.update(stage.struck)
        self.counts["operations"] = len(self.people.ops)
        self.counts["moved at Google"] = sum(op.what == "move" and op.side == "there" for op in self.people.ops)
        self.counts["boundaries"] = stage.boundaries
        return Report(self.config, [*late, *checker.violations(outcome)], stage.trace, self.counts)

    def _installation(self) -> People:
        """Accounts connected to Ana's with her calendars selected, nothing synced yet."""
        config, cast, world = self.config, build_cast(), self.google.world
        account = world.add_account(ANA, time_zone="America/Sao_Paulo")
        world.clients["people"] = Client("people", "secret", project="people")
        ana, olga, boss = self._person(ANA), self._person(OLGA), self._person(BOSS)
        shared = world.add_calendar(SHARED, "Support", BOSS, "America/New_York")
        world.share(shared, ANA, "writer")
        world.behaviours.conference_delay_s = 0.0
        world.behaviours.channel_lifetime_days = config.channel_days
        desks = [self._desk("acme", cast.alice, account.sub, [ANA, SHARED])]
        if config.desks > 1:
            desks.append(self._desk("other", cast.charlie, account.sub, [SHARED]))
        owners = {ANA: ana, SHARED: boss}
        return People(self.google, desks, ana, olga, owners, self.dice, allowed=config.kinds, eager=config.eager)

    def _person(self, email: str) -> Person:
        """Somebody at Google, who never signs out: a client of another project, which revoking ours does not touch."""
        world = self.google.world
        world.add_account(email, time_zone="America/Sao_Paulo")
        own = self.google.control("tokens", {"email": email, "scopes": ["calendar"], "client_id": "people"})
        world.tokens[own["access_token"]].expires_at = float("inf")
        return Person(self.google, email, own["access_token"])

    def _desk(self, name: str, actor: Actor, sub: str, calendars: list[str]) -> Desk:
        granted = self.google.control("tokens", {"email": ANA, "scopes": list(SCOPES)})
        with tenant(actor.account_id):
            held = Connection(sub=sub, email=ANA, owner=actor.member)
            held.save()
            grant, _is_new = Grant.objects.get_or_create(sub=sub)
            GrantUse.objects.create(grant=grant, connection_uuid=held.uuid)
            ends_at = datetime.fromtimestamp(self.time.google.now_s() + 3599, UTC)
            tokens.store(held, Tokens(granted["access_token"], ends_at, frozenset(), granted["refresh_token"]))
        discovery.refresh(actor.account_id, held.pk)
        found = {}
        for calendar in calendars:
            with tenant(actor.account_id):
                held.refresh_from_db()
                mirror = selection.select(held, calendar)
                found[calendar] = str(Mirror.objects.select_related("calendar").get(pk=mirror.pk).calendar.uuid)
            self.shared += [mirror.pk] if calendar == SHARED else []
        native = actor.post("calendars", {"name": "Only here"})["id"]
        return Desk(name, actor, found, str(held.uuid), native)

    def _misbehave(self) -> None:
        """From here on the faults of the configuration strike."""
        config, world = self.config, self.google.world
        self.wire.enabled, self.wire.trouble = config.faults, config.trouble
        self.stage.enabled, self.time.skew_s = config.database, config.skew_s
        self.stage.kill_at = config.kill_at and self.stage.boundaries + config.kill_at
        world.behaviours.update(
            {
                "master_edit": config.master_edit,
                "master_move": config.master_move,
                "page": config.page,
                "list_lag_s": config.list_lag_s,
                "deleted_copy": config.deleted_copy,
                "restored_series": config.restored_series,
            }
        )
        if config.mode == "broken":
            self.wire.broken, self.people.barred = quote(SHARED), {SHARED}
        if config.mode == "deaf":
            world.notification_mode = {"mode": "drop"}
        elif config.mode == "safety":
            rates = {"drop_rate": config.drop_rate, "duplicate_rate": config.duplicate_rate}
            world.notification_mode = {"mode": "deliver"} | rates

    def _note_weather(self) -> None:
        """Counts what holds for the whole scenario."""
        config = self.config
        self.counts["P04"] += config.skew_s != 0
        self.counts["W01"] += config.mode == "deaf" or config.drop_rate > 0
        self.counts["W02"] += config.mode == "safety" and config.duplicate_rate > 0
        self.counts["W03"] += self.counts["notify"] > 0  # they come when the scenario says so, not when they are sent

    def _heal(self) -> None:
        """Everything works again; requests that were given up long ago arrive once more."""
        self._note_weather()
        self.google.is_deaf = False
        self.wire.enabled = self.stage.enabled = frozenset()
        self.time.skew_s = 0.0
        while self.wire.late:
            self.wire.deliver_late()
        self.google.world.behaviours.update({"page": "full", "list_lag_s": 0.0})
        self.google.world.notification_mode = {"mode": "deliver"}
        self.people.repair()

    def _turn(self) -> None:  # noqa: C901 - one case for each thing that may happen
        """One thing happens somewhere; then the workers get some turns."""
        weights: dict[str, float] = {"local": 5, "remote": 5, "notify": 3, "tick": 3, "dispatch": 1}
        if self.config.mode in {"safety", "late"}:
            weights |= {"late": 1, "expire": 0.3, "P09": 0.3, "P02": 0.5, "forge": 0.2, "W08": 0.2}
        if self.config.has_upheavals:
            weights["upheaval"] = 4
        if "D03" in self.config.database:
            weights["restart"] = 0.3
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
                self._tick(self.dice.choice(TICKS.get(self.config.mode, [0.1, 1.0, 20.0, 61.0, 100.0, 1000.0])))
            case "dispatch":
                self._dispatch()
            case "late":
                self.wire.deliver_late()
            case "expire":
                self.google.control("expire-sync-tokens", {})
            case "forge":
                self._forge()
            case "W08":
                self.google.is_deaf = not self.google.is_deaf
            case "P09":
                self._sql("DELETE FROM procrastinate_jobs")
            case "upheaval":
                done = self.upheavals.act()
                self.counts[done.split()[1]] += not done.endswith("nothing")
                self._log(done)
            case "restart":
                self.stage.restart_database()
            case "P02" if self.stage.busy():
                self.dice.choice(self.stage.busy()).frozen_until = self.stage.boundaries + 60
        for _step in range(self.dice.choice([0, 1, 5, 10, 30, 60])):
            self._step()

    def _put_right(self) -> None:
        """Everybody reconnects, selects, decides and tries again what faults and upheavals left behind; what Google failed
        to list is found by a deep check, as is an exception that did not come back with a series which was deleted and
        restored there before anybody looked."""
        if self.config.has_upheavals:
            self._next_checks(2)  # what was taken away at Google is noticed at the latest now
        is_restored = any(op.what == "restore" and op.side == "there" for op in self.people.ops)
        needs_deep_check = is_restored or bool(BADLY_SHOWN & set(self.wire.struck))
        if needs_deep_check:
            self._check_deeply()
        if self._try_again() and needs_deep_check:
            self._check_deeply()  # also what nobody could ask Google about before
            self._try_again()

    def _check_deeply(self) -> None:
        for mirror_id in MirrorRun.objects.order_by("mirror_id").values_list("mirror_id", flat=True):
            tasks.deep_check.defer(mirror_id=mirror_id)
        self._settle("deep checks")

    def _try_again(self) -> int:
        """Answers in how many rounds something was left to do."""
        for number in range(ROUNDS_MAX):
            done, again = self.upheavals.put_right(), self.people.try_again()
            if not done and not again:
                return number
            self._log(f"put right: {done}, {again} tried again")
            self._settle("put right")
        self.restless.append("put right")
        return ROUNDS_MAX

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
                SELECT id FROM procrastinate_jobs WHERE {DUE} ORDER BY priority DESC, id LIMIT 1
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
            is_dirty = self._sql(f"SELECT count(*) FROM sync_mirrorrun WHERE {DIRTY} AND {self._not_in_vain()}")
            is_dirty = is_dirty or self._sql("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo'")
            is_dirty = is_dirty or disconnecting.unfinished(clock.now() + timedelta(days=2))
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

    def _not_in_vain(self) -> str:
        """Mirrors that can come to rest: not those of a calendar that never works again, or that Ana may not use now."""
        if SHARED not in self.people.barred and self.upheavals.role == "writer":
            return "true"
        return f"mirror_id NOT IN ({', '.join(map(str, self.shared))})"

    def _wait_out_pauses(self) -> None:
        """Google takes writes again of everybody whose writing it had paused."""
        waits = "SELECT ceil(extract(epoch FROM max(writes_paused_until) - sim.now()))::int FROM connections_grant"
        if (seconds := self.time.number(waits)) > 0:
            self._tick(seconds + 1.0)
            self._dispatch()
            self._settle("writes again")

    def _next_checks(self, count: int) -> None:
        """So many safety periods pass."""
        for _period in range(count):
            self._tick(4600.0)
            self._dispatch()
            self._settle("check")

    def _forge(self) -> None:
        """Notifications of channels that are not ours, or that their sender knows too little of (W04, W05)."""
        known = [*self.google.world.channels.values()]
        channel = self.dice.choice(known) if known else None
        is_known = channel is not None and self.dice.random() < 0.5
        self.counts["W05" if is_known else "W04"] += 1
        headers = {"X-Goog-Channel-ID": channel.id if channel and is_known else "f" * 32}
        headers |= {"X-Goog-Channel-Token": "forged", "X-Goog-Resource-ID": "r1", "X-Goog-Resource-State": "exists"}
        before = self._sql("SELECT count(*) FROM procrastinate_jobs")
        self.google.deliver("http://testserver/push/google", headers)
        if self._sql("SELECT count(*) FROM procrastinate_jobs") != before:
            self.stage.errors.append("W05 a forged notification made work")

    def _tick(self, seconds: float) -> None:
        self.time.advance(seconds)

    def _deliver(self) -> None:
        self.wire.is_receiving = True
        self.google.control("notifications/flush")
        self.wire.is_receiving = False

    def _outcome(self, quiet_from: int) -> checker.Outcome:
        people = self.people
        rows = [(desk.name, row) for desk in people.desks for row in desk.mirrors()]
        states = [
            f"{name} {row['google_calendar_id']} {row['state']} {(row['error'] or {}).get('code', '')}"
            for name, row in rows
            if row["state"] not in {"live", "polling"} and row["google_calendar_id"] not in people.barred
        ]
        states += self._channels(rows)
        if self.wire.asked_in_vain > IN_VAIN_MAX:
            states.append(f"asked {self.wire.asked_in_vain} times for what never works (I-24)")
        there = {name: people.there(name, people.ana) for name in people.calendars if name not in people.barred}
        here = {place: items for place, items in people.here().items() if place[1] not in people.barred}
        secrets = [*self.google.world.tokens, *self.google.world.refresh_tokens]
        self.wire.wrong += [f"I-21 a token stands in {table}" for table in self.time.tables_with(secrets)]
        self.wire.wrong += [f"I-20 {found}" for found in people.seen_by_several()]
        items = [item for found in there.values() for item in found]
        refused = {item.get("description", "") for item in items if item["id"].split("_")[0] in self.wire.refused}
        return checker.Outcome(
            people.ops,
            here,
            there,
            people.kept(),
            self.wire.writes,
            self.wire.writes[quiet_from:],
            self.google.world.mails,
            self.stage.errors,
            self.broken_off,
            people.gone(),
            {*people.poisoned.values(), *self._out_of_sight()},
            self.wire.wrong,
            refused,
            [*states, *(f"never after “{what}”" for what in self.restless)],
            self.wire.arrived_late,
            {} if self.config.has_upheavals else people.known,
            self.config.mode == "fast",
        )

    def _out_of_sight(self) -> set[str]:
        """Names of events that stand, or may, in a calendar that nobody can look into any more."""
        barred = self.people.barred
        return {op.name for op in self.people.ops if barred and (op.where in barred or op.what in {"move", "restore"})}

    def _channels(self, rows: list[tuple[str, dict[str, Any]]]) -> list[str]:
        """I-16: a living mirror has one channel at Google that it knows, or while it is replaced two."""
        found, now = [], self.time.google.now_s()
        for name, row in rows:
            with connection.cursor() as cursor:
                query = "SELECT id::text FROM sync_pushchannel c JOIN sync_mirrorrun r USING (mirror_id) WHERE r.mirror_uuid = %s"
                cursor.execute(query, [row["id"]])
                known = [self.google.world.channels.get(channel) for (channel,) in cursor.fetchall()]
            alive = [c for c in known if c is not None and c.stopped_at is None and c.expires_at > now]
            if row["state"] == "live" and not 1 <= len(alive) <= 2:
                found.append(f"{name} {row['google_calendar_id']} has {len(alive)} channels (I-16)")
        return found

    def _revoking(self, body: bytes) -> list[str]:
        """I-17: access is revoked when nobody uses it any more and every channel was stopped."""
        found = []
        token = dict(parse_qsl(body.decode())).get("token", "")
        held = self.google.world.refresh_tokens.get(token) or self.google.world.tokens.get(token)
        if held is None:
            return found  # Google knows it no longer
        email = held.email
        if self.time.number(
            f"SELECT count(*) FROM connections_connection WHERE state = 'active' AND email = '{email}'"
        ):
            found.append("I-17 access is revoked while another account uses it")
        now = self.time.google.now_s()
        own = [c for c in self.google.world.channels.values() if c.email == email]
        alive = [c for c in own if c.stopped_at is None and c.expires_at > now]
        known = [
            c
            for c in alive
            if self.time.number(f"SELECT count(*) FROM sync_pushchannel WHERE id = '{c.id}' AND state = 'live'")
        ]
        can_be_stopped = (email, "demo-client") in self.google.world.grants and not self.wire.struck["G31"]
        can_be_stopped = can_be_stopped and not self.wire.is_powerless
        if can_be_stopped and known:
            found.append("I-17 access is revoked before its channels were stopped")
        return found

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
