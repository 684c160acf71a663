"""Batch, partial responses, discovery (checklist lines 89 and 90)."""

import json
from pathlib import Path
from typing import Any

import pytest
from gcal_emulator import discovery
from googleapiclient.discovery import build, build_from_document

from tests.emulator.conftest import ANA, EVENTS, LUNCH, Caller, Emulator


def _batch(emulator: Emulator, caller: Caller, *parts: tuple[str, str, Any]) -> Any:
    body = ""
    for number, (method, path, sent) in enumerate(parts):
        text = json.dumps(sent) if sent is not None else ""
        body += f"--b\r\nContent-Type: application/http\r\nContent-ID: <item{number}>\r\n\r\n"
        body += f"{method} /calendar/v3/{path} HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{text}\r\n"
    headers = caller.headers | {"Content-Type": "multipart/mixed; boundary=b"}
    return emulator.client.post("/batch/calendar/v3", data=f"{body}--b--", headers=headers)


def test_89_batch_answers_part_by_part_in_request_order(emulator: Emulator, ana: Caller) -> None:
    emulator.world.behaviours.batch_shuffled = True
    answer = _batch(emulator, ana, ("POST", EVENTS, LUNCH), ("GET", f"{EVENTS}/nothing", None), ("GET", EVENTS, None))
    text = answer.text
    assert answer.status_code == 200 and answer.content_type.startswith("multipart/mixed")
    places = [text.index(f"<response-item{number}>") for number in range(3)]
    assert places == sorted(places)
    assert text.count("HTTP/1.1 200 OK") == 2 and text.count("HTTP/1.1 404 NOT FOUND") == 1
    assert len([e for e in emulator.world.journal if e["path"].startswith("/calendar/v3")]) == 3


def test_89_batch_over_its_limit_is_refused(emulator: Emulator, ana: Caller) -> None:
    emulator.world.behaviours.batch_limit = 1
    answer = _batch(emulator, ana, ("GET", EVENTS, None), ("GET", EVENTS, None))
    assert answer.status_code == 400
    assert [entry["path"] for entry in emulator.world.journal] == ["/batch/calendar/v3"]


def test_89_writes_of_one_batch_to_one_event_may_collide(emulator: Emulator, ana: Caller) -> None:
    path = f"{EVENTS}/{ana.ok('POST', EVENTS, LUNCH)['id']}"
    emulator.world.behaviours.batch_conflicts = True
    text = _batch(emulator, ana, ("PATCH", path, {"summary": "a"}), ("PATCH", path, {"summary": "b"})).text
    assert text.count("HTTP/1.1 200 OK") == 1 and text.count("HTTP/1.1 409 CONFLICT") == 1
    assert '"reason": "conflict"' in text and ana.ok("GET", path)["summary"] == "a"


def test_89_parts_without_authorization_are_refused_one_by_one(emulator: Emulator) -> None:
    nobody = Caller(emulator.client, "nonsense")
    assert "HTTP/1.1 401 UNAUTHORIZED" in _batch(emulator, nobody, ("GET", EVENTS, None)).text


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("items(id,attendees/email)", {"items": [{"attendees": [{"email": "guest@else.example"}]}]}),
        ("items/summary,kind", {"items": [{"summary": "Lunch"}], "kind": "calendar#events"}),
        ("items(start/*)", {"items": [{"start": {"dateTime": "2026-12-01T12:00:00Z", "timeZone": "UTC"}}]}),
    ],
)
def test_90_fields_select_what_is_answered(ana: Caller, selector: str, expected: dict[str, Any]) -> None:
    ana.ok("POST", EVENTS, LUNCH)
    answer = ana.ok("GET", f"{EVENTS}?fields={selector}")
    for item in answer["items"]:
        item.pop("id", None)
    assert answer == expected


@pytest.mark.parametrize("selector", ["items(id", "items//id", "nonsense", "items(id))", ","])
def test_90_bad_selectors_are_refused_before_anything_is_written(ana: Caller, selector: str) -> None:
    assert ana.refused("POST", f"{EVENTS}?fields={selector}", LUNCH) == (400, "invalidParameter")
    assert ana.ok("GET", EVENTS).get("items", []) == []


def test_90_pretty_print_can_be_switched_off(ana: Caller) -> None:
    assert b"\n" in ana("GET", "colors").data
    assert b"\n" not in ana("GET", "colors?prettyPrint=false").data


def test_every_method_and_parameter_of_googles_own_document_is_offered() -> None:
    """The document that google-api-python-client ships is the measure."""
    from importlib.resources import files

    text = files("googleapiclient").joinpath("discovery_cache/documents/calendar.v3.json").read_text()
    theirs = {
        method["id"].removeprefix("calendar."): method
        for resource in json.loads(text)["resources"].values()
        for method in resource["methods"].values()
    }
    assert set(theirs) <= set(discovery.METHODS)
    for name, method in theirs.items():
        verb, path, query, _body = discovery.METHODS[name]
        assert (verb, path) == (method["httpMethod"], method["path"]), name
        asked = {n for n, p in method.get("parameters", {}).items() if p["location"] == "query"}
        assert asked <= set(query.split()), (name, asked - set(query.split()))


def test_every_parameter_is_read_or_listed_as_without_effect() -> None:
    """What is offered and neither read anywhere nor explained would be a promise that nobody keeps."""
    folder = Path(discovery.__file__).parent
    text = "".join(path.read_text() for path in folder.glob("*.py") if path.name != "discovery.py")
    names = {name for _verb, _path, query, _body in discovery.METHODS.values() for name in query.split()}
    explained = {name.partition(" ")[0] for name in discovery.WITHOUT_EFFECT}
    assert {name for name in names if f'"{name}"' not in text} <= explained


def test_every_offered_method_answers_and_never_as_unknown(emulator: Emulator, ana: Caller) -> None:
    event = ana.ok("POST", EVENTS, LUNCH)["id"]
    names = {"calendarId": "primary", "eventId": event, "ruleId": f"user:{ANA}", "setting": "locale"}
    for name, (verb, path, _query, body) in sorted(discovery.METHODS.items()):
        answer = ana(verb, path.format(**names), {} if body else None)
        assert answer.status_code < 500, name
        assert answer.status_code < 400 or answer.json["error"]["errors"][0]["reason"], name
        assert answer.status_code != 405, name


def test_a_client_builds_itself_from_the_emulators_document(emulator: Emulator) -> None:
    document = emulator.client.get("/discovery/v1/apis/calendar/v3/rest").json
    built = build_from_document(document, developerKey="x")
    request = built.events().list(calendarId="primary", singleEvents=True, eventTypes=["default"])
    assert request.uri.startswith(f"{document['rootUrl']}calendar/v3/calendars/primary/events?")
    shipped = build("calendar", "v3", developerKey="x", static_discovery=True)
    assert set(dir(shipped.events())) - set(dir(built.events())) == set()


def test_unknown_methods_and_paths_never_end_in_a_server_error(ana: Caller) -> None:
    for path in ("calendars/primary/events/x/y/z", "nothing", "calendars//events", "users/me/nothing"):
        for method in ("GET", "POST", "PATCH", "DELETE"):
            assert ana(method, path).status_code in {400, 404, 405}
