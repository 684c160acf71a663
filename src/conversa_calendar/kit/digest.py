"""Content digests: equal values give equal digests, whatever the order of their keys."""

import hashlib

import msgspec

_encoder = msgspec.json.Encoder(order="deterministic")


def of(value: object) -> str:
    """The SHA-256 (hex) of a value's canonical JSON."""
    return hashlib.sha256(_encoder.encode(value)).hexdigest()
