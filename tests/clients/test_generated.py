"""Clients that strangers generate from the OpenAPI document: their types mean something, and they do the usual work."""

import importlib
import inspect
import json
import subprocess
import sys
import typing
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import pytest
from django.core.wsgi import get_wsgi_application

from conversa_calendar.kit import clock
from tests.support import contract
from tests.support.cast import Actor, Cast
from tests.support.google import Google, at
from tools.build_frontend import with_node

HERE = Path(__file__).parent
NAME = "calendar_client"
ANA = "ana@acme.example"
ZONE = "America/Sao_Paulo"
FILES, BYTES = ("text/calendar", "message/rfc822", "application/zip"), "application/octet-stream"
ALWAYS = [[[0, 1440]]] * 7


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("document") / "openapi.json"
    path.write_text(json.dumps(contract.document()))
    return path


@pytest.fixture(scope="module")
def package(document: Path) -> Iterator[ModuleType]:
    """A client as `openapi-python-client` makes it, without a warning."""
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--path", str(document)]
    command += ["--output-path", str(document.parent / NAME), "--meta", "none", "--fail-on-warning"]
    config = document.parent / "config.yml"
    config.write_text(json.dumps({"post_hooks": [], "content_type_overrides": dict.fromkeys(FILES, BYTES)}))
    done = subprocess.run([*command, "--config", str(config)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    sys.path.insert(0, str(document.parent))
    try:
        yield importlib.import_module(NAME)
    finally:
        sys.path.remove(str(document.parent))


class Caller:
    """The generated operations by their names, called as one member in process."""

    def __init__(self, package: ModuleType, actor: Actor) -> None:
        application = get_wsgi_application()
        transport = httpx.WSGITransport(app=application)
        headers = {"Authorization": f"Bearer {actor.token}"}
        self.client = package.AuthenticatedClient(base_url="http://testserver", token=actor.token)
        self.client.set_httpx_client(httpx.Client(base_url="http://testserver", transport=transport, headers=headers))
        self.tags = {o["operationId"]: o["tags"][0] for _m, _p, o in _operations()}

    def __call__(self, operation: str, *args: Any, **more: Any) -> Any:
        module = importlib.import_module(f"{NAME}.api.{self.tags[operation]}.{operation}")
        answer = module.sync_detailed(*args, client=self.client, **more)
        assert answer.status_code < 300, answer.content
        return answer.parsed


def _operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in contract.document()["paths"].items():
        yield from ((method, path, operation) for method, operation in methods.items())


def test_every_field_of_the_python_client_has_a_type_of_its_own(package: ModuleType) -> None:
    models = importlib.import_module(f"{NAME}.models")
    found = {name: getattr(models, name) for name in models.__all__}
    assert len(found) > 150
    known = {name: getattr(models, name) for name in models.__all__} | vars(importlib.import_module(f"{NAME}.types"))
    for name, model in found.items():
        if not hasattr(model, "__attrs_attrs__"):
            continue
        types = typing.get_type_hints(model, localns=known)
        fields = {field for field in types if field != "additional_properties"}
        keyed = types.get("additional_properties", dict[str, int])
        assert fields or keyed != dict[str, Any], f"{name} has no fields"
        assert not [field for field in fields if "Any" in str(types[field]) or types[field] is object], name
    assert typing.get_type_hints(found["Event"], localns=known)["start"] == found["DayMoment"] | found["TimedMoment"]
    assert "HELD" in found["EventSyncState"].__members__


def test_every_operation_of_the_python_client_answers_its_model_or_a_problem(package: ModuleType) -> None:
    for _method, _path, operation in _operations():
        name = operation["operationId"]
        module = importlib.import_module(f"{NAME}.api.{operation['tags'][0]}.{name}")
        said = str(inspect.signature(module.sync_detailed).return_annotation)
        assert "Problem" in said
        assert ("204" in operation["responses"]) == ("Any" in said), (name, said)


def test_the_python_client_connects_mirrors_edits_and_books(package: ModuleType, cast: Cast, google: Google) -> None:
    models, call = importlib.import_module(f"{NAME}.models"), Caller(package, cast.alice)
    day = (clock.now() + timedelta(days=3)).date().isoformat()
    google.person(ANA).insert(summary="Review", start=at(f"{day}T10:00:00"), end=at(f"{day}T11:00:00"))

    # connect
    address = call("authorize").authorization_url
    _consent(google, cast.alice, address)
    connection = call("list_connections").items[0]
    assert connection.email == ANA and connection.state == models.ConnectionState.ACTIVE

    # mirror
    seen = call("list_connection_calendars", connection.id, refresh=True).items
    primary = next(one for one in seen if one.primary)
    choice = models.MirrorChoice(mirrored=True, mode=models.MirrorMode.TWO_WAY)
    mirror = call("choose_calendar", connection.id, primary.remote_id, body=choice)
    google.settle()
    assert call("get_mirror", mirror.id).progress.done

    # edit
    begin = datetime.fromisoformat(f"{day}T00:00:00-03:00")
    listed = call("list_events", from_=begin, to=begin + timedelta(days=1), calendar=str(mirror.calendar)).items
    assert [one.summary for one in listed] == ["Review"]
    change = models.EventChange(summary="Quarterly review", references=[models.Reference("conversation", "42")])
    changed = call("change_event", listed[0].id, body=change, if_match=listed[0].etag)
    google.settle()
    assert google.person(ANA).list()[0]["summary"] == "Quarterly review"
    assert call("list_events", reference="conversation:42").items[0].id == changed.id
    start = models.TimedMoment(date_time=f"{day}T15:00:00", time_zone=ZONE)
    new = models.EventInput(calendar=mirror.calendar, start=start, summary="Call")
    made = call("create_event", body=new, idempotency_key="one")
    assert made.id == call("create_event", body=new, idempotency_key="one").id and isinstance(made.id, UUID)

    # book
    page = models.BookingPageInput(title="Support", weekly=ALWAYS, notice=0, time_zone=ZONE, is_published=True)
    page = call("add_page", body=page)
    slots = call("list_slots", page.id, from_=begin, to=begin + timedelta(days=1)).items
    visitor = models.BookingInput(
        page=page.id, start=slots[-1].start.isoformat(), name="Ana Souza", email="ana@customer.example"
    )
    booked = call("add_booking", body=visitor)
    assert booked.state == models.BookingState.CONFIRMED and booked.start == slots[-1].start


def _consent(google: Google, actor: Actor, address: str) -> None:
    """The member opens the address in their browser and agrees at Google."""
    google.control("consent", {"email": ANA, "times": 1})
    browser = actor.browser()
    start = urlsplit(address)
    to_google = urlsplit(browser.get(f"{start.path}?{start.query}")["Location"])
    back = urlsplit(google.client.get(f"{to_google.path}?{to_google.query}").headers["Location"])
    assert browser.get(f"{back.path}?{back.query}").status_code == 302


def test_every_field_of_the_typescript_types_has_a_type_of_its_own(document: Path) -> None:
    folder, environment = HERE / "typescript", with_node()
    if not (folder / "node_modules").exists():
        install = ["npm", "install", "--no-save", "--no-fund", "--no-audit", "--silent"]
        subprocess.run(install, cwd=folder, env=environment, check=True)
    made = folder / "node_modules" / ".made"
    made.mkdir(exist_ok=True)
    for command in (
        ["npx", "openapi-typescript", str(document), "-o", str(made / "api.d.ts")],
        ["npx", "tsc", "--project", "tsconfig.json"],
    ):
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
