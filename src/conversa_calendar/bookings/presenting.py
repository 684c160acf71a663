"""Pages, slots and bookings as the API shows them."""

from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from conversa_calendar.accounts import preconditions
from conversa_calendar.bookings import mails
from conversa_calendar.bookings.availability import Host
from conversa_calendar.bookings.models import Booking, BookingHost, BookingOffer, BookingPage
from conversa_calendar.bookings.pages import FIELDS
from conversa_calendar.calendars import access
from conversa_calendar.calendars.access import Viewer


def page(shown: BookingPage) -> dict[str, Any]:
    hosts = BookingHost.objects.filter(page=shown).select_related("member", "calendar").order_by("pk")
    rows = [
        {"id": str(h.member.uuid), "calendar": str(h.calendar.uuid) if h.calendar else None, "weight": h.weight}
        for h in hosts
    ]
    groups = {
        name: str(group.uuid) if group else None for name, group in (("team", shown.team), ("inbox", shown.inbox))
    }
    frame = {"id": str(shown.uuid), "slug": shown.key, "url": f"{settings.PUBLIC_URL}/book/{shown.key}"}
    found = frame | {name: getattr(shown, name) for name in FIELDS} | groups | {"hosts": rows}
    return found | {"etag": preconditions.tag(sorted(found.items()))}


def slot(start: datetime, end: datetime, hosts: list[Host]) -> dict[str, Any]:
    return {"start": instant(start), "end": instant(end), "hosts": [str(host.member.uuid) for host in hosts]}


def booking(shown: Booking, viewer: Viewer) -> dict[str, Any]:
    """A booking; of an event that is private to somebody else nothing but what was booked."""
    event = shown.event
    is_open = event is not None and not access.hides(
        event.is_private, access.private_owner_id(event, event.calendar), viewer, "details"
    )
    return {
        "id": str(shown.uuid),
        "page": str(shown.page.uuid),
        "host": str(shown.host.uuid),
        "event": str(event.uuid) if event is not None else None,
        "calendar": str(event.calendar.uuid) if event is not None else None,
        "state": shown.state,
        "start": instant(shown.starts_at),
        "end": instant(shown.ends_at),
        "name": shown.name,
        "email": shown.email,
        "time_zone": shown.time_zone,
        "answers": shown.answers,
        "guests": shown.guests,
        "group": str(shown.group) if shown.group else None,
        "flag": shown.flag or None,
        "cancelled_by": shown.cancelled_by or None,
        "moved_by": shown.moved_by or None,
        "references": event.references if event is not None and is_open else [],
        "conference_uri": event.content.conference.uri if event is not None and is_open else "",
        "created_at": instant(shown.created_at),
        "etag": shown.etag,
    }


def offer(shown: BookingOffer) -> dict[str, Any]:
    """An offer with the text that an agent pastes into a reply."""
    links = [{"start": instant(start), "url": mails.offer_url(shown, start)} for start in shown.starts]
    text = mails.offer_text(shown)
    return {"id": str(shown.uuid), "expires_at": instant(shown.expires_at), "links": links, "text": text}


def instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
