"""Runs a command while no other set-up of this folder runs: the second waits for the first, and finds it all done."""

import fcntl
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    (ROOT / ".cache").mkdir(exist_ok=True)
    lock = os.open(ROOT / ".cache" / "setup.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("Another set-up of this folder is under way; waiting for it …", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    os.set_inheritable(lock, True)  # whatever it starts holds the lock too, should it be killed itself
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
