"""`conversa-calendar`: serve, worker, migrate, create-account, doctor, google-setup, db."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from conversa_calendar.cli import processes
from conversa_calendar.config import environment
from conversa_calendar.config.environment import SettingsError
from conversa_calendar.config.postgres import Cluster, ClusterError


def main(argv: list[str] | None = None) -> int:
    """Runs one command; a wrong setting ends with one sentence."""
    options = _parser().parse_args(argv)
    try:
        env = environment.read()
        return int(options.run(options, env) or 0)
    except (SettingsError, ClusterError, processes.ChildDied) as error:
        print(f"conversa-calendar: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="conversa-calendar", description="Two-way calendar sync.")
    commands = parser.add_subparsers(required=True)

    def add(name: str, run: Callable[..., object], about: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=about)
        command.set_defaults(run=run)
        return command

    serve = add("serve", _serve, "serve the pages, the API and the live stream")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=8000)
    serve.add_argument("--with-worker", action="store_true", help="also run a worker, for a small installation")
    add("worker", _worker, "run sync jobs until stopped")
    add("migrate", _migrate, "bring the database to this version")
    create = add("create-account", _create_account, "create an account with its first administrator")
    create.add_argument("--name", required=True)
    create.add_argument("--admin-email", required=True)
    create.add_argument("--password", required=True)
    create.add_argument("--enable-calendar", action="store_true")
    create.add_argument("--api-token", action="store_true")
    doctor = add("doctor", _doctor, "check the chain from the database to the notification address")
    doctor.add_argument("--json", action="store_true")
    setup = add("google-setup", _google_setup, "what to enter in Google's console, from the downloaded client file")
    setup.add_argument("client", type=Path, nargs="?")
    add("rotate-keys", _rotate_keys, "seal every credential with the first of ENCRYPTION_KEYS")
    db = add("db", _db, "dump or restore the database; recheck: compare everything with Google, as a restore does")
    db.add_argument("action", choices=["dump", "restore", "recheck"])
    db.add_argument("file", type=Path, nargs="?")
    add("pause", _pause, "let all sync of this installation rest; what is pending stays pending")
    add("resume", _resume, "let it go on")
    return parser


@contextmanager
def database(env: environment.Environment) -> Iterator[None]:
    """Makes sure that the embedded database runs; who started it stops it."""
    if env.database_url:
        yield
        return
    cluster = Cluster(env.data_dir)
    if cluster.is_created and cluster._is_running():
        yield
        return
    with cluster:
        yield


def django_ready() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conversa_calendar.config.settings")
    django.setup()


def _serve(options: argparse.Namespace, env: environment.Environment) -> None:
    with database(env):
        _migrated()
        port = processes.free_port(options.host, options.port) if env.is_debug else options.port
        live_port = processes.free_port(options.host, port + 1)
        origin = f"http://{options.host}:{port}"
        extra = {"LIVE_URL": env.live_url or f"http://{options.host}:{live_port}/live"}
        from django.conf import settings

        supervisor = processes.Supervisor()
        try:
            static = str(settings.PACKAGE / "dashboard" / "static")
            supervisor.start("web", processes.web(options.host, port, static), extra)
            supervisor.start("live", processes.live(options.host, live_port), extra)
            if options.with_worker:
                supervisor.start("worker", processes.worker(), extra)
            processes.wait_until_ready(f"{origin}/readyz")
            print(f"ready {env.public_url or origin}", flush=True)
            if (link := _set_up_link(env.public_url or origin)) is not None:
                print(f"There is no account yet. Create the first one, once, at {link}", flush=True)
            supervisor.wait()
        finally:
            supervisor.stop()


def _worker(options: argparse.Namespace, env: environment.Environment) -> None:
    django_ready()
    from conversa_calendar.cli import working

    working.wait_for_database()
    _show_presence()
    working.work()


def _show_presence() -> None:
    """Lets other workers know that this one lives, and picks up at once what a killed one left."""
    import secrets

    import psycopg
    from django.db import connection

    from conversa_calendar.sync import leases, tasks

    parameters = {
        name: value
        for name, value in connection.get_connection_params().items()
        if name in {"dbname", "user", "password", "host", "port"}
    }
    leases.show_presence(secrets.randbelow(2**31), lambda: psycopg.connect(**parameters, autocommit=True))
    tasks.enqueue_due()
    connection.close()


def _migrated() -> None:
    django_ready()
    from django.core.management import call_command

    call_command("migrate", database="owner", verbosity=0)


def _migrate(options: argparse.Namespace, env: environment.Environment) -> None:
    with database(env):
        _migrated()
    print("The database is up to date.")


def _create_account(options: argparse.Namespace, env: environment.Environment) -> int:
    with database(env):
        _migrated()
        from conversa_calendar.accounts import joining, permissions, services
        from conversa_calendar.accounts.tenancy import tenant

        if problems := services.password_problems(options.password):
            print(f"conversa-calendar: {' '.join(problems)}", file=sys.stderr)
            return 2
        try:
            account = services.create_account(name=options.name, is_calendar_enabled=options.enable_calendar)
            with tenant(account.pk):
                member = joining.add_member_as_operator(
                    email=options.admin_email, password=options.password, built_in=permissions.ADMINISTRATOR
                )
        except services.Refused as error:
            print(f"conversa-calendar: {error}", file=sys.stderr)
            return 2
        answer = {"account": str(account.uuid), "member": str(member.uuid), "email": member.user.email}
        if options.api_token:
            _token, secret = services.create_token(member=member, name="create-account", scopes=[permissions.ALL])
            answer["api_token"] = secret
        print(json.dumps(answer))
    return 0


def _doctor(options: argparse.Namespace, env: environment.Environment) -> int:
    with database(env):
        django_ready()
        import msgspec

        from conversa_calendar.sync import doctor

        findings = doctor.examine()
    if options.json:
        print(msgspec.json.encode(findings).decode())
    else:
        for finding in findings:
            print(f"{'ok ' if finding.is_good else 'BAD'} {finding.what}: {finding.says}")
    return 0 if all(finding.is_good or finding.is_hint for finding in findings) else 1


def _google_setup(options: argparse.Namespace, env: environment.Environment) -> int:
    django_ready()
    from conversa_calendar.cli import google_setup

    return google_setup.explain(options.client, env)


def _rotate_keys(options: argparse.Namespace, env: environment.Environment) -> None:
    with database(env):
        django_ready()
        from conversa_calendar.accounts.models import Account
        from conversa_calendar.connections import tokens

        changed = sum(tokens.reseal_all(account_id) for account_id in Account.objects.values_list("pk", flat=True))
        print(f"{changed} connections were sealed with the key “{env.encryption_keys[0][0]}”.")


def _db(options: argparse.Namespace, env: environment.Environment) -> int:
    """Whole-database dump and restore by PostgreSQL's own tools; the embedded cluster's superuser sees every row. A
    restored database is brought to this version and compared with Google as a whole."""
    if options.file is None and options.action != "recheck":
        raise environment.SettingsError(f"db {options.action} needs the name of a file.")
    with database(env):
        cluster = None if env.database_url else Cluster(env.data_dir)
        url = cluster.url("postgres") if cluster else env.database_owner_url
        folder = f"{cluster._binaries()}/" if cluster else ""
        if options.action == "recheck":
            return _recheck()
        if options.action == "dump":
            command = [f"{folder}pg_dump", "--format=custom", f"--file={options.file}", url]
        else:
            command = [
                f"{folder}pg_restore",
                "--clean",
                "--if-exists",
                "--single-transaction",
                f"--dbname={url}",
                str(options.file),
            ]
        code = subprocess.run(command, check=False).returncode
        return code or (_recheck() if options.action == "restore" else 0)


def _recheck() -> int:
    _migrated()
    from conversa_calendar.sync import checks

    print(f"{checks.recheck_everything()} mirrored calendars will be compared with Google.")
    return 0


def _pause(options: argparse.Namespace, env: environment.Environment) -> None:
    with database(env):
        django_ready()
        from conversa_calendar.sync import halting

        halting.pause()
        print("Sync rests. Edits are kept; conversa-calendar resume lets it go on.")


def _resume(options: argparse.Namespace, env: environment.Environment) -> None:
    with database(env):
        django_ready()
        from conversa_calendar.sync import halting

        print(f"{halting.resume()} mirrored calendars go on.")


def _set_up_link(origin: str) -> str | None:
    from django.core import signing

    from conversa_calendar.accounts.models import Account
    from conversa_calendar.dashboard.setup_views import SALT

    if Account.objects.exists():
        return None
    return f"{origin}/setup/{signing.dumps('setup', salt=SALT)}"


if __name__ == "__main__":
    sys.exit(main())
