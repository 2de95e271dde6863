"""Attempts since version 0.3 that count, judged by all invariants; what they rest on: verdicts, mirrors, postures."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas import subjects
from schemas.events.control import Hold
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.verdicts import Outcome
from schemas.platforms import MIRROR
from tests.support.ledger_builder import FIRE, WEB, LedgerBuilder
from tests.unit.audit.judging import Verify, cleared, named, verify_post, warned


def test_an_effective_attempt_without_an_approval(builder: LedgerBuilder, verify: Verify) -> None:
    """A gate that was wrong, or a forged verdict: the worker had to see it."""
    request = builder.request()
    builder.verdict(request)
    builder.wait(10)
    report = verify_post(builder, verify, request)
    assert named(report) == {(len(builder.entries) - 1, "warrant.no_signature")}


def test_an_approval_that_ended_between_the_workers_look_and_its_attempt(
    builder: LedgerBuilder, verify: Verify
) -> None:
    """The worker's own time counts while the ledger's bears it out; a backdated attempt is judged by the ledger."""
    request = builder.request()
    builder.approve(request, "mcpe", expires_at=builder.now + timedelta(seconds=60))
    builder.verdict(request)
    builder.wait(58)
    said = builder.now
    builder.wait(4)
    builder.receipt(request, builder.attempt(request, at=said))
    assert named(verify(builder)) == set()
    del builder.entries[-2:]
    builder.wait(10)
    seq = builder.attempt(request, at=said)
    builder.receipt(request, seq)
    assert named(verify(builder)) == {(seq, "warrant.no_signature")}


@pytest.mark.parametrize("outcome", [ReceiptOutcome.WITHHELD, ReceiptOutcome.DELIVERED])
def test_an_approval_that_was_replaced_at_the_same_moment(
    builder: LedgerBuilder, verify: Verify, outcome: ReceiptOutcome
) -> None:
    """The worker's second look holds the call back; carried out all the same, it is a violation."""
    request = cleared(builder)
    builder.approve(request, "mcpe", targets=(WEB,))
    seq = builder.attempt(request)
    builder.receipt(request, seq, outcome=outcome)
    report = verify(builder)
    held = outcome is ReceiptOutcome.WITHHELD
    assert named(report) == (set() if held else {(seq, "warrant.no_signature")})
    assert warned(report) == ([(seq, "attempt.overtaken")] if held else [])


def test_a_final_end_that_nobody_may_open_again(builder: LedgerBuilder, verify: Verify) -> None:
    """A receipt that is not final, after one that is: the attempt counts by the rule, and may not be."""
    request = cleared(builder)
    attempt = builder.attempt(request)
    builder.receipt(request, attempt, outcome=ReceiptOutcome.FAILED, final=True)
    builder.receipt(request, attempt, outcome=ReceiptOutcome.WITHHELD)
    seq = builder.attempt(request)
    assert named(verify(builder)) == {(seq, "attempt.final")}


def test_an_attempt_to_another_platform_with_another_key(builder: LedgerBuilder, verify: Verify) -> None:
    """Both could make a second post of it."""
    request = cleared(builder)
    builder.receipt(request, builder.attempt(request), outcome=ReceiptOutcome.WITHHELD)
    seq = builder.attempt(request, platform="website", idempotency_key="another")
    assert named(verify(builder)) == {(seq, "attempt.platform"), (seq, "attempt.key")}


# --- verdicts -------------------------------------------------------------------------------------------------------


def test_a_verdict_whose_revision_is_not_in_force_is_skipped(builder: LedgerBuilder, verify: Verify) -> None:
    """The gate was behind: it decides anew. Attempts go on by the verdict that counts."""
    request = cleared(builder)
    stale = builder.last[subjects.CONTROL]
    builder.order("pio", Hold(on=True))
    builder.order("pio", Hold(on=False))
    late = builder.verdict(request, control_seq=stale)
    void = builder.attempt(request, verdict_seq=late)
    builder.verdict(request)
    builder.wait(10)
    builder.post(request)
    report = verify(builder)
    assert (report.violations, report.warnings, report.attempts) == ((), (), 1)
    assert void not in report.unconfirmed


def test_a_late_verdict_takes_nothing_back(builder: LedgerBuilder, verify: Verify) -> None:
    """An older decision after a newer one: the gate may not do that, and no reader minds it."""
    request = cleared(builder)
    stale = builder.last[subjects.CONTROL]
    builder.order("pio", Hold(on=True))
    builder.order("pio", Hold(on=False))
    good = builder.verdict(request)
    late = builder.verdict(request, Outcome.BLOCKED, control_seq=stale)
    builder.wait(10)
    builder.receipt(request, builder.attempt(request, verdict_seq=good))
    report = verify(builder)
    assert (named(report), report.attempts) == ({(late, "verdict.control")}, 1)


def test_a_request_with_no_verdict_that_counts_waits(builder: LedgerBuilder, verify: Verify) -> None:
    """Void is as good as none."""
    builder.post(cleared(builder, name="r3b"))
    stale = builder.last[subjects.CONTROL]
    builder.order("pio", Hold(on=True))
    request = builder.request()
    seq = len(builder.entries)
    builder.verdict(request, Outcome.BLOCKED, control_seq=stale)
    builder.wait(20)
    report = verify(builder)
    assert (report.violations, warned(report)) == ((), [(seq, "request.undecided")])


# --- the website's mirror ---------------------------------------------------------------------------------------------


def test_the_mirror_is_a_delivery_like_any_other(builder: LedgerBuilder, verify: Verify) -> None:
    """Judged, fenced, once."""
    request = cleared(builder)
    builder.post(request, FIRE, MIRROR)
    again = builder.attempt(request, MIRROR)
    report = verify(builder)
    assert (report.violations, report.warnings, report.attempts) == ((), (), 2)
    seq = builder.receipt(request, again, MIRROR)
    assert (seq, "receipt.void_attempt") in named(verify(builder))


def test_the_pages_of_two_messages_may_be_under_way_on_the_mirror(builder: LedgerBuilder, verify: Verify) -> None:
    """Each has a page of its own: copies do not race for the site, and one that sleeps holds no other page back."""
    first, second = (cleared(builder, name=name) for name in ("r3a", "r3b"))
    attempts = []
    for request in (first, second):
        builder.post(request, FIRE)
        attempts.append((request, builder.attempt(request, MIRROR)))
    for request, seq in attempts:
        builder.receipt(request, seq, MIRROR)
    assert named(verify(builder)) == set()


def test_the_mirror_needs_its_approval_and_its_platform(builder: LedgerBuilder, verify: Verify) -> None:
    """No message comes onto the website without what its other profiles need."""
    builder.activate()
    request = cleared(builder, "comms-officer")
    seq = builder.attempt(request, MIRROR, platform="mastodon")
    builder.receipt(request, seq, MIRROR)
    report = verify(builder)
    assert {(seq, "warrant.no_signature"), (seq, "attempt.platform")} <= named(report)


@pytest.mark.parametrize(
    "fields",
    [{"targets": (FIRE, WEB)}, {"targets": (FIRE,), "renderings": ()}],
    ids=["it goes to the website itself", "it has no rendering for the website"],
)
def test_a_verdict_that_has_mirrored_what_cannot_be(
    builder: LedgerBuilder, verify: Verify, fields: dict[str, Any]
) -> None:
    """Once on the website, in the website's own rendering."""
    request = builder.request(**fields)
    builder.approve(request, "mcpe")
    seq = builder.verdict(request, mirror=True)
    assert (seq, "verdict.mirror") in named(verify(builder))


def test_a_blocked_verdict_mirrors_nothing(builder: LedgerBuilder, verify: Verify) -> None:
    seq = builder.verdict(builder.request(), Outcome.BLOCKED, mirror=True)
    assert named(verify(builder)) == {(seq, "verdict.mirror")}


# --- requests ---------------------------------------------------------------------------------------------------------


def test_what_counts_is_the_posture_in_force(builder: LedgerBuilder, verify: Verify) -> None:
    """An intake that was behind, or lies: submitted under the EOC is what is under it, and stays so."""
    builder.activate()
    request = builder.request(submitted_posture="routine")
    builder.approve(request, "comms-officer")
    builder.stand_down()
    builder.verdict(request)
    builder.wait(10)
    report = verify_post(builder, verify, request)
    assert named(report) == {(len(builder.entries) - 1, "warrant.no_signature")}
    assert warned(report) == []


def test_what_says_more_than_was_in_force_is_as_good_as_any(builder: LedgerBuilder, verify: Verify) -> None:
    """The same the other way round."""
    request = builder.request(submitted_posture="eoc_active")
    builder.approve(request, "comms-officer")
    builder.verdict(request)
    builder.wait(10)
    assert verify_post(builder, verify, request).violations == ()
