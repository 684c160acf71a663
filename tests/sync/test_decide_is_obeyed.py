"""Nothing but the engine decides: each row of its table, made wrong, leads a story to another end."""

from typing import Any

import pytest

from conversa_calendar.engine import steps
from conversa_calendar.engine.decide import decide
from tests.simulation import ledger
from tests.support import decisions, scenarios
from tests.support.scenarios import Story
from tests.sync.conftest import Scene

ROWS = [row for row in decisions.ROWS if row != ("absent", "absent")]
"""Of what is on neither side nobody asks."""
WRONG: dict[tuple[str, str], steps.Steps] = {
    ("absent", "deleted"): (steps.TakeIn(),),
    ("absent", "same"): (steps.TakeIn(),),
    ("deleted", "changed"): (steps.SetBase(),),
    ("deleted", "deleted"): (steps.Conclude(),),
}
"""What a row is made to say; any other says that nothing is to be done."""


@pytest.mark.parametrize(("here", "there"), ROWS)
def test_a_wrong_row_leads_to_another_end(here: str, there: str, scene: Scene) -> None:
    row, met = (here, there), []

    def decides(one: Any, event: Any, found: Any, can: Any) -> steps.Steps:
        if (ledger.here(event), ledger.there(one, found)) != row:
            return decide(one, event, found, can)
        met.append(found)
        return WRONG.get(row, ())

    story = Story(scene, decides)
    try:
        story.play(f"{here}-{there}")
        end = story.end()
    except Exception as error:
        end = repr(error)
    assert met, "the story does not come to this row"
    assert end != (scenarios.FOLDER / f"{here}-{there}" / "end.txt").read_text()
