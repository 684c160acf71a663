"""An address is written into other people's mail: what breaks lines is taken by no door, and one mail or one account
that fails keeps nobody else waiting."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from django.core.mail.backends.base import BaseEmailBackend
from django.test import Client, override_settings

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import tasks
from conversa_calendar.calendars.models import Event, OutgoingMail
from conversa_calendar.domain import event as domain
from conversa_calendar.domain.event import Attendee
from conversa_calendar.kit import clock
from tests.bookings.test_bookings import VISITOR, make_page, soon, text
from tests.core.test_addresses import ODD
from tests.support.cast import Actor, Cast

LINE_BREAKERS = ODD[:5]
SPAN = {
    "start": {"date_time": "2027-03-01T09:00:00", "time_zone": "UTC"},
    "end": {"date_time": "2027-03-01T10:00:00", "time_zone": "UTC"},
}
taken: list[str] = []


class Fussy(BaseEmailBackend):
    """A mail server's client that cannot make anything of one recipient."""

    def send_messages(self, messages: Any) -> int:
        for message in messages:
            if message.to == ["odd@else.example"]:
                raise ValueError("what was that?")
            taken.extend(message.to)
        return len(messages)


@pytest.fixture
def post() -> Any:
    taken.clear()
    with override_settings(EMAIL_BACKEND=f"{__name__}.Fussy"):
        yield taken


def own_calendar(actor: Actor) -> str:
    return str(next(c["id"] for c in actor.get("calendars")["items"]))


@pytest.mark.parametrize("address", LINE_BREAKERS)
def test_no_door_takes_an_address_with_a_line_break(cast: Cast, address: str) -> None:
    alice, page = cast.alice, make_page(cast.alice)
    event = {"calendar": own_calendar(alice), "summary": "x", "attendees": [{"email": address}]} | SPAN
    booking = {"page": page["id"], "start": text(soon()), "name": "V", "email": address}
    assert alice.call("POST", "events", event).status_code == 422
    assert alice.call("POST", "bookings", booking).status_code == 422
    assert alice.call("POST", "members", {"email": address}).status_code == 422
    assert alice.call("PUT", "directory", {"members": [{"external_id": "1", "email": address}]}).status_code == 422
    made = alice.post("bookings", booking | {"email": "vera@else.example"})
    assert alice.call("PATCH", f"bookings/{made['id']}", {"guests": [address]}).status_code == 422
    shown = {"start": text(soon() + timedelta(minutes=60)), "zone": "Europe/Lisbon"}
    answer = Client().post(f"/book/{page['slug']}/form", VISITOR | shown | {"email": address})
    assert answer.status_code != 302
    with tenant(cast.account.pk):
        assert not OutgoingMail.objects.filter(to__contains="evil").exists()


def test_a_guest_with_an_odd_address_from_google_stays_and_is_never_mailed(cast: Cast, post: list[str]) -> None:
    alice, odd = cast.alice, '"a\x0bb"@evil.example'
    event = alice.post("events", {"calendar": own_calendar(alice), "summary": "x"} | SPAN)
    with tenant(alice.account_id):
        row = Event.objects.get(uuid=event["id"])
        row.content_json = domain.encode(msgspec.structs.replace(row.content, attendees=(Attendee(odd),)))
        row.save()
    guests = [{"email": odd}, {"email": "vic@else.example"}]
    alice.patch(f"events/{event['id']}", {"attendees": guests, "notify": "all"})
    tasks.send_waiting_mail(0)
    assert post == ["vic@else.example"]
    assert [guest["email"] for guest in alice.get(f"events/{event['id']}")["attendees"]] == [odd, "vic@else.example"]
    with tenant(alice.account_id):
        assert "evil" not in OutgoingMail.objects.get().ics


def owe(cast: Cast, account_id: int, *addresses: str) -> None:
    with tenant(account_id):
        for address in addresses:
            OutgoingMail(to=address, subject="s", body="b").save()


def test_mail_that_cannot_be_sent_keeps_no_other_mail_waiting(cast: Cast, post: list[str]) -> None:
    owe(cast, cast.account.pk, "odd@else.example", '"a\x1cb"@evil.example', "vic@else.example")
    owe(cast, cast.other.pk, "zoe@else.example")
    tasks.send_waiting_mail(0)
    assert post == ["vic@else.example", "zoe@else.example"]
    with tenant(cast.account.pk):
        assert [(mail.to, mail.failures) for mail in OutgoingMail.objects.filter(sent_at=None)] == [
            ("odd@else.example", 1)
        ], "it is tried again later, and whom nobody can reach is owed nothing"


def test_an_account_whose_reminders_fail_keeps_nobody_elses_waiting(cast: Cast, post: list[str]) -> None:
    at = clock.now() + timedelta(minutes=29)
    rings = {"use_default": False, "overrides": [{"method": "email", "minutes": 30}]}
    start = {"date_time": f"{at:%Y-%m-%dT%H:%M:%S}", "time_zone": "UTC"}
    for actor in (cast.alice, cast.charlie):
        actor.post("events", {"calendar": own_calendar(actor), "summary": "x", "start": start, "reminders": rings})
    with tenant(cast.account.pk):
        Event.objects.update(content_json='{"overrides": "unreadable')
    tasks.ring(0)
    assert post == ["charlie@other.example"]
