"""Bringing a file into a calendar: rehearsed, carried out by a job, undone with one click.

Each event of a file is one transaction, with its changed occurrences; a job that died goes on where it was, as what is
done reads “the same”. Only acts change anything, so whoever may no longer do it is refused then, event by event. Nobody is
ever mailed.
"""

from datetime import timedelta
from functools import partial
from itertools import groupby
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.db.models import Max, Q
from django.utils.translation import gettext as _

from conversa_calendar.accounts import tenancy
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import access, acts, selectors
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.acts import Act, Asked, NotAllowed, Part, Refusal
from conversa_calendar.calendars.models import PRIVATE, Event, History
from conversa_calendar.calendars.selectors import NotFound
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.domain import contentlines, icsfile, names
from conversa_calendar.domain import event as domain
from conversa_calendar.domain.event import Content
from conversa_calendar.domain.icsfile import FileEvent
from conversa_calendar.formats import rehearsing
from conversa_calendar.formats.models import (
    DONE,
    GUESTS,
    REHEARSED,
    RUNNING,
    TAKEN_BACK,
    UNDOING,
    Import,
    ImportedEvent,
    ImportStep,
)
from conversa_calendar.formats.rehearsing import NEW, Verdict
from conversa_calendar.kit import clock

PLAN_KEPT = timedelta(days=1)
"""A file that was rehearsed and not brought in is forgotten after so long."""
KEPT = timedelta(days=90)
_SEEN = frozenset({"summary", "start", "end"})
_decoder = msgspec.json.Decoder(list[FileEvent])


def rehearse(viewer: Viewer, calendar: UUID | str, raw: bytes, *, name: str = "", guests: str = "text") -> Import:
    """What a file would do to a calendar; nothing is done. Raises NotFound, NotAllowed, Invalid."""
    if guests not in GUESTS:
        raise Invalid("guests", _("Guests are kept as text, dropped, or kept as guests."))
    found = acts.checked_calendar(Act.CREATE, viewer, calendar)
    try:
        file = icsfile.read(raw, found.time_zone)
    except contentlines.Unreadable as error:
        raise Invalid("file", _(error.says) % error.values if error.values else _(error.says)) from error
    entries = rehearsing.newest(rehearsing.with_guests(entry, guests) for entry in file.events)
    verdicts = rehearsing.judge(found, entries, viewer)
    rows = [_row(verdict) for verdict in verdicts]
    rows += [
        {
            "uid": one.uid,
            "key": "",
            "what": "unreadable",
            "summary": one.summary,
            "when": "",
            "reason": _(one.says) % one.values if one.values else _(one.says),
            "notes": [],
            "private": False,
        }
        for one in file.unread
    ]
    with transaction.atomic():
        done = Import(calendar=found, member=viewer.member, sees_private=viewer.sees_private, guests=guests, rows=rows)
        done.name = names.tidy(name, 200) or file.name
        done.plan = msgspec.json.encode([verdict.entry for verdict in verdicts]).decode()
        done.save(force_insert=True)
    return done


def start(viewer: Viewer, uuid: UUID | str, *, is_undo: bool = False) -> Import:
    """Marks an import as to be carried out, or to be undone; the job is the caller's. Only whoever chose the file brings it
    in, as that is done in their name. Raises NotFound, NotAllowed, Invalid."""
    with transaction.atomic():
        found = _of(viewer, uuid, is_locked=True)
        if not is_undo and not is_of(viewer, found):
            says = _("Only %(name)s, who chose this file, can bring it in.") % {"name": found.member}
            raise NotAllowed(Refusal("forbidden", says))
        wanted, then = (DONE, UNDOING) if is_undo else (REHEARSED, RUNNING)
        if found.state == then:
            return found
        if found.state != wanted or (not is_undo and not found.plan):
            raise Invalid(
                "state", _("This file was brought in or undone already, or lay here for too long. Choose it again.")
            )
        found.state = then
        if is_undo:
            found.undone_by, found.sees_private = viewer.member, viewer.sees_private
        else:
            found.sees_private = found.sees_private and viewer.sees_private
        found.save(update_fields=["state", "undone_by", "sees_private"])
        return found


def advance(account_id: int, import_id: int) -> None:
    """Carries an import out, or undoes it; safe to run twice."""
    with tenant(account_id):
        people = (f"{who}__{what}" for who in ("member", "undone_by") for what in ("user", "account", "role"))
        found = Import.objects.select_related("calendar", *people).get(pk=import_id)
    if found.state == RUNNING:
        _carry_out(found)
    elif found.state == UNDOING:
        _undo(found)


def listed(viewer: Viewer) -> list[Import]:
    """The latest imports of the viewer; those of all for who manages calendars."""
    rows = Import.objects.select_related("member__user", "calendar").defer("plan").order_by("-pk")
    seen = {calendar.pk for calendar, _level in selectors.visible(viewer)}
    return [row for row in rows[:100] if row.calendar_id in seen and _may_see(viewer, row)]


def one(viewer: Viewer, uuid: UUID | str) -> Import:
    """One import. Raises NotFound."""
    return _of(viewer, uuid)


def is_of(viewer: Viewer, found: Import) -> bool:
    """Whether it is the viewer's own file."""
    return found.member_id == viewer.member.pk


def rows(viewer: Viewer, found: Import) -> list[dict[str, Any]]:
    """What is said of each event of a file; what the file calls private, to whoever chose it only."""
    level = access.levels(viewer).get(found.calendar_id, "")
    blank = {"uid": "", "summary": _("Busy"), "reason": "", "notes": []}
    return [
        _masked(row, access.hides(row.get("private", True), found.member_id, viewer, level), blank)
        for row in found.rows
    ]


def left_over(viewer: Viewer, found: Import) -> list[dict[str, Any]]:
    """What undoing left as it was; what is private, to whoever undid it only."""
    level, blank = access.levels(viewer).get(found.calendar_id, ""), {"summary": _("Busy")}
    owner = found.undone_by_id
    return [
        _masked(row, access.hides(row.get("private", True), owner, viewer, level), blank) for row in found.left_over
    ]


def forget_old(account_id: int) -> None:
    """Drops files that nobody brought in, and what was brought in long ago can no longer be undone."""
    with tenant(account_id):
        now = clock.now()
        Import.objects.filter(state=REHEARSED, created_at__lt=now - PLAN_KEPT).delete()
        Import.objects.filter(created_at__lt=now - KEPT).exclude(state__in=[RUNNING, UNDOING]).delete()


def unfinished(account_id: int) -> list[int]:
    """Imports that a job has still to carry out or undo."""
    with tenant(account_id):
        return list(Import.objects.filter(state__in=[RUNNING, UNDOING]).values_list("pk", flat=True))


def counts(found: Import) -> dict[str, int]:
    """How many events are new, changed, the same, cancelled, unreadable or refused."""
    kinds = ("new", "changed", "same", "cancelled", "unreadable", "refused")
    return {kind: sum(1 for row in found.rows if row["what"] == kind) for kind in kinds}


def _row(verdict: Verdict) -> dict[str, Any]:
    entry = verdict.entry
    return {
        "uid": entry.uid,
        "key": entry.key,
        "what": verdict.what,
        "summary": entry.content.summary[:200],
        "when": rehearsing.when_in_words(entry.content),
        "reason": verdict.reason,
        "notes": [_(note) for note in entry.notes],
        "private": entry.content.visibility in PRIVATE,
    }


def _masked(row: dict[str, Any], is_hidden: bool, blank: dict[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in row.items() if name != "private"}
    return shown | blank if is_hidden else shown


def _may_see(viewer: Viewer, found: Import) -> bool:
    return is_of(viewer, found) or viewer.member.may(Permission.CALENDARS)


def _of(viewer: Viewer, uuid: UUID | str, *, is_locked: bool = False) -> Import:
    try:
        wanted = uuid if isinstance(uuid, UUID) else UUID(uuid)
    except ValueError:
        raise NotFound from None
    rows = Import.objects.select_related("member__user", "calendar")
    rows = rows.select_for_update(of=("self",)) if is_locked else rows
    found = rows.filter(uuid=wanted).first()
    if found is None or not _may_see(viewer, found):
        raise NotFound
    selectors.calendar(viewer, found.calendar.uuid)
    return found


def _carry_out(found: Import) -> None:
    viewer = Viewer(found.member, sees_private=found.sees_private)
    refused: dict[tuple[str, str], str] = {}
    for _uid, group in groupby(_decoder.decode(found.plan), key=lambda entry: entry.uid):
        came = tenancy.in_tenant(found.account_id, partial(_bring_in, found, viewer, list(group)))
        if came is None:
            return
        refused |= came
    with tenant(found.account_id):
        if not _is_still(found, RUNNING):
            return
        for row in found.rows:
            if (reason := refused.get((row["uid"], row["key"]))) is not None:
                row["what"], row["reason"] = rehearsing.REFUSED, reason
        found.state, found.plan, found.finished_at = DONE, "", clock.now()
        found.save(update_fields=["state", "plan", "rows", "finished_at"])


def _is_still(found: Import, state: str) -> bool:
    """Whether no other job of an import has ended this meanwhile. Locks it: two jobs of one import take turns."""
    rows = Import.objects.select_for_update(of=("self",)).filter(pk=found.pk, state=state)
    return rows.only("pk").first() is not None


def _bring_in(found: Import, viewer: Viewer, entries: list[FileEvent]) -> dict[tuple[str, str], str] | None:
    """One event with its changed occurrences; answers what was refused, and why, or None when the import is over."""
    if not _is_still(found, RUNNING):
        return None
    if not viewer.member.is_present or not viewer.member.account.is_open:
        return {(entry.uid, entry.key): _("Whoever brought it in does not belong here any more.") for entry in entries}
    refused: dict[tuple[str, str], str] = {}
    made: Event | None = None
    for number in range(len(entries)):
        # anew, as each builds on what the one before did
        verdict = rehearsing.judge(found.calendar, entries, viewer)[number]
        entry = verdict.entry
        if verdict.what == rehearsing.REFUSED:
            refused[entry.uid, entry.key] = verdict.reason
        if verdict.what not in {NEW, rehearsing.CHANGED}:
            continue
        if entry.key and (entry.uid, "") in refused:
            refused[entry.uid, entry.key] = _("Its series is not taken.")
            continue
        try:
            with transaction.atomic():
                event = _put(found, viewer, verdict, is_part_of_new=made is not None)
        except (NotAllowed, NotFound, Invalid) as error:
            refused[entry.uid, entry.key] = str(error) or _("It is not here any more.")
            continue
        made = event if verdict.what == NEW and not entry.key else made
        _remember(found, entry, event)
    _mark(found)
    return refused


def _put(found: Import, viewer: Viewer, verdict: Verdict, *, is_part_of_new: bool) -> Event:
    """Does what a verdict says; answers the event that it is about."""
    entry, event = verdict.entry, verdict.event
    if event is None:
        content = msgspec.structs.replace(entry.content, recurrence=() if entry.key else entry.content.recurrence)
        event = acts.bring_in(viewer, found.calendar.uuid, content)
        ImportStep(made_by=found, event=event).save(force_insert=True)
        return event
    if not is_part_of_new and verdict.before is not None:
        ImportStep(made_by=found, event=event, key=entry.key, before=domain.encode(verdict.before)).save(
            force_insert=True
        )
    part = Part("this", entry.key) if entry.key else Part("all")
    if entry.content.status == "cancelled":
        acts.remove(viewer, event.uuid, part=part)
    else:
        acts.change(viewer, event.uuid, _asking(lambda before: rehearsing.merged(before, entry.content)), part=part)
    return event


def _asking(edit: acts.Edit) -> Asked:
    return Asked(fields=_SEEN, edit=lambda _event, _calendar: edit)


def _remember(found: Import, entry: FileEvent, event: Event) -> None:
    values = {"event": event, "digest": rehearsing.digest_of(entry), "sequence": entry.sequence}
    known = ImportedEvent.objects.filter(calendar=found.calendar, uid=entry.uid, key=entry.key)
    if not known.update(**values):
        ImportedEvent(calendar=found.calendar, uid=entry.uid, key=entry.key, **values).save(force_insert=True)


def _mark(found: Import) -> None:
    """Notes how far the history of what was just brought in goes: whoever changes it later stands after that."""
    for step in ImportStep.objects.filter(made_by=found, mark=0):
        step.mark = _latest(step.event_id)
        step.save(update_fields=["mark"])


def _latest(event_id: int) -> int:
    return _entries(event_id).aggregate(last=Max("pk"))["last"] or 1


def _entries(event_id: int) -> Any:
    return History.objects.filter(Q(event=event_id) | Q(event__series=event_id))


def _undo(found: Import) -> None:
    viewer = Viewer(found.undone_by or found.member, sees_private=found.sees_private)
    with tenant(found.account_id):
        rows = ImportStep.objects.filter(made_by=found).order_by("event_id")
        event_ids = list(rows.values_list("event_id", flat=True).distinct())
    stays: list[dict[str, Any]] = []
    for event_id in event_ids:
        left = tenancy.in_tenant(found.account_id, partial(_taken_back, found, viewer, event_id))
        if left is None:
            return
        stays += left
    with tenant(found.account_id):
        if not _is_still(found, UNDOING):
            return
        found.state, found.left_over, found.finished_at = TAKEN_BACK, stays, clock.now()
        found.save(update_fields=["state", "left_over", "finished_at"])


def _taken_back(found: Import, viewer: Viewer, event_id: int) -> list[dict[str, Any]] | None:
    """Takes back what was done to one event, which is then no step of the import any more; answers what stays as it is, and
    why, or None when another job has ended this."""
    if not _is_still(found, UNDOING):
        return None
    steps = list(ImportStep.objects.filter(made_by=found, event=event_id).order_by("-pk"))
    event = Event.objects.select_related("calendar").filter(pk=event_id).first()
    if not steps or event is None or event.deleted_at is not None:
        return []
    later = _entries(event_id).filter(pk__gt=max(step.mark for step in steps)).exclude(side="sync")
    if later.exists():
        return [_stays(viewer, event, _("Somebody changed it since."))]
    try:
        with transaction.atomic():
            _take_back(viewer, event, steps)
            ImportStep.objects.filter(pk__in=[step.pk for step in steps]).delete()
    except (NotAllowed, NotFound, Invalid) as error:
        return [_stays(viewer, event, str(error) or _("It is not here any more."))]
    return []


def _stays(viewer: Viewer, event: Event, reason: str) -> dict[str, Any]:
    level = access.levels(viewer).get(event.calendar_id, "")
    is_hidden = access.is_masked(event, event.calendar, viewer, level)
    title = _("Busy") if is_hidden else event.summary[:200]
    return {"summary": title, "reason": reason, "private": event.is_private}


def _take_back(viewer: Viewer, event: Event, steps: list[ImportStep]) -> None:
    if any(not step.before for step in steps):
        acts.take_back(viewer, event.uuid)
        ImportedEvent.objects.filter(event=event).delete()
        return
    for step in steps:
        before: Content = domain.decode_content(step.before)
        part = Part("this", step.key) if step.key else Part("all")
        acts.change(viewer, event.uuid, _asking(partial(_as_before, before)), part=part)
    ImportedEvent.objects.filter(event=event).update(digest="")


def _as_before(before: Content, _now: Content) -> Content:
    return before
