"""Acts on calendars themselves."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from conversa_calendar.accounts import preconditions
from conversa_calendar.accounts.acting import NotAllowed, Refusal, does
from conversa_calendar.calendars import access, selectors, services
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.acts.rules import Act, authorise
from conversa_calendar.calendars.models import Calendar


@does(Act.ADD_CALENDAR)
def add_calendar(viewer: Viewer, *, name: str, time_zone: str, color: str = "") -> Calendar:
    """A native calendar of the viewer's own. Raises NotAllowed, Invalid."""
    if (refused := authorise(Act.ADD_CALENDAR, viewer, None, None, "")) is not None:
        raise NotAllowed(refused)
    return services.create_calendar(name=name, owner=viewer.member, time_zone=time_zone, color=color)


@does(Act.CHANGE_CALENDAR)
def change_calendar(viewer: Viewer, uuid: UUID | str, values: dict[str, Any], *, if_match: str = "") -> Calendar:
    """Changes name, colour, zone, hidden types or whether it counts as busy. Raises NotFound, NotAllowed, Changed,
    Invalid."""
    found = _held(Act.CHANGE_CALENDAR, viewer, uuid)
    preconditions.hold(if_match, found.etag)
    return services.change_calendar(found, values=values)


@does(Act.DELETE_CALENDAR)
def delete_calendar(viewer: Viewer, uuid: UUID | str, *, if_match: str = "") -> None:
    """Takes a native calendar away, unless somebody else's private events would go with it. Raises NotFound, NotAllowed,
    Changed, Invalid."""
    found = _held(Act.DELETE_CALENDAR, viewer, uuid)
    preconditions.hold(if_match, found.etag)
    if access.concealed([found], viewer):
        says = _("It holds private events of somebody else, who has to move or delete them first.")
        raise NotAllowed(Refusal("forbidden", says))
    services.delete_calendar(found)


@does(Act.ASSIGN_CALENDAR)
def assign_calendar(viewer: Viewer, uuid: UUID | str, items: list[dict[str, str]], *, if_match: str = "") -> Calendar:
    """Says anew who sees a calendar and how much. Raises NotFound, NotAllowed, Changed, Invalid."""
    found = _held(Act.ASSIGN_CALENDAR, viewer, uuid)
    preconditions.hold(if_match, selectors.assignments_etag(found))
    services.assign(found, items)
    return found


def checked_calendar(act: Act, viewer: Viewer, uuid: UUID | str) -> Calendar:
    """A calendar on which the viewer may do this, for acts that go on elsewhere. Raises NotFound, NotAllowed."""
    found, level = selectors.calendar(viewer, uuid)
    if (refused := authorise(act, viewer, None, found, level)) is not None:
        raise NotAllowed(refused)
    return found


def _held(act: Act, viewer: Viewer, uuid: UUID | str) -> Calendar:
    """The same, locked: rights and preconditions are asked of what stands while nobody else can change it."""
    seen, _level = selectors.calendar(viewer, uuid)
    Calendar.objects.select_for_update(of=("self",), no_key=True).filter(pk=seen.pk).first()
    return checked_calendar(act, viewer, uuid)
