"""Mail that is owed. What is stored with an act is whom it concerns and what that person was last told; the words and the
.ics are made out of the committed rows, at the latest moment before the mail leaves.

A later act supersedes what has not been sent: one mail then says the newest truth, and none is sent when nothing is left
to say. Each kind of mail has one builder, registered by the part that knows how to word it.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec

from conversa_calendar.calendars.models import OutgoingMail
from conversa_calendar.domain import addresses, names

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


def owe(topic: str, about: UUID, to: str, told: dict[str, Any], **facts: Any) -> None:
    """Owes somebody a mail about something, within the act's transaction and after its rows are written. `told` is what
    they knew before; what an earlier mail that has not left would have started from stays the start."""
    if not reaches(to):
        return
    unsent = OutgoingMail.objects.filter(topic=topic, about=about, to=to, sent_at=None, claimed_at=None)
    earlier = list(unsent.select_for_update().order_by("id"))
    if earlier:
        told = (earlier[0].facts or {}).get("told", told)
    mail = earlier[0] if earlier else OutgoingMail(to=to, topic=topic, about=about)  # counted once as a mail
    mail.facts = facts | {"told": told}
    if fill(mail):
        mail.save()
    elif earlier:
        mail.delete()


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
