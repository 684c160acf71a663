"""Users, accounts, members, roles, teams, inboxes and API tokens."""

import uuid
from datetime import timedelta

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower

from conversa_calendar.accounts import permissions, preconditions
from conversa_calendar.accounts.tenancy import TenantModel, tenant_key
from conversa_calendar.accounts.vocabulary import one_of
from conversa_calendar.kit import clock, ids


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None) -> "User":
        user = self.model(email=email.lower())
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """The sign-in of an address; who its owner is in an account, and what they may do there, say their memberships.

    `email_verified_at` is when the address's owner last proved to read its mail; a password older than that may have been
    chosen by somebody else.
    """

    uuid = models.UUIDField(default=ids.new_uuid, unique=True, editable=False)
    email = models.EmailField(unique=True)
    email_verified_at = models.DateTimeField(null=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    sessions_ended = models.IntegerField(default=0)
    created_at = models.DateTimeField(default=clock.now)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    objects = UserManager()

    def get_session_auth_hash(self) -> str:
        """Sessions die with the password, and whenever `sessions_ended` rises."""
        from django.utils.crypto import salted_hmac

        kept = f"{self.password}{self.sessions_ended}"
        return str(salted_hmac("conversa.session", kept, algorithm="sha256").hexdigest())


class Account(models.Model):
    """A tenant. `is_calendar_enabled` is the module switch, off for a new account."""

    uuid = models.UUIDField(default=ids.new_uuid, unique=True, editable=False)
    name = models.CharField(max_length=120)
    time_zone = models.CharField(max_length=64, default="UTC")
    is_suspended = models.BooleanField(default=False)
    is_calendar_enabled = models.BooleanField(default=False)
    calendar_enabled_once = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return self.name

    @property
    def etag(self) -> str:
        """Of what people can change about it."""
        return preconditions.tag(self.uuid, self.name, self.time_zone, self.is_calendar_enabled)

    @property
    def is_open(self) -> bool:
        """Whether the Calendar module works here now."""
        return self.is_calendar_enabled and not self.is_suspended


class Role(TenantModel):
    """A custom role: a name and a set of permissions."""

    uuid = models.UUIDField(default=ids.new_uuid, unique=True, editable=False)
    name = models.CharField(max_length=60)
    permissions = ArrayField(models.CharField(max_length=40), default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "name"], name="role_name")]

    @property
    def etag(self) -> str:
        """Of what people can change about it."""
        return preconditions.tag(self.uuid, self.name, sorted(self.permissions))


PRESENT = models.Q(is_suspended=False) & (models.Q(is_vouched=True) | models.Q(accepted_at__isnull=False))
"""Members who belong here: they accepted, or the platform's directory says who they are."""
LIVE = models.Q(is_suspended=False, accepted_at__isnull=False)
"""Members who have come in themselves, so that power in their hands is power in somebody's hands."""
INVITATION_LIFE = timedelta(days=7)


class Member(TenantModel):
    """A person's place in an account, with the name, zone and language they have here. `built_in` is the role's name
    unless a custom `role` is set.

    It is an invitation until `accepted_at`. One that the directory vouches for (`is_vouched`) is at home here before;
    whoever proved to read the address's mail then comes in without being asked. `invitation` is the
    fingerprint of the one mailed secret that accepts it; `invited_by` answers for it and for the role it leads to, and it
    falls with their power. Sign-ins up to `sessions_ended_at` do not open this account.
    """

    uuid = models.UUIDField(default=ids.new_uuid, unique=True, editable=False)
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    built_in = models.CharField(max_length=20, default=permissions.AGENT)
    role = tenant_key("accounts.Role", null=True, on_delete=models.PROTECT, related_name="members")
    name = models.CharField(max_length=120, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    language = models.CharField(max_length=8, blank=True)
    is_suspended = models.BooleanField(default=False)
    external_id = models.CharField(max_length=120, blank=True)
    is_vouched = models.BooleanField(default=False)
    accepted_at = models.DateTimeField(null=True)
    invitation = models.CharField(max_length=64, blank=True)
    invited_at = models.DateTimeField(null=True)
    invited_by = tenant_key("accounts.Member", null=True, on_delete=models.SET_NULL, related_name="+")
    declined_at = models.DateTimeField(null=True)
    sessions_ended_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "user"], name="member_once"),
            one_of("member", "built_in", permissions.BUILT_IN),
            models.UniqueConstraint(
                fields=["account", "external_id"], condition=~models.Q(external_id=""), name="member_external_id"
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.user.email

    @property
    def etag(self) -> str:
        """Of what those who manage the account can change about this member."""
        role = self.role.uuid if self.role else self.built_in
        return preconditions.tag(role, self.is_suspended, self.accepted_at is not None)

    @property
    def profile_etag(self) -> str:
        """Of what this member can change about themselves."""
        return preconditions.tag(self.uuid, self.name, self.time_zone, self.language)

    @property
    def zone(self) -> str:
        """The time zone this person reads times in here."""
        return self.time_zone or self.account.time_zone

    @property
    def is_present(self) -> bool:
        """`PRESENT`, of this row."""
        return not self.is_suspended and (self.is_vouched or self.accepted_at is not None)

    @property
    def is_live(self) -> bool:
        """`LIVE`, of this row."""
        return not self.is_suspended and self.accepted_at is not None

    @property
    def is_invited(self) -> bool:
        """Whether the last invitation can still be accepted."""
        is_open = not self.is_suspended and self.accepted_at is None and self.invitation != ""
        is_fresh = self.invited_at is not None and clock.now() - self.invited_at < INVITATION_LIFE
        return is_open and is_fresh and (self.is_vouched or self.invited_by is None or self.invited_by.may_invite(self))

    @property
    def state(self) -> str:
        """What the account's people see of a member: nothing of what the person is in other accounts."""
        if self.is_suspended:
            return "suspended"
        if self.accepted_at is not None:
            return "active"
        if self.is_invited:
            return "invited"
        if self.is_vouched:
            return "vouched"
        return "declined" if self.declined_at is not None else "expired"

    @property
    def role_permissions(self) -> frozenset[str]:
        """What the role would allow, suspended or not."""
        return frozenset(self.role.permissions) if self.role else permissions.BUILT_IN.get(self.built_in, frozenset())

    @property
    def permissions(self) -> frozenset[str]:
        """What the role allows; nothing for whoever was suspended or has not accepted."""
        return self.role_permissions if self.is_present else frozenset()

    @property
    def is_administrator(self) -> bool:
        return self.built_in == permissions.ADMINISTRATOR and self.role_id is None

    def may_invite(self, other: "Member") -> bool:
        """Whether this member could, as of now, bring somebody into the other's role."""
        if not self.may(permissions.Permission.ACCOUNT):
            return False
        held, given = permissions.with_implied(self.permissions), permissions.with_implied(other.role_permissions)
        return self.is_administrator or (not other.is_administrator and given <= held)

    def may(self, permission: str) -> bool:
        """Whether the role allows it; who manages all booking pages may have own ones too."""
        held = self.permissions
        implied = permissions.Permission.BOOKINGS if permission == permissions.Permission.OWN_PAGES else permission
        return permission in held or implied in held


class Team(TenantModel):
    uuid = models.UUIDField(default=ids.new_uuid, unique=True, editable=False)
    name = models.CharField(max_length=80)
    external_id = models.CharField(max_length=120, blank=True)
    members: "models.ManyToManyField[Member, TeamMember]" = models.ManyToManyField(
        Member, through="TeamMember", related_name="teams"
    )

    class Meta:
        constraints = [models.UniqueConstraint(Lower("name"), "account", name="team_name")]

    def __str__(self) -> str:
        return self.name


class TeamMember(TenantModel):
    team = tenant_key(Team, related_name="places")
    member = tenant_key(Member, related_name="team_places")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "member"], name="team_member_once")]


class Inbox(TenantModel):
    uuid = models.UUIDField(default=ids.new_uuid, unique=True, editable=False)
    name = models.CharField(max_length=80)
    external_id = models.CharField(max_length=120, blank=True)
    members: "models.ManyToManyField[Member, InboxMember]" = models.ManyToManyField(
        Member, through="InboxMember", related_name="inboxes"
    )

    class Meta:
        constraints = [models.UniqueConstraint(Lower("name"), "account", name="inbox_name")]

    def __str__(self) -> str:
        return self.name


class InboxMember(TenantModel):
    inbox = tenant_key(Inbox, related_name="places")
    member = tenant_key(Member, related_name="inbox_places")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["inbox", "member"], name="inbox_member_once")]


class ApiToken(models.Model):
    """A bearer token that acts as a member, found by its fingerprint before the account is known.

    `scopes` says what it may do: the names, or "all". `calendars`, `teams` and `inboxes` (outside ids), when any is set,
    say where: these calendars, and those assigned to these teams and inboxes at the moment of a call. A token that
    another one made has that one as `parent`, never reaches further, and ends with it.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="api_tokens")
    member_id = models.BigIntegerField()
    parent = models.ForeignKey("self", null=True, on_delete=models.CASCADE, related_name="children")
    name = models.CharField(max_length=80)
    fingerprint = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=12)
    scopes = ArrayField(models.CharField(max_length=40), default=list)
    calendars = ArrayField(models.UUIDField(), default=list)
    teams = ArrayField(models.UUIDField(), default=list, db_default=[])
    inboxes = ArrayField(models.UUIDField(), default=list, db_default=[])
    created_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    @property
    def etag(self) -> str:
        """Of what the token is."""
        return preconditions.tag(self.uuid, self.name, self.scopes, self.revoked_at)

    @property
    def is_limited(self) -> bool:
        """Whether it reaches some calendars only."""
        return bool(self.calendars or self.teams or self.inboxes) or (
            self.parent is not None and self.parent.is_limited
        )

    def allows(self, scope: str) -> bool:
        """Whether it may do this; only "all" stands for anything but itself."""
        return permissions.ALL in self.scopes or scope in self.scopes


class Counter(models.Model):
    """How often something happened in the present window, by the keyed fingerprint of what is counted; see `throttle`.
    Account-neutral, and not written to the log of the database: a crash forgets the counts and nothing else."""

    key = models.CharField(max_length=64, primary_key=True)
    count = models.BigIntegerField()
    ends_at = models.DateTimeField(db_index=True)
