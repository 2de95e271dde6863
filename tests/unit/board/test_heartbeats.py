"""Who lives is judged by when the board heard it, and by no other machine's clock."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.events.broadcasts import ProfileTrouble
from schemas.events.desk import BoardQuery, ServiceHealth
from services.board.handlers import FRESH_SECONDS, BoardHandlers
from services.kernel.base.clock import ManualClock
from tests.unit.fanout.world import NOW, control

TROUBLE = ProfileTrouble(profile="fire-social", reason="its token is revoked", since=NOW)


class Hearing:
    """A board, and a fan-out whose clock is apart from the board's."""

    def __init__(self, apart: float) -> None:
        self.apart, self.clock = timedelta(seconds=apart), ManualClock(NOW)
        nothing: Any = SimpleNamespace(answer=None, waiting=lambda: (), state=SimpleNamespace(waiting=lambda: ()))
        flights: Any = SimpleNamespace(late_posts=lambda _control: ())
        fold, nowhere = SimpleNamespace(seq=0), SimpleNamespace()
        runtime: Any = SimpleNamespace(clock=self.clock, control=control(), fold=fold, projection=nowhere)
        self.board = BoardHandlers(
            runtime, nothing, dead=nothing, changes=nothing, outside=nothing, promises=nothing, flights=flights
        )

    async def beat(self, instance: str = "worker-1") -> None:
        said = ServiceHealth(
            service="fanout",
            instance=instance,
            at=self.clock.now() + self.apart,
            control_seq=1,
            version="1",
            profiles=(TROUBLE,),
        )
        await self.board.on_health(said)

    async def alive(self) -> list[str]:
        reply = await self.board._services(BoardQuery(query="services"))
        return [one.instance for one in reply.services or ()]


@pytest.mark.parametrize("apart", [-12.0, -3_600.0, 0.0, 3_600.0])
async def test_a_service_lives_for_as_long_as_it_is_heard_whatever_its_clock_says(apart: float) -> None:
    """Before, one that was 12 s behind was gone with its troubles, and one that was ahead stayed for as long."""
    hearing = Hearing(apart)
    await hearing.beat("worker-2")
    await hearing.beat()
    assert await hearing.alive() == ["worker-1", "worker-2"]
    assert [one.request_id for one in hearing.board.no_requests()] == ["fire-social"]
    hearing.clock.time += timedelta(seconds=FRESH_SECONDS)
    assert await hearing.alive() == ["worker-1", "worker-2"]
    await hearing.beat()
    hearing.clock.time += timedelta(seconds=0.1)
    assert await hearing.alive() == ["worker-1"]


async def test_what_its_clock_says_is_shown_as_it_is() -> None:
    """The doctor compares it with its own."""
    hearing = Hearing(-12.0)
    await hearing.beat()
    [shown] = (await hearing.board._services(BoardQuery(query="services"))).services or ()
    assert shown.at == NOW - timedelta(seconds=12)
