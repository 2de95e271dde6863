"""``onevoice hold``: the stop button."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from schemas import subjects
from schemas.events.control import Hold
from services.desk import options, session
from services.desk.app import Invocation, command, group
from services.desk.commands.posture import eoc
from services.kernel.base.errors import Exit

app = group("The stop button.")


@command(app, "hold", "onevoice hold on --as pio")
async def hold(
    desk: Invocation,
    switch: Annotated[Literal["on", "off"], typer.Argument(help="on: nothing is posted; off: go on.")],
    as_: options.ActsAs = None,
) -> int:
    """The stop button: nothing is posted while it is on."""
    async with session.acting(desk, as_) as here:
        named = None if switch == "on" else (await here.eoc()).hold_seq
        reply = await here.order(subjects.DESK_EOC_ORDER, Hold(on=switch == "on", hold=named))
        view = await here.eoc(reply.control_seq)
    eoc.answer(desk, view, reply)
    return Exit.DONE
