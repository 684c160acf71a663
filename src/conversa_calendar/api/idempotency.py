"""The Idempotency-Key of creates: the same key and body give the same answer once more."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction

from conversa_calendar.api.auth import Caller
from conversa_calendar.api.models import IdempotentAnswer
from conversa_calendar.api.problems import Problem
from conversa_calendar.kit import clock, digest

KEPT = timedelta(hours=24)


def once(caller: Caller, key: str, body: Any, create: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Creates, or repeats the kept answer. Raises Problem 409 when the key came with another body."""
    if not key:
        return create()
    if len(key) > 200:
        raise Problem(422, "invalid", "An Idempotency-Key has at most 200 characters.")
    wanted = digest.of(body)
    IdempotentAnswer.objects.filter(created_at__lt=clock.now() - KEPT).delete()
    row = IdempotentAnswer(token_id=caller.token.pk, key=key, request_digest=wanted)
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        return _known(caller, key, wanted)
    answer = create()
    row.body, row.status = answer, 201
    row.save(update_fields=["body", "status"])
    return answer


def _known(caller: Caller, key: str, wanted: str) -> dict[str, Any]:
    known = IdempotentAnswer.objects.get(token_id=caller.token.pk, key=key)
    if known.request_digest != wanted:
        raise Problem(409, "idempotency_conflict", "This Idempotency-Key came with another body before.")
    answer: dict[str, Any] = known.body or {}
    return answer
