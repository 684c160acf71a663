"""An event that is moved at Google stays the one it is: its row, history, references and booking, whichever calendar is
read first, and when two workers read both at the same moment.

`MOVES=1000` for the long run; CI takes a short one.
"""

import os
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.bookings import following
from conversa_calendar.bookings.models import Booking, BookingClaim
from conversa_calendar.calendars.models import Event, History, OutgoingMail
from conversa_calendar.connections import discovery, gateway
from conversa_calendar.kit import clock
from conversa_calendar.providers.google.transport import Request, Response
from conversa_calendar.sync import running
from conversa_calendar.sync.models import Link, Mirror, MirrorRun
from conversa_calendar.sync.run import leases, triggers
from tests.support.google import Google, InProcess, at
from tests.sync.conftest import ANA, Scene

DAY = {"start": {"date": "2026-12-01"}, "end": {"date": "2026-12-02"}}
MOVES = int(os.environ.get("MOVES", "40"))
ROUNDS_MAX = 40


class Parallel:
    """A Transport of which several threads may send at once."""

    is_concurrent = False

    def __init__(self, google: Google) -> None:
        self.google = google

    def send(self, request: Request) -> Response:
        return InProcess(self.google.app.test_client()).send(request)


@dataclass
class Booked:
    """A visitor's booking in a mirrored calendar, and a second calendar beside it."""

    scene: Scene
    places: list[Mirror]
    booking: dict[str, Any]
    remote_id: str

    def move(self, source: int, target: int) -> None:
        """Ana moves it at Google; both calendars are notified."""
        there = self.places[source].remote_id, self.places[target].remote_id
        path = f"calendars/{there[0]}/events/{self.remote_id}/move?destination={there[1]}"
        self.scene.ana.call("POST", path)
        with tenant(self.scene.alice.account_id):
            triggers.request_runs([mirror.pk for mirror in self.places], is_pull=True)

    def assert_untouched(self, place: int) -> None:
        """The same event stands in that calendar, once, and neither booking nor visitor has noticed anything."""
        with tenant(self.scene.alice.account_id):
            events = list(Event.objects.filter(remote_id=self.remote_id))
            assert [str(event.uuid) for event in events] == [self.booking["event"]]
            assert events[0].deleted_at is None and events[0].calendar_id == self.places[place].calendar_id
            assert events[0].references[0]["kind"] == "booking"
            booking = Booking.objects.get(uuid=self.booking["id"])
            assert (booking.state, booking.sequence, booking.notice_due_at) == ("confirmed", 0, None)
            assert booking.event_id == events[0].pk and BookingClaim.objects.filter(booking=booking).exists()
            assert OutgoingMail.objects.filter(to="vera@else.example").count() == 1
            assert Link.objects.filter(event=events[0], tombstoned_at=None).count() == 1
            causes = set(History.objects.filter(event=events[0]).values_list("cause", flat=True))
            assert "booked" in causes and not {"deleted", "restored"} & causes


@pytest.fixture
def booked(scene: Scene) -> Booked:
    second = scene.another_calendar()
    page = {"title": "Call", "weekly": [[[0, 1440]]] * 7, "notice": 0, "time_zone": "UTC", "is_published": True}
    page |= {"location": {"kind": "phone", "value": ""}}
    hosts = [{"id": str(scene.alice.member.uuid), "calendar": scene.calendar}]
    made = scene.alice.post("booking-pages", page | {"hosts": hosts})
    start = (datetime.now(UTC) + timedelta(days=3)).replace(hour=15, minute=0, second=0, microsecond=0)
    visitor = {"name": "Vera Visitor", "email": "vera@else.example", "time_zone": "Europe/Lisbon"}
    booking = scene.alice.post("bookings", {"page": made["id"], "start": start.isoformat()} | visitor)
    scene.google.settle()
    return Booked(scene, [scene.mirror, second], booking, scene.remote_id(booking["event"]))


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (0, 0, 1), (1, 1, 0), (0, 1, 0, 1), (1, 0, 1, 0)])
def test_a_booked_event_moved_at_google_keeps_its_booking_whichever_calendar_is_read_first(
    booked: Booked, order: tuple[int, ...]
) -> None:
    booked.move(0, 1)
    for place in order:
        running.run(booked.places[place].pk)
        with tenant(booked.scene.alice.account_id):
            assert Booking.objects.get().state == "confirmed"
    booked.scene.google.settle()
    booked.assert_untouched(1)


def test_a_booked_event_moved_at_google_is_not_cancelled_while_its_new_calendar_cannot_be_read(booked: Booked) -> None:
    """The removal is seen at once, the arrival a minute later."""
    fault = {"match": {"path": f"*/{booked.places[1].remote_id}/events*"}, "effect": {"status": 503}, "times": 3}
    booked.scene.google.control("faults", fault)
    booked.move(0, 1)
    for _turn in range(3):
        for place in (0, 1):
            MirrorRun.objects.update(next_attempt_at=None, next_check_at=None)
            running.run(booked.places[place].pk)
        with tenant(booked.scene.alice.account_id):
            assert Booking.objects.get().state == "confirmed"
    booked.scene.google.check()
    booked.assert_untouched(1)


def test_a_removal_that_no_other_calendar_explains_in_two_minutes_cancels_the_booking(
    booked: Booked, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = {"match": {"path": f"*/{booked.places[1].remote_id}/events*"}, "effect": {"status": 503}, "times": 9}
    booked.scene.google.control("faults", fault)
    booked.scene.ana.delete(booked.remote_id)
    MirrorRun.objects.update(next_check_at=None)
    running.run(booked.places[0].pk)
    with tenant(booked.scene.alice.account_id):
        assert Booking.objects.get().state == "confirmed"
        [link] = Link.objects.filter(remote_id=booked.remote_id)
        Link.objects.update(asked_at=link.asked_at - timedelta(minutes=2, seconds=1))  # type: ignore[operator]
    MirrorRun.objects.update(next_check_at=None)
    running.run(booked.places[0].pk)
    with tenant(booked.scene.alice.account_id):
        assert Booking.objects.get().state == "cancelled"


def test_an_event_deleted_at_google_cancels_its_booking_once_the_other_calendar_was_read(booked: Booked) -> None:
    booked.scene.ana.delete(booked.remote_id)
    booked.scene.google.check()
    with tenant(booked.scene.alice.account_id):
        assert Booking.objects.get().state == "cancelled"
    assert [item["id"] for item in booked.scene.alice.get("trash")["items"]] == [booked.booking["event"]]


def test_moves_that_two_workers_see_at_the_same_moment_lose_no_identity_and_touch_no_booking(booked: Booked) -> None:
    gateway.use(Parallel(booked.scene.google))
    here, there = 0, 1
    for _move in range(MOVES):
        booked.move(here, there)
        _work(booked.places)
        booked.assert_untouched(there)
        here, there = there, here
    with tenant(booked.scene.alice.account_id):
        following.deliver_notices(booked.scene.alice.account_id)
        assert OutgoingMail.objects.filter(to="vera@else.example").count() == 1


def _work(places: list[Mirror]) -> None:
    """Two workers at once, each with a calendar of its own, until neither wants anything more."""
    gate, broken = threading.Barrier(len(places)), []

    def work(mirror_id: int) -> None:
        try:
            gate.wait(20)
            running.run(mirror_id)
        except Exception as error:
            broken.append(error)
        finally:
            connection.close()

    for _round in range(ROUNDS_MAX):
        threads = [threading.Thread(target=work, args=[mirror.pk]) for mirror in places]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert broken == []
        MirrorRun.objects.update(next_attempt_at=None, units_now=0, units_before=0)  # in no time at all
        with tenant(places[0].account_id):
            is_open = (
                Link.objects.filter(remote_deleted_at__isnull=False, tombstoned_at=None).exclude(event=None).exists()
            )
        if is_open:
            MirrorRun.objects.update(next_check_at=None)  # what waits some seconds
        elif not leases.due():
            return
    raise AssertionError("the mirrors do not come to rest")


def test_many_events_moved_at_google_at_once_are_not_taken_for_deleted(scene: Scene) -> None:
    """They are not held for a decision either, and stand once."""
    target = scene.another_calendar()
    made = [scene.create(f"e{n}", f"2026-12-{n % 28 + 1:02d}T{9 + n // 28:02d}:00:00-03:00") for n in range(30)]
    for event in made:
        path = f"calendars/primary/events/{scene.remote_id(event['id'])}/move?destination={target.remote_id}"
        scene.ana.call("POST", path)
    scene.google.check()
    items = scene.alice.get("events?from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z&limit=500")["items"]
    assert sorted(item["id"] for item in items) == sorted(event["id"] for event in made)
    assert {item["calendar"] for item in items} == {str(target.calendar.uuid)}
    assert scene.alice.get("trash")["items"] == []
    assert {row["state"] for row in scene.alice.get("mirrors")["items"]} == {"polling"}


@pytest.mark.parametrize("side", ["here", "there"])
def test_what_is_written_where_an_event_has_just_arrived_stays_with_it(scene: Scene, side: str) -> None:
    """Its new calendar was read, its former one not yet, and somebody edits it there."""
    target = scene.another_calendar()
    made = scene.create("Travels", location="Attic")
    remote_id = scene.remote_id(made["id"])
    scene.ana.call("POST", f"calendars/primary/events/{remote_id}/move?destination={target.remote_id}")
    MirrorRun.objects.update(next_check_at=None)
    running.run(target.pk)
    [twin] = scene.alice.get(
        f"events?from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z&calendar={target.calendar.uuid}"
    )["items"]
    if side == "here":
        scene.patch(twin["id"], {"summary": "Written there"}, settle=False)
    else:
        scene.ana.patch(remote_id, target.remote_id, summary="Written there")
        MirrorRun.objects.filter(mirror_id=target.pk).update(next_check_at=None)
        running.run(target.pk)
    scene.google.check()
    [item] = scene.alice.get("events?from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z")["items"]
    assert (item["id"], item["summary"], item["location"]) == (made["id"], "Written there", "Attic")
    assert scene.ana.get(remote_id, target.remote_id)["summary"] == "Written there"
    assert scene.alice.get("trash")["items"] == []


def test_an_event_whose_creation_was_never_answered_is_googles_event_where_it_was_moved_to(scene: Scene) -> None:
    """It knew neither its id nor its UID there: the same meeting stood twice and mails named another one."""
    target = scene.another_calendar()
    match = {"method": "POST", "path": "*/events"}
    scene.google.control("faults", {"match": match, "effect": {"drop": "after_commit"}, "times": 1})
    made = scene.alice.post("events", {"calendar": scene.calendar, "summary": "Walk", **DAY})
    scene.google.settle_once()
    [item] = scene.ana.list()
    scene.ana.call("POST", f"calendars/primary/events/{item['id']}/move?destination={target.remote_id}")
    MirrorRun.objects.update(next_check_at=None, next_attempt_at=None)
    running.run(target.pk)
    MirrorRun.objects.update(next_check_at=None, next_attempt_at=None)
    running.run(scene.mirror.pk)
    scene.google.check()
    [shown] = scene.alice.get("events?from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z")["items"]
    assert (shown["id"], shown["ical_uid"]) == (made["id"], item["iCalUID"])
    assert shown["sync"]["google_event_id"] == item["id"]


def test_an_arrival_has_its_former_calendar_read_at_once(scene: Scene) -> None:
    """Its notification was lost: the event does not stand twice until the next safety check."""
    target = scene.another_calendar()
    made = scene.create("Travels")
    scene.ana.call(
        "POST", f"calendars/primary/events/{scene.remote_id(made['id'])}/move?destination={target.remote_id}"
    )
    MirrorRun.objects.filter(mirror_id=target.pk).update(next_check_at=None)
    scene.google.settle()
    [item] = scene.alice.get("events?from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z")["items"]
    assert (item["id"], item["calendar"]) == (made["id"], str(target.calendar.uuid))


def test_the_trash_offers_the_event_that_lives_elsewhere_instead_of_a_second_one(scene: Scene) -> None:
    """Its new calendar was mirrored only after the event had gone to the trash."""
    made = scene.create("Travels")
    remote_id = scene.remote_id(made["id"])
    target = scene.ana.call("POST", "calendars", {"summary": "B", "timeZone": "UTC"})["id"]
    scene.ana.call("POST", f"calendars/primary/events/{remote_id}/move?destination={target}")
    scene.google.check()
    with tenant(scene.alice.account_id):
        Event.objects.update(deleted_at=clock.now() - timedelta(days=31))  # too long ago to be taken for the same
    discovery.refresh(scene.alice.account_id, scene.connection.pk)
    mirror = scene.google.mirror(scene.alice, scene.connection, target)
    with tenant(scene.alice.account_id):
        Event.objects.filter(uuid=made["id"]).update(deleted_at=clock.now())
    answer = scene.alice.call("POST", f"trash/{made['id']}/restore")
    assert answer.status_code == 422 and f"“{mirror.calendar.name}”" in answer.json()["detail"]
    scene.google.check()
    assert len(scene.ana.list(target)) == 1 and scene.ana.list() == []


def test_an_event_that_comes_and_goes_back_before_its_former_calendar_is_read_leaves_nothing_in_the_trash(
    scene: Scene,
) -> None:
    target = scene.another_calendar()
    made = scene.create("Travels")
    remote_id = scene.remote_id(made["id"])
    scene.ana.call("POST", f"calendars/primary/events/{remote_id}/move?destination={target.remote_id}")
    MirrorRun.objects.update(next_check_at=None)
    running.run(target.pk)
    scene.ana.call("POST", f"calendars/{target.remote_id}/events/{remote_id}/move?destination={ANA}")
    MirrorRun.objects.filter(mirror_id=target.pk).update(next_check_at=None)
    running.run(target.pk)
    scene.google.check()
    assert [item["id"] for item in scene.here()] == [made["id"]]
    assert scene.alice.get("trash")["items"] == []
    scene.assert_equal()


def test_an_event_moved_at_google_into_a_calendar_that_is_listed_anew_keeps_its_identity(scene: Scene) -> None:
    """The cursor of its new calendar died, and its former one told of the removal long before."""
    target = scene.another_calendar()
    there = scene.ana.insert(summary="Travels", start=at("2026-12-01T09:00:00"), end=at("2026-12-01T10:00:00"))
    scene.google.check()
    [made] = scene.here()
    MirrorRun.objects.filter(mirror_id=target.pk).update(is_active=False)
    scene.ana.call("POST", f"calendars/primary/events/{there['id']}/move?destination={target.remote_id}")
    scene.google.check()
    assert [item["id"] for item in scene.alice.get("trash")["items"]] == [made["id"]]
    with tenant(scene.alice.account_id):
        Mirror.objects.filter(pk=target.pk).update(cursor="")
    MirrorRun.objects.filter(mirror_id=target.pk).update(is_active=True)
    scene.google.check()
    [item] = scene.alice.get("events?from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z")["items"]
    assert (item["id"], item["calendar"]) == (made["id"], str(target.calendar.uuid))
    assert scene.alice.get("trash")["items"] == []


def test_the_disconnect_preview_names_booking_pages_and_bookings(booked: Booked) -> None:
    connection = booked.scene.connection
    preview = booked.scene.alice.get(f"connections/{connection.uuid}/disconnect-preview")
    assert [row["name"] for row in preview["booking_pages"]] == ["Call"]
    assert [(row["id"], row["name"]) for row in preview["bookings"]] == [(booked.booking["id"], "Call: Vera Visitor")]
    page = booked.scene.alice.browser().get(f"/connections/{connection.uuid}/disconnect").content.decode()
    assert "Call: Vera Visitor" in page
