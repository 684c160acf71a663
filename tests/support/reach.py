"""Which acts a way in comes to, read from its code: what it calls, and what those call, as far as they belong to the ways in."""

import dis
import inspect
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

from django.urls import get_resolver
from django.urls.resolvers import URLPattern, URLResolver

from conversa_calendar.api.routes import api

WAYS_IN = (
    "conversa_calendar.api",
    "conversa_calendar.dashboard",
    "conversa_calendar.booking_pages",
    "conversa_calendar.formats",
)
METHODS = ("POST", "PUT", "PATCH", "DELETE")


def acts_of(view: Any) -> frozenset[str]:
    """The acts that a view may do."""
    found: set[str] = set()
    for value in _reached(view):
        found |= {str(act) for act in getattr(value, "conversa_acts", ())}
    return frozenset(found)


def operations() -> dict[str, Any]:
    """Every operation of the API by “METHOD path”, without its prefix."""
    found = {}
    for prefix, router in api._routers:
        for path, view in router.path_operations.items():
            for operation in view.operations:
                for method in operation.methods:
                    found[f"{method} {(prefix + path).strip('/')}"] = operation.view_func
    return found


def pages() -> dict[str, Any]:
    """Every page by its route; live streams and embedded pages among them."""

    def walk(patterns: list[Any], prefix: str) -> Iterator[tuple[str, Any]]:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, route)
            elif isinstance(pattern, URLPattern):
                yield route, pattern.callback

    return {route: view for route, view in walk(get_resolver().url_patterns, "") if not route.startswith("api/")}


def door_of(route: str) -> str:
    """The door that a page's route is: `page`, `live` or `embed`."""
    head = route.split("/")[0]
    return "embed" if head == "embed" else "live" if "live" in route.split("/") else "page"


def _reached(view: Any) -> Iterator[Any]:
    seen: set[int] = set()
    waiting = [view]
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        yield value
        if hasattr(value, "conversa_acts"):
            continue
        function = inspect.unwrap(value) if callable(value) else value
        is_ours = isinstance(function, FunctionType) and function.__module__.startswith(WAYS_IN)
        if is_ours:
            waiting += _named(function.__code__, function.__globals__)
            waiting += [cell.cell_contents for cell in function.__closure__ or () if callable(cell.cell_contents)]


def _named(code: CodeType, names: dict[str, Any]) -> list[Any]:
    """The functions that a piece of code names, with those of its inner functions."""
    found: list[Any] = []
    at: Any = None
    for step in dis.get_instructions(code):
        if step.opname == "LOAD_GLOBAL":
            at = names.get(step.argval)
        elif step.opname in {"LOAD_ATTR", "LOAD_METHOD"} and isinstance(at, ModuleType):
            at = getattr(at, step.argval, None)
        else:
            at = None
        if at is not None and callable(at):
            found.append(at)
    for const in code.co_consts:
        if isinstance(const, CodeType):
            found += _named(const, names)
    return found
