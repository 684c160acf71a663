"""An HTTPS proxy that answers for Google's addresses with certificates of its own authority.

For programs whose addresses cannot be changed: they are given the proxy and the authority's file, nothing else. What is
no address of Google's is refused, so that nothing leaves the machine by mistake.
"""

import select
import socket
import socketserver
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gcal_emulator.transport import GOOGLE_HOSTS

_HEAD_MAX = 64 * 1024


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@contextmanager
def intercepting(
    origin: str, authority: Path, host: str = "127.0.0.1", port: int = 0
) -> Iterator[socketserver.ThreadingTCPServer]:
    """A running proxy before the emulator at `origin`; writes the authority that clients have to trust."""
    context = _context(authority)
    target = urlsplit(origin)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            head = b""
            while b"\r\n\r\n" not in head and len(head) < _HEAD_MAX:
                chunk = self.request.recv(4096)
                if not chunk:
                    return
                head += chunk
            words = head.split(maxsplit=2)
            name = words[1].decode("latin-1").partition(":")[0].lower() if len(words) > 1 else ""
            if not head.startswith(b"CONNECT ") or name not in GOOGLE_HOSTS:
                self.request.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            try:
                with (
                    context.wrap_socket(self.request, server_side=True) as outer,
                    socket.create_connection((target.hostname or "127.0.0.1", target.port or 80)) as inner,
                ):
                    _pass_on(outer, inner)
            except OSError:
                return  # a client that does not trust the authority, or no emulator behind

    with _Server((host, port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def _pass_on(outer: ssl.SSLSocket, inner: socket.socket) -> None:
    """Carries bytes both ways until one side ends."""
    try:
        while True:
            ready = [outer] if outer.pending() else select.select([outer, inner], [], [])[0]
            for side in ready:
                chunk = side.recv(65536)
                if not chunk:
                    return
                (inner if side is outer else outer).sendall(chunk)
    except OSError:
        return


def _context(authority: Path) -> ssl.SSLContext:
    """A server's side of TLS for all of Google's names, signed by a fresh authority."""
    own_key, own_name = ec.generate_private_key(ec.SECP256R1()), _name("gcal-emulator")
    own = _certificate(own_name, own_name, own_key, own_key, is_authority=True)
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = _certificate(_name(GOOGLE_HOSTS[0]), own_name, key, own_key, is_authority=False)
    authority.write_bytes(own.public_bytes(serialization.Encoding.PEM))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        chain = Path(folder) / "chain.pem"
        chain.write_bytes(leaf.public_bytes(serialization.Encoding.PEM) + secret)
        context.load_cert_chain(chain)
    return context


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    is_authority: bool,
) -> x509.Certificate:
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(name) for name in GOOGLE_HOSTS])
    signed_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=365))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(signed_by, critical=False)
        .add_extension(names, critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
