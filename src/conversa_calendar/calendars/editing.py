"""Local edits: create, change, delete, restore, move; for one event, one occurrence, this and following, or all.

Every function is called inside a tenant scope and is one transaction with its caller. It writes the event, its
occurrences, its history and the mail that it owes, and sends `calendar_changed`; sending to providers is not its
business.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
from django.db.models import F
from django.utils.translation import gettext as _

from conversa_calendar.accounts import preconditions
from conversa_calendar.accounts.models import Member
from conversa_calendar.calendars import access, history, invitations, notices, occurrences, wording
from conversa_calendar.calendars.models import (
    BUSY_BLOCK,
    NOT_TAKEN,
    ORDINARY_TYPES,
    PRIVATE,
    Calendar,
    Event,
    History,
    Occurrence,
)
from conversa_calendar.calendars.selectors import NotFound
from conversa_calendar.calendars.signals import (
    calendar_changed,
    event_moving,
    event_restoring,
    retry_asked,
    tellers_asked,
)
from conversa_calendar.calendars.validation import Invalid, check_content
from conversa_calendar.domain import cuts, recurrence, rules, times
from conversa_calendar.domain import event as domain
from conversa_calendar.domain.event import Content, Facts, Person, changed_units
from conversa_calendar.domain.vocabulary import DeletedBy, EventKind, Notify, Side, SyncState
from conversa_calendar.engine.merge import carry_over
from conversa_calendar.kit import clock

NOTIFY = tuple(Notify)
Edit = Callable[[Content], Content]


class Changed(preconditions.Changed):
    """The event changed since the caller read it; `current` is what it is now."""

    def __init__(self, current: Event) -> None:
        super().__init__(current.etag)
        self.current = current


class Split(msgspec.Struct, frozen=True):
    """The outcome of an edit of this and following."""

    event: Event
    previous: Event


def create(
    calendar: Calendar,
    content: Content,
    *,
    actor: Member | None,
    notify: str = "none",
    references: list[dict[str, Any]] | None = None,
    cause: str = "created",
) -> Event:
    """A new event in a calendar. Raises Invalid."""
    check_content(content, calendar)
    content = _fitted(content)
    facts = Facts(organizer=Person(actor.user.email, str(actor), True)) if actor and content.attendees else Facts()
    event = Event(
        calendar=calendar,
        kind=EventKind.SERIES if content.recurrence else EventKind.SINGLE,
        facts_json=domain.encode(facts),
        author=actor,
        references=references or [],
        notify=_notify(notify),
    )
    event.account_id = calendar.account_id
    _store(event, calendar, content, actor, is_new=True)
    history.record(event, side=Side.LOCAL, cause=cause, actor=actor)
    invitations.tell(event, calendar, None, content, notify, actor)
    _announce(calendar, event)
    return event


def edit(
    event: Event,
    change: Edit,
    *,
    actor: Member | None,
    notify: str = "none",
    if_match: str = "",
    cause: str = "edited",
    side: str = "local",
) -> Event:
    """Changes a single event, an override or a whole series; saved without a change, one that the provider would not
    take is tried again. `side` says in its history where it was done. Raises Changed, Invalid."""
    event = _locked(event, if_match)
    before = event.content
    after = _changed(before, change(before), event.calendar, is_override=event.kind == EventKind.OVERRIDE)
    return _put(event, before, after, actor=actor, notify=notify, cause=cause, side=side)


def _put(
    event: Event, before: Content, after: Content, *, actor: Member | None, notify: str, cause: str, side: str
) -> Event:
    """Stores what an edit of a locked event comes to, with all that follows from it."""
    calendar = event.calendar
    if not changed_units(before, after):
        if side == "local" and event.sync_state in NOT_TAKEN:
            event.notify = _telling(event, notify)
            _store(event, calendar, after, actor)
            _announce(calendar, event)
        return event
    if event.kind == EventKind.OVERRIDE:
        event.overridden = sorted({*event.overridden, *changed_units(before, after)})
    event.notify = _telling(event, notify)
    if event.kind in {"single", "series"}:
        event.kind = "series" if after.recurrence else "single"
    _store(event, calendar, after, actor)
    history.record(event, side=side, cause=cause, before=before, after=after, actor=actor)
    if before.recurrence:
        _carry_overrides(event, calendar, before, after, actor)
    invitations.tell(event, calendar, before, after, notify, actor)
    _announce(calendar, event)
    return event


def retry(event: Event, *, actor: Member | None, notify: str = "none", if_match: str = "") -> Event:
    """Has what the provider did not take tried again, of an occurrence perhaps its series. Raises Changed, Invalid."""
    event = _locked(event, if_match)
    series = event.series if event.sync_state not in NOT_TAKEN else None
    target = _locked(series, "") if series is not None else event
    if target.sync_state not in NOT_TAKEN:
        raise Invalid("event", _("Nothing of this event was refused; there is nothing to try again."))
    if any(answer for _receiver, answer in retry_asked.send(Event, event=target)):
        return target
    return edit(target, lambda content: content, actor=actor, notify=notify)


def edit_occurrence(
    series: Event,
    key: str,
    change: Edit,
    *,
    actor: Member | None,
    notify: str = "none",
    if_match: str = "",
    side: str = "local",
) -> Event:
    """Changes one occurrence of a series: its override, made when there is none. `side` says in its history where it was
    done. Raises Changed, Invalid."""
    override = Event.objects.filter(series=series, original_key=key, deleted_at=None).first()
    if override is not None:
        return edit(override, change, actor=actor, notify=notify, if_match=if_match, side=side)
    series = _locked(series, if_match)
    calendar = series.calendar
    before = _occurrence(series, key)
    after = change(before)
    if msgspec.structs.replace(after, recurrence=()) != after:
        raise Invalid("recurrence", _("One occurrence cannot repeat by itself."))
    after = _changed(before, after, calendar, is_override=True)
    if not changed_units(before, after):
        return series
    override = _override(series, key, after, sorted(changed_units(before, after)), actor)
    override.notify = _telling(override, notify)
    _store(override, calendar, after, actor, is_new=True)
    Occurrence.objects.filter(event=series, original_key=key).delete()
    history.record(override, side=side, cause="edited", before=before, after=after, actor=actor)
    invitations.tell(override, calendar, before, after, notify, actor)
    _announce(calendar, override)
    return override


def edit_following(
    series: Event, key: str, change: Edit, *, actor: Member | None, notify: str = "none", if_match: str = ""
) -> Event | Split:
    """Changes an occurrence and all after it: the series is cut before it and a new one goes on. At the first
    occurrence it is an edit of all. Raises Changed, Invalid."""
    series = _locked(series, if_match)
    calendar, master = series.calendar, series.content
    if key == times.original_key(master.start):
        return edit(series, change, actor=actor, notify=notify)
    at, lines = _standing_occurrence(series, key), _rest_of(master, key)
    shown = msgspec.structs.replace(_occurrence(series, key), recurrence=lines, conference=_renewed(at))
    typed = change(shown)
    check_content(typed, calendar, before=shown)
    tail = _continued(at, shown, typed)
    moved = [
        o for o in Event.objects.filter(series=series, deleted_at=None).order_by("pk") if is_from(o.original_key, key)
    ]
    moved = [o for o in moved if o.original_key != key or _still_differs(o, shown, typed)]
    trimmed = msgspec.structs.replace(master, recurrence=cuts.trim(master.start, master.recurrence, at.start))
    following = Event(
        calendar=calendar, kind=EventKind.SERIES if tail.recurrence else EventKind.SINGLE, author=series.author
    )
    following.account_id, following.facts_json = series.account_id, series.facts_json
    _share_reader(following, series)
    following.notify, following.references = _telling(series, notify), series.references
    facts = msgspec.structs.replace(series.facts, ical_uid="", html_link="")
    following.facts_json = domain.encode(facts)
    _store(following, calendar, tail, actor, is_new=True)
    _reapply(moved, following, calendar, at.start, tail, actor)
    series.notify = _telling(series, notify)
    _store(series, calendar, trimmed, actor)
    history.record(series, side=Side.LOCAL, cause="cut", before=master, after=trimmed, actor=actor)
    history.record(following, side=Side.LOCAL, cause="continued", before=at, after=tail, actor=actor)
    invitations.tell(series, calendar, master, trimmed, notify, actor)
    invitations.tell(following, calendar, None, tail, notify, actor)
    _announce(calendar, series)
    _announce(calendar, following)
    return Split(following, series)


def delete(event: Event, *, actor: Member | None, notify: str = "none", if_match: str = "", by: str = "local") -> None:
    """Moves an event, with its overrides, to the trash; an override becomes a cancelled occurrence. Raises Changed."""
    if event.kind == EventKind.OVERRIDE:
        _cancel_override(event, actor, notify, if_match)
        return
    event = _locked(event, if_match)
    calendar = event.calendar
    event.notify = _telling(event, notify)
    invitations.tell(event, calendar, event.content, None, notify, actor)
    remove(event, by=by)
    history.record(event, side=Side.LOCAL, cause="deleted", actor=actor)
    _announce(calendar, event)


def delete_occurrence(
    series: Event, key: str, *, actor: Member | None, notify: str = "none", if_match: str = ""
) -> None:
    """Cancels one occurrence of a series. Raises Changed, Invalid."""
    override = Event.objects.filter(series=series, original_key=key, deleted_at=None).first()
    if override is not None:
        _cancel_override(override, actor, notify, if_match)
        return
    series = _locked(series, if_match)
    before = _occurrence(series, key)
    after = msgspec.structs.replace(before, status="cancelled")
    override = _override(series, key, after, ["status"], actor)
    override.notify = _telling(override, notify)
    _store(override, series.calendar, after, actor, is_new=True)
    Occurrence.objects.filter(event=series, original_key=key).delete()
    history.record(series, side=Side.LOCAL, cause="occurrence cancelled", actor=actor, note=times.original_start(key))
    invitations.tell(override, series.calendar, before, None, notify, actor)
    _announce(series.calendar, override)


def delete_following(
    series: Event, key: str, *, actor: Member | None, notify: str = "none", if_match: str = ""
) -> None:
    """Ends a series before an occurrence; at the first one the whole series goes. Raises Changed, Invalid."""
    series = _locked(series, if_match)
    master = series.content
    at = _standing_occurrence(series, key)
    if key == times.original_key(master.start):
        delete(series, actor=actor, notify=notify)
        return
    if series.calendar.is_mirrored and not series.facts.is_own_copy:
        raise Invalid("scope", _("Somebody else organises this series: remove single occurrences, or all of it."))
    for override in Event.objects.filter(series=series, deleted_at=None).order_by("pk"):
        if is_from(override.original_key, key):
            remove(override, by="cut")
    after = msgspec.structs.replace(master, recurrence=cuts.trim(master.start, master.recurrence, at.start))
    _put(series, master, after, actor=actor, notify=notify, cause="edited", side=Side.LOCAL)


def restore(event: Event, *, actor: Member | None, if_match: str = "") -> Event:
    """Brings an event, with the overrides deleted with it, back from the trash. Raises Changed, Invalid."""
    event = _standing(event)
    _match(event, if_match)
    if event.deleted_at is None:
        return event
    if event.calendar.deleted_at is not None and event.deleted_by != "disconnected":
        raise Invalid("calendar", _("The event's calendar is gone; it cannot be restored there."))
    if event.calendar.deleted_at is not None:  # it went with its events, and comes back with the first of them
        event.calendar.deleted_at = None
        event.calendar.save(update_fields=["deleted_at"])
    if actor is not None:
        event_restoring.send(Event, event=event, actor=actor)
    together = Event.objects.filter(series=event, deleted_at=event.deleted_at, deleted_by=event.deleted_by)
    together = together.order_by("pk")
    for one in [event, *together]:
        one.deleted_at, one.deleted_by = None, DeletedBy.NOBODY
        one.revision += 1
        one.is_unsettled = one.calendar.is_mirrored
        one.notify = "none"
        one.changed_at = clock.now()
        one.save(update_fields=["deleted_at", "deleted_by", "revision", "is_unsettled", "notify", "changed_at"])
    for one in [event, *together]:
        occurrences.rebuild(one, event.calendar.time_zone)
    history.record(event, side=Side.LOCAL, cause="restored", actor=actor)
    notices.settle(event, actor)
    _announce(event.calendar, event)
    return event


def move(event: Event, target: Calendar, *, actor: Member | None, notify: str = "none", if_match: str = "") -> Event:
    """Moves an event with its overrides to another calendar; identity and history stay. Raises Changed, Invalid."""
    event = _locked(event, if_match)
    if event.kind == EventKind.OVERRIDE:
        raise Invalid("calendar", _("Move the whole series; one occurrence stays with it."))
    source = event.calendar
    if source.pk == target.pk:
        return event
    if target.is_read_only or target.deleted_at is not None:
        raise Invalid("calendar", _("“%(name)s” cannot be written to.") % {"name": target.name})
    if source.is_mirrored and not event.facts.is_own_copy:
        raise Invalid("calendar", _("Somebody else organises this event; only they can move it."))
    check_content(event.content, target, before=event.content)
    event_moving.send(Event, event=event, source=source, target=target)
    for one in [event, *Event.objects.filter(series=event, deleted_at=None).order_by("pk")]:
        _keep_reader(one, source, target)
        one.calendar = target
        one.notify = _telling(one, notify)
        one.revision += 1
        one.is_unsettled = target.is_mirrored
        one.sync_state = "pending" if target.is_mirrored else "native"
        one.changed_at = clock.now()
        fields = ["calendar", "private_for", "notify", "revision", "is_unsettled", "sync_state", "changed_at"]
        one.save(update_fields=fields)
        occurrences.rebuild(one, target.time_zone)
    history.record(event, side=Side.LOCAL, cause="moved", actor=actor, note=f"{source.name} → {target.name}")
    _announce(source, event)
    _announce(target, event)
    return event


def respond(
    event: Event, email: str, response: str, *, actor: Member | None, comment: str = "", if_match: str = ""
) -> Event:
    """Sets one guest's answer, as the guest. Of the calendar's own answer Google tells the organiser; of a guest's, who
    sees it here, nobody is mailed. Raises Invalid for an unknown guest or answer, Changed."""
    is_own = any(guest.self and guest.email.lower() == email.lower() for guest in event.content.attendees)
    notify = "all" if is_own and event.calendar.is_mirrored else "none"
    answered = _answered(email, response, comment)
    return edit(event, answered, actor=actor, notify=notify, cause="answered", if_match=if_match)


def respond_once(series: Event, key: str, email: str, response: str, *, comment: str = "") -> Event:
    """Sets one guest's answer for one occurrence of a series, as the guest; nobody is mailed. Raises Invalid."""
    return edit_occurrence(series, key, _answered(email, response, comment), actor=None)


def refer(event: Event, references: list[dict[str, Any]], *, actor: Member | None, if_match: str = "") -> Event:
    """Says what an event is about, here only. Raises Changed, Invalid."""
    event = _standing(event)
    _match(event, if_match)
    if event.deleted_at is not None:
        raise Invalid("event", _("This event is in the trash; restore it first."))
    if event.references == references:
        return event
    event.references = references
    Event.objects.filter(pk=event.pk).update(references=references, revision=F("revision") + 1)
    event.revision += 1
    history.record(event, side=Side.LOCAL, cause="references", actor=actor)
    return event


def use_instead(event: Event, entry_id: int, *, actor: Member | None, if_match: str = "") -> Event:
    """Puts back the values that lost a conflict. Raises Invalid when the entry holds none, Changed."""
    entry = History.objects.filter(pk=entry_id, event=event).first()
    if entry is None or not entry.lost:
        raise Invalid("entry", _("There is nothing to put back in this entry."))

    def put_back(content: Content) -> Content:
        for name, value in entry.lost.items():
            content = domain.from_readable(content, name, value)
        return content

    notices.settle(event, actor, entry_id)
    return edit(event, put_back, actor=actor, cause="put back", if_match=if_match)


def remove(event: Event, *, by: str) -> None:
    """Marks an event and its overrides deleted and drops their occurrences, without asking or telling anyone."""
    now = clock.now()
    rows = [event]
    if event.is_series:
        rows += Event.objects.filter(series=event, deleted_at=None).order_by("pk")
    for one in rows:
        one.deleted_at, one.deleted_by, one.changed_at = now, DeletedBy(by), now
        one.revision += 1
        one.is_unsettled = one.calendar.is_mirrored and by != "remote"
        fields = ["deleted_at", "deleted_by", "changed_at", "revision", "is_unsettled", "notify"]
        one.save(update_fields=fields)
    Occurrence.objects.filter(event__in=rows).delete()


def _answered(email: str, response: str, comment: str) -> Edit:
    """The edit that is one guest's answer. Raises Invalid."""
    if response not in {"accepted", "tentative", "declined", "needsAction"}:
        raise Invalid("response", _("The answer can be accepted, tentative or declined."))

    def answered(content: Content) -> Content:
        if not any(guest.email.lower() == email.lower() for guest in content.attendees):
            raise Invalid("response", _("%(email)s is not a guest of this event.") % {"email": email})
        guests = tuple(
            msgspec.structs.replace(g, response=response, comment=comment or g.comment)
            if g.email.lower() == email.lower()
            else g
            for g in content.attendees
        )
        return msgspec.structs.replace(content, attendees=guests)

    return answered


def _locked(event: Event, if_match: str) -> Event:
    found = _standing(event)
    _match(found, if_match)
    if found.deleted_at is not None:
        raise Invalid("event", _("This event is in the trash; restore it first."))
    if found.calendar.is_mirrored and found.event_type not in ORDINARY_TYPES:
        raise Invalid("event", _("Google keeps events of this kind; change it there."))
    return found


def _match(event: Event, if_match: str) -> None:
    if if_match and if_match not in {event.etag, "*"}:
        raise Changed(event)


def _standing(event: Event) -> Event:
    """The event as it is now, locked. Raises NotFound when it became another one since it was read, as when it turned out
    to be the same as an older one that was moved at the provider."""
    rows = Event.objects.select_for_update(of=("self",)).select_related("calendar", "series")
    found = rows.filter(pk=event.pk).first()
    if found is None:
        raise NotFound
    return found


def store(event: Event, calendar: Calendar, content: Content) -> None:
    """Writes content and what is derived from it, without raising the revision: for sync, which settles."""
    _derive(event, calendar, content)
    event.changed_at = clock.now()
    event.save()
    occurrences.rebuild(event, calendar.time_zone)


def _store(event: Event, calendar: Calendar, content: Content, actor: Member | None, *, is_new: bool = False) -> None:
    was_private = event.is_private
    _derive(event, calendar, content)
    if event.is_private and not was_private and actor is not None and not calendar.is_mirrored:
        event.private_for = actor  # not whoever wrote the event first, who would read on
    event.is_unsettled = calendar.is_mirrored
    event.sync_state = "pending" if calendar.is_mirrored else "native"
    event.sync_message = ""
    event.changed_at = clock.now()
    if event.event_type == BUSY_BLOCK:
        event.event_type = "default"  # kept as a copy and edited, it is an event of its own
    if not is_new:
        event.revision += 1
        event.sequence += 1
    event.save()
    if event.series_id is not None and calendar.is_mirrored:  # a series that was not taken is tried once more with it
        series = Event.objects.filter(pk=event.series_id, sync_state__in=NOT_TAKEN)
        series.update(is_unsettled=True, sync_state=SyncState.PENDING, sync_message="")
    occurrences.rebuild(event, calendar.time_zone)


def _changed(before: Content, typed: Content, calendar: Calendar, *, is_override: bool) -> Content:
    """What somebody's edit comes to: only what differs is checked and kept, the rest stays to the letter. Raises
    Invalid."""
    check_content(typed, calendar, is_override=is_override, before=before)
    units = changed_units(before, typed)
    after = domain.with_units(before, typed, units)
    if "when" not in units:
        return after
    if before.recurrence and after.recurrence == before.recurrence and after.start != before.start:
        after = msgspec.structs.replace(after, recurrence=_moved_along(before, after.start))
    return _fitted(after)


def _moved_along(before: Content, start: times.Moment) -> tuple[str, ...]:
    try:
        return cuts.following(before.start, before.recurrence, start)
    except rules.BadRule as error:
        raise Invalid("start", wording.refusal_in_words(error)) from error


def _rest_of(master: Content, key: str) -> tuple[str, ...]:
    """The rules of a series from an occurrence's original start on, wherever that occurrence was moved to."""
    try:
        return cuts.remainder(master.start, master.recurrence, times.moment_of_key(key, master.start))
    except rules.BadRule as error:
        raise Invalid("scope", wording.refusal_in_words(error)) from error


def _continued(at: Content, shown: Content, typed: Content) -> Content:
    """The series that goes on from an occurrence: as its series says (`at`), with what was typed at what was `shown`."""
    base = msgspec.structs.replace(at, recurrence=shown.recurrence, conference=shown.conference)
    tail = carry_over(shown, typed, base)
    if (typed.start, typed.end) != (shown.start, shown.end):
        tail = msgspec.structs.replace(tail, start=typed.start, end=typed.end)
    lines = typed.recurrence if typed.recurrence != shown.recurrence else _moved_along(base, tail.start)
    return _fitted(msgspec.structs.replace(tail, recurrence=lines))


def _still_differs(override: Event, shown: Content, typed: Content) -> bool:
    """Whether an override at which this and following were changed overrides anything that was not typed there; what was
    typed is the series' own from now on. One that does not goes."""
    override.overridden = [name for name in override.overridden if name not in changed_units(shown, typed)]
    if not override.overridden:
        remove(override, by="cut")
    return bool(override.overridden)


def _fitted(content: Content) -> Content:
    """The rules in the form that the start needs, as after all day became timed."""
    return msgspec.structs.replace(content, recurrence=cuts.fitting(content.start, content.recurrence))


def _derive(event: Event, calendar: Calendar, content: Content) -> None:
    event.content_json = domain.encode(content)
    event.__dict__["content"] = content
    event.__dict__.pop("facts", None)
    event.summary = content.summary
    was_private, event.is_private = event.is_private, content.visibility in PRIVATE
    if event.is_private and not was_private and calendar.is_mirrored:
        event.private_for = None  # whoever had it to themselves before: it is the connection owner's from now on
    event.starts_at, event.ends_at = occurrences.bounds(content, calendar.time_zone)


def _occurrence(series: Event, key: str) -> Content:
    try:
        override = Event.objects.filter(series=series, original_key=key, deleted_at=None).first()
        return override.content if override else occurrences.occurrence_content(series.content, key)
    except ValueError as error:
        raise Invalid("occurrence", _("This series has no occurrence at that time.")) from error


def _standing_occurrence(series: Event, key: str) -> Content:
    """An occurrence as its series alone has it, though it was moved or changed by itself."""
    try:
        return occurrences.occurrence_content(series.content, key)
    except ValueError as error:
        raise Invalid("occurrence", _("This series has no occurrence at that time.")) from error


def _override(series: Event, key: str, content: Content, overridden: list[str], actor: Member | None) -> Event:
    override = Event(
        calendar=series.calendar,
        kind=EventKind.OVERRIDE,
        series=series,
        original_key=key,
        facts_json=series.facts_json,
        event_type=series.event_type,
        ical_uid=series.ical_uid,
        overridden=overridden,
        author=series.author or actor,
    )
    override.account_id = series.account_id
    _share_reader(override, series)
    return override


def _cancel_override(override: Event, actor: Member | None, notify: str, if_match: str) -> None:
    def cancelled(content: Content) -> Content:
        return msgspec.structs.replace(content, status="cancelled")

    before = override.content
    cancelled_event = edit(
        override, cancelled, actor=actor, notify=Notify.NONE, if_match=if_match, cause="occurrence cancelled"
    )
    invitations.tell(cancelled_event, cancelled_event.calendar, before, None, notify, actor)


def _carry_overrides(event: Event, calendar: Calendar, before: Content, after: Content, actor: Member | None) -> None:
    """After an edit of a whole series: overrides take what they do not override, and follow its new times."""
    overrides = list(Event.objects.filter(series=event, deleted_at=None).order_by("pk"))
    if not after.recurrence:
        for override in overrides:
            remove(override, by="cut")
        return
    if "when" in changed_units(before, after):
        rekeyed = [o for o in overrides if not _still_fits(o, before, after)]
        _reapply(rekeyed, event, calendar, before.start, after, actor)
        overrides = [override for override in overrides if override not in rekeyed]
    for override in overrides:
        content = domain.with_master_units(override.content, after, override.overridden)
        if changed_units(override.content, content):
            _store(override, calendar, content, actor)
            _announce(calendar, override)
    if overrides:
        occurrences.rebuild(event, calendar.time_zone)


def _still_fits(override: Event, before: Content, after: Content) -> bool:
    if before.start != after.start:
        return False
    original = times.moment_of_key(override.original_key, after.start)
    return recurrence.is_occurrence(after.start, after.recurrence, original)


def _reapply(
    overrides: list[Event],
    series: Event,
    calendar: Calendar,
    old_start: times.Moment,
    after: Content,
    actor: Member | None,
) -> None:
    """Moves overrides to where their occurrences now are; what fits nowhere goes to the trash, visibly."""
    by = times.civil(after.start) - times.civil(old_start)
    for override in overrides:
        old = override.content
        was = times.moment_of_key(override.original_key, old_start)
        now_at = times.at_civil(after.start, times.civil(was) + by)
        if not recurrence.is_occurrence(after.start, after.recurrence, now_at):
            remove(override, by="cut" if override.is_cancelled_occurrence else "orphaned")
            history.record(override, side=Side.LOCAL, cause="no longer fits", actor=actor)
            continue
        content = domain.with_master_units(old, after, override.overridden)
        if "when" not in override.overridden:
            end = times.shift(now_at, times.duration(after.start, after.end))
            content = msgspec.structs.replace(content, start=now_at, end=end)
        remove(override, by="cut")
        moved = _override(series, times.original_key(now_at), content, override.overridden, override.author)
        _share_reader(moved, override)
        _store(moved, calendar, content, actor, is_new=True)
        history.record(moved, side=Side.LOCAL, cause="carried over", actor=actor)
    occurrences.rebuild(series, calendar.time_zone)


def is_from(key: str, first: str) -> bool:
    """Whether one occurrence's key is another's or comes after it."""
    return key[:8] > first[:8] or (key[:8] == first[:8] and key >= first)


def _renewed(content: Content) -> domain.Conference:
    """A split series asks for a Meet link of its own."""
    from conversa_calendar.kit import ids

    if content.conference.state == "none":
        return content.conference
    return domain.Conference("pending", "", ids.new_uuid().hex)


def _share_reader(event: Event, other: Event) -> None:
    """What comes of another event is private to the same person, as far as that one is private."""
    event.is_private, event.private_for = other.is_private, other.private_for


def _keep_reader(event: Event, source: Calendar, target: Calendar) -> None:
    """Wherever it goes, what is private stays so to the same person. What everybody reads has nobody yet: whom it is
    private to later says a mirrored calendar, or whoever makes it so; if that is a late edit at the provider that it came
    from, the owner there."""
    if event.is_private:
        event.private_for_id = access.private_owner_id(event, source)
    elif target.is_mirrored:
        event.private_for = None
    elif event.author_id is None:
        event.private_for_id = access.private_owner_id(event, source)


def _notify(choice: str) -> str:
    if choice not in NOTIFY:
        raise Invalid("notify", _("Whom to tell is all, external or none."))
    return choice


def _telling(event: Event, choice: str) -> str:
    """Whom the provider tells of an edit: nobody where somebody here does, as of a booking. Raises Invalid."""
    told = _notify(choice)
    if told == "none":
        return told
    carrier = event.series or event
    answers: list[tuple[Any, Any]] = tellers_asked.send(sender=Event, event=carrier)
    return "none" if any(found for _receiver, found in answers) else told


def _announce(calendar: Calendar, event: Event) -> None:
    calendar_changed.send(Calendar, calendar=calendar, event=event)


def default_end(start: times.Moment) -> times.Moment:
    return times.shift(start, timedelta(days=1) if isinstance(start, times.Day) else timedelta(hours=1))
