"""Sync hears of local edits, moves, connections and the module switch, inside the transaction of each."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.dispatch import receiver

from conversa_calendar.accounts.models import Account, Member
from conversa_calendar.accounts.signals import member_left, member_returned, module_switched
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import history
from conversa_calendar.calendars.models import Calendar, Event
from conversa_calendar.calendars.signals import (
    busy_asked,
    calendar_changed,
    event_moving,
    event_restoring,
    need_arose,
    retry_asked,
    staleness_asked,
    unwritable_asked,
)
from conversa_calendar.connections.models import ACTIVE, Connection
from conversa_calendar.connections.signals import calendars_listed, connection_activated, connection_died
from conversa_calendar.connections.tokens import OWNER_LEFT
from conversa_calendar.domain.vocabulary import MirrorState, Remedy
from conversa_calendar.kit import clock
from conversa_calendar.sync.links import moving, removing, stranding
from conversa_calendar.sync.mirrors import asking, retrying, selection
from conversa_calendar.sync.mirrors.notices import STALE_AFTER
from conversa_calendar.sync.models import Mirror, MirrorRun
from conversa_calendar.sync.run import jobs, triggers

UNREADABLE = (MirrorState.RECONNECT_NEEDED, MirrorState.UNAVAILABLE, MirrorState.ACCESS_REDUCED, MirrorState.PAUSED)


@receiver(calendar_changed)
def push_soon(sender: type[Calendar], calendar: Calendar, event: Event, **kwargs: Any) -> None:
    if calendar.is_mirrored:
        triggers.request_runs(Mirror.objects.filter(calendar=calendar).values_list("pk", flat=True), is_pull=False)


@receiver(event_moving)
def follow_move(sender: type[Event], event: Event, source: Calendar, target: Calendar, **kwargs: Any) -> None:
    moving.apply_move(event, source, target)


@receiver(event_restoring)
def offer_living_twin(sender: type[Event], event: Event, actor: Member, **kwargs: Any) -> None:
    removing.check_restorable(event, actor)


@receiver(retry_asked)
def read_again(sender: type[Event], event: Event, **kwargs: Any) -> bool:
    return retrying.read_again(event)


@receiver(busy_asked)
def ask_provider(
    sender: object, account_id: int, calendars: list[int], since: datetime, until: datetime, **kwargs: Any
) -> dict[int, str]:
    """Asks each mirrored calendar's provider for its busy time; one that cannot answer in time leaves it unknown."""
    return asking.ask_busy(account_id, calendars, since, until, kwargs.get("ignored"), kwargs["counts"])


@receiver(unwritable_asked)
def name_unwritable(sender: object, calendars: list[int], **kwargs: Any) -> set[int]:
    """Mirrors whose calendar is gone, or may not be written to."""
    return stranding.unwritable(calendars)


@receiver(staleness_asked)
def name_stale(sender: object, calendars: list[int], **kwargs: Any) -> set[int]:
    """Mirrors whose connection is dead, whose calendar is gone, or that nobody has read for hours."""
    mirrors = Mirror.objects.filter(calendar__in=calendars, is_selected=True)
    unread = Q(last_sync_at__lt=clock.now() - STALE_AFTER) | Q(first_synced_at=None)
    unwell = Q(connection=None) | Q(state__in=UNREADABLE) | Q(is_paused=True)
    return set(mirrors.filter(unread | unwell).values_list("calendar_id", flat=True))


@receiver(need_arose)
def look_more_often(sender: object, calendars: list[int], **kwargs: Any) -> None:
    """Mirrors that are polled are read at once, which also sets how often from now on."""
    polled = Mirror.objects.filter(calendar__in=calendars, state=MirrorState.POLLING).values_list("pk", flat=True)
    MirrorRun.objects.filter(mirror_id__in=list(polled), is_active=True).update(next_check_at=clock.now())


@receiver(connection_activated)
def resume_mirrors(sender: type[Connection], connection: Connection, **kwargs: Any) -> None:
    mirrors = Mirror.objects.filter(connection=connection)
    well = {"failures": 0, "error_code": "", "error_message": "", "error_action": ""}
    resumed, dead = mirrors.filter(is_selected=True, is_paused=False), Q(state=MirrorState.RECONNECT_NEEDED)
    chosen = list(resumed.values_list("pk", flat=True))
    for mirror in mirrors.exclude(calendar__owner=connection.owner).filter(is_selected=True).select_related("calendar"):
        selection.update_calendar(mirror)  # somebody else authorised it for an owner who has left
    resumed.filter(error_code=OWNER_LEFT).update(state=MirrorState.POLLING, **well)
    resumed.filter(dead).update(state=MirrorState.POLLING, **well)
    mirrors.filter(dead).update(state=MirrorState.PAUSED, **well)
    triggers.set_active(chosen, is_active=True)
    triggers.request_runs(chosen, is_pull=True)


@receiver(calendars_listed)
def follow_names(sender: type[Connection], connection: Connection, **kwargs: Any) -> None:
    """A calendar renamed at Google takes its new name here, unless somebody gave it one of its own."""
    names = dict(connection.discovered.filter(missing_since=None).values_list("remote_id", "name"))
    for mirror in Mirror.objects.filter(connection=connection).select_related("calendar").order_by("pk"):
        calendar, name = mirror.calendar, names.get(mirror.remote_id, "")[:200]
        if not name or name == calendar.remote_name:
            continue
        calendar.name = name if calendar.name == calendar.remote_name else calendar.name
        calendar.remote_name = name
        calendar.save(update_fields=["name", "remote_name"])


@receiver(calendars_listed)
def follow_colours(
    sender: type[Connection], connection: Connection, recoloured: dict[str, tuple[str, str]], **kwargs: Any
) -> None:
    """A calendar recoloured at Google takes its new colour here, unless somebody gave it one of its own."""
    for mirror in Mirror.objects.filter(connection=connection, remote_id__in=recoloured).select_related("calendar"):
        before, now = recoloured[mirror.remote_id]
        calendar = mirror.calendar
        if calendar.color.lower() == before.lower() and len(now) == len("#123456"):
            calendar.color = now
            calendar.save(update_fields=["color"])


@receiver(calendars_listed)
def look_at_what_was_shared_otherwise(sender: type[Connection], connection: Connection, **kwargs: Any) -> None:
    """A calendar that the list shows no more, or with other access, is asked for itself at once."""
    rows = {row.remote_id: row for row in connection.discovered.all()}
    mirrors = Mirror.objects.filter(connection=connection, is_selected=True, is_paused=False)
    found = []
    for mirror in mirrors.exclude(state__in=stranding.LOST):
        row = rows.get(mirror.remote_id)
        if row is not None and (row.missing_since is not None or row.access != mirror.access):
            found.append(mirror.pk)
    triggers.request_runs(found, is_pull=True)


@receiver(calendars_listed)
def watch_list(sender: type[Connection], connection: Connection, **kwargs: Any) -> None:
    if settings.PUBLIC_URL:
        jobs.enqueue_watch_list(connection.account_id, connection.uuid)


@receiver(connection_died)
def rest_mirrors(sender: type[Connection], connection: Connection, **kwargs: Any) -> None:
    mirrors = Mirror.objects.filter(connection=connection)
    mirrors.update(state=MirrorState.RECONNECT_NEEDED, error_action=Remedy.RECONNECT)
    triggers.set_active(mirrors.values_list("pk", flat=True), is_active=False)


@receiver(member_left)
def rest_for_leaver(sender: type[Member], member: Member, **kwargs: Any) -> None:
    """What a suspended member connected stops at once; everything stays as it is, pending edits too."""
    mirrors = Mirror.objects.filter(connection__owner=member, is_selected=True)
    triggers.set_active(mirrors.values_list("pk", flat=True), is_active=False)
    carried = mirrors.filter(connection__state=ACTIVE)
    carried.update(state=MirrorState.PAUSED, error_code=OWNER_LEFT, error_message="", error_action="")
    history.refresh_pages("connections")


@receiver(member_returned)
def go_on_for_returned(sender: type[Member], member: Member, **kwargs: Any) -> None:
    """It goes on, unless something else is wrong with it."""
    rested = Mirror.objects.filter(connection__owner=member, error_code=OWNER_LEFT)
    awake = rested.filter(connection__state=ACTIVE, is_selected=True, is_paused=False)
    chosen = list(awake.values_list("pk", flat=True))
    awake.filter(first_synced_at=None).update(state=MirrorState.FIRST_SYNC)
    awake.exclude(first_synced_at=None).update(state=MirrorState.POLLING)
    rested.update(error_code="")
    history.refresh_pages("connections")
    if Account.objects.get(pk=member.account_id).is_open:
        triggers.set_active(chosen, is_active=True)
        triggers.request_runs(chosen, is_pull=True)


@receiver(module_switched)
def follow_switch(sender: type[Account], account: Account, **kwargs: Any) -> None:
    with tenant(account.pk):
        mirrors = Mirror.objects.filter(is_paused=False, is_selected=True).exclude(connection=None)
        chosen = list(mirrors.exclude(state=MirrorState.RECONNECT_NEEDED).values_list("pk", flat=True))
        triggers.set_active(chosen, is_active=account.is_open)
        if account.is_open:
            triggers.request_runs(chosen, is_pull=True)
        else:
            Mirror.objects.filter(pk__in=chosen).update(state=MirrorState.PAUSED)
