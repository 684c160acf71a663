"""Somebody who follows an account by its change feed."""

from typing import Any

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import changes
from tests.support.cast import Actor

READS_MAX = 3000
"""The feed stops before the oldest transaction that is open in the whole cluster, other tests' included."""


class Follower:
    """Reads on from where they stood; keeps what they were told."""

    def __init__(self, actor: Actor, since: str = "now") -> None:
        self.actor = actor
        self.cursor: str = actor.get(f"changes?since={since}")["cursor"] if since == "now" else since
        if since == "now":
            self.all()  # what was committed before, where another test's transaction held the feed up

    def read(self, limit: int = 500) -> list[dict[str, Any]]:
        page = self.actor.get(f"changes?since={self.cursor}&limit={limit}")
        self.cursor = page["cursor"]
        items: list[dict[str, Any]] = page["items"]
        return items

    def all(self, limit: int = 500) -> list[dict[str, Any]]:
        """Everything that is committed by now."""
        found: list[dict[str, Any]] = []
        for _read in range(READS_MAX):
            found += self.read(limit)
            with tenant(self.actor.account_id):
                if not changes.is_waiting(changes.parse(self.cursor)):
                    return found
        raise AssertionError("the oldest transaction does not end")


def brief(items: list[dict[str, Any]], *kinds: str) -> list[tuple[str, str, str]]:
    return [(item["kind"], item["what"], item["id"]) for item in items if not kinds or item["kind"] in kinds]
