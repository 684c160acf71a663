"""Switches for what Google's documentation leaves open; each default is the safest guess.

The numbers name the open questions and checklist lines of the reference that each switch answers.
"""

from dataclasses import asdict, dataclass, fields
from typing import Any

from gcal_emulator.misspelt import BadOrder, unknown


@dataclass
class Behaviours:
    """All switches, in one place."""

    master_move: str = "keep"
    """What a change of a master's start or rule does to exceptions: keep, drop, shift (open question 2)."""
    master_edit: str = "flow"
    """What an API edit of a master does to exceptions: flow (fields not overridden follow), keep, overwrite."""
    restore_deleted: str = "allow"
    """`status: confirmed` on a deleted event: allow or refuse with 403 (open question 10)."""
    restored_series: str = "plain"
    """A deleted series that is restored: plain, or whole with the occurrences that had been changed (question 10)."""
    reminders_change_etag: bool = True
    """Whether a reminder-only change alters the etag and is listed (open question 3)."""
    conference_delay_s: float = 1.0
    """How long a requested Meet link stays pending; negative: for ever."""
    conference_fails: bool = False
    list_lag_s: float = 0.0
    """How long a change stays invisible to list (checklist 61)."""
    page: str = "full"
    """Shape of list pages: full, short (half of the asked size) or empty_first (checklist 51)."""
    push_http: str = "loopback"
    """Plain-http push addresses: loopback (allowed on loopback only), any (as containers need it) or never (real
    Google)."""
    push_verify: bool = True
    """Whether the certificate of an https push address has to be good, as real Google wants it."""
    push_sync_first: bool = False
    """Whether the `sync` message is delivered before the answer to watch, rather than soon after (checklist 79)."""
    stop_trickle_s: float = 0.0
    """For how long a stopped channel still gets messages (checklist 84)."""
    testing_mode: bool = False
    """Consent screen in Testing: refresh tokens die after seven days."""
    refresh_idle_days: int = 183
    """After how many days without use a refresh token dies (checklist 12)."""
    orphan_master_status: int = 404
    """Reading the master of an orphan exception answers 404 or 403 (checklist 49)."""
    quota_per_user: int = 600
    quota_per_project: int = 10_000
    quota_enforced: bool = False
    propagate_attendees: bool = True
    propagation_delay_s: float = 0.0
    """How long an organizer's change takes to guests' copies, and an answer back (checklist 72)."""
    access_token_lifetime_s: int = 3599
    updated_min_horizon_days: int = 28
    batch_limit: int = 1000
    """How many parts a batch may have: 1000 as documented, 50 as elsewhere (open question 8)."""
    batch_conflicts: bool = False
    """Whether writes of one batch to the same event collide with 409 conflict (checklist 89)."""
    freebusy_days_max: int = 93
    """Longest window of a free/busy question (checklist 91)."""
    batch_shuffled: bool = False
    """Whether the parts of a batch run in another order than they were sent."""
    channel_lifetime_days: float = 7.0
    """Longest life of a push channel (open question 4)."""
    property_filter: str = "all"
    """Repeated extended-property filters: all have to match, or any (open question 7)."""
    import_deleted: str = "restore"
    """Importing a UID whose event was deleted: restore it, or refuse with 409 (open question 10)."""
    put_conference: str = "clear"
    """PUT at conferenceDataVersion 1 without conferenceData: clear or keep the conference (open question 11)."""
    page_size_bound: bool = False
    """Whether a sync token dies when maxResults changes (open question 14)."""
    empty_items: str = "list"
    """A list without events: an empty list, or absent (not stated for events)."""
    masked_event: str = "frame"
    """A private event for somebody who may not see it: its frame with times, or times and status only (question 6)."""
    split_instance_ids: str = "own"
    """How instances of a continuation `<base>_R…` are named: after their own series, or after its base, where reads and
    writes understand both (question 15)."""
    skipped_hour: str = "before"
    """Occurrences in an hour that a clock skips: with the offset of before, of after, or left out (question 16)."""
    color_changes_etag: bool = True
    """Whether a change of colour or label alone alters the etag and is listed (open question 3)."""
    deleted_copy: str = "stays"
    """A guest's copy that the guest deleted, when its organizer changes the event: stays deleted, or returns."""
    shared_is_listed: bool = False
    """Whether `acl.insert` puts the calendar on the other user's list; Google's sharing guide says that it no longer
    does and that they have to add it."""
    many_guests: str = "accept"
    """More than 200 guests: accept them, or refuse with 400 (open question 9)."""
    revoke_unknown: str = "invalid_token"
    """The error of revoking a token that Google does not know: invalid_token or invalid_request (question 13)."""
    latency_s: float = 0.0
    """How long every request to Google's paths takes at least."""
    refuse_push: bool = False
    """Every watch answers pushNotSupportedForRequestedResource."""

    def update(self, values: dict[str, Any]) -> None:
        """Sets switches by name, all or none. Raises BadOrder on an unknown name or value."""
        known = {item.name: getattr(Behaviours, item.name) for item in fields(self)}
        for name, value in values.items():
            if name not in known:
                raise unknown("behaviour", name, known)
            if name in VALUES and value not in VALUES[name]:
                raise unknown(f"value of {name}:", value, VALUES[name])
            if _kind(value) != _kind(known[name]) or (_kind(value) == "number" and abs(value) > 1e9):
                raise BadOrder(f"{name} is {known[name]!r} by default and cannot be {value!r}")
        for name, value in values.items():
            setattr(self, name, value)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "truth"
    return "number" if isinstance(value, int | float) else "text" if isinstance(value, str) else "other"


VALUES: dict[str, tuple[object, ...]] = {
    "master_move": ("keep", "drop", "shift"),
    "master_edit": ("flow", "keep", "overwrite"),
    "restore_deleted": ("allow", "refuse"),
    "restored_series": ("plain", "whole"),
    "page": ("full", "short", "empty_first"),
    "push_http": ("loopback", "any", "never"),
    "orphan_master_status": (404, 403),
    "deleted_copy": ("stays", "returns"),
    "many_guests": ("accept", "refuse"),
    "revoke_unknown": ("invalid_token", "invalid_request"),
    "split_instance_ids": ("own", "base"),
    "skipped_hour": ("before", "after", "left_out"),
}
"""Switches that know some words only."""
