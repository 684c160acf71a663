"""A small supervisor: starts child processes, notices when one dies, stops them all together."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from urllib.error import URLError
from urllib.request import urlopen

STOP_TIMEOUT_S = 20
READY_TIMEOUT_S = 120


class ChildDied(Exception):
    """A child process ended by itself."""


class Supervisor:
    """Children share this process's life: SIGINT or SIGTERM, or one child's death, ends them all."""

    def __init__(self) -> None:
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self._is_stopping = False
        signal.signal(signal.SIGTERM, self._stop_soon)
        signal.signal(signal.SIGINT, self._stop_soon)

    def start(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        self.children[name] = subprocess.Popen(
            command, env=dict(os.environ) | dict(environment), start_new_session=True
        )

    def wait(self) -> None:
        """Returns when told to stop. Raises ChildDied."""
        while not self._is_stopping:
            for name, child in self.children.items():
                if child.poll() is not None:
                    raise ChildDied(f"The {name} process ended with status {child.returncode}.")
            time.sleep(0.3)

    def stop(self) -> None:
        for child in self.children.values():
            _signal(child, signal.SIGTERM)
        ends_at = time.monotonic() + STOP_TIMEOUT_S
        for child in self.children.values():
            try:
                child.wait(max(0.1, ends_at - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(child, signal.SIGKILL)
        self.children.clear()

    def _stop_soon(self, *_: object) -> None:
        self._is_stopping = True


def web(host: str, port: int, static: str) -> list[str]:
    """The pages and the API: Granian over WSGI, static files beside."""
    return [
        *_granian("wsgi", "conversa_calendar.config.wsgi:application", host, port),
        "--blocking-threads",
        "16",
        "--backpressure",
        "256",
        "--static-path-route",
        "/static",
        "--static-path-mount",
        static,
    ]


def live(host: str, port: int) -> list[str]:
    """The live stream: a small ASGI process."""
    return _granian("asgi", "conversa_calendar.config.live_asgi:application", host, port)


def worker() -> list[str]:
    """A worker, started so that the command's module is not the main one (Procrastinate names tasks by module)."""
    return [sys.executable, "-c", "import sys; from conversa_calendar.cli.main import main; sys.exit(main(['worker']))"]


def free_port(host: str, wanted: int) -> int:
    """The wanted port, or the next free one."""
    for port in range(wanted, wanted + 50):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise ChildDied(f"No free port from {wanted} on.")


def wait_until_ready(url: str) -> None:
    """Waits until an address answers. Raises ChildDied after two minutes."""
    ends_at = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < ends_at:
        try:
            with urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(0.1)
    raise ChildDied(f"{url} does not answer.")


def _granian(interface: str, target: str, host: str, port: int) -> list[str]:
    options = [
        "--host",
        host,
        "--port",
        str(port),
        "--workers",
        "1",
        "--respawn-failed-workers",
        "--log-level",
        "error",
    ]
    return [sys.executable, "-m", "granian", "--interface", interface, *options, target]


def _signal(child: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)
