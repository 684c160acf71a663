"""Every member has a native calendar from the start; a team or inbox that is no more sees none, and a place in one that
sees some is given by those only who may say who sees calendars."""

from typing import Any

from django.dispatch import receiver
from django.utils.translation import gettext as _

from conversa_calendar.accounts.grants import Giver
from conversa_calendar.accounts.models import Inbox, Member, Team
from conversa_calendar.accounts.permissions import Permission
from conversa_calendar.accounts.refusals import Refused
from conversa_calendar.accounts.signals import group_emptied, member_invited, member_joined, place_given
from conversa_calendar.calendars import services, welcoming


@receiver(member_joined)
def give_personal_calendar(sender: type[Member], member: Member, **kwargs: Any) -> None:
    services.create_calendar(name=str(member), owner=member, time_zone=member.zone, is_personal=True)


@receiver(member_invited)
def mail_the_way_in(
    sender: type[Member], member: Member, token: str, actor: Member, origin: str, **kwargs: Any
) -> None:
    welcoming.tell(member, token, actor, origin)


@receiver(group_emptied)
def take_back_assignments(sender: type[Team | Inbox], group: Team | Inbox, **kwargs: Any) -> None:
    services.unassign(group)


@receiver(place_given)
def check_place(sender: type[Team | Inbox], group: Team | Inbox, by: Giver, **kwargs: Any) -> None:
    """Raises Refused when a place in the group shows calendars and `by` may not show calendars to anybody."""
    if group.assignments.exists() and not by.may_grant([Permission.CALENDARS]):
        words = _(
            "“%(name)s” sees calendars. Ask somebody who manages calendars and who sees them to add people to it."
        )
        raise Refused(words % {"name": group.name})
