"""A native calendar goes into a new Google calendar: one permission more, one calendar there, nobody mailed."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import Calendar, Event
from conversa_calendar.connections.models import Connection
from conversa_calendar.kit import clock
from conversa_calendar.sync.models import Mirror
from tests.sync.conftest import Scene

GUEST = "guest@elsewhere.example"


@pytest.fixture
def native(scene: Scene) -> str:
    """A calendar that lives only here, with a series, a changed occurrence, a guest and a deleted event."""
    uuid = str(scene.alice.post("calendars", {"name": "Support", "time_zone": "America/Sao_Paulo"})["id"])
    times = {"start": {"date_time": "2026-12-01T09:00:00-03:00", "time_zone": "America/Sao_Paulo"}}

    def make(summary: str, **more: Any) -> str:
        return str(scene.alice.post("events", {"calendar": uuid, "summary": summary, **times, **more})["id"])

    series = make("Series", recurrence=["RRULE:FREQ=DAILY;COUNT=3"])
    scene.alice.patch(f"events/{series}?scope=this&occurrence=2026-12-02T12%3A00%3A00Z", {"location": "Room"})
    make("With a guest", attendees=[{"email": GUEST}])
    scene.alice.delete(f"events/{make('Gone')}")
    return uuid


def _allow(scene: Scene, browser: Client, uuid: str) -> Any:
    """The button of the page, and Google's consent screen with every box ticked where that is asked for."""
    path = reverse("publish", args=[uuid])
    answer = browser.post(path, {"connection": str(scene.connection.uuid)})
    if "/o/oauth2/" in answer.headers.get("Location", ""):
        scene.google.control("consent", {"email": scene.ana.email, "times": 1})
        parts = urlsplit(answer.headers["Location"])
        home = urlsplit(scene.google.client.get(f"{parts.path}?{parts.query}").headers["Location"])
        answer = browser.get(f"{home.path}?{home.query}")
        assert answer.headers["Location"] == path, "back to what was being done"
    return answer


def _press(scene: Scene, browser: Client, uuid: str) -> Any:
    """Allowed where need be, and the button once more."""
    path = reverse("publish", args=[uuid])
    answer = _allow(scene, browser, uuid)
    if answer.headers.get("Location") == path:
        answer = browser.post(path, {"connection": str(scene.connection.uuid)})
    scene.google.settle()
    return answer


def _mirror(scene: Scene, uuid: str) -> Mirror:
    with tenant(scene.alice.account_id):
        return Mirror.objects.select_related("calendar").get(calendar__uuid=uuid)


def _there(scene: Scene, mirror: Mirror) -> list[tuple[str, str]]:
    path = f"calendars/{mirror.remote_id}/events?singleEvents=true"
    return sorted((item["summary"], item.get("location", "")) for item in scene.ana.call("GET", path)["items"])


EVERYTHING = [("Series", ""), ("Series", ""), ("Series", "Room"), ("With a guest", "")]


def test_one_click_and_one_permission_put_everything_into_a_new_google_calendar(scene: Scene, native: str) -> None:
    browser = scene.alice.browser()
    page = browser.get(reverse("publish", args=[native])).content.decode()
    assert "(2 events)" in page and "Upcoming events with guests: 1." in page
    with tenant(scene.alice.account_id):
        ids = set(Event.objects.filter(deleted_at=None, calendar__uuid=native).values_list("uuid", flat=True))
    answer = _press(scene, browser, native)
    assert answer.status_code == 302, answer.content
    mirror = _mirror(scene, native)
    assert _there(scene, mirror) == EVERYTHING
    assert scene.google.world.mails == []
    with tenant(scene.alice.account_id):
        assert set(Event.objects.filter(deleted_at=None, calendar__uuid=native).values_list("uuid", flat=True)) == ids
        assert Connection.objects.count() == 1
    shown = scene.alice.get(f"calendars/{native}")
    assert shown["name"] == "Support"
    mark = scene.google.mark()
    for _check in range(5):
        scene.google.check()
    assert scene.google.writes(mark) == []
    made = scene.ana.insert(mirror.remote_id, summary="There", start={"date": "2026-12-20"}, end={"date": "2026-12-21"})
    scene.google.check()
    span = "from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z"
    names = [item["summary"] for item in scene.alice.get(f"events?{span}&calendar={native}")["items"]]
    assert made["summary"] in names


def test_the_first_sync_of_a_new_connection_does_not_ask_for_the_permission(scene: Scene) -> None:
    with tenant(scene.alice.account_id):
        assert not any("app.created" in scope for scope in Connection.objects.get().scopes)


def test_an_answer_lost_by_google_makes_no_second_calendar(scene: Scene, native: str) -> None:
    browser = scene.alice.browser()
    fault = {
        "match": {"method": "POST", "path": "/calendar/v3/calendars"},
        "effect": {"drop": "after_commit"},
        "times": 1,
    }
    scene.google.control("faults", fault)
    assert _press(scene, browser, native).status_code == 422
    assert _press(scene, browser, native).status_code == 302
    named = [c for c in scene.ana.call("GET", "users/me/calendarList")["items"] if c["summary"] == "Support"]
    assert len(named) == 1 and named[0]["id"] == _mirror(scene, native).remote_id
    assert _there(scene, _mirror(scene, native)) == EVERYTHING


def test_two_people_at_once_make_one_calendar(scene: Scene, native: str) -> None:
    browser = scene.alice.browser()
    with tenant(scene.alice.account_id):
        Calendar.objects.filter(uuid=native).update(publishing_since=clock.now())
    answer = _press(scene, browser, native)
    assert answer.status_code == 422 and "Somebody is just putting" in answer.content.decode()


def test_what_is_mirrored_already_or_was_is_not_put_into_another(scene: Scene, native: str) -> None:
    browser = scene.alice.browser()
    assert browser.get(reverse("publish", args=[scene.calendar])).status_code == 404
    _press(scene, browser, native)
    mirror = _mirror(scene, native)
    path = f"connections/{scene.connection.uuid}/calendars/{mirror.remote_id}"
    scene.alice.put(path, {"mirrored": False, "disposition": "keep"})
    answer = _press(scene, browser, native)
    assert answer.status_code == 422 and "choose that one again" in answer.content.decode()
    scene.alice.put(path, {"mirrored": True})
    scene.google.settle()
    assert _there(scene, mirror) == EVERYTHING


def test_the_api_does_it_too_once_google_allows_it(scene: Scene, native: str) -> None:
    body = {"connection": str(scene.connection.uuid)}
    refused = scene.alice.call("POST", f"calendars/{native}/publish", body)
    assert refused.status_code == 409 and refused.json()["code"] == "permission_needed"
    _allow(scene, scene.alice.browser(), native)
    answer = scene.alice.call("POST", f"calendars/{native}/publish", body)
    assert answer.status_code == 201 and answer.json()["calendar"] == native
    scene.google.settle()
    assert _there(scene, _mirror(scene, native)) == EVERYTHING


def test_what_was_private_to_a_colleague_before_is_not_read_in_history_by_whose_google_it_goes_into(
    scene: Scene, native: str
) -> None:
    bob = scene.cast.bob
    items = [{"kind": "agent", "id": str(bob.member.uuid), "level": "edit"}]
    scene.alice.put(f"calendars/{native}/assignments", {"items": items})
    start = {"date_time": "2026-12-01T09:00:00-03:00", "time_zone": "America/Sao_Paulo"}
    event = bob.post("events", {"calendar": native, "summary": "x", "start": start, "visibility": "private"})["id"]
    bob.patch(f"events/{event}", {"summary": "CANARY"})
    bob.patch(f"events/{event}", {"summary": "Out", "visibility": "default"})
    _press(scene, scene.alice.browser(), native)
    assert scene.alice.get(f"events/{event}")["summary"] == "Out"
    for path in (f"/events/{event}/history", "/activity"):
        assert "CANARY" not in scene.alice.browser().get(path).content.decode()
    assert "CANARY" not in str(scene.alice.get(f"events/{event}/history"))
    assert "CANARY" in str(bob.get(f"events/{event}/history"))


def test_agents_and_other_accounts_cannot(scene: Scene, native: str) -> None:
    for actor in (scene.cast.bob, scene.cast.charlie):
        assert actor.browser().get(reverse("publish", args=[native])).status_code in {403, 404}
        body = {"connection": str(scene.connection.uuid)}
        assert actor.call("POST", f"calendars/{native}/publish", body).status_code in {403, 404}
