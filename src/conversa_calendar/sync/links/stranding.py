"""Events that cannot reach Google as they stand here, as their calendar is gone there, may not be written to any more, or
refuses them: it is said on each, and whoever relies on it hears of it."""

from collections.abc import Iterable

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from conversa_calendar.calendars.models import Event
from conversa_calendar.calendars.signals import event_stranded
from conversa_calendar.sync.links import linking
from conversa_calendar.sync.models import TWO_WAY, Mirror
from conversa_calendar.sync.run.session import WRITER_ACCESS

LOST = ("unavailable", "access_reduced")
"""States of a mirror whose calendar takes nothing."""


def unwritable(calendars: Iterable[int]) -> set[int]:
    """Those of these mirrored calendars into which nothing can be put at Google just now."""
    rows = Mirror.objects.filter(calendar__in=list(calendars), is_selected=True)
    closed = Q(state__in=LOST) | ~Q(mode=TWO_WAY) | ~Q(access__in=WRITER_ACCESS)
    return set(rows.filter(closed).values_list("calendar_id", flat=True))


def strand(mirror: Mirror) -> None:
    """Says on each event of a lost calendar that waits to be sent that it waits for the calendar."""
    message = _("Google does not take changes of this calendar at the moment. It is sent as soon as it does.")
    rows = Event.objects.filter(calendar=mirror.calendar_id, is_unsettled=True, deleted_at=None)
    waiting = list(rows.exclude(sync_message=message).select_related("calendar", "series").order_by("pk"))
    rows.filter(pk__in=[event.pk for event in waiting]).update(sync_message=message)
    _tell(waiting)


def refused(rows: QuerySet[Event]) -> None:
    """The same of events that Google refused."""
    _tell(rows.select_related("calendar", "series").order_by("pk"))


def _tell(events: Iterable[Event]) -> None:
    for event in events:
        if linking.is_announced(event):
            event_stranded.send(sender=Event, event=event)
