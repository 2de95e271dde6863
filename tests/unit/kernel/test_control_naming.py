"""What ends or changes something names it: an order that was held back for a moment does nothing to a newer one."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from schemas.events import control as c
from schemas.events.authority import Grant, Role, Settings, System
from schemas.events.envelope import ORDER_TYPE
from services.audit.proof import naming as audit
from services.kernel.control.control_state import ControlFault, ControlState
from services.kernel.control.naming import field_of, named, place_of
from tests.support.people import order_of
from tests.unit.gatekeeper.policy_city import MINUTE, PolicyCity, signer

GRANT = Grant(role=Role.DESIGNATED)
FIRE = "fire-town"


def fault_of(town: PolicyCity, officer: str, action: Any) -> str:
    """The code by which an order is refused; nothing changes."""
    before = town.control
    with pytest.raises(ControlFault) as fault:
        town.order(officer, action)
    assert town.control is before
    return fault.value.code


def late_orders(town: PolicyCity) -> dict[str, tuple[Any, Any]]:
    """An order that was signed, and another one that comes before it."""
    profile = town.control.profiles[FIRE]
    key, other = (signer(name).public_key for name in ("a new one", "another new one"))
    return {
        "designate": (c.Designate(officer="clerk", grant=GRANT), c.Designate(officer="clerk", grant=_until(town))),
        "rekey": (c.Rekey(officer="clerk", public_key=key), c.Designate(officer="clerk", grant=GRANT)),
        "reinstate": (c.Reinstate(officer="clerk", public_key=key), c.Revoke(officer="clerk")),
        "profile_add": (c.ProfileAdd(profile=profile), c.ProfileSuspend(profile=FIRE)),
        "profile_remove": (c.ProfileRemove(profile=FIRE), c.ProfileSuspend(profile=FIRE)),
        "settings": (
            c.SettingsChange(settings=Settings(approval_seconds=600)),
            c.SettingsChange(settings=Settings(approval_seconds=60)),
        ),
        "system_add": (
            c.SystemAdd(system=System(id="roads", name="Roads", public_key=key)),
            c.SystemAdd(system=System(id="roads", name="Roads", public_key=other)),
        ),
    }


def _until(town: PolicyCity) -> Grant:
    return Grant(role=Role.DESIGNATED, valid_until=town.now + MINUTE)


@pytest.mark.parametrize(
    "kind", ["designate", "rekey", "reinstate", "profile_add", "profile_remove", "settings", "system_add"]
)
def test_what_changes_something_names_its_last_change(kind: str) -> None:
    town = PolicyCity(threshold=1)
    late, first = late_orders(town)[kind]
    signed_before = named(town.control, late)
    assert signed_before.model_dump()["after"] == 0
    town.order("cao", first)
    assert fault_of(town, "cao", signed_before) == "order.other"
    town.order("cao", late)


def test_a_proposal_is_confirmed_only_if_nothing_changed_since_it_was_made() -> None:
    town = PolicyCity(threshold=2)
    town.order("cao", c.Rekey(officer="pio", public_key=signer("a new one").public_key))
    waits = town.control.proposals[town.control.seq]
    town.order("mcpe", c.Designate(officer="pio", grant=GRANT))
    confirm = c.Confirm(proposal=waits.seq, order=waits.order)
    assert fault_of(town, "eoc-director", confirm) == "order.other"
    town.order("eoc-director", c.Decline(proposal=waits.seq, order=waits.order))


@pytest.mark.parametrize(
    "action",
    [
        c.EocStandDown(),
        c.Hold(on=False),
        c.Designate(officer="clerk", grant=GRANT),
        c.ProfileRemove(profile=FIRE),
        c.SettingsChange(settings=Settings(approval_seconds=600)),
    ],
    ids=lambda one: one.action,
)
def test_an_order_that_names_nothing_is_refused(action: Any) -> None:
    town = PolicyCity()
    town.order("cao", c.Hold(on=True))
    town.activate()
    order = order_of("cao", action, town.now)
    with pytest.raises(ControlFault) as fault:
        town.fold(c.Ordered(at=town.now, rule=c.RULE, order=town.key("cao").sign(ORDER_TYPE, order)))
    assert fault.value.code == "order.unnamed"


def test_what_protects_names_nothing() -> None:
    """Nobody's order can starve it."""
    for action in (
        c.EocActivate(level=1, incident="flood"),
        c.Hold(on=True),
        c.Revoke(officer="pio"),
        c.ProfileSuspend(profile=FIRE),
        c.Withdraw(request_id="r1"),
    ):
        assert field_of(action) is None
    assert place_of(c.Hold(on=True)) is None


# --- the audit, by code of its own -------------------------------------------------------------------------


def audited(*orders: tuple[int, Any, Literal[2, 3]]) -> list[tuple[int, str]]:
    """What the audit finds where each of these (sequence, action, rule) was carried out."""
    found: list[tuple[int, str]] = []
    in_force, town = audit.InForce(), PolicyCity()
    for seq, action, rule in orders:
        order = order_of("cao", action, town.now)
        event = c.Ordered(at=town.now, rule=rule, order=town.key("cao").sign(ORDER_TYPE, order))
        found += [(one.seq, one.code) for one in audit.judge(in_force, seq, event, ControlState())]
    return found


def test_the_audit_says_the_same_by_its_own_code() -> None:
    activate, declare = c.EocActivate(level=1, incident="flood"), c.CrisisDeclare(incident="flood")
    grant, other = (
        c.Designate(officer="clerk", grant=GRANT, after=0),
        c.Designate(officer="clerk", grant=GRANT, after=2),
    )
    assert audited((2, activate, 3), (3, c.EocStandDown(activation=2), 3)) == []
    assert audited((2, activate, 3), (3, c.EocStandDown(), 3)) == [(3, "order.unnamed")]
    assert audited((2, activate, 3), (3, c.EocStandDown(), 2)) == [(3, "order.rule")]
    assert audited((2, activate, 2), (3, c.EocStandDown(), 2)) == []
    assert audited((2, declare, 3), (3, c.CrisisEnd(crisis=1), 3)) == [(3, "order.other")]
    assert audited((2, c.Hold(on=True), 3), (3, c.Hold(on=True), 3), (4, c.Hold(on=False, hold=2), 3)) == [
        (4, "order.other")
    ]
    assert audited((2, grant, 3), (3, other, 3), (4, other, 3)) == [(4, "order.other")]
    assert audited((2, c.Revoke(officer="clerk"), 3), (3, grant, 3)) == [(3, "order.other")]
    settings = c.SettingsChange(settings=Settings(approval_seconds=60))
    assert audited((2, settings, 3)) == [(2, "order.unnamed")]


def test_to_the_audit_a_proposal_changes_something_when_it_is_confirmed() -> None:
    town, in_force = PolicyCity(threshold=2), audit.InForce()

    def order(officer: str, action: Any) -> list[str]:
        town.order(officer, action)
        signed = order_of(officer, action, town.now)
        event = c.Ordered(at=town.now, rule=c.RULE, order=town.key(officer).sign(ORDER_TYPE, signed))
        return [one.code for one in audit.judge(in_force, town.control.seq, event, town.control)]

    new = c.Rekey(officer="pio", public_key=signer("a new one").public_key, after=0)
    assert order("cao", new) == []
    waits = town.control.proposals[town.control.seq]
    assert in_force.last == {}
    assert order("mcpe", c.Confirm(proposal=waits.seq, order=waits.order)) == []
    assert in_force.last == {("officer", "pio"): town.control.seq}
    assert order("cao", c.Designate(officer="pio", grant=GRANT, after=town.control.seq)) == []
