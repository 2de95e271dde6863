"""What a receipt frees, ends and answers since version 0.3; a lapsed one frees the profile and ends nothing."""

from __future__ import annotations

from typing import Any

import pytest

from schemas import subjects
from schemas.events.control import Withdraw
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.requests import PlatformContent, Rendering, digest_of
from schemas.events.verdicts import Outcome
from tests.support.ledger_builder import FIRE, LedgerBuilder
from tests.unit.audit.judging import Verify, cleared, named, warned


@pytest.mark.parametrize("outcome", ReceiptOutcome)
def test_any_receipt_frees_the_profile(builder: LedgerBuilder, verify: Verify, outcome: ReceiptOutcome) -> None:
    """Lapsed too: an unknown outcome blocks no other message."""
    first, second = cleared(builder), cleared(builder, name="r3b")
    attempt = builder.attempt(first)
    builder.wait(16)
    builder.receipt(first, attempt, outcome=outcome)
    builder.post(second)
    report = verify(builder)
    assert (report.ok, report.attempts) == (True, 2)


def test_a_receipt_of_an_older_attempt_frees_nothing(builder: LedgerBuilder, verify: Verify) -> None:
    """A late word on the first attempt, while the second one is under way."""
    first, second = cleared(builder), cleared(builder, name="r3b")
    old = builder.attempt(first)
    builder.receipt(first, old, outcome=ReceiptOutcome.WITHHELD)
    builder.attempt(first)
    builder.receipt(first, old, outcome=ReceiptOutcome.WITHHELD)
    builder.attempt(second)
    assert verify(builder).attempts == 2


def test_a_lapsed_attempt_is_open_for_its_own_request(builder: LedgerBuilder, verify: Verify) -> None:
    """It frees the profile for others, never for the same chain, and waits for its receipt."""
    request = cleared(builder)
    attempt = builder.attempt(request)
    builder.wait(16)
    builder.lapsed(request, attempt)
    builder.attempt(request)
    report = verify(builder)
    assert (report.violations, warned(report)) == ((), [(attempt, "attempt.unconfirmed")])
    assert (report.attempts, report.unconfirmed) == (1, (attempt,))
    builder.receipt(request, attempt, worker="worker-2")
    assert (verify(builder).violations, verify(builder).warnings) == ((), ())


@pytest.mark.parametrize(
    "more", [{"final": True}, {"url": "http://127.0.0.1/1"}, {"remote_id": "1"}, {"resolution_seq": 3}]
)
def test_a_lapsed_receipt_says_nothing_more(builder: LedgerBuilder, verify: Verify, more: dict[str, Any]) -> None:
    """Who knows more says how it ended."""
    request = cleared(builder)
    attempt = builder.attempt(request)
    builder.wait(16)
    seq = builder.lapsed(request, attempt, **more)
    assert named(verify(builder)) == {(seq, "receipt.lapsed")}


def test_a_lapsed_receipt_after_the_end_or_of_nothing(builder: LedgerBuilder, verify: Verify) -> None:
    """The record knows how it ended; and nothing lapses that was not attempted."""
    request = cleared(builder)
    (attempt,) = builder.post(request)
    builder.wait(16)
    late, none = builder.lapsed(request, attempt), builder.lapsed(request, 0)
    assert named(verify(builder)) == {(late, "receipt.lapsed"), (none, "receipt.attempt")}


def test_a_profile_that_was_freed_too_early_is_a_warning(builder: LedgerBuilder, verify: Verify) -> None:
    """By the ledger's clock, which may be another machine's by then."""
    request = cleared(builder)
    attempt = builder.attempt(request)
    builder.wait(12)
    seq = builder.lapsed(request, attempt)
    builder.receipt(request, attempt)
    report = verify(builder)
    assert (report.violations, warned(report)) == ((), [(seq, "receipt.lapsed_early")])


def test_a_lapsed_receipt_answers_no_unconfirmed_post(builder: LedgerBuilder, verify: Verify) -> None:
    """What a person has to decide stays so."""
    request = cleared(builder)
    attempt = builder.attempt(request)
    builder.wait(16)
    seq = builder.unconfirmed(request, attempt)
    lapsed = builder.lapsed(request, attempt)
    decided = builder.resolve(request, "posted", seq, fence=(subjects.receipt(FIRE, request.request_id), seq))
    builder.carry_out(request, attempt, decided, "posted")
    assert named(verify(builder)) == {(lapsed, "receipt.lapsed")}


# --- what counts must satisfy all rules -----------------------------------------------------------------------------


# --- receipts without an attempt: fan-out's key alone ends nothing -------------------------------------------------


@pytest.mark.parametrize("outcome", ["failed", "withheld", "expired", "unconfirmed"])
def test_a_forged_end_counts_for_nothing_and_is_told(builder: LedgerBuilder, verify: Verify, outcome: str) -> None:
    """The message goes out after it, by the audit's reading as by that of the services."""
    request = cleared(builder)
    forged = builder.receipt(request, 0, outcome=ReceiptOutcome(outcome), final=True)
    builder.post(request)
    report = verify(builder)
    assert (report.violations, warned(report), report.attempts) == ((), [(forged, "receipt.baseless")], 1)


def test_what_expired_or_was_refused_ends_without_an_attempt(builder: LedgerBuilder, verify: Verify) -> None:
    refused, expired = cleared(builder), cleared(builder, name="r3b")
    builder.order("mcpe", Withdraw(request_id=refused.request_id))
    builder.verdict(refused, Outcome.REFUSED)
    builder.receipt(refused, 0, outcome=ReceiptOutcome.WITHHELD, final=True)
    builder.wait(4 * 3_600)
    builder.receipt(expired, 0, outcome=ReceiptOutcome.EXPIRED, final=True)
    report = verify(builder)
    assert (report.violations, report.warnings) == ((), ())


@pytest.mark.parametrize("named_in_the_end", [False, True])
def test_the_beginning_of_a_thread_does_not_end_as_not_posted(
    builder: LedgerBuilder, verify: Verify, named_in_the_end: bool
) -> None:
    """Part 1 of 2 stands, a later attempt is held back before its call, and then the request expires."""
    request = cleared(builder)
    begun: dict[str, Any] = {"url": "http://127.0.0.1/1", "remote_id": "1"}
    builder.receipt(request, builder.attempt(request), outcome=ReceiptOutcome.WITHHELD, **begun)
    builder.receipt(request, builder.attempt(request), outcome=ReceiptOutcome.WITHHELD)
    builder.wait(4 * 3_600)
    outcome, more = (ReceiptOutcome.UNCONFIRMED, begun) if named_in_the_end else (ReceiptOutcome.EXPIRED, {})
    end = builder.receipt(request, 0, outcome=outcome, final=True, **more)
    assert named(verify(builder)) == (set() if named_in_the_end else {(end, "receipt.left_standing")})


@pytest.mark.parametrize("whole", [False, True])
def test_a_recall_that_takes_nothing_back_where_something_stands(
    builder: LedgerBuilder, verify: Verify, whole: bool
) -> None:
    """It counts for the services, which have forgotten the earlier message; the record has not."""
    first = cleared(builder)
    if whole:
        builder.post(first)
    else:
        builder.receipt(first, builder.attempt(first), outcome=ReceiptOutcome.WITHHELD, remote_id="1")
    content = PlatformContent(
        platform="mastodon", parts=("Recalled.",), created_at=builder.now, act="recall", about=first.request_id
    )
    renderings = (Rendering.of(content), Rendering.of(content.model_copy(update={"platform": "website"})))
    digest = digest_of("r3b", 1, renderings)
    recall = cleared(builder, name="r3b", replaces=first.request_id, renderings=renderings, digest=digest)
    forged = builder.receipt(recall, 0, outcome=ReceiptOutcome.WITHHELD, final=True)
    assert (forged, "receipt.not_taken_back") in named(verify(builder))
