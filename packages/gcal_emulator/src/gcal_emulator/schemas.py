"""Answers held against Google's own discovery document, where one is given.

`GCAL_EMULATOR_SCHEMAS` names the file: google-api-python-client ships it as
`googleapiclient/discovery_cache/documents/calendar.v3.json`. Every answer of Calendar API v3 is then checked, and what
does not fit is kept in `found` and told at `/_emulator/violations`.
"""

import json
import os
import re
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from flask import Response

VARIABLE = "GCAL_EMULATOR_SCHEMAS"
found: list[str] = []
"""What did not fit since the process began, in words."""


class Document:
    """A discovery document: which schema each method answers with."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.schemas: dict[str, Any] = document["schemas"]
        self.methods: list[tuple[str, re.Pattern[str], str]] = []
        for resource in document["resources"].values():
            for method in resource["methods"].values():
                path = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(method["path"]))
                answer = (method.get("response") or {}).get("$ref", "")
                self.methods.append((method["httpMethod"], re.compile(path), answer))

    def problems(self, verb: str, path: str, body: Any) -> list[str]:
        """What is wrong with a successful answer; `path` lies below the API's base and is not decoded."""
        for method, pattern, schema in self.methods:
            if method == verb and pattern.fullmatch(path):
                if not schema:
                    return [] if body is None else [f"{verb} {path}: answers nothing"]
                return [f"{verb} {path}: {text}" for text in self._check({"$ref": schema}, body, schema)]
        return [f"{verb} {path}: no such method"]

    def _check(self, schema: dict[str, Any], value: Any, place: str) -> list[str]:
        if "$ref" in schema:
            schema = self.schemas[schema["$ref"]]
        kind = schema.get("type", "any")
        if kind == "object":
            return self._check_object(schema, value, place)
        if kind == "array":
            if not isinstance(value, list):
                return [f"{place} is not a list"]
            return [
                text for n, item in enumerate(value) for text in self._check(schema["items"], item, f"{place}[{n}]")
            ]
        types: dict[str, Any] = {"string": str, "integer": int, "boolean": bool, "number": (int, float)}
        is_bool_for_int = kind == "integer" and isinstance(value, bool)
        if kind in types and (not isinstance(value, types[kind]) or is_bool_for_int):
            return [f"{place} is no {kind}: {value!r}"]
        return _check_format(schema.get("format", ""), value, place)

    def _check_object(self, schema: dict[str, Any], value: Any, place: str) -> list[str]:
        if not isinstance(value, dict):
            return [f"{place} is no object"]
        named, others = schema.get("properties", {}), schema.get("additionalProperties")
        texts = []
        for name, item in value.items():
            if name in named:
                texts += self._check(named[name], item, f"{place}.{name}")
            elif others is not None:
                texts += self._check(others, item, f"{place}.{name}")
            else:
                texts.append(f"{place}.{name} is unknown")
        return texts


def _check_format(form: str, value: Any, place: str) -> list[str]:
    try:
        if form == "date":
            date.fromisoformat(value)
        elif form == "date-time" and datetime.fromisoformat(value).tzinfo is None:
            return [f"{place} has no offset: {value}"]
        elif form == "int64":
            int(value)
    except ValueError:
        return [f"{place} is no {form}: {value}"]
    return []


@cache
def document() -> Document | None:
    """The document that the environment names."""
    path = os.environ.get(VARIABLE)
    return Document(json.loads(Path(path).read_text())) if path else None


def hold(verb: str, path: str, response: Response) -> None:
    """Checks one answer, where a document is given."""
    known = document()
    if known is not None:
        data = response.get_data()
        found.extend(known.problems(verb, path, json.loads(data) if data else None))
