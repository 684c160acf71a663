"""`conversa-calendar`: serve, worker, migrate, create-account, doctor, google-setup, db.

A command says what it needs; that is seen to before it runs, and its trouble is told in one place (`cli.trouble`), so that
a new command cannot forget either.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path

from conversa_calendar.cli import processes, trouble
from conversa_calendar.cli.trouble import Refused
from conversa_calendar.config import environment
from conversa_calendar.config.postgres import Cluster, ClusterError


class Needs(IntEnum):
    """What has to be there before a command runs; each includes those before it."""

    SETTINGS = 0
    EMBEDDED_DATABASE = 1
    """The embedded one runs; one's own may be out of reach, which the command itself tells."""
    DATABASE = 2
    TABLES = 3


def main(argv: list[str] | None = None) -> int:
    """Runs one command; trouble of a known kind ends with one sentence."""
    options = parser().parse_args(argv)
    return trouble.told("conversa-calendar", lambda: _run(options))


def _run(options: argparse.Namespace) -> int:
    env = environment.read()
    if options.needs is Needs.SETTINGS:
        return int(options.run(options, env) or 0)
    with database(env):
        django_ready()
        from conversa_calendar.connections import readiness

        if options.needs >= Needs.DATABASE:
            readiness.require(readiness.database)
        if options.needs >= Needs.TABLES:
            readiness.require(readiness.migrations)
        return int(options.run(options, env) or 0)


def parser() -> argparse.ArgumentParser:
    """Every command with its options."""
    parser = argparse.ArgumentParser(prog="conversa-calendar", description="Two-way calendar sync.")
    commands = parser.add_subparsers(required=True)

    def add(name: str, run: Callable[..., object], about: str, needs: Needs = Needs.TABLES) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=about)
        command.set_defaults(run=run, needs=needs)
        return command

    serve = add("serve", _serve, "serve the pages, the API and the live stream", Needs.SETTINGS)
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=_port, default=8000)
    serve.add_argument("--with-worker", action="store_true", help="also run a worker, for a small installation")
    add("worker", _worker, "run sync jobs until stopped", Needs.SETTINGS)
    add("migrate", _migrate, "bring the database to this version", Needs.EMBEDDED_DATABASE)
    create = add("create-account", _create_account, "create an account with its first administrator", Needs.DATABASE)
    create.add_argument("--name", required=True)
    create.add_argument("--admin-email", required=True)
    create.add_argument("--password", required=True, help="- reads it from standard input")
    create.add_argument("--enable-calendar", action="store_true")
    create.add_argument("--api-token", action="store_true")
    about = "check the chain from the database to the notification address"
    doctor = add("doctor", _doctor, about, Needs.EMBEDDED_DATABASE)
    doctor.add_argument("--json", action="store_true")
    about = "what to enter in Google's console, from the downloaded client file"
    setup = add("google-setup", _google_setup, about, Needs.SETTINGS)
    setup.add_argument("client", type=Path, nargs="?")
    add("rotate-keys", _rotate_keys, "seal every credential with the first of ENCRYPTION_KEYS")
    forget = add(
        "forget-key", _forget_key, "give up what a lost key sealed: those Google accounts are to be reconnected"
    )
    forget.add_argument("key", help="the key's name in ENCRYPTION_KEYS")
    about = "dump or restore the database; recheck: compare everything with Google, as a restore does"
    db = add("db", _db, about, Needs.DATABASE)
    db.add_argument("action", choices=["dump", "restore", "recheck"])
    db.add_argument("file", type=Path, nargs="?")
    add("pause", _pause, "let all sync of this installation rest; what is pending stays pending")
    add("resume", _resume, "let it go on")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65_536:
        raise argparse.ArgumentTypeError(f"{text} is not a port, a number from 1 to 65535")
    return int(text)


@contextmanager
def database(env: environment.Environment) -> Iterator[None]:
    """Makes sure that the embedded database runs; who started it stops it."""
    if env.database_url:
        yield
        return
    cluster = Cluster(env.data_dir)
    if cluster.is_created and cluster.is_running():
        yield
        return
    with cluster:
        yield


def django_ready() -> None:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conversa_calendar.config.settings")
    django.setup()


def _serve(options: argparse.Namespace, env: environment.Environment) -> None:
    claim = processes.free_port if env.is_debug else processes.claim_port
    port = claim(options.host, options.port)
    live_port = processes.free_port(options.host, port + 1)
    with database(env):
        _migrated()
        _proven()
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
            supervisor.wait_until_ready(f"{origin}/readyz")
            print(f"ready {env.public_url or origin}", flush=True)
            if (link := _set_up_link(env.public_url or origin)) is not None:
                print(f"There is no account yet. Create the first one, once, at {link}", flush=True)
            supervisor.wait()
        finally:
            supervisor.stop()


def _worker(options: argparse.Namespace, env: environment.Environment) -> None:
    if not env.database_url and not Cluster(env.data_dir).is_created:
        raise ClusterError("There is no embedded database yet; start the product first, or set DATABASE_URL.")
    django_ready()
    from conversa_calendar.cli import working

    working.wait_for_database()
    _proven()
    _show_presence()
    working.work()


def _proven() -> None:
    """Before serving or working: role, tables and keys are as they must be. Raises NotReady."""
    from conversa_calendar.connections import readiness

    readiness.require(readiness.database, readiness.role, readiness.migrations)
    readiness.prove_keys_at_start()


def _show_presence() -> None:
    """Lets other workers know that this one lives, and picks up at once what a killed one left."""
    import secrets

    import psycopg
    from django.db import connection

    from conversa_calendar.sync import tasks
    from conversa_calendar.sync.run import leases

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
    from conversa_calendar.cli import preparing

    preparing.bring_up_to_date()


def _migrate(options: argparse.Namespace, env: environment.Environment) -> None:
    _migrated()
    print("The database is up to date.")


def _create_account(options: argparse.Namespace, env: environment.Environment) -> None:
    _migrated()
    from django.db import transaction

    from conversa_calendar.accounts import joining, permissions, services, tokens
    from conversa_calendar.accounts.tenancy import tenant

    password = sys.stdin.readline().rstrip("\n") if options.password == "-" else options.password
    if problems := services.password_problems(password):
        raise Refused(" ".join(problems))
    with transaction.atomic():
        account = services.create_account(name=options.name, is_calendar_enabled=options.enable_calendar)
        with tenant(account.pk):
            member = joining.add_member_as_operator(
                email=options.admin_email, password=password, built_in=permissions.ADMINISTRATOR
            )
    answer = {"account": str(account.uuid), "member": str(member.uuid), "email": member.user.email}
    if options.api_token:
        _token, secret = tokens.create_token(member=member, name="create-account", scopes=[permissions.ALL])
        answer["api_token"] = secret
    print(json.dumps(answer))


def _doctor(options: argparse.Namespace, env: environment.Environment) -> int:
    import msgspec

    from conversa_calendar.sync.explain import doctor

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
    from conversa_calendar.accounts.models import Account
    from conversa_calendar.connections import keyring, readiness, tokens

    readiness.prove_keys_at_start()
    changed = sum(tokens.reseal_all(account_id) for account_id in Account.objects.values_list("pk", flat=True))
    keyring.drop_all_but_active()
    print(f"{changed} connections were sealed with the key “{env.encryption_keys[0][0]}”; it alone is needed now.")


def _forget_key(options: argparse.Namespace, env: environment.Environment) -> None:
    if options.key in dict(env.encryption_keys):
        raise Refused(f"The key “{options.key}” is among ENCRYPTION_KEYS; only a lost one is to be forgotten.")
    from conversa_calendar.connections import keyring

    print(f"{keyring.forget(options.key)} connections are to be reconnected; nothing else was lost.")


def _db(options: argparse.Namespace, env: environment.Environment) -> None:
    """A restored database is brought to this version and compared with Google as a whole."""
    from conversa_calendar.cli import backup

    if options.file is None and options.action != "recheck":
        raise Refused(f"db {options.action} needs the name of a file.")
    if options.action == "dump":
        backup.dump(options.file, env)
        return
    if options.action == "restore":
        backup.restore(options.file, env)
    _recheck()


def _recheck() -> None:
    _migrated()
    from conversa_calendar.sync import checks

    print(f"{checks.recheck_everything()} mirrored calendars will be compared with Google.")


def _pause(options: argparse.Namespace, env: environment.Environment) -> None:
    from conversa_calendar.sync.run import halting

    halting.pause()
    print("Sync rests. Edits are kept; conversa-calendar resume lets it go on.")


def _resume(options: argparse.Namespace, env: environment.Environment) -> None:
    from conversa_calendar.sync.run import halting

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
