"""What a stranger learns, takes or sends through a booking page: nothing of others."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.accounts.throttle import Limit
from conversa_calendar.booking_pages import limits, views
from conversa_calendar.bookings import addresses, caps
from conversa_calendar.bookings.models import Booking, BookingClaim, BookingRequest
from conversa_calendar.calendars import outgoing
from conversa_calendar.calendars.models import OutgoingMail
from tests.bookings.test_bookings import VISITOR, mails, make_page, soon, starts, text
from tests.bookings.test_more import open_mail
from tests.support.cast import Cast


@pytest.fixture(autouse=True)
def patient_visitors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "HUMAN_S", 0.0)
    for name in ("views", "submits"):
        monkeypatch.setattr(limits, name, limits.Window(10_000))


def post(page: dict[str, Any], number: int, seen_from: str = "127.0.0.1", **more: str) -> Any:
    """The form for the nth half hour, sent without having been opened."""
    body = {"start": text(soon() + timedelta(minutes=30 * number)), "zone": "Europe/Lisbon"} | VISITOR | more
    return Client(REMOTE_ADDR=seen_from).post(f"/book/{page['slug']}/form", body)


@pytest.mark.parametrize("key", ["order-1001", "5b0f2c0e-7a52-4f0c-9d57-0c1d7f8c3a11"])
def test_somebody_who_guesses_the_key_of_a_call_does_not_open_its_booking(cast: Cast, key: str) -> None:
    page = make_page(cast.alice)
    body = {"page": page["id"], "start": text(soon())} | VISITOR
    made = cast.alice.post("bookings", body, idempotency_key=key)
    assert cast.alice.post("bookings", body, idempotency_key=key) == made
    answer = post(page, 3, email="eve@evil.example", name="Eve", hold=key)
    if answer.status_code == 302:  # a time of Eve's own
        assert b"Vera" not in Client().get(answer["Location"]).content
    else:
        assert answer.status_code == 404
    with tenant(cast.account.pk):
        booking = Booking.objects.get(uuid=made["id"])
        assert (booking.name, booking.state) == ("Vera Visitor", "confirmed")


def test_two_tokens_with_the_same_key_make_a_booking_each(cast: Cast) -> None:
    page = make_page(cast.alice)
    made = cast.alice.post("bookings", {"page": page["id"], "start": text(soon())} | VISITOR, idempotency_key="1")
    later = {"page": page["id"], "start": text(soon() + timedelta(hours=1))} | VISITOR
    other = cast.bob.post("bookings", later | {"name": "Walt"}, idempotency_key="1")
    assert other["id"] != made["id"] and other["name"] == "Walt"


def guests(number: int, count: int = 10) -> str:
    return ", ".join(f"s{number}x{n}@corp{number}x{n}.example" for n in range(count))


def strangers_mailed(cast: Cast) -> int:
    with tenant(cast.account.pk):
        return OutgoingMail.objects.filter(to__contains="@corp").count()


def test_a_visitor_who_never_read_a_mail_mails_no_guests(cast: Cast) -> None:
    page = make_page(cast.alice)
    manage = post(page, 0)["Location"]
    refused = Client().post(manage, {"what": "guests", "guests": guests(0)})
    assert refused.status_code == 409 and b"Please open the link in the mail" in refused.content
    assert strangers_mailed(cast) == 0
    open_mail(cast)
    assert Client().post(manage, {"what": "guests", "guests": guests(0)}).status_code == 302
    assert strangers_mailed(cast) == 10


def test_guests_and_moves_of_one_visitor_end_somewhere(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "AS_GUEST_A_DAY", 1000)
    page = make_page(cast.alice)
    manage = post(page, 0)["Location"]
    open_mail(cast)
    Client().post(manage, {"what": "guests", "guests": guests(0)})
    codes = []
    for number in range(1, 9):
        mails(cast)
        move = {"what": "move", "start": text(soon() + timedelta(hours=number))}
        codes.append(Client().post(manage, move).status_code)
    assert codes == [302] * 4 + [409] * 4, "ten guests, then eleven people at each move: at most sixty"
    assert Client().post(manage, {"what": "cancel"}).status_code == 302, "that is never refused"


def test_visitors_do_not_use_up_the_mails_of_members(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "FIRST_DAY", 2)
    page = make_page(cast.alice)
    for number in range(3):
        assert post(page, number, email=f"v{number}@else{number}.example").status_code == 302
    assert cast.alice.call("POST", "members", {"email": "new@new.example"}).status_code == 201
    assert "3 of 2 mails" in cast.alice.browser().get("/settings").content.decode()


def test_whom_others_made_a_guest_still_books(cast: Cast) -> None:
    page = make_page(cast.alice)
    for number in range(3):
        manage = post(page, number, email=f"v{number}@else{number}.example")["Location"]
        with tenant(cast.account.pk):
            mail = OutgoingMail.objects.get(to=f"v{number}@else{number}.example")
        [link] = re.findall(r"http://testserver(/booking/\S+)", mail.body)
        Client().get(link)
        assert Client().post(manage, {"what": "guests", "guests": VISITOR["email"]}).status_code == 302
    theirs = make_page(cast.charlie)
    assert post(theirs, 5, "10.5.5.5").status_code == 302


def test_nobody_learns_that_an_address_was_shown_at_another_account(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caps, "ASK_ADDRESS", Limit("ask at once", 0, 3600))
    mine, theirs = make_page(cast.alice), make_page(cast.charlie)
    assert post(mine, 0).status_code == 200
    with tenant(cast.account.pk):
        mail = OutgoingMail.objects.get(to=VISITOR["email"])
    [link] = re.findall(r"http://testserver(/book/confirm/\S+)", mail.body)
    assert Client().post(link).status_code == 302
    known, unknown = post(theirs, 1), post(theirs, 1, email="never@seen.example")
    assert known.status_code == unknown.status_code == 200
    assert known.content.replace(VISITOR["email"].encode(), b"") == unknown.content.replace(b"never@seen.example", b"")


def test_guests_that_a_member_adds_need_the_budget_of_members(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    page = make_page(cast.alice)
    made = cast.alice.post("bookings", {"page": page["id"], "start": text(soon())} | VISITOR)
    monkeypatch.setattr(outgoing, "FIRST_DAY", 5)
    answer = cast.alice.call("PATCH", f"bookings/{made['id']}", {"guests": guests(0).split(", ")})
    assert answer.status_code == 422 and strangers_mailed(cast) == 0


def open_form(page: dict[str, Any], start: str, seen_from: str) -> str:
    """Opens the form; answers what it holds."""
    shown = Client(REMOTE_ADDR=seen_from).get(f"/book/{page['slug']}/form?start={start}&zone=UTC").content.decode()
    return re.findall(r'name="hold" value="([^"]*)"', shown)[0]


def test_open_forms_leave_most_times_of_a_small_page_free(cast: Cast) -> None:
    page = make_page(cast.alice, weekly=[[[540, 660]]] * 7, horizon_days=2)
    offered = starts(cast.alice, page, soon(0, 0), hours=72)
    assert len(offered) >= 8
    for number, start in enumerate(offered):
        open_form(page, start, f"10.2.{number}.2")
    free = starts(cast.alice, page, soon(0, 0), hours=72)
    assert len(free) >= len(offered) * 3 // 4 and len(free) < len(offered), "a form still keeps its time"


def test_a_member_does_not_keep_a_whole_page_for_customers_by_offers(cast: Cast) -> None:
    page = make_page(cast.alice)

    def propose(number: int) -> Any:
        at = [text(soon() + timedelta(hours=number, minutes=30 * n)) for n in range(2)]
        return cast.bob.call("POST", f"booking-pages/{page['id']}/offers", {"starts": at})

    made = [propose(number) for number in range(caps.OFFERS_OPEN_MAX)]
    assert {answer.status_code for answer in made} == {201}
    refused = propose(20)
    assert refused.status_code == 422 and "open offers" in refused.json()["detail"]
    cast.bob.delete(f"booking-offers/{made[0].json()['id']}")
    assert propose(20).status_code == 201


def test_what_somebody_else_keeps_is_not_freed_or_prolonged_by_its_id(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = make_page(cast.alice), make_page(cast.alice, title="Other")
    offer = cast.alice.post(f"booking-pages/{mine['id']}/offers", {"starts": [text(soon())]})
    hold, later = (open_form(mine, text(soon() + timedelta(hours=hours)), "10.9.9.9") for hours in (2, 10))
    assert post(mine, 2, hold=offer["id"]).status_code == 302
    assert post(other, 6, "10.8.8.8", hold=hold, email="eve@evil.example").status_code == 302
    with tenant(cast.account.pk):
        kept = dict(BookingClaim.objects.filter(booking=None).values_list("hold", "expires_at"))
    assert {str(found) for found in kept} == {offer["id"], hold, later}
    monkeypatch.setattr(caps, "ASK_ADDRESS", Limit("ask at once", 0, 3600))
    for page, held in ((other, offer["id"]), (other, later)):
        assert post(page, 8, hold=held, email="mole@evil.example").status_code == 200
    with tenant(cast.account.pk):
        assert dict(BookingClaim.objects.filter(booking=None).values_list("hold", "expires_at")) == kept


def test_a_form_that_waits_keeps_its_own_fields_only(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caps, "ASK_ADDRESS", Limit("ask at once", 0, 3600))
    page = make_page(cast.alice, questions=[{"label": "Topic", "kind": "text", "required": False}])
    assert post(page, 0, answer0="x" * 50_000, extra="y" * 50_000).status_code == 200
    with tenant(cast.account.pk):
        assert len(str(BookingRequest.objects.get().fields)) < 3000
