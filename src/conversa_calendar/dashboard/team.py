"""Colleagues and their time: who they are, what keeps them busy as far as the viewer may know, when all are free."""

from datetime import date, datetime, time, timedelta
from typing import Any

import msgspec

from conversa_calendar.accounts import selectors as accounts
from conversa_calendar.accounts.models import Member
from conversa_calendar.calendars import selectors
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.models import Calendar
from conversa_calendar.domain import availability, times
from conversa_calendar.domain.availability import Busy, Hours, Rules
from conversa_calendar.domain.event import Content
from conversa_calendar.kit import clock

DAYS_AHEAD = 14
STEP = timedelta(minutes=30)


class Colleague(msgspec.Struct, frozen=True):
    """A member with the calendars of theirs that the viewer sees; none means that their time is not known."""

    member: Member
    calendars: tuple[tuple[Calendar, str], ...]

    @property
    def is_known(self) -> bool:
        return any(calendar.counts_busy for calendar, _level in self.calendars)


def colleagues() -> list[dict[str, Any]]:
    """Everybody who can be invited: {email, name, connected}; `connected` says whether Google brings their calendar."""
    owners = _connected()
    return [
        {"email": found.user.email, "name": str(found), "connected": found.pk in owners} for found in accounts.present()
    ]


def unconnected(content: Content) -> set[str]:
    """Addresses among an event's guests of colleagues whose Google calendar is not connected here."""
    guests = {guest.email.lower() for guest in content.attendees}
    if not guests:
        return set()
    owners = _connected()
    members = accounts.present().filter(user__email__in=guests)
    return {found.user.email.lower() for found in members if found.pk not in owners}


def chosen(viewer: Viewer, *, agents: list[str], team: str = "", inbox: str = "") -> list[Colleague]:
    """Colleagues by uuid, of a team or of an inbox; everybody when nothing is chosen."""
    found = list(accounts.present())
    groups: list[tuple[str, Any]] = [(team, accounts.teams()), (inbox, accounts.inboxes())]
    for wanted, rows in groups:
        if wanted:
            inside = {member.pk for group in rows if str(group.uuid) == wanted for member in group.members.all()}
            found = [member for member in found if member.pk in inside]
    if agents:
        found = [member for member in found if str(member.uuid) in agents]
    pairs = selectors.visible(viewer)
    return [Colleague(member, tuple(selectors.filtered(pairs, agent=str(member.uuid)))) for member in found]


def busy(people: list[Colleague], since: datetime, until: datetime) -> dict[int, list[Busy]]:
    """Each member's busy spans in [since, until), merged, by member id."""
    calendars = {c.pk for person in people for c, _level in person.calendars if c.counts_busy}
    spans = selectors.busy_spans(sorted(calendars), since, until)
    found = {}
    for person in people:
        mine = [span for c, _level in person.calendars if c.counts_busy for span in spans.get(c.pk, ())]
        found[person.member.pk] = availability.merged(mine)
    return found


def free_times(
    people: list[Colleague], *, zone: str, first: date, length: timedelta, hours: tuple[int, int], weekends: bool
) -> list[datetime]:
    """Starts within the next days at which everybody whose time is known is free, in order."""
    since = _midnight(first, zone)
    until = _midnight(first + timedelta(days=DAYS_AHEAD), zone)
    open_hours = ((hours[0] * 60, hours[1] * 60),)
    weekly = (open_hours,) * 5 + ((open_hours if weekends else ()),) * 2
    taken = busy(people, since - timedelta(days=1), until + timedelta(days=1))
    everybody = availability.merged(span for spans in taken.values() for span in spans)
    rules = Rules(duration=length, step=STEP, horizon=timedelta(days=400))
    return availability.slots(Hours(zone, weekly), rules, everybody, (), since, until, clock.now())


def strips(
    people: list[Colleague], *, zone: str, day: date, hours: tuple[int, int]
) -> list[tuple[Colleague, list[dict[str, Any]]]]:
    """For each colleague the busy parts of a day's hours: {left, width} in percent of the strip, and {begin, end}."""
    begin, end = _midnight(day, zone) + timedelta(hours=hours[0]), _midnight(day, zone) + timedelta(hours=hours[1])
    whole = (end - begin).total_seconds()
    found = []
    for person, spans in ((person, busy([person], begin, end)[person.member.pk]) for person in people):
        parts = []
        for since, until in spans:
            since, until = max(since, begin), min(until, end)
            if since >= until:
                continue
            left, width = (since - begin).total_seconds() / whole, (until - since).total_seconds() / whole
            local = times.zone_of(zone)
            parts.append(
                {
                    "left": f"{left * 100:.2f}",
                    "width": f"{width * 100:.2f}",
                    "begin": f"{since.astimezone(local):%H:%M}",
                    "end": f"{until.astimezone(local):%H:%M}",
                }
            )
        found.append((person, parts))
    return found


def placed(tiles: list[dict[str, Any]], *, zone: str, day: date) -> list[dict[str, Any]]:
    """A day's timed tiles with their place in a column, in percent: {top, height, left, width, begin, end}. Those that
    overlap stand side by side."""
    begin, end = _midnight(day, zone), _midnight(day + timedelta(days=1), zone)
    whole, local = (end - begin).total_seconds(), times.zone_of(zone)
    rows = []
    for tile in tiles:
        since, until = (datetime.fromisoformat(tile[side]) for side in ("start", "end"))
        since, until = max(since, begin), min(max(until, since + timedelta(minutes=15)), end)
        if since < until:
            rows.append((since, until, tile))
    found: list[dict[str, Any]] = []
    cluster: list[tuple[int, dict[str, Any]]] = []
    lanes: list[datetime] = []
    for since, until, tile in sorted(rows, key=lambda row: (row[0], row[1])):
        if lanes and since >= max(lanes):
            found += _side_by_side(cluster, len(lanes))
            cluster, lanes = [], []
        lane = next((number for number, free_at in enumerate(lanes) if free_at <= since), len(lanes))
        lanes[lane : lane + 1] = [until]
        place = {
            "top": f"{(since - begin).total_seconds() / whole * 100:.3f}",
            "height": f"{(until - since).total_seconds() / whole * 100:.3f}",
            "begin": f"{since.astimezone(local):%H:%M}",
            "end": f"{until.astimezone(local):%H:%M}",
        }
        cluster.append((lane, tile | place))
    return found + _side_by_side(cluster, len(lanes))


def _side_by_side(cluster: list[tuple[int, dict[str, Any]]], lanes: int) -> list[dict[str, Any]]:
    return [tile | {"across": f"{lane / lanes * 100:.2f}", "breadth": f"{100 / lanes:.2f}"} for lane, tile in cluster]


def _connected() -> set[int]:
    rows = Calendar.objects.filter(is_mirrored=True, deleted_at=None).exclude(owner=None)
    return set(rows.values_list("owner_id", flat=True))


def _midnight(day: date, zone: str) -> datetime:
    return times.instant(times.Timed(datetime.combine(day, time()), zone))
