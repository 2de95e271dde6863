"""Requests that have come to an end are packed while a long record is judged, and what is found is the same."""

from __future__ import annotations

import pickle

import pytest

from services.audit.proof.packing import has_ended, pack_ended
from services.audit.proof.plain_pickle import pickled, unpickled
from services.audit.proof.remaining import NeedsWholeError, slimmed
from services.audit.proof.replay import judge
from services.audit.proof.replay_state import ReplayState
from services.audit.record.violation import Violation
from services.kernel.base.city import City
from tests.support.ledger_builder import LedgerBuilder, authority_of, story
from tests.unit.audit.test_replay_pair import SEEDS, Chaos


def judged(builder: LedgerBuilder, *, packing: bool) -> tuple[ReplayState, list[Violation]]:
    """Judge all entries, if wished with everything that has ended packed after each."""
    state = ReplayState(authority_of(builder.city))
    found: list[Violation] = []
    for line in builder.entries:
        found += judge(state, line)
        if packing:
            state.pack_above = 0
            pack_ended(state, most=0)
    return state, found


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_found_does_not_hang_on_packing(city: City, seed: int) -> None:
    builder = Chaos(city, seed).run()
    loose, found = judged(builder, packing=False)
    packed, found_packed = judged(builder, packing=True)
    assert found_packed == found
    assert packed.void_as_warnings() == loose.void_as_warnings()
    assert packed.warnings == loose.warnings
    assert packed.counted_attempts() == len(loose.attempts)
    for name in loose.contexts:
        assert packed.request(name) == loose.contexts[name]
    assert packed.attempts == loose.attempts
    assert {name: one for name, one in packed.progress.at.items() if one} == loose.progress.at


def test_only_what_has_ended_is_packed(city: City) -> None:
    state, _ = judged(story(LedgerBuilder(city)), packing=True)
    assert len(state.packed) > 1
    assert not any(map(has_ended, state.contexts.values()))
    assert state.open_attempts.keys() <= state.attempts.keys()


def test_packing_waits_until_as_much_has_gathered_once_more(city: City) -> None:
    state, _ = judged(story(LedgerBuilder(city)), packing=False)
    pack_ended(state, most=10_000)
    assert not state.packed
    state.pack_above = 10_000
    pack_ended(state, most=0)
    assert not state.packed


def test_packing_ends_at_half_of_what_may_be_loose(city: City) -> None:
    state, _ = judged(story(LedgerBuilder(city)), packing=False)
    loose = len(state.contexts) + len(state.attempts)
    pack_ended(state, most=loose - 1)
    left = len(state.contexts) + len(state.attempts)
    assert state.packed
    assert state.pack_above == 2 * left
    assert left > 0


def test_what_is_packed_is_let_go_after_hours(city: City) -> None:
    builder = story(LedgerBuilder(city))
    state, _ = judged(builder, packing=True)
    newest = builder.entries[-1].at
    name, count = next(iter(state.packed)), state.counted_attempts()
    assert name in slimmed(state, newest).packed
    builder.wait(7 * 3600)
    later = slimmed(state, builder.now)
    assert not later.packed
    assert later.counted_attempts() == count
    with pytest.raises(NeedsWholeError):
        later.request(name)


def test_no_other_class_comes_out_of_what_is_packed() -> None:
    assert unpickled(pickled({"a": (1, 2)})) == {"a": (1, 2)}
    with pytest.raises(pickle.UnpicklingError):
        unpickled(pickle.dumps(Violation.__hash__))
