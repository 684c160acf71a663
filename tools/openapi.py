"""Keeps `docs/openapi.json` in step with the API: `--write` brings it up to date, `--check` says what differs.

What breaks a client of v1 is refused by both: a path, field, parameter or value of an enum that is gone, something that is
newly needed, a type that changed. Such a change needs a new version of the API.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
COMMITTED = ROOT / "docs" / "openapi.json"
Schema = dict[str, Any]
TIGHTER_WHEN_LESS = ("maxLength", "maxItems", "maximum")
TIGHTER_WHEN_MORE = ("minLength", "minItems", "minimum")


def main() -> int:
    now = current()
    before = json.loads(COMMITTED.read_text()) if COMMITTED.exists() else {"paths": {}, "components": {"schemas": {}}}
    broken = list(breaks(before, now))
    if broken:
        print("This would break clients of v1:", *broken, sep="\n  ", file=sys.stderr)
        return 1
    if sys.argv[1:] == ["--write"]:
        COMMITTED.write_text(written(now))
    elif before != now:
        print("docs/openapi.json is older than the API: run `make openapi` and commit it.", file=sys.stderr)
        return 1
    return 0


def current() -> dict[str, Any]:
    """The document of the API as it stands."""
    os.environ.setdefault("DATABASE_URL", "postgresql://unused/unused")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conversa_calendar.config.settings")
    import django

    django.setup()
    from conversa_calendar.api.routes import api

    found: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema()))
    return found


def written(document: dict[str, Any]) -> str:
    """A document as it is committed: in an order in which additions of two people seldom meet."""
    return json.dumps(document, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def breaks(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """What a client of the document before would stumble over, in words."""
    for path, methods in before["paths"].items():
        for method, old in methods.items():
            what = f"{method.upper()} {path}"
            new = now["paths"].get(path, {}).get(method)
            if new is None:
                yield f"{what} is gone"
                continue
            if old["operationId"] != new["operationId"]:
                yield f"{what} is called {new['operationId']} instead of {old['operationId']}"
            yield from _parameters(what, old, new, before, now)
            yield from _bodies(what, old, new, before, now)


def _parameters(what: str, old: Any, new: Any, before: Any, now: Any) -> Iterator[str]:
    known = {(row["in"], row["name"]): row for row in old["parameters"]}
    found = {(row["in"], row["name"]): row for row in new["parameters"]}
    for key, row in known.items():
        if key not in found:
            yield f"{what} no longer takes {key[1]}"
        else:
            yield from _Comparison(before, now, is_taken=True).of(
                f"{what}?{key[1]}", row["schema"], found[key]["schema"]
            )
    for key, row in found.items():
        if row["required"] and not known.get(key, {"required": False})["required"]:
            yield f"{what} newly needs {key[1]}"


def _bodies(what: str, old: Any, new: Any, before: Any, now: Any) -> Iterator[str]:
    taken, takes = old.get("requestBody"), new.get("requestBody")
    if takes and takes["required"] and not (taken or {"required": False})["required"]:
        yield f"{what} newly needs a body"
    if taken and takes:
        yield from _Comparison(before, now, is_taken=True).of(f"{what} body", _content(taken), _content(takes))
    for status, answer in old["responses"].items():
        if not status.startswith("2"):
            continue
        if status not in new["responses"]:
            yield f"{what} no longer answers {status}"
        elif "content" in answer:
            given = new["responses"][status]
            if "content" not in given:
                yield f"{what} answers nothing any more"
            else:
                yield from _Comparison(before, now, is_taken=False).of(
                    f"{what} answer", _content(answer), _content(given)
                )


def _content(holder: Any) -> Schema:
    (content,) = holder["content"].values()
    schema: Schema = content["schema"]
    return schema


class _Comparison:
    """Two schemas, each with the components of its document. What is taken may take more, what is answered may say more."""

    def __init__(self, before: Any, now: Any, *, is_taken: bool) -> None:
        self.before, self.now = before["components"]["schemas"], now["components"]["schemas"]
        self.is_taken = is_taken
        self.seen: set[tuple[str, str]] = set()

    def of(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        pair = (json.dumps(old, sort_keys=True), json.dumps(new, sort_keys=True))
        if pair in self.seen:
            return
        self.seen.add(pair)
        olds, news = list(_options(old, self.before)), list(_options(new, self.now))
        yield from self._types(place, olds, news)
        for one, other in _paired(olds, news):
            yield from self._values(place, one, other)
            yield from self._fields(place, one, other)
            for inner in ("items", "additionalProperties"):
                if isinstance(one.get(inner), dict) and isinstance(other.get(inner), dict):
                    yield from self.of(f"{place}[]", one[inner], other[inner])

    def _types(self, place: str, olds: list[Schema], news: list[Schema]) -> Iterator[str]:
        old, new = ({kind for option in options for kind in _kinds(option)} for options in (olds, news))
        if (old - new) if self.is_taken else (new - old):
            yield f"{place} is {_said(new)} instead of {_said(old)}"

    def _values(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        gone = set(old.get("enum", ())) - set(new.get("enum", old.get("enum", ()))) - {None}
        if gone:
            yield f"{place} is never {_said(gone)} any more"
        if self.is_taken and "enum" in new and "enum" not in old:
            yield f"{place} is only one of {_said(new['enum'])} now"
        if not self.is_taken:
            return
        for name in (*TIGHTER_WHEN_LESS, *TIGHTER_WHEN_MORE):
            least, most = (old, new) if name in TIGHTER_WHEN_LESS else (new, old)
            if name in new and (name not in old or most[name] < least[name]):
                yield f"{place} has a {name} of {new[name]} instead of {old.get(name)}"

    def _fields(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        fields, others = old.get("properties", {}), new.get("properties", {})
        for name, schema in fields.items():
            if name not in others:
                yield f"{place}.{name} is gone"
            else:
                yield from self.of(f"{place}.{name}", schema, others[name])
        needed, needs = set(old.get("required", ())), set(new.get("required", ()))
        if self.is_taken:
            yield from (f"{place}.{name} is newly needed" for name in sorted(needs - needed))
        else:
            yield from (
                f"{place}.{name} is not always there any more" for name in sorted((needed - needs) & set(others))
            )


def _options(schema: Schema, components: dict[str, Schema], name: str = "") -> Iterator[Schema]:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield from _options(components[name], components, name)
    elif "anyOf" in schema:
        for option in schema["anyOf"]:
            yield from _options(option, components)
    else:
        yield schema | {"name": name}


def _paired(olds: list[Schema], news: list[Schema]) -> Iterator[tuple[Schema, Schema]]:
    """The options that stand for each other: of the same component, or of the same types."""
    for old in olds:
        same = [new for new in news if old["name"] and new["name"] == old["name"]]
        alike = [new for new in news if set(_kinds(new)) & set(_kinds(old)) - {"null"}]
        if found := (same or alike):
            yield old, found[0]


def _kinds(schema: Schema) -> list[str]:
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return [f"{kind}:{schema['format']}" if "format" in schema and kind != "null" else kind for kind in kinds]


def _said(values: Any) -> str:
    return ", ".join(sorted(str(value) for value in values))


if __name__ == "__main__":
    sys.exit(main())
