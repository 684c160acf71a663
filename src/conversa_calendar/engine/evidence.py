"""What was found out about one event, each a value that carries only what it says.

From a listing: Listed, Tombstone, Illegible, Unseen. From a call: Answered, Conflict, Taken, Missing, Refused, Lost.
From neither: Due, its turn has come to be sent; Removed, what is known of its deletion is to be concluded.
"""

from dataclasses import dataclass
from enum import StrEnum

from conversa_calendar.engine.link import Call


class There(StrEnum):
    """The other side against the base: not even its version moved, only that did, something that nobody here edits did,
    its content did."""

    UNMOVED = "unmoved"
    RESTAMPED = "restamped"
    SAME = "same"
    CHANGED = "changed"


class Place(StrEnum):
    """Whether what is listed belongs where it is listed. `on its way`: it, or its series, was moved here to another
    calendar, which the provider has not done yet; `with its series`: its series is about to be cleared away."""

    HERE = "here"
    ON_ITS_WAY = "on its way"
    WITH_ITS_SERIES = "with its series"


class Identity(StrEnum):
    """Whom something that has no link is by identity. `met`: a person changed the same occurrence here."""

    NEW = "new"
    OURS = "ours"
    MOVED_HERE = "moved here"
    MET = "met"


class Series(StrEnum):
    """The series of an occurrence, as far as this occurrence has to wait for it. `busy`: it is being written, or something
    of it is not listed yet."""

    NONE = "none"
    READY = "ready"
    BUSY = "busy"
    ON_ITS_WAY = "on its way"
    DELETED = "deleted"
    UNSEEN = "unseen"


class Whereabouts(StrEnum):
    """Where an event stands that its calendar shows no more. `unknown`: calendars to which it may have been moved were not
    read since; `busy`: somebody is at the calendar in which it stands."""

    UNKNOWN = "unknown"
    NOWHERE = "nowhere"
    BUSY = "busy"
    TWIN = "twin"
    FORMER_SELF = "former self"


class Base(StrEnum):
    """What is known of the other side's last state: never seen, a state without content, content."""

    NONE = "none"
    EMPTY = "empty"
    AGREED = "agreed"


class Refusal(StrEnum):
    """What a refusal speaks of: the whole calendar, this event, or what was sent."""

    CALENDAR = "calendar"
    EVENT = "event"
    DATA = "data"


@dataclass(frozen=True, slots=True)
class Due:
    """Its turn has come to be sent. `has_former`: it stood there under an id before; `cancels`: what changed is that it
    does not take place; `may_send`: something that changed may be changed there."""

    series: Series = Series.NONE
    has_former: bool = False
    cancels: bool = False
    is_guests_copy: bool = False
    may_send: bool = True
    is_plausible: bool = True
    is_too_often: bool = False
    is_behind: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """It stands there. `is_untouched`: it is what we last wrote, or meant to."""

    there: There
    is_older: bool = False
    is_occurrence: bool = False
    is_untouched: bool = False
    place: Place = Place.HERE
    identity: Identity = Identity.NEW
    series: Series = Series.NONE


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A listing says that it was deleted there, or that this occurrence was cancelled."""

    is_older: bool = False
    is_occurrence: bool = False
    there: There = There.CHANGED
    place: Place = Place.HERE
    identity: Identity = Identity.NEW
    series: Series = Series.NONE


@dataclass(frozen=True, slots=True)
class Illegible:
    """A listing shows it as something that cannot be understood."""

    place: Place = Place.HERE


@dataclass(frozen=True, slots=True)
class Unseen:
    """A listing of everything did not show it. `is_series_coming`: its series is on its way here."""

    is_series_coming: bool = False


@dataclass(frozen=True, slots=True)
class Removed:
    """What is known of a deletion there: whether it was seen, or asked for; whether so many at once can be meant."""

    whereabouts: Whereabouts = Whereabouts.NOWHERE
    is_seen: bool = True
    is_plausible: bool = True


@dataclass(frozen=True, slots=True)
class Answered:
    """A call was answered: what stands there now, or that nothing does. `follows_series`: this occurrence is as its series
    has it, and nothing of ours is left to send or seen to have landed."""

    to: Call
    is_gone: bool = False
    there: There = There.CHANGED
    is_occurrence: bool = False
    is_untouched: bool = False
    follows_series: bool = False


@dataclass(frozen=True, slots=True)
class Conflict:
    """A conditional write met another version; this is what stands there."""

    is_gone: bool = False
    there: There = There.CHANGED
    is_occurrence: bool = False
    is_untouched: bool = False
    follows_series: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """The id that was to be created is taken, perhaps by ourselves."""


@dataclass(frozen=True, slots=True)
class Missing:
    """It was not found. `is_certain`: the provider says that it was deleted; else it may be the calendar that is missing."""

    to: Call
    is_certain: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider will not take it. `wants_meeting`: a video meeting was asked for; `has_room`: no other change of this
    occurrence stands here, and its series lives; `is_shown`: something of it is to be seen here."""

    what: Refusal
    base: Base = Base.AGREED
    wants_meeting: bool = False
    has_room: bool = True
    is_shown: bool = True


@dataclass(frozen=True, slots=True)
class Lost:
    """The answer was lost: it may have happened."""


Evidence = (
    Due | Listed | Tombstone | Illegible | Unseen | Removed | Answered | Conflict | Taken | Missing | Refused | Lost
)
