"""Stories of one calendar, told in folders: what is given, what happens, what the engine decides, how it ends.

A line of `given.txt` and `steps.txt` says who does what: `here creates Walk place=Park`, `there edits Walk title=Run`,
`google loses POST`, `sync`. `plan.txt` and `end.txt` are written by `make golden`; the tests compare.
"""

import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import Event, History
from conversa_calendar.engine import steps
from conversa_calendar.engine.decide import decide
from conversa_calendar.sync.models import Link
from tests.simulation.ledger import DECIDING
from tests.support import decisions
from tests.support.google import at
from tests.sync.conftest import Scene

FOLDER = Path(__file__).resolve().parents[1] / "scenarios"
FIELDS = {"title": ("summary", "summary"), "place": ("location", "location"), "text": ("description", "description")}
"""Words of a story, with the names that they have here and at Google."""
EFFECTS: dict[str, dict[str, Any]] = {
    "loses": {"drop": "after_commit"},
    "refuses": {"status": 403, "reason": "forbidden"},
    "misses": {"status": 404, "reason": "notFound"},
}


def names() -> list[str]:
    """The stories that are told."""
    return sorted(path.name for path in FOLDER.iterdir() if path.is_dir())


class Story:
    """One scenario, being played."""

    def __init__(self, scene: Scene, decides: Callable[..., steps.Steps] = decide) -> None:
        self.scene = scene
        self.decides = decides
        self.here: dict[str, str] = {}
        self.there: dict[str, str] = {}
        self.plan: list[str] = []
        self.written: list[dict[str, Any]] = []

    def play(self, name: str) -> None:
        """What is given, then what happens; the plan tells of the latter only."""
        self._do(name, "given.txt")
        self.scene.google.check()
        mark = self.scene.google.mark()
        with self._noted():
            self._do(name, "steps.txt")
            self.scene.google.check()
        self.written = self.scene.google.writes(mark)

    def _do(self, name: str, part: str) -> None:
        for line in (FOLDER / name / part).read_text().splitlines():
            who, *words = shlex.split(line, comments=True) or [""]
            if who:
                getattr(self, f"_{who}")(*words)

    def _sync(self) -> None:
        self.scene.google.check()

    def _google(self, does: str, what: str = "") -> None:
        if does == "forgets":
            self.scene.google.control("expire-sync-tokens", {})
            return
        if does == "doubted":
            self.scene.list_before_sending()
            return
        match = {"method": what, "path": "*/events*"}
        self.scene.google.control("faults", {"match": match, "effect": EFFECTS[does], "times": 1})

    def _here(self, does: str, name: str, *said: str) -> None:
        alice = self.scene.alice
        values = {FIELDS[key][0]: value for key, value in (pair.split("=") for pair in said)}
        if does == "creates":
            body = {"start": {"date_time": "2026-12-01T09:00:00-03:00", "time_zone": "America/Sao_Paulo"}, **values}
            made = alice.post("events", {"calendar": self.scene.calendar, "summary": name} | body)
            self.here[name] = made["id"]
        elif does == "edits":
            alice.patch(f"events/{self._uuid(name)}", values)
        elif does == "moves":
            alice.patch(f"events/{self._uuid(name)}", {"calendar": self._other()})
        elif does == "restores":
            alice.post(f"trash/{self._uuid(name)}/restore")
        else:
            alice.delete(f"events/{self._uuid(name)}")

    def _there(self, does: str, name: str, *said: str) -> None:
        ana = self.scene.ana
        values = {FIELDS[key][1]: value for key, value in (pair.split("=") for pair in said)}
        if does == "creates":
            start, end = at("2026-12-01T09:00:00"), at("2026-12-01T10:00:00")
            self.there[name] = ana.insert(summary=name, start=start, end=end, **values)["id"]
        elif does == "edits":
            ana.patch(self._remote_id(name), **values)
        elif does == "restores":
            ana.patch(self._remote_id(name), status="confirmed")
        else:
            ana.delete(self._remote_id(name))

    def _other(self) -> str:
        """A calendar of Alice's that is not mirrored."""
        calendars = self.scene.alice.get("calendars")["items"]
        return str(next(one["id"] for one in calendars if one["id"] != self.scene.calendar))

    def _uuid(self, name: str) -> str:
        if name not in self.here:
            with tenant(self.scene.alice.account_id):
                self.here[name] = str(Event.objects.get(remote_id=self.there[name]).uuid)
        return self.here[name]

    def _remote_id(self, name: str) -> str:
        if name not in self.there:
            self.there[name] = self.scene.remote_id(self.here[name])
        return self.there[name]

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Notes what is decided while something happens."""

        def noted(one: Any, here: Any, found: Any, can: Any) -> steps.Steps:
            then = self.decides(one, here, found, can)
            if then not in ((), (steps.Notice(),)):
                case = (decisions.spelled(part) for part in (one, here, found))
                self.plan.append(f"{' · '.join(case)} → {decisions.then(then)}")
            return then

        with ExitStack() as patches:
            for module in DECIDING:
                patches.enter_context(mock.patch.object(module, "decide", noted))
            yield

    def end(self) -> str:
        """What people see on both sides, in the trash and in the history."""
        lines = ["here:", *sorted(_told(one) for one in self.scene.here()), "there:"]
        lines += sorted(_told(one) for one in self.scene.there())
        lines += [
            "trash:",
            *sorted(f"  {one['summary']}" for one in self.scene.alice.get("trash")["items"]),
            "history:",
        ]
        with tenant(self.scene.alice.account_id):
            for entry in History.objects.select_related("event").order_by("pk"):
                said = [f"lost {' '.join(sorted(entry.lost))}"] if entry.lost else []
                said += [entry.note] if entry.note else []
                lines.append(", ".join([f"  {entry.event.summary}: {entry.side} {entry.cause}", *said]))
            waiting = Event.objects.filter(is_unsettled=True).order_by("pk").values_list("summary", flat=True)
            lines += ["waiting:", *(f"  {name}" for name in waiting)]
            lines += [f"set aside: {Link.objects.filter(event=None).exclude(parked='').count()}"]
        lines += ["written at Google, by people there too:"]
        lines += [f"  {one['method']} {' '.join(sorted(one['request_body'] or ()))}".rstrip() for one in self.written]
        return "\n".join(lines) + "\n"


def _told(item: dict[str, Any]) -> str:
    said = [item.get("summary", ""), item.get("location", ""), item.get("description", "")]
    return "  " + " · ".join(part for part in said if part)


def compared(name: str, part: str, found: str, *, rewrites: bool) -> str:
    """What a part of a scenario is written down as; written anew when asked."""
    path = FOLDER / name / part
    if rewrites:
        path.write_text(found)
    return path.read_text() if path.exists() else ""
