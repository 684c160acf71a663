"""Everything that an account holds, to take elsewhere: a zip of iCalendar and JSON files, packed by a job.

It holds what its member sees, at that moment and no more: what is private to somebody else is “Busy” in it as everywhere,
and there are no credentials of any kind. Only that member can have it, signed in, while they manage the account, and for
three days.
"""

import json
import re
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import IO, Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from conversa_calendar.accounts import selectors as accounts
from conversa_calendar.accounts.acting import NotAllowed, Refusal
from conversa_calendar.accounts.models import Inbox, Member, Team
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.bookings import presenting as bookings_shown
from conversa_calendar.bookings import selectors as bookings
from conversa_calendar.bookings.models import Booking
from conversa_calendar.calendars import access, presenting, selectors
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.models import Calendar, Event, History
from conversa_calendar.calendars.selectors import NotFound
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.domain import published
from conversa_calendar.formats import exporting
from conversa_calendar.formats.models import EXPORT_LIFE, Export, ExportPart
from conversa_calendar.kit import clock

PART_BYTES = 1_000_000
CLAIMED_FOR = timedelta(minutes=30)
"""Whoever packs and has not finished by then is not there any more."""
A_DAY_MAX = 5
README = """What this account held on {at}, as {member} sees it.

account.json, members.json, teams.json, inboxes.json   people and groups
calendars.json                                         calendars, and who sees them
calendars/*.ics                                        each calendar for other programs (iCalendar, RFC 5545)
calendars/*.events.json                                its events with all their fields and references, as the API shows them
calendars/*.history.json                               who changed what, and when
booking-pages.json, bookings.json                      pages to book on, and what was booked

Times that are private to somebody else read "Busy". Passwords, tokens, connections' credentials and addresses of feeds are not here.
"""


def start(viewer: Viewer) -> Export:
    """Asks for an export; the job is the caller's. Raises NotAllowed, Invalid."""
    _check(viewer)
    with transaction.atomic():
        today = Export.objects.filter(member=viewer.member, created_at__gt=clock.now() - timedelta(days=1)).count()
        if today >= A_DAY_MAX:
            raise Invalid(
                "export",
                _("You asked for %(most)d exports today; the next one is possible tomorrow.") % {"most": A_DAY_MAX},
            )
        found = Export(member=viewer.member, sees_private=viewer.sees_private)
        found.save(force_insert=True)
        return found


def listed(viewer: Viewer) -> list[Export]:
    """The viewer's exports that can still be had. Raises NotAllowed."""
    _check(viewer)
    rows = Export.objects.filter(member=viewer.member, created_at__gt=clock.now() - EXPORT_LIFE)
    return list(rows.order_by("-pk"))


def ready(viewer: Viewer, uuid: UUID | str) -> Export:
    """An export whose file can be had. Raises NotFound, NotAllowed."""
    found = one(viewer, uuid)
    if found.state != "ready" or (found.sees_private and not viewer.sees_private):
        raise NotFound
    return found


def one(viewer: Viewer, uuid: UUID | str) -> Export:
    """One export of the viewer's. Raises NotFound, NotAllowed."""
    _check(viewer)
    try:
        wanted = uuid if isinstance(uuid, UUID) else UUID(uuid)
    except ValueError:
        raise NotFound from None
    found = Export.objects.filter(member=viewer.member, uuid=wanted).first()
    if found is None:
        raise NotFound
    return found


def file(found: Export) -> Iterator[bytes]:
    """The bytes of a finished export, piece by piece; each is read by itself."""
    number = 0
    while True:
        with tenant(found.account_id):
            part = ExportPart.objects.filter(export_id=found.pk, number=number).first()
        if part is None:
            return
        yield bytes(part.data)
        number += 1


def shown(found: Export) -> dict[str, Any]:
    """An export as the API shows it."""
    return {
        "id": str(found.uuid),
        "state": found.state,
        "size": found.size,
        "created_at": found.created_at,
        "finished_at": found.finished_at,
        "expires_at": found.expires_at,
    }


def pack(account_id: int, export_id: int) -> None:
    """Packs an export, unless somebody does so already."""
    with tenant(account_id):
        free = Q(claimed_at=None) | Q(claimed_at__lt=clock.now() - CLAIMED_FOR)
        mine = Export.objects.filter(free, pk=export_id, finished_at=None)
        if not mine.update(claimed_at=clock.now()):
            return
        found = Export.objects.select_related("member__user", "member__account", "member__role").get(pk=export_id)
        ExportPart.objects.filter(export=found).delete()
    if not found.member.may(Permission.ACCOUNT):
        return
    with tempfile.TemporaryFile() as packed:
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            _fill(archive, found)
        _keep(found, packed)


def unfinished(account_id: int) -> list[int]:
    """Exports that a job has still to pack."""
    with tenant(account_id):
        fresh = clock.now() - EXPORT_LIFE
        return list(Export.objects.filter(finished_at=None, created_at__gt=fresh).values_list("pk", flat=True))


def forget_old(account_id: int) -> None:
    """Drops files that expired."""
    with tenant(account_id):
        Export.objects.filter(created_at__lt=clock.now() - EXPORT_LIFE).delete()


def _check(viewer: Viewer) -> None:
    if not viewer.member.may(Permission.ACCOUNT) or viewer.is_limited:
        raise NotAllowed(Refusal("forbidden", _("Only who manages the account can take everything with them.")))


def _keep(found: Export, packed: IO[bytes]) -> None:
    size = packed.tell()
    packed.seek(0)
    number = 0
    while piece := packed.read(PART_BYTES):
        with tenant(found.account_id):
            ExportPart(export=found, number=number, data=piece).save(force_insert=True)
        number += 1
    with tenant(found.account_id):
        Export.objects.filter(pk=found.pk).update(finished_at=clock.now(), size=size)


def _fill(archive: zipfile.ZipFile, found: Export) -> None:
    viewer = Viewer(found.member, sees_private=found.sees_private)
    with tenant(found.account_id):
        at = clock.now().isoformat(timespec="minutes")
        archive.writestr("README.txt", README.format(at=at, member=found.member))
        _json(archive, "account.json", [_account(found.member)])
        _json(archive, "members.json", map(_member, accounts.members()))
        _json(archive, "teams.json", map(_group, accounts.teams()))
        _json(archive, "inboxes.json", map(_group, accounts.inboxes()))
        pages = bookings.own_pages(found.member)
        _json(archive, "booking-pages.json", map(bookings_shown.page, pages))
        _json(archive, "bookings.json", (_booking(one, viewer) for one in bookings.bookings(found.member)))
        pairs = selectors.visible(viewer)
        _json(archive, "calendars.json", (_calendar(*pair) for pair in pairs))
    for calendar, _level in pairs:
        with tenant(found.account_id):
            _add_calendar(archive, viewer, calendar)


def _add_calendar(archive: zipfile.ZipFile, viewer: Viewer, calendar: Calendar) -> None:
    """One calendar, seen as it is seen now: who lost it since the export began does not get it."""
    level = access.levels(viewer).get(calendar.pk)
    if level is None:
        return
    name = _file_name(calendar)
    text = published.calendar(calendar.name, calendar.time_zone, exporting.entries(viewer, calendar, level))
    archive.writestr(f"{name}.ics", text)
    rows = Event.objects.filter(calendar=calendar, deleted_at=None).select_related("author", "series")
    shown = (presenting.event(event, calendar, viewer, level) for event in rows.order_by("pk").iterator())
    _json(archive, f"{name}.events.json", shown)
    _json(archive, f"{name}.history.json", _history(viewer, calendar, level))


def _history(viewer: Viewer, calendar: Calendar, level: str) -> Iterator[dict[str, Any]]:
    rows = History.objects.filter(event__calendar=calendar).select_related("event__author", "actor__user")
    for entry in rows.order_by("pk").iterator():
        if not access.is_entry_masked(entry, entry.event, calendar, viewer, level):
            yield {"event": str(entry.event.uuid)} | presenting.history_entry(entry)


def _account(member: Member) -> dict[str, Any]:
    account = member.account
    return {
        "id": str(account.uuid),
        "name": account.name,
        "time_zone": account.time_zone,
        "created_at": account.created_at,
    }


def _member(member: Member) -> dict[str, Any]:
    return {
        "id": str(member.uuid),
        "name": str(member),
        "email": member.user.email,
        "role": member.role.name if member.role else member.built_in,
        "state": member.state,
        "external_id": member.external_id,
        "time_zone": member.time_zone,
        "language": member.language,
    }


def _group(found: Team | Inbox) -> dict[str, Any]:
    people = [str(member.uuid) for member in found.members.all()]
    return {"id": str(found.uuid), "name": found.name, "external_id": found.external_id, "members": people}


def _calendar(calendar: Calendar, level: str) -> dict[str, Any]:
    shown = presenting.calendar(calendar, level, selectors.assignment_items(calendar))
    return shown | {"file": f"{_file_name(calendar)}.ics"}


def _booking(booking: Booking, viewer: Viewer) -> dict[str, Any]:
    """A booking; of an event that is private to somebody else nothing but what was booked."""
    shown, event = bookings_shown.booking(booking, viewer), booking.event
    if event is None:
        return shown
    level = access.levels(viewer).get(event.calendar_id, "")
    if access.is_masked(event, event.calendar, viewer, level):
        shown |= {"references": [], "conference_uri": ""}
    return shown


def _file_name(calendar: Calendar) -> str:
    plain = re.sub(r"[^a-z0-9]+", "-", calendar.name.lower()).strip("-")[:40] or "calendar"
    return f"calendars/{plain}-{str(calendar.uuid)[:8]}"


def _json(archive: zipfile.ZipFile, name: str, rows: Iterable[dict[str, Any]]) -> None:
    """A JSON list, written as it is read."""
    with archive.open(name, "w", force_zip64=True) as target:
        target.write(b"[")
        for number, row in enumerate(rows):
            target.write(b",\n" if number else b"\n")
            target.write(json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False).encode("utf-8", "replace"))
        target.write(b"\n]\n")
