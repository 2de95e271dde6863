"""Decides who may withdraw a request: its author, or an officer with an approving role. Pure."""

from __future__ import annotations

from datetime import datetime

from schemas.events.control import Order, Withdraw
from schemas.roles import OFFICE_OR_APPROVER
from services.kernel.control.control_state import ControlFault, ControlState


def check_withdrawal(order: Order, author: str, control: ControlState, now: datetime) -> None:
    """Check that the officer may withdraw a request of this author; other orders are not looked at.

    Raises:
        ControlFault: ``order.role``.
    """
    if not isinstance(order.action, Withdraw) or author == order.officer:
        return
    if not control.roles_of(order.officer, now) & OFFICE_OR_APPROVER:
        others = ", ".join(sorted(OFFICE_OR_APPROVER))
        raise ControlFault("order.role", f"{order.action.request_id} can be withdrawn by {author}, or by {others}")
