"""The seam under every call to Google: one request, one total deadline, no retries.

urllib3's time-outs are per read; the deadline here runs from connect to last byte, so that a call never outlives the
lease under which it was started.
"""

from typing import Protocol

import msgspec
import urllib3

from conversa_calendar.kit import clock
from conversa_calendar.providers.protocol import OutcomeUnknown, Transient

ANSWER_BYTES_MAX = 64 * 1024 * 1024
_CHUNK = 256 * 1024


class Request(msgspec.Struct, frozen=True, kw_only=True):
    method: str
    url: str
    headers: dict[str, str]
    body: bytes = b""
    deadline_s: float = 25.0


class Response(msgspec.Struct, frozen=True):
    status: int
    headers: dict[str, str]
    body: bytes


class Transport(Protocol):
    """Sends one request. Raises Transient when it surely was not carried out, OutcomeUnknown when it may have been."""

    @property
    def is_concurrent(self) -> bool:
        """Whether requests may go out from several threads at once."""

    def send(self, request: Request) -> Response: ...


class HttpTransport:
    """Real HTTP over a shared pool of connections; thread-safe."""

    is_concurrent = True

    def __init__(self, connections: int = 32) -> None:
        self._pool = urllib3.PoolManager(
            num_pools=8, maxsize=connections, retries=False, headers={"User-Agent": "conversa-calendar (gzip)"}
        )

    def send(self, request: Request) -> Response:
        ends_at = clock.steady_s() + request.deadline_s
        connect_s = min(10.0, request.deadline_s)
        try:
            answer = self._pool.request(
                request.method,
                request.url,
                body=request.body or None,
                headers={"User-Agent": "conversa-calendar (gzip)", "Accept-Encoding": "gzip"} | request.headers,
                timeout=urllib3.Timeout(total=request.deadline_s, connect=connect_s),
                preload_content=False,
                redirect=False,
            )
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError) as error:
            raise Transient("Google could not be reached.", reason="unreachable") from error
        except urllib3.exceptions.HTTPError as error:
            raise OutcomeUnknown("The connection to Google broke off.", reason="broken") from error
        return self._read(answer, ends_at)

    def _next(self, answer: urllib3.BaseHTTPResponse, ends_at: float) -> bytes:
        """What comes next, as much as is there, so that an answer that drips does not outlive its deadline; nothing at
        its end."""
        left_s = ends_at - clock.steady_s()
        if left_s <= 0:
            answer.close()
            raise OutcomeUnknown("Google's answer took too long.", reason="slow")
        sock = getattr(answer.connection, "sock", None)
        if sock is not None:
            sock.settimeout(left_s)
        return answer.read1(_CHUNK, decode_content=True)

    def _read(self, answer: urllib3.BaseHTTPResponse, ends_at: float) -> Response:
        chunks, size = [], 0
        try:
            while chunk := self._next(answer, ends_at):
                chunks.append(chunk)
                size += len(chunk)
                if size > ANSWER_BYTES_MAX:
                    answer.close()
                    raise OutcomeUnknown("Google's answer does not end.", reason="slow")
        except urllib3.exceptions.HTTPError as error:
            answer.close()
            raise OutcomeUnknown("Google's answer broke off.", reason="broken") from error
        answer.release_conn()
        return Response(
            answer.status, {name.lower(): value for name, value in answer.headers.items()}, b"".join(chunks)
        )
