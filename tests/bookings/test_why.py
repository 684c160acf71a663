"""“Why is this time not offered?” names host, calendar, event, buffer, limit; never more than the viewer may see."""

from datetime import timedelta
from typing import Any

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import Calendar
from tests.bookings.test_bookings import VISITOR, busy, make_page, soon, text
from tests.support.cast import Actor, Cast

DAY = timedelta(days=1)


def asked(actor: Actor, page: dict[str, Any], at: Any) -> dict[str, Any]:
    path = f"booking-pages/{page['id']}/why?from={text(at)}&to={text(at + timedelta(minutes=1))}"
    (row,) = actor.get(path)["items"]
    found: dict[str, Any] = row
    return found


def test_a_busy_time_names_host_calendar_and_event(cast: Cast) -> None:
    page, at = make_page(cast.alice), soon()
    with tenant(cast.account.pk):
        mine = Calendar.objects.get(owner=cast.alice.member)
        event = busy(mine, at, summary="Dentist")
    (one,) = asked(cast.alice, page, at)["obstacles"]
    assert (one["host"], one["calendar"], one["title"]) == ("Alice Lima", mine.name, "Dentist")
    assert one["event"] == str(event.uuid) and one["start"] == text(at) and not one["is_buffer"]
    shown = cast.alice.browser().get(f"/bookings/pages/{page['id']}/why?day={at:%Y-%m-%d}").content.decode()
    assert "Alice Lima: “Dentist”" in shown and mine.name in shown


def test_a_buffer_is_named_as_one(cast: Cast) -> None:
    page, at = make_page(cast.alice, buffer_after=15), soon()
    with tenant(cast.account.pk):
        busy(Calendar.objects.get(owner=cast.alice.member), at + timedelta(minutes=30), summary="Dentist")
    (one,) = asked(cast.alice, page, at)["obstacles"]
    assert one["title"] == "Dentist" and one["is_buffer"]


def test_another_booking_and_a_hold_are_named(cast: Cast) -> None:
    page, at = make_page(cast.alice), soon()
    cast.alice.post("bookings", {"page": page["id"], "start": text(at)} | VISITOR)
    assert "Vera" in asked(cast.alice, page, at)["obstacles"][0]["title"]
    later = at + timedelta(hours=1)
    cast.alice.post(f"booking-pages/{page['id']}/holds", {"start": text(later)})
    assert asked(cast.alice, page, later)["obstacles"][0]["kind"] == "hold"


def test_what_the_viewer_may_not_see_stays_hidden(cast: Cast) -> None:
    hosts = [{"id": str(cast.bob.member.uuid)}]
    page, at = make_page(cast.alice, hosts=hosts), soon()
    with tenant(cast.account.pk):
        his = Calendar.objects.get(owner=cast.bob.member)
        busy(his, at, summary="Therapy", visibility="private")
    (one,) = asked(cast.alice, page, at)["obstacles"]
    assert (one["host"], one["title"], one["event"]) == ("Bob Reis", "Busy", None)
    shown = cast.alice.browser().get(f"/bookings/pages/{page['id']}/why?day={at:%Y-%m-%d}").content.decode()
    assert "Therapy" not in shown and "Bob Reis" in shown


def test_limits_and_notice_say_how_much(cast: Cast) -> None:
    page, at = make_page(cast.alice, per_day=1), soon()
    cast.alice.post("bookings", {"page": page["id"], "start": text(at)} | VISITOR)
    assert asked(cast.alice, page, at + timedelta(hours=2))["reason"] == "day_full"
    browser = cast.alice.browser()
    path = f"/bookings/pages/{page['id']}/why?day={at:%Y-%m-%d}"
    assert "The most bookings of a day, 1, are reached" in browser.get(path).content.decode()
    cast.alice.patch(f"booking-pages/{page['id']}", {"notice": 60 * 24 * 30})
    assert "43200 minutes of notice" in browser.get(path).content.decode()
