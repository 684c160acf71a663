"""What sync set aside, one by one: events of Google's that cannot be understood, and events of ours that it did not take."""

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from conversa_calendar.calendars import access
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.models import NOT_TAKEN, Event
from conversa_calendar.kit import reading
from conversa_calendar.sync.models import NO_MASTER, Link, Mirror

MOST = 200
LINK, EVENT = "g", "e"
"""With which a key begins: an event of Google's, one of ours."""


def listed(mirrors: Iterable[Mirror], viewer: Viewer) -> list[dict[str, Any]]:
    """Everything that was set aside in these mirrors, with its reason and what can be done. What is private to somebody
    else, or more than the viewer sees of the calendar, reads “Busy”."""
    levels = access.levels(viewer)
    found: list[dict[str, Any]] = []
    for mirror in mirrors:
        level = levels.get(mirror.calendar_id, "busy")
        found += [_link(row, mirror, viewer, level) for row in unreadable(mirror)[:MOST]]
        rows = Event.objects.filter(calendar=mirror.calendar, sync_state__in=NOT_TAKEN, deleted_at=None)
        found += [_event(row, mirror, viewer, level) for row in rows.select_related("series").order_by("pk")[:MOST]]
    return found


def unreadable(mirror: Mirror) -> QuerySet[Link]:
    """Events of Google's that cannot be understood, but for those that only wait for their series and those that somebody
    put out of sight."""
    rows = Link.objects.filter(mirror=mirror, is_dismissed=False)
    return rows.exclude(parked__in=["", NO_MASTER]).order_by("pk")


def by_key(key: str) -> tuple[Link | Event, Mirror] | None:
    """What stands under a key, with its mirror."""
    kind, rest = key[:1], key[1:]
    if kind == LINK and (number := reading.whole(rest)) is not None:
        link = Link.objects.filter(pk=number).exclude(parked__in=["", NO_MASTER]).first()
        mirror = _mirrors().filter(pk=link.mirror_id).first() if link is not None else None
        return (link, mirror) if link is not None and mirror is not None else None
    if kind != EVENT:
        return None
    try:
        rows = Event.objects.filter(uuid=UUID(rest), sync_state__in=NOT_TAKEN, deleted_at=None)
    except ValueError:
        return None
    event = rows.first()
    mirror = _mirrors().filter(calendar=event.calendar_id).first() if event is not None else None
    return (event, mirror) if event is not None and mirror is not None else None


def title(raw: str) -> str:
    """The title of something that may not even be an event; of one that is private nothing."""
    try:
        found = json.loads(raw)
    except ValueError:
        return ""
    if not isinstance(found, dict) or found.get("visibility") in {"private", "confidential"}:
        return _("Busy")
    return str(found.get("summary") or "")


def _mirrors() -> QuerySet[Mirror]:
    return Mirror.objects.select_related("calendar", "connection__owner__user")


def _link(row: Link, mirror: Mirror, viewer: Viewer, level: str) -> dict[str, Any]:
    is_hidden = access.hides(False, None, viewer, level)
    return _frame(f"{LINK}{row.pk}", mirror) | {
        "kind": "unreadable",
        "event": None,
        "google_event_id": row.remote_id,
        "remote_id": row.remote_id,
        "summary": _("Busy") if is_hidden else title(row.raw),
        "reason": row.parked,
        "actions": ["retry", "dismiss"],
    }


def _event(row: Event, mirror: Mirror, viewer: Viewer, level: str) -> dict[str, Any]:
    is_hidden = access.is_masked(row, mirror.calendar, viewer, level)
    return _frame(f"{EVENT}{row.uuid}", mirror) | {
        "kind": row.sync_state,
        "event": str(row.uuid),
        "google_event_id": row.remote_id or None,
        "remote_id": row.remote_id or None,
        "summary": _("Busy") if is_hidden else row.summary,
        "reason": _(row.sync_message) if row.sync_message else "",
        "actions": [] if is_hidden else ["retry"],
    }


def _frame(key: str, mirror: Mirror) -> dict[str, Any]:
    return {"id": key, "mirror": str(mirror.uuid), "calendar": str(mirror.calendar.uuid)}
