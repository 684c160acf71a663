"""Runs a program whose chatter nobody needs: it goes to a log, and its last lines are shown when the program fails."""

import subprocess
import sys
from pathlib import Path

CAUSE_LINES = 15


class Failed(SystemExit):
    """A program failed, and it was said why."""


def run(command: list[str], log: Path, *, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    """Raises Failed after showing the cause."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "ab") as file:
        begins_at = file.tell()
        done = subprocess.run(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, check=False
        )
    if done.returncode == 0:
        return
    with open(log, "rb") as file:
        file.seek(begins_at)
        lines = [line for line in file.read().decode(errors="replace").splitlines() if _tells(line)]
    print("\n".join(f"    {line}" for line in lines[-CAUSE_LINES:]), file=sys.stderr)
    print(f"“{' '.join(command[:4])} …” ended with status {done.returncode}; all of it is in {log}.", file=sys.stderr)
    raise Failed(2)


def _tells(line: str) -> bool:
    """Whether a line may name the cause: package managers warn of much that has nothing to do with it."""
    return bool(line.strip()) and not line.lstrip().lower().startswith(
        ("warning", "npm warn", "npm notice", "[notice]")
    )
