"""Why a time is or is not offered, for who manages a page: which host, which calendar, which event, booking or buffer."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from conversa_calendar.bookings import availability, counting
from conversa_calendar.bookings.availability import Host
from conversa_calendar.bookings.models import BookingClaim, BookingPage
from conversa_calendar.calendars import access, selectors
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.models import Calendar, Event
from conversa_calendar.domain import availability as rules
from conversa_calendar.domain.vocabulary import HostMode
from conversa_calendar.kit import clock


class Obstacle(msgspec.Struct, frozen=True):
    """What takes a host's time. `calendar` and `event` are empty where the viewer may not see them; `is_buffer` says that
    it stands only in the way of the page's buffers. `kind` is event, booking or hold."""

    host: str
    kind: str
    title: str
    starts_at: datetime
    ends_at: datetime
    calendar: str = ""
    event: str = ""
    is_buffer: bool = False


class Why(msgspec.Struct, frozen=True):
    """One start that the hours allow; `reason` is free, notice, horizon, day_full, week_full or busy."""

    start: datetime
    reason: str
    obstacles: tuple[Obstacle, ...] = ()


def explained(page: BookingPage, duration: int, since: datetime, until: datetime, viewer: Viewer) -> Iterator[Why]:
    """Each start that the hours allow and why it is or is not offered; the best answer of all hosts."""
    able = availability.hosts(page)
    if not able:
        return
    wanted, now = availability.rules_of(page, duration), clock.now()
    hours, taken = availability.hours_of(page), availability.taken(page, since, until)
    busy = availability.busy_of(page, able, wanted, since, until)
    reasons: dict[datetime, list[str]] = {}
    for host in able:
        for found in rules.verdicts(hours, wanted, busy[host.member.pk], taken, since, until, now):
            reasons.setdefault(found.start, []).append(found.reason)
    margin = wanted.duration + wanted.before + wanted.after
    standing = list(_obstacles(page, able, since - margin, until + margin, viewer))
    for start, answers in sorted(reasons.items()):
        is_free = all(a == "free" for a in answers) if page.host_mode == HostMode.ALL else "free" in answers
        reason = "free" if is_free else next(a for a in answers if a != "free")
        span = start - wanted.before, start + wanted.duration + wanted.after
        named = _in_the_way(standing, start, start + wanted.duration, span) if reason == "busy" else ()
        yield Why(start, reason, tuple(named))


def shown(found: Why) -> dict[str, Any]:
    """As the API answers it."""
    rows = [
        {
            "host": one.host,
            "kind": one.kind,
            "calendar": one.calendar or None,
            "event": one.event or None,
            "title": one.title,
            "start": _text(one.starts_at),
            "end": _text(one.ends_at),
            "is_buffer": one.is_buffer,
        }
        for one in found.obstacles
    ]
    return {"start": _text(found.start), "reason": found.reason, "obstacles": rows}


def _in_the_way(
    standing: list[Obstacle], start: datetime, end: datetime, span: tuple[datetime, datetime]
) -> Iterator[Obstacle]:
    for one in standing:
        if one.starts_at < span[1] and one.ends_at > span[0]:
            is_direct = one.starts_at < end and one.ends_at > start
            yield msgspec.structs.replace(one, is_buffer=not is_direct)


def _obstacles(
    page: BookingPage, able: list[Host], since: datetime, until: datetime, viewer: Viewer
) -> Iterator[Obstacle]:
    """What takes each host's time: events in calendars that count, and what bookings and holds claim beside them."""
    calendars = sorted({pk for host in able for pk in host.calendars})
    rows = selectors.busy_rows(
        calendars, since, until, free_types=counting.free_types(page), conditions=counting.conditions(page)
    )
    events = Event.objects.select_related("calendar").in_bulk({event_id for _calendar, event_id, *_span in rows})
    levels = access.levels(viewer)
    for host in able:
        seen = set()
        for calendar_id, event_id, starts_at, ends_at in rows:
            if calendar_id in host.calendars and event_id in events:
                seen.add(event_id)
                words = _words(events[event_id], levels.get(calendar_id, ""), viewer)
                yield Obstacle(str(host.member), "event", starts_at=starts_at, ends_at=ends_at, **words)
        yield from _claims(page, host, seen, since, until)


def _words(event: Event, level: str, viewer: Viewer) -> dict[str, Any]:
    """What may be said of an event: nothing of calendars that the viewer does not see, “Busy” of what is private."""
    if not level:
        return {"title": _("Busy")}
    calendar: Calendar = event.calendar
    if access.is_masked(event, calendar, viewer, level):
        return {"title": _("Busy"), "calendar": calendar.name}
    return {"title": event.summary or _("(No title)"), "calendar": calendar.name, "event": str(event.uuid)}


def _claims(page: BookingPage, host: Host, seen: set[int], since: datetime, until: datetime) -> Iterator[Obstacle]:
    rows = BookingClaim.objects.filter(member=host.member, starts_at__lt=until, ends_at__gt=since)
    for claim in rows.select_related("booking__page").order_by("starts_at"):
        if claim.expires_at is not None and claim.expires_at <= clock.now():
            continue
        booking = claim.booking
        if booking is None:
            title, kind = _("A visitor is filling in the form, or was offered this time"), "hold"
        elif booking.event_id in seen and not (page.buffer_before or page.buffer_after or _has_buffers(booking.page)):
            continue
        else:
            title, kind = booking.page.title, "booking"
        yield Obstacle(str(host.member), kind, title, claim.starts_at, claim.ends_at)


def _has_buffers(page: BookingPage) -> bool:
    return bool(page.buffer_before or page.buffer_after)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
