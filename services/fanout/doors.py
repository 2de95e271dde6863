"""The way to each platform host: lanes, quota and breaker, and what is told of them.

The lanes bound how many calls are under way at one host. A call that takes long moves to the slow lane and gives its
place back, so that sick profiles keep no healthy one waiting: as many as the slow lane has room for.
"""

from __future__ import annotations

import asyncio

from schemas.events.authority import Profile
from schemas.events.deliveries import Delivery
from services.fanout.breaker import Breaker, Pass, Stop
from services.fanout.connectors.contract import (
    Absent,
    Cause,
    Health,
    Permanent,
    Posted,
    PublishResult,
    ReconcileResult,
)
from services.fanout.limits import HostLimit, Quota, host_of, limit_of
from services.fanout.turns import Turn
from services.kernel.service import Runtime

SLOW_AFTER = 0.5
"""Seconds after which a platform call counts as slow."""


Said = PublishResult | ReconcileResult | Health
"""Whatever a call to a platform ends with."""


class Lanes:
    """The places at one host."""

    def __init__(self, limit: HostLimit) -> None:
        self.fast = asyncio.Semaphore(limit.at_once)
        self.slow_left = limit.slow


class Door:
    """One host."""

    def __init__(self, name: str, limit: HostLimit, runtime: Runtime) -> None:
        self.name = name
        self.lanes = Lanes(limit)
        self.quota = Quota(limit)
        self.breaker = Breaker()
        self._runtime = runtime

    def ask(self, profile: str) -> Pass | Stop:
        """Return whether a new attempt for a profile may be made now."""
        return self.breaker.ask(profile, self._runtime.clock.monotonic())

    def heard(self, profile: str, said: Said) -> None:
        """Note what a call says of the host: it failed, or it lives."""
        cause = _cause(said)
        if cause is Cause.HOST:
            self._failed(profile, _reason(said))
        elif cause is not Cause.OWN and self.breaker.answered(profile):
            self._runtime.log.warning("the host answers again", host=self.name)
        self._tell()

    def heard_of_trial(self, profile: str, said: Health) -> None:
        """Note what a harmless question said: that it failed counts, that it was answered is no proof for posts yet."""
        if _cause(said) is Cause.HOST:
            self.heard(profile, said)

    def _failed(self, profile: str, reason: str) -> None:
        if self.breaker.failed(profile, self._runtime.clock.monotonic(), reason):
            self._runtime.log.error("the host does not answer, deliveries to it wait", host=self.name, reason=reason)

    def _tell(self) -> None:
        key = f"host {self.name}"
        if not self.breaker.is_open:
            self._runtime.troubles.pop(key, None)
            return
        self._runtime.troubles[key] = (
            f"{self.name} does not answer ({self.breaker.failures} failures in a row, the last at "
            f"{self._runtime.clock.now():%H:%M:%S} UTC: {self.breaker.last_reason}); deliveries to it wait"
        )


def _cause(said: Said) -> Cause | None:
    """Return whose trouble it is, None for a sign of life; what does not show that the host was asked is our own."""
    if isinstance(said, Posted | Absent):
        return None
    if isinstance(said, Permanent):
        return Cause.OWN
    if isinstance(said, Health) and said.ok:
        return None
    return said.cause or Cause.OWN


def _reason(said: Said) -> str:
    return said.detail if isinstance(said, Health) else getattr(said, "reason", "")


class Visit:
    """One delivery's place at a host, and its turn at the ledger: ``async with door_visit as visit``."""

    def __init__(self, door: Door, profile: str, turns: asyncio.Semaphore) -> None:
        self._door = door
        self._profile = profile
        self._turn = Turn(turns)
        self._timer: asyncio.TimerHandle | None = None
        self._slow = False

    async def __aenter__(self) -> Visit:
        await self._door.lanes.fast.acquire()
        try:
            await self._turn.__aenter__()
        except BaseException:
            self._door.lanes.fast.release()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._turn.over()
        self._door.breaker.gave_up(self._profile)
        if self._timer is not None:
            self._timer.cancel()
        if self._slow:
            self._door.lanes.slow_left += 1
        else:
            self._door.lanes.fast.release()

    def calling(self) -> None:
        """Say that the platform is called from now on: the turn ends, and the place is kept while it is quick."""
        self._turn.over()
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SLOW_AFTER, self._step_aside)

    def _step_aside(self) -> None:
        lanes = self._door.lanes
        if lanes.slow_left > 0:
            lanes.slow_left -= 1
            lanes.fast.release()
            self._slow = True
        else:
            self._timer = asyncio.get_running_loop().call_later(SLOW_AFTER, self._step_aside)


class Doors:
    """The doors of all hosts."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._doors: dict[str, Door] = {}

    def of(self, delivery: Delivery) -> Door:
        """Return the door of a delivery's profile."""
        profile = self._runtime.control.state.profiles.get(delivery.profile)
        return self.of_profile(profile) if profile else self._door(delivery.platform, delivery.platform)

    def idle(self) -> list[Door]:
        """Return the hosts that are shut although nothing waits for them: nobody would find out that they are back."""
        now = self._runtime.clock.monotonic()
        return [door for door in self._doors.values() if door.breaker.is_idle(now)]

    def of_profile(self, profile: Profile) -> Door:
        """Return the door that a profile's posts go through."""
        return self._door(profile.platform, host_of(profile))

    def _door(self, platform: str, host: str) -> Door:
        door = self._doors.get(host)
        if door is None:
            door = self._doors[host] = Door(host, limit_of(platform, host), self._runtime)
        return door
