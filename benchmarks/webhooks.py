"""Webhooks: messages delivered a second by one worker to a receiver beside it, each about another change."""

import subprocess
import sys
from typing import Any

from benchmarks.installation import seconds

MESSAGES = 3000


RECEIVER = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *args):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
print(server.server_address[1], flush=True)
server.serve_forever()
"""


def run(account_id: int, member: Any) -> None:
    """Prints the rate for changes of many events, and of one event, whose messages go one after the other."""
    from django.conf import settings

    server = subprocess.Popen([sys.executable, "-c", RECEIVER], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    address = f"127.0.0.1:{server.stdout.readline().strip()}"
    settings.WEBHOOK_HOSTS = (address,)
    try:
        bare = _bare(f"http://{address}/")
        for words, things in (("many events", MESSAGES), ("one event", 1)):
            pk = _endpoint(account_id, member, f"http://{address}/")
            _change(account_id, things)
            spent_s = seconds(lambda pk=pk: _deliver(account_id, pk))
            print(
                f"webhooks about {words}: {MESSAGES / spent_s:.0f} messages/s a worker (goal ≥ 200), bare requests {bare:.0f}/s"
            )
    finally:
        server.kill()
        server.wait()


def _bare(url: str) -> float:
    """Requests of the same kind a second by as many threads, nothing read and nothing stored."""
    from concurrent.futures import ThreadPoolExecutor

    from conversa_calendar.webhooks import delivering
    from conversa_calendar.webhooks.network import Line

    with Line(url) as line, ThreadPoolExecutor(delivering.SENDERS) as pool:
        body = b"x" * 1500
        return MESSAGES / seconds(lambda: list(pool.map(lambda _n: line.post(body, {}), range(MESSAGES))))


def _endpoint(account_id: int, member: Any, url: str) -> int:
    from conversa_calendar.accounts.acting import Viewer
    from conversa_calendar.accounts.tenancy import tenant
    from conversa_calendar.webhooks import acts
    from conversa_calendar.webhooks.models import Endpoint, EndpointRun

    with tenant(account_id):
        Endpoint.objects.update(is_on=False)
        EndpointRun.objects.update(is_on=False)
        made, _secret = acts.create(Viewer(member), {"url": url, "kinds": ["event"]})
        return int(made.pk)


def _change(account_id: int, things: int) -> None:
    """So many changes, in transactions of 50."""
    from django.db import connection

    from conversa_calendar.accounts.tenancy import tenant
    from conversa_calendar.calendars.models import Event

    with tenant(account_id):
        names = list(Event.objects.filter(kind="single", deleted_at=None).values_list("pk", flat=True)[:things])
    for turn in range(MESSAGES // 50 if things > 1 else MESSAGES):
        chosen = names[turn * 50 : turn * 50 + 50] if things > 1 else names
        with tenant(account_id), connection.cursor() as cursor:
            query = """UPDATE calendars_event SET "references" = %s::jsonb WHERE id = ANY(%s)"""
            cursor.execute(query, [f'[{{"kind": "ticket", "id": "{turn}"}}]', chosen])


def _deliver(account_id: int, pk: int) -> None:
    from conversa_calendar.accounts.tenancy import tenant
    from conversa_calendar.webhooks import delivering
    from conversa_calendar.webhooks.models import Delivery

    for _slice in range(1000):
        delivering.deliver(pk)
        with tenant(account_id):
            if Delivery.objects.filter(endpoint_id=pk, state="delivered").count() >= MESSAGES:
                return
    raise AssertionError("the messages do not come to an end")
