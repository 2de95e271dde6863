"""Changes of who has power: one officer proposes, others confirm. Pure.

One stolen key must not take the city: who gives a new key, cao, mcpe or other settings, or revokes a cao or mcpe, only
proposes it. So does who takes power from somebody and leaves too few others to undo it. It is carried out when as many
people as the manifest's threshold asked for it, the proposer among them.
Source: the pending admin actions of GOV.UK Emergency Alerts; the thresholds of TUF 1.0.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from schemas.events import control as c
from schemas.roles import DESIGNATES, WHO_MAY_ORDER
from services.kernel.authority.officer_keys import OfficerKeys
from services.kernel.control.control_state import ControlFault, ControlState, Proposal

LIFETIME = timedelta(hours=24)
"""How long a proposal waits."""


def needs_others(state: ControlState, action: c.ProposedAction, by: str) -> bool:
    """Return whether one officer alone, ``by``, may not do this.

    Each new key of a person needs others, whatever their roles: who adds a clerk alone could make them pio alone.
    """
    if state.threshold < 2:
        return False
    if isinstance(action, c.OfficerAdd | c.Reinstate | c.Rekey | c.PasskeyAdd | c.SettingsChange):
        return True
    if isinstance(action, c.Designate):
        return action.grant.role in DESIGNATES
    if isinstance(action, c.PasskeyRemove) and action.officer == by:
        return False
    if isinstance(action, c.Revoke | c.PasskeyRemove):
        officer = state.officers.get(action.officer)
        return officer is not None and any(grant.role in DESIGNATES for grant in officer.grants)
    return False


def leaves_too_few(before: ControlState, after: ControlState, by: str, now: datetime) -> bool:
    """Return whether ``by`` alone takes power from somebody, and the others could not outvote them then.

    A lost telephone is out at once; whoever stole the key of one cao or mcpe cannot revoke all the others one by one.
    To shorten a role or to take a passkey away counts, too.
    """
    same_people = after.officers is before.officers and after.revoked is before.revoked
    if same_people or before.threshold < 2 or not before.keeps_others:
        return False
    left = _others(after, by, now)
    return len(left) < before.threshold and not _others(before, by, now) <= left


def propose(
    state: ControlState, action: c.ProposedAction, by: str, order_hash: str, seq: int, now: datetime
) -> ControlState:
    """Return the state with one proposal more; those that waited too long are dropped."""
    kept = {at: one for at, one in state.proposals.items() if one.until > now}
    same = next((one for one in kept.values() if one.action == action), None)
    if same is not None:
        raise ControlFault("proposal.waits", f"the same waits already, as proposal {same.seq}")
    made = Proposal(seq, order_hash, action, now + LIFETIME, (by,))
    return replace(state, proposals={**kept, seq: made})


def confirm(state: ControlState, officer: str, action: c.Confirm, now: datetime) -> tuple[ControlState, Proposal, bool]:
    """Return the state after a confirmation, the proposal, and whether enough people asked for it now.

    Raises:
        ControlFault: ``proposal.unknown``, ``proposal.own``.
    """
    proposal = _waiting(state, action, now)
    if officer in proposal.asked:
        raise ControlFault("proposal.own", f"{officer} asked for proposal {proposal.seq} already; it takes another one")
    if officer == _gains(proposal.action):
        raise ControlFault("proposal.own", f"proposal {proposal.seq} gives {officer} power; it takes another one")
    asked = replace(proposal, asked=(*proposal.asked, officer))
    others = {seq: one for seq, one in state.proposals.items() if seq != proposal.seq}
    if len(asked.asked) >= state.threshold:
        return replace(state, proposals=others), asked, True
    return replace(state, proposals={**others, proposal.seq: asked}), asked, False


def decline(state: ControlState, officer: str, action: c.Decline, now: datetime) -> ControlState:
    """Return the state without a proposal.

    Not by the one whom it is about: a stolen key must not keep itself in force.

    Raises:
        ControlFault: ``proposal.unknown``, ``proposal.about``.
    """
    proposal = _waiting(state, action, now)
    if officer == getattr(proposal.action, "officer", None) and officer != proposal.asked[0]:
        raise ControlFault("proposal.about", f"proposal {proposal.seq} is about {officer}; others decide on it")
    return replace(state, proposals={seq: one for seq, one in state.proposals.items() if seq != proposal.seq})


def _others(state: ControlState, by: str, now: datetime) -> frozenset[str]:
    """Return who beside ``by`` could confirm a proposal now, and until it would end."""
    return frozenset(
        name
        for name in state.officers
        if name != by
        and state.keys_of(name, now) != OfficerKeys(None)
        and state.roles_of(name, now) & state.roles_of(name, now + LIFETIME) & WHO_MAY_ORDER["confirm"]
    )


def _waiting(state: ControlState, action: c.Confirm | c.Decline, now: datetime) -> Proposal:
    proposal = state.proposals.get(action.proposal)
    if proposal is None or proposal.order != action.order or proposal.until <= now:
        raise ControlFault("proposal.unknown", f"no proposal {action.proposal} waits with that content")
    return proposal


def _gains(action: c.ProposedAction) -> str | None:
    """Return the officer whom a proposal gives something."""
    return action.officer if isinstance(action, c.Designate | c.Reinstate | c.Rekey | c.PasskeyAdd) else None
