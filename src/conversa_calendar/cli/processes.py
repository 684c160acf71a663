"""A small supervisor: starts child processes, notices at once when one dies and why, stops them all together."""

import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from conversa_calendar.config import folders

STOP_TIMEOUT_S = 20
READY_TIMEOUT_S = 120
_KEPT_LINES = 30
_PORTS_TRIED = 50
_PARENT_DIED = 1
"""Linux's PR_SET_PDEATHSIG."""
_claimed: dict[int, IO[str]] = {}


class ChildDied(Exception):
    """A child process ended by itself."""


class PortTaken(Exception):
    """Something else listens there, or it may not be listened on; the message says which."""


class Supervisor:
    """Children share this process's life: SIGINT or SIGTERM, or one child's death, ends them all."""

    def __init__(self) -> None:
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self._said: dict[str, deque[str]] = {}
        self._listeners: dict[str, threading.Thread] = {}
        self._is_stopping = False
        signal.signal(signal.SIGTERM, self._stop_soon)
        signal.signal(signal.SIGINT, self._stop_soon)

    def start(self, name: str, command: list[str], environment: Mapping[str, str]) -> None:
        child = subprocess.Popen(
            command,
            env=dict(os.environ) | dict(environment),
            start_new_session=True,
            stderr=subprocess.PIPE,
            preexec_fn=_dies_with(os.getpid()),
        )
        self.children[name] = child
        self._said[name] = deque(maxlen=_KEPT_LINES)
        self._listeners[name] = threading.Thread(target=_pass_on, args=(child, self._said[name]), daemon=True)
        self._listeners[name].start()

    def look(self) -> None:
        """Raises ChildDied as soon as a child is dead, and SystemExit when told to stop."""
        if self._is_stopping:
            raise SystemExit(0)
        for name, child in self.children.items():
            if child.poll() is not None:
                self._listeners[name].join(timeout=2)
                cause = _cause(self._said[name])
                raise ChildDied(f"The {name} process ended with status {child.returncode}{cause}")

    def wait(self) -> None:
        """Returns when told to stop. Raises ChildDied."""
        while not self._is_stopping:
            self.look()
            time.sleep(0.3)

    def wait_until_ready(self, url: str) -> None:
        """Waits until an address answers. Raises ChildDied at once when a child is dead, or after two minutes."""
        wait_until_ready(url, self.look)

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


def claim_port(host: str, port: int) -> int:
    """The port, for this process until it ends. What serves lets others share its port, so that it would not notice one
    that is taken; this does. Raises PortTaken."""
    if not _claim(port):
        raise PortTaken(f"Port {port} of {host} is taken: another start of this program has just claimed it.")
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        _claimed.pop(port).close()
        why = (error.strerror or str(error)).lower()
        raise PortTaken(f"Port {port} of {host} cannot be used: {why}. Choose another with --port or PORT.") from error
    return port


def free_port(host: str, wanted: int) -> int:
    """The wanted port, or the next free one, claimed. Raises PortTaken."""
    for port in range(wanted, wanted + _PORTS_TRIED):
        with contextlib.suppress(PortTaken):
            return claim_port(host, port)
    raise PortTaken(f"No port of {host} is free from {wanted} to {wanted + _PORTS_TRIED - 1}.")


def wait_until_ready(url: str, look: Callable[[], None] = lambda: None) -> None:
    """Waits until an address answers; `look` may end it before. Raises ChildDied after two minutes."""
    ends_at, said = time.monotonic() + READY_TIMEOUT_S, ""
    while time.monotonic() < ends_at:
        look()
        try:
            with urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except HTTPError as error:
            said = f": {error.read(300).decode(errors='replace')}"
            time.sleep(0.1)
        except (URLError, OSError):
            time.sleep(0.1)
    raise ChildDied(f"{url} does not answer{said or '.'}")


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


def _claim(port: int) -> bool:
    """Whether no other process of this user claims the port."""
    if port in _claimed:
        return True
    folder = Path(tempfile.gettempdir()) / f"conversa-calendar-ports-{os.getuid()}"
    folders.own(folder, None)
    lock = open(folder / str(port), "w")  # noqa: SIM115 - held until the process ends
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return False
    _claimed[port] = lock
    return True


def _dies_with(parent: int) -> Callable[[], None] | None:
    """What lets a child end when its supervisor is killed; only Linux can."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def ask() -> None:
        prctl(_PARENT_DIED, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return ask


def _pass_on(child: subprocess.Popen[bytes], said: deque[str]) -> None:
    """What a child complains of goes on to our own output; its last lines are kept."""
    assert child.stderr is not None
    for line in child.stderr:
        with contextlib.suppress(OSError):
            os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, line)
        said.append(line.decode(errors="replace").rstrip())


def _cause(said: deque[str]) -> str:
    """The line that names the cause: the last one that is not the server's own remark on the death."""
    lines = [line for line in said if line.strip() and not line.startswith("[")]
    return f": {lines[-1].removeprefix('conversa-calendar: ')}" if lines else "."


def _signal(child: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)
