"""Writing accounts and their people: each function is one transaction's worth of work in the caller's scope."""

from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from conversa_calendar.accounts import grants, permissions, selectors, tokens
from conversa_calendar.accounts.grants import Giver
from conversa_calendar.accounts.models import (
    LIVE,
    PRESENT,
    Account,
    Inbox,
    InboxMember,
    Member,
    Role,
    Team,
    TeamMember,
    User,
)
from conversa_calendar.accounts.refusals import Refused as Refused
from conversa_calendar.accounts.signals import member_left, member_returned, module_switched, place_given
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.accounts.tokens import create_token as create_token
from conversa_calendar.accounts.tokens import revoke_token as revoke_token
from conversa_calendar.domain import names, times
from conversa_calendar.kit import clock

NAMES_SHOWN = 5


@dataclass
class DirectoryReport:
    """What a directory snapshot changed or, on a dry run, would change."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    suspended: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    is_confirmable: bool = True

    @property
    def held(self) -> bool:
        return bool(self.reasons)


def create_account(*, name: str, time_zone: str = "UTC", is_calendar_enabled: bool = False) -> Account:
    check_zone(time_zone)
    return Account.objects.create(
        name=_named(name),
        time_zone=time_zone,
        is_calendar_enabled=is_calendar_enabled,
        calendar_enabled_once=is_calendar_enabled,
    )


def set_role(*, member: Member, key: str, by: Giver, counts_vouched: bool = False) -> None:
    """Changes a member's role; the last administrator stays one. Raises Refused, also when `by` holds less than the role
    that is given or taken."""
    lock(member)
    was_administrator = member.is_administrator
    grants.check_over(by, member)
    if key in permissions.BUILT_IN:
        grants.check_role(by, key)
        member.built_in, member.role = key, None
    else:
        role = selectors.role(key)
        if role is None:
            raise Refused(_("This role no longer exists."))
        grants.check_role(by, role)
        member.built_in, member.role = permissions.AGENT, role
    if was_administrator and not member.is_administrator:
        _keep_an_administrator(member, counts_vouched)
    if member.accepted_at is None:
        member.invited_by_id = by.member_id  # who gives the role answers for it until somebody comes for it
    member.save(update_fields=["built_in", "role", "invited_by"])


def suspend_member(*, member: Member, is_suspended: bool, by: Giver, counts_vouched: bool = False) -> None:
    """Ends or restores a member's access here, in this account only. Who is suspended ends everywhere at once: sign-ins,
    tokens, open pages, a standing invitation; the calendars they connected stop syncing, while nothing is deleted. Who
    comes back signs in anew; sync goes on, tokens stay ended. Raises Refused."""
    lock(member)
    grants.check_over(by, member)
    if is_suspended and member.is_administrator:
        _keep_an_administrator(member, counts_vouched)
    was_suspended, member.is_suspended = member.is_suspended, is_suspended
    if is_suspended:
        member.sessions_ended_at, member.invitation = clock.now(), ""
        revoke_tokens_of(member)
    member.save(update_fields=["is_suspended", "sessions_ended_at", "invitation"])
    if is_suspended:
        member_left.send(Member, member=member)
    elif was_suspended:
        member_returned.send(Member, member=member)


def end_member_sessions(*, member: Member, by: Giver) -> None:
    """Whoever is signed in as this member has to sign in again for this account; in others they stay. Raises Refused."""
    lock(member)
    grants.check_over(by, member)
    member.sessions_ended_at = clock.now()
    member.save(update_fields=["sessions_ended_at"])


def lock(member: Member) -> None:
    """Reads a member anew for an act that gives or takes power. Such acts happen one after the other in an account, so
    that each sees what the one before left, who is still an administrator above all."""
    _lock_account(member.account_id)
    fields = ["built_in", "role", "is_suspended", "is_vouched", "accepted_at", "invited_by", "invitation"]
    fields += ["invited_at", "declined_at", "sessions_ended_at"]
    member.refresh_from_db(fields=fields, from_queryset=Member.objects.select_for_update(of=("self",)))


def _lock_role(role: Role) -> None:
    _lock_account(role.account_id)
    role.refresh_from_db(fields=["permissions"])


def _lock_account(account_id: int) -> None:
    Account.objects.select_for_update(no_key=True).get(pk=account_id)


def revoke_tokens_of(member: Member) -> None:
    tokens.revoke_all_of(member)


def create_role(*, name: str, held: list[str], by: Giver) -> Role:
    """A custom role, of permissions that its maker holds. Raises Refused."""
    role = Role(name=_role_name(name, None), permissions=_known_permissions(held))
    grants.check_permissions(by, held)
    role.save(force_insert=True)
    return role


def change_role(*, role: Role, by: Giver, name: str | None = None, held: list[str] | None = None) -> Role:
    """Renames a role or changes what it holds, for everybody who has it. Raises Refused, also when it holds more than
    who changes it."""
    _lock_role(role)
    grants.check_permissions(by, role.permissions)
    if name is not None:
        role.name = _role_name(name, role)
    if held is not None:
        grants.check_permissions(by, held)
        role.permissions = _known_permissions(held)
    role.save(update_fields=["name", "permissions"])
    return role


def delete_role(*, role: Role, by: Giver) -> None:
    """Removes a role that nobody has. Raises Refused, naming who has it."""
    _lock_role(role)
    grants.check_permissions(by, role.permissions)
    if members := selectors.holders_of_role(role):
        names = ", ".join(str(member) for member in members[:NAMES_SHOWN])
        more = _(" and %(n)s more") % {"n": len(members) - NAMES_SHOWN} if len(members) > NAMES_SHOWN else ""
        raise Refused(_("Give these members another role first: %(names)s.") % {"names": f"{names}{more}"})
    role.delete()


def create_team(*, name: str, members: list[Member] | None = None, external_id: str = "") -> Team:
    team = Team(name=_named(name), external_id=external_id)
    team.save(force_insert=True)
    _add_places(team, members or [])
    return team


def create_inbox(*, name: str, members: list[Member] | None = None, external_id: str = "") -> Inbox:
    inbox = Inbox(name=_named(name), external_id=external_id)
    inbox.save(force_insert=True)
    _add_places(inbox, members or [])
    return inbox


def set_members(*, group: Team | Inbox, members: list[Member], by: Giver) -> None:
    """Makes these the members of a team or an inbox. Raises Refused when somebody is added and `by` may not give what a
    place there gives."""
    places = _places(group)
    known = set(places.values_list("member_id", flat=True))
    added = [member for member in members if member.pk not in known]
    if added:
        place_given.send(type(group), group=group, by=by)
    places.exclude(member__in=members).delete()
    _add_places(group, added)


def _places(group: Team | Inbox) -> QuerySet[TeamMember] | QuerySet[InboxMember]:
    if isinstance(group, Team):
        return TeamMember.objects.filter(team=group)
    return InboxMember.objects.filter(inbox=group)


def _add_places(group: Team | Inbox, members: list[Member]) -> None:
    for member in members:
        place = TeamMember(team=group) if isinstance(group, Team) else InboxMember(inbox=group)
        place.member = member
        place.save(force_insert=True)


def switch_module(*, account: Account, is_enabled: bool) -> None:
    """Turns the Calendar module on or off; off pauses everything and loses nothing."""
    account.is_calendar_enabled = is_enabled
    account.calendar_enabled_once = account.calendar_enabled_once or is_enabled
    account.save(update_fields=["is_calendar_enabled", "calendar_enabled_once"])
    module_switched.send(Account, account=account)


def set_account(*, account: Account, name: str, time_zone: str) -> None:
    check_zone(time_zone)
    account.name, account.time_zone = without_link(_named(name)), time_zone
    account.save(update_fields=["name", "time_zone"])


def suspend_account(*, account: Account, is_suspended: bool) -> None:
    account.is_suspended = is_suspended
    account.save(update_fields=["is_suspended"])
    with tenant(account.pk):
        module_switched.send(Account, account=account)


def end_sessions(user: User) -> None:
    """Signs a person out everywhere, in every account: only they themselves may ask for that."""
    User.objects.filter(pk=user.pk).update(sessions_ended=F("sessions_ended") + 1)
    user.refresh_from_db(fields=["sessions_ended"])


def check_zone(name: str) -> None:
    if not times.is_zone(name):
        raise Refused(_("“%(zone)s” is not a time zone, such as Europe/Lisbon.") % {"zone": name[:64]})


def _keep_an_administrator(member: Member, counts_vouched: bool) -> None:
    """Refuses to lose the last administrator. Whoever was only invited is none yet; whoever the directory vouches for is one
    for the directory."""
    others = Member.objects.filter(PRESENT if counts_vouched else LIVE, built_in=permissions.ADMINISTRATOR, role=None)
    if not others.exclude(pk=member.pk).exists():
        raise Refused(_("An account needs at least one administrator."))


def without_link(name: str) -> str:
    """A name that strangers may read in mails. Raises Refused."""
    if names.has_link(name):
        raise Refused(_("A name cannot hold a web address."))
    return name


def _named(name: str) -> str:
    plain = names.tidy(name, len(name))
    if not plain or len(name) > 80:
        raise Refused(_("A name of 1 to 80 characters is needed."))
    return plain


def _role_name(name: str, role: Role | None) -> str:
    plain = name.strip()
    if not plain or len(plain) > 60:
        raise Refused(_("A role needs a name of 1 to 60 characters."))
    others = Role.objects.filter(name__iexact=plain).exclude(pk=role.pk if role else 0)
    if plain.lower() in permissions.BUILT_IN or others.exists():
        raise Refused(_("There is a role “%(role)s” already.") % {"role": plain})
    return plain


def _known_permissions(held: list[str]) -> list[str]:
    if unknown := sorted(set(held) - set(permissions.Permission)):
        raise Refused(_("There is no permission “%(permission)s”.") % {"permission": unknown[0][:60]})
    return sorted(set(held))


def password_problems(password: str, user: User | None = None) -> list[str]:
    """Why a password is too weak; empty when it is not."""
    from django.contrib.auth.password_validation import validate_password

    try:
        validate_password(password, user)
    except ValidationError as error:
        return list(error.messages)
    return []
