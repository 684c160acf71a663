"""`make simulate SEED=n` replays one scenario; `make soak MINUTES=n` plays fresh ones until the time is up."""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace

from tests import conftest  # noqa: F401  starts the database and Django
from tests.simulation import endurance, ledger, scenario, shrinking
from tests.simulation.config import Config, Report
from tests.simulation.planted import BUGS

CORES = os.cpu_count() or 1
BUDGET = 60
LEDGER_MINUTES = 25
"""A soak of this length has to meet everything."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulate")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--mode", default="")
    parser.add_argument("--config", default="", help="a scenario as --shrink spells it")
    parser.add_argument("--shrink", action="store_true", help="make a failing scenario small")
    parser.add_argument("--replays", type=int, default=1, help="so many times; every trace has to be the same")
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--first", type=int, default=0, help="the first seed; 0 for fresh ones")
    parser.add_argument(
        "--share", type=int, default=-1, help="one process's share of a soak, of the bugs or of the kills"
    )
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("--planted", action="store_true", help="show that every planted bug is seen")
    parser.add_argument("--only", default="", help="only planted bugs whose name holds this")
    parser.add_argument("--kill-sweep", type=int, default=0, help="so many scenarios, killed at every boundary")
    parser.add_argument("--endurance", default="", help="Google accounts, calendars each and days: 10x2x90")
    asked = parser.parse_args()
    from django.core.management import call_command

    call_command("migrate", database="owner", verbosity=0)
    if asked.seed is not None or asked.config:
        config = shrinking.read(asked.config) if asked.config else Config.drawn(asked.seed, asked.mode)
        return _shrink(config) if asked.shrink else _replay(config, asked.trace, asked.replays)
    if asked.endurance:
        cost = endurance.play(*(int(part) for part in asked.endurance.split("x")))
        print(endurance.report(cost), flush=True)
        return 1 if cost.wrong() else 0
    if asked.share < 0:
        return _whole(asked)
    counts = _planted(asked) if asked.planted else _kill_sweep(asked) if asked.kill_sweep else _play_on(asked)
    print(json.dumps(counts), flush=True)
    return 0


def _replay(config: Config, is_traced: bool, replays: int) -> int:
    report = scenario.play(config)
    print(config)
    if is_traced or report.violations:
        print("\n".join(report.trace))
    print("\n".join(report.violations) or "no violation", f"· trace {report.digest[:16]}")
    others = [scenario.play(config).digest for _replay in range(replays - 1)]
    if others:
        print(f"{replays} replays: " + ("the same trace" if set(others) == {report.digest} else "different traces"))
    return 1 if report.violations or set(others) - {report.digest} else 0


def _shrink(config: Config) -> int:
    smaller, violations = shrinking.shrink(config)
    print("\n".join(violations) or "no violation")
    print(f"make simulate CONFIG='{shrinking.spelled(smaller)}'")
    return 1 if violations else 0


def _whole(asked: argparse.Namespace) -> int:
    """One process for each core, each with a database and a share of its own; what they counted, added up."""
    began = time.monotonic()
    asked.first = asked.first or (1 if asked.planted or asked.kill_sweep else int(time.time()))
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.simulation", *_passed_on(asked), "--share", str(number)],
            env=os.environ | {"PYTEST_XDIST_WORKER": f"soak{number}"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(CORES)
    ]
    counts: Counter[str] = Counter()
    readers = [threading.Thread(target=_read, args=(child, counts)) for child in children]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    minutes = (time.monotonic() - began) / 60
    if any(child.wait() for child in children):
        print("a process ended before its share was done")
        return 1
    if asked.planted:
        print(f"{counts['seen']} of {counts['bugs']} seen in {minutes:.1f} minutes")
        return int(counts["seen"] < counts["bugs"])
    if asked.kill_sweep:
        print(f"{counts['kills']} kills in {counts['scenarios']} scenarios, {counts['violated']} with violations")
        return int(counts["violated"] > 0)
    return _told(asked, counts)


def _passed_on(asked: argparse.Namespace) -> list[str]:
    """What every process is asked as this one was."""
    given = {"minutes": asked.minutes, "first": asked.first, "kill-sweep": asked.kill_sweep, "mode": asked.mode}
    given["only"] = asked.only
    words = [f"--{name}={value}" for name, value in given.items() if value]
    return [*words, "--planted"] if asked.planted else words


def _read(child: "subprocess.Popen[str]", counts: Counter[str]) -> None:
    """Prints what a process says, but for its counts."""
    assert child.stdout is not None
    for line in child.stdout:
        if line.startswith("{"):
            counts.update(json.loads(line))
        else:
            print(line, end="", flush=True)


def _told(asked: argparse.Namespace, counts: Counter[str]) -> int:
    """What a soak met, and what it met too seldom."""
    scenarios, failed = counts.pop("scenarios", 0), counts.pop("violated", 0)
    print(f"{scenarios} scenarios from seed {asked.first}: {failed} with violations")
    print(", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    rare = ledger.rare(counts)
    print(f"met less than {ledger.AT_LEAST} times: {', '.join(rare) or 'nothing'}")
    return int(bool(failed or not scenarios or (rare and asked.minutes >= LEDGER_MINUTES)))


def _planted(asked: argparse.Namespace) -> Counter[str]:
    """Plays scenarios with each bug until the checker sees it; the clean engine has to pass the same ones."""
    bugs = [bug for bug in BUGS if asked.only in bug.name][asked.share :: CORES]
    counts = Counter(bugs=len(bugs))
    for bug in bugs:
        for turn, seed in enumerate([*([bug.seed] if bug.seed else []), *range(asked.first, asked.first + BUDGET)]):
            try:
                seen = bug.seen(seed)
            except Exception as error:  # a bug may break whatever looks at it
                seen = [f"{type(error).__name__}: {error}"]
            if seen and not bug.unseen(seed):
                counts["seen"] += 1
                print(f"{bug.name}: {turn + 1} scenarios, seed {seed}: {seen[0][:120]}", flush=True)
                break
        else:
            print(f"{bug.name}: not seen in {BUDGET} scenarios", flush=True)
    return counts


def _kill_sweep(asked: argparse.Namespace) -> Counter[str]:
    """Short scenarios without other faults, each played once for every boundary at which its worker can be killed."""
    counts: Counter[str] = Counter()
    for seed in range(asked.first, asked.first + asked.kill_sweep)[asked.share :: CORES]:
        clean = Config(seed, steps=6, workers=1)
        counts["scenarios"] += 1
        for boundary in range(1, scenario.play(clean).counts["chaos"] + 1):
            report = scenario.play(replace(clean, kill_at=boundary))
            counts["kills"] += 1
            if report.violations:
                counts["violated"] += 1
                print(f"seed {seed} killed at boundary {boundary}: {report.violations[0]}", flush=True)
    return counts


def _play_on(asked: argparse.Namespace) -> Counter[str]:
    """Fresh scenarios until the time is up."""
    ends_at = time.monotonic() + asked.minutes * 60
    counts: Counter[str] = Counter()
    seed = asked.first + asked.share * 1_000_000
    while time.monotonic() < ends_at:
        config = Config.drawn(seed, asked.mode)
        try:
            report = scenario.play(config)
        except Exception as error:  # whatever it is, the seed has to be told
            report = Report(config, [f"{type(error).__name__}: {error}"], [])
        counts.update(report.counts + Counter(scenarios=1, violated=int(bool(report.violations))))
        if report.violations:
            again = f"make simulate SEED={seed}" + (f" MODE={asked.mode}" if asked.mode else "")
            print(f"{again} ({config.mode}): {report.violations[0]}", flush=True)
        seed += 1
    return counts


if __name__ == "__main__":
    sys.exit(main())
