"""The worker killed with `kill -9` in the middle of a first sync of 20,000 events: both sides equal, nothing doubled."""

import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from pathlib import Path

import pytest

from tests.support.processes import running, until

pytestmark = pytest.mark.processes
ANA = "ana@acme.example"
EVENTS = 20_000
KILLS = 5


def _world() -> dict[str, object]:
    names = [ANA, "c_two@group.calendar.google.com", "c_three@group.calendar.google.com"]
    first = date(2025, 1, 1)
    calendars = []
    for index, name in enumerate(names):
        events = []
        for n in range(index, EVENTS, len(names)):
            day = (first + timedelta(days=n % 700)).isoformat()
            start = {"dateTime": f"{day}T{n % 20:02d}:00:00Z", "timeZone": "UTC"}
            end = {"dateTime": f"{day}T{n % 20:02d}:30:00Z", "timeZone": "UTC"}
            events.append({"id": f"event{n:06d}", "summary": f"Event {n}", "start": start, "end": end})
        calendars.append({"id": name, "summary": name, "owner": ANA, "time_zone": "UTC", "events": events})
    return {"accounts": [{"email": ANA, "time_zone": "UTC"}], "calendars": calendars}


def test_first_sync_survives_five_kills_of_the_worker(tmp_path: Path) -> None:
    dice = random.Random(11)
    with running(tmp_path) as installation:
        token = installation.create_account("A", "a@acme.example")["api_token"]
        installation.at_google("/_emulator/world", _world(), method="PUT")
        installation.at_google("/_emulator/behaviours", {"latency_s": 0.15}, method="PUT")
        installation.connect("a@acme.example", ANA)
        [connection] = installation.api("GET", "connections", token)["items"]
        calendars = installation.api("GET", f"connections/{connection['id']}/calendars", token)["items"]
        for calendar in calendars:
            path = f"connections/{connection['id']}/calendars/{calendar['google_id']}"
            installation.api("PUT", path, token, {"mirrored": True})

        def pages() -> dict[str, tuple[int, bool]]:
            mirrors = installation.api("GET", "mirrors", token)["items"]
            return {m["id"]: (m["progress"]["pages"], m["progress"]["done"]) for m in mirrors}

        for _kill in range(KILLS):
            before = pages()
            until(partial(_all_moved_on, before, pages))
            time.sleep(dice.uniform(0.0, 0.6))
            installation.kill_worker()
            installation.start_worker()

        def is_done() -> bool:
            mirrors = installation.api("GET", "mirrors", token)["items"]
            return all(mirror["progress"]["done"] for mirror in mirrors)

        until(is_done, timeout_s=180)
        until(
            lambda: sum(m["events"] for m in installation.api("GET", "mirrors", token)["items"]) == EVENTS, timeout_s=60
        )
        entries = installation.at_google("/_emulator/journal", method="GET")["entries"]
        fetched = Counter(
            (e["path"], e["query"].get("pageToken"), e["query"].get("syncToken"), e["query"].get("timeMin"))
            for e in entries
            if e["method"] == "GET" and e["path"].endswith("/events") and e["query"].get("pageToken")
        )
        assert max(fetched.values()) <= 2
        for mirror in installation.api("GET", "mirrors", token)["items"]:
            report = installation.api("POST", f"mirrors/{mirror['id']}/check", token)
            assert report["checked"] == report["equal"] == mirror["events"] and report["repaired"] == []
        writes = [
            e
            for e in entries
            if e["method"] in {"PATCH", "PUT", "DELETE"} or (e["path"].endswith("/events") and e["method"] == "POST")
        ]
        assert writes == []


def _all_moved_on(before: dict[str, tuple[int, bool]], pages: Callable[[], dict[str, tuple[int, bool]]]) -> bool:
    """Whether every mirror has committed two pages since, so that a kill meets each in another place, the page that it
    had read ahead included."""
    now = pages()
    return all(now[name][1] or now[name][0] > count + 1 for name, (count, _done) in before.items())
