"""What readers of the feed saw."""

from django.db import models

from conversa_calendar.accounts.tenancy import TenantModel
from conversa_calendar.kit import clock


class Sight(TenantModel):
    """What some reader of the change feed saw when they last read; their cursor refers to it by `name`, its digest."""

    name = models.CharField(max_length=32)
    seen = models.JSONField()
    used_at = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="sight_once")]
