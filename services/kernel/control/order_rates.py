"""How many orders one officer gives in a minute. Pure.

Each order moves the control revision, and what was cleared is decided anew behind it; a withdrawal is for ever. So a
stolen key that orders without end could keep a city silent. Only the doors ask this: what stands in the ledger counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from schemas.events import control as c
from services.kernel.control.control_state import ControlFault, ControlState, RecentOrder
from services.kernel.control.order_rules import protects

MINUTE = timedelta(minutes=1)

WITHDRAWALS_A_MINUTE = 10
"""Whoever has to stop more than that presses the stop button (``onevoice hold on``), which is never counted."""

ORDERS_A_MINUTE = 60
"""All of one officer's orders together, but for those that protect (``order_rules.PROTECTING``) and withdrawals."""


def noted(state: ControlState, order: c.Order, now: datetime) -> ControlState:
    """Return the state with an order of this moment; those of more than a minute ago are forgotten."""
    kept = tuple(one for one in state.recent if now - one.at < MINUTE)
    if not _counts(order):
        return replace(state, recent=kept)
    withdraws = isinstance(order.action, c.Withdraw)
    return replace(state, recent=(*kept, RecentOrder(now, order.officer, withdraws)))


def check_rate(state: ControlState, order: c.Order, now: datetime) -> None:
    """Check that an officer did not give too many orders of this kind in the last minute.

    Raises:
        ControlFault: ``order.rate``, with the seconds after which it is taken.
    """
    if not _counts(order):
        return
    withdraws = isinstance(order.action, c.Withdraw)
    most, name = (WITHDRAWALS_A_MINUTE, "withdrawals") if withdraws else (ORDERS_A_MINUTE, "orders")
    times = sorted(_times(state, order.officer, now, withdraws=withdraws))
    if len(times) < most:
        return
    seconds = max(1, math.ceil((times[-most] + MINUTE - now).total_seconds()))
    raise ControlFault(
        "order.rate", f"{order.officer} has given {most} {name} in a minute, which is the most; wait {seconds} s"
    )


def _counts(order: c.Order) -> bool:
    return isinstance(order.action, c.Withdraw) or not protects(order)


def _times(state: ControlState, officer: str, now: datetime, *, withdraws: bool) -> Iterator[datetime]:
    for one in state.recent:
        if (one.officer, one.withdraws) == (officer, withdraws) and now - one.at < MINUTE:
            yield one.at
