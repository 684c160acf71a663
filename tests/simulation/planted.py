"""Bugs planted on purpose: the checker has to see each of them, or it sees nothing.

Each entry names the invariant that is broken, the mode in which it shows, and how to plant it in the running product.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any
from unittest import mock

from conversa_calendar.sync import tasks
from conversa_calendar.sync.links import linking
from conversa_calendar.sync.mirrors import channels
from conversa_calendar.sync.pull import departing
from tests.simulation import endurance, mutations, scenario
from tests.simulation.config import Config

LONG = (1, 1, 8)
"""Google accounts, calendars and days of a long scenario: past the renewal of a channel."""


@dataclass(frozen=True)
class Bug:
    name: str
    patches: Callable[[], list[mutations.Patch]]
    mode: str = "safety"
    seed: int = 0
    """A seed in which it is known to be seen, replayed in CI; 0 where only `make planted` searches for one."""
    around: Callable[[], AbstractContextManager[None]] = nullcontext
    """What has to be undone in the database meanwhile."""
    draw: dict[str, Any] = field(default_factory=dict)
    """What its scenarios have in common beside the mode: the work and the trouble in which it shows."""

    def config(self, seed: int) -> Config:
        """The scenario of a seed for this bug."""
        return replace(Config.drawn(seed, self.mode), **self.draw)

    def seen(self, seed: int) -> list[str]:
        """What the checker says of a scenario with this bug."""
        if self.mode == "long":
            with self.planted():
                return endurance.play(*LONG).wrong()
        return scenario.play(self.config(seed), self.planted()).violations

    def unseen(self, seed: int) -> list[str]:
        """What it says of the same scenario without."""
        return endurance.play(*LONG).wrong() if self.mode == "long" else scenario.play(self.config(seed)).violations

    @contextmanager
    def planted(self) -> Iterator[None]:
        with ExitStack() as stack:
            stack.enter_context(self.around())
            for target, attribute, replacement in self.patches():
                stack.enter_context(mock.patch.object(target, attribute, replacement))
            yield


WORK = frozenset({"create", "edit", "delete"})
EDITS = WORK - {"delete"}
SERIES = frozenset({"create_series", "edit", "edit_occurrence", "cancel_occurrence", "reschedule"})
TOGETHER = {"desks": 2, "has_upheavals": True, "steps": 60}


def _drawn(*faults: str, trouble: float = 4.0, **more: Any) -> dict[str, Any]:
    """Scenarios in which these faults strike often, and no others."""
    return {"faults": frozenset(faults), "trouble": trouble, "steps": 80, "has_upheavals": False} | more


BUGS = (
    Bug("a new random id for each attempt", mutations.random_ids, "late", seed=6),
    Bug("the cursor stored after the first page", mutations.first_page_only, seed=3),
    Bug(
        "paging stops at an empty page",
        mutations.stop_at_empty_page,
        draw=_drawn(page="empty_first", kinds=WORK),
        seed=4,
    ),
    Bug(
        "a dead cursor taken for an empty list", mutations.dead_cursor_is_empty, draw=_drawn("G16", kinds=WORK), seed=2
    ),
    Bug(
        "a full listing does not sweep",
        lambda: [(departing, "mark_unseen", lambda session: None)],
        draw=_drawn("G16", kinds=WORK, trouble=8.0),
        seed=7,
    ),
    Bug("PATCH without If-Match", lambda: mutations.without_if_match("patch"), seed=3),
    Bug("DELETE without If-Match", lambda: mutations.without_if_match("delete"), seed=1),
    Bug("what came in is sent back", mutations.echoes, seed=8),
    Bug("no fence check", mutations.no_fence, draw=_drawn(workers=4), seed=6),
    Bug("no lease", mutations.no_lease, seed=1),
    Bug("a lease that never ends", mutations.endless_lease, seed=5),
    Bug(
        "what was wanted meanwhile is forgotten",
        mutations.clears_what_came_meanwhile,
        "fast",
        draw={"steps": 40, "workers": 4},
        seed=35,
    ),
    Bug("no safety check", lambda: [(tasks, "dispatch", lambda timestamp: None)], "deaf", seed=1),
    Bug("409 is a refusal", mutations.conflict_is_refusal, draw=_drawn("G05", kinds=WORK, trouble=8.0), seed=1),
    Bug("412 drops the edit", mutations.precondition_drops_edit, draw=_drawn("G18", kinds=WORK, trouble=6.0), seed=39),
    Bug("the loser of a conflict is discarded", mutations.loser_discarded, "deaf", draw=_drawn(kinds=EDITS), seed=1),
    Bug("a newer edit counts as sent", mutations.settles_newer_edits, draw=_drawn(kinds=EDITS), seed=1),
    Bug("no intent before a write", mutations.no_intent, draw=_drawn("G02", "G04", kinds=WORK), seed=2),
    Bug(
        "a late create stays",
        lambda: [(linking, "is_untouched_copy", lambda link, remote: False)],
        "late",
        draw=_drawn("G04", kinds=WORK - {"edit"}, trouble=8.0),
        seed=1,
    ),
    Bug("one 404 is believed", mutations.one_404_deletes, draw=_drawn("G12", trouble=6.0), seed=1),
    Bug("a series' etag taken without its content", mutations.stale_series_etag, draw=_drawn(kinds=SERIES), seed=1),
    Bug("cancelled occurrences dropped", mutations.cancelled_dropped, draw=_drawn(kinds=SERIES), seed=5),
    Bug("sync mails guests", mutations.tells_everybody, draw=_drawn(kinds=WORK), seed=1),
    Bug(
        "a taken id makes another event",
        mutations.taken_id_makes_another,
        draw=_drawn("G05", kinds=WORK, trouble=8.0),
        seed=1,
    ),
    Bug("a failed run counts as done", mutations.failed_run_counts_as_done, "flaky", seed=2),
    Bug(
        "an unsent edit is dropped with its event",
        mutations.unsent_edit_dropped,
        "deaf",
        draw=_drawn(kinds=WORK),
        seed=2,
    ),
    Bug(
        "an event moved at Google is another",
        mutations.arrivals_not_waited_for,
        "fast",
        draw={"steps": 40, "kinds": frozenset({"create", "move"})},
        seed=1,
    ),
    Bug(
        "changes are told by their date",
        mutations.changes_by_updated,
        draw=_drawn(kinds=frozenset({"create", "remind"})),
        seed=1,
    ),
    Bug(
        "editing a series drops its exceptions",
        mutations.series_edit_drops_exceptions,
        draw=_drawn(kinds=SERIES),
        seed=2,
    ),
    Bug(
        "the second half of a split is forgotten",
        mutations.second_half_forgotten,
        draw=_drawn(kinds=SERIES | {"edit_following"}),
        seed=2,
    ),
    Bug("whole days go through UTC", mutations.days_through_utc, draw=_drawn(kinds=EDITS), seed=2),
    Bug(
        "channels are renewed once they ended",
        lambda: [(channels, "renewed_at", lambda c: c.expires_at)],
        "long",
        seed=1,
    ),
    Bug("everybody renews", mutations.everybody_renews, seed=1),
    Bug(
        "access is revoked before channels stop",
        lambda: [(channels, "stop_all", lambda *args: 0)],
        draw=_drawn(has_upheavals=True, desks=1),
        seed=4,
    ),
    Bug("access is revoked for everybody", mutations.revokes_for_everybody, draw=TOGETHER, seed=7),
    Bug("mirroring again makes everything anew", mutations.forgets_links, draw=TOGETHER, seed=1),
    Bug(
        "a missing calendar is emptied", mutations.missing_calendar_is_emptied, draw=_drawn("G13", trouble=3.0), seed=2
    ),
    Bug(
        "an empty list is believed",
        lambda: [(departing, "_is_plausible", lambda *args: True), (departing, "_is_really_gone", lambda *args: True)],
        draw=_drawn("G16", "G29", trouble=3.0),
        seed=8,
    ),
    Bug("one unreadable event stops its calendar", mutations.unreadable_stops_all, draw=_drawn("G22"), seed=20),
    Bug("a token in a message", mutations.token_in_message, "broken", seed=1),
    Bug("a notification is worked on at once", mutations.syncs_while_google_waits, seed=2),
    Bug(
        "leases end by each machine's clock",
        mutations.lease_by_own_clock,
        draw={"skew_s": 3600.0, "workers": 4},
        seed=8,
    ),
    Bug("Google is asked inside a transaction", mutations.asks_inside_a_transaction, seed=2),
    Bug("tried again without pause", mutations.without_pause, "broken", seed=1),
    Bug("the latest clock wins", mutations.latest_clock_wins, draw={"skew_s": 3600.0}, seed=1),
    Bug(
        "adopted by its tag alone",
        mutations.adopts_by_tag,
        draw=_drawn(kinds=frozenset({"create", "edit", "duplicate"})),
        seed=2,
    ),
    Bug(
        "accounts see each other's rows",
        mutations.without_scope,
        around=mutations.without_row_security,
        draw={"desks": 2},
        seed=2,
    ),
)
