"""``onevoice hold`` and ``onevoice withdraw``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from services.desk import options
from services.desk.app import Invocation, command, group

app = group("What turns cleared messages back.")


@command(app, "hold", "onevoice hold on --as pio")
def hold(
    desk: Invocation,
    switch: Annotated[Literal["on", "off"], typer.Argument(help="on: nothing is posted; off: go on.")],
    as_: options.ActsAs = None,
) -> int:
    """The stop button: nothing is posted while it is on."""
    from services.desk.flows import orders

    return orders.hold(desk, as_, switch == "on")


@command(app, "withdraw", 'onevoice withdraw rab12 --as fire-publisher --reason "wrong road"')
def withdraw(
    desk: Invocation,
    request_id: options.RequestId,
    as_: options.ActsAs = None,
    reason: options.Reason = "withdrawn",
) -> int:
    """Take a request back, also a cleared one.

    Posts that stand already stay: what was delivered is listed.
    """
    from services.desk.flows import orders

    return orders.withdraw(desk, as_, request_id, reason)
