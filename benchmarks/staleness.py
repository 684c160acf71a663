"""How far behind the two sides are while people work on both: real web, worker and emulator, 200 mirrors, ten edits a
second on each side. The machine's other work, the emulator's included, is part of what is measured; its share is shown.
"""

import os
import random
import statistics
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.processes import Installation, running, until

GOOGLE_ACCOUNTS = 10
CALENDARS = 20
EDITS_A_SECOND = 10
SECONDS = int(os.environ.get("BENCH_STALENESS_S", "60"))
ADMINISTRATOR = "a@bench.example"
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def run() -> None:
    """Prints the staleness in both directions and who used the processors."""
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o755)
        with running(Path(home)) as installation:
            _measure(installation)


def _measure(installation: Installation) -> None:
    token = installation.create_account("Bench", ADMINISTRATOR)["api_token"]
    installation.at_google("/_emulator/world", _world(), method="PUT")
    places = _mirrored(installation, token)
    load = Load(installation, token, places)
    before, began = _used(installation), time.monotonic()
    load.run(SECONDS)
    spent_s = time.monotonic() - began
    used = {name: ticks - before[name] for name, ticks in _used(installation).items()}
    time.sleep(6)
    here, there = load.behind_there(), load.behind_here()
    print(
        f"{len(places)} mirrors, {len(here) / spent_s:.1f} edits/s here and {len(there) / spent_s:.1f} at Google, {SECONDS} s"
    )
    print(f"a change here is at Google after p50 {_p(here, 50):.2f} s, p99 {_p(here, 99):.2f} s (goal 1 and 5)")
    print(f"a change at Google is here after p50 {_p(there, 50):.2f} s, p99 {_p(there, 99):.2f} s (goal 1 and 5)")
    print(f"not there yet at the end: {load.lost} of {len(here) + len(there) + load.lost}")
    print(
        f"the emulator's own answers: p50 {_p(load.answers, 50) * 1000:.0f} ms, p99 {_p(load.answers, 99) * 1000:.0f} ms"
    )
    shares = {name: ticks / TICKS_A_SECOND / spent_s for name, ticks in used.items()}
    print("processors: " + ", ".join(f"{name} {share:.0%}" for name, share in shares.items()) + " of one core each")


class Load:
    """Ten edits a second on each side, and when each was seen on the other."""

    def __init__(self, installation: Installation, token: str, places: list[tuple[str, str, str]]) -> None:
        self.installation, self.token, self.places = installation, token, places
        self.made_here: dict[str, float] = {}
        self.made_there: dict[str, float] = {}
        self.answers: list[float] = []
        self.lost = 0

    def run(self, seconds: int) -> None:
        sides = [
            threading.Thread(target=self._side, args=(side, seconds)) for side in (self._here, self._there, self._probe)
        ]
        for side in sides:
            side.start()
        for side in sides:
            side.join()

    def behind_there(self) -> list[float]:
        """Seconds from an edit here until it stood at Google, as its journal has it."""
        entries = self.installation.at_google("/_emulator/journal", method="GET")["entries"]
        seen: dict[str, float] = {}
        for entry in entries:
            body = entry["request_body"] or {}
            if (
                entry["method"] == "POST"
                and entry["path"].endswith("/events")
                and str(body.get("summary", "")) in self.made_here
            ):
                seen.setdefault(body["summary"], entry["at_s"])
        return self._behind(self.made_here, seen)

    def behind_here(self) -> list[float]:
        """Seconds from an edit at Google until it stood here."""
        names = list(self.made_there)
        rows = self.installation.rows(
            "SELECT summary, extract(epoch FROM created_at)::float FROM calendars_event WHERE summary = ANY(%s)",
            [names],
        )
        return self._behind(self.made_there, dict(rows))

    def _behind(self, made: dict[str, float], seen: dict[str, float]) -> list[float]:
        self.lost += len(made.keys() - seen.keys())
        return [max(seen[name] - at, 0.0) for name, at in made.items() if name in seen]

    def _side(self, act: Any, seconds: int) -> None:
        """Ten times a second; who is late does not wait."""
        dice, began = random.Random(act.__name__), time.monotonic()
        for number in range(seconds * EDITS_A_SECOND):
            time.sleep(max(0.0, began + number / EDITS_A_SECOND - time.monotonic()))
            act(number, dice.choice(self.places))

    def _here(self, number: int, place: tuple[str, str, str]) -> None:
        name, at = f"here {number}", datetime.now(UTC) + timedelta(days=number % 30 + 1)
        times = {side: {"date_time": t.isoformat(), "time_zone": "UTC"} for side, t in _times(at)}
        self.made_here[name] = time.time()
        self.installation.api("POST", "events", self.token, {"calendar": place[1], "summary": name} | times)

    def _there(self, number: int, place: tuple[str, str, str]) -> None:
        name, at = f"there {number}", datetime.now(UTC) + timedelta(days=number % 30 + 1)
        times = {side: {"dateTime": t.isoformat(), "timeZone": "UTC"} for side, t in _times(at)}
        path = f"/calendar/v3/calendars/{place[0].replace('@', '%40')}/events"
        self.installation.at_google(path, {"summary": name} | times, token=place[2])
        self.made_there[name] = time.time()

    def _probe(self, number: int, place: tuple[str, str, str]) -> None:
        if number % EDITS_A_SECOND == 0:
            began = time.monotonic()
            self.installation.at_google("/calendar/v3/users/me/calendarList", method="GET", token=place[2])
            self.answers.append(time.monotonic() - began)


def _world() -> dict[str, Any]:
    accounts, calendars = [], []
    day = datetime.now(UTC).date().isoformat()
    for number in range(GOOGLE_ACCOUNTS):
        email = f"person{number}@bench.example"
        accounts.append({"email": email, "time_zone": "UTC"})
        for name in [email, *(f"c{number}x{n}@group.calendar.google.com" for n in range(1, CALENDARS))]:
            times = {
                s: {"dateTime": f"{day}T{h}:00:00Z", "timeZone": "UTC"} for s, h in (("start", "09"), ("end", "10"))
            }
            events = [{"id": f"first{number:03d}", "summary": "First", **times}]
            calendars.append({"id": name, "summary": name, "owner": email, "time_zone": "UTC", "events": events})
    return {"accounts": accounts, "calendars": calendars}


def _mirrored(installation: Installation, token: str) -> list[tuple[str, str, str]]:
    """Every calendar mirrored, first synced and notified: (Google's id, uuid here, a token of its owner)."""
    owners: dict[str, str] = {}
    for number in range(GOOGLE_ACCOUNTS):
        email = f"person{number}@bench.example"
        installation.connect(ADMINISTRATOR, email)
        own = installation.at_google("/_emulator/tokens", {"email": email, "scopes": ["calendar"]})["access_token"]
        owners[email] = own
    for connection in installation.api("GET", "connections", token)["items"]:
        for calendar in installation.api("GET", f"connections/{connection['id']}/calendars", token)["items"]:
            path = f"connections/{connection['id']}/calendars/{calendar['google_id']}"
            installation.api("PUT", path, token, {"mirrored": True})

    def mirrors() -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = installation.api("GET", "mirrors", token)["items"]
        return rows

    until(lambda: all(m["state"] == "live" for m in mirrors()), timeout_s=240)
    emails = {c["id"]: c["email"] for c in installation.api("GET", "connections", token)["items"]}
    return [(m["google_calendar_id"], m["calendar"], owners[emails[m["connection"]]]) for m in mirrors()]


def _used(installation: Installation) -> dict[str, int]:
    """Processor ticks so far of each part and its children."""
    children: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        pid = int(stat.parent.name)
        ticks[pid] = int(fields[11]) + int(fields[12])
        children.setdefault(int(fields[1]), []).append(pid)

    def whole(pid: int) -> int:
        return ticks.get(pid, 0) + sum(whole(child) for child in children.get(pid, []))

    found = {name: whole(child.pid) for name, child in installation.children.items()}
    return found | {"postgres": whole(installation.database_pid)}


def _times(at: datetime) -> list[tuple[str, datetime]]:
    return [("start", at), ("end", at + timedelta(minutes=30))]


def _p(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1] if len(values) > 1 else float("nan")


if __name__ == "__main__":
    run()
