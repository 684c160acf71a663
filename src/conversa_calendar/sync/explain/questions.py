"""The four troubleshooting questions of the user guide, each taken to its cause and to the button that repairs it."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection as database
from django.utils.translation import gettext as _

from conversa_calendar.accounts.tenancy import current_account
from conversa_calendar.calendars import access, preferences, selectors
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.models import Assignment, Event
from conversa_calendar.connections.models import Connection, Grant
from conversa_calendar.domain.event import changed_units
from conversa_calendar.domain.vocabulary import ChannelState, DeletedBy, EventKind
from conversa_calendar.kit import clock
from conversa_calendar.sync.explain import doctor
from conversa_calendar.sync.explain.doctor import Finding, at
from conversa_calendar.sync.models import Mirror, PushChannel

DOUBLES_MAX = 10
DOUBLES_BACK = timedelta(days=31)
TRASH_DAYS = 30


def authorisation() -> list[Finding]:
    """“Connecting failed, or the account asks to be connected again.”"""
    connections = list(Connection.objects.order_by("id"))
    found = [doctor.google_client()]
    if not connections:
        says = _("No Google account is connected yet. On Google's page every box about the calendar has to be ticked.")
        found.append(Finding(_("Google accounts"), False, says, action="connect"))
    return found + [doctor.connected(shown) for shown in connections]


def no_events(viewer: Viewer) -> list[Finding]:
    """“Connected, but no events appear.”"""
    found = []
    for connection in Connection.objects.order_by("id"):
        mirrors = list(
            Mirror.objects.filter(connection=connection, is_selected=True).select_related("calendar", "connection")
        )
        if not mirrors:
            says = _("Nothing is selected: no calendar is mirrored until somebody chooses it.")
            found.append(Finding(connection.email, False, says, action="choose", target=str(connection.uuid)))
        for mirror in mirrors:
            found += _appearing(mirror, viewer)
    if not found:
        found.append(Finding(_("Google accounts"), False, _("No Google account is connected yet."), action="connect"))
    return found


def _appearing(mirror: Mirror, viewer: Viewer) -> list[Finding]:
    """Why one calendar's events may not be seen, the outermost reason first."""
    state, calendar = doctor.mirrored(mirror), mirror.calendar
    if not state.is_good:
        return [state]
    found = []
    if calendar.pk in preferences.preference_of(viewer.member).hidden_calendars:
        says = _("You have hidden this calendar on your calendar page.")
        found.append(Finding(calendar.name, False, says, action="show", target=str(calendar.uuid)))
    if not Assignment.objects.filter(calendar=calendar).exists():
        says = _("It is assigned to nobody, so only its owner and the administrators see it.")
        found.append(Finding(calendar.name, False, says, is_hint=True, action="assign", target=str(calendar.uuid)))
    if mirror.first_synced_at and not Event.objects.filter(calendar=calendar, deleted_at=None).exists():
        found.append(Finding(calendar.name, True, _("Google has no event in this calendar."), is_hint=True))
    return found or [state]


def vanished_or_doubled(viewer: Viewer) -> list[Finding]:
    """“An event has vanished, or there are two of it.”"""
    mirrors = list(Mirror.objects.filter(is_selected=True).select_related("calendar", "connection").order_by("id"))
    found = [state for mirror in mirrors if (state := doctor.mirrored(mirror)).action == "held"]
    since = clock.now() - timedelta(days=TRASH_DAYS)
    seen = access.levels(viewer)
    gone = Event.objects.filter(
        calendar_id__in=seen, deleted_at__gt=since, deleted_by=DeletedBy.REMOTE, series=None
    ).count()
    if gone:
        says = _("%(count)s events were deleted at Google within 30 days and rest in the trash.") % {"count": gone}
        found.append(Finding(_("Trash"), True, says, is_hint=True, action="trash"))
    found += _doubles(viewer)
    for mirror in mirrors:
        if mirror.last_proven_at is None:
            says = _("was never compared with Google event by event")
        else:
            says = _("was proven equal on %(at)s") % {"at": at(mirror.last_proven_at)}
        found.append(
            Finding(mirror.calendar.name, mirror.last_proven_at is not None, says, True, "deep_check", str(mirror.uuid))
        )
    return found


_DOUBLES = """
    SELECT array_agg(id) FROM calendars_event
    WHERE account_id = %(account)s AND calendar_id = ANY(%(calendars)s) AND deleted_at IS NULL AND kind <> 'override'
      AND NOT is_private AND summary <> '' AND (starts_at > %(since)s OR kind = 'series')
    GROUP BY calendar_id, kind, summary, starts_at, ends_at HAVING count(*) > 1
    ORDER BY max(starts_at) DESC LIMIT %(most)s
"""


def _doubles(viewer: Viewer) -> list[Finding]:
    """Events that stand twice in one calendar which the viewer may change, and that one button can take away."""
    calendars = {shown.pk: shown for shown, level in selectors.visible(viewer) if level == "edit"}
    values: dict[str, Any] = {
        "account": current_account(),
        "calendars": [pk for pk, shown in calendars.items() if not shown.is_read_only],
        "since": clock.now() - DOUBLES_BACK,
        "most": DOUBLES_MAX,
    }
    with database.cursor() as cursor:
        cursor.execute(_DOUBLES, values)
        groups = [pks for (pks,) in cursor.fetchall()]
    rows = Event.objects.select_related("calendar").filter(pk__in=[pk for pks in groups for pk in pks])
    events = {event.pk: event for event in rows}
    copies = ([event for pk in sorted(pks, reverse=True) if is_copy(event := events[pk])] for pks in groups)
    return [_double(found[0]) for found in copies if found]


def is_copy(event: Event) -> bool:
    """Whether an event stands in its calendar once more, the same in everything that people see, and nobody is concerned
    by its going: no guest, no booking, no organiser elsewhere. Somebody made it twice; sync itself cannot."""
    if event.content.attendees or event.references or not event.facts.is_own_copy or event.kind == EventKind.OVERRIDE:
        return False
    twins = Event.objects.filter(
        calendar=event.calendar_id, kind=event.kind, summary=event.summary, starts_at=event.starts_at, deleted_at=None
    )
    return any(not changed_units(event.content, twin.content) for twin in twins.exclude(pk=event.pk))


def _double(event: Event) -> Finding:
    says = _("stands twice in %(calendar)s at %(at)s, the same in everything. Each is an event of its own at Google.")
    values = {"calendar": event.calendar.name, "at": at(event.starts_at)}
    return Finding(event.summary, False, says % values, action="remove_copy", target=str(event.uuid))


def updates_stopped() -> list[Finding]:
    """“Changes arrive late or not at all.”"""
    found = [doctor.workers()]
    subs = Connection.objects.values_list("sub", flat=True)
    for grant in Grant.objects.filter(sub__in=list(subs)):
        if grant.slowed_until and grant.slowed_until > clock.now():
            says = _("Google asks for fewer requests; it goes on by itself at %(at)s.")
            found.append(Finding("Google", False, says % {"at": at(grant.slowed_until)}, is_hint=True))
        if grant.slow_since:
            says = _("Google answers this account slowly since %(at)s; it is asked less often until it is quicker.")
            found.append(Finding("Google", False, says % {"at": at(grant.slow_since)}, is_hint=True))
        if grant.writes_paused_until and grant.writes_paused_until > clock.now():
            says = _("Google has paused writing for this account; edits go out at %(at)s. Reading goes on.")
            found.append(Finding("Google", False, says % {"at": at(grant.writes_paused_until)}, is_hint=True))
    for mirror in Mirror.objects.filter(is_selected=True).select_related("calendar", "connection").order_by("id"):
        state = doctor.mirrored(mirror)
        found.append(state if not state.is_good else notified(mirror))
    return found


def notified(mirror: Mirror) -> Finding:
    """Whether Google notifies us of a healthy mirror's changes."""
    name, target = mirror.calendar.name, str(mirror.uuid)
    channel = PushChannel.objects.filter(mirror_id=mirror.pk, state=ChannelState.LIVE).order_by("-expires_at").first()
    if channel is not None and channel.silent_since is not None:
        says = _(
            "Google's notifications stopped arriving on %(at)s; the calendar is checked every few minutes until they do."
        )
        return Finding(name, False, says % {"at": at(channel.silent_since)}, True, "check_now", target)
    if channel is not None:
        if channel.last_message_at is None:
            return Finding(
                name, True, _("Google will notify changes; no notification came yet."), True, "check_now", target
            )
        says = _("Google notifies changes; the last notification came on %(at)s.")
        return Finding(name, True, says % {"at": at(channel.last_message_at)})
    if mirror.push_refused:
        says = _("Google refuses to notify (%(reason)s); the calendar is checked every few minutes.")
        return Finding(name, False, says % {"reason": mirror.push_refused}, True, "watch", target)
    if not settings.PUBLIC_URL:
        says = _("This installation has no public address, so the calendar is checked every few minutes.")
        return Finding(name, False, says, True, "check_now", target)
    says = _("Notifications are not set up; the calendar is checked every few minutes.")
    return Finding(name, False, says, False, "watch", target)
