"""An unmodified google-api-python-client works at "Google" while the product mirrors; all fields end equal."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from tests.support.processes import Installation, running, until
from tests.sync.conftest import occurrences_here, occurrences_there

pytestmark = pytest.mark.processes
ANA = "ana@acme.example"
ZONE = "America/Sao_Paulo"


class Both:
    """Ana at Google through the official client, Alice here through the API."""

    def __init__(self, installation: Installation, google: Any, token: str, calendar: str, mirror: str) -> None:
        self.installation, self.google, self.token, self.calendar, self.mirror = (
            installation,
            google,
            token,
            calendar,
            mirror,
        )

    def here(self) -> list[dict[str, Any]]:
        path = f"events?from=2026-11-01T00:00:00Z&to=2027-03-01T00:00:00Z&calendar={self.calendar}"
        items: list[dict[str, Any]] = self.installation.api("GET", path, self.token)["items"]
        return items

    def there(self) -> list[dict[str, Any]]:
        found = self.google.events().list(
            calendarId="primary",
            singleEvents=True,
            timeMin="2026-11-01T00:00:00Z",
            timeMax="2027-03-01T00:00:00Z",
            maxResults=2500,
        )
        items: list[dict[str, Any]] = found.execute()["items"]
        return items

    def api(self, method: str, path: str, body: Any = None) -> Any:
        return self.installation.api(method, path, self.token, body)

    def become_one(self) -> None:
        def is_equal() -> bool:
            self.api("POST", f"mirrors/{self.mirror}/sync?wait_s=20", {})
            return occurrences_here(self.here()) == occurrences_there(self.there())

        def apart() -> Any:
            here, there = occurrences_here(self.here()), occurrences_there(self.there())
            state = self.api("GET", f"mirrors/{self.mirror}")
            return [one for one in here if one not in there], [one for one in there if one not in here], state

        until(is_equal, timeout_s=100, missing=apart)  # a minute, where the checks have used the share of a minute
        report = self.api("POST", f"mirrors/{self.mirror}/check")
        assert report["checked"] == report["equal"] and report["repaired"] == [], report


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    from google.oauth2.credentials import Credentials

    with running(Path(tmp_path_factory.mktemp("both"))) as installation:
        token = installation.create_account("A", "a@acme.example")["api_token"]
        installation.at_google("/_emulator/accounts", {"email": ANA, "time_zone": ZONE})
        access = installation.at_google("/_emulator/tokens", {"email": ANA})["access_token"]
        installation.connect("a@acme.example", ANA)
        [connection] = installation.api("GET", "connections", token)["items"]
        path = f"connections/{connection['id']}/calendars/{ANA}"
        mirror = installation.api("PUT", path, token, {"mirrored": True})
        google = build(
            "calendar",
            "v3",
            credentials=Credentials(token=access),
            client_options={"api_endpoint": f"{installation.google}/calendar/v3"},
            static_discovery=True,
        )
        yield Both(installation, google, token, mirror["calendar"], mirror["id"])


def _at(day: int, hour: int = 9) -> dict[str, str]:
    return {"dateTime": f"2026-12-{day:02d}T{hour:02d}:00:00", "timeZone": ZONE}


KINDS: dict[str, dict[str, Any]] = {
    "timed": {"start": _at(1), "end": _at(1, 10)},
    "all day": {"start": {"date": "2026-12-02"}, "end": {"date": "2026-12-03"}},
    "several days": {"start": {"date": "2026-12-03"}, "end": {"date": "2026-12-06"}},
    "over midnight": {"start": _at(7, 22), "end": _at(8, 2)},
    "other zone": {
        "start": {"dateTime": "2026-12-09T09:00:00+09:00", "timeZone": "Asia/Tokyo"},
        "end": {"dateTime": "2026-12-09T10:00:00+09:00", "timeZone": "Asia/Tokyo"},
    },
    "daily": {"start": _at(10), "end": _at(10, 10), "recurrence": ["RRULE:FREQ=DAILY;COUNT=4"]},
    "all-day weekly": {
        "start": {"date": "2026-12-14"},
        "end": {"date": "2026-12-15"},
        "recurrence": ["RRULE:FREQ=WEEKLY;COUNT=3"],
    },
    "dates only": {"start": _at(16), "end": _at(16, 10), "recurrence": ["RDATE:20261218T120000Z,20261220T120000Z"]},
    "with exdate": {
        "start": _at(21),
        "end": _at(21, 10),
        "recurrence": ["RRULE:FREQ=DAILY;COUNT=4", "EXDATE:20261222T120000Z"],
    },
    "guests": {"start": _at(26), "end": _at(26, 10), "attendees": [{"email": "g@customer.example", "optional": True}]},
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_event_comes_in_is_edited_on_both_sides_and_goes(both: Both, kind: str) -> None:
    made = both.google.events().insert(calendarId="primary", body={"summary": kind, **KINDS[kind]}).execute()
    both.become_one()
    item = next(i for i in both.here() if i["summary"] == kind)
    scope = "?scope=all" if item["kind"] == "series" else ""
    both.api("PATCH", f"events/{item['id']}{scope}", {"location": "Room 1", "description": "here"})
    both.become_one()
    assert both.google.events().get(calendarId="primary", eventId=made["id"]).execute()["description"] == "here"
    both.google.events().patch(calendarId="primary", eventId=made["id"], body={"summary": f"{kind} 2"}).execute()
    both.become_one()
    both.google.events().delete(calendarId="primary", eventId=made["id"]).execute()
    both.become_one()
    assert not [i for i in both.here() if i["summary"].startswith(kind)]


@pytest.mark.parametrize("scope", ["this", "following", "all"])
@pytest.mark.parametrize("side", ["here", "there"])
def test_every_scope_of_a_series_from_either_side(both: Both, side: str, scope: str) -> None:
    body = {
        "summary": f"{side} {scope}",
        "start": _at(1, 14),
        "end": _at(1, 15),
        "recurrence": ["RRULE:FREQ=DAILY;COUNT=5"],
    }
    made = both.google.events().insert(calendarId="primary", body=body).execute()
    both.become_one()
    item = next(i for i in both.here() if i["summary"] == body["summary"] and i["occurrence"] == "2026-12-03T17:00:00Z")
    if side == "here":
        both.api("PATCH", f"events/{item['id']}?scope={scope}&occurrence={item['occurrence']}", {"location": "changed"})
    else:
        _change_there(both, made, scope)
    both.become_one()
    places = [i["location"] for i in both.here() if i["summary"] == body["summary"]]
    assert places.count("changed") == {"this": 1, "following": 3, "all": 5}[scope]


def _change_there(both: Both, made: dict[str, Any], scope: str) -> None:
    events = both.google.events()
    if scope == "all":
        events.patch(calendarId="primary", eventId=made["id"], body={"location": "changed"}).execute()
    elif scope == "this":
        events.patch(
            calendarId="primary", eventId=f"{made['id']}_20261203T170000Z", body={"location": "changed"}
        ).execute()
    else:
        both.installation.at_google(
            "/_emulator/ui/split-series",
            {
                "calendar_id": ANA,
                "event_id": made["id"],
                "original_start": "2026-12-03T17:00:00+00:00",
                "changes": {"location": "changed"},
            },
        )


def test_official_client_pages_syncs_and_recovers_from_410(both: Both) -> None:
    events = both.google.events()
    first = events.list(calendarId="primary", maxResults=1).execute()
    request, page = events.list(calendarId="primary", maxResults=1), first
    while "nextPageToken" in page:
        request = events.list_next(request, page)
        page = request.execute()
    made = events.insert(
        calendarId="primary", body={"summary": "delta", "start": _at(28), "end": _at(28, 10)}
    ).execute()
    delta = events.list(calendarId="primary", syncToken=page["nextSyncToken"]).execute()
    assert made["id"] in {item["id"] for item in delta["items"]}
    both.installation.at_google("/_emulator/expire-sync-tokens", {})
    with pytest.raises(HttpError) as refused:
        events.list(calendarId="primary", syncToken=delta["nextSyncToken"]).execute()
    assert refused.value.status_code == 410
    both.become_one()


def test_quiet_means_quiet(both: Both) -> None:
    both.become_one()
    mark = len(both.installation.at_google("/_emulator/journal", method="GET")["entries"])
    for _check in range(10):
        both.api("POST", f"mirrors/{both.mirror}/sync?wait_s=20", {})
    entries = both.installation.at_google(f"/_emulator/journal?after={mark}", method="GET")["entries"]
    writes = [e for e in entries if e["method"] != "GET" and not e["path"].endswith(("/watch", "/stop", "/token"))]
    assert writes == []
