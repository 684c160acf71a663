"""Makes a failing scenario small: fewer steps, faults, kinds of work and workers, as long as the same rule is broken."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, fields, replace

from tests.simulation import scenario
from tests.simulation.config import Config

PLAIN = {
    "kill_rate": 0.0,
    "page": "full",
    "list_lag_s": 0.0,
    "skew_s": 0.0,
    "drop_rate": 0.0,
    "duplicate_rate": 0.0,
    "channel_days": 7.0,
    "desks": 1,
    "has_upheavals": False,
    "has_takeovers": False,
    "deleted_copy": "stays",
    "restored_series": "plain",
    "master_edit": "flow",
    "master_move": "keep",
}
"""The quiet value of everything that can be quiet."""
SETS = ("faults", "database", "kinds", "eager")


def shrink(config: Config, seconds: float = 300.0) -> tuple[Config, list[str]]:
    """The smallest scenario found in that time that breaks the same rule, and what it breaks. Nothing is broken: the
    scenario as it was, and nothing."""
    found = scenario.play(config).violations
    if not found:
        return config, []
    rule, ends_at = _rule(found), time.monotonic() + seconds
    is_smaller = True
    while is_smaller and time.monotonic() < ends_at:
        is_smaller = False
        for smaller in _smaller(config):
            if time.monotonic() > ends_at:
                break
            broken = scenario.play(smaller).violations
            if broken and _rule(broken) == rule:
                config, found, is_smaller = smaller, broken, True
                break
    return config, found


def spelled(config: Config) -> str:
    """A scenario as text that `read` understands: what differs from the plain one."""
    plain = asdict(Config(config.seed))
    told = {name: value for name, value in asdict(config).items() if name == "seed" or value != plain[name]}
    return json.dumps({name: sorted(value) if name in SETS else value for name, value in told.items()})


def read(text: str) -> Config:
    """The scenario of a text. Raises KeyError or TypeError for one that is none."""
    told = json.loads(text)
    known = {field.name for field in fields(Config)}
    return Config(
        **{name: frozenset(value) if name in SETS else value for name, value in told.items() if name in known}
    )


def _rule(violations: list[str]) -> str:
    return violations[0].split()[0]


def _smaller(config: Config) -> Iterator[Config]:
    """Every scenario that is one thing less, the greatest savings first."""
    for steps in (config.steps // 2, config.steps * 3 // 4, config.steps - 1):
        if 0 <= steps < config.steps:
            yield replace(config, steps=steps)
    for name, value in PLAIN.items():
        if getattr(config, name) != value:
            yield replace(config, **{name: value})  # type: ignore[arg-type]
    for name in SETS:
        for one in sorted(getattr(config, name)):
            yield replace(config, **{name: getattr(config, name) - {one}})
    if config.workers > 1:
        yield replace(config, workers=config.workers - 1)
