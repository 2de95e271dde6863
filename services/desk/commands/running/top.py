"""``onevoice top``: the whole city on one screen, live."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator

from rich.live import Live

from schemas import subjects
from services.desk import deadline, options, session
from services.desk.app import Invocation, command, group
from services.desk.connection.changes import Watch
from services.desk.connection.live import until, until_interrupted
from services.desk.session import Session
from services.desk.views.message import outcome
from services.desk.views.output import console
from services.desk.views.state.overview import Overview, screen
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import Exit, Unreachable

REFRESH_SECONDS = 1.0

app = group("The whole city on one screen.", "onevoice top")


@command(app, "top", "onevoice top --as pio")
async def top(desk: Invocation, as_: options.AsksAs = None) -> int:
    """Show the whole city on one screen, live, until Ctrl-C.

    Into a pipe, on a terminal that cannot redraw and with --json it is one look.
    """
    out = console()
    if desk.as_json or not out.is_terminal or out.is_dumb_terminal:
        async with session.asking(desk, as_) as here:
            now = await _look(here)
        value = outcome.eoc_json(now.eoc) | {"pending": [outcome.request_json(view) for view in now.pending]}
        desk.answer(value, lambda plain: plain.print(screen(now, now.at, 10_000)))
        return Exit.DONE
    async with until_interrupted() as stop:
        deadline.allow(math.inf)
        with Live(console=out, screen=True, auto_refresh=False) as live:
            seen: Overview | None = None
            while not stop.is_set():
                try:
                    async with session.asking(desk, as_) as here:
                        async for seen in _looks(here, stop):
                            live.update(screen(seen, SystemClock().now(), out.height), refresh=True)
                except Unreachable:
                    if seen is None:
                        raise
                    # The last look stays, with its age: a screen that went blank would say less.
                    live.update(screen(seen, SystemClock().now(), out.height), refresh=True)
                    await until(stop, asyncio.sleep(REFRESH_SECONDS))
    return Exit.DONE


async def _looks(here: Session, stop: asyncio.Event) -> AsyncIterator[Overview]:
    """Yield the city whenever something happened, and once a second; raises Unreachable when it is away."""
    async with here.link.listening(subjects.BOARD_ALL) as received:
        seen = await _look(here)
        watch = Watch(here.link, received, seen.eoc.last_seq)
        while not stop.is_set():
            yield seen
            await until(stop, watch.events(REFRESH_SECONDS))
            seen = await _look(here)


async def _look(here: Session) -> Overview:
    eoc = await here.eoc()
    pending, _failed = await here.pending()
    return Overview(SystemClock().now(), eoc, pending)
