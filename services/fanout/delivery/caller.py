"""Calls a platform within a lease: what may be repeated is repeated, what is unknown is looked for."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from enum import Enum

from schemas.events.authority import Profile
from schemas.events.requests import Request
from services.fanout.connectors.calls.observing import ObservedAnswers
from services.fanout.connectors.calls.sockets import within
from services.fanout.connectors.contract import (
    Absent,
    CannotTell,
    Cause,
    Connector,
    FetchMedia,
    HandedOver,
    Health,
    Intent,
    Permanent,
    Posted,
    PublishResult,
    ReadBackResult,
    ReadsBack,
    ReconcileResult,
    Retryable,
    Unknown,
)
from services.fanout.domain import retry
from services.fanout.domain.reported_quota import PlatformAnswer, ReportedQuota, reported_by
from services.kernel.authority.post_authorization import content_of, rendering_for
from services.kernel.base.clock import Clock
from services.kernel.runtime.service import Runtime

CHECK_SECONDS = 5.0
"""How long a platform may take to say whether a profile is let in."""

ANSWER_MARGIN = 0.1
"""The part of the lease that is kept for writing the receipt."""

MOMENT = 0.01
"""Seconds by which a connector may take its call's end for later than it is: it is done by more than that before."""

LOOKS = 4
"""How often a platform is asked at once for a post whose call had no clear answer."""


@dataclass(frozen=True)
class NotAttempted:
    """Nothing was sent, and why. ``late``: only because this process came too late to the call."""

    reason: str
    late: bool = False


Authorize = Callable[[], Awaitable[NotAttempted | None]]
"""Asks once more, right before each call, whether it may be posted by what the ledger holds now; None: it may."""


class AfterAnswer(Enum):
    """Whether an answer that says "not posted, may be tried again" is followed by another call of the same attempt."""

    MAY_REPEAT = "may repeat"
    LEAVE_IT = "leave it"
    """The host does not answer, or does not let the profile in: the next call would end in the same way."""


OnAnswer = Callable[[PublishResult], AfterAnswer]
"""Hears each answer of the platform."""


class Lease:
    """Measures the age of an attempt from before it was appended, in boot-time seconds: they go on while the process or
    the machine sleeps.
    """

    def __init__(self, clock: Clock, length: float) -> None:
        self.length = length
        self._clock = clock
        self._began = clock.monotonic()

    def age(self) -> float:
        """Return the seconds since the attempt was begun."""
        return self._clock.monotonic() - self._began

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
        content=content_of(rendering),
        rendering_sha256=rendering.sha256,
        idempotency_key=key,
        author_time=request.at,
        call_timeout=timeout,
        repeat=repeat,
    )


class Caller:
    """Calls connectors. An exception out of a connector is a bug of it, and counts as an unknown outcome.

    ``on_reported`` hears what a platform says is left of a profile's quota.
    """

    def __init__(self, runtime: Runtime, fetch_media: FetchMedia) -> None:
        self._log, self._clock = runtime.log, runtime.clock
        self._fetch_media = fetch_media
        self.on_reported: Callable[[Profile, ReportedQuota], None] = lambda _profile, _reported: None

    async def publish(
        self, connector: Connector, intent: Intent, lease: Lease, authorize: Authorize, on_answer: OnAnswer
    ) -> PublishResult | NotAttempted:
        """Post it, if it may be posted; repeat within the first part of the lease what surely was not posted.

        Each end names the beginning of a thread that an earlier call left, whatever comes after it. Once a call was
        made, its answer is what is returned, also where the next one may not be made any more.
        """
        refused = await authorize() or self._too_late(lease)
        if refused is not None:
            return refused
        tries, begun = 0, None
        while True:
            tries += 1
            with ObservedAnswers() as answers:
                answer = await self._call(connector, intent, lease)
            self._report_quota(intent.profile, answers)
            if on_answer(answer) is AfterAnswer.LEAVE_IT or not isinstance(answer, Retryable):
                return _with(begun, await self._resolved(connector, intent, lease, answer))
            begun = answer.begun or begun
            answer = replace(answer, begun=begun)
            intent = replace(intent, repeat=intent.repeat or begun is not None)  # its beginning is looked for
            pause = _pause(answer, tries)
            if not retry.may_start(lease.age() + pause, lease.length):
                return answer
            await asyncio.sleep(pause)
            refused = await authorize()
            if refused is not None:
                return replace(answer, reason=f"{answer.reason}; {refused.reason}")
            if not lease.may_start():
                return answer

    def _too_late(self, lease: Lease) -> NotAttempted | None:
        if lease.may_start():
            return None
        return NotAttempted(f"the call would have begun {lease.age():.1f} s after its attempt", late=True)

    async def _resolved(
        self, connector: Connector, intent: Intent, lease: Lease, result: PublishResult
    ) -> PublishResult:
        """Look for a post whose call had no clear answer, while its lease lasts."""
        if isinstance(result, Unknown):
            return await self._find(connector, intent, lease) or result
        return result

    async def look(self, connector: Connector, intent: Intent) -> ReconcileResult:
        """Ask the platform whether it is there, without posting anything."""
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

    async def read_back(self, connector: ReadsBack, intent: Intent, remote_id: str) -> ReadBackResult:
        """Look whether a delivered post is still there."""
        try:
            async with asyncio.timeout(intent.call_timeout):
                return await connector.read_back(intent, remote_id)
        except TimeoutError:
            return CannotTell("the platform did not answer in time", Cause.HOST)
        except Exception as error:  # noqa: BLE001 - a connector's bug must not end the looking
            self._log.exception("the connector failed")
            return CannotTell(f"the connector failed: {type(error).__name__}")

    def _report_quota(self, profile: Profile, answers: list[PlatformAnswer]) -> None:
        """Pass on what the platform says is left of the account's quota."""
        reported = reported_by(profile.platform, answers, self._clock.now())
        if reported is not None:
            self.on_reported(profile, reported)

    async def _call(self, connector: Connector, intent: Intent, lease: Lease) -> PublishResult:
        timeout = lease.left()
        if intent.call_timeout > timeout + MOMENT:
            intent = replace(intent, call_timeout=timeout)
        try:
            with within(lease.left):
                async with asyncio.timeout(timeout):
                    return await connector.publish(intent, self._fetch_media)
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


def _with(begun: Posted | None, result: PublishResult) -> PublishResult:
    """Return what a call ended with, and what an earlier one left, where it does not say that itself."""
    if isinstance(result, Retryable | Permanent) and result.begun is None:
        return replace(result, begun=begun)
    if isinstance(result, HandedOver) and begun is not None:
        return replace(result, reason=f"{result.reason}; it begins at {begun.url}")
    return result


def _pause(result: Retryable, tries: int) -> float:
    pause = retry.soon_limited if result.cause is Cause.LIMIT else retry.soon
    return pause(result.after, tries, random.random())  # noqa: S311 - jitter, no secret
