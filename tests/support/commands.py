"""The product's commands as an operator runs them, in processes of their own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

COMMAND = [sys.executable, "-m", "conversa_calendar.cli.main"]
_ALL = """
import contextlib, io, json, sys, traceback
from conversa_calendar.cli.main import main
outcomes = {}
for name, argv in json.load(sys.stdin).items():
    said = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
        try:
            code = main(argv)
        except SystemExit as end:
            code = end.code
        except BaseException:
            code = -1
            traceback.print_exc()
    outcomes[name] = [code, said.getvalue()]
print(json.dumps(outcomes))
"""


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    error: str

    @property
    def is_one_sentence(self) -> bool:
        """Whether a failure was told as promised: one line on stderr, no traceback, a status that says so."""
        lines = self.error.strip().splitlines()
        return self.code == 2 and len(lines) == 1 and lines[0].startswith(("conversa-calendar: ", "demo: "))


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """This one without the tests' own settings."""
    ours = ("DATABASE", "GOOGLE_", "PUBLIC_URL", "ENCRYPTION_KEYS", "SECRET_KEY", "EMAIL_URL", "PORT")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return kept | {"DATA_DIR": str(data_dir)} | settings


def run(env: dict[str, str], *arguments: str, given: str = "") -> Outcome:
    done = subprocess.run(
        [*COMMAND, *arguments], env=env, input=given, capture_output=True, text=True, timeout=60, check=False
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def run_all(env: dict[str, str], commands: dict[str, list[str]]) -> dict[str, Outcome]:
    """Several commands one after another in one process, which spares its start; answers what each told."""
    command = [sys.executable, "-c", _ALL]
    done = subprocess.run(
        command, env=env, input=json.dumps(commands), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return {name: Outcome(code, "", error) for name, (code, error) in json.loads(done.stdout).items()}
