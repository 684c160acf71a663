"""No client of v1 breaks unnoticed: the committed document is what the API still keeps."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from tools import openapi

COMMITTED = json.loads(openapi.COMMITTED.read_text())
CREATE = "/api/v1/events"
ONE = "/api/v1/events/{uuid}"


def _changed(change: Callable[[Any], None]) -> list[str]:
    later = copy.deepcopy(COMMITTED)
    change(later)
    return list(openapi.breaks(COMMITTED, later))


def test_the_committed_document_is_that_of_the_api_and_breaks_nobody() -> None:
    now = openapi.current()
    assert list(openapi.breaks(COMMITTED, now)) == []
    assert now == COMMITTED, "Run `make openapi` and commit docs/openapi.json."


def _schemas(document: Any) -> Any:
    return document["components"]["schemas"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda d: d["paths"].pop("/api/v1/trash"), "GET /api/v1/trash is gone"),
        (lambda d: d["paths"][ONE].pop("delete"), "DELETE /api/v1/events/{uuid} is gone"),
        (lambda d: d["paths"][ONE]["get"].update(operationId="event"), "is called event instead of get_event"),
        (lambda d: d["paths"][CREATE]["get"]["parameters"].pop(0), "GET /api/v1/events no longer takes from"),
        (lambda d: d["paths"][CREATE]["get"]["parameters"][0].update(required=True), "newly needs from"),
        (lambda d: _schemas(d)["EventInput"]["properties"].pop("color"), "POST /api/v1/events body.color is gone"),
        (lambda d: _schemas(d)["EventInput"]["required"].append("end"), "body.end is newly needed"),
        (lambda d: _schemas(d)["Event"]["properties"].pop("color"), "answer.color is gone"),
        (lambda d: _schemas(d)["Event"]["required"].remove("color"), "answer.color is not always there any more"),
        (
            lambda d: _schemas(d)["EventInput"]["properties"]["summary"].update(type="integer"),
            "body.summary is integer",
        ),
        (lambda d: _schemas(d)["EventInput"]["properties"]["summary"].update(maxLength=9), "a maxLength of 9"),
        (lambda d: _schemas(d)["EventSyncState"]["enum"].remove("held"), "never held any more"),
        (lambda d: _schemas(d)["Calendar"]["properties"]["owner"].update(type="string"), ""),
        (lambda d: _schemas(d)["Event"]["properties"]["id"].update(type=["string", "null"]), "answer.id is null"),
    ],
)
def test_what_would_break_a_client_is_named(change: Callable[[Any], None], said: str) -> None:
    found = _changed(change)
    assert any(said in row for row in found) if said else found == []


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["paths"].update({"/api/v1/new": d["paths"]["/api/v1/trash"]}),
        lambda d: _schemas(d)["Event"]["properties"].update(mood={"type": "string"}),
        lambda d: _schemas(d)["EventInput"]["properties"].update(mood={"type": "string"}),
        lambda d: _schemas(d)["EventSyncState"]["enum"].append("resting"),
        lambda d: _schemas(d)["EventInput"]["properties"]["summary"].update(maxLength=9999),
        lambda d: d["paths"][CREATE]["get"]["parameters"].append(
            {"in": "query", "name": "mood", "required": False, "schema": {"type": "string"}}
        ),
    ],
)
def test_additions_break_nobody(change: Callable[[Any], None]) -> None:
    assert _changed(change) == []
