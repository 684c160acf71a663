"""Push channels: creating them, queueing notifications, delivering them with retries."""

import email.utils
import logging
import ssl
import threading
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from gcal_emulator import errors
from gcal_emulator.world import Channel, Notification, World

Deliver = Callable[[str, dict[str, str]], int]
"""Posts headers to an address; answers the HTTP status, 0 when unreachable."""

_SUCCESS = {200, 201, 202, 204, 102}
_RETRIED = {0, 500, 502, 503, 504}
_ATTEMPTS_MAX = 8
log = logging.getLogger(__name__)


def watch(
    world: World, email: str, client_id: str, resource: str, uri: str, body: dict[str, Any], push_supported: bool
) -> dict[str, Any]:
    """Opens a channel. Raises GoogleError with Google's reasons."""
    channel_id = body.get("id")
    if not channel_id:
        raise errors.required("Required")
    if len(channel_id) > 64 or len(body.get("token") or "") > 256:
        raise errors.invalid("Invalid Value")
    if body.get("type") not in {"web_hook", "webhook"}:
        raise errors.GoogleError(400, "push.channelTypeNotSupported", "Channel type not supported")
    if channel_id in world.channels:
        raise errors.GoogleError(400, "channelIdNotUnique", "Channel id not unique")
    _check_address(world, body.get("address") or "")
    if not push_supported or world.behaviours.refuse_push:
        raise errors.GoogleError(
            400,
            "pushNotSupportedForRequestedResource",
            "Push notifications are not supported by this resource.",
            domain="calendar",
        )
    channel = Channel(
        id=channel_id,
        resource_id=f"r{abs(hash_of(email, resource)):x}",
        resource_uri=uri,
        address=body["address"],
        token=body.get("token") or "",
        expires_at=_expiry(world, body),
        email=email,
        client_id=client_id,
        resource=resource,
    )
    world.channels[channel_id] = channel
    world.notifications.append(Notification(channel_id, "sync", 1, world.clock.now_s()))
    world.has_early_sync = world.behaviours.push_sync_first or bool(_struck(world, channel).get("is_early"))
    answer = {
        "kind": "api#channel",
        "id": channel_id,
        "resourceId": channel.resource_id,
        "resourceUri": uri,
        "expiration": str(int(channel.expires_at * 1000)),
    }
    return answer | ({"token": channel.token} if channel.token else {})


def stop(world: World, email: str, client_id: str, body: dict[str, Any]) -> None:
    channel = world.channels.get(body.get("id") or "")
    if channel is None or channel.is_stopped or channel.resource_id != body.get("resourceId"):
        name = body.get("id")
        raise errors.GoogleError(404, "notFound", f"Channel '{name}' not found for project 'demo-project'")
    if (channel.email, channel.client_id) != (email, client_id):
        raise errors.forbidden()
    channel.stopped_at = world.clock.now_s()


def changed(world: World, resource: str) -> None:
    """Queues one `exists` message for each living channel of a resource."""
    mode = world.notification_mode
    if mode.get("mode") == "drop":
        return
    now = world.clock.now_s()
    for channel in world.channels.values():
        if channel.resource != resource or channel.expires_at <= now:
            continue
        bent = _struck(world, channel)
        if bent.get("drop") or not (_is_open(world, channel, now) or bent.get("after_stop")):
            continue
        if mode.get("coalesce") and any(
            item.channel_id == channel.id and item.state == "exists" for item in world.notifications
        ):
            continue
        if world.dice.random() < float(mode.get("drop_rate") or 0):
            continue
        copies = 2 if world.dice.random() < float(mode.get("duplicate_rate") or 0) else bent.get("copies", 1)
        for _ in range(copies):
            channel.number += world.dice.randint(1, 3)
            due_at = now + float(mode.get("delay_s") or bent.get("delay_s") or 0)
            item = Notification(channel.id, "exists", channel.number, due_at, fails=bent.get("fails", 0))
            item.is_forced, item.headers = bool(bent.get("after_stop")), dict(bent.get("headers") or {})
            world.notifications.append(item)
        if bent.get("is_shuffled"):
            world.dice.shuffle(world.notifications)


def _struck(world: World, channel: Channel) -> dict[str, Any]:
    for fault in list(world.faults.values()):
        if fault.hits_message(channel.email, channel.resource):
            return fault.resolved()
    return {}


def due(world: World, is_forced: bool = False) -> list[tuple[Notification, Channel]]:
    """Takes the notifications whose time has come off the queue."""
    now = world.clock.now_s()
    if world.notification_mode.get("mode") == "hold" and not is_forced:
        return []
    ready = [item for item in world.notifications if is_forced or item.due_at <= now]
    world.notifications = [item for item in world.notifications if item not in ready]
    pairs = [(item, world.channels[item.channel_id]) for item in ready if item.channel_id in world.channels]
    return [(item, channel) for item, channel in pairs if item.is_forced or _may_deliver(world, channel, now)]


def deliver_due(world: World, deliver: Deliver, is_forced: bool = False) -> int:
    """Delivers what is due, outside the lock; failures of Google's retried kind come back later. Answers how many."""
    with world.lock:
        ready = due(world, is_forced)
    for item, channel in ready:
        status = 503 if item.fails else _delivered(world, deliver, item, channel)
        item.fails = max(item.fails - 1, 0)
        if status in _RETRIED and item.attempts < _ATTEMPTS_MAX:
            item.attempts += 1
            with world.lock:
                item.due_at = world.clock.now_s() + 2.0**item.attempts
                world.notifications.append(item)
    return len(ready)


def _delivered(world: World, deliver: Deliver, item: Notification, channel: Channel) -> int:
    if deliver is post:
        return post(channel.address, headers(item, channel), is_verified=world.behaviours.push_verify)
    return deliver(channel.address, headers(item, channel))


def headers(item: Notification, channel: Channel) -> dict[str, str]:
    found = {
        "X-Goog-Channel-ID": channel.id,
        "X-Goog-Channel-Expiration": email.utils.formatdate(channel.expires_at, usegmt=True),
        "X-Goog-Message-Number": str(item.number),
        "X-Goog-Resource-ID": channel.resource_id,
        "X-Goog-Resource-State": item.state,
        "X-Goog-Resource-URI": channel.resource_uri,
        "User-Agent": "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)",
        "Content-Length": "0",
    }
    return found | ({"X-Goog-Channel-Token": channel.token} if channel.token else {}) | item.headers


def post(address: str, sent: dict[str, str], *, is_verified: bool = True) -> int:
    """Delivers over HTTP; a certificate that nobody vouches for ends it, unless nobody asks for one."""
    context = None if is_verified else ssl._create_unverified_context()
    request = urllib.request.Request(address, data=b"", headers=sent, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code
    except (URLError, OSError, ValueError):
        return 0


class Courier(threading.Thread):
    """Delivers notifications and finishes pending conferences in the background of a served emulator."""

    def __init__(self, world: World, tick: Callable[[], None]) -> None:
        super().__init__(daemon=True, name="courier")
        self.world = world
        self.tick = tick
        self.stopped = threading.Event()

    def run(self) -> None:
        while not self.stopped.wait(0.05):
            try:
                self.tick()
                if not self.world.clock.is_manual:
                    deliver_due(self.world, post)
            except Exception:
                log.exception("courier")


def hash_of(*parts: str) -> int:
    import zlib

    return zlib.crc32("|".join(parts).encode())


def _is_open(world: World, channel: Channel, now: float) -> bool:
    trickles_until = channel.stopped_at + world.behaviours.stop_trickle_s if channel.stopped_at is not None else None
    return channel.expires_at > now and (trickles_until is None or now < trickles_until)


def _may_deliver(world: World, channel: Channel, now: float) -> bool:
    if not _is_open(world, channel, now):
        return False
    if (channel.email, channel.client_id) not in world.grants:
        return False
    kind, _, calendar_id = channel.resource.partition(":")
    if kind != "events":
        return True
    calendar = world.calendars.get(calendar_id)
    return calendar is not None and world.role_of(channel.email, calendar) != "none"


def _check_address(world: World, address: str) -> None:
    try:
        parts = urlsplit(address)
    except ValueError:
        raise errors.invalid("Invalid Value", "address") from None
    is_loopback = parts.hostname in {"127.0.0.1", "localhost", "::1", "testserver"}
    mode = world.behaviours.push_http
    is_plain_allowed = mode == "any" or (mode == "loopback" and is_loopback)
    if parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and is_plain_allowed)):
        return
    raise errors.GoogleError(400, "push.webhookUrlNotHttps", "WebHook callback must be HTTPS")


def _expiry(world: World, body: dict[str, Any]) -> float:
    now = world.clock.now_s()
    longest_s = world.behaviours.channel_lifetime_days * 86400
    asked = longest_s + now
    ttl = str((body.get("params") or {}).get("ttl") or "")
    if body.get("expiration"):
        asked = int(body["expiration"]) / 1000
    elif ttl:
        if not (ttl.isascii() and ttl.isdigit() and len(ttl) < 16):
            raise errors.invalid("Invalid ttl value", "params.ttl")
        asked = now + int(ttl)
    if asked <= now:
        raise errors.invalid("Invalid ttl value")
    return min(asked, now + longest_s)
