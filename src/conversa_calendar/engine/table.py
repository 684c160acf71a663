"""The decision table: what follows from the state of both sides against the base.

Total over {absent, same, changed, deleted} × {absent, same, changed, deleted}; `docs/sync/algorithm.md` shows the same
table and a test compares the two.
"""

from enum import StrEnum


class Side(StrEnum):
    """One side against the base. `absent`: not there and no deletion known; `deleted`: a deletion was seen."""

    ABSENT = "absent"
    SAME = "same"
    CHANGED = "changed"
    DELETED = "deleted"


class Decision(StrEnum):
    """What to do with one event."""

    NOTHING = "nothing"
    CREATE_LOCAL = "create here"
    CREATE_REMOTE = "create there"
    TAKE_REMOTE = "take theirs"
    PUSH = "send ours"
    MERGE = "merge"
    DELETE_LOCAL = "delete here"
    DELETE_LOCAL_KEEP_EDIT = "delete here, keep the edit in the trash"
    DELETE_REMOTE = "delete there"
    DELETE_REMOTE_KEEP_EDIT = "delete there, keep their edit in the trash"
    CONFIRM_ABSENCE = "ask whether it is really gone"
    FORGET = "forget the link"


TABLE: dict[tuple[Side, Side], Decision] = {
    (Side.ABSENT, Side.ABSENT): Decision.NOTHING,
    (Side.ABSENT, Side.SAME): Decision.CREATE_LOCAL,
    (Side.ABSENT, Side.CHANGED): Decision.CREATE_LOCAL,
    (Side.ABSENT, Side.DELETED): Decision.FORGET,
    (Side.SAME, Side.ABSENT): Decision.CONFIRM_ABSENCE,
    (Side.SAME, Side.SAME): Decision.NOTHING,
    (Side.SAME, Side.CHANGED): Decision.TAKE_REMOTE,
    (Side.SAME, Side.DELETED): Decision.DELETE_LOCAL,
    (Side.CHANGED, Side.ABSENT): Decision.CREATE_REMOTE,
    (Side.CHANGED, Side.SAME): Decision.PUSH,
    (Side.CHANGED, Side.CHANGED): Decision.MERGE,
    (Side.CHANGED, Side.DELETED): Decision.DELETE_LOCAL_KEEP_EDIT,
    (Side.DELETED, Side.ABSENT): Decision.FORGET,
    (Side.DELETED, Side.SAME): Decision.DELETE_REMOTE,
    (Side.DELETED, Side.CHANGED): Decision.DELETE_REMOTE_KEEP_EDIT,
    (Side.DELETED, Side.DELETED): Decision.FORGET,
}


def decide(local: Side, remote: Side) -> Decision:
    """The decision for one event."""
    return TABLE[local, remote]
