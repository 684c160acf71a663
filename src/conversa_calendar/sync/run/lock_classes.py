"""The classes of PostgreSQL's advisory locks that sync takes: every kind has one of its own, so that none is ever taken
for another."""

from enum import IntEnum, unique


@unique
class LockClass(IntEnum):
    """The first key of an advisory lock; the second one says whose it is."""

    PRESENCE = 51_277
    """A worker lives: held by its session, by worker."""
    ARRIVALS = 51_278
    """Events arrive in an account, or are removed from it: held by a transaction, by account."""
    TURN = 51_279
    """A Google user who answers slowly is asked by one run at a time: held by a session, by grant."""
