"""Acts on connected accounts."""

from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from conversa_calendar.accounts import acts as people
from conversa_calendar.accounts import selectors as accounts
from conversa_calendar.accounts.acting import Viewer, does
from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.calendars import outbox, outgoing
from conversa_calendar.calendars.models import OutgoingMail
from conversa_calendar.connections import consent, discovery
from conversa_calendar.connections.models import Disconnect
from conversa_calendar.sync.acts.rules import Act, connection_of, needs
from conversa_calendar.sync.mirrors import disconnecting


@does(Act.CONNECT)
def allow_connect(viewer: Viewer, member: UUID | str | None, *, origin: str) -> str:
    """An address with which a member (None: the viewer's own) connects their account, once and within ten minutes.
    Raises NotFound, NotAllowed."""
    needs(Act.CONNECT, viewer)
    rows = Member.objects.select_related("user", "account")
    who: Member = viewer.member if member is None else people.found(rows, member)
    return f"{origin}/connections/google/start?ticket={consent.issue_ticket(member=who)}"


@does(Act.INVITE_TO_CONNECT)
def invite_to_connect(viewer: Viewer, member: UUID | str, *, origin: str) -> str:
    """Mails a member an invitation to connect their own account; answers the link, where mail does not work. Raises
    NotFound, NotAllowed, Invalid."""
    needs(Act.INVITE_TO_CONNECT, viewer)
    invited: Member = people.found(Member.objects.select_related("user"), member)
    outgoing.afford([invited.user.email])
    _invitation, secret = consent.invite(member=invited, invited_by=viewer.member)
    address = f"{origin}{reverse('accept_invitation', args=[secret])}"
    says = _("Open this link to connect your own Google account. It works once, for a week:")
    subject = _("%(name)s asks you to connect your Google Calendar") % {"name": str(viewer.member)}
    _mail(invited, viewer.member, subject, f"{says}\n\n{address}")
    return address


@does(Act.ASK_TO_CONNECT)
def ask_to_connect(viewer: Viewer) -> int:
    """One mail to those who may connect calendars; answers how many they are. Raises NotAllowed."""
    needs(Act.ASK_TO_CONNECT, viewer)
    holders = accounts.holders_of(Permission.INTEGRATIONS)
    subject = _("%(name)s would like to connect a calendar") % {"name": str(viewer.member)}
    for holder in holders:
        _mail(holder, viewer.member, subject, _("You can invite them on the connections page."))
    return len(holders)


@does(Act.REREAD, is_whole=False)
def reread(viewer: Viewer, uuid: UUID | str) -> None:
    """Reads the provider's list of calendars again. Raises NotFound, NotAllowed, ProviderError."""
    with tenant(viewer.account_id):
        connection = connection_of(viewer, uuid)
        needs(Act.REREAD, viewer, connection)
    discovery.refresh(viewer.account_id, connection.pk)


@does(Act.DISCONNECT, is_whole=False)
def disconnect(
    viewer: Viewer,
    uuid: UUID | str,
    disposition: str,
    *,
    ticked: list[str] | None = None,
    unsent: str = "",
    is_sent: bool = True,
) -> Disconnect:
    """Begins a disconnect, once what waits is sent or somebody said to leave it: sync stops at once, the rest follows in
    steps. Raises NotFound, NotAllowed, Unsent, Invalid."""
    with tenant(viewer.account_id):
        needs(Act.DISCONNECT, viewer)
        known = Disconnect.objects.filter(connection_uuid=uuid).first()
        if known is not None:
            return known
        connection = connection_of(viewer, uuid)
        disconnecting.check_disposition(disposition)
    if is_sent:
        disconnecting.send_first(viewer.account_id, connection, unsent)
    with tenant(viewer.account_id):
        return disconnecting.start(connection_of(viewer, uuid), disposition, viewer, ticked or [], unsent)


def _mail(to: Member, by: Member, subject: str, body: str) -> None:
    OutgoingMail(to=to.user.email, reply_to=by.user.email, subject=subject, body=body).save(force_insert=True)
    outbox.send_soon(to.account_id)
