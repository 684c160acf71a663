"""Whatever is sent, right or wrong: no server error, no answer outside Google's schema, no call over a second, and
every list works afterwards. `EMULATOR_CALLS` asks for more calls than the few hundred of an ordinary run."""

import json
import os
import random
import time
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from gcal_emulator import orders, resources, schemas

from tests.emulator.conftest import ANA, BEN, Caller, Emulator

CALLS, BLOCKS = int(os.environ.get("EMULATOR_CALLS", "600")), 6
SLOWEST_S = 1.0
TEXTS = [
    "",
    "x",
    "Lunch",
    "é" * 300,
    "\U0001f600",
    "a\x00b",
    "\ud83d",
    "x" * 9000,
    "{{7*7}}",
    "null",
    "../..",
    "%00",
    "#",
]
ODD: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    2**31,
    2**63,
    1.5,
    1e300,
    "",
    [],
    {},
    [None],
    [[]],
    {"a": {"b": []}},
    "x" * 3000,
]
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Foo/Bar", "", "../etc"]
TIMES = [
    "2026-12-01T09:00:00Z",
    "2026-12-01T10:00:00+01:00",
    "2026-12-02T09:00:00",
    "1000-01-01T00:00:00Z",
    "9000-12-31T23:59:59Z",
]
TIMES += [
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59-12:00",
    "2026-03-29T02:30:00",
    "2026-13-01T00:00:00Z",
    "soon",
    "2026-12-01T09:00",
]
DATES = [
    "2026-12-01",
    "2026-12-02",
    "2027-02-28",
    "1000-01-01",
    "9000-12-31",
    "0001-01-01",
    "9999-12-31",
    "2026-02-30",
    "20261201",
]
LINES = [
    "RRULE:FREQ=DAILY;COUNT=5",
    "RRULE:FREQ=WEEKLY;BYDAY=MO,FR",
    "RRULE:FREQ=YEARLY",
    "RRULE:FREQ=MONTHLY;BYDAY=-1FR",
]
LINES += [
    "RRULE:FREQ=HOURLY",
    "RRULE:FREQ=DAILY;UNTIL=20270101T000000Z",
    "EXDATE:20261202T090000Z",
    "RDATE;VALUE=DATE:20261205",
]
LINES += [
    "RRULE:FREQ=SECONDLY",
    "RRULE:FREQ=DAILY;UNTIL=x",
    "EXDATE:x",
    "RRULE",
    "RRULE:FREQ=DAILY;COUNT=99999999",
    "EXRULE:FREQ=DAILY",
]
LINES += [
    "RRULE:FREQ=DAILY;INTERVAL=7;BYDAY=SU",
    "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
    "RRULE:FREQ=YEARLY;BYWEEKNO=53",
]
WORDS = [
    "calendar#event",
    "user",
    "default",
    "email",
    "popup",
    "web_hook",
    "https://x.example/p",
    "http://127.0.0.1:9/p",
]
WORDS += ["hangoutsMeet", "video", "https://meet.google.com/a", "#aabbcc", "abcde", "confirmed", "1", "24", ANA, BEN]


@cache
def _document() -> dict[str, Any]:
    text = files("googleapiclient").joinpath("discovery_cache/documents/calendar.v3.json").read_text()
    return dict(json.loads(text))


@cache
def _methods() -> list[dict[str, Any]]:
    return [method for part in _document()["resources"].values() for method in part["methods"].values()]


class Maker:
    """Values for one run: mostly what a schema wants, now and then anything else."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.is_broken = False
        """Whether the present call may hold anything at all, or only what the schema wants."""
        self.ids: dict[str, list[str]] = {
            "calendarId": ["primary", ANA, BEN, "nobody@x.example", "", "a/b#c", "é"],
            "eventId": ["nothing1", "x", "_", "a_20261201T090000Z", "a_20269901"],
            "ruleId": [f"user:{ANA}", f"user:{BEN}", "default", "x", "domain:x"],
            "setting": ["locale", "timezone", "nothing"],
            "resourceId": ["r1"],
            "id": ["chan1", "abcde"],
        }

    def body(self, name: str) -> Any:
        if self._errs(0.03):
            return self.dice.choice(ODD)
        found: dict[str, Any] = {}
        for member, schema in _document()["schemas"][name]["properties"].items():
            if self.dice.random() < (0.9 if member in {"start", "end"} else 0.2):
                found[member] = self.value(schema, name, member)
        if name == "Event" and not self._errs(0.4):
            found |= self._times()
            found.pop("eventType", None) if self.dice.random() < 0.8 else None
        if self._errs(0.1):
            found["somethingElse"] = self.dice.choice(ODD)
        return found

    def _errs(self, rate: float) -> bool:
        return self.is_broken and self.dice.random() < rate

    def _known(self, name: str) -> str:
        """An id of something that there is, mostly."""
        known = self.ids[name]
        return self.dice.choice(known if self._errs(0.3) else known[-6:] if name == "eventId" else known[:3])

    def _times(self) -> dict[str, Any]:
        """A start and an end that go together, so that there is something to read."""
        if self.dice.random() < 0.3:
            return {"start": {"date": "2026-12-01"}, "end": {"date": self.dice.choice(["2026-12-02", "2026-12-09"])}}
        zone = self.dice.choice(ZONES[:5])
        day = f"2026-12-{self.dice.randint(1, 28):02d}"
        return {
            side: {"dateTime": f"{day}T{hour}:00:00", "timeZone": zone}
            for side, hour in (("start", "09"), ("end", "10"))
        }

    def value(self, schema: dict[str, Any], owner: str = "", member: str = "") -> Any:
        if self._errs(0.06):
            return self.dice.choice(ODD)
        if "$ref" in schema:
            return self.body(schema["$ref"])
        kind = schema.get("type")
        if kind == "array":
            return [self.value(schema["items"], owner, member) for _ in range(self.dice.randrange(3))]
        if kind == "object":
            return self._object(schema)
        if kind == "boolean":
            return self.dice.random() < 0.5
        if kind == "integer":
            return self.dice.choice([0, 1, 5, 10, 30, 100, 40320, -1, 2**31 - 1, "7"])
        return self._text(schema, owner, member)

    def _object(self, schema: dict[str, Any]) -> Any:
        if "properties" in schema:
            chosen = {n: p for n, p in schema["properties"].items() if self.dice.random() < 0.6}
            return {name: self.value(inner, "", name) for name, inner in chosen.items()}
        return {self.dice.choice(TEXTS[1:5]): self.dice.choice(TEXTS) for _ in range(self.dice.randrange(3))}

    def _text(self, schema: dict[str, Any], owner: str, member: str) -> str:
        if allowed := resources.VALUES.get(f"{owner}.{member}"):
            return self.dice.choice([*allowed, "odd"] if self._errs(0.3) else allowed)
        if not self.is_broken:
            return self._right_text(schema, member)
        pools = {"date": DATES, "date-time": TIMES, "int64": ["1", str(10**13), "x", str(10**30)]}
        if form := schema.get("format"):
            return str(self.dice.choice(pools.get(form, TEXTS)))
        named = {"timeZone": ZONES, "recurrence": LINES, "iCalUID": ["u1@x.example", "u2@x.example", ""]}
        pool = named.get(member) or self.ids.get(member) or [*WORDS, *TEXTS]
        return self.dice.choice(pool)

    def _right_text(self, schema: dict[str, Any], member: str) -> str:
        forms = {"date": DATES[:3], "date-time": TIMES[:2], "int64": ["1893456000000"]}
        right = {"timeZone": ZONES[:5], "recurrence": LINES[:8], "iCalUID": ["u1@x.example", "u2@x.example"]}
        right |= {
            "email": [ANA, BEN, "c@x.example"],
            "value": [BEN],
            "colorId": ["1", "5"],
            "type": ["web_hook", "user"],
        }
        right |= {
            "address": ["https://x.example/p"],
            "id": [f"abcde{n}" for n in range(40)],
            "role": ["reader", "writer"],
        }
        right |= {name: ["#aabbcc"] for name in ("backgroundColor", "foregroundColor")}
        return self.dice.choice(forms.get(schema.get("format", "")) or right.get(member) or ["Lunch", "Room é", "x"])

    def parameter(self, name: str, schema: dict[str, Any]) -> str:
        if self._errs(0.2):
            return self.dice.choice(["", "x", "-1", "true", "2026", "é", "%", "9" * 30, "\x00"])
        if "enum" in schema:
            return str(self.dice.choice(schema["enum"]))
        named = {"destination": self.ids["calendarId"], "timeZone": ZONES[:5], "originalStart": [*TIMES, *DATES]}
        if name in named:
            return self.dice.choice(named[name])
        if schema.get("format") == "date-time":
            return self.dice.choice(TIMES if self.is_broken else TIMES[:2])
        kinds = {"integer": ["1"] if "maximum" in schema else ["1", "2", "250", "2500"], "boolean": ["true", "false"]}
        fixed = {
            "text": ["Lunch tomorrow 9am", "x 31/31", "in 999 weeks"],
            "pageToken": ["1", "x"],
            "syncToken": ["x", "1:y"],
        }
        return self.dice.choice(kinds.get(schema["type"]) or fixed.get(name) or ["a=b", "lunch", "u1@x.example"])

    def call(self) -> tuple[str, str, Any]:
        self.is_broken = self.dice.random() < 0.5
        method = self.dice.choice(_methods())
        path, query = method["path"], []
        for name, schema in method.get("parameters", {}).items():
            if schema["location"] == "path":
                path = path.replace("{" + name + "}", quote(self._known(name) or "-", safe=""))
            elif schema.get("required") or self.dice.random() < 0.15:
                query.append((name, self.parameter(name, schema)))
        body = self.body(method["request"]["$ref"]) if "request" in method else None
        return method["httpMethod"], f"{path}?{urlencode(query)}" if query else path, body

    def learn(self, answer: Any) -> None:
        """Keeps what a later call may name."""
        found = answer.json if answer.data and answer.is_json else None
        for item in [found, *((found or {}).get("items") or [])] if isinstance(found, dict) else []:
            kind, name = str(item.get("kind")), item.get("id")
            if kind == "calendar#event" and name:
                self.ids["eventId"].append(name)
            elif kind == "calendar#calendar" and name:
                self.ids["calendarId"].append(name)
            elif kind == "api#channel":
                self.ids["resourceId"].append(item["resourceId"])
            for token in ("nextSyncToken", "nextPageToken"):
                self.ids.setdefault(token, []).append(item.get(token) or "x")


def _timed(caller: Caller, method: str, path: str, body: Any = None) -> Any:
    begin = time.perf_counter()
    answer = caller(method, path, body)
    took = time.perf_counter() - begin
    assert answer.status_code < 500, (method, path, body, answer.data)
    if took > SLOWEST_S:  # a busy machine may have been elsewhere; a slow answer is slow again
        begin = time.perf_counter()
        caller(method, path, body)
        took = min(took, time.perf_counter() - begin)
    assert took < SLOWEST_S, (method, path, body, took)
    return answer


def _read_everything(emulator: Emulator, ana: Caller, maker: Maker) -> None:
    """Every list works, however odd what was accepted."""
    own = [name for name, c in emulator.world.calendars.items() if not c.is_deleted and c.acl.get(ANA) == "owner"]
    for calendar in own:
        base = f"calendars/{quote(calendar, safe='')}"
        for query in (
            "",
            "?singleEvents=true&orderBy=startTime&maxResults=2500",
            "?showDeleted=true",
            "?timeMin=2026-12-05T00:00:00Z",
        ):
            assert _timed(ana, "GET", f"{base}/events{query}").status_code == 200
        assert _timed(ana, "GET", f"{base}/acl").status_code == 200
        assert _timed(ana, "GET", base).status_code == 200
    for event in sorted(emulator.world.calendars[ANA].events)[:25]:
        for path in (f"calendars/primary/events/{event}", f"calendars/primary/events/{event}/instances?maxResults=5"):
            assert _timed(ana, "GET", path).status_code == 200, path
    asked = {
        "timeMin": "2026-12-01T00:00:00Z",
        "timeMax": "2027-01-01T00:00:00Z",
        "items": [{"id": name} for name in own],
    }
    assert _timed(ana, "POST", "freeBusy", asked).status_code == 200
    assert _timed(ana, "GET", "users/me/calendarList?showHidden=true&showDeleted=true").status_code == 200
    for page in (f"/ui/{ANA}", f"/ui/{ANA}/sharing", "/ui/inspector"):
        assert emulator.client.get(page).status_code == 200, page
    whole = emulator.control("world", method="GET")
    Emulator().control("world", whole, "PUT")


@pytest.mark.parametrize("block", range(BLOCKS))
def test_whatever_is_sent_is_answered_and_breaks_nothing(block: int) -> None:
    emulator, maker = Emulator(), Maker(block)
    emulator.caller(BEN)
    emulator.control("share", {"calendar_id": BEN, "email": ANA, "role": "writer"})
    emulator.control("clock", {"now": "2026-12-01T08:00:00Z"})
    ana, known, counts = emulator.caller(), len(schemas.found), {"answered": 0, "refused": 0}
    for _ in range(CALLS // BLOCKS):
        answer = _timed(ana, *maker.call())
        counts["answered" if answer.status_code < 400 else "refused"] += 1
        maker.learn(answer)
    _read_everything(emulator, ana, maker)
    assert schemas.found[known:] == []
    assert counts["answered"] > CALLS // BLOCKS // 20, counts
    print(f"block {block}: {counts}, {len(emulator.world.calendars[ANA].events)} events kept")  # noqa: T201


def test_whatever_is_ordered_is_done_or_refused(emulator: Emulator, ana: Caller) -> None:
    """The control API too: no order, however odd, ends in a server error."""
    dice = random.Random(5)
    pool: list[Any] = [*ODD, ANA, "calendar", "2026-12-01T09:00:00Z", {"code": "G19"}, {"mode": "hold"}, "reader", 3]
    for order, shape in orders.BODIES.items():
        method, _, path = order.partition(" ")
        names = [name.rstrip("!") for name in shape] or ["page", "quota_per_user", "x"]
        for _turn in range(12):
            body = dice.choice([{n: dice.choice(pool) for n in names if dice.random() < 0.7}] * 5 + pool)
            answer = emulator.client.open(f"/_emulator/{path}", method=method, json=body)
            assert answer.status_code in {200, 422}, (order, body, answer.data)
    emulator.control("reset", {})
    assert emulator.caller().ok("GET", "calendars/primary/events")["items"] == []
