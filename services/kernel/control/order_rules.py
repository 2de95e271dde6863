"""Which signed orders may be carried out: genuine, fresh, unused, by someone who may, and fitting the posture. Pure.

The one who appends an order checks before, readers and the audit check again. Time is an argument.
"""

from __future__ import annotations

from datetime import datetime

from schemas.canonical import StrictJsonError
from schemas.events import control as c
from schemas.events.authority import Grant, Role
from schemas.events.control import Posture
from schemas.events.envelope import CLOCK_SKEW, Envelope
from schemas.roles import DESIGNATES, WHO_MAY_ORDER
from services.kernel.authority.statements import ORDER_LIFETIME, Denied, StatementFault, check_signed, hash_of_signed
from services.kernel.control import root
from services.kernel.control.control_state import ControlFault, ControlState

_CODES = {
    "officer_unknown": "officer.unknown",
    "revoked": "officer.revoked",
    "future": "order.expired",
    "times": "order.expired",
    "too_long": "order.expired",
    "no_authority": "order.role",
}
"""What a fault of a signed order is called on record; the others are called ``order.`` and their own code.

``officer.revoked`` is who gives the order, found before the signature is looked at; ``officer.gone`` is whom it is
about, found behind it (``people.known_officer``).
"""

ALLOWED_IN: dict[str, frozenset[Posture]] = {
    "eoc_activate": frozenset({Posture.ROUTINE, Posture.CRISIS}),
    "eoc_change": frozenset({Posture.EOC_ACTIVATING, Posture.EOC_ACTIVE}),
    "eoc_stand_down": frozenset({Posture.EOC_ACTIVATING, Posture.EOC_ACTIVE}),
    "crisis_declare": frozenset({Posture.ROUTINE}),
    "crisis_end": frozenset({Posture.CRISIS}),
}
"""The postures in which an action may be ordered; actions that are not here may be ordered in each."""


_DEEDS = {
    "eoc_activate": "activate the EOC",
    "eoc_change": "change the EOC's level or incident",
    "eoc_stand_down": "stand the EOC down",
    "crisis_declare": "declare a crisis",
    "crisis_end": "end a crisis",
    "hold": "hold or release all posts",
    "designate": "designate anybody",
    "revoke": "revoke anybody",
    "reinstate": "reinstate anybody",
    "rekey": "give anybody another key",
    "officer_add": "add an officer",
    "withdraw": "withdraw a message",
    "passkey_invite": "make a link for a passkey",
    "passkey_add": "add a passkey",
    "passkey_remove": "remove a passkey",
    "confirm": "confirm a proposal",
    "decline": "decline a proposal",
    "system_add": "add a system",
    "system_remove": "remove a system",
    "settings": "change the city's settings",
    "profile_add": "add or change a profile",
    "profile_suspend": "suspend a profile",
    "profile_remove": "remove a profile",
}

_OWN = (c.Rekey, c.PasskeyInvite, c.PasskeyAdd, c.PasskeyRemove)
"""What officers order for themselves; for another one it takes ``DESIGNATES``."""

PROTECTING = frozenset({"eoc_activate", "withdraw", "revoke", "profile_suspend", "passkey_remove"})
"""What protects is appended behind whatever is there, without a condition, so that nobody's orders can starve it: the
fold says whether it counts there. Pressing the stop button is one of them, releasing it is not."""


def protects(order: c.Order) -> bool:
    """Return whether an order only takes something back."""
    return order.action.action in PROTECTING or (isinstance(order.action, c.Hold) and order.action.on)


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
    check_genuine(state, envelope, order, now)
    _check_fitting(state, order, now)


def check_genuine(state: ControlState, envelope: Envelope, order: c.Order, now: datetime) -> None:
    """Check that an order is genuine, in its time, unused, and by someone who may give it."""
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


def check_right(state: ControlState, officer: str, action: c.ProposedAction, now: datetime) -> None:
    """Check that an officer may order something now; raises ControlFault ``order.role``."""
    denied = _denied_to(state, officer, action, now)
    if denied is not None:
        raise ControlFault("order.role", denied.message)


def _denied(state: ControlState, order: c.Order, now: datetime) -> Denied | None:
    return _denied_to(state, order.officer, order.action, now)


def _denied_to(state: ControlState, officer: str, what: c.ProposedAction, now: datetime) -> Denied | None:
    action = what.action
    allowed = WHO_MAY_ORDER.get(action, frozenset())
    if isinstance(what, _OWN) and what.officer != officer:
        allowed = DESIGNATES
    if state.roles_of(officer, now) & allowed:
        return None
    names = ", ".join(sorted(allowed)) or "nobody"
    return Denied(f"{officer} may not {_DEEDS.get(action, f'order {action}')}; it takes {names}")


def _check_fitting(state: ControlState, order: c.Order, now: datetime) -> None:
    action = order.action.action
    postures = ALLOWED_IN.get(action)
    if postures is not None and state.posture not in postures:
        when = " or ".join(sorted(postures))
        raise ControlFault("order.posture", f"to {_DEEDS[action]} takes the posture {when}, and it is {state.posture}")
    root.check_in_force(state, action, now)
    roles = state.roles_of(order.officer, now)
    if isinstance(order.action, c.Designate):
        _check_grant(order.action.grant, roles, now)
    if isinstance(order.action, c.OfficerAdd):
        for grant in order.action.officer.grants:
            _check_grant(grant, roles, now)


def _check_grant(grant: Grant, roles: frozenset[Role], now: datetime) -> None:
    begins, ends = grant.valid_from, grant.valid_until
    if ends is not None and (ends <= now or (begins is not None and ends <= begins)):
        raise ControlFault("designate.times", "the designation would end before it counts")
    if grant.role is Role.CAO and Role.CAO not in roles:
        raise ControlFault("order.role", "only the cao designates an acting cao")
    if (grant.role is Role.PUBLISHER) != bool(grant.profiles):
        raise ControlFault("designate.profiles", "a publisher is designated for named profiles, and only a publisher")
