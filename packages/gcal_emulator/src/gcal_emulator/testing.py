"""The emulator as tests use it: accounts and credentials, faults, the clock, and what was asked of it."""

import json
from datetime import datetime, timedelta
from typing import Any

from flask import Flask

from gcal_emulator.world import World

_SHOWN_MAX = 5


class Gcal:
    """A running emulator. `url` is its origin: `<url>/calendar/v3/` the API, `<url>/token` the token address."""

    def __init__(self, world: World, app: Flask, url: str) -> None:
        self.world = world
        self.app = app
        self.url = url

    @property
    def api_endpoint(self) -> str:
        """For `client_options={"api_endpoint": …}` of google-api-python-client."""
        return f"{self.url}/calendar/v3/"

    @property
    def token_uri(self) -> str:
        return f"{self.url}/token"

    def begin_again(self) -> None:
        """An empty world on the real clock, and an empty journal."""
        with self.world.lock:
            self.world.clock.run()
            self.world.clock.begin_again()
            self.world.reset()

    def account(self, email: str, name: str = "", time_zone: str = "UTC") -> dict[str, Any]:
        """A Google account with its primary calendar."""
        return self.order("POST", "accounts", {"email": email, "name": name, "time_zone": time_zone})

    def tokens(self, email: str, scopes: list[str] | None = None) -> dict[str, Any]:
        """The answer of the token endpoint for somebody who consented to `scopes` (`calendar` by default)."""
        return self.order("POST", "tokens", {"email": email} | ({"scopes": scopes} if scopes else {}))

    def credentials(self, email: str, scopes: list[str] | None = None) -> Any:
        """`google.oauth2.credentials.Credentials` for `build(…)`; needs google-auth."""
        from google.oauth2.credentials import Credentials

        held = self.tokens(email, scopes)
        return Credentials(  # type: ignore[no-untyped-call,unused-ignore]
            held["access_token"], held["refresh_token"], None, self.token_uri, "demo-client", "demo-secret"
        )

    def service_account(self, subjects: list[str] | None = None, scopes: list[str] | None = None) -> dict[str, Any]:
        """The key file of a service account that may act for `subjects` (`["*"]` for everybody)."""
        key = self.order("POST", "service-accounts", {"subjects": subjects or [], "scopes": scopes or ["*"]})
        return key | {"token_uri": self.token_uri}

    def fault(self, code: str = "", *, times: int | None = 1, operation: str = "", **effect: Any) -> str:
        """Lets the next calls of an operation (`events.insert`, `events.*`) go wrong: by a code of the catalogue, or
        by its effect (`status=503, reason="backendError"`). Answers the fault's id."""
        sent: dict[str, Any] = {"effect": effect | ({"code": code} if code else {}), "times": times}
        if operation:
            sent["match"] = {"operation": operation}
        return str(self.order("POST", "faults", sent)["id"])

    def set_time(self, now: datetime | str) -> None:
        """Stops the clock at a moment; from here on it moves by hand only."""
        text = now if isinstance(now, str) else now.isoformat()
        self.order("POST", "clock", {"now": text})

    def advance(self, by: timedelta | float) -> None:
        """Moves the clock on, in seconds where it is a number."""
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        self.order("POST", "clock", {"advance_s": seconds})

    def switch(self, **behaviours: Any) -> None:
        """Sets switches for what Google's documentation leaves open."""
        self.order("PUT", "behaviours", behaviours)

    def journal(self, operation: str = "") -> list[dict[str, Any]]:
        """What was asked, oldest first; of one operation where it is named."""
        with self.world.lock:
            return [dict(entry) for entry in self.world.journal if operation in ("", entry["operation"])]

    def assert_asked(self, operation: str, *, times: int | None = None, **wanted: Any) -> list[dict[str, Any]]:
        """That an operation was asked, `times` times or at least once, with these members of the journal: `email`,
        `status`, `path`, `query`, `body` (a part of it is enough). Answers those entries; fails naming the nearest."""
        asked = self.journal(operation)
        found = [entry for entry in asked if not _differences(entry, wanted)]
        if len(found) == times or (times is None and found):
            return found
        raise AssertionError(self._miss(operation, times, wanted, found, asked))

    def assert_not_asked(self, operation: str, **wanted: Any) -> None:
        self.assert_asked(operation, times=0, **wanted)

    def order(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One call of the control API. Raises ValueError with its words when it is refused."""
        answer = self.app.test_client().open(f"/_emulator/{path}", method=method, json=body or {})
        found: dict[str, Any] = answer.get_json()
        if answer.status_code != 200:
            raise ValueError(found.get("error", answer.status))
        return found

    def _miss(
        self, operation: str, times: int | None, wanted: dict[str, Any], found: list[Any], asked: list[dict[str, Any]]
    ) -> str:
        """What was asked instead, nearest first, and in what it differs."""
        count = "at least once" if times is None else f"{times} times"
        lines = [f"expected {operation} {count} with {_short(wanted)}; it was asked {len(found)} times like that."]
        near = sorted(asked, key=lambda entry: len(_differences(entry, wanted)))
        for entry in near[:_SHOWN_MAX]:
            differs = "; ".join(_differences(entry, wanted)) or "is like that"
            lines.append(f"  near: #{entry['seq']} {entry['method']} {entry['path']} → {entry['status']}: {differs}")
        if not asked:
            others = sorted({entry["operation"] or entry["path"] for entry in self.journal()})
            lines.append(f"  {operation} was never asked; asked were: {', '.join(others) or 'nothing at all'}")
        return "\n".join(lines)


def _differences(entry: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """In what a journal's entry is not what is wanted, in words."""
    found = []
    for name, value in wanted.items():
        actual = entry.get("request_body" if name == "body" else name)
        if not _holds(actual, value):
            found.append(f"{name} is {_short(actual)}, not {_short(value)}")
    return found


def _holds(actual: Any, wanted: Any) -> bool:
    """Whether a value is the wanted one; an object may have further members."""
    if isinstance(wanted, dict) and isinstance(actual, dict):
        return all(name in actual and _holds(actual[name], value) for name, value in wanted.items())
    return bool(actual == wanted)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) < 300 else f"{text[:297]}…"
