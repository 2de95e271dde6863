"""Tells services, and people who watch, which posture is in force and what of it has to be looked at."""

from __future__ import annotations

import asyncio

from schemas import subjects
from schemas.events.broadcasts import EocBroadcast, LatePost
from services.kernel.control.control_state import ControlState
from services.kernel.runtime.flights import Flights
from services.kernel.runtime.service import Runtime

LOOK_SECONDS = 1.0


class PostureBroadcast:
    """Broadcasts the posture. ``flights``: the posts that may still land."""

    def __init__(self, runtime: Runtime, flights: Flights) -> None:
        self._runtime = runtime
        self._flights = flights
        self._told: tuple[LatePost, ...] = ()

    async def publish(self, state: ControlState) -> None:
        """Broadcast a state of control, and this service's heartbeat behind it."""
        await self._runtime.bus.publish(
            subjects.EOC_STATE,
            EocBroadcast(
                at=self._runtime.clock.now(),
                posture=state.posture,
                level=state.level,
                incident=state.incident,
                control_seq=state.seq,
                hold=state.hold,
                in_flight=self._flights.in_flight(state),
                unknown=self._flights.unknown(state),
                late_posts=self._flights.late_posts(state),
            ),
        )
        await self._runtime.health.publish()

    async def keep_late_posts_told(self) -> None:
        """Broadcast when a post has turned out to be public that was taken back, or was unknown; without end.

        What could not be told is told when this is begun again.
        """
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            found = self._flights.late_posts(self._runtime.control)
            if found != self._told:
                await self.publish(self._runtime.control)
                self._told = found
