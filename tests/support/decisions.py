"""Every state of a link, every way an event stands here, every piece of evidence, and what follows, as tables.

`python -m tests.support.decisions` writes them into `docs/sync/`; the tests compare.
"""

import sys
from collections.abc import Iterator
from dataclasses import fields
from itertools import product
from pathlib import Path
from typing import Any, get_args

from conversa_calendar.engine import evidence, link, local, steps
from conversa_calendar.engine.capabilities import Capabilities
from conversa_calendar.engine.decide import decide
from conversa_calendar.engine.evidence import Base, Identity, Place, Refusal, Series, There, Whereabouts
from conversa_calendar.engine.link import Call
from conversa_calendar.engine.local import Kind

DOCS = Path(__file__).resolve().parents[2] / "docs" / "sync"
ALGORITHM, DECISIONS = DOCS / "algorithm.md", DOCS / "decisions.md"
BEGINS, ENDS = (
    "<!-- decision table: written by `make golden` from engine/decide.py -->\n",
    "<!-- end of the table -->\n",
)

LINKS: tuple[link.Link, ...] = (
    link.Unlinked(),
    link.Synced(),
    link.Synced(has_version=False),
    link.Synced(is_known=False),
    link.Synced(is_approved=True),
    *(link.Writing(call) for call in (Call.CREATE, Call.PATCH, Call.DELETE, Call.CANCEL)),
    link.Writing(Call.CREATE, is_to_repeat=True),
    link.Writing(Call.PATCH, doubts=1),
    link.Writing(Call.PATCH, doubts=2),
    link.Moving(is_tried=False),
    link.Moving(is_tried=False, call=Call.CREATE),
    link.Moving(is_tried=True),
    link.Moving(is_tried=True, call=Call.CREATE),
    link.Moving(is_tried=True, call=Call.CREATE, is_to_repeat=True),
    link.Moving(is_tried=True, call=Call.DELETE),
    link.Doubted(),
    link.Doubted(is_approved=True),
    link.Doubted(is_moving=True),
    link.Doubted(is_writing=True),
    link.Held(),
    link.Held(is_there=True),
    link.Leaving(),
    link.Leaving(is_moved_out=True),
    link.Leaving(is_known=False, is_late=True),
    link.Leaving(has_version=False),
    link.Leaving(is_series=True),
    link.Leaving(doubts=1),
    link.Leaving(doubts=2),
    link.WaitingForSeries(),
    link.Unreadable(),
    link.Tombstoned(),
    link.Tombstoned(may_arrive=True),
)
"""Every state of a link, each in every variant that a decision tells apart."""

LOCALS: tuple[local.Local, ...] = (
    local.Absent(),
    local.Elsewhere(),
    local.Living(is_changed=False),
    local.Living(is_changed=True),
    local.Living(is_changed=True, kind=Kind.SERIES),
    local.Living(is_changed=False, kind=Kind.OCCURRENCE),
    local.Living(is_changed=True, kind=Kind.OCCURRENCE),
    local.Living(is_changed=True, kind=Kind.OCCURRENCE, is_cancelled=True),
    local.Deleted(),
    local.Deleted(kind=Kind.OCCURRENCE),
    local.Deleted(kind=Kind.OCCURRENCE, is_cancelled=True),
    local.Deleted(is_nobodys=True),
)

EVIDENCE: tuple[evidence.Evidence, ...] = (
    evidence.Due(),
    *(evidence.Due(series=series) for series in Series if series is not Series.NONE),
    evidence.Due(has_former=True),
    evidence.Due(cancels=True),
    evidence.Due(is_guests_copy=True),
    evidence.Due(is_guests_copy=True, series=Series.READY),
    evidence.Due(cancels=True, is_guests_copy=True),
    evidence.Due(cancels=True, is_guests_copy=True, series=Series.READY),
    evidence.Due(may_send=False),
    evidence.Due(is_plausible=False),
    evidence.Due(is_too_often=True),
    evidence.Due(is_behind=True),
    *(evidence.Listed(there) for there in There),
    evidence.Listed(There.CHANGED, is_older=True),
    evidence.Listed(There.CHANGED, is_untouched=True),
    *(evidence.Listed(There.CHANGED, place=place) for place in Place if place is not Place.HERE),
    evidence.Listed(There.SAME, place=Place.WITH_ITS_SERIES),
    *(evidence.Listed(There.CHANGED, identity=identity) for identity in Identity if identity is not Identity.NEW),
    *(evidence.Listed(There.CHANGED, is_occurrence=True, series=series) for series in (Series.READY, Series.UNSEEN)),
    evidence.Listed(There.CHANGED, is_occurrence=True, identity=Identity.MET),
    evidence.Tombstone(),
    evidence.Tombstone(is_older=True),
    *(evidence.Tombstone(place=place) for place in Place if place is not Place.HERE),
    *(evidence.Tombstone(is_occurrence=True, series=series) for series in (Series.READY, Series.UNSEEN)),
    evidence.Tombstone(is_occurrence=True, identity=Identity.MET),
    evidence.Tombstone(is_occurrence=True, place=Place.ON_ITS_WAY),
    evidence.Illegible(),
    evidence.Illegible(place=Place.ON_ITS_WAY),
    evidence.Unseen(),
    evidence.Unseen(is_series_coming=True),
    *(evidence.Removed(where) for where in Whereabouts),
    *(evidence.Removed(where, is_seen=False) for where in Whereabouts),
    *(evidence.Removed(where, is_plausible=False) for where in Whereabouts),
    *(evidence.Answered(call) for call in Call),
    *(evidence.Answered(call, is_gone=True) for call in Call),
    evidence.Answered(Call.ASK, there=There.SAME),
    evidence.Answered(Call.ASK, is_gone=True, is_occurrence=True),
    evidence.Answered(Call.ASK, is_untouched=True),
    evidence.Answered(Call.ASK, is_occurrence=True, follows_series=True),
    evidence.Conflict(),
    evidence.Conflict(there=There.SAME),
    evidence.Conflict(is_gone=True),
    evidence.Conflict(is_gone=True, is_occurrence=True),
    evidence.Conflict(is_untouched=True),
    evidence.Conflict(is_occurrence=True, follows_series=True),
    evidence.Taken(),
    *(evidence.Missing(call) for call in Call),
    *(evidence.Missing(call, is_certain=True) for call in Call),
    *(evidence.Refused(what) for what in Refusal),
    *(evidence.Refused(Refusal.EVENT, base=base) for base in (Base.NONE, Base.EMPTY)),
    evidence.Refused(Refusal.EVENT, wants_meeting=True),
    evidence.Refused(Refusal.EVENT, has_room=False),
    evidence.Refused(Refusal.EVENT, is_shown=False),
    evidence.Refused(Refusal.EVENT, base=Base.EMPTY, is_shown=False),
    evidence.Lost(),
)

CAPABILITIES = (Capabilities(), Capabilities(can_write=False), Capabilities(can_write=False, is_busy_only=True))

ROWS: dict[tuple[str, str], tuple[link.Link, local.Local, evidence.Evidence]] = {
    ("absent", "absent"): (link.Unlinked(), local.Absent(), evidence.Unseen()),
    ("absent", "same"): (link.Leaving(), local.Absent(), evidence.Listed(There.SAME)),
    ("absent", "changed"): (link.Unlinked(), local.Absent(), evidence.Listed(There.CHANGED)),
    ("absent", "deleted"): (link.Unlinked(), local.Absent(), evidence.Tombstone()),
    ("same", "absent"): (link.Synced(), local.Living(is_changed=False), evidence.Unseen()),
    ("same", "same"): (link.Synced(), local.Living(is_changed=False), evidence.Listed(There.SAME)),
    ("same", "changed"): (link.Synced(), local.Living(is_changed=False), evidence.Listed(There.CHANGED)),
    ("same", "deleted"): (link.Doubted(), local.Living(is_changed=False), evidence.Removed()),
    ("changed", "absent"): (link.Unlinked(), local.Living(is_changed=True), evidence.Due()),
    ("changed", "same"): (link.Synced(), local.Living(is_changed=True), evidence.Due()),
    ("changed", "changed"): (link.Synced(), local.Living(is_changed=True), evidence.Listed(There.CHANGED)),
    ("changed", "deleted"): (link.Doubted(), local.Living(is_changed=True), evidence.Removed()),
    ("deleted", "absent"): (link.Unlinked(), local.Deleted(), evidence.Due()),
    ("deleted", "same"): (link.Synced(), local.Deleted(), evidence.Due()),
    ("deleted", "changed"): (link.Synced(), local.Deleted(), evidence.Listed(There.CHANGED)),
    ("deleted", "deleted"): (link.Doubted(), local.Deleted(), evidence.Removed()),
}
"""The sixteen plain cases: neither a write nor a move is open, and it is a single event. What is the same as nothing here
was moved away from here."""


def every() -> Iterator[tuple[link.Link, local.Local, evidence.Evidence]]:
    """Every representative case."""
    return product(LINKS, LOCALS, EVIDENCE)


def variants(cls: Any) -> Iterator[Any]:
    """Every value of a class of the engine: each field with each of its values."""
    choices = {bool: (False, True), int: (0, 1, 2)}
    types = [
        eval(f.type, vars(sys.modules[cls.__module__])) if isinstance(f.type, str) else f.type for f in fields(cls)
    ]
    for values in product(*(choices.get(kind) or _members(kind) for kind in types)):
        yield cls(*values)


def _members(kind: Any) -> tuple[Any, ...]:
    """Every value of an enum, or of an enum or nothing."""
    return tuple(kind) if isinstance(kind, type) else (None, *get_args(kind)[0])


def union(of: Any) -> Iterator[Any]:
    """Every value of every class of a closed union."""
    for cls in get_args(of):
        yield from variants(cls)


def spelled(value: object) -> str:
    """A value of the engine in words: its name, and what is not as usual about it."""
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in type(value).__name__).strip()
    said = []
    for one in fields(value):  # type: ignore[arg-type]
        given = getattr(value, one.name)
        if given == one.default or one.name == "otherwise":
            continue
        name = one.name.removeprefix("is_").replace("_", " ")
        said.append(name if given is True else f"not {name}" if given is False else str(given))
    if isinstance(value, steps.HandOn):
        said.append("else " + then(value.otherwise))
    return f"{words} ({', '.join(said)})" if said else words


def then(found: steps.Steps) -> str:
    """Steps in words."""
    return ", then ".join(spelled(step) for step in found) or "nothing"


def plain_table() -> str:
    """The sixteen plain cases as a table."""
    lines = ["| here | there | then |", "| --- | --- | --- |"]
    lines += [f"| {here} | {there} | {then(decide(*ROWS[here, there], Capabilities()))} |" for here, there in ROWS]
    return "\n".join(lines) + "\n"


def whole_table() -> str:
    """Every representative case; of each kind of evidence the first in full, of the others what differs from it."""
    lines = [
        "# Every decision",
        "",
        "Written by `make golden` from `engine/decide.py`, for a calendar that may be written to; a test compares. Of each kind",
        "of evidence the first stands in full, the others with what differs from it.",
    ]
    first: dict[type, evidence.Evidence] = {}
    for found in EVIDENCE:
        usual = first.get(type(found))
        first.setdefault(type(found), found)
        rows = list(_joined(found, usual))
        lines += ["", f"## {spelled(found)}", ""]
        lines += ["| link | event here | then |", "| --- | --- | --- |"] if rows else [f"As {spelled(usual)}."]
        lines += [f"| {one} | {here} | {what} |" for one, here, what in rows]
    for can, where in zip(CAPABILITIES[1:], ("that may not be written to", "that shows only times"), strict=True):
        lines += ["", f"# In a calendar {where}", "", "What differs."]
        for found in EVIDENCE:
            rows = list(_joined(found, found, can))
            if rows:
                lines += ["", f"## {spelled(found)}", "", "| link | event here | then |", "| --- | --- | --- |"]
                lines += [f"| {one} | {here} | {what} |" for one, here, what in rows]
    return "\n".join(lines) + "\n"


def _joined(
    found: evidence.Evidence, usual: evidence.Evidence | None, can: Capabilities = CAPABILITIES[0]
) -> Iterator[tuple[str, str, str]]:
    """Rows of one piece of evidence: for each set of links that end alike, the events that do; the largest sets last."""
    columns: dict[tuple[str, ...], list[str]] = {}
    for one in LINKS:
        ends = tuple(_end(one, here, found, usual, can) for here in LOCALS)
        columns.setdefault(ends, []).append(spelled(one))
    for links, ends in _named(columns):
        events: dict[str, list[str]] = {}
        for here, what in zip(LOCALS, ends, strict=True):
            events.setdefault(what, []).append(spelled(here))
        for heres, what in _named(events):
            if what:
                yield links, heres, what


def _end(
    one: link.Link, here: local.Local, found: evidence.Evidence, usual: evidence.Evidence | None, can: Capabilities
) -> str:
    """What follows, or nothing at all where that is as usual."""
    what = then(decide(one, here, found, can))
    return "" if usual is not None and what == then(decide(one, here, usual, Capabilities())) else what


def _named(groups: dict[Any, list[str]]) -> list[tuple[str, Any]]:
    """Groups by their members' names; last, as "any" or "any other", what ends as usual, else the largest one."""
    *rest, last = sorted(groups, key=lambda key: (not any(key), len(groups[key])))
    return [("; ".join(groups[key]), key) for key in rest] + [("any other" if rest else "any", last)]


def with_table(document: str) -> str:
    """The algorithm's page with the table of the code."""
    before, rest = document.split(BEGINS)
    return before + BEGINS + plain_table() + ENDS + rest.split(ENDS)[1]


def main() -> None:
    ALGORITHM.write_text(with_table(ALGORITHM.read_text()))
    DECISIONS.write_text(whole_table())


if __name__ == "__main__":
    main()
