"""What sync does: one decision for what ties an event to the provider, how it stands here, and what was found out.

`decide` is total and knows nothing of databases, clocks or calls: the shell reads a link, gathers evidence, stores what is
about to be called, calls, and applies the steps. Nothing else decides what becomes of an event.
"""

from typing import assert_never

from conversa_calendar.engine import series, steps
from conversa_calendar.engine.capabilities import Capabilities
from conversa_calendar.engine.evidence import (
    Answered,
    Base,
    Conflict,
    Due,
    Evidence,
    Identity,
    Illegible,
    Listed,
    Lost,
    Missing,
    Place,
    Refusal,
    Refused,
    Removed,
    Series,
    Taken,
    There,
    Tombstone,
    Unseen,
    Whereabouts,
)
from conversa_calendar.engine.link import (
    ENDS,
    Call,
    Doubted,
    Held,
    Leaving,
    Link,
    Moving,
    Synced,
    Tombstoned,
    Unlinked,
    Unreadable,
    WaitingForSeries,
    Writing,
)
from conversa_calendar.engine.local import Absent, Deleted, Living, Local, is_occurrence
from conversa_calendar.engine.steps import Steps

DOUBTS_MAX = 2
"""So often one answer that something is not there is doubted before it is believed."""


def decide(link: Link, local: Local, evidence: Evidence, can: Capabilities) -> Steps:
    """The steps for one event, in order; none when there is nothing to do."""
    match evidence:
        case Due():
            return _next_call(link, local, evidence)
        case Listed():
            return _listed(link, local, evidence, can)
        case Tombstone():
            return _tombstone_seen(link, local, evidence)
        case Illegible() | Unseen():
            return _not_read(link, local, evidence)
        case Removed():
            return _removed(link, local, evidence)
        case Answered() | Conflict():
            return _answered(link, local, evidence)
        case Missing():
            return _missing(link, local, evidence)
        case Refused():
            return _refused(link, local, evidence, can)
        case Taken() | Lost():
            return (steps.Ask(),) if isinstance(evidence, Taken) else (steps.Wait(),)
        case _:
            assert_never(evidence)


# What a listing shows.


def _listed(link: Link, local: Local, seen: Listed, can: Capabilities) -> Steps:
    """It stands there."""
    match link:
        case Unlinked():
            return _arrives(seen)
        case Synced() if seen.there is There.UNMOVED:
            return (steps.Notice(),)
        case Synced() | Moving(is_tried=False, call=None) | Held(False, False) if seen.there is There.RESTAMPED:
            return (steps.Restamp(),)
        case Synced() | Writing() | Moving() | Doubted() | Held():
            return _older(seen) or _stands(link, local, seen.there)
        case WaitingForSeries() | Unreadable() | Leaving() | Tombstoned():
            return _older(seen) or _left_behind(link, local, seen) or _without_event(link, local, seen, can)
        case _:
            assert_never(link)


def _arrives(seen: Listed) -> Steps:
    """Something that has no link: it is met by its identity, else it is new."""
    if seen.place is not Place.HERE:
        return ()
    if seen.is_occurrence:
        return series.arrives(seen)
    match seen.identity:
        case Identity.OURS | Identity.MET:
            return (steps.Adopt(),)
        case Identity.MOVED_HERE:
            return (steps.Rehome(),)
        case Identity.NEW:
            return (steps.TakeIn(),)


def _older(seen: Listed | Tombstone) -> Steps:
    """A list may show a state from before the base."""
    return (steps.Notice(),) if seen.is_older else ()


def _stands(link: Link, local: Local, there: There) -> Steps:
    """It stands there, and an event here belongs to it: the heart of the table."""
    arrived: Steps = (steps.Arrive(),) if isinstance(link, Moving) or _is_moving(link) else ()
    is_changed_there = there is There.CHANGED
    match local:
        case Deleted():
            return (*arrived, steps.KeepDeletion(keeps_their_edit=is_changed_there))
        case Living() if is_changed_there:
            return (*arrived, steps.MergeIn(sends=local.is_changed))
        case Living():
            return (*arrived, steps.SetBase(sends=local.is_changed))
        case _:
            return (*arrived, steps.TakeIn())


def _is_moving(link: Link) -> bool:
    return isinstance(link, Doubted) and link.is_moving


def _left_behind(link: Link, local: Local, seen: Listed | Tombstone) -> Steps:
    """It has no event here because it, or its series, goes on elsewhere."""
    if not isinstance(local, Absent) or seen.place is Place.HERE:
        return ()
    if seen.place is Place.ON_ITS_WAY:
        return (steps.Notice(),)
    return (steps.HandOnException(),) if seen.there is There.CHANGED else (steps.Restamp(),)


def _without_event(link: Link, local: Local, seen: Listed, can: Capabilities) -> Steps:
    """It stands there though it had no event here any more: it is cleared away as far as it is ours to clear, else somebody
    brought it back."""
    back = _back(local, seen)
    match link:
        case Leaving() if can.can_write and seen.there is not There.CHANGED:
            return (steps.ClearAway(),)  # seeing it once more brings nothing back
        case Leaving(is_known=True, is_moved_out=True):
            return (steps.HandOn(otherwise=back),)
        case Leaving(is_late=True) | Tombstoned(may_arrive=True):
            late = steps.HandOn(otherwise=back, is_late=True)
            return (steps.ClearAway(is_late=True),) if seen.is_untouched else (late,)
        case _:
            return back


def _back(local: Local, seen: Listed) -> Steps:
    """Somebody brought it back there: the event is the same again, if it is still in this calendar."""
    if seen.is_occurrence:
        return (steps.TakeIn(),)
    match local:
        case Deleted():
            return (steps.Revive(),)
        case Living():
            return (steps.Relink(),)  # restored here as well, and not sent yet
        case _:
            return (steps.TakeIn(),)


def _tombstone_seen(link: Link, local: Local, seen: Tombstone) -> Steps:
    """It was deleted there, or this occurrence cancelled."""
    match link:
        case Unlinked():
            is_nothing = not seen.is_occurrence or seen.place is not Place.HERE
            return () if is_nothing else series.arrives(seen)
        case Synced() | Writing() | Moving() | Doubted() | Held():
            return _older(seen) or _gone_from_list(link, local, seen)
        case WaitingForSeries() | Unreadable() | Leaving() | Tombstoned():
            is_of_series = isinstance(local, Absent) and seen.is_occurrence
            last: Steps = (steps.TakeIn(),) if is_of_series else (steps.Forget(),)
            return _older(seen) or _left_behind(link, local, seen) or last
        case _:
            assert_never(link)


def _gone_from_list(link: Link, local: Local, seen: Tombstone) -> Steps:
    if seen.is_occurrence and is_occurrence(local):
        return (steps.CancelHere(),)
    is_moving = isinstance(link, Moving) or _is_moving(link)
    return (steps.Notice(),) if is_moving else (steps.Doubt(),)  # a move looks at every place, and finds out


def _not_read(link: Link, local: Local, seen: Illegible | Unseen) -> Steps:
    """It is there and cannot be understood, or a listing of everything did not show it, which is not a deletion yet."""
    match link:
        case Unlinked():
            return (steps.Park(),) if isinstance(seen, Illegible) and seen.place is Place.HERE else ()
        case Synced(is_known=True) | Held(False, False) if isinstance(seen, Unseen):
            return () if seen.is_series_coming else (steps.Doubt(is_seen=False),)
        case WaitingForSeries() | Unreadable() if isinstance(seen, Illegible):
            return (steps.Park(),)
        case _:
            return (steps.TellOutdated(),) if isinstance(seen, Illegible) else ()


# What becomes of a deletion there.


def _removed(link: Link, local: Local, seen: Removed) -> Steps:
    """Carries a deletion out once it is known where the event is, whether so many can be meant, and that it is true."""
    is_approved = isinstance(link, Doubted) and link.is_approved
    match seen.whereabouts:
        case Whereabouts.UNKNOWN | Whereabouts.BUSY:
            return (steps.Wait(),)
        case Whereabouts.NOWHERE | Whereabouts.FORMER_SELF if not (is_approved or seen.is_plausible):
            return (steps.Hold(),)
        case _ if not (is_approved or seen.is_seen):
            return (steps.Ask(),)
        case _ if isinstance(local, Deleted):
            return (steps.Bury(),)
        case Whereabouts.TWIN:
            return (steps.Rehome(),)
        case Whereabouts.FORMER_SELF:
            return (steps.GiveWay(),)
        case Whereabouts.NOWHERE:
            return (steps.TrashHere(keeps_edit=isinstance(local, Living) and local.is_changed),)


# What is to be sent next.


def _next_call(link: Link, local: Local, due: Due) -> Steps:
    """The one place that says what is sent next for an event."""
    if isinstance(local, Deleted) and local.is_nobodys:
        return (steps.Settle(keeps_state=True),)
    if due.series is Series.ON_ITS_WAY:
        return (steps.Wait(),)
    match link:
        case Leaving():
            return _cleared_away(link, due)
        case Held() | Doubted():
            return (steps.Wait(),)
        case Moving(is_tried=False):
            return (steps.Move(),)
        case Writing() | Moving():
            is_known_lost = link.is_to_repeat and isinstance(local, Living)
            return (steps.Create(again=True),) if is_known_lost else (steps.Ask(),)
        case Synced() if isinstance(local, Deleted):
            return _deleted_here(link, local, due)
        case Synced():
            return _changed_here(link, local, due)
        case _:
            return _new_here(local, due)


def _cleared_away(link: Leaving, due: Due) -> Steps:
    if not link.has_version:
        return (steps.Ask(),)
    if due.is_behind and link.is_series:
        return (steps.Wait(),)  # somebody may have changed an occurrence of it, which is not listed yet
    return (steps.Delete(after_handing_on=True),)


def _deleted_here(link: Synced, local: Local, due: Due) -> Steps:
    if not link.is_approved and not due.is_plausible:
        return (steps.Hold(),)
    if is_occurrence(local) and due.series is Series.DELETED:
        return (steps.Bury(),)  # it goes with its series
    return (steps.Delete(),)


def _changed_here(link: Synced, local: Local, due: Due) -> Steps:
    if due.is_too_often:
        return (steps.Wait(until_quieter=True),)
    if is_occurrence(local) and not link.has_version:
        return series.first_change(due)  # its answer brought no version: what stands there is listed first
    if due.cancels and due.is_guests_copy:
        return (steps.Cancel(),)
    return (steps.Patch(),) if due.may_send else (steps.Settle(),)


def _new_here(local: Local, due: Due) -> Steps:
    if not isinstance(local, Living):
        return (steps.Settle(),)
    if is_occurrence(local):
        return series.first_change(due)
    return (steps.Ask(is_former=True),) if due.has_former else (steps.Create(),)


# What became of a call.


def _answered(link: Link, local: Local, seen: Answered | Conflict) -> Steps:
    """A call was answered, or a version in its way was read."""
    if isinstance(seen, Answered):
        match seen.to:
            case Call.LOOK if seen.is_gone:
                return (steps.NewId(),)
            case Call.LOOK:
                return (steps.Relink(),)
            case Call.CANCEL:
                return (steps.SettleCancel(),)
            case Call.DELETE:
                return (steps.Bury(),)
            case Call.CREATE | Call.PATCH if not seen.is_gone:
                return (steps.SettleWrite(),)
            case Call.ASK if seen.is_gone and isinstance(link, Moving) and link.is_tried:
                return (steps.MoveAgain(),)
    return _found(link, local, seen)


def _found(link: Link, local: Local, seen: Answered | Conflict) -> Steps:
    """What stands there after a write whose outcome was not known, or that came too late."""
    if isinstance(link, Leaving):
        is_ours = seen.is_gone or seen.is_untouched
        return (steps.ClearAway(),) if is_ours else (steps.HandOn(otherwise=(steps.ListAgain(),)),)
    if isinstance(link, Doubted) and not _is_away(local, seen):
        return (steps.EndDoubt(compares=seen.there is There.CHANGED and not link.is_writing),)
    if not seen.is_gone:
        return (steps.FollowSeries(),) if _is_none_of_its_own(local, seen) else _stands(link, local, seen.there)
    if not _is_away(local, seen):
        return (steps.CancelHere(),)
    return (steps.Bury(),) if isinstance(local, Deleted) else (steps.Conclude(),)


def _is_away(local: Local, seen: Answered | Conflict) -> bool:
    """Whether nothing stands there any more; a cancelled occurrence of a series is something that stands there."""
    return seen.is_gone and not (seen.is_occurrence and is_occurrence(local))


def _is_none_of_its_own(local: Local, seen: Answered | Conflict) -> bool:
    """An occurrence that nobody changes any more: what was meant for it lost to an edit of the whole series."""
    return seen.follows_series and isinstance(local, Living)


def _missing(link: Link, local: Local, seen: Missing) -> Steps:
    """It is not there: fine for a deletion; an unfinished creation is sent again; else it was deleted there, once that is
    sure."""
    match seen.to:
        case Call.CREATE:
            return (steps.DoubtCalendar(),)
        case Call.LOOK:
            return (steps.NewId(),)
        case _ if isinstance(link, Doubted):
            return (steps.Conclude(),)  # its calendar has answered just now
        case Call.MOVE if isinstance(link, Moving) and link.call is Call.CREATE:
            return (steps.SendAgain(),)
        case _:
            return _not_found(link, local, seen)


def _not_found(link: Link, local: Local, seen: Missing) -> Steps:
    is_asked = seen.to is Call.ASK
    call = link.call if isinstance(link, Writing | Moving) else None
    is_unsent = is_asked and call is Call.CREATE
    is_moving = is_asked and isinstance(link, Moving) and link.is_tried
    doubts = link.doubts if isinstance(link, Writing | Moving | Leaving) else 0
    if not (seen.is_certain or is_unsent or is_moving) and doubts < DOUBTS_MAX:
        return (steps.DoubtMissing(),)
    if isinstance(link, Leaving):
        return (steps.LetBe(),)
    if seen.to in ENDS or (is_asked and call in ENDS):
        return (steps.Bury(),)
    if is_moving:
        return (steps.MoveAgain(),)
    if is_unsent and not seen.is_certain:
        return (steps.SendAgain(),) if isinstance(local, Living) else (steps.Bury(awaits_arrival=True),)
    return (steps.Conclude(),)


def _refused(link: Link, local: Local, seen: Refused, can: Capabilities) -> Steps:
    """The provider will not take it: what cannot be sent is said on the event; what would be hidden by it is shown."""
    if seen.wants_meeting:
        return (steps.SendPlain(),)
    is_shut = seen.what is Refusal.CALENDAR and (can.is_busy_only or isinstance(link, Moving))
    match local:
        case Living(is_changed=False) if seen.what is Refusal.CALENDAR and not isinstance(link, Moving):
            return (steps.Settle(),)
        case Living() if is_shut:
            return (steps.Tell(seen.what),)  # nothing stands there that could be shown instead
        case Living() | Deleted() if not is_shut:
            return (*_taken_back(local, seen), steps.Tell(seen.what))
        case Absent() if not is_shut:
            return (steps.ListAgain(),)  # what cannot be cleared away there is shown here
        case _:
            return ()


def _taken_back(local: Living | Deleted, refused: Refused) -> Steps:
    """A deletion is undone, as the event goes on living there; so is a change that leaves nothing of a series to be seen.
    What was never seen there stays deleted; should it arrive yet, it is shown."""
    if isinstance(local, Deleted) and refused.base is Base.NONE:
        return (steps.Bury(awaits_arrival=True),)
    if is_occurrence(local):
        return series.taken_back(local, refused)
    if isinstance(local, Deleted):
        return (steps.Revive(),) if refused.base is Base.AGREED else (steps.Restore(),)
    is_hidden = refused.base is Base.AGREED and not refused.is_shown
    return (steps.Revert(),) if is_hidden else ()
