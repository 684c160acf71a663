"""Webhooks and their deliveries as the API shows them."""

from typing import Any

from django.utils.translation import gettext as _

from conversa_calendar.kit import clock
from conversa_calendar.webhooks import acts
from conversa_calendar.webhooks.models import Delivery, Endpoint


def endpoint(shown: Endpoint) -> dict[str, Any]:
    former = shown.former_until
    return {
        "id": str(shown.uuid),
        "url": shown.url,
        "description": shown.description,
        "kinds": shown.kinds,
        "calendars": [str(uuid) for uuid in shown.calendars],
        "private": shown.sees_private,
        "on": shown.is_on,
        "off_reason": _(shown.off_reason) if shown.off_reason else "",
        "off_at": shown.off_at,
        "viewer": str(shown.viewer.uuid) if shown.viewer else None,
        "former_secret_until": former if former is not None and former > clock.now() else None,
        "last_success_at": shown.last_success_at,
        "created_at": shown.created_at,
        "etag": acts.etag(shown),
    }


def delivery(shown: Delivery) -> dict[str, Any]:
    """Without anything private: which change it tells of, and what became of it."""
    return {
        "id": f"msg_{shown.message.hex}",
        "type": shown.type,
        "object": shown.object_id,
        "at": shown.at,
        "state": shown.state,
        "attempts": shown.attempts,
        "status": shown.status,
        "error": _(shown.error) if shown.error else "",
        "next_attempt_at": shown.next_attempt_at,
        "ended_at": shown.ended_at,
    }


def count_off() -> int:
    """How many endpoints of the account hear of nothing."""
    return Endpoint.objects.filter(is_on=False).count()
