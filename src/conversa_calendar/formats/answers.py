"""Answers that guests mail: the right guest's answer for the right occurrence, or a proposal of another time.

Only a mail from the guest's own address answers for that guest, only about an event of which they are one, and only while
nothing newer is known. Everything else is ignored and noted. Nothing is ever mailed back, whatever arrives, so that no two
programs can answer each other without end.
"""

import hashlib
import logging
import re
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from conversa_calendar.accounts import selectors as accounts
from conversa_calendar.accounts.models import User
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.bookings.models import Booking
from conversa_calendar.calendars import acts, occurrences, presenting, selectors
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.acts import Act, Asked, Part
from conversa_calendar.calendars.models import Event, OutgoingMail
from conversa_calendar.calendars.selectors import NotFound
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.domain import answers, times
from conversa_calendar.domain import event as domain
from conversa_calendar.domain.answers import Answer, Mail
from conversa_calendar.domain.event import Content
from conversa_calendar.domain.vocabulary import AnswerOutcome, ProposalState
from conversa_calendar.formats.models import MailAnswer, Proposal
from conversa_calendar.kit import clock

log = logging.getLogger(__name__)
APPLIED, PROPOSED, IGNORED = AnswerOutcome.APPLIED, AnswerOutcome.PROPOSED, AnswerOutcome.IGNORED
UNKNOWN = "unknown_event"
_OWN = "@conversa"
_SEQUENCE = re.compile(r"^SEQUENCE:(\d{1,9})", re.M)


class Ignored(Exception):
    """An answer that changes nothing; `reason` is a stable code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def deliver(raw: bytes) -> list[MailAnswer]:
    """A mail from the mailbox of the installation: it belongs to whichever account of those it names knows the event."""
    mail = answers.read(raw, settings.MAIL_AUTH_HOST)
    users = User.objects.filter(email__in=mail.to).values_list("pk", flat=True)
    found = dict.fromkeys(place.account_id for user in users for place in accounts.places_of(user, clock.now()))
    for account_id in found:
        noted = receive(account_id, mail)
        if any(one.reason != UNKNOWN for one in noted):
            return noted
    log.info("a mail with %s answers belongs to no account", len(mail.answers))
    return []


def receive(account_id: int, mail: bytes | Mail) -> list[MailAnswer]:
    """What becomes of each answer in a mail to an account. A mail that comes twice is answered as the first time."""
    if isinstance(mail, bytes):
        mail = answers.read(mail, settings.MAIL_AUTH_HOST)
    return [_received(account_id, mail, number, answer) for number, answer in enumerate(mail.answers)]


def _received(account_id: int, mail: Mail, number: int, answer: Answer) -> MailAnswer:
    mark = hashlib.sha256(f"{mail.fingerprint}{number}".encode()).hexdigest()
    note = MailAnswer(fingerprint=mark, sender=mail.sender[:320], method=answer.method, uid=answer.uid, key=answer.key)
    note.stamp = answer.stamp
    with tenant(account_id):
        known = MailAnswer.objects.filter(fingerprint=mark).first()
        if known is not None:
            return known
        try:
            with transaction.atomic():
                _do(note, mail, answer)
        except Ignored as error:
            note.outcome, note.reason = IGNORED, error.reason
        except Invalid as error:
            note.outcome, note.reason = IGNORED, f"invalid_{error.field}"[:40]
        log.info("an answer by mail about %s: %s %s", note.event_id, note.outcome, note.reason)
        if note.reason != UNKNOWN:
            try:
                with transaction.atomic():
                    note.save(force_insert=True)
            except IntegrityError:  # the same mail at the same moment, by another way
                return MailAnswer.objects.get(fingerprint=mark)
    return note


def _do(note: MailAnswer, mail: Mail, answer: Answer) -> None:
    """Applies one answer. Raises Ignored, Invalid."""
    event = _event(answer.uid)
    if event is None:
        raise Ignored(UNKNOWN)
    note.event = event
    event = Event.objects.select_for_update(of=("self",)).select_related("calendar__owner", "series").get(pk=event.pk)
    _check_sender(mail, answer)
    key, content = _occurrence(event, answer)
    note.key = key
    guest = next((one for one in content.attendees if one.email.lower() == answer.guest), None)
    if guest is None or guest.resource:
        raise Ignored("not_a_guest")
    if guest.self or guest.organizer:
        raise Ignored("own_answer")
    _check_place(event)
    _check_fresh(event, key, answer)
    if answer.method == "COUNTER":
        _propose(event, key, answer)
        note.outcome = PROPOSED
        return
    if not answer.response:
        raise Ignored("no_answer")
    acts.answer_by_mail(acts.Guest(event, guest.email), answer.response, key=key, comment=answer.comment)
    note.outcome = APPLIED


def _event(uid: str) -> Event | None:
    """The event or series that a UID names: ours, the provider's, or that of a booking."""
    rows = Event.objects.filter(deleted_at=None, series=None)
    own = _uuid(uid.removesuffix(_OWN)) if uid.endswith(_OWN) else None
    found = rows.filter(uuid=own).first() if own is not None else rows.filter(ical_uid=uid).order_by("pk").first()
    if found is not None:
        return found
    booked = Booking.objects.filter(told_uid=uid) if own is None else Booking.objects.filter(uuid=own)
    booking = booked.select_related("event").first()
    event = booking.event if booking is not None else None
    return event if event is not None and event.deleted_at is None else None


def _check_sender(mail: Mail, answer: Answer) -> None:
    if mail.is_forged:
        raise Ignored("forged")
    if not mail.sender or mail.sender != answer.guest:
        raise Ignored("other_sender")


def _occurrence(event: Event, answer: Answer) -> tuple[str, Content]:
    """The key and content of what is answered."""
    if not answer.key:
        return "", event.content
    if not event.is_series:
        raise Ignored("no_such_occurrence")
    key = occurrences.key_within(event.content, answer.key)
    override = Event.objects.filter(series=event, original_key=key, deleted_at=None).first()
    try:
        content = override.content if override is not None else occurrences.occurrence_content(event.content, key)
    except ValueError:
        raise Ignored("no_such_occurrence") from None
    if content.status == "cancelled":
        raise Ignored("cancelled")
    return key, content


def _check_place(event: Event) -> None:
    """Of an event at a provider, only what its calendar organises and its owner may change is written."""
    calendar = event.calendar
    if not calendar.is_mirrored:
        return
    if calendar.owner is None:
        raise Ignored("nobody_may")
    level = "edit"
    if acts.authorise(Act.CHANGE, Viewer(calendar.owner), event, calendar, level) is not None:
        raise Ignored("organised_elsewhere")


def _check_fresh(event: Event, key: str, answer: Answer) -> None:
    """What answers an older invitation than the last one that was sent, or was written before what is known, is stale."""
    about = [event.uuid]
    override = Event.objects.filter(series=event, original_key=key, deleted_at=None).first() if key else None
    about += [override.uuid] if override is not None else []
    told = OutgoingMail.objects.filter(about__in=about, to__iexact=answer.guest, sent_at__isnull=False)
    sequences = [int(found[1]) for ics in told.values_list("ics", flat=True) if (found := _SEQUENCE.search(ics))]
    if sequences and answer.sequence < max(sequences):
        raise Ignored("stale_sequence")
    earlier = MailAnswer.objects.filter(event=event, sender=answer.guest, outcome__in=[APPLIED, PROPOSED])
    earlier = earlier.filter(key__in=["", key]) if key else earlier.filter(key="")
    if any(one.stamp > answer.stamp for one in earlier if one.stamp and answer.stamp):
        raise Ignored("stale_stamp")


def _propose(event: Event, key: str, answer: Answer) -> None:
    content = answer.content
    if content is None or type(content.start) is not type(event.content.start):
        raise Ignored("no_time")
    Proposal.objects.filter(event=event, key=key, email=answer.guest, state=ProposalState.OPEN).update(
        state=ProposalState.SUPERSEDED
    )
    proposed = domain.encode(Content(start=_at(event, content.start), end=_at(event, content.end)))
    Proposal(event=event, key=key, email=answer.guest, content=proposed, comment=answer.comment).save(force_insert=True)


def _at(event: Event, moment: times.Moment) -> times.Moment:
    """A proposed time as it reads where the event lives."""
    zone = times.civil_zone(event.content.start, "UTC")
    return times.timed(times.instant(moment), zone) if isinstance(moment, times.Timed) else moment


def proposals(viewer: Viewer, event: Event, key: str = "") -> list[Proposal]:
    """The open proposals for an event or an occurrence, for who may read it."""
    whole, key = (event.series, event.original_key) if event.series is not None else (event, key)
    rows = Proposal.objects.filter(event=whole, state=ProposalState.OPEN).order_by("pk")
    rows = rows.filter(key__in=["", key]) if key else rows
    return [one for one in rows.select_related("event") if _is_seen(viewer, one)]


def _is_seen(viewer: Viewer, found: Proposal) -> bool:
    """Whether the viewer may read what the proposal is about: the event, or what stands for that occurrence of it."""
    override = Event.objects.filter(series=found.event, original_key=found.key, deleted_at=None) if found.key else None
    about = (override.first() if override is not None else None) or found.event
    event, calendar, level = selectors.event(viewer, about.uuid)
    return acts.authorise(Act.SEE, viewer, event, calendar, level) is None


def decide(
    viewer: Viewer, event: UUID | str, proposal: UUID | str, *, is_accepted: bool, notify: str = "all"
) -> Proposal:
    """Moves the event to the proposed time and tells whom was chosen, or dismisses the proposal, of which nobody is told.
    Raises NotFound, NotAllowed, Invalid."""
    with transaction.atomic():
        found, _calendar, _level = acts.readable(viewer, event, Act.CHANGE)
        rows = (
            Proposal.objects.select_for_update(of=("self",)).filter(event=found.series or found).select_related("event")
        )
        identity = _uuid(proposal)
        wanted = rows.filter(uuid=identity, state=ProposalState.OPEN).first() if identity is not None else None
        if wanted is None or not _is_seen(viewer, wanted):
            raise NotFound
        if is_accepted:
            _accept(viewer, found.series or found, wanted, notify)
        wanted.state, wanted.decided_by = (
            ProposalState.ACCEPTED if is_accepted else ProposalState.DISMISSED,
            viewer.member,
        )
        wanted.save(update_fields=["state", "decided_by"])
        return wanted


def _accept(viewer: Viewer, event: Event, wanted: Proposal, notify: str) -> None:
    proposed = wanted.proposed
    asked = Asked(
        fields=frozenset({"start", "end"}),
        edit=lambda _event, _calendar: lambda now: msgspec.structs.replace(now, start=proposed.start, end=proposed.end),
    )
    part = Part("this", wanted.key) if wanted.key else Part("all")
    acts.change(viewer, event.uuid, asked, part=part, notify=notify)


def shown(found: Proposal) -> dict[str, Any]:
    """A proposal as the API shows it."""
    content = found.proposed
    return {
        "id": str(found.uuid),
        "occurrence": times.original_start(found.key) if found.key else None,
        "guest": found.email,
        "start": presenting.moment(content.start),
        "end": presenting.moment(content.end),
        "comment": found.comment,
        "state": found.state,
        "created_at": found.created_at,
    }


def reason_in_words(reason: str) -> str:
    """Why an answer by mail changed nothing."""
    return {
        UNKNOWN: _("No event of ours has this UID."),
        "forged": _("Your mail server says that the mail does not come from whom it names."),
        "other_sender": _("The mail comes from another address than the guest's."),
        "not_a_guest": _("Its sender is no guest of the event."),
        "own_answer": _("The calendar's own answer is given in the calendar."),
        "no_such_occurrence": _("The series has nothing at that time."),
        "cancelled": _("That occurrence is cancelled."),
        "nobody_may": _("Nobody owns the calendar who could change the event."),
        "organised_elsewhere": _("Google keeps the guests' answers of this event."),
        "stale_sequence": _("It answers an older invitation than the last one."),
        "stale_stamp": _("A newer answer of this guest is known."),
        "no_answer": _("It neither accepts nor declines."),
        "no_time": _("It proposes no time that the event could have."),
    }.get(reason, reason)


def _uuid(text: UUID | str) -> UUID | None:
    try:
        return text if isinstance(text, UUID) else UUID(text)
    except ValueError:
        return None
