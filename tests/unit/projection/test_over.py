"""What is over leaves memory, and comes back from its subjects alone as it was; receipts and what they end."""

from __future__ import annotations

import pytest

from schemas import subjects
from schemas.events.control import Posture
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.verdicts import Outcome
from schemas.platforms import MIRROR
from services.kernel.ledger.entry import EXPECTED, FENCE_SUBJECT
from tests.unit.fanout import world
from tests.unit.projection.story import FIRE, PARKS, Story, begun, folded, gist

BOTH = (FIRE, PARKS)


def names(story: Story) -> set[str]:
    return set(folded(story).fold.requests)


def test_what_is_delivered_everywhere_leaves_memory_with_its_last_receipt() -> None:
    story = begun().cleared("r1", *BOTH)
    story.receipt(story.attempt())
    attempt = story.attempt(profile=PARKS)
    assert names(story) == {"r1"}
    story.receipt(attempt, profile=PARKS)
    assert names(story) == set()
    assert folded(story).fold.busy == {}


def test_the_mirror_is_waited_for_where_the_verdict_says_so() -> None:
    story = begun()
    story.request()
    story.verdict(mirror=True)
    story.receipt(story.attempt())
    assert names(story) == {"r1"}
    story.receipt(story.attempt(profile=MIRROR), profile=MIRROR)
    assert names(story) == set()


@pytest.mark.parametrize("outcome", [Outcome.REFUSED, Outcome.BLOCKED])
def test_a_refusal_ends_a_request_and_a_block_does_not(outcome: Outcome) -> None:
    story = begun()
    story.request()
    story.verdict(outcome=outcome)
    assert (names(story) == set()) == (outcome is Outcome.REFUSED)


def test_a_refusal_after_a_clearance_is_over_when_each_profile_has_its_end() -> None:
    """What was cleared once must not vanish without a receipt (invariant 5)."""
    story = begun().cleared("r1", *BOTH)
    story.verdict(outcome=Outcome.REFUSED)
    for profile in BOTH:
        assert names(story) == {"r1"}
        story.receipt(0, ReceiptOutcome.WITHHELD, profile=profile, final=True)
    assert names(story) == set()


def test_what_is_open_or_unconfirmed_stays() -> None:
    story = begun().cleared("r1")
    attempt = story.attempt()
    story.verdict(outcome=Outcome.REFUSED)
    assert names(story) == {"r1"}
    story.receipt(attempt, ReceiptOutcome.UNCONFIRMED)
    assert names(story) == {"r1"}, "a person has to look"
    story.receipt(attempt, ReceiptOutcome.DELIVERED)
    assert names(story) == set()


def test_an_entry_on_what_is_over_reopens_it_and_what_is_over_again_leaves_again() -> None:
    story = begun().delivered("r1").delivered("r2")
    seq = story.approve("r1", "office")
    reader = folded(story)
    assert reader.reopened == [seq]
    assert reader.void(seq) == ""
    assert reader.fold.requests == {}


@pytest.mark.parametrize("junk", [b"junk", b"{}"])
def test_what_a_void_entry_reopens_leaves_again(junk: bytes) -> None:
    """Or junk would fill the memory with everything that ever was."""
    story = begun().delivered("r1")
    seq = story.put(subjects.verdict("r1"), junk)
    reader = folded(story)
    assert reader.void(seq)
    assert reader.fold.requests == {}


def test_a_post_to_be_made_again_is_open_again() -> None:
    """Delivered elsewhere and forgotten here, then an officer decides: it is posted once more, and over again."""
    story = begun().cleared("r1")
    attempt = story.attempt()
    story.receipt(attempt)
    gone = story.receipt(attempt, ReceiptOutcome.UNCONFIRMED)
    assert names(story) == {"r1"}
    decided = story.resolve(gone)
    again = story.receipt(attempt, ReceiptOutcome.WITHHELD, resolution_seq=decided)
    reader = folded(story)
    assert (reader.state().fact_seq, reader.state().is_delivered) == (again, False)
    second = story.attempt()
    assert folded(story).void(second) == ""
    story.receipt(second)
    assert names(story) == set()


def test_a_request_that_was_submitted_under_the_eoc_stays_so_when_it_is_reopened_after() -> None:
    """Stand-down never fires what was held: it keeps needing its approval."""
    story = begun()
    story.activate()
    story.cleared("r1")
    story.approve(officer="cao")
    attempt = story.attempt()
    story.receipt(attempt)
    story.stand_down()
    story.receipt(attempt, ReceiptOutcome.UNCONFIRMED)
    state = folded(story).state()
    assert state.request.submitted_posture == Posture.EOC_ACTIVE.value


def test_a_verdict_that_was_void_is_void_when_its_request_is_reopened() -> None:
    """It was decided at a revision that was not in force where it is."""
    story = begun().cleared("r1")
    good = story.last(subjects.verdict("r1"))
    attempt = story.attempt()
    story.receipt(attempt)
    forged = story.verdict(targets=BOTH, control_seq=999)
    story.receipt(attempt, ReceiptOutcome.UNCONFIRMED)
    state = folded(story).state()
    assert (state.verdict_seq, state.verdict_last, state.wanted) == (good, forged, (FIRE,))


def test_reopening_a_request_leaves_who_is_under_way_on_its_profile() -> None:
    """One at a time on a profile holds whatever else is read."""
    story = begun().delivered("r1").cleared("r2").cleared("r3")
    busy = story.attempt("r2")
    story.approve("r1", "office")
    reader = folded(story)
    assert reader.fold.busy == {FIRE: (busy, "r2")}
    third = story.attempt("r3")
    assert "has no receipt" in folded(story).void(third)


def test_the_number_of_an_attempt_that_did_not_count_is_remembered_when_its_request_is_reopened() -> None:
    """Its message id is taken for hours: an attempt of the same number would never be stored."""
    story = begun().delivered("r1")
    late = story.attempt(number=5)
    story.receipt(story.entries[-2].seq - 1, ReceiptOutcome.UNCONFIRMED)
    reader = folded(story)
    assert reader.void(late)
    assert reader.state().target(FIRE).number == 5


def test_a_receipt_does_not_make_an_attempt_count_that_did_not() -> None:
    """A forged receipt on a void attempt is void, before and after its request was reopened."""
    story = begun().cleared("r1", *BOTH)
    void = story.attempt(digest="f" * 64)
    story.receipt(void)
    story.receipt(story.attempt(), ReceiptOutcome.DELIVERED)
    attempt = story.attempt(profile=PARKS)
    story.receipt(attempt, profile=PARKS)
    story.receipt(attempt, ReceiptOutcome.UNCONFIRMED, profile=PARKS)
    target = folded(story).state().target(FIRE)
    assert void not in target.effective
    assert len(target.receipts) == 1


def test_an_attempt_that_another_request_made_void_is_void_when_its_request_is_reopened() -> None:
    """What made it void is not on its own subjects: no receipt names it."""
    story = begun().cleared("r1").cleared("r2")
    busy = story.attempt("r1")
    void = story.attempt("r2")
    story.receipt(busy, name="r1")
    second = story.attempt("r2")
    story.receipt(second, name="r2")
    story.receipt(second, ReceiptOutcome.UNCONFIRMED, name="r2")
    reader = folded(story)
    assert reader.void(void)
    assert reader.state("r2").target(FIRE).effective == [second]


def test_a_request_said_again_after_it_was_over_is_not_a_new_one() -> None:
    """A stolen key of intake must not have a message posted twice by its old approvals."""
    story = begun().delivered("r1")
    seq = story.put(subjects.request("r1"), story.requests["r1"])
    reader = folded(story)
    assert "is there already" in reader.void(seq)
    assert reader.fold.requests == {}


def test_a_new_request_is_not_read_for_where_the_server_has_seen_that_it_is_the_first() -> None:
    story = begun().delivered("r0")
    story.request("r1")
    assert folded(story).reopened == []


@pytest.mark.parametrize("headers", [{}, {EXPECTED: "4"}, {EXPECTED: "0", FENCE_SUBJECT: subjects.CONTROL}])
def test_a_request_that_may_have_stood_before_is_read_for(headers: dict[str, str]) -> None:
    """A fence on another subject says nothing of its own."""
    story = begun().delivered("r0")
    story.request("r1")
    stands = story.entries.pop()
    seq = story.put(stands.subject, stands.data, headers)
    reader = folded(story)
    assert (reader.reopened, reader.void(seq)) == ([seq], "")


def test_requests_of_old_ledgers_are_not_read_for() -> None:
    """They were appended behind a fence on control; reading for each would make the start as long as the ledger."""
    story = Story()
    story.genesis(rule=None)
    story.request("r1", first=False)
    assert folded(story).reopened == []


def test_a_newer_revision_of_what_is_over_does_not_count() -> None:
    story = begun().delivered("r1")
    seq = story.request("r1", revision=2, first=False)
    reader = folded(story)
    assert "is being posted" in reader.void(seq)
    assert "r1" not in reader.fold.requests


# --- receipts -----------------------------------------------------------------------------------------------


def test_a_receipt_answers_its_own_attempt_and_no_later_one() -> None:
    story = begun().cleared("r1")
    first = story.attempt()
    story.receipt(first, ReceiptOutcome.WITHHELD)
    second = story.attempt()
    story.receipt(first, ReceiptOutcome.DELIVERED)
    target = folded(story).state().target(FIRE)
    assert (target.is_open, target.attempt_seq, target.is_final) == (True, second, False)


def test_a_lapsed_receipt_frees_the_profile_and_leaves_the_attempt_open() -> None:
    story = begun().cleared("r1")
    attempt = story.attempt()
    lapsed = story.receipt(attempt, ReceiptOutcome.LAPSED)
    reader = folded(story)
    target = reader.state().target(FIRE)
    assert (target.is_open, target.lapsed, target.receipt, target.receipt_last) == (True, True, None, lapsed)
    assert reader.fold.busy == {}
    story.receipt(attempt)
    assert names(story) == set()


def test_a_lapsed_receipt_of_an_older_attempt_says_nothing_of_the_newest() -> None:
    story = begun().cleared("r1")
    first = story.attempt()
    story.receipt(first, ReceiptOutcome.WITHHELD)
    second = story.attempt()
    story.receipt(first, ReceiptOutcome.LAPSED)
    reader = folded(story)
    assert not reader.state().target(FIRE).lapsed
    assert reader.fold.busy == {FIRE: (second, "r1")}


def test_a_new_attempt_is_not_lapsed_because_the_one_before_it_was() -> None:
    story = begun().cleared("r1")
    first = story.attempt()
    story.receipt(first, ReceiptOutcome.LAPSED)
    story.receipt(first, ReceiptOutcome.WITHHELD)
    story.attempt()
    target = folded(story).state().target(FIRE)
    assert (target.is_open, target.lapsed) == (True, False)


# --- ledgers from before version 0.3 ------------------------------------------------------------------------


def test_attempts_of_old_ledgers_count_as_they_are() -> None:
    """They were written under other rules: without a receipt they are open, whatever stood against them."""
    story = begun().cleared("r1").cleared("r2")
    first, second = story.attempt("r1", rule=None), story.attempt("r2", rule=None)
    reader = folded(story)
    assert (reader.void(first), reader.void(second)) == ("", "")
    assert all(reader.state(name).target(FIRE).is_open for name in ("r1", "r2"))


def test_after_the_first_attempt_under_the_new_rule_an_old_one_is_void() -> None:
    """So that nobody gets round the rule by leaving its name out."""
    story = begun().cleared("r1", *BOTH)
    new = story.attempt(profile=PARKS)
    old = story.attempt(rule=None)
    reader = folded(story)
    assert (reader.void(new), bool(reader.void(old))) == ("", True)


def test_an_old_attempt_under_the_new_rule_is_void_when_its_request_is_reopened_too() -> None:
    story = begun().cleared("r1", *BOTH)
    parks = story.attempt(profile=PARKS)
    old = story.attempt(rule=None)
    story.receipt(old)
    fire = story.attempt()
    story.receipt(fire)
    story.receipt(parks, profile=PARKS)
    story.receipt(fire, ReceiptOutcome.UNCONFIRMED)
    assert folded(story).state().target(FIRE).effective == [fire]


def test_an_old_request_that_is_reopened_keeps_its_attempts() -> None:
    story = begun().cleared("r1")
    old = story.attempt(rule=None, digest="f" * 64)
    story.receipt(old)
    story.delivered("r2")
    story.receipt(old, ReceiptOutcome.UNCONFIRMED)
    assert folded(story).state().target(FIRE).effective == [old]


def test_profiles_with_void_entries_alone_do_not_count_as_touched() -> None:
    story = begun().cleared("r1")
    story.put(subjects.receipt("nowhere", "r1"), b"junk")
    state = folded(story).state()
    assert state.target("nowhere").attempt is None
    assert gist(state)["wanted"] == world.verdict(world.request()).targets
