"""Every act, and what it needs: one table, asked by each act before it is done and by whoever offers it."""

from collections.abc import Callable
from enum import StrEnum

import msgspec
from django.utils.translation import gettext as _

from conversa_calendar.accounts.acting import Refusal
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.calendars import access
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.models import ORDINARY_TYPES, Calendar, Event


class Act(StrEnum):
    """What can be done with an event or a calendar."""

    SEE = "see"
    """Read what an event holds, and its history."""
    CREATE = "create"
    """Put an event into a calendar: a new one, or one that moves in."""
    CHANGE = "change"
    ADJUST = "adjust"
    """Change only what belongs to one copy of an event: reminders, colour, whether it takes time, the own answer."""
    MOVE = "move"
    """Take an event out of its calendar into another one, which has to allow CREATE."""
    REMOVE = "remove"
    RESTORE = "restore"
    RESPOND = "respond"
    USE_INSTEAD = "use_instead"
    """Put back values that lost a conflict."""
    REFER = "refer"
    """Say which conversations, contacts or tickets an event is about."""
    ANSWER = "answer"
    """A guest's answer by the link in an invitation, which is the right to it."""
    ADD_CALENDAR = "add_calendar"
    CHANGE_CALENDAR = "change_calendar"
    ASSIGN_CALENDAR = "assign_calendar"
    DELETE_CALENDAR = "delete_calendar"
    PUBLISH_CALENDAR = "publish_calendar"
    """Put a native calendar into a new Google calendar."""


class Standing(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What decides: how the viewer stands to a calendar, what it takes, and what the event in question is."""

    level: str
    is_keeper: bool = False
    """Whether the viewer owns the calendar or manages calendars."""
    is_limited: bool = False
    """Whether the viewer's token is for some calendars only."""
    is_mirrored: bool = False
    is_read_only: bool = False
    read_only_reason: str = ""
    is_masked: bool = False
    event_type: str = ""
    is_locked: bool = False
    is_own_copy: bool = True
    may_guests_modify: bool = False
    organizer: str = ""
    is_invited: bool = False


def authorise(act: Act, viewer: Viewer, event: Event | None, calendar: Calendar | None, level: str) -> Refusal | None:
    """Whether a viewer who sees a calendar at this level may do something with it or with one of its events; None when
    they may."""
    return refusal(act, standing(viewer, event, calendar, level))


def refusal(act: Act, stands: Standing) -> Refusal | None:
    """The same for whoever knows what decides without having the event at hand."""
    for check in NEEDS[act]:
        if (found := check(stands)) is not None:
            return found
    return None


def standing(viewer: Viewer, event: Event | None, calendar: Calendar | None, level: str) -> Standing:
    """What decides about acts on an event, or on a calendar itself."""
    if calendar is None:
        return Standing(level=level, is_limited=viewer.only_calendars is not None)
    member = viewer.member
    known = {
        "level": level,
        "is_keeper": calendar.owner_id == member.pk or member.may(Permission.CALENDARS),
        "is_limited": viewer.only_calendars is not None,
        "is_mirrored": calendar.is_mirrored,
        "is_read_only": calendar.is_read_only,
        "read_only_reason": calendar.read_only_reason,
    }
    if event is None:
        return Standing(**known)  # type: ignore[arg-type]
    content, facts = event.content, event.facts
    return Standing(
        **known,  # type: ignore[arg-type]
        is_masked=access.is_masked(event, calendar, viewer, level),
        event_type=event.event_type,
        is_locked=facts.is_locked,
        is_own_copy=facts.is_own_copy,
        may_guests_modify=content.guests_can.modify,
        organizer=facts.organizer.email if facts.organizer else "",
        is_invited=any(guest.self for guest in content.attendees),
    )


def _unmasked(it: Standing) -> Refusal | None:
    return Refusal("read_only", _("You see only that this time is taken.")) if it.is_masked else None


def _edits(it: Standing) -> Refusal | None:
    if it.level == "edit":
        return None
    return Refusal("read_only", _("You may see this calendar but not change it."))


def _writable(it: Standing) -> Refusal | None:
    if not it.is_read_only:
        return None
    return Refusal("read_only", it.read_only_reason or _("This calendar is mirrored read only."))


def _ordinary(it: Standing) -> Refusal | None:
    if not it.is_mirrored or it.event_type in ORDINARY_TYPES:
        return None
    return Refusal("read_only", _("Google keeps events of this kind; change it there."))


def _unlocked(it: Standing) -> Refusal | None:
    return Refusal("read_only", _("Google has locked this copy of the event.")) if it.is_locked else None


def _open_to_change(it: Standing) -> Refusal | None:
    if it.is_own_copy or it.may_guests_modify:
        return None
    says = _("Only the organiser, %(organizer)s, can change this event.") % {"organizer": it.organizer}
    return Refusal("read_only", says)


def _organised_here(it: Standing) -> Refusal | None:
    if it.is_own_copy or not it.is_mirrored:
        return None
    return Refusal("invalid", _("Somebody else organises this event; only they can move it."))


def _invited(it: Standing) -> Refusal | None:
    return None if it.is_invited else Refusal("read_only", _("There is no invitation to answer here."))


def _keeper(it: Standing) -> Refusal | None:
    if it.is_keeper:
        return None
    return Refusal("forbidden", _("Only the calendar's owner or who manages calendars can do that."))


def _unlimited(it: Standing) -> Refusal | None:
    if not it.is_limited:
        return None
    return Refusal("token_limited", _("This token is for some calendars only and cannot make another one."))


Check = Callable[[Standing], Refusal | None]
_IN_HAND: tuple[Check, ...] = (_unmasked, _edits, _writable)
"""What everything needs that may leave for a provider."""

NEEDS: dict[Act, tuple[Check, ...]] = {
    Act.SEE: (_unmasked,),
    Act.CREATE: (_edits, _writable),
    Act.CHANGE: (*_IN_HAND, _ordinary, _unlocked, _open_to_change),
    Act.ADJUST: (*_IN_HAND, _ordinary),
    Act.MOVE: (*_IN_HAND, _ordinary, _unlocked, _organised_here),
    Act.REMOVE: (*_IN_HAND, _ordinary),
    Act.RESTORE: (*_IN_HAND, _ordinary),
    Act.RESPOND: (*_IN_HAND, _ordinary, _invited),
    Act.USE_INSTEAD: (*_IN_HAND, _ordinary),
    Act.REFER: (_unmasked, _edits),
    Act.ANSWER: (),
    Act.ADD_CALENDAR: (_unlimited,),
    Act.CHANGE_CALENDAR: (_keeper,),
    Act.ASSIGN_CALENDAR: (_keeper,),
    Act.DELETE_CALENDAR: (_keeper,),
    Act.PUBLISH_CALENDAR: (_keeper,),
}
"""What each act needs, in the order in which a refusal is said. References stay here, so a calendar that is mirrored
read only takes them too; USE_INSTEAD needs CHANGE or ADJUST beside, by what is put back."""
