"""What connectors have alike whose platform knows no key: what it would not take is refused, the rest posted once."""

from __future__ import annotations

from abc import abstractmethod

from schemas.platforms import LIMITS, overrun
from services.fanout.connectors.calls.single_flight import SingleFlight
from services.fanout.connectors.contract import (
    Connector,
    FetchMedia,
    Health,
    Intent,
    Permanent,
    PublishResult,
    Retryable,
    Unknown,
)
from services.kernel.base.clock import Clock, SystemClock

SHARE = 0.95
"""The part of a call's time that is used, so that the answer comes before the caller gives up."""
CHECK_SECONDS = 9.0


class OneAtATime(Connector):
    """Makes one call of a key at a time; who asks for it meanwhile, or again, gets that call's result."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._flights = SingleFlight()

    async def publish(self, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        """Post it, unless the platform would not take it, or this process knows that it is there."""
        refused = self._why_refused(intent)
        if refused is not None:
            return Permanent(refused)
        return await self._flights.publish(intent, lambda: self._publish(intent, fetch_media))

    @abstractmethod
    async def _publish(self, intent: Intent, fetch_media: FetchMedia) -> PublishResult:
        """Enter, look for it where it may stand already, and post what is missing."""

    def _why_refused(self, intent: Intent) -> str | None:
        """Say why it is not even tried; None where it is."""
        return too_much(intent)


def too_much(intent: Intent) -> str | None:
    """Say what the platform would not take, before any of it is sent."""
    limits = LIMITS[intent.profile.platform]
    if intent.content.answers is not None or intent.follows:
        limits = limits.to_answer()
    for number, part in enumerate(intent.content.parts, 1):
        too_long = overrun(part, limits)
        if too_long is not None:
            return f"part {number}: the platform {too_long}"
    if len(intent.content.parts) > 1 and not limits.thread:
        return "the platform takes no threads"
    if len(intent.content.pictures) > limits.pictures:
        return f"{len(intent.content.pictures)} pictures, the platform takes {limits.pictures}"
    return None


def unhealthy(result: Retryable | Permanent | Unknown) -> Health:
    """Return that a profile cannot be posted to, from what a harmless call came to."""
    return Health(False, result.reason, None if isinstance(result, Permanent) else result.cause)
