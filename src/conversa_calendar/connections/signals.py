"""News for sync."""

from django.dispatch import Signal

connection_activated = Signal()
"""`connection`: connected or reconnected in this transaction."""

connection_died = Signal()
"""`connection`: its grant is dead, found in this transaction."""

calendars_listed = Signal()
"""`connection`: its calendar list was read in this transaction."""
