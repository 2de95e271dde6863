"""The control fold: what the control events say, up to a control revision.

``fold(state, event, seq)`` is pure. An event that the state does not allow raises ControlFault and changes
nothing: the writer checks before it appends, readers and the audit check again. Time comes from the event.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from schemas.canonical import StrictJsonError
from schemas.events import control as c
from schemas.events.authority import Grant, Officer, Profile, Role, Settings, System
from schemas.events.control import Posture
from schemas.events.envelope import CLOCK_SKEW, Envelope
from schemas.roles import DESIGNATES, WHO_MAY_ORDER
from services.kernel.authority.statements import ORDER_LIFETIME, Denied, StatementFault, check_signed, hash_of_signed
from services.kernel.control import people, proposals, root
from services.kernel.control.fault import ControlFault
from services.kernel.control.proposals import Proposal


@dataclass(frozen=True)
class ControlState:
    """The state of control at ``seq`` (0: before the first event).

    ``activating_seq`` is the sequence of the activation that waits for its barrier, or 0. ``revoked`` maps
    an officer to the sequence of the revocation. ``unknown``: the posts that may land, or may have landed, without the
    approval that the EOC asks for. ``ruled``: an event of rule 2 stands, so orders have to be fresh (``Ordered``).
    ``manifest_sha256`` is the hash of the manifest that began the ledger;
    ``version``, ``root_keys``, ``root_threshold`` and ``expires_at`` are those of the root in force. ``threshold`` is
    how many people a proposal takes (1: there are none), ``proposals`` those that wait, by sequence. ``former_keys``
    holds each officer's earlier keys, with the sequence from which each does not count.
    """

    seq: int = 0
    realm: str = ""
    city: str = ""
    website: str = ""
    posture: Posture = Posture.ROUTINE
    level: int | None = None
    incident: str | None = None
    since: datetime | None = None
    activating_seq: int = 0
    hold: bool = False
    officers: dict[str, Officer] = field(default_factory=dict)
    systems: dict[str, System] = field(default_factory=dict)
    profiles: dict[str, Profile] = field(default_factory=dict)
    revoked: dict[str, int] = field(default_factory=dict)
    withdrawn: dict[str, str] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    nonces: dict[str, datetime] = field(default_factory=dict)
    unknown: tuple[c.UnknownPost, ...] = ()
    ruled: bool = False
    manifest_sha256: str = ""
    version: int = 1
    root_keys: frozenset[str] = frozenset()
    root_threshold: int = 1
    threshold: int = 1
    expires_at: datetime | None = None
    proposals: dict[int, Proposal] = field(default_factory=dict)
    former_keys: dict[str, tuple[tuple[str, int], ...]] = field(default_factory=dict)

    @property
    def under_eoc(self) -> bool:
        """True while the EOC is active or activating: clause 2(iii) applies."""
        return self.posture in (Posture.EOC_ACTIVATING, Posture.EOC_ACTIVE)

    @property
    def in_crisis(self) -> bool:
        """True in a declared crisis or under the EOC: clauses 2(i) and 2(iv) apply."""
        return self.posture is not Posture.ROUTINE

    def key_at(self, officer: str, seq: int) -> str | None:
        """Return the key that counted for an officer at a sequence that is folded; None for nobody."""
        former = next((key for key, until in self.former_keys.get(officer, ()) if seq < until), None)
        person = self.officers.get(officer)
        return former or (person.public_key if person else None)

    def grants_of(self, officer: str, now: datetime) -> tuple[Grant, ...]:
        """Return the grants of an officer that count at a time; none after a revocation."""
        person = self.officers.get(officer)
        if person is None or officer in self.revoked:
            return ()
        return tuple(grant for grant in person.grants if _counts(grant, now))

    def roles_of(self, officer: str, now: datetime) -> frozenset[Role]:
        """Return the roles that an officer holds at a time."""
        return frozenset(grant.role for grant in self.grants_of(officer, now))

    def may_publish_to(self, officer: str, profile: str, now: datetime) -> bool:
        """True when the officer is a publisher with this profile delegated (Oversight (iii))."""
        return any(grant.role is Role.PUBLISHER and profile in grant.profiles for grant in self.grants_of(officer, now))

    def departmental_profiles(self) -> tuple[str, ...]:
        """Return the ids of all official departmental profiles, sorted."""
        return tuple(sorted(p.id for p in self.profiles.values() if p.official and p.departmental))

    def covers_all_departments(self, targets: tuple[str, ...]) -> bool:
        """True when the targets hold a profile of each department that has an official profile (2(iv))."""
        departments = {self.profiles[p].department for p in self.departmental_profiles()}
        reached = {self.profiles[t].department for t in targets if t in self.profiles and self.profiles[t].departmental}
        return len(departments) > 1 and departments <= reached


def _counts(grant: Grant, now: datetime) -> bool:
    started = grant.valid_from is None or grant.valid_from <= now
    return started and (grant.valid_until is None or now < grant.valid_until)


_CODES = {
    "officer_unknown": "officer.unknown",
    "revoked": "officer.revoked",
    "future": "order.expired",
    "times": "order.expired",
    "too_long": "order.expired",
    "no_authority": "order.role",
}
"""What a fault of a signed order is called on record; the others are called ``order.`` and their own code."""

ALLOWED_IN: dict[str, frozenset[Posture]] = {
    "eoc_activate": frozenset({Posture.ROUTINE, Posture.CRISIS}),
    "eoc_stand_down": frozenset({Posture.EOC_ACTIVATING, Posture.EOC_ACTIVE}),
    "crisis_declare": frozenset({Posture.ROUTINE}),
    "crisis_end": frozenset({Posture.CRISIS}),
}
"""The postures in which an action may be ordered; actions that are not here may be ordered in each."""


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
    order = read_order(event.order)
    if order_hash(event.order) in carried_out:
        raise ControlFault("order.replayed", "this order was carried out already")
    now = _time_of(state, event, stored_at)
    check_order(state, event.order, order, now)
    if event.rule is not None:
        check_fresh(order, now)
    after = _apply(state, order, order_hash(event.order), seq, now)
    kept = {nonce: until for nonce, until in state.nonces.items() if until > now - CLOCK_SKEW}
    kept[order.nonce] = order.expires_at
    return replace(after, seq=seq, nonces=kept, ruled=state.ruled or event.rule is not None)


def _apply(state: ControlState, order: c.Order, hash_: str, seq: int, now: datetime) -> ControlState:
    """Return the state after an order that may be: what needs others waits for them."""
    action = order.action
    if isinstance(action, c.Confirm):
        state, proposal, enough = proposals.confirm(state, order.officer, action, now)
        if not enough:
            return state
        _check_proposer(state, proposal, now)
        return _APPLY[proposal.action.action](state, proposal.action, seq, now)
    if isinstance(action, c.Decline):
        return proposals.decline(state, order.officer, action, now)
    after = _APPLY[action.action](state, action, seq, now)  # also of a proposal: what cannot be is refused at once
    return proposals.propose(state, order, hash_, seq, now) if proposals.needs_others(state, action) else after


def _check_proposer(state: ControlState, proposal: Proposal, now: datetime) -> None:
    """Check that each who asked for it may still do so."""
    people.known_officer(state, proposal.asked[0])
    _check_right(state, proposal.asked[0], proposal.action, now)
    for officer in proposal.asked[1:]:
        people.known_officer(state, officer)


def _time_of(state: ControlState, event: c.Ordered, stored_at: datetime | None) -> datetime:
    """Return the time that an order is judged by: the server's, for whoever appends it can write any other."""
    if event.rule is None:
        if state.ruled:
            raise ControlFault("order.rule", "the order is written as before version 0.3")
        return event.at
    return stored_at or event.at


def order_hash(envelope: Envelope) -> str:
    """Return the hash by which an order is known again."""
    return hash_of_signed(envelope)


def read_order(envelope: Envelope) -> c.Order:
    """Return the order that an envelope holds; raises ControlFault ``order.malformed``."""
    try:
        return c.Order.from_bytes(envelope.payload_bytes())
    except (StrictJsonError, ValueError) as error:
        raise ControlFault("order.malformed", f"the signed order cannot be read: {error}") from error


def check_order(state: ControlState, envelope: Envelope, order: c.Order, now: datetime) -> None:
    """Check that an order is genuine, fresh, unused, by someone who may, and fits the posture."""
    try:
        check_signed(
            envelope,
            order,
            state,
            now,
            lifetime=ORDER_LIFETIME,
            used=state.nonces,
            denied=_denied(state, order, now),
        )
    except StatementFault as fault:
        raise ControlFault(_CODES.get(fault.code, f"order.{fault.code}"), fault.message) from fault
    _check_fitting(state, order, now)


def check_fresh(order: c.Order, now: datetime) -> None:
    """Check that an order was signed at most a minute ago: one that was held back is not carried out later."""
    age = (now - order.issued_at).total_seconds()
    if abs(age) > CLOCK_SKEW.total_seconds():
        side = "before" if age > 0 else "after"
        raise ControlFault(
            "order.expired",
            f"the order was signed {abs(age):.0f} s {side} it arrived, and {CLOCK_SKEW.seconds} s is the most; "
            "check the clock and sign again",
        )


def _check_right(state: ControlState, officer: str, action: c.Action, now: datetime) -> None:
    denied = _denied_to(state, officer, action, now)
    if denied is not None:
        raise ControlFault("order.role", denied.message)


def _denied(state: ControlState, order: c.Order, now: datetime) -> Denied | None:
    return _denied_to(state, order.officer, order.action, now)


def _denied_to(state: ControlState, officer: str, what: c.Action, now: datetime) -> Denied | None:
    action = what.action
    allowed = WHO_MAY_ORDER.get(action, frozenset())
    if isinstance(what, c.Rekey) and what.officer != officer:
        allowed = DESIGNATES
    if state.roles_of(officer, now) & allowed:
        return None
    names = ", ".join(sorted(allowed)) or "nobody"
    return Denied(f"{officer} may not order {action}; it takes {names}")


def _check_fitting(state: ControlState, order: c.Order, now: datetime) -> None:
    action = order.action.action
    postures = ALLOWED_IN.get(action)
    if postures is not None and state.posture not in postures:
        raise ControlFault("order.posture", f"{action} does not fit the posture {state.posture}")
    root.check_in_force(state, action, now)
    if isinstance(order.action, c.Designate):
        _check_grant(order.action.grant, state.roles_of(order.officer, now), now)
    if isinstance(order.action, c.OfficerAdd):
        for grant in order.action.officer.grants:
            _check_grant(grant, state.roles_of(order.officer, now), now)


def _check_grant(grant: Grant, roles: frozenset[Role], now: datetime) -> None:
    begins, ends = grant.valid_from, grant.valid_until
    if ends is not None and (ends <= now or (begins is not None and ends <= begins)):
        raise ControlFault("designate.times", "the designation would end before it counts")
    if grant.role is Role.CAO and Role.CAO not in roles:
        raise ControlFault("order.role", "only the cao designates an acting cao")
    if (grant.role is Role.PUBLISHER) != bool(grant.profiles):
        raise ControlFault("designate.profiles", "a publisher is designated for named profiles, and only a publisher")


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
        raise ControlFault("control.manifest_twice", "the authority manifest stands already")
    manifest = root.read_manifest(event.manifest, root_keys, threshold, realm, now)
    return ControlState(
        seq=seq,
        realm=manifest.realm,
        city=manifest.city,
        website=manifest.website,
        since=event.at,
        officers={officer.id: officer for officer in manifest.officers},
        systems={system.id: system for system in manifest.systems},
        profiles={profile.id: profile for profile in manifest.profiles},
        settings=manifest.settings,
        ruled=event.rule is not None,
        manifest_sha256=hash_of_signed(event.manifest),
        version=manifest.version,
        root_keys=root_keys,
        root_threshold=max(threshold, 1),
        threshold=manifest.threshold or 1,
        expires_at=manifest.expires_at,
    )


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
        unknown=(),
    )


def _routine(state: ControlState, _action: c.EocStandDown | c.CrisisEnd, _seq: int, at: datetime) -> ControlState:
    return replace(state, posture=Posture.ROUTINE, level=None, incident=None, since=at, activating_seq=0, unknown=())


def _crisis(state: ControlState, action: c.CrisisDeclare, _seq: int, at: datetime) -> ControlState:
    return replace(state, posture=Posture.CRISIS, incident=action.incident, level=None, since=at)


def _hold(state: ControlState, action: c.Hold, _seq: int, _at: datetime) -> ControlState:
    return replace(state, hold=action.on)


def _withdraw(state: ControlState, action: c.Withdraw, _seq: int, _at: datetime) -> ControlState:
    if action.request_id in state.withdrawn:
        raise ControlFault("withdraw.twice", f"{action.request_id} is withdrawn already")
    return replace(state, withdrawn={**state.withdrawn, action.request_id: action.reason})


def _profile_add(state: ControlState, action: c.ProfileAdd, _seq: int, _at: datetime) -> ControlState:
    return replace(state, profiles={**state.profiles, action.profile.id: action.profile})


def _profile_suspend(state: ControlState, action: c.ProfileSuspend, _seq: int, _at: datetime) -> ControlState:
    profile = state.profiles.get(action.profile)
    if profile is None:
        raise ControlFault("profile.unknown", f"there is no profile {action.profile!r}")
    suspended = profile.model_copy(update={"official": False})
    return replace(state, profiles={**state.profiles, profile.id: suspended})


_APPLY: dict[str, Callable[[ControlState, Any, int, datetime], ControlState]] = {
    "eoc_activate": _activate,
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
    "system_add": people.system_add,
    "system_remove": people.system_remove,
    "settings": people.change_settings,
    "profile_add": _profile_add,
    "profile_suspend": _profile_suspend,
}
