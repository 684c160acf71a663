"""Every act on an account and its people, and what it needs: one table."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _

from conversa_calendar.accounts import grants
from conversa_calendar.accounts.acting import NotAllowed, NotFound, Refusal, Viewer, power
from conversa_calendar.accounts.models import Member, Role
from conversa_calendar.accounts.permissions import Permission


class Act(StrEnum):
    """What can be done with an account and its people."""

    INVITE = "invite_member"
    INVITE_AGAIN = "invite_again"
    WITHDRAW = "withdraw_invitation"
    GIVE_ROLE = "give_role"
    SUSPEND = "suspend_member"
    LET_BACK = "let_back"
    END_SESSIONS = "end_sessions"
    """Sign a member out of this account, everywhere."""
    ADD_ROLE = "add_role"
    CHANGE_ROLE = "change_role"
    DELETE_ROLE = "delete_role"
    ADD_GROUP = "add_group"
    """A team or an inbox."""
    CHANGE_GROUP = "change_group"
    ADD_TOKEN = "add_token"
    REVOKE_TOKEN = "revoke_token"
    CHANGE_ACCOUNT = "change_account"
    SWITCH_MODULE = "switch_module"
    PUT_DIRECTORY = "put_directory"
    CHANGE_PROFILE = "change_profile"
    """One's own name, zone and language."""
    END_OWN_SESSIONS = "end_own_sessions"


def authorise(act: Act, viewer: Viewer, target: Member | Role | None = None) -> Refusal | None:
    """Whether a viewer may do something in their account, to a member or a role where it is about one; None when they
    may. What is given besides (a role, permissions) asks `grants` with the viewer's giver."""
    for check in NEEDS[act]:
        if (found := check(viewer, target)) is not None:
            return found
    return None


def needs(act: Act, viewer: Viewer, target: Member | Role | None = None) -> None:
    """Raises NotAllowed unless the viewer may do that."""
    if (refused := authorise(act, viewer, target)) is not None:
        raise NotAllowed(refused)


def found(rows: QuerySet[Any], uuid: object) -> Any:
    """The row with this outside id. Raises NotFound."""
    from uuid import UUID

    try:
        wanted = UUID(str(uuid))
    except ValueError:
        raise NotFound from None
    row: Model | None = rows.filter(uuid=wanted).first()
    if row is None:
        raise NotFound
    return row


Target = Member | Role | None


def _whole(viewer: Viewer, target: Target) -> Refusal | None:
    if not viewer.is_limited:
        return None
    return Refusal("token_limited", _("This token reaches some calendars only, and this needs more than those."))


def _manages(viewer: Viewer, target: Target) -> Refusal | None:
    if viewer.token is not None and not viewer.token.allows(Permission.ACCOUNT):
        return Refusal("scope_missing", _("This token lacks the scope %(scope)s.") % {"scope": Permission.ACCOUNT})
    if viewer.member.may(Permission.ACCOUNT):
        return None
    return Refusal("forbidden", _("Only who manages members and settings can do that."))


def _over(viewer: Viewer, target: Target) -> Refusal | None:
    return power(grants.check_over, viewer.giver, target) if isinstance(target, Member) else None


def _holds(viewer: Viewer, target: Target) -> Refusal | None:
    return power(grants.check_permissions, viewer.giver, target.permissions) if isinstance(target, Role) else None


Check = Callable[[Viewer, Target], Refusal | None]
_ACCOUNT: tuple[Check, ...] = (_manages, _whole)

NEEDS: dict[Act, tuple[Check, ...]] = {
    Act.INVITE: _ACCOUNT,
    Act.INVITE_AGAIN: (*_ACCOUNT, _over),
    Act.WITHDRAW: (*_ACCOUNT, _over),
    Act.GIVE_ROLE: (*_ACCOUNT, _over),
    Act.SUSPEND: (*_ACCOUNT, _over),
    Act.LET_BACK: (*_ACCOUNT, _over),
    Act.END_SESSIONS: (*_ACCOUNT, _over),
    Act.ADD_ROLE: _ACCOUNT,
    Act.CHANGE_ROLE: (*_ACCOUNT, _holds),
    Act.DELETE_ROLE: (*_ACCOUNT, _holds),
    Act.ADD_GROUP: _ACCOUNT,
    Act.CHANGE_GROUP: _ACCOUNT,
    Act.ADD_TOKEN: (_manages,),
    Act.REVOKE_TOKEN: (*_ACCOUNT, _over),
    Act.CHANGE_ACCOUNT: _ACCOUNT,
    Act.SWITCH_MODULE: _ACCOUNT,
    Act.PUT_DIRECTORY: _ACCOUNT,
    Act.CHANGE_PROFILE: (_whole,),
    Act.END_OWN_SESSIONS: (_whole,),
}
"""What each act needs, in the order in which a refusal is said. A token that reaches some calendars only makes others that
reach no further."""
