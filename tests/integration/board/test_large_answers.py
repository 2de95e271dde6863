"""What waits, and what was missed, comes through where one message of the broker does not hold it."""

from __future__ import annotations

from schemas import streams, subjects
from schemas.events.base import Contract
from schemas.events.desk import BoardQuery, BoardReply
from services.desk.connection.pages import in_pages
from services.kernel.runtime.messages.dependencies import Sender
from tests.support.mission import Mission, Writer, a_request

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
