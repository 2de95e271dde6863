"""A sequence that the ledger does not have keeps nobody from an answer, and nothing of the question stays behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from schemas import flow
from services.board.turns import MOST_OF_WEB, MOST_WAITING, Turns
from services.kernel.base import logs
from services.kernel.base.errors import Refused, Unreachable
from services.kernel.base.tasks import cancel_all
from services.kernel.ledger.client import Entry, Ledger
from services.kernel.ledger.integrity.checks import Shape
from services.kernel.projection.projection import Projection
from services.kernel.projection.read_barrier import BARRIER_SECONDS
from tests.support.virtual_time import LoopClock, in_virtual_time
from tests.unit.kernel.test_projection_reads import AT, Leader, Noting

FAR = 10**12


@asynccontextmanager
async def following(leader: Leader) -> AsyncIterator[Projection]:
    """A projection that keeps up with a leader."""
    projection = Projection(leader, Noting(), Ledger(), LoopClock(), logs.logger())
    await projection.start()
    running = asyncio.create_task(projection.run())
    try:
        yield projection
    finally:
        await cancel_all(running)


async def ends(projection: Projection, seq: int) -> float:
    """Wait for a sequence in vain; return how long it took."""
    began = asyncio.get_running_loop().time()
    with pytest.raises(Unreachable, match=f"up to {seq}"):
        await projection.at_least(seq)
    return asyncio.get_running_loop().time() - began


@in_virtual_time
async def test_who_waits_for_what_the_leader_does_not_have_is_told_soon_and_forgotten() -> None:
    """Before, each waited for 5 s, and what it waited with stayed in memory for ever."""
    async with following(Leader("ledger.seal")) as projection:
        took = await asyncio.gather(*(ends(projection, FAR + number) for number in range(100)))
        assert 0.9 <= min(took) <= max(took) < 2.5
        assert len(projection.barrier) == 0


@in_virtual_time
async def test_what_comes_within_the_grace_is_waited_for() -> None:
    """A leader that was chosen just now may say for a moment less than it has."""
    leader = Leader("ledger.seal")
    async with following(leader) as projection:
        waiting = asyncio.create_task(projection.at_least(2))
        await asyncio.sleep(0.5)
        leader.held.append(Entry(2, "ledger.seal", AT, b"{}", {}))
        await waiting
        assert len(projection.barrier) == 0


class _Silent(Leader):
    """A leader that answers at the start alone."""

    silent = False

    async def shape(self) -> Shape:
        """Answer, or not."""
        if self.silent:
            raise Unreachable("broker.unreachable", "the broker did not answer", "onevoice doctor")
        return await super().shape()


@in_virtual_time
async def test_while_the_broker_is_away_it_is_waited_for_as_before() -> None:
    leader = _Silent("ledger.seal")
    async with following(leader) as projection:
        leader.silent = True
        assert await ends(projection, 2) == pytest.approx(BARRIER_SECONDS, abs=0.1)
        leader.silent = False
        await asyncio.sleep(2)
        assert len(projection.barrier) == 0


@in_virtual_time
async def test_of_one_sender_so_many_wait_and_the_others_are_not_counted_with_them() -> None:
    async with following(Leader("ledger.seal")) as projection:
        turns = Turns(projection)
        await turns.reach(1, "clerk")

        async def waits(sender: str, count: int) -> list[asyncio.Task[None]]:
            tasks = [asyncio.create_task(turns.reach(FAR, sender)) for _ in range(count)]
            await asyncio.sleep(0)
            return tasks

        tasks = [*await waits("clerk", MOST_WAITING), *await waits(flow.WEB, MOST_OF_WEB)]
        for sender in ("clerk", flow.WEB):
            with pytest.raises(Refused, match=f"queries of {sender} wait already"):
                await turns.reach(FAR, sender)
        await turns.reach(1, "clerk")
        tasks += await waits("mcpe", 1)
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(one) for one in found} == {Unreachable}
        with pytest.raises(Unreachable):
            await turns.reach(FAR, "clerk")
