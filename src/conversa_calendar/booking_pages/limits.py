"""Floods are turned away by address: a fixed window in this process, as a first line before the proxy's own."""

import threading
import time

from django.conf import settings
from django.http import HttpRequest

VIEWS_A_MINUTE, SUBMITS_A_MINUTE, HOLDS_A_MINUTE = 120, 10, 6
ADDRESSES_MAX = 20_000


class Window:
    """Counts of one minute for each address."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._lock = threading.Lock()
        self._minute = 0
        self._counts: dict[str, int] = {}

    def is_over(self, address: str) -> bool:
        minute = int(time.monotonic() // 60)
        with self._lock:
            if minute != self._minute or len(self._counts) > ADDRESSES_MAX:
                self._minute, self._counts = minute, {}
            self._counts[address] = self._counts.get(address, 0) + 1
            return self._counts[address] > self.most


views, submits, holds = Window(VIEWS_A_MINUTE), Window(SUBMITS_A_MINUTE), Window(HOLDS_A_MINUTE)


def address_of(request: HttpRequest) -> str:
    """Where the visitor comes from; a forwarded address counts only behind a trusted proxy."""
    forwarded = request.headers.get("X-Forwarded-For", "")
    if settings.SECURE_PROXY_SSL_HEADER and forwarded:
        return forwarded.rsplit(",", 1)[-1].strip()
    return str(request.META.get("REMOTE_ADDR", ""))
