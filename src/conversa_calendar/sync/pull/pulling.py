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

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import Calendar
from conversa_calendar.engine.capabilities import Capabilities
from conversa_calendar.engine.decide import decide
from conversa_calendar.engine.evidence import Listed, There
from conversa_calendar.engine.link import Synced
from conversa_calendar.engine.local import Living
from conversa_calendar.engine.steps import Notice
from conversa_calendar.kit import clock
from conversa_calendar.providers import protocol
from conversa_calendar.providers.protocol import Page, RemoteEvent, Unreadable
from conversa_calendar.sync.links import applying, arriving, bulk
from conversa_calendar.sync.models import Link, Mirror
from conversa_calendar.sync.pull import departing
from conversa_calendar.sync.pull.ahead import AFTER_PAGES, PageAhead
from conversa_calendar.sync.run import leases
from conversa_calendar.sync.run.budget import Rank
from conversa_calendar.sync.run.session import ACCESS_ORDER, Session

NEAR_BACK, NEAR_AHEAD = timedelta(days=14), timedelta(days=62)
log = logging.getLogger(__name__)
PAGES_MAX = 4000
RESTARTS_MAX = 2
FULL_LISTS_A_DAY_MAX = 6


class HandOver(Exception):
    """What is left is a listing of everything, for a worker that is there for it."""


class AccessReduced(Exception):
    """The account may see less of this calendar than before; nothing was applied."""

    def __init__(self, access: str) -> None:
        super().__init__(access)
        self.access = access


_EXPECTED = (leases.FenceLost, protocol.ProviderError, AccessReduced, IntegrityError, OperationalError)
"""What ends a run as a whole, and is no fault of one event."""


def pull(session: Session) -> None:
    """Brings everything that changed at the provider, resuming where an earlier run stopped; a list that was begun then
    does not show what changed since, so it is followed by another. Raises ProviderError, AccessReduced, FenceLost."""
    is_resumed = bool(session.mirror.page)
    ahead: PageAhead | None = None
    restarts, seen = 0, set[str]()
    for written in range(PAGES_MAX):
        _begin(session)
        _choose_rank(session)
        query = _query(session.mirror)
        try:
            page = (ahead.take(query) if ahead else None) or session.provider.list_events(**query)
            if page.next_page in seen:
                raise protocol.PageExpired("Google's list goes in a circle.", reason="pageRepeats")
        except protocol.CursorExpired:
            _start_over(session)
            continue
        except (protocol.PageExpired, protocol.BadData) as error:
            restarts += 1
            seen.clear()
            if restarts > RESTARTS_MAX:
                raise protocol.Transient("Google refuses its own tokens.", reason="pageToken") from error
            _restart_listing(session)
            continue
        seen = {*seen, page.next_page} if page.next_page else set()
        ahead = _read_ahead(session, page, query) if written >= AFTER_PAGES else None
        _apply_or_set_aside(session, page)
        if session.mirror.listing:
            continue
        if not is_resumed:
            session.is_behind = False
            return
        is_resumed = False
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


def _choose_rank(session: Session) -> None:
    """What the next page is listed for. Raises HandOver."""
    is_long = session.mirror.listing in {"first", "full"}
    if is_long and not session.may_backfill:
        raise HandOver
    cause = session.lease.cause
    near = Rank.NEWS if session.mirror.listing == "near" else min(cause, Rank.NEWS)
    session.lease.rank = Rank.BACKFILL if is_long else near


def _query(mirror: Mirror) -> dict[str, Any]:
    """What the next page is asked for with; a page token is good for the query that it came with only."""
    query: dict[str, Any] = {"calendar_id": mirror.remote_id, "page": mirror.page}
    if mirror.listing == "near":
        return query | {"since": mirror.started_at - NEAR_BACK, "until": mirror.started_at + NEAR_AHEAD}
    return query | {"cursor": mirror.cursor if mirror.listing == "changes" else ""}


def _read_ahead(session: Session, page: Page, query: dict[str, Any]) -> PageAhead | None:
    may_ask_twice = session.provider.is_concurrent and not session.is_slow
    is_worth_it = page.next_page and may_ask_twice and session.mirror.listing != "changes"
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
                arriving.park(session, Unreadable(item.id, f"{type(error).__name__} while it was stored", item.raw))
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
            session.has_found = True
            mirror.last_change_at = clock.now()
        if page.next_page:
            mirror.page = page.next_page
        else:
            _end_listing(session, page.next_cursor)
        mirror.save(update_fields=_PAGE_FIELDS)
    session.changed = False
    is_complete = not page.next_page and mirror.listing == "" and bool(page.next_cursor)
    if is_complete and session.lonely:
        arriving.ask_for_series(session)
    if is_complete and session.has_deletions:
        departing.carry_out_deletions(session)


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
    arriving.bring_in_waiting(session)
    if was_full:
        arriving.adopt_orphans(session)
        departing.mark_unseen(session)


def _apply_items(session: Session, page: Page) -> int:
    """Applies one page's items; answers how many events are new here."""
    readable = _latest([item for item in page.items if isinstance(item, RemoteEvent)])
    known = _known(session, page)
    if _respelled(session, [r for r in readable if r.original_key and r.id not in known]):
        known = _known(session, page)
    created, seen, moved = [], [], []
    is_nothing = decide(Synced(), Living(False), Listed(There.UNMOVED), Capabilities()) == (Notice(),)
    for remote in sorted(readable, key=lambda item: bool(item.original_key)):
        row = known.get(remote.id)
        if row is None:
            created.append(remote)
        elif row.etag == remote.etag and not row.is_open and not row.is_stranded and is_nothing:
            seen.append(row.link_id)
        else:
            moved.append(remote)
    _apply_moved(session, [remote for remote in moved if not remote.original_key])
    _apply_moved(session, [remote for remote in moved if remote.original_key])  # as their series have left them
    strange = {item.id: item for item in page.items if isinstance(item, Unreadable) and item.id}
    links = _links(session, list(strange))
    for remote_id, item in strange.items():
        applying.illegible(session, item, links.get(remote_id))
    if seen and session.mirror.listing != "changes":
        Link.objects.filter(pk__in=seen).update(seen_generation=session.mirror.generation)
    return arriving.create(session, created)


class Known(NamedTuple):
    """A link in brief. Open: a write or a deletion of it is not settled, or its content there has to be looked at;
    stranded: no living event stands behind it."""

    link_id: int
    remote_id: str
    etag: str
    is_stranded: bool
    is_open: bool


def _apply_moved(session: Session, remotes: list[RemoteEvent]) -> None:
    restamped, links = [], _links(session, [remote.id for remote in remotes])
    for remote in remotes:
        link = links[remote.id]
        if applying.has_only_moved_its_version(session, link, remote):
            restamped.append((link.pk, remote.etag, remote.raw.decode()))
        else:
            applying.listed(session, link, remote)
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


def _links(session: Session, remote_ids: list[str]) -> dict[str, Link]:
    rows = Link.objects.filter(mirror=session.mirror, remote_id__in=remote_ids) if remote_ids else Link.objects.none()
    return {link.remote_id: link for link in rows.select_related("event", "event__series", "event__author")}


def _latest(items: list[RemoteEvent]) -> list[RemoteEvent]:
    """One state for each id: an event may stand on a page twice."""
    return list({item.id: item for item in items}.values())


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
