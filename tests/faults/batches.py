"""The broker killed, out of space and without a working disk while batches are on their way.

Acked is stored, where it was said and as it was given; no sequence is given twice; a batch is there whole or not.
What a failing fsync leaves behind is the one exception, and is counted (docs/adr/0018).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from schemas import subjects
from services.kernel.ledger.asking import USUAL, AskLimits
from tests.faults.harness import small_city
from tests.faults.rows import Row, Scale
from tests.support.batches import Told, attempts, everything, halves
from tests.support.mission import Mission, Writer, eventually, flushed, provisioned_city

WRITERS = 4
AT_ONCE = (2, 30, 100, 250)


@dataclass
class Seen:
    """What the rounds of one fault came to."""

    told: Told = field(default_factory=Told)
    wrong: list[str] = field(default_factory=list)
    whole: int = 0
    partial: list[str] = field(default_factory=list)
    unacked: int = 0

    async def look(self, mission: Mission) -> None:
        """Compare what was told with the ledger; the next append takes the next sequence."""
        reader = await mission.writer("fanout")
        entries = await everything(reader.ledger)
        self.wrong += self.told.against(entries)
        self.whole, self.partial = halves(entries)
        acked = {answer.seq for _, answer in self.told.stored}
        self.unacked = sum(one.subject.startswith("ledger.attempt.") and one.seq not in acked for one in entries)
        control = next(one.seq for one in reversed(entries) if one.subject == subjects.CONTROL)
        after = Told()
        await after.append(reader.ledger, attempts(control, 1))
        if [answer.seq for _, answer in after.stored] != [len(entries) + 1]:
            self.wrong.append(f"after {len(entries)} entries the next one was answered by {after.answers[0][1]!r}")
        await reader.client.close()

    def row(self, fault: str, times: int, *, partial_is_wrong: bool = True, remark: str = "") -> Row:
        """Return it as a row of the table."""
        wrong = [*self.wrong, *(self.partial if partial_is_wrong else [])]
        said = (
            f"{self.whole} batches whole, {len(self.partial)} in part, {self.unacked} entries stored without their ack"
        )
        acked = len(self.told.stored)
        return Row(fault, times, acked, acked, remark="; ".join(filter(None, [said, remark])), wrong=tuple(wrong[:5]))


async def batches_killed(folder: Path, scale: Scale) -> list[Row]:
    """kill -9 of nats-server with batches of several writers on their way, and again."""
    times = 20 if scale is Scale.FULL else 3
    seen, over = Seen(), asyncio.Event()
    async with _mission(folder) as mission, _writers(mission) as writers:
        control = (await writers[0].state()).seq

        async def write(number: int) -> None:
            while not over.is_set():
                await seen.told.append(writers[number].ledger, attempts(control, AT_ONCE[number]))

        work = asyncio.gather(*map(write, range(WRITERS)))
        for number in range(times):
            enough = len(seen.told.stored) + 400
            await _reached(seen, enough)
            await asyncio.sleep(0.003 * (number % 7))
            assert mission.broker.pid is not None
            os.kill(mission.broker.pid, signal.SIGKILL)
            await asyncio.sleep(0.1)
            await mission.restart()
        await _reached(seen, len(seen.told.stored) + 100)
        over.set()
        await work
        await seen.look(mission)
    return [seen.row("kill -9 of nats-server in mid-batch", times)]


async def _reached(seen: Seen, enough: int) -> None:
    async def look() -> bool:
        return len(seen.told.stored) >= enough

    await eventually(look, every=0.001)


async def batches_disk_full(folder: Path, _scale: Scale) -> list[Row]:
    """A file system that gets full in the middle of a batch; needs the right to mount one."""
    city = small_city(folder / "mission")
    store = city.var / "nats"
    store.mkdir(parents=True, exist_ok=True)
    mount = await asyncio.create_subprocess_exec("mount", "-t", "tmpfs", "-o", "size=112m", "onevoice", str(store))
    assert await mount.wait() == 0
    seen = Seen()
    try:
        await provisioned_city(city)
        async with Mission(city) as mission, _writers(mission) as writers:
            control = await mission.begin()
            await seen.told.append(writers[0].ledger, attempts(control, 250))
            filler = store / "filler"
            _fill(filler, left=65_536)
            with _quick(*writers):
                for _ in range(3):
                    await asyncio.gather(*(seen.told.append(one.ledger, attempts(control, 200)) for one in writers))
            refused = len(seen.told.unknown)
            kinds = sorted({f"{getattr(error, 'code', type(error).__name__)}" for _, error in seen.told.unknown})
            if not refused:
                seen.wrong.append("everything was taken although there was no space")
            filler.unlink()
            await mission.restart()
            await _connected(writers)
            await seen.told.append(writers[0].ledger, attempts(control, 250))
            await seen.look(mission)
    finally:
        await (await asyncio.create_subprocess_exec("umount", "-l", str(store))).wait()
    return [seen.row("a full file system in mid-batch", 1, remark=f"{refused} told as {', '.join(kinds)}")]


def _fill(path: Path, left: int) -> None:
    """Take what space there is, but for so much."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"\0" * 4_096):
            pass
    os.truncate(path, path.stat().st_size - left)


async def batches_fsync(folder: Path, scale: Scale) -> list[Row]:
    """fsync fails (EIO) while a batch is stored, injected by strace; then the broker is killed and started again."""
    return [await _fsync_fails(folder / str(nth), nth) for nth in ((1, 2, 3) if scale is Scale.FULL else (1,))]


async def _fsync_fails(folder: Path, nth: int) -> Row:
    seen = Seen()
    async with _mission(folder) as mission, _writers(mission) as writers:
        control = (await writers[0].state()).seq
        await seen.told.append(writers[0].ledger, attempts(control, 250))
        assert mission.broker.pid is not None
        inject = f"inject=fsync,fdatasync:error=EIO:when={nth}+"
        trace = folder / "strace.out"
        words = (
            "-f",
            "-q",
            "-p",
            str(mission.broker.pid),
            "-e",
            "trace=fsync,fdatasync",
            "-e",
            inject,
            "-o",
            str(trace),
        )
        strace = await asyncio.create_subprocess_exec("strace", *words)
        await _until_traced(mission.broker.pid)
        with _quick(*writers):
            await asyncio.gather(*(seen.told.append(one.ledger, attempts(control, 50)) for one in writers))
        failed = trace.read_text().count("INJECTED")
        if not failed:
            seen.wrong.append("no fsync failed")
        refused = len(seen.told.unknown)
        strace.terminate()
        await strace.wait()
        with _quick(*writers):
            await seen.told.append(writers[0].ledger, attempts(control, 10))
        still = len(seen.told.unknown) > refused
        os.kill(mission.broker.pid, signal.SIGKILL)
        await mission.restart()
        await _connected(writers)
        await seen.told.append(writers[0].ledger, attempts(control, 250))
        await seen.look(mission)
    remark = f"{failed} failed, {refused} of {WRITERS * 50} without an ack"
    remark += ", and nothing more was acked until the restart" if still else ", and it went on once fsync worked"
    return seen.row(f"fsync fails in mid-batch, from the {nth}. on", 1, partial_is_wrong=False, remark=remark)


async def _until_traced(pid: int) -> None:
    def traced() -> bool:
        return all("TracerPid:\t0\n" not in one.read_text() for one in Path(f"/proc/{pid}/task").glob("*/status"))

    async def look() -> bool:
        return await asyncio.to_thread(traced)

    await eventually(look, 20.0)


def can_trace() -> bool:
    """True where strace is there and may look at other processes."""
    return shutil.which("strace") is not None and os.geteuid() == 0


def can_mount() -> bool:
    """True where a file system can be mounted."""
    return shutil.which("mount") is not None and os.geteuid() == 0


@contextlib.contextmanager
def _quick(*writers: Writer) -> Iterator[None]:
    """Do not wait long for what will not come."""
    for one in writers:
        one.ledger.asks = AskLimits(0.5, 2)
    yield
    for one in writers:
        one.ledger.asks = USUAL


@asynccontextmanager
async def _mission(folder: Path) -> AsyncIterator[Mission]:
    city = small_city(folder / "mission")
    await provisioned_city(city)
    async with Mission(city) as mission:
        await mission.begin()
        yield mission


@asynccontextmanager
async def _writers(mission: Mission) -> AsyncIterator[list[Writer]]:
    yield [await mission.writer("fanout") for _ in range(WRITERS)]


async def _connected(writers: list[Writer]) -> None:
    async def back() -> bool:
        return all(one.client.is_connected for one in writers)

    await eventually(back)
    for one in writers:
        await flushed(one.client)
