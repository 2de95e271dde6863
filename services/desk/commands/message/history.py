"""``onevoice history``: the messages of some days, or one of them from its first word to what followed it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from schemas import unseen
from schemas.events.desk import BoardEvent, BoardQuery
from services.desk import deadline, options, session
from services.desk.app import Invocation, command, group
from services.desk.connection.pages import in_pages
from services.desk.session import Session
from services.desk.views.layout import table, table_width
from services.desk.views.message import history as show
from services.desk.views.message import messages
from services.desk.views.message.messages import MessageIndex, MessageLine
from services.desk.views.timetext import local, looked_back
from services.desk.words import check_id
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Exit, Unreachable

app = group("What was published, and what became of it.")

ANSWER_SECONDS = 5.0
STEP = 2_000
"""Entries that are looked back at first; then twice as many, until one is older than what is asked for."""

MOST = 100_000
"""Messages that are listed at most, the newest."""


@command(
    app,
    "history",
    'onevoice history --since 30d --search "Highway 7"\nonevoice history rab12',
)
async def history(
    desk: Invocation,
    request_id: options.RequestIdOrAll = None,
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="From when on: a day, a time, or 7d.")] = "7d",
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Up to when; absent: now.")] = None,
    search: Annotated[str, typer.Option("--search", metavar="WORDS", help="Each word is in its text or author.")] = "",
    as_: options.AsksAs = None,
) -> int:
    """List what was asked to be published, or show one whole.

    The list has the messages of the last days, the newest first, and what became of each. With ID: who wrote, approved
    and posted what, in order; with what the message comes after, and with its corrections, updates and recalls.
    """
    if request_id is not None:
        return await _one(desk, request_id, as_)
    now, zone = SystemClock().now(), desk.city().zone
    begin = looked_back(since, now, zone, "since")
    end = looked_back(until, now, zone, "until", end=True) if until else now
    if begin >= end:
        raise BadInput("history.time", "--since is not before --until", "--since 2026-01-01 --until 2026-01-31")
    index = MessageIndex(MOST, addresses=True)
    async with session.asking(desk, as_) as here:
        for event in await _entries(here, begin):
            index.add(event)
    found = [one for one in index.search(search, None) if begin <= one.at < end]
    nothing = f"No message from {local(begin, now)} to {local(end, now)}{' has these words' if search else ''}."
    desk.answer([messages.line_json(one) for one in found], lambda out: _draw(out, found, now, nothing))
    return Exit.DONE


async def _one(desk: Invocation, request_id: str, as_: str | None) -> int:
    check_id(request_id, "request")
    async with session.asking(desk, as_) as here:
        reply = await in_pages(here.board, BoardQuery(query="history", request_id=request_id))
    events = reply.changes or ()
    lines = [line for event in events if (line := show.line_of(event)) is not None]
    now = SystemClock().now()
    desk.answer([show.line_json(line) for line in lines], lambda out: show.table_of(out, lines, now))
    return Exit.DONE


async def _entries(here: Session, begin: datetime) -> list[BoardEvent]:
    """Return the ledger's entries since a time, and maybe some before it."""
    start = last = (await here.eoc()).last_seq
    step, page = STEP, tuple[BoardEvent, ...]()
    while start > 0:
        start = max(0, last - step)
        page = await _page(here, start)
        if not page or page[0].at < begin:
            break
        step *= 2
    found = list(page)
    while page and page[-1].seq < last:
        page = await _page(here, page[-1].seq)
        found += page
    return found


async def _page(here: Session, since: int) -> tuple[BoardEvent, ...]:
    deadline.allow(ANSWER_SECONDS)
    reply = await here.board(BoardQuery(query="changes", since=since))
    if not reply.changes and reply.next is not None:  # a list that lacks what is there would pass for all of it
        raise Unreachable("ledger.behind", f"what comes after entry {since} could not be read now", "ask again")
    return reply.changes or ()


def _draw(out: Console, found: list[MessageLine], now: datetime, nothing: str) -> None:
    if not found:
        out.print(Text(nothing))
        return
    rows = table("when", "request", "by", "what became of it", "text")
    for one in found:
        text = Text(unseen.shown(one.text))
        rows.add_row(Text(local(one.at, now)), Text(one.request_id), Text(one.author), Text(one.became()), text)
    out.print(rows, width=table_width(out))
