"""Addresses at which calendars can be read as files, files that were brought into calendars, answers by
mail, and what an account takes with it."""

from datetime import datetime, timedelta

from django.db import models

from conversa_calendar.accounts.models import Account, Member, Team
from conversa_calendar.accounts.tenancy import TenantModel, tenant_key
from conversa_calendar.accounts.vocabulary import one_of
from conversa_calendar.calendars.models import Calendar, Event
from conversa_calendar.domain.event import Content, decode_content
from conversa_calendar.domain.vocabulary import AnswerOutcome, FeedDetails, ImportedGuests, ImportState, ProposalState
from conversa_calendar.kit import clock, ids

KINDS = ("calendar", "team", "person")
DETAILS = tuple(FeedDetails)
EXPORT_LIFE = timedelta(days=3)
"""So long the file of an export can be had."""


class Feed(TenantModel):
    """A calendar, a team's or a person's calendars, readable by whoever knows the address. It shows what its `member` may
    see at the moment of reading, at most, and nothing of what is private; made by a token, it also ends with that.

    `etag` and `modified_at` are of what was last given out.
    """

    uuid = models.UUIDField(default=ids.new_uuid, unique=True, editable=False)
    member = tenant_key(Member, related_name="+")
    calendar = tenant_key(Calendar, null=True, related_name="+")
    team = tenant_key(Team, null=True, related_name="+")
    person = tenant_key(Member, null=True, related_name="+")
    details = models.CharField(max_length=10, default=FeedDetails.BUSY)
    token_id = models.BigIntegerField(null=True)
    hint = models.CharField(max_length=12)
    created_at = models.DateTimeField(default=clock.now)
    rotated_at = models.DateTimeField(null=True)
    last_read_at = models.DateTimeField(null=True)
    etag = models.CharField(max_length=64, blank=True)
    modified_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(calendar__isnull=False, team=None, person=None)
                | models.Q(calendar=None, team__isnull=False, person=None)
                | models.Q(calendar=None, team=None, person__isnull=False),
                name="feed_one_kind",
            ),
            one_of("feed", "details", FeedDetails),
        ]

    @property
    def kind(self) -> str:
        return "calendar" if self.calendar_id else "team" if self.team_id else "person"

    @property
    def target(self) -> Calendar | Team | Member:
        """What it shows."""
        found: Calendar | Team | Member | None = self.calendar or self.team or self.person
        assert found is not None
        return found


class FeedAddress(models.Model):
    """Where a feed is found before the account is known: the fingerprint of the secret in its address."""

    fingerprint = models.CharField(max_length=64, unique=True)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    feed = models.UUIDField(unique=True)


GUESTS = tuple(ImportedGuests)
REHEARSED, RUNNING, DONE = ImportState.REHEARSED, ImportState.RUNNING, ImportState.DONE
UNDOING, TAKEN_BACK = ImportState.UNDOING, ImportState.TAKEN_BACK


class Import(TenantModel):
    """A file that somebody brings into a calendar: first rehearsed, then carried out, perhaps undone.

    `plan` holds what was read, for carrying it out, and is emptied afterwards; `rows` what is said of each event:
    {uid, key, what, summary, when, reason, notes}. `guests` says what becomes of the guests in the file.
    """

    uuid = models.UUIDField(default=ids.new_uuid, unique=True, editable=False)
    calendar = tenant_key(Calendar, related_name="+")
    member = tenant_key(Member, related_name="+")
    undone_by = tenant_key(Member, null=True, on_delete=models.SET_NULL, related_name="+")
    sees_private = models.BooleanField(default=True)
    name = models.CharField(max_length=200, blank=True)
    guests = models.CharField(max_length=10, default=ImportedGuests.TEXT)
    state = models.CharField(max_length=10, default=REHEARSED)
    plan = models.TextField(blank=True)
    rows = models.JSONField(default=list)
    left_over = models.JSONField(default=list)
    """What undoing it left as it was, with the reason: {summary, reason}."""
    created_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints = [one_of("import", "guests", ImportedGuests), one_of("import", "state", ImportState)]


class ImportedEvent(TenantModel):
    """Which event an entry of a file became in a calendar, so that it becomes no second one. `digest` is of what the file
    said last."""

    calendar = tenant_key(Calendar, related_name="+")
    uid = models.CharField(max_length=500)
    key = models.CharField(max_length=20, blank=True)
    event = tenant_key(Event, related_name="+")
    digest = models.CharField(max_length=64)
    sequence = models.IntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["calendar", "uid", "key"], name="imported_once")]


class ImportStep(TenantModel):
    """One thing that an import did to an event, or to one occurrence of a series, and how that was `before`; empty where
    it made the event. `mark` is the last entry of the history then: whoever changed it since has later ones."""

    made_by = tenant_key(Import, related_name="steps")
    event = tenant_key(Event, related_name="+")
    key = models.CharField(max_length=20, blank=True)
    before = models.TextField(blank=True)
    mark = models.BigIntegerField(default=0)


class MailAnswer(TenantModel):
    """An answer that came by mail, and what became of it: applied, proposed, or ignored with its reason. Each once, by
    the fingerprint of its mail and what it is about. `stamp` is when its sender wrote it, by their own clock."""

    at = models.DateTimeField(default=clock.now)
    fingerprint = models.CharField(max_length=64)
    sender = models.CharField(max_length=320, blank=True)
    method = models.CharField(max_length=20, blank=True)
    uid = models.CharField(max_length=500, blank=True)
    key = models.CharField(max_length=20, blank=True)
    stamp = models.CharField(max_length=40, blank=True)
    event = tenant_key(Event, null=True, on_delete=models.SET_NULL, related_name="+")
    outcome = models.CharField(max_length=10)
    reason = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "fingerprint"], name="mail_answer_once"),
            one_of("mailanswer", "outcome", AnswerOutcome),
        ]


class Proposal(TenantModel):
    """Another time that a guest proposed, for an event or one occurrence of a series (`key`). `content` holds the proposed
    start and end. Open until somebody decides, or the guest proposes another one."""

    uuid = models.UUIDField(default=ids.new_uuid, unique=True, editable=False)
    event = tenant_key(Event, related_name="+")
    key = models.CharField(max_length=20, blank=True)
    email = models.CharField(max_length=320)
    content = models.TextField()
    comment = models.TextField(blank=True)
    state = models.CharField(max_length=12, default=ProposalState.OPEN)
    created_at = models.DateTimeField(default=clock.now)
    decided_by = tenant_key(Member, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta(TenantModel.Meta):
        constraints = [one_of("proposal", "state", ProposalState)]

    @property
    def proposed(self) -> Content:
        """The proposed start and end."""
        return decode_content(self.content)


class Export(TenantModel):
    """Everything that an account holds, as its `member` sees it, packed by a job; for that member, and for a few days."""

    uuid = models.UUIDField(default=ids.new_uuid, unique=True, editable=False)
    member = tenant_key(Member, related_name="+")
    sees_private = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now)
    claimed_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    size = models.BigIntegerField(default=0)

    @property
    def expires_at(self) -> datetime:
        return self.created_at + EXPORT_LIFE

    @property
    def state(self) -> str:
        """Whether it is running, ready or expired."""
        if self.expires_at <= clock.now():
            return "expired"
        return "ready" if self.finished_at is not None else "running"


class ExportPart(TenantModel):
    """A piece of an export's file: any machine packs it, any other one hands it out."""

    export = tenant_key(Export, related_name="parts")
    number = models.IntegerField()
    data = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["export", "number"], name="export_part_once")]
