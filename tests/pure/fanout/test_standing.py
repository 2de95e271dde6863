"""What is next for a delivery, from what the ledger says."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from services.fanout.plan import plan
from services.fanout.standing import CLOCK_SLACK, Drop, End, Post, Settle, Standing, Step, Wait, next_step

from schemas.events.deliveries import Attempt, Delivery, Receipt, ReceiptOutcome
from schemas.events.verdicts import Outcome
from tests.pure.fanout.world import NOW, PROFILES, VERDICT_SEQ, profile, request, verdict

LEASE = 15.0
REQUEST = request()
DELIVERY: Delivery = plan(
    REQUEST, verdict(REQUEST), VERDICT_SEQ, {name: profile(name) for name in PROFILES}, {}, NOW
).deliveries[0]


def attempt(**changes: Any) -> Attempt:
    values: dict[str, Any] = {
        "at": NOW,
        "request_id": REQUEST.request_id,
        "revision": 1,
        "profile": "fire-social",
        "platform": "mastodon",
        "number": 1,
        "worker": "w",
        "verdict_seq": VERDICT_SEQ,
        "control_seq": 7,
        "digest": REQUEST.digest,
        "rendering_sha256": REQUEST.renderings[0].sha256,
        "idempotency_key": "k",
    }
    return Attempt(**(values | changes))


def receipt(**changes: Any) -> Receipt:
    values: dict[str, Any] = {
        "at": NOW,
        "request_id": REQUEST.request_id,
        "revision": 1,
        "profile": "fire-social",
        "platform": "mastodon",
        "attempt_seq": 50,
        "outcome": ReceiptOutcome.WITHHELD,
        "final": False,
    }
    return Receipt(**(values | changes))


def standing(**changes: Any) -> Standing:
    values: dict[str, Any] = {
        "request": REQUEST,
        "verdict": verdict(REQUEST),
        "verdict_seq": VERDICT_SEQ,
        "attempt": None,
        "attempt_seq": 0,
        "attempt_at": None,
        "receipt": None,
        "receipt_seq": 0,
    }
    values |= changes
    return Standing(**({"answered": values["receipt_seq"] > values["attempt_seq"]} | values))


OPEN = {"attempt": attempt(), "attempt_seq": 50, "attempt_at": NOW}


def step(now: datetime = NOW, ledger_now: datetime = NOW, **changes: Any) -> Step:
    return next_step(DELIVERY, standing(**changes), now, ledger_now, LEASE)


def test_a_fresh_delivery_is_posted() -> None:
    assert step() == Post(1)


def test_attempts_are_counted_on() -> None:
    assert step(**OPEN, receipt=receipt(), receipt_seq=51) == Post(2)
    third = {**OPEN, "attempt": attempt(number=3)}
    assert step(**third, receipt=receipt(), receipt_seq=51) == Post(4)


def test_an_open_attempt_is_waited_for_until_its_lease_is_over_by_the_ledgers_clock() -> None:
    assert step(**OPEN) == Wait(LEASE + CLOCK_SLACK, "attempt 1 may still be under way")
    late = NOW + timedelta(seconds=LEASE + CLOCK_SLACK)
    assert isinstance(step(now=late + timedelta(days=1), **OPEN), Wait), "our own clock does not count"
    assert step(ledger_now=late, **OPEN) == Settle(OPEN["attempt"], 50, 0.0)  # type: ignore[arg-type]


STALE: list[dict[str, Any]] = [
    {"verdict_seq": VERDICT_SEQ + 1},
    {"verdict": None, "verdict_seq": 0},
    {"request": request(revision=2)},
    {"request": None},
    {"request": request(expires_at=NOW)},
]


@pytest.mark.parametrize("change", STALE)
def test_what_is_open_is_settled_first_whatever_became_of_the_verdict(change: dict[str, Any]) -> None:
    """Invariant 5: each attempt gets its receipt."""
    late = NOW + timedelta(minutes=1)
    assert isinstance(step(ledger_now=late, **{**OPEN, **change}), Settle)


def test_an_attempt_after_the_last_receipt_is_open_and_one_before_it_is_not() -> None:
    assert standing(**OPEN, receipt=receipt(), receipt_seq=49).open_attempt is not None
    assert standing(**OPEN, receipt=receipt(), receipt_seq=51).open_attempt is None
    assert standing().open_attempt is None


def test_a_late_receipt_on_an_attempt_before_it_does_not_settle_an_attempt() -> None:
    """Another worker, long asleep, found the post of the attempt before: this one still needs a receipt."""
    said = receipt(attempt_seq=40, outcome=ReceiptOutcome.DELIVERED, final=True)
    late = NOW + timedelta(minutes=1)
    found = step(ledger_now=late, **OPEN, receipt=said, receipt_seq=52, answered=False)
    assert isinstance(found, Settle)


@pytest.mark.parametrize("change", STALE[:4])
def test_a_stale_delivery_is_dropped(change: dict[str, Any]) -> None:
    assert isinstance(step(**change), Drop)


def test_a_final_receipt_ends_it_and_one_that_is_not_does_not() -> None:
    done = {"receipt": receipt(final=True, outcome=ReceiptOutcome.DELIVERED), "receipt_seq": 51}
    assert isinstance(step(**OPEN, **done), Drop)
    assert isinstance(step(**OPEN, receipt=receipt(), receipt_seq=51), Post)


def test_revision_n_is_not_posted_after_an_attempt_of_n_plus_1() -> None:
    """Invariant 9."""
    newer = {**OPEN, "attempt": attempt(revision=2)}
    assert isinstance(step(**newer, receipt=receipt(revision=2), receipt_seq=51), Drop)


def test_an_expired_request_ends_in_a_final_receipt_also_when_the_verdict_moved_on() -> None:
    expired = request(expires_at=NOW)
    for seq in (VERDICT_SEQ, VERDICT_SEQ + 1):
        ended = step(request=expired, verdict_seq=seq)
        assert isinstance(ended, End)
        assert (ended.outcome, ended.final) == (ReceiptOutcome.EXPIRED, True)


def test_an_ended_clearance_can_be_renewed() -> None:
    ended = step(now=DELIVERY.expires_at)
    assert isinstance(ended, End)
    assert (ended.outcome, ended.final) == (ReceiptOutcome.EXPIRED, False)
    said = {"receipt": receipt(outcome=ReceiptOutcome.EXPIRED, attempt_seq=0), "receipt_seq": VERDICT_SEQ + 5}
    assert isinstance(step(now=DELIVERY.expires_at, **said), Drop)


def test_a_refusal_after_the_clearance_ends_in_a_final_receipt() -> None:
    refused = verdict(REQUEST, outcome=Outcome.REFUSED)
    ended = step(verdict=refused, verdict_seq=VERDICT_SEQ + 1)
    assert isinstance(ended, End)
    assert (ended.outcome, ended.final) == (ReceiptOutcome.WITHHELD, True)


def test_a_block_after_the_clearance_is_silent_for_it_can_be_cleared_again() -> None:
    blocked = verdict(REQUEST, outcome=Outcome.BLOCKED)
    assert isinstance(step(verdict=blocked, verdict_seq=VERDICT_SEQ + 1), Drop)


def test_the_time_that_the_platform_asked_for_is_waited_out() -> None:
    waiting = {"receipt": receipt(retry_at=NOW + timedelta(seconds=9)), "receipt_seq": 51}
    assert step(**OPEN, **waiting) == Wait(9.0, "the platform asked to wait")
    assert step(now=NOW + timedelta(seconds=9), **OPEN, **waiting) == Post(2)


@pytest.mark.parametrize("how", ["expired", "refused", "clearance over"])
def test_what_may_be_public_never_ends_as_surely_not_posted(how: str) -> None:
    """Found by the simulation: the website took it, no answer, nothing to be seen, and then the request expired."""
    unsure = receipt(outcome=ReceiptOutcome.UNCONFIRMED)
    known: dict[str, Any] = {"attempt": attempt(), "attempt_seq": 50, "receipt": unsure, "receipt_seq": 51}
    if how == "refused":
        known |= {"verdict": verdict(REQUEST, outcome=Outcome.REFUSED), "verdict_seq": VERDICT_SEQ + 12}
    now = {"expired": REQUEST.expires_at, "refused": NOW, "clearance over": DELIVERY.expires_at}[how]
    found = step(now, now, **known)
    assert isinstance(found, End)
    assert (found.outcome, found.final) == (ReceiptOutcome.UNCONFIRMED, how != "clearance over")
    ended = receipt(outcome=ReceiptOutcome.UNCONFIRMED, attempt_seq=0, final=found.final)
    assert how == "refused" or isinstance(step(now, now, **(known | {"receipt": ended, "receipt_seq": 60})), Drop)
