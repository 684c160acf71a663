"""What a visitor's request says: the zone, the length, the time, who they are."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from django.http import HttpRequest
from django.utils import dateformat, translation
from django.utils.translation import gettext as _

from conversa_calendar.bookings.acts import Visitor
from conversa_calendar.bookings.models import BookingPage
from conversa_calendar.calendars.selectors import NotFound
from conversa_calendar.domain import times
from conversa_calendar.kit import clock, reading


class UnknownZone(Exception):
    """What was given as a time zone is none. Times of another zone than the visitor meant would mislead them."""

    def __str__(self) -> str:
        words = _("“%(name)s” is not a time zone. Choose one from the list, such as Europe/Lisbon.")
        return words % {"name": str(self.args[0])[:60]}


def zone(request: HttpRequest, shown: BookingPage) -> str:
    """The zone that the visitor chose, or the page's. Raises UnknownZone."""
    wanted = chosen_zone(request) or shown.time_zone
    if not times.is_zone(wanted):
        raise UnknownZone(wanted)
    return wanted


def chosen_zone(request: HttpRequest) -> str:
    """What the request says of a zone, right or wrong; empty where the visitor did not choose one."""
    return (request.POST.get("zone") or request.GET.get("zone") or "").strip()


def duration(request: HttpRequest, shown: BookingPage) -> int:
    wanted = request.POST.get("duration") or request.GET.get("duration") or ""
    offered = {str(minutes): int(minutes) for minutes in shown.durations}
    return offered.get(wanted, int(shown.durations[0]))


def today(zone: str) -> date:
    return clock.now().astimezone(times.zone_of(zone)).date()


def first_day(request: HttpRequest, zone: str) -> date:
    first = today(zone)
    try:
        return max(first, min(times.read_date(request.GET.get("from", "")), first + timedelta(days=366)))
    except ValueError:
        return first


def start(request: HttpRequest) -> datetime:
    text = request.POST.get("start") or request.GET.get("start") or ""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise NotFound from None


def held(request: HttpRequest) -> UUID | None:
    """The hold that a form was given, before anything is looked up by it. Raises NotFound for what is none."""
    text = request.POST.get("hold", "")
    try:
        return UUID(text) if text else None
    except ValueError:
        raise NotFound from None


def text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def day_and_time(at: datetime, zone: str) -> str:
    return dateformat.format(at.astimezone(times.zone_of(zone)), "D j M H:i")


def visitor(request: HttpRequest, zone: str, questions: int) -> Visitor:
    repeats = request.POST.get("repeats", "1")
    return Visitor(
        language=translation.get_language() or "",
        repeats=reading.whole(repeats) or 1,
        name=request.POST.get("name", ""),
        email=request.POST.get("email", ""),
        time_zone=zone,
        answers=tuple(request.POST.get(f"answer{number}", "") for number in range(questions)),
    )
