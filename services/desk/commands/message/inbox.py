"""``onevoice inbox``: what waits for an officer, and a bell for what comes."""

from __future__ import annotations

import math
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from schemas import subjects
from schemas.events.desk import RequestView
from schemas.events.outside import OutsideView
from services.desk import deadline, options, session
from services.desk.app import Invocation, command, group
from services.desk.connection.changes import Watch
from services.desk.connection.live import until, until_interrupted
from services.desk.session import Session
from services.desk.views.message import outcome, outside, promised
from services.desk.views.message import pending as pending_view
from services.desk.views.message import request as show
from services.desk.views.message.waiting import for_a_person
from services.desk.views.output import console, print_json_line
from services.desk.views.timetext import local
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import Exit

app = group("What waits for an officer.")

BELL = "\a"
WAIT_SECONDS = 3_600.0


@command(app, "inbox", "onevoice inbox --watch")
async def inbox(
    desk: Invocation,
    watch: Annotated[bool, typer.Option("--watch", help="Ring for each that comes, until Ctrl-C.")] = False,
    as_: options.AsksAs = None,
) -> int:
    """Show what waits for an officer, and ring for what comes.

    Approvals, and posts that somebody has to look at, those from outside of the gate too. With --watch it goes on until
    Ctrl-C, and rings the terminal's bell for each message that comes to wait.
    """
    async with session.asking(desk, as_) as here:
        if watch:
            return await _watch(desk, here)
        views = for_a_person((await here.pending())[0])
        strange = await here.outside()
        owed = await here.promised()
    shown = [outcome.request_json(view) for view in views]

    def draw(out: Console) -> None:
        now = SystemClock().now()
        pending_view.pending_table(out, views, now)
        if strange:
            out.print(Text(f"\nPosts that did not come through the gate, {len(strange)}:", style="bold"))
            outside.listed(out, strange, now)
        promised.listed(out, owed, now)

    desk.answer(shown, draw)
    if desk.as_json:
        promised.named(owed)
    return Exit.DONE


async def _watch(desk: Invocation, here: Session) -> int:
    seen: set[str] = set()
    deadline.allow(math.inf)
    async with here.link.listening(subjects.BOARD_ALL) as received, until_interrupted() as stop:
        watch = Watch(here.link, received, (await here.eoc()).last_seq)
        here.link.patient_until = math.inf
        while found := await until(stop, _waits(here)):
            views, strange = found
            for view in views:
                if view.request.request_id not in seen:
                    _ring(desk, view)
            for post in strange:
                if post.post.outside not in seen:
                    _ring_for(desk, post)
            seen = {view.request.request_id for view in views} | {post.post.outside for post in strange}
            await until(stop, watch.events(WAIT_SECONDS))
    return Exit.DONE


async def _waits(here: Session) -> tuple[list[RequestView], tuple[OutsideView, ...]]:
    return for_a_person((await here.pending())[0]), await here.outside()


def _ring_for(desk: Invocation, post: OutsideView) -> None:
    """Ring for a post that did not come through the gate."""
    if desk.as_json:
        print_json_line(outside.as_json(post))
        return
    out = console()
    if out.is_terminal:
        sys.stdout.write(BELL)
    outside.listed(out, [post], SystemClock().now())


def _ring(desk: Invocation, view: RequestView) -> None:
    if desk.as_json:
        print_json_line(outcome.request_json(view))
        return
    now = SystemClock().now()
    out = console()
    if out.is_terminal:
        sys.stdout.write(BELL)
    request = view.request
    out.print(
        Text(f"{local(now, now)}  {request.request_id}  {request.author}: {' '.join(request.text.split())[:200]}")
    )
    for line in show.next_steps(view):
        out.print(Text(f"  {line}"), soft_wrap=True)
