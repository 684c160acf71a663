"""What a page offers: the hosts' busy time out of calendars and claims, brought to the pure rules."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection
from django.db.models import Q

from conversa_calendar.accounts.models import PRESENT, InboxMember, Member, TeamMember
from conversa_calendar.accounts.permissions import BUILT_IN, Permission
from conversa_calendar.bookings import counting
from conversa_calendar.bookings.models import CANCELLED, Booking, BookingHost, BookingPage
from conversa_calendar.calendars import access, selectors
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.models import Calendar
from conversa_calendar.calendars.signals import staleness_asked, unwritable_asked
from conversa_calendar.domain import availability as rules
from conversa_calendar.domain.availability import Busy, Hours, Rules
from conversa_calendar.domain.vocabulary import HostMode
from conversa_calendar.kit import clock

RANGE_MAX = timedelta(days=62)


class Host(msgspec.Struct, frozen=True):
    """A member who can be booked, where their bookings go, and the calendars that keep them busy."""

    member: Member
    calendar: Calendar
    weight: int
    calendars: tuple[int, ...]
    is_stale: bool = False


def hosts(page: BookingPage) -> list[Host]:
    """The page's hosts who can be booked now: present members of the chosen team or inbox whom the page's owner may offer,
    with a calendar that one of the two may write to."""
    chosen = {row.member_id: row for row in BookingHost.objects.filter(page=page).select_related("calendar")}
    members = Member.objects.select_related("user").filter(PRESENT, pk__in=_member_ids(page, chosen))
    owned: dict[int, list[Calendar]] = {}
    for calendar in Calendar.objects.filter(owner__in=members, deleted_at=None).order_by("pk"):
        owned.setdefault(calendar.owner_id or 0, []).append(calendar)
    found = []
    for member in members.order_by("pk"):
        row, mine = chosen.get(member.pk), owned.get(member.pk, [])
        target = row.calendar if row and row.calendar_id else _default_target(mine)
        if target is None or not _is_writable(target, member, page) or not may_offer(page, member):
            if page.host_mode == HostMode.ALL:
                return []  # together means everybody
            continue
        counted = {calendar.pk for calendar in mine if calendar.counts_busy} | {target.pk}
        found.append(Host(member, target, row.weight if row else 1, tuple(sorted(counted))))
    return _without_stale(page, _without_unwritable(page, found))


def unwritable_hosts(page: BookingPage) -> list[Host]:
    """Hosts who are not offered as nothing can be put at the provider into the calendar that their bookings go to."""
    chosen = {row.member_id: row for row in BookingHost.objects.filter(page=page).select_related("calendar")}
    members = Member.objects.select_related("user").filter(PRESENT, pk__in=_member_ids(page, chosen)).order_by("pk")
    rows = [(member, chosen.get(member.pk)) for member in members]
    targets = [Host(member, row.calendar, row.weight, ()) for member, row in rows if row and row.calendar is not None]
    closed = _unwritable(targets)
    return [host for host in targets if host.calendar.pk in closed]


def _without_unwritable(page: BookingPage, found: list[Host]) -> list[Host]:
    """Nobody is booked into a calendar that the booking cannot reach, whatever the page says of unread ones."""
    closed = _unwritable(found)
    able = [host for host in found if host.calendar.pk not in closed]
    return able if page.host_mode != HostMode.ALL or len(able) == len(found) else []


def _unwritable(found: list[Host]) -> set[int]:
    asked = sorted({host.calendar.pk for host in found if host.calendar.is_mirrored})
    answers: list[tuple[Any, Any]] = unwritable_asked.send(sender=None, calendars=asked) if asked else []
    return {pk for _receiver, answer in answers for pk in answer}


def _unhidden(page: BookingPage) -> BookingPage:
    """The page as it would be if it hid nobody whose calendars cannot be read."""
    groups = {"team_id": page.team_id, "inbox_id": page.inbox_id}
    return BookingPage(pk=page.pk, owner=page.owner, stale_policy="warn", **groups)


def _is_writable(target: Calendar, host: Member, page: BookingPage) -> bool:
    """Whether the host or the page's owner may put an event into a calendar now, whatever it was when it was chosen."""
    if target.is_read_only or target.deleted_at is not None:
        return False
    if target.owner_id == host.pk:
        return True
    people = [one for one in (host, page.owner) if one is not None and one.is_present]
    return any(access.levels(Viewer(one)).get(target.pk) == "edit" for one in people)


def calendars_of(page: BookingPage) -> frozenset[str]:
    """The outside ids of every calendar that the page reads or books into, whether its host can be booked now or not."""
    chosen = {row.member_id: row for row in BookingHost.objects.filter(page=page).select_related("calendar")}
    owned = Calendar.objects.filter(owner__in=_member_ids(page, chosen), deleted_at=None)
    targets = {row.calendar.uuid for row in chosen.values() if row.calendar is not None}
    return frozenset(map(str, {*owned.values_list("uuid", flat=True), *targets}))


def relied_on(page: BookingPage) -> list[int]:
    """The calendars by which a page offers times, readable at the moment or not."""
    shown = _unhidden(page)
    return sorted({pk for host in hosts(shown) for pk in host.calendars})


def needed(calendars: list[int]) -> set[int]:
    """Those of the calendars on which a published page depends: destinations, and what keeps its hosts busy."""
    pages = BookingPage.objects.filter(is_published=True, deleted_at=None)
    chosen = BookingHost.objects.filter(page__in=pages)
    teams = TeamMember.objects.filter(team__in=pages.exclude(team=None).values("team"))
    inboxes = InboxMember.objects.filter(inbox__in=pages.exclude(inbox=None).values("inbox"))
    people = Q(owner__in=chosen.filter(page__team=None, page__inbox=None).values("member"))
    people |= Q(owner__in=teams.values("member")) | Q(owner__in=inboxes.values("member"))
    relied = Q(counts_busy=True) & people | Q(pk__in=chosen.exclude(calendar=None).values("calendar"))
    return set(Calendar.objects.filter(relied, pk__in=calendars, deleted_at=None).values_list("pk", flat=True))


def may_offer_all(page: BookingPage) -> bool:
    """Whether the page's owner may put anybody's time on offer, by the role that they have now. An owner who left keeps what
    their role was."""
    owner = page.owner
    if owner is None:
        return True
    return Permission.BOOKINGS in (owner.role.permissions if owner.role else BUILT_IN.get(owner.built_in, ()))


def may_offer(page: BookingPage, host: Member) -> bool:
    """Whether the page's owner may put this host's time on offer: whoever does not manage all pages offers their own only."""
    is_own = page.owner_id == host.pk and not page.team_id and not page.inbox_id
    return is_own or may_offer_all(page)


def stale_hosts(page: BookingPage) -> list[Host]:
    """Hosts whose calendars cannot be read at the moment, whatever the page does about them."""
    shown = _unhidden(page)
    return [host for host in hosts(shown) if host.is_stale]


def _without_stale(page: BookingPage, found: list[Host]) -> list[Host]:
    """A host whose calendars may be out of date is hidden or marked, as the page says; never silently free."""
    asked = sorted({pk for host in found for pk in host.calendars})
    answers: list[tuple[Any, Any]] = staleness_asked.send(sender=None, calendars=asked) if asked else []
    stale = {pk for _receiver, answer in answers for pk in answer}
    marked = [msgspec.structs.replace(host, is_stale=True) if stale & set(host.calendars) else host for host in found]
    if page.stale_policy == "warn":
        return marked
    fresh = [host for host in marked if not host.is_stale]
    return fresh if page.host_mode != HostMode.ALL or len(fresh) == len(marked) else []


def slots(
    page: BookingPage,
    duration: int,
    since: datetime,
    until: datetime,
    ignored: int | None = None,
    own: frozenset[UUID] = frozenset(),
) -> dict[datetime, list[Host]]:
    """Bookable starts in [since, until) with the hosts who are free then, in order of time. The event `ignored`, which
    is about to move, does not count as busy, nor do the holds that are the asker's `own`."""
    able = hosts(page)
    wanted, now = rules_of(page, duration), clock.now()
    if not able or duration not in page.durations:
        return {}
    counted, busy = taken(page, since, until, ignored), busy_of(page, able, wanted, since, until, ignored, own)
    free = {
        host.member.pk: set(rules.slots(hours_of(page), wanted, busy[host.member.pk], counted, since, until, now))
        for host in able
    }
    if page.host_mode == HostMode.ALL:
        common = set.intersection(*free.values())
        return dict.fromkeys(sorted(common), able)
    every = sorted(set().union(*free.values()))
    return {start: [host for host in able if start in free[host.member.pk]] for start in every}


def busy_of(
    page: BookingPage,
    able: list[Host],
    wanted: Rules,
    since: datetime,
    until: datetime,
    ignored: int | None = None,
    own: frozenset[UUID] = frozenset(),
) -> dict[int, list[Busy]]:
    """Each host's busy time around [since, until): counting calendars, and claims of other bookings and holds."""
    margin = wanted.duration + wanted.before + wanted.after + timedelta(days=1)
    begin, end = since - margin, until + margin
    by_calendar = _calendar_spans(page, {pk for host in able for pk in host.calendars}, begin, end, ignored)
    claims = _claim_spans([host.member.pk for host in able], begin, end, ignored, own)
    found = {}
    for host in able:
        spans = [span for pk in host.calendars for span in by_calendar.get(pk, [])]
        found[host.member.pk] = rules.merged([*spans, *claims.get(host.member.pk, [])])
    return found


def is_free(page: BookingPage, host: Host, duration: int, start: datetime, ignored: int | None) -> bool:
    """Whether nothing else takes a host's time then, buffers included; hours, notice and limits are not asked."""
    wanted = rules_of(page, duration)
    begin, end = start - wanted.before, start + wanted.duration + wanted.after
    busy = busy_of(page, [host], wanted, begin, end, ignored)[host.member.pk]
    return not any(since < end and until > begin for since, until in busy)


def hours_of(page: BookingPage) -> Hours:
    weekly = tuple(tuple((a, b) for a, b in day) for day in page.weekly)
    overrides = {date.fromisoformat(day): tuple((a, b) for a, b in spans) for day, spans in page.overrides.items()}
    return Hours(page.time_zone, weekly, overrides)


def rules_of(page: BookingPage, duration: int) -> Rules:
    def minutes(count: int) -> timedelta:
        return timedelta(minutes=count)

    return Rules(
        duration=minutes(duration),
        step=minutes(page.step),
        before=minutes(page.buffer_before),
        after=minutes(page.buffer_after),
        notice=minutes(page.notice),
        horizon=timedelta(days=page.horizon_days),
        per_day=page.per_day,
        per_week=page.per_week,
    )


def _member_ids(page: BookingPage, chosen: dict[int, BookingHost]) -> set[int]:
    """A team or inbox decides who may be booked; leaving it ends that at once."""
    if page.team_id:
        return set(TeamMember.objects.filter(team=page.team_id).values_list("member_id", flat=True))
    if page.inbox_id:
        return set(InboxMember.objects.filter(inbox=page.inbox_id).values_list("member_id", flat=True))
    return set(chosen)


def _default_target(mine: list[Calendar]) -> Calendar | None:
    """A member's own native calendar, the one that every member has."""
    return next((calendar for calendar in mine if calendar.is_personal), None)


def _calendar_spans(
    page: BookingPage, calendars: set[int], begin: datetime, end: datetime, ignored: int | None
) -> dict[int, list[Busy]]:
    free, conditions = counting.free_types(page), counting.conditions(page)
    return selectors.busy_spans(list(calendars), begin, end, free_types=free, ignored=ignored, conditions=conditions)


def _claim_spans(
    members: list[int], begin: datetime, end: datetime, ignored: int | None, own: frozenset[UUID]
) -> dict[int, list[Busy]]:
    query = """
        SELECT member_id, starts_at, ends_at FROM bookings_bookingclaim
        WHERE member_id = ANY(%s) AND starts_at < %s AND ends_at > %s AND (expires_at IS NULL OR expires_at > %s)
          AND (booking_id IS NULL OR booking_id NOT IN (SELECT id FROM bookings_booking WHERE event_id = %s))
          AND (hold IS NULL OR NOT hold = ANY(%s))
    """
    found: dict[int, list[Busy]] = {}
    with connection.cursor() as cursor:
        cursor.execute(query, [members, end, begin, clock.now(), ignored or 0, list(own)])
        for member_id, starts_at, ends_at in cursor.fetchall():
            found.setdefault(member_id, []).append((starts_at, ends_at))
    return found


def taken(page: BookingPage, since: datetime, until: datetime, ignored: int | None = None) -> list[datetime]:
    """Starts of the page's bookings a week around the range, for its limits. A booking that is about to move, that of the
    event `ignored`, leaves its place in them."""
    if not page.per_day and not page.per_week:
        return []
    week = timedelta(days=8)
    rows = Booking.objects.filter(page=page, starts_at__gt=since - week, starts_at__lt=until + week)
    found = rows.exclude(state=CANCELLED).values_list("starts_at", "event_id")
    return [starts_at for starts_at, event_id in found if ignored is None or event_id != ignored]
