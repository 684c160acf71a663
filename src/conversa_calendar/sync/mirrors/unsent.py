"""Edits that Google does not have yet, when its calendar is about to be left: they are named, sent first where that can be,
and else left behind only where a person says so."""

from collections.abc import Sequence
from typing import Any

import msgspec
from django.db.models import Q
from django.utils.translation import gettext as _

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import access, history
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.models import NOBODYS_DELETIONS, NOT_TAKEN, Event
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.connections.models import ACTIVE
from conversa_calendar.domain.event import changed_units, readable
from conversa_calendar.kit import clock
from conversa_calendar.sync.links import linking
from conversa_calendar.sync.models import Link, Mirror
from conversa_calendar.sync.run import triggers

SEND, LEAVE = "send", "leave"
WAIT_S = 12.0
"""So long somebody who leaves a calendar waits for what is to be sent first."""
LOOKS_S = 0.3
NAMED_MAX = 50


class Waiting(msgspec.Struct, frozen=True):
    """An event with an edit that Google does not have, named as its reader may name it. What: edited, created or deleted;
    `is_refused` where Google did not take it, so that it cannot be sent either."""

    event: str
    summary: str
    calendar: str
    what: str
    is_refused: bool

    @property
    def shown(self) -> dict[str, Any]:
        return {"id": self.event, "summary": self.summary, "calendar": self.calendar, "what": self.what}


class Unsent(Exception):
    """Edits wait to be sent, and nobody said to leave them behind."""

    def __init__(self, waiting: Sequence[Waiting]) -> None:
        words = _("%(count)s changes have not reached Google yet. Send them first, or say that they are left behind.")
        super().__init__(words % {"count": len(waiting)})
        self.waiting = waiting


def check_choice(unsent: str) -> None:
    """Raises Invalid."""
    if unsent not in {"", SEND, LEAVE}:
        raise Invalid("unsent", _("Say whether to send unsent changes first or to leave them behind: send or leave."))


def send_first(account_id: int, mirror_ids: Sequence[int], unsent: str) -> None:
    """Unless they are to be left behind, lets what waits in these mirrors go out, for a bounded time. Outside of any
    transaction; whoever leaves the calendars then asks `check`. Raises Invalid."""
    check_choice(unsent)
    if unsent == LEAVE:
        return
    with tenant(account_id):
        sending = [mirror.pk for mirror in _mirrors(mirror_ids) if _can_send(mirror) and _pending([mirror]).exists()]
        triggers.request_runs(sending, is_pull=False)
    ends_at = clock.steady_s() + WAIT_S
    while sending and clock.steady_s() < ends_at:
        clock.sleep(LOOKS_S)
        with tenant(account_id):
            if not _pending(_mirrors(sending)).exists():
                return


def check(mirrors: Sequence[Mirror], viewer: Viewer | None, unsent: str) -> None:
    """Within the transaction that leaves these calendars, after their runs were stopped. Raises Unsent."""
    check_choice(unsent)
    if unsent == LEAVE:
        return
    found = [one for one in waiting(mirrors, viewer) if not one.is_refused]
    if found:
        raise Unsent(found)


def waiting(mirrors: Sequence[Mirror], viewer: Viewer | None) -> list[Waiting]:
    """The events of these mirrors with edits that Google does not have, those that it refused too."""
    levels = access.levels(viewer) if viewer is not None else {}
    found = []
    for mirror in mirrors:
        for event, link, _units in _events(mirror):
            level = levels.get(event.calendar_id, "busy")
            masked = viewer is None or access.is_masked(event, event.calendar, viewer, level)
            title = _("Busy") if masked else event.summary or _("(No title)")
            what = "deleted" if event.deleted_at else "edited" if link is not None and link.raw else "created"
            is_refused = not event.is_unsettled
            found.append(Waiting(str(event.uuid), title, event.calendar.name, what, is_refused))
    return found


def record(mirror: Mirror) -> int:
    """What was written here and Google does not have stands in the history, to be used again; answers how many events
    have such a change, deletions among them."""
    count = 0
    for event, _link, units in _events(mirror):
        lost = {name: readable(event.content, name) for name in units}
        history.record(event, side="sync", cause="not sent", lost=lost)
        count += 1
    return count


def _events(mirror: Mirror) -> list[tuple[Event, Link | None, Sequence[str]]]:
    """Each event with its link and the units that Google does not have."""
    rows = _pending([mirror]) | Event.objects.filter(
        calendar=mirror.calendar_id, deleted_at=None, sync_state__in=NOT_TAKEN
    )
    rows = rows.select_related("series", "calendar").order_by("pk")
    links = {link.event_id: link for link in Link.objects.filter(mirror=mirror, event__in=rows, tombstoned_at=None)}
    found: list[tuple[Event, Link | None, Sequence[str]]] = []
    for event in rows:
        link = links.get(event.pk)
        base = linking.base_of(link) if link is not None else None
        units = changed_units(base, event.content) if base is not None else event.overridden
        if base is None or units or event.deleted_at is not None:
            found.append((event, link, units))
    return found


def _pending(mirrors: Sequence[Mirror]) -> Any:
    rows = Event.objects.filter(Q(calendar__in=[mirror.calendar_id for mirror in mirrors]), is_unsettled=True)
    return rows.exclude(deleted_by__in=NOBODYS_DELETIONS)


def _mirrors(ids: Sequence[int]) -> list[Mirror]:
    rows = Mirror.objects.filter(pk__in=ids, calendar__is_mirrored=True)
    return list(rows.select_related("connection__owner", "calendar"))


def _can_send(mirror: Mirror) -> bool:
    """Whether a run would send anything just now."""
    connection = mirror.connection
    is_carried = connection is not None and connection.state == ACTIVE and not connection.is_resting
    return is_carried and mirror.is_selected and not mirror.is_paused and mirror.account.is_open
