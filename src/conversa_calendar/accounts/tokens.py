"""API tokens: each says what it may do, and none may do more than whoever made it.

Only a member who manages the account makes tokens, and a token acts as that member: nobody makes one that acts as
somebody else.
"""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.utils.translation import gettext as _

from conversa_calendar.accounts import grants
from conversa_calendar.accounts.grants import OPERATOR, Giver
from conversa_calendar.accounts.models import ApiToken, Inbox, Member, Team
from conversa_calendar.accounts.permissions import ALL, NAMES, SCOPE_NEEDS, SCOPES
from conversa_calendar.accounts.refusals import Refused
from conversa_calendar.kit import clock, ids

GENERATIONS_MAX = 4
"""So many tokens may come from one another: as many as are read with one."""
LIMITS_MAX = 100


@dataclass(frozen=True)
class Where:
    """The calendars that a token reaches: these, and those assigned to these teams and inboxes. Empty: wherever its
    member does."""

    calendars: list[UUID] = field(default_factory=list)
    teams: list[UUID] = field(default_factory=list)
    inboxes: list[UUID] = field(default_factory=list)


def create_token(
    *,
    member: Member,
    name: str,
    scopes: list[str],
    where: Where = Where(),
    expires_at: datetime | None = None,
    parent: ApiToken | None = None,
) -> tuple[ApiToken, str]:
    """A new API token and its secret, which is shown once and never again. Raises Refused."""
    _check_scopes(scopes, member)
    if expires_at is not None and expires_at <= clock.now():
        raise Refused(_("A token's end lies in the future."))
    if parent is not None:
        _check_child(parent, scopes, where, expires_at)
    if not name.strip() or len(name) > 80:
        raise Refused(_("A name of 1 to 80 characters is needed."))
    secret = f"cct_{ids.new_secret()}"
    token = ApiToken.objects.create(
        account_id=member.account_id,
        member_id=member.pk,
        parent=parent,
        name=name.strip(),
        fingerprint=ids.fingerprint(secret),
        hint=secret[:8],
        scopes=[ALL] if ALL in scopes else sorted(set(scopes), key=SCOPES.index),
        calendars=where.calendars,
        teams=where.teams,
        inboxes=where.inboxes,
        expires_at=expires_at,
    )
    return token, secret


def check_where(where: Where) -> None:
    """Raises Refused unless the teams and inboxes are those of the scope's account."""
    for model, wanted, said in (
        (Team, where.teams, _("There is no such team here.")),
        (Inbox, where.inboxes, _("There is no such inbox here.")),
    ):
        if len(wanted) > LIMITS_MAX or model.objects.filter(uuid__in=wanted).count() != len(set(wanted)):
            raise Refused(said)


def revoke_token(*, token: ApiToken, by: Giver = OPERATOR) -> None:
    """Ends a token and every token that came from it. Raises Refused when its member holds more than `by`."""
    if by is not OPERATOR and (member := Member.objects.filter(pk=token.member_id).first()) is not None:
        grants.check_over(by, member)
    ended = [token.pk]
    for _generation in range(GENERATIONS_MAX):
        ended += ApiToken.objects.filter(parent__in=ended).exclude(pk__in=ended).values_list("pk", flat=True)
    ApiToken.objects.filter(pk__in=ended, revoked_at=None).update(revoked_at=clock.now())


def revoke_all_of(member: Member) -> None:
    """Ends every token that acts as a member."""
    ApiToken.objects.filter(member_id=member.pk, revoked_at=None).update(revoked_at=clock.now())


def living_of(member: Member) -> int:
    """How many tokens act as a member now."""
    rows = ApiToken.objects.filter(member_id=member.pk, revoked_at=None)
    return rows.exclude(expires_at__lte=clock.now()).count()


def _check_scopes(scopes: list[str], member: Member) -> None:
    if not scopes:
        raise Refused(_("Say what the token may do, as a list of scopes; “all” stands for everything you may do."))
    if unknown := sorted(set(scopes) - {ALL, *SCOPES}):
        raise Refused(_("Unknown scope: %(scope)s.") % {"scope": unknown[0][:60]})
    for scope in scopes:
        needed = SCOPE_NEEDS.get(scope)
        if needed is not None and not member.may(needed):
            values = {"scope": scope, "permission": NAMES[needed]}
            raise Refused(_("The scope %(scope)s needs a permission you do not hold: “%(permission)s”.") % values)


def _check_child(parent: ApiToken, scopes: list[str], where: Where, expires_at: datetime | None) -> None:
    """A token that another one makes reaches no further than that one."""
    if _generation(parent) >= GENERATIONS_MAX:
        raise Refused(_("Tokens made by tokens end here; make this one yourself."))
    for scope in scopes:
        if not parent.allows(scope):
            raise Refused(_("This token lacks the scope %(scope)s and cannot give it.") % {"scope": scope})
    if parent.expires_at is not None and (expires_at is None or expires_at > parent.expires_at):
        raise Refused(
            _("This token ends at %(end)s; one that it makes must say an end no later than that.")
            % {"end": parent.expires_at.isoformat()}
        )
    if parent.is_limited and not _is_within(parent, where):
        raise Refused(_("This token reaches some calendars only; say calendars, teams or inboxes among its own."))


def _is_within(parent: ApiToken, where: Where) -> bool:
    """Whether every place is named by the parent, too. A parent that names none itself has its own parent's places."""
    if not (parent.calendars or parent.teams or parent.inboxes) and parent.parent is not None:
        return _is_within(parent.parent, where)
    named = where.calendars or where.teams or where.inboxes
    pairs = ((where.calendars, parent.calendars), (where.teams, parent.teams), (where.inboxes, parent.inboxes))
    return bool(named) and all(set(wanted) <= set(known) for wanted, known in pairs)


def _generation(token: ApiToken) -> int:
    count, one = 1, token
    while one.parent is not None:
        count, one = count + 1, one.parent
    return count
