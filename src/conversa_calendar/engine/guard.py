"""The brake before deletions: an implausible number of them is held for a person, not carried out."""

SHARE_MAX = 0.30
COUNT_MAX = 20
EMPTY_FROM = 5
"""A full listing that comes back empty is implausible for a calendar with at least this many events."""


def is_plausible(deletions: int, deleted_recently: int, live: int) -> bool:
    """Whether `deletions` more may be carried out, after `deleted_recently` within 24 hours, with `live` events left
    (a series counts once)."""
    total = deletions + deleted_recently
    return total <= max(COUNT_MAX, int(SHARE_MAX * (live + deleted_recently)))


def is_empty_listing_plausible(live: int) -> bool:
    """Whether a complete listing without any event may be believed for a calendar that had `live` events."""
    return live < EMPTY_FROM
