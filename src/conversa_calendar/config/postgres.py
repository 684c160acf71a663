"""The embedded PostgreSQL: a cluster in the data directory, run from the wheel's binaries.

`Cluster.start` creates or adopts it and is called by the supervising command only; everyone else connects. The socket
lies in a folder of mode 0700, every role signs in by password, and a lock on the directory keeps two supervisors
apart. As root the cluster belongs to a service user, in a folder that we create; existing folders are never changed.
"""

import fcntl
import hashlib
import json
import os
import pwd
import re
import secrets
import shutil
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from conversa_calendar.config import folders, postgres_binaries, rights

OWNER, APP = "conversa_owner", "conversa_app"
DATABASE = "conversa"
_SOCKET_BYTES_MAX = 88
"""PostgreSQL adds 14 to it; macOS takes 103."""
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._+-]+")
"""What PostgreSQL's list of socket folders, and the shell that reads it, take as it is."""
STATISTICS_S = 5
"""How often tables are looked at for new statistics: a first sync fills empty ones within seconds."""
_START_TIMEOUT_S = 120
_ANSWER_WITHIN_S = 60
_LOCK_WITHIN_S = 5.0
"""How long the remains of a start that was killed may still be at work."""
_CAUSE_LINES = 3
_MACHINE_HOME = Path("/var/lib/conversa-calendar")
"""Root's own place for data and programs that the service user has to reach."""
_FORMER_HOME = Path("/var/tmp")


class ClusterError(Exception):
    """The embedded database cannot run; the message says why."""


class Cluster:
    """One cluster under `data_dir`. `is_fast` gives up power-loss safety, for tests."""

    def __init__(self, data_dir: Path, *, is_fast: bool = False) -> None:
        self.home = _home(data_dir)
        self.data = self.home / "cluster"
        self.is_fast = is_fast
        self._user = _service_user()
        self._lock: IO[str] | None = None

    @property
    def is_created(self) -> bool:
        return (self.home / "passwords.json").exists()

    def start(self) -> None:
        """Creates the cluster when there is none and makes sure that it runs. Raises ClusterError."""
        try:
            self._own(self.home)
            self._take_lock()
            self.binaries()
            if not self.is_created:
                self._create()
            if self.is_running():
                self._wait_until_it_answers()
            else:
                self._start_server()
        except folders.FolderRefused as error:
            raise ClusterError(str(error)) from error

    def stop(self) -> None:
        """Stops the server and gives the directory free."""
        if self.is_running():
            self._run("pg_ctl", "stop", "-m", "fast", "-w", "-t", "60")
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def restart(self) -> None:
        """Stops at once, as a crash would, and starts again."""
        self._run("pg_ctl", "stop", "-m", "immediate", "-w")
        self._start_server()

    def remove(self) -> None:
        """Stops the server and removes the cluster with all that it holds. Raises ClusterError while another process
        runs it."""
        if self.home.exists():
            self._take_lock()
        self.stop()
        socket = self._socket_dir()
        for folder in (self.home, socket):
            shutil.rmtree(folder, ignore_errors=True)

    def is_running(self) -> bool:
        if not self.data.exists():
            return False
        command = [str(self.binaries() / "pg_ctl"), "status"]
        return subprocess.run(command, **self._identity(), capture_output=True, check=False).returncode == 0

    def binaries(self) -> Path:
        """The folder of PostgreSQL's programs, where the service user reaches it. Raises ClusterError."""
        found = postgres_binaries.installed()
        if found is None:
            raise ClusterError("The embedded database's package is not installed; set DATABASE_URL instead.")
        if self._user is None:
            return found
        try:
            return postgres_binaries.reachable_copy(
                _MACHINE_HOME / f"postgresql-{version(postgres_binaries.DISTRIBUTION)}"
            )
        except folders.FolderRefused as error:
            raise ClusterError(str(error)) from error

    def url(self, role: str = APP, database: str = DATABASE) -> str:
        """A connection address for a role."""
        return self._address(self._passwords(), role, database)

    def create_database(self, name: str) -> None:
        """An empty database with the two roles' rights; an existing one is dropped."""
        with psycopg.connect(self.url("postgres", "postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
            _create_database(connection, name)
        with psycopg.connect(self.url("postgres", name), autocommit=True) as connection:
            _grant(connection)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _create(self) -> None:
        """A cluster with its roles and an empty database; what a killed attempt left is done away with."""
        if self.is_running():
            self._run("pg_ctl", "stop", "-m", "immediate", "-w")
        shutil.rmtree(self.data, ignore_errors=True)
        passwords = {role: secrets.token_urlsafe(24) for role in ("postgres", OWNER, APP)}
        secret = self.home / "initial-password"
        _write_private(secret, passwords["postgres"], self._user)
        arguments = ["-U", "postgres", "--auth=scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C.UTF-8"]
        self._run("initdb", *arguments, holds_lock=True)
        secret.unlink()
        self._start_server()
        with psycopg.connect(self._address(passwords, "postgres", "postgres"), autocommit=True) as connection:
            for role in (OWNER, APP):
                query = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
                connection.execute(query.format(sql.Identifier(role), sql.Literal(passwords[role])))
            _create_database(connection, DATABASE)
        with psycopg.connect(self._address(passwords, "postgres", DATABASE), autocommit=True) as connection:
            _grant(connection)
        draft = self.home / "passwords.json.new"
        _write_private(draft, json.dumps(passwords), None)
        draft.replace(self.home / "passwords.json")

    def _start_server(self) -> None:
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        socket = self._socket_dir()
        self._own(socket)
        options = ["listen_addresses=", f"unix_socket_directories={socket}", "max_connections=300"]
        options += ["shared_buffers=256MB", "max_wal_size=2GB", "jit=off", f"autovacuum_naptime={STATISTICS_S}s"]
        if self.is_fast:
            options += ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
        flags = " ".join(f"-c {option}" for option in options)
        self._run("pg_ctl", "start", "-w", "-t", str(_START_TIMEOUT_S), "-l", "postgres.log", "-o", flags)

    def _own(self, folder: Path) -> None:
        folders.own(folder, self._user)

    def _wait_until_it_answers(self) -> None:
        """A server that somebody else started may still be recovering."""
        ends_at = time.monotonic() + _ANSWER_WITHIN_S
        while True:
            try:
                psycopg.connect(self.url("postgres", "postgres"), connect_timeout=5).close()
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > ends_at:
                    raise ClusterError(f"The embedded database runs but does not answer: {error}") from error
                time.sleep(0.1)

    def _run(self, program: str, *arguments: str, holds_lock: bool = False) -> None:
        """Runs one of PostgreSQL's programs. With `holds_lock` it keeps the directory locked even if we are killed."""
        kept = (self._lock.fileno(),) if holds_lock and self._lock is not None else ()
        command = [str(self.binaries() / program), *arguments]
        logs = [self.home / "setup.log", self.home / "postgres.log"]
        lengths = [path.stat().st_size if path.exists() else 0 for path in logs]
        with open(os.devnull, "rb") as nothing, open(logs[0], "ab") as log:
            done = subprocess.run(
                command, stdin=nothing, stdout=log, stderr=log, check=False, pass_fds=kept, **self._identity()
            )
        if done.returncode != 0:
            cause = " ".join(_since(path, length) for path, length in zip(logs, lengths, strict=True)).strip()
            told = f"The embedded database could not run “{program}”: {cause or f'status {done.returncode}'}"
            raise ClusterError(f"{told} (all of it is in {logs[0]} and {logs[1].name})")

    def _identity(self) -> dict[str, Any]:
        """How to run as the service user: environment, working directory, user and group."""
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PGDATA": str(self.data)}
        identity: dict[str, Any] = {"env": environment, "cwd": str(self.home)}
        if self._user:
            identity |= {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        return identity

    def _socket_dir(self) -> Path:
        near = self.home / "socket"
        if len(os.fsencode(near)) <= _SOCKET_BYTES_MAX and _PLAIN_PATH.fullmatch(str(near)):
            return near
        return Path("/tmp") / f"conversa-{os.getuid()}-{_digest(self.home)}"

    def _address(self, passwords: dict[str, str], role: str, database: str) -> str:
        socket = quote(str(self._socket_dir()), safe="")
        return f"postgresql://{role}:{quote(passwords[role])}@/{database}?host={socket}"

    def _passwords(self) -> dict[str, str]:
        if not self.is_created:
            raise ClusterError("There is no embedded database yet; start the product first, or set DATABASE_URL.")
        found: dict[str, str] = json.loads((self.home / "passwords.json").read_text())
        return found

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        lock = open(self.home / "supervisor.lock", "w")  # noqa: SIM115 - held until stop
        ends_at = time.monotonic() + (0.0 if self.is_created else _LOCK_WITHIN_S)
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() < ends_at:
                    time.sleep(0.1)
                    continue
                lock.close()
                raise ClusterError(f"Another process already runs the database in {self.home}.") from None
        self._lock = lock


def _home(data_dir: Path) -> Path:
    """Where the cluster lives: in the data directory, or in the machine's own place where root's is out of reach."""
    wanted = data_dir.absolute() / "postgres"
    if os.getuid() != 0 or folders.is_reachable(folders.nearest(wanted.parent)):
        return wanted
    former = _FORMER_HOME / f"conversa-calendar-{_digest(wanted)}"
    return former if (former / "passwords.json").exists() else _MACHINE_HOME / _digest(wanted)


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def _since(log: Path, length: int) -> str:
    """The last lines of what was written to a log since it had this length."""
    if not log.exists():
        return ""
    with open(log, "rb") as file:
        file.seek(length)
        lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    return " ".join(lines[-_CAUSE_LINES:])


def _service_user() -> pwd.struct_passwd | None:
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise ClusterError("PostgreSQL does not run as root, and this machine has no other user to run it as.")


def _write_private(path: Path, text: str, user: pwd.struct_passwd | None) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    if user:
        os.chown(path, user.pw_uid, user.pw_gid)


def _create_database(connection: psycopg.Connection[Any], name: str) -> None:
    query = sql.SQL("CREATE DATABASE {} OWNER {}")
    connection.execute(query.format(sql.Identifier(name), sql.Identifier(OWNER)))


def _grant(connection: psycopg.Connection[Any]) -> None:
    """The owner makes tables; the app role reads and writes their rows, and nothing else."""
    connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    connection.execute(f"GRANT CREATE, USAGE ON SCHEMA public TO {OWNER}")
    for statement in rights.usage(APP) + rights.by_default(OWNER, APP):
        connection.execute(statement)
