"""“Why?” about one event: plain answers with their evidence, as far as the viewer may know."""

import msgspec
from django.utils.translation import gettext as _

from conversa_calendar.calendars import access
from conversa_calendar.calendars.acts import Act, authorise
from conversa_calendar.calendars.models import Calendar, Event
from conversa_calendar.domain.event import Content
from conversa_calendar.domain.vocabulary import ConnectionState, SyncState
from conversa_calendar.kit import clock
from conversa_calendar.sync.explain import presenting
from conversa_calendar.sync.explain.doctor import at
from conversa_calendar.sync.models import Link, Mirror, MirrorRun

OWN_KINDS = ("workingLocation", "birthday")


class Answer(msgspec.Struct, frozen=True):
    question: str
    says: str


def answers(event: Event, calendar: Calendar, content: Content, viewer: access.Viewer, level: str) -> list[Answer]:
    """What may be asked about an event as `content` shows it (an occurrence, perhaps); nothing where the viewer reads
    “Busy”."""
    if access.is_masked(event, calendar, viewer, level):
        return []
    found = [Answer(_("Why is it here?"), _origin(event, calendar)), _busy(event, calendar, content)]
    if refused := authorise(Act.CHANGE, viewer, event, calendar, level):
        found.append(Answer(_("Why can I not change it?"), refused.reason))
    mirror = Mirror.objects.select_related("connection").filter(calendar=calendar, is_selected=True).first()
    if mirror is not None:
        found.append(_at_google(event, mirror))
    else:
        says = _("It lives only here: %(calendar)s is not mirrored.") % {"calendar": calendar.name}
        found.append(Answer(_("Why is it not at Google?"), says))
    if copies := _copies(event, viewer):
        says = _("The same meeting stands in %(count)s mirrored calendars; it is shown once.") % {"count": copies + 1}
        found.append(Answer(_("Why does its tile name several calendars?"), says))
    return found


def _origin(event: Event, calendar: Calendar) -> str:
    link = Link.objects.filter(event=event, tombstoned_at=None).first()
    values = {"at": at(event.created_at), "calendar": calendar.name, "place": calendar.place}
    if event.author is not None:
        return _("%(who)s made it here on %(at)s.") % (values | {"who": event.author})
    if link is not None and not link.is_ours:
        organizer = event.facts.organizer
        if organizer is not None and not organizer.self:
            return _(
                "%(organizer)s invited this Google account; it came in with %(calendar)s (%(place)s) on %(at)s."
            ) % (values | {"organizer": organizer.email})
        return _("It came from Google with %(calendar)s (%(place)s) on %(at)s.") % values
    return _("It was made here on %(at)s.") % values


def _busy(event: Event, calendar: Calendar, content: Content) -> Answer:
    if not calendar.counts_busy:
        says = _("The calendar does not count as busy, so none of its events does.")
    elif event.event_type in OWN_KINDS:
        says = _("Working locations and birthdays never count as busy.")
    elif content.status == "cancelled":
        says = _("It was cancelled.")
    elif content.transparency == "transparent":
        says = _("It is shown as free.")
    elif not content.is_busy:
        says = _("This calendar's owner has declined it.")
    else:
        return Answer(_("Why does it count as busy?"), _("It is shown as busy and was not declined."))
    return Answer(_("Why does it not count as busy?"), says)


def _at_google(event: Event, mirror: Mirror) -> Answer:
    if event.told[0] == SyncState.SYNCED:
        says = _("Both sides are the same.")
        if mirror.last_proven_at is not None:
            says += " " + _("The calendar was last proven equal on %(at)s.") % {"at": at(mirror.last_proven_at)}
        return Answer(_("Is it the same at Google?"), says)
    return Answer(_("Why is it not yet the same at Google?"), _waits(event, mirror))


def _waits(event: Event, mirror: Mirror) -> str:
    _state, message = event.told
    if message:
        return presenting.in_language(message)
    if event.sync_state == SyncState.HELD:
        return _("It was deleted on one side, and so many others with it that a person has to decide first.")
    if mirror.is_paused:
        return _("Its calendar is paused. The change is kept and goes out when somebody resumes it.")
    if mirror.connection is None or mirror.connection.state != ConnectionState.ACTIVE:
        return _("Its Google account has to be connected again. The change is kept and goes out afterwards.")
    if mirror.error_message:
        return presenting.in_language(mirror.error_message)
    run = MirrorRun.objects.filter(mirror_id=mirror.pk).first()
    if run is not None and run.next_attempt_at and run.next_attempt_at > clock.now():
        return _("Google had trouble; it is tried again at %(at)s.") % {"at": at(run.next_attempt_at)}
    return _("The change is on its way; this takes seconds.")


def _copies(event: Event, viewer: access.Viewer) -> int:
    """How many other calendars hold the same meeting in the viewer's sight; of one that reads “Busy” nobody knows."""
    if not event.ical_uid:
        return 0
    levels = access.levels(viewer)
    same = Event.objects.filter(ical_uid=event.ical_uid, original_key=event.original_key, deleted_at=None)
    same = same.filter(calendar_id__in=levels).exclude(calendar_id=event.calendar_id).select_related("calendar")
    shown = (e for e in same if not access.is_masked(e, e.calendar, viewer, levels[e.calendar_id]))
    return len({found.calendar_id for found in shown})
