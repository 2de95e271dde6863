"""Whoever frees a profile has no claim to it: the most urgent of those who waited for it goes first."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import structlog

from services.fanout.delivery.waits import Waits
from services.fanout.delivery.work import Work
from services.fanout.domain.limits import HostLimit
from services.fanout.domain.step import Busy, Done, Lapse, Place, Post, Step, StepOutcome
from services.fanout.hosts.line import HostLine, HostSlot
from services.kernel.base.clock import ManualClock
from services.kernel.fold.state import TargetState
from services.kernel.projection.signals import Signals
from tests.unit.fanout.world import CONTROL_SEQ, NOW, VERDICT_SEQ, attempt, request
from tests.unit.states import state

PROFILE = "fire-social"


class Profile:
    """A profile that an attempt holds although its lease is over, and all that a piece of work asks about it.

    It is freed when ``free`` is set; ``posted`` names who posts there since, in order.
    """

    def __init__(self, **seqs: int) -> None:
        self.busy: Busy | None = Busy("unknown", attempt(), 50, 0.0)
        self.free, self.frees = asyncio.Event(), asyncio.Event()
        self.posted: list[str] = []
        self.signals = Signals()
        self.states = {name: state(request(request_id=name), seq=seq) for name, seq in seqs.items()}

    def of(self, request_id: str, verdict_seq: int, profile: str) -> Place:
        return Place(verdict_seq, profile, self.states[request_id], TargetState(), CONTROL_SEQ, busy=self.busy)

    def newest(self, place: Place) -> Place:
        return place._replace(busy=self.busy)

    def next_step(self, place: Place) -> Step:
        if place.request_id in self.posted:
            return Done("posted")
        return Lapse(place.busy) if place.busy is not None else Post(1)

    async def lapse(self, step: Lapse) -> None:
        self.frees.set()
        await self.free.wait()
        self.busy = None
        self.signals.ring((f"@{PROFILE}",))

    async def post(self, place: Place, number: int, slot: HostSlot) -> StepOutcome:
        self.posted.append(place.request_id)
        await asyncio.sleep(0)
        return Done("posted")

    def profile(self, name: str) -> None:
        return None

    def work(self) -> Work:
        clock = ManualClock(NOW)
        it: Any = self
        runtime: Any = SimpleNamespace(
            clock=clock,
            projection=SimpleNamespace(signals=self.signals),
            fold=SimpleNamespace(requests={}),
            log=structlog.get_logger(),
        )
        return Work(runtime, it, it, it, it, Waits(clock), HostLine(HostLimit(at_once=8, slow=1)))


async def test_who_frees_a_profile_lets_who_is_before_it_post_first() -> None:
    """On a busy machine the second of three woke first, as the lease was over, and its message was read first."""
    profile = Profile(other0=11, other1=12, other2=13)
    work = profile.work()

    def deliver(name: str) -> asyncio.Task[None]:
        return asyncio.create_task(work.deliver(name, VERDICT_SEQ + int(name[-1]), (PROFILE,)))

    tasks = [deliver("other1")]
    await profile.frees.wait()
    tasks += [deliver("other2"), deliver("other0")]
    for _ in range(10):
        await asyncio.sleep(0)
    profile.free.set()
    await asyncio.gather(*tasks)
    assert profile.posted == ["other0", "other1", "other2"]
