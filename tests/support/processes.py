"""The real thing in processes of its own: emulator, pages, live stream, workers, on an embedded database."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener, urlopen

from conversa_calendar.cli import processes
from conversa_calendar.config import postgres
from conversa_calendar.config.postgres import Cluster

HOST = "127.0.0.1"
FIRST_PORT = 8100 + 400 * int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or 0)
"""Each parallel run of the tests looks for free ports in a range of its own."""
PASSWORD = "correct horse battery"


class Installation:
    """A running installation; `worker` can be killed and started again."""

    def __init__(self, home: Path) -> None:
        self.port = processes.free_port(HOST, FIRST_PORT)
        self.google_port = processes.free_port(HOST, self.port + 40)
        self.live_port = processes.free_port(HOST, self.port + 1)
        self.origin = f"http://{HOST}:{self.port}"
        self.google = f"http://{HOST}:{self.google_port}"
        self.home = home
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("DATABASE")} | {
            "DATA_DIR": str(home),
            "EMAIL_URL": f"file://{home / 'mail'}",
            "PUBLIC_URL": self.origin,
            "LIVE_URL": f"http://{HOST}:{self.live_port}/live",
            "GOOGLE_BASE_URL": self.google,
            "GOOGLE_CLIENT_ID": "demo-client",
            "GOOGLE_CLIENT_SECRET": "demo-secret",
            "GOOGLE_PAGE_SIZE": "500",
        }
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.cluster: Cluster | None = None

    def start(self, name: str, command: list[str], environment: dict[str, str] | None = None) -> None:
        self.children[name] = subprocess.Popen(command, env=environment or self.environment, start_new_session=True)

    def start_worker(self, machine: str = "") -> None:
        """Here, or as on another machine: with a data directory of its own, and of ours only what operators copy."""
        self.start(f"worker{machine}", processes.worker(), self._elsewhere(machine) if machine else None)

    def kill_worker(self, machine: str = "") -> None:
        """As kill -9 does it: nothing of the worker runs any more."""
        os.killpg(self.children[f"worker{machine}"].pid, signal.SIGKILL)
        self.children.pop(f"worker{machine}").wait()

    def _elsewhere(self, machine: str) -> dict[str, str]:
        assert self.cluster is not None
        keys = (self.home / "encryption_key").read_text().strip()
        return self.environment | {
            "DATA_DIR": str(self.home / machine),
            "DATABASE_URL": self.cluster.url(),
            "SECRET_KEY": (self.home / "secret_key").read_text().strip(),
            "ENCRYPTION_KEYS": f"local:{keys}",
        }

    def start_web(self) -> None:
        static = str(Path(processes.__file__).parent.parent / "dashboard" / "static")
        self.start("web", processes.web(HOST, self.port, static))
        processes.wait_until_ready(f"{self.origin}/readyz")

    def sleep(self) -> None:
        """Pages and worker gone at once, as when a machine is closed."""
        for name in ("web", "worker"):
            os.killpg(self.children[name].pid, signal.SIGKILL)
            self.children.pop(name).wait()

    def restart_database(self) -> None:
        """As after a power cut: no connection survives, and recovery runs."""
        assert self.cluster is not None
        self.cluster.restart()

    @property
    def database_pid(self) -> int:
        """The process above all of the database's."""
        assert self.cluster is not None
        return int((self.cluster.data / "postmaster.pid").read_text().split()[0])

    def rows(self, query: str, values: list[Any]) -> list[tuple[Any, ...]]:
        import psycopg

        assert self.cluster is not None
        with psycopg.connect(self.cluster.url("postgres", postgres.DATABASE)) as session:
            return session.execute(query, values).fetchall()

    def sql(self, query: str) -> None:
        import psycopg

        assert self.cluster is not None
        with psycopg.connect(self.cluster.url("postgres", postgres.DATABASE), autocommit=True) as session:
            session.execute(query)

    def command(self, *arguments: str) -> str:
        code = "import sys; from conversa_calendar.cli.main import main; sys.exit(main(sys.argv[1:]))"
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], env=self.environment, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()

    def at_google(self, path: str, body: Any = None, method: str = "POST", token: str = "") -> Any:
        return call(f"{self.google}{path}", body, method, token)

    def create_account(self, name: str, email: str) -> dict[str, Any]:
        """A new account with its administrator; answers {account, member, email, api_token}."""
        options = ["--name", name, "--admin-email", email, "--password", PASSWORD, "--enable-calendar", "--api-token"]
        made: dict[str, Any] = json.loads(self.command("create-account", *options))
        return made

    def connect(self, administrator: str, email: str) -> None:
        """A browser's way through Google's consent for one Google account, with cookies, by plain HTTP."""
        self.at_google("/_emulator/consent", {"email": email, "times": 1})
        browser = build_opener(HTTPCookieProcessor(CookieJar()))

        def form(page: str, action: str, values: dict[str, str]) -> str:
            shown = browser.open(f"{self.origin}{page}").read().decode()
            token = re.search(r'csrf-token" content="([^"]+)"', shown)
            assert token
            data = urlencode(values | {"csrfmiddlewaretoken": token.group(1)}).encode()
            return str(browser.open(f"{self.origin}{action}", data).url)

        form("/login", "/login", {"login": administrator, "password": PASSWORD})
        landed = form("/connections", "/connections/google/start", {})
        assert "/calendars" in landed, landed

    def api(self, method: str, path: str, token: str, body: Any = None) -> Any:
        return call(f"{self.origin}/api/v1/{path}", body, method, token)


@contextmanager
def running(home: Path, is_durable: bool = False) -> Iterator[Installation]:
    """`is_durable` keeps what was committed over a crash of the database, as in production."""
    installation = Installation(home)
    static = str(Path(processes.__file__).parent.parent / "dashboard" / "static")
    with Cluster(home, is_fast=not is_durable) as cluster:
        installation.cluster = cluster
        try:
            installation.command("migrate")
            emulator = [sys.executable, "-m", "gcal_emulator.cli", "serve", "--port", str(installation.google_port)]
            installation.start("google", emulator)
            installation.start("web", processes.web(HOST, installation.port, static))
            installation.start("live", processes.live(HOST, installation.live_port))
            installation.start_worker()
            processes.wait_until_ready(f"{installation.origin}/readyz")
            processes.wait_until_ready(f"{installation.google}/_emulator/clock")
            yield installation
            assert call(f"{installation.google}/_emulator/violations", method="GET") == {"violations": []}
        finally:
            for child in installation.children.values():
                try:
                    os.killpg(child.pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                child.wait()
            cluster.remove()


def call(url: str, body: Any = None, method: str = "POST", token: str = "") -> Any:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = json.dumps(body).encode() if body is not None else None
    with urlopen(Request(url, data=data, headers=headers, method=method), timeout=60) as answer:
        text = answer.read()
        return json.loads(text) if text else None


def until(condition: Callable[[], Any], timeout_s: float = 60.0, missing: Callable[[], Any] | None = None) -> Any:
    """Waits for a condition of the outside world; answers its value, or fails with what `missing` says is not as it should be."""
    ends_at = time.monotonic() + timeout_s
    while time.monotonic() < ends_at:
        if found := condition():
            return found
        time.sleep(0.1)
    raise AssertionError(f"it did not happen in time: {missing() if missing else ''}".rstrip(": "))
