"""Webhooks: what a receiver gets, in which order, and what becomes of one that does not answer."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from procrastinate.contrib.django.models import ProcrastinateJob
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import services as calendars
from conversa_calendar.calendars.models import Calendar, OutgoingMail
from conversa_calendar.connections import keyring, tokens
from conversa_calendar.kit import clock
from conversa_calendar.sync.run import seats
from conversa_calendar.webhooks import delivering, leases, signing, tasks
from conversa_calendar.webhooks.models import Delivery, Endpoint, EndpointRun
from conversa_calendar.webhooks.reading import KINDS
from tests.bookings.test_bookings import VISITOR, make_page, soon, text
from tests.support.cast import Actor, Cast
from tests.support.following import Follower
from tests.support.receiver import Receiver, deliver_all, endpoint_of, forget_pauses, receiving
from tests.support.worker import working_lane
from tests.sync.conftest import Scene, scene  # noqa: F401
from tests.web.test_changes import START, own_calendar, share
from tests.web.test_people import confirmed
from tests.web.test_tokens import minted


@pytest.fixture
def receiver() -> Any:
    with receiving() as found:
        yield found


def hook(actor: Actor, receiver: Receiver, **values: Any) -> dict[str, Any]:
    made: dict[str, Any] = actor.post("webhooks", {"url": receiver.url} | values)
    return made


def event(actor: Actor, summary: str = "Plan", **values: Any) -> str:
    body = {"calendar": own_calendar(actor), "summary": summary, "start": START} | values
    return str(actor.post("events", body)["id"])


# ── what a receiver gets


def test_a_receiver_gets_what_happens_and_checks_it_with_the_standards_library(cast: Cast, receiver: Receiver) -> None:
    made = hook(cast.alice, receiver, kinds=["event"])
    uuid = event(cast.alice)
    cast.alice.patch(f"events/{uuid}", {"summary": "Changed"})
    cast.alice.delete(f"events/{uuid}")
    deliver_all(cast.account.pk, made["id"])
    assert receiver.types(made["secret"]) == ["event.created", "event.updated", "event.deleted"]
    first, _second, last = receiver.messages(made["secret"])
    assert first["data"]["id"] == uuid and last["data"]["object"] is None
    assert first["data"]["by"] == "token" and first["timestamp"] == first["data"]["at"]
    assert all(headers["webhook-id"].startswith("msg_") for headers, _body in receiver.taken)
    headers, body = receiver.taken[0]
    with pytest.raises(WebhookVerificationError):
        Webhook(made["secret"]).verify(body.replace(b"Plan", b"Plot") + b" ", headers)


def test_the_secret_is_shown_once_and_nowhere_at_rest(cast: Cast, receiver: Receiver) -> None:
    body = {"url": receiver.url}
    made = cast.alice.post("webhooks", body, idempotency_key="k1")
    again = cast.alice.post("webhooks", body, idempotency_key="k1")
    assert again["id"] == made["id"] and again["secret"] is None
    assert "secret" not in cast.alice.get(f"webhooks/{made['id']}")
    assert made["secret"] not in json.dumps(cast.alice.get("webhooks"))
    found = endpoint_of(cast.account.pk, made["id"])
    assert made["secret"] not in found.sealed_secret and found.sealed_secret


def test_a_booking_tells_before_and_after_with_its_links(cast: Cast, receiver: Receiver) -> None:
    page = make_page(cast.alice)
    made = hook(cast.alice, receiver, kinds=["booking"])
    booking = cast.alice.post("bookings", VISITOR | {"page": page["id"], "start": text(soon())})
    cast.alice.patch(f"bookings/{booking['id']}", {"start": text(soon(days=4))})
    cast.alice.delete(f"bookings/{booking['id']}")
    deliver_all(cast.account.pk, made["id"])
    came = receiver.messages(made["secret"])
    assert [one["type"] for one in came] == ["booking.created", "booking.rescheduled", "booking.cancelled"]
    moved = came[1]["data"]
    assert (moved["before"]["start"], moved["after"]["start"]) == (booking["start"], text(soon(days=4)))
    assert moved["object"]["email"] == VISITOR["email"]
    link = moved["object"]["reschedule_url"].removeprefix("http://testserver")
    assert link.startswith("/booking/") and moved["object"]["cancel_url"]
    assert cast.alice.browser().get(link).status_code == 200
    assert "mail=" not in link, "a link that proves that the address is the visitor's stays in mails"


def test_our_own_write_coming_back_from_google_is_not_delivered(scene: Scene, receiver: Receiver) -> None:  # noqa: F811
    account_id = scene.cast.account.pk
    made = hook(scene.alice, receiver, kinds=["event"])
    scene.create("Mine")
    scene.google.check()
    deliver_all(account_id, made["id"])
    assert receiver.types(made["secret"]) == ["event.created"]
    scene.ana.insert(
        summary="Theirs",
        start={"dateTime": START["date_time"], "timeZone": "UTC"},
        end={"dateTime": "2026-12-01T10:00:00-03:00", "timeZone": "UTC"},
    )
    scene.google.check()
    deliver_all(account_id, made["id"])
    assert receiver.types(made["secret"]) == ["event.created", "event.created"]


def test_a_worker_delivers_by_itself_when_something_changes(cast: Cast, receiver: Receiver) -> None:
    made = hook(cast.alice, receiver, kinds=["event"])
    came = receiver.taken
    with working_lane(seats.WEBHOOKS):
        event(cast.alice)
        ends_at = clock.steady_s() + 20
        while not came and clock.steady_s() < ends_at:
            cast.alice.get("account")
    assert receiver.types(made["secret"]) == ["event.created"]


def test_however_much_changes_one_job_waits_for_a_thread(cast: Cast, receiver: Receiver) -> None:
    made = hook(cast.alice, receiver, kinds=["event"])
    pk = endpoint_of(cast.account.pk, made["id"]).pk
    for number in range(3):
        event(cast.alice, str(number))
    jobs = ProcrastinateJob.objects.filter(queue_name=seats.WEBHOOKS.name, status="todo", args__endpoint_id=pk)
    claims: seats.Claims = {("account", cast.account.pk): seats.OF_ACCOUNT}
    taken = list(iter(lambda: seats.WEBHOOKS.take_seat(claims), None))
    before = jobs.count()
    assert taken and before >= 3
    for _job in range(3):
        tasks.deliver(account_id=cast.account.pk, endpoint_id=pk)
    assert jobs.count() == before and receiver.came == []
    for since_s in taken:
        seats.WEBHOOKS.free_seat(claims, since_s)
    tasks.deliver(account_id=cast.account.pk, endpoint_id=pk)
    assert len(receiver.types(made["secret"])) == 3


# ── who may, and what is masked


def test_what_the_viewer_may_not_read_is_masked(cast: Cast, receiver: Receiver) -> None:
    calendar = cast.bob.post("calendars", {"name": "Bob's"})["id"]
    event(cast.bob, "Before", calendar=calendar)
    made = hook(cast.alice, receiver)
    event(cast.bob, "CANARY", calendar=calendar, visibility="private", location="CANARY")
    event(cast.alice, "Mine", visibility="private")
    deliver_all(cast.account.pk, made["id"])
    objects = [one["data"]["object"] for one in receiver.messages(made["secret"]) if one["type"] == "event.created"]
    assert [shown["summary"] for shown in objects] == ["Busy", "Busy"]
    assert b"CANARY" not in b"".join(body for _headers, body in receiver.came)
    cast.alice.patch(f"webhooks/{made['id']}", {"private": True})
    event(cast.alice, "Mine", visibility="private")
    event(cast.bob, "CANARY", calendar=calendar, visibility="private")
    deliver_all(cast.account.pk, made["id"])
    objects = [one["data"]["object"] for one in receiver.messages(made["secret"]) if one["type"] == "event.created"]
    assert sorted(shown["summary"] for shown in objects[2:]) == ["Busy", "Mine"]


def test_whoever_changes_where_it_goes_is_whose_masking_applies(cast: Cast, receiver: Receiver) -> None:
    """An administrator does not redirect what only another one may read."""
    cast.alice.patch(f"members/{cast.bob.member.uuid}", {"role": "administrator"})
    made = hook(cast.alice, receiver, private=True, kinds=["event"])
    event(cast.alice, "CANARY", visibility="private")
    taken = cast.bob.patch(f"webhooks/{made['id']}", {"url": receiver.url + "&b"})
    assert taken["viewer"] == str(cast.bob.member.uuid)
    deliver_all(cast.account.pk, made["id"])
    assert b"CANARY" not in b"".join(body for _headers, body in receiver.came)


def test_an_endpoint_for_some_calendars_hears_of_those_only(cast: Cast, receiver: Receiver) -> None:
    one, other = (cast.alice.post("calendars", {"name": name})["id"] for name in ("One", "Other"))
    made = hook(cast.alice, receiver, calendars=[one], kinds=["event"])
    event(cast.alice, "Here", calendar=one)
    gone = event(cast.alice, "CANARY", calendar=other)
    cast.alice.patch(f"events/{gone}", {"summary": "CANARY 2"})
    deliver_all(cast.account.pk, made["id"])
    assert [m["data"]["object"]["summary"] for m in receiver.messages(made["secret"])] == ["Here"]


def test_what_left_the_viewers_sight_before_it_was_sent_is_not_shown(cast: Cast, receiver: Receiver) -> None:
    made = hook(cast.alice, receiver, kinds=["event"])
    calendar = cast.bob.post("calendars", {"name": "Bob's"})["id"]
    share(cast.bob, calendar)
    event(cast.bob, "CANARY", calendar=calendar)
    with tenant(cast.account.pk):
        delivering.gather(endpoint_of(cast.account.pk, made["id"]))
    with tenant(cast.account.pk):
        Calendar.objects.filter(uuid=calendar).update(deleted_at=clock.now())
    deliver_all(cast.account.pk, made["id"])
    assert b"CANARY" not in b"".join(body for _headers, body in receiver.came)


@pytest.mark.parametrize("who", ["bob", "charlie", "limited", "narrow"])
def test_who_may_not_manage_the_account_sees_no_webhook(cast: Cast, receiver: Receiver, who: str) -> None:
    made = hook(cast.alice, receiver)
    callers = {"bob": cast.bob, "charlie": cast.charlie}
    if who == "limited":
        kept = own_calendar(cast.alice)
        callers[who] = minted(cast.alice, scopes=["account.manage", "events.read"], calendars=[kept])
    if who == "narrow":
        callers[who] = minted(cast.alice, scopes=["events.read"])
    status = 404 if who == "charlie" else 403
    path = f"webhooks/{made['id']}"
    for method, address in (("GET", path), ("DELETE", path), ("GET", f"{path}/deliveries"), ("POST", f"{path}/rotate")):
        assert callers[who].call(method, address).status_code == status, (method, address)
    for address, body in ((f"{path}/replay", {"since": "x"}), (path, {"on": False})):
        method = "PATCH" if body == {"on": False} else "POST"
        assert callers[who].call(method, address, body).status_code == status


def test_a_token_gives_no_more_to_a_webhook_than_it_has(cast: Cast, receiver: Receiver) -> None:
    narrow = minted(cast.alice, scopes=["account.manage", "events.read"])
    assert narrow.call("POST", "webhooks", {"url": receiver.url, "kinds": ["booking"]}).status_code == 422
    assert narrow.call("POST", "webhooks", {"url": receiver.url, "private": True}).status_code == 422
    made = narrow.post("webhooks", {"url": receiver.url})
    assert made["kinds"] == ["event", "calendar", "mirror", "member"]
    wide = hook(cast.alice, receiver, private=True)
    answer = narrow.call("PATCH", f"webhooks/{wide['id']}", {"url": receiver.url + "&mine"})
    assert answer.status_code == 422
    assert cast.alice.get(f"webhooks/{wide['id']}")["url"] == receiver.url


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": ""},
        {"url": 1},
        {"url": "https://hooks.example.com", "kinds": []},
        {"url": "https://hooks.example.com", "kinds": ["evnt"]},
        {"url": "https://hooks.example.com", "kinds": [["event"]]},
        {"url": "https://hooks.example.com", "calendars": ["x"]},
        {"url": "https://hooks.example.com", "calendars": ["6f1f4d0e-6f2e-4c52-9a0e-7b2f4a9d5a11"]},
        {"url": "https://hooks.example.com", "private": "yes"},
        {"url": "https://hooks.example.com", "secret": "mine"},
    ],
)
def test_what_cannot_be_is_refused_and_leaves_nothing(cast: Cast, body: dict[str, Any]) -> None:
    assert cast.alice.call("POST", "webhooks", body).status_code == 422
    assert cast.alice.get("webhooks")["items"] == []


def test_an_endpoint_whose_viewer_left_is_turned_off_and_the_others_are_told(cast: Cast, receiver: Receiver) -> None:
    cast.alice.patch(f"members/{cast.bob.member.uuid}", {"role": "administrator"})
    made = hook(cast.bob, receiver)
    cast.alice.patch(f"members/{cast.bob.member.uuid}", {"suspended": True})
    deliver_all(cast.account.pk, made["id"])
    shown = cast.alice.get(f"webhooks/{made['id']}")
    assert not shown["on"] and "no longer here" in shown["off_reason"] and receiver.came == []
    with tenant(cast.account.pk):
        assert OutgoingMail.objects.filter(to="alice@acme.example", subject="A webhook was turned off").exists()


def test_a_webhook_that_somebody_changed_meanwhile_is_not_overwritten(cast: Cast, receiver: Receiver) -> None:
    made = hook(cast.alice, receiver)
    cast.alice.patch(f"webhooks/{made['id']}", {"description": "Desk"}, if_match=made["etag"])
    answer = cast.alice.call("PATCH", f"webhooks/{made['id']}", {"on": False}, if_match=made["etag"])
    assert answer.status_code == 412


# ── failures, rotation, replay


def test_a_message_that_is_not_taken_is_sent_again_under_the_same_id_and_in_order(
    cast: Cast, receiver: Receiver
) -> None:
    made = hook(cast.alice, receiver, kinds=["event"])
    receiver.answers = lambda number: 500 if number <= 2 else 204
    first = event(cast.alice)
    cast.alice.patch(f"events/{first}", {"summary": "Changed"})
    deliver_all(cast.account.pk, made["id"])
    assert receiver.taken == [] and len(receiver.came) == 1, "what comes later waits for it"
    for _attempt in range(3):
        forget_pauses(cast.account.pk)
        deliver_all(cast.account.pk, made["id"])
    assert receiver.types(made["secret"]) == ["event.created", "event.updated"]
    names = [headers["webhook-id"] for headers, _body in receiver.came]
    assert names[0] == names[1] == names[2] != names[3]
    [log] = [r for r in cast.alice.get(f"webhooks/{made['id']}/deliveries")["items"] if r["type"] == "event.created"]
    assert (log["state"], log["attempts"], log["status"]) == ("delivered", 3, 204)
    assert "Plan" not in json.dumps(cast.alice.get(f"webhooks/{made['id']}/deliveries"))


def test_the_pauses_last_three_days_and_then_it_is_turned_off_with_a_mail(
    cast: Cast, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert timedelta(days=2, hours=23) < timedelta(seconds=sum(delivering.PAUSES_S)) < timedelta(days=3, hours=1)
    made = hook(cast.alice, receiver, kinds=["event"])
    receiver.answers = lambda _number: 503
    event(cast.alice)
    for _attempt in range(len(delivering.PAUSES_S)):
        deliver_all(cast.account.pk, made["id"])
        assert cast.alice.get(f"webhooks/{made['id']}")["on"]
        forget_pauses(cast.account.pk)
    deliver_all(cast.account.pk, made["id"])
    shown = cast.alice.get(f"webhooks/{made['id']}")
    assert not shown["on"] and "three days" in shown["off_reason"]
    calendars.send_mail(cast.account.pk)
    [told] = [one for one in mail.outbox if one.to == ["alice@acme.example"] and "webhook" in one.subject]
    assert receiver.url in told.body and "/settings/webhooks" in told.body
    event(cast.alice, "While off")
    receiver.answers = lambda _number: 200
    cast.alice.patch(f"webhooks/{made['id']}", {"on": True})
    deliver_all(cast.account.pk, made["id"])
    assert receiver.types(made["secret"]) == ["event.created", "event.created"], "nothing is lost meanwhile"


def test_a_receiver_that_takes_nothing_is_left_in_peace_however_much_changes(
    cast: Cast, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "RESTS_S", (600,))
    made = hook(cast.alice, receiver, kinds=["event"])
    receiver.answers = lambda _number: 500
    pk = endpoint_of(cast.account.pk, made["id"]).pk
    for number in range(12):
        event(cast.alice, str(number))
    for _change in range(6):
        delivering.deliver(pk)
    assert len(receiver.came) <= 12, "one round, and then it rests"
    tried = len(receiver.came)
    event(cast.alice, "More")
    assert delivering.deliver(pk) is not None and len(receiver.came) == tried
    receiver.answers = lambda _number: 204
    forget_pauses(cast.account.pk)
    deliver_all(cast.account.pk, made["id"])
    assert len(receiver.types(made["secret"])) == 13


def test_a_receiver_that_takes_its_time_gets_each_message_once(
    cast: Cast, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "SENDERS", 1)
    made = hook(cast.alice, receiver, kinds=["event"])
    name = event(cast.alice)
    for number in range(20):
        cast.alice.patch(f"events/{name}", {"summary": f"{number}"})
        event(cast.alice, f"Other {number}")
    passed_s: list[float] = []

    def slowly(_number: int) -> int:
        passed_s.append(3.0)
        return 204

    receiver.answers = slowly
    began, began_s = clock.now(), clock.steady_s()
    clock.use(lambda: began + timedelta(seconds=sum(passed_s)), lambda: began_s + sum(passed_s))
    try:
        deliver_all(cast.account.pk, made["id"], rounds=60)
    finally:
        clock.use()
    assert len(receiver.taken) == len({headers["webhook-id"] for headers, _body in receiver.taken}) == 41


def test_an_endpoint_of_an_account_in_which_nothing_happens_for_months_misses_nothing(
    cast: Cast, receiver: Receiver
) -> None:
    made = hook(cast.alice, receiver, kinds=["event"])
    deliver_all(cast.account.pk, made["id"])
    at = clock.now()
    clock.use(lambda: at)
    try:
        for _month in range(4):
            at += timedelta(days=30)
            tasks.forget_old(0)
            for _account_id, pk in leases.due():
                delivering.deliver(pk)
        event(cast.alice)
        deliver_all(cast.account.pk, made["id"])
    finally:
        clock.use()
    assert [json.loads(body)["type"] for _headers, body in receiver.taken] == ["event.created"]


def test_a_receiver_that_says_gone_is_turned_off_at_once(cast: Cast, receiver: Receiver) -> None:
    made = hook(cast.alice, receiver, kinds=["event"])
    receiver.answers = lambda _number: 410
    event(cast.alice)
    deliver_all(cast.account.pk, made["id"])
    assert not cast.alice.get(f"webhooks/{made['id']}")["on"] and len(receiver.came) == 1


def test_a_rotated_secret_signs_beside_the_former_one_for_two_days(cast: Cast, receiver: Receiver) -> None:
    made = hook(cast.alice, receiver, kinds=["event"])
    fresh = cast.alice.post(f"webhooks/{made['id']}/rotate")
    assert fresh["secret"] != made["secret"] and fresh["former_secret_until"]
    event(cast.alice)
    deliver_all(cast.account.pk, made["id"])
    assert receiver.types(made["secret"]) == receiver.types(fresh["secret"]) == ["event.created"]
    with tenant(cast.account.pk):
        Endpoint.objects.update(former_until=clock.now() - timedelta(seconds=1))
    event(cast.alice)
    deliver_all(cast.account.pk, made["id"])
    assert len(receiver.types(fresh["secret"])) == 2
    with pytest.raises(WebhookVerificationError):
        receiver.types(made["secret"])


def test_replayed_messages_come_again_under_their_former_ids(cast: Cast, receiver: Receiver) -> None:
    follower = Follower(cast.alice)
    event(cast.alice, "Before the webhook was there")
    made = hook(cast.alice, receiver, kinds=["event"])
    one = event(cast.alice)
    cast.alice.patch(f"events/{one}", {"summary": "Changed"})
    deliver_all(cast.account.pk, made["id"])
    known = [headers["webhook-id"] for headers, _body in receiver.taken]
    cast.alice.post(f"webhooks/{made['id']}/replay", {"since": follower.cursor})
    deliver_all(cast.account.pk, made["id"])
    again = [headers["webhook-id"] for headers, _body in receiver.taken[len(known) :]]
    assert len(again) == 3 and [name for name in again if name in known] == known
    assert cast.alice.call("POST", f"webhooks/{made['id']}/replay", {"since": "nonsense"}).status_code == 422


def test_a_test_message_arrives_and_tells_of_nothing(cast: Cast, receiver: Receiver) -> None:
    made = hook(cast.alice, receiver)
    sent = cast.alice.post(f"webhooks/{made['id']}/test")
    deliver_all(cast.account.pk, made["id"])
    [message] = receiver.messages(made["secret"])
    assert message["type"] == "webhook.test" and message["data"]["object"] is None
    assert receiver.taken[0][0]["webhook-id"] == sent["id"]
    cast.alice.patch(f"webhooks/{made['id']}", {"on": False})
    assert cast.alice.call("POST", f"webhooks/{made['id']}/test", {}).status_code == 422


def test_while_the_module_is_off_nothing_is_sent_and_nothing_is_lost(cast: Cast, receiver: Receiver) -> None:
    made = hook(cast.alice, receiver, kinds=["event"])
    event(cast.alice)
    cast.alice.patch("account", {"calendar_enabled": False})
    again_at = delivering.deliver(endpoint_of(cast.account.pk, made["id"]).pk)
    assert again_at is not None and again_at > clock.now() + timedelta(minutes=1) and receiver.came == []
    cast.alice.patch("account", {"calendar_enabled": True})
    deliver_all(cast.account.pk, made["id"])
    assert receiver.types(made["secret"]) == ["event.created"]


def test_a_worker_that_died_is_followed_by_another(cast: Cast, receiver: Receiver) -> None:
    made = hook(cast.alice, receiver, kinds=["event"])
    pk = endpoint_of(cast.account.pk, made["id"]).pk
    event(cast.alice)
    lost = leases.take(pk)
    assert lost is not None and leases.take(pk) is None
    delivering.deliver(pk)
    assert receiver.came == []
    EndpointRun.objects.update(leased_until=clock.now() - timedelta(seconds=1))
    assert leases.due() == [(cast.account.pk, pk)]
    deliver_all(cast.account.pk, made["id"])
    assert receiver.types(made["secret"]) == ["event.created"]
    with pytest.raises(leases.FenceLost):
        leases.hold(lost)


def test_old_entries_of_the_log_are_forgotten(cast: Cast, receiver: Receiver) -> None:
    made = hook(cast.alice, receiver, kinds=["event"])
    event(cast.alice)
    deliver_all(cast.account.pk, made["id"])
    with tenant(cast.account.pk):
        Delivery.objects.update(ended_at=clock.now() - tasks.KEPT - timedelta(days=1))
    tasks.forget_old(0)
    assert cast.alice.get(f"webhooks/{made['id']}/deliveries")["items"] == []


def test_a_quiet_endpoint_costs_nothing(cast: Cast, receiver: Receiver) -> None:
    made = hook(cast.alice, receiver)
    deliver_all(cast.account.pk, made["id"])
    assert leases.due() == []


# ── the page


def test_an_administrator_sets_up_tests_rotates_and_removes_a_webhook_on_its_page(
    cast: Cast, receiver: Receiver
) -> None:
    address = "/settings/webhooks"
    assert cast.alice.browser().post(address, {"do": "create"})["Location"].startswith("/password/again")
    browser = confirmed(cast.alice)
    form = {"do": "create", "url": receiver.url, "kinds": ["event"], "description": "Desk <b>"}
    page = browser.post(address, form, follow=True).content.decode()
    secret = page.split('<code class="break-all">')[1].split("<")[0]
    assert secret.startswith("whsec_") and "Desk &lt;b&gt;" in page
    assert secret not in browser.get(address).content.decode(), "it is shown once"
    [made] = cast.alice.get("webhooks")["items"]
    browser.post(address, {"do": "test", "webhook": made["id"]})
    deliver_all(cast.account.pk, made["id"])
    assert receiver.types(secret) == ["webhook.test"]
    assert "webhook.test" in browser.get(address).content.decode()
    browser.post(address, {"do": "off", "webhook": made["id"]})
    assert "is off" in browser.get("/settings").content.decode()
    browser.post(address, {"do": "on", "webhook": made["id"]})
    page = browser.post(address, {"do": "rotate", "webhook": made["id"]}, follow=True).content.decode()
    assert "whsec_" in page and "former secret signs as well" in page
    browser.post(address, {"do": "remove", "webhook": made["id"]})
    assert cast.alice.get("webhooks")["items"] == []


def test_the_page_says_why_a_webhook_is_off_and_refuses_a_bad_address(cast: Cast, receiver: Receiver) -> None:
    browser, address = confirmed(cast.alice), "/settings/webhooks"
    page = browser.post(address, {"do": "create", "url": "http://x.example", "kinds": ["event"]}, follow=True)
    assert "https://" in page.content.decode() and cast.alice.get("webhooks")["items"] == []
    made = hook(cast.alice, receiver, kinds=["event"])
    receiver.answers = lambda _number: 410
    event(cast.alice)
    deliver_all(cast.account.pk, made["id"])
    page = browser.get(address)
    assert "gone for good" in page.content.decode() and "Turn on" in page.content.decode()


def test_another_accounts_webhook_cannot_be_touched_on_the_page(cast: Cast, receiver: Receiver) -> None:
    made = hook(cast.alice, receiver)
    browser = confirmed(cast.charlie)
    for act in ("off", "rotate", "test", "remove"):
        assert browser.post("/settings/webhooks", {"do": act, "webhook": made["id"]}).status_code == 404
    assert cast.bob.browser().get("/settings/webhooks").status_code == 403
    assert cast.alice.get(f"webhooks/{made['id']}")["on"]


def test_keys_are_rotated_with_the_secrets_of_webhooks(cast: Cast, receiver: Receiver, monkeypatch: Any) -> None:
    made = hook(cast.alice, receiver, kinds=["event"])
    cast.alice.post(f"webhooks/{made['id']}/rotate")
    old = settings.ENCRYPTION_KEYS
    monkeypatch.setattr(settings, "ENCRYPTION_KEYS", (("fresh", b"k" * 32), *old))
    assert tokens.reseal_all(cast.account.pk) == 1
    monkeypatch.setattr(settings, "ENCRYPTION_KEYS", (("fresh", b"k" * 32),))
    event(cast.alice)
    deliver_all(cast.account.pk, made["id"])
    assert receiver.types(made["secret"]) == ["event.created"]
    monkeypatch.setattr(settings, "ENCRYPTION_KEYS", old)
    event(cast.alice)
    delivering.deliver(endpoint_of(cast.account.pk, made["id"]).pk)
    assert len(receiver.came) == 1, "it waits for its key"
    keyring.forget("fresh")
    shown = cast.alice.get(f"webhooks/{made['id']}")
    assert not shown["on"] and "secret" in shown["off_reason"]
    fresh = cast.alice.post(f"webhooks/{made['id']}/rotate")["secret"]
    cast.alice.patch(f"webhooks/{made['id']}", {"on": True})
    deliver_all(cast.account.pk, made["id"])
    headers, body = receiver.taken[-1]
    assert Webhook(fresh).verify(body, headers)["type"] == "event.created"


# ── what the guide says


def test_the_guides_example_tells_genuine_messages_from_others(cast: Cast, receiver: Receiver) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
    scope: dict[str, Any] = {}
    exec(guide.split("```python")[1].split("```")[0], scope)
    made = hook(cast.alice, receiver, kinds=["event"])
    fresh = cast.alice.post(f"webhooks/{made['id']}/rotate")
    event(cast.alice)
    deliver_all(cast.account.pk, made["id"])
    headers, body = receiver.taken[0]
    for secret in (made["secret"], fresh["secret"]):
        assert scope["is_genuine"](secret, headers, body)
        assert not scope["is_genuine"](secret, headers, body + b" ")
        assert not scope["is_genuine"](secret, headers | {"webhook-timestamp": "1"}, body)
    assert not scope["is_genuine"](signing.new_secret(), headers, body)


def test_the_guide_names_every_kind_and_every_pause() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text()
    for kind in KINDS:
        assert f"| `{kind}` |" in guide
    hours = [int(pause // 3600) for pause in delivering.PAUSES_S[5:]]
    assert ", ".join(map(str, hours[:-1])) + f" and {hours[-1]} hours" in guide
