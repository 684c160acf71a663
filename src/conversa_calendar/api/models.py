"""Answers kept for callers that repeat a create with the same Idempotency-Key."""

from django.db import models

from conversa_calendar.accounts.tenancy import TenantModel
from conversa_calendar.kit import clock


class IdempotentAnswer(TenantModel):
    """The first answer to a key: repeated for the same body, refused for another, kept for a day."""

    token_id = models.BigIntegerField()
    key = models.CharField(max_length=200)
    request_digest = models.CharField(max_length=64)
    status = models.IntegerField(default=0)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "token_id", "key"], name="idempotent_once")]
