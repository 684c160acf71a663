"""Bookings hear of every change of an event, local or brought by sync, inside the transaction of each."""

from typing import Any

from django.dispatch import receiver

from conversa_calendar.bookings import following
from conversa_calendar.calendars.models import Event
from conversa_calendar.calendars.signals import calendar_changed, event_followed


@receiver(calendar_changed)
def follow_local(sender: object, event: Event, **kwargs: Any) -> None:
    following.follow(event)


@receiver(event_followed)
def follow_remote(sender: object, event: Event, **kwargs: Any) -> None:
    following.follow(event)
