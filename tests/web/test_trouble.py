"""What people and programs read when something is wrong: an answer of the door they came to, with the name of the request."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path

from conversa_calendar.config import urls
from tests.support.cast import Actor, Cast

handler400, handler403, handler404, handler500 = urls.handler400, urls.handler403, urls.handler404, urls.handler500


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("the secret is hunter2")


urlpatterns = [path("api/v1/broken", broken), path("broken", broken), *urls.urlpatterns]


@contextmanager
def database_away() -> Iterator[None]:
    """Nothing listens where the database was."""
    known = {alias: dict(connections[alias].settings_dict) for alias in ("default", "counters")}
    for alias in known:
        connections[alias].close()
        connections[alias].settings_dict |= {"HOST": "127.0.0.1", "PORT": "1"}
    try:
        yield
    finally:
        for alias, values in known.items():
            connections[alias].close()
            connections[alias].settings_dict.update(values)


def bearer(actor: Actor) -> Client:
    return Client(raise_request_exception=False, HTTP_AUTHORIZATION=f"Bearer {actor.token}")


def problem(answer: Any, status: int, code: str) -> dict[str, Any]:
    """What a problem says, once it is one."""
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json"), answer.content
    said: dict[str, Any] = answer.json()
    assert (said["status"], said["code"], said["request_id"]) == (status, code, answer["X-Request-Id"])
    return said


def test_every_answer_names_its_request(cast: Cast) -> None:
    answers = [Client().get(address) for address in ("/healthz", "/login", "/nowhere", "/api/v1/events", "/calendar")]
    assert len({answer["X-Request-Id"] for answer in answers}) == len(answers)


def test_an_unknown_address_of_the_api_is_a_problem(cast: Cast) -> None:
    for answer in (Client().get("/api/v1/nowhere"), Client().get("/api/v2/events"), cast.alice.call("GET", "nowhere")):
        problem(answer, 404, "not_found")


def test_a_wrong_method_of_the_api_is_a_problem_and_says_the_right_ones(cast: Cast) -> None:
    answer = cast.alice.call("DELETE", "events")
    problem(answer, 405, "method_not_allowed")
    assert "GET" in answer["Allow"] and "POST" in answer["Allow"]


@pytest.mark.parametrize("body", [b"{", b"NaN", b'{"summary": NaN}', b"\xff", b"9" * 5000, b"name=value"])
def test_what_is_not_json_is_a_problem(cast: Cast, body: bytes) -> None:
    answer = bearer(cast.alice).post("/api/v1/events", body, content_type="application/json")
    problem(answer, 400, "bad_request")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ('{"summary": "a\\u0000b"}', "summary"),
        ('{"attendees": [{"email": "\\ud800@b.example"}]}', "attendees[0].email"),
        ('{"summary": "%s"}' % ("x" * 100_000), "summary"),
        ('{"reminders": {"overrides": [{"minutes": 99999999999999999999}]}}', "reminders.overrides[0].minutes"),
        ('{"reminders": {"overrides": [{"minutes": 1e999}]}}', "reminders.overrides[0].minutes"),
    ],
)
def test_what_no_field_can_hold_is_refused_by_name(cast: Cast, body: str, field: str) -> None:
    answer = bearer(cast.alice).post("/api/v1/events", body, content_type="application/json")
    assert problem(answer, 422, "invalid")["errors"][0]["field"] == field


def test_a_body_nested_without_end_is_refused(cast: Cast) -> None:
    answer = bearer(cast.alice).post("/api/v1/events", b"[" * 100_000, content_type="application/json")
    problem(answer, 422, "invalid")


def test_a_body_that_is_too_large_is_refused(cast: Cast) -> None:
    answer = bearer(cast.alice).post("/api/v1/events", b"x" * 3_000_000, content_type="application/json")
    problem(answer, 413, "too_large")
    answer = cast.alice.browser().post("/events/new", b"x=" + b"x" * 3_000_000, "application/x-www-form-urlencoded")
    assert answer.status_code == 413 and b"too large" in answer.content


@pytest.mark.parametrize("part", ["path", "query", "header"])
def test_nul_is_refused_wherever_it_stands(cast: Cast, part: str) -> None:
    sent = {"HTTP_IF_MATCH": "a\x00"} if part == "header" else {}
    address = {"path": "events/%00", "query": "events?q=%00"}.get(part, f"events/{uuid4()}")
    problem(bearer(cast.alice).get(f"/api/v1/{address}", **sent), 422, "invalid")


def test_a_form_with_characters_that_cannot_be_stored_says_so(cast: Cast) -> None:
    browser = cast.alice.browser()
    answer = browser.post("/settings/profile", {"name": "Ali\x00ce"})
    assert answer.status_code == 422 and b"cannot be stored" in answer.content and b"<main" in answer.content
    answer = browser.post("/settings/profile", {"name": "Ali\x00ce"}, HTTP_HX_REQUEST="true")
    assert answer.status_code == 422 and answer["Content-Type"].startswith("text/plain")


def test_a_visitors_form_with_characters_that_cannot_be_stored_says_so(db: None) -> None:
    answer = Client().post("/book/call/form", {"name": "Vera\x00"})
    assert answer.status_code == 422 and b"cannot be stored" in answer.content


def test_a_name_too_long_for_its_column_is_refused_and_nothing_changes(cast: Cast) -> None:
    answer = cast.alice.call("POST", "teams", {"name": "x" * 5_000, "members": []})
    assert 400 <= answer.status_code < 500
    problem(answer, answer.status_code, answer.json()["code"])
    assert cast.alice.get("teams")["items"] == []


def test_an_unknown_page_has_the_products_face(cast: Cast) -> None:
    for browser in (Client(), cast.alice.browser()):
        answer = browser.get("/nowhere")
        assert (
            answer.status_code == 404
            and b"There is no such thing here" in answer.content
            and b"<main" in answer.content
        )


def test_a_page_that_only_takes_forms_says_where_to_start(cast: Cast) -> None:
    answer = cast.alice.browser().get("/settings/profile")
    assert answer.status_code == 405 and answer["Allow"] == "POST" and b"start from the calendar" in answer.content


def test_a_form_that_was_open_too_long_says_to_send_it_again(cast: Cast) -> None:
    browser = Client(enforce_csrf_checks=True)
    assert browser.login(email="alice@acme.example", password="correct horse battery")
    answer = browser.post("/settings/profile", {"name": "Alice"})
    assert answer.status_code == 403 and b"Please send this form again" in answer.content


def test_with_the_database_away_the_api_says_when_to_come_back(cast: Cast) -> None:
    client = bearer(cast.alice)
    with database_away():
        answers = [client.get("/api/v1/events"), client.post("/api/v1/events", {}, "application/json")]
    for answer in answers:
        problem(answer, 503, "unavailable")
        assert int(answer["Retry-After"]) > 0
    assert client.get("/api/v1/calendars").status_code == 200


def test_with_the_database_away_a_page_says_to_try_again(cast: Cast) -> None:
    browser = cast.alice.browser()
    browser.raise_request_exception = False
    with database_away():
        answers = [browser.get("/calendar"), browser.post("/settings/profile", {"name": "A"}), browser.get("/book/x")]
        assert Client().get("/healthz").status_code == 200 and Client().get("/readyz").status_code == 503
    for answer in answers:
        assert answer.status_code == 503 and int(answer["Retry-After"]) > 0
        assert b"try again in a few seconds" in answer.content and answer["X-Request-Id"].encode() in answer.content
    assert browser.get("/calendar").status_code == 200


@override_settings(ROOT_URLCONF="tests.web.test_trouble")
def test_a_fault_of_ours_is_logged_under_the_name_that_is_shown(cast: Cast, caplog: pytest.LogCaptureFixture) -> None:
    client = Client(raise_request_exception=False)
    with caplog.at_level(logging.ERROR):
        by_api, by_page = client.get("/api/v1/broken"), client.get("/broken")
    problem(by_api, 500, "internal")
    assert by_page.status_code == 500 and by_page["X-Request-Id"].encode() in by_page.content
    assert b"hunter2" not in by_api.content + by_page.content
    logged = [record for record in caplog.records if record.exc_info]
    assert len(logged) == 2 and all("hunter2" in str(record.exc_info) for record in logged)
    for record, answer in zip(logged, (by_api, by_page), strict=True):
        assert record.request.request_id == answer["X-Request-Id"]  # type: ignore[attr-defined]
