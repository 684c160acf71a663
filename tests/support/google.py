"""The emulated Google, in process: the product's transport goes straight into the WSGI application."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.db.models import F
from django.test import Client
from flask.testing import FlaskClient
from gcal_emulator.app import create_app
from gcal_emulator.world import World

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.connections import gateway, tokens
from conversa_calendar.connections.models import Connection, Grant
from conversa_calendar.providers.google.transport import Request, Response
from conversa_calendar.providers.protocol import OutcomeUnknown
from conversa_calendar.sync import running
from conversa_calendar.sync.mirrors import channels
from conversa_calendar.sync.models import Mirror, MirrorRun
from conversa_calendar.sync.run import leases
from tests.support.cast import Actor

ROUNDS_MAX = 60


class InProcess:
    """A Transport over the emulator's WSGI application."""

    is_concurrent = False

    def __init__(self, client: FlaskClient) -> None:
        self.client = client

    def send(self, request: Request) -> Response:
        parts = urlsplit(request.url)
        answer = self.client.open(
            f"{parts.path}?{parts.query}", method=request.method, data=request.body, headers=request.headers
        )
        if answer.headers.get("X-Emulator-Lost"):
            raise OutcomeUnknown("lost", reason="broken")
        return Response(answer.status_code, {n.lower(): v for n, v in answer.headers.items()}, answer.data)


class Google:
    """The other side, as tests use it."""

    def __init__(self) -> None:
        self.world = World()
        self.app = create_app(self.world, deliver=self.deliver, is_prompt=False)
        self.is_deaf = False
        """Whether nobody answers notifications, as while a new version is put in place."""
        self.client = self.app.test_client()
        self.world.behaviours.conference_delay_s = 0.0
        self.world.behaviours.shared_is_listed = True  # whoever is shown a calendar adds it to their list at once

    @contextmanager
    def installed(self) -> Iterator[None]:
        gateway.use(InProcess(self.app.test_client()))
        doubt, tokens.DOUBT = tokens.DOUBT, timedelta()  # settling does not wait
        try:
            yield
        finally:
            gateway.use(None)
            tokens.DOUBT = doubt

    def control(self, path: str, body: Any = None, method: str = "POST") -> Any:
        answer = self.client.open(f"/_emulator/{path}", method=method, json=body)
        assert answer.status_code == 200, answer.data
        return answer.json

    def person(self, email: str, zone: str = "America/Sao_Paulo") -> "Person":
        self.world.add_account(email, time_zone=zone)
        token = self.control("tokens", {"email": email, "scopes": ["calendar"]})["access_token"]
        return Person(self, email, token)

    def journal(self, after: int = 0) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.control(f"journal?after={after}", method="GET")["entries"]
        return entries

    def mark(self) -> int:
        return self.world.journal_seq

    def writes(self, after: int = 0) -> list[dict[str, Any]]:
        """Requests of the product that change events, since a mark."""
        return [
            entry
            for entry in self.journal(after)
            if entry["path"].startswith("/calendar/v3")
            and entry["method"] in {"POST", "PATCH", "PUT", "DELETE"}
            and not entry["path"].endswith(("/watch", "/stop", "/freeBusy"))
        ]

    def connect(self, actor: Actor, email: str) -> Connection:
        """Through the real consent pages, as the actor's browser does it."""
        self.world.add_account(email, time_zone="America/Sao_Paulo")
        self.control("consent", {"email": email, "times": 1})
        browser = actor.browser()
        answer = browser.post("/connections/google/start")
        assert answer.status_code == 302, answer.content
        parts = urlsplit(answer["Location"])
        back = self.client.get(f"{parts.path}?{parts.query}")
        home = urlsplit(back.headers["Location"])
        landed = browser.get(f"{home.path}?{home.query}")
        assert landed.status_code == 302, landed.content
        with tenant(actor.account_id):
            return Connection.objects.get(email=email)

    def mirror(self, actor: Actor, connection: Connection, google_id: str, mode: str = "") -> Mirror:
        body: dict[str, Any] = {"mirrored": True} | ({"mode": mode} if mode else {})
        found = actor.put(f"connections/{connection.uuid}/calendars/{google_id.replace('#', '%23')}", body)
        self.settle()
        with tenant(actor.account_id):
            return Mirror.objects.select_related("calendar").get(uuid=found["id"])

    def settle(self, with_channels: bool = False) -> None:
        """Runs every mirror that wants it, and delivers what Google sends, until all is quiet."""
        for _round in range(ROUNDS_MAX):
            MirrorRun.objects.filter(next_attempt_at__isnull=False).update(next_attempt_at=None)
            Grant.objects.update(slowed_until=None, writes_paused_until=None, slow_until=None)
            ran = [running.run(found.mirror_id) for found in leases.due()]
            if with_channels:
                for mirror_id in MirrorRun.objects.values_list("mirror_id", flat=True):
                    channels.ensure_open(mirror_id)
                self.control("notifications/flush")
            is_dirty = MirrorRun.objects.filter(is_active=True, wanted__gt=F("done")).exists()
            if not leases.due() and not any(ran) and not is_dirty:
                return
        raise AssertionError("the mirrors do not come to rest")

    def settle_once(self) -> None:
        """One run of every mirror that is due, nothing made easier."""
        for found in leases.due():
            running.run(found.mirror_id)

    def check(self) -> None:
        """A safety check of every mirror, whatever the time."""
        MirrorRun.objects.filter(is_active=True).update(next_check_at=None)
        self.settle()

    def deliver(self, address: str, headers: dict[str, str]) -> int:
        """A notification arrives; answers the status that its sender sees."""
        if self.is_deaf:
            return 503
        extra = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
        return Client().post(urlsplit(address).path, **extra).status_code


class Person:
    """Somebody who works at Google, over its API."""

    def __init__(self, google: Google, email: str, token: str) -> None:
        self.google = google
        self.email = email
        self.headers = {"Authorization": f"Bearer {token}"}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.google.client.open(f"/calendar/v3/{path}", method=method, json=body, headers=self.headers)
        assert answer.status_code < 300, answer.data
        return answer.json if answer.data else None

    def listed(self, path: str) -> list[dict[str, Any]]:
        """The items of a list, from all of its pages; `path` has a query."""
        items: list[dict[str, Any]] = []
        page = ""
        while True:
            answer = self.call("GET", f"{path}&pageToken={page}" if page else path)
            items += answer["items"]
            page = answer.get("nextPageToken", "")
            if not page:
                return items

    def insert(self, calendar: str = "primary", **body: Any) -> dict[str, Any]:
        created: dict[str, Any] = self.call("POST", f"calendars/{_q(calendar)}/events?conferenceDataVersion=1", body)
        return created

    def patch(self, event_id: str, calendar: str = "primary", **body: Any) -> dict[str, Any]:
        changed: dict[str, Any] = self.call("PATCH", f"calendars/{_q(calendar)}/events/{event_id}", body)
        return changed

    def delete(self, event_id: str, calendar: str = "primary") -> None:
        self.call("DELETE", f"calendars/{_q(calendar)}/events/{event_id}")

    def get(self, event_id: str, calendar: str = "primary") -> dict[str, Any]:
        found: dict[str, Any] = self.call("GET", f"calendars/{_q(calendar)}/events/{event_id}")
        return found

    def list(self, calendar: str = "primary") -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.call("GET", f"calendars/{_q(calendar)}/events?maxResults=2500")["items"]
        return rows


def at(text: str, zone: str = "America/Sao_Paulo") -> dict[str, str]:
    """A Google time: `at("2026-12-01T09:00:00")`."""
    return {"dateTime": text, "timeZone": zone}


def _q(calendar: str) -> str:
    return calendar.replace("#", "%23")
