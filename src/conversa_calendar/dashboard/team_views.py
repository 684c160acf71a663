"""The team's day side by side, and the times at which several agents are free."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from conversa_calendar.accounts import selectors as accounts
from conversa_calendar.calendars import wording
from conversa_calendar.dashboard import event_forms, feed, live, team
from conversa_calendar.dashboard.guards import MemberRequest, page, viewer
from conversa_calendar.domain import times
from conversa_calendar.domain.times import Timed
from conversa_calendar.kit import reading

LENGTHS = (15, 30, 45, 60, 90, 120)
SHOWN_MAX = 24
DAYS_SHOWN = 3
YEARS_MAX = 50


@require_GET
@page()
def day(request: MemberRequest) -> HttpResponse:
    """One day, a column for each agent."""
    zone = event_forms.zone_of(request.member)
    shown = _day(request)
    people = _people(request)
    since = times.instant(Timed(_midnight(shown), zone))
    until = times.instant(Timed(_midnight(shown + timedelta(days=1)), zone))
    columns = []
    for person in people:
        tiles = feed.tiles(viewer(request), list(person.calendars), since, until)
        whole = [tile for tile in tiles if tile["allDay"] and _is_on(tile, shown)]
        timed = [tile for tile in tiles if not tile["allDay"]]
        columns.append((person, whole, team.placed(timed, zone=zone, day=shown)))
    context = _context(request, people) | {
        "day": shown,
        "words": wording.day_in_words(shown),
        "previous": shown - timedelta(days=1),
        "next": shown + timedelta(days=1),
        "columns": columns,
        "hours": [(hour, f"{hour / 24 * 100:.3f}") for hour in range(24)],
    }
    return render(request, "dashboard/team.html", context)


@require_GET
@page()
def find(request: MemberRequest) -> HttpResponse:
    """When the chosen agents are all free; `guests` chooses them by address, as the event's form does."""
    query, zone = request.GET, event_forms.zone_of(request.member)
    first = _day(request)
    length = _choice(query.get("minutes", ""), 5, 480, 30)
    opens = _choice(query.get("opens", ""), 0, 23, 9)
    closes = _choice(query.get("closes", ""), opens + 1, 24, max(18, opens + 1))
    people = _people(request)
    addresses = {part.strip().lower() for part in query.get("guests", "").split(",") if part.strip()}
    if addresses and "agent" not in query:
        people = [p for p in people if p.member.user.email.lower() in addresses or p.member.pk == request.member.pk]
    known = [person for person in people if person.is_known]
    weekends, span = "weekends" in query, timedelta(minutes=length)
    starts = (
        team.free_times(known, zone=zone, first=first, length=span, hours=(opens, closes), weekends=weekends)
        if known
        else []
    )
    local = times.zone_of(zone)
    slots: dict[date, list[dict[str, str]]] = {}
    for start in starts[: SHOWN_MAX * 4]:
        at = start.astimezone(local).replace(tzinfo=None)
        row = {"start": at.isoformat(timespec="minutes"), "end": (at + span).isoformat(timespec="minutes")}
        slots.setdefault(at.date(), []).append(row | {"words": f"{at:%H:%M}–{at + span:%H:%M}"})
    days = [first + timedelta(days=number) for number in range(DAYS_SHOWN)]
    strangers = sorted(addresses - {p.member.user.email.lower() for p in people})
    others = [p.member.user.email for p in people if p.member.pk != request.member.pk]
    context = _context(request, people) | {
        "day": first,
        "minutes": length,
        "lengths": sorted({*LENGTHS, length}),
        "opens": opens,
        "closes": closes,
        "weekends": weekends,
        "slots": [(wording.day_in_words(found), rows) for found, rows in list(slots.items())[:7]],
        "strips": [
            (wording.day_in_words(found), team.strips(people, zone=zone, day=found, hours=(opens, closes)))
            for found in days
        ],
        "guests": ", ".join([*others, *strangers]),
        "strangers": strangers,
        "unknown": [person for person in people if not person.is_known],
        "is_chosen": bool(known),
    }
    return render(request, "dashboard/find_time.html", context)


def _context(request: MemberRequest, people: list[team.Colleague]) -> dict[str, Any]:
    return {
        "people": people,
        "members": accounts.present(),
        "chosen": {str(person.member.uuid) for person in people},
        "teams": accounts.teams(),
        "inboxes": accounts.inboxes(),
        "team": request.GET.get("team", ""),
        "inbox": request.GET.get("inbox", ""),
        "zone": event_forms.zone_of(request.member),
        "live_url": live.address(request),
    }


def _people(request: MemberRequest) -> list[team.Colleague]:
    query = request.GET
    return team.chosen(
        viewer(request), agents=query.getlist("agent"), team=query.get("team", ""), inbox=query.get("inbox", "")
    )


def _day(request: MemberRequest) -> date:
    today = event_forms.civil_now(request.member).date()
    try:
        found = times.read_date(request.GET.get("date", ""))
    except ValueError:
        return today
    return found if abs(found.year - today.year) <= YEARS_MAX else today


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _is_on(tile: dict[str, Any], day: date) -> bool:
    return bool(tile["start"] <= day.isoformat() < tile["end"])


def _choice(text: str, least: int, most: int, otherwise: int) -> int:
    found = reading.whole(text)
    return found if found is not None and least <= found <= most else otherwise
