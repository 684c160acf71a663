"""The Idempotency-Key of creates: the same key and body give the same answer once more."""

import json
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from ninja.responses import NinjaJSONEncoder

from conversa_calendar.accounts.models import ApiToken
from conversa_calendar.api.models import IdempotentAnswer
from conversa_calendar.api.problems import Problem
from conversa_calendar.kit import clock, digest

KEPT = timedelta(hours=24)


def once(
    token: ApiToken, key: str, request: Any, create: Callable[[], dict[str, Any]], secrets: Iterable[str] = ()
) -> dict[str, Any]:
    """Creates, or repeats the kept answer, in which `secrets` are null: they are shown once. Raises Problem 409 when the key
    came with another request."""
    if not key:
        return create()
    if len(key) > 200:
        raise Problem(422, "invalid", "An Idempotency-Key has at most 200 characters.")
    wanted = digest.of(request)
    IdempotentAnswer.objects.filter(created_at__lt=clock.now() - KEPT).delete()
    row = IdempotentAnswer(token_id=token.pk, key=key, request_digest=wanted)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return _known(token, key, wanted)
    answer: dict[str, Any] = create()
    row.body, row.status = json.loads(json.dumps(answer | dict.fromkeys(secrets), cls=NinjaJSONEncoder)), 201
    row.save(update_fields=["body", "status"])
    return answer


def _known(token: ApiToken, key: str, wanted: str) -> dict[str, Any]:
    known = IdempotentAnswer.objects.get(token_id=token.pk, key=key)
    if known.request_digest != wanted:
        raise Problem(409, "idempotency_conflict", "This Idempotency-Key came with another body before.")
    answer: dict[str, Any] = known.body or {}
    return answer
