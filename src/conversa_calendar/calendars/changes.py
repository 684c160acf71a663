"""The account's change feed, as the database wrote it down: every change once, in the order of the commits.

Triggers write a row for each change of what is told of (`0014_change_feed` and its like), within the transaction that
changes it. Readers order by (transaction, id) and stop at the oldest transaction that is still open, so that none is
ever passed over that commits later under a lower number. What one transaction does to one thing is one change.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection

from conversa_calendar.accounts.tenancy import current_account
from conversa_calendar.kit import clock, reading

KEPT = timedelta(days=60)
"""How long a change can be read again."""
PAGE = 500
_MARGIN = timedelta(days=1)


class BadCursor(Exception):
    """A text that is no cursor of ours."""


class CursorExpired(Exception):
    """What came after this cursor is not kept any more, or was written by a database that is no more: read everything
    anew, and go on from `now`."""


class Cursor(msgspec.Struct, frozen=True):
    """How far somebody has read: behind the row `row` of `transaction`, at a time in seconds since 1970 (0: not known), and
    what they saw then (`sight`, see `webhooks.sight`)."""

    transaction: int = 0
    row: int = 0
    at: int = 0
    sight: str = ""

    def __str__(self) -> str:
        text = f"{self.transaction}.{self.row}.{self.at}"
        return f"{text}.{self.sight}" if self.sight else text


class News(msgspec.Struct, frozen=True):
    """One change, and the kind of who did it (`accounts.acting.By`). `left` is the calendar that an event was in before it moved to `calendar`."""

    transaction: int
    row: int
    kind: str
    uuid: UUID
    calendar: UUID | None
    left: UUID | None
    what: str
    by: str
    at: datetime
    told: str = "{}"

    @property
    def facts(self) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(self.told)
        return found

    @property
    def key(self) -> tuple[int, str, UUID]:
        return self.transaction, self.kind, self.uuid


class Page(msgspec.Struct, frozen=True):
    """Changes in order, where reading goes on, and whether there are more already."""

    news: list[News]
    cursor: Cursor
    has_more: bool


def parse(text: str) -> Cursor:
    """The cursor of a text; of an empty one, the oldest change that is kept. Raises BadCursor."""
    parts = (text or "0.0").split(".")
    numbers = [reading.whole(part) for part in parts[:3]]
    if not 1 <= len(parts) <= 4 or None in numbers or any(n < 0 for n in numbers if n is not None):
        raise BadCursor(text[:60])
    transaction, row, at = ([n or 0 for n in numbers] + [0, 0])[:3]
    return Cursor(transaction, row, at, parts[3][:64] if len(parts) == 4 else "")


def read(after: Cursor, limit: int = PAGE) -> Page:
    """The next changes. Raises CursorExpired."""
    now, (oldest_open, next_new) = clock.now(), _snapshot()
    if after.transaction > next_new or (after.at and after.at < (now - KEPT + _MARGIN).timestamp()):
        raise CursorExpired
    found = _rows("AND (transaction, id) > (%s, %s)", [after.transaction, after.row], oldest_open, limit + 1)
    if len(found) <= limit:
        return Page(_once(found, [], _told(after, oldest_open)), _moved(after, oldest_open, 0, now), False)
    rows, rest = found[:limit], found[limit:]
    last = rows[-1]
    if rest[0].transaction == last.transaction:  # of what goes on behind this page, its outcome is told here
        rest = _rows("AND transaction = %s AND id > %s", [last.transaction, last.row], oldest_open, None)
    return Page(_once(rows, rest, _told(after, oldest_open)), _moved(after, last.transaction, last.row, now), True)


def now() -> Cursor:
    """Behind everything that can be read now."""
    return Cursor(_snapshot()[0], 0, int(clock.now().timestamp()))


def is_waiting(after: Cursor) -> bool:
    """Whether there is a change behind a cursor, even one that cannot be read yet as an older transaction is open."""
    query = "SELECT EXISTS (SELECT 1 FROM calendars_change WHERE account_id = %s AND (transaction, id) > (%s, %s))"
    with connection.cursor() as cursor:
        cursor.execute(query, [current_account(), after.transaction, after.row])
        return bool(cursor.fetchone()[0])


def forget_old() -> None:
    """Drops what is kept no longer, and what a database wrote from whose backup this one was made: its transactions were
    counted otherwise."""
    query = """
        DELETE FROM calendars_change WHERE account_id = %s
        AND (at < %s OR transaction > pg_snapshot_xmax(pg_current_snapshot())::text::bigint)
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [current_account(), clock.now() - KEPT])


@contextmanager
def echoing(is_echo: bool = True) -> Iterator[None]:
    """Within it an event takes what only our own write brings back from its provider, other spellings and facts: that is
    told as a new state, not as a change."""
    _set_echo("on" if is_echo else "off")
    yield
    _set_echo("off")


def _set_echo(value: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.echo', %s, true)", [value])


def _snapshot() -> tuple[int, int]:
    """The oldest transaction that may still be open, and the first that has not begun."""
    query = """
        SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint
    """
    with connection.cursor() as cursor:
        cursor.execute(query)
        oldest_open, next_new = cursor.fetchone()
        return oldest_open, next_new


def _rows(condition: str, values: list[Any], oldest_open: int, limit: int | None) -> list[News]:
    query = f"""
        SELECT transaction, id, kind, object_uuid, calendar_uuid, left_uuid, what, done_by, at,
            coalesce(facts, '{{}}')::text
        FROM calendars_change WHERE account_id = %s {condition} AND transaction < %s ORDER BY transaction, id LIMIT %s
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [current_account(), *values, oldest_open, limit])
        return [News(*row) for row in cursor.fetchall()]


def _told(after: Cursor, oldest_open: int) -> set[tuple[int, str, UUID]]:
    """What was told on the page before of the transaction in whose middle that ended."""
    if not after.row:
        return set()
    known = _rows("AND transaction = %s AND id <= %s", [after.transaction, after.row], oldest_open, None)
    return {one.key for one in known}


def _once(rows: list[News], rest: Iterable[News], told: set[tuple[int, str, UUID]]) -> list[News]:
    """What one transaction did to one thing as one change, at its first place."""
    found: dict[tuple[int, str, UUID], News] = {}
    for one in rows:
        if one.key not in told:
            found[one.key] = _together(found[one.key], one) if one.key in found else one
    for one in rest:
        if one.key in found:
            found[one.key] = _together(found[one.key], one)
    return list(found.values())


def _together(first: News, then: News) -> News:
    facts = first.facts | then.facts
    facts.pop("before", None)  # before the first of them is before all
    facts |= {"before": first.facts["before"]} if "before" in first.facts else {}
    return msgspec.structs.replace(
        first,
        what=_outcome(first.what, then.what),
        calendar=then.calendar or first.calendar,
        left=first.left or then.left,
        told=msgspec.json.encode(facts).decode(),
    )


def _outcome(first: str, then: str) -> str:
    """What two changes come to, as of "created" and "updated" the first."""
    if first == "created":
        return "deleted" if then == "deleted" else "created"
    if first == "deleted":
        return "updated" if then in {"restored", "created"} else "deleted"
    if first != "state" and then in {"state", "updated"}:
        return first
    return then


def _moved(after: Cursor, transaction: int, row: int, now: datetime) -> Cursor:
    if (transaction, row) < (
        after.transaction,
        after.row,
    ):  # as while an older transaction is open than at the read before
        transaction, row = after.transaction, after.row
    return Cursor(transaction, row, int(now.timestamp()), after.sight)
