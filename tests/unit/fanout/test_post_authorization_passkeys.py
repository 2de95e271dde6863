"""The posting worker's own look at passkeys: it counts what the officer's passkey signed, and nothing beside it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from schemas.events.approvals import Approval
from schemas.events.authority import Role, Settings
from schemas.events.control import Posture
from schemas.events.envelope import APPROVAL_TYPE
from services.kernel.control.control_state import ControlState
from tests.support.authenticator import Authenticator
from tests.unit.fanout.world import NOW, codes, control, facts, request, statement
from tests.unit.gatekeeper.test_passkey_approvals import KEY, LIES, PHONE


def with_passkeys(name: str = "mcpe", **changes: Any) -> ControlState:
    state = control(Posture.EOC_ACTIVE, **changes)
    person = state.officers[name].model_copy(update={"passkeys": (PHONE.passkey, KEY.passkey)})
    return replace(state, officers={**state.officers, name: person})


def approval(device: Authenticator, officer: str = "mcpe", **wrong: Any) -> Approval:
    subject = request()
    envelope = device.sign(APPROVAL_TYPE, statement(subject, officer), **wrong)
    return Approval(at=NOW, request_id=subject.request_id, officer=officer, envelope=envelope)


@pytest.mark.parametrize("device", [PHONE, KEY], ids=["ES256", "EdDSA"])
def test_a_passkeys_approval_carries_the_post(device: Authenticator) -> None:
    assert codes(facts(approvals=(approval(device),), control=with_passkeys())) == set()


@pytest.mark.parametrize("lie", LIES)
def test_what_only_looks_like_it_holds_the_post_back(lie: str) -> None:
    found = codes(facts(approvals=(approval(PHONE, **LIES[lie]),), control=with_passkeys()))
    assert found == {"approval_doubtful", "no_signature"}


def test_another_officers_phone_holds_the_post_back() -> None:
    state = with_passkeys()
    assert "no_signature" in codes(facts(approvals=(approval(PHONE, "pio"),), control=state))
    assert "no_signature" in codes(facts(approvals=(approval(Authenticator("stranger")),), control=state))


def test_a_passkey_that_was_taken_back_holds_the_post_back() -> None:
    state = control(Posture.EOC_ACTIVE)
    assert "no_signature" in codes(facts(approvals=(approval(PHONE),), control=state))


def test_a_role_may_demand_a_key_that_stays() -> None:
    strict = with_passkeys(settings=Settings(device_bound_roles=(Role.MCPE,)))
    assert "no_signature" in codes(facts(approvals=(approval(PHONE),), control=strict))
    assert codes(facts(approvals=(approval(KEY),), control=strict)) == set()


def test_a_second_signature_beside_it_holds_the_post_back() -> None:
    one = approval(PHONE)
    twice = one.envelope.model_copy(update={"signatures": one.envelope.signatures * 2})
    found = codes(facts(approvals=(one.model_copy(update={"envelope": twice}),), control=with_passkeys()))
    assert "no_signature" in found
