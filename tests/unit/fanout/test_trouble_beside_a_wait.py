"""What goes wrong on one profile of a message is mended whatever another profile of it waits for."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from services.fanout.delivery.waits import Waits
from services.fanout.delivery.work import Work
from services.fanout.domain.limits import HostLimit
from services.fanout.domain.step import Done, Place, Post, Step, StepOutcome, Wait
from services.fanout.hosts.line import HostLine, HostSlot
from services.kernel.base.clock import ManualClock
from services.kernel.base.errors import Unreachable
from services.kernel.fold.state import TargetState
from services.kernel.ledger.integrity.checks import IntegrityFault
from services.kernel.projection.signals import Signals
from tests.unit.fanout.world import CONTROL_SEQ, NOW, VERDICT_SEQ, request
from tests.unit.states import state

LOST, TROUBLED = "fire-social", "parks-social"
NO_WAY_IN = Wait(338.0, "it is not let in", shown=True, hold=True)


class TroubledCity:
    """Two profiles: one that is not let in, and one on which the first try ends with ``trouble``."""

    def __init__(self, trouble: Exception) -> None:
        self.trouble: Exception | None = trouble
        self.signals, self.tries = Signals(), 0
        self.of_message = state(request(targets=(LOST, TROUBLED)))

    def of(self, request_id: str, verdict_seq: int, profile: str) -> Place:
        return Place(verdict_seq, profile, self.of_message, TargetState(), CONTROL_SEQ)

    def newest(self, place: Place) -> Place:
        return place

    def next_step(self, place: Place) -> Step:
        return Post(1)

    async def post(self, place: Place, number: int, slot: HostSlot) -> StepOutcome:
        if place.profile == LOST:
            return NO_WAY_IN
        self.tries += 1
        trouble, self.trouble = self.trouble, None
        if trouble is not None:
            raise trouble
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


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_broker_that_was_away_is_tried_again_while_another_profile_waits_for_its_credential() -> None:
    """The message stayed in hand with the one that was not let in, and the other one was tried by nobody."""
    town = TroubledCity(Unreachable("ledger.read", "the broker does not answer", ""))
    task = asyncio.create_task(town.work().deliver("r1", VERDICT_SEQ, (LOST, TROUBLED)))
    await turns()
    assert (town.tries, task.done()) == (1, False)
    town.signals.ring(("control",))
    await turns()
    assert (town.tries, task.done()) == (2, False), "the other one is still waited for"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    "trouble", [RuntimeError("a bug"), IntegrityFault("ledger.lost", "the ledger lost what it had", "")]
)
async def test_what_it_stumbles_over_leaves_the_copys_hands_at_once(trouble: Exception) -> None:
    town = TroubledCity(trouble)
    work = town.work()
    with pytest.raises(type(trouble)):
        await work.deliver("r1", VERDICT_SEQ, (LOST, TROUBLED))
    assert work.verdicts_in_hand == frozenset(), "and it is handed out again"
