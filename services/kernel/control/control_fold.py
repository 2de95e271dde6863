"""The control fold: each control event, in order, changes the state of control.

``fold(state, event, seq)`` is pure. An event that the state does not allow raises ControlFault and changes
nothing: the writer checks before it appends, readers and the audit check again. Time comes from the event.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import replace
from datetime import datetime
from typing import Any

from schemas import canonical
from schemas.events import control as c
from schemas.events.authority import Profile
from schemas.events.control import Posture
from schemas.events.envelope import CLOCK_SKEW
from services.kernel.authority.statements import hash_of_signed
from services.kernel.control import naming, order_rates, passkeys, people, proposals, root
from services.kernel.control.control_state import ControlFault, ControlState, Proposal
from services.kernel.control.order_rules import check_fresh, check_order, check_right, order_hash, read_order

_REPLAYED = (
    "this order was carried out already: somebody repeats old orders with a service's key, or, "
    "moments after the broker was away, a service has sent again what got no ack"
)


def fold(
    state: ControlState,
    event: c.ControlEvent,
    seq: int,
    *,
    root_keys: frozenset[str],
    threshold: int,
    realm: str,
    stored_at: datetime | None = None,
    carried_out: Container[str] = (),
) -> ControlState:
    """Return the state after an event at a sequence.

    Args:
        state: the state before.
        event: the control event.
        seq: its ledger sequence; must be greater than the state's.
        root_keys: the public keys that the manifest must be signed by.
        threshold: how many of them must have signed.
        realm: the realm that the events must be of.
        stored_at: when the server stored the event; None while it is not stored.
        carried_out: the hashes of the orders before it (``order_hash``): each counts once, for ever.

    Raises:
        ControlFault: the event may not follow on this state.
    """
    if seq <= state.seq:
        raise ControlFault("control.order", f"sequence {seq} comes after {state.seq}")
    if isinstance(event, c.Genesis):
        return _genesis(state, event, seq, root_keys, threshold, realm, stored_at or event.at)
    if state.seq == 0:
        raise ControlFault("control.no_manifest", "the first control event must be the authority manifest")
    if isinstance(event, c.EocActive):
        return _eoc_active(state, event, seq)
    if isinstance(event, c.Renewed):
        return root.renew(state, event, seq, stored_at or event.at)
    if isinstance(event, c.PasskeyEnrolled):
        return replace(_enrolled(state, event, seq, stored_at or event.at), seq=seq)
    order = read_order(event.order)
    if order_hash(event.order) in carried_out:
        raise ControlFault("order.replayed", _REPLAYED)
    now = _time_of(state, event, stored_at)
    check_order(state, event.order, order, now)
    if event.rule is not None:
        check_fresh(order, now)
    state = _ruled(state, event.rule)
    after = _apply(state, order, order_hash(event.order), seq, now)
    kept = {nonce: until for nonce, until in state.nonces.items() if until > now - CLOCK_SKEW}
    kept[order.nonce] = order.expires_at
    return replace(order_rates.noted(after, order, now), seq=seq, nonces=kept)


def _apply(state: ControlState, order: c.Order, hash_: str, seq: int, now: datetime) -> ControlState:
    """Return the state after an order that may be: what needs others waits for them."""
    action = order.action
    if isinstance(action, c.Confirm):
        state, proposal, enough = proposals.confirm(state, order.officer, action, now)
        if not enough:
            return state
        _check_askers(state, proposal, now)
        return _done(state, proposal.action, seq, now)
    if isinstance(action, c.Decline):
        return proposals.decline(state, order.officer, action, now)
    if isinstance(action, c.PasskeyInvite):
        return passkeys.invite(state, action, seq, now, order.officer)
    return _apply_or_propose(state, action, order.officer, hash_, seq, now)


def _apply_or_propose(
    state: ControlState, action: c.ProposedAction, by: str, hash_: str, seq: int, now: datetime
) -> ControlState:
    after = _done(state, action, seq, now)  # also of a proposal: what cannot be is refused at once
    takes_others = proposals.needs_others(state, action, by) or proposals.leaves_too_few(state, after, by, now)
    return proposals.propose(state, action, by, hash_, seq, now) if takes_others else after


def _done(state: ControlState, action: c.ProposedAction, seq: int, now: datetime) -> ControlState:
    """Return the state after an action that names what it ends or changes."""
    naming.check_named(state, action, obliged=state.must_name)
    return naming.noted(_APPLY[action.action](state, action, seq, now), action, seq)


def _enrolled(state: ControlState, event: c.PasskeyEnrolled, seq: int, now: datetime) -> ControlState:
    """Return the state after a one-time link was used: as if who made it had asked for this passkey."""
    said, link = passkeys.check_enrolment(state, event.enrolment, now)
    action = c.PasskeyAdd(officer=said.officer, passkey=said.passkey)
    root.check_in_force(state, action.action, now)
    check_right(state, link.by, action, now)
    spent = canonical.sha256(said.token.encode())
    left = replace(state, invites={token: one for token, one in state.invites.items() if token != spent})
    return _apply_or_propose(left, action, link.by, hash_of_signed(event.enrolment), seq, now)


def _check_askers(state: ControlState, proposal: Proposal, now: datetime) -> None:
    """Check that each who asked for a proposal still counts."""
    for officer in proposal.asked:
        people.known_officer(state, officer)
    check_right(state, proposal.asked[0], proposal.action, now)


def _ruled(state: ControlState, rule: int | None) -> ControlState:
    """Return the state behind an event of a rule (``c.Ordered``)."""
    number = rule or 0
    return replace(state, ruled=state.ruled or number > 0, must_name=number >= 3, keeps_others=number >= 4)


def _time_of(state: ControlState, event: c.Ordered, stored_at: datetime | None) -> datetime:
    """Return the time that an order is judged by: the server's, for whoever appends it can write any other."""
    least = 4 if state.keeps_others else 3 if state.must_name else 2 if state.ruled else 0
    if (event.rule or 0) < least:
        raise ControlFault("order.rule", "the order is written as by an earlier version")
    return event.at if event.rule is None else stored_at or event.at


def _genesis(
    state: ControlState,
    event: c.Genesis,
    seq: int,
    root_keys: frozenset[str],
    threshold: int,
    realm: str,
    now: datetime,
) -> ControlState:
    if state.seq != 0:
        raise ControlFault("control.manifest_twice", "the authority manifest is there already")
    manifest = root.read_manifest(event.manifest, root_keys, threshold, realm, now)
    state = ControlState(
        seq=seq,
        realm=manifest.realm,
        city=manifest.city,
        website=manifest.website,
        since=event.at,
        officers={officer.id: officer for officer in manifest.officers},
        systems={system.id: system for system in manifest.systems},
        profiles={profile.id: profile for profile in manifest.profiles},
        settings=manifest.settings,
        manifest_sha256=hash_of_signed(event.manifest),
        version=manifest.version,
        root_keys=root_keys,
        root_threshold=max(threshold, 1),
        threshold=manifest.threshold or 1,
        expires_at=manifest.expires_at,
        passkey_seqs={one.credential: seq for officer in manifest.officers for one in officer.passkeys or ()},
    )
    return _ruled(state, event.rule)


def _eoc_active(state: ControlState, event: c.EocActive, seq: int) -> ControlState:
    if state.posture is not Posture.EOC_ACTIVATING or event.activating_seq != state.activating_seq:
        raise ControlFault("control.barrier", "eoc_active without the activation that it completes")
    unknown = event.unknown or ()
    return replace(state, seq=seq, posture=Posture.EOC_ACTIVE, activating_seq=0, since=event.at, unknown=unknown)


def _activate(state: ControlState, action: c.EocActivate, seq: int, at: datetime) -> ControlState:
    return replace(
        state,
        posture=Posture.EOC_ACTIVATING,
        level=action.level,
        incident=action.incident,
        since=at,
        activating_seq=seq,
        began_seq=seq,
        unknown=(),
    )


def _change(state: ControlState, action: c.EocChange, _seq: int, _at: datetime) -> ControlState:
    return replace(state, level=action.level, incident=action.incident)


def _routine(state: ControlState, _action: c.EocStandDown | c.CrisisEnd, _seq: int, at: datetime) -> ControlState:
    return replace(
        state,
        posture=Posture.ROUTINE,
        level=None,
        incident=None,
        since=at,
        activating_seq=0,
        began_seq=0,
        unknown=(),
    )


def _crisis(state: ControlState, action: c.CrisisDeclare, seq: int, at: datetime) -> ControlState:
    return replace(state, posture=Posture.CRISIS, incident=action.incident, level=None, since=at, began_seq=seq)


def _hold(state: ControlState, action: c.Hold, seq: int, _at: datetime) -> ControlState:
    return replace(state, hold=action.on, hold_seq=seq if action.on else 0)


def _withdraw(state: ControlState, action: c.Withdraw, _seq: int, _at: datetime) -> ControlState:
    if action.request_id in state.withdrawn:
        raise ControlFault("withdraw.twice", f"{action.request_id} is withdrawn already")
    return replace(state, withdrawn={**state.withdrawn, action.request_id: action.reason})


def _profile_add(state: ControlState, action: c.ProfileAdd, _seq: int, _at: datetime) -> ControlState:
    return replace(state, profiles={**state.profiles, action.profile.id: action.profile})


def _profile_suspend(state: ControlState, action: c.ProfileSuspend, _seq: int, _at: datetime) -> ControlState:
    suspended = _known_profile(state, action.profile).model_copy(update={"official": False})
    return replace(state, profiles={**state.profiles, suspended.id: suspended})


def _profile_remove(state: ControlState, action: c.ProfileRemove, _seq: int, _at: datetime) -> ControlState:
    gone = _known_profile(state, action.profile).id
    return replace(state, profiles={id_: profile for id_, profile in state.profiles.items() if id_ != gone})


def _known_profile(state: ControlState, profile_id: str) -> Profile:
    profile = state.profiles.get(profile_id)
    if profile is None:
        raise ControlFault("profile.unknown", f"there is no profile {profile_id!r}")
    return profile


_APPLY: dict[str, Callable[[ControlState, Any, int, datetime], ControlState]] = {
    "eoc_activate": _activate,
    "eoc_change": _change,
    "eoc_stand_down": _routine,
    "crisis_declare": _crisis,
    "crisis_end": _routine,
    "hold": _hold,
    "withdraw": _withdraw,
    "designate": people.designate,
    "revoke": people.revoke,
    "officer_add": people.officer_add,
    "reinstate": people.reinstate,
    "rekey": people.rekey,
    "passkey_add": passkeys.add,
    "passkey_remove": passkeys.remove,
    "system_add": people.system_add,
    "system_remove": people.system_remove,
    "settings": people.change_settings,
    "profile_add": _profile_add,
    "profile_suspend": _profile_suspend,
    "profile_remove": _profile_remove,
}
