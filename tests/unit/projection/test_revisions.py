"""Revisions: a new one takes the place of what waits, and nothing that was said of the old one counts for it."""

from __future__ import annotations

from schemas import subjects
from schemas.events.verdicts import Outcome
from tests.unit.projection.story import FIRE, begun, folded


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
