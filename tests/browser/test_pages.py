"""The pages as administrator, agent and stranger, light and dark, wide and narrow, in three languages: axe finds nothing
serious, nothing overflows, hostile content does no harm, and a screenshot is kept."""

import email
import email.policy
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from django.core import signing
from playwright.sync_api import Browser, Page, expect, sync_playwright

from conversa_calendar.dashboard.setup_views import SALT
from tests.browser.test_newcomer import FLAGS, SHOTS
from tests.support.processes import PASSWORD, Installation, running, until

pytestmark = pytest.mark.browser
ANA = "ana@acme.example"
AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
HOSTILE = "<script>document.title='owned'</script><style>*{display:none}</style>\u202egnp.exe\u200b" + "W" * 10_000
FULLCALENDARS = {"label-content-name-mismatch", "scrollable-region-focusable"}
"""In the grid of the calendar page: its days are labelled by their full dates, which the short ones shown are no part of,
and it scrolls with the tiles and days inside, which take the focus."""
PAGES = (
    "calendar",
    "calendar/team",
    "calendar/find",
    "connections",
    "doctor",
    "activity",
    "bookings",
    "trash",
    "settings",
    "help/start",
    "help/assign",
    "help/troubleshooting",
)


class Look(NamedTuple):
    """How a page is looked at."""

    who: str
    scheme: str
    width: int
    language: str


LOOKS = (
    Look("a@acme.example", "light", 1280, "en"),
    Look("a@acme.example", "dark", 390, "pt-br"),
    Look("b@acme.example", "dark", 1280, "es"),
    Look("b@acme.example", "light", 390, "en"),
)


class Place(NamedTuple):
    installation: Installation
    token: str
    connection: str
    booking_page: dict[str, Any]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Place]:
    """An account with a mirrored calendar, hostile events on both sides, an agent and a booking page."""
    with running(tmp_path_factory.mktemp("pages")) as installation:
        made = installation.create_account("Acme", "a@acme.example")
        token = made["api_token"]
        agent = {"email": "b@acme.example", "name": HOSTILE[:80], "role": "agent"}
        agent = installation.api("POST", "members", token, agent)
        installation.at_google("/_emulator/accounts", {"email": ANA, "time_zone": "UTC"})
        access = installation.at_google("/_emulator/tokens", {"email": ANA})["access_token"]
        times = {"start": {"date": "2026-12-01"}, "end": {"date": "2026-12-02"}}
        event = {"summary": HOSTILE[:1000], "description": HOSTILE[:8000], "location": HOSTILE[:1000], **times}
        installation.at_google("/calendar/v3/calendars/primary/events", event, token=access)
        installation.connect("a@acme.example", ANA)
        [connection] = installation.api("GET", "connections", token)["items"]
        path = f"connections/{connection['id']}/calendars/{ANA}"
        mirror = installation.api("PUT", path, token, {"mirrored": True})
        items = [{"kind": "agent", "id": agent["id"], "level": "edit"}]
        installation.api("PUT", f"calendars/{mirror['calendar']}/assignments", token, {"items": items})
        until(lambda: installation.api("GET", "mirrors", token)["items"][0]["progress"]["done"])
        hosts = [{"id": made["member"], "calendar": mirror["calendar"]}]
        body = {
            "title": "Demo " + "W" * 60,
            "description": HOSTILE[:400],
            "weekly": [[[540, 1020]]] * 7,
            "hosts": hosts,
        }
        page = installation.api("POST", "booking-pages", token, body | {"notice": 0, "is_published": True})
        way_in = chromium.new_page()
        _come_in(way_in, installation, "b@acme.example")
        way_in.close()
        installation.api("POST", "members", token, {"email": "c@acme.example", "name": HOSTILE[:80]})
        yield Place(installation, token, connection["id"], page)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: f"{look.who[0]}-{look.scheme}-{look.width}-{look.language}")
def test_members_pages(place: Place, chromium: Browser, look: Look) -> None:
    page = _signed_in(chromium, place, look)
    troubles = [trouble for name in PAGES for trouble in _looked_at(page, place, name, look)]
    if look.who.startswith("a@"):
        further = (f"connections/{place.connection}/calendars", f"connections/{place.connection}/disconnect")
        further += (f"calendars/{place.booking_page['hosts'][0]['calendar']}/assign", "bookings/pages/new")
        further += (f"calendars/{place.booking_page['hosts'][0]['calendar']}/publish",)
        further += tuple(f"bookings/pages/{place.booking_page['id']}{more}" for more in ("", "/why", "/offer"))
        troubles += [trouble for name in further for trouble in _looked_at(page, place, name, look)]
    page.goto(f"{place.installation.origin}/calendar?date=2026-12-01")
    page.locator(".tile").first.click()
    expect(page.locator("#event-title")).to_be_visible()
    page.get_by_text(re.compile("Why|Por qu")).first.click()
    troubles += _troubles(page, "event")
    page.locator("[hx-get$='/history']").click()
    expect(page.locator("#dialog-body ol")).to_be_visible()
    troubles += _troubles(page, "history")
    page.locator("[data-close]").first.click()
    page.keyboard.press("n")
    expect(page.locator("#dialog-body input[name=summary]")).to_be_visible()
    troubles += _troubles(page, "event form")
    page.context.close()
    assert not troubles, "\n".join(troubles)


@pytest.mark.parametrize("look", LOOKS[:3], ids=lambda look: f"{look.scheme}-{look.width}-{look.language}")
def test_strangers_pages(place: Place, chromium: Browser, look: Look) -> None:
    page = _opened(chromium, look)
    invitation = urlsplit(_invitation(place.installation, "c@acme.example")).path.strip("/")
    names = ("login", "password/reset", invitation, "invitation/old", f"book/{place.booking_page['slug']}")
    troubles = [trouble for name in names for trouble in _looked_at(page, place, name, look)]
    page.locator("a[href*='form?start=']").first.click()
    troubles += _troubles(page, "form")
    page.locator("input[name=name]").fill(HOSTILE[:100])
    page.locator("input[name=email]").fill(f"v{look.width}{look.scheme}@else.example")
    page.wait_for_timeout(2000)  # who answers faster than anybody types is sent back
    page.locator("form button.btn-primary").click()
    page.wait_for_url("**/booking/**")
    troubles += _troubles(page, "manage")
    troubles += _looked_at(page, place, "book/no-such-page", look)
    page.context.close()
    assert not troubles, "\n".join(troubles)


def test_a_first_account_is_set_up(place: Place, chromium: Browser, tmp_path: Path) -> None:
    with running(tmp_path) as empty:
        token = signing.dumps("setup", key=(tmp_path / "secret_key").read_text().strip(), salt=SALT)
        page = _opened(chromium, LOOKS[0])
        troubles = _looked_at(page, place._replace(installation=empty), f"setup/{token}", LOOKS[0])
        page.context.close()
    assert not troubles, "\n".join(troubles)


def test_an_event_is_typed_repeated_and_moved_with_undo(place: Place, chromium: Browser) -> None:
    """By keyboard as far as a person would: a sentence, then the editor with a colleague and a rule, then a drag."""
    page = _signed_in(chromium, place, LOOKS[0])
    page.goto(f"{place.installation.origin}/calendar?date=2027-03-09")
    page.keyboard.press("q")
    page.keyboard.type("Plan 2027-03-10 10:00-11:00")
    expect(page.locator("#quick-shown")).to_contain_text("10:00–11:00")
    page.keyboard.press("Enter")
    tile = page.locator("[data-event]", has_text="Plan").first
    expect(tile).to_be_visible()
    tile.click()
    page.get_by_role("button", name="Edit").click()
    page.locator("select[name=repeat]").select_option("WEEKLY")
    expect(page.locator("#repeats")).to_contain_text("Every week on Wednesday")
    page.locator("#guests").press_sequentially("b@ac")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#guests")).to_have_value("b@acme.example, ")
    assert not _troubles(page, "editor")
    page.locator("#dialog-body select[name=notify]").select_option("none")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#dialog")).not_to_be_visible()
    page.goto(f"{place.installation.origin}/calendar?date=2027-03-16")
    expect(tile).to_be_visible()
    box = tile.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 20, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 20, box["y"] + 8 + box["height"], steps=8)
    page.mouse.up()
    expect(page.locator("#scopes")).to_be_visible()
    expect(page.locator("#scopes select")).to_be_visible()
    assert not _troubles(page, "scopes")
    page.locator("#scopes select").select_option("none")
    page.get_by_role("button", name="This event").click()
    expect(tile).to_contain_text("11:00")
    expect(page.get_by_role("button", name="Undo")).to_be_visible()
    assert not _troubles(page, "notice")
    page.get_by_role("button", name="Undo").click()
    expect(tile).to_contain_text("10:00")
    page.context.close()


@pytest.mark.parametrize("look", [LOOKS[0], LOOKS[3]._replace(who="a@acme.example")], ids=["wide", "narrow"])
def test_the_menu_of_a_cards_only_calendar_is_seen_whole(place: Place, chromium: Browser, look: Look) -> None:
    page = _signed_in(chromium, place, look)
    page.goto(f"{place.installation.origin}/connections")
    menu = page.locator("main table details.dropdown").last
    menu.locator("summary").click()
    for choice in menu.locator(".dropdown-content button, .dropdown-content a").all():
        choice.scroll_into_view_if_needed()
        is_on_top = "e => { const b = e.getBoundingClientRect(); return e.contains(document.elementFromPoint(b.x + b.width / 2, b.y + b.height / 2)) }"
        assert choice.evaluate(is_on_top), choice.text_content()
    page.context.close()


def test_lists_of_several_choices_show_one_below_the_other(place: Place, chromium: Browser) -> None:
    page = _signed_in(chromium, place, LOOKS[0])
    page.goto(f"{place.installation.origin}/settings")
    for choices in page.locator("select[multiple]").all():
        assert choices.evaluate("e => getComputedStyle(e).display") == "block"
    page.context.close()


def test_an_open_calendar_of_a_suspended_member_shows_nothing_any_more(place: Place, chromium: Browser) -> None:
    page = _signed_in(chromium, place, LOOKS[3])
    page.goto(f"{place.installation.origin}/calendar?date=2026-12-01")
    expect(page.locator(".tile").first).to_be_visible()
    members = place.installation.api("GET", "members", place.token)["items"]
    [agent] = [found["id"] for found in members if found["email"] == "b@acme.example"]
    place.installation.api("PATCH", f"members/{agent}", place.token, {"suspended": True})
    page.evaluate("document.body.dispatchEvent(new CustomEvent('live'))")
    expect(page.locator("#calendar, .tile")).to_have_count(0)
    place.installation.api("PATCH", f"members/{agent}", place.token, {"suspended": False})
    page.context.close()


def test_rare_moments(place: Place, chromium: Browser) -> None:
    """Invitation, conflict, held deletions, disconnect and its receipt; the last of this module, as it ends the mirror."""
    installation, look = place.installation, LOOKS[0]
    page = _signed_in(chromium, place, look)
    page.goto(f"{installation.origin}/connections")
    page.get_by_text("Invite someone to connect").click()
    page.locator("select[name=member]").select_option(index=1)
    page.locator("form[action$='/invite'] button").click()
    link = page.locator("[role=status] a").first.get_attribute("href")
    troubles = _troubles(page, "invited")
    invited = _signed_in(chromium, place, LOOKS[3])
    invited.goto(str(link))
    troubles += _troubles(invited, "invitation")
    invited.context.close()
    [calendar, *_] = [c for c in installation.api("GET", "calendars", place.token)["items"] if c["personal"]]
    times = {"start": {"date_time": "2027-04-06T10:00:00", "time_zone": "UTC"}}
    event = installation.api("POST", "events", place.token, {"calendar": calendar["id"], "summary": "Both", **times})
    page.goto(f"{installation.origin}/calendar?event={event['id']}")
    page.get_by_role("button", name="Edit").click()
    page.locator("input[name=summary]").fill("Mine")
    installation.api("PATCH", f"events/{event['id']}", place.token, {"summary": "Theirs " + HOSTILE[:300]})
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#dialog-body")).to_contain_text("Theirs")
    troubles += _troubles(page, "conflict")
    access = installation.at_google("/_emulator/tokens", {"email": ANA})["access_token"]
    path = "/calendar/v3/calendars/primary/events"
    body = {"start": {"date": "2026-12-03"}, "end": {"date": "2026-12-04"}, "summary": HOSTILE[:200]}
    made = [installation.at_google(path, body, token=access)["id"] for _number in range(24)]
    [mirror] = installation.api("GET", "mirrors", place.token)["items"]
    sync = f"mirrors/{mirror['id']}/sync"
    held = f"mirrors/{mirror['id']}/held"
    window = f"events?from=2026-12-03T00:00:00Z&to=2026-12-04T00:00:00Z&calendar={mirror['calendar']}"
    installation.api("POST", sync, place.token)
    until(lambda: len(installation.api("GET", window, place.token)["items"]) >= 24)
    for name in made:
        installation.at_google(f"{path}/{name}", method="DELETE", token=access)
    installation.api("POST", sync, place.token)
    until(lambda: installation.api("GET", "mirrors", place.token)["items"][0]["state"] == "held")
    troubles += _looked_at(page, place, held, look) + _looked_at(page, place, "connections", look)
    page.goto(f"{installation.origin}/connections/{place.connection}/disconnect")
    page.locator("main form button.btn-error, main form button.btn-primary").last.click()
    if page.locator("input[type=password]").count():
        page.locator("input[type=password]").fill(PASSWORD)
        page.locator("main form button").first.click()
    page.wait_for_url("**/receipts/**")
    troubles += _troubles(page, "receipt")
    page.context.close()
    assert not troubles, "\n".join(troubles)


def _signed_in(chromium: Browser, place: Place, look: Look) -> Page:
    """A page of somebody who has chosen the language of the look."""
    page = _opened(chromium, look)
    page.goto(f"{place.installation.origin}/login")
    page.locator("input[type=email]").fill(look.who)
    page.locator("input[type=password]").fill(PASSWORD)
    page.locator("form button").first.click()
    page.wait_for_url("**/calendar")
    page.goto(f"{place.installation.origin}/settings")
    page.locator('select[name="language"]').select_option(look.language)
    page.locator('form[action="/settings/profile"] button').first.click()
    expect(page.locator("html")).to_have_attribute("lang", look.language)
    return page


def _invitation(installation: Installation, who: str) -> str:
    """The link that is mailed to an invited person."""

    def link() -> str:
        for path in sorted((installation.home / "mail").glob("*.eml"), reverse=True):
            mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            body = mail.get_body()
            found = re.search(r"https?://\S+/invitation/\S+", body.get_content() if body else "")
            if mail["To"] == who and found:
                return found.group()
        return ""

    return str(until(link))


def _come_in(page: Page, installation: Installation, who: str) -> None:
    """A new member's way in: behind the mailed link they choose a password, and are there."""
    page.goto(_invitation(installation, who))
    page.locator("input[type=password]").fill(PASSWORD)
    page.locator("form button").first.click()
    page.wait_for_url("**/calendar")


def _opened(chromium: Browser, look: Look) -> Page:
    context = chromium.new_context(
        viewport={"width": look.width, "height": 860},
        color_scheme=look.scheme,
        locale=look.language,
        reduced_motion="reduce",
    )
    return context.new_page()


def _looked_at(page: Page, place: Place, name: str, look: Look) -> list[str]:
    page.goto(f"{place.installation.origin}/{name}")
    SHOTS.mkdir(exist_ok=True)
    titles = {"book": "booking-page", "invitation": "invitation"}
    title = titles.get(name.partition("/")[0]) or "-".join(re.findall("[a-z]{4,}", name))
    kept = f"{title}-{look.who[0]}-{look.scheme}-{look.width}-{look.language}"
    page.screenshot(path=str(SHOTS / f"{kept}.png"))
    return _troubles(page, name)


def _troubles(page: Page, name: str) -> list[str]:
    """What axe finds serious, what sticks out of the window, what a script of a stranger changed."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    troubles = [
        f"{name}: {problem['id']}: {node['html'][:160]}"
        for problem in found["violations"]
        if problem["impact"] in {"serious", "critical"}
        for node in problem["nodes"][:3]
        if not (problem["id"] in FULLCALENDARS and "fc-" in node["html"])
    ]
    wide, window = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    troubles += [f"{name}: {wide} pixels wide in a window of {window}"] if wide > window else []
    troubles += [f"{name}: a stranger's script ran"] if page.title() == "owned" else []
    troubles += [f"{name}: nothing to be seen"] if not page.locator("h1, h2").first.count() else []
    return troubles
