"""What people and tokens try who know the doors: reading what is private by a way round, and keeping what was taken."""

import json
from typing import Any

import pytest
from django.test import Client

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import Event
from tests.bookings.test_bookings import VISITOR, make_page, soon, text
from tests.support.cast import Actor, Cast, new_actor
from tests.support.forms import filled
from tests.support.receiver import Receiver, deliver_all, forget_pauses, receiving
from tests.web.test_changes import START, own_calendar, share
from tests.web.test_imports import bring_in, carried_out, file, rehearse, vevent
from tests.web.test_mail_answers import GIL, Invited, message, outcome
from tests.web.test_tokens import minted


@pytest.fixture
def receiver() -> Any:
    with receiving() as found:
        yield found


def without(actor: Actor, *scopes: str) -> Actor:
    """The same person through a token that lacks these scopes."""
    every = ["events.read", "events.write", "events.private", "feeds.manage", "bookings.read", "bookings.write"]
    every += ["calendars.manage", "bookings.manage", "integrations.manage", "account.manage"]
    return minted(actor, scopes=[scope for scope in every if scope not in scopes])


def shared_calendar(cast: Cast) -> str:
    """A calendar of Alice's in which Bob edits."""
    calendar: str = cast.alice.post("calendars", {"name": "Support", "time_zone": "America/Sao_Paulo"})["id"]
    share(cast.alice, calendar, cast.bob, level="edit")
    return calendar


PRIVATE_FILE = file(vevent("p@else", "CLASS:PRIVATE", summary="CANARY therapy"), vevent("o@else", summary="Open"))


# ── files


def test_a_private_event_of_somebody_elses_file_reads_busy_in_their_import(cast: Cast) -> None:
    done = bring_in(cast.bob, shared_calendar(cast), PRIVATE_FILE)
    assert "CANARY" in json.dumps(cast.bob.get(f"imports/{done['id']}"))
    seen = json.dumps(cast.alice.get(f"imports/{done['id']}"))
    assert "CANARY" not in seen and "Open" in seen
    assert "CANARY" not in cast.alice.browser().get(f"/imports/{done['id']}").content.decode()


def test_a_token_without_private_events_does_not_read_them_in_an_import(cast: Cast) -> None:
    done = bring_in(cast.bob, shared_calendar(cast), PRIVATE_FILE)
    cast.alice.patch(f"members/{cast.bob.member.uuid}", {"role": "administrator"})
    assert "CANARY" not in json.dumps(without(cast.bob, "events.private").get(f"imports/{done['id']}"))


def test_undoing_somebody_elses_import_does_not_tell_what_is_private_to_them(cast: Cast) -> None:
    done = bring_in(cast.bob, shared_calendar(cast), PRIVATE_FILE)
    undone = carried_out(cast.alice, done["id"], "undo")
    assert len(undone["left_over"]) == 1 and "CANARY" not in json.dumps(undone)
    assert "CANARY" not in cast.alice.browser().get(f"/imports/{done['id']}").content.decode()


def test_a_file_does_not_tell_whether_a_guessed_title_is_that_of_a_private_event(cast: Cast) -> None:
    calendar = shared_calendar(cast)
    body = {"calendar": calendar, "summary": "CANARY", "start": START, "visibility": "private"}
    secret = cast.alice.post("events", body)["id"]
    verdicts = {}
    for guess in ("CANARY", "Wrong"):
        start = "DTSTART;TZID=America/Sao_Paulo:20261201T090000"
        raw = file(vevent(f"{secret}@conversa", "CLASS:PRIVATE", start=start, summary=guess))
        verdicts[guess] = [row["what"] for row in rehearse(cast.bob, calendar, raw).json()["items"]]
    assert verdicts["CANARY"] == verdicts["Wrong"]


def test_nobody_brings_in_a_file_in_the_name_of_who_chose_it(cast: Cast) -> None:
    rehearsed = rehearse(cast.bob, shared_calendar(cast), PRIVATE_FILE).json()
    assert cast.alice.call("POST", f"imports/{rehearsed['id']}/apply").status_code in {403, 404}


def test_a_token_without_private_events_brings_in_nothing_that_changes_them(cast: Cast) -> None:
    calendar = own_calendar(cast.alice)
    bring_in(cast.alice, calendar, PRIVATE_FILE)
    again = file(vevent("p@else", "CLASS:PRIVATE", "SEQUENCE:2", summary="Changed"))
    rehearsed = rehearse(cast.alice, calendar, again).json()
    carried_out(without(cast.alice, "events.private"), rehearsed["id"], "apply")
    with tenant(cast.account.pk):
        assert "CANARY therapy" in {event.summary for event in Event.objects.all()}


# ── addresses of feeds


def test_a_token_that_may_not_read_events_gets_no_address_at_which_they_are_read(cast: Cast) -> None:
    body = {"kind": "calendar", "target": own_calendar(cast.alice), "details": "details"}
    answer = without(cast.alice, "events.read", "events.private").call("POST", "feeds", body)
    assert answer.status_code == 403, answer.content


def test_an_address_that_a_token_changed_ends_with_the_token(cast: Cast) -> None:
    body = {"kind": "calendar", "target": own_calendar(cast.alice), "details": "details"}
    made = cast.alice.post("feeds", body)
    token = cast.alice.post("tokens", {"name": "leaked", "scopes": ["events.read", "feeds.manage"]})
    url = Actor(cast.alice.member, token["secret"]).post(f"feeds/{made['id']}/rotate")["url"]
    path = url.removeprefix("http://testserver")
    assert Client().get(path).status_code == 200
    cast.alice.delete(f"tokens/{token['id']}")
    assert Client().get(path).status_code == 404


# ── webhooks


def test_a_webhook_that_a_token_set_up_hears_nothing_once_the_token_is_revoked(cast: Cast, receiver: Receiver) -> None:
    token = cast.alice.post("tokens", {"name": "leaked", "scopes": ["events.read", "account.manage"]})
    thief = Actor(cast.alice.member, token["secret"])
    made = thief.post("webhooks", {"url": receiver.url, "kinds": ["event"]})
    cast.alice.delete(f"tokens/{token['id']}")
    cast.alice.post("events", {"calendar": own_calendar(cast.alice), "summary": "CANARY", "start": START})
    deliver_all(cast.account.pk, made["id"])
    assert receiver.taken == []


def test_a_token_that_may_not_change_bookings_has_no_links_sent_that_do(cast: Cast, receiver: Receiver) -> None:
    page = make_page(cast.alice)
    reader = without(cast.alice, "bookings.write")
    answer = reader.call("POST", "webhooks", {"url": receiver.url, "kinds": ["booking"]})
    cast.alice.post("bookings", VISITOR | {"page": page["id"], "start": text(soon())})
    if answer.status_code == 201:
        deliver_all(cast.account.pk, answer.json()["id"])
    assert not [body for _headers, body in receiver.taken if b"/booking/" in body]


def test_what_waits_for_a_webhook_is_worded_by_what_its_viewer_may_see_then(cast: Cast, receiver: Receiver) -> None:
    carol = new_actor(cast.account, "carol@acme.example", "Carol", "administrator")
    page = make_page(cast.alice)
    receiver.answers = lambda _count: 500
    made = carol.post("webhooks", {"url": receiver.url, "kinds": ["offer"]})
    cast.alice.post(f"booking-pages/{page['id']}/offers", {"starts": [text(soon())], "time_zone": "UTC"})
    deliver_all(cast.account.pk, made["id"])
    assert receiver.came
    cast.alice.patch(f"members/{carol.member.uuid}", {"role": "agent"})
    receiver.answers = lambda _count: 200
    forget_pauses(cast.account.pk)
    deliver_all(cast.account.pk, made["id"])
    assert receiver.taken and all(json.loads(body)["data"]["object"] is None for _headers, body in receiver.taken)


def test_a_webhook_taken_over_sends_its_new_viewer_nothing_of_calendars_they_do_not_see(
    cast: Cast, receiver: Receiver
) -> None:
    role = cast.alice.post("roles", {"name": "Clerk", "permissions": ["account.manage"]})
    cast.alice.patch(f"members/{cast.bob.member.uuid}", {"role": role["id"]})
    receiver.answers = lambda _count: 500
    made = cast.alice.post("webhooks", {"url": receiver.url, "kinds": ["event"]})
    hidden = cast.alice.post("events", {"calendar": own_calendar(cast.alice), "summary": "CANARY", "start": START})
    deliver_all(cast.account.pk, made["id"])
    cast.bob.patch(f"webhooks/{made['id']}", {"url": receiver.url + "/mine"})
    receiver.answers = lambda _count: 200
    forget_pauses(cast.account.pk)
    deliver_all(cast.account.pk, made["id"])
    assert hidden["id"] not in json.dumps([body.decode() for _headers, body in receiver.taken])


# ── bookings


def test_a_booking_in_an_event_that_its_host_made_private_tells_nobody_else_its_link(
    cast: Cast, receiver: Receiver
) -> None:
    page = make_page(
        cast.alice, hosts=[{"id": str(cast.bob.member.uuid)}], location={"kind": "phone", "value": "+49 30 1"}
    )
    made = cast.alice.post("webhooks", {"url": receiver.url, "kinds": ["booking"]})
    body = VISITOR | {"page": page["id"], "start": text(soon()), "references": [{"kind": "ticket", "id": "CANARY"}]}
    booking = cast.alice.post("bookings", body)
    assert "CANARY" in json.dumps(cast.alice.get(f"bookings/{booking['id']}"))
    cast.bob.patch(f"events/{booking['event']}", {"visibility": "private"})
    assert "CANARY" not in json.dumps(cast.alice.get(f"events/{booking['event']}"))
    assert "CANARY" not in json.dumps(cast.alice.get(f"bookings/{booking['id']}"))
    assert "CANARY" not in json.dumps(cast.alice.get("bookings"))
    deliver_all(cast.account.pk, made["id"])
    assert receiver.taken and not [body for _headers, body in receiver.taken if b"CANARY" in body]


# ── forms


@pytest.mark.parametrize("spoiled", ["guests", "zone", "year", "key"])
def test_a_form_with_a_forged_memory_is_refused_in_words(cast: Cast, spoiled: str) -> None:
    made = cast.alice.post("events", {"calendar": own_calendar(cast.alice), "summary": "Plan", "start": START})
    browser, page = cast.alice.browser(), f"/events/{made['id']}"
    sent = filled(browser, page + "/edit", 'name="shown"', guests="a@else.example", start_date="2026-12-02")
    shown = json.loads(sent["shown"][0])
    match spoiled:
        case "guests":
            shown["fields"] |= {"guests": [], "optional": []}
        case "zone":
            shown["start"]["zone"] = shown["end"]["zone"] = "Evil/Zone"
        case "year":
            shown["start"]["local"] = "0001-01-01T00:00:00"
        case _:
            shown["start"] = {"kind": "date", "date": "9999-12-31"}
    sent["shown"] = [json.dumps(shown)]
    assert browser.post(page + "/edit", sent).status_code < 500


# ── searching


def secret_event(cast: Cast, calendar: str) -> None:
    guests = [{"email": "canary@else.example"}]
    body = {"calendar": calendar, "summary": "CANARY therapy", "start": START, "visibility": "private"}
    cast.alice.post("events", body | {"attendees": guests, "references": [{"kind": "ticket", "id": "9"}]})


@pytest.mark.parametrize("query", ["q=CANARY", "reference=ticket:9", "contact=canary@else.example", "q=therapy"])
def test_the_end_of_a_search_does_not_tell_that_a_private_event_was_found(cast: Cast, query: str) -> None:
    calendar = shared_calendar(cast)
    later = {"date_time": "2027-03-01T09:00:00-03:00", "time_zone": "America/Sao_Paulo"}
    bait = {"calendar": calendar, "summary": "CANARY therapy", "start": later}
    bait |= {"attendees": [{"email": "canary@else.example"}], "references": [{"kind": "ticket", "id": "9"}]}
    cast.bob.post("events", bait)
    before = cast.bob.get(f"events?{query}&limit=1")
    secret_event(cast, calendar)
    after = cast.bob.get(f"events?{query}&limit=1")
    assert len(before["items"]) == 1 and before == after


@pytest.mark.parametrize("query", ["reference=ticket:CANARY", "contact=canary@else.example"])
def test_bookings_are_not_found_by_what_their_private_event_is_about(cast: Cast, query: str) -> None:
    page = make_page(cast.alice, hosts=[{"id": str(cast.bob.member.uuid)}])
    body = VISITOR | {"page": page["id"], "start": text(soon())}
    booking = cast.alice.post("bookings", body | {"references": [{"kind": "ticket", "id": "CANARY"}]})
    event = cast.bob.get(f"events/{booking['event']}")
    guests = [{"email": one["email"]} for one in event["attendees"]] + [{"email": "canary@else.example"}]
    cast.bob.patch(f"events/{booking['event']}", {"attendees": guests, "visibility": "private"})
    assert [one["id"] for one in cast.bob.get(f"bookings?{query}")["items"]] == [booking["id"]]
    assert cast.alice.get(f"bookings?{query}")["items"] == []


def test_proposals_for_a_private_day_of_a_series_are_not_told_to_others(cast: Cast) -> None:
    calendar = shared_calendar(cast)
    weekly = {"recurrence": ["RRULE:FREQ=WEEKLY;COUNT=3"], "calendar": calendar}
    invited = Invited(cast, **weekly)
    lines = ("DTSTART:20261208T180000Z", "DTEND:20261208T190000Z", "COMMENT:CANARY")
    more = {"RECURRENCE-ID": "20261208T120000Z"}
    raw = message(invited.calendar(GIL, "TENTATIVE", *lines, method="COUNTER", **more), method="COUNTER")
    assert outcome(cast.alice, raw) == ("proposed", "")
    (proposal,) = cast.bob.get(f"events/{invited.id}/proposals")["items"]
    day = f"events/{invited.id}?scope=this&occurrence=2026-12-08T12:00:00Z"
    cast.alice.patch(day, {"visibility": "private"})
    assert cast.bob.get(f"events/{invited.id}/proposals")["items"] == []
    path = f"events/{invited.id}/proposals/{proposal['id']}"
    assert cast.bob.call("POST", path, {"action": "dismiss"}).status_code == 404
    assert len(cast.alice.get(f"events/{invited.id}/proposals")["items"]) == 1


# ── mails


@pytest.mark.parametrize("spoiled", ["UID", "DTSTAMP", "SEQUENCE", "RECURRENCE-ID"])
def test_a_mail_with_signs_that_no_column_holds_is_noted_and_nothing_breaks(cast: Cast, spoiled: str) -> None:
    invited = Invited(cast)
    raw = message(invited.calendar(**{spoiled: "\x00a"}))
    client = Client(HTTP_AUTHORIZATION=f"Bearer {cast.alice.token}", raise_request_exception=False)
    assert client.post("/api/v1/mail", raw, content_type="message/rfc822").status_code == 200


def test_an_address_that_reads_like_the_guests_only_without_a_hidden_sign_is_not_theirs(cast: Cast) -> None:
    invited = Invited(cast)
    head = b"From: gil@else\x00.example\r\nTo: alice@acme.example\r\nContent-Type: text/calendar\r\n\r\n"
    assert outcome(cast.alice, head + invited.calendar().encode()) == ("ignored", "other_sender")
