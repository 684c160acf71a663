"""The one signal by which news travels upward."""

from django.dispatch import Signal

calendar_changed = Signal()
"""Sent inside the transaction of a local edit. `calendar`: the Calendar; `event`: the Event."""

event_moving = Signal()
"""Sent before an event changes calendars, in the same transaction. `event`, `source`, `target`."""
