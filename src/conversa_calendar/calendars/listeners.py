"""Every member has a native calendar from the start."""

from typing import Any

from django.dispatch import receiver

from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.signals import member_joined
from conversa_calendar.calendars import services


@receiver(member_joined)
def give_personal_calendar(sender: type[Member], member: Member, **kwargs: Any) -> None:
    services.create_calendar(name=str(member), owner=member, time_zone=member.zone, is_personal=True)
