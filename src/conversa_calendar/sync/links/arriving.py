"""What is new at the provider comes in: masters before overrides, those that are here already met by their identity,
overrides of series that nobody has seen yet kept until they come."""

from collections.abc import Iterator
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import Q, QuerySet

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import editing, history, occurrences
from conversa_calendar.calendars.models import Event
from conversa_calendar.calendars.selectors import NotFound
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.domain.event import Content, changed_units, readable
from conversa_calendar.engine import merge as engine
from conversa_calendar.engine import steps
from conversa_calendar.engine.decide import decide
from conversa_calendar.engine.evidence import Identity, Listed, Place, Series, There, Tombstone
from conversa_calendar.engine.link import Unlinked
from conversa_calendar.engine.local import Absent
from conversa_calendar.kit import clock, digest, ids
from conversa_calendar.providers import protocol
from conversa_calendar.providers.google import mapping
from conversa_calendar.providers.protocol import RemoteEvent, Unreadable
from conversa_calendar.sync.links import bulk, linking, reading, removing
from conversa_calendar.sync.links.bulk import NewEvent
from conversa_calendar.sync.models import NO_MASTER, Link, Mirror
from conversa_calendar.sync.run import leases
from conversa_calendar.sync.run.session import Session

SERIES_ASKED_MAX = 20
"""So many series are asked for after one listing."""
_UNLINKED, _ABSENT = Unlinked(), Absent()
_ALONE = Q(event__kind="single") & ~Q(series_remote_id="")
"""An occurrence whose series was not visible, shown as an event of its own."""


def create(session: Session, remotes: list[RemoteEvent]) -> int:
    """Brings in what has no link, masters before overrides; answers how many events are new here."""
    if any(remote.content is not None and not remote.original_key for remote in remotes):
        leases.hold_off_removals(session.account_id)  # one of them may be what a removal elsewhere is about to miss
    elsewhere = _elsewhere(session, {remote.series_id or remote.id for remote in remotes})
    living = _arrived(session, [remote for remote in remotes if not remote.original_key], elsewhere)
    exceptions = [remote for remote in remotes if remote.original_key]
    if not living and not exceptions:
        return 0
    fresh = bulk.next_ids(len(living) + len(exceptions))
    new = [
        NewEvent(remote, _content(remote), "series" if _content(remote).recurrence else "single", fresh.pop())
        for remote in living
    ]
    here = _masters(session, {remote.series_id for remote in exceptions})
    masters: dict[str, tuple[int, Content]] = {item.remote.id: (item.id, item.content) for item in new}
    masters |= {name: (event.pk, event.content) for name, event in here.items()}
    waiting = _waiting(session, [item.remote.id for item in new if item.kind == "series"])
    made, parked = [], []
    for remote, step in _arrived_exceptions(session, [*exceptions, *waiting], here, set(masters), elsewhere):
        if isinstance(step, steps.TakeIn):
            made.append(_override(remote, masters[remote.series_id], fresh))
        else:
            parked.append(remote)
    _store(session, new, made, parked, {event.pk for event in here.values()})
    return len(new) + len(made)


def _store(
    session: Session, new: list[NewEvent], made: list[NewEvent], parked: list[RemoteEvent], masters: set[int]
) -> None:
    """Writes what comes in, and leaves room for it among the occurrences of series that are here already."""
    taken: dict[int, frozenset[str]] = {}
    for override in made:
        assert override.series_id is not None
        taken[override.series_id] = taken.get(override.series_id, frozenset()) | {override.original_key}
    bulk.insert_events(session, [*new, *made], taken)
    bulk.insert_links(session, [bulk.link_row(remote, None, NO_MASTER) for remote in parked])
    session.has_parked = session.has_parked or bool(parked)
    session.lonely |= {remote.series_id for remote in parked}
    _join(session, {item.remote.id for item in new if item.kind == "series"})
    bulk.drop_overridden({master_id: keys for master_id, keys in taken.items() if master_id in masters})


def _decided(
    session: Session, remote: RemoteEvent, place: Place, identity: Identity = Identity.NEW, series: Series = Series.NONE
) -> steps.Steps:
    """What follows for something that has no link."""
    is_occurrence = bool(remote.original_key)
    found: Listed | Tombstone
    if remote.content is None:
        found = Tombstone(is_occurrence=is_occurrence, place=place, identity=identity, series=series)
    else:
        found = Listed(There.CHANGED, is_occurrence=is_occurrence, place=place, identity=identity, series=series)
    return decide(_UNLINKED, _ABSENT, found, reading.capabilities_of(session))


def _place(session: Session, remote: RemoteEvent, elsewhere: dict[str, Link]) -> Place:
    """Whether something belongs where it is listed. Moved here to another calendar it may be on its way there at the
    provider (the answer to that move brings whatever was changed meanwhile), and a list begun before a move shows it still
    at its former place: of two that were made at the same moment and are organised where they stand, the one changed later
    is the one that lives."""
    is_leaving = _is_leaving(session, remote, elsewhere.get(remote.series_id or remote.id))
    return Place.ON_ITS_WAY if is_leaving else Place.HERE


def _arrived(session: Session, roots: list[RemoteEvent], elsewhere: dict[str, Link]) -> list[RemoteEvent]:
    """Meets those single events and series that are here already by their identity; answers the new ones."""
    places = {remote.id: _place(session, remote, elsewhere) for remote in roots}
    staying = [remote for remote in roots if places[remote.id] is Place.HERE]
    session.has_twins_in |= {
        elsewhere[remote.id].mirror_id for remote in staying if _is_twin(remote, elsewhere.get(remote.id))
    }
    candidates, new = _candidates(session, staying), []
    for remote in roots:
        identity, event = _identity(session, remote, candidates)
        for step in _decided(session, remote, places[remote.id], identity):
            match step:
                case steps.Adopt() | steps.Rehome() if event is not None:
                    _adopt(session, event, remote)
                    candidates = {key: value for key, value in candidates.items() if value is not event}
                case steps.TakeIn():
                    new.append(remote)
                case _:
                    raise AssertionError(f"{step} does not follow from an arrival")
    return new


def _arrived_exceptions(
    session: Session,
    remotes: list[RemoteEvent],
    masters: dict[str, Event],
    known: set[str],
    elsewhere: dict[str, Link],
) -> Iterator[tuple[RemoteEvent, steps.Step]]:
    """Merges changed occurrences into those that a person made here of the same ones; answers those that come in with
    their series or wait for it."""
    mine = _made_here(masters, remotes)
    for remote in remotes:
        event = mine.get((remote.series_id, remote.original_key))
        identity = Identity.MET if event is not None else Identity.NEW
        series = Series.READY if remote.series_id in known else Series.UNSEEN
        for step in _decided(session, remote, _place(session, remote, elsewhere), identity, series):
            match step:
                case steps.Adopt() | steps.CancelHere() if event is not None:
                    _meet_exception(session, event, remote)
                case _:
                    yield remote, step


def _is_twin(remote: RemoteEvent, elsewhere: Link | None) -> bool:
    """Whether what arrives stands in another calendar, too, that organises it as well: it was moved from there."""
    is_both_own = elsewhere is not None and elsewhere.event is not None and elsewhere.event.facts.is_own_copy
    return is_both_own and remote.facts.is_own_copy and remote.content is not None


def _elsewhere(session: Session, names: set[str]) -> dict[str, Link]:
    """The links by which events of these ids live in other calendars."""
    links = Link.objects.filter(mirror__in=Mirror.objects.exclude(pk=session.mirror.pk), remote_id__in=names)
    living = links.filter(tombstoned_at=None).exclude(event=None)
    return {link.remote_id: link for link in living.select_related("event")}


def is_on_its_way(session: Session, item: RemoteEvent | Unreadable) -> bool:
    """Whether it, or its series, was moved here to another calendar, and the provider has not been told, or not answered
    yet."""
    name = item.series_id or item.id
    link = _elsewhere(session, {name}).get(name)
    return link is not None and session.mirror.remote_id in link.places


def _is_leaving(session: Session, remote: RemoteEvent, elsewhere: Link | None) -> bool:
    if elsewhere is None or elsewhere.event is None:
        return False
    if elsewhere.moving_from:
        return session.mirror.remote_id in elsewhere.places
    is_one = remote.facts.is_own_copy and elsewhere.event.facts.is_own_copy and not remote.original_key
    return is_one and linking.is_former_self(remote, elsewhere)


def _made_here(masters: dict[str, Event], remotes: list[RemoteEvent]) -> dict[tuple[str, str], Event]:
    """Occurrences that a person changed here and that were never sent, so that there is no link yet, by their series' id
    and original start."""
    series = {event.pk: remote_id for remote_id, event in masters.items()}
    keys = {remote.original_key for remote in remotes}
    here = Event.objects.filter(series__in=series, original_key__in=keys, deleted_at=None).values_list("pk", flat=True)
    found = list(here) if series else []
    rows = Event.objects.select_related("series", "calendar", "author").filter(pk__in=found) if found else ()
    return {(series[row.series_id or 0], row.original_key): row for row in rows}


def _meet_exception(session: Session, event: Event, remote: RemoteEvent) -> None:
    """Ties a changed occurrence to the one that a person made here of the same one."""
    link = Link(mirror=session.mirror, event=event, remote_id=remote.id, seen_generation=session.mirror.generation)
    link.zone, link.series_remote_id = session.mirror.time_zone, remote.series_id
    link.original_key = remote.original_key
    if remote.content is None:
        linking.cancel_occurrence(session, event, link, remote)
    else:
        linking.meet(session, event, link, remote, is_listed=True)


def _content(remote: RemoteEvent) -> Content:
    assert remote.content is not None
    return remote.content


def _masters(session: Session, remote_ids: set[str]) -> dict[str, Event]:
    if not remote_ids:
        return {}
    rows = Link.objects.filter(mirror=session.mirror, remote_id__in=remote_ids, tombstoned_at=None).exclude(event=None)
    named = dict(rows.values_list("event_id", "remote_id"))
    # one that was deleted here meanwhile takes no new occurrences: they would outlive it
    living = Event.objects.filter(pk__in=named, kind="series", deleted_at=None)
    return {named[event.pk]: event for event in living}


def _override(remote: RemoteEvent, master: tuple[int, Content], fresh: list[int]) -> NewEvent:
    """One changed occurrence of a series, under the key that it has within the series as it is here."""
    series_id, series = master
    key = occurrences.key_within(series, remote.original_key)
    content, overridden = _override_content(remote, key, series)
    event_id = fresh.pop() if fresh else bulk.next_ids(1)[0]
    return NewEvent(remote, content, "override", event_id, series_id, key, tuple(overridden))


def _override_content(remote: RemoteEvent, key: str, master: Content) -> tuple[Content, list[str]]:
    """An override's content and what it overrides; a cancelled one is its occurrence with status cancelled."""
    plain = occurrences.content_at(master, key)
    if remote.content is None:
        return msgspec.structs.replace(plain, status="cancelled"), ["status"]
    return remote.content, sorted(changed_units(plain, remote.content))


def _waiting(session: Session, series_remote_ids: list[str]) -> list[RemoteEvent]:
    """Overrides parked until one of these masters came; their parked links give way to real ones."""
    if not series_remote_ids:
        return []
    rows = Link.objects.filter(
        mirror=session.mirror, series_remote_id__in=series_remote_ids, event=None, parked=NO_MASTER
    )
    parked = list(rows.order_by("pk"))
    if not parked:
        return []
    rows.delete()
    read = [mapping.read(link.raw.encode(), link.zone) for link in parked]
    return [remote for remote in read if isinstance(remote, RemoteEvent)]


def _candidates(session: Session, roots: list[RemoteEvent]) -> dict[str, Event]:
    """Events that are here already and may be one of these: ours by derived id (after a restored backup), or moved here
    from another mirrored calendar at the provider."""
    living = [remote for remote in roots if remote.content is not None]
    return _adoptable(session, {remote.tag for remote in living if remote.tag}, {r.facts.ical_uid for r in living})


def _identity(session: Session, remote: RemoteEvent, candidates: dict[str, Event]) -> tuple[Identity, Event | None]:
    """Whom something is that has no link, by identity only."""
    names = (remote.tag, f"id:{remote.id}", f"uid:{remote.facts.ical_uid}") if remote.content is not None else ()
    event = next((candidates[name] for name in names if name in candidates), None)
    if event is None:
        return Identity.NEW, None
    if _is_ours(event, remote):
        return Identity.OURS, event
    return (Identity.MOVED_HERE, event) if _is_moved(session, event, remote) else (Identity.NEW, None)


def _is_ours(event: Event, remote: RemoteEvent) -> bool:
    return event.deleted_at is None and remote.tag == str(event.uuid) and remote.id in _derived_ids(event)


def _is_moved(session: Session, event: Event, remote: RemoteEvent) -> bool:
    """Whether an event that is gone from another calendar goes on as this one. What a listing of everything shows need not
    have come since: there it has to have the id as well, and to be organised by each calendar in turn."""
    if event.deleted_by != "remote":
        return False
    if not event.ical_uid:  # the answer to its creation never came
        return remote.tag == str(event.uuid) and remote.id in _derived_ids(event)
    if event.ical_uid != remote.facts.ical_uid:
        return False
    is_both_own = event.facts.is_own_copy and remote.facts.is_own_copy
    return session.mirror.listing == "changes" or (is_both_own and event.remote_id == remote.id)


def _adoptable(session: Session, tags: set[str], uids: set[str]) -> dict[str, Event]:
    wanted = Q()
    recently = clock.now() - removing.MOVED_WITHIN
    if tags:
        ours = Q(uuid__in=[tag for tag in tags if len(tag) == 36])
        wanted |= ours & Q(calendar=session.calendar, deleted_at=None)
        wanted |= ours & Q(ical_uid="", deleted_by="remote", deleted_at__gt=recently, series=None)
    if uids:
        wanted |= Q(ical_uid__in=uids - {""}, deleted_by="remote", deleted_at__gt=recently, series=None) & ~Q(
            calendar=session.calendar
        )
    if not wanted:
        return {}
    found: dict[str, Event] = {}
    linked = (
        set(
            Link.objects.filter(mirror=session.mirror, tombstoned_at=None)
            .exclude(event=None)
            .values_list("event_id", flat=True)
        )
        if tags
        else set()
    )
    for event in Event.objects.filter(wanted).select_related("calendar").order_by("pk"):
        if event.pk not in linked:
            found[str(event.uuid)] = event
            if event.deleted_by == "remote":
                found[f"uid:{event.ical_uid}"] = found[f"id:{event.remote_id}"] = event
    return found


def _derived_ids(event: Event) -> set[str]:
    return {ids.remote_event_id(event.uuid, number) for number in range(8)}


def _adopt(session: Session, event: Event, remote: RemoteEvent) -> None:
    link = Link(mirror=session.mirror, event=event, is_ours=bool(remote.tag), seen_generation=session.mirror.generation)
    if event.deleted_at is None:
        link.remote_id = remote.id
        linking.meet(session, event, link, remote, [event.content])
        return
    former = Link.objects.filter(event=event).exclude(raw="").order_by("-tombstoned_at").first()
    if former is not None:
        link.raw, link.zone = former.raw, former.zone  # what was edited here and not sent yet goes along
    together = Event.objects.filter(series=event, deleted_at=event.deleted_at, deleted_by=event.deleted_by)
    exceptions = list(together.order_by("pk"))
    event.deleted_at, event.deleted_by, event.calendar = None, "", session.calendar
    event.revision += 1
    history.record(event, side="remote", cause="moved", note=session.calendar.name)
    linking.meet(session, event, link, remote)
    removing.bring_along(event, exceptions, session.calendar)
    occurrences.rebuild(event, session.calendar.time_zone)


def hand_on(session: Session, link: Link, remote: RemoteEvent) -> bool:
    """What somebody wrote into an event that was moved elsewhere meanwhile, or into a late creation of it, goes to the
    event itself, so that the copy can go; answers whether there is such an event, and a place for it there."""
    known, theirs = linking.base_of(link), remote.content
    bases = [*linking.attempts_of(link), *([known] if known is not None else [])]
    if theirs is None or remote.is_masked or not bases or not session.can_write:
        return False
    event = _moved_out(session, link, remote.tag)
    if event is None or event.calendar.is_read_only or not event.facts.is_own_copy:
        return False
    base = min(bases, key=lambda content: len(changed_units(content, theirs)))
    is_announced, lost = linking.is_announced(event), {}

    def merged(content: Content) -> Content:
        """With the event as it is now, locked: somebody may be editing it at this moment."""
        found = engine.merge(base, content, theirs, is_when_announced=is_announced)
        lost.update({conflict.unit: readable(conflict.lost, conflict.unit) for conflict in found.conflicts})
        return found.content

    try:
        with transaction.atomic():
            editing.edit(event, merged, actor=None, side="remote")
    except (Invalid, NotFound):
        return False
    if lost:
        history.record(event, side="remote", cause="edited", lost=lost)
    return True


def _moved_out(session: Session, link: Link, tag: str) -> Event | None:
    """The event that stood behind a link until it was moved out, or that a late creation was meant for."""
    rows = Event.objects.filter(deleted_at=None, calendar__deleted_at=None).select_related("calendar")
    if link.former_uuid is not None:
        return rows.filter(uuid=link.former_uuid).first()
    return rows.filter(uuid=tag).exclude(calendar=session.calendar).first() if len(tag) == 36 else None


def leaving_series(session: Session, link: Link, remote: RemoteEvent) -> tuple[Event, Content] | None:
    """The series that an exception belongs to, as it goes on elsewhere, and what is known of it here, where it is to be
    cleared away; None where there is no such series, or nothing may be handed on to it."""
    masters = Link.objects.filter(mirror=session.mirror, remote_id=link.series_remote_id, wants_delete=True)
    master = masters.exclude(former_uuid=None).first()
    series = _moved_out(session, master, "") if master is not None else None
    base = linking.base_of(master) if master is not None else None
    if series is None or base is None or series.calendar.is_read_only or remote.is_masked or not session.can_write:
        return None
    return series, base


def hand_on_exception(session: Session, link: Link, remote: RemoteEvent) -> None:
    """The same for an exception that is known, of a series that was moved elsewhere and is to be cleared away."""
    found = leaving_series(session, link, remote)
    assert found is not None
    _hand_on_exception(found[0], remote, found[1], linking.base_of(link))


def hand_on_exceptions(session: Session, link: Link) -> None:
    """What somebody made of single occurrences of a series that is about to be cleared away, as it was moved or created
    late, goes to those of the event itself, or into its history where they cannot take it."""
    waiting = Link.objects.filter(mirror=session.mirror, event=None, parked=NO_MASTER, series_remote_id=link.remote_id)
    known = mapping.read(link.raw.encode(), link.zone) if link.raw else None
    tag = known.tag if isinstance(known, RemoteEvent) else (link.intent or {}).get("tag", "")
    tag = str(link.former_uuid) if link.former_uuid is not None else tag
    sent = [*linking.attempts_of(link), *([known.content] if isinstance(known, RemoteEvent) and known.content else [])]
    named = Event.objects.filter(uuid=tag) if len(tag) == 36 else Event.objects.none()
    event = named.select_related("calendar").first()
    for row in list(waiting.order_by("pk")):
        remote = mapping.read(row.raw.encode(), row.zone)
        if isinstance(remote, RemoteEvent) and event is not None and sent:
            _hand_on_exception(event, remote, sent[-1])
        row.delete()


def _hand_on_exception(series: Event, remote: RemoteEvent, master: Content, known: Content | None = None) -> None:
    """`known` is what both sides last agreed on of this exception; without it, its occurrence as `master` has it."""
    is_known = linking.has_occurrence(master, remote.original_key)
    plain = occurrences.occurrence_content(master, remote.original_key) if is_known else master
    theirs = remote.content or msgspec.structs.replace(plain, status="cancelled")
    plain = known or plain
    losers: dict[str, Any] = {}

    def merged(content: Content) -> Content:
        found = engine.merge(plain, content, theirs)
        losers.update({conflict.unit: readable(conflict.lost, conflict.unit) for conflict in found.conflicts})
        return found.content

    try:
        with transaction.atomic():
            edited = editing.edit_occurrence(series, remote.original_key, merged, actor=None, side="remote")
            if losers:
                history.record(edited, side="remote", cause="edited", lost=losers)
    except (Invalid, NotFound):
        lost = {name: readable(theirs, name) for name in changed_units(plain, theirs)}
        history.record(series, side="remote", cause="edited", before=series.content, lost=lost)


def bring_in_waiting(session: Session) -> None:
    """After a listing: overrides that waited for a series which lives here by now, as after its restore."""
    if not (session.has_parked or session.has_news):
        return
    links = Link.objects.filter(mirror=session.mirror)
    series = set(links.filter(event=None, parked=NO_MASTER).values_list("series_remote_id", flat=True))
    if session.has_news:
        series |= set(links.filter(_ALONE, tombstoned_at=None).values_list("series_remote_id", flat=True))
    names = set(_masters(session, series))
    remotes = _waiting(session, sorted(names))
    if remotes:
        create(session, remotes)
    _join(session, names)


def _join(session: Session, names: set[str]) -> None:
    """Occurrences that stood alone become part of these series, now that they are here."""
    if not names:
        return
    rows = Link.objects.filter(_ALONE, mirror=session.mirror, series_remote_id__in=names, tombstoned_at=None)
    alone = list(rows.select_related("event__author").order_by("pk"))
    masters = _masters(session, names) if alone else {}
    for link in alone:
        event, series = link.event, masters.get(link.series_remote_id)
        if event is None or series is None:
            continue
        other = Event.objects.filter(series=series, original_key=link.original_key, deleted_at=None).first()
        if other is not None:  # changed here again, as an occurrence of its series
            editing.remove(event, by="cut")
            Link.objects.filter(pk=link.pk).update(event=other)
            continue
        content = event.content
        if event.deleted_at is not None:
            event.deleted_at, event.deleted_by = None, ""
            content = msgspec.structs.replace(content, status="cancelled")
        event.kind, event.series, event.original_key = "override", series, link.original_key
        event.overridden = linking.overridden_units(series, link.original_key, content)
        event.revision += 1
        editing.store(event, session.calendar, content)
        history.record(event, side="remote", cause="joined its series")
        occurrences.rebuild(series, session.calendar.time_zone)
        session.changed = True


def adopt_orphans(session: Session) -> None:
    """After a full listing: live overrides whose series is not visible here stand alone as single events (G§4.4). Those
    that it did not show have gone with their series, and those whose series stands there still, but was deleted or taken
    out here, go with it."""
    parked = Link.objects.filter(mirror=session.mirror, event=None, parked=NO_MASTER, remote_deleted_at=None)
    parked.filter(seen_generation__lt=session.mirror.generation).delete()
    standing = Q(tombstoned_at=None) | Q(seen_generation=session.mirror.generation)
    listed = Link.objects.filter(standing, mirror=session.mirror).exclude(event=None, parked="", wants_delete=False)
    series = listed.values("remote_id")  # also one that could not be read yet
    _let_stand_alone(session, parked.exclude(series_remote_id__in=series))


def ask_for_series(session: Session) -> None:
    """After a listing of changes: series that did not come with their occurrences are asked for. An occurrence whose
    series is not to be seen, as of an invitation to that one alone, stands by itself from now on; a full listing finds
    what was not asked for."""
    names, session.lonely = sorted(session.lonely)[:SERIES_ASKED_MAX], set()
    for name in names:
        with tenant(session.account_id):
            if Link.objects.filter(mirror=session.mirror, remote_id=name).exists():
                continue
        try:
            series = session.read(name)
        except (protocol.NotFound, protocol.Gone, protocol.Forbidden):
            series = None
        except protocol.BadData:
            continue
        with tenant(session.account_id):
            leases.confirm(session.lease)
            rows = Link.objects.filter(mirror=session.mirror, event=None, parked=NO_MASTER, series_remote_id=name)
            if series is None:
                _let_stand_alone(session, rows)
            elif rows.exists() and not Link.objects.filter(mirror=session.mirror, remote_id=name).exists():
                create(session, [series])


def _let_stand_alone(session: Session, waiting: QuerySet[Link]) -> None:
    """Occurrences that waited for their series become events of their own."""
    for link in list(waiting.order_by("pk")):
        remote = mapping.read(link.raw.encode(), link.zone)
        if isinstance(remote, RemoteEvent) and remote.content is not None:
            Link.objects.filter(pk=link.pk).delete()
            bulk.insert_events(session, [NewEvent(remote, remote.content, "single", bulk.next_ids(1)[0])], {})
            session.changed = True


def park(session: Session, item: Unreadable) -> None:
    """Keeps an item that could not be understood, with the reason; the page goes on."""
    text = item.raw.decode(errors="replace").replace("\x00", "")
    row = (None, item.id, "", digest.of(text), text, "", "", item.reason[:200] or "unreadable")
    bulk.insert_links(session, [row])
