"""Acts on members and invitations."""

from uuid import UUID

from django.utils.translation import gettext as _

from conversa_calendar.accounts import joining, preconditions, services
from conversa_calendar.accounts.acting import Viewer, does
from conversa_calendar.accounts.acts.rules import Act, found, needs
from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.refusals import Refused
from conversa_calendar.accounts.signals import member_invited


@does(Act.INVITE)
def invite(viewer: Viewer, *, email: str, name: str = "", role: str = "agent", origin: str) -> Member:
    """Keeps a place for the owner of an address and mails them the way in. `origin`: where this installation is reached.
    Raises NotAllowed, Refused."""
    needs(Act.INVITE, viewer)
    invited, token = joining.invite_member(email=email, name=name, role=role, by=viewer.giver)
    member_invited.send(Member, member=invited, token=token, actor=viewer.member, origin=origin)
    return invited


@does(Act.INVITE_AGAIN)
def invite_again(viewer: Viewer, uuid: UUID | str, *, origin: str) -> Member:
    """Mails a new link; the one before does nothing any more. Raises NotFound, NotAllowed, Refused."""
    invited = _held(Act.INVITE_AGAIN, viewer, uuid)
    token = joining.invite_again(member=invited, by=viewer.giver)
    member_invited.send(Member, member=invited, token=token, actor=viewer.member, origin=origin)
    return invited


@does(Act.WITHDRAW)
def withdraw(viewer: Viewer, uuid: UUID | str, *, if_match: str = "") -> Member:
    """Ends an invitation that nobody has accepted: its link opens nothing. Raises NotFound, NotAllowed, Changed,
    Refused."""
    invited = _held(Act.WITHDRAW, viewer, uuid)
    preconditions.hold(if_match, invited.etag)
    if invited.is_present or invited.accepted_at is not None:
        raise Refused(_("%(name)s is here already.") % {"name": invited})
    services.suspend_member(member=invited, is_suspended=True, by=viewer.giver)
    return invited


@does(Act.GIVE_ROLE, Act.SUSPEND, Act.LET_BACK)
def change_member(
    viewer: Viewer,
    uuid: UUID | str,
    *,
    role: str | None = None,
    is_suspended: bool | None = None,
    if_match: str = "",
) -> Member:
    """Gives a member another role, suspends them or lets them back in. Raises NotFound, NotAllowed, Changed, Refused."""
    act = Act.GIVE_ROLE if role is not None else Act.SUSPEND if is_suspended else Act.LET_BACK
    changed = _held(act, viewer, uuid)
    preconditions.hold(if_match, changed.etag)
    if role is not None:
        services.set_role(member=changed, key=role, by=viewer.giver)
    if is_suspended is not None:
        needs(Act.SUSPEND if is_suspended else Act.LET_BACK, viewer, changed)
        services.suspend_member(member=changed, is_suspended=is_suspended, by=viewer.giver)
    return changed


@does(Act.SUSPEND)
def suspend(viewer: Viewer, uuid: UUID | str) -> Member:
    """Ends a member's access here, at once and everywhere. Raises NotFound, NotAllowed, Refused."""
    return change_member(viewer, uuid, is_suspended=True)


@does(Act.END_SESSIONS)
def end_sessions(viewer: Viewer, uuid: UUID | str) -> Member:
    """Whoever is signed in as this member has to sign in again for this account. Raises NotFound, NotAllowed, Refused."""
    ended = _held(Act.END_SESSIONS, viewer, uuid)
    services.end_member_sessions(member=ended, by=viewer.giver)
    return ended


def member(viewer: Viewer, uuid: UUID | str, act: Act) -> Member:
    """A member to whom the viewer may do this, as for what is shown before it. Raises NotFound, NotAllowed."""
    rows = Member.objects.select_related("user", "role", "account", "invited_by")
    row: Member = found(rows, uuid)
    needs(act, viewer, row)
    return row


def _held(act: Act, viewer: Viewer, uuid: UUID | str) -> Member:
    """The same, locked: rights are asked of what stands while nobody else can change it."""
    needs(act, viewer)
    row: Member = found(Member.objects.select_related("user", "role", "account", "invited_by"), uuid)
    services.lock(row)
    needs(act, viewer, row)
    return row
