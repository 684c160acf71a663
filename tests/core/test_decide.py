"""The decision table is total, and the document says the same."""

from pathlib import Path

from conversa_calendar.engine.decide import TABLE, Side, decide

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "sync" / "algorithm.md"


def test_every_combination_has_a_decision() -> None:
    assert set(TABLE) == {(local, remote) for local in Side for remote in Side}


def test_document_shows_the_table_of_the_code() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in DOCUMENT.read_text().splitlines()
        if line.startswith("| ")
    ]
    shown = {(here, there): then for here, there, then in rows if here in set(Side)}
    assert shown == {(str(a), str(b)): str(decide(a, b)) for a in Side for b in Side}
