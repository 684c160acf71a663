"""What Google's front end does before and after every call: packed bodies, overridden methods, CORS, its own addresses.

All of it lies outside the application, so that every path (batch parts and pages too) is served alike.
"""

import gzip
import io
import zlib
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qsl, urlencode

GOOGLE_HOSTS = (
    "www.googleapis.com",
    "oauth2.googleapis.com",
    "accounts.google.com",
    "calendar.googleapis.com",
    "openidconnect.googleapis.com",
    "people.googleapis.com",
    "calendar-json.googleapis.com",
)
"""Names that a client may have reached us under: through a proxy that answers for Google."""

_METHODS = "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT"
_BODY_MAX = 64 * 1024 * 1024
_PACKED_FROM = 256
_OWN = ("/_emulator", "/ui", "/healthz")


def origin_of(environ: dict[str, Any], google_host: str) -> str:
    """Where a document should send its reader: Google's fixed address behind a proxy for Google's names, else our own
    as the client sees it (`X-Forwarded-Proto` counts)."""
    host = str(environ.get("HTTP_HOST") or "")
    if host.partition(":")[0].lower() in GOOGLE_HOSTS:
        return f"https://{google_host}"
    named = str(environ.get("HTTP_X_FORWARDED_PROTO") or "").partition(",")[0].strip()
    scheme = named if named in {"http", "https"} else environ.get("wsgi.url_scheme", "http")
    shown = str(environ.get("HTTP_X_FORWARDED_HOST") or "").partition(",")[0].strip() or host
    return f"{scheme}://{shown}"


class FrontEnd:
    """A WSGI application around the emulator's own."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("PATH_INFO", "").startswith(_OWN):
            answer: Iterable[bytes] = self.inner(environ, start_response)
            return answer
        cors = _cors(environ)
        if environ["REQUEST_METHOD"] == "OPTIONS" and environ.get("HTTP_ACCESS_CONTROL_REQUEST_METHOD"):
            start_response("200 OK", [*cors, ("Content-Type", "text/plain"), ("Content-Length", "0")])
            return [b""]
        if environ.get("HTTP_CONTENT_ENCODING", "").lower() == "gzip" and not _unpacked(environ):
            return _refused(start_response, cors)
        _override(environ)
        if not cors and not _takes_gzip(environ):
            plain: Iterable[bytes] = self.inner(environ, start_response)
            return plain
        return self._dressed(environ, start_response, cors)

    def _dressed(self, environ: dict[str, Any], start_response: Any, cors: list[tuple[str, str]]) -> Iterable[bytes]:
        kept: list[Any] = []

        def remember(status: str, headers: list[tuple[str, str]], _error: Any = None) -> None:
            kept[:] = [status, headers]

        body = b"".join(self.inner(environ, remember))
        status, headers = kept
        names = {name.lower() for name, _value in headers}
        is_whole = "x-emulator-lost" not in names and "content-encoding" not in names
        if _takes_gzip(environ) and is_whole and len(body) >= _PACKED_FROM:
            body = gzip.compress(body, 1, mtime=0)
            headers = [(n, v) for n, v in headers if n.lower() != "content-length"]
            headers += [("Content-Encoding", "gzip"), ("Content-Length", str(len(body)))]
        start_response(status, [*headers, *cors])
        return [body]


def _takes_gzip(environ: dict[str, Any]) -> bool:
    """Google packs for who accepts gzip and says so in its User-Agent too (guide/performance)."""
    accepts = "gzip" in environ.get("HTTP_ACCEPT_ENCODING", "")
    return accepts and "gzip" in environ.get("HTTP_USER_AGENT", "").lower()


def _unpacked(environ: dict[str, Any]) -> bool:
    """Unzips the request's body in place; answers whether it could be."""
    length = int(environ.get("CONTENT_LENGTH") or 0)
    packed = environ["wsgi.input"].read(length) if length else environ["wsgi.input"].read()
    reader = zlib.decompressobj(wbits=31)
    try:
        body = reader.decompress(packed, _BODY_MAX)
    except zlib.error:
        return False
    if reader.unconsumed_tail or not reader.eof:
        return False
    del environ["HTTP_CONTENT_ENCODING"]
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    _give_body(environ, body)
    return True


def _override(environ: dict[str, Any]) -> None:
    """A POST that means another method; one that means GET carries its query as a form."""
    wanted = environ.get("HTTP_X_HTTP_METHOD_OVERRIDE", "").strip().upper()
    if environ["REQUEST_METHOD"] != "POST" or wanted not in _METHODS.split(","):
        return
    environ["REQUEST_METHOD"] = wanted
    is_form = environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded")
    if wanted not in {"GET", "HEAD"} or not is_form:
        return
    length = int(environ.get("CONTENT_LENGTH") or 0)
    text = environ["wsgi.input"].read(length).decode("utf-8", "replace")
    query = [q for q in (environ.get("QUERY_STRING", ""), urlencode(parse_qsl(text, keep_blank_values=True))) if q]
    environ["QUERY_STRING"] = "&".join(query)
    environ.pop("CONTENT_TYPE", None)
    _give_body(environ, b"")


def _give_body(environ: dict[str, Any], body: bytes) -> None:
    environ["wsgi.input"] = io.BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))


def _cors(environ: dict[str, Any]) -> list[tuple[str, str]]:
    """What lets a page of the caller's origin read the answer; nothing for callers that are no pages."""
    origin = environ.get("HTTP_ORIGIN")
    if not origin:
        return []
    headers = [("Access-Control-Allow-Origin", origin), ("Access-Control-Allow-Credentials", "true")]
    if environ["REQUEST_METHOD"] == "OPTIONS":
        asked = environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "authorization,content-type")
        return [
            *headers,
            ("Access-Control-Allow-Methods", _METHODS),
            ("Access-Control-Allow-Headers", asked),
            ("Access-Control-Max-Age", "3600"),
        ]
    exposed = "Content-Encoding,Content-Length,Content-Type,Date,ETag,Server"
    return [*headers, ("Access-Control-Expose-Headers", exposed)]


def _refused(start_response: Any, cors: list[tuple[str, str]]) -> list[bytes]:
    body = b'{"error":{"errors":[{"domain":"global","reason":"parseError","message":"Parse Error"}],'
    body += b'"code":400,"message":"Parse Error"}}'
    kind = ("Content-Type", "application/json; charset=UTF-8")
    start_response("400 Bad Request", [*cors, kind, ("Content-Length", str(len(body)))])
    return [body]
