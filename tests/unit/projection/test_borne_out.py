"""A receipt without an attempt ends a message only if the ledger itself shows why: fan-out's key alone ends nothing."""

from __future__ import annotations

from datetime import timedelta

import pytest

from schemas.events.control import Revoke
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.verdicts import Outcome
from schemas.platforms import MIRROR
from tests.unit.projection.story import FIRE, Story, begun, folded


def why_void(story: Story, seq: int) -> str:
    """Why an entry of a story does not count; empty when it does."""
    return folded(story).void(seq)


FINAL = (ReceiptOutcome.FAILED, ReceiptOutcome.WITHHELD, ReceiptOutcome.EXPIRED, ReceiptOutcome.UNCONFIRMED)


@pytest.mark.parametrize("outcome", FINAL)
def test_a_forged_end_is_void_and_the_message_goes_out(outcome: ReceiptOutcome) -> None:
    story = begun().cleared()
    forged = story.receipt(0, outcome, final=True)
    reader = folded(story)
    assert "nothing on record bears that out" in reader.void(forged)
    assert not reader.state().target(FIRE).is_final
    assert why_void(story, story.attempt()) == ""


@pytest.mark.parametrize("outcome", [ReceiptOutcome.DELIVERED, ReceiptOutcome.RECALLED, ReceiptOutcome.LAPSED])
def test_nothing_is_posted_recalled_or_lapsed_without_an_attempt(outcome: ReceiptOutcome) -> None:
    story = begun().cleared()
    forged = story.receipt(0, outcome)
    assert "names no attempt" in why_void(story, forged)


@pytest.mark.parametrize("outcome", FINAL)
def test_what_has_expired_or_was_refused_ends(outcome: ReceiptOutcome) -> None:
    expired = begun().cleared()
    expired.now = expired.requests["r1"].expires_at - timedelta(seconds=50)  # clocks may differ by a minute
    assert why_void(expired, expired.receipt(0, outcome, final=True)) == ""
    refused = begun().cleared()
    refused.verdict(outcome=Outcome.REFUSED)
    assert why_void(refused, refused.receipt(0, outcome, final=True)) == ""


def test_a_minute_before_its_end_nothing_has_expired() -> None:
    story = begun().cleared()
    story.now = story.requests["r1"].expires_at - timedelta(seconds=70)
    assert why_void(story, story.receipt(0, ReceiptOutcome.EXPIRED))


def test_the_mirror_may_have_nothing_to_show() -> None:
    """Withheld, for good; a failure needs its attempt there too."""
    story = begun().cleared()
    assert why_void(story, story.receipt(0, ReceiptOutcome.FAILED, profile=MIRROR))
    assert why_void(story, story.receipt(0, ReceiptOutcome.WITHHELD, profile=MIRROR, final=True)) == ""


def test_what_is_held_back_for_a_while_needs_no_proof() -> None:
    story = begun().cleared()
    assert why_void(story, story.receipt(0, ReceiptOutcome.WITHHELD)) == ""


def test_a_decision_whose_append_was_repeated_stands_once() -> None:
    """Also when its officer is gone by then: the same bytes say nothing new, and raise no alarm."""
    story = begun().cleared()
    attempt = story.attempt()
    unconfirmed = story.receipt(attempt, ReceiptOutcome.UNCONFIRMED)
    decided = story.resolve(unconfirmed)
    word = story.entries[decided - 1]
    again = story.put(word.subject, word.data)
    story.order("mcpe", Revoke(officer="pio"))
    late = story.put(word.subject, word.data)
    reader = folded(story)
    assert [reader.void(seq) for seq in (decided, again, late)] == ["", "", ""]
    assert [seq for seq, _ in reader.state().target(FIRE).resolutions] == [decided]
    assert why_void(story, story.receipt(attempt, ReceiptOutcome.WITHHELD, resolution_seq=again)) != ""


def test_a_receipt_carries_out_a_decision_that_stands_and_no_other() -> None:
    story = begun().cleared()
    attempt = story.attempt()
    unconfirmed = story.receipt(attempt, ReceiptOutcome.UNCONFIRMED)
    forged = story.receipt(attempt, ReceiptOutcome.DELIVERED, resolution_seq=unconfirmed)
    assert "no decision" in why_void(story, forged)
    decided = story.resolve(unconfirmed)
    assert why_void(story, story.receipt(attempt, ReceiptOutcome.WITHHELD, resolution_seq=decided)) == ""
