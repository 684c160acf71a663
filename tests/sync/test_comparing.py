"""The deep check compares what people see over the coming year with what Google makes of the same rules."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import Event, Occurrence
from conversa_calendar.connections import gateway
from conversa_calendar.kit import clock
from conversa_calendar.providers.google.transport import Request, Response
from conversa_calendar.sync.models import DeepCheck, Mirror
from tests.support.google import InProcess, at
from tests.sync.conftest import Scene

START = (datetime.now(UTC) + timedelta(days=3)).replace(hour=12, minute=0, second=0, microsecond=0)
Change = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


class Differing(InProcess):
    """A Google that expands series otherwise than their rules say."""

    def __init__(self, scene: Scene, change: Change) -> None:
        super().__init__(scene.google.app.test_client())
        self.change = change

    def send(self, request: Request) -> Response:
        answer = super().send(request)
        if "singleEvents=true" not in request.url or answer.status != 200:
            return answer
        body = json.loads(answer.body)
        body["items"] = self.change(body["items"])
        return Response(answer.status, answer.headers, json.dumps(body).encode())


@pytest.fixture
def google_expands(scene: Scene) -> Iterator[Callable[[Change], None]]:
    yield lambda change: gateway.use(Differing(scene, change))
    gateway.use(InProcess(scene.google.app.test_client()))


def text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def series(scene: Scene, *lines: str, summary: str = "Standup", **more: Any) -> dict[str, Any]:
    times = {"start": at(text(START), "UTC"), "end": at(text(START + timedelta(hours=1)), "UTC")}
    found = scene.ana.insert(summary=summary, recurrence=list(lines), **times | more)
    scene.google.check()
    return found


def check(scene: Scene) -> dict[str, Any]:
    found: dict[str, Any] = scene.alice.post(f"mirrors/{scene.mirror.uuid}/check")
    return found


def is_proven(scene: Scene) -> bool:
    with tenant(scene.alice.account_id):
        return Mirror.objects.get(pk=scene.mirror.pk).last_proven_at is not None


@pytest.mark.parametrize(
    "lines",
    [
        ("RRULE:FREQ=DAILY;COUNT=8", "EXRULE:FREQ=WEEKLY;BYDAY=SA,SU"),
        ("RRULE:FREQ=MONTHLY;BYMONTHDAY=31",),
        ("RRULE:FREQ=DAILY;INTERVAL=3",),
    ],
)
def test_series_that_both_sides_expand_alike_are_proven_equal(scene: Scene, lines: tuple[str, ...]) -> None:
    series(scene, *lines)
    report = check(scene)
    assert (report["differing"], report["differences"]) == (0, [])
    assert report["occurrences"] > 0 and is_proven(scene)
    mark = scene.google.mark()
    check(scene)
    assert scene.google.writes(mark) == []


def test_a_period_whose_length_google_does_not_keep_is_named(scene: Scene) -> None:
    """Here it takes the two hours that it says, and in the emulated Google one, as its series."""
    other = START + timedelta(days=2)
    series(scene, "RRULE:FREQ=WEEKLY;COUNT=3", f"RDATE;VALUE=PERIOD:{other:%Y%m%dT%H%M%SZ}/PT2H")
    [difference] = check(scene)["differences"]
    assert (difference["occurrence"], difference["what"]) == (text(other), "another time")
    assert not is_proven(scene)


def test_an_occurrence_that_google_does_not_show_is_named_and_nothing_is_proven(
    scene: Scene, google_expands: Callable[[Change], None]
) -> None:
    series(scene, "RRULE:FREQ=WEEKLY;COUNT=4")
    lost = text(START + timedelta(weeks=1))
    google_expands(
        lambda items: [i for i in items if i.get("originalStartTime", {}).get("dateTime", "")[:10] != lost[:10]]
    )
    report = check(scene)
    [found] = scene.alice.get(f"events?q=Standup&from={text(START)}&to={text(START + timedelta(days=1))}")["items"]
    [difference] = report["differences"]
    assert (difference["event"], difference["occurrence"], difference["what"]) == (found["id"], lost, "extra here")
    assert report["differing"] == 1 and not is_proven(scene)
    card = scene.alice.browser().get("/connections").content.decode()
    assert "differs from what Google shows" in card and "Standup" in card
    google_expands(lambda items: items)
    assert check(scene)["differing"] == 0 and is_proven(scene)


def test_an_occurrence_only_at_google_and_one_at_another_time_are_told_apart(
    scene: Scene, google_expands: Callable[[Change], None]
) -> None:
    series(scene, "RRULE:FREQ=WEEKLY;COUNT=3")

    def differently(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        first = f"{START:%Y%m%dT%H%M%SZ}"
        one = next((i for i in items if i["id"].endswith(first)), None)
        if one is None:
            return items
        other = START + timedelta(days=3)
        extra = one | {"id": f"{one['recurringEventId']}_{other:%Y%m%dT%H%M%SZ}"}
        extra |= {"originalStartTime": {"dateTime": text(other)}, "start": {"dateTime": text(other)}}
        extra |= {"end": {"dateTime": text(other + timedelta(hours=1))}}
        late = one | {"end": {"dateTime": text(START + timedelta(hours=3))}}
        return [extra, late, *(i for i in items if i is not one)]

    google_expands(differently)
    assert sorted(one["what"] for one in check(scene)["differences"]) == ["another time", "missing here"]


def test_rows_that_were_lost_here_are_made_anew_and_then_proven(scene: Scene) -> None:
    series(scene, "RRULE:FREQ=WEEKLY;COUNT=5")
    with tenant(scene.alice.account_id):
        event = Event.objects.get(kind="series")
        Occurrence.objects.filter(event=event, starts_at__gt=START + timedelta(days=1)).delete()
    report = check(scene)
    assert {"event": str(event.uuid), "kind": "occurrences"} in report["repaired"]
    assert report["differing"] == 0 and is_proven(scene)
    with tenant(scene.alice.account_id):
        assert Occurrence.objects.filter(event=event).count() == 5


def test_a_split_at_a_moved_exception_is_equal_on_both_sides(scene: Scene) -> None:
    made = scene.alice.post(
        "events",
        {
            "calendar": scene.calendar,
            "summary": "Series",
            "start": {"date_time": text(START), "time_zone": "UTC"},
            "recurrence": ["RRULE:FREQ=DAILY;COUNT=6"],
        },
    )
    scene.google.settle()
    key = text(START + timedelta(days=2))
    moved = {"date_time": text(START + timedelta(days=2, hours=3)), "time_zone": "UTC"}
    ends = {"date_time": text(START + timedelta(days=2, hours=4)), "time_zone": "UTC"}
    scene.patch(made["id"], {"start": moved, "end": ends}, f"?scope=this&occurrence={key}")
    scene.patch(made["id"], {"summary": "Rest"}, f"?scope=following&occurrence={key}")
    report = check(scene)
    assert (report["differing"], report["waiting"]) == (0, 0) and is_proven(scene)


def test_an_hourly_series_beyond_what_is_kept_is_compared_as_it_is_shown(scene: Scene) -> None:
    series(scene, "RRULE:FREQ=HOURLY;COUNT=3000")
    report = check(scene)
    assert report["differing"] == 0 and report["occurrences"] >= 3000 and is_proven(scene)


def test_a_birthday_of_no_month_is_compared_by_what_google_shows(scene: Scene) -> None:
    series(scene, "RRULE:FREQ=YEARLY;BYMONTHDAY=" + str(START.day))
    report = check(scene)
    for one in report["differences"]:
        assert one["what"] in {"missing here", "extra here"} and one["occurrence"], "named, not passed over"
    assert is_proven(scene) == (report["differing"] == 0)


def test_a_comparison_that_google_interrupts_goes_on_where_it_was(scene: Scene) -> None:
    series(scene, "RRULE:FREQ=DAILY")
    asked: list[str] = []

    class Failing(InProcess):
        def send(self, request: Request) -> Response:
            if "singleEvents=true" in request.url:
                asked.append(request.url)
                if len(asked) == 4:
                    return Response(503, {}, b"")
            return super().send(request)

    gateway.use(Failing(scene.google.app.test_client()))
    report = check(scene)
    assert not is_proven(scene) and report["compared_until"] is not None
    with tenant(scene.alice.account_id):
        mirror = Mirror.objects.get(pk=scene.mirror.pk)
        assert mirror.next_deep_at is not None and mirror.next_deep_at < clock.now() + timedelta(minutes=15)
    before = len(asked)
    again = check(scene)
    assert is_proven(scene) and again["occurrences"] >= 360
    assert len(asked) - before < 12, "not from the beginning"
    gateway.use(InProcess(scene.google.app.test_client()))


def test_what_cannot_be_the_same_just_now_is_no_difference(scene: Scene) -> None:
    made = scene.create("Standup", text(START))
    fault = {"match": {"method": "PATCH"}, "effect": {"code": "G06"}}
    scene.google.control("faults", fault)
    moved = {"date_time": text(START + timedelta(hours=3)), "time_zone": "UTC"}
    ends = {"date_time": text(START + timedelta(hours=4)), "time_zone": "UTC"}
    scene.patch(made["id"], {"start": moved, "end": ends})
    report = check(scene)
    assert report["refused"] == 1 and report["differing"] == 0
    with tenant(scene.alice.account_id):
        assert DeepCheck.objects.count() == 1
