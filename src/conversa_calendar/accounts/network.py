"""Where a request comes from: the one place that reads forwarded addresses."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest

UNKNOWN = "0.0.0.0"
"""Stands for a peer without an address, as behind a socket in the file system."""


def client_address(request: HttpRequest) -> str:
    """The visitor's address, an IPv6 one as its /64: within that every machine chooses freely.

    Behind n trusted proxies it is the n-th entry from the right of X-Forwarded-For, as each of them adds the peer that
    it saw; entries further left are the visitor's own claim. Without trusted proxies the header is ignored.
    """
    remote = str(request.META.get("REMOTE_ADDR", ""))
    trusted = settings.TRUSTED_PROXIES
    named = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    if not trusted or not named:
        return _tidy(remote) or UNKNOWN
    return _tidy(named[-trusted] if len(named) >= trusted else named[0]) or _tidy(remote) or UNKNOWN


def network_of(address: str) -> str:
    """The neighbourhood that one person or office may have to themselves: /24, or /48 for IPv6, of which anybody who rents
    a machine gets one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network(f"{parsed}/{24 if parsed.version == 4 else 48}", strict=False))


def _tidy(text: str) -> str:
    """An address without port and zone; empty when it is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network(f"{parsed}/64", strict=False).network_address)
    return str(parsed)
