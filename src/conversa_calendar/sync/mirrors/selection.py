"""Choosing what to mirror: rehearse, select, deselect, change mode, pause, resume (promises 10–12)."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import access, editing, history, services
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.models import Event
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.connections import gateway
from conversa_calendar.connections.models import ACTIVE, Connection, DiscoveredCalendar
from conversa_calendar.connections.tokens import Wallet
from conversa_calendar.domain.vocabulary import DeletedBy, Disposition, MirrorState, SyncState
from conversa_calendar.kit import clock
from conversa_calendar.providers.protocol import RemoteEvent
from conversa_calendar.sync.links import moving
from conversa_calendar.sync.mirrors import busy, unsent
from conversa_calendar.sync.models import BUSY_ONLY, READ_ONLY, TWO_WAY, Link, Mirror, MirrorRun
from conversa_calendar.sync.run import jobs, leases, triggers
from conversa_calendar.sync.run.budget import Rank
from conversa_calendar.sync.run.session import ACCESS_ORDER, SEES_EVERYTHING, WRITER_ACCESS

REHEARSAL_PAGES_MAX = 4


@dataclass
class Rehearsal:
    """What mirroring a calendar would do, before it is done. `is_partial`: more would come than was counted."""

    google_id: str
    incoming: int = 0
    matching: int = 0
    read_only: bool = False
    is_partial: bool = False
    mails: int = 0


def modes_for(access: str) -> list[str]:
    """The modes that an access allows, best first."""
    if access in WRITER_ACCESS:
        return [TWO_WAY, READ_ONLY, BUSY_ONLY]
    return [BUSY_ONLY] if access == "freeBusyReader" else [READ_ONLY, BUSY_ONLY]


def candidates(connection: Connection) -> list[dict[str, Any]]:
    """A connection's calendars with their mirrors, as the API shows them."""
    rows = DiscoveredCalendar.objects.filter(connection=connection).order_by("-is_primary", "is_hidden", "name")
    mirrors = {m.remote_id: m for m in Mirror.objects.select_related("connection__owner", "calendar")}
    found = []
    for row in rows:
        mirror = mirrors.get(row.remote_id)
        is_here = mirror is not None and mirror.is_selected
        is_own = is_here and mirror is not None and mirror.connection_id == connection.pk
        through = mirror.connection.email if is_here and not is_own and mirror and mirror.connection else None
        if mirror is not None and mirror.connection is not None and mirror.connection.is_resting:
            through = None  # its owner has left: this connection may take it over
        found.append(
            {
                "google_id": row.remote_id,
                "remote_id": row.remote_id,
                "name": row.name,
                "color": row.color,
                "access": row.access,
                "primary": row.is_primary,
                "hidden": row.is_hidden,
                "missing": row.missing_since is not None,
                "modes": modes_for(row.access),
                "mirrored": bool(is_own),
                "mirror": str(mirror.uuid) if mirror is not None and is_own else None,
                "mirrored_through": through,
            }
        )
    return found


def rehearse(account_id: int, connection: Connection, choices: list[dict[str, str]]) -> list[Rehearsal]:
    """Counts what would come in, what is here already, what would be read only; writes and mails nothing."""
    wallet = Wallet(account_id, connection.pk)
    provider = gateway.calendar(wallet.current, wallet.renew, leases.meter(connection.sub, Rank.NEWS))
    found = []
    for choice in choices:
        with tenant(account_id):
            row = _discovered(connection, choice.get("google_id", ""))
            mode = _checked_mode(row, choice.get("mode") or "")
            mirror = Mirror.objects.filter(remote_id=row.remote_id).first()
        rehearsal = Rehearsal(row.remote_id, read_only=mode != TWO_WAY)
        page = ""
        for _number in range(REHEARSAL_PAGES_MAX if mode != BUSY_ONLY and row.access != "freeBusyReader" else 0):
            listed = provider.list_events(row.remote_id, page=page)
            items = [item for item in listed.items if isinstance(item, RemoteEvent) and not item.is_cancelled]
            rehearsal.incoming += len(items)
            with tenant(account_id):
                rehearsal.matching += _matching(mirror, items)
            page = listed.next_page
            rehearsal.is_partial = bool(page)
            if not page:
                break
        found.append(rehearsal)
    return found


def is_known(connection: Connection, google_id: str, mode: str) -> bool:
    """Whether what was listed last has this calendar and allows this mode; else it is worth asking again."""
    row = DiscoveredCalendar.objects.filter(connection=connection, remote_id=google_id).first()
    return connection.state != ACTIVE or (row is not None and (not mode or mode in modes_for(row.access)))


def select(connection: Connection, google_id: str, mode: str = "", viewer: Viewer | None = None) -> Mirror:
    """Starts mirroring a calendar, or resumes it as it was, within the caller's scope. The viewer is who asks for it, where
    that is a person. Raises Invalid."""
    if connection.state != ACTIVE:
        raise Invalid("connection", _("This Google account must be reconnected first."))
    if connection.is_resting:
        raise Invalid("connection", owner_left(connection))
    row = _discovered(connection, google_id)
    known = (
        Mirror.objects.select_for_update(of=("self",))
        .select_related("connection", "calendar")
        .filter(remote_id=google_id)
        .first()
    )
    mode = _checked_mode(row, mode or (_former_mode(known, connection) if known else ""))
    if known is None:
        return _create_mirror(connection, row, mode)
    carrier = known.connection
    if known.is_selected and carrier is not None and carrier.pk != connection.pk and not _is_upgrade(known, row):
        raise Invalid("google_id", _("Already mirrored through %(email)s.") % {"email": carrier.email})
    _check_spared(known, mode, viewer)
    _resume(known, connection, row, mode)
    return known


def owner_left(connection: Connection) -> str:
    """Why a connection rests, and what an administrator can do about it."""
    return _(
        "Paused: %(name)s was suspended. Let them back in, connect the calendar through somebody else, or disconnect it."
    ) % {"name": connection.owner}


def deselect(mirror: Mirror, disposition: str, viewer: Viewer | None, choice: str = "") -> dict[str, int]:
    """Stops mirroring: `keep` leaves native copies that do not count as busy, `remove` puts what came from Google in the
    trash, but for what is private to somebody other than the viewer; nothing is deleted at Google. Answers how many events
    were kept and removed, and of how many a change was not sent yet; such changes are left behind only where the `choice`
    says so. Within the caller's scope. Raises Invalid, Unsent."""
    check_disposition(disposition)
    mirror.is_selected = False
    mirror.state = MirrorState.PAUSED
    mirror.save(update_fields=["is_selected", "state"])
    triggers.set_active([mirror.pk], is_active=False)
    unsent.check([mirror], viewer, choice)
    counts = detach_calendar(mirror, disposition, viewer)
    jobs.enqueue_close_channels(mirror.pk)
    history.refresh_pages("connections")
    return counts


def check_disposition(disposition: str) -> None:
    """Raises Invalid."""
    if disposition not in {Disposition.KEEP, Disposition.REMOVE}:
        raise Invalid("disposition", _("Say whether to keep or remove the events here."))


def detach_calendar(mirror: Mirror, disposition: str, viewer: Viewer | None) -> dict[str, int]:
    """Turns a mirrored calendar into a native one; answers how many events were kept and removed. What is private to
    somebody other than the viewer is kept."""
    calendar = mirror.calendar
    rows = Event.objects.filter(calendar=calendar, deleted_at=None)
    deleted = Event.objects.filter(calendar=calendar, deleted_at__isnull=False)
    thrown_away = list(deleted.filter(is_unsettled=True).values_list("pk", flat=True))  # by a person: they stay so
    counts = {"kept": rows.count(), "removed": 0, "unsent": unsent.record(mirror)}
    access.keep_private(calendar)
    if disposition == Disposition.REMOVE:
        counts["removed"] = _trash_received(mirror, access.concealed([calendar], viewer))
        counts["kept"] = rows.count()
    everything = Event.objects.filter(calendar=calendar).exclude(pk__in=thrown_away)
    everything.update(sync_state=SyncState.NATIVE, is_unsettled=False, sync_message="")
    calendar.is_mirrored, calendar.is_read_only, calendar.place = False, False, ""
    calendar.counts_busy = False
    if disposition == Disposition.REMOVE and counts["kept"] == 0:
        calendar.deleted_at = clock.now()
    calendar.save(update_fields=["is_mirrored", "is_read_only", "place", "counts_busy", "deleted_at"])
    return counts


def set_mode(mirror: Mirror, mode: str, viewer: Viewer | None) -> None:
    """Changes a mirror's mode within what its access allows, unless private events of somebody other than the viewer would
    go from here. Raises Invalid."""
    row = DiscoveredCalendar.objects.filter(connection=mirror.connection, remote_id=mirror.remote_id).first()
    access = row.access if row is not None else mirror.access
    if mode not in modes_for(access):
        raise Invalid("mode", _("Google's access to this calendar does not allow that mode."))
    _check_spared(mirror, mode, viewer)
    mirror.access = access
    _change_mode(mirror, mode)
    mirror.save(update_fields=["access"])
    update_calendar(mirror)
    triggers.request_runs([mirror.pk], is_pull=True)


def _change_mode(mirror: Mirror, mode: str, *, was_off: bool = False) -> None:
    """Takes on a mode. A calendar that shows busy blocks only shows no events of Google's beside them: these go to the
    trash and come back with the next mode. What was made here stays."""
    had_blocks, was_readable = mirror.mode == BUSY_ONLY, mirror.mode == READ_ONLY
    mirror.mode = mode
    mirror.save(update_fields=["mode"])
    if had_blocks != (mode == BUSY_ONLY):
        leases.revoke(mirror.pk)  # a run that began in the other mode stores nothing more
    if mode == BUSY_ONLY:
        if not had_blocks:
            _trash_received(mirror)
        return
    if had_blocks:
        busy.remove(mirror.calendar)
        mirror.cursor, mirror.listing, mirror.page = "", "", ""
        mirror.save(update_fields=["cursor", "listing", "page"])
    if had_blocks or was_off:
        _revive_dormant(mirror)
    elif was_readable and mode == TWO_WAY:
        rows = Event.objects.filter(calendar=mirror.calendar, deleted_at=None, sync_state=SyncState.REFUSED)
        rows.update(is_unsettled=True, sync_state=SyncState.PENDING)  # edits that could not be sent until now


def _check_spared(mirror: Mirror, mode: str, viewer: Viewer | None) -> None:
    """A calendar does not come down to busy blocks with private events of somebody else in it. Raises Invalid."""
    if mode != BUSY_ONLY or mirror.mode == BUSY_ONLY:
        return
    if _received_events(mirror).filter(pk__in=access.concealed([mirror.calendar], viewer)).exists():
        says = _("It holds private events of somebody else; only they can let it show just busy blocks.")
        raise Invalid("mode", says)


def _received_events(mirror: Mirror) -> QuerySet[Event]:
    theirs = Link.objects.filter(mirror=mirror, is_ours=False).exclude(event=None).values("event_id")
    return Event.objects.filter(calendar=mirror.calendar, deleted_at=None, series=None, pk__in=theirs)


def _trash_received(mirror: Mirror, spared: Collection[int] = ()) -> int:
    """What came from Google goes to the trash here, but for the events `spared`; its links stay. Answers how many
    events."""
    gone = list(_received_events(mirror).exclude(pk__in=spared).select_related("calendar").order_by("pk"))
    for event in gone:
        editing.remove(event, by=DeletedBy.DISCONNECTED)
    aside = Event.objects.filter(calendar=mirror.calendar, deleted_by=DeletedBy.DISCONNECTED)
    aside.update(is_unsettled=False, sync_state=SyncState.NATIVE, sync_message="")
    return len(gone)


def pause(mirror: Mirror, *, is_paused: bool) -> None:
    """Rests a mirror or lets it go on; what is pending stays pending. Raises Invalid when there is nothing to go on with."""
    if not is_paused and (not mirror.is_selected or mirror.connection is None or mirror.connection.state != ACTIVE):
        raise Invalid("mirror", _("This calendar is not mirrored just now."))
    if not is_paused and mirror.connection is not None and mirror.connection.is_resting:
        raise Invalid("mirror", owner_left(mirror.connection))
    mirror.is_paused = is_paused
    mirror.state = (
        MirrorState.PAUSED if is_paused else MirrorState.POLLING if mirror.first_synced_at else MirrorState.FIRST_SYNC
    )
    mirror.save(update_fields=["is_paused", "state"])
    triggers.set_active([mirror.pk], is_active=not is_paused)
    if not is_paused:
        triggers.request_runs([mirror.pk], is_pull=True)
    history.refresh_pages("connections")


def confirm_access(mirror: Mirror, access: str) -> None:
    """A person accepts that Google now shows less of a calendar; the mirror goes on with what is left."""
    mirror.access = access
    if mirror.mode not in modes_for(access):
        _change_mode(mirror, modes_for(access)[0])
    mirror.state, mirror.error_code, mirror.error_message, mirror.error_action = MirrorState.POLLING, "", "", ""
    mirror.save(update_fields=["access", "state", "error_code", "error_message", "error_action"])
    update_calendar(mirror)
    triggers.request_runs([mirror.pk], is_pull=True)


def update_calendar(mirror: Mirror) -> None:
    """Writes onto the calendar what its mirror means for people: where it lives and whether it can be changed."""
    calendar = mirror.calendar
    owner = mirror.connection.owner if mirror.connection else calendar.owner
    if owner != calendar.owner or not calendar.is_mirrored:
        access.keep_private(calendar)
    is_writable = mirror.mode == TWO_WAY and mirror.access in WRITER_ACCESS
    calendar.is_mirrored = True
    calendar.is_read_only = not is_writable
    calendar.read_only_reason = "" if is_writable else _("This calendar is mirrored read only.")
    calendar.place = f"Google · {mirror.connection.email}" if mirror.connection else "Google"
    calendar.owner = owner
    calendar.deleted_at = None
    fields = ["is_mirrored", "is_read_only", "read_only_reason", "place", "owner", "deleted_at"]
    calendar.save(update_fields=fields)


def _create_mirror(connection: Connection, row: DiscoveredCalendar, mode: str) -> Mirror:
    calendar = services.create_calendar(
        name=row.name[:200] or row.remote_id[:200],
        owner=connection.owner,
        time_zone=row.time_zone,
        color=row.color if len(row.color) == 7 else "",
        remote_name=row.name[:200],
        is_mirrored=True,
        hidden_types=["workingLocation", "focusTime", "birthday"],
    )
    mirror = Mirror(
        remote_id=row.remote_id,
        calendar=calendar,
        connection=connection,
        mode=mode,
        access=row.access,
        time_zone=row.time_zone,
        started_at=clock.now(),
    )
    mirror.save(force_insert=True)
    update_calendar(mirror)
    MirrorRun.objects.create(mirror_id=mirror.pk, mirror_uuid=mirror.uuid, account_id=mirror.account_id)
    leases.assign_grant(mirror.pk, connection.sub)
    request_first_sync(mirror)
    return mirror


def request_first_sync(mirror: Mirror) -> None:
    """The first run of a new mirror."""
    triggers.request_runs([mirror.pk], is_pull=True)
    history.refresh_pages("connections")


_RESUMED = [
    *(
        "connection",
        "access",
        "mode",
        "state",
        "is_selected",
        "is_paused",
        "error_code",
        "error_message",
        "error_action",
    ),
    *("cursor", "listing", "page", "progress_events", "progress_pages"),
]


def _resume(mirror: Mirror, connection: Connection, row: DiscoveredCalendar, mode: str) -> None:
    """The calendar comes back, perhaps through another connection: events are met again by their stored ids."""
    is_other = mirror.connection_id != connection.pk
    if is_other:
        _hand_over_private(mirror, connection, row)
        leases.revoke(mirror.pk)  # a run that began with the former one's access stores nothing more
        leases.assign_grant(mirror.pk, connection.sub)
        # what is personal (reminders, the own answer, the colour) is the new one's, whatever the etags say
        Link.objects.filter(mirror=mirror, tombstoned_at=None).update(digest="")
    mirror.connection, mirror.access = connection, row.access
    if is_other:
        moving.give_up_moves(mirror)
    was_off = not mirror.is_selected
    mirror.is_selected, mirror.is_paused = True, False
    mirror.error_code, mirror.error_message, mirror.error_action = "", "", ""
    if was_off or mirror.cursor_owner != connection.uuid:
        mirror.cursor, mirror.listing, mirror.page = "", "", ""
        mirror.state = MirrorState.FIRST_SYNC
    mirror.progress_events = mirror.progress_pages = 0
    update_calendar(mirror)
    _change_mode(mirror, mode, was_off=was_off)
    mirror.save(update_fields=_RESUMED)
    update_calendar(mirror)
    if was_off:
        mirror.calendar.counts_busy = True
        mirror.calendar.save(update_fields=["counts_busy"])
    triggers.set_active([mirror.pk], is_active=True)
    triggers.request_runs([mirror.pk], is_pull=True)
    history.refresh_pages("connections")


def _hand_over_private(mirror: Mirror, connection: Connection, row: DiscoveredCalendar) -> None:
    """Whoever takes a calendar over and sees its private events at Google reads them here as well; with less access, what
    is known of them here stays with whom it was."""
    former = mirror.calendar.owner
    access.keep_private(mirror.calendar)
    if row.access in SEES_EVERYTHING and former != connection.owner:
        linked = Link.objects.filter(mirror=mirror, tombstoned_at=None).exclude(event=None).values("event_id")
        Event.objects.filter(pk__in=linked, private_for=former).update(private_for=connection.owner)


def _revive_dormant(mirror: Mirror) -> None:
    """Copies kept while the calendar was not mirrored meet their links again: what was removed here comes back from the
    trash, also what a person threw away as a mere copy, and what was edited here is sent."""
    linked = Link.objects.filter(mirror=mirror, tombstoned_at=None).exclude(event=None).select_related("event")
    for link in linked.filter(event__deleted_at__isnull=False, event__is_unsettled=False, event__series=None).order_by(
        "pk"
    ):
        assert link.event is not None
        editing.restore(link.event, actor=None)
    cut = Event.objects.filter(calendar=mirror.calendar, deleted_by=DeletedBy.CUT, pk__in=linked.values("event"))
    cut.update(is_unsettled=True)
    Event.objects.filter(calendar=mirror.calendar, deleted_at=None).update(
        is_unsettled=True, sync_state=SyncState.PENDING
    )


def _discovered(connection: Connection, google_id: str) -> DiscoveredCalendar:
    row = DiscoveredCalendar.objects.filter(connection=connection, remote_id=google_id).first()
    if row is None:
        raise Invalid("google_id", _("This Google account has no such calendar."))
    return row


def _checked_mode(row: DiscoveredCalendar, mode: str) -> str:
    allowed = modes_for(row.access)
    if mode and mode not in allowed:
        raise Invalid("mode", _("Google's access to this calendar does not allow that mode."))
    return mode or allowed[0]


def _former_mode(mirror: Mirror, connection: Connection) -> str:
    """The mode as it was. Another connection that takes a carried calendar over gets its own usual one ("") where the
    former was all that the carrier's access allowed."""
    is_taken_over = mirror.is_selected and mirror.connection_id not in {None, connection.pk}
    was_most = mirror.mode == modes_for(mirror.access)[0]
    return "" if is_taken_over and was_most else mirror.mode


def _is_upgrade(mirror: Mirror, row: DiscoveredCalendar) -> bool:
    """Whether another connection may take a carried calendar over: it sees at least as much, or the carrier is gone."""
    if mirror.connection is None or mirror.connection.state != ACTIVE or mirror.connection.is_resting:
        return True
    known = row.access in ACCESS_ORDER and mirror.access in ACCESS_ORDER
    return known and ACCESS_ORDER.index(row.access) > ACCESS_ORDER.index(mirror.access)


def _matching(mirror: Mirror | None, items: list[RemoteEvent]) -> int:
    """How many of these are here already: by link, or by iCalUID in another calendar of the account."""
    if mirror is not None:
        return Link.objects.filter(mirror=mirror, remote_id__in=[item.id for item in items]).exclude(event=None).count()
    uids = {item.facts.ical_uid for item in items}
    return Event.objects.filter(ical_uid__in=uids - {""}, deleted_at=None).values("ical_uid").distinct().count()
