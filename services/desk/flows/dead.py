"""Dead letters: listing, showing, sending again, dropping."""

from __future__ import annotations

import asyncio

from schemas import subjects
from schemas.events.dead import LetterOrder, LetterReply, LetterView
from schemas.events.desk import BoardQuery
from services.desk import letters, people
from services.desk.app import Invocation
from services.desk.flows.eoc import told_who
from services.desk.link import Link, connect, run
from services.desk.output import console, print_json
from services.desk.timetext import duration
from services.kernel.base.clock import SystemClock, monotonic
from services.kernel.base.errors import BadInput, Exit

_LOOK_SECONDS = 0.2
_UNDER_WAY = frozenset({"open", "sent_again"})


def listing(invocation: Invocation, given: str | None, everything: bool) -> int:
    """List the open letters, or all."""

    async def work() -> int:
        city = invocation.city()
        asker = people.asking(city, given)
        told_who(invocation, asker)
        async with connect(city, asker) as link:
            views = await fetch_letters(link, everything)
        if invocation.as_json:
            print_json([letters.letter_json(view) for view in views])
        else:
            letters.table(console(), views, SystemClock().now())
        return Exit.DONE

    return run(work)


def show_one(invocation: Invocation, given: str | None, number: int) -> int:
    """Show one letter whole."""

    async def work() -> int:
        city = invocation.city()
        asker = people.asking(city, given)
        told_who(invocation, asker)
        async with connect(city, asker) as link:
            view = await _fetch(link, number)
        if invocation.as_json:
            print_json(letters.letter_json(view))
        else:
            letters.whole(console(), view, SystemClock().now())
        return Exit.DONE

    return run(work)


def again(invocation: Invocation, given: str | None, number: int | None, everything: bool, wait: str) -> int:
    """Send one letter again, or all open ones, and tell how it went."""
    if (number is None) != everything:
        raise BadInput("dead.which", "which letter? name one, or all", "onevoice dead again LETTER, or --all")
    seconds = duration(wait, "wait.malformed").total_seconds()

    async def work() -> int:
        city, officer = invocation.city(), people.acting(given)
        async with connect(city, officer) as link:
            wanted = [number] if number is not None else [view.letter for view in await fetch_letters(link, False)]
            ended = [await _send_again(link, one, seconds) for one in wanted]
        if invocation.as_json:
            shown = [letters.letter_json(view) for view in ended]
            print_json(shown if everything else shown[0])
        else:
            letters.outcomes(console(), ended)
        return _status(ended)

    return run(work)


def drop(invocation: Invocation, given: str | None, number: int, reason: str) -> int:
    """Close one letter, with the reason on record."""
    if not reason.strip() or len(reason) > 500:
        raise BadInput("reason.length", "a reason has 1 to 500 characters", "--reason 'why'")

    async def work() -> int:
        city, officer = invocation.city(), people.acting(given)
        async with connect(city, officer) as link:
            order = LetterOrder(order="drop", letter=number, reason=reason)
            await link.ask(subjects.DESK_DEAD_ORDER, order, LetterReply)
            view = await _fetch(link, number)
        if invocation.as_json:
            print_json(letters.letter_json(view))
        else:
            letters.outcomes(console(), [view])
        return Exit.DONE

    return run(work)


async def fetch_letters(link: Link, everything: bool) -> tuple[LetterView, ...]:
    """Return the open letters, or all."""
    return (await link.board(BoardQuery(query="dead", closed=everything or None))).dead_letters or ()


async def _fetch(link: Link, number: int) -> LetterView:
    views = (await link.board(BoardQuery(query="dead", letter=number))).dead_letters
    if not views:
        raise BadInput("dead.unknown", f"there is no dead letter {number}", "onevoice dead list")
    return views[0]


async def _send_again(link: Link, number: int, seconds: float) -> LetterView:
    """Order it, and wait until it is closed or the time is over."""
    await link.ask(subjects.DESK_DEAD_ORDER, LetterOrder(order="again", letter=number), LetterReply)
    end = monotonic() + seconds
    while True:
        view = await _fetch(link, number)
        if view.state not in _UNDER_WAY or monotonic() > end:
            return view
        await asyncio.sleep(_LOOK_SECONDS)


def _status(ended: list[LetterView]) -> int:
    states = {view.state for view in ended}
    if "failed_again" in states:
        return Exit.PARTLY
    return Exit.BLOCKED if states & _UNDER_WAY else Exit.DONE
