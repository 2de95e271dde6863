"""``onevoice inquiries``: what people ask the city in public, for the PIO to answer (HUM.11(A) 2(iv))."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from schemas import unseen
from schemas.events.desk import BoardQuery
from services.desk import deadline, options, session
from services.desk.app import Invocation, command, group
from services.desk.city.inquiries import ANSWER_SECONDS, InquiryBox, ShownBefore
from services.desk.connection.live import until_interrupted
from services.desk.session import Session
from services.desk.views.output import console, errors_console, print_json_line
from services.desk.views.timetext import duration, local, utc
from services.fanout.connectors.asking import Brought
from services.fanout.connectors.inquiry import Inquiry
from services.kernel.base.clock import SystemClock
from services.kernel.base.errors import BadInput, Exit, OneVoiceError

app = group("What people ask the city in public.")

_LONGEST = timedelta(days=7)
_MOST = 1_000
"""Characters of one inquiry that are shown: nobody's text may flood the screen."""


@command(app, "inquiries", "onevoice inquiries --since 4h\nonevoice inquiries --watch --new")
async def inquiries(
    desk: Invocation,
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="How far back: 1h, 90m, 2d.")] = "1h",
    watch: Annotated[bool, typer.Option("--watch", help="Look again each minute, until Ctrl-C.")] = False,
    new: Annotated[bool, typer.Option("--new", help="Only what this desk has not shown in an earlier run.")] = False,
    every: Annotated[str, typer.Option("--every", metavar="TIME", help="With --watch: how often.")] = "60s",
    as_: options.AsksAs = None,
) -> int:
    """Show what people ask the city in public.

    Mentions, and answers to its posts: each is shown once, with the message that it answers. Nothing in it is opened,
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
        deadline.allow(math.inf if watch else ANSWER_SECONDS * (1 + len(box.asked)))
        begin, shown = SystemClock().now() - back, ShownBefore(city)

        async def look() -> tuple[Brought, list[AskedInquiry]]:
            brought = await box.look(begin)
            _troubles(brought)
            found = [one for one in brought.inquiries if not new or one not in shown]
            shown.add(found)
            return brought, await answered_posts(here, found)

        try:
            if not watch:
                brought, asked = await look()
                desk.answer([as_json(one) for one in asked], lambda out: _draw(out, box, asked))
                return Exit.PARTLY if brought.troubles else Exit.DONE
            async with until_interrupted() as stop:
                while not stop.is_set():
                    for one in (await look())[1]:
                        print_json_line(as_json(one)) if desk.as_json else draw(console(), one)
                    await _sleep(stop, pause)
        finally:
            await box.close()
    return Exit.DONE


@dataclass(frozen=True)
class AskedInquiry:
    """An inquiry, and the request whose post it answers; empty: a mention, or a post that is not ours or is older."""

    inquiry: Inquiry
    request_id: str = ""


async def answered_posts(here: Session, found: Sequence[Inquiry]) -> list[AskedInquiry]:
    """Return inquiries with the requests that they answer, by what the ledger says of each profile's posts."""
    requests: dict[tuple[str, str], str] = {}
    for profile in sorted({one.profile for one in found if one.under}):
        try:
            posts = (await here.board(BoardQuery(query="posted", name=profile))).posted or ()
        except OneVoiceError as error:
            errors_console().print(Text(f"which messages were answered is not known: {error.message}", style="yellow"))
            break
        requests |= {(profile, name): post.request_id for post in posts for name in post.remote_ids}
    return [AskedInquiry(one, requests.get((one.profile, one.under), "")) for one in found]


async def _sleep(stop: Any, seconds: float) -> None:
    import asyncio

    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


def as_json(asked: AskedInquiry) -> dict[str, Any]:
    """Return an inquiry for programs, as it was written."""
    one = asked.inquiry
    return {
        "profile": one.profile,
        "id": one.id,
        "author": one.author,
        "text": one.text,
        "at": utc(one.at),
        "url": one.url,
        "under": one.under,
        "request_id": asked.request_id or None,
    }


def draw(out: Console, asked: AskedInquiry) -> None:
    """Show one inquiry: who, when, under which post, and the words, of which nothing is taken for markup."""
    one, now = asked.inquiry, SystemClock().now()
    where = f"answers {asked.request_id or _line(one.under)}" if one.under else "mentions it"
    head = f"{local(one.at, now)}  {one.profile}  @{_line(one.author)[:60]} {where}"
    out.print(Text(head, style="bold"), soft_wrap=True)
    text = one.text if len(one.text) <= _MOST else f"{one.text[:_MOST]} ... ({len(one.text) - _MOST} more)"
    for line in text.splitlines():
        out.print(Text(f"  {_line(line)}"), soft_wrap=True)
    if one.url:
        out.print(Text(f"  {_line(one.url)}", style="dim"), soft_wrap=True)


def _line(text: str) -> str:
    return unseen.shown(text)


def _draw(out: Console, box: InquiryBox, found: Sequence[AskedInquiry]) -> None:
    if not box.asked:
        out.print("No profile is on a platform that shows what people ask.")
    elif not found:
        out.print(f"Nothing was asked on {len(box.asked)} profiles.")
    for one in found:
        draw(out, one)


def _troubles(brought: Brought) -> None:
    for profile, why in sorted(brought.troubles.items()):
        errors_console().print(Text(f"{profile}: {why}", style="yellow"), soft_wrap=True)
