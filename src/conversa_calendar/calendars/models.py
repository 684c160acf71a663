"""Calendars, assignments, events, occurrences, history, changes and outgoing mail.

An event's `content` is the truth (domain.event.Content as JSON); `starts_at`, `ends_at` and `summary` are derived from
it for queries. Occurrences are derived from content and can be rebuilt at any time.
"""

from datetime import timedelta
from functools import cached_property
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models

from conversa_calendar.accounts import preconditions
from conversa_calendar.accounts.acting import By
from conversa_calendar.accounts.models import Inbox, Member, Team
from conversa_calendar.accounts.tenancy import TenantModel, account_by_reference, tenant_key
from conversa_calendar.accounts.vocabulary import one_of
from conversa_calendar.domain import event as domain
from conversa_calendar.domain import names
from conversa_calendar.domain.vocabulary import Cause, DeletedBy, EventKind, Level, Notify, Side, SyncState
from conversa_calendar.kit import clock, ids

TRASH_DAYS = 30
HISTORY_DAYS = 400
ORDINARY_TYPES = {"", "default"}
"""Kinds of events that people may change outside of Google too; others are out of office, birthdays, ones not yet invented."""
BUSY_BLOCK = "busyBlock"
"""The kind of an event that stands for busy time of which nothing more may be seen."""
NOT_TAKEN = (SyncState.REFUSED, SyncState.PARKED)
"""States of what the provider did not take: it stays as it is until somebody edits it again."""
UNSENT = (SyncState.PENDING, *NOT_TAKEN)
"""States of what holds an edit that the provider does not have; they outlive a deletion seen there."""
SPEAK_FOR_SERIES = (SyncState.PENDING, SyncState.SYNCED)
"""States in which an occurrence has nothing worse to say of itself than what became of its series."""
NOBODYS_DELETIONS = (DeletedBy.DISCONNECTED, DeletedBy.REMOTE, DeletedBy.MOVED)
"""Who deleted what no person here meant to delete at the provider: it is never sent."""
UNDONE = DeletedBy.UNDONE
"""Who deleted what somebody took back that they had brought in, after its count was shown: the brake does not hold it."""
HIDDEN_TYPES = ["workingLocation", "focusTime", "birthday"]
PRIVATE = ("private", "confidential")
"""Visibilities of what only one person reads."""
LEVELS = tuple(Level)
LONG_SPAN = timedelta(days=7)


class Calendar(TenantModel):
    """A native or mirrored calendar. `place` says where it lives, in words for people; empty means only here."""

    uuid = models.UUIDField(default=ids.new_uuid, unique=True, editable=False)
    name = models.CharField(max_length=200)
    remote_name = models.CharField(max_length=200, blank=True)
    color = models.CharField(max_length=9, default="#4f46e5")
    time_zone = models.CharField(max_length=64)
    owner = tenant_key(Member, null=True, on_delete=models.SET_NULL, related_name="calendars")
    is_personal = models.BooleanField(default=False)
    is_mirrored = models.BooleanField(default=False)
    is_read_only = models.BooleanField(default=False)
    read_only_reason = models.CharField(max_length=200, blank=True)
    place = models.CharField(max_length=200, blank=True)
    counts_busy = models.BooleanField(default=True)
    hidden_types = ArrayField(models.CharField(max_length=40), default=list)
    created_at = models.DateTimeField(default=clock.now)
    deleted_at = models.DateTimeField(null=True)
    publishing_since = models.DateTimeField(null=True)
    """Since when somebody has been putting it into a new Google calendar."""

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "owner"],
                condition=models.Q(is_personal=True, deleted_at=None),
                name="calendar_one_personal",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def etag(self) -> str:
        """Of what people can change about it."""
        return preconditions.tag(self.uuid, self.name, self.color, self.time_zone, self.counts_busy, self.hidden_types)


class Assignment(TenantModel):
    """Who sees a calendar and how much: exactly one of member, team and inbox."""

    calendar = tenant_key(Calendar, related_name="assignments")
    member = tenant_key(Member, null=True, related_name="assignments")
    team = tenant_key(Team, null=True, related_name="assignments")
    inbox = tenant_key(Inbox, null=True, related_name="assignments")
    level = models.CharField(max_length=10, default=Level.DETAILS)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(member__isnull=False, team=None, inbox=None)
                | models.Q(member=None, team__isnull=False, inbox=None)
                | models.Q(member=None, team=None, inbox__isnull=False),
                name="assignment_one_kind",
            ),
            models.UniqueConstraint(
                fields=["calendar", "member", "team", "inbox"], nulls_distinct=False, name="assignment_once"
            ),
            one_of("assignment", "level", Level),
        ]


class Event(TenantModel):
    """A single event, a series (master) or an override of one occurrence.

    `revision` rises with every local edit; `is_unsettled` says that sync still has to look at it. `overridden` names
    the units in which an override differs from its master on purpose.
    """

    account = account_by_reference()
    uuid = models.UUIDField(default=ids.new_uuid, unique=True, editable=False)
    calendar = tenant_key(Calendar, related_name="events")
    kind = models.CharField(max_length=10, default=EventKind.SINGLE)
    series = tenant_key("calendars.Event", null=True, related_name="overrides")
    original_key = models.CharField(max_length=20, blank=True)
    content_json = models.TextField()
    facts_json = models.TextField(default="{}")
    overridden = ArrayField(models.CharField(max_length=20), default=list)
    summary = models.TextField(blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    ical_uid = models.TextField(blank=True)
    event_type = models.CharField(max_length=40, default="default")
    is_private = models.BooleanField(default=False)
    revision = models.BigIntegerField(default=1)
    is_unsettled = models.BooleanField(default=False)
    notify = models.CharField(max_length=10, default=Notify.NONE)
    author = tenant_key(Member, null=True, on_delete=models.SET_NULL, related_name="+")
    private_for = tenant_key(Member, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    """Who alone reads it while it is private, where that is not whom its calendar says: it came from elsewhere."""
    references = models.JSONField(default=list)
    sync_state = models.CharField(max_length=10, default=SyncState.NATIVE)
    sync_message = models.TextField(blank=True)
    remote_id = models.TextField(blank=True)
    sequence = models.IntegerField(default=0)
    created_at = models.DateTimeField(default=clock.now)
    changed_at = models.DateTimeField(default=clock.now)
    deleted_at = models.DateTimeField(null=True)
    deleted_by = models.CharField(max_length=20, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["series", "original_key"], condition=models.Q(deleted_at=None), name="event_one_override"
            ),
            models.CheckConstraint(
                condition=models.Q(kind="override") ^ models.Q(series=None), name="event_override_has_series"
            ),
            one_of("event", "kind", EventKind),
            one_of("event", "notify", Notify),
            one_of("event", "sync_state", SyncState),
            one_of("event", "deleted_by", DeletedBy),
        ]
        indexes = [
            models.Index(fields=["calendar"], condition=models.Q(is_unsettled=True), name="event_unsettled"),
            models.Index(fields=["series"], condition=models.Q(series__isnull=False), name="event_series"),
            models.Index(fields=["calendar", "deleted_at"], name="event_calendar"),
            models.Index(fields=["account", "ical_uid"], name="event_ical_uid"),
        ]

    @cached_property
    def content(self) -> domain.Content:
        return domain.decode_content(self.content_json)

    @cached_property
    def facts(self) -> domain.Facts:
        return domain.decode_facts(self.facts_json)

    @property
    def etag(self) -> str:
        return f'"{self.pk}-{self.revision}"'

    @property
    def has_unsent(self) -> bool:
        """Whether it holds an edit that the provider does not have: not sent yet, or refused there."""
        return self.is_unsettled or self.sync_state in NOT_TAKEN

    @property
    def told(self) -> tuple[str, str]:
        """Its sync state and what is said about it: an occurrence of a series that was not taken says so, too, as it may
        be the only one that is shown."""
        series = self.series if self.kind == "override" and self.sync_state in SPEAK_FOR_SERIES else None
        shown = series if series is not None and series.sync_state in NOT_TAKEN else self
        return shown.sync_state, shown.sync_message

    @property
    def is_series(self) -> bool:
        return self.kind == "series"

    @property
    def is_cancelled_occurrence(self) -> bool:
        return self.kind == "override" and self.content.status == "cancelled"

    @property
    def uid(self) -> str:
        """The iCalendar UID: the provider's, or our own. An occurrence has that of its series."""
        if self.ical_uid:
            return self.ical_uid
        whole = self.series if self.series is not None else self
        return whole.ical_uid or f"{whole.uuid}@conversa"


class Occurrence(TenantModel):
    """One concrete span of an event. All-day ones carry their dates; their instants follow the calendar's zone."""

    account = account_by_reference()
    calendar_id = models.BigIntegerField()
    event = tenant_key(Event, related_name="occurrences", db_index=False)
    original_key = models.CharField(max_length=20, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    start_date = models.DateField(null=True)
    end_date = models.DateField(null=True)
    is_busy = models.BooleanField()
    is_long = models.BooleanField(default=False)

    class Meta:
        indexes = [
            models.Index(
                fields=["calendar_id", "starts_at"], include=["ends_at", "event_id", "is_busy"], name="occurrence_span"
            ),
            models.Index(
                fields=["calendar_id", "ends_at"],
                condition=models.Q(is_long=True),
                name="occurrence_long",
            ),
            models.Index(fields=["event", "original_key"], name="occurrence_event"),
        ]


class History(TenantModel):
    """What one cause changed about an event: `changes` is {unit: {"before", "after"}}; `lost` holds values that did
    not stand in a conflict and can be put back."""

    event = tenant_key(Event, related_name="history")
    at = models.DateTimeField(default=clock.now)
    actor = tenant_key(Member, null=True, on_delete=models.SET_NULL, related_name="+")
    side = models.CharField(max_length=10)
    cause = models.CharField(max_length=20)
    changes = models.JSONField(default=dict)
    lost = models.JSONField(default=dict)
    note = models.TextField(blank=True)
    revision = models.BigIntegerField(default=0)
    done_by = models.CharField(max_length=10, default="", db_default="")
    """Who did it, as `accounts.acting.By`; a member or a token in the name of `actor`. A booking is its host's, whoever
    moves it."""
    done_by_name = models.CharField(max_length=200, default="", db_default="")
    was_private = models.BooleanField(default=False, db_default=False)
    """Whether the event was private before or after: then the entry stays so, whatever becomes of the event."""
    private_for = tenant_key(Member, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False)
    """Who alone reads an entry that was private: who read the event then, wherever it is now; nobody when not known."""

    class Meta:
        constraints = [
            one_of("history", "side", Side),
            one_of("history", "cause", Cause),
            one_of("history", "done_by", ["", *By]),
        ]
        indexes = [
            models.Index(fields=["event", "-at"], name="history_event"),
            models.Index(fields=["account", "-id"], name="history_latest"),
        ]


class Notice(TenantModel):
    """An entry of an event's history that one member should know of; it stands before them until they have read it."""

    uuid = models.UUIDField(default=ids.new_uuid, unique=True, editable=False)
    member = tenant_key(Member, related_name="notices")
    entry = tenant_key(History, related_name="notices")
    at = models.DateTimeField(default=clock.now)
    read_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["member", "entry"], name="notice_once")]
        indexes = [models.Index(fields=["member"], condition=models.Q(read_at=None), name="notice_unread")]


class Change(TenantModel):
    """The account's change feed, written by the database's own triggers and read by `changes`. `left_uuid` is the calendar
    that an event was in before it moved, `facts` what an outside reader could not ask for any more."""

    transaction = models.BigIntegerField()
    kind = models.CharField(max_length=20)
    object_uuid = models.UUIDField()
    calendar_uuid = models.UUIDField(null=True)
    left_uuid = models.UUIDField(null=True)
    facts = models.JSONField(null=True)
    what = models.CharField(max_length=20)
    at = models.DateTimeField(default=clock.now)
    done_by = models.CharField(max_length=10, default="", db_default="")

    class Meta:
        constraints = [one_of("change", "done_by", ["", *By])]
        indexes = [models.Index(fields=["account", "transaction", "id"], name="change_order")]


class OutgoingMail(TenantModel):
    """A mail that a committed change owes somebody; sent once, after the commit. One that exceeds the account's budget of
    mails to strangers waits until `not_before`, one that failed until `next_attempt_at`. One with a `topic` is worded anew when it is sent (`calendars.outbox`): it
    is `about` a booking or an event, and `facts` say what its reader was last told."""

    to = models.EmailField()
    reply_to = models.EmailField(blank=True)
    subject = models.CharField(max_length=300)
    body = models.TextField()
    ics = models.TextField(blank=True)
    method = models.CharField(max_length=10, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    claimed_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    failures = models.IntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    not_before = models.DateTimeField(null=True)
    topic = models.CharField(max_length=20, default="", db_default="", blank=True)
    about = models.UUIDField(null=True)
    facts = models.JSONField(null=True)

    class Meta(TenantModel.Meta):
        indexes = [
            models.Index(
                fields=["not_before"],
                condition=models.Q(sent_at=None, not_before__isnull=False),
                name="mail_waiting",
            ),
            models.Index(fields=["about", "to"], condition=models.Q(sent_at=None), name="mail_owed"),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Every mail comes through here: it is counted against the account's budget, and its subject is one line."""
        from conversa_calendar.calendars import outgoing

        if self._state.adding:
            self.subject = names.tidy(self.subject, 300)
            self.not_before = outgoing.due_at(self.to)
        super().save(*args, **kwargs)


class Preference(TenantModel):
    """What a member chose about calendars: which are hidden from view, which mirrored ones remind them here too, and
    where new events go."""

    member = tenant_key(Member, related_name="calendar_preferences")
    hidden_calendars = ArrayField(models.BigIntegerField(), default=list)
    ringing_calendars = ArrayField(models.BigIntegerField(), default=list, db_default=[])
    last_calendar = tenant_key(Calendar, null=True, on_delete=models.SET_NULL, related_name="+")
    mails_losses = models.BooleanField(default=False, db_default=False)
    """Whether they are mailed, too, when an edit of theirs did not stand."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["member"], name="preference_once")]


class Ring(TenantModel):
    """One reminder that rang for one member; there is never a second one for the same occurrence and lead."""

    member = tenant_key(Member, related_name="+")
    event = tenant_key(Event, related_name="+")
    original_key = models.CharField(max_length=20, blank=True)
    starts_at = models.DateTimeField()
    minutes = models.IntegerField()
    method = models.CharField(max_length=10)
    due_at = models.DateTimeField()
    shown_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["member", "event", "original_key", "starts_at", "minutes", "method"], name="ring_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["member", "due_at"], condition=models.Q(method="popup", shown_at=None), name="ring_to_show"
            )
        ]
