"""Feeds: making them, and who may do what with them.

An address is shown when it is made or changed, and never again, as only a fingerprint of its secret is stored. Whoever
made a feed changes its address; they, and who manages calendars, take it away.
"""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from conversa_calendar.accounts import selectors as accounts
from conversa_calendar.accounts.models import ApiToken, Member, Team
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.accounts.tenancy import current_account
from conversa_calendar.calendars import selectors
from conversa_calendar.calendars.access import Viewer
from conversa_calendar.calendars.acts import NotAllowed, Refusal
from conversa_calendar.calendars.models import Calendar
from conversa_calendar.calendars.selectors import NotFound
from conversa_calendar.calendars.validation import Invalid
from conversa_calendar.formats.models import DETAILS, KINDS, Feed, FeedAddress
from conversa_calendar.kit import clock, ids

FEEDS_MAX = 50
"""So many feeds a member may have."""


def create(
    viewer: Viewer, *, kind: str, target: str, details: str = "busy", token: ApiToken | None = None
) -> tuple[Feed, str]:
    """A new feed and its secret, which is shown once. Raises NotFound, NotAllowed, Invalid."""
    if kind not in KINDS:
        raise Invalid("kind", _("A feed is of a calendar, a team or a person."))
    if details not in DETAILS:
        raise Invalid("details", _("A feed shows busy or details."))
    with transaction.atomic():
        if Feed.objects.filter(member=viewer.member).count() >= FEEDS_MAX:
            raise Invalid("feed", _("You have %(most)d feeds; remove one first.") % {"most": FEEDS_MAX})
        feed = Feed(member=viewer.member, details=details, token_id=token.pk if token else None)
        _aim(feed, viewer, kind, target)
        shown = places(feed, viewer)
        if details == "details" and not any(level != "busy" for _calendar, level in shown):
            raise NotAllowed(
                Refusal("forbidden", _("You see only busy times there, and a feed shows no more than you see."))
            )
        secret = _renew(feed)
        feed.save(force_insert=True)
        FeedAddress.objects.create(fingerprint=ids.fingerprint(secret), account_id=current_account(), feed=feed.uuid)
        return feed, secret


def rotate(viewer: Viewer, uuid: UUID | str) -> tuple[Feed, str]:
    """A new address for a feed; the old one is dead at once. One that a token asked for ends with the token. Raises
    NotFound, NotAllowed."""
    with transaction.atomic():
        feed = _held(viewer, uuid)
        if feed.member_id != viewer.member.pk:
            raise NotAllowed(
                Refusal("forbidden", _("Only %(name)s, who made it, can change this address.") % {"name": feed.member})
            )
        secret = _renew(feed)
        feed.rotated_at, feed.token_id = clock.now(), viewer.token.pk if viewer.token else None
        feed.save(update_fields=["hint", "rotated_at", "token_id"])
        FeedAddress.objects.filter(feed=feed.uuid).update(fingerprint=ids.fingerprint(secret))
        return feed, secret


def remove(viewer: Viewer, uuid: UUID | str) -> None:
    """Ends a feed. Raises NotFound."""
    with transaction.atomic():
        feed = _held(viewer, uuid)
        FeedAddress.objects.filter(feed=feed.uuid).delete()
        feed.delete()


def listed(viewer: Viewer) -> list[Feed]:
    """The viewer's feeds; all of the account for who manages calendars."""
    rows = Feed.objects.select_related("member__user", "calendar", "team", "person__user").order_by("pk")
    return list(rows if _manages(viewer) else rows.filter(member=viewer.member))


def places(feed: Feed, viewer: Viewer) -> list[tuple[Calendar, str]]:
    """The calendars that a feed shows, each with the level at which it does. Raises NotFound when nothing remains."""
    pairs = selectors.visible(viewer)
    if feed.calendar_id:
        found = [pair for pair in pairs if pair[0].pk == feed.calendar_id]
    elif feed.team_id:
        found = selectors.filtered(pairs, team=str(feed.target.uuid))
    else:
        found = selectors.filtered(pairs, agent=str(feed.target.uuid))
    if not found:
        raise NotFound
    return [(calendar, "busy" if feed.details == "busy" else level) for calendar, level in found]


def address(secret: str) -> str:
    """Where a feed is read."""
    return f"{settings.PUBLIC_URL}/feeds/{secret}.ics"


def shown(feed: Feed, secret: str = "") -> dict[str, Any]:
    """A feed as the API shows it, with its address where it was just made."""
    found = {
        "id": str(feed.uuid),
        "kind": feed.kind,
        "target": str(feed.target.uuid),
        "name": str(feed.target),
        "details": feed.details,
        "member": str(feed.member.uuid),
        "hint": feed.hint,
        "created_at": feed.created_at,
        "rotated_at": feed.rotated_at,
        "last_read_at": feed.last_read_at,
    }
    return found | ({"url": address(secret)} if secret else {})


def _aim(feed: Feed, viewer: Viewer, kind: str, target: str) -> None:
    """Points a feed at what the viewer sees. Raises NotFound."""
    if kind == "calendar":
        feed.calendar = selectors.calendar(viewer, target)[0]
        return
    try:
        uuid = UUID(str(target))
    except ValueError:
        raise NotFound from None
    found = (accounts.teams() if kind == "team" else accounts.present()).filter(uuid=uuid).first()
    if isinstance(found, Team):
        feed.team = found
    elif isinstance(found, Member):
        feed.person = found
    else:
        raise NotFound


def _renew(feed: Feed) -> str:
    secret = ids.new_secret()
    feed.hint = secret[:6]
    return secret


def _held(viewer: Viewer, uuid: UUID | str) -> Feed:
    try:
        wanted = uuid if isinstance(uuid, UUID) else UUID(uuid)
    except ValueError:
        raise NotFound from None
    rows = Feed.objects.select_for_update(of=("self",)).select_related(
        "member__user", "calendar", "team", "person__user"
    )
    feed = rows.filter(uuid=wanted).first()
    if feed is None or (feed.member_id != viewer.member.pk and not _manages(viewer)):
        raise NotFound
    return feed


def _manages(viewer: Viewer) -> bool:
    return viewer.member.may(Permission.CALENDARS)
