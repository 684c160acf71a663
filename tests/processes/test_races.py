"""Fifty visitors at once for one time, over real processes, round after round: exactly as many bookings as there are hosts
for it, everybody else hears “just taken”, and nothing stands twice in the database or at Google.

`RACE_ROUNDS=200` for the long run; CI takes a short one.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.error import HTTPError

import pytest

from tests.support.processes import Installation, running, until

pytestmark = pytest.mark.processes
ANA = "ana@acme.example"
VISITORS = 50
TOKENS = 20
ROUNDS = int(os.environ.get("RACE_ROUNDS", "8"))
SLOTS_A_DAY = 6


class Kind(NamedTuple):
    """A page, the durations and shifts that its visitors ask for, and how many of them can be served."""

    name: str
    page: dict[str, Any]
    asks: list[tuple[int, int]]
    """(duration, shift of the start), both in minutes; all of them overlap, buffers included."""
    served: int


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Scene"]:
    with running(tmp_path_factory.mktemp("races")) as installation:
        made = installation.create_account("A", "a@acme.example")
        token, me = made["api_token"], made["member"]
        installation.at_google("/_emulator/accounts", {"email": ANA, "time_zone": "UTC"})
        installation.connect("a@acme.example", ANA)
        [connection] = installation.api("GET", "connections", token)["items"]
        path = f"connections/{connection['id']}/calendars/{ANA}"
        mirror = installation.api("PUT", path, token, {"mirrored": True})
        listed = {"members": [{"external_id": "b", "email": "b@acme.example"}]}
        installation.api("PUT", "directory", token, listed)
        people = installation.api("GET", "members", token)["items"]
        [other] = [person["id"] for person in people if person["external_id"] == "b"]
        tokens = [
            installation.api("POST", "tokens", token, {"name": f"{n}", "scopes": ["all"]})["secret"]
            for n in range(TOKENS)
        ]
        hosts = [{"id": me, "calendar": mirror["calendar"]}, {"id": other}]
        until(lambda: all(m["progress"]["done"] for m in installation.api("GET", "mirrors", token)["items"]))
        yield Scene(installation, token, tokens, hosts)


class Scene(NamedTuple):
    installation: Installation
    token: str
    tokens: list[str]
    hosts: list[dict[str, str]]

    def submit(self, number: int, page: str, start: datetime, duration: int) -> str:
        """One visitor: “booked”, or the code of the refusal."""
        visitor = {"name": f"Visitor {number}", "email": f"v{number}.{start:%j%H%M}@else.example", "time_zone": "UTC"}
        body = {"page": page, "start": start.isoformat(), "duration": duration, **visitor}
        try:
            self.installation.api("POST", "bookings", self.tokens[number % TOKENS], body)
        except HTTPError as error:
            return f"{error.code} {json.loads(error.read())['code']}"
        return "booked"


def test_one_booking_for_each_host_whatever_the_timing(scene: Scene) -> None:
    mine, both = scene.hosts[:1], scene.hosts
    kinds = [
        Kind("one", {"hosts": mine}, [(30, 0)], 1),
        Kind(
            "overlaps",
            {"hosts": mine, "durations": [30, 60], "buffer_before": 10, "buffer_after": 10, "step": 30},
            [(30, 0), (60, 0), (60, -30)],
            1,
        ),
        Kind("turns", {"hosts": both, "host_mode": "round_robin"}, [(30, 0)], 2),
        Kind("together", {"hosts": both, "host_mode": "all"}, [(30, 0)], 1),
    ]
    pages = [_page(scene, kind) for kind in kinds]
    first = (datetime.now(UTC) + timedelta(days=1)).replace(hour=1, minute=0, second=0, microsecond=0)
    told: Counter[str] = Counter()
    with ThreadPoolExecutor(VISITORS) as crowd:
        for number in range(ROUNDS):
            kind, page = kinds[number % len(kinds)], pages[number % len(kinds)]
            start = first + timedelta(days=number // SLOTS_A_DAY, hours=4 * (number % SLOTS_A_DAY) - number % 2)
            asked = [kind.asks[n % len(kind.asks)] for n in range(VISITORS)]
            answers = list(
                crowd.map(
                    lambda n, p=page, s=start, a=asked: scene.submit(n, p, s + timedelta(minutes=a[n][1]), a[n][0]),
                    range(VISITORS),
                )
            )
            told.update(answers)
            assert answers.count("booked") == kind.served, (number, kind.name, Counter(answers))
    assert set(told) == {"booked", "409 taken"}, told
    _assert_nothing_twice(scene, told["booked"])


def _page(scene: Scene, kind: Kind) -> str:
    body = {"title": kind.name, "weekly": [[[0, 1440]]] * 7, "time_zone": "UTC", "notice": 0, "horizon_days": 365}
    made = scene.installation.api("POST", "booking-pages", scene.token, body | {"is_published": True} | kind.page)
    return str(made["id"])


def _assert_nothing_twice(scene: Scene, booked: int) -> None:
    """Every booking has an event of its own, those of the mirrored calendar stand at Google once, and no two overlap."""
    installation = scene.installation
    access = installation.at_google("/_emulator/tokens", {"email": ANA})["access_token"]

    rows, cursor = [], ""
    while True:
        page = installation.api("GET", f"bookings?state=confirmed&cursor={cursor}", scene.token)
        rows += page["items"]
        cursor = page["next_cursor"] or ""
        if not cursor:
            break
    assert len(rows) == booked and len({row["event"] for row in rows}) == booked
    mirrored = [row for row in rows if row["calendar"] == scene.hosts[0]["calendar"]]

    def listed() -> list[dict[str, Any]]:
        path = f"/calendar/v3/calendars/{ANA}/events?maxResults=2500&singleEvents=true"
        found: list[dict[str, Any]] = installation.at_google(path, method="GET", token=access)["items"]
        return found

    until(lambda: len(listed()) >= len(mirrored), timeout_s=120)
    for calendar in {row["calendar"] for row in rows}:
        _assert_apart([(row["start"], row["end"]) for row in rows if row["calendar"] == calendar])
    _assert_apart([(e["start"]["dateTime"], e["end"]["dateTime"]) for e in listed()])
    assert len(listed()) == len(mirrored)


def _assert_apart(spans: list[tuple[str, str]]) -> None:
    ordered = sorted((datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in spans)
    assert all(one[1] <= two[0] for one, two in pairwise(ordered))
