"""Writing calendars: native ones, names and colours, assignments; outgoing mail.

Whoever acts for a person goes through `acts`, which asks first whether that person may."""

import logging
from typing import Any
from uuid import UUID

from django.core.mail import EmailMultiAlternatives
from django.utils.translation import gettext as _

from conversa_calendar.accounts.models import Inbox, Member, Team
from conversa_calendar.accounts.services import check_zone
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import occurrences, outbox
from conversa_calendar.calendars.models import (
    LEVELS,
    Assignment,
    Calendar,
    Event,
    OutgoingMail,
)
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.domain import addresses
from conversa_calendar.kit import clock

log = logging.getLogger(__name__)
COLORS = ("#4f46e5", "#0f766e", "#b45309", "#be185d", "#1d4ed8", "#15803d", "#7c3aed", "#0369a1", "#b91c1c", "#4d7c0f")


def create_calendar(
    *, name: str, owner: Member | None, time_zone: str, color: str = "", is_personal: bool = False, **more: Any
) -> Calendar:
    """A new calendar; native unless told otherwise."""
    check_zone(time_zone)
    color = color or COLORS[Calendar.objects.count() % len(COLORS)]
    calendar = Calendar(
        name=_named(name), owner=owner, time_zone=time_zone, color=_color(color), is_personal=is_personal, **more
    )
    calendar.save(force_insert=True)
    return calendar


def change_calendar(calendar: Calendar, *, values: dict[str, Any]) -> Calendar:
    """Changes name, colour, zone (native only), hidden types or whether it counts as busy. Raises Invalid."""
    if "name" in values:
        calendar.name = _named(values["name"])
    if "color" in values:
        calendar.color = _color(values["color"])
    if "counts_busy" in values:
        calendar.counts_busy = bool(values["counts_busy"])
    if "hidden_types" in values:
        calendar.hidden_types = list(values["hidden_types"])
    is_rezoned = "time_zone" in values and values["time_zone"] != calendar.time_zone
    if is_rezoned:
        if calendar.is_mirrored:
            raise Invalid("time_zone", _("Google sets the time zone of this calendar."))
        check_zone(values["time_zone"])
        calendar.time_zone = values["time_zone"]
    calendar.save(update_fields=["name", "color", "counts_busy", "hidden_types", "time_zone"])
    if is_rezoned:
        for event in Event.objects.filter(calendar=calendar, deleted_at=None):
            occurrences.rebuild(event, calendar.time_zone)
    return calendar


def delete_calendar(calendar: Calendar) -> None:
    """Takes a native calendar away; its events rest in the trash with it. Raises Invalid."""
    if calendar.is_mirrored:
        raise Invalid("calendar", _("Stop mirroring this calendar on the connections page instead."))
    if calendar.is_personal:
        raise Invalid("calendar", _("A member's own calendar stays."))
    calendar.deleted_at = clock.now()
    calendar.save(update_fields=["deleted_at"])


def assign(calendar: Calendar, items: list[dict[str, str]]) -> None:
    """Replaces a calendar's assignments by `{kind: agent|team|inbox, id, level}` items. Raises Invalid."""
    wanted = [_assignment(calendar, item) for item in items]
    Assignment.objects.filter(calendar=calendar).delete()
    seen = set()
    for assignment in wanted:
        key = (assignment.member_id, assignment.team_id, assignment.inbox_id)
        if key not in seen:
            assignment.save(force_insert=True)
        seen.add(key)


def unassign(group: Team | Inbox) -> None:
    """Takes back every calendar that was assigned to a team or an inbox."""
    field = "team" if isinstance(group, Team) else "inbox"
    Assignment.objects.filter(**{field: group}).delete()


def send_mail(account_id: int) -> int:
    """Sends what the account owes: claimed in a transaction, sent outside it, then marked. One that fails, in whatever way,
    waits for its next attempt and holds up no other. Answers how many were sent."""
    sent = 0
    while mail := outbox.claim(account_id):
        is_sent = _send(mail)
        with tenant(account_id):
            if is_sent:
                OutgoingMail.objects.filter(pk=mail.pk).update(sent_at=clock.now())
            else:
                outbox.failed(mail)
        sent += is_sent
    return sent


def _send(mail: OutgoingMail) -> bool:
    reply_to = [mail.reply_to] if addresses.is_usable(mail.reply_to) else None
    try:
        message = EmailMultiAlternatives(mail.subject, mail.body, to=[mail.to], reply_to=reply_to)
        if mail.ics:
            message.attach_alternative(mail.ics, f"text/calendar; method={mail.method}")
        message.send()
    except Exception as error:
        log.warning("mail %s could not be sent: %s", mail.pk, type(error).__name__)
        return False
    return True


def _assignment(calendar: Calendar, item: dict[str, str]) -> Assignment:
    level = item.get("level") or "details"
    if level not in LEVELS:
        raise Invalid("level", _("A level is busy, details or edit."))
    models: dict[str, tuple[str, Any]] = {
        "agent": ("member", Member),
        "team": ("team", Team),
        "inbox": ("inbox", Inbox),
    }
    if item.get("kind") not in models:
        raise Invalid("kind", _("A calendar is assigned to an agent, a team or an inbox."))
    field, model = models[item["kind"]]
    try:
        found = model.objects.filter(uuid=UUID(item.get("id", ""))).first()
    except ValueError:
        found = None
    if found is None:
        raise Invalid("id", _("There is no such agent, team or inbox in this account."))
    assignment = Assignment(calendar=calendar, level=level)
    setattr(assignment, field, found)
    return assignment


def _named(name: str) -> str:
    if not name.strip() or len(name) > 200:
        raise Invalid("name", _("A name of 1 to 200 characters is needed."))
    return name.strip()


def _color(color: str) -> str:
    if len(color) != 7 or color[0] != "#" or any(c not in "0123456789abcdefABCDEF" for c in color[1:]):
        raise Invalid("color", _("A colour looks like #4f46e5."))
    return color.lower()
