"""Every member has a native calendar from the start; a team or inbox that is no more sees none."""

from typing import Any

from django.dispatch import receiver

from conversa_calendar.accounts.models import Inbox, Member, Team
from conversa_calendar.accounts.signals import group_emptied, member_joined
from conversa_calendar.calendars import services


@receiver(member_joined)
def give_personal_calendar(sender: type[Member], member: Member, **kwargs: Any) -> None:
    services.create_calendar(name=str(member), owner=member, time_zone=member.zone, is_personal=True)


@receiver(group_emptied)
def take_back_assignments(sender: type[Team | Inbox], group: Team | Inbox, **kwargs: Any) -> None:
    services.unassign(group)
