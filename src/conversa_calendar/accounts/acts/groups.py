"""Acts on teams and inboxes."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from conversa_calendar.accounts import preconditions, services
from conversa_calendar.accounts.acting import Viewer, does
from conversa_calendar.accounts.acts.rules import Act, found, needs
from conversa_calendar.accounts.models import Inbox, Member, Team
from conversa_calendar.accounts.refusals import Refused

Group = Team | Inbox
KINDS: dict[str, type[Team] | type[Inbox]] = {"team": Team, "inbox": Inbox}


@does(Act.ADD_GROUP)
def add_group(viewer: Viewer, kind: str, *, name: str, members: list[UUID]) -> Group:
    """A new team or inbox (`kind`) with its members. Raises NotAllowed, Refused."""
    needs(Act.ADD_GROUP, viewer)
    create: Any = services.create_team if kind == "team" else services.create_inbox
    made: Group = create(name=name, members=_members(members))
    return made


@does(Act.CHANGE_GROUP)
def change_group(viewer: Viewer, kind: str, uuid: UUID | str, *, members: list[UUID], if_match: str = "") -> Group:
    """Makes these the members of a team or an inbox. Raises NotFound, NotAllowed, Changed, Refused."""
    needs(Act.CHANGE_GROUP, viewer)
    group: Group = found(KINDS[kind].objects.select_for_update(of=("self",)), uuid)
    preconditions.hold(if_match, group_etag(group))
    services.set_members(group=group, members=_members(members), by=viewer.giver)
    return group


def group_etag(group: Group) -> str:
    """The etag of a team or inbox: its name and who is in it."""
    return preconditions.tag(group.uuid, group.name, *sorted(str(member.uuid) for member in group.members.all()))


def _members(uuids: list[UUID]) -> list[Member]:
    wanted = set(uuids)
    rows = list(Member.objects.filter(uuid__in=wanted))
    if len(rows) != len(wanted):
        raise Refused(_("Some of these members are not in this account."))
    return rows
