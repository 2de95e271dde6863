"""What people decide on unconfirmed posts, replayed: it is proved, and nothing happens without it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from schemas import subjects
from schemas.events.authority import Grant, Role
from schemas.events.control import Designate, Revoke
from schemas.events.deliveries import ReceiptOutcome
from schemas.events.requests import Request
from schemas.platforms import MIRROR
from services.audit.proof import list_entries, show_entry
from services.kernel.base.city import City
from tests.support.ledger_builder import FIRE, WEB, LedgerBuilder, story, stranger
from tests.unit.audit.judging import Verify, named, warned


@dataclass
class Doubt:
    """A request whose post is unconfirmed: the attempt, and the receipt that says so."""

    request: Request
    attempt: int
    receipt: int


def doubtful(builder: LedgerBuilder, approver: str = "mcpe", **fields: Any) -> Doubt:
    request = builder.request(**fields)
    builder.approve(request, approver)
    builder.verdict(request)
    builder.wait(20)
    attempt = builder.attempt(request)
    builder.wait(140)
    return Doubt(request, attempt, builder.unconfirmed(request, attempt))


@pytest.fixture(params=["as 0.2 wrote it", "as 0.3 writes it"])
def builder(city: City, request: pytest.FixtureRequest) -> LedgerBuilder:
    """A ledger that begins with the manifest."""
    made = LedgerBuilder(city, old=request.param == "as 0.2 wrote it")
    made.genesis()
    return made


@pytest.fixture
def doubt(builder: LedgerBuilder) -> Doubt:
    return doubtful(builder)


@pytest.mark.parametrize("decision", ["posted", "give_up", "post_again"])
def test_each_decision_verifies(builder: LedgerBuilder, verify: Verify, doubt: Doubt, decision: str) -> None:
    seq = builder.resolve(doubt.request, decision, doubt.receipt)
    builder.carry_out(doubt.request, doubt.attempt, seq, decision)
    if decision == "post_again":
        builder.post(doubt.request, FIRE)
    report = verify(builder)
    assert (report.violations, report.warnings) == ((), ())


@pytest.mark.parametrize("decision", ["posted", "give_up", "post_again"])
def test_each_decision_on_the_websites_page_verifies(city: City, verify: Verify, decision: str) -> None:
    builder = LedgerBuilder(city)
    builder.genesis()
    request = builder.request()
    builder.approve(request, "mcpe")
    builder.verdict(request, mirror=True)
    builder.post(request, FIRE)
    attempt = builder.attempt(request, MIRROR)
    builder.wait(140)
    receipt = builder.unconfirmed(request, attempt, MIRROR)
    seq = builder.resolve(request, decision, receipt, profile=MIRROR)
    builder.carry_out(request, attempt, seq, decision, profile=MIRROR)
    if decision == "post_again":
        builder.post(request, MIRROR)
    report = verify(builder)
    assert (report.violations, report.warnings) == ((), ())


def test_a_decision_is_shown_with_its_request_and_profile(
    builder: LedgerBuilder, verify: Verify, doubt: Doubt, city: City
) -> None:
    seq = builder.resolve(doubt.request, "give_up", doubt.receipt)
    verify(builder)
    [entry] = list_entries(city, kind="resolution")
    assert (entry.seq, entry.request_id, entry.profile) == (seq, doubt.request.request_id, FIRE)
    assert show_entry(city, seq).entry == entry


def test_posted_again_and_unconfirmed_anew_is_decided_anew(
    builder: LedgerBuilder, verify: Verify, doubt: Doubt
) -> None:
    first = builder.resolve(doubt.request, "post_again", doubt.receipt)
    builder.carry_out(doubt.request, doubt.attempt, first, "post_again")
    attempt = builder.attempt(doubt.request)
    receipt = builder.unconfirmed(doubt.request, attempt)
    second = builder.resolve(doubt.request, "posted", receipt, "comms-officer")
    builder.carry_out(doubt.request, attempt, second, "posted")
    assert verify(builder).violations == ()


def test_a_decision_may_be_fenced_on_what_is_void_behind_its_receipt(
    builder: LedgerBuilder, verify: Verify, doubt: Doubt
) -> None:
    """Whoever has fan-out's key must not keep an officer from deciding; what is before the receipt is no fence."""
    subject = subjects.receipt(FIRE, doubt.request.request_id)
    if not builder.old:
        void = builder.receipt(doubt.request, 0, outcome=ReceiptOutcome.FAILED, final=True)
        builder.resolve(doubt.request, "posted", doubt.receipt, fence=(subject, void))
        assert verify(builder).violations == ()
        return
    seq = builder.resolve(doubt.request, "posted", doubt.receipt, fence=(subject, doubt.receipt - 1))
    assert (seq, "resolution.unfenced") in {(one.seq, one.code) for one in verify(builder).violations}


def test_the_platforms_own_late_word_needs_no_officer(builder: LedgerBuilder, verify: Verify, doubt: Doubt) -> None:
    """A worker that was away writes what the platform answered: it is better than not knowing."""
    builder.receipt(doubt.request, doubt.attempt)
    assert verify(builder).violations == ()


def test_a_post_that_then_stands_twice_is_the_officers_decision_and_a_warning(
    builder: LedgerBuilder, verify: Verify, doubt: Doubt
) -> None:
    seq = builder.resolve(doubt.request, "post_again", doubt.receipt)
    builder.carry_out(doubt.request, doubt.attempt, seq, "post_again")
    builder.post(doubt.request, FIRE)
    late = builder.receipt(doubt.request, doubt.attempt)
    report = verify(builder)
    assert (report.violations, warned(report)) == ((), [(late, "receipt.double")])


def test_a_post_that_vanished_is_posted_again(builder: LedgerBuilder, verify: Verify, doubt: Doubt) -> None:
    """Seed 18 of the simulation: what the decision answers is that the delivered post does not stand any more."""
    builder.receipt(doubt.request, doubt.attempt)
    gone = builder.unconfirmed(doubt.request, doubt.attempt)
    seq = builder.resolve(doubt.request, "post_again", gone)
    builder.carry_out(doubt.request, doubt.attempt, seq, "post_again")
    builder.post(doubt.request, FIRE)
    assert verify(builder).violations == ()


def test_what_expired_unconfirmed_was_seen_by_an_officer(builder: LedgerBuilder, verify: Verify) -> None:
    """Seed 23 of the simulation: its last receipt is of no attempt, and there was one before."""
    request = builder.request()
    builder.approve(request, "mcpe")
    builder.verdict(request)
    attempt = builder.attempt(request)
    builder.receipt(request, attempt, outcome=ReceiptOutcome.UNCONFIRMED)
    builder.wait(4 * 3_600)
    ended = builder.unconfirmed(request, 0)
    seq = builder.resolve(request, "posted", ended)
    builder.carry_out(request, 0, seq, "posted")
    assert verify(builder).violations == ()


def test_what_was_never_attempted_was_seen_by_no_officer(builder: LedgerBuilder, verify: Verify) -> None:
    request = builder.request()
    builder.approve(request, "mcpe")
    builder.verdict(request)
    ended = builder.unconfirmed(request, 0)
    seq = builder.resolve(request, "posted", ended)
    seen = builder.carry_out(request, 0, seq, "posted")
    assert (seen, "receipt.attempt") in named(verify(builder))


# --- what may not be --------------------------------------------------------------------------------------------


def test_an_attempt_after_an_unconfirmed_end_without_a_decision(
    builder: LedgerBuilder, verify: Verify, doubt: Doubt
) -> None:
    seq = builder.attempt(doubt.request)
    assert named(verify(builder)) == ({(seq, "attempt.final")} if builder.old else set())
    receipt = builder.receipt(doubt.request, seq)
    code = (seq, "attempt.final") if builder.old else (receipt, "receipt.void_attempt")
    assert code in named(verify(builder))


@pytest.mark.parametrize("decision", ["posted", "give_up"])
def test_an_attempt_after_another_decision_than_to_post_again(
    builder: LedgerBuilder, verify: Verify, doubt: Doubt, decision: str
) -> None:
    seq = builder.resolve(doubt.request, decision, doubt.receipt)
    builder.carry_out(doubt.request, doubt.attempt, seq, decision)
    again = builder.attempt(doubt.request)
    found = {(at, code.replace("delivered", "final")) for at, code in named(verify(builder))}
    assert found == ({(again, "attempt.final")} if builder.old else set())
    receipt = builder.receipt(doubt.request, again)
    code = (again, "attempt.final") if builder.old else (receipt, "receipt.void_attempt")
    assert code in {(at, code.replace("delivered", "final")) for at, code in named(verify(builder))}


def test_an_attempt_on_a_decision_that_may_not_be(builder: LedgerBuilder, verify: Verify, doubt: Doubt) -> None:
    """An employee's word does not open the delivery again, whatever was written after it."""
    seq = builder.resolve(doubt.request, "post_again", doubt.receipt, "clerk")
    builder.carry_out(doubt.request, doubt.attempt, seq, "post_again")
    again = builder.attempt(doubt.request)
    assert named(verify(builder)) == {(seq, "resolution.role"), (again, "attempt.final")}


@pytest.mark.parametrize(
    ("outcome", "final"),
    [(ReceiptOutcome.WITHHELD, False), (ReceiptOutcome.FAILED, True), (ReceiptOutcome.EXPIRED, True)],
)
def test_an_unconfirmed_end_changed_without_a_decision(
    builder: LedgerBuilder, verify: Verify, doubt: Doubt, outcome: ReceiptOutcome, final: bool
) -> None:
    seq = builder.receipt(doubt.request, doubt.attempt, outcome=outcome, final=final)
    assert (seq, "receipt.unresolved") in named(verify(builder))


def test_delivered_by_no_word_of_the_platform(builder: LedgerBuilder, verify: Verify, doubt: Doubt) -> None:
    seq = builder.receipt(doubt.request, doubt.attempt, remote_id=None)
    assert named(verify(builder)) == {(seq, "receipt.unproven")}


def test_delivered_without_a_platforms_id_from_the_start(builder: LedgerBuilder, verify: Verify) -> None:
    request = builder.request()
    builder.approve(request, "mcpe")
    builder.verdict(request)
    builder.wait(20)
    seq = builder.receipt(request, builder.attempt(request), remote_id=None)
    assert named(verify(builder)) == {(seq, "receipt.unproven")}


RECEIPTS: dict[str, dict[str, Any]] = {
    "delivered on a decision to give up": {"decision": "give_up", "outcome": ReceiptOutcome.DELIVERED},
    "another address than was signed": {"decision": "posted", "url": "http://127.0.0.1/elsewhere"},
    "final on a decision to post again": {"decision": "post_again", "final": True},
    "failed on a decision that it is there": {"decision": "posted", "outcome": ReceiptOutcome.FAILED},
}


@pytest.mark.parametrize("bent", RECEIPTS.values(), ids=RECEIPTS)
def test_a_receipt_that_says_other_than_the_officer(
    builder: LedgerBuilder, verify: Verify, doubt: Doubt, bent: dict[str, Any]
) -> None:
    fields = dict(bent)
    decision = fields.pop("decision")
    seq = builder.resolve(doubt.request, decision, doubt.receipt)
    receipt = builder.carry_out(doubt.request, doubt.attempt, seq, decision, **fields)
    assert (receipt, "receipt.resolution") in named(verify(builder))


def test_a_receipt_in_the_name_of_no_decision(builder: LedgerBuilder, verify: Verify, doubt: Doubt) -> None:
    """It names something that is no resolution, or one that was carried out already."""
    seq = builder.carry_out(doubt.request, doubt.attempt, 3, "posted")
    assert named(verify(builder)) == {(seq, "receipt.resolution")}


def test_a_decision_is_carried_out_once(builder: LedgerBuilder, verify: Verify, doubt: Doubt) -> None:
    seq = builder.resolve(doubt.request, "post_again", doubt.receipt)
    builder.carry_out(doubt.request, doubt.attempt, seq, "post_again")
    attempt = builder.attempt(doubt.request)
    builder.unconfirmed(doubt.request, attempt)
    second = builder.carry_out(doubt.request, attempt, seq, "post_again")
    again = builder.attempt(doubt.request)
    assert named(verify(builder)) == {(second, "receipt.resolution"), (again, "attempt.final")}


RESOLUTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "another key": ({"signer": stranger()}, "resolution.signature"),
    "another realm": ({"realm": "exercise"}, "resolution.realm"),
    "another request than it is on": ({"stands_as": {"revision": 2}}, "resolution.other"),
    "another officer than it stands as": ({"stands_as": {"officer": "mcpe"}}, "resolution.signature"),
    "an officer who is not there": ({"stands_as": {"officer": "nobody"}}, "resolution.officer"),
    "an employee": ({"officer": "clerk"}, "resolution.role"),
    "the profile's publisher": ({"officer": "fire-publisher"}, "resolution.role"),
    "without its fence": ({"fence": ("ledger.control", 1)}, "resolution.unfenced"),
}


@pytest.mark.parametrize(("bent", "code"), RESOLUTIONS.values(), ids=RESOLUTIONS)
def test_a_decision_that_may_not_be(
    builder: LedgerBuilder, verify: Verify, doubt: Doubt, bent: dict[str, Any], code: str
) -> None:
    seq = builder.resolve(doubt.request, "give_up", doubt.receipt, **bent)
    assert (seq, code) in named(verify(builder))


def test_a_decision_out_of_its_time(builder: LedgerBuilder, verify: Verify, doubt: Doubt) -> None:
    late = builder.now - timedelta(minutes=10)
    seq = builder.resolve(
        doubt.request, "give_up", doubt.receipt, issued_at=late, expires_at=late + timedelta(minutes=2)
    )
    assert named(verify(builder)) == {(seq, "resolution.expired")}


def test_a_decision_on_what_is_not_unconfirmed(builder: LedgerBuilder, verify: Verify) -> None:
    """Nothing is unconfirmed there; or another receipt than the one that it names."""
    request = builder.request()
    builder.approve(request, "mcpe")
    builder.verdict(request)
    builder.wait(20)
    delivered = builder.receipt(request, builder.attempt(request))
    seq = builder.resolve(request, "give_up", delivered)
    doubt = doubtful(builder, name="r9z")
    other = builder.resolve(doubt.request, "give_up", doubt.attempt)
    assert named(verify(builder)) == {(seq, "resolution.receipt"), (other, "resolution.receipt")}


def test_two_decisions_on_one_receipt(builder: LedgerBuilder, verify: Verify, doubt: Doubt) -> None:
    builder.resolve(doubt.request, "give_up", doubt.receipt)
    second = builder.resolve(doubt.request, "post_again", doubt.receipt, "mcpe")
    assert named(verify(builder)) == {(second, "resolution.twice")}


@pytest.mark.parametrize("decision", ["posted", "post_again"])
def test_an_append_that_was_repeated_is_one_decision(
    builder: LedgerBuilder, verify: Verify, doubt: Doubt, decision: str
) -> None:
    """The same bytes again, before and after it was carried out, are nothing; a receipt cannot name them."""
    first = builder.resolve(doubt.request, decision, doubt.receipt)
    subject, data = builder.entries[first - 1].subject, builder.entries[first - 1].data
    again = builder.append(subject, data, fence=(subjects.receipt(FIRE, doubt.request.request_id), doubt.receipt))
    builder.carry_out(doubt.request, doubt.attempt, first, decision)
    builder.append(subject, data)
    if decision == "post_again":
        builder.post(doubt.request, FIRE)
    assert named(verify(builder)) == set()
    forged = builder.carry_out(doubt.request, doubt.attempt, again, decision)
    assert (forged, "receipt.resolution") in named(verify(builder))


def test_a_decision_under_another_subject(builder: LedgerBuilder, verify: Verify, doubt: Doubt) -> None:
    builder.resolve(doubt.request, "give_up", doubt.receipt)
    line = builder.entries[-1]
    elsewhere = subjects.resolution(WEB, doubt.request.request_id)
    builder.entries[-1] = type(line)(line.seq, elsewhere, line.at, line.data, line.headers)
    assert named(verify(builder)) == {(line.seq, "event.subject")}


def test_posting_again_under_the_eoc_needs_a_role_of_2_iii(builder: LedgerBuilder, verify: Verify) -> None:
    """2(iii): the office may say what it sees, and not have it posted again."""
    builder.activate()
    one, other = doubtful(builder, "cao", name="r9y"), doubtful(builder, "cao", name="r9z")
    builder.resolve(one.request, "give_up", one.receipt, "comms-officer")
    seq = builder.resolve(other.request, "post_again", other.receipt, "comms-officer")
    assert named(verify(builder)) == {(seq, "resolution.role")}


def test_a_role_that_was_taken_back_long_before(builder: LedgerBuilder, verify: Verify, doubt: Doubt) -> None:
    builder.order("cao", Revoke(officer="comms-officer"))
    builder.wait(20)
    seq = builder.resolve(doubt.request, "give_up", doubt.receipt, "comms-officer")
    assert named(verify(builder)) == {(seq, "resolution.role")}


def test_a_role_that_was_taken_back_at_the_same_moment_is_a_warning(
    builder: LedgerBuilder, verify: Verify, doubt: Doubt
) -> None:
    """The append is fenced on the receipt, so control may change between the look and the write."""
    builder.order("cao", Revoke(officer="comms-officer"))
    seq = builder.resolve(doubt.request, "give_up", doubt.receipt, "comms-officer")
    report = verify(builder)
    assert (report.violations, warned(report)) == ((), [(seq, "resolution.overtaken")])


def test_a_role_that_was_given_later(builder: LedgerBuilder, verify: Verify, doubt: Doubt) -> None:
    seq = builder.resolve(doubt.request, "give_up", doubt.receipt, "clerk")
    builder.order("mcpe", Designate(officer="clerk", grant=Grant(role=Role.PIO)))
    assert named(verify(builder)) == {(seq, "resolution.role")}


def test_the_usual_day_has_nothing_to_say(city: City, verify: Verify) -> None:
    assert verify(story(LedgerBuilder(city))).ok


def test_the_platforms_late_word_after_an_officers_names_the_same_post(builder: LedgerBuilder, verify: Verify) -> None:
    """Seed 288 of the simulation: a worker that slept finds by its id what an officer named by its address."""
    request = builder.request()
    builder.approve(request, "mcpe")
    builder.verdict(request)
    attempt = builder.attempt(request)
    seq = builder.resolve(request, "posted", builder.unconfirmed(request, attempt))
    builder.carry_out(request, attempt, seq, "posted")
    builder.receipt(request, attempt)
    assert verify(builder).violations == ()
