"""Unmodified clients of Google Calendar do their usual work against the served emulator, by their own host settings."""

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import httplib2
import pytest
import urllib3
from gcal_emulator.proxy import intercepting
from gcal_sync.api import GoogleCalendarService, ListEventsRequest, SyncEventsRequest
from gcal_sync.auth import AbstractAuth
from gcal_sync.model import DateOrDatetime, Event
from gcal_sync.store import InMemoryCalendarStore
from gcal_sync.sync import CalendarEventSyncManager
from google.oauth2.credentials import Credentials
from google_auth_httplib2 import AuthorizedHttp
from google_auth_oauthlib.flow import Flow
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

from tests.support.emulator import Hook, Served, listening, served
from tests.support.processes import until
from tools.build_frontend import with_node

pytestmark = pytest.mark.processes
ANA = "ana@acme.example"
SCOPE = "https://www.googleapis.com/auth/calendar"
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def emulator() -> Iterator[Served]:
    with served() as running:
        yield running


@pytest.fixture(autouse=True)
def _fresh(emulator: Served) -> None:
    emulator.control("reset", {})
    emulator.control("accounts", {"email": ANA, "time_zone": "Europe/Berlin"})


@pytest.fixture
def hook() -> Iterator[Hook]:
    with listening() as heard:
        yield heard


def _timed(summary: str, hour: int = 9, **more: Any) -> dict[str, Any]:
    def at(number: int) -> dict[str, str]:
        return {"dateTime": f"2026-12-01T{number:02d}:00:00", "timeZone": "Europe/Berlin"}

    return {"summary": summary, "start": at(hour), "end": at(hour + 1)} | more


def _consented(emulator: Served, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Credentials that google-auth-oauthlib got through the consent page."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("OAUTHLIB_RELAX_TOKEN_SCOPE", "1")
    places = {
        "client_id": "demo-client",
        "client_secret": "demo-secret",
        "auth_uri": f"{emulator.origin}/o/oauth2/v2/auth",
        "token_uri": f"{emulator.origin}/token",
        "redirect_uris": ["http://127.0.0.1:9/back"],
    }
    flow = Flow.from_client_config({"web": places}, scopes=["openid", SCOPE], redirect_uri=places["redirect_uris"][0])
    address, state = flow.authorization_url(access_type="offline", prompt="consent")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    form = urlencode(asked | {"authuser": ANA, "decision": "allow", "granted": SCOPE})
    page = urllib3.request(
        "POST",
        f"{emulator.origin}/o/oauth2/consent",
        body=form,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        redirect=False,
    )
    assert parse_qs(urlsplit(page.headers["Location"]).query)["state"] == [state]
    flow.fetch_token(authorization_response=page.headers["Location"])
    return flow.credentials


def test_googles_python_clients_from_consent_to_batch(
    emulator: Served, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    from google.auth.transport.requests import Request

    credentials = _consented(emulator, monkeypatch)
    known = credentials.token
    credentials.refresh(Request())
    assert credentials.token != known and credentials.refresh_token
    where = f"{emulator.origin}/discovery/v1/apis/{{api}}/{{apiVersion}}/rest"
    google = build("calendar", "v3", credentials=credentials, discoveryServiceUrl=where, static_discovery=False)
    events = google.events()

    for number in range(5):
        events.insert(calendarId="primary", body=_timed(f"E{number}")).execute()
    request, names = events.list(calendarId="primary", maxResults=2), []
    while request is not None:
        page = request.execute()
        names += [item["summary"] for item in page["items"]]
        request = events.list_next(request, page)
    assert names == [f"E{number}" for number in range(5)]

    series = events.insert(calendarId="primary", body=_timed("S", recurrence=["RRULE:FREQ=DAILY;COUNT=3"])).execute()
    delta = events.list(calendarId="primary", syncToken=page["nextSyncToken"]).execute()
    assert [item["summary"] for item in delta["items"]] == ["S"]
    instances = events.instances(calendarId="primary", eventId=series["id"]).execute()["items"]
    assert [item["start"]["dateTime"][8:13] for item in instances] == ["01T09", "02T09", "03T09"]

    edit = events.patch(calendarId="primary", eventId=series["id"], body={"summary": "T"})
    edit.headers["If-Match"] = series["etag"]
    edit.execute()
    stale = events.patch(calendarId="primary", eventId=series["id"], body={"summary": "U"})
    stale.headers["If-Match"] = series["etag"]
    with pytest.raises(HttpError) as refused:
        stale.execute()
    assert refused.value.status_code == 412

    emulator.control("expire-sync-tokens", {})
    with pytest.raises(HttpError) as gone:
        events.list(calendarId="primary", syncToken=delta["nextSyncToken"]).execute()
    assert gone.value.status_code == 410 and len(events.list(calendarId="primary").execute()["items"]) == 6

    body = {"id": "py-1", "type": "web_hook", "address": hook.address}
    channel = events.watch(calendarId="primary", body=body).execute()
    until(lambda: hook.states("py-1") == ["sync"], 10)
    answers: dict[str, Any] = {}
    batch = google.new_batch_http_request(callback=lambda name, answer, error: answers.update({name: error or answer}))
    for item in instances:
        batch.add(events.delete(calendarId="primary", eventId=item["id"]), request_id=item["id"])
    batch.add(events.get(calendarId="primary", eventId="nothing1"), request_id="none")
    batch.execute()
    assert len(answers) == 4 and answers["none"].status_code == 404
    until(lambda: "exists" in hook.states("py-1"), 10)
    google.channels().stop(body={"id": "py-1", "resourceId": channel["resourceId"]}).execute()

    window = {"timeMin": "2026-12-01T00:00:00Z", "timeMax": "2026-12-04T00:00:00Z", "items": [{"id": "primary"}]}
    busy = google.freebusy().query(body=window).execute()["calendars"]["primary"]["busy"]
    assert busy == [{"start": "2026-12-01T08:00:00Z", "end": "2026-12-01T09:00:00Z"}]


def test_gcal_sync_creates_pages_syncs_and_recovers(emulator: Served) -> None:
    access = emulator.token(ANA)["access_token"]

    class Auth(AbstractAuth):
        async def async_get_access_token(self) -> str:
            return str(access)

    async def story() -> None:
        async with aiohttp.ClientSession() as session:
            service = GoogleCalendarService(Auth(session, host=f"{emulator.origin}/calendar/v3"))
            calendars = await service.async_list_calendars()
            assert [(item.id, item.access_role) for item in calendars.items] == [(ANA, "owner")]
            for number in range(3):
                await service.async_create_event(ANA, _event(f"E{number}"))
            manager = CalendarEventSyncManager(
                service, calendar_id=ANA, store=InMemoryCalendarStore(), request_template=SyncEventsRequest(calendar_id=ANA, max_results=2)
            )  # fmt: skip
            await manager.run()
            assert await names(manager) == ["E0", "E1", "E2"]
            found = (await service.async_list_events(ListEventsRequest(calendar_id=ANA))).items
            first = next(item for item in found if item.summary == "E0")
            await service.async_patch_event(ANA, str(first.id), {"summary": "E9"})
            await service.async_delete_event(ANA, str(next(e.id for e in found if e.summary == "E1")))
            await manager.run()
            assert await names(manager) == ["E2", "E9"]
            emulator.control("expire-sync-tokens", {})
            await service.async_create_event(ANA, _event("E4"))
            await manager.run()
            assert await names(manager) == ["E2", "E4", "E9"]

    async def names(manager: CalendarEventSyncManager) -> list[str]:
        timeline = await manager.store_service.async_get_timeline()
        return sorted(event.summary for event in timeline)

    asyncio.run(story())


def _event(summary: str) -> Event:
    plain = _timed(summary)
    return Event(
        summary=summary,
        start=DateOrDatetime.model_validate(plain["start"]),
        end=DateOrDatetime.model_validate(plain["end"]),
    )


def test_a_client_without_any_host_setting_through_a_proxy(emulator: Served, tmp_path: Path) -> None:
    """google-api-python-client as it comes, with Google's own addresses; only the proxy and its authority are set."""
    authority = tmp_path / "authority.pem"
    with intercepting(emulator.origin, authority) as server:
        port = server.server_address[1]
        proxy = httplib2.ProxyInfo(httplib2.socks.PROXY_TYPE_HTTP, "127.0.0.1", port)
        held = emulator.token(ANA)
        credentials = Credentials(
            "", held["refresh_token"], None, "https://oauth2.googleapis.com/token", "demo-client", "demo-secret"
        )
        http = AuthorizedHttp(credentials, http=httplib2.Http(proxy_info=proxy, ca_certs=str(authority)))
        google = build("calendar", "v3", http=http)
        made = google.events().insert(calendarId="primary", body=_timed("Through")).execute()
        assert made["htmlLink"].startswith("https://www.google.com/calendar/")
        assert [e["summary"] for e in google.events().list(calendarId="primary").execute()["items"]] == ["Through"]
        with pytest.raises(OSError, match="403"):
            httplib2.Http(proxy_info=proxy, ca_certs=str(authority)).request("https://example.com/")


def test_googles_client_for_node(emulator: Served, hook: Hook) -> None:
    folder, environment = HERE / "node", with_node()
    if not (folder / "node_modules").exists():
        install = ["npm", "install", "--no-save", "--no-fund", "--no-audit", "--silent"]
        subprocess.run(install, cwd=folder, env=environment, check=True)
    command = ["node", "usual_work.mjs", emulator.origin, emulator.token(ANA)["access_token"], hook.address]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "pages": [["E0", "E1"], ["E2"]],
        "delta": ["Series"],
        "instances": ["2026-12-01T11:00:00+01:00", "2026-12-02T11:00:00+01:00", "2026-12-03T11:00:00+01:00"],
        "patched": 200,
        "stale": 412,
        "deleted": 204,
        "again": 410,
        "busy": [{"start": "2026-12-01T08:00:00Z", "end": "2026-12-01T09:00:00Z"}],
        "expired": 410,
        "recovered": 3,
        "stopped": 204,
    }
    until(lambda: hook.states("node-1")[:2] == ["sync", "exists"], 10)
