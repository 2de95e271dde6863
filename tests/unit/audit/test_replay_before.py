"""The rules of versions before 0.3, on ledgers as 0.2 wrote them: each violation of then is one now, word for word.

What is judged alike in all versions is in test_replay.py. A ledger shows its version by its attempts, so each of these
begins with an old one.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from schemas import subjects
from schemas.events.authority import Grant, Role
from schemas.events.control import Designate, EocActivate, Genesis, Hold, Ordered
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.envelope import MANIFEST_TYPE
from schemas.events.verdicts import Outcome
from services.kernel.authority.signing import seal
from services.kernel.base.city import City
from services.provision import read_envelope, read_manifest
from tests.support.ledger_builder import LedgerBuilder, story, stranger
from tests.unit.audit.judging import Verify, cleared, named, old_ledger, verify_post


@pytest.fixture
def builder(city: City) -> LedgerBuilder:
    """A ledger of 0.2 that begins with the manifest and a post."""
    return old_ledger(city)


def test_a_whole_day_verifies(city: City, verify: Verify) -> None:
    """Nothing to say against what 0.2 wrote on a usual day."""
    report = verify(story(LedgerBuilder(city, old=True)))
    assert (report.violations, report.warnings, report.attempts) == ((), (), 7)


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


def test_a_request_that_hides_its_posture(builder: LedgerBuilder, verify: Verify) -> None:
    """It was fenced on control, so its posture is exact; another one is a lie."""
    builder.activate()
    builder.request(submitted_posture="routine")
    assert named(verify(builder)) == {(len(builder.entries), "request.posture")}


def test_a_forged_approval(builder: LedgerBuilder, verify: Verify) -> None:
    """Signed by a key that is not the officer's."""
    request = builder.request()
    forged = builder.approve(request, "mcpe", signer=stranger())
    builder.verdict(request)
    builder.wait(10)
    report = verify_post(builder, verify, request)
    seq = len(builder.entries) - 1
    assert {(forged, "approval.signature"), (seq, "warrant.no_signature")} <= named(report)


def test_other_bytes_posted_than_approved(builder: LedgerBuilder, verify: Verify) -> None:
    """The attempt names another rendering, or another digest."""
    request = cleared(builder)
    report = verify_post(builder, verify, request, rendering_sha256="1" * 64, digest="2" * 64)
    seq = len(builder.entries) - 1
    assert named(report) == {(seq, "warrant.other_bytes"), (seq, "attempt.content")}


def test_another_realm(builder: LedgerBuilder, verify: Verify) -> None:
    """Invariant 8: an exercise request and an exercise approval count for nothing in live."""
    strange = builder.request("r8e", realm="exercise")
    strange_seq = len(builder.entries)
    request = builder.request("r8l")
    approval = builder.approve(request, "mcpe", realm="exercise")
    builder.verdict(request)
    builder.verdict(strange)
    builder.wait(10)
    posts = [builder.attempt(strange), builder.attempt(request)]
    found = named(verify(builder))
    assert {(approval, "approval.realm"), (posts[0], "warrant.realm")} <= found
    assert {(strange_seq, "request.realm"), (posts[1], "warrant.no_signature")} <= found


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


def test_a_profile_that_is_no_target(builder: LedgerBuilder, verify: Verify) -> None:
    """Approved for one profile, posted on another."""
    request = cleared(builder)
    seq = builder.attempt(request, "fire-website")
    assert {(seq, "warrant.not_a_target"), (seq, "warrant.not_cleared_for")} <= named(verify(builder))


def test_an_attempt_after_it_was_delivered(builder: LedgerBuilder, verify: Verify) -> None:
    """At most one public post."""
    request = cleared(builder)
    builder.post(request)
    seq = builder.attempt(request)
    assert named(verify(builder)) == {(seq, "attempt.delivered")}


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
    builder = LedgerBuilder(city, old=True)
    builder.genesis(seal(MANIFEST_TYPE, read_manifest(city), (builder.signer("cao"), stranger())))
    builder.attempt(builder.request())
    assert (1, "manifest.signature") in named(verify(builder))


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
