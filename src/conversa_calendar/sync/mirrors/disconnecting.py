"""Disconnect: say what will happen, then stop, keep or remove or purge, revoke, forget, in resumable steps with a
receipt (promise 8)."""

import logging
from datetime import datetime, timedelta
from typing import Any, assert_never

from django.db.models import Q
from django.utils.translation import gettext as _

from conversa_calendar.accounts.models import Account
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import access, history
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.models import BUSY_BLOCK, Calendar, Event, History
from conversa_calendar.calendars.signals import dependants_asked
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.connections import gateway, tokens
from conversa_calendar.connections.models import DISCONNECTING, Connection, Disconnect, Grant, GrantUse
from conversa_calendar.connections.tokens import Wallet
from conversa_calendar.domain.event import changed_units
from conversa_calendar.domain.vocabulary import DisconnectStep, Disposition, MirrorState, Revocation, Side
from conversa_calendar.kit import backoff, clock
from conversa_calendar.providers import protocol
from conversa_calendar.providers.protocol import Write
from conversa_calendar.sync.links import linking
from conversa_calendar.sync.mirrors import channels, selection, unsent
from conversa_calendar.sync.models import Link, Mirror, PushChannel
from conversa_calendar.sync.run import jobs, leases, triggers
from conversa_calendar.sync.run.budget import Rank

DISPOSITIONS = (Disposition.REMOVE, Disposition.KEEP, Disposition.PURGE)
REVOKE_FOR = timedelta(hours=24)
CLAIM = timedelta(minutes=2)
"""So long a step may take before another worker goes on with the disconnect."""
PURGE_CHUNK = 50
UNCHANGED, WITH_GUESTS, CHANGED = "unchanged", "with_guests", "changed"
"""What becomes of events made here: those nobody wrote into since go with a purge, the others only where they are ticked."""
FILLED_IN = {"conference"}
"""What Google adds by itself to what was made here."""
log = logging.getLogger(__name__)


def preview(connection: Connection, viewer: Viewer) -> dict[str, Any]:
    """What a disconnect would do, in numbers, per disposition."""
    mirrors = list(Mirror.objects.filter(connection=connection, is_selected=True).select_related("calendar"))
    calendars = [mirror.calendar for mirror in mirrors]
    rows = Event.objects.filter(calendar__in=calendars, deleted_at=None, series=None)
    ours = Link.objects.filter(mirror__in=mirrors, is_ours=True, tombstoned_at=None).exclude(event=None)
    own = rows.filter(pk__in=ours.values("event_id"))
    spared = access.concealed(calendars, viewer)
    links = ours.filter(original_key="").exclude(event__in=spared).select_related("event__calendar").order_by("pk")
    groups = _purge_groups(mirrors, list(links))
    levels, waiting = access.levels(viewer), unsent.waiting(mirrors, viewer)
    return {
        "email": connection.email,
        "calendars": [{"id": str(m.calendar.uuid), "name": m.calendar.name} for m in mirrors],
        "events": rows.count(),
        "from_google": rows.exclude(pk__in=ours.values("event_id")).count(),
        "created_here": own.count(),
        "private_to_others": rows.filter(pk__in=spared).exclude(event_type=BUSY_BLOCK).count(),
        "unsent": len(waiting),
        "unsent_changes": [one.shown for one in waiting[: unsent.NAMED_MAX]],
        "purge": {
            "unchanged": len(groups[UNCHANGED]),
            "with_guests": _named(groups[WITH_GUESTS], viewer, levels),
            "changed": _named(groups[CHANGED], viewer, levels),
        },
        **_dependants(calendars),
    }


def _titled(event: Event, viewer: Viewer, levels: dict[int, str]) -> str:
    level = levels.get(event.calendar_id, "busy")
    return _("Busy") if access.is_masked(event, event.calendar, viewer, level) else event.summary


def _dependants(calendars: list[Calendar]) -> dict[str, Any]:
    """What people would miss: booking pages and bookings, by name."""
    found: dict[str, Any] = {"booking_pages": [], "bookings": []}
    for _receiver, answer in dependants_asked.send(Connection, calendars=[calendar.pk for calendar in calendars]):
        found |= answer if isinstance(answer, dict) else {}
    return found


def start(
    connection: Connection,
    disposition: str,
    viewer: Viewer,
    purge_events: list[str] | None = None,
    choice: str = "",
) -> Disconnect:
    """Begins a disconnect within the caller's scope: sync stops at once, the rest follows in steps. Events that are private
    to somebody other than the viewer stay, here and at Google. Edits that wait to be sent are left behind only where the
    `choice` says so. Raises Invalid, Unsent."""
    check_disposition(disposition)
    known = Disconnect.objects.filter(connection_uuid=connection.uuid).first()
    if known is not None:
        return known
    Connection.objects.filter(pk=connection.pk).update(state=DISCONNECTING, state_reason="")
    mirrors = Mirror.objects.filter(connection=connection)
    triggers.set_active(mirrors.values_list("pk", flat=True), is_active=False)
    mirrors.update(state=MirrorState.PAUSED)
    unsent.check(list(mirrors.filter(is_selected=True).select_related("calendar")), viewer, choice)
    record = Disconnect(
        connection_uuid=connection.uuid,
        email=connection.email,
        sub=connection.sub,
        disposition=disposition,
        purge_events=purge_events or [],
        requested_by=viewer.member,
        sees_private=viewer.sees_private,
        counts={"calendars": mirrors.count(), "kept": 0, "removed": 0, "purged": 0, "channels": 0},
    )
    record.save(force_insert=True)
    jobs.enqueue_disconnect(record.pk, record.account_id)
    history.refresh_pages("connections")
    return record


def check_disposition(disposition: str) -> None:
    """Raises Invalid."""
    if disposition not in DISPOSITIONS:
        raise Invalid("calendars", _("Say whether to remove, keep or purge the calendars."))


def send_first(account_id: int, connection: Connection, choice: str) -> None:
    """Before a disconnect, and outside of any transaction: lets what waits in its calendars go out. Raises Invalid."""
    with tenant(account_id):
        is_begun = Disconnect.objects.filter(connection_uuid=connection.uuid).exists()
        rows = Mirror.objects.filter(connection=connection, is_selected=True).values_list("pk", flat=True)
        mirrors = [] if is_begun else list(rows)
    unsent.send_first(account_id, mirrors, choice)


def advance(account_id: int, disconnect_id: int) -> None:
    """Takes a disconnect as many steps further as Google allows just now; safe to repeat at any point. Only one worker
    does so at a time, or a late revocation would end an authorisation given since."""
    with tenant(account_id):
        now = clock.now()
        free = Q(next_attempt_at=None) | Q(next_attempt_at__lte=now)
        rows = Disconnect.objects.filter(free, pk=disconnect_id, finished_at=None)
        if rows.update(next_attempt_at=now + CLAIM) != 1:
            return
    for _step in range(len(DisconnectStep)):
        with tenant(account_id):
            record = Disconnect.objects.filter(pk=disconnect_id, finished_at=None).first()
            connection = Connection.objects.filter(uuid=record.connection_uuid).first() if record else None
        if record is None:
            return
        try:
            _take_step(account_id, record, connection)
        except protocol.GrantDead:
            _next(account_id, record, _GOES_ON_WITHOUT_GOOGLE.get(DisconnectStep(record.step), DisconnectStep.REVOKING))
        except protocol.ProviderError as error:
            is_over = clock.now() - record.requested_at > REVOKE_FOR
            if is_over and record.step in _GOES_ON_WITHOUT_GOOGLE:
                _next(account_id, record, _GOES_ON_WITHOUT_GOOGLE[DisconnectStep(record.step)])
                continue
            _later(account_id, record, error)
            return


def sub(account_id: int, disconnect_id: int) -> str:
    """The Google user that a disconnect is about; "" for an unknown one."""
    with tenant(account_id):
        return Disconnect.objects.filter(pk=disconnect_id).values_list("sub", flat=True).first() or ""


def unfinished(now: datetime) -> list[tuple[int, int]]:
    """(account, disconnect) pairs that still have steps to take and whose pause is over."""
    found = []
    for account_id in Account.objects.order_by("pk").values_list("pk", flat=True):
        with tenant(account_id):
            rows = Disconnect.objects.filter(finished_at=None).order_by("pk")
            found += [
                (account_id, record.pk)
                for record in rows
                if record.next_attempt_at is None or record.next_attempt_at <= now
            ]
    return found


def receipt(record: Disconnect) -> dict[str, Any]:
    """What was done, in plain facts; “revoked” only on Google's confirmation."""
    return {
        "id": str(record.uuid),
        "email": record.email,
        "requested_at": record.requested_at,
        "requested_by": str(record.requested_by) if record.requested_by else None,
        "calendars": record.disposition,
        "counts": record.counts,
        "revocation": record.revocation,
        "finished_at": record.finished_at,
        "step": record.step,
    }


def _stop(account_id: int, record: Disconnect, connection: Connection | None) -> None:
    """Here everything ends at once, whether Google answers or not."""
    _detach(account_id, record, DisconnectStep.CLOSING)


def _close(account_id: int, record: Disconnect, connection: Connection | None) -> None:
    """Channels go before the access: only the same grant can stop them."""
    if connection is not None:
        record.counts["channels"] = channels.stop_all(account_id, connection)
    _next(
        account_id,
        record,
        DisconnectStep.PURGING if record.disposition == Disposition.PURGE else DisconnectStep.DETACHING,
    )


def _purge(account_id: int, record: Disconnect, connection: Connection | None) -> None:
    """Deletes at Google what was created here and is unchanged since, and what the person ticked; mails nobody."""
    if connection is None:
        _next(account_id, record, DisconnectStep.DETACHING)
        return
    wallet = Wallet(account_id, connection.pk)
    provider = gateway.calendar(wallet.current, wallet.renew, leases.meter(connection.sub, Rank.TIMER))
    while chosen := _purgeable(account_id, record, connection):
        for remote_calendar, link in chosen:
            write = Write(event_id=link.remote_id, body=b"", if_match=link.etag)
            is_gone = True
            try:
                provider.delete(remote_calendar, write)
            except (protocol.NotFound, protocol.Gone):
                pass
            except (protocol.PreconditionFailed, protocol.Forbidden, protocol.BadData):
                is_gone = False
            with tenant(account_id):
                Link.objects.filter(pk=link.pk).update(tombstoned_at=clock.now())
                record.counts["purged"] += int(is_gone)
                record.save(update_fields=["counts"])
    _next(account_id, record, DisconnectStep.DETACHING)


def _leave(account_id: int, record: Disconnect, connection: Connection | None) -> None:
    """Nothing hangs on the connection any more."""
    _detach(account_id, record, DisconnectStep.REVOKING)


def _detach(account_id: int, record: Disconnect, step: str) -> None:
    """Calendars become native, links and bases stay dormant for the day the account comes back. A second time it finds
    nothing left to do."""
    with tenant(account_id):
        mirrors = Mirror.objects.filter(connection__uuid=record.connection_uuid).select_related("calendar")
        for mirror in mirrors.order_by("pk"):
            if mirror.calendar.is_mirrored:
                disposition = Disposition.KEEP if record.disposition == Disposition.KEEP else Disposition.REMOVE
                counts = selection.detach_calendar(mirror, disposition, _viewer(record))
                for name in ("kept", "removed", "unsent"):
                    record.counts[name] = record.counts.get(name, 0) + counts[name]
            mirror.is_selected, mirror.state, mirror.cursor = False, MirrorState.PAUSED, ""
            mirror.connection = None if step == DisconnectStep.REVOKING else mirror.connection
            mirror.save(update_fields=["is_selected", "state", "cursor", "connection"])
        record.step, record.attempts, record.next_attempt_at = step, 0, clock.now() + CLAIM
        record.save(update_fields=["counts", "step", "attempts", "next_attempt_at"])
        history.refresh_pages("connections")


def _revoke(account_id: int, record: Disconnect, connection: Connection | None) -> None:
    """Revokes at Google unless somebody else in the installation uses the same Google account; who goes first or last
    is decided under the grant's row lock, the call is made outside it."""
    with tenant(account_id):
        if Disconnect.objects.select_for_update().filter(pk=record.pk, finished_at=None).first() is None:
            return
        grant = Grant.objects.select_for_update().filter(sub=record.sub).first()
        others = grant is not None and grant.uses.exclude(connection_uuid=record.connection_uuid).exists()
        if grant is not None and not others:
            grant.revoking_since = grant.revoking_since or clock.now()
            grant.save(update_fields=["revoking_since"])
        if others:
            GrantUse.objects.filter(connection_uuid=record.connection_uuid).delete()
            record.revocation = Revocation.STILL_USED
            record.save(update_fields=["revocation"])
    if not others and connection is not None:
        try:
            if token := tokens.for_revoking(connection):
                gateway.oauth().revoke(token)
        except protocol.ProviderError:
            if clock.now() - record.requested_at < REVOKE_FOR:
                raise
            _forget(account_id, record, Revocation.NOT_CONFIRMED)
            return
    _forget(account_id, record, record.revocation if others else Revocation.REVOKED)


def _forget(account_id: int, record: Disconnect, revocation: str) -> None:
    """The tokens and the connection go; the receipt stays."""
    with tenant(account_id):
        GrantUse.objects.filter(connection_uuid=record.connection_uuid).delete()
        Grant.objects.filter(sub=record.sub).update(revoking_since=None)
        PushChannel.objects.filter(connection_uuid=record.connection_uuid).delete()
        Connection.objects.filter(uuid=record.connection_uuid).delete()
        record.revocation, record.step, record.finished_at = revocation, DisconnectStep.DONE, clock.now()
        record.save(update_fields=["revocation", "step", "finished_at"])
        history.refresh_pages("connections")


def _take_step(account_id: int, record: Disconnect, connection: Connection | None) -> None:
    step = DisconnectStep(record.step)
    match step:
        case DisconnectStep.STOPPING:
            _stop(account_id, record, connection)
        case DisconnectStep.CLOSING:
            _close(account_id, record, connection)
        case DisconnectStep.PURGING:
            _purge(account_id, record, connection)
        case DisconnectStep.DETACHING:
            _leave(account_id, record, connection)
        case DisconnectStep.REVOKING:
            _revoke(account_id, record, connection)
        case DisconnectStep.DONE:
            return
        case _:
            assert_never(step)


_GOES_ON_WITHOUT_GOOGLE = {
    DisconnectStep.CLOSING: DisconnectStep.DETACHING,
    DisconnectStep.PURGING: DisconnectStep.DETACHING,
}
"""What comes after the steps for which Google is needed, when it refuses this grant for good or is away for too long."""


def _next(account_id: int, record: Disconnect, step: str) -> None:
    with tenant(account_id):
        record.step, record.attempts, record.next_attempt_at = step, 0, clock.now() + CLAIM
        record.save(update_fields=["step", "attempts", "next_attempt_at", "counts"])


def _later(account_id: int, record: Disconnect, error: protocol.ProviderError) -> None:
    log.info("disconnect %s: %s waits: %s", record.uuid, record.step, error.reason)
    with tenant(account_id):
        record.attempts += 1
        record.next_attempt_at = clock.now() + timedelta(seconds=backoff.delay_s(record.attempts, base_s=5))
        record.revocation = Revocation.PENDING
        record.save(update_fields=["attempts", "next_attempt_at", "revocation", "counts"])


def _purgeable(account_id: int, record: Disconnect, connection: Connection) -> list[tuple[str, Link]]:
    """The next links to delete at Google: ours, unchanged since, without guests unless ticked, and not private to somebody
    other than who asked for it."""
    with tenant(account_id):
        mirrors = list(Mirror.objects.filter(connection=connection).select_related("calendar"))
        spared = access.concealed([mirror.calendar for mirror in mirrors], _viewer(record))
        rows = Link.objects.filter(mirror__in=mirrors, is_ours=True, tombstoned_at=None, original_key="")
        rows = rows.exclude(event=None).exclude(event__in=spared)
        links = list(rows.select_related("event", "mirror").order_by("pk"))
        groups = _purge_groups(mirrors, links)
        ticked = [link for name in (WITH_GUESTS, CHANGED) for link in groups[name] if _is_ticked(record, link)]
        return [(link.mirror.remote_id, link) for link in [*groups[UNCHANGED], *ticked][:PURGE_CHUNK]]


def _viewer(record: Disconnect) -> Viewer | None:
    """Who asked for it, and may so make away with what is private to them; None when they are not known any more."""
    return Viewer(record.requested_by, record.sees_private) if record.requested_by is not None else None


def _is_ticked(record: Disconnect, link: Link) -> bool:
    return link.event is not None and str(link.event.uuid) in record.purge_events


def _named(links: list[Link], viewer: Viewer, levels: dict[int, str]) -> list[dict[str, str]]:
    events = [link.event for link in links if link.event is not None]
    return [{"id": str(event.uuid), "summary": _titled(event, viewer, levels)} for event in events]


def _purge_groups(mirrors: list[Mirror], links: list[Link]) -> dict[str, list[Link]]:
    """The links of events that were made here, by what a purge does with them. Somebody wrote into an event at Google when
    its history, or that of one of its occurrences, tells of more than Google adds by itself; here, when it differs from
    what both sides last agreed on."""
    theirs = Link.objects.filter(mirror__in=mirrors, is_ours=False, tombstoned_at=None, event__kind="override")
    touched = {series for series in theirs.values_list("event__series_id", flat=True) if series is not None}
    entries = History.objects.filter(event__calendar__mirror__in=mirrors, side=Side.REMOTE)
    for event_id, series_id, changes in entries.values_list("event_id", "event__series_id", "changes"):
        if not changes or set(changes) - FILLED_IN:
            touched.add(series_id or event_id)
    groups: dict[str, list[Link]] = {UNCHANGED: [], WITH_GUESTS: [], CHANGED: []}
    for link in links:
        event, base = link.event, linking.base_of(link)
        if event is None or event.deleted_at is not None or base is None:
            continue
        if event.pk in touched or set(changed_units(base, event.content)) - FILLED_IN:
            groups[CHANGED].append(link)
        elif (event.content.attendees or linking.is_announced(event)) and event.ends_at > clock.now():
            groups[WITH_GUESTS].append(link)
        else:
            groups[UNCHANGED].append(link)
    return groups
