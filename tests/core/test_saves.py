"""A row that stands is written by naming its fields, a new one as new; else whoever read it earlier takes back what others
have written since."""

import ast
from collections import Counter
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "conversa_calendar"
WHOLE = {
    "accounts/directory_groups.py": 1,  # new or renamed, within the one sync of a directory
    "bookings/pages.py": 1,  # new or edited by its form, which holds all of it
    "calendars/editing.py": 2,  # everything of the event is derived anew, under its lock
    "calendars/outbox.py": 2,  # a letter is worded as a whole, under its lock
    "connections/consent.py": 1,  # new or reconnected, under its lock
    "connections/discovery.py": 1,  # new or listed again, as a whole
    "sync/links/linking.py": 5,  # what a run decides, under its fence
    "sync/push/planning.py": 1,  # the same
    "sync/push/settling.py": 1,  # the same
    "webhooks/acts.py": 1,  # edited by its form, which holds all of it
}
"""How often a row is still written as a whole, by file. It only shrinks."""


def bare_saves(path: Path) -> int:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    saves = [call for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "save"]
    return sum(not call.args and not call.keywords for call in saves)


def test_no_row_is_written_as_a_whole_but_those_that_are_listed() -> None:
    found = Counter({str(path.relative_to(SOURCE)): bare_saves(path) for path in SOURCE.rglob("*.py")})
    assert +found == Counter(WHOLE)
