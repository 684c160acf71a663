"""What a member may do with a booking is what they may do with its event, where that lies now. A visitor's private link is
its own right."""

from conversa_calendar.bookings.models import Booking
from conversa_calendar.calendars import access
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.acts import Act, NotAllowed, authorise


def needs(act: Act, booking: Booking, viewer: Viewer | None) -> None:
    """Raises NotAllowed unless the viewer may do that with the booking's event; None is the visitor. Asked while the event
    is locked; one that is gone has nothing to protect."""
    event = booking.event
    if viewer is None or event is None or event.deleted_at is not None:
        return
    level = access.levels(viewer).get(event.calendar_id, "")
    if (refused := authorise(act, viewer, event, event.calendar, level)) is not None:
        raise NotAllowed(refused)
