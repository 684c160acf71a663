"""The public pages, without script and without signing in."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from conversa_calendar.accounts.models import Account
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.booking_pages import limits, views
from conversa_calendar.bookings.models import Booking, BookingClaim
from tests.bookings.test_bookings import VISITOR, mails, make_page, soon, text
from tests.support.cast import Cast


@pytest.fixture(autouse=True)
def fresh_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("views", "submits"):
        monkeypatch.setattr(limits, name, limits.Window(1000))
    monkeypatch.setattr(views, "HUMAN_S", 0.0)


def booked(page: dict[str, Any], **more: str) -> Any:
    browser, at = Client(), soon()
    form = browser.get(f"/book/{page['slug']}/form?start={text(at)}&zone=Europe/Lisbon")
    assert form.status_code == 200, form.content
    hold = re.search(r'name="hold" value="([^"]*)"', form.content.decode())
    assert hold is not None
    body = {"start": text(at), "duration": "30", "zone": "Europe/Lisbon", "hold": hold.group(1)}
    return browser.post(f"/book/{page['slug']}/form", body | VISITOR | more)


def test_a_visitor_books_moves_and_cancels(cast: Cast) -> None:
    page = make_page(cast.alice)
    shown = Client().get(f"/book/{page['slug']}?zone=Europe/Lisbon")
    assert shown.status_code == 200 and b"Support call" in shown.content and b"<script" not in shown.content
    answer = booked(page)
    assert answer.status_code == 302
    manage = answer["Location"]
    first = Client().get(manage)
    assert b"You are booked" in first.content
    choice = re.search(r'<option value="([^"]+)"', first.content.decode())
    assert choice is not None
    mails(cast)
    assert Client().post(manage, {"what": "move", "start": choice.group(1)}).status_code == 302
    mails(cast)
    assert Client().post(manage, {"what": "cancel"}).status_code == 302
    assert b"This booking is cancelled" in Client().get(manage).content
    assert [mail.method for mail in mails(cast)] == ["REQUEST", "REQUEST", "CANCEL"]
    with tenant(cast.account.pk):
        assert not BookingClaim.objects.exists()


def test_sending_the_form_twice_books_once(cast: Cast) -> None:
    page, browser, at = make_page(cast.alice), Client(), soon()
    form = browser.get(f"/book/{page['slug']}/form?start={text(at)}").content.decode()
    hold = re.findall(r'name="hold" value="([^"]*)"', form)[0]
    body = {"start": text(at), "duration": "30", "zone": "UTC", "hold": hold} | VISITOR
    one, two = (browser.post(f"/book/{page['slug']}/form", body) for _ in range(2))
    assert one.status_code == two.status_code == 302
    with tenant(cast.account.pk):
        assert Booking.objects.count() == 1


def test_a_time_that_is_gone_says_so(cast: Cast) -> None:
    page = make_page(cast.alice)
    assert booked(page).status_code == 302
    late = Client().post(
        f"/book/{page['slug']}/form", {"start": text(soon()), "duration": "30", "zone": "UTC"} | VISITOR
    )
    assert late.status_code == 409 and b"Just taken" in late.content


def test_bad_input_keeps_the_form_and_says_what_is_wrong(cast: Cast) -> None:
    answer = booked(make_page(cast.alice), email="nonsense")
    assert (
        answer.status_code == 422 and b"not an e-mail address" in answer.content and b"Vera Visitor" in answer.content
    )


@pytest.mark.parametrize("why", ["unknown", "unpublished", "module off", "suspended", "deleted"])
def test_what_is_not_there_answers_alike(cast: Cast, why: str) -> None:
    page = make_page(cast.alice, is_published=why != "unpublished")
    if why == "module off":
        Account.objects.filter(pk=cast.account.pk).update(is_calendar_enabled=False)
    elif why == "suspended":
        Account.objects.filter(pk=cast.account.pk).update(is_suspended=True)
    elif why == "deleted":
        cast.alice.delete(f"booking-pages/{page['id']}")
    key = "nothing" if why == "unknown" else page["slug"]
    answers = [Client().get(f"/book/{key}"), Client().get("/book/other")]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1


def test_with_the_module_off_a_visitor_may_still_cancel(cast: Cast) -> None:
    manage = booked(make_page(cast.alice))["Location"]
    Account.objects.filter(pk=cast.account.pk).update(is_calendar_enabled=False)
    shown = Client().get(manage)
    assert b"alice@acme.example" in shown.content and b"Move to" not in shown.content
    assert Client().post(manage, {"what": "move", "start": text(soon(4))}).status_code == 409
    assert Client().post(manage, {"what": "cancel"}).status_code == 302


def test_a_forged_link_opens_nothing(cast: Cast) -> None:
    manage = booked(make_page(cast.alice))["Location"]
    assert Client().get(manage[:-3] + "xyz").status_code == 404


def test_floods_are_turned_away(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "submits", limits.Window(2))
    page = make_page(cast.alice)
    codes = [Client().post(f"/book/{page['slug']}/form", {"start": text(soon())}).status_code for _ in range(4)]
    assert codes[2:] == [429, 429]


def test_hostile_content_stays_text(cast: Cast) -> None:
    page = make_page(cast.alice, title="<script>alert(1)</script>", description="<img src=x onerror=alert(1)>")
    shown = Client().get(f"/book/{page['slug']}").content
    assert b"<script>alert" not in shown and b"<img src=x" not in shown
    answer = booked(page, name='"><script>alert(2)</script>')
    assert b"<script>alert" not in Client().get(answer["Location"]).content
    assert b"<script>alert" not in cast.alice.browser().get("/bookings").content


def test_visitors_learn_nothing_of_the_calendar(cast: Cast) -> None:
    from conversa_calendar.calendars.models import Calendar
    from tests.bookings.test_bookings import busy

    page, at = make_page(cast.alice), soon()
    with tenant(cast.account.pk):
        busy(Calendar.objects.get(owner=cast.alice.member), at + timedelta(hours=1), summary="CANARY")
    pages = [Client().get(f"/book/{page['slug']}"), Client().get(booked(page)["Location"])]
    assert all(b"CANARY" not in shown.content for shown in pages)


def test_pages_are_made_and_changed_in_the_dashboard(cast: Cast) -> None:
    browser = cast.alice.browser()
    assert b"New booking page" in browser.get("/bookings/pages/new").content
    days = {f"day{number}": "09:00-12:00, 13:00-17:00" for number in range(7)}
    numbers = {
        "buffer_before": 0,
        "buffer_after": 0,
        "notice": 0,
        "horizon_days": 60,
        "step": 30,
        "per_day": 0,
        "repeats_max": 1,
    }
    body = {"title": "Demo", "durations": "30, 60", "time_zone": "UTC", "host_mode": "one", "per_week": 0}
    body |= {"location_kind": "phone", "questions": "Topic *\nMore", "overrides": "2026-12-24 closed"}
    body |= {"hosts": [str(cast.alice.member.uuid)], "is_published": "on"} | days | numbers
    answer = browser.post("/bookings/pages/new", body)
    assert answer.status_code == 302, answer.content
    (page,) = cast.alice.get("booking-pages")["items"]
    assert page["durations"] == [30, 60] and page["weekly"][0] == [[540, 720], [780, 1020]]
    assert page["questions"][0]["required"] and page["overrides"] == {"2026-12-24": []}
    shown = browser.get(answer["Location"])
    assert b"09:00-12:00, 13:00-17:00" in shown.content
    assert b"Offered." in browser.get(f"/bookings/pages/{page['id']}/why?day={soon():%Y-%m-%d}").content
    wrong = browser.post(answer["Location"], body | {"day0": "9 to 5"})
    assert wrong.status_code == 422 and b"Hours read like" in wrong.content


def test_the_list_leads_to_the_day_of_a_booking_in_the_calendar(cast: Cast) -> None:
    booked(make_page(cast.alice))
    assert f"/calendar?date={soon():%Y-%m-%d}".encode() in cast.alice.browser().get("/bookings").content


def test_a_visitor_who_comes_too_late_is_shown_free_times_close_by_and_takes_one(cast: Cast) -> None:
    page, at = make_page(cast.alice), soon()
    busy_at = {"page": page["id"], "start": text(at)} | VISITOR
    cast.alice.post("bookings", busy_at)
    refused = Client().get(f"/book/{page['slug']}/form?start={text(at)}&duration=30")
    near = text(at + timedelta(minutes=30))
    assert refused.status_code == 409 and near.encode() in refused.content
    assert Client().get(f"/book/{page['slug']}/form?start={near}&duration=30").status_code == 200


def test_a_visitor_who_moves_to_a_time_that_is_gone_is_shown_free_times_close_to_it(cast: Cast) -> None:
    page, at = make_page(cast.alice), soon()
    manage = booked(page)["Location"]
    cast.alice.post("bookings", {"page": page["id"], "start": text(at + timedelta(hours=5))} | VISITOR)
    gone = {"what": "move", "start": text(at + timedelta(hours=5))}
    refused = Client().post(manage, gone)
    near = text(at + timedelta(hours=5, minutes=30))
    assert refused.status_code == 409 and f'name="start" value="{near}"'.encode() in refused.content
    assert Client().post(manage, {"what": "move", "start": near}).status_code == 302
