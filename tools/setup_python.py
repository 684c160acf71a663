"""Makes the virtual environment from the hash-pinned lock file, with progress that a person can follow."""

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    if sys.version_info < (3, 11):  # noqa: UP036 - the one place that runs before anything is installed
        print("Python 3.11 or newer is needed; say which with `make PYTHON=python3.12 …`.", file=sys.stderr)
        return 2
    target = Path(sys.argv[1])
    if not (target / "bin" / "python").exists():
        venv.create(target, with_pip=True)
    pip = [str(target / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    print("  installing the pinned packages (about a minute) …", flush=True)
    subprocess.run([*pip, "--require-hashes", "-r", str(ROOT / "requirements" / "dev.txt")], check=True)
    local = ["--no-deps", "--no-build-isolation", "-e", str(ROOT), "-e", str(ROOT / "packages" / "gcal_emulator")]
    subprocess.run([*pip, *local], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
