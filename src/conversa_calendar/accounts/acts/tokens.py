"""Acts on API tokens."""

from datetime import datetime
from uuid import UUID

from conversa_calendar.accounts import preconditions, tokens
from conversa_calendar.accounts.acting import Viewer, does
from conversa_calendar.accounts.acts.rules import Act, found, needs
from conversa_calendar.accounts.models import ApiToken, Member
from conversa_calendar.accounts.tokens import Where as Where


@does(Act.ADD_TOKEN)
def add_token(
    viewer: Viewer, *, name: str, scopes: list[str], where: Where = Where(), expires_at: datetime | None = None
) -> tuple[ApiToken, str]:
    """A new token of the viewer's own, and its secret, which is shown once. One that a token makes never reaches further
    and ends with it. Raises NotAllowed, Refused."""
    needs(Act.ADD_TOKEN, viewer)
    tokens.check_where(where)
    return tokens.create_token(
        member=viewer.member, name=name, scopes=scopes, where=where, expires_at=expires_at, parent=viewer.token
    )


@does(Act.REVOKE_TOKEN)
def revoke_token(viewer: Viewer, uuid: UUID | str, *, if_match: str = "") -> None:
    """Ends a token and every token that came from it. Raises NotFound, NotAllowed, Changed, Refused."""
    needs(Act.REVOKE_TOKEN, viewer)
    rows = ApiToken.objects.filter(account_id=viewer.member.account_id)
    token: ApiToken = found(rows, uuid)
    needs(Act.REVOKE_TOKEN, viewer, Member.objects.filter(pk=token.member_id).first())
    preconditions.hold(if_match, token.etag)
    tokens.revoke_token(token=token, by=viewer.giver)
