"""What a feed says to whoever knows its address.

Everything is asked at each reading: whether the member who made it still belongs to the account and sees what it shows,
whether the module is on. Whatever is not so, the address is as unknown as one that never was. What is private reads
“Busy”, also where its member could read it: an address is read by others.
"""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.utils import translation
from django.utils.translation import gettext as _

from conversa_calendar.accounts import selectors as accounts
from conversa_calendar.accounts import tenancy
from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.tenancy import current_account
from conversa_calendar.calendars import access
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.models import Calendar, Event
from conversa_calendar.calendars.selectors import NotFound
from conversa_calendar.domain import event as domain
from conversa_calendar.domain import published
from conversa_calendar.domain.event import Content
from conversa_calendar.domain.published import Entry
from conversa_calendar.formats import feeds
from conversa_calendar.formats.models import Feed, FeedAddress
from conversa_calendar.kit import clock, ids

BACK = timedelta(days=366)
"""Events that ended longer ago are not in a feed."""
EVENTS_MAX = 25_000
REFRESH = "PT15M"
VERSION = 1
"""Rises when what is written changes, so that nobody keeps what an older version wrote."""
NOTED_EVERY = timedelta(minutes=5)
_STATE = """
    SELECT calendar_id, count(*), sum(id), sum((extract(epoch FROM changed_at) * 1000000)::bigint)
    FROM calendars_event WHERE account_id = %s AND calendar_id = ANY(%s) GROUP BY 1 ORDER BY 1
"""
"""Changes with every row that comes, goes or changes, in whichever order transactions end; a latest time would not."""


class Reading(msgspec.Struct, frozen=True):
    """A feed as it stands; without a text where its reader has it already."""

    etag: str
    modified_at: datetime
    text: str | None


class Row(msgspec.Struct, frozen=True, gc=False):
    """What is read of an event."""

    pk: int
    calendar_id: int
    kind: str
    series_id: int | None
    original_key: str
    content_json: str
    is_private: bool
    event_type: str
    uuid: UUID
    ical_uid: str
    sequence: int
    changed_at: datetime


def read(secret: str, *, if_none_match: str = "", if_modified_since: datetime | None = None) -> Reading:
    """What an address says now. Raises NotFound."""
    found = FeedAddress.objects.filter(fingerprint=ids.fingerprint(secret)).first()
    if found is None:
        raise NotFound
    return tenancy.in_tenant(found.account_id, lambda: _read(found.feed, if_none_match, if_modified_since))


def _read(uuid: UUID, if_none_match: str, if_modified_since: datetime | None) -> Reading:
    rows = Feed.objects.select_related(
        "member__user", "member__account", "member__role", "calendar", "team", "person__user"
    )
    feed = rows.filter(uuid=uuid).first()
    if feed is None or not _is_alive(feed):
        raise NotFound
    viewer = Viewer(feed.member, sees_private=False)
    places = feeds.places(feed, viewer)
    since = (clock.now() - BACK).replace(hour=0, minute=0, second=0, microsecond=0)
    _note(feed, _etag(feed, places, since))
    assert feed.modified_at is not None
    if _is_known(feed, if_none_match, if_modified_since):
        return Reading(feed.etag, feed.modified_at, None)
    with translation.override(feed.member.language or settings.LANGUAGE_CODE):
        entries = _entries(feed, places, since, viewer)
        text = published.calendar(_name(feed), _zone(feed), entries, refresh=REFRESH)
    return Reading(feed.etag, feed.modified_at, text)


def _is_alive(feed: Feed) -> bool:
    person = feed.person
    if not feed.member.is_present or not feed.member.account.is_open or (person is not None and not person.is_present):
        return False
    return feed.token_id is None or accounts.is_token_alive(feed.token_id)


def _is_known(feed: Feed, if_none_match: str, if_modified_since: datetime | None) -> bool:
    if if_none_match:
        given = {text.strip().removeprefix("W/").strip('"') for text in if_none_match.split(",")}
        return feed.etag in given or given == {"*"}
    return if_modified_since is not None and feed.modified_at is not None and feed.modified_at <= if_modified_since


def _note(feed: Feed, etag: str) -> None:
    """Keeps what is given out, and since when; each new state is at least a second younger than the one before, as HTTP
    tells no more apart."""
    now = clock.now()
    is_new, fields = etag != feed.etag, []
    if is_new:
        later = feed.modified_at + timedelta(seconds=1) if feed.modified_at is not None else now
        feed.etag, feed.modified_at = etag, max(now, later).replace(microsecond=0)
        fields = ["etag", "modified_at"]
    if feed.last_read_at is None or now - feed.last_read_at > NOTED_EVERY:
        feed.last_read_at = now
        fields.append("last_read_at")
    if fields:
        feed.save(update_fields=fields)


def _etag(feed: Feed, places: list[tuple[Calendar, str]], since: datetime) -> str:
    with connection.cursor() as cursor:
        cursor.execute(_STATE, [current_account(), [calendar.pk for calendar, _level in places]])
        counted = cursor.fetchall()
    shown = [(c.pk, level, c.time_zone, c.hidden_types) for c, level in places]
    parts: list[Any] = [VERSION, feed.details, _name(feed), _zone(feed), feed.member.language, since, shown, counted]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _name(feed: Feed) -> str:
    return str(feed.target)


def _zone(feed: Feed) -> str:
    target = feed.target
    if isinstance(target, Calendar):
        return target.time_zone
    return target.time_zone or feed.member.zone if isinstance(target, Member) else feed.member.zone


def _entries(feed: Feed, places: list[tuple[Calendar, str]], since: datetime, viewer: Viewer) -> Iterator[Entry]:
    """Each appointment once, though several calendars hold it; as much of it as anywhere."""
    order = sorted(places, key=lambda pair: pair[1] == "busy")
    levels = {calendar.pk: level for calendar, level in order}
    hidden = {calendar.pk: frozenset(calendar.hidden_types) for calendar, _level in order}
    rows = [row for row in _rows(list(levels), since) if row.event_type not in hidden[row.calendar_id]]
    rank = {pk: number for number, pk in enumerate(levels)}
    rows.sort(key=lambda row: (rank[row.calendar_id], row.pk))
    yield from _Writer(feed, levels, viewer).entries(rows)


class _Writer:
    """Turns rows into entries: a series with what makes it differ from its rule, and no series twice."""

    def __init__(self, feed: Feed, levels: dict[int, str], viewer: Viewer) -> None:
        self.feed, self.levels, self.viewer = feed, levels, viewer
        self.seen: set[tuple[str, str]] = set()

    def entries(self, rows: list[Row]) -> Iterator[Entry]:
        overrides: dict[int, list[Row]] = {}
        for row in rows:
            if row.series_id is not None:
                overrides.setdefault(row.series_id, []).append(row)
        for row in rows:
            if row.series_id is None:
                yield from self._with_overrides(row, overrides.get(row.pk, []))

    def _with_overrides(self, row: Row, overrides: list[Row]) -> Iterator[Entry]:
        content = domain.decode_content(row.content_json)
        uid, is_series = self._uid(row), row.kind == "series"
        if (uid, "") in self.seen:
            return
        self.seen.add((uid, ""))
        is_shown = self._shows(row, content)
        changed = [(one, domain.decode_content(one.content_json)) for one in overrides]
        kept = [(one, inner) for one, inner in changed if self._shows(one, inner)]
        gone = {one.original_key for one, _inner in changed} - {one.original_key for one, _inner in kept}
        if is_shown:
            yield self._entry(row, content, uid, gone=sorted(gone))
        for one, inner in kept:
            alone = not (is_shown and is_series)
            yield self._entry(
                one, inner, self._uid(one, alone=True) if alone else uid, master=None if alone else content
            )

    def _shows(self, row: Row, content: Content) -> bool:
        """Whether it is there for a reader at all: of busy times only what takes time."""
        return content.status != "cancelled" and (content.is_busy or not self._is_masked(row))

    def _is_masked(self, row: Row) -> bool:
        return access.hides(row.is_private, None, self.viewer, self.levels[row.calendar_id])

    def _uid(self, row: Row, *, alone: bool = False) -> str:
        """The event's own; of a masked one another, that says nothing and belongs to no invitation."""
        if self._is_masked(row) or alone:
            seed = f"{self.feed.uuid}{row.uuid}"
            return f"{hashlib.sha256(seed.encode()).hexdigest()[:32]}@conversa"
        return row.ical_uid or f"{row.uuid}@conversa"

    def _entry(
        self, row: Row, content: Content, uid: str, *, gone: Iterable[str] = (), master: Content | None = None
    ) -> Entry:
        shown = _busy(content) if self._is_masked(row) else content
        return Entry(
            uid=uid,
            content=shown,
            stamp=row.changed_at,
            sequence=row.sequence,
            key=row.original_key if master is not None else "",
            series_start=master.start if master is not None else None,
            gone=tuple(gone),
        )


def _busy(content: Content) -> Content:
    """That somebody is busy then, and nothing else."""
    when = {"start": content.start, "end": content.end, "recurrence": content.recurrence}
    return Content(**when, summary=_("Busy"))  # type: ignore[arg-type]


def _rows(calendar_ids: list[int], since: datetime) -> list[Row]:
    """The events that are not over, and those of series that still go on, with all their overrides."""
    fields = list(Row.__struct_fields__)
    live = Event.objects.filter(calendar_id__in=calendar_ids, deleted_at=None)
    goes_on = Q(starts_at__gte=since) | Q(occurrences__ends_at__gte=since)
    series = live.filter(goes_on, kind="series").values_list("pk", flat=True).distinct()
    several = list(series[:EVENTS_MAX])
    wanted = Q(kind="single", ends_at__gte=since) | Q(pk__in=several) | Q(series_id__in=several)
    rows = live.filter(wanted).order_by("kind", "-ends_at").values_list(*fields)
    return [Row(*values) for values in rows[:EVENTS_MAX]]
