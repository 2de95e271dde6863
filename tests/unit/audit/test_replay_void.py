"""What counts for no reader is void: a warning since version 0.3, and what follows is judged as if it were not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from schemas import subjects
from schemas.events.authority import Grant, Role
from schemas.events.control import Designate, EocActivate, Genesis, Hold, Ordered
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.envelope import MANIFEST_TYPE
from schemas.events.verdicts import Outcome
from services.audit.proof import verify_record
from services.audit.proof.restore import puts, refuse_unproven
from services.kernel.authority.signing import seal
from services.kernel.base.city import City
from services.provision import read_envelope, read_manifest
from tests.support.ledger_builder import FIRE, WEB, LedgerBuilder, stranger
from tests.unit.audit.judging import Verify, cleared, named, verify_post, warned

Junk = Callable[[LedgerBuilder], int]


def control_that_cannot_be_read(builder: LedgerBuilder) -> int:
    return builder.append(subjects.CONTROL, b'{"stream":"LEDGER","seq":7}')


def control_that_is_no_text(builder: LedgerBuilder) -> int:
    return builder.append(subjects.CONTROL, b"\xff\xfe\x00")


def an_order_by_a_stranger(builder: LedgerBuilder) -> int:
    return builder.order("eoc-director", EocActivate(level=3, incident="Flood"), signer=stranger())


def an_order_without_the_right(builder: LedgerBuilder) -> int:
    return builder.order("pio", Designate(officer="clerk", grant=Grant(role=Role.PIO)))


def an_order_that_was_carried_out(builder: LedgerBuilder) -> int:
    builder.order("pio", Hold(on=True))
    order = Ordered.from_bytes(builder.entries[-1].data)
    builder.order("pio", Hold(on=False))
    return builder.control(order)


def an_order_with_another_signature(builder: LedgerBuilder) -> int:
    """Whoever holds a service's key can add to the envelope, not to what was signed."""
    builder.order("pio", Hold(on=True))
    value = json.loads(builder.entries[-1].data)
    value["order"]["signatures"].append({"keyid": value["order"]["signatures"][0]["keyid"], "sig": "AAAA"})
    builder.order("pio", Hold(on=False))
    return builder.control(Ordered.from_bytes(json.dumps(value).encode()))


def an_order_that_was_held_back(builder: LedgerBuilder) -> int:
    return builder.order("pio", Hold(on=True), issued_at=builder.now - timedelta(seconds=61))


def an_order_as_before_version_03(builder: LedgerBuilder) -> int:
    builder.old = True
    seq = builder.order("pio", Hold(on=True))
    builder.old = False
    return seq


def a_second_manifest(builder: LedgerBuilder) -> int:
    return builder.control(Genesis(at=builder.now, manifest=read_envelope(builder.city)))


def active_without_an_activation(builder: LedgerBuilder) -> int:
    return builder.active(1)


CONTROL: dict[Junk, str] = {
    control_that_cannot_be_read: "event.malformed",
    control_that_is_no_text: "event.malformed",
    an_order_with_another_signature: "order.replayed",
    an_order_that_was_held_back: "order.expired",
    an_order_as_before_version_03: "order.rule",
    an_order_by_a_stranger: "order.signature",
    an_order_without_the_right: "order.role",
    an_order_that_was_carried_out: "order.replayed",
    a_second_manifest: "control.manifest_twice",
    active_without_an_activation: "control.barrier",
}


@pytest.mark.parametrize(("junk", "code"), CONTROL.items(), ids=lambda one: getattr(one, "__name__", one))
def test_junk_on_control_is_void_and_a_revision_all_the_same(
    builder: LedgerBuilder, verify: Verify, junk: Junk, code: str
) -> None:
    """The fence counts it, so the gate decides anew at its sequence, and posts go on."""
    request = cleared(builder)
    seq = junk(builder)
    builder.verdict(request)
    builder.wait(10)
    builder.post(request)
    report = verify(builder)
    assert (report.violations, warned(report), report.attempts) == ((), [(seq, code)], 1)


def test_junk_on_control_makes_older_verdicts_old(builder: LedgerBuilder, verify: Verify) -> None:
    """As any other change does: nothing is posted by a decision from before it."""
    request = cleared(builder)
    seq = control_that_cannot_be_read(builder)
    attempt = builder.attempt(request)
    assert warned(verify(builder)) == [(seq, "event.malformed"), (attempt, "attempt.void")]


def test_a_forged_approval_does_not_count(builder: LedgerBuilder, verify: Verify) -> None:
    """Signed by a key that is not the officer's: void, and what rests on it has no approval."""
    request = builder.request()
    forged = builder.approve(request, "mcpe", signer=stranger())
    builder.verdict(request)
    builder.wait(10)
    report = verify_post(builder, verify, request)
    assert named(report) == {(len(builder.entries) - 1, "warrant.no_signature")}
    assert warned(report) == [(forged, "approval.signature")]


APPROVALS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "another key": ({"signer": stranger()}, ["approval.signature"]),
    "another officer's": ({"stands_as": "pio"}, ["approval.signature", "approval.other"]),
    "nobody's": ({"stands_as": "nobody"}, ["approval.officer", "approval.other"]),
    "another realm": ({"realm": "exercise"}, ["approval.realm"]),
    "another request": ({"request_id": "r3b"}, ["approval.other"]),
    "another content too": ({"realm": "exercise", "digest": "0" * 64}, ["approval.realm", "approval.digest"]),
}


@pytest.mark.parametrize(("bent", "codes"), APPROVALS.values(), ids=APPROVALS)
def test_a_no_that_is_not_genuine_holds_nothing_back(
    builder: LedgerBuilder, verify: Verify, bent: dict[str, Any], codes: list[str]
) -> None:
    """A genuine yes is not displaced by it, and nobody's message is stopped by it."""
    request = cleared(builder)
    seq = builder.approve(request, "mcpe", decision="reject", **bent)
    builder.wait(10)
    builder.post(request)
    report = verify(builder)
    assert (named(report), report.attempts) == (set(), 1)
    assert sorted(warned(report)) == sorted((seq, code) for code in codes)


def test_a_yes_that_comes_again_after_the_no_is_void(builder: LedgerBuilder, verify: Verify) -> None:
    """Each statement counts once: a reflected old one does not take the officer's no back."""
    request = builder.request()
    builder.approve(request, "mcpe")
    yes = builder.entries[-1]
    builder.verdict(request)
    builder.approve(request, "mcpe", decision="reject")
    again = builder.append(yes.subject, yes.data)
    builder.wait(10)
    builder.attempt(request)
    report = verify(builder)
    assert (named(report), warned(report), report.attempts) == (set(), [(again, "approval.replayed")], 0)


@pytest.mark.parametrize(
    "bent", [{"realm": "exercise"}, {"stands": "ledger.request.r9z"}], ids=["another realm", "another name"]
)
def test_a_request_that_does_not_count_takes_no_place(
    builder: LedgerBuilder, verify: Verify, bent: dict[str, Any]
) -> None:
    """Neither one's that comes after it, nor one's that stood before; nothing may be posted of it."""
    stands = bent.pop("stands", None)
    first = builder.request(**bent)
    if stands:
        line = builder.entries[-1]
        builder.entries[-1] = type(line)(line.seq, stands, line.at, line.data, line.headers)
    code = "event.subject" if stands else "request.realm"
    void = builder.attempt(first)
    builder.post(cleared(builder, text="The genuine one. https://mission.example/roads"))
    report = verify(builder)
    assert named(report) == set()
    assert warned(report) == [(2, code), (void, "attempt.void")]


def test_a_newer_revision_of_another_realm_replaces_nothing(builder: LedgerBuilder, verify: Verify) -> None:
    request = cleared(builder)
    seq = len(builder.entries) + 1
    builder.request(revision=2, realm="exercise", text="Forged. https://mission.example/roads")
    builder.post(request)
    report = verify(builder)
    assert (named(report), warned(report)) == (set(), [(seq, "request.realm")])


def test_the_same_request_again_is_void(builder: LedgerBuilder, verify: Verify) -> None:
    """The one that stands first counts."""
    request = cleared(builder)
    seq = len(builder.entries) + 1
    builder.request(text="Forged. https://mission.example/roads")
    builder.post(request)
    report = verify(builder)
    assert (named(report), warned(report)) == (set(), [(seq, "request.revision")])


def test_a_new_revision_needs_its_own_verdict_and_approval(builder: LedgerBuilder, verify: Verify) -> None:
    """What was said of the older one is not carried over."""
    request = cleared(builder)
    newer = builder.request(revision=2, text="The bridge too. https://mission.example/roads")
    builder.attempt(request)
    builder.attempt(newer)
    report = verify(builder)
    assert (named(report), report.attempts) == (set(), 0)
    builder.verdict(newer)
    builder.wait(10)
    seq = builder.attempt(newer)
    builder.receipt(newer, seq)
    assert named(verify(builder)) == {(seq, "warrant.no_signature")}


def test_junk_under_the_subjects_of_a_request(builder: LedgerBuilder, verify: Verify) -> None:
    """Unreadable, on another one, on none, of no kind: void each, and the next verdict names it as the last."""
    request = cleared(builder)
    name = request.request_id
    other = builder.request("r3b")
    seqs = [
        builder.append(subjects.verdict(name), b"\xff"),
        builder.append(subjects.approval(name, "pio"), b"{}"),
        builder.append(subjects.attempt(FIRE, name), b"[]"),
        builder.append(subjects.receipt(FIRE, name), b'{"seq":1,"seq":2}'),
        builder.append("ledger.gossip", b"{}"),
        builder.append("ledger.verdict.r0none", builder.entries[3].data),
    ]
    lone = builder.verdict(other.model_copy(update={"request_id": "r0none"}), Outcome.BLOCKED)
    spoken = builder.approve(other.model_copy(update={"request_id": "r0none"}), "pio")
    builder.verdict(request)
    builder.verdict(other, Outcome.BLOCKED)
    builder.wait(10)
    builder.post(request)
    report = verify(builder)
    assert named(report) == set()
    assert warned(report) == [
        *((seq, "event.malformed") for seq in seqs[:4]),
        *((seq, "event.subject") for seq in seqs[4:]),
        (lone, "verdict.request"),
        (spoken, "approval.request"),
    ]


def test_a_verdict_at_a_revision_to_come_is_void(builder: LedgerBuilder, verify: Verify) -> None:
    """It cannot have been decided at what was not there."""
    request = cleared(builder)
    seq = builder.verdict(request, Outcome.BLOCKED, control_seq=99)
    good = builder.entries[3].seq
    builder.receipt(request, builder.attempt(request, verdict_seq=good))
    assert (named(verify(builder)), warned(verify(builder))) == (set(), [(seq, "verdict.control")])


def test_a_manifest_with_too_few_signatures_is_no_manifest(city: City, verify: Verify) -> None:
    """One root key of two, and a stranger: void, and nothing can be judged."""
    builder = LedgerBuilder(city)
    builder.genesis(seal(MANIFEST_TYPE, read_manifest(city), (builder.signer("cao"), stranger())))
    report = verify(builder)
    assert (named(report), warned(report)) == ({(0, "control.no_manifest")}, [(1, "manifest.signature")])


# --- restored as it is, and versions ---------------------------------------------------------------------------------


def test_a_record_with_junk_is_restored_as_it_is(builder: LedgerBuilder, verify: Verify) -> None:
    """It verifies; each entry has its writer."""
    for junk in CONTROL:
        junk(builder)
    builder.append(subjects.verdict("r2a"), b"\xff")
    report = verify(builder)
    refuse_unproven(builder.city, report)
    assert len(list(puts(builder.entries))) == len(builder.entries)
    assert verify_record(builder.city, builder.now).ok


def mixed(city: City) -> LedgerBuilder:
    """A ledger that 0.2 began, with a post and its delivery."""
    builder = LedgerBuilder(city, old=True)
    builder.genesis()
    builder.post(cleared(builder, name="r0old"))
    return builder


def test_a_city_that_was_brought_to_this_version_verifies(city: City, verify: Verify) -> None:
    """Old posts count as they stand, what was open in them stays so, and holds its profile."""
    builder = mixed(city)
    request = cleared(builder)
    old = builder.attempt(request)
    builder.old = False
    other = cleared(builder, name="r3b")
    builder.attempt(other)  # the profile is held by the old attempt
    builder.attempt(request)  # and so is the request
    builder.wait(16)
    builder.lapsed(request, old)
    builder.post(other)
    builder.receipt(request, old, outcome=ReceiptOutcome.WITHHELD)
    builder.post(request)
    report = verify(builder)
    assert (report.violations, report.warnings, report.attempts) == ((), (), 4)


def test_what_is_void_is_judged_by_the_version_that_wrote_there(city: City, verify: Verify) -> None:
    """Before the last old attempt it is a violation, as it was; after it a warning."""
    builder = mixed(city)
    old = control_that_cannot_be_read(builder)
    posture = len(builder.entries) + 1
    builder.request("r1p", submitted_posture="crisis")
    builder.verdict(builder.request("r1q"), Outcome.BLOCKED)
    builder.post(cleared(builder, name="r0two"))
    builder.old = False
    new = control_that_cannot_be_read(builder)
    builder.request("r5p", submitted_posture="crisis")
    builder.post(cleared(builder))
    report = verify(builder)
    assert named(report) == {(old, "event.malformed"), (posture, "request.posture")}
    assert (new, "event.malformed") in warned(report)
    assert len([code for _, code in warned(report) if code != "request.undecided"]) == 1


def test_an_old_attempt_after_a_new_one_is_void(city: City, verify: Verify) -> None:
    """A worker of 0.2 that still runs posts by a rule that nobody keeps any more."""
    builder = mixed(city)
    builder.old = False
    builder.post(cleared(builder))
    builder.old = True
    request = cleared(builder, name="r3b", targets=(FIRE, WEB))
    attempt = builder.attempt(request)
    seq = builder.receipt(request, attempt)
    report = verify(builder)
    assert named(report) == {(seq, "receipt.void_attempt")}
    assert warned(report) == [(attempt, "attempt.void")]
