"""Work that is begun some at a time: the first of it goes on while the rest is begun."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator

import pytest

from services.kernel.base.tasks import begin


def pieces(seen: list[str], many: int) -> Iterator[Coroutine[None, None, int]]:
    async def piece(number: int) -> int:
        seen.append(f"went on with {number}")
        await asyncio.sleep(0)
        return number

    for number in range(many):
        seen.append(f"began {number}")
        yield piece(number)


async def test_what_is_begun_goes_on_while_the_rest_is_begun() -> None:
    seen: list[str] = []
    tasks = await begin(pieces(seen, 3), 1, lambda: True)
    assert seen.index("went on with 0") < seen.index("began 1") < seen.index("went on with 1") < seen.index("began 2")
    assert await asyncio.gather(*tasks) == [0, 1, 2]


async def test_all_is_begun_before_any_goes_on_where_it_is_not_to_be_apart() -> None:
    seen: list[str] = []
    tasks = await begin(pieces(seen, 3), 1, lambda: False)
    assert seen == ["began 0", "began 1", "began 2"]
    assert await asyncio.gather(*tasks) == [0, 1, 2]


async def test_what_was_begun_is_cancelled_with_it() -> None:
    ended: list[int] = []

    async def piece(number: int) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(number)

    beginning = asyncio.create_task(begin((piece(number) for number in range(10)), 2, lambda: True))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    beginning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await beginning
    await asyncio.sleep(0)
    assert 0 < len(ended) < 10
