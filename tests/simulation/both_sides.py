"""What people see and touch on both sides: desks here, calendars at Google, and a note of everything that they do."""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from tests.simulation import event_times
from tests.simulation.checker import Op
from tests.support.cast import Actor
from tests.support.google import Google, Person

FIRST_DAY = datetime(2026, 3, 3)
SINCE, UNTIL = "2026-02-01T00:00:00Z", "2026-07-01T00:00:00Z"


@dataclass
class Desk:
    """One account's people here: what they see, and which of Google's calendars they mirror just now."""

    name: str
    actor: Actor
    calendars: dict[str, str]
    """Uuid here by Google's id."""
    connection: str
    native: str
    """Uuid of a calendar that is not mirrored."""
    closed: set[str] = field(default_factory=set)
    """Not mirrored just now; its events were kept here as native ones, unless it stands in `emptied` too."""
    emptied: set[str] = field(default_factory=set)
    owner: str = ""
    """The connection of the account that owns the shared calendar, once somebody here has made one."""
    taken_over: set[str] = field(default_factory=set)
    """Calendars that are mirrored through the owner's connection just now."""

    def carrier(self, calendar: str) -> str:
        """The connection through which a calendar is mirrored, or would be."""
        return self.owner if calendar in self.taken_over else self.connection

    def shows(self, calendar: str) -> list[dict[str, Any]]:
        """What they see in a calendar."""
        items: list[dict[str, Any]] = self.actor.get(
            f"events?from={SINCE}&to={UNTIL}&calendar={self.calendars[calendar]}&limit=500"
        )["items"]
        return items

    def mirrors(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.actor.get("mirrors")["items"]
        return [row for row in rows if row["google_calendar_id"] in self.calendars]

    def losers(self, event: str) -> str:
        """What an event's history offers to use instead."""
        return str([entry["lost"] for entry in self.history(event)])

    def history(self, event: str) -> list[dict[str, Any]]:
        answer = self.actor.call("GET", f"events/{event}/history")
        items: list[dict[str, Any]] = answer.json()["items"] if answer.status_code == 200 else []
        return items


@dataclass
class BothSides:
    """They work here, at a desk of one account or another, and at Google, all in the same calendars."""

    google: Google
    desks: list[Desk]
    ana: Person
    olga: Person
    """She works elsewhere and invites Ana."""
    owners: dict[str, Person]
    """Whoever may always look into a calendar and change it there, by Google's id."""
    dice: random.Random
    ops: list[Op] = field(default_factory=list)
    poisoned: dict[str, str] = field(default_factory=dict)
    """Names of events that cannot be read, by Google's id."""
    barred: set[str] = field(default_factory=set)
    """Calendars that nobody works in."""
    known: dict[tuple[str, str], str] = field(default_factory=dict)
    """The ids here of events before they were moved at Google, by desk and name."""
    count: int = 0
    talked_of: str = ""
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        self.desk = self.desks[0]

    @property
    def calendars(self) -> list[str]:
        return sorted(self.desks[0].calendars)

    def here(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """What everybody sees, by desk and calendar."""
        return {(desk.name, calendar): desk.shows(calendar) for desk in self.desks for calendar in desk.calendars}

    def there(self, calendar: str, seen_by: Person | None = None) -> list[dict[str, Any]]:
        """What Google shows of a calendar to its owner, or to somebody else, deleted events included."""
        looking = seen_by or self.owners[calendar]
        return looking.listed(f"calendars/{quote(calendar)}/events?maxResults=2500&showDeleted=true")

    def seen_by_several(self) -> list[str]:
        """What more than one account is shown, though it can belong to one only."""
        shown: dict[str, set[str]] = {}
        for desk in self.desks:
            items = [
                row
                for path in ("calendars", "connections", "mirrors", "trash")
                for row in desk.actor.get(path)["items"]
            ]
            items += desk.actor.get(f"events?from={SINCE}&to={UNTIL}&limit=500")["items"]
            for item in items:
                shown.setdefault(item["id"], set()).add(desk.name)
        return [f"{found} is shown to {', '.join(sorted(names))}" for found, names in shown.items() if len(names) > 1]

    def kept(self) -> dict[str, str]:
        """What history and trash say, by name of the event."""
        texts: dict[str, str] = {}
        for desk in self.desks:
            ids: dict[str, set[str]] = {}
            for op in self.ops:
                if op.side == "here" and op.event_id:
                    ids.setdefault(op.name, set()).add(op.event_id)
            for calendar in desk.calendars:
                for item in desk.shows(calendar):
                    ids.setdefault(item["description"], set()).update({item["id"], item.get("series") or item["id"]})
            for name, found in ids.items():
                texts[name] = texts.get(name, "") + "".join(desk.losers(event) for event in sorted(found))
            for item in desk.actor.get("trash")["items"]:
                texts[item["description"]] = texts.get(item["description"], "") + str(item) + desk.losers(item["id"])
        return texts

    def gone(self) -> set[str]:
        """Names of events that sync once deleted here, as their history tells."""
        found = set()
        for desk in self.desks:
            items = [item for calendar in desk.calendars for item in desk.shows(calendar)]
            names = {item["series"] or item["id"]: item["description"] for item in items}
            names |= {item["id"]: item["description"] for item in desk.actor.get("trash")["items"]}
            for event, name in names.items():
                if any((entry["side"], entry["cause"]) == ("remote", "deleted") for entry in desk.history(event)):
                    found.add(name)
        return found

    def _write(self, side: str, found: tuple[str, dict[str, Any]], field_: str, value: str) -> str:
        calendar, item = found
        if not self._change(side, calendar, item, {field_: value}, "all"):
            return "refused"
        self._note(side, "edit", found, field_, value, item.get(field_, ""))
        return str(item["description"])

    def _change(self, side: str, calendar: str, item: dict[str, Any], body: dict[str, Any], scope: str) -> bool:
        if side == "here":
            return self._call("PATCH", f"events/{item['id']}?scope={scope}", body, seen=item) is not None
        return self._google("PATCH", calendar, f"events/{item['id']}", body, seen=item) is not None

    def _root(self, side: str) -> tuple[str, dict[str, Any]] | None:
        """A living single event or series, as its side shows it; often the one that somebody has just worked on. What has
        no name is a block of busy time."""
        latest = self.ops[-1].where if self.ops else ""
        stays = latest in self._open(side) and self.dice.random() < 0.6
        calendar = latest if stays else self._calendar(side)
        if not calendar:
            return None
        if side == "here":
            ids = sorted({item["id"] for item in self.desk.shows(calendar) if not item.get("series")})
            rows = [row for event in ids if (row := self._call("GET", f"events/{event}")) is not None]
        else:
            rows = [i for i in self.there(calendar) if i["status"] != "cancelled" and not i.get("recurringEventId")]
        rows = sorted((item for item in rows if item.get("description")), key=lambda item: str(item["description"]))
        wanted = [item for item in rows if item["description"] == self.talked_of]
        rows = wanted if wanted and self.dice.random() < 0.8 else rows
        return (calendar, self.dice.choice(rows)) if rows else None

    def _occurrence(self, side: str) -> tuple[str, dict[str, Any], str] | None:
        """A living occurrence of a series with its original start."""
        calendar = self._calendar(side)
        if not calendar:
            return None
        if side == "here":
            rows = [(i, i.get("occurrence") or i.get("original_start")) for i in self.desk.shows(calendar)]
            rows = [(item, str(key)) for item, key in rows if key]
        else:
            items = self.owners[calendar].listed(
                f"calendars/{quote(calendar)}/events?singleEvents=true&maxResults=2500"
            )
            rows = [(i, event_times.spelled(i["originalStartTime"])) for i in items if i.get("recurringEventId")]
        rows.sort(key=lambda row: (str(row[0]["description"]), row[1]))
        if not rows:
            return None
        item, key = self.dice.choice(rows)
        return calendar, item, key

    def _remember(self, name: str) -> None:
        """Which event this is at each desk that shows it once."""
        for desk in self.desks:
            items = [item for calendar in desk.calendars for item in desk.shows(calendar)]
            found = {item["series"] or item["id"] for item in items if item["description"] == name}
            if len(found) == 1:
                self.known.setdefault((desk.name, name), found.pop())

    def _call(self, method: str, path: str, body: Any = None, seen: dict[str, Any] | None = None) -> Any:
        """What somebody at the desk does; refused where it would write over what they have not `seen`."""
        answer = self.desk.actor.call(method, path, body, **({"IF_MATCH": seen["etag"]} if seen else {}))
        assert answer.status_code != 500, (method, path, answer.content)
        if answer.status_code >= 300:
            return None
        return answer.json() if answer.content else {}

    def _google(
        self, method: str, calendar: str, path: str, body: Any = None, seen: dict[str, Any] | None = None
    ) -> Any:
        """What whoever owns a calendar does there at Google; refused where it would write over what they have not `seen`."""
        return self._as(self.owners[calendar], method, f"calendars/{quote(calendar)}/{path}", body, seen)

    def _as(self, person: Person, method: str, path: str, body: Any = None, seen: dict[str, Any] | None = None) -> Any:
        headers = person.headers | ({"If-Match": seen["etag"]} if seen else {})
        answer = self.google.client.open(f"/calendar/v3/{path}", method=method, json=body, headers=headers)
        assert answer.status_code < 500, (method, path, answer.data)
        if answer.status_code >= 300:
            return None
        return answer.json if answer.data else {}

    def _note(
        self,
        side: str,
        what: str,
        found: tuple[str, dict[str, Any]],
        field: str = "",
        value: str = "",
        seen: str = "",
        by_organizer: bool = False,
    ) -> Op:
        calendar, item = found
        op = self._did(side, what, item["description"], calendar, field, value, seen, item["id"])
        is_copy = bool(item.get("organizer")) and not item["organizer"].get("self")
        # what a guest writes into the own copy at Google stays there only until the organizer's next change
        op.is_done = not (
            is_copy and side == "there" and calendar == self.ana.email and bool(field) and not by_organizer
        )
        return op

    def _did(
        self,
        side: str,
        what: str,
        name: str,
        calendar: str,
        field: str = "",
        value: str = "",
        seen: str = "",
        event_id: str = "",
    ) -> Op:
        self.talked_of = name
        op = Op(len(self.ops), side, what, name, calendar, "", field, value, seen, event_id)
        self.ops.append(op)
        return op

    def _calendar(self, side: str) -> str:
        """A calendar of Google's, or one that this desk has."""
        names = self._open(side)
        return self.dice.choice(names) if names else ""

    def _open(self, side: str) -> list[str]:
        names = set(self.desk.calendars) - self.desk.emptied if side == "here" else set(self.calendars)
        return sorted(names - self.barred)

    def _name(self) -> str:
        self.count += 1
        return f"e{self.count:04d}"

    def _value(self) -> str:
        self.count += 1
        return f"v{self.count:04d}"

    def _time(self) -> datetime:
        """A wall-clock time of its own, in working hours."""
        self.count += 1
        return FIRST_DAY + timedelta(days=self.count % 25, hours=8 + self.count % 9, minutes=self.count % 59)
