"""``onevoice history``: a message from its first word to what followed it, in one view."""

from __future__ import annotations

from rich.console import Console

from schemas.events.desk import BoardQuery
from services.desk import options, session
from services.desk.app import Invocation, command, group
from services.desk.views import history as show
from services.desk.words import check_id
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import Exit

app = group("What became of a message.")


@command(app, "history", "onevoice history rab12")
async def history(desk: Invocation, request_id: options.RequestId, as_: options.AsksAs = None) -> int:
    """Show who wrote, approved and posted what, in order.

    With what the message comes after, and with its corrections, updates and recalls.
    """
    check_id(request_id, "request")
    async with session.asking(desk, as_) as here:
        reply = await here.board(BoardQuery(query="history", request_id=request_id))
    events = reply.changes or ()
    lines = [line for event in events if (line := show.line_of(event)) is not None]

    def draw(out: Console) -> None:
        show.table_of(out, lines, SystemClock().now())

    desk.answer([show.line_json(line) for line in lines], draw)
    return Exit.DONE
