"""The simulation's people and its checker before the real thing: pages, two machines with workers, kills, restarts."""

import json
import os
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

from tests.simulation import checker
from tests.simulation.people import Desk, People
from tests.support.cast import Actor
from tests.support.google import Google, Person
from tests.support.processes import Installation, running, until

pytestmark = pytest.mark.processes
ANA, BOSS, OLGA = "ana@acme.example", "boss@acme.example", "olga@elsewhere.example"
MACHINES = ("", "elsewhere")
SECONDS = 60.0
SEED = int(os.environ.get("PEOPLE_SEED", "7"))
ODD = {"poison"}
"""What only the simulation's network can show."""
BY_A_PERSON = "quotaUser=person"
"""Marks in the journal what people ask of Google, who use the same project."""


class Answer:
    def __init__(self, status_code: int, data: bytes) -> None:
        self.status_code, self.content = status_code, data

    def json(self) -> Any:
        return json.loads(self.content)


@dataclass
class Far(Actor):
    """A member of one account, by HTTP."""

    origin: str

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        sent = {"Authorization": f"Bearer {self.token}"} | {name.replace("_", "-"): v for name, v in headers.items()}
        while (answer := _ask(method, f"{self.origin}/api/v1/{path}", body, sent)).status_code == 429:
            time.sleep(1.0)
        return answer


class FarGoogle:
    """The emulator in a process of its own, in the shape in which tests use the one in theirs."""

    def __init__(self, installation: Installation) -> None:
        self.installation, self.client = installation, self
        self.world = SimpleNamespace(behaviours=SimpleNamespace(deleted_copy="stays"))

    def open(self, path: str, method: str, json: Any = None, headers: dict[str, str] | None = None) -> Any:
        marked = f"{path}{'&' if '?' in path else '?'}{BY_A_PERSON}"
        answer = _ask(method, f"{self.installation.google}{marked}", json, headers or {})
        found = answer.json() if answer.content else None
        return SimpleNamespace(status_code=answer.status_code, data=answer.content, json=found)

    def post(self, path: str, json: Any = None) -> Any:
        return self.open(path, "POST", json)

    def control(self, path: str, body: Any = None, method: str = "POST") -> Any:
        return self.installation.at_google(f"/_emulator/{path}", body, method)

    def person(self, email: str) -> Person:
        self.control("accounts", {"email": email})
        token = self.control("tokens", {"email": email, "scopes": ["calendar"]})["access_token"]
        return Person(cast(Google, self), email, token)


class Town:
    """Two accounts here with desks, Ana and those that she works with, and everything that runs."""

    def __init__(self, installation: Installation, seed: int) -> None:
        self.installation, self.dice = installation, random.Random(seed)
        self.google = FarGoogle(installation)
        persons = {email: self.google.person(email) for email in (ANA, BOSS, OLGA)}
        shared = persons[BOSS].call("POST", "calendars", {"summary": "Support", "timeZone": "UTC"})["id"]
        self.google.control("share", {"calendar_id": shared, "email": ANA, "role": "writer"})
        self.google.control("behaviours", {"conference_delay_s": 0.0}, "PUT")
        desks = [self._desk("acme", [ANA, shared]), self._desk("other", [shared])]
        allowed = frozenset(People.allowed - ODD)
        owners = {ANA: persons[ANA], shared: persons[BOSS]}
        google = cast(Google, self.google)
        self.people = People(google, desks, persons[ANA], persons[OLGA], owners, self.dice, allowed=allowed)

    def _desk(self, name: str, calendars: list[str]) -> Desk:
        email = f"{name}@house.example"
        token = self.installation.create_account(name, email)["api_token"]
        self.installation.connect(email, ANA)
        actor = Far(cast(Any, None), token, self.installation.origin)
        [connection] = actor.get("connections")["items"]
        found = {}
        for calendar in calendars:
            path = f"connections/{connection['id']}/calendars/{quote(calendar)}"
            found[calendar] = actor.put(path, {"mirrored": True})["calendar"]
        until(lambda: all(row["progress"]["done"] for row in actor.get("mirrors")["items"]))
        return Desk(name, actor, found, connection["id"], actor.post("calendars", {"name": "Only here"})["id"])

    def live(self, seconds: float) -> tuple[int, int]:
        """Everybody works for so long, while workers die and the database restarts; answers kills and restarts."""
        ends_at, kills, restarts = time.monotonic() + seconds, 0, 0
        while time.monotonic() < ends_at:
            self.people.act(self.dice.choice(["here", "there"]))
            time.sleep(self.dice.choice([0.0, 0.05, 0.3]))
            if self.dice.random() < 0.04:
                machine = self.dice.choice(MACHINES)
                self.installation.kill_worker(machine)
                self.installation.start_worker(machine)
                kills += 1
            if self.dice.random() < 0.01:
                self.installation.restart_database()
                until(lambda: self.people.desk.actor.call("GET", "account").status_code == 200)
                restarts += 1
        return kills, restarts

    def unrest(self) -> list[str]:
        """What is not yet at rest after every mirror was read once more: unread, waiting, or different on both sides."""
        unread = []
        for desk in self.people.desks:
            for mirror in desk.mirrors():
                answer = desk.actor.call("POST", f"mirrors/{mirror['id']}/sync?wait_s=20", {})
                if answer.status_code != 200:
                    unread.append(f"{desk.name} {mirror['id']}: {answer.status_code} {answer.content[:300]!r}")
        if unread:
            return unread
        self.people.try_again()
        rows = [(desk.name, row) for desk in self.people.desks for row in desk.mirrors()]
        waiting = [
            f"{name} {row['id']}: {row['state']} {row['pending']}" for name, row in rows if row["pending"]["out"]
        ]
        return waiting or checker.converged(self.outcome(0))

    def is_at_rest(self) -> bool:
        """Every mirror read once more, nothing waiting, both sides the same."""
        return self.unrest() == []

    def writes(self) -> list[dict[str, Any]]:
        """What the product changed of events at Google."""
        entries = self.google.control("journal", method="GET")["entries"]
        return [
            entry
            | {"if_match": entry["if_match"] or "", "is_known_etag": bool(entry["if_match"]), "mirror": 0, "fence": 0}
            for entry in entries
            if entry["method"] in {"POST", "PATCH", "PUT", "DELETE"}
            and "/events" in entry["path"]
            and not entry["path"].endswith("/watch")
            and "quotaUser" not in entry["query"]
        ]

    def evidence(self, found: list[str]) -> str:
        """What was done to the events that the checker names, on both sides, for whoever reads its verdict."""
        lines = list(found)
        for name in sorted({op.name for op in self.people.ops if any(op.name in one.split() for one in found)}):
            ops = [op for op in self.people.ops if op.name == name]
            lines += [f"  {name}: {op}" for op in ops]
            for desk in self.people.desks:
                event = self.people.known.get((desk.name, name), "")
                lines += [f"  {name} at {desk.name}: {entry}" for entry in desk.history(event)] if event else []
            ids = {op.event_id for op in ops if op.side == "there"}
            lines += [f"  {name}: {write}" for write in self.writes() if write["path"].rsplit("/", 1)[-1] in ids]
        return "\n".join(lines)

    def outcome(self, quiet_from: int) -> checker.Outcome:
        people, writes = self.people, self.writes()
        rows = [(desk.name, row) for desk in people.desks for row in desk.mirrors()]
        there = {name: people.there(name, people.ana) for name in people.calendars}
        mails = self.google.control("mails", method="GET")["mails"]
        refused = {entry["path"].rsplit("/", 1)[-1].split("_")[0] for entry in writes if entry["status"] == 403}
        items = [item for found in there.values() for item in found]
        return checker.Outcome(
            people.ops,
            people.here(),
            there,
            people.kept(),
            writes,
            writes[quiet_from:] if quiet_from else [],
            mails,
            [],
            gone=people.gone(),
            wrong=[f"I-20 {found}" for found in people.seen_by_several()],
            refused={item.get("description", "") for item in items if item["id"].split("_")[0] in refused},
            states=[f"{name} {row['state']}" for name, row in rows if row["state"] not in {"live", "polling"}],
        )


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with running(Path(tmp_path_factory.mktemp("people")), is_durable=True) as installation:
        for machine in MACHINES[1:]:
            installation.start_worker(machine)
        yield Town(installation, SEED)


def test_people_on_both_sides_while_workers_of_two_machines_die_and_the_database_restarts(town: Town) -> None:
    kills, restarts = town.live(SECONDS)
    assert kills >= 3 and restarts >= 1, (kills, restarts)
    assert len(town.people.ops) > 60
    until(town.is_at_rest, timeout_s=180, missing=town.unrest)
    quiet_from = len(town.writes())
    for _check in range(3):
        until(town.is_at_rest, missing=town.unrest)
    found = checker.violations(town.outcome(quiet_from))
    assert not found, town.evidence(found)


def _ask(method: str, url: str, body: Any, headers: dict[str, str]) -> Answer:
    data = json.dumps(body).encode() if body is not None else None
    request = Request(url, data=data, headers={"Content-Type": "application/json"} | headers, method=method)
    try:
        with urlopen(request, timeout=60) as answer:
            return Answer(answer.status, answer.read())
    except HTTPError as error:
        return Answer(error.code, error.read())
    except OSError:
        return Answer(599, b"")
