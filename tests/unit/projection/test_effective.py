"""Each rule by which an attempt is void: it is skipped by every reader, needs no receipt, and nothing else changes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas.events.deliveries import ReceiptOutcome
from schemas.events.verdicts import Outcome
from schemas.platforms import MIRROR
from services.kernel.ledger.entry import EXPECTED, FENCE_SUBJECT
from tests.unit.projection.story import FIRE, PARKS, Story, begun, folded


def cleared() -> Story:
    return begun().cleared()


def why(story: Story, seq: int) -> str:
    """Why the attempt is void; nothing of it may be left but its number."""
    reader = folded(story)
    void = reader.void(seq)
    for state in reader.fold.requests.values():
        for target in state.targets.values():
            assert not void or (target.attempt_seq != seq and seq not in target.effective)
    assert not void or all(found != seq for found, _ in reader.fold.busy.values())
    return void


def test_an_attempt_that_breaks_no_rule_is_effective() -> None:
    story = cleared()
    seq = story.attempt()
    reader = folded(story)
    assert reader.void(seq) == ""
    target = reader.state().target(FIRE)
    assert (target.attempt_seq, target.is_open, target.effective) == (seq, True, [seq])
    assert reader.fold.busy == {FIRE: (seq, "r1")}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {EXPECTED: "1"},
        {FENCE_SUBJECT: "ledger.control"},
        {FENCE_SUBJECT: "ledger.verdict.r1", EXPECTED: "1"},
        {FENCE_SUBJECT: "ledger.control", EXPECTED: "2"},
    ],
)
def test_without_its_own_fence_it_is_void(headers: dict[str, str]) -> None:
    """The server refuses a stale one only where the fence was given to it."""
    story = cleared()
    seq = story.attempt()
    stands = story.entries.pop()
    assert stands.headers == {FENCE_SUBJECT: "ledger.control", EXPECTED: "1"}
    story.put(stands.subject, stands.data, headers)
    assert "not fenced" in why(story, seq)


def test_an_attempt_of_an_older_control_revision_is_void() -> None:
    story = cleared()
    verdict = story.revision
    story.hold()
    seq = story.attempt(control_seq=verdict)
    assert "not fenced on control revision" in why(story, seq)


def test_a_verdict_of_an_older_revision_carries_no_attempt() -> None:
    story = cleared()
    story.hold()
    assert "another control revision" in why(story, story.attempt())


@pytest.mark.parametrize("outcome", [Outcome.BLOCKED, Outcome.REFUSED])
def test_a_newer_verdict_that_is_not_cleared_makes_it_void(outcome: Outcome) -> None:
    story = cleared()
    story.verdict(outcome=outcome)
    assert "not the newest cleared" in why(story, story.attempt())


def test_an_attempt_on_an_older_clearance_is_void() -> None:
    story = cleared()
    first = story.entries[-1].seq
    story.verdict()
    assert "not the newest cleared" in why(story, story.attempt(verdict_seq=first))
    assert why(story, story.attempt()) == ""


def test_before_any_verdict_it_is_void() -> None:
    story = begun()
    story.request()
    assert "not the newest cleared" in why(story, story.attempt())


@pytest.mark.parametrize("changes", [{"revision": 2}, {"digest": "f" * 64}])
def test_other_content_than_the_requests_is_void(changes: dict[str, Any]) -> None:
    story = cleared()
    assert "not on the request's content" in why(story, story.attempt(**changes))


def test_a_profile_that_the_verdict_does_not_clear_is_void() -> None:
    story = begun().cleared("r1", FIRE, PARKS)
    story.verdict(targets=(FIRE,))
    assert "not among those" in why(story, story.attempt(profile=PARKS))


def test_the_mirror_is_a_target_only_where_the_verdict_says_so() -> None:
    story = begun()
    story.request()
    story.verdict()
    assert "not among those" in why(story, story.attempt(profile=MIRROR))
    story.verdict(mirror=True)
    assert why(story, story.attempt(profile=MIRROR)) == ""


def test_a_rejection_by_an_officer_who_counts_makes_it_void_and_another_word_of_theirs_lifts_it() -> None:
    story = cleared()
    story.reject(officer="office")
    assert "office rejected it" in why(story, story.attempt())
    story.approve(officer="office")
    assert why(story, story.attempt()) == ""


def test_a_rejection_by_an_officer_who_does_not_count_holds_nothing_back() -> None:
    """In routine the pio counts for nothing here (section 3(iv)(c)), and the parks' publisher only for the parks."""
    story = cleared()
    for name in ("pio", "clerk", "parks-publisher"):
        story.reject(officer=name)
    assert why(story, story.attempt()) == ""


def test_a_rejection_of_another_revision_holds_nothing_back() -> None:
    story = cleared()
    story.approve(officer="office", decision="reject", revision=2)
    assert why(story, story.attempt()) == ""


@pytest.mark.parametrize("what", ["request", "clearance"])
def test_what_had_expired_when_it_was_stored_is_void(what: str) -> None:
    """By the server's stamp on the attempt, never by its own word."""
    for late, seconds in ((False, -0.001), (True, 0.0), (True, 60.0)):
        story = begun()
        end = story.now + timedelta(minutes=5)
        story.request(expires_at=end if what == "request" else end + timedelta(hours=1))
        story.verdict(valid_until=end if what == "clearance" else end + timedelta(hours=1))
        story.now = end + timedelta(seconds=seconds)
        seq = story.attempt(at=end - timedelta(minutes=1))
        assert bool(why(story, seq)) == late
        assert not late or "expired" in why(story, seq)


def test_a_clearance_without_an_end_carries_nothing() -> None:
    story = begun()
    story.request()
    story.verdict(valid_until=None)
    assert "expired" in why(story, story.attempt())


def test_of_two_copies_that_attempt_at_once_the_first_in_the_ledger_is_effective() -> None:
    story = cleared()
    first, second = story.attempt(worker="w1"), story.attempt(worker="w2")
    assert (why(story, first), bool(why(story, second))) == ("", True)
    story.receipt(first, ReceiptOutcome.WITHHELD)
    assert why(story, story.attempt(worker="w2")) == "", "when that one surely did not post, the next may"


def test_nothing_is_attempted_after_it_ended_on_the_profile() -> None:
    story = begun().cleared("r1", FIRE, PARKS)
    story.receipt(story.attempt())
    assert "had ended" in why(story, story.attempt())
    assert why(story, story.attempt(profile=PARKS)) == ""


def test_an_attempt_of_a_number_that_stands_already_is_void() -> None:
    story = cleared()
    story.receipt(story.attempt(number=3), ReceiptOutcome.WITHHELD)
    for number in (0, 1, 3):
        assert "that number" in why(story, story.attempt(number=number))
    assert why(story, story.attempt(number=4)) == ""


def test_the_number_of_a_void_attempt_is_not_given_again() -> None:
    """Its message id is taken: another attempt of the same number would not be stored."""
    story = cleared()
    story.attempt(number=7, digest="f" * 64)
    reader = folded(story)
    assert reader.state().target(FIRE).number == 7


def test_one_at_a_time_on_a_profile_across_requests() -> None:
    story = begun().cleared("r1").cleared("r2")
    first = story.attempt("r1")
    second = story.attempt("r2")
    assert f"the attempt at {first} on the profile has no receipt" in why(story, second)
    story.receipt(first)
    assert why(story, story.attempt("r2")) == ""


def test_a_lapsed_receipt_frees_the_profile_for_others_and_never_for_the_same_request() -> None:
    story = begun().cleared("r1").cleared("r2")
    first = story.attempt("r1")
    story.receipt(first, ReceiptOutcome.LAPSED)
    assert "has no receipt" in why(story, story.attempt("r1"))
    assert why(story, story.attempt("r2")) == ""


def test_a_void_attempt_does_not_hold_the_profile() -> None:
    story = begun().cleared("r1").cleared("r2")
    story.attempt("r1", digest="f" * 64)
    assert why(story, story.attempt("r2")) == ""


def test_an_attempt_that_stands_under_another_name_is_void() -> None:
    for changes in ({"profile": PARKS}, {"request_id": "r2"}):
        story = begun().cleared("r1", FIRE, PARKS).cleared("r2", FIRE, PARKS)
        story.attempt("r1")
        stands = story.entries.pop()
        other = story.requests["r1"]
        made = {"request_id": other.request_id, "profile": FIRE} | changes
        subject = f"ledger.attempt.{made['profile']}.{made['request_id']}"
        seq = story.put(subject, stands.data, stands.headers)
        assert "under another name" in folded(story).void(seq)
