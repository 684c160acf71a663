"""Acts on calendars themselves."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from conversa_calendar.calendars import access, selectors, services
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.acts.rules import Act, NotAllowed, Refusal, authorise
from conversa_calendar.calendars.models import Calendar


def add_calendar(viewer: Viewer, *, name: str, time_zone: str, color: str = "") -> Calendar:
    """A native calendar of the viewer's own. Raises NotAllowed, Invalid."""
    if (refused := authorise(Act.ADD_CALENDAR, viewer, None, None, "")) is not None:
        raise NotAllowed(refused)
    with transaction.atomic():
        return services.create_calendar(name=name, owner=viewer.member, time_zone=time_zone, color=color)


def change_calendar(viewer: Viewer, uuid: UUID | str, values: dict[str, Any]) -> Calendar:
    """Changes name, colour, zone, hidden types or whether it counts as busy. Raises NotFound, NotAllowed, Invalid."""
    with transaction.atomic():
        found = checked_calendar(Act.CHANGE_CALENDAR, viewer, uuid)
        return services.change_calendar(found, values=values)


def delete_calendar(viewer: Viewer, uuid: UUID | str) -> None:
    """Takes a native calendar away, unless somebody else's private events would go with it. Raises NotFound, NotAllowed,
    Invalid."""
    with transaction.atomic():
        found = checked_calendar(Act.DELETE_CALENDAR, viewer, uuid)
        if access.concealed([found], viewer):
            says = _("It holds private events of somebody else, who has to move or delete them first.")
            raise NotAllowed(Refusal("forbidden", says))
        services.delete_calendar(found)


def assign_calendar(viewer: Viewer, uuid: UUID | str, items: list[dict[str, str]]) -> Calendar:
    """Says anew who sees a calendar and how much. Raises NotFound, NotAllowed, Invalid."""
    with transaction.atomic():
        found = checked_calendar(Act.ASSIGN_CALENDAR, viewer, uuid)
        services.assign(found, items)
        return found


def checked_calendar(act: Act, viewer: Viewer, uuid: UUID | str) -> Calendar:
    """A calendar on which the viewer may do this, for acts that go on elsewhere. Raises NotFound, NotAllowed."""
    found, level = selectors.calendar(viewer, uuid)
    if (refused := authorise(act, viewer, None, found, level)) is not None:
        raise NotAllowed(refused)
    return found
