"""What grows with an account is done in bounded pieces, and nobody waits for ever behind what never ends."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import Event
from conversa_calendar.kit import clock
from conversa_calendar.sync.links import whereabouts
from conversa_calendar.sync.models import Link, MirrorRun
from conversa_calendar.sync.pull import departing
from conversa_calendar.sync.run import leases, session
from conversa_calendar.sync.run.lock_classes import LockClass
from tests.sync.conftest import Scene

OWN = {"start": {"date": "2026-12-01"}, "end": {"date": "2026-12-02"}}


@contextmanager
def _arriving(account_id: int) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    """Somebody else is storing what arrives in the account."""
    values = settings.DATABASES["default"]
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    options = {name: values[key] for name, key in names.items() if values[key]}
    with psycopg.connect(**options) as other:
        other.execute("SELECT pg_advisory_xact_lock_shared(%s, %s)", [LockClass.ARRIVALS.value, account_id % 2**31])
        yield other


def _run(scene: Scene) -> None:
    for _attempt in range(3):
        MirrorRun.objects.update(next_check_at=None, next_attempt_at=None)
        scene.google.settle_once()


def test_a_removal_behind_an_endless_stream_of_arrivals_is_carried_out_in_the_end(scene: Scene) -> None:
    scene.another_calendar()
    made = scene.create("Gone")
    scene.ana.delete(scene.remote_id(made["id"]))
    with _arriving(scene.alice.account_id):
        _run(scene)
    assert len(scene.here()) == 1, "what arrives comes first"
    with tenant(scene.alice.account_id):
        Link.objects.filter(asked_at__isnull=False).update(asked_at=clock.now() - timedelta(minutes=3))
    with _arriving(scene.alice.account_id) as other:
        ending = threading.Timer(1.0, other.commit)
        ending.start()
        MirrorRun.objects.update(next_check_at=None, next_attempt_at=None)
        scene.google.settle_once()
        ending.join()
    assert scene.here() == [], "a late one takes its place in the queue"


def test_a_late_removal_does_not_wait_for_ever_for_what_arrives(scene: Scene) -> None:
    scene.another_calendar()
    made = scene.create("Gone")
    scene.ana.delete(scene.remote_id(made["id"]))
    with _arriving(scene.alice.account_id):
        _run(scene)
        with tenant(scene.alice.account_id):
            Link.objects.filter(asked_at__isnull=False).update(asked_at=clock.now() - timedelta(minutes=3))
        MirrorRun.objects.update(next_check_at=None, next_attempt_at=None)
        scene.google.settle_once()
    assert len(scene.here()) == 1
    scene.google.check()
    assert scene.here() == []


def test_many_deletions_approved_at_once_are_carried_out_in_bounded_transactions(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(departing, "CARRIED_OUT_MAX", 10)
    for number in range(25):
        scene.ana.insert(summary=f"e{number}", **OWN)
    scene.google.check()
    for event in scene.ana.list():
        scene.ana.delete(event["id"])
    scene.google.check()
    scene.alice.post(f"mirrors/{scene.mirror.uuid}/held", {"action": "approve"})
    with CaptureQueriesContext(connection) as captured:
        scene.google.settle()
    locks = '"calendars_event"."id" = '
    each = [0]
    for query in captured.captured_queries:
        if query["sql"].startswith(("BEGIN", "SAVEPOINT")):
            each.append(0)
        each[-1] += "FOR UPDATE OF" in query["sql"] and locks in query["sql"]
    assert sum(each) >= 25 and max(each) <= 10
    assert scene.here() == []


def test_however_much_waits_only_so_much_of_it_is_looked_at_after_a_listing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = scene.another_calendar()
    for number in range(30):
        scene.ana.insert(summary=f"e{number}", **OWN)
    scene.google.check()
    with tenant(scene.alice.account_id):
        links = Link.objects.filter(mirror=scene.mirror)
        links.update(remote_deleted_at=clock.now(), asked_at=leases.now() - timedelta(seconds=5))
        assert links.count() == 30
    monkeypatch.setattr(whereabouts, "LOOKED_AT_MAX", 7)
    looked: list[int] = []
    plain = whereabouts.Surroundings.is_known

    def counted(self: whereabouts.Surroundings, link: Link) -> bool:
        looked.append(link.pk)
        return plain(self, link)

    monkeypatch.setattr(whereabouts.Surroundings, "is_known", counted)
    MirrorRun.objects.filter(mirror_id=other.pk).update(next_check_at=None)
    lease = leases.take(other.pk)
    assert lease is not None
    with tenant(scene.alice.account_id):
        current = session.load(lease)
    whereabouts.wake_waiting(current)
    assert current.is_awaited and len(looked) == 7
    with tenant(scene.alice.account_id):
        assert Event.objects.filter(deleted_at=None).count() == 30
