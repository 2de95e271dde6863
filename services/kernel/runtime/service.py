"""What a service's ``wiring`` and handlers work with: one running instance, its ledger, its bus and what it knows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas import flow, streams
from services.kernel.base.city import City
from services.kernel.base.clock import Clock
from services.kernel.control.control_state import ControlState
from services.kernel.fold.ledger_fold import LedgerFold
from services.kernel.fold.state import RequestState
from services.kernel.ledger.client import Ledger
from services.kernel.ledger.integrity.watch import IntegrityWatch
from services.kernel.projection.projection import Projection
from services.kernel.projection.request_entries import state_on
from services.kernel.projection.server_time import present
from services.kernel.projection.snapshots import Snapshots
from services.kernel.projection.source import Source
from services.kernel.runtime.facts import LedgerFacts
from services.kernel.runtime.health import HealthReporter
from services.kernel.runtime.messages.around import Around
from services.kernel.runtime.messages.bus import MessageBus
from services.kernel.runtime.messages.dead_letters import DeadLetterQueue
from services.kernel.runtime.supervisor import Supervisor


@dataclass(frozen=True)
class LookPace:
    """How often services look by the clock, and when what was taken out of a durable is taken up without it; seconds.

    ``sweep``: between two looks of the gate, ``barrier`` of eoc_state, ``look`` of fan-out. ``request``: a request is
    decided within milliseconds of what is new of it.
    ``decision``: by then a person's decision in the hands of a copy that died was handed out again. ``again``: what was
    taken up and still is not finished is taken up again, whoever may hold it.
    """

    sweep: float = 0.5
    barrier: float = 1.0
    look: float = 5.0
    request: float = 5.0
    decision: float = 10.0
    again: float = 60.0


@dataclass
class Runtime:
    """One running service instance; services.kernel.runtime.compose builds it.

    ``snapshots`` is None where the projection is another service's, or none is kept.
    """

    row: flow.Service
    city: City
    instance: str
    clock: Clock
    log: Any
    ledger: Ledger
    source: Source
    projection: Projection
    snapshots: Snapshots | None
    facts: LedgerFacts
    bus: MessageBus
    supervisor: Supervisor
    health: HealthReporter
    watch: IntegrityWatch
    dead_letters: DeadLetterQueue
    around: Around
    lease_seconds: float = streams.LEASE_SECONDS
    looks: LookPace = LookPace()

    @property
    def fold(self) -> LedgerFold:
        """What this service knows of the ledger."""
        return self.facts.known.fold

    @property
    def control(self) -> ControlState:
        """The state of control as this service knows it."""
        return self.facts.known.fold.control

    @property
    def orders(self) -> dict[str, int]:
        """The orders that were carried out: their hash, and where each is."""
        return self.fold.orders

    def present(self) -> datetime:
        """Return the time to decide by, in UTC: as ``kernel.projection.server_time.present``."""
        return present(self.clock, self.projection.newest)

    def alarm(self, said: str, **about: Any) -> None:
        """Say aloud that something was noticed that no service of ours does: in the log, and by the heartbeat."""
        self.log.error(f"ALARM: {said}", **about)
        self.ledger.alarms.add(said)

    async def state_on(self, request_id: str, profile: str) -> RequestState | None:
        """Return what stands of a request on one profile, also when it has left memory; raises Unreachable."""
        return await state_on(request_id, profile, self.fold, self.projection, self.clock.monotonic())

    async def catch_up(self) -> ControlState:
        """Learn what the ledger has now; return the state of control. Raises Unreachable."""
        return await self.facts.catch_up()

    async def at_least(self, seq: int) -> ControlState:
        """Know what is there up to a sequence of ``ledger.control``; return the state. Raises Unreachable."""
        return await self.facts.at_least(seq)
