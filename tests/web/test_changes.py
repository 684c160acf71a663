"""The change feed: every kind, once, in the order of the commits, and for each reader what they may see."""

import threading
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from conversa_calendar.accounts import permissions
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import changes, editing
from conversa_calendar.calendars.models import Calendar, Change, Event
from conversa_calendar.connections import discovery
from conversa_calendar.domain.event import Content
from conversa_calendar.domain.times import timed
from conversa_calendar.kit import clock
from conversa_calendar.sync import checks
from conversa_calendar.webhooks import tasks
from conversa_calendar.webhooks.models import Sight
from tests.bookings.test_bookings import VISITOR, make_page, soon, text
from tests.support.cast import Actor, Cast, new_actor
from tests.support.following import Follower, brief
from tests.sync.conftest import Scene, scene  # noqa: F401
from tests.web.test_tokens import minted

START = {"date_time": "2026-12-01T09:00:00-03:00", "time_zone": "America/Sao_Paulo"}
WEEKLY = {"recurrence": ["RRULE:FREQ=WEEKLY;COUNT=6"]}


def own_calendar(actor: Actor) -> str:
    with tenant(actor.account_id):
        return str(Calendar.objects.get(owner=actor.member, is_personal=True).uuid)


def share(actor: Actor, calendar: str, *to: Actor, level: str = "details") -> None:
    items = [{"kind": "agent", "id": str(one.member.uuid), "level": level} for one in to]
    actor.put(f"calendars/{calendar}/assignments", {"items": items})


# ── every kind


def test_what_people_change_at_google_is_in_the_feed(scene: Scene) -> None:  # noqa: F811
    scene.ana.insert(summary="Before", start=START_AT_GOOGLE, end=END_AT_GOOGLE)
    follower = Follower(scene.alice)
    event = scene.ana.insert(summary="There", start=START_AT_GOOGLE, end=END_AT_GOOGLE)
    scene.google.check()
    with tenant(scene.alice.account_id):
        known = {row.summary: str(row.uuid) for row in Event.objects.all()}
    came = brief(follower.all(), "event")
    assert sorted(came) == sorted([("event", "created", known["Before"]), ("event", "created", known["There"])])
    scene.ana.patch(event["id"], summary="Changed there")
    scene.google.check()
    assert brief(follower.all(), "event") == [("event", "updated", known["There"])]
    scene.ana.delete(event["id"])
    scene.google.check()
    assert brief(follower.all(), "event") == [("event", "deleted", known["There"])]
    scene.alice.post(f"trash/{known['There']}/restore")
    assert brief(follower.all(), "event") == [("event", "restored", known["There"])]


START_AT_GOOGLE = {"dateTime": "2026-12-01T09:00:00-03:00", "timeZone": "America/Sao_Paulo"}
END_AT_GOOGLE = {"dateTime": "2026-12-01T10:00:00-03:00", "timeZone": "America/Sao_Paulo"}


def test_an_occurrence_changed_or_cancelled_at_google_is_told_with_its_series(scene: Scene) -> None:  # noqa: F811
    made = scene.create("Weekly", **WEEKLY)
    follower = Follower(scene.alice)
    first, second = [row["id"] for row in scene.there()][1:3]
    scene.ana.patch(first, summary="One day")
    scene.ana.delete(second)
    scene.google.check()
    told = [item for item in follower.all() if item["kind"] == "event" and item["id"] != made["id"]]
    assert sorted((item["what"], item["series"]) for item in told) == [("created", made["id"]), ("deleted", made["id"])]


def test_our_own_write_coming_back_from_google_is_no_change(scene: Scene) -> None:  # noqa: F811
    follower = Follower(scene.alice)
    event = scene.create("Mine", attendees=[{"email": "guest@else.example"}], description="a  b\n")
    assert [what for _kind, what, _id in brief(follower.all(), "event")] == ["created", "state"]
    scene.patch(event["id"], {"summary": "Mine, again"})
    assert [what for _kind, what, _id in brief(follower.all(), "event")] == ["updated", "state"]
    for _check in range(3):
        scene.google.check()
    assert brief(follower.all(), "event") == []


def test_the_link_to_meet_that_google_made_is_told(scene: Scene) -> None:  # noqa: F811
    follower = Follower(scene.alice)
    scene.create("With a link", conference={"request": True})
    scene.google.check()
    whats = [what for _kind, what, _id in brief(follower.all(), "event")]
    assert whats[0] == "created" and "updated" in whats


def test_bookings_and_offers_are_told_with_what_changed(cast: Cast) -> None:
    page = make_page(cast.alice)
    follower = Follower(cast.alice)
    booking = cast.alice.post("bookings", VISITOR | {"page": page["id"], "start": text(soon())})
    [made] = [item for item in follower.all() if item["kind"] == "booking"]
    assert (made["what"], made["id"], made["calendar"]) == ("created", booking["id"], booking["calendar"])
    assert made["after"]["start"] == booking["start"] and "before" not in made
    later = text(soon(days=4))
    cast.alice.patch(f"bookings/{booking['id']}", {"start": later})
    [moved] = [item for item in follower.all() if item["kind"] == "booking"]
    assert moved["what"] == "rescheduled"
    assert (moved["before"]["start"], moved["after"]["start"]) == (booking["start"], later)
    cast.alice.delete(f"bookings/{booking['id']}")
    [gone] = [item for item in follower.all() if item["kind"] == "booking"]
    assert (gone["what"], gone["before"]["state"], gone["after"]["state"]) == ("cancelled", "confirmed", "cancelled")
    assert VISITOR["email"] not in str([made, moved, gone])
    offer = cast.alice.post(f"booking-pages/{page['id']}/offers", {"starts": [text(soon(days=5))]})
    cast.alice.delete(f"booking-offers/{offer['id']}")
    assert brief(follower.all(), "offer") == [("offer", "created", offer["id"]), ("offer", "withdrawn", offer["id"])]


def test_calendars_members_mirrors_and_connections_are_told(scene: Scene) -> None:  # noqa: F811
    alice = scene.alice
    follower = Follower(alice)
    made = alice.post("calendars", {"name": "Support"})["id"]
    alice.patch(f"calendars/{made}", {"color": "#0f766e"})
    member = alice.post("members", {"email": "new@acme.example", "role": "agent"})["id"]
    alice.patch(f"members/{member}", {"suspended": True})
    told = brief(follower.all(), "calendar", "member")
    assert ("calendar", "created", made) in told
    assert [row for row in told if row[0] == "member"] == [("member", "created", member), ("member", "updated", member)]
    alice.post(f"mirrors/{scene.mirror.uuid}/pause")
    assert ("mirror", "updated", str(scene.mirror.uuid)) in brief(follower.all())
    alice.call("DELETE", f"connections/{scene.connection.uuid}?calendars=keep")
    assert ("connection", "updated", str(scene.connection.uuid)) in brief(follower.all())


def test_a_first_sync_tells_of_each_event_once(scene: Scene) -> None:  # noqa: F811
    google_id = scene.ana.call("POST", "calendars", {"summary": "B", "timeZone": "UTC"})["id"]
    for number in range(7):
        scene.ana.insert(google_id, summary=f"Event {number}", start=START_AT_GOOGLE, end=END_AT_GOOGLE)
    follower = Follower(scene.alice)
    discovery.refresh(scene.alice.account_id, scene.connection.pk)
    mirror = scene.google.mirror(scene.alice, scene.connection, google_id)
    with tenant(scene.alice.account_id):
        wanted = sorted(map(str, Event.objects.filter(calendar=mirror.calendar).values_list("uuid", flat=True)))
    told = [item for item in follower.all(limit=3) if item["kind"] == "event"]
    assert sorted(item["id"] for item in told) == wanted and {item["what"] for item in told} == {"created"}


# ── once and in order


def _written(calendar: Calendar, name: str) -> Event:
    at = clock.now().replace(microsecond=0)
    content = Content(start=timed(at, "UTC"), end=timed(at + timedelta(hours=1), "UTC"), summary=name)
    return editing.create(calendar, content, actor=None)


def test_a_change_that_commits_late_is_never_passed_over(cast: Cast) -> None:
    """The older transaction writes first and commits last; whoever reads in between waits for it."""
    follower, is_written, may_commit = Follower(cast.alice), threading.Event(), threading.Event()
    slow: list[str] = []

    def write_slowly() -> None:
        with tenant(cast.account.pk):
            slow.append(str(_written(Calendar.objects.order_by("pk")[0], "slow").uuid))
            is_written.set()
            assert may_commit.wait(20)
        connection.close()

    thread = threading.Thread(target=write_slowly)
    thread.start()
    assert is_written.wait(20)
    with tenant(cast.account.pk):
        quick = str(_written(Calendar.objects.order_by("pk")[0], "quick").uuid)
    assert follower.read() == []
    may_commit.set()
    thread.join()
    assert [row[2] for row in brief(follower.all(), "event")] == [slow[0], quick]


def test_many_writers_and_a_reader_miss_nothing_and_repeat_nothing(cast: Cast) -> None:
    follower, made, told = Follower(cast.alice), [], []

    def write(number: int) -> None:
        for turn in range(12):
            with tenant(cast.account.pk):
                one = _written(Calendar.objects.order_by("pk")[0], f"{number}.{turn}")
            made.append(str(one.uuid))
        connection.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        told += brief(follower.read(limit=5), "event")
    told += brief(follower.all(limit=5), "event")
    assert sorted(row[2] for row in told) == sorted(made)


@pytest.mark.parametrize("limit", [1, 2, 3, 500])
def test_what_one_transaction_does_to_one_thing_is_one_change(cast: Cast, limit: int) -> None:
    follower = Follower(cast.alice)
    with tenant(cast.account.pk):
        calendar = Calendar.objects.order_by("pk")[0]
        both = [_written(calendar, name) for name in ("one", "two")]
        for event in both:
            editing.edit(event, _renamed, actor=None)
        editing.delete(both[1], actor=None)
    told = brief(follower.all(limit=limit), "event")
    assert told == [("event", "created", str(both[0].uuid)), ("event", "deleted", str(both[1].uuid))]


def _renamed(content: Content) -> Content:
    return msgspec.structs.replace(content, summary="changed")


# ── cursors


@pytest.mark.parametrize("text", ["x", "1.2.3.4.5", "-1.0", "1e9.0", "1.2.-3", "٣.0"])
def test_a_cursor_that_is_none_is_refused(cast: Cast, text: str) -> None:
    assert cast.alice.call("GET", f"changes?since={text}").status_code == 422


def test_a_cursor_older_than_what_is_kept_starts_over(cast: Cast) -> None:
    follower = Follower(cast.alice)
    parts = follower.cursor.split(".")
    parts[2] = str(int((clock.now() - changes.KEPT).timestamp()))
    answer = cast.alice.call("GET", f"changes?since={'.'.join(parts)}")
    assert (answer.status_code, answer.json()["code"]) == (410, "cursor_expired")
    again = Follower(cast.alice, answer.json()["cursor"])
    cast.alice.post("calendars", {"name": "After"})
    assert [row[:2] for row in brief(again.all())] == [("calendar", "created")]


def test_a_cursor_of_a_database_that_is_no_more_starts_over(cast: Cast) -> None:
    """After a restore into a new cluster transactions are counted from the beginning."""
    parts = Follower(cast.alice).cursor.split(".")
    parts[0] = str(int(parts[0]) + 10_000_000)
    assert cast.alice.call("GET", f"changes?since={'.'.join(parts)}").json()["code"] == "cursor_expired"
    with tenant(cast.account.pk):
        Change.objects.update(transaction=int(parts[0]))
    checks.forget_old_rows()
    with tenant(cast.account.pk):
        assert not Change.objects.exists()


def test_old_changes_and_what_readers_saw_are_forgotten(cast: Cast) -> None:
    Follower(cast.alice)
    with tenant(cast.account.pk):
        assert Change.objects.exists() and Sight.objects.exists()
        Change.objects.update(at=clock.now() - changes.KEPT - timedelta(days=1))
        Sight.objects.update(used_at=clock.now() - changes.KEPT - timedelta(days=1))
    checks.forget_old_rows()
    tasks.forget_old(0)
    with tenant(cast.account.pk):
        assert not Change.objects.exists() and not Sight.objects.exists()


def test_whoever_reads_rarely_in_a_quiet_account_loses_nothing(cast: Cast) -> None:
    follower = Follower(cast.alice)
    cursor = follower.cursor
    assert follower.read() == [] and follower.read() == []
    assert int(follower.cursor.split(".")[0]) >= int(cursor.split(".")[0])


# ── who is told what


def test_changes_in_calendars_that_somebody_does_not_see_are_not_told(cast: Cast) -> None:
    hidden = cast.alice.post("calendars", {"name": "Hidden"})["id"]
    bob = Follower(cast.bob)
    cast.alice.post("events", {"calendar": hidden, "summary": "CANARY", "start": START})
    cast.alice.patch(f"calendars/{hidden}", {"name": "CANARY"})
    assert bob.all() == []


def test_an_event_that_leaves_somebodys_sight_is_told_as_gone(cast: Cast) -> None:
    hidden, shared = (cast.alice.post("calendars", {"name": name})["id"] for name in ("Hidden", "Shared"))
    share(cast.alice, shared, cast.bob)
    event = cast.alice.post("events", {"calendar": shared, "summary": "Plan", "start": START})["id"]
    alice, bob = Follower(cast.alice), Follower(cast.bob)
    cast.alice.patch(f"events/{event}", {"calendar": hidden})
    [moved] = alice.all()
    assert (moved["what"], moved["calendar"], moved["moved_from"]) == ("updated", hidden, shared)
    [gone] = bob.all()
    assert (gone["what"], gone["id"], gone["calendar"]) == ("deleted", event, shared) and hidden not in str(gone)
    cast.alice.patch(f"events/{event}", {"calendar": shared})
    [back] = bob.all()
    assert (back["what"], back["calendar"]) == ("created", shared) and hidden not in str(back)


@pytest.mark.parametrize("how", ["unassigned", "left the team", "deleted", "level", "demoted", "token"])
def test_a_calendar_that_comes_and_goes_for_a_reader_is_told(cast: Cast, how: str) -> None:
    calendar = cast.alice.post("calendars", {"name": "Shared"})["id"]
    team = cast.alice.post("teams", {"name": "T", "members": [str(cast.bob.member.uuid)]})["id"]
    cast.alice.put(f"calendars/{calendar}/assignments", {"items": [{"kind": "team", "id": team, "level": "busy"}]})
    reader, what = cast.bob, "deleted"
    if how == "demoted":
        reader = new_actor(cast.account, "carla@acme.example", "Carla", permissions.ADMINISTRATOR)
    if how == "token":
        reader = minted(cast.alice, scopes=["events.read"], teams=[team])
    follower = Follower(reader)
    if how == "unassigned":
        share(cast.alice, calendar)
    elif how == "left the team":
        cast.alice.put(f"teams/{team}/members", {"members": []})
    elif how == "deleted":
        cast.alice.delete(f"calendars/{calendar}")
    elif how == "level":
        what = "updated"
        share(cast.alice, calendar, cast.bob, level="edit")
    elif how == "demoted":
        cast.alice.patch(f"members/{reader.member.uuid}", {"role": "agent"})
    else:
        share(cast.alice, calendar, cast.bob)
    assert ("calendar", what, calendar) in brief(follower.all(), "calendar")
    assert follower.all() == []


def test_a_calendar_that_somebody_begins_to_see_is_told_once(cast: Cast) -> None:
    bob = Follower(cast.bob)
    calendar = cast.alice.post("calendars", {"name": "Shared"})["id"]
    share(cast.alice, calendar, cast.bob)
    assert brief(bob.all()) == [("calendar", "created", calendar)]


def test_a_limited_token_hears_of_its_calendars_only(scene: Scene) -> None:  # noqa: F811
    alice = scene.alice
    kept = own_calendar(alice)
    limited = Follower(minted(alice, scopes=["events.read", "bookings.read"], calendars=[kept]))
    scene.create("Elsewhere")
    alice.post("members", {"email": "new@acme.example", "role": "agent"})
    page = make_page(alice)
    alice.post(f"booking-pages/{page['id']}/offers", {"starts": [text(soon(days=5))]})
    alice.post(f"mirrors/{scene.mirror.uuid}/pause")
    mine = alice.post("events", {"calendar": kept, "summary": "Here", "start": START})["id"]
    assert brief(limited.all()) == [("event", "created", mine)]


def test_bookings_are_told_to_their_host_and_to_who_may_read_them(cast: Cast) -> None:
    hosts = [{"id": str(cast.bob.member.uuid)}]
    page = make_page(cast.alice, hosts=hosts)
    carla = new_actor(cast.account, "carla@acme.example", "Carla", permissions.AGENT)
    bob, other = Follower(cast.bob), Follower(carla)
    narrow = Follower(minted(cast.alice, scopes=["events.read"]))
    booking = cast.alice.post("bookings", VISITOR | {"page": page["id"], "start": text(soon())})["id"]
    assert ("booking", "created", booking) in brief(bob.all())
    assert brief(other.all()) == [] and brief(narrow.all(), "booking") == []
    cast.alice.patch(f"booking-pages/{page['id']}", {"hosts": [*hosts, {"id": str(cast.alice.member.uuid)}]})
    cast.alice.patch(f"bookings/{booking}", {"host": str(cast.alice.member.uuid)})
    assert ("booking", "deleted", booking) in brief(bob.all())


def test_another_account_hears_nothing(cast: Cast) -> None:
    charlie = Follower(cast.charlie)
    cast.alice.post("calendars", {"name": "Ours"})
    cast.alice.post("events", {"calendar": own_calendar(cast.alice), "summary": "Ours", "start": START})
    assert charlie.all() == []


def test_reading_costs_the_same_however_much_changed(cast: Cast) -> None:
    def queries(count: int) -> int:
        follower = Follower(cast.alice)
        with tenant(cast.account.pk):
            calendar = Calendar.objects.order_by("pk")[0]
            for number in range(count):
                _written(calendar, str(number))
        follower.read()  # whatever is told of for the first time
        with CaptureQueriesContext(connection) as caught:
            follower.read()
        return len(caught)

    assert queries(3) == queries(60)


def test_the_feed_is_written_by_whoever_changes_a_row(cast: Cast) -> None:
    """Not by the code that changes it: nobody can forget it."""
    follower = Follower(cast.alice)
    with tenant(cast.account.pk):
        event = _written(Calendar.objects.order_by("pk")[0], "Plan")
        uuid: Any = str(event.uuid)
    follower.all()
    for statement, what in (
        ("UPDATE calendars_event SET content_json = replace(content_json, 'Plan', 'Plot')", "updated"),
        ("UPDATE calendars_event SET sync_state = 'parked'", "state"),
        ("UPDATE calendars_event SET deleted_at = now()", "deleted"),
        ("UPDATE calendars_event SET deleted_at = NULL", "restored"),
        ("UPDATE calendars_event SET changed_at = now(), revision = revision + 1, is_unsettled = true", ""),
        ("DELETE FROM calendars_event", "deleted"),
    ):
        with tenant(cast.account.pk), connection.cursor() as cursor:
            cursor.execute(statement)
        assert brief(follower.all()) == ([("event", what, uuid)] if what else []), statement
