"""Calls a platform within a lease: what may be repeated is repeated, what is unknown is looked for."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime

from tenacity import AsyncRetrying, RetryCallState, retry_if_result

from schemas.events.authority import Profile
from schemas.events.requests import Request
from services.fanout import retry
from services.fanout.connectors.contract import (
    Absent,
    CannotTell,
    Cause,
    Connector,
    FetchMedia,
    Health,
    Intent,
    Posted,
    PublishResult,
    ReadsBack,
    ReconcileResult,
    Retryable,
    Unknown,
)
from services.kernel.clock import Clock
from services.kernel.service import Runtime
from services.kernel.warrant import rendering_for

CHECK_SECONDS = 5.0
"""How long a platform may take to say whether a profile is let in."""

ANSWER_MARGIN = 0.1
"""The part of the lease that is kept for writing the receipt."""

LOOKS = 4
"""How often a platform is asked at once for a post whose call had no clear answer."""


@dataclass(frozen=True)
class Held:
    """Nothing was sent, and why. ``late``: only because this process came too late to the call."""

    reason: str
    late: bool = False


Warranted = Callable[[], Awaitable[Held | None]]
"""Asks once more whether it may be posted, right before a call; None: it may."""


Heard = Callable[[PublishResult], bool]
"""Hears each answer of the platform; False: do not try again at once."""


class Lease:
    """Measures the age of an attempt from before it was appended, in seconds.

    By two clocks, and the older counts: one goes on while the process is stopped, the other while the machine is.
    """

    def __init__(self, clock: Clock, length: float) -> None:
        self.length = length
        self._clock = clock
        self._ticks = clock.monotonic()
        self._began: datetime = clock.now()

    def age(self) -> float:
        """Return the seconds since the attempt was begun."""
        wall = (self._clock.now() - self._began).total_seconds()
        return max(self._clock.monotonic() - self._ticks, wall)

    def left(self) -> float:
        """Return the seconds that a call may still last."""
        return self.length * (1 - ANSWER_MARGIN) - self.age()

    def may_start(self) -> bool:
        """True while a call may start."""
        return retry.may_start(self.age(), self.length)


def intent_of(request: Request, profile: Profile, key: str, timeout: float, *, repeat: bool = False) -> Intent:
    """Return the intent to post a request's rendering to a profile; ``repeat``: not for the first time.

    Raises:
        LookupError: the request has no rendering for the profile's platform.
    """
    rendering = rendering_for(request, profile.platform)
    if rendering is None:
        raise LookupError(f"{request.request_id} has no rendering for {profile.platform}")
    return Intent(
        request_id=request.request_id,
        revision=request.revision,
        profile=profile,
        content=rendering.content(),
        rendering_sha256=rendering.sha256,
        idempotency_key=key,
        author_time=request.at,
        call_timeout=timeout,
        repeat=repeat,
    )


class Caller:
    """Calls connectors. An exception out of a connector is a bug of it, and counts as an unknown outcome."""

    def __init__(self, runtime: Runtime, fetch_media: FetchMedia) -> None:
        self._log = runtime.log
        self._fetch_media = fetch_media

    async def publish(
        self, connector: Connector, intent: Intent, lease: Lease, warranted: Warranted, heard: Heard
    ) -> PublishResult | Held:
        """Post it, if it is warranted; repeat within the first part of the lease what surely was not posted."""

        answers: list[PublishResult] = []
        go_on = True

        async def once() -> PublishResult | Held:
            nonlocal go_on
            held = await warranted()
            if held is not None:
                return held
            if not lease.may_start():
                late = Held(f"the call would have begun {lease.age():.1f} s after its attempt", late=True)
                return answers[-1] if answers else late
            answers.append(await self._call(connector, intent, lease))
            go_on = heard(answers[-1])
            return answers[-1]

        result: PublishResult | Held = await AsyncRetrying(
            retry=retry_if_result(lambda result: go_on and isinstance(result, Retryable)),
            wait=_wait,
            stop=lambda state: not retry.may_start(lease.age() + state.upcoming_sleep, lease.length),
            retry_error_callback=_last_result,
        )(once)
        if isinstance(result, Unknown):
            return await self._find(connector, intent, lease) or result
        return result

    async def look(self, connector: Connector, intent: Intent) -> ReconcileResult:
        """Ask the platform whether it stands, without posting anything."""
        try:
            async with asyncio.timeout(intent.call_timeout):
                return await connector.reconcile(intent)
        except TimeoutError:
            return CannotTell("the platform did not answer in time", Cause.HOST)
        except Exception as error:  # noqa: BLE001 - a connector's bug must not lose the attempt
            self._log.exception("the connector failed", platform=connector.platform)
            return CannotTell(f"the connector failed: {type(error).__name__}")

    async def check(self, connector: Connector, profile: Profile) -> Health:
        """Ask whether a profile can be posted to, without posting anything."""
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                return await connector.check(profile)
        except TimeoutError:
            return Health(False, "the platform did not answer in time", Cause.HOST)
        except Exception as error:  # noqa: BLE001 - a connector's bug must not lose the delivery
            self._log.exception("the connector failed", platform=connector.platform)
            return Health(False, f"the connector failed: {type(error).__name__}")

    async def read_back(self, connector: ReadsBack, intent: Intent, remote_id: str) -> ReconcileResult:
        """Look whether a delivered post still stands."""
        try:
            async with asyncio.timeout(intent.call_timeout):
                return await connector.read_back(intent, remote_id)
        except TimeoutError:
            return CannotTell("the platform did not answer in time", Cause.HOST)
        except Exception as error:  # noqa: BLE001 - a connector's bug must not end the looking
            self._log.exception("the connector failed")
            return CannotTell(f"the connector failed: {type(error).__name__}")

    async def _call(self, connector: Connector, intent: Intent, lease: Lease) -> PublishResult:
        timeout = lease.left()
        try:
            async with asyncio.timeout(timeout):
                return await connector.publish(replace(intent, call_timeout=timeout), self._fetch_media)
        except TimeoutError:
            return Unknown(f"no answer within {timeout:.1f} s", Cause.HOST)
        except Exception as error:  # noqa: BLE001 - it may have posted before it failed
            self._log.exception("the connector failed", platform=connector.platform)
            return Unknown(f"the connector failed: {type(error).__name__}")

    async def _find(self, connector: Connector, intent: Intent, lease: Lease) -> Posted | None:
        """Look for a post whose call had no clear answer. That it is not there yet proves nothing before the end."""
        for number in range(1, LOOKS + 1):
            left = lease.left()
            if left <= 0:
                return None
            found = await self.look(connector, replace(intent, call_timeout=left))
            if isinstance(found, Posted):
                return found
            pause = retry.soon(None, number, random.random())  # noqa: S311 - jitter, no secret
            if not isinstance(found, Absent) or lease.left() <= pause:
                return None
            await asyncio.sleep(pause)
        return None


def _wait(state: RetryCallState) -> float:
    result = _last_result(state)
    after = result.after if isinstance(result, Retryable) else None
    wait = retry.soon_limited if isinstance(result, Retryable) and result.cause is Cause.LIMIT else retry.soon
    return wait(after, state.attempt_number, random.random())  # noqa: S311 - jitter, no secret


def _last_result(state: RetryCallState) -> PublishResult | Held:
    if state.outcome is None:
        return Unknown("there was no answer")
    result: PublishResult | Held = state.outcome.result()
    return result
