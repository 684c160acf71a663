"""A database that was restored from a backup: time went on at Google, and here it went back (D08)."""

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import Event
from conversa_calendar.sync import checks
from conversa_calendar.sync.models import MirrorRun
from tests.support import database
from tests.support.google import at
from tests.sync.conftest import Scene


def _go_on(scene: Scene) -> None:
    """What `conversa-calendar db restore` does last, and the checks that follow."""
    checks.recheck_everything()
    for mirror_id in MirrorRun.objects.values_list("mirror_id", flat=True):
        checks.deep_check(mirror_id)
    scene.google.check()


def test_what_happened_since_the_backup_comes_back_from_google_and_nothing_is_doubled(scene: Scene) -> None:
    stays = scene.create("Stays")
    edited = scene.create("Edited", "2026-12-02T09:00:00-03:00")
    deleted = scene.create("Deleted", "2026-12-03T09:00:00-03:00")
    series = scene.create("Series", "2026-12-04T09:00:00-03:00", recurrence=["RRULE:FREQ=DAILY;COUNT=4"])
    with database.backed_up() as put_back:
        scene.patch(edited["id"], {"summary": "Edited since"})
        scene.alice.delete(f"events/{deleted['id']}")
        scene.create("Made since", "2026-12-05T15:00:00-03:00")
        day = "2026-12-05T12:00:00Z"
        scene.patch(series["id"], {"location": "Room"}, f"?scope=this&occurrence={day.replace(':', '%3A')}")
        scene.ana.insert(summary="There since", start=at("2026-12-06T15:00:00"), end=at("2026-12-06T16:00:00"))
        scene.google.settle()
        before, mark = scene.there(), scene.google.mark()
        put_back()
    _go_on(scene)
    assert scene.google.writes(mark) == [], "Google knows better in everything"
    assert [item["etag"] for item in scene.there()] == [item["etag"] for item in before]
    names = sorted(item["summary"] for item in scene.here())
    assert names == sorted(["Stays", "Edited since", "Made since", "There since", *["Series"] * 4])
    assert scene.alice.get(f"events/{stays['id']}")["summary"] == "Stays"
    scene.assert_equal()


def test_what_was_not_sent_at_the_backup_and_was_since_is_met_by_its_id(scene: Scene) -> None:
    times = {"start": {"date_time": "2026-12-01T09:00:00-03:00", "time_zone": "America/Sao_Paulo"}}
    made = scene.alice.post("events", {"calendar": scene.calendar, "summary": "Made", **times})
    gone = scene.alice.post("events", {"calendar": scene.calendar, "summary": "Gone", **times})
    edited = scene.create("Edited", "2026-12-02T09:00:00-03:00")
    scene.patch(edited["id"], {"location": "Park"}, settle=False)
    with database.backed_up() as put_back:
        scene.google.settle()
        scene.ana.delete(scene.remote_id(gone["id"]))
        scene.google.check()
        put_back()
    _go_on(scene)
    assert sorted(item["summary"] for item in scene.there()) == ["Edited", "Made"]
    assert [item["id"] for item in scene.alice.get("trash")["items"]] == [gone["id"]]
    assert scene.alice.get(f"events/{made['id']}")["sync"]["state"] == "synced"
    scene.assert_equal()


def test_many_deletions_since_the_backup_wait_for_a_person(scene: Scene) -> None:
    """The restored database shows 24 events that are gone at Google: one by one they were believed, together they wait."""
    for number in range(24):
        scene.ana.insert(summary=f"e{number}", start=at("2026-12-01T09:00:00"), end=at("2026-12-01T10:00:00"))
    scene.google.check()
    with database.backed_up() as put_back:
        for item in scene.ana.list():
            scene.ana.delete(item["id"])
        put_back()
    _go_on(scene)
    with tenant(scene.alice.account_id):
        assert Event.objects.filter(deleted_at=None).count() == 24
    assert scene.alice.get(f"mirrors/{scene.mirror.uuid}")["state"] == "held"
    scene.alice.post(f"mirrors/{scene.mirror.uuid}/held", {"action": "approve"})
    scene.google.check()
    scene.assert_equal()


def test_a_disconnect_since_the_backup_ends_in_reconnect_needed_and_not_in_a_loss(scene: Scene) -> None:
    scene.create("Stays")
    with database.backed_up() as put_back:
        scene.alice.call("DELETE", f"connections/{scene.connection.uuid}?calendars=remove")
        scene.google.control("revoke", {"email": scene.ana.email})
        put_back()
    checks.recheck_everything()
    for _turn in range(3):
        scene.google.check()
    assert scene.alice.get(f"connections/{scene.connection.uuid}")["state"] == "reconnect_needed"
    assert [item["summary"] for item in scene.here()] == ["Stays"]
    scene.google.connect(scene.alice, scene.ana.email)
    scene.ana = scene.google.person(scene.ana.email)  # her own access was revoked with it
    scene.google.settle()
    scene.assert_equal()
