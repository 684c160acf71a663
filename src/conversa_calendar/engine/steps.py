"""What to do about one event: a closed set, each step with what it needs to know and no more.

Calls: Create, Patch, Delete, Cancel, Move, Ask. On the event here: TakeIn, MergeIn, TrashHere, CancelHere, Revive, Restore,
Revert, DropOverride, FollowSeries, Rehome, GiveWay, HandOn, SendPlain. On the link: SetBase, KeepDeletion, SettleWrite,
Settle, Bury, Doubt, Hold, Wait, Park, Relink, ClearAway, and what else puts it into another state.
"""

from __future__ import annotations

from dataclasses import dataclass

from conversa_calendar.engine.evidence import Refusal

# Calls at the provider.


@dataclass(frozen=True, slots=True)
class Create:
    """Make it there. `again`: under the id of the attempt that did not arrive."""

    again: bool = False


@dataclass(frozen=True, slots=True)
class Patch:
    """Send what changed. `is_first`: nothing of this occurrence stands there yet, so its series' version guards it."""

    is_first: bool = False


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete it there. `after_handing_on`: what somebody made of its exceptions goes to the event first."""

    after_handing_on: bool = False


@dataclass(frozen=True, slots=True)
class Cancel:
    """Delete one occurrence in a guest's copy of somebody else's series. `is_first` as with a patch."""

    is_first: bool = False


@dataclass(frozen=True, slots=True)
class Move:
    """Move it from wherever it may stand."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Read it. `is_former`: under the id that it had before it went to the trash."""

    is_former: bool = False


# On the event here.


@dataclass(frozen=True, slots=True)
class TakeIn:
    """It comes in as a new event; a link that it had before goes."""


@dataclass(frozen=True, slots=True)
class Adopt:
    """It is the event that stands here already, without a link: tied to it, it is looked at again."""


@dataclass(frozen=True, slots=True)
class Rehome:
    """The event goes on where it was moved to: out of the trash, or as the one that came in there first."""


@dataclass(frozen=True, slots=True)
class GiveWay:
    """It went back to where it came from: the event that it was all the time goes on, and this one leaves no trace."""


@dataclass(frozen=True, slots=True)
class SetBase:
    """What stands there is agreed. `sends`: what differs here is sent next."""

    sends: bool = False


@dataclass(frozen=True, slots=True)
class MergeIn:
    """Their changes come in, unit by unit; losers are kept. `sends`: what differs afterwards is sent next."""

    sends: bool = False


@dataclass(frozen=True, slots=True)
class KeepDeletion:
    """The deletion here stands and is sent next. `keeps_their_edit`: what they changed is kept in the history."""

    keeps_their_edit: bool = False


@dataclass(frozen=True, slots=True)
class TrashHere:
    """It goes to the trash. `keeps_edit`: with an edit that was not sent."""

    keeps_edit: bool = False


@dataclass(frozen=True, slots=True)
class CancelHere:
    """This occurrence does not take place; an edit that was not sent is kept in the history."""


@dataclass(frozen=True, slots=True)
class Revive:
    """It comes back as it stands there."""


@dataclass(frozen=True, slots=True)
class Restore:
    """It comes back as it was here."""


@dataclass(frozen=True, slots=True)
class Revert:
    """It stands again as it was last agreed on."""


@dataclass(frozen=True, slots=True)
class DropOverride:
    """The change of this occurrence goes; it is as its series has it."""


@dataclass(frozen=True, slots=True)
class FollowSeries:
    """The occurrence follows its series again; what was meant for it is kept in the history."""


@dataclass(frozen=True, slots=True)
class SendPlain:
    """It is sent once more, without the video meeting that was refused."""


# On the link.


@dataclass(frozen=True, slots=True)
class Notice:
    """It was listed; nothing has to be done."""


@dataclass(frozen=True, slots=True)
class Restamp:
    """Its version moved, its content did not."""


@dataclass(frozen=True, slots=True)
class Arrive:
    """It stands where it was moved to."""


@dataclass(frozen=True, slots=True)
class SettleWrite:
    """What was written becomes the base, in the provider's spelling; newer edits stay to be sent."""


@dataclass(frozen=True, slots=True)
class SettleCancel:
    """The occurrence is gone there; what stands in its place comes with the next listing."""


@dataclass(frozen=True, slots=True)
class Settle:
    """Nothing is left to be sent. `keeps_state`: what its state says stays, for when its calendar comes back."""

    keeps_state: bool = False


@dataclass(frozen=True, slots=True)
class Bury:
    """It is gone on both sides: a tombstone stays. `awaits_arrival`: with what was meant to be sent, as it may arrive yet."""

    awaits_arrival: bool = False


@dataclass(frozen=True, slots=True)
class Forget:
    """It stays gone: whatever wanted it deleted there is content."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """It is found out what became of it before anything is concluded. `is_seen`: its deletion was seen; else it is asked
    for."""

    is_seen: bool = True


@dataclass(frozen=True, slots=True)
class EndDoubt:
    """It stands there after all. `compares`: as something else, which is looked at next."""

    compares: bool = False


@dataclass(frozen=True, slots=True)
class Conclude:
    """It is not there: what becomes of it here is decided by where it went."""


@dataclass(frozen=True, slots=True)
class DoubtMissing:
    """One answer is not believed: the calendar is listed before it is asked again."""


@dataclass(frozen=True, slots=True)
class DoubtCalendar:
    """The answer speaks of the calendar: the run ends."""


@dataclass(frozen=True, slots=True)
class Hold:
    """A person is asked."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Not now. `until_quieter`: it was written very often."""

    until_quieter: bool = False


@dataclass(frozen=True, slots=True)
class Park:
    """It is kept as it came: a changed occurrence until its series comes (`for_series`), else until it can be read."""

    for_series: bool = False


@dataclass(frozen=True, slots=True)
class TellOutdated:
    """The last readable version stays, and says so."""


@dataclass(frozen=True, slots=True)
class Tell:
    """The event says that it was not taken."""

    what: Refusal


@dataclass(frozen=True, slots=True)
class Relink:
    """The link ties the event again, and what was found is looked at anew."""


@dataclass(frozen=True, slots=True)
class NewId:
    """Its former id is left behind: it is made anew under the next one."""


@dataclass(frozen=True, slots=True)
class ClearAway:
    """It is deleted there next. `is_late`: it is a creation of ours that arrived late, and is known now."""

    is_late: bool = False


@dataclass(frozen=True, slots=True)
class HandOn:
    """What somebody wrote there goes to the event itself, then it is cleared away; where that cannot be, `otherwise`."""

    otherwise: tuple[Step, ...]
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class HandOnException:
    """What somebody made of an exception goes to the event's own, as its series is about to be cleared away."""


@dataclass(frozen=True, slots=True)
class LetBe:
    """It is not cleared away any more; should it arrive yet, it is."""


@dataclass(frozen=True, slots=True)
class ListAgain:
    """The link goes, and everything is listed, so that what stands there comes in anew."""


@dataclass(frozen=True, slots=True)
class SendAgain:
    """The creation did not arrive: it is sent once more under the same id."""


@dataclass(frozen=True, slots=True)
class MoveAgain:
    """The move did not arrive: it is tried once more."""


Call = Create | Patch | Delete | Cancel | Move | Ask
Here = (
    TakeIn
    | Adopt
    | Rehome
    | GiveWay
    | SetBase
    | MergeIn
    | KeepDeletion
    | TrashHere
    | CancelHere
    | Revive
    | Restore
    | Revert
    | DropOverride
    | FollowSeries
    | SendPlain
)
OnLink = (
    Notice
    | Restamp
    | Arrive
    | SettleWrite
    | SettleCancel
    | Settle
    | Bury
    | Forget
    | Doubt
    | EndDoubt
    | Conclude
    | DoubtMissing
    | DoubtCalendar
    | Hold
    | Wait
    | Park
    | TellOutdated
    | Tell
    | Relink
    | NewId
    | ClearAway
    | HandOn
    | HandOnException
    | LetBe
    | ListAgain
    | SendAgain
    | MoveAgain
)
Step = Call | Here | OnLink
Steps = tuple[Step, ...]
