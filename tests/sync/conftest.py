"""A mirrored calendar of Ana's, seen by Alice, with Ana at Google."""

from dataclasses import dataclass
from typing import Any

import pytest

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import Event
from conversa_calendar.connections import discovery
from conversa_calendar.connections.models import Connection
from conversa_calendar.domain.event import changed_units
from conversa_calendar.sync.links import linking
from conversa_calendar.sync.models import Link, Mirror, MirrorRun
from tests.support.cast import Actor, Cast
from tests.support.google import Google, Person, at

ANA = "ana@acme.example"


@dataclass
class Scene:
    google: Google
    alice: Actor
    cast: Cast
    ana: Person
    connection: Connection
    mirror: Mirror

    @property
    def calendar(self) -> str:
        return str(self.mirror.calendar.uuid)

    def create(self, summary: str, start: str = "2026-12-01T09:00:00-03:00", **body: Any) -> dict[str, Any]:
        """An event made here and sent."""
        times = {"start": {"date_time": start, "time_zone": "America/Sao_Paulo"}} | body
        found: dict[str, Any] = self.alice.post("events", {"calendar": self.calendar, "summary": summary, **times})
        self.google.settle()
        return found

    def create_and_lose(self, summary: str) -> tuple[dict[str, Any], str]:
        """An event made here that Ana has deleted at Google, with its id there."""
        event = self.create(summary)
        remote_id = self.remote_id(event["id"])
        self.ana.delete(remote_id)
        self.google.check()
        return event, remote_id

    def create_unanswered(self, goal: str, **body: Any) -> tuple[dict[str, Any], str]:
        """An event whose creation at Google was never answered, moved to another calendar here; and its id there."""
        times = {"start": {"date_time": "2026-12-01T09:00:00-03:00", "time_zone": "America/Sao_Paulo"}} | body
        match = {"method": "POST", "path": "*/events"}
        self.google.control("faults", {"match": match, "effect": {"drop": "after_commit"}, "times": 1})
        event: dict[str, Any] = self.alice.post("events", {"calendar": self.calendar, "summary": "Walk", **times})
        self.google.settle_once()
        self.patch(event["id"], {"calendar": goal}, settle=False)
        [late] = self.ana.list()
        MirrorRun.objects.update(next_check_at=None, next_attempt_at=None)
        return event, str(late["id"])

    def list_before_sending(self) -> None:
        """As after a failure: the calendar has to answer before anything is sent to it."""
        with tenant(self.alice.account_id):
            Mirror.objects.filter(pk=self.mirror.pk).update(failures=1)

    def patch(self, event: str, body: dict[str, Any], query: str = "", settle: bool = True) -> Any:
        found = self.alice.patch(f"events/{event}{query}", body)
        if settle:
            self.google.settle()
        return found

    def here(self, since: str = "2026-11-01T00:00:00Z", until: str = "2027-03-01T00:00:00Z") -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.alice.get(f"events?from={since}&to={until}&calendar={self.calendar}")[
            "items"
        ]
        return items

    def there(self) -> list[dict[str, Any]]:
        """What stands at Google now, expanded into occurrences."""
        path = "calendars/primary/events?singleEvents=true&timeMin=2026-11-01T00:00:00Z&timeMax=2027-03-01T00:00:00Z&maxResults=2500"
        items: list[dict[str, Any]] = self.ana.call("GET", path)["items"]
        return items

    def another_calendar(self, name: str = "B") -> Mirror:
        """A further calendar of Ana's, mirrored too."""
        google_id = self.ana.call("POST", "calendars", {"summary": name, "timeZone": "UTC"})["id"]
        discovery.refresh(self.alice.account_id, self.connection.pk)
        return self.google.mirror(self.alice, self.connection, google_id)

    def remote_id(self, event: str) -> str:
        return str(self.alice.get(f"events/{event}")["sync"]["google_event_id"])

    def assert_equal(self) -> None:
        """Both sides show the same occurrences, every link's base equals the event, and nothing more is written."""
        assert occurrences_here(self.here()) == occurrences_there(self.there())
        with tenant(self.alice.account_id):
            for link in Link.objects.filter(mirror=self.mirror, tombstoned_at=None).exclude(event=None):
                event = Event.objects.get(pk=link.event_id)
                base = linking.base_of(link)
                assert event.deleted_at is None and not event.is_unsettled and link.intent is None, event.summary
                assert base is None or not changed_units(base, event.content), event.summary
        mark = self.google.mark()
        for _check in range(10):
            self.google.check()
        assert self.google.writes(mark) == []


def occurrences_here(items: list[dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    from datetime import UTC, datetime

    def text(value: dict[str, str]) -> str:
        return value.get("date") or datetime.fromisoformat(value["date_time"]).astimezone(UTC).isoformat()

    return sorted((i["summary"], text(i["start"]), text(i["end"]), i["location"]) for i in items)


def occurrences_there(items: list[dict[str, Any]]) -> list[tuple[str, str, str, str]]:
    from datetime import UTC, datetime

    def text(value: dict[str, str]) -> str:
        return value.get("date") or datetime.fromisoformat(value["dateTime"]).astimezone(UTC).isoformat()

    return sorted((i.get("summary", ""), text(i["start"]), text(i["end"]), i.get("location", "")) for i in items)


@pytest.fixture
def scene(cast: Cast, google: Google) -> Scene:
    ana = google.person(ANA)
    connection = google.connect(cast.alice, ANA)
    mirror = google.mirror(cast.alice, connection, ANA)
    return Scene(google, cast.alice, cast, ana, connection, mirror)


__all__ = ["ANA", "Scene", "at"]
