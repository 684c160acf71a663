"""Nobody gives what they do not hold, and nobody has power over who holds more.

A giver is a signed-in member, or a member through a token that was narrowed. Every way to give power (a role, a token, a
place in the account) and to take it (another role, a suspension, the end of a sign-in) asks here.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _

from conversa_calendar.accounts import permissions
from conversa_calendar.accounts.models import Member, Role
from conversa_calendar.accounts.permissions import ALL, NAMES, Permission
from conversa_calendar.accounts.refusals import Refused


@dataclass(frozen=True)
class Giver:
    """What somebody holds and may therefore give. `member_id` is who it is; None for the operator."""

    permissions: frozenset[str]
    is_administrator: bool = False
    member_id: int | None = None

    def may_grant(self, wanted: Iterable[str]) -> bool:
        """Whether everything wanted is held."""
        return self.is_administrator or permissions.with_implied(wanted) <= self.permissions


OPERATOR = Giver(frozenset(Permission), is_administrator=True)
"""Whoever runs the installation: its commands, its first set-up."""


def giver(member: Member, scopes: Iterable[str] = (ALL,)) -> Giver:
    """What a member may give, through a token only as far as its scopes go."""
    held, named = permissions.with_implied(member.permissions), set(scopes)
    if ALL not in named:
        held = permissions.with_implied(held & named)
    is_whole = held >= frozenset(Permission)
    return Giver(held, member.is_administrator and bool(member.permissions) and is_whole, member.pk)


def check_permissions(by: Giver, wanted: Iterable[str]) -> None:
    """Raises Refused, naming what the giver does not hold."""
    if by.may_grant(wanted):
        return
    missing = sorted(permissions.with_implied(wanted) - by.permissions)
    names = ", ".join(f"“{NAMES[Permission(one)]}”" if one in NAMES else one for one in missing)
    raise Refused(_("You cannot give what you do not hold yourself: %(missing)s.") % {"missing": names})


def check_role(by: Giver, role: str | Role) -> None:
    """Raises Refused unless the giver may put somebody into this role."""
    if isinstance(role, Role):
        check_permissions(by, role.permissions)
    elif role == permissions.ADMINISTRATOR and not by.is_administrator:
        raise Refused(_("Only an administrator can make somebody an administrator."))


def check_over(by: Giver, member: Member) -> None:
    """Raises Refused unless the giver holds at least what the member's role holds, suspended or not."""
    if by.is_administrator:
        return
    if member.is_administrator or not by.may_grant(member.role_permissions):
        raise Refused(_("%(name)s holds more than you do; ask an administrator.") % {"name": member})
