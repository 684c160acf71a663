"""Looking for events by what they say, what they are about, whom they are with, and when they changed.

Only what reads as it is to the viewer is found: an event that reads “Busy” tells by no filter what it is about.
"""

import json
from datetime import UTC, datetime

import msgspec
from django.db.models import Q

from conversa_calendar.calendars import access
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.models import Calendar, Event
from conversa_calendar.kit import reading

CHUNK = 200
CHUNKS_MAX = 50
TEXT_MAX = 100
STAMP = "%Y%m%dT%H%M%S%f"
CONTACT = "contact"
"""The kind of a reference that names a contact of the host platform."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What an event has to be: hold a text, be about something (`kind:id`), be with a contact (the id of a reference, or
    a guest's address), have changed at or after a time. Empty asks for nothing."""

    text: str = ""
    reference: str = ""
    contact: str = ""
    changed_since: datetime | None = None

    @property
    def is_any(self) -> bool:
        """Whether it asks for nothing."""
        return self == Wanted()


def condition(wanted: Wanted) -> Q:
    """The same for a query over events."""
    found = Q()
    if plain := wanted.text.strip()[:TEXT_MAX]:
        found &= Q(summary__icontains=plain) | Q(content_json__icontains=plain)
    if wanted.reference:
        found &= about(wanted.reference)
    if wanted.contact:
        found &= with_contact(wanted.contact)
    if wanted.changed_since is not None:
        found &= Q(changed_at__gte=wanted.changed_since)
    return found


def about(reference: str, path: str = "") -> Q:
    """Events that are about `kind:id`; `path` leads from another row to the event."""
    kind, _, identity = reference.partition(":")
    return Q(**{f"{path}references__contains": [{"kind": kind, "id": identity}]})


def with_contact(contact: str, path: str = "") -> Q:
    """Events that are about a contact, or that have a guest with this address."""
    found = about(f"{CONTACT}:{contact}", path)
    if "@" in contact:
        found |= Q(**{f"{path}content_json__icontains": f'"email":{json.dumps(contact, ensure_ascii=False)}'})
    return found


def among(wanted: Wanted, ids: list[int]) -> set[int]:
    """Which of these events are what is wanted."""
    return set(Event.objects.filter(condition(wanted), pk__in=ids).values_list("pk", flat=True))


def page(
    viewer: Viewer, pairs: list[tuple[Calendar, str]], wanted: Wanted, cursor: str, limit: int
) -> tuple[list[Event], str | None]:
    """Events as they stand, series as one, and the cursor behind them. What changed since a time comes in the order of its
    changes, so that reading on meets what changes meanwhile; everything else latest first. Raises ValueError on a cursor
    that is not ours."""
    levels = {calendar.pk: level for calendar, level in pairs}
    places = [pk for pk, level in levels.items() if level != "busy"]
    rows = Event.objects.select_related("calendar__owner", "series", "author").filter(
        condition(wanted), access.readable(viewer), calendar_id__in=places, deleted_at=None
    )
    rows = rows.exclude(kind="override", content_json__contains='"status":"cancelled"')
    order = "changed_at" if wanted.changed_since is not None else "starts_at"
    sign = "" if wanted.changed_since is not None else "-"
    rows = rows.order_by(f"{sign}{order}", f"{sign}pk")
    found: list[Event] = []
    for _chunk in range(CHUNKS_MAX):
        chunk = list(rows.filter(_behind(cursor, order, "lt" if sign else "gt"))[:CHUNK])
        for event in chunk:
            if access.is_masked(event, event.calendar, viewer, levels[event.calendar_id]):
                continue
            if len(found) == limit:
                return found, cursor
            cursor = _cursor(event, order)
            found.append(event)
        if len(chunk) < CHUNK:
            return found, None
    return found, cursor


def _behind(cursor: str, order: str, side: str) -> Q:
    if not cursor:
        return Q()
    at, _, number = cursor.partition("_")
    last, pk = datetime.strptime(at, STAMP).replace(tzinfo=UTC), reading.whole(number)
    if pk is None:
        raise ValueError(cursor[:60])
    return Q(**{f"{order}__{side}": last}) | Q(**{order: last, f"pk__{side}": pk})


def _cursor(event: Event, order: str) -> str:
    at: datetime = getattr(event, order)
    return f"{at.astimezone(UTC).strftime(STAMP)}_{event.pk}"
