"""``onevoice crisis``: declare and end."""

from __future__ import annotations

from schemas import subjects
from schemas.events.control import CrisisDeclare, CrisisEnd
from services.desk import options, session
from services.desk.app import Invocation, command, group
from services.desk.commands.posture import eoc
from services.desk.words import incident_name
from services.kernel.base.errors import Exit

app = group("Declare or end a crisis while the EOC is not active.", "onevoice crisis end --as pio")


@command(app, "declare", 'onevoice crisis declare --incident "Boil-water notice" --as pio')
async def declare(desk: Invocation, incident: options.Incident, as_: options.ActsAs = None) -> int:
    """Declare a crisis: the office manages the profiles (clause 2(i))."""
    return await _order(desk, as_, CrisisDeclare(incident=incident_name(incident)))


@command(app, "end", "onevoice crisis end --as pio")
async def end(desk: Invocation, as_: options.ActsAs = None) -> int:
    """End a declared crisis."""
    return await _order(desk, as_, None)


async def _order(desk: Invocation, as_: str | None, declaration: CrisisDeclare | None) -> int:
    async with session.acting(desk, as_) as here:
        action = declaration or CrisisEnd(crisis=(await here.eoc()).began_seq)
        reply = await here.order(subjects.DESK_EOC_ORDER, action)
        view = await here.eoc(reply.control_seq)
    eoc.answer(desk, view, reply)
    return Exit.DONE
