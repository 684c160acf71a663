"""How fast the emulator answers, as ratios to a WSGI application that gives the same answer on the same server."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import urllib3

ANA = "ana@acme.example"
PATH = "/calendar/v3/calendars/primary/events"
EVENTS, SINGLES, PAGES, ROUNDS = 2_500, 1_500, 40, 5
CONSTANT = """
import json
import sys
from pathlib import Path
from waitress.server import create_server

data = Path(sys.argv[1]).read_bytes()
headers = [(name, value) for name, value in json.loads(sys.argv[2]).items() if name not in ("Server", "Via")]
server = create_server(lambda environ, start: [start("200 OK", headers), data][1:], port=0, host="127.0.0.1", threads=16)
print(f"http://127.0.0.1:{server.effective_port}", flush=True)
server.run()
"""


def run() -> None:
    """Prints both ratios; goal 0.5 of the constant application's speed."""
    with tempfile.TemporaryDirectory() as home:
        world = Path(home) / "world.json"
        world.write_text(json.dumps({"accounts": [{"email": ANA}], "calendars": [_calendar()]}))
        serve = [sys.executable, "-m", "gcal_emulator.cli", "serve", "--port", "0", "--world", str(world)]
        with _printing(serve) as origin:
            token = urllib3.request("POST", f"{origin}/_emulator/tokens", json={"email": ANA}).json()["access_token"]
            _compare(Path(home), origin, f"{PATH}/event00001", token, "one event")
            _compare(Path(home), origin, f"{PATH}?maxResults={EVENTS}", token, f"a page of {EVENTS:,} events")


def _compare(home: Path, origin: str, target: str, token: str, name: str) -> None:
    headers = {"Authorization": f"Bearer {token}"}
    answer = urllib3.request("GET", f"{origin}{target}", headers=headers)
    assert answer.status == 200, answer.data
    is_page = "items" in answer.json()
    assert not is_page or len(answer.json()["items"]) == EVENTS
    (home / "bytes").write_bytes(answer.data)
    count = PAGES if is_page else SINGLES
    constant = [sys.executable, "-c", CONSTANT, str(home / "bytes"), json.dumps(dict(answer.headers))]
    with _printing(constant) as plain:
        rounds = [[_speed(f"{place}{target}", headers, count) for place in (origin, plain)] for _turn in range(ROUNDS)]
    ours, floor = (statistics.median(column) for column in zip(*rounds, strict=True))
    scale, unit = (len(answer.data) / 1e6, "MB/s") if is_page else (1.0, "requests/s")
    print(
        f"emulator, {name}: {ours * scale:,.0f} {unit}, constant bytes {floor * scale:,.0f} {unit}: "
        f"{ours / floor:.2f} of its speed (goal ≥ 0.5)"
    )


def _speed(url: str, headers: dict[str, str], count: int) -> float:
    """Answers per second over one connection."""
    pool = urllib3.PoolManager(maxsize=1)
    pool.request("GET", url, headers=headers)
    began = time.perf_counter()
    for _turn in range(count):
        pool.request("GET", url, headers=headers)
    return count / (time.perf_counter() - began)


def _calendar() -> dict[str, object]:
    events = []
    for number in range(EVENTS):
        day = f"2026-{number % 12 + 1:02d}-{number % 28 + 1:02d}"
        times = {"start": {"dateTime": f"{day}T09:00:00Z"}, "end": {"dateTime": f"{day}T10:00:00Z"}}
        events.append({"id": f"event{number:05d}", "summary": f"Meeting {number}", "description": "x" * 200} | times)
    return {"id": ANA, "owner": ANA, "events": events}


@contextmanager
def _printing(command: list[str]) -> Iterator[str]:
    """Runs a server that prints its address in its first line."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield process.stdout.readline().split()[-1]
    finally:
        process.kill()
        process.wait()
