"""A broker that reloads its users denies who signs in and cuts off who is in; who is not known stays out."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from schemas import subjects
from schemas.events.broadcasts import BoardBeat
from schemas.events.desk import BoardQuery, BoardReply, SubmitReply
from services.desk.connection.link import Link
from services.kernel.base.errors import Refused, Unreachable
from tests.support.mission import PATIENCE, Mission

INFO = (
    b'INFO {"server_id":"A","version":"2.11.0","proto":1,"max_payload":1048576,"auth_required":true,"nonce":"bm9uY2U"}'
)


class Reloading:
    """Is before a real broker: denies the first ``denials`` sign-ins, passes the others on; deaf, it swallows."""

    def __init__(self, port: int, denials: int) -> None:
        self.port, self.denials, self.asked = port, denials, 0
        self._passing: set[asyncio.Task[None]] = set()
        self._open: set[asyncio.StreamWriter] = set()
        self.deaf = self.closed = False

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Deny who comes, or connect it with the broker."""
        self.asked += 1
        if self.closed:
            await _end(writer)
            return
        if self.asked <= self.denials:
            writer.write(INFO + b"\r\n")
            await reader.readline()
            writer.write(b"-ERR 'Authorization Violation'\r\n")
            await writer.drain()
            await _end(writer)
            return
        inner, outer = await asyncio.open_connection("127.0.0.1", self.port)
        self._open |= {writer, outer}
        for source, sink in ((reader, outer), (inner, writer)):
            task = asyncio.ensure_future(self._pass(source, sink))
            self._passing.add(task)
            task.add_done_callback(self._passing.discard)

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while raw := await source.read(65_536):
                if not self.deaf:
                    sink.write(raw)
                    await sink.drain()
        await _end(sink)

    async def cut_off(self) -> None:
        """End all connections, as the broker does to users that it reloads."""
        for writer in self._open:
            writer.transport.abort()
        self._open.clear()
        await asyncio.gather(*self._passing)


async def _end(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


@contextlib.asynccontextmanager
async def signing_in(mission: Mission, denials: int) -> AsyncIterator[tuple[Link, Reloading]]:
    """A link of the PIO to a broker that is reloading."""
    broker = Reloading(mission.port, denials)
    server = await asyncio.start_server(broker.take, "127.0.0.1", 0)
    async with server:
        link = Link("pio", f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        try:
            yield link, broker
        finally:
            await link.close()
            await broker.cut_off()


async def test_who_signs_in_while_the_users_are_reloaded_gets_in(mission: Mission) -> None:
    async with signing_in(mission, denials=1) as (link, broker):
        await link.open(mission.city)
        assert broker.asked == 2


async def test_who_is_denied_twice_is_not_known(mission: Mission) -> None:
    async with signing_in(mission, denials=9) as (link, broker):
        with pytest.raises(Refused) as refused:
            await link.open(mission.city)
        assert (refused.value.code, broker.asked) == ("broker.denied", 2)


async def test_who_is_cut_off_between_two_questions_comes_in_again(mission: Mission) -> None:
    """What changes nothing is asked again, and a listener still hears."""
    await mission.run("registry", "board")
    async with signing_in(mission, denials=0) as (link, broker):
        await link.open(mission.city)
        async with link.listening(subjects.BOARD_ALL) as heard:
            await link.board(BoardQuery(query="profiles"))
            await broker.cut_off()
            await link.board(BoardQuery(query="profiles"))
            assert broker.asked == 2
            while not heard.empty():
                heard.get_nowait()
            async with asyncio.timeout(PATIENCE):
                await heard.get()


async def _cut_in_the_middle(link: Link, broker: Reloading, asked: Coroutine[Any, Any, object]) -> object:
    broker.deaf = True
    asking = asyncio.ensure_future(asked)
    await asyncio.sleep(0.1)
    broker.deaf = False
    await broker.cut_off()
    return await asking


async def test_what_changes_nothing_is_asked_again_when_the_answer_was_cut_off(mission: Mission) -> None:
    await mission.run("registry", "board")
    async with signing_in(mission, denials=0) as (link, broker):
        await link.open(mission.city)
        reply = await _cut_in_the_middle(link, broker, link.board(BoardQuery(query="profiles")))
        assert isinstance(reply, BoardReply)
        assert broker.asked == 2


async def test_what_may_have_been_done_is_never_sent_twice(mission: Mission) -> None:
    await mission.run("registry", "intake")
    async with signing_in(mission, denials=0) as (link, broker):
        await link.open(mission.city)
        order = link.send(subjects.DESK_REQUEST_SUBMIT, b"{}", SubmitReply)
        with pytest.raises(Unreachable, match="whether it was done is not known"):
            await _cut_in_the_middle(link, broker, order)
        assert broker.asked == 1


async def test_a_broker_that_stays_away_is_named(mission: Mission) -> None:
    async with signing_in(mission, denials=0) as (link, broker):
        await link.open(mission.city)
        broker.closed = True
        await broker.cut_off()
        with pytest.raises(Unreachable) as lost:
            await link.board(BoardQuery(query="profiles"))
        assert lost.value.code == "broker.lost"
        broker.closed = False
        await mission.run("registry", "board")
        await link.board(BoardQuery(query="profiles"))


async def test_many_who_ask_on_one_connection_come_in_again_once(mission: Mission) -> None:
    """The officers' pages ask for all browsers on one; what one listens to comes once."""
    await mission.run("registry", "board")
    async with signing_in(mission, denials=0) as (link, broker):
        await link.open(mission.city)
        async with link.listening(subjects.BOARD_BEAT) as heard:
            broker.deaf = True
            asking = [asyncio.ensure_future(link.board(BoardQuery(query="profiles"))) for _ in range(10)]
            await asyncio.sleep(0.1)
            broker.deaf = False
            await broker.cut_off()
            await asyncio.gather(*asking)
            assert broker.asked == 2
            while not heard.empty():
                heard.get_nowait()
            first, second = [BoardBeat.from_value(json.loads((await heard.get()).data)) for _ in range(2)]
            assert first.at < second.at
        await link.close()
        with pytest.raises(Unreachable):
            await link.board(BoardQuery(query="profiles"))
        assert broker.asked == 2, "what was let go does not come back"
