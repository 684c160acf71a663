"""Whoever wrote what did not stand is told: where, what was lost, what stands instead, and how to have it back."""

from typing import Any

import pytest

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import outbox
from conversa_calendar.calendars.models import Notice, OutgoingMail
from tests.support.cast import Actor
from tests.sync.conftest import Scene


@pytest.fixture
def bob(scene: Scene) -> Actor:
    """Bob may edit the calendar."""
    bob = scene.cast.bob
    items = [{"kind": "agent", "id": str(bob.member.uuid), "level": "edit"}]
    scene.alice.put(f"calendars/{scene.calendar}/assignments", {"items": items})
    return bob


def clash(scene: Scene, who: Actor, **body: Any) -> dict[str, Any]:
    """An event whose title changes there while somebody here changes it too; Google's counts."""
    made = scene.create("a")
    scene.ana.patch(scene.remote_id(made["id"]), summary="theirs")
    who.patch(f"events/{made['id']}", {"summary": "ours"} | body)
    scene.google.check()
    return made


def notices(who: Actor) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = who.get("notices?unread=true")["items"]
    return found


def test_an_edit_that_lost_to_google_is_told_to_its_author_with_both_values(scene: Scene, bob: Actor) -> None:
    made = clash(scene, bob)
    [told] = notices(bob)
    assert (told["event"], told["summary"], told["can"]) == (made["id"], "theirs", "use")
    assert (told["lost"], told["instead"]) == ({"summary": "ours"}, {"summary": "theirs"})
    assert notices(scene.alice) == [] and notices(scene.cast.charlie) == []
    assert scene.cast.charlie.call("POST", f"notices/{told['id']}/read").status_code == 404
    page = bob.browser().get("/activity").content.decode()
    assert "ours" in page and f"/notices/{told['id']}/use" in page


def test_a_told_loss_is_told_once_and_goes_when_it_was_read(scene: Scene, bob: Actor) -> None:
    clash(scene, bob)
    for _again in range(3):
        scene.google.check()
    [told] = notices(bob)
    assert bob.call("POST", f"notices/{told['id']}/read").status_code == 204
    scene.google.check()
    assert notices(bob) == []
    assert bob.get("notices")["items"][0]["read"]
    assert f"/notices/{told['id']}" not in bob.browser().get("/activity").content.decode()


def test_the_authors_button_puts_the_edit_back_here_and_at_google(scene: Scene, bob: Actor) -> None:
    made = clash(scene, bob)
    [told] = notices(bob)
    assert bob.browser().post(f"/notices/{told['id']}/use").status_code == 302
    scene.google.settle()
    assert scene.ana.get(scene.remote_id(made["id"]))["summary"] == "ours"
    assert notices(bob) == []
    scene.assert_equal()


def test_the_history_button_ends_the_notice_as_well(scene: Scene, bob: Actor) -> None:
    made = clash(scene, bob)
    [told] = notices(bob)
    bob.post(f"events/{made['id']}/history/{told['history']}/use")
    assert notices(bob) == []


def test_an_edit_of_what_was_deleted_at_google_is_told_and_comes_back_with_its_event(scene: Scene, bob: Actor) -> None:
    made = scene.create("a")
    scene.ana.delete(scene.remote_id(made["id"]))
    bob.patch(f"events/{made['id']}", {"location": "Attic"})
    scene.google.check()
    [told] = notices(bob)
    assert (told["lost"], told["can"]) == ({"location": "Attic"}, "restore")
    bob.browser().post(f"/notices/{told['id']}/restore")
    scene.google.settle()
    assert scene.there()[0]["location"] == "Attic"
    assert notices(bob) == []


def test_google_losing_to_a_deletion_here_is_nobodys_loss_here(scene: Scene, bob: Actor) -> None:
    made = scene.create("a")
    scene.ana.patch(scene.remote_id(made["id"]), summary="edited there")
    bob.delete(f"events/{made['id']}")
    scene.google.settle()
    scene.google.check()
    assert notices(bob) == [] and notices(scene.alice) == []


def test_an_edit_that_comes_back_as_an_echo_is_no_loss(scene: Scene, bob: Actor) -> None:
    made = scene.create("a")
    bob.patch(f"events/{made['id']}", {"summary": "b", "location": "Attic"})
    scene.google.settle(with_channels=True)
    scene.google.check()
    assert notices(bob) == []


def test_two_authors_are_each_told_of_their_own_part_only_once(scene: Scene, bob: Actor) -> None:
    made = scene.create("a")
    scene.ana.patch(scene.remote_id(made["id"]), summary="theirs", location="theirs")
    bob.patch(f"events/{made['id']}", {"summary": "bob's"})
    scene.alice.patch(f"events/{made['id']}", {"location": "alice's"})
    scene.google.check()
    assert len(notices(bob)) == 1 and len(notices(scene.alice)) == 1


def test_what_became_private_to_somebody_else_is_told_as_busy(scene: Scene, bob: Actor) -> None:
    made = scene.create("a")
    scene.ana.patch(scene.remote_id(made["id"]), summary="SECRET", visibility="private")
    bob.patch(f"events/{made['id']}", {"summary": "ours"})
    scene.google.check()
    [told] = notices(bob)
    assert (told["summary"], told["lost"], told["instead"], told["can"]) == ("Busy", {}, {}, None)
    assert "SECRET" not in bob.browser().get("/activity").content.decode()


def test_who_no_longer_sees_the_calendar_is_shown_nothing_of_it(scene: Scene, bob: Actor) -> None:
    clash(scene, bob)
    scene.alice.put(f"calendars/{scene.calendar}/assignments", {"items": []})
    assert notices(bob) == []


def test_a_loss_is_mailed_to_those_only_who_chose_it(scene: Scene, bob: Actor) -> None:
    clash(scene, bob)
    with tenant(scene.alice.account_id):
        assert not OutgoingMail.objects.filter(topic="notice").exists()
        Notice.objects.all().delete()
    bob.browser().post("/settings/profile", {"name": "Bob Reis", "mails_shown": "1", "mails_losses": "on"})
    clash(scene, bob)
    mail = outbox.claim(scene.alice.account_id)
    assert mail is not None and mail.to == bob.member.user.email
    assert "ours" in mail.body and "theirs" in mail.subject
