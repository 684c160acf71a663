"""A key of stored credentials that is missing, wrong, not rolled out yet, rotated, or lost for good."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings
from django.db import connection as database
from django.test import Client

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import OutgoingMail
from conversa_calendar.connections import keyring, readiness, tokens
from conversa_calendar.connections.models import Connection, KeyProof
from conversa_calendar.sync.explain import doctor
from conversa_calendar.sync.models import MirrorRun
from tests.support.cast import Cast
from tests.support.google import at
from tests.sync.conftest import Scene

NEW = ("new", os.urandom(32))


@contextmanager
def _keys(*held: tuple[str, bytes]) -> Iterator[None]:
    before, settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS, held
    try:
        yield
    finally:
        settings.ENCRYPTION_KEYS = before


def _ready() -> tuple[int, str]:
    answer = Client().get("/readyz")
    return answer.status_code, answer.json()["status"]


def _mirror(scene: Scene) -> dict[str, Any]:
    [found] = scene.alice.get("mirrors")["items"]
    return dict(found)


def _look(scene: Scene) -> None:
    MirrorRun.objects.update(next_check_at=None, next_attempt_at=None)
    scene.google.settle_once()


def test_a_missing_key_is_said_on_the_card_and_heals_by_itself(scene: Scene) -> None:
    event = scene.create("Before")
    with _keys(NEW):
        scene.alice.patch(f"events/{event['id']}", {"summary": "Meanwhile here"})
        scene.ana.insert(summary="Meanwhile there", start=at("2026-12-02T09:00:00"), end=at("2026-12-02T10:00:00"))
        _look(scene)
        shown = _mirror(scene)
        assert shown["state"] == "paused" and shown["error"]["code"] == tokens.KEY_MISSING
        [card] = scene.alice.get("connections")["items"]
        assert card["error"]["code"] == tokens.KEY_MISSING and "nothing is lost" in card["error"]["message"]
        page = scene.alice.browser().get("/connections").content.decode()
        assert "Key missing" in page and page.count("its operator has to put it back") == 1
        with tenant(scene.alice.account_id):
            assert Connection.objects.get().state == "active"
    _look(scene)
    scene.google.settle()
    shown = _mirror(scene)
    assert shown["state"] in {"live", "polling"} and shown["error"] is None
    assert scene.alice.get("connections")["items"][0]["error"] is None
    assert sorted(row["summary"] for row in scene.here()) == ["Meanwhile here", "Meanwhile there"]
    scene.assert_equal()


@pytest.mark.parametrize("is_expired", [False, True])
def test_a_key_that_is_looked_for_only_at_a_renewal_is_missed_just_the_same(scene: Scene, is_expired: bool) -> None:
    with tenant(scene.alice.account_id):
        values = {"access_expires_at": None} if is_expired else {"sealed_access_token": "", "access_expires_at": None}
        Connection.objects.update(**values)
    with _keys(NEW):
        _look(scene)
        assert _mirror(scene)["error"]["code"] == tokens.KEY_MISSING
    _look(scene)
    assert _mirror(scene)["error"] is None


def test_probe_and_doctor_name_a_missing_and_a_changed_key(scene: Scene) -> None:
    assert _ready() == (200, "ok")
    [(name, _key)] = settings.ENCRYPTION_KEYS
    for held, words in (((NEW,), "put it back"), (((name, os.urandom(32)),), "is not the one that sealed")):
        with _keys(*held):
            assert _ready() == (503, "encryption keys do not fit")
            [found] = [row for row in doctor.examine() if row.what == "Encryption keys"]
            assert not found.is_good and words in found.says and f"“{name}”" in found.says
            assert any("key" in row.says and not row.is_good for row in doctor.examine() if "@" in row.what)
            with pytest.raises(readiness.NotReady):
                readiness.prove_keys_at_start()
    assert _ready() == (200, "ok")


def test_a_rotation_ends_the_need_for_the_old_key(scene: Scene) -> None:
    old = settings.ENCRYPTION_KEYS[0]
    with _keys(NEW, old):
        readiness.prove_keys_at_start()
        with tenant(scene.alice.account_id):
            assert tokens.reseal_all(scene.alice.account_id) == 1
        keyring.drop_all_but_active()
    with _keys(NEW):
        assert _ready() == (200, "ok")
        scene.create("After the rotation")
        assert _mirror(scene)["error"] is None
    assert _ready()[0] == 503


def test_a_key_used_before_there_were_proofs_is_proven_by_a_credential(scene: Scene) -> None:
    [(name, _key)] = settings.ENCRYPTION_KEYS
    KeyProof.objects.update(sealed="")
    with _keys((name, os.urandom(32))), pytest.raises(readiness.NotReady):
        readiness.prove_keys_at_start()
    assert KeyProof.objects.get().sealed == ""
    readiness.prove_keys_at_start()
    assert KeyProof.objects.get().sealed != ""


def test_a_lost_key_is_forgotten_and_its_accounts_reconnect_without_a_double(scene: Scene) -> None:
    scene.create("Kept")
    [(name, _key)] = settings.ENCRYPTION_KEYS
    with _keys(NEW):
        assert keyring.forget(name) == 1
        readiness.prove_keys_at_start()
        with tenant(scene.alice.account_id):
            assert Connection.objects.get().state == "reconnect_needed"
            assert "lost the key" in OutgoingMail.objects.get(subject__startswith="Reconnect needed").body
        scene.google.connect(scene.alice, scene.connection.email)
        scene.google.settle()
        scene.create("After")
        assert sorted(row["summary"] for row in scene.here()) == ["After", "Kept"]
        scene.assert_equal()


def test_the_migration_names_the_keys_of_every_account(cast: Cast) -> None:
    from importlib import import_module

    from django.apps import apps

    for actor, key in ((cast.alice, "k1"), (cast.charlie, "k2")):
        with tenant(actor.account_id):
            Connection(sub=key, email="a@b.example", sealed_refresh_token=f"{key}.x", sealed_access_token="k3.y").save()
    step = import_module("conversa_calendar.connections.migrations.0005_key_proof")
    with database.schema_editor() as editor:
        step.name_keys(apps, editor)
    assert sorted(KeyProof.objects.values_list("key_id", flat=True)) == ["k1", "k2", "k3"]
