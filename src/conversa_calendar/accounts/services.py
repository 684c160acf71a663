"""Writing accounts and their people: each function is one transaction's worth of work in the caller's scope."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import F
from django.utils.translation import gettext as _

from conversa_calendar.accounts import permissions
from conversa_calendar.accounts.models import (
    LIVE,
    PRESENT,
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
from conversa_calendar.accounts.signals import module_switched
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
    removed: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    is_confirmable: bool = True

    @property
    def held(self) -> bool:
        return bool(self.reasons)


def create_account(*, name: str, time_zone: str = "UTC", is_calendar_enabled: bool = False) -> Account:
    check_zone(time_zone)
    return Account.objects.create(
        name=name,
        time_zone=time_zone,
        is_calendar_enabled=is_calendar_enabled,
        calendar_enabled_once=is_calendar_enabled,
    )


def set_role(*, member: Member, key: str, actor: Member, counts_vouched: bool = False) -> None:
    """Changes a member's role; the last administrator stays one."""
    was_administrator = member.is_administrator
    if key in permissions.BUILT_IN:
        member.built_in, member.role = key, None
    else:
        uuid = _uuid(key)
        member.built_in, member.role = permissions.AGENT, Role.objects.filter(uuid=uuid).first() if uuid else None
        if member.role is None:
            raise Refused(_("This role no longer exists."))
    if was_administrator and not member.is_administrator:
        _keep_an_administrator(member, counts_vouched)
    member.save(update_fields=["built_in", "role"])


def suspend_member(*, member: Member, is_suspended: bool, counts_vouched: bool = False) -> None:
    """Ends or restores a member's access here: sign-ins, a standing invitation and API tokens die with it, in this account
    only, and do not come back."""
    if is_suspended and member.is_administrator:
        _keep_an_administrator(member, counts_vouched)
    member.is_suspended = is_suspended
    if is_suspended:
        member.sessions_ended_at, member.invitation = clock.now(), ""
        revoke_tokens_of(member)
    member.save(update_fields=["is_suspended", "sessions_ended_at", "invitation"])


def end_member_sessions(*, member: Member) -> None:
    """Whoever is signed in as this member has to sign in again for this account; in others they stay."""
    member.sessions_ended_at = clock.now()
    member.save(update_fields=["sessions_ended_at"])


def revoke_tokens_of(member: Member) -> None:
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
