"""Attempts of versions before 0.3 that a new fact overtook: held back in time, carried out, or nobody knows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from schemas import subjects
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.verdicts import Outcome
from services.kernel.base.city import City
from tests.support.ledger_builder import FIRE, LedgerBuilder
from tests.unit.audit.judging import Verify, cleared, named, old_ledger


@pytest.fixture
def builder(city: City) -> LedgerBuilder:
    """A ledger of 0.2 that begins with the manifest and a post."""
    return old_ledger(city)


def test_an_attempt_that_was_overtaken_and_held_back_is_a_warning(builder: LedgerBuilder, verify: Verify) -> None:
    """A newer verdict came between the worker's look and its write; its second look held the post back."""
    request = builder.request()
    builder.approve(request, "mcpe")
    first = builder.verdict(request)
    builder.wait(10)
    builder.verdict(request, Outcome.BLOCKED)
    seq = builder.attempt(request, verdict_seq=first)
    builder.receipt(request, seq, outcome=ReceiptOutcome.WITHHELD)
    report = verify(builder)
    assert (report.ok, [(one.seq, one.code) for one in report.warnings]) == (
        True,
        [(seq, "attempt.overtaken")],
    )


@pytest.mark.parametrize("outcome", [ReceiptOutcome.WITHHELD, ReceiptOutcome.DELIVERED])
def test_a_worker_that_slept_between_its_look_and_its_attempt(
    builder: LedgerBuilder, verify: Verify, outcome: ReceiptOutcome
) -> None:
    """However long it slept: its second look holds the call back, and then nothing is wrong; else it is."""
    request = builder.request()
    builder.approve(request, "mcpe")
    first = builder.verdict(request)
    builder.verdict(request)
    builder.wait(30)
    seq = builder.attempt(request, verdict_seq=first)
    builder.receipt(request, seq, outcome=outcome)
    report = verify(builder)
    held = outcome is ReceiptOutcome.WITHHELD
    assert report.ok is held
    assert ((seq, "attempt.overtaken") in [(one.seq, one.code) for one in report.warnings]) is held


@pytest.mark.parametrize("found", [False, True])
def test_an_overtaken_attempt_whose_worker_died(builder: LedgerBuilder, verify: Verify, found: bool) -> None:
    """Nobody can tell how it ended, and the newer verdict clears it too; delivered after all, it is a violation."""
    request = builder.request()
    builder.approve(request, "mcpe")
    first = builder.verdict(request)
    builder.verdict(request)
    seq = builder.attempt(request, verdict_seq=first)
    builder.receipt(request, seq, outcome=ReceiptOutcome.UNCONFIRMED)
    if found:
        builder.receipt(request, seq)
    report = verify(builder)
    assert ((seq, "attempt.verdict") in named(report)) is found
    assert "attempt.overtaken" in {one.code for one in report.warnings}


@pytest.mark.parametrize("outcome", list(ReceiptOutcome))
def test_an_attempt_that_was_stored_after_the_clearance_ended(
    builder: LedgerBuilder, verify: Verify, outcome: ReceiptOutcome
) -> None:
    """The broker was away when the worker wrote; only if it was then carried out is anything wrong."""
    request = cleared(builder)
    written = builder.now + timedelta(minutes=19, seconds=30)
    builder.wait(20 * 60)
    seq = builder.attempt(request, at=written)
    builder.receipt(request, seq, outcome=outcome)
    report = verify(builder)
    innocent = outcome in (ReceiptOutcome.WITHHELD, ReceiptOutcome.UNCONFIRMED)
    assert report.ok is innocent
    assert ((seq, "attempt.overtaken") in [(one.seq, one.code) for one in report.warnings]) is innocent


def test_an_attempt_that_was_written_after_the_clearance_ended_is_a_violation(
    builder: LedgerBuilder, verify: Verify
) -> None:
    """Held back or not: its worker knew the time."""
    request = cleared(builder)
    builder.wait(30 * 60 + 10)
    seq = builder.attempt(request)
    builder.receipt(request, seq, outcome=ReceiptOutcome.WITHHELD)
    assert (seq, "warrant.verdict_expired") in named(verify(builder))


def test_an_overtaken_attempt_that_says_delivered_is_a_violation_whatever_post_it_names(
    builder: LedgerBuilder, verify: Verify
) -> None:
    """A late receipt may have put its post down to the attempt before it: a person has to look."""
    request = cleared(builder)
    first = builder.attempt(request)
    builder.receipt(request, first, outcome=ReceiptOutcome.WITHHELD)
    before = builder.last[subjects.verdict(request.request_id)]
    builder.verdict(request, Outcome.BLOCKED)
    second = builder.attempt(request, verdict_seq=before)
    builder.receipt(request, first)
    builder.receipt(request, second, remote_id=f"{FIRE}-{first}")
    found = named(verify(builder))
    assert {(second, "attempt.verdict"), (second, "warrant.not_cleared")} <= found
    assert "receipt.double" not in {code for _, code in found}


@pytest.mark.parametrize("outcome", [ReceiptOutcome.DELIVERED, ReceiptOutcome.UNCONFIRMED, None])
def test_an_attempt_that_was_overtaken_and_carried_out_is_a_violation(
    builder: LedgerBuilder, verify: Verify, outcome: ReceiptOutcome | None
) -> None:
    """Only a receipt that says withheld excuses it."""
    request = builder.request()
    builder.approve(request, "mcpe")
    first = builder.verdict(request)
    builder.verdict(request, Outcome.BLOCKED)
    seq = builder.attempt(request, verdict_seq=first)
    if outcome:
        builder.receipt(request, seq, outcome=outcome)
    assert {(seq, "attempt.verdict"), (seq, "warrant.not_cleared")} <= named(verify(builder))
