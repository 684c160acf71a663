"""An event's history and the account's change feed."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import connection

from conversa_calendar.accounts import acting
from conversa_calendar.accounts.acting import By, Who
from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.tenancy import current_account
from conversa_calendar.calendars import access, notices
from conversa_calendar.calendars.models import PRIVATE, Calendar, Change, Event, History
from conversa_calendar.domain.event import Content, changed_units, readable
from conversa_calendar.kit import reading

LIVE_CHANNEL = "conversa_live"
_SIDES = {"remote": Who(By.GOOGLE), "sync": Who(By.SYNC)}
_OF_SYNC = frozenset({"synced", "pending", "parked", "imported", "held", "refused"})
"""Changes of how an event stands with its provider, which nobody makes but sync."""


def record(
    event: Event,
    *,
    side: str,
    cause: str,
    before: Content | None = None,
    after: Content | None = None,
    actor: Member | None = None,
    lost: dict[str, Any] | None = None,
    note: str = "",
) -> History | None:
    """Adds one entry with the changed units; nothing when nothing changed and nothing is to be said. What sync says is
    `lost` is told to whoever wrote it here; with `before`, only what stood there was written here."""
    changes = {}
    if before is not None and after is not None:
        changes = {
            n: {"before": readable(before, n), "after": readable(after, n)} for n in changed_units(before, after)
        }
    if cause == "edited" and not changes and not lost and not note:
        return None
    was_private = _is_private(event, before, after, lost)
    who = _SIDES.get(side) or acting.current(actor)
    entry = History(
        event=event,
        side=side,
        cause=cause,
        changes=changes,
        lost=lost or {},
        actor=actor,
        note=note,
        revision=event.revision,
        done_by=who.kind,
        done_by_name=who.name[:200],
        was_private=was_private,
        private_for_id=access.private_owner_id(event, event.calendar) if was_private else None,
    )
    entry.save()
    if lost and side != "local":
        notices.tell_authors(entry, [n for n, value in lost.items() if before is None or readable(before, n) == value])
    return entry


def _is_private(event: Event, before: Content | None, after: Content | None, lost: dict[str, Any] | None) -> bool:
    said = {content.visibility for content in (before, after) if content} | {(lost or {}).get("visibility")}
    return event.is_private or not said.isdisjoint(PRIVATE)


def announce(calendar: Calendar, changes: Iterable[tuple[UUID, str]], kind: str = "event") -> None:
    """Writes the change feed and wakes open pages, within the caller's transaction."""
    rows = [(uuid, what) for uuid, what in changes]
    account_id = current_account()
    query = """
        WITH fed AS (
            INSERT INTO calendars_change (account_id, transaction, kind, object_uuid, calendar_uuid, what, at, done_by)
            SELECT %s, pg_current_xact_id()::text::bigint, %s, uuid, %s, what, now(), CASE WHEN what = ANY(%s) THEN 'sync' ELSE %s END
            FROM unnest(%s::uuid[], %s::text[]) AS c(uuid, what)
            RETURNING 1
        ) SELECT pg_notify(%s, %s) FROM (SELECT count(*) FROM fed) AS counted
    """
    whose: list[Any] = [sorted(_OF_SYNC), acting.current().kind]
    uuids, whats = [uuid for uuid, _what in rows], [what for _uuid, what in rows]
    news = f'{{"account":{account_id},"calendar":"{calendar.uuid}"}}'
    with connection.cursor() as cursor:
        cursor.execute(query, [account_id, kind, calendar.uuid, *whose, uuids, whats, LIVE_CHANNEL, news])


def wake(what: str) -> None:
    """Tells the account's open pages that something other than an event changed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [LIVE_CHANNEL, f'{{"account":{current_account()},"{what}":true}}'])


def changes_since(cursor_text: str, limit: int = 500) -> tuple[list[Change], str]:
    """The next changes after a cursor in commit order, and the cursor behind them. Raises ValueError on a bad cursor."""
    transaction, _, row = (cursor_text or "0.0").partition(".")
    after = [reading.whole(part) for part in (transaction, row or "0")]
    if None in after:
        raise ValueError(cursor_text[:60])
    query = """
        SELECT * FROM calendars_change
        WHERE account_id = %s AND (transaction, id) > (%s, %s)
          AND transaction < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
        ORDER BY transaction, id LIMIT %s
    """
    rows = list(Change.objects.raw(query, [current_account(), *after, limit]))
    if not rows:
        return [], cursor_text or "0.0"
    return rows, f"{rows[-1].transaction}.{rows[-1].pk}"
