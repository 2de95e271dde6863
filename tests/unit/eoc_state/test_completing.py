"""An activation is completed by what the ledger has, and not by what this process knew when it was cut off."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from schemas.events.control import EocActive, Posture
from services.eoc_state.activations import Activations
from services.eoc_state.domain.wakefulness import Wakefulness
from services.kernel.base.clock import ManualClock
from services.kernel.base.errors import Unreachable
from services.kernel.fold.flight import Flight
from tests.unit.fanout.world import CONTROL_SEQ, NOW, control

FLIGHT = Flight(5, "fire-social", "r1", "worker-1", NOW.timestamp() - 60.0)


class CutOff:
    """A process that has not heard for a minute; ``news`` is what its fold does not know, as it catches up."""

    def __init__(self, *news: list[Flight] | None) -> None:
        self.news, self.in_flight, self.written = list(news), [FLIGHT], list[EocActive]()
        nothing: Any = SimpleNamespace(info=lambda *_, **__: None)
        self.control = control(Posture.EOC_ACTIVATING, activating_seq=CONTROL_SEQ)
        runtime: Any = SimpleNamespace(
            clock=ManualClock(NOW),
            control=self.control,
            lease_seconds=15.0,
            log=nothing,
            ledger=self,
            projection=self,
            catch_up=self.catch_up,
        )
        flights: Any = SimpleNamespace(before=lambda _seq: self.in_flight)
        nobody: Any = None
        self.activations = Activations(runtime, flights, Wakefulness(), nobody, look=1.0)

    async def catch_up(self) -> None:
        found = self.news.pop(0)
        if found is None:
            raise Unreachable("broker.unreachable", "the broker does not answer", "wait")
        self.in_flight = found

    async def append(self, _subject: str, event: EocActive, **_: Any) -> Any:
        self.written.append(event)
        return SimpleNamespace(seq=9)

    async def at_least(self, _seq: int) -> None:
        """It is folded."""


async def completed(world: CutOff) -> EocActive:
    await world.activations.complete(world.control)
    [event] = world.written
    return event


async def test_what_was_answered_while_this_process_was_cut_off_is_not_named() -> None:
    """Found by the simulation, seed 920438: it named a post whose own worker had said long ago how it ended."""
    assert (await completed(CutOff([]))).unknown is None


async def test_what_nobody_answered_is_named_once_the_ledger_was_asked() -> None:
    world = CutOff(None, [FLIGHT])
    assert (await completed(world)).unknown == (FLIGHT.named,)
    assert not world.news
