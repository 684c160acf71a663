"""What a message says: the change, and the thing as it is now, as the endpoint's viewer may see it."""

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import quote
from uuid import UUID

import msgspec
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder

from conversa_calendar.accounts.models import Member
from conversa_calendar.bookings import links
from conversa_calendar.bookings import presenting as booking_presenting
from conversa_calendar.bookings import selectors as bookings
from conversa_calendar.bookings.models import Booking, BookingOffer
from conversa_calendar.calendars import access, presenting, selectors
from conversa_calendar.calendars.models import Calendar, Event
from conversa_calendar.connections.models import Connection
from conversa_calendar.sync.explain import presenting as sync_presenting
from conversa_calendar.sync.models import Mirror
from conversa_calendar.webhooks import values
from conversa_calendar.webhooks.models import Delivery
from conversa_calendar.webhooks.reading import Reader, visible

Objects = dict[tuple[str, str], dict[str, Any]]
GONE = ("deleted", "withdrawn")


def bodies(reader: Reader, deliveries: list[Delivery]) -> dict[int, bytes]:
    """The bodies of these messages, by delivery."""
    shown = _objects(reader, deliveries)
    return {one.pk: _body(one, shown) for one in deliveries}


def _body(delivery: Delivery, shown: Objects) -> bytes:
    item = delivery.item
    thing = None if item["what"] in GONE else shown.get((item["kind"], item["id"]))
    message = {"type": delivery.type, "timestamp": delivery.at, "data": item | {"object": thing}}
    return msgspec.json.encode(message, enc_hook=DjangoJSONEncoder().default)


def _objects(reader: Reader, deliveries: list[Delivery]) -> Objects:
    """Each thing that one of the messages is about and that the reader sees now, by kind and id."""
    found: Objects = {}
    for kind, show in _SHOWN.items():
        named = {UUID(one.item["id"]) for one in deliveries if one.item["kind"] == kind}
        if wanted := visible(reader, kind, named):
            found |= {(kind, thing["id"]): thing for thing in show(reader, wanted)}
    return found


def _events(reader: Reader, wanted: set[UUID]) -> Iterable[dict[str, Any]]:
    levels = access.levels(reader.viewer)
    rows = Event.objects.select_related("calendar__owner", "series", "author").filter(uuid__in=wanted, deleted_at=None)
    for event in rows.filter(calendar_id__in=levels):
        yield presenting.event(event, event.calendar, reader.viewer, levels[event.calendar_id])


def _calendars(reader: Reader, wanted: set[UUID]) -> Iterable[dict[str, Any]]:
    levels = access.levels(reader.viewer)
    for calendar in Calendar.objects.select_related("owner").filter(uuid__in=wanted, pk__in=levels):
        yield presenting.calendar(calendar, levels[calendar.pk], selectors.assignment_items(calendar))


def _bookings(reader: Reader, wanted: set[UUID]) -> Iterable[dict[str, Any]]:
    for booking in bookings.bookings(reader.viewer.member).filter(uuid__in=wanted):
        yield _booking(reader, booking)


def _booking(reader: Reader, booking: Booking) -> dict[str, Any]:
    """With the page on which its visitor moves or cancels it, for who may do so too. That is not the link of a mail, which
    proves that its address is the visitor's."""
    page = f"{settings.PUBLIC_URL}/booking/{quote(links.manage_token(booking))}" if _books(reader) else None
    return booking_presenting.booking(booking, reader.viewer) | {"reschedule_url": page, "cancel_url": page}


def _books(reader: Reader) -> bool:
    """Whether the reader may book, move and cancel; only a token may not, and it gets no links that do."""
    return values.allows(reader.viewer, "bookings.write")


def _offers(reader: Reader, wanted: set[UUID]) -> Iterable[dict[str, Any]]:
    for offer in BookingOffer.objects.select_related("page", "booking").filter(uuid__in=wanted):
        shown = booking_presenting.offer(offer) | ({} if _books(reader) else {"links": []})
        yield {name: shown[name] for name in ("id", "expires_at", "links")} | {
            "page": str(offer.page.uuid),
            "booking": str(offer.booking.uuid) if offer.booking else None,
        }


def _mirrors(reader: Reader, wanted: set[UUID]) -> Iterable[dict[str, Any]]:
    for mirror in Mirror.objects.select_related("calendar", "connection").filter(uuid__in=wanted, is_selected=True):
        yield sync_presenting.mirror(mirror)


def _connections(reader: Reader, wanted: set[UUID]) -> Iterable[dict[str, Any]]:
    for connection in Connection.objects.select_related("owner").filter(uuid__in=wanted):
        yield sync_presenting.connection(connection)


def _members(reader: Reader, wanted: set[UUID]) -> Iterable[dict[str, Any]]:
    for member in Member.objects.select_related("user", "role").filter(uuid__in=wanted):
        yield {
            "id": str(member.uuid),
            "name": str(member),
            "email": member.user.email,
            "role": str(member.role.uuid) if member.role else member.built_in,
            "state": member.state,
            "external_id": member.external_id,
        }


_SHOWN: dict[str, Callable[[Reader, set[UUID]], Iterable[dict[str, Any]]]] = {
    "event": _events,
    "calendar": _calendars,
    "booking": _bookings,
    "offer": _offers,
    "mirror": _mirrors,
    "connection": _connections,
    "member": _members,
}
