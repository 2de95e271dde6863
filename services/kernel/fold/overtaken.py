"""Which void control entry an honest service may have written: an order that another one has overtaken. Pure."""

from __future__ import annotations

from schemas.events.control import Ordered
from services.kernel.control.control_state import ControlFault
from services.kernel.control.order_rules import protects, read_order
from services.kernel.fold.reading import parse_control_event
from services.kernel.ledger.entry import Entry

TOO_LATE = frozenset(
    {"order.posture", "withdraw.twice", "passkey.unknown", "officer.gone", "profile.unknown", "proposal.waits"}
)
"""Faults of what a genuine order is about. They are looked for behind the signature, so a forged or repeated order has
another fault before; so has one by somebody who is revoked (``officer.revoked``), since of that nobody can tell whether
the key was stolen: it calls for an alarm."""


def came_too_late(entry: Entry, fault: Exception) -> bool:
    """Return whether an entry is an order that protects, and that another one has overtaken.

    Only such orders are appended without a condition; any other that does not fit was written by no service of ours.
    """
    if not isinstance(fault, ControlFault) or fault.code not in TOO_LATE:
        return False
    event = parse_control_event(entry.data)
    return isinstance(event, Ordered) and protects(read_order(event.order))
