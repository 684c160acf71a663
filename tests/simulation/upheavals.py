"""What turns more than one event over: calendars deselected, accounts disconnected, grants revoked, access lowered,
calendars emptied, carried by another Google account that sees them too.

Whoever does it puts it right again in the end: every calendar mirrored, every held deletion decided.
"""

import random
from typing import Any
from urllib.parse import quote

from tests.simulation.people import Desk, People

WEIGHTS = {
    "deselect": 3,
    "select": 4,
    "disconnect": 12,
    "reconnect": 6,
    "revoke": 2,
    "pause": 2,
    "empty": 1.5,
    "access": 6,
    "accept": 16,
}
APP = "demo-client"
"""The product, as Google knows it; people work there by an app of their own."""
TAKEOVERS = {"take_over": 6, "revoke_owner": 3}
"""Where the account that owns the shared calendar is there, too."""
ROLES = ("reader", "writerWithoutPrivateAccess", "freeBusyReader", "none", "writer", "writer", "writer")
"""What the owner of the shared calendar lets Ana do there, one day or another."""


class Upheavals:
    """Administrators of every desk, and Ana when she empties a calendar or takes the access away."""

    def __init__(self, people: People, shared: str, dice: random.Random, *, has_takeovers: bool = False) -> None:
        self.people, self.shared, self.dice = people, shared, dice
        self.role = "writer"
        self.weights = WEIGHTS | (TAKEOVERS if has_takeovers else {})
        self.kinds = list(self.weights) if dice.random() < 0.6 else ["access", "accept", "select", "deselect"]

    def act(self) -> str:
        kind = self.dice.choices(self.kinds, [self.weights[kind] for kind in self.kinds])[0]
        desk = self.dice.choice(self.people.desks)
        return f"{desk.name} {kind} {getattr(self, '_' + kind)(desk)}"

    def put_right(self) -> str:  # noqa: C901 - one thing after another is put right
        """Everything connected, mirrored and going; answers what had to be done, nothing when all was well."""
        done = []
        if self.role != "writer":
            self._share("writer")
            done.append("shared again")
        for desk in self.people.desks:
            if desk.taken_over:
                done.append(f"{desk.name} {self._give_back(desk)}")
            if self._state(desk) != "active":
                done.append(f"{desk.name} reconnect {self._reconnect(desk)}")
            if done:
                self._seen(desk)
            for calendar in sorted(desk.closed):
                done.append(f"{desk.name} select {self._open(desk, calendar)}")
            for mirror in desk.mirrors():
                if mirror["mode"] != "two_way":
                    done.append(f"{desk.name} two ways {self._open(desk, mirror['google_calendar_id'])}")
                if mirror["state"] == "paused":
                    desk.actor.call("POST", f"mirrors/{mirror['id']}/resume", {})
                    done.append(f"{desk.name} resume")
                if mirror["state"] == "held":
                    done.append(f"{desk.name} {self._decide(desk, mirror['id'])}")
        return ", ".join(done)

    def _deselect(self, desk: Desk) -> str:
        names = sorted(set(desk.calendars) - desk.closed - desk.taken_over)
        if not names or self._state(desk) != "active":
            return "nothing"
        calendar, way = self.dice.choice(names), self.dice.choice(["keep", "remove"])
        answer = desk.actor.call(
            "PUT", self._path(desk, calendar), {"mirrored": False, "disposition": way, "unsent": "leave"}
        )
        if answer.status_code != 200:
            return "refused"
        self._close(desk, [calendar], way)
        return f"{calendar} {way}"

    def _select(self, desk: Desk) -> str:
        if not desk.closed or self._state(desk) != "active":
            return "nothing"
        return self._open(desk, self.dice.choice(sorted(desk.closed)))

    def _disconnect(self, desk: Desk) -> str:
        if self._state(desk) not in {"active", "reconnect_needed"}:
            return "nothing"
        way = self.dice.choice(["keep", "remove"])
        answer = desk.actor.call("DELETE", f"connections/{desk.connection}?calendars={way}&unsent=leave")
        assert answer.status_code == 202, answer.content
        self._close(desk, sorted(set(desk.calendars) - desk.closed - desk.taken_over), way)
        return way

    def _take_over(self, desk: Desk) -> str:
        """The shared calendar goes on through the account that owns it, or that account leaves again."""
        if desk.taken_over:
            return self._give_back(desk)
        people = self.people
        if not desk.owner or self._state_of(desk, desk.owner) != "active":
            try:
                desk.owner = str(people.google.connect(desk.actor, people.owners[self.shared].email).uuid)
            except AssertionError:
                return "refused"
        desk.actor.call("GET", f"connections/{desk.owner}/calendars?refresh=true")
        path = f"connections/{desk.owner}/calendars/{quote(self.shared)}"
        answer = desk.actor.call("PUT", path, {"mirrored": True, "mode": "two_way"})
        if answer.status_code != 200:
            return f"refused: {answer.status_code}"
        desk.taken_over.add(self.shared)
        self._opened(desk, self.shared, answer.json()["calendar"])
        return "done"

    def _give_back(self, desk: Desk) -> str:
        way = self.dice.choice(["keep", "remove"])
        answer = desk.actor.call("DELETE", f"connections/{desk.owner}?calendars={way}&unsent=leave")
        assert answer.status_code == 202, answer.content
        self._close(desk, sorted(desk.taken_over), way)
        desk.taken_over.clear()
        return f"without its owner: {way}"

    def _revoke_owner(self, desk: Desk) -> str:
        """The owner takes the access away at Google."""
        self.people.google.control("revoke", {"email": self.people.owners[self.shared].email, "client_id": APP})
        return "at Google"

    def _reconnect(self, desk: Desk) -> str:
        if self._state(desk) == "active":
            return "nothing"
        try:
            held = self.people.google.connect(desk.actor, self.people.ana.email)
        except AssertionError:
            return "refused"
        desk.connection = str(held.uuid)
        return "done"

    def _revoke(self, desk: Desk) -> str:
        """Ana takes the access away at Google: every desk that uses her account loses it."""
        self.people.google.control("revoke", {"email": self.people.ana.email, "client_id": APP})
        return "at Google"

    def _pause(self, desk: Desk) -> str:
        mirrors = desk.mirrors()
        if not mirrors:
            return "nothing"
        mirror = self.dice.choice(sorted(mirrors, key=lambda row: str(row["google_calendar_id"])))
        way = "resume" if mirror["state"] == "paused" else "pause"
        desk.actor.call("POST", f"mirrors/{mirror['id']}/{way}", {})
        return way

    def _empty(self, desk: Desk) -> str:
        """Ana deletes everything in one calendar, perhaps by accident."""
        people = self.people
        calendar = self.dice.choice(people.calendars)
        gone = 0
        for item in people.there(calendar):
            if item["status"] != "cancelled" and not item.get("recurringEventId"):
                people.remove_there(calendar, item)
                gone += 1
        return f"{calendar} of {gone}"

    def _access(self, desk: Desk) -> str:
        """The owner of the shared calendar takes access away from Ana, or gives it back."""
        role = self.dice.choice(ROLES)
        if role == self.role:
            return "nothing"
        self._share(role)
        return role

    def _accept(self, desk: Desk) -> str:
        """An administrator goes on with what Google now allows."""
        lowered = [row["google_calendar_id"] for row in desk.mirrors() if row["state"] == "access_reduced"]
        modes = {row["google_id"]: row["modes"] for row in self._seen(desk)} if lowered else {}
        if not modes:
            return "nothing"
        mode = modes[lowered[0]][0]
        answer = desk.actor.call("PUT", self._path(desk, lowered[0]), {"mirrored": True, "mode": mode})
        if answer.status_code == 200 and mode == "read_only":
            self._shown_again(desk, lowered[0])
        return f"{lowered[0]} {mode} {answer.status_code}"

    def _shown_again(self, desk: Desk, calendar: str) -> None:
        """What was deleted or taken out here, and lives at Google still, is shown where nothing may be written any more."""
        living = {item.get("description") for item in self.people.there(calendar) if item["status"] != "cancelled"}
        trash = [item for item in desk.actor.get("trash")["items"] if item["calendar"] == desk.calendars[calendar]]
        self.people.brought_back([item["id"] for item in trash if item["description"] in living], desk)
        for name in sorted({op.name for op in self.people.ops if op.what == "take_out"} & living):
            self.people.shown_beside(name)

    def _seen(self, desk: Desk) -> list[dict[str, Any]]:
        """The calendars of a desk's Google account as Google lists them now; none when it cannot be asked."""
        answer = desk.actor.call("GET", f"connections/{desk.connection}/calendars?refresh=true")
        rows: list[dict[str, Any]] = answer.json()["items"] if answer.status_code == 200 else []
        return rows

    def _share(self, role: str) -> None:
        body = {"calendar_id": self.shared, "email": self.people.ana.email, "role": role}
        self.people.google.control("share", body)
        self.role = role

    def _decide(self, desk: Desk, mirror: str) -> str:
        """What is held: both deleted, or put back on both sides."""
        action = self.dice.choice(["approve", "put_back"])
        items = desk.actor.get(f"mirrors/{mirror}/held")["items"]
        if action == "put_back":
            self.people.brought_back([item["event"] for item in items], desk)
        answer = desk.actor.call("POST", f"mirrors/{mirror}/held", {"action": action})
        assert answer.status_code == 200, answer.content
        return f"{action} {len(items)}"

    def _open(self, desk: Desk, calendar: str) -> str:
        answer = desk.actor.call("PUT", self._path(desk, calendar), {"mirrored": True, "mode": "two_way"})
        if answer.status_code != 200:
            return f"{calendar} refused: {answer.status_code}"
        self._opened(desk, calendar, answer.json()["calendar"])
        return calendar

    def _opened(self, desk: Desk, calendar: str, uuid: str) -> None:
        desk.closed.discard(calendar)
        desk.emptied.discard(calendar)
        desk.calendars[calendar] = uuid

    def _close(self, desk: Desk, calendars: list[str], way: str) -> None:
        desk.closed |= set(calendars)
        if way == "remove":
            desk.emptied |= set(calendars)

    def _path(self, desk: Desk, calendar: str) -> str:
        return f"connections/{desk.carrier(calendar)}/calendars/{quote(calendar)}"

    def _state(self, desk: Desk) -> str:
        return self._state_of(desk, desk.connection)

    def _state_of(self, desk: Desk, connection: str) -> str:
        answer = desk.actor.call("GET", f"connections/{connection}")
        return str(answer.json()["state"]) if answer.status_code == 200 else "none"
