"""Who sees which calendar, how much of it, and what is masked."""

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import F, Q, Value
from django.db.models.functions import Coalesce

from conversa_calendar.accounts.acting import Viewer as Viewer
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.calendars.models import LEVELS, TRASH_DAYS, Assignment, Calendar, Event, History
from conversa_calendar.kit import clock


def levels(viewer: Viewer, *, with_removed: bool = False) -> dict[int, str]:
    """The level at which a viewer sees each calendar of the account that they see at all, by calendar id; `with_removed`
    also those that left not long ago, whose events rest in the trash.

    The owner and whoever manages calendars may edit; otherwise the highest assignment wins.
    """
    member = viewer.member
    standing = Q(deleted_at=None)
    if with_removed:
        standing |= Q(deleted_at__gt=clock.now() - timedelta(days=TRASH_DAYS))
    calendars = Calendar.objects.filter(standing).only("id", "uuid", "owner_id")
    found: dict[int, str] = {}
    is_manager = member.may(Permission.CALENDARS)
    for calendar in calendars:
        if not _is_allowed(viewer, calendar):
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
    return hides(event.is_private, private_owner_id(event, calendar), viewer, level)


def is_entry_masked(entry: History, event: Event, calendar: Calendar, viewer: Viewer, level: str) -> bool:
    """Whether an entry of an event's history is not for this viewer: it tells of an event that is private to somebody else,
    or was then."""
    return is_masked(event, calendar, viewer, level) or hides(entry.was_private, entry.private_for_id, viewer, level)


def hides(is_private: bool, owner_id: int | None, viewer: Viewer, level: str) -> bool:
    """The rule itself, for readers that have no Event: whether one at this level reads “Busy” where `owner_id` may read
    what is private."""
    if level not in LEVELS or level == "busy":
        return True
    return is_private and (not viewer.sees_private or owner_id != viewer.member.pk)


def private_owner_id(event: Event, calendar: Calendar) -> int | None:
    """Who alone reads the event while it is private: the owner of its connection, or who made it where it lives only
    here, unless it came from where that was somebody else."""
    if event.private_for_id is not None:
        return event.private_for_id
    return calendar.owner_id if calendar.is_mirrored else event.author_id or calendar.owner_id


def readable(viewer: Viewer, path: str = "") -> Q:
    """The rule of `hides` for a query over events, in calendars whose details the viewer sees; `path` leads from another
    row to the event. What is looked for among these only cannot be guessed of what is private."""

    def which(**values: object) -> Q:
        return Q(**{f"{path}{name}": value for name, value in values.items()})

    if not viewer.sees_private:
        return which(is_private=False)
    member = viewer.member
    native = which(author=member) | which(author=None, calendar__owner=member)
    mine = which(calendar__is_mirrored=True, calendar__owner=member) | (which(calendar__is_mirrored=False) & native)
    return which(is_private=False) | which(private_for=member) | (which(private_for=None) & mine)


def keep_private(calendar: Calendar) -> None:
    """Before a calendar becomes somebody else's, or ceases to be mirrored: what is private in it stays so to the same
    person."""
    rows = Event.objects.filter(calendar=calendar, is_private=True, private_for=None)
    owner = Value(calendar.owner_id) if calendar.is_mirrored else Coalesce(F("author_id"), Value(calendar.owner_id))
    rows.update(private_for=owner)


def concealed(calendars: Iterable[Calendar], viewer: Viewer | None) -> set[int]:
    """The ids of the events in these calendars that a viewer must not make away with: those that are, or of which one day
    is, private to somebody else; for nobody, all that are private to anybody."""
    rows = Event.objects.filter(calendar__in=calendars, is_private=True, deleted_at=None).select_related("calendar")
    return {
        event.series_id or event.pk
        for event in rows.iterator()
        if viewer is None or hides(True, private_owner_id(event, event.calendar), viewer, "edit")
    }


def _is_allowed(viewer: Viewer, calendar: Calendar) -> bool:
    return viewer.only_calendars is None or str(calendar.uuid) in viewer.only_calendars
