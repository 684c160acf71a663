"""What one account whose Google does not answer costs another: real web, worker and emulator. The other account's edits are
timed alone first, and again while every request of the first is held for half a minute.
"""

import os
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tests.support.processes import Installation, running, until

SLOW, QUICK = "slow@bench.example", "quick@bench.example"
CALENDARS = 12
EDITS = int(os.environ.get("BENCH_SLOW_EDITS", "40"))
DELAY_S = 30.0
DAY = {"start": {"date": "2030-01-01"}, "end": {"date": "2030-01-02"}}


class House:
    """An account here with one Google user, all of whose calendars are mirrored."""

    def __init__(self, installation: Installation, email: str) -> None:
        self.installation, self.email = installation, email
        administrator = email.replace("@", "-here@")
        self.token = installation.create_account(email, administrator)["api_token"]
        installation.connect(administrator, email)
        [connection] = self.api("GET", "connections")["items"]
        path = f"connections/{connection['id']}/calendars"
        for calendar in self.api("GET", path)["items"]:
            self.api("PUT", f"{path}/{calendar['google_id']}", {"mirrored": True})
        until(lambda: all(row["progress"]["done"] for row in self.api("GET", "mirrors")["items"]), timeout_s=120)
        self.calendars = [row["calendar"] for row in self.api("GET", "mirrors")["items"]]

    def api(self, method: str, path: str, body: Any = None) -> Any:
        return self.installation.api(method, path, self.token, body)

    def create(self, calendar: str, name: str) -> None:
        self.api("POST", "events", {"calendar": calendar, "summary": name, **DAY})


def run() -> None:
    """Prints how long the other account's edits take to reach Google, as a ratio to when everybody is quick."""
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o755)
        with running(Path(home)) as installation:
            installation.at_google("/_emulator/world", _world(), method="PUT")
            slow, quick = House(installation, SLOW), House(installation, QUICK)
            alone = _lags(quick, "alone")
            installation.at_google("/_emulator/faults", {"match": {"email": SLOW}, "effect": {"delay_s": DELAY_S}})
            stop = threading.Event()
            busy = threading.Thread(target=_keep_busy, args=(slow, stop))
            busy.start()
            time.sleep(3)
            beside = _lags(quick, "beside")
            stop.set()
            busy.join()
    ratio = statistics.median(beside) / statistics.median(alone)
    print(
        f"an edit beside an account whose Google takes {DELAY_S:.0f} s: p50 {statistics.median(beside):.2f} s, worst "
        f"{max(beside):.2f} s; alone p50 {statistics.median(alone):.2f} s, worst {max(alone):.2f} s: {ratio:.1f} × (goal ≤ 2)"
    )


def _keep_busy(house: House, stop: threading.Event) -> None:
    """People of the slow account go on working in all of their calendars."""
    number = 0
    while not stop.wait(0.2):
        house.create(house.calendars[number % len(house.calendars)], f"slow {number}")
        number += 1


def _lags(house: House, name: str) -> list[float]:
    """Seconds from each edit here until it stood at Google, as its journal has it."""
    made: dict[str, float] = {}
    for number in range(EDITS):
        made[f"{name} {number}"] = time.time()
        house.create(house.calendars[0], f"{name} {number}")
        time.sleep(0.5)
    until(lambda: made.keys() <= _seen(house).keys(), timeout_s=180)
    seen = _seen(house)
    return [max(seen[summary] - at, 0.001) for summary, at in made.items()]


def _seen(house: House) -> dict[str, float]:
    found: dict[str, float] = {}
    for entry in house.installation.at_google("/_emulator/journal", method="GET")["entries"]:
        summary = str((entry["request_body"] or {}).get("summary", ""))
        if entry["email"] == house.email and entry["method"] == "POST" and summary:
            found.setdefault(summary, entry["at_s"])
    return found


def _world() -> dict[str, Any]:
    names = [SLOW, *(f"c{n}@group.calendar.google.com" for n in range(1, CALENDARS))]
    calendars = [{"id": name, "summary": name, "owner": SLOW, "time_zone": "UTC", "events": []} for name in names]
    calendars.append({"id": QUICK, "summary": QUICK, "owner": QUICK, "time_zone": "UTC", "events": []})
    return {"accounts": [{"email": email, "time_zone": "UTC"} for email in (SLOW, QUICK)], "calendars": calendars}


if __name__ == "__main__":
    run()
