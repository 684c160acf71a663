"""Connections hear of members who leave, inside the transaction of it."""

from typing import Any

from django.db.models import Q
from django.dispatch import receiver

from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.signals import member_left
from conversa_calendar.connections.models import Consent, Invitation, Ticket


@receiver(member_left)
def end_beginnings(sender: type[Member], member: Member, **kwargs: Any) -> None:
    """A consent in progress, and every link that could begin one for this member or was sent by them, ends."""
    Consent.objects.filter(member_id=member.pk, used_at=None).delete()
    Ticket.objects.filter(member_id=member.pk, used_at=None).delete()
    Invitation.objects.filter(Q(member=member) | Q(invited_by=member), used_at=None).delete()
