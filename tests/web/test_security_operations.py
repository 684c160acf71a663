"""Checklist lines on operation: what an installation shows, fetches, trusts and is made of."""

import ast
import datetime as dt
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.apps import apps
from django.conf import settings
from django.test import Client

from conversa_calendar.accounts import grants, services
from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.config import environment
from conversa_calendar.connections.models import Connection
from conversa_calendar.kit import clock, ids
from conversa_calendar.providers.google.transport import HttpTransport, Request
from conversa_calendar.providers.protocol import OutcomeUnknown, Transient
from tests.support.cast import Cast
from tests.sync.conftest import Scene, scene  # noqa: F401
from tests.web.test_access import PAGES, PUBLIC, _filled

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "conversa_calendar"
FETCHES = {
    "providers/google/transport.py": "Google",
    "sync/explain/doctor.py": "our own address",
    "webhooks/network.py": "public addresses that an administrator has named, proven in test_webhook_network",
    "cli/processes.py": "our own children",
    "cli/company.py": "the demo's emulator",
}
"""The only files that may open connections, and to whom."""
_NETWORK = {"urllib3", "urllib.request", "http.client", "socket", "requests", "httpx", "aiohttp", "ftplib"}


def test_e07_a_demoted_administrator_is_one_no_more_with_the_next_request(cast: Cast) -> None:
    browser = cast.alice.browser()
    assert browser.get("/connections").status_code == 200 and cast.alice.call("GET", "tokens").status_code == 200
    with tenant(cast.account.pk):
        for actor, key in ((cast.bob, "administrator"), (cast.alice, "agent")):
            services.set_role(member=Member.objects.get(pk=actor.member.pk), key=key, by=grants.OPERATOR)
    assert browser.get("/connections").status_code == 403
    assert cast.alice.call("GET", "connections").status_code == 403


def test_e14_there_is_no_admin_site(db: None) -> None:
    assert "django.contrib.admin" not in settings.INSTALLED_APPS
    assert Client().get("/admin/").status_code == 404


@pytest.mark.parametrize("method", ["TRACE", "PUT", "DELETE"])
def test_e15_pages_answer_no_method_that_they_do_not_declare(cast: Cast, method: str) -> None:
    browser = cast.alice.browser()
    unknown = "00000000-0000-4000-8000-000000000000"
    routes = sorted({*PAGES, *PUBLIC} - {r for r in PUBLIC if r.startswith("^")})
    codes = {route: browser.generic(method, "/" + _filled(route, unknown)).status_code for route in routes}
    assert {route: code for route, code in codes.items() if code not in {404, 405}} == {}


def test_e39_a_new_client_secret_keeps_every_connection(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    scene.google.world.clients["demo-client"].secret = "second-secret"
    monkeypatch.setattr(settings, "GOOGLE_CLIENT_SECRET", "second-secret")
    with tenant(scene.alice.account_id):
        Connection.objects.update(access_expires_at=clock.now())
    scene.create("a")
    scene.assert_equal()
    with tenant(scene.alice.account_id):
        assert Connection.objects.get().state == "active"


def test_e64_only_named_files_open_connections_and_none_to_an_address_from_data() -> None:
    found = {
        str(path.relative_to(SOURCE)) for path in SOURCE.rglob("*.py") if _NETWORK & set(_imports(path.read_text()))
    }
    assert found == set(FETCHES)


def _imports(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_e92_debugging_is_off_and_cannot_be_switched_on_in_public(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not settings.ENV.is_debug
    monkeypatch.setenv("DEBUG", "1")
    monkeypatch.setenv("PUBLIC_URL", "https://calendar.example.com")
    with pytest.raises(environment.SettingsError, match="DEBUG=1"):
        environment.read()


def test_e92_metrics_are_behind_their_token_and_name_nobody(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Client().get("/metrics").content.decode()
    assert re.fullmatch(r"(conversa_\w+ \d+\n)+", shown), "counts and nothing else"
    monkeypatch.setattr(settings, "METRICS_TOKEN", "secret")
    assert Client().get("/metrics").status_code == 401
    assert Client(HTTP_AUTHORIZATION="Bearer other").get("/metrics").status_code == 401
    assert Client(HTTP_AUTHORIZATION="Bearer secret").get("/metrics").status_code == 200


def test_e97_every_package_is_pinned_with_its_hash() -> None:
    for name in ("dev.txt", "node.txt"):
        entries = re.split(r"\n(?=\S)", (ROOT / "requirements" / name).read_text().replace("\\\n", " "))
        packages = [entry for entry in entries if entry.strip() and not entry.startswith("#")]
        assert packages and all("==" in entry and "--hash=sha256:" in entry for entry in packages), name
    locked = (ROOT / "frontend" / "package-lock.json").read_text()
    assert locked.count('"version":') > 10 and locked.count('"integrity": "sha512-') > 10
    assert "--require-hashes" in (ROOT / "tools" / "setup_python.py").read_text()


def test_e98_no_file_of_the_repository_holds_a_secret() -> None:
    secrets = re.compile(
        rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\n[A-Za-z0-9+/]|GOCSPX-[\w-]{20}|AKIA[0-9A-Z]{16}|ya29\.[\w-]{60}"
    )
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False).stdout
    files = [ROOT / name.decode() for name in listed.split(b"\0") if name] or list(SOURCE.rglob("*.py"))
    assert [file for file in files if file.is_file() and secrets.search(file.read_bytes())] == []


def test_e99_a_server_with_a_foreign_certificate_hears_nothing(tmp_path: Path) -> None:
    heard: list[bytes] = []
    port = _impostor(tmp_path, heard)
    request = Request(method="POST", url=f"https://127.0.0.1:{port}/token", headers={}, body=b"refresh_token=secret")
    with pytest.raises((OutcomeUnknown, Transient)):
        HttpTransport().send(request)
    assert heard == []


def _impostor(folder: Path, heard: list[bytes]) -> int:
    """A TLS server whose certificate nobody vouches for; answers its port."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "google")])
    begin = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(begin).not_valid_after(begin + dt.timedelta(days=9))
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    certificate = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    (folder / "server.pem").write_bytes(private + certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            with context.wrap_socket(listener.accept()[0], server_side=True) as talk:
                heard.append(talk.recv(1000))
        except OSError:
            return

    threading.Thread(target=serve, daemon=True).start()
    port: Any = listener.getsockname()[1]
    return int(port)


def test_e16_identifiers_are_drawn_at_random_and_secrets_are_longer() -> None:
    for model in apps.get_models():
        for field in (f for f in model._meta.fields if f.name == "uuid"):
            assert field.default in {ids.new_uuid, uuid4}, model
    drawn = {ids.new_uuid() for _number in range(100)}
    assert len(drawn) == 100 and {found.version for found in drawn} == {4}
    assert len(ids.new_secret()) >= 43
