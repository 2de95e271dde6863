"""The gate counts what an officer's passkey signed like what their key signed, and nothing that only looks like it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from schemas.events.approvals import Approval
from schemas.events.authority import Role, Settings
from schemas.events.envelope import APPROVAL_TYPE
from schemas.events.requests import Request
from tests.support.authenticator import FLAG, Authenticator
from tests.unit.gatekeeper.policy_city import PolicyCity, one

PHONE, KEY = Authenticator("phone"), Authenticator("key", "EdDSA", device_bound=True)
LIES: dict[str, dict[str, Any]] = {
    "another origin": {"origin": "https://evil.example"},
    "another relying party": {"rp_id": "evil.example"},
    "a frame": {"crossOrigin": True},
    "a frame's address": {"topOrigin": "https://evil.example"},
    "not verified": {"flags": int(FLAG.UP | FLAG.BE)},
    "not present": {"flags": int(FLAG.UV | FLAG.BE)},
    "a key that stays": {"flags": int(FLAG.UP | FLAG.UV)},
    "another challenge": {"challenge": "A" * 43},
}


def city(**settings: Any) -> PolicyCity:
    """A city whose pio has a phone and a security key beside the desk's key."""
    made = PolicyCity(settings=Settings(all_departments_percent=99, **settings))
    pio = made.control.officers["pio"].model_copy(update={"passkeys": (PHONE.passkey, KEY.passkey)})
    made.control = replace(made.control, officers={**made.control.officers, "pio": pio})
    made.activate()
    return made


def approve(made: PolicyCity, request: Request, device: Authenticator, officer: str = "pio", **lies: Any) -> None:
    envelope = device.sign(APPROVAL_TYPE, made.statement(request, officer), **lies)
    event = Approval(at=made.now, request_id=request.request_id, officer=officer, envelope=envelope)
    made.record(request, officer, event)


@pytest.mark.parametrize("device", [PHONE, KEY], ids=["ES256", "EdDSA"])
def test_a_passkeys_approval_clears(device: Authenticator) -> None:
    made = city()
    request = made.request()
    assert made.decide(request).outcome == "blocked"
    approve(made, request, device)
    assert made.decide(request).outcome == "cleared"


@pytest.mark.parametrize("lie", LIES)
def test_what_only_looks_like_it_is_worth_nothing(lie: str) -> None:
    made = city()
    request = made.request()
    approve(made, request, PHONE, **LIES[lie])
    decision = made.decide(request)
    assert decision.outcome == "blocked"
    assert "not signed by the key of pio" in one(decision, "approval", "noted")


def test_another_officers_phone_is_worth_nothing() -> None:
    made = city()
    request = made.request()
    approve(made, request, PHONE, "mcpe")
    approve(made, request, Authenticator("stranger"), "pio")
    assert made.decide(request).outcome == "blocked"


def test_a_passkeys_rejection_is_final() -> None:
    made = city()
    request = made.request()
    envelope = PHONE.sign(APPROVAL_TYPE, made.statement(request, "pio", decision="reject", reason="not true"))
    made.record(request, "pio", Approval(at=made.now, request_id=request.request_id, officer="pio", envelope=envelope))
    assert made.decide(request).outcome == "refused"


def test_a_role_may_demand_a_key_that_stays() -> None:
    made = city(device_bound_roles=(Role.PIO,))
    request = made.request()
    approve(made, request, PHONE)
    assert made.decide(request).outcome == "blocked"
    approve(made, request, KEY)
    assert made.decide(request).outcome == "cleared"


def test_two_approvers_are_two_people_not_two_keys_of_one() -> None:
    made = city(second_approver_severities=("extreme",))
    request = made.request(severity="extreme", crisis=True)
    made.approve(request, "pio")
    approve(made, request, PHONE)
    assert made.decide(request).outcome == "blocked"
    made.approve(request, "cao")
    assert made.decide(request).outcome == "cleared"
