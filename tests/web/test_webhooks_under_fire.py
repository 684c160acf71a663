"""Thousands of messages to a receiver that fails at random, while the worker is killed at every step."""

import itertools
import os
import random
from collections import Counter, defaultdict
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import editing
from conversa_calendar.calendars.models import Calendar, Event
from conversa_calendar.domain.event import Content
from conversa_calendar.domain.times import timed
from conversa_calendar.kit import clock
from conversa_calendar.webhooks import delivering, network
from conversa_calendar.webhooks.models import Delivery, Endpoint, EndpointRun
from tests.support.cast import Cast
from tests.support.following import Follower
from tests.support.receiver import Receiver, endpoint_of, forget_pauses
from tests.web.test_webhooks import hook, receiver  # noqa: F401

DELIVERIES = int(os.environ.get("DELIVERIES", "2000"))
EVENTS = 200


class Killed(BaseException):
    """The worker is gone at this point; nothing of it runs on."""


class Killer:
    """Kills the worker in each of its lives at another of its steps, the requests under way with it."""

    STEPS = {
        delivering: ("_next", "gather", "_due", "_send", "_settle", "_rest", "_news_behind"),
        delivering.leases: ("take", "hold"),
        delivering.payloads: ("bodies",),
        network.Line: ("post",),
    }

    def __init__(self, monkeypatch: pytest.MonkeyPatch, dice: random.Random) -> None:
        self.dice, self.kills, self.is_dead = dice, Counter[str](), False
        names = [name for found in self.STEPS.values() for name in found]
        self.moments = [f"{when} {name}" for name in names for when in ("before", "after")]
        for place, found in self.STEPS.items():
            for name in found:
                monkeypatch.setattr(place, name, self._deadly(name, getattr(place, name)))
        monkeypatch.setattr(delivering.leases, "release", self._skipped(delivering.leases.release))
        self.deaths = itertools.cycle(dice.sample(self.moments, len(self.moments)))
        self.revive()

    def revive(self) -> None:
        self.is_dead, self.moment = False, next(self.deaths)
        self.left = self.dice.randint(1, 20 if "post" in self.moment else 1)

    def _deadly(self, name: str, step: Any) -> Any:
        def run(*args: Any, **kwargs: Any) -> Any:
            self._pass(f"before {name}")
            found = step(*args, **kwargs)
            self._pass(f"after {name}")
            return found

        return run

    def _skipped(self, step: Any) -> Any:
        """Whoever was killed gives nothing back."""
        return lambda *args: None if self.is_dead else step(*args)

    def _pass(self, moment: str) -> None:
        if not self.is_dead and moment == self.moment:
            self.left -= 1
            if self.left <= 0:
                self.is_dead = True
                self.kills[moment] += 1
        if self.is_dead:
            raise Killed


def _write(cast: Cast, dice: random.Random, count: int) -> None:
    """So many changes of some events, some of them several in one transaction."""
    with tenant(cast.account.pk):
        calendar = Calendar.objects.order_by("pk")[0]
        at = clock.now().replace(microsecond=0)
        for number in range(EVENTS):
            content = Content(start=timed(at, "UTC"), end=timed(at + timedelta(hours=1), "UTC"), summary=f"{number}.0")
            editing.create(calendar, content, actor=None)
        names = list(Event.objects.values_list("pk", flat=True))
    for turn in range(count - EVENTS):
        with tenant(cast.account.pk), connection.cursor() as cursor:
            query = """
                UPDATE calendars_event SET summary = %s,
                    content_json = regexp_replace(content_json, '"summary":"[^"]*"', %s) WHERE id = %s
            """
            cursor.execute(query, [f"t{turn}", f'"summary":"t{turn}"', dice.choice(names)])


def test_nothing_is_missing_and_the_order_of_each_thing_is_kept(
    cast: Cast,
    receiver: Receiver,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dice = random.Random(DELIVERIES)
    made = hook(cast.alice, receiver, kinds=["event"])
    follower = Follower(cast.alice)
    _write(cast, dice, DELIVERIES)
    wanted = [(item["id"], item["what"], item["at"]) for item in follower.all() if item["kind"] == "event"]
    assert len(wanted) == DELIVERIES
    receiver.answers = lambda _number: 204 if dice.random() > 0.1 else dice.choice([500, 503, 429, 302])
    monkeypatch.setattr(delivering, "BATCH", 40)
    killer, pk = Killer(monkeypatch, dice), endpoint_of(cast.account.pk, made["id"]).pk
    for _life in range(DELIVERIES * 20):
        try:
            delivering.deliver(pk)
        except Killed:
            connection.close()
            killer.revive()
        EndpointRun.objects.update(leased_until=None)  # in time it ends by itself
        forget_pauses(cast.account.pk)
        with tenant(cast.account.pk):
            waits = Delivery.objects.filter(endpoint_id=pk, state="waiting").exists()
            row = Endpoint.objects.get(pk=pk)
            Endpoint.objects.update(rests=0)
        assert row.is_on
        if not waits and len({headers["webhook-id"] for headers, _body in receiver.taken}) == len(wanted):
            break
    assert len(killer.kills) >= len(killer.moments) / 2, killer.kills
    _assert_complete(receiver, made["secret"], wanted)


def _assert_complete(receiver: Receiver, secret: str, wanted: list[tuple[str, str, str]]) -> None:  # noqa: F811
    """Each change arrived, first in the order of its thing, and no id stands for two of them."""
    arrived: dict[str, list[tuple[str, str]]] = defaultdict(list)
    seen: dict[str, tuple[str, str, str]] = {}
    for (headers, _body), message in zip(receiver.taken, receiver.messages(secret), strict=True):
        data, name = message["data"], headers["webhook-id"]
        told = (data["id"], data["what"], data["at"])
        assert seen.setdefault(name, told) == told
        if (name, data["at"]) not in arrived[data["id"]]:  # what was sent again came before already
            arrived[data["id"]].append((name, data["at"]))
    assert sorted(seen.values()) == sorted(wanted), "missing, doubled or unasked for"
    for thing, came in arrived.items():
        times = [at for _name, at in came]
        assert times == sorted(times), thing
