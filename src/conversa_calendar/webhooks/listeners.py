"""What webhooks do when keys change."""

from typing import Any

from django.db.models import Q
from django.dispatch import receiver

from conversa_calendar.connections.models import Connection
from conversa_calendar.connections.signals import key_forgotten, resealing
from conversa_calendar.webhooks import notices, signing
from conversa_calendar.webhooks.models import Endpoint


@receiver(resealing)
def seal_anew(sender: type[Connection], **kwargs: Any) -> int:
    return sum(signing.reseal(found) for found in Endpoint.objects.select_for_update().order_by("pk"))


@receiver(key_forgotten)
def ask_for_another_secret(sender: type[Connection], key_id: str, **kwargs: Any) -> None:
    """An endpoint whose secret cannot be opened any more is off until somebody gives it another one."""
    of_key = Q(sealed_secret__startswith=f"{key_id}.") | Q(sealed_former__startswith=f"{key_id}.")
    for found in Endpoint.objects.select_for_update().filter(of_key):
        if found.sealed_secret.startswith(f"{key_id}."):
            signing.replace_lost(found)
            notices.turn_off(found, notices.KEY_LOST)
        found.sealed_former, found.former_until = "", None
        found.save(update_fields=["sealed_secret", "sealed_former", "former_until"])
