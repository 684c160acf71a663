"""The words that stand in rows, each vocabulary a closed set: what is not here cannot be written, neither by the code nor
past it, as the database checks the same words (`accounts.vocabulary`)."""

from enum import StrEnum, unique


class Word(StrEnum):
    """A word of a vocabulary. It reads as its text everywhere, also within a list: a row that was just made says the same
    as one that was read."""

    def __repr__(self) -> str:
        return str.__repr__(self)


@unique
class EventKind(Word):
    """Whether an event is one of its own, a series, or one changed occurrence of a series."""

    SINGLE = "single"
    SERIES = "series"
    OVERRIDE = "override"


@unique
class SyncState(Word):
    """What is said of an event and the provider."""

    NATIVE = "native"
    """It lives only here."""
    SYNCED = "synced"
    PENDING = "pending"
    """An edit of it is on its way."""
    HELD = "held"
    """Its deletion waits for a person."""
    PARKED = "parked"
    """The provider did not understand it."""
    REFUSED = "refused"
    """The provider does not allow it."""


@unique
class DeletedBy(Word):
    """Who put an event into the trash."""

    NOBODY = ""
    LOCAL = "local"
    """A person here."""
    REMOTE = "remote"
    """Somebody at the provider."""
    CUT = "cut"
    """It was a changed occurrence that its series has no more."""
    ORPHANED = "orphaned"
    """It was a changed occurrence, and its series lost the time that it changed."""
    MOVED = "moved"
    """It goes on as another row."""
    DISCONNECTED = "disconnected"
    """Its calendar was left."""
    UNDONE = "undone"
    """Somebody took back what they had brought in, after its count was shown."""


@unique
class Notify(Word):
    """Whom the provider is to tell of a change."""

    NONE = "none"
    EXTERNAL = "external"
    ALL = "all"


@unique
class Side(Word):
    """Where a change that stands in the history came from."""

    LOCAL = "local"
    REMOTE = "remote"
    SYNC = "sync"


@unique
class Cause(Word):
    """Why an entry stands in an event's history."""

    CREATED = "created"
    EDITED = "edited"
    DELETED = "deleted"
    RESTORED = "restored"
    MOVED = "moved"
    ANSWERED = "answered"
    CUT = "cut"
    CONTINUED = "continued"
    CARRIED_OVER = "carried over"
    JOINED_SERIES = "joined its series"
    NO_LONGER_FITS = "no longer fits"
    OCCURRENCE_CANCELLED = "occurrence cancelled"
    REFERENCES = "references"
    PUT_BACK = "put back"
    SHORTENED = "shortened"
    NOT_SENT = "not sent"
    REFUSED = "refused"
    PARKED = "parked"
    NOT_AT_GOOGLE = "not at Google"
    IMPORTED = "imported"
    HELD_APPROVED = "held: approve"
    HELD_KEPT = "held: keep"
    HELD_PUT_BACK = "held: put_back"
    BOOKED = "booked"
    RESCHEDULED = "rescheduled"
    LINK_ASKED = "link asked"
    GUESTS_ADDED = "guests added"


@unique
class Level(Word):
    """How much of a calendar is seen."""

    BUSY = "busy"
    DETAILS = "details"
    EDIT = "edit"


@unique
class FeedDetails(Word):
    """How much a published feed shows."""

    BUSY = "busy"
    DETAILS = "details"


@unique
class ImportState(Word):
    """The life of a file that is brought in."""

    REHEARSED = "rehearsed"
    RUNNING = "running"
    DONE = "done"
    UNDOING = "undoing"
    TAKEN_BACK = "undone"


@unique
class ImportedGuests(Word):
    """What becomes of the guests in a file: written into the description, dropped, or kept as guests."""

    TEXT = "text"
    DROP = "drop"
    KEEP = "keep"


@unique
class AnswerOutcome(Word):
    """What became of an answer that came by mail."""

    APPLIED = "applied"
    PROPOSED = "proposed"
    IGNORED = "ignored"


@unique
class ProposalState(Word):
    """What became of another time that a guest proposed."""

    OPEN = "open"
    SUPERSEDED = "superseded"
    ACCEPTED = "accepted"
    DISMISSED = "dismissed"


@unique
class ConnectionState(Word):
    """Whether a connection can be used."""

    ACTIVE = "active"
    RECONNECT_NEEDED = "reconnect_needed"
    DISCONNECTING = "disconnecting"


@unique
class Disposition(Word):
    """What becomes of the calendars of a connection that is left."""

    KEEP = "keep"
    REMOVE = "remove"
    PURGE = "purge"


@unique
class DisconnectStep(Word):
    """How far a disconnect has come."""

    STOPPING = "stopping"
    CLOSING = "closing"
    PURGING = "purging"
    DETACHING = "detaching"
    REVOKING = "revoking"
    DONE = "done"


@unique
class Revocation(Word):
    """What became of an authorisation that was given back."""

    PENDING = "revocation pending"
    STILL_USED = "still in use elsewhere in this service"
    NOT_CONFIRMED = "not confirmed by Google"
    REVOKED = "revoked"


@unique
class BreakerName(Word):
    """For what the whole installation rests: the provider refuses it, or its operator wants it."""

    PROJECT = "google"
    HALTED = "halted"


@unique
class Mode(Word):
    """What a mirror carries, and in which direction."""

    TWO_WAY = "two_way"
    READ_ONLY = "read_only"
    BUSY_ONLY = "busy_only"


@unique
class MirrorState(Word):
    """What is said of a mirror."""

    FIRST_SYNC = "first_sync"
    LIVE = "live"
    POLLING = "polling"
    PAUSED = "paused"
    HELD = "held"
    ACCESS_REDUCED = "access_reduced"
    UNAVAILABLE = "unavailable"
    RECONNECT_NEEDED = "reconnect_needed"


@unique
class Listing(Word):
    """Which listing of a mirror is under way: what is near first, then everything for the first time, later what changed,
    or everything again."""

    NONE = ""
    NEAR = "near"
    FIRST = "first"
    FULL = "full"
    CHANGES = "changes"


@unique
class Remedy(Word):
    """What helps a mirror that does not work."""

    NONE = ""
    WAIT = "wait"
    CHECK = "check"
    RECONNECT = "reconnect"
    CONFIRM_ACCESS = "confirm_access"
    LOOK_AT_GOOGLE = "look_at_google"
    TELL_OPERATOR = "tell_operator"


@unique
class Rest(Word):
    """Why a mirror waits for no fault of its own."""

    BUDGET = "budget"
    SLOW = "slow"
    WRITES_PAUSED = "writesPaused"
    PROJECT = "project"


@unique
class Reason(Word):
    """Why something was not asked or not done, where we say so ourselves; a provider has words of its own."""

    BUDGET = "budget"
    SLOW = "slow"
    LEASE_ENDS = "leaseEnds"
    RENEWING = "renewing"
    GRANT_DOUBTED = "grantDoubted"
    OWNER_LEFT = "ownerLeft"
    KEY_MISSING = "keyMissing"
    MASKED = "masked"


@unique
class HeldDecision(Word):
    """What a person decides about deletions that were held: both sides lose them, they stay here only, or exist on both
    sides again."""

    APPROVE = "approve"
    KEEP = "keep"
    PUT_BACK = "put_back"


@unique
class IntentKind(Word):
    """What a stored write does there; `resolve` asks what became of one, `look` whether an event still stands there."""

    CREATE = "create"
    PATCH = "patch"
    MOVE = "move"
    CANCEL = "cancel"
    DELETE = "delete"
    RESOLVE = "resolve"
    LOOK = "look"


@unique
class LaneName(Word):
    """The lanes of a worker, called as the queues of their jobs."""

    RUNS = "runs"
    UPKEEP = "upkeep"
    BACKFILL = "backfill"
    WEBHOOKS = "webhooks"


@unique
class ChannelState(Word):
    """The life of a notification channel."""

    OPENING = "opening"
    LIVE = "live"
    CLOSING = "closing"
    STOPPED = "stopped"
    REFUSED = "refused"
    """Google does not notify of it."""


@unique
class BookingState(Word):
    """The life of a booking."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"
    NO_SHOW = "no_show"


@unique
class BookingParty(Word):
    """Who cancelled or moved a booking."""

    NOBODY = ""
    HOST = "host"
    VISITOR = "visitor"


@unique
class HostMode(Word):
    """Who of a page's hosts takes a booking."""

    ONE = "one"
    ROUND_ROBIN = "round_robin"
    ALL = "all"


@unique
class StalePolicy(Word):
    """What becomes of a host whose calendars cannot be read at the moment: not offered, or offered and marked."""

    HIDE = "hide"
    WARN = "warn"
