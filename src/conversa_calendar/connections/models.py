"""Connections, installation-wide grants, consent in progress, invitations, disconnect receipts."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from conversa_calendar.accounts.models import Account, Member, User
from conversa_calendar.accounts.tenancy import TenantModel, tenant_key
from conversa_calendar.accounts.vocabulary import one_of
from conversa_calendar.connections import sealing
from conversa_calendar.domain.vocabulary import BreakerName, ConnectionState, DisconnectStep, Disposition, Revocation
from conversa_calendar.kit import clock, ids

ACTIVE, RECONNECT_NEEDED = ConnectionState.ACTIVE, ConnectionState.RECONNECT_NEEDED
DISCONNECTING = ConnectionState.DISCONNECTING


class Grant(models.Model):
    """What one Google account granted to this installation, whichever accounts use it. Changes of who uses it happen
    under this row's lock."""

    sub = models.CharField(max_length=255, unique=True)
    revoking_since = models.DateTimeField(null=True)
    slowed_until = models.DateTimeField(null=True)
    writes_paused_until = models.DateTimeField(null=True)
    pauses = models.IntegerField(default=0)
    slow_since = models.DateTimeField(null=True)
    """Since when Google answers this user slowly; None while it does not."""
    slow_until = models.DateTimeField(null=True)
    """Before this nothing but a person's edit asks a slow Google again."""
    slow_runs = models.IntegerField(default=0, db_default=0)
    """How many runs in a row met slow answers."""


class Breaker(models.Model):
    """Google refuses the whole installation, as when its project is switched off: nobody asks before `open_until`."""

    name = models.CharField(max_length=20, unique=True)
    open_until = models.DateTimeField()
    failures = models.IntegerField(default=0)
    reason = models.CharField(max_length=60, blank=True)

    class Meta:
        constraints = [one_of("breaker", "name", BreakerName)]


class GrantUse(models.Model):
    """One connection's use of a grant, visible without knowing the account."""

    grant = models.ForeignKey(Grant, on_delete=models.CASCADE, related_name="uses")
    connection_uuid = models.UUIDField(unique=True)
    since = models.DateTimeField(default=clock.now)


class KeyProof(models.Model):
    """A value sealed with a key that seals something stored; empty until the key has been proven once."""

    key_id = models.TextField(unique=True)
    sealed = models.TextField(blank=True)


class Connection(TenantModel):
    """One Google account authorised by one member for this account; keyed by Google's `sub`, never by address."""

    uuid = models.UUIDField(default=ids.new_uuid, unique=True, editable=False)
    provider = models.CharField(max_length=20, default="google")
    sub = models.CharField(max_length=255)
    email = models.CharField(max_length=320)
    owner = tenant_key(Member, null=True, on_delete=models.SET_NULL, related_name="connections")
    state = models.CharField(max_length=20, default=ACTIVE)
    state_reason = models.TextField(blank=True)
    scopes = ArrayField(models.TextField(), default=list)
    sealed_refresh_token = models.TextField(blank=True)
    sealed_access_token = models.TextField(blank=True)
    access_expires_at = models.DateTimeField(null=True)
    renewing_until = models.DateTimeField(null=True)
    doubted_at = models.DateTimeField(null=True)
    token_version = models.IntegerField(default=0)
    connected_at = models.DateTimeField(default=clock.now)
    consented_at = models.DateTimeField(default=clock.now)
    used_at = models.DateTimeField(default=clock.now)
    listed_at = models.DateTimeField(null=True)
    notified_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "provider", "sub"], name="connection_once"),
            one_of("connection", "state", ConnectionState),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def is_resting(self) -> bool:
        """Whether nobody may use it because its owner was suspended; disconnecting it is still possible."""
        return self.state == ACTIVE and self.owner is not None and self.owner.is_suspended

    def place(self, field: str) -> str:
        """Where a secret of this connection belongs."""
        return f"{self.account_id}:{self.uuid}:{field}"

    @property
    def refresh_token(self) -> str:
        return sealing.unseal(self.sealed_refresh_token, self.place("refresh_token"))

    @property
    def access_token(self) -> str:
        return sealing.unseal(self.sealed_access_token, self.place("access_token"))

    @property
    def is_openable(self) -> bool:
        """Whether the keys at hand open its credentials."""
        try:
            return self.refresh_token is not None and self.access_token is not None
        except sealing.SealBroken:
            return False


class DiscoveredCalendar(TenantModel):
    """One entry of the connection's calendar list, as last read."""

    connection = tenant_key(Connection, related_name="discovered")
    remote_id = models.TextField()
    name = models.TextField()
    color = models.CharField(max_length=9, blank=True)
    access = models.CharField(max_length=40)
    time_zone = models.CharField(max_length=64)
    is_primary = models.BooleanField(default=False)
    is_hidden = models.BooleanField(default=False)
    missing_since = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "remote_id"], name="discovered_once")]


class Consent(models.Model):
    """A consent in progress: single use, ten minutes, bound to browser, session, user, member and account."""

    fingerprint = models.CharField(max_length=64, unique=True)
    account = models.ForeignKey(Account, on_delete=models.CASCADE)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    member_id = models.BigIntegerField()
    browser_fingerprint = models.CharField(max_length=64)
    session_fingerprint = models.CharField(max_length=64)
    sealed_verifier = models.TextField()
    nonce = models.CharField(max_length=64)
    reconnect_uuid = models.UUIDField(null=True)
    invitation_id = models.BigIntegerField(null=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)


class Ticket(models.Model):
    """A single-use link by which an API caller lets a member begin a consent in their own browser."""

    fingerprint = models.CharField(max_length=64, unique=True)
    account = models.ForeignKey(Account, on_delete=models.CASCADE)
    member_id = models.BigIntegerField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)


class Invitation(TenantModel):
    """A single-use invitation to a member to connect their own Google account."""

    uuid = models.UUIDField(default=ids.new_uuid, unique=True, editable=False)
    member = tenant_key(Member, related_name="connection_invitations")
    invited_by = tenant_key(Member, null=True, on_delete=models.SET_NULL, related_name="+")
    fingerprint = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)


class Disconnect(TenantModel):
    """A disconnect in progress or done: its plan, its steps and its receipt."""

    uuid = models.UUIDField(default=ids.new_uuid, unique=True, editable=False)
    connection_uuid = models.UUIDField(unique=True)
    email = models.CharField(max_length=320)
    sub = models.CharField(max_length=255)
    disposition = models.CharField(max_length=10)
    purge_events = models.JSONField(default=list)
    requested_by = tenant_key(Member, null=True, on_delete=models.SET_NULL, related_name="+")
    sees_private = models.BooleanField(default=False, db_default=False)
    """Whether whoever asked may make away with what is private to them; a token may not."""
    requested_at = models.DateTimeField(default=clock.now)
    step = models.CharField(max_length=20, default=DisconnectStep.STOPPING)
    counts = models.JSONField(default=dict)
    revocation = models.TextField(default=Revocation.PENDING)
    finished_at = models.DateTimeField(null=True)
    attempts = models.IntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            one_of("disconnect", "disposition", Disposition),
            one_of("disconnect", "step", DisconnectStep),
            one_of("disconnect", "revocation", Revocation),
        ]
