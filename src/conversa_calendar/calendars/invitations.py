"""Telling the guests of an event, by exactly one side (promise 18). Of native events and of bookings they hear from here: an
.ics and answer links by mail, Reply-To the member.

Guests of other mirrored events are told by Google, when the person chose so; what Google mails counts in the account's
budget as what is mailed from here. Rooms hear nothing, nor from here whoever hears of the event in another way, as visitors
do of their bookings.
"""

from typing import Any

import msgspec
from django.conf import settings
from django.core import signing
from django.utils import translation
from django.utils.translation import gettext as _

from conversa_calendar.accounts.models import PRESENT, Member
from conversa_calendar.calendars import outbox, outgoing, scheduling, wording
from conversa_calendar.calendars.models import Calendar, Event, OutgoingMail
from conversa_calendar.calendars.outbox import Letter
from conversa_calendar.calendars.signals import tellers_asked
from conversa_calendar.domain import event as domain
from conversa_calendar.domain import names
from conversa_calendar.domain.event import Attendee, Content
from conversa_calendar.kit import ids

SALT = "guest-answer"
ANSWER_LINK_DAYS = 400
TOPIC = "invitation"


def tell(
    event: Event,
    calendar: Calendar,
    before: Content | None,
    after: Content | None,
    notify: str,
    actor: Member | None,
) -> None:
    """Owes mail to the guests that the person chose to tell, unless the provider is asked to (`event.notify`). Raises
    Invalid when so many may not be mailed today."""
    if notify == "none":
        return
    is_told_there = calendar.is_mirrored and event.notify != "none"
    if is_told_there and not event.facts.is_own_copy and not event.content.guests_can.modify:
        return  # of a guest's own copy Google tells nobody but its organiser
    was, now = _people(before), _people(after)
    silent = _told_otherwise(event) | (_members() if notify == "external" else set())
    silent |= {actor.user.email.lower()} if actor is not None else set()
    told = sorted(email for email in (now.keys() | was.keys()) - silent if outbox.reaches(email))
    if is_told_there:
        outgoing.spend(told)
        return
    outgoing.afford(told)
    scheduling.raise_event(event, is_cancelled=after is None)
    facts: dict[str, Any] = {"actor": actor.pk if actor else None, "language": translation.get_language()}
    for email in told:
        known = domain.encode(before) if before is not None and email in was else ""
        outbox.owe(TOPIC, event.uuid, email, {"content": known}, is_out=email not in now, **facts)


def answer_token(event: Event, email: str) -> str:
    return signing.dumps([event.account_id, str(event.uuid), email], salt=SALT)


def read_answer_token(token: str) -> tuple[int, str, str]:
    """The (account id, event uuid, guest address) of a link. Raises signing.BadSignature."""
    account_id, uuid, email = signing.loads(token, salt=SALT, max_age=ANSWER_LINK_DAYS * 86_400)
    return account_id, uuid, email


@outbox.builds(TOPIC)
def write(mail: OutgoingMail) -> Letter | None:
    """The invitation, its change or its end, as the event stands now. Somebody who was taken off learns that, and no
    more of the event than they knew."""
    facts = mail.facts or {}
    assert mail.about is not None
    event = Event.objects.select_related("author__user", "series", "calendar").filter(uuid=mail.about).first()
    if event is None:
        return None
    known = facts["told"]["content"]
    is_out = facts["is_out"] or event.deleted_at is not None or event.content.status == "cancelled"
    if is_out and not known:
        return None  # they never heard of it
    content = domain.decode_content(known) if is_out else event.content
    actor = Member.objects.select_related("user").filter(pk=facts["actor"]).first() if facts["actor"] else None
    with translation.override(facts.get("language") or settings.LANGUAGE_CODE):
        return _letter(event, content, mail.to, actor, is_out=is_out, is_update=bool(known))


def _letter(
    event: Event, content: Content, email: str, actor: Member | None, *, is_out: bool, is_update: bool
) -> Letter:
    title = _one_line(content.summary) or _("(No title)")
    subject = _("Cancelled: %(title)s") if is_out else _("Changed: %(title)s") if is_update else ""
    lines = [title, wording.when_in_words(content)]
    if content.location:
        lines.append(_one_line(content.location))
    if not is_out and settings.PUBLIC_URL:
        lines += ["", _("Answer: %(url)s") % {"url": f"{settings.PUBLIC_URL}/answer/{answer_token(event, email)}"}]
    method = "CANCEL" if is_out else "REQUEST"
    return Letter(
        subject=(subject or _("Invitation: %(title)s")) % {"title": title},
        body="\n".join(lines),
        reply_to=actor.user.email if actor else "",
        ics=scheduling.entry(
            uid=_uid(event),
            content=_with(content, email),
            organizer=_organizer(event, actor),
            sequence=event.sequence,
            method=method,
            original_key=event.original_key,
            series_start=event.series.content.start if event.series is not None else None,
            overrides=[] if is_out else _changed_occurrences(event),
        ),
        method=method,
    )


def _uid(event: Event) -> str:
    """The UID under which the event stands, or will stand once the provider has it."""
    whole = event.series or event
    if whole.ical_uid or not event.calendar.is_mirrored:
        return event.uid
    return f"{ids.remote_event_id(whole.uuid, 0)}@google.com"


def _changed_occurrences(event: Event) -> list[tuple[str, Content]]:
    """What makes a series differ from its rule; whoever gets the rule anew would lose it otherwise."""
    if not event.is_series:
        return []
    rows = Event.objects.filter(series=event, deleted_at=None).order_by("original_key")
    return [(row.original_key, row.content) for row in rows]


def _organizer(event: Event, actor: Member | None) -> tuple[str, str]:
    """The same in every mail about an event, whoever changes it."""
    person, member = event.facts.organizer, event.author or actor
    if person is not None and person.self:
        return person.email, person.name
    return (member.user.email, str(member)) if member is not None else ("", "")


def _with(content: Content, email: str) -> Content:
    """Whoever is told stands among the guests, also when they are told that they are none any more."""
    if email in _people(content):
        return content
    return msgspec.structs.replace(content, attendees=(*content.attendees, Attendee(email)))


def _people(content: Content | None) -> dict[str, Attendee]:
    """The guests of a content who read mail, by address."""
    return {guest.email.lower(): guest for guest in content.attendees if not guest.resource} if content else {}


def _told_otherwise(event: Event) -> set[str]:
    answers: list[tuple[Any, Any]] = tellers_asked.send(sender=Event, event=event)
    return set().union(*(found for _receiver, found in answers))


def _members() -> set[str]:
    return {email.lower() for email in Member.objects.filter(PRESENT).values_list("user__email", flat=True)}


def _one_line(text: str) -> str:
    return names.tidy(text, 200)
