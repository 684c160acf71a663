"""The emulator by itself: installed into an empty environment, and under fifty clients at once."""

import random
import subprocess
import time
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tests.emulator.conftest import LUNCH
from tests.support.emulator import Served, served

pytestmark = pytest.mark.processes
ROOT = Path(__file__).resolve().parents[2]
CLIENTS, PEOPLE = 50, 5
ZONE = "Europe/Berlin"


def test_it_installs_into_an_empty_environment_and_serves(tmp_path: Path) -> None:
    venv.create(tmp_path / "empty", with_pip=True)
    python = tmp_path / "empty" / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, str(ROOT / "packages" / "gcal_emulator")], check=True, cwd=tmp_path)
    with served([str(python.with_name("gcal-emulator"))]) as emulator:
        token = emulator.token("ana@acme.example")["access_token"]
        made = _call(urllib3.PoolManager(), emulator, token, "POST", "calendars/primary/events", LUNCH)
        assert made.status == 200 and made.json()["summary"] == "Lunch"
    listed = subprocess.run([str(python), "-m", "pip", "list"], capture_output=True, text=True, check=True).stdout
    assert "conversa" not in listed and "Django" not in listed


def _call(pool: Any, emulator: Served, token: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
    return pool.request(
        method,
        f"{emulator.origin}/calendar/v3/{path}",
        json=body,
        headers={"Authorization": f"Bearer {token}"} | headers,
        retries=False,
        timeout=30,
    )


class Follower:
    """A client that knows a calendar by sync tokens only."""

    def __init__(self) -> None:
        self.known: dict[str, dict[str, Any]] = {}
        self.token = ""

    def follow(self, pool: Any, emulator: Served, token: str) -> None:
        """Takes every change since the last time, page by page; begins anew after 410."""
        page = ""
        while True:
            path = f"calendars/primary/events?maxResults=100&syncToken={self.token}&pageToken={page}"
            answer = _call(pool, emulator, token, "GET", path)
            if answer.status == 410:
                self.known, self.token, page = {}, "", ""
                continue
            assert answer.status == 200, answer.data
            for item in answer.json().get("items", []):
                self.known[item["id"]] = item
            page = answer.json().get("nextPageToken", "")
            if not page:
                self.token = answer.json()["nextSyncToken"]
                return

    def living(self) -> dict[str, str]:
        """Id → etag of what is not cancelled; exceptions go with their series."""
        alive = {name: item for name, item in self.known.items() if item["status"] != "cancelled"}
        return {n: i["etag"] for n, i in alive.items() if i.get("recurringEventId", n) in alive}


def test_fifty_clients_at_once_for_a_minute() -> None:
    """No call, however odd, ends in a server error, and whoever follows sync tokens ends equal to a full list."""
    with served() as emulator:
        tokens = [emulator.token(f"person{number}@acme.example")["access_token"] for number in range(PEOPLE)]
        ends_at = time.monotonic() + 60
        with ThreadPoolExecutor(CLIENTS) as pool:
            runs = [
                pool.submit(_client, emulator, tokens[number % PEOPLE], number, ends_at) for number in range(CLIENTS)
            ]
            outcomes = [run.result() for run in runs]
        calls = sum(count for count, _follower in outcomes)
        assert calls > CLIENTS * 20
        pool_of_one = urllib3.PoolManager()
        for number, (_count, follower) in enumerate(outcomes):
            full, token = Follower(), tokens[number % PEOPLE]
            full.follow(pool_of_one, emulator, token)
            follower.follow(pool_of_one, emulator, token)
            assert follower.living() == full.living()


def _client(emulator: Served, token: str, seed: int, ends_at: float) -> tuple[int, Follower]:
    dice, pool, follower = random.Random(seed), urllib3.PoolManager(), Follower()
    ids: list[str] = ["nothing1"]
    calls = 0
    while time.monotonic() < ends_at:
        method, path, body = _odd_call(dice, ids)
        answer = _call(pool, emulator, token, method, path, body, **_odd_headers(dice))
        calls += 1
        assert answer.status < 500, (method, path, body, answer.data)
        if answer.status == 200 and method == "POST" and path.endswith("/events"):
            ids.append(answer.json()["id"])
        if dice.random() < 0.1:
            follower.follow(pool, emulator, token)
    return calls, follower


def _odd_headers(dice: random.Random) -> dict[str, str]:
    return {"If-Match": dice.choice(["*", '"1"', "", "nonsense"])} if dice.random() < 0.2 else {}


def _odd_call(dice: random.Random, ids: list[str]) -> tuple[str, str, Any]:
    """A call that is right, or wrong in one of many ways."""
    events = "calendars/primary/events"
    event = f"{events}/{dice.choice(ids)}" + dice.choice(["", "", "", "_20261202T080000Z", "_20261202", "_x"])
    kind = dice.randrange(9)
    if kind < 3:
        return "POST", events, _body(dice)
    if kind == 3:
        return dice.choice(["PATCH", "PUT"]), event, {**_body(dice)} if dice.random() < 0.5 else {"summary": "x"}
    if kind == 4:
        return "DELETE", event, None
    if kind == 5:
        window = dice.choice(["", "timeMin=2026-12-01T00:00:00Z", "timeMax=soon", "maxResults=0", "orderBy=startTime"])
        flags = dice.choice(["", "&singleEvents=true", "&showDeleted=true", "&fields=items(id", "&syncToken=x", "&q=e"])
        return "GET", f"{events}?{window}{flags}", None
    if kind == 6:
        return "GET", event + dice.choice(["", "/instances", "/instances?originalStart=2026-12-02T09:00:00Z"]), None
    if kind == 7:
        asked = {"timeMin": "2026-12-01T00:00:00Z", "timeMax": dice.choice(["2026-12-03T00:00:00Z", "x", None])}
        return "POST", "freeBusy", asked | {"items": [{"id": dice.choice(["primary", "nobody@acme.example", ""])}]}
    body = dice.choice([{}, [], "text", {"id": "c" * 70}, {"summary": dice.choice(["", "Team"])}])
    path = dice.choice(["calendars", "channels/stop", f"{events}/watch", f"{events}/import", "users/me/calendarList"])
    return "POST", path, body


def _body(dice: random.Random) -> dict[str, Any]:
    hour = dice.randrange(24)
    at = {"dateTime": f"2026-12-{dice.randint(1, 28):02d}T{hour:02d}:00:00", "timeZone": ZONE}
    end = dict(at) | {"dateTime": at["dateTime"].replace(":00:00", ":30:00")}
    body: dict[str, Any] = {"summary": "é" * dice.randrange(5), "start": at, "end": end}
    spoil = dice.randrange(12)
    if spoil < 2:
        body["recurrence"] = [dice.choice(["RRULE:FREQ=DAILY;COUNT=5", "RRULE:FREQ=WEEKLY", "RRULE:FREQ=NEVER", "X"])]
    elif spoil == 2:
        body["start"] = dice.choice([{"date": "2026-12-01"}, {}, None, "text", {"dateTime": 5}, {"date": "never"}])
    elif spoil == 3:
        body["attendees"] = dice.choice([[{"email": "a@b.example"}], [{}], "all", [None], {"email": "x"}])
    elif spoil == 4:
        body["id"] = dice.choice(["abcde", "UPPER", 5, "x" * 2000])
    elif spoil == 5:
        body["extendedProperties"] = dice.choice([{"private": {"a": "b"}}, {"private": []}, "x", {"shared": {"a": 1}}])
    elif spoil == 6:
        body["reminders"] = dice.choice([{"useDefault": False, "overrides": [{}]}, {"overrides": 5}, [], "x"])
    elif spoil == 7:
        body[dice.choice(["status", "visibility", "transparency", "colorId", "eventType"])] = dice.choice(
            ["odd", 5, []]
        )
    return body
