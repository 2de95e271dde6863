"""Whether a new attempt may begin now: the host's breaker, the profile's credential, and the quota.

Whoever is not let through waits without an attempt on record, so that a host that is away, or a token that was
revoked, costs the ledger nothing however long it takes.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping

from schemas import subjects
from schemas.events.authority import Profile
from schemas.events.control import Posture
from schemas.events.deliveries import Delivery
from schemas.events.requests import Request
from services.fanout import retry
from services.fanout.breaker import Stop
from services.fanout.caller import Caller
from services.fanout.connectors.contract import Cause, Connector, Permanent, Posted, PublishResult, Retryable
from services.fanout.credentials import Credentials
from services.fanout.doors import Door, Doors, Visit
from services.fanout.reader import Reader, read
from services.kernel.service import RetryLater, Runtime

LONGEST_WAIT = 5.0
"""Seconds after which a delivery that waits for a host or its quota is judged anew."""

LOOKED_BEHIND = 32
"""How many deliveries behind a waiting one are looked at."""

IDLE_LOOK_SECONDS = 5.0

_EOC = frozenset({Posture.EOC_ACTIVATING, Posture.EOC_ACTIVE})
_CREDENTIAL = frozenset({Cause.CREDENTIAL, Cause.OWN})


def weight_of(request: Request, platform: str) -> float:
    """Return how much of the quota a request takes on a platform: its parts and its pictures."""
    rendering = next((one for one in request.renderings if one.platform == platform), None)
    content = rendering.content() if rendering is not None else None
    return float(len(content.parts) + len(content.pictures)) if content is not None else 1.0


class Admission:
    """Lets new attempts through; ``credentials`` are those that were refused."""

    def __init__(self, runtime: Runtime, reader: Reader, caller: Caller) -> None:
        self.credentials = Credentials(runtime)
        self._runtime = runtime
        self._reader = reader
        self._caller = caller

    async def enter(
        self, delivery: Delivery, request: Request, profile: Profile, connector: Connector, door: Door, visit: Visit
    ) -> None:
        """Return when a new attempt may begin.

        Raises:
            RetryLater: not now, and why; nothing was sent, and nothing is on record.
        """
        entered = door.ask(profile.id)
        if isinstance(entered, Stop):
            wait = min(entered.seconds, LONGEST_WAIT) * (1.0 + retry.SPREAD * _chance())
            raise RetryLater(wait, f"{door.name} does not answer: {door.breaker.last_reason}")
        if entered.trial or profile.id in self.credentials:
            await self._try_the_door(profile, connector, door, visit)
        await self._pay(delivery, request, profile, door)

    def heard(self, profile: str, result: PublishResult, door: Door) -> bool:
        """Note what a call says of the host and the credential; False: do not try again at once."""
        door.heard(profile, result)
        cause = result.cause if isinstance(result, Retryable) else None
        if cause in _CREDENTIAL and isinstance(result, Retryable):
            self.credentials.lose(profile, result.reason)
            return False
        if isinstance(result, Posted | Permanent):
            self.credentials.found(profile)
        return not door.breaker.is_open

    async def look_after_idle_hosts(self, doors: Doors, connectors: Mapping[str, Connector]) -> None:
        """Ask hosts that are shut, and that nothing waits for, whether they are back: else nobody would find out."""
        while True:
            await asyncio.sleep(IDLE_LOOK_SECONDS)
            for door in doors.idle():
                profile = self._runtime.control.state.profiles.get(door.breaker.last_who)
                connector = connectors.get(profile.platform) if profile is not None else None
                if profile is not None and connector is not None:
                    door.breaker.ask(profile.id, self._runtime.clock.monotonic())
                    door.heard(profile.id, await self._caller.check(connector, profile))
                    door.breaker.gave_up(profile.id)

    async def _try_the_door(self, profile: Profile, connector: Connector, door: Door, visit: Visit) -> None:
        """Ask something harmless first: a trial is to cost no attempt."""
        visit.calling()
        health = await self._caller.check(connector, profile)
        door.heard_of_trial(profile.id, health)
        if health.cause in _CREDENTIAL:
            self.credentials.lose(profile.id, health.detail)
            delay = retry.credential_look(len(self.credentials), _chance())
            raise RetryLater(delay, f"{profile.id} is not let in: {health.detail}")
        if health.cause is not None:
            raise RetryLater(retry.BASE_SECONDS, f"{door.name} does not answer: {health.detail}")
        self.credentials.found(profile.id)

    async def _pay(self, delivery: Delivery, request: Request, profile: Profile, door: Door) -> None:
        """Take from the quota, also from its reserve where it cannot wait; raises RetryLater when it is used up."""
        now, weight = self._runtime.clock.monotonic(), weight_of(request, delivery.platform)
        urgent = self._is_urgent(request)
        wait = door.quota.take(profile.id, now, amount=weight, urgent=urgent)
        if wait > 0 and not urgent and await self._holds_up(delivery):
            # What stands in front of an urgent message would keep it waiting: it goes on the same terms.
            wait = door.quota.take(profile.id, now, amount=weight, urgent=True)
        if wait > 0:
            raise RetryLater(min(wait, LONGEST_WAIT), f"the quota of {door.name} is used up for {wait:.0f} s")

    def _is_urgent(self, request: Request) -> bool:
        return request.crisis or self._runtime.control.state.posture in _EOC

    async def _holds_up(self, delivery: Delivery) -> bool:
        """True when an urgent message waits behind this one on its profile."""
        ledger = self._runtime.ledger
        own = await ledger.last(subjects.delivery(delivery.profile, delivery.request_id))
        after = own.seq if own is not None else 0
        for _ in range(LOOKED_BEHIND):
            entry = await ledger.next(subjects.deliveries_to(delivery.profile), after)
            if entry is None:
                return False
            request = await self._reader.request(read(Delivery, entry).request_id)
            if request is not None and self._is_urgent(request):
                return True
            after = entry.seq
        return False


def _chance() -> float:
    return random.random()  # noqa: S311 - jitter, no secret
