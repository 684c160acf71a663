"""Repeating bookings, guests, reminders, offers, frames, and what keeps pages from being misused."""

import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.test import Client

from conversa_calendar.accounts import services as accounts
from conversa_calendar.accounts.grants import OPERATOR
from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.booking_pages import limits, views
from conversa_calendar.bookings import addresses, following
from conversa_calendar.bookings.models import AddressCount, Booking, BookingClaim
from conversa_calendar.calendars.models import Calendar, OutgoingMail
from conversa_calendar.domain.event import Attendee
from conversa_calendar.kit import clock
from conversa_calendar.sync.models import Mirror
from tests.bookings.test_bookings import ANA, VISITOR, busy, mails, make_page, soon, starts, text
from tests.support.cast import Cast
from tests.support.google import Google

GUEST = "gina@else.example"


@pytest.fixture(autouse=True)
def fresh_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("views", "submits"):
        monkeypatch.setattr(limits, name, limits.Window(1000))
    monkeypatch.setattr(views, "HUMAN_S", 0.0)


def form(page: dict[str, Any], query: str = "", browser: Client | None = None, **more: str) -> Any:
    """Submits the form as a browser does: every field that the page holds, then what the visitor typed."""
    browser, query = browser or Client(), query or f"start={text(soon())}&zone=Europe/Lisbon"
    shown = browser.get(f"/book/{page['slug']}/form?{query}")
    assert shown.status_code == 200, shown.content
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', shown.content.decode()))
    return browser.post(f"/book/{page['slug']}/form", hidden | VISITOR | more)


def open_mail(cast: Cast, browser: Client | None = None) -> None:
    """The visitor opens the private link of the last mail to them."""
    links = re.findall(r"http://testserver(/booking/\S+)", mails(cast)[-1].body)
    assert (browser or Client()).get(links[-1]).status_code == 200


def test_a_repeating_booking_is_all_or_nothing_and_each_can_be_cancelled(cast: Cast) -> None:
    page = make_page(cast.alice, repeats_max=4)
    manage = form(page, repeats="3")["Location"]
    with tenant(cast.account.pk):
        rows = list(Booking.objects.order_by("starts_at"))
        assert [row.starts_at for row in rows] == [soon() + timedelta(weeks=n) for n in range(3)]
        assert len({row.group for row in rows}) == 1 and BookingClaim.objects.count() == 3
    (mail,) = mails(cast)
    assert mail.method == "PUBLISH" and mail.ics.count("BEGIN:VEVENT") == 3 and mail.body.count("/booking/") == 3
    others = re.findall(r'href="(/booking/[^"]+)"', Client().get(manage).content.decode())
    assert len(others) == 2
    Client().post(others[0], {"what": "cancel"})
    with tenant(cast.account.pk):
        assert sorted(Booking.objects.values_list("state", flat=True)) == ["cancelled", "confirmed", "confirmed"]
    other = make_page(cast.alice, repeats_max=4, title="Other")
    answer = form(other, f"start={text(soon() + timedelta(hours=2))}", repeats="2")
    assert answer.status_code == 302
    with tenant(cast.account.pk):
        before = Booking.objects.count()
        busy(Calendar.objects.get(owner=cast.alice.member), soon() + timedelta(weeks=1, hours=4))
    refused = form(other, f"start={text(soon() + timedelta(hours=4))}", email="new@else.example", repeats="2")
    assert refused.status_code == 409 and b"just taken" in refused.content
    with tenant(cast.account.pk):
        assert Booking.objects.count() == before, "nothing of it was booked"
    assert (
        form(other, f"start={text(soon() + timedelta(hours=8))}", email="n@else.example", repeats="9").status_code
        == 422
    )


def test_repetitions_stay_at_the_same_time_of_the_clock(cast: Cast) -> None:
    from datetime import UTC, datetime

    from conversa_calendar.bookings import making
    from conversa_calendar.bookings.models import BookingPage

    page = BookingPage(time_zone="Europe/Berlin", repeats_max=3)
    found = making.repetitions(page, datetime(2027, 3, 22, 8, 0, tzinfo=UTC), 3)
    assert [f"{at:%d %H}" for at in found] == ["22 08", "29 07", "05 07"], "summer time begins on the 28th"


def test_guests_are_invited_without_a_word_that_the_visitor_typed(cast: Cast) -> None:
    page = make_page(cast.alice, questions=[{"label": "Topic", "kind": "text", "required": False}])
    manage = form(page, name="Winning Bad", answer0="visit https://bad.example")["Location"]
    open_mail(cast)
    assert Client().post(manage, {"what": "guests", "guests": f"{GUEST}, second@else.example"}).status_code == 302
    with tenant(cast.account.pk):
        booking = Booking.objects.get()
        assert booking.guests == [GUEST, "second@else.example"] and booking.event is not None
        assert {row.email for row in booking.event.content.attendees} >= {VISITOR["email"], GUEST}
        invitation = OutgoingMail.objects.get(to=GUEST)
        assert "Winning" not in invitation.body + invitation.ics
        assert "bad.example" not in invitation.body + invitation.ics.replace("\r\n ", "") + invitation.subject
        assert "/booking/" not in invitation.body, "the private link is the visitor's"
    assert Client().post(manage, {"what": "guests", "guests": "nonsense"}).status_code == 409
    many = " ".join(f"g{number}@else.example" for number in range(12))
    assert Client().post(manage, {"what": "guests", "guests": many}).status_code == 409
    mails(cast)  # the invitation leaves
    Client().post(manage, {"what": "cancel"})
    with tenant(cast.account.pk):
        assert OutgoingMail.objects.filter(to=GUEST).order_by("pk").last().method == "CANCEL"


def test_visitors_are_reminded_once_for_each_reminder(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    page = make_page(cast.alice, reminders=[1440, 60])
    cast.alice.post("bookings", {"page": page["id"], "start": text(soon())} | VISITOR)
    told = len(mails(cast))
    now = clock.now()

    def subjects_at(moment: Any) -> list[str]:
        monkeypatch.setattr(clock, "_wall", lambda: moment)
        following.deliver_reminders(cast.account.pk)
        return [mail.subject for mail in mails(cast)[told:]]

    assert subjects_at(now) == []
    assert subjects_at(soon() - timedelta(hours=23)) == ["Reminder: Support call"]
    assert subjects_at(soon() - timedelta(hours=22)) == ["Reminder: Support call"]
    assert subjects_at(soon() - timedelta(minutes=59)) == ["Reminder: Support call"] * 2
    with tenant(cast.account.pk):
        assert Booking.objects.get().remind_at is None


def test_offered_times_are_kept_for_one_customer_and_the_first_frees_the_others(cast: Cast) -> None:
    page = make_page(cast.alice)
    wanted = [text(soon()), text(soon() + timedelta(hours=1))]
    reference = {"kind": "conversation", "id": "c-7", "title": "Printer", "url": "https://desk.example/7"}
    sent = {"starts": wanted, "time_zone": "Asia/Tokyo", "references": [reference]}
    offer = cast.alice.post(f"booking-pages/{page['id']}/offers", sent)
    assert offer["text"].count("(Asia/Tokyo)") == 2 and all(link["url"] in offer["text"] for link in offer["links"])
    assert not set(wanted) & set(starts(cast.alice, page, soon())), "kept from everybody else"
    parts = urlsplit(offer["links"][1]["url"])
    assert dict(parse_qsl(parts.query))["zone"] == "Asia/Tokyo"
    assert form(page, parts.query).status_code == 302
    with tenant(cast.account.pk):
        booking = Booking.objects.get()
        assert text(booking.starts_at) == wanted[1] and booking.event is not None
        assert [r["id"] for r in booking.event.references if r["kind"] == "conversation"] == ["c-7"]
    assert wanted[0] in starts(cast.alice, page, soon()), "the other time is free again"
    other = urlsplit(offer["links"][0]["url"])
    sent = dict(parse_qsl(other.query)) | VISITOR
    assert Client().post(other.path, sent).status_code == 302, "answers the booking that the offer has made"
    with tenant(cast.account.pk):
        assert Booking.objects.count() == 1
    again = Client().get(f"{parts.path}?{parts.query}")
    assert again.status_code == 409
    assert cast.alice.call("POST", f"booking-pages/{page['id']}/offers", {"starts": []}).status_code == 422
    second = cast.alice.post(f"booking-pages/{page['id']}/offers", {"starts": [wanted[0]]})
    assert cast.alice.call("DELETE", f"booking-offers/{second['id']}").status_code == 204
    assert wanted[0] in starts(cast.alice, page, soon())


def test_agents_offer_times_from_the_dashboard(cast: Cast) -> None:
    page, browser = make_page(cast.alice), cast.bob.browser()
    shown = browser.get(f"/bookings/pages/{page['id']}/offer?zone=Asia/Tokyo").content.decode()
    found = re.findall(r'name="starts" value="([^"]+)"', shown)[:2]
    answer = browser.post(
        f"/bookings/pages/{page['id']}/offer", {"starts": found, "zone": "Asia/Tokyo", "conversation": "c-8"}
    )
    assert answer.status_code == 200 and b"kept for you for a day" in answer.content
    none = browser.post(f"/bookings/pages/{page['id']}/offer", {"zone": "Asia/Tokyo"})
    assert none.status_code == 422 and b"one to three times" in none.content


def test_a_page_is_framed_only_by_the_sites_it_names(cast: Cast) -> None:
    open_page = make_page(cast.alice, embed_origins=["https://www.acme.example"])
    closed = make_page(cast.alice, title="Closed")
    framed, alone = Client().get(f"/book/{open_page['slug']}"), Client().get(f"/book/{closed['slug']}")
    assert "frame-ancestors https://www.acme.example;" in framed["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in alone["Content-Security-Policy"]
    manage = Client().get(form(open_page)["Location"])
    assert "frame-ancestors https://www.acme.example;" in manage["Content-Security-Policy"]
    assert manage["Referrer-Policy"] == "no-referrer" and b'name="robots" content="noindex"' in manage.content
    script = Client().get("/book/embed.js")
    assert script["Content-Type"].startswith("text/javascript") and b"page.origin" in script.content
    bad = cast.alice.call("PATCH", f"booking-pages/{open_page['id']}", {"embed_origins": ["https://x.example/path"]})
    assert bad.status_code == 422


def test_e84_programs_are_slowed_down_and_fall_into_the_hidden_field(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr(views, "HUMAN_S", 1.5)
    monkeypatch.setattr(clock, "_sleep", waited.append)
    page = make_page(cast.alice)
    trapped = form(page, f"start={text(soon() + timedelta(hours=4))}", website="https://spam.example")
    assert trapped.status_code == 422
    assert form(page).status_code == 302 and 0 < waited[0] <= 1.5
    assert (
        form(page, f"start={text(soon() + timedelta(hours=2))}", made="forged").status_code == 302 and waited[1] == 1.5
    )


def test_e85_an_address_that_never_answers_gets_little_mail_over_all_accounts(cast: Cast) -> None:
    mine, theirs = make_page(cast.alice), make_page(cast.charlie)
    for number, page in enumerate((mine, theirs, mine)):
        answer = form(page, f"start={text(soon() + timedelta(hours=number))}")
        assert answer.status_code == 302
    refused = form(theirs, f"start={text(soon() + timedelta(hours=5))}")
    assert refused.status_code == 422 and b"written to several times today" in refused.content
    assert AddressCount.objects.get().count == addresses.UNVERIFIED_A_DAY, "what was refused is not counted"
    mails(cast)
    assert Client().post(answer["Location"], {"what": "cancel"}).status_code == 302, "never refused for a mail's sake"
    told = mails(cast)
    assert [mail.method for mail in told] == ["REQUEST", "REQUEST"], "but not told either"
    with tenant(cast.account.pk):
        mail = OutgoingMail.objects.filter(to=VISITOR["email"]).first()
    assert mail is not None
    link = re.search(r"http://testserver(/booking/\S+)", mail.body)
    assert link is not None and Client().get(link.group(1).partition("?")[0]).status_code == 200
    assert form(theirs, f"start={text(soon() + timedelta(hours=6))}").status_code == 422, (
        "the page's own link proves nothing"
    )
    browser = Client()
    assert browser.get(link.group(1)).status_code == 200
    later = [f"start={text(soon() + timedelta(hours=hours))}" for hours in (7, 8)]
    assert form(theirs, later[0], browser).status_code == 302, "the mail was read"
    assert form(theirs, later[1]).status_code == 422, "which nobody learns in another browser"


def test_e85_guests_count_too(cast: Cast) -> None:
    page = make_page(cast.alice)
    manage = form(page)["Location"]
    open_mail(cast)
    Client().post(manage, {"what": "guests", "guests": GUEST})
    moves = []
    for n in (1, 2, 3):
        mails(cast)
        move = {"what": "move", "start": text(soon() + timedelta(hours=n))}
        moves.append(Client().post(manage, move).status_code)
    mails(cast)
    assert moves == [302, 302, 409]
    assert Client().post(manage, {"what": "cancel"}).status_code == 302
    with tenant(cast.account.pk):
        assert OutgoingMail.objects.filter(to=GUEST).count() == addresses.AS_GUEST_A_DAY


def test_together_means_everybody(google: Google, cast: Cast) -> None:
    google.person(ANA)
    mirror = google.mirror(cast.alice, google.connect(cast.alice, ANA), ANA)
    hosts = [{"id": str(cast.alice.member.uuid), "calendar": str(mirror.calendar.uuid)}]
    page = make_page(cast.alice, hosts=[*hosts, {"id": str(cast.bob.member.uuid)}], host_mode="all")
    assert text(soon()) in starts(cast.alice, page, soon())
    with tenant(cast.account.pk):
        Mirror.objects.update(last_sync_at=clock.now() - timedelta(hours=5))
    assert starts(cast.alice, page, soon()) == [], "not without the one whose calendar cannot be read"
    with tenant(cast.account.pk):
        Mirror.objects.update(last_sync_at=clock.now())
        Calendar.objects.filter(pk=mirror.calendar_id).update(is_read_only=True)
    assert starts(cast.alice, page, soon()) == [], "nor without the one who has nowhere to put it"


def test_e86_guests_and_texts_have_limits(cast: Cast) -> None:
    page = make_page(cast.alice, questions=[{"label": "Note", "kind": "text", "required": False}])
    form(page, name="n" * 500, answer0="x" * 9000)
    with tenant(cast.account.pk):
        booking = Booking.objects.get()
        assert len(booking.name) == 120 and len(booking.answers[0]["answer"]) == 2000


@pytest.mark.parametrize(("field", "event"), [("tentative_busy", "tentative"), ("unanswered_busy", "unanswered")])
def test_what_counts_as_busy_is_the_pages_choice(cast: Cast, field: str, event: str) -> None:
    page, at = make_page(cast.alice), soon()
    values: dict[str, Any] = {"status": "tentative"} if event == "tentative" else {}
    if event == "unanswered":
        values = {"attendees": (Attendee("alice@acme.example", self=True), Attendee(GUEST, response="accepted"))}
    with tenant(cast.account.pk):
        busy(Calendar.objects.get(owner=cast.alice.member), at, **values)
        busy(Calendar.objects.get(owner=cast.alice.member), at + timedelta(hours=1))
    assert text(at) not in starts(cast.alice, page, at)
    cast.alice.patch(f"booking-pages/{page['id']}", {field: False})
    offered = starts(cast.alice, page, at)
    assert text(at) in offered and text(at + timedelta(hours=1)) not in offered


@pytest.mark.parametrize("policy", ["hide", "warn"])
def test_a_calendar_that_cannot_be_read_is_never_silently_free(google: Google, cast: Cast, policy: str) -> None:
    google.person(ANA)
    mirror = google.mirror(cast.alice, google.connect(cast.alice, ANA), ANA)
    host = {"id": str(cast.alice.member.uuid), "calendar": str(mirror.calendar.uuid)}
    page = make_page(cast.alice, hosts=[host], stale_policy=policy)
    assert text(soon()) in starts(cast.alice, page, soon())
    with tenant(cast.account.pk):
        Mirror.objects.update(last_sync_at=clock.now() - timedelta(hours=5))
    why = cast.alice.browser().get(f"/bookings/pages/{page['id']}/why").content
    assert b"cannot be read at the moment" in why
    if policy == "hide":
        assert starts(cast.alice, page, soon()) == []
        shown = Client().get(f"/book/{page['slug']}").content
        assert b"cannot be read just now" in shown and b"no free time" not in shown
        return
    made = cast.alice.post("bookings", {"page": page["id"], "start": text(soon())} | VISITOR)
    assert made["flag"] == "unchecked"
    assert b"could not be read" in cast.alice.browser().get("/bookings").content


def test_all_hosts_claim_again_after_an_overlap(cast: Cast) -> None:
    hosts = [{"id": str(actor.member.uuid)} for actor in (cast.alice, cast.bob)]
    page = make_page(cast.alice, host_mode="all", hosts=hosts)
    first = cast.alice.post("bookings", {"page": page["id"], "start": text(soon())} | VISITOR)
    second = cast.alice.post("bookings", {"page": page["id"], "start": text(soon() + timedelta(hours=2))} | VISITOR)

    def move(booking: dict[str, Any], hours: int) -> None:
        at = soon() + timedelta(hours=hours)
        times = {"start": {"date_time": text(at)}, "end": {"date_time": text(at + timedelta(minutes=30))}}
        cast.alice.patch(f"events/{booking['event']}", times)

    move(second, 0)
    move(second, 5)
    with tenant(cast.account.pk):
        assert Booking.objects.get(uuid=second["id"]).flag == ""
        claimed = BookingClaim.objects.filter(booking__uuid=second["id"]).values_list("member_id", flat=True)
        assert set(claimed) == {cast.alice.member.pk, cast.bob.member.pk}
    assert first["id"] != second["id"]


def test_a_hosts_move_through_the_api_asks_google_first(google: Google, cast: Cast) -> None:
    ana = google.person(ANA)
    mirror = google.mirror(cast.alice, google.connect(cast.alice, ANA), ANA)
    host = {"id": str(cast.alice.member.uuid), "calendar": str(mirror.calendar.uuid)}
    page = make_page(cast.alice, hosts=[host])
    made = cast.alice.post("bookings", {"page": page["id"], "start": text(soon())} | VISITOR)
    google.settle()
    later = soon() + timedelta(hours=3)
    times = {"start": {"dateTime": text(later)}, "end": {"dateTime": text(later + timedelta(hours=1))}}
    google.control("notifications", {"mode": "drop"})
    ana.insert(summary="secret", **times)
    answer = cast.alice.call("PATCH", f"bookings/{made['id']}", {"start": text(later)})
    assert answer.status_code == 409 and answer.json()["code"] == "taken"


def test_members_may_have_pages_of_their_own_and_nobody_elses(cast: Cast) -> None:
    own = {"title": "Bob's hour", "weekly": [[[0, 1440]]] * 7, "notice": 0, "is_published": True}
    assert cast.bob.call("POST", "booking-pages", own).status_code == 403
    with tenant(cast.account.pk):
        role = accounts.create_role(name="Agent with own page", held=["bookings.own"], by=OPERATOR)
        Member.objects.filter(pk=cast.bob.member.pk).update(role=role)
    page = cast.bob.post("booking-pages", own)
    assert [host["id"] for host in page["hosts"]] == [str(cast.bob.member.uuid)]
    others = [{"id": str(cast.alice.member.uuid)}]
    assert cast.bob.call("PATCH", f"booking-pages/{page['id']}", {"hosts": others}).status_code == 422
    assert cast.bob.call("POST", "booking-pages", own | {"hosts": others}).status_code == 422
    foreign = make_page(cast.alice)
    assert cast.bob.call("PATCH", f"booking-pages/{foreign['id']}", {"title": "Mine"}).status_code == 404
    assert cast.bob.call("DELETE", f"booking-pages/{foreign['id']}").status_code == 404
    browser = cast.bob.browser()
    listed = browser.get("/bookings").content.decode()
    assert f"/bookings/pages/{page['id']}/why" in listed and f"/bookings/pages/{foreign['id']}/why" not in listed
    form = browser.get(f"/bookings/pages/{page['id']}").content.decode()
    assert "Bob" in form and "Alice Lima" not in form.partition("<main")[2]
    assert browser.get(f"/bookings/pages/{foreign['id']}").status_code == 404
    assert cast.alice.patch(f"booking-pages/{page['id']}", {"title": "Bob"})["title"] == "Bob"
