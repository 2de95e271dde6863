"""What waits, and what was missed, comes through where one message of the broker does not hold it."""

from __future__ import annotations

import asyncio

from schemas import streams, subjects
from schemas.events.base import Contract
from schemas.events.desk import BoardQuery, BoardReply
from services.board.changes import FEWEST
from services.desk.connection.changes import Watch
from services.desk.connection.link import Link
from services.desk.connection.pages import in_pages
from services.kernel.runtime.messages.dependencies import Sender
from tests.support.mission import PATIENCE, Mission, Writer, a_request

LARGE, COUNT = 200_000, 45


async def large_requests(intake: Writer) -> tuple[list[str], int]:
    """Put requests on record with more bytes together than the broker takes in a message; the last one's sequence."""
    state = await intake.state()
    made = [a_request(state, f"rlarge{number:02d}").model_copy(update={"text": "x" * LARGE}) for number in range(COUNT)]
    newest = [(await intake.ledger.append(subjects.request(one.request_id), one)).seq for one in made][-1]
    assert COUNT * LARGE > streams.MAX_PAYLOAD
    return [request.request_id for request in made], newest


async def test_all_that_waits_and_all_that_was_missed_comes_in_several_answers(mission: Mission) -> None:
    await mission.begin()
    await mission.run("board")
    clerk = await mission.desk("clerk")
    names, newest = await large_requests(await mission.writer("intake"))

    async def ask(query: BoardQuery) -> BoardReply:
        return BoardReply.from_value(await clerk.ask(subjects.DESK_BOARD_QUERY, query))

    reply = await ask(BoardQuery(query="pending", at_least=newest))
    waiting, totals = list(reply.requests or ()), {reply.total}
    while reply.next is not None:
        reply = await ask(BoardQuery(query="pending", after=reply.next))
        waiting += reply.requests or ()
        totals.add(reply.total)
    assert ([view.request.request_id for view in waiting], totals) == (names, {COUNT})

    missed = (await in_pages(ask, BoardQuery(query="changes", since=0))).changes or ()
    assert [event.seq for event in missed] == list(range(1, newest + 1))


async def test_an_answer_that_the_broker_would_not_take_is_an_error_that_says_so(mission: Mission) -> None:
    """Before, nothing was answered, and who asked waited until it gave up."""
    await mission.begin()

    async def answer(query: BoardQuery, sender: Sender) -> Contract:
        return BoardReply(picture="x" * streams.MAX_PAYLOAD)

    await mission.run_with(
        "board", lambda runtime: runtime.bus.serve(subjects.DESK_BOARD_QUERY, BoardQuery.from_bytes, answer)
    )
    clerk = await mission.desk("clerk")
    error = (await clerk.ask(subjects.DESK_BOARD_QUERY, BoardQuery(query="eoc")))["error"]
    assert (error["code"], error["exit_status"]) == ("answer.too_large", 1)


VOID = (b'{"a":1,"a":2}', b'{"a":' * 16 + b"1" + b"}" * 16, b'{"a":' * 13 + b"1" + b"}" * 13)


async def test_who_watches_and_who_asks_gets_past_what_does_not_count(mission: Mission) -> None:
    """Before, either ended at it, and again whenever it was begun anew."""
    await mission.begin()
    await mission.run("board")
    gate = await mission.writer("gatekeeper")
    begun, count = (await gate.ledger.shape()).last, FEWEST * len(VOID)
    link = Link("clerk", mission.url)
    await link.open(mission.city)
    try:
        async with link.listening(subjects.BOARD_ALL) as received, asyncio.timeout(PATIENCE):
            await asyncio.gather(
                *(
                    gate.js.publish(subjects.verdict(f"rvoid{number}"), data)
                    for number in range(FEWEST)
                    for data in VOID
                )
            )
            watch, seen = Watch(link, received, begun), list[int]()
            while len(seen) < count:
                seen += [event.seq for event in await watch.events(1.0)]
        reply = await link.board(BoardQuery(query="changes", since=begun))
    finally:
        await link.close()
    assert seen == list(range(begun + 1, begun + count + 1))
    assert [event.body for event in reply.changes or ()] == [{"unreadable": True}] * count
