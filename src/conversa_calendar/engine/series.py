"""What follows for the exceptions of a series: one changed occurrence is an event of its own that goes with its series."""

from conversa_calendar.engine import steps
from conversa_calendar.engine.evidence import Base, Due, Identity, Listed, Refused, Series, Tombstone
from conversa_calendar.engine.local import Deleted, Living
from conversa_calendar.engine.steps import Steps


def arrives(seen: Listed | Tombstone) -> Steps:
    """A changed or cancelled occurrence that has no link: it meets the one that a person changed here, comes in with its
    series, or waits for it."""
    if seen.identity is Identity.MET:
        return (steps.CancelHere(),) if isinstance(seen, Tombstone) else (steps.Adopt(),)
    return (steps.Park(for_series=True),) if seen.series is Series.UNSEEN else (steps.TakeIn(),)


def first_change(due: Due) -> Steps:
    """The first change of an occurrence is guarded by its series' version: it waits for what is not listed yet, which may
    be a change of the very same occurrence."""
    if due.series is Series.BUSY:
        return (steps.Wait(),)
    if due.cancels and due.is_guests_copy:
        return (steps.Cancel(is_first=True),)
    return (steps.Patch(is_first=True),)


def taken_back(local: Living | Deleted, refused: Refused) -> Steps:
    """An occurrence whose change or deletion cannot be sent stands as it does there, be it at a time that its series does
    not have any more. An edit stays as it is."""
    if isinstance(local, Deleted) and refused.base is Base.AGREED:
        return (steps.Revert(),) if refused.has_room else ()
    if not local.is_cancelled:
        return ()
    match refused.base:
        case Base.AGREED:
            return (steps.Revert(),)
        case Base.EMPTY:
            return (steps.Doubt(is_seen=False),)  # cancelled there too, as far as we know
        case Base.NONE:
            return (steps.DropOverride(),)
