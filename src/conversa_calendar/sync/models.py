"""Mirrors, their runs, links with the base, push channels, deep-check reports."""

from django.db import models

from conversa_calendar.accounts.tenancy import TenantModel, account_by_reference, tenant_key
from conversa_calendar.accounts.vocabulary import one_of
from conversa_calendar.calendars.models import Calendar, Event
from conversa_calendar.connections.models import Connection
from conversa_calendar.domain.vocabulary import ChannelState, IntentKind, LaneName, Listing, MirrorState, Mode, Remedy
from conversa_calendar.kit import clock, ids

TWO_WAY, READ_ONLY, BUSY_ONLY = Mode.TWO_WAY, Mode.READ_ONLY, Mode.BUSY_ONLY
NO_MASTER = "waits for its series"
"""Why an occurrence is parked that came before its series."""


class Mirror(TenantModel):
    """The tie between one Google calendar and one calendar here. It outlives its connection, which can be replaced.

    `listing` says which listing is under way, `page` where it stands. The cursor belongs to the connection named in
    `cursor_owner`.
    """

    uuid = models.UUIDField(default=ids.new_uuid, unique=True, editable=False)
    provider = models.CharField(max_length=20, default="google")
    remote_id = models.TextField()
    calendar = models.OneToOneField(Calendar, on_delete=models.CASCADE, related_name="mirror", db_constraint=False)
    connection = tenant_key(Connection, null=True, on_delete=models.SET_NULL, related_name="mirrors")
    mode = models.CharField(max_length=10, default=TWO_WAY)
    access = models.CharField(max_length=40)
    state = models.CharField(max_length=20, default=MirrorState.FIRST_SYNC)
    time_zone = models.CharField(max_length=64, default="UTC")
    cursor = models.TextField(blank=True)
    cursor_owner = models.UUIDField(null=True)
    listing = models.CharField(max_length=10, default=Listing.NEAR)
    page = models.TextField(blank=True)
    generation = models.IntegerField(default=0)
    progress_events = models.IntegerField(default=0)
    progress_pages = models.IntegerField(default=0)
    started_at = models.DateTimeField(default=clock.now)
    first_synced_at = models.DateTimeField(null=True)
    last_sync_at = models.DateTimeField(null=True)
    last_change_at = models.DateTimeField(null=True)
    last_proven_at = models.DateTimeField(null=True)
    next_deep_at = models.DateTimeField(null=True)
    viewed_at = models.DateTimeField(null=True)
    full_lists_today = models.IntegerField(default=0)
    failures = models.IntegerField(default=0)
    error_code = models.CharField(max_length=60, blank=True)
    error_message = models.TextField(blank=True)
    error_action = models.CharField(max_length=40, blank=True)
    is_paused = models.BooleanField(default=False)
    is_selected = models.BooleanField(default=True)
    push_refused = models.CharField(max_length=60, blank=True)
    push_refused_at = models.DateTimeField(null=True)
    stale_told_at = models.DateTimeField(null=True)
    late_told_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "provider", "remote_id"], name="mirror_once"),
            one_of("mirror", "mode", Mode),
            one_of("mirror", "state", MirrorState),
            one_of("mirror", "listing", Listing),
            one_of("mirror", "error_action", Remedy),
        ]


class MirrorRun(models.Model):
    """Who may work on a mirror and what is wanted of it; account-neutral, so that dispatcher and push ingress need no
    tenant. `wanted` and `pull_wanted` rise with every trigger, `done` and `pull_done` follow.
    `units_now` and `units_before` are Google's units that it used in the minute `usage_minute` since 1970 and in the one
    before, on behalf of the Google user `grant_id`."""

    mirror_id = models.BigIntegerField(primary_key=True)
    mirror_uuid = models.UUIDField(unique=True)
    account_id = models.BigIntegerField()
    wanted = models.BigIntegerField(default=0)
    done = models.BigIntegerField(default=0)
    pull_wanted = models.BigIntegerField(default=0)
    pull_done = models.BigIntegerField(default=0)
    fence = models.BigIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    lease_owner = models.IntegerField(null=True)
    next_attempt_at = models.DateTimeField(null=True)
    next_check_at = models.DateTimeField(null=True)
    is_active = models.BooleanField(default=True)
    grant_id = models.BigIntegerField(null=True)
    usage_minute = models.BigIntegerField(default=0, db_default=0)
    units_now = models.IntegerField(default=0, db_default=0)
    units_before = models.IntegerField(default=0, db_default=0)
    wrote_at = models.DateTimeField(null=True)
    """When the latest run began that wrote to Google, which Google has to notify."""
    read_at = models.DateTimeField(null=True)
    """When the latest run began that listed everything that had changed."""
    passed_over_at = models.DateTimeField(null=True)
    """When a job found no thread for it, as its Google user or account had its share; `passed_over_in` is the lane."""
    passed_over_in = models.CharField(max_length=10, default="", db_default="")

    class Meta:
        constraints = [one_of("mirrorrun", "passed_over_in", ["", *LaneName])]
        indexes = [
            models.Index(fields=["usage_minute"], name="run_usage"),
            models.Index(fields=["next_check_at"], condition=models.Q(is_active=True), name="run_due"),
            models.Index(
                fields=["mirror_id"],
                condition=models.Q(is_active=True, wanted__gt=models.F("done")),
                name="run_dirty",
            ),
            models.Index(
                fields=["passed_over_at"],
                condition=models.Q(passed_over_at__isnull=False),
                name="run_passed_over",
            ),
        ]


class Link(TenantModel):
    """The tie between one event and one Google event. The base is `raw`: the remote state that both sides last agreed
    on; `digest` is the digest of its content. An open `intent` is a write whose outcome is not known yet."""

    account = account_by_reference()
    mirror = tenant_key(Mirror, related_name="links")
    event = tenant_key(Event, null=True, related_name="links")
    remote_id = models.TextField()
    etag = models.TextField(blank=True)
    digest = models.CharField(max_length=64, blank=True)
    raw = models.TextField(blank=True)
    zone = models.CharField(max_length=64, default="UTC")
    series_remote_id = models.TextField(blank=True)
    original_key = models.CharField(max_length=20, blank=True)
    number = models.IntegerField(default=0)
    is_ours = models.BooleanField(default=False)
    seen_generation = models.IntegerField(default=0)
    intent = models.JSONField(null=True)
    remote_deleted_at = models.DateTimeField(null=True)
    asked_at = models.DateTimeField(null=True)
    """Since when the calendars are read to which the event may have been moved, in the database's time."""
    is_held = models.BooleanField(default=False)
    is_approved = models.BooleanField(default=False)
    tombstoned_at = models.DateTimeField(null=True)
    parked = models.CharField(max_length=200, blank=True)
    is_dismissed = models.BooleanField(default=False, db_default=False)
    """Whether somebody put it out of sight, as it cannot be read."""
    moving_from = models.TextField(blank=True)
    wants_delete = models.BooleanField(default=False)
    former_uuid = models.UUIDField(null=True)
    """The event that stood here until somebody took it out; what is written there meanwhile is meant for it."""
    writes = models.IntegerField(default=0, db_default=0)
    """Writes of this event since `writes_since`, an hour ago at most."""
    writes_since = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["mirror", "remote_id"], name="link_remote_once"),
            models.UniqueConstraint(
                fields=["mirror", "event"], condition=models.Q(tombstoned_at=None), name="link_event_once"
            ),
            one_of("link", "intent__kind", IntentKind),
        ]
        indexes = [
            models.Index(fields=["event"], name="link_event"),
            models.Index(
                fields=["mirror", "series_remote_id"], condition=~models.Q(series_remote_id=""), name="link_series"
            ),
            models.Index(fields=["mirror"], condition=models.Q(remote_deleted_at__isnull=False), name="link_deleted"),
            models.Index(fields=["mirror"], condition=models.Q(wants_delete=True), name="link_wants_delete"),
            models.Index(
                fields=["account"],
                condition=models.Q(asked_at__isnull=False, tombstoned_at=None),
                name="link_asked",
            ),
            models.Index(fields=["mirror"], condition=models.Q(is_held=True), name="link_held"),
        ]

    @property
    def places(self) -> list[str]:
        """Ids of the calendars in which an event that is on its way may stand still, the latest first."""
        return [self.moving_from, *(self.intent or {}).get("places", ())] if self.moving_from else []


NO_MIRROR = 0
"""What a channel has for a mirror that is about a connection's calendar list."""


class PushChannel(models.Model):
    """A notification channel at Google; account-neutral, found by the id that Google sends. Its token is stored hashed."""

    id = models.UUIDField(primary_key=True, default=ids.new_uuid, editable=False)
    mirror_id = models.BigIntegerField(db_index=True)
    account_id = models.BigIntegerField()
    connection_uuid = models.UUIDField()
    token_fingerprint = models.CharField(max_length=64)
    resource_id = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=10, default=ChannelState.OPENING)
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(null=True)
    last_message_at = models.DateTimeField(null=True)
    silent_since = models.DateTimeField(null=True)
    """Since when a message is missing that should have come; a channel that is silent counts as none."""
    is_missed = models.BooleanField(default=False, db_default=False)
    """Whether a change was found that had not been announced, so that people saw it late."""

    class Meta:
        constraints = [one_of("pushchannel", "state", ChannelState)]


class DeepCheck(TenantModel):
    """The report of one deep check."""

    mirror = tenant_key(Mirror, related_name="reports")
    started_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True)
    checked = models.IntegerField(default=0)
    equal = models.IntegerField(default=0)
    repaired = models.JSONField(default=list)
    waiting = models.IntegerField(default=0)
    refused = models.IntegerField(default=0)
    compared = models.IntegerField(default=0, db_default=0)
    """So many occurrences of the coming year were compared with the provider's own expansion."""
    compared_until = models.DateTimeField(null=True)
    differing = models.IntegerField(default=0, db_default=0)
    differences = models.JSONField(default=list, db_default=[])
    """What differs and could not be repaired: [{"event", "google_event_id", "occurrence", "what"}]."""
