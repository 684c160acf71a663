"""Somebody is suspended: they end everywhere, Google is asked nothing in their name, and nothing is lost."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from conversa_calendar.accounts import grants, services
from conversa_calendar.accounts.models import ApiToken, Member
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import Event
from conversa_calendar.connections import consent, discovery
from conversa_calendar.connections.models import Connection, Invitation, Ticket
from conversa_calendar.kit import clock
from conversa_calendar.providers import protocol
from conversa_calendar.sync import checks
from conversa_calendar.sync.mirrors import notices
from conversa_calendar.sync.models import Mirror, MirrorRun
from tests.bookings.test_bookings import VISITOR, make_page, soon, starts, text
from tests.support.cast import PASSWORD
from tests.sync.conftest import ANA, Scene


@pytest.fixture
def theirs(scene: Scene) -> Scene:
    """The connection is Bob's, who is about to leave."""
    with tenant(scene.cast.account.pk):
        Connection.objects.update(owner=scene.cast.bob.member)
        scene.mirror.calendar.owner = scene.cast.bob.member
        scene.mirror.calendar.save(update_fields=["owner"])
    return scene


def suspend(scene: Scene, is_suspended: bool = True) -> None:
    body = {"suspended": is_suspended}
    scene.alice.patch(f"members/{scene.cast.bob.member.uuid}", body)


def shown(scene: Scene) -> dict[str, Any]:
    [mirror] = scene.alice.get("mirrors")["items"]
    return dict(mirror)


def asked(scene: Scene, mark: int) -> list[str]:
    """What Google was asked since, by anybody but Ana herself at her own calendar."""
    return [f"{entry['method']} {entry['path']}" for entry in scene.google.journal(mark)]


def test_a_leavers_calendars_stop_at_once_and_nothing_asks_google_in_their_name(theirs: Scene) -> None:
    theirs.create("Before")
    suspend(theirs)
    mirror, mark = shown(theirs), theirs.google.mark()
    assert mirror["state"] == "paused" and "Bob Reis was suspended" in mirror["error"]["message"]
    page = theirs.alice.browser().get("/doctor").content.decode()
    assert page.count("Bob Reis was suspended") >= 2 and "is not available at Google" not in page
    page = theirs.alice.browser().post(f"/connections/{theirs.connection.uuid}/calendars", {"do": "start"})
    assert page.status_code == 422 and "Tick at least one calendar." in page.content.decode()
    theirs.alice.post("events", {"calendar": theirs.calendar, "summary": "Meanwhile", **_tomorrow()})
    theirs.google.settle(with_channels=True)
    theirs.google.check()
    identity, link = mirror["id"], str(theirs.connection.uuid)
    theirs.alice.call("POST", f"mirrors/{identity}/sync", {})
    assert theirs.alice.call("POST", f"mirrors/{identity}/resume", {}).status_code == 422
    assert theirs.alice.call("POST", f"mirrors/{identity}/check", {}).status_code == 409
    assert theirs.alice.call("GET", f"connections/{link}/calendars?refresh=true").status_code == 503
    assert theirs.alice.call("PUT", f"connections/{link}/calendars/{ANA}", {"mirrored": True}).status_code == 422
    choices = {"calendars": [{"google_id": ANA, "mode": "two_way"}]}
    assert theirs.alice.call("POST", f"connections/{link}/rehearse", choices).status_code == 503
    checks.reread_calendar_lists()
    checks.start_due()
    with pytest.raises(protocol.Transient):
        discovery.refresh(theirs.alice.account_id, theirs.connection.pk)
    for enabled in (False, True):
        theirs.alice.patch("account", {"calendar_enabled": enabled})
    theirs.google.settle(with_channels=True)
    assert asked(theirs, mark) == []
    assert shown(theirs)["state"] == "paused" and not MirrorRun.objects.filter(is_active=True).exists()


def test_an_event_of_a_leavers_calendar_stays_and_is_sent_when_they_are_back(theirs: Scene) -> None:
    event = theirs.create("Kept")
    suspend(theirs)
    theirs.alice.patch(f"events/{event['id']}", {"summary": "Kept, renamed"})
    theirs.ana.insert(summary="There meanwhile", **_google_tomorrow())
    theirs.google.settle()
    assert [item["summary"] for item in theirs.ana.list()].count("Kept") == 1
    suspend(theirs, False)
    theirs.google.settle()
    assert shown(theirs)["state"] in {"live", "polling"} and shown(theirs)["error"] is None
    assert sorted(item["summary"] for item in theirs.ana.list()) == ["Kept, renamed", "There meanwhile"]
    with tenant(theirs.alice.account_id):
        assert Event.objects.filter(calendar=theirs.mirror.calendar, deleted_at=None).count() == 2
    mark = theirs.google.mark()
    theirs.google.check()
    assert theirs.google.writes(mark) == []


def test_what_was_paused_by_hand_stays_paused_when_they_are_back(theirs: Scene) -> None:
    theirs.alice.post(f"mirrors/{shown(theirs)['id']}/pause")
    suspend(theirs)
    suspend(theirs, False)
    assert shown(theirs)["state"] == "paused" and not MirrorRun.objects.filter(is_active=True).exists()


def test_a_leaver_ends_at_every_door_and_does_not_come_back_by_an_old_one(theirs: Scene) -> None:
    cast, browser = theirs.cast, theirs.cast.bob.browser()
    with tenant(cast.account.pk):
        bob = Member.objects.select_related("user", "account").get(pk=cast.bob.member.pk)
        ticket = consent.issue_ticket(member=bob)
        invitation, _secret = consent.invite(member=bob, invited_by=cast.alice.member)
    suspend(theirs)
    assert browser.get("/calendar").status_code in {302, 403}
    assert cast.bob.call("GET", "account").status_code == 401
    with tenant(cast.account.pk):
        assert not Invitation.objects.filter(pk=invitation.pk).exists() and not Ticket.objects.exists()
    suspend(theirs, False)
    assert browser.get("/calendar").status_code in {302, 403}, "a sign-in of before"
    assert cast.bob.call("GET", "account").status_code == 401
    assert not ApiToken.objects.filter(member_id=cast.bob.member.pk, revoked_at=None).exists()
    again = cast.bob.browser()
    assert again.get("/calendar").status_code == 200
    assert again.get(f"/connections/google/start?ticket={ticket}").status_code == 409


def test_a_leaver_hosts_nothing_more_and_their_bookings_are_named(theirs: Scene) -> None:
    cast = theirs.cast
    page = make_page(cast.alice, hosts=[{"id": str(cast.bob.member.uuid)}], title="Talk to Bob")
    at = soon(days=5)
    cast.alice.post("bookings", VISITOR | {"page": page["id"], "start": text(at)})
    assert starts(cast.alice, page, at + timedelta(hours=2))
    suspend(theirs)
    assert starts(cast.alice, page, at + timedelta(hours=2)) == []
    [booking] = cast.alice.get("bookings")["items"]
    assert booking["state"] == "confirmed"
    said = cast.alice.get(f"members/{cast.bob.member.uuid}/suspend-preview")
    assert [row["id"] for row in said["bookings"]] == [booking["id"]]


def test_what_suspending_does_is_said_before_with_counts_and_names(theirs: Scene) -> None:
    cast = theirs.cast
    page = make_page(cast.alice, hosts=[{"id": str(cast.bob.member.uuid)}], title="Talk to Bob")
    cast.alice.post("bookings", VISITOR | {"page": page["id"], "start": text(soon(days=5))})
    said = cast.alice.get(f"members/{cast.bob.member.uuid}/suspend-preview")
    assert said["tokens"] == 1 and said["bookings_total"] == 1
    assert [(row["email"], len(row["calendars"])) for row in said["connections"]] == [(ANA, 1)]
    assert [row["title"] for row in said["booking_pages"]] == ["Talk to Bob"]
    browser = cast.alice.browser()
    browser.post("/password/again", {"password": PASSWORD})
    address = f"/settings/members/{cast.bob.member.uuid}/suspend"
    seen = browser.get(address).content.decode()
    assert all(word in seen for word in ("Bob Reis", ANA, "Talk to Bob", "Vera Visitor"))
    with tenant(cast.account.pk):
        assert not Member.objects.get(pk=cast.bob.member.pk).is_suspended, "looking changes nothing"
    browser.post(address)
    with tenant(cast.account.pk):
        assert Member.objects.get(pk=cast.bob.member.pk).is_suspended


def test_somebody_else_who_sees_the_calendar_takes_it_over_without_a_double(theirs: Scene) -> None:
    theirs.create("Carried on")
    boss = theirs.google.person("boss@acme.example")
    theirs.google.world.share(theirs.google.world.calendars[ANA], boss.email, "writer")
    bosses = theirs.google.connect(theirs.alice, boss.email)
    suspend(theirs)
    theirs.alice.get(f"connections/{bosses.uuid}/calendars?refresh=true")
    choose = f"connections/{bosses.uuid}/calendars/{ANA}"
    assert theirs.alice.call("PUT", choose, {"mirrored": True}).status_code == 200
    theirs.google.settle()
    mirror = shown(theirs)
    assert mirror["connection"] == str(bosses.uuid) and mirror["error"] is None and mirror["state"] != "paused"
    assert [item["summary"] for item in theirs.ana.list()] == ["Carried on"]
    with tenant(theirs.alice.account_id):
        assert Event.objects.filter(calendar=theirs.mirror.calendar, deleted_at=None).count() == 1
        assert Mirror.objects.get().calendar.owner_id == theirs.alice.member.pk


def test_who_authorises_a_leavers_account_anew_owns_it_from_then_on(theirs: Scene) -> None:
    suspend(theirs)
    theirs.google.connect(theirs.alice, ANA)
    theirs.google.settle()
    with tenant(theirs.alice.account_id):
        assert Connection.objects.get().owner_id == theirs.alice.member.pk
        assert Mirror.objects.get().calendar.owner_id == theirs.alice.member.pk
    assert shown(theirs)["state"] in {"live", "polling", "first_sync"} and shown(theirs)["error"] is None


def test_an_administrator_disconnects_what_a_leaver_connected(theirs: Scene) -> None:
    theirs.create("Native then")
    suspend(theirs)
    link = theirs.connection.uuid
    assert theirs.alice.get(f"connections/{link}/disconnect-preview")["events"] == 1
    theirs.alice.delete(f"connections/{link}?calendars=keep")
    theirs.google.settle()
    from conversa_calendar.connections.models import Disconnect
    from conversa_calendar.sync.mirrors import disconnecting

    with tenant(theirs.alice.account_id):
        record = Disconnect.objects.get()
    disconnecting.advance(theirs.alice.account_id, record.pk)
    with tenant(theirs.alice.account_id):
        record.refresh_from_db()
        assert record.revocation == "revoked" and not Connection.objects.exists()
        assert Event.objects.filter(deleted_at=None, summary="Native then").exists()


def test_nobody_is_mailed_that_a_leavers_calendar_is_out_of_date(theirs: Scene) -> None:
    suspend(theirs)
    with tenant(theirs.alice.account_id):
        Mirror.objects.update(last_sync_at=clock.now() - timedelta(days=2), stale_told_at=None)
    notices.tell_stale()
    with tenant(theirs.alice.account_id):
        assert Mirror.objects.get().stale_told_at is None


def test_suspending_twice_and_returning_twice_changes_nothing_more(theirs: Scene) -> None:
    for is_suspended in (True, True, False, False):
        with tenant(theirs.alice.account_id):
            bob = Member.objects.get(pk=theirs.cast.bob.member.pk)
            services.suspend_member(member=bob, is_suspended=is_suspended, by=grants.OPERATOR)
    theirs.google.settle()
    assert shown(theirs)["state"] in {"live", "polling"}
    assert Client().get("/calendar").status_code == 302


def _tomorrow() -> dict[str, Any]:
    day = (clock.now() + timedelta(days=1)).date()
    return {"start": {"date": day.isoformat()}, "end": {"date": (day + timedelta(days=1)).isoformat()}}


def _google_tomorrow() -> dict[str, Any]:
    return _tomorrow()
