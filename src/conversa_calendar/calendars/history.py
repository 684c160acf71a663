"""An event's history; and waking open pages for what is told in no feed."""

from typing import Any

from django.db import connection

from conversa_calendar.accounts import acting
from conversa_calendar.accounts.acting import By, Who
from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.tenancy import current_account
from conversa_calendar.calendars import access, notices
from conversa_calendar.calendars.models import PRIVATE, Event, History
from conversa_calendar.domain.event import Content, changed_units, readable
from conversa_calendar.domain.vocabulary import Cause, Side

LIVE_CHANNEL = "conversa_live"
_SIDES = {"remote": Who(By.GOOGLE), "sync": Who(By.SYNC)}


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
    if cause == Cause.EDITED and not changes and not lost and not note:
        return None
    was_private = _is_private(event, before, after, lost)
    who = _SIDES.get(side) or acting.current(actor)
    entry = History(
        event=event,
        side=Side(side),
        cause=Cause(cause),
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
    entry.save(force_insert=True)
    if lost and side != "local":
        notices.tell_authors(entry, [n for n, value in lost.items() if before is None or readable(before, n) == value])
    return entry


def _is_private(event: Event, before: Content | None, after: Content | None, lost: dict[str, Any] | None) -> bool:
    said = {content.visibility for content in (before, after) if content} | {(lost or {}).get("visibility")}
    return event.is_private or not said.isdisjoint(PRIVATE)


def refresh_pages(what: str) -> None:
    """Tells the account's open pages that something other than an event changed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [LIVE_CHANNEL, f'{{"account":{current_account()},"{what}":true}}'])
