"""A visitor books without script from another zone, gets mail, moves; the host deletes at “Google” and they are told."""

import email
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import Message
from typing import Any

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.test_newcomer import FLAGS
from tests.support.processes import Installation, running, until

pytestmark = pytest.mark.browser
ANA = "ana@acme.example"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running(tmp_path_factory.mktemp("booking")) as started:
        yield started


@pytest.fixture
def visitor() -> Iterator[Page]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        context = browser.new_context(viewport={"width": 390, "height": 800}, java_script_enabled=False)
        yield context.new_page()
        browser.close()


def _published(installation: Installation) -> tuple[str, dict[str, Any], str]:
    """The API token, the page and Ana's token at Google."""
    made = installation.create_account("A", "a@acme.example")
    token = made["api_token"]
    installation.at_google("/_emulator/accounts", {"email": ANA})
    access = installation.at_google("/_emulator/tokens", {"email": ANA})["access_token"]
    installation.connect("a@acme.example", ANA)
    [connection] = installation.api("GET", "connections", token)["items"]
    path = f"connections/{connection['id']}/calendars/{ANA}"
    mirror = installation.api("PUT", path, token, {"mirrored": True})
    hosts = [{"id": made["member"], "calendar": mirror["calendar"]}]
    body = {"title": "Product demo", "weekly": [[[540, 1020]]] * 7, "time_zone": "UTC", "hosts": hosts, "notice": 0}
    return token, installation.api("POST", "booking-pages", token, body | {"is_published": True}), access


def _mails(installation: Installation) -> list[Message]:
    found = [email.message_from_bytes(path.read_bytes()) for path in sorted((installation.home / "mail").glob("*.eml"))]
    return [mail for mail in found if mail["To"] == "vera@else.example"]


def _ics(mail: Message) -> dict[str, str]:
    """A few lines of our own that read the attached calendar: name → value of its one VEVENT."""
    part = next(p for p in mail.walk() if p.get_content_type() == "text/calendar")
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    lines = re.sub(r"\r?\n[ \t]", "", payload.decode()).splitlines()
    inside = lines[lines.index("BEGIN:VEVENT") + 1 : lines.index("END:VEVENT")]
    return {line.split(":", 1)[0].split(";")[0]: line.split(":", 1)[1] for line in inside}


def test_a_visitor_books_moves_and_hears_of_a_deletion_at_google(installation: Installation, visitor: Page) -> None:
    _token, page, access = _published(installation)
    visitor.goto(f"{installation.origin}/book/{page['slug']}?zone=Asia/Tokyo")
    soon = (datetime.now(UTC) + timedelta(days=2)).date()
    first = visitor.locator("main ul a").first

    def is_offered() -> bool:
        """From when the calendar's first sync is done."""
        visitor.goto(f"{installation.origin}/book/{page['slug']}?zone=Asia/Tokyo&from={soon}")
        return first.is_visible()

    until(is_offered)
    _shows_the_browsers_zone(visitor, f"{installation.origin}/book/{page['slug']}")
    shown = first.inner_text()
    first.click()
    visitor.get_by_label("Your name").fill("Vera Visitor")
    visitor.get_by_label("Your e-mail").fill("vera@else.example")
    visitor.get_by_role("button", name="Book this time").click()
    expect(visitor.get_by_text("You are booked")).to_be_visible()
    expect(visitor.locator("header", has_text="(Asia/Tokyo)")).to_contain_text(shown)
    confirmation = until(lambda: _mails(installation), timeout_s=30)[0]
    entry = _ics(confirmation)
    assert entry["SEQUENCE"] == "0" and "Product demo" in entry["SUMMARY"]

    def at_google() -> Any:
        path = f"/calendar/v3/calendars/{ANA}/events"
        return installation.at_google(path, None, "GET", access).get("items")

    [there] = until(at_google, timeout_s=30)
    assert there["iCalUID"] == entry["UID"] and there["attendees"][0]["email"] == "vera@else.example"
    visitor.get_by_role("button", name="Move").click()
    moved = until(lambda: _mails(installation)[1:], timeout_s=30)
    assert any("Moved" in mail["Subject"] or "link" in mail["Subject"] for mail in moved)
    until(lambda: at_google()[0]["start"] != there["start"], timeout_s=30)
    assert installation.at_google("/_emulator/mails", None, "GET")["mails"] == []
    visitor.goto(f"{installation.google}/ui/{ANA}/{ANA}/{there['id']}")
    visitor.get_by_role("button", name="Delete").first.click()
    last = until(lambda: _told_of_end(installation), timeout_s=150)
    assert _ics(last)["STATUS"] == "CANCELLED" and int(_ics(last)["SEQUENCE"]) > 0


def _shows_the_browsers_zone(visitor: Page, address: str) -> None:
    """With script nobody has to choose where they are; without it the page says whose zone it is."""
    visitor.goto(address)
    expect(visitor.get_by_text("All times are in UTC, the time zone of")).to_be_visible()
    assert visitor.context.browser is not None
    scripted = visitor.context.browser.new_context(timezone_id="America/Lima", viewport={"width": 390, "height": 800})
    shown = scripted.new_page()
    shown.goto(address)
    expect(shown.get_by_text("All times are in America/Lima.")).to_be_visible()
    scripted.close()
    visitor.go_back()


def _told_of_end(installation: Installation) -> Message | None:
    """The cancellation; the minute of rest is cut short."""
    installation.sql(
        "UPDATE bookings_booking SET notice_due_at = now() - interval '1 second' WHERE notice_due_at IS NOT NULL"
    )
    return next((mail for mail in _mails(installation) if mail["Subject"].startswith("Cancelled")), None)
