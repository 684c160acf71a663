"""An event is gone from its calendar at the provider: it goes on where it was moved to, or to the trash here."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from conversa_calendar.accounts.models import Member
from conversa_calendar.calendars import access, editing, history, occurrences
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.models import UNSENT, Calendar, Event, History, Occurrence
from conversa_calendar.calendars.signals import event_followed
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.domain import event as domain
from conversa_calendar.domain.event import Content, changed_units, readable
from conversa_calendar.engine import merge as engine
from conversa_calendar.engine import steps
from conversa_calendar.engine.decide import decide
from conversa_calendar.engine.evidence import Removed, Whereabouts
from conversa_calendar.kit import clock
from conversa_calendar.sync.links import linking, reading, whereabouts
from conversa_calendar.sync.models import Link, Mirror, MirrorRun
from conversa_calendar.sync.run import leases, triggers
from conversa_calendar.sync.run.session import Session

MOVED_WITHIN = timedelta(days=30)
"""So long an event that is gone from one calendar is looked for in the others."""
EDIT_KEPT = "unsent edit kept"


def delete_here(session: Session, event: Event, link: Link) -> None:
    """Concludes a deletion seen at the provider, with what is known of where the event went."""
    where, other = _whereabouts(session, event, link)
    here = reading.local_of(event, is_changed=event.has_unsent)
    for step in decide(reading.state_of(link), here, Removed(where), reading.capabilities_of(session)):
        match step:
            case steps.Wait():
                _postpone(session, link)
            case steps.Bury():
                _bury(link)
                linking.settled(event)
            case steps.Rehome() if other is not None:
                _bury(link)
                _go_on_as(session, event, link, other)
            case steps.GiveWay() if other is not None:
                _bury(link)
                _give_way(session, event, other)
            case steps.TrashHere():
                _bury(link)
                _trash(session, event, link, keeps_edit=step.keeps_edit)
            case _:
                raise AssertionError(f"{step} does not follow from a deletion that is sure")


def _whereabouts(session: Session, event: Event, link: Link) -> tuple[Whereabouts, Event | None]:
    """Where an event stands that its calendar shows no more, looked at when nothing can arrive anywhere."""
    if event.deleted_at is not None:
        return Whereabouts.NOWHERE, None
    if not _is_sure(session, link):
        return Whereabouts.UNKNOWN, None
    twin = moved_twin(event)
    other = twin or former_self(event)
    if other is None:
        return Whereabouts.NOWHERE, None
    if not _is_at_rest(other):
        session.has_waiting = True  # somebody is at its new calendar: looked at again soon
        return Whereabouts.BUSY, None
    return (Whereabouts.TWIN if twin is not None else Whereabouts.FORMER_SELF), other


def _bury(link: Link) -> None:
    seen_at = link.remote_deleted_at or clock.now()
    values = {"tombstoned_at": clock.now(), "intent": None, "remote_deleted_at": seen_at, "is_held": False}
    Link.objects.filter(pk=link.pk).update(**values)


def _trash(session: Session, event: Event, link: Link, *, keeps_edit: bool) -> None:
    """The event goes to the trash, a series with its exceptions; edits that were not sent are kept with them."""
    if event.is_series:
        members = Event.objects.filter(series=event, deleted_at=None)
        Link.objects.filter(mirror=session.mirror, event__in=members).update(tombstoned_at=clock.now(), intent=None)
        for override in members.filter(sync_state__in=UNSENT).order_by("pk"):
            lost = linking.own_units(override)
            history.record(override, side="remote", cause="deleted", lost=lost, note=EDIT_KEPT)
    editing.remove(event, by="remote")
    if event.series is not None and event.series.deleted_at is None:
        occurrences.rebuild(event.series, session.calendar.time_zone)
    lost = _unsent(event, link) if keeps_edit else {}
    history.record(event, side="remote", cause="deleted", lost=lost, note=EDIT_KEPT if keeps_edit else "")
    session.changed = True
    event_followed.send(sender=Event, event=event)


def _unsent(event: Event, link: Link) -> dict[str, Any]:
    """What was written here into an event and was never sent."""
    base = linking.base_of(link)
    units = changed_units(base, event.content) if base is not None else event.overridden or ("summary", "when")
    return {name: readable(event.content, name) for name in units}


def _is_sure(session: Session, link: Link) -> bool:
    """Whether the calendars were read to which it may have been moved, and nothing arrives in any of them until this is
    stored."""
    if link.event is not None and link.event.series_id is not None:
        return True
    if not link.is_approved and whereabouts.awaited(session, [link]):
        return False
    since = link.asked_at or link.remote_deleted_at
    is_late = since is not None and leases.has_waited_enough(since)
    if not whereabouts.others(session.mirror).exists() or leases.hold_off_arrivals(session.account_id, is_late):
        return True
    session.has_waiting = True
    return False


def _postpone(session: Session, link: Link) -> None:
    """It stays until it is known where it is."""
    linking.doubt(session, link)
    link.save(update_fields=["remote_deleted_at", "asked_at", "intent"])
    if link.asked_at is None:
        leases.want([session.mirror.pk], is_pull=True)  # which asks for it


def moved_twin(event: Event) -> Event | None:
    """The event that this one became, when it was moved at the provider and its new calendar was pulled first: the same
    id and iCalUID, organised by each calendar in turn (a guest's copy is never organised by its own calendar), younger,
    and not itself about to go."""
    lately = _selves(event).filter(pk__gt=event.pk, created_at__gt=clock.now() - MOVED_WITHIN)
    return next((twin for twin in lately if twin.facts.is_own_copy and _can_be_moved(event)), None)


def former_self(event: Event) -> Event | None:
    """The event that this one was moved from and went back to before anybody saw that it had left."""
    elders = _selves(event).filter(pk__lt=event.pk)
    return next((elder for elder in elders if elder.facts.is_own_copy and _can_be_moved(event)), None)


def check_restorable(event: Event, actor: Member) -> None:
    """An event that was deleted at the provider and stands elsewhere there need not be made a second time. Raises Invalid."""
    selves = _selves(event) if event.deleted_by == "remote" and _can_be_moved(event) else ()
    for living in selves:
        if not living.facts.is_own_copy:
            continue
        if living.calendar_id in access.levels(Viewer(actor)):
            raise Invalid(
                "calendar",
                _("This event was moved at Google and stands in “%(name)s” now. Open it there; it was not made anew.")
                % {"name": living.calendar.name},
            )
        raise Invalid("calendar", _("This event was moved at Google to another calendar; it was not made anew."))


def _can_be_moved(event: Event) -> bool:
    return event.series_id is None and event.facts.is_own_copy


def _selves(event: Event) -> QuerySet[Event]:
    """What stands under the same id and iCalUID in other calendars, and is not about to go from there, too."""
    leaving = Link.objects.filter(remote_deleted_at__isnull=False, tombstoned_at=None).exclude(event=None)
    rows = Event.objects.filter(remote_id=_remote_id(event), series=None, deleted_at=None).exclude(remote_id="")
    if event.ical_uid:  # else nobody has seen yet what became of its creation
        rows = rows.filter(ical_uid=event.ical_uid)
    rows = rows.exclude(calendar=event.calendar_id).exclude(pk__in=leaving.values("event"))
    return rows.select_related("calendar").order_by("pk")


def _is_at_rest(twin: Event) -> bool:
    """Whether nobody works on the twin or its mirror; nobody will before this transaction ends, as both are locked. It
    never waits for a lock."""
    mirrors = set(Link.objects.filter(event=twin, tombstoned_at=None).values_list("mirror_id", flat=True))
    runs = list(MirrorRun.objects.select_for_update(skip_locked=True).filter(mirror_id__in=mirrors))
    rows = Event.objects.select_for_update(of=("self",), skip_locked=True).filter(pk=twin.pk)
    is_ours = len(runs) == len(mirrors) and rows.exists()
    return is_ours and all(run.leased_until is None for run in runs)


def _go_on_as(session: Session, event: Event, link: Link, twin: Event) -> None:
    """The event goes on where its twin stands, with what was edited here and not sent yet, and with what somebody made of
    the twin meanwhile; the twin's own identity gives way."""
    calendar = twin.calendar
    content, to_remote, lost = _with_unsent(event, link, twin)
    former = list(Event.objects.filter(series=event, deleted_at=None).order_by("pk"))
    bring_along(twin, former, calendar)
    Link.objects.filter(event=twin).update(event=event)
    Event.objects.filter(series=twin).update(series=event)
    Occurrence.objects.filter(event=twin).delete()
    event.calendar, event.facts_json, event.event_type, event.kind = (
        calendar,
        twin.facts_json,
        twin.event_type,
        twin.kind,
    )
    event.remote_id, event.ical_uid = twin.remote_id or event.remote_id, twin.ical_uid or event.ical_uid
    event.__dict__.pop("facts", None)
    History.objects.filter(event=twin).update(event=event)
    event.references += [reference for reference in twin.references if reference not in event.references]
    Event.objects.filter(pk=twin.pk).delete()
    event.revision += 1
    event.is_unsettled = bool(to_remote) or twin.has_unsent
    event.notify = twin.notify if twin.has_unsent else event.notify if to_remote else "none"
    linking.settle_state(event)
    editing.store(event, calendar, content)
    history.record(event, side="remote", cause="moved", lost=lost, note=calendar.name)
    if Event.objects.filter(Q(pk=event.pk) | Q(series=event), is_unsettled=True).exists():
        triggers.request_runs(Mirror.objects.filter(calendar=calendar).values_list("pk", flat=True), is_pull=False)
    session.changed = True
    event_followed.send(sender=Event, event=event)


def _remote_id(event: Event) -> str:
    """Its id there, also before the answer to its creation came."""
    link = None if event.remote_id else Link.objects.filter(event=event).order_by("-pk").first()
    return link.remote_id if link is not None else event.remote_id


def _give_way(session: Session, event: Event, elder: Event) -> None:
    """What had come here and went back leaves no trace but in the history of the event that it was all the time."""
    members = [event, *Event.objects.filter(series=event).order_by("pk")]
    for one in members:
        if one.has_unsent and one.deleted_at is None:
            lost = {name: readable(one.content, name) for name in changed_units(elder.content, one.content)}
            history.record(elder, side="remote", cause="edited", lost=lost if one is event else linking.own_units(one))
    History.objects.filter(event=event).update(event=elder)
    elder.references += [reference for reference in event.references if reference not in elder.references]
    elder.save(update_fields=["references"])
    Link.objects.filter(event__in=members).update(event=None, tombstoned_at=clock.now(), intent=None)
    Event.objects.filter(series=event).delete()
    Event.objects.filter(pk=event.pk).delete()
    session.changed = True


def _with_unsent(event: Event, link: Link, twin: Event) -> tuple[Content, tuple[str, ...], dict[str, Any]]:
    """The twin's content with what was edited here and not sent yet, the units that are to be sent there, and what does
    not stand: all of it where the calendar takes no changes, the times of a series, as its exceptions go by those there."""
    theirs, ours, sent = twin.content, event.content, linking.attempts_of(link)
    base = linking.base_of(link) or next(iter(sent), None)
    if not event.has_unsent:
        return theirs, (), {}
    if base is None or twin.calendar.is_read_only:
        return theirs, (), {name: readable(ours, name) for name in changed_units(base or theirs, ours)}
    base = engine.resolve_lost_write(base, sent, theirs)
    found = engine.merge(base, ours, theirs, is_when_announced=linking.is_announced(event))
    lost = {conflict.unit: readable(conflict.lost, conflict.unit) for conflict in found.conflicts}
    merged = found.content
    if (theirs.recurrence or ours.recurrence) and domain.unit(merged, "when") != domain.unit(theirs, "when"):
        merged, lost["when"] = domain.with_units(merged, theirs, ["when"]), readable(ours, "when")
    return merged, linking.sendable(event, twin.facts, changed_units(theirs, merged)), lost


def bring_along(series: Event, former: Sequence[Event], calendar: Calendar) -> None:
    """What becomes of the exceptions that a series had before it was moved at the provider. Those known there come from
    there. One with an edit that was never sent goes along and is sent; where its new place has one of its own, or will not
    take it, the edit is kept in the history."""
    there = {one.original_key: one for one in Event.objects.filter(series=series, deleted_at=None)}
    for override in former:
        Link.objects.filter(event=override, tombstoned_at=None).update(tombstoned_at=clock.now(), intent=None)
        is_unsent, other = override.sync_state in UNSENT, there.get(override.original_key)
        can_go = (
            other is None
            and not calendar.is_read_only
            and linking.has_occurrence(series.content, override.original_key)
        )
        if is_unsent and can_go:
            override.series, override.calendar, override.deleted_at, override.deleted_by = series, calendar, None, ""
            override.is_unsettled, override.sync_state, override.sync_message = True, "pending", ""
            override.revision += 1
            editing.store(override, calendar, override.content)
            continue
        if is_unsent:
            lost = linking.own_units(override)
            if other is not None:
                differing = changed_units(other.content, override.content)
                lost = {name: readable(override.content, name) for name in differing}
            history.record(other or override, side="remote", cause="edited", lost=lost)
        editing.remove(override, by="moved")
        linking.settled(override)
