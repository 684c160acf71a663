"""The table of what the emulator covers, made from the names of its tests: printed, written to its README, or checked."""

import argparse
import ast
import sys
from pathlib import Path

from gcal_emulator import discovery

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "packages" / "gcal_emulator" / "README.md"
BEGIN, END = "<!-- coverage -->\n", "<!-- /coverage -->\n"
PARTS = (
    (15, "OAuth 2.0 and OpenID Connect"),
    (23, "Lists of calendars, calendars"),
    (37, "The event resource"),
    (50, "Series"),
    (63, "Lists of events and sync tokens"),
    (77, "Writes"),
    (86, "Push"),
    (93, "Faults, quotas, batch, partial answers, free/busy, the rest"),
)
"""The last line of the checklist in each part."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="emulator_coverage")
    parser.add_argument("--write", action="store_true", help="put the table into the emulator's README")
    parser.add_argument("--check", action="store_true", help="fail when that README tells something else")
    asked = parser.parse_args()
    table = rendered(tests())
    text = README.read_text()
    before, _, rest = text.partition(BEGIN)
    fresh = before + BEGIN + table + END + rest.partition(END)[2]
    if asked.write:
        README.write_text(fresh)
    elif asked.check:
        if fresh != text:
            print("The emulator's README is stale: make emulator-coverage WRITE=1", file=sys.stderr)
            return 1
    else:
        print(table)
    return 0


def tests() -> dict[int, list[tuple[str, str]]]:
    """Line of the checklist → (file, test) of each test named after it. Raises SystemExit for a line without one."""
    found: dict[int, list[tuple[str, str]]] = {}
    for path in sorted((ROOT / "tests" / "emulator").glob("test_*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and node.name[5:7].isdigit():
                found.setdefault(int(node.name[5:7]), []).append((path.stem, node.name))
    missing = set(range(1, PARTS[-1][0] + 1)) - set(found)
    if missing:
        raise SystemExit(f"no test is named after line {min(missing)} of the checklist")
    return found


def rendered(found: dict[int, list[tuple[str, str]]]) -> str:
    """The coverage as Markdown."""
    lines, first = [], 1
    for last, title in PARTS:
        lines += [f"\n**{title}**\n", "| line | what a test shows | where |", "| --- | --- | --- |"]
        for number in range(first, last + 1):
            names = "; ".join(name[8:].replace("_", " ") for _file, name in found[number])
            files = ", ".join(sorted({f"`{file}`" for file, _name in found[number]}))
            lines.append(f"| {number} | {names} | {files} |")
        first = last + 1
    works = [name for name in sorted(discovery.METHODS) if name not in discovery.REFUSED]
    lines += ["\n**Methods of Calendar API v3**\n", f"Work: {', '.join(f'`{name}`' for name in works)}.\n"]
    lines += [f"- `{name}` answers {why}." for name, why in discovery.REFUSED.items()]
    lines += ["\n**Parameters that are accepted and change nothing**\n"]
    lines += [f"- `{name}`: {why}." for name, why in sorted(discovery.WITHOUT_EFFECT.items())]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
