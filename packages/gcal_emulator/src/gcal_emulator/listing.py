"""Reading events: lists with filters, frozen pages and sync tokens; instances; free/busy."""

import base64
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from gcal_emulator import errors, finding, moments, render
from gcal_emulator.world import Calendar, Event, Listed, World, text_of_us

_FORBIDDEN_WITH_TOKEN = (
    "iCalUID",
    "orderBy",
    "privateExtendedProperty",
    "q",
    "sharedExtendedProperty",
    "timeMin",
    "timeMax",
    "updatedMin",
)
_NO_TOKEN = ("orderBy", "q", "iCalUID", "privateExtendedProperty", "sharedExtendedProperty", "updatedMin")
_FILTERS = (*_FORBIDDEN_WITH_TOKEN, "eventTypes")
_SNAPSHOTS_MAX = 200


class Query:
    """The parameters of events.list and events.instances. Raises GoogleError on bad ones."""

    def __init__(self, values: dict[str, list[str]]) -> None:
        self.values = values
        self.sync_token = self.one("syncToken")
        self.page_token = self.one("pageToken")
        self.is_single = self.flag("singleEvents")
        self.show_deleted = self.flag("showDeleted")
        self.max_results = min(self.number("maxResults", 250), 2500)
        self.max_attendees = self.number("maxAttendees", 0)
        self.time_min = self.time("timeMin")
        self.time_max = self.time("timeMax")
        self.updated_min = self.time("updatedMin")
        self.types = values.get("eventTypes", [])
        self.is_plain = not self.is_single and not any(values.get(name) for name in _FILTERS)
        """Whether every living event is listed as it is stored."""
        if self.time_min and self.time_max and self.time_max <= self.time_min:
            raise errors.empty_range("timeMax")
        if self.one("orderBy") == "startTime" and not self.is_single:
            raise errors.GoogleError(
                400, "badRequest", "The requested ordering is not available for the particular query."
            )

    def one(self, name: str) -> str:
        return (self.values.get(name) or [""])[0]

    def flag(self, name: str) -> bool:
        return self.one(name) == "true"

    def number(self, name: str, default: int) -> int:
        text = self.one(name)
        if not text:
            return default
        if not text.isdigit() or int(text) < 1:
            raise errors.GoogleError(400, "invalidParameter", f"Invalid value for {name}", location=name)
        return int(text)

    def time(self, name: str) -> datetime | None:
        text = self.one(name)
        if not text:
            return None
        try:
            at = datetime.fromisoformat(text)
        except ValueError:
            raise errors.GoogleError(400, "badRequest", "Bad Request", location=name) from None
        if at.tzinfo is None:
            raise errors.GoogleError(400, "badRequest", "Bad Request", location=name)
        return at.astimezone(UTC).replace(microsecond=0)

    def identity(self) -> str:
        """A digest of every parameter that a page token is bound to."""
        skipped = {"pageToken", "maxResults", "prettyPrint", "fields", "alt", "key"}
        return _digest({n: v for n, v in self.values.items() if n not in skipped and v})

    def shape(self) -> str:
        """A digest of every parameter that a sync token is bound to."""
        skipped = {"syncToken", "pageToken", "maxResults", "prettyPrint", "fields", "alt", "timeMin", "timeMax", "key"}
        kept = {n: sorted(v) for n, v in self.values.items() if n not in skipped and v}
        if kept.get("showDeleted") == ["false"]:
            del kept["showDeleted"]
        return _digest(kept)


def _digest(parameters: dict[str, list[str]]) -> str:
    return hashlib.sha256(json.dumps(parameters, sort_keys=True).encode()).hexdigest()[:12]


def listed(world: World, calendar: Calendar, email: str, query: Query, effect: dict[str, Any]) -> bytes:
    """The answer of events.list as JSON bytes."""
    zone = query.one("timeZone") or calendar.time_zone
    if query.page_token:
        return _page(world, calendar, email, query, _snapshot_of(world, query, calendar, email), effect)
    since = _since(world, calendar, email, query)
    if effect.get("list") in {"restamped", "reminded"}:
        for event in list(calendar.events.values()):
            world.touch(calendar, event, is_content=effect["list"] == "restamped")
    lagging_from = world.clock.now_s() - world.behaviours.list_lag_s
    is_stale = effect.get("list") == "stale" and since is not None
    found, upto = [], since if is_stale and since is not None else world.seq
    is_plain = query.is_plain and world.role_of(email, calendar) != "freeBusyReader"
    lags = bool(world.behaviours.list_lag_s) or bool(effect.get("list"))
    made_for = (email, zone, query.max_attendees, query.show_deleted, world.seq, world.role_of(email, calendar))
    if is_plain and since is None and not lags and calendar.listed and calendar.listed.made_for == made_for:
        token = _mint(email, calendar, query, world.seq)
        return _page(world, calendar, email, query, _snapshot(calendar.listed.items, token, query, calendar, email), {})
    for event in _candidates(calendar, since, effect):
        if world.behaviours.list_lag_s and event.stamp_us / 1e6 > lagging_from:
            upto = min(upto, event.seq - 1)
            continue
        if is_plain and event.data.get("status") != "cancelled":
            found.append(render.encoded(world, calendar, event, email, zone, query.max_attendees))
            continue
        found += _items(world, calendar, email, zone, query, event, since)
    if is_plain and since is None and not lags:
        calendar.listed = Listed(made_for, found)
    if query.one("orderBy") == "startTime":
        found.sort(key=lambda item: _start_key(item))
    elif query.one("orderBy") == "updated":
        found.sort(key=lambda item: json.loads(item).get("updated", ""))
    if effect.get("list") == "odd":
        found = [_oddened(item, number) for number, item in enumerate(found)]
    mints = not any(query.values.get(name) for name in _NO_TOKEN)
    token = _mint(email, calendar, query, upto) if mints else ""
    return _page(world, calendar, email, query, _snapshot(found, token, query, calendar, email), effect)


def instances(world: World, calendar: Calendar, email: str, event_id: str, query: Query) -> bytes:
    """The answer of events.instances."""
    master = finding.find(world, calendar, event_id)
    if query.page_token:
        return _page(world, calendar, email, query, _snapshot_of(world, query, calendar, email, master.id), {})
    zone = query.one("timeZone") or calendar.time_zone
    found = []
    for event in expanded(world, calendar, master, query.time_min, query.time_max):
        if event.is_cancelled and not query.show_deleted:
            continue
        pinned = query.one("originalStart")
        if pinned and moments.instant(event.data["originalStartTime"]) != _instant_of(pinned, calendar):
            continue
        found.append(render.encoded(world, calendar, event, email, zone, query.max_attendees))
    return _page(world, calendar, email, query, _snapshot(found, "", query, calendar, email, master.id), {})


def expanded(
    world: World, calendar: Calendar, master: Event, since: datetime | None, until: datetime | None
) -> Iterator[Event]:
    """Every occurrence of a series in order: exceptions where there are some, else instances of the rule."""
    if not master.is_master:
        return
    changed = {
        moments.suffix(event.data["originalStartTime"]): event
        for event in calendar.family_of(master)
        if event.data.get("recurringEventId") == master.id
    }
    length = moments.instant(master.data["end"]) - moments.instant(master.data["start"])
    early, skipped = since - length if since else None, world.behaviours.skipped_hour
    for original in moments.expand(master.data["start"], master.data["recurrence"], early, until, skipped):
        exception = changed.pop(moments.suffix(original), None)
        yield exception or finding.instance(world, master, original)
    for exception in changed.values():
        if not exception.is_stub and _overlaps(calendar, exception, since, until):
            yield exception


def free_busy(world: World, email: str, body: dict[str, Any]) -> dict[str, Any]:
    """The answer of freeBusy.query: merged, clipped busy spans per calendar."""
    query = Query({n: [str(body[n])] for n in ("timeMin", "timeMax") if body.get(n)})
    if query.time_min is None or query.time_max is None:
        raise errors.required("Missing time range.")
    for name, limit in (("calendarExpansionMax", 50), ("groupExpansionMax", 100)):
        if int(body.get(name) or 0) > limit:
            raise errors.invalid("Invalid Value", name)
    if query.time_max - query.time_min > timedelta(days=world.behaviours.freebusy_days_max):
        raise errors.GoogleError(400, "timeRangeTooLong", "The requested time range is too long.")
    answer: dict[str, Any] = {}
    limit = int(body.get("calendarExpansionMax") or 50)
    for number, item in enumerate(body.get("items") or []):
        if not item.get("id"):
            raise errors.required("Missing calendar id.")
        if number >= limit:
            refused = {"domain": "global", "reason": "tooManyCalendarsRequested"}
            answer[item["id"]] = {"errors": [refused], "busy": []}
            continue
        calendar = world.calendars.get(email if item["id"] == "primary" else item["id"])
        if calendar is None or calendar.is_deleted or world.role_of(email, calendar) == "none":
            answer[item["id"]] = {"errors": [{"domain": "global", "reason": "notFound"}], "busy": []}
            continue
        answer[item["id"]] = {"busy": _busy(world, calendar, query.time_min, query.time_max)}
    return {
        "kind": "calendar#freeBusy",
        "timeMin": query.time_min.isoformat().replace("+00:00", "Z"),
        "timeMax": query.time_max.isoformat().replace("+00:00", "Z"),
        "calendars": answer,
    }


def _busy(world: World, calendar: Calendar, since: datetime, until: datetime) -> list[dict[str, str]]:
    spans = []
    for event in list(calendar.events.values()):
        if event.is_exception or event.is_cancelled:
            continue
        for one in expanded(world, calendar, event, since, until) if event.is_master else [event]:
            declined = any(
                row["email"] == calendar.id and row["responseStatus"] == "declined"
                for row in one.data.get("attendees") or []
            )
            if one.is_cancelled or declined or one.data.get("transparency") == "transparent":
                continue
            if _overlaps(calendar, one, since, until):
                begin = max(moments.instant(one.data["start"], calendar.time_zone), since)
                spans.append((begin, min(moments.instant(one.data["end"], calendar.time_zone), until)))
    merged: list[tuple[datetime, datetime]] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((begin, end))
    return [{"start": f"{b:%Y-%m-%dT%H:%M:%SZ}", "end": f"{e:%Y-%m-%dT%H:%M:%SZ}"} for b, e in merged]


def _since(world: World, calendar: Calendar, email: str, query: Query) -> int | None:
    """The sequence number after which changes are wanted; None for a full list."""
    if query.updated_min is not None:
        horizon = world.clock.now() - timedelta(days=world.behaviours.updated_min_horizon_days)
        if query.updated_min < horizon:
            raise errors.GoogleError(
                410,
                "updatedMinTooLongAgo",
                "The requested minimum modification time lies too far in the past.",
                domain="calendar",
                location="updatedMin",
            )
    if not query.sync_token:
        return None
    if any(query.values.get(name) for name in _FORBIDDEN_WITH_TOKEN):
        raise errors.GoogleError(
            400, "invalid", "Sync token cannot be used with other request restrictions", location="syncToken"
        )
    if query.one("showDeleted") == "false":
        raise errors.GoogleError(400, "invalid", "Sync token requires showDeleted", location="syncToken")
    try:
        token = json.loads(base64.urlsafe_b64decode(query.sync_token + "=="))
        who, where, shape, seq = token["u"], token["c"], token["q"], int(token["s"])
        is_resized = world.behaviours.page_size_bound and token["n"] != query.max_results
    except (ValueError, KeyError, TypeError):
        raise errors.GoogleError(400, "invalid", "Invalid Value", location="syncToken") from None
    is_foreign = (who, where, shape) != (email, calendar.id, query.shape())
    if is_foreign or is_resized or seq < calendar.token_floor:
        raise errors.full_sync_required()
    return seq


def _mint(email: str, calendar: Calendar, query: Query, seq: int) -> str:
    token = {"u": email, "c": calendar.id, "q": query.shape(), "s": seq, "n": query.max_results}
    return base64.urlsafe_b64encode(json.dumps(token, separators=(",", ":")).encode()).decode().rstrip("=")


def _candidates(calendar: Calendar, since: int | None, effect: dict[str, Any]) -> list[Event]:
    if since is None:
        found = list(calendar.events.values())
        return found[: len(found) // 2] if effect.get("list") == "short" else found
    if effect.get("list") == "stale":
        return []
    newest: list[Event] = []
    for event_id in reversed(calendar.changes):
        event = calendar.events[event_id]
        if event.seq <= since:
            break
        newest.append(event)
    return newest[::-1]


def _items(
    world: World, calendar: Calendar, email: str, zone: str, query: Query, event: Event, since: int | None
) -> list[bytes]:
    if query.types and event.data.get("eventType", "default") not in query.types:
        return []
    is_free_busy = world.role_of(email, calendar) == "freeBusyReader"
    if query.is_single or is_free_busy:
        return _single_items(world, calendar, email, zone, query, event, since, is_free_busy)
    if event.is_cancelled:
        return _cancelled_items(world, calendar, email, zone, query, event, since)
    if not _matches(world, calendar, event, query):
        return []
    return [render.encoded(world, calendar, event, email, zone, query.max_attendees)]


def _cancelled_items(
    world: World, calendar: Calendar, email: str, zone: str, query: Query, event: Event, since: int | None
) -> list[bytes]:
    if since is None and query.updated_min is None and not query.show_deleted:
        master = calendar.events.get(event.data.get("recurringEventId", ""))
        if not event.is_exception or event.is_stub or master is None or master.is_cancelled:
            return []
        return [_dump(render.tombstone(event, zone))]
    if query.show_deleted and since is None and not event.is_exception and not event.is_stub:
        return [render.encoded(world, calendar, event, email, zone)]
    return [_dump(render.tombstone(event, zone))]


def _single_items(
    world: World,
    calendar: Calendar,
    email: str,
    zone: str,
    query: Query,
    event: Event,
    since: int | None,
    is_free_busy: bool,
) -> list[bytes]:
    if event.is_exception and event.data["recurringEventId"] in calendar.events:
        return [_dump(render.tombstone(event, zone))] if since is not None and event.is_cancelled else []
    if event.is_cancelled and not event.is_master:
        wants = since is not None or query.show_deleted
        return [_dump(render.tombstone(event, zone))] if wants else []
    until = query.time_max or (world.clock.now() + timedelta(days=730))
    rows = expanded(world, calendar, event, query.time_min, until) if event.is_master else [event]
    found = []
    for row in rows:
        if (row.is_cancelled and not query.show_deleted) or not _matches(world, calendar, row, query):
            continue
        if is_free_busy:
            found.append(_dump(render.busy_only(calendar, row, zone)))
        else:
            found.append(render.encoded(world, calendar, row, email, zone, query.max_attendees))
    return found


def _matches(world: World, calendar: Calendar, event: Event, query: Query) -> bool:
    data = event.data
    if query.updated_min and event.updated_us < query.updated_min.timestamp() * 1e6:
        return False
    if query.one("iCalUID") and data["iCalUID"] != query.one("iCalUID"):
        return False
    if text := query.one("q").lower():
        people = [f"{row.get('displayName', '')} {row['email']}" for row in data.get("attendees") or []]
        haystack = " ".join([data.get("summary", ""), data.get("description", ""), data.get("location", ""), *people])
        if text not in haystack.lower():
            return False
    for kind in ("private", "shared"):
        held = (data.get("extendedProperties") or {}).get(kind) or {}
        pairs = [pair.partition("=") for pair in query.values.get(f"{kind}ExtendedProperty", [])]
        wants = any if world.behaviours.property_filter == "any" else all
        if pairs and not wants(held.get(name) == value for name, _, value in pairs):
            return False
    if event.is_master and (query.time_min or query.time_max):
        return any(
            _overlaps(calendar, one, query.time_min, query.time_max)
            for one in expanded(world, calendar, event, query.time_min, query.time_max)
        )
    return _overlaps(calendar, event, query.time_min, query.time_max)


def _overlaps(calendar: Calendar, event: Event, since: datetime | None, until: datetime | None) -> bool:
    starts = moments.instant(event.data["start"], calendar.time_zone)
    ends = moments.instant(event.data["end"], calendar.time_zone)
    return (since is None or ends > since) and (until is None or starts < until)


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
    start = json.loads(item)["start"]
    if "date" in start:
        return str(start["date"])
    return datetime.fromisoformat(start["dateTime"]).astimezone(UTC).isoformat()


def _instant_of(text: str, calendar: Calendar) -> datetime:
    if "T" not in text:
        return moments.instant({"date": text})
    return datetime.fromisoformat(text).astimezone(UTC)


def _dump(body: dict[str, Any]) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
