"""The database restarted, the machine asleep for a week, Google slow and talking nonsense: it heals by itself."""

from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import pytest

from tests.support.processes import Installation, running, until

pytestmark = pytest.mark.processes
ANA = "ana@acme.example"
TROUBLE = (HTTPError, URLError, OSError, HTTPException, ValueError)
WEEK_BACK = """
UPDATE sync_mirrorrun SET next_check_at = next_check_at - interval '7 days', leased_until = leased_until - interval '7 days';
UPDATE sync_pushchannel SET expires_at = expires_at - interval '7 days';
UPDATE sync_mirror SET last_sync_at = last_sync_at - interval '7 days', viewed_at = viewed_at - interval '7 days';
UPDATE connections_connection SET access_expires_at = access_expires_at - interval '7 days'
"""


class House:
    """One account, one mirrored calendar, both ways in."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.token = installation.create_account("A", "a@acme.example")["api_token"]
        installation.at_google("/_emulator/accounts", {"email": ANA})
        self.access = installation.at_google("/_emulator/tokens", {"email": ANA})["access_token"]
        installation.connect("a@acme.example", ANA)
        [connection] = self.api("GET", "connections")["items"]
        self.mirror = self.api("PUT", f"connections/{connection['id']}/calendars/{ANA}", {"mirrored": True})
        until(lambda: self.api("GET", "mirrors")["items"][0]["progress"]["done"])

    def api(self, method: str, path: str, body: Any = None) -> Any:
        return self.installation.api(method, path, self.token, body)

    def create_here(self, name: str) -> None:
        start, end = {"date": "2026-12-01"}, {"date": "2026-12-02"}
        body = {"calendar": self.mirror["calendar"], "summary": name, "start": start, "end": end}
        self.api("POST", "events", body)

    def create_there(self, name: str) -> None:
        body = {"summary": name, "start": {"date": "2026-12-01"}, "end": {"date": "2026-12-02"}}
        self.installation.at_google(f"/calendar/v3/calendars/{ANA}/events", body, token=self.access)

    def here(self) -> list[str]:
        query = f"events?from=2026-11-30T00:00:00Z&to=2026-12-05T00:00:00Z&calendar={self.mirror['calendar']}"
        return sorted(row["summary"] for row in self.api("GET", query)["items"])

    def there(self) -> list[str]:
        path = f"/calendar/v3/calendars/{ANA}/events"
        return sorted(
            e["summary"] for e in self.installation.at_google(path, None, "GET", self.access).get("items", [])
        )

    def is_one(self, names: list[str]) -> bool:
        try:
            return self.here() == self.there() == sorted(names) and self._is_settled()
        except TROUBLE:
            return False

    def writes(self) -> list[tuple[str, str, int, str]]:
        entries = self.installation.at_google("/_emulator/journal", method="GET")["entries"]
        changing = [e for e in entries if "/events" in e["path"] and e["method"] in {"POST", "PATCH", "DELETE"}]
        return [
            (e["method"], e["path"], e["status"], str(e["request_body"])[:200])
            for e in changing
            if not e["path"].endswith("/watch")
        ]

    def stays_quiet(self) -> None:
        """Ten further safety checks write nothing."""
        before = self.writes()
        for _check in range(10):
            until(lambda: self._synced())
        assert self.writes() == before
        report = self.api("POST", f"mirrors/{self.mirror['id']}/check")
        assert report["checked"] == report["equal"] and report["repaired"] == [], report

    def _is_settled(self) -> bool:
        query = f"events?from=2026-11-30T00:00:00Z&to=2026-12-05T00:00:00Z&calendar={self.mirror['calendar']}"
        return all(row["sync"]["state"] == "synced" for row in self.api("GET", query)["items"])

    def _synced(self) -> bool:
        try:
            self.api("POST", f"mirrors/{self.mirror['id']}/sync?wait_s=20", {})
        except TROUBLE:
            return False
        return True


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running(Path(tmp_path_factory.mktemp("trouble")), is_durable=True) as installation:
        yield House(installation)


def test_a_restarted_database_loses_and_doubles_nothing(house: House) -> None:
    names = []
    for number in range(3):
        house.create_here(f"here {number}")
        house.create_there(f"there {number}")
        names += [f"here {number}", f"there {number}"]
        house.installation.restart_database()
        until(lambda: _answers(house))
    until(lambda: house._synced() and house.is_one(names), timeout_s=90)
    house.stays_quiet()


def test_a_week_asleep_heals_without_a_double(house: House) -> None:
    """Leases, checks, channels and access tokens all ran out; Google forgot its sync tokens; both sides went on."""
    names = house.here()
    house.create_here("before sleep")
    house.installation.sleep()
    house.create_there("while asleep")
    house.installation.at_google("/_emulator/expire-sync-tokens", {})
    house.installation.sql(WEEK_BACK)
    house.installation.start_web()
    house.installation.start_worker()
    house.create_here("after sleep")
    until(lambda: house.is_one([*names, "before sleep", "while asleep", "after sleep"]), timeout_s=90)
    house.stays_quiet()


@pytest.mark.parametrize("code", ["G01", "G02", "G19", "G21"])
def test_google_in_trouble_is_waited_out(house: House, code: str) -> None:
    names = house.here()
    house.installation.at_google(
        "/_emulator/faults", {"match": {"path": "/calendar/*"}, "effect": {"code": code}, "times": 3}
    )
    house.create_here(f"during {code}")
    until(lambda: house._synced() and house.is_one([*names, f"during {code}"]), timeout_s=90)
    house.installation.at_google("/_emulator/faults", None, method="DELETE")
    house.stays_quiet()


def _answers(house: House) -> bool:
    try:
        house.api("GET", "account")
    except TROUBLE:
        return False
    return True


def test_a_restored_backup_meets_google_again_without_a_double_or_a_loss(house: House) -> None:
    installation, file = house.installation, str(house.installation.home / "backup.dump")
    names = house.here()
    installation.command("db", "dump", file)
    house.create_here("since here")
    house.create_there("since there")
    names += ["since here", "since there"]
    until(lambda: house.is_one(names))
    installation.kill_worker()
    installation.command("pause")
    said = installation.command("db", "restore", file)
    assert "1 mirrored calendars will be compared" in said
    assert "1 mirrored calendars go on" in installation.command("resume")
    installation.start_worker()
    until(lambda: house.is_one(names), timeout_s=90)
    [report] = installation.rows("SELECT count(*) FROM sync_deepcheck WHERE finished_at IS NOT NULL", [])
    assert report[0] >= 1
    house.stays_quiet()
