"""A calendar is left while edits have not reached Google: they are named, sent first, or left behind by a person's word."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import Event
from conversa_calendar.kit import clock
from conversa_calendar.sync.models import Mirror
from tests.sync.conftest import ANA, Scene


@pytest.fixture
def waited(scene: Scene) -> Iterator[list[float]]:
    """Whoever waits lets the workers work meanwhile; answers how long was waited in all."""
    with _waiting(scene.google.settle) as total:
        yield total


@contextmanager
def _waiting(meanwhile: Any) -> Iterator[list[float]]:
    total = [0.0]

    def sleep(seconds: float) -> None:
        total[0] += seconds
        meanwhile()

    clock.use(steady=lambda: total[0], sleep=sleep)
    try:
        yield total
    finally:
        clock.use()


def unselect(scene: Scene, disposition: str = "keep", **body: str) -> Any:
    path = f"connections/{scene.connection.uuid}/calendars/{ANA}"
    return scene.alice.call("PUT", path, {"mirrored": False, "disposition": disposition} | body)


def is_mirrored(scene: Scene) -> bool:
    with tenant(scene.alice.account_id):
        return Mirror.objects.get(pk=scene.mirror.pk).is_selected


@pytest.mark.parametrize("disposition", ["keep", "remove"])
def test_unselecting_sends_first_what_was_typed_a_moment_ago(
    scene: Scene, waited: list[float], disposition: str
) -> None:
    made = scene.create("Standup")
    remote_id = scene.remote_id(made["id"])
    scene.patch(made["id"], {"location": "Attic"}, settle=False)
    answer = unselect(scene, disposition)
    assert answer.status_code == 200 and answer.json()["unsent"] == 0
    assert scene.ana.get(remote_id)["location"] == "Attic"
    assert not is_mirrored(scene) and waited[0] < 5


def test_what_cannot_be_sent_keeps_the_calendar_and_is_named(scene: Scene) -> None:
    made = scene.create("Standup")
    scene.patch(made["id"], {"location": "Attic"}, settle=False)
    with _waiting(lambda: None) as waited:
        answer = unselect(scene, "remove")
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["count"]) == (409, "unsent_changes", 1)
    assert problem["events"] == [
        {"id": made["id"], "summary": "Standup", "calendar": scene.mirror.calendar.name, "what": "edited"}
    ]
    assert 5 < waited[0] < 30, "it waited, and not for ever"
    assert is_mirrored(scene)
    scene.google.settle()
    assert scene.there()[0]["location"] == "Attic"
    scene.assert_equal()


def test_what_is_left_behind_is_kept_here_and_said(scene: Scene) -> None:
    made = scene.create("Standup")
    scene.patch(made["id"], {"location": "Attic"}, settle=False)
    answer = unselect(scene, unsent="leave")
    assert answer.status_code == 200 and answer.json()["unsent"] == 1
    assert scene.alice.get(f"events/{made['id']}")["location"] == "Attic"
    [entry] = [e for e in scene.alice.get(f"events/{made['id']}/history")["items"] if e["cause"] == "not sent"]
    assert entry["lost"] == {"location": "Attic"}
    scene.google.settle()
    assert "location" not in scene.there()[0]


def test_an_unknown_choice_leaves_nothing(scene: Scene) -> None:
    assert unselect(scene, unsent="maybe").status_code == 422
    assert is_mirrored(scene)


def test_private_titles_are_not_named_to_who_may_not_read_them(scene: Scene) -> None:
    made = scene.create("SECRET", visibility="private")
    scene.patch(made["id"], {"location": "Attic"}, settle=False)
    with tenant(scene.alice.account_id):
        Event.objects.update(private_for=scene.cast.bob.member)
    with _waiting(lambda: None):
        answer = unselect(scene)
    assert answer.json()["events"][0]["summary"] == "Busy"
    assert (
        "SECRET" not in scene.alice.browser().get(f"/connections/{scene.connection.uuid}/disconnect").content.decode()
    )


def test_the_page_names_what_waits_and_sends_it_first(scene: Scene, waited: list[float]) -> None:
    made = scene.create("Standup")
    remote_id = scene.remote_id(made["id"])
    scene.patch(made["id"], {"location": "Attic"}, settle=False)
    browser, path = scene.alice.browser(), f"/mirrors/{scene.mirror.uuid}/deselect"
    asked = browser.post(path, {"disposition": "keep"})
    assert asked.status_code == 409 and "Standup" in asked.content.decode()
    assert is_mirrored(scene) and waited[0] == 0, "first it asks"
    assert browser.post(path, {"disposition": "keep", "unsent": "send"}).status_code == 302
    assert scene.ana.get(remote_id)["location"] == "Attic" and not is_mirrored(scene)


def test_the_page_leaves_behind_by_a_persons_word(scene: Scene) -> None:
    made = scene.create("Standup")
    scene.patch(made["id"], {"location": "Attic"}, settle=False)
    path = f"/mirrors/{scene.mirror.uuid}/deselect"
    scene.alice.browser().post(path, {"disposition": "keep", "unsent": "leave"})
    assert not is_mirrored(scene)
    assert scene.alice.get(f"events/{made['id']}")["location"] == "Attic"


def test_disconnecting_sends_first_and_its_preview_names_what_waits(scene: Scene, waited: list[float]) -> None:
    made = scene.create("Standup")
    remote_id = scene.remote_id(made["id"])
    scene.patch(made["id"], {"location": "Attic"}, settle=False)
    preview = scene.alice.get(f"connections/{scene.connection.uuid}/disconnect-preview")
    assert preview["unsent"] == 1 and preview["unsent_changes"][0]["summary"] == "Standup"
    page = scene.alice.browser().get(f"/connections/{scene.connection.uuid}/disconnect").content.decode()
    assert "Standup" in page
    assert scene.alice.call("DELETE", f"connections/{scene.connection.uuid}?calendars=remove").status_code == 202
    assert scene.ana.get(remote_id)["location"] == "Attic"


def test_disconnecting_with_what_cannot_be_sent_needs_a_persons_word(scene: Scene) -> None:
    made = scene.create("Standup")
    scene.patch(made["id"], {"location": "Attic"}, settle=False)
    path = f"connections/{scene.connection.uuid}?calendars=keep"
    with _waiting(lambda: None):
        refused = scene.alice.call("DELETE", path)
    assert (refused.status_code, refused.json()["count"]) == (409, 1)
    with tenant(scene.alice.account_id):
        assert Mirror.objects.get(pk=scene.mirror.pk).connection is not None
    scene.google.settle()
    assert scene.there()[0]["location"] == "Attic", "it goes on as before"
    scene.patch(made["id"], {"location": "Cellar"}, settle=False)
    assert scene.alice.call("DELETE", f"{path}&unsent=leave").status_code == 202
    assert scene.alice.get(f"events/{made['id']}")["location"] == "Cellar"


def test_what_nobody_can_send_is_not_waited_for(scene: Scene) -> None:
    """A paused calendar: it is said at once."""
    made = scene.create("Standup")
    scene.alice.post(f"mirrors/{scene.mirror.uuid}/pause")
    scene.patch(made["id"], {"location": "Attic"}, settle=False)
    with _waiting(lambda: None) as waited:
        assert unselect(scene).status_code == 409
    assert waited[0] == 0
