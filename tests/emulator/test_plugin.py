"""The pytest plugin as a stranger uses it: the README's example in a folder of its own, and what a miss tells."""

import subprocess
import sys
from pathlib import Path

import gcal_emulator
import pytest

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "packages" / "gcal_emulator" / "README.md"
PLUGIN = ["-p", "gcal_emulator.pytest_plugin", "-p", "no:cacheprovider", "-q"]

MORE = """
from datetime import timedelta

import pytest
import requests


def _list(gcal, email, **query):
    token = gcal.tokens(email)["access_token"]
    address = f"{gcal.api_endpoint}calendars/primary/events"
    return requests.get(address, params=query, headers={"Authorization": f"Bearer {token}"}, timeout=10)


def test_each_test_has_a_world_of_its_own(gcal):
    assert gcal.journal() == [] and gcal.world.accounts == {}
    gcal.account("ana@example.com")
    gcal.set_time("2026-12-01T09:00:00Z")
    gcal.advance(timedelta(hours=1))
    assert _list(gcal, "ana@example.com").status_code == 200
    gcal.assert_not_asked("events.insert")


def test_a_miss_names_the_nearest_call(gcal):
    gcal.account("ana@example.com")
    _list(gcal, "ana@example.com", q="dinner")
    with pytest.raises(AssertionError) as missed:
        gcal.assert_asked("events.list", email="ana@example.com", query={"q": "lunch"})
    assert 'query is {"q": "dinner"}, not {"q": "lunch"}' in str(missed.value)
    with pytest.raises(AssertionError, match="asked were: events.list"):
        gcal.assert_asked("events.patch")


def test_a_misspelt_fault_is_refused(gcal):
    with pytest.raises(ValueError, match="did you mean 'events.insert'"):
        gcal.fault("G19", operation="events.insrt")
"""


def test_the_public_names_are_typed_and_there() -> None:
    folder = Path(gcal_emulator.__file__).parent
    assert (folder / "py.typed").exists() and gcal_emulator.__version__
    assert all(hasattr(gcal_emulator, name) for name in gcal_emulator.__all__)


@pytest.mark.processes
def test_a_strangers_first_test_runs_as_the_readme_has_it(tmp_path: Path) -> None:
    example = README.read_text().partition("<!-- example -->\n```python\n")[2].partition("```\n<!-- /example -->")[0]
    assert "def test_lunch" in example
    (tmp_path / "test_example.py").write_text(example)
    (tmp_path / "test_more.py").write_text(MORE)
    run = subprocess.run([sys.executable, "-m", "pytest", *PLUGIN], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "4 passed" in run.stdout
