"""Reading events: lists with filters, frozen pages and sync tokens; instances."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from gcal_emulator import errors, finding, moments, occurrences, queries, render
from gcal_emulator.queries import Query, Since
from gcal_emulator.world import Calendar, Event, Listed, World, text_of_us

_SNAPSHOTS_MAX = 200


def listed(world: World, calendar: Calendar, email: str, query: Query, effect: dict[str, Any]) -> bytes:
    """The answer of events.list as JSON bytes."""
    if query.page_token:
        return _page(world, calendar, email, query, _snapshot_of(world, query, calendar, email), effect)
    since = queries.since_of(world, calendar, email, query)
    if effect.get("list") in {"restamped", "reminded"}:
        for event in list(calendar.events.values()):
            world.touch(calendar, event, is_content=effect["list"] == "restamped")
    role = world.role_of(email, calendar)
    made_for = (email, query.one("timeZone"), query.max_attendees, query.show_deleted, world.seq, role)
    is_whole = query.is_plain and role != "freeBusyReader" and since is None
    is_whole = is_whole and not world.behaviours.list_lag_s and not effect.get("list")
    if is_whole and calendar.listed and calendar.listed.made_for == made_for:
        found, upto = calendar.listed.items, world.seq
    else:
        found, upto = _found(world, calendar, email, query, since, effect)
        if is_whole:
            calendar.listed = Listed(made_for, found)
    token = queries.mint(email, calendar, query, upto, since) if query.mints else ""
    return _page(world, calendar, email, query, _snapshot(found, token, query, calendar, email), effect)


def _found(
    world: World, calendar: Calendar, email: str, query: Query, since: Since | None, effect: dict[str, Any]
) -> tuple[list[bytes], int]:
    """The items of a list in its order, and up to which change they tell."""
    reader = _Reader(world, calendar, email, query, since)
    lagging_from = world.clock.now_s() - world.behaviours.list_lag_s
    is_stale = effect.get("list") == "stale" and since is not None
    found: list[bytes] = []
    upto = since.seq if is_stale and since is not None else world.seq
    for event in _candidates(calendar, since, effect):
        if world.behaviours.list_lag_s and event.stamp_us / 1e6 > lagging_from:
            upto = min(upto, event.seq - 1)
            continue
        found += reader.items(event)
    if query.one("orderBy") == "startTime":
        found.sort(key=_start_key)
    elif query.one("orderBy") == "updated":
        found.sort(key=lambda item: json.loads(item).get("updated", ""))
    if effect.get("list") == "odd":
        found = [_oddened(item, number) for number, item in enumerate(found)]
    return found, upto


def instances(world: World, calendar: Calendar, email: str, event_id: str, query: Query) -> bytes:
    """The answer of events.instances."""
    master = finding.find(world, calendar, event_id)
    if query.page_token:
        return _page(world, calendar, email, query, _snapshot_of(world, query, calendar, email, master.id), {})
    zone = query.one("timeZone") or calendar.time_zone
    pinned = _pinned(query.one("originalStart"), calendar)
    found = []
    for event in occurrences.expanded(world, calendar, master, query.time_min, query.time_max):
        if event.is_cancelled and not query.show_deleted:
            continue
        if pinned and moments.instant(event.data["originalStartTime"]) != pinned:
            continue
        if _touches(calendar, event, query):
            found.append(render.encoded(world, calendar, event, email, zone, query.max_attendees))
    return _page(world, calendar, email, query, _snapshot(found, "", query, calendar, email, master.id), {})


def _touches(calendar: Calendar, event: Event, query: Query) -> bool:
    """Instances that end at the very beginning of a window are in it, unlike in a list."""
    starts = moments.instant(event.data["start"], calendar.time_zone)
    ends = moments.instant(event.data["end"], calendar.time_zone)
    return not ((query.time_min and ends < query.time_min) or (query.time_max and starts >= query.time_max))


def _candidates(calendar: Calendar, since: Since | None, effect: dict[str, Any]) -> list[Event]:
    if since is None:
        found = list(calendar.events.values())
        return found[: len(found) // 2] if effect.get("list") == "short" else found
    if effect.get("list") == "stale":
        return []
    newest: list[Event] = []
    for event_id in reversed(calendar.changes):
        event = calendar.events[event_id]
        if event.seq <= since.seq:
            break
        newest.append(event)
    return newest[::-1]


class _Reader:
    """One caller's view of a calendar: the items that each stored event contributes to a list."""

    def __init__(self, world: World, calendar: Calendar, email: str, query: Query, since: Since | None) -> None:
        self.world, self.calendar, self.email, self.query, self.since = world, calendar, email, query, since
        self.zone = query.one("timeZone") or calendar.time_zone
        self.is_free_busy = world.role_of(email, calendar) == "freeBusyReader"
        self.is_single = query.is_single or self.is_free_busy
        self.tells_deletions = since is not None or query.updated_min is not None or query.show_deleted
        self.begin = since.time_min if since else query.time_min
        asked = since.time_max if since else query.time_max
        self.end = asked or occurrences.horizon(world, self.begin)
        self.most = None if asked else moments.OPEN_MAX

    def items(self, event: Event) -> list[bytes]:
        if self.query.types and event.data.get("eventType", "default") not in self.query.types:
            return []
        if self.is_single:
            return list(self._single_items(event))
        is_plain = self.query.is_plain and not event.is_cancelled
        if not is_plain and not occurrences.matches(self.world, self.calendar, event, self.query):
            return []
        return self._cancelled_items(event) if event.is_cancelled else [self._shown(event)]

    def _shown(self, event: Event) -> bytes:
        if self.is_free_busy:
            return _dump(render.busy_only(self.calendar, event, self.zone))
        return render.encoded(self.world, self.calendar, event, self.email, self.zone, self.query.max_attendees)

    def _cancelled_items(self, event: Event) -> list[bytes]:
        if not self.tells_deletions:
            master = self.calendar.events.get(event.data.get("recurringEventId", ""))
            if not event.is_exception or event.is_stub or master is None or master.is_cancelled:
                return []
        elif self.query.show_deleted and self.since is None and not event.is_exception and not event.is_stub:
            return [self._shown(event)]
        return [self._gone(event)]

    def _gone(self, event: Event) -> bytes:
        return _dump(render.tombstone(event, self.zone))

    def _single_items(self, event: Event) -> Iterator[bytes]:
        """Single events and occurrences; with a sync token also all that are no more."""
        if event.is_exception and event.data["recurringEventId"] in self.calendar.events:
            if self.since is not None and event.is_cancelled:
                yield self._gone(event)
            return
        rows = self._rows(event)
        if self.since is not None:
            yield from self._vanished(event, {row.id for row in rows if not event.is_cancelled})
        for row in rows:
            if row.is_cancelled and not self.tells_deletions:
                continue
            if not self.since and not occurrences.matches(self.world, self.calendar, row, self.query):
                continue
            if row.is_cancelled and (self.since is not None or not event.is_master):
                yield self._gone(row)
            else:
                yield self._shown(row)

    def _rows(self, event: Event) -> list[Event]:
        if not event.is_master:
            return [event]
        return list(islice(occurrences.expanded(self.world, self.calendar, event, self.begin, self.end), self.most))

    def _vanished(self, event: Event, living: set[str]) -> Iterator[bytes]:
        """Tombstones of what this event showed when the token was minted and shows no more."""
        assert self.since is not None
        former = next((shape for seq, shape in event.formers if seq > self.since.seq), None)
        if former is None:
            return
        start, lines = former
        if not lines:
            if event.is_master:
                yield _dump(
                    {"kind": "calendar#event", "etag": render.etag(event), "id": event.id, "status": "cancelled"}
                )
            return
        skipped = self.world.behaviours.skipped_hour
        for original in islice(moments.expand(start, list(lines), self.begin, self.end, skipped), self.most):
            gone = finding.instance(self.world, event, original)
            if gone.id not in living and gone.id not in self.calendar.events:
                gone.data = gone.data | {"status": "cancelled"}
                yield self._gone(gone)


def _snapshot(
    items: list[bytes], sync_token: str, query: Query, calendar: Calendar, email: str, series_id: str = ""
) -> dict[str, Any]:
    """A list as it was when its first page was asked for; page tokens point into it."""
    asked = (email, calendar.id, series_id, query.identity())
    return {"items": items, "at": 0, "token": sync_token, "asked": asked}


def _snapshot_of(world: World, query: Query, calendar: Calendar, email: str, series_id: str = "") -> dict[str, Any]:
    """What a page token stands for; it has to come with the query that it was given for."""
    snapshot: dict[str, Any] | None = world.snapshots.get(query.page_token)
    if snapshot is None or tuple(snapshot["asked"]) != (email, calendar.id, series_id, query.identity()):
        raise errors.GoogleError(400, "invalid", "Invalid page token value.", location="pageToken")
    return snapshot


def _page(
    world: World, calendar: Calendar, email: str, query: Query, snapshot: dict[str, Any], effect: dict[str, Any]
) -> bytes:
    size = query.max_results
    shape = world.behaviours.page
    if shape == "short":
        size = max(1, size // 2)
    if effect.get("list") == "empty_page" or (
        shape == "empty_first" and snapshot["at"] == 0 and "hole" not in snapshot
    ):
        size = 0
    begin, at = snapshot["at"], min(snapshot["at"] + size, len(snapshot["items"]))
    frame: dict[str, Any] = {
        "kind": "calendar#events",
        "etag": f'"p{calendar.updated_us:x}"',
        "summary": calendar.summary,
        "description": calendar.description,
        "updated": text_of_us(calendar.updated_us),
        "timeZone": query.one("timeZone") or calendar.time_zone,
        "accessRole": world.role_of(email, calendar),
        "defaultReminders": getattr(world.lists.get(email, {}).get(calendar.id), "default_reminders", []),
    }
    if at < len(snapshot["items"]) or size == 0:
        token = world.new_id(24)
        world.snapshots[token] = snapshot | {"at": at, "hole": True}
        if len(world.snapshots) > _SNAPSHOTS_MAX:
            del world.snapshots[next(iter(world.snapshots))]
        frame["nextPageToken"] = token
    elif snapshot["token"]:
        frame["nextSyncToken"] = snapshot["token"]
    head = json.dumps(frame, separators=(",", ":"), ensure_ascii=False).encode()
    if begin == at and world.behaviours.empty_items == "absent":
        return head
    return b"".join((head[:-1], b',"items":[', _joined(calendar, snapshot["items"], begin, at), b"]}"))


def _joined(calendar: Calendar, items: list[bytes], begin: int, end: int) -> bytes:
    kept = calendar.listed
    if kept is None or kept.items is not items:
        return b",".join(items[begin:end])
    if (begin, end) not in kept.pages:
        kept.pages[begin, end] = b",".join(items[begin:end])
    return kept.pages[begin, end]


def _oddened(item: bytes, number: int) -> bytes:
    """What parsers meet some day: unknown types and members, missing ones, nulls, empty and broken text."""
    event = json.loads(item)
    strange: list[dict[str, Any]] = [
        {"eventType": "somethingNew", "somethingElse": {"deep": [1]}},
        {"end": ..., "updated": ...},
        {"attendees": None, "summary": ""},
        {"summary": "\ud83d\x00 half a pair", "description": "x" * 9000, "visibility": "unheardOf"},
    ]
    event |= strange[number % len(strange)]
    return json.dumps({name: value for name, value in event.items() if value is not ...}).encode()


def _start_key(item: bytes) -> str:
    """Where an item stands in the order of starts; an occurrence that is gone where it would have begun."""
    event = json.loads(item)
    start = event.get("start") or event.get("originalStartTime") or {}
    if "dateTime" in start:
        return datetime.fromisoformat(start["dateTime"]).astimezone(UTC).isoformat()
    return str(start.get("date", ""))


def _pinned(text: str, calendar: Calendar) -> datetime | None:
    """The instant of `originalStart`, a time or a day. Raises GoogleError 400."""
    if not text:
        return None
    day, at = moments.read_date(text), moments.read_time(text)
    if day is not None:
        return moments.instant({"date": text})
    if at is None:
        raise errors.invalid("Invalid Value", "originalStart")
    return at.replace(tzinfo=at.tzinfo or moments.zone(calendar.time_zone)).astimezone(UTC)


def _dump(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
