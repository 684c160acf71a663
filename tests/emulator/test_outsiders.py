"""Programs whose addresses cannot be changed, unmodified: through the proxy that answers for Google's own names."""

import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import urllib3
from gcal_emulator.proxy import intercepting

from tests.support.emulator import Served, served

pytestmark = pytest.mark.processes
ANA = "ana@acme.example"
SCOPE = "https://www.googleapis.com/auth/calendar"
HERE = Path(__file__).parent
PINS = HERE / "clients.txt"


@pytest.fixture(scope="module")
def programs() -> Path:
    """The pinned programs, in a folder of their own beside what is installed."""
    folder = HERE.parents[1] / ".cache" / f"clients-{hashlib.sha256(PINS.read_bytes()).hexdigest()[:12]}"
    if not (folder / ".complete").exists():
        install = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--require-hashes",
            "--target",
            str(folder),
        ]
        subprocess.run([*install, "-r", str(PINS)], check=True, capture_output=True)
        (folder / ".complete").touch()
    return folder


@pytest.fixture(scope="module")
def emulator() -> Iterator[Served]:
    with served() as running:
        yield running


@pytest.fixture
def outside(emulator: Served, programs: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a program that knows nothing but Google's own addresses."""
    emulator.control("reset", {})
    emulator.control("accounts", {"email": ANA, "time_zone": "UTC"})
    authority = tmp_path / "authority.pem"
    with intercepting(emulator.origin, authority) as server:
        proxy = f"http://127.0.0.1:{server.server_address[1]}"
        trusted = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HTTPLIB2_CA_CERTS")
        yield {
            **os.environ,
            **dict.fromkeys(("AIOGOOGLE_HTTP_PROXY", "HTTPS_PROXY", "https_proxy"), proxy),
            **dict.fromkeys(trusted, str(authority)),
            "PYTHONPATH": str(programs),
            "PYTHONUNBUFFERED": "1",
            "HOME": str(tmp_path),
            "XDG_DATA_HOME": str(tmp_path / "data"),
            "XDG_CONFIG_HOME": str(tmp_path / "config"),
            "TZ": "UTC",
        }


def _consent(emulator: Served, link: str) -> None:
    """What the person does behind a printed link: allows all, and is led back to the program."""
    parts = urlsplit(link)
    assert parts.netloc == "accounts.google.com"
    page = urllib3.request("GET", f"{emulator.origin}{parts.path}?{parts.query}")
    assert page.status == 200 and b"Choose an account" in page.data
    asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
    form = urlencode(asked | {"authuser": ANA, "decision": "allow", "granted": SCOPE})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = urllib3.request("POST", f"{emulator.origin}/o/oauth2/consent", body=form, headers=headers, redirect=False)
    urllib3.request("GET", answer.headers["Location"])


def _gcalcli(outside: dict[str, str], *words: str) -> list[str]:
    start = "import sys; from gcalcli.cli import main; sys.exit(main())"
    account = ["--client-id", "demo-client", "--client-secret", "demo-secret"]
    return [sys.executable, "-c", start, "--nocolor", *(account if "init" in words else []), *words]


def test_gcalcli_signs_in_adds_shows_and_deletes(emulator: Served, outside: dict[str, str]) -> None:
    command = _gcalcli(outside, "init")
    with subprocess.Popen(command, env=outside, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as signing:
        assert signing.stdout is not None
        read = ""
        while "state=" not in read:
            line = signing.stdout.readline()
            assert line, read
            read += line
        found = re.search(r"https://accounts\.google\.com/o/oauth2/auth\?\S+", read)
        assert found is not None, read
        _consent(emulator, found.group())
        assert signing.wait(15) == 0

    def run(*words: str) -> str:
        done = subprocess.run(_gcalcli(outside, *words), env=outside, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert ANA in run("list")
    add = ["add", "--calendar", ANA, "--title", "Lunch", "--when", "2026-12-01 12:00", "--duration", "60", "--noprompt"]
    run(*add)
    run("quick", "--calendar", ANA, "Dinner with Eric 12/3/2026 7pm")
    shown = run("agenda", "2026-12-01", "2026-12-05")
    assert "Lunch" in shown and "Dinner with Eric" in shown
    run("delete", "--iamaexpert", "--calendar", ANA, "Lunch")
    assert "Lunch" not in run("agenda", "2026-12-01", "2026-12-05")


STORY = f"""
import asyncio, sys
from aiogoogle import Aiogoogle
from aiogoogle.auth.creds import ClientCreds, UserCreds

async def main():
    user = UserCreds(access_token=sys.argv[1], refresh_token=sys.argv[2], expires_at="2099-01-01T00:00:00")
    client = ClientCreds(client_id="demo-client", client_secret="demo-secret", scopes=["{SCOPE}"])
    async with Aiogoogle(user_creds=user, client_creds=client) as google:
        calendar = await google.discover("calendar", "v3")
        lists = await google.as_user(calendar.calendarList.list())
        print([item["id"] for item in lists["items"]])
        times = dict(start=dict(dateTime="2026-12-01T12:00:00Z"), end=dict(dateTime="2026-12-01T13:00:00Z"))
        made = await google.as_user(calendar.events.insert(calendarId="primary", json=dict(summary="Lunch", **times)))
        print(made["summary"], made["status"])

asyncio.run(main())
"""


def test_aiogoogle_discovers_lists_and_inserts_under_googles_names(emulator: Served, outside: dict[str, str]) -> None:
    """Its documents come from the emulator and name https addresses only; the proxy refuses everything else."""
    held = emulator.token(ANA)
    command = [sys.executable, "-c", STORY, held["access_token"], held["refresh_token"]]
    done = subprocess.run(command, env=outside, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split("\n")[:2] == [f"['{ANA}']", "Lunch confirmed"]
