"""What one service instance says of itself, again and again: that it lives, what it has seen, what troubles it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from importlib.metadata import version

from schemas import flow
from schemas.events.broadcasts import ProfileBudget, ProfileTrouble
from schemas.events.desk import ServiceHealth
from schemas.events.shown import PostWait
from services.kernel.base.alarms import Alarms
from services.kernel.base.clock import Clock
from services.kernel.ledger.integrity.watch import IntegrityWatch
from services.kernel.measures.catalogue import Measure
from services.kernel.projection.projection import Projection
from services.kernel.runtime.facts import LedgerFacts
from services.kernel.runtime.messages.bus import MessageBus

HEARTBEAT_SECONDS = 2.0
FIRST_HEARTBEAT_SECONDS = 0.3
_VERSION = version("onevoice")


class HealthReporter:
    """The heartbeat.

    ``trouble`` and ``troubles`` (by key) are what a person should know, as is what ``not_stored`` says of the newest
    append; ``waits`` returns what posts wait for, ``waiting`` how many do in all, ``profiles`` which could not be
    posted to, ``budgets`` what is left for their posts, ``measures`` return what the service itself measures
    (services.kernel.measures).
    """

    def __init__(
        self,
        row: flow.Service,
        instance: str,
        clock: Clock,
        bus: MessageBus,
        facts: LedgerFacts,
        projection: Projection,
        watch: IntegrityWatch,
        alarms: Alarms,
    ) -> None:
        self.trouble: str | None = None
        self.troubles: dict[str, str] = {}
        self.not_stored: Callable[[], str] = str
        self.waits: Callable[[], tuple[PostWait, ...]] = tuple
        self.waiting: Callable[[], int] = int
        self.profiles: Callable[[], tuple[ProfileTrouble, ...]] = tuple
        self.budgets: Callable[[], tuple[ProfileBudget, ...]] = tuple
        self.measures: list[Callable[[], Iterable[Measure]]] = []
        self._row, self._instance, self._clock, self._bus = row, instance, clock, bus
        self._facts, self._projection, self._watch, self._alarms = facts, projection, watch, alarms

    async def publish(self) -> None:
        """Say that this instance lives, and which control revision it has seen."""
        state = self._facts.control
        await self._bus.publish(
            self._row.heartbeat,
            ServiceHealth(
                service=self._row.name,
                instance=self._instance,
                at=self._clock.now(),
                control_seq=state.seq,
                posture=state.posture if state.seq else None,
                version=_VERSION,
                trouble="; ".join(self.all_troubles()) or None,
                waits=self.waits(),
                waiting=self.waiting() or None,
                profiles=self.profiles() or None,
                budgets=self.budgets() or None,
            ),
        )

    async def run(self) -> None:
        """Say it until cancelled; quicker at first: a board that starts a moment later is to know of everybody soon."""
        pause = FIRST_HEARTBEAT_SECONDS
        while True:
            if not self._row.folds:
                await self._facts.catch_up()
            await self.publish()
            await asyncio.sleep(pause)
            pause = min(pause * 1.25, HEARTBEAT_SECONDS)

    def all_troubles(self) -> list[str]:
        """Return what a person should know, in sentences."""
        found = [
            self._alarms.in_words(),
            self.not_stored(),
            self.trouble or self._watch.trouble,
            *self.troubles.values(),
        ]
        projection = self._projection
        if projection.void_count:
            seq, reason = projection.voids[-1]
            found.append(f"{projection.void_count} entries of the ledger are void, the newest at {seq}: {reason}")
        return [one for one in found if one]
