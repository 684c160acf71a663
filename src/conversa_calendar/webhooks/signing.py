"""Signatures as Standard Webhooks has them (https://www.standardwebhooks.com): HMAC-SHA256 over id, time and body."""

import base64
import hashlib
import hmac
import os
from datetime import timedelta

from conversa_calendar.connections import keyring, sealing
from conversa_calendar.kit import clock
from conversa_calendar.webhooks.models import Endpoint

PREFIX = "whsec_"
FORMER_FOR = timedelta(days=2)
"""So long a secret that was replaced still signs beside the new one."""
_BYTES = 32


def new_secret() -> str:
    """A fresh secret, in the form in which receivers' libraries take it."""
    return PREFIX + base64.b64encode(os.urandom(_BYTES)).decode()


def store(endpoint: Endpoint, secret: str) -> None:
    """Puts a sealed secret into the row, the one before beside it; the caller saves."""
    keyring.enrol()
    if endpoint.sealed_secret:
        former = sealing.unseal(endpoint.sealed_secret, endpoint.place("secret"))
        endpoint.sealed_former = sealing.seal(former, endpoint.place("former"))
        endpoint.former_until = clock.now() + FORMER_FOR
    endpoint.sealed_secret = sealing.seal(secret, endpoint.place("secret"))


def replace_lost(endpoint: Endpoint) -> None:
    """Instead of a secret that nobody can open any more, one that nobody knows; the caller saves."""
    endpoint.sealed_secret = ""
    store(endpoint, new_secret())


def secrets(endpoint: Endpoint) -> list[str]:
    """The secrets that sign now, the newest first. Raises SealBroken."""
    found = [sealing.unseal(endpoint.sealed_secret, endpoint.place("secret"))]
    if endpoint.former_until is not None and endpoint.former_until > clock.now():
        found.append(sealing.unseal(endpoint.sealed_former, endpoint.place("former")))
    return found


def reseal(endpoint: Endpoint) -> bool:
    """Seals an endpoint's secrets with the active key; answers whether that was to be done. Raises SealBroken."""
    if sealing.is_current(endpoint.sealed_secret) and sealing.is_current(endpoint.sealed_former):
        return False
    for field, place in (("sealed_secret", "secret"), ("sealed_former", "former")):
        plain = sealing.unseal(getattr(endpoint, field), endpoint.place(place))
        setattr(endpoint, field, sealing.seal(plain, endpoint.place(place)))
    endpoint.save(update_fields=["sealed_secret", "sealed_former"])
    return True


def headers(message: str, at_s: int, body: bytes, signing: list[str]) -> dict[str, str]:
    """The headers of one attempt, with a signature of each secret."""
    signed = f"{message}.{at_s}.".encode() + body
    found = []
    for secret in signing:
        key = base64.b64decode(secret.removeprefix(PREFIX))
        digest = hmac.new(key, signed, hashlib.sha256).digest()
        found.append(f"v1,{base64.b64encode(digest).decode()}")
    return {
        "Content-Type": "application/json",
        "User-Agent": "conversa-calendar",
        "webhook-id": message,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(found),
    }
