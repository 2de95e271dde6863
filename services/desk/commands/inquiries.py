"""``onevoice inquiries``: what people ask the city in public, for the PIO to answer (HUM.11(A) 2(iv))."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from schemas import unseen
from schemas.events.desk import BoardQuery
from services.desk import options, session
from services.desk.app import Invocation, command, group
from services.desk.city.inquiries import ANSWER_SECONDS, InquiryBox
from services.desk.connection.live import until_interrupted
from services.desk.views.output import console, errors_console, print_json_line
from services.desk.views.timetext import duration, local, utc
from services.fanout.connectors.asking import Brought
from services.fanout.connectors.inquiry import Inquiry
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Exit

app = group("What people ask the city in public.")

_LONGEST = timedelta(days=7)
_MOST = 1_000
"""Characters of one inquiry that are shown: nobody's text may flood the screen."""


@command(app, "inquiries", "onevoice inquiries --since 4h\nonevoice inquiries --watch")
async def inquiries(
    desk: Invocation,
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="How far back: 1h, 90m, 2d.")] = "1h",
    watch: Annotated[bool, typer.Option("--watch", help="Look again each minute, until Ctrl-C.")] = False,
    every: Annotated[str, typer.Option("--every", metavar="TIME", help="With --watch: how often.")] = "60s",
    as_: options.AsksAs = None,
) -> int:
    """Show what people ask the city in public.

    Mentions, and answers to its posts: each is shown once, with the post that it answers. Nothing in it is opened,
    fetched or obeyed; characters that nobody sees are spelt out. Some platforms charge for what is read. It needs the
    profiles' credentials: run it where the services run.
    """
    back, pause = duration(since, "since.malformed"), duration(every, "every.malformed").total_seconds()
    if not timedelta(0) < back <= _LONGEST or pause < 1:
        raise BadInput("since.malformed", "--since is at most 7d, --every at least 1s", "onevoice inquiries --help")
    async with session.asking(desk, as_) as here:
        profiles = (await here.board(BoardQuery(query="profiles"))).profiles or ()
        city, website = here.city, (await here.eoc()).website
    box = InquiryBox(city, website, profiles)
    session.allow(math.inf if watch else ANSWER_SECONDS * (1 + len(box.asked)))
    begin = SystemClock().now() - back
    try:
        if not watch:
            brought = await box.look(begin)
            _troubles(brought)
            desk.answer([as_json(one) for one in brought.inquiries], lambda out: _draw(out, box, brought))
            return Exit.PARTLY if brought.troubles else Exit.DONE
        async with until_interrupted() as stop:
            while not stop.is_set():
                brought = await box.look(begin)
                _troubles(brought)
                for one in brought.inquiries:
                    print_json_line(as_json(one)) if desk.as_json else draw(console(), one)
                await _sleep(stop, pause)
    finally:
        await box.close()
    return Exit.DONE


async def _sleep(stop: Any, seconds: float) -> None:
    import asyncio

    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


def as_json(one: Inquiry) -> dict[str, Any]:
    """Return an inquiry for programs, as it was written."""
    return {
        "profile": one.profile,
        "id": one.id,
        "author": one.author,
        "text": one.text,
        "at": utc(one.at),
        "url": one.url,
        "under": one.under,
    }


def draw(out: Console, one: Inquiry) -> None:
    """Show one inquiry: who, when, under which post, and the words, of which nothing is taken for markup."""
    now = SystemClock().now()
    where = f"answers {one.under}" if one.under else "mentions it"
    head = f"{local(one.at, now)}  {one.profile}  @{_line(one.author)[:60]} {where}"
    out.print(Text(head, style="bold"), soft_wrap=True)
    text = one.text if len(one.text) <= _MOST else f"{one.text[:_MOST]} ... ({len(one.text) - _MOST} more)"
    for line in text.splitlines():
        out.print(Text(f"  {_line(line)}"), soft_wrap=True)
    if one.url:
        out.print(Text(f"  {_line(one.url)}", style="dim"), soft_wrap=True)


def _line(text: str) -> str:
    return unseen.shown(text)


def _draw(out: Console, box: InquiryBox, brought: Brought) -> None:
    if not box.asked:
        out.print("No profile is on a platform that shows what people ask.")
    elif not brought.inquiries:
        out.print(f"Nothing was asked on {len(box.asked)} profiles.")
    for one in brought.inquiries:
        draw(out, one)


def _troubles(brought: Brought) -> None:
    for profile, why in sorted(brought.troubles.items()):
        errors_console().print(Text(f"{profile}: {why}", style="yellow"), soft_wrap=True)
