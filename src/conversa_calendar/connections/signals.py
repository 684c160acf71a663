"""News for sync."""

from django.dispatch import Signal

connection_activated = Signal()
"""`connection`: connected or reconnected in this transaction."""

connection_died = Signal()
"""`connection`: its grant is dead, found in this transaction."""

calendars_listed = Signal()
"""`connection`: its calendar list was read in this transaction. `recoloured`: {remote id: (colour before, colour now)}."""

resealing = Signal()
"""Sent inside a tenant scope when everything that is sealed is sealed anew with the active key. A receiver answers how many
secrets of its own it sealed."""

key_forgotten = Signal()
"""Sent inside a tenant scope when a lost key is given up: `key_id`."""
