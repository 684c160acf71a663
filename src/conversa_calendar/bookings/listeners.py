"""Bookings hear of every change of an event, local or brought by sync, inside the transaction of each."""

from typing import Any

from django.dispatch import receiver

from conversa_calendar.bookings import availability, following
from conversa_calendar.bookings.models import CONFIRMED, PENDING, Booking, BookingPage
from conversa_calendar.calendars.models import Event
from conversa_calendar.calendars.signals import (
    calendar_changed,
    dependants_asked,
    event_followed,
    event_stranded,
    need_asked,
    tellers_asked,
)
from conversa_calendar.kit import clock


@receiver(need_asked)
def name_needed(sender: object, calendars: list[int], **kwargs: Any) -> set[int]:
    """Calendars by which published pages offer times."""
    return availability.needed(calendars)


@receiver(tellers_asked)
def name_told_by_booking(sender: object, event: Event, **kwargs: Any) -> set[str]:
    """Visitors and their guests hear of a booking from the booking."""
    found = Booking.objects.filter(event=event).values_list("email", "guests")
    return {address.lower() for email, guests in found for address in [email, *guests]}


@receiver(calendar_changed)
def follow_local(sender: object, event: Event, **kwargs: Any) -> None:
    following.update_booking(event)


@receiver(dependants_asked)
def name_bookings(sender: object, calendars: list[int], **kwargs: Any) -> dict[str, list[dict[str, str]]]:
    """The pages whose bookings go to these calendars, and the bookings still to come that stand in them."""
    pages = BookingPage.objects.filter(hosts__calendar__in=calendars, deleted_at=None).distinct().order_by("pk")
    coming = Booking.objects.filter(event__calendar__in=calendars, state__in=[PENDING, CONFIRMED])
    coming = coming.filter(ends_at__gt=clock.now()).select_related("page").order_by("starts_at", "pk")
    return {
        "booking_pages": [{"id": str(page.uuid), "name": page.title} for page in pages],
        "bookings": [
            {"id": str(one.uuid), "name": f"{one.page.title}: {one.name}", "starts_at": one.starts_at.isoformat()}
            for one in coming
        ],
    }


@receiver(event_followed)
def follow_remote(sender: object, event: Event, **kwargs: Any) -> None:
    following.update_booking(event)


@receiver(event_stranded)
def say_stranded(sender: object, event: Event, **kwargs: Any) -> None:
    following.strand(event)
