"""How an event stands here, against the base that both sides last agreed on."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What an event is: by itself, a series, or one changed occurrence of a series."""

    SINGLE = "single"
    SERIES = "series"
    OCCURRENCE = "occurrence"


@dataclass(frozen=True, slots=True)
class Absent:
    """No event stands behind the link, and nobody deleted one."""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """The event lives on in another calendar, or under another link."""


@dataclass(frozen=True, slots=True)
class Living:
    """The event is here. `is_changed`: it holds what the other side does not have; `is_cancelled`: it is an occurrence
    that does not take place."""

    is_changed: bool
    kind: Kind = Kind.SINGLE
    is_cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Deleted:
    """The event was deleted here. `is_nobodys`: no person meant it to be deleted at the other side."""

    kind: Kind = Kind.SINGLE
    is_nobodys: bool = False
    is_cancelled: bool = False


Local = Absent | Elsewhere | Living | Deleted


def is_occurrence(local: Local) -> bool:
    """Whether it is one changed occurrence of a series."""
    return isinstance(local, Living | Deleted) and local.kind is Kind.OCCURRENCE
