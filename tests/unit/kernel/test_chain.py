"""A message's own chain: in order on each profile, and never again what was replaced; fold and audit say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.events.deliveries import ReceiptOutcome
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome
from services.audit.proof.replay import judge
from services.audit.proof.replay_state import ReplayState
from services.kernel.base.city import City
from services.kernel.fold.ledger_fold import EVERYTHING, Authority, LedgerFold
from services.kernel.ledger.client import Entry
from services.kernel.projection.snapshot import read, taken
from tests.support.ledger_builder import FIRE, LedgerBuilder, authority_of, demo_city


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    folder: Path = tmp_path_factory.mktemp("chain")
    return demo_city(folder / "city")


def fold_of(builder: LedgerBuilder) -> tuple[LedgerFold, dict[int, str]]:
    """Return the fold of a ledger, and why each of its void entries is void."""
    pinned = builder.city.authority
    fold = LedgerFold(Authority(builder.city.realm, frozenset(pinned.root_keys), pinned.threshold), EVERYTHING)
    entries = [Entry(line.seq, line.subject, line.at, line.data, line.headers) for line in builder.entries]
    void = {}
    for entry in entries:
        applied = fold.apply(entry, 0.0)
        if applied.void:
            void[entry.seq] = applied.void
    return fold, void


def why_void(builder: LedgerBuilder, seq: int) -> str:
    """Return why an attempt does not count, after asking the audit's own rule whether it says so too."""
    state = ReplayState(authority_of(builder.city))
    for line in builder.entries:
        list(judge(state, line))
    void = fold_of(builder)[1].get(seq, "")
    assert bool(void) == (seq in state.void_attempts)
    return void


def begun(city: City) -> tuple[LedgerBuilder, Request]:
    """Return a ledger with a cleared request."""
    builder = LedgerBuilder(city)
    builder.genesis()
    return builder, cleared(builder, "r1")


def cleared(builder: LedgerBuilder, name: str, **fields: str) -> Request:
    """Append a request with its approval and its cleared verdict."""
    request = builder.request(name, (FIRE,), **fields)
    builder.approve(request, "mcpe")
    builder.verdict(request)
    return request


@pytest.mark.parametrize("field", ["replaces", "follows"])
def test_it_waits_until_what_it_comes_after_is_settled(city: City, field: str) -> None:
    """While that is to be posted still, while it is under way, and until somebody knows how it ended."""
    builder, first = begun(city)
    later = cleared(builder, "r2", **{field: "r1"})
    assert "not settled" in why_void(builder, builder.attempt(later))
    if field == "follows":
        attempt = builder.attempt(first)
        builder.lapsed(first, attempt)
        assert "not settled" in why_void(builder, builder.attempt(later))
        builder.receipt(first, attempt)
    else:
        builder.verdict(first, Outcome.REFUSED)
        builder.receipt(first, 0, outcome=ReceiptOutcome.WITHHELD, final=True)
    assert why_void(builder, builder.attempt(later)) == ""


def test_nothing_that_was_replaced_is_posted_again(city: City) -> None:
    """An officer has it posted again after its correction stands: it does not count (invariant 9)."""
    builder, first = begun(city)
    attempt = builder.attempt(first)
    unconfirmed = builder.unconfirmed(first, attempt)
    correction = cleared(builder, "r2", replaces="r1")
    builder.post(correction)
    again = builder.resolve(first, "post_again", unconfirmed)
    builder.receipt(first, 0, outcome=ReceiptOutcome.WITHHELD, resolution_seq=again)
    builder.verdict(first)
    assert "r2 replaces it" in why_void(builder, builder.attempt(first))


def test_a_correction_replaces_only_once_it_is_cleared(city: City) -> None:
    """Before that somebody only asks for it."""
    builder, first = begun(city)
    correction = builder.request("r2", (FIRE,), replaces="r1")
    builder.verdict(correction, Outcome.BLOCKED)
    assert why_void(builder, builder.attempt(first)) == ""


def test_the_first_of_two_corrections_counts(city: City) -> None:
    """Both are cleared, by whatever fault: the ledger's order decides."""
    builder, first = begun(city)
    builder.post(first)
    one, other = cleared(builder, "r2", replaces="r1"), cleared(builder, "r3", replaces="r1")
    assert "r2 replaces r1" in why_void(builder, builder.attempt(other))
    assert why_void(builder, builder.attempt(one)) == ""


def test_the_whole_chain_is_waited_for(city: City) -> None:
    """A correction of a correction that never went out comes behind the first message all the same."""
    builder, first = begun(city)
    attempt = builder.attempt(first)
    builder.lapsed(first, attempt)
    second = cleared(builder, "r2", replaces="r1")
    third = cleared(builder, "r3", replaces="r2")
    builder.verdict(second, Outcome.REFUSED)
    builder.receipt(second, 0, outcome=ReceiptOutcome.WITHHELD, final=True)
    assert "r1, which it comes after" in why_void(builder, builder.attempt(third))
    builder.receipt(first, attempt)
    assert why_void(builder, builder.attempt(third)) == ""


def test_a_ring_of_requests_ends(city: City) -> None:
    """Forged, each after the other: nothing hangs, and neither goes out."""
    builder = LedgerBuilder(city)
    builder.genesis()
    one = cleared(builder, "r1", follows="r2")
    cleared(builder, "r2", follows="r1")
    assert "not settled" in why_void(builder, builder.attempt(one))


def test_a_snapshot_keeps_what_was_replaced(city: City) -> None:
    """Both requests are over and out of memory; the first must not come back."""
    builder, first = begun(city)
    builder.post(first)
    cleared(builder, "r2", replaces="r1")
    fold, _ = fold_of(builder)
    line = builder.entries[-1]
    snapshot = taken(fold, Entry(line.seq, line.subject, line.at, line.data, line.headers))
    assert snapshot is not None
    found = read(snapshot.to_bytes(), fold.authority)
    assert found is not None
    assert found.chain() == fold.chain
    assert found.chain().replaced == {"r1": "r2"}
