"""Judges a finished scenario from the outside: it knows what people did, what both sides show and what was sent.

It imports nothing of the product or the emulator and expands recurrence by counting days.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Row = tuple[str, str, str, str, str, str, str, str]
"""One occurrence: (name, original start or "", summary, location, start, end, guests with their answers, reminders); times
in UTC."""

DAYS_MAX = 400


@dataclass
class Op:
    """One thing that a person did. `seen` is the value that they saw before; `where` the calendar they worked in."""

    number: int
    side: str
    what: str
    name: str
    where: str = ""
    key: str = ""
    field: str = ""
    value: str = ""
    seen: str = ""
    event_id: str = ""
    spelled: str = "\0"
    """How the product writes the value in its history."""
    is_done: bool = True


@dataclass
class Outcome:
    """What the checker looks at. `here` is keyed by the account that looks and Google's calendar id, `there` by the id."""

    ops: list[Op]
    here: dict[tuple[str, str], list[dict[str, Any]]]
    there: dict[str, list[dict[str, Any]]]
    kept: dict[str, str]
    """Everything that history and trash say about an event, by name."""
    writes: list[dict[str, Any]]
    quiet_writes: list[dict[str, Any]]
    mails: list[dict[str, Any]]
    worker_errors: list[str]
    broken_off: set[tuple[int, int]] = field(default_factory=set)
    """Runs, by mirror and fence, that a person's move ended: the one request that such a run was sending may go out."""
    gone: set[str] = field(default_factory=set)
    """Names of events that sync once deleted on our side."""
    set_aside: set[str] = field(default_factory=set)
    """Names of events that nobody can read."""
    wrong: list[str] = field(default_factory=list)
    """What was asked of Google as it should not be."""
    refused: set[str] = field(default_factory=set)
    """Names of events of which Google would not take a change: what was deleted here then comes back."""
    states: list[str] = field(default_factory=list)
    arrived_late: set[str] = field(default_factory=set)
    """Names of events whose creation arrived at Google after it had been given up."""
    known: dict[tuple[str, str], str] = field(default_factory=dict)
    """The ids here of events before they were moved at Google, by desk and name."""
    is_calm: bool = False
    """Whether nothing went wrong, so that nothing may be taken back either."""


def violations(outcome: Outcome) -> list[str]:
    """Every broken invariant, in words that begin with its number."""
    found = [
        *converged(outcome),
        *_single(outcome),
        *_writes(outcome),
        *_lost(outcome),
        *_trashed(outcome),
        *_deleted(outcome),
        *_identities(outcome),
    ]
    if outcome.mails:
        found.append(f"I-22 mails nobody asked for: {len(outcome.mails)}")
    found += [f"I-13 a worker broke off: {error}" for error in outcome.worker_errors]
    found += outcome.wrong
    found += [f"I-01 a mirror is not at rest: {state}" for state in outcome.states]
    return found


def rows_there(items: list[dict[str, Any]]) -> list[Row]:
    """A Google calendar's raw events as occurrences."""
    exceptions: dict[str, set[str]] = defaultdict(set)
    for item in items:
        if item.get("recurringEventId"):
            exceptions[item["recurringEventId"]].add(_instant(item["originalStartTime"]))
    found: list[Row] = []
    for item in items:
        if item.get("status") == "cancelled":
            continue
        if item.get("recurrence"):
            found += _occurrences(item, exceptions[item["id"]])
        else:
            original = _instant(item["originalStartTime"]) if item.get("recurringEventId") else ""
            found.append(_row(item, original, _instant(item["start"]), _instant(item["end"])))
    return sorted(found)


def rows_here(items: list[dict[str, Any]]) -> list[Row]:
    """Occurrences as the product's API shows them."""
    found = []
    for item in items:
        original = item.get("occurrence") or item.get("original_start") or ""
        at = _utc(datetime.fromisoformat(original)) if "T" in original else original
        found.append(_row(item, at, _instant(item["start"]), _instant(item["end"])))
    return sorted(found)


def _row(item: dict[str, Any], original: str, start: str, end: str) -> Row:
    guests = sorted(
        f"{guest['email']} {guest.get('responseStatus') or guest.get('response')}"
        for guest in item.get("attendees") or []
    )
    texts = (item.get("description", ""), original, item.get("summary", ""), item.get("location", ""))
    return (*texts, start, end, ", ".join(guests), _reminders(item.get("reminders") or {}))


def _reminders(found: dict[str, Any]) -> str:
    if found.get("useDefault") or found.get("use_default"):
        return "as usual"
    return ", ".join(sorted(f"{one['method']} {one['minutes']}" for one in found.get("overrides") or []))


def _occurrences(master: dict[str, Any], exceptions: set[str]) -> list[Row]:
    length = _at(master["end"]) - _at(master["start"])
    starts = [text for text in _starts(master) if text not in exceptions]
    return [_row(master, text, text, _later(text, length)) for text in starts]


def _starts(master: dict[str, Any]) -> list[str]:
    """The original starts that a master's RRULE and EXDATE lines make, by walking over the days."""
    rule: dict[str, str] = {}
    left_out: set[str] = set()
    for line in master["recurrence"]:
        if line.startswith("RRULE:"):
            rule = dict(part.split("=", 1) for part in line[6:].split(";"))
        if line.startswith("EXDATE"):
            left_out |= {_exdate(text, line, master) for text in line.split(":", 1)[1].split(",")}
    step = int(rule.get("INTERVAL", 1)) * (7 if rule["FREQ"] == "WEEKLY" else 1)
    count = int(rule.get("COUNT", DAYS_MAX))
    until = rule.get("UNTIL", "")
    found: list[str] = []
    for turn in range(min(count, DAYS_MAX)):
        text = _shifted(master["start"], turn * step)
        if until and _compact(text) > until:
            break
        found.append(text)
    return [text for text in found if text not in left_out]


def _exdate(text: str, line: str, master: dict[str, Any]) -> str:
    if len(text) == 8:
        return date.fromisoformat(text).isoformat()
    at = datetime.strptime(text.rstrip("Z"), "%Y%m%dT%H%M%S")
    if text.endswith("Z"):
        return _utc(at.replace(tzinfo=UTC))
    zone = line.split("TZID=", 1)[1].split(":")[0].split(";")[0] if "TZID=" in line else master["start"]["timeZone"]
    return _utc(at.replace(tzinfo=ZoneInfo(zone)))


def _shifted(start: dict[str, Any], days: int) -> str:
    """A start moved by whole days on its own wall clock."""
    if "date" in start:
        return (date.fromisoformat(start["date"]) + timedelta(days=days)).isoformat()
    zone = ZoneInfo(start["timeZone"])
    wall = datetime.fromisoformat(start["dateTime"]).astimezone(zone).replace(tzinfo=None) + timedelta(days=days)
    return _utc(wall.replace(tzinfo=zone))


def _compact(text: str) -> str:
    return text.replace("-", "").replace(":", "").replace("+0000", "Z")


def _later(text: str, length: timedelta) -> str:
    if "T" not in text:
        return (date.fromisoformat(text) + length).isoformat()
    return _utc(datetime.fromisoformat(text) + length)


def _at(moment: dict[str, Any]) -> datetime:
    text = moment.get("date") or moment.get("dateTime") or moment["date_time"]
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _instant(moment: dict[str, Any]) -> str:
    """A start or end of either side as a comparable text: the date, or the instant in UTC."""
    return str(moment["date"]) if moment.get("date") else _utc(_at(moment))


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()


def converged(outcome: Outcome) -> list[str]:
    """I-01: both sides show the same occurrences."""
    found = []
    for (desk, calendar), items in outcome.here.items():
        here, there = (
            Counter(row for row in rows if row[0] not in outcome.set_aside)
            for rows in (rows_here(items), rows_there(outcome.there[calendar]))
        )
        found += [f"I-01 only at {desk} in {calendar}: {row} × {n}" for row, n in (here - there).items()]
        found += [f"I-01 only there, not at {desk} in {calendar}: {row} × {n}" for row, n in (there - here).items()]
    return found


def _roots_there(outcome: Outcome) -> dict[str, list[dict[str, Any]]]:
    """Living singles and masters at Google where they are organised, by name; guests' copies stand beside them."""
    roots: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for items in outcome.there.values():
        for item in items:
            if item.get("status") != "cancelled" and not item.get("recurringEventId") and _is_own(item):
                roots[item.get("description", "")].append(item)
    return roots


def _is_own(item: dict[str, Any]) -> bool:
    return not item.get("organizer") or bool(item["organizer"].get("self"))


def _single(outcome: Outcome) -> list[str]:  # noqa: C901 - one rule, with what excuses it
    """I-02, I-03: one living event for each name, and no more ids than deletions and moves explain. Who takes back from
    the trash what somebody else moved elsewhere has asked for both."""
    found = []
    chosen = {op.name for op in outcome.ops if op.what == "restore" and _did(outcome, op.name, "move", "take_out")}
    chosen |= {op.name for op in outcome.ops if op.what == "take_out" and _did(outcome, op.name, "move")}
    moved = {op.name for op in outcome.ops if op.what in {"move", "take_out"}}
    chosen |= moved & outcome.refused  # what Google will not give up is shown beside what was made of it elsewhere
    restored = Counter(op.name for op in outcome.ops if op.what == "restore" and op.is_done)
    chosen |= {
        name for name, count in restored.items() if count > 1
    }  # each account from its own trash, or Google's bin
    for name, items in _roots_there(outcome).items():
        if len(items) > 1 and not _did(outcome, name, "split") and name not in chosen:
            found.append(f"I-02 {name} stands {len(items)} times at Google")
    roots_here = Counter(
        (desk, item["description"])
        for (desk, _calendar), items in outcome.here.items()
        for item in _roots(items)
        if not item.get("series") and _is_own(item)
    )
    for (_desk, name), count in roots_here.items():
        if count > 1 and not _did(outcome, name, "split") and name not in chosen:
            found.append(f"I-02 {name} stands {count} times here")
    ids: dict[str, set[str]] = defaultdict(set)
    for items in outcome.there.values():
        for item in items:
            if item.get("description") and not item.get("recurringEventId"):
                ids[item["description"]].add(item["id"])
    for op in outcome.ops:
        if op.what == "create" and op.side == "here":
            allowed = 1 + sum(
                o.name == op.name and o.what in {"delete", "move", "take_out", "restore"} for o in outcome.ops
            )
            if len(ids[op.name]) > allowed and not _did(outcome, op.name, "split"):
                found.append(f"I-03 {op.name} was made {len(ids[op.name])} times at Google")
    return found


def _roots(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return list({item["id"]: item for item in items}.values())


def _writes(outcome: Outcome) -> list[str]:
    """I-04 no write once quiet; I-05 none to what nobody touched here; I-07 conditional writes; I-12 rising fences."""
    found = [f"I-04 a write when nothing happened: {w['method']} {w['path']}" for w in outcome.quiet_writes[:3]]
    touched = {op.name for op in outcome.ops if op.side == "here"}
    theirs = {
        item["id"]: item["description"]
        for items in outcome.there.values()
        for item in items
        if item.get("description") and item["description"] not in touched and not item.get("recurringEventId")
    }
    for write in outcome.writes:
        event_id = write["path"].rsplit("/", 1)[-1]
        if event_id in theirs:
            found.append(f"I-05 {write['method']} to {theirs[event_id]}, which nobody touched here")
    fences: dict[int, int] = {}
    in_flight = set(outcome.broken_off)
    for write in outcome.writes:
        is_insert = write["method"] == "POST"
        if not is_insert and not write["is_known_etag"]:
            found.append(f"I-07 {write['method']} {write['path']} with If-Match “{write['if_match']}”")
        mirror, fence = int(write["mirror"]), int(write["fence"])
        if fence < fences.get(mirror, 0) and (mirror, fence) in in_flight:
            in_flight.discard((mirror, fence))
        elif fence < fences.get(mirror, 0):
            found.append(f"I-12 {write['method']} {write['path']} with fence {fence} after {fences[mirror]}")
        fences[mirror] = max(fence, fences.get(mirror, 0))
    return found


def _did(outcome: Outcome, name: str, *what: str) -> bool:
    return any(op.name == name and op.what in what and op.is_done for op in outcome.ops)


def _lost(outcome: Outcome) -> list[str]:
    """I-06: every value that a person wrote stands, was overwritten by somebody who saw it, or is kept in the history."""
    fields: dict[tuple[str, str, str], list[Op]] = defaultdict(list)
    for op in outcome.ops:
        if op.field and op.is_done and op.what in {"create", "edit"}:
            fields[op.name, op.key, op.field].append(op)
    standing = _standing(outcome)
    passing = {(op.name, op.field) for op in outcome.ops if op.field and not op.is_done}
    found = []
    for (name, key, field_), ops in fields.items():
        if (name, field_) in passing or name in outcome.set_aside:
            continue  # somebody wrote into a guest's copy at Google, where it stands until the organizer's next change
        if _did(outcome, name, "delete", "hide", "take_out", "restore", "split", "rekey") or (
            key and _did(outcome, name, "cancel")
        ):
            continue
        above = fields.get((name, "", field_), []) if key else []
        final = standing.get((name, key, field_), standing.get((name, "", field_)))
        if final is None:
            found.append(f"I-06 {name} {key} is nowhere, though nobody deleted it")
            continue
        found += _unexplained(outcome, name, f"{name} {key} {field_}", ops, above, final)
    return found


def _trashed(outcome: Outcome) -> list[str]:
    """I-06, promise of the trash: what somebody here wrote into an event that was deleted at Google, and nobody wrote over,
    can be read in the trash or the history."""
    found = []
    for name in {op.name for op in outcome.ops if op.what == "delete" and op.side == "there"}:
        others = {"restore", "move", "take_out", "split", "rekey", "hide", "remind", "answer"}
        if _did(outcome, name, *others) or name not in outcome.kept or name in outcome.set_aside:
            continue
        if any(op.name == name and op.what == "delete" and op.side == "here" for op in outcome.ops):
            continue
        edits = [op for op in outcome.ops if op.name == name and op.field and not op.key and op.is_done]
        over = {(op.field, op.seen) for op in edits}
        last = [op for op in edits if op.side == "here" and (op.field, op.value) not in over]
        kept = outcome.kept[name]
        found += [
            f"I-06 {name}: “{op.value}” went with it and is kept nowhere"
            for op in last
            if op.field != "start" and op.value not in kept
        ]
    return found


def _unexplained(outcome: Outcome, name: str, label: str, ops: list[Op], above: list[Op], final: str) -> list[str]:
    """What one field's writers (`above`: those of the series, for one occurrence) cannot account for."""
    seen = {op.value: op.seen for op in [*above, *ops]}
    if final not in seen:
        known = {op.seen for op in ops}
        return [] if final in known else [f"I-06 {label} is “{final}”, which nobody wrote"]
    kept = outcome.kept.get(name, "")
    losers = [op for op in ops if op.side == "here" and (op.value in kept or op.spelled in kept)]
    accounted = {final, *_ancestry(final, seen)}
    for op in losers:
        accounted |= {op.value, *_ancestry(op.value, seen)}
    return [
        f"I-06 {label}: “{op.value}” written {op.side} gave way to “{final}” and is kept nowhere"
        for op in ops
        if op.value not in accounted
    ]


def _ancestry(value: str, seen: dict[str, str]) -> set[str]:
    """The values that whoever wrote this one had seen, all the way back."""
    found: set[str] = set()
    while (value := seen.get(value, "")) and value not in found:
        found.add(value)
    return found


def _standing(outcome: Outcome) -> dict[tuple[str, str, str], str]:
    """What stands at Google, by (name, original start, field)."""
    found: dict[tuple[str, str, str], str] = {}
    for items in outcome.there.values():
        for item in items:
            if item.get("status") == "cancelled":
                continue
            key = _instant(item["originalStartTime"]) if item.get("recurringEventId") else ""
            name = item.get("description", "")
            for field_ in ("summary", "location"):
                found[name, key, field_] = item.get(field_, "")
            found[name, key, "start"] = _instant(item["start"])
    return found


def _identities(outcome: Outcome) -> list[str]:
    """I-28: an event that is moved at Google stays the one it is, and when nothing goes wrong is not deleted meanwhile."""
    found = []
    for (desk, name), event in outcome.known.items():
        if _did(outcome, name, "delete", "hide", "take_out", "restore", "split", "rekey", "duplicate"):
            continue
        if name in outcome.set_aside | outcome.refused | outcome.arrived_late:
            continue
        items = [item for (place, _calendar), found_ in outcome.here.items() if place == desk for item in found_]
        shown = {item["series"] or item["id"] for item in items if item["description"] == name}
        if shown - {event}:  # where it went need not be mirrored by everybody
            found.append(f"I-28 {name} was {event} at {desk} and is {', '.join(sorted(shown))}")
        if outcome.is_calm and name in outcome.gone:
            found.append(f"I-28 {name}, moved at Google, was deleted here for a while")
    return found


def _is_taken_up(outcome: Outcome, deletion: Op) -> bool:
    """Whether somebody at Google wrote into what a late creation left there after the event had been deleted here."""
    later = (op for op in outcome.ops if op.number > deletion.number and op.name == deletion.name)
    is_late = deletion.side == "here" and deletion.name in outcome.arrived_late
    return is_late and any(op.side == "there" and op.what == "edit" for op in later)


def _deleted(outcome: Outcome) -> list[str]:
    """I-08: what somebody deleted stays deleted; a cancelled occurrence stays cancelled. I-10: what nobody deleted is not."""
    roots = {
        item.get("description", "")
        for items in outcome.there.values()
        for item in items
        if item.get("status") != "cancelled" and not item.get("recurringEventId")
    }
    rows = {(row[0], row[1]) for items in outcome.there.values() for row in rows_there(items)}
    taken = {"delete", "hide", "move", "take_out", "split", "rekey", "restore", "duplicate"}
    ended = {op.name for op in outcome.ops if op.what in taken}
    found = [f"I-10 {name} was deleted here, though nobody deleted it" for name in sorted(outcome.gone - ended) if name]
    for name in sorted({op.name for op in outcome.ops if op.what == "take_out" and op.is_done} & roots):
        if not _did(outcome, name, "restore", "move", "split") and name not in outcome.refused | outcome.set_aside:
            found.append(f"I-02 {name}, taken out, stands at Google as well")
    for op in outcome.ops:
        if not op.is_done or _did(outcome, op.name, "restore", "move", "take_out", "split", "rekey"):
            continue
        if op.side == "here" and op.name in outcome.refused:
            continue
        if op.what == "delete" and op.name in roots and not _is_taken_up(outcome, op):
            found.append(f"I-08 {op.name}, deleted {op.side}, lives")
        if op.what == "cancel" and (op.name, op.key) in rows:
            found.append(f"I-11 {op.name} {op.key}, cancelled {op.side}, lives")
    return found
