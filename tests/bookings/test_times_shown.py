"""What a visitor reads of times: always with their zone, and never as taken by the visitor's own open form."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.bookings.models import Booking, BookingClaim
from tests.bookings.test_bookings import VISITOR, make_page, soon, text
from tests.bookings.test_public import booked, fresh_limits
from tests.support.cast import Cast

__all__ = ["fresh_limits"]


def form(browser: Client, page: dict[str, Any], minutes: int = 0) -> Any:
    at = text(soon() + timedelta(minutes=minutes))
    return browser.get(f"/book/{page['slug']}/form?start={at}&zone=Europe/Lisbon")


def sent(browser: Client, page: dict[str, Any], opened: Any, minutes: int = 0) -> Any:
    hold = re.search(r'name="hold" value="([^"]*)"', opened.content.decode())
    assert hold is not None
    at = text(soon() + timedelta(minutes=minutes))
    body = {"start": at, "duration": "30", "zone": "Europe/Lisbon", "hold": hold.group(1)}
    return browser.post(f"/book/{page['slug']}/form", body | VISITOR)


def test_without_a_chosen_zone_the_page_says_whose_zone_it_is(cast: Cast) -> None:
    page = make_page(cast.alice)
    shown = Client().get(f"/book/{page['slug']}").content.decode()
    assert "All times are in America/Sao_Paulo, the time zone of" in shown and "data-detect" in shown
    chosen = Client().get(f"/book/{page['slug']}?zone=Asia/Tokyo").content.decode()
    assert "All times are in Asia/Tokyo." in chosen and "data-detect" not in chosen


def test_a_misspelt_zone_is_refused_and_named(cast: Cast) -> None:
    page = make_page(cast.alice)
    shown = Client().get(f"/book/{page['slug']}?zone=Europe/Lisbao")
    assert shown.status_code == 422 and "“Europe/Lisbao” is not a time zone" in shown.content.decode()
    assert 'value="Europe/Lisbao"' in shown.content.decode() and "America/Sao_Paulo, the time" in shown.content.decode()
    at, path = text(soon()), f"/book/{page['slug']}/form"
    body = {"start": at, "duration": "30", "zone": "Europe/Lisbao"} | VISITOR
    for answer in (Client().get(f"{path}?start={at}&zone=Europe/Lisbao"), Client().post(path, body)):
        assert answer.status_code == 422 and "“Europe/Lisbao” is not a time zone" in answer.content.decode()
    with tenant(cast.account.pk):
        assert not Booking.objects.exists() and not BookingClaim.objects.exists()


def test_an_agent_who_misspells_the_customers_zone_offers_nothing(cast: Cast) -> None:
    page, browser = make_page(cast.alice), cast.alice.browser()
    body = {"zone": "Europe/Lisbao", "duration": "30", "starts": text(soon())}
    answer = browser.post(f"/bookings/pages/{page['id']}/offer", body)
    assert answer.status_code == 422 and "“Europe/Lisbao” is not a time zone" in answer.content.decode()
    with tenant(cast.account.pk):
        assert not BookingClaim.objects.exists()


def test_every_time_of_a_private_page_names_its_zone(cast: Cast) -> None:
    address = booked(make_page(cast.alice))["Location"]
    shown = Client().get(address).content.decode()
    assert re.search(r"Move to <span[^>]*>\(Europe/Lisbon\)", shown)


def test_a_visitor_who_goes_back_finds_the_time_that_their_own_form_keeps(cast: Cast) -> None:
    page, browser, stranger = make_page(cast.alice), Client(), Client()
    assert form(browser, page).status_code == 200
    address, link = f"/book/{page['slug']}?zone=Europe/Lisbon&from={soon().date()}", f"start={text(soon())}&"
    assert link in browser.get(address).content.decode()
    assert link not in stranger.get(address).content.decode(), "others do not get what a form keeps"
    assert form(stranger, page).status_code == 409
    again = form(browser, page)
    assert again.status_code == 200 and sent(browser, page, again).status_code == 302
    with tenant(cast.account.pk):
        assert Booking.objects.count() == 1 and BookingClaim.objects.count() == 1


@pytest.mark.parametrize("chosen", [0, 15])
def test_two_forms_of_one_visitor_do_not_stand_in_each_others_way(cast: Cast, chosen: int) -> None:
    page, browser = make_page(cast.alice, step=15, buffer_after=15), Client()
    opened = {minutes: form(browser, page, minutes) for minutes in (0, 15)}
    assert {answer.status_code for answer in opened.values()} == {200}
    assert sent(browser, page, opened[chosen], chosen).status_code == 302
    with tenant(cast.account.pk):
        assert Booking.objects.get().starts_at == soon() + timedelta(minutes=chosen)
        assert BookingClaim.objects.count() == 1


def test_a_made_up_cookie_frees_nobody_elses_time(cast: Cast) -> None:
    page, browser, thief = make_page(cast.alice), Client(), Client()
    assert form(browser, page).status_code == 200
    with tenant(cast.account.pk):
        hold = BookingClaim.objects.get().hold
    assert hold is not None
    thief.cookies["booking_holds"] = f"{hold.hex}:made:up"
    assert form(thief, page).status_code == 409
