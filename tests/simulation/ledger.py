"""What occurred: every fault that can be simulated, every cell of the decision table and every step has to, or nothing is
proven of it. Steps are counted as they follow, so that a decision which nobody obeys is not taken for one that was met."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

from conversa_calendar.engine import evidence, link, local, steps
from conversa_calendar.engine.capabilities import Capabilities
from conversa_calendar.engine.decide import decide
from conversa_calendar.sync.links import applying, arriving, linking, removing
from conversa_calendar.sync.pull import departing, pulling
from conversa_calendar.sync.push import planning, pushing, settling
from tests.simulation import stage, wire
from tests.simulation.upheavals import TAKEOVERS, WEIGHTS
from tests.support import decisions

OBSERVED = ("G14", "G17", "G23", "G25", "G26", "G33")
"""Of Google's faults, those that follow from others or from a behaviour of the emulator."""
TURNS = ("P01", "P02", "P04", "P09", "W01", "W02", "W03", "W04", "W05", "W08", "late", "expire")
AT_LEAST = 20
DECIDING = (applying, arriving, departing, linking, planning, pulling, pushing, removing, settling)
"""Where the engine is asked."""


def here(event: local.Local) -> str:
    """How an event stands here, in the table's words."""
    if isinstance(event, local.Living):
        return "changed" if event.is_changed else "same"
    return "deleted" if isinstance(event, local.Deleted) else "absent"


def there(one: link.Link, found: evidence.Evidence) -> str:
    """How the other side stands, in the table's words; nothing where the evidence does not say."""
    match found:
        case evidence.Listed():
            return "changed" if found.there is evidence.There.CHANGED else "same"
        case evidence.Answered() | evidence.Conflict():
            return "deleted" if found.is_gone else str(found.there)
        case evidence.Tombstone() | evidence.Removed():
            return "deleted"
        case evidence.Unseen() | evidence.Missing():
            return "absent"
        case evidence.Due():
            return "absent" if isinstance(one, link.Unlinked) else "same"
        case _:
            return ""


def cell(event: str, other: str) -> str:
    return f"{event}/{other}"


def expected() -> list[str]:
    """Everything that a long soak has to have met."""
    faults = {*wire.RATES, *stage.RATES, *OBSERVED, *TURNS}
    met = [cell(*row) for row in decisions.ROWS if row != ("absent", "absent")]
    return [*sorted(faults), *sorted(WEIGHTS | TAKEOVERS), *met]


def rare(counts: Counter[str]) -> list[str]:
    """What was met too seldom."""
    return [f"{name} {counts[name]}" for name in expected() if counts[name] < AT_LEAST]


@contextmanager
def counted(counts: Counter[str]) -> Iterator[None]:
    """Counts the cells of the decision table that the engine comes to, and the steps that follow."""

    def noted(one: link.Link, event: local.Local, found: evidence.Evidence, can: Capabilities) -> steps.Steps:
        then = decide(one, event, found, can)
        counts[cell(here(event), there(one, found))] += 1
        counts.update(type(step).__name__ for step in then)
        return then

    with ExitStack() as patches:
        for module in DECIDING:
            patches.enter_context(mock.patch.object(module, "decide", noted))
        yield
