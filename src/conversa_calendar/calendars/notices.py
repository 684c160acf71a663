"""Who is told that an edit of theirs did not stand: whoever wrote last, here, what was lost. They are told once, on the
pages and by the API until they have read it, by mail only where they chose that."""

from collections.abc import Iterable, Sequence

from django.db.models import Q

from conversa_calendar.accounts.models import Member
from conversa_calendar.calendars import outbox
from conversa_calendar.calendars.models import Event, History, Notice, Preference
from conversa_calendar.kit import clock

TOPIC = "notice"
LOOKED_AT_MAX = 200
"""So many entries of an event are gone through for who wrote a value."""
WRITES_EVERYTHING = ("created", "continued", "booked")
"""Causes by which all of an event is somebody's, or a visitor's."""


def tell_authors(entry: History, units: Sequence[str]) -> None:
    """Tells whoever wrote last, here, what these units held; nobody where that was a visitor or a program."""
    for member in authors(entry.event, units):
        if _is_known(member, entry):
            continue
        tell(entry, member)
        if Preference.objects.filter(member=member, mails_losses=True).exists():
            notice = Notice.objects.get(member=member, entry=entry)
            outbox.owe(TOPIC, notice.uuid, member.user.email, told={})


def tell(entry: History, member: Member) -> None:
    """Puts an entry before a member, once."""
    Notice.objects.get_or_create(member=member, entry=entry)


def end(event: Event, cause: str) -> None:
    """What was said of an event is not so any more."""
    Notice.objects.filter(entry__event=event, entry__cause=cause, read_at=None).update(read_at=clock.now())


def authors(event: Event, units: Iterable[str]) -> list[Member]:
    """The members who wrote last, here, what each of these units of an event holds."""
    whole = Q(event=event) | (Q(event=event.series_id) if event.series_id else Q())
    rows = History.objects.filter(whole, side="local").select_related("actor__user")
    entries = list(rows.order_by("-pk")[:LOOKED_AT_MAX])
    found: dict[int, Member] = {}
    for unit in units:
        wrote = next((one for one in entries if unit in one.changes or one.cause in WRITES_EVERYTHING), None)
        if wrote is not None and wrote.actor is not None and wrote.actor.is_present:
            found[wrote.actor.pk] = wrote.actor
    return list(found.values())


def settle(event: Event, member: Member | None, entry_id: int | None = None) -> None:
    """A member has put back what they were told of, or brought the event back: there is nothing left to say."""
    if member is None:
        return
    rows = Notice.objects.filter(member=member, entry__event=event, read_at=None)
    rows = rows.filter(entry=entry_id) if entry_id is not None else rows.filter(entry__cause="deleted")
    rows.update(read_at=clock.now())


def read(member: Member, uuid: str | None = None) -> int:
    """A member has read a notice, or all of them; answers how many were new."""
    rows = Notice.objects.filter(member=member, read_at=None)
    return (rows.filter(uuid=uuid) if uuid is not None else rows).update(read_at=clock.now())


def _is_known(member: Member, entry: History) -> bool:
    """Whether the same loss stands before them already."""
    same = Notice.objects.filter(member=member, read_at=None, entry__event=entry.event, entry__cause=entry.cause)
    return same.filter(entry__lost=entry.lost).exists()
