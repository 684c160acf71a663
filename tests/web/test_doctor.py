"""The doctor's page: each troubleshooting question of the guide is provoked, named, and repaired by its button."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

import conversa_calendar
from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import Event
from conversa_calendar.connections import tokens
from conversa_calendar.connections.models import Connection
from conversa_calendar.dashboard.templatetags.conversa import cause_words
from conversa_calendar.kit import clock
from conversa_calendar.sync.mirrors import held
from conversa_calendar.sync.models import Mirror
from tests.support.cast import Cast
from tests.support.google import Google, at
from tests.sync.conftest import ANA, Scene, scene

__all__ = ["scene"]


def _page(browser: Client) -> str:
    answer = browser.get("/doctor")
    assert answer.status_code == 200
    return answer.content.decode()


def _finding(page: str, question: str, words: str) -> str:
    """The one line under a question that holds these words."""
    part = page.partition(f'id="{question}"')[2].partition("</details>")[0]
    [found] = [line for line in part.split("<li")[1:] if words in line]
    return found


def _press(browser: Client, finding: str) -> None:
    [action] = re.findall(r'action="(/doctor/[^"]+)"', finding)
    assert browser.post(action).status_code == 302


def test_nothing_connected_names_the_step_and_leads_there(cast: Cast) -> None:
    page = _page(cast.alice.browser())
    assert 'href="/connections"' in _finding(page, "no-events", "No Google account is connected yet.")


def test_nothing_selected_leads_to_the_choice(cast: Cast, google: Google) -> None:
    google.person(ANA)
    connection = google.connect(cast.alice, ANA)
    found = _finding(_page(cast.alice.browser()), "no-events", "Nothing is selected")
    assert f'href="/connections/{connection.uuid}/calendars"' in found


def test_a_hidden_calendar_is_shown_again(scene: Scene) -> None:
    browser = scene.alice.browser()
    browser.post(f"/calendars/{scene.calendar}/toggle")
    _press(browser, _finding(_page(browser), "no-events", "You have hidden this calendar"))
    assert "You have hidden this calendar" not in _page(browser)


def test_a_vanished_event_is_found_in_the_trash(scene: Scene) -> None:
    event = scene.ana.insert(summary="Review", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"))
    scene.google.check()
    scene.ana.call("DELETE", f"calendars/primary/events/{event['id']}")
    scene.google.check()
    assert 'href="/trash"' in _finding(_page(scene.alice.browser()), "vanished", "1 events were deleted at Google")


def test_an_event_doubled_by_hand_loses_its_copy_on_both_sides(scene: Scene) -> None:
    for _copy in range(2):
        scene.ana.insert(summary="Review", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00"))
    scene.google.check()
    browser = scene.alice.browser()
    mails = len(scene.google.world.mails)
    _press(browser, _finding(_page(browser), "vanished", "stands twice"))
    scene.google.settle()
    assert [e["summary"] for e in scene.here()] == ["Review"]
    assert "stands twice" not in _page(browser) and len(scene.google.world.mails) == mails
    scene.assert_equal()


def test_what_concerns_others_is_no_copy_to_be_taken_away(scene: Scene) -> None:
    times = {"start": at("2026-12-03T09:00:00"), "end": at("2026-12-03T10:00:00")}
    for room in ("A", "B"):
        scene.ana.insert(summary="Shift", location=room, **times)
        scene.ana.insert(summary="Talk", attendees=[{"email": "guest@else.example"}], **times)
        scene.create("Booked", references=[{"kind": "booking", "id": room, "title": "", "url": ""}])
    scene.google.check()
    assert "stands twice" not in _page(scene.alice.browser())


def test_the_last_one_stays_though_an_old_page_still_calls_it_a_copy(scene: Scene) -> None:
    made = [scene.create("Review"), scene.create("Review")]
    browser = scene.alice.browser()
    finding = _finding(_page(browser), "vanished", "stands twice")
    [kept] = [event["id"] for event in made if event["id"] in finding]
    [gone] = [event["id"] for event in made if event["id"] != kept]
    scene.alice.call("DELETE", f"events/{gone}")
    _press(browser, finding)
    assert [event["id"] for event in scene.here()] == [kept]
    assert "so it stays" in _page(browser)


def test_a_private_event_doubled_is_not_named(scene: Scene) -> None:
    for _copy in range(2):
        scene.ana.insert(
            summary="CANARY", visibility="private", start=at("2026-12-03T09:00:00"), end=at("2026-12-03T10:00:00")
        )
    scene.google.check()
    assert "CANARY" not in _page(scene.alice.browser())


def test_a_revoked_grant_offers_to_reconnect(scene: Scene) -> None:
    tokens.mark_dead(scene.alice.account_id, scene.connection.pk, "invalid_grant")
    page = _page(scene.alice.browser())
    found = _finding(page, "authorisation", "Google ended the authorisation")
    assert f'name="reconnect" value="{scene.connection.uuid}"' in found and "Something needs attention" in page
    assert "waits until its Google account is connected again" in _finding(page, "late", ANA)


def test_refused_notifications_are_asked_for_again(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "PUBLIC_URL", "https://calendar.example")
    monkeypatch.setattr("conversa_calendar.sync.explain.doctor._answers", lambda address: True)
    with tenant(scene.alice.account_id):
        Mirror.objects.update(push_refused="push.webhookUrlUnauthorized", push_refused_at=clock.now())
    browser = scene.alice.browser()
    _press(browser, _finding(_page(browser), "late", "Google refuses to notify"))
    scene.google.settle(with_channels=True)
    assert "Google will notify changes" in _page(browser) or "Google notifies changes" in _page(browser)


def test_an_address_that_does_not_answer_is_named(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "PUBLIC_URL", "https://127.0.0.1:9")
    assert "https://127.0.0.1:9 does not answer from here." in _page(cast.alice.browser())


def test_a_paused_calendar_is_resumed(scene: Scene) -> None:
    browser = scene.alice.browser()
    browser.post(f"/mirrors/{scene.mirror.uuid}/pause")
    _press(browser, _finding(_page(browser), "late", "was paused by a person"))
    assert "was paused by a person" not in _page(browser)


def test_the_diagnostic_file_holds_no_secret_no_address_and_no_text(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "PUBLIC_URL", "https://calendar.example")
    monkeypatch.setattr("conversa_calendar.sync.explain.doctor._answers", lambda address: True)
    scene.create("CANARY", description="CANARY", location="CANARY")
    with tenant(scene.alice.account_id):
        connection = Connection.objects.get()
        secrets = [connection.refresh_token, connection.access_token, connection.sealed_refresh_token]
        names = [scene.mirror.calendar.name, ANA, connection.sub]
    text = scene.alice.browser().get("/doctor/file").content.decode()
    assert str(scene.mirror.uuid) in text and '"is_good"' in text
    assert not [word for word in ["CANARY", "calendar.example", *secrets, *names] if word in text]


def test_why_an_event_is_here_busy_and_not_yet_at_google(scene: Scene) -> None:
    made = scene.create("Review", transparency="transparent")
    browser = scene.alice.browser()
    shown = browser.get(f"/events/{made['id']}").content.decode()
    assert "made it here on" in shown and "It is shown as free." in shown and "Both sides are the same." in shown
    browser.post(f"/mirrors/{scene.mirror.uuid}/pause")
    scene.patch(made["id"], {"summary": "Later"}, settle=False)
    assert "Its calendar is paused." in browser.get(f"/events/{made['id']}").content.decode()


def test_everything_that_happens_to_events_has_words() -> None:
    sources = Path(conversa_calendar.__file__).parent.rglob("*.py")
    causes = {cause for path in sources for cause in re.findall(r'\bcause="([^"]+)"', path.read_text())}
    causes |= {f"held: {action}" for action in held.ACTIONS} | {"created", "parked", "refused"}
    assert len(causes) > 15 and [cause for cause in causes if cause_words(cause) == cause] == []


def test_activity_shows_what_each_member_may_see(scene: Scene) -> None:
    event = scene.create("CANARY", visibility="private")
    scene.ana.patch(scene.remote_id(event["id"]), summary="CANARY two")
    scene.google.check()
    mine = scene.alice.browser().get("/activity?who=remote").content.decode()
    assert "CANARY two" in mine and "Changed" in mine and "Title" in mine
    scene.alice.put(
        f"calendars/{scene.calendar}/assignments",
        {"items": [{"kind": "agent", "id": str(scene.cast.bob.member.uuid), "level": "details"}]},
    )
    theirs = scene.cast.bob.browser().get("/activity").content.decode()
    assert "CANARY" not in theirs and "Busy" in theirs
    assert scene.alice.browser().get("/activity?who=nobody").status_code == 404


@pytest.mark.parametrize(
    ("language", "title"), [("en", "Assign calendars"), ("pt-br", "Atribuir agendas"), ("es", "Asignar calendarios")]
)
def test_the_guide_is_served_with_links_and_pictures(cast: Cast, language: str, title: str) -> None:
    browser = cast.bob.browser()
    with tenant(cast.account.pk):
        Member.objects.filter(pk=cast.bob.member.pk).update(language=language)
    for topic in ("start", "connect", "choose", "assign", "conflicts", "troubleshooting", "disconnect"):
        text = browser.get(f"/help/{topic}").content.decode()
        assert "<h1>" in text and (f"<h1>{title}" in text) == (topic == "assign")
        for link in re.findall(r"<article.*?</article>", text, re.S)[0].split('href="')[1:]:
            assert browser.get(f"/help/{link.partition(chr(34))[0]}").status_code == 200
        assert 'src="../' not in text
        for picture in re.findall(r'src="(pictures/[^"]+)"', text):
            assert browser.get(f"/help/{picture}").status_code == 200
    assert browser.get("/help/nothing").status_code == 404


def test_an_event_that_waits_for_another_attempt_says_when(scene: Scene) -> None:
    made = scene.create("Review")
    with tenant(scene.alice.account_id):
        Event.objects.filter(uuid=made["id"]).update(sync_state="pending")
        Mirror.objects.update(error_message="Google had trouble; it is tried again by itself.")
    shown = scene.alice.browser().get(f"/events/{made['id']}").content.decode()
    assert "it is tried again by itself" in shown
