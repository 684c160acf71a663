"""A booking was taken and its calendar at Google is lost right after: it stands here, everybody knows, and it arrives yet."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.test import Client

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.bookings.models import Booking
from conversa_calendar.calendars.models import OutgoingMail
from conversa_calendar.calendars.services import send_mail
from conversa_calendar.sync.models import MirrorRun
from tests.bookings.test_bookings import ANA, VISITOR, make_page, soon, starts, text
from tests.support.cast import Cast
from tests.support.google import Google, Person


@dataclass
class Shared:
    """The boss's calendar, shared with Ana, into which Alice's bookings go."""

    google: Google
    cast: Cast
    boss: Person
    id: str
    page: dict[str, Any]
    mirror: str

    def share(self, role: str) -> None:
        rule = {"role": role, "scope": {"type": "user", "value": ANA}}
        self.boss.call("POST", f"calendars/{self.id}/acl", rule)

    def lose(self, how: str) -> None:
        if how == "reader":
            self.share("reader")
        else:
            self.boss.call("DELETE", f"calendars/{self.id}/acl/user:{ANA}")

    def run(self) -> None:
        """Some attempts, one after the other, of what does not come to rest."""
        for _attempt in range(5):
            MirrorRun.objects.update(next_attempt_at=None, next_check_at=None)
            self.google.settle_once()

    def take(self) -> dict[str, Any]:
        found: dict[str, Any] = self.cast.alice.post(
            "bookings", {"page": self.page["id"], "start": text(soon())} | VISITOR
        )
        return found

    def notices(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.cast.alice.get("notices?unread=true")["items"]
        return found

    def host_mails(self) -> list[OutgoingMail]:
        send_mail(self.cast.account.pk)
        with tenant(self.cast.account.pk):
            rows = OutgoingMail.objects.filter(to=self.cast.alice.member.user.email, topic="stranded")
            return list(rows.order_by("pk"))


@pytest.fixture
def shared(google: Google, cast: Cast) -> Shared:
    google.person(ANA)
    boss = google.person("boss@acme.example")
    google_id = boss.call("POST", "calendars", {"summary": "Bookings", "timeZone": "UTC"})["id"]
    found = Shared(google, cast, boss, google_id, {}, "")
    found.share("writer")
    mirror = google.mirror(cast.alice, google.connect(cast.alice, ANA), google_id)
    hosts = [{"id": str(cast.alice.member.uuid), "calendar": str(mirror.calendar.uuid)}]
    found.page = make_page(cast.alice, hosts=hosts, location={"kind": "meet", "value": ""}, stale_policy="warn")
    found.mirror = str(mirror.uuid)
    return found


@pytest.mark.parametrize("how", ["reader", "unshared"])
def test_a_booking_whose_calendar_is_lost_right_after_is_told_and_arrives_when_it_is_back(
    shared: Shared, google: Google, how: str
) -> None:
    booking = shared.take()
    shared.lose(how)
    shared.run()
    assert shared.cast.alice.get(f"bookings/{booking['id']}")["flag"] == "not_at_google"
    [told] = shared.notices()
    assert told["event"] == booking["event"] and "has not reached Google" in told["message"]
    [mail] = shared.host_mails()
    assert "Bookings" in mail.body and VISITOR["name"] in mail.subject
    event = shared.cast.alice.get(f"events/{booking['event']}")
    assert "as soon as it does" in event["sync"]["message"]
    shared.run()
    assert len(shared.notices()) == 1 and len(shared.host_mails()) == 1, "once"
    shared.share("writer")
    google.check()
    (there,) = shared.boss.list(shared.id)
    assert there["attendees"][0]["email"] == VISITOR["email"]
    assert shared.cast.alice.get(f"bookings/{booking['id']}")["flag"] is None
    assert shared.notices() == []
    assert shared.cast.alice.get(f"events/{booking['event']}")["sync"]["message"] == ""
    assert google.control("mails", method="GET")["mails"] == []


@pytest.mark.parametrize("how", ["reader", "unshared"])
def test_a_page_whose_calendar_takes_nothing_stops_offering_and_says_why(
    shared: Shared, google: Google, how: str
) -> None:
    assert starts(shared.cast.alice, shared.page, soon())
    shared.take()
    shared.lose(how)
    shared.run()
    assert starts(shared.cast.alice, shared.page, soon()) == []
    since, until = text(soon()), text(soon().replace(hour=23))
    why = shared.cast.alice.get(f"booking-pages/{shared.page['id']}/why?from={since}&to={until}")
    assert [row["host"] for row in why["unwritable"]] == [str(shared.cast.alice.member.uuid)]
    page = shared.cast.alice.browser().get(f"/bookings/pages/{shared.page['id']}/why").content.decode()
    assert "takes no changes" in page
    shared.share("writer")
    google.check()
    assert starts(shared.cast.alice, shared.page, soon())


def test_the_visitor_is_promised_no_link_that_nobody_makes(shared: Shared, google: Google) -> None:
    booking = shared.take()
    shared.lose("reader")
    shared.run()
    send_mail(shared.cast.account.pk)
    with tenant(shared.cast.account.pk):
        row = Booking.objects.select_related("page", "host__user", "event").get(uuid=booking["id"])
        [mail] = OutgoingMail.objects.filter(to=VISITOR["email"])
        assert "follows by mail" not in mail.body and "will send you" in mail.body
        from conversa_calendar.bookings import mails

        token = mails.manage_token(row)
    shown = Client().get(f"/booking/{token}").content.decode()
    assert "There is no link to the video meeting yet" in shown
    shared.share("writer")
    google.check()
    with tenant(shared.cast.account.pk):
        assert Booking.objects.get(uuid=booking["id"]).flag == ""


def test_a_booking_that_google_refuses_is_told_and_arrives_by_try_again(shared: Shared, google: Google) -> None:
    fault = {
        "match": {"method": "POST", "path": "*/events"},
        "effect": {"status": 400, "reason": "invalid"},
        "times": 2,
    }
    google.control("faults", fault)
    booking = shared.take()
    google.settle()
    assert shared.cast.alice.get(f"bookings/{booking['id']}")["flag"] == "not_at_google"
    assert len(shared.host_mails()) == 1
    shared.cast.alice.post(f"events/{booking['event']}/sync/retry?wait_s=0")
    google.settle()
    assert len(shared.boss.list(shared.id)) == 1
    assert shared.cast.alice.get(f"bookings/{booking['id']}")["flag"] is None
