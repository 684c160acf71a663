"""Mail that is owed. What is stored with an act is whom it concerns and what that person was last told; the words and the
.ics are made out of the committed rows, at the latest moment before the mail leaves.

A later act supersedes what has not been sent: one mail then says the newest truth, and none is sent when nothing is left
to say. Each kind of mail has one builder, registered by the part that knows how to word it.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import Q
from procrastinate.contrib.django import app

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import OutgoingMail
from conversa_calendar.domain import addresses, names
from conversa_calendar.kit import backoff, clock

log = logging.getLogger(__name__)
ATTEMPTS_MAX = 8
PAUSE_S = 30.0
CLAIMED_FOR = timedelta(minutes=10)
"""Whoever has not said by then what became of a mail is not there any more."""
ROOMS = "@resource.calendar.google.com"
"""Where Google's addresses of rooms and things end; nobody reads mail there."""


class Letter(msgspec.Struct, frozen=True):
    """What a mail says. `method` is that of the .ics."""

    subject: str
    body: str
    reply_to: str = ""
    ics: str = ""
    method: str = ""


Builder = Callable[[OutgoingMail], Letter | None]
_builders: dict[str, Builder] = {}


def builds(topic: str) -> Callable[[Builder], Builder]:
    """Registers who makes the mails of a topic; the builder answers None when there is nothing to say any more."""

    def register(builder: Builder) -> Builder:
        _builders[topic] = builder
        return builder

    return register


def send_soon(account_id: int) -> None:
    """Wakes a worker for the account's mail once the transaction is committed."""
    app.configure_task("conversa_calendar.sync.tasks.send_mail").defer(account_id=account_id)


def owe(topic: str, about: UUID, to: str, told: dict[str, Any], **facts: Any) -> None:
    """Owes somebody a mail about something, within the act's transaction and after its rows are written. `told` is what
    they knew before; what an earlier mail that has not left would have started from stays the start. One that may have
    left, as whoever sent it died, counts as read."""
    if not reaches(to):
        return
    unsent = OutgoingMail.objects.filter(_at_rest(clock.now()), topic=topic, about=about, to=to, sent_at=None)
    earlier = list(unsent.select_for_update().order_by("id"))
    mail = earlier[0] if earlier else OutgoingMail(to=to, topic=topic, about=about)  # counted once as a mail
    mail.facts = facts | {"told": _told(earlier, told)}
    mail.failures, mail.next_attempt_at, mail.claimed_at = 0, None, None  # other words, and as many attempts again
    if fill(mail):
        mail.save()
    elif earlier:
        mail.delete()
    _delete(earlier[1:])


def claim(account_id: int) -> OutgoingMail | None:
    """The next mail that is due, worded anew; it is the caller's for `CLAIMED_FOR`. Two mails to somebody about one thing
    are never under way together: what an attempt that failed left over is said by the one that goes now.

    Whoever dies between the claim and its end leaves open whether the mail went out. It is sent again then: better twice
    than never."""
    passed: list[int] = []
    while True:
        with tenant(account_id):
            now = clock.now()
            rows = OutgoingMail.objects.filter(_at_rest(now), sent_at=None, failures__lt=ATTEMPTS_MAX)
            for field in ("not_before", "next_attempt_at"):
                rows = rows.filter(Q(**{field: None}) | Q(**{f"{field}__lte": now}))
            found = rows.exclude(pk__in=passed).order_by("id").first()
            if found is None:
                return None
            passed.append(found.pk)
            mail = _merged(found, now)
            if mail is not None and _word(mail):
                mail.claimed_at = now
                mail.save()
                return mail


def failed(mail: OutgoingMail) -> None:
    """A mail could not be worded or sent: it is tried again after a growing pause, in which a newer one supersedes it.
    Within its account's scope."""
    failures = mail.failures + 1
    later = clock.now() + timedelta(seconds=backoff.delay_s(failures, base_s=PAUSE_S))
    own = OutgoingMail.objects.filter(pk=mail.pk, claimed_at=mail.claimed_at, sent_at=None)
    own.update(failures=failures, claimed_at=None, next_attempt_at=later)


def fill(mail: OutgoingMail) -> bool:
    """Words a mail by what is committed now; False when nothing is to be said. One without a topic is as it is."""
    if not mail.topic:
        return True
    letter = _builders[mail.topic](mail)
    if letter is None:
        return False
    mail.subject, mail.body, mail.reply_to = names.tidy(letter.subject, 300), letter.body, letter.reply_to
    mail.ics, mail.method = letter.ics, letter.method
    return True


def reaches(address: str) -> bool:
    """Whether somebody reads what is mailed to an address: no room, and none that Google took and no mail can carry."""
    return addresses.is_usable(address) and not is_room(address)


def is_room(address: str) -> bool:
    """Whether an address is that of a room or a thing, which never get mail."""
    return address.strip().lower().endswith(ROOMS)


def _at_rest(now: datetime) -> Q:
    """Mail that nobody is sending just now."""
    return Q(claimed_at=None) | Q(claimed_at__lt=now - CLAIMED_FOR)


def _merged(found: OutgoingMail, now: datetime) -> OutgoingMail | None:
    """Takes a mail together with all that is unsent of the same topic, to the same person about the same thing: one says
    the newest, from what the oldest started from. None while one of them is being sent, or was just taken."""
    unsent = OutgoingMail.objects.filter(sent_at=None)
    if found.topic:
        unsent = unsent.filter(topic=found.topic, about=found.about, to=found.to)
    else:
        unsent = unsent.filter(pk=found.pk)
    together = list(unsent.select_for_update().order_by("id"))  # as `owe` does, so that nobody waits for each other
    under_way = [one for one in together if one.claimed_at is not None and one.claimed_at >= now - CLAIMED_FOR]
    mail = next((one for one in together if one.pk == found.pk), None)
    if mail is None or under_way or mail.next_attempt_at != found.next_attempt_at:
        return None
    if len(together) > 1:
        newest = together[-1].facts or {}
        mail.facts = newest | {"told": _told(together, newest.get("told", {}))}
        _delete(one for one in together if one.pk != mail.pk)
    return mail


def _word(mail: OutgoingMail) -> bool:
    """Words a mail that is about to be sent; False when it is not to be sent now. Whatever its builder raises is the
    trouble of this mail alone."""
    try:
        with transaction.atomic():
            is_owed = addresses.is_usable(mail.to) and fill(mail)
    except Exception:
        log.exception("mail %s cannot be worded", mail.pk)
        mail.save(update_fields=["facts"])
        failed(mail)
        return False
    if not is_owed:
        mail.delete()  # what it would have said is not so any more, or nobody can be reached there
    return is_owed


def _told(mails: Iterable[OutgoingMail], otherwise: dict[str, Any]) -> dict[str, Any]:
    """What the reader of these unsent mails, oldest first, knows for certain."""
    start = next((mail for mail in mails if mail.claimed_at is None), None)
    found: dict[str, Any] = (start.facts or {}).get("told", otherwise) if start is not None else otherwise
    return found


def _delete(mails: Iterable[OutgoingMail]) -> None:
    for mail in mails:
        mail.delete()
