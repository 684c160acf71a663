"""Checks the chain from the database to the notification address; each finding says what to do."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError, connection, connections
from django.db.migrations.executor import MigrationExecutor

from conversa_calendar.accounts.models import Account
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.config.environment import Environment
from conversa_calendar.connections.models import Connection
from conversa_calendar.kit import clock
from conversa_calendar.sync.models import Mirror, MirrorRun

CLOCK_SKEW_S = 60
WORKER_SILENT_S = 60


@dataclass
class Finding:
    """One link of the chain. A hint is worth knowing, not a fault."""

    what: str
    is_good: bool
    says: str
    is_hint: bool = False


def examine(env: Environment) -> list[Finding]:
    """Every check, in the order in which one cause hides the next."""
    found = [_database()]
    if not found[0].is_good:
        return found
    found += [_migrations(), _role(), _clock(), _workers(), _google(), _public_address(env), _mail(env)]
    for account in Account.objects.order_by("id"):
        found += _account(account)
    return found


def _database() -> Finding:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version_num")
            row = cursor.fetchone()
    except DatabaseError as error:
        return Finding("database", False, f"cannot be reached: {error}")
    version = int(row[0]) // 10_000 if row else 0
    return Finding("database", version >= 16, f"PostgreSQL {version} answers")


def _migrations() -> Finding:
    executor = MigrationExecutor(connections["owner"])
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return Finding(
        "migrations", not waiting, f"{len(waiting)} to run: conversa-calendar migrate" if waiting else "up to date"
    )


def _role() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        row = cursor.fetchone()
    is_walled = row is not None and not row[0]
    says = "row-level security holds" if is_walled else "this role bypasses row-level security; use an ordinary one"
    return Finding("database role", is_walled, says)


def _clock() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    skew_s = abs((row[0] - clock.now()).total_seconds()) if row else 0.0
    return Finding("clock", skew_s < CLOCK_SKEW_S, f"{skew_s:.1f} s apart from the database")


def _workers() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > now() - interval '60 seconds'"
        )
        row = cursor.fetchone()
    count = int(row[0]) if row else 0
    return Finding("workers", count > 0, f"{count} running" if count else "none: run conversa-calendar worker")


def _google() -> Finding:
    is_set = bool(settings.GOOGLE_CLIENT_ID and settings.GOOGLE_CLIENT_SECRET)
    says = (
        "client is set" if is_set else "set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET: conversa-calendar google-setup"
    )
    return Finding("Google client", is_set, says)


def _public_address(env: Environment) -> Finding:
    if not env.public_url:
        return Finding(
            "public address", False, "PUBLIC_URL is not set: Google cannot notify, calendars are polled", True
        )
    is_https = env.public_url.startswith("https://")
    says = env.public_url if is_https else f"{env.public_url} is not https: Google refuses to notify it"
    return Finding("public address", is_https, says, is_hint=True)


def _mail(env: Environment) -> Finding:
    is_real = env.email_url.startswith("smtp")
    return Finding("mail", is_real, "goes out by SMTP" if is_real else f"is only written to {env.email_url}", True)


def _account(account: Account) -> list[Finding]:
    found = []
    with tenant(account.pk):
        for held in Connection.objects.exclude(state="active"):
            found.append(Finding(f"{account.name}: {held.email}", False, f"{held.state}: reconnect it"))
        for mirror in Mirror.objects.filter(is_selected=True).select_related("calendar"):
            found.append(_mirror(account, mirror))
    return found


def _mirror(account: Account, mirror: Mirror) -> Finding:
    run = MirrorRun.objects.filter(mirror_id=mirror.pk).first()
    late = clock.now() - timedelta(hours=2)
    is_late = run is not None and run.is_active and (mirror.last_sync_at is None or mirror.last_sync_at < late)
    is_good = mirror.state in {"live", "polling", "first_sync", "paused"} and not is_late
    says = mirror.error_message or (
        f"{mirror.state}, last sync {mirror.last_sync_at:%Y-%m-%d %H:%M}" if mirror.last_sync_at else mirror.state
    )
    return Finding(f"{account.name}: {mirror.calendar.name}", is_good, says)
