"""Three servers, three replicas: the leader killed while batches are on their way and the fence is moved.

Acked is stored, where it was said and as it was given; a batch is there whole or not; nothing is behind the fence.
"""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import nats.errors
import nats.js.errors

from schemas import streams, subjects
from services.kernel.base.errors import Unreachable
from tests.faults.batches import AT_ONCE, WRITERS, Seen
from tests.faults.cluster import ClusterCity, ThreeServers
from tests.faults.load import move_fence
from tests.faults.rows import Row, Scale
from tests.support.batches import attempts
from tests.support.mission import Writer, eventually

BROKEN = (Unreachable, nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError)


async def batches_cluster(folder: Path, scale: Scale) -> list[Row]:
    """kill -9 of the ledger's leader with batches of several writers on their way, and again."""
    times = 8 if scale is Scale.FULL else 1
    seen, over = Seen(), asyncio.Event()
    async with ClusterCity(folder) as city:
        mission = city.mission
        await mission.begin()
        writers = [await mission.writer("fanout") for _ in range(WRITERS)]
        reader = await mission.writer("board")
        work = [asyncio.create_task(_write(seen, one, size, over)) for one, size in zip(writers, AT_ONCE, strict=True)]
        mover = asyncio.create_task(_move_fence(await mission.writer("eoc_state"), over))
        for number in range(times):
            await _more(seen, 400)
            await asyncio.sleep(0.003 * (number % 7))
            leader = await eventually(lambda: _leader(mission, reader), 60.0)
            await mission.kill(leader)
            await _more(seen, 100)
            await mission.start(leader)
            await eventually(lambda: _all_current(reader), 60.0)
        over.set()
        await asyncio.gather(*work)
        await mover
        await eventually(lambda: _all_current(reader), 60.0)
        await seen.look(mission)
        moved = len(await reader.ledger.history(subjects.CONTROL)) - 1
    if moved < times:
        seen.wrong.append(f"the fence was moved {moved} times")
    remark = f"the fence moved {moved} times, {len(seen.told.conflicts)} refused at it"
    return [seen.row("three servers: kill -9 of the leader in mid-batch", times, remark=remark)]


async def _write(seen: Seen, writer: Writer, size: int, over: asyncio.Event) -> None:
    """Append batch after batch, each with the control revision as this writer sees it then."""
    while not over.is_set():
        with contextlib.suppress(*BROKEN):
            control = await writer.ledger.last(subjects.CONTROL)
            assert control is not None
            await seen.told.append(writer.ledger, attempts(control.seq, size))


async def _move_fence(writer: Writer, over: asyncio.Event) -> None:
    while not over.is_set():
        await move_fence(writer, push=True)
        await asyncio.sleep(0.1)


async def _more(seen: Seen, many: int) -> None:
    enough = len(seen.told.stored) + many

    async def look() -> bool:
        return len(seen.told.stored) >= enough

    await eventually(look, 120.0, every=0.001)


async def _leader(mission: ThreeServers, reader: Writer) -> str:
    with contextlib.suppress(*BROKEN):
        return await mission.leader(reader)
    return ""


async def _all_current(reader: Writer) -> bool:
    """Whether each replica has what the leader has: the next kill must leave two, and any of them may be read."""
    with contextlib.suppress(*BROKEN):
        cluster = (await reader.js.stream_info(streams.LEDGER)).cluster
        replicas = (cluster.replicas or []) if cluster is not None else []
        return len(replicas) == 2 and all(one.current and not one.offline for one in replicas)
    return False
