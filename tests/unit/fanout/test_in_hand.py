"""A verdict that is asked for while it is in hand is looked at again: what asks may be behind its steps."""

from __future__ import annotations

import asyncio
from typing import Any

from services.fanout.delivery.work import Work


class Counted(Work):
    """Work whose pieces wait until they may end."""

    def __init__(self) -> None:
        none: Any = None
        super().__init__(none, none, none, none, none, none, none)
        self.begun, self.may = 0, asyncio.Event()

    async def _deliver(self, request_id: str, verdict_seq: int, profiles: tuple[str, ...]) -> None:
        self.begun += 1
        await self.may.wait()


async def test_what_is_asked_for_while_it_is_in_hand_is_done_behind_it() -> None:
    """A decision came as the verdict's own piece of work had passed its profile, and nothing was posted."""
    work = Counted()
    first = asyncio.create_task(work.deliver("r", 7, ("fire",)))
    await asyncio.sleep(0)
    others = [asyncio.create_task(work.deliver("r", 7, ("fire",))) for _ in range(2)]
    for _ in range(3):
        await asyncio.sleep(0)
    assert work.begun == 1, "never two at a time"
    work.may.set()
    await asyncio.gather(first, *others)
    assert work.begun == 2, "one more for all who asked meanwhile"
    assert not work._in_hand
