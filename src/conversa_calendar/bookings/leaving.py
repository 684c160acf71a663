"""What ends and what rests when a member is suspended, said beforehand."""

from typing import Any

from conversa_calendar.accounts import tokens
from conversa_calendar.accounts.models import Member
from conversa_calendar.bookings.models import CANCELLED, Booking, BookingHost, BookingPage
from conversa_calendar.calendars.models import Calendar
from conversa_calendar.connections.models import Connection, Invitation
from conversa_calendar.kit import clock

BOOKINGS_SHOWN = 50


def preview(member: Member) -> dict[str, Any]:
    """Counts and names. Sign-ins, tokens, open pages and invitations end for good; the connections pause with all their
    calendars; the booking pages offer no more times with this member; the upcoming bookings stay and need somebody."""
    upcoming = upcoming_bookings(member)
    return {
        "member": str(member.uuid),
        "name": str(member),
        "tokens": tokens.living_of(member),
        "invitations": Invitation.objects.filter(member=member, used_at=None, expires_at__gt=clock.now()).count(),
        "connections": [_connection(found, member) for found in Connection.objects.filter(owner=member).order_by("pk")],
        "booking_pages": [{"id": str(page.uuid), "title": page.title} for page in _pages(member)],
        "bookings": [_booking(booking) for booking in upcoming[:BOOKINGS_SHOWN]],
        "bookings_total": len(upcoming),
    }


def upcoming_bookings(member: Member) -> list[Booking]:
    """What visitors have booked with a member, soonest first."""
    rows = Booking.objects.filter(host=member, ends_at__gt=clock.now()).exclude(state=CANCELLED)
    return list(rows.select_related("page").order_by("starts_at", "pk"))


def _connection(found: Connection, member: Member) -> dict[str, Any]:
    carried = Calendar.objects.filter(owner=member, is_mirrored=True, deleted_at=None, place=f"Google · {found.email}")
    return {
        "id": str(found.uuid),
        "email": found.email,
        "calendars": list(carried.order_by("name").values_list("name", flat=True)),
    }


def _pages(member: Member) -> list[BookingPage]:
    """Living pages that name the member as a host, or whose team or inbox they are in."""
    named = set(BookingHost.objects.filter(member=member).values_list("page_id", flat=True))
    teams = set(member.teams.values_list("pk", flat=True))
    inboxes = set(member.inboxes.values_list("pk", flat=True))
    rows = BookingPage.objects.filter(deleted_at=None).order_by("title", "pk")
    return [page for page in rows if page.pk in named or page.team_id in teams or page.inbox_id in inboxes]


def _booking(booking: Booking) -> dict[str, Any]:
    return {
        "id": str(booking.uuid),
        "start": booking.starts_at,
        "name": booking.name,
        "page": booking.page.title,
    }
