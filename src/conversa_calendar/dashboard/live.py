"""The live stream: open pages hear of changes by server-sent events over LISTEN/NOTIFY.

A small ASGI application beside the pages. A page's address carries a sealed ticket that names the account, the member
and the sign-in; it opens a stream for a few minutes only, and the page fetches a new one when it has to come back. Whoever
may listen is asked when the stream opens and again at each heartbeat: signing out, a suspension, a sign-in that was ended
elsewhere, and the module's switch close it. The stream says only that something changed, never what.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

import msgspec
import psycopg
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core import signing
from django.db import DatabaseError, close_old_connections
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET

from conversa_calendar.connections import sealing
from conversa_calendar.dashboard import sessions
from conversa_calendar.dashboard.guards import MemberRequest, page

SALT = "live"
TICKET_S = 300
HEARTBEAT_S = 20.0
STREAMS_MAX = 12
"""So many pages of one member listen at a time; the others look for themselves."""
CHANNEL = "conversa_live"
Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


class Listener(msgspec.Struct, frozen=True):
    """Who listens, through which sign-in."""

    account_id: int
    member_id: int
    session_key: str


def address(request: HttpRequest) -> str:
    """Where a member's page listens; empty when no stream is served, and the page polls."""
    session_key = request.session.session_key
    if not settings.LIVE_URL or not session_key:
        return ""
    member = request.member  # type: ignore[attr-defined]
    listener = Listener(member.account_id, member.pk, session_key)
    ticket = signing.dumps(sealing.seal(msgspec.json.encode(listener).decode(), SALT), salt=SALT)
    return f"{settings.LIVE_URL}?ticket={ticket}"


@require_GET
@page()
def ticket(request: MemberRequest) -> JsonResponse:
    """A fresh address for a page whose ticket has ended."""
    return JsonResponse({"url": address(request)})


class Hub:
    """One database connection that listens, and the queues of the open streams by account."""

    def __init__(self) -> None:
        self.queues: dict[int, set[asyncio.Queue[str]]] = {}
        self.open: Counter[int] = Counter()
        """How many streams each member has open."""
        self.task: asyncio.Task[None] | None = None

    def join(self, listener: Listener) -> asyncio.Queue[str]:
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self._listen())
        queue: asyncio.Queue[str] = asyncio.Queue(maxsize=100)
        self.queues.setdefault(listener.account_id, set()).add(queue)
        self.open[listener.member_id] += 1
        return queue

    def leave(self, listener: Listener, queue: asyncio.Queue[str]) -> None:
        self.queues.get(listener.account_id, set()).discard(queue)
        self.open[listener.member_id] -= 1
        self.open += Counter()  # forgets who has none

    async def _listen(self) -> None:
        """Listens for ever; after a lost database every page is told to look again."""
        while True:
            try:
                await self._listen_once()
            except (psycopg.Error, OSError):
                await asyncio.sleep(1)
                for account_id in self.queues:
                    self._hand_out(account_id)

    async def _listen_once(self) -> None:
        database = settings.DATABASES["default"]
        names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
        values = {name: database[key] for name, key in names.items() if database[key]}
        async with await psycopg.AsyncConnection.connect(**values, autocommit=True) as connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            async for notice in connection.notifies():
                payload = json.loads(notice.payload)
                self._hand_out(int(payload["account"]))

    def _hand_out(self, account_id: int) -> None:
        for queue in self.queues.get(account_id, set()):
            if not queue.full():
                queue.put_nowait("changed")


hub = Hub()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """ASGI: `GET …?ticket=` answers an event stream, everything else 404."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    if scope["type"] != "http":
        return
    listener = _listener(scope)
    if listener is None or not await _may_listen(listener):
        await _refuse(send, 403)
    elif hub.open[listener.member_id] >= STREAMS_MAX:
        await _refuse(send, 429)
    else:
        await _stream(listener, scope, receive, send)


async def _refuse(send: Send, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def _stream(listener: Listener, scope: Scope, receive: Receive, send: Send) -> None:
    headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
    origin = next((value for name, value in scope["headers"] if name == b"origin"), b"")
    if origin and _is_own(origin.decode("latin-1")):
        headers.append((b"access-control-allow-origin", origin))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"retry: 2000\n\n", "more_body": True})
    queue = hub.join(listener)
    gone = asyncio.create_task(_until_gone(receive))
    checked_at = time.monotonic()
    try:
        while not gone.done():
            body = await _next(queue, checked_at + HEARTBEAT_S - time.monotonic())
            if time.monotonic() - checked_at >= HEARTBEAT_S:
                if not await _may_listen(listener):
                    break
                checked_at = time.monotonic()
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()
        hub.leave(listener, queue)


async def _next(queue: asyncio.Queue[str], wait_s: float) -> bytes:
    """The next piece of news, or a sign of life when there is none."""
    try:
        return f"data: {await asyncio.wait_for(queue.get(), max(wait_s, 0.0))}\n\n".encode()
    except TimeoutError:
        return b": still here\n\n"


async def _may_listen(listener: Listener) -> bool:
    return await sync_to_async(_is_welcome)(listener)


def _is_welcome(listener: Listener) -> bool:
    """Whether the sign-in still opens the account for the member. While the database is away nobody is let in."""
    close_old_connections()
    try:
        return sessions.opens(listener.session_key, listener.account_id, listener.member_id)
    except DatabaseError:
        return False
    finally:
        close_old_connections()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


def _listener(scope: Scope) -> Listener | None:
    text = (parse_qs(scope["query_string"].decode(errors="replace")).get("ticket") or [""])[0]
    try:
        sealed = signing.loads(text, salt=SALT, max_age=TICKET_S)
        return msgspec.json.decode(sealing.unseal(str(sealed), SALT), type=Listener)
    except (signing.BadSignature, sealing.SealBroken, msgspec.DecodeError, ValueError):
        return None


def _is_own(origin: str) -> bool:
    from urllib.parse import urlsplit

    try:
        host = urlsplit(origin).hostname or ""
    except ValueError:
        return False
    return host in settings.ALLOWED_HOSTS
