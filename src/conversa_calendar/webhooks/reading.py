"""The change feed as one reader may see it."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec

from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.bookings import selectors as bookings
from conversa_calendar.bookings.models import BookingOffer
from conversa_calendar.calendars import changes
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.changes import Cursor, News
from conversa_calendar.kit import clock
from conversa_calendar.sync.models import Mirror
from conversa_calendar.webhooks import sight
from conversa_calendar.webhooks.sight import Seen

KINDS = ("event", "booking", "offer", "calendar", "mirror", "connection", "member")
_COMINGS = {"created", "restored", "deleted"}


class Reader(msgspec.Struct, frozen=True):
    """Somebody who follows an account, and the kinds that they may read at all."""

    viewer: Viewer
    kinds: frozenset[str] = frozenset(KINDS)

    @property
    def is_limited(self) -> bool:
        return self.viewer.only_calendars is not None


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One change as a reader is told of it. `key` stays the same however often it is read."""

    kind: str
    id: str
    what: str
    at: Any
    key: str
    by: str = ""
    calendar: str | None = None
    transaction: int = 0
    row: int = 0
    facts: dict[str, Any] = {}

    def shown(self) -> dict[str, Any]:
        """As the API and webhooks show it."""
        frame = {"kind": self.kind, "id": self.id, "calendar": self.calendar, "what": self.what, "by": self.by}
        return frame | {"at": msgspec.to_builtins(self.at)} | self.facts


class Page(msgspec.Struct, frozen=True):
    items: list[Item]
    cursor: Cursor
    has_more: bool


def page(reader: Reader, after: Cursor, limit: int = changes.PAGE) -> Page:
    """The next changes for a reader. Raises CursorExpired."""
    found = changes.read(after, limit)
    now = sight.of(reader.viewer)
    told = sight.differences(sight.former(after.sight), now)
    name = sight.keep(now)
    items = _of_calendars(reader, told, name, found.cursor) + _of_news(reader, found.news, now, told, bool(after.sight))
    return Page(items, msgspec.structs.replace(found.cursor, sight=name), found.has_more)


def begin(reader: Reader) -> Cursor:
    """Behind everything that there is, for whoever has read all of it by other means."""
    return msgspec.structs.replace(changes.now(), sight=sight.keep(sight.of(reader.viewer)))


def sees(reader: Reader, items: list[dict[str, Any]]) -> list[bool]:
    """Of changes that were told to another reader, which this one may know of."""
    places, seen = sight.of(reader.viewer).levels, {}
    for kind in _ASKED:
        seen[kind] = visible(reader, kind, {UUID(one["id"]) for one in items if one["kind"] == kind})
    found = []
    for one in items:
        kind, named = one["kind"], {one[name] for name in ("calendar", "moved_from") if one.get(name)}
        if kind in seen:
            found.append(UUID(one["id"]) in seen[kind])
        elif kind == "member":
            found.append(kind in reader.kinds and not reader.is_limited)
        else:
            found.append(kind not in KINDS or (kind in reader.kinds and named <= set(places)))
    return found


def visible(reader: Reader, kind: str, wanted: set[UUID]) -> set[UUID]:
    """Which things of a kind a reader may see now, as far as that kind has a table that says so."""
    if kind not in reader.kinds or not wanted:
        return set()
    return set(_ASKED[kind](reader, wanted)) if kind in _ASKED else wanted


def _of_calendars(reader: Reader, told: dict[str, str], name: str, cursor: Cursor) -> list[Item]:
    """Calendars that came into the reader's sight, left it, or read otherwise now."""
    if "calendar" not in reader.kinds:
        return []
    at, key = clock.now(), f"{cursor.transaction}.{cursor.row}.{name}"
    return [
        Item(kind="calendar", id=uuid, what=what, at=at, key=f"{key}.{uuid}", by="platform", calendar=uuid)
        for uuid, what in sorted(told.items())
    ]


def _of_news(reader: Reader, news: list[News], seen: Seen, told: dict[str, str], had_sight: bool) -> list[Item]:
    shown = {kind: visible(reader, kind, {one.uuid for one in news if one.kind == kind}) for kind in _ASKED}
    items = []
    for one in news:
        if one.kind not in reader.kinds:
            continue
        if one.kind == "event":
            items += _event(one, seen)
        elif one.kind == "calendar":
            is_told = str(one.uuid) in told or (had_sight and one.what in _COMINGS)
            items += [] if is_told or str(one.uuid) not in seen.levels else [_item(one)]
        elif one.kind == "member":
            items += [] if reader.is_limited else [_item(one)]
        else:
            items += _asked(reader, one, one.uuid in shown[one.kind])
    return items


def _item(one: News, what: str = "", calendar: UUID | None = None, **facts: Any) -> Item:
    place = calendar or one.calendar
    return Item(
        kind=one.kind,
        id=str(one.uuid),
        what=what or one.what,
        at=one.at,
        key=f"{one.transaction}.{one.kind}.{one.uuid}",
        by=one.by,
        calendar=str(place) if place else None,
        transaction=one.transaction,
        row=one.row,
        facts=facts or one.facts,
    )


def _event(one: News, seen: Seen) -> list[Item]:
    """A move is told as what it is for who sees both calendars, and as coming or going for who sees one."""
    is_seen = str(one.calendar) in seen.levels
    if one.left is None:
        return [_item(one)] if is_seen else []
    was_seen = str(one.left) in seen.levels
    if is_seen and was_seen:
        return [_item(one, **one.facts | {"moved_from": str(one.left)})]
    if is_seen:
        return [_item(one, "created" if one.what == "updated" else one.what)]
    return [_item(one, "deleted", one.left)] if was_seen else []


def _asked(reader: Reader, one: News, is_visible: bool) -> list[Item]:
    """What has a table of its own that says who sees it. What is gone is told to who could have seen it."""
    if is_visible:
        return [_item(one)]
    was_theirs = one.facts.get("before", {}).get("host") == str(reader.viewer.member.uuid)
    may_see_gone = one.what == "deleted" and _manages(reader, one.kind)
    if not reader.is_limited and (was_theirs or may_see_gone):
        return [_item(one, "deleted")]
    return []


def _manages(reader: Reader, kind: str) -> bool:
    needed = Permission.BOOKINGS if kind in {"booking", "offer"} else Permission.INTEGRATIONS
    return reader.viewer.member.may(needed)


def _bookings(reader: Reader, wanted: set[UUID]) -> Iterable[UUID]:
    rows = bookings.bookings(reader.viewer.member).filter(uuid__in=wanted)
    if reader.viewer.only_calendars is not None:
        rows = rows.filter(event__calendar__uuid__in=reader.viewer.only_calendars)
    return rows.values_list("uuid", flat=True)


def _offers(reader: Reader, wanted: set[UUID]) -> Iterable[UUID]:
    if reader.is_limited:
        return ()
    rows = BookingOffer.objects.filter(uuid__in=wanted)
    mine = rows if _manages(reader, "offer") else rows.filter(member=reader.viewer.member)
    return mine.values_list("uuid", flat=True)


def _mirrors(reader: Reader, wanted: set[UUID]) -> Iterable[UUID]:
    rows = Mirror.objects.filter(uuid__in=wanted)
    if not _manages(reader, "mirror"):
        rows = rows.filter(connection__owner=reader.viewer.member)
    if reader.viewer.only_calendars is not None:
        rows = rows.filter(calendar__uuid__in=reader.viewer.only_calendars)
    return rows.values_list("uuid", flat=True)


def _connections(reader: Reader, wanted: set[UUID]) -> Iterable[UUID]:
    return wanted if _manages(reader, "connection") and not reader.is_limited else ()


_ASKED = {"booking": _bookings, "offer": _offers, "mirror": _mirrors, "connection": _connections}
