"""Other people's readers of calendar files, in an environment of their own: some need other versions than ours."""

import json
import subprocess
import venv
from functools import lru_cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
LOCK = ROOT / "requirements" / "readers.txt"
HOME = ROOT / ".cache" / "readers"
OCCURRENCES = """
import datetime, json, sys, icalendar, recurring_ical_events
since, until = (datetime.datetime.fromisoformat(text) for text in sys.argv[1:3])
found = []
for event in recurring_ical_events.of(icalendar.Calendar.from_ical(sys.stdin.read())).between(since, until):
    times = [event.start, event.end]
    texts = [t.astimezone(datetime.UTC).isoformat() if isinstance(t, datetime.datetime) else t.isoformat() for t in times]
    found.append([*texts, str(event.get("summary", ""))])
print(json.dumps(sorted(found)))
"""


@lru_cache
def environment() -> Path:
    """The folder of their programs, made once from the lock file."""
    mark = HOME / ".ready"
    if not mark.exists() or mark.read_text() != LOCK.read_text():
        venv.create(HOME, with_pip=True, clear=True)
        pip = [str(HOME / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "-q"]
        subprocess.run([*pip, "--require-hashes", "-r", str(LOCK)], check=True, capture_output=True)
        mark.write_text(LOCK.read_text())
    return HOME / "bin"


def occurrences(text: str, since: str, until: str) -> list[Any]:
    """What recurring-ical-events makes of a file between two times: (start, end, title), sorted."""
    command = [str(environment() / "python"), "-c", OCCURRENCES, since, until]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[Any] = json.loads(done.stdout)
    return found


def run(program: str, *arguments: str) -> str:
    """What one of their programs prints."""
    done = subprocess.run([str(environment() / program), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
