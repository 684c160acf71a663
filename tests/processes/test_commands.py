"""Every command in broken surroundings: one sentence and a status, never a traceback."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest

from conversa_calendar.cli import main
from tests.support import database
from tests.support.commands import COMMAND, Outcome, environment, run, run_all
from tests.support.old_server import old_server
from tests.support.processes import FIRST_PORT, HOST, PASSWORD, until

pytestmark = pytest.mark.processes
CREATE = ["create-account", "--name", "A", "--admin-email", "a@acme.example", "--password", PASSWORD]
COMMANDS: dict[str, list[str]] = {
    "serve": ["serve", "--port", str(FIRST_PORT + 90)],
    "worker": ["worker"],
    "migrate": ["migrate"],
    "create-account": CREATE,
    "doctor": ["doctor"],
    "google-setup": ["google-setup"],
    "rotate-keys": ["rotate-keys"],
    "forget-key": ["forget-key", "gone"],
    "db": ["db", "dump", "/nonexistent/file"],
    "db restore": ["db", "restore", "/nonexistent/file"],
    "db recheck": ["db", "recheck"],
    "pause": ["pause"],
    "resume": ["resume"],
}
OFFLINE = {"google-setup"}
WAITS = {"worker"}
"""What outlives a database that is away, and says that it waits."""
MIGRATES = {"serve", "migrate", "create-account", "db recheck"}
BROKEN: dict[str, Callable[[Path], dict[str, str]]] = {
    "address that is none": lambda home: {"PUBLIC_URL": "calendar.example.com"},
    "key that is none": lambda home: {"ENCRYPTION_KEYS": "a:b"},
    "another database": lambda home: {"DATABASE_URL": "mysql://here"},
    "port that is none": lambda home: {"DATABASE_URL": "postgresql://a:b@here:port/c"},
    "number that is none": lambda home: {"TRUSTED_PROXIES": "many"},
    "folder that is a file": lambda home: {"DATA_DIR": str(home / "file" / "data")},
}


@contextmanager
def _unreachable() -> Iterator[dict[str, str]]:
    with socket.create_server((HOST, 0)) as closed:
        port = closed.getsockname()[1]
    yield {"DATABASE_URL": f"postgresql://app:hidden-word@{HOST}:{port}/x"}


@contextmanager
def _without_tables() -> Iterator[dict[str, str]]:
    with database.another("bare") as urls:
        yield {"DATABASE_URL": urls["app"], "DATABASE_OWNER_URL": urls["app"]}


@contextmanager
def _too_old() -> Iterator[dict[str, str]]:
    with database.another("old") as urls, old_server(urls["app"]) as app, old_server(urls["owner"]) as owner:
        yield {"DATABASE_URL": app, "DATABASE_OWNER_URL": owner}


@contextmanager
def _wrong_password() -> Iterator[dict[str, str]]:
    with database.another("locked") as urls:
        yield {"DATABASE_URL": urls["app"].replace("conversa_app:", "conversa_app:x")}


def _assert_told(outcomes: dict[str, Outcome]) -> None:
    for name, outcome in outcomes.items():
        assert "Traceback" not in outcome.error, f"{name}: {outcome.error}"
        assert outcome.code not in {0, -1, None}, f"{name} ended as if all were well"
        assert outcome.is_one_sentence or name == "doctor", f"{name}: {outcome.error}"
        assert "hidden-word" not in outcome.error


def test_every_command_is_known_here() -> None:
    [commands] = [action for action in main.parser()._actions if action.dest == "==SUPPRESS=="]
    assert set(commands.choices or {}) == {name for name in COMMANDS if " " not in name}


@pytest.mark.parametrize("name", BROKEN)
def test_a_wrong_setting_ends_every_command_with_one_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    outcomes = run_all(environment(tmp_path / "data") | BROKEN[name](tmp_path), COMMANDS)
    _assert_told(outcomes)
    assert outcomes["doctor"].is_one_sentence


@pytest.mark.parametrize(
    ("broken", "words", "untouched"),
    [
        (_unreachable, "cannot be reached", OFFLINE | WAITS),
        (_wrong_password, "cannot be reached", OFFLINE | WAITS),
        (_too_old, "PostgreSQL 16 or newer is needed", OFFLINE),
        (_without_tables, "", OFFLINE | MIGRATES),
    ],
)
def test_a_database_that_is_not_as_needed_ends_every_command_with_one_sentence(
    tmp_path: Path, broken: Callable[[], AbstractContextManager[dict[str, str]]], words: str, untouched: set[str]
) -> None:
    with broken() as settings:
        asked = {name: argv for name, argv in COMMANDS.items() if name not in untouched}
        outcomes = run_all(environment(tmp_path, **settings), asked)
    _assert_told(outcomes)
    for name, outcome in outcomes.items():
        assert name == "doctor" or words in outcome.error, f"{name}: {outcome.error}"


def test_the_doctor_before_migrate_says_what_to_run(tmp_path: Path) -> None:
    with database.another("early") as urls:
        outcome = run(environment(tmp_path, DATABASE_URL=urls["app"]), "doctor", "--json")
    assert outcome.code == 1 and outcome.error == ""
    [bad] = [row for row in json.loads(outcome.out) if not row["is_good"]]
    assert "conversa-calendar migrate" in bad["says"]


def test_a_wrong_client_file_is_named(tmp_path: Path) -> None:
    held = [
        b"",
        b"\xff\x00",
        b"[]",
        b"7",
        b'{"web": []}',
        b'{"web": {"client_id": 7}}',
        b'{"installed": {"client_id": "a"}}',
    ]
    files = [tmp_path / f"client{number}.json" for number in range(len(held))]
    for file, content in zip(files, held, strict=True):
        file.write_bytes(content)
    files += [tmp_path / "missing.json", tmp_path]
    outcomes = run_all(environment(tmp_path), {str(file): ["google-setup", str(file)] for file in files})
    for name, outcome in outcomes.items():
        assert outcome.is_one_sentence and name in outcome.error, outcome.error


def test_roles_of_ones_own_work_apart_and_a_dump_comes_back(tmp_path: Path) -> None:
    """The owner migrates, the other role serves; nobody granted anything by hand, and no password can be seen."""
    with database.another("apart") as urls, psycopg.connect(urls["superuser"], autocommit=True) as by_superuser:
        roles = {name: f"{name}_{os.getpid()}" for name in ("owning", "working", "saving")}
        for role in roles.values():
            by_superuser.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'hidden-word'")
        by_superuser.execute(f"ALTER ROLE {roles['saving']} BYPASSRLS; GRANT pg_read_all_data TO {roles['saving']}")
        by_superuser.execute(f"GRANT CREATE ON SCHEMA public TO {roles['owning']}")
        host = urls["app"].partition("@")[2]
        url = {name: f"postgresql://{role}:hidden-word@{host}" for name, role in roles.items()}
        settings = {"DATABASE_URL": url["working"], "DATABASE_OWNER_URL": url["owning"]}
        try:
            env = environment(tmp_path, **settings)
            made = run(env, *CREATE[:-1], "-", "--api-token", given=f"{PASSWORD}\n")
            assert made.code == 0, made.error
            none = ("nobody", "a@b@c", "a b@acme.example")
            wrong = {email: [*CREATE[:4], email, *CREATE[5:]] for email in none}
            told = run_all(env, wrong | {name: COMMANDS[name] for name in ("pause", "resume", "db")})
            assert all(told[name].is_one_sentence and "is not an e-mail address" in told[name].error for name in none)
            assert told["pause"].code == told["resume"].code == 0
            assert told["db"].is_one_sentence and "DATABASE_BACKUP_URL" in told["db"].error
            assert by_superuser.execute("SELECT count(*) FROM accounts_account").fetchone() == (1,)
            env |= {"DATABASE_BACKUP_URL": url["saving"]}
            _dump_unseen(env, tmp_path / "dump")
            by_superuser.execute("UPDATE accounts_account SET name = 'Changed since'")
            back = run(env, "db", "restore", str(tmp_path / "dump"))
            assert back.code == 0, back.error
            assert by_superuser.execute("SELECT name FROM accounts_account").fetchone() == ("A",)
            assert run(env, "pause").code == 0
            by_superuser.execute(f"ALTER ROLE {roles['working']} BYPASSRLS")
            served = run(env, "serve", "--port", str(FIRST_PORT + 91))
            assert served.is_one_sentence and "BYPASSRLS" in served.error
            assert "BYPASSRLS" in run(env, "doctor").out
        finally:
            for role in roles.values():
                by_superuser.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


def _dump_unseen(env: dict[str, str], file: Path) -> None:
    """Dumps; of all processes meanwhile, none has the password among its arguments."""
    dumping = subprocess.Popen([*COMMAND, "db", "dump", str(file)], env=env)
    seen: set[str] = set()
    while dumping.poll() is None:
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                seen.add(path.read_bytes().decode(errors="replace").replace("\0", " "))
            except OSError:
                continue
    assert dumping.returncode == 0 and file.stat().st_mode & 0o077 == 0
    assert any("pg_dump" in line for line in seen) and not any("hidden-word" in line for line in seen)


def test_a_taken_port_is_said_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # as the server itself shares its port
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        began = time.monotonic()
        outcome = run(environment(tmp_path), "serve", "--port", str(port))
    assert outcome.is_one_sentence and f"Port {port}" in outcome.error and "ready" not in outcome.out
    assert time.monotonic() - began < 10


def test_two_starts_at_once_never_share_a_port() -> None:
    code = (
        f"from conversa_calendar.cli import processes; print(processes.free_port('{HOST}', {FIRST_PORT + 95})); input()"
    )
    starts = [
        subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _start in range(4)
    ]
    ports = [start.stdout.readline().strip() for start in starts if start.stdout]
    for start in starts:
        start.communicate("\n")
    assert len(set(ports)) == 4 and all(ports)


def test_a_child_that_dies_at_once_is_noticed_at_once_with_its_cause() -> None:
    code = (
        "import sys; from conversa_calendar.cli import processes as p; s = p.Supervisor();"
        "s.start('live', [sys.executable, '-c', 'import sys; sys.exit(\"no memory left\")'], {});"
        f"s.wait_until_ready('http://{HOST}:{FIRST_PORT + 99}/readyz')"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "The live process ended with status 1: no memory left" in done.stderr
    assert time.monotonic() - began < 15


def test_children_end_with_a_supervisor_that_was_killed() -> None:
    """Where the system can do so: Linux."""
    code = (
        "import sys, time; from conversa_calendar.cli import processes as p; s = p.Supervisor();"
        "s.start('child', ['sleep', '300'], {}); print(s.children['child'].pid, flush=True); time.sleep(300)"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    child = Path("/proc") / supervisor.stdout.readline().strip()
    assert child.exists()
    supervisor.kill()
    supervisor.wait()
    until(lambda: not child.exists() or "Z" in (child / "stat").read_text().split()[2], timeout_s=10)


def test_a_worker_without_an_embedded_database_says_what_to_start(tmp_path: Path) -> None:
    outcome = run(environment(tmp_path), "worker")
    assert outcome.is_one_sentence and "start the product first" in outcome.error
