"""Addresses that strangers wrote, before somebody may follow them."""

from urllib.parse import urlsplit

ADDRESS_MAX = 2000


def is_web_address(text: str) -> bool:
    """Whether this is an http or https address of some host, and nothing that a browser would run or open otherwise."""
    if len(text) > ADDRESS_MAX or any(ord(c) <= 32 or ord(c) == 127 for c in text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        return False


def web_address(text: str) -> str:
    """The address where it is one that may be followed, else nothing."""
    return text if is_web_address(text) else ""
