"""The control fold: what the control events say, up to a control revision.

``fold(state, event, seq)`` is pure. An event that the state does not allow raises ControlFault and changes
nothing: the writer checks before it appends, readers and the audit check again. Time comes from the event.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from schemas import canonical
from schemas.canonical import StrictJsonError
from schemas.events import control as c
from schemas.events.authority import Grant, Manifest, Officer, Profile, Role, Settings, System
from schemas.events.control import Posture
from schemas.events.envelope import CLOCK_SKEW, MANIFEST_TYPE, Envelope
from schemas.roles import WHO_MAY_ORDER
from services.kernel.authority.signing import verified_by
from services.kernel.authority.statements import ORDER_LIFETIME, Denied, StatementFault, check_signed


class ControlFault(Exception):
    """A control event that may not be: a stable code, and why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class ControlState:
    """The state of control at ``seq`` (0: before the first event).

    ``activating_seq`` is the sequence of the activation that waits for its barrier, or 0. ``revoked`` maps
    an officer to the sequence of the revocation. ``unknown``: the posts that may land, or may have landed, without the
    approval that the EOC asks for. ``ruled``: an event of rule 2 stands, so orders have to be fresh (``Ordered``).
    ``began_seq`` is the activation or declaration in force, ``hold_seq`` the newest hold, 0 where there is none: what
    ends them names it.
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
    began_seq: int = 0
    hold_seq: int = 0

    @property
    def under_eoc(self) -> bool:
        """True while the EOC is active or activating: clause 2(iii) applies."""
        return self.posture in (Posture.EOC_ACTIVATING, Posture.EOC_ACTIVE)

    @property
    def in_crisis(self) -> bool:
        """True in a declared crisis or under the EOC: clauses 2(i) and 2(iv) apply."""
        return self.posture is not Posture.ROUTINE

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
        """True when the targets are all departmental profiles in the sense of 2(iv).

        They reach more than the city's share of the departments that have an official profile; before version 0.3
        they had to reach each.
        """
        departments = {self.profiles[p].department for p in self.departmental_profiles()}
        named = {self.profiles[t].department for t in targets if t in self.profiles and self.profiles[t].departmental}
        reached = len(departments & named)
        if not self.ruled:
            return len(departments) > 1 and reached == len(departments)
        share = self.settings.all_departments_percent
        return reached > 1 and 100 * reached > (50 if share is None else share) * len(departments)


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
        return _genesis(state, event, seq, root_keys, threshold, realm)
    if state.seq == 0:
        raise ControlFault("control.no_manifest", "the first control event must be the authority manifest")
    if isinstance(event, c.EocActive):
        return _eoc_active(state, event, seq)
    order = read_order(event.order)
    if order_hash(event.order) in carried_out:
        raise ControlFault("order.replayed", "this order was carried out already")
    now = _time_of(state, event, stored_at)
    check_order(state, event.order, order, now)
    if event.rule is not None:
        check_fresh(order, now)
    after = _APPLY[order.action.action](state, order.action, seq, now)
    kept = {nonce: until for nonce, until in state.nonces.items() if until > now - CLOCK_SKEW}
    kept[order.nonce] = order.expires_at
    return replace(after, seq=seq, nonces=kept, ruled=state.ruled or event.rule is not None)


def _time_of(state: ControlState, event: c.Ordered, stored_at: datetime | None) -> datetime:
    """Return the time that an order is judged by: the server's, for whoever appends it can write any other."""
    if event.rule is None:
        if state.ruled:
            raise ControlFault("order.rule", "the order is written as before version 0.3")
        return event.at
    return stored_at or event.at


def order_hash(envelope: Envelope) -> str:
    """Return the hash by which an order is known again: of what was signed, since anybody can add to an envelope."""
    return canonical.sha256(envelope.payload_bytes())


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


def _denied(state: ControlState, order: c.Order, now: datetime) -> Denied | None:
    action = order.action.action
    allowed = WHO_MAY_ORDER.get(action, frozenset())
    if state.roles_of(order.officer, now) & allowed:
        return None
    names = ", ".join(sorted(allowed)) or "nobody"
    return Denied(f"{order.officer} may not order {action}; it takes {names}")


def _check_fitting(state: ControlState, order: c.Order, now: datetime) -> None:
    action = order.action.action
    postures = ALLOWED_IN.get(action)
    if postures is not None and state.posture not in postures:
        raise ControlFault("order.posture", f"{action} does not fit the posture {state.posture}")
    _check_named(state, order.action)
    if isinstance(order.action, c.Designate):
        _check_designation(order.action, state.roles_of(order.officer, now), now)


def _check_named(state: ControlState, action: c.Action) -> None:
    """Check that what ends something ends what stands: the officer who signed it may not know of a newer one."""
    if isinstance(action, c.EocStandDown):
        named, stands, what = action.activation, state.began_seq, "activation"
    elif isinstance(action, c.CrisisEnd):
        named, stands, what = action.crisis, state.began_seq, "crisis"
    elif isinstance(action, c.Hold) and not action.on:
        named, stands, what = action.hold, state.hold_seq, "hold"
    else:
        return
    if named is not None and named != stands:
        raise ControlFault("order.other", f"it ends the {what} at {named}, and {stands or 'none'} is in force")


def _check_designation(action: c.Designate, roles: frozenset[Role], now: datetime) -> None:
    begins, ends = action.grant.valid_from, action.grant.valid_until
    if ends is not None and (ends <= now or (begins is not None and ends <= begins)):
        raise ControlFault("designate.times", "the designation would end before it counts")
    if action.grant.role is Role.CAO and Role.CAO not in roles:
        raise ControlFault("order.role", "only the cao designates an acting cao")
    if (action.grant.role is Role.PUBLISHER) != bool(action.grant.profiles):
        raise ControlFault("designate.profiles", "a publisher is designated for named profiles, and only a publisher")


def _genesis(
    state: ControlState, event: c.Genesis, seq: int, root_keys: frozenset[str], threshold: int, realm: str
) -> ControlState:
    if state.seq != 0:
        raise ControlFault("control.manifest_twice", "the authority manifest stands already")
    signed = verified_by(event.manifest, MANIFEST_TYPE) & root_keys
    if len(signed) < max(threshold, 1):
        raise ControlFault(
            "manifest.signature", f"the manifest has {len(signed)} of {threshold} signatures by root keys"
        )
    try:
        manifest = Manifest.from_bytes(event.manifest.payload_bytes())
    except (StrictJsonError, ValueError) as error:
        raise ControlFault("manifest.malformed", f"the manifest cannot be read: {error}") from error
    if manifest.realm != realm:
        raise ControlFault("manifest.realm", f"the manifest is for {manifest.realm}, this is {realm}")
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
        began_seq=seq,
        unknown=(),
    )


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


def _designate(state: ControlState, action: c.Designate, _seq: int, _at: datetime) -> ControlState:
    officer = _known_officer(state, action.officer)
    unknown = [profile for profile in action.grant.profiles if profile not in state.profiles]
    if unknown:
        raise ControlFault("profile.unknown", f"there is no profile {unknown[0]!r}")
    kept = tuple(grant for grant in officer.grants if grant.role is not action.grant.role)
    changed = officer.model_copy(update={"grants": (*kept, action.grant)})
    return replace(state, officers={**state.officers, officer.id: changed})


def _revoke(state: ControlState, action: c.Revoke, seq: int, _at: datetime) -> ControlState:
    officer = _known_officer(state, action.officer)
    return replace(state, revoked={**state.revoked, officer.id: seq})


def _known_officer(state: ControlState, officer_id: str) -> Officer:
    officer = state.officers.get(officer_id)
    if officer is None:
        raise ControlFault("officer.unknown", f"there is no officer {officer_id!r}")
    if officer_id in state.revoked:
        raise ControlFault("officer.revoked", f"{officer_id} is revoked; a new key needs a new manifest")
    return officer


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
    "designate": _designate,
    "revoke": _revoke,
    "profile_add": _profile_add,
    "profile_suspend": _profile_suspend,
}
