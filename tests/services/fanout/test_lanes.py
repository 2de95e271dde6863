"""The lanes of a host: slow calls give their places back, up to a bound; no broker is needed."""

from __future__ import annotations

import asyncio

import pytest
from services.fanout.doors import Door, Visit

from schemas import flow
from services.fanout import doors
from services.fanout.domain.limits import HostLimit
from services.kernel.service import Runtime
from tests.mission import PATIENCE
from tests.services.fanout.town import Town, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def enters(door: Door, turns: asyncio.Semaphore) -> bool:
    """A delivery gets a place at the host, in the end."""
    async with asyncio.timeout(PATIENCE), Visit(door, "healthy", turns):
        return True


async def waits(door: Door, turns: asyncio.Semaphore) -> bool:
    """A delivery gets no place at the host for a while."""
    try:
        async with asyncio.timeout(0.3), Visit(door, "healthy", turns):
            return False
    except TimeoutError:
        return True


async def test_hanging_calls_keep_nobody_waiting_and_their_number_is_bounded(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two places and a slow lane for three: five may hang, and only then does the next one wait."""
    monkeypatch.setattr(doors, "SLOW_AFTER", 0.05)
    runtime = Runtime(flow.service("fanout"), town.city, url=town.broker.url)
    door, turns, end = Door("x.example", HostLimit(at_once=2, slow=3), runtime), asyncio.Semaphore(2), asyncio.Event()

    async def hang(name: str) -> None:
        async with Visit(door, name, turns) as visit:
            visit.calling()
            calling.append(name)
            await end.wait()

    hanging, calling = [], list[str]()
    for number in range(5):
        assert await enters(door, turns), f"{number} hang, and a healthy one waits"
        hanging.append(asyncio.create_task(hang(f"sick-{number}")))
        await eventually(lambda: len(calling) == len(hanging))
    assert await waits(door, turns), "more calls are under way than the host is to get"
    end.set()
    await asyncio.gather(*hanging)
    assert door.lanes.slow_left == 3
    assert [await enters(door, turns) for _ in range(4)] == [True] * 4


async def test_a_delivery_that_was_given_up_while_it_waited_leaves_its_place(town: Town) -> None:
    runtime = Runtime(flow.service("fanout"), town.city, url=town.broker.url)
    door, turns = Door("x.example", HostLimit(at_once=1), runtime), asyncio.Semaphore(1)
    async with turns:
        assert await waits(door, turns), "there is no turn"
    assert await enters(door, turns)
