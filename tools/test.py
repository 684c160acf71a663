"""Everything that CI checks after lint and types: installs what Debian lacks for them, then runs all tests."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    _chromium()
    _shell_tools()
    pytest = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    fast = subprocess.run([*pytest, "-n", "2", "-m", "not browser and not processes"], cwd=ROOT, check=False).returncode
    real = [*pytest, "-n", "2", "--dist", "loadfile", "-m", "browser or processes"]
    slow = subprocess.run(real, cwd=ROOT, check=False).returncode
    return fast or slow


def _chromium() -> None:
    """Debian's Chromium for the browser tests; elsewhere it has to be there."""
    if shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome"):
        return
    if os.getuid() == 0 and shutil.which("apt-get"):
        print("Installing Chromium for the browser tests …", flush=True)
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "chromium"], check=True, stdout=subprocess.DEVNULL)
        return
    print("The browser tests need Chromium; install it and run again.", file=sys.stderr)
    raise SystemExit(2)


def _shell_tools() -> None:
    """What the examples of docs/api.md are typed with."""
    missing = [name for name in ("curl", "jq") if not shutil.which(name)]
    if missing and os.getuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", *missing], check=True, stdout=subprocess.DEVNULL)
    elif missing:
        print(f"The examples of docs/api.md need {' and '.join(missing)}; install and run again.", file=sys.stderr)
        raise SystemExit(2)


if __name__ == "__main__":
    sys.exit(main())
