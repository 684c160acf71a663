"""One slow Google account delays nobody else: who may use a worker's threads, and what a slow Google is asked."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

import pytest
from django.db import OperationalError, connection
from procrastinate.contrib.django.models import ProcrastinateJob

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.cli import working
from conversa_calendar.connections import discovery, gateway
from conversa_calendar.connections.models import Disconnect, Grant
from conversa_calendar.kit import clock
from conversa_calendar.providers.google.transport import HttpTransport, Request, Response
from conversa_calendar.providers.protocol import OutcomeUnknown
from conversa_calendar.sync import running, tasks
from conversa_calendar.sync.explain import questions
from conversa_calendar.sync.mirrors import asking
from conversa_calendar.sync.models import Mirror, MirrorRun
from conversa_calendar.sync.run import seats, session, slowness, triggers
from conversa_calendar.sync.run.lock_classes import LockClass
from tests.support.google import InProcess
from tests.support.processes import until
from tests.support.worker import gated, working_lane
from tests.sync.conftest import Scene

TIMES = {"start": {"date": "2026-12-01"}, "end": {"date": "2026-12-02"}}
OLGA = "olga@other.example"


def _make(scene: Scene, summary: str) -> None:
    scene.alice.post("events", {"calendar": scene.calendar, "summary": summary, **TIMES})


def _of(mirrors: list[Mirror]) -> set[str]:
    return {mirror.remote_id for mirror in mirrors}


def _asks_for(request: Request, ids: set[str]) -> bool:
    return "/events" in request.url and any(f"/calendars/{name}/" in unquote(request.url) for name in ids)


def _passed_over() -> int:
    return MirrorRun.objects.exclude(passed_over_at=None).count()


def _empty_queue() -> None:
    """What setting the scene has left there would be done first."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM procrastinate_jobs")


def _is_all_done() -> bool:
    rows = list(MirrorRun.objects.all())
    return all(run.wanted == run.done and run.pull_wanted == run.pull_done for run in rows)


def _others_edit_goes_out(scene: Scene, calendar: str) -> None:
    """Charlie, of another account, saves an event, and it is at Google."""
    scene.cast.charlie.post("events", {"calendar": calendar, "summary": "Quick", **TIMES})
    olga = scene.google.person(OLGA)
    until(lambda: [item["summary"] for item in olga.list()] == ["Quick"])


@pytest.fixture
def quick(scene: Scene) -> str:
    """A calendar here of another account, mirrored with another Google user's."""
    scene.google.world.add_account(OLGA, time_zone="UTC")
    charlie = scene.cast.charlie
    mirror = scene.google.mirror(charlie, scene.google.connect(charlie, OLGA), OLGA)
    return str(mirror.calendar.uuid)


@pytest.fixture
def later() -> Iterator[Callable[[], None]]:
    """Lets some seconds pass for everybody, while who waits at a gate goes on waiting."""
    yield lambda: clock.use(steady=lambda: time.monotonic() + 2 * seats.LONG_S)
    clock.use()


def test_while_one_google_account_does_not_answer_anothers_edit_goes_out_at_once(scene: Scene, quick: str) -> None:
    mirrors = [scene.mirror, *(scene.another_calendar(name) for name in "BCDEF")]
    ids = _of(mirrors)
    _empty_queue()
    triggers.request_runs([mirror.pk for mirror in mirrors], is_pull=True)
    with gated(scene.google, lambda request: _asks_for(request, ids)) as gate, working_lane(seats.RUNS):
        gate.wait_for(4)
        until(lambda: _passed_over() == 2)
        _others_edit_goes_out(scene, quick)
        assert (gate.inside, gate.most) == (4, 4), "four of eight threads are this Google user's, for once"
        gate.open()
        until(_is_all_done)  # no dispatcher runs: each one passed over is woken by who was before it
    assert gate.most == 4 and _passed_over() == 0


def test_a_google_account_whose_answers_take_long_has_a_quarter_of_the_threads(
    scene: Scene, quick: str, later: Callable[[], None]
) -> None:
    others = [scene.another_calendar(name) for name in "BCDE"]
    ids = _of([scene.mirror, *others])
    _empty_queue()
    triggers.request_runs([scene.mirror.pk], is_pull=True)
    with gated(scene.google, lambda request: _asks_for(request, ids)) as gate, working_lane(seats.RUNS):
        gate.wait_for(1)
        later()
        triggers.request_runs([mirror.pk for mirror in others], is_pull=True)
        gate.wait_for(2)
        until(lambda: _passed_over() == 3)
        _others_edit_goes_out(scene, quick)
        assert gate.most == 2
        gate.open()
        until(_is_all_done)
    assert _passed_over() == 0


def test_an_account_whose_google_users_all_do_not_answer_leaves_half_of_the_threads(
    scene: Scene, quick: str, later: Callable[[], None]
) -> None:
    mirrors = [scene.mirror, scene.another_calendar()]
    for name in ("ben", "cleo"):
        email = f"{name}@acme.example"
        person = scene.google.person(email)
        second = person.call("POST", "calendars", {"summary": name, "timeZone": "UTC"})["id"]
        found = scene.google.connect(scene.alice, email)
        mirrors += [scene.google.mirror(scene.alice, found, google_id) for google_id in (email, second)]
    ids = _of(mirrors)
    _empty_queue()
    triggers.request_runs([scene.mirror.pk], is_pull=True)
    with gated(scene.google, lambda request: _asks_for(request, ids)) as gate, working_lane(seats.RUNS):
        gate.wait_for(1)
        later()
        triggers.request_runs([mirror.pk for mirror in mirrors[1:]], is_pull=True)
        gate.wait_for(4)
        until(lambda: _passed_over() == 2)
        _others_edit_goes_out(scene, quick)
        assert gate.most == 4
        gate.open()
        until(_is_all_done)
    assert _passed_over() == 0


def test_a_google_user_who_is_answered_slowly_is_asked_by_one_run_at_a_time(scene: Scene, quick: str) -> None:
    mirrors = [scene.mirror, *(scene.another_calendar(name) for name in "BC")]
    ids = _of(mirrors)
    Grant.objects.filter(sub=scene.connection.sub).update(slow_since=clock.now(), slow_runs=1)
    _empty_queue()
    triggers.request_runs([mirror.pk for mirror in mirrors], is_pull=True)
    with gated(scene.google, lambda request: _asks_for(request, ids)) as gate, working_lane(seats.RUNS):
        gate.wait_for(1)
        until(lambda: _passed_over() == 2)
        _others_edit_goes_out(scene, quick)
        assert gate.most == 1
        gate.open()
        until(_is_all_done)
    assert Grant.objects.get(sub=scene.connection.sub).slow_since is None


def test_of_those_passed_over_a_persons_edit_is_woken_first(scene: Scene) -> None:
    others = [scene.another_calendar(name) for name in "BCDE"]
    triggers.request_runs([mirror.pk for mirror in others], is_pull=True)
    _make(scene, "Walk")
    party = seats.Party(scene.alice.account_id, Grant.objects.get(sub=scene.connection.sub).pk, False)
    sitting = [seats.RUNS.take_seat(party.claims) for _four in range(4)]
    try:
        for mirror in (*others, scene.mirror):
            tasks.run_mirror(mirror_id=mirror.pk)
        assert _passed_over() == 5
        woken = seats.next_waiting(seats.RUNS, party)
        assert len(woken) == seats.WAKES and scene.mirror.pk in {found.mirror_id for found in woken}
    finally:
        for since_s in sitting:
            assert since_s is not None
            seats.RUNS.free_seat(party.claims, since_s)


def test_a_seat_is_free_again_when_the_database_could_not_give_a_turn(scene: Scene) -> None:
    """A restart of the database at that moment would have locked the Google user out of this worker for good."""
    Grant.objects.update(slow_since=clock.now())
    MirrorRun.objects.update(grant_id=Grant.objects.get(sub=scene.connection.sub).pk)

    def refuse(execute: Any, query: str, *rest: Any) -> Any:
        if "pg_try_advisory_lock" in query:
            raise OperationalError("the database went away")
        return execute(query, *rest)

    for _time in range(2 * seats.RUNS.threads):
        with (
            connection.execute_wrapper(refuse),
            pytest.raises(OperationalError),
            seats.seat(seats.RUNS, scene.mirror.pk),
        ):
            pass
    with seats.seat(seats.RUNS, scene.mirror.pk) as party:
        assert party is not None and party.is_slow


class Tired:
    """A Transport over the emulator whose answers take `delay_s` of a clock that only it moves."""

    is_concurrent = False

    def __init__(self, scene: Scene) -> None:
        self.inner = InProcess(scene.google.app.test_client())
        self.delay_s = self.passed_s = 0.0
        self.deadlines: list[float] = []

    def send(self, request: Request) -> Response:
        self.deadlines.append(request.deadline_s)
        self.passed_s += min(self.delay_s, request.deadline_s)
        if self.delay_s >= request.deadline_s:
            raise OutcomeUnknown("too late", reason="slow")
        return self.inner.send(request)


@contextmanager
def _tired(scene: Scene) -> Iterator[Tired]:
    tired = Tired(scene)
    gateway.use(tired)
    clock.use(steady=lambda: tired.passed_s)
    try:
        yield tired
    finally:
        clock.use()
        gateway.use(tired.inner)


def _run(scene: Scene) -> None:
    MirrorRun.objects.update(next_check_at=None, next_attempt_at=None)
    running.run(scene.mirror.pk)


def _says(scene: Scene) -> str:
    found = scene.alice.get(f"mirrors/{scene.mirror.uuid}")["error"]
    return str(found["code"]) if found else ""


def test_google_that_does_not_answer_is_asked_seldom_and_shortly_and_the_card_says_so(scene: Scene) -> None:
    with _tired(scene) as tired:
        tired.delay_s = 30.0
        _run(scene)
        grant = Grant.objects.get(sub=scene.connection.sub)
        assert grant.slow_since is not None and _says(scene) == "slow"
        assert "Google answers slowly" in scene.alice.browser().get("/connections").content.decode()
        with tenant(scene.alice.account_id):
            assert any("slowly since" in finding.says for finding in questions.updates_stopped())
        asked = len(tired.deadlines)
        _run(scene)
        assert len(tired.deadlines) == asked, "it rests"
        Grant.objects.update(slow_until=None)
        _run(scene)
        assert tired.deadlines[asked:] == [session.SHORT_DEADLINE_S]
        again = Grant.objects.get(sub=scene.connection.sub)
        assert again.slow_since == grant.slow_since and again.slow_until is not None
        assert again.slow_until - clock.now() > timedelta(seconds=1.2 * slowness.PAUSE_S), "longer each time"
        tired.delay_s = 0.1
        Grant.objects.update(slow_until=None)
        _run(scene)
        assert Grant.objects.get(sub=scene.connection.sub).slow_since is None and _says(scene) == ""


def test_a_quick_answer_wakes_those_who_waited_for_it_and_nobody_who_rests_for_another_reason(scene: Scene) -> None:
    slow, broken = scene.another_calendar("B"), scene.another_calendar("C")
    later = clock.now() + timedelta(minutes=10)
    with tenant(scene.alice.account_id):
        Mirror.objects.filter(pk=slow.pk).update(error_code=slowness.CODE)
        Mirror.objects.filter(pk=broken.pk).update(error_code="backendError")
    Grant.objects.update(slow_since=clock.now(), slow_runs=1)
    MirrorRun.objects.update(next_attempt_at=None, next_check_at=None)
    MirrorRun.objects.filter(mirror_id__in=[slow.pk, broken.pk]).update(next_attempt_at=later)
    running.run(scene.mirror.pk)
    assert Grant.objects.get(sub=scene.connection.sub).slow_since is None
    waiting = dict(MirrorRun.objects.values_list("mirror_id", "next_attempt_at"))
    assert waiting[slow.pk] is None and waiting[broken.pk] == later
    with tenant(scene.alice.account_id):
        assert Mirror.objects.get(pk=broken.pk).error_code == "backendError"


def test_an_edit_does_not_wait_until_a_slow_google_is_quicker_and_has_the_whole_deadline(scene: Scene) -> None:
    with _tired(scene) as tired:
        tired.delay_s = 13.0
        _run(scene)
        _make(scene, "Walk")
        asked = len(tired.deadlines)
        running.run(scene.mirror.pk)
        assert set(tired.deadlines[asked:]) == {gateway.DEADLINE_S}
        assert [item["summary"] for item in scene.ana.list()] == ["Walk"]
        assert Grant.objects.get(sub=scene.connection.sub).slow_runs == 2, "still slow, and said"
        assert _says(scene) in {"slow", ""}


def test_answers_that_always_come_just_after_the_short_deadline_are_waited_for_now_and_then(scene: Scene) -> None:
    scene.ana.insert(summary="There", start={"date": "2026-12-03"}, end={"date": "2026-12-04"})
    with _tired(scene) as tired:
        tired.delay_s = 14.0
        for _turn in range(session.WHOLE_EVERY + 1):
            Grant.objects.update(slow_until=None)
            _run(scene)
    assert [item["summary"] for item in scene.here()] == ["There"]


@pytest.mark.parametrize(
    ("calls", "has_timed_out", "expected"),
    [
        ([], False, False),
        ([], True, True),
        ([0.1] * 50, True, True),
        ([11.0], False, True),
        ([0.2] * 19 + [11.0], False, False),
        ([0.2] * 18 + [11.0] * 2, False, True),
        ([9.9] * 20, False, False),
    ],
)
def test_slow_is_what_one_call_in_twenty_or_a_single_time_out_says(
    calls: list[float], has_timed_out: bool, expected: bool
) -> None:
    assert slowness.is_slow(calls, has_timed_out=has_timed_out) is expected


def _asked(scene: Scene, day: datetime) -> set[str]:
    calendars = [scene.mirror.calendar_id]
    answers = asking.ask_busy(
        scene.alice.account_id, calendars, day, day + timedelta(days=1), None, lambda *_event: True
    )
    return set(answers.values())


def test_a_visitor_does_not_wait_for_a_google_that_is_known_to_be_slow(scene: Scene) -> None:
    day = datetime(2026, 12, 3, tzinfo=UTC)
    Grant.objects.update(slow_since=clock.now())
    mark = scene.google.mark()
    assert _asked(scene, day) == {"unknown"}
    assert scene.google.journal(mark) == []
    Grant.objects.update(slow_since=None)
    assert _asked(scene, day) == {"free"}


def test_a_long_listing_that_finds_no_thread_goes_on_when_there_is_one(scene: Scene) -> None:
    other = scene.another_calendar()
    claims = seats.Party(scene.alice.account_id, None, False).claims
    since_s = seats.BACKFILLS.take_seat(claims)
    assert since_s is not None
    try:
        tasks.backfill(mirror_id=other.pk)
        tasks.deep_check(mirror_id=scene.mirror.pk)
    finally:
        seats.BACKFILLS.free_seat(claims, since_s)
    jobs = ProcrastinateJob.objects.filter(queue_name=tasks.BACKFILL_QUEUE, status="todo")
    [check] = jobs
    assert check.task_name.endswith("deep_check") and check.scheduled_at > clock.now()
    MirrorRun.objects.filter(mirror_id=other.pk).update(passed_over_at=clock.now())
    tasks.deep_check(mirror_id=scene.mirror.pk)
    assert jobs.filter(task_name__endswith="backfill", args={"mirror_id": other.pk}).count() == 1
    assert MirrorRun.objects.filter(mirror_id=scene.mirror.pk, passed_over_at=None).exists()


def test_disconnects_that_google_holds_up_leave_threads_to_the_dispatcher(scene: Scene) -> None:
    scene.alice.call("DELETE", f"connections/{scene.connection.uuid}?calendars=keep")
    with tenant(scene.alice.account_id):
        record = Disconnect.objects.get()
    claims: seats.Claims = {"disconnects": seats.OF_SLOW}
    sitting = [seats.UPKEEP.take_seat(claims) for _two in range(2)]
    assert seats.UPKEEP.take_seat(claims) is None, "half of the lane"
    tasks.disconnect(disconnect_id=record.pk, account_id=scene.alice.account_id)
    with tenant(scene.alice.account_id):
        assert Disconnect.objects.get().step == record.step
    for since_s in sitting:
        assert since_s is not None
        seats.UPKEEP.free_seat(claims, since_s)
    tasks.dispatch(timestamp=0)
    [job] = ProcrastinateJob.objects.filter(task_name__endswith="disconnect", status="todo").order_by("-id")[:1]
    tasks.disconnect(**job.args)
    with tenant(scene.alice.account_id):
        assert Disconnect.objects.get().finished_at is not None


def test_a_calendar_counts_for_its_google_user_before_its_first_run(scene: Scene) -> None:
    other = scene.ana.call("POST", "calendars", {"summary": "B", "timeZone": "UTC"})["id"]
    discovery.refresh(scene.alice.account_id, scene.connection.pk)
    found = scene.alice.put(
        f"connections/{scene.connection.uuid}/calendars/{other.replace('#', '%23')}", {"mirrored": True}
    )
    run = MirrorRun.objects.get(mirror_uuid=found["id"])
    assert run.grant_id == Grant.objects.get(sub=scene.connection.sub).pk


def test_an_answer_that_drips_is_given_up_at_its_deadline() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def drip() -> None:
        peer, _address = server.accept()
        with peer:
            peer.recv(65536)
            peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            try:
                while not stop.wait(0.02):
                    peer.sendall(b"x")
            except OSError:
                return

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    began_s = clock.steady_s()
    url = f"http://127.0.0.1:{server.getsockname()[1]}/"
    try:
        with pytest.raises(OutcomeUnknown):
            HttpTransport().send(Request(method="GET", url=url, headers={}, deadline_s=0.5))
    finally:
        stop.set()
        thread.join(10)
        server.close()
    assert clock.steady_s() - began_s < 5.0


def test_every_job_of_a_worker_has_a_thread_of_its_own() -> None:
    jobs = sum(lane.threads for lane in seats.LANES)
    meeting = threading.Barrier(jobs)
    with working.threads() as pool:
        assert len({job.result() for job in [pool.submit(meeting.wait, 20) for _job in range(jobs)]}) == jobs


@pytest.fixture(autouse=True)
def _eight_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that few calendars fill their share."""
    monkeypatch.setattr(seats.RUNS, "threads", 8)


@pytest.fixture(autouse=True)
def _nobody_keeps_a_turn(db: None) -> Iterator[None]:
    """No advisory lock outlives its job."""
    yield
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = %s", [LockClass.TURN.value]
        )
        assert cursor.fetchone() == (0,)
