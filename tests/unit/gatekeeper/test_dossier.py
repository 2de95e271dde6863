"""The gate's dossier: which requests wait and in what order, when a verdict is news, and when the website mirrors."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events.deliveries import ReceiptOutcome
from schemas.events.verdicts import Finding, FindingOutcome, Outcome
from schemas.platforms import MIRROR
from services.gatekeeper.domain.dossier import due_by, facts_of, is_news, needs_decision, undecided, verdict_of
from services.gatekeeper.policy.decide import decide
from services.kernel.fold.ledger_fold import EVERYTHING, Authority, LedgerFold
from services.kernel.fold.state import RequestState
from tests.unit.fanout import world
from tests.unit.fanout.world import CONTROL_SEQ, NOW, approval, control, receipt, rendering, request, verdict
from tests.unit.states import REQUEST_SEQ, ended_target, open_target, state, undecided_state

REQUEST = request()
BLOCKED = verdict(REQUEST, outcome=Outcome.BLOCKED, valid_until=None)
REFUSED = verdict(REQUEST, outcome=Outcome.REFUSED, valid_until=None)
FINDING = Finding(clause="3(iv)(c)", outcome=FindingOutcome.BLOCKED, reason="an approval is missing")


# --- when does time alone change it? ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("held", "due"),
    [
        (undecided_state(REQUEST), REQUEST.expires_at),
        (state(REQUEST, BLOCKED), REQUEST.expires_at),
        (state(REQUEST, verdict(REQUEST)), verdict(REQUEST).valid_until),
        (state(REQUEST, REFUSED), None),
    ],
    ids=["undecided", "blocked", "cleared", "refused"],
)
def test_each_copy_knows_of_the_ledger_when_time_changes_it(held: RequestState, due: datetime | None) -> None:
    assert due_by(held, facts_of(held, control(), NOW)) == due


# --- is it news? ------------------------------------------------------------------------------------------------


def test_the_first_verdict_is_news() -> None:
    assert is_news(undecided_state(REQUEST), BLOCKED)


@pytest.mark.parametrize("said", [BLOCKED, verdict(REQUEST)])
def test_an_unchanged_verdict_is_not_repeated(said: Any) -> None:
    again = said.model_copy(update={"as_of": said.as_of + 500, "at": NOW + timedelta(minutes=3)})
    assert not is_news(state(REQUEST, said), again)


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": Outcome.BLOCKED},
        {"revision": 2},
        {"targets": ("parks-social",)},
        {"findings": (FINDING,)},
        {"approved_by": ("mcpe",)},
        {"publisher_of_record": "mcpe"},
        {"valid_until": NOW + timedelta(minutes=5)},
        {"mirror": True},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_it_says_otherwise_is_news(change: dict[str, Any]) -> None:
    assert is_news(state(REQUEST), verdict(REQUEST).model_copy(update=change))


def test_a_clearance_is_needed_at_each_control_revision_and_a_block_is_not() -> None:
    """Attempts are fenced on the revision of their verdict; a block holds whatever the revision."""
    for said, news in ((verdict(REQUEST), True), (BLOCKED, False)):
        later = said.model_copy(update={"control_seq": CONTROL_SEQ + 1})
        assert is_news(state(REQUEST, said), later) is news


def test_what_somebody_said_since_is_always_answered() -> None:
    """They wait for a verdict that has weighed it, also where it changes nothing."""
    said = state(REQUEST, BLOCKED, fact_seq=BLOCKED.as_of + 1)
    assert is_news(said, BLOCKED)
    assert not is_news(state(REQUEST, BLOCKED, fact_seq=BLOCKED.as_of), BLOCKED)


# --- what waits ------------------------------------------------------------------------------------------------


def delivered() -> RequestState:
    said = receipt(outcome=ReceiptOutcome.DELIVERED, final=True)
    return state(REQUEST, targets={"fire-social": ended_target(said)})


NEEDS: dict[str, tuple[RequestState, int, bool]] = {
    "undecided": (undecided_state(REQUEST), CONTROL_SEQ, True),
    "cleared at this revision": (state(REQUEST), CONTROL_SEQ, False),
    "cleared at an older one": (state(REQUEST), CONTROL_SEQ + 1, True),
    "blocked at an older one": (state(REQUEST, BLOCKED), CONTROL_SEQ + 1, True),
    "somebody has spoken since": (state(REQUEST, BLOCKED, fact_seq=BLOCKED.as_of + 1), CONTROL_SEQ, True),
    "refused": (state(REQUEST, REFUSED, fact_seq=REFUSED.as_of + 1), CONTROL_SEQ + 1, False),
    "delivered everywhere": (delivered(), CONTROL_SEQ + 1, False),
    "under way": (state(REQUEST, targets={"fire-social": open_target()}), CONTROL_SEQ + 1, True),
}


@pytest.mark.parametrize("name", NEEDS)
def test_what_needs_a_decision(name: str) -> None:
    found, control_seq, needs = NEEDS[name]
    assert needs_decision(found, control_seq) is needs


def fold_of(states: list[RequestState], control_seq: int = CONTROL_SEQ + 1) -> LedgerFold:
    fold = LedgerFold(Authority("live", frozenset(), 1), EVERYTHING, control=control(seq=control_seq))
    fold.requests = {one.request_id: one for one in states}
    return fold


def one(number: int, *, cleared: bool, severity: str | None, crisis: bool) -> RequestState:
    made = request(request_id=f"r{number}", severity=severity, crisis=crisis)
    said = verdict(made) if cleared else verdict(made, outcome=Outcome.BLOCKED, valid_until=None)
    return state(made, said, seq=number)


def test_after_a_control_change_what_is_cleared_and_urgent_comes_first() -> None:
    states = [
        one(1, cleared=False, severity="extreme", crisis=True),
        one(2, cleared=True, severity=None, crisis=False),
        one(3, cleared=True, severity=None, crisis=True),
        one(4, cleared=True, severity="minor", crisis=False),
        one(5, cleared=True, severity="extreme", crisis=False),
        one(6, cleared=True, severity="minor", crisis=False),
        one(7, cleared=False, severity=None, crisis=False),
    ]
    assert undecided(fold_of(states)) == ["r5", "r4", "r6", "r3", "r2", "r1", "r7"]
    assert undecided(fold_of(states, CONTROL_SEQ)) == [], "nothing is decided twice at a revision"


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(["extreme", "minor", None]), st.booleans()), max_size=8))
def test_each_waits_once_whatever_the_order_in_memory(told: list[tuple[bool, str | None, bool]]) -> None:
    states = [one(n, cleared=c, severity=s, crisis=k) for n, (c, s, k) in enumerate(told)]
    forwards, backwards = undecided(fold_of(states)), undecided(fold_of(states[::-1]))
    assert forwards == backwards
    assert sorted(forwards) == sorted(found.request_id for found in states)


# --- facts and the mirror ---------------------------------------------------------------------------------------


def approved(**changes: Any) -> RequestState:
    made = request(**changes)
    return undecided_state(made, approvals={"mcpe": (33, approval(made, "mcpe"))}, fact_seq=33)


def test_the_facts_are_those_of_the_fold() -> None:
    said = receipt(outcome=ReceiptOutcome.DELIVERED, final=True)
    both = request(targets=("fire-social", "parks-social"))
    targets = {"fire-social": ended_target(said), "parks-social": open_target(), "gone": ended_target(said)}
    held = state(both, targets=targets)
    held.approvals = {"mcpe": (33, approval(both, "mcpe"))}
    facts = facts_of(held, control(), NOW)
    assert (facts.request, facts.request_seq, facts.now, facts.control.seq) == (both, REQUEST_SEQ, NOW, CONTROL_SEQ)
    assert [(fact.seq, fact.subject) for fact in facts.approvals] == [(33, "ledger.approval.rabcdefghijkl.mcpe")]
    assert facts.delivered == {"fire-social"}


def decided(held: RequestState, **profiles: Any) -> Any:
    state_now = control(profiles={name: world.profile(name) for name in world.PROFILES} | profiles)
    facts = facts_of(held, state_now, NOW)
    return verdict_of(decide(facts), facts, 99)


def test_a_cleared_message_that_goes_elsewhere_is_mirrored_on_the_website() -> None:
    """Section 1, Transparency (ii)."""
    found = decided(approved())
    assert (found.outcome, found.mirror, found.as_of, found.control_seq) == (Outcome.CLEARED, True, 99, CONTROL_SEQ)
    assert MIRROR not in found.targets


def test_what_goes_to_the_website_itself_is_not_mirrored_there() -> None:
    site = world.profile("city-site", platform="website", account="city")
    held = approved(targets=("fire-social", "city-site"))
    found = decided(held, **{"city-site": site})
    assert (found.outcome, found.mirror) == (Outcome.CLEARED, None)


def test_what_stands_on_a_profile_that_was_suspended_since_is_not_mirrored() -> None:
    """Seed 1225 of the simulation: post authorization would hold the page back, and the request stay open for ever."""
    held = approved()
    held.want(REQUEST.targets)
    held.targets["fire-social"] = ended_target(receipt(outcome=ReceiptOutcome.DELIVERED, final=True))
    held.note("fire-social")
    found = decided(held, **{"fire-social": world.profile("fire-social", official=False)})
    assert (found.outcome, found.mirror) == (Outcome.CLEARED, None)


def test_what_was_not_rendered_for_the_website_is_not_mirrored() -> None:
    found = decided(approved(renderings=(rendering(),)))
    assert found.mirror is None


def test_what_is_not_cleared_is_not_mirrored() -> None:
    found = decided(undecided_state(REQUEST))
    assert (found.outcome, found.mirror) == (Outcome.BLOCKED, None)
