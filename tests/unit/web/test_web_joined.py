"""One answer for many: begun after each of them asked, one at a time, and seldom when it is slow."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

from services.kernel.base.errors import Unreachable
from services.web.sharing.joined import JoinedAnswers
from tests.support.virtual_time import LoopClock, in_virtual_time


async def test_nobody_gets_an_answer_that_was_begun_before_they_asked() -> None:
    answers: JoinedAnswers[int] = JoinedAnswers(0.0, LoopClock())
    made: list[int] = []
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def make() -> int:
        made.append(len(made))
        number = made[-1]
        begun.set()
        await go_on.wait()
        return number

    first = [asyncio.create_task(answers.get("a", make)) for _ in range(20)]
    await begun.wait()
    late = asyncio.create_task(answers.get("a", make))
    go_on.set()
    assert await asyncio.gather(*first) == [0] * 20
    assert await late == 1


async def test_another_name_is_another_answer_and_a_fault_reaches_all_who_wait() -> None:
    answers: JoinedAnswers[str] = JoinedAnswers(0.0, LoopClock())

    async def fail() -> str:
        raise Unreachable("service.unreachable", "the board does not run", "")

    async def well() -> str:
        return "b"

    found = await asyncio.gather(
        answers.get("a", fail), answers.get("a", fail), answers.get("b", well), return_exceptions=True
    )
    assert [type(one) for one in found] == [Unreachable, Unreachable, str]
    assert await answers.get("a", well) == "b"


async def test_one_who_goes_away_takes_the_answer_from_nobody() -> None:
    answers: JoinedAnswers[int] = JoinedAnswers(0.0, LoopClock())

    async def make() -> int:
        await asyncio.sleep(0.01)
        return 1

    gone, stays = (asyncio.create_task(answers.get("a", make)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    assert await stays == 1


@in_virtual_time
async def test_what_is_slow_is_made_seldom() -> None:
    clock, begun = LoopClock(), list[float]()
    answers: JoinedAnswers[None] = JoinedAnswers(0.5, clock)

    def taking(seconds: float) -> Callable[[], Coroutine[None, None, None]]:
        async def make() -> None:
            begun.append(round(clock.monotonic(), 3))
            await asyncio.sleep(seconds)

        return make

    for seconds in (0.01, 2.0, 0.01):
        await answers.get("a", taking(seconds))
    assert begun == [0.0, 0.51, 10.51]
