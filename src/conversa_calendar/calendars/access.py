"""Who sees which calendar, how much of it, and what is masked."""

import msgspec
from django.db.models import Q

from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.calendars.models import LEVELS, ORDINARY_TYPES, Assignment, Calendar, Event


class Viewer(msgspec.Struct, frozen=True):
    """Somebody who looks: a member, perhaps through a token that sees only some calendars or no private events."""

    member: Member
    sees_private: bool = True
    only_calendars: frozenset[str] = frozenset()


def levels(viewer: Viewer) -> dict[int, str]:
    """The level at which a viewer sees each calendar of the account that they see at all, by calendar id.

    The owner and whoever manages calendars may edit; otherwise the highest assignment wins.
    """
    member = viewer.member
    calendars = Calendar.objects.filter(deleted_at=None).only("id", "uuid", "owner_id")
    found: dict[int, str] = {}
    is_manager = member.may(Permission.CALENDARS)
    for calendar in calendars:
        if viewer.only_calendars and str(calendar.uuid) not in viewer.only_calendars:
            continue
        if is_manager or calendar.owner_id == member.pk:
            found[calendar.pk] = "edit"
    mine = Q(member=member) | Q(team__places__member=member) | Q(inbox__places__member=member)
    if member.is_present and not is_manager:
        allowed = {calendar.pk for calendar in calendars if _is_allowed(viewer, calendar)}
        for calendar_id, level in Assignment.objects.filter(mine).values_list("calendar_id", "level"):
            if calendar_id in allowed and LEVELS.index(level) > LEVELS.index(found.get(calendar_id, "busy")):
                found[calendar_id] = level
            elif calendar_id in allowed:
                found.setdefault(calendar_id, level)
    return found


def is_masked(event: Event, calendar: Calendar, viewer: Viewer, level: str) -> bool:
    """Whether the viewer reads this event as “Busy”: by level, or because it is private to somebody else."""
    if level == "busy":
        return True
    if not event.is_private:
        return False
    owner_id = calendar.owner_id if calendar.is_mirrored else (event.author_id or calendar.owner_id)
    return not viewer.sees_private or owner_id != viewer.member.pk


def read_only_reason(event: Event | None, calendar: Calendar, level: str) -> str:
    """Why the viewer cannot change the content; empty when they can."""
    from django.utils.translation import gettext as _

    if level != "edit":
        return _("You may see this calendar but not change it.")
    if calendar.is_read_only:
        return calendar.read_only_reason or _("This calendar is mirrored read only.")
    if event is None:
        return ""
    if calendar.is_mirrored and event.event_type not in ORDINARY_TYPES:
        return _("Google keeps events of this kind; change it there.")
    facts = event.facts
    if facts.is_locked:
        return _("Google has locked this copy of the event.")
    if not facts.is_own_copy and not event.content.guests_can.modify:
        organizer = facts.organizer.email if facts.organizer else ""
        return _("Only the organiser, %(organizer)s, can change this event.") % {"organizer": organizer}
    return ""


def _is_allowed(viewer: Viewer, calendar: Calendar) -> bool:
    return not viewer.only_calendars or str(calendar.uuid) in viewer.only_calendars
