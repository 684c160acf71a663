"""The calendar list is watched: what is renamed, recoloured, added or unshared at Google is here within seconds."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection as database
from procrastinate.contrib.django.models import ProcrastinateJob

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import Calendar
from conversa_calendar.connections import discovery
from conversa_calendar.connections.models import Disconnect, DiscoveredCalendar
from conversa_calendar.kit import clock
from conversa_calendar.sync import tasks
from conversa_calendar.sync.mirrors import channels, disconnecting, lists
from conversa_calendar.sync.models import NO_MIRROR, Mirror, MirrorRun, PushChannel
from conversa_calendar.sync.run import jobs
from conversa_calendar.sync.run.jobs import Job
from tests.support.google import Google
from tests.sync.conftest import ANA, Scene

BOSS = "boss@acme.example"


def work() -> int:
    """Does the jobs that calendar lists have caused; answers how many."""
    done = {Job.WATCH_LIST: tasks.watch_list, Job.REREAD_LIST: tasks.reread_list}
    rows = list(
        ProcrastinateJob.objects.filter(task_name__in=[str(name) for name in done], status="todo").order_by("id")
    )
    for job in rows:
        done[Job(job.task_name)](**job.args)
    with database.cursor() as cursor:
        query = "UPDATE procrastinate_jobs SET status = 'succeeded' WHERE id = ANY(%s)"
        cursor.execute(query, [[job.pk for job in rows]])
    return len(rows)


@pytest.fixture
def watched(scene: Scene) -> Iterator[Scene]:
    """Ana's list, watched."""
    discovery.refresh(scene.alice.account_id, scene.connection.pk)
    work()
    scene.google.control("notifications/flush")
    work()
    yield scene


def channel() -> PushChannel:
    return PushChannel.objects.get(mirror_id=NO_MIRROR, state="live")


def hear(google: Google) -> None:
    """What Google sends arrives, and what it causes is done."""
    google.control("notifications/flush")
    work()


def listed(scene: Scene, google_id: str = ANA) -> DiscoveredCalendar | None:
    with tenant(scene.alice.account_id):
        return DiscoveredCalendar.objects.filter(connection=scene.connection, remote_id=google_id).first()


def calls(scene: Scene, mark: int) -> list[dict[str, Any]]:
    return [entry for entry in scene.google.journal(mark) if entry["path"].endswith("/calendarList")]


def test_a_calendar_renamed_and_recoloured_at_google_is_so_here_at_once(watched: Scene) -> None:
    with tenant(watched.alice.account_id):
        before = Calendar.objects.get(uuid=watched.calendar).color
    watched.ana.call("PATCH", f"users/me/calendarList/{ANA}", {"summaryOverride": "Ana, renamed"})
    watched.ana.call(
        "PATCH",
        f"users/me/calendarList/{ANA}?colorRgbFormat=true",
        {"backgroundColor": "#aa0011", "foregroundColor": "#ffffff"},
    )
    hear(watched.google)
    shown = watched.alice.get(f"calendars/{watched.calendar}")
    assert (shown["name"], shown["remote_name"]) == ("Ana, renamed", "Ana, renamed")
    assert before != "#aa0011" and shown["color"] == "#aa0011"


def test_a_colour_of_ones_own_stays(watched: Scene) -> None:
    watched.alice.patch(f"calendars/{watched.calendar}", {"color": "#00ff00"})
    body = {"backgroundColor": "#aa0011", "foregroundColor": "#ffffff"}
    watched.ana.call("PATCH", f"users/me/calendarList/{ANA}?colorRgbFormat=true", body)
    hear(watched.google)
    assert watched.alice.get(f"calendars/{watched.calendar}")["color"] == "#00ff00"


def test_a_calendar_added_at_google_can_be_chosen_at_once_and_is_not_mirrored_by_itself(watched: Scene) -> None:
    google_id = watched.ana.call("POST", "calendars", {"summary": "New", "timeZone": "UTC"})["id"]
    assert listed(watched, google_id) is None
    hear(watched.google)
    row = listed(watched, google_id)
    assert row is not None and row.name == "New"
    with tenant(watched.alice.account_id):
        assert Mirror.objects.count() == 1


def test_a_calendar_unshared_at_google_is_said_at_once(watched: Scene) -> None:
    boss = watched.google.person(BOSS)
    shared = boss.call("POST", "calendars", {"summary": "Shared", "timeZone": "UTC"})["id"]
    boss.call("POST", f"calendars/{shared}/acl", {"role": "writer", "scope": {"type": "user", "value": ANA}})
    hear(watched.google)
    mirror = watched.google.mirror(watched.alice, watched.connection, shared)
    boss.call("DELETE", f"calendars/{shared}/acl/user:{ANA}")
    hear(watched.google)
    row = listed(watched, shared)
    assert row is not None and row.missing_since is not None, "it removes nothing"
    for _attempt in range(4):
        MirrorRun.objects.update(next_attempt_at=None)
        watched.google.settle_once()
    assert watched.alice.get(f"mirrors/{mirror.uuid}")["state"] == "unavailable"


def test_many_messages_at_once_cost_one_reading(watched: Scene) -> None:
    for number in range(5):
        watched.ana.call("PATCH", f"users/me/calendarList/{ANA}", {"summaryOverride": f"Name {number}"})
    mark = watched.google.mark()
    hear(watched.google)
    assert len(calls(watched, mark)) == 1
    assert watched.alice.get(f"calendars/{watched.calendar}")["name"] == "Name 4"


def test_a_forged_message_reads_nothing(watched: Scene) -> None:
    found = channel()
    work()
    mark = watched.google.mark()
    assert not channels.accept_notification(str(found.pk), "wrong", found.resource_id)
    assert work() == 0 and calls(watched, mark) == []


def test_the_channel_of_a_list_is_renewed_before_it_ends_and_the_old_one_stopped(watched: Scene) -> None:
    first = channel()
    assert lists.renewable(clock.now()) == []
    ends = {"expires_at": clock.now() + timedelta(hours=2), "created_at": clock.now() - timedelta(days=6)}
    PushChannel.objects.filter(pk=first.pk).update(**ends)
    assert lists.renewable(clock.now()) == [(watched.alice.account_id, watched.connection.uuid)]
    assert NO_MIRROR not in channels.renewable(clock.now())
    jobs.enqueue_watch_list(watched.alice.account_id, watched.connection.uuid)
    work()
    assert channel().pk != first.pk and PushChannel.objects.get(pk=first.pk).state == "stopped"


def test_the_daily_reading_opens_a_channel_that_lapsed_and_no_second_one(watched: Scene) -> None:
    discovery.refresh(watched.alice.account_id, watched.connection.pk)
    work()
    first = channel()
    PushChannel.objects.filter(pk=first.pk).update(expires_at=clock.now() - timedelta(minutes=1))
    discovery.refresh(watched.alice.account_id, watched.connection.pk)
    work()
    assert PushChannel.objects.filter(mirror_id=NO_MIRROR, state="live").exclude(pk=first.pk).count() == 1


def test_where_google_refuses_to_notify_lists_it_is_asked_seldom(scene: Scene) -> None:
    scene.google.world.behaviours.refuse_push = True
    mark = scene.google.mark()
    for _day in range(3):
        discovery.refresh(scene.alice.account_id, scene.connection.pk)
        work()
    assert len([e for e in scene.google.journal(mark) if e["path"].endswith("calendarList/watch")]) == 1


def test_a_disconnect_stops_the_channel_of_the_list(watched: Scene) -> None:
    found = channel()
    watched.alice.delete(f"connections/{watched.connection.uuid}?calendars=keep")
    with tenant(watched.alice.account_id):
        record = Disconnect.objects.get()
    disconnecting.advance(watched.alice.account_id, record.pk)
    there = watched.google.world.channels[str(found.pk)]
    assert there.stopped_at is not None
    assert not PushChannel.objects.filter(connection_uuid=watched.connection.uuid).exists()
