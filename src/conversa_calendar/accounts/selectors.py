"""Reading accounts and their people."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection
from django.db.models import QuerySet

from conversa_calendar.accounts.acting import NotFound
from conversa_calendar.accounts.models import (
    INVITATION_LIFE,
    LIVE,
    PRESENT,
    Account,
    ApiToken,
    Inbox,
    Member,
    Role,
    Team,
)
from conversa_calendar.accounts.permissions import ADMINISTRATOR, BUILT_IN, Permission
from conversa_calendar.accounts.tenancy import person
from conversa_calendar.kit import clock, ids

OPEN, ENDED, INVITED = "open", "ended", "invited"
_PLACES = """
SELECT place.account_id, place.id, place.uuid, account.name, CASE
    WHEN place.accepted_at IS NULL AND (NOT place.is_vouched OR who.email_verified_at IS NULL) THEN 'invited'
    WHEN place.sessions_ended_at >= %(since)s THEN 'ended'
    ELSE 'open' END,
    place.accepted_at IS NULL
FROM accounts_member place
JOIN accounts_user who ON who.id = place.user_id
JOIN accounts_account account ON account.id = place.account_id
WHERE place.user_id = %(user)s AND NOT place.is_suspended AND who.is_active
    AND (place.accepted_at IS NOT NULL OR (place.is_vouched AND who.email_verified_at IS NOT NULL)
        OR (place.invitation <> '' AND place.invited_at > %(oldest)s))
ORDER BY place.accepted_at IS NULL, place.id
"""


_SUSPENDED = """
SELECT place.account_id, account.name
FROM accounts_member place
JOIN accounts_account account ON account.id = place.account_id
WHERE place.user_id = %s AND place.is_suspended AND (place.accepted_at IS NOT NULL OR place.is_vouched)
ORDER BY account.name, place.id
"""


class Place(msgspec.Struct, frozen=True):
    """A person's membership as their session meets it: open; ended, so that only a new sign-in opens it; or an invitation
    that they have not answered."""

    account_id: int
    member_id: int
    uuid: str
    account: str
    state: str
    is_first_visit: bool


def places_of(user_id: int, signed_in_at: datetime) -> list[Place]:
    """Where a session that was signed in at that time may go, and where its person is invited; old ones first."""
    values: dict[str, Any] = {"user": user_id, "since": signed_in_at, "oldest": clock.now() - INVITATION_LIFE}
    with person(user_id), connection.cursor() as cursor:
        cursor.execute(_PLACES, values)
        return [Place(row[0], row[1], str(row[2]), *row[3:]) for row in cursor.fetchall()]


def suspensions_of(user_id: int) -> list[tuple[int, str]]:
    """The accounts, as (id, name), in which a person is a member who is suspended."""
    with person(user_id), connection.cursor() as cursor:
        cursor.execute(_SUSPENDED, [user_id])
        return [(row[0], row[1]) for row in cursor.fetchall()]


def memberships_of(user_id: int, signed_in_at: datetime) -> list[Place]:
    """The accounts that a session may enter: the member is not suspended, has accepted (or the directory vouches for a
    verified address), and nobody ended their sign-ins since. Every door that a session opens asks here."""
    return [place for place in places_of(user_id, signed_in_at) if place.state == OPEN]


def member(member_id: int) -> Member:
    return Member.objects.select_related("user", "role", "account").get(pk=member_id)


def members() -> QuerySet[Member]:
    return Member.objects.select_related("user", "role", "invited_by__role").order_by("name", "id")


def invited() -> list[Member]:
    """Everybody who was invited and has not come in: whose invitation stands, ended or was declined."""
    rows = members().filter(accepted_at=None, is_vouched=False, is_suspended=False)
    return list(rows.select_related("user", "role", "invited_by__role").order_by("-invited_at", "pk"))


def by_uuid(rows: QuerySet[Member], uuid: UUID) -> Member:
    """Raises NotFound."""
    found = rows.filter(uuid=uuid).first()
    if found is None:
        raise NotFound
    return found


def administrators() -> list[Member]:
    """Who can help: administrators who have come in."""
    return list(members().filter(LIVE, built_in=ADMINISTRATOR, role=None))


def holders_of(permission: Permission) -> list[Member]:
    """Members who have come in and hold a permission."""
    return [found for found in members().filter(LIVE) if found.may(permission)]


def present() -> QuerySet[Member]:
    """Everybody who belongs here: neither suspended nor only invited."""
    return members().filter(PRESENT)


def teams() -> QuerySet[Team]:
    return Team.objects.order_by("name").prefetch_related("members__user")


def inboxes() -> QuerySet[Inbox]:
    return Inbox.objects.order_by("name").prefetch_related("members__user")


def roles() -> list[tuple[str, str, frozenset[str]]]:
    """Every role as (key, name, permissions); a custom role's key is its uuid."""
    built_in = [(name, name, held) for name, held in BUILT_IN.items()]
    return built_in + [(str(r.uuid), r.name, frozenset(r.permissions)) for r in Role.objects.order_by("name")]


def token_for(secret: str) -> ApiToken | None:
    """The living API token behind a bearer secret: it and every token that it comes from."""
    rows = ApiToken.objects.select_related("account", "parent__parent__parent")
    found = rows.filter(fingerprint=ids.fingerprint(secret)).first()
    return found if found is not None and _is_alive(found) else None


def is_token_alive(token_id: int) -> bool:
    """Whether a token is still there, and neither it nor any that it comes from was revoked or has ended."""
    found = ApiToken.objects.select_related("parent__parent__parent").filter(pk=token_id).first()
    return found is not None and _is_alive(found)


def _is_alive(token: ApiToken) -> bool:
    one: ApiToken | None = token
    while one is not None:
        if one.revoked_at is not None or (one.expires_at is not None and one.expires_at <= clock.now()):
            return False
        one = one.parent
    return True


def role(uuid: str) -> Role | None:
    """A custom role by its outside id."""
    try:
        return Role.objects.filter(uuid=UUID(uuid)).first()
    except ValueError:
        return None


def holders_of_role(role: Role) -> list[Member]:
    """Everybody in a custom role, suspended ones too."""
    return list(members().filter(role=role))


def account(account_id: int) -> Account:
    return Account.objects.get(pk=account_id)
