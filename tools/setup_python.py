"""Makes the virtual environment from the hash-pinned lock file, with progress that a person can follow.

What a killed attempt left is never built upon: a package that is half there looks installed.
"""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import quiet

ROOT = Path(__file__).resolve().parent.parent
LOG = ROOT / ".cache" / "setup-python.log"


def main() -> int:
    if sys.version_info < (3, 11):  # noqa: UP036 - the one place that runs before anything is installed
        found = ".".join(str(part) for part in sys.version_info[:3])
        print(f"Python 3.11 or newer is needed, this is {found}; name one: make PYTHON=python3.12 …", file=sys.stderr)
        return 2
    target = Path(sys.argv[1]).absolute()
    ready, unfinished = target / ".ready", target / ".unfinished"
    if not _is_sound(target, unfinished):
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
    ready.unlink(missing_ok=True)
    unfinished.touch()
    if not (target / "bin" / "python").exists():
        venv.create(target, with_pip=True)
    _install(target)
    unfinished.unlink()
    ready.write_text(f"{target}\n")
    return 0


def _is_sound(target: Path, unfinished: Path) -> bool:
    """Whether the environment is whole, lies where it was made, and its Python is still there."""
    ready, python = target / ".ready", target / "bin" / "python"
    if unfinished.exists() or not ready.exists() or ready.read_text().strip() not in {"", str(target)}:
        return False
    try:
        return subprocess.run([str(python), "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _install(target: Path) -> None:
    pip = [str(target / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    print("  installing the pinned packages (about a minute) …", flush=True)
    quiet.run([*pip, "--require-hashes", "-r", str(ROOT / "requirements" / "dev.txt")], LOG)
    local = ["--no-deps", "--no-build-isolation", "-e", str(ROOT), "-e", str(ROOT / "packages" / "gcal_emulator")]
    quiet.run([*pip, *local], LOG)


if __name__ == "__main__":
    sys.exit(main())
