"""Booking pages, their hosts, bookings, and the claims on hosts' time that make a double booking impossible."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from conversa_calendar.accounts import preconditions
from conversa_calendar.accounts.models import Account, Inbox, Member, Team
from conversa_calendar.accounts.tenancy import TenantModel, tenant_key
from conversa_calendar.accounts.vocabulary import one_of
from conversa_calendar.calendars.models import Calendar, Event
from conversa_calendar.domain.vocabulary import BookingParty, BookingState, HostMode, StalePolicy
from conversa_calendar.kit import clock, ids

HOST_MODES = tuple(HostMode)
LOCATIONS = ("meet", "phone", "address", "link")
STALE_POLICIES = tuple(StalePolicy)
STRANDED = "not_at_google"
"""The flag of a booking whose event does not reach Google as it stands here."""
UNCHECKED = "unchecked"
"""The flag of a booking whose host's calendars could not be read when it was made."""
VISITOR, HOST = BookingParty.VISITOR, BookingParty.HOST
"""Who moves and cancels a booking."""
PENDING, CONFIRMED = BookingState.PENDING, BookingState.CONFIRMED
CANCELLED, NO_SHOW = BookingState.CANCELLED, BookingState.NO_SHOW


class PageAddress(models.Model):
    """Account-neutral: finds the account behind a public address before anything else is known."""

    key = models.CharField(max_length=80, unique=True)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    page_uuid = models.UUIDField(unique=True)


class BookingPage(TenantModel):
    """What visitors book. Times are minutes; `weekly` is seven lists of [from, to] minutes after midnight, Monday
    first, `overrides` {date: the same}. A limit of 0 means none. `language` empty means the visitor's own; `logo` is a
    picture as a data: address."""

    uuid = models.UUIDField(default=ids.new_uuid, unique=True, editable=False)
    key = models.CharField(max_length=80, unique=True)
    title = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    durations = ArrayField(models.IntegerField(), default=list)
    time_zone = models.CharField(max_length=64)
    weekly = models.JSONField(default=list)
    overrides = models.JSONField(default=dict)
    buffer_before = models.IntegerField(default=0)
    buffer_after = models.IntegerField(default=0)
    notice = models.IntegerField(default=240)
    horizon_days = models.IntegerField(default=60)
    step = models.IntegerField(default=30)
    per_day = models.IntegerField(default=0)
    per_week = models.IntegerField(default=0)
    questions = models.JSONField(default=list)
    location = models.JSONField(default=dict)
    host_mode = models.CharField(max_length=12, default=HostMode.ONE)
    team = tenant_key(Team, null=True, on_delete=models.SET_NULL, related_name="+")
    inbox = tenant_key(Inbox, null=True, on_delete=models.SET_NULL, related_name="+")
    needs_confirmation = models.BooleanField(default=False)
    focus_time_busy = models.BooleanField(default=True)
    tentative_busy = models.BooleanField(default=True, db_default=True)
    unanswered_busy = models.BooleanField(default=True, db_default=True)
    stale_policy = models.CharField(max_length=6, default=StalePolicy.HIDE, db_default=StalePolicy.HIDE)
    repeats_max = models.IntegerField(default=1, db_default=1)
    reminders = ArrayField(models.IntegerField(), default=list, db_default=[])
    embed_origins = ArrayField(models.TextField(), default=list, db_default=[])
    color = models.CharField(max_length=9, default="#4f46e5")
    language = models.CharField(max_length=8, default="", db_default="", blank=True)
    logo = models.TextField(default="", db_default="", blank=True)
    is_published = models.BooleanField(default=False)
    owner = tenant_key(Member, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=clock.now)
    deleted_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [
            one_of("bookingpage", "host_mode", HostMode),
            one_of("bookingpage", "stale_policy", StalePolicy),
        ]

    def __str__(self) -> str:
        return self.title


class BookingHost(TenantModel):
    """A member who can be booked through a page, and the calendar that their bookings go to."""

    page = tenant_key(BookingPage, related_name="hosts")
    member = tenant_key(Member, related_name="+")
    calendar = tenant_key(Calendar, null=True, on_delete=models.SET_NULL, related_name="+")
    weight = models.IntegerField(default=1)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["page", "member"], name="booking_host_once")]


class Booking(TenantModel):
    """One booking. It remembers its event, so that later changes of the page cannot orphan it. `told` is the start
    that the visitor last heard of; a notice is due when the truth differs from it. The UID is that of the first mail: every
    later one changes the same entry of the visitor's own calendar, whatever becomes of the event. Bookings of one repeating request
    share a `group`. `is_shown`: somebody opened a link that only a mail to its visitor carried."""

    uuid = models.UUIDField(default=ids.new_uuid, unique=True, editable=False)
    page = tenant_key(BookingPage, related_name="bookings")
    event = tenant_key(Event, null=True, on_delete=models.SET_NULL, related_name="+")
    host = tenant_key(Member, related_name="+")
    key = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=12, default=CONFIRMED)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    name = models.CharField(max_length=120)
    email = models.EmailField()
    time_zone = models.CharField(max_length=64)
    answers = models.JSONField(default=list)
    sequence = models.IntegerField(default=0)
    flag = models.CharField(max_length=200, blank=True)
    cancelled_by = models.CharField(max_length=20, blank=True)
    cancel_reason = models.TextField(default="", db_default="", blank=True)
    """What whoever cancelled it wants the other side to read."""
    moved_by = models.CharField(max_length=20, default="", db_default="")
    """Who moved it last: its visitor or its host."""
    told_start = models.DateTimeField(null=True)
    told_state = models.CharField(max_length=12, blank=True)
    told_uri = models.TextField(blank=True)
    told_uid = models.TextField(default="", db_default="", blank=True)
    notice_due_at = models.DateTimeField(null=True)
    guests = ArrayField(models.EmailField(), default=list, db_default=[])
    group = models.UUIDField(null=True)
    language = models.CharField(max_length=8, default="", db_default="", blank=True)
    remind_at = models.DateTimeField(null=True)
    is_shown = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(default=clock.now)

    @property
    def etag(self) -> str:
        """Of what people can change about it."""
        return preconditions.tag(
            self.uuid, self.state, self.starts_at.timestamp(), self.ends_at.timestamp(), self.host_id, self.guests
        )

    @property
    def minutes(self) -> int:
        """How long it lasts."""
        return int((self.ends_at - self.starts_at).total_seconds() // 60)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["page", "key"], condition=~models.Q(key=""), name="booking_once_for_a_key"),
            one_of("booking", "state", BookingState),
            one_of("booking", "told_state", ["", *BookingState]),
            one_of("booking", "cancelled_by", BookingParty),
            one_of("booking", "moved_by", BookingParty),
        ]
        indexes = [
            models.Index(fields=["account", "starts_at"], name="booking_start"),
            models.Index(fields=["event"], condition=models.Q(event__isnull=False), name="booking_event"),
            models.Index(fields=["account"], condition=models.Q(notice_due_at__isnull=False), name="booking_notice"),
            models.Index(fields=["account", "remind_at"], condition=~models.Q(remind_at=None), name="booking_reminder"),
        ]


class BookingClaim(TenantModel):
    """A host's time, buffers included, taken by a booking or held on a `page` by a visitor who is filling in the form, or
    by an offer. The exclusion constraint over (member, span) is in the migration."""

    page = tenant_key(BookingPage, null=True, related_name="+")
    booking = tenant_key(Booking, null=True, related_name="claims")
    member = tenant_key(Member, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    hold = models.UUIDField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["member", "starts_at"], name="claim_member")]


class BookingOffer(TenantModel):
    """Up to three times that an agent proposed to one customer, held for a day; the first one booked frees the others.
    `references` go to the booking."""

    uuid = models.UUIDField(default=ids.new_uuid, unique=True, editable=False)
    page = tenant_key(BookingPage, related_name="offers")
    member = tenant_key(Member, null=True, on_delete=models.SET_NULL, related_name="+")
    booking = tenant_key(Booking, null=True, on_delete=models.SET_NULL, related_name="+")
    starts = ArrayField(models.DateTimeField())
    duration = models.IntegerField()
    time_zone = models.CharField(max_length=64)
    references = models.JSONField(default=list)
    expires_at = models.DateTimeField()
    created_at = models.DateTimeField(default=clock.now)


class BookingRequest(TenantModel):
    """A form as a visitor sent it, until they show that mail to their address reaches them."""

    uuid = models.UUIDField(default=ids.new_uuid, unique=True, editable=False)
    page = tenant_key(BookingPage, related_name="+")
    email = models.EmailField()
    fields = models.JSONField()
    expires_at = models.DateTimeField()


class AddressCount(models.Model):
    """How often one address was written to on a day because of a stranger, over all accounts; account-neutral and
    without the address itself."""

    fingerprint = models.CharField(max_length=64)
    day = models.DateField()
    count = models.IntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["fingerprint", "day"], name="address_count_once")]
