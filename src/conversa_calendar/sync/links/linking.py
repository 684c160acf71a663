"""Applying what the provider shows to events here, and keeping links and their base in step."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from conversa_calendar.calendars import changes, editing, history, occurrences
from conversa_calendar.calendars.models import UNSENT, Event, Occurrence
from conversa_calendar.calendars.signals import event_followed
from conversa_calendar.domain import event as domain
from conversa_calendar.domain import recurrence, times
from conversa_calendar.domain.event import Content, changed_units, readable
from conversa_calendar.engine import merge as engine
from conversa_calendar.engine import steps
from conversa_calendar.engine.decide import decide
from conversa_calendar.engine.evidence import Answered, Base, Listed, Refusal, Refused, There
from conversa_calendar.engine.link import Call
from conversa_calendar.kit import clock, digest
from conversa_calendar.providers.google import mapping, wire
from conversa_calendar.providers.protocol import RemoteEvent
from conversa_calendar.sync.links import reading
from conversa_calendar.sync.models import Link
from conversa_calendar.sync.run import leases
from conversa_calendar.sync.run.session import Session

ANNOUNCED = "booking"
DAY = timedelta(days=1)


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


@dataclass
class Scene:
    """One event, its link, and what stands at the provider, compared with what was last agreed on. `follows_series`: this
    occurrence is as its series has it, and nothing of ours is left to send or seen to have landed."""

    session: Session
    event: Event
    link: Link
    remote: RemoteEvent
    base: Content
    theirs: Content
    merged: engine.Merged
    to_remote: tuple[str, ...]
    there: There
    is_changed_here: bool
    follows_series: bool

    @property
    def lost(self) -> dict[str, Any]:
        """What does not stand, as the history keeps it."""
        return {conflict.unit: readable(conflict.lost, conflict.unit) for conflict in self.merged.conflicts}


def compare(session: Session, event: Event, link: Link, remote: RemoteEvent, attempts: Sequence[Content] = ()) -> Scene:
    """Compares an event here with its content at the provider. `attempts` is what unresolved writes of ours meant to send;
    units that arrived count as agreed. What is masked changes only what it shows."""
    theirs, base = remote.content, _agreed(session, event, link)
    assert theirs is not None
    if attempts:
        base = engine.resolve_lost_write(base or attempts[-1], attempts, theirs)
    base = base or theirs
    if remote.is_masked:
        theirs = domain.with_units(base, theirs, ["when", "status", "transparency", "visibility"])
    merged = engine.merge(base, event.content, theirs, is_when_announced=is_announced(event))
    to_remote = sendable(event, remote.facts, merged.to_remote)
    is_first = event.kind == "override" and not link.raw
    return Scene(
        session,
        event,
        link,
        remote,
        base,
        theirs,
        merged,
        to_remote,
        there=There.CHANGED if changed_units(base, theirs) else There.SAME,
        is_changed_here=bool(changed_units(base, event.content)),
        follows_series=is_first and not to_remote and not _has_landed(base, attempts, theirs),
    )


def meet(
    session: Session,
    event: Event,
    link: Link,
    remote: RemoteEvent,
    attempts: Sequence[Content] = (),
    *,
    is_listed: bool = False,
) -> None:
    """An event meets what stands at the provider; within the caller's transaction. An occurrence that `is_listed` is one of
    its own there; one that was asked for may be as its series has it."""
    if remote.content is None:
        _meet_cancelled(session, event, link, remote)
        return
    scene = compare(session, event, link, remote, attempts)
    asked = Answered(Call.ASK, there=scene.there, follows_series=scene.follows_series)
    found = Listed(scene.there) if is_listed else asked
    here = reading.local_of(event, is_changed=scene.is_changed_here)
    for step in decide(reading.state_of(link), here, found, reading.capabilities_of(session)):
        agree(scene, step)


def _meet_cancelled(session: Session, event: Event, link: Link, remote: RemoteEvent) -> None:
    """An occurrence that was asked for is cancelled there."""
    here = reading.local_of(event, is_changed=event.has_unsent)
    found = Answered(Call.ASK, is_gone=True, is_occurrence=bool(remote.original_key))
    if decide(reading.state_of(link), here, found, reading.capabilities_of(session)) == (steps.CancelHere(),):
        cancel_occurrence(session, event, link, remote)


def agree(scene: Scene, step: steps.Step) -> None:
    """Carries out one step by which an event and what stands at the provider come to agree."""
    match step:
        case steps.Arrive():
            arrive(scene.link)
        case steps.KeepDeletion():
            _keep_deletion(scene, step)
        case steps.FollowSeries():
            _follow_series(scene)
        case steps.SetBase():
            _settle_on(scene, scene.event.content, sends=step.sends)
        case steps.MergeIn():
            _settle_on(scene, scene.merged.content, sends=step.sends)
        case _:
            raise AssertionError(f"{step} brings nothing to agree")


def _settle_on(scene: Scene, content: Content, *, sends: bool) -> None:
    """What stands at the provider becomes the base, and `content` stands here; what differs then is sent."""
    session, event, link, before = scene.session, scene.event, scene.link, scene.event.content
    remember(link, scene.remote, session.mirror.time_zone)
    link.save()
    event.is_unsettled = sends and bool(scene.to_remote)
    if not event.is_unsettled:
        event.notify = "none"  # what a person asked to announce has arrived; nothing later may announce it again
    was_attached = event.facts.attachments
    _take_facts(event, scene.remote)
    if before != content or scene.lost:
        event.revision += 1
    _keep_override(event, content)
    is_echo = not changed_units(before, content) and was_attached == scene.remote.facts.attachments
    with changes.echoing(is_echo):
        _save(session, event, before, content)
    if event.is_series and "when" in changed_units(before, content):
        _lead_back(session, event, link)
    history.record(event, side="remote", cause="edited", before=before, after=content, lost=scene.lost)
    if changed_units(before, content) or scene.lost:
        session.changed = True
    event_followed.send(sender=Event, event=event)


def is_changed_here(event: Event, base: Content | None) -> bool:
    """Whether an event here holds what the other side does not have."""
    return base is None or bool(changed_units(base, event.content))


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
    session.changed = True
    event_followed.send(sender=Event, event=event)


def refused(event: Event, link: Link | None, what: Refusal, *, wants_meeting: bool = False) -> Refused:
    """What bears on what becomes of an event whose change or deletion the provider does not take."""
    known = mapping.read(link.raw.encode(), link.zone) if link is not None and link.raw else None
    has_content = isinstance(known, RemoteEvent) and known.content is not None
    base = Base.AGREED if has_content else Base.NONE if link is None or not link.raw else Base.EMPTY
    is_hidden = event.is_series and has_content and event.deleted_at is None and not _is_shown(event)
    return Refused(what, base, wants_meeting, has_room=_has_room(event), is_shown=not is_hidden)


def _has_room(event: Event) -> bool:
    """Whether a deleted exception may come back: its series lives, and no other change of the same occurrence stands."""
    if event.series is None or event.deleted_at is None:
        return True
    same = Event.objects.filter(series=event.series, original_key=event.original_key, deleted_at=None)
    return event.series.deleted_at is None and not same.exists()


def take_back(session: Session, event: Event, link: Link | None, step: steps.Step) -> None:
    """Undoes here what cannot be sent. What was never seen there stays deleted; should it arrive yet, it is shown."""
    match step:
        case steps.Bury():
            if link is not None:
                Link.objects.filter(pk=link.pk).update(tombstoned_at=clock.now())
            settled(event)
            return
        case steps.Doubt() if link is not None:
            _ask_about(session, link)
            return
        case steps.Revive() if link is not None:
            known = mapping.read(link.raw.encode(), link.zone)
            assert isinstance(known, RemoteEvent)
            revive(session, event, link, known)
        case steps.Restore():
            editing.restore(event, actor=None)
        case steps.Revert() if link is not None:
            _revert(session, event, link)
        case steps.DropOverride() if event.series is not None:
            editing.remove(event, by="cut")
            occurrences.rebuild(event.series, session.calendar.time_zone)
        case _:
            raise AssertionError(f"{step} takes nothing back")


def _revert(session: Session, event: Event, link: Link) -> None:
    """An event stands again as it was last agreed on; of a series the change is kept in the history."""
    base, before, was_deleted = base_of(link), event.content, event.deleted_at is not None
    assert base is not None
    event.deleted_at, event.deleted_by = None, ""
    event.revision += 1
    if event.series is not None:
        event.overridden = overridden_units(event.series, event.original_key, base)
    editing.store(event, session.calendar, base)
    if event.series is None:
        _lead_back(session, event, link)
        lost = {name: readable(before, name) for name in changed_units(base, before)}
        history.record(event, side="remote", cause="edited", before=before, after=base, lost=lost)
    elif was_deleted:
        Occurrence.objects.filter(event_id=event.series.pk, original_key=event.original_key).delete()


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


def _follow_series(scene: Scene) -> None:
    """An occurrence that nobody changes any more follows its series again: what was meant for it lost to an edit of the
    whole series. Were it changed at the provider too, the pull brings that as an override of its own."""
    session, event = scene.session, scene.event
    assert event.series is not None
    after = scene.merged.content
    history.record(event, side="remote", cause="edited", before=event.content, after=after, lost=scene.lost)
    if scene.link.pk is not None:
        Link.objects.filter(pk=scene.link.pk).delete()
    editing.remove(event, by="cut")
    Event.objects.filter(pk=event.pk).update(is_unsettled=False, sync_state="synced", sync_message="")
    occurrences.rebuild(event.series, session.calendar.time_zone)
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
        settled(override)
        history.record(override, side="remote", cause="no longer fits", lost=own_units(override))
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


def doubt(session: Session, link: Link) -> None:
    """Its calendar shows it no more: what became of it is found out before anything is concluded. The caller saves."""
    if link.remote_deleted_at is None:
        link.remote_deleted_at, link.asked_at = clock.now(), None
    session.has_deletions = True


def _ask_about(session: Session, link: Link) -> None:
    """Whether it is still there is asked before anything more is believed of it."""
    link.remote_deleted_at, link.asked_at, link.seen_generation = clock.now(), None, 0
    link.save(update_fields=["remote_deleted_at", "asked_at", "seen_generation"])
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
        settled(event)
        return
    after = msgspec.structs.replace(before, status="cancelled")
    lost = own_units(event) if event.has_unsent else {}
    event.is_unsettled = False
    event.revision += 1
    event.overridden = ["status"]
    _save(session, event, before, after)
    history.record(event, side="remote", cause="occurrence cancelled", lost=lost)
    session.changed = True


def own_units(override: Event) -> dict[str, Any]:
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


def _keep_deletion(scene: Scene, step: steps.KeepDeletion) -> None:
    """Deleted here: the deletion stands, what they changed is kept in the history; the next push deletes."""
    event, changed = scene.event, changed_units(scene.base, scene.theirs)
    remember(scene.link, scene.remote, scene.session.mirror.time_zone)
    scene.link.save()
    if step.keeps_their_edit and changed:
        lost = {name: readable(scene.theirs, name) for name in changed}
        note = "edited at Google after it was deleted here"
        history.record(event, side="remote", cause="edited", before=event.content, lost=lost, note=note)
    Event.objects.filter(pk=event.pk).update(is_unsettled=True)


def sendable(event: Event, facts: domain.Facts, units: tuple[str, ...]) -> tuple[str, ...]:
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
                history.record(override, side="remote", cause="no longer fits", lost=own_units(override))
            editing.remove(override, by="remote")
    if before == after:
        event.content_json = domain.encode(after)
        event.save()
        return
    editing.store(event, session.calendar, after)
    if event.series_id is not None:
        Occurrence.objects.filter(event_id=event.series_id, original_key=event.original_key).delete()


def settled(event: Event) -> None:
    Event.objects.filter(pk=event.pk).update(is_unsettled=False, sync_state="synced", sync_message="")
