"""The policy replayed for each attempt: a clean day verifies, each violation is found and named by its sequence."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from schemas import subjects
from schemas.events.authority import Grant, Profile, Role, Settings
from schemas.events.control import (
    CrisisDeclare,
    Designate,
    EocActivate,
    Genesis,
    Hold,
    Ordered,
    ProfileAdd,
    ProfileSuspend,
    Revoke,
    Withdraw,
)
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.envelope import MANIFEST_TYPE
from schemas.events.verdicts import Outcome
from services.audit.verify import Report, list_entries, prove_entry, show_entry
from services.kernel.city import City
from services.kernel.signing import seal
from services.provision import read_envelope, read_manifest
from tests.ledger_builder import FIRE, WEB, LedgerBuilder, story, stranger

Verify = Callable[[LedgerBuilder], Report]


def named(report: Report) -> set[tuple[int, str]]:
    """Return each violation as sequence and code, after checking that it says something."""
    assert all(one.message.endswith(".") and "\n" not in one.message for one in report.violations)
    return {(one.seq, one.code) for one in report.violations}


def cleared(builder: LedgerBuilder, approver: str = "mcpe", **fields: object) -> object:
    """Append a request with its approval and its cleared verdict, and let the moment pass."""
    request = builder.request(**fields)  # type: ignore[arg-type]
    builder.approve(request, approver)
    builder.verdict(request)
    builder.wait(10)
    return request


def under_eoc(builder: LedgerBuilder) -> None:
    builder.activate()


# --- what is right ------------------------------------------------------------------------------------------


def test_a_whole_day_verifies(city: City, verify: Verify) -> None:
    """Routine, EOC, all departments by the pio, stand-down, a seal: nothing to say against it."""
    report = verify(story(LedgerBuilder(city)))
    assert (report.violations, report.warnings) == ((), ())
    assert (report.attempts, report.unconfirmed) == (7, ())


def test_the_exercise_realm_verifies_by_its_own_keys(city: City, verify: Verify) -> None:
    """The same story, the other realm."""
    assert verify(story(LedgerBuilder(city, "exercise"))).ok


def test_an_attempt_without_a_receipt_is_unconfirmed_and_after_the_lease_a_warning(
    builder: LedgerBuilder, verify: Verify
) -> None:
    """Invariant 5: shown as unconfirmed, no violation."""
    seq = builder.attempt(cleared(builder))
    young = verify(builder)
    builder.wait(16)
    old = verify(builder)
    assert (young.ok, young.unconfirmed, young.warnings) == (True, (seq,), ())
    assert old.ok
    assert [(one.seq, one.code) for one in old.warnings] == [(seq, "attempt.unconfirmed")]


def test_a_repeat_after_a_failed_try_is_no_double_post(builder: LedgerBuilder, verify: Verify) -> None:
    """Withheld, then delivered, with the same key."""
    request = cleared(builder)
    first = builder.attempt(request)
    builder.receipt(request, first, outcome=ReceiptOutcome.WITHHELD)
    builder.receipt(request, builder.attempt(request))
    assert verify(builder).violations == ()


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
    """A late receipt may have put its post down to the attempt before: the record cannot tell."""
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


# --- invariant 1: verdict and control revision -----------------------------------------------------------------


def test_an_attempt_without_a_verdict(builder: LedgerBuilder, verify: Verify) -> None:
    """An approval alone releases nothing."""
    request = builder.request()
    builder.approve(request, "mcpe")
    builder.wait(10)
    seq = builder.attempt(request)
    assert (seq, "warrant.no_verdict") in named(verify(builder))


def test_an_attempt_on_a_blocked_verdict(builder: LedgerBuilder, verify: Verify) -> None:
    """Blocked is not cleared."""
    request = builder.request()
    builder.approve(request, "mcpe")
    builder.verdict(request, Outcome.BLOCKED)
    builder.wait(10)
    assert named(verify_post(builder, verify, request)) >= {(len(builder.entries) - 1, "warrant.not_cleared")}


def verify_post(builder: LedgerBuilder, verify: Verify, request: object, **fields: object) -> Report:
    """Append an attempt and its delivered receipt, and verify; the attempt is the last entry but one."""
    seq = builder.attempt(request, **fields)  # type: ignore[arg-type]
    builder.receipt(request, seq)  # type: ignore[arg-type]
    return verify(builder)


def test_an_attempt_on_an_older_verdict(builder: LedgerBuilder, verify: Verify) -> None:
    """The last verdict counts."""
    request = builder.request()
    builder.approve(request, "mcpe")
    first = builder.verdict(request)
    builder.verdict(request)
    builder.wait(10)
    assert named(verify_post(builder, verify, request, verdict_seq=first)) == {
        (len(builder.entries) - 1, "attempt.verdict")
    }


def test_an_attempt_at_a_stale_control_revision(builder: LedgerBuilder, verify: Verify) -> None:
    """Decided before the EOC was activated, attempted after."""
    request = cleared(builder)
    stale = builder.last[subjects.CONTROL]
    builder.order("eoc-director", EocActivate(level=1, incident="Slide"))
    report = verify_post(builder, verify, request, control_seq=stale)
    seq = len(builder.entries) - 1
    assert {(seq, "attempt.control"), (seq, "warrant.control_changed")} <= named(report)


def test_an_attempt_without_its_fence(builder: LedgerBuilder, verify: Verify) -> None:
    """The right revision in the body, but the server was not asked to hold it to that."""
    request = cleared(builder)
    seq = builder.attempt(request)
    line = builder.entries[-1]
    builder.entries[-1] = type(line)(line.seq, line.subject, line.at, line.data, {"Nats-Msg-Id": "x"})
    assert named(verify(builder)) == {(seq, "attempt.unfenced")}


def test_a_verdict_without_compare_and_set(builder: LedgerBuilder, verify: Verify) -> None:
    """Two gatekeepers could have overwritten each other."""
    request = builder.request()
    builder.verdict(request, Outcome.BLOCKED)
    builder.last.pop(subjects.verdict(request.request_id))
    seq = builder.verdict(request, Outcome.BLOCKED)
    assert named(verify(builder)) == {(seq, "verdict.unguarded")}


def test_a_verdict_that_names_a_control_revision_to_come(builder: LedgerBuilder, verify: Verify) -> None:
    """It cannot have been decided at what was not there."""
    request = builder.request()
    seq = builder.verdict(request, Outcome.BLOCKED, control_seq=99)
    assert named(verify(builder)) == {(seq, "verdict.control")}


def test_an_expired_clearance(builder: LedgerBuilder, verify: Verify) -> None:
    """Missed, not late."""
    request = cleared(builder)
    builder.wait(21 * 60)
    report = verify_post(builder, verify, request)
    assert (len(builder.entries) - 1, "warrant.verdict_expired") in named(report)


def test_a_held_and_a_withdrawn_post(builder: LedgerBuilder, verify: Verify) -> None:
    """The stop button, and a request taken back."""
    request = builder.request()
    builder.approve(request, "mcpe")
    builder.order("pio", Hold(on=True))
    builder.order("clerk", Withdraw(request_id=request.request_id))
    builder.verdict(request)
    builder.wait(10)
    seq = len(builder.entries) + 1
    assert named(verify_post(builder, verify, request)) == {(seq, "warrant.hold"), (seq, "warrant.withdrawn")}


# --- invariant 2: approvals ------------------------------------------------------------------------------------


@pytest.mark.parametrize("approver", ["comms-officer", "fire-publisher", "clerk"])
def test_a_wrong_role_under_the_eoc(builder: LedgerBuilder, verify: Verify, approver: str) -> None:
    """2(iii): cao, mcpe, pio or eoc_director, nobody else."""
    under_eoc(builder)
    report = verify_post(builder, verify, cleared(builder, approver))
    assert named(report) == {(len(builder.entries) - 1, "warrant.no_signature")}


@pytest.mark.parametrize("approver", ["cao", "mcpe", "pio", "eoc-director"])
def test_each_right_role_under_the_eoc(builder: LedgerBuilder, verify: Verify, approver: str) -> None:
    """2(iii): each of the four suffices."""
    under_eoc(builder)
    assert verify_post(builder, verify, cleared(builder, approver)).violations == ()


def test_what_was_submitted_under_the_eoc_keeps_needing_its_approval(builder: LedgerBuilder, verify: Verify) -> None:
    """Stand-down never fires what was held."""
    under_eoc(builder)
    request = builder.request()
    builder.approve(request, "comms-officer")
    builder.stand_down()
    builder.verdict(request)
    builder.wait(10)
    report = verify_post(builder, verify, request)
    assert named(report) == {(len(builder.entries) - 1, "warrant.no_signature")}


def test_a_request_that_hides_its_posture(builder: LedgerBuilder, verify: Verify) -> None:
    """It was fenced on control, so its posture is exact; another one is a lie."""
    under_eoc(builder)
    builder.request(submitted_posture="routine")
    assert named(verify(builder)) == {(len(builder.entries), "request.posture")}


def test_an_expired_approval(builder: LedgerBuilder, verify: Verify) -> None:
    """It lasts 30 minutes, whatever a verdict says."""
    request = builder.request()
    builder.approve(request, "mcpe")
    builder.wait(31 * 60)
    builder.verdict(request)
    builder.wait(10)
    report = verify_post(builder, verify, request)
    assert named(report) == {(len(builder.entries) - 1, "warrant.no_signature")}


def test_a_revoked_approver(builder: LedgerBuilder, verify: Verify) -> None:
    """The role must be held at the attempt."""
    request = builder.request()
    builder.approve(request, "comms-officer")
    builder.order("cao", Revoke(officer="comms-officer"))
    builder.verdict(request)
    builder.wait(10)
    report = verify_post(builder, verify, request)
    assert named(report) == {(len(builder.entries) - 1, "warrant.no_signature")}


def test_a_forged_approval(builder: LedgerBuilder, verify: Verify) -> None:
    """Signed by a key that is not the officer's."""
    request = builder.request()
    forged = builder.approve(request, "mcpe", signer=stranger())
    builder.verdict(request)
    builder.wait(10)
    report = verify_post(builder, verify, request)
    seq = len(builder.entries) - 1
    assert {(forged, "approval.signature"), (seq, "warrant.no_signature")} <= named(report)


def test_an_approval_over_other_bytes(builder: LedgerBuilder, verify: Verify) -> None:
    """It covers another digest than that of the request."""
    request = builder.request()
    other = builder.approve(request, "mcpe", digest="0" * 64)
    builder.verdict(request)
    builder.wait(10)
    report = verify_post(builder, verify, request)
    assert named(report) == {(other, "approval.digest"), (len(builder.entries) - 1, "warrant.no_signature")}


def test_other_bytes_posted_than_approved(builder: LedgerBuilder, verify: Verify) -> None:
    """The attempt names another rendering, or another digest."""
    request = cleared(builder)
    report = verify_post(builder, verify, request, rendering_sha256="1" * 64, digest="2" * 64)
    seq = len(builder.entries) - 1
    assert named(report) == {(seq, "warrant.other_bytes"), (seq, "attempt.content")}


def test_a_request_whose_digest_is_not_its_own(builder: LedgerBuilder, verify: Verify) -> None:
    """What officers would sign is not what would be posted."""
    builder.request(digest="3" * 64)
    assert named(verify(builder)) == {(len(builder.entries), "request.digest")}


def test_another_realm(builder: LedgerBuilder, verify: Verify) -> None:
    """Invariant 8: an exercise request and an exercise approval count for nothing in live."""
    strange = builder.request("r8e", realm="exercise")
    request = builder.request("r8l")
    approval = builder.approve(request, "mcpe", realm="exercise")
    builder.verdict(request)
    builder.verdict(strange)
    builder.wait(10)
    posts = [builder.attempt(strange), builder.attempt(request)]
    found = named(verify(builder))
    assert {(approval, "approval.realm"), (posts[0], "warrant.realm")} <= found
    assert {(2, "request.realm"), (posts[1], "warrant.no_signature")} <= found


def test_a_replayed_approval(builder: LedgerBuilder, verify: Verify) -> None:
    """Each statement counts once."""
    request = builder.request()
    builder.approve(request, "mcpe", nonce="a" * 32)
    seq = builder.approve(request, "mcpe", nonce="a" * 32)
    assert named(verify(builder)) == {(seq, "approval.replayed")}


def test_an_approval_that_stands_under_another_name(builder: LedgerBuilder, verify: Verify) -> None:
    """The clerk's signature does not become the mcpe's by standing there."""
    request = builder.request()
    seq = builder.approve(request, "clerk", stands_as="mcpe")
    assert named(verify(builder)) == {(seq, "approval.signature"), (seq, "approval.other")}


# --- invariant 3: all departmental profiles ----------------------------------------------------------------------


@pytest.mark.parametrize("approver", ["cao", "eoc-director"])
def test_all_departments_without_pio_or_mcpe(builder: LedgerBuilder, verify: Verify, approver: str) -> None:
    """2(iv): a right role under 2(iii), but not for this scope."""
    under_eoc(builder)
    report = verify_post(builder, verify, cleared(builder, approver, scope="all-departments"))
    assert named(report) == {(len(builder.entries) - 1, "warrant.all_departments_signature")}


def test_all_departments_in_routine(builder: LedgerBuilder, verify: Verify) -> None:
    """2(iv): only in crisis or under the EOC, also by the mcpe."""
    report = verify_post(builder, verify, cleared(builder, "mcpe", scope="all-departments"))
    assert named(report) == {(len(builder.entries) - 1, "warrant.all_departments_routine")}


def test_all_departments_named_one_by_one(builder: LedgerBuilder, verify: Verify) -> None:
    """Naming each department's profile does not get round 2(iv)."""
    under_eoc(builder)
    names = [name for name in builder.state().departmental_profiles() if name.endswith("-townsquare")]
    report = verify_post(builder, verify, cleared(builder, "cao", targets=names))
    assert named(report) == {(len(builder.entries) - 1, "warrant.all_departments_signature")}


def test_all_departments_in_a_crisis_by_the_pio(builder: LedgerBuilder, verify: Verify) -> None:
    """A declared crisis suffices."""
    builder.order("pio", CrisisDeclare(incident="Smoke"))
    assert verify_post(builder, verify, cleared(builder, "pio", scope="all-departments")).ok


def test_a_publisher_in_a_crisis(builder: LedgerBuilder, verify: Verify) -> None:
    """2(i): the office releases it, not the department."""
    builder.order("cao", CrisisDeclare(incident="Smoke"))
    report = verify_post(builder, verify, cleared(builder, "fire-publisher"))
    assert named(report) == {(len(builder.entries) - 1, "warrant.no_signature")}


def test_a_profile_that_is_not_official(builder: LedgerBuilder, verify: Verify) -> None:
    """Suspended between submission and post."""
    request = builder.request()
    builder.approve(request, "mcpe")
    builder.order("mcpe", ProfileSuspend(profile=FIRE))
    builder.verdict(request)
    builder.wait(10)
    report = verify_post(builder, verify, request)
    assert named(report) == {(len(builder.entries) - 1, "warrant.profile_not_official")}


def test_a_profile_that_is_no_target(builder: LedgerBuilder, verify: Verify) -> None:
    """Approved for one profile, posted on another."""
    request = cleared(builder)
    seq = builder.attempt(request, "fire-website")
    assert {(seq, "warrant.not_a_target"), (seq, "warrant.not_cleared_for")} <= named(verify(builder))


def test_a_second_approver_where_the_city_asks_for_one(city: City, verify: Verify) -> None:
    """Two different officers for an extreme message."""
    builder = LedgerBuilder(city)
    manifest = read_manifest(city).model_copy(update={"settings": Settings(second_approver_severities=("extreme",))})
    builder.genesis(seal(MANIFEST_TYPE, manifest, (builder.signer("cao"), builder.signer("mcpe"))))
    request = cleared(builder, severity="extreme")
    report = verify_post(builder, verify, request)
    assert named(report) == {(len(builder.entries) - 1, "warrant.second_approver")}


# --- invariant 4 and 9: once -----------------------------------------------------------------------------------


def test_an_attempt_after_it_was_delivered(builder: LedgerBuilder, verify: Verify) -> None:
    """At most one public post."""
    request = cleared(builder)
    builder.post(request)
    seq = builder.attempt(request)
    assert named(verify(builder)) == {(seq, "attempt.delivered")}


def test_two_posts_with_two_ids(builder: LedgerBuilder, verify: Verify) -> None:
    """Two delivered receipts that name different posts."""
    request = cleared(builder)
    (attempt,) = builder.post(request)
    seq = builder.receipt(request, attempt, remote_id="another")
    assert named(verify(builder)) == {(seq, "receipt.double")}


def test_the_same_post_told_twice_is_one(builder: LedgerBuilder, verify: Verify) -> None:
    """A read-back that names the same post is no second one."""
    request = cleared(builder)
    (attempt,) = builder.post(request)
    builder.receipt(request, attempt)
    assert verify(builder).ok


def test_an_attempt_before_the_one_before_it_is_settled(builder: LedgerBuilder, verify: Verify) -> None:
    """Both could become public."""
    request = cleared(builder)
    builder.attempt(request)
    seq = builder.attempt(request, idempotency_key="another")
    assert named(verify(builder)) == {(seq, "attempt.open"), (seq, "attempt.key")}


def test_an_attempt_after_the_end(builder: LedgerBuilder, verify: Verify) -> None:
    """A final receipt ends the delivery."""
    request = cleared(builder)
    builder.receipt(request, builder.attempt(request), outcome=ReceiptOutcome.FAILED, final=True)
    seq = builder.attempt(request)
    assert named(verify(builder)) == {(seq, "attempt.final")}


def test_an_older_revision_after_a_newer_one(builder: LedgerBuilder, verify: Verify) -> None:
    """Invariant 9."""
    first = builder.request()
    second = builder.request(revision=2)
    builder.approve(second, "mcpe")
    builder.verdict(second)
    builder.wait(10)
    builder.post(second)
    seq = builder.attempt(first)
    assert {(seq, "attempt.revision"), (seq, "attempt.content")} <= named(verify(builder))


def test_a_receipt_of_no_attempt(builder: LedgerBuilder, verify: Verify) -> None:
    """Each receipt belongs to an attempt of the same request on the same profile."""
    request = cleared(builder, targets=(FIRE, WEB))
    attempt = builder.attempt(request, FIRE)
    other = builder.receipt(request, attempt, WEB)
    none = builder.receipt(request, 0, FIRE)
    assert named(verify(builder)) == {(other, "receipt.attempt"), (none, "receipt.attempt")}


# --- control ---------------------------------------------------------------------------------------------------


def test_an_unsigned_and_a_foreign_order(builder: LedgerBuilder, verify: Verify) -> None:
    """An order counts by its signature, not by the name in it."""
    seq = builder.order("eoc-director", EocActivate(level=3, incident="Flood"), signer=stranger())
    bare = builder.append(
        subjects.CONTROL, b'{"at":"2026-01-31T14:00:00Z","order":{"payload":"","payloadType":"x","signatures":[]}}'
    )
    assert named(verify(builder)) == {(seq, "order.signature"), (bare, "event.malformed")}


def test_an_order_by_somebody_who_may_not(builder: LedgerBuilder, verify: Verify) -> None:
    """2(ii): only cao and mcpe designate."""
    seq = builder.order("pio", Designate(officer="clerk", grant=Grant(role=Role.PIO)))
    assert named(verify(builder)) == {(seq, "order.role")}


def test_a_replayed_order(builder: LedgerBuilder, verify: Verify) -> None:
    """The same signed bytes, a second time."""
    builder.order("pio", Hold(on=True))
    again = Ordered.from_bytes(builder.entries[-1].data)
    seq = builder.control(again)
    assert named(verify(builder)) == {(seq, "order.replayed")}


def test_a_second_manifest(builder: LedgerBuilder, city: City, verify: Verify) -> None:
    """Also one that the root keys signed."""
    seq = builder.control(Genesis(at=builder.now, manifest=read_envelope(city)))
    assert named(verify(builder)) == {(seq, "control.manifest_twice")}


def test_a_manifest_with_too_few_signatures(city: City, verify: Verify) -> None:
    """One root key of two, and a stranger."""
    builder = LedgerBuilder(city)
    builder.genesis(seal(MANIFEST_TYPE, read_manifest(city), (builder.signer("cao"), stranger())))
    assert (1, "manifest.signature") in named(verify(builder))


def test_a_record_without_a_manifest(city: City, verify: Verify) -> None:
    """Nothing can be judged before the authority is known."""
    builder = LedgerBuilder(city)
    builder.append(subjects.REQUESTS.replace("*", "r2a"), b"{}")
    assert {(0, "control.no_manifest"), (1, "control.no_manifest")} <= named(verify(builder))


def test_active_told_too_early(builder: LedgerBuilder, verify: Verify) -> None:
    """An older attempt could still land: no receipt, and its lease not over."""
    request = cleared(builder)
    builder.attempt(request)
    early = builder.activate()
    assert named(verify(builder)) == {(early, "control.barrier_early")}


@pytest.mark.parametrize("settle", [True, False])
def test_active_told_in_time(builder: LedgerBuilder, verify: Verify, settle: bool) -> None:
    """Each older attempt has its receipt, or the 15 seconds have passed."""
    request = cleared(builder)
    attempt = builder.attempt(request)
    activating = builder.order("eoc-director", EocActivate(level=2, incident="Freshet"))
    if settle:
        builder.receipt(request, attempt)
    else:
        builder.wait(15)
    builder.active(activating)
    assert verify(builder).ok


def test_a_withdrawal_by_a_bystander(builder: LedgerBuilder, verify: Verify) -> None:
    """The author, or an approving role."""
    request = builder.request()
    seq = builder.order("fire-publisher", Withdraw(request_id=request.request_id))
    unknown = builder.order("cao", Withdraw(request_id="r0none"))
    assert named(verify(builder)) == {(seq, "withdraw.right"), (unknown, "withdraw.unknown")}


# --- form ------------------------------------------------------------------------------------------------------


def test_events_are_read_strictly(builder: LedgerBuilder, verify: Verify) -> None:
    """A key twice, an unknown key, another subject: each is named."""
    request = builder.request()
    raw = request.to_bytes()
    twice = builder.append("ledger.request.r2b", raw.replace(b'"crisis":false', b'"crisis":false,"crisis":true'))
    unknown = builder.append("ledger.request.r2c", raw[:-1] + b',"zeal":1}')
    moved = builder.append("ledger.request.r2d", raw)
    nowhere = builder.append("ledger.gossip", b"{}")
    binary = builder.append("ledger.verdict.r2a", b"\xff\xfe\x00")
    found = named(verify(builder))
    assert {
        (twice, "event.malformed"),
        (unknown, "event.malformed"),
        (moved, "event.subject"),
        (nowhere, "event.subject"),
        (binary, "event.malformed"),
    } <= found


def test_entries_are_listed_and_one_is_proved(city: City, verify: Verify) -> None:
    """By request, by kind; the proof of one stands without the record, and for nothing else."""
    report = verify(story(LedgerBuilder(city)))
    assert {view.request_id for view in list_entries(city, request_id="r3b")} == {"r3b"}
    assert [view.kind for view in list_entries(city, kind="attempt")] == ["attempt"] * report.attempts
    key = city.authority.audit_key
    proof = show_entry(city, 7)
    assert proof.entry.seq == 7
    assert proof.root == report.root
    assert prove_entry(proof, "live", key)
    bent = type(proof)(**{**proof.__dict__, "leaf_input": proof.leaf_input.replace("r2a", "r2b")})
    assert not prove_entry(bent, "live", key)
    assert not prove_entry(proof, "exercise", key)
    assert not prove_entry(proof, "live", stranger().public_key)


def test_a_profile_that_lost_its_statements(builder: LedgerBuilder, verify: Verify) -> None:
    """Section 1, Transparency (i): purpose, identification, disclosure."""
    known: Profile = builder.state().profiles[FIRE]
    builder.order("mcpe", ProfileAdd(profile=known.model_copy(update={"disclosure": ""})))
    report = verify_post(builder, verify, cleared(builder))
    assert named(report) == {(len(builder.entries) - 1, "warrant.profile_statements")}


def test_a_late_ledger_clock_excuses_a_moment_only(builder: LedgerBuilder, verify: Verify) -> None:
    """The worker's own time counts while the ledger's bears it out; a backdated attempt is judged by the ledger."""
    request = builder.request(expires_at=builder.now + timedelta(seconds=60))
    builder.approve(request, "mcpe")
    builder.verdict(request)
    builder.wait(59)
    said = builder.now
    builder.wait(3)
    builder.attempt(request, at=said)
    assert verify(builder).ok
    builder.entries.pop()
    builder.wait(10)
    seq = builder.attempt(request, at=said)
    assert named(verify(builder)) == {(seq, "warrant.request_expired")}
