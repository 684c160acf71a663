"""Somebody's server that takes webhooks, as answers it is told to give."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from django.conf import settings
from standardwebhooks.webhooks import Webhook

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import changes
from conversa_calendar.webhooks import delivering
from conversa_calendar.webhooks.models import Delivery, Endpoint, EndpointRun


@dataclass
class Receiver:
    """What came, in order: (headers, body). `answers` says the status of each request by its number."""

    url: str
    answers: Callable[[int], int] = lambda _number: 204
    came: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    taken: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    where: str = "/hook?a=1"

    def messages(self, secret: str) -> list[dict[str, Any]]:
        """What was taken, checked by the unmodified library."""
        return [Webhook(secret).verify(body, headers) for headers, body in self.taken]

    def types(self, secret: str) -> list[str]:
        return [message["type"] for message in self.messages(secret)]


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on this machine, whose address the operator vouches for."""
    found = Receiver("")

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            message = (dict(self.headers.items()), body)
            with found.lock:
                found.came.append(message)
                status = found.answers(len(found.came))
                if 200 <= status < 300:
                    found.taken.append(message)
            self.send_response(status)
            self.send_header("Location", "http://127.0.0.1:1/elsewhere") if status in {301, 302, 307, 308} else None
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    port = server.server_address[1]
    found.url = f"http://127.0.0.1:{port}{found.where}"
    before, settings.WEBHOOK_HOSTS = settings.WEBHOOK_HOSTS, (*settings.WEBHOOK_HOSTS, f"127.0.0.1:{port}")
    try:
        yield found
    finally:
        settings.WEBHOOK_HOSTS = before
        server.shutdown()
        server.server_close()
        thread.join()


def endpoint_of(account_id: int, uuid: str) -> Endpoint:
    with tenant(account_id):
        return Endpoint.objects.get(uuid=uuid)


def forget_pauses(account_id: int) -> None:
    """As if the pauses after failures were over."""
    with tenant(account_id):
        Delivery.objects.filter(state="waiting").update(next_attempt_at=None)
        Endpoint.objects.update(rests_until=None)
    EndpointRun.objects.update(next_attempt_at=None)


def deliver_all(account_id: int, uuid: str, rounds: int = 3000) -> None:
    """Delivers until nothing waits but what rests after a failure."""
    found = endpoint_of(account_id, uuid)
    for _round in range(rounds):
        delivering.deliver(found.pk)
        with tenant(account_id):
            row = Endpoint.objects.filter(pk=found.pk).first()
            if row is None or not row.is_on:
                return
            fresh = Delivery.objects.filter(endpoint=row, state="waiting", next_attempt_at=None)
            failed = Delivery.objects.filter(endpoint=row, state="waiting", next_attempt_at__isnull=False)
            blocked = fresh.exists() and not failed.exists()
            if not changes.is_waiting(changes.parse(row.cursor)) and not blocked:
                return
    raise AssertionError("the messages do not come to an end")
