"""Floods are turned away by the visitor's address, over all processes, as a first line before the proxy's own."""

from django.http import HttpRequest

from conversa_calendar.accounts.network import client_address
from conversa_calendar.accounts.throttle import Leased, Limit

VIEWS_A_MINUTE, SUBMITS_A_MINUTE = 120, 10


class Window:
    """Counts of one minute for each address; `block` of them are taken from the database at once."""

    def __init__(self, most: int, name: str = "visits", block: int = 1) -> None:
        limit = Limit(f"booking pages, {name}", most, 60)
        self._limit = Leased(limit, block) if block > 1 else limit

    def is_over(self, address: str) -> bool:
        return self._limit.hit(address).is_over


views = Window(VIEWS_A_MINUTE, "views", block=10)
submits = Window(SUBMITS_A_MINUTE, "submits")


def address_of(request: HttpRequest) -> str:
    """Where the visitor comes from."""
    return client_address(request)
