"""The simulator's platform as a harness: what it proves is about connectors only if its own one keeps the contract."""

from __future__ import annotations

from random import Random
from typing import Any, cast

from schemas.events.authority import Profile
from services.fanout.connectors.contract import Connector
from tests.integration.connectors.harnesses import Seen, a_profile
from tests.simulation.platforms import Platforms, SimConnector
from tests.simulation.realtime import LivingProcess, RealTimeLoop


class SimulatedHarness:
    """A simulated platform that honours keys, on the running loop's real time."""

    def __init__(self) -> None:
        self.place = Platforms(cast(Any, RealTimeLoop()), Random(1), lambda _who, _what: None)
        self.place.keyed = True
        self.connector: Connector = self.restart()

    def restart(self) -> Connector:
        return SimConnector("simulated", self.place, cast(Any, LivingProcess()))

    def profile(self, name: str) -> Profile:
        return a_profile(name, "simulated")

    async def stands(self, profile: Profile) -> list[Seen]:
        found = []
        for post in reversed(self.place.posts):
            if post.profile == profile.id and post.number not in self.place.vanished and post.content is not None:
                alts = tuple(picture.alt for picture in post.content.pictures)
                found.append(Seen("\n\n".join(post.content.parts), alts))
        return found

    async def misbehave(self, kind: str, seconds: int = 0, on: str = "post", calls: int = 1) -> None:
        raise NotImplementedError("the simulation says how it misbehaves")

    async def close(self) -> None:
        await self.connector.close()
