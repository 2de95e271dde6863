"""Entries of the ledger that come from the board in more than one answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from schemas.events.desk import BoardQuery, BoardReply


async def in_pages(ask: Callable[[BoardQuery], Awaitable[BoardReply]], query: BoardQuery) -> BoardReply:
    """Ask for ``changes`` or a ``history`` to its end; return the first answer, with the entries of all.

    Of the others it takes what the board knew at the first one.
    """
    first = reply = await ask(query)
    found = list(first.changes or ())
    while reply.next is not None:
        reply = await ask(query.model_copy(update={"since": int(reply.next)}))
        found += [event for event in reply.changes or () if event.seq <= (first.as_of or event.seq)]
    return first.model_copy(update={"changes": tuple(found), "next": None})
