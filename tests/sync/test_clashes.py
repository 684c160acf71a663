"""Two transactions that wait for each other: PostgreSQL ends one, which then is tried again."""

import threading
from typing import Any

import pytest
from django.db import OperationalError, connection

from conversa_calendar.accounts import tenancy
from conversa_calendar.calendars.models import Event
from conversa_calendar.sync import checks, running
from conversa_calendar.sync.links import linking
from conversa_calendar.sync.models import DeepCheck, Mirror
from conversa_calendar.sync.run import leases, triggers
from tests.sync.conftest import Scene


def test_a_persons_edit_and_a_run_that_wait_for_each_other_both_get_through(scene: Scene) -> None:
    uuid = scene.create("Standup")["id"]
    account_id = scene.alice.account_id
    lease = leases.take(scene.mirror.pk)
    assert lease is not None
    meeting, turns = threading.Barrier(2), {"person": 0, "run": 0}

    def meet(who: str) -> None:
        turns[who] += 1
        if turns[who] == 1:
            meeting.wait(10)

    def person() -> None:
        Event.objects.select_for_update(of=("self",)).get(uuid=uuid)
        meet("person")
        triggers.request_runs([scene.mirror.pk], is_pull=False)

    def run() -> None:
        leases.confirm(lease)
        meet("run")
        Event.objects.filter(uuid=uuid).update(sync_message="seen")

    def in_thread(work: object) -> None:
        try:
            tenancy.in_tenant(account_id, work)  # type: ignore[arg-type]
        finally:
            connection.close()

    threads = [threading.Thread(target=in_thread, args=[work]) for work in (person, run)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(turns.values()) == 3, "one of them was ended and came again"
    with tenancy.tenant(account_id):
        assert Event.objects.get(uuid=uuid).sync_message == "seen"


def test_a_run_that_gave_way_is_tried_again_in_a_moment(scene: Scene, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    class Ended(Exception):
        sqlstate = "40P01"

    def clash(*args: object) -> None:
        raise OperationalError("deadlock detected") from Ended()

    scene.google.check()
    triggers.request_runs([scene.mirror.pk], is_pull=True)
    monkeypatch.setattr(running, "_run", clash)
    running.run(scene.mirror.pk)
    assert leases.due() == []
    monkeypatch.undo()
    scene.google.settle()
    scene.assert_equal()


def test_an_edit_that_commits_while_a_page_is_applied_is_not_overwritten(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = scene.create("before")
    scene.ana.patch(scene.remote_id(made["id"]), location="Attic")
    plain = linking.compare

    def edit() -> None:
        try:
            scene.alice.patch(f"events/{made['id']}", {"summary": "typed meanwhile"})
        finally:
            connection.close()

    person = threading.Thread(target=edit)

    def slow(*args: Any, **kwargs: Any) -> Any:
        if not person.ident:
            person.start()
            person.join(timeout=1.0)
        return plain(*args, **kwargs)

    monkeypatch.setattr(linking, "compare", slow)
    scene.google.check()
    person.join()
    scene.google.settle()
    (shown,) = scene.here()
    assert (shown["summary"], shown["location"]) == ("typed meanwhile", "Attic")
    scene.assert_equal()


def test_a_deep_check_whose_report_gave_way_is_answered_all_the_same(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Ended(Exception):
        sqlstate = "40P01"

    plain, turns = checks._report, []

    def clash_once(mirror: Mirror, report: DeepCheck) -> None:
        turns.append(report.pk)
        if len(turns) == 1:
            raise OperationalError("deadlock detected") from Ended()
        plain(mirror, report)

    scene.create("Standup")
    monkeypatch.setattr(checks, "_report", clash_once)
    answer = scene.alice.call("POST", f"mirrors/{scene.mirror.uuid}/check")
    assert answer.status_code == 200 and answer.json()["equal"] == 1
