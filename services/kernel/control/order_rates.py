"""How many orders one officer gives in a minute. Pure.

Each order moves the control revision, and what was cleared is decided anew behind it; a withdrawal is for ever. So a
stolen key that orders without end could keep a city silent. Only who takes an order in asks this: what is in the ledger
counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from schemas.events import control as c
from services.kernel.control.control_state import ControlFault, ControlState, OrderKind, RecentOrder
from services.kernel.control.order_rules import protects

MINUTE = timedelta(minutes=1)

WITHDRAWALS_A_MINUTE = 10
"""Whoever has to stop more than that presses the stop button (``onevoice hold on``), which is never counted."""

ORDERS_A_MINUTE = 60
"""One officer's EOC orders, as many to the registry, and as many answers to others' proposals: a script that adds
profiles must not keep a hold on, nor keep its officer from confirming or declining what somebody proposed.

What protects (``order_rules.PROTECTING``) is not counted, nor are withdrawals here.
"""


def noted(state: ControlState, order: c.Order, now: datetime) -> ControlState:
    """Return the state with an order of this moment; those of more than a minute ago are forgotten."""
    kept = tuple(one for one in state.recent if now - one.at < MINUTE)
    kind = kind_of(order)
    return replace(state, recent=kept if kind is None else (*kept, RecentOrder(now, order.officer, kind)))


def check_rate(state: ControlState, order: c.Order, now: datetime) -> None:
    """Check that an officer did not give too many orders of this kind in the last minute.

    Raises:
        ControlFault: ``order.rate``, with the seconds after which it is taken.
    """
    kind = kind_of(order)
    if kind is None:
        return
    most = WITHDRAWALS_A_MINUTE if kind is OrderKind.WITHDRAWAL else ORDERS_A_MINUTE
    times = sorted(_times(state, order.officer, now, kind))
    if len(times) < most:
        return
    seconds = max(1, math.ceil((times[-most] + MINUTE - now).total_seconds()))
    raise ControlFault(
        "order.rate", f"{order.officer} has given {most} {kind} in a minute, which is the most; wait {seconds} s"
    )


def kind_of(order: c.Order) -> OrderKind | None:
    """Return with which orders this one is counted; None for what protects."""
    if isinstance(order.action, c.Withdraw):
        return OrderKind.WITHDRAWAL
    if protects(order):
        return None
    if isinstance(order.action, c.Confirm | c.Decline):
        return OrderKind.ANSWER
    return OrderKind.EOC if isinstance(order.action, c.EocAction) else OrderKind.REGISTRY


def too_many(order: c.Order) -> str:
    """Return what people are told of an officer whose order was one too many."""
    name, revoke = order.officer, f"onevoice officers revoke {order.officer}"
    if kind_of(order) is OrderKind.WITHDRAWAL:
        return f"{name} gives more orders than anybody does by hand; ask them, and if it is not they: {revoke}"
    return (
        f"{name} gives {kind_of(order)} as fast as a script does; ask whether it is theirs, and only if not: {revoke}"
    )


def _times(state: ControlState, officer: str, now: datetime, kind: OrderKind) -> Iterator[datetime]:
    for one in state.recent:
        if (one.officer, one.kind) == (officer, kind) and now - one.at < MINUTE:
            yield one.at
