"""Whatever anybody sends to whichever address, the answer is an answer: never an error of the server, never a traceback,
from the API always problem+json that names the request.

The addresses come from the product's own tables (its OpenAPI document and URL patterns), the fields from its forms and
sources, so that a new page or operation is tried as soon as it exists. `HOSTILE_EXAMPLES` sets how often.
"""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conversa_calendar.accounts.models import Inbox, Member, Team
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.api import auth
from conversa_calendar.api.routes import api
from conversa_calendar.booking_pages import limits, views
from conversa_calendar.connections import gateway
from conversa_calendar.kit import clock
from conversa_calendar.sync.models import Mirror
from tests.bookings.test_bookings import VISITOR, make_page, soon, text
from tests.support import database, hostile
from tests.support.cast import build_cast
from tests.support.google import Google
from tests.support.operations import BODIES, TURNED_DOWN
from tests.support.world import World, build_world, day_of_events
from tests.web.test_access import _operations, _patterns

EXAMPLES = int(os.environ.get("HOSTILE_EXAMPLES", "200"))
OFTEN = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
VIEWERS = ("administrator", "edit", "nobody")


@dataclass
class Scene:
    """A world, and what its addresses may name."""

    world: World
    ids: dict[str, str]
    forms: dict[str, dict[str, str]] = field(default_factory=dict)

    def filled(self, value: Any) -> Any:
        if isinstance(value, str):
            return re.sub(r"<([\w-]+)>", lambda found: self.ids.get(found.group(1), str(uuid4())), value)
        if isinstance(value, dict):
            return {name: self.filled(item) for name, item in value.items()}
        return [self.filled(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def scene(migrated: None) -> Iterator[Scene]:
    database.empty()
    google = Google()
    with google.installed(), pytest.MonkeyPatch.context() as patch:
        for name in ("views", "submits"):
            patch.setattr(limits, name, limits.Window(10**9, name))
        patch.setattr(auth, "limiter", auth.Limiter(10**9))
        patch.setattr(views, "HUMAN_S", 0.0)
        clock.use(sleep=lambda _seconds: None)
        try:
            yield _scene(build_world(build_cast(), google))
        finally:
            clock.use()


def _scene(world: World) -> Scene:
    alice, account = world.cast.alice, world.cast.account
    page = make_page(alice)
    booked = alice.post("bookings", {"page": page["id"], "start": text(soon())} | VISITOR)
    offer = alice.post(f"booking-pages/{page['id']}/offers", {"starts": [text(soon(5))]})
    ids = {
        "events": world.events["native"],
        "trash": world.gone["native"],
        "calendars": world.calendars["shared"],
        "booking-pages": page["id"],
        "pages": page["id"],
        "bookings": booked["id"],
        "booking-offers": offer["id"],
        "book": page["slug"],
        "slot": text(soon(4)),
        "host": str(alice.member.uuid),
        "guest": world.events["guest"],
        "members": str(world.cast.bob.member.uuid),
        "teams": alice.post("teams", {"name": "Team", "members": []})["id"],
        "inboxes": alice.post("inboxes", {"name": "Inbox", "members": []})["id"],
        "entry_id": str(world.entries["native"]),
    }
    ids["webhooks"] = alice.post("webhooks", {"url": "https://hooks.example.com/calendar"})["id"]
    ids["roles"] = alice.post("roles", {"name": "Role", "permissions": []})["id"]
    ids["webhooks"] = alice.post("webhooks", {"url": "https://hooks.example.com/"})["id"]
    with tenant(account.pk):
        mirror = Mirror.objects.select_related("connection").first()
        assert mirror is not None and Member.objects.exists() and Team.objects.exists() and Inbox.objects.exists()
        ids |= {"mirrors": str(mirror.uuid), "connections": str(mirror.connection.uuid), "google_id": mirror.remote_id}
    found = Scene(world, ids)
    _gather(found)
    return found


def _gather(scene: Scene) -> None:
    """The forms of every page as the administrator sees them, by the page that they are sent to."""
    browser = scene.world.browsers["administrator"]
    addresses = [_address(scene, route) for route, _view in _pages()]
    addresses += [f"/book/{scene.ids['book']}/form?start={scene.ids['slot']}&zone=UTC", "/events/new?all_day=true"]
    for address in addresses:
        answer = _tried(lambda address=address: browser.get(address))
        if answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html"):
            for form in hostile.forms(address.partition("?")[0], answer.content.decode()):
                scene.forms[form.action] = form.fields | scene.forms.get(form.action, {})


def _pages() -> list[tuple[str, Any]]:
    return [(route, view) for route, view in _patterns() if not route.startswith("api/")]


def _address(scene: Scene, route: str, ids: dict[str, str] | None = None) -> str:
    """A route with the ids of the scene in it: each by its own name, or by the part of the address before it."""
    ids = scene.ids | ({"events": scene.ids["guest"]} if "respond" in route else {}) | (ids or {})
    if route.startswith("^"):
        return f"/password/reset/{ids.get('uidb36', '1')}-{ids.get('key', 'set-password')}"
    done = ""
    for part in re.split(r"(<[^>]+>|\{[^}]+\})", route):
        if part[:1] not in {"<", "{"}:
            done += part
            continue
        name = part.strip("<>{}").rpartition(":")[2]
        before = done.rstrip("/").rpartition("/")[2]
        done += quote((ids.get(name) or ids.get(before) or _known(name)).encode(errors="surrogatepass"), safe="/")
    return "/" + done.lstrip("/")


def _known(name: str) -> str:
    return {"what": "account", "name": "start", "action": "sync"}.get(name) or str(uuid4())


class _undone:
    """Whatever a request does is taken back."""

    def __enter__(self) -> None:
        self.transaction = transaction.atomic()
        self.transaction.__enter__()

    def __exit__(self, *error: Any) -> None:
        if error[0] is None:
            transaction.set_rollback(True)
        self.transaction.__exit__(*error)


def _tried(send: Callable[[], Any]) -> Any:
    """The answer to a request, of which nothing is left; but of one that talks to Google, which no transaction may enclose."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_counter")  # nobody is turned away for coming too often
    try:
        with _undone():
            return send()
    except gateway.OpenTransaction:
        return send()


def _client(scene: Scene, viewer: str) -> Client:
    """A browser of its own, so that signing out ends nobody else's session."""
    browser = Client()
    if viewer != "nobody":
        browser.cookies.update(scene.world.browsers[viewer].cookies)
    return browser


def _judge(answer: Any, what: str) -> None:
    assert answer.status_code < 500, (what, answer.status_code, answer.content[:500])
    assert len(answer["X-Request-Id"]) == 32, what
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    assert b"Traceback" not in body, what
    if what.split()[1].startswith("/api/") and answer.status_code >= 400:
        assert answer["Content-Type"] == "application/problem+json", (what, answer["Content-Type"], body[:200])
        assert answer.json()["request_id"] == answer["X-Request-Id"], what


def _parameters(method: str, path: str) -> list[tuple[str, str]]:
    found = api.get_openapi_schema()["paths"][path][method.lower()].get("parameters", [])
    return [(row["in"], row["name"]) for row in found]


OPERATIONS = [(method, path, _parameters(method, path)) for method, path in _operations()]
HEADERS = {"If-Match": "HTTP_IF_MATCH", "Idempotency-Key": "HTTP_IDEMPOTENCY_KEY"}
RANGE = {"from": "2026-12-01T00:00:00Z", "to": "2026-12-02T00:00:00Z", "start": "2026-12-01", "end": "2026-12-03"}


def _latin(value: str) -> str:
    return value.encode("utf-8", "surrogatepass").decode("latin-1")


def _call(scene: Scene, draw: Any) -> None:
    """One call of the API with one to three values that nobody expects."""
    method, path, parameters = draw(st.sampled_from(OPERATIONS))
    viewer = draw(st.sampled_from((*VIEWERS[:2], *VIEWERS)))
    body = scene.filled(BODIES.get(f"{method} {path.removeprefix('/api/v1')}"))
    query = {name: RANGE[name] for place, name in parameters if place == "query" and name in RANGE}
    spots: list[tuple[str, Any]] = [(place, name) for place, name in parameters]
    spots += [("body", place) for place in hostile.places(body)] * 2 + ([("raw", None)] if body is not None else [])
    ids, headers = {}, {}
    raw: bytes | None = None
    for place, name in draw(st.lists(st.sampled_from(spots or [("none", "")]), min_size=1, max_size=3)):
        match place:
            case "path":
                ids[name] = draw(st.sampled_from(hostile.TEXTS[:80]))
            case "query":
                query[name] = draw(st.sampled_from(hostile.TEXTS))
            case "header":
                headers[HEADERS.get(name, "HTTP_X")] = _latin(draw(st.sampled_from(hostile.TEXTS)))
            case "body":
                if name in set(hostile.places(body)):
                    body = hostile.with_value(body, name, draw(st.sampled_from(hostile.VALUES)))
            case "raw":
                raw = draw(st.sampled_from(hostile.RAW))
    sent = hostile.as_json(body) if raw is None and body is not None else raw or b""
    address = _address(scene, path, ids)
    address += "?" + urlencode(query, errors="surrogatepass") if query else ""
    if viewer != "nobody":
        headers["HTTP_AUTHORIZATION"] = f"Bearer {scene.world.people[viewer].token}"
    answer = _tried(lambda: Client().generic(method, address, sent, content_type="application/json", **headers))
    _judge(answer, f"{method} {address[:300]} {viewer} {sent[:300]!r}")


def _open(scene: Scene, draw: Any) -> None:
    """One request to a page with one to three values that nobody expects."""
    route, view = draw(st.sampled_from(_pages()))
    viewer, method = draw(st.sampled_from(VIEWERS)), draw(st.sampled_from(("GET", "POST", "POST")))
    names = re.findall(r"[<](?:\w+:)?(\w+)[>]", route)
    texts = st.sampled_from(hostile.TEXTS)
    ids = {names[0]: draw(texts)} if names and draw(st.integers(0, 4)) == 0 else {}
    if "what" in names and not ids:
        ids["what"] = draw(
            st.sampled_from(("account", "module", "member", "team", "inbox", "role", "token", "revoke-token"))
        )
    address = _address(scene, route, ids)
    fields: dict[str, Any] = dict(scene.forms.get(address, {})) | ({"made": ""} if "book/" in route else {})
    known = sorted({*fields, *hostile.names_read_in(view.__module__), *RANGE})
    fields |= {name: RANGE[name] for name in ("start", "end") if method == "GET"}
    for name in draw(st.lists(st.sampled_from(known), min_size=1, max_size=3)):
        fields[name] = draw(texts)
    if draw(st.integers(0, 3)) == 0:
        fields[draw(st.sampled_from(known))] = [draw(texts), draw(texts)]
    encoded = urlencode(fields, doseq=True, errors="surrogatepass")
    kind = draw(
        st.sampled_from(("application/x-www-form-urlencoded",) * 5 + ("application/json", "multipart/form-data"))
    )
    raw = draw(st.sampled_from(hostile.RAW)) if kind != "application/x-www-form-urlencoded" else encoded.encode()
    if "reschedule" in route:
        kind, raw = "application/json", hostile.as_json(_dragged(draw))
    headers = {"HTTP_HX_REQUEST": "true"} if draw(st.booleans()) else {}
    address += f"?{encoded}" if method == "GET" else ""
    answer = _tried(lambda: _client(scene, viewer).generic(method, address, raw, content_type=kind, **headers))
    _judge(answer, f"{method} {address[:300]} {viewer} {raw[:300]!r}")


def _dragged(draw: Any) -> Any:
    body = {"start": f"{day_of_events()}T18:00:00", "end": f"{day_of_events()}T19:00:00", "all_day": False}
    body |= {"occurrence": "", "scope": "this", "notify": "none"}
    return hostile.with_value(body, (draw(st.sampled_from(sorted(body))),), draw(st.sampled_from(hostile.VALUES)))


def test_every_operation_that_takes_a_body_is_tried_with_one() -> None:
    paths = api.get_openapi_schema()["paths"]
    taking = {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, methods in paths.items()
        for method, operation in methods.items()
        if "application/json" in operation.get("requestBody", {}).get("content", {})
    }
    assert taking == set(BODIES)


@pytest.mark.parametrize("operation", sorted(BODIES))
def test_the_bodies_that_are_spoilt_are_taken_when_they_are_whole(scene: Scene, operation: str) -> None:
    method, path = operation.split()
    body = scene.filled(BODIES[operation])
    address = _address(scene, f"/api/v1{path}").removeprefix("/api/v1/")
    answer = _tried(lambda: scene.world.people["administrator"].call(method, address, body))
    assert answer.status_code < 400 or answer.json()["code"] == TURNED_DOWN.get(operation), answer.content


@OFTEN
@given(data=st.data())
def test_nothing_sent_to_the_api_breaks_it(scene: Scene, data: st.DataObject) -> None:
    _call(scene, data.draw)


@OFTEN
@given(data=st.data())
def test_nothing_sent_to_a_page_breaks_it(scene: Scene, data: st.DataObject) -> None:
    _open(scene, data.draw)
