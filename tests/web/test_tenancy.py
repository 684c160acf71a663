"""Row-level security as the second wall, seals, and what never leaves the database."""

import psycopg
import pytest
from django.db import connection, transaction

from conversa_calendar.accounts.tenancy import ScopeMissing, tenant
from conversa_calendar.calendars.models import Calendar
from conversa_calendar.connections import sealing
from conversa_calendar.connections.models import Connection
from tests.support import database
from tests.support.cast import Cast
from tests.sync.conftest import Scene, scene  # noqa: F401 - the fixture

NEUTRAL = {
    "accounts_account",
    "accounts_apitoken",
    "accounts_user",
    "bookings_pageaddress",
    "connections_consent",
    "connections_grant",
    "connections_grantuse",
    "connections_ticket",
    "formats_feedaddress",
    "sync_mirrorrun",
    "sync_pushchannel",
    "webhooks_endpointrun",
}
"""Tables without a wall: found before the account is known, or shared by all accounts."""


def test_every_tenant_table_is_walled_with_force(db: None) -> None:
    query = """
        SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,
               (SELECT count(*) FROM pg_policies p WHERE p.tablename = c.relname AND p.qual IS NOT NULL AND p.with_check IS NOT NULL)
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'account_id'
        WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
    """
    with connection.cursor() as cursor:
        cursor.execute(query)
        rows = {name: (is_forced, policies) for name, is_forced, policies in cursor.fetchall()}
    unwalled = {name for name, (is_forced, policies) in rows.items() if not is_forced or policies != 1}
    assert unwalled <= NEUTRAL and len(rows) > 15


def test_app_role_is_neither_owner_nor_superuser(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper, rolbypassrls, current_user FROM pg_roles WHERE rolname = current_user")
        assert cursor.fetchone() == (False, False, "conversa_app")


def test_without_a_scope_the_database_shows_nothing_and_takes_nothing(cast: Cast) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM calendars_calendar")
        assert cursor.fetchone() == (0,)
    with pytest.raises(Exception, match="row-level security"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_team (uuid, account_id, name, external_id) VALUES (gen_random_uuid(), %s, 'x', '')",
            [cast.account.pk],
        )


def test_forgetting_the_scope_raises(cast: Cast) -> None:
    with pytest.raises(ScopeMissing):
        list(Calendar.objects.all())
    with tenant(cast.account.pk), pytest.raises(ScopeMissing), tenant(cast.other.pk):
        pass


def test_rows_cannot_point_into_another_account(cast: Cast) -> None:
    with tenant(cast.other.pk):
        foreign = cast.charlie.member.pk
    with pytest.raises(Exception, match="violates foreign key"), tenant(cast.account.pk):
        Calendar.objects.filter(owner=cast.bob.member).update(owner_id=foreign)


def test_sealed_values_open_only_in_their_place() -> None:
    sealed = sealing.seal("secret", "1:a:refresh_token")
    assert sealing.unseal(sealed, "1:a:refresh_token") == "secret" and "secret" not in sealed
    with pytest.raises(sealing.SealBroken):
        sealing.unseal(sealed, "2:a:refresh_token")


def test_keys_rotate_without_losing_a_connection(scene: Scene, settings_keys: None) -> None:  # noqa: F811
    from django.conf import settings

    from conversa_calendar.connections import tokens

    old = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = (("new", b"n" * 32), *old)
    assert tokens.reseal_all(scene.alice.account_id) == 1
    settings.ENCRYPTION_KEYS = (("new", b"n" * 32),)
    with tenant(scene.alice.account_id):
        assert Connection.objects.get().refresh_token.startswith("1//")


@pytest.fixture
def settings_keys() -> object:
    from django.conf import settings

    kept = settings.ENCRYPTION_KEYS
    yield
    settings.ENCRYPTION_KEYS = kept


def test_no_credential_stands_anywhere_in_the_database_or_an_answer(scene: Scene) -> None:  # noqa: F811
    scene.create("a")
    secrets = [token for world in (scene.google.world.tokens, scene.google.world.refresh_tokens) for token in world]
    with psycopg.connect(database.superuser_url()) as connection_:
        tables = [r[0] for r in connection_.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        dump = "".join(str(connection_.execute(f'SELECT t::text FROM "{table}" t').fetchall()) for table in tables)
    browser = scene.alice.browser()
    shown = "".join(browser.get(path).content.decode() for path in ("/connections", "/settings", "/calendar"))
    shown += "".join(str(scene.alice.get(path)) for path in ("connections", "mirrors"))
    assert secrets and not any(secret in dump or secret in shown for secret in secrets)
