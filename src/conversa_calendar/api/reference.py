"""The reference of the API as a page of this installation: every operation with what it takes and answers, to read and to
try. It is made of the OpenAPI document, in whose language (English) it is, and asks nobody outside for anything."""

import json
from functools import cache
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from conversa_calendar.api.contract.codes import CODES
from conversa_calendar.api.contract.shapes import Schema
from conversa_calendar.api.contract.table import SCHEMAS
from conversa_calendar.api.routes import api

TITLES = {
    "account": "Account, people and tokens",
    "calendars": "Calendars",
    "events": "Events",
    "connections": "Connections and mirrors",
    "bookings": "Bookings",
    "formats": "Feeds and files",
}
_WORDS = {"string": "text", "boolean": "true or false", "integer": "whole number", "number": "number", "null": "null"}


class Field(msgspec.Struct, frozen=True):
    """A field or parameter in words. `link` names the component that it holds, if it holds one."""

    name: str
    kind: str
    link: str
    says: str
    is_needed: bool
    place: str = ""


class Entry(msgspec.Struct, frozen=True):
    """One operation."""

    name: str
    method: str
    path: str
    title: str
    says: str
    fields: list[Field]
    body: str
    body_link: str
    answers: list[Field]


class Component(msgspec.Struct, frozen=True):
    """One schema."""

    name: str
    says: str
    kind: str
    fields: list[Field]


@require_GET
def reference(request: HttpRequest) -> HttpResponse:
    """The page, the same for everybody."""
    return render(request, "api/reference.html", _context())


@cache
def _context() -> dict[str, Any]:
    areas: dict[str, list[Entry]] = {}
    for path, methods in api.get_openapi_schema()["paths"].items():
        for method, operation in methods.items():
            areas.setdefault(operation["tags"][0], []).append(_entry(method, path, operation))
    return {
        "areas": [(name, TITLES.get(name, name.capitalize()), entries) for name, entries in areas.items()],
        "components": [_component(name, schema) for name, schema in sorted(SCHEMAS.items())],
        "codes": [(name, code) for name, code in CODES.items()],
    }


def _entry(method: str, path: str, operation: dict[str, Any]) -> Entry:
    fields = [
        _field(row["name"], row["schema"], row.get("description", ""), row["required"], row["in"])
        for row in operation["parameters"]
    ]
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    return Entry(
        name=operation["operationId"],
        method=method.upper(),
        path=path,
        title=operation["summary"],
        says=operation["description"],
        fields=fields,
        body=json.dumps(content["example"], indent=2, ensure_ascii=False) if content else "",
        body_link=_said(content["schema"])[1] if content else "",
        answers=[_answer(status, answer) for status, answer in operation["responses"].items()],
    )


def _answer(status: str, answer: dict[str, Any]) -> Field:
    schema = next((content["schema"] for content in answer.get("content", {}).values()), None)
    kind, link = _said(schema) if schema else ("nothing", "")
    return Field(status, kind, link, answer["description"], False)


def _component(name: str, schema: Schema) -> Component:
    needed = set(schema.get("required", ()))
    fields = [
        _field(field, inner, inner.get("description", ""), field in needed)
        for field, inner in schema.get("properties", {}).items()
    ]
    return Component(name, schema.get("description", ""), "" if fields else _said(schema)[0], fields)


def _field(name: str, schema: Schema, says: str, is_needed: bool, place: str = "") -> Field:
    kind, link = _said(schema)
    return Field(name, kind, link, says, is_needed, place)


def _said(schema: Schema) -> tuple[str, str]:
    """A schema in words, and the component that it names, if any."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return name, name
    if "anyOf" in schema:
        parts = [_said(option) for option in schema["anyOf"]]
        return " or ".join(kind for kind, _link in parts), next((link for _kind, link in parts if link), "")
    if schema.get("type") == "array":
        kind, link = _said(schema["items"])
        return f"list of {kind}", link
    if "enum" in schema:
        return ", ".join(_shown(value) for value in schema["enum"]), ""
    if isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_said(schema['additionalProperties'])[0]}", ""
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    words = [
        schema.get("format") if kind == "string" and "format" in schema else _WORDS.get(kind, kind) for kind in kinds
    ]
    return " or ".join(map(str, words)), ""


def _shown(value: Any) -> str:
    return "null" if value is None else value or "“”"
