"""Attempts that something before them overruled: void, and so are their receipts, unless something is in public."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from schemas import subjects
from schemas.events import control as c
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome
from tests.support.ledger_builder import LedgerBuilder, stranger
from tests.unit.audit.judging import Verify, cleared, named

Make = Callable[[LedgerBuilder], tuple[Request, int]]


def another_of_the_request(builder: LedgerBuilder) -> tuple[Request, int]:
    request = cleared(builder)
    builder.attempt(request)
    return request, builder.attempt(request, worker="worker-2")


def another_on_the_profile(builder: LedgerBuilder) -> tuple[Request, int]:
    first, request = cleared(builder), cleared(builder, name="r3b")
    builder.attempt(first)
    return request, builder.attempt(request, worker="worker-2")


def a_newer_verdict(builder: LedgerBuilder) -> tuple[Request, int]:
    request = cleared(builder)
    older = builder.last[subjects.verdict(request.request_id)]
    builder.verdict(request)
    return request, builder.attempt(request, verdict_seq=older)


def a_verdict_that_takes_it_back(builder: LedgerBuilder) -> tuple[Request, int]:
    request = cleared(builder)
    builder.approve(request, "mcpe", decision="reject")
    builder.verdict(request, Outcome.REFUSED, valid_until=builder.now + timedelta(minutes=20))
    return request, builder.attempt(request)


def a_rejection(builder: LedgerBuilder) -> tuple[Request, int]:
    request = cleared(builder)
    builder.approve(request, "comms-officer", decision="reject")
    return request, builder.attempt(request)


def the_end_of_the_request(builder: LedgerBuilder) -> tuple[Request, int]:
    request = cleared(builder, expires_at=builder.now + timedelta(minutes=1))
    written = builder.now
    builder.wait(60)
    return request, builder.attempt(request, at=written)


def the_end_of_the_clearance(builder: LedgerBuilder) -> tuple[Request, int]:
    request = cleared(builder)
    builder.wait(20 * 60 - 10)
    return request, builder.attempt(request, at=builder.now - timedelta(seconds=1))


def its_delivery(builder: LedgerBuilder) -> tuple[Request, int]:
    request = cleared(builder)
    builder.post(request)
    return request, builder.attempt(request)


def its_end(builder: LedgerBuilder) -> tuple[Request, int]:
    request = cleared(builder)
    builder.receipt(request, builder.attempt(request), outcome=ReceiptOutcome.FAILED, final=True)
    return request, builder.attempt(request)


def its_own_number(builder: LedgerBuilder) -> tuple[Request, int]:
    request = cleared(builder)
    builder.receipt(request, builder.attempt(request), outcome=ReceiptOutcome.WITHHELD)
    return request, builder.attempt(request, number=1)


def no_verdict_yet(builder: LedgerBuilder) -> tuple[Request, int]:
    request = builder.request()
    seq = builder.attempt(request)
    builder.verdict(request, Outcome.BLOCKED)
    return request, seq


OVERRULED: tuple[Make, ...] = (
    another_of_the_request,
    another_on_the_profile,
    a_newer_verdict,
    a_verdict_that_takes_it_back,
    a_rejection,
    the_end_of_the_request,
    the_end_of_the_clearance,
    its_delivery,
    its_end,
    its_own_number,
    no_verdict_yet,
)


@pytest.mark.parametrize("make", OVERRULED, ids=lambda make: make.__name__)
def test_an_attempt_that_was_overruled_is_void(builder: LedgerBuilder, verify: Verify, make: Make) -> None:
    """Nothing is wrong with it, nothing is told, nothing is waited for."""
    _, seq = make(builder)
    report = verify(builder)
    assert (named(report), report.warnings) == (set(), ())
    assert seq not in report.unconfirmed
    assert report.attempts == sum(line.subject.startswith("ledger.attempt.") for line in builder.entries) - 1


@pytest.mark.parametrize("outcome", ReceiptOutcome)
@pytest.mark.parametrize("make", OVERRULED, ids=lambda make: make.__name__)
def test_a_receipt_that_names_a_void_attempt(
    builder: LedgerBuilder, verify: Verify, make: Make, outcome: ReceiptOutcome
) -> None:
    """Whatever it says: nobody may have carried that attempt out."""
    request, attempt = make(builder)
    seq = builder.receipt(request, attempt, outcome=outcome)
    assert (seq, "receipt.void_attempt") in named(verify(builder))


def test_what_a_void_attempt_posted_stands_in_public(builder: LedgerBuilder, verify: Verify) -> None:
    """The one that counts then is the second post."""
    request = cleared(builder)
    good, void = builder.attempt(request), builder.attempt(request, worker="worker-2")
    first, second = builder.receipt(request, void), builder.receipt(request, good)
    assert named(verify(builder)) == {(first, "receipt.void_attempt"), (second, "receipt.double")}


def test_a_receipt_of_a_void_attempt_ends_nothing(builder: LedgerBuilder, verify: Verify) -> None:
    """It is void as well: the attempt that counts stays open, and may be ended by its own."""
    request = cleared(builder)
    good, void = builder.attempt(request), builder.attempt(request, worker="worker-2")
    bad = builder.receipt(request, void, outcome=ReceiptOutcome.FAILED, final=True)
    open_still = builder.attempt(request)
    builder.receipt(request, good, outcome=ReceiptOutcome.WITHHELD)
    builder.post(request)
    report = verify(builder)
    assert named(report) == {(bad, "receipt.void_attempt")}
    assert (report.attempts, report.warnings) == (2, ())
    assert open_still not in report.unconfirmed


def test_a_receipt_of_no_attempt_ends_nothing(builder: LedgerBuilder, verify: Verify) -> None:
    """It names an entry of another kind, and says that all is over."""
    request = cleared(builder)
    seq = builder.receipt(request, 1, outcome=ReceiptOutcome.FAILED, final=True)
    good = builder.attempt(request)
    report = verify(builder)
    assert report.attempts == 1
    assert named(report) == {(seq, "receipt.attempt"), (good, "attempt.final")}


def test_the_next_attempt_after_a_void_one_counts(builder: LedgerBuilder, verify: Verify) -> None:
    """Its number is above that of the void one, so the message id is another."""
    request = cleared(builder)
    first = builder.attempt(request)
    builder.attempt(request, number=7, worker="worker-2")
    builder.receipt(request, first, outcome=ReceiptOutcome.WITHHELD)
    builder.attempt(request, number=7)
    builder.receipt(request, builder.attempt(request, number=8))
    report = verify(builder)
    assert (report.violations, report.warnings, report.attempts) == ((), (), 2)


@pytest.mark.parametrize(
    ("approver", "said"),
    [
        ("comms-officer", {"decision": "reject", "revision": 2}),
        ("clerk", {"decision": "reject"}),
        ("comms-officer", {"decision": "approve"}),
    ],
    ids=["on another revision", "by somebody whose word does not count", "taken back since"],
)
def test_a_no_that_does_not_count_overrules_nothing(
    builder: LedgerBuilder, verify: Verify, approver: str, said: dict[str, Any]
) -> None:
    """Only what a counting officer said last, of this very revision."""
    request = cleared(builder)
    if said["decision"] == "approve":
        builder.approve(request, approver, decision="reject")
    builder.approve(request, approver, **said)
    builder.wait(10)
    builder.post(request)
    report = verify(builder)
    assert (report.violations, report.warnings, report.attempts) == ((), (), 1)


def test_a_yes_whose_key_was_replaced_overrules_nothing(builder: LedgerBuilder, verify: Verify) -> None:
    """What others have approved is posted though one who approved it, too, has another key by then."""
    request = builder.request()
    for officer in ("comms-officer", "mcpe"):
        builder.approve(request, officer)
    asked = builder.order("mcpe", c.Rekey(officer="mcpe", public_key=stranger().public_key))
    builder.order("cao", c.Confirm(proposal=asked, order=builder.state().proposals[asked].order))
    builder.verdict(request)
    builder.post(request)
    report = verify(builder)
    assert (report.violations, report.warnings, report.attempts) == ((), (), 1)


# --- what no worker of ours writes: void as well, and told --------------------------------------------------------
