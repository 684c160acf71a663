"""`make simulate SEED=n` replays one scenario; `make soak MINUTES=n` plays fresh ones until the time is up."""

import argparse
import sys
import time
from collections import Counter

from tests import conftest  # noqa: F401  starts the database and Django
from tests.simulation import scenario
from tests.simulation.scenario import Config


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulate")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--mode", default="")
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--trace", action="store_true")
    asked = parser.parse_args()
    from django.core.management import call_command

    call_command("migrate", database="owner", verbosity=0)
    if asked.seed is not None:
        return _replay(Config.drawn(asked.seed, asked.mode), asked.trace)
    return _soak(asked)


def _replay(config: Config, is_traced: bool) -> int:
    report = scenario.play(config)
    print(config)
    if is_traced or report.violations:
        print("\n".join(report.trace))
    print("\n".join(report.violations) or "no violation", f"· trace {report.digest[:16]}")
    return 1 if report.violations else 0


def _soak(asked: argparse.Namespace) -> int:
    ends_at = time.monotonic() + asked.minutes * 60
    counts: Counter[str] = Counter()
    failed: list[int] = []
    seed = asked.first
    while time.monotonic() < ends_at and seed < asked.first + asked.count:
        report = scenario.play(Config.drawn(seed, asked.mode))
        counts.update(report.counts)
        counts["scenarios"] += 1
        if report.violations:
            failed.append(seed)
            print(f"seed {seed} ({report.config.mode}): {report.violations[0]}", flush=True)
        seed += 1
    print(f"{counts['scenarios']} scenarios, {len(failed)} with violations: {failed}")
    print(", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
