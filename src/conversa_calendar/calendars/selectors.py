"""Reading calendars and events; every answer respects what the viewer may see."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from conversa_calendar.accounts import preconditions
from conversa_calendar.accounts.acting import NotFound as NotFound
from conversa_calendar.accounts.tenancy import current_account
from conversa_calendar.calendars import access, occurrences
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.models import LONG_SPAN, TRASH_DAYS, Assignment, Calendar, Event, History
from conversa_calendar.domain.event import Content
from conversa_calendar.kit import clock

RANGE_MAX = timedelta(days=400)
OUTSIDE_SERIES_MAX = 2000
FREE_TYPES = ("workingLocation", "birthday")
"""Kinds of events that never take time."""

_SPANS = """
    SELECT o.event_id, o.original_key, o.starts_at, o.ends_at, o.start_date, o.end_date
    FROM calendars_occurrence o
    WHERE o.account_id = %(account)s AND o.calendar_id = ANY(%(calendars)s)
      AND o.starts_at >= %(early)s AND o.starts_at < %(until)s AND o.ends_at > %(since)s
    UNION ALL
    SELECT o.event_id, o.original_key, o.starts_at, o.ends_at, o.start_date, o.end_date
    FROM calendars_occurrence o
    WHERE o.account_id = %(account)s AND o.calendar_id = ANY(%(calendars)s)
      AND o.is_long AND o.starts_at < %(early)s AND o.ends_at > %(since)s
    ORDER BY 3, 1, 2
"""
Row = tuple[int, str, datetime, datetime, Any, Any]

TRASH_PAGE = 200
REMOVED = "disconnected"
"""Who deleted what went with its calendar."""


def calendars() -> QuerySet[Calendar]:
    return (
        Calendar.objects.filter(deleted_at=None).select_related("owner__user").order_by("is_mirrored", "place", "name")
    )


def visible(viewer: Viewer) -> list[tuple[Calendar, str]]:
    """The calendars that a viewer sees, each with their level."""
    found = access.levels(viewer)
    return [(calendar, found[calendar.pk]) for calendar in calendars() if calendar.pk in found]


def calendar(viewer: Viewer, uuid: UUID | str) -> tuple[Calendar, str]:
    """One visible calendar and the viewer's level. Raises NotFound."""
    found = _by_uuid(Calendar.objects.filter(deleted_at=None).select_related("owner__user"), uuid)
    level = access.levels(viewer).get(found.pk)
    if level is None:
        raise NotFound
    return found, level


def event(viewer: Viewer, uuid: UUID | str, *, is_deleted: bool = False) -> tuple[Event, Calendar, str]:
    """One visible event, its calendar and the viewer's level. Raises NotFound."""
    rows = Event.objects.select_related("calendar__owner", "series", "author")
    found = _by_uuid(rows.filter(deleted_at__isnull=not is_deleted), uuid)
    level = access.levels(viewer, with_removed=is_deleted).get(found.calendar_id)
    if level is None or (found.calendar.deleted_at is not None and found.deleted_by != REMOVED):
        raise NotFound
    return found, found.calendar, level


def filtered(
    calendars: Iterable[tuple[Calendar, str]], *, agent: str = "", team: str = "", inbox: str = "", only: str = ""
) -> list[tuple[Calendar, str]]:
    """Narrows calendars to those assigned to (or owned by) an agent, a team, an inbox, or to chosen ones."""
    found = list(calendars)
    if only:
        chosen = set(only.split(","))
        found = [pair for pair in found if str(pair[0].uuid) in chosen]
    wanted = Q()
    for name, value in (("member", agent), ("team", team), ("inbox", inbox)):
        if value:
            wanted |= Q(**{f"{name}__uuid": _as_uuid(value)})
    if not (agent or team or inbox):
        return found
    assigned = set(Assignment.objects.filter(wanted).values_list("calendar_id", flat=True))
    return [
        pair
        for pair in found
        if pair[0].pk in assigned or (agent and pair[0].owner and str(pair[0].owner.uuid) == agent)
    ]


def assignment_items(calendar: Calendar) -> list[dict[str, str]]:
    """A calendar's assignments as the API shows them."""
    found = []
    rows = Assignment.objects.filter(calendar=calendar).select_related("member__user", "team", "inbox").order_by("id")
    for row in rows:
        kind, target = ("agent", row.member) if row.member else ("team", row.team) if row.team else ("inbox", row.inbox)
        found.append({"kind": kind, "id": str(target.uuid), "name": str(target), "level": row.level})
    return found


def assignments_etag(calendar: Calendar) -> str:
    """The etag of who sees a calendar, and how much."""
    rows = assignment_items(calendar)
    return preconditions.tag(calendar.uuid, *sorted((row["kind"], row["id"], row["level"]) for row in rows))


def assigned_to(*, teams: Iterable[UUID], inboxes: Iterable[UUID]) -> frozenset[str]:
    """The outside ids of the calendars that are assigned to any of these teams and inboxes now."""
    wanted = Q(team__uuid__in=list(teams)) | Q(inbox__uuid__in=list(inboxes))
    return frozenset(map(str, Assignment.objects.filter(wanted).values_list("calendar__uuid", flat=True)))


def spans(calendar_ids: list[int], since: datetime, until: datetime) -> list[Row]:
    """Materialised occurrences that overlap [since, until), ordered by start: (event id, key, start, end, dates)."""
    values: dict[str, Any] = {
        "account": current_account(),
        "calendars": calendar_ids,
        "since": since,
        "until": until,
        "early": since - LONG_SPAN,
    }
    with connection.cursor() as cursor:
        cursor.execute(_SPANS, values)
        return list(cursor.fetchall())


def busy_spans(
    calendar_ids: list[int],
    since: datetime,
    until: datetime,
    *,
    free_types: Iterable[str] = FREE_TYPES,
    ignored: int | None = None,
    conditions: Iterable[str] = (),
) -> dict[int, list[tuple[datetime, datetime]]]:
    """What takes time in [since, until), by calendar id: everything busy but the `free_types`, the event `ignored` and
    what does not meet all `conditions` (SQL about the event `e`)."""
    found: dict[int, list[tuple[datetime, datetime]]] = {}
    rows = busy_rows(calendar_ids, since, until, free_types=free_types, ignored=ignored, conditions=conditions)
    for calendar_id, _event_id, starts_at, ends_at in rows:
        found.setdefault(calendar_id, []).append((starts_at, ends_at))
    return found


def busy_rows(
    calendar_ids: list[int],
    since: datetime,
    until: datetime,
    *,
    free_types: Iterable[str] = FREE_TYPES,
    ignored: int | None = None,
    conditions: Iterable[str] = (),
) -> list[tuple[int, int, datetime, datetime]]:
    """The same with what it is: (calendar id, event id, start, end)."""
    query = f"""
        SELECT o.calendar_id, o.event_id, o.starts_at, o.ends_at
        FROM calendars_occurrence o JOIN calendars_event e ON e.id = o.event_id AND e.account_id = o.account_id
        WHERE o.account_id = %(account)s AND o.calendar_id = ANY(%(calendars)s) AND o.is_busy AND e.deleted_at IS NULL
          AND NOT e.event_type = ANY(%(free)s) AND o.starts_at < %(until)s AND o.ends_at > %(since)s
          AND (o.starts_at > %(early)s OR o.is_long) AND {" AND ".join(["e.id <> %(ignored)s", *conditions])}
    """
    values: dict[str, Any] = {"account": current_account(), "calendars": calendar_ids, "since": since, "until": until}
    values |= {"early": since - LONG_SPAN, "free": list(free_types), "ignored": ignored or 0}
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        return list(cursor.fetchall())


def between(calendars: list[Calendar], since: datetime, until: datetime) -> list[tuple[Event, Row]]:
    """Every occurrence of the calendars in [since, until) with its event, ordered by start. Parts of the range beyond
    the materialised window are expanded on the fly."""
    by_id = {calendar.pk: calendar for calendar in calendars}
    rows = spans(list(by_id), since, until)
    now = clock.now()
    if since < now - occurrences.BACK + timedelta(days=1) or until > now + occurrences.AHEAD - timedelta(days=1):
        rows = sorted([*rows, *_beyond(by_id, since, until, rows)], key=lambda row: (row[2], row[0], row[1]))
    events = Event.objects.select_related("calendar__owner", "series", "author").in_bulk({row[0] for row in rows})
    pairs = [(events[row[0]], row) for row in rows if row[0] in events]
    return [(found, row) for found, row in pairs if found.event_type not in found.calendar.hidden_types]


def search(viewer: Viewer, pairs: list[tuple[Calendar, str]], text: str, limit: int = 50) -> list[Event]:
    """Events whose title, place or description holds the text and that read as they are to the viewer, latest first."""
    levels = {calendar.pk: level for calendar, level in pairs}
    rows = Event.objects.select_related("calendar__owner", "series", "author").filter(
        access.readable(viewer), calendar_id__in=levels, deleted_at=None
    )
    plain = text.strip()[:100]
    found = rows.filter(Q(summary__icontains=plain) | Q(content_json__icontains=plain)).order_by("-starts_at")
    rows = found.exclude(kind="override", content_json__contains='"status":"cancelled"')[: limit * 4]
    shown = (e for e in rows if not access.is_masked(e, e.calendar, viewer, levels[e.calendar_id]))
    return list(islice(shown, limit))


def trash(viewer: Viewer, *, skip: int = 0, limit: int = TRASH_PAGE) -> list[tuple[Event, Calendar, str]]:
    """Deleted events of the last 30 days that the viewer may see, latest first; those of calendars that left among them."""
    seen = access.levels(viewer, with_removed=True)
    since = clock.now() - timedelta(days=TRASH_DAYS)
    rows = Event.objects.filter(deleted_at__gt=since, calendar_id__in=seen).exclude(deleted_by__in=["cut", "moved"])
    rows = rows.filter(Q(calendar__deleted_at=None) | Q(deleted_by=REMOVED))
    found = rows.exclude(kind="override", series__deleted_at__isnull=False).select_related("calendar__owner", "series")
    return [
        (event, event.calendar, seen[event.calendar_id])
        for event in found.order_by("-deleted_at", "-pk")[skip : skip + limit]
    ]


def activity(
    viewer: Viewer, *, side: str = "", calendar: str = "", before: int = 0, limit: int = 50
) -> list[tuple[History, Event, Calendar, bool]]:
    """What people and sync did in the calendars that a viewer sees, latest first, with whether the event reads “Busy”
    to them. `side` is local, remote or sync; `before` the id of the last entry of the page before."""
    seen = access.levels(viewer)
    rows = History.objects.filter(event__calendar_id__in=seen).select_related("actor__user", "event__calendar__owner")
    rows = rows.filter(side=side) if side else rows
    rows = rows.filter(event__calendar__uuid=_as_uuid(calendar)) if calendar else rows
    rows = rows.filter(pk__lt=before) if before else rows
    found = []
    for entry in rows.order_by("-pk")[:limit]:
        place = entry.event.calendar
        is_masked = access.is_entry_masked(entry, entry.event, place, viewer, seen[place.pk])
        found.append((entry, entry.event, place, is_masked))
    return found


def history(viewer: Viewer, event: Event, calendar: Calendar, level: str, limit: int = 100) -> list[History]:
    """An event's entries with those of its series, latest first, as far as the viewer may read them."""
    if access.is_masked(event, calendar, viewer, level):
        return []
    wanted = Q(event=event) | (Q(event=event.series) if event.series else Q())
    rows = History.objects.filter(wanted).select_related("actor__user", "event").order_by("-at", "-id")[:limit]
    return [entry for entry in rows if not access.is_entry_masked(entry, entry.event, calendar, viewer, level)]


def content_at(event: Event, key: str) -> Content:
    """A series' content at one occurrence, or the event's own. Raises NotFound."""
    if not event.is_series or not key:
        return event.content
    try:
        return occurrences.occurrence_content(event.content, key)
    except ValueError as error:
        raise NotFound from error


def _beyond(by_id: dict[int, Calendar], since: datetime, until: datetime, known: list[Row]) -> list[Row]:
    have = {(row[0], row[1]) for row in known}
    found: list[Row] = []
    series = Event.objects.filter(calendar_id__in=by_id, kind="series", deleted_at=None, starts_at__lt=until)
    for event in series[:OUTSIDE_SERIES_MAX]:
        keys = frozenset(Event.objects.filter(series=event, deleted_at=None).values_list("original_key", flat=True))
        zone = by_id[event.calendar_id].time_zone
        early = since - (event.ends_at - event.starts_at)
        for span in occurrences.series_spans(event.content, zone, keys, early, until):
            if span.ends_at > since and (event.pk, span.original_key) not in have:
                found.append(
                    (event.pk, span.original_key, span.starts_at, span.ends_at, span.start_date, span.end_date)
                )
    return found


def _by_uuid(rows: QuerySet[Any], uuid: UUID | str) -> Any:
    found = rows.filter(uuid=_as_uuid(uuid)).first()
    if found is None:
        raise NotFound
    return found


def _as_uuid(text: UUID | str) -> UUID:
    try:
        return text if isinstance(text, UUID) else UUID(text)
    except ValueError as error:
        raise NotFound from error
