"""Reading ahead in a long listing: every page asked for once, and trouble with one met where it is due."""

from collections import Counter
from datetime import date, timedelta

import pytest
from django.conf import settings

from conversa_calendar.sync.pull import ahead
from tests.support.google import InProcess, at
from tests.sync.conftest import Scene

EVENTS = 24
FIRST = date(2026, 12, 1)


@pytest.fixture
def listed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A calendar of many small pages that has to be listed again, by a transport that takes calls from two threads."""
    for n in range(EVENTS):
        day = FIRST + timedelta(days=n)
        scene.ana.insert(summary=f"e{n}", start=at(f"{day}T09:00:00"), end=at(f"{day}T10:00:00"))
    scene.google.control("expire-sync-tokens", {})
    monkeypatch.setattr(settings, "GOOGLE_PAGE_SIZE", 2)
    monkeypatch.setattr(InProcess, "is_concurrent", True)
    return scene


def test_each_page_is_asked_for_once(listed: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    plain = ahead.PageAhead.take
    monkeypatch.setattr(ahead.PageAhead, "take", lambda self, query: read.append(query["page"]) or plain(self, query))
    mark = listed.google.mark()
    listed.google.check()
    pages = Counter(entry["query"].get("pageToken") for entry in _lists(listed, mark))
    assert len(listed.here()) == EVENTS
    assert len(read) == EVENTS // 2 - ahead.AFTER_PAGES and set(read) <= set(pages)
    assert max(count for token, count in pages.items() if token) == 1
    listed.assert_equal()


@pytest.mark.parametrize(
    "effect", [{"status": 503}, {"status": 401, "reason": "authError"}, {"drop": "before"}, {"body": "<html>"}]
)
def test_trouble_with_a_page_read_ahead_delays_nothing_else(listed: Scene, effect: dict[str, object]) -> None:
    match = {"path": "/calendar/v3/calendars/*/events", "method": "GET", "nth": ahead.AFTER_PAGES + 3}
    listed.google.control("faults", {"match": match, "effect": effect, "times": 1})
    listed.google.check()
    assert len(listed.here()) == EVENTS
    listed.assert_equal()


def _lists(scene: Scene, mark: int) -> list[dict[str, object]]:
    return [e for e in scene.google.journal(mark) if e["method"] == "GET" and e["path"].endswith("/events")]
