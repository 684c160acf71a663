"""Booked events moved to and fro between two calendars at Google, over real processes: both calendars are notified, the
workers of two machines read them, and neither an identity nor a booking is lost, nor does any visitor hear of it.

`MOVES=1000` for the long run; CI takes a short one.
"""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.processes import Installation, running, until

pytestmark = pytest.mark.processes
ANA = "ana@acme.example"
BOOKINGS = 10
MOVES = int(os.environ.get("MOVES", "60"))


@dataclass
class Diary:
    """Ana's two calendars, mirrored here, and the visitors' bookings in them."""

    installation: Installation
    token: str
    google_token: str
    places: list[tuple[str, str]]
    """(id at Google, id here)"""
    bookings: list[dict[str, Any]]

    def api(self, method: str, path: str, body: Any = None) -> Any:
        return self.installation.api(method, path, self.token, body)

    def listed(self, place: int) -> dict[str, str]:
        """The living events of a calendar at Google: iCalendar UID by id."""
        path = f"/calendar/v3/calendars/{quote(self.places[place][0])}/events?maxResults=250"
        items = self.installation.at_google(path, method="GET", token=self.google_token)["items"]
        return {item["id"]: item["iCalUID"] for item in items if item["status"] != "cancelled"}

    def move_all(self, source: int, target: int) -> int:
        """Ana moves everything at once; answers how many events."""
        here, there = (quote(self.places[place][0]) for place in (source, target))
        events = self.listed(source)
        for event in events:
            path = f"/calendar/v3/calendars/{here}/events/{event}/move?destination={there}"
            self.installation.at_google(path, {}, token=self.google_token)
        return len(events)

    def places_here(self) -> Counter[str]:
        """How many booked events stand in which calendar here; one that cannot be read counts as lost."""
        found: Counter[str] = Counter()
        for booking in self.bookings:
            event = self.api("GET", f"events/{booking['event']}")
            is_whole = [one["kind"] for one in event["references"]] == ["booking"]
            found[event["calendar"] if is_whole else "without its reference"] += 1
        return found

    def states(self) -> Counter[str]:
        return Counter(self.api("GET", f"bookings/{booking['id']}")["state"] for booking in self.bookings)

    def mails(self) -> int:
        """How many mails visitors have got."""
        folder = self.installation.home / "mail"
        return sum(path.read_text().count("\nTo: visitor") for path in folder.iterdir()) if folder.exists() else 0


@pytest.fixture
def diary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Diary]:
    with running(tmp_path_factory.mktemp("moves")) as installation:
        installation.start_worker("elsewhere")
        made = installation.create_account("A", "a@acme.example")
        token = made["api_token"]
        installation.at_google("/_emulator/accounts", {"email": ANA, "time_zone": "UTC"})
        asked = {"email": ANA, "scopes": ["calendar"]}
        google_token = installation.at_google("/_emulator/tokens", asked)["access_token"]
        second = installation.at_google("/calendar/v3/calendars", {"summary": "Second"}, token=google_token)["id"]
        installation.connect("a@acme.example", ANA)
        [connection] = installation.api("GET", "connections", token)["items"]
        places = []
        for remote_id in (ANA, second):
            path = f"connections/{connection['id']}/calendars/{quote(remote_id)}"
            places.append((remote_id, installation.api("PUT", path, token, {"mirrored": True})["calendar"]))
        until(lambda: all(row["progress"]["done"] for row in installation.api("GET", "mirrors", token)["items"]))
        diary = Diary(installation, token, google_token, places, [])
        diary.bookings = _booked(diary, made["member"])
        until(lambda: len(diary.listed(0)) == BOOKINGS)
        yield diary


def _booked(diary: Diary, host: str) -> list[dict[str, Any]]:
    page = {"title": "Call", "weekly": [[[0, 1440]]] * 7, "notice": 0, "time_zone": "UTC", "is_published": True}
    page |= {"location": {"kind": "phone", "value": ""}, "hosts": [{"id": host, "calendar": diary.places[0][1]}]}
    made = diary.api("POST", "booking-pages", page)["id"]
    first = (datetime.now(UTC) + timedelta(days=3)).replace(hour=8, minute=0, second=0, microsecond=0)
    found = []
    for number in range(BOOKINGS):
        visitor = {"name": f"Visitor {number}", "email": f"visitor{number}@else.example", "time_zone": "UTC"}
        start = (first + timedelta(hours=number)).isoformat()
        found.append(diary.api("POST", "bookings", {"page": made, "start": start} | visitor))
    return found


def test_bookings_moved_at_google_again_and_again_stay_the_ones_they_are(diary: Diary) -> None:
    known, source, target, moves = diary.listed(0), 0, 1, 0
    until(lambda: diary.mails() == BOOKINGS, missing=diary.mails)
    while moves < MOVES:
        moves += diary.move_all(source, target)
        wanted = {diary.places[target][1]: BOOKINGS}
        until(lambda wanted=wanted: diary.places_here() == wanted, missing=diary.places_here)
        assert diary.states() == {"confirmed": BOOKINGS}
        assert (diary.listed(source), diary.listed(target)) == ({}, known)
        source, target = target, source
    assert diary.api("GET", "trash")["items"] == []
    assert diary.mails() == BOOKINGS, "a visitor heard of a move"
