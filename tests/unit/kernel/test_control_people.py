"""Who gets power, and how many have to ask for it: people, keys, systems, settings, proposals and the root."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from schemas.events import control as c
from schemas.events.authority import Grant, Officer, Renewal, Role, Settings, System
from schemas.events.envelope import RENEWAL_TYPE
from services.kernel.authority.signing import seal
from services.kernel.control.control_state import ControlFault
from services.kernel.control.proposals import LIFETIME
from tests.unit.gatekeeper.policy_city import MINUTE, ROOTS, START, PolicyCity, signer

DANA = Officer(id="dana", name="Dana", public_key=signer("dana").public_key, grants=(Grant(role=Role.PIO),))
REVOKE_CAO = c.Revoke(officer="cao")
TWO = Settings(second_approver_severities=("extreme",))


def town(**changes: Any) -> PolicyCity:
    """A city in which a change of who has power takes two."""
    return PolicyCity(**({"threshold": 2} | changes))


def refused(city: PolicyCity, officer: str, action: Any) -> str:
    """The code with which an order is refused; the state must be as before."""
    before = city.control
    with pytest.raises(ControlFault) as fault:
        city.order(officer, action)
    assert city.control is before
    return fault.value.code


def propose(city: PolicyCity, officer: str, action: Any) -> c.Confirm:
    """Propose something; return what confirms it."""
    city.order(officer, action)
    (proposal,) = city.control.proposals.values()
    return c.Confirm(proposal=proposal.seq, order=proposal.order)


def rekey(officer: str, name: str = "a new key") -> c.Rekey:
    return c.Rekey(officer=officer, public_key=signer(name).public_key)


PROPOSED = {
    "a new person": ("mcpe", c.OfficerAdd(officer=DANA)),
    "a new key": ("mcpe", rekey("clerk")),
    "one's own new key": ("cao", rekey("cao")),
    "the cao out": ("mcpe", REVOKE_CAO),
    "the mcpe out": ("cao", c.Revoke(officer="mcpe")),
    "a second mcpe": ("mcpe", c.Designate(officer="clerk", grant=Grant(role=Role.MCPE))),
    "an acting cao": ("cao", c.Designate(officer="clerk", grant=Grant(role=Role.CAO))),
    "other settings": ("mcpe", c.SettingsChange(settings=TWO)),
}


@pytest.mark.parametrize("name", PROPOSED)
def test_one_key_alone_changes_nothing_of_who_has_power(name: str) -> None:
    officer, action = PROPOSED[name]
    city = town()
    before = city.control
    confirm = propose(city, officer, action)
    after = city.control
    assert (after.officers, after.revoked, after.settings) == (before.officers, before.revoked, before.settings)
    assert refused(city, officer, confirm) == "proposal.own"
    city.order("pio", confirm)
    changed = city.control
    assert (changed.officers, changed.revoked, changed.settings) != (before.officers, before.revoked, before.settings)
    assert changed.proposals == {}


TAKEN = {
    "revoked": c.Revoke(officer="eoc-director"),
    "a role that ends soon": c.Designate(
        officer="eoc-director", grant=Grant(role=Role.EOC_DIRECTOR, valid_until=START + MINUTE)
    ),
}


@pytest.mark.parametrize("name", TAKEN)
def test_one_key_does_not_take_out_all_who_could_undo_it(name: str) -> None:
    """A lost telephone is out at once; the next would leave the cao with nobody against a stolen key of the mcpe."""
    city = town()
    city.order("mcpe", c.Revoke(officer="pio"))
    assert "pio" in city.control.revoked
    before = city.control
    propose(city, "mcpe", TAKEN[name])
    assert (city.control.officers, city.control.revoked) == (before.officers, before.revoked)
    city.order("cao", c.Revoke(officer="mcpe"))
    out = next(one for one in city.control.proposals.values() if one.action == c.Revoke(officer="mcpe"))
    city.order("eoc-director", c.Confirm(proposal=out.seq, order=out.order))
    assert "mcpe" in city.control.revoked


def test_who_could_undo_nothing_is_still_revoked_by_one() -> None:
    city = town()
    city.order("mcpe", c.Revoke(officer="pio"))
    for officer in ("clerk", "office", "fire-publisher"):
        city.order("mcpe", c.Revoke(officer=officer))
        assert officer in city.control.revoked


def test_what_was_ordered_by_an_earlier_rule_keeps_its_meaning() -> None:
    city = PolicyCity(threshold=2, rule=3)
    for officer in ("pio", "eoc-director"):
        city.order("mcpe", c.Revoke(officer=officer))
    assert {"pio", "eoc-director"} <= city.control.revoked.keys()
    city.rule = c.RULE
    city.order("mcpe", c.Hold(on=True))
    city.rule = 3
    assert refused(city, "mcpe", c.Revoke(officer="clerk")) == "order.rule", "and never comes back"


def test_a_city_whose_manifest_names_no_threshold_needs_one() -> None:
    """As before version 0.3: its ledgers keep their meaning."""
    city = PolicyCity()
    city.order("mcpe", REVOKE_CAO)
    assert "cao" in city.control.revoked


def test_what_gives_no_power_takes_one() -> None:
    city = town()
    city.order("mcpe", c.Designate(officer="clerk", grant=Grant(role=Role.PIO)))
    city.order("mcpe", c.Revoke(officer="clerk"))
    city.order("office", c.SystemAdd(system=System(id="roads", name="Roads", public_key=signer("roads").public_key)))
    city.order("office", c.SystemRemove(system="roads"))
    assert ("clerk" in city.control.revoked, city.control.systems, city.control.proposals) == (True, {}, {})


def test_three_where_the_threshold_is_three() -> None:
    city = town(threshold=3)
    confirm = propose(city, "mcpe", REVOKE_CAO)
    city.order("pio", confirm)
    assert not city.control.revoked
    assert refused(city, "pio", confirm) == "proposal.own"
    city.order("eoc-director", confirm)
    assert "cao" in city.control.revoked


def test_who_would_gain_does_not_confirm() -> None:
    city = town()
    confirm = propose(city, "mcpe", rekey("pio"))
    assert refused(city, "pio", confirm) == "proposal.own"
    assert refused(city, "office", confirm) == "order.role"
    city.order("eoc-director", confirm)


def test_a_stolen_key_does_not_decline_what_takes_it_out_of_force() -> None:
    city = town()
    confirm = propose(city, "mcpe", REVOKE_CAO)
    decline = c.Decline(proposal=confirm.proposal, order=confirm.order)
    assert refused(city, "cao", decline) == "proposal.about"
    city.order("mcpe", decline)
    assert refused(city, "pio", confirm) == "proposal.unknown"


def test_a_confirmation_is_of_one_order_and_for_a_day() -> None:
    city = town()
    confirm = propose(city, "mcpe", REVOKE_CAO)
    assert refused(city, "pio", confirm.model_copy(update={"order": "0" * 64})) == "proposal.unknown"
    assert refused(city, "pio", confirm.model_copy(update={"proposal": 1})) == "proposal.unknown"
    city.now += LIFETIME
    assert refused(city, "pio", confirm) == "proposal.unknown"


def test_a_proposer_who_was_revoked_meanwhile_does_not_count() -> None:
    city = town()
    confirm = propose(city, "mcpe", REVOKE_CAO)
    city.order("cao", c.Revoke(officer="mcpe"))
    (theirs,) = (one for one in city.control.proposals.values() if one.asked == ("cao",))
    city.order("pio", c.Confirm(proposal=theirs.seq, order=theirs.order))
    assert refused(city, "pio", confirm) == "officer.gone"


def test_the_same_is_not_proposed_twice() -> None:
    city = town()
    propose(city, "mcpe", REVOKE_CAO)
    assert refused(city, "cao", REVOKE_CAO) == "proposal.waits"


def test_what_cannot_be_is_refused_when_it_is_proposed() -> None:
    city = town()
    taken = DANA.model_copy(update={"public_key": signer("clerk").public_key})
    for action, code in (
        (c.OfficerAdd(officer=taken), "key.used"),
        (c.OfficerAdd(officer=DANA.model_copy(update={"login_key": DANA.public_key})), "key.twice"),
        (c.OfficerAdd(officer=DANA.model_copy(update={"id": "pio"})), "officer.twice"),
        (c.OfficerAdd(officer=DANA.model_copy(update={"grants": (Grant(role=Role.CAO),)})), "order.role"),
        (c.Reinstate(officer="clerk", public_key=DANA.public_key), "officer.not_revoked"),
        (rekey("stranger"), "officer.unknown"),
        (c.SettingsChange(settings=city.control.settings), "settings.same"),
        (c.SystemRemove(system="roads"), "system.unknown"),
    ):
        assert refused(city, "mcpe", action) == code


def test_a_new_key_is_asked_for_by_its_owner_or_by_who_designates() -> None:
    city = town()
    assert refused(city, "pio", rekey("clerk")) == "order.role"
    city.order("pio", rekey("pio"))
    city.order("mcpe", rekey("clerk", "another"))
    assert len(city.control.proposals) == 2


def test_a_new_key_counts_and_the_old_one_never_again() -> None:
    city = town()
    city.order("cao", propose(city, "mcpe", rekey("pio")))
    at = city.control.seq
    assert city.control.keys_at("pio", at - 1).nkey == signer("pio").public_key
    assert city.control.keys_at("pio", at).nkey == signer("a new key").public_key
    assert refused(city, "pio", c.CrisisDeclare(incident="flood")) == "order.signature"
    city.keys["pio"] = signer("a new key")
    city.order("pio", c.CrisisDeclare(incident="flood"))
    assert refused(city, "mcpe", rekey("clerk", "pio")) == "key.used"


def test_a_revoked_officer_comes_back_with_a_new_key_and_the_old_roles() -> None:
    city = town()
    city.order("mcpe", c.Revoke(officer="pio"))
    assert refused(city, "mcpe", c.Reinstate(officer="pio", public_key=signer("pio").public_key)) == "key.used"
    back = c.Reinstate(officer="pio", public_key=signer("pio anew").public_key)
    city.order("cao", propose(city, "mcpe", back))
    assert city.control.roles_of("pio", city.now) == {Role.PIO}
    assert refused(city, "pio", c.CrisisDeclare(incident="flood")) == "order.signature"


# --- the root -----------------------------------------------------------------------------------------------

NEW = (signer("root three"), signer("root four"))


def renewal(signers: tuple[Any, ...] = (*ROOTS, *NEW), **changes: Any) -> c.Renewed:
    fields: dict[str, Any] = {
        "realm": "live",
        "version": 2,
        "issued_at": START,
        "expires_at": START + timedelta(days=365),
        "root_keys": tuple(one.public_key for one in NEW),
        "threshold": 2,
    }
    return c.Renewed(at=START, renewal=seal(RENEWAL_TYPE, Renewal(**(fields | changes)), signers))


def test_a_root_is_renewed_by_the_old_keys_and_the_new_ones() -> None:
    city = town()
    city.fold(renewal())
    assert (city.control.version, city.control.root_keys) == (2, frozenset(one.public_key for one in NEW))
    third = renewal((*NEW,), version=3)
    city.fold(third)
    assert city.control.version == 3


@pytest.mark.parametrize(
    ("event", "code"),
    [
        (renewal(ROOTS), "renewal.signature"),
        (renewal(NEW), "renewal.signature"),
        (renewal((ROOTS[0], *NEW)), "renewal.signature"),
        (renewal(version=3), "renewal.version"),
        (renewal(realm="exercise"), "renewal.realm"),
        (renewal(expires_at=START), "renewal.expired"),
        (renewal(threshold=3), "renewal.threshold"),
        (renewal(root_keys=(NEW[0].public_key,) * 2), "renewal.threshold"),
    ],
    ids=["only old", "only new", "one old", "skips one", "other realm", "expired", "never enough", "one key twice"],
)
def test_another_renewal_is_refused(event: c.Renewed, code: str) -> None:
    city = town()
    with pytest.raises(ControlFault) as fault:
        city.fold(event)
    assert (fault.value.code, city.control.version) == (code, 1)


def test_an_older_version_is_refused_and_said() -> None:
    city = town()
    city.fold(renewal())
    with pytest.raises(ControlFault, match="version 2 of the authority is in force, and this is version 2"):
        city.fold(renewal())


def test_nobody_gains_power_from_an_authority_that_expired() -> None:
    city = town(expires_at=START + MINUTE)
    city.now = START + MINUTE
    for action in (c.Designate(officer="clerk", grant=Grant(role=Role.PIO)), c.OfficerAdd(officer=DANA)):
        assert refused(city, "mcpe", action) == "authority.expired"
    city.order("mcpe", c.Revoke(officer="clerk"))
    city.order("pio", c.Hold(on=True))
    city.fold(renewal())
    city.order("mcpe", c.Designate(officer="chief", grant=Grant(role=Role.PIO)))
