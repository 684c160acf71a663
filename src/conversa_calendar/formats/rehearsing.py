"""What bringing a file into a calendar would do: said before anything is done, and asked anew while it is done.

An entry of a file is known again by its UID and original start, so the same file twice changes nothing. Guests in a file
are named in the description unless somebody chose otherwise, as a guest of an event here may be mailed by a later act.
"""

import time
from collections.abc import Iterable
from functools import cached_property
from uuid import UUID

import msgspec
from django.utils.translation import gettext as _

from conversa_calendar.calendars import access, occurrences, schema, wording
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.models import Calendar, Event
from conversa_calendar.calendars.validation import Invalid, check_content
from conversa_calendar.domain import event as domain
from conversa_calendar.domain import recurrence, times
from conversa_calendar.domain.event import Attendee, Content, changed_units
from conversa_calendar.domain.icsfile import FileEvent
from conversa_calendar.domain.times import Timed
from conversa_calendar.formats.models import ImportedEvent
from conversa_calendar.kit import digest

NEW, CHANGED, SAME, CANCELLED, UNREADABLE, REFUSED = "new", "changed", "same", "cancelled", "unreadable", "refused"
COMPARED = ("when", "summary", "description", "location", "status", "transparency", "visibility")
"""What a file says about an event that is here already; the rest stays as it is."""
CHECKING_MAX_S = 1.0
"""So long a processor may think about the rules of one file."""
OWN = "@conversa"


class Verdict(msgspec.Struct):
    """What becomes of one entry. `event` is what is here already: the event, or the series of an occurrence."""

    entry: FileEvent
    what: str
    reason: str = ""
    event: Event | None = None
    before: Content | None = None


def with_guests(entry: FileEvent, choice: str) -> FileEvent:
    """An entry with its guests kept, dropped or written into the description."""
    content = entry.content
    if choice == "keep" or not content.attendees:
        return entry
    text = content.description
    if choice == "text":
        room = schema.LIMITS["description"] - len(text) - 2
        text = f"{text}\n\n{_named(content.attendees, room)}".strip()
    return msgspec.structs.replace(entry, content=msgspec.structs.replace(content, attendees=(), description=text))


def newest(entries: Iterable[FileEvent]) -> list[FileEvent]:
    """Each event once, series before their occurrences: of several the one with the highest SEQUENCE, then the latest."""
    found: dict[tuple[str, str], FileEvent] = {}
    for entry in entries:
        known = found.get((entry.uid, entry.key))
        if known is None or (entry.sequence, entry.stamp) > (known.sequence, known.stamp):
            found[entry.uid, entry.key] = entry
    return sorted(found.values(), key=lambda entry: (entry.uid, entry.key))


def judge(calendar: Calendar, entries: list[FileEvent], viewer: Viewer) -> list[Verdict]:
    """What becomes of each entry, series before their occurrences. What is here and not the viewer's to read is not even
    compared with the file: that would tell who guesses what it holds."""
    known = _Known(calendar, entries, viewer)
    began, found = time.thread_time(), []
    masters: dict[str, Verdict] = {}
    for entry in entries:
        if time.thread_time() - began > CHECKING_MAX_S:
            says = _("The file holds more repeating events than can be looked at at once. Divide it.")
            found.append(Verdict(entry, UNREADABLE, says))
            continue
        verdict = _judge(entry, known, masters.get(entry.uid))
        if not entry.key:
            masters[entry.uid] = verdict
        if verdict.event is not None and known.is_masked(verdict.event, verdict.entry.key):
            verdict = Verdict(entry, REFUSED, _("You see only that this time is taken."), verdict.event)
        found.append(verdict)
    return found


def digest_of(entry: FileEvent) -> str:
    """Equal where a file says the same of an event."""
    return digest.of(msgspec.to_builtins(entry.content))


def when_in_words(content: Content) -> str:
    return wording.when_in_words(content)


class _Known:
    """What is in the calendar already of what a file names."""

    def __init__(self, calendar: Calendar, entries: list[FileEvent], viewer: Viewer) -> None:
        self.calendar, self.viewer = calendar, viewer
        uids = {entry.uid for entry in entries}
        rows = ImportedEvent.objects.select_related("event__series").filter(calendar=calendar, uid__in=uids)
        self.imported = {(row.uid, row.key): row for row in rows if row.event.deleted_at is None}
        live = Event.objects.filter(calendar=calendar, deleted_at=None)
        own = {found for uid in uids if (found := _own_uuid(uid)) is not None}
        several = [*live.filter(ical_uid__in=uids, series=None), *live.filter(uuid__in=own, series=None)]
        self.events = {event.uid: event for event in several}
        self.events |= {uid: row.event for (uid, key), row in self.imported.items() if not key}
        series = {event.pk for event in self.events.values() if event.is_series}
        overrides = Event.objects.filter(series__in=series, deleted_at=None)
        self.overrides = {(row.series_id, row.original_key): row for row in overrides}

    @cached_property
    def level(self) -> str:
        return access.levels(self.viewer).get(self.calendar.pk, "")

    def is_masked(self, event: Event, key: str) -> bool:
        """Whether an event, or one occurrence of it, is not the viewer's to read."""
        one = self.overrides.get((event.pk, key)) if key else None
        several = [event] if one is None else [event, one]
        return any(access.is_masked(row, self.calendar, self.viewer, self.level) for row in several)

    def without_cancelled(self, series: Event, given: Content) -> Content:
        """What a file says of a series, without the dates that it leaves out because they are cancelled here."""
        several = self.overrides.items()
        cancelled = {key for (pk, key), row in several if pk == series.pk and row.content.status == "cancelled"}
        gone = [times.at_civil(given.start, at) for at in recurrence.dates(given.recurrence, "EXDATE", given.start)]
        stays = [at for at in gone if times.original_key(at) not in cancelled]
        if len(stays) == len(gone):
            return given
        lines = [line for line in given.recurrence if not line.upper().startswith("EXDATE")]
        lines += [f"EXDATE:{times.original_key(at)}" for at in stays]
        return msgspec.structs.replace(given, recurrence=tuple(lines))


def _judge(entry: FileEvent, known: _Known, master: Verdict | None) -> Verdict:
    if entry.key and (master is not None or entry.uid in known.events):
        return _judge_occurrence(entry, known, master)
    row = known.imported.get((entry.uid, entry.key))
    event = row.event if row is not None else known.events.get(entry.uid) if not entry.key else None
    if entry.content.status == "cancelled":
        says = _("It is cancelled in the file. What is here stays; delete it here if that is right.")
        return Verdict(entry, CANCELLED, says, event)
    if row is not None and row.digest == digest_of(entry):
        return Verdict(entry, SAME, "", row.event)
    if row is not None and entry.sequence < row.sequence:
        return Verdict(entry, SAME, _("The file is older than what was brought in before."), row.event)
    if event is not None and event.is_series:
        entry = msgspec.structs.replace(entry, content=known.without_cancelled(event, entry.content))
    return _compared(entry, known.calendar, event, event.content if event is not None else None)


def _judge_occurrence(entry: FileEvent, known: _Known, master: Verdict | None) -> Verdict:
    """One changed occurrence of a series that is in the file, or here."""
    series = master.event if master is not None else known.events.get(entry.uid)
    if master is not None and master.what in {UNREADABLE, CANCELLED}:
        return Verdict(entry, master.what, _("Its series is not taken."))
    whole = master.entry.content if master is not None and master.what in {NEW, CHANGED} else None
    content = whole or (series.content if series is not None else entry.content)
    key = occurrences.key_within(content, entry.key) if content.recurrence else ""
    if not key or not _happens(content, key):
        return Verdict(entry, UNREADABLE, _("Its series has nothing at the time that it changes."))
    entry = msgspec.structs.replace(entry, key=key, content=_in_zone_of(content, entry.content))
    override = known.overrides.get((series.pk, key)) if series is not None else None
    before = override.content if override is not None else occurrences.content_at(content, key)
    if before.status == entry.content.status == "cancelled":
        return Verdict(entry, SAME, "", series, before)
    found = _compared(entry, known.calendar, series, before)
    if found.what == CHANGED and master is not None and master.what == NEW:
        found.what = NEW
    return found


def _in_zone_of(series: Content, one: Content) -> Content:
    """An occurrence that came in UTC, as it reads where its series lives."""
    if not isinstance(series.start, Timed) or not isinstance(one.start, Timed) or one.start.zone != "UTC":
        return one
    start, end = (times.timed(times.instant(moment), series.start.zone) for moment in (one.start, one.end))
    return msgspec.structs.replace(one, start=start, end=end)


def _happens(content: Content, key: str) -> bool:
    try:
        original = times.moment_of_key(key, content.start)
    except ValueError:
        return False
    return recurrence.is_occurrence(content.start, content.recurrence, original)


def _compared(entry: FileEvent, calendar: Calendar, event: Event | None, before: Content | None) -> Verdict:
    after = merged(before, entry.content) if before is not None else entry.content
    try:
        check_content(after, calendar, is_override=bool(entry.key) and event is not None, before=before)
    except Invalid as error:
        return Verdict(entry, UNREADABLE, error.message, event, before)
    if before is None:
        return Verdict(entry, NEW)
    return Verdict(entry, CHANGED if changed_units(before, after) else SAME, "", event, before)


def merged(before: Content, given: Content) -> Content:
    """What is here, with what a file says."""
    after = domain.with_units(before, given, COMPARED)
    known = {guest.email.lower() for guest in before.attendees}
    added = tuple(guest for guest in given.attendees if guest.email.lower() not in known)
    return msgspec.structs.replace(after, attendees=(*before.attendees, *added))


def _named(guests: Iterable[Attendee], longest: int) -> str:
    names = [f"{guest.name} <{guest.email}>" if guest.name else guest.email for guest in guests]
    text = _("Guests in the file: %(names)s") % {"names": ", ".join(names)}
    return text if len(text) <= longest else text[: max(longest - 1, 0)] + "…"


def _own_uuid(uid: str) -> UUID | None:
    """The event of ours that a UID of ours names."""
    try:
        return UUID(uid.removesuffix(OWN)) if uid.endswith(OWN) else None
    except ValueError:
        return None
