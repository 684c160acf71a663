"""A native calendar goes into a new Google calendar (promise 16): one click, an extra permission, and nobody is mailed.

Google makes another calendar each time that it is asked, so one person at a time asks, the new calendar names ours in its
description, and whoever tries again after a lost answer looks for that one first.
"""

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import access
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.models import Calendar, Event
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.connections import discovery, gateway
from conversa_calendar.connections.models import ACTIVE, Connection
from conversa_calendar.connections.tokens import Wallet
from conversa_calendar.domain.vocabulary import EventKind, Notify, SyncState
from conversa_calendar.kit import clock
from conversa_calendar.providers.google.oauth import APP_CREATED
from conversa_calendar.providers.protocol import Provider, RemoteCalendar
from conversa_calendar.sync.mirrors import selection
from conversa_calendar.sync.models import TWO_WAY, Mirror, MirrorRun
from conversa_calendar.sync.run import leases
from conversa_calendar.sync.run.budget import Rank

PUBLISHING_FOR = timedelta(minutes=2)
"""After so long somebody else may try."""


def needs_permission(connection: Connection) -> bool:
    """Whether Google has to be asked for the right to make calendars first."""
    return APP_CREATED not in connection.scopes


def preview(calendar: Calendar) -> dict[str, int]:
    """What would go out: {events, upcoming_with_guests}; a series counts once."""
    rows = Event.objects.filter(calendar=calendar, deleted_at=None, series=None)
    upcoming = rows.filter(Q(ends_at__gt=clock.now()) | Q(kind=EventKind.SERIES))
    with_guests = sum(1 for event in upcoming.iterator() if event.content.attendees)
    return {"events": rows.count(), "upcoming_with_guests": with_guests}


def publish(account_id: int, calendar_uuid: str, connection_uuid: str) -> Mirror:
    """Makes the Google calendar and mirrors ours with it, both ways. Raises Invalid, ProviderError."""
    with tenant(account_id):
        calendar, connection = _checked(calendar_uuid, connection_uuid)
        free = Q(publishing_since=None) | Q(publishing_since__lt=clock.now() - PUBLISHING_FOR)
        if not Calendar.objects.filter(free, pk=calendar.pk).update(publishing_since=clock.now()):
            raise Invalid("calendar", _("Somebody is just putting this calendar into Google."))
    try:
        wallet = Wallet(account_id, connection.pk)
        meter = leases.meter(connection.sub, Rank.EDIT)
        remote = _found_or_made(gateway.calendar(wallet.current, wallet.renew, meter), calendar)
        discovery.refresh(account_id, connection.pk)
        with tenant(account_id), transaction.atomic():
            calendar, connection = _checked(calendar_uuid, connection_uuid)
            return _attach(calendar, connection, remote)
    finally:
        with tenant(account_id):
            Calendar.objects.filter(pk=calendar.pk).update(publishing_since=None)


def _checked(calendar_uuid: str, connection_uuid: str) -> tuple[Calendar, Connection]:
    calendar = Calendar.objects.filter(uuid=calendar_uuid, deleted_at=None).first()
    connection = next((c for c in Connection.objects.select_related("owner") if str(c.uuid) == connection_uuid), None)
    if calendar is None or calendar.is_mirrored:
        raise Invalid("calendar", _("Only a calendar that lives only here can be put into Google."))
    if Mirror.objects.filter(calendar=calendar).exists():
        raise Invalid("calendar", _("This calendar belongs to a Google calendar already: choose that one again."))
    if connection is not None and access.concealed([calendar], Viewer(connection.owner)):
        says = _("It holds private events of somebody else, which the owner of that Google account would read there.")
        raise Invalid("calendar", says)
    if connection is None or connection.state != ACTIVE:
        raise Invalid("connection", _("This Google account must be reconnected first."))
    if needs_permission(connection):
        raise Invalid("permission", _("Google has not yet allowed this service to make calendars."))
    return calendar, connection


def _found_or_made(provider: Provider, calendar: Calendar) -> RemoteCalendar:
    mark = str(calendar.uuid)
    for known in provider.list_calendars():
        if mark in known.description and known.access == "owner":
            return known
    text = _("Made by ConversaLabs Calendar for “%(name)s”.") % {"name": calendar.name}
    return provider.create_calendar(calendar.name, calendar.time_zone, f"{text} ({mark})")


def _attach(calendar: Calendar, connection: Connection, remote: RemoteCalendar) -> Mirror:
    """The mirror of a calendar that was here first: what stands in it goes out, to nobody's mailbox."""
    values: dict[str, Any] = {"remote_id": remote.id, "access": "owner", "time_zone": remote.time_zone}
    mirror = Mirror(calendar=calendar, connection=connection, mode=TWO_WAY, started_at=clock.now(), **values)
    mirror.save(force_insert=True)
    MirrorRun.objects.create(mirror_id=mirror.pk, mirror_uuid=mirror.uuid, account_id=mirror.account_id)
    leases.assign_grant(mirror.pk, connection.sub)
    calendar.remote_name = remote.name[:200]
    calendar.save(update_fields=["remote_name"])
    selection.update_calendar(mirror)
    rows = Event.objects.filter(calendar=calendar, deleted_at=None)
    rows.update(is_unsettled=True, sync_state=SyncState.PENDING, notify=Notify.NONE)
    selection.request_first_sync(mirror)
    return mirror
