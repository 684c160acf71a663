"""What strangers, and accounts that were made to annoy strangers, cannot do with booking pages and mail."""

import email
import email.policy
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from icalendar import Calendar as Parsed

from conversa_calendar.accounts.models import Account
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.accounts.throttle import Limit
from conversa_calendar.booking_pages import limits, views
from conversa_calendar.bookings import addresses, caps
from conversa_calendar.bookings.models import Booking, BookingClaim
from conversa_calendar.calendars import outgoing, services
from conversa_calendar.calendars.models import OutgoingMail
from conversa_calendar.config.mailbox import EmlBackend
from conversa_calendar.kit import clock
from tests.bookings.test_bookings import VISITOR, make_page, soon, text
from tests.support.cast import Cast

START = {"date_time": "2027-03-01T09:00:00-03:00", "time_zone": "America/Sao_Paulo"}
END = {"date_time": "2027-03-01T10:00:00-03:00", "time_zone": "America/Sao_Paulo"}


@pytest.fixture(autouse=True)
def patient_visitors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "HUMAN_S", 0.0)
    for name in ("views", "submits"):
        monkeypatch.setattr(limits, name, limits.Window(10_000))


@pytest.fixture
def many_mails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the address is not what is tried."""
    monkeypatch.setattr(addresses, "UNVERIFIED_A_DAY", 1000)


@pytest.fixture
def sent_mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Sends what an account owes as real messages; answers them, parsed by the standard library."""
    monkeypatch.setattr(settings, "EMAIL_FILE_PATH", str(tmp_path))
    monkeypatch.setattr(settings, "EMAIL_BACKEND", f"{EmlBackend.__module__}.{EmlBackend.__name__}")

    def read(cast: Cast) -> list[Any]:
        services.send_mail(cast.account.pk)
        files = sorted(tmp_path.glob("*.eml"))
        return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]

    yield read


def form(
    page: dict[str, Any], number: int = 0, seen_from: str = "127.0.0.1", browser: Client | None = None, **more: str
) -> Any:
    """Submits the form for the nth time of the page, with every field that it holds, from an address."""
    at = soon() + timedelta(minutes=30 * number)
    browser = browser or Client(REMOTE_ADDR=seen_from)
    shown = browser.get(f"/book/{page['slug']}/form?start={text(at)}&zone=Europe/Lisbon")
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', shown.content.decode()))
    return browser.post(f"/book/{page['slug']}/form", hidden | VISITOR | more)


def outbox(cast: Cast) -> list[OutgoingMail]:
    with tenant(cast.account.pk):
        return list(OutgoingMail.objects.order_by("pk"))


def invite(cast: Cast, guests: list[str], notify: str = "all", **more: Any) -> Any:
    calendar = cast.alice.get("calendars")["items"][0]["id"]
    rows = [{"email": address} for address in guests]
    body = {"calendar": calendar, "start": START, "end": END, "summary": "Win", "attendees": rows, "notify": notify}
    return cast.alice.call("POST", "events", body | more)


# ── Mail budget


def test_a_new_account_cannot_write_to_a_thousand_strangers(cast: Cast) -> None:
    refused = [invite(cast, [f"g{call}x{n}@else.example" for n in range(200)]) for call in range(5)]
    assert {answer.status_code for answer in refused} == {422}
    assert "100 more mails may go out today" in refused[0].json()["detail"]
    assert cast.alice.get(f"events?from={START['date_time'][:19]}Z&to=2027-03-02T00:00:00Z")["items"] == []
    codes = [invite(cast, [f"h{call}x{n}@else.example" for n in range(40)]).status_code for call in range(5)]
    assert codes == [201, 201, 422, 422, 422]
    assert len(outbox(cast)) == 80


def test_telling_nobody_and_telling_colleagues_needs_no_budget(cast: Cast) -> None:
    assert invite(cast, [f"g{n}@else.example" for n in range(150)], notify="none").status_code == 201
    with tenant(cast.account.pk):
        before = outgoing.budget().left
    assert invite(cast, ["bob@acme.example"]).status_code == 201
    with tenant(cast.account.pk):
        assert outgoing.budget().left == before and [mail.not_before for mail in outbox(cast)] == [None]


def test_the_budget_grows_with_the_age_of_the_account(cast: Cast) -> None:
    Account.objects.filter(pk=cast.account.pk).update(created_at=clock.now() - timedelta(days=30))
    with tenant(cast.account.pk):
        assert outgoing.budget().most == 1600
    assert invite(cast, [f"g{n}@else.example" for n in range(200)]).status_code == 201


def test_what_follows_from_something_waits_for_the_next_day_and_administrators_see_it(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outgoing, "FIRST_DAY", 2)
    page = make_page(cast.alice)
    for number in range(3):
        assert form(page, number, f"10.0.{number}.1", email=f"v{number}@else{number}.example").status_code == 302
    waiting = [mail for mail in outbox(cast) if mail.not_before is not None]
    assert [mail.to for mail in waiting] == ["v2@else2.example"]
    services.send_mail(cast.account.pk)
    assert [mail.to for mail in outbox(cast) if mail.sent_at is None] == ["v2@else2.example"]
    shown = cast.alice.browser().get("/settings").content.decode()
    assert "3 of 2 mails" in shown and "1 mail waits" in shown
    later = clock.now() + timedelta(days=1, minutes=1)
    monkeypatch.setattr(clock, "now", lambda: later)
    services.send_mail(cast.account.pk)
    assert all(mail.sent_at for mail in outbox(cast))


def test_invitations_of_members_count_too(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outgoing, "FIRST_DAY", 3)
    codes = [
        cast.alice.call("POST", "members", {"email": f"m{n}@else.example", "role": "agent"}).status_code
        for n in range(5)
    ]
    assert codes[:3] == [201, 201, 201] and codes[3:] == [422, 422]


# ── Caps and the challenge


def test_one_address_cannot_take_a_month_of_times(cast: Cast, many_mails: None) -> None:
    page = make_page(cast.alice)
    answers = [form(page, number, email=f"v{number}@d{number}.example") for number in range(40)]
    booked = [answer for answer in answers if answer.status_code == 302]
    assert len(booked) == caps.ASK_ADDRESS.most, "then a mail has to be answered first"
    assert [answer.status_code for answer in answers[-20:]] == [429] * 20, "and in the end even that is refused"
    assert "Please try again in 24 hours" in answers[-1].content.decode()
    with tenant(cast.account.pk):
        assert Booking.objects.count() == caps.ASK_ADDRESS.most
        assert BookingClaim.objects.filter(booking=None).count() <= caps.HOLDS_ADDRESS.most
    assert form(page, 60, "10.7.7.7", email="calm@quiet.example").status_code == 302, "others book as ever"


def test_past_the_threshold_a_mailed_link_books_without_script(cast: Cast) -> None:
    page = make_page(cast.alice, questions=[{"label": "Topic", "kind": "text", "required": False}])
    for number in range(3):
        form(page, number, email=f"v{number}@d{number}.example")
    asked = form(page, 5, email="eve@else.example", name="Eve", answer0="A line\nand another")
    assert (
        asked.status_code == 200 and b"open the link in the mail" in asked.content and b"<script" not in asked.content
    )
    mail = outbox(cast)[-1]
    assert mail.to == "eve@else.example" and "Eve" not in mail.body and "A line" not in mail.body
    with tenant(cast.account.pk):
        assert Booking.objects.count() == 3
        held = BookingClaim.objects.get(booking=None)
        assert held.expires_at is not None and held.expires_at > clock.now() + timedelta(minutes=25)
    [link] = re.findall(r"http://testserver(/book/confirm/\S+)", mail.body)
    shown = Client().get(link)
    assert b"Nothing is booked yet" in shown.content
    with tenant(cast.account.pk):
        assert Booking.objects.count() == 3, "mail scanners only look"
    browser = Client()
    done = [browser.post(link) for _twice in range(2)]
    assert [answer.status_code for answer in done] == [302, 302] and done[0]["Location"].startswith("/booking/")
    with tenant(cast.account.pk):
        booking = Booking.objects.get(email="eve@else.example")
    assert booking.name == "Eve" and booking.answers[0]["answer"] == "A line\nand another"
    again = form(page, 7, browser=browser, email="eve@else.example")
    assert again.status_code == 302, "whoever answered once is not asked again"


def test_a_link_that_has_ended_or_was_forged_books_nothing(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caps, "ASK_ADDRESS", Limit("ask at once", 0, 3600))
    page = make_page(cast.alice)
    form(page)
    [link] = re.findall(r"http://testserver(/book/confirm/\S+)", outbox(cast)[-1].body)
    assert Client().post(link[:-3] + "xyz").status_code == 404
    later = clock.now() + timedelta(minutes=31)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert Client().post(link).status_code == 410
    with tenant(cast.account.pk):
        assert not Booking.objects.exists()


@pytest.mark.parametrize("name", ["ASK_NETWORK", "ASK_PAGE", "ASK_DOMAIN"])
def test_many_addresses_of_one_network_page_or_domain_are_asked(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, many_mails: None, name: str
) -> None:
    monkeypatch.setattr(caps, name, Limit(f"few {name}", 2, 3600))
    page = make_page(cast.alice)
    network = (lambda n: f"10.0.0.{n + 1}") if name == "ASK_NETWORK" else (lambda n: f"10.0.{n}.1")
    domain = (lambda n: "same.example") if name == "ASK_DOMAIN" else (lambda n: f"d{n}.example")
    codes = [form(page, n, network(n), email=f"v{n}@{domain(n)}").status_code for n in range(4)]
    assert codes == [302, 302, 200, 200]


@pytest.mark.parametrize("name", ["BY_PAGE", "BY_HOST"])
def test_a_page_and_a_host_have_their_share_of_a_day_through_the_api_too(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(caps, name, Limit(f"few {name}", 2, 3600))
    page = make_page(cast.alice)
    codes = [
        cast.alice.call(
            "POST", "bookings", {"page": page["id"], "start": text(soon() + timedelta(hours=n))} | VISITOR
        ).status_code
        for n in range(3)
    ]
    assert codes == [201, 201, 422]


def test_holds_alone_never_empty_a_page(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caps, "HOLDS_PAGE", Limit("few holds", 12, 600))
    page = make_page(cast.alice)
    for number in range(20):
        address = f"/book/{page['slug']}/form?start={text(soon() + timedelta(minutes=30 * number))}"
        assert Client(REMOTE_ADDR=f"10.{number}.0.1").get(address).status_code == 200, "the form is shown all the same"
    with tenant(cast.account.pk):
        assert BookingClaim.objects.count() == 12
    body = {"start": text(soon() + timedelta(hours=15))}
    answer = cast.alice.call("POST", f"booking-pages/{page['id']}/holds", body)
    assert answer.status_code == 429 and answer["Retry-After"]


# ── Names and texts


@pytest.mark.parametrize("name", ["Win at https://evil.example", "www.evil.example", "evil.com"])
def test_a_link_is_nobodys_name(cast: Cast, name: str) -> None:
    page = make_page(cast.alice)
    refused = form(page, name=name)
    assert refused.status_code == 422 and b"A name cannot hold a web address" in refused.content
    later = text(soon() + timedelta(hours=5))
    body = {"page": page["id"], "start": later} | VISITOR | {"name": name}
    assert cast.alice.call("POST", "bookings", body).status_code == 422
    assert cast.alice.call("PATCH", f"booking-pages/{page['id']}", {"title": name}).status_code == 422
    guest = {"email": "gina@else.example", "name": name}
    assert invite(cast, [], attendees=[guest]).status_code == 422
    assert cast.alice.call("POST", "members", {"email": "m@else.example", "name": name}).status_code == 422
    browser = cast.alice.browser()
    browser.post("/settings/account/account", {"name": name, "time_zone": "UTC"})
    browser.post("/settings/profile", {"name": name})
    assert cast.alice.get("account")["name"] == "Acme Support"
    assert name not in str(cast.alice.get("members"))


def test_nothing_that_a_visitor_types_becomes_a_line_of_its_own(cast: Cast, sent_mail: Any) -> None:
    page = make_page(
        cast.alice,
        questions=[
            {"label": "Phone", "kind": "phone", "required": False},
            {"label": "Note", "kind": "text", "required": False},
        ],
    )
    forged = "Vera\r\nBcc: all@else.example\r\nATTENDEE:mailto:evil@else.example\r\nEND:VEVENT\x07"
    assert form(page, name=forged, answer0=f"1{forged}", answer1=f"hello{forged}").status_code == 302
    messages = sent_mail(cast)
    assert {message["To"] for message in messages} == {VISITOR["email"], "alice@acme.example"}
    for message in messages:
        assert message["Bcc"] is None and "\n" not in message["Subject"]
        plain = message.get_body(("plain",)).get_content()
        assert not re.search(r"(?m)^(Bcc|ATTENDEE|END)", plain)
        for part in message.walk():
            if part.get_content_type() == "text/calendar":
                parsed = Parsed.from_ical(part.get_content())
                [event] = parsed.walk("VEVENT")
                people = event.get("ATTENDEE")
                assert "evil" not in str(people) and len(people if isinstance(people, list) else [people]) == 1
                assert event.errors == []
