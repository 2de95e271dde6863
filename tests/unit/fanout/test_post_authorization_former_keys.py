"""The posting worker's own look at what a key signed that its officer may not sign with any more.

Each key can be replaced, in a crisis too: the yes of an officer whose key is gone is not counted, and holds nothing
back that others have approved. Their no stands.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from schemas import subjects
from schemas.events.approvals import Approval
from schemas.events.authority import Role, Settings
from schemas.events.control import Posture
from schemas.events.verdicts import Outcome
from services.gatekeeper.policy.decide import decide
from services.gatekeeper.policy.facts import ApprovalFact, Facts
from services.kernel.authority.signing import Signer, new_seed
from services.kernel.control.control_state import ControlState, FormerPasskey
from tests.unit.fanout.test_post_authorization_passkeys import approval as by_passkey
from tests.unit.fanout.test_post_authorization_passkeys import with_passkeys
from tests.unit.fanout.world import NOW, SIGNERS, STRANGER, approval, codes, control, facts, request
from tests.unit.gatekeeper.test_passkey_approvals import PHONE

OLDEST, NEW = Signer(new_seed()), Signer(new_seed())
REKEYED_AT = 5


def rekeyed(name: str = "mcpe", key: str | None = NEW.public_key) -> ControlState:
    """Control after an officer was given another key, or lost theirs, for the second time."""
    state = control(Posture.EOC_ACTIVE)
    person = state.officers[name].model_copy(update={"public_key": key})
    former = ((OLDEST.public_key, REKEYED_AT - 2), (None, REKEYED_AT - 1), (SIGNERS[name].public_key, REKEYED_AT))
    return replace(state, officers={**state.officers, name: person}, former_keys={name: former})


def without_passkey(officer: str = "mcpe") -> ControlState:
    """Control after a passkey of an officer was taken back."""
    former = FormerPasskey(officer, PHONE.passkey, since=0, until=REKEYED_AT)
    return replace(control(Posture.EOC_ACTIVE), former_passkeys=(former,))


def demanding() -> ControlState:
    """Control after the city has asked for keys that stay where they are."""
    return with_passkeys(settings=Settings(device_bound_roles=(Role.MCPE,)))


FORMER: dict[str, tuple[ControlState, Approval]] = {
    "a key that was replaced": (rekeyed(), approval(request(), "mcpe")),
    "the key before that": (rekeyed(), approval(request(), "mcpe", key=OLDEST)),
    "a key that was lost": (rekeyed(key=None), approval(request(), "mcpe")),
    "a passkey that was taken back": (without_passkey(), by_passkey(PHONE)),
    "a passkey that its role may not use": (demanding(), by_passkey(PHONE)),
}


@pytest.mark.parametrize("kind", FORMER)
def test_a_yes_whose_key_is_gone_holds_nothing_back_that_others_approved(kind: str) -> None:
    state, old = FORMER[kind]
    assert codes(facts(approvals=(old, approval(request(), "pio")), control=state)) == set()


@pytest.mark.parametrize("kind", FORMER)
def test_it_never_counts_as_a_yes(kind: str) -> None:
    state, old = FORMER[kind]
    assert codes(facts(approvals=(old,), control=state)) == {"no_signature"}


@pytest.mark.parametrize("kind", FORMER)
def test_it_is_no_second_approver(kind: str) -> None:
    state, old = FORMER[kind]
    subject = request(severity="extreme")
    settings = state.settings.model_copy(update={"second_approver_severities": ("extreme",)})
    both = (old, approval(subject, "pio"))
    assert "second_approver" in codes(facts(subject, approvals=both, control=replace(state, settings=settings)))


@pytest.mark.parametrize("kind", FORMER)
def test_the_gate_says_the_same(kind: str) -> None:
    """What the gate clears the worker posts: else one new key stops all that its officer had approved."""
    state, old = FORMER[kind]
    subject = request()
    said = tuple(
        ApprovalFact(one, 31 + index, subjects.approval(subject.request_id, one.officer))
        for index, one in enumerate((old, approval(subject, "pio")))
    )
    decision = decide(Facts(request=subject, request_seq=30, approvals=said, control=state, now=NOW))
    assert (decision.outcome, decision.approved_by) == (Outcome.CLEARED, ("pio",))


@pytest.mark.parametrize("decision", ["reject", "return"])
def test_a_no_whose_key_is_gone_stands(decision: str) -> None:
    no = approval(request(), "mcpe", decision=decision)
    found = codes(facts(approvals=(no, approval(request(), "pio")), control=rekeyed()))
    assert found == {"approval_doubtful"}


@pytest.mark.parametrize(
    "lie", [{"request_id": "rother"}, {"officer": "pio"}, {"realm": "exercise"}], ids=["request", "officer", "realm"]
)
def test_a_former_key_s_yes_to_something_else_is_doubtful(lie: dict[str, Any]) -> None:
    bad = approval(request(), "mcpe", **lie)
    assert codes(facts(approvals=(bad, approval(request(), "pio")), control=rekeyed())) == {"approval_doubtful"}


def test_another_s_former_key_is_doubtful() -> None:
    """Neither a stranger's key, nor one that another officer had."""
    state = replace(rekeyed(), former_keys={"cao": ((SIGNERS["mcpe"].public_key, REKEYED_AT),)})
    for bad in (approval(request(), "mcpe", key=STRANGER), approval(request(), "mcpe")):
        assert codes(facts(approvals=(bad, approval(request(), "pio")), control=state)) == {"approval_doubtful"}
    another = without_passkey("cao")
    good = approval(request(), "pio")
    assert codes(facts(approvals=(by_passkey(PHONE), good), control=another)) == {"approval_doubtful"}


def test_a_former_key_with_a_second_signature_is_doubtful() -> None:
    one = approval(request(), "mcpe")
    two = approval(request(), "mcpe", key=STRANGER)
    both = one.envelope.model_copy(update={"signatures": (*one.envelope.signatures, *two.envelope.signatures)})
    bad = one.model_copy(update={"envelope": both})
    assert codes(facts(approvals=(bad, approval(request(), "pio")), control=rekeyed())) == {"approval_doubtful"}
