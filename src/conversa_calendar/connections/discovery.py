"""The calendars that a connected Google account can see, as last read. A shorter or empty list removes nothing."""

from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import history
from conversa_calendar.connections import gateway
from conversa_calendar.connections.models import Connection, DiscoveredCalendar
from conversa_calendar.connections.signals import calendars_listed
from conversa_calendar.connections.tokens import Wallet
from conversa_calendar.kit import clock


def refresh(account_id: int, connection_id: int) -> None:
    """Reads the calendar list again. Raises ProviderError."""
    wallet = Wallet(account_id, connection_id)
    listed = gateway.calendar(wallet.current, wallet.renew).list_calendars()
    with tenant(account_id):
        connection = Connection.objects.get(pk=connection_id)
        known = {row.remote_id: row for row in DiscoveredCalendar.objects.filter(connection=connection)}
        recoloured: dict[str, tuple[str, str]] = {}
        for entry in listed:
            row = known.pop(entry.id, None) or DiscoveredCalendar(connection=connection, remote_id=entry.id)
            if row.pk is not None and row.color != entry.color[:9]:
                recoloured[entry.id] = (row.color, entry.color[:9])
            row.name, row.color, row.access, row.time_zone = entry.name, entry.color[:9], entry.access, entry.time_zone
            row.is_primary, row.is_hidden, row.missing_since = entry.is_primary, entry.is_hidden, None
            row.save()
        gone = [row.pk for row in known.values()]
        DiscoveredCalendar.objects.filter(pk__in=gone, missing_since=None).update(missing_since=clock.now())
        Connection.objects.filter(pk=connection_id).update(listed_at=clock.now(), used_at=clock.now())
        calendars_listed.send(sender=Connection, connection=connection, recoloured=recoloured)
        history.refresh_pages("connections")
