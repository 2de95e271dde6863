"""Attempts of version 0.3 count only if they are effective where they stand; what counts must satisfy all rules."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from schemas import subjects
from schemas.events.control import EocActivate, Hold
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.requests import Request
from schemas.events.verdicts import Outcome
from schemas.platforms import MIRROR
from tests.support.ledger_builder import FIRE, WEB, LedgerBuilder
from tests.unit.audit.judging import Verify, cleared, named, verify_post, warned

Make = Callable[[LedgerBuilder], tuple[Request, int]]

# --- what another one was quicker at: no violation, no warning, no receipt ---------------------------------------


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
    builder.verdict(request, Outcome.BLOCKED, valid_until=builder.now + timedelta(minutes=20))
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
    builder.receipt(request, 0, outcome=ReceiptOutcome.EXPIRED, final=True)
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
    assert (report.violations, report.warnings) == ((), ())
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


# --- what no worker of ours writes: void as well, and told --------------------------------------------------------


def not_fenced(builder: LedgerBuilder) -> tuple[Request, int]:
    request = cleared(builder)
    seq = builder.attempt(request)
    line = builder.entries[-1]
    builder.entries[-1] = type(line)(line.seq, line.subject, line.at, line.data, {"Nats-Msg-Id": "x"})
    return request, seq


def at_another_revision(builder: LedgerBuilder) -> tuple[Request, int]:
    request = cleared(builder)
    stale = builder.last[subjects.CONTROL]
    builder.order("eoc-director", EocActivate(level=1, incident="Slide"))
    return request, builder.attempt(request, control_seq=stale)


def on_a_verdict_of_another_revision(builder: LedgerBuilder) -> tuple[Request, int]:
    request = cleared(builder)
    builder.order("pio", Hold(on=True))
    builder.order("pio", Hold(on=False))
    return request, builder.attempt(request)


def on_other_content(builder: LedgerBuilder) -> tuple[Request, int]:
    request = cleared(builder)
    return request, builder.attempt(request, digest="2" * 64)


def on_another_revision_of_the_request(builder: LedgerBuilder) -> tuple[Request, int]:
    request = cleared(builder)
    return request, builder.attempt(request, revision=2)


def on_a_profile_that_is_not_cleared(builder: LedgerBuilder) -> tuple[Request, int]:
    request = cleared(builder)
    return request, builder.attempt(request, WEB)


def on_the_mirror_of_what_has_none(builder: LedgerBuilder) -> tuple[Request, int]:
    request = cleared(builder, targets=(FIRE, WEB))
    return request, builder.attempt(request, MIRROR)


def written_in_the_old_way(builder: LedgerBuilder) -> tuple[Request, int]:
    builder.post(cleared(builder, name="r3b"))
    request = cleared(builder)
    return request, builder.attempt(request, rule=None)


def under_another_name(builder: LedgerBuilder) -> tuple[Request, int]:
    request = cleared(builder, targets=(FIRE, WEB))
    seq = builder.attempt(request)
    line = builder.entries[-1]
    elsewhere = subjects.attempt(WEB, request.request_id)
    builder.entries[-1] = type(line)(line.seq, elsewhere, line.at, line.data, line.headers)
    return request, seq


FORGED: tuple[Make, ...] = (
    not_fenced,
    at_another_revision,
    on_a_verdict_of_another_revision,
    on_other_content,
    on_another_revision_of_the_request,
    on_a_profile_that_is_not_cleared,
    on_the_mirror_of_what_has_none,
    written_in_the_old_way,
    under_another_name,
)


@pytest.mark.parametrize("make", FORGED, ids=lambda make: make.__name__)
def test_an_attempt_that_no_worker_wrote_is_void_and_told(builder: LedgerBuilder, verify: Verify, make: Make) -> None:
    """It stops nothing; who could write it has a key of ours."""
    _, seq = make(builder)
    report = verify(builder)
    assert (report.violations, warned(report)) == ((), [(seq, "attempt.void")])


@pytest.mark.parametrize("make", FORGED, ids=lambda make: make.__name__)
def test_what_such_an_attempt_posted_is_a_violation(builder: LedgerBuilder, verify: Verify, make: Make) -> None:
    """Delivered without an attempt that counts."""
    request, attempt = make(builder)
    profile = builder.entries[attempt - 1].subject.split(".")[2]
    seq = builder.receipt(request, attempt, profile)
    assert (seq, "receipt.void_attempt") in named(verify(builder))


def test_an_attempt_on_no_request(builder: LedgerBuilder, verify: Verify) -> None:
    """As an attempt on a request of another realm, which counts for nothing."""
    strange = builder.request("r8e", realm="exercise")
    builder.verdict(strange)
    seq = builder.attempt(strange)
    report = verify(builder)
    assert (report.violations, warned(report)) == ((), [(seq - 2, "request.realm"), (seq, "attempt.void")])


# --- one at a time on a profile -----------------------------------------------------------------------------------


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
    assert verify(builder).violations == ()
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
    """An intake that was behind, or lies: submitted under the EOC is what stands under it, and stays so."""
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
