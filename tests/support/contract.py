"""Every answer that a test gets from the API, and every body that the API took, is held against the OpenAPI document.

So a schema that is wrong or missing is found by whichever test meets it first.
"""

import json
import re
from datetime import datetime
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from conversa_calendar.api.contract.table import SCHEMAS
from conversa_calendar.api.routes import api

API = "/api/v1/"
JSON, PROBLEM = "application/json", "application/problem+json"
ITEMS_LOOKED_AT = 25
WHAT_TO_DO = (
    "Say what it takes and answers in src/conversa_calendar/api/contract/: an entry under the name of the route's function in "
    "OPERATIONS of the module of its area, its schemas in SCHEMAS beside it, new query parameters in parameters.py. "
    "docs/recipes.md, “A new API operation”, has the steps."
)
formats = FormatChecker(("uuid", "date"))


@formats.checks("date-time", raises=ValueError)
def _is_instant(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def document() -> dict[str, Any]:
    """The OpenAPI document as a client reads it."""
    return api.get_openapi_schema()


def operation_of(method: str, path: str) -> dict[str, Any] | None:
    """What the document says of an address; None where it knows nothing of it."""
    for pattern, template in _routes():
        if pattern.fullmatch(path):
            found = document()["paths"][template].get(method.lower())
            if found is not None:
                return dict(found)
    return None


def check(method: str, path: str, body: Any, answer: Any) -> None:
    """Asserts that an answer, and a body that was taken, are what the document says."""
    operation = operation_of(method, path.partition("?")[0])
    if operation is None or answer.status_code >= 500 or answer.streaming:
        return
    what = f"{operation['operationId']} answered {answer.status_code}"
    said = operation["responses"].get(str(answer.status_code))
    if answer.status_code == 405:
        return
    assert said is not None, f"{what}, which the OpenAPI document does not say. {WHAT_TO_DO}"
    content = said.get("content", {})
    kind = PROBLEM if answer.status_code >= 400 else next(iter(content or {JSON: None}))
    if not content:
        assert not answer.content, f"{what} with a body, of which the OpenAPI document says nothing. {WHAT_TO_DO}"
        return
    assert answer["Content-Type"].partition(";")[0] == kind, (what, answer["Content-Type"])
    if kind not in {PROBLEM, JSON}:
        return  # a file
    _hold(_short(answer.json()), content[kind]["schema"], f"{what} with something that is not in its schema")
    taken = operation.get("requestBody", {}).get("content", {})
    if answer.status_code < 300 and body is not None and JSON in taken:
        schema = operation["requestBody"]["content"][JSON]["schema"]
        sent = json.loads(body) if isinstance(body, str | bytes) else body
        _hold(_without_nulls(sent), schema, f"{operation['operationId']} took a body that its schema forbids")


def validator(schema: dict[str, Any], *, is_closed: bool = True) -> Draft202012Validator:
    """Of one schema of the document; `is_closed` forbids fields that it does not name."""
    return _validator(json.dumps(schema), is_closed)


def _hold(value: Any, schema: dict[str, Any], what: str) -> None:
    errors = sorted(validator(schema).iter_errors(value), key=lambda error: len(error.path))
    if errors:
        deepest = _deepest(errors[0])
        place = "/".join(map(str, deepest.absolute_path))
        raise AssertionError(f"{what}: at “{place}”: {deepest.message[:300]}. {WHAT_TO_DO}")


def _deepest(error: Any) -> Any:
    while error.context:
        error = max(error.context, key=lambda one: len(one.absolute_path))
    return error


def _short(answer: Any) -> Any:
    """A long list without its middle, so that checking takes no longer than answering."""
    if isinstance(answer, dict) and isinstance(answer.get("items"), list):
        return answer | {"items": [*answer["items"][:ITEMS_LOOKED_AT], *answer["items"][-1:]]}
    return answer


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(one) for name, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value


@cache
def _routes() -> list[tuple[re.Pattern[str], str]]:
    found = []
    for template in document()["paths"]:
        parts = re.split(r"({\w+})", template)
        held = [".+" if part == "{google_id}" else "[^/]+" if part[:1] == "{" else re.escape(part) for part in parts]
        found.append((re.compile("".join(held)), template))
    return sorted(found, key=lambda row: row[1].count("{"))


@cache
def _components(is_closed: bool) -> dict[str, Any]:
    return {name: _closed(schema) if is_closed else schema for name, schema in SCHEMAS.items()}


@cache
def _validator(schema: str, is_closed: bool) -> Draft202012Validator:
    root = json.loads(schema)
    root = _closed(root) if is_closed else root
    root["components"] = {"schemas": _components(is_closed)}
    return Draft202012Validator(root, format_checker=formats)


def _closed(schema: Any) -> Any:
    """The same, in which an object may hold nothing but what is said."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _closed(one) for name, one in schema.items()}
    is_object = found.get("type") in ("object", ["object", "null"]) and "properties" in found
    return {"additionalProperties": False} | found if is_object else found
