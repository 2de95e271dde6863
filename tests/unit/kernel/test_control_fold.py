"""The control fold: who may order what, in which posture, once, in time, with the right key."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.events import control as c
from schemas.events.authority import Grant, Manifest, Officer, Role, Settings, System
from schemas.events.control import Posture
from schemas.events.envelope import CLOCK_SKEW, MANIFEST_TYPE, ORDER_TYPE
from schemas.roles import WHO_MAY_ORDER
from services.kernel.authority.signing import Signer, seal
from services.kernel.authority.statements import ORDER_LIFETIME
from services.kernel.control.control_fold import fold
from services.kernel.control.control_state import ControlFault, ControlState
from services.kernel.control.order_rules import ALLOWED_IN
from tests.support.people import order_of
from tests.unit.gatekeeper.policy_city import (
    MINUTE,
    OFFICERS,
    PROFILES,
    ROOT_KEYS,
    ROOTS,
    SECOND,
    START,
    PolicyCity,
    profile,
    signer,
)

ACTIONS: dict[str, Any] = {
    "eoc_activate": c.EocActivate(level=2, incident="flood"),
    "eoc_change": c.EocChange(level=3, incident="flood and slide", activation=2),
    "eoc_stand_down": c.EocStandDown(),
    "crisis_declare": c.CrisisDeclare(incident="flood"),
    "crisis_end": c.CrisisEnd(),
    "hold": c.Hold(on=True),
    "withdraw": c.Withdraw(request_id="r1"),
    "designate": c.Designate(officer="clerk", grant=Grant(role=Role.DESIGNATED)),
    "revoke": c.Revoke(officer="clerk"),
    "profile_add": c.ProfileAdd(profile=profile("library-town")),
    "profile_suspend": c.ProfileSuspend(profile="fire-town"),
    "officer_add": c.OfficerAdd(officer=Officer(id="dana", name="Dana", public_key=signer("dana").public_key)),
    "settings": c.SettingsChange(settings=Settings(approval_seconds=600)),
    "system_add": c.SystemAdd(system=System(id="roads", name="Roads", public_key=signer("roads").public_key)),
    "profile_remove": c.ProfileRemove(profile="fire-town"),
}
ELSEWHERE = {"reinstate", "rekey", "confirm", "decline", "system_remove"} | {
    "passkey_invite",
    "passkey_add",
    "passkey_remove",
}
"""They need something that is before: test_control_people.py, test_control_passkeys.py."""
FITTING = {
    "eoc_change": "eoc_active",
    "eoc_stand_down": "eoc_active",
    "crisis_end": "crisis",
}


def signed(town: PolicyCity, officer: str, action: Any, *, key: Signer | None = None, **changes: Any) -> c.Ordered:
    """An order as an event at the town's time."""
    fields = {"expires_at": town.now + MINUTE, "nonce": "ab" * 16} | changes
    order = order_of(officer, action, town.now, **fields)
    return c.Ordered(at=town.now, order=(key or town.key(officer)).sign(ORDER_TYPE, order))


def refused(town: PolicyCity, event: c.ControlEvent) -> str:
    """The code of the fault; the state must be as before."""
    before = town.control
    with pytest.raises(ControlFault) as fault:
        town.fold(event)
    assert town.control is before
    return fault.value.code


def test_each_action_has_a_row_for_who_may_order_it() -> None:
    assert set(ACTIONS) | ELSEWHERE == set(WHO_MAY_ORDER)


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize("role", Role)
def test_an_action_is_open_to_its_roles_and_to_no_other(name: str, role: Role) -> None:
    officers = {"cao": (Grant(role=Role.CAO),), "eoc-director": (Grant(role=Role.EOC_DIRECTOR),), "clerk": ()}
    grant = Grant(role=role, profiles=("fire-town",) if role is Role.PUBLISHER else ())
    town = PolicyCity(rule=None, officers=officers | {"someone": (grant,)})
    town.posture(FITTING.get(name, "routine"))
    event = signed(town, "someone", ACTIONS[name])
    if role in WHO_MAY_ORDER[name]:
        town.fold(event)
    else:
        assert refused(town, event) == "order.role"


@pytest.mark.parametrize("name", ACTIONS)
def test_an_officer_without_roles_orders_nothing(name: str) -> None:
    town = PolicyCity(rule=None)
    town.posture(FITTING.get(name, "routine"))
    assert refused(town, signed(town, "nobody", ACTIONS[name])) == "order.role"


@pytest.mark.parametrize("name", ACTIONS)
def test_what_an_officer_may_not_do_is_said_in_words(name: str) -> None:
    """``clerk may not order eoc_change`` is the language of the record, not of a person."""
    town = PolicyCity(rule=None)
    town.posture(FITTING.get(name, "routine"))
    with pytest.raises(ControlFault) as fault:
        town.fold(signed(town, "nobody", ACTIONS[name]))
    assert "may not order" not in fault.value.message


@pytest.mark.parametrize("posture", Posture)
@pytest.mark.parametrize("name", ACTIONS)
def test_an_action_fits_its_postures_only(name: str, posture: Posture) -> None:
    town = PolicyCity(rule=None)
    town.posture(str(posture))
    event = signed(town, "cao", ACTIONS[name])
    if posture in ALLOWED_IN.get(name, frozenset(Posture)):
        town.fold(event)
        assert town.control.seq == town.seq
    else:
        assert refused(town, event) == "order.posture"


def test_the_way_to_active_and_back() -> None:
    town = PolicyCity(rule=None)
    town.crisis()
    assert (town.control.posture, town.control.incident, town.control.level) == (Posture.CRISIS, "flood", None)
    town.activate(barrier=False)
    assert (town.control.posture, town.control.activating_seq) == (Posture.EOC_ACTIVATING, town.seq)
    assert (town.control.under_eoc, town.control.in_crisis, town.control.level) == (True, True, 2)
    town.fold(c.EocActive(at=town.now, activating_seq=town.seq))
    assert (town.control.posture, town.control.activating_seq) == (Posture.EOC_ACTIVE, 0)
    town.stand_down()
    after = (town.control.posture, town.control.level, town.control.incident, town.control.activating_seq)
    assert after == (Posture.ROUTINE, None, None, 0)


def test_active_without_its_own_activation_is_refused() -> None:
    """Neither out of routine, nor for another activation, nor twice."""
    town = PolicyCity(rule=None)
    assert refused(town, c.EocActive(at=START, activating_seq=0)) == "control.barrier"
    town.activate(barrier=False)
    first = town.control.activating_seq
    assert refused(town, c.EocActive(at=START, activating_seq=first - 1)) == "control.barrier"
    town.stand_down()
    town.activate(barrier=False)
    assert refused(town, c.EocActive(at=START, activating_seq=first)) == "control.barrier"
    town.fold(c.EocActive(at=START, activating_seq=town.control.activating_seq))
    assert refused(town, c.EocActive(at=START, activating_seq=town.seq - 1)) == "control.barrier"


# --- genuine, fresh, once -----------------------------------------------------------------------------------


def test_an_order_signed_by_another_key_is_refused() -> None:
    town = PolicyCity(rule=None)
    event = signed(town, "eoc-director", ACTIONS["eoc_activate"], key=signer("clerk"))
    assert refused(town, event) == "order.signature"


def test_a_second_signature_beside_the_officers_own_is_refused() -> None:
    """An envelope with two good signatures is not an officer's order: whose would it be?"""
    town = PolicyCity(rule=None)
    order = c.Order.from_bytes(signed(town, "cao", ACTIONS["hold"]).order.payload_bytes())
    both = seal(ORDER_TYPE, order, (signer("cao"), signer("clerk")))
    assert refused(town, c.Ordered(at=town.now, order=both)) == "order.signature"


def test_an_order_under_another_payload_type_is_refused() -> None:
    town = PolicyCity(rule=None)
    order = c.Order.from_bytes(signed(town, "cao", ACTIONS["hold"]).order.payload_bytes())
    assert refused(town, c.Ordered(at=town.now, order=signer("cao").sign("text/plain", order))) == "order.signature"


def test_a_changed_payload_is_refused() -> None:
    town = PolicyCity(rule=None)
    good = signed(town, "cao", c.Hold(on=True))
    other = signed(town, "cao", c.Hold(on=False))
    swapped = good.order.model_copy(update={"payload": other.order.payload})
    assert refused(town, c.Ordered(at=town.now, order=swapped)) == "order.signature"


def test_a_payload_that_is_no_order_is_refused() -> None:
    town = PolicyCity(rule=None)
    envelope = signer("cao").sign(ORDER_TYPE, c.Hold(on=True))
    assert refused(town, c.Ordered(at=town.now, order=envelope)) == "order.malformed"


def test_an_order_of_another_realm_is_refused() -> None:
    town = PolicyCity(rule=None)
    assert refused(town, signed(town, "cao", ACTIONS["hold"], realm="exercise")) == "order.realm"


def test_an_unknown_officer_is_refused() -> None:
    town = PolicyCity(rule=None)
    assert refused(town, signed(town, "stranger", ACTIONS["hold"])) == "officer.unknown"


@pytest.mark.parametrize(
    ("issued", "expires"),
    [
        (-MINUTE, timedelta(0)),
        (-2 * MINUTE, -MINUTE),
        (CLOCK_SKEW + SECOND, CLOCK_SKEW + MINUTE),
        (timedelta(0), ORDER_LIFETIME + SECOND),
        (MINUTE, -MINUTE),
    ],
    ids=["just ended", "ended", "from the future", "too long", "backwards"],
)
def test_an_order_out_of_its_time_is_refused(issued: timedelta, expires: timedelta) -> None:
    town = PolicyCity(rule=None)
    event = signed(town, "cao", ACTIONS["hold"], issued_at=town.now + issued, expires_at=town.now + expires)
    assert refused(town, event) == "order.expired"


def test_an_order_at_the_edge_of_its_time_is_taken() -> None:
    """A clock that is a minute ahead, and a lifetime of exactly five minutes, are fine."""
    town = PolicyCity(rule=None)
    issued = town.now + CLOCK_SKEW
    town.fold(signed(town, "cao", ACTIONS["hold"], issued_at=issued, expires_at=issued + ORDER_LIFETIME))
    assert town.control.hold


def test_an_order_is_carried_out_once() -> None:
    town = PolicyCity(rule=None)
    event = signed(town, "cao", c.Hold(on=True))
    town.fold(event)
    town.order("cao", c.Hold(on=False))
    assert refused(town, event) == "order.replayed"
    same_nonce = signed(town, "cao", c.Hold(on=True), expires_at=town.now + 2 * MINUTE)
    assert refused(town, same_nonce) == "order.replayed"


def test_a_nonce_is_forgotten_only_when_its_order_can_never_count_again() -> None:
    """What is pruned is refused as expired, on each clock that is within the skew."""
    town = PolicyCity(rule=None)
    event = signed(town, "cao", c.Hold(on=True))
    town.fold(event)
    for waited in (MINUTE, MINUTE + CLOCK_SKEW, 3 * MINUTE):
        town.now = START + waited
        town.order("cao", c.Hold(on=True))
        replay = c.Ordered(at=town.now, order=event.order)
        assert refused(town, replay) in {"order.expired", "order.replayed"}
    assert "ab" * 16 not in town.control.nonces
    early = c.Ordered(at=START + MINUTE, order=event.order)
    assert refused(town, early) == "order.expired"


def test_nonces_do_not_pile_up() -> None:
    town = PolicyCity(rule=None)
    for _ in range(40):
        town.order("cao", c.Hold(on=True))
        town.now += MINUTE
    assert len(town.control.nonces) <= 4


def test_a_sequence_that_does_not_grow_is_refused() -> None:
    town = PolicyCity(rule=None)
    event = signed(town, "cao", ACTIONS["hold"])
    with pytest.raises(ControlFault) as fault:
        fold(town.control, event, town.seq, root_keys=ROOT_KEYS, threshold=2, realm="live")
    assert fault.value.code == "control.order"


# --- officers and profiles ----------------------------------------------------------------------------------


def test_a_revoked_officer_orders_nothing_and_holds_no_role() -> None:
    town = PolicyCity(rule=None)
    town.revoke("eoc-director")
    assert refused(town, signed(town, "eoc-director", ACTIONS["eoc_activate"])) == "officer.revoked"
    assert town.control.roles_of("eoc-director", town.now) == frozenset()
    assert town.control.revoked == {"eoc-director": town.seq}


def test_a_revoked_officer_is_neither_designated_nor_revoked_again() -> None:
    town = PolicyCity(rule=None)
    town.revoke("clerk")
    assert refused(town, signed(town, "cao", ACTIONS["designate"])) == "officer.gone"
    assert refused(town, signed(town, "cao", ACTIONS["revoke"])) == "officer.gone"


@pytest.mark.parametrize(
    ("officer", "grant", "code"),
    [
        ("mcpe", Grant(role=Role.CAO), "order.role"),
        ("cao", Grant(role=Role.PUBLISHER), "designate.profiles"),
        ("cao", Grant(role=Role.PIO, profiles=("fire-town",)), "designate.profiles"),
        ("cao", Grant(role=Role.PUBLISHER, profiles=("no-town",)), "profile.unknown"),
        ("cao", Grant(role=Role.PIO, valid_until=START), "designate.times"),
        ("cao", Grant(role=Role.PIO, valid_from=START + 2 * MINUTE, valid_until=START + MINUTE), "designate.times"),
    ],
    ids=["mcpe makes a cao", "no profile", "profiles for a pio", "unknown profile", "over already", "backwards"],
)
def test_a_designation_follows_its_rules(officer: str, grant: Grant, code: str) -> None:
    town = PolicyCity(rule=None)
    assert refused(town, signed(town, officer, c.Designate(officer="clerk", grant=grant))) == code


def test_nobody_designates_a_stranger() -> None:
    town = PolicyCity(rule=None)
    action = c.Designate(officer="stranger", grant=Grant(role=Role.PIO))
    assert refused(town, signed(town, "cao", action)) == "officer.unknown"


def test_a_designation_counts_from_and_until() -> None:
    town = PolicyCity(rule=None)
    until = START + 10 * MINUTE
    town.designate("clerk", Role.PIO, valid_from=START + MINUTE, valid_until=until)
    holds = [Role.PIO in town.control.roles_of("clerk", when) for when in (START, START + MINUTE, until)]
    assert holds == [False, True, False]
    assert Role.EMPLOYEE in town.control.roles_of("clerk", START)


def test_a_new_designation_of_a_role_replaces_the_old_one() -> None:
    town = PolicyCity(rule=None)
    town.designate("clerk", Role.PUBLISHER, profiles=("fire-town",))
    town.designate("clerk", Role.PUBLISHER, profiles=("parks-town",))
    assert town.control.may_publish_to("clerk", "parks-town", START)
    assert not town.control.may_publish_to("clerk", "fire-town", START)


def test_a_suspended_profile_is_not_official_until_it_is_sanctioned_anew() -> None:
    town = PolicyCity(rule=None)
    town.order("cao", c.ProfileSuspend(profile="fire-town"))
    assert "fire-town" not in town.control.departmental_profiles()
    assert refused(town, signed(town, "cao", c.ProfileSuspend(profile="no-town"))) == "profile.unknown"
    town.order("cao", c.ProfileAdd(profile=profile("fire-town")))
    assert "fire-town" in town.control.departmental_profiles()


def test_a_removed_profile_is_unknown_until_it_is_added_anew() -> None:
    town = PolicyCity(rule=None)
    town.order("cao", c.ProfileRemove(profile="fire-town"))
    assert "fire-town" not in town.control.profiles
    assert refused(town, signed(town, "cao", c.ProfileRemove(profile="fire-town"))) == "profile.unknown"
    town.order("cao", c.ProfileAdd(profile=profile("fire-town")))
    assert "fire-town" in town.control.departmental_profiles()


def test_a_request_is_withdrawn_once() -> None:
    town = PolicyCity(rule=None)
    town.order("clerk", c.Withdraw(request_id="r1", reason="wrong street"))
    assert town.control.withdrawn == {"r1": "wrong street"}
    assert refused(town, signed(town, "clerk", ACTIONS["withdraw"])) == "withdraw.twice"


def test_all_departments_means_each_department_and_more_than_one() -> None:
    control = PolicyCity(rule=None).control
    assert control.covers_all_departments(("fire-news", "police-town", "parks-town"))
    assert not control.covers_all_departments(("fire-town", "fire-news", "city-town"))
    alone = PolicyCity(rule=None, profiles=(profile("fire-town"), profile("city-town", departmental=False))).control
    assert not alone.covers_all_departments(("fire-town",))


# --- genesis ------------------------------------------------------------------------------------------------


def a_manifest(**changes: Any) -> Manifest:
    fields: dict[str, Any] = {
        "realm": "live",
        "city": "Test",
        "website": "https://town.example",
        "issued_at": START,
        "officers": (Officer(id="cao", name="A", public_key=signer("cao").public_key),),
        "profiles": PROFILES,
    }
    return Manifest(**(fields | changes))


def genesis(manifest: Manifest, *signers: Signer, threshold: int = 2, state: ControlState | None = None) -> str:
    """The code of the fault, or ``begun``."""
    event = c.Genesis(at=START, manifest=seal(MANIFEST_TYPE, manifest, signers))
    try:
        fold(state or ControlState(), event, 7, root_keys=ROOT_KEYS, threshold=threshold, realm="live")
    except ControlFault as fault:
        return fault.code
    return "begun"


def test_the_manifest_takes_as_many_root_signatures_as_the_city_pinned() -> None:
    manifest, (one, two) = a_manifest(), ROOTS
    assert genesis(manifest, one, two) == "begun"
    assert genesis(manifest, one) == "manifest.signature"
    assert genesis(manifest, one, one) == "manifest.signature"
    assert genesis(manifest, one, signer("clerk")) == "manifest.signature"
    assert genesis(manifest, signer("cao"), signer("mcpe")) == "manifest.signature"
    assert genesis(manifest, one, threshold=1) == "begun"


def test_a_threshold_of_none_still_takes_a_signature() -> None:
    assert genesis(a_manifest(), signer("clerk"), threshold=0) == "manifest.signature"


def test_a_manifest_of_another_realm_is_refused() -> None:
    assert genesis(a_manifest(realm="exercise"), *ROOTS) == "manifest.realm"


def test_a_manifest_signed_as_something_else_is_refused() -> None:
    event = c.Genesis(at=START, manifest=seal(ORDER_TYPE, a_manifest(), ROOTS))
    with pytest.raises(ControlFault, match="0 of 2"):
        fold(ControlState(), event, 1, root_keys=ROOT_KEYS, threshold=2, realm="live")


def test_there_is_one_manifest_and_it_comes_first() -> None:
    town = PolicyCity(rule=None)
    assert genesis(a_manifest(), *ROOTS, state=town.control) in {"control.order", "control.manifest_twice"}
    event = c.Genesis(at=START, manifest=seal(MANIFEST_TYPE, a_manifest(), ROOTS))
    assert refused(town, event) == "control.manifest_twice"
    for first in (signed(town, "cao", ACTIONS["hold"]), c.EocActive(at=START, activating_seq=0)):
        with pytest.raises(ControlFault) as fault:
            fold(ControlState(), first, 1, root_keys=ROOT_KEYS, threshold=2, realm="live")
        assert fault.value.code == "control.no_manifest"


# --- any history --------------------------------------------------------------------------------------------

EVENTS = st.tuples(
    st.sampled_from([*OFFICERS, "stranger"]),
    st.sampled_from([*ACTIONS.values(), c.Revoke(officer="pio"), c.Hold(on=False), None]),
    st.sampled_from(["own", "own", "own", "clerk"]),
    st.sampled_from(["live", "live", "live", "exercise"]),
    st.integers(0, 5),
    st.integers(-90, 400),
)


@settings(max_examples=40)
@given(st.lists(EVENTS, max_size=25))
def test_an_illegal_event_changes_nothing_and_a_legal_one_keeps_the_state_whole(history: list[Any]) -> None:
    """Whatever is appended: a fault leaves the state, the rest keeps what must always hold."""
    town = PolicyCity(rule=None)
    for officer, action, key, realm, nonce, shift in history:
        town.now += SECOND
        before = town.control
        frozen = repr(before)
        if action is None:
            event: c.ControlEvent = c.EocActive(at=town.now, activating_seq=before.activating_seq)
        else:
            event = signed(
                town,
                officer,
                action,
                key=town.key(officer) if key == "own" else signer(key),
                realm=realm,
                nonce=f"{nonce:032x}",
                issued_at=town.now + shift * SECOND,
                expires_at=town.now + shift * SECOND + MINUTE,
            )
        try:
            town.fold(event)
        except ControlFault:
            assert town.control is before
        else:
            assert town.control.seq > before.seq
            if action is not None:
                assert officer not in before.revoked
                assert realm == "live"
                assert f"{nonce:032x}" not in before.nonces
        assert repr(before) == frozen
        assert bool(town.control.activating_seq) == (town.control.posture is Posture.EOC_ACTIVATING)
        assert (town.control.level is not None) == town.control.under_eoc
        assert set(before.revoked) <= set(town.control.revoked)


@pytest.mark.parametrize("ended", ["eoc_stand_down", "crisis_end", "hold"])
def test_what_ends_something_names_it(ended: str) -> None:
    """An order that was signed before a second activation, crisis or hold does not end that one."""
    town = PolicyCity()

    def begin() -> int:
        actions = {"hold": c.Hold(on=True), "crisis_end": c.CrisisDeclare(incident="flood")}
        town.order("cao", actions.get(ended, c.EocActivate(level=1, incident="flood")))
        return town.control.seq

    def end(seq: int) -> None:
        actions = {"hold": c.Hold(on=False, hold=seq), "crisis_end": c.CrisisEnd(crisis=seq)}
        town.order("cao", actions.get(ended, c.EocStandDown(activation=seq)))

    first = begin()
    end(first)
    second = begin()
    with pytest.raises(ControlFault) as fault:
        end(first)
    assert fault.value.code == "order.other"
    end(second)
    assert (town.control.posture, town.control.hold) == (Posture.ROUTINE, False)


def test_a_second_hold_is_not_released_by_who_knew_only_the_first() -> None:
    town = PolicyCity()
    town.order("cao", c.Hold(on=True))
    first = town.control.hold_seq
    town.order("pio", c.Hold(on=True))
    with pytest.raises(ControlFault):
        town.order("cao", c.Hold(on=False, hold=first))
    assert town.control.hold


def test_the_level_and_the_incident_change_and_the_activation_goes_on() -> None:
    """Also while it waits for its barrier; the change names its activation, and one that is over is not changed."""
    town = PolicyCity()
    town.activate(barrier=False)
    first = town.control
    town.order("cao", c.EocChange(level=3, incident="slide", activation=first.began_seq))
    assert (town.control.level, town.control.incident) == (3, "slide")
    assert (town.control.posture, town.control.activating_seq, town.control.since, town.control.began_seq) == (
        first.posture,
        first.activating_seq,
        first.since,
        first.began_seq,
    )
    town.fold(c.EocActive(at=town.now, activating_seq=first.activating_seq))
    assert (town.control.posture, town.control.level) == (Posture.EOC_ACTIVE, 3)
    town.stand_down()
    town.activate()
    with pytest.raises(ControlFault) as fault:
        town.order("cao", c.EocChange(level=1, incident="slide", activation=first.began_seq))
    assert fault.value.code == "order.other"
