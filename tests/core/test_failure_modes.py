"""The document of failure modes names every fault that the simulation injects, and only tests that there are."""

import re
from pathlib import Path

from tests.simulation import stage, wire

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "sync" / "failure-modes.md").read_text()


def test_every_fault_of_the_simulation_is_explained() -> None:
    codes = {code for row in re.findall(r"^\| ([GWDPU][^|]*) \|", DOCUMENT, re.M) for code in row.split(", ")}
    assert {*wire.RATES, *stage.RATES} <= codes


def test_every_row_names_a_test_that_there_is() -> None:
    known = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.M)
    }
    rows = [
        line for line in DOCUMENT.splitlines() if line.startswith("| ") and "---" not in line and "shown by" not in line
    ]
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row)
        assert named or "`tests/simulation`" in row, row
        assert set(named) <= known, row
