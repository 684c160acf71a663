"""Frugal and fair: what may be asked of Google when, and what waits says so and goes on by itself."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from procrastinate.contrib.django.models import ProcrastinateJob

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.connections.models import Breaker, Disconnect, Grant
from conversa_calendar.kit import clock
from conversa_calendar.sync import checks, running, tasks
from conversa_calendar.sync.explain import doctor
from conversa_calendar.sync.mirrors import asking, channels, disconnecting, selection
from conversa_calendar.sync.models import Link, MirrorRun
from conversa_calendar.sync.push import planning
from conversa_calendar.sync.run import budget, halting, leases, session, triggers
from conversa_calendar.sync.run.budget import Rank
from conversa_calendar.sync.running import Ended
from tests.support.google import at
from tests.sync.conftest import ANA, Scene

TIMES = {"start": {"date_time": "2026-12-01T09:00:00-03:00", "time_zone": "America/Sao_Paulo"}}


def _make(scene: Scene, summary: str) -> str:
    return str(scene.alice.post("events", {"calendar": scene.calendar, "summary": summary, **TIMES})["id"])


def _error(scene: Scene) -> str:
    found = scene.alice.get(f"mirrors/{scene.mirror.uuid}")["error"]
    return str(found["code"]) if found else ""


def _use_up(scene: Scene, units: int) -> None:
    """Somebody's run has just used so many units of this Google user."""
    lease = leases.take(scene.mirror.pk)
    assert lease is not None
    with tenant(lease.account_id):
        session.load(lease)
    lease.spent = units
    leases.release(lease, has_pulled=False, is_done=True)


@pytest.mark.parametrize(
    ("used", "allowed"),
    [
        (0, {Rank.BACKFILL, Rank.TIMER, Rank.NEWS, Rank.EDIT}),
        (72, {Rank.TIMER, Rank.NEWS, Rank.EDIT}),
        (88, {Rank.NEWS, Rank.EDIT}),
        (97, {Rank.EDIT}),
        (100, set()),
    ],
)
def test_what_people_wait_for_goes_on_longest(used: int, allowed: set[Rank]) -> None:
    with override_settings(GOOGLE_UNITS_A_MINUTE=1000, GOOGLE_UNITS_A_USER_MINUTE=100):
        assert {rank for rank in Rank if budget.room(rank, 0, used) > 0} == allowed
        assert {rank for rank in Rank if budget.room(rank, used * 10, 0) > 0} == allowed


def test_a_job_is_ahead_by_rank_and_then_by_how_little_its_account_has_waiting() -> None:
    queue = sorted((-budget.priority(rank, waiting), rank, waiting) for rank in Rank for waiting in (1, 40, 5000))
    assert [(rank, waiting) for _place, rank, waiting in queue][:4] == [
        (Rank.EDIT, 1),
        (Rank.EDIT, 40),
        (Rank.EDIT, 5000),
        (Rank.NEWS, 1),
    ]


def test_an_edit_without_room_waits_unsent_and_goes_out_by_itself(scene: Scene) -> None:
    with override_settings(GOOGLE_UNITS_A_USER_MINUTE=20):
        _use_up(scene, 20)
        mark = scene.google.mark()
        event = _make(scene, "Walk")
        scene.google.settle_once()
        assert scene.google.journal(mark) == [] and _error(scene) == "budget"
        with tenant(scene.alice.account_id):
            assert not Link.objects.filter(event__uuid=event).exists(), "nothing is intended that does not leave"
            run = MirrorRun.objects.get(mirror_id=scene.mirror.pk)
        assert run.next_attempt_at is not None
        assert run.next_attempt_at - clock.now() < timedelta(seconds=2 * budget.WAIT_S)
        MirrorRun.objects.update(usage_minute=0)  # the minute has passed
        scene.google.settle()
        assert [item["summary"] for item in scene.ana.list()] == ["Walk"] and _error(scene) == ""


def test_many_edits_are_spread_over_the_minutes_and_each_is_written_once(scene: Scene) -> None:
    with override_settings(GOOGLE_UNITS_A_USER_MINUTE=60):
        MirrorRun.objects.update(usage_minute=0)
        mark = scene.google.mark()
        for number in range(80):
            _make(scene, f"n{number}")
        scene.google.settle_once()
        assert 40 <= len(scene.google.writes(mark)) <= 60
        MirrorRun.objects.update(usage_minute=0, next_attempt_at=None)
        scene.google.settle_once()
        assert sorted(item["summary"] for item in scene.ana.list()) == sorted(f"n{number}" for number in range(80))
        assert len(scene.google.writes(mark)) == 80


def test_what_one_calendar_used_counts_for_the_others_of_its_google_user_only(scene: Scene) -> None:
    other = scene.another_calendar()
    MirrorRun.objects.update(usage_minute=0)
    scene.google.control("accounts", {"email": "ben@acme.example"})
    ben = scene.google.connect(scene.alice, "ben@acme.example")
    apart = scene.google.mirror(scene.alice, ben, "ben@acme.example")
    MirrorRun.objects.update(usage_minute=0)
    _use_up(scene, 250)
    used = {}
    for mirror in (other, apart):
        MirrorRun.objects.filter(mirror_id=mirror.pk).update(next_attempt_at=None)
        lease = leases.take(mirror.pk)
        assert lease is not None
        used[mirror.pk] = (lease.project_used, lease.user_used)
        leases.release(lease, has_pulled=False, is_done=True)
    assert used[other.pk] == (250, 250) and used[apart.pk] == (250, 0)


def test_a_sliding_minute_is_forgotten_little_by_little(scene: Scene) -> None:
    _use_up(scene, 100)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE sync_mirrorrun SET usage_minute = floor(extract(epoch FROM now()) / 60) - 1, units_now = 100"
        )
        cursor.execute("SELECT extract(epoch FROM now())::float8 / 60")
        (minutes,) = cursor.fetchone()
    lease = leases.take(scene.mirror.pk)
    assert lease is not None
    assert lease.user_used == pytest.approx(100 * (1 - minutes % 1), abs=1)


def test_while_google_takes_no_writes_reading_goes_on_and_edits_wait_longer_each_time(scene: Scene) -> None:
    scene.ana.insert(summary="There", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"))
    scene.google.control(
        "faults", {"match": {"method": "POST", "path": "*/events"}, "effect": {"code": "G09"}, "times": 2}
    )
    _make(scene, "Walk")
    scene.google.settle_once()
    with tenant(scene.alice.account_id):
        grant = Grant.objects.get(sub=scene.connection.sub)
    assert grant.writes_paused_until is not None
    first = grant.writes_paused_until - clock.now()
    assert timedelta(minutes=50) < first < timedelta(minutes=70)
    mark = scene.google.mark()
    MirrorRun.objects.update(next_check_at=None, next_attempt_at=None)
    scene.google.settle_once()
    assert {item["summary"] for item in scene.here()} == {"Walk", "There"}
    assert scene.google.writes(mark) == [] and _error(scene) == "writesPaused"
    Grant.objects.update(writes_paused_until=clock.now())
    MirrorRun.objects.update(next_check_at=None, next_attempt_at=None)
    scene.google.settle_once()
    grant.refresh_from_db()
    assert grant.writes_paused_until is not None
    assert grant.writes_paused_until - clock.now() > timedelta(minutes=100), "refused again: twice as long"
    scene.google.settle()
    grant.refresh_from_db()
    assert (grant.pauses, grant.writes_paused_until, _error(scene)) == (0, None, "")
    assert {item["summary"] for item in scene.ana.list()} == {"Walk", "There"}


def test_a_google_user_who_is_to_be_asked_less_is_asked_nothing_by_any_mirror(scene: Scene) -> None:
    other = scene.another_calendar()
    scene.google.control(
        "faults",
        {
            "match": {"method": "GET", "path": f"*/{ANA.replace('@', '*')}/events"},
            "effect": {"code": "G08"},
            "times": 1,
        },
    )
    MirrorRun.objects.filter(mirror_id=scene.mirror.pk).update(next_check_at=None)
    running.run(scene.mirror.pk)
    mark = scene.google.mark()
    MirrorRun.objects.update(next_check_at=None, next_attempt_at=None)
    running.run(other.pk)
    assert scene.google.journal(mark) == []
    scene.google.settle()
    assert _error(scene) == ""


def test_when_google_refuses_the_installation_one_asks_for_all(scene: Scene) -> None:
    other = scene.another_calendar()
    scene.google.control("faults", {"match": {"path": "*/events"}, "effect": {"code": "G11"}, "times": 1})
    MirrorRun.objects.update(next_check_at=None)
    running.run(scene.mirror.pk)
    assert Breaker.objects.get().failures == 1
    mark = scene.google.mark()
    running.run(other.pk)
    assert scene.google.journal(mark) == [], "the others wait"
    with tenant(scene.alice.account_id):
        assert [finding.is_good for finding in doctor.installation() if finding.what == "Google client"] == [False]
    Breaker.objects.update(open_until=clock.now())
    MirrorRun.objects.update(next_check_at=None, next_attempt_at=None)
    running.run(other.pk)
    assert not Breaker.objects.exists(), "it closes by itself"


def test_an_event_that_two_programs_keep_changing_is_written_seldom_and_nothing_is_lost(scene: Scene) -> None:
    event = scene.create("Ours")
    remote_id = scene.remote_id(event["id"])
    mark = scene.google.mark()
    turns = planning.WRITES_AN_HOUR_MAX + 10
    for turn in range(turns):
        scene.ana.patch(remote_id, summary=f"Theirs {turn}")
        scene.google.check()
        scene.patch(event["id"], {"summary": f"Ours {turn}"})
    assert len(scene.google.writes(mark)) - turns < planning.WRITES_AN_HOUR_MAX
    other = scene.create("Another", "2026-12-02T09:00:00-03:00")
    assert scene.remote_id(other["id"]), "everything else goes on"
    shown = scene.alice.get(f"events/{event['id']}")["sync"]
    assert shown["state"] == "pending" and "very often" in shown["message"]
    run = MirrorRun.objects.get(mirror_id=scene.mirror.pk)
    assert run.next_check_at is not None and run.next_check_at - clock.now() < timedelta(minutes=61)
    with tenant(scene.alice.account_id):
        Link.objects.update(writes_since=clock.now() - timedelta(hours=1))
    scene.google.check()
    assert {item["summary"] for item in scene.ana.list()} == {f"Ours {turns - 1}", "Another"}
    assert scene.alice.get(f"events/{event['id']}")["sync"]["state"] == "synced"
    scene.assert_equal()


def test_successive_edits_leave_as_one_write(scene: Scene) -> None:
    event = scene.create("One")
    mark = scene.google.mark()
    for turn in range(10):
        scene.patch(event["id"], {"summary": f"Turn {turn}"}, settle=False)
    scene.google.settle()
    assert len(scene.google.writes(mark)) == 1
    assert [item["summary"] for item in scene.ana.list()] == ["Turn 9"]


def test_a_long_listing_is_handed_to_the_lane_that_is_there_for_it(scene: Scene) -> None:
    with tenant(scene.alice.account_id):
        type(scene.mirror).objects.filter(pk=scene.mirror.pk).update(cursor="", listing="", page="")
    triggers.request_runs([scene.mirror.pk], is_pull=True)
    mark = scene.google.mark()
    assert running.run(scene.mirror.pk, may_backfill=False) is Ended.HANDED_OVER
    assert scene.google.journal(mark) == []
    for _minute in range(3):
        tasks.run_mirror(mirror_id=scene.mirror.pk)
    [job] = ProcrastinateJob.objects.filter(queue_name=tasks.BACKFILL_QUEUE, status="todo")
    assert job.task_name.endswith("backfill") and job.args == {"mirror_id": scene.mirror.pk}
    tasks.backfill(mirror_id=scene.mirror.pk)
    assert MirrorRun.objects.get(mirror_id=scene.mirror.pk).next_attempt_at is None
    assert not leases.due()
    assert checks.deep_check(scene.mirror.pk) is not None


def test_edits_get_ahead_of_checks_in_the_queue(scene: Scene) -> None:
    triggers.request_runs([scene.mirror.pk], is_pull=True)
    _make(scene, "Walk")
    jobs = ProcrastinateJob.objects.filter(queue_name=tasks.RUN_QUEUE, status="todo").order_by("-priority", "id")
    ranks = [-(-job.priority // (budget.FAIR_MAX + 1)) for job in jobs]
    assert ranks[0] == Rank.EDIT and Rank.NEWS in ranks


def test_an_operator_lets_everything_rest_and_go_on_with_all_that_waits(scene: Scene) -> None:
    halting.pause()
    mark = scene.google.mark()
    event = _make(scene, "Walk")
    scene.ana.insert(summary="There", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"))
    MirrorRun.objects.update(next_check_at=None)
    for _turn in range(3):
        MirrorRun.objects.update(next_attempt_at=None)
        scene.google.settle_once()
        channels.ensure_open(scene.mirror.pk)
    asked = [entry for entry in scene.google.journal(mark) if entry["email"] == ANA and entry["method"] != "POST"]
    assert asked == [] and scene.alice.get(f"mirrors/{scene.mirror.uuid}")["state"] == "paused"
    assert [finding.what for finding in doctor.installation() if "operator paused" in finding.says] == ["Sync"]
    assert scene.alice.get(f"events/{event}")["sync"]["state"] == "pending"
    assert halting.resume() == 1
    scene.google.settle()
    scene.google.check()
    scene.assert_equal()
    assert scene.alice.get(f"mirrors/{scene.mirror.uuid}")["state"] in {"polling", "live"}


def test_a_run_under_way_stores_nothing_once_the_operator_lets_everything_rest(scene: Scene) -> None:
    lease = leases.take(scene.mirror.pk)
    assert lease is not None
    halting.pause()
    with tenant(lease.account_id), pytest.raises(leases.FenceLost):
        leases.confirm(lease)


def test_a_quiet_check_counts_its_units_in_the_statements_that_it_needs_anyway(scene: Scene) -> None:
    MirrorRun.objects.update(next_check_at=None, usage_minute=0)
    mark = scene.google.mark()
    with CaptureQueriesContext(connection) as seen:
        running.run(scene.mirror.pk)
    statements = [
        query["sql"] for query in seen if not query["sql"].startswith(("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE"))
    ]
    needed = [text for text in statements if "bookings_bookingpage" in text]
    assert len(needed) == 1, "a polled mirror asks once whether visitors rely on it"
    assert len(statements) - len(needed) <= 10, "\n".join(" ".join(text.split())[:140] for text in statements)
    assert len(scene.google.journal(mark)) == 1
    run = MirrorRun.objects.get()
    assert (run.units_now, run.grant_id) == (1, Grant.objects.get().pk)


def _asked(scene: Scene, day: datetime) -> set[str]:
    calendars = [scene.mirror.calendar_id]
    answers = asking.ask_busy(
        scene.alice.account_id, calendars, day, day + timedelta(days=1), None, lambda *_event: True
    )
    return set(answers.values())


def test_what_is_asked_outside_of_runs_counts_too(scene: Scene) -> None:
    MirrorRun.objects.update(usage_minute=0)
    day = datetime(2026, 12, 3, tzinfo=UTC)
    assert _asked(scene, day) == {"free"}
    assert MirrorRun.objects.get().units_now == 1
    selection.rehearse(scene.alice.account_id, scene.connection, [{"google_id": ANA}])
    assert MirrorRun.objects.get().units_now == 2


def test_without_room_a_visitor_hears_that_google_could_not_be_asked_and_a_channel_waits(scene: Scene) -> None:
    day = datetime(2026, 12, 3, tzinfo=UTC)
    with override_settings(GOOGLE_UNITS_A_USER_MINUTE=20, PUBLIC_URL="https://desk.example"):
        _use_up(scene, 200)
        mark, used = scene.google.mark(), MirrorRun.objects.get().units_now
        assert _asked(scene, day) == {"unknown"}
        channels.ensure_open(scene.mirror.pk)
        assert scene.google.journal(mark) == [] and MirrorRun.objects.get().units_now == used
        MirrorRun.objects.update(usage_minute=0)
        channels.ensure_open(scene.mirror.pk)
        assert [entry["method"] for entry in scene.google.journal(mark)] == ["POST"]
        assert MirrorRun.objects.get().units_now == 1


def test_a_disconnect_without_room_waits_and_clears_everything_away_later(scene: Scene) -> None:
    scene.create("Ours")
    with override_settings(GOOGLE_UNITS_A_USER_MINUTE=20):
        _use_up(scene, 200)
        mark = scene.google.mark()
        scene.alice.call("DELETE", f"connections/{scene.connection.uuid}?calendars=purge")
        with tenant(scene.alice.account_id):
            record = Disconnect.objects.get()
        disconnecting.advance(scene.alice.account_id, record.pk)
        assert scene.google.writes(mark) == [] and len(scene.ana.list()) == 1
        MirrorRun.objects.update(usage_minute=0)
        with tenant(scene.alice.account_id):
            Disconnect.objects.update(next_attempt_at=None)
        disconnecting.advance(scene.alice.account_id, record.pk)
    assert scene.google.person(ANA).list() == []
    with tenant(scene.alice.account_id):
        assert Disconnect.objects.exclude(finished_at=None).exists()
