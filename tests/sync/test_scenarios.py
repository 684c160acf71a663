"""Stories told in folders: the engine decides as it is written down, and both sides end as it is written down."""

import os

import pytest

from tests.support import scenarios
from tests.support.scenarios import Story
from tests.sync.conftest import Scene

REWRITES = os.environ.get("GOLDEN") == "1"


@pytest.mark.parametrize("name", scenarios.names())
def test_a_story_goes_as_it_is_written_down(name: str, scene: Scene) -> None:
    story = Story(scene)
    story.play(name)
    plan, end = "\n".join(story.plan) + "\n", story.end()
    assert end == scenarios.compared(name, "end.txt", end, rewrites=REWRITES)
    assert plan == scenarios.compared(name, "plan.txt", plan, rewrites=REWRITES)
