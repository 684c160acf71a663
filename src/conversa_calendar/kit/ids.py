"""Identifiers and secrets: the one place that throws dice.

Outside identifiers are UUIDv4; secrets carry at least 256 bits; Google event ids are derived, never drawn, so that a
repeated create meets its own first attempt (Google allows `a-v0-9`, 5 to 1024 characters: base32hex, RFC 4648 §7).
"""

import base64
import hashlib
import hmac
import random
import secrets
from collections.abc import Callable
from uuid import UUID, uuid4

_uuid: Callable[[], UUID] = uuid4
_dice = random.Random()


def new_uuid() -> UUID:
    """A fresh random identifier for something that leaves this installation."""
    return _uuid()


def new_secret() -> str:
    """A URL-safe secret of 256 bits."""
    return secrets.token_urlsafe(32)


def fingerprint(secret: str) -> str:
    """What is stored instead of a secret: its SHA-256, hex. Enough for secrets of full entropy, not for passwords."""
    return hashlib.sha256(secret.encode()).hexdigest()


def is_same_secret(secret: str, stored: str) -> bool:
    """Compares a presented secret with a stored fingerprint in constant time."""
    return hmac.compare_digest(fingerprint(secret), stored)


def jitter(seconds: float, share: float = 0.25) -> float:
    """`seconds` moved by up to ± `share` of itself, so that periodic work does not arrive all at once."""
    return seconds * (1 + _dice.uniform(-share, share))


def remote_event_id(event: UUID, generation: int) -> str:
    """The id under which an event of ours is created at a provider, one per (event, generation)."""
    seed = event.bytes + generation.to_bytes(4, "big")
    return base64.b32hexencode(hashlib.sha256(seed).digest()[:20]).decode().lower().rstrip("=")


def use(uuid: Callable[[], UUID] | None = None, seed: int | None = None) -> None:
    """Replaces the dice; called without arguments it restores real randomness for ids."""
    global _uuid
    _uuid = uuid or uuid4
    if seed is not None:
        _dice.seed(seed)
