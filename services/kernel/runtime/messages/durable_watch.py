"""Looks whether the durables are there: a deleted one is fetched from thousands of times a second, in silence."""

from __future__ import annotations

import asyncio

from nats.js.errors import NotFoundError

from services.kernel.base.errors import Drift
from services.kernel.ledger.client import Ledger
from services.kernel.runtime.messages.bus import Routes
from services.kernel.runtime.supervisor import Supervisor

CHECK_SECONDS = 10.0


class DurableWatch:
    """Stops a service whose durable is gone."""

    def __init__(self, ledger: Ledger, routes: Routes, supervisor: Supervisor, seconds: float = CHECK_SECONDS) -> None:
        self._ledger, self._routes, self._supervisor, self._seconds = ledger, routes, supervisor, seconds

    async def run(self) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(self._seconds)
            for route in self._routes:
                consumer = route.consumer
                try:
                    await self._ledger.js.consumer_info(consumer.stream, consumer.durable)
                except NotFoundError:
                    gone = f"the durable {consumer.durable} is gone"
                    self._supervisor.fail(Drift("broker.drift", gone, "onevoice provision"))
                    return
