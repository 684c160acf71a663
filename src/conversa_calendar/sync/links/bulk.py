"""Writing many new events at once: a COPY and one INSERT each for events, links and occurrences.

Row-level security forbids COPY into walled tables, so rows are staged in a temporary one.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec
from django.db import connection

from conversa_calendar.calendars import occurrences
from conversa_calendar.calendars.models import LONG_SPAN
from conversa_calendar.domain import event as domain
from conversa_calendar.domain.event import Content
from conversa_calendar.domain.times import Timed
from conversa_calendar.kit import clock, ids
from conversa_calendar.providers.protocol import RemoteEvent
from conversa_calendar.sync.links import linking
from conversa_calendar.sync.run.session import Session

_EVENTS = (
    ("id", "bigint"),
    ("uuid", "uuid"),
    ("kind", "text"),
    ("series_id", "bigint"),
    ("original_key", "text"),
    ("content_json", "text"),
    ("facts_json", "text"),
    ("overridden", "text"),
    ("summary", "text"),
    ("starts_at", "timestamptz"),
    ("ends_at", "timestamptz"),
    ("ical_uid", "text"),
    ("event_type", "text"),
    ("is_private", "bool"),
    ("remote_id", "text"),
)
_LINKS = (
    ("event_id", "bigint"),
    ("remote_id", "text"),
    ("etag", "text"),
    ("digest", "text"),
    ("raw", "text"),
    ("series_remote_id", "text"),
    ("original_key", "text"),
    ("parked", "text"),
)
_OCCURRENCES = (
    ("event_id", "bigint"),
    ("original_key", "text"),
    ("starts_at", "timestamptz"),
    ("ends_at", "timestamptz"),
    ("start_date", "date"),
    ("end_date", "date"),
    ("is_busy", "bool"),
    ("is_long", "bool"),
)

COPY_EVENTS = 200
"""So many events' occurrences go to PostgreSQL at once."""


class NewEvent(msgspec.Struct, gc=False):
    """A remote event about to be created here. `series_id` is the event id of its master, for overrides."""

    remote: RemoteEvent
    content: Content
    kind: str
    id: int = 0
    series_id: int | None = None
    original_key: str = ""
    overridden: tuple[str, ...] = ()


def commit_lazily() -> None:
    """Lets the transaction commit without waiting for the disk. Were the database to crash, it would stand a page
    earlier, the cursor with it, and that page would be listed again."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")


def next_ids(count: int) -> list[int]:
    """Fresh event ids from the table's sequence."""
    query = "SELECT nextval(pg_get_serial_sequence('calendars_event', 'id')) FROM generate_series(1, %s)"
    with connection.cursor() as cursor:
        cursor.execute(query, [count])
        return [row[0] for row in cursor.fetchall()]


def insert_events(session: Session, events: Sequence[NewEvent], overridden: dict[int, frozenset[str]]) -> None:
    """Inserts events with their links and occurrences. `overridden` names, by master's event id, the occurrences that
    overrides stand for."""
    if not events:
        return
    zone = session.calendar.time_zone
    now = clock.now()
    fixed = {"account_id": session.account_id, "calendar_id": session.calendar.pk}
    defaults = fixed | {
        "revision": 1,
        "is_unsettled": False,
        "notify": "none",
        "references": "[]",
        "sync_state": "synced",
        "sync_message": "",
        "sequence": 0,
        "created_at": now,
        "changed_at": now,
        "deleted_by": "",
    }
    with _expanded(events, zone, overridden, now) as lines:
        rows = (_event_row(new, zone) for new in events)
        _insert("calendars_event", _EVENTS, rows, defaults, casts={"overridden": "string_to_array(%s, ',')"})
        insert_links(session, (link_row(new.remote, new.id) for new in events))
        with _staged("calendars_occurrence", _OCCURRENCES, fixed) as copy:
            for some in lines:
                copy.write(some)


@contextmanager
def _expanded(
    events: Sequence[NewEvent], zone: str, overridden: dict[int, frozenset[str]], now: datetime
) -> Iterator[Iterable[str]]:
    """The occurrences of events in COPY's text format, in pieces; those of many events are worked out by a thread of
    their own, while PostgreSQL stores the events."""

    def piece(first: int) -> str:
        some = events[first : first + COPY_EVENTS]
        return "".join(_occurrence_lines(new, zone, overridden.get(new.id, frozenset()), now) for new in some)

    starts = range(0, len(events), COPY_EVENTS)
    if len(starts) < 2:
        yield map(piece, starts)
        return
    with ThreadPoolExecutor(1, "expanding") as pool:
        yield pool.map(piece, starts)


def _occurrence_lines(new: NewEvent, zone: str, overridden: frozenset[str], now: datetime) -> str:
    """An event's occurrences in COPY's text format; nothing in them needs escaping."""
    if new.kind == "series" and isinstance(new.content.start, Timed):
        flags = f"\\N\t\\N\t{'t' if new.content.is_busy else 'f'}"
        since, until = occurrences.window(new.content, now)
        return "".join(
            f"{new.id}\t{key}\t{at}\t{ends}\t{flags}\t{'t' if ends - at > LONG_SPAN else 'f'}\n"
            for key, at, ends in occurrences.timed_spans(new.content, overridden, since, until)
        )
    lines = []
    for span in occurrences.spans(new.content, new.kind, zone, overridden, now):
        dates = f"{span.start_date}\t{span.end_date}" if span.start_date else "\\N\t\\N"
        flags = f"{'t' if span.is_busy else 'f'}\t{'t' if span.is_long else 'f'}"
        lines.append(f"{new.id}\t{span.original_key}\t{span.starts_at}\t{span.ends_at}\t{dates}\t{flags}\n")
    return "".join(lines)


def insert_links(session: Session, rows: Iterable[tuple[Any, ...]]) -> None:
    """Inserts links; a row is (event id, remote id, etag, digest, raw, series remote id, original key, parked)."""
    defaults = {
        "account_id": session.account_id,
        "mirror_id": session.mirror.pk,
        "zone": session.mirror.time_zone,
        "number": 0,
        "is_ours": False,
        "seen_generation": session.mirror.generation,
        "is_held": False,
        "is_approved": False,
        "moving_from": "",
        "wants_delete": False,
    }
    _insert("sync_link", _LINKS, rows, defaults)


def restamp(session: Session, rows: Sequence[tuple[int, str, str]]) -> None:
    """Sets etag and raw of unchanged events, by link id: (id, etag, raw)."""
    if not rows:
        return
    query = """
        UPDATE sync_link SET etag = new.etag, raw = new.raw, seen_generation = %s
        FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS new(id, etag, raw) WHERE sync_link.id = new.id
    """
    columns = [list(column) for column in zip(*rows, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(query, [session.mirror.generation, *columns])


def drop_overridden(taken: dict[int, frozenset[str]]) -> None:
    """Removes the occurrences that overrides stand for, by master's event id, in one statement."""
    pairs = [(event_id, key) for event_id, keys in taken.items() for key in keys]
    if not pairs:
        return
    query = """
        DELETE FROM calendars_occurrence o USING unnest(%s::bigint[], %s::text[]) AS gone(event_id, original_key)
        WHERE o.event_id = ANY(%s) AND o.event_id = gone.event_id AND o.original_key = gone.original_key
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [*(list(column) for column in zip(*pairs, strict=True)), list(taken)])


def link_row(remote: RemoteEvent, event_id: int | None, parked: str = "") -> tuple[Any, ...]:
    return (
        event_id,
        remote.id,
        remote.etag,
        linking.content_digest(remote),
        remote.raw.decode(),
        remote.series_id,
        remote.original_key,
        parked,
    )


def _event_row(new: NewEvent, zone: str) -> tuple[Any, ...]:
    content, facts = new.content, new.remote.facts
    starts_at, ends_at = occurrences.bounds(content, zone)
    return (
        new.id,
        ids.new_uuid(),
        new.kind,
        new.series_id,
        new.original_key,
        domain.encode(content),
        domain.encode(facts),
        ",".join(new.overridden),
        content.summary,
        starts_at,
        ends_at,
        facts.ical_uid,
        facts.event_type,
        content.visibility in {"private", "confidential"},
        new.remote.id,
    )


def _insert(
    table: str,
    columns: Sequence[tuple[str, str]],
    rows: Iterable[tuple[Any, ...]],
    fixed: dict[str, Any],
    casts: dict[str, str] | None = None,
) -> None:
    with _staged(table, columns, fixed, casts) as copy:
        for row in rows:
            copy.write_row(row)


@contextmanager
def _staged(
    table: str, columns: Sequence[tuple[str, str]], fixed: dict[str, Any], casts: dict[str, str] | None = None
) -> Iterator[Any]:
    """Takes rows of `columns` by COPY; afterwards they are inserted together with the `fixed` values."""
    casts = casts or {}
    names = [name for name, _kind in columns]
    chosen = [casts.get(name, "%s").replace("%s", f'"{name}"') for name in names]
    quoted = ", ".join(f'"{name}"' for name in [*names, *fixed])
    staged = f"incoming_{table}"
    shape = ", ".join(f'"{name}" {kind}' for name, kind in columns)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS {staged} ({shape}) ON COMMIT DELETE ROWS")
        with cursor.copy(f"COPY {staged} FROM STDIN") as copy:
            yield copy
        query = (
            f"INSERT INTO {table} ({quoted}) SELECT {', '.join(chosen)}, {', '.join(['%s'] * len(fixed))} FROM {staged}"
        )
        cursor.execute(query, list(fixed.values()))
        cursor.execute(f"TRUNCATE {staged}")
