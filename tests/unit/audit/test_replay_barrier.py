"""ACTIVE, told on record: nothing older could land any more, but for what it names; and what landed all the same."""

from __future__ import annotations

import pytest

from schemas.events.control import EocActivate
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.requests import Request
from services.kernel.base.city import City
from tests.support.ledger_builder import FIRE, WEB, LedgerBuilder
from tests.unit.audit.judging import Verify, cleared, named, warned


def activating(builder: LedgerBuilder) -> int:
    return builder.order("eoc-director", EocActivate(level=2, incident="Freshet"))


def in_flight(builder: LedgerBuilder, approver: str = "comms-officer") -> tuple[Request, int, int]:
    """Return a request in routine, its open attempt, and the activation after it."""
    request = cleared(builder, approver)
    return request, builder.attempt(request), activating(builder)


def unknown(request: Request, attempt: int, profile: str = FIRE) -> tuple[str, str, int]:
    return profile, request.request_id, attempt


def test_what_nobody_knows_is_named(builder: LedgerBuilder, verify: Verify) -> None:
    """Each older attempt without a receipt when ACTIVE is told."""
    request, attempt, began = in_flight(builder)
    builder.wait(15)
    builder.active(began, unknown(request, attempt))
    assert verify(builder).violations == ()


def test_what_nobody_knows_and_is_not_named(builder: LedgerBuilder, verify: Verify) -> None:
    _, _, began = in_flight(builder)
    builder.wait(15)
    active = builder.active(began)
    assert named(verify(builder)) == {(active, "control.unknown_missing")}


def test_a_lapsed_receipt_settles_nothing(builder: LedgerBuilder, verify: Verify) -> None:
    """It says that nobody knows."""
    request, attempt, began = in_flight(builder)
    builder.wait(16)
    builder.lapsed(request, attempt)
    active = builder.active(began)
    assert named(verify(builder)) == {(active, "control.unknown_missing")}


def test_active_told_too_early(builder: LedgerBuilder, verify: Verify) -> None:
    """Its lease is not over: to name it does not help."""
    request, attempt, began = in_flight(builder)
    active = builder.active(began, unknown(request, attempt))
    assert named(verify(builder)) == {(active, "control.barrier_early")}


@pytest.mark.parametrize(("waited", "is_violation"), [(9, True), (10.5, False), (14.4, False)])
def test_active_by_the_clock_of_another_leader(
    builder: LedgerBuilder, verify: Verify, waited: float, is_violation: bool
) -> None:
    """eoc_state waits by its own clock; a new leader of the broker stamps by its own, which may be behind."""
    request, attempt, began = in_flight(builder)
    builder.wait(waited)
    active = builder.active(began, unknown(request, attempt))
    report, early = verify(builder), {(active, "control.barrier_early")}
    assert named(report) == (early if is_violation else set())
    assert set(warned(report)) & early == (set() if is_violation else early)


def test_what_is_settled_or_void_or_younger_needs_no_name(builder: LedgerBuilder, verify: Verify) -> None:
    """Only what may land."""
    request, attempt, began = in_flight(builder)
    builder.receipt(request, attempt)
    builder.attempt(request)
    after = cleared(builder, "cao", name="r3b")
    builder.wait(15)
    builder.attempt(after)
    builder.active(began)
    report = verify(builder)
    assert (report.violations, report.attempts) == ((), 2)


def test_what_another_than_its_worker_answered_may_be_named(builder: LedgerBuilder, verify: Verify) -> None:
    """That one may be stopped between its look and its call."""
    request, attempt, began = in_flight(builder)
    builder.wait(16)
    builder.receipt(request, attempt, outcome=ReceiptOutcome.WITHHELD, worker="worker-2")
    builder.wait(60)
    builder.active(began, unknown(request, attempt))
    assert verify(builder).violations == ()


@pytest.mark.parametrize(("waited", "settled"), [(1, False), (20, True)])
def test_what_its_own_worker_settled_is_not_named(
    builder: LedgerBuilder, verify: Verify, waited: float, settled: bool
) -> None:
    """But for a receipt that came in the very moment when ACTIVE was told."""
    request, attempt, began = in_flight(builder)
    builder.wait(15)
    builder.receipt(request, attempt)
    builder.wait(waited)
    active = builder.active(began, unknown(request, attempt))
    assert named(verify(builder)) == ({(active, "control.unknown_settled")} if settled else set())


def test_what_is_named_and_is_no_older_attempt(builder: LedgerBuilder, verify: Verify) -> None:
    """Another profile, another request, no attempt that counts, or one from after the activation."""
    request, attempt, began = in_flight(builder)
    void = builder.attempt(request)
    after = cleared(builder, "cao", name="r3b", targets=(WEB,))
    younger = builder.attempt(after, WEB)
    builder.wait(15)
    active = builder.active(
        began,
        unknown(request, attempt),
        unknown(request, attempt, WEB),
        unknown(after, attempt),
        unknown(request, void),
        unknown(after, younger, WEB),
    )
    report = verify(builder)
    assert named(report) == {(active, "control.unknown_other")}
    assert len(report.violations) == 4


def test_attempts_of_older_versions_need_no_name(city: City, verify: Verify) -> None:
    """Version 0.2 counted them; a city of this version may name them."""
    for named_too in (False, True):
        builder = LedgerBuilder(city, old=True)
        builder.genesis()
        request, attempt, began = in_flight(builder)
        builder.wait(15)
        builder.active(began, *[unknown(request, attempt)] * named_too)
        assert verify(builder).violations == ()


# --- what landed after ACTIVE --------------------------------------------------------------------------------


@pytest.mark.parametrize("approver", ["comms-officer", "mcpe"])
@pytest.mark.parametrize("stood_down", [False, True])
def test_an_unknown_post_that_landed_without_an_eoc_approval(
    builder: LedgerBuilder, verify: Verify, approver: str, stood_down: bool
) -> None:
    """It was named, so nobody was told a wrong thing; a person has to look. Found out later or at once."""
    request, attempt, began = in_flight(builder, approver)
    builder.wait(15)
    builder.active(began, unknown(request, attempt))
    builder.lapsed(request, attempt)
    if stood_down:
        builder.stand_down()
    seq = builder.receipt(request, attempt, worker="worker-2")
    builder.receipt(request, attempt, worker="worker-1")
    report = verify(builder)
    assert report.violations == ()
    wanted = [(seq, "receipt.landed_unapproved")] if approver == "comms-officer" else []
    assert warned(report) == wanted


def test_a_post_that_was_withheld_landed_nowhere(builder: LedgerBuilder, verify: Verify) -> None:
    request, attempt, began = in_flight(builder)
    builder.wait(15)
    builder.active(began, unknown(request, attempt))
    builder.receipt(request, attempt, outcome=ReceiptOutcome.WITHHELD, worker="worker-2")
    assert (verify(builder).violations, verify(builder).warnings) == ((), ())


def test_a_post_that_was_withheld_and_is_public_after_all_is_told(builder: LedgerBuilder, verify: Verify) -> None:
    """Its worker was stopped before its call, and another copy had looked and found nothing."""
    request, attempt, _ = in_flight(builder)
    builder.wait(15)
    builder.receipt(request, attempt, outcome=ReceiptOutcome.WITHHELD, worker="worker-2")
    seq = builder.receipt(request, attempt, worker="worker-2")
    report = verify(builder)
    assert (report.violations, warned(report)) == ((), [(seq, "receipt.landed_late")])


def test_a_post_that_landed_in_time_is_nothing_to_tell(builder: LedgerBuilder, verify: Verify) -> None:
    """Under way when the EOC was activated, and settled before ACTIVE was told."""
    request, attempt, began = in_flight(builder)
    builder.wait(2)
    builder.receipt(request, attempt)
    builder.active(began)
    assert (verify(builder).violations, verify(builder).warnings) == ((), ())
