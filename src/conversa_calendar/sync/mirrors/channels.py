"""Push channels: opened for every mirror when there is an address to notify, renewed with overlap, stopped after the
new one works. Refusals are remembered with their reason, and the mirror polls.

Our own writes prove a channel: Google has to notify them too. One that stays silent, or for which a check found a change
that it had not announced, counts as none until it is heard again: its mirror is polled, and the channel replaced.
"""

import logging
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from uuid import UUID

from django.conf import settings
from django.db import connection as database
from django.db.models import Q

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import history
from conversa_calendar.connections import gateway
from conversa_calendar.connections.models import ACTIVE, Connection
from conversa_calendar.connections.tokens import Wallet
from conversa_calendar.domain.vocabulary import ChannelState, MirrorState
from conversa_calendar.kit import clock, ids
from conversa_calendar.providers import protocol
from conversa_calendar.sync.mirrors import notices
from conversa_calendar.sync.models import NO_MIRROR, Mirror, MirrorRun, PushChannel
from conversa_calendar.sync.run import halting, jobs, leases, triggers
from conversa_calendar.sync.run.budget import Rank

PATH = "/push/google"
NOT_STOPPED = (ChannelState.LIVE, ChannelState.CLOSING)
"""States of a channel that Google may still serve; one that is being closed is not counted on."""
RENEW_BEFORE = timedelta(hours=24)
REFUSED_FOR = timedelta(days=1)
OPENING_FOR = timedelta(minutes=10)
LIST_AFTER_S = 1.0
"""So long after a message a calendar list is read, as several come together."""
SILENT_FOR = timedelta(hours=1)
"""A channel that stays silent is replaced when it is older than this."""
HEARD_WITHIN_S = 120.0
"""Google has to notify our own writes too: after so long without a word the channel counts as silent."""
LATE = timedelta(seconds=60)
"""The published limit: changes at Google are here within this time while its channel works."""
TOLD_EVERY = timedelta(days=1)
log = logging.getLogger(__name__)


def ensure_open(mirror_id: int) -> None:
    """Makes sure that a mirror has a channel that lives long enough. Failures leave it polling and are retried."""
    run = MirrorRun.objects.filter(mirror_id=mirror_id, is_active=True).first()
    if run is None or not settings.PUBLIC_URL:
        return
    now = clock.now()
    if not _is_wanted(mirror_id, now) or halting.is_halted():
        return
    with tenant(run.account_id):
        mirror = Mirror.objects.select_related("connection").filter(pk=mirror_id).first()
        if mirror is None or not _may_watch(mirror, now):
            return
        connection = mirror.connection
        assert connection is not None
        MirrorRun.objects.select_for_update().get(mirror_id=mirror_id)
        if not _is_wanted(mirror_id, now):
            return  # another worker was here first
        secret = ids.new_secret()
        former = (
            PushChannel.objects.filter(mirror_id=mirror.pk, state=ChannelState.LIVE).order_by("-created_at").first()
        )
        channel = PushChannel.objects.create(
            silent_since=former.silent_since if former else None,  # until its first message shows that it works
            is_missed=bool(former and former.is_missed),
            mirror_id=mirror.pk,
            account_id=mirror.account_id,
            connection_uuid=connection.uuid,
            token_fingerprint=ids.fingerprint(secret),
        )
    _open(mirror, connection, channel, secret)


def retry_refused(mirror: Mirror) -> None:
    """Forgets that Google refused to notify, and asks once more at the next run."""
    Mirror.objects.filter(pk=mirror.pk).update(push_refused="", push_refused_at=None)
    triggers.request_runs([mirror.pk], is_pull=True)


def accept_notification(channel_id: str, token: str, resource_id: str, expires: str = "") -> bool:
    """A notification arrived: wakes its mirror when channel, token and resource are ours. Answers whether they were.

    One of a channel whose opening was never answered brings what the answer would have said: Google's name of the
    resource, and when it ends (`expires`, an HTTP date).
    """
    try:
        found = PushChannel.objects.filter(pk=UUID(channel_id)).first()
    except ValueError:
        found = None
    stored = found.token_fingerprint if found else ids.fingerprint("")
    is_same = ids.is_same_secret(token, stored)
    if found is None or not is_same or found.state not in {ChannelState.LIVE, ChannelState.OPENING}:
        return False
    if found.resource_id and found.resource_id != resource_id:
        return False
    _mark_heard(found)
    if found.state == ChannelState.OPENING and resource_id and (expires_at := _http_date(expires)) is not None:
        opened = PushChannel.objects.filter(pk=found.pk, state=ChannelState.OPENING)
        opened.update(state=ChannelState.LIVE, resource_id=resource_id, expires_at=expires_at)
    if found.mirror_id == NO_MIRROR:
        jobs.enqueue_reread_list(found.account_id, found.connection_uuid, clock.now(), LIST_AFTER_S)
        return True
    if not MirrorRun.objects.filter(mirror_id=found.mirror_id, is_active=True).exists():
        return True
    triggers.request_runs([found.mirror_id], is_pull=True, is_flood=True)
    return True


def mark_missed(mirror_id: int) -> None:
    """A change was found that no message had announced. Unless one comes yet, the channel is silent from now on."""
    query = """
        UPDATE sync_pushchannel SET silent_since = coalesce(silent_since, now()), is_missed = true
        WHERE mirror_id = %s AND state = 'live'
    """
    with database.cursor() as cursor:
        cursor.execute(query, [mirror_id])


def find_silent() -> None:
    """Every minute: channels that said nothing of our own writes count as silent, and administrators hear of calendars
    whose changes came later than promised."""
    query = """
        UPDATE sync_pushchannel c SET silent_since = now() FROM sync_mirrorrun r
        WHERE r.mirror_id = c.mirror_id AND r.is_active AND c.state = 'live' AND c.silent_since IS NULL
          AND r.wrote_at < now() - make_interval(secs => %s) AND c.created_at < r.wrote_at
          AND NOT EXISTS (SELECT 1 FROM sync_pushchannel heard
                          WHERE heard.mirror_id = c.mirror_id AND heard.last_message_at >= r.wrote_at)
    """
    late = """
        SELECT DISTINCT mirror_id, account_id FROM sync_pushchannel
        WHERE state = 'live' AND is_missed AND silent_since < now() - make_interval(secs => %s)
        ORDER BY mirror_id
    """
    with database.cursor() as cursor:
        cursor.execute(query, [HEARD_WITHIN_S])
        cursor.execute(late, [LATE.total_seconds()])
        found = cursor.fetchall()
    for mirror_id, account_id in found:
        _tell_late(mirror_id, account_id)


def _tell_late(mirror_id: int, account_id: int) -> None:
    """Once a day for each mirror."""
    now = clock.now()
    untold = Q(late_told_at=None) | Q(late_told_at__lt=now - TOLD_EVERY)
    with tenant(account_id):
        if Mirror.objects.filter(untold, pk=mirror_id).update(late_told_at=now):
            mirror = Mirror.objects.select_related("calendar", "connection__owner__user").get(pk=mirror_id)
            notices.tell(mirror, "late")
            history.refresh_pages("connections")


def renewable(now: datetime) -> list[int]:
    """Mirrors whose last channel is about to end."""
    latest: dict[int, PushChannel] = {}
    rows = PushChannel.objects.filter(state=ChannelState.LIVE).exclude(expires_at=None).exclude(mirror_id=NO_MIRROR)
    for channel in rows.order_by("expires_at", "pk"):
        latest[channel.mirror_id] = channel
    return [mirror_id for mirror_id, channel in latest.items() if renewed_at(channel) <= now]


def close(mirror_id: int) -> None:
    """Stops the channels of a calendar that is not mirrored any more. What Google does not answer is tried again."""
    run = MirrorRun.objects.filter(mirror_id=mirror_id, is_active=False).first()
    if run is None:
        return
    with tenant(run.account_id):
        mirror = Mirror.objects.select_related("connection").filter(pk=mirror_id, is_selected=False).first()
    if mirror is None or mirror.connection is None or mirror.connection.state != ACTIVE or halting.is_halted():
        return
    for channel in PushChannel.objects.filter(mirror_id=mirror_id).exclude(state=ChannelState.STOPPED).order_by("pk"):
        try:
            _stop(mirror.account_id, mirror.connection, channel)
        except protocol.ProviderError as error:
            log.info("channel %s: not stopped yet: %s", channel.pk, error.reason)


def left_over(now: datetime) -> list[int]:
    """Mirrors of calendars that are not mirrored any more, and have a channel still that can be closed. One that merely
    rests keeps its channel."""
    living = PushChannel.objects.filter(state__in=NOT_STOPPED, expires_at__gt=now).values("mirror_id")
    resting: dict[int, list[int]] = {}
    rows = MirrorRun.objects.filter(is_active=False, mirror_id__in=living).order_by("mirror_id")
    for account_id, mirror_id in rows.values_list("account_id", "mirror_id"):
        resting.setdefault(account_id, []).append(mirror_id)
    found: list[int] = []
    for account_id, mirror_ids in resting.items():
        with tenant(account_id):
            left = Mirror.objects.filter(pk__in=mirror_ids, is_selected=False, connection__state=ACTIVE)
            found += left.order_by("pk").values_list("pk", flat=True)
    return found


def stop_all(account_id: int, connection: Connection) -> int:
    """Stops every channel of a connection, before its tokens go; a channel Google no longer knows counts as stopped.
    Raises ProviderError when Google cannot be asked."""
    stopped = 0
    for channel in (
        PushChannel.objects.filter(connection_uuid=connection.uuid).exclude(state=ChannelState.STOPPED).order_by("pk")
    ):
        _stop(account_id, connection, channel)
        stopped += 1
    return stopped


def renewed_at(channel: PushChannel) -> datetime:
    """When a channel is to be replaced: a day before it ends, or halfway where Google lets it live shorter than asked."""
    assert channel.expires_at is not None
    return channel.expires_at - min(RENEW_BEFORE, (channel.expires_at - channel.created_at) / 2)


def _http_date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _is_wanted(mirror_id: int, now: datetime) -> bool:
    """Whether no channel lives long enough, and none is being opened."""
    living = PushChannel.objects.filter(mirror_id=mirror_id, state=ChannelState.LIVE)
    return not any(_is_good(channel, now) for channel in living) and not _is_opening(mirror_id, now)


def _is_good(channel: PushChannel, now: datetime) -> bool:
    """Whether a channel need not be replaced yet."""
    is_tried = channel.silent_since is not None and now - channel.created_at > SILENT_FOR
    return now < renewed_at(channel) and not is_tried


def _mark_heard(channel: PushChannel) -> None:
    query = "UPDATE sync_pushchannel SET last_message_at = now(), silent_since = NULL, is_missed = false WHERE id = %s"
    with database.cursor() as cursor:
        cursor.execute(query, [channel.pk])


def _is_opening(mirror_id: int, now: datetime) -> bool:
    return PushChannel.objects.filter(
        mirror_id=mirror_id, state=ChannelState.OPENING, created_at__gt=now - OPENING_FOR
    ).exists()


def _may_watch(mirror: Mirror, now: datetime) -> bool:
    if mirror.connection is None or mirror.connection.state != ACTIVE or not mirror.is_selected or mirror.is_paused:
        return False
    return mirror.push_refused_at is None or now - mirror.push_refused_at > REFUSED_FOR


def _open(mirror: Mirror, connection: Connection, channel: PushChannel, secret: str) -> None:
    """Opens the channel of a row that was written before the call, so that a first message arriving early is known."""
    wallet = Wallet(mirror.account_id, connection.pk)
    provider = gateway.calendar(wallet.current, wallet.renew, leases.meter(connection.sub, Rank.TIMER))
    try:
        watch = provider.watch(mirror.remote_id, str(channel.pk), secret, f"{settings.PUBLIC_URL}{PATH}")
    except protocol.PushRefused as error:
        _mark_refused(mirror, channel, error.reason)
        return
    except protocol.OutcomeUnknown as error:
        log.info("mirror %s: no answer about its channel: %s", mirror.uuid, error.reason)
        return  # if Google opened it, its first message says so
    except protocol.ProviderError as error:
        log.info("mirror %s: no channel: %s", mirror.uuid, error.reason)
        channel.delete()
        return
    wanted = PushChannel.objects.filter(pk=channel.pk).exclude(state__in=[ChannelState.STOPPED, ChannelState.CLOSING])
    if not wanted.update(resource_id=watch.resource_id, expires_at=watch.expires_at, state=ChannelState.LIVE):
        stop_late(provider, channel, watch)
        return
    with tenant(mirror.account_id):
        Mirror.objects.filter(pk=mirror.pk, state=MirrorState.POLLING).update(
            state=MirrorState.LIVE, push_refused="", push_refused_at=None
        )
        history.refresh_pages("connections")
    stop_former(mirror.account_id, connection, channel, watch)


def stop_former(account_id: int, connection: Connection, channel: PushChannel, watch: protocol.Watch) -> None:
    """After a channel was opened: those that it replaces are stopped."""
    unanswered = Q(state=ChannelState.OPENING, created_at__lt=clock.now() - OPENING_FOR)
    former = PushChannel.objects.filter(Q(state__in=NOT_STOPPED) | unanswered, mirror_id=channel.mirror_id)
    if channel.mirror_id == NO_MIRROR:
        former = former.filter(connection_uuid=channel.connection_uuid)
    for old in former.filter(created_at__lte=channel.created_at).exclude(pk=channel.pk).order_by("pk"):
        old.resource_id = old.resource_id or watch.resource_id  # one calendar, or one list, is one resource
        try:
            _stop(account_id, connection, old)
        except protocol.ProviderError as error:
            log.info("channel %s: not stopped yet: %s", old.pk, error.reason)


def stop_late(provider: protocol.Provider, channel: PushChannel, watch: protocol.Watch) -> None:
    """The connection was left while its channel was being opened: it is stopped with the access that is still there."""
    try:
        provider.stop(str(channel.pk), watch.resource_id)
    except protocol.ProviderError as error:
        log.info("channel %s: not stopped any more: %s", channel.pk, error.reason)


def _mark_refused(mirror: Mirror, channel: PushChannel, reason: str) -> None:
    channel.delete()
    with tenant(mirror.account_id):
        Mirror.objects.filter(pk=mirror.pk).update(push_refused=reason, push_refused_at=clock.now())
        history.refresh_pages("connections")


def _stop(account_id: int, connection: Connection, channel: PushChannel) -> None:
    """Stops a channel. Until Google answers it may have stopped already, so it is not counted on from here."""
    if channel.resource_id:
        PushChannel.objects.filter(pk=channel.pk).update(state=ChannelState.CLOSING)
        wallet = Wallet(account_id, connection.pk)
        meter = leases.meter(connection.sub, Rank.EDIT)
        gateway.calendar(wallet.current, wallet.renew, meter).stop(str(channel.pk), channel.resource_id)
    PushChannel.objects.filter(pk=channel.pk).update(state=ChannelState.STOPPED)
