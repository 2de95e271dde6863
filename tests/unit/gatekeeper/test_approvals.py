"""Clause approval: which signed statements are genuine, about exactly this request, and in force."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from schemas import canonical
from schemas.events.approvals import Approval
from schemas.events.authority import Role, Settings
from schemas.events.envelope import APPROVAL_TYPE, ORDER_TYPE, Envelope, Signature, pae
from services.gatekeeper.policy import approvals
from services.gatekeeper.policy.facts import ApprovalFact
from tests.unit.gatekeeper.policy_city import MINUTE, SECOND, PolicyCity, one, said, signer

CLAUSE = approvals.CLAUSE


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"realm": "exercise"}, "realm exercise"),
        ({"request_id": "r999"}, "the request r999"),
        ({"revision": 2}, "revision 2"),
        ({"digest": "a" * 64}, "another digest"),
        ({"renderings": {"townsquare": "a" * 64, "website": "b" * 64}}, "other renderings"),
        ({"renderings": {}}, "other renderings"),
        ({"scope": "all-departments"}, "scope all-departments"),
        ({"targets": ("fire-town", "police-town")}, "other profiles"),
        ({"targets": ("police-town",)}, "other profiles"),
        ({"targets": ()}, "other profiles"),
        ({"officer": "mcpe"}, "in the name of mcpe"),
        ({"key": "mcpe"}, "not signed by the key of cao"),
        ({"key": "stranger"}, "not signed by the key of cao"),
    ],
)
def test_what_is_not_about_exactly_this_is_worth_nothing(changes: dict[str, Any], why: str) -> None:
    """Each mismatch is noted in plain words, and the request stays blocked."""
    city = PolicyCity()
    city.activate()
    request = city.request()
    city.approve(request, "cao", **changes)
    decision = city.decide(request)
    assert decision.outcome == "blocked"
    assert decision.approved_by == ()
    assert why in one(decision, CLAUSE, "noted")
    assert city.outcome(request, "cao") == "cleared"


@pytest.mark.parametrize(
    ("issued", "expires", "outcome", "why"),
    [
        (0 * SECOND, 30 * MINUTE, "cleared", ""),
        (0 * SECOND, 30 * MINUTE + SECOND, "blocked", "longer than the 30 minutes"),
        (0 * SECOND, 0 * SECOND, "blocked", "before it was issued"),
        (5 * SECOND, 0 * SECOND, "blocked", "before it was issued"),
        (60 * SECOND, 10 * MINUTE, "cleared", ""),
        (61 * SECOND, 10 * MINUTE, "blocked", "in the future"),
        (-10 * MINUTE, 0 * SECOND, "blocked", "expired"),
        (-10 * MINUTE, SECOND, "cleared", ""),
        (-10 * MINUTE, -SECOND, "blocked", "expired"),
    ],
)
def test_the_window_of_an_approval(issued: timedelta, expires: timedelta, outcome: str, why: str) -> None:
    """Not too long, not backwards, at most a minute ahead, and over at the very moment of its expiry."""
    city = PolicyCity()
    request = city.request()
    city.approve(request, "mcpe", issued_at=city.now + issued, expires_at=city.now + expires)
    decision = city.decide(request)
    assert decision.outcome == outcome
    if why:
        assert why in one(decision, CLAUSE, "noted")


def test_how_long_it_may_last_is_the_citys_setting() -> None:
    """A city with ten minutes refuses a quarter of an hour."""
    city = PolicyCity(settings=Settings(approval_seconds=600))
    request = city.request()
    city.approve(request, "mcpe", expires_at=city.now + 15 * MINUTE)
    assert "10 minutes" in one(city.decide(request), CLAUSE, "noted")
    city.approve(request, "mcpe", expires_at=city.now + 10 * MINUTE)
    assert city.decide(request).outcome == "cleared"


def test_the_order_of_targets_does_not_matter_but_their_number_does() -> None:
    """The same profiles in another order are the same; one of them twice is not."""
    city = PolicyCity()
    request = city.request(targets=("fire-town", "police-town"))
    city.approve(request, "mcpe", targets=("police-town", "fire-town"))
    assert city.decide(request).outcome == "cleared"
    city.approve(request, "mcpe", targets=("police-town", "fire-town", "fire-town"))
    assert city.decide(request).outcome == "blocked"


def test_an_unknown_officer_and_a_revoked_one() -> None:
    """Both are told apart in the reason."""
    city = PolicyCity()
    request = city.request()
    city.approve(request, "stranger")
    assert "no officer stranger" in one(city.decide(request), CLAUSE, "noted")
    city.approve(request, "mcpe")
    city.revoke("mcpe")
    reasons = [finding.reason for finding in said(city.decide(request), CLAUSE)]
    assert any("key of mcpe was revoked" in reason for reason in reasons)
    assert city.decide(request).outcome == "blocked"


def test_who_holds_no_role_that_counts_is_told_what_it_takes() -> None:
    """A genuine approval without authority is on record, and the note says what would count."""
    city = PolicyCity()
    city.activate()
    request = city.request()
    city.approve(request, "clerk")
    reason = one(city.decide(request), CLAUSE, "noted")
    assert "clerk (employee)" in reason
    assert "it takes cao, mcpe, pio or eoc_director" in reason


def _envelope(payload: bytes, key: str = "mcpe", kind: str = APPROVAL_TYPE) -> Envelope:
    signature = signer(key).raw_signature(pae(kind, payload))
    return Envelope(
        payloadType=kind,
        payload=base64.b64encode(payload).decode(),
        signatures=(Signature(keyid=signer(key).public_key, sig=base64.b64encode(signature).decode()),),
    )


def _changed(raw: bytes, **changes: Any) -> bytes:
    return canonical.dumps(json.loads(raw) | changes)


@pytest.mark.parametrize(
    ("tamper", "why"),
    [
        (lambda raw: b"", "cannot be read"),
        (lambda raw: b"\xff\xfe", "cannot be read"),
        (lambda raw: b"[" * 100_000, "cannot be read"),
        (lambda raw: raw[:-1] + b',"realm":"live"}', "cannot be read"),
        (lambda raw: _changed(raw, extra=1), "cannot be read"),
        (lambda raw: _changed(raw, decision="maybe"), "cannot be read"),
        (lambda raw: raw + b" ", "canonical"),
        (lambda raw: _changed(raw, revision=True), "canonical"),
        (lambda raw: _changed(raw, revision="1"), "canonical"),
        (lambda raw: json.dumps(json.loads(raw)).encode(), "canonical"),
    ],
)
def test_signed_bytes_are_read_strictly(tamper: Any, why: str) -> None:
    """Twice the same key, unknown keys, other types, other spelling: signed, and still worth nothing."""
    city = PolicyCity()
    request = city.request()
    envelope = _envelope(tamper(city.statement(request, "mcpe").to_bytes()))
    city.record(
        request, "mcpe", Approval(at=city.now, request_id=request.request_id, officer="mcpe", envelope=envelope)
    )
    decision = city.decide(request)
    assert decision.outcome == "blocked"
    assert why in one(decision, CLAUSE, "noted")


def _broken_envelopes(good: Envelope) -> list[Envelope]:
    first = good.signatures[0]
    flipped = ("A" if first.sig[0] != "A" else "B") + first.sig[1:]
    another = signer("cao").raw_signature(good.signed_bytes())
    second = Signature(keyid=signer("cao").public_key, sig=base64.b64encode(another).decode())
    body = good.payload_bytes()
    return [
        good.model_copy(update={"signatures": (first.model_copy(update={"sig": flipped}),)}),
        good.model_copy(update={"signatures": (first.model_copy(update={"sig": ""}),)}),
        good.model_copy(update={"signatures": (first, second)}),
        good.model_copy(update={"payload": base64.b64encode(body.replace(b"approve", b"reject")).decode()}),
        good.model_copy(update={"payload": "A"}),
        good.model_copy(update={"payload_type": ORDER_TYPE}),
        _envelope(body, kind=ORDER_TYPE),
    ]


@pytest.mark.parametrize("number", range(7))
def test_a_broken_envelope(number: int) -> None:
    """One bit, another key beside it, another payload, another type: not signed by the officer."""
    city = PolicyCity()
    request = city.request()
    good = _envelope(city.statement(request, "mcpe").to_bytes())
    approval = Approval(at=city.now, request_id=request.request_id, officer="mcpe", envelope=good)
    city.record(request, "mcpe", approval)
    assert city.decide(request).outcome == "cleared"
    broken = _broken_envelopes(good)[number]
    city.record(request, "mcpe", approval.model_copy(update={"envelope": broken}))
    decision = city.decide(request)
    assert decision.outcome == "blocked"
    one(decision, CLAUSE, "noted")


@pytest.mark.parametrize(
    "subject", ["ledger.approval.r000000000002.cao", "ledger.approval.r7.mcpe", "ledger.control", ""]
)
def test_a_statement_on_another_subject_counts_nowhere(subject: str) -> None:
    """The subject proves who sent it; another one is not the officer's."""
    city = PolicyCity()
    request = city.request()
    city.approve(request, "mcpe")
    genuine = city.approvals[request.request_id]["mcpe"]
    assert genuine.subject == f"ledger.approval.{request.request_id}.mcpe"
    city.approvals[request.request_id]["mcpe"] = ApprovalFact(genuine.approval, genuine.seq, subject)
    assert "does not belong" in one(city.decide(request), CLAUSE, "noted")


def test_an_event_about_another_request_or_officer_than_its_statement() -> None:
    """What the event says and what was signed must be the same."""
    city = PolicyCity()
    request, other = city.request(), city.request()
    city.approve(request, "mcpe")
    event = city.approvals[request.request_id]["mcpe"].approval
    city.record(other, "mcpe", event)
    assert city.decide(other).outcome == "blocked"
    city.record(other, "mcpe", event.model_copy(update={"request_id": other.request_id}))
    assert f"the request {request.request_id}" in one(city.decide(other), CLAUSE, "noted")
    city.record(request, "office", event)
    decision = city.decide(request)
    assert f"found at ledger.approval.{request.request_id}.office" in one(decision, CLAUSE, "noted")
    assert decision.approved_by == ("mcpe",)


def test_the_last_statement_is_the_one_with_the_greatest_sequence() -> None:
    """Two statements on one subject, in any order in the facts: the later one counts."""
    city = PolicyCity()
    request = city.request()
    city.reject(request, "mcpe")
    no = city.approvals[request.request_id].pop("mcpe")
    city.approve(request, "mcpe")
    city.approvals[request.request_id]["earlier"] = no
    assert city.decide(request).outcome == "cleared"


def test_approvals_are_told_in_the_order_of_the_ledger() -> None:
    """Who approved first stands first, whatever the order of the facts."""
    city = PolicyCity()
    city.activate()
    request = city.request()
    for officer in ("pio", "cao", "mcpe"):
        city.approve(request, officer)
    city.approvals[request.request_id] = dict(reversed(city.approvals[request.request_id].items()))
    decision = city.decide(request)
    assert decision.approved_by == ("pio", "cao", "mcpe")
    assert decision.publisher_of_record == "pio"


def test_remembering_signatures_does_not_outlive_a_new_key() -> None:
    """The same envelope is judged by the keys of today: a designation does not help a key that is not the officer's."""
    city = PolicyCity()
    request = city.request()
    city.approve(request, "mcpe")
    assert city.decide(request).outcome == "cleared"
    other = PolicyCity(keys={"mcpe": signer("mcpe, after the loss of the first key")})
    other.request_seqs, other.approvals = city.request_seqs, city.approvals
    assert other.decide(request).outcome == "blocked"
    other.designate("clerk", Role.MCPE)
    assert other.decide(request).outcome == "blocked"
