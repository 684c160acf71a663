"""Mail that a server refuses, that cannot be worded, or whose worker died: nobody is told twice, nobody is forgotten."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import outbox
from conversa_calendar.calendars.models import OutgoingMail
from conversa_calendar.calendars.services import send_mail
from conversa_calendar.kit import clock
from tests.bookings.test_bookings import VISITOR, make_page, soon, text
from tests.bookings.test_mails import GUEST, booked, read
from tests.support.cast import Cast

HOUR = timedelta(hours=1)


class Refusing(EmailBackend):
    """A server that does not take mail to some addresses."""

    to: frozenset[str] = frozenset()
    error: Exception = OSError("mailbox full")

    def send_messages(self, messages: Any) -> int:
        if any(address in self.to for message in messages for address in message.to):
            raise self.error
        return super().send_messages(messages)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> type[Refusing]:
    monkeypatch.setattr(settings, "EMAIL_BACKEND", f"{__name__}.Refusing")
    monkeypatch.setattr(Refusing, "to", frozenset())
    monkeypatch.setattr(Refusing, "error", OSError("mailbox full"))
    return Refusing


def _later(cast: Cast) -> None:
    """The pause after a failure is over."""
    with tenant(cast.account.pk):
        OutgoingMail.objects.exclude(next_attempt_at=None).update(next_attempt_at=clock.now())


def _to(address: str = VISITOR["email"]) -> list[Any]:
    return [message for message in mail.outbox if message.to == [address]]


def _owe(cast: Cast, *addresses: str) -> None:
    with tenant(cast.account.pk):
        for address in addresses:
            OutgoingMail(to=address, subject="Hello", body="There").save()


def test_what_was_refused_is_superseded_by_what_happened_since(cast: Cast, server: type[Refusing]) -> None:
    made = booked(cast, make_page(cast.alice), soon())
    server.to = frozenset({VISITOR["email"]})
    send_mail(cast.account.pk)
    cast.alice.patch(f"bookings/{made['id']}", {"start": text(soon() + HOUR)})
    server.to = frozenset()
    _later(cast)
    send_mail(cast.account.pk)
    (message,) = _to()
    assert message.subject.startswith("Booked"), "they never heard of the first time"
    with tenant(cast.account.pk):
        (sent,) = OutgoingMail.objects.filter(to=VISITOR["email"])
    assert read(sent).start == soon() + HOUR and sent.sent_at is not None


def test_a_change_during_the_attempt_that_fails_makes_one_mail_with_the_retry(
    cast: Cast, server: type[Refusing]
) -> None:
    made = booked(cast, make_page(cast.alice), soon())
    claimed = outbox.claim(cast.account.pk)
    assert claimed is not None
    if claimed.to != VISITOR["email"]:
        claimed = outbox.claim(cast.account.pk)
    assert claimed is not None and claimed.to == VISITOR["email"]
    cast.alice.patch(f"bookings/{made['id']}", {"start": text(soon() + HOUR)})
    send_mail(cast.account.pk)
    assert _to() == [], "two mails about one thing are not under way together"
    with tenant(cast.account.pk):
        outbox.failed(claimed)
    send_mail(cast.account.pk)
    _later(cast)
    send_mail(cast.account.pk)
    (message,) = _to()
    assert message.subject.startswith("Booked")


def test_a_worker_that_died_in_the_middle_mails_late(cast: Cast, server: type[Refusing]) -> None:
    _owe(cast, "lia@else.example")
    assert outbox.claim(cast.account.pk) is not None
    send_mail(cast.account.pk)
    assert mail.outbox == [], "it may be under way"
    with tenant(cast.account.pk):
        OutgoingMail.objects.update(claimed_at=clock.now() - outbox.CLAIMED_FOR - timedelta(seconds=1))
    send_mail(cast.account.pk)
    send_mail(cast.account.pk)
    assert len(_to("lia@else.example")) == 1


def test_many_that_wait_for_their_next_attempt_hold_up_nobody(cast: Cast, server: type[Refusing]) -> None:
    full = [f"full{number}@else.example" for number in range(25)]
    _owe(cast, *full)
    server.to = frozenset(full)
    send_mail(cast.account.pk)
    _owe(cast, "lia@else.example")
    send_mail(cast.account.pk)
    assert len(_to("lia@else.example")) == 1 and len(mail.outbox) == 1
    with tenant(cast.account.pk):
        assert set(OutgoingMail.objects.filter(sent_at=None).values_list("failures", flat=True)) == {1}


@pytest.mark.parametrize("error", [ValueError("no such header"), RuntimeError("library"), KeyError("x")])
def test_whatever_goes_wrong_with_one_mail_the_others_leave(
    cast: Cast, server: type[Refusing], error: Exception
) -> None:
    _owe(cast, "odd@else.example", "lia@else.example")
    server.to, server.error = frozenset({"odd@else.example"}), error
    assert send_mail(cast.account.pk) == 1 and len(_to("lia@else.example")) == 1
    server.to = frozenset()
    _later(cast)
    assert send_mail(cast.account.pk) == 1


def test_a_mail_that_cannot_be_worded_waits_and_the_others_leave(cast: Cast, server: type[Refusing]) -> None:
    with tenant(cast.account.pk):
        OutgoingMail(to="odd@else.example", topic="invitation", facts=None).save()
        OutgoingMail(to="old@else.example", topic="no longer known").save()
    _owe(cast, "lia@else.example")
    assert send_mail(cast.account.pk) == 1 and len(_to("lia@else.example")) == 1
    with tenant(cast.account.pk):
        assert [row.failures for row in OutgoingMail.objects.filter(sent_at=None)] == [1, 1]


@pytest.mark.parametrize("how", ["unsent", "refused", "perhaps sent"])
def test_a_guest_hears_of_the_end_of_what_they_may_have_heard_of(cast: Cast, server: type[Refusing], how: str) -> None:
    made = booked(cast, make_page(cast.alice), soon())
    cast.alice.patch(f"bookings/{made['id']}", {"guests": [GUEST]})
    server.to = frozenset({GUEST} if how == "refused" else ())
    if how == "refused":
        send_mail(cast.account.pk)
    if how == "perhaps sent":
        with tenant(cast.account.pk):
            OutgoingMail.objects.update(claimed_at=clock.now() - 2 * outbox.CLAIMED_FOR)
    with tenant(cast.account.pk):
        assert OutgoingMail.objects.filter(to=GUEST, sent_at=None).count() == 1
    cast.alice.delete(f"bookings/{made['id']}")
    server.to = frozenset()
    _later(cast)
    send_mail(cast.account.pk)
    assert len(_to(GUEST)) == (how == "perhaps sent"), "nobody needs the end of what they never heard of"
    assert [message.subject.split(":")[0] for message in _to()][-1] == "Cancelled"
