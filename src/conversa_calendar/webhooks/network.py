"""The way out to addresses that customers chose: into no private network, whatever the address says or turns into.

A name is resolved once for each round; all of what it means has to be public; the connection goes to exactly that address,
under the name in TLS and in the Host header. No redirect is followed, no proxy of the environment used, and an answer
is given so much time and so many bytes.
"""

import http.client
import ipaddress
import queue
import socket
import ssl
import threading
from urllib.parse import SplitResult, urlsplit

import msgspec
from django.conf import settings
from django.db import connection as database
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from conversa_calendar.kit import clock

DEADLINE_S = 10.0
"""From the first byte sent to the last one read."""
ANSWER_BYTES_MAX = 16 * 1024
"""So much of an answer is read, and none of it kept."""
URL_MAX = 1000
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SIX_TO_FOUR = ipaddress.ip_network("2002::/16")
_TEREDO = ipaddress.ip_network("2001::/32")
_COMPATIBLE = ipaddress.ip_network("::/96")
_NEVER = [ipaddress.ip_network(text) for text in ("64:ff9b:1::/48", "fec0::/10", "100::/64")]
_LOCAL_NAMES = ("localhost", ".localhost", ".local", ".internal", ".home.arpa", ".localdomain")
_UNREACHABLE = gettext_noop("could not be reached")
_NOT_PUBLIC = gettext_noop("its address is not public")
_SLOW = gettext_noop("took too long to answer")
_BROKEN = gettext_noop("broke off")


class BadAddress(Exception):
    """An address to which nothing may be sent; the message says why."""


class Answer(msgspec.Struct, frozen=True):
    """What became of one request: an HTTP status, or None and why there is none."""

    status: int | None
    error: str = ""

    @property
    def is_taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def check(url: str) -> str:
    """The address, when messages may be sent there as far as its spelling shows. Raises BadAddress."""
    try:
        parts = urlsplit(url)
        port, host = parts.port, (parts.hostname or "").encode("idna").decode()
    except (ValueError, UnicodeError):
        raise BadAddress(_("This is not an address.")) from None
    if len(url) > URL_MAX or not host or not url.isascii() or any(ord(character) <= 32 for character in url):
        raise BadAddress(_("This is not an address."))
    if parts.username is not None or parts.password is not None:
        raise BadAddress(_("Leave name and password out of the address; messages are signed instead."))
    if parts.fragment:
        raise BadAddress(_("Leave out what follows the #."))
    if is_vouched_for(parts):
        return url
    if parts.scheme != "https":
        raise BadAddress(_("The address has to begin with https://."))
    if port is not None and port != 443 and port < 1024:
        raise BadAddress(_("The port has to be 443, or above 1023."))
    literal = _literal(host)
    is_local = host == _LOCAL_NAMES[0] or host.rstrip(".").endswith(_LOCAL_NAMES[1:]) or "." not in host.rstrip(".")
    if (literal is None and is_local and ":" not in host) or (literal is not None and not is_public(literal)):
        raise BadAddress(_("This address is not public."))
    return url


def is_vouched_for(parts: SplitResult) -> bool:
    """Whether the operator named this very host and port in WEBHOOK_HOSTS, for development or within their own network."""
    default = 443 if parts.scheme == "https" else 80
    named = f"{parts.hostname}:{parts.port or default}"
    return parts.scheme in {"http", "https"} and named in settings.WEBHOOK_HOSTS


def is_public(text: str) -> bool:
    """Whether an IP address is one of the public network, also when it only carries another one."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    inner = _carried(address)
    if inner is not None:
        return is_public(str(inner))
    if any(address in network for network in _NEVER if network.version == address.version):
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved and not address.is_unspecified


def _carried(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 one leads to."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _SIX_TO_FOUR:
        return address.sixtofour
    if address in _TEREDO:
        return address.teredo[1] if address.teredo else None
    if address in _NAT64 or address in _COMPATIBLE:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _literal(host: str) -> str | None:
    """The IP address that a host is, in whatever spelling the system understands (`0x7f.1`, `2130706433`)."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return None


class Line:
    """Connections to one endpoint for one round: its name is resolved when the round begins. Thread-safe."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(check(url))
        self._address = ""
        self._tls = ssl.create_default_context() if self._parts.scheme == "https" else None
        self._idle: queue.SimpleQueue[_Connection] = queue.SimpleQueue()
        self._busy: dict[_Connection, float] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()

    def __enter__(self) -> "Line":
        self._address = self._resolve()
        threading.Thread(target=self._watch, daemon=True, name="webhook deadlines").start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        while not self._idle.empty():
            self._idle.get().close()

    def post(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Sends one message. A kept connection that the other side had closed meanwhile is replaced, once."""
        if database.in_atomic_block:
            raise AssertionError("no network inside a transaction")
        if not self._address:
            return Answer(None, _UNREACHABLE)
        kept = self._kept()
        if kept is not None:
            answer = self._try(kept, body, headers)
            if answer is not None:
                return answer
        return self._try(self._fresh(), body, headers) or Answer(None, _BROKEN)

    def _try(self, connection: "_Connection", body: bytes, headers: dict[str, str]) -> Answer | None:
        """None when the connection broke off before there was any answer, as an old one does."""
        with self._lock:
            self._busy[connection] = clock.steady_s() + DEADLINE_S
        try:
            connection.request("POST", self._path, body, headers)
            answer = connection.getresponse()
            rest = answer.read(ANSWER_BYTES_MAX)
            if len(rest) < ANSWER_BYTES_MAX and answer.isclosed() and connection.sock is not None:
                self._idle.put(connection)
            else:
                connection.close()
            if self._is_late(connection):
                return Answer(None, _SLOW)  # what was broken off for that reads like a whole answer
            return Answer(answer.status)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            is_late = self._is_late(connection)
            connection.close()
            return Answer(None, _SLOW) if is_late else None
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return Answer(None, self._words(error, connection))
        finally:
            with self._lock:
                self._busy.pop(connection, None)

    def _words(self, error: Exception, connection: "_Connection") -> str:
        if isinstance(error, ssl.SSLCertVerificationError):
            return gettext_noop("its certificate is not valid")
        if isinstance(error, TimeoutError) or self._is_late(connection):
            return _SLOW
        return _UNREACHABLE if isinstance(error, ConnectionError | socket.gaierror) else _BROKEN

    def _is_late(self, connection: "_Connection") -> bool:
        with self._lock:
            return clock.steady_s() >= self._busy.get(connection, 0.0)

    @property
    def _path(self) -> str:
        return (self._parts.path or "/") + (f"?{self._parts.query}" if self._parts.query else "")

    def _kept(self) -> "_Connection | None":
        try:
            return self._idle.get_nowait()
        except queue.Empty:
            return None

    def _fresh(self) -> "_Connection":
        return _Connection(self._host, self._parts.port, self._address, self._tls)

    @property
    def _host(self) -> str:
        return (self._parts.hostname or "").encode("idna").decode()

    def _resolve(self) -> str:
        """The one address that this round goes to; empty when the name cannot be resolved now. Raises BadAddress when any
        of what it means is not public."""
        port = self._parts.port or (443 if self._parts.scheme == "https" else 80)
        try:
            found = socket.getaddrinfo(self._host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            return ""
        addresses = [str(row[4][0]) for row in found]
        if not is_vouched_for(self._parts) and not all(map(is_public, addresses)):
            raise BadAddress(_(_NOT_PUBLIC))
        return addresses[0] if addresses else ""

    def _watch(self) -> None:
        """Ends what takes longer than its deadline, however it drips."""
        while not self._over.wait(0.25):
            with self._lock:
                late = [one for one, ends_at_s in self._busy.items() if clock.steady_s() > ends_at_s]
            for connection in late:
                connection.break_off()


class _Connection(http.client.HTTPConnection):
    """A connection to `host` at exactly `address`."""

    def __init__(self, host: str, port: int | None, address: str, tls: ssl.SSLContext | None) -> None:
        self.default_port = 80 if tls is None else 443
        super().__init__(host, port, timeout=DEADLINE_S)
        self._address, self._tls = address, tls

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), DEADLINE_S)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host)

    def break_off(self) -> None:
        sock = self.sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return
