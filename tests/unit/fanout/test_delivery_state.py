"""The states of a delivery are one table: what it allows, what it does not, and that the fold goes by it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events.deliveries import Receipt, ReceiptOutcome
from services.fanout.domain.delivery_state import (
    ENDED,
    MAY_BE_PUBLIC,
    OPEN,
    TABLE,
    DeliveryFact,
    DeliveryState,
    beginning_of,
    fact_of,
    is_held_back,
    state_of,
)
from services.fanout.domain.step import End, Place, unless_public
from services.kernel.base.state_table import IllegalTransition
from services.kernel.fold.state import TargetState
from tests.unit.fanout.world import CONTROL_SEQ, NOW, VERDICT_SEQ, receipt
from tests.unit.states import ended_target, open_target, state

PAIRS = [(one, fact) for one in DeliveryState for fact in DeliveryFact]
ALLOWED = {(one, fact) for one, facts in TABLE.transitions.items() for fact in facts}


@pytest.mark.parametrize(("before", "fact"), [pair for pair in PAIRS if pair not in ALLOWED])
def test_what_the_table_does_not_name_raises(before: DeliveryState, fact: DeliveryFact) -> None:
    with pytest.raises(IllegalTransition, match=f"{fact} cannot follow on {before}"):
        TABLE.after(before, fact)


def test_each_state_has_its_row_and_is_reached() -> None:
    assert set(TABLE.transitions) == set(DeliveryState)
    reached = {DeliveryState.WAITING} | {after for facts in TABLE.transitions.values() for after in facts.values()}
    assert reached == set(DeliveryState)


def test_an_attempt_is_made_only_of_what_is_not_open_and_has_not_ended() -> None:
    may = {one for one in DeliveryState if DeliveryFact.ATTEMPTED in TABLE.transitions[one]}
    assert may == set(DeliveryState) - OPEN - ENDED


def test_what_may_be_public_never_becomes_surely_not_posted_without_a_person() -> None:
    not_posted = {DeliveryState.WAITING, DeliveryState.HELD_BACK, DeliveryState.EXPIRED, DeliveryState.WITHHELD}
    for one in MAY_BE_PUBLIC:
        for fact, after in TABLE.transitions[one].items():
            assert after not in not_posted or fact is DeliveryFact.POST_AGAIN, (one, fact)


@pytest.mark.parametrize("outcome", [ReceiptOutcome.WITHHELD, ReceiptOutcome.EXPIRED])
def test_an_end_without_a_post_of_what_may_be_public_stays_unconfirmed(outcome: ReceiptOutcome) -> None:
    """An officer rejects it, or it expires, after an attempt of which nobody knows how it ended."""
    unknown = ended_target(receipt(outcome=ReceiptOutcome.UNCONFIRMED))
    place = Place(VERDICT_SEQ, "fire-social", state(), unknown, CONTROL_SEQ)
    found = unless_public(place, End(outcome, True, "it was rejected", NOW))
    assert (found.outcome, found.final, found.due) == (ReceiptOutcome.UNCONFIRMED, True, NOW)
    nothing = Place(VERDICT_SEQ, "fire-social", state(), TargetState(), CONTROL_SEQ)
    assert unless_public(nothing, End(outcome, True, "it was rejected")).outcome is outcome


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (TargetState(), DeliveryState.WAITING),
        (open_target(), DeliveryState.UNDER_WAY),
        (open_target(lapsed=True), DeliveryState.LAPSED),
        (ended_target(receipt()), DeliveryState.WAITING),
        (ended_target(receipt(attempt_seq=0)), DeliveryState.HELD_BACK),
        (ended_target(receipt(remote_id="1")), DeliveryState.BEGUN),
        (ended_target(receipt(attempt_seq=0, remote_id="1")), DeliveryState.BEGUN),
        (ended_target(receipt(remote_id="1", resolution_seq=60)), DeliveryState.BEGUN),
        (ended_target(receipt(outcome=ReceiptOutcome.UNCONFIRMED)), DeliveryState.UNCERTAIN),
        (ended_target(receipt(resolution_seq=60)), DeliveryState.WAITING),
        *(
            (ended_target(receipt(outcome=outcome, final=True)), DeliveryState(outcome))
            for outcome in ReceiptOutcome
            if outcome is not ReceiptOutcome.LAPSED
        ),
    ],
)
def test_the_state_of_what_the_fold_holds(target: TargetState, expected: DeliveryState) -> None:
    assert state_of(target) is expected


@given(st.sampled_from(list(ReceiptOutcome)), st.booleans(), st.integers(0, 1), st.booleans())
def test_a_receipt_leads_where_the_table_says(outcome: ReceiptOutcome, final: bool, named: int, lapsed: bool) -> None:
    """Of an attempt that is open: what the fold makes of its receipt is the table's state, where it has one."""
    before = open_target(lapsed=lapsed)
    said = receipt(outcome=outcome, final=final, attempt_seq=50 * named)
    fact = fact_of(said, before)
    if fact not in TABLE.transitions[state_of(before)]:
        return
    expected = TABLE.after(state_of(before), fact)
    if outcome is ReceiptOutcome.LAPSED:
        before.lapsed = True
    else:
        before.answered = bool(named)
        before.receipt = said
    assert state_of(before) is expected


BEGUN = receipt(url="https://m.example/1", remote_id="1")


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (receipt(attempt_seq=60), DeliveryState.BEGUN),
        (receipt(attempt_seq=0), DeliveryState.BEGUN),
        (receipt(resolution_seq=60), DeliveryState.WAITING),
    ],
)
def test_what_stands_of_a_thread_is_not_forgotten_until_a_person_has_looked(
    later: Receipt, expected: DeliveryState
) -> None:
    """A second attempt that was held back before its call says nothing of part 1, which still stands."""
    target = ended_target(later, receipts=[(51, BEGUN), (61, later)])
    assert state_of(target) is expected
    assert (
        fact_of(later, ended_target(BEGUN))
        is {
            DeliveryState.BEGUN: DeliveryFact.BEGUN,
            DeliveryState.WAITING: DeliveryFact.POST_AGAIN,
        }[expected]
    )
    assert is_held_back(target) is (later.attempt_seq == 0)
    assert beginning_of(target) is (BEGUN if expected is DeliveryState.BEGUN else None)


def test_the_diagram_names_each_state_and_each_fact() -> None:
    drawn = TABLE.mermaid()
    assert drawn.startswith("stateDiagram-v2")
    for name in (*DeliveryState, *{fact for _, fact in ALLOWED}):
        assert name in drawn, name


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (receipt(resolution_seq=60), DeliveryFact.POST_AGAIN),
        (receipt(attempt_seq=0), DeliveryFact.HELD_BACK),
        (receipt(), DeliveryFact.NOT_POSTED),
    ],
)
def test_what_a_receipt_without_an_end_says(said: Receipt, expected: DeliveryFact) -> None:
    """A person's "post it again", a post that was held back before its attempt, an attempt that surely did not post."""
    assert fact_of(said, ended_target(receipt(outcome=ReceiptOutcome.UNCONFIRMED))) is expected
