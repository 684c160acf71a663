"""Mail about what needs a person: deletions held, a calendar gone or shown less of, a mirror that nobody could read for
hours. Once for each cause, to the administrators and the owner of the connection, each in their language."""

from datetime import timedelta

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from conversa_calendar.accounts import rounds
from conversa_calendar.accounts import selectors as accounts
from conversa_calendar.accounts.models import Account, Member
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars.models import OutgoingMail
from conversa_calendar.connections.models import ACTIVE
from conversa_calendar.domain.vocabulary import MirrorState
from conversa_calendar.kit import clock
from conversa_calendar.sync.models import Mirror

STALE_AFTER = timedelta(hours=3)
"""A mirror that was read by nobody for so long is out of date."""
_WORDS = {
    MirrorState.HELD: (
        gettext_noop("Deletions of “%(name)s” wait for you"),
        gettext_noop(
            "Unusually many events were deleted at once. They stay, here and at Google, until somebody approves the "
            "deletions, keeps the events or puts them back."
        ),
    ),
    MirrorState.UNAVAILABLE: (
        gettext_noop("“%(name)s” is not available at Google"),
        gettext_noop(
            "Google does not show this calendar any more: it was deleted or is no longer shared. Its events stay here "
            "until somebody decides."
        ),
    ),
    MirrorState.ACCESS_REDUCED: (
        gettext_noop("Google shows less of “%(name)s” than before"),
        gettext_noop("Nothing was changed here. Look at the calendar's sharing, then confirm or restore the access."),
    ),
    "late": (
        gettext_noop("Changes of “%(name)s” at Google arrive late"),
        gettext_noop(
            "A change was found that Google had not notified. Until its notifications arrive again the calendar is checked "
            "every few minutes. Nothing is lost."
        ),
    ),
    "stale": (
        gettext_noop("“%(name)s” is out of date"),
        gettext_noop("It could not be read for some hours. Nothing is lost; it is tried again by itself."),
    ),
}


def tell(mirror: Mirror, cause: str) -> None:
    """Puts one mail for each recipient into the outbox, within the caller's transaction."""
    subject, body = _WORDS[cause]
    people: dict[str, Member] = {member.user.email: member for member in accounts.administrators()}
    owner = mirror.connection.owner if mirror.connection else None
    if owner is not None and not owner.is_suspended:
        people[owner.user.email] = owner
    for address, member in people.items():
        with translation.override(member.language or settings.LANGUAGE_CODE):
            lines = [_(body), _("Connections: %(url)s") % {"url": f"{settings.PUBLIC_URL}/connections"}]
            text = "\n\n".join(lines if settings.PUBLIC_URL else lines[:1])
            OutgoingMail(to=address, subject=(_(subject) % {"name": mirror.calendar.name})[:300], body=text).save(
                force_insert=True
            )


def tell_stale() -> None:
    """Every hour: mirrors that should have been read and were not."""
    rounds.for_each_account(_tell_stale, [account.pk for account in Account.objects.order_by("pk") if account.is_open])


def _tell_stale(account_id: int) -> None:
    late = clock.now() - STALE_AFTER
    with tenant(account_id):
        rows = Mirror.objects.filter(is_selected=True, is_paused=False, stale_told_at=None, last_sync_at__lt=late)
        rows = rows.filter(connection__state=ACTIVE).exclude(
            state__in=[MirrorState.UNAVAILABLE, MirrorState.ACCESS_REDUCED]
        )
        rows = rows.exclude(connection__owner__is_suspended=True)  # paused, as was said beforehand
        for mirror in rows.select_related("calendar", "connection__owner__user"):
            if Mirror.objects.filter(pk=mirror.pk, stale_told_at=None).update(stale_told_at=clock.now()):
                tell(mirror, "stale")
