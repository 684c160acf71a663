"""How much of Google's quota may be used, and for what (design §5, G§9).

Google counts units in a sliding minute, for the whole project and for each Google user. A run may use units only while
less than its share of both is used, so that what people wait for still gets through when everything else has to stop:
a person's edit goes before what Google notified, that before a timer, a timer before a backfill. What is used stands on
the rows of the runs themselves; no worker has to know of another.
"""

from enum import IntEnum

from django.conf import settings

from conversa_calendar.domain.vocabulary import Reason
from conversa_calendar.kit import ids
from conversa_calendar.providers import protocol

WAIT_S = 8.0
"""A run that found no room tries again after about this long: Google's minute slides."""


class Rank(IntEnum):
    """What a call is made for; the higher goes first."""

    BACKFILL = 0
    TIMER = 1
    NEWS = 2
    EDIT = 3


SHARES = {Rank.EDIT: 1.0, Rank.NEWS: 0.95, Rank.TIMER: 0.85, Rank.BACKFILL: 0.7}
"""Up to which share of the budget each may be used."""
FAIR_MAX = 999
FLOOD_STEP = 50


def room(rank: Rank, project_used: float, user_used: float) -> float:
    """Units that calls of this rank may still use in the present minute; none when it is 0 or less."""
    share = SHARES[rank]
    of_project = settings.GOOGLE_UNITS_A_MINUTE * share - project_used
    return min(of_project, settings.GOOGLE_UNITS_A_USER_MINUTE * share - user_used)


def exhausted() -> protocol.Transient:
    """What ends a run for which there is no room."""
    return protocol.Transient("This service's share of Google's quota is used up.", reason=Reason.BUDGET)


def wait_s() -> float:
    """Seconds until a run without room is tried again."""
    return ids.jitter(WAIT_S)


def priority(rank: Rank, waiting: int) -> int:
    """A job's place in the queue: by rank, then by how many mirrors of its account wait, in steps, so that one account
    in full flood does not make the others wait. Below the first step jobs go in turn: else the latest would always be
    ahead of those that wait the longest."""
    return rank * (FAIR_MAX + 1) - min(waiting // FLOOD_STEP, FAIR_MAX)
