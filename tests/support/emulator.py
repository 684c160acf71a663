"""An emulator served in a process of its own, for clients that speak over the network."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import Request, urlopen

HOST = "127.0.0.1"


@dataclass
class Served:
    """A running emulator at `origin`."""

    origin: str

    def control(self, path: str, body: Any = None) -> Any:
        """Calls the control API: POST with a body, GET without."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.origin}/_emulator/{path}", data, {"Content-Type": "application/json"})
        with urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def token(self, email: str) -> dict[str, Any]:
        """An access and a refresh token with every calendar permission."""
        found: dict[str, Any] = self.control("tokens", {"email": email})
        return found


@contextmanager
def served(command: list[str] | None = None) -> Iterator[Served]:
    """Starts `gcal-emulator serve` on a free port; its answers have to fit Google's document."""
    program = command or [sys.executable, "-m", "gcal_emulator.cli"]
    process = subprocess.Popen([*program, "serve", "--port", "0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yielded = Served(process.stdout.readline().split()[-1])
        yield yielded
        assert yielded.control("violations") == {"violations": []}
    finally:
        process.kill()
        process.wait()


@dataclass
class Hook:
    """An address that takes notifications and remembers their headers."""

    address: str
    heard: list[dict[str, str]] = field(default_factory=list)

    def states(self, channel: str) -> list[str]:
        return [h["x-goog-resource-state"] for h in list(self.heard) if h["x-goog-channel-id"] == channel]


@contextmanager
def listening() -> Iterator[Hook]:
    """A hook on a free port."""
    hook = Hook("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hook.heard.append({name.lower(): value for name, value in self.headers.items()})
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer((HOST, 0), Handler)
    hook.address = f"http://{HOST}:{server.server_port}/push"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()
