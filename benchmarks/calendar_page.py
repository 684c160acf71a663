"""Month view of 20 calendars with 5,000 occurrences in a real Chromium, beside the bare library fed the same events from
a file: the data request, the time until it can be used, the weight of the page."""

import functools
import gzip
import json
import shutil
import statistics
import subprocess
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, Response, sync_playwright

from benchmarks.installation import ROOT
from tests.support.processes import PASSWORD, Installation, running
from tools.build_frontend import with_node

CALENDARS, SERIES, SINGLES = 20, 100, 800
RUNS, REQUESTS = 7, 60
ADMIN = "a@bench.example"
READY = """
    async () => {
        while (document.querySelectorAll('#grid .tile').length < 40) {
            if (performance.now() > 60000) throw new Error('no tiles')
            await new Promise(requestAnimationFrame)
        }
        await new Promise((done) => requestIdleCallback(done, { timeout: 5000 }))
        return performance.now()
    }
"""
"""Milliseconds since navigation when the tiles stand and the page has nothing left to do."""
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage"]


def run() -> None:
    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o755)
        with running(Path(home) / "data") as installation, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            _fill(installation)
            page = _signed_in(browser, installation)
            first = datetime.now(UTC).date().replace(day=1)
            first -= timedelta(days=first.weekday())
            query = f"start={first}T00:00:00Z&end={first + timedelta(days=42)}T00:00:00Z"
            events = page.evaluate("(url) => fetch(url).then((answer) => answer.text())", f"/calendar/feed?{query}")
            times, bare = _beside(page, browser, installation, Path(home) / "bare", events)
            requests = page.evaluate(_REQUESTS, [f"/calendar/feed?{query}", REQUESTS])
            weight = _weight(page, installation)
            browser.close()
    count = len(json.loads(events))
    print(
        f"month view, {CALENDARS} calendars, {count:,} occurrences: usable after {times:.0f} ms, bare library from a file"
        f" {bare:.0f} ms, {times / bare:.2f} × (goal ≤ 1.5); data request p95 {_p95(requests):.0f} ms"
        f" ({len(events) / 1024:.0f} kB of JSON, {len(gzip.compress(events.encode())) / 1024:.0f} compressed); page weight {weight / 1024:.0f} kB compressed (goal ≤ 200)"
    )


_REQUESTS = """
    async ([url, count]) => {
        const found = []
        for (let turn = 0; turn < count; turn++) {
            const began = performance.now()
            await (await fetch(url)).arrayBuffer()
            found.push(performance.now() - began)
        }
        return found
    }
"""


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def _fill(installation: Installation) -> None:
    create = ("--name", "Bench", "--admin-email", ADMIN, "--password", PASSWORD, "--enable-calendar", "--api-token")
    token = json.loads(installation.command("create-account", *create))["api_token"]
    names = [f"Calendar {number}" for number in range(CALENDARS - 1)]
    made = [installation.api("POST", "calendars", token, {"name": name, "time_zone": "UTC"})["id"] for name in names]
    first = datetime.now(UTC).date().replace(day=1) - timedelta(days=10)
    for number in range(SERIES + SINGLES):
        is_series = number < SERIES
        day = first if is_series else first + timedelta(days=3 + number % 42)
        start = {"date_time": f"{day}T{7 + number % 11:02d}:{number % 4 * 15:02d}:00", "time_zone": "UTC"}
        body: dict[str, Any] = {"calendar": made[number % len(made)], "summary": f"Meeting {number}", "start": start}
        installation.api("POST", "events", token, body | ({"recurrence": ["RRULE:FREQ=DAILY"]} if is_series else {}))


def _signed_in(browser: Browser, installation: Installation) -> Page:
    page = browser.new_context(viewport={"width": 1280, "height": 860}, timezone_id="UTC").new_page()
    page.goto(f"{installation.origin}/login")
    page.locator("input[type=email]").fill(ADMIN)
    page.locator("input[type=password]").fill(PASSWORD)
    page.locator("form button").first.click()
    page.wait_for_url("**/calendar")
    page.evaluate("localStorage.setItem('view', 'dayGridMonth')")
    return page


def _beside(page: Page, browser: Browser, installation: Installation, folder: Path, events: str) -> tuple[float, float]:
    """Medians of both pages, loaded in turn with the same warm cache."""
    _build_bare(folder, events)
    handler = functools.partial(_Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    floor = browser.new_context(viewport={"width": 1280, "height": 860}, timezone_id="UTC").new_page()
    ours, bare = [], []
    for turn in range(RUNS + 1):
        page.goto(f"{installation.origin}/calendar", wait_until="commit")
        mine = page.evaluate(READY)
        floor.goto(f"http://127.0.0.1:{server.server_port}/index.html", wait_until="commit")
        theirs = floor.evaluate(READY)
        if turn:  # the first fills the caches
            ours.append(mine)
            bare.append(theirs)
    server.shutdown()
    return statistics.median(ours), statistics.median(bare)


def _build_bare(folder: Path, events: str) -> None:
    frontend = ROOT / "frontend"
    code = (
        "import { build } from 'vite';"
        f"await build({{ configFile: false, logLevel: 'error', root: {json.dumps(str(frontend))},"
        f" build: {{ outDir: {json.dumps(str(folder))}, emptyOutDir: true, rollupOptions: {{ input: 'bench/bare.ts',"
        " output: { entryFileNames: 'bare.js', assetFileNames: 'bare[extname]' } } } })"
    )
    subprocess.run(["node", "--input-type=module", "-e", code], cwd=frontend, env=with_node(), check=True)
    sheet = '<link rel="stylesheet" href="bare.css">'
    (folder / "index.html").write_text(
        f'<!doctype html><title>Bare</title>{sheet}<div id="grid" style="height: 100vh"></div>'
        '<script type="module" src="bare.js"></script>'
    )
    (folder / "events.json").write_text(events)


def _weight(page: Page, installation: Installation) -> int:
    """Bytes of a first visit without the events, compressed as the proxy in front of an installation does it."""
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer) if "/feed" not in answer.url else None)
    page.goto(f"{installation.origin}/calendar", wait_until="commit")
    page.evaluate(READY)
    kept = ("text/html", "text/css", "javascript", "font", "image")
    found = [a for a in answers if a.status == 200 and any(kind in a.headers.get("content-type", "") for kind in kept)]
    return sum(len(gzip.compress(answer.body())) for answer in found)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """A benchmark's output is its numbers."""
