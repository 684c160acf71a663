"""The calendar grid's data: occurrences in a range as compact JSON, one tile for one meeting."""

from datetime import datetime
from typing import Any

import msgspec
from django.db import connection
from django.utils.translation import gettext as _

from conversa_calendar.accounts.tenancy import current_account
from conversa_calendar.calendars import selectors
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.models import LONG_SPAN, Calendar
from conversa_calendar.kit import clock

EVENT_COLORS = {
    "1": "#7986cb",
    "2": "#33b679",
    "3": "#8e24aa",
    "4": "#e67c73",
    "5": "#f6bf26",
    "6": "#f4511e",
    "7": "#039be5",
    "8": "#616161",
    "9": "#3f51b5",
    "10": "#0b8043",
    "11": "#d50000",
}
_QUERY = """
    WITH spans AS (
        SELECT o.event_id, o.original_key, o.starts_at, o.ends_at, o.start_date, o.end_date
        FROM calendars_occurrence o WHERE o.calendar_id = ANY(%(calendars)s)
          AND o.starts_at >= %(early)s AND o.starts_at < %(until)s AND o.ends_at > %(since)s
        UNION ALL
        SELECT o.event_id, o.original_key, o.starts_at, o.ends_at, o.start_date, o.end_date
        FROM calendars_occurrence o WHERE o.calendar_id = ANY(%(calendars)s)
          AND o.is_long AND o.starts_at < %(early)s AND o.ends_at > %(since)s
    )
    SELECT s.original_key, s.starts_at, s.ends_at, s.start_date, s.end_date, e.uuid, e.calendar_id, e.kind, e.summary,
           e.is_private, e.author_id, e.ical_uid, e.event_type, e.sync_state, e.original_key,
           substring(e.content_json from '"color":"(\\d+)"'), e.content_json LIKE '%%"transparency":"transparent"%%',
           e.facts_json LIKE '%%"organizer":{%%"self":true%%', e.content_json LIKE '%%"self":true%%"declined"%%',
           e.content_json LIKE '%%"attendees":[{%%'
    FROM spans s JOIN calendars_event e ON e.id = s.event_id AND e.account_id = %(account)s
    ORDER BY s.starts_at, e.id
"""


def events(viewer: Viewer, pairs: list[tuple[Calendar, str]], since: datetime, until: datetime) -> bytes:
    """The tiles as JSON for FullCalendar."""
    return msgspec.json.encode(tiles(viewer, pairs, since, until))


def tiles(viewer: Viewer, pairs: list[tuple[Calendar, str]], since: datetime, until: datetime) -> list[dict[str, Any]]:
    """One tile for each meeting: {id, title, start, end, allDay, …}, what it shows and whether it can be moved."""
    levels = {calendar.pk: level for calendar, level in pairs}
    calendars = {calendar.pk: calendar for calendar, _level in pairs}
    values: dict[str, Any] = {
        "calendars": list(calendars),
        "account": current_account(),
        "since": since,
        "until": until,
        "early": since - LONG_SPAN,
    }
    with connection.cursor() as cursor:
        cursor.execute(_QUERY, values)
        rows = cursor.fetchall()
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        calendar = calendars[row[6]]
        if row[12] in calendar.hidden_types:
            continue
        tile = _tile(row, calendar, levels[calendar.pk], viewer)
        key = (row[11] or str(row[5]), row[14] or row[0] or row[1].isoformat())
        known = found.get(key)
        if known is None:
            found[key] = tile
        else:
            _join(known, tile)
    far = _beyond(viewer, pairs, since, until)
    return [*found.values(), *far]


def _tile(row: tuple[Any, ...], calendar: Calendar, level: str, viewer: Viewer) -> dict[str, Any]:
    (key, starts_at, ends_at, start_date, end_date, uuid, _calendar, kind, summary, is_private) = row[:10]
    owner_id = calendar.owner_id if calendar.is_mirrored else (row[10] or calendar.owner_id)
    is_masked = level == "busy" or (is_private and owner_id != viewer.member.pk)
    return {
        "id": f"{uuid}:{key}",
        "title": _("Busy") if is_masked else summary or _("(No title)"),
        "start": start_date.isoformat() if start_date else starts_at.isoformat(),
        "end": end_date.isoformat() if end_date else ends_at.isoformat(),
        "allDay": start_date is not None,
        "color": "#8b8d98" if is_masked else EVENT_COLORS.get(row[15] or "", calendar.color),
        "editable": level == "edit" and not calendar.is_read_only and not is_masked and row[12] == "default",
        "event": str(uuid),
        "occurrence": key,
        "kind": kind,
        "calendar": str(calendar.uuid),
        "calendars": [calendar.name],
        "masked": is_masked,
        "free": bool(row[16]),
        "declined": bool(row[18]),
        "state": row[13],
        "own": bool(row[17]),
        "guests": bool(row[19]) and not is_masked,
    }


def _join(known: dict[str, Any], other: dict[str, Any]) -> None:
    """The same meeting in another calendar: named on the one tile; edits go to the organiser's copy."""
    names = [*known["calendars"], *(name for name in other["calendars"] if name not in known["calendars"])]
    if (other["own"] and not known["own"]) or (known["masked"] and not other["masked"]):
        known.update(other)
    known["calendars"] = names


def _beyond(
    viewer: Viewer, pairs: list[tuple[Calendar, str]], since: datetime, until: datetime
) -> list[dict[str, Any]]:
    """Occurrences outside the materialised window, expanded on the fly."""
    from conversa_calendar.calendars import occurrences

    now = clock.now()
    if since >= now - occurrences.BACK and until <= now + occurrences.AHEAD:
        return []
    levels = {calendar.pk: level for calendar, level in pairs}
    found = []
    for event, row in selectors.between([calendar for calendar, _level in pairs], since, until):
        is_inside = now - occurrences.BACK <= row[2] <= now + occurrences.AHEAD
        if event.kind != "series" or is_inside:
            continue
        values = (row[1], *row[2:6], event.uuid, event.calendar_id, event.kind, event.summary, event.is_private)
        more = (event.author_id, event.ical_uid, event.event_type, event.sync_state, "", event.content.color)
        flags = (
            event.content.transparency == "transparent",
            event.facts.is_own_copy,
            False,
            bool(event.content.attendees),
        )
        found.append(_tile((*values, *more, *flags), event.calendar, levels[event.calendar_id], viewer))
    return found
