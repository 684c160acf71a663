"""The simulation in CI: seeds that once found a bug, fresh ones, kills at boundaries, planted bugs, replays, quiet days."""

import os
import subprocess
import time
from collections import Counter
from dataclasses import replace

import pytest

from tests.simulation import endurance, scenario, shrinking
from tests.simulation.config import Config
from tests.simulation.planted import BUGS, Bug
from tests.simulation.wire import RATES

RECORDED = (
    1795495166,
    1795496007,
    1795496393,
    1796492836,
    1796492854,
    1796492861,
    1796493625,
    1796495118,
    1796495156,
    1796496391,
    1796495759,
    1796645980,
    1795646047,
    1795708521,
    1795708540,
    1796708445,
    1796709953,
    1796710614,
)
"""Seeds that showed a bug when they were played first. What a seed draws changes with the simulation itself."""
FRESH_S = 60.0
PLANTED_BUDGET = 24
REPLAYS = 10
MOVES = int(os.environ.get("MOVES", "20"))
SWEEPS = 5
STRIDE = 12


@pytest.fixture(autouse=True)
def migrated_database(migrated: None) -> None:
    """Every scenario empties the database itself."""


@pytest.mark.parametrize("seed", RECORDED)
def test_a_seed_that_once_found_a_bug(seed: int) -> None:
    assert scenario.play(Config.drawn(seed)).violations == []


@pytest.mark.parametrize("half", [0, 1])
def test_fresh_seeds(half: int) -> None:
    """Two minutes of scenarios that nobody has played before: other ones with every commit, the same for each."""
    first = int(_commit()[:8], 16) % 1_000_000_000 + half * 1_000_000_000
    ends_at, counts = time.monotonic() + FRESH_S, Counter[str]()
    seed = first
    while time.monotonic() < ends_at:
        report = scenario.play(Config.drawn(seed))
        assert report.violations == [], f"make simulate SEED={seed}"
        counts.update(report.counts)
        seed += 1
    assert sum(counts[code] for code in RATES) > seed - first, "faults have to strike"


def _commit() -> str:
    """The commit under test, or a fixed one where there is no repository."""
    done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "0" * 40


@pytest.mark.parametrize("seed", range(1, SWEEPS + 1))
def test_a_worker_killed_at_one_boundary_after_another(seed: int) -> None:
    clean, boundaries = next(
        (config, boundaries)
        for config in (Config(seed + SWEEPS * turn, steps=6, workers=1) for turn in range(9))
        if (boundaries := scenario.play(config).counts["chaos"]) > STRIDE
    )
    for boundary in range(seed, boundaries, max(STRIDE, boundaries // 6)):
        report = scenario.play(replace(clean, kill_at=boundary))
        assert report.violations == [], f"killed at boundary {boundary}"


@pytest.mark.parametrize("mode", ["fast", "safety"])
def test_events_moved_at_google_again_and_again_stay_the_ones_they_are(mode: str) -> None:
    """`MOVES=1000` for the long run."""
    moves, seed, kinds = 0, 0, frozenset({"create", "create_series", "edit", "edit_occurrence", "move"})
    while moves < MOVES:
        config = replace(Config.drawn(seed, mode), kinds=kinds, eager=frozenset({"move"}), has_upheavals=False)
        report = scenario.play(config)
        assert report.violations == [], shrinking.spelled(config)
        moves += report.counts["moved at Google"]
        seed += 1


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_seen(bug: Bug) -> None:
    """The recorded seed shows it at once; where the engine has changed what that seed leads to, one of the next has to.
    A bug may break whatever looks at it, which is seen as well. That the clean engine passes is `make planted`'s to show."""
    for seed in [bug.seed, *(seed for seed in range(1, 1 + PLANTED_BUDGET) if seed != bug.seed)]:
        try:
            is_seen = bool(bug.seen(seed))
        except Exception:
            is_seen = True
        if is_seen:
            return
    pytest.fail(f"not seen in {PLANTED_BUDGET} scenarios")


def test_the_same_seed_gives_the_same_trace() -> None:
    first, *others = (scenario.play(Config.drawn(7)).trace for _turn in range(REPLAYS))
    assert all(trace == first for trace in others)


def test_a_failing_scenario_is_made_small_and_can_be_told() -> None:
    bug = next(bug for bug in BUGS if bug.name == "PATCH without If-Match")
    with bug.planted():
        smaller, violations = shrinking.shrink(Config.drawn(bug.seed, bug.mode), seconds=30.0)
        again = scenario.play(shrinking.read(shrinking.spelled(smaller))).violations
    assert violations and again == violations
    assert smaller.steps < Config.drawn(bug.seed, bug.mode).steps


def test_nine_quiet_days_cost_what_they_may() -> None:
    cost = endurance.play(1, 3, 9)
    assert cost.wrong() == []
    assert cost.writes == cost.edits_here > 0


def test_the_checker_knows_nothing_of_what_it_judges() -> None:
    import ast
    from pathlib import Path

    from tests.simulation import checker

    tree = ast.parse(Path(checker.__file__).read_text())
    modules = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    assert not any(name.startswith(("conversa_calendar", "gcal_emulator", "dateutil", "tests")) for name in modules)
