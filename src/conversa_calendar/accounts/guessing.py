"""Guessing passwords is slow, and locks out nobody but who guesses.

Failures are counted by (address typed × network), by (address typed × neighbourhood of networks) and by network, and by
the address alone with a bound that no single neighbourhood reaches. A browser
in which its owner signed in before has a counter of its own, so that whatever others try elsewhere does not concern it.
An unknown address is counted like a known one.
"""

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from conversa_calendar.accounts import network, throttle
from conversa_calendar.accounts.throttle import Count, Limit
from conversa_calendar.kit import ids

PAIR = Limit("sign-in, address and network", 8, 15 * 60)
"""One person who does not remember; a neighbour behind the same proxy has another pair."""
NEIGHBOURS = Limit("sign-in, address and neighbourhood", 40, 60 * 60)
"""One who changes machines within what a provider gave them: never enough to lock the address for everybody."""
DEVICE = Limit("sign-in, known device", 8, 15 * 60)
"""The same person in the browser that they always use."""
NETWORK = Limit("sign-in, network", 100, 15 * 60)
"""One machine, or an office, that tries many people's addresses."""
ADDRESS = Limit("sign-in, address", 100, 60 * 60)
"""Many machines that try one person: too slow to guess ten letters, too many for somebody who mistypes."""
MAILS = Limit("mails about signing in", 5, 60 * 60)
"""Nobody's mailbox is filled by asking for reset links."""
REQUESTS = Limit("posts of visitors to pages about signing in", 60, 15 * 60)
"""Asking for links, opening them, choosing passwords."""
DEVICES_MAX, DEVICE_S, SALT = 5, 180 * 24 * 3600, "device"


class Attempt:
    """One try to sign in: counted before the password is looked at, taken back when it was right."""

    def __init__(self, request: HttpRequest, address: str) -> None:
        here = network.client_address(request)
        device = known_device(request, address)
        near = (NEIGHBOURS, (address, network.network_of(here)))
        anywhere = [near, (NETWORK, (here,)), (ADDRESS, (address,))]
        self.counts: list[tuple[Limit, tuple[str, ...]]] = (
            [(DEVICE, (address, device))] if device else [(PAIR, (address, here)), *anywhere]
        )
        self.taken: list[tuple[Limit, tuple[str, ...]]] = []

    def begin(self) -> Count | None:
        """Counts the try; the count that forbids it, when one does. What is forbidden adds to no further count, so that
        one person's stubbornness fills no network's."""
        for limit, of in self.counts:
            count = limit.hit(*of)
            if count.is_over:
                return count
            self.taken.append((limit, of))
        return None

    def succeeded(self) -> None:
        """The password was right: this was no guess."""
        for limit, of in self.taken:
            limit.give_back(*of)
        self.taken = []


def known_device(request: HttpRequest, address: str) -> str:
    """The name of this browser, if the address has signed in with it before; else empty."""
    return next((name for who, name in _devices(request) if who == _owner(address)), "")


def remember_device(request: HttpRequest, response: HttpResponse, address: str) -> None:
    """Puts a long-lived signed cookie into a browser whose user has just signed in."""
    known = [row for row in _devices(request) if row[0] != _owner(address)]
    rows = [(_owner(address), known_device(request, address) or ids.new_secret()[:16]), *known][:DEVICES_MAX]
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        signing.dumps(rows, salt=SALT),
        max_age=DEVICE_S,
        secure=settings.IS_HTTPS,
        httponly=True,
        samesite="Lax",
    )


def _devices(request: HttpRequest) -> list[tuple[str, str]]:
    """The (owner's fingerprint, device's name) pairs of the cookie."""
    try:
        rows = signing.loads(request.COOKIES.get(settings.DEVICE_COOKIE_NAME, ""), salt=SALT, max_age=DEVICE_S)
        return [(str(who), str(name)) for who, name in rows]
    except (signing.BadSignature, ValueError, TypeError):
        return []


def _owner(address: str) -> str:
    return throttle.fingerprint("device", address)[:20]
