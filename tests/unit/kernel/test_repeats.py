"""An order that repeats what is so is known as one; one that changes anything is not."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.events import control as c
from schemas.events.authority import Grant, Role
from services.kernel.control import repeats
from tests.unit.gatekeeper.policy_city import MINUTE, START, PolicyCity, profile

GRANT = Grant(role=Role.DESIGNATED)

TWICE: dict[str, tuple[str, Any]] = {
    "eoc_activate": ("routine", c.EocActivate(level=2, incident="flood")),
    "eoc_change": ("eoc_active", c.EocChange(level=3, incident="slide", activation=2)),
    "eoc_stand_down": ("eoc_active", c.EocStandDown()),
    "crisis_declare": ("routine", c.CrisisDeclare(incident="flood")),
    "crisis_end": ("crisis", c.CrisisEnd()),
    "hold": ("routine", c.Hold(on=True)),
    "withdraw": ("routine", c.Withdraw(request_id="r1")),
    "designate": ("routine", c.Designate(officer="clerk", grant=GRANT)),
    "revoke": ("routine", c.Revoke(officer="clerk")),
    "profile_add": ("routine", c.ProfileAdd(profile=profile("library-town"))),
    "profile_suspend": ("routine", c.ProfileSuspend(profile="fire-town")),
}


def said(town: PolicyCity, action: Any) -> bool:
    return repeats.repeats(town.control, action, town.now)


def test_a_profile_to_remove_that_is_not_there_is_no_repeat() -> None:
    """It may have been mistyped, and is refused as unknown."""
    assert not said(PolicyCity(), c.ProfileRemove(profile="no-town"))


@pytest.mark.parametrize("name", TWICE)
def test_an_order_repeats_once_it_is_carried_out_and_not_before(name: str) -> None:
    posture, action = TWICE[name]
    town = PolicyCity()
    town.posture(posture)
    assert not said(town, action)
    town.order("cao", action)
    assert said(town, action)


@pytest.mark.parametrize(
    "other",
    [
        c.EocActivate(level=1, incident="flood"),
        c.EocActivate(level=2, incident="slide"),
        c.CrisisDeclare(incident="flood"),
        c.CrisisEnd(),
        c.EocStandDown(),
    ],
)
def test_another_level_incident_or_posture_is_no_repeat(other: Any) -> None:
    town = PolicyCity()
    town.activate()
    assert not said(town, other)


def test_a_hold_is_let_go_once() -> None:
    town = PolicyCity()
    assert said(town, c.Hold(on=False))
    town.order("cao", c.Hold(on=True))
    assert not said(town, c.Hold(on=False))


def test_a_role_with_another_end_or_one_that_ended_is_no_repeat() -> None:
    town = PolicyCity()
    ending = GRANT.model_copy(update={"valid_until": START + MINUTE})
    town.order("cao", c.Designate(officer="clerk", grant=ending))
    assert said(town, c.Designate(officer="clerk", grant=ending))
    assert not said(town, c.Designate(officer="clerk", grant=GRANT))
    assert not repeats.repeats(town.control, c.Designate(officer="clerk", grant=ending), START + MINUTE)
    town.revoke("clerk")
    assert not said(town, c.Designate(officer="clerk", grant=ending))


def test_a_profile_with_other_words_is_no_repeat() -> None:
    town = PolicyCity()
    changed = profile("fire-town").model_copy(update={"purpose": "Something else."})
    assert not said(town, c.ProfileAdd(profile=changed))
    town.order("cao", c.ProfileSuspend(profile="fire-town"))
    assert not said(town, c.ProfileAdd(profile=profile("fire-town")))
