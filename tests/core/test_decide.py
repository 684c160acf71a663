"""Every decision: total, written down, and never one that loses, doubles or reveals what people live by."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversa_calendar.engine import evidence, link, local, steps
from conversa_calendar.engine.capabilities import Capabilities
from conversa_calendar.engine.decide import DOUBTS_MAX, decide
from conversa_calendar.engine.evidence import Base, Evidence, Refusal, There, Whereabouts
from conversa_calendar.engine.link import Call, Link
from conversa_calendar.engine.local import Kind, Local
from conversa_calendar.engine.steps import Step, Steps
from tests.support import decisions
from tests.support.decisions import CAPABILITIES, EVIDENCE, LINKS, LOCALS

CAN = Capabilities()
CALLS = (steps.Create, steps.Patch, steps.Delete, steps.Cancel, steps.Move, steps.Ask)
WRITES = (steps.Create, steps.Patch, steps.Delete, steps.Cancel, steps.Move)
LIVING = [here for here in LOCALS if isinstance(here, local.Living)]


def ends(
    *, of: type | tuple[type, ...] = object, links: type | tuple[type, ...] = object
) -> Iterator[tuple[Link, Local, Evidence, Steps]]:
    """Every representative case with what follows, for some kinds of evidence and of links."""
    for one, here, found in decisions.every():
        if isinstance(found, of) and isinstance(one, links):
            for can in CAPABILITIES:
                yield one, here, found, decide(one, here, found, can)


def all_steps(found: Steps) -> Iterator[Step]:
    """Steps, and those that follow where one of them cannot be done."""
    for step in found:
        yield step
        if isinstance(step, steps.HandOn):
            yield from all_steps(step.otherwise)


ANY = st.tuples(
    st.sampled_from(list(decisions.union(link.Link))),
    st.sampled_from(list(decisions.union(local.Local))),
    st.sampled_from(list(decisions.union(evidence.Evidence))),
    st.sampled_from(CAPABILITIES),
)


@given(ANY)
def test_every_case_there_can_be_has_a_decision(case: tuple[Link, Local, Evidence, Capabilities]) -> None:
    assert all(isinstance(step, steps.Step) for step in all_steps(decide(*case)))


def test_every_representative_case_has_a_decision() -> None:
    assert sum(len(found) >= 0 for *_case, found in ends()) == len(LINKS) * len(LOCALS) * len(EVIDENCE) * 3


def test_every_kind_of_step_is_decided_somewhere() -> None:
    found = {type(step) for *_case, found in ends() for step in all_steps(found)}
    named = {
        kind for name, kind in vars(steps).items() if isinstance(kind, type) and hasattr(kind, "__dataclass_fields__")
    }
    assert found == named


def test_the_algorithm_page_shows_the_table_of_the_code() -> None:
    page = decisions.ALGORITHM.read_text()
    assert decisions.with_table(page) == page, "make golden, and read the difference"


def test_the_written_down_decisions_are_those_of_the_code() -> None:
    assert decisions.DECISIONS.read_text() == decisions.whole_table(), "make golden, and read the difference"


@pytest.mark.parametrize(("here", "there"), decisions.ROWS)
def test_a_plain_case_ends_as_people_are_told(here: str, there: str) -> None:
    expected = {
        ("absent", "absent"): (),
        ("absent", "same"): (steps.ClearAway(),),
        ("absent", "changed"): (steps.TakeIn(),),
        ("absent", "deleted"): (),
        ("same", "absent"): (steps.Doubt(is_seen=False),),
        ("same", "same"): (steps.SetBase(),),
        ("same", "changed"): (steps.MergeIn(),),
        ("same", "deleted"): (steps.TrashHere(),),
        ("changed", "absent"): (steps.Create(),),
        ("changed", "same"): (steps.Patch(),),
        ("changed", "changed"): (steps.MergeIn(sends=True),),
        ("changed", "deleted"): (steps.TrashHere(keeps_edit=True),),
        ("deleted", "absent"): (steps.Settle(),),
        ("deleted", "same"): (steps.Delete(),),
        ("deleted", "changed"): (steps.KeepDeletion(keeps_their_edit=True),),
        ("deleted", "deleted"): (steps.Bury(),),
    }
    assert decide(*decisions.ROWS[here, there], CAN) == expected[here, there]


def test_a_call_follows_only_from_a_turn_a_taken_id_or_a_doubt() -> None:
    for one, here, found, then in ends():
        calls = [step for step in all_steps(then) if isinstance(step, CALLS)]
        assert len(calls) <= 1
        if calls and not isinstance(found, evidence.Due):
            assert calls == [steps.Ask()] and isinstance(found, evidence.Taken | evidence.Removed), (one, here, found)


def test_nothing_is_written_while_a_write_or_a_deletion_is_unresolved() -> None:
    for one, here, found, then in ends(of=evidence.Due, links=(link.Writing, link.Doubted, link.Held)):
        written = [step for step in then if isinstance(step, WRITES)]
        again = [steps.Create(again=True)] if isinstance(one, link.Writing) and one.is_to_repeat else []
        assert written in ([], again), (one, here, found)


def test_what_nobody_meant_to_delete_is_never_deleted_there() -> None:
    for one in LINKS:
        assert decide(one, local.Deleted(is_nobodys=True), evidence.Due(), CAN) == (steps.Settle(keeps_state=True),)


def test_an_absence_is_never_taken_for_a_deletion() -> None:
    for one, here, _found, then in ends(of=evidence.Unseen):
        assert then in ((), (steps.Doubt(is_seen=False),)), (one, here)


@pytest.mark.parametrize(
    "one",
    [link.Writing(Call.PATCH), link.Writing(Call.CREATE), link.Moving(is_tried=True), link.Synced(is_known=False)],
)
def test_what_is_being_sent_is_not_missed_in_a_listing(one: Link) -> None:
    assert decide(one, local.Living(is_changed=True), evidence.Unseen(), CAN) == ()


def test_what_was_not_seen_is_asked_for_before_it_goes_to_the_trash() -> None:
    for one, here, found, then in ends(of=evidence.Removed):
        is_approved = isinstance(one, link.Doubted) and one.is_approved
        if any(isinstance(step, steps.TrashHere | steps.Rehome | steps.GiveWay | steps.Bury) for step in then):
            assert isinstance(found, evidence.Removed) and (found.is_seen or is_approved), (one, here, found)


def test_so_many_deletions_as_nobody_means_are_held() -> None:
    many = evidence.Removed(is_plausible=False)
    assert decide(link.Doubted(), local.Living(is_changed=False), many, CAN) == (steps.Hold(),)
    assert decide(link.Doubted(is_approved=True), local.Living(is_changed=False), many, CAN) == (steps.TrashHere(),)
    there = evidence.Due(is_plausible=False)
    assert decide(link.Synced(), local.Deleted(), there, CAN) == (steps.Hold(),)
    assert decide(link.Synced(is_approved=True), local.Deleted(), there, CAN) == (steps.Delete(),)


def test_a_removal_waits_until_it_is_known_where_the_event_is() -> None:
    for where in (Whereabouts.UNKNOWN, Whereabouts.BUSY):
        for one, here, found, then in ends(of=evidence.Removed):
            if found == evidence.Removed(where):
                assert then == (steps.Wait(),), (one, here)


def test_an_unsent_edit_is_kept_with_what_goes_to_the_trash() -> None:
    for _one, here, _found, then in ends():
        for step in all_steps(then):
            if isinstance(step, steps.TrashHere):
                assert step.keeps_edit == (isinstance(here, local.Living) and here.is_changed)


def test_their_edit_of_what_was_deleted_here_is_kept() -> None:
    for one in (link.Synced(), link.Writing(Call.DELETE), link.Held()):
        then = decide(one, local.Deleted(), evidence.Listed(There.CHANGED), CAN)
        assert then == (steps.KeepDeletion(keeps_their_edit=True),)


def test_an_unsent_edit_is_sent_after_what_came_in() -> None:
    for here in LIVING:
        for there, step in ((There.SAME, steps.SetBase), (There.CHANGED, steps.MergeIn)):
            then = decide(link.Synced(), here, evidence.Listed(there), CAN)
            assert then == (step(sends=here.is_changed),)


@pytest.mark.parametrize("doubts", range(DOUBTS_MAX))
def test_one_answer_that_it_is_missing_is_not_believed(doubts: int) -> None:
    for to in (Call.PATCH, Call.DELETE, Call.ASK):
        one = link.Writing(Call.PATCH, doubts=doubts)
        assert decide(one, local.Living(is_changed=True), evidence.Missing(to), CAN) == (steps.DoubtMissing(),)


def test_the_third_answer_that_it_is_missing_is_believed() -> None:
    one = link.Writing(Call.PATCH, doubts=DOUBTS_MAX)
    assert decide(one, local.Living(is_changed=True), evidence.Missing(Call.ASK), CAN) == (steps.Conclude(),)


def test_a_creation_that_did_not_arrive_is_sent_again_under_its_id() -> None:
    one, here = link.Writing(Call.CREATE), local.Living(is_changed=True)
    assert decide(one, here, evidence.Missing(Call.ASK), CAN) == (steps.SendAgain(),)
    assert decide(link.Writing(Call.CREATE, is_to_repeat=True), here, evidence.Due(), CAN) == (
        steps.Create(again=True),
    )


def test_a_creation_that_cannot_be_put_there_speaks_of_the_calendar() -> None:
    for one in LINKS:
        for is_certain in (False, True):
            missing = evidence.Missing(Call.CREATE, is_certain)
            assert decide(one, local.Living(is_changed=True), missing, CAN) == (steps.DoubtCalendar(),)


def test_what_was_deleted_before_its_creation_arrived_leaves_a_tombstone_that_waits_for_it() -> None:
    one = link.Writing(Call.CREATE)
    assert decide(one, local.Deleted(), evidence.Missing(Call.ASK), CAN) == (steps.Bury(awaits_arrival=True),)
    refused = evidence.Refused(Refusal.EVENT, base=Base.NONE)
    assert decide(one, local.Deleted(), refused, CAN)[0] == steps.Bury(awaits_arrival=True)


def test_a_late_creation_is_cleared_away_unless_somebody_wrote_into_it() -> None:
    one, here = link.Tombstoned(may_arrive=True), local.Absent()
    untouched = evidence.Listed(There.CHANGED, is_untouched=True)
    assert decide(one, here, untouched, CAN) == (steps.ClearAway(is_late=True),)
    edited = decide(one, here, evidence.Listed(There.CHANGED), CAN)
    assert edited == (steps.HandOn(otherwise=(steps.TakeIn(),), is_late=True),)


def test_what_was_brought_back_there_is_the_same_event_here() -> None:
    listed = evidence.Listed(There.CHANGED)
    assert decide(link.Tombstoned(), local.Deleted(), listed, CAN) == (steps.Revive(),)
    assert decide(link.Tombstoned(), local.Absent(), listed, CAN) == (steps.TakeIn(),)


def test_a_list_from_before_a_change_brings_nothing_back() -> None:
    for one, here, found, then in ends(of=(evidence.Listed, evidence.Tombstone)):
        if found.is_older and not isinstance(one, link.Unlinked):  # type: ignore[union-attr]
            assert then == (steps.Notice(),), (one, here, found)


def test_an_event_on_its_way_is_neither_missed_nor_gone_nor_new() -> None:
    moving = [one for one in LINKS if isinstance(one, link.Moving)]
    for one in moving:
        assert decide(one, local.Living(is_changed=False), evidence.Tombstone(), CAN) == (steps.Notice(),)
        assert decide(one, local.Living(is_changed=False), evidence.Unseen(), CAN) == ()
    on_its_way = evidence.Listed(There.CHANGED, place=evidence.Place.ON_ITS_WAY)
    assert decide(link.Unlinked(), local.Absent(), on_its_way, CAN) == ()


def test_a_refused_deletion_is_undone_here() -> None:
    refused = evidence.Refused(Refusal.EVENT)
    assert decide(link.Writing(Call.DELETE), local.Deleted(), refused, CAN)[0] == steps.Revive()
    occurrence = local.Deleted(kind=Kind.OCCURRENCE)
    assert decide(link.Writing(Call.DELETE), occurrence, refused, CAN)[0] == steps.Revert()


def test_a_refused_edit_stays_and_says_so() -> None:
    for what in (Refusal.EVENT, Refusal.DATA):
        then = decide(link.Writing(Call.PATCH), local.Living(is_changed=True), evidence.Refused(what), CAN)
        assert then == (steps.Tell(what),)


def test_a_refused_meeting_does_not_cost_the_event() -> None:
    refused = evidence.Refused(Refusal.EVENT, wants_meeting=True)
    assert decide(link.Writing(Call.CREATE), local.Living(is_changed=True), refused, CAN) == (steps.SendPlain(),)
