"""People on both sides. Everything they write carries a name of its own, so that the checker can follow it.

An event's name is its description and is never edited; summaries and locations get a fresh value with every edit.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from tests.simulation import event_times
from tests.simulation.both_sides import SINCE, UNTIL, BothSides, Desk

GUEST = "guest@elsewhere.example"
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
    "move": 3,
    "restore": 1.5,
    "duplicate": 1,
    "take_out": 2.5,
    "bring_in": 1,
    "invite": 2,
    "organise": 3,
    "answer": 2,
    "remind": 1,
    "poison": 0.7,
}
GROUPS = (
    ("move", "take_out", "bring_in"),
    ("create_series", "edit_occurrence", "cancel_occurrence", "edit_following", "reschedule"),
    ("delete", "restore", "move"),
    ("invite", "organise", "answer", "move"),
)
"""What some people are eager to do."""
EAGER = 5.0
"""So many times as often as others."""


@dataclass
class People(BothSides):
    """What they do, one thing at a time."""

    allowed: frozenset[str] = frozenset(WEIGHTS)
    eager: frozenset[str] = frozenset()

    def act(self, side: str) -> str:
        """One thing done on one side; answers what. A refused one leaves no trace but its word."""
        kinds = [kind for kind in WEIGHTS if kind in self.allowed]
        kind = self.dice.choices(kinds, [WEIGHTS[kind] * (EAGER if kind in self.eager else 1) for kind in kinds])[0]
        if len(self.desks) > 1:
            self.desk = self.dice.choice(self.desks)
        done = getattr(self, f"_{kind}")(side)
        return f"{side if side == 'there' else self.desk.name} {kind} {done}"

    def try_again(self) -> int:
        """Everybody edits what Google refused before, as its message asks them to, or answers once more where nothing else
        is theirs to change; answers how many events."""
        found = 0
        for desk in self.desks:
            self.desk = desk
            for calendar in desk.calendars:
                refused: dict[str, dict[str, Any]] = {}
                for item in desk.shows(calendar):
                    if item["sync"]["state"] in {"refused", "parked"} and any(
                        item["editable"][what] for what in ("content", "response")
                    ):
                        refused.setdefault(item["id"], item)
                for item in refused.values():
                    found += 1
                    self._edit_refused(calendar, item)
        return found

    def remove_there(self, calendar: str, item: dict[str, Any]) -> None:
        """Ana deletes an event at Google."""
        if self._google("DELETE", calendar, f"events/{item['id']}") is not None:
            self._note("there", "delete", (calendar, item))

    def repair(self) -> None:
        """Of what nobody could read, half can be read from now on, as Google shows when it is touched."""
        for calendar in self.calendars:
            for item in self.there(calendar):
                if item["id"] in self.poisoned and item["status"] != "cancelled" and self.dice.random() < 0.5:
                    del self.poisoned[item["id"]]
                    self._write("there", (calendar, item), "location", self._value())

    def brought_back(self, events: list[str], desk: Desk) -> None:
        """Somebody at a desk decides that these events stand on both sides again."""
        for event in events:
            answer = desk.actor.call("GET", f"events/{event}")
            found = [answer.json()] if answer.status_code == 200 else []
            found += [item for item in desk.actor.get("trash")["items"] if item["id"] == event]
            for item in found[:1]:
                self._did("here", "restore", item["description"], "", event_id=event)

    def shown_beside(self, name: str) -> None:
        """An event that was taken out here stands in its former calendar as well, where it cannot be cleared away."""
        self._did("here", "restore", name, "")

    def _edit_refused(self, calendar: str, item: dict[str, Any]) -> None:
        value, key = self._value(), item.get("original_start") if item["kind"] == "override" else ""
        scope = f"?scope=this&occurrence={quote(key)}" if key else "?scope=all"
        event = item["series"] if key else item["id"]
        if not item["editable"]["content"]:
            self._call("PATCH", f"events/{event}{scope}", {"attendees": item["attendees"]})
            return
        done = self._call("PATCH", f"events/{event}{scope}", {"location": value}, seen=item)
        if done is not None:
            op = self._note("here", "edit", (calendar, item), "location", value, item.get("location", ""))
            op.key = event_times.key(key) if key else ""

    def _create(self, side: str, rule: str = "") -> str:
        name, value, start = self._name(), self._value(), self._time()
        calendar = self._calendar(side)
        if not calendar:
            return "nothing"
        end = start + timedelta(minutes=30)
        times = event_times.days(start) if self.dice.random() < 0.15 else event_times.times(side, start, end)
        if side == "here":
            body = {"calendar": self.desk.calendars[calendar], "summary": value, "description": name}
            body |= times | ({"recurrence": [rule]} if rule else {})
            body |= {"attendees": [{"email": GUEST}]} if self.count % 4 == 0 else {}
            found = self._call("POST", "events", body)
        else:
            body = {"summary": value, "description": name} | times | ({"recurrence": [rule]} if rule else {})
            body |= {"attendees": [{"email": GUEST}]} if self.count % 4 == 0 else {}
            found = self._google("POST", calendar, "events", body)
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
            value=times["start"].get("date") or event_times.utc(start),
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
        done = self._change(side, calendar, item, event_times.times(side, start, end), "all")
        if done:
            is_series = bool(item.get("recurrence"))
            op = self._note(
                side,
                "rekey" if is_series else "edit",
                found,
                "start",
                event_times.utc(start),
                event_times.instant(item["start"]),
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
            done = self._google("DELETE", calendar, f"events/{item['id']}")
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
            path = f"events/{series}?scope=this&occurrence={quote(key)}"
            done = self._call("PATCH", path, {field_: value}, seen=item)
        else:
            done = self._google("PATCH", calendar, f"events/{item['id']}", {field_: value}, seen=item)
        if done is not None:
            op = self._note(side, "edit", (calendar, item), field_, value, item.get(field_, ""))
            op.key, op.event_id = event_times.key(key), done.get("id", "") if side == "here" else ""
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
            done = self._google("DELETE", calendar, f"events/{item['id']}")
        if done is not None:
            self._note(side, "cancel", (calendar, item)).key = event_times.key(key)
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
            masters = {one["id"]: one for one in self.there(calendar)}
            series = masters[item["recurringEventId"]]
            if event_times.instant(series["start"]) == event_times.key(key):
                return "nothing"  # all of them, which would give an event that is known another name
            body = {"calendar_id": calendar, "event_id": series["id"], "original_start": key}
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
            self._remember(str(item["description"]))
            path = f"calendars/{quote(calendar)}/events/{item['id']}/move?destination={quote(target)}"
            done = self._as(self.ana, "POST", path)
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
        done = self._google("PATCH", calendar, f"events/{item['id']}", {"status": "confirmed"})
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
        body |= {"start": event_times.remote(start), "end": event_times.remote(start + timedelta(minutes=30))}
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
        """A reminder of Ana's own: at Google it does not count as an update."""
        found = self._root(side)
        if found is None:
            return "nothing"
        calendar, item = found
        minutes, name = self.dice.randint(1, 500), "use_default" if side == "here" else "useDefault"
        body = {"reminders": {name: False, "overrides": [{"method": "popup", "minutes": minutes}]}}
        if side == "there":
            done = self._as(self.ana, "PATCH", f"calendars/{quote(calendar)}/events/{item['id']}", body)
            return f"{minutes} {item['description']}" if done else "refused"
        if not self._change(side, calendar, item, body, "all"):
            return "refused"
        self._note(side, "remind", found)
        return f"{minutes} {item['description']}"

    def _poison(self, side: str) -> str:
        """Something that Google shows and nobody can read."""
        if side == "here":
            return "nothing"
        name, start = self._name(), self._time()
        calendar = self._calendar(side)
        times = event_times.times(side, start, start + timedelta(minutes=30))
        event_id = f"poison{self.count}"
        self.poisoned[event_id] = name  # before it is there: whoever reads it first meets it as it is
        self._google("POST", calendar, "events", {"id": event_id, "description": name} | times)
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
        done = self._google("PATCH", calendar, f"events/{copied['id']}", {"description": name})
        self._did(side, "duplicate", name, calendar, event_id=done["id"])
        return f"{item['description']} → {name}"
