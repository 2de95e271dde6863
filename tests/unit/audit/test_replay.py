"""The policy replayed for each attempt: a clean day verifies, each violation is found and named by its sequence."""

from __future__ import annotations

import pytest

from schemas import subjects
from schemas.events.authority import Profile, Settings
from schemas.events.control import CrisisDeclare, Hold, ProfileAdd, ProfileSuspend, Revoke, Withdraw
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.envelope import MANIFEST_TYPE
from schemas.events.verdicts import Outcome
from services.audit.proof import list_entries, prove_entry, show_entry
from services.audit.record.audit_keys import AuditKeys
from services.kernel.authority.signing import seal
from services.kernel.base.city import City
from services.provision import read_manifest
from tests.support.ledger_builder import FIRE, WEB, LedgerBuilder, story, stranger
from tests.unit.audit.judging import Verify, cleared, named, verify_post


@pytest.fixture(params=["as 0.2 wrote it", "as 0.3 writes it"])
def builder(city: City, request: pytest.FixtureRequest) -> LedgerBuilder:
    """A ledger that begins with the manifest: what follows is judged alike in all versions."""
    made = LedgerBuilder(city, old=request.param == "as 0.2 wrote it")
    made.genesis()
    return made


# --- what is right ------------------------------------------------------------------------------------------


def test_a_whole_day_verifies(city: City, verify: Verify) -> None:
    """Routine, EOC, all departments by the pio, stand-down, a seal: nothing to say against it."""
    report = verify(story(LedgerBuilder(city)))
    assert (report.violations, report.warnings) == ((), ())
    assert (report.attempts, report.unconfirmed) == (10, ())


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


# --- invariant 1: verdict and control revision -----------------------------------------------------------------


def test_a_verdict_without_compare_and_set(builder: LedgerBuilder, verify: Verify) -> None:
    """Two gatekeepers could have overwritten each other."""
    request = builder.request()
    builder.verdict(request, Outcome.BLOCKED)
    builder.last.pop(subjects.verdict(request.request_id))
    seq = builder.verdict(request, Outcome.BLOCKED)
    assert named(verify(builder)) == {(seq, "verdict.unguarded")}


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
    builder.activate()
    report = verify_post(builder, verify, cleared(builder, approver))
    assert named(report) == {(len(builder.entries) - 1, "warrant.no_signature")}


@pytest.mark.parametrize("approver", ["cao", "mcpe", "pio", "eoc-director"])
def test_each_right_role_under_the_eoc(builder: LedgerBuilder, verify: Verify, approver: str) -> None:
    """2(iii): each of the four suffices."""
    builder.activate()
    assert verify_post(builder, verify, cleared(builder, approver)).violations == ()


def test_what_was_submitted_under_the_eoc_keeps_needing_its_approval(builder: LedgerBuilder, verify: Verify) -> None:
    """Stand-down never fires what was held."""
    builder.activate()
    request = builder.request()
    builder.approve(request, "comms-officer")
    builder.stand_down()
    builder.verdict(request)
    builder.wait(10)
    report = verify_post(builder, verify, request)
    assert named(report) == {(len(builder.entries) - 1, "warrant.no_signature")}


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


def test_an_approval_over_other_bytes(builder: LedgerBuilder, verify: Verify) -> None:
    """It covers another digest than that of the request."""
    request = builder.request()
    other = builder.approve(request, "mcpe", digest="0" * 64)
    builder.verdict(request)
    builder.wait(10)
    report = verify_post(builder, verify, request)
    assert named(report) == {(other, "approval.digest"), (len(builder.entries) - 1, "warrant.no_signature")}


def test_a_request_whose_digest_is_not_its_own(builder: LedgerBuilder, verify: Verify) -> None:
    """What officers would sign is not what would be posted."""
    builder.request(digest="3" * 64)
    assert named(verify(builder)) == {(len(builder.entries), "request.digest")}


# --- invariant 3: all departmental profiles ----------------------------------------------------------------------


@pytest.mark.parametrize("approver", ["cao", "eoc-director"])
def test_all_departments_without_pio_or_mcpe(builder: LedgerBuilder, verify: Verify, approver: str) -> None:
    """2(iv): a right role under 2(iii), but not for this scope."""
    builder.activate()
    report = verify_post(builder, verify, cleared(builder, approver, scope="all-departments"))
    assert named(report) == {(len(builder.entries) - 1, "warrant.all_departments_signature")}


def test_all_departments_in_routine(builder: LedgerBuilder, verify: Verify) -> None:
    """2(iv): only in crisis or under the EOC, also by the mcpe."""
    report = verify_post(builder, verify, cleared(builder, "mcpe", scope="all-departments"))
    assert named(report) == {(len(builder.entries) - 1, "warrant.all_departments_routine")}


def test_all_departments_named_one_by_one(builder: LedgerBuilder, verify: Verify) -> None:
    """Naming each department's profile does not get round 2(iv)."""
    builder.activate()
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


def test_a_second_approver_where_the_city_asks_for_one(city: City, verify: Verify) -> None:
    """Two different officers for an extreme message."""
    builder = LedgerBuilder(city)
    manifest = read_manifest(city).model_copy(update={"settings": Settings(second_approver_severities=("extreme",))})
    builder.genesis(seal(MANIFEST_TYPE, manifest, (builder.signer("cao"), builder.signer("mcpe"))))
    request = cleared(builder, severity="extreme")
    report = verify_post(builder, verify, request)
    assert named(report) == {(len(builder.entries) - 1, "warrant.second_approver")}


# --- invariant 4 and 9: once -----------------------------------------------------------------------------------


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


def test_a_receipt_of_no_attempt(builder: LedgerBuilder, verify: Verify) -> None:
    """Each receipt belongs to an attempt of the same request on the same profile."""
    request = cleared(builder, targets=(FIRE, WEB))
    attempt = builder.attempt(request, FIRE)
    other = builder.receipt(request, attempt, WEB)
    none = builder.receipt(request, 0, FIRE)
    assert named(verify(builder)) == {(other, "receipt.attempt"), (none, "receipt.attempt")}


# --- control ---------------------------------------------------------------------------------------------------


def test_a_record_without_a_manifest(city: City, verify: Verify) -> None:
    """Nothing can be judged before the authority is known."""
    builder = LedgerBuilder(city)
    builder.append(subjects.REQUESTS.replace("*", "r2a"), b"{}")
    assert {(0, "control.no_manifest"), (1, "control.no_manifest")} <= named(verify(builder))


def test_a_withdrawal_by_a_bystander(builder: LedgerBuilder, verify: Verify) -> None:
    """The author, or an approving role."""
    request = builder.request()
    seq = builder.order("fire-publisher", Withdraw(request_id=request.request_id))
    unknown = builder.order("cao", Withdraw(request_id="r0none"))
    assert named(verify(builder)) == {(seq, "withdraw.right"), (unknown, "withdraw.unknown")}


# --- form ------------------------------------------------------------------------------------------------------


def test_entries_are_listed_and_one_is_proved(city: City, verify: Verify) -> None:
    """By request, by kind; the proof of one stands without the record, and for nothing else."""
    report = verify(story(LedgerBuilder(city)))
    assert {view.request_id for view in list_entries(city, request_id="r3b")} == {"r3b"}
    void = 2
    assert [view.kind for view in list_entries(city, kind="attempt")] == ["attempt"] * (report.attempts + void)
    key = city.authority.audit_key
    proof = show_entry(city, 7)
    assert proof.entry.seq == 7
    assert proof.root == report.root
    assert prove_entry(proof, "live", AuditKeys(key))
    bent = type(proof)(**{**proof.__dict__, "leaf_input": proof.leaf_input.replace("r2a", "r2b")})
    assert not prove_entry(bent, "live", AuditKeys(key))
    assert not prove_entry(proof, "exercise", AuditKeys(key))
    assert not prove_entry(proof, "live", AuditKeys(stranger().public_key))


def test_a_profile_that_lost_its_statements(builder: LedgerBuilder, verify: Verify) -> None:
    """Section 1, Transparency (i): purpose, identification, disclosure."""
    known: Profile = builder.state().profiles[FIRE]
    builder.order("mcpe", ProfileAdd(profile=known.model_copy(update={"disclosure": ""})))
    report = verify_post(builder, verify, cleared(builder))
    assert named(report) == {(len(builder.entries) - 1, "warrant.profile_statements")}
