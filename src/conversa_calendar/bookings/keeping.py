"""Making, changing, copying and taking away booking pages."""

import re
from typing import Any

from django.utils.translation import gettext as _

from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.bookings import availability, pages
from conversa_calendar.bookings.models import BookingHost, BookingPage, PageAddress
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.kit import clock, ids


def create(*, owner: Member, values: dict[str, Any]) -> BookingPage:
    """A new page, not published unless asked for; its owner is the host when nobody is named. Raises Invalid."""
    page = BookingPage(owner=owner, time_zone=owner.zone)
    page.durations, page.weekly, page.location = [30], pages.WORKWEEK, {"kind": "meet", "value": ""}
    page.title, page.reminders = _("Meeting"), [1440]
    page.key = f"{_slug(str(values.get('title', '')))}-{ids.new_uuid().hex[:10]}"
    _refuse_others(owner, values)
    hosts = values.get("hosts") or ([] if values.get("team") or values.get("inbox") else [{"id": str(owner.uuid)}])
    pages.take(page, values | {"hosts": hosts})
    PageAddress.objects.create(key=page.key, account_id=page.account_id, page_uuid=page.uuid)
    return page


def change(page: BookingPage, *, values: dict[str, Any], by: Member) -> BookingPage:
    """Changes the named fields. Bookings that exist keep their events and times. A page that offers people whom its owner
    may not offer becomes that of who manages pages and saves it. Raises Invalid."""
    _refuse_others(by, values)
    pages.take(page, values)
    people = [row.member for row in BookingHost.objects.filter(page=page).select_related("member")]
    is_groups = page.team_id is not None or page.inbox_id is not None
    if availability.may_offer_all(page) or (not is_groups and all(one.pk == page.owner_id for one in people)):
        return page
    if not by.may(Permission.BOOKINGS):
        raise Invalid("hosts", _("On a page of your own you are the only host."))
    page.owner = by
    page.save(update_fields=["owner"])
    return page


def copy(page: BookingPage, *, owner: Member) -> BookingPage:
    """The same page once more, under an address of its own and not published, so that it can be changed first. Who may
    have own pages only is its one host. Raises Invalid."""
    made = BookingPage(owner=owner, time_zone=page.time_zone)
    values = {name: getattr(page, name) for name in pages.FIELDS} | {"is_published": False}
    values["title"] = (_("Copy of %(title)s") % {"title": page.title})[:120]
    hosts: list[dict[str, Any]] = [{"id": str(owner.uuid)}]
    if owner.may(Permission.BOOKINGS):
        hosts = _hosts_of(page)
        values |= {"team": page.team and str(page.team.uuid), "inbox": page.inbox and str(page.inbox.uuid)}
    made.key = f"{_slug(page.title)}-{ids.new_uuid().hex[:10]}"
    pages.take(made, values | {"hosts": hosts})
    PageAddress.objects.create(key=made.key, account_id=made.account_id, page_uuid=made.uuid)
    return made


def _hosts_of(page: BookingPage) -> list[dict[str, Any]]:
    rows = BookingHost.objects.filter(page=page).select_related("member", "calendar").order_by("pk")
    return [
        {"id": str(row.member.uuid), "calendar": str(row.calendar.uuid) if row.calendar else None, "weight": row.weight}
        for row in rows
    ]


def delete(page: BookingPage) -> None:
    """Takes a page away; its bookings stay and can still be changed by their visitors."""
    page.deleted_at, page.is_published = clock.now(), False
    page.save(update_fields=["deleted_at", "is_published"])
    PageAddress.objects.filter(page_uuid=page.uuid).delete()


def _refuse_others(member: Member, values: dict[str, Any]) -> None:
    """Who may have own pages only is the one host of them."""
    if member.may(Permission.BOOKINGS):
        return
    hosts = values.get("hosts") or []
    rows = [row.get("id") for row in hosts if isinstance(row, dict)] if isinstance(hosts, list) else [None]
    if values.get("team") or values.get("inbox") or set(rows) - {str(member.uuid)}:
        raise Invalid("hosts", _("On a page of your own you are the only host."))


def _slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40] or "meeting"
