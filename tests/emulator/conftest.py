"""A fresh emulator in process for each test, no product around it."""

from typing import Any

import pytest
from gcal_emulator.app import create_app
from gcal_emulator.world import World

ANA, BEN = "ana@acme.example", "ben@acme.example"
EVENTS = "calendars/primary/events"
LUNCH: dict[str, Any] = {
    "summary": "Lunch",
    "start": {"dateTime": "2026-12-01T12:00:00Z"},
    "end": {"dateTime": "2026-12-01T13:00:00Z"},
    "attendees": [{"email": "guest@else.example"}],
}


class Caller:
    """One signed-in client of the emulator."""

    def __init__(self, client: Any, token: str) -> None:
        self.client, self.headers = client, {"Authorization": f"Bearer {token}"}

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The whole answer."""
        sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.open(f"/calendar/v3/{path}", method=method, json=body, headers=sent)

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        answer = self(method, path, body)
        assert answer.status_code < 300, answer.data
        return answer.json if answer.data else None

    def refused(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, str]:
        answer = self(method, path, body, **headers)
        assert answer.status_code >= 400, answer.data
        return answer.status_code, answer.json["error"]["errors"][0]["reason"]


class Emulator:
    """World, control and callers."""

    def __init__(self) -> None:
        self.world = World()
        self.delivered: list[tuple[str, dict[str, str]]] = []
        self.answer_push = 200
        self.app = create_app(self.world, deliver=self._deliver, is_prompt=False)
        self.client = self.app.test_client()

    def caller(self, email: str = ANA, *scopes: str) -> Caller:
        self.world.add_account(email)
        sent = {"email": email, "scopes": list(scopes) or ["calendar"]}
        answer = self.client.post("/_emulator/tokens", json=sent).json
        return Caller(self.client, answer["access_token"])

    def control(self, path: str, body: Any = None, method: str = "POST") -> Any:
        answer = self.client.open(f"/_emulator/{path}", method=method, json=body)
        assert answer.status_code == 200, answer.data
        return answer.json

    def _deliver(self, address: str, headers: dict[str, str]) -> int:
        self.delivered.append((address, headers))
        return self.answer_push


@pytest.fixture
def emulator() -> Emulator:
    return Emulator()


@pytest.fixture
def ana(emulator: Emulator) -> Caller:
    return emulator.caller()
