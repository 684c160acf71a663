"""People on both sides. Everything they write carries a name of its own, so that the checker can follow it.

An event's name is its description and is never edited; summaries and locations get a fresh value with every edit.
"""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from tests.simulation.checker import Op
from tests.support.cast import Actor
from tests.support.google import Google, Person

ZONE = "America/New_York"
GUEST = "guest@elsewhere.example"
FIRST_DAY = datetime(2026, 3, 3)
SINCE, UNTIL = "2026-02-01T00:00:00Z", "2026-07-01T00:00:00Z"
RULES = (
    "RRULE:FREQ=DAILY;COUNT=4",
    "RRULE:FREQ=DAILY;INTERVAL=2;COUNT=5",
    "RRULE:FREQ=WEEKLY;COUNT=4",
    "RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=3",
)
WEIGHTS = {
    "create": 10,
    "create_series": 6,
    "edit": 14,
    "reschedule": 5,
    "delete": 5,
    "edit_occurrence": 6,
    "cancel_occurrence": 4,
    "edit_following": 5,
    "delete_following": 2,
    "move": 2,
    "restore": 1.5,
    "duplicate": 1,
    "take_out": 1,
    "bring_in": 1,
    "invite": 2,
    "organise": 3,
    "answer": 2,
    "remind": 1,
    "poison": 0.7,
}


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
class People:
    """They work here, at a desk of one account or another, and Ana at Google, all in the same calendars."""

    google: Google
    desks: list[Desk]
    ana: Person
    olga: Person
    """She works elsewhere and invites Ana."""
    dice: random.Random
    allowed: frozenset[str] = frozenset(WEIGHTS)
    ops: list[Op] = field(default_factory=list)
    poisoned: dict[str, str] = field(default_factory=dict)
    """Names of events that cannot be read, by Google's id."""
    barred: set[str] = field(default_factory=set)
    """Calendars that nobody works in."""
    count: int = 0
    talked_of: str = ""
    desk: Desk = field(init=False)

    def __post_init__(self) -> None:
        self.desk = self.desks[0]

    @property
    def calendars(self) -> list[str]:
        return sorted(self.desks[0].calendars)

    def act(self, side: str) -> str:
        """One thing done on one side; answers what. A refused one leaves no trace but its word."""
        kinds = [kind for kind in WEIGHTS if kind in self.allowed]
        kind = self.dice.choices(kinds, [WEIGHTS[kind] for kind in kinds])[0]
        if len(self.desks) > 1:
            self.desk = self.dice.choice(self.desks)
        done = getattr(self, f"_{kind}")(side)
        return f"{side if side == 'there' else self.desk.name} {kind} {done}"

    def here(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """What everybody sees, by desk and calendar."""
        return {(desk.name, calendar): desk.shows(calendar) for desk in self.desks for calendar in desk.calendars}

    def there(self, calendar: str) -> list[dict[str, Any]]:
        """What Google stores in a calendar, deleted events included."""
        items: list[dict[str, Any]] = self.ana.call(
            "GET", f"calendars/{quote(calendar)}/events?maxResults=2500&showDeleted=true"
        )["items"]
        return items

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

    def try_again(self) -> int:
        """Everybody edits what Google refused before, as its message asks them to; answers how many events."""
        found = 0
        for desk in self.desks:
            self.desk = desk
            for calendar in desk.calendars:
                refused: dict[str, dict[str, Any]] = {}
                for item in desk.shows(calendar):
                    if item["sync"]["state"] in {"refused", "parked"} and item["editable"]["content"]:
                        refused.setdefault(item["id"], item)
                for item in refused.values():
                    found += 1
                    self._edit_refused(calendar, item)
        return found

    def remove_there(self, calendar: str, item: dict[str, Any]) -> None:
        """Ana deletes an event at Google."""
        if self._ana("DELETE", f"calendars/{quote(calendar)}/events/{item['id']}") is not None:
            self._note("there", "delete", (calendar, item))

    def brought_back(self, events: list[str], desk: Desk) -> None:
        """Somebody at a desk decides that these events stand on both sides again."""
        for event in events:
            answer = desk.actor.call("GET", f"events/{event}")
            found = [answer.json()] if answer.status_code == 200 else []
            found += [item for item in desk.actor.get("trash")["items"] if item["id"] == event]
            for item in found[:1]:
                self._did("here", "restore", item["description"], "", event_id=event)

    def _edit_refused(self, calendar: str, item: dict[str, Any]) -> None:
        value, key = self._value(), item.get("original_start") if item["kind"] == "override" else ""
        scope = f"?scope=this&occurrence={quote(key)}" if key else "?scope=all"
        event = item["series"] if key else item["id"]
        done = self._call("PATCH", f"events/{event}{scope}", {"location": value})
        if done is not None:
            op = self._note("here", "edit", (calendar, item), "location", value, item.get("location", ""))
            op.key = _key(key) if key else ""

    def _create(self, side: str, rule: str = "") -> str:
        name, value, start = self._name(), self._value(), self._time()
        calendar = self._calendar(side)
        if not calendar:
            return "nothing"
        end = start + timedelta(minutes=30)
        times = _days(start) if self.dice.random() < 0.15 else _times(side, start, end)
        if side == "here":
            body = {"calendar": self.desk.calendars[calendar], "summary": value, "description": name}
            body |= times | ({"recurrence": [rule]} if rule else {})
            body |= {"attendees": [{"email": GUEST}]} if self.count % 4 == 0 else {}
            found = self._call("POST", "events", body)
        else:
            body = {"summary": value, "description": name} | times | ({"recurrence": [rule]} if rule else {})
            body |= {"attendees": [{"email": GUEST}]} if self.count % 4 == 0 else {}
            found = self._ana("POST", f"calendars/{quote(calendar)}/events", body)
        if found is None:
            return "refused"
        event_id = found["id"]
        self._did(side, "create", name, calendar, field="summary", value=value, event_id=event_id)
        self._did(
            side,
            "create",
            name,
            calendar,
            field="start",
            value=times["start"].get("date") or _utc(start),
            event_id=event_id,
        )
        return name

    def _create_series(self, side: str) -> str:
        return self._create(side, self.dice.choice(RULES))

    def _edit(self, side: str) -> str:
        field_ = self.dice.choice(["summary", "location"])
        found = self._root(side)
        if found is None:
            return "nothing"
        return self._write(side, found, field_, self._value())

    def _reschedule(self, side: str) -> str:
        found = self._root(side)
        if found is None:
            return "nothing"
        calendar, item = found
        start = self._time()
        end = start + timedelta(minutes=30)
        done = self._change(side, calendar, item, _times(side, start, end), "all")
        if done:
            is_series = bool(item.get("recurrence"))
            op = self._note(
                side, "rekey" if is_series else "edit", found, "start", _utc(start), _instant(item["start"])
            )
            op.spelled = start.isoformat()
        return item["description"] if done else "refused"

    def _delete(self, side: str) -> str:
        found = self._root(side)
        if found is None:
            return "nothing"
        calendar, item = found
        if side == "here":
            done = self._call("DELETE", f"events/{item['id']}?scope=all")
        else:
            done = self._ana("DELETE", f"calendars/{quote(calendar)}/events/{item['id']}")
        if done is not None:
            self._note(side, "hide" if side == "here" and calendar in self.desk.closed else "delete", found)
        return item["description"] if done is not None else "refused"

    def _edit_occurrence(self, side: str) -> str:
        found = self._occurrence(side)
        if found is None:
            return "nothing"
        calendar, item, key = found
        field_, value = self.dice.choice(["summary", "location"]), self._value()
        if side == "here":
            series = item.get("series") or item["id"]
            done = self._call("PATCH", f"events/{series}?scope=this&occurrence={quote(key)}", {field_: value})
        else:
            done = self._ana("PATCH", f"calendars/{quote(calendar)}/events/{item['id']}", {field_: value})
        if done is not None:
            op = self._note(side, "edit", (calendar, item), field_, value, item.get(field_, ""))
            op.key, op.event_id = _key(key), done.get("id", "") if side == "here" else ""
        return item["description"] if done is not None else "refused"

    def _cancel_occurrence(self, side: str) -> str:
        found = self._occurrence(side)
        if found is None:
            return "nothing"
        calendar, item, key = found
        if side == "here":
            series = item.get("series") or item["id"]
            done = self._call("DELETE", f"events/{series}?scope=this&occurrence={quote(key)}")
        else:
            done = self._ana("DELETE", f"calendars/{quote(calendar)}/events/{item['id']}")
        if done is not None:
            self._note(side, "cancel", (calendar, item)).key = _key(key)
        return item["description"] if done is not None else "refused"

    def _edit_following(self, side: str) -> str:
        found = self._occurrence(side)
        if found is None:
            return "nothing"
        calendar, item, key = found
        name, value = self._name(), self._value()
        changes = {"description": name, "summary": value}
        if side == "here":
            series = item.get("series") or item["id"]
            done = self._call("PATCH", f"events/{series}?scope=following&occurrence={quote(key)}", changes)
        else:
            body = {"calendar_id": calendar, "event_id": item["recurringEventId"], "original_start": key}
            answer = self.google.client.post("/_emulator/ui/split-series", json=body | {"changes": changes})
            done = answer.json if answer.status_code == 200 else None
        if done is not None:
            self._note(side, "split", (calendar, item))
            self._did(side, "split", name, calendar)
        return f"{item['description']} → {name}" if done is not None else "refused"

    def _delete_following(self, side: str) -> str:
        found = self._occurrence(side)
        if found is None or side == "there":
            return "nothing"
        calendar, item, key = found
        done = self._call(
            "DELETE", f"events/{item.get('series') or item['id']}?scope=following&occurrence={quote(key)}"
        )
        if done is not None:
            self._note(side, "split", (calendar, item))
        return item["description"] if done is not None else "refused"

    def _move(self, side: str) -> str:
        found = self._root(side)
        places = self.desk.calendars if side == "here" else self.calendars
        others = [name for name in sorted(places) if found and name != found[0] and name not in self.barred]
        if found is None or not others or self.desk.closed:
            return "nothing"
        calendar, item = found
        target = self.dice.choice(others)
        if side == "here":
            done = self._call("PATCH", f"events/{item['id']}", {"calendar": self.desk.calendars[target]})
        else:
            done = self._ana(
                "POST", f"calendars/{quote(calendar)}/events/{item['id']}/move?destination={quote(target)}"
            )
        if done is not None:
            self._note(side, "move", found)
        return f"{item['description']} → {target}" if done is not None else "refused"

    def _restore(self, side: str) -> str:
        return self._restore_here() if side == "here" else self._restore_there()

    def _restore_here(self) -> str:
        items = [item for item in self.desk.actor.get("trash")["items"] if not item.get("series")]
        if not items:
            return "nothing"
        item = self.dice.choice(sorted(items, key=lambda found: str(found["description"])))
        done = self._call("POST", f"trash/{item['id']}/restore", {})
        if done is not None:
            self._did("here", "restore", item["description"], "", event_id=item["id"])
        return item["description"] if done is not None else "refused"

    def _restore_there(self) -> str:
        """Ana takes something back from Google's own bin."""
        calendar = self._calendar("there")
        gone = [item for item in self.there(calendar) if item["status"] == "cancelled" and item.get("description")]
        gone = [item for item in gone if not item.get("recurringEventId")]
        if not gone:
            return "nothing"
        item = self.dice.choice(sorted(gone, key=lambda found: str(found["id"])))
        done = self._ana("PATCH", f"calendars/{quote(calendar)}/events/{item['id']}", {"status": "confirmed"})
        if done is not None:
            self._note("there", "restore", (calendar, item))
        return str(item["description"]) if done is not None else "refused"

    def _take_out(self, side: str) -> str:
        """An event leaves Google for a calendar that is only here."""
        found = self._root("here")
        if found is None or side == "there" or self.desk.closed:
            return "nothing"
        _calendar, item = found
        done = self._call("PATCH", f"events/{item['id']}", {"calendar": self.desk.native})
        if done is not None:
            self._note("here", "take_out", found)
        return str(item["description"]) if done is not None else "refused"

    def _bring_in(self, side: str) -> str:
        """An event of a calendar that is only here goes to a mirrored one."""
        items = self.desk.actor.get(f"events?from={SINCE}&to={UNTIL}&calendar={self.desk.native}&limit=500")["items"]
        roots = {item.get("series") or item["id"]: item for item in items}
        calendar = self._calendar("here")
        if not roots or side == "there" or self.desk.closed:
            return "nothing"
        event = self.dice.choice(sorted(roots, key=lambda found: (str(roots[found]["description"]), found)))
        done = self._call("PATCH", f"events/{event}", {"calendar": self.desk.calendars[calendar]})
        name = roots[event]["description"]
        if done is not None:
            self._did("here", "move", name, calendar, event_id=event)
        return str(name) if done is not None else "refused"

    def _invite(self, side: str) -> str:
        """Olga invites Ana, whose calendar shows a copy that she may not change."""
        if side == "here":
            return "nothing"
        name, value, start = self._name(), self._value(), self._time()
        body = {"summary": value, "description": name, "attendees": [{"email": self.ana.email}]}
        body |= {"start": _remote(start), "end": _remote(start + timedelta(minutes=30))}
        body |= {"recurrence": [self.dice.choice(RULES)]} if self.dice.random() < 0.3 else {}
        found = self._as(self.olga, "POST", f"calendars/{self.olga.email}/events", body)
        assert found is not None
        self._did(side, "create", name, self.ana.email, "summary", value, event_id=found["id"])
        return name

    def _organise(self, side: str) -> str:
        """Olga changes or calls off what she invited to."""
        path = f"calendars/{self.olga.email}/events"
        items = [item for item in self.olga.call("GET", path)["items"] if not item.get("recurringEventId")]
        if not items or side == "here":
            return "nothing"
        item = self.dice.choice(sorted(items, key=lambda found: str(found["description"])))
        found = (self.ana.email, item)
        if self.dice.random() < 0.3:
            self._as(self.olga, "DELETE", f"{path}/{item['id']}")
            self._note(side, "delete", found)
            return f"called off {item['description']}"
        value = self._value()
        self._as(self.olga, "PATCH", f"{path}/{item['id']}", {"summary": value})
        if self.google.world.behaviours.deleted_copy == "returns":
            self._note(side, "restore", found)
        self._note(side, "edit", found, "summary", value, item["summary"], by_organizer=True)
        return str(item["description"])

    def _remind(self, side: str) -> str:
        """A reminder of one's own: at Google it does not count as an update."""
        found = self._root(side)
        if found is None:
            return "nothing"
        calendar, item = found
        minutes, name = self.dice.randint(1, 500), "use_default" if side == "here" else "useDefault"
        body = {"reminders": {name: False, "overrides": [{"method": "popup", "minutes": minutes}]}}
        if not self._change(side, calendar, item, body, "all"):
            return "refused"
        if side == "here":
            self._note(side, "remind", found)
        return f"{minutes} {item['description']}"

    def _poison(self, side: str) -> str:
        """Something that Google shows and nobody can read."""
        if side == "here":
            return "nothing"
        name, start = self._name(), self._time()
        calendar = self._calendar(side)
        times = _times(side, start, start + timedelta(minutes=30))
        event_id = f"poison{self.count}"
        self.poisoned[event_id] = name  # before it is there: whoever reads it first meets it as it is
        self._ana("POST", f"calendars/{quote(calendar)}/events", {"id": event_id, "description": name} | times)
        self._did(side, "poison", name, calendar, event_id=event_id)
        return name

    def _answer(self, side: str) -> str:
        """Ana, or somebody here in her name, says whether she comes."""
        found = self._root(side)
        if found is None:
            return "nothing"
        calendar, item = found
        response = self.dice.choice(["accepted", "declined", "tentative"])
        name = "response" if side == "here" else "responseStatus"
        guests = [guest | ({name: response} if guest.get("self") else {}) for guest in item.get("attendees") or []]
        if guests == (item.get("attendees") or []):
            return "nothing"
        done = self._change(side, calendar, item, {"attendees": guests}, "all")
        if done and side == "here":
            self._note(side, "answer", found)
        return f"{response} {item['description']}" if done else "refused"

    def _duplicate(self, side: str) -> str:
        """Google's own page copies an event, our tag with it; the copy gets a name of its own at once."""
        found = self._root("there")
        if found is None or side == "here":
            return "nothing"
        calendar, item = found
        body = {"calendar_id": calendar, "event_id": item["id"]}
        copied = self.google.client.post("/_emulator/ui/duplicate-event", json=body).json
        name = self._name()
        done = self._ana("PATCH", f"calendars/{quote(calendar)}/events/{copied['id']}", {"description": name})
        self._did(side, "duplicate", name, calendar, event_id=done["id"])
        return f"{item['description']} → {name}"

    def _write(self, side: str, found: tuple[str, dict[str, Any]], field_: str, value: str) -> str:
        calendar, item = found
        if not self._change(side, calendar, item, {field_: value}, "all"):
            return "refused"
        self._note(side, "edit", found, field_, value, item.get(field_, ""))
        return str(item["description"])

    def _change(self, side: str, calendar: str, item: dict[str, Any], body: dict[str, Any], scope: str) -> bool:
        if side == "here":
            return self._call("PATCH", f"events/{item['id']}?scope={scope}", body) is not None
        return self._ana("PATCH", f"calendars/{quote(calendar)}/events/{item['id']}", body) is not None

    def _root(self, side: str) -> tuple[str, dict[str, Any]] | None:
        """A living single event or series, as its side shows it; often the one that somebody has just worked on."""
        latest = self.ops[-1].where if self.ops else ""
        stays = latest in self._open(side) and self.dice.random() < 0.6
        calendar = latest if stays else self._calendar(side)
        if not calendar:
            return None
        if side == "here":
            ids = sorted({item["id"] for item in self.desk.shows(calendar) if not item.get("series")})
            rows = [self.desk.actor.get(f"events/{event}") for event in ids]
        else:
            rows = [i for i in self.there(calendar) if i["status"] != "cancelled" and not i.get("recurringEventId")]
        rows.sort(key=lambda item: str(item["description"]))
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
            items = self.ana.call("GET", f"calendars/{quote(calendar)}/events?singleEvents=true&maxResults=2500")[
                "items"
            ]
            rows = [(i, _moment(i["originalStartTime"])) for i in items if i.get("recurringEventId")]
        rows.sort(key=lambda row: (str(row[0]["description"]), row[1]))
        if not rows:
            return None
        item, key = self.dice.choice(rows)
        return calendar, item, key

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.desk.actor.call(method, path, body)
        assert answer.status_code != 500, (method, path, answer.content)
        if answer.status_code >= 300:
            return None
        return answer.json() if answer.content else {}

    def _ana(self, method: str, path: str, body: Any = None) -> Any:
        return self._as(self.ana, method, path, body)

    def _as(self, person: Person, method: str, path: str, body: Any = None) -> Any:
        answer = self.google.client.open(f"/calendar/v3/{path}", method=method, json=body, headers=person.headers)
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


def _local(at: datetime) -> dict[str, str]:
    return {"date_time": at.isoformat(), "time_zone": ZONE}


def _remote(at: datetime) -> dict[str, str]:
    return {"dateTime": at.isoformat(), "timeZone": ZONE}


def _times(side: str, start: datetime, end: datetime) -> dict[str, Any]:
    shape = _local if side == "here" else _remote
    return {"start": shape(start), "end": shape(end)}


def _utc(at: datetime) -> str:
    from zoneinfo import ZoneInfo

    return at.replace(tzinfo=ZoneInfo(ZONE)).astimezone(UTC).isoformat()


def _days(start: datetime) -> dict[str, Any]:
    """All day, the same on both sides."""
    return {
        "start": {"date": start.date().isoformat()},
        "end": {"date": (start + timedelta(days=1)).date().isoformat()},
    }


def _moment(moment: dict[str, Any]) -> str:
    return str(moment.get("date") or moment.get("dateTime") or moment["date_time"])


def _instant(moment: dict[str, Any]) -> str:
    return _key(_moment(moment))


def _key(original: str) -> str:
    return datetime.fromisoformat(original).astimezone(UTC).isoformat() if "T" in original else original
