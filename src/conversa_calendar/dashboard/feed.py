"""The calendar grid's data: occurrences in a range as compact JSON, one tile for one meeting."""

from datetime import datetime
from typing import Any

import msgspec
from django.db import connection
from django.utils.translation import gettext as _

from conversa_calendar.accounts.tenancy import current_account
from conversa_calendar.calendars import access, selectors
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.acts import Act, Standing, refusal
from conversa_calendar.calendars.models import LONG_SPAN, NOT_TAKEN, SPEAK_FOR_SERIES, Calendar
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
SWITCHES = ("masked", "free", "declined", "own", "guests")
"""What most tiles are not: sent only where it is so."""
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
    , facts AS MATERIALIZED (
        SELECT e.id, e.uuid::text AS uuid, e.calendar_id, e.kind, e.summary, e.is_private, e.author_id, e.private_for_id, e.ical_uid, e.event_type,
               CASE WHEN e.kind = 'override' AND e.sync_state = ANY(%(speaking)s) THEN COALESCE((
                   SELECT m.sync_state FROM calendars_event m
                   WHERE m.account_id = e.account_id AND m.id = e.series_id AND m.sync_state = ANY(%(not_taken)s)
               ), e.sync_state) ELSE e.sync_state END AS sync_state, e.original_key,
               substring(e.content_json from '"color":"(\\d+)"') AS color,
               e.content_json LIKE '%%"transparency":"transparent"%%' AS is_free,
               e.facts_json LIKE '%%"organizer":{%%"self":true%%' AS is_own,
               e.content_json LIKE '%%"self":true%%"declined"%%' AS is_declined,
               e.content_json LIKE '%%"attendees":[{%%' AS has_guests,
               e.facts_json NOT LIKE '%%"organizer":{%%' OR e.facts_json LIKE '%%"organizer":{%%"self":true%%'
                   OR e.content_json LIKE '%%"guests_can":{%%"modify":true%%' AS is_open,
               e.facts_json LIKE '%%"is_locked":true%%' AS is_locked
        FROM calendars_event e
        WHERE e.account_id = %(account)s AND e.id IN (SELECT event_id FROM spans)
    )
    SELECT s.original_key, to_char(s.starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
           to_char(s.ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), s.start_date, s.end_date, e.uuid, e.calendar_id, e.kind, e.summary,
           e.is_private, e.author_id, e.ical_uid, e.event_type, e.sync_state, e.original_key,
           e.color, e.is_free, e.is_own, e.is_declined, e.has_guests, e.private_for_id, e.is_open, e.is_locked
    FROM spans s JOIN facts e ON e.id = s.event_id
    ORDER BY s.starts_at, e.id
"""


def events(viewer: Viewer, pairs: list[tuple[Calendar, str]], since: datetime, until: datetime) -> bytes:
    """The tiles as JSON for FullCalendar; what is not so is left out."""
    found = tiles(viewer, pairs, since, until)
    for tile in found:
        for name in SWITCHES:
            if not tile[name]:
                del tile[name]
    return msgspec.json.encode(found)


def tiles(viewer: Viewer, pairs: list[tuple[Calendar, str]], since: datetime, until: datetime) -> list[dict[str, Any]]:
    """One tile for each meeting: {event, occurrence, title, start, end, allDay, …}, what it shows and whether it can be moved."""
    levels = {calendar.pk: level for calendar, level in pairs}
    calendars = {calendar.pk: calendar for calendar, _level in pairs}
    values: dict[str, Any] = {
        "calendars": list(calendars),
        "account": current_account(),
        "since": since,
        "until": until,
        "early": since - LONG_SPAN,
        "not_taken": list(NOT_TAKEN),
        "speaking": list(SPEAK_FOR_SERIES),
    }
    with connection.cursor() as cursor:
        cursor.execute(_QUERY, values)
        rows = cursor.fetchall()
    found: dict[tuple[str, str], dict[str, Any]] = {}
    of_event: dict[str, dict[str, Any]] = {}
    for row in rows:
        calendar = calendars[row[6]]
        if row[12] in calendar.hidden_types:
            continue
        shown = of_event.get(row[5])
        if shown is None:
            shown = of_event[row[5]] = _shown(row, calendar, levels[calendar.pk], viewer)
        tile = shown | _when(row)
        uid = "" if tile["masked"] else row[11]  # of a time that is only taken, nobody learns which meeting it is
        key = (uid or row[5], row[14] or row[0] or row[1])
        known = found.get(key)
        if known is None:
            found[key] = tile
        else:
            _join(known, tile)
    far = _beyond(viewer, pairs, since, until)
    return [*found.values(), *far]


def _when(row: tuple[Any, ...]) -> dict[str, Any]:
    """What differs between the occurrences of an event."""
    key, starts_at, ends_at, start_date, end_date = row[:5]
    if start_date is None:
        return {"occurrence": key, "start": starts_at, "end": ends_at, "allDay": False}
    return {"occurrence": key, "start": start_date.isoformat(), "end": end_date.isoformat(), "allDay": True}


def _shown(row: tuple[Any, ...], calendar: Calendar, level: str, viewer: Viewer) -> dict[str, Any]:
    """What all occurrences of an event have in common."""
    owner_id = row[20] or (calendar.owner_id if calendar.is_mirrored else row[10] or calendar.owner_id)
    is_masked = access.hides(row[9], owner_id, viewer, level)
    stands = Standing(
        level=level,
        is_mirrored=calendar.is_mirrored,
        is_read_only=calendar.is_read_only,
        is_masked=is_masked,
        event_type=row[12],
        is_own_copy=bool(row[21]),
        is_locked=bool(row[22]),
    )
    return {
        "title": _("Busy") if is_masked else row[8] or _("(No title)"),
        "color": "#8b8d98" if is_masked else EVENT_COLORS.get(row[15] or "", calendar.color),
        "editable": refusal(Act.CHANGE, stands) is None,
        "event": row[5],
        "kind": row[7],
        "calendars": [calendar.name],
        "masked": is_masked,
        "free": bool(row[16]),
        "declined": bool(row[18]) and not is_masked,
        "state": row[13],
        "own": bool(row[17]) and not is_masked,
        "guests": bool(row[19]) and not is_masked,
    }


def _join(known: dict[str, Any], other: dict[str, Any]) -> None:
    """The same meeting in another calendar: named on the one tile; edits go to the organiser's copy."""
    names = [*known["calendars"], *(name for name in other["calendars"] if name not in known["calendars"])]
    if other["own"] and not known["own"]:
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
        begin, end = (at.isoformat() for at in row[2:4])
        values = (
            row[1],
            begin,
            end,
            *row[4:6],
            str(event.uuid),
            event.calendar_id,
            event.kind,
            event.summary,
            event.is_private,
        )
        more = (event.author_id, event.ical_uid, event.event_type, event.told[0], "", event.content.color)
        flags = (
            event.content.transparency == "transparent",
            event.facts.is_own_copy,
            False,
            bool(event.content.attendees),
            event.private_for_id,
            event.facts.is_own_copy or event.content.guests_can.modify,
            event.facts.is_locked,
        )
        whole = (*values, *more, *flags)
        found.append(_shown(whole, event.calendar, levels[event.calendar_id], viewer) | _when(whole))
    return found
