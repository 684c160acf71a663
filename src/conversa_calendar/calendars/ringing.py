"""Reminders: by mail or on open pages, once each, for native calendars and for mirrored ones where a member asked.

Google rings for its own calendars already; here they ring only for members who opted in.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.utils import dateformat, timezone, translation
from django.utils.translation import gettext as _

from conversa_calendar.accounts import rounds
from conversa_calendar.accounts.models import Account, Member
from conversa_calendar.accounts.tenancy import current_account, tenant
from conversa_calendar.calendars import access, history
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.models import Calendar, Event, Occurrence, OutgoingMail, Preference, Ring
from conversa_calendar.domain import times
from conversa_calendar.domain.event import Reminder, Reminders
from conversa_calendar.kit import clock

DEFAULT = (Reminder("popup", 10),)
"""What rings for a timed event that keeps its calendar's reminders."""
LATE = timedelta(minutes=15)
"""A reminder that could not ring for longer than this is stale and does not ring at all."""
FAR = timedelta(minutes=40320)
SHOWN_FOR = timedelta(minutes=15)


def open_accounts() -> list[int]:
    """Accounts in which something may ring."""
    return [account.pk for account in Account.objects.all() if account.is_open]


def ring(account_id: int) -> int:
    """Rings everything that is due in an account; answers how much."""
    rung = 0
    with tenant(account_id):
        audience = _audience()
        levels = {member: access.levels(Viewer(member)) for members in audience.values() for member in members}
        for occurrence, reminder in _due(set(audience), clock.now()):
            event = occurrence.event
            for member in audience[occurrence.calendar_id]:
                level = levels[member].get(occurrence.calendar_id)
                if level is not None and not access.is_masked(event, event.calendar, Viewer(member), level):
                    rung += _ring_once(member, occurrence, reminder)
        if rung:
            history.refresh_pages("rings")
    return rung


def forget_old() -> None:
    """Drops what rang so long ago that nothing could ring a second time for it."""
    rounds.for_each_account(_forget_old)


def _forget_old(account_id: int) -> None:
    with tenant(account_id):
        Ring.objects.filter(starts_at__lt=clock.now() - FAR).delete()


def shown_to(member: Member) -> list[str]:
    """The reminders that an open page shows now, in the member's words; each is handed out once."""
    fresh = Ring.objects.filter(member=member, method="popup", shown_at=None, due_at__gt=clock.now() - SHOWN_FOR)
    found = list(fresh.select_related("event__calendar").order_by("due_at")[:20])
    Ring.objects.filter(pk__in=[row.pk for row in found]).update(shown_at=clock.now())
    zone = times.zone_of(member.zone)
    levels, viewer = access.levels(Viewer(member)), Viewer(member)

    def titled(event: Event) -> str:
        is_masked = access.is_masked(event, event.calendar, viewer, levels.get(event.calendar_id, ""))
        return _("Busy") if is_masked else event.summary or _("(No title)")

    return [f"{row.starts_at.astimezone(zone):%H:%M} {titled(row.event)}" for row in found]


def choose(member: Member, calendars: list[Calendar]) -> None:
    """The mirrored calendars for which this member wants to be reminded here as well."""
    preference, _is_new = Preference.objects.get_or_create(member=member)
    preference.ringing_calendars = sorted(calendar.pk for calendar in calendars if calendar.is_mirrored)
    preference.save(update_fields=["ringing_calendars"])


def _audience() -> dict[int, list[Member]]:
    """Whom each calendar rings for, by its id: a native one its owner, a mirrored one who asked for it."""
    asked: dict[int, list[Member]] = {}
    rows = Preference.objects.exclude(ringing_calendars=[]).select_related("member__user", "member__account")
    for preference in rows:
        for pk in preference.ringing_calendars:
            asked.setdefault(pk, []).append(preference.member)
    found: dict[int, list[Member]] = {}
    for calendar in Calendar.objects.select_related("owner__user", "owner__account").filter(deleted_at=None):
        members = asked.get(calendar.pk, []) if calendar.is_mirrored else [calendar.owner] if calendar.owner else []
        if living := [member for member in members if member.is_present]:
            found[calendar.pk] = living
    return found


def _due(calendars: set[int], now: datetime) -> Iterator[tuple[Occurrence, Reminder]]:
    """Occurrences ahead whose reminders fall into the last minutes, declined ones left out."""
    rows = Occurrence.objects.select_related("event__calendar").filter(
        calendar_id__in=calendars, starts_at__gt=now - LATE, starts_at__lte=now + FAR, event__deleted_at=None
    )
    soon = Q(starts_at__lte=now + timedelta(hours=1)) | Q(event__content_json__contains='"overrides"')
    for occurrence in rows.filter(soon):
        if any(guest.self and guest.response == "declined" for guest in occurrence.event.content.attendees):
            continue
        for reminder in _reminders(occurrence):
            if now - LATE < occurrence.starts_at - timedelta(minutes=reminder.minutes) <= now:
                yield occurrence, reminder


def _reminders(occurrence: Occurrence) -> tuple[Reminder, ...]:
    given: Reminders = occurrence.event.content.reminders
    if not given.use_default:
        return given.overrides
    return DEFAULT if occurrence.start_date is None else ()


def _ring_once(member: Member, occurrence: Occurrence, reminder: Reminder) -> bool:
    """Rings for one member unless it did before, whichever worker was first."""
    event = occurrence.event
    due_at = occurrence.starts_at - timedelta(minutes=reminder.minutes)
    query = """
        INSERT INTO calendars_ring
            (account_id, member_id, event_id, original_key, starts_at, minutes, method, due_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING id
    """
    key = (event.pk, occurrence.original_key, occurrence.starts_at, reminder.minutes, reminder.method)
    with connection.cursor() as cursor:
        cursor.execute(query, [current_account(), member.pk, *key, due_at])
        if cursor.fetchone() is None:
            return False
    if reminder.method == "email":
        _mail(member, occurrence)
    return True


def _mail(member: Member, occurrence: Occurrence) -> None:
    zone = times.zone_of(member.zone)
    with translation.override(member.language or settings.LANGUAGE_CODE), timezone.override(zone):
        title = " ".join((occurrence.event.summary or _("(No title)")).split())
        if occurrence.start_date is not None:
            when = dateformat.format(occurrence.start_date, "j F Y")
        else:
            when = dateformat.format(occurrence.starts_at.astimezone(zone), "j F Y H:i")
        lines = [title, when, occurrence.event.content.location, f"{settings.PUBLIC_URL}/calendar"]
        subject = _("Reminder: %(title)s") % {"title": title}
        OutgoingMail(to=member.user.email, subject=subject[:300], body="\n".join(filter(None, lines))).save(
            force_insert=True
        )
