"""Writing accounts and their people: each function is one transaction's worth of work in the caller's scope."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import F
from django.utils.translation import gettext as _

from conversa_calendar.accounts import permissions
from conversa_calendar.accounts.models import (
    Account,
    ApiToken,
    Inbox,
    InboxMember,
    Member,
    Role,
    Team,
    TeamMember,
    User,
)
from conversa_calendar.accounts.selectors import SCOPES
from conversa_calendar.accounts.signals import member_joined, module_switched
from conversa_calendar.accounts.tenancy import tenant
from conversa_calendar.domain import times
from conversa_calendar.kit import clock, ids


class Refused(Exception):
    """A person asked for something that cannot be done; the message tells them why and what to do."""


@dataclass
class DirectoryReport:
    """What a directory snapshot changed or, on a dry run, would change."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    suspended: list[str] = field(default_factory=list)
    held: bool = False


def create_account(*, name: str, time_zone: str = "UTC", is_calendar_enabled: bool = False) -> Account:
    check_zone(time_zone)
    return Account.objects.create(
        name=name,
        time_zone=time_zone,
        is_calendar_enabled=is_calendar_enabled,
        calendar_enabled_once=is_calendar_enabled,
    )


def add_member(
    *, email: str, name: str = "", password: str | None = None, built_in: str = permissions.AGENT, external_id: str = ""
) -> Member:
    """Gives a person a place in the scope's account; an existing user keeps their password."""
    if built_in not in permissions.BUILT_IN:
        raise Refused(_("There is no role “%(role)s”.") % {"role": built_in})
    user = User.objects.filter(email=email.lower()).first()
    if user is None:
        user = User.objects.create_user(email, password)
        user.is_new = True
    if Member.objects.filter(user=user).exists():
        raise Refused(_("%(email)s is already a member.") % {"email": email})
    member = Member(user=user, name=name, built_in=built_in, external_id=external_id, accepted_at=clock.now())
    member.save()
    member_joined.send(Member, member=member)
    return member


def set_role(*, member: Member, key: str) -> None:
    """Changes a member's role; the last administrator stays one."""
    was_administrator = member.is_administrator
    if key in permissions.BUILT_IN:
        member.built_in, member.role = key, None
    else:
        uuid = _uuid(key)
        member.built_in, member.role = permissions.AGENT, Role.objects.filter(uuid=uuid).first() if uuid else None
        if member.role is None:
            raise Refused(_("This role no longer exists."))
    if was_administrator and not member.is_administrator and _other_administrators(member) == 0:
        raise Refused(_("An account needs at least one administrator."))
    member.save(update_fields=["built_in", "role"])


def suspend_member(*, member: Member, is_suspended: bool) -> None:
    """Ends or restores a member's access: sessions and API tokens die with it."""
    if is_suspended and member.is_administrator and _other_administrators(member) == 0:
        raise Refused(_("An account needs at least one administrator."))
    member.is_suspended = is_suspended
    member.save(update_fields=["is_suspended"])
    if is_suspended:
        ApiToken.objects.filter(member_id=member.pk, revoked_at=None).update(revoked_at=clock.now())


def create_role(*, name: str, held: list[str]) -> Role:
    unknown = set(held) - set(permissions.Permission)
    if unknown or not name.strip():
        raise Refused(_("A role needs a name and known permissions."))
    role = Role(name=name.strip(), permissions=sorted(held))
    role.save()
    return role


def create_team(*, name: str, members: list[Member] | None = None, external_id: str = "") -> Team:
    team = Team(name=_named(name), external_id=external_id)
    team.save()
    set_team_members(team=team, members=members or [])
    return team


def create_inbox(*, name: str, members: list[Member] | None = None, external_id: str = "") -> Inbox:
    inbox = Inbox(name=_named(name), external_id=external_id)
    inbox.save()
    set_inbox_members(inbox=inbox, members=members or [])
    return inbox


def set_team_members(*, team: Team, members: list[Member]) -> None:
    TeamMember.objects.filter(team=team).exclude(member__in=members).delete()
    known = set(TeamMember.objects.filter(team=team).values_list("member_id", flat=True))
    for member in members:
        if member.pk not in known:
            TeamMember(team=team, member=member).save()


def set_inbox_members(*, inbox: Inbox, members: list[Member]) -> None:
    InboxMember.objects.filter(inbox=inbox).exclude(member__in=members).delete()
    known = set(InboxMember.objects.filter(inbox=inbox).values_list("member_id", flat=True))
    for member in members:
        if member.pk not in known:
            InboxMember(inbox=inbox, member=member).save()


def switch_module(*, account: Account, is_enabled: bool) -> None:
    """Turns the Calendar module on or off; off pauses everything and loses nothing."""
    account.is_calendar_enabled = is_enabled
    account.calendar_enabled_once = account.calendar_enabled_once or is_enabled
    account.save(update_fields=["is_calendar_enabled", "calendar_enabled_once"])
    module_switched.send(Account, account=account)


def set_account(*, account: Account, name: str, time_zone: str) -> None:
    check_zone(time_zone)
    account.name, account.time_zone = _named(name), time_zone
    account.save(update_fields=["name", "time_zone"])


def suspend_account(*, account: Account, is_suspended: bool) -> None:
    account.is_suspended = is_suspended
    account.save(update_fields=["is_suspended"])
    with tenant(account.pk):
        module_switched.send(Account, account=account)


def create_token(
    *,
    member: Member,
    name: str,
    scopes: list[str] | None = None,
    calendars: list[UUID] | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """A new API token and its secret, which is shown once and never again."""
    if unknown := set(scopes or []) - set(SCOPES):
        raise Refused(_("Unknown scope: %(scope)s.") % {"scope": sorted(unknown)[0]})
    secret = f"cct_{ids.new_secret()}"
    token = ApiToken.objects.create(
        account_id=member.account_id,
        member_id=member.pk,
        name=_named(name),
        fingerprint=ids.fingerprint(secret),
        hint=secret[:8],
        scopes=scopes or [],
        calendars=calendars or [],
        expires_at=expires_at,
    )
    return token, secret


def revoke_token(*, token: ApiToken) -> None:
    ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=clock.now())


def end_sessions(user: User) -> None:
    """Signs a person out everywhere."""
    User.objects.filter(pk=user.pk).update(sessions_ended=F("sessions_ended") + 1)
    user.refresh_from_db(fields=["sessions_ended"])


def check_zone(name: str) -> None:
    if not times.is_zone(name):
        raise Refused(_("“%(zone)s” is not a time zone, such as Europe/Lisbon.") % {"zone": name[:64]})


def _other_administrators(member: Member) -> int:
    others = Member.objects.filter(built_in=permissions.ADMINISTRATOR, role=None, is_suspended=False)
    return others.exclude(pk=member.pk).count()


def _named(name: str) -> str:
    if not name.strip() or len(name) > 80:
        raise Refused(_("A name of 1 to 80 characters is needed."))
    return name.strip()


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def password_problems(password: str, user: User | None = None) -> list[str]:
    """Why a password is too weak; empty when it is not."""
    from django.contrib.auth.password_validation import validate_password

    try:
        validate_password(password, user)
    except ValidationError as error:
        return list(error.messages)
    return []
