"""`python -m benchmarks.memory N`: a first sync of N events in a process of its own; prints its peak memory in KiB."""

import os
import resource
import sys
import tempfile
from pathlib import Path

from benchmarks.installation import started


def main() -> int:
    events = int(sys.argv[1])
    os.environ["BENCH_EVENTS"] = str(events)
    from benchmarks.__main__ import _scene

    with tempfile.TemporaryDirectory() as home:
        Path(home).chmod(0o755)
        with started(Path(home), events) as google:
            from conversa_calendar.sync import running

            scene = _scene(google)
            for _run in range(5):
                running.run(scene["mirror"].pk)
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return 0


if __name__ == "__main__":
    sys.exit(main())
