"""No way into private networks: one test for each trick that a webhook's address, its name or its server can play."""

import http.server
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from django.conf import settings

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.kit import clock
from conversa_calendar.webhooks import network
from conversa_calendar.webhooks.network import BadAddress, Line
from tests.support.cast import Cast
from tests.support.receiver import Receiver, deliver_all
from tests.web.test_webhooks import event, hook, receiver  # noqa: F401

REFUSED = [
    "http://hooks.example.com/",
    "ftp://hooks.example.com/",
    "file:///etc/passwd",
    "//hooks.example.com/",
    "hooks.example.com",
    "https://",
    "https:///path",
    "https://user@hooks.example.com/",
    "https://user:secret@hooks.example.com/",
    "https://hooks.example.com@127.0.0.1/",
    "https://hooks.example.com/#x",
    "https://hooks.example.com/\r\nHost: x",
    "https://hooks.example.com/a b",
    "https://hooks.example.com:22/",
    "https://hooks.example.com:25/",
    "https://hooks.example.com:0/",
    "https://hooks.example.com:99999/",
    "https://localhost/",
    "https://LOCALHOST./",
    "https://intranet/",
    "https://printer.local/",
    "https://metadata.google.internal/",
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0177.0.0.1/",
    "https://0.0.0.0/",
    "https://10.0.0.8/",
    "https://172.16.3.4/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://100.64.0.1/",
    "https://198.18.0.1/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://[::1]/",
    "https://[::]/",
    "https://[fe80::1]/",
    "https://[fc00::1]/",
    "https://[fd12:3456::1]/",
    "https://[ff02::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[::127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b:1::1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:c0a8:101::1]/",
    "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "https://[fec0::1]/",
    "https://①②⑦.0.0.1/",
    "https://hooks.example.com/" + "x" * 1000,
]


@pytest.mark.parametrize("url", REFUSED)
def test_an_address_that_leads_inside_is_refused_when_it_is_set(cast: Cast, url: str) -> None:
    answer = cast.alice.call("POST", "webhooks", {"url": url})
    assert answer.status_code == 422, answer.content
    assert cast.alice.get("webhooks")["items"] == []


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com/a?b=c",
        "https://93.184.216.34/",
        "https://h.example.com:8443/",
        "https://[2606:4700::1111]/",
    ],
)
def test_a_public_address_is_taken(cast: Cast, url: str) -> None:
    assert cast.alice.post("webhooks", {"url": url, "on": False})["url"] == url


@contextmanager
def named(monkeypatch: pytest.MonkeyPatch, **names: list[str]) -> Iterator[list[str]]:
    """What the system's resolver says of names, and what was asked."""
    real, asked = socket.getaddrinfo, list[str]()

    def resolve(host: str, port: Any, *args: Any, **kwargs: Any) -> Any:
        known = {name.replace("_", "."): found for name, found in names.items()}
        if host not in known:
            return real(host, port, *args, **kwargs)
        asked.append(host)
        answers = known[host]
        addresses = [answers.pop(0)] if len(answers) > 1 and answers[0].startswith("once:") else answers
        return [
            (
                socket.AF_INET6 if ":" in a.removeprefix("once:") else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (a.removeprefix("once:"), port),
            )
            for a in addresses
        ]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    yield asked


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.1.2.3"],
        ["93.184.216.34", "192.168.0.1"],
        ["::1"],
        ["::ffff:169.254.169.254"],
        ["64:ff9b::a00:1"],
    ],
)
def test_a_name_that_means_a_private_address_is_not_connected_to(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    def never(*_args: Any, **_kwargs: Any) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "create_connection", never)
    with named(monkeypatch, hooks_example_com=addresses), pytest.raises(BadAddress), Line("https://hooks.example.com/"):
        pass


def test_a_name_that_changes_between_looking_and_connecting_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rebinding: the connection goes to the address that was judged, and the name is not asked again."""
    to: list[Any] = []

    def connect(address: Any, *_args: Any) -> Any:
        to.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", connect)
    names = named(monkeypatch, hooks_example_com=["once:93.184.216.34", "127.0.0.1"])
    with names as asked, Line("https://hooks.example.com/") as line:
        assert line.post(b"{}", {}).status is None
        assert line.post(b"{}", {}).status is None
    assert to == [("93.184.216.34", 443)] * 2 and asked == ["hooks.example.com"]


def test_a_name_turned_private_after_it_was_set_fails_as_a_delivery(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = cast.alice.post("webhooks", {"url": "https://hooks.example.com/", "kinds": ["event"]})
    event(cast.alice)
    with named(monkeypatch, hooks_example_com=["127.0.0.1"]):
        deliver_all(cast.account.pk, made["id"])
    [row] = cast.alice.get(f"webhooks/{made['id']}/deliveries")["items"]
    assert (row["state"], row["status"], row["error"]) == ("waiting", None, "its address is not public")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(cast: Cast, receiver: Receiver, status: int) -> None:  # noqa: F811
    made = hook(cast.alice, receiver, kinds=["event"])
    receiver.answers = lambda _number: status
    event(cast.alice)
    deliver_all(cast.account.pk, made["id"])
    [row] = cast.alice.get(f"webhooks/{made['id']}/deliveries")["items"]
    assert (row["state"], row["status"]) == ("waiting", status) and len(receiver.came) == 1


def test_a_proxy_of_the_environment_is_not_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with Line(receiver.url) as line:
        assert line.post(b"{}", {}).status == 204


def test_only_the_very_host_and_port_that_the_operator_named_are_excepted(receiver: Receiver) -> None:  # noqa: F811
    assert network.check(receiver.url)
    for url in ("http://127.0.0.1:1/", receiver.url.replace("127.0.0.1", "127.0.0.2")):
        with pytest.raises(BadAddress):
            network.check(url)


@contextmanager
def raw_server(talk: Any) -> Iterator[str]:
    """A server that does as it likes with each connection."""
    server = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def serve() -> None:
        server.settimeout(0.1)
        while not over.is_set():
            try:
                one, _address = server.accept()
            except TimeoutError:
                continue
            threading.Thread(target=talk, args=(one, over), daemon=True).start()

    thread = threading.Thread(target=serve)
    thread.start()
    port = server.getsockname()[1]
    before, settings.WEBHOOK_HOSTS = settings.WEBHOOK_HOSTS, (f"127.0.0.1:{port}",)
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        settings.WEBHOOK_HOSTS = before
        over.set()
        thread.join()
        server.close()


def _drip(one: socket.socket, over: threading.Event) -> None:
    one.recv(65536)
    try:
        one.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not over.wait(0.05):
            one.sendall(b"a")
    except OSError:
        one.close()


def _endless(one: socket.socket, over: threading.Event) -> None:
    one.recv(65536)
    try:
        one.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not over.is_set():
            one.sendall(b"a" * 65536)
    except OSError:
        one.close()


def _silent(one: socket.socket, over: threading.Event) -> None:
    over.wait(30)
    one.close()


@pytest.mark.parametrize("talk", [_drip, _silent])
def test_a_server_that_drips_or_is_silent_is_left_after_the_deadline(
    talk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "DEADLINE_S", 0.5)
    with raw_server(talk) as url, Line(url) as line:
        assert line.post(b"{}", {}).error == "took too long to answer"


def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    with raw_server(_endless) as url, Line(url) as line:
        assert line.post(b"{}", {}).status == 200


def test_a_kept_connection_that_was_closed_meanwhile_is_replaced(receiver: Receiver) -> None:  # noqa: F811
    with Line(receiver.url) as line:
        assert line.post(b"{}", {}).status == 204
        kept = line._idle.get()
        assert kept.sock is not None
        kept.sock.shutdown(socket.SHUT_RDWR)
        line._idle.put(kept)
        assert line.post(b"{}", {}).status == 204
    assert len(receiver.came) == 2


def test_nothing_is_sent_within_a_transaction(cast: Cast, receiver: Receiver) -> None:  # noqa: F811
    with tenant(cast.account.pk), Line(receiver.url) as line, pytest.raises(AssertionError, match="transaction"):
        line.post(b"{}", {})


def _certify(name: str, key: Path, certificate: Path) -> None:
    """A key, and a certificate for a name that it signs itself."""
    secret, now = ec.generate_private_key(ec.SECP256R1()), clock.now()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(subject, subject, secret.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
    signed = builder.sign(secret, hashes.SHA256())
    certificate.write_bytes(signed.public_bytes(Encoding.PEM))
    key.write_bytes(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@contextmanager
def tls_server(folder: Path, name: str) -> Iterator[tuple[int, list[str], Path]]:
    """An HTTPS server whose certificate is for a name; the names asked for, and the certificate."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    _certify(name, key, certificate)
    hosts: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            hosts.append(self.headers["Host"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.sni_callback = lambda _socket, asked, _context: hosts.append(f"sni:{asked}")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1], hosts, certificate
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize("is_right", [True, False])
def test_the_name_stands_in_tls_and_host_though_the_connection_goes_to_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_right: bool
) -> None:
    with tls_server(tmp_path, "hooks.example.com" if is_right else "other.example.com") as (port, hosts, certificate):
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        monkeypatch.setattr(settings, "WEBHOOK_HOSTS", (f"hooks.example.com:{port}",))
        url = f"https://hooks.example.com:{port}/"
        with named(monkeypatch, hooks_example_com=["127.0.0.1"]), Line(url) as line:
            answer = line.post(b"{}", {})
    if is_right:
        assert answer.status == 204 and hosts == ["sni:hooks.example.com", f"hooks.example.com:{port}"]
    else:
        assert answer.error == "its certificate is not valid"
