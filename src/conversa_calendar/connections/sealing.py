"""Secrets at rest: AES-256-GCM with a key id, bound to account, row and field.

A sealed text opens only where it was sealed for: moved to another row, field or account it does not. Rotation: put the
new key first in ENCRYPTION_KEYS, re-seal, then drop the old one.
"""

import base64
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

_NONCE_BYTES = 12


class SealBroken(Exception):
    """A sealed value cannot be opened: wrong place, or its key is gone."""


def seal(plain: str, place: str) -> str:
    """`place` names account, row and field, for instance `7:<connection uuid>:refresh_token`."""
    return seal_with(settings.ENCRYPTION_KEYS[0][0], plain, place) if plain else ""


def seal_with(key_id: str, plain: str, place: str) -> str:
    """The same with a certain one of the keys at hand."""
    key = dict(settings.ENCRYPTION_KEYS)[key_id]
    nonce = os.urandom(_NONCE_BYTES)
    sealed = AESGCM(key).encrypt(nonce, plain.encode(), place.encode())
    return f"{key_id}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"


def unseal(sealed: str, place: str) -> str:
    """The plain text. Raises SealBroken."""
    if not sealed:
        return ""
    key_id, _, text = sealed.partition(".")
    key = dict(settings.ENCRYPTION_KEYS).get(key_id)
    if key is None:
        raise SealBroken(f"the key “{key_id}” is not among ENCRYPTION_KEYS")
    try:
        data = base64.urlsafe_b64decode(text)
        return AESGCM(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], place.encode()).decode()
    except (InvalidTag, ValueError) as error:
        raise SealBroken("this value was sealed for another place, or with another key of that name") from error


def is_current(sealed: str) -> bool:
    """Whether a sealed value uses the active key."""
    return not sealed or sealed.partition(".")[0] == settings.ENCRYPTION_KEYS[0][0]
