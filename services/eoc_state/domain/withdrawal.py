"""Decides who may withdraw a request: its author, or an officer with an approving role. Pure."""

from __future__ import annotations

from datetime import datetime

from schemas.events.authority import Role
from schemas.events.control import Order, Withdraw
from services.kernel.control.control_state import ControlFault, ControlState

MAY_WITHDRAW_ANY = frozenset({Role.CAO, Role.MCPE, Role.PIO, Role.EOC_DIRECTOR, Role.COMMS_OFFICE})


def check_withdrawal(order: Order, author: str, control: ControlState, now: datetime) -> None:
    """Check that the officer may withdraw a request of this author; other orders are not looked at.

    Raises:
        ControlFault: ``order.role``.
    """
    if not isinstance(order.action, Withdraw) or author == order.officer:
        return
    if not control.roles_of(order.officer, now) & MAY_WITHDRAW_ANY:
        raise ControlFault(
            "order.role",
            f"{order.action.request_id} can be withdrawn by {author}, or by {', '.join(sorted(MAY_WITHDRAW_ANY))}",
        )
