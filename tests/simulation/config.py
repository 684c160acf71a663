"""What a seed draws, and what is told of a scenario that was played."""

import hashlib
import random
from collections import Counter
from dataclasses import dataclass, field

from tests.simulation import stage
from tests.simulation.people import GROUPS, WEIGHTS
from tests.simulation.wire import RATES, TO_PLACES

MODES = {"safety": 12, "fast": 3, "deaf": 3, "late": 4, "flaky": 2, "broken": 1}
"""How often each mode is drawn. safety: every fault; fast: none, and no safety check; flaky: Google fails now and then,
and no safety check; deaf: no notification arrives; late: requests arrive long after they were given up; broken: one
calendar never works again."""

EAGER_SHARE = 0.3
"""So many scenarios have people who do some things far more often than others: two rare things meet there."""
TAKEOVER_SHARE = 0.4


@dataclass
class Config:
    """What a seed draws: how long, how many workers, which faults, how Google behaves where that is uncertain."""

    seed: int
    mode: str = "safety"
    steps: int = 60
    workers: int = 3
    faults: frozenset[str] = frozenset()
    kill_rate: float = 0.0
    master_edit: str = "flow"
    master_move: str = "keep"
    page: str = "full"
    list_lag_s: float = 0.0
    kill_at: int = 0
    trouble: float = 1.0
    """How much more often than usual the faults strike."""
    kinds: frozenset[str] = frozenset(WEIGHTS)
    """What people do."""
    eager: frozenset[str] = frozenset()
    """What they do far more often than usual."""
    desks: int = 1
    """Accounts here that are connected to Ana's."""
    has_upheavals: bool = False
    has_takeovers: bool = False
    """Whether the account that owns the shared calendar is connected, too, and carries it now and then."""
    skew_s: float = 0.0
    """How far the workers' clocks are from the database's and Google's."""
    drop_rate: float = 0.0
    duplicate_rate: float = 0.0
    database: frozenset[str] = frozenset()
    deleted_copy: str = "stays"
    restored_series: str = "plain"
    channel_days: float = 7.0
    """How long Google lets a channel live."""

    @classmethod
    def drawn(cls, seed: int, mode: str = "") -> "Config":
        """The configuration of a seed: every scenario switches a random part of the faults off."""
        dice = random.Random(f"config {seed}")
        mode = mode or dice.choices(list(MODES), list(MODES.values()))[0]
        if mode == "fast":
            return cls(seed, mode, dice.randint(10, 40), dice.randint(2, 4))
        if mode == "flaky":
            return cls(
                seed, mode, dice.randint(10, 40), dice.randint(2, 4), frozenset({"G01", "G08", "G19"}), trouble=3.0
            )
        if mode == "broken":
            return cls(seed, mode, dice.randint(10, 40), dice.randint(2, 4))
        if mode == "late":
            kinds = frozenset({"create", "edit", "delete", "move", "take_out"})
            return cls(seed, mode, dice.randint(30, 80), 2, frozenset({"G02", "G04"}), trouble=4.0, kinds=kinds)
        taste = random.Random(f"taste {seed}")
        eager = frozenset(taste.choice(GROUPS)) if taste.random() < EAGER_SHARE else frozenset[str]()
        density = dice.choice([0.15, 0.3, 0.5])
        return cls(
            seed,
            mode,
            dice.randint(15, 80),
            dice.randint(2, 4),
            frozenset(code for code in sorted(RATES) if dice.random() < (0.95 if code in TO_PLACES else density)),
            dice.choice([0.0, 0.01, 0.04]),
            dice.choice(["flow", "flow", "keep"]),
            dice.choice(["keep", "drop", "shift"]),
            dice.choice(["full", "short", "empty_first"]),
            dice.choice([0.0, 0.0, 3.0]),
            eager=eager,
            trouble=taste.choice([1.0, 1.0, 3.0]),
            desks=dice.choice([1, 1, 2]),
            has_upheavals=dice.random() < 0.55,
            has_takeovers=taste.random() < TAKEOVER_SHARE,
            skew_s=dice.choice([0.0, 0.0, 300.0, -300.0, 3600.0, -3600.0]),
            drop_rate=dice.choice([0.0, 0.3]),
            duplicate_rate=dice.choice([0.0, 0.5]),
            deleted_copy=dice.choice(["stays", "returns"]),
            restored_series=dice.choice(["plain", "whole"]),
            channel_days=dice.choice([7.0, 7.0, 0.02]),
            database=frozenset(code for code in sorted(stage.RATES) if dice.random() < density),
        )


@dataclass
class Report:
    config: Config
    violations: list[str]
    trace: list[str]
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def digest(self) -> str:
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()
