"""The network between the product and Google: a Transport with boundaries before and after every request, and faults.

The codes are those of the fault catalogue. A late request (G04) is kept and delivered when the scenario says so.
"""

import json
import random
import re
import threading
from collections import Counter
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from flask import Flask
from gcal_emulator.world import World

from conversa_calendar.providers.google.transport import Request, Response
from conversa_calendar.providers.protocol import OutcomeUnknown, Transient
from tests.simulation.stage import Stage, Worker
from tests.simulation.virtual import VirtualTime

WRITES = {"POST", "PATCH", "PUT", "DELETE"}
ETAG = re.compile(rb'"etag":\s*"(\\"[^"]*\\")"')
RATES = {
    "G01": 0.05,
    "G02": 0.125,
    "G04": 0.075,
    "G05": 0.12,
    "G06": 0.08,
    "G07": 0.12,
    "G08": 0.05,
    "G09": 0.08,
    "G10": 0.1,
    "G11": 0.06,
    "G12": 0.08,
    "G13": 0.06,
    "G16": 0.02,
    "G18": 0.05,
    "G19": 0.05,
    "G20": 0.04,
    "G21": 0.05,
    "G22": 0.09,
    "G24": 0.4,
    "G29": 0.3,
    "G30": 0.6,
    "G31": 0.6,
    "G32": 0.5,
    "G34": 1.0,
}
"""How often each fault strikes a request of its kind when it is switched on."""
TO_WRITES = {"G04", "G05", "G06", "G09", "G10", "G12", "G18"}
TO_LISTS = {"G13", "G16", "G22"}
TO_PLACES = {"G30": "/watch", "G31": "/channels/stop", "G32": "/token", "G34": "/revoke"}
UNREADABLE = {"start": {"dateTime": "soon"}, "status": "confirmed"}
REPEATED_MAX = 12
RENEWAL_S = 20.0
"""A renewal that takes longer than this may be begun by somebody else."""
BADLY_SHOWN = {"G22", "G29"}
"""Faults after which only a deep check brings what Google failed to show."""


@dataclass
class Wire:
    """A Transport over the emulator's WSGI application. `enabled` names the faults that may strike."""

    world: World
    app: Flask
    stage: Stage
    time: VirtualTime
    dice: random.Random
    enabled: frozenset[str] = frozenset()
    trouble: float = 1.0
    late: list[Request] = field(default_factory=list)
    arrived_late: set[str] = field(default_factory=set)
    """Names of events whose creation arrived after it had been given up."""
    struck: Counter[str] = field(default_factory=Counter)
    served_etags: set[str] = field(default_factory=set)
    writes: list[dict[str, str | int]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    """Ids of events of which Google would not take a change."""
    poisoned: Set[str] = frozenset()
    """Ids of events that can never be read."""
    wrong: list[str] = field(default_factory=list)
    """What was asked as it should not be."""
    is_receiving: bool = False
    """Whether Google is just delivering a notification."""
    broken: str = ""
    """The part of a path behind which nothing works any more."""
    asked_in_vain: int = 0
    is_powerless: bool = False
    """Whether Google would not let the product do anything the last time, as after a revocation there."""
    is_revoked_well: Callable[[bytes], list[str]] = lambda _body: []
    """Answers what is wrong with a revocation just now, from its body."""
    renewing: list[tuple[Worker, bytes, float]] = field(default_factory=list)
    repeated: Counter[tuple[float, str, str, bytes]] = field(default_factory=Counter)
    is_concurrent: bool = False
    before: tuple[str, str] = ("", "")
    """The latest fault and where it struck: the same one does not strike there twice running."""

    def send(self, request: Request) -> Response:
        """One request of the product, with whatever the dice make of it."""
        path = urlsplit(request.url).path
        self._note(request, path)
        self._watch_over(request, path)
        self.stage.switch(f"before {request.method} {path}")
        code = "G19" if self.broken and self.broken in path else self._fault(request, path)
        if code:
            self.struck[code] += 1
            if code in {"G06", "G10"}:
                self.refused.add(path.rsplit("/", 1)[-1].split("_")[0])
            self.struck["G23"] += code == "G07" and "pageToken" in request.url
            self.stage.trace.append(f"{code} {request.method} {path}")
        answer = self._carry(request, code)
        self.stage.trace.append(f"{request.method} {path} {answer.status}")
        self.renewing = [held for held in self.renewing if held[0] is not threading.current_thread()]
        self.stage.switch(f"after {request.method} {path}")
        return answer

    def _watch_over(self, request: Request, path: str) -> None:
        """Rules that every request has to keep, whatever comes of it."""
        worker, now = threading.current_thread(), self.time.google.now_s()
        if self.is_receiving:
            self.wrong.append(f"W08 {request.method} {path} while Google waits for the answer to a notification")
        if request.method in WRITES and path.startswith("/calendar/"):
            key = (now, request.method, request.url, request.body)
            self.repeated[key] += 1
            if self.repeated[key] == REPEATED_MAX:
                self.wrong.append(f"I-05 {request.method} {path} again and again at one moment")
        if path == "/revoke":
            self.wrong += self.is_revoked_well(request.body)
        if path == "/token" and b"refresh_token=" in request.body and isinstance(worker, Worker):
            self.renewing = [h for h in self.renewing if not h[0].is_killed and now - h[2] < RENEWAL_S]
            if any(body == request.body for _worker, body, _at in self.renewing):
                self.wrong.append("I-19 two workers renew one authorisation at once")
            self.renewing.append((worker, request.body, now))

    def deliver_late(self) -> None:
        """A request that was given up long ago arrives after all."""
        if self.late:
            request = self.late.pop(self.dice.randrange(len(self.late)))
            answer = self._answer(request)
            if request.method == "POST" and request.url.split("?")[0].endswith("/events") and answer.status == 200:
                self.arrived_late.add(str(json.loads(request.body).get("description", "")))
            self.stage.trace.append(f"late {request.method} {urlsplit(request.url).path} {answer.status}")

    def _fault(self, request: Request, path: str) -> str:
        for code in sorted(self.enabled):
            if not _concerns(code, request, path):
                continue
            if self.dice.random() < RATES[code] * self.trouble and (code, path) != self.before:
                self.before = (code, path)
                return code
        return ""

    def _carry(self, request: Request, code: str) -> Response:  # noqa: C901 - one case for each fault
        match code:
            case "G01":
                raise Transient("refused", reason="unreachable")
            case "G02":
                self._answer(request)
                self.stage.switch("answer lost")
                raise OutcomeUnknown("lost", reason="broken")
            case "G04":
                self.late.append(request)
                raise OutcomeUnknown("late", reason="slow")
            case "G05":
                self._answer(request)
            case "G06":
                return _refusal(400, "badRequest")
            case "G07":
                return _refusal(401, "authError")
            case "G08":
                return _refusal(403, "userRateLimitExceeded")
            case "G09":
                return _refusal(403, "quotaExceeded")
            case "G10":
                return _refusal(403, "forbiddenForNonOrganizer")
            case "G11":
                return _refusal(403, "accessNotConfigured")
            case "G12" if "/events/" in urlsplit(request.url).path:
                return _refusal(404, "notFound")
            case "G13":
                return _refusal(404, "notFound")
            case "G16":
                return _refusal(410, "fullSyncRequired")
            case "G18" if request.headers.get("If-Match"):
                return _refusal(412, "conditionNotMet")
            case "G24":
                return _refusal(400, "invalid", self.dice.choice(["pageToken", ""]))
            case "G22" | "G29":
                return self._badly_shown(self._answer(request), code)
            case "G19" if self.broken and self.broken in request.url:
                self.asked_in_vain += 1
                return _refusal(503, "backendError")
            case "G19" | "G32" | "G34":
                if self.dice.random() < 0.5 and code != "G34":
                    self._answer(request)
                return _refusal(503, "backendError")
            case "G20":
                self.time.advance(self.dice.choice([5.0, 20.0]))
            case "G21":
                self._answer(request)
                return Response(200, {"content-type": "text/html"}, b"<html>Something went wrong</html>")
            case "G30" | "G31":
                self._answer(request)
                raise OutcomeUnknown("lost", reason="broken")
        return self._answer(request)

    def _badly_shown(self, answer: Response, code: str) -> Response:
        """A page on which an event cannot be read (G22) or is missing (G29)."""
        page = json.loads(answer.body)
        if answer.status != 200 or not page.get("items"):
            return answer
        place = self.dice.randrange(len(page["items"]))
        if code == "G29" and self.dice.random() < 0.3:
            page["items"] = []
        elif code == "G29":
            page["items"].pop(place)
        else:
            page["items"][place] |= UNREADABLE
        return Response(answer.status, answer.headers, json.dumps(page).encode())

    def _poison(self, body: bytes) -> bytes:
        """What Google sends of the events that cannot be read."""
        if not any(name.encode() in body for name in self.poisoned):
            return body
        found = json.loads(body)
        for item in found.get("items") or [found]:
            if item.get("id") in self.poisoned and item.get("status") != "cancelled":
                item |= UNREADABLE
        return json.dumps(found).encode()

    def _answer(self, request: Request) -> Response:
        parts = urlsplit(request.url)
        worker = threading.current_thread()
        fence = {"X-Simulation-Fence": str(worker.fence)} if isinstance(worker, Worker) else {}
        answer = self.app.test_client().open(
            f"{parts.path}?{parts.query}", method=request.method, data=request.body, headers=request.headers | fence
        )
        self.served_etags.update(found.decode().replace('\\"', '"') for found in ETAG.findall(answer.data))
        self._observe(request, parts.path, parts.query, answer.status_code, answer.data)
        body = self._poison(answer.data) if self.poisoned and answer.status_code == 200 else answer.data
        return Response(answer.status_code, {n.lower(): v for n, v in answer.headers.items()}, body)

    def _observe(self, request: Request, path: str, query: str, status: int, body: bytes) -> None:
        """Counts what Google itself answered of the catalogue, without a fault's help."""
        is_write, is_list = request.method in WRITES, path.endswith("/events") and request.method == "GET"
        if is_write and status == 403:
            self.refused.add(path.rsplit("/", 1)[-1].split("_")[0])
        if path == "/calendar/v3/channels/stop" or (path == "/token" and b"refresh_token=" in request.body):
            self.is_powerless = status in {400, 401}
        observed = {
            "G14": is_write and status == 409,
            "G16": is_list and status == 410,
            "G17": is_write and status == 410,
            "G18": is_write and status == 412,
            "G25": is_list and status == 200 and b'"items":[]' in body.replace(b" ", b"") and b"nextPageToken" in body,
            "G26": is_list and self.world.behaviours.list_lag_s > 0,
            "G33": path == "/token" and status == 400,
        }
        self.struck.update(code for code, has_struck in observed.items() if has_struck)

    def _note(self, request: Request, path: str) -> None:
        """Remembers a write to events when it starts, for the checker."""
        if request.method not in WRITES or "/events" not in path or path.endswith("/watch"):
            return
        worker = threading.current_thread()
        self.writes.append(
            {
                "method": request.method,
                "path": path,
                "mirror": worker.mirror if isinstance(worker, Worker) else 0,
                "if_match": request.headers.get("If-Match", ""),
                "is_known_etag": int(request.headers.get("If-Match", "") in self.served_etags),
                "fence": worker.fence if isinstance(worker, Worker) else 0,
            }
        )


def _concerns(code: str, request: Request, path: str) -> bool:
    """Whether a fault can strike this request."""
    if code in TO_PLACES or not path.startswith("/calendar/v3/calendars/") or path.endswith("/watch"):
        return path.endswith(TO_PLACES.get(code, "nowhere"))
    is_list = path.endswith("/events") and request.method == "GET"
    if code in TO_LISTS:
        return is_list
    if code == "G24":
        return is_list and "pageToken" in request.url
    if code == "G29":
        return is_list and "syncToken" not in request.url
    return code not in TO_WRITES or request.method in WRITES


def _refusal(status: int, reason: str, location: str = "") -> Response:
    domain = "usageLimits" if reason.endswith("Exceeded") else "global"
    item = {"domain": domain, "reason": reason, "message": reason} | ({"location": location} if location else {})
    body = {"error": {"code": status, "message": reason, "errors": [item]}}
    return Response(status, {"content-type": "application/json"}, json.dumps(body).encode())
