"""What occurred: every fault that can be simulated and every cell of the decision table has to, or nothing is proven of it."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from unittest import mock

from conversa_calendar.engine.table import TABLE, Decision, Side, decide
from conversa_calendar.sync.links import arriving, linking
from conversa_calendar.sync.pull import departing, pulling
from conversa_calendar.sync.push import planning, pushing
from tests.simulation import stage, wire
from tests.simulation.upheavals import TAKEOVERS, WEIGHTS

OBSERVED = ("G14", "G17", "G23", "G25", "G26", "G33")
"""Of Google's faults, those that follow from others or from a behaviour of the emulator."""
TURNS = ("P01", "P02", "P04", "P09", "W01", "W02", "W03", "W04", "W05", "W08", "late", "expire")
AT_LEAST = 20


def cell(here: Side, there: Side) -> str:
    return f"{here}/{there}"


def expected() -> list[str]:
    """Everything that a long soak has to have met."""
    faults = {*wire.RATES, *stage.RATES, *OBSERVED, *TURNS}
    return [*sorted(faults), *sorted(WEIGHTS | TAKEOVERS), *(cell(here, there) for here, there in TABLE)]


def rare(counts: Counter[str]) -> list[str]:
    """What was met too seldom."""
    return [f"{name} {counts[name]}" for name in expected() if counts[name] < AT_LEAST]


@contextmanager
def counted(counts: Counter[str]) -> Iterator[None]:
    """Counts the cells of the decision table that the engine comes to."""

    def noted(here: Side, there: Side) -> Decision:
        counts[cell(here, there)] += 1
        return decide(here, there)

    with ExitStack() as patches:
        for module in (arriving, departing, linking, planning, pulling, pushing):
            patches.enter_context(mock.patch.object(module, "decide", noted))
        yield
