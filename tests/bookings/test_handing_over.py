"""A booking changes hands; a page has a language and a logo of its own; nothing tells unknown pages apart."""

import base64
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.booking_pages import limits
from conversa_calendar.bookings.models import BookingClaim
from conversa_calendar.calendars.models import Calendar
from tests.bookings.test_bookings import ANA, VISITOR, busy, mails, make_page, soon, text
from tests.support.cast import Cast
from tests.support.google import Google

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture(autouse=True)
def fresh_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("views", "submits"):
        monkeypatch.setattr(limits, name, limits.Window(1000))


def _shared(cast: Cast, **values: Any) -> dict[str, Any]:
    """A page with Alice and Bob as hosts, Alice first."""
    hosts = [{"id": str(actor.member.uuid)} | values.pop(name, {}) for name, actor in _people(cast)]
    return make_page(cast.alice, hosts=hosts, **values)


def _people(cast: Cast) -> list[tuple[str, Any]]:
    return [("alice", cast.alice), ("bob", cast.bob)]


def _booked(cast: Cast, page: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = cast.alice.post("bookings", {"page": page["id"], "start": text(soon())} | VISITOR)
    return found


def test_a_booking_is_handed_over_and_the_visitor_is_told_once(cast: Cast) -> None:
    made = _booked(cast, _shared(cast))
    assert len(mails(cast)) == 1
    first, other = (cast.alice, cast.bob) if made["host"] == str(cast.alice.member.uuid) else (cast.bob, cast.alice)
    changed = cast.alice.patch(f"bookings/{made['id']}", {"host": str(other.member.uuid)})
    assert changed["host"] == str(other.member.uuid) and changed["event"] == made["event"]
    assert changed["calendar"] != made["calendar"]
    told = mails(cast)
    assert [mail.subject for mail in told[1:]] == ["Another host: Support call"]
    assert f"{other.member} will meet you" in told[1].body and "SEQUENCE:1" in told[1].ics
    with tenant(cast.account.pk):
        assert [claim.member_id for claim in BookingClaim.objects.all()] == [other.member.pk]
    assert cast.alice.patch(f"bookings/{made['id']}", {"host": str(other.member.uuid)}) == changed
    assert len(mails(cast)) == 2
    again = cast.alice.post(
        "bookings", {"page": changed["page"], "start": text(soon())} | VISITOR | {"email": "n@e.co"}
    )
    assert again["host"] == str(first.member.uuid), "the one who handed it over is free again"


def test_who_is_not_free_cannot_take_over(cast: Cast) -> None:
    page = _shared(cast)
    made = _booked(cast, page)
    other = cast.bob if made["host"] == str(cast.alice.member.uuid) else cast.alice
    with tenant(cast.account.pk):
        busy(Calendar.objects.get(owner=other.member), soon())
    answer = cast.alice.call("PATCH", f"bookings/{made['id']}", {"host": str(other.member.uuid)})
    assert answer.status_code == 409 and answer.json()["code"] == "taken"
    assert cast.alice.get(f"bookings/{made['id']}") == made and len(mails(cast)) == 1
    with tenant(cast.account.pk):
        assert BookingClaim.objects.count() == 1


def test_only_hosts_of_the_page_take_over_and_not_where_all_take_part(cast: Cast) -> None:
    alone = _booked(cast, make_page(cast.alice))
    for host in (str(cast.bob.member.uuid), str(cast.charlie.member.uuid), "nobody", 7):
        assert cast.alice.call("PATCH", f"bookings/{alone['id']}", {"host": host}).status_code == 422
    page = _shared(cast, host_mode="all")
    together = cast.alice.post("bookings", {"page": page["id"], "start": text(soon(4))} | VISITOR)
    other = cast.bob if together["host"] == str(cast.alice.member.uuid) else cast.alice
    answer = cast.alice.call("PATCH", f"bookings/{together['id']}", {"host": str(other.member.uuid)})
    assert answer.status_code == 422 and "All hosts take part" in answer.json()["detail"]


def test_handed_over_from_google_the_event_leaves_google_and_nobody_is_mailed_by_it(cast: Cast, google: Google) -> None:
    ana = google.person(ANA)
    connection = google.connect(cast.alice, ANA)
    mirror = google.mirror(cast.alice, connection, ANA)
    page = _shared(cast, alice={"calendar": str(mirror.calendar.uuid), "weight": 5})
    made = _booked(cast, page)
    if made["host"] != str(cast.alice.member.uuid):
        made = cast.alice.patch(f"bookings/{made['id']}", {"host": str(cast.alice.member.uuid)})
    google.settle()
    assert [event["summary"] for event in ana.list()] == ["Support call: Vera Visitor"]
    mailed = len(google.world.mails)
    browser = cast.alice.browser()
    shown = browser.get("/bookings").content.decode()
    assert f"/bookings/{made['id']}/hand-over" in shown
    browser.post(f"/bookings/{made['id']}/hand-over", {"host": str(cast.bob.member.uuid)})
    google.settle()
    assert ana.list() == [] and len(google.world.mails) == mailed
    now = cast.alice.get(f"bookings/{made['id']}")
    assert now["host"] == str(cast.bob.member.uuid) and now["state"] == "confirmed"
    assert cast.alice.get(f"events/{made['event']}")["summary"] == "Support call: Vera Visitor"


def test_a_page_speaks_its_own_language_and_shows_its_logo(cast: Cast) -> None:
    browser = cast.alice.browser()
    page = make_page(cast.alice, language="es")
    shown = Client(headers={"accept-language": "en"}).get(f"/book/{page['slug']}").content.decode()
    assert '<html lang="es">' in shown and "Zona horaria" in shown
    assert cast.alice.call("PATCH", f"booking-pages/{page['id']}", {"language": "tlh"}).status_code == 422
    fields = _form_of(browser, page)
    browser.post(f"/bookings/pages/{page['id']}", fields | {"logo": SimpleUploadedFile("l.png", PNG, "image/png")})
    kept = cast.alice.get(f"booking-pages/{page['id']}")
    assert kept["logo"].startswith("data:image/png;base64,") and kept["language"] == "es"
    assert kept["logo"] in Client().get(f"/book/{page['slug']}").content.decode().replace("&#x27;", "'")
    browser.post(f"/bookings/pages/{page['id']}", fields | {"remove_logo": "on"})
    assert cast.alice.get(f"booking-pages/{page['id']}")["logo"] == ""


@pytest.mark.parametrize(
    "logo",
    [
        "data:image/svg+xml;base64," + base64.b64encode(b"<svg onload=alert(1)>").decode(),
        "data:image/png;base64," + base64.b64encode(b"<script>").decode(),
        "data:image/png;base64,***",
        'data:image/png;base64,iVBORw0KGgo=" onerror="alert(1)',
        "https://tracker.example/pixel.png",
        "data:image/png;base64," + base64.b64encode(PNG + b"x" * 70_000).decode(),
        7,
    ],
)
def test_a_logo_is_a_small_picture_and_nothing_else(cast: Cast, logo: object) -> None:
    page = make_page(cast.alice)
    answer = cast.alice.call("PATCH", f"booking-pages/{page['id']}", {"logo": logo})
    assert answer.status_code == 422, answer.content
    assert cast.alice.get(f"booking-pages/{page['id']}")["logo"] == ""


def test_e87_unknown_unpublished_and_foreign_pages_answer_alike(cast: Cast) -> None:
    hidden = make_page(cast.alice, is_published=False)
    made = make_page(cast.charlie)
    cast.charlie.call("PATCH", f"booking-pages/{made['id']}", {"is_published": False})
    paths = ["/book/no-such-page-0123456789", f"/book/{hidden['slug']}", f"/book/{made['slug']}"]
    visitor = Client()
    bodies = {visitor.get(path).content for path in paths}
    assert len(bodies) == 1 and {visitor.get(path).status_code for path in paths} == {404}


def _form_of(browser: Client, page: dict[str, Any]) -> dict[str, Any]:
    """What the page's form would send unchanged, as far as these tests need it."""
    shown = browser.get(f"/bookings/pages/{page['id']}")
    assert shown.status_code == 200
    days = {f"day{number}": "00:00-24:00" for number in range(7)}
    numbers = ("buffer_before", "buffer_after", "notice", "horizon_days", "step", "per_day", "per_week", "repeats_max")
    kept = {name: str(page[name]) for name in numbers}
    return (
        days
        | kept
        | {
            "title": page["title"],
            "time_zone": page["time_zone"],
            "durations": "30",
            "host_mode": "one",
            "language": "es",
            "location_kind": "meet",
            "hosts": [row["id"] for row in page["hosts"]],
            "is_published": "on",
        }
    )


def test_saving_the_form_keeps_what_was_made_through_the_api(cast: Cast) -> None:
    questions = [
        {"label": "Topic", "kind": "choice", "required": True, "options": ["Billing", "Support"]},
        {"label": "Phone", "kind": "phone", "required": False, "options": []},
        {"label": "What *is* it?", "kind": "text", "required": False, "options": []},
    ]
    page = _shared(cast, questions=questions, alice={"weight": 3}, color="#112233")
    browser = cast.alice.browser()
    shown = browser.get(f"/bookings/pages/{page['id']}").content.decode()
    assert "Topic * [Billing, Support]\nPhone [phone]\nWhat *is* it?</textarea>" in shown
    fields = _form_of(browser, page) | {"questions": "Topic * [Billing, Support]\r\nPhone [phone]\r\nWhat *is* it?"}
    fields |= {f"weight-{cast.alice.member.uuid}": "3", "color": "#112233", "host_mode": "one", "language": ""}
    assert browser.post(f"/bookings/pages/{page['id']}", fields).status_code == 302
    kept = cast.alice.get(f"booking-pages/{page['id']}")
    assert kept["questions"] == questions and kept["color"] == "#112233"
    assert {row["id"]: row["weight"] for row in kept["hosts"]}[str(cast.alice.member.uuid)] == 3


def test_a_refused_form_comes_back_as_it_was_filled_in(cast: Cast) -> None:
    browser, page = cast.alice.browser(), make_page(cast.alice)
    typed = _form_of(browser, page) | {"day2": "13:00-12:00", "notice": "77", "durations": "45", "embed_origins": "x"}
    answer = browser.post(f"/bookings/pages/{page['id']}", typed)
    shown = answer.content.decode()
    assert answer.status_code == 422 and 'role="alert"' in shown
    for value in ("13:00-12:00", 'name="notice" value="77"', 'name="durations" value="45"', 'value="x"'):
        assert value in shown
    assert cast.alice.get(f"booking-pages/{page['id']}")["durations"] == [30]


def test_a_calendar_counts_as_busy_or_not_as_its_owner_says(cast: Cast) -> None:
    browser = cast.alice.browser()
    with tenant(cast.account.pk):
        mine = Calendar.objects.get(owner=cast.alice.member)
    browser.post(f"/calendars/{mine.uuid}", {"name": "Mine", "switches": "1"})
    assert cast.alice.get(f"calendars/{mine.uuid}")["counts_busy"] is False
    browser.post(f"/calendars/{mine.uuid}", {"name": "Mine", "switches": "1", "counts_busy": "on"})
    assert cast.alice.get(f"calendars/{mine.uuid}")["counts_busy"] is True
