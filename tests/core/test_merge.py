"""The merge, by properties: nothing typed is lost, equal content never conflicts, both sides end the same."""

from datetime import datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from conversa_calendar.domain.event import UNITS, Attendee, Content, changed_units, unit, with_units
from conversa_calendar.domain.times import Timed
from conversa_calendar.engine.merge import merge, merge_attendees, resolve_lost_write

BASE = Content(
    start=Timed(datetime(2026, 12, 1, 9), "Europe/Lisbon"), end=Timed(datetime(2026, 12, 1, 10), "Europe/Lisbon")
)
texts = st.sampled_from(["", "a", "b", "c"])


@st.composite
def contents(draw: st.DrawFn) -> Content:
    hours = draw(st.integers(0, 3))
    guests = draw(st.dictionaries(st.sampled_from(["x@e.com", "y@e.com"]), st.sampled_from(["accepted", "declined"])))
    return msgspec.structs.replace(
        BASE,
        start=Timed(BASE.start.local + timedelta(hours=hours), "Europe/Lisbon"),
        end=Timed(BASE.end.local + timedelta(hours=hours), "Europe/Lisbon"),
        summary=draw(texts),
        location=draw(texts),
        transparency=draw(st.sampled_from(["opaque", "transparent"])),
        attendees=tuple(Attendee(email, response=response) for email, response in guests.items()),
    )


@given(contents(), contents(), contents())
def test_each_unit_stands_or_is_kept(base: Content, local: Content, remote: Content) -> None:
    merged = merge(base, local, remote)
    lost = {conflict.unit for conflict in merged.conflicts}
    for name in UNITS:
        if name == "attendees":
            continue
        was, ours, theirs, ends = (unit(side, name) for side in (base, local, remote, merged.content))
        if ours != was and ours != ends:
            assert name in lost, "a local edit disappeared without a trace"
        if theirs != was:
            assert ends == theirs, "a remote edit was overwritten"


@given(contents(), contents())
def test_equal_content_is_never_a_conflict(base: Content, both: Content) -> None:
    merged = merge(base, both, both)
    assert merged.content == both and not merged.conflicts and not merged.to_remote and not merged.to_local


@given(contents(), contents())
def test_unchanged_side_takes_the_other(base: Content, other: Content) -> None:
    assert not changed_units(merge(base, base, other).content, other)
    assert not changed_units(merge(base, other, base).content, other)
    assert not merge(base, other, base).conflicts


@given(contents(), contents(), contents())
def test_merging_again_changes_nothing(base: Content, local: Content, remote: Content) -> None:
    once = merge(base, local, remote).content
    again = merge(remote, once, remote)
    assert not changed_units(again.content, once) and not again.conflicts


@given(contents(), contents())
def test_our_own_lost_write_is_not_taken_for_theirs(base: Content, intended: Content) -> None:
    later = with_units(intended, msgspec.structs.replace(intended, summary="typed since"), ["summary"])
    merged = merge(resolve_lost_write(base, [intended], intended), later, intended)
    assert merged.content.summary == "typed since" and not merged.conflicts


@given(contents(), contents(), contents())
def test_an_earlier_attempt_that_arrives_late_is_not_taken_for_theirs(
    base: Content, first: Content, second: Content
) -> None:
    merged = merge(resolve_lost_write(base, [first, second], first), second, first)
    assert not changed_units(merged.content, second) and not merged.conflicts


def test_guests_merge_one_by_one() -> None:
    x, y, z = (Attendee(f"{name}@e.com") for name in "xyz")
    accepted = msgspec.structs.replace(x, response="accepted")
    merged, is_contested = merge_attendees((x, y), (x, y, z), (accepted,))
    assert set(merged) == {accepted, z} and not is_contested


def test_announced_time_stands_against_google() -> None:
    moved = msgspec.structs.replace(BASE, start=Timed(datetime(2026, 12, 1, 8), "Europe/Lisbon"))
    other = msgspec.structs.replace(BASE, start=Timed(datetime(2026, 12, 1, 7), "Europe/Lisbon"))
    assert merge(BASE, moved, other, is_when_announced=True).content.start == moved.start
