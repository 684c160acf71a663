"""The newcomer's path in a real Chromium, over real processes: enable, connect, choose, and see both sides become one."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.support.processes import PASSWORD, Installation, running

pytestmark = pytest.mark.browser
ANA = "ana@acme.example"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--no-first-run",
    "--disable-component-update",
]
SHOTS = Path(__file__).parent / "screenshots"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running(tmp_path_factory.mktemp("installation")) as started:
        yield started


@pytest.fixture
def page() -> Iterator[Page]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        context = browser.new_context(viewport={"width": 1360, "height": 860})
        opened = context.new_page()
        problems: list[str] = []
        opened.on("pageerror", lambda error: problems.append(str(error)))
        opened.on("console", lambda m: problems.append(m.text) if "Content Security Policy" in m.text else None)
        yield opened
        browser.close()
        assert problems == []


def _consent(page: Page, ticked: list[str]) -> None:
    """Google's consent page: choose the account, tick boxes, continue."""
    page.get_by_role("button", name=ANA).click()
    for label in ticked:
        page.get_by_label(label).check()
    page.get_by_role("button", name="Continue").click()


def _shot(page: Page, name: str) -> None:
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=str(SHOTS / f"{name}.png"))


def test_newcomer_walks_from_sign_in_to_two_way_sync(installation: Installation, page: Page) -> None:
    installation.command(
        "create-account", "--name", "Newco", "--admin-email", "nina@newco.example", "--password", PASSWORD
    )
    installation.at_google("/_emulator/accounts", {"email": ANA, "name": "Ana Prado", "time_zone": "UTC"})
    token = installation.at_google("/_emulator/tokens", {"email": ANA})["access_token"]
    at_ana = "/calendar/v3/calendars/primary/events"
    installation.at_google("/calendar/v3/calendars", {"summary": "Second", "timeZone": "UTC"}, token=token)

    page.goto(f"{installation.origin}/")
    page.get_by_label("E-mail").fill("nina@newco.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="The Calendar module is not enabled")).to_be_visible()
    page.get_by_role("link", name="Open settings").click()
    page.get_by_role("button", name="Turn on the Calendar module").click()

    page.goto(f"{installation.origin}/connections")
    expect(page.get_by_text("No Google account is connected")).to_be_visible()
    page.get_by_text("Connect Google Calendar", exact=True).click()
    page.get_by_role("button", name="Continue to Google").click()
    _consent(page, ["See the list of Google calendars you are subscribed to"])
    expect(page.get_by_role("heading", name="Not connected")).to_be_visible()
    expect(page.locator("section strong", has_text="View and edit events on all your calendars")).to_be_visible()
    _shot(page, "missing-permission")

    page.get_by_role("button", name="Continue to Google").click()
    _consent(
        page,
        [
            "See the list of Google calendars you are subscribed to",
            "View and edit events on all your calendars",
            "View your availability in your calendars",
        ],
    )
    expect(page.get_by_role("heading", name="Choose calendars")).to_be_visible()
    page.get_by_label(ANA).check()
    page.get_by_label("Second").check()
    page.get_by_role("button", name="Rehearse").click()
    expect(page.get_by_text("No mail is sent.").first).to_be_visible()
    page.get_by_role("button", name="Start mirroring").click()
    expect(page.locator('td[data-state="live"]')).to_have_count(2, timeout=30_000)
    _shot(page, "connections")

    page.goto(f"{installation.origin}/calendar")
    page.keyboard.press("n")
    page.get_by_label("Title").fill("Written here")
    page.locator("select[name=calendar]").select_option(label=f"{ANA} · Google · {ANA}")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".tile", has_text="Written here")).to_be_visible(timeout=15_000)
    _shot(page, "calendar")

    def there() -> list[dict[str, object]]:
        found: list[dict[str, object]] = installation.at_google(at_ana, method="GET", token=token)["items"]
        return [item for item in found if item.get("summary") == "Written here"]

    from tests.support.processes import until

    [event] = until(there)
    google = page.context.new_page()
    google.goto(f"{installation.google}/ui/{ANA}")
    google.get_by_text("Written here").click()
    google.get_by_label("Title").fill("Edited at Google")
    google.get_by_role("button", name="Save").click()
    expect(page.locator(".tile", has_text="Edited at Google")).to_be_visible(timeout=20_000)

    google.get_by_text("Edited at Google").click()
    google.get_by_role("button", name="Delete").click()
    expect(page.locator(".tile", has_text="Edited at Google")).to_have_count(0, timeout=20_000)
    page.goto(f"{installation.origin}/trash")
    expect(page.get_by_text("Edited at Google")).to_be_visible()
    page.get_by_role("button", name="Restore").click()
    until(lambda: installation.at_google(at_ana, method="GET", token=token)["items"], timeout_s=20)
    assert len(installation.at_google(at_ana, method="GET", token=token)["items"]) == 1
    assert installation.at_google("/_emulator/mails", method="GET")["mails"] == []
    assert event["id"]
