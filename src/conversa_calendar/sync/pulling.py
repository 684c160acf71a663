"""Pull: what changed at the provider, page by page, one page in one transaction (design §5).

Deletions are only recorded while pages come and carried out after the last one, when the guard has counted them. A
full listing has no tombstones: what it did not show is a candidate, confirmed one by one before it is believed.

Events are read without a lock: confirming the lease holds the mirror's run row until the page is committed, and every
edit here has to touch that row before it commits.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

import msgspec
from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import Q

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import history, occurrences
from conversa_calendar.calendars.models import Calendar, Event
from conversa_calendar.domain.event import Content
from conversa_calendar.engine import guard
from conversa_calendar.engine.decide import Decision, Side, decide
from conversa_calendar.kit import clock, digest, ids
from conversa_calendar.providers import protocol
from conversa_calendar.providers.google import mapping
from conversa_calendar.providers.protocol import Page, RemoteEvent, Unreadable
from conversa_calendar.sync import bulk, leases, linking, notices
from conversa_calendar.sync.ahead import AFTER_PAGES, PageAhead
from conversa_calendar.sync.bulk import NewEvent
from conversa_calendar.sync.models import Link, Mirror
from conversa_calendar.sync.session import ACCESS_ORDER, Session

NEAR_BACK, NEAR_AHEAD = timedelta(days=14), timedelta(days=62)
log = logging.getLogger(__name__)
PAGES_MAX = 4000
RESTARTS_MAX = 2
FULL_LISTS_A_DAY_MAX = 6
CONFIRMATIONS_MAX = 200
NO_MASTER = "waits for its series"


class AccessReduced(Exception):
    """The account may see less of this calendar than before; nothing was applied."""

    def __init__(self, access: str) -> None:
        super().__init__(access)
        self.access = access


_EXPECTED = (leases.FenceLost, protocol.ProviderError, AccessReduced, IntegrityError, OperationalError)
"""What ends a run as a whole, and is no fault of one event."""


def pull(session: Session) -> None:
    """Brings everything that changed at the provider, resuming where an earlier run stopped. Raises ProviderError,
    AccessReduced, FenceLost."""
    ahead: PageAhead | None = None
    restarts = 0
    for written in range(PAGES_MAX):
        _begin(session)
        query = _query(session.mirror)
        try:
            page = (ahead.take(query) if ahead else None) or session.provider.list_events(**query)
        except protocol.CursorExpired:
            _start_over(session)
            continue
        except (protocol.PageExpired, protocol.BadData) as error:
            restarts += 1
            if restarts > RESTARTS_MAX:
                raise protocol.Transient("Google refuses its own tokens.", reason="pageToken") from error
            _restart_listing(session)
            continue
        ahead = _read_ahead(session, page, query) if written >= AFTER_PAGES else None
        _apply_or_set_aside(session, page)
        if not session.mirror.listing:
            session.is_behind = False
            return
    raise protocol.Transient("Google's list does not end.", reason="endlessList")


def _begin(session: Session) -> None:
    """Chooses the listing when none is under way: changes with a cursor of this connection, else everything."""
    mirror = session.mirror
    if mirror.listing:
        return
    has_cursor = bool(mirror.cursor) and mirror.cursor_owner == session.connection.uuid
    mirror.listing, mirror.page = ("changes" if has_cursor else "full"), ""
    if not has_cursor:
        mirror.generation += 1


def _query(mirror: Mirror) -> dict[str, Any]:
    """What the next page is asked for with; a page token is good for the query that it came with only."""
    query: dict[str, Any] = {"calendar_id": mirror.remote_id, "page": mirror.page}
    if mirror.listing == "near":
        return query | {"since": mirror.started_at - NEAR_BACK, "until": mirror.started_at + NEAR_AHEAD}
    return query | {"cursor": mirror.cursor if mirror.listing == "changes" else ""}


def _read_ahead(session: Session, page: Page, query: dict[str, Any]) -> PageAhead | None:
    is_worth_it = page.next_page and session.provider.is_concurrent and session.mirror.listing != "changes"
    return PageAhead(session.provider, query | {"page": page.next_page}) if is_worth_it else None


def _start_over(session: Session) -> None:
    """The cursor is dead: everything is listed again; unsent edits survive, as nothing here is wiped."""
    mirror = session.mirror
    if mirror.full_lists_today >= FULL_LISTS_A_DAY_MAX:
        raise protocol.Transient("Google keeps asking for a full listing.", reason="cursorLoop")
    with tenant(session.account_id):
        leases.confirm(session.lease)
        mirror.cursor, mirror.listing, mirror.page = "", "full", ""
        mirror.generation += 1
        mirror.full_lists_today += 1
        mirror.next_deep_at = clock.now()
        mirror.save(update_fields=["cursor", "listing", "page", "generation", "full_lists_today", "next_deep_at"])


def _restart_listing(session: Session) -> None:
    """The token of the next page is dead, or a query is refused that Google itself has given us the tokens for."""
    mirror = session.mirror
    if not mirror.page:
        _start_over(session)
        return
    with tenant(session.account_id):
        leases.confirm(session.lease)
        mirror.page = ""
        if mirror.listing in {"first", "full"}:
            mirror.generation += 1
        mirror.save(update_fields=["page", "generation"])


def _apply_or_set_aside(session: Session, page: Page) -> None:
    """A page that cannot be applied as a whole is applied event by event, and what it breaks on is set aside: one event
    does not stop its calendar."""
    before = {name: getattr(session.mirror, name) for name in _PAGE_FIELDS}
    try:
        _apply_page(session, page, _apply_items)
    except _EXPECTED:
        raise
    except Exception:
        log.exception("mirror %s: a page could not be applied", session.mirror.uuid)
        for name, value in before.items():
            setattr(session.mirror, name, value)
        _apply_page(session, page, _apply_one_by_one)


def _apply_one_by_one(session: Session, page: Page) -> int:
    """Applies each item by itself, masters before overrides; answers how many events are new here."""
    created = 0
    for item in sorted(page.items, key=lambda found: bool(getattr(found, "original_key", ""))):
        try:
            with transaction.atomic():
                created += _apply_items(session, msgspec.structs.replace(page, items=(item,)))
        except _EXPECTED:
            raise
        except Exception as error:
            log.exception("mirror %s: event %s is set aside", session.mirror.uuid, item.id)
            if not Link.objects.filter(mirror=session.mirror, remote_id=item.id).exists():
                _park(session, Unreadable(item.id, f"{type(error).__name__} while it was stored", item.raw))
    return created


def _apply_page(session: Session, page: Page, apply_items: Callable[[Session, Page], int]) -> None:
    mirror = session.mirror
    with tenant(session.account_id):
        if mirror.listing != "changes":
            bulk.commit_lazily()
        leases.confirm(session.lease)
        _check_access(session, page.access)
        _take_zone(session, page.time_zone)
        created = apply_items(session, page) if page.items else 0
        session.has_news = session.has_news or bool(page.items) or mirror.listing != "changes"
        mirror.progress_events += created
        mirror.progress_pages += 1
        if created or session.changed:
            mirror.last_change_at = clock.now()
        if page.next_page:
            mirror.page = page.next_page
        else:
            _end_listing(session, page.next_cursor)
        mirror.save(update_fields=_PAGE_FIELDS)
        if created:
            history.announce(session.calendar, [(session.calendar.uuid, "imported")], kind="calendar")
    session.changed = False
    if not page.next_page and mirror.listing == "" and page.next_cursor and session.has_deletions:
        carry_out_deletions(session)


_PAGE_FIELDS = [
    "progress_events",
    "progress_pages",
    "page",
    "listing",
    "cursor",
    "cursor_owner",
    "generation",
    "last_change_at",
    "first_synced_at",
    "access",
    "time_zone",
]


def _end_listing(session: Session, cursor: str) -> None:
    """After the last page: the near listing is followed by the whole, everything else ends with a new cursor."""
    mirror = session.mirror
    mirror.page = ""
    if mirror.listing == "near":
        mirror.listing = "first"
        mirror.generation += 1
        return
    was_full = mirror.listing in {"first", "full"}
    mirror.cursor, mirror.cursor_owner, mirror.listing = cursor, session.connection.uuid, ""
    mirror.first_synced_at = mirror.first_synced_at or clock.now()
    _bring_in_waiting(session)
    if was_full:
        _adopt_orphans(session)
        _mark_unseen(session)


def _apply_items(session: Session, page: Page) -> int:
    """Applies one page's items; answers how many events are new here."""
    readable = _latest([item for item in page.items if isinstance(item, RemoteEvent)])
    known = _known(session, page)
    if _respelled(session, [r for r in readable if r.original_key and r.id not in known]):
        known = _known(session, page)
    created, seen, moved = [], [], []
    for remote in sorted(readable, key=lambda item: bool(item.original_key)):
        row = known.get(remote.id)
        if row is None:
            created.append(remote)
        elif row.etag == remote.etag and not row.is_open and not row.is_stranded:
            seen.append(row.link_id)
        else:
            moved.append(remote)
    _apply_moved(session, moved, _links(session, [known[remote.id].link_id for remote in moved]))
    for item in page.items:
        if isinstance(item, Unreadable) and item.id and item.id not in known:
            _park(session, item)
    if seen and session.mirror.listing != "changes":
        Link.objects.filter(pk__in=seen).update(seen_generation=session.mirror.generation)
    return _create(session, created)


class Known(NamedTuple):
    """A link in brief. Open: a write or a deletion of it is not settled, or its content there has to be looked at;
    stranded: no living event stands behind it."""

    link_id: int
    remote_id: str
    etag: str
    is_stranded: bool
    is_open: bool


def _apply_moved(session: Session, remotes: list[RemoteEvent], links: dict[str, Link]) -> None:
    restamped = []
    for remote in remotes:
        link = links[remote.id]
        if _is_same_content(link, remote):
            restamped.append((link.pk, remote.etag, remote.raw.decode()))
        else:
            _apply_known(session, link, remote)
    bulk.restamp(session, restamped)


def _known(session: Session, page: Page) -> dict[str, Known]:
    """What is known of a page's items, without loading events and bases of those that did not move."""
    query = """
        SELECT id, remote_id, etag, event_id IS NULL OR tombstoned_at IS NOT NULL,
            intent IS NOT NULL OR remote_deleted_at IS NOT NULL OR digest = ''
        FROM sync_link WHERE mirror_id = %s AND remote_id = ANY(%s)
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [session.mirror.pk, [item.id for item in page.items]])
        return {row[1]: Known(*row) for row in cursor.fetchall()}


def _respelled(session: Session, strange: list[RemoteEvent]) -> int:
    """Overrides that the provider names otherwise than they were known by: series and original start identify them, so
    their links take the new id. Answers how many."""
    if not strange:
        return 0
    places = {(remote.series_id, remote.original_key): remote.id for remote in strange}
    rows = Link.objects.filter(
        mirror=session.mirror,
        series_remote_id__in={series for series, _key in places},
        original_key__in={key for _series, key in places},
        tombstoned_at=None,
    ).exclude(event=None)
    known = {(row.series_remote_id, row.original_key): row.pk for row in rows.order_by("pk")}
    found = {pk: places[place] for place, pk in known.items() if place in places}
    for pk, remote_id in found.items():
        Link.objects.filter(pk=pk).update(remote_id=remote_id)
    return len(found)


def _links(session: Session, ids_: list[int]) -> dict[str, Link]:
    rows = Link.objects.filter(pk__in=ids_) if ids_ else Link.objects.none()
    return {link.remote_id: link for link in rows.select_related("event", "event__series", "event__author")}


def _latest(items: list[RemoteEvent]) -> list[RemoteEvent]:
    """One state for each id: an event may stand on a page twice."""
    return list({item.id: item for item in items}.values())


def _is_stranded(link: Link) -> bool:
    return link.event_id is None or link.tombstoned_at is not None


def _is_same_content(link: Link, remote: RemoteEvent) -> bool:
    """Only the etag moved: a series was re-stamped, or something that we do not keep was touched."""
    if link.intent or link.remote_deleted_at or _is_stranded(link) or remote.content is None:
        return False
    return link.digest == linking.content_digest(remote) and not _facts_changed(link, remote)


def _facts_changed(link: Link, remote: RemoteEvent) -> bool:
    assert link.event is not None
    return bool(link.event.facts != remote.facts)


def _apply_known(session: Session, link: Link, remote: RemoteEvent) -> None:
    """A linked event whose remote side moved."""
    link.seen_generation = session.mirror.generation
    event = link.event
    if linking.is_older(remote, link):
        Link.objects.filter(pk=link.pk).update(seen_generation=link.seen_generation)
        return
    if event is None or link.tombstoned_at is not None:
        _apply_stranded(session, link, remote)
        return
    if not remote.is_cancelled:
        link.moving_from = ""  # it stands here: whoever moved it, it has arrived
        linking.merge_remote(session, event, link, remote, linking.attempts_of(link), is_listed=True)
        return
    if event.kind == "override" and remote.original_key:
        linking.cancel_occurrence(session, event, link, remote)
        return
    if link.moving_from:
        return  # gone from where it is being moved to: the move, which looks at every place, finds out
    link.etag = remote.etag
    link.remote_deleted_at = link.remote_deleted_at or clock.now()
    link.save(update_fields=["etag", "remote_deleted_at", "seen_generation"])
    session.has_deletions = True


def _apply_stranded(session: Session, link: Link, remote: RemoteEvent) -> None:
    """A remote event whose link has no living event here: parked before, or deleted by us and now alive again."""
    side = Side.SAME if link.digest == linking.content_digest(remote) else Side.CHANGED
    is_gone = remote.is_cancelled and not (link.event is None and remote.original_key)
    if decide(Side.ABSENT, Side.DELETED if is_gone else side) is Decision.FORGET:
        Link.objects.filter(pk=link.pk).update(
            etag=remote.etag, seen_generation=link.seen_generation, wants_delete=False
        )
        return
    is_late_create = link.tombstoned_at is not None and not link.raw and link.is_ours
    if is_late_create and linking.is_untouched_copy(link, remote):
        # an id whose first arrival was never seen: a late request of ours, not a person's restore
        Link.objects.filter(pk=link.pk).update(etag=remote.etag, wants_delete=True)
        session.has_leftovers = True
        return
    event = link.event
    if event is not None and event.calendar_id == session.calendar.pk and not remote.original_key and remote.content:
        if event.deleted_at is not None:
            linking.revive(session, event, link, remote)
            return
        if linking.link_of(session, event) is None:  # restored here as well, and not sent yet
            link.tombstoned_at, link.wants_delete = None, False
            linking.merge_remote(session, event, link, remote, is_listed=True)
            return
    Link.objects.filter(pk=link.pk).delete()
    _create(session, [remote])


def _create(session: Session, remotes: list[RemoteEvent]) -> int:
    """Creates events for remote ones that have no link: masters before overrides."""
    remotes = _adopted(session, _staying(session, remotes))
    roots = [remote for remote in remotes if not remote.original_key]
    living = [remote for remote in roots if decide(Side.ABSENT, _side_of(remote)) is Decision.CREATE_LOCAL]
    overrides = [remote for remote in remotes if remote.original_key]
    if not living and not overrides:
        return 0
    masters = _masters(session, {remote.series_id for remote in overrides})
    overrides = _unmet(session, overrides, masters)
    fresh = bulk.next_ids(len(living) + len(overrides))
    new = [
        NewEvent(remote, _content(remote), "series" if _content(remote).recurrence else "single", fresh.pop())
        for remote in living
    ]
    by_remote: dict[str, tuple[int, Content]] = {item.remote.id: (item.id, item.content) for item in new}
    by_remote |= {name: (event.pk, event.content) for name, event in masters.items()}
    waiting = _waiting(session, [item.remote.id for item in new if item.kind == "series"])
    made, parked = _overrides(session, [*overrides, *waiting], by_remote, fresh)
    taken: dict[int, frozenset[str]] = {}
    for override in made:
        assert override.series_id is not None
        taken[override.series_id] = taken.get(override.series_id, frozenset()) | {override.original_key}
    bulk.insert_events(session, [*new, *made], taken)
    bulk.insert_links(session, [bulk.link_row(remote, None, NO_MASTER) for remote in parked])
    known_ids = {event.pk for event in masters.values()}
    bulk.drop_overridden({master_id: keys for master_id, keys in taken.items() if master_id in known_ids})
    return len(new) + len(made)


def _side_of(remote: RemoteEvent) -> Side:
    """How something that is not known here stands there."""
    return Side.CHANGED if remote.content is not None else Side.DELETED


def _staying(session: Session, remotes: list[RemoteEvent]) -> list[RemoteEvent]:
    """Without those that were moved here to another calendar and are on their way there at the provider (the answer to
    that move brings whatever was changed meanwhile), and those that a list begun before a move shows still at their
    former place: of two that are organised where they stand, the one changed later is the one that lives."""
    names = {remote.series_id or remote.id for remote in remotes}
    elsewhere = Link.objects.filter(mirror__in=Mirror.objects.exclude(pk=session.mirror.pk), remote_id__in=names)
    known = {
        link.remote_id: link
        for link in elsewhere.filter(tombstoned_at=None).exclude(event=None).select_related("event")
    }
    return [remote for remote in remotes if not _is_leaving(session, remote, known.get(remote.series_id or remote.id))]


def _is_leaving(session: Session, remote: RemoteEvent, elsewhere: Link | None) -> bool:
    if elsewhere is None or elsewhere.event is None:
        return False
    if elsewhere.moving_from:
        return session.mirror.remote_id in (elsewhere.moving_from, *(elsewhere.intent or {}).get("places", ()))
    is_one = remote.facts.is_own_copy and elsewhere.event.facts.is_own_copy and not remote.original_key
    return is_one and linking.is_older(remote, elsewhere)


def _unmet(session: Session, overrides: list[RemoteEvent], masters: dict[str, Event]) -> list[RemoteEvent]:
    """Merges overrides into those that a person made here of the same occurrences and that were never sent, so that
    there is no link yet; answers the rest."""
    series = {event.pk: remote_id for remote_id, event in masters.items()}
    keys = {remote.original_key for remote in overrides}
    here = Event.objects.filter(series__in=series, original_key__in=keys, deleted_at=None).values_list("pk", flat=True)
    found = list(here) if series else []
    rows = Event.objects.select_related("series", "calendar", "author").filter(pk__in=found) if found else ()
    mine = {(series[row.series_id or 0], row.original_key): row for row in rows}
    rest = []
    for remote in overrides:
        event = mine.get((remote.series_id, remote.original_key))
        if event is None:
            rest.append(remote)
            continue
        link = Link(mirror=session.mirror, event=event, remote_id=remote.id, seen_generation=session.mirror.generation)
        link.zone, link.series_remote_id, link.original_key = (
            session.mirror.time_zone,
            remote.series_id,
            remote.original_key,
        )
        if remote.is_cancelled:
            linking.cancel_occurrence(session, event, link, remote)
        else:
            linking.merge_remote(session, event, link, remote, is_listed=True)
    return rest


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


def _overrides(
    session: Session, remotes: list[RemoteEvent], masters: dict[str, tuple[int, Content]], fresh: list[int]
) -> tuple[list[NewEvent], list[RemoteEvent]]:
    made, parked = [], []
    for remote in remotes:
        if remote.series_id not in masters:
            parked.append(remote)
            continue
        series_id, master = masters[remote.series_id]
        content, overridden = _override_content(remote, master)
        event_id = fresh.pop() if fresh else bulk.next_ids(1)[0]
        made.append(NewEvent(remote, content, "override", event_id, series_id, remote.original_key, tuple(overridden)))
    return made, parked


def _override_content(remote: RemoteEvent, master: Content) -> tuple[Content, list[str]]:
    """An override's content and what it overrides; a cancelled one is its occurrence with status cancelled."""
    from conversa_calendar.domain import times
    from conversa_calendar.domain.event import changed_units

    start = times.moment_of_key(remote.original_key, master.start)
    end = times.shift(start, times.duration(master.start, master.end))
    plain = msgspec.structs.replace(master, start=start, end=end, recurrence=())
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
    parked = list(rows)
    if not parked:
        return []
    rows.delete()
    read = [mapping.read(link.raw.encode(), link.zone) for link in parked]
    return [remote for remote in read if isinstance(remote, RemoteEvent)]


def _adopted(session: Session, remotes: list[RemoteEvent]) -> list[RemoteEvent]:
    """Ties remote events to events that are already here, by identity only; answers the rest.

    Ours by derived id (after a restored backup), or moved here from another mirrored calendar at the provider.
    """
    tags = {remote.tag for remote in remotes if remote.tag and remote.content is not None}
    uids = {remote.facts.ical_uid for remote in remotes if remote.content is not None and not remote.original_key}
    candidates = _adoptable(session, tags, uids)
    if not candidates:
        return remotes
    rest = []
    for remote in remotes:
        event = candidates.get(remote.tag) or candidates.get(f"uid:{remote.facts.ical_uid}")
        is_ours = event is not None and remote.tag == str(event.uuid) and remote.id in _derived_ids(event)
        is_moved = event is not None and event.deleted_by == "remote" and event.ical_uid == remote.facts.ical_uid
        if event is None or remote.content is None or remote.original_key or not (is_ours or is_moved):
            rest.append(remote)
            continue
        _adopt(session, event, remote)
        candidates = {key: value for key, value in candidates.items() if value is not event}
    return rest


def _adoptable(session: Session, tags: set[str], uids: set[str]) -> dict[str, Event]:
    wanted = Q()
    if tags:
        wanted |= Q(uuid__in=[tag for tag in tags if len(tag) == 36], calendar=session.calendar, deleted_at=None)
    if session.mirror.listing == "changes" and uids:
        recently = clock.now() - timedelta(days=30)
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
    for event in Event.objects.filter(wanted).select_related("calendar"):
        if event.pk not in linked:
            found[str(event.uuid)] = event
            if event.deleted_by == "remote":
                found[f"uid:{event.ical_uid}"] = event
    return found


def _derived_ids(event: Event) -> set[str]:
    return {ids.remote_event_id(event.uuid, number) for number in range(8)}


def _adopt(session: Session, event: Event, remote: RemoteEvent) -> None:
    link = Link(mirror=session.mirror, event=event, is_ours=bool(remote.tag), seen_generation=session.mirror.generation)
    if event.deleted_at is None:
        link.remote_id = remote.id
        linking.merge_remote(session, event, link, remote, [event.content])
        return
    former = Link.objects.filter(event=event).exclude(raw="").order_by("-tombstoned_at").first()
    if former is not None:
        link.raw, link.zone = former.raw, former.zone  # what was edited here and not sent yet goes along
    event.deleted_at, event.deleted_by, event.calendar = None, "", session.calendar
    event.revision += 1
    history.record(event, side="remote", cause="moved", note=session.calendar.name)
    linking.merge_remote(session, event, link, remote)
    occurrences.rebuild(event, session.calendar.time_zone)
    history.announce(session.calendar, [(event.uuid, "restored")])


def _bring_in_waiting(session: Session) -> None:
    """After a listing: overrides that waited for a series which lives here by now, as after its restore."""
    parked = Link.objects.filter(mirror=session.mirror, event=None, parked=NO_MASTER)
    series = set(parked.values_list("series_remote_id", flat=True))
    remotes = _waiting(session, sorted(_masters(session, series))) if series else []
    if remotes:
        _create(session, remotes)


def _adopt_orphans(session: Session) -> None:
    """After a full listing: live overrides whose series is not visible here stand alone as single events (G§4.4). Those
    that it did not show have gone with their series, and those whose series stands there still, but was deleted here,
    go with it."""
    parked = Link.objects.filter(mirror=session.mirror, event=None, parked=NO_MASTER, remote_deleted_at=None)
    parked.filter(seen_generation__lt=session.mirror.generation).delete()
    standing = Q(tombstoned_at=None) | Q(seen_generation=session.mirror.generation)
    series = Link.objects.filter(standing, mirror=session.mirror).exclude(event=None).values("remote_id")
    for link in list(parked.exclude(series_remote_id__in=series)):
        remote = mapping.read(link.raw.encode(), link.zone)
        if isinstance(remote, RemoteEvent) and remote.content is not None:
            Link.objects.filter(pk=link.pk).delete()
            new = NewEvent(remote, remote.content, "single", bulk.next_ids(1)[0])
            bulk.insert_events(session, [new], {})


def _mark_unseen(session: Session) -> None:
    """What a complete listing did not show is a candidate for deletion, not more. Our own unsent creates are not, nor is
    what is on its way here from another calendar."""
    rows = Link.objects.filter(
        mirror=session.mirror, seen_generation__lt=session.mirror.generation, tombstoned_at=None, remote_deleted_at=None
    )
    rows = rows.exclude(event=None).filter(intent__isnull=True, moving_from="").exclude(raw="")
    coming = Link.objects.filter(mirror=session.mirror, tombstoned_at=None).exclude(moving_from="")
    rows = rows.exclude(series_remote_id__in=coming.values("remote_id"))
    if rows.update(remote_deleted_at=clock.now(), is_held=False):
        session.has_deletions = True


def carry_out_deletions(session: Session) -> None:
    """Deletes here what was deleted at the provider, once the guard finds it plausible; else holds it for a person."""
    with tenant(session.account_id):
        candidates = list(_candidates(session))
    if not candidates:
        return
    confirmed = [link for link in candidates if link.is_approved]
    open_ones = [link for link in candidates if not link.is_approved]
    if open_ones and not _is_plausible(session, open_ones):
        _hold(session, open_ones)
        open_ones = []
    confirmed += [link for link in open_ones[:CONFIRMATIONS_MAX] if _is_really_gone(session, link)]
    with tenant(session.account_id):
        leases.confirm(session.lease)
        for link in confirmed:
            if link.event is not None:
                event = Event.objects.select_for_update(of=("self",)).select_related("calendar").get(pk=link.event.pk)
                linking.delete_here(session, event, link)
        if confirmed:
            Mirror.objects.filter(pk=session.mirror.pk).update(last_change_at=clock.now())


def _candidates(session: Session) -> list[Link]:
    rows = Link.objects.filter(
        mirror=session.mirror, remote_deleted_at__isnull=False, tombstoned_at=None, is_held=False
    )
    return list(rows.exclude(event=None).select_related("event").order_by("id"))


def _is_plausible(session: Session, links: list[Link]) -> bool:
    with tenant(session.account_id):
        roots = [link for link in links if link.event is not None and link.event.kind != "override"]
        since = clock.now() - timedelta(hours=24)
        rows = Event.objects.filter(calendar=session.calendar, series=None)
        recently = rows.filter(deleted_by="remote", deleted_at__gt=since).count()
        live = rows.filter(deleted_at=None).count()
    if not guard.is_plausible(len(roots), recently, live):
        return False
    return len(roots) < live or guard.is_empty_listing_plausible(live)


def _hold(session: Session, links: list[Link]) -> None:
    with tenant(session.account_id):
        leases.confirm(session.lease)
        Link.objects.filter(pk__in=[link.pk for link in links]).update(is_held=True)
        Event.objects.filter(pk__in=[link.event_id for link in links]).update(sync_state="held")
        if Mirror.objects.filter(pk=session.mirror.pk).exclude(state="held").update(state="held"):
            notices.tell(session.mirror, "held")
        session.has_held = True
        history.wake("connections")


def _is_really_gone(session: Session, link: Link) -> bool:
    """A tombstone is believed; an absence from a full listing only after asking for the event itself. What is there after
    all may be an occurrence that follows its series again, and is merged as it stands."""
    is_seen = link.seen_generation >= session.mirror.generation or session.mirror.listing != ""
    if decide(Side.SAME, Side.DELETED if is_seen else Side.ABSENT) is not Decision.CONFIRM_ABSENCE:
        return True
    try:
        remote = session.provider.get_event(session.mirror.remote_id, link.remote_id)
    except (protocol.NotFound, protocol.Gone):
        return True
    is_known_cancelled = link.event is not None and link.event.is_cancelled_occurrence
    if remote.is_cancelled and not is_known_cancelled:
        return True
    with tenant(session.account_id):
        leases.confirm(session.lease)
        link.remote_deleted_at, link.seen_generation = None, session.mirror.generation
        link.save(update_fields=["remote_deleted_at", "seen_generation"])
        if link.event is not None and link.digest != linking.content_digest(remote) and not link.intent:
            event = Event.objects.select_for_update(of=("self",)).select_related("series", "calendar", "author")
            linking.merge_remote(session, event.get(pk=link.event.pk), link, remote)
    return False


def _check_access(session: Session, access: str) -> None:
    """Less access than before, or a kind that we do not know, stops before anything is applied."""
    known = session.mirror.access
    if access == known:
        return
    if access not in ACCESS_ORDER or ACCESS_ORDER.index(access) < ACCESS_ORDER.index(known):
        raise AccessReduced(access)
    session.mirror.access = access


def _take_zone(session: Session, zone: str) -> None:
    if zone and zone != session.mirror.time_zone:
        session.mirror.time_zone = zone
        session.calendar.time_zone = zone
        Calendar.objects.filter(pk=session.calendar.pk).update(time_zone=zone)


def _park(session: Session, item: Unreadable) -> None:
    """Keeps an item that could not be understood, with the reason; the page goes on."""
    text = item.raw.decode(errors="replace").replace("\x00", "")
    row = (None, item.id, "", digest.of(text), text, "", "", item.reason[:200] or "unreadable")
    bulk.insert_links(session, [row])
