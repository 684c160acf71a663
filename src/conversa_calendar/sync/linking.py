"""Applying what the provider shows to events here, and keeping links and their base in step."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
from django.db.models import Q

from conversa_calendar.calendars import editing, history, occurrences
from conversa_calendar.calendars.models import UNSENT, Calendar, Event, Occurrence
from conversa_calendar.calendars.signals import event_followed
from conversa_calendar.domain import event as domain
from conversa_calendar.domain import recurrence, times
from conversa_calendar.domain.event import Content, changed_units, readable
from conversa_calendar.engine import merge as engine
from conversa_calendar.engine.decide import Decision, Side, decide
from conversa_calendar.kit import clock, digest
from conversa_calendar.providers.google import mapping, wire
from conversa_calendar.providers.protocol import RemoteEvent
from conversa_calendar.sync import leases, triggers
from conversa_calendar.sync.models import Link, Mirror, MirrorRun
from conversa_calendar.sync.session import Session

ANNOUNCED = "booking"
DAY = timedelta(days=1)
MOVE_SEEN_WITHIN = DAY


def base_of(link: Link) -> Content | None:
    """The content that both sides last agreed on; None before the first agreement or after a cancellation."""
    return mapping.content_of(link.raw.encode(), link.zone) if link.raw else None


def content_digest(remote: RemoteEvent) -> str:
    return digest.of(remote.content) if remote.content is not None else "cancelled"


def is_older(remote: RemoteEvent, link: Link) -> bool:
    """Whether an answer shows a state from before the base (a stale list): both times are the provider's own."""
    if not link.raw or not remote.updated:
        return False
    try:
        known = wire.event_decoder.decode(link.raw.encode()).updated or ""
    except msgspec.DecodeError:
        return False  # what could not be read then
    return remote.updated < known


def is_former_self(remote: RemoteEvent, elsewhere: Link) -> bool:
    """Whether a list shows an event still where it stood before a move: older, but made at the same moment. One that was
    made anew elsewhere, under the same id, is another."""
    if not is_older(remote, elsewhere):
        return False
    known, shown = (wire.event_decoder.decode(raw) for raw in (elsewhere.raw.encode(), remote.raw))
    return known.created == shown.created


def remember(link: Link, remote: RemoteEvent, zone: str) -> None:
    """Makes the remote state the base; the caller saves. What is masked is compared anew by every listing that shows it,
    as the words may come back under the same etag."""
    link.remote_id, link.etag, link.zone = remote.id, remote.etag, zone
    link.raw, link.digest = remote.raw.decode(), "" if remote.is_masked else content_digest(remote)
    link.intent = None
    link.series_remote_id = remote.series_id or link.series_remote_id
    link.original_key = remote.original_key or link.original_key
    link.remote_deleted_at, link.is_held, link.is_approved = None, False, False


def merge_remote(
    session: Session,
    event: Event,
    link: Link,
    remote: RemoteEvent,
    attempts: Sequence[Content] = (),
    *,
    is_listed: bool = False,
) -> None:
    """Merges a changed remote event into the one here, unit by unit; within the caller's transaction.

    `attempts` is what unresolved writes of ours meant to send; units that arrived count as agreed. An occurrence that
    `is_listed` is one of its own at the provider; one that was asked for may be as its series has it.
    """
    theirs = remote.content
    if theirs is None:
        return
    base = _agreed(session, event, link)
    if attempts:
        base = engine.resolve_lost_write(base or attempts[-1], attempts, theirs)
    base = base or theirs
    if remote.is_masked:
        theirs = domain.with_units(base, theirs, ["when", "status", "transparency", "visibility"])
    before = event.content
    decision = decide(side_here(event, base), side_of(base, theirs))
    if decision in {Decision.DELETE_REMOTE, Decision.DELETE_REMOTE_KEEP_EDIT}:
        _meet_deletion(session, event, link, remote, base, theirs)
        return
    merged = engine.merge(base, before, theirs, is_when_announced=is_announced(event))
    to_remote = _sendable(event, remote.facts, merged.to_remote)
    lost = {c.unit: readable(c.lost, c.unit) for c in merged.conflicts}
    is_first = event.kind == "override" and not link.raw and not is_listed
    if is_first and not to_remote and not _has_landed(base, attempts, theirs):
        _give_way(session, event, link, merged.content, lost)
        return
    remember(link, remote, session.mirror.time_zone)
    link.save()
    event.is_unsettled = bool(to_remote)
    if not event.is_unsettled:
        event.notify = "none"  # what a person asked to announce has arrived; nothing later may announce it again
    _take_facts(event, remote)
    if before != merged.content or lost:
        event.revision += 1
    _keep_override(event, merged.content)
    _save(session, event, before, merged.content)
    if event.is_series and "when" in changed_units(before, merged.content):
        _lead_back(session, event, link)
    history.record(event, side="remote", cause="edited", before=before, after=merged.content, lost=lost)
    if changed_units(before, merged.content) or lost:
        history.announce(session.calendar, [(event.uuid, "updated")])
        session.changed = True
    event_followed.send(sender=Event, event=event)


def side_here(event: Event, base: Content | None) -> Side:
    """How the event here stands against the base."""
    return Side.DELETED if event.deleted_at is not None else side_of(base, event.content)


def side_of(base: Content | None, content: Content) -> Side:
    return Side.SAME if base is not None and not changed_units(base, content) else Side.CHANGED


def arrive(link: Link) -> None:
    """An event stands where it was moved to: the create that its former places waited for has been there, and what turns
    up there from now on is no late arrival of it. The caller saves the link."""
    if link.moving_from:
        waiting = Link.objects.filter(mirror__remote_id__in=link.places, remote_id=link.remote_id, event=None, raw="")
        waiting.filter(is_ours=True, wants_delete=False).delete()
    link.moving_from = ""


def revive(session: Session, event: Event, link: Link, remote: RemoteEvent) -> None:
    """What was deleted, here or there, lives at the provider again: the event comes back as it stands there, with its
    identity and history, and a series with its exceptions."""
    assert remote.content is not None
    before, after, base = event.content, remote.content, base_of(link)
    differing = changed_units(after, before)
    unsent = changed_units(base, before) if base is not None else differing if event.has_unsent else ()
    lost = {name: readable(before, name) for name in differing if name in unsent}
    remember(link, remote, session.mirror.time_zone)
    link.tombstoned_at, link.wants_delete = None, False
    link.save()
    event.deleted_at, event.deleted_by = None, ""
    event.is_unsettled, event.notify = False, "none"
    event.revision += 1
    _take_facts(event, remote)
    _keep_override(event, after)
    settle_state(event)
    editing.store(event, session.calendar, after)
    if event.is_series:
        _lead_back(session, event, link)
    history.record(event, side="remote", cause="restored", before=before, after=after, lost=lost)
    history.announce(session.calendar, [(event.uuid, "restored")])
    session.changed = True
    event_followed.send(sender=Event, event=event)


def take_back(session: Session, event: Event, link: Link) -> None:
    """A deletion that cannot be sent is undone here, as the event goes on living there, be it an exception at a time that
    its series does not have any more; so is a change that leaves nothing of a series to be seen. Any other stays. What
    was never seen there stays deleted; should it arrive yet, it is shown."""
    base = base_of(link)
    if event.deleted_at is not None and not link.raw:
        Link.objects.filter(pk=link.pk).update(tombstoned_at=clock.now())
        _settled(event)
        return
    if event.deleted_at is not None and event.series is None:
        known = mapping.read(link.raw.encode(), link.zone) if base is not None else None
        if isinstance(known, RemoteEvent):
            revive(session, event, link, known)
        else:
            editing.restore(event, actor=None)
    elif event.deleted_at is not None and event.series is not None and base is not None:
        same = Event.objects.filter(series=event.series, original_key=event.original_key, deleted_at=None)
        if event.series.deleted_at is not None or same.exists():
            return
        event.deleted_at, event.deleted_by = None, ""
        event.overridden = overridden_units(event.series, event.original_key, base)
        event.revision += 1
        editing.store(event, session.calendar, base)
        Occurrence.objects.filter(event_id=event.series.pk, original_key=event.original_key).delete()
    elif event.is_series and base is not None and not _is_shown(event):
        before, event.revision = event.content, event.revision + 1
        editing.store(event, session.calendar, base)
        _lead_back(session, event, link)
        lost = {name: readable(before, name) for name in changed_units(base, before)}
        history.record(event, side="remote", cause="edited", before=before, after=base, lost=lost)
    elif event.is_cancelled_occurrence and event.series is not None and base is not None:
        event.overridden = overridden_units(event.series, event.original_key, base)
        event.revision += 1
        editing.store(event, session.calendar, base)
    elif event.is_cancelled_occurrence and event.series is not None and link.raw:
        _ask_about(session, link)  # cancelled there too, as far as we know
        return
    elif event.is_cancelled_occurrence and event.series is not None:
        editing.remove(event, by="cut")
        occurrences.rebuild(event.series, session.calendar.time_zone)
    else:
        return
    history.announce(session.calendar, [(event.uuid, "restored")])


def pull_again(session: Session) -> None:
    """Lists everything once more, so that something whose link went comes in anew. What this run goes on to list counts,
    too: it knows nothing of the cursor any more."""
    mirror = session.mirror
    mirror.cursor = ""
    if mirror.listing != "near":  # which is followed by everything anyway
        mirror.listing, mirror.page = "", ""
    mirror.save(update_fields=["cursor", "listing", "page"])
    leases.want([session.mirror.pk], is_pull=True)


def _agreed(session: Session, event: Event, link: Link) -> Content | None:
    """The base to merge with. An occurrence that was never touched stands as its series' base has it; one whose base is
    a cancellation, the same but cancelled. None when nothing was agreed on yet."""
    base = base_of(link)
    if base is not None or event.series is None:
        return base
    master = link_of(session, event.series)
    series = base_of(master) if master is not None else None
    try:
        plain = occurrences.occurrence_content(series, event.original_key) if series is not None else None
    except ValueError:
        return None
    return msgspec.structs.replace(plain, status="cancelled") if plain is not None and link.raw else plain


def _has_landed(plain: Content, attempts: Sequence[Content], theirs: Content) -> bool:
    """Whether a lost write shows at the provider: something that it alone can have changed."""
    return any(
        domain.unit(theirs, name) == domain.unit(sent, name) for sent in attempts for name in changed_units(plain, sent)
    )


def _give_way(session: Session, event: Event, link: Link, after: Content, lost: dict[str, Any]) -> None:
    """An occurrence that nobody changes any more follows its series again: what was meant for it lost to an edit of the
    whole series. Were it changed at the provider too, the pull brings that as an override of its own."""
    assert event.series is not None
    history.record(event, side="remote", cause="edited", before=event.content, after=after, lost=lost)
    if link.pk is not None:
        Link.objects.filter(pk=link.pk).delete()
    editing.remove(event, by="cut")
    Event.objects.filter(pk=event.pk).update(is_unsettled=False, sync_state="synced", sync_message="")
    occurrences.rebuild(event.series, session.calendar.time_zone)
    history.announce(session.calendar, [(event.uuid, "updated")])
    session.changed = True


def _lead_back(session: Session, series: Event, master: Link) -> None:
    """A series has the provider's times, or lives again. Exceptions that had followed other times here, and were not
    sent yet, or that went with the series, stand as they were last known there; each is asked about, as nobody knows
    what a provider does with those of a moved series."""
    linked = Link.objects.filter(mirror=session.mirror).exclude(event=None)
    sent = linked.filter(tombstoned_at=None).values("event")
    for override in Event.objects.filter(series=series, deleted_at=None).exclude(pk__in=sent).order_by("pk"):
        if has_occurrence(series.content, override.original_key):
            continue
        editing.remove(override, by="cut")
        _settled(override)
        history.record(override, side="remote", cause="no longer fits", lost=_own_units(override))
    gone = linked.filter(series_remote_id=master.remote_id, event__series=series, event__deleted_at__isnull=False)
    for link in gone.exclude(raw="").select_related("event__author").order_by("pk"):
        former = link.event
        assert former is not None
        if link.tombstoned_at is not None and not has_occurrence(series.content, link.original_key):
            continue
        if Event.objects.filter(series=series, original_key=link.original_key, deleted_at=None).exists():
            continue
        link.tombstoned_at, link.wants_delete, link.intent = None, False, None
        link.save(update_fields=["tombstoned_at", "wants_delete", "intent"])
        _ask_about(session, link)
        former.deleted_at, former.deleted_by, former.is_unsettled, former.sync_state = None, "", False, "synced"
        known = base_of(link) or msgspec.structs.replace(former.content, status="cancelled")
        editing.store(former, session.calendar, known)
    occurrences.rebuild(series, session.calendar.time_zone)


def _ask_about(session: Session, link: Link) -> None:
    """Whether it is still there is asked before anything more is believed of it."""
    link.remote_deleted_at, link.seen_generation = clock.now(), 0
    link.save(update_fields=["remote_deleted_at", "seen_generation"])
    session.has_deletions = True
    leases.want([session.mirror.pk], is_pull=True)


def has_occurrence(series: Content, key: str) -> bool:
    """Whether a series has an occurrence that starts at `key` as its rules have it."""
    try:
        occurrences.occurrence_content(series, key)
    except ValueError:
        return False
    return True


def _is_shown(series: Event) -> bool:
    """Whether anything of a series stands in its calendar, at whatever time."""
    overrides = {one.original_key: one for one in Event.objects.filter(series=series, deleted_at=None)}
    if any(not one.is_cancelled_occurrence for one in overrides.values()):
        return True
    start, lines = series.content.start, series.content.recurrence
    last = recurrence.last_start(start, lines)
    if last is None:
        return True  # without end
    every = recurrence.expand(start, lines, times.civil(start) - DAY, last + DAY)
    return any(times.original_key(one) not in overrides for one in every)


def settle_state(event: Event) -> None:
    """What the event says about its sync after being looked at."""
    event.sync_state = "pending" if event.is_unsettled else "synced"
    event.sync_message = ""


def cancel_occurrence(session: Session, event: Event, link: Link, remote: RemoteEvent) -> None:
    """An occurrence was cancelled at the provider: the override here becomes a cancelled one; an unsent edit of it is
    kept in the history."""
    before = event.content
    remember(link, remote, session.mirror.time_zone)
    link.save()
    if event.deleted_at is not None or event.is_cancelled_occurrence:
        _settled(event)
        return
    after = msgspec.structs.replace(before, status="cancelled")
    lost = _own_units(event) if event.has_unsent else {}
    event.is_unsettled = False
    event.revision += 1
    event.overridden = ["status"]
    _save(session, event, before, after)
    history.record(event, side="remote", cause="occurrence cancelled", lost=lost)
    history.announce(session.calendar, [(event.uuid, "deleted")])
    session.changed = True


def delete_here(session: Session, event: Event, link: Link) -> None:
    """Carries out a deletion seen at the provider: the event goes to the trash, an unsent edit with it."""
    remote_side = Side.DELETED
    local_side = Side.DELETED if event.deleted_at else Side.CHANGED if event.has_unsent else Side.SAME
    decision = decide(local_side, remote_side)
    twin = _moved_twin(event) if decision is not Decision.FORGET else None
    if twin is not None and not _is_at_rest(twin):
        link.remote_deleted_at = link.remote_deleted_at or clock.now()
        Link.objects.filter(pk=link.pk).update(remote_deleted_at=link.remote_deleted_at, intent=None)
        session.has_waiting = True  # a worker is at its new calendar: looked at again soon
        return
    Link.objects.filter(pk=link.pk).update(
        tombstoned_at=clock.now(), intent=None, remote_deleted_at=link.remote_deleted_at or clock.now(), is_held=False
    )
    if decision is Decision.FORGET:
        Event.objects.filter(pk=event.pk).update(is_unsettled=False, sync_state="synced", sync_message="")
        return
    if twin is not None:
        _follow_to(session, event, link, twin)
        return
    note = "unsent edit kept" if decision is Decision.DELETE_LOCAL_KEEP_EDIT else ""
    if event.is_series:
        members = Event.objects.filter(series=event, deleted_at=None)
        Link.objects.filter(mirror=session.mirror, event__in=members).update(tombstoned_at=clock.now(), intent=None)
        for override in members.filter(sync_state__in=UNSENT).order_by("pk"):
            history.record(override, side="remote", cause="deleted", lost=_own_units(override), note="unsent edit kept")
    editing.remove(event, by="remote")
    if event.series is not None and event.series.deleted_at is None:
        occurrences.rebuild(event.series, session.calendar.time_zone)
    history.record(event, side="remote", cause="deleted", note=note)
    history.announce(session.calendar, [(event.uuid, "deleted")])
    session.changed = True
    event_followed.send(sender=Event, event=event)


def _moved_twin(event: Event) -> Event | None:
    """The event that this one became, when it was moved at the provider and its new calendar was pulled first: the same
    id and iCalUID, organised by each calendar in turn (a guest's copy is never organised by its own calendar), younger
    and touched by nobody since, so that nothing is lost when it gives way, and not itself about to go."""
    if event.series_id is not None or not event.ical_uid or not event.facts.is_own_copy:
        return None
    rows = Event.objects.filter(
        ical_uid=event.ical_uid, remote_id=event.remote_id, series=None, deleted_at=None
    ).order_by("pk")
    leaving = Link.objects.filter(remote_deleted_at__isnull=False, tombstoned_at=None).exclude(event=None)
    rows = rows.filter(pk__gt=event.pk, revision=1, is_unsettled=False).exclude(pk__in=leaving.values("event"))
    lately = rows.filter(created_at__gt=clock.now() - MOVE_SEEN_WITHIN).exclude(calendar=event.calendar_id)
    return next((twin for twin in lately.select_related("calendar") if twin.facts.is_own_copy), None)


def _is_at_rest(twin: Event) -> bool:
    """Whether nobody works on the twin's mirror; nobody will before this transaction ends, as its run is locked."""
    mirrors = Link.objects.filter(event=twin, tombstoned_at=None).values_list("mirror_id", flat=True)
    runs = MirrorRun.objects.select_for_update().filter(mirror_id__in=list(mirrors)).order_by("mirror_id")
    return all(run.leased_until is None for run in runs)


def _follow_to(session: Session, event: Event, link: Link, twin: Event) -> None:
    """The event goes on where its twin stands, with what was edited here and not sent yet; the twin's own identity, a
    moment old, gives way."""
    uuid, source, calendar = twin.uuid, event.calendar, twin.calendar
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
    event.__dict__.pop("facts", None)
    Event.objects.filter(pk=twin.pk).delete()
    event.revision += 1
    event.is_unsettled = bool(to_remote)
    if not event.is_unsettled:
        event.notify = "none"
    settle_state(event)
    editing.store(event, calendar, content)
    history.record(event, side="remote", cause="moved", lost=lost, note=calendar.name)
    history.announce(source, [(event.uuid, "deleted")])
    history.announce(calendar, [(uuid, "deleted"), (event.uuid, "created")])
    if Event.objects.filter(Q(pk=event.pk) | Q(series=event), is_unsettled=True).exists():
        triggers.wake(Mirror.objects.filter(calendar=calendar).values_list("pk", flat=True), is_pull=False)
    session.changed = True
    event_followed.send(sender=Event, event=event)


def _with_unsent(event: Event, link: Link, twin: Event) -> tuple[Content, tuple[str, ...], dict[str, Any]]:
    """The twin's content with what was edited here and not sent yet, the units that are to be sent there, and what does
    not stand: all of it where the calendar takes no changes, the times of a series, as its exceptions go by those there."""
    theirs, ours, base = twin.content, event.content, base_of(link)
    if not event.has_unsent:
        return theirs, (), {}
    if base is None or twin.calendar.is_read_only:
        return theirs, (), {name: readable(ours, name) for name in changed_units(base or theirs, ours)}
    base = engine.resolve_lost_write(base, attempts_of(link), theirs)
    found = engine.merge(base, ours, theirs, is_when_announced=is_announced(event))
    lost = {conflict.unit: readable(conflict.lost, conflict.unit) for conflict in found.conflicts}
    merged = found.content
    if (theirs.recurrence or ours.recurrence) and domain.unit(merged, "when") != domain.unit(theirs, "when"):
        merged, lost["when"] = domain.with_units(merged, theirs, ["when"]), readable(ours, "when")
    return merged, _sendable(event, twin.facts, changed_units(theirs, merged)), lost


def bring_along(series: Event, former: Sequence[Event], calendar: Calendar) -> None:
    """What becomes of the exceptions that a series had before it was moved at the provider. Those known there come from
    there. One with an edit that was never sent goes along and is sent; where its new place has one of its own, or will not
    take it, the edit is kept in the history."""
    there = {one.original_key: one for one in Event.objects.filter(series=series, deleted_at=None)}
    for override in former:
        Link.objects.filter(event=override, tombstoned_at=None).update(tombstoned_at=clock.now(), intent=None)
        is_unsent, other = override.sync_state in UNSENT, there.get(override.original_key)
        can_go = other is None and not calendar.is_read_only and has_occurrence(series.content, override.original_key)
        if is_unsent and can_go:
            override.series, override.calendar, override.deleted_at, override.deleted_by = series, calendar, None, ""
            override.is_unsettled, override.sync_state, override.sync_message = True, "pending", ""
            override.revision += 1
            editing.store(override, calendar, override.content)
            continue
        if is_unsent:
            lost = _own_units(override)
            if other is not None:
                differing = changed_units(other.content, override.content)
                lost = {name: readable(override.content, name) for name in differing}
            history.record(other or override, side="remote", cause="edited", lost=lost)
        editing.remove(override, by="moved")
        _settled(override)


def _own_units(override: Event) -> dict[str, Any]:
    """What an exception has otherwise than its series."""
    return {name: readable(override.content, name) for name in override.overridden}


def overridden_units(master: Event, key: str, content: Content) -> list[str]:
    """The units in which an override differs from its master's occurrence."""
    try:
        plain = occurrences.occurrence_content(master.content, key)
    except ValueError:
        plain = msgspec.structs.replace(master.content, recurrence=())
    return sorted(changed_units(plain, content))


def link_of(session: Session, event: Event) -> Link | None:
    return Link.objects.filter(mirror=session.mirror, event=event, tombstoned_at=None).first()


def restamp_series(session: Session, series_remote_id: str, old_etag: str, new_etag: str, *, is_master: bool) -> None:
    """After a conditional write in a series: its new etag stands on every link that carried the old one. What was
    written to the master flows into its occurrences there, so the next listing compares theirs (no digest)."""
    if not old_etag:
        return
    rows = Link.objects.filter(mirror=session.mirror, etag=old_etag)
    rows.filter(remote_id=series_remote_id).update(etag=new_etag)
    stale = {"digest": ""} if is_master else {}
    rows.filter(series_remote_id=series_remote_id).update(etag=new_etag, **stale)


def is_untouched_copy(link: Link, remote: RemoteEvent) -> bool:
    """Whether a remote event is still what we last agreed on, or last meant to write, under this link."""
    if remote.content is None:
        return False
    if link.digest and link.digest == content_digest(remote):
        return True
    return any(not changed_units(sent, remote.content) for sent in attempts_of(link))


def attempts_of(link: Link) -> list[Content]:
    """What the unresolved writes of a link meant to send, the latest last: any of them may have arrived."""
    intent = link.intent or {}
    sent = [*intent.get("earlier", ()), *([intent["content"]] if "content" in intent else [])]
    return [msgspec.convert(content, Content) for content in sent]


def _meet_deletion(
    session: Session, event: Event, link: Link, remote: RemoteEvent, base: Content, theirs: Content
) -> None:
    """Deleted here, changed there: the deletion stands, their edit is kept in the history; the next push deletes."""
    lost = {name: readable(theirs, name) for name in changed_units(base, theirs)}
    remember(link, remote, session.mirror.time_zone)
    link.save()
    if lost:
        history.record(
            event, side="remote", cause="edited", lost=lost, note="edited at Google after it was deleted here"
        )
    Event.objects.filter(pk=event.pk).update(is_unsettled=True)


def _sendable(event: Event, facts: domain.Facts, units: tuple[str, ...]) -> tuple[str, ...]:
    """Units that may go to this copy: all on an own copy, personal ones and the own answer elsewhere."""
    if facts.is_own_copy or event.content.guests_can.modify:
        return tuple(name for name in units if not (name == "conference" and not _is_conference_wish(event)))
    own = {*domain.PERSONAL_UNITS, "attendees", *(["status"] if event.is_cancelled_occurrence else [])}
    return tuple(name for name in units if name in own)


def _is_conference_wish(event: Event) -> bool:
    return event.content.conference.state == "pending" or event.content.conference.state == "none"


def is_announced(event: Event) -> bool:
    """Whether a visitor was told its time."""
    return any(reference.get("kind") == ANNOUNCED for reference in event.references)


def _take_facts(event: Event, remote: RemoteEvent) -> None:
    event.facts_json = domain.encode(remote.facts)
    event.__dict__.pop("facts", None)
    event.ical_uid = remote.facts.ical_uid
    event.event_type = remote.facts.event_type
    event.remote_id = remote.id


def _keep_override(event: Event, content: Content) -> None:
    if event.kind == "override" and event.series is not None:
        event.overridden = overridden_units(event.series, event.original_key, content)
    elif event.kind != "override":
        event.kind = "series" if content.recurrence else "single"


def _save(session: Session, event: Event, before: Content, after: Content) -> None:
    settle_state(event)
    was_series = bool(before.recurrence)
    if was_series and not after.recurrence:
        for override in Event.objects.filter(series=event, deleted_at=None).order_by("pk"):
            if override.sync_state in UNSENT:
                history.record(override, side="remote", cause="no longer fits", lost=_own_units(override))
            editing.remove(override, by="remote")
    if before == after:
        event.content_json = domain.encode(after)
        event.save()
        return
    editing.store(event, session.calendar, after)
    if event.series_id is not None:
        Occurrence.objects.filter(event_id=event.series_id, original_key=event.original_key).delete()


def _settled(event: Event) -> None:
    Event.objects.filter(pk=event.pk).update(is_unsettled=False, sync_state="synced", sync_message="")
