"""Reading accounts and their people."""

from django.db import connection
from django.db.models import QuerySet

from conversa_calendar.accounts.models import Account, ApiToken, Inbox, Member, Role, Team
from conversa_calendar.accounts.permissions import ADMINISTRATOR, BUILT_IN, Permission
from conversa_calendar.accounts.tenancy import person
from conversa_calendar.kit import clock, ids

SCOPES = (
    "events.read",
    "events.write",
    "events.private",
    "calendars.manage",
    "integrations.manage",
    "bookings.manage",
    "account.manage",
)
"""What an API token may be narrowed to; an empty list means everything the member may do except private events."""


def memberships_of(user_id: int) -> list[tuple[int, int]]:
    """The (account id, member id) pairs of a signed-in user, unsuspended ones, oldest first."""
    query = "SELECT account_id, id FROM accounts_member WHERE user_id = %s AND NOT is_suspended ORDER BY id"
    with person(user_id), connection.cursor() as cursor:
        cursor.execute(query, [user_id])
        return [(account_id, member_id) for account_id, member_id in cursor.fetchall()]


def member(member_id: int) -> Member:
    return Member.objects.select_related("user", "role", "account").get(pk=member_id)


def members() -> QuerySet[Member]:
    return Member.objects.select_related("user", "role").order_by("name", "id")


def administrators() -> list[Member]:
    """Who can help: unsuspended administrators."""
    return list(members().filter(built_in=ADMINISTRATOR, role=None, is_suspended=False))


def holders_of(permission: Permission) -> list[Member]:
    """Unsuspended members who hold a permission."""
    return [found for found in members() if found.may(permission)]


def teams() -> QuerySet[Team]:
    return Team.objects.order_by("name").prefetch_related("members__user")


def inboxes() -> QuerySet[Inbox]:
    return Inbox.objects.order_by("name").prefetch_related("members__user")


def roles() -> list[tuple[str, str, frozenset[str]]]:
    """Every role as (key, name, permissions); a custom role's key is its uuid."""
    built_in = [(name, name, held) for name, held in BUILT_IN.items()]
    return built_in + [(str(r.uuid), r.name, frozenset(r.permissions)) for r in Role.objects.order_by("name")]


def token_for(secret: str) -> ApiToken | None:
    """The living API token behind a bearer secret."""
    found = ApiToken.objects.select_related("account").filter(fingerprint=ids.fingerprint(secret)).first()
    if found is None or found.revoked_at is not None:
        return None
    if found.expires_at is not None and found.expires_at <= clock.now():
        return None
    return found


def account(account_id: int) -> Account:
    return Account.objects.get(pk=account_id)
