"""The security checklist has every line once, each with a test that there is or a reason why not."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "conversa_calendar"
DOCUMENT = (ROOT / "docs" / "security.md").read_text()
LINES = 101
ROW = re.compile(r"^\| E-(\d+) \| (.+) \| (.*) \| (.*) \|$", re.M)
REASON = re.compile(r"(?:not yet|does not arise): .{20,}")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


def test_every_line_of_the_checklist_stands_once_and_in_order() -> None:
    rows = [line for line in DOCUMENT.splitlines() if line.startswith("| E-")]
    assert [int(number) for number, *_rest in ROW.findall(DOCUMENT)] == list(range(1, LINES + 1))
    assert len(rows) == LINES, "each row has its four cells"


def test_every_line_names_a_test_or_a_reason() -> None:
    bare = [number for number, _asked, _held, shown in ROW.findall(DOCUMENT) if not _is_answered(shown)]
    assert bare == []


def test_every_test_that_is_named_is_there() -> None:
    named = TEST.findall(DOCUMENT)
    assert len(named) == len(re.findall(r"`[^`]*::[^`]*`", DOCUMENT)) > LINES
    known = {file: set(re.findall(r"^def (test_\w+)", (ROOT / file).read_text(), re.M)) for file, _test in named}
    assert [(file, test) for file, test in named if test not in known[file]] == []


def test_every_place_that_is_named_is_there() -> None:
    """`accounts.grants` is a module, `accounts.services.suspend_member` a name in one."""
    cells = " ".join(held for _number, _asked, held, _shown in ROW.findall(DOCUMENT))
    named = {place for place in re.findall(r"`([a-z_]+(?:\.\w+)+)`", cells) if (SOURCE / place.split(".")[0]).is_dir()}
    assert len(named) > 40 and sorted(place for place in named if not _is_there(place)) == []


def _is_answered(shown: str) -> bool:
    return bool(TEST.search(shown) or REASON.search(shown)) and ("not yet" not in shown or bool(REASON.search(shown)))


def _is_there(place: str) -> bool:
    parts = place.split(".")
    for count in range(len(parts), 0, -1):
        at = SOURCE.joinpath(*parts[:count])
        module = at / "__init__.py" if at.is_dir() else at.with_suffix(".py")
        if module.is_file():
            return all(re.search(rf"\b{name}\b", module.read_text()) for name in parts[count:])
    return False
