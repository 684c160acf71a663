"""The live stream: open pages hear of changes by server-sent events over LISTEN/NOTIFY.

A small ASGI application beside the pages. A page's address carries a signed ticket naming the account; the stream says
only which calendar changed, never what is in it.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import psycopg
from django.conf import settings
from django.core import signing
from django.http import HttpRequest

SALT = "live"
TICKET_S = 12 * 3600
HEARTBEAT_S = 20.0
CHANNEL = "conversa_live"
Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


def address(request: HttpRequest) -> str:
    """Where a member's page listens; empty when no stream is served, and the page polls."""
    if not settings.LIVE_URL:
        return ""
    ticket = signing.dumps(request.member.account_id, salt=SALT)  # type: ignore[attr-defined]
    return f"{settings.LIVE_URL}?ticket={ticket}"


class Hub:
    """One database connection that listens, and the queues of the open streams by account."""

    def __init__(self) -> None:
        self.queues: dict[int, set[asyncio.Queue[str]]] = {}
        self.task: asyncio.Task[None] | None = None

    def join(self, account_id: int) -> asyncio.Queue[str]:
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._listen())
        queue: asyncio.Queue[str] = asyncio.Queue(maxsize=100)
        self.queues.setdefault(account_id, set()).add(queue)
        return queue

    def leave(self, account_id: int, queue: asyncio.Queue[str]) -> None:
        self.queues.get(account_id, set()).discard(queue)

    async def _listen(self) -> None:
        """Listens for ever; after a lost database every page is told to look again."""
        while True:
            try:
                await self._listen_once()
            except (psycopg.Error, OSError):
                await asyncio.sleep(1)
                for account_id in self.queues:
                    self._hand_out(account_id, '{"all":true}')

    async def _listen_once(self) -> None:
        database = settings.DATABASES["default"]
        names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
        values = {name: database[key] for name, key in names.items() if database[key]}
        async with await psycopg.AsyncConnection.connect(**values, autocommit=True) as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            async for notice in connection.notifies():
                payload = json.loads(notice.payload)
                self._hand_out(int(payload["account"]), notice.payload)

    def _hand_out(self, account_id: int, text: str) -> None:
        for queue in self.queues.get(account_id, set()):
            if not queue.full():
                queue.put_nowait(text)


hub = Hub()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """ASGI: `GET …?ticket=` answers an event stream, everything else 404."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    if scope["type"] != "http":
        return
    account_id = _account_of(scope)
    if account_id is None:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    await _stream(account_id, scope, receive, send)


async def _stream(account_id: int, scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
    origin = next((value for name, value in scope["headers"] if name == b"origin"), b"")
    if origin and _is_own(origin.decode()):
        headers.append((b"access-control-allow-origin", origin))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"retry: 2000\n\n", "more_body": True})
    queue = hub.join(account_id)
    gone = asyncio.create_task(_until_gone(receive))
    try:
        while not gone.done():
            try:
                text = await asyncio.wait_for(queue.get(), HEARTBEAT_S)
                body = f"data: {text}\n\n"
            except TimeoutError:
                body = ": still here\n\n"
            await send({"type": "http.response.body", "body": body.encode(), "more_body": True})
    finally:
        gone.cancel()
        hub.leave(account_id, queue)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _account_of(scope: Scope) -> int | None:
    ticket = (parse_qs(scope["query_string"].decode()).get("ticket") or [""])[0]
    try:
        return int(signing.loads(ticket, salt=SALT, max_age=TICKET_S))
    except (signing.BadSignature, ValueError, TypeError):
        return None


def _is_own(origin: str) -> bool:
    from urllib.parse import urlsplit

    host = urlsplit(origin).hostname or ""
    return host in settings.ALLOWED_HOSTS
