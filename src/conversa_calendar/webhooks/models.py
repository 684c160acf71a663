"""What readers of the feed saw; webhooks' endpoints and what was or will be delivered to them."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from conversa_calendar.accounts.models import Member
from conversa_calendar.accounts.tenancy import TenantModel, tenant_key
from conversa_calendar.accounts.vocabulary import one_of
from conversa_calendar.kit import clock, ids

WAITING, DELIVERED, FAILED = "waiting", "delivered", "failed"


class Sight(TenantModel):
    """What some reader of the change feed saw when they last read; their cursor refers to it by `name`, its digest."""

    name = models.CharField(max_length=32)
    seen = models.JSONField()
    used_at = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="sight_once")]


class Endpoint(TenantModel):
    """Where somebody wants to hear of changes. It follows the feed by its own `cursor`, as its `viewer` may see it: whoever
    last said what goes where, with the token `token_id` if it was by one, with which it ends. `kinds` and `calendars` say what of it; no calendars mean all. `sealed_former` signs beside the
    secret until `former_until`. `rests` counts rounds in a row in which nothing was taken; nothing is tried until
    `rests_until`."""

    uuid = models.UUIDField(default=ids.new_uuid, unique=True, editable=False)
    url = models.TextField()
    description = models.CharField(max_length=200, blank=True)
    kinds = ArrayField(models.CharField(max_length=20))
    calendars = ArrayField(models.UUIDField(), default=list)
    sees_private = models.BooleanField(default=False)
    viewer = tenant_key(Member, null=True, on_delete=models.SET_NULL, related_name="+")
    token_id = models.BigIntegerField(null=True)
    sealed_secret = models.TextField()
    sealed_former = models.TextField(blank=True)
    former_until = models.DateTimeField(null=True)
    cursor = models.TextField()
    is_on = models.BooleanField(default=True)
    off_reason = models.TextField(blank=True)
    off_at = models.DateTimeField(null=True)
    rests = models.IntegerField(default=0)
    rests_until = models.DateTimeField(null=True)
    last_success_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=clock.now)

    def place(self, field: str) -> str:
        """Where a secret of this endpoint belongs."""
        return f"{self.account_id}:{self.uuid}:{field}"


class Delivery(TenantModel):
    """One message to an endpoint: which change it tells of (`item`, without any private text; what stands in the message
    besides is read when it is sent) and what became of it. The messages about one thing (`object_id`) go out in the order of
    (`transaction`, `row`)."""

    endpoint = tenant_key(Endpoint, related_name="deliveries")
    message = models.UUIDField()
    type = models.CharField(max_length=40)
    object_id = models.CharField(max_length=40)
    item = models.JSONField()
    transaction = models.BigIntegerField()
    row = models.BigIntegerField()
    at = models.DateTimeField()
    state = models.CharField(max_length=10, default=WAITING)
    attempts = models.IntegerField(default=0)
    first_attempt_at = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    status = models.IntegerField(null=True)
    error = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta(TenantModel.Meta):
        constraints = [
            one_of("delivery", "state", [WAITING, DELIVERED, FAILED]),
            models.UniqueConstraint(fields=["endpoint", "message"], name="delivery_once"),
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "transaction", "row"],
                condition=models.Q(state=WAITING),
                name="delivery_due",
            ),
            models.Index(
                fields=["endpoint", "object_id", "transaction", "row"],
                condition=models.Q(state=WAITING),
                name="delivery_order",
            ),
            models.Index(fields=["endpoint", "-id"], name="delivery_log"),
        ]


class EndpointRun(models.Model):
    """Who may deliver to an endpoint, and when there is something to deliver again; account-neutral, so that looking for
    what is due needs no tenant."""

    endpoint_id = models.BigIntegerField(primary_key=True)
    account_id = models.BigIntegerField(db_index=True)
    is_on = models.BooleanField(default=True)
    fence = models.BigIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    next_attempt_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                condition=models.Q(is_on=True, next_attempt_at__isnull=False),
                name="endpoint_due",
            )
        ]
