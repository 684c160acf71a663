"""Every route × role × foreign account, generated from the URL resolver: a new route without an entry breaks the build."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import get_resolver
from django.urls.resolvers import URLPattern, URLResolver

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.api.routes import api
from conversa_calendar.calendars import editing
from conversa_calendar.calendars.models import Calendar, Event
from conversa_calendar.domain.event import Content
from conversa_calendar.domain.times import Day
from tests.support.cast import Cast
from tests.support.operations import BODIES

PUBLIC = {
    "healthz",
    "readyz",
    "metrics",
    "push/google",
    "login",
    "logout",
    "signup",
    "password/reset",
    "password/reset/done",
    "^password/reset/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)$",
    "password/reset/changed",
    "answer/<str:token>",
    "invitation/<str:token>",
    "setup/<str:token>",
    "book/embed.js",
    "book/<str:key>",
    "book/<str:key>/form",
    "book/confirm/<path:token>",
    "booking/<path:token>",
    "feeds/<str:secret>.ics",
    "",
}
"""Pages for strangers; everything else asks for a member."""

SIGNED_IN, MEMBER, MANAGER, ACCOUNT, BOOKINGS = (
    "signed in",
    "member",
    "integrations.manage",
    "account.manage",
    "bookings.own",
)
PAGES = {
    "calendar": MEMBER,
    "calendar/feed": MEMBER,
    "calendar/search": MEMBER,
    "calendar/rings": MEMBER,
    "calendars/<str:uuid>/toggle": MEMBER,
    "calendars/<str:uuid>/assign": MEMBER,
    "calendars/<str:uuid>/publish": MANAGER,
    "calendars/<str:uuid>": MEMBER,
    "calendar/team": MEMBER,
    "calendar/find": MEMBER,
    "events/quick": MEMBER,
    "events/repeats": MEMBER,
    "events/new": MEMBER,
    "events/<str:uuid>": MEMBER,
    "events/<str:uuid>/edit": MEMBER,
    "events/<str:uuid>/reschedule": MEMBER,
    "events/<str:uuid>/delete": MEMBER,
    "events/<str:uuid>/respond": MEMBER,
    "events/<str:uuid>/proposals/<str:proposal>": MEMBER,
    "events/<str:uuid>/retry": MEMBER,
    "events/<str:uuid>/history": MEMBER,
    "events/<str:uuid>/history/<int:entry_id>/use": MEMBER,
    "notices": MEMBER,
    "notices/<uuid:uuid>/<slug:action>": MEMBER,
    "trash": MEMBER,
    "trash/<str:uuid>/restore": MEMBER,
    "connections": MANAGER,
    "connections/google/start": MEMBER,
    "connections/google/callback": MEMBER,
    "connections/ask": MEMBER,
    "connections/invite": MANAGER,
    "connections/invitation/<str:secret>": MEMBER,
    "connections/<uuid:uuid>/calendars": MEMBER,
    "connections/<uuid:uuid>/reread": MEMBER,
    "connections/<uuid:uuid>/disconnect": MANAGER,
    "receipts/<uuid:uuid>": MANAGER,
    "mirrors/<uuid:uuid>/held": MEMBER,
    "mirrors/<uuid:uuid>/<slug:action>": MEMBER,
    "help/<slug:name>": MEMBER,
    "help/pictures/<slug:name>.png": MEMBER,
    "activity": MEMBER,
    "doctor": MANAGER,
    "doctor/file": MANAGER,
    "doctor/<slug:action>/<uuid:target>": MANAGER,
    "bookings": MEMBER,
    "bookings/pages/new": BOOKINGS,
    "bookings/pages/<uuid:uuid>": BOOKINGS,
    "bookings/pages/<uuid:uuid>/why": BOOKINGS,
    "bookings/pages/<uuid:uuid>/offer": MEMBER,
    "bookings/<uuid:uuid>/cancel": MEMBER,
    "bookings/<uuid:uuid>/decline": MEMBER,
    "bookings/<uuid:uuid>/<slug:action>": MEMBER,
    "password/again": MEMBER,
    "settings": MEMBER,
    "settings/profile": MEMBER,
    "password/change": MEMBER,
    "settings/feeds": MEMBER,
    "settings/exports": ACCOUNT,
    "settings/exports/<uuid:uuid>": ACCOUNT,
    "settings/imports": MEMBER,
    "settings/imports/<uuid:uuid>": MEMBER,
    "calendars/<str:uuid>/export": MEMBER,
    "settings/webhooks": ACCOUNT,
    "settings/members/<uuid:uuid>/suspend": ACCOUNT,
    "settings/live": MEMBER,
    "settings/account/<slug:what>": ACCOUNT,
    "switch-account": SIGNED_IN,
    "invitations/<uuid:uuid>": SIGNED_IN,
}
CSRF_EXEMPT = {"book/confirm/<path:token>", "push/google", "book/<str:key>/form", "booking/<path:token>"}
"""Google's notifications, and pages for strangers: in a frame of another site they get no cookie, and there is no
signed-in authority to borrow."""


def _patterns() -> Iterator[tuple[str, Any]]:
    def walk(patterns: list[Any], prefix: str) -> Iterator[tuple[str, Any]]:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, route)
            elif isinstance(pattern, URLPattern):
                yield route, pattern.callback

    yield from walk(get_resolver().url_patterns, "")


def _operations() -> list[tuple[str, str]]:
    schema = api.get_openapi_schema()
    return [(method.upper(), path) for path, methods in schema["paths"].items() for method in methods]


def test_every_page_has_an_entry_with_its_rule() -> None:
    pages = {route: view for route, view in _patterns() if not route.startswith("api/")}
    assert set(pages) == PUBLIC | set(PAGES)
    for route, rule in PAGES.items():
        assert pages[route].conversa_rule == rule, route


def test_only_pages_without_authority_are_exempt_from_csrf() -> None:
    exempt = {r for r, view in _patterns() if getattr(view, "csrf_exempt", False) and not r.startswith("api/")}
    assert exempt == CSRF_EXEMPT


@pytest.mark.parametrize("route", sorted(PAGES))
def test_strangers_are_sent_to_sign_in_or_refused(db: None, route: str) -> None:
    address = "/" + _filled(route, str(uuid4()))
    for method in ("get", "post"):
        answer = getattr(Client(), method)(address)
        assert answer.status_code in {302, 405}, (method, answer.status_code)
        if answer.status_code == 302:
            assert answer["Location"].startswith("/login")


@pytest.mark.parametrize("route", sorted(r for r, rule in PAGES.items() if rule not in {SIGNED_IN, MEMBER}))
def test_agents_are_refused_where_a_permission_is_needed(cast: Cast, route: str) -> None:
    address = "/" + _filled(route, str(uuid4()))
    browser = cast.bob.browser()
    codes = {getattr(browser, method)(address).status_code for method in ("get", "post")}
    assert codes <= {403, 405} and 403 in codes


@pytest.mark.parametrize(("method", "path"), _operations())
def test_api_refuses_strangers_and_dead_tokens(db: None, method: str, path: str) -> None:
    address = _filled(path, str(uuid4()))
    assert Client().generic(method, address).status_code == 401
    assert Client(HTTP_AUTHORIZATION="Bearer nonsense").generic(method, address).status_code == 401


NEEDED = {"from": "2026-12-01T00:00:00Z", "to": "2026-12-02T00:00:00Z", "calendars": "keep"}
"""Parameters without which an operation says nothing of what it is asked about."""


def _placed(value: Any) -> Any:
    """A body with an id wherever one belongs."""
    if isinstance(value, dict):
        return {name: _placed(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_placed(one) for one in value]
    is_time = value == "<slot>"
    return NEEDED["from"] if is_time else str(uuid4()) if isinstance(value, str) and value[:1] == "<" else value


@pytest.mark.parametrize(("method", "path"), [o for o in _operations() if "{" in o[1]])
def test_api_answers_foreign_ids_like_unknown_ones(cast: Cast, method: str, path: str) -> None:
    with tenant(cast.other.pk):
        calendar = Calendar.objects.get(owner=cast.charlie.member)
        day = Day(__import__("datetime").date(2026, 12, 1))
        event = editing.create(
            calendar, Content(start=day, end=Day(day.date.replace(day=2)), summary="CANARY"), actor=None
        )
        before = list(Event.objects.values_list("content_json", "deleted_at", "revision"))
    body = _placed(BODIES.get(f"{method} {path.removeprefix('/api/v1')}"))
    operation = api.get_openapi_schema()["paths"][path][method.lower()]
    needed = [row["name"] for row in operation["parameters"] if row["in"] == "query" and row["required"]]
    query = "?" + "&".join(f"{name}={NEEDED[name]}" for name in needed)
    answers = []
    for identity in (str(event.uuid), str(calendar.uuid), str(cast.charlie.member.uuid), str(uuid4())):
        address = _filled(path, identity).removeprefix("/api/v1/")
        answers.append(cast.alice.call(method, address + query, body))
    assert {a.status_code for a in answers} == {404}, [a.content for a in answers]
    said = [a.json() | {"request_id": ""} for a in answers]
    assert said == said[:1] * len(said) and "CANARY" not in str(said)
    with tenant(cast.other.pk):
        assert list(Event.objects.values_list("content_json", "deleted_at", "revision")) == before


@pytest.mark.parametrize("route", sorted(r for r in PAGES if "uuid" in r))
def test_pages_answer_foreign_ids_like_unknown_ones(cast: Cast, route: str) -> None:
    with tenant(cast.other.pk):
        calendar = Calendar.objects.get(owner=cast.charlie.member)
    browser = cast.alice.browser()
    for identity in (str(calendar.uuid), str(uuid4())):
        for method in ("get", "post"):
            answer = getattr(browser, method)("/" + _filled(route, identity))
            assert answer.status_code in {404, 405} or (answer.status_code == 302 and "reread" in route), (
                route,
                method,
            )


def test_unsafe_requests_without_a_csrf_token_are_refused(cast: Cast) -> None:
    browser = Client(enforce_csrf_checks=True)
    assert browser.login(email="alice@acme.example", password="correct horse battery")
    for route in ("events/new", "connections/google/start", "settings/profile"):
        assert browser.post("/" + route).status_code == 403


def test_headers_forbid_inline_script_framing_and_caching(cast: Cast) -> None:
    page = cast.alice.browser().get("/calendar")
    policy = page["Content-Security-Policy"]
    assert "script-src 'self';" in policy and "frame-ancestors 'none'" in policy and "object-src 'none'" in policy
    assert page["Cache-Control"] == "no-store" or "no-store" in page["Cache-Control"]
    assert page["X-Content-Type-Options"] == "nosniff"


def test_unknown_host_is_refused(db: None) -> None:
    assert Client(HTTP_HOST="evil.example").get("/login").status_code == 400


def _filled(route: str, identity: str) -> str:
    import re

    kinds = {
        "action": "sync",
        "what": "account",
        "entry_id": "1",
        "google_id": "x@example.com",
        "path:google_id": "x@example.com",
    }
    return re.sub(r"[<{](?:\w+:)?(\w+)[>}]", lambda m: kinds.get(m.group(1), identity), route)
