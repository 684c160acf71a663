"""An HTTPS proxy that answers for Google's addresses with certificates of its own authority. For tests only."""

import select
import socket
import socketserver
import ssl
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

GOOGLE = ("www.googleapis.com", "oauth2.googleapis.com", "accounts.google.com", "calendar.googleapis.com")


@contextmanager
def intercepting(origin: str, folder: Path) -> Iterator[tuple[int, Path]]:
    """A proxy before the emulator at `origin`: its port, and the file of the authority that clients have to trust."""
    authority = folder / "authority.pem"
    context = _context(folder, authority)
    target = urlsplit(origin)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            head = b""
            while b"\r\n\r\n" not in head:
                chunk = self.request.recv(4096)
                if not chunk:
                    return
                head += chunk
            host = head.split()[1].decode().partition(":")[0]
            if not head.startswith(b"CONNECT") or host not in GOOGLE:
                self.request.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                return
            self.request.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with (
                context.wrap_socket(self.request, server_side=True) as outer,
                socket.create_connection((target.hostname, target.port)) as inner,
            ):
                _pass_on(outer, inner)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], authority
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


def _context(folder: Path, authority: Path) -> ssl.SSLContext:
    """A server's side of TLS for all of Google's names, signed by a fresh authority."""
    own_key, own_name = ec.generate_private_key(ec.SECP256R1()), _name("gcal-emulator tests")
    own = _certificate(own_name, own_name, own_key, own_key, is_authority=True)
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = _certificate(_name(GOOGLE[0]), own_name, key, own_key, is_authority=False)
    authority.write_bytes(own.public_bytes(serialization.Encoding.PEM))
    chain = folder / "chain.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain.write_bytes(leaf.public_bytes(serialization.Encoding.PEM) + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
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
    names = x509.SubjectAlternativeName([x509.DNSName(name) for name in GOOGLE])
    signed_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(signed_by, critical=False)
        .add_extension(names, critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
