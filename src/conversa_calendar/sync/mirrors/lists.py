"""Calendar lists are watched as calendars are: a channel for each connection, renewed before it ends, stopped with the
connection's others. A calendar renamed, recoloured, added or unshared at Google is here within seconds; the daily reading
stays for what no message announced.

Unlike those of mirrors, these channels are opened when a connection is made and when its list was read, so that nothing
goes round over all connections.
"""

import logging
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import Q

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.connections import discovery, gateway
from conversa_calendar.connections.models import ACTIVE, Connection
from conversa_calendar.connections.tokens import Wallet
from conversa_calendar.domain.vocabulary import ChannelState
from conversa_calendar.kit import clock, ids
from conversa_calendar.providers import protocol
from conversa_calendar.sync.mirrors import channels
from conversa_calendar.sync.models import NO_MIRROR, PushChannel
from conversa_calendar.sync.run import halting, leases
from conversa_calendar.sync.run.budget import Rank

log = logging.getLogger(__name__)


def ensure_open(account_id: int, connection_uuid: UUID) -> None:
    """Makes sure that a connection's list has a channel that lives long enough. Failures leave it to the daily reading."""
    connection = _usable(account_id, connection_uuid)
    if connection is None or not settings.PUBLIC_URL or halting.is_halted():
        return
    with tenant(account_id):
        Connection.objects.select_for_update(of=("self",)).get(pk=connection.pk)
        if not _is_wanted(connection_uuid, clock.now()):
            return
        secret = ids.new_secret()
        channel = PushChannel.objects.create(
            mirror_id=NO_MIRROR,
            account_id=account_id,
            connection_uuid=connection_uuid,
            token_fingerprint=ids.fingerprint(secret),
        )
    _open(account_id, connection, channel, secret)


def reread(account_id: int, connection_uuid: UUID, heard_at: datetime) -> None:
    """Reads a list that Google says has changed, unless it was read since: many messages at once cost one reading. Raises
    ProviderError."""
    connection = _usable(account_id, connection_uuid)
    if connection is None or halting.is_halted():
        return
    if connection.listed_at is None or connection.listed_at <= heard_at:
        discovery.refresh(account_id, connection.pk)


def renewable(now: datetime) -> list[tuple[int, UUID]]:
    """(account, connection) of the lists whose last channel is about to end."""
    latest: dict[UUID, PushChannel] = {}
    rows = PushChannel.objects.filter(mirror_id=NO_MIRROR, state=ChannelState.LIVE).exclude(expires_at=None)
    for channel in rows.order_by("expires_at", "pk"):
        latest[channel.connection_uuid] = channel
    found = [channel for channel in latest.values() if channels.renewed_at(channel) <= now]
    return [(channel.account_id, channel.connection_uuid) for channel in found]


def _usable(account_id: int, connection_uuid: UUID) -> Connection | None:
    with tenant(account_id):
        rows = Connection.objects.select_related("owner", "account").filter(uuid=connection_uuid, state=ACTIVE)
        found = rows.first()
        return found if found is not None and not found.is_resting and found.account.is_open else None


def _is_wanted(connection_uuid: UUID, now: datetime) -> bool:
    """Whether no channel lives long enough, none is being opened, and Google did not refuse one lately."""
    rows = PushChannel.objects.filter(mirror_id=NO_MIRROR, connection_uuid=connection_uuid)
    tried = Q(state=ChannelState.OPENING, created_at__gt=now - channels.OPENING_FOR)
    tried |= Q(state=ChannelState.REFUSED, created_at__gt=now - channels.REFUSED_FOR)
    if rows.filter(tried).exists():
        return False
    living = rows.filter(state=ChannelState.LIVE).exclude(expires_at=None)
    return not any(now < channels.renewed_at(channel) for channel in living)


def _open(account_id: int, connection: Connection, channel: PushChannel, secret: str) -> None:
    wallet = Wallet(account_id, connection.pk)
    provider = gateway.calendar(wallet.current, wallet.renew, leases.meter(connection.sub, Rank.TIMER))
    try:
        watch = provider.watch_list(str(channel.pk), secret, f"{settings.PUBLIC_URL}{channels.PATH}")
    except protocol.PushRefused as error:
        log.info("connection %s: its list is not notified: %s", connection.uuid, error.reason)
        PushChannel.objects.filter(pk=channel.pk).update(state=ChannelState.REFUSED)
        return
    except protocol.OutcomeUnknown:
        return  # if Google opened it, its first message says so
    except protocol.ProviderError as error:
        log.info("connection %s: its list has no channel: %s", connection.uuid, error.reason)
        channel.delete()
        return
    wanted = PushChannel.objects.filter(pk=channel.pk).exclude(state__in=[ChannelState.STOPPED, ChannelState.CLOSING])
    if not wanted.update(resource_id=watch.resource_id, expires_at=watch.expires_at, state=ChannelState.LIVE):
        channels.stop_late(provider, channel, watch)
        return
    channels.stop_former(account_id, connection, channel, watch)
