"""Revisions: a new one takes the place of what waits, and nothing that was said of the old one counts for it."""

from __future__ import annotations

import pytest

from schemas import subjects
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.verdicts import Outcome
from services.kernel.base import logs
from services.kernel.base.clock import SystemClock
from services.kernel.ledger.client import Ledger
from services.kernel.projection.projection import Projection
from services.kernel.projection.request_entries import state_of, state_on
from tests.unit.kernel.test_projection_reads import Leader
from tests.unit.projection.story import FIRE, PARKS, begun, folded, gist


def test_a_new_revision_begins_without_verdict_and_approvals() -> None:
    story = begun()
    story.request()
    story.approve()
    story.verdict(outcome=Outcome.BLOCKED)
    last = story.last(subjects.verdict("r1"))
    seq = story.request("r1", revision=2, first=False, author="office")
    state = folded(story).state()
    assert (state.seq, state.approvals, state.verdict, state.verdict_seq, state.wanted) == (seq, {}, None, 0, ())
    assert (state.verdict_last, state.previous and state.previous.revision) == (last, 1)
    assert state.spoken == {"mcpe": story.last(subjects.approval("r1", "mcpe"))}


def test_an_approval_of_the_old_revision_is_not_used_again() -> None:
    story = begun()
    story.request()
    old = story.approve()
    story.request("r1", revision=2, first=False)
    repeated = story.put(subjects.approval("r1", "mcpe"), story.entries[old - 1].data)
    assert "is there already" in folded(story).void(repeated)


def test_a_verdict_on_the_old_revision_comes_too_late_and_calls_for_no_alarm() -> None:
    story = begun()
    story.request()
    story.approve()
    old = story.requests["r1"]
    story.request("r1", revision=2, first=False)
    story.requests["r1"] = old
    seq = story.verdict()
    reader = folded(story)
    assert "a newer revision is there" in reader.void(seq)
    assert reader.state().verdict is None


def test_an_attempt_at_the_old_revision_comes_too_late() -> None:
    story = begun().cleared()
    old = story.requests["r1"]
    story.request("r1", revision=2, first=False)
    story.requests["r1"] = old
    attempt = story.attempt()
    reader = folded(story)
    assert reader.void(attempt)
    assert not reader.state().is_begun


def test_a_return_stops_attempts_and_is_known_in_later_revisions() -> None:
    story = begun().cleared()
    story.approve(decision="return")
    attempt = story.attempt()
    assert folded(story).void(attempt)
    story.request("r1", revision=2, first=False)
    story.request("r1", revision=3, first=False)
    assert folded(story).state().returned == {"mcpe"}


def test_what_is_refused_is_not_revised() -> None:
    story = begun()
    story.request()
    story.verdict(outcome=Outcome.REFUSED)
    seq = story.request("r1", revision=2, first=False)
    assert "refused" in folded(story).void(seq)


def test_an_attempt_that_counts_is_never_followed_by_a_revision() -> None:
    story = begun().cleared()
    story.attempt()
    seq = story.request("r1", FIRE, revision=2, first=False)
    assert folded(story).void(seq)


@pytest.mark.parametrize("profile", [FIRE, PARKS])
async def test_a_revision_that_came_too_late_hides_nothing_of_what_stands_on_a_profile(profile: str) -> None:
    """It is void for what was begun on the other profile; of this one alone it would count, and hide what stands."""
    story = begun().cleared("r1", FIRE, PARKS)
    verdict = story.last(subjects.verdict("r1"))
    attempts = {FIRE: story.attempt("r1", FIRE)}
    late = story.put(subjects.request("r1"), story.requests["r1"].model_copy(update={"revision": 2}))
    attempts[PARKS] = story.attempt("r1", PARKS)
    for name, attempt in attempts.items():
        story.receipt(attempt, profile=name, remote_id=f"post on {name}")
    reader = folded(story)
    assert "being posted" in reader.void(late)
    assert reader.fold.requests == {}, "it is over"
    leader = Leader()
    leader.held = story.entries
    reads = Projection(leader, reader.fold, Ledger(), SystemClock(), logs.logger())
    state = await state_on("r1", profile, reader.fold, reads, 0.0)
    assert state is not None
    assert (state.request.revision, state.verdict_seq) == (1, verdict)
    receipts = [one for _, one in state.target(profile).receipts]
    assert [(one.outcome, one.remote_id) for one in receipts] == [(ReceiptOutcome.DELIVERED, f"post on {profile}")]
    whole = await state_of("r1", reader.fold, reads, 0.0)
    assert whole is not None
    assert gist(state) == gist(whole)
