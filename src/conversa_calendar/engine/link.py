"""What the tie between one event here and one at the provider is, as one of a closed set of states.

Unlinked ── create ──> Writing ── answered ──> Synced <── patch ──> Writing
Synced ── moved here ──> Moving ── answered ──> Synced
Synced ── deletion seen, or not listed ──> Doubted ── sure ──> Tombstoned
Doubted ── too many at once ──> Held ── a person decides ──> Doubted, Synced, Tombstoned
Synced ── moved out of the calendar ──> Leaving ── deleted there ──> Tombstoned
Tombstoned ── lives again ──> Synced
Unlinked ── an exception before its series ──> WaitingForSeries ── the series comes ──> Synced
Unlinked ── not understood ──> Unreadable ── readable again ──> Synced
"""

from dataclasses import dataclass
from enum import StrEnum


class Call(StrEnum):
    """A call at the provider that concerns one event. `ask` reads what became of a write, `look` whether an event that
    came back from the trash stands there still."""

    CREATE = "create"
    PATCH = "patch"
    DELETE = "delete"
    CANCEL = "cancel"
    MOVE = "move"
    ASK = "resolve"
    LOOK = "look"


ENDS = frozenset({Call.DELETE, Call.CANCEL})
"""Calls after which nothing is to be there."""


@dataclass(frozen=True, slots=True)
class Unlinked:
    """Nothing ties them yet."""


@dataclass(frozen=True, slots=True)
class Synced:
    """Both sides agreed on a base, and no write is open. `has_version`: the provider's version is known, so that a write
    can be conditional; `is_known`: its content there was seen; `is_approved`: a person let its deletion pass."""

    has_version: bool = True
    is_known: bool = True
    is_approved: bool = False


@dataclass(frozen=True, slots=True)
class Writing:
    """A write whose outcome is not known. `doubts` counts how often it was not found; `is_to_repeat`: it is known that it
    did not arrive."""

    call: Call
    doubts: int = 0
    is_to_repeat: bool = False


@dataclass(frozen=True, slots=True)
class Moving:
    """It is on its way from another calendar. `is_tried`: the provider was told, and has not answered; `call` is what else
    is open."""

    is_tried: bool
    call: Call | None = None
    doubts: int = 0
    is_to_repeat: bool = False


@dataclass(frozen=True, slots=True)
class Doubted:
    """It was seen to be deleted there, or not seen any more; nothing is concluded yet. `is_moving`: it was on its way;
    `is_writing`: a write is open as well; `is_approved`: a person let its deletion pass."""

    is_approved: bool = False
    is_moving: bool = False
    is_writing: bool = False


@dataclass(frozen=True, slots=True)
class Held:
    """Too many deletions at once: a person is asked. `is_there`: it was deleted there, not here; `is_writing`: a write or
    a move of it is open as well."""

    is_there: bool = False
    is_writing: bool = False


@dataclass(frozen=True, slots=True)
class Leaving:
    """It has to go there, though no event here says so any more. `is_moved_out`: the event goes on elsewhere;
    `is_late`: what was never seen to arrive did; `is_series`: exceptions go with it."""

    has_version: bool = True
    is_known: bool = True
    is_moved_out: bool = False
    is_late: bool = False
    is_series: bool = False
    doubts: int = 0


@dataclass(frozen=True, slots=True)
class WaitingForSeries:
    """A changed occurrence whose series has not been seen."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something that could not be understood is kept raw."""


@dataclass(frozen=True, slots=True)
class Tombstoned:
    """The event is gone. `may_arrive`: its creation was never answered, and may arrive yet."""

    may_arrive: bool = False


Link = Unlinked | Synced | Writing | Moving | Doubted | Held | Leaving | WaitingForSeries | Unreadable | Tombstoned
