"""Reads that are joined, and never older than the question."""

from __future__ import annotations

import asyncio

import pytest
from services.fanout.fresh import Fresh, FreshByKey


async def all_wait() -> None:
    """Let every task that can go on do so: none of them waits for time."""
    for _ in range(20):
        await asyncio.sleep(0)


class Source:
    """Counts its reads; each takes until it is let go."""

    def __init__(self) -> None:
        self.begun = 0
        self.go = asyncio.Event()

    async def read(self) -> int:
        self.begun += 1
        number = self.begun
        await self.go.wait()
        return number


async def test_who_asks_at_once_is_answered_by_one_read() -> None:
    source = Source()
    fresh = Fresh(source.read)
    source.go.set()
    assert await asyncio.gather(*(fresh.get() for _ in range(50))) == [1] * 50
    assert await fresh.get() == 2


async def test_who_asks_during_a_read_gets_a_later_one() -> None:
    source = Source()
    fresh = Fresh(source.read)
    first = asyncio.create_task(fresh.get())
    await all_wait()
    assert source.begun == 1
    later = [asyncio.create_task(fresh.get()) for _ in range(5)]
    await all_wait()
    assert source.begun == 1, "the next read begins when this one is over"
    source.go.set()
    assert await first == 1
    assert await asyncio.gather(*later) == [2] * 5
    assert fresh.idle


async def test_a_failure_reaches_all_who_waited_and_the_next_read_is_made() -> None:
    answers = iter([OSError("gone"), "here"])

    async def read() -> str:
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    fresh = Fresh(read)
    failed = await asyncio.gather(fresh.get(), fresh.get(), return_exceptions=True)
    assert [type(one) for one in failed] == [OSError, OSError]
    assert await fresh.get() == "here"


async def test_one_who_gives_up_does_not_take_the_answer_from_the_others() -> None:
    source = Source()
    fresh = Fresh(source.read)
    impatient, patient = asyncio.create_task(fresh.get()), asyncio.create_task(fresh.get())
    await all_wait()
    impatient.cancel()
    source.go.set()
    assert await patient == 1
    with pytest.raises(asyncio.CancelledError):
        await impatient


async def test_each_key_is_read_for_itself() -> None:
    read: list[str] = []

    async def one(key: str) -> str:
        read.append(key)
        return key.upper()

    fresh = FreshByKey(one)
    assert await asyncio.gather(fresh.get("a"), fresh.get("b"), fresh.get("a")) == ["A", "B", "A"]
    assert sorted(read) == ["a", "b"]
