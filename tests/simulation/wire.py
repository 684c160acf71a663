"""The network between the product and Google: a Transport with boundaries before and after every request, and faults.

The codes are those of the fault catalogue. A late request (G04) is kept and delivered when the scenario says so.
"""

import random
import re
import threading
from collections import Counter
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
    "G05": 0.075,
    "G07": 0.025,
    "G08": 0.05,
    "G09": 0.0125,
    "G12": 0.025,
    "G18": 0.05,
    "G19": 0.05,
    "G20": 0.025,
    "G21": 0.05,
}
"""How often each fault strikes a request when it is switched on."""
ONLY_WRITES = {"G04", "G05", "G09", "G12", "G18"}


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
    struck: Counter[str] = field(default_factory=Counter)
    served_etags: set[str] = field(default_factory=set)
    writes: list[dict[str, str | int]] = field(default_factory=list)
    is_concurrent: bool = False
    before: tuple[str, str] = ("", "")
    """The latest fault and where it struck: the same one does not strike there twice running."""

    def send(self, request: Request) -> Response:
        """One request of the product, with whatever the dice make of it."""
        path = urlsplit(request.url).path
        self._note(request, path)
        self.stage.switch(f"before {request.method} {path}")
        code = self._fault(request, path)
        if code:
            self.struck[code] += 1
            self.stage.trace.append(f"{code} {request.method} {path}")
        answer = self._carry(request, code)
        self.stage.trace.append(f"{request.method} {path} {answer.status}")
        self.stage.switch(f"after {request.method} {path}")
        return answer

    def deliver_late(self) -> None:
        """A request that was given up long ago arrives after all."""
        if self.late:
            request = self.late.pop(self.dice.randrange(len(self.late)))
            answer = self._answer(request)
            self.stage.trace.append(f"late {request.method} {urlsplit(request.url).path} {answer.status}")

    def _fault(self, request: Request, path: str) -> str:
        if not path.startswith("/calendar/v3/calendars/") or "/watch" in path:
            return ""
        for code in sorted(self.enabled):
            if code in ONLY_WRITES and request.method not in WRITES:
                continue
            if self.dice.random() < RATES[code] * self.trouble and (code, path) != self.before:
                self.before = (code, path)
                return code
        return ""

    def _carry(self, request: Request, code: str) -> Response:
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
            case "G07":
                return _refusal(401, "authError")
            case "G08":
                return _refusal(403, "userRateLimitExceeded")
            case "G09":
                return _refusal(403, "quotaExceeded")
            case "G12" if "/events/" in urlsplit(request.url).path:
                return _refusal(404, "notFound")
            case "G18" if request.headers.get("If-Match"):
                return _refusal(412, "conditionNotMet")
            case "G19":
                if self.dice.random() < 0.5:
                    self._answer(request)
                return _refusal(503, "backendError")
            case "G20":
                self.time.advance(self.dice.choice([5.0, 20.0]))
            case "G21":
                self._answer(request)
                return Response(200, {"content-type": "text/html"}, b"<html>Something went wrong</html>")
        return self._answer(request)

    def _answer(self, request: Request) -> Response:
        parts = urlsplit(request.url)
        worker = threading.current_thread()
        fence = {"X-Simulation-Fence": str(worker.fence)} if isinstance(worker, Worker) else {}
        answer = self.app.test_client().open(
            f"{parts.path}?{parts.query}", method=request.method, data=request.body, headers=request.headers | fence
        )
        self.served_etags.update(found.decode().replace('\\"', '"') for found in ETAG.findall(answer.data))
        return Response(answer.status_code, {n.lower(): v for n, v in answer.headers.items()}, answer.data)

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


def _refusal(status: int, reason: str) -> Response:
    domain = "usageLimits" if reason.endswith("Exceeded") else "global"
    body = f'{{"error": {{"code": {status}, "message": "{reason}", "errors": [{{"domain": "{domain}", "reason": "{reason}", "message": "{reason}"}}]}}}}'
    return Response(status, {"content-type": "application/json"}, body.encode())
