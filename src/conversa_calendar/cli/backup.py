"""Whole-database dump and restore by PostgreSQL's own tools. No password stands among their arguments, which every user
of the machine can read."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from conversa_calendar.cli.trouble import Refused
from conversa_calendar.config import postgres_binaries
from conversa_calendar.config.environment import Environment
from conversa_calendar.config.postgres import Cluster

_SEES_ALL = "SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"


@dataclass(frozen=True)
class Tool:
    """One of PostgreSQL's tools at work on a database."""

    name: str
    url: str

    def run(self, *arguments: str) -> None:
        """Raises Refused with the cause."""
        values: dict[str, Any] = conninfo_to_dict(self.url)
        environment = dict(os.environ) | {"PGPASSWORD": str(values.pop("password", "") or "")}
        command = [_program(self.name), *arguments, f"--dbname={make_conninfo(**values)}"]
        try:
            done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=False)
        except FileNotFoundError as error:
            raise Refused(f"{self.name} is not installed; install PostgreSQL's client programs.") from error
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if "error:" in line] or done.stderr.splitlines()
            raise Refused(f"{lines[0] if lines else f'{self.name} ended with status {done.returncode}'}.")


def dump(file: Path, env: Environment) -> None:
    """Raises Refused, also when the role would see only a part of the rows."""
    url = env.database_backup_url if env.database_url else Cluster(env.data_dir).url("postgres")
    with psycopg.connect(url) as connection:
        role, sees_all = connection.execute(_SEES_ALL).fetchone() or ("?", False)
    if not sees_all:
        raise Refused(
            f"The role “{role}” does not see the rows of every account, so its dump would be empty: set DATABASE_BACKUP_URL "
            "to a role with BYPASSRLS and pg_read_all_data."
        )
    if not file.absolute().parent.is_dir():
        raise Refused(f"There is no folder {file.absolute().parent}.")
    draft = file.with_name(f"{file.name}.part")
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    try:
        Tool("pg_dump", url).run("--format=custom", f"--file={draft}")
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)


def restore(file: Path, env: Environment) -> None:
    """Puts a dump's rows in place of what is there, all or nothing. Raises Refused."""
    with open(file, "rb") as opened:
        if opened.read(5) != b"PGDMP":
            raise Refused(f"{file} is not a dump that conversa-calendar db dump made.")
    arguments = ["--clean", "--if-exists", "--single-transaction", str(file)]
    if env.database_url:
        Tool("pg_restore", env.database_owner_url).run("--no-owner", "--no-privileges", *arguments)
    else:
        Tool("pg_restore", Cluster(env.data_dir).url("postgres")).run(*arguments)


def _program(name: str) -> str:
    """The wheel's tools know every version of the server up to their own; without them the system's."""
    folder = postgres_binaries.installed()
    return str(folder / name) if folder is not None and (folder / name).exists() else name
